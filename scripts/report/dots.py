"""Two kinds of pictures that the page can redraw. One is speed against memory, the other a dot with its interval
for each allocator. page-draw.js follows the same layout, which it finds in LAYOUT. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Mapping, Optional

import answer
import table
from bench_results import MIB, Row, Spread
from comparing import TIME, Measure, Question
from report import scale, svg
from report.scale import Beside
from report.study import BETTER, NAMES, WORSE, Place, Ratio, Study, absolute, ratio, shown, tie_said
from report.svg import Markup

# Of both, in pixels. NAMES_LEFT and VALUES_RIGHT are the columns of text beside the dots.
LAYOUT = {
    "width": 424,
    "row": 20,
    "top": 12,
    "axis": 40,
    "left": 136,
    "right": 324,
    "paretoLeft": 48,
    "paretoRight": 256,
    "paretoHeight": 240,
    "gutter": 14,
    "radius": 5,
}
NAME_WIDTH = 17


@dataclass(frozen=True)
class Value:
    """What is drawn of a row: relative to a base if `verdict` is not None, else as measured."""

    middle: float
    low: float
    high: float
    verdict: Optional[str] = None


def as_measured(spread: Optional[Spread], measure: Measure) -> Optional[Value]:
    """In nanoseconds or MiB; nothing where there is none, or less."""
    if not spread or spread.median <= 0:
        return None
    unit = 1.0 if measure is TIME else float(MIB)
    low = spread.low if spread.low > 0 else spread.median
    return Value(spread.median / unit, low / unit, spread.high / unit)


def value_of(q: Question, row: Row, base: Optional[Row]) -> Optional[Value]:
    if base is None:
        return as_measured(absolute(row, q.measure), q.measure)
    found: Optional[Ratio] = ratio(q, row, base)
    return Value(found.middle, found.low, found.high, found.verdict) if found else None


def base_of(q: Question, study: Study) -> Optional[Row]:
    return next((r for r in q.rows if r.allocator == study.base), None)


# --- dots -------------------------------------------------------------------------------------------


def value_text(value: Value, measure: Measure, is_base: bool) -> str:
    if value.verdict is None:
        return f"{table.number(value.middle)} {'ns' if measure is TIME else 'MiB'}"
    marks = {} if is_base else {"tie": " tie", "": " ?"}
    return answer.number(value.middle) + marks.get(value.verdict, "")


def amount(value: float, measure: Measure) -> str:
    """Of nanoseconds or MiB."""
    return shown(value * (1 if measure is TIME else MIB), measure)


def measured(q: Question, row: Row) -> str:
    spread = absolute(row, q.measure)
    return shown(spread.median, q.measure) if spread else "no number"


def tip_of(name: str, value: Value, q: Question, row: Row, base: Optional[Row]) -> str:
    n, of = answer.number, NAMES[q.measure.name]
    if value.verdict is None or not base:
        ends = " to ".join(amount(v, q.measure) for v in (value.low, value.high))
        return f"{name}: {of} {measured(q, row)} ({ends})"
    said = f"{name}: {of} {n(value.middle)} times {base.allocator}'s "
    said += f"({n(value.low)} to {n(value.high)}); {measured(q, row)}"
    if row is base:
        return f"{said}; the base"
    told = {"better": BETTER[q.measure.name], "worse": WORSE[q.measure.name]}
    found = ratio(q, row, base)
    if value.verdict == "tie" and found:
        return f"{said}; {tie_said(found)}"
    return f"{said}; {told.get(value.verdict, 'nothing can be told')}"


def axis(of: scale.Scale, top: float, bottom: float, title: str) -> Markup:
    parts: list[str] = []
    for tick in of.ticks():
        x = of.at(tick)
        parts += [
            svg.line(x, top, x, bottom, "grid"),
            svg.text(x, bottom + 13, scale.label(tick), "tick"),
        ]
    middle = (of.start + of.end) / 2
    return svg.group(*parts, svg.text(middle, bottom + 29, title, "title"), class_="axis")


def axis_title(q: Question, base: Optional[Row]) -> str:
    name = NAMES[q.measure.name]
    if base:
        return f"{name}, multiples of {base.allocator} (left is better)"
    return f"{name}, {'ns' if q.measure is TIME else 'MiB'} (left is better)"


@dataclass(frozen=True)
class Dot:
    """A line of a picture of dots. `allocator`: what the reader hides it by; `name`: what is written, which may be
    shorter."""

    name: str
    allocator: Optional[str]
    value: Value
    text: str
    tip: str


def numbers(of: Value) -> str:
    return " ".join(f"{v:.4g}" for v in (of.low, of.middle, of.high))


def ends(value: Value) -> tuple[float, float, float]:
    return value.low, value.middle, value.high


def drawn(
    rows: list[Dot],
    title: str,
    label: str,
    one: bool,
    kind: str = "rows",
    of: Optional[Beside] = None,
    **attributes: svg.Value,
) -> Markup:
    """From the top. `one`: there is a line at 1. `kind`: how page-draw.js draws it again; rows have their numbers with
    them."""
    seen = [v for r in rows for v in ends(r.value)] + list(of.x if of else ())
    x = scale.around(seen + [1.0] * one, LAYOUT["left"], LAYOUT["right"], log=True)
    places = {a: i for i, a in enumerate(of.order)} if of else {}
    top, bottom = LAYOUT["top"], LAYOUT["top"] + LAYOUT["row"] * (len(places) or len(rows))
    marks = []
    for i, row in enumerate(rows):
        low, at, high = (x.at(v) for v in (row.value.low, row.value.middle, row.value.high))
        hollow = row.value.verdict in ("tie", "")
        y = top + LAYOUT["row"] * (places.get(row.allocator or "", i) + 0.5)
        marks.append(
            svg.group(
                svg.title(row.tip),
                svg.line(low, 0, high, 0, "interval"),
                svg.circle(at, 0, LAYOUT["radius"], "hollow" if hollow else "dot"),
                svg.text(LAYOUT["left"] - 8, 4, row.name, "name"),
                svg.text(LAYOUT["right"] + 8, 4, row.text, "value"),
                class_="mark",
                data_a=row.allocator,
                data_v=numbers(row.value) if kind == "rows" else None,
                transform=f"translate(0 {svg.number(y)})",
            )
        )
    lines = [svg.line(x.at(1), top, x.at(1), bottom, "one")] * one
    return svg.picture(
        LAYOUT["width"],
        bottom + LAYOUT["axis"],
        scale.labelled(of, label),
        axis(x, top, bottom, title),
        *lines,
        *marks,
        class_="plot",
        data_kind=None if of else kind,
        **attributes,
    )


def values_of(study: Study, p: Place, q: Question) -> dict[str, Value]:
    """Nothing of those that have no number."""
    base = base_of(q, study)
    return {r.allocator: v for r in p.allocators if (v := value_of(q, r, base))}


def best_first(study: Study, values: Mapping[str, Value]) -> list[str]:
    places = study.run.allocators.index
    return sorted(values, key=lambda a: (scale.short(values[a].middle), places(a)))


def dots(
    study: Study, p: Place, q: Question, names: dict[str, str], of: Optional[Beside] = None
) -> Markup:
    """The best first, unless the picture is beside others."""
    base, values = base_of(q, study), values_of(study, p, q)
    order = of.order if of else best_first(study, values)
    rows = [row for a in order if a in values and (row := p.row(a))]
    best = {r.allocator for r in p.best(q)}
    lines = [
        Dot(
            names[row.allocator],
            row.allocator,
            value := values[row.allocator],
            value_text(value, q.measure, row is base) + "*" * (row.allocator in best),
            tip_of(row.allocator, value, q, row, base),
        )
        for row in rows
    ]
    name = NAMES[q.measure.name]
    return drawn(
        lines,
        axis_title(q, base),
        f"{name} of each allocator on {p.workload}; the table beside it has the numbers",
        bool(base),
        "dots",
        of,
        data_workload=p.workload,
        data_measure=p.asked.index(q),
    )


# --- speed against memory ---------------------------------------------------------------------------


def speed_of(value: Value) -> Value:
    """From time: million operations a second, or how many times the base's speed."""
    factor = 1000.0 if value.verdict is None else 1.0
    return Value(factor / value.middle, factor / value.high, factor / value.low, value.verdict)


def slots(wanted: list[float], top: float, bottom: float) -> list[float]:
    """Where labels go that want to be at these heights, from the top, with room between them."""
    step = min(float(LAYOUT["gutter"]), (bottom - top) / max(1, len(wanted)))
    found: list[float] = []
    for y in wanted:
        found.append(max(y, found[-1] + step if found else top))
    limit = bottom
    for i in range(len(found) - 1, -1, -1):
        found[i] = min(found[i], limit)
        limit = found[i] - step
    return found


def front_line(points: list[tuple[float, float]], right: float) -> list[tuple[float, float]]:
    """The border of what the points reach, in pixels: from the left, each step up; points that another one
    hides are not on it."""
    line: list[tuple[float, float]] = []
    for x, y in sorted(points):
        if line and y >= line[-1][1]:
            continue
        if line:
            line.append((x, line[-1][1]))
        line.append((x, y))
    return [*line, (right, line[-1][1])] if line else []


def points_of(study: Study, p: Place) -> tuple[Optional[Row], dict[str, tuple[Value, Value]]]:
    """What they are multiples of, and memory and speed of each allocator."""
    bases = [base_of(q, study) for q in (p.time, p.memory)]
    base = bases[0] if all(bases) else None
    found: dict[str, tuple[Value, Value]] = {}
    for row in p.allocators:
        time, memory = (
            value_of(q, row, base_of(q, study) if base else None) for q in (p.time, p.memory)
        )
        if time and memory:
            found[row.allocator] = memory, speed_of(time)
    return base, found


def pareto(study: Study, p: Place, names: dict[str, str], of: Optional[Beside] = None) -> Markup:
    """Up is faster, left takes less memory. Filled is what nothing clearly beats."""
    base, found = points_of(study, p)
    most = max(len(found), len(of.order) if of else 0)
    height = max(LAYOUT["paretoHeight"], LAYOUT["gutter"] * most + LAYOUT["top"])
    bottom = float(height)
    x = scale.around(
        [*(v for m, _ in found.values() for v in (m.low, m.high)), *(of.x if of else ())],
        LAYOUT["paretoLeft"],
        LAYOUT["paretoRight"],
        log=True,
    )
    y = scale.around(
        [*(v for _, s in found.values() for v in (s.low, s.high)), *(of.y if of else ())],
        bottom,
        LAYOUT["top"],
        log=True,
    )
    front = {r.allocator for r in p.front}
    places = {a: (x.at(m.middle), y.at(s.middle)) for a, (m, s) in found.items()}
    order = sorted(found, key=lambda a: (round(places[a][1], 1), a))
    labels = dict(zip(order, slots([places[a][1] for a in order], LAYOUT["top"] + 4, bottom)))
    marks = []
    rows = {row.allocator: row for row in p.allocators}
    units = (" million operations a second", " MiB")
    if base:
        units = (f" times {base.allocator}'s", " times")
    for name in order:
        memory, speed = found[name]
        px, py = places[name]
        beaten = bool(front) and name not in front
        of_speed, of_memory = (
            f"{answer.number(v.middle)}{w}" for v, w in zip((speed, memory), units)
        )
        said = f"{name}: speed {of_speed}, memory {of_memory}; {measured(p.time, rows[name])} an operation, "
        said += measured(p.memory, rows[name])
        said += "; clearly beaten" if beaten else "; not clearly beaten" if front else ""
        marks.append(
            svg.group(
                svg.title(said),
                svg.line(px, py, LAYOUT["paretoRight"] + 12, labels[name], "leader"),
                svg.line(x.at(memory.low), py, x.at(memory.high), py, "interval"),
                svg.line(px, y.at(speed.low), px, y.at(speed.high), "interval"),
                svg.circle(px, py, LAYOUT["radius"], "hollow" if beaten else "dot"),
                svg.text(
                    LAYOUT["paretoRight"] + 15,
                    labels[name] + 4,
                    names[name] + ("" if beaten or not front else " *"),
                    "label" if beaten else "label front",
                ),
                class_="mark",
                data_a=name,
            )
        )
    whose = f"multiples of {base.allocator}'s" if base else "as measured"
    unit = whose if base else "million operations a second"
    across = f"{NAMES[p.memory.measure.name]}, {whose if base else 'MiB'} (left is better)"
    rungs: list[str] = []
    for tick in y.ticks():
        at = y.at(tick)
        rungs += [
            svg.line(LAYOUT["paretoLeft"], at, LAYOUT["paretoRight"], at, "grid"),
            svg.text(LAYOUT["paretoLeft"] - 6, at + 4, scale.label(tick), "rung"),
        ]
    border = front_line([places[a] for a in order if a in front], LAYOUT["paretoRight"])
    return svg.picture(
        LAYOUT["width"],
        bottom + LAYOUT["axis"],
        scale.labelled(
            of, f"Speed against memory on {p.workload}; the table beside it has the numbers"
        ),
        axis(x, LAYOUT["top"], bottom, across),
        svg.group(
            *rungs, svg.text(4, 9, f"speed, {unit} (up is better)", "caption"), class_="axis"
        ),
        svg.polyline(border, class_="border"),
        *marks,
        class_="plot",
        data_kind=None if of else "pareto",
        data_workload=p.workload,
    )
