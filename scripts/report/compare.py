"""Two bench runs, side by side: what changed from A to B, row by row. Rows are compared by the rounds that made the
same requests. The runs were made one after the other, so what else changed on the machine counts as a change, too.
Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, Optional

import answer
import comparing
import paired
from bench_results import CORE, Results, Row, nearest, plural
from comparing import Question
from report import dots
from report.facts import Facts, Library
from report.model import Page, Part, Section
from report.study import BETTER, NAMES, WORSE, Ratio, absolute, measures_of, ratio, shown, tie_said
from report.summary import Sentence, key_of
from report.svg import Markup
from report.tables import Cell, Line, Table

SAME_REQUESTS = "rows are compared only if they made the same requests (the same workloads, sizes, seed and QUICK)"
LEGEND = [
    ("dot", "told apart"),
    ("hollow", "a tie, or nothing can be told"),
    ("interval", "interval"),
]


@dataclass(frozen=True)
class Change:
    """Of a row. `question` has two rows, named A and B."""

    workload: str
    threads: int
    name: str
    label: str  # with a mark of the floor
    question: Question
    a: Row
    b: Row

    @property
    def ratio(self) -> Optional[Ratio]:
        return ratio(self.question, self.b, self.a)

    @property
    def rounds(self) -> int:
        """Those that both have."""
        return len(comparing.differences(self.b, self.a, self.question.measure))


def digests(document: Any) -> dict[tuple[str, int, int], str]:
    """By workload, threads and round."""
    return {
        (e["workload"], e["threads"], e["block"]): e["digest"]
        for e in document["benchmarks"]
        if "digest" in e and "block" in e
    }


def refuse_unequal(a: Any, b: Any) -> None:
    """Raises ValueError where the two did other work."""
    mine, other = digests(a), digests(b)
    common = sorted(mine.keys() & other.keys())
    if not common:
        raise ValueError(f"the runs have no row in common; {SAME_REQUESTS}")
    for key in common:
        if mine[key] != other[key]:
            workload, threads, block = key
            at = f"{workload} at {plural(threads, 'thread')}, round {block}"
            raise ValueError(
                f"the runs made other requests on {at}: not comparable; {SAME_REQUESTS}"
            )


def changes(a: Results, b: Results) -> list[Change]:
    """Of all rows that both have, told apart all at once."""
    found = []
    for one in a.rows:
        other = b.row(one.workload, one.allocator, one.threads)
        group = a.facts.groups.get(one.workload, CORE)
        if not other or not one.samples or not other.samples:
            continue
        for measure in measures_of(group):
            if one.floor and measure is not comparing.TIME:
                continue
            rows = [replace(r, allocator=n, floor=False) for r, n in ((one, "A"), (other, "B"))]
            if all(r.ranked and comparing.by_round(r, measure) for r in rows):
                q = Question(one.workload, one.threads, measure, rows)
                found.append(
                    Change(one.workload, one.threads, one.allocator, one.label, q, rows[0], rows[1])
                )
    comparing.tell_apart([c.question for c in found])
    return found


def dot(c: Change, name: str, found: Ratio) -> dots.Dot:
    n, q = answer.number, c.question
    value = dots.Value(found.middle, found.low, found.high, found.verdict)
    said = {"better": BETTER[q.measure.name], "worse": WORSE[q.measure.name], "tie": "a tie"}
    told = said.get(found.verdict, "nothing can be told")
    sizes = [shown(s.median, q.measure) for r in (c.a, c.b) if (s := absolute(r, q.measure))]
    tip = f"{c.label}: {NAMES[q.measure.name]} of B {n(found.middle)} times A's ({n(found.low)} to {n(found.high)}); "
    tip += f"A {sizes[0]}, B {sizes[1]}; {told}" if len(sizes) == 2 else told
    mark = {"tie": " tie", "": " ?"}.get(found.verdict, "")
    return dots.Dot(name, c.name, value, n(found.middle) + mark, tip)


def picture(listed: list[Change]) -> Markup:
    measure = listed[0].question.measure
    names = answer.short_names([c.label for c in listed], dots.NAME_WIDTH)
    known = [(c, r) for c in listed if (r := c.ratio)]
    known.sort(key=lambda item: item[1].middle)
    return dots.drawn(
        [dot(c, names[c.label], r) for c, r in known],
        f"{NAMES[measure.name]}, B / A (left is better)",
        f"Change of {NAMES[measure.name]} on {listed[0].workload}; the table beside it has the numbers",
        True,
    )


def line(c: Change) -> Optional[Line]:
    found, q = c.ratio, c.question
    sizes = [absolute(r, q.measure) for r in (c.a, c.b)]
    if not found or not sizes[0] or not sizes[1]:
        return None
    said = {
        "better": BETTER[q.measure.name],
        "worse": WORSE[q.measure.name],
        "tie": tie_said(found),
        "": "too few rounds to tell",
    }[found.verdict]
    n = answer.number
    cells = [c.label, str(c.threads), NAMES[q.measure.name]]
    cells += [shown(s.median, q.measure) for s in sizes if s]
    cells += [n(found.middle), f"{n(found.low)} to {n(found.high)}", Cell(said, "word")]
    return Line(c.name, None, cells)


def sentence(workload: str, threads: int, listed: list[Change]) -> Sentence:
    """What is better, what is worse, and how much is neither."""
    said = []
    for verdict, word in (("better", "better"), ("worse", "worse")):
        there = [
            f"{c.label} ({NAMES[c.question.measure.name]} {answer.number(r.middle)} times)"
            for c in listed
            if (r := c.ratio) and r.verdict == verdict
        ]
        if there:
            said.append(f"B is {word} with {answer.listed(there)}")
    ties, untold = (
        sum((r := c.ratio) is not None and r.verdict == v for c in listed) for v in ("tie", "")
    )
    if ties or not untold:
        said.append(f"{plural(ties, 'comparison')} cannot be told apart" if ties else "none ties")
    if untold:
        said.append(f"of {plural(untold, 'comparison')} nothing can be told with so few rounds")
    at = f"On {workload} at {plural(threads, 'thread')}"
    return Sentence(key_of("s", workload, threads), "finding", f"{at}: {'; '.join(said)}.")


def rounds_that_do(level: float) -> int:
    """So many can have a p of this level, two-sided, without asking how the noise is spread."""
    rounds = paired.FEWEST
    while not paired.rank_sum_below(rounds, level / 2):
        rounds += 1
    return rounds


def too_few(found: list[Change]) -> list[Sentence]:
    """Warns where a change, however large, cannot be claimed."""
    without = [c for c in found if math.isinf(paired.needed_shift(c.rounds, c.question.level))]
    if not without:
        return []
    counts = sorted({c.rounds for c in without})
    had = plural(counts[-1], "round")
    if len(counts) > 1:
        had = f"{counts[0]} to {had}"
    enough = rounds_that_do(max(c.question.level for c in without))
    said = f"TOO FEW ROUNDS: with {had}, a single change among {plural(len(found), 'comparison')} cannot be claimed, "
    said += f"however large it is. {enough} rounds of both runs would do (make bench REPS={enough}), or fewer rows: "
    said += "ALLOCATORS='a b' compares those alone, if they were chosen before anybody looked."
    return [Sentence("s-rounds", "caution", said)]


def different(a: Facts, b: Facts) -> list[Sentence]:
    """Warns of other machines, and of what else is not alike."""
    mine, other = dict(a.machine), dict(b.machine)
    keys = [k for k in mine if k in other and mine[k] != other[k]]
    hosts = [dict(f.run).get("host", "") for f in (a, b)]
    said = [f"{k}: {mine[k]} and {other[k]}" for k in keys]
    if hosts[0] != hosts[1]:
        said.insert(0, f"host: {hosts[0]} and {hosts[1]}")
    found = []
    if said:
        warning = f"DIFFERENT MACHINES: {'; '.join(said)}. What differs below may be the machines' difference."
        found.append(Sentence("s-machines", "caution", warning))
    side = "The runs were not made side by side: what changed on the machine between them counts as a change here."
    found.append(Sentence("s-side", "caution", f"{side} make gate compares side by side."))
    return found


def together(a: Facts, b: Facts) -> Facts:
    """One list of each: what differs is there twice."""

    def both(one: list[tuple[str, str]], other: list[tuple[str, str]]) -> list[tuple[str, str]]:
        names = list(dict.fromkeys(k for k, _ in [*one, *other]))
        first, second = dict(one), dict(other)
        return [
            (k, v if (v := first.get(k, "not known")) == second.get(k, "not known") else
             f"A: {v}; B: {second.get(k, 'not known')}")
            for k in names
        ]  # fmt: skip

    libraries = [
        Library(f"{which}: {x.name}", x.version, x.object, x.note)
        for which, of in (("A", a), ("B", b))
        for x in of.libraries
    ]
    return Facts(both(a.machine, b.machine), both(a.run, b.run), libraries, a.summaries, a.own)


def alone(which: str, run: Results, names: list[str]) -> Results:
    """The rows of these allocators. Raises ValueError for one that the run does not have."""
    for name in names:
        if name not in run.allocators:
            there = ", ".join(run.allocators)
            raise ValueError(f"{which} has no allocator {name}; there are {there}")
    return replace(run, rows=[r for r in run.rows if r.allocator in names])


def left_out(a: Results, b: Results) -> list[Sentence]:
    """Rows that only one of them has, or that failed."""
    keys = [
        {(r.workload, r.threads, r.allocator) for r in x.rows if r.ranked or r.floor}
        for x in (a, b)
    ]
    found = []
    for which, missing in (("B", keys[0] - keys[1]), ("A", keys[1] - keys[0])):
        if missing:
            names = sorted(f"{w}/{n}/threads:{t}" for w, t, n in missing)
            more = f" and {len(names) - 6} more" if len(names) > 6 else ""
            said = f"Not in {which}, or failed there: {', '.join(names[:6])}{more}."
            found.append(Sentence(f"s-only-{which}", "gap", said))
    return found


def page(
    a: Results, b: Results, facts: tuple[Facts, Facts], names: tuple[str, str], only: list[str]
) -> Page:
    """`names` are those of the two folders; `only` these allocators, or all if there is none."""
    narrower = []
    if only:
        a, b = alone("A", a, only), alone("B", b, only)
        said = f"Compared are the rows of these alone: {answer.listed(only)}."
        narrower.append(Sentence("s-alone", "absent", said))
    found = changes(a, b)
    section = Section(
        "changes", "What changed from A to B?", "Each dot is B's, divided by A's.", legend=LEGEND
    )
    sentences = []
    for workload in a.workloads:
        mine = [c for c in found if c.workload == workload]
        if not mine:
            continue
        main = nearest({c.threads for c in mine}, a.facts.cpus)
        now = [c for c in mine if c.threads == main]
        sentences.append(sentence(workload, main, now))
        measures = list(dict.fromkeys(c.question.measure for c in now))
        drawn = [picture([c for c in now if c.question.measure is m]) for m in measures]
        heads = [
            "allocator",
            "threads",
            "what",
            "A",
            "B",
            "B / A",
            "interval",
            Cell("verdict", "word"),
        ]
        lines = [made for c in mine if (made := line(c))]
        table = Table(f"A and B on {workload}", heads, lines)
        section.parts.append(
            Part(
                key_of("changes", workload), workload, drawn, table, threads=main, workload=workload
            )
        )
    caveats = [
        Sentence(f"s-caution-{which}-{i}", "caution", f"{which}: {c}.")
        for which, of in (("A", a), ("B", b))
        for i, c in enumerate(of.caveats)
    ]
    return Page(
        title=f"spanbench: {names[0]} and {names[1]}",
        about=f"A: {names[0]}, {a.title}. B: {names[1]}, {b.title}.",
        files="bench.json of both",
        gaps=[*too_few(found), *different(*facts), *caveats, *left_out(a, b), *narrower],
        findings=sentences,
        sections=[section],
        facts=together(*facts),
        command="",
        allocators=[n for n in a.allocators if n in {c.name for c in found}],
    )
