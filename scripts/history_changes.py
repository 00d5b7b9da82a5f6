"""What changed from commit to commit, by the limits of the gate's counts.

No statistics: an entry is compared with the one at which the present level began, which is the first or
the last that was marked. It is a change if each of its processes lies beyond each of the other's by more
than the gate's limit. So many small steps, none of which is a change, are one as soon as their sum is.

The gate asks for less, that the medians differ by the limit and the processes lie apart. But it counts
both libraries side by side. Here they were counted on different days. What looks at the clock (the pace
at which gomalloc gives large blocks back) moves with what else the machine did. The same library, counted
on a busy machine, had 0.5 % more instructions in `large`, and no process in common.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import Iterable, Sequence

from gate.counting import Work
from gate.deterministic import Comparison, Values
from history_file import Entry, Key

ALL_CALLS = "syscalls.all"  # the sum over the kinds


@dataclass(frozen=True)
class Point:
    """One metric of a row at a commit; `since`, where it is a change, is the commit it is one from."""

    entry: Entry
    values: Values
    since: str = ""
    before: float = 0.0

    @property
    def value(self) -> float:
        return median(self.values)

    @property
    def marked(self) -> bool:
        return bool(self.since)

    @property
    def change(self) -> str:
        """In words, for nothing is a per cent of nothing."""
        if not self.before:
            return "from none"
        return f"{self.value / self.before - 1:+.1%}".replace("%", " %")


def by_key(entries: Iterable[Entry]) -> dict[Key, list[Entry]]:
    """The entries that may be compared, in the order of their dates (of equal ones: of the file)."""
    groups: dict[Key, list[Entry]] = {}
    for one in sorted(entries, key=lambda e: e.date):
        groups.setdefault(one.key, []).append(one)
    return groups


def values_of(entry: Entry, work: Work, metric: str) -> Values:
    counts = entry.rows[work]
    if metric != ALL_CALLS:
        return counts.get(metric, [0.0] * len(next(iter(counts.values()))))
    return [sum(each) for each in zip(*(v for m, v in counts.items() if m.startswith("syscalls.")))]


def works(entries: Iterable[Entry]) -> list[Work]:
    """Of all rows, as they were first seen."""
    return list(dict.fromkeys(work for entry in entries for work in entry.rows))


def metrics(entries: Iterable[Entry]) -> list[str]:
    """Kinds of system calls last."""
    found = {m for entry in entries for counts in entry.rows.values() for m in counts}
    kinds = sorted(m for m in found if m.startswith("syscalls."))
    return sorted(found - {*kinds}) + [ALL_CALLS] * bool(kinds) + kinds


def is_change(c: Comparison) -> bool:
    gap = max(min(c.head) - max(c.base), min(c.base) - max(c.head))
    return gap > c.allowed


def points(entries: Sequence[Entry], work: Work, metric: str) -> list[Point]:
    """Of entries of one key, each in the light of those before it."""
    made: list[Point] = []
    level: Point | None = None
    for entry in entries:
        if work not in entry.rows:
            continue
        values = values_of(entry, work, metric)
        if level is not None:
            if is_change(Comparison(metric, work.ops, level.values, values)):
                point = Point(entry, values, level.entry.commit, level.value)
                level = point
                made.append(point)
                continue
        point = Point(entry, values)
        level = level or point
        made.append(point)
    return made
