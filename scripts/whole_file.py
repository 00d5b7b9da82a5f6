"""Writes a file so that nobody ever sees half of it."""

from __future__ import annotations

import os
from pathlib import Path


def write(file: Path, content: bytes) -> None:
    """All of it, or the file is as it was: an OSError then names the file."""
    new = file.with_name(f".{file.name}.new")
    try:
        with open(new, "wb") as to:
            to.write(content)
            to.flush()
            os.fsync(to.fileno())
        new.replace(file)
    except OSError as problem:
        new.unlink(missing_ok=True)
        raise OSError(problem.errno, problem.strerror, str(file)) from problem
