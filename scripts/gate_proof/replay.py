"""Recorded null campaigns, judged again and again from random places: how often would the gate have
failed where there is nothing to find?

A recording is one long measurement of three copies of a library. In a window, each row begins at a
random block of its own. From there on it takes what the gate asks for, in the order in which it was
measured. Which of the three is called base, head and "twin" (base's copy) is drawn, too. So a recording
of 100 blocks and six rows has 100^6 x 6 windows, and not only 600. They overlap, and no number of them is
a number of trials. This checks margins and the machinery over what the machine did in that hour. It does
not replace fresh runs.
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
    """Serves what a campaign orders from a recording: each row from a block on; at its end from the
    start."""

    def __init__(self, part: Part, blocks: Blocks, draw: random.Random) -> None:
        self.part = part
        self.blocks = blocks
        rows = sorted({s.row for s in part.samples})
        self.begin = {row: draw.randrange(len(blocks)) for row in rows}
        self.names = dict(zip(ARMS, draw.sample(ARMS, len(ARMS))))
        self.taken = 0

    def __call__(self, order: Order) -> Part:
        before = self.taken
        self.taken += order.blocks
        if self.taken > len(self.blocks):
            raise Refusal(f"a recording of {len(self.blocks)} blocks is too short to be replayed")
        samples = []
        for number in range(order.blocks):
            for row in order.rows:
                block = self.blocks[(self.begin[row] + before + number) % len(self.blocks)]
                samples += [
                    dataclasses.replace(s, arm=self.names[s.arm], block=(order.name, number))
                    for s in block
                    if s.row == row
                ]
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
