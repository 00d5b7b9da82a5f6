"""The memory of a server over the phases of its life, in a table and in words (`spanbench try --server`)."""

from __future__ import annotations

import statistics
from typing import Any, Optional

from verdicts.try_results import Results, Row
from verdicts.try_words import aligned, joined, mebibytes, percent

LEAST = 1 << 20  # of less that the load took, nothing can be said to come back


def later(run: Any, key: str) -> list[tuple[float, float]]:
    return sorted((float(s), float(b)) for s, b in run.get(key, {}).items() if float(s) > 0)


def stages(run: Any) -> list[tuple[str, float]]:
    """Of a run, what the stages are called in a table, and the memory at the end of each."""
    phases = [float(p["bytes"]) for p in run["phases"]]
    return [
        ("ready", float(run["ready_bytes"])),
        ("load", phases[0]),
        *((f"then {i}", size) for i, size in enumerate(phases[1:], 1)),
        *((f"+{s:g} s", size) for s, size in later(run, "after")),
        *((f"traffic +{s:g} s", size) for s, size in later(run, "traffic")),
    ]


def medians(results: Results, row: Row) -> Optional[dict[str, float]]:
    """Of each stage, over the runs of a row; None: they were not watched."""
    runs = [
        stages(run)
        for run in results.document["runs"]
        if run["row"] == row.name and run["problem"] is None and "phases" in run
    ]
    if not runs or not row.good:
        return None
    return {name: statistics.median(r[i][1] for r in runs) for i, (name, _) in enumerate(runs[0])}


def table(results: Results) -> list[str]:
    found = {r.name: m for r in results.good if (m := medians(results, r))}
    if not found:
        return []
    head = list(next(iter(found.values())))
    lines = [["", *head]]
    lines += [[name, *(mebibytes(size[h]) for h in head)] for name, size in found.items()]
    return ["the server's memory:", *aligned(lines)]


def given_back(size: dict[str, float], stage: str) -> str:
    """Of what the load took, in per cent; less than nothing is nothing."""
    fraction = (size["load"] - size[stage]) / (size["load"] - size["ready"])
    if fraction < 0:
        return f"none ({percent(fraction)} % more)" if fraction < -0.01 else "0 %"
    return f"{percent(fraction)} %"


def sentence(name: str, size: dict[str, float]) -> str:
    taken = size["load"] - size["ready"]
    if taken < LEAST:
        return f"{name}: the load took no memory to speak of, so none can come back."
    parts = [
        f"{given_back(size, stage)} {'after' if stage.startswith('then') else 'within'} "
        f"{stage.removeprefix('+').replace('then', 'command')}"
        for stage in size
        if stage.startswith(("then", "+"))
    ]
    traffic = [
        f"{given_back(size, stage)} within {stage.removeprefix('traffic +')}"
        for stage in size
        if stage.startswith("traffic")
    ]
    said = f"{name}: gives back {joined(parts)}" if parts else f"{name}: keeps {mebibytes(taken)}"
    if traffic:
        said += f"; with light traffic {joined(traffic)}"
    return f"{said}, of {mebibytes(taken)} that the load took."


def words(results: Results) -> list[str]:
    return [sentence(r.name, m) for r in results.good if (m := medians(results, r))]
