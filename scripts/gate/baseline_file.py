"""The stored base of the gate's counts: those of a commit's gomalloc, in a file of the repository.

And what they are worth: new counts may be compared with them only if the tools, the kind of machine and
the harness are the same. Where one of these differs, the commit is built and counted again.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import shlex
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, Sequence

import stored_file
from gate import base_and_head, deterministic
from gate.counting import KINDS, Counting, Work, works_by_default
from gate.findings import Finding, Refusal

ROOT = base_and_head.ROOT
FILE = ROOT / "results" / "baseline.json"
SCHEMA = 1
SEED = 1
SOURCES = ("allocators/gomalloc", "allocators/gomalloc.c")  # of the library
HARNESS = (
    "harness/cell/*.[ch]",
    "workloads/timed/*.[ch]",
    "workloads/timed/*/*.[ch]",
    "workloads/shared/*.[ch]",
    "allocators/allocator.h",
    "allocators/system.c",
)
FLAGS = "stamp/compile"  # of a build: what make compiles with
Repeat = Callable[[str], str]


def first_line(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return done.stdout.partition("\n")[0]


def digest(*texts: bytes) -> str:
    return hashlib.sha256(b"\0".join(texts)).hexdigest()[:16]


def processor() -> str:
    """What programs may choose their code by: the features, not the model."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    features = [line for line in lines if line.startswith(("flags", "Features"))]
    return digest(" ".join(sorted(features[0].split())).encode() if features else b"")


def harness(root: Path = ROOT, more: Sequence[str] = ()) -> str:
    """Of all that a cell consists of, but its allocator; and of what more patterns find."""
    files = sorted(p for pattern in (*HARNESS, *more) for p in root.glob(pattern))
    return digest(*(p.read_bytes() for p in files if not p.name.startswith("test_")))


def key(build: Path) -> dict[str, str]:
    """Counts under different keys are not compared."""
    flags = build / FLAGS
    compiler = shlex.split(os.environ.get("CC", "cc"))
    return {
        "valgrind": first_line("valgrind", "--version"),
        "glibc": os.confstr("CS_GNU_LIBC_VERSION") or "unknown",
        "compiler": first_line(*compiler, "--version"),
        "flags": digest(flags.read_bytes()) if flags.is_file() else "unknown",
        "processor": f"{platform.machine()} {processor()}",
        "kernel": platform.release(),
        "harness": harness(),
    }


@dataclass(frozen=True)
class Stored:
    commit: str
    key: dict[str, str]
    rows: dict[Work, deterministic.Processes]

    def differences(self, build: Path) -> list[str]:
        """What is not as it was when the counts were taken."""
        now = key(build)
        names = sorted({*now, *self.key})
        return [
            f"{n} is {now.get(n)!r}, was {self.key.get(n)!r}"
            for n in names
            if now.get(n) != self.key.get(n)
        ]

    def document(self) -> dict[str, Any]:
        rows = {
            work.workload: {"ops": work.ops, "seed": work.seed, "processes": processes}
            for work, processes in self.rows.items()
        }
        return {"schema": SCHEMA, "commit": self.commit, "key": self.key, "rows": rows}


def read(file: Path = FILE) -> Stored:
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
        if document["schema"] != SCHEMA:
            raise Refusal(f"{file} is of another version; renew it: make baseline")
        rows = {
            Work(workload, row["ops"], row["seed"]): row["processes"]
            for workload, row in document["rows"].items()
        }
        for processes in rows.values():
            for kind in KINDS:
                if len(processes[kind]) < deterministic.REPEATS:
                    raise ValueError(f"fewer than {deterministic.REPEATS} processes")
                values = [v for counts in processes[kind] for v in counts.values()]
                if not values or not all(deterministic.is_count(v) for v in values):
                    raise ValueError("what is not a count")
        texts = [document["commit"], *document["key"].values()]
        if not rows or len(texts) == 1 or not all(isinstance(text, str) for text in texts):
            raise ValueError("no rows, no key, or what is not text")
        if not re.fullmatch("[0-9a-f]{40,64}", document["commit"]):
            raise ValueError("the commit is not a full hash")
        return Stored(document["commit"], document["key"], rows)
    except (OSError, *stored_file.SPOILED) as problem:
        raise Refusal(
            f"{file} is not a stored base ({problem!r}); renew it: make baseline"
        ) from problem


def commit_of_library(root: Path = ROOT) -> str:
    """The last commit that changed the library; this tree must not have changed it since."""
    commit = base_and_head.git("log", "-1", "--format=%H", "--", *SOURCES, root=root)
    if not commit:
        raise Refusal(
            "the stored base names a commit, and there is none: is this a git repository?"
        )
    if base_and_head.git("status", "--porcelain", "--", *SOURCES, root=root):
        raise Refusal(f"commit the changes of {', '.join(SOURCES)} first: the base names a commit")
    return commit


def measure(build: Path, directory: Path) -> Stored:
    """Counts this tree's library anew, in the workloads that a gate counts by default."""
    commit = commit_of_library()
    counting = Counting(build / "cell" / "system", directory)
    times = deterministic.REPEATS + deterministic.CONFIRM
    rows = {}
    for work in works_by_default(counting.cell, SEED):
        try:
            (rows[work],) = deterministic.count(
                counting, [build / base_and_head.GOMALLOC], work, times, KINDS
            )
        except deterministic.Broken as problem:
            raise Refusal(f"{work.row}: {problem}") from problem
    return Stored(commit, key(build), rows)


def write(stored: Stored, file: Path = FILE) -> None:
    stored_file.write(file, (json.dumps(stored.document(), indent=1) + "\n").encode())


def check_rows(stored: Stored, build: Path) -> None:
    """Refuses a base that did not count what the cell offers now: no row more, none less."""
    offered = set(works_by_default(build / "cell" / "system", SEED))
    if offered != set(stored.rows):
        lists = [
            ", ".join(sorted(f"{w.workload} ({w.ops} operations)" for w in some)) or "nothing"
            for some in (stored.rows, offered)
        ]
        raise Refusal(
            f"the stored base has counts of {lists[0]}, and there is {lists[1]}: renew it: "
            "make baseline"
        )


def compare_counts(stored: Stored, build: Path, directory: Path, repeat: Repeat) -> list[Finding]:
    """This tree's library with the stored counts."""
    counting = Counting(build / "cell" / "system", directory)
    head = [build / base_and_head.GOMALLOC]
    return [
        finding
        for work, base in stored.rows.items()
        for finding in deterministic.row_findings(counting, head, work, base, repeat(work.row))
    ]


class Absent(Refusal):
    """There is nothing to compare with: not all commits are in this clone."""


def built(stored: Stored, build: Path) -> Path:
    """The library of the stored commit. Raises Absent where that is not at hand, and the clone is shallow
    or none of git."""
    if base_and_head.git("cat-file", "-e", f"{stored.commit}^{{commit}}") is None:
        absent = f"the stored base's commit {stored.commit[:12]} is not here"
        shallow = base_and_head.git("rev-parse", "--is-shallow-repository")
        if shallow == "false":
            raise Refusal(f"{absent}, with all history: renew the base (make baseline)")
        if shallow is None and (ROOT / ".git").exists():
            raise Refusal(f"{absent}, for git refuses to read this clone: see git -C {ROOT} status")
        raise Absent(
            f"{absent}, so that it cannot be counted on this machine: fetch the history (git fetch "
            "--unshallow), or renew it on a machine where this tree is known to be good (make baseline)"
        )
    return base_and_head.build_commit(stored.commit, build)


def compare_built(
    stored: Stored, build: Path, directory: Path, repeat: Repeat, workloads: Sequence[str]
) -> list[Finding]:
    """This tree's library with the stored commit's, which is built: both are counted side by side."""
    base, head = directory / "base.so", directory / "head.so"
    shutil.copyfile(built(stored, build), base)
    shutil.copyfile(build / base_and_head.GOMALLOC, head)
    work_directory = directory / "work"
    work_directory.mkdir()
    return deterministic.compare(
        base, head, workloads, build=build, work=work_directory, seed=SEED, repeat=repeat
    )
