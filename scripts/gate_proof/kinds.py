"""Planted regressions of each kind in gate.rows.KINDS, which a gate of the default rows must find.

Nothing says where they must show: most are planted in all rows, and the gate has to have a row that shows
them. `base` is what the head is compared with, where it is more than the library.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any, Iterable, Mapping, Sequence

from gate import deterministic
from gate.counting import TIMED_CALLS
from gate.findings import Finding
from gate_proof.planted import Plant

EVERYWHERE = "*"
FREED = ("rss_drained_bytes", "rss_purged_bytes")


@dataclass(frozen=True)
class Shown:
    """A row, and the metrics any of which must fail there."""

    row: str
    metrics: tuple[str, ...]
    by_counts: bool = True

    def is_among(self, findings: Iterable[Finding]) -> bool:
        return any(
            f.verdict == "fail"
            and f.row == self.row
            and f.metric in self.metrics
            and (f.tier == deterministic.TIER) == self.by_counts
            for f in findings
        )


@dataclass(frozen=True)
class Regression:
    name: str
    kind: str  # in gate.rows.KINDS
    head: Plant
    base: tuple[Plant, ...]
    shown: tuple[Shown, ...]  # each must fail

    @property
    def by_counts(self) -> bool:
        return all(s.by_counts for s in self.shown)

    def is_found(self, findings: Iterable[Finding]) -> bool:
        found = list(findings)
        return all(s.is_among(found) for s in self.shown)


def of(name: str, kind: str, what: str, numbers: tuple[int, ...], *shown: Shown) -> Regression:
    return Regression(name, kind, Plant(EVERYWHERE, what, numbers), (), shown)


def counted(workload: str, *metrics: str) -> Shown:
    return Shown(f"{workload}/threads:1", metrics)


def timed(row: str, *metrics: str) -> Shown:
    return Shown(row, metrics, by_counts=False)


def convoy_threads(described: Sequence[Mapping[str, Any]]) -> int:
    """Of the workload as this machine runs it by default."""
    (convoy,) = [w for w in described if w["name"] == "lock_convoy"]
    cpus = len(os.sched_getaffinity(0))
    return max(int(convoy["least_threads"]), int(convoy["threads_per_cpu"]) * cpus)


BATCH = 32  # blocks that a refill moves
MOVED, MOVED_LONG = 200, 3000  # pairs of instructions that it takes; the latter a microsecond
FOREIGN = 100  # pairs more for each free of another thread's block
MILLION = 1_000_000
ENDED = "a slower free of a block whose thread has ended"
RUNNING = "a slower free of a running thread's block"


def regressions(convoy: int) -> tuple[Regression, ...]:
    """On a machine where a convoy has so many threads."""
    marks = (Plant(EVERYWHERE, "foreign", (0,)),)
    return (
        of(
            "calloc with 100 pairs more",
            "a slower calloc",
            "calloc",
            (100,),
            counted("calloc_dirty", "instructions"),
        ),
        of(
            "calloc that clears fresh memory",
            "a slower calloc",
            "clear",
            (1,),
            counted("calloc_fresh", "instructions"),
        ),
        of(
            "realloc that copies at each step",
            "a slower realloc",
            "copy",
            (1,),
            counted("realloc_steps", "instructions"),
            counted("realloc_huge", "minor_faults"),
        ),
        Regression(
            "100 pairs more to free an ended thread's block",
            ENDED,
            Plant(EVERYWHERE, "foreign", (FOREIGN,)),
            marks,
            (counted("larson", "instructions"),),
        ),
        of(
            "one block in a thousand is lost",
            "a leak of one block in a thousand",
            "leak",
            (1000,),
            counted("seldom", "rss_peak_bytes"),
        ),
        of(
            "a million pairs at each millionth malloc",
            "1 ms of work in a million operations",
            "spin",
            (MILLION, MILLION),
            counted("seldom", "instructions"),
        ),
        of(
            "a system call at each millionth malloc",
            "a system call in a million operations",
            "madvise",
            (MILLION,),
            counted("seldom", TIMED_CALLS),
        ),
        of(
            "what is freed in a row is kept",
            "memory that stays when all is freed",
            "keep",
            (1000,),
            counted("small", *FREED),
        ),
        of(
            "a sleep at each 4000th malloc",
            "time without more instructions",
            "pause",
            (4000, 1),
            timed("small/threads:1", "ns_per_op"),
        ),
        of(
            "a sleep of 1 ms at each millionth malloc",
            "a pause of 1 ms in a million operations",
            "pause",
            (MILLION, 1000),
            timed("seldom/threads:1", "ns_per_op"),
        ),
        Regression(
            "100 pairs more to free a running thread's block",
            RUNNING,
            Plant(EVERYWHERE, "foreign", (FOREIGN,)),
            marks,
            (timed("hand_over_pairs/threads:2", "ns_per_op"),),
        ),
        Regression(
            "one lock around the refills of all threads",
            "a lock in the slow path",
            Plant(EVERYWHERE, "convoy", (BATCH, MOVED)),
            (Plant(EVERYWHERE, "refill", (BATCH, MOVED)),),
            (counted("collector", "instructions"),),
        ),
        Regression(
            "one lock around refills that take a microsecond",
            "threads that wait for a lock of the slow path",
            Plant(EVERYWHERE, "convoy", (BATCH, MOVED_LONG)),
            (Plant(EVERYWHERE, "refill", (BATCH, MOVED_LONG)),),
            (timed(f"lock_convoy/threads:{convoy}", "ns_per_op"),),
        ),
        Regression(
            "each second block that another thread frees is lost",
            "memory of blocks that another thread frees",
            Plant(EVERYWHERE, "strand", (2,)),
            marks,
            (timed("hand_over_pairs/threads:2", "rss_peak_bytes", *FREED),),
        ),
        Regression(
            "what is freed in a row by two threads is kept",
            "memory that stays at two threads only",
            Plant("*/threads:2", "keep", (1000,)),
            (),
            (timed("small/threads:2", *FREED),),
        ),
    )
