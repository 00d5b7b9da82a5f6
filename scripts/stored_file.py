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


def fault(problem: Exception) -> str:
    """What of SPOILED is wrong with a document, in words of the file and not of Python."""
    said = str(problem.args[0]) if problem.args else ""
    if isinstance(problem, KeyError):
        return f"it has no member '{said}'"
    if isinstance(problem, LookupError):
        return "a list in it is too short"
    if isinstance(problem, RecursionError):
        return "it is nested too deeply"
    if isinstance(problem, ArithmeticError):
        return "a number in it is out of range"
    of_another_kind = isinstance(problem, (TypeError, AttributeError))
    if of_another_kind or said.startswith(
        ("could not convert", "invalid literal", "cannot convert")
    ):
        return "a member of it is of another kind than it should be"
    return said


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
