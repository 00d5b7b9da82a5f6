"""RSS and VSZ over time, sampled from outside, a column of panels per workload."""

from __future__ import annotations

from matplotlib.figure import Figure

from figures.style import Styles, finish, log_scale, page
from bench_results import MIB, Results, Series


def draw(run: Results, styles: Styles, series: dict[tuple[str, str, int], Series]) -> Figure:
    counts = sorted({t for _, _, t in series})
    title = (
        f"Memory over time, {' / '.join(str(t) for t in counts)} thread{'s' * (counts != [1])}: "
        "live set built, replaced block by block, freed, purged, with a rest after each (better: down)"
    )
    figure, axes = page(run, title, rows=2, height=2.6)
    for column, workload in enumerate(run.workloads):
        rss, vsz = axes[0][column], axes[1][column]
        seen: list[float] = []
        for (load, allocator, _), s in series.items():
            if load != workload or allocator not in styles.places:
                continue
            look = {**styles.of(allocator), "markevery": 0.12}
            rss.plot(s.seconds, [b / MIB for b in s.rss], **look)
            vsz.plot(s.seconds, [b / MIB for b in s.vsz], **look)
            seen += [b / MIB for b in s.vsz]
        rss.set_ylim(bottom=0)
        log_scale(vsz.yaxis, seen)
        for ax in (rss, vsz):
            ax.set_xlim(left=0)
        rss.set_title(workload)
        vsz.set_xlabel("seconds since the process began")
    axes[0][0].set_ylabel("RSS, MiB")
    axes[1][0].set_ylabel("VSZ, MiB (log)")
    basis = "one pass a row"
    if run.facts.timeline_failures:
        failed = (f"{name} ({cause})" for name, cause in run.facts.timeline_failures)
        basis += f"; passes that failed: {', '.join(failed)}"
    there = {a for _, a, _ in series if a in styles.places}
    names = sorted(there, key=lambda a: (a in styles.floors, a))
    finish(figure, run, styles.handles(names), basis)
    return figure
