"""Each workload of the memory group exposes the allocator that was planted for it, by memory alone.

A workload has a measure. An allocator's factor is its measure over that of the C library's. That of a planted
allocator must be largest on its own workload, and there at least twice the median over all of them. All
samples have one thread and one seed, so that the layouts, and nearly all pages, are the same each time."""

import statistics
import unittest
from pathlib import Path
from typing import Any, Callable

from driving import CELLS, FAULTY, ROOT, adapter_keys, cell, slow

Record = dict[str, Any]
PLANTED = ROOT / "allocators" / "faulty" / "memory"
LEAST = 1 << 20  # bytes; below it a measure says nothing, and differs by what a process is made of


def at(record: Record, name: str) -> float:
    """What is resident at an instant above the start."""
    (found,) = [i for i in record["instants"] if i["name"] == name]
    return float(found["rss_bytes"] - record["rss_start_bytes"])


def peak(record: Record) -> float:
    return max(float(i["rss_bytes"] - record["rss_start_bytes"]) for i in record["instants"])


def remains(record: Record) -> float:
    """At the end: after a purge, where the allocator has one."""
    end = record["rss_purged_bytes"]
    return float((record["rss_drained_bytes"] if end is None else end) - record["rss_start_bytes"])


MEASURES: dict[str, Callable[[Record], float]] = {
    "footprint": remains,
    "swiss_cheese": lambda r: at(r, "again") - at(r, "filled"),
    "survivors": lambda r: peak(r) - at(r, "64 B"),
    "first_fit": peak,
    "robson": peak,
    "reserve_touch": lambda r: at(r, "untouched"),
}


def measured(path: Path, workload: str) -> float:
    record = cell(str(path), "--run", workload, "--seed", "5")
    return max(MEASURES[workload](record), LEAST)


@slow
class Exposed(unittest.TestCase):
    def test_each_planted_allocator_is_exposed_by_its_own_workload(self) -> None:
        planted = {
            source.stem: adapter_keys(source)["exposed-by"]
            for source in sorted(PLANTED.glob("*.c"))
            if "exposed-by" in adapter_keys(source)
        }
        self.assertGreaterEqual(len(planted), 5)
        sound = {w: measured(CELLS / "system", w) for w in MEASURES}
        for name, own in planted.items():
            factors = {w: measured(FAULTY / name, w) / sound[w] for w in MEASURES}
            said = ", ".join(f"{w} {f:.2f}" for w, f in factors.items())
            print(f"# {name}: {said}")
            with self.subTest(name=name):
                self.assertEqual(max(factors, key=lambda w: factors[w]), own, said)
                self.assertGreaterEqual(factors[own], 2 * statistics.median(factors.values()), said)


if __name__ == "__main__":
    unittest.main()
