"""Who works on a fleet. One process at a time waits for its tasks and submits what got lost, and one at a time makes runs of the
parts. A lock ends with its process (flock(2)), and holds on all machines that see the folder."""

from __future__ import annotations

import errno
import fcntl
import os
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Callable, Iterator, TextIO

from bench_results import printable

WAITS, MAKES = ".waits.lock", ".makes.lock"
POLL_SECONDS = 0.2


def taken(file: TextIO) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    except OSError as problem:  # a file system without locks does not tell who is there
        return problem.errno not in (errno.EWOULDBLOCK, errno.EACCES)


@contextmanager
def held(file: Path, busy: Callable[[str], None]) -> Iterator[None]:
    """While another process has it, `busy` hears who, again and again. It may raise."""
    with open(file, "a+", encoding="utf-8", errors="replace") as mine:
        while not taken(mine):
            mine.seek(0)
            busy(printable(mine.read(200)) or "another process")
            time.sleep(POLL_SECONDS)
        with suppress(OSError):  # of a full disk
            mine.truncate(0)
            mine.write(f"process {os.getpid()} on {os.uname().nodename}")
            mine.flush()
        yield
