"""The gate's core on simulated machines, where the truth is known: what it must find, what it must
not, and what it must refuse."""

import math
import unittest
from dataclasses import replace

from gate import judge, stats
from gate.campaign import Order
from gate.findings import PASS, REGRESSION, UNDECIDED, Refusal, check_coverage, exit_code
from gate.findings import verdict
from gate.report import headline
from gate.run import campaign_facts
from gate.judge import METRICS, QUICK, Settings
from gate.samples import Part, Sample
from gate_proof.simulation import MIB, ROWS, Machine, all_keys, gate, verdicts

SMALL = "small/threads:1"
TIME = "ns_per_op"


def slower(
    factor: float, arm: str = "head", metric: str = TIME
) -> "dict[tuple[str, str, str], float]":
    return {(arm, SMALL, metric): factor}


class Equal(unittest.TestCase):
    def test_identical_libraries_never_fail(self) -> None:
        for noise in (0.0, 0.01, 0.05):
            for seed in range(3):
                _, found = gate(Machine(noise), seed)
                self.assertEqual({f.verdict for f in found.values()} - {"inconclusive"}, {"pass"})

    def test_drift_is_no_change(self) -> None:
        """A machine that gets 0.1 % slower from sample to sample, three times in all."""
        _, found = gate(Machine(noise=0.001, drift=0.001 / 0.3))
        f = found[SMALL, TIME]
        self.assertEqual(f.verdict, "pass")
        self.assertLess(abs(f.change), 0.001)

    def test_quiet_machine_needs_one_stage(self) -> None:
        done, _ = gate(Machine(0.005))
        self.assertEqual(len(done.parts), 1)

    def test_a_change_within_the_margin_passes(self) -> None:
        for factor in (0.992, 1.008):
            _, found = gate(Machine(0.002, effects=slower(factor)))
            self.assertEqual({f.verdict for f in found.values()}, {"pass"})


class Regression(unittest.TestCase):
    def test_is_found_and_no_other_row_fails(self) -> None:
        for factor, noise in ((1.05, 0.01), (1.10, 0.03), (2.0, 0.05)):
            _, found = gate(Machine(noise, effects=slower(factor)))
            failed = [k for k, f in found.items() if f.verdict == "fail"]
            self.assertEqual(failed, [(SMALL, TIME)], (factor, noise))
            f = found[SMALL, TIME]
            assert f.low is not None and f.high is not None
            self.assertTrue(f.low <= factor - 1 <= f.high, f)
            self.assertEqual(exit_code(list(found.values()), strict=False), REGRESSION)
            self.assertIn("FAIL", headline(list(found.values()), strict=False))

    def test_of_every_row_and_metric(self) -> None:
        effects = {("head", r, m.name): 1.3 for r in ROWS for m in METRICS}
        _, found = gate(Machine(0.01, effects=effects))
        self.assertEqual({f.verdict for f in found.values()}, {"fail"})

    def test_improvement_is_no_failure(self) -> None:
        _, found = gate(Machine(0.01, effects=slower(0.9)))
        self.assertEqual(found[SMALL, TIME].verdict, "improved")
        self.assertEqual(verdict(list(found.values())), "pass")

    def test_decided_on_fresh_data_alone(self) -> None:
        """Slow in the first stage only: luck, which the second does not confirm. Luck as large as the
        target, in most of the blocks, leaves it open."""

        class Lucky(Machine):
            factor = 1.0

            def __call__(self, order: Order) -> Part:
                self.effects = slower(self.factor) if order.name == "stage-1" else {}
                return super().__call__(order)

        for factor, verdict in ((1.03, "pass"), (1.1, "inconclusive")):
            machine = Lucky(0.01)
            machine.factor = factor
            done, found = gate(machine, settings=Settings(first=20, looks=(13,)))
            self.assertGreater(len(done.parts), 1)
            self.assertEqual(found[SMALL, TIME].verdict, verdict)

    def test_all_blocks_say_that_the_target_is_excluded(self) -> None:
        """Fresh blocks alone are too few to say so in this noise."""
        settings = replace(QUICK, looks=(13,))
        alone = together = 0
        for seed in range(20):
            done, found = gate(Machine(0.14), seed, settings=settings, rows=[SMALL])
            fresh = judge.compare(done.second, SMALL, METRICS[0], done.settings)
            alone += fresh.excludes_target()
            together += found[SMALL, TIME].verdict == "pass"
        self.assertGreater(together, alone + 4)

    def test_seeds_of_measurements_differ(self) -> None:
        machine = Machine(0.06)
        gate(machine)
        seeds = [o.seed for o in machine.orders]
        self.assertGreater(len(seeds), 2)
        self.assertEqual(len(set(seeds)), len(seeds))


class Unfit(unittest.TestCase):
    def test_a_twin_that_differs_voids_the_row(self) -> None:
        for factor, head in ((0.9, 1.0), (0.9, 1.05), (1.1, 1.05), (1.1, 1.2), (1.03, 1.035)):
            effects = {**slower(factor, "twin"), **slower(head)}
            _, found = gate(Machine(0.01, effects=effects))
            self.assertEqual(found[SMALL, TIME].verdict, "void")
            others = [f for k, f in found.items() if k != (SMALL, TIME)]
            self.assertEqual({f.verdict for f in others}, {"pass"})
            everything = list(found.values())
            self.assertEqual(exit_code(everything, strict=True), UNDECIDED)
            self.assertEqual(exit_code(everything, strict=False), PASS)
            self.assertIn("VOID", headline(everything, strict=False))

    def test_no_twin_hides_what_is_worse_by_far(self) -> None:
        """Than base and than its copy, by more than those two differ."""
        for twin, head in ((1.03, 2.0), (0.97, 2.0), (0.9, 1.2), (1.1, 1.3)):
            _, found = gate(Machine(0.01, effects={**slower(twin, "twin"), **slower(head)}))
            f = found[SMALL, TIME]
            self.assertEqual(f.verdict, "fail", (twin, head))
            self.assertIn("the copy of base differs by", f.note)
            self.assertEqual(exit_code(list(found.values()), strict=False), REGRESSION)

    def test_a_twin_that_is_another_library_voids_all_rows(self) -> None:
        effects = {("twin", r, TIME): 1.2 for r in ROWS}
        _, found = gate(Machine(0.01, effects=effects))
        self.assertEqual(set(verdicts(found, TIME).values()), {"void"})

    def test_base_that_is_fast_by_luck_is_no_regression(self) -> None:
        """Head is slower than base, and so is base's own copy."""
        effects = {**slower(1.03), **slower(1.03, "twin")}
        for seed in range(5):
            _, found = gate(Machine(0.012, effects=effects), seed)
            self.assertEqual(found[SMALL, TIME].verdict, "void")

    def test_a_regression_holds_against_the_twin_too(self) -> None:
        """The copy's own difference is not proven, but head is not proven to be worse than it."""
        machine = Machine(0.01, effects=slower(1.1))
        done, _ = gate(machine)
        c = judge.compare(done.second, SMALL, METRICS[0], done.settings)
        tests = judge.Verdicts(worse={c.key: True}, unfit={c.key: False})
        self.assertEqual(judge.decide(c, tests)[0], "fail")
        level = replace(c, head_twin=[[d - math.log(1.1) for d in own] for own in c.head_twin])
        self.assertEqual(judge.decide(level, tests)[0], "void")

    def test_worse_but_not_proven_over_all_rows_is_no_pass(self) -> None:
        """The whole interval lies between margin and target, and the test over all rows rejects not."""
        for factor, expected in ((1.03, "inconclusive"), (1.005, "pass")):
            done, _ = gate(Machine(0.01, effects=slower(1.03)))
            c = judge.compare(done.second, SMALL, METRICS[0], done.settings)
            moved = math.log(factor / 1.03)
            effect = replace(c.effect, low=c.effect.low + moved, high=c.effect.high + moved)
            self.assertTrue(replace(c, effect=effect).excludes_target())
            verdict, note = judge.decide(replace(c, effect=effect), judge.Verdicts())
            self.assertEqual(verdict, expected)
            self.assertEqual("not proven over all rows" in note, expected == "inconclusive")

    def test_too_noisy_is_inconclusive_not_pass(self) -> None:
        _, found = gate(Machine(0.4))
        times = set(verdicts(found, TIME).values())
        self.assertIn("inconclusive", times)
        self.assertNotIn("fail", times)
        self.assertTrue(any("is not excluded" in f.note for f in found.values()))
        self.assertEqual(exit_code(list(found.values()), strict=True), UNDECIDED)


class Stages(unittest.TestCase):
    def test_stops_on_precision_and_not_on_p(self) -> None:
        """As many blocks for any change, if the noise is the same."""
        blocks = set()
        for factor in (1.0, 1.02, 1.1, 1.5):
            effects = {**slower(1.0), **{("head", "tiny/threads:1", TIME): factor}}
            machine = Machine(0.08, effects=effects)
            gate(machine, settings=Settings(target=0.03), rows=["tiny/threads:1"])
            blocks.add(tuple(o.blocks for o in machine.orders))
        self.assertEqual(len(blocks), 1, blocks)
        self.assertGreater(len(next(iter(blocks))), 2)

    def test_looks_add_up(self) -> None:
        machine = Machine(0.4)
        done, found = gate(machine, settings=replace(Settings(), budget_seconds=1e9))
        self.assertEqual([o.blocks for o in machine.orders], [16, 20, 10, 10, 20, 30, 30, 60, 60])
        self.assertFalse(done.budget_spent)

    def test_budget_ends_it(self) -> None:
        machine = Machine(0.4)
        done, found = gate(machine, settings=replace(Settings(), budget_seconds=200))
        self.assertEqual([o.blocks for o in machine.orders], [16, 20])
        self.assertTrue(done.budget_spent)
        said = "; ".join(campaign_facts(done))
        self.assertIn("16 rounds of all rows, then up to 240 of rows in doubt", said)
        self.assertIn("the budget of 3 min 20 s ended the second stage, which has 20 rounds", said)
        self.assertIn("inconclusive", verdicts(found, TIME).values())

    def test_only_rows_in_doubt_are_measured_again(self) -> None:
        machine = Machine(0.005, effects=slower(1.1))
        gate(machine)
        self.assertEqual(machine.orders[0].rows, ROWS)
        self.assertEqual(machine.orders[1].rows, [SMALL])

    def test_smallest_change_is_printed_and_shrinks(self) -> None:
        wide = gate(Machine(0.03))[1][SMALL, TIME].smallest
        narrow = gate(Machine(0.005))[1][SMALL, TIME].smallest
        assert wide is not None and narrow is not None
        self.assertTrue(0.01 < narrow < wide < 0.10, (narrow, wide))

    def test_too_few_blocks_to_ever_fail_are_refused(self) -> None:
        for settings, says in (
            (Settings(looks=(5,)), "never fail"),
            (Settings(looks=()), "never fail"),
            (Settings(looks=(3, 11)), "never fail"),
            (Settings(first=2), "first stage"),
            (Settings(margin=0.05, target=0.05), "margin"),
            (Settings(margin=0.0), "margin"),
        ):
            machine = Machine()
            with self.assertRaisesRegex(Refusal, says):
                gate(machine, settings=settings)
            self.assertEqual(machine.orders, [], "refused before anything is measured")

    def test_first_look_comes_late_enough_for_all_rows(self) -> None:
        """With 4 x 200 comparisons, 13 blocks could not reject one of them."""
        looks = Settings(looks=(13, 20)).checked(200).looks
        least = 2.0 ** -looks[0]
        self.assertTrue(stats.discoveries([least, *[1.0] * 799])[0])


class Memory(unittest.TestCase):
    def test_growth_beyond_the_margin_fails(self) -> None:
        for metric in (
            "rss_peak_bytes",
            "rss_drained_bytes",
            "rss_purged_bytes",
            "writable_live_bytes",
        ):
            _, found = gate(Machine(effects=slower(1.06, metric=metric)))
            failed = [k for k, f in found.items() if f.verdict == "fail"]
            self.assertEqual(failed, [(SMALL, metric)])
            self.assertEqual(found[SMALL, metric].tier, "memory")

    def test_of_allocators_that_cannot_be_asked_for_a_purge(self) -> None:
        machine = Machine()
        machine.without = {"head": "rss_purged_bytes"}
        done, found = gate(machine)
        self.assertNotIn("rss_purged_bytes", {metric for _, metric in found})
        self.assertEqual(len(found), len(ROWS) * (len(METRICS) - 1))
        self.assertEqual(sorted(judge.asked(done.first, ROWS)), sorted(found))

    def test_floor(self) -> None:
        """5 % more of 5 MiB is not 64 pages; of 50 MiB it is more than the margin."""
        effects = {
            **slower(1.04, metric="rss_peak_bytes"),
            **{(arm, SMALL, m): 0.1 for arm in ("base", "twin") for m in ("rss_peak_bytes",)},
        }
        effects["head", SMALL, "rss_peak_bytes"] = 0.104
        _, found = gate(Machine(effects=effects))
        f = found[SMALL, "rss_peak_bytes"]
        self.assertEqual(f.verdict, "pass")
        self.assertAlmostEqual(f.margin, 64 * 4096 / (5 * MIB), places=3)
        self.assertEqual(f.margin_amount, 64 * 4096)
        self.assertGreaterEqual(f.smallest_amount or 0, 64 * 4096)

    def test_margin_is_of_what_the_allocator_adds(self) -> None:
        _, found = gate(Machine())
        f = found[SMALL, "rss_peak_bytes"]
        self.assertAlmostEqual(f.margin, 0.03 * (50 - 3) / 50, places=3)
        for metric in ("rss_peak_bytes", "ns_per_op"):  # a share, no amount
            self.assertIsNone(found[SMALL, metric].margin_amount)
            self.assertIsNone(found[SMALL, metric].smallest_amount)

    def test_growth_at_start_fails_too(self) -> None:
        """10 MiB more before the first operation, and so at the peak."""
        effects = {
            **slower(13 / 3, metric="rss_start_bytes"),
            **slower(60 / 50, metric="rss_peak_bytes"),
        }
        _, found = gate(Machine(effects={**effects}))
        self.assertEqual(found[SMALL, "rss_peak_bytes"].verdict, "fail")


class Coverage(unittest.TestCase):
    def test_each_row_and_metric_has_one_finding(self) -> None:
        _, found = gate(Machine(0.05, effects=slower(1.5)))
        self.assertEqual(set(found), all_keys(ROWS))
        check_coverage(list(found.values()), sorted(all_keys(ROWS)))

    def test_a_row_that_is_not_compared_is_noticed(self) -> None:
        _, found = gate(Machine())
        asked = sorted(all_keys(ROWS))
        for key in asked:
            rest = [f for k, f in found.items() if k != key]
            with self.assertRaisesRegex(Refusal, "broken: it did not compare " + " ".join(key)):
                check_coverage(rest, asked)
        with self.assertRaisesRegex(Refusal, "twice"):
            check_coverage([*found.values(), found[SMALL, TIME]], asked)

    def test_nothing_compared_is_no_pass(self) -> None:
        with self.assertRaises(Refusal):
            exit_code([], strict=False)

    def test_second_stage_that_is_missing_is_noticed(self) -> None:
        done, _ = gate(Machine(0.01, effects=slower(1.1)))
        with self.assertRaisesRegex(Refusal, "second stage"):
            judge.findings(done.first, [], ROWS, {}, done.settings, str)


class Broken(unittest.TestCase):
    """Samples that cannot be compared."""

    def spoil(self, **values: object) -> "type[Machine]":
        class Spoiled(Machine):
            def __call__(self, order: Order) -> Part:
                part = super().__call__(order)
                at = next(i for i, s in enumerate(part.samples) if self.is_meant(s))
                part.samples[at] = replace(part.samples[at], **values)
                return part

            def is_meant(self, s: Sample) -> bool:
                return s.row == SMALL and s.arm == "head"

        return Spoiled

    def test_other_requests(self) -> None:
        with self.assertRaisesRegex(Refusal, "different requests"):
            gate(self.spoil(digest="0123")(0.01))

    def test_digest_that_the_driver_found(self) -> None:
        with self.assertRaisesRegex(Refusal, "digest"):
            gate(self.spoil(failure="check failed: digest: 0123, most others have 4567")(0.01))

    def test_numbers_that_cannot_be_are_no_regression(self) -> None:
        with self.assertRaisesRegex(Refusal, "cannot be measured"):
            gate(self.spoil(failure="impossible: it counted for 1 s, but used 9 s")(0.01))

    def test_a_sample_too_few(self) -> None:
        with self.assertRaisesRegex(Refusal, "not whole"):
            gate(self.spoil(arm="twin")(0.01))

    def test_head_that_fails_is_a_regression(self) -> None:
        _, found = gate(self.spoil(failure="check failed: contents: a byte changed")(0.01))
        self.assertEqual(found[SMALL, "samples"].verdict, "fail")
        self.assertIn("a byte changed", found[SMALL, "samples"].note)
        self.assertNotIn((SMALL, TIME), found)
        check_coverage(list(found.values()), sorted(all_keys(ROWS)))
        self.assertEqual(exit_code(list(found.values()), strict=False), REGRESSION)

    def test_base_that_fails_is_refused(self) -> None:
        for arm in ("base", "twin"):

            class BadBase(self.spoil(failure="killed by SIGSEGV")):  # type: ignore[misc]
                def is_meant(self, s: Sample) -> bool:
                    return s.arm == arm

            with self.assertRaisesRegex(Refusal, f"{arm} failed"):
                gate(BadBase(0.01))

    def test_another_machine(self) -> None:
        class Moved(Machine):
            def __call__(self, order: Order) -> Part:
                self.facts = {"cpu": order.name}
                return super().__call__(order)

        with self.assertRaisesRegex(Refusal, "different machines"):
            gate(Moved(0.4))


class Numbers(unittest.TestCase):
    def test_difference_is_that_of_the_means_of_logarithms(self) -> None:
        values = {"base": (10.0, 40.0), "head": (30.0, 30.0), "twin": (20.0, 20.0)}
        samples = [
            Sample(SMALL, arm, ("x", 0), {TIME: v}) for arm, pair in values.items() for v in pair
        ]
        ((d,),) = judge.differences(samples, TIME, "head", "base")
        self.assertAlmostEqual(math.exp(d), 1.5)
        ((d,),) = judge.differences(samples, TIME, "twin", "base")
        self.assertAlmostEqual(d, 0)


if __name__ == "__main__":
    unittest.main()
