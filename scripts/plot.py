#!/usr/bin/python3
"""Draws a run for people: four figures, each as PNG and SVG, into the run's directory plots/.

  throughput   operations a second against threads, a panel per workload
  timeline     memory and VSZ over time, sampled from outside
  memory       memory while all threads hold their live set, for each live byte
  pareto       throughput against memory: who is fast, and at what price

Memory is RSS less that at the start. Of a fleet whose nodes differ, each class of machines has panels of its own, on the same
scales.
"""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))  # also where Python does not add it

import program
import bench_results
from fleet import classes

PANELS = 6  # beside each other, and below each other


def drawable(runs: list[bench_results.Results]) -> list[bench_results.Results]:
    """The core, if it was measured; else the first workloads, as many as panels can be read. Classes of a fleet have the same
    workloads."""
    cores = [run.of_core(True) for run in runs]
    if all(core.rows for core in cores):
        return cores
    chosen = runs[0].workloads[:PANELS]
    left = len(runs[0].workloads) - len(chosen)
    if left:
        print(f"plot.py: {left} more workloads are not drawn; the answer has all", file=sys.stderr)
    return [
        bench_results.Results(run.facts, [r for r in run.rows if r.workload in chosen])
        for run in runs
    ]


def several(path: Path) -> list[classes.OfClass]:
    """The classes of machines of a fleet, as many as panels can be read; none, if this is a run alone."""
    found = classes.several(path)
    if len(found) > PANELS:
        left = len(found) - PANELS
        print(
            f"plot.py: {left} more classes of machines are not drawn; each has plots of its own",
            file=sys.stderr,
        )
    return classes.load(found[:PANELS])


def series_of(folder: Path) -> dict[tuple[str, str, int], bench_results.Series]:
    timeline = folder / "timeline.csv"
    return bench_results.load_timeline(timeline) if timeline.exists() else {}


def main() -> int:
    parser = program.parser(__doc__, "scripts/plot.py results/latest --out /tmp/plots")
    parser.add_argument(
        "--out", type=Path, help="where the figures go (default: plots/ in the run)"
    )
    args = parser.parse_args()
    apart = several(args.run)
    runs = [of.run for of in apart] or [bench_results.load(args.run)]
    directory = args.run if args.run.is_dir() else args.run.parent
    series = [series_of(folder) for folder in [of.folder for of in apart] or [directory]]
    if not any(series):
        missing = directory / "timeline.csv"
        print(f"plot.py: no {missing}, so no plot of memory over time", file=sys.stderr)

    runs = drawable(runs)
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
    said = [(of.name, of.facts) for of in apart] or [("", "")]
    facets = [figures.Facet(run, *of, its) for run, of, its in zip(runs, said, series)]
    out = args.out or directory / "plots"
    out.mkdir(parents=True, exist_ok=True)
    paths = [
        path
        for name, figure in figures.draw(facets).items()
        for path in figures.save(figure, out, name)
    ]
    print(f"plots: {', '.join(str(p) for p in paths if p.suffix == '.png')}")
    return 0


if __name__ == "__main__":
    program.run(main)
