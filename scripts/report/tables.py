"""The tables beside the pictures. Each holds all numbers of threads, and every number of its pictures. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Optional, Sequence

import answer
import comparing
import table
from answer import number
from bench_results import MIB, Row, Series, Spread
from comparing import Question
from report import bars, panels, scale
from report.dots import base_of
from report.svg import Markup, element, escaped
from report.study import BETTER, NAMES, NOTHING, WORSE, Place, Study, absolute, ratio, tie_said


NONE = "-"
long = table.number  # three digits, and no exponent


class Cell(str):
    """Text with a class, and an address in the page that it leads to. `allocator`: of the head of a column, what the
    reader hides the column by. `below`: more text, small, on a line of its own."""

    look: str
    below: str
    leads_to: str
    allocator: Optional[str]

    def __new__(
        cls,
        said: str,
        look: str = "",
        leads_to: str = "",
        allocator: Optional[str] = None,
        below: str = "",
    ) -> Cell:
        made = super().__new__(cls, said)
        made.look, made.leads_to, made.allocator, made.below = look, leads_to, allocator, below
        return made


def cell_of(cell: str) -> Markup:
    """As HTML."""
    if not isinstance(cell, Cell):
        return element("td", cell)
    inner = element("a", cell, href=f"#{cell.leads_to}") if cell.leads_to else escaped(str(cell))
    below = [" ", element("small", cell.below)] if cell.below else []
    return element("td", inner, *below, class_=cell.look or None)


def head_of(head: str) -> Markup:
    """Likewise, of a column."""
    of = head if isinstance(head, Cell) else Cell(head)
    return element("th", head, scope="col", class_=of.look or None, data_a=of.allocator)


def column_of(allocator: str) -> Cell:
    """The head of a column that the reader may hide."""
    return Cell(allocator, "word", allocator=allocator)


@dataclass(frozen=True)
class Line:
    """`allocator` and `threads` are what the reader's choice hides. `key`: its address in the page."""

    allocator: Optional[str]
    threads: Optional[int]
    cells: Sequence[str]
    key: str = ""


@dataclass
class Table:
    caption: str
    heads: Sequence[str]
    lines: list[Line] = field(default_factory=list)
    relative: bool = False  # the reader may choose another base


def by_time(p: Place) -> list[Row]:
    """The fastest first, the floor last."""
    return sorted(p.rows, key=lambda r: (r.floor, r.median("ns_per_op"), r.allocator))


def by_multiple(study: Study, p: Place) -> list[Row]:
    """The least multiple of the base's time first, as it is shown; the order of medians may be another. Without a base,
    the fastest first."""
    base = base_of(p.time, study)
    rows = [r for r in by_time(p) if not r.floor]
    known = {r.allocator: found for r in rows if base and (found := ratio(p.time, r, base))}
    place = {a: (scale.short(f.middle), study.run.allocators.index(a)) for a, f in known.items()}
    return sorted(rows, key=lambda r: place.get(r.allocator, (math.inf, 0)))


def places_of(study: Study, workload: str) -> list[Place]:
    return [study.places[workload, t] for t in study.threads_of(workload)]


def scaled(spread: Optional[Spread], unit: float) -> list[str]:
    if not spread:
        return [NONE, NONE]
    s = spread.scaled(1 / unit)
    return [long(s.median), f"{long(s.low)} to {long(s.high)}"]


def beaten_by(p: Place, row: Row) -> str:
    """Who does, if its samples can tell."""
    if row.floor:
        return "not ranked: the harness alone"
    if not any(r is row for r in p.time.rows) or not any(r is row for r in p.memory.rows):
        return "not ranked"
    if not p.comparable:
        return "one sample tells nothing"
    if any(r is row for r in p.front):
        return "no"
    both = [r for r in p.time.rows if any(r is m for m in p.memory.rows) and r is not row]
    by = [r.allocator for r in both if comparing.beats(r, row, p.time, p.memory)]
    return f"yes, by {answer.listed(by[:2])}" + (f" and {len(by) - 2} more" if len(by) > 2 else "")


def speed_and_memory(study: Study, workload: str) -> Table:
    memory = NAMES[study.main(workload).memory.measure.name]
    spread = study.run.spread_name.replace("..", "to")
    made = Table(
        f"Time and memory on {workload}: medians and {spread}",
        ["allocator", "threads", "ns/op", f"ns/op, {spread}", f"{memory}, MiB", f"MiB, {spread}"]
        + [Cell("clearly beaten?", "word")],
    )
    for p in places_of(study, workload):
        for row in by_time(p):
            cells = [row.label, str(p.threads), *scaled(absolute(row, p.time.measure), 1.0)]
            cells += [*scaled(absolute(row, p.memory.measure), MIB)]
            cells.append(Cell(beaten_by(p, row), "word"))
            made.lines.append(Line(row.allocator, p.threads, cells))
    return made


def verdict(q: Question, row: Row, base: Row) -> list[str]:
    """The ratio, its interval, and what may be said."""
    found = ratio(q, row, base)
    if row is base:
        return ["1", "", Cell("is the base", "word")]
    if not found:
        return [NONE, NONE, Cell("no number", "word")]
    said = {
        "better": BETTER[q.measure.name],
        "worse": WORSE[q.measure.name],
        "": NOTHING,
        "tie": tie_said(found),
    }[found.verdict]
    return [
        number(found.middle),
        f"{number(found.low)} to {number(found.high)}",
        Cell(said, "word"),
    ]


def relative(study: Study, workload: str) -> Table:
    heads = ["allocator", "threads"]
    for q in study.main(workload).asked:
        name = NAMES[q.measure.name]
        heads += [f"{name}, times", "interval", Cell(f"{name}: {BETTER[q.measure.name]}?", "word")]
    made = Table(f"Relative to {study.base or 'the base'} on {workload}", heads, relative=True)
    for p in places_of(study, workload):
        bases = [base_of(q, study) for q in p.asked]
        for row in by_multiple(study, p):
            cells = [row.label, str(p.threads)]
            for q, base in zip(p.asked, bases):
                cells += verdict(q, row, base) if base else [NONE, NONE, "the base is not ranked"]
            made.lines.append(Line(row.allocator, p.threads, cells))
    return made


def throughput(study: Study, workload: str) -> Table:
    counts = study.threads_of(workload)
    spread = study.run.spread_name.replace("..", "to")
    heads = ["allocator", "threads", "Mop/s", f"Mop/s, {spread}", f"times that at {counts[0]}"]
    made = Table(f"Throughput of all threads together on {workload}", heads)
    first = study.places[workload, counts[0]]
    for p in places_of(study, workload):
        for row in by_time(p):
            cells = [row.label, str(p.threads), *scaled(row.spread("ops_per_second"), 1e6)]
            start = first.row(row.allocator)
            times = row.median("ops_per_second") / start.median("ops_per_second") if start else 0
            cells.append(f"{times:.2f}" if start else NONE)
            made.lines.append(Line(row.allocator, p.threads, cells))
    return made


def shown(value: Optional[float]) -> str:
    return NONE if value is None or math.isnan(value) else long(value)


def resident(study: Study, workload: str) -> Table:
    rows = [r for p in places_of(study, workload) for r in p.allocators]
    known = ("slack", "kept") if any(r.slack() for r in rows) else ()
    heads = ["allocator", "threads", "resident, MiB", "start", "live", *known]
    heads += ["above the start after all is freed", "after a purge"]
    told = (
        ""
        if known
        else "; no allocator told how much of a block may be used, so slack is not known"
    )
    made = Table(f"Where resident bytes are on {workload}: medians, MiB{told}", heads)
    for p in places_of(study, workload):
        for row in sorted(p.allocators, key=lambda r: (r.median("rss_live_bytes"), r.allocator)):
            of = bars.of_row(row)
            parts = [shown(of.parts.get(k)) for k in ("start", "live", *known)]
            cells = [row.label, str(p.threads), long(of.total), *parts]
            cells += [shown(of.freed), shown(of.purged)]
            made.lines.append(Line(row.allocator, p.threads, cells))
    return made


def over_time(
    study: Study, workload: str, series: dict[tuple[str, str, int], Series]
) -> Optional[Table]:
    """Of the passes that were recorded."""
    marks = {(a, t): m for (w, a, t), m in study.run.facts.reached.items() if w == workload}
    names = panels.names_of({f"{a} {t}": m for (a, t), m in marks.items()})
    heads = ["allocator", "threads", "seconds", "most RSS, MiB", "RSS at the end", "most VSZ, MiB"]
    made = Table(
        f"Memory over time on {workload}: one pass, with what is there at the start"
        + "; when it reached each instant, in seconds" * bool(names),
        [*heads, *(f"{i}: {name}" for i, name in enumerate(names, 1))],
    )
    for (load, name, threads), s in sorted(series.items()):
        if load != workload or not s.seconds or name not in study.run.allocators:
            continue
        sizes = [max(s.rss) / MIB, s.rss[-1] / MIB, max(s.vsz) / MIB]
        at = dict(marks.get((name, threads), []))
        cells = [name, str(threads), long(s.seconds[-1]), *map(long, sizes)]
        cells += [long(at[n]) if n in at else NONE for n in names]
        made.lines.append(Line(name, None, cells))
    return made if made.lines else None
