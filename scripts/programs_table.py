"""The tables of a run of the catalogue (programs.py), and where the core agrees with it (agreement.py). Reads
what `spanbench try` wrote for each program. The page (report/catalogue.py) has the same numbers from here."""

from __future__ import annotations

import json
import math
import statistics
import sys
import textwrap
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

import agreement
import bench_results
import comparing
import program
import stored_file
from bench_results import Row
from comparing import Measure, Question

REFERENCE = "system"
# In place of it, where the program is linked with another allocator: the C library, preloaded.
LIBC = "glibc"
# What a program is called that runs with the allocator it is linked with, where that is not the C library's.
LINKED = "as linked"
AGREEMENT = "agreement.json"
NODES = "nodes.json"  # of a fleet
WIDTH = 110  # of a sentence below the tables
MANY = 4  # rows of which the same is said are told together


HEADS = {"time": "time", "memory": "peak memory", "after": "memory after"}


def measure_of(kind: str) -> Measure:
    return Measure(kind, lambda sample: sample.get(kind, 0.0))


MEASURES = {kind: measure_of(kind) for kind in HEADS}


@dataclass
class Measured:
    """A program, with what each allocator made of it."""

    name: str
    # By a key of HEADS, the rows that have it: a sample for each run that ended well and tells it. "after" is of servers:
    # the memory so many seconds after the load, the last that was read.
    questions: dict[str, Question]
    causes: dict[str, str]  # of rows without a result
    # The time is in "s", is the inverse of "/s", or, "", is a number of the program's own.
    unit: str
    linked: str = ""  # what serves it without a preload, if that is not the C library
    seconds_after: float = 0.0  # of "after"
    quick: bool = False  # it did less work
    rounds: int = 0

    @property
    def costs(self) -> dict[str, dict[str, list[float]]]:
        """By kind and row, a value for each run."""
        return {
            kind: {r.allocator: [s[kind] for s in r.samples] for r in q.rows}
            for kind, q in self.questions.items()
        }

    @property
    def reference(self) -> str:
        return LIBC if self.row("time", LIBC) else REFERENCE

    def row(self, kind: str, name: str) -> Optional[Row]:
        return next((r for r in self.questions[kind].rows if r.allocator == name), None)


def number(value: Any) -> Optional[float]:
    """None: it is not known."""
    return None if value is None else float(value)


def last_after(run: Any) -> tuple[float, Optional[float]]:
    """The seconds after the load at which the memory was read last, and what it was."""
    found = [(float(s), float(size)) for s, size in run.get("after", {}).items() if float(s) > 0]
    return max(found, default=(0.0, None))


def question_of(name: str, kind: str, rows: dict[str, Row]) -> Question:
    """The best first, as in comparing.py."""
    ordered = sorted(
        rows.values(), key=lambda r: (statistics.median(s[kind] for s in r.samples), r.allocator)
    )
    return Question(name, 1, MEASURES[kind], ordered)


def of_document(stem: str, document: Any) -> Measured:
    its = document["program"]
    metric = its["metric"] is not None
    rate = metric and its["higher_is_better"]
    causes = {str(row["name"]): str(row["cause"]) for row in document["rows"] if row["cause"]}
    rows: dict[str, dict[str, Row]] = {kind: {} for kind in HEADS}
    seconds = 0.0
    for run in document["runs"]:
        name = str(run["row"])
        if run["problem"] is not None or name in causes:
            continue
        value = number(run["metric"] if metric else run["wall_seconds"])
        if rate:
            value = 1 / value if value else None
        seconds, after = last_after(run)
        costs = {"time": value, "memory": number(run["peak_bytes"]), "after": after}
        for kind, cost in costs.items():
            if cost is None:  # of a row that is not watched, no memory is known
                continue
            row = rows[kind].setdefault(name, Row(stem, name, 1, floor=False))
            at = {"block": float(run["round"])} if "round" in run else {}
            row.samples.append({**at, kind: cost})
    if not any(rows.values()) and not causes:
        raise ValueError("no run of a program is in it")
    questions = {kind: question_of(stem, kind, of_kind) for kind, of_kind in rows.items()}
    unit = "/s" if rate else "" if metric else "s"
    quick = str(its.get("directory")).endswith("-quick")  # program_data.name_of
    linked = linked_with(document["rows"])
    rounds = max(Counter(str(run["row"]) for run in document["runs"]).values(), default=0)
    return Measured(stem, questions, causes, unit, linked, seconds, quick, rounds)


def tell_apart(all_of_them: list[Measured]) -> None:
    """Which pairs differ, all pairs of all programs accounted for together."""
    comparing.tell_apart([q for m in all_of_them for q in m.questions.values()])


def read(path: Path) -> Measured:
    """Raises bench_results.Unusable."""

    def parsed(document: Any) -> Measured:
        return of_document(path.stem, document)

    try:
        return bench_results.read_loosely(path, parsed, "what spanbench try writes")
    except bench_results.Unusable as problem:
        raise bench_results.Unusable(
            f"{problem}; move the file away to see the others, or measure again: make bench-programs"
        ) from problem


def label(measured: Measured, row: str) -> str:
    """How people read of a row: "system" is the C library's malloc in every program."""
    if not measured.linked:
        return row
    return {LIBC: REFERENCE, REFERENCE: LINKED}.get(row, row)


def linked_with(rows: list[Any]) -> str:
    for row in rows:
        if row["name"] != REFERENCE:
            continue
        # What the program's own process was at its end: a shell may have become it.
        for process in [p for p in row.get("processes", []) if not p.get("replaced")][:1]:
            file = process["malloc"]
            known = file is None or program.is_one_of(file, program.GLIBC + program.MUSL)
            return "" if known else Path(file).name
    return ""


def cell(measured: Measured, kind: str, name: str) -> str:
    """ "1.02x" of the base, by the runs of one round; "~1.02x" if the two are not told apart."""
    row, base = measured.row(kind, name), measured.row(kind, measured.reference)
    q = measured.questions[kind]
    found = comparing.ratio(row, base, q.measure) if row and base else None
    if not found or not row or not base:
        return "-"
    return f"{'~' if row is not base and q.tied(row, base) else ''}{math.exp(found.location):.2f}x"


def absolute(measured: Measured, kind: str) -> str:
    base = measured.costs[kind].get(measured.reference)
    if not base:
        return "-"
    middle = statistics.median(base)
    if kind != "time":
        return (
            f"{middle / 2**20:.0f} MiB" if middle >= 2**20 * 10 else f"{middle / 2**20:.1f} MiB"
        )
    if measured.unit == "/s":
        return f"{1 / middle:.4g}/s"
    return f"{middle:.2f} s" if measured.unit else f"{middle:.4g}"


def left_of_peak(measured: Measured) -> str:
    """What is left of each row's own peak when the load has ended: does the program become smaller? "": not known."""
    costs = measured.costs
    left: dict[str, list[str]] = {}  # by what is left, who
    for name in sorted(costs["after"], key=lambda n: (n != measured.reference, n)):
        peak = costs["memory"].get(name)
        if peak and statistics.median(peak):
            share = statistics.median(costs["after"][name]) / statistics.median(peak)
            left.setdefault(f"{share:.0%}", []).append(label(measured, name))
    if not left:
        return ""
    most = max(left, key=lambda share: len(left[share]))
    few = {share: names for share, names in left.items() if share != most or len(names) < MANY}
    said = [f"{name} {share}" for share, names in few.items() for name in names]
    if most not in few:
        said.append(f"{'all others' if few else 'each'} {most}")
    when = f"{measured.seconds_after:g} s after its load"
    return f"{measured.name}: left of its own peak {when}: {', '.join(said)}"


def table(all_of_them: list[Measured]) -> str:
    """A table for each kind of cost, a line for each program that has it."""
    tell_apart(all_of_them)
    names = sorted({n for m in all_of_them for kind in m.costs.values() for n in kind})
    names = [n for n in names if n not in (REFERENCE, LIBC)]
    lines = []
    for kind, head in HEADS.items():
        there = [m for m in all_of_them if kind != "after" or m.costs[kind]]
        if not there:
            continue
        rows = [[head, REFERENCE, *names]]
        for one in there:
            rows.append([one.name, absolute(one, kind), *(cell(one, kind, n) for n in names)])
        widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
        for row in rows:
            first = row[0].ljust(widths[0])
            rest = [word.rjust(width) for word, width in zip(row[1:], widths[1:])]
            lines.append("  ".join([first, *rest]).rstrip())
        lines.append("")
    for said in filter(None, map(left_of_peak, all_of_them)):
        lines += textwrap.wrap(said, WIDTH, subsequent_indent="  ", break_on_hyphens=False)
    lines += filter(None, [quick_said(all_of_them)])
    lines += [as_linked(m) for m in all_of_them if m.linked]
    lines += causes(all_of_them)
    lines.append(
        f"Relative to {REFERENCE}, the C library's malloc, by runs of one round: below 1x is better."
    )
    lines.append(
        f"~: no difference above {comparing.INTEREST:.0%} is shown. All pairs of all programs are accounted for."
    )
    return "\n".join(lines)


def causes(all_of_them: list[Measured]) -> list[str]:
    """Why rows have no result; those of one cause, but for the file that it names, in one line."""
    found: dict[tuple[str, str], list[str]] = {}
    for one in all_of_them:
        for name, cause in one.causes.items():
            found.setdefault((name, cause.partition(" (/")[0]), []).append(one.name)
    return [f"{name}: {cause}: {', '.join(where)}" for (name, cause), where in found.items()]


def quick_said(all_of_them: list[Measured]) -> str:
    """Of programs that did less work; "": none did."""
    quick = [m for m in all_of_them if m.quick]
    if not quick:
        return ""
    whose = "" if len(quick) == len(all_of_them) else f" of {', '.join(m.name for m in quick)}"
    fewest, most = min(m.rounds for m in quick), max(m.rounds for m in quick)
    runs = f"{fewest} to " * (fewest < most) + bench_results.plural(most, "run")
    return f"QUICK RUN{whose}: less work, {runs} of each row: not for comparison or publication"


def as_linked(measured: Measured) -> str:
    """A line on a program whose own allocator is not the C library's."""
    if measured.reference == REFERENCE:
        return f"{measured.name}: {REFERENCE} is {measured.linked} here, with which it is linked"
    cells = [
        f"{told} {head}"
        for kind, head in HEADS.items()
        if (told := cell(measured, kind, REFERENCE)) != "-"
    ]
    return f"{measured.name}: {LINKED}, with {measured.linked}: {', '.join(cells)}"


def stored(folder: Path) -> list[Measured]:
    others = (AGREEMENT, NODES)
    return [read(path) for path in sorted(folder.glob("*.json")) if path.name not in others]


# --- the core ---------------------------------------------------------------------------------------


def core_run(named: Optional[Path], out: Path) -> tuple[str, bench_results.Results]:
    """The run that programs are compared with, and what it is called. Raises bench_results.Unusable."""
    if named:
        return str(named), bench_results.load(named)
    latest = out / "latest"
    try:
        run = bench_results.load(latest)
        if run.facts.complete and not run.facts.quick:
            agreement.core_of(run)
            return f"results/{latest.resolve().name}", run
    except (bench_results.Unusable, ValueError):
        pass
    return "results/example", bench_results.load(program.HOME / "results" / "example")


def core_names(measured: Measured) -> dict[str, dict[str, list[float]]]:
    """The costs, with the C library's malloc by the name that it has in the core."""
    if measured.reference == REFERENCE and not measured.linked:
        return measured.costs
    return {
        kind: {REFERENCE if n == LIBC else n: v for n, v in costs.items() if n != REFERENCE}
        for kind, costs in measured.costs.items()
    }


def judge(folder: Path, core: Optional[Path], keep: bool = False) -> list[str]:
    """The tables, and where the core agrees. `keep`: writes the latter into the folder, too, if that may be written."""
    done = stored(folder)
    lines = [table(done), ""]
    try:
        name, run = core_run(core, folder.parent)
        answers = agreement.compare({m.name: core_names(m) for m in done}, run)
    except bench_results.Unusable as problem:
        return [*lines, f"It is not known whether the core agrees: {problem}"]
    if keep:
        try:
            text = json.dumps(agreement.document(answers, run, name), indent=1)
            stored_file.write(folder / AGREEMENT, f"{text}\n".encode())
        except OSError as problem:
            print(f"programs.py: cannot write {folder / AGREEMENT}: {problem}", file=sys.stderr)
    return lines + agreement.words(answers, run, name)
