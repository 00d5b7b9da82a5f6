"""The arithmetic of the proof, and that its library carries what it is told to."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from typing import TYPE_CHECKING, Sequence

from driving import ROOT, run, slow

sys.path.insert(0, str(ROOT / "scripts" / "try_proof"))

if TYPE_CHECKING or os.environ.get("TEST_ALL"):  # they take seconds, and all cases are slow
    import proof
    import why_cost
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

    def test_wrong_words(self) -> None:
        for words, said in (
            (["null", "--programs", "perle"], "no program 'perle'"),
            (["null", "--libraries", "jemaloc"], "neither a file nor an allocator"),
        ):
            done = run(ROOT / "scripts" / "try_proof" / "proof.py", *words)
            self.assertEqual(done.returncode, 2, done.stderr)
            self.assertIn(said, done.stderr)


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
        self.assertTrue(why_cost.is_above(e, 1.49))
        self.assertFalse(why_cost.is_above(e, 1.5001))
        self.assertFalse(why_cost.is_above(why_cost.ratio(timed, 5, ["why"], {"A": "b"}), 1.49))

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
