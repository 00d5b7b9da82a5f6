"""The page of a comparison of `spanbench try`: a program under each allocator. Pure; what is claimed, and the words,
are those of verdicts/."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, Mapping

import answer
from bench_results import MIB, printable
from report import again, dots, panels
from report.facts import facts_of, library_of_row
from report.matrices import text
from report.model import Page, Part, Section
from report.summary import Sentence, key_of
from report.svg import Markup
from report.tables import Cell, Line, Table
from verdicts import try_results, try_verdict
from verdicts.try_claims import Verdict, judge, median
from verdicts.try_results import Curve, Metric, Row
from verdicts.try_words import seen, shown

LEGEND = [
    ("dot", "a difference that is proven"),
    ("hollow", "a tie, or too few runs to tell"),
    ("interval", "95 % interval"),
]


def claim_of(verdict: Verdict, metric: Metric, row: Row) -> tuple[str, str]:
    """better, worse, tie or "", and its words."""
    partner = verdict.partner(row)
    claim = verdict.claim(metric, row.name, partner) if partner else None
    if claim is None:
        return "", "is the base" if partner == row.name else "not compared"
    if not claim.differs and not math.isfinite(claim.smallest):
        return "", "too few runs to tell"
    if not claim.differs:
        return "tie", f"tie: {seen(claim.smallest)}"
    less = claim.less == metric.better_is_less
    return ("better", "better") if less else ("worse", "worse")


def picture(verdict: Verdict, metric: Metric) -> Markup:
    rows = [r for r in verdict.results.good if r.values.get(metric.name)]
    names = answer.short_names([r.name for r in rows], dots.NAME_WIDTH)
    drawn = []
    reference = verdict.results.reference
    for row in rows:
        ratio = verdict.ratio(metric, row) or (1.0, 1.0, 1.0)
        middle, low, high = (v if math.isfinite(v) and v > 0 else ratio[0] for v in ratio)
        told, said = claim_of(verdict, metric, row)
        number = answer.number(middle) + {"tie": " tie", "": " ?"}.get(told, "") * (
            row is not reference
        )
        tip = f"{row.name}: {shown(median(row, metric), metric)}, {answer.number(middle)} times ({answer.number(low)} to {answer.number(high)}); {said}"
        value = dots.Value(middle, low, high, told)
        drawn.append(dots.Dot(names[row.name], row.name, value, number, tip))
    drawn.sort(key=lambda d: (d.value.middle, d.name))
    whose = (
        "the first build" if verdict.results.of_two_builds else reference.name if reference else ""
    )
    better = "left" if metric.better_is_less else "right"
    return dots.drawn(
        drawn,
        f"{metric.name}, multiples of {whose} ({better} is better)",
        f"{metric.name} of each row; the table beside it has the numbers",
        True,
    )


def table(verdict: Verdict, metric: Metric) -> Table:
    heads = ["row", metric.name, "times", "95 % interval", Cell("verdict", "word"), "runs"]
    made = Table(f"{metric.name} of each row: medians, and ratios of runs of one round", heads)
    for row in verdict.results.good:
        if not row.values.get(metric.name):
            continue
        ratio = verdict.ratio(metric, row)
        cells = [row.name, shown(median(row, metric), metric)]
        cells.append(answer.number(ratio[0]) if ratio else "-")
        known = ratio and all(
            math.isfinite(v) and v > 0 for v in ratio
        )  # few runs have no interval
        cells.append(" to ".join(map(answer.number, ratio[1:])) if ratio and known else "-")
        said = Cell(claim_of(verdict, metric, row)[1], "word")
        made.lines.append(Line(row.name, None, [*cells, said, str(len(row.values[metric.name]))]))
    return made


def over_time(
    results: try_results.Results, curves: Mapping[tuple[str, int], Curve]
) -> list[Markup]:
    lines = {
        r.name: [(t, b / MIB) for t, b in zip(c.seconds, c.pss)]
        for r in results.good
        if (c := curves.get((r.name, 0))) and c.seconds
    }
    return panels.of_lines("behind-program", lines, "MiB") if lines else []


def sections(verdict: Verdict, curves: Mapping[tuple[str, int], Curve]) -> list[Section]:
    results = verdict.results
    first = Section(
        "metrics",
        "What does each allocator cost this program?",
        "Each dot is a multiple of what the base needs.",
        legend=LEGEND,
    )
    for metric in results.metrics:
        if any(r.values.get(metric.name) for r in results.good):
            key = key_of("metric", metric.name)
            drawn = [picture(verdict, metric)]
            first.parts.append(Part(key, metric.name, drawn, table(verdict, metric)))
    second = Section(
        "time",
        "Memory over time",
        "All processes together, each page counted once, in the first run of each row.",
        legend=[("own", "this row"), ("others", "the others")],
    )
    common, *small = over_time(results, curves) or [Markup()]
    if small:
        made = Part("time-all", "Memory", small, None, shared=common, range=panels.SECONDS)
        second.parts.append(made)
    else:
        second.intro, second.legend = "This run has no recording of memory over time.", []
    return [first, second]


def page(results: try_results.Results, curves: Mapping[tuple[str, int], Curve]) -> Page:
    document = results.document
    verdict = judge(results)
    gaps = [
        Sentence(key_of("s-none", r.name), "gap", printable(f"No result: {r.name}: {r.cause}."))
        for r in results.rows
        if r.cause is not None
    ]
    if not document.get("complete", True):
        gaps.insert(0, Sentence("s-interrupted", "gap", "INTERRUPTED: not all runs are here."))
    said = [printable(w) for w in try_verdict.words(verdict)]
    if not said:
        said = ["One row alone has a result: there is nothing to compare."]
    own = {**document, "allocators": [library_of_row(r) for r in document["rows"]]}
    return Page(
        title=printable(f"spanbench try: {try_verdict.heading(results)}"),
        about=printable(f"{try_verdict.heading(results)}; {text(document, 'started')}"),
        files=f"{Path(results.path).name} and memory.csv",
        gaps=gaps,
        findings=[Sentence(f"s-words-{i}", "finding", w) for i, w in enumerate(said)],
        sections=sections(verdict, curves),
        facts=facts_of(own, document),
        command=again.trial(document),
        allocators=[r.name for r in results.good],
        rows="Builds" if results.of_two_builds else "Allocators",
    )
