"""The sentences at the top of the page. All numbers in them come from the questions of study.py. Pure."""

from __future__ import annotations

import dataclasses
import math
import re
from dataclasses import dataclass

import answer
from bench_results import CORE, Row, plural
from comparing import FALSE_RATE, TIME, Question
from report.study import (
    ABOVE,
    OTHER_RATE,
    Place,
    Study,
    absolute,
    interval_name,
    per_cent,
    ratio,
    shown,
)
from verdicts.try_words import seen


BEST = {
    "time": "is fastest",
    "memory": "takes least memory",
    "peak": "has the lowest peak of memory",
}
TIED = {
    "time": "tie as the fastest",
    "memory": "tie for least memory",
    "peak": "tie for the lowest peak of memory",
}
NONE_BETTER = {
    "time": "no allocator is shown to be faster than another",
    "memory": "no allocator is shown to take less memory than another",
    "peak": "no allocator is shown to have a lower peak of memory than another",
}


@dataclass(frozen=True)
class Sentence:
    """`key` is its address in the page. `kind`: gap (something is missing that should not be), caution, absent
    (what was never there), finding."""

    key: str
    kind: str
    text: str
    group: str = ""
    threads: int = 0  # 0: of none or all


@dataclass(frozen=True)
class Fold:
    """Sentences that a reader may fold away; `open`: at first they are there."""

    title: str
    sentences: list[Sentence]
    open: bool


def key_of(*parts: object) -> str:
    """Letters, digits and hyphens; what else a name has is written as its number, so that no two are alike."""
    joined = "-".join(map(str, parts))
    return re.sub(r"[^A-Za-z0-9-]", lambda m: f"_{ord(m[0]):x}", joined)


def place_name(p: Place) -> str:
    return f"{p.workload} at {plural(p.threads, 'thread')}"


def seen_among(q: Question, rows: list[Row]) -> str:
    """Between the first and each that ties with it."""
    return seen(max((q.smallest(rows[0], r) for r in rows[1:]), default=math.inf))


def value_said(q: Question, row: Row) -> str:
    spread = absolute(row, q.measure)
    if not spread:
        return ""
    if q.measure is TIME:
        return f"an operation takes {shown(spread.median, q.measure)}"
    return f"{shown(spread.median, q.measure)} above the start"


def relative_said(q: Question, row: Row, base: str) -> str:
    """Of the base itself, nothing."""
    other = next((r for r in q.rows if r.allocator == base), None)
    found = ratio(q, row, other) if other and other is not row else None
    if not found:
        return ""
    n = answer.number
    interval = f"{interval_name([row])}: {n(found.low)} to {n(found.high)}"
    return f", {n(found.middle)} times {base}'s ({interval})"


def best_sentence(study: Study, p: Place, q: Question) -> str:
    """Who is best, by how much, and with whom it ties."""
    if not q.rows:
        return ""
    at, best = place_name(p), q.best()
    first = best[0]
    if len(q.rows) == 1:
        return f"On {at}, {first.allocator} alone can be ranked: there is nothing to compare."
    if not p.comparable:
        said = (
            f"On {at}, {first.allocator} {BEST[q.measure.name]} by one sample, which may be noise"
        )
        return f"{said}: {value_said(q, first)}."
    told = seen_among(q, best)
    if p.few and not q.apart:
        fewest = plural(min(len(r.samples) for r in p.rows), "sample")
        what = {"peak": "peaks of memory"}.get(q.measure.name, q.measure.name)
        return f"On {at}, {fewest} of each are too few to tell {what} apart; more repetitions do."
    if len(best) == len(q.rows):
        return f"On {at}, {NONE_BETTER[q.measure.name]} ({told})."
    value = value_said(q, first) + relative_said(q, first, study.base or "")
    if len(best) == 1:
        return f"On {at}, {first.allocator} {BEST[q.measure.name]}: {value}. All others are worse for sure."
    names = answer.listed([r.allocator for r in best])
    return f"On {at}, {names} {TIED[q.measure.name]} ({told}). The lowest median is {first.allocator}'s: {value}."


def front_sentence(p: Place) -> str:
    front = p.front
    if len(p.time.rows) < 2 or not front or not (p.time.apart or p.memory.apart):
        return ""
    if len(front) == len(p.time.rows):
        return f"On {place_name(p)}, no allocator is clearly beaten in speed and memory together."
    names = answer.listed([r.allocator for r in front])
    verb = "is" if len(front) == 1 else "are"
    return f"On {place_name(p)}, {names} {verb} not clearly beaten in speed and memory together."


def of_place(study: Study, p: Place) -> list[Sentence]:
    found = [
        Sentence(
            key_of("s", q.measure.name, p.workload, p.threads), "finding", said, p.group, p.threads
        )
        for q in p.asked
        if (said := best_sentence(study, p, q))
    ]
    if said := front_sentence(p):
        key = key_of("s-front", p.workload, p.threads)
        found.append(Sentence(key, "finding", said, p.group, p.threads))
    return found


def findings(study: Study) -> list[Sentence]:
    """Of every workload at its main number of threads."""
    return [s for w in study.workloads for s in of_place(study, study.main(w))]


def at_other_threads(study: Study) -> list[Sentence]:
    """Of the core, where another number of threads was measured, too."""
    places = [p for p in study.places.values() if p.group == CORE]
    others = [p for p in places if p.threads != study.main_threads(p.workload)]
    return [s for p in others for s in of_place(study, p)]


def folds(study: Study, found: list[Sentence]) -> list[Fold]:
    """What is said beside the core at its main number of threads; `found` is what is at the main ones, and not said yet. Of
    the core it stands open: a reader looks for it."""
    made = []
    others = at_other_threads(study)
    for t in dict.fromkeys(sorted(s.threads for s in others)):
        made.append(Fold(f"At {plural(t, 'thread')}", [s for s in others if s.threads == t], True))
    for group in dict.fromkeys(s.group for s in found if s.group != CORE):
        title = f"Workloads of the group {group}"
        made.append(Fold(title, [s for s in found if s.group == group], False))
    return made


def gaps(study: Study, series_there: bool, series_problem: str) -> list[Sentence]:
    """What is missing, and what a reader must know before the numbers."""
    run, found = study.run, []
    found += [Sentence(f"s-caution-{i}", "caution", f"{c}.") for i, c in enumerate(run.caveats)]
    for row in sorted((r for p in study.places.values() for r in p.failed), key=place_of):
        total = len(row.samples) + len(row.failures)
        causes = "; ".join(dict.fromkeys(row.failures))
        at = f"{row.workload} at {plural(row.threads, 'thread')}"
        text = f"FAILED: {row.allocator} on {at}, {len(row.failures)} of {total} samples: {causes}."
        found.append(Sentence(key_of("s-failed", *place_of(row)), "gap", text))
    for name, why in run.facts.absent:
        found.append(Sentence(key_of("s-absent", name), "absent", f"Not here: {name}: {why}."))
    for i, (what, why) in enumerate(run.facts.unmeasured):
        found.append(Sentence(f"s-unmeasured-{i}", "absent", f"Not measured: {what}: {why}."))
    for i, (what, why) in enumerate(run.facts.timeline_failures):
        text = f"Memory over time of {what} was not recorded: {why}."
        found.append(Sentence(f"s-timeline-{i}", "gap", text))
    if series_problem or not series_there:
        why = series_problem or "the run has no timeline.csv"
        found.append(Sentence("s-timeline", "gap", f"Memory over time is not shown: {why}."))
    over = sorted({p.threads for p in study.places.values() if p.threads > run.facts.cpus})
    if over:
        counts, cpus = answer.listed(list(map(str, over))), plural(run.facts.cpus, "CPU")
        text = f"OVERSUBSCRIBED: at {counts} threads on {cpus}, scheduling is measured, too."
        found.append(Sentence("s-oversubscribed", "caution", text))
    return found


def place_of(row: Row) -> tuple[str, int, str]:
    return row.workload, row.threads, row.allocator


def from_answer(study: Study) -> list[Sentence]:
    """What the answer says beside who is best, with whole names."""
    if not study.answer or not study.answer.at_these_threads:
        return []
    whole = dataclasses.replace(study.answer, names={a: a for a in study.run.allocators})
    said = {"purge": answer.purge_sentence(whole), "scope": answer.unmeasured_sentence(whole)}
    return [Sentence(f"s-{k}", "finding", text) for k, text in said.items() if text]


MEANING = (
    "Time is that of an operation: a free, a malloc and a write to the new block. It is wall time divided by the "
    "operations of all threads: with more threads it falls, though no malloc gets faster. Memory is what is resident while all "
    "threads hold their live set, less what was resident at the start; peak memory is the most that was. system is the "
    "C library's malloc. "
    f"A difference is claimed if it is shown to be above {ABOVE}. Pairs are accounted for in three families. The first is "
    "the core at the number of threads nearest to the CPUs. The second is all other groups of workloads there, and the third "
    f"whatever is at other numbers of threads. On average over runs, at most {per_cent(FALSE_RATE)} of the claims of a family "
    f"are false, and of the third {per_cent(OTHER_RATE)}. All else is a tie. Its interval may leave out 1: there may be a difference, which is not shown to be "
    f"above {ABOVE} among all pairs. An interval is of one pair alone. An allocator is clearly beaten if another is better "
    f"for sure in one of speed and memory, and at most {ABOVE} worse in the other."
)
