"""--long-rest: processes that sleep side by side after the end, and say how much memory is left."""

import os
import signal
import subprocess
import time
from typing import Any

import group_table
from bench_results import parse
from driving import CELLS, SPANBENCH, DriverTest

WORDS = ("--brief", "--threads", "1", "--repetitions", "1", "--no-timeline")
TWO = "reserve_touch robson"


class LongRest(DriverTest):
    def facts(self) -> Any:
        return self.valid_document()["context"]["spanbench"]

    def test_each_allocator_rests_once_on_each_workload_of_the_group(self) -> None:
        self.use_cells(CELLS / "system", CELLS / "gomalloc")
        workloads = ("--workloads", f"{TWO} json")
        begin = time.monotonic()
        result = self.quick(*WORDS, *workloads, "--long-rest", "2")
        took = time.monotonic() - begin
        self.assertEqual(result.returncode, 0, result.stderr)
        rests = self.facts()["long_rests"]
        self.assertEqual(self.facts()["long_rest_seconds"], 2)
        self.assertEqual(
            sorted(r["name"] for r in rests),
            sorted(f"{w}/{a}/threads:1" for w in TWO.split() for a in ("system", "gomalloc")),
        )
        for rest in rests:
            names = [i["name"] for i in rest["instants"]]
            self.assertIn("freed, 2000 ms later", names)
            self.assertEqual(names[-1], "purged, 2000 ms later")
            self.assertLess(rest["rss_drained_bytes"], 1 << 30)
        self.assertGreater(took, 4, "each rests after the end, and after the purge")
        text = "\n".join(group_table.format_groups(parse(self.document())))
        self.assertIn("2 seconds after all is freed", text)
        self.assertIn("2 seconds after a purge", text)

    def test_without_it_nobody_rests(self) -> None:
        self.use_cells(CELLS / "system")
        self.assertEqual(self.quick(*WORDS, "--workloads", "robson").returncode, 0)
        self.assertNotIn("long_rests", self.facts())

    def test_a_failure_is_said_and_the_others_stay(self) -> None:
        self.use_cells(CELLS / "system")
        # Alone in the long rest does it get this word.
        self.script_cell(
            "dies", 'case "$*" in *"--later 1000 "*) kill -SEGV $$;; esac\nexec {good} "$@"'
        )
        words = [*WORDS, "--workloads", "robson", "--long-rest", "1"]
        result = self.quick(*words)
        self.assertEqual(result.returncode, 1, result.stderr)
        self.assertIn("no long rest of robson/dies/threads:1: killed by SIGSEGV", result.stderr)
        by_allocator = {r["allocator"]: r for r in self.facts()["long_rests"]}
        self.assertIn("SIGSEGV", by_allocator["dies"]["cause"])
        self.assertIn("instants", by_allocator["system"])

    def test_an_interrupt_leaves_nobody_and_keeps_the_samples(self) -> None:
        self.use_cells(CELLS / "system")
        for number in (signal.SIGINT, signal.SIGTERM):
            words = [*WORDS, "--workloads", "robson", "--long-rest", "30"]
            command = [SPANBENCH, "--quick", "--out", self.out, "--cells", self.cells, *words]
            process = subprocess.Popen(list(map(str, command)), stderr=subprocess.PIPE, text=True)
            self.addCleanup(process.kill)
            cells = self.resting(process)
            process.send_signal(number)
            _, errors = process.communicate(timeout=300)
            self.assertEqual(process.returncode, 128 + number, errors)
            self.assertIn("interrupted", errors)
            for cell in cells:
                self.assertFalse(os.path.exists(f"/proc/{cell}"), "no process is left")
            document = self.unfinished()
            self.assertEqual(len(document["benchmarks"]), 1)
            self.assertFalse(document["context"]["spanbench"]["complete"])
            for path in self.out.iterdir():
                path.rename(self.directory / f"{number}-{path.name}")

    def resting(self, process: "subprocess.Popen[str]") -> "list[int]":
        """Waits until the cell of a helper sleeps; all processes below the driver."""
        while process.poll() is None:
            found = descendants(process.pid)
            if any("30000" in command for command in found.values()):
                return list(found)
            time.sleep(0.05)
        self.fail("it ended")

    def test_wrong_use(self) -> None:
        self.use_cells(CELLS / "system")
        result = self.quick(*WORDS, "--workloads", "tiny", "--long-rest", "1")
        self.assertEqual(result.returncode, 2)
        self.assertIn("add --group memory", result.stderr)
        for wrong in ("0", "601", "x", ""):
            result = self.quick(*WORDS, "--long-rest", wrong)
            self.assertEqual(result.returncode, 2)
            self.assertIn("--long-rest takes a whole number from 1 to 600", result.stderr)


def descendants(process: int) -> "dict[int, str]":
    """Their command lines."""
    found: dict[int, str] = {}
    try:
        with open(f"/proc/{process}/task/{process}/children") as children:
            below = [int(child) for child in children.read().split()]
        for child in below:
            with open(f"/proc/{child}/cmdline") as line:
                found[child] = line.read().replace("\0", " ")
            found.update(descendants(child))
    except (FileNotFoundError, ProcessLookupError):  # between two reads, or in one
        pass  # it ended meanwhile
    return found
