"""Where each resident byte is: a bar for each allocator, of start, live set, slack, and what is kept. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Mapping, Optional

import answer
from bench_results import MIB, Row
from report import scale, svg
from report.dots import LAYOUT, axis
from report.study import Place, Study
from report.svg import Markup

# From the left. `rest`: slack and kept of an allocator that does not tell them apart.
PARTS = ("start", "live", "slack", "kept", "rest")
MEANING = {
    "start": "start: resident before the first operation, as the program and its libraries are",
    "live": "live: what was asked for",
    "slack": "slack: what the allocator added to the sizes",
    "kept": "kept: free between blocks, cached, or the allocator's books",
    "rest": "slack or kept: this allocator does not tell which (- in the table)",
}


@dataclass(frozen=True)
class Bytes:
    """Of a row at the instant when all threads hold their live set, in MiB; medians."""

    parts: dict[str, float]
    total: float
    freed: Optional[float]
    purged: Optional[float]


def of_row(row: Row) -> Bytes:
    start, total = (row.median(c) / MIB for c in ("rss_start_bytes", "rss_live_bytes"))
    live = row.median("live_bytes") / MIB
    slack, kept = row.slack(), row.kept()
    parts = {"start": start, "live": live}
    if slack and kept:
        parts |= {"slack": slack.median / MIB, "kept": kept.median / MIB}
    else:
        parts["rest"] = total - start - live
    later = [row.above_start(c) for c in ("rss_drained_bytes", "rss_purged_bytes")]
    freed, purged = (s.median / MIB if s else None for s in later)
    return Bytes(parts, total, freed, purged)


def drawn(of: Bytes) -> list[tuple[str, float]]:
    """Widths whose sum is the total. Where not all of a live block is resident, what is kept would be below 0; then
    the parts before it are shorter."""
    left, found = of.total, []
    for name in PARTS:
        if name in of.parts:
            last = name in ("kept", "rest")
            width = left if last else min(max(0.0, of.parts[name]), left)
            found.append((name, width))
            left -= width
    return found


def least_first(of: Mapping[str, Bytes]) -> list[str]:
    return sorted(of, key=lambda a: (scale.short(of[a].total), a))


def bars(
    study: Study, p: Place, names: dict[str, str], beside: Optional[scale.Beside] = None
) -> Markup:
    """The least first, unless the picture is beside others."""
    of = {r.allocator: of_row(r) for r in p.allocators}
    order = [a for a in beside.order if a in of] if beside else least_first(of)
    totals = [*(b.total for b in of.values()), *(beside.x if beside else ())]
    x = scale.around(totals, LAYOUT["left"], LAYOUT["right"], log=False)
    places = {a: i for i, a in enumerate(beside.order if beside else order)}
    top, bottom = LAYOUT["top"], LAYOUT["top"] + LAYOUT["row"] * len(places)
    marks = []
    for name in order:
        told, at, parts = of[name], 0.0, []
        for part, width in drawn(told):
            begin, end = x.at(at), x.at(at + width)
            parts.append(svg.rectangle(begin, -6, end - begin, 12, f"piece {part}"))
            at += width
        said = ", ".join(f"{k} {answer.number(v)}" for k, v in told.parts.items())
        marks.append(
            svg.group(
                svg.title(f"{name}: {answer.number(told.total)} MiB resident: {said}"),
                *parts,
                svg.text(LAYOUT["left"] - 8, 4, names[name], "name"),
                svg.text(LAYOUT["right"] + 8, 4, f"{answer.number(told.total)} MiB", "value"),
                class_="mark",
                data_a=name,
                transform=f"translate(0 {svg.number(top + LAYOUT['row'] * (places[name] + 0.5))})",
            )
        )
    return svg.picture(
        LAYOUT["width"],
        bottom + LAYOUT["axis"],
        scale.labelled(
            beside,
            f"Resident memory of each allocator on {p.workload}, in its parts; the table beside it has the numbers",
        ),
        axis(x, top, bottom, "resident, MiB (left is better)"),
        *marks,
        class_="plot",
        data_kind=None if beside else "bars",
        data_workload=p.workload,
    )
