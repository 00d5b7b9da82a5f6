"""The stored verdicts of the distribution's allocators: they are of the checks and the known failures that
are here, and a verdict that is another is noticed."""

import copy
import json
import tempfile
import unittest
from pathlib import Path
from typing import Any, Callable

import checked
import known_failures
import releases_table
from bench_results import Unusable
from driving import CELLS, ROOT, run

RESULT: dict[str, Any] = {
    "allocator": "one",
    "check": "errno.free",
    "verdict": "pass",
    "choice": None,
    "seen": None,
    "reason": None,
    "seconds": 1.25,
}
CELL = {"name": "one", "object": "/lib/libone.so", "version": "1.2", "floor": False}
RUN: dict[str, Any] = {
    "version": "abc",
    "started": "2026-11-20T10:15:00Z",
    "complete": True,
    "whole": False,
    "profile": "all",
    "seed": 1,
    "allocators": [CELL, {"name": "absent", "skipped": "it is not here"}],
    "checks": [{"name": "errno.free", "class": "required"}],
    "results": [RESULT],
}
ENTRY = {"object": "*/libone.so", "since": "1.0", "check": "errno.free", "seen": "EINVAL"}


def stored_of(**result: Any) -> Any:
    return checked.condensed({**RUN, "results": [{**RESULT, **result}]})


FAILED = stored_of(verdict="fail", seen="0x7f0123456789 left EINVAL")


class Condensed(unittest.TestCase):
    def test_verdicts(self) -> None:
        results: list[tuple[dict[str, Any], str]] = [
            ({}, "pass"),
            ({"verdict": "recorded", "choice": "NULL"}, "NULL"),
            ({"verdict": "not supported", "reason": "none"}, "-"),
            ({"verdict": "fail", "seen": "it"}, "fail"),
        ]
        for result, word in results:
            self.assertEqual(stored_of(**result)["checks"]["errno.free"]["verdicts"], {"one": word})

    def test_what_differs_in_each_run_is_left_out(self) -> None:
        self.assertEqual(FAILED["checks"]["errno.free"]["said"], {"one": "0x7… left EINVAL"})

    def test_runs_that_say_less_are_refused(self) -> None:
        wrong: list[dict[str, Any]] = [{"complete": False}, {"whole": True}, {"profile": "c17"}]
        for member in wrong:
            with self.assertRaises(Unusable):
                checked.condensed({**RUN, **member})

    def test_a_run_of_another_version_is_refused(self) -> None:
        with tempfile.TemporaryDirectory(prefix="spanbench-test-") as directory:
            folder = Path(directory) / "one-1" / "run"
            folder.mkdir(parents=True)
            file = folder / "conformance.json"
            reads: list[Callable[[], Any]] = [
                lambda: checked.read_run(folder),
                lambda: releases_table.read(Path(directory)),
            ]
            of = {**RUN, "results": [{**RESULT, "class": "required"}]}
            file.write_text(json.dumps({"schema": 1, **of}))
            for read in reads:
                self.assertTrue(read())
            file.write_text(json.dumps({"schema": 2, **of}))
            for read in reads:
                with self.assertRaisesRegex(
                    Unusable, "conformance.json: .* its schema is 2, .* that wrote it, abc, or"
                ):
                    read()

    def test_a_run_of_some_checks_renews_these(self) -> None:
        other = copy.deepcopy(FAILED)
        other["checks"] = {"calloc.zeroed": {"class": "required"}}
        both = checked.renewed(FAILED, other)
        self.assertEqual(list(both["checks"]), ["calloc.zeroed", "errno.free"])
        self.assertEqual(checked.renewed(FAILED, FAILED), FAILED)
        other["rows"] = {}
        with self.assertRaises(Unusable):
            checked.renewed(FAILED, other)

    def test_text_is_the_document(self) -> None:
        self.assertEqual(json.loads(checked.text_of(FAILED)), FAILED)

    def test_reasons_are_counted(self) -> None:
        unjudged = stored_of(verdict="not supported", reason="it has none")
        self.assertEqual(checked.dashes(unjudged), ["   1  one: it has none"])


class Unexplained(unittest.TestCase):
    def problems(self, stored: Any, *entries: Any) -> list[str]:
        return checked.unexplained(stored, list(entries))

    def test_explained_failure(self) -> None:
        self.assertEqual(self.problems(FAILED, ENTRY), [])

    def test_new_failure(self) -> None:
        others: list[Any] = [[], [{**ENTRY, "seen": "ENOMEM"}], [{**ENTRY, "before": "1.2"}]]
        for entries in others:
            said = self.problems(FAILED, *entries)
            self.assertIn("one errno.free: not among the known failures: 0x7… left EINVAL", said)

    def test_failure_of_a_quality_counts_nowhere(self) -> None:
        stored = copy.deepcopy(FAILED)
        stored["checks"]["errno.free"]["class"] = "quality"
        self.assertEqual(self.problems(stored), [])

    def test_known_failure_that_passes(self) -> None:
        self.assertIn(
            "one errno.free: known to fail, and says pass", self.problems(stored_of(), ENTRY)
        )

    def test_what_fails_now_and_then_may_pass(self) -> None:
        self.assertEqual(self.problems(stored_of(), {**ENTRY, "often": "in 1 of 8 runs"}), [])

    def test_known_failure_that_was_not_seen(self) -> None:
        other = {**ENTRY, "check": "errno.malloc"}
        self.assertEqual(
            self.problems(stored_of(), other),
            ["errno.malloc of */libone.so: known, and was not seen"],
        )


class Stored(unittest.TestCase):
    def setUp(self) -> None:
        self.stored = json.loads(checked.STORED.read_text())

    def test_it_has_the_checks_that_are_here(self) -> None:
        listed = json.loads(run(CELLS / "system", "--list-checks").stdout)["checks"]
        here = {c["name"]: c["class"] for c in listed}
        there = {name: c["class"] for name, c in self.stored["checks"].items()}
        self.assertEqual(there, here, "after make check: scripts/checked.py store RUN_FOLDER")

    def test_each_failure_is_known_and_each_known_failure_is_there(self) -> None:
        self.assertEqual(checked.unexplained(self.stored, known_failures.read()), [])


class Compared(unittest.TestCase):
    """ci/test_readme.py compares those of README's make check."""

    def compared(self, stored: Any, *entries: Any, **result: Any) -> tuple[list[str], list[str]]:
        run = {**RUN, "results": [{**RESULT, **result}]}
        return checked.differences(stored, run, list(entries))

    def test_another_verdict(self) -> None:
        self.assertEqual(self.compared(stored_of()), ([], []))
        failed = stored_of(verdict="fail", seen="it", seconds=0.1)
        self.assertEqual(self.compared(failed), (["one errno.free: was fail, is pass"], []))
        fails = self.compared(stored_of(), verdict="fail", seen="it")
        self.assertEqual(fails, (["one errno.free: was pass, is fail it"], []))

    def test_what_cannot_be_compared_is_said(self) -> None:
        slow = self.compared(stored_of(), verdict="not supported", reason="it is too slow here")
        self.assertEqual(slow, ([], ["one errno.free: it is too slow here"]))
        other = stored_of()
        other["rows"]["one"]["version"] = "1.1"
        self.assertEqual(self.compared(other), ([], ["one: 1.2 is here, 1.1 is stored"]))
        self.assertEqual(
            self.compared(stored_of(), check="x.y")[1], ["one errno.free: was not run"]
        )

    def test_what_fails_now_and_then_is_not(self) -> None:
        failed = stored_of(verdict="fail", seen="EINVAL", seconds=0.1)
        often = {**ENTRY, "often": "in 1 of 8 runs"}
        self.assertNotEqual(self.compared(failed, ENTRY), ([], []))
        self.assertEqual(self.compared(failed, often), ([], []))

    def test_slow_ones_are_of_one_that_passed(self) -> None:
        stored = json.loads(checked.STORED.read_text())
        again = checked.comes_again(stored, known_failures.read())
        for name, check in stored["checks"].items():
            rows = [row for row, names in again.items() if name in names]
            if check["class"] in checked.COUNTED and check["seconds"] >= checked.QUICK_SECONDS:
                good = [row for row, word in check["verdicts"].items() if word == "pass"]
                self.assertLessEqual(set(rows), set(good), name)
                self.assertLessEqual(len(rows), 1, name)
            self.assertTrue(check["class"] in checked.COUNTED or not rows, name)
        self.assertGreater(sum(map(len, again.values())), 500)

    def test_command(self) -> None:
        with tempfile.TemporaryDirectory(prefix="spanbench-test-") as directory:
            here = Path(directory)
            stored = json.loads(checked.STORED.read_text())
            row, told = next(iter(stored["rows"].items()))
            checks = checked.comes_again(stored, known_failures.read())[row]
            name = next(n for n in sorted(checks) if stored["checks"][n]["verdicts"][row] == "pass")
            for word, code in (("pass", 0), ("fail", 1)):
                result = {**RESULT, "allocator": row, "check": name, "verdict": word}
                run_of = {**RUN, "allocators": [{"name": row, **told}], "results": [result]}
                (here / "conformance.json").write_text(json.dumps({"schema": 1, **run_of}))
                done = run(ROOT / "scripts" / "checked.py", "compare", here)
                self.assertEqual(done.returncode, code, done.stderr)
                line = f"{row} {name}: was pass, is fail"
                self.assertEqual(line in done.stdout.splitlines(), word == "fail")


if __name__ == "__main__":
    unittest.main()
