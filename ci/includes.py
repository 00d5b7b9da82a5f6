#!/usr/bin/python3
"""Checks what the files in C include of each other: downward only, by plain name, in no circle.

Prints each finding and ends with 1 if there is one. Run in the root of the project.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Optional

# A folder's files may include headers of these folders; tests also harness/test/tap.h. The include paths
# in the Makefile say the same, but cannot see a path that climbs out of its folder.
MAY_INCLUDE: dict[str, set[str]] = {
    "allocators": {"allocators"},
    "allocators/faulty": {"allocators", "allocators/faulty"},
    "allocators/faulty/bench": {
        "allocators",
        "allocators/faulty",
        "allocators/faulty/bench",
        "allocators/faulty/check",
        "allocators/faulty/memory",
    },
    "allocators/faulty/check": {"allocators", "allocators/faulty", "allocators/faulty/check"},
    "allocators/faulty/families": {"allocators"},
    "allocators/faulty/harden": {"allocators", "allocators/faulty/harden"},
    "allocators/faulty/memory": {"allocators", "allocators/faulty", "allocators/faulty/memory"},
    "workloads/shared": {"workloads/shared", "allocators"},
    "workloads/timed": {"workloads/timed", "workloads/shared", "allocators"},
    "workloads/checks": {
        "workloads/checks",
        "workloads/checks/support",
        "workloads/shared",
        "allocators",
    },
    "workloads/checks/support": {
        "workloads/checks",
        "workloads/checks/support",
        "workloads/shared",
        "allocators",
    },
    "workloads/checks/support/plugin": {"workloads/checks/support"},
    "workloads/misuses": {"workloads/misuses", "workloads/shared", "allocators"},
    "workloads/misuses/support": {"workloads/misuses", "workloads/shared", "allocators"},
    "harness/cell": {
        "harness/cell",
        "workloads/timed",
        "workloads/checks",
        "workloads/checks/support",
        "workloads/misuses",
        "workloads/shared",
        "allocators",
    },
    "harness/support": {"harness/support"},
    "harness/serving": {"harness/serving", "harness/support"},
    "harness/core": {"harness/core", "harness/support"},
    "harness/bench": {"harness/bench", "harness/core", "harness/support"},
    "harness/check": {"harness/check", "harness/core", "harness/support"},
    "harness/harden": {"harness/harden", "harness/core", "harness/support"},
    "harness/who": {"harness/who", "harness/serving", "harness/support"},
    "harness/try": {"harness/try", "harness/serving", "harness/core", "harness/support"},
    "harness/why/counter": {"harness/why/counter"},
    "harness/why/planted": set(),  # programs that the tests build
    "harness/why": {
        "harness/why",
        "harness/why/counter",
        "harness/serving",
        "harness/core",
        "harness/support",
    },
    "harness/test": {"harness/test"},
    "harness": {
        "harness",
        "harness/bench",
        "harness/check",
        "harness/harden",
        "harness/who",
        "harness/try",
        "harness/why",
        "harness/core",
        "harness/support",
    },
}
KEYS = Path(__file__).resolve().parent.parent / "scripts" / "adapter-keys"
# And the folder of an allocator that is built here only its own, so that it can be taken away.
OWN_ONLY = re.compile(r"allocators/[^/]+")
# Folders of workloads are found: each may include what the room may, and its own headers.
TIMED = re.compile(r"workloads/timed/[^/]+")


def included(path: Path) -> list[str]:
    return re.findall(r'^#include "(.*)"', path.read_text(encoding="utf-8"), re.MULTILINE)


def built_from(path: Path) -> set[Path]:
    """The public header of the folder that an adapter is built from."""
    keys = subprocess.run([KEYS, path], capture_output=True, text=True, check=True).stdout
    found = re.search("^[^ ]+ built-from ([^ \n]+)", keys, re.MULTILINE)
    return {path.parent / found[1] / f"{found[1]}.h"} if found else set()


def may_include(path: Path) -> Optional[set[str]]:
    """The folders whose headers a file may include; None: nothing is known about its folder."""
    folder = str(path.parent)
    if TIMED.fullmatch(folder):
        return MAY_INCLUDE["workloads/timed"] | {folder}
    return MAY_INCLUDE.get(folder, {folder} if OWN_ONLY.fullmatch(folder) else None)


def sources() -> list[Path]:
    """All files in C and C++, but not what is built from them."""
    files = sorted(p for kind in ("c", "h", "cc") for p in Path().rglob(f"*.{kind}"))
    return [p for p in files if not re.match(r"build|\.", p.parts[0])]


class Project:
    def __init__(self, files: list[Path]) -> None:
        self.files = files
        self.headers: dict[str, list[Path]] = {}
        for path in files:
            if path.suffix == ".h":
                self.headers.setdefault(path.name, []).append(path)

    def meant(self, path: Path, name: str) -> Optional[Path]:
        """The header of the project that an #include means: of several, the nearest."""
        found = self.headers.get(name, [])
        allowed = may_include(path) or set()
        far = [(p.parent != path.parent, str(p.parent) not in allowed, p) for p in found]
        return min(far)[2] if far else None

    def findings_in(self, path: Path) -> list[str]:
        allowed = may_include(path)
        if allowed is None:
            return [f"{path}: what may it include? ci/includes.py does not know its folder"]
        findings = []
        for name in included(path):
            header = self.meant(path, name)
            if "/" in name:
                findings.append(f"{path}: includes {name} by a path; name the header alone")
            elif header is None or str(header.parent) in allowed:
                continue
            elif str(header) == "harness/test/tap.h" and path.name.startswith("test_"):
                continue
            elif path.parent == Path("allocators") and header in built_from(path):
                continue
            else:
                findings.append(f"{path}: may not include {name} of {header.parent}/")
        return findings

    def circle(self, path: Path, above: tuple[Path, ...] = ()) -> tuple[Path, ...]:
        """The headers along a circle that begins with `path`; empty: there is none."""
        chain = above + (path,)
        for name in included(path):
            header = self.meant(path, name)
            if header == chain[0]:
                return chain + (header,)
            if header and header not in chain and (found := self.circle(header, chain)):
                return found
        return ()

    def findings(self) -> list[str]:
        findings = [finding for path in self.files for finding in self.findings_in(path)]
        for header in (h for headers in self.headers.values() for h in headers):
            if found := self.circle(header):
                names = " -> ".join(p.name for p in found)
                findings.append(f"headers include each other in a circle: {names}")
        return findings


def main() -> int:
    findings = Project(sources()).findings()
    print("\n".join(findings), end="\n" if findings else "")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
