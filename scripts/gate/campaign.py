"""When to measure what: a first stage over all rows, a second, on fresh data alone, over those that
are in doubt, at most as long as the budget allows.

It measures through a function that it is given: the driver, or a simulation in tests. Nothing here
looks at a p-value once the second stage has begun. That stage stops when its intervals are narrow
enough, when it has all its blocks, or when the time is spent.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Callable, Protocol

from gate import judge
from gate.judge import Settings
from gate.samples import ARMS, MIRRORED, Part, Sample, check_comparable, check_failures
from gate.samples import check_machine

FIRST = "stage-1"


@dataclass(frozen=True)
class Order:
    """What is to be measured."""

    name: str
    rows: list[str]
    blocks: int
    seed: int
    budget_left: float  # seconds, when it begins
    sure_to_follow: int = 0  # samples that may be needed after it whatever the budget

    @property
    def samples(self) -> int:
        return len(self.rows) * self.blocks * len(ARMS) * MIRRORED


class Measure(Protocol):
    def __call__(self, order: Order) -> Part:
        ...


@dataclass
class Campaign:
    """All that was measured, and with what."""

    rows: list[str]
    settings: Settings
    seed: int
    parts: list[Part] = field(default_factory=list)  # the first, then the looks of the second stage
    failed: dict[str, str] = field(default_factory=dict)
    budget_spent: bool = False  # the second stage ended because of it

    @property
    def first(self) -> list[Sample]:
        return self.good(self.parts[:1])

    @property
    def second(self) -> list[Sample]:
        return self.good(self.parts[1:])

    def good(self, parts: list[Part]) -> list[Sample]:
        return [s for p in parts for s in p.samples if s.row not in self.failed]

    def add(self, part: Part) -> None:
        """Refuses what cannot be compared with the rest."""
        self.parts.append(part)
        check_machine(self.parts)
        for row, cause in check_failures(part.samples).items():
            self.failed.setdefault(row, cause)
        check_comparable(self.good([part]))


def run(
    rows: list[str], settings: Settings, seed: int, measure: Measure, clock: Callable[[], float]
) -> Campaign:
    settings = settings.checked(len(rows))
    campaign = Campaign(rows, settings, seed)
    began = clock()
    look = Order("", rows, settings.looks[0], 0, 0).samples
    order = Order(FIRST, rows, settings.first, seed_of(seed, 0), settings.budget_seconds, look)
    campaign.add(measure(order))
    pace = (clock() - began) / len(rows) / settings.first  # seconds for a block of a row
    doubtful = candidates(campaign)
    taken = 0
    for number, look in enumerate(settings.looks, 1):
        open_rows = doubtful if taken == 0 else imprecise(campaign, doubtful)
        if not open_rows:
            break
        cost = (look - taken) * len(open_rows) * pace
        left = settings.budget_seconds - (clock() - began)
        if taken and cost > left:  # without the first look there would be no decision at all
            campaign.budget_spent = True
            break
        name = look_name(number)
        campaign.add(measure(Order(name, open_rows, look - taken, seed_of(seed, number), left)))
        taken = look
    return campaign


def look_name(number: int) -> str:
    return f"stage-2-look-{number}"


def seed_of(seed: int, number: int) -> int:
    """Of a measurement. No two of a run have the same requests, nor two runs of other seeds."""
    return seed * 100 + number


def candidates(campaign: Campaign) -> list[str]:
    good = [r for r in campaign.rows if r not in campaign.failed]
    compared = judge.compare_all(campaign.first, good, campaign.settings)
    total = len(campaign.rows) * len(judge.METRICS)
    found = {c.row for c in compared.values() if judge.is_candidate(c, total, campaign.settings)}
    return [r for r in good if r in found]


def imprecise(campaign: Campaign, doubtful: list[str]) -> list[str]:
    """The rows of the second stage that need more blocks: their candidates are too wide."""
    good = [r for r in doubtful if r not in campaign.failed]
    total = len(campaign.rows) * len(judge.METRICS)
    settings = campaign.settings
    early = judge.compare_all(campaign.first, good, settings)
    later = judge.compare_all(campaign.second, good, settings)
    return [
        row
        for row in good
        if any(
            judge.is_candidate(early[c.key], total, settings)
            and not judge.is_precise(c, total, settings)
            for c in later.values()
            if c.row == row
        )
    ]
