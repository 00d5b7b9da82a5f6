"""What a proof has measured so far: one JSON file, written anew after each record, so that whatever
interrupts the proof loses at most the run that was under way.

A ledger belongs to one library, one gate and one harness: numbers of different ones are not added up.
If a key is moved by hand, for a change that no measurement depends on (proof.py --rekey), a record
`rekeyed` says why.
Each record says on what machine it was measured.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Mapping, Optional

import stored_file
from gate.findings import Refusal

SCHEMA = 2
MOVABLE = ("gate", "harness")  # parts of a key, by hand
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
            raise Refusal(f"{self.file} is not a ledger of a proof: {problem!r}") from problem
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
        measured = [records for kind, records in self.kinds.items() if kind != "rekeyed"]
        for record in (r for records in measured for r in records):
            if record["machine"] not in found:
                found.append(record["machine"])
        return found

    def of(self, kind: str) -> list[Record]:
        return self.kinds.get(kind, [])

    def add(self, kind: str, record: Record) -> None:
        assert not self.is_read_only
        self.kinds.setdefault(kind, []).append({**record, "machine": self.machine})
        self.save()

    def rekey(self, key: Mapping[str, str], machine: Mapping[str, str], why: str) -> list[Record]:
        """What was measured holds for another key as well: somebody says so. Takes a ledger that was
        read without a key. Each part that moves has a record that says why."""
        assert self.is_read_only
        if not why.strip():
            raise Refusal("a key is moved for a reason, and that one is empty")
        if not self.key:
            raise Refusal(f"{self.file} is not there: nothing was measured yet")
        names = sorted(n for n in {*key, *self.key} if key.get(n) != self.key.get(n))
        fixed = [n for n in names if n not in MOVABLE or n not in key or n not in self.key]
        if fixed:
            raise Refusal(
                f"another {', '.join(fixed)} must be measured anew: only {' and '.join(MOVABLE)} can "
                "change in what no measurement depends on"
            )
        if not names:
            raise Refusal(f"{self.file} has the key of now already")
        moved: list[Record] = [
            {"what": n, "from": self.key[n], "to": key[n], "why": why} for n in names
        ]
        records: list[Record] = [{**record, "machine": dict(machine)} for record in moved]
        self.kinds.setdefault("rekeyed", []).extend(records)
        self.key = dict(key)
        self.save()
        return moved

    def save(self) -> None:
        document = {"schema": SCHEMA, "key": self.key, "records": self.kinds}
        self.file.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps(document, indent=1, allow_nan=False) + "\n"
        stored_file.write(self.file, text.encode())
