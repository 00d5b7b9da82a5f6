"""Submissions of a fleet: jobs/<n>.json has the batches of the nth, and its job. What a submitter that died left
behind is enough to go on."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Collection, Iterable, Sequence

from fleet import rounds, slurm, unshared
from fleet.parts import read
from fleet.rounds import SPOILED
from fleet.task import save


def files(folder: Path) -> dict[int, Path]:
    """Of the submissions, by their numbers, in this order. Any other file that somebody put there is none."""
    found = {f.stem: f for f in (folder / "jobs").glob("[0-9]*.json")}
    return dict(sorted((int(n), f) for n, f in found.items() if n.isascii() and n.isdigit()))


def submissions(folder: Path) -> list[tuple[int, Any]]:
    """Their numbers, and what they are."""
    found = []
    for number, file in files(folder).items():
        try:
            found.append((number, read(file)))
        except SPOILED:
            continue
    return found


def note_told(folder: Path, numbers: Collection[int]) -> None:
    """That these would fail again: who collects all the same has mended it."""
    for number, of in submissions(folder):
        if number in numbers:
            save(folder / "jobs" / f"{number}.json", {**of, "told": True})


def submit(
    folder: Path,
    asked: Any,
    missing: Iterable[int],
    batch: int,
    at_once: int,
    without: Sequence[str],
    options: Sequence[str],
    hold: bool = False,
) -> tuple[str, int]:
    """`asked`: fleet.json. Submits the missing rounds, in batches of at most so many, none over the end of a section. `hold`:
    no task begins before it is released. Returns the job and its tasks. Raises slurm.Trouble."""
    batches = rounds.ranges(missing, batch, 0, asked.get("section", 0))
    number = max(files(folder), default=-1) + 1
    how = {"batches": batches, "batch": batch, "at_once": at_once, "options": list(options)}
    file = folder / "jobs" / f"{number}.json"
    save(file, {**how, "job": None})
    if asked.get("unshared"):
        script = unshared.pack(folder, asked, number)
    else:
        script = [str(folder / "bundle" / "task.sh"), str(folder), str(number)]
    try:
        words = [*options, *["--hold"] * hold]
        job = slurm.submit(script, len(batches), asked["name"], at_once, without, words)
    except slurm.NoAnswer as problem:  # its number is not another's: its tasks may run
        raise slurm.NoAnswer(
            f"{problem}; if Slurm took it all the same, collect finds it"
        ) from problem
    except slurm.Trouble:
        file.unlink()  # else it would look as if its tasks had been lost
        raise
    save(file, {**how, "job": job})
    return job, len(batches)
