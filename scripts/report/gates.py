"""The page of a run of the gate: its verdict, and what changed by how much. Pure; the words and tables are those
of gate/report.py."""

from __future__ import annotations

import math
from typing import Any

import answer
from bench_results import printable
from gate import report as words
from gate.findings import Finding, restored
from report import again, dots
from report.facts import facts_of
from report.matrices import text
from report.model import Page, Part, Section
from report.summary import Sentence
from report.svg import Markup
from report.tables import Cell, Line, Table

LOOKS = {"fail": "bad", "void": "weak", "inconclusive": "weak", "accepted": "weak"}
DRAWN = {"fail": "worse", "improved": "better", "accepted": "worse"}
SHORT = {"pass": "", "fail": "worse", "improved": "better", "inconclusive": "?", "void": "?"}
LEGEND = [
    ("dot", "a change that the gate is sure of"),
    ("hollow", "no change that it is sure of"),
    ("interval", "95 % interval, of what was measured"),
]


def dot(f: Finding, name: str) -> dots.Dot:
    low, high = (v if v is not None and math.isfinite(v) else f.change for v in (f.low, f.high))
    value = dots.Value(1 + f.change, 1 + low, 1 + high, DRAWN.get(f.verdict, "tie"))
    said = f"{words.change(f)} {SHORT.get(f.verdict, f.verdict)}".rstrip()
    interval = words.interval(f)
    told = f"{f.row} {words.name(f.metric)}: {words.change(f)}"
    return dots.Dot(
        name, None, value, said, told + (f" ({interval})" if interval else "") + f", {f.verdict}"
    )


def is_drawable(f: Finding) -> bool:
    return math.isfinite(f.change) and f.change > -1


def picture(metric: str, drawable: list[Finding]) -> Markup:
    names = answer.short_names([f.row for f in drawable], dots.NAME_WIDTH)
    drawable.sort(key=lambda f: -f.change)
    return dots.drawn(
        [dot(f, names[f.row]) for f in drawable],
        f"{words.name(metric)}, head / base (left is better)",
        f"Change of {words.name(metric)}; the table beside it has the numbers",
        True,
    )


def part(tier: words.Tier, findings: list[Finding], key: str) -> Part:
    listed = tier.of(findings)
    lines = []
    for f in listed:
        first, *cells = tier.cells(f)
        marked = [Cell(c, "word") if i + 1 in tier.left else c for i, c in enumerate(cells)]
        marked[-1] = Cell(cells[-1], LOOKS.get(f.verdict, "plain"))
        lines.append(
            Line(None, None, [first, *marked, Cell(f.note, "word"), Cell(f.repeat, "word")])
        )
    metrics = list(dict.fromkeys(f.metric for f in listed))
    by_metric = [(m, [f for f in listed if f.metric == m and is_drawable(f)]) for m in metrics]
    drawn = [picture(m, of) for m, of in by_metric if of]
    heads = [Cell(h, "word") if i in tier.left else h for i, h in enumerate(tier.heads)]
    table = Table(tier.heading, [*heads, Cell("note", "word"), Cell("repeat", "word")], lines)
    return Part(key, tier.heading, drawn, table)


def page(document: Any) -> Page:
    findings = [restored(f) for f in document["findings"]]
    loud = [words.remark(f) for f in words.by_effect(findings) if f.verdict in words.LOUD]
    headline = words.headline(findings, bool(document["strict"]))
    section = Section(
        "changes",
        "What changed from base to head?",
        "Each dot is what head has, divided by what base has.",
        legend=LEGEND,
    )
    for i, tier in enumerate(words.TIERS):
        if tier.of(findings):
            section.parts.append(part(tier, findings, f"changes-{i}"))
    arms = {k: document[k] for k in ("base", "head")}
    return Page(
        title=f"spanbench gate: {text(arms['base'], 'what')} and {text(arms['head'], 'what')}",
        about=f"base: {text(arms['base'], 'what')}; head: {text(arms['head'], 'what')}",
        files="gate.json",
        gaps=[Sentence(f"s-loud-{i}", "gap", printable(x)) for i, x in enumerate(loud)],
        findings=[
            Sentence("s-verdict", "finding", printable(headline)),
            *(
                Sentence(f"s-fact-{i}", "finding", printable(str(f)))
                for i, f in enumerate(document["facts"])
            ),
        ],
        sections=[section],
        facts=facts_of(document, document),
        command=again.gate(document),
    )
