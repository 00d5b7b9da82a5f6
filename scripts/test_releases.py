"""make check-releases with a pretended mirror and driver: what is fetched and checked, once; and its table."""

import json
import shutil
import unittest
from typing import Any

import releases_table
from driving import ROOT, run
from test_rivals import Mirror

DRIVER = """#!/bin/sh
echo "$@" >>{log}
while [ $# != 0 ]; do
  case $1 in
  --out) out=$2 ;;
  --preload) row=${{2%%=*}} ;;
  --directory-to) told=$2 ;;
  esac
  shift
done
[ ! -e {log}.refuse ] || exit 2
[ ! -e {log}.stop ] || {{ kill -INT $PPID; exit 130; }}
mkdir -p "$out/run"
sed "s/ROW/$row/" {result} >"$out/run/conformance.json"
echo "$out/run" >"$told"
exit 1
"""
RESULT: dict[str, Any] = {
    "allocator": "ROW",
    "check": "errno.free",
    "class": "required",
    "verdict": "fail",
    "seen": "left EINVAL",
}
RUN: dict[str, Any] = {"complete": True, "results": [RESULT]}
ENTRY = {"object": "*/libtoy.so", "since": "1", "check": "errno.free", "seen": "EINVAL"}


class Releases(Mirror):
    def setUp(self) -> None:
        super().setUp()
        for script in (*ROOT.glob("scripts/*.py"), ROOT / "scripts" / "releases.sh"):
            shutil.copy(script, self.tree / "scripts")
        shutil.copy(ROOT / "scripts" / "variables.sh", self.tree / "scripts")
        self.log = self.write("log", "")
        result = self.write("result.json", json.dumps(RUN))
        driver = DRIVER.format(log=self.log, result=result)
        self.write("tree/build/spanbench", driver).chmod(0o755)
        self.known({**ENTRY, "why": "planted"})
        self.release("1.0-1")
        self.release("2.0-1")

    def known(self, *entries: Any) -> None:
        self.write("tree/allocators/known-failures.json", json.dumps({"failures": entries}))

    def check(self, code: int, **variables: str) -> str:
        environment = {**self.environment(), **variables}
        result = run("scripts/releases.sh", cwd=self.tree, env=environment)
        self.assertEqual(result.returncode, code, result.stderr)
        return result.stdout + result.stderr

    def test_each_release_is_fetched_and_checked_once(self) -> None:
        text = self.check(0)
        self.assertIn("| check | 1.0-1 | 2.0-1 |", text)
        self.assertIn("| errno.free | known | known |", text)
        self.assertEqual(self.log.read_text().count("--preload"), 2)
        self.assertIn("of-2.0-1", str(list(self.directory.glob("of-*"))))
        self.write("lost", "")  # nothing is fetched again
        self.assertIn("toy-1.0-1: checked before", self.check(0))
        self.assertEqual(self.log.read_text().count("--preload"), 2)
        self.assertFalse((self.tree / "build" / "releases.new").exists())

    def test_a_release_that_cannot_be_checked_is_no_success(self) -> None:
        self.check(0)
        self.write("log.refuse", "")
        text = self.check(2, SEED="2")
        self.assertIn("nothing new is in the table of: toy-1.0-1 toy-2.0-1", text)
        self.assertIn("| errno.free | known | known |", text)

    def test_other_checks_are_not_those_of_before(self) -> None:
        self.check(0, CHECKS="fork.*")
        text = self.check(0)
        self.assertNotIn("checked before", text)
        self.assertEqual(self.log.read_text().count("--preload"), 4)
        self.assertIn("toy-1.0-1: checked before", self.check(0))

    def test_a_failure_that_is_new_ends_with_1(self) -> None:
        self.known()
        text = self.check(1)
        self.assertIn("| errno.free | NEW | NEW |", text)
        self.assertIn("- 1.0-1 errno.free: left EINVAL", text)

    def test_an_interrupted_run_goes_on(self) -> None:
        stop = self.write("log.stop", "")
        self.check(130)
        self.assertEqual(list((self.tree / "results").glob("*.md")), [])
        stop.unlink()
        self.write("lost", "")
        self.assertIn("| errno.free | known | known |", self.check(0))

    def test_offline_keeps_what_is_there(self) -> None:
        self.check(0)
        before = (self.tree / "results" / "releases.md").read_text()
        self.write("offline", "")
        self.assertIn("What was fetched and checked before stays", self.check(2))
        self.assertEqual((self.tree / "results" / "releases.md").read_text(), before)

    def test_some_allocators(self) -> None:
        self.assertIn("there is no complete run of a release", self.check(2, ALLOCATORS="other"))


class Table(unittest.TestCase):
    def release(self, version: str, verdict: str, seen: str = "left EINVAL") -> Any:
        result = {**RESULT, "verdict": verdict, "seen": seen}
        run = {
            **RUN,
            "results": [result, {**result, "check": "memory.returned", "class": "quality"}],
        }
        return releases_table.release_of(f"toy-{version}", run, [ENTRY])

    def test_releases_are_in_order_and_words_tell_what_is_known(self) -> None:
        releases = [
            self.release("10.1", "pass"),
            self.release("9.2", "fail", "left ENOMEM"),
            self.release("9.10", "not supported"),
        ]
        text = releases_table.text_of(releases)
        self.assertIn(
            "## toy\n\nChecks that may count: 1.\n\n| check | 9.2 | 9.10 | 10.1 |\n", text
        )
        self.assertIn("| errno.free | NEW | - |  |\n| **all** | 1 | 0 | 0 |\n", text)
        self.assertNotIn("memory.returned", text)


if __name__ == "__main__":
    unittest.main()
