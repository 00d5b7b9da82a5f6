"""history.py, and what it is of: the store, what counts as a change, the figure, and real records."""

from __future__ import annotations

import json
import os
import resource
import unittest
from argparse import Namespace
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any, Optional
from unittest import mock

os.environ["MPLBACKEND"] = "Agg"

from driving import BUILD, CELLS, ROOT, DriverTest, run, run_python, run_unread, slow

import history_changes
import history
import history_file
from figures import history as drawing
from gate import base_and_head, baseline_file, deterministic
from gate_proof import planted
from gate.counting import KINDS, Work
from gate.findings import Refusal
from history_file import Entry

TINY = Work("tiny", 100_000, 1)
KEY = (("compiler", "cc 1"), ("kernel", "1.0"))
OTHER_KEY = (("compiler", "cc 2"), ("kernel", "1.0"))
PROGRAM = ROOT / "scripts" / "history.py"
LIBRARY = BUILD / "libgomalloc.so"


def made_up(
    number: int,
    instructions: float = 1000,
    calls: float = 10,
    key: history_file.Key = KEY,
    rows: Optional[dict[Work, history_file.Metrics]] = None,
) -> Entry:
    """An entry of the day of its number."""
    counts = {"instructions": [instructions] * 3, "syscalls.mmap": [calls, calls, calls + 1]}
    return Entry(f"{number:040x}", f"2026-01-{number:02}T00:00:00Z", key, rows or {TINY: counts})


def marked(*instructions: float) -> list[int]:
    """The numbers of the entries that are changes."""
    entries = [made_up(i, value) for i, value in enumerate(instructions, 1)]
    points = history_changes.points(entries, TINY, "instructions")
    return [int(p.entry.commit, 16) for p in points if p.marked]


class Store(DriverTest):
    def setUp(self) -> None:
        super().setUp()
        self.file = self.directory / "history.jsonl"

    def test_is_read_as_it_was_written(self) -> None:
        self.assertEqual(history_file.read(self.file), [])
        first, second = made_up(1), made_up(2, 1000.5, calls=0)
        history_file.add(first, self.file)
        text = self.file.read_text()
        history_file.add(second, self.file)
        self.assertTrue(self.file.read_text().startswith(text))
        self.assertEqual(history_file.read(self.file), [first, second])
        self.assertEqual([p.name for p in self.directory.iterdir()], [self.file.name])

    def test_later_of_two_lines_counts(self) -> None:
        """So a merge by union may keep both; lines of other tools are others."""
        for one in (made_up(1, 5), made_up(2), made_up(1, 6), made_up(1, 7, key=OTHER_KEY)):
            history_file.add(one, self.file)
        found = [e.rows[TINY]["instructions"][0] for e in history_file.read(self.file)]
        self.assertEqual(found, [1000, 6, 7])

    def test_broken_line_is_refused(self) -> None:
        good = json.loads(made_up(1).line())
        row = good["rows"]["tiny"]

        def with_counts(counts: Any) -> dict[str, Any]:
            return {**good, "rows": {"tiny": {**row, "counts": counts}}}

        documents = [
            [],
            {},
            {**good, "schema": 2},
            {**good, "commit": "main"},
            {**good, "date": "yesterday"},
            {**good, "key": {}},
            {**good, "key": {"kernel": 1}},
            {**good, "rows": {}},
            {**good, "rows": {"tiny": {**row, "ops": 0}}},
            {**good, "rows": {"tiny": {**row, "processes": 2}}},
            {**good, "rows": {"tiny": {**row, "processes": 10**12}}},
            with_counts({}),
            with_counts({"colour": 1}),
            with_counts({"instructions": [1, 2]}),
            with_counts({"instructions": -1}),
            with_counts({"instructions": 1e-300}),
            with_counts({"instructions": True}),
            with_counts({"instructions": [1, 2, None]}),
            with_counts({"instructions": float("nan")}),
            with_counts({"instructions": 10**400}),
        ]
        lines = [json.dumps(d) for d in documents] + ["", "<<<<<<< HEAD", "{"]
        for line in lines:
            self.file.write_text(made_up(2).line() + line + "\n")
            before = self.file.read_bytes()
            with self.assertRaisesRegex(
                Refusal, "history.jsonl:2 is not a line of a history", msg=line
            ):
                history_file.read(self.file)
            with self.assertRaises(Refusal):
                history_file.add(made_up(3), self.file)
            self.assertEqual(self.file.read_bytes(), before)

    def test_what_was_cut_off_or_is_no_text_is_refused(self) -> None:
        self.file.write_text(made_up(1).line().rstrip("\n"))
        with self.assertRaisesRegex(Refusal, "cut off"):
            history_file.add(made_up(2), self.file)
        self.file.write_bytes(b"\xff\n")
        with self.assertRaisesRegex(Refusal, "not a store"):
            history_file.read(self.file)
        with self.assertRaisesRegex(Refusal, "is not a file"):
            history_file.add(made_up(2), self.directory)

    def test_full_disk_leaves_it_as_it_was(self) -> None:
        """Here the limit of a file's length, which fails as a full disk does."""
        history_file.add(made_up(1), self.file)
        before = self.file.read_bytes()
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 1, hard))
        try:
            with self.assertRaisesRegex(Refusal, "stays as it was"):
                history_file.add(made_up(2), self.file)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        self.assertEqual(self.file.read_bytes(), before)
        self.assertEqual([p.name for p in self.directory.iterdir()], [self.file.name])

    def test_committed_store(self) -> None:
        entries = history_file.read()
        self.assertGreater(len(entries), 1)
        counted = [{w.workload for w in one.rows} for one in entries]
        self.assertEqual(counted[0], {"large", "small", "tiny"}, "all that there were then")
        for before, after in zip(counted, counted[1:]):
            self.assertLessEqual(before, after, "workloads may come, and what is counted stays")

    def test_all_workloads_that_there_are_are_counted(self) -> None:
        """None is named anywhere: the cell says which are of the core."""
        asked = history.arguments().parse_args(["record"])
        self.assertIsNone(asked.workloads)
        offered = json.loads(run(CELLS / "system", "--describe").stdout)["workloads"]
        counted = {kind: [{"instructions": 1.0}] * 5 for kind in KINDS}
        library = self.directory / "lib.so"
        with mock.patch.object(deterministic, "count", return_value=[counted]):
            rows = history.count(library, CELLS.parent, asked.workloads)
        core = {w["name"] for w in offered if w["group"] == "core"}
        self.assertEqual({w.workload for w in rows}, core)
        self.assertGreaterEqual(len(rows), 3)


class Changes(unittest.TestCase):
    def test_beyond_the_limit_only(self) -> None:
        self.assertEqual(marked(1000, 1004, 998), [])
        self.assertEqual(marked(1000, 1006, 1006), [2])
        self.assertEqual(marked(1000, 990, 1000), [2, 3])

    def test_small_steps_add_up(self) -> None:
        self.assertEqual(marked(1000, 1003, 1006, 1009, 1012), [3, 5])

    def test_change_is_told_from_its_level(self) -> None:
        entries = [made_up(1), made_up(2, 1004), made_up(3, 1020)]
        point = history_changes.points(entries, TINY, "instructions")[2]
        self.assertEqual((point.since, point.before), (entries[0].commit, 1000))
        self.assertEqual(point.change, "+2.0 %")

    def test_processes_must_lie_apart_by_the_limit(self) -> None:
        """The medians alone decide nothing, in either direction."""
        for least, change in ((1095, False), (1104, False), (1107, True)):
            high, low = made_up(2), made_up(1)
            low.rows[TINY]["instructions"] = [1000, 1000, 1100]
            high.rows[TINY]["instructions"] = [least, 1200, 1200]
            for entries in ([low, high], [high, low]):
                points = history_changes.points(entries, TINY, "instructions")
                self.assertEqual(points[1].marked, change, least)

    def test_calls(self) -> None:
        entries = [made_up(1, calls=0), made_up(2, calls=49), made_up(3, calls=200)]
        for metric in ("syscalls.mmap", history_changes.ALL_CALLS):
            points = history_changes.points(entries, TINY, metric)
            self.assertEqual([p.marked for p in points], [False, False, True])
        self.assertEqual(history_changes.points(entries, TINY, "syscalls.brk")[2].value, 0)
        entries[0].rows[TINY]["syscalls.mmap"] = [0, 0, 0]
        self.assertEqual(
            history_changes.points(entries, TINY, "syscalls.mmap")[2].change, "from none"
        )

    def test_other_tools_are_not_compared(self) -> None:
        entries = [made_up(3, 2000, key=OTHER_KEY), made_up(2, 1000), made_up(1, 1000)]
        groups = history_changes.by_key(entries)
        self.assertEqual({k: len(g) for k, g in groups.items()}, {KEY: 2, OTHER_KEY: 1})
        self.assertEqual([e.date[8:10] for e in groups[KEY]], ["01", "02"])

    def test_row_that_some_do_not_have(self) -> None:
        large = Work("large", 10_000, 1)
        entries = [made_up(1), made_up(2, rows={large: {"instructions": [1, 1, 1]}})]
        self.assertEqual(history_changes.works(entries), [TINY, large])
        self.assertEqual(len(history_changes.points(entries, large, "instructions")), 1)


class Figure(unittest.TestCase):
    def test_points_and_marks(self) -> None:
        entries = [made_up(1), made_up(2), made_up(3, 1020)]
        groups = {"one": entries, "two": [made_up(2, 3000, key=OTHER_KEY)]}
        figure = drawing.draw(groups, [TINY], ["instructions"])
        (ax,) = figure.axes
        lines = [line.get_xydata().tolist() for line in ax.lines]
        self.assertEqual(lines[0], [[0, 1], [1, 1], [2, 1.02]])  # of an operation
        self.assertEqual(lines[1], [[2, 1.02]])  # the ring
        self.assertEqual(lines[2], [[1, 3]])
        self.assertEqual([t.get_text() for t in ax.texts], ["+2.0 %"])
        low, high = ax.get_ylim()
        self.assertTrue(low < 1 and high > 3)
        self.assertEqual([t.get_text() for t in ax.get_xticklabels()], ["00000000"] * 3)

    def test_what_the_gate_lets_pass_looks_small(self) -> None:
        figure = drawing.draw({"": [made_up(1), made_up(2, 1001)]}, [TINY], ["instructions"])
        low, high = figure.axes[0].get_ylim()
        self.assertGreater(high - low, 0.02)


class Repository(DriverTest):
    """Of which commits the history is, in a repository whose gomalloc does not build at its end."""

    def setUp(self) -> None:
        super().setUp()
        self.root = self.directory / "root"
        self.root.mkdir()
        self.git("init", "-q")
        (self.root / "other").write_text("x")
        self.none = self.commit()
        for file in baseline_file.SOURCES:
            (self.root / file).parent.mkdir(exist_ok=True)
        self.source = self.root / baseline_file.SOURCES[1]
        self.source.write_text("int x;")
        self.first = self.commit()
        (self.root / "other").write_text("y")
        self.same = self.commit()
        self.source.write_text("int y;")
        self.second = self.commit()

    def git(self, *words: str) -> str:
        who = ("-c", "user.name=x", "-c", "user.email=x@example.org")
        return run("git", "-C", self.root, *who, *words, check=True).stdout.strip()

    def commit(self) -> str:
        self.git("add", ".")
        self.git("commit", "-qm", "x")
        return self.git("rev-parse", "HEAD")

    def of(self, *words: str) -> list[str]:
        return history.commits_of(words, self.root)

    def test_commits(self) -> None:
        self.assertEqual(self.of(), [self.second])
        self.assertEqual(self.of(self.same, self.first), [self.first])
        self.assertEqual(self.of(f"{self.none}..HEAD"), [self.first, self.second])
        for word, why in (
            ("nothing", "is not a commit"),
            ("--all", "is not a commit"),
            ("", "is not a commit"),
            ("a..nothing", "is not a range"),
            (f"{self.first}..{self.same}", "changed gomalloc"),
            (self.none, "has no gomalloc"),
        ):
            with self.assertRaisesRegex(Refusal, why):
                self.of(word)

    def test_changed_tree_is_refused_unless_the_commit_is_named(self) -> None:
        self.source.write_text("int z;")
        with self.assertRaisesRegex(Refusal, "commit the changes"):
            self.of()
        self.assertEqual(self.of("HEAD"), [self.second])

    def test_shallow_clone_is_refused(self) -> None:
        clone = self.directory / "clone"
        run("git", "clone", "-q", "--depth=1", f"file://{self.root}", clone, check=True)
        with self.assertRaisesRegex(Refusal, "git fetch --unshallow"):
            history.check_depth(history.commits_of([], clone), clone)
        history.check_depth([self.second], self.root)

    def test_commit_that_does_not_build(self) -> None:
        """Is said, and the others are recorded."""
        file = self.directory / "history.jsonl"
        built = base_and_head.build_commit

        def build_commit(commit: str, build: Path, root: Path) -> Path:
            return LIBRARY if commit == self.second else built(commit, self.directory, root)

        asked = Namespace(
            commits=[self.first, self.second], store=file, keep=False, again=False, workloads="tiny"
        )
        said, warned = StringIO(), StringIO()
        with mock.patch.object(base_and_head, "build_commit", build_commit):
            with redirect_stdout(said), redirect_stderr(warned):
                self.assertEqual(history.record(asked, BUILD, self.root), 1)
        self.assertEqual([e.commit for e in history_file.read(file)], [self.second])
        self.assertRegex(warned.getvalue(), f"{self.first[:8]} is not recorded: .*does not build")
        self.assertNotIn("another base", warned.getvalue())

    def test_what_git_has_stays_as_it_is_unless_told(self) -> None:
        """What is recorded by the way lies in a file of the working copy, and is kept on demand."""
        file, local = self.directory / "stored.jsonl", self.directory / "local" / "local.jsonl"
        counted: list[Path] = []

        def count(library: Path, *_: Any) -> Any:
            counted.append(library)
            return {Work("tiny", 10, 1): {"instructions": [7.0] * deterministic.REPEATS}}

        asked = Namespace(commits=[self.second], store=None, again=False, workloads="tiny")
        with mock.patch.object(history_file, "FILE", file), mock.patch.object(
            history, "LOCAL", local
        ), mock.patch.object(history, "count", count), mock.patch.object(
            base_and_head, "build_commit", lambda *_: LIBRARY
        ), redirect_stdout(
            StringIO()
        ):
            for keep, where in ((False, local), (False, local), (True, file), (True, file)):
                asked.keep = keep
                self.assertEqual(history.record(asked, BUILD, self.root), 0)
                self.assertEqual([e.commit for e in history_file.read(where)], [self.second])
                self.assertEqual(file.exists(), keep)
                self.assertEqual([e.commit for e in history.stored(asked)], [self.second])
        self.assertEqual(len(counted), 1, "what was counted is kept, not counted again")


class Program(DriverTest):
    def setUp(self) -> None:
        super().setUp()
        self.file = self.directory / "history.jsonl"

    def history(self, action: Any, *words: Any) -> Any:
        return run_python(PROGRAM, action, "--store", self.file, *words)

    def need_history(self) -> None:
        if base_and_head.git("rev-parse", "--is-shallow-repository", root=ROOT) != "false":
            self.skipTest("this is not a clone with all commits, so none can be told from the next")

    @slow
    def test_record(self) -> None:
        """Of the newest commit that changed gomalloc, once."""
        self.need_history()
        for word in ("recorded", "is in the store"):
            done = self.history("record", "HEAD", "--workloads", "tiny")
            self.assertEqual((done.returncode, done.stderr), (0, ""), done.stdout)
            self.assertIn(word, done.stdout)
        done = self.history("record", "HEAD", "--workloads", "tiny", "--again")
        self.assertEqual(len(self.file.read_text().splitlines()), 2)
        (one,) = history_file.read(self.file)
        self.assertEqual(one.commit, history.single("HEAD", ROOT)[0])
        self.assertEqual(one.key, tuple(sorted(baseline_file.key(BUILD).items())))
        self.assertIn("instructions", one.rows[TINY])
        self.assertIn("1 commit,", self.history("table").stdout)

    @slow
    def test_recording_that_nobody_reads_ends_with_what_was_not_said(self) -> None:
        self.need_history()
        done = run_unread(PROGRAM, "record", "HEAD", "--workloads", "tiny", "--store", self.file)
        self.assertEqual((done.returncode, done.stderr), (2, ""))
        self.assertEqual(len(history_file.read(self.file)), 1, "it was counted, and is kept")

    @slow
    def test_planted_two_per_cent_are_a_change(self) -> None:
        """And the same library once more is none."""
        base = planted.build(LIBRARY, [], self.directory / "base.so")
        plain = history.count(base, BUILD, ["tiny"])
        operation = plain[TINY]["instructions"][0] / 1000
        # A spin has PAYMENT instructions and its pairs, two each.
        pairs = round((0.02 * operation * planted.PERIOD - planted.PAYMENT) / 2)
        slower = planted.spin("tiny/threads:1", max(1, pairs))
        head = planted.build(LIBRARY, [slower], self.directory / "head.so")
        counted = [
            plain,
            history.count(base, BUILD, ["tiny"]),
            history.count(head, BUILD, ["tiny"]),
        ]
        for number, rows in enumerate(counted, 1):
            history_file.add(made_up(number, rows=rows), self.file)
        out = self.history("table").stdout
        lines = [line.split() for line in out.splitlines()[2:]]
        self.assertEqual([line[1:3] for line in lines], [["instructions", f"{3:040x}"[:8]]], out)
        self.assertAlmostEqual(float(lines[0][-2]), 2.0, delta=0.3, msg=out)

    def test_plot_and_table(self) -> None:
        for one in (made_up(1), made_up(2, 1100)):
            history_file.add(one, self.file)
        done = self.history("plot", "--out", self.directory / "plots")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertTrue((self.directory / "plots" / "history.png").stat().st_size)
        out = self.history("table").stdout
        self.assertRegex(out, r"tiny/threads:1 +instructions +00000000 +1,000 +-> +1,100 +\+10.0 %")
        words = ("--row", "tiny/threads:1", "--metric", "syscalls.mmap")
        self.assertRegex(self.history("table", *words).stdout, r"2026-01-02 +10\n")
        self.assertIn("no change", self.history("table", *words[2:]).stdout)

    def test_wrong_use(self) -> None:
        """Ends with 2 and a line."""
        history_file.add(made_up(1), self.file)
        for words, why in (
            (("record", "nothing"), "is not a commit"),
            (("record", "HEAD", "--workloads", "none"), "no workload"),
            (("record", "HEAD", "--workloads", ""), "no workload"),
            (("table", "--row", "none"), "there is no 'none'"),
            (("plot", "--metric", "none"), "there is no 'none'"),
            (("table", "--store", self.directory / "absent"), "no commits yet"),
            (("record", "--store", self.directory / "absent" / "x", "HEAD"), "no directory"),
        ):
            done = self.history(*words)
            self.assertEqual((done.returncode, done.stdout), (2, ""), done.stderr)
            self.assertIn(why, done.stderr)
            self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)
        done = run("sh", "-c", f"{PROGRAM} table --store {self.file} >/dev/full")
        self.assertEqual(done.returncode, 2)

    def test_broken_store(self) -> None:
        self.file.write_text("{}\n")
        for action in ("record", "plot", "table"):
            done = self.history(action)
            self.assertEqual(done.returncode, 2)
            self.assertIn("history.jsonl:1 is not a line of a history", done.stderr)

    def test_help(self) -> None:
        self.assertIn("examples:", run(PROGRAM, "--help").stdout)


if __name__ == "__main__":
    unittest.main()
