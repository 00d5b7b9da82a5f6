"""A real program under each allocator over a fleet: what its tasks run, and how their runs become one program.json.

A round is one run of each row of `spanbench try`, side by side. The program is not copied: each node must have the same file
under the same path, and a folder of the same name to run it in.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any, Sequence

from fleet import asked as asking
from fleet.asked import Refusal
from program import HOME

# Options of `try` that a fleet sets itself, or that mean nothing to it: all rounds are planned.
OURS = ("--budget", "--precision", "--json", "--quiet", "--smallest-limit")
OF_TASKS = ("--runs", "--seed")
# The driver looks for it above its own folder. With --quiet and --runs it is not run.
CURVES = "memory.csv"  # of the first rounds; that of the part with round 0 has their numbers
JUDGE = "scripts/verdicts/try_verdict.py"


def split(words: Sequence[str]) -> tuple[list[tuple[str, str]], list[str]]:
    """The options, and the program with its arguments, which stand behind --. Raises Refusal."""
    at = list(words).index("--") if "--" in words else len(words)
    options = asking.split(words[:at])
    for name, _ in options:
        if name in OURS:
            raise Refusal(f"{name} is not for a fleet: it runs all rounds that --runs says")
    if not words[at + 1 :] and "--server" not in dict(options):
        raise Refusal("which program? … -- OPTION… -- PROGRAM ARGUMENT…")
    return options, list(words[at + 1 :])


# What sh looks up as it is, a command's first word: nothing that it expands, and no assignment.
PLAIN = re.compile(r"[\w./+-]+")


def file_of(program: Sequence[str], folder: Path, shell: bool) -> Path | None:
    """The program's file, if it can be told: of a command for sh, that of its first word. Raises Refusal."""
    try:
        words = shlex.split(program[0]) if shell and program else list(program)
    except ValueError:
        words = []
    if not words:
        return None
    found = folder / words[0] if "/" in words[0] else Path(shutil.which(words[0]) or "/")
    if found.is_file():
        if not os.access(found, os.X_OK):
            raise Refusal(f"{found} is not a program: nobody may execute it (chmod +x)")
        return found
    if shell and (not PLAIN.fullmatch(words[0]) or is_the_shells(words[0])):
        return None
    raise Refusal(f"there is no program {words[0]}")


def is_the_shells(word: str) -> bool:
    """Such as cd, exec and while."""
    look = ["sh", "-c", 'command -v -- "$1"', "sh", word]
    return "/" not in word and not subprocess.run(look, capture_output=True).returncode


def located(options: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """With paths that are the same on each node; and where the program runs, for the tasks run elsewhere."""
    made = [
        (name, os.path.abspath(value)) if name == "--cwd" else (name, value)
        for name, value in options
    ]
    return made if "--cwd" in dict(made) else [*made, ("--cwd", os.getcwd())]


def refuse_path(out: Path) -> None:
    if re.search(r"[\s:]", str(out.absolute())):
        raise Refusal(
            f"libraries are preloaded from the bundle, and LD_PRELOAD takes no path with blanks or colons: {out.absolute()}"
        )


def prepare(out: Path, driver: Path, words: Sequence[str]) -> Path:
    """Makes the folder of a fleet with its bundle. `words`: options of `try`, and the program behind --. Raises Refusal."""
    options, program = split(words)
    asking.refuse_ours(options)
    asking.refuse_unknown(driver, "try", options)
    plan = asking.plan_of_verdicts("try", options, None)
    options = located(options)
    there, files = asking.bundled(options, ("--preload", "--input"))
    given = dict(options)
    commands = [program] + [[given[n]] for n in ("--server", "--load", "--against") if n in given]
    shell = "--shell" in given
    for number, of in enumerate(commands):
        file = file_of(of, Path(given["--cwd"]), shell or number > 0)
        files += [(file, "")] if file else []
    files.append((HOME / JUDGE, JUDGE))
    cells = asking.cells_of(driver, asking.allocators_of(driver, options))
    kept = [(n, v) for n, v in there if n not in OF_TASKS]
    document = {
        "work": "try",
        "words": ["try", *asking.joined(kept), "--quiet"],
        "first_words": [],
        "program": ["--", *program],
        **plan,
    }
    return asking.new_fleet(out, driver, cells, files, document)


def only(document: Any, first: int, wanted: Sequence[int], node: str) -> Any:
    """A part with these rounds alone, by their numbers in the fleet."""
    runs = [{**r, "round": r["round"] + first, "node": node} for r in document["runs"]]
    return {**document, "runs": [r for r in runs if r["round"] in wanted]}


def join(documents: Sequence[Any]) -> tuple[Any, list[str]]:
    """All runs. A row that has no result on one node, has none; its cause says where."""
    joined: dict[str, Any] = {**documents[0], "complete": True}
    rows: dict[str, Any] = {}
    for of in documents:
        where = " and ".join(sorted({r["node"] for r in of["runs"]})) or "a node"
        for row in of["rows"]:
            own = rows.setdefault(row["name"], dict(row, cause=None))
            if row["cause"] is not None and own["cause"] is None:
                own["cause"] = f"{row['cause']} (on {where})"
    runs = [r for of in documents for r in of["runs"]]
    joined["rows"] = list(rows.values())
    joined["runs"] = sorted(runs, key=lambda r: int(r["round"]))
    joined["rounds"] = len({r["round"] for r in runs})
    return joined, []


def join_of_catalogue(documents: Sequence[Any], first: int, seed: int) -> Any:
    """Likewise, of a program whose first round has this number in the fleet."""
    joined, _ = join(documents)
    joined["runs"] = [{**r, "round": r["round"] - first} for r in joined["runs"]]
    return {**joined, "seed": seed}
