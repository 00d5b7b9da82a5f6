#!/usr/bin/python3
"""Draws a comparison of `spanbench try` for people, as PNG, into its directory plots/.

  pareto   time against peak memory, with 95 % intervals: who is fast, and at what price
  memory   the memory of all processes over time, in the first round
"""

from __future__ import annotations

import argparse
import logging
import math
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))  # also where Python does not add it

import program
import try_results
import try_verdict
from bench_results import MIB, Unusable

logging.getLogger("matplotlib").setLevel(logging.ERROR)
os.environ["MPLBACKEND"] = "Agg"
try:
    from figures.style import COLOURS, MARKERS, arrange, panels
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D
except ModuleNotFoundError as missing:
    print(
        f"try_plot.py: no {missing.name}: install python3-matplotlib (or run scripts/deps.sh bench)",
        file=sys.stderr,
    )
    sys.exit(program.WRONG_USE)


def look(place: int) -> dict[str, object]:
    return {
        "color": COLOURS[place % len(COLOURS)],
        "marker": MARKERS[place % len(MARKERS)],
        "markersize": 7,
    }


def distances(ratio: tuple[float, float, float]) -> list[list[float]]:
    """What errorbar() wants; nothing, if the runs are too few for an interval."""
    estimate, low, high = (r if math.isfinite(r) else ratio[0] for r in ratio)
    return [[estimate - low], [high - estimate]]


def pareto(verdict: try_verdict.Verdict) -> Figure:
    results = verdict.results
    time = results.metrics[0]
    figure, axes = panels(1, "Time against peak memory (better: down and left)", 1, 4.2)
    ax = axes[0][0]
    handles = []
    for place, row in enumerate(results.good):
        style = look(place)
        x, y = (verdict.ratio(m, row) or (1.0, 1.0, 1.0) for m in (try_results.MEMORY, time))
        if row.values.get(try_results.MEMORY.name) and row.values.get(time.name):
            ax.errorbar(x[0], y[0], distances(y), distances(x), capsize=3, **style)
            handles.append((row.name, Line2D([], [], linestyle="", **style)))
    ax.set_xlabel(f"peak memory, relative to {verdict_reference(verdict)}")
    ax.set_ylabel(f"{time.name}, relative to {verdict_reference(verdict)}")
    arrange(figure, handles, [try_verdict.title(results)])
    return figure


def verdict_reference(verdict: try_verdict.Verdict) -> str:
    return verdict.results.reference.name if verdict.results.reference else "-"


def memory(
    results: try_results.Results, curves: dict[tuple[str, int], try_results.Curve]
) -> Figure:
    figure, axes = panels(1, "Memory of all processes over time (better: down)", 1, 4.2)
    ax = axes[0][0]
    handles = []
    for place, row in enumerate(results.good):
        curve = curves.get((row.name, 0))
        if not curve:
            continue
        style = {"color": COLOURS[place % len(COLOURS)], "linewidth": 1.5}
        ax.plot(curve.seconds, [b / MIB for b in curve.pss], **style)
        handles.append((row.name, Line2D([], [], **style)))
    ax.set(xlabel="seconds since the start", ylabel="MiB, each page counted once")
    ax.set_xlim(left=0)
    ax.set_ylim(bottom=0)
    arrange(figure, handles, [try_verdict.title(results), "the first run of each row"])
    return figure


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog="example: scripts/try_plot.py results/latest-try",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "run",
        nargs="?",
        type=Path,
        default=try_verdict.LATEST,
        help="directory of a comparison (default: results/latest-try of spanbench)",
    )
    args = parser.parse_args()
    results = try_results.load(args.run)
    if not results.good:
        raise Unusable(f"{args.run}: no row has a result, so there is nothing to draw")
    out = args.run / "plots"
    out.mkdir(exist_ok=True)
    figures = {"pareto": pareto(try_verdict.judge(results))}
    file = args.run / "memory.csv"
    if file.exists():
        figures["memory"] = memory(results, try_results.load_curves(file))
    for name, figure in figures.items():
        figure.savefig(out / f"{name}.png")
    print(f"plots: {', '.join(str(out / f'{name}.png') for name in figures)}")
    return 0


if __name__ == "__main__":
    program.run(main)
