"""The planted costs: are they what they claim to be, in their rows and in no other?"""

from __future__ import annotations

import re
import subprocess
import unittest
from pathlib import Path
from unittest import mock

from driving import BUILD, CELLS, DriverTest, slow

from gate import counting, deterministic
from gate_proof import planted
from gate.counting import KINDS, Counting, Work
from gate.findings import Refusal
from gate_proof.planted import Cost, Plant

GOMALLOC = BUILD / "libgomalloc.so"
OPS = 20_000
WARM_UP = 131_072  # operations of tiny
# Of gomalloc's metadata. Where it cannot go below what is there, its mapping is so much larger at first.
ALIGNMENT = 256 << 10
# Resident memory, in which pages of files may be there or not.
BY_CHANCE = 10 * deterministic.PAGE


def apart(metric: str, one: float, other: float) -> float:
    """Of two libraries, one may happen to lie so that its mapping is larger."""
    off = abs(one - other)
    return min(off, abs(off - ALIGNMENT)) if metric == "bytes_mapped" else off


class Plants(DriverTest):
    """Of a gomalloc that looks at no clock. On a busy machine, it may give memory back in one process alone, or begin a
    thread there, which has a stack."""

    def setUp(self) -> None:
        super().setUp()
        no_clock = mock.patch.dict(counting.ENVIRONMENT, GOMALLOC_SCAVENGE="0")
        no_clock.start()
        self.addCleanup(no_clock.stop)

    def built(self, name: str, *plants: Plant) -> Path:
        return planted.build(GOMALLOC, plants, self.directory / name)

    def counted(self, library: Path, *kinds: str, workload: str = "tiny") -> dict[str, float]:
        """Of one process."""
        work = Work(workload, OPS, 1)
        counting = Counting(CELLS / "system", self.directory / "work")
        (processes,) = deterministic.count(counting, [library], work, 1, kinds or KINDS)
        return {m: v for counts in processes.values() for m, v in counts[0].items()}

    def test_spin(self) -> None:
        """One of period mallocs pays two instructions a pair."""
        plain = self.counted(self.built("a.so"), "instructions")["instructions"]
        for period, pairs in ((64, 1000), (64, 2000), (10, 100)):
            library = self.built("b.so", planted.spin("tiny/threads:1", pairs, period))
            added = self.counted(library, "instructions")["instructions"] - plain
            expected = (2 * pairs + planted.PAYMENT) / period * 1000
            self.assertAlmostEqual(added / expected, 1, delta=0.01)

    def test_madvise(self) -> None:
        plain = self.counted(self.built("a.so"), "calls")
        library = self.built("b.so", planted.madvise("tiny/threads:1", 1000))
        counts = self.counted(library, "calls")
        added = counts["syscalls.madvise"] - plain["syscalls.madvise"]
        self.assertEqual(added, (WARM_UP + OPS) // 1000)
        more = counts["rss_peak_bytes"] - plain["rss_peak_bytes"]
        self.assertLess(abs(more), BY_CHANCE)

    def test_leak(self) -> None:
        """Of blocks of 16 bytes, few; but each keeps a page from going back when the rest does, and few share one."""
        plain = self.counted(self.built("a.so"), "calls")
        library = self.built("b.so", planted.leak("tiny/threads:1", 1000))
        counts = self.counted(library, "calls")
        lost = (WARM_UP + OPS) // 1000
        added = counts["rss_purged_bytes"] - plain["rss_purged_bytes"]
        self.assertGreater(added, lost * deterministic.PAGE / 2)
        self.assertLess(abs(counts["rss_peak_bytes"] - plain["rss_peak_bytes"]), added)

    def test_resident_memory(self) -> None:
        size = 1_000_000
        plain = self.counted(self.built("a.so"), "calls")
        library = self.built("b.so", planted.resident("tiny/threads:1", size))
        counts = self.counted(library, "calls")
        for metric in ("rss_peak_bytes", "rss_drained_bytes", "bytes_mapped"):
            self.assertLess(apart(metric, counts[metric], plain[metric] + size), BY_CHANCE, metric)

    def instructions(self, workload: str, *plants: Plant) -> float:
        """Of an operation."""
        library = self.built("b.so", *plants)
        return self.counted(library, "instructions", workload=workload)["instructions"] / 1000

    def test_pause(self) -> None:
        library = self.built("b.so", Plant("tiny/threads:1", "pause", (50_000, 1)))
        counts = self.counted(library, "calls")
        self.assertEqual(counts["syscalls.clock_nanosleep"], (WARM_UP + OPS) // 50_000)

    @slow
    def test_refill_and_its_lock(self) -> None:
        """In bursts, one malloc in 32 moves blocks, and one free in 33; two sweeps free up to two blocks for
        each malloc. Where a malloc follows each free, next to none does."""

        def plant(what: str, pairs: int) -> Plant:
            return Plant("*", what, (32, pairs))

        free, paid, locked = (
            self.instructions("collector", p)
            for p in (plant("refill", 0), plant("refill", 1000), plant("convoy", 1000))
        )
        moves = (paid - free) / 2000
        self.assertTrue(1 / 32 < moves < 1 / 32 + 2 / 33, moves)
        self.assertTrue(10 < (locked - paid) / moves < 200, locked - paid)
        calm = self.instructions("tiny", plant("refill", 1000))
        self.assertLess(abs(calm - self.instructions("tiny", plant("refill", 0))), 1)

    @slow
    def test_free_of_another_threads_block(self) -> None:
        """In tiny there is none; in larson most are."""
        plants = [Plant("*", "foreign", (pairs,)) for pairs in (0, 100)]
        none, none_either = (self.instructions("tiny", p) for p in plants)
        self.assertLess(abs(none - none_either), 1)
        without, paid = (self.instructions("larson", p) for p in plants)
        self.assertTrue(0.5 < (paid - without) / 200 < 1.1, paid - without)
        plain = self.counted(self.built("a.so"), "calls", workload="larson")
        library = self.built("b.so", Plant("*", "strand", (2,)))
        lost = self.counted(library, "calls", workload="larson")
        added = lost["rss_peak_bytes"] - plain["rss_peak_bytes"]
        self.assertGreater(added, OPS / 4 * 500 / 2, "blocks of 500 bytes")

    @slow
    def test_calloc(self) -> None:
        plain, paid = (
            self.instructions("calloc_dirty", *p) for p in ((), (Plant("*", "calloc", (100,)),))
        )
        self.assertTrue(200 <= paid - plain < 210, paid - plain)

    def test_keep(self) -> None:
        """Of the 65536 blocks at the end."""
        plain = self.counted(self.built("a.so"), "calls")
        counts = self.counted(self.built("b.so", Plant("*", "keep", (1000,))), "calls")
        added = {m: counts[m] - plain[m] for m in ("rss_purged_bytes", "rss_peak_bytes")}
        self.assertGreater(added["rss_purged_bytes"], 64_000 * 8)
        self.assertLess(abs(added["rss_peak_bytes"]), BY_CHANCE)

    def test_stars(self) -> None:
        for row, text, is_meant in (
            ("*", "*", True),
            ("*/threads:1", "*/1", True),
            ("*/threads:2", "*/2", False),
            ("*/threads:11", "*/11", False),
        ):
            plant = planted.madvise(row, 1000)
            self.assertEqual(str(plant), f"{text} madvise 1000")
            calls = self.counted(self.built("b.so", plant), "calls")["syscalls.madvise"]
            self.assertEqual(calls > 100, is_meant, row)

    def test_other_rows_pay_nothing(self) -> None:
        plain = self.counted(self.built("a.so"))
        others = [
            Plant(row, what, numbers)
            for row in ("tiny/threads:2", "tiny/threads:11", "small/threads:1")
            for what, numbers in (
                ("spin", (1, 1000)),
                ("madvise", (1,)),
                ("leak", (1,)),
                ("rss", (1 << 20,)),
                ("convoy", (1, 100)),
                ("keep", (1,)),
            )
        ]
        counts = self.counted(self.built("b.so", *others))
        for metric, value in plain.items():
            bound = BY_CHANCE if metric.startswith("rss_") else value / 1000
            self.assertLess(apart(metric, counts[metric], value), bound, metric)

    def test_plants_of_several_rows(self) -> None:
        rows = [planted.madvise(f"{w}/threads:1", 1000) for w in ("tiny", "small")]
        library = self.built("b.so", *rows)
        for workload in ("tiny", "small"):
            self.assertGreater(self.counted(library, workload=workload)["syscalls.madvise"], 100)

    def test_threads_are_part_of_the_row(self) -> None:
        """Each thread pays at each of its own mallocs; counted from outside."""
        library = self.built("b.so", planted.madvise("tiny/threads:2", 1000))
        for threads, least, most in ((1, 0, 20), (2, 200, 400)):
            log = self.directory / "log"
            command = f"strace -f -c -e trace=madvise -o {log} -E LD_PRELOAD={library}".split()
            command += ["-E", "GOMALLOC_SCAVENGE=0"]
            cell = f"--run tiny --ops {OPS} --expect {library} --threads {threads}".split()
            subprocess.run([*command, CELLS / "system", *cell], check=True, capture_output=True)
            found = re.search(r"(\d+)\s+madvise$", log.read_text(), re.MULTILINE)
            self.assertTrue(least <= (int(found[1]) if found else 0) <= most, log.read_text())

    def test_two_differ_in_the_text_of_the_plants_alone(self) -> None:
        a = self.built("a.so").read_bytes()
        b = self.built("b.so", planted.spin("small/threads:4", 123)).read_bytes()
        self.assertEqual(len(a), len(b))
        differing = [i for i, (x, y) in enumerate(zip(a, b)) if x != y]
        self.assertLess(differing[-1] - differing[0], planted.PLAN_BYTES)
        self.assertEqual(
            b[differing[0] :].split(b"\0")[0], f"small/4 spin {planted.PERIOD} 123".encode()
        )

    def test_programs_run_with_it(self) -> None:
        """Its contents are those of the wrapped library, and so are all functions."""
        library = self.built("b.so", planted.spin("small/threads:1", 100))
        environment = {"LD_PRELOAD": str(library), "PATH": "/usr/bin:/bin"}
        check = f"--run small --verify --ops {OPS} --expect {library}".split()
        subprocess.run([CELLS / "system", *check], env=environment, check=True, capture_output=True)
        said = subprocess.run(
            ["/usr/bin/python3", "-c", "import json, threading; print(json.dumps([1] * 3))"],
            env=environment,
            check=True,
            capture_output=True,
            text=True,
        )
        self.assertEqual((said.stdout, said.stderr), ("[1, 1, 1]\n", ""))

    def test_what_is_no_malloc_library(self) -> None:
        libm = subprocess.run(
            ["cc", "-print-file-name=libm.so.6"], capture_output=True, text=True, check=True
        ).stdout.strip()
        library = planted.build(Path(libm), [], self.directory / "b.so")
        done = subprocess.run(["true"], env={"LD_PRELOAD": str(library)}, capture_output=True)
        self.assertEqual(done.returncode, 2)
        self.assertIn(b"no malloc library", done.stderr)

    def test_refusals(self) -> None:
        with self.assertRaises(ValueError):
            self.built("b.so", *[planted.madvise("tiny/threads:1", 1000)] * 100)
        with self.assertRaisesRegex(Refusal, "does not build around"):
            planted.build(self.directory / "absent.so", [], self.directory / "b.so")


class Costs(unittest.TestCase):
    def test_spin_for_a_part_of_an_operation(self) -> None:
        cost = Cost("small/threads:2", operation=20.0, pair=0.01, period=64)
        self.assertEqual(str(cost.slower(0.05)), "small/2 spin 64 100")
        self.assertEqual(str(cost.slower(0.10)), "small/2 spin 64 200")

    def test_samples_pay_often(self) -> None:
        self.assertEqual(planted.period_of(2_000_000), planted.PERIOD)
        self.assertEqual(planted.period_of(500), 1)
        for ops in (500, 5_000, 50_000):
            self.assertGreaterEqual(ops / planted.period_of(ops), planted.PAYMENTS)


class Calibrated(DriverTest):
    def test_costs_are_found_whatever_the_first_guess(self) -> None:
        """A pretended machine finds them: an operation takes 20 ns, a pair 0.5, or 40 times as much."""
        for a_pair in (0.5, 20.0):
            calibration = planted.Calibration(GOMALLOC, BUILD, self.directory)

            def pretended(library: Path, row: str) -> float:
                found = re.search(rb"tiny/1 spin (\d+) (\d+)", library.read_bytes())
                return 20 + (a_pair * int(found[2]) / int(found[1]) if found else 0)

            with mock.patch.object(calibration, "nanoseconds", pretended):
                cost = calibration.cost("tiny/threads:1", 3)
            self.assertAlmostEqual(cost.operation, 20)
            self.assertAlmostEqual(cost.pair * cost.period, a_pair)

    def test_noise_is_no_cost(self) -> None:
        """What a burst of other work seemed to add is not what a spin adds."""
        calibration = planted.Calibration(GOMALLOC, BUILD, self.directory)
        measured = [(20.0, 50.0), (20.0, 22.0), (20.0, 21.0), (20.0, 36.0), (22.0, 38.0)]
        with mock.patch.object(calibration, "times", side_effect=measured):
            cost = calibration.cost("tiny/threads:1", 3)
        self.assertAlmostEqual(cost.operation, 21.0)
        pairs = planted.PERIOD * planted.FIRST_GUESS * planted.STEP
        self.assertAlmostEqual(cost.pair * pairs, 16.0)

    def test_real_costs(self) -> None:
        """No times asserted: that they are found, and positive."""
        calibration = planted.Calibration(GOMALLOC, BUILD, self.directory)
        self.assertGreater(calibration.nanoseconds(GOMALLOC, "tiny/threads:1"), 0)
        try:
            cost = calibration.cost("tiny/threads:1", 9)
        except Refusal as refusal:
            self.skipTest(f"the machine is busy: {refusal}")
        self.assertGreater(cost.operation, 0)
        self.assertGreater(cost.pair, 0)


if __name__ == "__main__":
    unittest.main()
