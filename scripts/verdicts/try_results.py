"""Reads what `spanbench try` writes: program.json and memory.csv of a comparison."""

from __future__ import annotations

import csv
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Optional

from bench_results import printable, read_loosely

FILE = "program.json"
AGAINST = " (against)"  # ends the name of a row of the other build
LATER = {"after": "", "traffic": " with light traffic"}  # of a server's run
REFERENCE = "system"  # the C library's malloc: what others are compared with, if it has results


@dataclass(frozen=True)
class Metric:
    name: str  # of a column
    unit: str  # seconds, bytes, or "" for a number of the program's own
    less: str  # of a smaller value: "11 % less time"
    more: str
    better_is_less: bool = True
    minor: bool = False  # has no columns in the table of all rows


TIME = Metric("time", "seconds", "less time", "more time")
CPU = Metric("CPU", "seconds", "less CPU time", "more CPU time")
MEMORY = Metric("peak memory", "bytes", "less peak memory", "more peak memory")


@dataclass
class Row:
    """One way to run the program."""

    name: str
    library: Optional[str]
    cause: Optional[str]  # why there is no result
    # Of each metric, a value for each round that counts.
    values: dict[str, dict[int, float]] = field(default_factory=lambda: defaultdict(dict))
    limit: Any = None  # the smallest that is enough, if somebody asked for it
    first: Optional[str] = None  # of a row of the other build: the row of the first
    notes: tuple[str, ...] = ()  # what a reader of its numbers must know

    @property
    def good(self) -> bool:
        return self.cause is None and bool(self.values)


@dataclass
class Results:
    path: Path
    document: Any
    rows: list[Row]
    metrics: list[Metric]
    rounds: int

    @property
    def good(self) -> list[Row]:
        return [r for r in self.rows if r.good]

    @property
    def reference(self) -> Optional[Row]:
        """What all others are shown relative to: the C library's malloc, or else the first."""
        return next((r for r in self.good if r.name == REFERENCE), next(iter(self.good), None))

    @property
    def of_two_builds(self) -> bool:
        return any(r.first for r in self.rows)

    @property
    def without_ratios(self) -> bool:
        """The program's own number was 0 or less in some run, so it cannot be compared."""
        return not all(has_ratios(r) for r in self.document["runs"] if r["problem"] is None)

    @property
    def precision(self) -> float:
        return float(self.document["precision"])


def has_ratios(run: Any) -> bool:
    """Of its own number, if it has one."""
    return run["metric"] is None or run["metric"] > 0


def metrics_of(program: Any, runs: list[Any]) -> list[Metric]:
    made = [TIME, CPU, MEMORY]
    if program["metric"] is not None and all(map(has_ratios, runs)):
        less = not program["higher_is_better"]
        made.insert(0, Metric("metric", "", "less of the metric", "more of the metric", less))
    for where, when in LATER.items():
        for key in sorted({k for run in runs for k in run.get(where, {})}, key=float):
            if where == "after" or float(key) > 0:  # both begin at the same state
                said = f"memory {key} s later{when}"
                name = f"{where} {key} s"
                made.append(Metric(name, "bytes", f"less {said}", f"more {said}", minor=True))
    return made


def values_of(run: Any) -> dict[str, float]:
    found = {
        TIME.name: run["wall_seconds"],
        CPU.name: run["user_seconds"] + run["system_seconds"],
        MEMORY.name: run["peak_bytes"],
        "metric": run["metric"],
        **{
            f"{where} {key} s": size
            for where in LATER
            for key, size in run.get(where, {}).items()
            if where == "after" or float(key) > 0
        },
    }
    # A program that ends at once may have had no tick of CPU time, and no page of its own.
    return {
        k: float(v) if k == "metric" else max(float(v), 1e-6)
        for k, v in found.items()
        if v is not None
    }


def row_of(r: Any) -> Row:
    first = r["name"].removesuffix(AGAINST) if r.get("against") else None
    row = Row(r["name"], r["library"], r["cause"], limit=r.get("smallest_limit"), first=first)
    row.notes = tuple(r.get("notes", ()))
    return row


def of_document(path: Path, document: Any) -> Results:
    rows = [row_of(r) for r in document["rows"]]
    by_name = {r.name: r for r in rows}
    runs = [r for r in document["runs"] if r["problem"] is None]
    for run in runs:
        for name, value in values_of(run).items():
            by_name[run["row"]].values[name][run["round"]] = value
    metrics = metrics_of(document["program"], runs)
    return Results(path, document, rows, metrics, int(document["rounds"]))


def cleaned(value: Any) -> Any:
    """With texts as lines that can be printed: a program's words may hold anything."""
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, list):
        return [cleaned(v) for v in value]
    return {k: cleaned(v) for k, v in value.items()} if isinstance(value, dict) else value


def load(path: Path) -> Results:
    """Of a comparison's directory, or of its program.json."""
    file = path / FILE if path.is_dir() else path

    def parsed(document: Any) -> Results:
        return of_document(file, cleaned(document))

    return read_loosely(file, parsed, "a comparison of spanbench try")


@dataclass
class Curve:
    seconds: list[float] = field(default_factory=list)
    pss: list[int] = field(default_factory=list)


def load_curves(file: Path) -> dict[tuple[str, int], Curve]:
    """Memory over time, by row and round; without a file, of none."""
    found: dict[tuple[str, int], Curve] = defaultdict(Curve)
    if not file.exists():
        return {}
    with open(file, newline="", encoding="utf-8") as lines:
        for line in csv.DictReader(lines):
            curve = found[printable(line["row"]), int(line["round"])]
            curve.seconds.append(float(line["seconds"]))
            curve.pss.append(int(line["pss_bytes"]))
    return dict(found)
