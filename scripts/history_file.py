"""The history's store, results/history.jsonl: a line of JSON for each commit of gomalloc that was
counted, with what it was counted by. Lines are added at the end and never altered; where two are of
the same commit and the same tools, the later one counts. So two branches' lines merge by union.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Iterator

import stored_file
from bench_results import LEAST
from gate import deterministic
from gate.counting import KINDS, Work
from gate.deterministic import Processes, Values
from gate.findings import Refusal

ROOT = Path(__file__).resolve().parent.parent
FILE = ROOT / "results" / "history.jsonl"
SCHEMA = 1
MOST_PROCESSES = 1000  # more were never counted
Key = tuple[tuple[str, str], ...]
Metrics = dict[str, Values]  # the counts of each process


@dataclass(frozen=True)
class Entry:
    """The counts of one commit."""

    commit: str
    date: str  # of the commit, by its committer: ISO 8601, UTC
    key: Key  # what the counts were taken with (gate/baseline_file.py); sorted
    rows: dict[Work, Metrics]

    @property
    def identity(self) -> tuple[str, Key]:
        return self.commit, self.key

    def line(self) -> str:
        rows = {
            work.workload: {"ops": work.ops, "seed": work.seed, **packed(metrics)}
            for work, metrics in self.rows.items()
        }
        document = {"schema": SCHEMA, "commit": self.commit, "date": self.date}
        return json.dumps({**document, "key": dict(self.key), "rows": rows}, allow_nan=False) + "\n"


def metrics_of(processes: Processes) -> Metrics:
    """By metric; whole numbers without a fraction, for they are most of the file."""
    names = sorted({m for kind in KINDS for counts in processes[kind] for m in counts})
    return {
        m: [int(v) if v == int(v) else v for v in deterministic.values(processes, m)] for m in names
    }


def packed(metrics: Metrics) -> dict[str, Any]:
    """Most counts are the same in all processes: those are one number."""
    counts = {m: v if len(set(v)) > 1 else v[0] for m, v in metrics.items()}
    return {"processes": len(next(iter(metrics.values()))), "counts": counts}


def check(good: bool, what: str) -> None:
    if not good:
        raise ValueError(what)


def entry(text: str) -> Entry:
    """Of a line. Raises what says why it is none."""
    document = json.loads(text)
    check(document["schema"] == SCHEMA, f"schema {document['schema']!r} is not {SCHEMA}")
    commit, date, key = document["commit"], document["date"], document["key"]
    check(re.fullmatch("[0-9a-f]{40,64}", commit) is not None, "the commit is not a full hash")
    check(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", date) is not None, "no date")
    check(bool(key) and all(isinstance(v, str) for v in key.values()), "the key is not of strings")
    rows = {Work(w, r["ops"], r["seed"]): unpacked(r) for w, r in document["rows"].items()}
    check(bool(rows), "no rows")
    numbers = [n for w in rows for n in (w.ops, w.seed)]
    check(all(type(n) is int and 0 < n < 2**64 for n in numbers), "no operations")
    return Entry(commit, date, tuple(sorted(key.items())), rows)


def unpacked(row: dict[str, Any]) -> Metrics:
    processes, counts = row["processes"], row["counts"]
    check(type(processes) is int and processes >= deterministic.REPEATS, "too few processes")
    check(processes <= MOST_PROCESSES and bool(counts), "a row without counts, or without end")
    made = {}
    for name, values in counts.items():
        if name == "vsz_peak_bytes":  # of older lines; it told the bytes mapped again
            continue
        check(name.startswith("syscalls.") or name in deterministic.LIMITS, f"what is {name!r}?")
        made[name] = values if isinstance(values, list) else [values] * processes
        check(len(made[name]) == processes, f"{name}: counts of another number of processes")
        counted = all(deterministic.is_count(v) and not 0 < v < LEAST for v in made[name])
        check(counted, f"{name}: what is not a count")
    return made


def read_text(file: Path) -> str:
    """Empty: there is no store yet."""
    if file.exists() and not file.is_file():
        raise Refusal(f"{file} is not a file, so it is not a store of a history")
    try:
        return file.read_text(encoding="utf-8") if file.exists() else ""
    except UnicodeDecodeError as problem:
        raise Refusal(f"{file} is not a store of a history: {problem}") from problem


def entries(text: str, name: str) -> list[Entry]:
    """In the order of the file; of those that are the same, the last."""
    found: dict[tuple[str, Key], Entry] = {}
    for number, line in enumerate(text.splitlines(), 1):
        try:
            one = entry(line)
        except stored_file.SPOILED as problem:
            why = f"no {problem}" if isinstance(problem, KeyError) else str(problem)
            raise Refusal(
                f"{name}:{number} is not a line of a history ({why}): take the line out; what it said "
                "can be counted again, by scripts/history.py record COMMIT"
            ) from problem
        found.pop(one.identity, None)
        found[one.identity] = one
    if text and not text.endswith("\n"):
        raise Refusal(f"{name}: the last line has no end: was it cut off? Take it out")
    return list(found.values())


def read(file: Path = FILE) -> list[Entry]:
    return entries(read_text(file), str(file))


@contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Two that add at the same time do so one after the other."""
    lock = os.open(directory, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def add(one: Entry, file: Path = FILE) -> None:
    """One line more, wholly or not at all."""
    with locked(file.parent):
        before = read_text(file)
        entries(before, str(file))  # nothing is added to what cannot be read
        try:
            stored_file.write(file, (before + one.line()).encode())
        except OSError as problem:
            raise Refusal(f"{file} stays as it was: {problem.strerror}") from problem
