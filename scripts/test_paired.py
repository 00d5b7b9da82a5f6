"""paired.py: against scipy and statsmodels, and on data with a known truth."""

import math
import random
import unittest

from scipy import stats
from statsmodels.stats.multitest import multipletests

import paired


def drawn(draw: random.Random, rounds: int, mean: float, noise: float) -> list[float]:
    return [draw.gauss(mean, noise) for _ in range(rounds)]


class Tails(unittest.TestCase):
    def test_signed_ranks_against_scipy(self) -> None:
        draw = random.Random(1)
        for rounds in (2, 5, 9, 30):
            d = drawn(draw, rounds, 0.5, 1)
            wanted = stats.wilcoxon(d, alternative="greater", method="exact").pvalue
            self.assertAlmostEqual(paired.signed_rank_tail(d), wanted)

    def test_equals_share_their_ranks(self) -> None:
        # |d| is 1, 1, 2: the ranks are 1.5, 1.5 and 3; sums up to 1.5 are 0, 1.5 and 1.5.
        self.assertEqual(paired.signed_rank_tail([-1, 1, 2]), 3 / 8)
        self.assertEqual(paired.signed_rank_tail([0, 0, 0]), 1.0)

    def test_student_against_scipy(self) -> None:
        for freedom in (1, 2, 3, 4, 9):
            for t in (-2.0, 0.0, 0.7, 3.0, 40.0):
                wanted = stats.t.sf(t, freedom)
                self.assertAlmostEqual(paired.student_tail(t, freedom), wanted)


class Effects(unittest.TestCase):
    def test_range_of_few(self) -> None:
        few = paired.effect_or_range([0.1, 0.5, 0.2])
        self.assertEqual((few.low, few.high), (0.1, 0.5))
        many = [0.1, 0.5, 0.2, 0.3, 0.25, 0.35]
        self.assertEqual(paired.effect_or_range(many), paired.effect(many))
        self.assertEqual(paired.effect_or_range([0.3]), paired.Effect(1, 0.3, 0.3, 0.3))


class Beyond(unittest.TestCase):
    def test_needs_more_than_the_margin(self) -> None:
        draw = random.Random(2)
        for rounds in (3, 9):
            near = drawn(draw, rounds, math.log(1.01), 0.001)
            far = drawn(draw, rounds, math.log(1.05), 0.001)
            self.assertEqual(paired.p_beyond(near, 0.02, 0), 1.0)
            self.assertLess(paired.p_beyond(far, 0.02, 0), 0.01)
            self.assertAlmostEqual(
                paired.p_beyond(far, 0.02, 0), paired.p_beyond([-d for d in far], 0.02, 0)
            )

    def test_one_round_proves_nothing(self) -> None:
        self.assertEqual(paired.p_beyond([5.0], 0.02, 0), 1.0)

    def test_three_that_lie_together_by_chance(self) -> None:
        close = [0.0500, 0.0501, 0.0502]
        self.assertLess(paired.p_beyond(close, 0.02, 0), 0.01)
        self.assertGreater(paired.p_beyond(close, 0.02, 0.05), 0.1)
        self.assertEqual(paired.p_beyond([0.5] * 3, 0.02, 0), 0.0, "they never differ")

    def test_equals_are_seldom_apart(self) -> None:
        draw = random.Random(3)
        for rounds in (3, 9):
            found = sum(
                paired.p_beyond(drawn(draw, rounds, 0, 1), 0, 0) <= 0.05 for _ in range(2000)
            )
            self.assertLess(found, 2000 * 0.065, rounds)
            self.assertGreater(found, 2000 * 0.025, rounds)


class Discoveries(unittest.TestCase):
    def test_against_statsmodels(self) -> None:
        draw = random.Random(4)
        for count in range(1, 40):
            p = [draw.random() ** 3 for _ in range(count)]
            wanted = multipletests(p, alpha=0.05, method="fdr_bh")[0]
            self.assertEqual(paired.discoveries(p, 0.05), list(wanted))
        self.assertEqual(paired.discoveries([], 0.05), [])


if __name__ == "__main__":
    unittest.main()
