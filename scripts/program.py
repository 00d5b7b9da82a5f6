"""What the scripts share as programs: the argument that names a run, and how they end. They end with an
exit code. If they cannot go on, they print one line instead of a traceback.
"""

from __future__ import annotations

import argparse
import functools
import io
import os
import signal
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path
from types import FrameType
from typing import Callable, NoReturn, Optional, Sequence, TextIO

import bench_results

# What the scripts belong to: the sources, or the folder that spanbench is installed in, which is
# nobody's to write to.
HOME = Path(__file__).resolve().parent.parent
IN_SOURCES = (HOME / "Makefile").is_file()
RESULTS = HOME / "results" if IN_SOURCES else Path("results")
# What the scripts show when nothing is named. Of the sources, wherever they are called from.
LATEST = RESULTS / "latest"
# scripts/deps.sh unpacks matplotlib here where it is not installed; an installed one comes first.
sys.path.append(str(HOME / os.environ.get("B", "build") / "matplotlib"))
if sys.stderr is None:  # closed: argparse, among others, would fail
    sys.stderr = open(os.devnull, "w", encoding="utf-8")
# Files of C libraries, as harness/serving/known.c has them.
GLIBC = ("libc.so.6", "libc-2.*.so")
MUSL = ("ld-musl-*.so*", "libc.musl-*.so*")
WRONG_USE = 2  # as of the driver: wrong use or environment
INTERRUPTED = 128 + 2


def is_one_of(file: str, names: Sequence[str]) -> bool:
    """Is the last part of this path one of such names?"""
    return any(fnmatch(Path(file).name, name) for name in names)


def parser(
    description: str,
    example: str,
    default: Path = LATEST,
    what: str = "directory, or bench.json (default: results/latest)",
) -> argparse.ArgumentParser:
    """Of a script that shows a run, its first argument."""
    made = argparse.ArgumentParser(
        description=description,
        epilog=f"example: {example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument(
        "run",
        nargs="?",
        type=Path,
        default=default,
        help=what,
    )
    return made


def duration(seconds: float) -> str:
    whole = max(0, round(seconds))
    return f"{whole} s" if whole < 60 else f"{whole // 60} min {whole % 60:02} s"


def stop_writing(stream: Optional[TextIO] = None) -> None:
    """What is left in the buffer of standard output, or of `stream`, goes nowhere, rather than fail at
    exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), (stream or sys.stdout).fileno())


def complain(text: str) -> None:
    """On standard error. If that takes nothing, the program ends as if it had: with its exit code, where
    Python would fail at exit (Python 3.13: 120)."""
    try:
        print(text, file=sys.stderr, flush=True)
    except OSError:
        stop_writing(sys.stderr)


def settle() -> None:
    """Before the exit: what standard error did not take goes nowhere, likewise."""
    try:
        sys.stderr.flush()
    except OSError:
        stop_writing(sys.stderr)


FOLLOW = ("setpriv", "--pdeathsig", "TERM")  # of util-linux


@functools.cache
def can_follow() -> bool:
    try:
        return subprocess.run([*FOLLOW, "true"], capture_output=True).returncode == 0
    except OSError:
        return False


def ends_with_this() -> list[str]:
    """What the words of a child that runs for long begin with. Then the kernel asks it to end (SIGTERM) when
    this process dies, even by SIGKILL. Nothing, where there is no setpriv that can do it. (With a
    preexec_fn, Python would lose signals that this process gets meanwhile.)"""
    if not can_follow():
        return []
    still_there = 'test "$PPID" = "$0" && exec "$@"'  # it may have died before
    return [*FOLLOW, "sh", "-c", still_there, str(os.getpid())]


class Terminated(BaseException):
    """A signal came. What is under way is undone on the way out."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


def terminate(number: int, _: Optional[FrameType]) -> NoReturn:
    raise Terminated(number)


def interrupted(number: int) -> int:
    """Says so. Returns the exit code."""
    name = Path(sys.argv[0]).name
    complain(f"{name}: interrupted by {signal.Signals(number).name}")
    return 128 + number


def run(main: Callable[[], int], unread: int = 0) -> NoReturn:
    """Ends the process with what main returns, or with the exit code of what stopped it: `unread`, if
    it was that nobody reads on."""

    def stop(problem: str) -> NoReturn:
        complain(f"{Path(sys.argv[0]).name}: {bench_results.printable(problem)}")
        sys.exit(WRONG_USE)

    if sys.stdout is None:
        stop("standard output is closed")
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, terminate)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # any name, in any locale
    try:
        try:
            code = main()
        except SystemExit as end:  # of argparse, which may have written help
            code = end.code if isinstance(end.code, int) else WRONG_USE
        sys.stdout.flush()
    except bench_results.Unusable as problem:
        stop(str(problem))
    except BrokenPipeError:  # the reader has seen enough
        stop_writing()
        code = unread
    except OSError as error:
        if error.filename is None:
            stop_writing()
        stop(f"{error.filename or 'standard output'}: {error.strerror}")
    except KeyboardInterrupt:
        code = interrupted(signal.SIGINT)
    except Terminated as signalled:
        code = interrupted(signalled.number)
    settle()
    sys.exit(code)
