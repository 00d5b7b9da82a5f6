"""RSS and VSZ over time, sampled from outside, a column of panels per workload."""

from __future__ import annotations

import statistics

from matplotlib.figure import Figure

from figures.style import Styles, finish, log_scale, page, starts
from bench_results import MIB, Results, Series

FAR = 30  # times the middle allocator's: such a reservation of addresses would squeeze all else


def start_of(run: Results, workload: str, allocator: str, threads: int) -> float:
    """RSS at the start, in bytes; 0 if it is not known."""
    row = run.row(workload, allocator, threads)
    return row.median("rss_start_bytes") if row and row.samples else 0.0


def far_away(run: Results, series: dict[tuple[str, str, int], Series], styles: Styles) -> set[str]:
    """Those that map so many addresses that a picture with them would show nothing of the others."""
    most: dict[str, float] = {}
    for (_, allocator, _), s in series.items():
        if allocator in styles.places and allocator not in styles.floors:
            most[allocator] = max([most.get(allocator, 0.0), *s.vsz])
    if len(most) < 3:
        return set()
    return {a for a, v in most.items() if v > FAR * statistics.median(most.values())}


def draw(run: Results, styles: Styles, series: dict[tuple[str, str, int], Series]) -> Figure:
    counts = sorted({t for _, _, t in series})
    title = (
        f"Memory over time, {' / '.join(str(t) for t in counts)} thread{'s' * (counts != [1])}: "
        "live set built, replaced block by block, freed, purged, with a rest after each (better: down)"
    )
    figure, axes = page(run, title, rows=2, height=2.6)
    far = far_away(run, series, styles)
    for column, workload in enumerate(run.workloads):
        rss, vsz = axes[0][column], axes[1][column]
        seen: list[float] = []
        for (load, allocator, threads), s in series.items():
            if load != workload or allocator not in styles.places:
                continue
            look = {**styles.of(allocator), "markevery": 0.12}
            start = start_of(run, workload, allocator, threads)
            rss.plot(s.seconds, [(b - start) / MIB for b in s.rss], **look)
            if allocator not in far:
                vsz.plot(s.seconds, [b / MIB for b in s.vsz], **look)
                # Not the moments while the program is loaded.
                seen += [v / MIB for v, r in zip(s.vsz, s.rss) if r >= start / 2]
        rss.set_ylim(bottom=0)
        log_scale(vsz.yaxis, seen)
        for ax in (rss, vsz):
            ax.set_xlim(left=0)
        rss.set_title(workload)
        vsz.set_xlabel("seconds since the process began")
    axes[0][0].set_ylabel("RSS - start, MiB")
    axes[1][0].set_ylabel("VSZ, MiB (log)")
    basis = "one pass a row"
    if run.facts.timeline_failures:
        failed = (f"{name} ({cause})" for name, cause in run.facts.timeline_failures)
        basis += f"; passes that failed: {', '.join(failed)}"
    there = {a for _, a, _ in series if a in styles.places}
    names = sorted(there, key=lambda a: (a in styles.floors, a))
    notes = [starts(run, t) for t in counts[:1]]
    if far:
        reserved = max(v for (_, a, _), s in series.items() if a in far for v in s.vsz) / 2**30
        notes.append(
            f"VSZ not drawn: {', '.join(sorted(far))}, up to {reserved:,.0f} GiB of addresses, "
            "most of which no memory is behind"
        )
    finish(figure, run, styles.handles(names), basis, notes)
    return figure
