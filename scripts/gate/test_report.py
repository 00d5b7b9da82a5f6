"""What people and CI systems are shown."""

import math
import unittest
from dataclasses import replace
from xml.etree import ElementTree

from gate import report
from gate.findings import Finding

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


def failed(row: str, change: float, **values: object) -> Finding:
    return replace(PLAIN, row=row, change=change, verdict="fail", note="50 % | <b>", **values)


FOUND = [
    PLAIN,
    failed("large/threads:1", 0.2),
    replace(PLAIN, row="tiny/threads:2", change=0.3, verdict="void", note="the twin differs"),
    replace(PLAIN, row="tiny/threads:1", change=-0.4, verdict="improved"),
    replace(PLAIN, row="odd/threads:1", metric="samples", change=math.nan, verdict="fail"),
    replace(
        PLAIN, metric="rss_peak_bytes", unit="bytes", base=2.0**24, head=2.0**25, change=1.0
    ),
]


class Table(unittest.TestCase):
    def test_worst_first_under_one_verdict(self) -> None:
        lines = report.text(FOUND, False, ["a fact"], False).splitlines()
        self.assertTrue(lines[0].startswith("gate: FAIL"))
        rows = [x.split()[0] for x in lines[3:9]]
        self.assertEqual(
            rows,
            ["odd/threads:1", "small/threads:1", "tiny/threads:2"]
            + ["large/threads:1", "small/threads:1", "tiny/threads:1"],
        )
        self.assertIn("16 MiB", lines[4])
        self.assertIn("-1.0 % .. +2.0 %", lines[7])
        self.assertTrue(lines[6].endswith("FAIL"))
        self.assertEqual(lines[-1], "a fact")
        self.assertNotIn("\033", "\n".join(lines))
        self.assertIn("\033[31mFAIL", report.text(FOUND, False, [], True))

    def test_how_to_repeat_what_is_no_pass(self) -> None:
        said = report.remarks(FOUND)
        self.assertEqual(sum("alone: make gate" in x for x in said), 3)
        self.assertTrue(any("the twin differs" in x for x in said))
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
        self.assertEqual({r.replace("\\|", "").count("|") for r in rows}, {len(report.HEADS) + 1})
        self.assertIn("fact \\| one", text)
        self.assertIn("**FAIL**", text)

    def test_annotations(self) -> None:
        lines = report.github(FOUND)
        self.assertEqual(len(lines), 3)
        self.assertTrue(lines[0].startswith("::error title=gate%3A fail%3A "))
        self.assertTrue(lines[2].startswith("::warning "))
        self.assertIn("50 %25 | <b>", lines[1])
        many = [failed(f"row{i}/threads:1", i / 100) for i in range(30)]
        self.assertEqual(len(report.github(many)), 10)
        self.assertIn("row29", report.github(many)[0])

    def test_junit(self) -> None:
        for strict, errors in ((False, "0"), (True, "1")):
            suite = ElementTree.fromstring(report.junit(FOUND, strict))
            self.assertEqual(len(suite.findall("testcase")), len(FOUND))
            self.assertEqual(suite.get("tests"), str(len(FOUND)))
            self.assertEqual(len(suite.findall("testcase/failure")), 2)
            self.assertEqual((suite.get("failures"), suite.get("errors")), ("2", errors))
            self.assertEqual(suite.get("skipped"), str(1 - int(errors)))

    def test_junit_of_what_xml_cannot_hold(self) -> None:
        ElementTree.fromstring(report.junit([replace(PLAIN, note="a\x01\x1b[31m<&>")], False))


if __name__ == "__main__":
    unittest.main()
