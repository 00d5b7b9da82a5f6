"""What a gate finds: one finding for each row and metric, and what all of them together mean."""

from __future__ import annotations

import math
import signal
from collections import Counter
from dataclasses import dataclass
from typing import Any, Optional

TIERS = ("exact", "timed", "memory")
# accepted: a fail that results/accepted.json allows, with a reason and until when.
# inconclusive: what was measured cannot say either. void: base's copy differs from base.
VERDICTS = ("fail", "void", "inconclusive", "accepted", "improved", "pass")

PASS, REGRESSION, WRONG_USE, UNDECIDED, SIGNALLED = 0, 1, 2, 75, 128


class Refusal(Exception):
    """Nothing can be judged: why, and what to do about it. Exit code 2."""


class Interrupted(Exception):
    """A signal ended the run: nothing is judged. Exit code 128 and its number."""

    def __init__(self, number: int) -> None:
        super().__init__(f"interrupted by {signal.Signals(number).name}: nothing was judged")
        self.number = number


@dataclass(frozen=True)
class Finding:
    tier: str
    row: str  # "small/threads:1"
    metric: str  # "ns_per_op", "instructions", "rss_peak_bytes" …
    unit: str
    base: float
    head: float
    change: float  # head / base - 1; nan: there is none
    low: Optional[float]  # of the 95 % interval of the change
    high: Optional[float]
    margin: float  # a change of at most this is none
    smallest: Optional[float]  # change that is found; of samples an estimate, 95 in 100
    verdict: str
    note: str
    repeat: str  # the command that measures this row alone
    # In the unit, where the margin is a fixed amount and no share of base; none: it is a share.
    margin_amount: Optional[float] = None
    smallest_amount: Optional[float] = None

    def __post_init__(self) -> None:
        if self.tier not in TIERS or self.verdict not in VERDICTS:
            raise ValueError(f"no finding: {self.tier}, {self.verdict}")

    @property
    def name(self) -> str:
        return f"{self.row} {self.metric}"


def restored(finding: dict[str, Any]) -> Finding:
    """Of gate.json, which has null for what is not a number."""
    numbers = ("base", "head", "change")
    return Finding(**{k: math.nan if v is None and k in numbers else v for k, v in finding.items()})


def verdict(findings: list[Finding]) -> str:
    """The whole run's: the gravest of all findings. A run that found nothing at all does not pass."""
    if not findings:
        raise Refusal("nothing was compared: a gate without a finding decides nothing")
    found = {f.verdict for f in findings}
    grave = [v for v in ("fail", "void", "inconclusive") if v in found]
    return grave[0] if grave else "pass"


def exit_code(findings: list[Finding], strict: bool) -> int:
    """What is undecided fails a strict run only; it is said loudly in any."""
    whole = verdict(findings)
    if whole == "fail":
        return REGRESSION
    return UNDECIDED if strict and whole != "pass" else PASS


def missing(findings: list[Finding], asked: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """The rows and metrics that were asked for and have no finding. A row whose samples failed has
    its one finding for that reason."""
    found = {(f.row, f.metric) for f in findings}
    failed = {f.row for f in findings if f.metric == "samples"}
    return [key for key in asked if key not in found and key[0] not in failed]


def check_coverage(findings: list[Finding], asked: list[tuple[str, str]]) -> None:
    """Each that was asked for is found once, and nothing else is."""
    absent = missing(findings, asked)
    if absent:
        names = ", ".join(" ".join(key) for key in absent)
        raise Refusal(f"the gate is broken: it did not compare {names}")
    counts = Counter((f.row, f.metric) for f in findings)
    odd = [k for k in counts if counts[k] > 1 or (k not in asked and k[1] != "samples")]
    if odd:
        names = ", ".join(" ".join(key) for key in odd)
        raise Refusal(f"the gate is broken: more than was asked for, or twice: {names}")
