"""Resident memory for each live byte, and what it is: live, slack or kept. A panel per workload.

The panels leave out what was resident before the first operation: the program, the harness's books, the
allocator's own. It is a constant that would drown the small workloads. The caption says it.
"""

from __future__ import annotations

from typing import Any, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from figures.style import (
    GREY,
    ZONE,
    Facet,
    main_threads,
    distances,
    finish,
    good_rows,
    page,
    spread_handle,
    starts,
    workloads_of,
)
from bench_results import Row

BAR = {"facecolor": "#9ECAE1", "edgecolor": "#08519C", "linewidth": 0.8}
# From the left, the parts of a bar whose allocator says what of a block may be used.
PARTS: dict[str, dict[str, Any]] = {
    "live: what was asked for": {**BAR, "facecolor": "#6BAED6"},
    "slack: added to the sizes": {**BAR, "facecolor": "#C6DBEF"},
    "kept: free, cached, or its books": {**BAR, "facecolor": "#FFFFFF"},
}
FLOOR_BAR = {"facecolor": ZONE, "edgecolor": GREY, "linewidth": 0.8, "hatch": "////"}
LATER = {
    "rss_drained_bytes": ("after all is freed", {"marker": "o", "markerfacecolor": "#FFFFFF"}),
    "rss_purged_bytes": ("after a purge", {"marker": "D", "markerfacecolor": "#000000"}),
}
MARK = {"linestyle": "", "markeredgecolor": "#000000", "markersize": 4.5}
LEAST_PLACES = 3  # so that a single allocator's bar is not as wide as a wall
LIVE = {"color": "#D55E00", "linewidth": 1.5}


def parts_of(row: Row, ratio: float) -> list[tuple[float, dict[str, Any]]]:
    """Widths and looks, from the left; their sum is the ratio, also where not all of a block is resident."""
    slack = row.slack()
    if row.floor or not slack:
        return [(ratio, FLOOR_BAR if row.floor else BAR)]
    live = min(1.0, ratio)
    added = min(slack.median / row.median("live_bytes"), ratio - live)
    return list(zip((live, added, ratio - live - added), PARTS.values()))


def fill(ax: Axes, rows: list[Row], order: dict[str, str]) -> list[float]:
    """`order`: from below, the allocators and their labels. Returns what must be inside of the axis."""
    ends = [1.0]
    places = {name: place for place, name in enumerate(order)}
    for row in sorted(rows, key=lambda r: places[r.allocator]):
        place, live = places[row.allocator], row.memory_ratio("rss_live_bytes")
        assert live
        left = 0.0
        for width, look in parts_of(row, live.median):
            ax.barh(place, width, left=left, height=0.7, **look)
            left += width
        ax.errorbar(live.median, place, xerr=distances([live]), color="#000000", capsize=3)
        end = live.high
        for counter, (_, look) in LATER.items():
            if ratio := row.memory_ratio(counter):
                ax.plot(ratio.median, place, **MARK, **look)
                end = max(end, ratio.median)
        ends.append(end)
        ax.annotate(
            f"{live.median:.2f}x",
            (end, place),
            xytext=(6, 0),
            textcoords="offset points",
            va="center",
            fontsize=8.5,
        )
    ax.axvline(1, zorder=1.5, **LIVE)
    ax.set_yticks(range(len(order)), list(order.values()))
    ax.set_ylim(-0.6, max(LEAST_PLACES, len(order)) - 0.4)
    ax.grid(axis="y", visible=False)
    ax.set_xlabel("(RSS - RSS at start) / live bytes")
    return ends


def known(of: Facet, workload: str) -> list[Row]:
    """Those whose ratio there is."""
    rows = good_rows(of.run, workload, of.run.main_threads)
    return [r for r in rows if r.memory_ratio("rss_live_bytes")]


def in_order(facets: Sequence[Facet], workload: str) -> dict[str, str]:
    """The allocators from below, and their labels: the floor, then the one with most memory. Panels below each other have one
    order, that of the first which has the row."""
    found: dict[str, str] = {}
    for of in facets:
        rows = [(r, s) for r in known(of, workload) if (s := r.memory_ratio("rss_live_bytes"))]
        rows.sort(key=lambda k: (not k[0].floor, -k[1].median))
        found |= {r.allocator: r.label for r, _ in rows if r.allocator not in found}
    return found


def draw(facets: Sequence[Facet]) -> Figure:
    title = f"Resident memory for each live byte at {main_threads(facets)} (better: left)"
    most = max(len(of.run.allocators) for of in facets)
    figure, axes = page(facets, title, height=1.1 + 0.3 * max(LEAST_PLACES, most))
    for column, workload in enumerate(workloads_of(facets)):
        order = in_order(facets, workload)
        panels = [line[column] for line in axes]
        ends = [
            end for ax, of in zip(panels, facets) for end in fill(ax, known(of, workload), order)
        ]
        lowest = min(ax.get_xlim()[0] for ax in panels)
        for ax in panels:
            ax.set_xlim(min(0, lowest), max(ends) * 1.2)
    drawn = [
        r
        for of in facets
        for w in of.run.workloads
        for r in good_rows(of.run, w, of.run.main_threads)
        if not r.floor
    ]
    told = [r.slack() is not None for r in drawn]
    parts = [(label, Patch(**look)) for label, look in PARTS.items()] if any(told) else []
    if not all(told):
        parts.append(("all blocks live", Patch(**BAR)))
    handles = [
        ("live bytes alone", Line2D([], [], **LIVE)),
        *parts,
        spread_handle(facets),
        *((label, Line2D([], [], **MARK, **look)) for label, look in LATER.values()),
    ]
    if any(of.run.facts.floors & set(of.run.allocators) for of in facets):
        handles.append(("harness alone, holds no blocks", Patch(**FLOOR_BAR)))
    finish(figure, facets, handles, notes=[starts(of, of.run.main_threads) for of in facets])
    return figure
