"""What is compared: base, head, and a byte copy of base, as files of equally long names.

The copy's file, and all that names it, is called "twin".

Each of base and head is given as a library (a path), as a git ref, whose gomalloc is built, or as
the name of an adapter. Libraries are preloaded; of adapters, which are linked with theirs, the cells
are copied.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Iterable, Optional

import program
from gate.findings import Refusal
from gate.rows import Workload

ROOT = Path(__file__).resolve().parent.parent.parent
GOMALLOC = "libgomalloc.so"
THIS_TREE = "this tree"
# What a build of the project reads; everything else of the caller's `make` stays out of it.
BUILD_VARIABLES = ("CC", "CXX", "CFLAGS", "CXXFLAGS", "LDFLAGS", "WERROR")


@dataclass(frozen=True)
class Source:
    """Where an arm comes from."""

    file: Path
    adapter: bool  # a cell; else a library
    label: str  # for people: "main (0123abc)", "./liba.so", "mimalloc"
    word: str  # as BASE= or HEAD=, to get the same again


def git(*words: str, root: Path = ROOT) -> Optional[str]:
    """The answer of git; none: it has none."""
    try:
        done = subprocess.run(["git", "-C", root, *words], capture_output=True, text=True)
    except FileNotFoundError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def need_sources(root: Path) -> None:
    if not (root / "Makefile").is_file():
        raise Refusal(
            "an installed spanbench has no sources to build gomalloc from; give --base and --head, each "
            "a library file or an adapter (spanbench list names them)"
        )


def default_base(root: Path = ROOT) -> str:
    """The merge base with the main branch; if that is where we are, the commit before, or this very
    commit if the tree has changes that are not committed. Without a main branch, or a common commit
    with it, the commit before may be of the same change: that is refused."""
    need_sources(root)
    here = git("rev-parse", "--verify", "HEAD^{commit}", root=root)
    if here is None:
        raise Refusal("this is not a git repository; say what to compare with: BASE=./libfoo.so")
    bases = [git("merge-base", "HEAD", branch, root=root) for branch in ("origin/main", "main")]
    for base in bases:
        if base is not None and base != here:
            return base
    if here not in bases:
        raise Refusal(
            "there is no commit that HEAD has in common with origin/main or main: fetch them (git fetch "
            "origin main:refs/remotes/origin/main, in a shallow clone with --unshallow), or say what to "
            "compare with: BASE=<git ref or library>"
        )
    if git(
        "status", "--porcelain", "--", "allocators", "Makefile", "scripts/adapter-keys", root=root
    ):
        return here
    before = git("rev-parse", "--verify", "HEAD^", root=root)
    if before is None:
        raise Refusal(
            "there is no commit before this one, or it was not fetched (git fetch --unshallow); "
            "say what to compare with: BASE=<git ref or library>"
        )
    return before


def environment() -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "MFLAGS"))}
    kept = {
        k: v for k, v in kept.items() if k not in ("B", "TEST", "OUT", "ARGS", "V", "LD_PRELOAD")
    }
    return {**kept, "DEPS": "skip"}


def make(tree: Path, build: str, log: Path) -> Path:
    """Builds the library of a tree of this project."""
    target = f"{build}/{GOMALLOC}"
    given = [f"{v}={os.environ[v]}" for v in BUILD_VARIABLES if v in os.environ]
    jobs = f"-j{len(os.sched_getaffinity(0))}"
    with open(log, "w", encoding="utf-8") as to:
        code = subprocess.run(
            [*program.ends_with_this(), "make", "-C", tree, jobs, f"B={build}", *given, target],
            stdin=subprocess.DEVNULL,
            stdout=to,
            stderr=subprocess.STDOUT,
            env=environment(),
        ).returncode
    file = Path(build) if build.startswith("/") else tree / build
    if code != 0:
        raise Refusal(f"it does not build: {first_error(log)} (all of it: {log})")
    return file / GOMALLOC


def first_error(log: Path) -> str:
    lines = [x.strip() for x in log.read_text(errors="replace").splitlines() if x.strip()]
    errors = [x for x in lines if re.search(r"error|\*\*\*|not found", x, re.IGNORECASE)]
    return (errors or lines or ["make said nothing"])[0][:200]


def compiler() -> str:
    """What the same sources are built with: part of the name of a kept library."""
    words = [os.environ.get(v, "") for v in BUILD_VARIABLES]
    version = subprocess.run(
        [*(words[0] or "cc").split(), "--version"], capture_output=True, text=True
    ).stdout
    return hashlib.sha256("\0".join([*words, version]).encode()).hexdigest()[:12]


def build_commit(commit: str, build: Path, root: Path = ROOT) -> Path:
    """The library of a commit, built in a temporary folder; a built one is kept for the next time."""
    kept = build / "gate" / f"{commit[:16]}-{compiler()}" / GOMALLOC
    if kept.is_file():
        return kept
    kept.parent.mkdir(parents=True, exist_ok=True)
    if git("cat-file", "-e", f"{commit}:allocators/gomalloc.c", root=root) is None:
        raise Refusal(f"commit {commit[:12]} has no gomalloc: give another base, or a library")
    with tempfile.TemporaryDirectory(prefix="gate-") as folder:
        tree = Path(folder)
        with subprocess.Popen(
            ["git", "-C", root, "archive", commit], stdout=subprocess.PIPE
        ) as archive:
            unpacked = subprocess.run(["tar", "-x", "-C", tree], stdin=archive.stdout).returncode
        if archive.returncode != 0 or unpacked != 0:
            raise Refusal(f"commit {commit[:12]} cannot be unpacked in {tree}: is the disk full?")
        try:
            library = make(tree, "build", kept.parent / "build.log")
        except Refusal as problem:
            raise Refusal(
                f"commit {commit[:12]}: {problem}; give another base, or a library that is built"
            ) from problem
        new = kept.with_suffix(f".{os.getpid()}")
        shutil.copyfile(library, new)
        new.rename(kept)
    return kept


def resolve(word: str, cells: Path, root: Path = ROOT) -> Source:
    """What BASE= or HEAD= means; empty: this tree. Builds it if it must be."""
    build = cells.parent
    if not word:
        need_sources(root)
    if not word:
        (build / "gate").mkdir(parents=True, exist_ok=True)
        try:
            library = make(root, os.path.relpath(build, root), build / "gate" / "this-tree.log")
        except Refusal as problem:
            raise Refusal(f"this tree: {problem}") from problem
        return Source(library, False, THIS_TREE, "")
    path = Path(word)
    if path.is_file():
        return Source(path.resolve(), False, word, word)
    if "/" in word and path.exists():
        raise Refusal(f"'{word}' is not a library file")
    cell = cells / word
    if re.fullmatch(r"[\w@+-][\w@.+-]*", word) and cell.is_file() and os.access(cell, os.X_OK):
        return Source(cell.resolve(), True, word, word)
    if (cells / f"{word}.skip").is_file():
        raise Refusal(f"{word} is not here: {(cells / f'{word}.skip').read_text().strip()}")
    if not word.startswith("-"):
        commit = git("rev-parse", "--verify", "--quiet", f"{word}^{{commit}}", root=root)
        if commit is not None:
            label = f"commit {commit[:12]}" + ("" if commit.startswith(word) else f" ({word})")
            return Source(build_commit(commit, build, root), False, label, commit)
    raise Refusal(
        f"'{word}' is not a library file, an adapter (build/spanbench list names them) or a git ref "
        "of this repository; of a branch that was not fetched: git fetch origin"
    )


def sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def link_libraries(cells: Iterable[Path], place: Path) -> None:
    """A cell finds a library that was built with it by its own place, in one of the two folders above its
    own. So do copies of it in a folder in `place`."""
    for cell in cells:
        for above in (cell.parent.parent, cell.parent.parent.parent):
            for library in above.glob(f"lib{cell.name}.so*"):
                if not (place / library.name).exists():
                    (place / library.name).symlink_to(library.resolve())


@dataclass(frozen=True)
class Arms:
    """Both sides, read once: what is built meanwhile changes nothing."""

    base: Source
    head: Source
    sums: dict[str, str]  # of base and head
    kept: Path  # their copies, for the whole run

    @staticmethod
    def of(base: Source, head: Source, folder: Path) -> "Arms":
        if base.adapter != head.adapter:
            adapter = base if base.adapter else head
            raise Refusal(
                f"{adapter.label} is an adapter, whose program is linked with its library; the other "
                "is a library, which is preloaded: give two adapters, or two libraries (build/"
                f"spanbench describe {adapter.label} names its file)"
            )
        suffix = "" if base.adapter else ".so"
        folder.mkdir(parents=True)
        for name, source in (("base", base), ("head", head)):
            shutil.copy(source.file, folder / f"{name}{suffix}")
        sums = {name: sha256(folder / f"{name}{suffix}") for name in ("base", "head")}
        return Arms(base, head, sums, folder)

    def file(self, name: str) -> Path:
        return self.kept / (name if self.base.adapter else f"{name}.so")

    def copy_into(self, folder: Path) -> list[str]:
        """Fresh copies; the driver's words for them."""
        folder.mkdir(parents=True)
        words = []
        if self.base.adapter:
            link_libraries((self.base.file, self.head.file), folder.parent)
        for name, of in (("base", "base"), ("head", "head"), ("twin", "base")):
            copy = folder / self.file(name).name
            shutil.copy(self.file(of), copy)
            if not self.base.adapter:
                words += ["--preload", f"{name}={copy}"]
        self.check(folder)
        return words if words else ["--cells", str(folder)]

    def check(self, folder: Path) -> None:
        """Refuses arms that are not what they claim to be: above all a copy that is not base."""
        for name, of in (("base", "base"), ("head", "head"), ("twin", "base")):
            file = folder / self.file(name).name
            if sha256(file) != self.sums[of]:
                raise Refusal(f"the gate is broken, or the disk: {file} is not a copy of {of}")

    def check_descriptions(self, described: dict[str, Any]) -> dict[str, Workload]:
        """Refuses what is not a malloc library. Returns the workloads, by name."""
        for name, source in (("base", self.base), ("head", self.head), ("twin", self.base)):
            one = described.get(name)
            said = one if isinstance(one, dict) else {"broken": "the driver does not know it"}
            why = said.get("broken") or said.get("skipped")
            if why:
                raise Refusal(f"{name}, {source.label}, cannot be measured: {why}")
        known: dict[str, Workload] = {}
        for name, source in (("head", self.head), ("base", self.base)):
            for w in described[name]["workloads"]:
                of_both = known.get(w["name"], Workload())
                lacks = f"{source.label} has no {w['missing']}" if w.get("missing") else ""
                known[w["name"]] = Workload(
                    w.get("group", of_both.group),
                    w.get("least_threads", of_both.least_threads),
                    w.get("most_threads", of_both.most_threads),
                    w.get("threads_per_cpu", of_both.threads_per_cpu),
                    lacks or of_both.missing,
                )
        return dict(sorted(known.items()))
