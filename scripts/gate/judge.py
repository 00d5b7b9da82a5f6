"""Samples into findings. Pure.

Rounds of several nodes are ranked within their node (strata.py); a run on this machine has one. Each row is compared in each metric twice: head with base, and base's copy with base, both the same way.
Names here, and in gate.json, call the copy "twin". What the first stage suspects, the second decides on
data of its own.
"""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from dataclasses import dataclass, field, replace
from typing import Callable, Iterable, Optional

from gate import stats, strata
from gate.findings import Finding, Refusal
from gate.samples import Sample
from gate.strata import Strata

PAGE = 4096
AGREEMENT = 0.05  # a regression against base must be one against its copy, too, at this level
FAILED = "samples"  # the metric of a row whose samples failed


@dataclass(frozen=True)
class Metric:
    name: str
    tier: str
    unit: str
    start: Optional[str] = None  # of memory: what the process had before the first operation

    @property
    def is_mapped(self) -> bool:
        """Mapped and writable, touched or not; other memory is resident."""
        return self.name.startswith("writable")


METRICS = (
    Metric("ns_per_op", "timed", "ns/op"),
    Metric("rss_peak_bytes", "memory", "bytes", "rss_start_bytes"),
    Metric("rss_drained_bytes", "memory", "bytes", "rss_start_bytes"),
    Metric("rss_purged_bytes", "memory", "bytes", "rss_start_bytes"),
    Metric("writable_live_bytes", "memory", "bytes", "writable_start_bytes"),
)


@dataclass(frozen=True)
class Settings:
    margin: float = 0.01  # of time. A change of at most this is none.
    target: float = 0.05  # of time. A change that must not be missed.
    # A part of what the allocator adds to the process, but not less than the floor.
    rss_margin: float = 0.03
    rss_floor_bytes: int = 64 * PAGE  # for each thread; what a kernel may not have counted yet
    writable_margin: float = 0.01  # likewise
    writable_floor_bytes: int = 1 << 20
    memory_target: float = 5 / 3  # of the margin of memory, and at least the target of time
    first: int = 16  # blocks of the first stage
    looks: tuple[int, ...] = (20, 30, 40, 60, 90, 120, 180, 240)  # of the second, when it may stop
    budget_seconds: float = 480

    def checked(self, rows: int) -> "Settings":
        """For so many rows. Refuses what could never fail; looks later if that is needed to."""
        fewest = stats.fewest_blocks(rows * len(METRICS))
        wrong = ""
        if not 0 < self.margin < self.target < 10:
            wrong = f"margin {self.margin:.1%} and target {self.target:.1%}: 0 < margin < target"
        elif 2.0**-self.first >= stats.CANDIDATE or not stats.rank_sum_below(self.first):
            wrong = f"{self.first} rounds in the first stage have no 95 % interval; give 6 or more"
        elif not self.looks or self.looks[-1] < fewest:
            wrong = (
                f"at most {max(self.looks, default=0)} rounds in the second stage can never fail any "
                f"of {rows * len(METRICS)} comparisons: p is never small enough; give {fewest} or "
                "more"
            )
        if wrong:
            raise Refusal(wrong)
        return replace(self, looks=tuple(sorted({max(n, fewest) for n in self.looks})))


# A quick gate: fewer blocks, and only large changes must be found.
QUICK = Settings(target=0.10, first=12, looks=(13, 20, 30, 40, 60), budget_seconds=60)


@dataclass(frozen=True)
class Comparison:
    """One row in one metric, in the data of one stage."""

    row: str
    metric: Metric
    base: float  # medians
    head: float
    margin: float
    target: float
    head_base: Strata  # differences of logarithms, one a block
    twin_base: Strata
    head_twin: Strata
    effect: stats.Effect
    twin: stats.Effect
    margin_amount: Optional[float]  # of memory, where the floor is the margin: bytes
    whole: Optional[stats.Effect] = None  # of the blocks of both stages, if this is the second's

    @property
    def key(self) -> tuple[str, str]:
        return self.row, self.metric.name

    def suspected(self) -> bool:
        """Of a change, in either direction, of head or of base's copy."""
        return any(
            p(d, self.margin) < stats.CANDIDATE
            for d in (self.head_base, self.twin_base)
            for p in (strata.p_worse, strata.p_better)
        )

    @property
    def widest(self) -> stats.Effect:
        """Of all blocks. A failure is decided on fresh data alone, because the first stage
        chose what to look at. That nothing as large as the target is there may be said of all data. A
        change of that size passes if the first stage excludes it, or both stages together do: 1 in 40
        each, as for fresh data alone."""
        return self.whole or self.effect

    def excludes_target(self) -> bool:
        return self.widest.high < math.log1p(self.target)


def differences(samples: Iterable[Sample], metric: str, arm: str, against: str) -> Strata:
    """One number a block, of the samples of one row; those of each node by themselves."""
    logs: dict[tuple[tuple[str, int], str], list[float]] = defaultdict(list)
    blocks: dict[str, set[tuple[str, int]]] = defaultdict(set)
    for s in samples:
        logs[s.block, s.arm].append(math.log(s.values[metric]))
        blocks[s.node].add(s.block)
    return [
        [statistics.fmean(logs[b, arm]) - statistics.fmean(logs[b, against]) for b in sorted(own)]
        for _, own in sorted(blocks.items())
    ]


def limits(samples: list[Sample], metric: Metric, threads: int, s: Settings) -> tuple[float, float]:
    """Margin and target of a row, relative to base."""
    if metric.start is None:
        return s.margin, s.target
    of_base = [x.values for x in samples if x.arm == "base"]
    whole = statistics.median(v[metric.name] for v in of_base)
    added = statistics.median(max(0.0, v[metric.name] - v[metric.start]) for v in of_base)
    share = s.writable_margin if metric.is_mapped else s.rss_margin
    allowed = max(share * added, floor_bytes(metric, threads, s))
    return allowed / whole, max(s.memory_target * allowed / whole, s.target)


def floor_bytes(metric: Metric, threads: int, s: Settings) -> float:
    """The least margin of memory; of time there is none."""
    if metric.start is None:
        return 0
    return threads * (s.writable_floor_bytes if metric.is_mapped else s.rss_floor_bytes)


def compare(samples: list[Sample], row: str, metric: Metric, settings: Settings) -> Comparison:
    own = [s for s in samples if s.row == row]
    threads = int(row.rpartition(":")[2])
    margin, target = limits(own, metric, threads, settings)
    floor = floor_bytes(metric, threads, settings)

    def median(arm: str) -> float:
        return statistics.median(s.values[metric.name] for s in own if s.arm == arm)

    head_base = differences(own, metric.name, "head", "base")
    twin_base = differences(own, metric.name, "twin", "base")
    return Comparison(
        row=row,
        metric=metric,
        base=median("base"),
        head=median("head"),
        margin=margin,
        target=target,
        head_base=head_base,
        twin_base=twin_base,
        head_twin=differences(own, metric.name, "head", "twin"),
        effect=strata.effect(head_base),
        twin=strata.effect(twin_base),
        margin_amount=floor if floor and math.isclose(margin * median("base"), floor) else None,
    )


def compare_all(
    samples: list[Sample], rows: Iterable[str], settings: Settings
) -> dict[tuple[str, str], Comparison]:
    made = [compare(samples, row, m, settings) for row in rows for m in metrics_of(samples, row)]
    return {c.key: c for c in made}


def metrics_of(samples: Iterable[Sample], row: str) -> list[Metric]:
    """Those that each sample of the row has: not all allocators can be asked to give memory back."""
    own = [s.values for s in samples if s.row == row]
    return [m for m in METRICS if all(m.name in values for values in own)]


def asked(samples: Iterable[Sample], rows: Iterable[str]) -> list[tuple[str, str]]:
    """The rows and metrics in which there must be a finding."""
    good = [s for s in samples if s.failure is None]
    return [(row, m.name) for row in rows for m in metrics_of(good, row)]


def smallest(c: Comparison, second: int, comparisons: int, settings: Settings) -> float:
    """The smallest change of this row that the two stages together find."""
    return strata.smallest_change(
        c.head_base, settings.first, second, comparisons, c.margin, c.target
    )


def expected_blocks(c: Comparison, comparisons: int, settings: Settings) -> int:
    """Of the second stage, if it came to that: the first look that is precise enough."""
    good = [n for n in settings.looks if smallest(c, n, comparisons, settings) <= c.target]
    return good[0] if good else settings.looks[-1]


def is_candidate(c: Comparison, comparisons: int, settings: Settings) -> bool:
    """Must the second stage look at it? If anything is suspected, or the first is too imprecise to
    say that there is nothing."""
    wide = smallest(c, settings.looks[-1], comparisons, settings) > c.target
    return c.suspected() or wide or not c.excludes_target()


def is_precise(c: Comparison, comparisons: int, settings: Settings) -> bool:
    """May the second stage stop? Depends on the width of the interval and on nothing else."""
    return smallest(c, c.effect.blocks, comparisons, settings) <= c.target


@dataclass
class Verdicts:
    """What the tests of the second stage say, over all its comparisons."""

    worse: dict[tuple[str, str], bool] = field(default_factory=dict)
    better: dict[tuple[str, str], bool] = field(default_factory=dict)
    unfit: dict[tuple[str, str], bool] = field(default_factory=dict)
    # Worse than base and than its copy by more than the two, which are the same library, may differ.
    far_worse: dict[tuple[str, str], bool] = field(default_factory=dict)

    @staticmethod
    def of(second: dict[tuple[str, str], Comparison]) -> "Verdicts":
        def rejected(p: Callable[[Comparison], float]) -> dict[tuple[str, str], bool]:
            return dict(zip(second, stats.discoveries([p(c) for c in second.values()])))

        twin_worse = rejected(lambda c: strata.p_worse(c.twin_base, c.margin))
        twin_better = rejected(lambda c: strata.p_better(c.twin_base, c.margin))
        return Verdicts(
            worse=rejected(lambda c: strata.p_worse(c.head_base, c.margin)),
            better=rejected(lambda c: strata.p_better(c.head_base, c.margin)),
            unfit={k: twin_worse[k] or twin_better[k] for k in second},
            far_worse=rejected(p_far_worse),
        )


def p_far_worse(c: Comparison) -> float:
    """Of the hypothesis that head is not worse than both base and its copy by more than the margin and
    all that the copy may differ from base."""
    apart = max(abs(c.twin.low), abs(c.twin.high))
    beyond = math.expm1(math.log1p(c.margin) + apart)
    return max(strata.p_worse(c.head_base, beyond), strata.p_worse(c.head_twin, beyond))


def decide(c: Comparison, tests: Verdicts) -> tuple[str, str]:
    """The verdict of a comparison and what to say of it."""
    copy = f"the copy of base differs by {math.expm1(c.twin.location):+.1%}"
    if tests.unfit.get(c.key):
        if tests.far_worse.get(c.key):
            return "fail", f"{copy}, and head by far more"
        return "void", f"{copy}, although it is the same library: measure on a quieter machine"
    if tests.worse.get(c.key):
        if strata.p_worse(c.head_twin, c.margin) >= AGREEMENT:
            return "void", f"worse than base, but not than its copy ({copy}): measure again"
        return "fail", ""
    if tests.better.get(c.key) and strata.p_better(c.head_twin, c.margin) < AGREEMENT:
        return "improved", ""
    if c.effect.low > math.log1p(c.margin):
        return "inconclusive", "worse than the margin, but not proven over all rows: measure again"
    if not c.excludes_target():
        return "inconclusive", f"a change of {c.target:+.1%} is not excluded: too noisy here"
    return "pass", ""


def findings(
    first: list[Sample],
    second: list[Sample],
    rows: list[str],
    failed: dict[str, str],
    settings: Settings,
    repeat: Callable[[str], str],
) -> tuple[list[Finding], list[dict[str, object]]]:
    """Of all rows, and the numbers behind them for gate.json. `second` holds the candidates."""
    good = [r for r in rows if r not in failed]
    comparisons = len(rows) * len(METRICS)
    early = compare_all(first, good, settings)
    later = compare_all(second, [r for r in good if any(s.row == r for s in second)], settings)
    whole = compare_all(first + second, {row for row, _ in later}, settings)
    decided = {
        k: replace(c, whole=whole[k].effect)
        for k, c in later.items()
        if is_candidate(early[k], comparisons, settings)
    }
    tests = Verdicts.of(decided)
    made, numbers = [], []
    for key, at_first in early.items():
        if is_candidate(at_first, comparisons, settings) and key not in decided:
            raise Refusal(f"{' '.join(key)}: the second stage, which must decide it, is missing")
        c = decided.get(key, at_first)
        blocks = c.effect.blocks if key in decided else expected_blocks(c, comparisons, settings)
        verdict, note = decide(c, tests)
        found = smallest(c, blocks, comparisons, settings)
        shown = c.effect if verdict in ("fail", "improved", "void") else c.widest
        made.append(
            Finding(
                tier=c.metric.tier,
                row=c.row,
                metric=c.metric.name,
                unit=c.metric.unit,
                base=c.base,
                head=c.head,
                change=math.expm1(shown.location),
                low=math.expm1(shown.low),
                high=math.expm1(shown.high),
                margin=c.margin,
                smallest=found,
                verdict=verdict,
                note=note,
                repeat=repeat(c.row),
                margin_amount=c.margin_amount,
                smallest_amount=None if c.margin_amount is None else found * c.base,
            )
        )
        numbers.append(describe(c, at_first, 2 if key in decided else 1))
    made += [failure(row, cause, repeat(row)) for row, cause in failed.items()]
    return made, numbers


def failure(row: str, cause: str, repeat: str) -> Finding:
    """A row that base can run and head cannot."""
    nothing = math.nan
    return Finding(
        tier="timed",
        row=row,
        metric=FAILED,
        unit="",
        base=nothing,
        head=nothing,
        change=nothing,
        low=None,
        high=None,
        margin=0.0,
        smallest=None,
        verdict="fail",
        note=f"head failed: {cause}",
        repeat=repeat,
    )


def describe(c: Comparison, at_first: Comparison, stage: int) -> dict[str, object]:
    return {
        "row": c.row,
        "metric": c.metric.name,
        "decided_in_stage": stage,
        "blocks": c.effect.blocks,
        "block_standard_deviation": c.effect.scale,
        "target": c.target,
        "p_worse": strata.p_worse(c.head_base, c.margin),
        "p_better": strata.p_better(c.head_base, c.margin),
        "p_worse_than_twin": strata.p_worse(c.head_twin, c.margin),
        "p_far_worse": p_far_worse(c),
        "p_worse_in_stage_1": strata.p_worse(at_first.head_base, c.margin),
        "twin": {
            "change": math.expm1(c.twin.location),
            "low": math.expm1(c.twin.low),
            "high": math.expm1(c.twin.high),
            "p_differs": strata.p_differs(c.twin_base),
            "p_differs_in_stage_1": strata.p_differs(at_first.twin_base),
        },
    }
