"""Submissions of a fleet: jobs/<n>.json has the batches of the nth, and its job. What a submitter that died left
behind is enough to go on."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Iterable, Sequence

from fleet import rounds, slurm
from fleet.parts import read
from fleet.rounds import SPOILED
from fleet.task import save


def submissions(folder: Path) -> list[Any]:
    found = []
    for file in sorted((folder / "jobs").glob("[0-9]*.json"), key=lambda f: int(f.stem)):
        try:
            found.append(read(file))
        except SPOILED:
            continue
    return found


def submit(
    folder: Path,
    name: str,
    missing: Iterable[int],
    batch: int,
    at_once: int,
    without: Sequence[str],
    options: Sequence[str],
    section: int = 0,
) -> tuple[str, int]:
    """Submits the missing rounds, in batches of at most so many, none over the end of a section. Returns the job and its tasks. Raises
    slurm.Trouble."""
    batches = rounds.ranges(missing, batch, 0, section)
    number = len(list((folder / "jobs").glob("[0-9]*.json")))
    how = {"batches": batches, "batch": batch, "at_once": at_once, "options": list(options)}
    file = folder / "jobs" / f"{number}.json"
    save(file, {**how, "job": None})
    try:
        job = slurm.submit(folder, number, len(batches), name, at_once, without, options)
    except slurm.Trouble:
        file.unlink()  # else it would look as if its tasks had been lost
        raise
    save(file, {**how, "job": job})
    return job, len(batches)
