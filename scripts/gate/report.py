"""What a gate found, for people and for CI systems: text, Markdown, annotations, JUnit. Pure."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import Optional

import junit
from gate.findings import VERDICTS, Finding, verdict
from gate.rows import NOT_SEEN

MOST_ANNOTATIONS = 10  # GitHub shows so many of a kind and step
# For people; gate.json and accepted.json have the names on the left.
NAMES = {
    "ns_per_op": "ns/op",
    "rss_peak_bytes": "RSS peak",
    "rss_drained_bytes": "RSS freed",
    "rss_purged_bytes": "RSS purged",
    "writable_live_bytes": "writable",
    "bytes_mapped": "bytes mapped",
    "minor_faults": "minor faults",
    "timed_syscalls": "timed calls",
}
NULL_RUN = "base and head are the same file: a null run, in which nothing can be worse"
FIRST = (NULL_RUN, NOT_SEEN)  # facts that begin so are among the first lines
LOUD = ("fail", "void", "inconclusive", "accepted")
COLOURS = {"fail": 31, "void": 35, "inconclusive": 33, "accepted": 33, "improved": 32}


def effect(f: Finding) -> float:
    """What findings are sorted by. Without a number, what has failed outweighs any growth. What has
    not failed, where base has none, weighs as much as no change."""
    if math.isnan(f.change):
        return math.inf if f.verdict in LOUD else 0.0
    return f.change


def by_effect(findings: list[Finding]) -> list[Finding]:
    """The worst first: what has failed without a number, then the largest growth."""
    return sorted(findings, key=lambda f: (-effect(f), f.name))


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


def amount(value: float, unit: str) -> str:
    """50 calls, 256 KiB"""
    if unit == "bytes":
        return (
            f"{value / 2**10:.4g} KiB" if value < 1023.5 * 2**10 else f"{value / 2**20:.4g} MiB"
        )
    return f"{number(value, unit)} {unit.removesuffix('s') if value == 1 else unit}"


def margin(f: Finding) -> str:
    if f.margin_amount is not None:
        return amount(f.margin_amount, f.unit)
    return percent(f.margin, "")


def smallest(f: Finding) -> str:
    if f.smallest_amount is not None:
        return amount(f.smallest_amount, f.unit)
    return percent(f.smallest, "")


def change(f: Finding) -> str:
    """Of what base has none, the number that head has."""
    if math.isnan(f.change) and f.base == 0 and f.head > 0:
        return f"+{number(f.head, f.unit)}"
    return percent(f.change)


def name(metric: str) -> str:
    kind, _, call = metric.partition(".")
    return f"{call} calls" if kind == "syscalls" else NAMES.get(metric, metric)


@dataclass(frozen=True)
class Tier:
    """A table of its own."""

    heading: str
    exact: bool

    @property
    def heads(self) -> list[str]:
        heads = ["row", "metric", "base", "head", "change"]
        heads += [] if self.exact else ["95 % interval"]
        return heads + ["margin", "finds", "verdict"]

    @property
    def left(self) -> tuple[int, ...]:
        """The columns of words."""
        return (0, 1, len(self.heads) - 1)

    def of(self, findings: list[Finding]) -> list[Finding]:
        return by_effect([f for f in findings if (f.tier == "exact") == self.exact])

    def cells(self, f: Finding) -> list[str]:
        words = [f.row, name(f.metric), number(f.base, f.unit), number(f.head, f.unit), change(f)]
        words += [] if self.exact else [interval(f)]
        verdict = f.verdict.upper() if f.verdict in LOUD else f.verdict
        return words + [margin(f), smallest(f), verdict]


TIERS = (
    Tier("deterministic: counts of fixed work by one thread; a fail holds on any machine", True),
    Tier("statistical: time and memory of measured samples, with the 95 % interval", False),
)


def is_unchanged(f: Finding) -> bool:
    """A plain pass of a count that is the same: nothing that anybody must read."""
    return f.tier == "exact" and f.verdict == "pass" and f.change == 0 and not f.note


def split(findings: list[Finding]) -> tuple[list[Finding], list[Finding]]:
    """What is shown, and what is only counted."""
    shown = [f for f in findings if not is_unchanged(f)]
    return shown, [f for f in findings if is_unchanged(f)]


def table(tier: Tier, listed: list[Finding], colour: bool) -> list[str]:
    """`finds`: the smallest change that would have been found."""
    lines = [tier.heads] + [tier.cells(f) for f in listed]
    widths = [max(len(line[i]) for line in lines) for i in range(len(tier.heads))]
    made = []
    for at, line in enumerate(lines):
        words = [
            w.ljust(n) if i in tier.left else w.rjust(n)
            for i, (w, n) in enumerate(zip(line, widths))
        ]
        painted = COLOURS.get(listed[at - 1].verdict) if at and colour else None
        if painted:
            words[-1] = f"\033[{painted}m{words[-1]}\033[0m"
        made.append("  " + "  ".join(words).rstrip())
    return made


def tables(findings: list[Finding], colour: bool) -> list[str]:
    lines = []
    for tier in TIERS:
        shown, unchanged = split(tier.of(findings))
        if shown or unchanged:
            lines += ["", tier.heading]
        if shown:
            lines += table(tier, shown, colour)
        if unchanged:
            lines.append(f"  {counted(unchanged, shown)}")
    return lines


def counted(unchanged: list[Finding], shown: list[Finding]) -> str:
    return f"{len(unchanged)}{' more' if shown else ''}: no change"


def remark(f: Finding) -> str:
    """With the name that accepted.json takes, where it is another."""
    also = [f.metric] * (name(f.metric) != f.metric) + ["deterministic"] * (f.tier == "exact")
    said = f"{f.verdict.upper()} {f.row} {name(f.metric)}" + f" ({', '.join(also)})" * bool(also)
    return said + f": {f.note}" * bool(f.note)


def remarks(findings: list[Finding]) -> list[str]:
    """What the rows that do not plainly pass have to say, the worst row first, and how to repeat each."""
    rows: dict[str, list[Finding]] = {}
    for f in by_effect([f for f in findings if f.verdict in LOUD]):
        rows.setdefault(f.row, []).append(f)
    said = []
    for of_row in rows.values():
        said += [remark(f) for f in of_row]
        again = dict.fromkeys(f.repeat for f in of_row if f.verdict != "accepted")
        said += [f"  alone: {command}" for command in again]
    return said


def worst(findings: list[Finding], of: str) -> str:
    """Which finding it is above all, and how many more."""
    grave = by_effect([f for f in findings if f.verdict == of])
    first = f"{grave[0].row} {name(grave[0].metric)}"
    first += f" {change(grave[0])}" * (change(grave[0]) != "-")
    more = f" and {len(grave) - 1} more" * (len(grave) > 1)
    return first + more


def headline(findings: list[Finding], strict: bool) -> str:
    """The verdict of the run in a line, and what is worse above all."""
    counts = Counter(f.verdict for f in findings)
    rows = len({f.row for f in findings})
    said = ", ".join(f"{counts[v]} {v}" for v in VERDICTS if counts[v])
    whole = verdict(findings)
    words = {
        "fail": "FAIL: worse in {}",
        "void": "VOID: this machine is unfit, identical libraries differ on it in {}",
        "inconclusive": "INCONCLUSIVE: too noisy to decide {}",
        "pass": "PASS: no regression",
    }[whole]
    if whole != "pass":
        words = words.format(worst(findings, whole))
    end = " (not an error without --strict)" if whole in ("void", "inconclusive") else ""
    s = "s" * (len(findings) != 1)
    return f"{words}; {len(findings)} comparison{s} of {rows} row{'s' * (rows != 1)}: {said}" + (
        "" if strict else end
    )


def text(findings: list[Finding], strict: bool, facts: list[str], colour: bool) -> str:
    parts = [f"gate: {NULL_RUN}"] * (NULL_RUN in facts)
    parts += ["gate: " + headline(findings, strict)]
    parts += [f"gate: {f}" for f in facts if f.startswith(NOT_SEEN)]
    parts += tables(findings, colour)
    said = remarks(findings)
    parts += ["", *said] if said else []
    parts += ["", *(f for f in facts if not f.startswith(FIRST))]
    return "\n".join(parts)


def escape(word: str) -> str:
    return word.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;").replace("\n", " ")


def markdown_table(tier: Tier, listed: list[Finding]) -> list[str]:
    lines = ["| " + " | ".join(tier.heads) + " |"]
    rules = ["---" if i in tier.left else "---:" for i in range(len(tier.heads))]
    lines.append("|" + "|".join(rules) + "|")
    for f in listed:
        words = [escape(w) for w in tier.cells(f)]
        if f.verdict in LOUD:
            words[-1] = f"**{words[-1]}**"
        lines.append("| " + " | ".join(words) + " |")
    return lines


def markdown(findings: list[Finding], strict: bool, facts: list[str]) -> str:
    """Has all findings. Those without a change are folded."""
    lines = [f"### Gate: {escape(headline(findings, strict))}"]
    lines += [x for f in facts if f.startswith(FIRST) for x in ("", escape(f))]
    for tier in TIERS:
        shown, unchanged = split(tier.of(findings))
        if shown or unchanged:
            lines += ["", f"**{tier.heading[0].upper()}{tier.heading[1:]}**"]
        if shown:
            lines += ["", *markdown_table(tier, shown)]
        if unchanged:
            lines += ["", f"<details><summary>{counted(unchanged, shown)}</summary>", ""]
            lines += [*markdown_table(tier, unchanged), "", "</details>"]
    said = remarks(findings)
    if said:
        lines += ["", "```", *(x.replace("```", "'''") for x in said), "```"]
    lines += ["", *(f"- {escape(x)}" for x in facts if not x.startswith(FIRST)), ""]
    return "\n".join(lines)


def measured(f: Finding) -> str:
    """The change and, if it has one, its interval; nothing: there is no change to speak of."""
    if change(f) == "-":
        return ""
    return change(f) + f" ({interval(f)})" * bool(interval(f))


def annotation(f: Finding) -> str:
    kind = "error" if f.verdict == "fail" else "warning"

    def data(word: str) -> str:
        return word.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")

    title = data(f"gate: {f.verdict}: {f.name}").replace(":", "%3A").replace(",", "%2C")
    said = f"{measured(f)} {f.note}".strip()
    return f"::{kind} title={title}::{data(said + ' Alone: ' + f.repeat)}"


def github(findings: list[Finding]) -> list[str]:
    """Commands that GitHub Actions reads from the log: the gravest and largest first."""
    loud = [f for f in by_effect(findings) if f.verdict in LOUD]
    loud.sort(key=lambda f: VERDICTS.index(f.verdict))
    return [annotation(f) for f in loud[:MOST_ANNOTATIONS]]


def case(f: Finding, strict: bool) -> junit.Case:
    """What is undecided is skipped, or in a strict run an error."""
    said = f"{measured(f) or '-'}, margin {margin(f)}" + f"; {f.note}" * bool(f.note)
    outcome = {"fail": "failure", "accepted": "skipped"}.get(f.verdict, "")
    if f.verdict in ("void", "inconclusive"):
        outcome = "error" if strict else "skipped"
    said = f"{f.verdict}: {said}"
    classname = f"gate.{f.tier}.{f.row}"
    if not outcome:
        return junit.Case(classname, f.metric, text=said)
    return junit.Case(classname, f.metric, outcome, message=said, text=f.repeat)


def xml(findings: list[Finding], strict: bool) -> bytes:
    """JUnit, for CI systems: a test case a comparison."""
    return junit.document(junit.suite("gate", [case(f, strict) for f in findings]))
