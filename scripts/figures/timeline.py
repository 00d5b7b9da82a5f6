"""RSS over time, sampled from outside: a small panel for each allocator and workload, with its phases."""

from __future__ import annotations

from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from figures.style import GREY, OTHERS, Styles, finish, multiples, starts
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


def draw(run: Results, styles: Styles, series: dict[tuple[str, str, int], Series]) -> Figure:
    counts = sorted({t for _, _, t in series})
    title = (
        f"Memory over time, {' / '.join(str(t) for t in counts)} thread{'s' * (counts != [1])}: "
        "RSS less that at the start, MiB (better: down)"
    )
    mine = {k: s for k, s in series.items() if k[0] in run.workloads and k[1] in styles.places}
    there = {a for _, a, _ in mine}
    names = sorted(a for a in there if a not in styles.floors) or sorted(there)
    figure, axes = multiples(run.workloads, names, title)
    marks: list[tuple[str, float]] = []
    for workload in run.workloads:
        lines = {}
        for (load, allocator, threads), s in mine.items():
            if load == workload:
                start = start_of(run, workload, allocator, threads)
                lines[allocator] = s, threads, [(b - start) / MIB for b in s.rss]
        tops = [b for _, _, above in lines.values() for b in above]
        for name in names:
            ax = axes[workload, name]
            for other, (s, _, above) in lines.items():
                if other != name and other not in styles.floors:
                    ax.plot(s.seconds, above, **OTHERS)
            ax.set_xlim(0, max((s.seconds[-1] for s, _, _ in lines.values()), default=1))
            ax.set_ylim(0, 1.15 * max([0.1, *tops]))
            ax.set_xlabel("seconds", fontsize=8, labelpad=1)
            if name not in lines:
                continue
            s, threads, above = lines[name]
            ax.plot(s.seconds, above, **{**styles.of(name), "marker": "", "linestyle": "-"})
            row = run.row(workload, name, threads)
            if row and row.samples and name not in styles.floors:
                ax.axhline(row.median("live_bytes") / MIB, **LIVE)
            reached = run.facts.reached.get((workload, name, threads), [])
            mark(ax, reached)
            marks = max(marks, reached, key=len)
            # Not the moments while the program is loaded.
            mapped = [v for v, b in zip(s.vsz, above) if b >= 0] or s.vsz
            ax.set_xlabel(f"seconds; VSZ {size(min(mapped), max(mapped))}", fontsize=8, labelpad=1)
    basis = "one pass a row"
    if run.facts.timeline_failures:
        failed = (f"{name} ({cause})" for name, cause in run.facts.timeline_failures)
        basis += f"; passes that failed: {', '.join(failed)}"
    notes = [starts(run, t) for t in counts[:1]]
    if marks:
        notes.append(f"instants: {', '.join(f'{i} {n}' for i, (n, _) in enumerate(marks, 1))}")
    notes.append("VSZ: addresses, with what no memory is behind")
    more = [
        ("others", OTHERS),
        ("live set", LIVE),
        *([("an instant was reached", MARK)] if marks else []),
    ]
    finish(figure, run, [(said, Line2D([], [], **look)) for said, look in more], basis, notes)
    return figure
