#!/usr/bin/python3
"""What the checks say of the distribution's allocators, stored in results/checked.json.

`store` writes it from a run of `make check`. `compare` says what came out otherwise in another run. `dashes` prints
what could not be judged, and why.

Tests compare the stored verdicts with allocators/known-failures.json and with the checks that exist, and with
those of README's make check. So a check that is new, or that newly fails on somebody's library, is noticed.

Exit code 0: good; 1: a verdict is another; 2: wrong use, a run that cannot be read, or one that is not to be stored.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import zlib
from collections import Counter
from pathlib import Path
from typing import Any, Callable, Optional

sys.path.insert(0, str(Path(__file__).resolve().parent))  # also where Python does not add it

import bench_results
import known_failures
import program
import stored_file
from bench_results import Unusable

STORED = program.HOME / "results" / "checked.json"
ABOUT = (
    "Written by scripts/checked.py from a run of make check. Each check has its class, the seconds of the "
    "slowest allocator, a verdict for each, and what was said of a failure or of a check that was not judged."
)
UNJUDGED = "-"
COUNTED = ("required", "implementation-defined", "extension")
QUICK_SECONDS = 0.15  # of the slowest allocator: such a check is compared on each
# It fails some of fork.* by chance, also with other seeds.
LUCKY = "tbbmalloc"
ADDRESS = re.compile(r"0x[57][0-9a-f]{11}")


def verdict(result: Any) -> str:
    """pass, fail, -, or what was recorded."""
    if result["verdict"] == "recorded":
        return str(result["choice"])
    return UNJUDGED if result["verdict"] == "not supported" else str(result["verdict"])


def said(result: Any) -> Optional[str]:
    """Of a failure, and of what was not judged; without what differs in each run."""
    text = result["seen"] or result["reason"]
    return ADDRESS.sub("0x7…", text) if text else None


def object_of(cell: Any) -> str:
    """What is built here lies elsewhere in every tree."""
    return str(cell["object"]).replace(f"{program.HOME}/", "./")


def condensed(run: Any) -> Any:
    """What is stored of a run."""
    if not run["complete"] or run.get("whole") or run["profile"] != "all":
        raise Unusable("store a run that is complete, of every profile, and not a whole one")
    rows = {
        cell["name"]: {"object": object_of(cell), "version": cell["version"]}
        for cell in run["allocators"]
        if "object" in cell and not cell["floor"]
    }
    checks: dict[str, Any] = {}
    for check in run["checks"]:
        of_check = [r for r in run["results"] if r["check"] == check["name"]]
        checks[check["name"]] = {
            "class": check["class"],
            "seconds": round(max(r["seconds"] for r in of_check), 2),
            "verdicts": {r["allocator"]: verdict(r) for r in of_check},
            "said": {r["allocator"]: said(r) for r in of_check if said(r)},
        }
    return {
        "about": ABOUT,
        "version": run["version"],
        "started": run["started"],
        "seed": run["seed"],
        "rows": rows,
        "checks": checks,
    }


def text_of(stored: Any) -> str:
    """JSON with a line for each check, so that a change shows what changed."""
    lines = []
    for key, value in stored.items():
        if key != "checks":
            lines.append(f" {json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}")
    each = [
        f"  {json.dumps(k)}: {json.dumps(v, ensure_ascii=False)}"
        for k, v in stored["checks"].items()
    ]
    return "{\n" + ",\n".join(lines) + ',\n "checks": {\n' + ",\n".join(each) + "\n }\n}\n"


def unexplained(stored: Any, entries: list[Any]) -> list[str]:
    """What the known failures and the stored verdicts do not have in common, in words."""
    problems: list[str] = []
    used: set[int] = set()
    for check, result in stored["checks"].items():
        for row, word in result["verdicts"].items():
            object_file, version = stored["rows"][row]["object"], stored["rows"][row]["version"]
            own = [
                i
                for i, e in enumerate(entries)
                if e["check"] == check and known_failures.is_of(e, object_file, version)
            ]
            seen = result["said"].get(row, "")
            why = [i for i in own if known_failures.explains(entries[i], check, seen)]
            used.update(why if word == "fail" else ())
            if word == "fail" and not why and result["class"] in COUNTED:
                problems.append(f"{row} {check}: not among the known failures: {seen}")
            if word not in ("fail", UNJUDGED) and any("often" not in entries[i] for i in own):
                problems.append(f"{row} {check}: known to fail, and says {word}")
    for i, entry in enumerate(entries):
        used.update([i] if "often" in entry else ())
        for row in stored["rows"].values():
            if i not in used and known_failures.is_of(entry, row["object"], row["version"]):
                problems.append(f"{entry['check']} of {entry['object']}: known, and was not seen")
    return problems


def comes_again(stored: Any, entries: list[Any]) -> dict[str, set[str]]:
    """For each row, the checks that come out alike on any machine that is busy. Of the slow ones, each is of one
    allocator that passed it; a failure that is a race may be absent in one run."""
    found: dict[str, set[str]] = {row: set() for row in stored["rows"]}
    for row, told in stored["rows"].items():
        known = [e for e in entries if known_failures.is_of(e, told["object"], told["version"])]
        by_luck = {e["check"] for e in known if "often" in e}
        for name, check in stored["checks"].items():
            if check["class"] not in COUNTED or name in by_luck:
                continue
            good = [r for r, word in check["verdicts"].items() if word == "pass"]
            if name.startswith("fork."):
                good = [r for r in good if r != LUCKY]
            turn = good[zlib.crc32(name.encode()) % len(good)] if good else None
            if check["seconds"] < QUICK_SECONDS or row == turn:
                found[row].add(name)
    return found


def differences(stored: Any, run: Any, entries: list[Any]) -> tuple[list[str], list[str]]:
    """What came out otherwise in a run, and what of the stored verdicts could not be compared with it, in words."""
    wanted = comes_again(stored, entries)
    here = {cell["name"]: cell.get("version") for cell in run["allocators"]}
    seen = {(r["allocator"], r["check"]): r for r in run["results"]}
    problems, notes = [], []
    for row, checks in wanted.items():
        version = stored["rows"][row]["version"]
        if here.get(row) != version:
            notes.append(f"{row}: {here.get(row) or 'none'} is here, {version} is stored")
            continue
        for check in sorted(checks):
            result = seen.get((row, check))
            before = stored["checks"][check]["verdicts"][row]
            if not result:
                notes.append(f"{row} {check}: was not run")
            elif "too slow here" in (result["reason"] or ""):
                notes.append(f"{row} {check}: {result['reason']}")
            elif verdict(result) != before:
                problems.append(
                    f"{row} {check}: was {before}, is {verdict(result)} {result['seen'] or ''}".strip()
                )
    return problems, notes


def dashes(stored: Any) -> list[str]:
    """How often each reason keeps a check from a verdict, and whose; the most frequent first."""
    reasons: Counter[str] = Counter()
    for result in stored["checks"].values():
        for row, word in result["verdicts"].items():
            if word == UNJUDGED:
                reasons[f"{row}: {result['said'].get(row, 'no reason')}"] += 1
    return [f"{count:4}  {reason}" for reason, count in reasons.most_common()]


def renewed(stored: Any, new: Any) -> Any:
    """A run of some checks renews these, if it is of the same allocators."""
    if set(stored["checks"]) <= set(new["checks"]):
        return new
    if stored["rows"] != new["rows"]:
        raise Unusable("a run of some checks must be of the allocators that are stored")
    checks = {**stored["checks"], **new["checks"]}
    return {**new, "checks": {name: checks[name] for name in sorted(checks)}}


def read_run(folder: Path, take: Callable[[Any], Any] = condensed) -> Any:
    file = folder / "conformance.json"
    return bench_results.read_loosely(file, take, "a run of make check")


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="example: make check, then scripts/checked.py store results/20261128T101500Z-host",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    store = commands.add_parser(
        "store", help="renew results/checked.json from a run, also one of some checks"
    )
    store.add_argument("run", type=Path, metavar="RUN_FOLDER")
    compare = commands.add_parser(
        "compare", help="say which verdicts of a run are others than the stored ones"
    )
    compare.add_argument("run", type=Path, metavar="RUN_FOLDER")
    commands.add_parser("dashes", help="print how often a check is not judged, and why")
    words = parser.parse_args()
    if words.command == "store":
        stored = read_run(words.run)
        if STORED.exists():
            stored = renewed(json.loads(STORED.read_text()), stored)
        stored_file.write(STORED, text_of(stored).encode())
        for problem in unexplained(stored, known_failures.read()):
            print(f"checked.py: {problem}", file=sys.stderr)
    else:
        stored = json.loads(STORED.read_text())
    if words.command == "compare":
        problems, notes = read_run(
            words.run, lambda run: differences(stored, run, known_failures.read())
        )
        for line in notes:
            print(f"not compared: {line}")
        for line in problems:
            print(line)
        return 1 if problems else 0
    for line in dashes(stored):
        print(line)
    return 0


if __name__ == "__main__":
    program.run(main, unread=program.WRONG_USE)
