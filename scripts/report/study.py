"""What the page shows of a bench run: every workload by every number of threads, what was asked of it, and
what may be said. The questions of the main number of threads are those of the answer (answer.py) and of its
tables of the other groups (group_table.py). So the page cannot claim anything that they do not. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Optional

import answer
import comparing
import group_table
import paired
from answer import Answer
from bench_results import CORE, Results, Row, Spread
from comparing import INTEREST, MEMORY, TIME, Measure, Question
from group_table import PEAK
from verdicts.try_words import seen

BASE = answer.BASE

# Of what is found at other numbers of threads than the answer's. The answer looks at few questions, and nobody
# asked for these. They are a family of their own, as the core is and the other groups are. So the answer of a run is the
# same, whatever is shown beside it. The price: of equals, up to 5 + 5 + 1 % of runs make a claim.
OTHER_RATE = 0.01


def per_cent(share: float) -> str:
    return f"{share:.0%}".replace("%", " %")


ABOVE = per_cent(INTEREST)
# The columns and pictures call them so.
NAMES = {TIME.name: "time", MEMORY.name: "memory", PEAK.name: "peak memory"}
BETTER = {TIME.name: "faster", MEMORY.name: "smaller", PEAK.name: "smaller"}
WORSE = {TIME.name: "slower", MEMORY.name: "larger", PEAK.name: "larger"}
NOTHING = "nothing can be told: too few rounds, or a failed sample"


@dataclass
class Place:
    """A workload by so many threads. `rows` are those with a good sample, by name, the floor last; `failed`
    those that have a failed one. `asked`: time, then memory."""

    workload: str
    group: str
    threads: int
    rows: list[Row]
    failed: list[Row]
    asked: list[Question] = field(default_factory=list)

    @property
    def key(self) -> str:
        return f"{self.workload}/{self.threads}"

    @property
    def time(self) -> Question:
        return self.asked[0]

    @property
    def memory(self) -> Question:
        return self.asked[1]

    @property
    def allocators(self) -> list[Row]:
        return [r for r in self.rows if not r.floor]

    def row(self, allocator: Optional[str]) -> Optional[Row]:
        return next((r for r in self.rows if r.allocator == allocator), None)

    @property
    def comparable(self) -> bool:
        return any(comparing.enough(q.rows) for q in self.asked)

    @property
    def few(self) -> bool:
        """With so few rounds, what is not told apart need not be alike."""
        fewest = min((len(r.samples) for r in self.rows), default=0)
        return self.comparable and fewest < paired.FEWEST

    def best(self, q: Question) -> list[Row]:
        """Who gets a mark; nobody, where so few samples told none apart."""
        if not q.rows or not self.comparable or (self.few and not q.apart):
            return []
        return q.best()

    @property
    def front(self) -> list[Row]:
        return comparing.front(self.time, self.memory) if self.comparable else []


@dataclass
class Study:
    run: Results
    answer: Optional[Answer]  # of the core, if it was measured
    places: dict[tuple[str, int], Place]

    @property
    def workloads(self) -> list[str]:
        return list(dict.fromkeys(w for w, _ in self.places))

    def threads_of(self, workload: str) -> list[int]:
        return sorted(t for w, t in self.places if w == workload)

    def main_threads(self, workload: str) -> int:
        """What the answer shows of it."""
        if self.answer and (workload, self.answer.threads) in self.places:
            if self.places[workload, self.answer.threads].group == CORE:
                return self.answer.threads
        return group_table.threads_of(self.run, workload)

    def main(self, workload: str) -> Place:
        return self.places[workload, self.main_threads(workload)]

    @property
    def groups(self) -> list[str]:
        return list(dict.fromkeys(p.group for p in self.places.values()))

    @property
    def base(self) -> Optional[str]:
        """What numbers are shown relative to: the C library, if it was measured, as in the answer."""
        if self.answer and self.answer.base:
            return self.answer.base
        there = {r.allocator for p in self.places.values() for r in p.allocators if r.ranked}
        return BASE if BASE in there else min(there) if there else None


def measures_of(group: str) -> tuple[Measure, Measure]:
    return (TIME, MEMORY) if group == CORE else (TIME, PEAK)


def places_of(run: Results) -> dict[tuple[str, int], Place]:
    """In the order of the run's workloads, the core first."""
    found: dict[tuple[str, int], Place] = {}
    by_place: dict[tuple[str, int], list[Row]] = {}
    for row in run.rows:
        by_place.setdefault((row.workload, row.threads), []).append(row)
    groups = run.facts.groups
    order = sorted(run.workloads, key=lambda w: groups.get(w, CORE) != CORE)
    for workload in order:
        for threads in sorted(t for w, t in by_place if w == workload):
            rows = sorted(by_place[workload, threads], key=lambda r: (r.floor, r.allocator))
            found[workload, threads] = Place(
                workload,
                groups.get(workload, CORE),
                threads,
                [r for r in rows if r.samples],
                [r for r in rows if r.failures],
            )
    return found


def study(run: Results) -> Study:
    core, rest = run.of_core(True), run.of_core(False)
    places = places_of(run)
    told = answer.answer(core) if core.rows else None
    asked: dict[tuple[str, int, str], Question] = {}
    for q in [
        *(told.questions.values() if told else ()),
        *(group_table.questions_of(rest).values() if rest.rows else ()),
    ]:
        asked[q.workload, q.threads, q.measure.name] = q
    # The other numbers of threads, all at once, so that few of the claims are false.
    more = [
        comparing.asked(run, p.workload, p.threads, m)
        for p in places.values()
        for m in measures_of(p.group)
        if (p.workload, p.threads, m.name) not in asked
    ]
    comparing.tell_apart(more, OTHER_RATE)
    asked |= {(q.workload, q.threads, q.measure.name): q for q in more}
    for p in places.values():
        p.asked = [asked[p.workload, p.threads, m.name] for m in measures_of(p.group)]
    return Study(run, told, places)


# --- of a row ---------------------------------------------------------------------------------------


def absolute(row: Row, measure: Measure) -> Optional[Spread]:
    """Nanoseconds or bytes, as the samples have them."""
    if measure is TIME:
        return row.spread("ns_per_op")
    return row.above_start("rss_live_bytes" if measure is MEMORY else "rss_peak_bytes")


def shown(value: float, measure: Measure) -> str:
    if measure is TIME:
        return (
            f"{answer.number(value)} ns" if value < 9999.5 else f"{answer.number(value / 1000)} us"
        )
    return answer.amount(value)


@dataclass(frozen=True)
class Ratio:
    """Of a row to another, with the ends of its interval. `verdict`: better, worse or tie; "": nothing can be told.
    `smallest`: of a tie, the difference that would have been seen, a fraction."""

    middle: float
    low: float
    high: float
    verdict: str
    smallest: Optional[float] = None


def tie_said(of: Ratio) -> str:
    """Of a tie. An interval beside 1 may be of a true difference, which is not shown to be one that matters. page-draw.js
    has the words, too."""
    told = seen(of.smallest or 0.0)
    if of.low <= 1 <= of.high:
        return f"tie: {told}"
    return f"tie: not shown to be above {ABOVE}; {told}"


def ratio(q: Question, row: Row, base: Row) -> Optional[Ratio]:
    """None: they have no round in common, or no such number."""
    effect = comparing.ratio(row, base, q.measure)
    if effect is None:
        return None
    ends = math.exp(effect.location), math.exp(effect.low), math.exp(effect.high)
    if effect.blocks < 2 or not any(r is row for r in q.rows) or not any(r is base for r in q.rows):
        return Ratio(*ends, "")
    if q.better(row, base):
        return Ratio(*ends, "better")
    if q.better(base, row):
        return Ratio(*ends, "worse")
    if row is base:
        return Ratio(*ends, "tie")
    smallest = q.smallest(row, base)
    return Ratio(*ends, "tie", smallest) if math.isfinite(smallest) else Ratio(*ends, "")


def interval_name(rows: list[Row]) -> str:
    fewest = min((len(r.samples) for r in rows), default=0)
    return "95 % interval" if fewest >= paired.FEWEST else "range of the rounds"
