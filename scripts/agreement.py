"""Where the synthetic workloads of the core agree with real programs, and where they do not.

Asked is about each pair of allocators that differs in a program: by over 5 %, and no run of one lies among
those of the other. The core has the same pair in the same order, or reversed, or cannot tell the two apart
(comparing.py), for each of its workloads. Pure, and prints nothing.
"""

from __future__ import annotations

import statistics
import textwrap
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

import comparing
from bench_results import Results, Unusable, plural
from comparing import Question

APART = 1.05  # A ratio in a program.
SCHEMA = 1
WIDTH = 56  # Columns of a list of programs.
KEEP = "\N{NO-BREAK SPACE}"
# The measures of a program, and those of the core.
KINDS = {"time": comparing.TIME.name, "memory": comparing.MEMORY.name}
NAMES = {"time": "time", "memory": "peak memory"}


@dataclass(frozen=True)
class Pair:
    """In a program, `better` needs less time or peak memory than `worse`, by a factor."""

    program: str
    kind: str  # of KINDS
    better: str
    worse: str
    factor: float


@dataclass(frozen=True)
class Answer:
    """What each workload of the core says of a pair."""

    pair: Pair
    same: list[str] = field(default_factory=list)
    reversed: list[str] = field(default_factory=list)
    tied: list[str] = field(default_factory=list)  # Cannot be told apart.
    absent: list[str] = field(default_factory=list)  # One of the two has no sample there.


def pairs(program: str, costs: dict[str, dict[str, list[float]]]) -> list[Pair]:
    """Those that differ. `costs`: by kind and allocator, a value of each run; less is better."""
    found = []
    for kind in KINDS:
        for names in combinations(sorted(costs[kind]), 2):
            better, worse = sorted(names, key=lambda n: statistics.median(costs[kind][n]))
            good, bad = costs[kind][better], costs[kind][worse]
            least = statistics.median(good)
            if least <= 0 or max(good) >= min(bad):
                continue
            factor = statistics.median(bad) / least
            if factor > APART:
                found.append(Pair(program, kind, better, worse, factor))
    return sorted(found, key=lambda p: (list(KINDS).index(p.kind), -p.factor))


def answer(pair: Pair, core: dict[tuple[str, str], Question]) -> Answer:
    found = Answer(pair)
    for (workload, measure), question in core.items():
        if measure != KINDS[pair.kind]:
            continue
        names = {row.allocator for row in question.rows}
        if not {pair.better, pair.worse} <= names:
            found.absent.append(workload)
        elif (pair.better, pair.worse) in question.apart:
            found.same.append(workload)
        elif (pair.worse, pair.better) in question.apart:
            found.reversed.append(workload)
        else:
            found.tied.append(workload)
    return found


def core_of(run: Results) -> dict[tuple[str, str], Question]:
    """The questions that the core of a run answers, at its main number of threads."""
    core = run.of_core(True)
    if not any(row.samples for row in core.rows):
        raise Unusable("the run has no sample of the core: make bench measures it")
    return comparing.compare(core, core.main_threads)


def compare(programs: dict[str, dict[str, dict[str, list[float]]]], run: Results) -> list[Answer]:
    """`programs`: the costs of each, with the names that the core has for allocators."""
    core = core_of(run)
    return [answer(pair, core) for name, costs in programs.items() for pair in pairs(name, costs)]


def aligned(rows: list[list[str]]) -> list[str]:
    """Columns, each as wide as its widest word."""
    widths = [max(map(len, column)) for column in zip(*rows)]
    return ["  ".join(w.ljust(n) for w, n in zip(row, widths)).rstrip() for row in rows]


def wrapped(rows: list[list[str]]) -> list[list[str]]:
    """With the last column over several lines, where it is long."""
    found = []
    for row in rows:
        lines = textwrap.wrap(row[-1].replace(" ", KEEP).replace(f",{KEEP}", ", "), WIDTH) or [""]
        first, *more = (line.replace(KEEP, " ") for line in lines)
        found += [[*row[:-1], first], *([""] * (len(row) - 1) + [line] for line in more)]
    return found


def counts(answers: list[Answer], run: Results) -> list[list[str]]:
    """For each measure and workload, in how many pairs the core says what."""
    rows = [["", "", "same order", "reversed", "not told apart", "not measured"]]
    for kind in KINDS:
        of_kind = [a for a in answers if a.pair.kind == kind]
        says = [(a.same, a.reversed, a.tied, a.absent) for a in of_kind]
        for workload in run.of_core(True).workloads:
            numbers = [sum(workload in four[i] for four in says) for i in range(4)]
            rows.append([NAMES[kind], workload, *map(str, numbers)])
    return rows


def reversed_pairs(answers: list[Answer]) -> list[list[str]]:
    """Each once, with all programs that show it: what the core says does not depend on the program."""
    found: dict[tuple[str, str, str, str], list[str]] = {}
    for a in answers:
        if a.reversed:
            key = (NAMES[a.pair.kind], a.pair.better, a.pair.worse, ", ".join(a.reversed))
            found.setdefault(key, []).append(f"{a.pair.program} {a.pair.factor:.2f}x")
    rows = [["", "better in programs", "reversed in", "programs"]]
    for (kind, better, worse, where), programs in sorted(found.items(), reverse=True):
        rows.append([kind, f"{better} than {worse}", where, ", ".join(programs)])
    return rows


def words(answers: list[Answer], run: Results, name: str) -> list[str]:
    """For people."""
    threads = run.of_core(True).main_threads
    lines = [
        f"Do the synthetic workloads agree? Compared with {name} at {plural(threads, 'thread')} {'is' if len(answers) == 1 else 'are'} "
        f"{plural(len(answers), 'pair')} of allocators",
        f"that differ by over {APART - 1:.0%} in a program, with no run of one among those of the other.",
    ]
    if not answers:
        return lines
    lines += ["", *aligned(counts(answers, run)), ""]
    rows = reversed_pairs(answers)
    return lines + (aligned(wrapped(rows)) if len(rows) > 1 else ["No pair is reversed."])


def document(answers: list[Answer], run: Results, name: str) -> dict[str, Any]:
    """Tells scripts the same; the shape is results/agreement.schema.json."""
    return {
        "schema": SCHEMA,
        "core": name,
        "started": run.facts.started,
        "threads": run.of_core(True).main_threads,
        "pairs": [
            {
                "program": a.pair.program,
                "measure": a.pair.kind,
                "better": a.pair.better,
                "worse": a.pair.worse,
                "factor": round(a.pair.factor, 4),
                "same": a.same,
                "reversed": a.reversed,
                "tied": a.tied,
                "absent": a.absent,
            }
            for a in answers
        ],
    }
