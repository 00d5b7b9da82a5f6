"""Throughput against memory, a panel per workload: who is fast, and at what price.

Who is on the front, comparing.py decides by intervals. The line joins those of the front whose medians no
other beats; a row beside it whose difference may be noise is on the front, too, and drawn as one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import AbstractSet, Any, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.transforms import Bbox

from figures.style import (
    GREY,
    Facet,
    Styles,
    finish,
    good_rows,
    log_scale,
    main_threads,
    memory_mib,
    mops,
    page,
    plot_spreads,
    spread_handle,
    starts,
    workloads_of,
)
import comparing
from bench_results import MIB, Row, Spread

Point = tuple[float, float]

BEATEN: dict[str, Any] = {"markerfacecolor": "#FFFFFF", "markeredgewidth": 1.2}
FRONT = {"color": "#B8B8B8", "linewidth": 3, "solid_joinstyle": "miter"}
DIRECTIONS = 16  # in which a label may be from its point
# How much worse it is to cover a name, or to leave the axes, than to cover a line.
UNREADABLE = 100
NEAR = 8  # points; a label further from its point has a line to it
LIVE = {"color": GREY, "linestyle": ":", "linewidth": 1.3}


def pareto_front(points: list[Point]) -> list[Point]:
    """Those (memory, speed) that no other beats in both, by memory."""
    front: list[Point] = []
    for memory, speed in sorted(points, key=lambda p: (p[0], -p[1])):
        if not front or speed > front[-1][1]:
            front.append((memory, speed))
    return front


def step_line(front: list[Point], bottom: float, right: float) -> list[Point]:
    """The corners of the front's border, from the axis below to the edge on the right."""
    line = [(front[0][0], bottom)]
    for memory, speed in front:
        line += [(memory, line[-1][1]), (memory, speed)]
    return [*line, (right, front[-1][1])]


def overlap(a: Bbox, b: Bbox) -> float:
    """Area that both cover."""
    width = min(a.x1, b.x1) - max(a.x0, b.x0)
    height = min(a.y1, b.y1) - max(a.y0, b.y0)
    return float(width * height) if width > 0 and height > 0 else 0.0


def segments(ax: Axes, rows: list[tuple[Spread, Spread]], line: list[Point]) -> list[Bbox]:
    """What lines cover, in pixels: error bars, and the border of the front."""
    pairs = list(zip(line, line[1:]))
    for x, y in rows:
        pairs.append(((x.low, y.median), (x.high, y.median)))
        pairs.append(((x.median, y.low), (x.median, y.high)))
    boxes = []
    for pair in pairs:
        (x0, y0), (x1, y1) = ax.transData.transform(pair)
        left, right, bottom, top = min(x0, x1), max(x0, x1), min(y0, y1), max(y0, y1)
        boxes.append(Bbox.from_extents(left - 2, bottom - 2, right + 2, top + 2))
    return boxes


def label_points(
    ax: Axes, points: dict[str, Point], taken: list[Bbox], bold: AbstractSet[str]
) -> None:
    """Writes each name near its point, inside the axes, where it covers no point, name or line."""
    figure = ax.figure
    renderer = figure.canvas.get_renderer()
    point = figure.dpi / 72  # pixels of one
    inside = ax.get_window_extent(renderer)
    places = {name: ax.transData.transform(at) for name, at in points.items()}
    taken = taken + [Bbox.from_bounds(x - 7, y - 7, 14, 14) for x, y in places.values()]
    names: list[Bbox] = []
    for name, (x, y) in sorted(places.items(), key=lambda item: float(-item[1][1])):
        text = ax.annotate(
            name,
            points[name],
            xytext=(0, 0),
            textcoords="offset points",
            ha="center",
            va="center",
            fontsize=9,
            fontweight="bold" if name in bold else "normal",
            arrowprops={"arrowstyle": "-", "color": GREY, "linewidth": 0.6, "shrinkB": 4},
        )
        size = text.get_window_extent(renderer)
        choices = []
        for distance in (7, 12, 18, 26, 36, 48, 62, 78, 96, 116, 138):
            for direction in range(DIRECTIONS):
                angle = direction * 2 * math.pi / DIRECTIONS
                dx = math.cos(angle) * (distance * point + size.width / 2)
                dy = math.sin(angle) * (distance * point + size.height / 2)
                box = Bbox.from_bounds(
                    x + dx - size.width / 2, y + dy - size.height / 2, size.width, size.height
                )
                hidden = size.width * size.height - overlap(box, inside)
                hidden += sum(overlap(box, n) for n in names)
                covers = sum(overlap(box, t) for t in taken)
                cost = UNREADABLE * hidden + covers + distance
                choices.append((cost, distance, direction, dx, dy, box))
        _, distance, _, dx, dy, box = min(choices, key=lambda c: c[:3])
        text.set_position((dx / point, dy / point))
        text.arrow_patch.set_visible(distance > NEAR)
        names.append(box)


@dataclass
class Panel:
    """What is drawn of a workload by one run."""

    rows: list[Row]
    floor: list[Row]
    front: set[str]
    nothing: set[str]  # rows on top of whose start there is nothing

    @property
    def live(self) -> float:
        return self.rows[0].median("live_bytes") / MIB


def panel(of: Facet, questions: dict[tuple[str, str], comparing.Question], workload: str) -> Panel:
    rows = good_rows(of.run, workload, of.run.main_threads)
    ranked = [r for r in rows if not r.floor]
    drawn = [r for r in ranked if memory_mib(r).low > 0]
    front: set[str] = set()
    if drawn:
        speed, memory = (questions[workload, m.name] for m in comparing.MEASURES)
        front = {r.allocator for r in comparing.front(speed, memory)}
    nothing = {r.allocator for r in ranked} - {r.allocator for r in drawn}
    return Panel(drawn, [r for r in rows if r.floor], front, nothing)


def fill(ax: Axes, made: Panel, beside: Sequence[Panel], styles: Styles) -> list[Point]:
    """`beside`: all that have the same scales, with this one. Returns the front's border."""
    xs, ys = [memory_mib(r) for r in made.rows], [mops(r) for r in made.rows]
    sizes = [memory_mib(r) for p in beside for r in p.rows]
    speeds = [mops(r) for p in beside for r in (*p.rows, *(p.floor if p.rows else ()))]
    lives = [p.live for p in beside if p.rows]
    log_scale(ax.xaxis, [*lives, *(v for s in sizes for v in (s.low, s.high))])
    log_scale(ax.yaxis, [v for s in speeds for v in (s.low, s.high)])
    for row, x, y in zip(made.rows, xs, ys):
        look = {**styles.of(row.allocator), "markersize": 8}
        if row.allocator not in made.front:
            look |= {**BEATEN, "markeredgecolor": look["color"]}
        plot_spreads(ax, [x], [y], look)
    there = [
        (x.median, y.median) for r, x, y in zip(made.rows, xs, ys) if r.allocator in made.front
    ]
    line: list[Point] = []
    if there:
        line = step_line(pareto_front(there), ax.get_ylim()[0], ax.get_xlim()[1])
        ax.plot(*zip(*line), zorder=1.5, **FRONT)
    for row in made.floor:
        ax.axhline(mops(row).median, **styles.of(row.allocator))
    if made.live:
        ax.axvline(made.live, **LIVE)
    return line


def draw(facets: Sequence[Facet], styles: Styles) -> Figure:
    title = f"Speed against memory at {main_threads(facets)} (better: up and left)"
    figure, axes = page(facets, title, height=3.7)
    questions = [comparing.compare(of.run, of.run.main_threads) for of in facets]
    labels: list[tuple[Axes, Panel, list[Point]]] = []
    floors: set[str] = set()
    nothing: set[str] = set()
    for column, workload in enumerate(workloads_of(facets)):
        made = [panel(of, q, workload) for of, q in zip(facets, questions)]
        for row, (of, one) in enumerate(zip(facets, made)):
            ax = axes[row][column]
            ax.set_xlabel("RSS - RSS at start, all blocks live, MiB (log)")
            nothing |= {of.said(name) for name in one.nothing}
            if one.rows:
                labels.append((ax, one, fill(ax, one, made, styles)))
                floors |= {r.allocator for r in one.floor}
    for row in range(len(facets)):
        axes[row][0].set_ylabel("million ops a second (log)")
    interest = f"{comparing.INTEREST:.0%}"
    handles = [
        ("Pareto front (also all that is filled, bold): beaten by none", Line2D([], [], **FRONT)),
        ("live bytes alone", Line2D([], [], **LIVE)),
        *styles.handles(sorted(floors)),
        spread_handle(facets),
    ]
    notes = [
        f"beaten: another row is better in one of the two by over {interest} for sure (paired by round),"
        f" and in the other at most {interest} worse",
        *(starts(of, of.run.main_threads) for of in facets),
        f"not drawn, as nothing comes on top of the start: {', '.join(sorted(nothing))}"
        if nothing
        else "",
    ]
    finish(figure, facets, handles, notes=notes)
    for ax, one, line in labels:  # where they go depends on the final layout
        spreads = [(memory_mib(r), mops(r)) for r in one.rows]
        names = {r.allocator: (x.median, y.median) for r, (x, y) in zip(one.rows, spreads)}
        label_points(ax, names, segments(ax, spreads, line), one.front)
    return figure
