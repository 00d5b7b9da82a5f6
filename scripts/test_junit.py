"""JUnit XML: what it holds, and the program that writes that of a conformance run."""

import copy
import json
import resource
import unittest
from typing import Any
from xml.etree import ElementTree

import junit
from driving import ROOT, DriverTest, run
from junit import Case

RESULT: dict[str, Any] = {
    "allocator": "one",
    "check": "errno.free",
    "class": "required",
    "clause": "POSIX",
    "verdict": "pass",
    "counts": True,
    "finding": False,
    "known": None,
    "choice": None,
    "expected": None,
    "seen": None,
    "reason": None,
    "stacks": None,
    "seconds": 1.25,
    "repeat": "cell --check errno.free",
}
FAILED: dict[str, Any] = {
    **RESULT,
    "verdict": "fail",
    "finding": True,
    "expected": "calm",
    "seen": "<storm>",
}
KNOWN: dict[str, Any] = {"object": "*", "check": "errno.free", "seen": "", "why": "mended & gone"}
RUN: dict[str, Any] = {
    "started": "2026-11-20T10:15:00Z",
    "profile": "c17",
    "seed": 7,
    "allocators": [
        {"name": "absent", "skipped": "no library"},
        {"name": "one", "version": None, "object": "/lib/a&b.so", "floor": False, "preload": True},
        {"name": "two", "version": "2.0", "object": "/lib/c.so", "floor": False, "preload": False},
    ],
    "checks": [{"name": "errno.free", "summary": "free leaves errno alone"}],
    "results": [RESULT],
}


def parsed(*results: dict[str, Any]) -> ElementTree.Element:
    return ElementTree.fromstring(junit.conformance({**RUN, "results": list(results)}))


class Suite(unittest.TestCase):
    def parse(self, *cases: Case, **more: Any) -> ElementTree.Element:
        return ElementTree.fromstring(junit.document(junit.suite("s", cases, **more)))

    def test_numbers_are_those_of_the_cases(self) -> None:
        outcomes = ["", "failure", "failure", "error", "skipped", "skipped", "skipped"]
        made = self.parse(*(Case("c", f"n{i}", o, "m") for i, o in enumerate(outcomes)))
        numbers = {k: made.get(k) for k in ("tests", "failures", "errors", "skipped")}
        self.assertEqual(numbers, {"tests": "7", "failures": "2", "errors": "1", "skipped": "3"})
        found = [[e.tag for e in c] for c in made.findall("testcase")]
        self.assertEqual(found, [[o] if o else [] for o in outcomes])

    def test_time_is_the_sum_and_absent_where_a_case_has_none(self) -> None:
        timed = self.parse(Case("c", "a", seconds=1.5), Case("c", "b", seconds=0.25))
        self.assertEqual(timed.get("time"), "1.750")
        self.assertEqual([c.get("time") for c in timed], ["1.500", "0.250"])
        untimed = self.parse(Case("c", "a", seconds=1.5), Case("c", "b"))
        self.assertIsNone(untimed.get("time"))

    def test_output_of_a_good_case(self) -> None:
        made = self.parse(Case("c", "a", text="said"))
        self.assertEqual(made.findtext("testcase/system-out"), "said")

    def test_characters_that_xml_cannot_hold(self) -> None:
        bad = "\x00\x01\x08\x0b\x0c\x0e\x1b\x1f\ud800\udfff\ufffe\uffff"
        good = "\x7f\xa0\ud7ff\ue000\ufffd\U00010000\U0010ffff"
        word = bad + good
        case = Case(word, word, "failure", word, word, word)
        made = self.parse(case, properties={word: word}, timestamp=word)
        shown = "?" * len(bad) + good
        (inner,) = made.findall("testcase/failure")
        self.assertEqual((inner.text, inner.get("message"), inner.get("type")), (shown,) * 3)
        self.assertEqual(made.get("timestamp"), shown)
        (outer,) = made.findall("testcase")
        self.assertEqual((outer.get("name"), outer.get("classname")), (shown, shown))
        (named,) = made.findall("properties/property")
        self.assertEqual((named.get("name"), named.get("value")), (shown, shown))

    def test_lines_and_markup_come_back_as_they_were(self) -> None:
        word = "a\n\tb <c> & \"d\" 'e' ]]> &amp;"
        (made,) = self.parse(Case(word, word, "error", word, word))
        self.assertEqual((made.get("name"), made.get("classname")), (word, word))
        self.assertEqual((made[0].get("message"), made[0].text), (word, word))


class Conformance(unittest.TestCase):
    def only(self, result: dict[str, Any]) -> ElementTree.Element:
        (case,) = parsed(result).findall("testsuite/testcase")
        return case

    def test_suite_of_each_allocator_that_took_part(self) -> None:
        root = parsed(FAILED, {**RESULT, "allocator": "two"})
        self.assertEqual((root.tag, root.get("name")), ("testsuites", "spanbench check"))
        one, two = root
        self.assertEqual((one.get("name"), two.get("name")), ("one", "two"))
        self.assertEqual((one.get("failures"), two.get("failures")), ("1", "0"))
        self.assertEqual(one.get("timestamp"), "2026-11-20T10:15:00")
        self.assertEqual(one.get("time"), "1.250")
        properties = {p.get("name"): p.get("value") for p in one.iter("property")}
        self.assertEqual(
            properties, {"version": "", "object": "/lib/a&b.so", "profile": "c17", "seed": "7"}
        )

    def test_pass(self) -> None:
        case = self.only(RESULT)
        self.assertEqual((case.get("classname"), case.get("name")), ("one", "errno.free"))
        self.assertEqual((case.get("time"), len(case)), ("1.250", 0))
        chosen = self.only({**RESULT, "verdict": "recorded", "choice": "unique"})
        self.assertEqual(len(chosen), 0)

    def test_failure(self) -> None:
        (failure,) = self.only({**FAILED, "stacks": "thread 1\n  main"})
        self.assertEqual((failure.get("type"), failure.get("message")), ("required", "<storm>"))
        self.assertEqual(
            failure.text,
            "promise:  free leaves errno alone\nclause:   POSIX\nexpected: calm\nseen:     <storm>\n"
            "stacks:\nthread 1\n  main\nrepeat:   cell --check errno.free\n",
        )
        (without,) = self.only(FAILED)
        self.assertNotIn("stacks", without.text or "")

    def test_known_failure_that_passes(self) -> None:
        (failure,) = self.only({**RESULT, "finding": True, "known": KNOWN})
        self.assertEqual(failure.tag, "failure")
        self.assertEqual(failure.get("type"), "fixed")
        self.assertEqual(failure.get("message"), "a known failure passes")
        for line in ("expected: mended & gone\n", "seen:     the promise kept\n"):
            self.assertIn(line, failure.text or "")

    def test_skipped_says_why(self) -> None:
        quiet: dict[str, Any] = {**FAILED, "finding": False}
        cases: list[tuple[dict[str, Any], str]] = [
            ({**RESULT, "verdict": "not run"}, "not run: interrupted"),
            ({**RESULT, "verdict": "not supported", "reason": "no slot"}, "not supported: no slot"),
            ({**quiet, "known": KNOWN}, "known failure: mended & gone"),
            ({**quiet, "known": {**KNOWN, "why": ""}}, "known failure: known"),
            ({**quiet, "counts": False}, "a failure that does not count: <storm>"),
        ]
        for result, message in cases:
            (skipped,) = self.only(result)
            self.assertEqual((skipped.tag, skipped.get("message")), ("skipped", message))


class Program(DriverTest):
    def setUp(self) -> None:
        super().setUp()
        self.json = self.directory / "conformance.json"
        self.xml = self.directory / "conformance.xml"
        self.json.write_text(json.dumps(RUN))

    def write(self, *words: Any, **options: Any) -> Any:
        return run(ROOT / "scripts" / "junit.py", *(words or [self.directory]), **options)

    def test_file_beside_the_document(self) -> None:
        result = self.write()
        self.assertEqual((result.returncode, result.stdout, result.stderr), (0, "", ""))
        self.assertEqual(self.xml.read_bytes(), junit.conformance(RUN))
        self.assertEqual(set(self.directory.iterdir()), {self.json, self.xml})

    def refused(self, says: str, *words: Any, **options: Any) -> None:
        """Nothing is written, and what was there stays."""
        self.xml.write_text("before")
        there = set(self.directory.iterdir())
        result = self.write(*words, **options)
        self.assertEqual((result.returncode, result.stdout), (2, ""), result.stderr)
        self.assertRegex(result.stderr, "^junit.py: .*" + says)
        self.assertEqual(len(result.stderr.splitlines()), 1, "no traceback")
        self.assertEqual(self.xml.read_text(), "before")
        self.assertEqual(set(self.directory.iterdir()), there)

    def test_full_disk(self) -> None:
        def limit() -> None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (64, 64))

        self.refused("conformance.xml: File too large", preexec_fn=limit)

    def test_what_is_no_document(self) -> None:
        spoiled = copy.deepcopy(RUN)
        spoiled["results"][0]["check"] = "none.such"
        for text in (
            "",
            "{",
            "[]",
            "{}",
            "[" * 100000,
            '{"results": 1}',
            json.dumps(spoiled),
            "\xff",
        ):
            self.json.write_bytes(text.encode("latin-1"))
            self.refused("conformance.json: (not|nested) ")

    def test_another_version(self) -> None:
        self.json.write_text(json.dumps({"schema": 2, **RUN, "version": "v9"}))
        self.refused(
            "conformance.json: not a conformance run: its schema is 2, and this spanbench knows 1 alone; read it with "
            "the spanbench that wrote it, v9, or "
        )

    def test_what_is_not_there(self) -> None:
        self.json.unlink()
        self.refused("conformance.json: No such file or directory")
        self.refused("No such file or directory", self.directory / "none")

    def test_usage(self) -> None:
        result = run(ROOT / "scripts" / "junit.py", "--help")
        self.assertEqual(result.returncode, 0)
        self.assertIn("conformance.xml beside conformance.json", result.stdout)
        self.assertEqual(run(ROOT / "scripts" / "junit.py").returncode, 2)

    def test_name_of_no_character(self) -> None:
        """JSON can hold half a character, which is none of UTF-8."""
        self.json.write_text(json.dumps({**RUN, "results": [{**FAILED, "seen": "a\ud800b"}]}))
        self.assertEqual(self.write().returncode, 0)
        failure = ElementTree.parse(self.xml).getroot().find(".//failure")
        assert failure is not None
        self.assertEqual(failure.get("message"), "a?b")


if __name__ == "__main__":
    unittest.main()
