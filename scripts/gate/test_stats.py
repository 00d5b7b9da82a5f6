"""The statistics of the gate: against scipy, against published examples, and on drawn data."""

import itertools
import math
import random
import unittest

from scipy import stats as scipy_stats

from gate import stats

# Hollander and Wolfe, example 3.1: the depression scores of nine patients, second minus first visit.
PATIENTS = [-0.952, 0.147, -1.022, -0.43, -0.62, -0.59, -0.49, 0.08, -0.01]


class Location(unittest.TestCase):
    def test_published_example(self) -> None:
        e = stats.effect(PATIENTS)
        self.assertAlmostEqual(e.location, -0.46, places=3)
        self.assertAlmostEqual(e.low, -0.786, places=3)
        self.assertAlmostEqual(e.high, -0.010, places=3)
        self.assertAlmostEqual(stats.signed_rank(tuple(PATIENTS), "less"), 0.01953, places=5)

    def test_critical_values(self) -> None:
        """The tables have the largest rank sum with a one-sided probability of at most 0.025."""
        for blocks, below in ((5, 0), (6, 1), (8, 4), (10, 9), (13, 18), (20, 53)):
            self.assertEqual(stats.rank_sum_below(blocks), below, blocks)

    def test_interval_agrees_with_the_test(self) -> None:
        """A shift lies outside of the interval if and only if scipy's test rejects it."""
        draw = random.Random(3)
        for blocks in (8, 13, 31):
            d = [draw.gauss(0.2, 1) for _ in range(blocks)]
            e = stats.effect(d)
            for shift in (e.low - 1e-6, e.low + 1e-6, e.high - 1e-6, e.high + 1e-6, e.location):
                moved = [x - shift for x in d]
                p = scipy_stats.wilcoxon(moved, method="exact").pvalue
                self.assertEqual(p <= 0.05, not e.low < shift < e.high, (blocks, shift))

    def test_coverage(self) -> None:
        draw = random.Random(5)
        inside = 0
        for _ in range(1000):
            e = stats.effect([draw.gauss(0, 1) for _ in range(13)])
            inside += e.low <= 0 <= e.high
        self.assertGreater(inside, 930)
        self.assertLess(inside, 975)

    def test_scale(self) -> None:
        draw = random.Random(7)
        scales = [stats.effect([draw.gauss(0, 0.02) for _ in range(40)]).scale for _ in range(50)]
        self.assertAlmostEqual(sum(scales) / 50, 0.02, delta=0.002)

    def test_one_wild_block_changes_little(self) -> None:
        draw = random.Random(9)
        d = [draw.gauss(0, 0.01) for _ in range(20)]
        wild = stats.effect([*d[:-1], 3.0])
        self.assertLess(abs(wild.location - stats.effect(d).location), 0.005)
        self.assertLess(wild.scale, 0.03)

    def test_few_blocks_have_no_interval(self) -> None:
        self.assertEqual(stats.effect([0.1] * 5).high, math.inf)


class Tests(unittest.TestCase):
    def test_against_scipy(self) -> None:
        draw = random.Random(11)
        d = [draw.gauss(0.01, 0.02) for _ in range(20)]
        moved = [x - math.log(1.01) for x in d]
        expected = scipy_stats.wilcoxon(moved, alternative="greater", method="exact").pvalue
        self.assertEqual(stats.p_worse(d, 0.01), expected)
        mirrored = [-x for x in d]
        self.assertEqual(stats.p_better(mirrored, 0.01), expected)

    def test_equal_sizes_share_their_ranks(self) -> None:
        # All signs that there could be, one by one.
        draw = random.Random(12)
        for _ in range(30):
            d = [draw.choice((-1, 0, 1)) * draw.randint(1, 3) for _ in range(draw.randint(1, 9))]
            sizes = [abs(x) for x in d if x]
            ranks = scipy_stats.rankdata(sizes)
            up = sum(r for r, x in zip(ranks, filter(None, d)) if x > 0)
            signs = itertools.product((0, 1), repeat=len(sizes))
            sums = [sum(r for r, sign in zip(ranks, s) if sign) for s in signs]
            greater = sum(s >= up for s in sums) / len(sums)
            less = sum(s <= up for s in sums) / len(sums)
            both = min(1, 2 * min(greater, less))
            for alternative, p in (("greater", greater), ("less", less), ("two-sided", both)):
                self.assertAlmostEqual(stats.signed_rank(tuple(d), alternative), p, msg=str(d))

    def test_change_within_the_margin_is_none(self) -> None:
        self.assertEqual(stats.p_worse([0.009] * 20, 0.01), 1.0)
        self.assertEqual(stats.p_worse([0.02] * 20, 0.01), 2.0**-20)

    def test_no_change_at_all(self) -> None:
        self.assertEqual(stats.p_differs([0.0] * 13), 1.0)

    def test_p_of_identical_arms_is_uniform(self) -> None:
        draw = random.Random(13)
        p = [stats.p_differs([draw.gauss(0, 1) for _ in range(20)]) for _ in range(400)]
        self.assertGreater(scipy_stats.kstest(p, "uniform").pvalue, 0.01)
        self.assertLess(sum(x <= 0.05 for x in p), 35)

    def test_false_discoveries(self) -> None:
        """Benjamini and Hochberg: the largest k with p(k) <= k q / m, and all before it."""
        self.assertEqual(stats.discoveries([]), [])
        self.assertEqual(stats.discoveries([0.9, 0.0049, 0.0024, 0.5]), [False, True, True, False])
        self.assertEqual(stats.discoveries([0.9, 0.0051, 0.0026, 0.5]), [False] * 4)

    def test_fewest_blocks(self) -> None:
        for comparisons in (1, 4, 24, 60, 200):
            n = stats.fewest_blocks(comparisons)
            least = [stats.p_worse([1.0] * k, 0.01) for k in (n, n - 1)]
            for p, rejected in zip(least, (True, False)):
                found = stats.discoveries([p, *[1.0] * (comparisons - 1)])
                self.assertEqual(found[0], rejected, comparisons)


class SmallestChange(unittest.TestCase):
    def test_is_found_as_often_as_it_says(self) -> None:
        draw = random.Random(17)
        scale, margin, comparisons = 0.02, 0.01, 24
        change = stats.smallest_change(scale, 8, 20, comparisons, margin, math.inf)
        found = 0
        for _ in range(200):
            d = [math.log1p(change) + draw.gauss(0, scale) for _ in range(28)]
            others = [1.0] * (comparisons - 1)
            found += stats.p_worse(d[:8], margin) < stats.CANDIDATE and (
                stats.discoveries([stats.p_worse(d[8:], margin), *others])[0]
            )
        self.assertGreater(found, 0.91 * 200)

    def test_of_what_may_be_the_target_no_more_is_asked(self) -> None:
        """Few blocks in the first stage suspect a large change only, but do not exclude the target
        either, so that it is left to the second."""
        draw = random.Random(23)
        scale, margin, target = 0.1, 0.01, 0.07
        suspected = stats.smallest_change(scale, 16, 200, 24, margin, math.inf)
        change = stats.smallest_change(scale, 16, 200, 24, margin, target)
        self.assertEqual(change, target)
        self.assertGreater(suspected, target)
        self.assertLess(stats.smallest_change(scale / 10, 16, 200, 24, margin, target), target)
        found = missed = 0
        for _ in range(400):
            d = [math.log1p(change) + draw.gauss(0, scale) for _ in range(216)]
            missed += stats.p_worse(d[:16], margin) >= stats.CANDIDATE
            candidate = stats.effect(d[:16]).high >= math.log1p(target)
            found += candidate and stats.p_worse(d[16:], margin) < stats.FALSE_RATE / 24
        self.assertGreater(found, 0.92 * 400)
        self.assertGreater(missed, 0.05 * 400, "of those that are suspected alone, more are missed")

    def test_of_many_blocks_too(self) -> None:
        """More than are drawn: their shift is extrapolated, and must not promise too much."""
        draw = random.Random(19)
        blocks, level = 2 * stats.DRAWN_BLOCKS, 0.01 / 24
        shift = stats.needed_shift(blocks, level, 0.95)
        found = sum(
            stats.p_worse([shift + draw.gauss(0, 1) for _ in range(blocks)], 0) < level
            for _ in range(200)
        )
        self.assertGreater(found, 0.91 * 200)
        self.assertLess(found, 200)

    def test_too_few_blocks_find_nothing(self) -> None:
        self.assertEqual(stats.smallest_change(0.001, 8, 11, 24, 0.01, math.inf), math.inf)
        self.assertLess(stats.smallest_change(0.001, 8, 12, 24, 0.01, math.inf), 0.02)

    def test_grows_with_noise_and_margin(self) -> None:
        self.assertAlmostEqual(stats.smallest_change(0, 8, 20, 24, 0.01, math.inf), 0.01)
        quiet = stats.smallest_change(0.01, 8, 20, 24, 0.01, math.inf)
        self.assertLess(quiet, stats.smallest_change(0.02, 8, 20, 24, 0.01, math.inf))
        self.assertLess(quiet, stats.smallest_change(0.01, 8, 20, 24, 0.03, math.inf))
        self.assertGreater(quiet, stats.smallest_change(0.01, 8, 40, 24, 0.01, math.inf))


if __name__ == "__main__":
    unittest.main()
