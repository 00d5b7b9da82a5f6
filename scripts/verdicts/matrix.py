#!/usr/bin/python3
"""Prints the matrix of a stored run of `spanbench check` or `harden` as the driver did, the findings, and a sentence for each
allocator. `make fleet` prints so what it joined, which no driver has seen whole.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any, Callable

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # run as a file, it is of a package

import bench_results
import program
from bench_results import Unusable, printable
from report import matrices

# As harness/harden/result.c has them, and in its order.
LETTERS = {
    "not run": "_",
    "access": "A",
    "call": "C",
    "later": "L",
    "crash": "!",
    "hang": "H",
    "corrupt": "X",
    "survived": "s",
    "unsupported": "-",
    "void": "?",
}
SIZES = ("tiny", "small", "large")
OF_CHECKS = """\
FAIL a failure that counts   known one that is explained   no one that does not count
fixed a known failure that passes   - the allocator has no such function, or nothing to see"""
OF_MISUSES = """\
C: all runs ended so; C4X1: four and one.
caught      A at the access   C in the misusing call or the first free   L in a later call
not caught  ! a fault without a message   H a hang   X damage   s no damage was found
no answer   - not supported   ? void: fails without the misuse, too   _ not run"""


def aligned(lines: list[list[str]]) -> list[str]:
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    return ["  ".join(w.ljust(widths[i]) for i, w in enumerate(x)).rstrip() for x in lines]


def word(result: Any) -> str:
    """As harness/check/result.c says it."""
    verdict, known = result["verdict"], result["known"]
    if verdict in ("pass", "recorded") and known:
        return "fixed"
    if verdict == "fail":
        return "no" if not result["counts"] else "known" if known else "FAIL"
    own = {"pass": "pass", "not supported": "-", "not run": "_"}
    return own.get(verdict) or printable(str(result["choice"]))


def letters(outcomes: dict[str, int]) -> str:
    """ "C" if all runs ended so, "C4X1" if not, the most frequent first."""
    order = list(LETTERS)
    found = sorted(outcomes.items(), key=lambda item: (-item[1], order.index(item[0])))
    all_ = sum(outcomes.values())
    return "".join(LETTERS[name] + (str(n) if n != all_ else "") for name, n in found)


def checks(document: Any) -> list[str]:
    names = matrices.there(document)
    of = {(printable(r["allocator"]), r["check"]): word(r) for r in document["results"]}
    lines = [["", *names]]
    for check in document["checks"]:
        own = [of.get((name, check["name"]), "") for name in names]
        lines.append([printable(check["name"]), *own])
    said = [*aligned(lines), "", OF_CHECKS]
    for r in document["results"]:
        if r["finding"]:
            said += ["", f"{word(r)}: {printable(r['allocator'])} {printable(r['check'])}"]
            for key in ("clause", "expected", "seen", "repeat"):
                said += [f"  {key + ':':<9} {matrices.text(r, key)}"] * bool(r[key])
    return said + ["", *sentences(document, names, matrices.conformance_sentence)]


def misuses(document: Any) -> list[str]:
    names = matrices.there(document)
    of = {
        (printable(r["allocator"]), r["misuse"], r["size"] or ""): letters(r["outcomes"])
        for r in document["results"]
    }
    sizes = [s for s in SIZES if any(key[2] == s for key in of)] or [""]
    columns = [(name, size) for name in names for size in sizes]
    lines = [["", *(name if size == sizes[0] else "" for name, size in columns)]]
    lines.append(["", *(size for _, size in columns)])
    for misuse in document["misuses"]:
        own = []
        for name, size in columns:
            sizeless = of.get((name, misuse["name"], ""), "") if size == sizes[0] else ""
            own.append(of.get((name, misuse["name"], size), sizeless))
        lines.append([printable(misuse["name"]), *own])
    said = [*aligned(lines), "", OF_MISUSES, ""]
    return said + sentences(document, names, matrices.hardening_sentence)


def sentences(document: Any, names: list[str], said: Callable[[str, list[Any]], str]) -> list[str]:
    return [said(name, matrices.of(document, name)) for name in names]


SHOWN: dict[str, Callable[[Any], list[str]]] = {
    "conformance.json": checks,
    "hardening.json": misuses,
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("run", type=Path, help="directory, conformance.json or hardening.json")
    given: Path = parser.parse_args().run
    files = [given / name for name in SHOWN] if given.is_dir() else [given]
    for file in files:
        if file.name in SHOWN and file.exists():
            kind = f"a run of checks or misuses ({file.name})"
            print("\n".join(bench_results.read_loosely(file, SHOWN[file.name], kind)))
            return 0
    raise Unusable(f"{given}: there is no {' and no '.join(SHOWN)}")


if __name__ == "__main__":
    program.run(main)
