"""The variables of a program of the catalogue, and its data, which its script makes in a folder. It serves programs.py, and
tasks of a fleet on their nodes. Of Python's own modules, and of program.py."""

from __future__ import annotations

import glob
import hashlib
import os
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import program

SETUP_SECONDS = 600
# Where Debian keeps what is not for every user's PATH.
MORE_PATHS = ("/usr/lib/postgresql/*/bin", "/usr/local/sbin", "/usr/sbin", "/sbin")
# Runs a script, and ends all of its group when it is asked to end.
GROUP = "trap 'kill -KILL 0' TERM; sh -eu \"$1\" & wait $!"
# What becomes another user than root, for programs that refuse to run as root.
AS_USER = "setpriv --reuid=nobody --regid=nogroup --clear-groups"


def environment(quick: bool, port: int) -> dict[str, str]:
    """Of all that is run for a program."""
    more = [found for path in MORE_PATHS for found in sorted(glob.glob(path), reverse=True)]
    return {
        **os.environ,
        "PATH": os.pathsep.join([os.environ.get("PATH", "/usr/bin:/bin"), *more]),
        "QUICK": "1" if quick else "0",
        "PORT": str(port),
        "AS_USER": AS_USER if os.geteuid() == 0 else "",
    }


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def name_of(program_: str, quick: bool) -> str:
    """Of the folder with its data."""
    return f"{program_}-{'quick' if quick else 'whole'}"


def make(script: Path, folder: Path, variables: dict[str, str]) -> Path:
    """The folder, with the data that the script makes. They are made once for each text of the script. Raises RuntimeError
    if that fails."""
    mark = hashlib.sha256(script.read_bytes()).hexdigest()
    stamp = folder.with_suffix(".made")
    if folder.is_dir() and stamp.exists() and stamp.read_text() == mark:
        return folder
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    print(f"{Path(sys.argv[0]).name}: {script.stem}: making its data", file=sys.stderr)
    made = subprocess.Popen(
        [*program.ends_with_this(), "sh", "-c", GROUP, "sh", script],
        cwd=folder,
        env=variables,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    try:
        said, _ = made.communicate(timeout=SETUP_SECONDS)
    except subprocess.TimeoutExpired:
        said = f"no end after {SETUP_SECONDS} s"
    finally:
        try:
            os.killpg(made.pid, signal.SIGKILL)  # also what it left behind
        except ProcessLookupError:
            pass
        made.wait()
    if made.returncode != 0:
        lines = said.strip().splitlines() or [f"exit code {made.returncode}"]
        raise RuntimeError(f"its set-up failed: {lines[-1]}")
    stamp.write_text(mark)
    return folder
