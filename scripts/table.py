#!/usr/bin/python3
"""Prints a run as a table for people: per workload and thread count, one line an allocator.

Bold are the best value of a column and all that cannot be told from it; the floor and rows with a
failed sample never are. Colours are left out when standard output is not a terminal or NO_COLOR is set.
"""

from __future__ import annotations

import os
import re
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Optional

sys.path.insert(0, str(Path(__file__).resolve().parent))  # also where Python does not add it

import program
import bench_results
from bench_results import MIB, Results, Row, Spread, plural, sample_count

BOLD, DIM, RED, PLAIN = "\033[1m", "\033[2m", "\033[31m", "\033[0m"
WIDTH = 100  # of running text
BASE = "system"  # the row that others are compared with


def number(value: float, digits: int = 3) -> str:
    """So many significant digits (more for large whole numbers), without an exponent."""
    exponent = int(f"{value:.{digits - 1}e}".partition("e")[2])  # after rounding: 99.96 is 100
    return f"{value:,.{max(0, digits - 1 - exponent) if value else 0}f}"


@dataclass(frozen=True)
class Column:
    """`text` and `spread` of a row are None where it has no such number."""

    title: str
    legend: str
    text: Callable[[Row], Optional[str]]
    spread: Optional[Callable[[Row], Optional[Spread]]] = None  # only of those that are ranked
    less: bool = True  # is better
    memory: bool = False


def measured(title: str, legend: str, counter: str, unit: float, less: bool = True) -> Column:
    def spread(row: Row) -> Optional[Spread]:
        return row.spread(counter).scaled(1 / unit) if row.has(counter) else None

    def median(row: Row) -> Optional[str]:
        found = spread(row)
        return number(found.median) if found else None

    return Column(title, legend, median, spread, less, memory=unit == MIB)


def memory(title: str, legend: str, of: Callable[[Row], Optional[Spread]]) -> Column:
    """So many bytes, which may be few, or less than nothing."""

    def spread(row: Row) -> Optional[Spread]:
        found = of(row)
        return found.scaled(1 / MIB) if found else None

    def median(row: Row) -> Optional[str]:
        found = spread(row)
        if not found:
            return None
        return f"{found.median:.2f}" if abs(found.median) < 1 else number(found.median)

    return Column(title, legend, median, spread, memory=True)


def resident(title: str, legend: str, counter: str) -> Column:
    """What is resident less what was at the start, so that it means the same everywhere."""
    return memory(title, legend, lambda row: row.above_start(counter))


def middle(row: Row) -> str:
    spread = row.spread("ns_per_op")
    return f"{number(spread.low)} .. {number(spread.high)}"


COLUMNS = [
    measured(
        "ns/op",
        "wall time of all threads together / operations (a malloc and a free each); "
        "median of the samples, as is every number",
        "ns_per_op",
        1,
    ),
    Column("quartiles", "the middle half of the samples lies between them", middle),
    Column("min .. max", "the fastest and the slowest sample", middle),
    measured("Mop/s", "million operations a second", "ops_per_second", 1e6, less=False),
    Column(f"vs {BASE}", f"ns/op / that of {BASE}; below 1 is faster", lambda row: None),
    measured("start", "resident before the first operation", "rss_start_bytes", MIB),
    resident(
        "RSS",
        "resident while all threads hold their live set, less the start; likewise freed and purged",
        "rss_live_bytes",
    ),
    memory("slack", "of it, what the allocator adds to the sizes of the live blocks", Row.slack),
    memory(
        "kept", "the rest of it, beside live set and slack: free, cached, or its books", Row.kept
    ),
    measured(
        "VSZ", "mapped at the same instant, with what was at the start", "vsz_live_bytes", MIB
    ),
    resident("freed", "after all is freed", "rss_drained_bytes"),
    resident("purged", "after the allocator was asked to give memory back", "rss_purged_bytes"),
]


def columns_of(rows: list[Row]) -> list[Column]:
    """Those in which at least one of the rows has a value."""
    base = [r for r in rows if r.allocator == BASE and r.ranked]
    hidden = "min .. max" if all(r.quartiles for r in rows) else "quartiles"
    chosen = []
    for column in COLUMNS:
        if column.title == f"vs {BASE}" and base:
            ns = base[0].median("ns_per_op")

            def ratio(row: Row) -> str:
                return number(row.median("ns_per_op") / ns, 2) + "x"

            column = Column(column.title, column.legend, ratio)
        if column.title != hidden and any(column.text(r) for r in rows):
            chosen.append(column)
    return chosen


def best(column: Column, rows: list[Row]) -> set[str]:
    """The allocators whose spread overlaps that of the one with the best median."""
    if not column.spread:
        return set()
    known = {r.allocator: s for r in rows if r.ranked and (s := column.spread(r))}
    if not known:
        return set()
    top = (min if column.less else max)(known.values(), key=lambda s: s.median)
    return {a for a, s in known.items() if s.overlaps(top)}


def align(texts: list[str]) -> list[str]:
    """The same texts, padded so that their decimal points are below each other."""
    if any(" .. " in t for t in texts):
        low, high = zip(*(t.split(" .. ") for t in texts))
        return [f"{a} .. {b}" for a, b in zip(align(list(low)), align(list(high)))]
    parts = [re.fullmatch(r"([\d,-]*)(.*)", t) for t in texts]
    pairs = [(m[1], m[2]) for m in parts if m]
    left, right = (max(len(p[i]) for p in pairs) for i in (0, 1))
    return [f"{a:>{left}}{b:<{right}}" for a, b in pairs]


def order(row: Row) -> tuple[bool, bool, float]:
    """Fastest first, then the floor, then what has no sample."""
    return (not row.samples, row.floor, row.median("ns_per_op") if row.samples else 0.0)


def causes(row: Row) -> str:
    return "; ".join(dict.fromkeys(row.failures))


def head(run: Results, rows: list[Row], workload: str, threads: int) -> str:
    said = f"{workload}, {plural(threads, 'thread')}"
    if threads > run.facts.cpus:
        cpus = plural(run.facts.cpus, "CPU")
        said += f" on {cpus} (OVERSUBSCRIBED: scheduling is measured, too)"
    if rows:
        live = number(rows[0].median("live_bytes") / MIB)
        said += f": live set {live} MiB, {sample_count(rows)}"
    return said


def over_memory(columns: list[Column], widths: list[int]) -> str:
    """The line above the titles: the unit of the memory columns, drawn over them."""
    left = sum(w + 2 for c, w in zip(columns, widths) if not c.memory)
    wide = sum(w + 2 for c, w in zip(columns, widths) if c.memory) - 2
    return " " * left + " MiB ".center(wide, "-")


def format_group(run: Results, workload: str, threads: int, colour: bool) -> list[str]:
    """The lines of one workload at one thread count."""
    rows = sorted(run.select(workload, threads), key=order)
    if not rows:
        return []

    def paint(text: str, style: str) -> str:
        return style + text + PLAIN if colour else text

    good = [r for r in rows if r.samples]
    columns = columns_of(good)
    texts = [align([c.text(r) or "-" for r in good]) for c in columns]
    widths = [max(len(c.title), len(t[0])) for c, t in zip(columns, texts)]
    bold = [best(c, good) for c in columns]
    name = max(len(r.label) for r in rows)
    lines = ["", paint(head(run, good, workload, threads), BOLD)]
    if good:
        lines.append(f"  {'':{name}}  {over_memory(columns, widths)}")
        titles = "  ".join(f"{c.title:>{w}}" for c, w in zip(columns, widths))
        lines.append(f"  {'':{name}}  {titles}")
    for i, row in enumerate(good):
        cells = [f"{t[i]:>{w}}" for t, w in zip(texts, widths)]
        cells = [paint(c, BOLD) if row.allocator in b else c for c, b in zip(cells, bold)]
        line = f"  {row.label:{name}}  {'  '.join(cells)}".rstrip()
        lines.append(paint(line, DIM) if row.floor else line)
        if row.failures:
            share = f"{len(row.failures)} of {len(row.failures) + len(row.samples)}"
            lines.append(paint(f"  {'':{name}}  {share} samples FAILED: {causes(row)}", RED))
    for row in rows[len(good) :]:
        lines.append(paint(f"  {row.label:{name}}  FAILED: {causes(row)}", RED))
    return lines


def format_legend(run: Results, colour: bool) -> list[str]:
    """What the titles and marks mean, of those that are there."""
    groups = [run.select(w, t) for w in run.workloads for t in run.thread_counts]
    groups = [[r for r in g if r.samples] for g in groups]
    there = {c.title for g in groups for c in columns_of(g)}
    marks = [(c.title, c.legend) for c in COLUMNS if c.title in there]
    if any(c.text(r) is None for g in groups for c in columns_of(g) for r in g):
        marks.append(("-", "there is no such number: the allocator has no such call"))
    if any(r.floor and r.samples for r in run.rows):
        marks.append(("floor", "the harness alone, no allocator; never ranked"))
    if colour and any(r.ranked for r in run.rows):
        marks.append(("bold", f"best of the column, and all whose {run.spread_name} overlap its"))
    if any(r.failures for r in run.rows):
        marks.append(("FAILED", "such samples are in no number, such rows are never best"))
    marks += [(name, f"not measured: {why}") for name, why in run.facts.absent]
    wide = max(len(title) for title, _ in marks)
    lines = [""]
    for title, meaning in marks:
        indent = " " * (wide + 4)
        lines += textwrap.wrap(f"  {title:{wide}}  {meaning}", WIDTH, subsequent_indent=indent)
    return lines


def format_run(run: Results, colour: bool) -> list[str]:
    lines = [run.title]
    for caveat in run.caveats:
        lines.append(RED + caveat + PLAIN if colour else caveat)
    for workload in run.workloads:
        for threads in run.thread_counts:
            lines += format_group(run, workload, threads, colour)
    return lines + format_legend(run, colour)


def main() -> int:
    import table_formats  # which needs this file

    parser = program.parser(
        __doc__, "scripts/table.py results/latest; scripts/table.py --format=csv results/latest"
    )
    parser.add_argument(
        "--format",
        choices=["text", *table_formats.FORMATS],
        default="text",
        help="text for a terminal (default), markdown, csv or json; the last two have unrounded medians "
        "and the ends of their spread, a record for each workload, number of threads and allocator",
    )
    asked = parser.parse_args()
    run = bench_results.load(asked.run)
    if asked.format != "text":
        print(table_formats.FORMATS[asked.format](run))
        return 0
    dumb = os.environ.get("TERM") == "dumb" or os.environ.get("NO_COLOR")
    colour = sys.stdout.isatty() and not dumb
    print("\n".join(format_run(run, colour)))
    return 0


if __name__ == "__main__":
    program.run(main)
