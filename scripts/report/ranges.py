"""Ranges of long series. What a picture draws of a series is thinned, or small; page-range.js draws any part of it larger. So
the marks carry their data: `data-x` and `data-y` places, in steps, and `data-z` all points of a line. Of these, each number is
what it is more than the one before, to the base 36; where x goes on as before, y stands alone. An axis has its box, the steps
of a unit, and what it shows at first. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Iterable

from report import svg
from report.svg import Value

Line = list[tuple[float, float]]
ACROSS, UP = 5, 6  # digits of the largest value
MOST_POINTS = 1000  # of a line
OF_PAGE = 32_000  # points, on a page of many lines


@dataclass(frozen=True)
class Range:
    """What a reader chooses a part of. `across`: the unit. `heads`: of the points as CSV. `labels`: where x counts things
    from 1, what each is: a cell for each of its words."""

    across: str
    heads: list[str]
    labels: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Steps:
    """Of a unit, in both directions."""

    x: int
    y: int

    def at(self, x: float) -> int:
        return round(x * self.x)

    def up(self, y: float) -> int:
        return round(y * self.y)

    def points(self, line: Line) -> str:
        found: list[str] = []
        at, up, stride = 0, 0, 0
        for x, y in line:
            across, rise = self.at(x) - at, self.up(y) - up
            found.append(brief(rise) if across == stride else f"{brief(across)},{brief(rise)}")
            at, up, stride = at + across, up + rise, across
        return " ".join(found)


def brief(number: int) -> str:
    """To the base 36."""
    left, found = abs(number), ""
    while left or not found:
        left, digit = divmod(left, 36)
        found = "0123456789abcdefghijklmnopqrstuvwxyz"[digit] + found
    return "-" * (number < 0) + found


def steps_of(values: Iterable[float], digits: int = UP) -> int:
    """A power of ten."""
    top = max((abs(v) for v in values), default=0.0)
    return int(10 ** max(0, digits - 1 - math.floor(math.log10(top)))) if top > 0 else 1


def steps(lines: Iterable[Line]) -> Steps:
    points = [p for line in lines for p in line]
    return Steps(steps_of((x for x, _ in points), ACROSS), steps_of(y for _, y in points))


def axis(
    box: tuple[float, float, float, float], shown: tuple[float, float], of: Steps
) -> dict[str, Value]:
    """Attributes. `box`: left, right, top and bottom. `shown`: the ends of x at first."""
    return {
        "data_box": " ".join(map(svg.number, box)),
        "data_shown": " ".join(f"{v:.6g}" for v in shown),
        "data_steps": f"{of.x} {of.y}",
    }


def most_points(lines: int) -> int:
    """Of each, where so many share a page; never fewer than are drawn."""
    return min(MOST_POINTS, OF_PAGE // max(1, lines))
