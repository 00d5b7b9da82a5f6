"""The stored verdicts of the distribution's allocators: they are of the checks and the known failures that
are here, and the quick ones come out the same again."""

import copy
import json
import tempfile
import unittest
import zlib
from pathlib import Path
from typing import Any, Callable

import checked
import known_failures
import releases_table
from bench_results import Unusable
from driving import CELLS, SPANBENCH, DriverTest, at_once, run, slow

QUICK_SECONDS = 0.15  # of the slowest allocator: such a check runs for all
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


@slow
class Again(DriverTest):
    """The quick checks, on each allocator that is here in the stored version. Of the slow ones, each runs on
    one allocator that passed it; a failure of a fork that is a race may be absent in one run."""

    def setUp(self) -> None:
        super().setUp()
        self.stored = json.loads(checked.STORED.read_text())

    def by_luck(self, row: str) -> set[str]:
        """What is known to fail now and then."""
        told = self.stored["rows"][row]["object"], self.stored["rows"][row]["version"]
        known = [e for e in known_failures.read() if known_failures.is_of(e, *told)]
        return {e["check"] for e in known if "often" in e}

    def chosen(self, row: str) -> list[str]:
        names, by_luck = [], self.by_luck(row)
        for name, check in self.stored["checks"].items():
            if check["class"] not in checked.COUNTED or name in by_luck:
                continue
            good = [r for r, word in check["verdicts"].items() if word == "pass"]
            if name.startswith("fork."):
                good = [r for r in good if r != "tbbmalloc"]  # it fails some by chance
            turn = good[zlib.crc32(name.encode()) % len(good)] if good else None
            if check["seconds"] < QUICK_SECONDS or row == turn:
                names.append(name)
        return names

    def problems(self, row: str) -> list[str]:
        words = ["--allocators", row, "--checks", ",".join(self.chosen(row))]
        out = self.directory / row
        result = run(SPANBENCH, "check", "--out", out, *words)
        (file,) = out.glob("*/conformance.json")
        found = []
        for r in json.loads(file.read_text())["results"]:
            before = self.stored["checks"][r["check"]]["verdicts"][row]
            if "too slow here" in (r["reason"] or ""):
                print(f"# {row} {r['check']}: {r['reason']}")
            elif checked.verdict(r) != before:
                found.append(
                    f"{row} {r['check']}: was {before}, is {checked.verdict(r)} {r['seen']}"
                )
        return found or ([result.stderr] if result.returncode else [])

    def here(self) -> list[str]:
        rows = []
        for name, row in self.stored["rows"].items():
            if not (CELLS / name).exists():
                print(f"# {name}: not here")
                continue
            told = json.loads(run(CELLS / name, "--describe").stdout)
            if told.get("version") == row["version"]:
                rows.append(name)
            else:
                print(f"# {name}: {told.get('version')} is here, {row['version']} is stored")
        return rows

    def test_verdicts_are_the_same(self) -> None:
        rows = self.here()
        if not rows:
            self.skipTest("no allocator is here in the version that is stored")
        self.assertEqual([p for found in at_once(self.problems, rows) for p in found], [])


if __name__ == "__main__":
    unittest.main()
