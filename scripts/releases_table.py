#!/usr/bin/python3
"""Prints, as Markdown, what make check-releases found: for each library a table of its releases and of the
checks that any of them fails.

Exit code 0: each failure is among the known ones (allocators/known-failures.json); 1: some is not; 2: wrong
use, or what is there cannot be read.
"""

from __future__ import annotations

import argparse
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))  # also where Python does not add it

import bench_results
import checked
import findings
import known_failures
import program
from bench_results import Unusable

FINDING = 1
KNOWN, NEW, GOOD, UNJUDGED = "known", "NEW", "", "-"


@dataclass(frozen=True)
class Release:
    library: str  # the adapter, or glibc
    version: str
    words: dict[str, str]  # of each check that may count: KNOWN, NEW, GOOD or UNJUDGED
    seen: dict[str, str]


def ordered(release: Release) -> tuple[list[int], str]:
    return known_failures.ordered(release.version), release.version


def word(result: Any, library: str, entries: list[Any]) -> str:
    """An entry explains a failure of any release of its library, for a version may be newer than it."""
    if result["verdict"] != "fail":
        return UNJUDGED if result["verdict"] == "not supported" else GOOD
    known = any(
        findings.library_of(e) == library
        and known_failures.explains(e, result["check"], str(result["seen"]))
        for e in entries
    )
    return KNOWN if known else NEW


def release_of(name: str, run: Any, entries: list[Any]) -> Release:
    """`name` is the library and its version, as of the folder."""
    library, _, version = name.partition("-")
    counted = [r for r in run["results"] if r["class"] in checked.COUNTED]
    words = {r["check"]: word(r, library, entries) for r in counted}
    seen = {r["check"]: str(r["seen"]) for r in counted if words[r["check"]] == NEW}
    return Release(library, version, words, seen)


def read(folder: Path) -> list[Release]:
    """The newest complete run of each release."""
    entries, found = known_failures.read(), []
    for each in sorted(p for p in folder.iterdir() if p.is_dir()):
        for file in sorted(each.glob("*/conformance.json"), reverse=True):
            release = bench_results.read_loosely(
                file,
                lambda run: release_of(each.name, run, entries) if run["complete"] else None,
                "a run of make check",
            )
            if release:
                found.append(release)
                break
    return found


def table(releases: list[Release]) -> list[str]:
    """The releases of one library are columns."""
    failed = sorted({c for r in releases for c, word in r.words.items() if word in (KNOWN, NEW)})
    lines = [
        f"## {releases[0].library}",
        "",
        f"Checks that may count: {max(len(r.words) for r in releases)}.",
        "",
        "| check | " + " | ".join(r.version for r in releases) + " |",
        "|---|" + "---|" * len(releases),
    ]
    for check in failed:
        words = [r.words.get(check, UNJUDGED) for r in releases]
        lines.append(f"| {check} | " + " | ".join(words) + " |")
    sums = [str(sum(w in (KNOWN, NEW) for w in r.words.values())) for r in releases]
    lines += ["| **all** | " + " | ".join(sums) + " |", ""]
    for release in releases:
        for check, seen in release.seen.items():
            text = re.sub(r"\s+", " ", checked.ADDRESS.sub("0x7…", seen))
            lines.append(f"- {release.version} {check}: {text}")
    return lines


def text_of(releases: list[Release]) -> str:
    lines = [
        "# Releases",
        "",
        "Written by `make check-releases`. A row is a check that some release fails: `known` is explained by",
        "allocators/known-failures.json, `NEW` is not, and `-` could not be judged. An empty place is a promise that",
        "is kept.",
    ]
    for library in sorted({r.library for r in releases}):
        of_library = sorted((r for r in releases if r.library == library), key=ordered)
        lines += ["", *table(of_library)]
    return "\n".join(lines) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="example: scripts/releases_table.py results/releases",
    )
    parser.add_argument("results", type=Path, metavar="FOLDER")
    releases = read(parser.parse_args().results)
    if not releases:
        raise Unusable("there is no complete run of a release; make check-releases makes some")
    print(text_of(releases), end="")
    return FINDING if any(r.seen for r in releases) else 0


if __name__ == "__main__":
    program.run(main, unread=program.WRONG_USE)
