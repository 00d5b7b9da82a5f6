#!/usr/bin/python3
"""Answers what a run was made for, in at most 28 lines of 80 columns: which allocator is fastest, which
takes least memory, and which differences are noise.

Shown is the measured number of threads that is nearest to that of the CPUs. Time and memory are ratios to
the C library's, "system". Memory is what is resident while all threads hold their live set, less what was
resident at the start. That is of the core group; group_table.py has a table of the other workloads. The
sentences follow from intervals of ratios of the same round; comparing.py says how. All thread counts and numbers: scripts/table.py.
"""

from __future__ import annotations

import math
import sys
import textwrap
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Callable, Optional, Sequence

sys.path.insert(0, str(Path(__file__).resolve().parent))  # also where Python does not add it

import bench_results
import comparing
import group_table
import paired
import program
from bench_results import MIB, Results, Row, Spread, plural, sample_count
from comparing import INTEREST, MEASURES, MEMORY, TIME, Measure, Question

LINES, WIDTH = 28, 80  # at most; make bench adds two
BASE = "system"
NAME_WIDTH = 17
CELL = 9  # Columns: a ratio of 4, a mark, and how sure it is, of 4.
ACROSS = 3  # Workloads that find room beside each other.
# Who keeps more than this share of the live set after a purge is named, but only so many.
KEPT, NAMED = 0.05, 3
# In other workloads: who keeps this share of what it had, and so many bytes.
MUCH_KEPT, TRIFLE = 0.5, 4 << 20
NOTHING = "No sample is good: there is nothing to compare."
MARKED = 4  # Of more that tie, the marks of the table tell the names.
SENTENCES = 12  # Lines of the table give way until sentences have so many.
ALL = f"{'scripts/answer.py' if program.IN_SOURCES else 'spanbench answer'} --all"
MORE = f"; more: {ALL}."  # Ends a sentence that found no room for all of its parts.
# The sizes of blocks, as workloads/README.md says them, in the columns of one workload.
SIZES = {"tiny": "1-15 B", "small": "16 B-32 KiB", "large": "32 KiB-4 MiB"}
# As workloads/README.md says it, and which group of workloads does measure it.
NOT_MEASURED = {
    "threads that free each other's blocks": "threads",
    "blocks that change size": "api",
    "threads that come and go": "threads",
    "calls other than malloc and free": "api",
}


def number(value: float) -> str:
    """Of four columns or fewer."""
    for below, text in ((9.995, f"{value:.2f}"), (99.95, f"{value:.1f}"), (9999.5, f"{value:.0f}")):
        if value < below:
            return f"{value:.0e}".replace("e-0", "e-") if 0 < value < 0.005 else text
    return f"{value:.0e}".replace("e+0", "e").replace("e+", "e")


def amount(of_bytes: float) -> str:
    return "<0 MiB" if of_bytes < 0 else f"{number(of_bytes / MIB)} MiB"


def sureness(effect: paired.Effect) -> str:
    """Half of the interval, of four columns or fewer; nothing of a single round."""
    if effect.blocks < 2:
        return ""
    factor = math.exp(max(effect.high - effect.location, effect.location - effect.low))
    return f"±{factor - 1:.0%}" if factor < 1.995 else f"±x{min(factor, 99):.0f}"


def shortened(name: str, width: int) -> str:
    """Its beginning and its end, which tell most names apart."""
    if len(name) <= width:
        return name
    left = (width - 2) // 2
    return name[:left] + ".." + name[left + 2 - width :]


def short_names(names: Sequence[str], width: int) -> dict[str, str]:
    """All different: those that would be alike get a number."""
    found: dict[str, str] = {}
    for name in names:
        short, count = shortened(name, width), 1
        while short in found.values():
            count += 1
            short = shortened(name, width - len(f"#{count}")) + f"#{count}"
        found[name] = short
    return found


def listed(words: Sequence[str], last: str = "and") -> str:
    """a, b and c"""
    return f" {last} ".join(filter(None, (", ".join(words[:-1]), *words[-1:])))


@dataclass
class Answer:
    """What the lines are made of. `base`: what the others are divided by, if there is such a row."""

    run: Results
    threads: int
    questions: dict[tuple[str, str], Question]
    base: Optional[str]
    names: dict[str, str]

    def question(self, workload: str, measure: Measure) -> Question:
        return self.questions[workload, measure.name]

    def base_row(self, workload: str, measure: Measure) -> Optional[Row]:
        rows = self.question(workload, measure).rows
        return next((r for r in rows if r.allocator == self.base), None)

    def name(self, row: Row) -> str:
        return self.names[row.allocator]

    def rows(self, workload: str) -> list[Row]:
        return [r for r in self.run.select(workload, self.threads) if not r.floor]

    @property
    def at_these_threads(self) -> list[Row]:
        return [r for w in self.run.workloads for r in self.rows(w)]

    @property
    def allocators(self) -> list[str]:
        """Those with a line: the base first, then by name."""
        there = {r.allocator for r in self.at_these_threads}
        return sorted(there, key=lambda a: (a != self.base, a))

    @property
    def ranked(self) -> list[str]:
        """Those that any question compares."""
        return sorted({r.allocator for q in self.questions.values() for r in q.rows})

    @property
    def comparable(self) -> bool:
        """Can any two rows be told apart? Not by one sample of each."""
        return any(comparing.enough(q.rows) for q in self.questions.values())

    @property
    def few(self) -> int:
        """With so few samples, what is not told apart need not be alike; 0: there are enough."""
        fewest = min((len(r.samples) for r in self.at_these_threads if r.samples), default=0)
        return fewest if self.comparable and fewest < paired.FEWEST else 0

    def open(self, q: Question) -> bool:
        """So few samples told none apart."""
        return bool(self.few) and not q.apart


def base_of(run: Results, questions: dict[tuple[str, str], Question]) -> Optional[str]:
    """The C library, if it can be ranked wherever another can; else the one that can be in most places,
    and of these the fastest on the first workload."""
    ranked = [{r.allocator for r in q.rows} for q in questions.values() if q.rows]
    if not ranked:
        return None
    if all(BASE in there for there in ranked):
        return BASE
    first = next(q for q in questions.values() if q.rows)
    place = {r.allocator: i for i, r in enumerate(first.rows)}
    everyone = sorted(set().union(*ranked))
    return min(
        everyone, key=lambda a: (-sum(a in there for there in ranked), place.get(a, len(place)))
    )


def answer(run: Results) -> Answer:
    threads = run.main_threads
    questions = comparing.compare(run, threads)
    names = short_names(run.allocators, NAME_WIDTH)
    return Answer(run, threads, questions, base_of(run, questions), names)


# --- the table ------------------------------------------------------------------------------------


def absolute(row: Row, measure: Measure) -> str:
    if measure is TIME:
        ns = row.median("ns_per_op")
        return f"{number(ns)} ns" if ns < 9999.5 else f"{number(ns / 1000)} us"
    above = row.above_start("rss_live_bytes")
    assert above
    return amount(above.median)


def cell(a: Answer, row: Row, measure: Measure) -> str:
    """A ratio with a mark and half of its interval, or what the base has. It fits into CELL columns."""
    if not row.samples:
        return "FAILED"
    q = a.question(row.workload, measure)
    best = a.comparable and not a.open(q) and any(r is row for r in q.best())
    mark = "!" if row.failures else "*" if best else " "
    base = a.base_row(row.workload, measure)
    effect = comparing.ratio(row, base, measure) if base and base is not row else None
    if effect is None:
        return absolute(row, measure) + mark
    return f"{number(math.exp(effect.location)):>4}{mark}{sureness(effect):>4}"


def titled(workload: str, width: int) -> str:
    """With the sizes of its blocks, if they are known."""
    sizes = SIZES.get(workload)
    return f"{workload}: {sizes}" if sizes else shortened(workload, width)


def block_lines(a: Answer, workloads: list[str], allocators: list[str]) -> list[str]:
    """A head of two lines, then a line for each allocator."""
    wide = 2 * CELL + 1
    lines = [
        " " * NAME_WIDTH + "".join(f"  {titled(w, wide).center(wide)}" for w in workloads),
        " " * NAME_WIDTH + f"  {'time':>{CELL - 3}}    {'memory':>{CELL - 3}}   " * len(workloads),
    ]
    for allocator in allocators:
        line = f"{a.names[allocator]:{NAME_WIDTH}}"
        for workload in workloads:
            row = a.run.row(workload, allocator, a.threads)
            time, memory = (cell(a, row, m) if row else "-" for m in MEASURES)
            line += f"  {time:>{CELL}} {memory:>{CELL}}"
        lines.append(line.rstrip())
    return [line.rstrip() for line in lines]


def blocks(workloads: list[str]) -> list[list[str]]:
    return [workloads[i : i + ACROSS] for i in range(0, len(workloads), ACROSS)]


def table_lines(a: Answer, room: int) -> list[str]:
    """In so many lines; what finds no room is counted. The base stays, and what is best anywhere."""
    heads, columns, rows = 2, blocks(a.run.workloads), a.allocators
    if (heads + len(rows)) * len(columns) <= room:
        return [line for w in columns for line in block_lines(a, w, rows)]
    columns = columns[: max(1, (room - 1) // (heads + 2))]
    places = {name: len(rows) for name in rows}  # the best of each
    for q in a.questions.values():
        for place, row in enumerate(q.rows):
            places[row.allocator] = min(places[row.allocator], place)
    kept = sorted(rows, key=lambda r: (r != a.base, places[r]))
    kept = kept[: max(1, (room - 1) // len(columns) - heads)]
    lines = [line for w in columns for line in block_lines(a, w, [r for r in rows if r in kept])]
    left_out = [
        plural(count, what)
        for count, what in (
            (len(rows) - len(kept), "more allocator"),
            (len(a.run.workloads) - ACROSS * len(columns), "more workload"),
        )
        if count > 0
    ]
    return [*lines, f"{listed(left_out)}: make table"]


# --- the sentences --------------------------------------------------------------------------------


def by_workload(a: Answer, said: Callable[[str], str]) -> str:
    """What is said of each workload that has something, once of those of which it is the same."""
    same: dict[str, list[str]] = {}
    for workload in a.run.workloads:
        if text := said(workload):
            same.setdefault(text, []).append(workload)
    everywhere = len(a.run.workloads) > 1 and len(same) == 1

    def where(workloads: list[str]) -> str:
        whole = everywhere and len(workloads) == len(a.run.workloads)
        return "all workloads" if whole else listed(workloads)

    return "; ".join(f"{where(w)}: {text}" for text, w in same.items())


def is_all(rows: list[Row], q: Question) -> bool:
    return len(rows) == len(q.rows) > 2


def which(a: Answer, rows: list[Row]) -> str:
    """Who has the least median, and who tie with it. Two of those may differ from each other."""
    first, *others = [a.name(r) for r in rows]
    if len(rows) > MARKED:
        return f"{first} (tied: {len(others)} more, marked *)"
    return f"{first} (tied: {', '.join(others)})" if others else first


def best_sentence(a: Answer, title: str, measure: Measure) -> str:
    def best(workload: str) -> str:
        q = a.question(workload, measure)
        if not q.rows:
            return ""
        if a.open(q) and len(q.rows) > 1:
            return f"too few samples to tell apart ({a.few})"
        if is_all(q.best(), q) and a.comparable:
            return "all tie"
        return which(a, q.best()) if a.comparable else a.name(q.rows[0])

    return f"{title}: {by_workload(a, best) or 'nothing can be ranked'}."


def front_sentence(a: Answer) -> str:
    def unbeaten(workload: str) -> str:
        speed = a.question(workload, TIME)
        memory = a.question(workload, MEMORY)
        if a.open(speed) and a.open(memory):
            return ""
        rows = comparing.front(speed, memory)
        return "all" if is_all(rows, speed) else ", ".join(a.name(r) for r in rows)

    said = by_workload(a, unbeaten)
    beaten = (
        f"none is surely better in speed or memory and at most {INTEREST:.0%} worse in the other"
    )
    return f"Unbeaten ({beaten}): {said}." if said and a.comparable else ""


def ties_of(a: Answer, workload: str, measure: Measure) -> list[str]:
    """The groups of which no two differ, without what the sentence on the best or another group says already."""
    q = a.question(workload, measure)
    groups = q.ties()
    if any(is_all(g, q) for g in groups):
        return ["all"]

    def pairs(*of: list[Row]) -> set[frozenset[str]]:
        return {frozenset((x.allocator, y.allocator)) for g in of for x, y in combinations(g, 2)}

    said = {p for p in pairs(q.best()) if q.rows[0].allocator in p} if groups else set()
    for group in list(groups):
        others = [g for g in groups if g is not group]
        if pairs(group) <= said | pairs(*others):
            groups = others
    return ["=".join(a.name(r) for r in g) for g in groups]


def ties_sentence(a: Answer, lines: int = sys.maxsize) -> str:
    """The differences that are none, in so many lines. If there is too little room, the longest list gives up its last,
    so that no measure or workload is left out."""
    if not a.comparable:
        more = ": repeat with REPS=9" * a.run.facts.complete  # else more were asked for already
        return f"One sample tells no difference from noise{more}."
    ties = {(w, m.name): ties_of(a, w, m) for m in MEASURES for w in a.run.workloads}
    shown = {key: len(of) for key, of in ties.items()}
    while len(wrap(ties_said(a, ties, shown))) > lines and any(shown.values()):
        longest = max(shown.values())
        shown[[key for key, count in shown.items() if count == longest][-1]] -= 1
    return ties_said(a, ties, shown)


def ties_said(
    a: Answer, ties: dict[tuple[str, str], list[str]], shown: dict[tuple[str, str], int]
) -> str:
    """With so many of each list."""

    def of(measure: Measure) -> str:
        def some(workload: str) -> str:
            known, count = ties[workload, measure.name], shown[workload, measure.name]
            return ", ".join(known[:count]) + (" .." if count else "..") * (count < len(known))

        return f"{measure.name}: {by_workload(a, some) or 'none'}"

    whole = all(shown[key] == len(known) for key, known in ties.items())
    end = "; all pairs that tie neither here nor above differ" if whole else f"; ..: {ALL}"
    if all(known == ["all"] for known in ties.values()):
        end = ""
    meaning = f"not surely {INTEREST:.0%} apart; ± does not tell"
    return f"Also tied ({meaning}): {'; '.join(map(of, MEASURES))}{end}."


def kept(rows: list[Row], a: Answer) -> dict[str, float]:
    """By name, what stays above the start when all is freed and told to give back, the most first."""
    found = {a.name(r): s.median for r in rows if (s := r.above_start("rss_purged_bytes"))}
    return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))


def kept_elsewhere(a: Answer, done: str) -> str:
    """Who keeps most in another workload, if it is much of what it had, and more than a trifle."""
    found = []
    for r in a.at_these_threads:
        had, keeps = r.above_start("rss_live_bytes"), r.above_start("rss_purged_bytes")
        if r.workload != done and had and keeps:
            if keeps.median > max(MUCH_KEPT * had.median, TRIFLE):
                found.append((keeps.median, a.name(r), r.workload, had.median))
    if not found:
        return ""
    keeps_bytes, name, workload, had_bytes = max(found)
    return f" In {workload}, {name} keeps {amount(keeps_bytes)} of {amount(had_bytes)}."


def purge_sentence(a: Answer) -> str:
    """Of the workload with the largest live set: there is most to give back. Then who keeps most elsewhere."""
    workload = a.run.workloads[-1]
    rows = [r for r in a.rows(workload) if r.samples]
    if not rows:
        return ""
    live, above = rows[0].median("live_bytes"), kept(rows, a)
    named = [n for n in list(above)[:NAMED] if above[n] > KEPT * live]
    said = [f"{n} keeps {amount(above[n])}" for n in named]
    if rest := list(above)[len(named) :]:
        said.append(f"{'the others' if said else 'all'} keep at most {amount(above[rest[0]])}")
    if without := [a.name(r) for r in rows if a.name(r) not in above]:
        said.append(f"of {listed(without)} no call for that is known")
    were = f"{workload}; {amount(live)} were live"
    return (
        f"All freed and told to give back ({were}): {', '.join(said)}.{kept_elsewhere(a, workload)}"
    )


def start(a: Answer) -> str:
    """What the processes had at the start, which is not counted as memory: the least and the most, and whose that is."""
    starts = [(r.median("rss_start_bytes"), a.name(r)) for r in a.at_these_threads if r.samples]
    (least, _), (most, whose) = min(starts), max(starts)
    if number(least / MIB) == number(most / MIB):
        return amount(most)
    return f"{number(least / MIB)} to {amount(most)}, {whose}"


def failed_sentence(a: Answer) -> str:
    """At any number of threads."""
    said = []
    for allocator in a.run.allocators:
        rows = [r for r in a.run.rows if r.allocator == allocator]
        failures = [cause for r in rows for cause in r.failures]
        if failures:
            total = sum(len(r.samples) for r in rows) + len(failures)
            causes = "; ".join(textwrap.shorten(c, 60) for c in dict.fromkeys(failures))
            said.append(f"{a.names[allocator]}, {len(failures)} of {total} samples ({causes})")
    return f"FAILED: {'; '.join(said)}." if said else ""


def absent_sentence(a: Answer) -> str:
    absent = [f"{name} ({textwrap.shorten(why, 50)})" for name, why in a.run.facts.absent]
    return f"Not here: {', '.join(absent)}." if absent else ""


def unmeasured_sentence(a: Answer) -> str:
    """Also what the tables below do not have."""
    groups = set(a.run.facts.groups.values())
    left = [what for what, group in NOT_MEASURED.items() if group not in groups]
    return f"Not measured here: {', '.join(left)}." if left else ""


def sentences(a: Answer, room: int = sys.maxsize) -> list[str]:
    """The most important first, and what is never left out last. Of ties, what so many lines leave room for."""
    sure = "" if a.comparable else " by one sample, which may be noise"
    compared = [
        best_sentence(a, "Fastest" + sure, TIME),
        best_sentence(a, "Least memory" + sure, MEMORY),
        front_sentence(a),
    ]
    ties = not a.few
    if len(a.ranked) < 2:
        alone = listed([a.names[name] for name in a.ranked]) or "None"
        compared, ties = [f"{alone} alone can be ranked: there is nothing to compare."], False
    said = [failed_sentence(a), *compared, purge_sentence(a)]
    last = [absent_sentence(a), unmeasured_sentence(a)]
    if ties:
        others = sum(len(wrap(s)) for s in [*said, last[-1]])
        said.append(ties_sentence(a, room - others))
    return [s for s in (*said, *last) if s]


# --- the whole ------------------------------------------------------------------------------------


def marks_said(a: Answer) -> str:
    """What * means, and what it means if a column has none."""
    if not a.few:
        return " *: not surely worse than the best median." if a.comparable else ""
    asked = [q for q in a.questions.values() if q.rows]
    if not any(q.apart for q in asked):
        return f" Too few samples to tell apart ({a.few}); more repetitions do."
    without = "; none: none is told apart" if any(map(a.open, asked)) else ""
    return f" *: best, or too few samples to tell from it ({a.few}){without}. More repetitions do."


def head_lines(a: Answer) -> list[str]:
    """What the numbers are."""
    cpus = plural(a.run.facts.cpus, "CPU")
    cautions = [c.partition(":")[0].partition(",")[0] for c in a.run.caveats]
    said = f"{listed(cautions)}. " if cautions else ""
    if a.threads > a.run.facts.cpus:
        cpus = f"only {cpus}: scheduling is measured, too"
    said += f"At {plural(a.threads, 'thread')} ({cpus}), {sample_count(a.at_these_threads)} each. "
    whose = "all threads' " if a.threads > 1 else ""
    said += f"Lower is better. Time: wall time / {whose}operations (a free, a malloc, a write). "
    said += f"Memory: RSS minus that at the start ({start(a)})."
    said += marks_said(a)
    if any(r.failures and r.samples for r in a.at_these_threads):
        said += " !: a sample failed."
    if not a.base:
        return wrap(said)
    there = any(r.allocator == BASE for r in a.at_these_threads)
    absent = f" ({BASE} {'failed' if there else 'was not measured'})"
    said += f" Multiples of {a.names[a.base]}"
    said += ", the C library" if a.base == BASE else absent
    if a.comparable:
        few = min(len(r.samples) for r in a.at_these_threads if r.samples) < paired.FEWEST
        said += ", taken round by round, ± " + ("range" if few else "95 % interval")
    return wrap(f"{said}:")


def wrap(text: str) -> list[str]:
    return textwrap.wrap(
        text, WIDTH, subsequent_indent="  ", break_on_hyphens=False, break_long_words=True
    )


def fit(said: list[str], room: int) -> list[str]:
    """In so many lines. The last stays whole. Of those before it, one ends early if there are too many,
    and what follows that is dropped."""
    last = wrap(said[-1])
    lines: list[str] = []
    for text in said[:-1]:
        left = room - len(last) - len(lines)
        lines += wrap(text) if len(wrap(text)) <= left else first_parts(text, left)
    return lines + last


def first_parts(text: str, room: int) -> list[str]:
    """Those parts, what is said of a workload each, that find room; else as much of the first as does."""
    parts = text.split("; ")
    while len(parts) > 1 and len(wrap("; ".join(parts) + MORE)) > room:
        parts.pop()
    lines = wrap("; ".join(parts) + MORE)
    if 0 < room < len(lines):
        lines[room - 1] = lines[room - 1][: WIDTH - 3].rstrip(" .;:,=") + " .."
    return lines[: max(0, room)]


def nothing(run: Results) -> str:
    """Why there is no answer."""
    there = [r for r in run.rows if r.samples]
    if any(not r.floor for r in there):
        return "Nothing can be ranked at the number of threads nearest to the CPUs."
    return "Only the floor was measured, which is not an allocator." if there else NOTHING


def format_answer(a: Answer, room: int = LINES) -> list[str]:
    """At most so many lines, of WIDTH columns."""
    if not any(r.samples for r in a.at_these_threads):
        return fit([failed_sentence(a), nothing(a.run)], room)
    head, said = head_lines(a), sentences(a)
    needed = min(SENTENCES, sum(len(wrap(s)) for s in said))
    table = table_lines(a, room - len(head) - needed)
    left = room - len(head) - len(table)
    return [*head, *table, *fit(sentences(a, left), left)]


def format_run(run: Results, room: int = LINES) -> list[str]:
    """The answer, and above it what run it is and what a reader must know."""
    above = [run.title, *run.caveats]
    core, groups = run.of_core(True), group_table.format_groups(run)
    said = format_answer(answer(core), room) if core.rows else []
    return [*(line for text in above for line in wrap(text)), "", *said, *groups]


def main() -> int:
    parser = program.parser(__doc__, "scripts/answer.py results/latest")
    parser.add_argument("--all", action="store_true", help="leave out nothing to save lines")
    arguments = parser.parse_args()
    run = bench_results.load(arguments.run)
    text = "\n".join(format_run(run, sys.maxsize if arguments.all else LINES))
    try:
        text.encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        text = text.replace("±", "~")
    print(text)
    return 0


if __name__ == "__main__":
    program.run(main)
