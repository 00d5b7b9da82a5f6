#!/usr/bin/python3
"""Says what a comparison of `spanbench try` found: a table, and a verdict in words.

Runs of one round are compared with each other, in pairs of rows, with the statistics of the gate
(scripts/gate/stats.py). A difference is claimed if it is proven to be larger than the margin, 1 %. At most
1 % of the claims of a comparison are false. What cannot be told apart is said to be so, with the
smallest difference that would have been seen.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import statistics
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Iterable, Optional

sys.path.insert(0, str(Path(__file__).resolve().parent))  # also where Python does not add it

import program
import try_results
from gate import stats
from try_results import Metric, Results, Row

MARGIN = 0.01  # a difference of at most this is none
# Of memory, at least: what a kernel may not have counted yet, and where chance puts a page.
FLOOR_BYTES = 256 << 10
IMPRECISE = 1
LATEST = program.LATEST.with_name("latest-try")


@dataclass(frozen=True)
class Pair:
    """Row `one` against row `other` in one metric, in logarithms."""

    metric: Metric
    one: str
    other: str
    differences: tuple[float, ...]  # one for each round
    margin: float  # a fraction

    @property
    def effect(self) -> stats.Effect:
        return stats.effect(self.differences)

    @property
    def p(self) -> float:
        """Of the hypothesis that they differ by the margin at most, in either direction."""
        worse = stats.p_worse(self.differences, self.margin)
        better = stats.p_better(self.differences, self.margin)
        return min(1.0, 2 * min(worse, better))


@dataclass(frozen=True)
class Claim:
    """What is said of a pair."""

    pair: Pair
    differs: bool
    smallest: float  # the least difference, a fraction, that would have been seen almost surely

    @property
    def less(self) -> bool:
        return self.pair.effect.location < 0


@dataclass
class Verdict:
    results: Results
    claims: dict[tuple[str, str, str], Claim]  # by metric and rows, in both orders

    def claim(self, metric: Metric, one: str, other: str) -> Optional[Claim]:
        return self.claims.get((metric.name, one, other))

    def ratio(self, metric: Metric, row: Row) -> Optional[tuple[float, float, float]]:
        """Of the row's to the reference's: the estimate and its 95 % interval."""
        reference = self.results.reference
        claim = reference and self.claim(metric, row.name, reference.name)
        if not claim:
            return None
        e = claim.pair.effect
        return math.exp(e.location), math.exp(e.low), math.exp(e.high)


def median(row: Row, metric: Metric) -> float:
    return statistics.median(row.values[metric.name].values())


def pair_of(metric: Metric, one: Row, other: Row) -> Optional[Pair]:
    a, b = one.values.get(metric.name, {}), other.values.get(metric.name, {})
    rounds = sorted(a.keys() & b.keys())
    if not rounds or min(*a.values(), *b.values()) <= 0:
        return None
    margin = MARGIN
    if metric.unit == "bytes":
        margin = max(margin, FLOOR_BYTES / min(median(one, metric), median(other, metric)))
    logs = tuple(math.log(a[r] / b[r]) for r in rounds)
    return Pair(metric, one.name, other.name, logs, margin)


def flipped(claim: Claim) -> Claim:
    p = claim.pair
    turned = Pair(p.metric, p.other, p.one, tuple(-d for d in p.differences), p.margin)
    return Claim(turned, claim.differs, claim.smallest)


def smallest_seen(pair: Pair, level: float) -> float:
    """The difference that the test finds with a power of 95 % at this level."""
    needed = stats.needed_shift(len(pair.differences), level, stats.POWER)
    scale = pair.effect.scale
    if not math.isfinite(scale) or math.isinf(needed):
        return math.inf
    return math.expm1(math.log1p(pair.margin) + needed * scale)


def judge(results: Results) -> Verdict:
    """Every row with every other, in every metric: they are one family of claims."""
    pairs = [
        pair
        for metric in results.metrics
        for one, other in itertools.combinations(results.good, 2)
        if (pair := pair_of(metric, one, other))
    ]
    found = stats.discoveries([p.p for p in pairs])
    # A claim that stands alone must be as sure as this; beside others it need not be.
    level = stats.FALSE_RATE * max(1, sum(found)) / max(1, len(pairs)) / 2
    claims: dict[tuple[str, str, str], Claim] = {}
    for pair, differs in zip(pairs, found):
        claim = Claim(pair, differs, smallest_seen(pair, level))
        claims[pair.metric.name, pair.one, pair.other] = claim
        claims[pair.metric.name, pair.other, pair.one] = flipped(claim)
    return Verdict(results, claims)


def is_precise(verdict: Verdict, precision: float) -> bool:
    """Are the intervals of all rows narrow enough, and the rounds enough to prove anything? Depends
    on widths alone."""
    results = verdict.results
    pairs = len(verdict.claims) // 2
    if results.rounds < stats.fewest_blocks(2 * max(1, pairs)):
        return False
    for metric, row in itertools.product(results.metrics, results.good):
        ratio = verdict.ratio(metric, row)
        if ratio and row is not results.reference:
            estimate, low, high = ratio
            floor = verdict.claims[metric.name, row.name, verdict_reference(verdict)].pair.margin
            if max(high - estimate, estimate - low) / estimate > max(
                precision, floor * (metric.unit == "bytes")
            ):
                return False
    return True


def verdict_reference(verdict: Verdict) -> str:
    assert verdict.results.reference
    return verdict.results.reference.name


# --- words ----------------------------------------------------------------------------------------


def number(value: float) -> str:
    """Three digits."""
    if value == 0 or not math.isfinite(value):
        return "0" if value == 0 else "-"
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{value:,.{digits}f}"


def shown(value: float, metric: Metric) -> str:
    if metric.unit == "bytes":
        return f"{number(value / 2**20)} MiB"
    if metric.unit == "seconds":
        return f"{number(value)} s" if value >= 1 else f"{number(value * 1e3)} ms"
    return number(value)


def percent(fraction: float) -> str:
    value = abs(fraction) * 100
    return f"{value:.0f}" if value >= 10 else f"{value:.1f}".removesuffix(".0")


def change(claim: Claim) -> str:
    """ "11 % less time (8..14)" """
    e = claim.pair.effect
    metric = claim.pair.metric
    ends = sorted((abs(math.expm1(e.low)), abs(math.expm1(e.high))))
    if math.expm1(e.location) >= 1:  # "2.5 times the time" is easier to read than "150 % more"
        noun = metric.more.removeprefix("more ").removeprefix("of ")
        return f"{math.exp(e.location):.1f} times the {noun} ({math.exp(e.low):.1f}..{math.exp(e.high):.1f})"
    words = metric.less if claim.less else metric.more
    return f"{percent(math.expm1(e.location))} % {words} ({percent(ends[0])}..{percent(ends[1])})"


def joined(names: Iterable[str]) -> str:
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last


def of_row(verdict: Verdict, row: Row, reference: Row) -> tuple[list[str], list[Claim]]:
    """What differs from the reference, in words, and what cannot be told apart from it."""
    differs, same = [], []
    for metric in verdict.results.metrics:
        claim = verdict.claim(metric, row.name, reference.name)
        if claim and claim.differs:
            differs.append(change(claim))
        elif claim:
            same.append(claim)
    return differs, same


def groups_of_equals(verdict: Verdict, metric: Metric) -> list[tuple[list[str], float]]:
    """Sets of rows of which no two can be told apart, none a part of another, and the smallest
    difference that would have been seen between any two of each."""
    rows = [r for r in verdict.results.good if r.values.get(metric.name)]
    rows.sort(key=lambda r: median(r, metric))
    found: list[list[str]] = []
    for i in range(len(rows)):
        group = [rows[i].name]
        for row in rows[i + 1 :]:
            claims = [verdict.claim(metric, row.name, name) for name in group]
            if any(c is None or c.differs for c in claims):
                break
            group.append(row.name)
        if len(group) > 1 and not any(set(group) <= set(g) for g in found):
            found.append(group)
    return [(g, max_smallest(verdict, metric, g)) for g in found]


def max_smallest(verdict: Verdict, metric: Metric, group: list[str]) -> float:
    claims = (verdict.claim(metric, a, b) for a, b in itertools.combinations(group, 2))
    return max(c.smallest for c in claims if c)


def seen(smallest: float) -> str:
    if math.isinf(smallest):
        return "there are too few runs to see any difference"
    if smallest > 1:
        return f"only a factor of {1 + smallest:.1f} would have been seen"
    return f"a difference of {percent(smallest)} % would have been seen"


def words(verdict: Verdict) -> list[str]:
    """The verdict, a sentence a line."""
    results = verdict.results
    reference = results.reference
    if not reference:
        return ["No row has a result."]
    lines = []
    pairs = len(verdict.claims) // 2
    fewest = stats.fewest_blocks(2 * pairs) if pairs else 0
    for row in results.good:
        if row is reference:
            continue
        differs, _ = of_row(verdict, row, reference)
        if differs:
            lines.append(f"{row.name}: {', '.join(differs)} than {reference.name}.")
    for metric in results.metrics if results.rounds >= fewest else ():
        for group, smallest in groups_of_equals(verdict, metric):
            lines.append(f"{metric.name}: {joined(group)} cannot be told apart ({seen(smallest)}).")
    if pairs and results.rounds < fewest:
        lines.append(
            f"{results.rounds} runs of each row are too few to prove a single difference among "
            f"{pairs} comparisons; {fewest} would do: give --runs, a larger --budget, or fewer "
            "--allocators."
        )
    return lines


# --- table ----------------------------------------------------------------------------------------


def cell(verdict: Verdict, row: Row, metric: Metric) -> tuple[str, str]:
    """The median, and the ratio to the reference."""
    if not row.values.get(metric.name):
        return "-", ""
    text = shown(median(row, metric), metric)
    ratio = verdict.ratio(metric, row)
    if not ratio:
        return text, ""
    estimate, low, high = ratio
    if not math.isfinite(low) or not math.isfinite(high):
        return text, f"{estimate:.2f}x"
    return text, f"{estimate:.2f}x ({low:.2f}..{high:.2f})"


def table(verdict: Verdict) -> str:
    results = verdict.results
    key = results.metrics[0]
    rows = sorted(
        results.good,
        key=lambda r: median(r, key) * (1 if key.better_is_less else -1),
    )
    lines = [["", *itertools.chain.from_iterable((m.name, "") for m in results.metrics)]]
    for row in rows:
        parts = [cell(verdict, row, m) for m in results.metrics]
        lines.append([row.name, *itertools.chain.from_iterable(parts)])
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    text = []
    for line in lines:
        cells = [line[0].ljust(widths[0])]
        cells += [
            word.rjust(widths[i]) if i % 2 else word.ljust(widths[i])
            for i, word in enumerate(line)
            if i
        ]
        text.append("  " + "  ".join(cells).rstrip())
    for row in results.rows:
        if row.cause is not None:
            text.append(f"  {row.name.ljust(widths[0])}  no result: {row.cause}")
    return "\n".join(text)


def title(results: Results) -> str:
    p = results.document["program"]
    said = p["server"] or " ".join(p["argv"])
    said = " ".join(said.split())
    if len(said) > 70:
        said = f"{said[:67]}..."
    rounds = f"{results.rounds} run{'s' * (results.rounds != 1)} of each row"
    reference = results.reference
    beside = f"; medians, and ratios to {reference.name} with 95 % intervals" if reference else ""
    return f"{said}: {rounds}{beside}"


def numbers(verdict: Verdict) -> dict[str, object]:
    """Gives programs what the table and the words say."""
    results = verdict.results
    rows = {}
    for row in results.rows:
        of = {}
        for metric in results.metrics:
            if not row.values.get(metric.name):
                continue
            ratio = verdict.ratio(metric, row)
            claim = results.reference and verdict.claim(metric, row.name, results.reference.name)
            finite = ratio and all(map(math.isfinite, ratio))
            of[metric.name] = {
                "median": median(row, metric),
                "ratio": ratio[0] if ratio else None,
                "low": ratio[1] if ratio and finite else None,
                "high": ratio[2] if ratio and finite else None,
                "differs": bool(claim and claim.differs),
            }
        rows[row.name] = {"cause": row.cause, "metrics": of}
    return {
        "reference": results.reference.name if results.reference else None,
        "rounds": results.rounds,
        "rows": rows,
        "words": words(verdict),
    }


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog="example: scripts/try_verdict.py results/latest-try",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "run",
        nargs="?",
        type=Path,
        default=LATEST,
        help="directory, or program.json (default: results/latest-try of spanbench)",
    )
    parser.add_argument("--json", action="store_true", help="print the numbers as JSON instead")
    parser.add_argument(
        "--is-precise",
        type=float,
        metavar="PERCENT",
        help="print nothing; end with 0 if the intervals are within this, else with 1",
    )
    args = parser.parse_args()
    results = try_results.load(args.run)
    verdict = judge(results)
    if args.is_precise is not None:
        return 0 if is_precise(verdict, args.is_precise / 100) else IMPRECISE
    if args.json:
        print(json.dumps(numbers(verdict), indent=1))
        return 0
    print(title(results))
    print(table(verdict))
    print()
    print("\n".join(words(verdict)))
    return 0


if __name__ == "__main__":
    program.run(main)
