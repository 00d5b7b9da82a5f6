"""Operations a second against threads: a small panel for each allocator and workload."""

from __future__ import annotations

import math

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import NullLocator

from figures.style import (
    GREY,
    OTHERS,
    ZONE,
    Styles,
    finish,
    good_rows,
    log_scale,
    mops,
    multiples,
    page,
    plot_spreads,
    spread_handle,
)
from bench_results import Results, Row, plural

LABELS_APART = 0.08  # of the axis: thread counts closer than that are not both written
TITLE = "Throughput of all threads together (better: up)"
UNIT = "million ops a second (log)"
IDEAL = {"color": "#000000", "linestyle": ":", "linewidth": 1.0}


def thread_axis(ax: Axes, run: Results) -> None:
    """Logarithmic; where there are more threads than CPUs it is grey up to the end."""
    counts = run.thread_counts
    left, right = min(counts) / 1.2, max(counts) * 1.2
    ax.set_xscale("log", base=2)
    written: list[int] = []
    for t in counts:
        if not written or math.log(t / written[-1]) > LABELS_APART * math.log(right / left):
            written.append(t)
    ax.set_xticks(written, [str(t) for t in written])
    ax.xaxis.set_minor_locator(NullLocator())
    ax.set_xlim(left, right)
    ax.set_xlabel("threads", fontsize=8, labelpad=1)
    over = [t for t in counts if t > run.facts.cpus]
    if over:
        begin = max(left, math.sqrt(run.facts.cpus * over[0]))
        ax.axvspan(begin, right, color=ZONE, zorder=0, linewidth=0)


def note_oversubscribed(ax: Axes, run: Results) -> None:
    ax.text(
        1,
        1.02,
        f"grey: more threads than {plural(run.facts.cpus, 'CPU')}",
        transform=ax.transAxes,
        ha="right",
        va="bottom",
        fontsize=8,
        color=GREY,
    )


def allocator_axis(ax: Axes, run: Results, names: list[str]) -> None:
    """Of a run with one thread count: there are no lines to draw, so each allocator has a place."""
    ax.set_xticks(range(len(names)), names, rotation=45, ha="right", rotation_mode="anchor")
    ax.set_xlim(-0.6, max(1, len(names)) - 0.4)
    threads = run.thread_counts[0]
    ax.set_xlabel(plural(threads, "thread"))
    if threads > run.facts.cpus:
        ax.set_facecolor(ZONE)
        note_oversubscribed(ax, run)


def of_one_count(run: Results, styles: Styles) -> Figure:
    """The fastest first, the floor last."""
    figure, axes = page(run, TITLE, rows=1, height=3.5)
    for ax, workload in zip(axes[0], run.workloads):
        rows = good_rows(run, workload, run.thread_counts[0])
        rows.sort(key=lambda r: (r.floor, -mops(r).median))
        seen: list[float] = []
        for place, row in enumerate(rows):
            look = styles.of(row.allocator)
            if row.floor:
                look["marker"] = "_"
            plot_spreads(ax, [place], [mops(row)], look)
            seen += [mops(row).low, mops(row).high]
        log_scale(ax.yaxis, seen)
        allocator_axis(ax, run, [row.label for row in rows])
        ax.set_title(workload)
    axes[0][0].set_ylabel(UNIT)
    finish(figure, run, [spread_handle(run)])
    return figure


def ideal(run: Results, rows: list[Row]) -> tuple[list[int], list[float]]:
    """What the fewest threads do, times the threads, up to the CPUs; the page of a run has the same."""
    first = rows[0].threads
    each = mops(rows[0]).median / first
    counts = [r.threads for r in rows]
    return counts, [each * min(t, max(run.facts.cpus, first)) for t in counts]


def of_threads(run: Results, styles: Styles) -> Figure:
    """A panel for each allocator, the others behind it."""
    names = [a for a in run.allocators if a not in styles.floors] or run.allocators
    figure, axes = multiples(run.workloads, names, TITLE)
    for workload in run.workloads:
        lines: dict[str, list[Row]] = {}
        for row in (r for t in run.thread_counts for r in good_rows(run, workload, t)):
            lines.setdefault(row.allocator, []).append(row)
        seen = [v for of in lines.values() for r in of for v in (mops(r).low, mops(r).high)]
        for name in names:
            ax = axes[workload, name]
            for other, rows in lines.items():
                look = styles.of(other) if other in styles.floors else OTHERS
                if other != name:
                    ax.plot([r.threads for r in rows], [mops(r).median for r in rows], **look)
            if own := lines.get(name):
                ax.plot(*ideal(run, own), **IDEAL)
                plot_spreads(ax, [r.threads for r in own], [mops(r) for r in own], styles.of(name))
            log_scale(ax.yaxis, seen)
            thread_axis(ax, run)
    first = axes[run.workloads[0], names[0]]
    first.set_ylabel(UNIT, fontsize=8)
    floors = [a for a in run.allocators if a in styles.floors and a not in names]
    more = [("others", OTHERS), ("ideal: each thread as one alone, up to the CPUs", IDEAL)]
    named = [spread_handle(run), *((said, Line2D([], [], **look)) for said, look in more)]
    over = run.thread_counts[-1] > run.facts.cpus
    note = f"grey: more threads than {plural(run.facts.cpus, 'CPU')}"
    finish(figure, run, [*named, *styles.handles(floors)], notes=[note] * over)
    return figure


def draw(run: Results, styles: Styles) -> Figure:
    return (of_one_count if len(run.thread_counts) == 1 else of_threads)(run, styles)
