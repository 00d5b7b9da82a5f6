"""Two runs compared: what changed, what is refused, and what is warned of."""

import copy
import json
import subprocess
from pathlib import Path
from typing import Any

from driving import ROOT, DriverTest, clean_environment, run
from report import write
from report.test_report import MAIN, noisy
from test_bench_results import document, failed

TIMES = {"system": 10.0, "a": 5.0, "null": 1.0}


class Compare(DriverTest):
    def folder(self, name: str, of: Any) -> Path:
        folder = self.directory / name
        folder.mkdir(exist_ok=True)
        (folder / "bench.json").write_text(json.dumps(of))
        return folder

    def two(self, a: Any, b: Any) -> "subprocess.CompletedProcess[str]":
        one, other = self.folder("one", a), self.folder("other", b)
        return run(MAIN, "--base", one, other, env=clean_environment())

    def said(self, a: Any, b: Any, *only: str) -> str:
        made = write.comparison(self.folder("one", a), self.folder("other", b), only)
        return "\n".join(s.text for s in made.gaps + made.findings)

    def test_what_changed(self) -> None:
        a = document(noisy(TIMES))
        b = document(noisy({**TIMES, "a": 4.0}, seed=2) + [failed("gone")])
        result = self.two(a, b)
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        text = (self.directory / "other" / "compare.html").read_text()
        said = self.said(a, b)
        self.assertRegex(
            said, r"On tiny at 1 thread: B is better with a \(time 0\.\d\d times\) and a \(memory 0"
        )
        self.assertIn("3 comparisons cannot be told apart", said)
        self.assertIn("make gate compares side by side", said)
        self.assertNotIn("DIFFERENT MACHINES", said)
        self.assertTrue(">null (floor)<" in text, "the floor shows what the machine did")

    def test_a_run_and_itself(self) -> None:
        """Nothing changed, and a run of equals claims nothing."""
        for seed in (1, 2):
            said = self.said(document(noisy(TIMES)), document(noisy(TIMES, seed=seed)))
            self.assertIn("On tiny at 1 thread: 5 comparisons cannot be told apart.", said)

    def test_too_few_rounds_for_a_single_change(self) -> None:
        """A change that cannot be claimed, however large, is not called a tie; and who reads the top of the page learns it."""
        times = {f"a{i}": 10.0 + i for i in range(10)}
        for rounds, few in ((9, True), (10, False)):
            a = document(noisy(times, rounds))
            b = copy.deepcopy(a)
            for entry in b["benchmarks"]:
                entry["ns_per_op"] *= 100 if entry["allocator"] == "a3" else 1
            said = self.said(a, b)
            self.assertEqual("TOO FEW ROUNDS: with 9 rounds, a single change among 20 comparisons cannot be claimed, "
                "however large it is. 10 rounds of both runs would do (make bench REPS=10), or fewer rows" in said, few, said)  # fmt: skip
            told = "B is worse with a3 (time 100 times); 19 comparisons cannot be told apart."
            if few:
                told = "of 20 comparisons nothing can be told with so few rounds."
            self.assertIn(f"On tiny at 1 thread: {told}", said)
            said = self.said(a, b, "a3", "a7")
            self.assertIn("Compared are the rows of these alone: a3 and a7.", said)
            self.assertIn("B is worse with a3 (time 100 times); 3 comparisons cannot be told", said)
            self.assertNotIn("TOO FEW", said)
        said = self.said(document(noisy(times, 1)), document(noisy(times, 9)))
        self.assertIn("TOO FEW ROUNDS: with 1 round, ", said)

    def test_other_requests_are_refused(self) -> None:
        a, b = document(noisy(TIMES)), document(noisy(TIMES))
        for entry in b["benchmarks"]:
            entry["digest"] = "1" * 16
        result = self.two(a, b)
        self.assertEqual(result.returncode, 2)
        self.assertIn(
            "the runs made other requests on tiny at 1 thread, round 0: not comparable",
            result.stderr,
        )
        self.assertFalse((self.directory / "other" / "compare.html").exists())
        result = self.two(a, document(noisy(TIMES, workload="small")))
        self.assertEqual(result.returncode, 2)
        self.assertIn("no row in common", result.stderr)

    def test_other_machines_are_warned_of(self) -> None:
        a, b = document(noisy(TIMES)), document(noisy(TIMES))
        b["context"]["host_name"] = "another"
        b["context"]["spanbench"]["machine"]["cpu"] = "Model 8"
        self.assertIn(
            "DIFFERENT MACHINES: host: box and another; CPU: Model 7 and Model 8.", self.said(a, b)
        )

    def test_what_only_one_has(self) -> None:
        b = {k: v for k, v in TIMES.items() if k != "a"}
        self.assertIn(
            "Not in B, or failed there: tiny/a/threads:1.",
            self.said(document(noisy(TIMES)), document(noisy(b))),
        )

    def test_make(self) -> None:
        one, other = (self.folder(n, document(noisy(TIMES))) for n in ("one", "other"))
        for words, file in (
            ([f"RUN={one}", "report"], one / "report.html"),
            ([f"A={one}", f"B={other}", "compare"], other / "compare.html"),
        ):
            result = run("make", *words, cwd=ROOT, env=clean_environment())
            self.assertEqual(
                (result.returncode, result.stdout), (0, f"page: {file}\n"), result.stderr
            )
            self.assertTrue(file.exists())
        words = [f"A={one}", f"B={other}", "ALLOCATORS=a system", "compare"]
        result = run("make", *words, cwd=ROOT, env=clean_environment())
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("of these alone: a and system.", (other / "compare.html").read_text())

    def test_wrong_use(self) -> None:
        one = self.folder("one", document(noisy(TIMES)))
        usage = r"\Aspanbench: make compare A=results/one B=results/another\n"
        for words, said in (
            ((), usage),
            ((f"A={one}",), usage),
            ((f"B={one}",), usage),
            ((f"A={one}", "B=/nowhere"), "No such file|not a run|no bench.json"),
            (
                (f"A={one}", f"B={one}", "ALLOCATORS=a typo"),
                "A has no allocator typo; there are a, ",
            ),
        ):
            result = run("make", "compare", *words, cwd=ROOT, env=clean_environment())
            self.assertEqual(result.returncode, 2, words)
            self.assertRegex(result.stderr, said, words)
