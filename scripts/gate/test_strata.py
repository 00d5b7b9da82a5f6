"""The statistics of rounds of several nodes: against scipy, by counting all signs, and on drawn data."""

import itertools
import math
import random
import unittest
from statistics import NormalDist
from typing import Any, Callable

import numpy as np
from scipy import stats as scipy_stats

from gate import judge, stats, strata

TRIALS = 300  # of a campaign


def drawn(draw: random.Random, shift: float, *nodes: tuple[int, float]) -> list[list[float]]:
    """Of nodes with so many rounds and such noise."""
    return [[draw.gauss(shift, scale) for _ in range(size)] for size, scale in nodes]


class Fixed:
    """Rounds without luck."""

    @staticmethod
    def normal(count: int, scale: float) -> list[float]:
        return [NormalDist(0, scale).inv_cdf((i + 0.5) / count) for i in range(count)]


class Exact(unittest.TestCase):
    def test_one_node_is_a_gate_on_one_machine(self) -> None:
        draw = random.Random(3)
        d = [draw.gauss(0.02, 0.02) for _ in range(20)]
        self.assertEqual(strata.p_worse([d], 0.01), stats.p_worse(d, 0.01))
        self.assertEqual(strata.p_better([d], 0.01), stats.p_better(d, 0.01))
        self.assertEqual(strata.p_differs([d]), stats.p_differs(d))
        self.assertEqual(strata.effect([d]), stats.effect(d))
        # And by what is computed of several.
        moved = [x - math.log1p(0.01) for x in d]
        self.assertAlmostEqual(strata.p_up([moved]), stats.p_worse(d, 0.01), places=12)

    def test_weights_are_those_of_van_elteren(self) -> None:
        self.assertEqual(strata.weights([6, 6, 6]), [1, 1, 1])
        self.assertEqual(strata.weights([1, 3, 7]), [4, 2, 1])
        self.assertEqual(strata.weights([4000, 1]), [1, 500], "never nothing")

    def test_against_scipy(self) -> None:
        """Its permutation test changes each round's sign, in all ways there are."""
        draw = random.Random(5)
        sizes = (3, 4, 4)
        ends = [0, *itertools.accumulate(sizes)]

        def statistic(flat: Any) -> float:
            total = 0
            for begin, end in zip(ends, ends[1:]):
                d = flat[begin:end]
                ranks = scipy_stats.rankdata(np.abs(d))
                total += 1000 // (len(d) + 1) * int(ranks[d > 0].sum())
            return float(total)

        for shift in (-0.5, 0.0, 0.7):
            nodes = drawn(draw, shift, *((n, 1 + n) for n in sizes))
            flat = np.concatenate(nodes)
            done = scipy_stats.permutation_test(
                (flat,),
                statistic,
                permutation_type="samples",
                alternative="greater",
                n_resamples=np.inf,
                vectorized=False,
            )
            self.assertEqual(len(done.null_distribution), 2 ** len(flat))
            self.assertAlmostEqual(strata.p_up(nodes), done.pvalue, places=12)

    def test_the_distribution_is_that_of_all_signs(self) -> None:
        for sizes in ((1, 1, 1), (2, 5), (5, 2, 6)):
            scores = [
                w * rank for n, w in zip(sizes, strata.weights(sizes)) for rank in range(1, n + 1)
            ]
            sums = [
                sum(itertools.compress(scores, up))
                for up in itertools.product((0, 1), repeat=len(scores))
            ]
            known = strata.at_most(sizes)
            self.assertEqual(len(known), sum(scores) + 1)
            for total in range(0, len(known), 7):
                share = sum(s <= total for s in sums) / len(sums)
                self.assertAlmostEqual(known[total], share, places=12)

    def test_one_round_a_node_is_a_test_of_signs(self) -> None:
        nodes = [[x] for x in (0.1, 9.0, 0.02, -5.0, 0.3, 0.01, 2.0)]
        expected = scipy_stats.binomtest(6, 7, alternative="greater").pvalue
        self.assertAlmostEqual(strata.p_up(nodes), expected)

    def test_what_is_equal_counts_against_the_claim(self) -> None:
        nothing = [[0.0] * 8, [0.0] * 8]
        self.assertEqual(strata.p_up(nothing), 1.0)
        self.assertEqual(strata.p_differs(nothing), 1.0)
        self.assertEqual(strata.rank_sum([2.0, -2.0, 1.0]), 1 + 2)

    def test_margins(self) -> None:
        up = [[0.02] * 10, [0.03] * 10]
        self.assertAlmostEqual(strata.p_worse(up, 0.01), 2.0**-20)
        self.assertEqual(strata.p_worse(up, 0.04), 1.0)
        down = strata.moved(up, -1, 0)
        self.assertAlmostEqual(strata.p_better(down, 0.01), 2.0**-20)
        self.assertEqual(strata.p_better(up, 0.01), 1.0)

    def test_a_thousand_rounds_are_no_burden(self) -> None:
        """And the smallest p is that of all signs alike."""
        sizes = (7,) * 100 + (3,) * 100
        self.assertAlmostEqual(math.log2(strata.at_most(sizes)[0]), -sum(sizes), places=6)


class Interval(unittest.TestCase):
    def test_agrees_with_the_test(self) -> None:
        """A shift lies outside if and only if the test of one of the two sides rejects it."""
        draw = random.Random(7)
        for sizes in ((4, 4), (3, 8, 5), (1,) * 9, (40, 2)):
            nodes = drawn(draw, 0.3, *((n, 1 / n) for n in sizes))
            e = strata.effect(nodes)
            for shift in (e.low - 1e-6, e.low + 1e-6, e.high - 1e-6, e.high + 1e-6, e.location):
                moved = strata.moved(nodes, 1, -shift)
                p = min(strata.p_up(moved), strata.p_up(strata.moved(moved, -1, 0)))
                self.assertEqual(p <= 0.025, not e.low < shift < e.high, (sizes, shift))

    def test_location_is_where_up_and_down_weigh_the_same(self) -> None:
        draw = random.Random(9)
        nodes = drawn(draw, 5.0, (4, 1.0), (9, 3.0), (2, 0.1))
        e = strata.effect(nodes)
        sizes = strata.sizes_of(nodes)
        whole = len(strata.at_most(sizes)) - 1

        def weight(shift: float) -> int:
            moved = strata.moved(nodes, 1, -shift)
            return sum(w * strata.rank_sum(d) for w, d in zip(strata.weights(sizes), moved))

        self.assertGreaterEqual(weight(e.location - 1e-6), whole / 2)
        self.assertLessEqual(weight(e.location + 1e-6), whole / 2)

    def test_coverage(self) -> None:
        draw = random.Random(11)
        inside = 0
        for _ in range(1000):
            e = strata.effect(drawn(draw, 0, (4, 1.0), (5, 5.0), (6, 0.2)))
            inside += e.low <= 0 <= e.high
        self.assertGreater(inside, 930)
        self.assertLess(inside, 975)

    def test_few_rounds_have_no_interval(self) -> None:
        self.assertEqual(strata.effect([[0.1, 0.2], [0.3]]).high, math.inf)


class Power(unittest.TestCase):
    NODES = ((12, 0.01), (12, 0.15))  # quiet, and noisy

    def rejected(self, p: Callable[[list[list[float]]], float], shift: float, level: float) -> int:
        draw = random.Random(13)
        return sum(p(drawn(draw, shift, *self.NODES)) <= level for _ in range(300))

    def test_a_noisy_node_hides_nothing_that_a_quiet_one_shows(self) -> None:
        def pooled(nodes: list[list[float]]) -> float:
            return stats.p_worse([d for node in nodes for d in node], 0)

        def stratified(nodes: list[list[float]]) -> float:
            return strata.p_worse(nodes, 0)

        gained, without = (self.rejected(p, 0.012, 0.01) for p in (stratified, pooled))
        self.assertGreater(gained, 1.2 * without)
        self.assertLess(self.rejected(stratified, 0, 0.01), 10)

    def test_the_smallest_change_is_found_as_often_as_it_says(self) -> None:
        # The oracle is what is drawn here: the gate's two stages, on nodes that are alike and on others.
        margin, comparisons = 0.01, 24
        draw = random.Random(17)
        for noise in ((0.02, 0.02, 0.02), (0.01, 0.15, 0.15), (0.01, 0.02, 0.2)):
            seen = [Fixed.normal(60, scale) for scale in noise]
            change = strata.smallest_change(seen, 12, 48, comparisons, margin, math.inf)

            def found(true: float) -> float:
                count = 0
                for _ in range(TRIALS):
                    first = drawn(draw, math.log1p(true), *((4, scale) for scale in noise))
                    second = drawn(draw, math.log1p(true), *((16, scale) for scale in noise))
                    count += strata.p_worse(first, margin) < stats.CANDIDATE and (
                        strata.p_worse(second, margin) < stats.FALSE_RATE / comparisons
                    )
                return count / TRIALS

            self.assertGreater(found(change), 0.92, noise)
            # Nor is it larger than it need be.
            less = math.expm1(math.log1p(margin) + 0.7 * (math.log1p(change) - math.log1p(margin)))
            self.assertLess(found(less), 0.92, noise)

    def test_the_judge_asks_the_nodes(self) -> None:
        nodes = [Fixed.normal(20, scale) for scale in (0.01, 0.15, 0.15)]
        e = strata.effect(nodes)
        time = judge.METRICS[0]
        c = judge.Comparison(
            "small/threads:1", time, 1, 1, 0.01, 9.0, nodes, nodes, nodes, e, e, None
        )
        own = judge.smallest(c, 48, 24, judge.QUICK)
        limits = (judge.QUICK.first, 48, 24, 0.01, 9.0)
        self.assertEqual(own, strata.smallest_change(nodes, *limits))
        self.assertGreater(own, 1.5 * stats.smallest_change(e.scale, *limits))
        joined = [[d for node in nodes for d in node]]
        self.assertNotAlmostEqual(own, strata.smallest_change(joined, *limits), places=3)

    def test_few_rounds_tell_of_their_own_node(self) -> None:
        quiet, loud = strata.scales([Fixed.normal(4, 0.01), Fixed.normal(4, 0.2)])
        self.assertAlmostEqual(loud / quiet, 20)

    def test_nodes_with_few_rounds_share_their_noise(self) -> None:
        quiet, loud = (Fixed.normal(40, scale) for scale in (0.01, 0.2))
        few = [loud[i::20] for i in range(20)]
        noise = strata.scales([quiet, *few])
        self.assertLess(noise[0], 0.02)
        self.assertEqual(len(set(noise[1:])), 1)
        self.assertGreater(noise[1], 0.1)

    def test_rounds_are_split_in_proportion(self) -> None:
        self.assertEqual(strata.split(12, (24, 24, 24)), (4, 4, 4))
        self.assertEqual(strata.split(10, (1, 2, 2)), (2, 4, 4))
        self.assertEqual(sum(strata.split(11, (7, 7, 7, 1))), 11)


if __name__ == "__main__":
    unittest.main()
