#!/usr/bin/python3
"""Checks what the files in C include of each other: downward only, by plain name, in no circle.

Prints each finding and ends with 1 if there is one. Run in the root of the project.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

# A folder's files may include headers of these folders; tests also harness/tap.h. The include paths
# in the Makefile say the same, but cannot see a path that climbs out of its folder.
MAY_INCLUDE = {
    "allocators": {"allocators"},
    "allocators/faulty": {"allocators", "allocators/faulty"},
    "workloads": {"workloads", "allocators"},
    "harness/cell": {"harness/cell", "workloads", "allocators"},
    "harness": {"harness"},
}


def included(path: Path) -> list[str]:
    return re.findall(r'^#include "(.*)"', path.read_text(encoding="utf-8"), re.MULTILINE)


def circle(name: str, uses: dict[str, list[str]], above: tuple[str, ...] = ()) -> tuple[str, ...]:
    """The names along a circle of headers that begins with `name`; empty: there is none."""
    for other in uses.get(name, []):
        if other == (above + (name,))[0]:
            return above + (name, other)
        if other not in above and (found := circle(other, uses, above + (name,))):
            return found
    return ()


def main() -> int:
    files = [p for folder in MAY_INCLUDE for p in sorted(Path(folder).glob("*.[ch]*"))]
    folder_of = {p.name: str(p.parent) for p in files if p.suffix == ".h"}
    findings = []
    for path in files:
        allowed = MAY_INCLUDE[str(path.parent)]
        for name in included(path):
            if "/" in name:
                findings.append(f"{path}: includes {name} by a path; name the header alone")
            elif name == "tap.h" and path.name.startswith("test_"):
                continue
            elif name in folder_of and folder_of[name] not in allowed:
                findings.append(f"{path}: may not include {name} of {folder_of[name]}/")
    uses = {p.name: included(p) for p in files if p.suffix == ".h"}
    for name in uses:
        if found := circle(name, uses):
            findings.append(f"headers include each other in a circle: {' -> '.join(found)}")
    print("\n".join(findings), end="\n" if findings else "")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
