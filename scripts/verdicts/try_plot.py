#!/usr/bin/python3
"""Draws a comparison of `spanbench try` for people, as PNG, into its directory plots/.

  pareto   time against peak memory, with 95 % intervals: who is fast, and at what price
  memory   the memory of all processes over time, in the first round; of a server, with the ends of its phases
"""

from __future__ import annotations

import logging
import math
import os
import sys
from pathlib import Path
from typing import Any, Optional

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # run as a file, it is of a package

import program
from verdicts import try_results
from verdicts import try_verdict
from bench_results import MIB, Unusable
from verdicts.try_claims import Verdict, judge, median

logging.getLogger("matplotlib").setLevel(logging.ERROR)
os.environ["MPLBACKEND"] = "Agg"
try:
    from figures import save
    from figures.style import FIRST, GREY, LINES, MARKERS, arrange, colour, panels
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D
except ModuleNotFoundError as missing:
    print(
        f"try_plot.py: no {missing.name}: install python3-matplotlib (or run scripts/deps.sh bench)",
        file=sys.stderr,
    )
    sys.exit(program.WRONG_USE)


Ratio = tuple[float, float, float]  # an estimate, and its interval
Curves = dict[tuple[str, int], try_results.Curve]  # by row and round
MARK: dict[str, Any] = {"markersize": 7, "markeredgecolor": "#FFFFFF", "zorder": 3}
# A name, and what the legend shows of it.
Handle = tuple[str, Line2D]


def look(place: int) -> dict[str, object]:
    """Of the row in this place: no two are alike."""
    return {
        "color": colour(place),
        "linestyle": LINES[place // FIRST % len(LINES)],
        "marker": MARKERS[place % len(MARKERS)],
    }


def relative(verdict: Verdict, metric: try_results.Metric, row: try_results.Row) -> Ratio:
    """To the reference; of two builds without an interval, for those are of other pairs."""
    reference = verdict.results.reference
    assert reference
    if not verdict.results.of_two_builds:
        return verdict.ratio(metric, row) or (1.0, 1.0, 1.0)
    ratio = median(row, metric) / median(reference, metric)
    return ratio, ratio, ratio


def distances(ratio: Ratio) -> list[list[float]]:
    """What errorbar() wants; nothing, if the runs are too few for an interval."""
    estimate, low, high = (r if math.isfinite(r) else ratio[0] for r in ratio)
    return [[estimate - low], [high - estimate]]


def pareto(verdict: Verdict) -> Optional[Figure]:
    """None: no row has both numbers."""
    results = verdict.results
    reference = results.reference
    metrics = try_results.MEMORY, results.metrics[0]
    shown = [
        (place, row)
        for place, row in enumerate(results.good)
        if all(row.values.get(m.name) for m in metrics)
    ]
    if not shown or not reference or any(m.name not in reference.values for m in metrics):
        return None
    figure, axes = panels(1, "Time against peak memory (better: down and left)", 1, 4.2)
    ax = axes[0][0]
    handles: list[Handle] = []
    for place, row in shown:
        style = {**look(place), "linestyle": "", "markersize": 7}
        x, y = (relative(verdict, m, row) for m in metrics)
        ax.errorbar(x[0], y[0], distances(y), distances(x), capsize=3, **style)
        handles.append((row.name, Line2D([], [], **style)))
    ax.set_xlabel(f"peak memory, relative to {reference.name}")
    ax.set_ylabel(f"{metrics[1].name}, relative to {reference.name}")
    arrange(figure, handles, [try_verdict.title(verdict)])
    return figure


def phases_of(results: try_results.Results, row: str) -> list[tuple[float, float]]:
    """Of a server in the first round: when each phase ended, and its memory then, MiB."""
    return [
        (end["seconds"], end["bytes"] / MIB)
        for run in results.document["runs"]
        if run["row"] == row and run["round"] == 0
        for end in run.get("phases", [])
    ]


def mark_phases(ax: Axes, style: dict[str, object], ends: list[tuple[float, float]]) -> None:
    for i, (seconds, size) in enumerate(ends):
        ax.plot(seconds, size, color=style["color"], marker=MARKERS[i], **MARK)


def phase_names(results: try_results.Results) -> list[str]:
    if not results.document["program"]["server"]:
        return []
    commands = results.document["program"].get("then", [])
    return ["end of the load", *(f"end of command {i}" for i in range(1, len(commands) + 1))]


def memory(results: try_results.Results, curves: Curves) -> Optional[Figure]:
    """None: there is no curve."""
    shown = [(i, r) for i, r in enumerate(results.good) if curves.get((r.name, 0))]
    if not shown:
        return None
    figure, axes = panels(1, "Memory of all processes over time (better: down)", 1, 4.2)
    ax = axes[0][0]
    handles: list[Handle] = []
    for place, row in shown:
        curve = curves[row.name, 0]
        style = {**look(place), "linewidth": 1.5, "marker": ""}
        if len(curve.seconds) == 1:  # a line of one point cannot be seen
            style["marker"] = MARKERS[place % len(MARKERS)]
        ax.plot(curve.seconds, [b / MIB for b in curve.pss], **style)
        mark_phases(ax, style, phases_of(results, row.name))
        handles.append((row.name, Line2D([], [], **style)))
    for i, name in enumerate(phase_names(results)):
        handles.append((name, Line2D([], [], color=GREY, marker=MARKERS[i], linestyle="", **MARK)))
    ax.set(xlabel="seconds since the start", ylabel="MiB, each page counted once")
    ax.set_xlim(left=0)
    ax.set_ylim(bottom=0)
    arrange(figure, handles, [try_verdict.heading(results), "the first run of each row"])
    return figure


def figures_of(results: try_results.Results, curves: Curves) -> dict[str, Figure]:
    """By the names of their files; none is empty."""
    made = {"pareto": pareto(judge(results)), "memory": memory(results, curves)}
    return {name: figure for name, figure in made.items() if figure}


def main() -> int:
    parser = program.parser(
        __doc__,
        "scripts/verdicts/try_plot.py results/latest-try",
        try_verdict.LATEST,
        try_verdict.RUN_HELP,
    )
    parser.add_argument(
        "--if-possible", action="store_true", help="where no row has a result, end with exit code 0"
    )
    args = parser.parse_args()
    results = try_results.load(args.run)
    if not results.good and args.if_possible:
        return 0
    if not results.good:
        raise Unusable(f"{args.run}: no row has a result, so there is nothing to draw")
    folder = args.run if args.run.is_dir() else args.run.parent
    figures = figures_of(results, try_results.load_curves(folder / "memory.csv"))
    if not figures:
        raise Unusable(f"{args.run}: no row has both time and memory, so there is nothing to draw")
    out = folder / "plots"
    out.mkdir(exist_ok=True)
    for name, figure in figures.items():
        save(figure, out, name, ("png",))
    print(f"plots: {', '.join(str(out / f'{name}.png') for name in figures)}")
    return 0


if __name__ == "__main__":
    program.run(main)
