"""Small multiples, a panel for each allocator of a workload: throughput against threads, and memory over time.
All other allocators stand behind in grey. So no picture has eight lines that cross. Pure."""

from __future__ import annotations

import math
from typing import Optional

from bench_results import FREED_LATER, MIB, PURGED_LATER, Results, Row, Series
from report import ranges, scale, svg
from report.ranges import Line, Range, Steps
from report.study import Study
from report.svg import Markup, Value
from report.summary import key_of

WIDTH, HEIGHT = 176, 135
LEFT, RIGHT, TOP, BOTTOM = 40, 168, 22, 108
BOX = (LEFT, RIGHT, TOP, BOTTOM)
MOST_POINTS = 64  # that are drawn of a line over time: one for two pixels


def panel(name: str, label: str, behind: str, *parts: str) -> Markup:
    """`name`: its head, and what the reader hides it by. `behind`: the address of the grey lines."""
    return svg.picture(
        WIDTH,
        HEIGHT,
        None,
        svg.title(label),
        svg.text(LEFT, 11, name, "head"),
        svg.element("use", href=f"#{behind}"),
        *parts,
        class_="small",
        data_a=name,
    )


def frame(x: scale.Scale, y: scale.Scale, under: str, ticks: list[float], **more: Value) -> Markup:
    """Axes; few ticks, for there is little room."""
    parts: list[str] = []
    heights = y.ticks()
    for tick in heights[:: max(1, len(heights) // 3)]:
        parts += [
            svg.line(LEFT, y.at(tick), RIGHT, y.at(tick), "grid"),
            svg.text(LEFT - 4, y.at(tick) + 4, scale.label(tick), "rung fine"),
        ]
    parts += [svg.text(x.at(t), BOTTOM + 13, scale.label(t), "tick fine") for t in ticks]
    parts.append(svg.text((LEFT + RIGHT) / 2, BOTTOM + 23, under, "title fine"))
    return svg.group(*parts, class_="axis", **more)


def shared(
    key: str, lines: dict[str, Line], *more: str, points: Optional[dict[str, str]] = None
) -> Markup:
    """What all panels of a workload have: once, used by each. Each line is there once, too: `own` is a copy of it.
    `points`: all that a reader may have of it."""
    grey = [
        svg.polyline(
            line,
            id=f"{key}-{i}",
            data_z=points[name] if points else None,
            data_n=name if points else None,
        )
        for i, (name, line) in enumerate(lines.items())
    ]
    inner = svg.group(*more, svg.group(*grey, class_="others"), id=key)
    defined = svg.element("defs", inner)
    return svg.element("svg", defined, width=0, height=0, class_="shared", aria_hidden="true")


def own(key: str, lines: dict[str, Line], name: str) -> Markup:
    return svg.element("use", href=f"#{key}-{list(lines).index(name)}", class_="own")


def speed(row: Row) -> tuple[float, float, float]:
    s = row.spread("ops_per_second").scaled(1e-6)
    return s.low, s.median, s.high


def by_threads(study: Study, workload: str) -> dict[str, dict[int, Row]]:
    """The rows of each allocator."""
    rows: dict[str, dict[int, Row]] = {}
    for t in study.threads_of(workload):
        for row in study.places[workload, t].allocators:
            rows.setdefault(row.allocator, {})[t] = row
    return rows


def speeds(study: Study, workload: str) -> list[float]:
    """All that the panels show."""
    rows = by_threads(study, workload)
    return [v for of in rows.values() for row in of.values() for v in speed(row)]


def throughput(study: Study, workload: str, beside: Optional[scale.Beside] = None) -> list[Markup]:
    """Nothing, of a single number of threads. The ideal is what one thread does (or the fewest measured),
    times the threads, up to the CPUs."""
    counts = study.threads_of(workload)
    if len(counts) < 2:
        return []
    rows = by_threads(study, workload)
    seen = [*speeds(study, workload), *(beside.y if beside else ())]
    x = scale.around(map(float, counts), LEFT + 6, RIGHT - 6, log=True)
    y = scale.around(seen, BOTTOM, TOP, log=True)
    lines = {
        a: [(x.at(t), y.at(speed(row)[1])) for t, row in sorted(of.items())]
        for a, of in rows.items()
    }
    key = key_of("behind-throughput", workload, *([beside.name] if beside else []))
    cpus = study.run.facts.cpus
    more = [frame(x, y, "threads", [float(t) for t in counts])]
    if counts[-1] > cpus:
        over = min(t for t in counts if t > cpus)
        from_x = x.at(math.sqrt(max(cpus, counts[0]) * over))
        more.insert(0, svg.rectangle(from_x, TOP, RIGHT - from_x, BOTTOM - TOP, "zone"))
    found = [shared(key, lines, *more)]
    for name, of in sorted(rows.items()):
        first = min(of)
        start = speed(of[first])[1] / first
        ideal = [(x.at(t), y.at(start * min(t, max(cpus, first)))) for t in counts if t >= first]
        marks: list[str] = [svg.polyline(ideal, class_="ideal")]
        said = []
        for t, row in sorted(of.items()):
            low, middle, high = speed(row)
            marks += [
                svg.line(x.at(t), y.at(low), x.at(t), y.at(high), "interval"),
                svg.circle(x.at(t), y.at(middle), 3.5, "dot"),
            ]
            said.append(f"{t}: {middle:.4g}")
        label = f"{name}, million operations a second by threads: {', '.join(said)}"
        label = scale.labelled(beside, label)
        line = own(key, lines, name)
        found.append(panel(name, label, key, line, *marks))
    return found


def thinned(line: Line, most: int = MOST_POINTS) -> Line:
    """At most so many; of each stretch, the one that is furthest from the last kept, so that peaks stay."""
    if len(line) <= most:
        return line
    kept = [line[0]]
    step = (len(line) - 2) / (most - 2)
    for i in range(most - 2):
        stretch = line[1 + int(i * step) : 1 + int((i + 1) * step)]
        if stretch:
            kept.append(max(stretch, key=lambda p: abs(p[1] - kept[-1][1])))
    return [*kept, line[-1]]


LIVE, DRAINED = "all live", "all freed"

SECONDS = Range("seconds", ["allocator", "seconds", "MiB"])

# When a pass reached an instant, by the name of it.
Marks = list[tuple[str, float]]
MARK_ROOM = 9  # pixels between two numbers

# What a sample says of the phases, and how the levels are named.
LEVELS = (
    ("rss_live_bytes", LIVE),
    ("rss_drained_bytes", DRAINED),
    ("rss_purged_bytes", "purged"),
)


def start_of(run: Results, workload: str, allocator: str, threads: int) -> float:
    row = run.row(workload, allocator, threads)
    return row.median("rss_start_bytes") if row and row.samples else 0.0


def marks_of(study: Study, workload: str, threads: int) -> dict[str, Marks]:
    found = study.run.facts.reached
    return {a: marks for (w, a, t), marks in found.items() if (w, t) == (workload, threads)}


def names_of(marks: dict[str, Marks]) -> list[str]:
    """Of the instants, in the order of the allocator that has most: some cannot purge."""
    return [name for name, _ in max(marks.values(), key=len, default=[])]


def live_line(row: Optional[Row], marks: Marks) -> Line:
    """What is live over time, in MiB, as far as it is known: at the marks, and straight in between; what is freed at the
    end drops at once. Where the workload notes no instant, all is live from the first operation on, as in the core.
    """
    if not row or not row.samples or not marks:
        return []
    held = {i.name: i.held / MIB for i in (row.instants[0] if row.instants else [])}
    live = row.median("live_bytes") / MIB
    noted = any(
        name in held and not name.startswith((FREED_LATER, PURGED_LATER)) for name, _ in marks
    )
    known = {"start": 0.0, LIVE: live, DRAINED: 0.0, "all purged": 0.0, **held}
    if not noted:
        known["timed operations"] = live
    line: Line = []
    for name, at in marks:
        if name == DRAINED and line:
            line.append((at, line[-1][1]))
        if name in known:
            line.append((at, known[name]))
    return line


def marked(marks: Marks, names: list[str], x: scale.Scale, steps: Steps) -> list[Markup]:
    """A line at each, with its number where there is room."""
    if not marks:
        return []
    strokes = "".join(f"M{svg.number(x.at(t))},{TOP}v{BOTTOM - TOP}" for _, t in marks)
    places = " ".join(str(steps.at(t)) for _, t in marks)
    found, last = [svg.element("path", d=strokes, class_="phase", data_x=places)], -math.inf
    for name, seconds in marks:
        at = x.at(seconds)
        if name in names and at - last >= MARK_ROOM:
            number = str(names.index(name) + 1)
            found.append(svg.text(at, TOP - 1, number, "tick fine", data_x=steps.at(seconds)))
            last = at
    return found


def over_time(
    study: Study, workload: str, series: dict[tuple[str, str, int], Series]
) -> list[Markup]:
    """Above the start, in MiB. Numbered lines are the instants, as the pass reached them. Ticks at the right edge are
    the levels that the samples had there; the dotted line is what is live."""
    mine = {(a, t): s for (w, a, t), s in series.items() if w == workload and s.seconds}
    mine = {k: s for k, s in mine.items() if k[0] in study.run.allocators}
    if not mine:
        return []
    threads = max(t for _, t in mine)
    lines: dict[str, Line] = {}
    for (name, t), s in mine.items():
        if t == threads and name not in study.run.facts.floors:
            start = start_of(study.run, workload, name, threads)
            lines[name] = [(at, max(0.0, (b - start) / MIB)) for at, b in zip(s.seconds, s.rss)]
    if not lines:
        return []
    p = study.places.get((workload, threads))
    live = max((r.median("live_bytes") / MIB for r in p.allocators), default=0.0) if p else 0.0
    rows = {name: p.row(name) if p else None for name in lines}
    key = key_of("behind-time", workload)
    marks = marks_of(study, workload, threads)
    most = ranges.most_points(len(series))
    return of_lines(key, lines, "MiB above the start", live, rows, marks, most)


def of_lines(
    key: str,
    lines: dict[str, Line],
    unit: str,
    live: float = 0.0,
    rows: Optional[dict[str, Optional[Row]]] = None,
    marks: Optional[dict[str, Marks]] = None,
    most: int = ranges.MOST_POINTS,
) -> list[Markup]:
    """Over seconds. `live`: a level for all; 0: none. `rows` have the levels of the phases. With `marks` of when these
    were, live bytes are a line of each allocator's. `most`: points that a reader may have of each line.
    """
    x = scale.around([at for line in lines.values() for at, _ in line], LEFT, RIGHT, log=False)
    tops = [b for line in lines.values() for _, b in line]
    y = scale.around([*tops, live], BOTTOM, TOP, log=False)
    drawn = {a: [(x.at(t), y.at(b)) for t, b in thinned(line)] for a, line in lines.items()}
    steps = ranges.steps([*lines.values(), [(0.0, live)]])
    points = {a: steps.points(thinned(line, max(most, MOST_POINTS))) for a, line in lines.items()}
    ticks, axis = x.ticks(), ranges.axis(BOX, (x.low, x.high), steps)
    more = [frame(x, y, "seconds", ticks[:: max(1, len(ticks) // 3)], **axis)]
    if live and not marks:
        more.append(svg.line(LEFT, y.at(live), RIGHT, y.at(live), "live", data_y=steps.up(live)))
    found = [shared(key, drawn, *more, points=points)]
    for name in sorted(lines):
        row, mine = (rows or {}).get(name), (marks or {}).get(name, [])
        levels, said = levels_of(row, y, steps)
        held = live_line(row, mine)
        at_pixels = [(x.at(at), y.at(b)) for at, b in held]
        over = [svg.polyline(at_pixels, class_="live", data_z=steps.points(held))] if held else []
        over += marked(mine, names_of(marks or {}), x, steps)
        said = f"; medians of the samples: {said}" if said else ""
        said += "".join(f"; {name} at {at:.3g} s" for name, at in mine)
        peak = max(b for _, b in lines[name])
        label = f"{name}, {unit} over {lines[name][-1][0]:.3g} seconds of one pass: at most {peak:.4g}{said}"
        line = own(key, drawn, name)
        found.append(panel(name, label, key, line, *over, *levels))
    return found


def levels_of(row: Optional[Row], y: scale.Scale, steps: Steps) -> tuple[list[Markup], str]:
    marks, said = [], []
    for i, (counter, name) in enumerate(LEVELS):
        above = row.above_start(counter) if row else None
        if above:
            level, left = max(0.0, above.median / MIB), RIGHT - 10 + 4 * i
            at, look = y.at(level), f"level level{i}"
            marks.append(svg.line(left, at, left + 4, at, look, data_y=steps.up(level)))
            said.append(f"{name} {above.median / MIB:.4g}")
    return marks, ", ".join(said)
