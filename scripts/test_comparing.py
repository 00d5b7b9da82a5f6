"""comparing.py on runs with a known truth: what differs, what is noise, and who is beaten."""

import math
import random
import unittest
from typing import Any

import comparing
from bench_results import Results
from comparing import INTEREST, MEMORY, TIME, Question
from test_bench_results import entry, failed, made_up

MIB = 1 << 20
START = 2 * MIB


def drawn(
    rows: dict[str, tuple[float, float]], noise: float, seed: int = 1, rounds: int = 9
) -> list[dict[str, Any]]:
    """Samples of rows of these ns/op and MiB; memory is ten times less noisy."""
    draw = random.Random(seed)
    return [
        entry(
            name,
            ns * math.exp(draw.gauss(0, noise)),
            block=block,
            rss_start_bytes=START,
            rss_live_bytes=START + int(mib * MIB * math.exp(draw.gauss(0, noise / 10))),
        )
        for name, (ns, mib) in rows.items()
        for block in range(rounds)
    ]


def asked(run: Results) -> tuple[Question, Question]:
    questions = comparing.compare(run, 1)
    return questions["tiny", TIME.name], questions["tiny", MEMORY.name]


def names(rows: Any) -> list[str]:
    return [r.allocator for r in rows]


class Apart(unittest.TestCase):
    def test_real_differences_and_noise(self) -> None:
        rows = {"a": (10.0, 5.0), "b": (10.05, 5.0), "c": (13.0, 7.0), "d": (13.0, 9.0)}
        time, memory = asked(made_up(drawn(rows, noise=0.03)))
        self.assertEqual(sorted(names(time.best())), ["a", "b"])
        self.assertEqual([sorted(names(g)) for g in time.ties()], [["a", "b"], ["c", "d"]])
        self.assertEqual([sorted(names(g)) for g in memory.ties()], [["a", "b"]])
        self.assertEqual(names(memory.rows)[2:], ["c", "d"])

    def test_equals_are_told_apart_in_few_runs(self) -> None:
        """Of 12 rows that are alike, so 66 pairs for each measure. In the long run of one in 20."""
        rows = {f"r{i}": (10.0, 5.0) for i in range(12)}
        for rounds in (3, 9):
            wrong = 0
            for seed in range(20):
                questions = asked(made_up(drawn(rows, 0.2, seed, rounds)))
                wrong += any(q.apart for q in questions)
            self.assertLessEqual(wrong, 3, rounds)

    def test_what_is_smaller_than_matters(self) -> None:
        rows = {"a": (10.0, 5.0), "b": (10.0 * (1 + INTEREST / 2), 5.0)}
        time, _ = asked(made_up(drawn(rows, noise=0.0001)))
        self.assertEqual(time.apart, set())
        rows["b"] = (10.0 * (1 + 2 * INTEREST), 5.0)
        time, _ = asked(made_up(drawn(rows, noise=0.0001)))
        self.assertEqual(time.apart, {("a", "b")})

    def test_rounds_are_paired(self) -> None:
        """A machine that is slow in some rounds is so for both: 5 % is found in noise of 300 %."""
        pace = (1, 4, 1.5, 3, 1, 2, 4, 1, 2.5)
        samples = [entry("a", 10 * p * (1 + k / 1e3), block=k) for k, p in enumerate(pace)]
        samples += [entry("b", 10.5 * p, block=k) for k, p in enumerate(pace)]
        time, _ = asked(made_up(samples))
        self.assertEqual(time.apart, {("a", "b")})
        for s in samples:  # paired wrongly, nothing is
            s["block"] = (s["block"] * (4 if s["allocator"] == "b" else 1)) % 9
        time, _ = asked(made_up(samples))
        self.assertEqual(time.apart, set())

    def test_one_sample_tells_nothing(self) -> None:
        run = made_up([entry("a", 1), entry("b", 1000)])
        time, _ = asked(run)
        self.assertEqual((time.apart, names(time.rows)), (set(), ["a", "b"]))
        self.assertFalse(comparing.enough(time.rows))

    def test_three_samples_tell_what_is_plain(self) -> None:
        rows = {"a": (10.0, 5.0), "b": (10.3, 5.0), "c": (25.0, 9.0)}
        time, memory = asked(made_up(drawn(rows, noise=0.03, rounds=3)))
        self.assertEqual(sorted(names(time.best())), ["a", "b"])
        self.assertIn(("a", "c"), time.apart & memory.apart)

    def test_who_is_not_ranked(self) -> None:
        samples = [entry(n, 5, block=k) for n in ("a", "null", "half") for k in range(9)]
        samples += [failed("half", block=9), failed("none")]
        samples += [entry("empty", 5, rss_live_bytes=1 << 20, block=k) for k in range(9)]
        time, memory = asked(made_up(samples))
        self.assertEqual((names(time.rows), names(memory.rows)), (["a", "empty"], ["a"]))

    def test_rounds_that_only_one_row_has(self) -> None:
        """An interrupted run: they are in no pair."""
        a = [entry("a", 5, block=k) for k in range(9)]
        b = [entry("b", 50, block=k) for k in range(9, 18)]
        time, _ = asked(made_up(a + b))
        self.assertEqual(time.apart, set())
        self.assertIsNone(comparing.ratio(time.rows[0], time.rows[1], TIME))

    def test_ties_that_overlap(self) -> None:
        q = Question("w", 1, TIME, made_up([entry(n, 1) for n in "abcd"]).rows)
        q.apart = {("a", "c"), ("a", "d"), ("b", "d")}
        self.assertEqual([names(g) for g in q.ties()], [["a", "b"], ["b", "c"], ["c", "d"]])
        q.apart.add(("b", "c"))
        self.assertEqual([names(g) for g in q.ties()], [["a", "b"], ["c", "d"]])


class Front(unittest.TestCase):
    def front(self, /, noise: float = 0.01, **rows: tuple[float, float]) -> list[str]:
        return sorted(names(comparing.front(*asked(made_up(drawn(rows, noise))))))

    def test_a_hair_leaner_and_four_times_slower_is_beaten(self) -> None:
        self.assertEqual(self.front(fast=(10, 5.0), slow=(40, 4.99)), ["fast"])
        self.assertEqual(self.front(fast=(10, 5.0), slow=(40, 4.5)), ["fast", "slow"])
        self.assertEqual(self.front(lean=(10.1, 4.0), fat=(10.0, 8.0)), ["lean"])

    def test_better_in_both_beats(self) -> None:
        self.assertEqual(self.front(best=(10, 5), bad=(20, 8), worse=(30, 9)), ["best"])

    def test_a_trade_beats_nobody(self) -> None:
        self.assertEqual(self.front(a=(10.0, 9.0), b=(15.0, 7.0), c=(20.0, 5.0)), ["a", "b", "c"])

    def test_noise_beats_nobody(self) -> None:
        self.assertEqual(self.front(noise=0.2, a=(10, 5.0), b=(10.4, 5.0)), ["a", "b"])

    def test_nobody_is_beaten_by_one_sample(self) -> None:
        run = made_up([entry("a", 1), entry("b", 1000, rss_live_bytes=1 << 30)])
        self.assertEqual(names(comparing.front(*asked(run))), ["a", "b"])

    def test_a_circle_leaves_somebody(self) -> None:
        rows = made_up([entry(n, 1) for n in "abc"]).rows
        time, memory = Question("w", 1, TIME, rows), Question("w", 1, MEMORY, rows)
        time.apart = {("a", "b"), ("b", "c"), ("c", "a")}
        self.assertEqual(names(comparing.front(time, memory)), ["a", "b", "c"])


if __name__ == "__main__":
    unittest.main()
