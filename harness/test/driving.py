"""Runs the driver and the cells for the tests in Python, and reads what they write."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import runpy
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import traceback
import unittest
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Callable, Iterable, Iterator, NoReturn, Optional, TypeVar

ROOT = Path(__file__).resolve().parent.parent.parent
BUILD = ROOT / os.environ.get("B", "build")
CELLS = BUILD / "cell"
FAULTY = BUILD / "faulty"
SPANBENCH = BUILD / "spanbench"
PATIENCE = 1800  # seconds, until it is a hang; where page faults are slow, all rows took over 600

Case = TypeVar("Case", bound=Callable[..., Any])

# A program that goes on once its first thread has ended: go_on(its first word, or NULL) is added to it.
FIRST_ENDS = """
#include <pthread.h>
#include <stdlib.h>
static pthread_t first;
static void go_on(const char *word);
static void *other(void *word) {
    pthread_join(first, NULL);
    go_on(word);
    exit(0);
}
int main(int argc, char **argv) {
    pthread_t thread;
    first = pthread_self();
    pthread_create(&thread, NULL, other, argv[1]);
    pthread_exit(NULL);
}
"""


def slow(case: Case) -> Case:
    """For a case or a class that takes long, or that guards the tests rather than the product."""
    case.slow = True  # type: ignore[attr-defined]
    return unittest.skipUnless(os.environ.get("TEST_ALL"), "in make test-all")(case)


# A shell starts what it puts into the background with these ignored; children would inherit that,
# and no script of theirs could undo it.
for _number in (signal.SIGINT, signal.SIGQUIT):
    if signal.getsignal(_number) == signal.SIG_IGN:
        signal.signal(_number, signal.SIG_DFL)


# What `make` reads beside the compilers and their flags.
VARIABLES = (
    "QUICK ALLOCATORS WORKLOADS THREADS REPS SEED TIMEOUT PRELOAD OUT ARGS "
    "CHECKS PROFILE MINUTES MISUSES SIZES RUNS CMD BASE HEAD TIER COMMITS KEEP RUN PROGRAMS TEST JOBS "
    "SANITIZERS DEPS V WERROR DO WORK BATCH AT_ONCE CPUS SBATCH"
)


def clean_environment(**more: Any) -> dict[str, str]:
    """For a make of its own: without what `make test` and its caller set. Of tests, it runs those that it names."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("MAKE")}
    if kept.get("TEST_ALL") == "only":
        kept["TEST_ALL"] = "1"
    return {
        **{k: v for k, v in kept.items() if k not in (*VARIABLES.split(), "TEST_UNTIL")},
        **{k: str(v) for k, v in more.items()},
    }


T = TypeVar("T")
R = TypeVar("R")


def at_once(work: Callable[[T], R], items: Iterable[T]) -> list[R]:
    """What `work` makes of each, in their order. More at once than there are CPUs: most of it is waiting
    for children, and many of those wait, too."""
    with ThreadPoolExecutor(2 * (os.cpu_count() or 1)) as pool:
        return list(pool.map(work, items))


# Of the project, what is not its sources; and of files that appear and vanish while another test has
# make look whether there is something to do.
NO_SOURCES = ("build*", ".git", "*Z-*", "latest", "__pycache__")
TRANSIENT = ("*.new", "*.tmp", "*-directory.*")
# Of the build's folder, what is fetched or made as data.
NOT_BUILT = ("rivals", "releases", "matplotlib", "browser", "programs")


def copy_tree(
    to: Path, *without: str, objects: bool = True, programs: tuple[str, ...] = ()
) -> None:
    """Copies the sources, and the objects with their times: only what changes is compiled. `without`
    are patterns of names, `programs` such in the folder of the build itself."""
    shutil.copytree(ROOT, to, ignore=shutil.ignore_patterns(*NO_SOURCES, *TRANSIENT, *without))
    if not objects or BUILD != ROOT / "build":  # its name is in the objects
        return
    inside = shutil.ignore_patterns(*TRANSIENT, *without)
    top = shutil.ignore_patterns(*TRANSIENT, *without, *programs, *NOT_BUILT)
    shutil.copytree(
        BUILD,
        to / "build",
        ignore=lambda d, names: (top if Path(d) == BUILD else inside)(d, names),
    )


def cell_names() -> list[str]:
    return sorted(p.name for p in CELLS.iterdir() if p.suffix != ".skip")


def of_processes(name: str) -> dict[int, bytes]:
    """Such a file of /proc, as cmdline, of each process that has not ended meanwhile. (A glob over them raises then.)"""
    found = {}
    for process in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            found[int(process)] = Path("/proc", process, name).read_bytes()
    return found


def run(
    *command: Any, timeout: float = PATIENCE, **options: Any
) -> subprocess.CompletedProcess[str]:
    """Runs a command to its end and keeps its output. A hang fails the test in the end."""
    return subprocess.run(
        [str(word) for word in command],
        capture_output=True,
        text=True,
        timeout=timeout,
        **options,
    )


def run_python(
    script: Any, *words: Any, env: Optional[dict[str, str]] = None, cwd: Any = None
) -> subprocess.CompletedProcess[str]:
    """Runs a script, or a folder with a program, in a copy of this process, which has loaded most of
    its modules. A fresh interpreter takes a second for those; what the program does is the same."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as errors:
        sys.stdout.flush()
        sys.stderr.flush()
        child = os.fork()
        if child == 0:
            _become(script, words, env, cwd, out.fileno(), errors.fileno())
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        texts = []
        for file in (out, errors):
            file.seek(0)
            texts.append(file.read().decode())
    return subprocess.CompletedProcess([str(script), *map(str, words)], status, *texts)


def _become(
    script: Any, words: Any, env: Optional[dict[str, str]], cwd: Any, out: int, errors: int
) -> NoReturn:
    """The child: never returns to the test's code."""
    code = 1
    try:
        os.dup2(out, 1)
        os.dup2(errors, 2)
        signal.alarm(600)  # a hang fails the test
        if env is not None:
            os.environ.clear()
            os.environ.update(env)
        if cwd is not None:
            os.chdir(cwd)
        sys.argv = [str(script), *map(str, words)]
        runpy.run_path(str(script), run_name="__main__")
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
    except BaseException:  # as the interpreter would
        traceback.print_exc()
    finally:
        try:
            sys.stdout.flush()
            sys.stderr.flush()
        finally:
            os._exit(code & 0xFF)


def read_terminal(ours: int) -> Iterator[bytes]:
    """What comes from the other end of a pseudo-terminal, until nobody has that open."""
    try:
        while part := os.read(ours, 4096):
            yield part
    except OSError:  # Linux's way to say so
        pass
    finally:
        os.close(ours)


def run_unread(*command: Any) -> subprocess.CompletedProcess[str]:
    """Likewise, but nobody reads its output: the pipe has no other end."""
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as nobody:
        return subprocess.run(
            [str(word) for word in command],
            stdout=nobody,
            stderr=subprocess.PIPE,
            text=True,
            timeout=PATIENCE,
        )


def spanbench(*words: Any, **options: Any) -> subprocess.CompletedProcess[str]:
    return run(SPANBENCH, *words, **options)


@functools.cache
def all_adapter_keys() -> dict[str, dict[str, str]]:
    keys: dict[str, dict[str, str]] = {}
    for line in run(ROOT / "scripts" / "adapter-keys").stdout.splitlines():
        name, key, value = line.split(" ", 2)
        keys.setdefault(name, {})[key] = value
    return keys


def adapter_keys(source: Path) -> dict[str, str]:
    """The comment keys at the head of an adapter or of a planted bug."""
    name = source.relative_to(ROOT / "allocators").with_suffix("")
    return all_adapter_keys().get(str(name), {})


def cell(name: str, *words: Any, **options: Any) -> Any:
    """The JSON that a cell prints."""
    return json.loads(run(CELLS / name, *words, **options).stdout)


class DriverTest(unittest.TestCase):
    """A test with a directory of its own, for results and for cells."""

    def setUp(self) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="spanbench-test-"))
        self.addCleanup(shutil.rmtree, self.directory, ignore_errors=True)
        self.out = self.directory / "results"
        self.cells = self.directory / "cell"

    def use_cells(self, *paths: Path) -> None:
        """Makes a directory of cells that holds links to these."""
        self.cells.mkdir(exist_ok=True)
        for path in paths:
            (self.cells / path.name).symlink_to(path)

    def script_cell(self, name: str, script: str) -> None:
        """Adds a cell that is a shell script; {good} in it is the path of the cell `system`."""
        self.cells.mkdir(exist_ok=True)
        path = self.cells / name
        path.write_text("#!/bin/sh\n" + script.format(good=CELLS / "system"))
        path.chmod(path.stat().st_mode | stat.S_IXUSR)

    def document(self) -> Any:
        return json.loads((self.out / "latest" / "bench.json").read_text())

    def valid_document(self) -> Any:
        """The same, after a look whether it is as its schema says."""
        import jsonschema  # few tests need it, and it loads slowly

        schemas = {
            p.name: json.loads(p.read_text()) for p in (ROOT / "results").glob("*.schema.json")
        }
        own = schemas["bench.schema.json"]
        resolver = jsonschema.RefResolver("", own, store=schemas)
        jsonschema.Draft202012Validator(own, resolver=resolver).validate(self.document())
        return self.document()

    def unfinished(self) -> Any:
        """The document of the only run, of which `latest` may know nothing."""
        (path,) = self.out.glob("*-*/bench.json")
        return json.loads(path.read_text())

    def quick(self, *words: Any, **options: Any) -> subprocess.CompletedProcess[str]:
        """A short run into this test's directory, with this test's cells if it has some."""
        cells = ["--cells", self.cells] if self.cells.exists() else []
        return spanbench("--quick", "--out", self.out, *cells, *words, **options)

    def causes(self, allocator: str) -> list[Optional[str]]:
        """The error of each of the allocator's entries; None: it is good."""
        return [
            entry.get("error_message")
            for entry in self.document()["benchmarks"]
            if entry["allocator"] == allocator
        ]
