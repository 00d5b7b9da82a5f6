"""Operations a second against threads, a panel per workload."""

from __future__ import annotations

import math

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from figures.style import (
    GREY,
    ZONE,
    Styles,
    finish,
    good_rows,
    log_scale,
    mops,
    page,
    plot_spreads,
    spread_handle,
)
from bench_results import Results, Row, plural

LABELS_APART = 0.08  # of the axis: thread counts closer than that are not both written


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
    ax.set_xlabel("threads")
    over = [t for t in counts if t > run.facts.cpus]
    if over:
        begin = max(left, math.sqrt(run.facts.cpus * over[0]))
        ax.axvspan(begin, right, color=ZONE, zorder=0, linewidth=0)
        note_oversubscribed(ax, run)


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


def draw(run: Results, styles: Styles) -> Figure:
    title = "Throughput of all threads together (better: up)"
    figure, axes = page(run, title, rows=1, height=3.5)
    single = len(run.thread_counts) == 1
    for ax, workload in zip(axes[0], run.workloads):
        lines: dict[str, list[Row]] = {}
        for allocator in run.allocators:
            rows = [r for t in run.thread_counts for r in good_rows(run, workload, t)]
            if mine := [r for r in rows if r.allocator == allocator]:
                lines[allocator] = mine
        if single:  # the fastest first, the floor last
            fastest = sorted(lines, key=lambda a: (lines[a][0].floor, -mops(lines[a][0]).median))
            lines = {a: lines[a] for a in fastest}
        seen: list[float] = []
        for place, (allocator, rows) in enumerate(lines.items()):
            spreads = [mops(r) for r in rows]
            x = [place] if single else [r.threads for r in rows]
            look = styles.of(allocator)
            if single and rows[0].floor:
                look["marker"] = "_"
            plot_spreads(ax, x, spreads, look)
            seen += [v for s in spreads for v in (s.low, s.high)]
        log_scale(ax.yaxis, seen)
        if single:
            allocator_axis(ax, run, [rows[0].label for rows in lines.values()])
        else:
            thread_axis(ax, run)
        ax.set_title(workload)
    axes[0][0].set_ylabel("million ops a second (log)")
    named = [] if single else styles.handles(run.allocators)
    finish(figure, run, [*named, spread_handle(run)])
    return figure
