"""The gate's counts: what it counts, what it makes of counts, and that planted costs are found."""

from __future__ import annotations

import math
import os
import re
import shutil
import subprocess
import unittest
from pathlib import Path
from typing import Callable, Sequence
from unittest import mock

from driving import BUILD, CELLS, DriverTest, run, slow

from gate import deterministic, counting
from gate_proof import planted
from gate.counting import Counting, Outcome, Sample, Work
from gate.deterministic import Comparison
from gate.findings import Finding, Refusal

GOMALLOC = BUILD / "libgomalloc.so"
HANGS = '#include <stddef.h>\nvoid *malloc(size_t n) { for (;;) __asm__ volatile("" ::"r"(n)); }\nvoid free(void *p) { (void)p; }\n'
CRASHES = "#include <stdlib.h>\nvoid *malloc(size_t n) { (void)n; abort(); }\nvoid free(void *p) { (void)p; }\n"


def comparison(
    base: Sequence[float], head: Sequence[float], metric: str = "instructions"
) -> Comparison:
    return Comparison(metric, 100_000, list(base), list(head))


class Verdict(unittest.TestCase):
    def check(
        self, verdict: str, base: Sequence[float], head: Sequence[float], **more: str
    ) -> None:
        self.assertEqual(comparison(base, head, **more).verdict, verdict, (base, head))

    def test_beyond_the_limit_in_both_directions(self) -> None:
        for head, verdict in ((100501, "fail"), (100499, "pass"), (99499, "improved")):
            self.check(verdict, [100000] * 8, [head] * 8)

    def test_both_relative_and_least(self) -> None:
        page = deterministic.PAGE
        for base, more, verdict in ((1000, 64, "pass"), (1000, 65, "fail"), (10000, 299, "pass")):
            values = [base * page] * 8, [(base + more) * page] * 8
            self.check(verdict, *values, metric="rss_peak_bytes")

    def test_calls_are_limited_by_the_number_of_operations(self) -> None:
        self.check("pass", [7] * 8, [57] * 8, metric="syscalls.madvise")
        self.check("fail", [7] * 8, [58] * 8, metric="syscalls.madvise")
        self.check("pass", [100_000] * 8, [101_000] * 8, metric="syscalls.mmap")
        for ops, more, verdict in ((64, 4, "pass"), (64, 5, "fail"), (10_000, 5, "pass")):
            c = Comparison("syscalls.madvise", ops, [7] * 8, [7 + more] * 8)
            self.assertEqual(c.verdict, verdict, (ops, more))

    def test_a_call_in_a_million_operations(self) -> None:
        """One more is found, where counts repeat. Where they do not, the usual limit of calls says what is open."""
        seldom = 1 << 21

        def verdict(base: Sequence[float], head: Sequence[float], ops: int = seldom) -> str:
            return Comparison(counting.TIMED_CALLS, ops, list(base), list(head)).verdict

        for ops, more in ((1_000_000, 1), (seldom, 2), (3_000_000, 3)):
            for base in (0, 40):
                self.assertEqual(verdict([base] * 8, [base + more] * 8, ops), "fail")
                self.assertEqual(verdict([base + more] * 8, [base] * 8, ops), "improved")
                self.assertEqual(verdict([base] * 8, [base + more - 1] * 8, ops), "pass")
        wide: list[float] = [0, 5, 300, 20, 0, 7, 9, 40]
        self.assertEqual(verdict(wide, wide[::-1]), "pass")
        self.assertEqual(verdict([0] * 8, wide), "pass")
        self.assertEqual(verdict([0] * 8, [0] + [1100] * 7), "inconclusive")
        self.assertEqual(verdict([0] * 3, [0, 9000, 0]), "inconclusive")
        c = Comparison(counting.TIMED_CALLS, seldom, [0] * 8, wide)
        self.assertEqual(c.smallest, 300)
        self.assertIn("demoted: not repeatable", c.note)

    def test_kind_of_call_that_the_base_never_makes(self) -> None:
        c = comparison([0] * 8, [100] * 8, "syscalls.madvise")
        finding = c.finding("small/threads:1", "again")
        self.assertEqual((finding.verdict, finding.margin), ("fail", 0.0))
        self.assertTrue(math.isnan(finding.change))
        self.assertIn("the base makes none", finding.note)

    def test_a_least_margin_is_an_amount(self) -> None:
        page = deterministic.PAGE
        for metric, base, amounts in (
            ("syscalls.brk", 1.0, (50, 50)),
            ("syscalls.brk", 0.0, (50, 50)),
            ("syscalls.brk", 10_000.0, (None, None)),
            ("rss_peak_bytes", 1000.0 * page, (64 * page, 64 * page)),
            ("rss_peak_bytes", 10_000.0 * page, (None, None)),
            ("instructions", 1000.0, (None, None)),
        ):
            f = comparison([base] * 3, [base] * 3, metric).finding("small/threads:1", "again")
            self.assertEqual((f.margin_amount, f.smallest_amount), amounts, (metric, base))
            if base and amounts[0]:
                self.assertAlmostEqual(f.margin, amounts[0] / base)
        wide = comparison([1, 81, 1], [1, 1, 1], "syscalls.brk").finding("small/threads:1", "again")
        self.assertEqual((wide.margin_amount, wide.smallest_amount), (50, 80))

    def test_fails_only_where_all_processes_lie_apart(self) -> None:
        base = [100.0] * 7 + [103]
        self.check("inconclusive", base, [102] * 8)
        self.check("fail", base, [104] * 8)

    def test_beyond_the_limit_and_not_apart_is_no_pass(self) -> None:
        for metric, base, more in (
            ("instructions", 100_000, 20_000),
            ("syscalls.madvise", 0, 51),
            ("syscalls.madvise", 0, 100_000),
        ):
            one, other = [base] * 8, [base + more] * 7 + [base]
            for pair in ((one, other), (other, one)):
                c = comparison(*pair, metric)
                self.assertEqual(c.verdict, "inconclusive", pair)
                self.assertIn("the processes overlap", c.note)
        self.check("pass", [0] * 8, [50] * 7 + [0], metric="syscalls.madvise")

    def test_of_many_processes_those_at_the_ends_are_left_out(self) -> None:
        many, out = deterministic.MOST, deterministic.LEFT_OUT
        same, odd = [1000.0] * (many - out), [9000.0] * out
        self.check("pass", same + odd, [1000] * many)
        self.check("pass", same + [1.0] * out, same + odd)
        self.check("inconclusive", same[1:] + [9000] + odd, [1000] * many)
        self.check("inconclusive", (same + odd)[1:], [1000] * (many - 1))  # too few
        self.check("fail", same + odd, [1020] * many)
        self.check("improved", [1020] * many, same + odd)
        self.check("inconclusive", same[1:] + [1020] + odd, [1020] * many)
        note = comparison(same + odd, [1020] * many).note
        self.assertIn(
            f"{many} and {many} processes, apart; without {out} of {many} at either end", note
        )

    def test_chance_that_what_remains_of_many_lies_apart(self) -> None:
        """It is that of 48 in any order, no more than three of one library lie before the 21st of the other."""
        many, out = deterministic.MOST, deterministic.LEFT_OUT
        ways = sum(
            math.comb(many - out - 1 + j, j) * math.comb(out + many - j, out)
            for j in range(out + 1)
        )
        self.assertAlmostEqual(math.comb(2 * many, many) / ways / 1e6, 7.7, delta=0.05)

    def test_demoted(self) -> None:
        self.assertFalse(comparison([1000, 1001, 1000], [1000] * 3).demoted)
        c = comparison([1000, 1020, 1000], [1000] * 3)
        self.assertTrue(c.demoted)
        self.assertEqual((c.verdict, c.smallest), ("pass", 20))
        self.assertIn("demoted: not repeatable, 1,000 .. 1,020", c.note)

    def test_wide_spread_decides_nothing(self) -> None:
        self.check("inconclusive", [1000, 1041, 1000], [1000] * 3)  # of 5 that are allowed
        self.check("pass", [1000, 1040, 1000], [1000] * 3)
        self.check("inconclusive", [0, 401, 0], [0] * 3, metric="syscalls.mmap")
        self.check("pass", [90, 130, 90], [90] * 3, metric="syscalls.mmap")  # within the limit

    def test_an_extra_percent_is_twice_the_limit(self) -> None:
        self.assertLessEqual(deterministic.INSTRUCTIONS.relative, 0.005)


class Table(unittest.TestCase):
    def test_kinds_of_calls_that_do_not_differ_are_summed(self) -> None:
        same = {"syscalls.read": 3.0, "syscalls.open": 3.0, "syscalls.mmap": 3.0}
        head = {**same, "syscalls.futex": 4.0}
        compared = deterministic.comparisons(
            Work("tiny", 10, 1), {"calls": [same]}, {"calls": [head]}
        )
        found = {c.metric.partition(".")[2]: (c.base, c.head) for c in compared}
        self.assertEqual(found, {"mmap": ([3], [3]), "futex": ([0], [4]), "other": ([6], [6])})

    def test_a_kind_of_call_that_one_process_made(self) -> None:
        samples = [[Sample({"syscalls.a": 1.0}, "d")], [Sample({"syscalls.b": 2.0}, "d")]]
        fake = mock.Mock(spec=Counting)
        fake.samples.side_effect = samples
        (counted,) = deterministic.count(fake, [Path("lib")], Work("tiny", 10, 1), 2, ["calls"])
        self.assertEqual(deterministic.values(counted, "syscalls.a"), [1, 0])
        self.assertEqual(deterministic.values(counted, "syscalls.b"), [0, 2])


class OfOne(unittest.TestCase):
    def test_what_one_library_cannot_be_asked_is_not_compared(self) -> None:
        work = Work("tiny", 1000, 1)
        calls = {"bytes_mapped": 5.0, "rss_peak_bytes": 4.0}
        purged = {**calls, "rss_purged_bytes": 3.0}
        for base, head, there in (
            (purged, purged, True),
            (purged, calls, False),
            (calls, purged, False),
        ):
            both = [
                {"calls": [c] * 3, "instructions": [{"instructions": 1.0}] * 3}
                for c in (base, head)
            ]
            metrics = {c.metric for c in deterministic.comparisons(work, *both)}
            self.assertEqual("rss_purged_bytes" in metrics, there)
            self.assertLessEqual({"bytes_mapped", "rss_peak_bytes", "instructions"}, metrics)

    def test_calls_of_the_timed_operations_with_an_older_base(self) -> None:
        """Which has no count of them, and that is not none."""
        old = {"bytes_mapped": 5.0, "syscalls.mmap": 4.0}
        new = {**old, counting.TIMED_CALLS: 7.0}
        for base, head, there in ((old, new, False), (new, new, True)):
            compared = deterministic.comparisons(
                Work("seldom", 1 << 21, 1), {"calls": [base] * 3}, {"calls": [head] * 3}
            )
            self.assertEqual(counting.TIMED_CALLS in {c.metric for c in compared}, there)


class Fake(Counting):
    """Counts by a rule instead of running anything."""

    def __init__(self, *outcomes: Sequence[float], digests: str = "dd") -> None:
        self.rules = outcomes  # of each library: what its n-th process counts
        self.digests = digests
        self.asked = 0

    def samples(self, kind: str, libraries: Sequence[Path], work: Work) -> list[Outcome]:
        if kind == "calls":
            counts = {"bytes_mapped": 1.0, "syscalls.mmap": 1.0}
            return [Sample(counts, self.digests[i]) for i in range(len(libraries))]
        self.asked += 1
        made: list[Outcome] = []
        for arm, rule in enumerate(self.rules):
            each = rule[(self.asked - 1) % len(rule)]
            made.append(Sample({"instructions": each}, self.digests[arm]))
        return made


class Rows(unittest.TestCase):
    work = Work("tiny", 100_000, 1)
    libraries = (Path("a"), Path("b"))

    def row(self, fake: Fake) -> Comparison:
        compared = deterministic.compare_row(fake, self.libraries, self.work, None)
        (found,) = [c for c in compared if c.metric == "instructions"]
        return found

    def test_no_change_takes_three_processes(self) -> None:
        fake = Fake([1000], [1000])
        self.assertEqual((self.row(fake).verdict, fake.asked), ("pass", 3))

    def test_a_change_is_confirmed_by_five_more(self) -> None:
        fake = Fake([1000], [1010])
        found = self.row(fake)
        self.assertEqual((found.verdict, len(found.base), len(found.head)), ("fail", 8, 8))

    def test_what_the_next_five_do_not_show_is_no_change(self) -> None:
        fake = Fake([1000] * 8, [1010] * 3 + [1000] * 5)
        self.assertEqual(self.row(fake).verdict, "pass")

    def test_what_is_undecided_is_counted_on(self) -> None:
        often, many = [1000] * 5 + [1003, 1003, 1060], deterministic.MOST
        fake = Fake(often, [1003] * 4 + [1000] * 4)
        found = self.row(fake)
        self.assertEqual((found.verdict, fake.asked, len(found.base)), ("pass", many, many))
        fake = Fake(often, [1010] * 7 + [1000])
        found = self.row(fake)
        self.assertEqual((found.verdict, fake.asked, len(found.head)), ("fail", many, many))

    def test_stored_base(self) -> None:
        fake = Fake([1010])
        calls = {"bytes_mapped": 1.0, "syscalls.mmap": 1.0}
        stored = {"instructions": [{"instructions": 1000.0}] * 3, "calls": [calls] * 3}
        compared = deterministic.compare_row(fake, self.libraries[1:], self.work, stored)
        self.assertEqual([c.metric for c in compared if c.verdict == "fail"], ["instructions"])
        self.assertEqual(len(stored["instructions"]), 3)

    def test_head_that_callgrind_cannot_run_with_stored_base(self) -> None:
        class Uncounted(Fake):
            def samples(self, kind: str, libraries: Sequence[Path], work: Work) -> list[Outcome]:
                if kind == "instructions":
                    return [counting.Failure("no address space", kind)]
                return super().samples(kind, libraries, work)

        calls = {"bytes_mapped": 1.0, "syscalls.mmap": 1.0}
        stored = {"instructions": [{"instructions": 1000.0}] * 3, "calls": [calls] * 3}
        found = deterministic.row_findings(
            Uncounted([0]), self.libraries[1:], self.work, stored, "again"
        )
        self.assertEqual(
            {f.metric: f.verdict for f in found},
            {"instructions": "inconclusive", "bytes_mapped": "pass", "syscalls.mmap": "pass"},
        )

    def test_different_requests_are_refused(self) -> None:
        with self.assertRaisesRegex(Refusal, "different blocks"):
            self.row(Fake([1000], [1000], digests="de"))


class Reading(unittest.TestCase):
    LOG = """execve("cell", ["cell"], 0x7ff /* 4 vars */) = 0
brk(NULL)                               = 0x1000
brk(0x3000)                             = 0x3000
brk(0x2000)                             = 0x2000
mmap(NULL, 8192, PROT_READ, MAP_PRIVATE, 3, 0) = 0x7f0000000000
mmap(NULL, 999999, PROT_NONE, MAP_PRIVATE, -1, 0) = -1 ENOMEM (Cannot allocate memory)
mremap(0x7f0000000000, 8192, 12288, MREMAP_MAYMOVE) = 0x7f0000000000
mremap(0x7f0000000000, 12288, 4096, 0)   = 0x7f0000000000
madvise(0x7f0000000000, 4096, MADV_DONTNEED) = 0
--- SIGUSR1 {si_signo=SIGUSR1} ---
exit_group(0)                           = ?
+++ exited with 0 +++
"""

    def test_bytes_mapped(self) -> None:
        self.assertEqual(counting.mapped([self.LOG]), 0x2000 + 8192 + 4096)

    def test_reserved_address_space_counts_when_it_is_opened(self) -> None:
        reserve = "mmap(NULL, 65536, PROT_NONE, MAP_PRIVATE, -1, 0) = 0x10000\n"
        opened = "mprotect(0x12000, 8192, PROT_READ|PROT_WRITE) = 0\n"
        fixed = "mmap(0x18000, 4096, PROT_READ|PROT_WRITE, MAP_FIXED, -1, 0) = 0x18000\n"
        for log, expected in (
            (reserve, 0),
            (reserve + opened, 8192),
            (reserve + opened + opened, 8192),
            (reserve + opened + opened.replace("0x12000", "0x13000"), 3 * 4096),
            (reserve + opened.replace("READ|PROT_WRITE", "NONE"), 0),
            (reserve + "mprotect(0x12000, 8192, PROT_READ) = -1 ENOMEM (x)\n", 0),
            (reserve + fixed, 4096),
            (reserve + fixed + "mprotect(0x10000, 65536, PROT_READ) = 0\n", 65536),
            (reserve + "munmap(0x10000, 32768) = 0\n" + opened, 0),
            (opened, 0),
            (reserve + reserve.replace("0x10000", "0x18000") + opened, 8192),
        ):
            self.assertEqual(counting.mapped([log]), expected, log)
        self.assertEqual(counting.mapped([reserve, opened]), 8192, "by another thread")

    def test_calls_by_kind_over_threads(self) -> None:
        counts = counting.calls([self.LOG, "madvise(0x1, 1, MADV_FREE) = 0\n"])
        self.assertEqual(counts["syscalls.madvise"], 2)
        self.assertEqual((counts["syscalls.brk"], counts["syscalls.mmap"]), (3, 2))
        self.assertNotIn("syscalls.exited", counts)

    def test_calls_of_the_timed_operations(self) -> None:
        clock = "clock_gettime(CLOCK_MONOTONIC, {tv_sec=1, tv_nsec=2}) = 0\n"
        mark = clock.replace("MONOTONIC", "THREAD_CPUTIME_ID")
        own = "clock_gettime(0xfffcd52e /* CLOCK_??? */, {tv_sec=0, tv_nsec=2}) = 0\n"
        call = "madvise(0x1000, 4096, MADV_DONTNEED) = 0\n"
        warm_up = own + mark + clock + 3 * call + clock + mark + own
        for calls in (0, 1, 5):
            timed = mark + clock + calls * call + clock + mark
            log = self.LOG + warm_up + call + timed + own + 2 * call
            for logs in ([log], [self.LOG, log]):
                self.assertEqual(counting.timed_calls(logs), {counting.TIMED_CALLS: calls})
        for odd in (self.LOG, self.LOG + warm_up, log + mark):
            self.assertEqual(counting.timed_calls([odd]), {})

    def test_a_span_that_was_never_entered_is_no_count(self) -> None:
        self.assertIsNone(counting.instructions("==1== Collected : 0\n"))
        self.assertIsNone(counting.instructions("Segmentation fault\n"))
        self.assertEqual(counting.instructions("==1== Events : Ir\n==1== Collected : 8\n"), 8)


class Exact(DriverTest):
    """With real processes, of a gomalloc that looks at no clock. What a busy machine makes of one is in gate_proof/test_kinds.py."""

    def setUp(self) -> None:
        super().setUp()
        no_clock = mock.patch.dict(counting.ENVIRONMENT, GOMALLOC_SCAVENGE="0")
        no_clock.start()
        self.addCleanup(no_clock.stop)

    def built(self, name: str, *plants: planted.Plant) -> Path:
        return planted.build(GOMALLOC, plants, self.directory / name)

    def compare(self, base: Path, head: Path, *workloads: str) -> list[Finding]:
        work = self.directory / "work"
        return deterministic.compare(
            base, head, workloads, build=BUILD, work=work, seed=1, repeat=lambda row: f"again {row}"
        )

    def failed(self, base: Path, head: Path, workload: str) -> list[str]:
        return [f.metric for f in self.compare(base, head, workload) if f.verdict != "pass"]

    def in_span(self, ops: int) -> int:
        """Instructions of the floor in the timed span."""
        command = (
            f"valgrind --tool=callgrind --callgrind-out-file={os.devnull} --collect-atstart=no"
        )
        toggle = f"--toggle-collect={counting.TIMED_SPAN}"
        floor = (CELLS / "null", "--run", "tiny", "--ops", ops)
        found = re.search(r"Collected : (\d+)", run(*command.split(), toggle, *floor).stderr)
        assert found
        return int(found[1])

    def test_span_holds_the_timed_operations_and_nothing_else(self) -> None:
        """The floor does the same at each operation, after a warm-up of 131072 of them."""
        one, some, double = (self.in_span(ops) for ops in (1, 10_001, 20_001))
        self.assertGreater(one, 0)
        self.assertLess(one, 250)
        self.assertGreater(some - one, 100_000)
        self.assertAlmostEqual((double - one) / (some - one), 2, places=2)

    def test_identical_libraries_pass_in_all_metrics(self) -> None:
        base = self.built("base.so")
        shutil.copy(base, self.directory / "head.so")
        findings = self.compare(base, self.directory / "head.so", "tiny", "small")
        self.assertEqual({f.verdict for f in findings}, {"pass"})
        self.assertEqual({f.row for f in findings}, {"tiny/threads:1", "small/threads:1"})
        metrics = {f.metric for f in findings if f.row.startswith("tiny")}
        self.assertLessEqual({*deterministic.LIMITS, "syscalls.mmap", "syscalls.other"}, metrics)
        for f in findings:
            self.assertEqual((f.tier, f.repeat), ("exact", f"again {f.row}"))
            self.assertLess(abs(f.change), 0.001, f)

    @slow
    def test_one_percent_of_instructions(self) -> None:
        """85 instructions an operation and 20 of the wrapper; a percent of 500 of these is 525."""
        base = self.built("base.so", planted.spin("tiny/threads:2", 246))
        head = self.built("head.so", planted.spin("tiny/threads:1", 246))
        self.assertEqual(self.failed(base, head, "tiny"), ["instructions"])

    def test_madvise(self) -> None:
        base = self.built("base.so")
        head = self.built("head.so", planted.madvise("tiny/threads:1", 1000))
        self.assertEqual(self.failed(base, head, "tiny"), ["syscalls.madvise"])

    def test_leak_of_one_block_in_a_thousand(self) -> None:
        """Memory after a purge shows it, and the calls that give back more and smaller ranges."""
        base = self.built("base.so")
        head = self.built("head.so", planted.leak("small/threads:1", 1000))
        failed = self.failed(base, head, "small")
        self.assertEqual(failed, ["rss_purged_bytes", "syscalls.madvise"])

    @slow
    def test_resident_memory(self) -> None:
        base = self.built("base.so")
        findings = self.compare(base, base, "small")
        (peak,) = [f.base for f in findings if f.metric == "rss_peak_bytes"]
        head = self.built("head.so", planted.resident("small/threads:1", round(peak * 0.05)))
        self.assertEqual(
            self.failed(base, head, "small"),
            ["rss_drained_bytes", "rss_peak_bytes", "rss_purged_bytes"],
        )

    def compiled(self, text: str) -> Path:
        source, library = self.directory / "bad.c", self.directory / "bad.so"
        source.write_text(text)
        subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source], check=True)
        return library

    @slow
    def test_library_that_hangs(self) -> None:
        """That fails; of one that was not given a processor nothing is known."""
        hangs, good = self.compiled(HANGS), GOMALLOC
        with mock.patch.object(counting, "TIMEOUT", 2):
            with mock.patch.object(counting, "waited", return_value=0.9):
                with mock.patch.object(Counting, "samples", self.of_head(Counting.samples)):
                    (finding,) = self.compare(good, hangs, "tiny")
                    self.assertEqual((finding.metric, finding.verdict), ("samples", "fail"))
                    self.assertIn("no end after 2 s", finding.note)
            for seconds in (1.1, None):
                with mock.patch.object(counting, "waited", return_value=seconds):
                    with self.assertRaisesRegex(Refusal, "too busy to count"):
                        self.compare(good, hangs, "tiny")

    @staticmethod
    def of_head(samples: Callable[..., list[Outcome]]) -> Callable[..., list[Outcome]]:
        """Runs the head alone, so that the base's end does not depend on time."""

        def made(self: Counting, kind: str, libraries: Sequence[Path], work: Work) -> list[Outcome]:
            return [Sample({}, "d"), *samples(self, kind, libraries[1:], work)]

        return made

    def test_waiting_of_a_session_is_known_or_not(self) -> None:
        own = counting.waited(os.getsid(0))
        self.assertTrue(own is None or own >= 0)
        self.assertIsNone(counting.waited(-1))

    def test_library_that_crashes(self) -> None:
        crashes = self.compiled(CRASHES)
        good = self.built("good.so")
        (finding,) = self.compare(good, crashes, "tiny")
        self.assertEqual((finding.metric, finding.verdict), ("samples", "fail"))
        self.assertIn("head cannot be counted", finding.note)
        with self.assertRaisesRegex(Refusal, "base cannot be counted"):
            self.compare(crashes, good, "tiny")

    def test_what_callgrind_cannot_run(self) -> None:
        """Base or head: all else is compared, and what is not is neither a pass nor a failure."""
        outcome = Counting.outcome
        for arm, side in enumerate(("base", "head")):

            def fails(
                self: Counting, kind: str, process: object, at: Path, *words: object
            ) -> Outcome:
                if kind == "instructions" and at.name.endswith(f"-{arm}"):
                    return counting.Failure("no address space", kind)
                return outcome(self, kind, process, at, *words)  # type: ignore[arg-type]

            with mock.patch.object(Counting, "outcome", fails):
                findings = self.compare(GOMALLOC, GOMALLOC, "tiny")
            undecided = [(f.metric, f.verdict) for f in findings if f.verdict != "pass"]
            self.assertEqual(undecided, [("instructions", "inconclusive")], side)
            self.assertIn(f"the {side} cannot be counted: no address space", findings[0].note)
            self.assertIn("rss_peak_bytes", {f.metric for f in findings})

    def test_not_a_malloc_library(self) -> None:
        libm = Path(run("cc", "-print-file-name=libm.so.6").stdout.strip())
        with self.assertRaisesRegex(Refusal, "malloc belongs to"):
            self.compare(libm, GOMALLOC, "tiny")

    def test_unknown_workload(self) -> None:
        with self.assertRaisesRegex(Refusal, "no workload medium"):
            self.compare(GOMALLOC, GOMALLOC, "medium")

    def test_missing_tool_is_refused(self) -> None:
        with mock.patch("shutil.which", lambda tool: None if tool == "strace" else "there"):
            with self.assertRaisesRegex(Refusal, "without strace.*install the packages"):
                self.compare(GOMALLOC, GOMALLOC, "tiny")

    def test_interrupt_leaves_no_process(self) -> None:
        started: list[subprocess.Popen[bytes]] = []
        start = Counting.start

        def note(self: Counting, *words: object) -> subprocess.Popen[bytes]:
            started.append(start(self, *words))  # type: ignore[arg-type]
            return started[-1]

        with mock.patch.object(Counting, "start", note):
            with mock.patch.object(Counting, "outcome", side_effect=KeyboardInterrupt):
                with self.assertRaises(KeyboardInterrupt):
                    self.compare(GOMALLOC, GOMALLOC, "tiny")
        self.assertEqual(len(started), 2)
        for process in started:
            self.assertIsNotNone(process.returncode)
            with self.assertRaises(ProcessLookupError):
                os.killpg(process.pid, 0)


if __name__ == "__main__":
    unittest.main()
