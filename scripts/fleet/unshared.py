"""A fleet whose nodes share no folder with the submitter. The bundle goes to a folder of each node by sbcast, as soon as a task
runs there. Parts lie in that folder, and srun brings them back when the tasks are over.

So the folder of the fleet is the submitter's alone. A task waits for its bundle: it comes from whoever submits or collects.
"""

from __future__ import annotations

import os
import shutil
import tarfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath
from typing import Any, Callable, Iterable

from fleet import slurm
from fleet.task import digest

WAIT_SECONDS = 600  # for its bundle, by a task
AT_ONCE = 16  # nodes
BACK = ("parts", "nodes", "logs")  # what comes back
NOW = "parts/now"  # the clock of a node
PLACES = "places"  # of the fleet: an empty file for each node and submission that got a bundle

# Its arguments: what the name of the folder on the nodes begins with, the number of the submission, and the archive's digest.
SCRIPT = f"""\
#!/bin/sh
umask 022
place=$1.$SLURMD_NODENAME
mkdir -p "$place/logs" "$place/parts" "$place/nodes"
exec >>"$place/logs/$2.$SLURM_ARRAY_TASK_ID.log" 2>&1
echo "task: on $SLURMD_NODENAME, attempt ${{SLURM_RESTART_COUNT:-0}}"
left={WAIT_SECONDS}
while [ ! -e "$place/$3.there" ]; do
  if [ -e "$place/$3.tar" ] && echo "$3  $place/$3.tar" | sha256sum --check --status; then
    tar -x -f "$place/$3.tar" -C "$place" || exit 2
    : >"$place/$3.there"
  elif [ $((left -= 1)) -lt 0 ]; then
    echo "task: no bundle came: make fleet DO=collect sends it" >&2
    exit 2
  else
    sleep 1
  fi
done
if [ ! -x /usr/bin/python3 ]; then
  echo "task: $SLURMD_NODENAME does no work: it has no /usr/bin/python3" >&2
  exit 2
fi
exec /usr/bin/python3 -E -s -B "$place/bundle/fleet/task.py" "$place" "$2"
"""


def prefix(asked: Any) -> str:
    return f"{asked['unshared']}/{asked['name']}.fleet"


def place(asked: Any, node: str) -> str:
    return f"{prefix(asked)}.{node}"


def archive(folder: Path, submission: int) -> Path:
    return folder / "jobs" / f"{submission}.tar"


def pack(folder: Path, asked: Any, submission: int) -> list[str]:
    """Writes the archive for a submission. Returns the script of its tasks, and their words."""
    script = folder / "jobs" / "unshared.sh"
    script.write_text(SCRIPT, encoding="utf-8")
    made = archive(folder, submission)
    with tarfile.open(made, "w") as tar:
        for name in ("fleet.json", "bundle", f"jobs/{submission}.json"):
            tar.add(folder / name, name)
    return [str(script), prefix(asked), str(submission), digest(made)]


def feed(
    folder: Path, asked: Any, submissions: Iterable[Any], tasks: Iterable[slurm.Waiting]
) -> dict[str, str]:
    """Sends its bundle to each node that runs a task and has none. Returns the nodes where that failed, and why: a task that
    has just begun may not have made the folder yet."""
    failed = {}
    numbers = {str(s["job"]): n for n, s in submissions}
    (folder / PLACES).mkdir(exist_ok=True)
    for task in tasks:
        number = numbers.get(task.task.partition("_")[0])
        if task.state != "RUNNING" or not task.node or number is None:
            continue
        mark = folder / PLACES / f"{number}.{task.node}"
        if mark.exists():
            continue
        source = archive(folder, number)
        try:
            slurm.broadcast(task.job, source, f"{place(asked, task.node)}/{digest(source)}.tar")
        except slurm.Trouble as problem:
            failed[task.node] = str(problem)
            continue
        mark.touch()
    return failed


def fed(folder: Path) -> list[str]:
    """The nodes that may have parts."""
    return sorted({p.name.partition(".")[2] for p in (folder / PLACES).glob("[0-9]*")})


def name_here(member: str, node: str) -> PurePosixPath | None:
    """An attempt of one node has another name than that of another. None: it is none of a fleet's files."""
    parts = PurePosixPath(member).parts
    if len(parts) < 2 or parts[0] not in BACK or ".." in parts or member == NOW:
        return None
    if parts[0] == "parts" and len(parts) > 2:
        parts = (*parts[:2], f"{parts[2]}-{node}", *parts[3:])
    if parts[0] == "logs":
        parts = (parts[0], f"{node}.{parts[1]}", *parts[2:])
    return PurePosixPath(*parts)


def unpack(file: Path, folder: Path, node: str, clock: float) -> None:
    """`clock`: by how much the node's is ahead of this one. Files get the time that this one had. Raises
    tarfile.TarError and OSError."""
    with tarfile.open(file) as tar:
        for member in tar:
            name = name_here(member.name, node)
            if name is None or not member.isreg():
                continue
            made = folder / name
            made.parent.mkdir(parents=True, exist_ok=True)
            source = tar.extractfile(member)
            assert source
            half = made.with_name(f".{made.name}.new")
            with source, open(half, "wb") as to:
                shutil.copyfileobj(source, to)
            os.utime(half, (member.mtime - clock, member.mtime - clock))
            os.replace(half, made)


def fetch_from(folder: Path, asked: Any, node: str) -> str:
    """Brings back what the node has. Returns why that cannot be, or ""."""
    if not slurm.is_up(node):
        return f"{node} is down: its parts are left there"
    file = folder / PLACES / f".{node}.tar"
    script = f'cd "$1" && date +%s >{NOW} && tar -c {" ".join(BACK)}'
    try:
        slurm.on_node(node, ["sh", "-c", script, "sh", place(asked, node)], file)
        now = time.time()
        with tarfile.open(file) as tar:
            told = tar.extractfile(NOW)
            assert told
            clock = float(told.read()) - now
        unpack(file, folder, node, clock if abs(clock) > 60 else 0.0)
    except (slurm.Trouble, tarfile.TarError, KeyError, ValueError) as problem:
        return f"{node}: its parts are left there: {problem}"
    finally:
        file.unlink(missing_ok=True)
    return ""


def at_all(nodes: list[str], do: Callable[[str], str]) -> list[str]:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return [said for said in pool.map(do, nodes) if said]


def fetch(folder: Path, asked: Any) -> list[str]:
    """From all nodes. Returns what could not be had."""
    return at_all(fed(folder), lambda node: fetch_from(folder, asked, node))


def remove(folder: Path, asked: Any) -> list[str]:
    """The folders of the nodes. Returns those that are left."""

    def of(node: str) -> str:
        where = place(asked, node)
        try:
            if slurm.is_up(node):
                slurm.on_node(node, ["rm", "-rf", where], folder / PLACES / f".{node}.out")
                for mark in (folder / PLACES).glob(f"[0-9]*.{node}"):
                    mark.unlink()
                return ""
        except slurm.Trouble:
            pass
        finally:
            (folder / PLACES / f".{node}.out").unlink(missing_ok=True)
        return f"{node}: {where} is left there"

    return at_all(fed(folder), of)
