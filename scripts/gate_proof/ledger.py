"""What a proof has measured so far: one JSON file, written anew after each record, so that whatever
interrupts the proof loses at most the run that was under way.

A ledger belongs to one library, one gate and one harness: numbers of different ones are not added up.
If a key was moved by hand, for a change that no measurement depends on, a record `rekeyed` says why.
Each record says on what machine it was measured.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Mapping, Optional

import stored_file
from gate.findings import Refusal

SCHEMA = 2
Record = dict[str, Any]


class Ledger:
    """Without a key it is read only, and belongs to whatever it was begun with."""

    def __init__(
        self,
        file: Path,
        key: Optional[Mapping[str, str]],
        machine: Optional[Mapping[str, str]] = None,
    ) -> None:
        self.file = file
        self.key = dict(key or {})
        self.machine = dict(machine or {})
        self.is_read_only = key is None
        self.kinds: dict[str, list[Record]] = {}
        if file.exists():
            self.read()

    def read(self) -> None:
        try:
            document = json.loads(self.file.read_text(encoding="utf-8"))
            schema, key, kinds = (
                document["schema"],
                dict(document["key"]),
                dict(document["records"]),
            )
        except (OSError, *stored_file.SPOILED) as problem:
            raise Refusal(f"{self.file} is no ledger of a proof: {problem!r}") from problem
        if schema != SCHEMA:
            raise Refusal(f"{self.file} is of another version; move it away to begin anew")
        if self.is_read_only:
            self.key = {str(name): str(value) for name, value in key.items()}
        names = sorted(n for n in {*key, *self.key} if key.get(n) != self.key.get(n))
        if names:
            raise Refusal(
                f"{self.file} was begun with another {', '.join(names)}; its numbers and those of "
                "now do not add up. Move it away to begin anew"
            )
        self.kinds = {str(kind): list(records) for kind, records in kinds.items()}

    def machines(self) -> list[Record]:
        found: list[Record] = []
        for record in (r for records in self.kinds.values() for r in records):
            if record["machine"] not in found:
                found.append(record["machine"])
        return found

    def of(self, kind: str) -> list[Record]:
        return self.kinds.get(kind, [])

    def add(self, kind: str, record: Record) -> None:
        assert not self.is_read_only
        self.kinds.setdefault(kind, []).append({**record, "machine": self.machine})
        document = {"schema": SCHEMA, "key": self.key, "records": self.kinds}
        self.file.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps(document, indent=1, allow_nan=False) + "\n"
        stored_file.write(self.file, text.encode())
