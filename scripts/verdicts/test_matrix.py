"""The matrix of a stored run: the driver and the script say the same of it."""

import copy
import json
import re
import unittest
from typing import Any

from driving import ROOT, SPANBENCH, DriverTest, run

from verdicts import matrix

SCRIPT = ROOT / "scripts" / "verdicts" / "matrix.py"


def rows(text: str) -> list[list[str]]:
    """The words of each line of the matrix, without the letter of a check's class."""
    found = [x.split() for x in text.splitlines() if re.match(r" *\w+\.\w+ ", x)]
    return [[x for i, x in enumerate(line) if i != 1 or x not in "rieq"] for line in found]


class Stored(DriverTest):
    def said(self, *words: str) -> tuple[str, str]:
        """What the driver printed, and what the script makes of the file."""
        driver = run(SPANBENCH, *words, "--out", self.out)
        self.assertIn(driver.returncode, (0, 1), driver.stderr)
        (folder,) = self.out.iterdir()
        done = run(SCRIPT, folder)
        self.assertEqual(done.returncode, 0, done.stderr)
        return driver.stdout, done.stdout

    def test_checks(self) -> None:
        checks = "errno.*,zero_size.*,operators.*,sized_free.*"
        driver, said = self.said("check", "--checks", checks, "--allocators", "system,mimalloc")
        self.assertGreater(len(rows(said)), 20)
        self.assertEqual(rows(said), rows(driver))
        self.assertRegex(said, r"\nsystem keeps \d+ of \d+ promises")

    def test_misuses(self) -> None:
        words = ("--misuses", "double_free.*,usable_size.*,sized_free.*", "--runs", "2")
        driver, said = self.said("harden", *words, "--allocators", "system,gomalloc-hardened")
        self.assertGreater(len(rows(said)), 5)
        self.assertEqual(rows(said), rows(driver))
        self.assertRegex(said, r"\nsystem caught \d+ of \d+ misuses in every run")

    def test_a_run_of_another_kind(self) -> None:
        self.out.mkdir()
        done = run(SCRIPT, self.out)
        self.assertEqual(done.returncode, 2)
        self.assertIn("there is no conformance.json", done.stderr)
        (self.out / "hardening.json").write_text('{"schema": 1}')
        done = run(SCRIPT, self.out)
        self.assertEqual(done.returncode, 2)
        self.assertNotIn("Traceback", done.stderr)


class Findings(unittest.TestCase):
    RESULT: dict[str, Any] = {
        **{"allocator": "a", "check": "x.y", "verdict": "fail", "counts": True, "finding": True},
        **{"known": None, "choice": None, "clause": "C17 1", "expected": "one", "seen": "two"},
        "repeat": "cell/a --check x.y",
    }

    def test_a_finding_is_told_with_what_repeats_it(self) -> None:
        document: dict[str, Any] = {
            "allocators": [{"name": "a"}, {"name": "absent", "skipped": "not here"}],
            "checks": [{"name": "x.y"}, {"name": "x.z"}],
            "results": [self.RESULT],
        }
        said = "\n".join(matrix.checks(document))
        self.assertIn("\nFAIL: a x.y\n  clause:   C17 1\n  expected: one\n  seen:     two\n", said)
        self.assertIn("repeat:   cell/a --check x.y", said)

    def test_words(self) -> None:
        cases: list[tuple[dict[str, Any], str]] = [
            ({}, "FAIL"),
            ({"counts": False}, "no"),
            ({"known": {}}, "FAIL"),
            ({"known": {"why": "x"}, "finding": False}, "known"),
            ({"verdict": "pass", "known": {"why": "x"}}, "fixed"),
            ({"verdict": "pass"}, "pass"),
            ({"verdict": "recorded", "choice": "NULL"}, "NULL"),
            ({"verdict": "not supported"}, "-"),
            ({"verdict": "not run"}, "_"),
        ]
        for changed, word in cases:
            self.assertEqual(matrix.word({**copy.deepcopy(self.RESULT), **changed}), word)

    def test_letters(self) -> None:
        self.assertEqual(matrix.letters({"corrupt": 5}), "X")
        self.assertEqual(matrix.letters({"corrupt": 1, "call": 4}), "C4X1")
        self.assertEqual(matrix.letters({"corrupt": 1, "call": 1}), "C1X1")


if __name__ == "__main__":
    unittest.main()
