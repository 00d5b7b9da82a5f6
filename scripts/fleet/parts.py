"""The parts that tasks left in a fleet's folder, and which of their rounds count: each round once.

A part is an attempt of a task: node.json says who ran it, done.json which of its rounds are whole. A task that was killed
left no done.json; what its driver had saved counts likewise.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Iterable, Optional

import bench_results
from fleet import rounds
from fleet.rounds import SPOILED

CLOCK_SECONDS = 120.0  # between a node's clock and that of the shared file system


@dataclass
class Part:
    """One attempt: its rounds are whole."""

    folder: Path
    node: str
    rounds: list[int]
    file: Optional[Path] = None
    note: str = ""  # what is odd about it
    ended: bool = True  # its task said so


def number(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text[:20]} is out of range")
    return value


def whole_number(text: str) -> int:
    number(text)
    return int(text)


def read(path: Path) -> Any:
    """Raises what SPOILED has."""
    document = json.loads(
        path.read_bytes(),
        parse_constant=bench_results.no_number,
        parse_float=number,
        parse_int=whole_number,
    )
    bench_results.check_schema(document)
    return document


def node_of(folder: Path) -> tuple[str, str]:
    """Its name, and what is odd about its clock."""
    file = folder / "node.json"
    who = read(file)
    off = float(who["seconds"]) - file.stat().st_mtime
    node = str(who["node"])
    odd = f"the clock of {node} is {off:+.0f} s off that of the shared files"
    return node, odd * (abs(off) > CLOCK_SECONDS)


@dataclass
class Reader:
    """Looks at the parts again and again, and at each that has ended once."""

    folder: Path
    asked: Any  # fleet.json
    known: dict[Path, Part] = field(default_factory=dict)

    def part(self, folder: Path, all_ended: bool) -> Optional[Part]:
        """None: nothing of it can be used yet."""
        ended = (folder / "done.json").exists()  # before files are looked for: then all are there
        if not ended and not all_ended:
            return None
        files = sorted(folder.glob(f"[0-9]*/{rounds.FILES[self.asked['work']]}"))
        try:
            node, note = node_of(folder)
        except SPOILED:
            return Part(folder, "", [], None, f"{folder}: no node.json says who ran it")
        found: list[int] = []
        try:
            if ended:
                found = [int(n) for n in read(folder / "done.json")["rounds"]]
            elif files:
                found = rounds.whole_of(self.asked, read(files[0]))
        except SPOILED as problem:
            where = f"{[*files, folder][0]} of {node} is cut off or spoiled, and is not used"
            return Part(folder, node, [], None, f"{where}: {problem}")
        if not files:  # what shared files list may be late
            note = f"{folder} of {node} has no file of its rounds" * bool(found)
            return Part(folder, node, [], None, note, ended and not found)
        return Part(folder, node, found, files[0], note, ended)

    def look(self, all_ended: bool) -> list[Part]:
        """All parts, in the order of their names; of those that go on only if nothing runs any more."""
        for folder in sorted((self.folder / "parts").glob("*/[0-9]*")):
            if folder in self.known and self.known[folder].ended:
                continue
            found = self.part(folder, all_ended)
            if found:
                self.known[folder] = found
        return [self.known[f] for f in sorted(self.known)]


def chosen(parts: Iterable[Part], repetitions: int) -> list[tuple[Part, list[int]]]:
    """Of each part, the rounds that count: a round that two of them have is the first one's. In the order of the
    rounds."""
    taken: set[int] = set()
    found = []
    for part in parts:
        fresh = {n for n in part.rounds if n not in taken and 0 <= n < repetitions}
        taken.update(fresh)
        if fresh and part.file:
            found.append((part, sorted(fresh)))
    return sorted(found, key=lambda of: of[1][0])


@dataclass
class Refused:
    node: str
    reasons: list[str]
    program: str = ""  # that it does not run; "": it does no work at all

    @property
    def what(self) -> str:
        return f"{self.node} did no work{f' of {self.program}' * bool(self.program)}"


def refusals(folder: Path) -> list[Refused]:
    found = []
    for file in sorted((folder / "nodes").glob("[!.]*.json")):
        try:
            said = read(file)
            for program, why in {"": said["refused"], **said.get("skipped", {})}.items():
                if why:
                    found.append(Refused(str(said["node"]), [str(x) for x in why], str(program)))
        except SPOILED:
            continue  # it is being renewed, or was cut off: the next task there says it again
    return found


class Odd(ValueError):
    """A part that cannot be used: why, in one line."""


def load(
    part: Part, wanted: list[int], rows: list[str], each: int, shown: bool
) -> tuple[Any, list[Any]]:
    """The context of a part, and the samples of these rounds. `shown`: all that shows a run is to read them; the gate says
    itself what a sample without numbers means. Raises Odd."""
    assert part.file
    try:
        document = read(part.file)
        found = rounds.by_round(document)
        entries = [e for n in wanted for e in found.get(n, [])]
        for n in wanted:
            if not rounds.is_whole(found.get(n, []), rows, each):
                raise ValueError(f"round {n} is not whole, though its task said so")
        check_digests(entries)
        check_context(document["context"])
        if shown:
            bench_results.parse({**document, "benchmarks": entries})
        return document["context"], entries
    except SPOILED as problem:
        raise Odd(
            f"{part.file} of {part.node} is not used: {bench_results.printable(str(problem))}"
        ) from problem


# Of a context, what parts have of their own; collect.py joins it.
LISTS = ("timeline_failures", "timeline_passes", "long_rests")


def check_context(context: Any) -> None:
    """What is joined with that of other parts is there. Raises what SPOILED has."""
    own = context["spanbench"]
    bench_results.member(own, "context.spanbench", "machine", dict)
    bench_results.member(own, "context.spanbench", "started", str)
    for name in LISTS:
        bench_results.member(own, "context.spanbench", name, list, [])


def check_digests(entries: Iterable[dict[str, Any]]) -> None:
    """What is compared made the same requests. Raises ValueError."""
    first: dict[tuple[Any, ...], str] = {}
    for e in entries:
        if e.get("error_occurred"):
            continue
        key = (e["workload"], e["threads"], e["block"])
        if first.setdefault(key, e["digest"]) != e["digest"]:
            raise ValueError(f"round {e['block']}: rows of {e['workload']} made different requests")
