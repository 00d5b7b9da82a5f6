#!/usr/bin/python3
"""Draws the heap of each allocator: what lies at which address after each phase of a workload, and what pins memory.

Each allocator runs the workload once more, with books on each block (build/cell/… --heap). So no time and no memory of
these runs counts. The folder of the run, results/<time>-<host>-heap, gets heap.json and the page, report.html.
Build the project first: make. `make heap` does both, and takes ALLOCATORS, WORKLOADS, THREADS, SEED and OUT.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))  # also where Python does not add it

import bench_results
import heap_pages
import program
import run_folder
import stored_file

WORKLOADS = "footprint survivors swiss_cheese"
LATER = "100"  # milliseconds after the end, and after a purge
SECONDS = 120  # of a run
FILE = "heap.json"


def described(cell: Path) -> Any:
    """None: this cell is not whole."""
    try:
        told = subprocess.run([cell, "--describe"], capture_output=True, timeout=SECONDS)
        return json.loads(told.stdout) if told.returncode == 0 else None
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return None


def cells(folder: Path, names: list[str]) -> dict[str, Any]:
    """What each is, by its name; of all but the floor, if none is named. Raises Unusable."""
    there = sorted(p for p in folder.glob("*") if os.access(p, os.X_OK) and p.is_file())
    known = {p.name for p in there}
    for name in names:
        if name not in known:
            raise bench_results.Unusable(
                f"{folder}: no cell '{name}'; there are {', '.join(sorted(known)) or 'none: run make'}"
            )
    found = {p.name: described(p) for p in there if not names or p.name in names}
    good = {n: d for n, d in found.items() if d and (names or not d.get("floor"))}
    if not good:
        raise bench_results.Unusable(f"{folder}: no cell of an allocator; run make")
    return good


def measured(cell: Path, workload: Any, threads: int, seed: int) -> Any:
    """A heap, or what is wrong, as `cause`."""
    words = [cell, "--run", workload["name"], "--threads", str(threads), "--seed", str(seed)]
    words += ["--ops", str(workload["quick_ops"]), "--later", LATER]
    with tempfile.TemporaryDirectory(prefix="spanbench-heap-") as folder:
        file = Path(folder) / "pages"
        try:
            ended = subprocess.run(
                [*program.ends_with_this(), *words, "--heap", file],
                capture_output=True, text=True, errors="replace", timeout=SECONDS,
            )  # fmt: skip
            if ended.returncode == 0:
                with open(file, encoding="utf-8") as lines:
                    return {"cause": None, **heap_pages.heap(lines, os.sysconf("SC_PAGESIZE"))}
            said = (ended.stderr or ended.stdout).strip().splitlines() or ["it said nothing"]
            cause = f"exit code {ended.returncode}: {said[-1]}"
        except subprocess.TimeoutExpired:
            cause = f"no end after {SECONDS} s"
        except (OSError, ValueError) as problem:
            cause = str(problem)
    return {"cause": bench_results.printable(cause)}


def record(asked: argparse.Namespace, build: Path) -> Any:
    there = cells(build / "cell", asked.allocators.split())
    wanted = asked.workloads.split()
    heaps = []
    for name, told in there.items():
        by_name = {w["name"]: w for w in told["workloads"]}
        for load in wanted:
            if load not in by_name:
                raise bench_results.Unusable(
                    f"there is no workload '{load}'; there are {', '.join(sorted(by_name))}"
                )
            print(f"heap.py: {load} on {name}", file=sys.stderr)
            found = measured(build / "cell" / name, by_name[load], asked.threads, asked.seed)
            heaps.append({"allocator": name, "workload": load, **found})
    now = datetime.datetime.now(datetime.timezone.utc)
    return {
        "schema": 1,
        "started": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "seed": asked.seed,
        "threads": asked.threads,
        "page_bytes": os.sysconf("SC_PAGESIZE"),
        "allocators": [
            {"name": n, "version": d["version"], "object": d["object"]} for n, d in there.items()
        ],
        "heaps": heaps,
    }


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog="example: scripts/heap.py --allocators 'gomalloc system' --workloads footprint",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    told = os.environ.get
    for option, default, said in (
        ("allocators", told("ALLOCATORS", ""), "names of cells (default: all)"),
        ("workloads", told("WORKLOADS") or WORKLOADS, f"default: {WORKLOADS}"),
    ):
        parser.add_argument(f"--{option}", default=default, help=said)
    for option, said in (("threads", "1 by default"), ("seed", "of the requests (default: 1)")):
        default = told(option.upper()) or "1"
        parser.add_argument(f"--{option}", type=int, default=default, help=said)
    parser.add_argument(
        "--out", type=Path, default=told("OUT") or program.RESULTS, help="default: results"
    )
    return parser.parse_args()


def main() -> int:
    from report import write

    asked = arguments()
    document = record(asked, program.HOME / os.environ.get("B", "build"))
    folder = run_folder.make(asked.out, "heap")
    stored_file.write(folder / FILE, f"{json.dumps(document)}\n".encode())
    made = write.write(folder, None)
    print(f"page: {made}" if made else "no page without jinja2: install python3-jinja2")
    print(f"data: {folder / FILE}")
    return 1 if any(h["cause"] for h in document["heaps"]) else 0


if __name__ == "__main__":
    program.run(main)
