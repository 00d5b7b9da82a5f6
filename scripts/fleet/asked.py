"""What a fleet was asked for: fleet.json in its folder, written once, before anything is submitted."""

from __future__ import annotations

import re
import secrets
import shutil
import subprocess
from pathlib import Path
from typing import Any, Collection, Sequence

import bench_results
import run_folder
from fleet import bundle
from fleet.parts import read
from fleet.rounds import FILES, SAMPLES, SPOILED
from fleet.task import save

FILE = "fleet.json"
# Options of the driver that a fleet sets itself, or that mean nothing to it.
OURS = ("--out", "--rounds", "--cells", "--directory-to", "--rivals", "--benchmark_out")
FIRST_ONLY = ("--long-rest",)  # beside the samples, once
# Options without a value.
FLAGS = (
    *("--quick", "--brief", "--one-seed", "--no-timeline", "--verbose", "--tap", "--whole"),
    *("--tunings", "--higher-is-better", "--same-output", "--any-output", "--shell"),
    *("--smallest-limit", "--rivals"),
)
# The driver has looked at all options before it does this.
ANSWERED_AT_ONCE = {"check": "--list-checks", "harden": "--list-misuses", "try": "--help"}


class Refusal(Exception):
    """It cannot be done so; why, and what to do."""


def split(words: Sequence[str]) -> list[tuple[str, str]]:
    """Options and their values: --name=value, or --name and, of those that have one, the next word."""
    found: list[tuple[str, str]] = []
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if not word.startswith("--"):
            raise Refusal(f"'{word}' is not an option")
        name, equals, value = word.partition("=")
        if not equals and name not in FLAGS:
            if not rest:
                raise Refusal(f"{name} wants a value")
            value = rest.pop(0)
        found.append((name, value))
    return found


def joined(options: Sequence[tuple[str, str]]) -> list[str]:
    return [f"{name}={value}" if value else name for name, value in options]


def told_by(driver: Path, *words: str) -> str:
    """What the driver prints. Raises Refusal with what it says, if it would refuse these options on the nodes, too."""
    done = subprocess.run(
        [str(driver), *words],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
    )
    if done.returncode:
        lines = [x.removeprefix("spanbench: ") for x in done.stderr.splitlines()]
        why = [x for x in lines if not x.startswith("null is skipped: ")]  # it always is
        raise Refusal("; ".join(why) or "the driver lists nothing")
    return done.stdout


def ask(driver: Path, words: Sequence[str]) -> list[str]:
    """The names of all samples of a run. Raises Refusal."""
    names = told_by(driver, "run", *words, "--benchmark_list_tests").split()
    return [re.sub(r"/iterations:1/manual_time$", "", name) for name in names]


def refuse_unknown(driver: Path, work: str, options: Sequence[tuple[str, str]]) -> None:
    """What the driver would refuse on each node, it refuses here. Of programs, allocators and libraries are looked up by `run`:
    `try` itself would begin with them."""
    told_by(driver, work, *joined(options), ANSWERED_AT_ONCE[work])
    if work == "try":
        ask(driver, joined([(n, v) for n, v in options if n in ("--allocators", "--preload")]))


def exactly(rows: Sequence[str]) -> str:
    """A filter for these rows: a machine with more CPUs would have others, too."""
    literal = ("".join("\\" + c if c in "\\.[]()*+?{}^$|" else c for c in row) for row in rows)
    return f"--benchmark_filter=^({'|'.join(literal)})$"


def into_bundle(option: str, value: str, number: int) -> tuple[str, tuple[Path, str] | None]:
    """What an option's value is on the nodes, and the file behind it and its name in the bundle."""
    name, equals, path = value.partition("=")
    if option != "--preload" or not equals or "/" in name or Path(value).exists():
        name, equals, path = "", "", value  # a path may have that sign, too
    source = Path(path)
    if not source.is_file():
        if option == "--sizes":
            return value, None  # a distribution
        raise Refusal(f"{option}: there is no file {path}")
    if option == "--preload" and bundle.is_distributions(source.resolve()):
        return f"{name}{equals}{source.absolute()}", (source, "")
    to = f"given/{number}/{source.name}"
    return f"{name}{equals}{to}", (source, to)


def bundled(
    options: Sequence[tuple[str, str]], with_files: Collection[str]
) -> tuple[list[tuple[str, str]], list[tuple[Path, str]]]:
    """The options as they are on the nodes, and the files that some of them name, for the bundle."""
    there: list[tuple[str, str]] = []
    files: list[tuple[Path, str]] = []
    for number, (name, value) in enumerate(options):
        if name in with_files:
            value, file = into_bundle(name, value, number)
            files += [file] if file else []
        there.append((name, value))
    return there, files


def allocators_of(driver: Path, options: Sequence[tuple[str, str]]) -> set[str]:
    """Those that are named, or all that are here."""
    chosen = re.split("[, ]+", dict(options).get("--allocators", "").strip())
    return set(filter(None, chosen)) or {p.name for p in (driver.parent / "cell").iterdir()}


def refuse_ours(options: Sequence[tuple[str, str]]) -> None:
    for name, _ in options:
        if name == "--rivals":
            raise Refusal("--rivals is not for a fleet; give each library by --preload")
        if name in OURS:
            raise Refusal(f"{name} is not for a fleet: it has one of its own")


def plan_of_run(driver: Path, options: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """What fleet.json says of `spanbench run`: the rows, and how many rounds. Raises Refusal."""
    samples = ask(driver, joined(options))
    rows = sorted(set(samples))
    each = 2 if dict(options).get("--order") == "mirrored" else 1
    if not rows or len(samples) % (len(rows) * each):
        raise Refusal("the driver's list of samples is not one of whole rounds")
    return {"rows": rows, "each": each, "repetitions": len(samples) // (len(rows) * each)}


def whole(name: str, text: str, least: int, most: int) -> int:
    """Raises Refusal."""
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 20 else -1
    if not least <= number <= most:
        raise Refusal(f"{name} takes a whole number from {least} to {most}, not '{text[:40]}'")
    return number


def plan_of_verdicts(
    work: str, options: Sequence[tuple[str, str]], count: int | None
) -> dict[str, Any]:
    """Likewise, of check, harden or try. Of harden, a round is one of its runs of each misuse, of try one of each
    row."""
    of = dict(options)
    usual = {"harden": "5", "try": "10"}
    runs = of.get("--runs", usual[work]) if work in usual else str(count or 1)
    repetitions = whole("--runs", runs, 1, 1000)
    seed = whole("--seed", of.get("--seed", "1"), 0, 2**62)
    return {"rows": [], "each": 1, "repetitions": repetitions, "seed": seed}


def words_of(work: str, options: Sequence[tuple[str, str]], plan: dict[str, Any]) -> list[str]:
    """What each task gives to the driver, beside its rounds."""
    own = (
        ("--runs", "--seed")
        if work != "run"
        else (*FIRST_ONLY, "--repetitions", "--benchmark_filter")
    )
    words = [work, *joined([(n, v) for n, v in options if n not in own])]
    if work == "run":
        return [*words, f"--repetitions={plan['repetitions']}", exactly(plan["rows"])]
    return [*words, "--runs=1"] if work == "harden" else words


def prepare(out: Path, driver: Path, work: str, words: Sequence[str], count: int | None) -> Path:
    """Makes the folder of a fleet with its bundle. `words`: options of the work, a command of the driver. `count`: how
    often all checks are made, each time with another seed. Raises Refusal."""
    options = split(words)
    refuse_ours(options)
    if count and work != "check":
        raise Refusal("--rounds is for --work check; run takes --repetitions, and harden --runs")
    there, files = bundled(options, ("--preload", *["--sizes"] * (work == "run")))
    if work == "run":
        plan = plan_of_run(driver, options)
        names = {row.split("/")[1] for row in plan["rows"]}
    else:
        plan = plan_of_verdicts(work, options, count)
        refuse_unknown(driver, work, options)
        names = allocators_of(driver, options)
    document = {
        "work": work,
        "words": words_of(work, there, plan),
        "first_words": joined([(n, v) for n, v in there if n in FIRST_ONLY]),
        **plan,
    }
    return new_fleet(out, driver, cells_of(driver, names), files, document)


def new_fleet(
    out: Path,
    driver: Path,
    cells: Sequence[Path],
    files: Sequence[tuple[Path, str]],
    document: dict[str, Any],
) -> Path:
    """Its folder, with the bundle, and fleet.json of this document and a name."""
    folder = run_folder.make(out, "fleet", lasting=True)
    try:
        for name in ("parts", "nodes", "jobs", "logs"):
            (folder / name).mkdir()
        bundle.make(folder, driver, cells, files)
        save(folder / FILE, {"name": f"spanbench-{secrets.token_hex(6)}", **document})
    except BaseException:  # no half of a fleet
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return folder


def cells_of(driver: Path, names: Collection[str]) -> list[Path]:
    """Those of these allocators. A preloaded library has none, and runs in that of the C library."""
    folder = driver.parent / "cell"
    # "system:MALLOC_ARENA_MAX=2" runs in the cell of its allocator
    own = {name.partition(":")[0] for name in names if not name.endswith(".skip")}
    cells = [cell for cell in (folder / name for name in sorted(own)) if cell.is_file()]
    return cells if folder / "system" in cells else [*cells, folder / "system"]


def check(asked: Any) -> None:
    """Has fleet.json what its work needs? Raises what SPOILED has."""
    wanted: dict[str, type] = {"name": str, "rows": list, "each": int, "repetitions": int}
    wanted |= {"how": dict} if "how" in asked else {}
    FILES[bench_results.member(asked, "it", "work", str)]
    if asked["work"] not in SAMPLES:
        wanted["seed"] = int
    if asked["work"] == "programs":
        wanted |= {"section": int, "programs": list}
    if asked["work"] == "gate":
        wanted |= {"period": int, "gate": dict}
    for key, kind in wanted.items():
        bench_results.member(asked, "it", key, kind)


def load(folder: Path) -> Any:
    """fleet.json. Raises Refusal."""
    try:
        asked = read(folder / FILE)
        check(asked)
        return asked
    except FileNotFoundError:
        raise Refusal(f"{folder} is not the folder of a fleet: it has no {FILE}") from None
    except SPOILED as problem:
        said = bench_results.printable(str(problem))
        raise Refusal(f"{folder / FILE} cannot be used: {said}") from problem
