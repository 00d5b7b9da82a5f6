"""Regressions that are accepted on purpose: results/accepted.json, a reviewed file.

    [{"row": "small/threads:1", "metric": "rss_peak_bytes", "until": "2026-12-31",
      "reason": "a larger cache a thread, which makes small/threads:2 12 % faster"}]

"row" may be "*", "metric" is one of gate.json's. The last day of "until" still counts.
"""

from __future__ import annotations

import datetime
import json
import re
from dataclasses import dataclass, replace
from pathlib import Path

from gate import deterministic, judge
from gate.counting import TIMED_CALLS
from gate.findings import Finding, Refusal

ROW = re.compile(r"\*|[\w-]+/threads:[1-9]\d*")
METRICS = dict.fromkeys([*(m.name for m in judge.METRICS), *deterministic.LIMITS, TIMED_CALLS])
KEYS = ("row", "metric", "reason", "until")


@dataclass(frozen=True)
class Entry:
    row: str
    metric: str
    reason: str
    until: datetime.date

    def covers(self, f: Finding) -> bool:
        return self.row in ("*", f.row) and self.metric == f.metric


def parse(document: object) -> list[Entry]:
    """Raises ValueError."""
    if not isinstance(document, list):
        raise ValueError("it is not a list")
    entries = []
    for i, item in enumerate(document):
        if not isinstance(item, dict) or sorted(item) != sorted(KEYS):
            raise ValueError(f"entry {i + 1} must have the keys {', '.join(KEYS)}, and no other")
        if not all(isinstance(item[k], str) and item[k].strip() for k in KEYS):
            raise ValueError(f"entry {i + 1}: each of {', '.join(KEYS)} must be said")
        try:
            until = datetime.date.fromisoformat(item["until"])
        except ValueError as problem:
            raise ValueError(f"entry {i + 1}: until is not a date: {item['until']}") from problem
        if not ROW.fullmatch(item["row"]):
            raise ValueError(
                f"entry {i + 1}: no row is called {item['row']}, but small/threads:1 or *"
            )
        if item["metric"] not in METRICS and not item["metric"].startswith("syscalls."):
            raise ValueError(
                f"entry {i + 1}: no metric is called {item['metric']}; there are "
                f"{', '.join(METRICS)}, syscalls.NAME"
            )
        entries.append(Entry(item["row"], item["metric"], item["reason"], until))
    return entries


def load(file: Path) -> list[Entry]:
    """A file that is not there accepts nothing; one that cannot be read is a refusal."""
    try:
        return parse(json.loads(file.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return []
    except (OSError, ValueError, RecursionError) as problem:
        raise Refusal(f"{file}: {problem}") from problem


ACCEPTED = "accepted until "


def before(f: Finding) -> Finding:
    """What is stored as accepted, failed: entries of now decide, not those of then."""
    if f.verdict != "accepted":
        return f
    return replace(f, verdict="fail", note=f.note.partition(ACCEPTED)[0].removesuffix("; "))


def strangers(entries: list[Entry], workloads: list[str]) -> list[str]:
    """What is to be said of entries for unknown workloads."""
    absent = [e.row for e in entries if e.row != "*" and e.row.partition("/")[0] not in workloads]
    return [
        f"accepted.json: no row is called {r}; workloads: {', '.join(workloads)}" for r in absent
    ]


def apply(
    findings: list[Finding], entries: list[Entry], today: datetime.date
) -> tuple[list[Finding], list[str]]:
    """The findings, with what is accepted marked so; and what is to be said of the entries. No entry
    covers failed samples: the allocator does not work."""
    used: set[Entry] = set()
    made, said = [], []
    for f in findings:
        fitting = [e for e in entries if e.covers(f)]
        valid = [e for e in fitting if e.until >= today]
        if f.verdict == "fail" and valid:
            why = f"{ACCEPTED}{valid[0].until}: {valid[0].reason}"
            f = replace(f, verdict="accepted", note=f"{f.note}; " * bool(f.note) + why)
            used.add(valid[0])
        made.append(f)
    for e in entries:
        name = f"{e.row} {e.metric}"
        if e.until < today:
            said.append(f"accepted.json: {name} ended on {e.until}; remove the entry")
        elif e not in used and any(e.covers(f) for f in findings):
            said.append(f"accepted.json: {name} is not needed by this change")
    return made, said
