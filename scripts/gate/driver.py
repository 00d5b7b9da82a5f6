"""Runs build/spanbench for the gate: it starts, times, checks and records the samples."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, Sequence, TextIO

import bench_results
import program
from gate.campaign import FIRST, Order
from gate.findings import SIGNALLED, Interrupted, Refusal
from gate.samples import ARMS, Part, load

FINDING = 1  # the driver's exit code if a sample failed
LOG_EVERY_SECONDS = 15.0


@dataclass
class Progress:
    """How far it is and how much time is left: one line on a terminal, now and then one in a log."""

    stream: TextIO
    clock: Callable[[], float] = time.monotonic
    shown: float = -LOG_EVERY_SECONDS

    def show(self, order: Order, done: int, began: float) -> None:
        now = self.clock()
        terminal = self.stream.isatty()
        if not terminal and now - self.shown < LOG_EVERY_SECONDS:
            return
        self.shown = now
        rows = f"{bench_results.plural(len(order.rows), 'row')} in doubt"
        line = f"gate: {'all rows' if order.name == FIRST else rows}: {done} of {order.samples} samples"
        if done:
            pace = (now - began) / done
            later = max(order.budget_left - pace * order.samples, pace * order.sure_to_follow)
            line += f", {program.duration(pace * (order.samples - done))} left"
            line += f", then at most {program.duration(later)}" * (later > 0)
        self.stream.write(f"\r\033[K{line[:100]}" if terminal else f"{line}\n")
        self.stream.flush()

    def clear(self) -> None:
        if self.stream.isatty():
            self.stream.write("\r\033[K")
            self.stream.flush()


def last_words(log: Path) -> str:
    """Of the driver, without its progress: why it could not go on."""
    lines = [x for x in log.read_text(errors="replace").splitlines() if x.startswith("spanbench: ")]
    said = [x.removeprefix("spanbench: ") for x in lines if not re.search(r"\d benchmarks, \d", x)]
    return "; ".join(said[-3:]) or "it did not say why"


def words_of(rows: Sequence[str], timeout: float) -> list[str]:
    """What each measurement of these rows asks of the driver, beside its arms, blocks, seed and folder."""
    exact = "|".join(re.escape(r).replace("/", "/[^/]+/") for r in rows)
    return [
        *("run", f"--allocators={','.join(ARMS)}", "--order=mirrored", "--no-timeline", "--brief"),
        "--one-seed",  # base and head in all blocks of a measurement do the same
        "--workloads=" + ",".join(sorted({r.split("/")[0] for r in rows})),
        "--threads=" + ",".join(sorted({r.rpartition(":")[2] for r in rows})),
        f"--timeout={timeout:g}",
        f"--benchmark_filter=^({exact})$",
    ]


@dataclass
class Driver:
    program: Path
    folder: Path  # of this gate's run
    arms: Callable[[Path], list[str]]  # copies the arms into a folder; words that name them
    timeout: float
    progress: Progress

    def describe(self, words: list[str]) -> dict[str, Any]:
        """What the arms are: the driver's description of each."""
        done = subprocess.run(
            [*program.ends_with_this(), self.program, "describe", *words, "base", "head", "twin"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
        )
        try:
            return dict(json.loads(done.stdout))
        except ValueError as problem:
            raise Refusal(done.stderr.strip() or f"{self.program} describes nothing") from problem

    def __call__(self, order: Order) -> Part:
        """One measurement, with copies of the arms of its own. A file's place in memory may make it slow
        or fast by luck. So it is not that of the measurement before."""
        folder = self.folder / order.name
        copies = folder / "arms"
        log = self.folder / f"{order.name}.log"
        directory_to = folder / "directory"
        try:
            words = self.arms(copies / "files")
            code = self.run(order, [*words, "--directory-to", str(directory_to)], folder, log)
            if code not in (0, FINDING):
                raise Refusal(f"nothing was measured: {last_words(log)} (all of it: {log})")
            if not directory_to.is_file():
                raise Refusal(f"the driver left no results: {last_words(log)} (all of it: {log})")
            return load(Path(directory_to.read_text().strip()) / "bench.json", order.name)
        finally:
            shutil.rmtree(copies, ignore_errors=True)

    def run(self, order: Order, words: list[str], folder: Path, log: Path) -> int:
        command = [
            *program.ends_with_this(),
            str(self.program),
            *words_of(order.rows, self.timeout),
        ]
        command += ["--repetitions", str(order.blocks), "--seed", str(order.seed)]
        command += [*words, "--out", str(folder)]
        done, began = 0, time.monotonic()
        with open(log, "w", encoding="utf-8") as errors:
            child = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                errors="replace",
            )
            try:
                assert child.stdout is not None
                self.progress.show(order, 0, began)
                for line in child.stdout:
                    errors.write(line)
                    done += 1
                    self.progress.show(order, done, began)
                code = child.wait()
            finally:
                self.progress.clear()
                if child.poll() is None:
                    child.terminate()  # it ends its own children
                    child.wait()
        if code < 0 or code > SIGNALLED:
            raise Interrupted(-code if code < 0 else code - SIGNALLED)
        return code
