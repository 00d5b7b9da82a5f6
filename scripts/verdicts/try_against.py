"""Two builds of a program under each allocator (`spanbench try --against`), in words: is their difference the
allocator's?"""

from __future__ import annotations

import math

from verdicts.try_claims import Claim, Verdict, builds, change
from verdicts.try_results import Metric
from verdicts.try_words import joined, seen


def under(verdict: Verdict, metric: Metric) -> list[tuple[str, Claim]]:
    """The difference of the builds, of each allocator."""
    return [
        (first.name, claim)
        for other, first in builds(verdict.results)
        if (claim := verdict.claim(metric, other.name, first.name))
    ]


def between(verdict: Verdict, metric: Metric) -> list[tuple[str, Claim]]:
    """Of each allocator but the reference: how much larger the difference is there."""
    return [
        (first.name, claim)
        for other, first in builds(verdict.results)
        if (claim := verdict.interactions.get((metric.name, other.name)))
    ]


def size_of(claims: list[Claim]) -> float:
    """Of the least of some differences, in logarithms."""
    return min(abs(claim.pair.effect.location) for claim in claims)


def whose(verdict: Verdict, metric: Metric, differing: list[Claim]) -> str:
    """Whose the difference is, the program's or the allocator's; "": there is none to speak of."""
    found = between(verdict, metric)
    reference = verdict.results.reference
    assert reference
    proven = [(name, claim) for name, claim in found if claim.differs]
    if proven:
        parts = joined(f"{change(claim)} under {name}" for name, claim in proven)
        return (
            f"{metric.name}: beside its difference under {reference.name}, the other build takes "
            f"{parts}: that part is the allocator's."
        )
    if not differing:
        return ""
    if not found:
        return f"{metric.name}: one allocator alone cannot tell whose the difference is; name more."
    smallest = max(claim.smallest for _, claim in found)
    if math.log1p(smallest) > size_of(differing) / 2:
        return f"{metric.name}: whose the difference is cannot be told ({seen(smallest)})."
    return (
        f"{metric.name}: the difference is the program's: allocators do not change it "
        f"({seen(smallest)})."
    )


def of_metric(verdict: Verdict, metric: Metric) -> list[str]:
    found = under(verdict, metric)
    differing = [(name, claim) for name, claim in found if claim.differs]
    equal = [(name, claim) for name, claim in found if not claim.differs]
    said = []
    if differing:
        parts = joined(f"{change(claim)} under {name}" for name, claim in differing)
        said.append(f"{metric.name}: the other build takes {parts}.")
    if equal:
        names = joined(name for name, _ in equal)
        smallest = max(claim.smallest for _, claim in equal)
        said.append(
            f"{metric.name}: under {names} the builds cannot be told apart ({seen(smallest)})."
        )
    last = whose(verdict, metric, [claim for _, claim in differing])
    return [*said, last] if last else said


def words(verdict: Verdict) -> list[str]:
    return [line for metric in verdict.results.metrics for line in of_metric(verdict, metric)]
