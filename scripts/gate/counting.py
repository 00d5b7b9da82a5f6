"""Counts of one sample that no clock enters. callgrind counts instructions. strace counts system calls and
the bytes that they make accessible. Page faults and memory are from the cell's own record.

Of long rows, those of the timed operations are a count of their own, in which start-up is not: there a call in a million
operations shows. The cell's own clocks are the marks in strace's log.

Callgrind replaces no malloc, so the library under test is really executed. It counts within the one
function that holds the timed operations. strace sees the whole process, and nothing is subtracted.
"""

from __future__ import annotations

import ctypes
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Iterator, Optional, Sequence

import bench_results
import program
from bench_results import CORE
from gate import rows
from gate.findings import Refusal

# Functions of the cell: a thread's timed operations (harness/cell/sample.h), and what threads do that run
# within these, one after the other (workloads/timed/family.h).
TIMED_SPAN = "sample_timed_span"
WITHIN = "family_span"
KINDS = ("instructions", "calls")
TIMEOUT = 300  # seconds for one process. The slowest allocator that was tried needs 10.
# In workloads of the core.
MAX_OPS = 100_000  # of tiny requests: half a second under callgrind
# Times as many of huge requests. Then one system call more in 1000 operations is several.
TIMES_USUAL = 5
# Operations of a long row, in which a call more in a million of them is one or more.
LONG = 1_000_000
TIMED_CALLS = "timed_syscalls"
STARVED = 1 / 2  # of that time. A process that waited longer for a processor says nothing.
TAIL = 300  # characters of a failed process's last words
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C"}  # and nothing else

Counts = dict[str, float]


@dataclass(frozen=True)
class Work:
    """The same requests for everybody, by one thread."""

    workload: str
    ops: int
    seed: int

    @property
    def row(self) -> str:
        return f"{self.workload}/threads:1"


@dataclass(frozen=True)
class Failure:
    """Why there are no counts of a sample."""

    what: str
    kind: str


@dataclass(frozen=True)
class Sample:
    counts: Counts
    digest: str  # of the requests


Outcome = Sample | Failure


def described_workloads(cell: Path) -> list[dict[str, Any]]:
    """What the cell says of each."""
    text = subprocess.run(
        [cell, "--describe"], env=ENVIRONMENT, stdout=subprocess.PIPE, check=True, timeout=TIMEOUT
    ).stdout
    workloads: list[dict[str, Any]] = json.loads(text)["workloads"]
    return workloads


def operations(cell: Path) -> dict[str, int]:
    """How many are counted of each workload that the cell describes. Of those beyond the core, as many as
    in a sample of the gate."""
    return {
        w["name"]: min(MAX_OPS, TIMES_USUAL * int(w["ops"]))
        if w.get("group", CORE) == CORE
        else int(w["brief_ops"])
        for w in described_workloads(cell)
    }


def beyond_core(cell: Path) -> set[str]:
    """The workloads that are not measured by default."""
    return {w["name"] for w in described_workloads(cell) if w.get("group", CORE) != CORE}


def core(cell: Path) -> list[str]:
    others = beyond_core(cell)
    return [w for w in operations(cell) if w not in others]


def works(cell: Path, workloads: Optional[Sequence[str]], seed: int) -> list[Work]:
    """The work of each row, by what the cell says of its workloads; none named: of the core."""
    ops = operations(cell)
    workloads = core(cell) if workloads is None else workloads
    unknown = [w for w in workloads if w not in ops]
    if unknown:
        raise Refusal(f"{cell} has no workload {', '.join(unknown)}; it has {', '.join(ops)}")
    return [Work(w, ops[w], seed) for w in workloads]


def works_by_default(cell: Path, seed: int) -> list[Work]:
    """Those of the core, and what shows by counts what the core does not."""
    return works(cell, rows.counted_by_default(core(cell), operations(cell)), seed)


def required() -> None:
    """Refuses where the tools are missing."""
    missing = [tool for tool in ("valgrind", "strace", "setarch") if not shutil.which(tool)]
    if missing:
        raise Refusal(
            f"instructions and system calls cannot be counted without {', '.join(missing)}: "
            "run scripts/deps.sh gate, or install the packages valgrind, strace, util-linux"
        )


def fixed_layout() -> list[str]:
    """What starts a program without address randomisation. Containers may forbid that; then counts
    that depend on addresses are not repeatable, which is seen in the repetitions."""
    command = ["setarch", "--addr-no-randomize"]
    tried = subprocess.run([*command, "true"], stderr=subprocess.DEVNULL, check=False)
    return command if tried.returncode == 0 else []


@contextmanager
def without_huge_pages() -> Iterator[None]:
    """Processes that are started meanwhile get none: whether the kernel has one left is chance."""
    set_thp_disable, get_thp_disable = 41, 42  # linux/prctl.h
    prctl = ctypes.CDLL(None).prctl
    before = prctl(get_thp_disable, 0, 0, 0, 0)
    prctl(set_thp_disable, 1, 0, 0, 0)
    try:
        yield
    finally:
        prctl(set_thp_disable, max(before, 0), 0, 0, 0)


@contextmanager
def loadable(libraries: Sequence[Path]) -> Iterator[list[Path]]:
    """Paths that LD_PRELOAD takes: ld.so splits it at blanks and colons."""
    if not any(re.search(r"[\s:$]", str(library)) for library in libraries):
        yield list(libraries)
        return
    with tempfile.TemporaryDirectory(prefix="gate-", dir="/tmp") as folder:
        links = [Path(folder) / f"{i}.so" for i in range(len(libraries))]
        for link, library in zip(links, libraries):
            link.symlink_to(library.resolve())
        yield links


class Counting:
    """Counts samples of libraries in one cell."""

    def __init__(self, cell: Path, directory: Path) -> None:
        required()
        self.cell = cell
        self.directory = directory
        self.layout = fixed_layout()

    def command(self, kind: str, library: Path, work: Work, into: Path) -> list[str]:
        run = [str(self.cell)]
        run += f"--run {work.workload} --ops {work.ops} --seed {work.seed}".split()
        run += ["--expect", str(library)]
        if kind == "calls":
            # One log a thread: lines of several do not mix.
            tool = ["strace", "-f", "-ff", "-o", f"{into}/log", "-E", f"LD_PRELOAD={library}"]
        else:
            tool = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={into}/callgrind.out"]
            tool += ["--collect-atstart=no"]
            tool += [f"--toggle-collect={function}" for function in (TIMED_SPAN, WITHIN)]
        return [*self.layout, *tool, *run]

    def start(self, kind: str, library: Path, work: Work, into: Path) -> subprocess.Popen[bytes]:
        preload = {} if kind == "calls" else {"LD_PRELOAD": str(library)}  # strace sets its own
        shutil.rmtree(into, ignore_errors=True)
        into.mkdir(parents=True)
        with open(into / "out", "wb") as out, open(into / "err", "wb") as err:
            return subprocess.Popen(
                [*program.ends_with_this(), *self.command(kind, library, work, into)],
                env={**ENVIRONMENT, **preload},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                start_new_session=True,
            )

    def samples(self, kind: str, libraries: Sequence[Path], work: Work) -> list[Outcome]:
        """One sample of each library, all at once: counts do not depend on who else runs."""
        places = [self.directory / f"{kind}-{i}" for i in range(len(libraries))]
        started: list[subprocess.Popen[bytes]] = []
        try:
            with loadable(libraries) as paths:
                with without_huge_pages():
                    for library, place in zip(paths, places):
                        started.append(self.start(kind, library, work, place))
                end = time.monotonic() + TIMEOUT
                return [self.outcome(kind, p, at, work, end) for p, at in zip(started, places)]
        except OSError as problem:
            raise Refusal(f"cannot count: {problem.strerror}: {problem.filename}") from problem
        finally:
            for process in started:
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGKILL)
                    process.wait()

    def outcome(
        self, kind: str, process: subprocess.Popen[bytes], at: Path, work: Work, end: float
    ) -> Outcome:
        try:
            code = process.wait(timeout=max(0, end - time.monotonic()))
        except subprocess.TimeoutExpired:
            if is_starved(process.pid):
                raise Refusal(
                    f"{work.row}: no end after {TIMEOUT} s under {self.tool(kind)}, which waited "
                    "for a processor: the machine is too busy to count"
                )
            return Failure(f"no end after {TIMEOUT} s under {self.tool(kind)}", kind)
        out, err = (at / "out").read_text("utf-8", "replace"), (at / "err").read_text(
            "utf-8", "replace"
        )
        if code != 0:
            said = (out if '"error"' in out else out + err).split()
            words = bench_results.printable(" ".join(said)[-TAIL:])
            return Failure(
                f"{ended(code)} under {self.tool(kind)}: {words or 'no word of it'}", kind
            )
        try:
            record = json.loads(out)
        except ValueError:
            return Failure(
                f"no record under {self.tool(kind)}: {bench_results.printable(out[-TAIL:])}", kind
            )
        if kind == "calls":
            logs = [path.read_text("utf-8", "replace") for path in sorted(at.glob("log.*"))]
            timed = timed_calls(logs) if work.ops >= LONG else {}
            return Sample({**calls(logs), **timed, **memory(record)}, str(record["digest"]))
        found = instructions(err)
        if found is None:
            return Failure(
                f"callgrind counted nothing in {TIMED_SPAN}: is the cell an old one?", kind
            )
        return Sample({"instructions": found / work.ops * 1000}, str(record["digest"]))

    @staticmethod
    def tool(kind: str) -> str:
        return "strace" if kind == "calls" else "callgrind"


def waited(session: int) -> Optional[float]:
    """Seconds that the living processes of a session were ready to run and did not. None: the
    kernel does not say."""
    nanoseconds = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            after_name = (process / "stat").read_text().rpartition(")")[2].split()
            if int(after_name[3]) == session:
                tasks = process.glob("task/*/schedstat")
                nanoseconds += [int(task.read_text().split()[1]) for task in tasks]
        except (OSError, ValueError, IndexError):  # it has ended meanwhile
            continue
    return sum(nanoseconds) / 1e9 if nanoseconds else None


def is_starved(session: int) -> bool:
    """A process that hangs, asleep or in a loop, is not. Where the kernel does not say, it may be."""
    seconds = waited(session)
    return seconds is None or seconds > STARVED * TIMEOUT


def ended(code: int) -> str:
    return f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"


def instructions(text: str) -> Optional[int]:
    """Of the timed span, by what callgrind says at its end. None: the span was never entered."""
    found = re.search(r"Collected : (\d+)$", text, re.MULTILINE)
    return int(found[1]) or None if found else None


CALL = re.compile(r"^(\w+)\((.*)\) += (0x[0-9a-f]+|-?\d+|\?)", re.MULTILINE)


class Reserved:
    """Address space that is mapped with PROT_NONE: nothing can be in it."""

    def __init__(self) -> None:
        self.ranges: list[tuple[int, int]] = []

    def take(self, start: int, end: int) -> int:
        """No longer reserved. Returns how many bytes were."""
        taken = sum(max(0, min(b, end) - max(a, start)) for a, b in self.ranges)
        parts = [p for a, b in self.ranges for p in ((a, min(b, start)), (max(a, end), b))]
        self.ranges = [(a, b) for a, b in parts if a < b]
        return taken

    def add(self, start: int, end: int) -> None:
        self.take(start, end)
        self.ranges.append((start, end))


def mapped(logs: Sequence[str]) -> int:
    """The bytes that the successful calls of a process made accessible, by the logs of its threads, in
    order of the calls. Address space that is only reserved counts when mprotect or mmap opens it.
    """
    total, reserved = 0, Reserved()
    for log in logs:
        top = 0
        for name, arguments, result in CALL.findall(log):
            words = arguments.split(", ")
            if name == "mmap" and result.startswith("0x"):
                start, length = int(result, 16), int(words[1])
                if words[2] == "PROT_NONE":
                    reserved.add(start, start + length)
                else:
                    reserved.take(start, start + length)
                    total += length
            elif name == "mremap" and result.startswith("0x"):
                total += max(0, int(words[2]) - int(words[1]))
            elif name == "brk" and result.startswith("0x"):
                total += max(0, int(result, 16) - top) if top else 0
                top = int(result, 16)
            elif name in ("mprotect", "munmap") and result == "0":
                start, length = int(words[0], 16), int(words[1])
                if words[2:] == ["PROT_NONE"]:
                    continue  # what was accessible has been counted, and is not again
                taken = reserved.take(start, start + length)
                total += taken if name == "mprotect" else 0
    return total


def calls(logs: Sequence[str]) -> Counts:
    """System calls by kind, and the bytes mapped, of a process by the logs of its threads."""
    kinds = Counter(name for log in logs for name in re.findall(r"^(\w+)\(", log, re.MULTILINE))
    counts: Counts = {f"syscalls.{name}": float(n) for name, n in kinds.items()}
    counts["bytes_mapped"] = float(mapped(logs))
    return counts


# What the cell asks just before a span of operations and just after it: of the warm-up, then of the timed ones.
SPAN = re.compile(r"^clock_gettime\(CLOCK_THREAD_CPUTIME_ID, .*\n", re.MULTILINE)


def timed_calls(logs: Sequence[str]) -> Counts:
    """Those of one thread in its timed operations, without the cell's clocks. None, if another calls the marks too."""
    for log in logs:
        parts = SPAN.split(log)
        if len(parts) == 5:
            names = re.findall(r"^(\w+)\(", parts[3], re.MULTILINE)
            return {TIMED_CALLS: float(sum(name != "clock_gettime" for name in names))}
    return {}


def memory(record: dict[str, Any]) -> Counts:
    """Faults of the warm-up and the timed operations; memory of the whole process, floor and all."""
    faults = record["minor_faults"] + record["warm_up_minor_faults"]
    names = ("rss_peak_bytes", "rss_drained_bytes", "rss_purged_bytes")
    there = {name: float(record[name]) for name in names if record[name] is not None}
    return {"minor_faults": float(faults), **there}
