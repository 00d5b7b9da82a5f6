"""What is resident and what is live after each phase of a workload that notes its phases: a panel for each allocator,
and a table. Medians of the samples. Pure."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import Optional

from bench_results import FREED_LATER, MIB, PURGED_LATER, Instant, Row
from report import scale, svg
from report.panels import BOTTOM, DRAINED, LEFT, LIVE, RIGHT, TOP, frame, own, panel, shared
from report.ranges import Line
from report.study import Place, Study
from report.summary import key_of
from report.svg import Markup
from report.tables import NONE, Table, long
from report.tables import Line as TableLine

PURGED = "all freed, purged"


@dataclass(frozen=True)
class Phase:
    """At its end, in MiB: resident above the start, and asked for and not freed."""

    name: str
    resident: float
    live: float


def middle(row: Row, at: list[Instant], name: str) -> Phase:
    start = row.median("rss_start_bytes")
    resident = statistics.median(i.rss for i in at) - start
    return Phase(name, resident / MIB, statistics.median(i.held for i in at) / MIB)


def own_phases(row: Row) -> list[Phase]:
    """Those that the workload noted, in the order of time; none where the samples noted others."""
    names = [[i.name for i in sample] for sample in row.instants]
    if not names or not names[0] or any(n != names[0] for n in names):
        return []
    return [middle(row, list(at), at[0].name) for at in zip(*row.instants)]


def phases(row: Row) -> list[Phase]:
    """With the instants that every sample has; nothing, where the workload noted no phase of its own."""
    noted = own_phases(row)
    later = [p for p in noted if p.name.startswith((FREED_LATER, PURGED_LATER))]
    within = [p for p in noted if p not in later]
    if not within:
        return []

    def level(name: str, counter: str, live: float) -> list[Phase]:
        above = row.above_start(counter)
        return [Phase(name, above.median / MIB, live)] if above else []

    return [
        *within,
        *level(LIVE, "rss_live_bytes", row.median("live_bytes") / MIB),
        *level(DRAINED, "rss_drained_bytes", 0.0),
        *(p for p in later if p.name.startswith(FREED_LATER)),
        *level(PURGED, "rss_purged_bytes", 0.0),
        *(p for p in later if p.name.startswith(PURGED_LATER)),
    ]


def of_place(p: Place) -> dict[str, list[Phase]]:
    return {r.allocator: found for r in p.allocators if (found := phases(r))}


def names_of(found: dict[str, list[Phase]]) -> list[str]:
    """Of all phases, in the order of the allocator that has most: some cannot purge."""
    return [p.name for p in max(found.values(), key=len)]


def steps(x: scale.Scale, y: scale.Scale, values: list[tuple[int, float]]) -> Line:
    """Level within each phase."""
    return [(x.at(i + side), y.at(max(0.0, v))) for i, v in values for side in (-0.4, 0.4)]


def panels(study: Study, p: Place) -> list[Markup]:
    found = of_place(p)
    if not found:
        return []
    names = names_of(found)
    place = {name: i + 1 for i, name in enumerate(names)}
    x = scale.Scale(0.5, len(names) + 0.5, LEFT, RIGHT, log=False)
    y = scale.around(
        [v for of in found.values() for f in of for v in (f.resident, f.live)],
        BOTTOM,
        TOP,
        log=False,
    )
    lines = {
        a: steps(x, y, [(place[f.name], f.resident) for f in of if f.name in place])
        for a, of in found.items()
    }
    longest = max(found.values(), key=len)
    live = svg.polyline(steps(x, y, [(place[f.name], f.live) for f in longest]), class_="live")
    key = key_of("behind-phases", p.workload)
    ticks = [float(i + 1) for i in range(len(names))]
    made = [shared(key, lines, frame(x, y, "phase, as in the table", ticks), live)]
    for name in sorted(found):
        said = ", ".join(f"{f.name} {f.resident:.3g} (live {f.live:.3g})" for f in found[name])
        label = f"{name}, MiB above the start after each phase: {said}"
        made.append(panel(name, label, key, own(key, lines, name)))
    return made


def table(study: Study, p: Place) -> Optional[Table]:
    found = of_place(p)
    if not found:
        return None
    names = names_of(found)
    heads = ["allocator", *(f"{i}: {name}" for i, name in enumerate(names, 1))]
    made = Table(
        f"Resident above the start after each phase of {p.workload}, MiB, at {p.threads} thread(s): medians",
        heads,
    )
    longest = {f.name: f.live for f in max(found.values(), key=len)}
    made.lines.append(TableLine(None, None, ["live", *(long(longest[n]) for n in names)]))
    for name, of in found.items():
        by_name = {f.name: f.resident for f in of}
        cells = [long(by_name[n]) if n in by_name else NONE for n in names]
        made.lines.append(TableLine(name, None, [name, *cells]))
    return made
