#!/usr/bin/python3
"""Prints a run as a table for people: per workload and thread count, one line an allocator.

The best value of a column is bold; the floor and rows with a failed sample are never best. Colours
are left out when standard output is no terminal or NO_COLOR is set.
"""

from __future__ import annotations

import argparse
import math
import os
import sys
from pathlib import Path
from typing import Callable, Optional

import results
from results import MIB, Results, Row

BOLD, DIM, RED, PLAIN = "\033[1m", "\033[2m", "\033[31m", "\033[0m"


def number(value: float) -> str:
    """Three significant digits (more for whole numbers from 1000 on), without an exponent."""
    if value >= 100 or value == 0:
        return f"{value:,.0f}"
    whole = max(1, math.floor(math.log10(value)) + 1)
    decimals = 3 - whole if value >= 1 else 2 - math.floor(math.log10(value))
    return f"{value:.{decimals}f}"


def memory(counter: str) -> Callable[[Row], Optional[float]]:
    return lambda row: row.median(counter) / MIB if row.has(counter) else None


# Title, value of a row, and whether less is better.
COLUMNS: list[tuple[str, Callable[[Row], Optional[float]], bool]] = [
    ("ns/op", lambda row: row.median("ns_per_op"), True),
    ("Mop/s", lambda row: row.median("ops_per_second") / 1e6, False),
    ("RSS", memory("rss_live_bytes"), True),
    ("VSZ", memory("vsz_live_bytes"), True),
    ("freed", memory("rss_drained_bytes"), True),
    ("purged", memory("rss_purged_bytes"), True),
]
SPREAD_AFTER = 0  # the quartiles stand behind this column


def cells(row: Row) -> list[str]:
    texts = []
    for title, value, _ in COLUMNS:
        v = value(row)
        texts.append("-" if v is None else number(v))
    spread = row.spread("ns_per_op")
    texts.insert(SPREAD_AFTER + 1, f"{number(spread.low)} .. {number(spread.high)}")
    return texts


def best_cells(rows: list[Row]) -> set[tuple[str, int]]:
    """(allocator, column of `cells`) of the best of each column, as printed."""
    best = set()
    for i, (_, value, less) in enumerate(COLUMNS):
        known = [(v, r.allocator) for r in rows if r.ranked and (v := value(r)) is not None]
        if known:
            top = (min if less else max)(v for v, _ in known)
            place = i + (i > SPREAD_AFTER)
            best |= {(a, place) for v, a in known if number(v) == number(top)}
    return best


def order(row: Row) -> tuple[bool, bool, float]:
    """Fastest first, then the floor, then what has no sample."""
    return (not row.samples, row.floor, row.median("ns_per_op") if row.samples else 0.0)


def format_group(run: Results, workload: str, threads: int, colour: bool) -> list[str]:
    """The lines of one workload at one thread count."""
    rows = sorted(run.select(workload, threads), key=order)
    if not rows:
        return []

    def paint(text: str, style: str) -> str:
        return style + text + PLAIN if colour else text

    good = [r for r in rows if r.samples]
    note = f", more than the {run.cpus} CPUs: scheduling is measured, too" * (threads > run.cpus)
    live = f"; live set {number(good[0].median('live_bytes') / MIB)} MiB" if good else ""
    head = f"{workload}, {threads} thread{'s' * (threads > 1)}{note}{live}"
    titles = [title for title, _, _ in COLUMNS]
    titles.insert(SPREAD_AFTER + 1, "quartiles")
    texts = {r.allocator: cells(r) for r in good}
    width = [max(len(t[i]) for t in [titles, *texts.values()]) for i in range(len(titles))]
    name = max(len(r.allocator) + 8 * r.floor for r in rows)
    best = best_cells(rows)
    lines = ["", paint(head, BOLD)]
    lines.append(f"  {'':{name}}  " + "  ".join(f"{t:>{w}}" for t, w in zip(titles, width)))
    for row in rows:
        label = f"{row.allocator + ' (floor)' * row.floor:{name}}"
        if not row.samples:
            lines.append(f"  {paint(label, RED)}  FAILED: {row.failures[0]}")
            continue
        texts_of_row = [
            paint(f"{t:>{w}}", BOLD) if (row.allocator, i) in best else f"{t:>{w}}"
            for i, (t, w) in enumerate(zip(texts[row.allocator], width))
        ]
        line = f"  {label}  " + "  ".join(texts_of_row)
        if row.failures:
            count = len(row.failures) + len(row.samples)
            line += paint(f"  {len(row.failures)} of {count} FAILED: {row.failures[0]}", RED)
        lines.append(paint(line, DIM) if row.floor else line)
    return lines


LEGEND = """
ns/op: wall time of all threads together / operations (an operation is a malloc and a free), median
and quartiles of the samples; RSS, VSZ: MiB while all threads hold their live set; freed: RSS after
all is freed; purged: RSS after the allocator was asked to give memory back (-: no such call).
floor: the harness alone, no allocator. Bold: best of the column."""


def format_run(run: Results, colour: bool) -> list[str]:
    lines: list[str] = []
    for workload in run.workloads:
        for threads in run.thread_counts:
            lines += format_group(run, workload, threads, colour)
    return lines + LEGEND.split("\n")


def main() -> int:
    parser = argparse.ArgumentParser(
        description="Print the results of a run as a table.",
        epilog="example: scripts/table.py results/latest",
    )
    parser.add_argument("run", nargs="?", default="results/latest", help="directory or bench.json")
    args = parser.parse_args()
    try:
        run = results.load(Path(args.run))
    except (OSError, ValueError) as problem:
        print(f"table.py: {args.run}: {problem}", file=sys.stderr)
        return 2
    colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    print("\n".join(format_run(run, colour)))
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except BrokenPipeError:  # the reader has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
