"""What page.js needs to redraw: every number of the pictures that a reader can switch, and every pair. Pure.

A pair is the ratio of the first to the second with its ends, and what is told. That is 1 if the first is better, -1 if the
second is, 0 for a tie, and 2 for nothing. Of a tie follows the difference in per cent that would have been seen, else 0. Pairs
stand in the order of `rows`: the first with each that follows, and so on. A 0 alone is a pair without a ratio."""

from __future__ import annotations

import json
from itertools import combinations
from typing import Any, Optional

from bench_results import MIB, Row
from comparing import TIME, Question
from report import bars
from report.dots import LAYOUT
from report.scale import short
from report.study import BETTER, NAMES, WORSE, Place, Study, absolute, ratio
from report.svg import Markup

TOLD = {"better": 1, "worse": -1, "tie": 0, "": 2}


def amounts(q: Question, row: Row) -> list[Optional[float]]:
    spread = absolute(row, q.measure)
    if not spread or spread.median <= 0:
        return [None, None, None]
    s = spread.scaled(1.0 if q.measure is TIME else 1 / MIB)
    return [short(v) for v in (s.median, s.low if s.low > 0 else s.median, s.high)]


def pairs(q: Question, rows: list[Row]) -> list[float]:
    found: list[float] = []
    for one, other in combinations(rows, 2):
        r = ratio(q, one, other)
        if r:
            seen = 0 if r.smallest is None else short(100 * r.smallest)
            ends = [short(v) for v in (r.middle, r.low, r.high)]
            found += [*ends, TOLD[r.verdict], seen]
        else:
            found.append(0)
    return found


def resident(row: Row) -> list[Optional[float]]:
    of = bars.of_row(row)
    parts = [of.parts.get(name) for name in bars.PARTS]
    return [short(v) if v is not None else None for v in (of.total, *parts)]


def place(p: Place, places: dict[str, int]) -> dict[str, Any]:
    best = [p.best(q) for q in p.asked]
    return {
        "rows": [
            [places[r.allocator], *(v for q in p.asked for v in amounts(q, r))]
            for r in p.allocators
        ],
        "best": [[places[r.allocator] for r in b] for b in best],
        "front": [places[r.allocator] for r in p.front],
        "bytes": [[places[r.allocator], *resident(r)] for r in p.allocators],
        "pairs": [pairs(q, p.allocators) for q in p.asked],
    }


def of_study(study: Study, names: dict[str, str]) -> dict[str, Any]:
    allocators = study.run.allocators
    places = {name: i for i, name in enumerate(allocators)}
    return {
        "layout": LAYOUT,
        "allocators": allocators,
        "names": [names[a] for a in allocators],
        "base": places[study.base] if study.base else -1,
        "parts": bars.PARTS,
        "main": {w: study.main_threads(w) for w in study.workloads},
        "groups": {w: study.main(w).group for w in study.workloads},
        "measures": {w: [measure(q) for q in study.main(w).asked] for w in study.workloads},
        "places": {p.key: place(p, places) for p in study.places.values()},
    }


def nothing() -> dict[str, Any]:
    """Of a page whose pictures stay as they are."""
    lists: dict[str, Any] = {k: [] for k in ("allocators", "names", "parts")}
    return {
        "layout": LAYOUT,
        "base": -1,
        **lists,
        **{k: {} for k in ("main", "groups", "measures", "places")},
    }


def measure(q: Question) -> list[str]:
    name = q.measure.name
    return [NAMES[name], "ns" if q.measure is TIME else "MiB", BETTER[name], WORSE[name]]


def script(content: dict[str, Any]) -> Markup:
    """As the content of a script element, which nothing in it can end."""
    text = json.dumps(content, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return Markup(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))
