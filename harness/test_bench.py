"""`make bench QUICK=1` from end to end: every allocator, table, plots, and its budget of rows."""

import json
import os

from driving import CELLS, ROOT, DriverTest, cell_names, run


class Bench(DriverTest):
    def make_bench(self, *words: str) -> "tuple[int, str, str]":
        environment = {k: v for k, v in os.environ.items() if not k.startswith("MAKE")}
        result = run(
            "make",
            "bench",
            "QUICK=1",
            "DEPS=skip",
            f"OUT={self.out}",
            *words,
            cwd=ROOT,
            env=environment,
        )
        return result.returncode, result.stdout, result.stderr

    def test_all_rows(self) -> None:
        code, table, errors = self.make_bench()
        self.assertEqual(code, 0, errors)
        document = self.document()
        rows = {e["name"] for e in document["benchmarks"] if "error_occurred" not in e}
        wanted = {
            f"{workload}/{name}/threads:{threads}"
            for workload in ("tiny", "small", "large")
            for name in cell_names()
            for threads in (1, 2, 4)
        }
        self.assertLessEqual(wanted, rows)
        counters = (
            "ops_per_second",
            "rss_live_bytes",
            "vsz_live_bytes",
            "live_bytes",
            "minor_faults",
            "major_faults",
            "object",
            "digest",
        )
        for entry in document["benchmarks"]:
            for counter in counters:
                self.assertIn(counter, entry)
        plots = {p.name for p in (self.out / "latest" / "plots").iterdir()}
        for figure in ("throughput", "timeline", "memory", "pareto"):
            self.assertLessEqual({f"{figure}.png", f"{figure}.svg"}, plots)
        self.assertIn("small, 2 threads", table)

    def test_variables_choose(self) -> None:
        code, table, errors = self.make_bench(
            "ALLOCATORS=null system", "WORKLOADS=tiny", "THREADS=1 2", "REPS=2", "SEED=7"
        )
        self.assertEqual(code, 0, errors)
        document = self.document()
        self.assertEqual(document["context"]["spanbench"]["seed"], 7)
        self.assertEqual(len(document["benchmarks"]), 2 * 1 * 2 * 2)
        self.assertNotIn("\033", table)

    def test_wrong_use_ends_make(self) -> None:
        code, _, errors = self.make_bench("PRELOAD=/nonexistent.so")
        self.assertEqual(code, 2)
        self.assertIn("cannot preload '/nonexistent.so'", errors)
        self.assertFalse(self.out.exists())

    def test_failed_samples_still_give_a_table_and_fail(self) -> None:
        self.use_cells(CELLS / "system")
        self.script_cell("bad", 'case $1 in --describe) exec {good} "$@";; esac\nexit 4')
        code, table, _ = self.make_bench(
            f"ARGS=--cells {self.cells}", "WORKLOADS=tiny", "THREADS=1", "REPS=1"
        )
        self.assertNotEqual(code, 0)
        self.assertIn("FAILED: check failed: ended with exit code 4", table)
        json.loads((self.out / "latest" / "bench.json").read_text())
