"""The table of speed and memory in README.md is that of the stored run, results/example."""

import statistics
import unittest
from typing import Callable

import bench_results
from bench_results import Results, Row
from driving import ROOT
from table import number

README = ROOT / "allocators" / "gomalloc" / "README.md"
Cell = tuple[str, int]  # workload, threads


def peak(row: Row) -> float:
    above = row.above_start("rss_peak_bytes")
    assert above
    return above.median


def cells(run: Results) -> list[Cell]:
    return [(workload, threads) for workload in run.workloads for threads in run.thread_counts]


def relative(run: Results, value: Callable[[Row], float]) -> dict[str, dict[Cell, float]]:
    """Of each allocator and cell, as a multiple of the cell's best."""
    ratios: dict[str, dict[Cell, float]] = {}
    for cell in cells(run):
        rows = [row for row in run.select(*cell) if not row.floor]
        best = min(map(value, rows))
        for row in rows:
            ratios.setdefault(row.allocator, {})[cell] = value(row) / best
    return ratios


def mean(of: dict[Cell, float]) -> float:
    return statistics.geometric_mean(of.values())


def rows_of(run: Results) -> str:
    times, memory = relative(run, lambda row: row.median("ns_per_op")), relative(run, peak)
    lines = ["| | ns/op | worst cell | fastest in | peak memory |", "|---|---|---|---|---|"]
    for name, time in sorted(times.items(), key=lambda of: mean(of[1])):
        worst = max(time, key=lambda cell: time[cell])
        where = f"{worst[0]}, {worst[1]} thread{'s' * (worst[1] != 1)}"
        fastest = sum(ratio == 1 for ratio in time.values())
        lines.append(
            f"| {name.replace('system', 'glibc')} | {number(mean(time))} | {number(time[worst])} ({where}) "
            f"| {fastest} of {len(time)} | {number(mean(memory[name]))} |"
        )
    return "\n".join(lines) + "\n"


def leaders(run: Results) -> str:
    """The fastest of each workload, at any number of threads."""
    times = relative(run, lambda row: row.median("ns_per_op"))
    said = []
    for workload in run.workloads:
        best = {
            a for a, of in times.items() for cell in of if cell[0] == workload and of[cell] == 1
        }
        said.append(f"{' or '.join(sorted(best))} in {workload}")
    return f"The fastest is {', '.join(said)}."


class Readme(unittest.TestCase):
    def test_it_has_the_numbers_of_the_stored_run(self) -> None:
        run = bench_results.load(ROOT / "results" / "example")
        text = README.read_text()
        for part in (rows_of(run), leaders(run)):
            if part not in text:
                self.fail(f"README.md must say, as the stored run does:\n{part}")


if __name__ == "__main__":
    unittest.main()
