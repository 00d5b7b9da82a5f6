"""What may be said of a run: which rows differ, which are the best, and which no other beats.

Rows are compared in pairs, by the ratio of their samples of the same round. Two rows are told apart if
their ratio is shown to lie beyond 1 by more than INTEREST. How many pairs there are is accounted for.
What is asked together is a family: on average over runs, at most FALSE_RATE of what is found in it is false. A single run
may have more: of equals, all that is found is false. Pure.
"""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from dataclasses import dataclass, field
from itertools import combinations
from typing import Callable, Iterable, Optional, Sequence

import paired
from bench_results import Results, Row, Sample

# A smaller difference matters to nobody, and the layout of a program alone makes it.
INTEREST = 0.02
FALSE_RATE = 0.05  # of the differences that are found in a family


@dataclass(frozen=True)
class Measure:
    """What is compared, of a sample; less is better."""

    name: str
    of: Callable[[Sample], float]


TIME = Measure("time", lambda s: s["ns_per_op"])
MEMORY = Measure("memory", lambda s: s["rss_live_bytes"] - s["rss_start_bytes"])
MEASURES = (TIME, MEMORY)


def by_round(row: Row, measure: Measure) -> dict[float, float]:
    """The mean logarithm of a round's samples; none if there is no such number of one of them. A file
    that does not tell the rounds has a sample of each row in each."""
    found: dict[float, list[float]] = defaultdict(list)
    for place, sample in enumerate(row.samples):
        value = measure.of(sample)
        if value <= 0:
            return {}
        found[sample.get("block", place)].append(math.log(value))
    return {at: statistics.fmean(values) for at, values in found.items()}


def differences(first: Row, second: Row, measure: Measure) -> list[float]:
    """Of the logarithms, the first less the second, for each round that has both."""
    a, b = by_round(first, measure), by_round(second, measure)
    return [a[at] - b[at] for at in a if at in b]


def ratio(first: Row, second: Row, measure: Measure) -> Optional[paired.Effect]:
    """The first to the second, in logarithms."""
    d = differences(first, second, measure)
    return paired.effect_or_range(d) if d else None


@dataclass
class Question:
    """One measure on one workload by one number of threads. `rows`: those that can be ranked, the best
    first. `apart`: the pairs that are told apart, each once, the better one first. `level`: the p that a
    pair needed for that; `usual`: the standard deviation that few rounds are held to have at least.
    """

    workload: str
    threads: int
    measure: Measure
    rows: list[Row]
    apart: set[tuple[str, str]] = field(default_factory=set)
    level: float = FALSE_RATE
    usual: float = 0.0

    def better(self, first: Row, second: Row) -> bool:
        return (first.allocator, second.allocator) in self.apart

    def tied(self, first: Row, second: Row) -> bool:
        return not self.better(first, second) and not self.better(second, first)

    def smallest(self, first: Row, second: Row) -> float:
        """The least difference of the two, a fraction, that would have been found 95 times in 100."""
        d = differences(first, second, self.measure)
        return paired.smallest_seen(d, INTEREST, self.level, self.usual)

    def best(self) -> list[Row]:
        """The one with the least median, and all that cannot be told from it."""
        return [r for r in self.rows if self.tied(self.rows[0], r)]

    def worst(self) -> list[Row]:
        """The one with the largest median, and all that cannot be told from it."""
        return [r for r in self.rows if self.tied(self.rows[-1], r)]

    def ties(self) -> list[list[Row]]:
        """The largest groups of which no two are told apart."""
        groups: list[list[Row]] = []

        def grow(group: list[Row], more: list[Row], tried: list[Row]) -> None:
            # Bron and Kerbosch, with a pivot: each group is reached once.
            if not more and not tried:
                groups.append(group)
                return
            pivot = max(more + tried, key=lambda r: sum(self.tied(r, m) for m in more))
            for row in [m for m in more if m is pivot or not self.tied(pivot, m)]:
                grow(
                    [*group, row],
                    [m for m in more if m is not row and self.tied(row, m)],
                    [t for t in tried if t is not row and self.tied(row, t)],
                )
                more = [m for m in more if m is not row]
                tried = [*tried, row]

        grow([], self.rows, [])
        place = {r.allocator: i for i, r in enumerate(self.rows)}
        ordered = [sorted(g, key=lambda r: place[r.allocator]) for g in groups if len(g) > 1]
        return sorted(ordered, key=lambda g: [place[r.allocator] for r in g])


def asked(run: Results, workload: str, threads: int, measure: Measure) -> Question:
    rows = [r for r in run.select(workload, threads) if r.ranked and by_round(r, measure)]
    rows.sort(key=lambda r: (statistics.median(map(measure.of, r.samples)), r.allocator))
    return Question(workload, threads, measure, rows)


def compare(run: Results, threads: int) -> dict[tuple[str, str], Question]:
    """By workload and the measure's name: all questions that a run answers for so many threads."""
    questions = [asked(run, w, threads, m) for w in run.workloads for m in MEASURES]
    tell_apart(questions)
    return {(q.workload, q.measure.name): q for q in questions}


def tell_apart(questions: Sequence[Question], rate: float = FALSE_RATE) -> None:
    """Fills `apart` of each. They are one family: on average over runs, at most so much of what is found in it is false."""
    pairs: list[tuple[Question, str, str]] = []
    p_values: list[float] = []
    for q in questions:
        found = [
            (a, b, d) for a, b in combinations(q.rows, 2) if (d := differences(a, b, q.measure))
        ]
        # What the middle pair scatters, the others are held to do, too, if there are few rounds.
        q.usual = statistics.median(paired.scale_of(d) for _, _, d in found) if found else 0.0
        for a, b, d in found:
            ahead, behind = (a, b) if statistics.fmean(d) < 0 else (b, a)
            pairs.append((q, ahead.allocator, behind.allocator))
            p_values.append(paired.p_beyond(d, INTEREST, q.usual))
    real = paired.discoveries(p_values, rate)
    for (q, ahead_of, name), found_apart in zip(pairs, real):
        if found_apart:
            q.apart.add((ahead_of, name))
    for q in questions:  # as sure as one more claim must be
        q.level = rate * max(1, sum(real)) / max(1, len(real))


def beats(first: Row, second: Row, speed: Question, memory: Question) -> bool:
    """Is it better in one of the two for sure, and in the other not worse by more than INTEREST?"""

    def no_worse(q: Question) -> bool:
        effect = ratio(first, second, q.measure)
        assert effect
        return not q.better(second, first) and effect.location <= math.log1p(INTEREST)

    sure = speed.better(first, second), memory.better(first, second)
    return any(sure) and (sure[0] or no_worse(speed)) and (sure[1] or no_worse(memory))


def front(speed: Question, memory: Question) -> list[Row]:
    """The rows that no other beats, the fastest first."""
    both = [r for r in speed.rows if any(r is m for m in memory.rows)]
    left = [r for r in both if not any(beats(o, r, speed, memory) for o in both if o is not r)]
    return left or both  # noise may have each beaten by another


def enough(rows: Iterable[Row]) -> bool:
    """Can two of them be told apart at all? Not by one sample of each."""
    return sum(len(r.samples) > 1 for r in rows) > 1
