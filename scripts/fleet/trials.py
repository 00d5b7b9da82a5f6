#!/usr/bin/python3
"""Tries the gate over three nodes of a Slurm on this machine, tasks one after another. It compares a library with itself,
which must not fail. And it compares the library with a copy that is slower by a tenth of an operation, which must not pass.

usage: trials.py [RUNS] [WORKLOAD/threads:N] [BLOCKS]    default: 10 tiny/threads:1 60, as a quick gate

Prints each verdict. The three nodes are one machine, so nothing here says what more machines gain. Exit code 0: no run of
identical libraries failed, and each slower copy was found.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parent.parent)  # run as a file, it is of a package

from fleet.cluster import Cluster, lacking
from gate.base_and_head import GOMALLOC
from gate.findings import PASS, REGRESSION
from gate_proof import planted
from program import HOME, WRONG_USE, complain, run

FLEET = HOME / "scripts" / "fleet" / "__main__.py"
SLOWER = 0.10
CALIBRATION_BLOCKS = 9


def fleet(cluster: Cluster, *words: str) -> str:
    """What it prints. Raises OSError, if it comes to no verdict."""
    done = subprocess.run(
        [sys.executable, FLEET, *words],
        env=cluster.environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    if done.returncode not in (PASS, REGRESSION):
        raise OSError(0, f"no verdict: {done.stdout}{done.stderr}", str(FLEET))
    return done.stdout


def trial(
    cluster: Cluster, base: Path, head: Path, row: str, blocks: str, out: Path, seed: int
) -> str:
    """ "fail" if the row's time failed, "other fail" if another metric did, else the verdict of the run."""
    workload, _, threads = row.partition("/threads:")
    gate = [f"--base={base}", f"--head={head}", "--quick", f"--seed={seed}", f"--blocks={blocks}"]
    gate += [f"--workloads={workload}", f"--threads={threads}", f"--accepted={out}/accepted.json"]
    words = [f"--driver={HOME}/{os.environ.get('B', 'build')}/spanbench", f"--out={out}"]
    with cluster.drained():
        said = fleet(cluster, "submit", "--work=gate", "--at-once=1", *words, "--", *gate)
        folder = Path(said.splitlines()[0])
        cluster.spread(folder)
    fleet(cluster, "collect", "--bare", str(folder))
    found = json.loads((folder / "class1" / "gate.json").read_text())
    (own,) = [f for f in found["findings"] if f["metric"] == "ns_per_op"]
    nodes = found["fleet"]["nodes"]
    listed = ", ".join(f"{n} {of['rounds']}{' void' * bool(of['void'])}" for n, of in nodes.items())
    print(
        f"seed {seed}: {found['verdict']}; {row} {own['verdict']}: {own['change']:+.1%} ({own['low']:+.1%} .. "
        f"{own['high']:+.1%}), finds {own['smallest']:+.1%}; {listed}",
        flush=True,
    )
    failed = [f["metric"] for f in found["findings"] if f["verdict"] == "fail"]
    return "fail" if "ns_per_op" in failed else "other fail" if failed else str(found["verdict"])


def main() -> int:
    usual = ("10", "tiny/threads:1", "60")
    runs, row, blocks, *more = [*sys.argv[1:], *usual[len(sys.argv) - 1 :]]
    if more or not (runs + blocks).isdigit() or "/threads:" not in row:
        print(__doc__, file=sys.stderr)
        return WRONG_USE
    count = int(runs)
    why = lacking()
    if why:
        complain(f"trials.py: {why}")
        return WRONG_USE
    with tempfile.TemporaryDirectory(prefix="fleet-trials-") as place:
        out = Path(place)
        (out / "accepted.json").write_text("[]\n")
        build = HOME / os.environ.get("B", "build")
        library = build / GOMALLOC
        base = planted.build(library, [], out / "base.so")
        with Cluster(out / "c") as cluster:
            null = Counter(
                trial(cluster, base, base, row, blocks, out, n + 1) for n in range(count)
            )
            print(f"identical libraries, {count} runs: {dict(null)}", flush=True)
            cost = planted.Calibration(library, build, out).cost(row, CALIBRATION_BLOCKS)
            base = planted.build(library, [], out / "base.so")
            head = planted.build(library, [cost.slower(SLOWER)], out / "head.so")
            slower = Counter(
                trial(cluster, base, head, row, blocks, out, n + 1) for n in range(count)
            )
            print(f"+{SLOWER:.0%}, {count} runs: {dict(slower)}", flush=True)
    return 0 if not null["fail"] + null["other fail"] and slower["fail"] == count else 1


if __name__ == "__main__":
    run(main)
