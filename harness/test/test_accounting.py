"""The account of memory in a record, on an allocator whose layout is known to the byte, and on all others."""

import json
import unittest
from pathlib import Path
from typing import Any

from driving import CELLS, FAULTY, DriverTest, cell, cell_names, run

SWITCH = Path("/sys/kernel/mm/transparent_hugepage/enabled")
PAGE = 4096
OWN = PAGE // 2  # of each block of page_each: the allocator's own
# Pages of code and data that the process touches between two instants, for each thread a stack, too.
NEAR = 24 * PAGE


def kept(record: dict[str, Any]) -> int:
    """What is resident above the start, beside the blocks."""
    resident: int = record["rss_live_bytes"] - record["rss_start_bytes"]
    return resident - int(record["usable_bytes"])


def page_each(workload: str, threads: int, ops: int) -> dict[str, Any]:
    """A record with fixed addresses. The kernel also maps the pages of a file around the one that is
    touched, up to 16. How many there are depends on the address."""
    words = ["--run", workload, "--threads", threads, "--ops", ops]
    result = run("setarch", "-R", FAULTY / "page_each", *words)
    record: dict[str, Any] = json.loads(result.stdout)
    return record


class KnownLayout(unittest.TestCase):
    """allocators/faulty/memory/page_each.c: whole pages for each block, half a page of them its own."""

    def test_live_and_slack_and_kept_are_what_is_resident(self) -> None:
        for workload, threads in (("large", 1), ("large", 2), ("small", 1)):
            record = page_each(workload, threads, 300)
            with self.subTest(workload=workload, threads=threads):
                # A block of pages less half a page: its slack is below a page.
                whole = record["usable_bytes"] + OWN * record["live_blocks"]
                self.assertEqual(whole % PAGE, 0)
                slack = record["usable_bytes"] - record["live_bytes"]
                self.assertGreaterEqual(slack, 0)
                self.assertLess(slack, PAGE * record["live_blocks"])
                self.assertAlmostEqual(
                    kept(record), OWN * record["live_blocks"], delta=NEAR * threads
                )
                # Code that was touched meanwhile is resident at both instants: the rest is exact.
                freed = record["rss_live_bytes"] - record["rss_drained_bytes"]
                self.assertEqual(freed, whole)
                # Nothing else holds memory, so all else is as it must be.
                self.assertEqual(record["lazyfree_live_bytes"], 0)
                self.assertEqual(record["huge_live_bytes"], 0)
                self.assertEqual(record["untouched_bytes"], 0)
                drained = record["rss_drained_bytes"] - record["rss_start_bytes"]
                self.assertLess(drained, NEAR * threads)
                # A page of the last level holds the entries of 512 pages.
                tables = record["page_tables_live_bytes"] - record["page_tables_start_bytes"]
                self.assertGreaterEqual(tables, whole // 512)

    def test_slack_is_to_the_byte(self) -> None:
        """All blocks of `tiny` are of one page, of which half may be used."""
        record = page_each("tiny", 1, 1)
        self.assertEqual(record["usable_bytes"], OWN * record["live_blocks"])


class Cells(unittest.TestCase):
    def test_every_account_adds_up(self) -> None:
        told = 0
        for name in cell_names():
            record = cell(name, "--run", "small", "--ops", "1000", "--threads", "2")
            supported = cell(name, "--describe")["slots"]["usable_size"] is not None
            self.assertEqual(record["usable_bytes"] is not None, supported, name)
            self.assertLessEqual(record["pss_live_bytes"], record["rss_live_bytes"], name)
            self.assertLessEqual(record["huge_live_bytes"], record["rss_live_bytes"], name)
            reserved = record["reserved_live_bytes"]
            self.assertLess(reserved + record["rss_live_bytes"], record["vsz_live_bytes"], name)
            self.assertGreater(record["mappings_live"], 3, name)
            self.assertEqual(record["instants"], [], name)
            if not supported:
                continue
            told += 1
            self.assertGreaterEqual(record["usable_bytes"], record["live_bytes"], name)
            self.assertGreater(kept(record), 0, f"{name}: every block of small is written")
        self.assertGreater(told, 0)

    def test_memory_is_read_again_some_time_later(self) -> None:
        record = cell(
            "system", "--run", "tiny", "--ops", "1000", "--threads", "2", "--later", "2,5"
        )
        names = [i["name"] for i in record["instants"]]
        self.assertEqual(names[:2], ["freed, 2 ms later", "freed, 5 ms later"])
        self.assertIn(names[2:], ([], ["purged, 2 ms later", "purged, 5 ms later"]))
        for instant in record["instants"]:
            self.assertEqual(instant["held_bytes"], 0)
            self.assertGreater(instant["rss_bytes"], 0)

    def test_wrong_times_are_refused(self) -> None:
        for wrong in ("", "x", "5,5", "9,1", "0", "1,2,3,4,5", "1,,2", "-1"):
            result = run(CELLS / "system", "--run", "tiny", "--ops", "1", "--later", wrong)
            self.assertEqual(result.returncode, 2, wrong)
            self.assertIn("--later", result.stderr)


class HugePages(DriverTest):
    """As an axis of a run; harness/cell/test_huge_pages.c looks at the pages themselves."""

    WORDS = ["--workloads", "tiny", "--threads", "1", "--repetitions", "1", "--no-timeline"]

    def test_each_sample_says_what_held(self) -> None:
        self.use_cells(CELLS / "system")
        for mode in (None, "never"):
            result = self.quick(*self.WORDS, *(("--thp", mode) if mode else ()))
            self.assertEqual(result.returncode, 0, result.stderr)
            (entry,) = self.document()["benchmarks"]
            if mode:
                self.assertEqual(entry["thp"], mode)
                self.assertEqual(entry["huge_live_bytes"], 0)
            elif SWITCH.exists():
                self.assertIn(f"[{entry['thp']}]", SWITCH.read_text())

    def test_what_the_kernel_cannot_give_is_an_error_with_its_mending(self) -> None:
        if not SWITCH.exists() or "[always]" in SWITCH.read_text():
            self.skipTest("the machine gives huge pages to all, so none can be refused")
        result = run(CELLS / "system", "--run", "tiny", "--ops", "1", "--thp", "always")
        self.assertEqual(result.returncode, 2)
        self.assertIn(f"echo always >{SWITCH}", json.loads(result.stdout)["error"]["message"])

    def test_another_word_is_wrong_use(self) -> None:
        result = self.quick("--thp", "some")
        self.assertEqual(result.returncode, 2)
        self.assertIn("never, madvise or always", result.stderr)


if __name__ == "__main__":
    unittest.main()
