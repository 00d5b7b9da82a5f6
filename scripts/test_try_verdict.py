"""What try_verdict.py says of comparisons whose truth is known, and how it says it."""

from __future__ import annotations

import json
import random
import tempfile
import unittest
from pathlib import Path
from typing import Any, Callable

import jsonschema
import try_results
import try_verdict
from driving import ROOT, run_python, slow

SCRIPT = ROOT / "scripts" / "try_verdict.py"
SCHEMA = json.loads((ROOT / "results" / "program.schema.json").read_text())
MIB = 2**20

Cost = Callable[[str, random.Random], tuple[float, float]]  # of a row: seconds, and bytes


def made(
    rows: list[str], rounds: int, cost: Cost, seed: int = 1, metric: bool = False, **program: Any
) -> Any:
    """A document as the driver writes it."""
    chance = random.Random(seed)
    runs = []
    for n in range(rounds):
        weather = chance.lognormvariate(0, 0.2)  # of all rows in a round
        for row in rows:
            seconds, size = cost(row, chance)
            runs.append(
                {
                    "row": row,
                    "round": n,
                    "problem": None,
                    "wall_seconds": seconds * weather,
                    "user_seconds": seconds * weather * 0.9,
                    "system_seconds": 0.0,
                    "peak_bytes": int(size),
                    "metric": 1000 / seconds if metric else None,
                    **dict.fromkeys(
                        "peak_rss_bytes largest_process_bytes peak_huge_bytes peak_swap_bytes "
                        "peak_vsz_bytes minor_faults major_faults voluntary_switches "
                        "involuntary_switches exit_code output_bytes processes left_behind "
                        "watch_readings watch_walks watch_cpu_seconds".split(),
                        0,
                    ),
                    "output_hash": "0" * 16,
                }
            )
    words = {
        **dict.fromkeys("directory input prepare metric limit_bytes server ready load".split()),
        "argv": ["program"],
        "shell": False,
        "variables": {},
        "higher_is_better": False,
        "same_output": False,
        "exit_code": 0,
        "timeout_seconds": 300,
        "after_seconds": [],
        **({"metric": "x", "higher_is_better": True} if metric else {}),
        **program,
    }
    return {
        "version": "test",
        "started": "2026-11-27T00:00:00Z",
        "machine": {},
        "environment": {},
        "seed": 1,
        "precision": 0.02,
        "program": words,
        "rows": [
            {
                "name": r,
                "allocator": r,
                "library": None,
                "variables": [],
                "cause": None,
                "absent": False,
            }
            for r in rows
        ],
        "runs": runs,
        "rounds": rounds,
        "complete": True,
    }


def cost_of(times: dict[str, float], sizes: dict[str, float], noise: float = 0.02) -> Cost:
    return lambda row, chance: (
        times.get(row, 1) * chance.lognormvariate(0, noise),
        sizes.get(row, 1) * 100 * MIB * chance.lognormvariate(0, noise / 4),
    )


def verdict_of(document: Any) -> try_verdict.Verdict:
    jsonschema.validate(document, SCHEMA)
    return try_verdict.judge(try_results.of_document(Path("program.json"), document))


ROWS = ["jemalloc", "mimalloc", "system", "tcmalloc"]


class Words(unittest.TestCase):
    def test_what_differs_and_what_does_not(self) -> None:
        cost = cost_of({"jemalloc": 0.89, "tcmalloc": 2.5}, {"jemalloc": 1.04})
        verdict = verdict_of(made(ROWS, 40, cost))
        said = "\n".join(try_verdict.words(verdict))
        self.assertRegex(
            said,
            r"jemalloc: 1[01](\.\d)? % less time \(.*4(\.\d)? % more peak memory \(.* than system",
        )
        self.assertRegex(said, r"tcmalloc: 2\.5 times the time \(")
        self.assertRegex(
            said,
            r"time: .*system.* cannot be told apart \(a difference of \d.* would have been seen\)",
        )
        self.assertNotRegex(said, "mimalloc: ")
        claim = verdict.claim(try_results.TIME, "jemalloc", "system")
        assert claim
        self.assertTrue(claim.differs and claim.less)

    def test_too_few_runs_prove_nothing_and_that_is_said(self) -> None:
        said = try_verdict.words(verdict_of(made(ROWS, 3, cost_of({"tcmalloc": 9}, {}))))
        self.assertEqual(len(said), 1)
        self.assertRegex(said[0], "3 runs of each row are too few .*; 1[0-9] would do")

    def test_metric_of_which_more_is_better(self) -> None:
        document = made(ROWS, 30, cost_of({"jemalloc": 0.8}, {}), metric=True)
        verdict = verdict_of(document)
        self.assertIn("more of the metric", "\n".join(try_verdict.words(verdict)))
        self.assertTrue(try_verdict.table(verdict).splitlines()[1].startswith("  jemalloc"))

    def test_rows_without_a_result_are_shown_with_their_cause(self) -> None:
        document = made(ROWS, 12, cost_of({}, {}))
        document["rows"][1]["cause"] = "killed by SIGSEGV"
        verdict = verdict_of(document)
        self.assertIn("mimalloc  no result: killed by SIGSEGV", try_verdict.table(verdict))
        self.assertIsNone(verdict.claim(try_results.TIME, "mimalloc", "system"))
        for row in document["rows"]:
            row["cause"] = "no"
        self.assertEqual(try_verdict.words(verdict_of(document)), ["No row has a result."])

    def test_script(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "program.json"
            path.write_text(json.dumps(made(ROWS, 12, cost_of({"jemalloc": 0.5}, {}))))
            done = run_python(SCRIPT, folder)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            self.assertIn("less time", done.stdout)
            numbers = json.loads(run_python(SCRIPT, "--json", path).stdout)
            self.assertTrue(numbers["rows"]["jemalloc"]["metrics"]["time"]["differs"])
            self.assertEqual(run_python(SCRIPT, "--is-precise", "99", folder).returncode, 0)
            self.assertEqual(run_python(SCRIPT, "--is-precise", "0.0001", folder).returncode, 1)
            path.write_text("{}")
            broken = run_python(SCRIPT, folder)
            self.assertEqual(broken.returncode, 2)
            self.assertIn("not a comparison", broken.stderr)
            path.unlink()
            self.assertIn("no such file", run_python(SCRIPT, folder).stderr)


class Truth(unittest.TestCase):
    def claims(self, cost: Cost, seed: int, rounds: int = 14) -> list[try_verdict.Claim]:
        verdict = verdict_of(made(ROWS, rounds, cost, seed))
        return [c for key, c in verdict.claims.items() if key[1] < key[2]]

    def test_precision_depends_on_the_width_alone(self) -> None:
        for factor in (1.0, 3.0):
            times = {"jemalloc": factor}
            wide = verdict_of(made(ROWS, 14, cost_of(times, {}, 0.2)))
            narrow = verdict_of(made(ROWS, 14, cost_of(times, {}, 0.002)))
            self.assertFalse(try_verdict.is_precise(wide, 0.02))
            self.assertTrue(try_verdict.is_precise(narrow, 0.02))

    def test_a_difference_below_the_margin_is_none(self) -> None:
        cost = cost_of({"jemalloc": 1.005}, {"jemalloc": 1.002}, 0.0001)
        self.assertFalse(any(c.differs for c in self.claims(cost, 1, 40)))

    @slow
    def test_equals_differ_in_at_most_one_of_a_hundred_comparisons(self) -> None:
        """Also in few of the families: of 120, each of 18 comparisons, at most 1 % should make a
        claim; 5 are less likely than one in a hundred."""
        families = [self.claims(cost_of({}, {}, 0.05), seed) for seed in range(120)]
        false = [sum(c.differs for c in family) for family in families]
        self.assertLessEqual(sum(false), 0.01 * sum(map(len, families)))
        self.assertLessEqual(sum(n > 0 for n in false), 4)

    @slow
    def test_what_is_planted_is_found(self) -> None:
        """10 % of time and 20 % of memory, among equals, in noise of 3 %."""
        cost = cost_of({"jemalloc": 1.1}, {"mimalloc": 1.2}, 0.03)
        for seed in range(20):
            found = {
                (c.pair.metric.name, *sorted((c.pair.one, c.pair.other)))
                for c in self.claims(cost, seed, 24)
                if c.differs
            }
            for other in ("mimalloc", "system", "tcmalloc"):
                self.assertIn(("time", "jemalloc", other), found, seed)
            for other in ("jemalloc", "system", "tcmalloc"):
                self.assertIn(("peak memory", *sorted(("mimalloc", other))), found, seed)


if __name__ == "__main__":
    unittest.main()
