"""What a reviewed file accepts, and what it does not."""

import datetime
import json
import tempfile
import unittest
from dataclasses import replace
from pathlib import Path

from gate import accepted, judge
from gate.findings import PASS, REGRESSION, Finding, Refusal, exit_code

TODAY = datetime.date(2026, 11, 20)


def finding(row: str, metric: str, verdict: str = "fail", tier: str = "timed") -> Finding:
    return Finding(
        tier, row, metric, "", 1, 2, 1.0, 0.9, 1.1, 0.01, 0.05, verdict, "", f"again {row}"
    )


def entry(**values: str) -> "dict[str, str]":
    usual = {
        "row": "a/threads:1",
        "metric": "minor_faults",
        "reason": "smaller",
        "until": "2026-11-20",
    }
    return {**usual, **values}


class Accepted(unittest.TestCase):
    def test_a_fail_becomes_accepted_and_stays_visible(self) -> None:
        entries = accepted.parse([entry()])
        found, said = accepted.apply([finding("a/threads:1", "minor_faults")], entries, TODAY)
        self.assertEqual(found[0].verdict, "accepted")
        self.assertIn("smaller", found[0].note)
        self.assertEqual((said, exit_code(found, strict=True)), ([], PASS))

    def test_only_that_row_and_metric(self) -> None:
        entries = accepted.parse([entry()])
        others = [finding("a/threads:2", "minor_faults"), finding("a/threads:1", "y")]
        found, said = accepted.apply(others, entries, TODAY)
        self.assertEqual([f.verdict for f in found], ["fail", "fail"])
        self.assertEqual(said, [], "what it is about was not measured")
        found, _ = accepted.apply(others, accepted.parse([entry(row="*")]), TODAY)
        self.assertEqual([f.verdict for f in found], ["accepted", "fail"])

    def test_ends(self) -> None:
        entries = accepted.parse([entry(until="2026-11-19")])
        found, said = accepted.apply([finding("a/threads:1", "minor_faults")], entries, TODAY)
        self.assertEqual(exit_code(found, strict=False), REGRESSION)
        self.assertIn("ended on 2026-11-19", said[0])

    def test_unused_is_said(self) -> None:
        passed = [finding("a/threads:1", "minor_faults", "pass")]
        found, said = accepted.apply(passed, accepted.parse([entry()]), TODAY)
        self.assertEqual(found, passed)
        self.assertIn("not needed", said[0])
        other_tier = [finding("a/threads:1", "y", "pass")]
        self.assertEqual(accepted.apply(other_tier, accepted.parse([entry()]), TODAY)[1], [])

    def test_rows_that_there_are_not_are_said(self) -> None:
        entries = accepted.parse([entry(), entry(row="*"), entry(row="b/threads:2")])
        (said,) = accepted.strangers(entries, ["a"])
        self.assertIn("no row is called b/threads:2", said)

    def test_what_was_accepted_is_asked_again(self) -> None:
        fail = replace(finding("a/threads:1", "minor_faults"), note="8 and 8, apart")
        for one in (fail, replace(fail, note="")):
            entries = accepted.parse([entry(reason="accepted until now")])
            (found,), _ = accepted.apply([one], entries, TODAY)
            self.assertEqual(accepted.before(found), one)
            self.assertEqual(accepted.before(one), one)

    def test_void_is_not_accepted(self) -> None:
        void = finding("a/threads:1", "minor_faults", "void")
        (found,), _ = accepted.apply([void], accepted.parse([entry(row="*")]), TODAY)
        self.assertEqual(found, void)

    def test_failed_samples_cannot_be_accepted(self) -> None:
        with self.assertRaisesRegex(ValueError, "no metric is called samples"):
            accepted.parse([entry(row="*", metric=judge.FAILED)])


class File(unittest.TestCase):
    def load(self, text: str) -> "list[accepted.Entry]":
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "accepted.json"
            file.write_text(text)
            return accepted.load(file)

    def test_absent_accepts_nothing(self) -> None:
        self.assertEqual(accepted.load(Path("/nonexistent/accepted.json")), [])

    def test_good(self) -> None:
        self.assertEqual(len(self.load(json.dumps([entry(), entry(row="*")]))), 2)

    def test_bad_is_refused(self) -> None:
        missing = entry()
        del missing["reason"]
        bad = [
            "{",
            "{}",
            "[1]",
            "[" * 100_000,
            json.dumps([missing]),
            json.dumps([entry(more="x")]),
        ]
        bad += [json.dumps([entry(metric="fault")]), json.dumps([entry(row="a/thread:1")])]
        bad += [json.dumps([entry(reason=" ")]), json.dumps([entry(until="soon")])]
        for text in bad:
            with self.assertRaises(Refusal, msg=text):
                self.load(text)

    def test_the_project_s_own(self) -> None:
        root = Path(__file__).resolve().parent.parent.parent
        accepted.load(root / "results" / "accepted.json")


if __name__ == "__main__":
    unittest.main()
