"""The stored base: what it is worth, when it is not, and that a regression against it is found."""

from __future__ import annotations

import json
import platform
import subprocess
import unittest
from pathlib import Path
from unittest import mock

from driving import BUILD, ROOT, DriverTest, run

from gate import arms, exact, planted, stored
from gate.counting import KINDS, Work
from gate.findings import Refusal
from gate.stored import Stored

GOMALLOC = BUILD / arms.GOMALLOC


class File(DriverTest):
    def setUp(self) -> None:
        super().setUp()
        self.file = self.directory / "baseline.json"
        counts = {"instructions": [{"instructions": 7.0}] * 3, "calls": [{"minor_faults": 1.0}] * 3}
        self.stored = Stored("0" * 40, stored.key(BUILD), {Work("tiny", 100, 1): counts})

    def test_is_read_as_it_was_written(self) -> None:
        stored.write(self.stored, self.file)
        self.assertEqual(stored.read(self.file), self.stored)
        self.assertEqual(self.stored.differences(BUILD), [])

    def test_what_cannot_be_read_is_refused(self) -> None:
        document = self.stored.document()
        few = json.loads(json.dumps(document))
        few["rows"]["tiny"]["processes"]["calls"].pop()
        without = {k: v for k, v in document.items() if k != "commit"}
        for text in ("", "[]", json.dumps(without), json.dumps(few)):
            self.file.write_text(text)
            with self.assertRaisesRegex(Refusal, "no stored base.*make baseline"):
                stored.read(self.file)
        self.file.write_text(json.dumps({**document, "schema": 0}))
        with self.assertRaisesRegex(Refusal, "another version"):
            stored.read(self.file)
        with self.assertRaisesRegex(Refusal, "no stored base"):
            stored.read(self.directory / "absent")

    def test_another_machine_is_another_key(self) -> None:
        with mock.patch.object(platform, "release", return_value="1.0"):
            (difference,) = self.stored.differences(BUILD)
        self.assertIn("kernel is '1.0'", difference)
        (self.directory / "stamp").mkdir()
        (self.directory / stored.FLAGS).write_text("cc -O0\n")
        (difference,) = self.stored.differences(self.directory)
        self.assertIn("flags is ", difference)

    def test_another_harness_is_another_key(self) -> None:
        for folder in ("harness/cell", "workloads"):
            (self.directory / folder).mkdir(parents=True)
        before = stored.harness(self.directory)
        for name in ("harness/cell/new.c", "workloads/new.h"):
            (self.directory / name).write_text("int x;")
            after = stored.harness(self.directory)
            self.assertNotEqual(before, after)
            before = after
        (self.directory / "workloads/test_new.c").write_text("int y;")
        self.assertEqual(before, stored.harness(self.directory))

    def test_committed_file(self) -> None:
        committed = stored.read()
        self.assertEqual({w.workload for w in committed.rows}, {"tiny", "small", "large"})
        for processes in committed.rows.values():
            for kind in KINDS:
                self.assertEqual(len(processes[kind]), exact.REPEATS + exact.CONFIRM)


class Commit(DriverTest):
    def git(self, *words: str) -> str:
        who = ("-c", "user.name=x", "-c", "user.email=x@example.org")
        return run("git", "-C", self.directory, *who, *words, check=True).stdout.strip()

    def test_last_commit_of_the_library(self) -> None:
        self.git("init", "-q")
        with self.assertRaisesRegex(Refusal, "there is none"):
            stored.commit_of_library(self.directory)
        source = self.directory / stored.SOURCES[1]
        source.parent.mkdir()
        source.write_text("int x;")
        self.git("add", ".")
        self.git("commit", "-qm", "one")
        commit = self.git("rev-parse", "HEAD")
        (self.directory / "other").write_text("x")
        self.git("add", "other")
        self.git("commit", "-qm", "two")
        self.assertEqual(stored.commit_of_library(self.directory), commit)
        source.write_text("int y;")
        with self.assertRaisesRegex(Refusal, "commit the changes"):
            stored.commit_of_library(self.directory)


class Program(DriverTest):
    """scripts/baseline.py with the counts of gomalloc at a tiny load."""

    counted: Stored

    @classmethod
    def setUpClass(cls) -> None:
        directory = Path(run("mktemp", "-d").stdout.strip())
        cls.addClassCleanup(run, "rm", "-rf", directory)
        with mock.patch.object(stored, "commit_of_library", return_value="0" * 40):
            cls.counted = stored.measure(BUILD, directory, ["tiny"])

    def check(self, base: Stored) -> "subprocess.CompletedProcess[str]":
        file = self.directory / "baseline.json"
        stored.write(base, file)
        return run(ROOT / "scripts" / "baseline.py", "check", "--file", file)

    def changed(self, metric: str, factor: float) -> Stored:
        rows = json.loads(json.dumps(self.counted.document()))["rows"]["tiny"]["processes"]
        for kind in rows.values():
            for counts in kind:
                if metric in counts:
                    counts[metric] *= factor
        return Stored(self.counted.commit, self.counted.key, {next(iter(self.counted.rows)): rows})

    def test_same_library_passes(self) -> None:
        result = self.check(self.counted)
        self.assertEqual((result.returncode, result.stderr), (0, ""), result.stdout)
        self.assertIn("PASS: no regression", result.stdout)

    def test_regression(self) -> None:
        for metric, factor in (("instructions", 0.99), ("rss_peak_bytes", 0.9)):
            result = self.check(self.changed(metric, factor))
            self.assertEqual(result.returncode, 1, result.stdout)
            self.assertIn(f"fail: tiny/threads:1 {metric}", result.stdout)
            self.assertIn("make baseline", result.stdout)

    def test_improvement_is_said(self) -> None:
        result = self.check(self.changed("instructions", 1.01))
        self.assertEqual(result.returncode, 0)
        self.assertIn("improved: tiny/threads:1 instructions", result.stdout)

    def test_counts_of_elsewhere_are_not_used(self) -> None:
        """And a commit that is not here is no pass."""
        key = {**self.counted.key, "kernel": "1.0"}
        result = self.check(Stored("0" * 40, key, self.counted.rows))
        self.assertEqual(result.returncode, 2, result.stdout)
        self.assertIn("not comparable here: kernel", result.stdout)
        self.assertIn("git fetch --unshallow", result.stderr)

    def test_other_operations_are_refused(self) -> None:
        (processes,) = self.counted.rows.values()
        base = Stored("0" * 40, self.counted.key, {Work("tiny", 5, 1): processes})
        result = self.check(base)
        self.assertEqual(result.returncode, 2)
        self.assertIn("other numbers of operations", result.stderr)

    def test_commit_is_built_and_compared(self) -> None:
        """Here with a build that is ready, of a library that needs fewer instructions."""
        slower = planted.spin("tiny/threads:1", 100)
        base = planted.build(GOMALLOC, [], self.directory / "good.so")
        head = planted.build(GOMALLOC, [slower], self.directory / arms.GOMALLOC)
        (self.directory / "cell").symlink_to(BUILD / "cell")
        work = self.directory / "directory"
        work.mkdir()
        with mock.patch.object(arms, "build_commit", return_value=base), mock.patch.object(
            arms, "git", return_value=""
        ):
            findings = stored.compare_built(self.counted, self.directory, work, lambda row: row)
        self.assertEqual(head.parent, self.directory)
        failed = [f.metric for f in findings if f.verdict == "fail"]
        self.assertEqual(failed, ["instructions"])


if __name__ == "__main__":
    unittest.main()
