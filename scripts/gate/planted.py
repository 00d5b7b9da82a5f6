"""Libraries with a planted cost of known size: builds them, and finds how much of a plant costs how
much in a row. What they do is in allocators/planted/planted.c.
"""

from __future__ import annotations

import os
import shlex
import subprocess
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Mapping, Sequence

from gate.findings import Refusal

ROOT = Path(__file__).resolve().parent.parent.parent
SOURCE = ROOT / "allocators" / "planted" / "planted.c"
PLAN_BYTES = 1024  # there
PERIOD = 64  # mallocs from one spin to the next: one pair of instructions more is 1/64 an operation
FLAGS = "-std=gnu17 -D_GNU_SOURCE -O2 -g -fPIC -shared -fvisibility=hidden -ftls-model=initial-exec -pthread"
NO_BUILTINS = [f"-fno-builtin-{name}" for name in ("malloc", "calloc", "realloc", "free")]


@dataclass(frozen=True)
class Plant:
    """One cost in one row."""

    row: str  # "small/threads:2"
    what: str  # spin, madvise, rss
    numbers: tuple[int, ...]

    def __str__(self) -> str:
        workload, _, threads = self.row.partition("/threads:")
        return f"{workload}/{threads} {self.what} {' '.join(map(str, self.numbers))}"


def spin(row: str, pairs: int, period: int = PERIOD) -> Plant:
    """At every `period`-th malloc of a thread, so many pairs of instructions in a chain."""
    return Plant(row, "spin", (period, pairs))


def madvise(row: str, every: int) -> Plant:
    return Plant(row, "madvise", (every,))


def resident(row: str, size: int) -> Plant:
    """So many bytes more are resident from the start."""
    return Plant(row, "rss", (size,))


def build(library: Path, plants: Sequence[Plant], out: Path) -> Path:
    """Writes the library `out`, which is `library` with these plants. Two that are built of one
    library differ in the text of the plants only."""
    plan = "; ".join(map(str, plants))
    if len(plan) >= PLAN_BYTES:
        raise ValueError(f"more plants than fit: {plan}")
    wrapped = library.resolve()
    command = [
        *shlex.split(os.environ.get("CC", "cc")),
        *FLAGS.split(),
        *NO_BUILTINS,
        f'-DPLAN="{plan}"',
        f'-DWRAPPED="{wrapped}"',
        "-o",
        str(out),
        str(SOURCE),
        "-Wl,--no-as-needed,--build-id=none",
        str(wrapped),
        f"-Wl,-rpath,{wrapped.parent}",
    ]
    made = subprocess.run(command, capture_output=True, text=True, check=False)
    if made.returncode != 0:
        raise Refusal(f"{SOURCE.name} does not build around {library}:\n{made.stderr.strip()}")
    return out
