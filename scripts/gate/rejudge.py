"""A stored run of the gate, judged again: its samples by this version of the judge, with the settings
of then. A run keeps no processes that were counted, only what came of them. That is shown again, and what
was accepted is asked again.

A file that somebody's hand, or half a copy, has left without rows, kinds of findings or blocks is refused.
What is not there must not pass.
"""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema

import bench_results
from gate import accepted, base_and_head, campaign, deterministic, judge
from gate.findings import Finding, Refusal, check_coverage, restored, verdict
from gate.samples import load

SCHEMA = base_and_head.ROOT / "results" / "gate.schema.json"
# A fact of a run, and why.
NO_COUNTS = "no counts: "
OF_OLD_RUNS = "no exact tier: "  # what they say in its place. words: allow jargon: they are stored.


@dataclass(frozen=True)
class Again:
    """The document of a stored run, and what has come of it now."""

    document: dict[str, Any]
    done: campaign.Campaign
    exact: list[Finding]
    timed: list[Finding]
    numbers: list[dict[str, object]]


def read(file: Path) -> dict[str, Any]:
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
        bench_results.check_schema(document)
        jsonschema.validate(document, json.loads(SCHEMA.read_text(encoding="utf-8")))
        return dict(document)
    except OSError as problem:
        raise Refusal(f"{file}: {problem.strerror}: no stored run of the gate") from problem
    except jsonschema.ValidationError as problem:
        where = "/".join(map(str, problem.absolute_path))
        raise Refusal(
            f"{file} is not a stored run of this gate: {where}: {problem.message[:200]}"
        ) from problem
    except (ValueError, RecursionError) as problem:
        raise Refusal(f"{file} is not a stored run of the gate: {problem}") from problem


def settings_of(document: dict[str, Any]) -> judge.Settings:
    saved: dict[str, Any] = {**document["settings"]}
    saved["looks"] = tuple(saved["looks"])
    try:
        settings = judge.Settings(**saved)
    except TypeError as problem:
        raise Refusal(f"settings of another version: {problem}") from problem
    return settings.checked(len(document["rows"]))


def has_exact_tier(document: dict[str, Any]) -> bool:
    left_out = any(fact.startswith((NO_COUNTS, OF_OLD_RUNS)) for fact in document["facts"])
    return document["tier"] == "exact" or (document["tier"] == "all" and not left_out)


def counted_rows(document: dict[str, Any]) -> list[str]:
    """The rows that the run was to count. Older runs have those of all their workloads."""
    of_rows = [row.partition("/")[0] + "/threads:1" for row in document["rows"]]
    return list(dict.fromkeys(document.get("counted", of_rows)))


def check_exact(document: dict[str, Any], found: list[Finding]) -> None:
    """Each workload is counted in every metric, or has its one finding for why not."""
    asked = set(counted_rows(document))
    for row in sorted(asked if has_exact_tier(document) else ()):
        metrics = Counter(f.metric for f in found if f.row == row)
        absent = sorted({*deterministic.LIMITS} - {*deterministic.OPTIONAL} - {*metrics})
        if judge.FAILED not in metrics and absent:
            raise Refusal(f"the stored run has no counts of {', '.join(absent)} of {row}")
        if max(metrics.values(), default=0) > 1:
            raise Refusal(f"the stored run has counts of {row} twice")
    odd = {f.row for f in found} - (asked if has_exact_tier(document) else set())
    if odd:
        raise Refusal(
            f"the stored run has counts that were not asked for: {', '.join(sorted(odd))}"
        )


def check_parts(document: dict[str, Any], done: campaign.Campaign) -> None:
    """The first stage, then the looks of the second, each of all its blocks."""
    settings, parts = done.settings, done.parts
    looks = range(1, len(parts))
    names = [campaign.FIRST, *(campaign.look_name(n) for n in looks)]
    ends = [0, *settings.looks]
    blocks = [settings.first, *(ends[n] - ends[n - 1] for n in looks if n < len(ends))]
    files = {p["file"] for p in document["parts"]}
    whole = 0 < len(parts) <= len(ends) and len(files) == len(parts)
    if not whole or [p.name for p in parts] != names:
        stored = ", ".join(p.name for p in parts) or "no measurements"
        raise Refusal(f"the stored run has {stored}, which is not a campaign of the gate")
    absent = sorted(set(done.rows) - {s.row for s in parts[0].samples})
    if absent:
        raise Refusal(f"the stored run has no samples of {', '.join(absent)}")
    for part, expected in zip(parts, blocks):
        for row in {s.row for s in part.samples}:
            count = len({s.block for s in part.samples if s.row == row})
            if count != expected:
                raise Refusal(f"{part.name} has {count} blocks of {row}, not its {expected}")


def check_decided(document: dict[str, Any], done: campaign.Campaign) -> None:
    """The second stage has all blocks that decided then."""
    blocks = Counter(row for row, _ in {(s.row, s.block) for s in done.second})
    for c in document["comparisons"]:
        if c["decided_in_stage"] == 2 and c["blocks"] != blocks[c["row"]]:
            raise Refusal(
                f"{c['row']} was decided by {c['blocks']} blocks of the second stage, and the stored "
                f"run has {blocks[c['row']]}"
            )


def rejudge(file: Path) -> Again:
    document = read(file)
    rows, tier = document["rows"], document["tier"]
    stored = [restored(f) for f in document["findings"]]
    if verdict(stored) != document["verdict"]:
        raise Refusal(f"the stored findings are not those of its verdict, {document['verdict']}")
    found = [accepted.before(f) for f in stored if f.tier == deterministic.TIER]
    check_exact(document, found)
    done = campaign.Campaign(rows, settings_of(document), document["seed"])
    done.budget_spent = document["budget_spent"]
    if tier == deterministic.TIER:
        if document["parts"] or document["comparisons"] or len(found) != len(stored):
            raise Refusal("the stored run is one of counts alone, and has what only others have")
        return Again(document, done, found, [], [])
    for part in document["parts"]:
        file_of_part = Path(part["file"])
        if file_of_part.is_absolute() or ".." in file_of_part.parts:
            raise Refusal(f"the stored run has measurements of elsewhere: {part['file']}")
        done.add(load(file.parent / part["file"], part["name"]))
    check_parts(document, done)
    check_decided(document, done)
    timed, numbers = judge.findings(
        done.first, done.second, rows, done.failed, done.settings, lambda row: row
    )
    check_coverage(timed, judge.asked(done.first, rows))
    compared, then = (
        [(c["row"], c["metric"]) for c in of] for of in (numbers, document["comparisons"])
    )
    if sorted(compared) != sorted(then):
        raise Refusal("the stored run has not the comparisons of its rows")
    return Again(document, done, found, timed, numbers)
