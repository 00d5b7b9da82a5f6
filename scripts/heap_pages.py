"""What `build/cell/… --heap FILE` wrote, made short: for each instant, what lies at each place of the address space. Pure.

A place is one of PLACES equal parts of all pages on which a block ever lay, in the order of their addresses; gaps
between them are left out.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Any, Iterable

PLACES = 100
CLASSES = 4
MOST = (
    128,
    1024,
    8192,
)  # usable bytes of a block of each class but the last; harness/cell/heap_map.c has the same

# What a byte of a place is, in the order of a picture: live by class, free and resident, given back.
KINDS = (*(f"live{i}" for i in range(CLASSES)), "free", "back")


@dataclass(frozen=True)
class Seen:
    resident: bool
    live: tuple[int, ...]


def parsed(lines: Iterable[str]) -> dict[str, dict[int, Seen]]:
    """By instant, in the order of time, and page. Raises ValueError."""
    found: dict[str, dict[int, Seen]] = defaultdict(dict)
    for line in lines:
        page, resident, *live, instant = line.rstrip("\n").split(",", 2 + CLASSES)
        found[instant][int(page)] = Seen(resident == "1", tuple(map(int, live)))
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


def heap(lines: Iterable[str], page_bytes: int) -> Any:
    """As heap.json has it. `pinned`: free bytes on pages with live blocks, by the class that most of these are of.
    Raises ValueError where nothing was seen."""
    found = parsed(lines)
    numbers = sorted({n for pages in found.values() for n in pages})
    if not numbers:
        raise ValueError("no page was seen")
    place = {n: i * PLACES // len(numbers) for i, n in enumerate(numbers)}
    regions = 1 + sum(b - a > 1 for a, b in zip(numbers, numbers[1:]))
    return {
        "pages": len(numbers),
        "regions": regions,
        "instants": [instant(n, pages, place, page_bytes) for n, pages in found.items()],
    }
