"""Tasks that brought no rounds: what they said of it, and which would fail again wherever they ran."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Iterable

from bench_results import plural, printable
from fleet import rounds
from fleet.parts import Refused, node_of, read
from fleet.rounds import FILES, RUNS, SPOILED
from fleet.task import WRONG_USE

LENGTH = 300  # of a line of a log that is told


@dataclass
class Failure:
    """Of the last attempt at some rounds that are missing."""

    submission: int
    task: str  # "0.3"
    rounds: list[int]
    node: str  # "": nobody noted it
    said: str  # "": nothing
    sure: bool  # the driver refuses its options, or the program fails: another node would not help
    ended: bool  # the task said so
    was_told: bool  # to who collected before

    @property
    def where(self) -> str:
        return self.node or f"task {self.task}"


def last_line(log: Path) -> str:
    """What the task said last, of itself and its driver."""
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    said = [x for x in lines if x.strip() and not x.startswith("task: on ")]
    return said[-1].removeprefix("spanbench: ").strip()[:LENGTH] if said else ""


def fails_at_once(part: Path) -> str:
    """Why no row of a program had a run, if there was none: the first cause, of the C library's malloc or of all."""
    for file in part.glob(f"[0-9]*/{FILES['try']}"):
        document = read(file)
        causes = [r for r in document["rows"] if r["cause"] is not None and not r["absent"]]
        own = [r for r in causes if not str(r["cause"]).startswith("not run: ")]
        if int(document["rounds"]) == 0 and own:
            return f"{own[0]['name']}: {own[0]['cause']}"[:LENGTH]
    return ""


def of_task(folder: Path, work: str, task: str) -> tuple[str, str, bool, bool]:
    """The node, what was said, whether that is sure to come again, and whether the task has ended."""
    said = last_line(folder / "logs" / f"{task}.log")
    attempts = sorted((folder / "parts" / task).glob("[0-9]*"))
    if not attempts:
        return "", said, False, False
    node = ""
    try:
        node, _ = node_of(attempts[-1])
        done = read(attempts[-1] / "done.json")
        cause = fails_at_once(attempts[-1]) if work in RUNS else ""
        sure = not done["rounds"] and (done["code"] == WRONG_USE or bool(cause))
        return node, (cause or said) if done["code"] else "", sure, True
    except SPOILED:  # it was killed
        return node, said, False, False


def of_missing(
    folder: Path, fleet: Any, submissions: Iterable[tuple[int, Any]], missing: Iterable[int]
) -> list[Failure]:
    """`fleet` is fleet.json; the submissions are in their order."""
    last: dict[int, tuple[int, int]] = {}
    was_told = {}
    for number, of in submissions:
        was_told[number] = bool(of.get("told"))
        for task, batch in enumerate(of["batches"]):
            last.update({n: (number, task) for n in rounds.of(batch)})
    tasks: dict[tuple[int, int], list[int]] = {}
    for n in missing:
        if n in last:
            tasks.setdefault(last[n], []).append(n)
    found = []
    for (number, task), own in sorted(tasks.items()):
        name = f"{number}.{task}"
        how = of_task(folder, fleet["work"], name)
        found.append(Failure(number, name, own, *how, was_told[number]))
    return found


def unexplained(failures: Iterable[Failure], refused: Iterable[Refused]) -> list[Failure]:
    """Those that said something, and no node says the same of itself."""
    why = [reason for node in refused for reason in node.reasons]
    return [f for f in failures if f.said and not any(reason in f.said for reason in why)]


def told(failures: Iterable[Failure]) -> list[str]:
    """A line for each thing that was said, with all who said it."""
    who: dict[str, list[str]] = {}
    for of in failures:
        if of.said and of.where not in who.setdefault(of.said, []):
            who[of.said].append(of.where)
    return [f"{shortened(names)}: {printable(said)}" for said, names in who.items()]


def shortened(names: list[str], most: int = 8) -> str:
    more = f" and {plural(len(names) - most, 'other')}" * (len(names) > most)
    return ", ".join(names[:most]) + more


def hopeless(fleet: Any, failures: Iterable[Failure], there: Iterable[int]) -> set[int]:
    """Rounds that would fail again for sure: all tasks failed so, and no round is there. Each program of the catalogue is
    looked at alone."""
    section = fleet.get("section", 0)

    def program(number: int) -> int:
        return int(number // section) if section else 0

    may_work = {program(n) for n in there}
    of: dict[int, list[Failure]] = {}
    for failure in failures:
        of.setdefault(program(failure.rounds[0]), []).append(failure)
    return {
        n
        for which, own in of.items()
        if which not in may_work and all(f.sure for f in own)
        for f in own
        for n in f.rounds
    }
