"""Local campaigns of the gate, split over nodes. They have the verdicts that the rule over nodes expects, and on one node
those of the local gate. Campaigns are simulated or recorded (recorded.py).

What is expected is computed here from the samples and STATED, by the words of README.md and scripts/gate/README.md: rows,
metrics, medians, margins, p, intervals and verdicts. Nothing of it comes from the gate's own code, but for the least
change that a row finds, which is drawn. From the fleet's own code come which stage a round is of (rounds.stage, which test_gates.py
tests) and the parts that are collected.
"""

import bisect
import dataclasses
import math
import shutil
import statistics
import unittest
from collections import Counter
from fractions import Fraction
from functools import lru_cache
from itertools import accumulate
from typing import Any, Callable

from fleet import recorded, rounds
from fleet.test_gates import PERIOD, ROWS, TIME, OfGate, Simulated, node_of
from gate import findings, judge
from gate.samples import Sample
from gate_proof.simulation import Machine

Strata = list[list[float]]  # of each node, a number a round
MEMORY = ("rss_peak_bytes", "rss_drained_bytes", "rss_purged_bytes", "writable_live_bytes")
RATE, SUSPECTED, AGREES, TAIL = 0.01, 0.2, 0.05, 0.025
# What scripts/gate/README.md says of a quick gate.
STATED = {
    "margin": 0.01,
    "target": 0.10,
    "rss_margin": 0.03,
    "rss_floor_bytes": 64 * 4096,
    "writable_margin": 0.01,
    "writable_floor_bytes": 1 << 20,
    "memory_target": 5 / 3,
}
Key = tuple[str, str]  # a row and a metric


def weights(sizes: tuple[int, ...]) -> list[int]:
    """Of n rounds 1 / (n + 1), in thousandths. Of one node, or of nodes with as many rounds, it does not matter."""
    return [round(1000 / (n + 1)) for n in sizes] if len(set(sizes)) > 1 else [1] * len(sizes)


@lru_cache(maxsize=None)
def ways(sizes: tuple[int, ...]) -> tuple[list[int], list[int], int]:
    """The weighted sums that signs can give, how many signs give each or less, and how many there are."""
    found = Counter({0: 1})
    for size, weight in zip(sizes, weights(sizes)):
        for rank in range(1, size + 1):
            more = found.copy()
            for total, count in found.items():
                more[total + weight * rank] += count
            found = more
    sums = sorted(found)
    return sums, list(accumulate(found[s] for s in sums)), 2 ** sum(sizes)


def sum_of(d: Strata, shift: float) -> int:
    """Of the ranks that are up, when each number is so much less. Of equal sizes, what is up has the lower rank."""
    total = 0
    for node, weight in zip(d, weights(tuple(map(len, d)))):
        ranked = sorted((x - shift for x in node), key=lambda x: (abs(x), x <= 0))
        total += weight * sum(rank for rank, x in enumerate(ranked, 1) if x > 0)
    return total


def of_one_node(d: list[float]) -> float:
    """Wilcoxon's p. Zeros do not count, and equal sizes share their ranks; all ranks are doubled."""
    moved = [x for x in d if x != 0]
    sizes = sorted(abs(x) for x in moved)
    ranks = [1 + bisect.bisect(sizes, abs(x)) + bisect.bisect_left(sizes, abs(x)) for x in moved]
    ways_to = Counter({0: 1})
    for rank in ranks:
        ways_to.update({total + rank: count for total, count in [*ways_to.items()]})
    seen = sum(rank for rank, x in zip(ranks, moved) if x > 0)
    return float(Fraction(sum(count for s, count in ways_to.items() if s >= seen), 2 ** len(moved)))


def up(d: Strata, shift: float) -> float:
    """How many of all signs give so large a sum."""
    sums, at_most, count = ways(tuple(map(len, d)))
    below = bisect.bisect_left(sums, sum_of(d, shift))
    return float(Fraction(count - (at_most[below - 1] if below else 0), count))


def negated(d: Strata) -> Strata:
    return [[-x for x in node] for node in d]


def p_worse(d: Strata, margin: float) -> float:
    shift = math.log1p(margin)
    return of_one_node([x - shift for x in d[0]]) if len(d) == 1 else up(d, shift)


def p_better(d: Strata, margin: float) -> float:
    return p_worse(negated(d), margin)


def last(holds: Callable[[float], bool], low: float, high: float) -> float:
    """Where it holds no longer: up to there it does."""
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if holds(middle) else (low, middle)
    return low


def interval(d: Strata) -> tuple[float, float, float]:
    """The estimate, at which the sum is as large as luck makes it, and the shifts that no test rejects."""
    ends = [x for node in d for x in node]
    low, high = min(ends) - 1, max(ends) + 1
    half = Fraction(
        sum(w * len(n) * (len(n) + 1) // 2 for w, n in zip(weights(tuple(map(len, d))), d)), 2
    )
    over = last(lambda shift: sum_of(d, shift) > half, low, high)
    under = last(lambda shift: sum_of(d, shift) >= half, low, high)
    minus = negated(d)
    return (
        (over + under) / 2,
        last(lambda shift: up(d, shift) <= TAIL, low, high),
        -last(lambda shift: up(minus, shift) <= TAIL, -high, -low),
    )


def discovered(p: dict[Any, float]) -> set[Any]:
    """Benjamini and Hochberg: the largest k with k p-values of at most k shares of the rate."""
    ordered = sorted(p, key=lambda key: p[key])
    fit = [k for k, key in enumerate(ordered, 1) if p[key] <= RATE * k / len(p)]
    return set(ordered[: max(fit, default=0)])


@dataclasses.dataclass
class Compared:
    """A row in a metric, in the rounds of a stage or of both."""

    base: float
    head: float
    d: Strata
    twin: Strata
    to_twin: Strata
    margin: float
    target: float


@dataclasses.dataclass
class Told:
    """Of a row in a metric. `change`: the estimate and its interval, in logarithms; `by`: the rounds that decided."""

    verdict: str
    change: tuple[float, float, float]
    by: Compared


class Expected:
    """The verdicts over nodes, of two stages of samples: of all rows that are there, in all metrics that each sample of a
    row has. `settings`: for what is drawn."""

    def __init__(self, stages: tuple[list[Sample], list[Sample]], settings: judge.Settings) -> None:
        self.stages, self.settings = stages, settings
        samples = [s for stage in stages for s in stage]
        self.rows = list(dict.fromkeys(s.row for s in samples))
        self.keys: list[Key] = [
            (row, metric)
            for row in self.rows
            for metric in (TIME, *MEMORY)
            if all(metric in s.values for s in samples if s.row == row)
        ]

    def rounds(self) -> list[int]:
        """How many each stage has."""
        return [len({(s.node, s.block) for s in stage}) for stage in self.stages]

    def differences(self, samples: list[Sample], metric: str, arm: str, against: str) -> Strata:
        """Of the mean logarithms. What is the same number to the gate must be so here, for ties."""
        logs: dict[str, dict[tuple[str, int], dict[str, list[float]]]] = {}
        for s in samples:
            own = logs.setdefault(s.node, {}).setdefault(s.block, {})
            own.setdefault(s.arm, []).append(math.log(s.values[metric]))
        return [
            [
                statistics.fmean(own[block][arm]) - statistics.fmean(own[block][against])
                for block in sorted(own)
            ]
            for _, own in sorted(logs.items())
        ]

    def limits(self, samples: list[Sample], metric: str, threads: int) -> tuple[float, float]:
        if metric == TIME:
            return STATED["margin"], STATED["target"]
        base = [s.values for s in samples if s.arm == "base"]
        kind = "writable" if metric.startswith("writable") else "rss"
        added = statistics.median(max(0.0, v[metric] - v[f"{kind}_start_bytes"]) for v in base)
        least = threads * STATED[f"{kind}_floor_bytes"]
        allowed = max(STATED[f"{kind}_margin"] * added, least)
        margin = allowed / statistics.median(v[metric] for v in base)
        return margin, max(STATED["memory_target"] * margin, STATED["target"])

    def compared(self, row: str, metric: str, *stages: int) -> Compared:
        samples = [s for stage in stages for s in self.stages[stage] if s.row == row]
        margin, target = self.limits(samples, metric, int(row.rpartition(":")[2]))
        pairs = (("head", "base"), ("twin", "base"), ("head", "twin"))
        d, twin, to_twin = (self.differences(samples, metric, *pair) for pair in pairs)
        base, head = (
            statistics.median(s.values[metric] for s in samples if s.arm == arm)
            for arm in ("base", "head")
        )
        return Compared(base, head, d, twin, to_twin, margin, target)

    def suspected(self, c: Compared) -> bool:
        tests = [p(d, c.margin) for d in (c.d, c.twin) for p in (p_worse, p_better)]
        return min(tests) < SUSPECTED or interval(c.d)[2] >= math.log1p(c.target)

    def beyond(self, c: Compared) -> float:
        """p of head that is not worse than base and its copy by more than these may differ."""
        _, low, high = interval(c.twin)
        margin = math.expm1(math.log1p(c.margin) + max(abs(low), abs(high)))
        return max(p_worse(c.d, margin), p_worse(c.to_twin, margin))

    def is_wide(self, key: Key, target: float) -> bool:
        """Whether the first stage is too noisy to say that nothing is there."""
        (metric,) = [m for m in judge.METRICS if m.name == key[1]]
        c = judge.compare(self.stages[0], key[0], metric, self.settings)
        count = len(self.rows) * (1 + len(MEMORY))
        return judge.smallest(c, self.settings.looks[-1], count, self.settings) > target

    def told(self) -> dict[Key, Told]:
        early = {key: self.compared(*key, 0) for key in self.keys}
        doubtful = {
            key: self.compared(*key, 1)
            for key, c in early.items()
            if self.suspected(c) or self.is_wide(key, c.target)
        }
        worse = discovered({k: p_worse(c.d, c.margin) for k, c in doubtful.items()})
        better = discovered({k: p_better(c.d, c.margin) for k, c in doubtful.items()})
        unfit = discovered({k: p_worse(c.twin, c.margin) for k, c in doubtful.items()})
        unfit |= discovered({k: p_better(c.twin, c.margin) for k, c in doubtful.items()})
        far = discovered({k: self.beyond(c) for k, c in doubtful.items()})

        def found(key: Key, c: Compared) -> str:
            """By fresh rounds alone; "": neither a change nor an unfit machine."""
            if key in unfit:
                return "fail" if key in far else "void"
            if key in worse:
                return "fail" if p_worse(c.to_twin, c.margin) < AGREES else "void"
            is_better = key in better and p_better(c.to_twin, c.margin) < AGREES
            return "improved" if is_better else ""

        def judged(key: Key, c: Compared) -> Told:
            own, verdict = interval(c.d), found(key, c)
            if verdict:
                return Told(verdict, own, c)
            whole = interval(self.compared(*key, 0, 1).d) if key in doubtful else own
            unclear = own[1] > math.log1p(c.margin) or whole[2] >= math.log1p(c.target)
            return Told("inconclusive" if unclear else "pass", whole, c)

        return {key: judged(key, doubtful.get(key, c)) for key, c in early.items()}


class Replay(OfGate):
    def split(self, of: Any, count: int) -> tuple[list[Sample], list[Sample]]:
        """The samples of both stages, as a fleet of so many nodes measured them."""
        stages: tuple[list[Sample], list[Sample]] = ([], [])
        for number, samples in of.rounds().items():
            node = node_of(number, count)
            stages[rounds.stage(number, PERIOD)].extend(
                dataclasses.replace(s, node=node, block=("", number)) for s in samples
            )
        return stages

    def replay(self, of: Any, count: int) -> tuple[Any, Expected]:
        """gate.json of the fleet, and what is expected."""
        shutil.rmtree(self.folder / "parts", ignore_errors=True)
        self.tasks(of, count=count)
        expected = Expected(self.split(of, count), of.settings)
        return self.gate(None), expected

    def check(self, of: Any, count: int) -> dict[str, set[Key]]:
        """The fleet says what is expected, of each row and metric, and nothing else. Returns its verdicts."""
        made, expected = self.replay(of, count)
        first, second = expected.rounds()
        stated: dict[str, Any] = {**STATED, "first": first, "looks": [second]}
        self.assertEqual({k: made["settings"][k] for k in stated}, stated)
        key_of: Callable[[Any], Key] = lambda f: (f["row"], f["metric"])
        for name in ("findings", "comparisons"):
            self.assertEqual(sorted(map(key_of, made[name])), sorted(expected.keys), name)
        numbers = {key_of(c): c for c in made["comparisons"]}
        found = {key_of(f): f for f in made["findings"]}
        verdicts: dict[str, set[Key]] = {}
        for key, told in expected.told().items():
            said, c = f"{key} on {count}", told.by
            self.assertEqual(found[key]["verdict"], told.verdict, said)
            verdicts.setdefault(told.verdict, set()).add(key)
            for name, value in (
                ("p_worse", p_worse(c.d, c.margin)),
                ("p_better", p_better(c.d, c.margin)),
                ("p_worse_than_twin", p_worse(c.to_twin, c.margin)),
            ):
                self.assertAlmostEqual(numbers[key][name], value, places=9, msg=f"{name}: {said}")
            for name, value in zip(("change", "low", "high"), told.change):
                self.assertAlmostEqual(
                    found[key][name], math.expm1(value), places=7, msg=f"{name}: {said}"
                )
            for name, value in (("base", c.base), ("head", c.head), ("margin", c.margin)):
                self.assertAlmostEqual(found[key][name] / value, 1, places=12, msg=said)
        return verdicts


class SimulatedReplay(Replay):
    def test_on_one_node_it_is_the_local_verdict(self) -> None:
        for factor in (1.0, 1.06):
            of = Simulated(Machine(0.03, effects={("head", ROWS[0], TIME): factor}))
            shutil.rmtree(self.folder / "parts", ignore_errors=True)
            self.tasks(of, count=1)
            local = of.local()
            made = self.gate(findings.exit_code(local, strict=False))
            expected = [{**dataclasses.asdict(f), "repeat": ""} for f in local]
            self.assertEqual([{**f, "repeat": ""} for f in made["findings"]], expected)

    def test_on_several_it_is_the_stratified_expectation(self) -> None:
        told = set()
        for seed, (factor, count) in enumerate(
            ((1.0, 3), (1.1, 3), (1.1, 2), (0.9, 3), (1.03, 5), (1.06, 12))
        ):
            of = Simulated(Machine(0.03, effects={("head", ROWS[0], TIME): factor}), seed)
            verdicts = self.check(of, count)
            planted = {(ROWS[0], TIME)} if factor > 1 else set()
            self.assertLessEqual(verdicts.get("fail", set()), planted, "and nothing else")
            told |= set(verdicts)
        self.assertLessEqual({"pass", "fail", "improved"}, told)

    def test_what_an_arm_does_not_tell_is_no_metric(self) -> None:
        of = Simulated(Machine(0.03, without={"head": "rss_purged_bytes"}))
        verdicts = self.check(of, 3)
        self.assertNotIn("rss_purged_bytes", {m for keys in verdicts.values() for _, m in keys})


class OfRecorded:
    """As a simulated campaign."""

    def __init__(self, name: str) -> None:
        self.own = recorded.load(recorded.FOLDER / f"{name}.json")
        self.settings, self.seed = self.own.settings, self.own.seed

    def rounds(self) -> dict[int, list[Sample]]:
        """By their numbers in a fleet: those of the stages in turn."""
        total = self.settings.first + self.settings.looks[-1]
        numbers = [
            [n for n in range(total) if rounds.stage(n, PERIOD) == stage] for stage in (0, 1)
        ]
        made: dict[int, list[Sample]] = {}
        for stage, samples in enumerate(self.own.stages):
            for s in samples:
                made.setdefault(numbers[stage][s.block[1]], []).append(s)
        return made


class RecordedReplay(Replay):
    """Of real campaigns."""

    def test_on_one_node_it_is_what_the_judge_found_when_it_was_recorded(self) -> None:
        for name, verdict in (("null", "pass"), ("slower", "fail")):
            of = OfRecorded(name)
            made, _ = self.replay(of, 1)
            found = [{k: f[k] for k in recorded.SHOWN} for f in made["findings"]]
            self.assertEqual(found, of.own.local)
            (time,) = [f for f in found if (f["row"], f["metric"]) == (ROWS[0], TIME)]
            self.assertEqual(time["verdict"], verdict, name)

    def test_on_several_it_is_the_stratified_expectation(self) -> None:
        """Also of nodes with one task each, and of nodes with another number of rounds than others."""
        for name in ("null", "slower"):
            of = OfRecorded(name)
            self.assertEqual(of.own.rows, ROWS)
            for count in (1, 2, 3, 5, 7, 12):
                failed = self.check(of, count).get("fail", set())
                planted = {(ROWS[0], TIME)} if name == "slower" else set()
                self.assertEqual(failed, planted, f"{name} on {count}: that, and nothing else")


if __name__ == "__main__":
    unittest.main()
