"""Reads what `spanbench why` writes: why.json."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

import program
from bench_results import Unusable, read_loosely

FILE = "why.json"
LATEST = program.RESULTS / "latest-why"
WHAT = "folder of a run, or why.json (default: results/latest-why of spanbench)"

# The parts of resident memory, in the order in which they are drawn, and what they are.
PARTS = {
    "requested": "live: what the program asked for",
    "slack": "live: slack, rounded up by the allocator",
    "fragments": "free, between live blocks",
    "kept": "free, kept by the allocator",
    "huge": "never written: huge pages",
    "outside": "mmap outside malloc",
    "stacks": "stacks",
    "files": "code and files",
}


@dataclass(frozen=True)
class SizeClass:
    least: int  # usable bytes of a block
    most: int
    bytes: int
    blocks: int
    thread: Optional[str]  # which asked for most of it
    share: float  # of it, by the sample
    pins: float = 0  # free bytes near its blocks, by the sample


@dataclass(frozen=True)
class Thread:
    number: int
    thread: Optional[str]
    bytes: int


@dataclass(frozen=True)
class Point:
    seconds: float
    rss: float
    parts: dict[str, float]  # those of PARTS, and "live" and "untouched"; bytes
    live: float
    blocks: int
    made: int
    heap: float
    arenas: int
    arenas_memory: float
    threads_ever: int
    classes: list[SizeClass]
    threads: list[Thread]


@dataclass(frozen=True)
class Process:
    pid: int
    command: str
    allocator: str
    points: list[Point]
    peak: float
    looks: int  # of many, `points` has some
    exact: bool = True  # live bytes are
    inner: tuple[str, ...] = ()  # allocators inside of it that malloc does not see, in words

    @property
    def is_glibc(self) -> bool:
        return program.is_one_of(self.allocator, program.GLIBC)

    @property
    def title(self) -> str:
        return f"{self.command or 'a process'} ({self.pid})"


@dataclass(frozen=True)
class Results:
    path: Path
    command: list[str]
    processes: list[Process]
    seen: int

    @property
    def largest(self) -> Process:
        return max(self.processes, key=lambda p: p.peak)


def thread_name(value: Any) -> Optional[str]:
    return f"thread {value['name'] or '?'} ({value['tid']})" if value else None


def point_of(value: Any) -> Point:
    names = (*PARTS, "live", "untouched")
    return Point(
        seconds=float(value["seconds"]),
        rss=float(value["rss"]),
        parts={name: float(value[name]) for name in names},
        live=float(value["live"]),
        blocks=int(value["blocks"]),
        made=int(value["made"]),
        heap=float(value["heap"]),
        arenas=int(value["arenas"]),
        arenas_memory=float(value["arenas_memory"]),
        threads_ever=int(value["threads_ever"]),
        classes=[
            SizeClass(
                c["least"],
                c["most"],
                c["bytes"],
                c["blocks"],
                thread_name(c["thread"]),
                float(c["share"]),
                float(c.get("pins", 0)),
            )
            for c in value["classes"]
        ],
        threads=[
            Thread(t["number"], thread_name(t["thread"]), t["bytes"]) for t in value["threads"]
        ],
    )


def process_of(value: Any) -> Process:
    return Process(  # older files tell neither how exact it is, nor looks, what is inside, and what pins
        pid=int(value["pid"]),
        command=str(value["command"]),
        allocator=str(value["allocator"]),
        points=[point_of(p) for p in value["points"]],
        peak=float(value["peak_rss"]),
        looks=int(value.get("looks", len(value["points"]))),
        exact=bool(value.get("exact", True)),
        inner=tuple(str(text) for text in value.get("inner", ())),
    )


def of_document(path: Path, document: Any) -> Results:
    processes = [process_of(p) for p in document["processes"]]
    results = Results(
        path=path,
        command=[str(word) for word in document["command"]],
        processes=[p for p in processes if p.points],
        seen=int(document["processes_seen"]),
    )
    if not results.processes:
        raise Unusable(f"{path}: no process was looked at, so there is nothing to explain")
    return results


def load(path: Path) -> Results:
    """Of a run's directory, or of its why.json."""
    file = path / FILE if path.is_dir() else path
    if not file.exists():
        raise Unusable(f"{file}: there is no such file; is this a folder of spanbench why?")

    def parsed(document: Any) -> Results:
        return of_document(file, document)

    return read_loosely(file, parsed, "a result of spanbench why")
