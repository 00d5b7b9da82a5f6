"""What a fleet was asked for: fleet.json in its folder, written once, before anything is submitted."""

from __future__ import annotations

import re
import secrets
import subprocess
from pathlib import Path
from typing import Any, Sequence

import bench_results
import run_folder
from fleet import bundle
from fleet.collect import Asked
from fleet.parts import read
from fleet.rounds import SPOILED
from fleet.task import save

FILE = "fleet.json"
# Options of the driver that a fleet sets itself, or that mean nothing to it.
OURS = ("--out", "--rounds", "--cells", "--directory-to", "--rivals", "--benchmark_out")
OPTIONS_WITH_FILE = ("--preload", "--sizes")
FIRST_ONLY = ("--long-rest",)  # beside the samples, once


class Refusal(Exception):
    """It cannot be done so; why, and what to do."""


def split(words: Sequence[str]) -> list[tuple[str, str]]:
    """Options and their values: --name=value, or --name and, of those that have one, the next word."""
    found: list[tuple[str, str]] = []
    flags = ("--quick", "--brief", "--one-seed", "--no-timeline", "--verbose")
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if not word.startswith("--"):
            raise Refusal(f"'{word}' is not an option of spanbench run")
        name, equals, value = word.partition("=")
        if not equals and name not in flags:
            if not rest:
                raise Refusal(f"{name} wants a value")
            value = rest.pop(0)
        found.append((name, value))
    return found


def joined(options: Sequence[tuple[str, str]]) -> list[str]:
    return [f"{name}={value}" if value else name for name, value in options]


def ask(driver: Path, words: Sequence[str]) -> list[str]:
    """The names of all samples of a run, in the driver's words. Raises Refusal with what it says."""
    done = subprocess.run(
        [str(driver), "run", *words, "--benchmark_list_tests"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
    )
    if done.returncode:
        raise Refusal(done.stderr.strip().removeprefix("spanbench: ") or "the driver lists nothing")
    return [re.sub(r"/iterations:1/manual_time$", "", name) for name in done.stdout.split()]


def exactly(rows: Sequence[str]) -> str:
    """A filter for these rows: a machine with more CPUs would have others, too."""
    literal = ("".join("\\" + c if c in "\\.[]()*+?{}^$|" else c for c in row) for row in rows)
    return f"--benchmark_filter=^({'|'.join(literal)})$"


def into_bundle(option: str, value: str, number: int) -> tuple[str, tuple[Path, str] | None]:
    """What an option's value is on the nodes, and the file behind it and its name in the bundle."""
    name, equals, path = value.rpartition("=") if option == "--preload" else ("", "", value)
    if option == "--preload" and Path(value).exists():
        name, equals, path = "", "", value
    source = Path(path)
    if not source.is_file():
        if option == "--sizes":
            return value, None  # a distribution
        raise Refusal(f"{option}: there is no file {path}")
    if option == "--preload" and bundle.is_distributions(source.resolve()):
        return f"{name}{equals}{source.absolute()}", (source, "")
    to = f"given/{number}/{source.name}"
    return f"{name}{equals}{to}", (source, to)


def prepare(out: Path, driver: Path, words: Sequence[str]) -> Path:
    """Makes the folder of a fleet with its bundle. `words`: options of `spanbench run`. Raises Refusal."""
    options = split(words)
    for name, _ in options:
        if name in OURS:
            raise Refusal(
                f"{name} is not for a fleet: "
                + "it has one of its own" * (name != "--rivals")
                + "give each library by --preload" * (name == "--rivals")
            )
    samples = ask(driver, joined(options))
    rows = sorted(set(samples))
    order = dict(options).get("--order", "shuffled")
    each = 2 if order == "mirrored" else 1
    if not rows or len(samples) % (len(rows) * each):
        raise Refusal("the driver's list of samples is not one of whole rounds")
    repetitions = len(samples) // (len(rows) * each)
    files: list[tuple[Path, str]] = []
    there: list[tuple[str, str]] = []
    for number, (name, value) in enumerate(options):
        if name in OPTIONS_WITH_FILE:
            value, file = into_bundle(name, value, number)
            files += [file] if file else []
        there.append((name, value))
    cells = cells_of(driver, rows)
    folder = run_folder.make(out, "fleet")
    for name in ("parts", "nodes", "jobs", "logs"):
        (folder / name).mkdir()
    bundle.make(folder, driver, cells, files)
    always = [
        (n, v) for n, v in there if n not in (*FIRST_ONLY, "--repetitions", "--benchmark_filter")
    ]
    save(
        folder / FILE,
        {
            "work": "run",
            "name": f"spanbench-{secrets.token_hex(6)}",
            "words": ["run", *joined(always), f"--repetitions={repetitions}", exactly(rows)],
            "first_words": joined([(n, v) for n, v in there if n in FIRST_ONLY]),
            "rows": rows,
            "each": each,
            "repetitions": repetitions,
        },
    )
    return folder


def cells_of(driver: Path, rows: Sequence[str]) -> list[Path]:
    """The cells of the rows. A preloaded library runs in that of the C library."""
    names = {row.split("/")[1] for row in rows}
    folder = driver.parent / "cell"
    cells = [folder / name for name in sorted(names) if (folder / name).is_file()]
    return cells if folder / "system" in cells else [*cells, folder / "system"]


def load(folder: Path) -> Any:
    """fleet.json. Raises Refusal."""
    try:
        asked = read(folder / FILE)
        Asked(asked["rows"], asked["each"], asked["repetitions"])
        return asked
    except FileNotFoundError:
        raise Refusal(f"{folder} is not the folder of a fleet: it has no {FILE}") from None
    except SPOILED as problem:
        said = bench_results.printable(str(problem))
        raise Refusal(f"{folder / FILE} cannot be used: {said}") from problem
