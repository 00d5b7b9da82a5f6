#!/usr/bin/python3
"""Prints what the checks found in released allocators, a page each, as one would send it to who maintains the
library. A finding is one cause in one library: the entries of allocators/known-failures.json that give the
same reason. What was seen comes from the stored run of make check (results/checked.json).

Without a name, lists the findings. A name may be a pattern: 'jemalloc*'.

Exit code 0: good; 1: no finding has such a name; 2: wrong use, or a file that cannot be read or written.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))  # also where Python does not add it

import checked
import known_failures
import program
import stored_file
from bench_results import Unusable

ALWAYS = "in each run"
LIBRARY = re.compile(r"lib(?:clang_rt\.)?([a-z]+)")
NO_MATCH = 1


@dataclass
class Finding:
    """`name` is a word of its own, for a file."""

    name: str
    library: str
    entries: list[Any] = field(default_factory=list)


def library_of(entry: Any) -> str:
    """`jemalloc` of */libjemalloc.so.2; the C library is glibc."""
    found = LIBRARY.search(entry["object"].rsplit("/", 1)[-1])
    word = found[1] if found else "library"
    return "glibc" if word == "c" else word


def findings(entries: list[Any]) -> list[Finding]:
    """In the order in which they first come. Of two with one check, the later has a version in its name."""
    found: dict[tuple[str, str], Finding] = {}
    for entry in entries:
        library = library_of(entry)
        name = f"{library}-{entry['check'].replace('.', '-')}"
        if any(f.name == name for f in found.values()):
            name += f"-{'.'.join(str(n) for n in known_failures.ordered(entry['since']))}"
        found.setdefault((library, entry["why"]), Finding(name, library)).entries.append(entry)
    return list(found.values())


def versions(entry: Any) -> str:
    until = f", mended in {entry['before']}" if "before" in entry else ", also in the newest tried"
    return f"seen from {entry['since']} on{until}"


def what_was_seen(entry: Any, stored: Any) -> str:
    """What a row of the stored run said, or the part of it that is known."""
    for name, row in stored["rows"].items():
        if known_failures.is_of(entry, row["object"], row["version"]):
            said = stored["checks"].get(entry["check"], {}).get("said", {}).get(name, "")
            if entry["seen"] in said:
                return f"{said} ({row['version']})"
    return f"… {entry['seen']} …"


def how_to(finding: Finding, entry: Any) -> str:
    if finding.library == "glibc":
        return "./it"
    return f"LD_PRELOAD={entry['object'].replace('*/', '/path/to/').rstrip('*')} ./it"


def page(finding: Finding, stored: Any) -> str:
    """Markdown. Each program is there once, however many promises it shows to be broken."""
    first = finding.entries[0]
    lines = [f"# {finding.library}: {first['why']}", ""]
    for entry in finding.entries:
        lines += [
            f"- {entry['check']}: {entry['clause']}",
            f"  - versions: {versions(entry)}",
            f"  - seen: {what_was_seen(entry, stored)}",
            f"  - how often: {entry.get('often', ALWAYS)}",
        ]
    for known in dict.fromkeys(e["upstream"] for e in finding.entries if "upstream" in e):
        lines.append(f"- known: {known}")
    for program_text in dict.fromkeys("\n".join(e["reproduction"]) for e in finding.entries):
        lines += ["", "```c", program_text, "```"]
    lines += [
        "",
        "Exit code 0: the promise is kept.",
        "",
        f"    cc -std=gnu17 -O1 -fno-builtin -o it it.c && {how_to(finding, first)}; echo $?",
    ]
    return "\n".join(lines) + "\n"


def chosen(found: list[Finding], names: list[str]) -> list[Finding]:
    return [f for f in found if any(fnmatchcase(f.name, name) for name in names)]


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="examples: scripts/findings.py 'jemalloc*'; scripts/findings.py --to /tmp/pages '*'",
    )
    parser.add_argument("name", nargs="*", help="of a finding, or a pattern")
    parser.add_argument("--to", type=Path, metavar="FOLDER", help="write them there, a file each")
    words = parser.parse_args()
    if words.to and not words.name:
        parser.error("--to wants names, or '*'")
    try:
        found = findings(known_failures.read())
        stored = json.loads(checked.STORED.read_text())
        pages = {f.name: page(f, stored) for f in chosen(found, words.name)}
    except stored_file.SPOILED as problem:
        raise Unusable(f"what is stored cannot be read: {stored_file.fault(problem)}")
    if not words.name:
        for f in found:
            print(f"{f.name:40} {f.entries[0]['why']}")
        return 0
    if not pages:
        print(
            "findings.py: no finding has such a name; without names, it lists them", file=sys.stderr
        )
        return NO_MATCH
    if words.to:
        words.to.mkdir(parents=True, exist_ok=True)
    for name, text in pages.items():
        if words.to:
            stored_file.write(words.to / f"{name}.md", text.encode())
        else:
            print(text)
    return 0


if __name__ == "__main__":
    program.run(main, unread=program.WRONG_USE)
