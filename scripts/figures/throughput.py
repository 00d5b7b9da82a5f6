"""Operations a second against threads: a small panel for each allocator and workload."""

from __future__ import annotations

import math
from typing import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import NullLocator

from figures.style import (
    GREY,
    OTHERS,
    ZONE,
    Facet,
    Styles,
    finish,
    good_rows,
    log_scale,
    mops,
    multiples,
    page,
    plot_spreads,
    spread_handle,
    workloads_of,
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


def in_order(facets: Sequence[Facet], workload: str) -> dict[str, str]:
    """The allocators and their labels, the fastest first, the floor last. Panels below each other have one order, that of the
    first which has the row."""
    found: dict[str, str] = {}
    for of in facets:
        rows = good_rows(of.run, workload, of.run.thread_counts[0])
        rows.sort(key=lambda r: (r.floor, -mops(r).median))
        found |= {r.allocator: r.label for r in rows if r.allocator not in found}
    return found


def of_one_count(facets: Sequence[Facet], styles: Styles) -> Figure:
    figure, axes = page(facets, TITLE, height=3.5)
    for column, workload in enumerate(workloads_of(facets)):
        order = in_order(facets, workload)
        seen: list[float] = []
        for of, line in zip(facets, axes):
            for row in good_rows(of.run, workload, of.run.thread_counts[0]):
                look = styles.of(row.allocator)
                if row.floor:
                    look["marker"] = "_"
                place = list(order).index(row.allocator)
                plot_spreads(line[column], [place], [mops(row)], look)
                seen += [mops(row).low, mops(row).high]
            allocator_axis(line[column], of.run, list(order.values()))
        for line in axes:
            log_scale(line[column].yaxis, seen)
    for line in axes:
        line[0].set_ylabel(UNIT)
    finish(figure, facets, [spread_handle(facets)])
    return figure


def ideal(run: Results, rows: list[Row]) -> tuple[list[int], list[float]]:
    """What the fewest threads do, times the threads, up to the CPUs; the page of a run has the same."""
    first = rows[0].threads
    each = mops(rows[0]).median / first
    counts = [r.threads for r in rows]
    return counts, [each * min(t, max(run.facts.cpus, first)) for t in counts]


def lines_of(run: Results, workload: str) -> dict[str, list[Row]]:
    """Of each allocator, by threads."""
    lines: dict[str, list[Row]] = {}
    for row in (r for t in run.thread_counts for r in good_rows(run, workload, t)):
        lines.setdefault(row.allocator, []).append(row)
    return lines


def of_threads(facets: Sequence[Facet], styles: Styles) -> Figure:
    """A panel for each allocator, the others behind it."""
    there = list(dict.fromkeys(a for f in facets for a in f.run.allocators))
    names = [a for a in there if a not in styles.floors] or there
    figure, axes = multiples(facets, names, TITLE)
    for workload in workloads_of(facets):
        all_lines = [lines_of(of.run, workload) for of in facets]
        rows_ = [r for lines in all_lines for rows in lines.values() for r in rows]
        seen = [v for r in rows_ for v in (mops(r).low, mops(r).high)]
        for number, (of, lines) in enumerate(zip(facets, all_lines)):
            for name in names:
                ax = axes[number, workload, name]
                for other, rows in lines.items():
                    look = styles.of(other) if other in styles.floors else OTHERS
                    if other != name:
                        ax.plot([r.threads for r in rows], [mops(r).median for r in rows], **look)
                if own := lines.get(name):
                    ax.plot(*ideal(of.run, own), **IDEAL)
                    spreads = [mops(r) for r in own]
                    plot_spreads(ax, [r.threads for r in own], spreads, styles.of(name))
                log_scale(ax.yaxis, seen)
                thread_axis(ax, of.run)
    next(iter(axes.values())).set_ylabel(UNIT, fontsize=8)
    floors = [a for a in there if a in styles.floors and a not in names]
    more = [("others", OTHERS), ("ideal: each thread as one alone, up to the CPUs", IDEAL)]
    named = [spread_handle(facets), *((said, Line2D([], [], **look)) for said, look in more)]
    notes = [
        of.said(f"grey: more threads than {plural(of.run.facts.cpus, 'CPU')}")
        for of in facets
        if of.run.thread_counts[-1] > of.run.facts.cpus
    ]
    finish(figure, facets, [*named, *styles.handles(floors)], notes=notes)
    return figure


def draw(facets: Sequence[Facet], styles: Styles) -> Figure:
    is_one = all(len(of.run.thread_counts) == 1 for of in facets)
    return (of_one_count if is_one else of_threads)(facets, styles)
