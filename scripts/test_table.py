"""table.py: what it prints, and what it calls the best."""

import os
import subprocess
import sys
import unittest
from pathlib import Path

import results
import table
from test_results import EXAMPLE, entry, made_up

TABLE = Path(__file__).resolve().parent / "table.py"


class Numbers(unittest.TestCase):
    def test_three_digits(self) -> None:
        for value, text in (
            (0, "0"),
            (0.004567, "0.00457"),
            (0.5, "0.500"),
            (1.2345, "1.23"),
            (12.345, "12.3"),
            (99.94, "99.9"),
            (123.4, "123"),
            (123456.7, "123,457"),
        ):
            self.assertEqual(table.number(value), text)


class Best(unittest.TestCase):
    def test_floor_and_failed_rows_are_never_best(self) -> None:
        bad = {**entry("broken", 1), "error_occurred": True, "error_message": "no luck"}
        run = made_up([entry("a", 5), entry("b", 7), entry("null", 1), entry("broken", 2), bad])
        best = table.best_cells(run.rows)
        self.assertIn(("a", 0), best)
        self.assertEqual({name for name, column in best if column == 0}, {"a"})
        self.assertEqual({name for name, _ in best}, {"a", "b"}, "equal memory: both are best")

    def test_lines(self) -> None:
        bad = {**entry("broken", 1), "error_occurred": True, "error_message": "no luck"}
        run = made_up([entry("slow", 70), entry("null", 1), entry("fast", 5), bad])
        lines = table.format_group(run, "tiny", 1, colour=False)
        names = [line.split()[0] for line in lines[3:]]
        self.assertEqual(names, ["fast", "slow", "null", "broken"], "by speed, then the floor")
        self.assertIn("FAILED: no luck", lines[-1])
        self.assertIn("5.00", lines[3])
        self.assertIn("-", lines[3].split()[-1], "no purge")
        coloured = table.format_group(run, "tiny", 1, colour=True)
        self.assertIn(f"{table.BOLD}", coloured[3])

    def test_oversubscription_is_said(self) -> None:
        run = made_up([entry("a", 5, threads=4)])
        self.assertIn("more than the 2 CPUs", table.format_group(run, "tiny", 4, colour=False)[1])


class Program(unittest.TestCase):
    def run_table(self, *words: str, **more: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, TABLE, *words],
            capture_output=True,
            text=True,
            env={**os.environ, **more},
            check=False,
        )

    def test_example(self) -> None:
        result = self.run_table(str(EXAMPLE))
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertNotIn("\033", result.stdout, "no colours in a pipe")
        run = results.load(EXAMPLE)
        for row in run.rows:
            self.assertIn(row.allocator, result.stdout)
        groups = len(run.workloads) * len(run.thread_counts)
        self.assertEqual(result.stdout.count("live set"), groups + 1)

    def test_what_is_no_run(self) -> None:
        for path in ("/nonexistent", str(TABLE)):
            result = self.run_table(path)
            self.assertEqual(result.returncode, 2)
            self.assertTrue(result.stderr.startswith("table.py: "), result.stderr)
            self.assertEqual(len(result.stderr.splitlines()), 1)
