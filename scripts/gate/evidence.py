"""What the records of a proof show: rates with exact binomial intervals, and the uniformity of the
p-values of null runs. Pure: records in, lines out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Iterable, Sequence

from scipy import stats

Record = dict[str, Any]
LEVEL = 0.95
UNIFORM = 0.01  # p-values whose test of uniformity has a smaller p are not uniform
NULL_RUNS = 30
FOUND = 59  # of as many: then the power is at least 95 % with 95 % confidence
EXACT = 20
FALSE_RATE = 0.01  # of replayed windows
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
        Claim("null runs that fail", failed, len(runs), NULL_RUNS, failed == 0),
        Claim("null runs that are void", void, len(runs), NULL_RUNS, True),
        Claim("null runs that are inconclusive", wide, len(runs), NULL_RUNS, True),
    ]


def p_values(runs: Iterable[Record]) -> list[float]:
    return [float(p) for r in runs for p in r["p_values"].values() if p is not None]


def uniformity(runs: Sequence[Record]) -> tuple[bool, str]:
    """Of the p-values with which the twin differs from its original in time, in the first stage."""
    values = p_values(runs)
    if not values:
        return False, "null p-values: none yet"
    test = stats.kstest(values, "uniform")
    good = bool(test.pvalue >= UNIFORM)
    words = f"null p-values: {len(values)}, Kolmogorov-Smirnov D = {test.statistic:.3f}"
    least = min(values)
    return good, f"{words}, p = {test.pvalue:.3f}; the least is {least:.4f}"


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
            "windows of recorded null campaigns that fail", failed, windows, 10_000, good, shared
        ),
        Claim("recordings with such a window", touched, len(replays), RECORDINGS, True),
    ]


def summary(kinds: dict[str, list[Record]]) -> tuple[bool, list[str]]:
    """Whether all of it is shown, and the lines that say so."""
    null = kinds.get("null", [])
    claims = null_claims(null)
    uniform, words = uniformity(null)
    for effect in (0.05, 0.10):
        claims += power_claims(effect, [r for r in kinds.get("power", []) if r["effect"] == effect])
    for what in ("instructions", "rss", "madvise"):
        claims += exact_claims(what, [t for t in kinds.get("exact", []) if t["what"] == what])
    claims += replay_claims(kinds.get("replay", []))
    lines = [str(claim) for claim in claims]
    lines.insert(3, f"{'shown' if uniform else 'NOT SHOWN':<11} {words}")
    return uniform and all(claim.shown for claim in claims), lines
