"""Cells that are broken on purpose: each sample fails with its cause, and the rest runs."""

import shutil
import unittest
from pathlib import Path
from subprocess import CompletedProcess
from typing import Optional

from driving import CELLS, FAULTY, ROOT, DriverTest, adapter_keys

SMALL = ["--workloads", "small", "--threads", "2", "--repetitions", "2", "--brief"]
# What hangs is waited for no longer. What does not has time, also on a machine busy with other things:
# so little to do that it takes a hundredth of that, or by default a minute.
HANGS = ["--workloads", "tiny", "--threads", "1", "--repetitions", "2", "--timeout", "10"]
DESCRIBE = 'case $1 in --describe) exec {good} "$@";; esac\n'


class PlantedBugs(DriverTest):
    """allocators/faulty/bench/*.c, each rejected for the reason that it names."""

    def test_each_is_caught_by_the_check_that_it_names(self) -> None:
        found = sorted((ROOT / "allocators" / "faulty" / "bench").glob("*.c"))
        # The others are slow or fat, not wrong: test_exposed.py has them.
        sources = [s for s in found if "exposed-by" not in adapter_keys(s)]
        self.assertGreaterEqual(len(sources), 12)
        hanging = [s for s in sources if "no end after" in self.caught_by(s)]
        self.assertEqual(len(hanging), 1)
        self.use_cells(*(FAULTY / s.stem for s in hanging))
        self.check(hanging, HANGS)
        shutil.rmtree(self.cells)
        others = [s for s in sources if s not in hanging]
        self.use_cells(*(FAULTY / s.stem for s in others), CELLS / "system", CELLS / "null")
        self.check(others, SMALL)
        self.assertEqual(self.causes("system"), [None, None])
        self.assertEqual(self.causes("null"), [None, None])

    def caught_by(self, source: Path) -> str:
        caught_by: Optional[str] = adapter_keys(source).get("caught-by")
        assert caught_by, f"{source.name} does not name the check that must catch it"
        return caught_by

    def check(self, sources: list[Path], words: list[str]) -> None:
        result = self.quick(*words)
        self.assertEqual(result.returncode, 1, result.stderr)
        for source in sources:
            causes = self.causes(source.stem)
            self.assertEqual(len(causes), 2, f"{source.stem}: a failed entry for each sample")
            for cause in causes:
                self.assertIn(self.caught_by(source), cause or "it passed", source.stem)


class BadCells(DriverTest):
    """Cells that break the protocol, beside a good one, the cheapest."""

    def check(
        self, script: str, expected: str, words: list[str] = SMALL
    ) -> "CompletedProcess[str]":
        self.script_cell("bad", script)
        self.use_cells(CELLS / "null")
        result = self.quick(*words)
        self.assertEqual(result.returncode, 1, result.stderr)
        causes = self.causes("bad")
        self.assertEqual(len(causes), 2)
        for cause in causes:
            self.assertIn(expected, cause or "it passed")
        self.assertEqual(self.causes("null"), [None, None])
        return result

    def test_garbage(self) -> None:
        self.check(DESCRIBE + "echo garbage >&3", "no valid JSON")

    def test_half_a_record(self) -> None:
        self.check(DESCRIBE + '{good} "$@" 3>&1 | head -c 200 >&3', "no valid JSON")

    def test_nothing(self) -> None:
        self.check(DESCRIBE + "exit 0", "no record")

    def test_too_much(self) -> None:
        self.check(DESCRIBE + "seq 100000 >&3", "more than a record")

    def test_record_and_more(self) -> None:
        self.check(DESCRIBE + '{good} "$@"; {good} "$@"', "no valid JSON")

    def test_words_on_standard_error_are_the_cause(self) -> None:
        self.check(DESCRIBE + "echo out of luck >&2; exit 9", "exit code 9: out of luck")

    def check_clean(self, script: str, *expected: str) -> None:
        """As check; and no cause, and nothing that the driver prints, drives a terminal or is
        not text. (The driver's output is decoded strictly: see driving.run.)"""
        result = self.check(script, expected[0])
        for text in [result.stdout, result.stderr, *filter(None, self.causes("bad"))]:
            stray = [c for c in text if c in "\x7f\ufffd" or (c < " " and c not in "\t\n")]
            self.assertEqual(stray, [], text)
        for part in expected:
            self.assertIn(part, self.causes("bad")[0] or "")

    def test_words_that_drive_a_terminal(self) -> None:
        self.check_clean(
            DESCRIBE + r"printf '\033[2J\033]0;title\007out of \b luck\177' >&2; exit 9",
            "exit code 9: ",
            " luck",
        )

    def test_words_that_are_no_text(self) -> None:
        words = r"printf 'caf\303\251 \377 \300\257 \355\240\200 \342\202' >&2; exit 9"
        self.check_clean(DESCRIBE + words, "exit code 9: ", "caf\u00e9 ? ")

    def test_finding_that_drives_a_terminal(self) -> None:
        error = r'{{"error":{{"check":"contents","message":"\\u001b[31mred\\u0007 caf\303\251"}}}}'
        self.check_clean(DESCRIBE + f"printf '{error}' >&3; exit 1", "contents: ", "caf\u00e9")

    def test_finding_that_is_no_text(self) -> None:
        error = r'{{"error":{{"check":"contents","message":"\377 caf\303"}}}}'
        self.check_clean(DESCRIBE + f"printf '{error}' >&3; exit 1", "no valid JSON")

    def test_description_that_is_no_text(self) -> None:
        self.check_clean(
            r"printf '\033[31m\377' >&2; exit 9",
            "a process that only loads it: ended with exit code 9: ",
        )

    def test_good_record_but_bad_exit_code(self) -> None:
        self.check(DESCRIBE + '{good} "$@"; exit 3', "exit code 3")

    def test_lie_about_identity(self) -> None:
        lie = 'sed \'s|"object":"[^"]*|"object":"/lib/libfoo.so|\''
        self.check(DESCRIBE + '{good} "$@" 3>&1 | ' + lie + " >&3", "identity: ")

    def test_numbers_that_cannot_be(self) -> None:
        """As of a library that replaces a function by which it is measured."""
        for number, value, expected in (
            ("wall_ns", 10**13, "impossible: it timed"),
            ("counted_ns", 1, "impossible: it timed"),
            ("counted_ns", 10**13, "impossible: it timed"),
            ("cpu_ns", 10**13, "of CPU time"),
            ("rss_live_bytes", 4096, "bytes are live and written"),
            ("live_bytes", 0, "no live bytes"),
        ):
            lie = f'sed \'s|"{number}":[0-9]*|"{number}":{value}|\''
            with self.subTest(number, value=value):
                self.check(DESCRIBE + '{good} "$@" 3>&1 | ' + lie + " >&3", expected)
                shutil.rmtree(self.cells)

    def test_less_time_than_its_thread_worked(self) -> None:
        """Of the record, only the time is wrong: what was counted, and the CPU time, are not."""
        lie = 'sed \'s|"wall_ns":[0-9]*|"wall_ns":1000000|\''
        words = ["--workloads", "tiny", "--threads", "1", "--repetitions", "2"]
        self.check(DESCRIBE + '{good} "$@" 3>&1 | ' + lie + " >&3", "of CPU time", words)

    def test_other_requests(self) -> None:
        # The rows of most are good, wherever the odd one stands among them.
        lie = DESCRIBE + '{good} "$@" 3>&1 | sed \'s|"digest":"....|"digest":"0000|\' >&3'
        for name in ("a-first", "z-last"):
            self.script_cell(name, lie)
            self.use_cells(CELLS / "system")
            (self.cells / "other").symlink_to(CELLS / "system")
            result = self.quick(*SMALL)
            self.assertEqual(result.returncode, 1)
            for cause in self.causes(name):
                self.assertIn("check failed: digest: ", cause or "it passed")
            self.assertEqual(self.causes("system") + self.causes("other"), [None] * 4)
            shutil.rmtree(self.cells)

    def test_other_requests_in_the_timed_pass_only(self) -> None:
        lie = 'sed \'s|"digest":"....|"digest":"0000|\''
        self.check(
            DESCRIBE
            + 'case "$*" in *--verify*) exec {good} "$@";; esac\n'
            + '{good} "$@" 3>&1 | '
            + lie
            + " >&3",
            " with the seed of this round",
        )

    def test_other_sample(self) -> None:
        self.check(
            DESCRIBE + '{good} "$@" 3>&1 | sed \'s|"threads":2|"threads":1|\' >&3',
            "the record is of another sample",
        )

    def test_unverified_check(self) -> None:
        self.check(
            DESCRIBE + '{good} "$@" 3>&1 | sed \'s|"verified":true|"verified":false|\' >&3',
            "the record is of another sample",
        )

    def test_crash_in_the_timed_pass_only(self) -> None:
        self.check(
            DESCRIBE + 'case "$*" in *--verify*) exec {good} "$@";; esac\nkill -ABRT $$', "SIGABRT"
        )

    def test_hang_in_the_timed_pass_costs_its_limit_once(self) -> None:
        self.check(
            DESCRIBE + 'case "$*" in *--verify*) exec {good} "$@";; esac\nexec sleep 600',
            "no end after",
            HANGS,
        )
        self.assertIn("not run after this", self.causes("bad")[1] or "")

    def test_description_that_is_none(self) -> None:
        self.check("echo '{{}}' >&3", "no valid description")

    def test_description_that_crashes(self) -> None:
        self.check("kill -SEGV $$", "only loads it: killed by SIGSEGV")

    def test_description_of_a_torn_library(self) -> None:
        self.check("kill -BUS $$", "the file is truncated or damaged")

    def test_description_that_hangs(self) -> None:
        self.check("exec sleep 600", "only loads it: no end after", HANGS)

    def test_flaky_sample_leaves_the_others(self) -> None:
        self.script_cell(
            "bad",
            DESCRIBE
            + 'case "$*" in *--verify*) exec {good} "$@";; esac\n'
            + 'mkdir "$0.once" 2>/dev/null && exit 5\nexec {good} "$@"',
        )
        self.use_cells(CELLS / "system")
        self.assertEqual(self.quick(*SMALL).returncode, 1)
        self.assertEqual([bool(c) for c in self.causes("bad")], [True, False])
