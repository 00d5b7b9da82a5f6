"""The workloads outside of the core, compactly: a line for each, a column for each allocator. One table has
the time, one the peak of memory, both by medians and as multiples of the C library's. Sentences follow:
who is best and worst on each workload, by which factor. Who cannot be told apart (comparing.py) ties. Where
memory is what counts, there are tables of the blow-up, and of what stays resident after all is freed. Last
comes what has no row. Pure.
"""

from __future__ import annotations

import math
import textwrap
from dataclasses import dataclass
from typing import Callable, Optional, Sequence

import comparing
from bench_results import MIB, Results, Row, Sample, nearest, plural
from comparing import INTEREST, Measure, Question

WIDTH, NAME, CELL = 100, 22, 9
BASE = "system"
PAGE = 4096.0  # less memory than a page is none


def time_of(row: Row) -> float:
    return row.median("ns_per_op")


def peak_of(row: Row) -> Optional[float]:
    """Resident at most, less what was at the start; of a run that does not tell, none."""
    above = row.above_start("rss_peak_bytes")
    return max(PAGE, above.median) if above else None


def peak_of_sample(s: Sample) -> float:
    """0: it does not tell."""
    peak = s.get("rss_peak_bytes")
    return max(PAGE, peak - s["rss_start_bytes"]) if peak is not None else 0.0


def left_by(counter: str) -> Callable[[Row], Optional[float]]:
    """What stays of the memory above the start. Less than none is none."""

    def left(row: Row) -> Optional[float]:
        above = row.above_start(counter)
        return max(0.0, above.median) if above else None

    return left


@dataclass(frozen=True)
class Kind:
    title: str
    of: Callable[[Row], Optional[float]]
    unit: float
    suffix: str = ""
    of_group: str = ""  # only the workloads of this one; "": all
    measure: Optional[Measure] = None  # shown as multiples of the C library's; None: as numbers


PEAK = Measure("peak", peak_of_sample)
KINDS = (
    Kind("time of an operation", time_of, 1.0, "ns", measure=comparing.TIME),
    Kind("peak of memory above the start", peak_of, float(MIB), "M", measure=PEAK),
)
NAMED = 3  # of more that tie, one is named
MEMORY = "memory"
LEFT = "MiB above the start that stay resident"
MEMORY_KINDS = (
    Kind("blow-up: peak of memory above the start / most live bytes", Row.blow_up, 1.0),
    Kind(f"{LEFT} after all is freed", left_by("rss_drained_bytes"), MIB, of_group=MEMORY),
    Kind(f"{LEFT}, a while later", left_by("rss_rested_bytes"), MIB, of_group=MEMORY),
    Kind(f"{LEFT} after a purge", left_by("rss_purged_bytes"), MIB, of_group=MEMORY),
)


def rest_kinds(run: Results) -> tuple[Kind, ...]:
    """Of the processes that rested long, one for each allocator on a workload."""

    def left(counter: str) -> Callable[[Row], Optional[float]]:
        def of(row: Row) -> Optional[float]:
            sample = run.facts.rested.get((row.workload, row.allocator), {})
            if counter not in sample:
                return None
            return max(0.0, sample[counter] - sample["rss_start_bytes"])

        return of

    after = f"{LEFT} {plural(run.facts.long_rest, 'second')} after"
    return (
        Kind(f"{after} all is freed", left("rss_rested_bytes"), MIB),
        Kind(f"{after} a purge", left("rss_purge_rested_bytes"), MIB),
    )


def threads_of(run: Results, workload: str) -> int:
    """What is shown of it: it may not have run by as many threads as others."""
    return nearest({r.threads for r in run.rows if r.workload == workload}, run.facts.cpus)


def number(value: float) -> str:
    digits = 2 if value < 9.995 else 1 if value < 99.95 else 0
    return f"{value:.{digits}f}" if value < 99999 else f"{value:.0e}".replace("e+0", "e")


def rows_of(run: Results, workload: str) -> dict[str, Row]:
    return {r.allocator: r for r in run.select(workload, threads_of(run, workload))}


def values_of(rows: dict[str, Row], kind: Kind) -> dict[str, float]:
    """Of those that may be ranked, best first."""
    known = {a: v for a, r in rows.items() if r.ranked and (v := kind.of(r)) is not None}
    return dict(sorted(known.items(), key=lambda item: (item[1], item[0])))


def cell(
    rows: dict[str, Row], values: dict[str, float], allocator: str, kind: Kind, best: set[str]
) -> str:
    row = rows.get(allocator)
    if row is None:
        return "-"
    if allocator not in values:
        return "FAILED" if row.failures else "-"
    mark = "*" if allocator in best else " "
    if not kind.measure or allocator == BASE or BASE not in values:
        return number(values[allocator] / kind.unit) + kind.suffix + mark
    return number(values[allocator] / values[BASE]) + mark


def workloads_of(run: Results, kind: Kind) -> list[str]:
    """Those that have such a number."""
    chosen = run.workloads
    if kind.of_group:
        chosen = [w for w in chosen if run.facts.groups.get(w) == kind.of_group]
    return [w for w in chosen if kind.measure or values_of(rows_of(run, w), kind)]


Questions = dict[tuple[str, str], Question]


def questions_of(run: Results) -> Questions:
    """By workload and the measure's name; answered all at once. They are a family apart from the core's (comparing.py), so
    that the core's answer does not depend on what else was measured."""
    measures = [k.measure for k in KINDS if k.measure]
    asked = [
        comparing.asked(run, w, threads_of(run, w), m) for w in run.workloads for m in measures
    ]
    comparing.tell_apart(asked)
    return {(q.workload, q.measure.name): q for q in asked}


def best_of(questions: Questions, workload: str, kind: Kind, values: dict[str, float]) -> set[str]:
    """Who gets a mark: the least, and where samples can tell, all that are not told from it."""
    q = questions[workload, kind.measure.name] if kind.measure else None
    if q and comparing.enough(q.rows):
        return {r.allocator for r in q.best()}
    return set(list(values)[:1])


def table(run: Results, kind: Kind, allocators: Sequence[str], questions: Questions) -> list[str]:
    lines = []
    across = (WIDTH - NAME) // (CELL + 1)
    for first in range(0, len(allocators), across):
        shown = allocators[first : first + across]
        lines.append(f"{'':{NAME}}" + "".join(f" {short(a):>{CELL}}" for a in shown))
        for workload in workloads_of(run, kind):
            rows = rows_of(run, workload)
            values = values_of(rows, kind)
            best = best_of(questions, workload, kind, values)
            texts = (cell(rows, values, a, kind, best) for a in shown)
            line = f"{workload[:NAME]:{NAME}}" + "".join(f" {t:>{CELL}}" for t in texts)
            lines.append(line.rstrip())
    return lines


def short(name: str) -> str:
    return name if len(name) <= CELL else name[:3] + ".." + name[-(CELL - 5) :]


def one_of(rows: Sequence[Row], first: Row) -> str:
    """Nobody knows which."""
    if len(rows) > NAMED:
        return f"{first.allocator} or {len(rows) - 1} that tie"
    others = [r.allocator for r in rows if r is not first]
    return " or ".join([first.allocator, *others])


def extremes(run: Results, measure: Measure, questions: Questions) -> list[str]:
    """Best and worst of each workload, and how far they are apart; the widest gap first. At the end, the
    workloads on which they cannot be told apart."""
    found, tied = [], []
    for workload in run.workloads:
        q = questions.get((workload, measure.name))
        if not q or len(q.rows) < 2:
            continue
        best, worst = q.rows[0], q.rows[-1]
        sure = comparing.enough(q.rows)
        effect = comparing.ratio(worst, best, measure)
        if not effect or (sure and not q.better(best, worst)):
            tied.append(workload)
            continue
        names = (
            (one_of(q.best(), best), one_of(q.worst(), worst))
            if sure
            else (best.allocator, worst.allocator)
        )
        found.append(
            (math.exp(effect.location), workload, *names, "" if sure else " by one sample")
        )
    lines = [
        f"  {w:{NAME}} best {b}, worst {x}: {number(f)} times{how}"
        for f, w, b, x, how in sorted(found, key=lambda gap: (-gap[0], gap[1]))
    ]
    if tied:
        text = (
            f"  best and worst tie, no difference above {INTEREST:.0%} is sure: {', '.join(tied)}"
        )
        lines += textwrap.wrap(text, WIDTH, subsequent_indent="    ")
    return lines


def format_groups(run: Results) -> list[str]:
    """Of the workloads outside of the core; no lines where there are none."""
    rest = run.of_core(False)
    lines: list[str] = []
    ranked = sorted({r.allocator for r in rest.rows if not r.floor}, key=lambda a: (a != BASE, a))
    questions = questions_of(rest) if ranked else {}
    for kind in KINDS if ranked else ():
        lines += ["", f"{kind.title}: multiples of {BASE}, medians (*: least, or tied with it):"]
        lines += table(rest, kind, ranked, questions)
        if kind.measure:
            lines += extremes(rest, kind.measure, questions)
    for kind in (*MEMORY_KINDS, *rest_kinds(run)) if ranked else ():
        if workloads_of(rest, kind):
            lines += ["", f"{kind.title}, medians (*: the least of them):"]
            lines += table(rest, kind, ranked, questions)
    for name, cause in run.facts.rest_failures:
        failed = f"No long rest of {name}: {cause}."
        lines += textwrap.wrap(failed, WIDTH, subsequent_indent="  ")
    for what, why in run.facts.unmeasured:
        lines += textwrap.wrap(f"Not measured: {what}: {why}.", WIDTH, subsequent_indent="  ")
    return lines
