"""The page of a run of real programs (make bench-programs): a matrix of programs by allocators, and what the core
of make bench says of the same pairs. Rows are told apart as in the answer of make bench, all programs together. Pure."""

from __future__ import annotations

import statistics
from collections import Counter
from dataclasses import dataclass
from typing import Any, Mapping, Optional

import agreement
import answer
import programs_table
from bench_results import Row, Unusable, plural, printable
from comparing import FALSE_RATE, Question
from programs_table import HEADS
from report import again, dots
from report.facts import facts_of, library_of_row
from report.matrices import text
from report.model import Page, Part, Section
from report.study import ABOVE, NOTHING, per_cent, ratio, tie_said
from report.summary import Sentence, key_of
from report.svg import Markup
from report.tables import Cell, Line, Table, column_of

UNITS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "us"), (1e-9, "ns"))
# How rows are called on the page. SYSTEM is the C library's malloc in every program, also in one that is linked with
# another allocator: there it is preloaded, and the program without a preload is LINKED.
SYSTEM, LINKED = programs_table.REFERENCE, programs_table.LINKED
WORDS = {"better": "less", "worse": "more", "tie": "tie", "": "?"}
LOOKS = {"better": "good", "worse": "bad", "tie": "plain", "": "weak"}
LEGEND = [
    ("dot", "told apart from the C library's malloc"),
    ("hollow", "a tie with it, or nothing can be told"),
    ("interval", "interval"),
]
MEANING = (
    "Each number is a multiple of what the program needs with the C library's malloc (system), with its interval; "
    "below 1 is better. Ratios are of runs of one round. A difference is claimed if it is shown to be above "
    f"{ABOVE}. All pairs of all programs are accounted for together: on average over runs, at most {per_cent(FALSE_RATE)} "
    "of the claims are false. All else is a tie. Its interval may lie beside 1: there may be a difference, which is not shown to "
    f"be above {ABOVE} among all pairs. An interval is of one pair alone."
)


@dataclass
class Program:
    """`base`: the row that numbers are multiples of."""

    name: str
    document: Any
    measured: programs_table.Measured

    @property
    def questions(self) -> dict[str, Question]:
        """By a key of HEADS."""
        return self.measured.questions

    @property
    def base(self) -> str:
        return self.measured.reference

    def label(self, row: str) -> str:
        """How the page calls a row of this program."""
        return programs_table.label(self.measured, row)

    @property
    def why_linked(self) -> str:
        if not self.measured.linked:
            return ""
        said = f'{self.name} is linked with {self.measured.linked}: "{LINKED}" is the program without a preload.'
        if self.label(self.base) == SYSTEM:
            return f"{said} Its base is the C library's malloc all the same, preloaded."
        return f"{said} The C library's malloc was not measured with it, so that is its base."


def program_of(name: str, document: Any) -> Program:
    return Program(name, document, programs_table.of_document(name, document))


def servers(programs: list[Program]) -> list[Program]:
    """Those of which the memory after the load is known."""
    return [p for p in programs if p.questions["after"].rows]


def row_named(q: Question, name: str) -> Optional[Row]:
    return next((r for r in q.rows if r.allocator == name), None)


def allocators_of(programs: list[Program]) -> list[str]:
    """As the page calls them, without the C library's malloc; the programs as they are linked last."""
    names = {p.label(r.allocator) for p in programs for q in p.questions.values() for r in q.rows}
    names |= {p.label(printable(n)) for p in programs for n in p.measured.causes}
    return sorted(names - {SYSTEM, LINKED}) + [LINKED] * (LINKED in names)


# --- the matrix -------------------------------------------------------------------------------------


def cell_of(p: Program, kind: str, name: str) -> Cell:
    q = p.questions[kind]
    row = next((r for r in q.rows if p.label(r.allocator) == name), None)
    base = row_named(q, p.base)
    if name in map(p.label, p.measured.causes):
        return Cell("no result", "weak")
    if row is base and base:
        return Cell("1 is the base", "plain")
    found = ratio(q, row, base) if row and base else None
    if not found:
        return Cell("-", "plain")
    n = answer.number
    return Cell(
        f"{n(found.middle)} {WORDS[found.verdict]}",
        LOOKS[found.verdict],
        key_of("program", p.name),
        below=f"({n(found.low)} to {n(found.high)})",
    )


def absolute(p: Program, kind: str) -> str:
    """What the base needs. Of a program that tells how much it does in a second, the time of one of it."""
    said = programs_table.absolute(p.measured, kind)
    if kind != "time" or p.measured.unit != "/s" or said == "-":
        return said
    seconds = statistics.median(p.measured.costs[kind][p.base])
    scale, unit = next((x for x in UNITS if seconds >= x[0]), UNITS[-1])
    return f"{answer.number(seconds / scale)} {unit} ({said})"


def matrix(programs: list[Program], kind: str) -> Table:
    names = allocators_of(programs)
    heads = ["program", f"with {SYSTEM}", *map(column_of, names)]
    made = Table(f"{HEADS[kind].capitalize()} of programs and allocators", heads)
    for p in programs:
        if kind == "after" and not p.questions[kind].rows:
            continue
        cells = [cell_of(p, kind, n) for n in names]
        made.lines.append(Line(None, None, [p.name, absolute(p, kind), *cells]))
    return made


def picture(p: Program, kind: str) -> Optional[Markup]:
    q = p.questions[kind]
    base = row_named(q, p.base)
    known = [(r, found) for r in q.rows if base and (found := ratio(q, r, base))]
    if not known or not base:
        return None
    known.sort(key=lambda item: (item[1].middle, item[0].allocator))
    names = answer.short_names([p.label(r.allocator) for r, _ in known], dots.NAME_WIDTH)
    drawn = []
    for row, of in known:
        n, name = answer.number, p.label(row.allocator)
        mark = "" if row is base else {"tie": " tie", "": " ?"}.get(of.verdict, "")
        told = "the base" if row is base else WORDS[of.verdict]
        tip = f"{name}: {HEADS[kind]} {n(of.middle)} times ({n(of.low)} to {n(of.high)}); {told}"
        value = dots.Value(of.middle, of.low, of.high, of.verdict)
        drawn.append(dots.Dot(names[name], name, value, n(of.middle) + mark, tip))
    return dots.drawn(
        drawn,
        f"{HEADS[kind]}, multiples of {p.label(p.base)} (left is better)",
        f"{HEADS[kind]} of {p.name} under each allocator; the table beside it has the numbers",
        True,
    )


def table_of(p: Program) -> Table:
    heads = ["allocator"]
    kinds = [kind for kind in HEADS if p.questions[kind].rows]
    for kind in kinds:
        heads += [f"{HEADS[kind]}, times", "interval", Cell("told", "word")]
    made = Table(f"{p.name} under each allocator: multiples of {p.label(p.base)}", heads)
    asked = [p.questions[kind] for kind in kinds]
    names = list(dict.fromkeys(r.allocator for q in asked for r in q.rows))
    for name in names:
        cells: list[str] = [p.label(name)]
        for q in asked:
            row, base = row_named(q, name), row_named(q, p.base)
            found = ratio(q, row, base) if row and base else None
            if row is base and base:
                cells += ["1", "", Cell("is the base", "word")]
            elif not found:
                cells += ["-", "-", Cell("no number", "word")]
            else:
                told = {"tie": tie_said(found), "": NOTHING}
                n = answer.number
                said = told.get(found.verdict, WORDS[found.verdict])
                cells += [n(found.middle), f"{n(found.low)} to {n(found.high)}", Cell(said, "word")]
        made.lines.append(Line(p.label(name), None, cells))
    return made


# --- what it says -----------------------------------------------------------------------------------


def sentence(programs: list[Program], name: str) -> str:
    """How often an allocator is better and worse than the C library's."""
    said = []
    for kind in HEADS:
        told: Counter[str] = Counter()
        for p in programs:
            q = p.questions[kind]
            row, base = row_named(q, name), row_named(q, p.base)
            found = ratio(q, row, base) if row and base and row is not base else None
            told[found.verdict if found else "none"] += 1
        total = sum(told.values()) - told["none"]
        if not total and kind == "after":  # of servers alone
            continue
        part = f"less {HEADS[kind]} in {told['better']} of {plural(total, 'program')}, more in {told['worse']}"
        said.append(part)
    return f"{name}, compared with the C library's malloc: {'; '.join(said)}; all else ties."


def agreement_sentences(document: Any) -> list[str]:
    """What the core of make bench says of the pairs that differ in programs."""
    counts: dict[str, Counter[str]] = {}
    for pair in document["pairs"]:
        for word in ("same", "reversed", "tied", "absent"):
            for workload in pair[word]:
                counts.setdefault(str(workload), Counter())[word] += 1
    total = len(document["pairs"])
    if not total:
        return [
            "No pair of allocators differs in a program for sure, so there is nothing to compare with the core."
        ]
    return [
        f"Of {plural(total, 'pair')} of allocators that differ in a program, {printable(w)} of make bench has "
        f"{c['same']} in the same order, {c['reversed']} reversed, and {c['tied']} as ties."
        for w, c in counts.items()
    ]


def agreement_section(document: Any) -> Section:
    made = Section(
        "agreement",
        "Do the synthetic workloads agree?",
        f"Pairs that differ by over {agreement.APART - 1:.0%} in a program, with no run of one among those of the "
        f"other; compared with {text(document, 'core')} at {plural(int(document['threads']), 'thread')}.",
    )
    found: dict[tuple[str, ...], list[str]] = {}
    for pair in document["pairs"]:
        if pair["reversed"]:
            kind = agreement.NAMES[pair["measure"]]
            which = (kind, f"{pair['better']} than {pair['worse']}", ", ".join(pair["reversed"]))
            found.setdefault(which, []).append(f"{pair['program']} {pair['factor']:.2f}x")
    heads = [
        "measure",
        *(Cell(h, "word") for h in ("better in programs", "reversed in", "programs")),
    ]
    lines = [
        Line(
            None,
            None,
            [printable(k[0]), *(Cell(printable(c), "word") for c in (*k[1:], ", ".join(v)))],
        )
        for k, v in sorted(found.items())
    ]
    made.parts.append(
        Part(
            "agreement-reversed",
            "Reversed pairs",
            [],
            Table("Pairs that the core reverses", heads, lines),
        )
    )
    return made


def sections(programs: list[Program], agreed: Any) -> list[Section]:
    first = Section("matrix", "What does each allocator cost each program?", MEANING)
    rates = [p.name for p in programs if p.measured.unit == "/s"]
    said = f"{answer.listed(rates)}: time is one second, divided by the rate in brackets."
    seconds = sorted({p.measured.seconds_after for p in servers(programs)})
    when = answer.listed([f"{s:g}" for s in seconds], "or")
    notes = {
        "time": said if rates else "",
        "memory": "",
        "after": f"Of servers, {when} s after the load. Compare it with the peak: has the program become smaller?",
    }
    linked = [p.why_linked for p in programs if p.measured.linked]
    first.parts = [
        Part(
            f"matrix-{kind}",
            HEADS[kind].capitalize(),
            [],
            matrix(programs, kind),
            note=" ".join(filter(None, [*linked, notes[kind]])),
        )
        for kind in HEADS
        if kind != "after" or seconds
    ]
    second = Section(
        "programs",
        "Program by program",
        "Each dot is a multiple of what the base needs.",
        legend=LEGEND,
    )
    for p in programs:
        drawn = [x for kind in HEADS if (x := picture(p, kind))]
        second.parts.append(
            Part(key_of("program", p.name), p.name, drawn, table_of(p), note=p.why_linked)
        )
    return [first, second, *([agreement_section(agreed)] if agreed else [])]


def gaps_of(programs: list[Program]) -> list[Sentence]:
    found = [
        Sentence(
            key_of("s-none", p.name, name),
            "gap",
            printable(f"No result: {p.name} with {name}: {cause}."),
        )
        for p in programs
        for name, cause in p.measured.causes.items()
    ]
    for p in programs:
        if not p.document.get("complete", True):
            said = f"INTERRUPTED: not all runs of {p.name} are here."
            found.insert(0, Sentence(key_of("s-interrupted", p.name), "gap", said))
        if p.label(p.base) == LINKED:
            found.append(Sentence(key_of("s-linked", p.name), "caution", p.why_linked))
    return found


def page(documents: Mapping[str, Any], agreed: Any, problems: Mapping[str, str]) -> Page:
    """`documents`: what `spanbench try` wrote, by program. `agreed`: agreement.json, or None. `problems`: of files
    that cannot be read, why."""
    programs = [program_of(printable(name), d) for name, d in documents.items()]
    if not programs:
        raise Unusable("no result of a program is in it")
    programs_table.tell_apart([p.measured for p in programs])
    gaps = [
        Sentence(key_of("s-file", name), "gap", printable(f"Not shown: {name}: {why}."))
        for name, why in problems.items()
    ] + gaps_of(programs)
    if quick := programs_table.quick_said([p.measured for p in programs]):
        gaps.append(Sentence("s-quick", "caution", f"{quick}."))
    said = [sentence(programs, n) for n in allocators_of(programs) if n != LINKED]
    findings = [Sentence(f"s-allocator-{i}", "finding", s) for i, s in enumerate(said)]
    findings += [
        Sentence(key_of("s-left", p.name), "finding", f"{printable(left)}.")
        for p in servers(programs)
        if (left := programs_table.left_of_peak(p.measured))
    ]
    if agreed:
        findings += [
            Sentence(f"s-agreement-{i}", "finding", s)
            for i, s in enumerate(agreement_sentences(agreed))
        ]
    first = programs[0].document
    libraries: dict[str, Any] = {}
    for p in programs:
        for row in p.document["rows"]:
            if row["name"] not in libraries or row["cause"] is None:
                libraries[row["name"]] = library_of_row(row)
    own = {**first, "allocators": list(libraries.values())}
    return Page(
        title=f"spanbench: {plural(len(programs), 'program')}, {text(first, 'started')}",
        about=f"spanbench {text(first, 'version')}, {plural(len(programs), 'real program')}; {text(first, 'started')}",
        files="the .json of each program, and agreement.json",
        gaps=gaps,
        findings=findings,
        sections=sections(programs, agreed),
        facts=facts_of(own, first),
        command=again.programs(dict(documents), programs_table.LIBC),
        allocators=[SYSTEM, *allocators_of(programs)],
    )
