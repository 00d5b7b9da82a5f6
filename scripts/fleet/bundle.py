"""The bundle: what goes to the nodes. It holds the driver, cells, and libraries that were built here or given. A
manifest has the digest of each file, and of the system's files that the nodes must have as they are here."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any, Iterable, Sequence

from fleet.task import digest, save

# Of the folder of the driver: what its commands read beside it.
BESIDE = ("known-failures.json", "tunings.json", "stacks", "plugin.so")
DISTRIBUTION = ("/usr/", "/lib/", "/lib64/")
TASK = ("fleet/__init__.py", "fleet/task.py", "fleet/rounds.py", "stored_file.py")  # of scripts/

# The end of a task's script, which has the folder in `place`. A node that cannot run task.py says so in its place: else it would fail
# one task after another, and all rounds with them.
RUN = """\
python=/usr/bin/python3
node=${SLURMD_NODENAME:-$(uname -n)}
why=
if [ ! -x "$python" ]; then
  why="it has no $python"
elif ! "$python" -E -s -c 'import sys; sys.exit(sys.version_info < (3, 9))'; then
  why="its $python is older than 3.9, or does not start"
fi
if [ "$why" ]; then
  echo "task: $node does no work: $why" >&2
  half=$place/nodes/.$node.json.$$.new
  echo "{\\"node\\": \\"$node\\", \\"refused\\": [\\"$why\\"]}" >"$half" && mv "$half" "$place/nodes/$node.json"
  exit 2
fi
exec "$python" -E -s -B "$place/bundle/fleet/task.py" "$place" "$2"
"""
# Nothing is written into it: the folder comes as an argument.
SCRIPT = f"""\
#!/bin/sh
# A task of a fleet; its arguments are the folder and the number of the submission.
place=$1
exec >>"$place/logs/$2.$SLURM_ARRAY_TASK_ID.log" 2>&1
echo "task: on ${{SLURMD_NODENAME:-$(uname -n)}}, attempt ${{SLURM_RESTART_COUNT:-0}}"
{RUN}"""


class Lacking(Exception):
    """Something of the bundle is not here."""


def needed(program: Path) -> list[Path]:
    """The files that the dynamic linker loads for it. Raises Lacking."""
    done = subprocess.run(["ldd", str(program)], capture_output=True, text=True)
    if "not found" in done.stdout:
        line = next(x for x in done.stdout.splitlines() if "not found" in x)
        raise Lacking(f"{program}: {line.strip()}")
    return [Path(p) for p in re.findall(r"(?:=> )?(/.*) \(0x[0-9a-f]+\)", done.stdout)]


def libraries_of(file: Path) -> list[Path]:
    """Likewise of any file: a script has none. Raises OSError and Lacking."""
    with open(file, "rb") as opened:
        return needed(file) if opened.read(4) == b"\x7fELF" else []


def is_distributions(path: Path) -> bool:
    return str(path).startswith(DISTRIBUTION)


def copy(source: Path, to: Path) -> None:
    to.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(source, to)


def make(
    folder: Path, driver: Path, cells: Sequence[Path], others: Iterable[tuple[Path, str]]
) -> None:
    """Fills FOLDER/bundle. `others`: files, such as libraries to preload, and their names there; "": it stays where it
    is, and the nodes must have the same. So with all libraries that were not built beside the driver.
    """
    bundle = folder / "bundle"
    scripts = Path(__file__).resolve().parent.parent
    copy(driver, bundle / "spanbench")
    for name in BESIDE:
        if (driver.parent / name).exists():
            copy(driver.parent / name, bundle / name)
    for name in TASK:
        copy(scripts / name, bundle / name)
    programs = [driver, *cells]
    system: set[Path] = set()
    for cell in cells:
        copy(cell, bundle / "cell" / cell.name)
    for source, name in others:
        if name:
            copy(source, bundle / name)
        else:
            system.add(source.absolute())
        programs.append(source)
    for program in programs:
        for library in libraries_of(program):
            built = library.resolve()
            if driver.resolve().parent not in built.parents:
                system.add(library)
            elif not (bundle / library.name).exists():
                copy(built, bundle / library.name)  # a cell finds it there by its rpath, $ORIGIN/..
    (bundle / "task.sh").write_text(SCRIPT, encoding="utf-8")
    save(bundle / "manifest.json", manifest(bundle, system))


def manifest(bundle: Path, system: Iterable[Path]) -> dict[str, Any]:
    files = {}
    for path in sorted(p for p in bundle.rglob("*") if p.is_file()):
        name = str(path.relative_to(bundle))
        files[name] = {"sha256": digest(path), "what": "file of the bundle"}
    for path in sorted(system):
        what = "C library" if path.name.startswith(("libc.so", "ld-linux")) else "library"
        files[str(path)] = {"sha256": digest(path), "what": what}
    return {"architecture": os.uname().machine, "files": files}
