"""Counts over commits: a row of panels a metric, a column a workload, a line a kind of machine."""

from __future__ import annotations

from statistics import median
from typing import Any, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, MaxNLocator

from history_changes import ALL_CALLS, Point, points
from figures.style import COLOURS, GREY, MARKERS, arrange, panels
from gate import deterministic
from gate.counting import Work
from bench_results import MIB
from history_file import Entry

# What is drawn when no metric is named, and the words for it.
PANELS = {
    "instructions": "instructions\nan operation",
    ALL_CALLS: "system calls",
    "minor_faults": "minor faults",
    "bytes_mapped": "mapped, MiB",
    "rss_peak_bytes": "RSS peak, MiB",
    "rss_drained_bytes": "RSS after all\nis freed, MiB",
    "rss_purged_bytes": "RSS purged, MiB",
}
SHORT = 8  # digits of a commit's name
MOST_LABELS = 40  # commits that are named below a panel
# So many of the gate's limit lie between the middle of a panel and its edge, at least.
LEAST_LIMITS = 2.5
ROOM = 1.7  # times the range, for the rings' words
HEIGHT = 1.75  # inches of a panel


def scale(metric: str) -> float:
    """From the store's units to those of the panel."""
    if metric == "instructions":
        return 1 / 1000
    return 1 / MIB if "bytes" in metric else 1


def draw(groups: dict[str, list[Entry]], rows: Sequence[Work], metrics: Sequence[str]) -> Figure:
    """Of entries that may be compared with one another, by the words for what they share."""
    commits = sorted(
        {e.commit: e.date for entries in groups.values() for e in entries}.items(),
        key=lambda c: c[1],
    )
    places = {commit: i for i, (commit, _) in enumerate(commits)}
    title = "gomalloc over its commits, at one thread: counts, medians and ranges (better: down)"
    figure, axes = panels(len(rows), title, len(metrics), HEIGHT)
    for line, metric in zip(axes, metrics):
        for ax, row in zip(line, rows):
            seen = [
                point
                for i, entries in enumerate(groups.values())
                for point in series(ax, points(entries, row, metric), places, metric, i)
            ]
            limits(ax, row, metric, seen)
        line[0].set_ylabel(PANELS.get(metric, metric))
    for ax, row in zip(axes[0], rows):
        ax.set_title(row.row)
    for line in axes:
        for ax in line:
            name_commits(ax, list(places), last=line is axes[-1])
    arrange(figure, handles(groups), [f"{i + 1}: {words}" for i, words in enumerate(groups)])
    return figure


def look(i: int) -> dict[str, Any]:
    return {
        "color": COLOURS[i % len(COLOURS)],
        "marker": MARKERS[i % len(MARKERS)],
        "markersize": 4,
        "linewidth": 1.2,
    }


def series(ax: Axes, made: list[Point], places: dict[str, int], metric: str, i: int) -> list[Point]:
    """Draws the points and marks the changes among them."""
    factor = scale(metric)
    across = [places[p.entry.commit] for p in made]
    ax.plot(across, [p.value * factor for p in made], drawstyle="steps-mid", **look(i))
    low, high = ([end(p.values) * factor for p in made] for end in (min, max))
    ax.vlines(across, low, high, color=look(i)["color"], linewidth=1)
    for x, point in zip(across, made):
        if point.marked:
            ring = {**look(i), "marker": "o", "markersize": 10, "markerfacecolor": "none"}
            ax.plot([x], [point.value * factor], **ring)
            up = point.value > point.before
            ax.annotate(
                point.change,
                (x, point.value * factor),
                xytext=(0, 8 if up else -8),
                textcoords="offset points",
                ha="center",
                va="bottom" if up else "top",
                fontsize=8,
            )
    return made


def limits(ax: Axes, row: Work, metric: str, seen: list[Point]) -> None:
    """So much room that what the gate lets pass looks small, and that the rings' words fit."""
    values = [v for p in seen for v in p.values]
    if not values:
        return
    low, high = min(values), max(values)
    half = max(
        (high - low) / 2 * ROOM,
        LEAST_LIMITS * deterministic.limit(metric, row.ops).of(median(values)),
    )
    middle, factor = (low + high) / 2, scale(metric)
    ax.set_ylim((middle - half) * factor, (middle + half) * factor)


def name_commits(ax: Axes, commits: Sequence[str], last: bool) -> None:
    step = -(-len(commits) // MOST_LABELS)
    ax.set_xlim(-0.7, len(commits) - 0.3)
    ax.set_xticks(range(0, len(commits), step))
    names = [c[:SHORT] for c in commits[::step]] if last else []
    ax.set_xticklabels(names or [""] * len(commits[::step]), rotation=90, fontsize=8)
    ax.yaxis.set_major_locator(MaxNLocator(4))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))


def handles(groups: dict[str, list[Entry]]) -> list[tuple[str, Any]]:
    named = [
        (f"counted with the tools {i + 1}", Line2D([], [], **look(i))) for i in range(len(groups))
    ]
    ring = Line2D([], [], color=GREY, marker="o", markersize=10, linestyle="", fillstyle="none")
    return [*named, ("change beyond the gate's limit", ring)]
