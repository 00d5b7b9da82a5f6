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
from typing import Any, Sequence

import numpy as np
import numpy.typing as npt

from gate import stats
from paired import LEVEL, Effect

Strata = Sequence[Sequence[float]]  # of each node, one number a round
Numbers = npt.NDArray[Any]
FINEST = 1000  # weights are whole numbers up to this; any weights give an exact test


def weights(sizes: Sequence[int]) -> list[int]:
    """Of a node with n rounds 1 / (n + 1), as the smallest whole numbers."""
    whole = [max(1, round(FINEST / (n + 1))) for n in sizes]
    shared = math.gcd(*whole)
    return [w // shared for w in whole]


@lru_cache(maxsize=None)
def at_most(sizes: tuple[int, ...]) -> Numbers:
    """How probable a weighted sum of at most 0, 1, 2 … is, if up and down are alike."""
    found: Numbers = np.ones(1)
    for size, weight in zip(sizes, weights(sizes)):
        for rank in range(1, size + 1):  # it is in the sum or not
            more = np.zeros(len(found) + rank * weight)
            more[: len(found)] = found / 2
            more[rank * weight :] += found / 2
            found = more
    return np.cumsum(found)


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
