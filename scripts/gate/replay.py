"""Recorded null campaigns, judged again and again from random places: how often would the gate have
failed where there is nothing to find?

A recording is one long measurement of three copies of a library. A window begins at a random block of
it and takes what the gate asks for from there on, in the order in which it was measured; which copy is
called base, head and twin is drawn, too. Windows overlap: this is a check of margins and of the
machinery over what the machine did in that hour, no substitute for fresh runs.
"""

from __future__ import annotations

import dataclasses
import random
from collections import Counter, defaultdict
from typing import Sequence

from gate import campaign, judge
from gate.campaign import Order
from gate.findings import Refusal, verdict
from gate.judge import Settings
from gate.samples import ARMS, Part, Sample

Blocks = list[list[Sample]]  # of each block of a recording: its samples, in order


def blocks_of(part: Part) -> Blocks:
    found: dict[tuple[str, int], list[Sample]] = defaultdict(list)
    for sample in part.samples:
        found[sample.block].append(sample)
    return [found[key] for key in sorted(found)]


class Window:
    """Serves what a campaign orders from a recording, from a block on; at its end from the start."""

    def __init__(self, part: Part, blocks: Blocks, draw: random.Random) -> None:
        self.part = part
        self.blocks = blocks
        self.next = draw.randrange(len(blocks))
        self.names = dict(zip(ARMS, draw.sample(ARMS, len(ARMS))))
        self.taken = 0

    def __call__(self, order: Order) -> Part:
        self.taken += order.blocks
        if self.taken > len(self.blocks):
            raise Refusal(f"a recording of {len(self.blocks)} blocks is too short to be replayed")
        samples = []
        for number in range(order.blocks):
            block = self.blocks[(self.next + number) % len(self.blocks)]
            samples += [
                dataclasses.replace(s, arm=self.names[s.arm], block=(order.name, number))
                for s in block
                if s.row in order.rows
            ]
        self.next += order.blocks
        return dataclasses.replace(self.part, name=order.name, samples=samples)


def verdict_of(window: Window, rows: list[str], settings: Settings, seed: int) -> str:
    """Of the gate, had it been run there. No time passes: only widths end the second stage."""
    done = campaign.run(rows, settings, seed, window, lambda: 0.0)
    findings, _ = judge.findings(
        done.first, done.second, rows, done.failed, done.settings, lambda row: row
    )
    return verdict(findings)


def replay(
    part: Part, rows: Sequence[str], settings: Settings, windows: int, seed: int
) -> Counter[str]:
    """How often which verdict."""
    blocks = blocks_of(part)
    draw = random.Random(seed)
    return Counter(
        verdict_of(Window(part, blocks, draw), list(rows), settings, seed) for _ in range(windows)
    )
