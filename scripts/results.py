"""Reads a run's results: bench.json into rows of samples, timeline.csv into series.

The core takes parsed JSON and returns values; nothing here prints or draws.
"""

from __future__ import annotations

import csv
import json
import statistics
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Iterable, Optional

MIB = 1024 * 1024


@dataclass(frozen=True)
class Spread:
    """The middle of some samples: median and quartiles."""

    low: float
    median: float
    high: float

    @staticmethod
    def of(values: Iterable[float]) -> "Spread":
        v = sorted(values)
        if len(v) < 2:
            return Spread(v[0], v[0], v[0])
        low, median, high = statistics.quantiles(v, n=4, method="inclusive")
        return Spread(low, median, high)


@dataclass
class Row:
    """What is compared: an allocator on a workload by some threads, with its good samples."""

    workload: str
    allocator: str
    threads: int
    floor: bool
    samples: list[dict[str, Any]] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    @property
    def ranked(self) -> bool:
        """May it be called the best? Not the floor, and not a row with a failed sample."""
        return not self.floor and not self.failures and bool(self.samples)

    def has(self, counter: str) -> bool:
        return bool(self.samples) and all(counter in s for s in self.samples)

    def spread(self, counter: str) -> Spread:
        return Spread.of(s[counter] for s in self.samples)

    def median(self, counter: str) -> float:
        return self.spread(counter).median


@dataclass
class Results:
    """One run. `rows` in the order of the file's first mention of each."""

    context: dict[str, Any]
    rows: list[Row]

    @property
    def cpus(self) -> int:
        return int(self.context["spanbench"]["machine"]["cpus_usable"])

    @property
    def workloads(self) -> list[str]:
        """Those that were measured, the one with the smallest blocks first."""
        size = {r.workload: r.median("live_bytes") for r in self.rows if r.samples}
        return sorted({r.workload for r in self.rows}, key=lambda w: (size.get(w, 0), w))

    @property
    def allocators(self) -> list[str]:
        """Those that were measured, by name, the floor last."""
        floor = {r.allocator: r.floor for r in self.rows}
        return sorted(floor, key=lambda a: (floor[a], a))

    @property
    def thread_counts(self) -> list[int]:
        return sorted({r.threads for r in self.rows})

    @property
    def busiest(self) -> int:
        """The largest thread count that the CPUs can run at once, else the smallest of all."""
        fits = [t for t in self.thread_counts if t <= self.cpus]
        return max(fits) if fits else min(self.thread_counts)

    def select(self, workload: str, threads: int) -> list[Row]:
        return [r for r in self.rows if (r.workload, r.threads) == (workload, threads)]

    def row(self, workload: str, allocator: str, threads: int) -> Optional[Row]:
        found = [r for r in self.select(workload, threads) if r.allocator == allocator]
        return found[0] if found else None


def parse(document: dict[str, Any]) -> Results:
    """The rows of a parsed bench.json. Raises ValueError if it is none, or if digests differ."""
    try:
        context = document["context"]
        floor = {a["name"]: a.get("floor", False) for a in context["spanbench"]["allocators"]}
        rows: dict[tuple[str, str, int], Row] = {}
        digests: dict[str, set[str]] = defaultdict(set)
        for entry in document["benchmarks"]:
            if entry["run_type"] != "iteration":
                continue
            key = (entry["workload"], entry["allocator"], entry["threads"])
            row = rows.setdefault(key, Row(*key, floor=floor.get(entry["allocator"], False)))
            if entry.get("error_occurred"):
                row.failures.append(entry["error_message"])
            else:
                row.samples.append(entry)
                digests[entry["workload"]].add(entry["digest"])
    except (KeyError, TypeError) as missing:
        raise ValueError(f"not a bench.json of spanbench: {missing} is absent") from missing
    for workload, found in digests.items():
        if len(found) > 1:
            raise ValueError(f"samples of {workload} made different requests; never compared")
    if not rows:
        raise ValueError("no samples")
    return Results(context, list(rows.values()))


def load(path: Path) -> Results:
    """Reads bench.json, or the directory of a run. Raises ValueError or OSError."""
    with open(path / "bench.json" if path.is_dir() else path, encoding="utf-8") as f:
        return parse(json.load(f))


@dataclass
class Series:
    """One pass of the timeline: seconds since the process began, and bytes."""

    seconds: list[float] = field(default_factory=list)
    rss: list[int] = field(default_factory=list)
    vsz: list[int] = field(default_factory=list)


def load_timeline(path: Path) -> dict[tuple[str, str, int], Series]:
    """timeline.csv by (workload, allocator, threads)."""
    series: dict[tuple[str, str, int], Series] = defaultdict(Series)
    with open(path, encoding="utf-8", newline="") as f:
        for line in csv.DictReader(f):
            s = series[(line["workload"], line["allocator"], int(line["threads"]))]
            s.seconds.append(float(line["seconds"]))
            s.rss.append(int(line["rss_bytes"]))
            s.vsz.append(int(line["vsz_bytes"]))
    return dict(series)
