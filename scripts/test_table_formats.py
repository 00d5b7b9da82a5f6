"""The table of a run as Markdown, CSV and JSON: the same numbers, and text that stays text."""

import csv
import io
import json
import subprocess
import sys
import unittest
from pathlib import Path

import bench_results
import table
import table_formats
from test_bench_results import EXAMPLE, entry, failed, made_up

TABLE = Path(__file__).resolve().parent / "table.py"
ODD = 'a|b, "c" <i>'


class Formats(unittest.TestCase):
    def setUp(self) -> None:
        entries = [entry(ODD, ns) for ns in (5.0, 6.0, 7.0)]
        self.run_ = made_up([*entries, entry("system", 10.0), failed("bad", "no | pipe")])

    def test_records(self) -> None:
        rows = json.loads(table_formats.as_json(self.run_))["rows"]
        first = next(r for r in rows if r["allocator"] == ODD)
        self.assertEqual(
            [first[k] for k in ("ns_per_op", "ns_per_op_low", "ns_per_op_high")], [6, 5, 7]
        )
        self.assertEqual(
            (first["workload"], first["threads"], first["spread"]), ("tiny", 1, "range")
        )
        bad = next(r for r in rows if r["allocator"] == "bad")
        self.assertEqual(
            (bad["ns_per_op"], bad["failed_samples"], bad["causes"]), (None, 1, "no | pipe")
        )

    def test_csv_has_the_same(self) -> None:
        rows = json.loads(table_formats.as_json(self.run_))["rows"]
        read = list(csv.DictReader(io.StringIO(table_formats.as_csv(self.run_))))
        self.assertEqual(len(read), len(rows))
        for one, other in zip(rows, read):
            self.assertEqual(list(one), list(other))
            said = {
                k: "" if v is None else str(int(v) if v is True or v is False else v)
                for k, v in one.items()
            }
            self.assertEqual(said, other)

    def test_markdown(self) -> None:
        text = table_formats.as_markdown(self.run_)
        self.assertIn('| a\\|b, "c" &lt;i&gt; | **6.00** |', text)
        self.assertIn("- bad: 1 of 1 samples FAILED: no \\| pipe", text)
        tables = [line for line in text.splitlines() if line.startswith("|")]
        self.assertEqual(len({line.replace("\\|", "").count("|") for line in tables}), 1)

    def test_numbers_are_those_of_the_table(self) -> None:
        """The median of each column, of every row of the stored run."""
        run = bench_results.load(EXAMPLE)
        rows = {
            (r["workload"], r["threads"], r["allocator"]): r for r in table_formats.records(run)
        }
        self.assertEqual(len(rows), len(run.rows))
        for row in run.rows:
            for column in table.COLUMNS:
                told = column.text(row)
                if column.title in table_formats.KEYS and told:
                    value = rows[row.workload, row.threads, row.allocator][
                        table_formats.KEYS[column.title]
                    ]
                    shown = float(told.replace(",", ""))
                    self.assertAlmostEqual(
                        value, shown, delta=max(0.006, abs(shown) * 0.006), msg=column.title
                    )

    def test_the_command(self) -> None:
        made = subprocess.run(
            [sys.executable, TABLE, "--format=json", EXAMPLE],
            capture_output=True,
            text=True,
            check=True,
        )
        self.assertEqual(
            len(json.loads(made.stdout)["rows"]), len(bench_results.load(EXAMPLE).rows)
        )
        wrong = subprocess.run(
            [sys.executable, TABLE, "--format=x", EXAMPLE], capture_output=True, text=True
        )
        self.assertEqual(wrong.returncode, 2)
        self.assertIn("markdown, csv, json", wrong.stderr.replace("'", ""))


if __name__ == "__main__":
    unittest.main()
