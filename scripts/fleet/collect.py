"""Parts become runs: one bench.json for each class of machines, written as the parts are read, so that memory holds one
part at a time."""

from __future__ import annotations

import json
import os
import shutil
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Callable, Iterator, Optional, TextIO

import bench_results
from fleet.machines import NAME, Class, Classes, Node
from fleet.parts import LISTS, Odd, Part, chosen, load

NEW = ".classes.new"  # of the fleet: folders of classes, until all are whole

# Tasks of one fleet agree in these. The two stages of the gate have a seed each.
ALIKE = ("version", "environment", "quick", "brief", "order", "repetitions", "seed")


@dataclass
class Writer:
    """The bench.json of a class: samples as they come, the context at the end."""

    folder: Path
    context: Any
    file: TextIO
    entries: int = 0
    timeline: Optional[Path] = None

    def add(self, entries: list[Any]) -> None:
        for entry in entries:
            self.file.write(",\n" if self.entries else "\n")
            self.file.write(json.dumps(entry))
            self.entries += 1


@dataclass
class Asked:
    """What the whole run is to have."""

    rows: list[str]
    each: int  # samples of a row in a round
    repetitions: int
    work: str = "run"


@dataclass
class Collected:
    classes: Classes
    problems: list[str] = field(default_factory=list)
    failed: int = 0  # samples
    samples: int = 0
    files: dict[str, Path] = field(default_factory=dict)  # of each class, the folder
    unusable: list[Part] = field(default_factory=list)
    first: dict[str, Any] = field(default_factory=dict)  # what the first part says of itself

    def compare(self, part: Part, own: dict[str, Any]) -> None:
        """One bundle made all parts, as one user asked. What is not alike is named; its rounds count."""
        for key, said in own.items():
            expected = self.first.setdefault(key, said)
            if said != expected:
                what = f"{said!r:.60}, not {expected!r:.60} as of the first part"
                self.problems.append(f"{part.file} of {part.node} has another {key}: {what}")

    def missing(self, asked: Asked) -> list[int]:
        there = {n for c in self.classes for n in c.rounds}
        return sorted(set(range(asked.repetitions)) - there)


def open_writer(folder: Path, context: Any) -> Writer:
    folder.mkdir()
    file = open(folder / "bench.json", "w", encoding="utf-8")
    file.write(f'{{"schema": {bench_results.SCHEMA},\n"benchmarks": [')
    return Writer(folder, context, file)


def merge(context: Any, other: Any) -> None:
    """What parts have of their own goes into the first one's context."""
    own, more = context["spanbench"], other["spanbench"]
    own["started"] = min(own["started"], more["started"])
    for name in LISTS:
        if more.get(name):
            own[name] = own.get(name) or []
            own[name].extend(more[name])


def nodes_of(of: Class) -> dict[str, Any]:
    return {
        name: {"rounds": n.rounds, "machine": n.machine} for name, n in sorted(of.nodes.items())
    }


def finish(writer: Writer, of: Class, complete: bool) -> None:
    """`complete`: all rounds are there, of whatever class."""
    own = writer.context["spanbench"]
    own.pop("rounds", None)
    own["complete"] = complete
    own["fleet"] = {"class": of.name, "nodes": nodes_of(of)}
    writer.context["host_name"] = ", ".join(sorted(of.nodes)[:3]) + ", …" * (len(of.nodes) > 3)
    writer.file.write('\n],\n"context": ')
    json.dump(writer.context, writer.file, indent=1)
    writer.file.write("}\n")
    writer.file.flush()
    os.fsync(writer.file.fileno())
    writer.file.close()
    if writer.timeline:
        shutil.copyfile(writer.timeline, writer.folder / "timeline.csv")


def take(
    part: Part,
    wanted: list[int],
    asked: Asked,
    made: Collected,
    writers: dict[str, Writer],
    folder: Path,
) -> None:
    context, entries = load(part, wanted, asked.rows, asked.each, asked.work != "gate")
    alike = [k for k in ALIKE if asked.work != "gate" or k != "seed"]
    made.compare(part, {k: context["spanbench"].get(k) for k in alike})
    machine = context["spanbench"]["machine"]
    of = made.classes.get(machine)
    if of.name not in writers:
        writers[of.name] = open_writer(folder / of.name, context)
    else:
        merge(writers[of.name].context, context)
    writer = writers[of.name]
    node = of.nodes.setdefault(part.node, Node(machine))
    for entry in entries:
        entry["node"] = part.node
        made.failed += bool(entry.get("error_occurred"))
    writer.add(entries)
    node.add(entries)
    node.rounds += len(wanted)
    of.rounds.update(wanted)
    made.samples += len(entries)
    if 0 in wanted and part.file and (part.file.parent / "timeline.csv").exists():
        writer.timeline = part.file.parent / "timeline.csv"


def instead(parts: list[Part], wanted: list[int], repetitions: int) -> list[tuple[Part, list[int]]]:
    """Who else has these rounds."""
    others = [(p, [n for n in of if n in wanted]) for p, of in chosen(parts, repetitions)]
    return [(p, of) for p, of in others if of]


def collect(
    folder: Path, parts: list[Part], asked: Asked, show: Callable[[int, int], None]
) -> Collected:
    """All whole rounds of the parts, each once. Files appear as a whole or not at all; those of an earlier collecting
    go. `show` gets how many parts are read, and of how many."""
    made = Collected(Classes(), [p.note for p in parts if p.note])
    with fresh(folder, made) as new:
        take_all(new, parts, asked, made, show)
    return made


def take_all(
    folder: Path,
    parts: list[Part],
    asked: Asked,
    made: Collected,
    show: Callable[[int, int], None],
) -> None:
    writers: dict[str, Writer] = {}
    usable = list(parts)
    count = chosen(usable, asked.repetitions)
    try:
        for done, (part, wanted) in enumerate(count):  # which may grow
            show(done, len(count))
            try:
                take(part, wanted, asked, made, writers, folder)
            except Odd as problem:
                made.problems.append(str(problem))
                made.unusable.append(part)
                usable.remove(part)
                count += instead(usable, wanted, asked.repetitions)
        for of in made.classes:
            finish(writers[of.name], of, not made.missing(asked))
    finally:
        for writer in writers.values():
            with suppress(OSError):  # of a full disk, what it could not write is still waiting
                writer.file.close()


@contextmanager
def fresh(folder: Path, made: Collected) -> Iterator[Path]:
    """A place for the folders of the classes. Once all are whole, they replace those of an earlier collecting, and what
    shows these goes: no file in them is of other parts. If there are none, those stay."""
    new = folder / NEW
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir()
    try:
        yield new
        old = sorted(p for p in folder.iterdir() if NAME.fullmatch(p.name))
        if old and not len(made.classes):
            names = " and ".join(p.name for p in old)
            made.problems.append(f"no part can be used: {names} of an earlier collecting stays")
            return
        for shown in (*old, folder / "plots", folder / "report.html"):
            with suppress(FileNotFoundError):
                shown.rename(new / f".{shown.name}")
        for of in made.classes:
            made.files[of.name] = (new / of.name).rename(folder / of.name)
    finally:
        shutil.rmtree(new, ignore_errors=True)
