"""Statistics of pairs: what two rows of a run differ by. Pure, and of the standard library alone, so that
the answer of a run needs no other. The gate uses the same estimate and interval.

The data of a pair are one number a round: the difference of the logarithms of the two rows' samples in it.
The estimate is Hodges and Lehmann's, the median of the Walsh averages. Its interval and the test are those
of Wilcoxon's signed ranks, exact: they ask only that the noise is as often up as down. With fewer than
FEWEST rounds the signs of the differences can prove nothing at 95 %. Then the interval is the whole range,
and the test is Student's, which takes the noise to be normal. See Hollander, Wolfe and Chicken,
"Nonparametric Statistical Methods", 3rd ed., 3.1 to 3.3; Benjamini and Hochberg, "Controlling the false
discovery rate", 1995.
"""

from __future__ import annotations

import bisect
import math
import random
import statistics
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist
from typing import Sequence

NORMAL = NormalDist()
LEVEL = 0.95  # of intervals
FEWEST = 6  # rounds: 2 of the 2^6 ways to give signs are fewer than 5 %

# The smallest difference that would have been seen is found with this power.
POWER = 0.95
MOST_SEEN = 1000  # a factor. Who could see only more than that sees nothing.
DRAWS = 400  # of rounds, for that
DRAWN_BLOCKS = 40  # at most; of more, the shift goes with the root of their number
FARTHEST = 1e9  # of Student's quantiles


@dataclass(frozen=True)
class Effect:
    """Of one row or arm against another, in logarithms."""

    blocks: int
    location: float
    low: float
    high: float

    @property
    def scale(self) -> float:
        """The standard deviation of a block that an interval of this width belongs to, if blocks
        are normal. Not sensitive to single wild ones, as the sample's would be."""
        z = NORMAL.inv_cdf((1 + LEVEL) / 2)
        return (self.high - self.low) / 2 / z / spread_of_location(self.blocks)


def spread_of_location(blocks: int) -> float:
    """The standard deviation of the estimate from so many normal blocks of standard deviation 1."""
    return math.sqrt(math.pi / 3 / blocks)


def walsh_averages(differences: Sequence[float]) -> list[float]:
    d = list(differences)
    return sorted((a + b) / 2 for i, a in enumerate(d) for b in d[i:])


def ways_to_sum(ranks: Sequence[int]) -> list[int]:
    """In how many ways some of the ranks have the sum 0, 1, 2 …"""
    ways = [1]
    for rank in ranks:  # each is in the sum or not
        more = ways + [0] * rank
        for total, count in enumerate(ways):
            more[total + rank] += count
        ways = more
    return ways


@lru_cache(maxsize=None)
def rank_sum_below(blocks: int, level: float = (1 - LEVEL) / 2) -> int:
    """The largest k for which the rank sum of so many blocks is below k with a probability of at
    most `level`; 0: there is none."""
    below, k = 0, 0
    for count in ways_to_sum(range(1, blocks + 1)):
        below += count
        if below > level * 2**blocks:
            break
        k += 1
    return k


def effect(differences: Sequence[float]) -> Effect:
    """The estimate and its interval; the interval has no ends if there are too few blocks for one."""
    averages = walsh_averages(differences)
    k = rank_sum_below(len(differences))
    low, high = (averages[k - 1], averages[-k]) if k else (-math.inf, math.inf)
    return Effect(len(differences), statistics.median(averages), low, high)


def effect_or_range(differences: Sequence[float]) -> Effect:
    """Likewise, but with too few blocks the ends are the smallest and the largest difference."""
    if len(differences) >= FEWEST:
        return effect(differences)
    middle = statistics.median(walsh_averages(differences))
    return Effect(len(differences), middle, min(differences), max(differences))


def signed_rank_tail(differences: Sequence[float]) -> float:
    """How probable so small a sum of the ranks below zero is, if up and down are alike. Equal sizes
    share their ranks; what is zero counts against the claim."""
    sizes = sorted(abs(d) for d in differences)
    # Twice the mean rank of equals, which is a whole number.
    doubled = {s: bisect.bisect_left(sizes, s) + bisect.bisect_right(sizes, s) + 1 for s in sizes}
    seen = sum(doubled[abs(d)] for d in differences if d <= 0)
    ways = ways_to_sum([doubled[s] for s in sizes])
    return sum(ways[: seen + 1]) / float(2 ** len(sizes))


def student_tail(t: float, freedom: int) -> float:
    """P(T > t) of Student's T. Abramowitz and Stegun, "Handbook of Mathematical Functions", 26.7.3 and
    26.7.4."""
    angle = math.atan(t / math.sqrt(freedom))
    odd = freedom % 2
    term = math.cos(angle) if odd else 1.0
    total = 0.0
    for k in range(2 + odd, freedom + 1, 2):
        total += term
        term *= (k - 1) / k * math.cos(angle) ** 2
    total *= math.sin(angle)
    inside = 2 / math.pi * (angle + total) if odd else total
    return (1 - inside) / 2


def scale_of(differences: Sequence[float]) -> float:
    """The standard deviation of a difference; 0 of a single one."""
    return statistics.stdev(differences) if len(differences) > 1 else 0.0


def scale_of_few(differences: Sequence[float], scale: float) -> float:
    """At least `scale`: by chance three rounds can lie close together."""
    return max(scale_of(differences), scale)


def p_beyond(differences: Sequence[float], margin: float, scale: float) -> float:
    """Of the hypothesis that the true difference, up or down, is at most the margin (a fraction, as
    0.02); 1 of a single round. `scale` is the least standard deviation that few rounds may have."""
    n = len(differences)
    if n < 2:
        return 1.0
    if statistics.fmean(differences) < 0:
        differences = [-d for d in differences]
    beyond = [d - math.log1p(margin) for d in differences]
    if n >= FEWEST:
        return min(1.0, 2 * signed_rank_tail(beyond))
    noise = scale_of_few(differences, scale) / math.sqrt(n)
    mean = statistics.fmean(beyond)
    if noise == 0:
        return 0.0 if mean > 0 else 1.0
    return min(1.0, 2 * student_tail(mean / noise, n - 1))


@lru_cache(maxsize=None)
def student_quantile(tail: float, freedom: int) -> float:
    """The t that Student's T exceeds with this probability, below one half."""
    low, high = 0.0, 1.0
    while student_tail(high, freedom) > tail and high < FARTHEST:
        high *= 2
    for _ in range(60):  # halves the width each time
        middle = (low + high) / 2
        low, high = (middle, high) if student_tail(middle, freedom) > tail else (low, middle)
    return high


@lru_cache(maxsize=None)
def needed_average(blocks: int, k: int) -> float:
    """By how many standard deviations normal blocks must be shifted, so that the k-th smallest Walsh average
    is positive with POWER. Its distribution is drawn, always from the same numbers."""
    source = random.Random(1)
    shifts = []
    for _ in range(DRAWS):
        drawn = [source.gauss(0, 1) for _ in range(blocks)]
        shifts.append(-walsh_averages(drawn)[k - 1])
    return sorted(shifts)[math.ceil(POWER * DRAWS) - 1]


def needed_shift(blocks: int, level: float) -> float:
    """Likewise, so that the test of p_beyond, two-sided, has a p of at most this level; infinite: it never
    can have."""
    if blocks < 2:
        return math.inf
    if blocks < FEWEST:
        sure, likely = (student_quantile(t, blocks - 1) for t in (level / 2, 1 - POWER))
        return (sure + likely) / math.sqrt(blocks)
    if blocks > DRAWN_BLOCKS:
        return needed_shift(DRAWN_BLOCKS, level) * math.sqrt(DRAWN_BLOCKS / blocks)
    k = rank_sum_below(blocks, level / 2)
    return needed_average(blocks, k) if k else math.inf


def smallest_seen(differences: Sequence[float], margin: float, level: float, scale: float) -> float:
    """The least true difference, a fraction, that p_beyond would have found at this level with POWER, if
    rounds scatter as these do."""
    needed = needed_shift(len(differences), level)
    if math.isinf(needed):
        return math.inf
    few = len(differences) < FEWEST
    noise = scale_of_few(differences, scale) if few else effect(differences).scale
    shift = math.log1p(margin) + needed * noise
    return math.expm1(shift) if shift < math.log(MOST_SEEN) else math.inf


def discoveries(p_values: Sequence[float], rate: float) -> list[bool]:
    """Which hypotheses are rejected: Benjamini and Hochberg. On average over experiments, at most this share of
    them is false."""
    ordered = sorted(p_values)
    kept = [p for i, p in enumerate(ordered, 1) if p <= rate * i / len(ordered)]
    return [bool(kept) and p <= kept[-1] for p in p_values]
