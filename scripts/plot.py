#!/usr/bin/python3
"""Draws a run for people: four figures, each as PNG and SVG, into the run's directory plots/.

  throughput   operations a second against threads, a panel per workload
  timeline     memory and VSZ over time, sampled from outside
  memory       memory while all threads hold their live set, for each live byte
  pareto       throughput against memory: who is fast, and at what price

Memory is RSS less that at the start.
"""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))  # also where Python does not add it

import program
import bench_results

PANELS = 6  # beside each other


def drawable(run: bench_results.Results) -> bench_results.Results:
    """The core, if it was measured; else the first workloads, as many as panels can be read."""
    core = run.of_core(True)
    if core.rows:
        return core
    chosen = run.workloads[:PANELS]
    left = len(run.workloads) - len(chosen)
    if left:
        print(f"plot.py: {left} more workloads are not drawn; the answer has all", file=sys.stderr)
    return bench_results.Results(run.facts, [r for r in run.rows if r.workload in chosen])


def main() -> int:
    parser = program.parser(__doc__, "scripts/plot.py results/latest --out /tmp/plots")
    parser.add_argument(
        "--out", type=Path, help="where the figures go (default: plots/ in the run)"
    )
    args = parser.parse_args()
    run = bench_results.load(args.run)
    directory = args.run if args.run.is_dir() else args.run.parent
    timeline = directory / "timeline.csv"
    series = bench_results.load_timeline(timeline) if timeline.exists() else {}
    if not series:
        print(f"plot.py: no {timeline}, so no plot of memory over time", file=sys.stderr)

    run = drawable(run)
    # matplotlib takes a second to load, and refuses to if it does not know the backend named here.
    os.environ["MPLBACKEND"] = "Agg"
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    try:
        import figures
    except ModuleNotFoundError as missing:
        print(
            f"plot.py: no plots without {missing.name}: install python3-matplotlib, "
            "then run scripts/plot.py",
            file=sys.stderr,
        )
        return 0
    out = args.out or directory / "plots"
    out.mkdir(parents=True, exist_ok=True)
    paths = [
        path
        for name, figure in figures.draw(run, series).items()
        for path in figures.save(figure, out, name)
    ]
    print(f"plots: {', '.join(str(p) for p in paths if p.suffix == '.png')}")
    return 0


if __name__ == "__main__":
    program.run(main)
