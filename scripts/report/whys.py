"""The page of a run of `spanbench why`: whose the memory of a program is, over time. Pure; the words are those of
verdicts/why_verdict.py."""

from __future__ import annotations

import shlex
from typing import Any

from bench_results import MIB, plural, printable
from report import ranges, scale, svg
from report.dots import slots
from report.facts import Facts, Library
from report.matrices import text
from report.model import Page, Part, Section
from report.ranges import Range
from report.summary import Sentence
from report.svg import Markup
from report.tables import Cell, Line, Table
from verdicts import why_verdict
from verdicts.why_results import PARTS, Point, Process, Results
from verdicts.why_verdict import Verdict, percent, size

WIDTH, HEIGHT = 690, 320
LEFT, RIGHT, TOP, BOTTOM = 52, 430, 14, 286
MOST_POINTS = 200  # that are drawn of a layer
RANGE = Range("seconds", ["part", "seconds", "MiB"])
SHORT = {**PARTS, "requested": "live: asked for", "slack": "live: slack"}


def thinned(points: list[Point], kept: Point, most: int = MOST_POINTS) -> list[Point]:
    """At most so many, among them the one that is judged and the one of most memory."""
    if len(points) <= most:
        return points
    step = len(points) / (most - 2)
    chosen = {int(i * step) for i in range(most - 2)} | {len(points) - 1}
    chosen |= {points.index(kept), max(range(len(points)), key=lambda i: points[i].rss)}
    return [points[i] for i in sorted(chosen)]


def layer(
    name: str, low: ranges.Line, high: ranges.Line, said: str, all_: tuple[str, str]
) -> Markup:
    """`all_`: the points of its upper and its lower border."""
    corners = " ".join(f"{svg.number(x)},{svg.number(y)}" for x, y in [*high, *reversed(low)])
    return svg.element(
        "polygon",
        svg.title(said),
        points=corners,
        class_=f"mark layer {name}",
        data_n=PARTS[name],
        data_z=";".join(all_),
    )


def stacked(points: list[Point]) -> list[ranges.Line]:
    """In MiB: the ground, and the upper border of each part in the order of PARTS."""
    at, found = [0.0] * len(points), [[(p.seconds, 0.0) for p in points]]
    for name in PARTS:
        at = [b + max(0.0, p.parts[name]) / MIB for b, p in zip(at, points)]
        found.append([(p.seconds, v) for p, v in zip(points, at)])
    return found


def live_of(points: list[Point]) -> ranges.Line:
    return [(p.seconds, p.live / MIB) for p in points]


def picture(process: Process, verdict: Verdict) -> Markup:
    """Stacked, from the bottom in the order of PARTS. Names stand at the right, and lead to the judged instant: at the
    end a program may have nothing left."""
    points = thinned(process.points, verdict.at)
    x = scale.around([p.seconds for p in points], LEFT, RIGHT, log=False)
    if x.high > 0:  # no room at the right: there are the names
        x = scale.Scale(0.0, max(p.seconds for p in points) or 1.0, LEFT, RIGHT, log=False)
    borders, live = stacked(points), live_of(points)
    y = scale.around([v for _, v in [*borders[-1], *live]], BOTTOM, TOP, log=False)
    more = thinned(process.points, verdict.at, ranges.MOST_POINTS)
    steps = ranges.steps([*stacked(more), live_of(more)])
    whole = [steps.points(line) for line in stacked(more)]
    drawn = [[(x.at(s), y.at(v)) for s, v in line] for line in borders]
    judged, at_judged = x.at(verdict.at.seconds), points.index(verdict.at)
    layers, names = [], []
    for i, (name, words) in enumerate(PARTS.items()):
        at = verdict.at.parts[name]
        said = f"{words}: {size(at)} at {verdict.at.seconds:.2f} s, at most {size(max(p.parts[name] for p in process.points))}"
        layers.append(layer(name, drawn[i], drawn[i + 1], said, (whole[i + 1], whole[i])))
        if at > 0:
            middle = (borders[i][at_judged][1] + borders[i + 1][at_judged][1]) / 2
            names.append((middle, f"{SHORT[name]}, {size(at)}"))
    names.reverse()  # the topmost first
    heights = slots([y.at(at) for at, _ in names], TOP + 4, BOTTOM)
    labels: list[str] = []
    instant = steps.at(verdict.at.seconds)
    for (at, words), height in zip(names, heights):
        place: dict[str, svg.Value] = {"data_x": instant, "data_y": steps.up(at)}
        labels += [
            svg.line(judged, y.at(at), RIGHT + 12, height, "leader", **place),
            svg.text(RIGHT + 15, height + 4, words, "label"),
        ]
    axis = ranges.axis((LEFT, RIGHT, TOP, BOTTOM), (x.low, x.high), steps)
    live_drawn = [(x.at(s), y.at(v)) for s, v in live]
    return svg.picture(
        WIDTH,
        HEIGHT,
        f"Resident memory of {process.title} over time, in its parts; the tables have the numbers",
        frame(x, y, **axis),
        *layers,
        svg.polyline(live_drawn, class_="live", data_z=steps.points(live_of(more))),
        svg.line(judged, TOP, judged, BOTTOM, "one", data_x=instant),
        *labels,
        class_="plot",
    )


def frame(x: scale.Scale, y: scale.Scale, **more: svg.Value) -> Markup:
    parts: list[str] = [svg.text(4, 10, "resident, MiB", "caption")]
    for tick in y.ticks():
        parts += [
            svg.line(LEFT, y.at(tick), RIGHT, y.at(tick), "grid"),
            svg.text(LEFT - 6, y.at(tick) + 4, scale.label(tick), "rung"),
        ]
    parts += [svg.text(x.at(t), BOTTOM + 14, scale.label(t), "tick") for t in x.ticks()]
    parts.append(
        svg.text((LEFT + RIGHT) / 2, BOTTOM + 30, "seconds since the program began", "title")
    )
    return svg.group(*parts, class_="axis", **more)


def parts_table(process: Process, at: Point) -> Table:
    """Of what is resident at the judged instant, and at most."""
    made = Table(
        f"Resident memory of {process.title}",
        [Cell("what", "word"), f"at {at.seconds:.2f} s", "share", "at most"],
    )
    for name, words in PARTS.items():
        most = max(p.parts[name] for p in process.points)
        cells = [words, size(at.parts[name]), percent(at.parts[name], at.rss), size(most)]
        made.lines.append(Line(None, None, cells))
    total = ["all", size(at.rss), percent(at.rss, at.rss), size(max(p.rss for p in process.points))]
    made.lines.append(Line(None, None, total))
    beside = max(p.parts["untouched"] for p in process.points)
    row = ["beside it: live, not resident", size(at.parts["untouched"]), "", size(beside)]
    made.lines.append(Line(None, None, row))
    return made


def classes_table(at: Point) -> Table:
    heads = ["usable bytes", "live", "of live", "blocks", Cell("mostly by", "word")]
    made = Table(f"Live blocks at {at.seconds:.2f} s, by size", heads)
    for c in at.classes:
        who = f"{c.thread} ({c.share:.0%})" if c.thread else "-"
        row = [f"{c.least} to {c.most}", size(c.bytes), percent(c.bytes, at.live), f"{c.blocks:,}"]
        made.lines.append(Line(None, None, [*row, Cell(printable(who), "word")]))
    return made


def processes_table(results: Results) -> Table:
    heads = ["process", "at most resident", "live at its end", Cell("malloc of", "word")]
    made = Table("Processes, the largest first", heads)
    for p in sorted(results.processes, key=lambda p: -p.peak):
        row = [printable(p.title), size(p.peak), size(p.points[-1].live)]
        made.lines.append(Line(None, None, [*row, Cell(printable(p.allocator), "word")]))
    return made


def sections(results: Results, verdict: Verdict) -> list[Section]:
    process = results.largest
    first = Section(
        "parts",
        "Whose is the resident memory?",
        "Layers are what is resident, from live blocks at the bottom up. The dotted line is what is live, by count: "
        "above the live layers, as a block that was not written to yet is not resident. The dashed line is the instant that "
        "is judged.",
    )
    drawn = picture(process, verdict)
    first.parts.append(
        Part(
            "parts-all",
            printable(process.title),
            [drawn],
            parts_table(process, verdict.at),
            range=RANGE,
        )
    )
    second = Section("blocks", "Which blocks are live?", "Those that hold most memory, by size.")
    if verdict.at.classes:
        second.parts.append(Part("blocks-sizes", "Sizes", [], classes_table(verdict.at)))
    else:
        second.intro = "No block was live at that instant."
    third = Section(
        "processes",
        "Which processes were there?",
        f"Counted: {results.seen}. Shown are those at which anybody could look, at most 64, the largest.",
    )
    third.parts.append(Part("processes-all", "Processes", [], processes_table(results)))
    return [first, second, third]


def gaps_of(document: Any, results: Results) -> list[Sentence]:
    said = []
    end = document.get("end") or {}
    if end.get("interrupted"):
        said.append(
            "INTERRUPTED: the program was ended by hand; what it would have done later is not here."
        )
    if end.get("too_many"):
        said.append("The program had more than 1000 processes at once, and was killed.")
    if document.get("not_counted"):
        said.append(f"Not counted: the first process: {document['not_counted']}.")
    if end.get("signal") and not end.get("stopped") and not end.get("interrupted"):
        said.append(f"The program died of signal {end['signal']}.")
    if end.get("exit_code"):
        said.append(f"The program failed with exit code {end['exit_code']}.")
    if not results.largest.exact:
        said.append(
            "The allocator gave blocks other sizes than it promises, so live bytes may be off."
        )
    return [Sentence(f"s-gap-{i}", "gap", printable(s)) for i, s in enumerate(said)]


def command(words: list[str], allocator: Any) -> str:
    """Of make, which runs a line of a shell."""
    own = words[:2] == ["/bin/sh", "-c"] and len(words) == 3 and words[2].startswith("exec ")
    line = words[2].removeprefix("exec ") if own else shlex.join(words)
    said = f"make why CMD={shlex.quote(line)}"
    if allocator:
        said += (
            f" {'PRELOAD' if '/' in str(allocator) else 'ALLOCATORS'}={shlex.quote(str(allocator))}"
        )
    return printable(said)


def page(results: Results, document: Any) -> Page:
    verdict = why_verdict.judge(results.largest)
    said = shlex.join(results.command)
    at, process = verdict.at, results.largest
    counted = (
        f"Live at {at.seconds:.2f} s, by count: {size(at.live)} in {plural(at.blocks, 'block')}, of "
        f"{plural(at.made, 'allocation')} until then; of this, {size(at.live - at.parts['untouched'])} are resident. All "
        f"resident memory is {size(at.rss)}."
    )
    words = [
        verdict.sentence,
        verdict.advice,
        counted,
        *(f"Inside: {text}." for text in process.inner),
    ]
    name = printable(str(document["allocator"] or "the program's own"))
    served = Library(name, "not told", printable(process.allocator), "")
    run = [("version of spanbench", text(document, "version"))]
    return Page(
        title=printable(f"spanbench why: {said}"),
        about=printable(
            f"spanbench why {text(document, 'version')}: {said}; watched for {document['seconds']:.3g} s"
        ),
        files="why.json",
        gaps=gaps_of(document, results),
        findings=[Sentence(f"s-why-{i}", "finding", printable(w)) for i, w in enumerate(words)],
        sections=sections(results, verdict),
        facts=Facts([], run, [served], {}, {}),
        command=command(results.command, document["allocator"]),
    )
