"""The gate's counts: one thread, a fixed number of operations, no clock. Reports call them deterministic.

Each count is taken three times. The three agree if they lie within a fifth of the limit. Then a change
beyond the limit is a change of the library. They may disagree: an allocator looks at the clock, or the
kernel reads a peak late. Then the gate trusts the metric less in that row: it says so, and how small a
change it would have seen.

In either case what looks like a change is counted five times more, in fresh processes. It is one if the
medians differ by more than the limit and every process of one library lies beyond every process of the
other. For libraries that do not differ, the chance of that is 1 in 12870 in each direction, whatever the
distribution. (12870 is the number of ways to choose 8 of 16.) If the medians differ by more than the
limit but the processes overlap, that is neither a change nor none: inconclusive.

What is inconclusive then is counted until there are 24 processes of each. An allocator with a thread of
its own does something else in one process out of many. So of 24 the three least and the three most are
left out, of each library. That what remains lies apart has a chance of 1 in 7.7 million, if the
libraries do not differ.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, Callable, Iterable, Optional, Sequence

from gate.counting import (
    KINDS,
    LONG,
    TIMED_CALLS,
    Counting,
    Counts,
    Failure,
    Outcome,
    Sample,
    Work,
    works,
)
from gate.findings import Finding, Refusal

TIER = "exact"
REPEATS = 3
CONFIRM = 5  # more, where there seems to be a change
MOST = 24  # in all, where those decide nothing
LEFT_OUT = 3  # of so many, at either end
REPEATABLE = 1 / 5  # of the limit: counts that spread no further agree
# Limits. A metric in which smaller changes than so many cannot be seen is not decided.
BLIND = 8
PAGE = 4096
# Gated one by one; of other kinds those that differ are, and the sum of the rest.
MEMORY_CALLS = ("mmap", "munmap", "mremap", "madvise", "brk", "mprotect")

Values = list[float]


def usual(counts: Sequence[float]) -> Values:
    """Without those at either end, if there are many. In order."""
    out = LEFT_OUT if len(counts) >= MOST else 0
    return sorted(counts)[out : len(counts) - out]


Processes = dict[str, list[Counts]]  # by what counted them: the counts of each process


@dataclass(frozen=True)
class Limit:
    """A change counts if it is more than both."""

    unit: str
    relative: float
    least: float = 0.0  # in the metric's unit

    def of(self, base: float) -> float:
        return max(self.relative * base, self.least)

    def is_amount(self, base: float) -> bool:
        """The least decides, not the share of base."""
        return self.least > self.relative * base


# Counts of instructions of an allocator without a clock repeat to 0.005 % (a generator of random
# numbers that is seeded by an address). 0.5 % is a hundredfold of that, and an added 1 % is twice 0.5 %.
INSTRUCTIONS = Limit("instructions / 1000 ops", 0.005)
# Lengths and memory: pages of the loader and of start-up come and go with harmless changes.
LIMITS = {
    "instructions": INSTRUCTIONS,
    "bytes_mapped": Limit("bytes", 0.01, 1 << 20),
    "minor_faults": Limit("faults", 0.03, 64),
    "rss_peak_bytes": Limit("bytes", 0.03, 64 * PAGE),
    "rss_drained_bytes": Limit("bytes", 0.03, 64 * PAGE),
    "rss_purged_bytes": Limit("bytes", 0.03, 64 * PAGE),
}
# An allocator that cannot be asked has none; nor has a base that was stored before it was counted.
OPTIONAL = ("rss_purged_bytes", TIMED_CALLS)
CALLS_PER_1000 = 0.5  # fewer than one more for 1000 operations: one-time work of start-up
CALLS_LEAST = 4.0  # likewise, of operations that are large and few
CALLS_RELATIVE = 0.01


def limit(metric: str, ops: int) -> Limit:
    if metric == TIMED_CALLS:  # fewer than one more for a million operations
        return Limit("calls", CALLS_RELATIVE, float(max(0, ops // LONG - 1)))
    return usual_of_calls(ops) if metric.startswith("syscalls.") else LIMITS[metric]


def usual_of_calls(ops: int) -> Limit:
    return Limit("calls", CALLS_RELATIVE, max(CALLS_LEAST, CALLS_PER_1000 * ops / 1000))


@dataclass(frozen=True)
class Comparison:
    """One metric of one row: all processes of both libraries."""

    metric: str
    ops: int
    base: Values
    head: Values

    @property
    def allowed(self) -> float:
        """By how much the medians may differ."""
        return limit(self.metric, self.ops).of(median(self.base))

    @property
    def tolerated(self) -> float:
        """The change that may stay undecided. Of timed calls it is wide: an allocator that looks at the clock makes a few more
        or less in a long row, and that is not inconclusive."""
        if self.metric != TIMED_CALLS:
            return self.allowed
        return usual_of_calls(self.ops).of(median(self.base))

    @property
    def difference(self) -> float:
        return median(self.head) - median(self.base)

    @property
    def spread(self) -> float:
        return max(max(v) - min(v) for v in (usual(self.base), usual(self.head)))

    @property
    def demoted(self) -> bool:
        return self.spread > REPEATABLE * self.allowed

    @property
    def suspicious(self) -> bool:
        """Worth fresh processes. From half the limit on: three have a median of their own."""
        return abs(self.difference) > self.allowed / 2

    @property
    def smallest(self) -> float:
        """A shift by more than this would have been found."""
        return max(self.allowed, self.spread)

    def relative(self, amount: float) -> float:
        base = median(self.base)
        return amount / base if base else (0.0 if amount == 0 else math.nan)

    @property
    def is_apart(self) -> bool:
        base, head = usual(self.base), usual(self.head)
        return head[0] > base[-1] or head[-1] < base[0]

    @property
    def is_open(self) -> bool:
        """The medians differ by more than is tolerated, and yet the processes overlap."""
        return abs(self.difference) > self.tolerated and not self.is_apart

    @property
    def verdict(self) -> str:
        if abs(self.difference) > self.allowed and self.is_apart:
            return "fail" if self.difference > 0 else "improved"
        if self.is_open or self.spread > BLIND * self.tolerated:
            return "inconclusive"
        return "pass"

    @property
    def note(self) -> str:
        words = []
        if self.demoted:
            both = (usual(self.base), usual(self.head))
            ranges = " and ".join(f"{v[0]:,.0f} .. {v[-1]:,.0f}" for v in both)
            words.append(f"demoted: not repeatable, {ranges}")
        if not median(self.base) and self.difference:
            words.append(f"the base makes none; {self.allowed:,.0f} are let pass")
        if self.is_open:
            words.append("the medians differ by more than the margin, but the processes overlap")
        if self.verdict in ("fail", "improved"):
            words.append(f"{len(self.base)} and {len(self.head)} processes, apart")
        if len(usual(self.head)) < len(self.head):
            words.append(f"without {LEFT_OUT} of {len(self.head)} at either end")
        return "; ".join(words)

    def finding(self, row: str, repeat: str) -> Finding:
        none = not median(self.base)
        amount = limit(self.metric, self.ops).is_amount(median(self.base))
        return Finding(
            tier=TIER,
            row=row,
            metric=self.metric,
            unit=limit(self.metric, self.ops).unit,
            base=median(self.base),
            head=median(self.head),
            change=self.relative(self.difference),
            low=None,
            high=None,
            margin=0.0 if none else self.relative(self.allowed),
            smallest=None if none else self.relative(self.smallest),
            verdict=self.verdict,
            note=self.note,
            repeat=repeat,
            margin_amount=self.allowed if amount else None,
            smallest_amount=self.smallest if amount else None,
        )


class Broken(Exception):
    """A library that cannot run a row: which of the two, and why."""

    def __init__(self, is_head: bool, why: str, kind: str) -> None:
        super().__init__(why)
        self.kind = kind
        self.is_head = is_head
        self.why = f"the {'head' if is_head else 'base'} cannot be counted: {why}"


def checked(outcomes: Sequence[Outcome]) -> list[Counts]:
    """The counts of a process of each library, which were asked for the same blocks. The last is the
    head."""
    good = []
    for arm, outcome in enumerate(outcomes):
        if isinstance(outcome, Failure):
            raise Broken(arm == len(outcomes) - 1, outcome.what, outcome.kind)
        good.append(outcome)
    digests = sorted({sample.digest for sample in good})
    if len(digests) > 1:
        raise Refusal(f"the libraries were asked for different blocks: digests {digests}")
    return [sample.counts for sample in good]


def count(
    counting: Counting, libraries: Sequence[Path], work: Work, times: int, kinds: Iterable[str]
) -> list[Processes]:
    """So many processes of each library."""
    counted: list[Processes] = [{} for _ in libraries]
    for kind in kinds:
        for _ in range(times):
            for has, counts in zip(counted, checked(counting.samples(kind, libraries, work))):
                has.setdefault(kind, []).append(counts)
    return counted


def kind_of(metric: str) -> str:
    """Which of the KINDS counts a metric."""
    return "instructions" if metric == "instructions" else "calls"


def values(processes: Processes, metric: str) -> Values:
    """Of what a process has no count, it did nothing."""
    return [counts.get(metric, 0.0) for counts in processes[kind_of(metric)]]


def is_count(value: Any) -> bool:
    """Of what a file holds."""
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return number and math.isfinite(value) and value >= 0


def is_summed(metric: str) -> bool:
    kind, _, call = metric.partition(".")
    return kind == "syscalls" and call not in MEMORY_CALLS


def comparisons(work: Work, base: Processes, head: Processes) -> list[Comparison]:
    """Kinds of system calls other than MEMORY_CALLS in which the two agree are summed."""
    every = [counts for p in (base, head) for kind in p.values() for counts in kind]
    absent = {m for c in every for m in OPTIONAL if "bytes_mapped" in c and m not in c}
    names = sorted({m for c in every for m in c} - absent)
    found = {m: (values(base, m), values(head, m)) for m in names}
    rest = {m for m, (b, h) in found.items() if is_summed(m) and set(b) == set(h)}
    kept = {m: pair for m, pair in found.items() if m not in rest}
    if rest:
        kept["syscalls.other"] = (
            [sum(each) for each in zip(*(found[m][0] for m in rest))],
            [sum(each) for each in zip(*(found[m][1] for m in rest))],
        )
    return [Comparison(m, work.ops, b, h) for m, (b, h) in kept.items()]


def compare_row(
    counting: Counting,
    libraries: Sequence[Path],
    work: Work,
    stored: Optional[Processes],
    kinds: Sequence[str] = KINDS,
) -> list[Comparison]:
    """Base and head; with `stored`, those are the base's processes, and the head is the only library."""
    counted = count(counting, libraries, work, REPEATS, kinds)
    head = counted.pop()
    base = counted.pop() if stored is None else {kind: stored[kind] for kind in kinds}

    def until(times: int, is_doubtful: Callable[[Comparison], bool]) -> None:
        nonlocal base, head
        for kind in sorted(
            {kind_of(c.metric) for c in comparisons(work, base, head) if is_doubtful(c)}
        ):
            more = count(counting, libraries, work, times - len(head[kind]), [kind])
            head = joined(head, more.pop())
            base = joined(base, more.pop()) if more else base

    until(REPEATS + CONFIRM, lambda c: c.suspicious)
    if stored is None:
        until(MOST, lambda c: c.verdict == "inconclusive")
    return comparisons(work, base, head)


def joined(first: Processes, more: Processes) -> Processes:
    return {kind: counts + more.get(kind, []) for kind, counts in first.items()}


def broken_row(work: Work, problem: Broken, repeat: str) -> Finding:
    """The one finding of a row that the head cannot run."""
    if not problem.is_head:
        raise Refusal(f"{work.row}: {problem.why}")
    end = (math.nan, None, None, 0.0, None, "fail", problem.why, repeat)
    return Finding(TIER, work.row, "samples", "", 0, 0, *end)


def uncounted(work: Work, problem: Broken, repeat: str) -> Finding:
    """Of libraries one of which runs, but not under callgrind (which has less address space to give)."""
    end = (math.nan, None, None, 0.0, None, "inconclusive", problem.why, repeat)
    unit = INSTRUCTIONS.unit
    return Finding(TIER, work.row, "instructions", unit, math.nan, math.nan, *end)


def row_findings(
    counting: Counting,
    libraries: Sequence[Path],
    work: Work,
    stored: Optional[Processes],
    repeat: str,
) -> list[Finding]:
    """Of a row, as compare_row compares it. What callgrind cannot run, of either, is not a
    difference between the two if it runs without."""

    def compared(kinds: Sequence[str]) -> list[Finding]:
        made = compare_row(counting, libraries, work, stored, kinds)
        return [c.finding(work.row, repeat) for c in made]

    try:
        try:
            return compared(KINDS)
        except Broken as problem:
            if problem.kind != "instructions":
                raise
            return [uncounted(work, problem, repeat), *compared(["calls"])]
    except Broken as problem:
        return [broken_row(work, problem, repeat)]


def compare(
    base: Path,
    head: Path,
    workloads: Sequence[str],
    *,
    build: Path,
    work: Path,
    seed: int,
    repeat: Callable[[str], str],
) -> list[Finding]:
    """Compares two malloc libraries in build/cell/system; `work` is a directory for what is written
    meanwhile, `repeat` gives the command that measures a row again."""
    cell = build / "cell" / "system"
    counting = Counting(cell, work)
    return [
        finding
        for each in works(cell, workloads, seed)
        for finding in row_findings(counting, (base, head), each, None, repeat(each.row))
    ]
