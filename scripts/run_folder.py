"""The folder of a run that a script makes, <parent>/<UTC time>-<host>-<kind>. A run that was killed leaves
one behind; the next of its kind removes what nobody measured from it.

A run locks its folder (flock(2)) for as long as its process lives, as the driver's do
(harness/support/results.h)."""

from __future__ import annotations

import datetime
import errno
import fcntl
import os
import shutil
import socket
from pathlib import Path
from typing import Collection, Optional

# Of the folders of this process's runs: the lock ends with the process.
_held: list[int] = []


def _lock(folder: Path) -> Optional[int]:
    """The descriptor; None: another has the lock, or the folder is gone."""
    try:
        held = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as problem:
        if problem.errno == errno.EWOULDBLOCK:
            os.close(held)
            return None
    if folder.exists():
        return held
    os.close(held)
    return None


def _clear(folder: Path, copies: Collection[str]) -> None:
    """Of a run that is over, removes copies that each measurement makes, and what was half written. If
    only copies are left, removes the whole."""
    for place in [p for name in copies for p in folder.glob(f"*/{name}") if p.parent.is_dir()]:
        shutil.rmtree(place, ignore_errors=True)
    for half in folder.rglob(".*.new"):
        half.unlink(missing_ok=True)
    if is_worthless(folder, copies):
        shutil.rmtree(folder, ignore_errors=True)


def is_worthless(folder: Path, copies: Collection[str] = ()) -> bool:
    """Are all files in it in folders of these names?"""
    of_copies = [folder / name for name in copies]
    files = (p for p in folder.rglob("*") if not p.is_dir() or p.is_symlink())
    return all(any(c in p.parents for c in of_copies) for p in files)


def make(parent: Path, kind: str, copies: Collection[str] = (), lasting: bool = False) -> Path:
    """A new one, locked. `copies` are names of folders in it, and in its folders, that hold no results. `lasting`: others work in
    it when this process is over, so nothing of an older one is removed. Raises FileExistsError if there is one for each second of this minute.
    """
    parent.mkdir(parents=True, exist_ok=True)
    now = datetime.datetime.now(datetime.timezone.utc)
    for second in range(60):
        moment = (now + datetime.timedelta(seconds=second)).strftime("%Y%m%dT%H%M%SZ")
        folder = parent / f"{moment}-{socket.gethostname()}-{kind}"
        try:
            folder.mkdir()
        except FileExistsError:
            continue
        held = _lock(folder)
        if held is None:
            continue
        _held.append(held)
        for other in () if lasting else parent.glob(f"[0-9]*Z-*-{kind}"):
            dead = None if other == folder else _lock(other)
            if dead is not None:
                _clear(other, copies)
                os.close(dead)
        return folder.resolve()
    raise FileExistsError(
        errno.EEXIST, "there is a run for each second of this minute", str(parent)
    )
