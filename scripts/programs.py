#!/usr/bin/python3
"""Runs the catalogue of real programs, workloads/programs/, under each allocator by `spanbench try`, and
prints a table: the time and the peak memory of each, relative to the C library's malloc.

`make bench-programs` does both. The choice is told by variables, as for `make bench`: PROGRAMS,
ALLOCATORS, PRELOAD, QUICK, RUNS, SEED, TIMEOUT, OUT, ARGS. What a program needs is made once, in
build/programs/. A program that is not installed is skipped, with the reason.
"""

from __future__ import annotations

import argparse
import glob
import hashlib
import json
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Iterable, Optional

sys.path.insert(0, str(Path(__file__).resolve().parent))  # also where Python does not add it

import program

ROOT = Path(__file__).resolve().parent.parent
CATALOGUE = ROOT / "workloads" / "programs"
BUILD = ROOT / os.environ.get("B", "build")
REFERENCE = "system"
# In place of it, where the program is linked with another allocator: the C library, preloaded.
LIBC = "glibc"
SETUP_SECONDS = 600
QUICK_RUNS, RUNS = 3, 7
TIMEOUT = 120  # seconds of one run
# Where Debian keeps what is not for every user's PATH.
MORE_PATHS = ("/usr/lib/postgresql/*/bin", "/usr/local/sbin", "/usr/sbin", "/sbin")
# What becomes another user than root, for programs that refuse to run as root.
AS_USER = "setpriv --reuid=nobody --regid=nogroup --clear-groups"


@dataclass
class Entry:
    """A file of the catalogue."""

    name: str
    file: Path
    keys: dict[str, str] = field(default_factory=dict)

    @property
    def server(self) -> bool:
        return "server" in self.keys


def catalogue(folder: Path = CATALOGUE) -> list[Entry]:
    """All programs, by name."""
    files = sorted(folder.glob("*.sh"))
    entries = {file.stem: Entry(file.stem, file) for file in files}
    if files:
        told = subprocess.run(
            [ROOT / "scripts" / "adapter-keys", *files], capture_output=True, text=True, check=True
        )
        for line in told.stdout.splitlines():
            name, key, value = line.split(" ", 2)
            entries[name.rpartition("/")[2]].keys[key] = value
    return list(entries.values())


def incomplete(entry: Entry) -> str:
    """What a file lacks; "": nothing."""
    wanted = ["server", "ready", "load"] if entry.server else ["run"]
    missing = [key for key in ["question", "package", "needs", *wanted] if key not in entry.keys]
    return f"{entry.file} has no key {', '.join(missing)}" if missing else ""


def choose(entries: list[Entry], names: str) -> list[Entry]:
    """Those of the names, in their order; all if there are none."""
    by_name = {entry.name: entry for entry in entries}
    words = names.replace(",", " ").split()
    for word in words:
        if word not in by_name:
            print(
                f"programs.py: there is no program '{word}'; there are {', '.join(by_name)}",
                file=sys.stderr,
            )
            sys.exit(program.WRONG_USE)
    return [by_name[word] for word in words] or entries


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


def absent(entry: Entry, variables: dict[str, str]) -> str:
    """Why the program cannot run here; "": it can."""
    for command in entry.keys["needs"].split():
        if not shutil.which(command, path=variables["PATH"]):
            return f"{command} is not installed; install {entry.keys['package']}"
    return ""


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


# --- set-up -----------------------------------------------------------------------------------------


def set_up(entry: Entry, quick: bool, variables: dict[str, str]) -> Path:
    """The folder in which the program runs, with its data. They are made once for each text of the file.
    Raises RuntimeError if that fails."""
    mark = hashlib.sha256(entry.file.read_bytes()).hexdigest()
    folder = BUILD / "programs" / f"{entry.name}-{'quick' if quick else 'whole'}"
    stamp = folder.with_suffix(".made")
    if folder.is_dir() and stamp.exists() and stamp.read_text() == mark:
        return folder
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    print(f"programs.py: {entry.name}: making its data", file=sys.stderr)
    made = subprocess.Popen(
        ["sh", "-eu", entry.file],
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


# --- runs -------------------------------------------------------------------------------------------


def c_library() -> str:
    """The file, as this process has it."""
    for line in Path("/proc/self/maps").read_text().splitlines():
        if line.endswith("/libc.so.6"):
            return line[line.index("/") :]
    return "libc.so.6"


def words_of(
    entry: Entry, folder: Path, out: Path, settings: dict[str, str], quick: bool
) -> list[str]:
    """The command line that measures a program."""
    keys = entry.keys
    words = [str(BUILD / "spanbench"), "try", "--cwd", str(folder), "--quiet"]
    words += ["--json", str(out / f"{entry.name}.json"), "--out", str(out / entry.name)]
    words += ["--runs", settings.get("RUNS") or str(QUICK_RUNS if quick else RUNS)]
    words += ["--timeout", settings.get("TIMEOUT") or str(TIMEOUT)]
    for variable, option in (("ALLOCATORS", "--allocators"), ("SEED", "--seed")):
        if settings.get(variable):
            words += [option, settings[variable]]
    for library in settings.get("PRELOAD", "").split():
        words += ["--preload", library]
    if keys.get("linked-with-another") == "yes":
        words += ["--preload", f"{LIBC}={c_library()}"]
    words += settings.get("ARGS", "").split()
    for setting in keys.get("env", "").split():
        words += ["--env", setting]
    if "metric" in keys:
        words += ["--metric", keys["metric"]]
    if keys.get("higher-is-better") == "yes":
        words.append("--higher-is-better")
    if entry.server:
        ready = keys["ready"].replace("$PORT", settings["PORT"])
        return words + ["--server", keys["server"], "--ready", ready, "--load", keys["load"]]
    return words + ["--shell", "--", keys["run"]]


def measure(words: list[str], variables: dict[str, str]) -> int:
    """Runs it to its end, also if this is interrupted. Its exit code."""
    child = subprocess.Popen(words, env=variables, stdout=subprocess.DEVNULL)
    try:
        return child.wait()
    except BaseException:
        child.terminate()
        child.wait()
        raise


# --- the table --------------------------------------------------------------------------------------


@dataclass
class Measured:
    """A program, with what each allocator made of it."""

    name: str
    # "time" and "memory"; in each, for each row, a value for each run
    costs: dict[str, dict[str, list[float]]]
    causes: dict[str, str]  # of rows without a result
    unit: str  # of the time
    linked: str = ""  # what serves it without a preload, if that is not the C library

    @property
    def reference(self) -> str:
        return LIBC if LIBC in self.costs["time"] else REFERENCE


def read(path: Path) -> Measured:
    document = json.loads(path.read_text(encoding="utf-8"))
    its = document["program"]
    metric = its["metric"] is not None
    costs: dict[str, dict[str, list[float]]] = {"time": {}, "memory": {}}
    for run in document["runs"]:
        if run["problem"] is not None:
            continue
        value = run["metric"] if metric else run["wall_seconds"]
        if metric and its["higher_is_better"] and value:
            value = 1 / value
        if value is not None:
            costs["time"].setdefault(run["row"], []).append(value)
        costs["memory"].setdefault(run["row"], []).append(run["peak_bytes"])
    causes = {row["name"]: row["cause"] for row in document["rows"] if row["cause"]}
    for name in causes:
        for kind in costs.values():
            kind.pop(name, None)
    unit = "the program's own number" if metric else "s"
    return Measured(path.stem, costs, causes, unit, linked_with(document["rows"]))


def linked_with(rows: list[Any]) -> str:
    for row in rows:
        if row["name"] != REFERENCE:
            continue
        # What the program's own process was at its end: a shell may have become it.
        for process in [p for p in row.get("processes", []) if not p.get("replaced")][:1]:
            file = Path(process["malloc"] or "libc.so.6").name
            return "" if file.startswith("libc.") else file
    return ""


def overlap(one: list[float], other: list[float]) -> bool:
    return min(one) <= max(other) and min(other) <= max(one)


def cell(values: Optional[list[float]], base: Optional[list[float]]) -> str:
    """ "1.02x"; "~1.02x" if some run of one lies among the other's."""
    if not values or not base:
        return "-"
    ratio = statistics.median(values) / statistics.median(base)
    return f"{'~' if values is not base and overlap(values, base) else ''}{ratio:.2f}x"


def absolute(measured: Measured, kind: str) -> str:
    base = measured.costs[kind].get(measured.reference)
    if not base:
        return "-"
    middle = statistics.median(base)
    if kind == "memory":
        return (
            f"{middle / 2**20:.0f} MiB" if middle >= 2**20 * 10 else f"{middle / 2**20:.1f} MiB"
        )
    return f"{middle:.2f} s" if measured.unit == "s" else f"{1 / middle:.4g}/s"


def table(all_of_them: list[Measured]) -> str:
    """Two tables, a line for each program."""
    names = sorted({n for m in all_of_them for kind in m.costs.values() for n in kind})
    names = [n for n in names if n not in (REFERENCE, LIBC)]
    lines = []
    for kind, head in (("time", "time"), ("memory", "peak memory")):
        rows = [[head, REFERENCE, *names]]
        for one in all_of_them:
            base = one.costs[kind].get(one.reference)
            cells = [cell(one.costs[kind].get(n), base) for n in names]
            rows.append([one.name, absolute(one, kind), *cells])
        widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
        for row in rows:
            first = row[0].ljust(widths[0])
            rest = [word.rjust(width) for word, width in zip(row[1:], widths[1:])]
            lines.append("  ".join([first, *rest]).rstrip())
        lines.append("")
    lines += [as_linked(m) for m in all_of_them if m.linked]
    lines += causes(all_of_them)
    lines.append(f"Relative to {REFERENCE}, the C library's malloc: below 1x is better.")
    lines.append("~: some runs of one lie among the other's, so this is not told apart.")
    return "\n".join(lines)


def causes(all_of_them: list[Measured]) -> list[str]:
    """Why rows have no result; those of one cause, but for the file that it names, in one line."""
    found: dict[tuple[str, str], list[str]] = {}
    for one in all_of_them:
        for name, cause in one.causes.items():
            found.setdefault((name, cause.partition(" (/")[0]), []).append(one.name)
    return [f"{name}: {cause}: {', '.join(where)}" for (name, cause), where in found.items()]


def as_linked(measured: Measured) -> str:
    """A line on a program whose own allocator is not the C library's."""
    if measured.reference == REFERENCE:
        return f"{measured.name}: {REFERENCE} is {measured.linked} here, with which it is linked"
    cells = [
        cell(kind.get(REFERENCE), kind.get(measured.reference)) for kind in measured.costs.values()
    ]
    return (
        f"{measured.name}: as it is linked, with {measured.linked}: "
        f"{cells[0]} time, {cells[1]} peak memory"
    )


def stored(folder: Path) -> list[Measured]:
    return [read(path) for path in sorted(folder.glob("*.json"))]


# --- the whole --------------------------------------------------------------------------------------


def is_quick() -> bool:
    text = os.environ.get("QUICK", "")
    if text not in ("", "0", "no", "1", "yes"):
        print(f"programs.py: QUICK is 1 or yes, 0 or no, not '{text}'", file=sys.stderr)
        sys.exit(program.WRONG_USE)
    return text in ("1", "yes")


def result_folder() -> Path:
    out = Path(os.environ.get("OUT") or ROOT / "results")
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    folder = out / f"{stamp}-{socket.gethostname()}-programs"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def run_all(entries: Iterable[Entry], quick: bool) -> int:
    out = result_folder()
    worst, skipped = 0, []
    try:
        for entry in entries:
            variables = environment(quick, free_port())
            why = incomplete(entry) or absent(entry, variables)
            try:
                folder = out if why else set_up(entry, quick, variables)
            except (RuntimeError, OSError) as problem:
                why = str(problem)
            if why:
                skipped.append(f"{entry.name} is skipped: {why}")
                print(f"programs.py: {skipped[-1]}", file=sys.stderr)
                continue
            print(f"programs.py: {entry.name}: {entry.keys['question']}", file=sys.stderr)
            code = measure(words_of(entry, folder, out, variables, quick), variables)
            if code > program.WRONG_USE:
                return code  # a signal interrupted it
            if not (out / f"{entry.name}.json").exists():
                died = f"died of signal {-code}" if code < 0 else "could not measure it"
                skipped.append(f"{entry.name} has no result: spanbench try {died}")
                print(f"programs.py: {skipped[-1]}", file=sys.stderr)
            worst = max(worst, code if code >= 0 else program.WRONG_USE)
    finally:
        done = stored(out)
        if done:
            print(table(done))
            print("".join(f"{line}\n" for line in skipped), end="")
            print(f"data: {out}")
        else:
            shutil.rmtree(out, ignore_errors=True)
    if not done:
        print("programs.py: no program was measured", file=sys.stderr)
    return worst if done else program.WRONG_USE


def show(entries: list[Entry]) -> None:
    variables = environment(False, 0)
    for entry in entries:
        why = incomplete(entry) or absent(entry, variables)
        print(
            f"{entry.name:12} {entry.keys.get('question', '')}{f'  (skipped: {why})' if why else ''}"
        )


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--list", action="store_true", help="list the programs; run nothing")
    parser.add_argument(
        "--table", type=Path, metavar="FOLDER", help="print the table of a run again"
    )
    options = parser.parse_args()
    if options.table:
        print(table(stored(options.table)))
        return 0
    entries = choose(catalogue(), os.environ.get("PROGRAMS", ""))
    if options.list:
        show(entries)
        return 0
    return run_all(entries, is_quick())


if __name__ == "__main__":
    program.run(main)
