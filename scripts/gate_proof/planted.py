"""Libraries with a planted cost of known size: builds them, and finds how much of a plant costs how
much in a row. What they do is in allocators/planted/planted.c.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Sequence

from gate.findings import Refusal

ROOT = Path(__file__).resolve().parent.parent.parent
SOURCE = ROOT / "allocators" / "planted" / "planted.c"
PLAN_BYTES = 1024  # there
# Mallocs from one spin to the next: many, for beside its pairs a spin costs what its fences wait for.
PERIOD = 500
# Instructions of a spin beside its pairs: the call, which kind it is, two fences. By gcc 12; counted.
PAYMENT = 21
PAYMENTS = 500  # in a sample, at least
FIRST_GUESS = 50  # pairs an operation
GUESSES = 20
AGREE = 0.2  # of two measurements of what a spin adds: they differ by less
STEP = 8  # from a guess to the next, at most: noise may hide what a spin adds
FLAGS = "-std=gnu17 -D_GNU_SOURCE -O2 -g -fPIC -shared -fvisibility=hidden -ftls-model=initial-exec -pthread"
NO_BUILTINS = [f"-fno-builtin-{name}" for name in ("malloc", "calloc", "realloc", "free")]


@dataclass(frozen=True)
class Plant:
    """One cost in one row."""

    row: str  # "small/threads:2"; "*/threads:2": of each workload; "*": each row
    what: str  # spin, madvise, leak, and so on
    numbers: tuple[int, ...]

    def __str__(self) -> str:
        row = self.row.replace("/threads:", "/")
        return f"{row} {self.what} {' '.join(map(str, self.numbers))}"


def spin(row: str, pairs: int, period: int = PERIOD) -> Plant:
    """At every `period`-th malloc of a thread, so many pairs of instructions in a chain."""
    return Plant(row, "spin", (period, pairs))


def madvise(row: str, every: int) -> Plant:
    return Plant(row, "madvise", (every,))


def leak(row: str, every: int) -> Plant:
    """One block in so many is never freed."""
    return Plant(row, "leak", (every,))


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


@dataclass(frozen=True)
class Cost:
    """What an operation of a row costs, and what a spin adds: nanoseconds of wall time."""

    row: str
    operation: float
    pair: float  # one more pair of instructions at every `period`-th malloc, for each operation
    period: int

    def slower(self, part: float) -> Plant:
        """The spin that makes the operation slower by this part of it."""
        return spin(self.row, max(1, round(part * self.operation / self.pair)), self.period)


class Calibration:
    """Measures in cells, as the gate does: fresh processes of both libraries side by side."""

    def __init__(self, library: Path, build_directory: Path, directory: Path) -> None:
        self.shared_object = library
        self.cell = build_directory / "cell" / "system"
        self.directory = directory
        text = subprocess.run([self.cell, "--describe"], capture_output=True, check=True).stdout
        self.ops = {w["name"]: int(w["brief_ops"]) for w in json.loads(text)["workloads"]}

    def nanoseconds(self, library: Path, row: str) -> float:
        workload, _, threads = row.partition("/threads:")
        command = [
            str(self.cell),
            "--run",
            workload,
            "--threads",
            threads,
            "--expect",
            str(library),
        ]
        out = subprocess.run(
            [*command, "--ops", str(self.ops[workload])],
            env={"LD_PRELOAD": str(library)},
            capture_output=True,
            check=True,
        ).stdout
        record = json.loads(out)
        return float(record["wall_ns"]) / float(record["ops"])

    def times(self, plain: Path, planted: Path, row: str, blocks: int) -> tuple[float, float]:
        """How long an operation takes in both: medians over blocks, which run both in both orders."""
        pairs = []
        for _ in range(blocks):
            first, second = self.nanoseconds(plain, row), self.nanoseconds(planted, row)
            third, fourth = self.nanoseconds(planted, row), self.nanoseconds(plain, row)
            pairs.append(((first + fourth) / 2, (second + third) / 2))
        operation = median(a for a, _ in pairs)
        return operation, operation * median(b / a for a, b in pairs)

    def cost(self, row: str, blocks: int) -> Cost:
        """By a spin that doubles the operation, or nearly so: a first guess finds it."""
        period = period_of(self.ops[row.partition("/")[0]])
        plain = build(self.shared_object, [], self.directory / "base.so")
        pairs = period * FIRST_GUESS
        for _ in range(GUESSES):
            planted = build(
                self.shared_object, [spin(row, pairs, period)], self.directory / "head.so"
            )
            operation, slowed = self.times(plain, planted, row, blocks)
            added = slowed - operation
            if operation / 2 < added < operation * 2:
                again, slower = self.times(plain, planted, row, blocks)
                if abs((slower - again) / again * operation / added - 1) < AGREE:
                    added = (added + slower - again) / 2
                    return Cost(row, (operation + again) / 2, added / pairs, period)
                continue  # one of the two was noise
            pairs = max(1, round(pairs * operation / max(added, operation / STEP)))
        raise Refusal(
            f"{row}: no spin doubles an operation: {operation:.1f} ns and {slowed:.1f} ns"
        )


def period_of(ops: int) -> int:
    """Short enough that a sample pays often."""
    return max(1, min(PERIOD, ops // PAYMENTS))


def main() -> int:
    parser = argparse.ArgumentParser(description="What a planted spin costs in each row.")
    parser.add_argument("shared_object", metavar="LIBRARY", type=Path)
    parser.add_argument("rows", nargs="+", metavar="WORKLOAD/threads:N")
    parser.add_argument("--blocks", type=int, default=9)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="spanbench-planted-") as directory:
        build_directory = ROOT / os.environ.get("B", "build")
        calibration = Calibration(asked.shared_object.resolve(), build_directory, Path(directory))
        for row in asked.rows:
            c = calibration.cost(row, asked.blocks)
            ten = c.slower(0.1)
            print(f"{row}: {c.operation:.2f} ns an operation, {c.pair:.4f} a pair; 10 %: {ten}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
