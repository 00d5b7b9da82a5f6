#!/usr/bin/python3
"""What the checks say of the distribution's allocators, stored in results/checked.json: `store` writes it from
a run of `make check`, `dashes` prints what could not be judged, and why.

Tests compare the stored verdicts with allocators/known-failures.json and with the checks that exist, and run
the quick ones anew. So a check that is new, or that newly fails on somebody's library, is noticed in a minute.

Exit code 0: good; 2: wrong use, a run that cannot be read, or one that is not to be stored.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections import Counter
from pathlib import Path
from typing import Any, Optional

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


def read_run(folder: Path) -> Any:
    file = folder / "conformance.json"
    return bench_results.read_loosely(file, condensed, "a run of make check")


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="example: make check && scripts/checked.py store results/latest-check",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    store = commands.add_parser(
        "store", help="renew results/checked.json from a run, also one of some checks"
    )
    store.add_argument("run", type=Path, metavar="RUN_FOLDER")
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
    for line in dashes(stored):
        print(line)
    return 0


if __name__ == "__main__":
    program.run(main, unread=program.WRONG_USE)
