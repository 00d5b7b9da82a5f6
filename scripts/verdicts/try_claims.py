"""What a comparison of `spanbench try` proves: pairs of rows, and which of them differ. Pure.

Runs of one round are compared with each other, with the statistics of the gate (scripts/gate/stats.py).
All questions of a comparison are one family: of the differences that are claimed, on average at most 1 % are false.
"""

from __future__ import annotations

import itertools
import math
import statistics
from dataclasses import dataclass, field
from typing import Optional

from gate import stats
from verdicts.try_results import Metric, Results, Row
from verdicts.try_words import percent

MARGIN = 0.01  # a difference of at most this is none
# Of memory, at least: what a kernel may not have counted yet, and where chance puts a page.
FLOOR_BYTES = 256 << 10


@dataclass(frozen=True)
class Pair:
    """Row `one` against row `other` in one metric, in logarithms."""

    metric: Metric
    one: str
    other: str
    differences: tuple[float, ...]  # one for each round
    margin: float  # a fraction

    @property
    def effect(self) -> stats.Effect:
        return stats.effect(self.differences)

    @property
    def p(self) -> float:
        """Of the hypothesis that they differ by the margin at most, in either direction."""
        worse = stats.p_worse(self.differences, self.margin)
        better = stats.p_better(self.differences, self.margin)
        return min(1.0, 2 * min(worse, better))


@dataclass(frozen=True)
class Claim:
    """What is said of a pair."""

    pair: Pair
    differs: bool
    smallest: float  # the least difference, a fraction, that would have been seen almost surely

    @property
    def less(self) -> bool:
        return self.pair.effect.location < 0


@dataclass
class Verdict:
    results: Results
    claims: dict[tuple[str, str, str], Claim]  # by metric and rows, in both orders
    # By metric and a row of the other build. Is its difference to the first build the same as under the
    # allocator of the reference?
    interactions: dict[tuple[str, str], Claim] = field(default_factory=dict)

    @property
    def once(self) -> list[Claim]:
        """Of each pair, in one order."""
        return list(self.claims.values())[::2]

    @property
    def proves_any(self) -> bool:
        return any(c.differs for c in (*self.once, *self.interactions.values()))

    @property
    def comparisons(self) -> int:
        return len(self.once) + len(self.interactions)

    def partner(self, row: Row) -> Optional[str]:
        """The row that this one is shown relative to: of the other build, the first under the same
        allocator; else the reference."""
        reference = self.results.reference
        return row.first or (reference.name if reference else None)

    def claim(self, metric: Metric, one: str, other: str) -> Optional[Claim]:
        return self.claims.get((metric.name, one, other))

    def ratio(self, metric: Metric, row: Row) -> Optional[tuple[float, float, float]]:
        """Of the row's to its partner's: the estimate and its 95 % interval."""
        partner = self.partner(row)
        claim = self.claim(metric, row.name, partner) if partner else None
        if not claim:
            return None
        e = claim.pair.effect
        return math.exp(e.location), math.exp(e.low), math.exp(e.high)


def median(row: Row, metric: Metric) -> float:
    return statistics.median(row.values[metric.name].values())


def margin_of(metric: Metric, *rows: Row) -> float:
    if metric.unit != "bytes":
        return MARGIN
    return max(MARGIN, FLOOR_BYTES / min(median(row, metric) for row in rows))


def pair_of(metric: Metric, one: Row, other: Row) -> Optional[Pair]:
    a, b = one.values.get(metric.name, {}), other.values.get(metric.name, {})
    rounds = sorted(a.keys() & b.keys())
    if not rounds or min(*a.values(), *b.values()) <= 0:
        return None
    margin = margin_of(metric, one, other)
    logs = tuple(math.log(a[r] / b[r]) for r in rounds)
    return Pair(metric, one.name, other.name, logs, margin)


def flipped(claim: Claim) -> Claim:
    p = claim.pair
    turned = Pair(p.metric, p.other, p.one, tuple(-d for d in p.differences), p.margin)
    return Claim(turned, claim.differs, claim.smallest)


def smallest_seen(pair: Pair, level: float) -> float:
    """The difference that the test finds with a power of 95 % at this level."""
    needed = stats.needed_shift(len(pair.differences), level, stats.POWER)
    scale = pair.effect.scale
    if not math.isfinite(scale) or math.isinf(needed):
        return math.inf
    return math.expm1(math.log1p(pair.margin) + needed * scale)


def builds(results: Results) -> list[tuple[Row, Row]]:
    """Rows of the other build, with those of the first under the same allocator."""
    by_name = {r.name: r for r in results.good}
    return [(r, by_name[r.first]) for r in results.good if r.first and r.first in by_name]


def asked(results: Results) -> list[tuple[Row, Row]]:
    """Which rows are compared: all with all, or of two builds, those of the same allocator."""
    if results.of_two_builds:
        return builds(results)
    return list(itertools.combinations(results.good, 2))


def interaction_of(metric: Metric, here: tuple[Row, Row], there: tuple[Row, Row]) -> Optional[Pair]:
    """Two differences of builds, against each other."""
    one, other = pair_of(metric, *here), pair_of(metric, *there)
    if not one or not other:
        return None
    rounds = [
        sorted(set.intersection(*(set(r.values[metric.name]) for r in p))) for p in (here, there)
    ]
    both = [r for r in rounds[0] if r in rounds[1]]
    a, b = dict(zip(rounds[0], one.differences)), dict(zip(rounds[1], other.differences))
    if not both:
        return None
    margin = margin_of(metric, *here, *there)
    return Pair(metric, one.one, other.one, tuple(a[r] - b[r] for r in both), margin)


def interactions(results: Results) -> list[Pair]:
    """Each allocator against that of the reference."""
    pairs = builds(results)
    base = next((p for p in pairs if p[1] is results.reference), pairs[0] if pairs else None)
    return [
        found
        for metric in results.metrics
        for pair in pairs
        if base and pair is not base and (found := interaction_of(metric, pair, base))
    ]


def judge(results: Results) -> Verdict:
    """All questions, in every metric: they are one family of claims."""
    pairs = [
        pair
        for metric in results.metrics
        for one, other in asked(results)
        if (pair := pair_of(metric, one, other))
    ]
    more = interactions(results)
    family = pairs + more
    found = stats.discoveries([p.p for p in family])
    # A claim that stands alone must be as sure as this; beside others it need not be.
    level = stats.FALSE_RATE * max(1, sum(found)) / max(1, len(family)) / 2
    made = [Claim(p, differs, smallest_seen(p, level)) for p, differs in zip(family, found)]
    claims: dict[tuple[str, str, str], Claim] = {}
    for claim in made[: len(pairs)]:
        pair = claim.pair
        claims[pair.metric.name, pair.one, pair.other] = claim
        claims[pair.metric.name, pair.other, pair.one] = flipped(claim)
    between = {(c.pair.metric.name, c.pair.one): c for c in made[len(pairs) :]}
    return Verdict(results, claims, between)


def is_precise(verdict: Verdict, precision: float) -> bool:
    """Are the intervals of all rows narrow enough, and the rounds enough to prove anything? Depends
    on widths alone."""
    results = verdict.results
    if results.rounds < stats.fewest_blocks(2 * max(1, verdict.comparisons)):
        return False
    for metric, row in itertools.product(results.metrics, results.good):
        ratio = verdict.ratio(metric, row)
        if ratio:
            estimate, low, high = ratio
            floor = margin_of(metric, row)
            if max(high - estimate, estimate - low) / estimate > max(
                precision, floor * (metric.unit == "bytes")
            ):
                return False
    return True


def change(claim: Claim) -> str:
    """ "11 % less time (8..14)" """
    e = claim.pair.effect
    metric = claim.pair.metric
    ends = sorted((abs(math.expm1(e.low)), abs(math.expm1(e.high))))
    if math.expm1(e.location) >= 1:  # "2.5 times the time" is easier to read than "150 % more"
        noun = metric.more.removeprefix("more ").removeprefix("of the ")
        return f"{math.exp(e.location):.1f} times the {noun} ({math.exp(e.low):.1f}..{math.exp(e.high):.1f})"
    words = metric.less if claim.less else metric.more
    return f"{percent(math.expm1(e.location))} % {words} ({percent(ends[0])}..{percent(ends[1])})"
