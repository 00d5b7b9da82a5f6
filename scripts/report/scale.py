"""Axes: where a value lies, and which round numbers are written beside it. page-draw.js has the same rules, for
what a reader switches."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Iterable, Optional, Sequence

import answer
import table
from verdicts import try_words

FEWEST_TICKS, MOST_TICKS = 3, 6
ROOM = 0.06  # of the axis, at each end


@dataclass(frozen=True)
class Scale:
    """From values between low and high to coordinates between start and end."""

    low: float
    high: float
    start: float
    end: float
    log: bool

    def at(self, value: float) -> float:
        """What lies beyond an end is drawn at the end."""
        low, high = self.low, self.high
        value = min(max(value, low), high)
        if self.log:
            low, high, value = math.log(low), math.log(high), math.log(value)
        share = (value - low) / (high - low) if high > low else 0.5
        return self.start + share * (self.end - self.start)

    def ticks(self) -> list[float]:
        return log_ticks(self.low, self.high) if self.log else linear_ticks(self.low, self.high)


@dataclass(frozen=True)
class Beside:
    """A picture of a class of machines, beside those of other classes. Its axes have room for what all of them show, and the
    reader does not switch it. `name`: of the class. `order`: of the rows, in all."""

    name: str
    x: Sequence[float] = ()
    y: Sequence[float] = ()
    order: Sequence[str] = ()


def labelled(of: Optional[Beside], label: str) -> str:
    """What a screen reader says of a picture."""
    return f"{of.name}: {label}" if of else label


def around(values: Iterable[float], start: float, end: float, log: bool) -> Scale:
    """With some room. A linear axis begins at 0."""
    known = [v for v in values if math.isfinite(v) and (v > 0 or not log)] or [1.0]
    low, high = min(known), max(known)
    if not log:
        low, high = min(0.0, low), max(high, 0.0) or 1.0
        return Scale(low, high + ROOM * (high - low), start, end, log)
    if high / low < 1.2:  # so that a hair of a difference is not drawn as a gulf
        low, high = low / 1.1, high * 1.1
    room = (high / low) ** ROOM
    return Scale(low / room, high * room, start, end, log)


def printed(value: float) -> list[object]:
    """All that the page may write of it, or of its inverse: a ratio the other way round, and a speed. Of many nanoseconds, it
    writes microseconds."""
    inverse = [answer.number(x / value) for x in (1, 1000)] if value else []
    micro = [answer.number(value / 1000)] if value >= 9999.5 else []
    return [
        answer.number(value),
        table.number(value),
        try_words.seen(value / 100),
        *inverse,
        *micro,
    ]


def short(value: float) -> float:
    """To four digits, which is all that a picture shows. To more where a place would else write another number than of the
    whole value: 3.5851 is 3.59, and 3.585 would be 3.58. And what is beside 1 stays there. page-draw.js has no more.
    """
    wanted, side = printed(value), (value > 1, value < 1)
    for digits in range(4, 17):
        rounded = float(f"{value:.{digits}g}")
        if printed(rounded) == wanted and (rounded > 1, rounded < 1) == side:
            break
    else:
        rounded = value
    return int(rounded) if rounded == int(rounded) else rounded


def linear_ticks(low: float, high: float) -> list[float]:
    if not high > low:
        return [low]
    step = 10.0 ** math.floor(math.log10((high - low) / 2))
    factor = next(f for f in (1, 2, 5, 10) if (high - low) / (step * f) <= MOST_TICKS)
    step *= factor
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [i * step for i in range(first, last + 1)]


def log_ticks(low: float, high: float) -> list[float]:
    exponents = range(math.floor(math.log10(low)) - 1, math.ceil(math.log10(high)) + 2)
    found: list[float] = []
    for steps in ((1, 1.5, 2, 3, 5, 7), (1, 2, 5), (1,)):
        found = [float(f"{m}e{e}") for e in exponents for m in steps]
        found = [t for t in found if low <= t <= high]
        if len(found) <= MOST_TICKS:
            break
    if len(found) > MOST_TICKS:
        found = found[:: -(-len(found) // MOST_TICKS)]
    return found if len(found) >= FEWEST_TICKS - 1 else linear_ticks(low, high)


def label(value: float) -> str:
    """Of a tick; thousands and more with their letter."""
    size = abs(value)
    for unit, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if size >= unit:
            return f"{value / unit:.6g}{letter}"
    return f"{value:.6g}"
