"""Nodes that cannot be trusted to compare: there, base and its own copy differ, or base fails. Such a machine is sick, or
was busy with something else, and its rounds are void. Pure.

All rounds of a node are asked. That favours neither side, for the test of the copy is two-sided. It leaves out as many
nodes on which base was fast by luck as nodes on which it was slow.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from typing import Iterable

from gate import judge, report, stats, strata
from gate.findings import Refusal
from gate.judge import Settings
from gate.samples import Sample, check_failures


def by_node(samples: Iterable[Sample]) -> dict[str, list[Sample]]:
    found: dict[str, list[Sample]] = defaultdict(list)
    for s in samples:
        found[s.node].append(s)
    return dict(sorted(found.items()))


@dataclass(frozen=True)
class Test:
    """Of one row and metric on one node: do base and its copy differ by more than the margin?"""

    node: str
    name: str
    change: float
    p: float


def tests(node: str, samples: list[Sample], rows: list[str], settings: Settings) -> list[Test]:
    there = [row for row in rows if any(s.row == row for s in samples)]
    return [
        Test(
            node,
            f"{c.row} {report.name(c.metric.name)}",
            math.expm1(c.twin.location),
            min(1.0, 2 * min(p(c.twin_base, c.margin) for p in (strata.p_worse, strata.p_better))),
        )
        for c in judge.compare_all(samples, there, settings).values()
    ]


def failing(samples: Iterable[Sample]) -> dict[str, str]:
    """Nodes on which base or its copy failed, and why. What head did there decides nothing: its failure is a finding."""
    found = {}
    for node, own in by_node(s for s in samples if s.arm != "head").items():
        try:
            check_failures(own)
        except Refusal as problem:
            found[node] = str(problem)
    return found


def differing(samples: list[Sample], rows: list[str], settings: Settings) -> dict[str, str]:
    """Nodes whose copy of base differs from base, and by what. The false discovery rate is that of the verdicts,
    over all nodes, rows and metrics. Of a single node, the judge voids what differs, and no more.
    """
    nodes = by_node(samples)
    if len(nodes) < 2:
        return {}
    made = [t for node, own in nodes.items() for t in tests(node, own, rows, settings)]
    found: dict[str, list[Test]] = defaultdict(list)
    for test, rejected in zip(made, stats.discoveries([t.p for t in made])):
        if rejected:
            found[test.node].append(test)
    said = {}
    for node, of in found.items():
        worst = max(of, key=lambda t: abs(t.change))
        more = f", and in {len(of) - 1} more" * (len(of) > 1)
        said[node] = f"the copy of base differs by {worst.change:+.1%} in {worst.name}{more}"
    return said


def fewest_rounds(nodes: int, comparisons: int) -> int:
    """With fewer rounds, no node of so many can be told to be sick: the smallest p there is, is not small enough."""
    return stats.fewest_blocks(2 * nodes * comparisons)
