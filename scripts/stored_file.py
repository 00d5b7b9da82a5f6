"""Files that the scripts store: one is written whole, and one that is spoiled is refused."""

from __future__ import annotations

import os
from pathlib import Path

# What reading a document raises that is not of its kind.
SPOILED = (
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    RecursionError,
    ArithmeticError,
)


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
