"""The tables of a run of the catalogue (programs.py), and where the core agrees with it (agreement.py). Reads
what `spanbench try` wrote for each program."""

from __future__ import annotations

import json
import statistics
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

import agreement
import bench_results
import program
import stored_file

REFERENCE = "system"
# In place of it, where the program is linked with another allocator: the C library, preloaded.
LIBC = "glibc"
AGREEMENT = "agreement.json"


@dataclass
class Measured:
    """A program, with what each allocator made of it."""

    name: str
    # "time" and "memory"; in each, for each row, a value for each run
    costs: dict[str, dict[str, list[float]]]
    causes: dict[str, str]  # of rows without a result
    # The time is in "s", is the inverse of "/s", or, "", is a number of the program's own.
    unit: str
    linked: str = ""  # what serves it without a preload, if that is not the C library

    @property
    def reference(self) -> str:
        return LIBC if LIBC in self.costs["time"] else REFERENCE


def number(value: Any) -> Optional[float]:
    """None: it is not known."""
    return None if value is None else float(value)


def of_document(stem: str, document: Any) -> Measured:
    its = document["program"]
    metric = its["metric"] is not None
    rate = metric and its["higher_is_better"]
    costs: dict[str, dict[str, list[float]]] = {"time": {}, "memory": {}}
    for run in document["runs"]:
        if run["problem"] is not None:
            continue
        value = number(run["metric"] if metric else run["wall_seconds"])
        if rate:
            value = 1 / value if value else None
        for what, cost in (("time", value), ("memory", number(run["peak_bytes"]))):
            if cost is not None:  # of a row that is not watched, no memory is known
                costs[what].setdefault(str(run["row"]), []).append(cost)
    causes = {str(row["name"]): str(row["cause"]) for row in document["rows"] if row["cause"]}
    for name in causes:
        for kind in costs.values():
            kind.pop(name, None)
    unit = "/s" if rate else "" if metric else "s"
    if not any(costs.values()) and not causes:
        raise ValueError("no run of a program is in it")
    return Measured(stem, costs, causes, unit, linked_with(document["rows"]))


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


def overlap(one: list[float], other: list[float]) -> bool:
    return min(one) <= max(other) and min(other) <= max(one)


def cell(values: Optional[list[float]], base: Optional[list[float]]) -> str:
    """ "1.02x"; "~1.02x" if some run of one lies among the other's."""
    if not values or not base:
        return "-"
    middle = statistics.median(base)
    if not middle:
        return "-"
    ratio = statistics.median(values) / middle
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
    if measured.unit == "/s":
        return f"{1 / middle:.4g}/s"
    return f"{middle:.2f} s" if measured.unit else f"{middle:.4g}"


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
    return [read(path) for path in sorted(folder.glob("*.json")) if path.name != AGREEMENT]


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


def judge(folder: Path, core: Optional[Path]) -> list[str]:
    """The tables, and where the core agrees. Keeps the latter in the folder, if it may be written."""
    done = stored(folder)
    lines = [table(done), ""]
    try:
        name, run = core_run(core, folder.parent)
        answers = agreement.compare({m.name: core_names(m) for m in done}, run)
    except bench_results.Unusable as problem:
        return [*lines, f"It is not known whether the core agrees: {problem}"]
    try:
        text = json.dumps(agreement.document(answers, run, name), indent=1)
        stored_file.write(folder / AGREEMENT, f"{text}\n".encode())
    except OSError as problem:
        print(f"programs.py: cannot write {folder / AGREEMENT}: {problem}", file=sys.stderr)
    return lines + agreement.words(answers, run, name)
