"""results.py on a stored run, and on runs that are made up."""

import copy
import json
import unittest
from pathlib import Path
from typing import Any

import results
from results import Results, Spread

EXAMPLE = Path(__file__).resolve().parent.parent / "results" / "example"


def document() -> Any:
    return json.loads((EXAMPLE / "bench.json").read_text())


def entry(allocator: str, ns: float, **more: Any) -> dict[str, Any]:
    """One sample of `tiny` by one thread."""
    return {
        "name": f"tiny/{allocator}/threads:1",
        "run_type": "iteration",
        "workload": "tiny",
        "allocator": allocator,
        "threads": 1,
        "digest": "0" * 16,
        "ns_per_op": ns,
        "ops_per_second": 1e9 / ns,
        "live_bytes": 1 << 20,
        "rss_start_bytes": 1 << 20,
        "rss_live_bytes": 3 << 20,
        "vsz_live_bytes": 5 << 20,
        "rss_drained_bytes": 2 << 20,
        **more,
    }


def made_up(entries: list[dict[str, Any]]) -> Results:
    context = {
        "spanbench": {
            "machine": {"cpus_usable": 2},
            "allocators": [
                {"name": name, "floor": name == "null"}
                for name in sorted({e["allocator"] for e in entries})
            ],
        }
    }
    return results.parse({"context": context, "benchmarks": entries})


class Statistics(unittest.TestCase):
    def test_spread(self) -> None:
        self.assertEqual(Spread.of([7]), Spread(7, 7, 7))
        self.assertEqual(Spread.of([3, 1, 2]), Spread(1.5, 2, 2.5))
        self.assertEqual(Spread.of([1, 2, 3, 4, 100]), Spread(2, 3, 4))


class Parsing(unittest.TestCase):
    def test_example(self) -> None:
        run = results.load(EXAMPLE)
        self.assertEqual(run.workloads, ["tiny", "small", "large"])
        self.assertEqual(run.allocators[-1], "null")
        self.assertEqual(run.busiest, max(t for t in run.thread_counts if t <= run.cpus))
        entries = document()["benchmarks"]
        self.assertEqual(sum(len(r.samples) + len(r.failures) for r in run.rows), len(entries))
        row = run.row("tiny", "system", 1)
        assert row
        wall = sorted(e["ns_per_op"] for e in entries if e["name"] == "tiny/system/threads:1")
        self.assertLessEqual(wall[0], row.median("ns_per_op"))
        self.assertGreaterEqual(wall[-1], row.median("ns_per_op"))

    def test_timeline(self) -> None:
        series = results.load_timeline(EXAMPLE / "timeline.csv")
        run = results.load(EXAMPLE)
        self.assertEqual({a for _, a, _ in series}, set(run.allocators))
        for s in series.values():
            self.assertEqual(len(s.seconds), len(s.vsz))
            self.assertTrue(all(0 < r <= v for r, v in zip(s.rss, s.vsz)))

    def test_failed_samples_make_a_row_unranked(self) -> None:
        bad = {**entry("a", 1), "error_occurred": True, "error_message": "no luck"}
        run = made_up([entry("a", 1), bad, entry("b", 2), entry("null", 0.1)])
        ranked = {r.allocator: r.ranked for r in run.rows}
        self.assertEqual(ranked, {"a": False, "b": True, "null": False})

    def test_different_requests_are_never_compared(self) -> None:
        with self.assertRaisesRegex(ValueError, "different requests"):
            made_up([entry("a", 1), entry("b", 1, digest="1" * 16)])

    def test_what_is_no_run(self) -> None:
        empty = document()
        empty["benchmarks"] = []
        headless = copy.deepcopy(document())
        del headless["context"]["spanbench"]
        for bad in ({}, [], {"context": {}}, empty, headless):
            with self.assertRaises(ValueError):
                results.parse(bad)
