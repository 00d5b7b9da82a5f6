"""What people and CI systems are shown."""

import math
import unittest
from dataclasses import replace
from xml.etree import ElementTree

from gate import report
from gate.findings import VERDICTS, Finding

PLAIN = Finding(
    tier="timed",
    row="small/threads:1",
    metric="ns_per_op",
    unit="ns/op",
    base=20.0,
    head=20.1,
    change=0.005,
    low=-0.01,
    high=0.02,
    margin=0.01,
    smallest=0.03,
    verdict="pass",
    note="",
    repeat="make gate WORKLOADS=small THREADS=1",
)


COUNTED = replace(
    PLAIN,
    tier="exact",
    metric="syscalls.brk",
    unit="calls",
    base=1.0,
    head=1.0,
    change=0.0,
    low=None,
    high=None,
    margin=50.0,
    smallest=50.0,
    margin_amount=50.0,
    smallest_amount=50.0,
)


def failed(row: str, change: float, **values: object) -> Finding:
    return replace(PLAIN, row=row, change=change, verdict="fail", note="50 % | <b>", **values)


FOUND = [
    PLAIN,
    failed("large/threads:1", 0.2),
    replace(PLAIN, row="tiny/threads:2", change=0.3, verdict="void", note="the copy differs"),
    replace(PLAIN, row="tiny/threads:1", change=-0.4, verdict="improved"),
    replace(PLAIN, row="odd/threads:1", metric="samples", change=math.nan, verdict="fail"),
    replace(
        PLAIN, metric="rss_peak_bytes", unit="bytes", base=2.0**24, head=2.0**25, change=1.0
    ),
]


class Table(unittest.TestCase):
    def test_worst_first_under_one_verdict(self) -> None:
        lines = report.text(FOUND, False, ["a fact"], False).splitlines()
        self.assertEqual(
            lines[0],
            "gate: FAIL: worse in odd/threads:1 samples and 1 more; 6 comparisons of 5 rows: 2 fail, "
            "1 void, 1 improved, 2 pass",
        )
        rows = [x.split()[0] for x in lines[4:10]]
        self.assertEqual(
            rows,
            ["odd/threads:1", "small/threads:1", "tiny/threads:2"]
            + ["large/threads:1", "small/threads:1", "tiny/threads:1"],
        )
        self.assertIn("16 MiB", lines[5])
        self.assertIn("-1.0 % .. +2.0 %", lines[8])
        self.assertTrue(lines[7].endswith("FAIL"))
        self.assertEqual(lines[-1], "a fact")
        self.assertNotIn("\033", "\n".join(lines))
        self.assertIn("\033[31mFAIL", report.text(FOUND, False, [], True))

    def test_first_line(self) -> None:
        facts = ["a fact", report.NULL_RUN, "not seen: a slower calloc"]
        lines = report.text([PLAIN], True, facts, False).splitlines()
        self.assertEqual(lines[0], f"gate: {report.NULL_RUN}")
        self.assertEqual(lines[1], "gate: PASS: no regression; 1 comparison of 1 row: 1 pass")
        self.assertEqual(lines[2], "gate: not seen: a slower calloc")
        self.assertEqual((lines[-1], sum("not seen" in x for x in lines)), ("a fact", 1))
        folded = report.markdown([PLAIN], True, facts)
        self.assertLess(folded.index("not seen: a slower calloc"), folded.index("| row |"))
        self.assertEqual((folded.count("not seen"), folded.count("null run")), (1, 1))
        for verdict, says in (
            ("fail", "FAIL: worse in small/threads:1 ns/op +0.5 %; 1"),
            ("inconclusive", "INCONCLUSIVE: too noisy to decide small/threads:1 ns/op +0.5 %; 1"),
            ("void", "differ on it in small/threads:1 ns/op +0.5 %; 1"),
        ):
            self.assertIn(says, report.headline([replace(PLAIN, verdict=verdict)], False))

    def shown(self, *findings: Finding) -> list[str]:
        return report.tables(list(findings), False)

    def test_a_table_for_each_tier(self) -> None:
        peak = {"metric": "rss_peak_bytes", "unit": "bytes"}
        lines = self.shown(
            replace(PLAIN, tier="memory", change=0.9, **peak),
            replace(COUNTED, change=0.1, margin_amount=None, **peak),
            replace(COUNTED, change=0.2, metric="instructions"),
        )
        words = [x.split()[0] for x in lines if x]
        row = PLAIN.row
        self.assertEqual(words, ["deterministic:", "row", row, row, "statistical:", "row", row])
        self.assertEqual([x for x in lines if "interval" in x], lines[-3:-1])
        self.assertIn("instructions", lines[3])
        self.assertEqual(self.shown(PLAIN)[1], report.TIERS[1].heading)
        self.assertEqual(len(self.shown(PLAIN)), 4)

    def test_counts_that_do_not_change_are_one_line(self) -> None:
        changed = replace(COUNTED, metric="syscalls.mmap", change=0.1)
        self.assertEqual(self.shown(COUNTED, changed, COUNTED)[-1], "  2 more: no change")
        self.assertEqual(self.shown(COUNTED)[-1], "  1: no change")
        text = "\n".join(self.shown(COUNTED, changed))
        self.assertIn("mmap calls", text)
        self.assertNotIn("brk calls", text)

    def test_all_that_is_no_plain_pass_of_a_count_is_shown(self) -> None:
        for f in (
            *(replace(COUNTED, verdict=v) for v in VERDICTS if v != "pass"),
            replace(COUNTED, change=0.000001),
            replace(COUNTED, base=0.0, change=math.nan),
            replace(COUNTED, note="demoted: not repeatable, 1 .. 2"),
            replace(COUNTED, tier="memory"),
        ):
            lines = self.shown(COUNTED, f)
            self.assertTrue(any(x.startswith(f"  {f.row}  brk calls") for x in lines), f)

    def test_margins_are_shown_as_what_they_are(self) -> None:
        for unit, amount, words in (
            ("calls", 50.0, "50 calls"),
            ("calls", 1.0, "1 call"),
            ("faults", 64.0, "64 faults"),
            ("bytes", 2.0**18, "256 KiB"),
            ("bytes", 2.0**20 - 1, "1 MiB"),
            ("bytes", 2.5 * 2**20, "2.5 MiB"),
        ):
            f = replace(COUNTED, unit=unit, margin_amount=amount, smallest_amount=2 * amount)
            self.assertEqual(report.margin(f), words)
            self.assertEqual(report.smallest(f), report.amount(2 * amount, unit))
            self.assertIn(words, " ".join(report.TIERS[0].cells(f)))
            said = report.xml([f], False).decode()
            self.assertIn(f"margin {words}<", said)
        self.assertEqual((report.margin(PLAIN), report.smallest(PLAIN)), ("1.0 %", "3.0 %"))

    def test_what_base_has_none_of(self) -> None:
        """It has no ratio. If it may pass, its effect is not large; if it failed, it is the worst."""
        few = replace(COUNTED, base=0.0, head=4.0, change=math.nan)
        more = replace(COUNTED, row="large/threads:1", change=0.1)
        self.assertEqual(report.change(few), "+4")
        self.assertEqual(report.by_effect([few, more]), [more, few])
        many = replace(few, head=400.0, verdict="fail")
        self.assertEqual(report.by_effect([more, many]), [many, more])
        self.assertEqual(report.change(replace(few, head=math.nan)), "-")

    def test_names(self) -> None:
        for metric, name in (
            ("instructions", "instructions"),
            ("minor_faults", "minor faults"),
            ("bytes_mapped", "bytes mapped"),
            ("syscalls.madvise", "madvise calls"),
            ("syscalls.other", "other calls"),
        ):
            self.assertEqual(report.name(metric), name)
        said = report.remark(replace(COUNTED, verdict="fail"))
        self.assertEqual(said, f"FAIL {PLAIN.row} brk calls (syscalls.brk, deterministic)")

    def test_how_to_repeat_is_said_once_for_a_row(self) -> None:
        metrics = ("ns_per_op", "rss_peak_bytes", "writable_live_bytes")
        found = [failed("a/threads:1", 0.2, metric=m) for m in metrics]
        found.insert(1, failed("b/threads:1", 0.3, repeat="make gate WORKLOADS=b"))
        said = report.remarks(found)
        self.assertEqual([x.split()[1] for x in said if "alone" not in x][1:], ["a/threads:1"] * 3)
        self.assertEqual([x for x in said if "alone" in x], [said[1], said[-1]])
        self.assertEqual(said[1], "  alone: make gate WORKLOADS=b")
        self.assertEqual(len(report.remarks([replace(PLAIN, verdict="accepted")])), 1)

    def test_how_to_repeat_what_is_no_pass(self) -> None:
        said = report.remarks(FOUND)
        self.assertEqual(sum("alone: make gate" in x for x in said), 3)
        self.assertTrue(any("the copy differs" in x for x in said))
        self.assertEqual(report.remarks([PLAIN]), [])

    def test_numbers_are_never_flattered(self) -> None:
        self.assertEqual(report.percent(0.0004), "+0.04 %")
        self.assertEqual(report.percent(0.0), "+0.0 %")
        self.assertEqual(report.percent(math.inf), "inf")
        self.assertEqual(report.percent(None), "-")
        self.assertEqual(report.number(184339 * 2.0**20, "bytes"), "184,339 MiB")


class ForMachines(unittest.TestCase):
    def test_markdown(self) -> None:
        text = report.markdown(FOUND, False, ["fact | one"])
        rows = [x for x in text.splitlines() if x.startswith("|")]
        self.assertEqual(len(rows), 2 + len(FOUND))
        heads = len(report.TIERS[1].heads)
        self.assertEqual({r.replace("\\|", "").count("|") for r in rows}, {heads + 1})
        self.assertIn("fact \\| one", text)
        self.assertIn("**FAIL**", text)

    def test_markdown_folds_what_does_not_change(self) -> None:
        changed = replace(COUNTED, metric="syscalls.mmap", change=0.1)
        text = report.markdown([COUNTED, changed, PLAIN], False, [])
        before, _, folded = text.partition("<details><summary>1 more: no change</summary>\n\n|")
        folded, _, after = folded.partition("\n\n</details>\n")
        self.assertIn("mmap calls", before)
        self.assertIn("| brk calls |", folded)
        self.assertNotIn("brk", before + after)
        self.assertIn("| ns/op |", after)
        self.assertEqual(text.count("**Deterministic"), 1)

    def test_annotations(self) -> None:
        lines = report.github(FOUND)
        self.assertEqual(len(lines), 3)
        self.assertTrue(lines[0].startswith("::error title=gate%3A fail%3A "))
        self.assertTrue(lines[2].startswith("::warning "))
        self.assertIn("50 %25 | <b>", lines[1])
        none = replace(COUNTED, base=0.0, head=90.0, change=math.nan, verdict="fail")
        self.assertTrue(
            report.github([none])[0].endswith("::+90 Alone: make gate WORKLOADS=small THREADS=1")
        )
        many = [failed(f"row{i}/threads:1", i / 100) for i in range(30)]
        self.assertEqual(len(report.github(many)), 10)
        self.assertIn("row29", report.github(many)[0])

    def test_junit(self) -> None:
        for strict, errors in ((False, "0"), (True, "1")):
            suite = ElementTree.fromstring(report.xml(FOUND, strict))
            self.assertEqual(len(suite.findall("testcase")), len(FOUND))
            self.assertEqual(suite.get("tests"), str(len(FOUND)))
            self.assertEqual(len(suite.findall("testcase/failure")), 2)
            self.assertEqual((suite.get("failures"), suite.get("errors")), ("2", errors))
            self.assertEqual(suite.get("skipped"), str(1 - int(errors)))

    def test_junit_of_what_xml_cannot_hold(self) -> None:
        ElementTree.fromstring(report.xml([replace(PLAIN, note="a\x01\x1b[31m<&>")], False))


if __name__ == "__main__":
    unittest.main()
