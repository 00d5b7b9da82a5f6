"""The stored base: what it is worth, when it is not, and that a regression against it is found."""

from __future__ import annotations

import contextlib
import io
import json
import math
import platform
import unittest
from dataclasses import replace
from pathlib import Path
from unittest import mock

from driving import BUILD, ROOT, DriverTest, run, run_unread, slow

import baseline
from gate import base_and_head, baseline_file, deterministic, counting
from gate_proof import planted
from gate.counting import KINDS, Work
from gate.findings import Refusal
from gate.baseline_file import Stored

GOMALLOC = BUILD / base_and_head.GOMALLOC


class File(DriverTest):
    def setUp(self) -> None:
        super().setUp()
        self.file = self.directory / "baseline.json"
        counts = {"instructions": [{"instructions": 7.0}] * 3, "calls": [{"minor_faults": 1.0}] * 3}
        self.stored = Stored("0" * 40, baseline_file.key(BUILD), {Work("tiny", 100, 1): counts})

    def test_is_read_as_it_was_written(self) -> None:
        baseline_file.write(self.stored, self.file)
        self.assertEqual(baseline_file.read(self.file), self.stored)
        self.assertEqual(self.stored.differences(BUILD), [])

    def test_what_cannot_be_read_is_refused(self) -> None:
        document = self.stored.document()
        few = json.loads(json.dumps(document))
        few["rows"]["tiny"]["processes"]["calls"].pop()
        odd = []
        for value in (math.nan, math.inf, -1.0, 10**400, "7", None, True):
            odd.append(json.loads(json.dumps(document)))
            odd[-1]["rows"]["tiny"]["processes"]["calls"][0]["minor_faults"] = value
        odd += [{**document, "commit": commit} for commit in ("HEAD", "main", "0" * 39)]
        odd += [{**document, "key": []}, {**document, "key": 7}, {**document, "rows": []}]
        without = {k: v for k, v in document.items() if k != "commit"}
        for text in (
            "",
            "[]",
            "[" * 100_000,
            json.dumps(without),
            json.dumps(few),
            *map(json.dumps, odd),
        ):
            self.file.write_text(text)
            with self.assertRaisesRegex(Refusal, "not a stored base.*make baseline"):
                baseline_file.read(self.file)
        self.file.write_text(json.dumps({**document, "schema": 0}))
        with self.assertRaisesRegex(Refusal, "another version"):
            baseline_file.read(self.file)
        with self.assertRaisesRegex(Refusal, "not a stored base"):
            baseline_file.read(self.directory / "absent")

    def test_another_machine_is_another_key(self) -> None:
        with mock.patch.object(platform, "release", return_value="1.0"):
            (difference,) = self.stored.differences(BUILD)
        self.assertIn("kernel is '1.0'", difference)
        (self.directory / "stamp").mkdir()
        (self.directory / baseline_file.FLAGS).write_text("cc -O0\n")
        (difference,) = self.stored.differences(self.directory)
        self.assertIn("flags is ", difference)

    def test_another_harness_is_another_key(self) -> None:
        for folder in ("harness/cell", "workloads/timed"):
            (self.directory / folder).mkdir(parents=True)
        before = baseline_file.harness(self.directory)
        for name in ("harness/cell/new.c", "workloads/timed/new.h"):
            (self.directory / name).write_text("int x;")
            after = baseline_file.harness(self.directory)
            self.assertNotEqual(before, after)
            before = after
        (self.directory / "workloads/timed/test_new.c").write_text("int y;")
        self.assertEqual(before, baseline_file.harness(self.directory))

    def test_committed_file(self) -> None:
        committed = baseline_file.read()
        baseline_file.check_rows(committed, BUILD)
        for processes in committed.rows.values():
            for kind in KINDS:
                self.assertEqual(
                    len(processes[kind]), deterministic.REPEATS + deterministic.CONFIRM
                )


class Commit(DriverTest):
    def git(self, *words: str) -> str:
        who = ("-c", "user.name=x", "-c", "user.email=x@example.org")
        return run("git", "-C", self.directory, *who, *words, check=True).stdout.strip()

    def test_last_commit_of_the_library(self) -> None:
        self.git("init", "-q")
        with self.assertRaisesRegex(Refusal, "there is none"):
            baseline_file.commit_of_library(self.directory)
        source = self.directory / baseline_file.SOURCES[1]
        source.parent.mkdir()
        source.write_text("int x;")
        self.git("add", ".")
        self.git("commit", "-qm", "one")
        commit = self.git("rev-parse", "HEAD")
        (self.directory / "other").write_text("x")
        self.git("add", "other")
        self.git("commit", "-qm", "two")
        self.assertEqual(baseline_file.commit_of_library(self.directory), commit)
        source.write_text("int y;")
        with self.assertRaisesRegex(Refusal, "commit the changes"):
            baseline_file.commit_of_library(self.directory)


class Program(DriverTest):
    """scripts/baseline.py with the counts of gomalloc in one workload."""

    counted: Stored
    usual: dict[str, int]

    @classmethod
    def setUpClass(cls) -> None:
        directory = Path(run("mktemp", "-d").stdout.strip())
        cls.addClassCleanup(run, "rm", "-rf", directory)
        cls.usual = {"tiny": counting.operations(BUILD / "cell" / "system")["tiny"]}
        with mock.patch.object(
            baseline_file, "commit_of_library", return_value="0" * 40
        ), cls.offered():
            cls.counted = baseline_file.measure(BUILD, directory)

    @classmethod
    def offered(cls, **more: int) -> "mock._patch[mock.Mock]":
        """As if the cell had no more workloads."""
        return mock.patch.object(counting, "operations", return_value={**cls.usual, **more})

    def check(self, base: Stored, build: Path = BUILD) -> tuple[int, str]:
        file, work = self.directory / "baseline.json", self.directory / "directory"
        work.mkdir(exist_ok=True)
        baseline_file.write(base, file)
        said = io.StringIO()
        with contextlib.redirect_stdout(said), self.offered():
            return baseline.check(file, build, work), said.getvalue()

    def changed(self, metric: str, factor: float) -> Stored:
        rows = json.loads(json.dumps(self.counted.document()))["rows"]["tiny"]["processes"]
        for kind in rows.values():
            for counts in kind:
                if metric in counts:
                    counts[metric] *= factor
        return Stored(self.counted.commit, self.counted.key, {next(iter(self.counted.rows)): rows})

    def test_same_library_passes(self) -> None:
        code, said = self.check(self.counted)
        self.assertEqual(code, 0, said)
        self.assertIn("PASS: no regression", said)
        self.assertNotIn("side by side", said)

    @slow
    def test_regression_where_the_commit_is_not_at_hand(self) -> None:
        for metric, factor in (("instructions", 0.99), ("rss_peak_bytes", 0.9)):
            code, said = self.check(self.changed(metric, factor))
            self.assertEqual(code, 1, said)
            self.assertIn(f"fail: tiny/threads:1 {metric}", said)
            self.assertRegex(said, "not confirmed side by side: .*is not here")
            self.assertIn("make baseline", said)

    @slow
    def test_what_does_not_fail_side_by_side_is_no_regression(self) -> None:
        """Counts of another day, which the same library does not repeat today."""
        with mock.patch.object(baseline_file, "built", return_value=GOMALLOC):
            code, said = self.check(self.changed("instructions", 0.99))
        self.assertEqual(code, 0, said)
        self.assertIn("PASS: no regression", said)
        against, beside = said.split("side by side")
        self.assertIn("fail: tiny/threads:1 instructions", against)
        self.assertNotIn("fail:", beside)

    @slow
    def test_what_cannot_be_decided_is_counted_side_by_side_too(self) -> None:
        base = self.changed("instructions", 1)
        (processes,) = base.rows.values()
        first, *others = processes["instructions"]
        first["instructions"] *= 1.1  # one that is not apart
        for counts in others:
            counts["instructions"] *= 0.8
        with mock.patch.object(baseline_file, "built", return_value=GOMALLOC):
            code, said = self.check(base)
        self.assertIn("inconclusive: tiny/threads:1 instructions", said)
        self.assertIn("PASS: no regression", said)

    @slow
    def test_what_fails_side_by_side_too_is_a_regression(self) -> None:
        base, build = self.slower_build()
        with mock.patch.object(baseline_file, "built", return_value=base):
            code, said = self.check(self.counted, build)
        self.assertEqual(code, 1, said)
        against, beside = said.split("side by side")
        for text in (against, beside):
            self.assertIn("fail: tiny/threads:1 instructions", text)
        self.assertIn("FAIL: worse in", beside)

    @slow
    def test_improvement_is_said(self) -> None:
        code, said = self.check(self.changed("instructions", 1.01))
        self.assertEqual(code, 0)
        self.assertIn("improved: tiny/threads:1 instructions", said)

    def test_counts_of_elsewhere_are_not_used(self) -> None:
        """And a commit that is not here does not pass."""
        key = {**self.counted.key, "kernel": "1.0"}
        with self.assertRaisesRegex(Refusal, "is not here"):
            self.check(Stored("0" * 40, key, self.counted.rows))

    def test_rows_that_are_not_those_of_the_cell_are_refused(self) -> None:
        (processes,) = self.counted.rows.values()
        other = Stored("0" * 40, self.counted.key, {Work("tiny", 5, 1): processes})
        with self.assertRaisesRegex(Refusal, "5 operations.*make baseline"):
            self.check(other)
        with self.offered(new=1000), self.assertRaisesRegex(Refusal, "new.*make baseline"):
            baseline_file.check_rows(self.counted, BUILD)

    def test_program_refuses_what_does_not_fit_the_cell(self) -> None:
        file = self.directory / "baseline.json"
        baseline_file.write(self.counted, file)
        result = run(ROOT / "scripts" / "baseline.py", "check", "--file", file)
        self.assertEqual((result.returncode, result.stdout), (2, ""))
        self.assertIn("make baseline", result.stderr)

    def test_what_nobody_read_is_no_pass(self) -> None:
        done = run_unread(ROOT / "scripts" / "baseline.py", "check")
        self.assertEqual((done.returncode, done.stderr), (2, ""), "and it did not refuse")

    def test_nothing_to_compare_with_has_an_exit_code_of_its_own(self) -> None:
        """Counts of elsewhere, of a commit that is not in this clone, if that is shallow."""
        file = self.directory / "baseline.json"
        committed = baseline_file.read()
        baseline_file.write(
            Stored("0" * 40, {**committed.key, "kernel": "1.0"}, committed.rows), file
        )
        for shallow, code, says in (
            ("true", 75, "git fetch --unshallow"),
            ("false", 2, "with all history: renew the base"),
        ):
            answers = {"cat-file": None, "rev-parse": shallow}
            words, errors = ["baseline.py", "check", "--file", str(file)], io.StringIO()
            with mock.patch.object(base_and_head, "git", lambda *of: answers[of[0]]), mock.patch(
                "sys.argv", words
            ), contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(errors):
                self.assertEqual(baseline.refused(), code)
            self.assertIn(says, errors.getvalue())

    def test_what_is_no_clone_has_nothing_to_compare_with(self) -> None:
        with mock.patch.object(baseline_file, "ROOT", self.directory), mock.patch.object(
            base_and_head, "git", return_value=None
        ):
            with self.assertRaises(baseline_file.Absent):
                baseline_file.built(self.counted, BUILD)
            (self.directory / ".git").mkdir()
            with self.assertRaisesRegex(Refusal, "git refuses to read this clone"):
                baseline_file.built(self.counted, BUILD)

    def test_what_is_undecided_is_no_pass(self) -> None:
        """Nor what callgrind cannot run."""
        (work,) = self.counted.rows
        lost = deterministic.uncounted(
            work, deterministic.Broken(True, "killed", "instructions"), "again"
        )
        undecided = replace(lost, base=1.0, head=1.0)
        with mock.patch.object(baseline_file, "compare_counts", return_value=[undecided]):
            code, said = self.check(self.counted)
        self.assertEqual(code, 75, said)
        self.assertRegex(said, "not confirmed side by side: .*is not here")
        with mock.patch.object(baseline_file, "compare_counts", return_value=[lost]):
            with self.assertRaisesRegex(Refusal, "was not counted"):
                self.check(self.counted)

    def slower_build(self) -> tuple[Path, Path]:
        """A library, and a build directory with one that needs more instructions."""
        slower = planted.spin("tiny/threads:1", 1000)
        base = planted.build(GOMALLOC, [], self.directory / "good.so")
        planted.build(GOMALLOC, [slower], self.directory / base_and_head.GOMALLOC)
        for name in ("cell", "stamp"):
            (self.directory / name).symlink_to(BUILD / name)
        return base, self.directory

    @slow
    def test_commit_is_built_and_compared(self) -> None:
        """Here with a build that is ready, of a library that needs fewer instructions."""
        base, build = self.slower_build()
        work = self.directory / "directory"
        work.mkdir()
        with mock.patch.object(base_and_head, "build_commit", return_value=base), mock.patch.object(
            base_and_head, "git", return_value=""
        ):
            findings = baseline_file.compare_built(
                self.counted, build, work, lambda row: row, ["tiny"]
            )
        failed = [f.metric for f in findings if f.verdict == "fail"]
        self.assertEqual(failed, ["instructions"])


if __name__ == "__main__":
    unittest.main()
