#!/usr/bin/python3
"""Runs the catalogue of real programs, workloads/programs/, under each allocator by `spanbench try`.
Prints tables: the time and the peak memory of each, and the memory of servers after their load. All are
relative to the C library's malloc.

`make bench-programs` does both. The choice is told by variables, as for `make bench`: PROGRAMS,
ALLOCATORS, PRELOAD, RIVALS, QUICK, RUNS, SEED, TIMEOUT, OUT, ARGS. What a program needs is made once, in
build/programs/. A program that is not installed is skipped, with the reason.

Below the table stands where the synthetic workloads agree with these programs, and each pair of allocators
that they have in reversed order; agreement.json has all pairs. `--table` prints again, and writes
nothing unless `--keep` asks for it. CORE names the run of `make bench` that is
compared; else it is results/latest, if that is a whole run of the core, else results/example.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Iterable, Mapping, Optional

sys.path.insert(0, str(Path(__file__).resolve().parent))  # also where Python does not add it

import bench_results
import program
import program_data
import run_folder
from program_data import environment, free_port
from programs_table import LIBC, judge, stored

ROOT = Path(__file__).resolve().parent.parent
CATALOGUE = ROOT / "workloads" / "programs"
BUILD = ROOT / os.environ.get("B", "build")
QUICK_RUNS, RUNS = 3, 7
TIMEOUT = 120  # seconds of one run


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


def absent(entry: Entry, variables: dict[str, str]) -> str:
    """Why the program cannot run here; "": it can."""
    for command in entry.keys["needs"].split():
        if not shutil.which(command, path=variables["PATH"]):
            return f"{command} is not installed; install {entry.keys['package']}"
    return ""


def is_yes(name: str, settings: Mapping[str, str]) -> bool:
    text = settings.get(name, "")
    if text not in ("", "0", "no", "1", "yes"):
        print(f"programs.py: {name} is 1 or yes, 0 or no, not '{text}'", file=sys.stderr)
        sys.exit(program.WRONG_USE)
    return text in ("1", "yes")


# --- set-up -----------------------------------------------------------------------------------------


def set_up(entry: Entry, quick: bool, variables: dict[str, str]) -> Path:
    """The folder in which the program runs, with its data. Raises RuntimeError if that fails."""
    folder = BUILD / "programs" / program_data.name_of(entry.name, quick)
    return program_data.make(entry.file, folder, variables)


# --- runs -------------------------------------------------------------------------------------------


def c_library() -> str:
    """The file, as this process has it."""
    for line in Path("/proc/self/maps").read_text().splitlines():
        if "/" in line and program.is_one_of(line, program.GLIBC):
            return line[line.index("/") :]
    return "libc.so.6"


def words_of(
    entry: Entry, folder: Path, out: Path, settings: dict[str, str], quick: bool
) -> list[str]:
    """The command line that measures a program."""
    words = [str(BUILD / "spanbench"), "try", "--cwd", str(folder), "--quiet"]
    words += ["--json", str(out / f"{entry.name}.json"), "--out", str(out / entry.name)]
    words += ["--runs", settings.get("RUNS") or str(QUICK_RUNS if quick else RUNS)]
    words += ["--timeout", settings.get("TIMEOUT") or str(TIMEOUT)]
    for variable, option in (("ALLOCATORS", "--allocators"), ("SEED", "--seed")):
        if settings.get(variable):
            words += [option, settings[variable]]
    if is_yes("RIVALS", settings):
        words.append("--rivals")
    for library in settings.get("PRELOAD", "").split():
        words += ["--preload", library]
    words += settings.get("ARGS", "").split()
    return words + own_words(entry, settings["PORT"])


def own_words(entry: Entry, port: str) -> list[str]:
    """What its file asks of the driver; a command that runs is last."""
    keys, words = entry.keys, []
    if keys.get("linked-with-another") == "yes":
        words += ["--preload", f"{LIBC}={c_library()}"]
    for setting in keys.get("env", "").split():
        words += ["--env", setting]
    if "metric" in keys:
        words += ["--metric", keys["metric"]]
    if keys.get("higher-is-better") == "yes":
        words.append("--higher-is-better")
    if entry.server:
        ready = keys["ready"].replace("$PORT", port)
        return words + ["--server", keys["server"], "--ready", ready, "--load", keys["load"]]
    return words + ["--shell", "--", keys["run"]]


def measure(words: list[str], variables: dict[str, str]) -> int:
    """Runs it to its end, also if this is interrupted. Its exit code."""
    words = [*program.ends_with_this(), *words]
    child = subprocess.Popen(words, env=variables, stdout=subprocess.DEVNULL)
    try:
        return child.wait()
    except BaseException:
        child.terminate()
        child.wait()
        raise


# --- the whole --------------------------------------------------------------------------------------


def core_named() -> Optional[Path]:
    text = os.environ.get("CORE", "")
    return Path(text) if text else None


def result_folder() -> Path:
    return run_folder.make(Path(os.environ.get("OUT") or ROOT / "results"), "programs")


def write_page(folder: Path) -> None:
    """As make report does; what it lacks is said, and keeps nothing else from being done."""
    from report import write  # which few uses of this script need

    try:
        made = write.write(folder, None)
        print(f"page: {made}" if made else "no page without jinja2: install python3-jinja2")
    except (bench_results.Unusable, OSError) as problem:
        print(f"programs.py: no page: {bench_results.printable(str(problem))}", file=sys.stderr)


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
            print("\n".join(judge(out, core_named(), keep=True)))
            print("".join(f"{line}\n" for line in skipped), end="")
            write_page(out)
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
    parser.add_argument(
        "--keep", action="store_true", help="with --table: write agreement.json into FOLDER anew"
    )
    options = parser.parse_args()
    if options.table:
        if not stored(options.table):
            raise bench_results.Unusable(
                f"{options.table}: {'no result of a program is in it' if options.table.is_dir() else 'not a folder'}; "
                "--table takes the folder of a run of make bench-programs, results/…-programs"
            )
        print("\n".join(judge(options.table, core_named(), options.keep)))
        return 0
    entries = choose(catalogue(), os.environ.get("PROGRAMS", ""))
    is_yes("RIVALS", os.environ)
    if core_named():
        bench_results.load(core_named() or Path())  # Better now than after an hour.
    if options.list:
        show(entries)
        return 0
    return run_all(entries, is_yes("QUICK", os.environ))


if __name__ == "__main__":
    program.run(main)
