"""What the records of a proof show: rates with exact binomial intervals, the uniformity of the p-values
of null runs, and whether plants were what they are called. Pure: records in, lines out.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import Any, Iterable, Sequence

import numpy as np
import numpy.typing as npt
from scipy import stats

from gate.judge import QUICK
from gate.rows import KINDS
from gate.stats import p_differs

Record = dict[str, Any]
Numbers = npt.NDArray[Any]
LEVEL = 0.95
# p-values whose test of uniformity has a smaller p are not uniform.
UNIFORM = 0.01
NULL_BLOCKS = QUICK.first  # that a p-value is of
DRAWS = 9999  # of as many p-values of equals
ROUNDING = 1e-9  # part of a p-value, which went through JSON
NULL_RUNS = 30
FOUND = 59  # of as many: then the power is at least 95 % with 95 % confidence
UNPLANTED = 20  # comparisons beside the planted ones
EXACT = 20
FALSE_RATE = 0.01  # of replayed windows of each recording
WINDOWS = 10_000  # of all of them
# Part of their size by which plants may be larger in median; smaller is harder.
PLANT_SIZE = 0.1
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


def distance(counts: Numbers, of: Numbers) -> Numbers:
    """Kolmogorov and Smirnov's, of p-values from those of an exact test, of which a share of p is at most
    p. Shapes: counts (..., n), how often each of the n possible values `of` was seen; (...)."""
    shares = np.cumsum(counts, axis=-1) / np.sum(counts, axis=-1, keepdims=True)
    farthest: Numbers = np.max(np.abs(shares - of), axis=-1)
    return farthest


def uniformity(runs: Sequence[Record]) -> tuple[bool, str]:
    """Of the p-values with which base's copy differs from base in time, in the first stage. Those of
    few blocks are a few numbers. Their steps alone would exceed the distance of continuous values. How
    far equals come is drawn instead, always from the same numbers."""
    values = p_values(runs)
    if not values:
        return False, "null p-values: none yet"
    if len(runs) < NULL_RUNS:
        return False, f"null p-values: of {len(runs)} runs, too few"
    of = np.array(possible(NULL_BLOCKS))
    counts = np.bincount(np.searchsorted(of, np.array(values) * (1 - ROUNDING)), minlength=len(of))
    drawn = np.random.default_rng(1).multinomial(len(values), np.diff(of, prepend=0.0), DRAWS)
    apart = float(distance(counts, of))
    p = (1 + int(np.sum(distance(drawn, of) >= apart))) / (1 + DRAWS)
    words = f"null p-values: {len(values)}, Kolmogorov-Smirnov D = {apart:.3f}, p = {p:.3f}"
    told = f"{'not' if p >= UNIFORM else 'but'} told from uniform ones at {UNIFORM:g}"
    return p >= UNIFORM, f"{words}: {told}; the least is {min(values):.4f}"


def power_claims(effect: float, runs: Sequence[Record]) -> list[Claim]:
    rows = [row for r in runs for row in r["planted"]]
    seen = [row for row in rows if row["smallest"] is not None and row["smallest"] <= effect]
    found = sum(1 for row in seen if row["verdict"] == "fail")
    blind = [row for row in rows if row not in seen]
    blind_found = sum(1 for row in blind if row["verdict"] == "fail")
    most = (1 + PLANT_SIZE) * effect
    small = [row for row in seen if row["change"] <= most]
    small_found = sum(1 for row in small if row["verdict"] == "fail")
    times, memory = (sum(r["unplanted"][what] for r in runs) for what in ("time", "memory"))
    wrong = [name for r in runs for name in r["collateral"]]
    slower = sum(1 for name in wrong if name.endswith(" ns_per_op"))
    larger = len(wrong) - slower
    name = f"+{effect:.0%} of an operation"
    return [
        Claim(
            f"{name}, where that can be seen: found", found, len(seen), FOUND, found == len(seen)
        ),
        Claim(
            f"{name}, of these, as measured at most {most:+.1%}: found",
            small_found,
            len(small),
            0,
            True,
        ),
        Claim(f"{name}, where less than that cannot: found", blind_found, len(blind), 0, True),
        Claim(f"{name}: times of unplanted rows that fail", slower, times, UNPLANTED, slower == 0),
        Claim(f"{name}: comparisons of memory that fail", larger, memory, UNPLANTED, larger == 0),
    ]


def plant_sizes(effect: float, runs: Sequence[Record]) -> list[tuple[bool, str]]:
    """Whether what was planted in a row was of no more than that size: as measured, by those same
    runs; and how much of it was found in each row."""
    rows: dict[str, list[Record]] = {}
    for row in (row for r in runs for row in r["planted"]):
        rows.setdefault(row["row"], []).append(row)
    lines = []
    for name, plants in sorted(rows.items()):
        changes = [float(plant["change"]) for plant in plants]
        seen = [p for p in plants if p["smallest"] is not None and p["smallest"] <= effect]
        found = sum(1 for plant in seen if plant["verdict"] == "fail")
        lines.append(
            (
                median(changes) <= (1 + PLANT_SIZE) * effect,
                f"plants of +{effect:.0%} in {name}: {len(plants)}, measured {median(changes):+.2%} in "
                f"median ({min(changes):+.2%} .. {max(changes):+.2%}); seen and found: "
                f"{found} of {len(seen)}",
            )
        )
    return lines


def plant_counts(effect: float, runs: Sequence[Record]) -> tuple[bool, str]:
    """Whether plants have the instructions that they should have, where these were counted."""
    rows = [row for r in runs for row in r["planted"] if row["instructions"]]
    name = f"instructions of plants of +{effect:.0%}"
    if not rows:
        return False, f"{name}: none counted yet"
    ratios = [row["instructions"]["added"] / row["instructions"]["spun"] for row in rows]
    shares = [row["instructions"]["added"] / row["instructions"]["base"] for row in rows]
    return all(abs(ratio - 1) <= PLANT_COUNT for ratio in ratios), (
        f"{name}: {len(rows)} counted, {min(ratios):.2%} .. {max(ratios):.2%} of what was planted, "
        f"{min(shares):+.1%} .. {max(shares):+.1%} of the operation's"
    )


def exact_claims(what: str, trials: Sequence[Record]) -> list[Claim]:
    found = sum(1 for t in trials if t["found"])
    wrong = sum(1 for t in trials if t["collateral"])
    return [
        Claim(f"{what}: found", found, len(trials), EXACT, found == len(trials)),
        Claim(f"{what}: trials with another failure", wrong, len(trials), EXACT, wrong == 0),
    ]


def replay_claims(replays: Sequence[Record]) -> list[Claim]:
    claims = []
    for number, r in enumerate(replays, 1):
        verdicts = sorted((v, n) for v, n in r["verdicts"].items() if v != "fail")
        said = ", ".join(f"{count} {verdict}" for verdict, count in verdicts)
        if r["others_cpu_share"] is not None:
            said += f"; other programs took {r['others_cpu_share']:.0%} of the CPUs"
        good = r["failed"] / r["windows"] <= FALSE_RATE
        name = f"quick windows of null recording {number} that fail"
        claims.append(Claim(name, r["failed"], r["windows"], 0, good, said))
    windows = sum(r["windows"] for r in replays)
    failed = sum(r["failed"] for r in replays)
    touched = sum(1 for r in replays if r["failed"])
    shared = "windows overlap, so no interval"
    return [
        *claims,
        Claim("quick windows of all of them that fail", failed, windows, WINDOWS, True, shared),
        Claim("recordings with such a window", touched, len(replays), RECORDINGS, True),
    ]


def kind_claims(runs: Sequence[Record]) -> list[Claim]:
    """Each kind of regression that the gate names was planted, and was found by its default rows."""
    claims = []
    for kind in KINDS:
        own = [r for r in runs if r["kind"] == kind.what]
        found = sum(1 for r in own if r["found"])
        claims.append(Claim(f"{kind.what}: found", found, len(own), 1, found == len(own)))
    return claims


def told(shown: bool, words: str) -> tuple[bool, str]:
    return shown, f"{'shown' if shown else 'NOT SHOWN':<11} {words}"


def summary(kinds: dict[str, list[Record]]) -> tuple[bool, list[str]]:
    """Whether all of it is shown, and the lines that say so."""

    def of(claims: Iterable[Claim]) -> list[tuple[bool, str]]:
        return [(claim.shown, str(claim)) for claim in claims]

    null = kinds.get("null", [])
    lines = [*of(null_claims(null)), told(*uniformity(null))]
    for effect in (0.05, 0.10):
        runs = [r for r in kinds.get("power", []) if r["effect"] == effect]
        lines += [told(*line) for line in plant_sizes(effect, runs)]
        lines += [told(*plant_counts(effect, runs)), *of(power_claims(effect, runs))]
    for what in ("instructions", "rss", "madvise"):
        lines += of(exact_claims(what, [t for t in kinds.get("exact", []) if t["what"] == what]))
    lines += of(kind_claims(kinds.get("kinds", [])))
    lines += of(replay_claims(kinds.get("replay", [])))
    return all(shown for shown, _ in lines), [line for _, line in lines]
