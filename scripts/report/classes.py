"""The page of a fleet whose nodes differ: a panel for each class of machines, side by side, on the same scales. Each number is
of one class alone. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import Callable, Iterable, Optional, Sequence

import answer
from bench_results import CORE, plural, sample_count
from fleet.classes import OfClass
from report import bars, bench, dots, facts, panels, summary, tables
from report.facts import Facts
from report.model import Page, Part, Section
from report.scale import Beside
from report.study import Place, Study, study
from report.summary import Fold, Sentence, key_of
from report.svg import Markup, element
from report.tables import Cell, Line, Table

APART = "A panel for each class of machines; all have the same scales. Each number is of one class alone."
FAMILIES = "Each class of machines has families of its own."
ORDER = "Rows stand in the order of the first class."


@dataclass
class Side:
    """A class, and what may be said of it."""

    of: OfClass
    study: Study
    told: Facts

    @property
    def name(self) -> str:
        return self.of.name

    @property
    def machine(self) -> str:
        run = self.of.run.facts
        return f"{run.cpu}, {plural(run.cpus, 'CPU')}, {self.of.facts}"


def captioned(side: Side, p: Place, picture: Markup) -> Markup:
    """With what the panel is of above it."""
    name = element("strong", f"{side.name}, {plural(p.threads, 'thread')}")
    return Markup(element("p", name, f": {side.machine}", class_="note panel") + picture)


def together(made: Iterable[tuple[str, Optional[Table]]]) -> Optional[Table]:
    """One table of several, with the class of each line."""
    found = [(name, table) for name, table in made if table]
    if not found:
        return None
    widest = max((table for _, table in found), key=lambda t: len(t.heads))
    heads = [f"class: {widest.heads[0]}", *widest.heads[1:]]
    lines = []
    for name, table in found:
        for x in table.lines:
            first, *cells = filled(x.cells, table.heads, widest.heads)
            lines.append(Line(x.allocator, None, [f"{name}: {first}", *cells]))
    whose = "by class of machines" if len(found) > 1 else f"class of machines: {found[0][0]}"
    return Table(f"{found[0][1].caption}; {whose}", heads, lines)


def filled(cells: Sequence[str], heads: Sequence[str], all_heads: Sequence[str]) -> list[str]:
    """With a mark in each column that this table does not have."""
    left = list(zip(heads, cells))
    return [left.pop(0)[1] if left and left[0][0] == head else tables.NONE for head in all_heads]


class Builder:
    def __init__(self, sides: Sequence[Side]) -> None:
        self.sides = sides
        self.allocators = list(dict.fromkeys(a for s in sides for a in s.of.run.allocators))
        self.names = answer.short_names(self.allocators, dots.NAME_WIDTH)
        self.workloads = list(dict.fromkeys(w for s in sides for w in s.study.workloads))

    def of(self, workload: str) -> list[tuple[Side, Place]]:
        """The classes that have it, each at its main number of threads."""
        there = [s for s in self.sides if workload in s.study.workloads]
        return [(s, s.study.main(workload)) for s in there]

    def part(
        self,
        section: Section,
        workload: str,
        pictures: list[Markup],
        table: Callable[[Study, str], Optional[Table]],
    ) -> None:
        summaries = self.sides[0].told.summaries
        said = summaries.get(workload, "")
        made = together((s.name, table(s.study, workload)) for s, _ in self.of(workload))
        heading = f"{workload}: {said}" if said else workload
        key = key_of(section.key, workload)
        section.parts.append(Part(key, heading, pictures, made, workload=workload))

    def machines(self) -> Section:
        made = Section(
            "machines",
            "Which machines are these?",
            "Nodes that agree in all of this are a class. Samples of different classes are never pooled.",
        )
        heads = ["fact", *(Cell(s.name, "word") for s in self.sides)]
        table = Table("Classes of machines", heads)

        def add(said: str, values: Iterable[str]) -> None:
            table.lines.append(Line(None, None, [said, *(Cell(v, "word") for v in values)]))

        for fact in self.sides[0].of.machine:
            add(fact, (s.of.machine[fact] for s in self.sides))
        add("rounds", (str(sum(s.of.nodes.values())) for s in self.sides))
        add("samples of a row", (sample_count(s.of.run.rows) for s in self.sides))
        add("nodes, with their rounds", (listed_nodes(s.of.nodes) for s in self.sides))
        add("a page of its own", (f"{s.name}/report.html" for s in self.sides))
        made.parts.append(Part("machines-table", "Facts", [], table))
        return made

    def pareto(self) -> Section:
        made = Section(
            "speed-memory",
            "Which is fast, and what does it cost in memory?",
            f"Up is faster, left takes less memory. What another allocator clearly beats is hollow. {APART} {bench.BY_ROUND}",
            legend=bench.FRONT,
        )
        for w in self.workloads:
            of = self.of(w)
            points = [x for s, p in of for x in dots.points_of(s.study, p)[1].values()]
            xs = [v for memory, _ in points for v in dots.ends(memory)]
            ys = [v for _, speed in points for v in dots.ends(speed)]
            pictures = [
                captioned(
                    s,
                    p,
                    dots.pareto(s.study, p, self.names, Beside(s.name, xs, ys, self.allocators)),
                )
                for s, p in of
            ]
            self.part(made, w, pictures, tables.speed_and_memory)
        return made

    def multiples(self) -> Section:
        made = Section(
            "workloads",
            "How does each compare on each workload?",
            f"Each dot is a multiple of what the base needs, with its interval. A tie with the base is hollow. {APART} {ORDER} "
            f"{bench.BY_ROUND}",
            legend=bench.DOTS,
        )
        for w in self.workloads:
            of, pictures = self.of(w), []
            for measure in range(len(of[0][1].asked)):
                asked = [(s, p, p.asked[measure]) for s, p in of if p.asked[measure].rows]
                values = [dots.values_of(s.study, p, q) for s, p, q in asked]
                seen = [v for each in values for x in each.values() for v in dots.ends(x)]
                order = in_order(
                    dots.best_first(s.study, each) for (s, _, _), each in zip(asked, values)
                )
                pictures += [
                    captioned(
                        s, p, dots.dots(s.study, p, q, self.names, Beside(s.name, seen, (), order))
                    )
                    for s, p, q in asked
                ]
            self.part(made, w, pictures, tables.relative)
        return made

    def throughput(self) -> Section:
        """Each class has a part of its own: its panels are many."""
        made = Section(
            "scaling",
            "Does it scale with threads?",
            "Million operations a second of all threads together, a panel for each allocator, both axes logarithmic. Of a "
            "workload, all classes have the same scales.",
            legend=bench.LINES,
        )
        for w in self.workloads:
            there = [s for s, _ in self.of(w)]
            seen = [v for s in there for v in panels.speeds(s.study, w)]
            for s in there:
                shared, *small = panels.throughput(s.study, w, Beside(s.name, (), seen)) or [
                    Markup()
                ]
                if small:
                    table = together([(s.name, tables.throughput(s.study, w))])
                    key = key_of("scaling", w, s.name)
                    one = Part(key, f"{w}: {s.name}", small, table, note=s.machine, workload=w)
                    made.parts.append(replace(one, shared=shared))
        return made

    def resident(self) -> Section:
        made = Section(
            "bytes",
            "Where is each resident byte?",
            f"At the instant when all threads hold their live set. {APART} {ORDER}",
            legend=[(f"piece {k}", bars.MEANING[k]) for k in bars.PARTS],
        )
        for w in self.workloads:
            of = self.of(w)
            sizes = [{r.allocator: bars.of_row(r) for r in p.allocators} for _, p in of]
            seen = [b.total for each in sizes for b in each.values()]
            order = in_order(map(bars.least_first, sizes))
            pictures = [
                captioned(s, p, bars.bars(s.study, p, self.names, Beside(s.name, seen, (), order)))
                for s, p in of
            ]
            self.part(made, w, pictures, tables.resident)
        return made


def listed_nodes(nodes: dict[str, int], most: int = 12) -> str:
    said = ", ".join(f"{name} ({rounds})" for name, rounds in sorted(nodes.items())[:most])
    return said + f" and {len(nodes) - most} more" * (len(nodes) > most)


def in_order(orders: Iterable[Sequence[str]]) -> list[str]:
    """That of the first which has it."""
    return list(dict.fromkeys(a for order in orders for a in order))


def by_class(said: Sequence[tuple[str, Sequence[Sentence]]]) -> list[Sentence]:
    """Of all classes, what is of one place next to each other. Each begins with its class, but for what is said of all."""
    alike = Counter((x.key, x.text) for _, sentences in said for x in sentences)
    found: dict[str, list[Sentence]] = {}
    for name, sentences in said:
        for x in sentences:
            own = replace(x, key=f"{name}-{x.key}", text=f"{name}: {x.text}")
            if alike[x.key, x.text] == len(said) and x.kind != "finding":
                own = x
            if own not in found.setdefault(x.key, []):
                found[x.key].append(own)
    return [x for of in found.values() for x in of]


def differences(sides: Sequence[Side]) -> Sentence:
    differ = [
        f"{fact}: " + ", ".join(f"{s.name} {s.of.machine[fact]}" for s in sides)
        for fact in sides[0].of.machine
        if len({s.of.machine[fact] for s in sides}) > 1
    ]
    said = f"DIFFERENT MACHINES, so each class is a run of its own, and no number is of two: {'; '.join(differ)}."
    return Sentence("s-classes", "caution", said)


def facts_of_all(sides: Sequence[Side]) -> Facts:
    """What differs is told of each."""

    def joined(of: Sequence[list[tuple[str, str]]]) -> list[tuple[str, str]]:
        keys = list(dict.fromkeys(k for one in of for k, _ in one))
        values = [dict(one) for one in of]
        made = []
        for key in keys:
            said = [one.get(key, "not known") for one in values]
            each = "; ".join(f"{s.name}: {x}" for s, x in zip(sides, said))
            made.append((key, said[0] if len(set(said)) == 1 else each))
        return made

    first = sides[0].told
    return replace(
        first,
        machine=joined([s.told.machine for s in sides]),
        run=joined([s.told.run for s in sides]),
    )


def folds(sides: Sequence[Side], found: Sequence[list[Sentence]]) -> list[Fold]:
    made: dict[str, tuple[bool, list[tuple[str, list[Sentence]]]]] = {}
    for side, of in zip(sides, found):
        for fold in summary.folds(side.study, of):
            made.setdefault(fold.title, (fold.open, []))[1].append((side.name, fold.sentences))
    return [Fold(title, by_class(said), is_open) for title, (is_open, said) in made.items()]


def page(classes: Sequence[OfClass], name: str) -> Page:
    """`name` is that of the fleet's folder."""
    sides = [
        Side(
            of,
            study(of.run),
            facts.facts_of(of.document["context"]["spanbench"], of.document["context"]),
        )
        for of in classes
    ]
    b = Builder(sides)
    found = [summary.findings(s.study) for s in sides]
    cores = [[x for x in of if x.group == CORE] for of in found]
    gaps = [(s.name, summary.gaps(s.study, True, "")) for s in sides]
    findings = [
        (s.name, (core or of) + summary.from_answer(s.study))
        for s, core, of in zip(sides, cores, found)
    ]
    sections = [b.machines(), b.pareto(), b.multiples(), b.throughput(), b.resident()]
    names = [s.name for s in sides]
    return Page(
        title=f"spanbench: {name}: {len(sides)} classes of machines",
        about=f"{name}: {len(sides)} classes of machines, {answer.listed(names)}; each has a page of its own, too",
        files=answer.listed([f"{x}/bench.json" for x in names]),
        gaps=[differences(sides), *by_class(gaps)],
        findings=by_class(findings),
        more=folds(sides, found if any(cores) else [[] for _ in sides]),
        meaning=f"{summary.MEANING} {FAMILIES}",
        sections=[s for s in sections if s.parts],
        facts=facts_of_all(sides),
        command="",
        allocators=b.allocators,
        workloads=b.workloads,
    )
