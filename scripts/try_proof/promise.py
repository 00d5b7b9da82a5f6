"""What an experiment says of a promise "at most so much": it is shown, it is broken, or it is open. Pure."""

from __future__ import annotations

import math
from enum import Enum
from typing import Collection, Mapping, Optional

from scipy import stats

import paired

LEVEL = 0.95  # with which a promise is shown, or shown to be broken


class Outcome(Enum):
    """The values are exit codes. That of what is open is the gate's, EX_TEMPFAIL of sysexits.h."""

    SHOWN = 0
    BROKEN = 1
    OPEN = 75


def worst(outcomes: Collection[Outcome]) -> Outcome:
    ranks = (Outcome.BROKEN, Outcome.OPEN, Outcome.SHOWN)
    return min(outcomes, key=ranks.index, default=Outcome.OPEN)


def summary(outcomes: Mapping[str, Outcome]) -> str:
    said = []
    for outcome, word in (
        (Outcome.SHOWN, "shown"),
        (Outcome.OPEN, "not shown"),
        (Outcome.BROKEN, "broken"),
    ):
        names = [name for name, of in outcomes.items() if of is outcome]
        said += [f"{word} of {', '.join(names)}"] * bool(names)
    return "; ".join(said) or "not shown of any"


# --- a ratio ----------------------------------------------------------------------------------------


def of_ratio(e: paired.Effect, most: float) -> Outcome:
    """The promise is a ratio below `most`. Few pairs have no interval, and show nothing."""
    if e.blocks >= paired.FEWEST and e.low >= math.log(most):
        return Outcome.BROKEN
    if e.blocks >= paired.FEWEST and e.high < math.log(most):
        return Outcome.SHOWN
    return Outcome.OPEN


def pairs_more(e: paired.Effect, most: float) -> Optional[int]:
    """How many would show it, if the estimate stays and the interval shrinks with the root of their number.
    None: the estimate is not below."""
    if e.blocks < paired.FEWEST:
        return paired.FEWEST - e.blocks
    room = math.log(most) - e.location
    if room <= 0:
        return None
    return max(1, math.ceil(e.blocks * ((e.high - e.location) / room) ** 2) - e.blocks)


def words(e: paired.Effect, most: float) -> str:
    outcome, more = of_ratio(e, most), pairs_more(e, most)
    if outcome is not Outcome.OPEN:
        return "shown" if outcome is Outcome.SHOWN else "BROKEN"
    return "not shown" + ("" if more is None else f", {more:,} pairs more may do")


# --- a share ----------------------------------------------------------------------------------------


def bounds(count: int, of: int) -> tuple[float, float]:
    """What the true share is not below, and what it is not above: each at LEVEL, by Clopper and Pearson."""
    if not of:
        return 0.0, 1.0
    ci = stats.binomtest(count, of).proportion_ci(2 * LEVEL - 1, "exact")
    return float(ci.low), float(ci.high)


def of_share(count: int, of: int, most: float) -> Outcome:
    low, high = bounds(count, of)
    if low > most:
        return Outcome.BROKEN
    return Outcome.SHOWN if high <= most else Outcome.OPEN


def enough_without_any(most: float) -> int:
    """So many trials show that a share is at most this, if none of them counts."""
    return math.ceil(math.log(1 - LEVEL) / math.log(1 - most))
