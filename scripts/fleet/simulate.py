#!/usr/bin/python3
"""What collecting costs, by simulation: parts as tasks leave them, of so many nodes and rows, and how long one run is made
of them, in how much memory.

usage: simulate.py [NODESxROWS...]     default: 10x100 100x100 1000x100 100x1000 1000x1000

Each node measures one round; a row is an allocator on a workload by some threads. The samples are copies of those of
results/example, with other times. Files go to $TMPDIR: 1000x1000, a million samples, takes 3 GB there.
"""

from __future__ import annotations

import json
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path[0] = str(Path(__file__).resolve().parent.parent)  # run as a file, it is of a package

from fleet.asked import FILE
from fleet.collect import Asked, collect
from fleet.parts import LISTS, Reader
from fleet.task import save
from program import HOME, WRONG_USE, run

SIZES = ("10x100", "100x100", "1000x100", "100x1000", "1000x1000")
EXAMPLE = HOME / "results" / "example" / "bench.json"
CLASSES = 2  # of machines
HEAD = f"{'nodes':>5} {'rows':>5} {'samples':>9} {'files':>6} {'MB read':>8} {'MB made':>8} {'seconds':>8} {'CPU s':>6} {'MiB':>5}"


def size_of(folder: Path, pattern: str) -> int:
    return sum(p.stat().st_size for p in folder.glob(pattern))


def make(folder: Path, nodes: int, rows: int) -> None:
    """The folder of a fleet whose tasks are all over."""
    example = json.loads(EXAMPLE.read_text())
    pattern = [e for e in example["benchmarks"] if not e.get("error_occurred")][:rows]
    names = [f"w{i // 10}/a{i % 10}/threads:1" for i in range(rows)]
    chance = random.Random(1)
    for node in range(nodes):
        part = folder / "parts" / f"0.{node}" / "000"
        of_driver = part / "20260101T000000Z-n"
        of_driver.mkdir(parents=True)
        entries = []
        for i, name in enumerate(names):
            workload, allocator, _ = name.split("/")
            own = {"name": name, "workload": workload, "allocator": allocator, "threads": 1}
            ns = 10 * chance.lognormvariate(0, 0.1)
            own |= {"block": node, "seed": 1 + node, "digest": f"{node:016x}", "ns_per_op": ns}
            entries.append({**pattern[i % len(pattern)], **own})
        context: Any = {**example["context"], "spanbench": dict(example["context"]["spanbench"])}
        machine = context["spanbench"]["machine"]
        context["spanbench"]["machine"] = {**machine, "cpu": f"CPU {node % CLASSES}"}
        for name in LISTS if node else ():  # the task of the first round alone records
            context["spanbench"].pop(name, None)
        with open(of_driver / "bench.json", "w", encoding="utf-8") as file:
            json.dump({"context": context, "benchmarks": entries}, file, indent=1)
        save(part / "node.json", {"node": f"n{node}", "seconds": time.time()})
        save(part / "done.json", {"rounds": [node], "code": 0})
    save(folder / FILE, {"work": "run", "rows": names, "each": 1, "repetitions": nodes})


def measure(folder: Path, nodes: int) -> None:
    """In a process of its own: prints a line of the table."""
    asked = json.loads((folder / FILE).read_text())
    began = time.monotonic()
    parts = Reader(folder, asked).look(True)
    made = collect(folder, parts, Asked(asked["rows"], 1, nodes), lambda done, of: None)
    seconds, cpu = time.monotonic() - began, time.process_time()
    assert not made.problems and not made.missing(Asked(asked["rows"], 1, nodes))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    read = size_of(folder, "parts/*/*/*/bench.json") / 1e6
    wrote = size_of(folder, "class*/bench.json") / 1e6
    files = sum(1 for p in folder.glob("parts/**/*") if p.is_file())
    counts = f"{nodes:5} {len(asked['rows']):5} {made.samples:9,} {files:6,}"
    print(f"{counts} {read:8,.0f} {wrote:8,.0f} {seconds:8.1f} {cpu:6.1f} {peak:5.0f}")


def main() -> int:
    words = sys.argv[1:]
    if words[:1] == ["--measure"]:
        measure(Path(words[1]), int(words[2]))
        return 0
    try:
        sizes = [tuple(map(int, word.split("x"))) for word in words or SIZES]
        if any(len(s) != 2 or min(s) < 1 for s in sizes):
            raise ValueError
    except ValueError:
        print(__doc__, file=sys.stderr)
        return WRONG_USE
    print(HEAD, flush=True)
    for nodes, rows in sizes:
        folder = Path(tempfile.mkdtemp(prefix="fleet-simulation-"))
        try:
            make(folder, nodes, rows)
            subprocess.run([sys.executable, __file__, "--measure", folder, str(nodes)], check=True)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    return 0


if __name__ == "__main__":
    run(main)
