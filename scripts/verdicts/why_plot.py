#!/usr/bin/python3
"""Draws a run of `spanbench why` as a PNG into its directory plots/: whose the resident memory is, over time."""

from __future__ import annotations

import logging
import os
import sys
import textwrap
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # run as a file, it is of a package

import program
from verdicts import why_results
from verdicts import why_verdict
from bench_results import MIB

logging.getLogger("matplotlib").setLevel(logging.ERROR)
os.environ["MPLBACKEND"] = "Agg"
try:
    from figures import save
    from figures.style import COLOURS
    from matplotlib.figure import Figure
except ModuleNotFoundError as missing:
    print(
        f"why_plot.py: no {missing.name}: install python3-matplotlib (or run scripts/deps.sh bench)",
        file=sys.stderr,
    )
    sys.exit(program.WRONG_USE)


def draw(results: why_results.Results) -> Figure:
    process = results.largest
    verdict = why_verdict.judge(process)
    seconds = [p.seconds for p in process.points]
    parts = [
        (words, [p.parts[name] / MIB for p in process.points])
        for name, words in why_results.PARTS.items()
    ]
    figure = Figure(figsize=(9, 5.2), dpi=120, layout="constrained")
    ax = figure.subplots()
    ax.stackplot(
        seconds, [p for _, p in parts], labels=[w for w, _ in parts], colors=COLOURS[: len(parts)]
    )
    ax.plot(seconds, [p.live / MIB for p in process.points], "k--", linewidth=1, label="live bytes")
    ax.axvline(verdict.at.seconds, color="grey", linewidth=0.8, linestyle=":")
    ax.set(xlabel="seconds since the start", ylabel="resident memory, MiB")
    ax.set_xlim(min(seconds), max(max(seconds), min(seconds) + 1e-3))
    ax.set_ylim(bottom=0)
    handles, labels = ax.get_legend_handles_labels()
    ax.legend(
        handles[::-1], labels[::-1], loc="center left", bbox_to_anchor=(1.01, 0.5), fontsize=8
    )
    ax.set_title("\n".join(textwrap.wrap(verdict.sentence, 110)), fontsize=9, loc="left")
    return figure


def main() -> int:
    parser = program.parser(
        __doc__,
        "scripts/verdicts/why_plot.py results/latest-why",
        why_results.LATEST,
        why_results.WHAT,
    )
    args = parser.parse_args()
    results = why_results.load(args.run)
    out = (args.run if args.run.is_dir() else args.run.parent) / "plots"
    out.mkdir(exist_ok=True)
    save(draw(results), out, "why", ("png",))
    print(f"plot: {out / 'why.png'}")
    return 0


if __name__ == "__main__":
    program.run(main)
