"""Planted bad allocators, each of which one family of workloads exposes (allocators/faulty/families/). What
is compared is counted, not timed: the peak of memory of the same requests, beside the C library's."""

from __future__ import annotations

import json
import re
import statistics
import unittest
from functools import cache
from pathlib import Path
from typing import Any

from driving import BUILD, ROOT, run, slow

PLANTED = sorted((ROOT / "allocators" / "faulty" / "families").glob("*.c"))
MIB = 1 << 20  # added to both peaks: of less than that, noise would make ratios
LARGE = 4 << 20  # families of larger blocks take long, and no plant is of them


@cache
def families() -> list[dict[str, Any]]:
    """All workloads outside of the core."""
    text = run(BUILD / "cell" / "system", "--describe").stdout
    described: list[dict[str, Any]] = json.loads(text)["workloads"]
    return [w for w in described if w["group"] != "core" and w["max_bytes"] <= LARGE]


def peak(cell: Path, family: dict[str, Any]) -> int:
    threads = min(max(2, family["least_threads"]), family["most_threads"])
    words = ["--run", family["name"], "--threads", threads, "--ops", family["quick_ops"]]
    record = json.loads(run(cell, *map(str, words)).stdout)
    return MIB + int(record["rss_peak_bytes"]) - int(record["rss_start_bytes"])


@slow
class Exposed(unittest.TestCase):
    def test_each_planted_allocator_is_exposed_by_its_family(self) -> None:
        runnable = [f for f in families() if not f["missing"]]
        sound = {f["name"]: peak(BUILD / "cell" / "system", f) for f in runnable}
        for source in PLANTED:
            found = re.search(r"exposed-by: memory ([a-z0-9_ ]+)", source.read_text())
            assert found, source
            own = set(found[1].split())
            cell = BUILD / "faulty" / source.stem
            had = {w["name"]: w for w in json.loads(run(cell, "--describe").stdout)["workloads"]}
            there = [f for f in runnable if not had[f["name"]]["missing"]]
            factor = {f["name"]: peak(cell, f) / sound[f["name"]] for f in there}
            worst = max(factor, key=lambda name: factor[name])
            self.assertIn(worst, own, factor)
            middle = statistics.median(factor.values())
            for name in own:
                self.assertGreaterEqual(factor[name], 2 * middle, (source.stem, name, factor))


if __name__ == "__main__":
    unittest.main()
