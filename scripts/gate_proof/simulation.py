"""Campaigns without a machine, for the tests. Samples are drawn from a known truth, so that what the
gate must find, and what it must not, is known."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, field
from typing import Any, Optional

from gate.campaign import Campaign, Order, run
from gate.findings import Finding
from gate.judge import METRICS, Settings, findings
from gate.samples import ARMS, MIRRORED, Part, Sample

# Nothing of this is measured. The names are as those of real rows.
ROWS = [f"{w}/threads:{n}" for w in ("tiny", "small", "large") for n in (1, 2)]
MIB = 1 << 20
USUAL = {
    "ns_per_op": 20.0,
    "rss_start_bytes": 3.0 * MIB,
    "rss_peak_bytes": 50.0 * MIB,
    "rss_drained_bytes": 40.0 * MIB,
    "rss_purged_bytes": 5.0 * MIB,
    "writable_start_bytes": 10.0 * MIB,
    "writable_live_bytes": 300.0 * MIB,
}


@dataclass
class Machine:
    """`effects`: the factor of an arm in a row and metric. `noise`: the standard deviation of the
    logarithm of a sample, `drift`: what a machine gets slower from each sample to the next."""

    noise: float = 0.01
    drift: float = 0.0
    effects: dict[tuple[str, str, str], float] = field(default_factory=dict)
    without: dict[str, str] = field(default_factory=dict)  # an arm, and a metric that it has not
    facts: dict[str, object] = field(default_factory=lambda: {"cpu": "simulated"})
    seconds: float = 0.3  # of a sample
    now: float = 0.0
    orders: list[Order] = field(default_factory=list)

    def clock(self) -> float:
        return self.now

    def sample(self, order: Order, row: str, arm: str, block: int, draw: random.Random) -> Sample:
        values = {}
        for name, usual in USUAL.items():
            factor = self.effects.get((arm, row, name), 1.0)
            noise = self.noise if name == "ns_per_op" else self.noise / 20
            values[name] = usual * factor * math.exp(draw.gauss(0, noise) + self.drift * self.now)
        values.pop(self.without.get(arm, ""), None)
        self.now += self.seconds
        return Sample(row, arm, (order.name, block), values, f"{row}-{order.seed}")

    def __call__(self, order: Order) -> Part:
        """A measurement, in mirrored blocks as the driver makes them."""
        self.orders.append(order)
        draw = random.Random(order.seed)
        samples = []
        for block in range(order.blocks):
            for row in draw.sample(order.rows, len(order.rows)):
                arms = draw.sample(ARMS, len(ARMS))
                samples += [self.sample(order, row, a, block, draw) for a in arms + arms[::-1]]
        assert len(samples) == order.samples == len(order.rows) * order.blocks * 3 * MIRRORED
        return Part(order.name, samples, dict(self.facts))


def entry(s: Sample, number: int) -> dict[str, Any]:
    """As the driver writes it, of the round with this number."""
    workload, _, threads = s.row.partition("/threads:")
    own: dict[str, Any] = {
        "name": s.row.replace("/", f"/{s.arm}/", 1),
        "workload": workload,
        "allocator": s.arm,
        "threads": int(threads),
        "block": number,
        "seed": 1,
        "digest": s.digest,
    }
    if s.failure is not None:
        return {**own, "error_occurred": True, "error_message": s.failure}
    return {**own, **s.values}


def gate(
    machine: Machine,
    seed: int = 1,
    settings: Settings = Settings(),
    rows: Optional[list[str]] = None,
) -> tuple[Campaign, dict[tuple[str, str], Finding]]:
    """A whole run of the gate's core."""
    asked = rows or ROWS
    done = run(asked, settings, seed, machine, machine.clock)
    found, _ = findings(
        done.first, done.second, asked, done.failed, done.settings, lambda row: f"again {row}"
    )
    return done, {(f.row, f.metric): f for f in found}


def verdicts(found: dict[tuple[str, str], Finding], metric: str) -> dict[str, str]:
    return {row: f.verdict for (row, of), f in found.items() if of == metric}


def all_keys(rows: list[str]) -> set[tuple[str, str]]:
    return {(row, m.name) for row in rows for m in METRICS}
