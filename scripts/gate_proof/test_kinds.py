"""A planted regression of each kind: the default rows of the gate find it. What time alone shows is for
`make gate-proof`, for no test asserts a time."""

from __future__ import annotations

import dataclasses
import functools
import unittest
from pathlib import Path
from unittest import mock

from driving import BUILD, CELLS, DriverTest, slow

from gate import counting, deterministic, rows
from gate.findings import Finding, restored
from gate_proof import kinds, planted, proof, run_gate
from gate_proof.ledger import Ledger
from gate_proof.test_proof import KEY, options

GOMALLOC = BUILD / "libgomalloc.so"
CONVOY = 4  # threads, by two CPUs


@functools.cache
def default() -> rows.Rows:
    """As on a machine of two CPUs."""
    known = {
        w["name"]: rows.Workload(
            w["group"], w["least_threads"], w["most_threads"], w["threads_per_cpu"]
        )
        for w in counting.described_workloads(CELLS / "system")
    }
    return rows.chosen([], [], known, cpus=2, quick=False)


class Planted(unittest.TestCase):
    def test_there_is_one_of_each_kind_in_a_row_that_is_compared_by_default(self) -> None:
        every = kinds.regressions(CONVOY)
        self.assertEqual({r.kind for r in every}, {k.what for k in rows.KINDS})
        self.assertEqual(len({r.name for r in every}), len(every))
        for r in every:
            for shown in r.shown:
                workload = shown.row.partition("/")[0]
                among = default().counted if shown.by_counts else default().timed
                self.assertIn(workload if shown.by_counts else shown.row, among, r.name)

    def test_found_is_in_each_row_that_must_show_it(self) -> None:
        (copies,) = [r for r in kinds.regressions(CONVOY) if r.head.what == "copy"]
        steps, huge = (
            Finding("exact", s.row, s.metrics[0], "", 1, 2, 1, None, None, 0, None, "fail", "", "x")
            for s in copies.shown
        )
        self.assertTrue(copies.is_found([steps, huge]))
        for spoilt in (
            {"verdict": "inconclusive"},
            {"row": "tiny/threads:1"},
            {"metric": "bytes_mapped"},
            {"tier": "memory"},
        ):
            self.assertFalse(copies.is_found([steps, dataclasses.replace(huge, **spoilt)]), spoilt)
        self.assertFalse(copies.is_found([steps]))


class Found(DriverTest):
    def libraries(self, r: kinds.Regression) -> tuple[Path, Path]:
        base = planted.build(GOMALLOC, r.base, self.directory / "base.so")
        return base, planted.build(GOMALLOC, [r.head], self.directory / "head.so")

    def compare(self, base: Path, head: Path, *workloads: str) -> list[Finding]:
        work = self.directory / "work"
        return deterministic.compare(
            base, head, workloads, build=BUILD, work=work, seed=1, repeat=lambda row: row
        )

    def found_by_counts(self, *names: str) -> None:
        every = [r for r in kinds.regressions(CONVOY) if r.by_counts]
        self.assertLessEqual(set(names), {r.head.what for r in every})
        for r in every:
            if r.head.what in names:
                with self.subTest(r.name):
                    workloads = [s.row.partition("/")[0] for s in r.shown]
                    findings = self.compare(*self.libraries(r), *workloads)
                    bad = [
                        f"{f.name}: {f.verdict} {f.change}" for f in findings if f.verdict != "pass"
                    ]
                    self.assertTrue(r.is_found(findings), bad)

    @slow
    def test_slower_free_of_an_ended_threads_block(self) -> None:
        """callgrind must count what threads do while the one that began them waits."""
        self.found_by_counts("foreign")

    @slow
    def test_all_that_counts_must_find(self) -> None:
        self.found_by_counts("calloc", "clear", "convoy", "copy", "leak", "madvise", "spin", "keep")

    @slow
    def test_identical_libraries_pass_in_all_default_rows(self) -> None:
        beyond = [w for w in default().counted if w not in ("tiny", "small", "large")]
        findings = self.compare(GOMALLOC, GOMALLOC, *beyond)
        self.assertEqual({f.row for f in findings}, {f"{w}/threads:1" for w in beyond})
        # A note may stand: the helper thread's clock spreads counts on a loaded machine, and they do not decide then.
        bad = [f"{f.name}: {f.verdict}: {f.note}" for f in findings if f.verdict != "pass"]
        self.assertEqual(bad, [])

    @slow
    def test_memory_by_whole_runs_of_the_row(self) -> None:
        """Few rounds, for memory has no noise to speak of. Time is in the same runs, and is not asked."""
        short = ("--quick", "--tier", "timed", "--first", "6", "--blocks", "13", "--budget", "1")
        of_memory = [
            r
            for r in kinds.regressions(CONVOY)
            if not r.by_counts and r.shown[0].metrics != ("ns_per_op",)
        ]
        self.assertEqual(len(of_memory), 2)
        for r in of_memory:
            (shown,) = r.shown
            workload, _, threads = shown.row.partition("/threads:")
            words = (*short, "--workloads", workload, "--threads", threads)
            base, head = self.libraries(r)
            _, document = run_gate.run(base, head, BUILD, self.directory, *words)
            assert document
            found = [restored(f) for f in document["findings"]]
            told = [(f.metric, f.verdict, f.change) for f in found]
            self.assertTrue(r.is_found(found), f"{r.name}: {told}")


class Proof(DriverTest):
    def test_goes_on_where_it_was_and_keeps_what_was_missed(self) -> None:
        ledger = Ledger(self.directory / "proof.json", KEY)
        made = proof.Proof(options(), ledger, self.directory)
        every = kinds.regressions(CONVOY)
        asked: list[str] = []

        def gate(base: Path, head: Path, seed: int, *more: str) -> dict[str, object]:
            asked.append(more[1])
            if len(asked) == 4:
                raise KeyboardInterrupt
            r = every[len(asked) - 1]
            fails = [
                Finding(
                    "exact" if s.by_counts else "timed",
                    s.row,
                    s.metrics[0],
                    "",
                    1,
                    2,
                    1,
                    None,
                    None,
                    0,
                    None,
                    "fail",
                    "",
                    "x",
                )
                for s in r.shown
            ]
            found = [] if len(asked) == 2 else [dataclasses.asdict(f) for f in fails]
            end = {"seed": seed, "seconds": 1.0, "parts": []}
            return {"findings": found, "rows": [], "counted": [], **end}

        with mock.patch.object(kinds, "convoy_threads", return_value=CONVOY), mock.patch.object(
            made, "gate", gate
        ), mock.patch.object(planted, "build"):
            with self.assertRaises(KeyboardInterrupt):
                made.kinds()
        records = ledger.of("kinds")
        self.assertEqual([r["name"] for r in records], [r.name for r in every[:3]])
        self.assertEqual([r["found"] for r in records], [True, False, True])
        self.assertEqual(asked, ["exact"] * 4)


if __name__ == "__main__":
    unittest.main()
