"""What an allocator said of its own heap (`dump` in allocators/allocator.h), made short: how its address space is cut
into spans, and these into slots. Pure.

The picture's columns are equal parts of the addresses between the lowest and the highest page of each arena; what lies
between arenas is left out.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any, Iterable, Sequence

COLUMNS = 92
# Bytes of a block, and of a slot, of each class but the last; harness/cell/heap_map.c has the same.
MOST = (128, 1024, 8192)
LANES = len(MOST) + 3  # those, large spans, and free pages
LARGE, FREE = len(MOST) + 1, len(MOST) + 2
EXAMPLES = 5  # spans whose slots are drawn
# States of spans: with slots, of one block, and without any.
SLOTTED, WHOLE, WAITING = ("cached", "partial", "full"), ("large", "stack"), "waiting"
DIGITS, WORD = 16, 64


@dataclass(frozen=True)
class Span:
    address: int
    size: int
    state: str
    slot: int
    slots: int
    free: str  # a digit for each slot, in the order of their addresses; "1": it is free


@dataclass
class Dump:
    arenas: list[tuple[int, int]] = field(default_factory=list)  # each an address and a size
    spans: list[Span] = field(default_factory=list)
    free: list[tuple[int, int, bool]] = field(default_factory=list)  # likewise; is it resident?
    live: dict[int, int] = field(default_factory=dict)  # objects, by bytes of their slots


def bits_of(text: str, slots: int) -> str:
    words = [int(text[i : i + DIGITS], 16) for i in range(0, len(text), DIGITS)]
    return "".join(f"{word:0{WORD}b}"[::-1] for word in words)[:slots].ljust(slots, "0")


def parsed(lines: Iterable[str]) -> Dump:
    """Raises ValueError."""
    found = Dump()
    for line in lines:
        kind, *words = line.split()
        if kind == "arena":
            found.arenas.append((int(words[0], 16), int(words[1])))
        elif kind == "span":
            address, size, state, slot, slots, free = words
            if state not in (*SLOTTED, *WHOLE, WAITING):
                raise ValueError(f"'{state}' is not a state of a span")
            bits = bits_of(free, int(slots)) if state in SLOTTED else ""
            span = Span(int(address, 16), int(size), state, int(slot), int(slots), bits)
            found.spans.append(span)
        elif kind == "free":
            found.free.append((int(words[0], 16), int(words[1]), words[2] == "resident"))
        elif kind == "objects":
            found.live[int(words[0])] = int(words[1])
        else:
            raise ValueError(f"'{kind}' is not a kind of line")
    return found


def lane_of(slot: int) -> int:
    return sum(slot > most for most in MOST)


class Extents:
    """From addresses to a line without gaps: of each arena, what lies between its first and its last page."""

    def __init__(self, of: Dump) -> None:
        begins = sorted(at for at, _ in of.arenas)
        first: dict[int, int] = {}
        last: dict[int, int] = {}
        for at, size in [*((s.address, s.size) for s in of.spans), *(f[:2] for f in of.free)]:
            arena = bisect_right(begins, at) - 1
            if arena < 0:
                raise ValueError("a page lies in no arena")
            first[arena] = min(at, first.get(arena, at))
            last[arena] = max(at + size, last.get(arena, 0))
        self.begins, self.starts, self.places = [], [], []
        self.total = 0
        for arena in sorted(first):
            self.begins.append(begins[arena])
            self.starts.append(first[arena])
            self.places.append(self.total)
            self.total += last[arena] - first[arena]

    def at(self, address: int) -> int:
        arena = bisect_right(self.begins, address) - 1
        return self.places[arena] + address - self.starts[arena]


def spread(sums: list[float], begin: int, size: int, amount: float, total: int) -> None:
    """Adds an amount, evenly over the bytes that it belongs to, to the columns that they lie in."""
    width = total / COLUMNS
    at, end = begin / width, (begin + size) / width
    for column in range(int(at), min(COLUMNS, int(end) + 1)):
        part = min(end, column + 1) - max(at, column)
        sums[column] += amount * max(0.0, part) / (end - at)


def whole(values: list[float]) -> list[int]:
    """Rounded so that the sum stays."""
    found, total = [], 0.0
    for value in values:
        before = round(total)
        total += value
        found.append(round(total) - before)
    return found


def lanes_of(of: Dump, extents: Extents) -> list[list[list[int]]]:
    """Gives bytes in use and bytes of free slots, by lane and column; of free pages, what is resident and what was given
    back."""
    sums = [[[0.0] * COLUMNS for _ in range(2)] for _ in range(LANES)]

    def add(lane: int, which: int, at: int, size: int, amount: float) -> None:
        spread(sums[lane][which], extents.at(at), size, amount, extents.total)

    for s in of.spans:
        if s.state == WAITING:
            add(FREE, 0, s.address, s.size, s.size)
        elif s.state in WHOLE:
            add(LARGE, 0, s.address, s.size, s.size)
        else:
            free = s.slot * s.free.count("1")
            add(lane_of(s.slot), 0, s.address, s.size, s.size - free)
            add(lane_of(s.slot), 1, s.address, s.size, free)
    for at, size, resident in of.free:
        add(FREE, 0 if resident else 1, at, size, size)
    return [[whole(half) for half in lane] for lane in sums]


def classes_of(of: Dump) -> list[dict[str, int]]:
    """Of spans with slots, by the size of these. What is neither live nor free in its span is on a thread's list."""
    found: dict[int, dict[str, int]] = {}
    for s in (s for s in of.spans if s.free):
        empty = {"slot_bytes": s.slot, "spans": 0, "cached": 0, "partial": 0, "full": 0}
        c = found.setdefault(
            s.slot, {**empty, "slots": 0, "free": 0, "live": of.live.get(s.slot, 0)}
        )
        c["spans"] += 1
        c[s.state] += 1
        c["slots"] += s.slots
        c["free"] += s.free.count("1")
    return [found[slot] for slot in sorted(found)]


def examples_of(of: Dump) -> list[dict[str, Any]]:
    """Of the sizes with most bytes in free slots, the span with most of these that is not all free."""
    by_slot: dict[int, list[Span]] = defaultdict(list)
    for s in of.spans:
        if "1" in s.free and "0" in s.free:
            by_slot[s.slot].append(s)
    free = {slot: slot * sum(s.free.count("1") for s in spans) for slot, spans in by_slot.items()}
    chosen = sorted(sorted(free, key=lambda slot: -free[slot])[:EXAMPLES])
    return [
        {"slot_bytes": s.slot, "span_bytes": s.size, "state": s.state, "free": s.free}
        for slot in chosen
        for s in [max(by_slot[slot], key=lambda s: (s.free.count("1"), -s.address))]
    ]


def sizes(spans: Sequence[Span], *states: str) -> int:
    return sum(s.size for s in spans if s.state in states)


def structure(name: str, lines: Iterable[str]) -> Any:
    """As heap.json has it. Raises ValueError."""
    of = parsed(lines)
    extents = Extents(of)
    if not extents.total:
        raise ValueError("the allocator told of no page")
    return {
        "name": name,
        "bytes": extents.total,
        "arenas": [
            {"bytes": dict(of.arenas)[begin], "from": place}
            for begin, place in zip(extents.begins, extents.places)
        ],
        "large": {
            "spans": sum(s.state in WHOLE for s in of.spans),
            "bytes": sizes(of.spans, *WHOLE),
        },
        "waiting": sizes(of.spans, WAITING),
        "resident": sum(size for _, size, resident in of.free if resident),
        "back": sum(size for _, size, resident in of.free if not resident),
        "classes": classes_of(of),
        "lanes": lanes_of(of, extents),
        "examples": examples_of(of),
    }
