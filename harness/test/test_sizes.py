"""Sizes of requests that the user gives: files and distributions, good and bad, from the option to the record."""

import json
from typing import Any

from driving import CELLS, DriverTest, cell, run

BRIEF = (
    "--brief",
    "--allocators",
    "system",
    "--threads",
    "1",
    "--repetitions",
    "1",
    "--no-timeline",
)


class Sizes(DriverTest):
    def file(self, text: Any) -> str:
        path = self.directory / "sizes.txt"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return str(path)

    def sizes_of(self, given: str, *words: Any) -> Any:
        """The record of a run with these sizes."""
        result = self.quick(*BRIEF, "--sizes", given, *words)
        self.assertEqual(result.returncode, 0, result.stderr)
        return self.valid_document()["context"]["spanbench"]["sizes"]

    def refused(self, given: str, *parts: str) -> None:
        result = self.quick(*BRIEF, "--sizes", given)
        self.assertEqual(result.returncode, 2, result.stderr)
        self.assertFalse(self.out.exists(), "nothing is measured")
        self.assertEqual(len(result.stderr.splitlines()), 1, result.stderr)
        for part in ("--sizes", *parts):
            self.assertIn(part, result.stderr)

    def test_a_histogram(self) -> None:
        text = "# my program\n64 100\r\n\n  24\t7 # strings\n64,1\n100000: 5\n100001 5\n300\n40 0"
        sizes = self.sizes_of(self.file(text))
        self.assertEqual(
            sizes["ranges"], [[24, 24, 7], [64, 64, 101], [300, 300, 1], [100000, 100001, 10]]
        )
        self.assertAlmostEqual(
            sizes["mean_bytes"], (24 * 7 + 64 * 101 + 300 + 200001 * 5) / 119, places=3
        )
        self.assertTrue(sizes["given"].endswith("sizes.txt"))
        entries = self.document()["benchmarks"]
        self.assertEqual({e["workload"] for e in entries}, {"sizes"}, "it is the default now")

    def test_the_requests_are_of_these_sizes_alone(self) -> None:
        self.sizes_of(self.file("48\n" * 1000))
        (entry,) = self.document()["benchmarks"]
        self.assertEqual(entry["live_bytes"], 48 * entry["live_blocks"])

    def test_the_same_sizes_are_the_same_work_and_others_are_not(self) -> None:
        digests = []
        for text in ("48 3\n64 1\n", "64\n48\n48\n48\n", "48 3\n64 2\n"):
            self.sizes_of(self.file(text))
            digests.append(self.document()["benchmarks"][0]["digest"])
        self.assertEqual(digests[0], digests[1])
        self.assertNotEqual(digests[0], digests[2])

    def test_a_log_normal(self) -> None:
        sizes = self.sizes_of("lognormal:100,1.5,8,5000")
        self.assertEqual((sizes["ranges"][0][0], sizes["ranges"][-1][1]), (8, 5000))
        below = sum(count for _, most, count in sizes["ranges"] if most <= 100)
        total = sum(count for _, _, count in sizes["ranges"])
        # Of all sizes, 50.1 % are up to 100; 4.6 % are below 7.5, and 0.46 % above 5000.5.
        self.assertAlmostEqual(below / total, (0.5013 - 0.0421) / (1 - 0.0421 - 0.0046), places=2)
        result = self.quick(*BRIEF, "--sizes", "lognormal:100,0.01", "--workloads", "sizes tiny")
        self.assertEqual(result.returncode, 0, result.stderr)
        sizes = self.document()["context"]["spanbench"]["sizes"]
        self.assertTrue(all(90 < least <= most < 110 for least, most, _ in sizes["ranges"]))
        self.assertEqual({e["workload"] for e in self.document()["benchmarks"]}, {"sizes", "tiny"})

    def test_wrong_files(self) -> None:
        for text, parts in (
            ("64 1\n0 5\n", ("line 2", "0 bytes", "leave such lines out")),
            (f"{1 << 40}1\n", ("line 1", "is over 1073741824 bytes", "leave it out")),
            ("99999999999999999999999999\n", ("is over 1073741824 bytes",)),
            ("64 1\n64 x\n", ("line 2", "is not a size", "'64 1000'")),
            ("-5\n", ("is not a size",)),
            ("64 1 2\n", ("is not a size",)),
            ("12.5\n", ("is not a size",)),
            ("64K\n", ("is not a size",)),
            (f"64 {1 << 60}\n", ("add up to over 2^52",)),
            ("", ("has no sizes",)),
            ("# nothing\n\n64 0\n", ("has no sizes",)),
            (b"\0" * 1000, ("line 1", "is not a size")),
            (b"\x1b[31m\n", ("is not a size",)),
            ("6" * 1000, ("is over 1073741824 bytes",)),
        ):
            with self.subTest(text=text[:30]):
                self.refused(self.file(text), *parts)
        self.refused("/nonexistent", "cannot read /nonexistent", "lognormal:MEDIAN")
        self.refused(str(self.directory), "Is a directory")
        self.refused("", "cannot read")

    def test_wrong_distributions(self) -> None:
        for given, part in (
            ("100", "such as"),
            ("100,1,5", "such as"),
            ("100,1,5,9,7", "such as"),
            ("100,x", "such as"),
            ("", "such as"),
            ("0,1", "a median of 1"),
            ("1e300,1", "a median of 1"),
            ("100,0", "a sigma"),
            ("100,11", "a sigma"),
            ("100,1,0,9", "in this order"),
            ("100,1,9,8", "in this order"),
            ("100,1,1,2e9", "in this order"),
            ("100,0.1,100000,200000", "one size in a million"),
        ):
            with self.subTest(given):
                self.refused("lognormal:" + given, part)

    def test_what_has_no_room_is_said_before_anything_is_measured(self) -> None:
        result = self.quick(*BRIEF, "--threads", "256", "--sizes", self.file(f"{1 << 30}"))
        self.assertEqual(result.returncode, 2, result.stderr)
        self.assertIn("leave the largest sizes out, or give fewer --threads", result.stderr)
        self.assertFalse(self.out.exists())

    def test_the_option_is_of_the_workload_that_takes_sizes(self) -> None:
        result = self.quick(*BRIEF, "--sizes", "lognormal:100,1", "--workloads", "tiny")
        self.assertEqual(result.returncode, 2)
        self.assertIn("no chosen workload takes sizes; add --workloads sizes", result.stderr)

    def test_a_cell_refuses_them_for_another_workload(self) -> None:
        result = run(CELLS / "system", "--run", "tiny", "--ops", "10", "--sizes", "5:1")
        self.assertEqual(result.returncode, 2)
        self.assertIn("has sizes of its own", result.stderr)
        result = run(CELLS / "system", "--run", "sizes", "--ops", "10", "--sizes", "5")
        self.assertEqual(result.returncode, 2)
        self.assertIn("SIZE:WEIGHT", json.loads(result.stdout)["error"]["message"])
        described = {
            w["name"]: w for w in cell("system", "--describe", "--sizes", "9-70:1")["workloads"]
        }
        self.assertEqual(
            (described["sizes"]["min_bytes"], described["sizes"]["max_bytes"]), (9, 70)
        )
        self.assertTrue(described["sizes"]["takes_sizes"])
        self.assertFalse(described["tiny"]["takes_sizes"])


if __name__ == "__main__":
    import unittest

    unittest.main()
