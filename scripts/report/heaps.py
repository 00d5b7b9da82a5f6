"""The page of scripts/heap.py: what lies at which address after each phase, and what pins free memory. Pure."""

from __future__ import annotations

from typing import Any


from bench_results import MIB, plural, printable
from heap_pages import CLASSES, KINDS, live_bytes, worst
from report import spans, svg
from report.facts import facts_of
from report.matrices import text
from report.model import Page, Part, Section
from report.ranges import Range
from report.summary import Sentence, key_of
from report.svg import Markup
from report.tables import Line, Table, long
from verdicts.why_verdict import size

COLUMN, GAP, PLACE = 34, 4, 3  # pixels: of an instant, between two, of a place
LEFT, TOP = 38, 18
SIZES = ["up to 128 B", "129 B to 1 KiB", "over 1 to 8 KiB", "over 8 KiB"]
NAMES = [*(f"live: blocks of {s}" for s in SIZES), "free, and resident", "given back to the system"]
SHARE = "% of the addresses"
RANGE = Range(SHARE, ["phase", SHARE, *(f"{name}, KiB" for name in NAMES)])
LEGEND = [(f"piece cell-{k}", name) for k, name in zip(KINDS, NAMES)]
INTRO = (
    "From left to right the phases, by the numbers in the table. From top to bottom the addresses, the lowest first; only "
    "pages on which a block ever lay, without the gaps between them. In each row of a phase, live blocks are at the "
    "left, the smallest first, then what is free and resident, and at the right what was given back. A page with one "
    "small live block cannot be given back: the table says which sizes pin how much."
)


def totals(instant: Any) -> list[float]:
    """By KINDS, in MiB."""
    return [sum(place[i] for place in instant["places"]) / MIB for i in range(len(KINDS))]


def cells(instants: Any) -> str:
    """KiB of each kind, in each place of each phase."""
    return ";".join(
        " ".join(",".join(svg.number(size / 1024) for size in place) for place in instant["places"])
        for instant in instants
    )


def picture(heap: Any) -> Markup:
    instants = heap["instants"]
    strokes: list[list[str]] = [[] for _ in KINDS]
    for column, instant in enumerate(instants):
        left = LEFT + column * (COLUMN + GAP)
        for row, place in enumerate(instant["places"]):
            whole, at = sum(place), float(left)
            for kind, size in enumerate(place):
                width = COLUMN * size / whole if whole else 0.0
                if width >= 0.05:
                    y, w = TOP + row * PLACE, svg.number(width)
                    strokes[kind].append(f"M{svg.number(at)},{y}h{w}v{PLACE}h-{w}z")
                at += width
    height = PLACE * max(len(i["places"]) for i in instants)
    numbers = [
        svg.text(LEFT + i * (COLUMN + GAP) + COLUMN / 2, TOP - 5, str(i + 1), "tick")
        for i in range(len(instants))
    ]
    drawn = [
        svg.element("path", svg.title(name), d="".join(d), class_=f"mark cell-{kind}")
        for kind, name, d in zip(KINDS, NAMES, strokes)
        if d
    ]
    frames = [
        svg.rectangle(LEFT + i * (COLUMN + GAP), TOP, COLUMN, height, "cell-frame")
        for i in range(len(instants))
    ]
    width = len(instants) * (COLUMN + GAP)
    window = svg.element(
        "svg",
        *drawn,
        x=LEFT,
        y=TOP,
        width=width,
        height=height,
        viewBox=f"{LEFT} {TOP} {width} {height}",
        preserveAspectRatio="none",
        class_="window",
        data_box=f"{LEFT} {LEFT + width} {TOP} {TOP + height}",
        data_shown="0 100",
        data_cells=cells(instants),
    )
    name = f"{printable(heap['allocator'])} on {printable(heap['workload'])}"
    return svg.picture(
        LEFT + len(instants) * (COLUMN + GAP),
        TOP + height + 6,
        f"The heap of {name} after each phase, by address; the table beside it has the numbers",
        *frames,
        window,
        svg.group(
            svg.text(LEFT - 3, TOP + 8, "0 %", "rung fine"),
            svg.text(LEFT - 3, TOP + height, "100 %", "rung fine"),
            class_="ends",
        ),
        *numbers,
        class_="plot",
    )


def table(heap: Any) -> Table:
    heads = [
        "phase",
        "live",
        "free beside live",
        *(f"pinned by {s}" for s in SIZES),
        "free pages",
        "given back",
    ]
    made = Table(
        f"The heap of {printable(heap['allocator'])} on {printable(heap['workload'])}, MiB", heads
    )
    for i, instant in enumerate(heap["instants"], 1):
        of = totals(instant)
        pinned = [p / MIB for p in instant["pinned"]]
        cells = [sum(of[:CLASSES]), sum(pinned), *pinned, instant["empty"] / MIB, of[-1]]
        name = f"{i}: {printable(instant['name'])}"
        made.lines.append(Line(None, None, [name, *(long(c) for c in cells)]))
    return made


def sentence(heap: Any) -> str:
    at = worst(heap["instants"])
    pinned = sum(at["pinned"])
    most = max(range(CLASSES), key=lambda i: int(at["pinned"][i]))
    said = (
        f"On {printable(heap['workload'])}, {printable(heap['allocator'])} has most free memory resident at "
        f"\"{printable(at['name'])}\": {size(pinned)} beside live blocks"
    )
    if pinned:
        said += f" (most of it, {size(at['pinned'][most])}, beside blocks of {SIZES[most]})"
    live = live_bytes(at)
    return f"{said}, and {size(at['empty'])} on pages without one; {size(live)} are live."


def page(document: Any) -> Page:
    if CLASSES != len(SIZES):
        raise ValueError("the classes have other names")
    good = [h for h in document["heaps"] if h.get("cause") is None]
    gaps = [
        Sentence(
            key_of("s-none", h["workload"], h["allocator"]),
            "gap",
            printable(f"No heap of {h['allocator']} on {h['workload']}: {h['cause']}."),
        )
        for h in document["heaps"]
        if h.get("cause") is not None
    ]
    sections = []
    for workload in dict.fromkeys(str(h["workload"]) for h in good):
        made = Section(
            key_of("heap", workload),
            f"What lies where on {printable(workload)}?",
            INTRO,
            legend=LEGEND,
        )
        for h in good:
            if h["workload"] == workload:
                heading = f"{printable(h['allocator'])}: {plural(int(h['pages']), 'page')}, in {plural(int(h['regions']), 'region')}"
                key = key_of("heap", workload, h["allocator"])
                made.parts.append(Part(key, heading, [picture(h)], table(h), range=RANGE))
        sections.append(made)
    sections += spans.sections(good)
    names = " ".join(dict.fromkeys(str(h["allocator"]) for h in document["heaps"]))
    loads = " ".join(dict.fromkeys(str(h["workload"]) for h in document["heaps"]))
    return Page(
        title=f"spanbench: heaps, {text(document, 'started')}",
        about=f"The heap after each phase, at {plural(int(document['threads']), 'thread')}; {text(document, 'started')}",
        files="heap.json",
        gaps=gaps,
        findings=[
            Sentence(key_of("s-heap", h["workload"], h["allocator"]), "finding", sentence(h))
            for h in good
        ]
        + spans.sentences(good),
        sections=sections,
        facts=facts_of(document, document),
        command=printable(
            f"make heap ALLOCATORS='{names}' WORKLOADS='{loads}' THREADS={document['threads']} SEED={document['seed']}"
        ),
    )
