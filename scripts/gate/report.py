"""What a gate found, for people and for CI systems: text, Markdown, annotations, JUnit. Pure."""

from __future__ import annotations

import math
from typing import Optional
from xml.etree import ElementTree

from gate.findings import VERDICTS, Finding, headline

MOST_ANNOTATIONS = 10  # GitHub shows so many of a kind and step
SHORT = {
    "ns_per_op": "ns/op",
    "rss_peak_bytes": "RSS peak",
    "rss_drained_bytes": "RSS drained",
    "vsz_peak_bytes": "VSZ peak",
}
LOUD = ("fail", "void", "inconclusive", "accepted")
COLOURS = {"fail": 31, "void": 35, "inconclusive": 33, "accepted": 33, "improved": 32}


def by_effect(findings: list[Finding]) -> list[Finding]:
    """The worst first: what has failed without a number, then the largest growth."""
    return sorted(
        findings,
        key=lambda f: (not math.isnan(f.change), -f.change if f.change == f.change else 0, f.name),
    )


def number(value: float, unit: str) -> str:
    if math.isnan(value):
        return "-"
    if unit == "bytes":
        return f"{value / 2**20:,.4g} MiB" if value < 2**30 else f"{value / 2**20:,.0f} MiB"
    if value == round(value):
        return f"{value:,.0f}"
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"


def percent(value: Optional[float], sign: str = "+") -> str:
    """Rounded to a tenth; a change, if there is one at all, is never shown as none."""
    if value is None or math.isnan(value):
        return "-"
    if math.isinf(value):
        return "inf" if value > 0 else "-inf"
    decimals = 1 if abs(value) >= 0.001 or value == 0 else 2
    return f"{value * 100:{sign}.{decimals}f} %"


def interval(f: Finding) -> str:
    if f.low is None or f.high is None:
        return ""
    return f"{percent(f.low)} .. {percent(f.high)}"


def cells(f: Finding) -> list[str]:
    return [
        f.row,
        SHORT.get(f.metric, f.metric),
        number(f.base, f.unit),
        number(f.head, f.unit),
        percent(f.change),
        interval(f),
        percent(f.margin, ""),
        percent(f.smallest, ""),
        f.verdict.upper() if f.verdict in LOUD else f.verdict,
    ]


HEADS = ["row", "metric", "base", "head", "change", "95 % interval", "margin", "finds", "verdict"]
LEFT = (0, 1, 8)


def table(findings: list[Finding], colour: bool) -> str:
    """`finds`: the smallest change that would have been found."""
    listed = by_effect(findings)
    lines = [HEADS] + [cells(f) for f in listed]
    widths = [max(len(line[i]) for line in lines) for i in range(len(HEADS))]
    made = []
    for at, line in enumerate(lines):
        words = [
            w.ljust(n) if i in LEFT else w.rjust(n) for i, (w, n) in enumerate(zip(line, widths))
        ]
        painted = COLOURS.get(listed[at - 1].verdict) if at and colour else None
        if painted:
            words[-1] = f"\033[{painted}m{words[-1]}\033[0m"
        made.append("  " + "  ".join(words).rstrip())
    return "\n".join(made)


def remarks(findings: list[Finding]) -> list[str]:
    """What the rows that are no plain pass have to say, and how to repeat them."""
    said = []
    for f in by_effect(findings):
        if f.verdict in LOUD:
            said.append(f"{f.verdict.upper()} {f.name}" + f": {f.note}" * bool(f.note))
            if f.verdict != "accepted":
                said.append(f"  alone: {f.repeat}")
    return said


def text(findings: list[Finding], strict: bool, facts: list[str], colour: bool) -> str:
    parts = ["gate: " + headline(findings, strict), "", table(findings, colour)]
    said = remarks(findings)
    parts += ["", *said] if said else []
    parts += ["", *facts]
    return "\n".join(parts)


def escape(word: str) -> str:
    return word.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;").replace("\n", " ")


def markdown(findings: list[Finding], strict: bool, facts: list[str]) -> str:
    lines = [f"### Gate: {escape(headline(findings, strict))}", ""]
    lines.append("| " + " | ".join(HEADS) + " |")
    lines.append("|" + "|".join("---" if i in LEFT else "---:" for i in range(len(HEADS))) + "|")
    for f in by_effect(findings):
        words = [escape(w) for w in cells(f)]
        if f.verdict in LOUD:
            words[-1] = f"**{words[-1]}**"
        lines.append("| " + " | ".join(words) + " |")
    said = remarks(findings)
    if said:
        lines += ["", "```", *(x.replace("```", "'''") for x in said), "```"]
    lines += ["", *(f"- {escape(x)}" for x in facts), ""]
    return "\n".join(lines)


def annotation(f: Finding) -> str:
    kind = "error" if f.verdict == "fail" else "warning"

    def data(word: str) -> str:
        return word.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")

    title = data(f"gate: {f.verdict}: {f.name}").replace(":", "%3A").replace(",", "%2C")
    change = "" if math.isnan(f.change) else f"{percent(f.change)} ({interval(f)}) "
    return f"::{kind} title={title}::{data(change + f.note + ' Alone: ' + f.repeat)}"


def github(findings: list[Finding]) -> list[str]:
    """Commands that GitHub Actions reads from the log: the gravest and largest first."""
    loud = [f for f in by_effect(findings) if f.verdict in LOUD]
    loud.sort(key=lambda f: VERDICTS.index(f.verdict))
    return [annotation(f) for f in loud[:MOST_ANNOTATIONS]]


def printable(word: str) -> str:
    """What XML can hold of it."""
    return "".join(c if c in "\t\n" or c >= " " else "?" for c in word)


def junit(findings: list[Finding], strict: bool) -> bytes:
    """A test case a comparison. What is undecided is skipped, or in a strict run an error."""
    suite = ElementTree.Element("testsuite", name="gate", tests=str(len(findings)))
    counts = {"failure": 0, "error": 0, "skipped": 0}
    for f in findings:
        case = ElementTree.SubElement(
            suite, "testcase", classname=printable(f"gate.{f.tier}.{f.row}"), name=f.metric
        )
        said = f"{percent(f.change)} ({interval(f)}), margin {percent(f.margin, '')}; {f.note}"
        kind = {"fail": "failure", "accepted": "skipped"}.get(f.verdict)
        if f.verdict in ("void", "inconclusive"):
            kind = "error" if strict else "skipped"
        if kind:
            counts[kind] += 1
            of = ElementTree.SubElement(case, kind, message=printable(f"{f.verdict}: {said}"))
            of.text = printable(f.repeat)
        else:
            ElementTree.SubElement(case, "system-out").text = printable(f"{f.verdict}: {said}")
    suite.set("failures", str(counts["failure"]))
    suite.set("errors", str(counts["error"]))
    suite.set("skipped", str(counts["skipped"]))
    return bytes(ElementTree.tostring(suite, encoding="utf-8", xml_declaration=True))
