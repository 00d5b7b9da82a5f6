"""The statistics of the gate. Pure: numbers in, numbers out.

The data of a comparison are one number a block: the difference of the mean logarithms of the two
arms' samples in it. The estimate is Hodges and Lehmann's (the median of the Walsh averages). The tests
that belong to it are Wilcoxon's signed-rank tests, exact. See Hollander, Wolfe and Chicken,
"Nonparametric Statistical Methods", 3rd ed., 3.1 to 3.3.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any, Callable, Sequence

import numpy as np
import numpy.typing as npt
from scipy import stats
from statsmodels.stats.multitest import multipletests

# The estimate of an effect, which the answer of a run shares.
from paired import Effect as Effect
from paired import effect as effect
from paired import rank_sum_below as rank_sum_below

Numbers = npt.NDArray[Any]
POWER = 0.95  # with which the smallest detectable change is found.
FALSE_RATE = 0.01  # of false discoveries among the rows of a run. A run of equals fails as often.
DRAWN_BLOCKS = 60  # at most
CANDIDATE = 0.20  # a row with a smaller p in the first stage is measured again


@lru_cache(maxsize=None)
def needed_shift(blocks: int, level: float, power: float) -> float:
    """By how many standard deviations normal blocks must be shifted, so that the test at this level
    rejects with this power; infinite: it never can. The test rejects if and only if the k-th
    smallest Walsh average is positive; its distribution is drawn, always from the same numbers. (The
    normal approximation promises too much at small levels: 88 % for 95 % at 20 blocks.) Many blocks
    have too many averages to draw. Their shift goes with the root of their number, a little faster
    at first (at 160 blocks, 0.440 drawn and 0.443 so)."""
    if blocks > DRAWN_BLOCKS:
        return needed_shift(DRAWN_BLOCKS, level, power) * math.sqrt(DRAWN_BLOCKS / blocks)
    k = rank_sum_below(blocks, level)
    if not k:
        return math.inf
    random = np.random.default_rng(1)
    first, second = np.triu_indices(blocks)
    shifts = []
    for _ in range(8):  # in parts, for there are many averages
        drawn = random.standard_normal((500, blocks))
        averages = (drawn[:, first] + drawn[:, second]) / 2
        shifts.append(-np.partition(averages, k - 1, axis=1)[:, k - 1])
    return float(np.quantile(np.concatenate(shifts), power))


@lru_cache(maxsize=256)
def at_most(ranks: tuple[int, ...]) -> Numbers:
    """How probable a sum of at most 0, 1, 2 … is, if each rank is in it or not as a fair coin falls."""
    found: Numbers = np.ones(1)
    for rank in ranks:
        more = np.zeros(len(found) + rank)
        more[: len(found)] = found / 2
        more[rank:] += found / 2
        found = more
    probable: Numbers = np.minimum(np.cumsum(found), 1)
    return probable


@lru_cache(maxsize=4096)  # the stages of a campaign ask again and again
def signed_rank(differences: tuple[float, ...], alternative: str) -> float:
    """Equal sizes share their ranks, and the distribution is of these ranks. (scipy's is of other
    ranks, and rounds the sum.)"""
    moved = np.array([d for d in differences if d != 0])  # Wilcoxon's own treatment of zeros
    doubled = np.rint(2 * stats.rankdata(np.abs(moved))).astype(int)  # a mean rank may be a half
    known = at_most(tuple(sorted(doubled)))
    up, down = (float(known[doubled[moved * way < 0].sum()]) for way in (1, -1))
    return {"greater": up, "less": down}.get(alternative, min(1.0, 2 * min(up, down)))


def p_worse(differences: Sequence[float], margin: float) -> float:
    """Of the hypothesis that the true change is at most the margin (a fraction, as 0.01)."""
    return signed_rank(tuple(d - math.log1p(margin) for d in differences), "greater")


def p_better(differences: Sequence[float], margin: float) -> float:
    """The mirror image: that the first arm is at most the margin worse than the second."""
    return signed_rank(tuple(d + math.log1p(margin) for d in differences), "less")


def p_differs(differences: Sequence[float]) -> float:
    """Of the hypothesis that there is no change at all: uniform for identical arms."""
    return signed_rank(tuple(differences), "two-sided")


def discoveries(p_values: Sequence[float]) -> list[bool]:
    """Which hypotheses are rejected: Benjamini and Hochberg, at FALSE_RATE over all of them."""
    if not p_values:
        return []
    return [bool(r) for r in multipletests(p_values, alpha=FALSE_RATE, method="fdr_bh")[0]]


def fewest_blocks(comparisons: int) -> int:
    """With fewer blocks, not even the smallest p there is could reject one hypothesis of so many."""
    return math.ceil(math.log2(comparisons / FALSE_RATE))


def smallest_change(
    scale: float, first: int, second: int, comparisons: int, margin: float, target: float
) -> float:
    """The smallest change, a fraction, that is found with POWER although the blocks have this
    standard deviation. It must become a candidate in the blocks of the first stage. Then it must be
    rejected in those of the second as the only one of all comparisons. Each stage may miss it in
    half of the cases that POWER leaves. infinite: no change can be found.

    A candidate is what is suspected, and what may be the target or more. The 95 % interval of the
    first stage lies below a change as large as the target in one of 40 cases only. That holds however
    few its blocks are."""

    def needed(blocks: int, level: float, power: float) -> float:
        found = needed_shift(blocks, level, power)
        return math.inf if math.isinf(found) else found * scale

    return smallest_by(needed, first, second, comparisons, margin, target)


def smallest_by(
    needed: Callable[[int, float, float], float],
    first: int,
    second: int,
    comparisons: int,
    margin: float,
    target: float,
) -> float:
    """Likewise. `needed`: the shift that so many blocks find, at a level and with a power."""
    each = 1 - (1 - POWER) / 2

    def change(blocks: int, level: float) -> float:
        return math.exp(math.log1p(margin) + needed(blocks, level, each)) - 1

    candidate = min(change(first, CANDIDATE), target)
    return max(candidate, change(second, FALSE_RATE / comparisons))
