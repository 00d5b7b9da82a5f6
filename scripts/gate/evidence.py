"""What the records of a proof show: rates with exact binomial intervals, the uniformity of the p-values
of null runs, and whether plants were what they are called. Pure: records in, lines out.
"""

from __future__ import annotations

import bisect
import random
from dataclasses import dataclass
from statistics import median
from typing import Any, Iterable, Sequence

from scipy import stats

from gate.findings import Refusal
from gate.judge import QUICK
from gate.stats import p_differs

Record = dict[str, Any]
LEVEL = 0.95
UNIFORM = 0.01  # p-values whose test of uniformity has a smaller p are not uniform
NULL_BLOCKS = QUICK.first  # that a p-value is of
DRAWS = 99
ROUNDING = 1e-9
NULL_RUNS = 30
FOUND = 59  # of as many: then the power is at least 95 % with 95 % confidence
EXACT = 20
FALSE_RATE = 0.01  # of replayed windows
PLANT_SIZE = 0.1  # part of their size by which plants may be larger in median; smaller is harder
PLANT_COUNT = 0.01  # part of its instructions by which a plant may be off, by callgrind
RECORDINGS = 2  # from which they are drawn


@dataclass(frozen=True)
class Claim:
    """One line of the summary."""

    what: str
    count: int
    of: int
    enough: int  # trials without which nothing is shown
    good: bool  # as far as it goes
    instead: str = ""  # of an interval, where the trials do not stand alone

    @property
    def shown(self) -> bool:
        return self.good and self.of >= self.enough

    def __str__(self) -> str:
        verdict = "shown" if self.shown else "NOT SHOWN" if not self.good else "too few yet"
        if not self.of:
            return f"{'' if self.shown else verdict:<11} {self.what}: no trial"
        rate = f"{self.count} of {self.of} = {self.count / self.of:.2%}"
        low, high = interval(self.count, self.of)
        worth = self.instead or f"{LEVEL:.0%} interval {low:.2%} .. {high:.2%}"
        return f"{verdict:<11} {self.what}: {rate}, {worth}"


def interval(count: int, of: int) -> tuple[float, float]:
    """Clopper and Pearson's."""
    ci = stats.binomtest(count, of).proportion_ci(LEVEL, "exact")
    return float(ci.low), float(ci.high)


def null_claims(runs: Sequence[Record]) -> list[Claim]:
    failed = sum(1 for r in runs if r["verdict"] == "fail")
    void = sum(1 for r in runs if r["verdict"] == "void")
    wide = sum(1 for r in runs if r["verdict"] == "inconclusive")
    return [
        Claim("quick null runs that fail", failed, len(runs), NULL_RUNS, failed == 0),
        Claim("quick null runs that are void", void, len(runs), NULL_RUNS, True),
        Claim("quick null runs that are inconclusive", wide, len(runs), NULL_RUNS, True),
    ]


def p_values(runs: Iterable[Record]) -> list[float]:
    return [float(p) for r in runs for p in r["p_values"].values() if p is not None]


def possible(blocks: int) -> list[float]:
    """The p-values that the test of so many blocks can have, from the least: of each rank sum one."""
    found = set()
    for rank_sum in range(blocks * (blocks + 1) // 2 + 1):
        differences, left = [], rank_sum
        for rank in range(blocks, 0, -1):
            differences.append(rank if rank <= left else -rank)
            left -= rank if rank <= left else 0
        found.add(p_differs(differences))
    return sorted(found)


def spread_out(values: Sequence[float], of: Sequence[float], draw: random.Random) -> list[float]:
    """Each p drawn anew between the next smaller one that was possible and itself. Of a test that is
    exact, these are uniform, and the p-values themselves, which are a few numbers, are not: Geyer and
    Meeden, "Fuzzy and randomized confidence intervals and P-values", Statistical Science 2005."""
    made = []
    for p in values:
        at = bisect.bisect_left(of, p * (1 - ROUNDING))
        if abs(of[at] / p - 1) > ROUNDING:
            raise Refusal(f"{p} is no p-value of {NULL_BLOCKS} blocks")
        made.append(draw.uniform(of[at - 1] if at else 0.0, of[at]))
    return made


def uniformity(runs: Sequence[Record]) -> tuple[bool, str]:
    """Of the p-values with which the twin differs from its original in time, in the first stage."""
    values = p_values(runs)
    if not values:
        return False, "null p-values: none yet"
    of, draw = possible(NULL_BLOCKS), random.Random(1)
    tests = [stats.kstest(spread_out(values, of, draw), "uniform") for _ in range(DRAWS)]
    p = median(float(test.pvalue) for test in tests)
    words = f"null p-values: {len(values)}, Kolmogorov-Smirnov D = " + (
        f"{median(float(test.statistic) for test in tests):.3f}, p = {p:.3f} (medians of {DRAWS} "
        f"draws between the values that are possible); the least is {min(values):.4f}"
    )
    return p >= UNIFORM, words


def power_claims(effect: float, runs: Sequence[Record]) -> list[Claim]:
    rows = [row for r in runs for row in r["planted"]]
    seen = [row for row in rows if row["smallest"] is not None and row["smallest"] <= effect]
    found = sum(1 for row in seen if row["verdict"] == "fail")
    blind = [row for row in rows if row not in seen]
    blind_found = sum(1 for row in blind if row["verdict"] == "fail")
    unplanted = sum(r["unplanted"] for r in runs)
    wrong = sum(len(r["collateral"]) for r in runs)
    name = f"+{effect:.0%} of an operation"
    return [
        Claim(
            f"{name}, where that can be seen: found", found, len(seen), FOUND, found == len(seen)
        ),
        Claim(f"{name}, where less than that cannot: found", blind_found, len(blind), 0, True),
        Claim(f"{name}: unplanted comparisons that fail", wrong, unplanted, 1, wrong == 0),
    ]


def plant_sizes(effect: float, runs: Sequence[Record]) -> tuple[bool, str]:
    """Whether what was planted was of no more than that size: as measured, by those same runs."""
    changes = [float(row["change"]) for r in runs for row in r["planted"]]
    name = f"plants of +{effect:.0%}"
    if not changes:
        return False, f"{name}: none yet"
    middle = median(changes)
    spread = f"{middle:+.2%} in median ({min(changes):+.2%} .. {max(changes):+.2%})"
    return middle <= (1 + PLANT_SIZE) * effect, f"{name}: {len(changes)} measured {spread}"


def plant_counts(costs: Sequence[Record]) -> tuple[bool, str]:
    """Whether plants have the instructions that they should have, where these were counted."""
    ratios = [
        cost["instructions"]["counted"] / cost["instructions"]["planted"]
        for cost in costs
        if cost["instructions"]
    ]
    if not ratios:
        return False, "instructions of plants: none counted yet"
    good = all(abs(ratio - 1) <= PLANT_COUNT for ratio in ratios)
    return good, (
        f"instructions of plants: in {len(ratios)} rows callgrind counted {min(ratios):.2%} .. "
        f"{max(ratios):.2%} of those planted"
    )


def exact_claims(what: str, trials: Sequence[Record]) -> list[Claim]:
    found = sum(1 for t in trials if t["found"])
    wrong = sum(1 for t in trials if t["collateral"])
    return [
        Claim(f"{what}: found", found, len(trials), EXACT, found == len(trials)),
        Claim(f"{what}: trials with another failure", wrong, len(trials), EXACT, wrong == 0),
    ]


def replay_claims(replays: Sequence[Record]) -> list[Claim]:
    windows = sum(r["windows"] for r in replays)
    failed = sum(r["failed"] for r in replays)
    good = windows == 0 or failed / windows <= FALSE_RATE
    shared = (
        f"of {len(replays)} recording{'s' * (len(replays) != 1)}; windows overlap, so no interval"
    )
    touched = sum(1 for r in replays if r["failed"])
    return [
        Claim(
            "quick windows of recorded null campaigns that fail",
            failed,
            windows,
            10_000,
            good,
            shared,
        ),
        Claim("recordings with such a window", touched, len(replays), RECORDINGS, True),
    ]


def told(shown: bool, words: str) -> tuple[bool, str]:
    return shown, f"{'shown' if shown else 'NOT SHOWN':<11} {words}"


def summary(kinds: dict[str, list[Record]]) -> tuple[bool, list[str]]:
    """Whether all of it is shown, and the lines that say so."""

    def of(claims: Iterable[Claim]) -> list[tuple[bool, str]]:
        return [(claim.shown, str(claim)) for claim in claims]

    null = kinds.get("null", [])
    lines = [*of(null_claims(null)), told(*uniformity(null))]
    lines.append(told(*plant_counts(kinds.get("cost", []))))
    for effect in (0.05, 0.10):
        runs = [r for r in kinds.get("power", []) if r["effect"] == effect]
        lines += [told(*plant_sizes(effect, runs)), *of(power_claims(effect, runs))]
    for what in ("instructions", "rss", "madvise"):
        lines += of(exact_claims(what, [t for t in kinds.get("exact", []) if t["what"] == what]))
    lines += of(replay_claims(kinds.get("replay", [])))
    return all(shown for shown, _ in lines), [line for _, line in lines]
