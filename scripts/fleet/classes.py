"""The runs that a fleet was collected to, one for each class of machines, as plots and the page show them: side by side. A
file that has samples of two classes is refused."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bench_results
from bench_results import Results, member, plural, printable
from fleet import machines
from fleet.rounds import SPOILED

FLEET = "fleet.json"
# What stands beside the CPU and the number of CPUs, which the title of a run has.
BESIDE = ("architecture", "kernel", "libc", "transparent_hugepage", "page_size_bytes")


@dataclass(frozen=True)
class OfClass:
    """The run of a class. `nodes`: how many rounds each measured. `machine`: what they have in common, as machines.FACTS
    calls it."""

    name: str
    folder: Path
    document: Any
    run: Results
    nodes: dict[str, int]
    machine: dict[str, str]

    @property
    def facts(self) -> str:
        """In a line, beside the CPU."""
        known = (f"{machines.FACTS[f]} {self.machine[machines.FACTS[f]]}" for f in BESIDE)
        return f"{', '.join(known)}; {plural(len(self.nodes), 'node')}"


def folders(fleet: Path) -> list[Path]:
    """Of the classes, in the order of their numbers; none, if this is not the folder of a fleet."""
    if not (fleet / FLEET).is_file():
        return []
    found = [p for p in fleet.iterdir() if machines.NAME.fullmatch(p.name) and p.is_dir()]
    return sorted(found, key=lambda p: int(p.name.removeprefix("class")))


def measures_samples(fleet: Path) -> bool:
    try:
        return bool(json.loads((fleet / FLEET).read_bytes())["work"] == "run")
    except SPOILED:
        return False


def several(path: Path) -> list[Path]:
    """Likewise, of samples, where there are two classes or more. Else a run is shown as one that no fleet made."""
    found = [p for p in folders(path) if (p / "bench.json").is_file()]
    return found if len(found) > 1 and measures_samples(path) else []


def of_document(document: Any, folder: Path) -> OfClass:
    """Raises ValueError, also where machines differ that are said to be alike."""
    where = "context.spanbench.fleet"
    own: Any = document
    for key in ("context", "spanbench", "fleet"):
        own = member(own, key, key, dict)
    listed = member(own, where, "nodes", dict)
    rounds, of_node = {}, {}
    for name in listed:
        node = member(listed, f"{where}.nodes", name, dict)
        rounds[printable(str(name))] = member(node, f"{where}.nodes.{name}", "rounds", int)
        of_node[name] = machines.key_of(member(node, f"{where}.nodes.{name}", "machine", dict))
    keys = list(dict.fromkeys(of_node.values()))
    if len(keys) != 1:
        differ = [
            said for i, said in enumerate(machines.FACTS.values()) if len({k[i] for k in keys}) > 1
        ]
        raise ValueError(
            f"its nodes differ in {', '.join(differ) or 'nothing, for there are none'}: samples of several classes of machines "
            "are never one run"
        )
    entries = member(document, "the file", "benchmarks", list)
    strangers = sorted({str(e.get("node")) for e in entries} - listed.keys())
    if strangers:
        raise ValueError(f"samples of {printable(strangers[0])}, which is not a node of this class")
    machine = {said: printable(fact) for said, fact in zip(machines.FACTS.values(), keys[0])}
    run = bench_results.parse(document)
    return OfClass(folder.name, folder, document, run, rounds, machine)


def load(found: list[Path]) -> list[OfClass]:
    """Raises bench_results.Unusable."""
    return [
        bench_results.read_loosely(
            folder / "bench.json",
            lambda document, folder=folder: of_document(document, folder),  # type: ignore[misc]
            "a run of a fleet's class of machines",
        )
        for folder in found
    ]
