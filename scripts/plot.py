#!/usr/bin/python3
"""Draws a run for people: four figures, each as PNG and SVG, into the run's directory plots/.

  throughput   operations a second against threads, a panel per workload
  timeline     RSS and VSZ over time, sampled from outside
  memory       RSS while all threads hold their live set, against the live bytes themselves
  pareto       throughput against RSS: who is fast, and at what price

Colours are those of Okabe and Ito (distinct to the colour-blind), and each allocator also has a
marker of its own, so that a print without colours can be read.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Any, Callable, Iterator

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

import results
from results import MIB, Results, Row, Series

# Okabe and Ito, "Color universal design", 2008; without yellow, which is too pale on white.
COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000"]
MARKERS = ["o", "s", "^", "D", "v", "P", "X", "<", ">", "p", "*", "h", "d"]
FLOOR_COLOUR = "#808080"

plt.rcParams.update(
    {
        "font.size": 10,
        "axes.titlesize": 11,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "grid.color": "#DDDDDD",
        "grid.linewidth": 0.6,
        "axes.axisbelow": True,
        "savefig.dpi": 150,
        "svg.hashsalt": "spanbench",
    }
)


class Styles:
    """One colour and marker an allocator, the same in all figures."""

    def __init__(self, run: Results) -> None:
        self.floor = {r.allocator for r in run.rows if r.floor}
        self.names = [a for a in run.allocators if a not in self.floor]

    def of(self, allocator: str) -> dict[str, Any]:
        if allocator in self.floor:
            return {"color": FLOOR_COLOUR, "marker": "", "linestyle": "--", "linewidth": 1.2}
        i = self.names.index(allocator)
        line = ["-", "--", ":"][i // len(COLOURS) % 3]
        return {
            "color": COLOURS[i % len(COLOURS)],
            "marker": MARKERS[i % len(MARKERS)],
            "linestyle": line,
            "linewidth": 1.5,
            "markersize": 5,
        }

    def legend(self, figure: Figure) -> None:
        """One legend for all panels, below them."""
        handles = [Line2D([], [], label=name, **self.of(name)) for name in self.names]
        for name in sorted(self.floor):
            handles.append(Line2D([], [], label=f"{name} (harness alone)", **self.of(name)))
        legend_below(figure, handles)


def legend_below(figure: Figure, handles: list[Any]) -> None:
    rows = -(-len(handles) // 8)
    columns = -(-len(handles) // rows)
    figure.legend(handles=handles, loc="lower center", ncol=columns, frameon=False)


def panels(run: Results, rows: int = 1, height: float = 3.6) -> tuple[Figure, list[list[Axes]]]:
    """A column of panels per workload."""
    columns = len(run.workloads)
    figure, axes = plt.subplots(
        rows, columns, figsize=(1.2 + 3.6 * columns, 1.2 + height * rows), squeeze=False
    )
    return figure, [list(line) for line in axes]


def plain(value: float, _: int = 0) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.3g}"


def log_scale(axis: Any, values: list[float]) -> None:
    """A logarithmic axis with readable ticks (1, 2, 5 of each decade) around these values."""
    low, high = min(values) / 1.25, max(values) * 1.25
    steps = [m * 10.0**e for e in range(-9, 10) for m in (1, 2, 5)]
    ticks = [s for s in steps if low <= s <= high]
    if len(ticks) > 8:  # many decades: their beginnings are enough
        ticks = [s for s in ticks if f"{s:e}"[0] == "1"]
    axis.axes.set_yscale("log") if axis.axis_name == "y" else axis.axes.set_xscale("log")
    axis.set_major_locator(FixedLocator(ticks))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(plain))
    axis.set_view_interval(low, high, ignore=True)


def good_rows(run: Results, workload: str, threads: int) -> Iterator[Row]:
    return (r for r in run.select(workload, threads) if r.samples)


def spread_bars(rows: list[Row], value: Callable[[Row], results.Spread]) -> tuple[Any, Any]:
    """Medians, and the distances to the quartiles as error bars."""
    spreads = [value(r) for r in rows]
    low = [s.median - s.low for s in spreads]
    high = [s.high - s.median for s in spreads]
    return [s.median for s in spreads], [low, high]


def mops(row: Row) -> results.Spread:
    s = row.spread("ops_per_second")
    return results.Spread(s.low / 1e6, s.median / 1e6, s.high / 1e6)


def mib(counter: str) -> Callable[[Row], results.Spread]:
    def spread(row: Row) -> results.Spread:
        s = row.spread(counter)
        return results.Spread(s.low / MIB, s.median / MIB, s.high / MIB)

    return spread


def plot_throughput(run: Results, styles: Styles) -> Figure:
    figure, axes = panels(run)
    for ax, workload in zip(axes[0], run.workloads):
        seen = []
        for allocator in run.allocators:
            rows = [
                row
                for t in run.thread_counts
                if (row := run.row(workload, allocator, t)) and row.samples
            ]
            if rows:
                y, error = spread_bars(rows, mops)
                ax.errorbar([r.threads for r in rows], y, error, capsize=3, **styles.of(allocator))
                seen += y
        ax.set_xscale("log", base=2)
        ax.set_xticks(run.thread_counts, [str(t) for t in run.thread_counts])
        ax.xaxis.set_minor_locator(NullLocator())
        over = [t for t in run.thread_counts if t > run.cpus]
        if over:
            ax.axvspan(run.cpus * 1.15, max(over) * 1.15, color="#F0F0F0", zorder=0)
            ax.text(
                max(over) * 1.1,
                0.01,
                f"more than {run.cpus} CPUs",
                transform=ax.get_xaxis_transform(),
                ha="right",
                va="bottom",
                fontsize=8,
                color="#606060",
            )
        if seen:
            log_scale(ax.yaxis, seen)
        ax.set_title(workload)
        ax.set_xlabel("threads")
    axes[0][0].set_ylabel("million operations a second (log)")
    figure.suptitle("Throughput: median, bars to the quartiles; up is better")
    styles.legend(figure)
    return figure


def plot_timeline(run: Results, styles: Styles, series: dict[Any, Series]) -> Figure:
    figure, axes = panels(run, rows=2, height=2.7)
    for column, workload in enumerate(run.workloads):
        for line, title in enumerate(("RSS", "VSZ")):
            ax = axes[line][column]
            seen = []
            for (load, allocator, _), s in series.items():
                if load != workload:
                    continue
                y = [b / MIB for b in (s.rss if title == "RSS" else s.vsz)]
                ax.plot(s.seconds, y, markevery=0.12, **styles.of(allocator))
                seen += [max(y)] + ([min(y)] if title == "VSZ" else [])
            ax.set_xlim(left=0)
            if seen and title == "VSZ":
                log_scale(ax.yaxis, seen)
            else:
                ax.set_ylim(bottom=0)
            if line == 0:
                ax.set_title(workload)
            else:
                ax.set_xlabel("seconds since the process began")
    axes[0][0].set_ylabel("RSS, MiB")
    axes[1][0].set_ylabel("VSZ, MiB (log)")
    threads = "/".join(sorted({str(t) for _, _, t in series}))
    figure.suptitle(
        f"Memory over time, {threads} threads: live set built and churned, freed, purged "
        "(a rest at each level)"
    )
    styles.legend(figure)
    return figure


def plot_memory(run: Results, styles: Styles) -> Figure:
    threads = run.busiest
    figure, axes = panels(run, height=0.45 * len(styles.names) + 0.8)
    for ax, workload in zip(axes[0], run.workloads):
        rows = [r for r in good_rows(run, workload, threads) if not r.floor]
        rows.sort(key=lambda r: -r.median("rss_live_bytes"))
        start = [r.median("rss_start_bytes") / MIB for r in rows]
        rss, error = spread_bars(rows, mib("rss_live_bytes"))
        places = range(len(rows))
        ax.barh(places, rss, color="#9ECAE1", edgecolor="#08519C", linewidth=0.8, xerr=error)
        ax.barh(places, start, color="#FFFFFF", edgecolor="#08519C", linewidth=0.8, hatch="////")
        for counter, marker in (("rss_drained_bytes", "o"), ("rss_purged_bytes", "D")):
            known = [(r.median(counter) / MIB, i) for i, r in enumerate(rows) if r.has(counter)]
            ax.plot(
                [x for x, _ in known],
                [i for _, i in known],
                linestyle="",
                marker=marker,
                color="#000000",
                markerfacecolor="#FFFFFF" if marker == "o" else "#000000",
                markersize=5,
            )
        if rows:
            live = rows[0].median("live_bytes") / MIB
            ax.axvline(live, color="#D55E00", linewidth=1.5)
        for i, row in enumerate(rows):
            ratio = row.median("rss_live_bytes") / row.median("live_bytes")
            right = max(rss[i] + error[1][i], row.median("rss_drained_bytes") / MIB)
            ax.annotate(
                f"{ratio:.2f}x",
                (right, i),
                xytext=(6, 0),
                textcoords="offset points",
                va="center",
                fontsize=8,
            )
        ax.set_yticks(list(places), [r.allocator for r in rows])
        ax.grid(axis="y", visible=False)
        ax.margins(x=0.2)
        ax.set_xlim(left=0)
        ax.set_title(workload)
        ax.set_xlabel("RSS, MiB")
    plural = "s" * (threads > 1)
    figure.suptitle(f"Memory, {threads} thread{plural}: RSS with all blocks live; left is better")
    handles = [
        Line2D([], [], color="#D55E00", label="live bytes, as asked for"),
        plt.Rectangle((0, 0), 1, 1, fc="#9ECAE1", ec="#08519C", label="RSS, and its ratio to them"),
        plt.Rectangle((0, 0), 1, 1, fc="#FFFFFF", ec="#08519C", hatch="////", label="at start"),
        Line2D([], [], ls="", marker="o", mfc="#FFFFFF", mec="#000000", label="after all is freed"),
        Line2D([], [], ls="", marker="D", color="#000000", label="after a purge"),
    ]
    legend_below(figure, handles)
    return figure


def pareto_front(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Those (memory, speed) that no other beats in both, by memory."""
    front: list[tuple[float, float]] = []
    for memory, speed in sorted(points, key=lambda p: (p[0], -p[1])):
        if not front or speed > front[-1][1]:
            front.append((memory, speed))
    return front


def label_points(ax: Axes, points: list[tuple[str, float, float]]) -> None:
    """Writes each name beside its point, on the side where it covers nothing yet."""
    figure = ax.figure
    scale = 72 / figure.dpi
    taken = []  # boxes in points: left, bottom, right, top
    for _, x, y in points:
        px, py = (v * scale for v in ax.transData.transform((x, y)))
        taken.append((px - 5, py - 5, px + 5, py + 5))
    for name, x, y in points:
        px, py = (v * scale for v in ax.transData.transform((x, y)))
        width, height = 5.2 * len(name), 9
        for dx, dy in ((8, -4), (-8 - width, -4), (-width / 2, 7), (-width / 2, -16)):
            box = (px + dx, py + dy, px + dx + width, py + dy + height)
            if not any(
                box[0] < t[2] and t[0] < box[2] and box[1] < t[3] and t[1] < box[3] for t in taken
            ):
                break
        taken.append(box)
        ax.annotate(name, (x, y), xytext=(dx, dy), textcoords="offset points", fontsize=9)


def plot_pareto(run: Results, styles: Styles) -> Figure:
    threads = run.busiest
    figure, axes = panels(run)
    labels = []
    for ax, workload in zip(axes[0], run.workloads):
        rows = [r for r in good_rows(run, workload, threads) if not r.floor]
        points = []
        for row in rows:
            x, y = mib("rss_live_bytes")(row), mops(row)
            ax.errorbar(
                x.median,
                y.median,
                [[y.median - y.low], [y.high - y.median]],
                [[x.median - x.low], [x.high - x.median]],
                capsize=2,
                **{**styles.of(row.allocator), "markersize": 8},
            )
            if row.ranked:
                points.append((x.median, y.median))
        if rows:
            front = pareto_front(points)
            ax.step(
                [m for m, _ in front],
                [s for _, s in front],
                where="post",
                color="#BBBBBB",
                linewidth=1,
                zorder=1,
            )
            live = rows[0].median("live_bytes") / MIB
            speeds = [mops(r).median for r in rows]
            for row in good_rows(run, workload, threads):
                if row.floor:
                    ax.axhline(mops(row).median, **{**styles.of(row.allocator)})
                    speeds.append(mops(row).median)
            ax.axvline(live, color=FLOOR_COLOUR, linestyle=":", linewidth=1.2)
            log_scale(ax.yaxis, speeds)
            log_scale(ax.xaxis, [live, *(1.2 * r.median("rss_live_bytes") / MIB for r in rows)])
            names = [(r.allocator, r.median("rss_live_bytes") / MIB, mops(r).median) for r in rows]
            labels.append((ax, names))
        ax.set_title(workload)
        ax.set_xlabel("RSS with all blocks live, MiB (log)")
    axes[0][0].set_ylabel("million operations a second (log)")
    plural = "s" * (threads > 1)
    figure.suptitle(
        f"Speed against memory, {threads} thread{plural}: up and left is better; "
        "grey steps: beaten by none in both; dotted: live bytes"
    )
    styles.legend(figure)
    lay_out(figure)
    for ax, names in labels:  # where they go depends on the final layout
        label_points(ax, names)
    return figure


def lay_out(figure: Figure) -> None:
    """Panels above, the legend in the strip of 0.45 inches below."""
    figure.tight_layout(rect=(0, 0.45 / figure.get_figheight(), 1, 1))


def save(figure: Figure, directory: Path, name: str) -> list[Path]:
    """PNG and SVG, each whole or not at all."""
    paths = []
    lay_out(figure)
    for kind in ("png", "svg"):
        path = directory / f"{name}.{kind}"
        part = directory / f".{name}.{kind}.part"
        figure.savefig(part, format=kind, metadata={"Date": None} if kind == "svg" else None)
        os.replace(part, path)
        paths.append(path)
    plt.close(figure)
    return paths


def draw(run_directory: Path, out: Path) -> list[Path]:
    """All figures of a run. The timeline is left out, with a word, if the run has none."""
    run = results.load(run_directory)
    styles = Styles(run)
    figures = {
        "throughput": plot_throughput(run, styles),
        "memory": plot_memory(run, styles),
        "pareto": plot_pareto(run, styles),
    }
    timeline = run_directory / "timeline.csv"
    if timeline.exists():
        figures["timeline"] = plot_timeline(run, styles, results.load_timeline(timeline))
    else:
        print(f"plot.py: no {timeline}, so no plot of memory over time", file=sys.stderr)
    out.mkdir(parents=True, exist_ok=True)
    return [path for name, figure in figures.items() for path in save(figure, out, name)]


def main() -> int:
    parser = argparse.ArgumentParser(
        description="Draw the results of a run.",
        epilog="example: scripts/plot.py results/latest",
    )
    parser.add_argument("run", nargs="?", default="results/latest", help="directory of the run")
    parser.add_argument("--out", help="where the figures go (default: plots/ in the run)")
    args = parser.parse_args()
    directory = Path(args.run)
    try:
        paths = draw(directory, Path(args.out) if args.out else directory / "plots")
    except (OSError, ValueError) as problem:
        print(f"plot.py: {args.run}: {problem}", file=sys.stderr)
        return 2
    print(f"plots: {', '.join(str(p) for p in paths if p.suffix == '.png')}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
