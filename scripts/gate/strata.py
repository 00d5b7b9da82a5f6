"""The statistics of rounds that several nodes measured, each node a stratum: the estimate, its interval, and the tests.
Pure. Of one node, all of it is that of stats.py.

Rounds are ranked within their node alone, so the noise of one node weighs nothing against the noise of another. The
statistic is the sum of the nodes' signed-rank sums, each divided by its rounds and one more. Those are van Elteren's
weights: for a shift that all strata share, they have the largest power ("On the combination of independent
two-sample tests of Wilcoxon", 1960).

If a round is as often up as down, whatever its node, the signs are fair coins, given the sizes. Then each rank is in the
sum with probability 1/2, independently. So the sum's distribution is the convolution of Wilcoxon's distributions. It is
computed whole: the tests are exact, for any number of nodes, however few rounds each has.

A signed-rank sum is the number of positive Walsh averages. So the interval, which holds the shifts that the test does not
reject, lies between two of the nodes' weighted Walsh averages. The estimate is their weighted median. See Hollander, Wolfe
and Chicken, "Nonparametric Statistical Methods", 3rd ed., 3.1 to 3.3.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Sequence

import numpy as np

import paired
from gate import stats
from gate.stats import Numbers
from paired import LEVEL, Effect

Strata = Sequence[Sequence[float]]  # of each node, one number a round

DRAWS = 1000  # of rounds
STEPS = 12  # of the search
FEWEST = 4  # rounds that show a node's noise
FINEST = 1000  # weights are whole numbers up to this; any weights give an exact test


def weights(sizes: Sequence[int]) -> list[int]:
    """Of a node with n rounds 1 / (n + 1), as the smallest whole numbers."""
    whole = [max(1, round(FINEST / (n + 1))) for n in sizes]
    shared = math.gcd(*whole)
    return [w // shared for w in whole]


def at_most(sizes: tuple[int, ...]) -> Numbers:
    """How probable a weighted sum of at most 0, 1, 2 … is, if up and down are alike."""
    of_each = zip(sizes, weights(sizes))
    return stats.at_most(tuple(rank * w for size, w in of_each for rank in range(1, size + 1)))


def sizes_of(strata: Strata) -> tuple[int, ...]:
    return tuple(len(rounds) for rounds in strata)


def rank_sum(rounds: Sequence[float]) -> int:
    """Of those that are up. Of equal sizes, what is up has the lower rank; zero is not up."""
    d = np.asarray(rounds)
    order = np.lexsort((d <= 0, np.abs(d)))
    return int((1 + np.flatnonzero(d[order] > 0)).sum())


def p_up(strata: Strata) -> float:
    """How probable so large a sum is, if up and down are alike."""
    sizes = sizes_of(strata)
    seen = sum(w * rank_sum(rounds) for w, rounds in zip(weights(sizes), strata))
    known = at_most(sizes)
    return float(known[len(known) - 1 - seen])


def moved(strata: Strata, factor: float, shift: float) -> Strata:
    return [[factor * d + shift for d in rounds] for rounds in strata]


def p_worse(strata: Strata, margin: float) -> float:
    """Of the hypothesis that the true change is at most the margin (a fraction, as 0.01)."""
    if len(strata) == 1:
        return stats.p_worse(strata[0], margin)
    return p_up(moved(strata, 1, -math.log1p(margin)))


def p_better(strata: Strata, margin: float) -> float:
    """The mirror image: that the first arm is at most the margin worse than the second."""
    if len(strata) == 1:
        return stats.p_better(strata[0], margin)
    return p_up(moved(strata, -1, -math.log1p(margin)))


def p_differs(strata: Strata) -> float:
    """Of the hypothesis that there is no change at all: uniform for identical arms."""
    if len(strata) == 1:
        return stats.p_differs(strata[0])
    return min(1.0, 2 * min(p_up(strata), p_up(moved(strata, -1, 0))))


def walsh_averages(rounds: Sequence[float]) -> Numbers:
    d = np.asarray(rounds)
    first, second = np.triu_indices(len(d))
    averages: Numbers = (d[first] + d[second]) / 2
    return averages


def reaching(averages: Numbers, weight: Numbers, least: float) -> float:
    """The first of these whose weight and that of those before it is at least so large."""
    return float(averages[np.searchsorted(np.cumsum(weight), least)])


def effect(strata: Strata) -> Effect:
    """The estimate and its interval; the interval has no ends if there are too few rounds for one."""
    if len(strata) == 1:
        return stats.effect(strata[0])
    sizes = sizes_of(strata)
    averages = [walsh_averages(rounds) for rounds in strata]
    weight = np.repeat(weights(sizes), [len(a) for a in averages])
    joined = np.concatenate(averages)
    order = np.argsort(joined, kind="stable")
    up, of_up = joined[order], weight[order]
    down, of_down = up[::-1], of_up[::-1]
    half = of_up.sum() / 2
    middle = (reaching(up, of_up, half) + reaching(down, of_down, half)) / 2
    below = int(np.searchsorted(at_most(sizes), (1 - LEVEL) / 2, side="right"))
    low, high = -math.inf, math.inf
    if below:  # a sum below it is too small to be luck
        low, high = reaching(up, of_up, below), reaching(down, of_down, below)
    return Effect(sum(sizes), middle, low, high)


def scales(strata: Strata) -> tuple[float, ...]:
    """The noise of each node: the standard deviation that its interval belongs to, or that of its rounds, if there are too
    few for an interval. Nodes with fewer than FEWEST share one, that of their interval together. If even that has no
    ends, it is that of all rounds."""
    own = {
        i: stats.effect(d).scale if stats.rank_sum_below(len(d)) else paired.scale_of(d)
        for i, d in enumerate(strata)
        if len(d) >= FEWEST
    }
    few = [d for i, d in enumerate(strata) if i not in own]
    shared = effect(few).scale if few else 0.0
    if math.isinf(shared):
        shared = effect(strata).scale
    return tuple(own.get(i, shared) for i in range(len(strata)))


def split(total: int, sizes: Sequence[int]) -> tuple[int, ...]:
    """So many rounds over the nodes, in proportion to their rounds."""
    ends = [round(total * upto / sum(sizes)) for upto in np.cumsum((0, *sizes))]
    return tuple(end - begin for begin, end in zip(ends, ends[1:]))


@lru_cache(maxsize=4096)
def needed_shift(
    sizes: tuple[int, ...], noise: tuple[float, ...], level: float, power: float
) -> float:
    """By how much normal rounds of nodes with this noise must be shifted, so that the test at this level rejects with
    this power; infinite: it never can. It is found by drawing, always from the same numbers. A node with many rounds has
    too many to draw; then all nodes have fewer. The shift goes with the root of their number."""
    most = max(sizes)
    if most > stats.DRAWN_BLOCKS:
        fewer = tuple(max(1, round(n * stats.DRAWN_BLOCKS / most)) for n in sizes)
        return needed_shift(fewer, noise, level, power) * math.sqrt(sum(fewer) / sum(sizes))
    known = at_most(sizes)
    below = int(np.searchsorted(known, level, side="right"))
    if not below or not all(map(math.isfinite, noise)):
        return math.inf
    random = np.random.default_rng(1)
    drawn = [scale * random.standard_normal((DRAWS, n)) for n, scale in zip(sizes, noise)]

    def is_found(shift: float) -> bool:
        missing = np.zeros(DRAWS)  # weight of the rounds that are not up
        for weight, rounds in zip(weights(sizes), drawn):
            d = rounds + shift
            order = np.argsort(np.abs(d), axis=1)
            down = np.take_along_axis(d, order, axis=1) <= 0
            missing += weight * (down @ np.arange(1, d.shape[1] + 1))
        return bool((missing < below).mean() >= power)

    high = max(max(noise), math.ulp(0.0))
    while not is_found(high):
        high *= 2
    low = 0.0
    for _ in range(STEPS):
        middle = (low + high) / 2
        low, high = (low, middle) if is_found(middle) else (middle, high)
    return high


def smallest_change(
    strata: Strata, first: int, second: int, comparisons: int, margin: float, target: float
) -> float:
    """The smallest change that is found, if nodes are as noisy as in these rounds, and share the blocks of the two stages
    as these. stats.py says what it is."""
    if len(strata) == 1:
        scale = stats.effect(strata[0]).scale
        return stats.smallest_change(scale, first, second, comparisons, margin, target)
    noise, sizes = scales(strata), sizes_of(strata)

    def needed(blocks: int, level: float, power: float) -> float:
        of = [(n, scale) for n, scale in zip(split(blocks, sizes), noise) if n]
        return needed_shift(tuple(n for n, _ in of), tuple(s for _, s in of), level, power)

    return stats.smallest_by(needed, first, second, comparisons, margin, target)
