"""Classes of machines. Nodes of one class are pooled; those of different classes never are. Pure."""

from __future__ import annotations

import re
import statistics
from array import array
from dataclasses import dataclass, field
from typing import Any, Iterable

# Of the machine facts of a run: nodes that agree on all of these are of one class.
FACTS = {
    "architecture": "architecture",
    "cpu": "CPU",
    "cpus_online": "CPUs",
    "cpus_usable": "usable CPUs",
    "kernel": "kernel",
    "libc": "C library",
    "transparent_hugepage": "huge pages",
    "page_size_bytes": "page size",
}
SLOW = 3.0  # times what its class takes: such a node is named

NAME = re.compile("class[1-9][0-9]*")  # of the folder of a class; others are the user's

Key = tuple[str, ...]


def key_of(machine: dict[str, Any]) -> Key:
    return tuple(str(machine.get(fact)) for fact in FACTS)


@dataclass
class Node:
    machine: dict[str, Any]
    rounds: int = 0
    times: dict[str, array[float]] = field(default_factory=dict)  # ns_per_op of each row

    def add(self, entries: Iterable[dict[str, Any]]) -> None:
        """What is not a time, in a spoiled part, is left to who reads the run."""
        for e in entries:
            time = e.get("ns_per_op")
            if isinstance(time, (int, float)) and time > 0:
                self.times.setdefault(e["name"], array("d")).append(time)


@dataclass
class Class:
    """Nodes alike. `name` is that of its folder."""

    name: str
    key: Key
    nodes: dict[str, Node] = field(default_factory=dict)
    rounds: set[int] = field(default_factory=set)

    def pooled(self) -> dict[str, float]:
        """Of each row, the median of all samples, as the answer and the table of the class have it."""
        of: dict[str, array[float]] = {}
        for node in self.nodes.values():
            for row, times in node.times.items():
                of.setdefault(row, array("d")).extend(times)
        return {row: statistics.median(times) for row, times in of.items()}

    def of_nodes(self) -> dict[str, float]:
        """Of each row, the median of its nodes' medians: a node with many rounds is one."""
        of: dict[str, list[float]] = {}
        for node in self.nodes.values():
            for row, times in node.times.items():
                of.setdefault(row, []).append(statistics.median(times))
        return {row: statistics.median(found) for row, found in of.items()}

    def slow_nodes(self) -> dict[str, float]:
        """How many times the class's time a node takes, in the median of the rows; of those that stand out."""
        if len(self.nodes) < 3:
            return {}  # of two, which is the odd one?
        usual = self.of_nodes()
        factors = {
            name: statistics.median(
                statistics.median(t) / usual[row] for row, t in node.times.items()
            )
            for name, node in self.nodes.items()
            if node.times
        }
        return {name: factor for name, factor in factors.items() if factor > SLOW}


class Classes:
    def __init__(self) -> None:
        self.of: dict[Key, Class] = {}

    def get(self, machine: dict[str, Any]) -> Class:
        key = key_of(machine)
        return self.of.setdefault(key, Class(f"class{len(self.of) + 1}", key))

    def __iter__(self) -> Any:
        return iter(self.of.values())

    def __len__(self) -> int:
        return len(self.of)

    def differences(self) -> list[str]:
        """What tells the classes apart, one fact a line."""
        lines = []
        for i, said in enumerate(FACTS.values()):
            values = [c.key[i] for c in self.of.values()]
            if len(set(values)) > 1:
                lines.append(
                    f"{said}: " + ", ".join(f"{c.name} {c.key[i]}" for c in self.of.values())
                )
        return lines


def table(classes: Classes) -> list[str]:
    """Of each row, the time in each class: a column each."""
    columns = {c.name: c.pooled() for c in classes}
    rows = sorted({row for column in columns.values() for row in column})
    width = max(map(len, rows), default=0)
    lines = [f"{'ns/op, median':{width}}" + "".join(f" {name:>10}" for name in columns)]
    for row in rows:
        cells = (f" {c[row]:10.2f}" if row in c else f" {'-':>10}" for c in columns.values())
        lines.append(f"{row:{width}}" + "".join(cells))
    return lines
