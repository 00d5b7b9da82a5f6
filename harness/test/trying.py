"""What the tests of `spanbench try` share."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
from driving import ROOT, SPANBENCH, DriverTest, run

MIB = 1 << 20
PYTHON = "/usr/bin/python3"
SCHEMA = json.loads((ROOT / "results" / "program.schema.json").read_text())


def processes_with(marker: str) -> list[str]:
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if marker.encode() in path.read_bytes():
                found.append(str(path))
        except OSError:
            pass
    return found


def parts_of(driver: int) -> list[int]:
    """The front, the guard, and the worker (harness/support/guard.h)."""
    chain = [driver]
    for _ in range(2):
        children = Path(f"/proc/{chain[-1]}/task/{chain[-1]}/children").read_text().split()
        chain.append(int(children[0]))
    return chain


class TryTest(DriverTest):
    def start(self, *words: Any, options: tuple[Any, ...] = (), rows: str = "system") -> list[str]:
        fixed = ("--out", self.out, "--allocators", rows, "--timeout", 60)
        command = [SPANBENCH, "try", *fixed, *options, "--", *words]
        return [str(word) for word in command]

    def attempt(
        self, *words: Any, options: tuple[Any, ...] = ("--runs", 1, "--quiet"), rows: str = "system"
    ) -> subprocess.CompletedProcess[str]:
        return run(*self.start(*words, options=options, rows=rows))

    def program(self) -> Any:
        document = json.loads((self.out / "latest-try" / "program.json").read_text())
        jsonschema.validate(document, SCHEMA)
        self.assertEqual(document["schema"], 1)
        return document

    def script(self, text: str, name: str = "program") -> Path:
        path = self.directory / name
        path.write_text(text)
        path.chmod(0o755)
        return path

    def cause(self, row: str = "system") -> Any:
        (found,) = [r["cause"] for r in self.program()["rows"] if r["name"] == row]
        return found

    def cause_of(self, *words: Any, options: tuple[Any, ...] = ()) -> Any:
        """Of a program that does not end well."""
        result = self.attempt(*words, options=("--runs", 1, "--quiet", *options))
        self.assertEqual(result.returncode, 1, result.stderr)
        cause = self.cause()
        self.assertIn(cause, result.stderr)
        return cause
