"""RSS over time, sampled from outside: a small panel for each allocator and workload, with its phases."""

from __future__ import annotations

from typing import Any, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from figures.style import GREY, OTHERS, Facet, Styles, finish, multiples, starts, workloads_of
from bench_results import MIB, Results, Series

MARK: dict[str, Any] = {"color": GREY, "linestyle": "--", "linewidth": 0.7}
LIVE: dict[str, Any] = {"color": "#000000", "linestyle": ":", "linewidth": 1.0}


def start_of(run: Results, workload: str, allocator: str, threads: int) -> float:
    """RSS at the start, in bytes; 0 if it is not known."""
    row = run.row(workload, allocator, threads)
    return row.median("rss_start_bytes") if row and row.samples else 0.0


def size(low: float, high: float) -> str:
    """Of two numbers of bytes."""
    unit, name = (MIB, "MiB") if high < 1024 * MIB else (1024 * MIB, "GiB")
    ends = dict.fromkeys(f"{v / unit:,.0f}" for v in (low, high))
    return f"{' to '.join(ends)} {name}"


def mark(ax: Axes, reached: list[tuple[str, float]]) -> None:
    for number, (_, seconds) in enumerate(reached, 1):
        ax.axvline(seconds, **MARK)
        ax.annotate(
            str(number),
            (seconds, 1),
            xycoords=("data", "axes fraction"),
            xytext=(2, -2),
            textcoords="offset points",
            va="top",
            fontsize=6.5,
            color=GREY,
        )


Line = tuple[
    Series, int, list[float]
]  # with its threads, and what is resident above the start, in MiB


def lines_of(of: Facet, workload: str, styles: Styles) -> dict[str, Line]:
    """By allocator."""
    found = {}
    for (load, allocator, threads), s in of.series.items():
        if load == workload and allocator in styles.places:
            start = start_of(of.run, workload, allocator, threads)
            found[allocator] = s, threads, [(b - start) / MIB for b in s.rss]
    return found


def fill(ax: Axes, of: Facet, workload: str, name: str, own: Line, styles: Styles) -> None:
    s, threads, above = own
    ax.plot(s.seconds, above, **{**styles.of(name), "marker": "", "linestyle": "-"})
    row = of.run.row(workload, name, threads)
    if row and row.samples and name not in styles.floors:
        ax.axhline(row.median("live_bytes") / MIB, **LIVE)
    mark(ax, of.run.facts.reached.get((workload, name, threads), []))
    # Not the moments while the program is loaded.
    mapped = [v for v, b in zip(s.vsz, above) if b >= 0] or s.vsz
    ax.set_xlabel(f"seconds; VSZ {size(min(mapped), max(mapped))}", fontsize=8, labelpad=1)


def draw(facets: Sequence[Facet], styles: Styles) -> Figure:
    """Of a fleet, the task of the first round alone records: so one class has a recording."""
    without = [of.name for of in facets if not of.series]
    facets = [of for of in facets if of.series]
    counts = sorted({t for of in facets for _, _, t in of.series})
    title = (
        f"Memory over time, {' / '.join(str(t) for t in counts)} thread{'s' * (counts != [1])}: "
        "RSS less that at the start, MiB (better: down)"
    )
    workloads = workloads_of(facets)
    every = {w: [lines_of(of, w, styles) for of in facets] for w in workloads}
    there = {a for of in every.values() for lines in of for a in lines}
    names = sorted(a for a in there if a not in styles.floors) or sorted(there)
    figure, axes = multiples(facets, names, title)
    marks: list[tuple[str, float]] = []
    for workload, all_lines in every.items():
        drawn = [line for lines in all_lines for line in lines.values()]
        tops = [b for _, _, above in drawn for b in above]
        for number, (of, lines) in enumerate(zip(facets, all_lines)):
            for name in names:
                ax = axes[number, workload, name]
                for other, (s, _, above) in lines.items():
                    if other != name and other not in styles.floors:
                        ax.plot(s.seconds, above, **OTHERS)
                ax.set_xlim(0, max((s.seconds[-1] for s, _, _ in drawn), default=1))
                ax.set_ylim(0, 1.15 * max([0.1, *tops]))
                ax.set_xlabel("seconds", fontsize=8, labelpad=1)
                if name in lines:
                    fill(ax, of, workload, name, lines[name], styles)
                    reached = of.run.facts.reached.get((workload, name, lines[name][1]), [])
                    marks = max(marks, reached, key=len)
    basis = "one pass a row"
    failures = [
        of.said(f"{name} ({cause})")
        for of in facets
        for name, cause in of.run.facts.timeline_failures
    ]
    if failures:
        basis += f"; passes that failed: {', '.join(failures)}"
    notes = [starts(of, t) for of in facets for t in counts[:1]]
    if marks:
        notes.append(f"instants: {', '.join(f'{i} {n}' for i, (n, _) in enumerate(marks, 1))}")
    notes.append("VSZ: addresses, with what no memory is behind")
    if without:
        notes.append(f"no recording of {', '.join(without)}: the task of the first round records")
    more = [
        ("others", OTHERS),
        ("live set", LIVE),
        *([("an instant was reached", MARK)] if marks else []),
    ]
    finish(figure, facets, [(said, Line2D([], [], **look)) for said, look in more], basis, notes)
    return figure
