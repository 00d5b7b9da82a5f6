"""What the driver measured for the gate, from its bench.json: one sample for each process.

This checks the shape of what is read, and that all of it can be compared. Each arm must have the same
requests, and be there as often as the others in each block, on one machine.
"""

from __future__ import annotations

import json
import statistics
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Iterable, Optional

import bench_results
from gate.findings import Refusal

ARMS = ("base", "head", "twin")
COUNTERS = (
    "ns_per_op",
    "rss_start_bytes",
    "rss_peak_bytes",
    "rss_drained_bytes",
    "writable_start_bytes",
    "writable_live_bytes",
)
# Of allocators that can be asked to give memory back.
OPTIONAL_COUNTERS = ("rss_purged_bytes",)
MIRRORED = 2  # samples of an arm in a block


@dataclass(frozen=True)
class Sample:
    row: str  # "small/threads:1"
    arm: str
    block: tuple[str, int]  # the measurement that it is part of, and the block in it
    values: dict[str, float]
    digest: str = ""
    failure: Optional[str] = None  # why there are no values
    node: str = ""  # that measured it; of a run on this machine there is one


@dataclass
class Part:
    """One run of the driver."""

    name: str
    samples: list[Sample]
    machine: dict[str, Any] = field(default_factory=dict)  # what must be the same for all parts
    environment: dict[str, str] = field(default_factory=dict)
    others_cpu_share: Optional[float] = None
    file: str = ""


def parse_sample(entry: Any, name: str, where: str) -> Sample:
    workload = bench_results.text(entry, where, "workload")
    threads = bench_results.count(entry, where, "threads")
    arm = bench_results.text(entry, where, "allocator")
    if arm not in ARMS:
        raise ValueError(f"{where}: '{arm}' is none of {', '.join(ARMS)}")
    row = f"{workload}/threads:{threads}"
    block = (name, bench_results.member(entry, where, "block", int))
    node = bench_results.text(entry, where, "node", "")
    if bench_results.member(entry, where, "error_occurred", bool, False):
        failure = bench_results.text(entry, where, "error_message", "(no reason)")
        return Sample(row, arm, block, {}, "", failure, node)
    there = [c for c in OPTIONAL_COUNTERS if entry.get(c) is not None]
    values = {c: bench_results.amount(entry, where, c) for c in (*COUNTERS, *there)}
    if any(not v > 0 for v in values.values()):
        raise ValueError(f"{where}: a number is 0, which has no ratio to others")
    digest = bench_results.text(entry, where, "digest")
    return Sample(row, arm, block, values, digest, node=node)


def parse(document: Any, name: str) -> Part:
    """One bench.json. Raises ValueError."""
    context = bench_results.member(document, "the file", "context", dict)
    own = bench_results.member(context, "context", "spanbench", dict)
    if not bench_results.member(own, "context.spanbench", "complete", bool):
        raise ValueError("it is not complete: it was interrupted")
    if bench_results.text(own, "context.spanbench", "order", "shuffled") != "mirrored":
        raise ValueError("its blocks are not mirrored: the gate did not measure it so")
    entries = bench_results.member(document, "the file", "benchmarks", list)
    samples = [parse_sample(e, name, f"benchmarks[{i}]") for i, e in enumerate(entries)]
    shares = [e["others_cpu_share"] for e in entries if "others_cpu_share" in e]
    machine = {
        **bench_results.member(own, "context.spanbench", "machine", dict),
        "host_name": bench_results.text(context, "context", "host_name", ""),
        "spanbench": bench_results.text(own, "context.spanbench", "version", ""),
        "brief": bench_results.member(own, "context.spanbench", "brief", bool),
    }
    environment = bench_results.member(own, "context.spanbench", "environment", dict, {})
    share = statistics.median(shares) if shares else None
    return Part(name, samples, machine, environment, share)


def load(path: Path, name: str) -> Part:
    try:
        document = json.loads(path.read_bytes().decode("utf-8"))
        bench_results.check_schema(document)
        part = parse(document, name)
    except OSError as problem:
        raise Refusal(f"{path}: {problem.strerror}") from problem
    except ValueError as problem:
        raise Refusal(f"{path} cannot be judged: {problem}") from problem
    part.file = str(path)
    return part


def check_machine(parts: Iterable[Part]) -> None:
    """Samples of different machines, or of different versions of the harness, are not compared."""
    first: Optional[Part] = None
    for part in parts:
        first = first or part
        keys = sorted({*first.machine, *part.machine})
        odd = [k for k in keys if first.machine.get(k) != part.machine.get(k)]
        if odd:
            key = odd[0]
            raise Refusal(
                f"{first.name} and {part.name} are of different machines ({key}: "
                f"{first.machine.get(key)}, {part.machine.get(key)}), which cannot be compared; "
                "measure again, all on one"
            )


def check_comparable(samples: Iterable[Sample]) -> None:
    """The good samples of a row: every arm in every block as often, with the same requests."""
    digests: dict[tuple[str, str], set[str]] = defaultdict(set)
    counts: dict[tuple[str, tuple[str, int]], dict[str, int]] = defaultdict(
        lambda: dict.fromkeys(ARMS, 0)
    )
    for s in samples:
        digests[s.row, s.block[0]].add(s.digest)
        counts[s.row, s.block][s.arm] += 1
    for (row, part), found in digests.items():
        if len(found) > 1:
            raise Refusal(
                f"{row}: the digests of {part} differ ({', '.join(sorted(found))}): the arms made "
                "different requests, which cannot be compared"
            )
    for (row, block), of in counts.items():
        if set(of.values()) != {MIRRORED}:
            raise Refusal(f"{row}: block {block[1]} of {block[0]} is not whole: {of}")


def check_failures(samples: Iterable[Sample]) -> dict[str, str]:
    """The rows that failed because of head alone, with the first reason. Anything else that failed
    is a refusal. So are numbers that cannot be, which say nothing of either."""
    failed: dict[str, str] = {}
    for s in samples:
        if s.failure is None:
            continue
        if "digest:" in s.failure:
            raise Refusal(f"{s.row}: {s.failure}; no comparison was made")
        if "impossible:" in s.failure:
            raise Refusal(f"{s.row}: {s.arm} cannot be measured: {s.failure}")
        if s.arm != "head":
            raise Refusal(
                f"{s.row}: {s.arm} failed, so there is nothing to compare with: {s.failure}; "
                "choose another base"
            )
        failed.setdefault(s.row, s.failure)
    return failed
