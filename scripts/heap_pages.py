"""What `build/cell/… --heap FILE` wrote, made short: for each instant, what lies at each place of the address space. Pure.

A place is one of PLACES equal parts of all pages on which a block ever lay, in the order of their addresses; gaps
between them are left out.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any, Iterable

import heap_spans

PLACES = 100
CLASSES = len(heap_spans.MOST) + 1  # of live blocks, by their usable bytes

# What a byte of a place is, in the order of a picture: live by class, free and resident, given back.
KINDS = (*(f"live{i}" for i in range(CLASSES)), "free", "back")


@dataclass(frozen=True)
class Seen:
    resident: bool
    live: tuple[int, ...]


DUMP = "dump,"  # begins what the allocator itself tells at an instant


@dataclass
class Told:
    """Has each page of an instant, and lines of the allocator's, if it tells."""

    pages: dict[int, Seen] = field(default_factory=dict)
    own: list[str] = field(default_factory=list)


def parsed(lines: Iterable[str]) -> dict[str, Told]:
    """By instant, in the order of time. Raises ValueError."""
    found: dict[str, Told] = defaultdict(Told)
    instant = ""
    for line in lines:
        if line.startswith(DUMP):
            instant = line.rstrip("\n").removeprefix(DUMP)
        elif line[:1].isdigit():
            page, resident, *live, instant = line.rstrip("\n").split(",", 2 + CLASSES)
            found[instant].pages[int(page)] = Seen(resident == "1", tuple(map(int, live)))
        else:
            found[instant].own.append(line)
    return dict(found)


def bytes_of(seen: Seen, page_bytes: int) -> list[int]:
    """Of a page, by KINDS. A live block may have parts that nobody touched: they count as live."""
    live = sum(seen.live)
    rest = max(0, page_bytes - live)
    return [*seen.live, rest if seen.resident else 0, 0 if seen.resident else rest]


def instant(name: str, pages: dict[int, Seen], place: dict[int, int], page_bytes: int) -> Any:
    places = [[0] * len(KINDS) for _ in range(PLACES)]
    pinned, empty = [0] * CLASSES, 0
    for number, seen in pages.items():
        for i, size in enumerate(bytes_of(seen, page_bytes)):
            places[place[number]][i] += size
        free = bytes_of(seen, page_bytes)[CLASSES]
        if sum(seen.live):
            pinned[max(range(CLASSES), key=lambda i: seen.live[i])] += free
        else:
            empty += free
    return {"name": name, "places": places, "pinned": pinned, "empty": empty}


def live_bytes(instant: Any) -> int:
    return sum(sum(place[:CLASSES]) for place in instant["places"])


def worst(instants: list[Any]) -> Any:
    """With most free resident memory."""
    return max(instants, key=lambda i: int(sum(i["pinned"])) + int(i["empty"]))


def heap(lines: Iterable[str], page_bytes: int) -> Any:
    """As heap.json has it. `pinned`: free bytes on pages with live blocks, by the class that most of these are of.
    `structure`: of the instants with most live memory and with most that blocks pin, what the allocator itself tells.
    Raises ValueError where nothing was seen."""
    found = parsed(lines)
    numbers = sorted({n for told in found.values() for n in told.pages})
    if not numbers:
        raise ValueError("no page was seen")
    place = {n: i * PLACES // len(numbers) for i, n in enumerate(numbers)}
    regions = 1 + sum(b - a > 1 for a, b in zip(numbers, numbers[1:]))
    instants = [instant(n, told.pages, place, page_bytes) for n, told in found.items()]
    pinned = max(instants, key=lambda i: int(sum(i["pinned"])))
    shown = {max(instants, key=live_bytes)["name"], pinned["name"]}
    return {
        "pages": len(numbers),
        "regions": regions,
        "instants": instants,
        "structure": [
            heap_spans.structure(name, told.own)
            for name, told in found.items()
            if told.own and name in shown
        ],
    }
