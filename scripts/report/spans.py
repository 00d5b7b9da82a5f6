"""How an allocator that tells keeps its heap: arenas, spans by the size of their slots, and the slots of some spans. From
what heap_spans.py made. Pure."""

from __future__ import annotations

from typing import Any

from bench_results import MIB, plural, printable
from heap_spans import COLUMNS
from report import scale, svg
from report.dots import LAYOUT, axis
from report.model import Part, Section
from report.summary import Sentence, key_of
from report.svg import Markup
from report.tables import Line, Table, long
from verdicts.why_verdict import size

NAMES = [
    "up to 128 B",
    "129 B to 1 KiB",
    "over 1 to 8 KiB",
    "over 8 KiB",
    "one large block",
    "free pages",
]
LANE, HALF = 40, 17  # pixels: of a lane, and of a bar that reaches all the way up or down
HEAD = 22  # above the lanes
CELL, ROW = 6, 46  # of a slot; so many beside each other
LEGEND = [
    ("piece slot-used", "up: in use, or on a thread's list; of free pages: resident"),
    ("piece slot-free", "down: free slots; of free pages: given back"),
    ("border", "where an arena begins"),
]
INTRO = (
    "An arena is a part of the address space. It is cut into spans, which are runs of pages, and a span into slots of one "
    "size. A thread takes slots from spans of its own, which are called cached. A span without a free slot is full. When "
    "one of its blocks is freed, it is partial, and any thread may take it. When all its slots are free, its pages are "
    "free, and go back to the system later. So one live block keeps its whole span. The first picture shows, for each size "
    "of slots, the addresses of its spans from left to right. The second one has the slots of single spans: of the sizes with "
    "most free memory, the span with most free slots."
)


def lane(number: int, halves: list[list[int]], of: Any, x: scale.Scale) -> Markup:
    """In use upwards, free downwards: the longer a bar, the more of the column's addresses."""
    top = HEAD + number * LANE
    middle, width = top + LANE / 2, (x.end - x.start) / COLUMNS
    room = of["bytes"] / COLUMNS
    paths = []
    for values, sign, look in zip(halves, (-1, 1), ("slot-used", "slot-free")):
        strokes = [
            f"M{svg.number(x.start + i * width)},{svg.number(middle)}h{svg.number(width)}"
            f"v{svg.number(sign * max(0.5, HALF * min(1.0, v / room)))}h-{svg.number(width)}z"
            for i, v in enumerate(values)
            if v > 0
        ]
        if strokes:
            paths.append(svg.element("path", d="".join(strokes), class_=look))
    up, down = (size(sum(h)) for h in halves)
    meant = ("resident", "given back") if number == len(NAMES) - 1 else ("in use", "in free slots")
    return svg.group(
        svg.title(f"{NAMES[number]}: {up} {meant[0]}, {down} {meant[1]}"),
        svg.rectangle(x.start, top, x.end - x.start, LANE, "cell-frame"),
        svg.line(x.start, middle, x.end, middle, "grid"),
        *paths,
        svg.text(x.start - 8, middle + 4, NAMES[number], "name"),
        class_="mark",
    )


def address_map(name: str, of: Any) -> Markup:
    start, end = float(LAYOUT["left"]), float(LAYOUT["width"] - 12)
    x = scale.Scale(0.0, of["bytes"] / MIB, start, end, log=False)
    bottom = HEAD + LANE * len(NAMES)
    arenas = []
    for i, arena in enumerate(of["arenas"], 1):
        at = x.at(arena["from"] / MIB)
        arenas.append(svg.line(at, 6, at, bottom, "border"))
        if i == 1 or at - x.at(of["arenas"][i - 2]["from"] / MIB) > 56:
            arenas.append(svg.text(at + 4, 14, f"arena {i}", "fine"))
    return svg.picture(
        LAYOUT["width"],
        bottom + LAYOUT["axis"],
        f"What lies at which address in {name}, by the size of slots; the table beside it has the numbers",
        axis(x, HEAD, bottom, "MiB of addresses, the lowest first"),
        *arenas,
        *(lane(i, halves, of, x) for i, halves in enumerate(of["lanes"])),
        class_="plot",
    )


def slots(name: str, examples: list[Any]) -> Markup:
    """A square for each slot; what is free is hollow."""
    parts, top = [], 4
    for e in examples:
        free = str(e["free"])
        said = f"{size(e['span_bytes'])} of {int(e['slot_bytes'])} B each, {printable(str(e['state']))}: "
        said += f"{free.count('1')} of {len(free)} free"
        squares: dict[str, list[str]] = {"0": [], "1": []}
        for i, bit in enumerate(free):
            px, py = 12 + i % ROW * (CELL + 3), top + 22 + i // ROW * (CELL + 3)
            squares[bit].append(f"M{px},{py}h{CELL}v{CELL}h-{CELL}z")
        drawn = [
            svg.element("path", d="".join(squares[bit]), class_=look)
            for bit, look in (("0", "slot-used"), ("1", "slot-free"))
            if squares[bit]
        ]
        parts.append(
            svg.group(svg.title(said), svg.text(12, top + 14, said), *drawn, class_="mark")
        )
        top += 30 + (len(free) + ROW - 1) // ROW * (CELL + 3)
    return svg.picture(
        LAYOUT["width"],
        top + 4,
        f"The slots of a span of each of {plural(len(examples), 'size')} in {name}: filled in use, hollow free",
        *parts,
        class_="plot",
    )


def table(caption: str, of: Any) -> Table:
    heads = ["bytes of a slot", "spans", "cached", "partial", "full", "slots", "live"]
    made = Table(caption, [*heads, "on threads' lists", "free", "free, MiB"])
    for c in of["classes"]:
        listed = c["slots"] - c["free"] - c["live"]
        cells = [
            c[k] for k in ("slot_bytes", "spans", "cached", "partial", "full", "slots", "live")
        ]
        free = long(c["slot_bytes"] * c["free"] / MIB)
        made.lines.append(
            Line(None, None, [*(str(int(v)) for v in (*cells, listed, c["free"])), free])
        )
    return made


def title_of(heap: Any, of: Any) -> str:
    return f"{printable(heap['allocator'])} on {printable(heap['workload'])} at \"{printable(of['name'])}\""


def part(heap: Any, of: Any) -> Part:
    name = title_of(heap, of)
    large, arenas = of["large"], of["arenas"]
    heading = f"{name}: {plural(len(arenas), 'arena')} of {size(arenas[0]['bytes'])}, "
    heading += f"{plural(sum(c['spans'] for c in of['classes']), 'span')} with slots"
    if large["spans"]:
        heading += (
            f", {plural(int(large['spans']), 'large span')} of {size(large['bytes'])} together"
        )
    pictures = [address_map(name, of)] + ([slots(name, of["examples"])] if of["examples"] else [])
    key = key_of("structure", heap["workload"], heap["allocator"], of["name"])
    return Part(key, heading, pictures, table(f"Spans and slots of {name}", of))


def sections(heaps: list[Any]) -> list[Section]:
    """None, where no allocator tells."""
    parts = [part(h, of) for h in heaps for of in h.get("structure", [])]
    if not parts:
        return []
    names = " and ".join(
        dict.fromkeys(printable(h["allocator"]) for h in heaps if h.get("structure"))
    )
    title = f"How does {names} keep its heap: arenas, spans, slots?"
    return [Section("structure", title, INTRO, parts, LEGEND)]


def sentence(heap: Any, of: Any) -> str:
    total = {k: sum(int(c[k]) for c in of["classes"]) for k in ("spans", "slots", "live", "free")}
    said = (
        f"{title_of(heap, of)}: {plural(total['spans'], 'span')} have {plural(total['slots'], 'slot')}; {total['live']} are "
        f"live, {total['slots'] - total['live'] - total['free']} on threads' lists, and {total['free']} free"
    )
    if not total["free"]:
        return f"{said}."
    most = max(of["classes"], key=lambda c: int(c["slot_bytes"] * c["free"]))
    return f"{said}. Slots of {most['slot_bytes']} B have most of the free memory, {size(most['slot_bytes'] * most['free'])}."


def sentences(heaps: list[Any]) -> list[Sentence]:
    return [
        Sentence(
            key_of("s-structure", h["workload"], h["allocator"], of["name"]),
            "finding",
            sentence(h, of),
        )
        for h in heaps
        for of in h.get("structure", [])
    ]
