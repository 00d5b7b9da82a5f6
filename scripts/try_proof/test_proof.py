"""The arithmetic of the proof, and that its library carries what it is told to."""

from __future__ import annotations

import contextlib
import io
import json
import math
import os
import subprocess
import sys
import tempfile
import unittest
import unittest.mock as mock
from pathlib import Path
from typing import TYPE_CHECKING, Sequence

from driving import ROOT, run, slow

sys.path.insert(0, str(ROOT / "scripts" / "try_proof"))

if TYPE_CHECKING or os.environ.get("TEST_ALL"):  # they take seconds, and all cases are slow
    import paired
    import promise
    import proof
    import why_cost
    from promise import Outcome
    from verdicts import try_claims
    from verdicts import try_results
    from bench_results import Unusable
    from verdicts.test_try_verdict import ROWS, cost_of, made


def verdict(times: dict[str, float]) -> try_claims.Verdict:
    document = made(ROWS, 30, cost_of(times, {}))
    return try_claims.judge(try_results.of_document(Path("program.json"), document))


@slow
class Arithmetic(unittest.TestCase):
    def test_burden_is_in_proportion_to_the_probe_s_effect(self) -> None:
        self.assertEqual(proof.calibrated(300, 1.0, 1.3, 0.1), 100)
        self.assertEqual(proof.calibrated(300, 2.0, 2.3, 0.1), 200)

    def test_a_probe_grows_until_it_has_an_effect(self) -> None:
        def seldom(size: int) -> tuple[float, float]:
            return 1.0, 1.0 + size / 1e6

        self.assertEqual(proof.calibrate(seldom, 300, 0.1, "sort"), 100_000)
        with self.assertRaisesRegex(Unusable, "sort: no burden has an effect"):
            proof.calibrate(lambda _: (1.0, 1.0), 300, 0.1, "sort")

    def test_each_pair_counts_once(self) -> None:
        count, said = proof.claims_of(verdict({}))
        self.assertEqual((count, said), (3 * 6, []))
        _, said = proof.claims_of(verdict({"jemalloc": 1.3}))
        self.assertEqual(len(said), 2 * 3)  # time and CPU, against the three others

    def test_only_the_right_direction_is_found(self) -> None:
        claims = verdict({"jemalloc": 1.3})
        time = try_results.TIME
        self.assertTrue(proof.found(claims.claim(time, "jemalloc", "system")))
        self.assertFalse(proof.found(claims.claim(time, "system", "jemalloc")))
        self.assertFalse(proof.found(claims.claim(time, "system", "mimalloc")))
        self.assertFalse(proof.found(None))

    def test_too_few_runs_are_refused(self) -> None:
        """Those with which no claim is possible: the null could not fail, and no plant be found."""
        for rows, fewest in ((proof.NAMES, 11), (proof.PLANTED_ROWS, 12)):
            proof.check_runs(fewest, rows)
            with self.assertRaisesRegex(Unusable, f"fewer than {fewest} can prove nothing"):
                proof.check_runs(fewest - 1, rows)

    def test_wrong_words(self) -> None:
        for words, said in (
            (["null", "--runs", "10"], "fewer than 11"),
            (["null", "--programs", "perle"], "no program 'perle'"),
            (["null", "--libraries", "jemaloc"], "neither a file nor an allocator"),
        ):
            done = run(ROOT / "scripts" / "try_proof" / "proof.py", *words)
            self.assertEqual(done.returncode, 2, done.stderr)
            self.assertIn(said, done.stderr)


@slow
class Promises(unittest.TestCase):
    def ratio(self, low: float, location: float, high: float, blocks: int = 40) -> paired.Effect:
        return paired.Effect(blocks, math.log(location), math.log(low), math.log(high))

    def test_below_is_shown_by_the_whole_interval(self) -> None:
        for ends, outcome in (
            ((0.99, 1.0, 1.0099), Outcome.SHOWN),
            ((0.99, 1.0, 1.0101), Outcome.OPEN),
            ((1.0099, 1.02, 1.03), Outcome.OPEN),
            ((1.0101, 1.02, 1.03), Outcome.BROKEN),
        ):
            self.assertIs(promise.of_ratio(self.ratio(*ends), 1.01), outcome, ends)

    def test_how_many_pairs_would_show_it(self) -> None:
        """Twice as far as there is room: four times as many."""
        wide = self.ratio(1.01**-2, 1.0, 1.01**2)
        self.assertAlmostEqual(promise.pairs_more(wide, 1.01) or 0, 120, delta=1)
        self.assertIn("pairs more", promise.words(wide, 1.01))
        above = self.ratio(0.99, 1.02, 1.05)
        self.assertIsNone(promise.pairs_more(above, 1.01))
        self.assertEqual(promise.words(above, 1.01), "not shown")

    def test_a_share(self) -> None:
        enough = promise.enough_without_any(0.01)
        self.assertEqual(enough, 299)
        for count, of, outcome in (
            (0, 50, Outcome.OPEN),
            (0, enough - 1, Outcome.OPEN),
            (0, enough, Outcome.SHOWN),
            (2, 50, Outcome.OPEN),
            (3, 50, Outcome.BROKEN),  # by chance in less than 5 % of cases
            (0, 0, Outcome.OPEN),
        ):
            self.assertIs(promise.of_share(count, of, 0.01), outcome, (count, of))
        self.assertAlmostEqual(promise.bounds(0, 50)[1], 1 - 0.05 ** (1 / 50))

    def test_a_trial_is_a_verdict_and_no_comparison(self) -> None:
        self.assertIn(
            "0 of 50 verdicts make a claim, so at most 5.8 % do", proof.null_words(0, 50, 450, 0)
        )
        self.assertIn("not shown; 299 verdicts", proof.null_words(0, 50, 450, 0))
        self.assertIn("%: shown.", proof.null_words(0, 300, 2700, 0))
        self.assertIn("BROKEN", proof.null_words(5, 50, 450, 5))

    def test_the_worst_decides(self) -> None:
        shown, broken, left = Outcome.SHOWN, Outcome.BROKEN, Outcome.OPEN
        self.assertIs(promise.worst([shown, left, broken]), broken)
        self.assertIs(promise.worst([shown, left]), left)
        self.assertIs(promise.worst([shown]), shown)
        self.assertIs(promise.worst([]), left)
        said = promise.summary({"a": left, "b": shown, "c": shown})
        self.assertEqual(said, "shown of b, c; not shown of a")


@slow
class Experiments(unittest.TestCase):
    """With `attempt` replaced by what it would give."""

    def bench(
        self, folder: str, rows: list[str], times: dict[str, float], noise: float
    ) -> proof.Bench:
        document = made(rows, 30, cost_of(times, {}, noise))
        bench = proof.Bench(Path(folder), 30, {"a": ["true"], "b": ["true"]})
        results = lambda *_: try_results.of_document(Path("program.json"), document)
        patch = mock.patch.object(bench, "attempt", results)
        patch.start()
        self.addCleanup(patch.stop)
        return bench

    def test_null_counts_verdicts(self) -> None:
        """All that a verdict claims is one trial; the C library's row is none of it."""
        names = ["system", "name0", "name1", "name2"]
        equal: dict[str, float] = {"system": 2.0}
        with tempfile.TemporaryDirectory() as folder:
            library = Path(folder) / "library.so"
            library.write_text("")
            for times, wrong, outcome in (
                (equal, 0, Outcome.OPEN),
                ({**equal, "name1": 1.3}, 4, Outcome.BROKEN),
            ):
                bench = self.bench(folder, names, times, 0.02)
                with contextlib.redirect_stdout(io.StringIO()) as printed:
                    self.assertIs(proof.null(bench, [library], 2), outcome)
                self.assertIn(f"null: {wrong} of 4 verdicts", printed.getvalue())
                self.assertIn(f"{4 * wrong} of 36 comparisons", printed.getvalue())

    def test_cost_is_shown_or_not(self) -> None:
        names = ["system", "system:watch=off"]
        for time, noise, outcome, said in (
            (1.0, 0.0001, Outcome.SHOWN, "1 % is shown of a, b"),
            (1.0, 0.2, Outcome.OPEN, "1 % is not shown of a, b"),
            (1.3, 0.0001, Outcome.BROKEN, "1 % is broken of a, b"),
        ):
            with tempfile.TemporaryDirectory() as folder:
                bench = self.bench(folder, names, {"system": time}, noise)
                with contextlib.redirect_stdout(io.StringIO()) as printed:
                    self.assertIs(proof.cost(bench), outcome)
            self.assertIn(said, printed.getvalue())


@slow
class CostOfWhy(unittest.TestCase):
    def test_the_ratio_is_with_the_counter_over_without_it(self) -> None:
        """In each pair, whichever comes first."""
        order = []

        def timed(before: Sequence[str], variables: dict[str, str]) -> float:
            order.append(bool(before))
            self.assertEqual(variables, {} if before else {"A": "b"})
            return 1.5 if before else 1.0

        e = why_cost.ratio(timed, 6, ["why"], {"A": "b"})
        self.assertAlmostEqual(math.exp(e.location), 1.5)
        self.assertEqual(order, [False, True, True, False] * 3)
        self.assertIs(promise.of_ratio(e, 1.49), Outcome.BROKEN)
        self.assertIs(promise.of_ratio(e, 1.51), Outcome.SHOWN)
        for most in (1.49, 1.51):
            few = why_cost.ratio(timed, 5, ["why"], {"A": "b"})
            self.assertIs(promise.of_ratio(few, most), Outcome.OPEN)
            self.assertEqual(promise.pairs_more(few, most), 1)

    def test_redis_says_its_time(self) -> None:
        info = "# CPU\r\nused_cpu_sys:0.25\r\nused_cpu_user:1.50\r\nused_cpu_sys_children:9\r\n"
        self.assertEqual(why_cost.cpu_of(info), 1.75)

    def test_a_loop_is_counted(self) -> None:
        with tempfile.TemporaryDirectory() as name:
            timed = why_cost.of_loop(why_cost.build_loop(Path(name)), 1000)
            why = [str(proof.SPANBENCH), "why", "--quiet", "--out", f"{name}/results", "--"]
            self.assertGreater(min(timed(why, {}), timed((), {})), 0)
            found = Path(name) / "results" / "latest-why" / "why.json"
            (largest,) = json.loads(found.read_text())["processes"]
            self.assertGreater(largest["points"][-1]["made"], why_cost.STEPS // 2)


@slow
class Burden(unittest.TestCase):
    def test_it_holds_what_it_is_told_to(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            library = proof.build_burden(Path(folder))
            for held in (0, 256 << 20):
                environment = {"LD_PRELOAD": str(library), "BURDEN_BYTES": str(held)}
                with subprocess.Popen(["/bin/true"], env=environment) as child:
                    _, status, usage = os.wait4(child.pid, 0)
                    child.returncode = status
                self.assertEqual(status, 0)
                self.assertEqual(usage.ru_maxrss >= 256 << 10, bool(held))


if __name__ == "__main__":
    unittest.main()
