#!/usr/bin/python3
"""Says what a comparison of `spanbench try` found: a table, and a verdict in words.

Runs of one round are compared with each other, in pairs of rows, with the statistics of the gate
(scripts/gate/stats.py). A difference is claimed if it is proven to be larger than the margin, 1 %. On average, at most
1 % of the claims of a comparison are false. What cannot be told apart is said to be so, with the
smallest difference that would have been seen. So the words, or --json, tell of each pair what is known.
"""

from __future__ import annotations

import itertools
import json
import math
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # run as a file, it is of a package

import program
from verdicts import try_against
from verdicts import try_limits
from verdicts import try_results
from verdicts import try_server
from gate import stats
from verdicts.try_claims import Claim, Verdict, change, is_precise, judge, median
from verdicts.try_results import Metric, Results, Row
from verdicts.try_words import aligned, joined, seen, shown

IMPRECISE = 1
PAIRS = "(A ratio is of pairs of runs of one round. It need not be that of the two medians.)"
LATEST = program.LATEST.with_name("latest-try")
RUN_HELP = "directory, or program.json (default: results/latest-try)"


# --- words ----------------------------------------------------------------------------------------


def of_row(verdict: Verdict, row: Row, reference: Row) -> list[str]:
    """What differs from the reference, in words."""
    claims = (verdict.claim(m, row.name, reference.name) for m in verdict.results.metrics)
    return [change(claim) for claim in claims if claim and claim.differs]


def in_order(verdict: Verdict, metric: Metric) -> list[str]:
    """Rows that have this metric, from the best median."""
    rows = [r for r in verdict.results.good if r.values.get(metric.name)]
    rows.sort(key=lambda r: median(r, metric) * (1 if metric.better_is_less else -1))
    return [r.name for r in rows]


def groups_of_equals(verdict: Verdict, metric: Metric) -> list[tuple[list[str], float]]:
    """Sets of rows of which no two can be told apart, none a part of another, and the smallest
    difference that would have been seen between any two of each. Each such pair is in one of them.
    """
    names = in_order(verdict, metric)

    def tie(one: str, other: str) -> bool:
        claim = verdict.claim(metric, one, other)
        return claim is not None and not claim.differs

    found: list[list[str]] = []
    for pair in itertools.combinations(names, 2):
        if not tie(*pair) or any(set(pair) <= set(g) for g in found):
            continue
        group = list(pair)
        group += [n for n in names if n not in pair and all(tie(n, g) for g in group)]
        found.append(sorted(group, key=names.index))
    return [(g, max_smallest(verdict, metric, g)) for g in found]


def order(verdict: Verdict, metric: Metric, reference: Row) -> list[str]:
    """A sentence that, with those of the ties, says of each pair what is known. None where those that
    compare with the reference do."""
    names = in_order(verdict, metric)
    pairs = [(a, b, verdict.claim(metric, a, b)) for a, b in itertools.combinations(names, 2)]
    claims = [(a, b, c) for a, b, c in pairs if c]
    differing = [(a, b, c) for a, b, c in claims if c.differs]
    if len(claims) < len(pairs) or all(reference.name in (a, b) for a, b, _ in differing):
        return []
    said = [f"{metric.name}, best median first: {joined(names)}"]
    for a, b, c in differing:
        if [a, b] == names[:2] and reference.name not in (a, b):
            said.append(f"{a}: {change(c)} than {b}")
    for a, b, c in differing:  # pairs of runs may say otherwise than the medians
        if c.less != metric.better_is_less:
            said.append(f"but {b} is better than {a}, run by run")
    rest = (
        "all pairs differ"
        if len(differing) == len(pairs)
        else "all pairs differ but those that follow"
    )
    return [f"{'; '.join([*said, rest])}."]


def max_smallest(verdict: Verdict, metric: Metric, group: list[str]) -> float:
    claims = (verdict.claim(metric, a, b) for a, b in itertools.combinations(group, 2))
    return max(c.smallest for c in claims if c)


def of_allocators(verdict: Verdict, reference: Row, enough: bool) -> list[str]:
    """What differs from the reference, and, if the runs are enough to say so, what does not differ."""
    results = verdict.results
    lines = []
    for row in results.good:
        differs = of_row(verdict, row, reference) if row is not reference else []
        if differs:
            lines.append(f"{row.name}: {', '.join(differs)} than {reference.name}.")
    for metric in results.metrics if enough else ():
        lines += order(verdict, metric, reference)
        for group, smallest in groups_of_equals(verdict, metric):
            lines.append(f"{metric.name}: {joined(group)} cannot be told apart ({seen(smallest)}).")
    return lines


def runs_of(results: Results) -> str:
    return f"{results.rounds} run{'s' * (results.rounds != 1)} of each row"


def words(verdict: Verdict) -> list[str]:
    """The verdict, a sentence a line."""
    results = verdict.results
    reference = results.reference
    if not reference:
        return ["No row has a result."]
    pairs = verdict.comparisons
    fewest = stats.fewest_blocks(2 * pairs) if pairs else 0
    # So many prove one difference that stands alone; several need fewer.
    enough = results.rounds >= fewest or verdict.proves_any
    lines = []
    if results.of_two_builds:
        lines += try_against.words(verdict) if enough else []
    else:
        lines += of_allocators(verdict, reference, enough)
    if results.without_ratios:
        lines.append(
            "metric: it is not compared, for it was 0 or less in some run, and such numbers have no "
            f"ratio; {try_results.FILE} has them all."
        )
    lines += notes(results)
    lines += try_server.words(results)
    lines += try_limits.words(results)
    lines += inside(results)
    if pairs and not enough:
        lines.append(
            f"{runs_of(results)} {'is' if results.rounds == 1 else 'are'} too few to prove a single difference among "
            f"{pairs} comparisons; {fewest} would do: give --runs, a larger --budget, or fewer "
            "--allocators."
        )
    return lines


def notes(results: Results) -> list[str]:
    """What a reader of a row must know; the same of several rows is told once."""
    whose: dict[str, list[str]] = {}
    for row in results.good:
        for note in row.notes:
            whose.setdefault(note, []).append(row.name)
    return [f"{joined(names)}: {note}." for note, names in whose.items()]


def inside(results: Results) -> list[str]:
    """Allocators of the programs' own, which no row replaces. Older files do not tell."""
    good = {row.name for row in results.good}
    processes = [
        p
        for row in results.document["rows"]
        if row["name"] in good
        for p in row.get("processes", ())
    ]
    return sorted(
        {f"Inside of {p['comm']}: {inner}." for p in processes for inner in p.get("inner", ())}
    )


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
    metrics = [m for m in results.metrics if not m.minor]
    limits = any(try_limits.limit_of(row) for row in rows)
    lines = [["", *itertools.chain.from_iterable((m.name, "") for m in metrics)]]
    lines[0] += ["smallest limit"] * limits
    for row in rows:
        parts = [cell(verdict, row, m) for m in metrics]
        lines.append([row.name, *itertools.chain.from_iterable(parts)])
        lines[-1] += [try_limits.shown(row)] * limits
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
    if ratios(verdict):
        text.append(f"  {PAIRS}")
    return "\n".join([*text, *try_server.table(results)])


def ratios(verdict: Verdict) -> list[tuple[float, float, float]]:
    """All that the table shows."""
    results = verdict.results
    shown = (
        verdict.ratio(m, r) for m in results.metrics for r in results.good if r.values.get(m.name)
    )
    return [ratio for ratio in shown if ratio]


def has_intervals(verdict: Verdict) -> bool:
    """A few runs have none."""
    return any(math.isfinite(low) and math.isfinite(high) for _, low, high in ratios(verdict))


def heading(results: Results) -> str:
    p = results.document["program"]
    said = p["server"] or " ".join(p["argv"])
    said = " ".join(said.split())
    if len(said) > 70:
        said = f"{said[:67]}..."
    return f"{said}: {runs_of(results)}"


def title(verdict: Verdict) -> str:
    """With what the table shows."""
    results = verdict.results
    reference = results.reference
    whom = "the first build" if results.of_two_builds else reference and reference.name
    intervals = " with 95 % intervals" if has_intervals(verdict) else ""
    beside = f"; medians, and ratios to {whom}{intervals}" if whom else ""
    return f"{heading(results)}{beside}"


def of_pair(claim: Claim) -> dict[str, object]:
    pair, e = claim.pair, claim.pair.effect
    low, high = (math.exp(v) if math.isfinite(v) else None for v in (e.low, e.high))
    return {
        "metric": pair.metric.name,
        "one": pair.one,
        "other": pair.other,
        "ratio": math.exp(e.location),
        "low": low,
        "high": high,
        "differs": claim.differs,
        "smallest_seen": claim.smallest if math.isfinite(claim.smallest) else None,
    }


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
            partner = verdict.partner(row)
            claim = verdict.claim(metric, row.name, partner) if partner else None
            finite = ratio and all(map(math.isfinite, ratio))
            of[metric.name] = {
                "median": median(row, metric),
                "ratio": ratio[0] if ratio else None,
                "low": ratio[1] if ratio and finite else None,
                "high": ratio[2] if ratio and finite else None,
                "differs": bool(claim and claim.differs),
            }
        rows[row.name] = {"cause": row.cause, "notes": list(row.notes), "metrics": of}
        if limit := try_limits.limit_of(row):
            rows[row.name]["smallest_limit_bytes"] = limit["bytes"]
    return {
        "reference": results.reference.name if results.reference else None,
        "rounds": results.rounds,
        "rows": rows,
        "pairs": [of_pair(claim) for claim in verdict.once],
        "words": words(verdict),
    }


def main() -> int:
    parser = program.parser(
        __doc__, "scripts/verdicts/try_verdict.py results/latest-try", LATEST, RUN_HELP
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
    print(title(verdict))
    print(table(verdict))
    if said := words(verdict):
        print("\n".join(["", *said]))
    return 0


if __name__ == "__main__":
    program.run(main)
