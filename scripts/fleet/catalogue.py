"""The catalogue of real programs over a fleet, as `make bench-programs`: what its tasks run, and how their runs become one file
for each program.

The rounds are those of the first program, then those of the second, and so on: with RUNS rounds of each, round n is of
program n / RUNS. No task has rounds of two programs. So a node that lacks one program can still run the others.
A program is not copied: each node must have the same commands, by their digests. What these start or read is not compared,
such as gcc's cc1 or Python's modules. Its data are made by its script, on the node, in a folder of the node's own.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any, Callable

import programs
from fleet import asked as asking
from fleet import tries
from fleet.asked import Refusal
from fleet.bundle import libraries_of
from fleet.task import digest
from program import HOME
from program_data import environment

# Options of `try` that the catalogue's files give, or that a fleet of many programs cannot have.
THEIRS = (
    *("--cwd", "--server", "--ready", "--load", "--shell", "--input", "--metric", "--against"),
    "--higher-is-better",
)
OF_ALL = ("--programs", "--quick")
SCRIPTS = ("program_data.py", "program.py", "bench_results.py")


def files_of(commands: dict[str, str]) -> dict[str, Any]:
    """The digests of these commands and of the libraries that they load: the nodes must have the same."""
    found = {}
    for name, path in commands.items():
        for file, what in (
            (Path(path), "program"),
            *((f, "library") for f in libraries_of(Path(path))),
        ):
            found[str(file)] = {"sha256": digest(file), "what": f"{what} of {name}"}
    return found


def of_entry(
    entry: programs.Entry, variables: dict[str, str]
) -> tuple[dict[str, Any], list[tuple[Path, str]]]:
    """What fleet.json says of a program, and the files that its options name. Raises OSError."""
    own = programs.own_words(entry, "$PORT")  # the node chooses one
    at = own.index("--") if "--" in own else len(own)
    options, files = asking.bundled(asking.split(own[:at]), ("--preload",))
    commands = {
        name: str(shutil.which(name, path=variables["PATH"]))
        for name in entry.keys["needs"].split()
    }
    document = {
        "name": entry.name,
        "words": asking.joined(options),
        "program": own[at:],
        "commands": commands,
        "files": files_of(commands),
    }
    return document, [*files, (entry.file, f"programs/{entry.file.name}")]


def prepare(out: Path, driver: Path, words: list[str], say: Callable[[str], None]) -> Path:
    """Makes the folder of a fleet with its bundle. `words`: options of `try`, --programs and --quick. `say` gets what is
    skipped, and why. Raises Refusal."""
    options = asking.split(words)
    asking.refuse_ours(options)
    for name, _ in options:
        if name in (*tries.OURS, *THEIRS):
            raise Refusal(
                f"{name} is not for a fleet of programs: the files of workloads/programs/ say it"
            )
    asking.refuse_unknown(driver, "try", [(n, v) for n, v in options if n not in OF_ALL])
    given = dict(options)
    quick = "--quick" in given
    runs = given.get("--runs") or str(programs.QUICK_RUNS if quick else programs.RUNS)
    plan = asking.plan_of_verdicts("try", [*options, ("--runs", runs)], None)
    if "--timeout" not in given:
        options.append(("--timeout", str(programs.TIMEOUT)))
    there, files = asking.bundled(options, ("--preload",))
    variables = environment(quick, 0)
    chosen: list[dict[str, Any]] = []
    for entry in programs.choose(programs.catalogue(), given.get("--programs", "")):
        why = programs.incomplete(entry) or programs.absent(entry, variables)
        if why:
            say(f"{entry.name} is skipped: {why}")
            continue
        document, more = of_entry(entry, variables)
        chosen.append(document)
        files += more
    if not chosen:
        raise Refusal(
            "no program of the catalogue is here, whose digests the nodes could be held to"
        )
    files += [(HOME / "scripts" / name, name) for name in SCRIPTS]
    files.append((HOME / tries.JUDGE, tries.JUDGE))
    cells = asking.cells_of(driver, asking.allocators_of(driver, options))
    kept = [(n, v) for n, v in there if n not in (*tries.OF_TASKS, *OF_ALL)]
    document = {
        "work": "programs",
        "words": ["try", *asking.joined(kept), "--quiet"],
        "first_words": [],
        **plan,
        "section": plan["repetitions"],  # rounds of one program
        "repetitions": plan["repetitions"] * len(chosen),
        "quick": quick,
        "programs": chosen,
    }
    return asking.new_fleet(out, driver, cells, files, document)
