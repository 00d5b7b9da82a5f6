#!/usr/bin/python3
"""Says in one sentence what the memory of a program is, from a run of `spanbench why`."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # run as a file, it is of a package

import program
from verdicts import why_results
from bench_results import MIB
from verdicts.why_results import PARTS, Point, Process, Results, SizeClass

# Of fewer looks, all may be of its start and of its end.
FEW_LOOKS = 3
# Of so many late looks, one is not of the way out.
LATE_LOOKS = 3
# A part is the answer if it is this large: of the memory without code and files.
LARGE = 0.25
# Hardly any: less than this in all, or than this part of the memory while that is not much either.
LITTLE = 1 * MIB
LITTLE_BESIDE_FILES = 16 * MIB
# Slack is: of the live bytes. Ordinary programs lose 5 to 15 %.
MUCH_SLACK = 0.17
# Live memory grows if each part of the run ends above the one before, by this in all.
GROWTH = 0.15
LEAST_GROWTH = 1 * MIB
STEADY = 0.01  # a smaller step is none
# Of a shorter run, or one with fewer looks, growth to the end does not show a leak: it was filling.
LEAK_SECONDS = 1.0
LEAK_LOOKS = 20
MUCH_FREE = 0.2  # of the memory: an allocator could save this
FEW_ARENAS = 3
# One arena could have used again what was ever live at once.
MORE_THAN_PEAK = 1.5
# Live memory has fallen if it is below this part of the most that it was.
FALLEN = 0.7
BARS, COLUMNS = "▁▂▃▄▅▆▇█", 48  # of memory over time, in a terminal


@dataclass
class Verdict:
    kind: str  # few, leak, filling, fragmentation, arenas, kept, huge, outside, stacks, slack, live, small
    sentence: str
    advice: str
    at: Point


def size(value: float) -> str:
    """In words: 12.3 MiB."""
    for unit, name in ((1 << 30, "GiB"), (MIB, "MiB"), (1024, "KiB")):
        if abs(value) >= unit:
            number = value / unit
            return f"{number:.0f} {name}" if number >= 100 else f"{number:.3g} {name}"
    return f"{value:.0f} B"


def percent(part: float, whole: float) -> str:
    return f"{100 * part / whole:.0f} %" if whole else "0 %"


def judged(process: Process) -> int:
    """The number of the point that is judged: the latest of nearly the most memory, in the last fifth of the
    time. What a program does on its way out is left out.
    """
    points = process.points
    first, end = points[0].seconds, points[-1].seconds
    late = [
        i
        for i, p in enumerate(points)
        if p.seconds >= end - 0.2 * (end - first) and (p.seconds <= end - 0.03 * (end - first))
    ]
    if len(late) < LATE_LOOKS:  # in a short run, the way out is a larger part
        late = list(range(max(0, len(points) - 1 - LATE_LOOKS), max(1, len(points) - 1)))
    most = max(points[i].rss for i in late)
    return max(i for i in late if points[i].rss >= 0.95 * most)


def growth(process: Process, last: int, value: str) -> float:
    """By how much a part grew over the last two thirds of the time, steadily: the least of a stretch is
    compared with the least of the one before. One step may be flat, and none goes down. 0: it did not.
    """
    points = process.points[: last + 1]
    begin, end = points[0].seconds, points[-1].seconds
    lows: list[float] = []
    for k in range(2, 6):
        low, high = begin + (end - begin) * k / 6, begin + (end - begin) * (k + 1) / 6
        inside = [p.parts[value] for p in points if low <= p.seconds <= high]
        if inside:
            lows.append(min(inside))
    least = STEADY * points[-1].parts[value]
    steps = [b - a for a, b in zip(lows, lows[1:])]
    if (
        len(lows) < 3
        or min(steps) < -least
        or sum(s > least for s in steps) < max(2, len(steps) - 1)
    ):
        return 0
    return max(0.0, points[-1].parts[value] - lows[0])


def is_large(grown: float, whole: float) -> bool:
    return grown >= LEAST_GROWTH and grown >= GROWTH * whole


def in_words(top: SizeClass, part: float, whole: float) -> str:
    """What most of something is, and who asked for it."""
    words = f"mostly blocks of {top.least} to {top.most} B"
    if part < 0.5 * whole:
        words = f"of all sizes, most ({percent(part, whole)}) blocks of {top.least} to {top.most} B"
    return words + by_thread(top.thread, top.share)


def by_class(point: Point) -> str:
    """What most of the live bytes are."""
    if not point.classes:
        return ""
    return in_words(point.classes[0], point.classes[0].bytes, point.live)


def by_pins(point: Point) -> str:
    """What holds most of the free memory between blocks. In older files, the number of blocks decides."""
    if not point.classes:
        return ""
    weights = [c.pins for c in point.classes]
    if not any(weights):
        weights = [float(c.blocks) for c in point.classes]
    most = max(weights)
    return in_words(point.classes[weights.index(most)], most, sum(weights))


def by_thread(thread: Optional[str], share: float) -> str:
    return f", allocated by {thread}" if thread and share >= 0.5 else ""


def growing_class(process: Process, last: int) -> str:
    """Of what grows, the class of sizes and the thread."""
    points = process.points
    middle = points[last // 2]
    before = {c.least: c.bytes for c in middle.classes}
    grown = [(c.bytes - before.get(c.least, 0), c) for c in points[last].classes]
    if not grown:
        return ""
    most, top = max(grown, key=lambda g: g[0])
    old = {t.number: t.bytes for t in middle.threads}
    threads = [(t.bytes - old.get(t.number, 0), t) for t in points[last].threads]
    thread, share = top.thread, top.share
    total = points[last].live - middle.live
    if threads and total > 0:
        by, who = max(threads, key=lambda g: g[0])
        if by >= 0.5 * total:
            thread, share = who.thread, 1.0
    words = f"mostly blocks of {top.least} to {top.most} B"
    if total > 0 and most < 0.5 * total:
        words = f"blocks of many sizes, most of {top.least} to {top.most} B"
    return words + by_thread(thread, share)


def no_help(point: Point) -> str:
    """What an allocator can do about live blocks, and about what is free beside them."""
    free = point.parts["kept"] + point.parts["fragments"]
    if free < MUCH_FREE * point.rss:
        return "No allocator and none of its options can help."
    return (
        f"No allocator makes live blocks fewer. But {percent(free, point.rss)} of the memory are free, and the "
        "allocator has them: there another one, or an option, may save (spanbench try --tunings)."
    )


def leak(process: Process, last: int) -> Optional[Verdict]:
    point = process.points[last]
    grown = growth(process, last, "live")
    own = point.rss - point.parts["files"]
    touched = point.parts["requested"] + point.parts["slack"]
    if not is_large(grown, point.live) or touched < LARGE * own:
        return None
    seconds = max(1e-3, point.seconds - process.points[0].seconds)
    story = (
        f"live bytes grow to the end, to {size(point.live)}, by {size(grown)} in the last two thirds of "
        f"{seconds:.3g} s; {growing_class(process, last)}."
    )
    if seconds < LEAK_SECONDS or last + 1 < LEAK_LOOKS:
        return Verdict(
            "filling",
            f"Still filling when it ended: {story}",
            f"So short a run does not show a leak. Let it run for longer, with the same data. {no_help(point)}",
            point,
        )
    return Verdict(
        "leak",
        f"A leak, or data that never ends: {story}",
        f"Look at who keeps these blocks. {no_help(point)}",
        point,
    )


def arenas(process: Process, point: Point, peak: float) -> Optional[str]:
    """In words, how many; None: the memory does not lie in several."""
    free = point.parts["kept"] + point.parts["fragments"]
    if point.arenas >= FEW_ARENAS and point.arenas_memory >= 0.5 * point.heap:
        return f"{point.arenas} arenas beside the main one"
    if not process.is_glibc and point.threads_ever > FEW_ARENAS and free > MORE_THAN_PEAK * peak:
        return f"the heaps of {point.threads_ever} threads"
    return None


def free_memory(process: Process, point: Point) -> Verdict:
    free = point.parts["kept"] + point.parts["fragments"]
    peak = max(p.live for p in process.points)
    fell = point.live < FALLEN * peak
    story = f"live bytes fell from {size(peak)} to {size(point.live)}, but"
    story = story if fell else f"beside {size(point.live)} of live bytes,"
    where = arenas(process, point, peak)
    pinned = point.parts["fragments"] > point.parts["kept"]
    if where and (not pinned or free > MORE_THAN_PEAK * peak):
        return Verdict(
            "arenas",
            f"Arena multiplication: {story} {where} hold {size(free)} of free memory"
            f" ({size(point.arenas_memory or point.heap)} in all; the most that was ever live is "
            f"{size(peak)}).",
            (
                "Fewer arenas share free memory: MALLOC_ARENA_MAX=2, or an allocator that gives memory back."
                if process.is_glibc
                else "Fewer threads that allocate, or an option of the allocator for the number of arenas."
            ),
            point,
        )
    if pinned:
        return Verdict(
            "fragmentation",
            f"Fragmentation: {story} survivors, spread over the heap, pin {size(point.parts['fragments'])} "
            f"of free memory between them; {by_pins(point)}.",
            "What lives long should not be allocated among what lives briefly. Another allocator may separate "
            "sizes better: spanbench try.",
            point,
        )
    return Verdict(
        "kept",
        f"Kept by the allocator after a burst: {story} {size(point.parts['kept'])} of free memory, without a "
        "live block near it, are not given back.",
        (
            "malloc_trim(0) would give it back; MALLOC_TRIM_THRESHOLD_ and MALLOC_TOP_PAD_ decide when that happens."
            if process.is_glibc
            else "Its options for purging or decay decide when it goes back: spanbench try --tunings."
        ),
        point,
    )


def slack(point: Point) -> Verdict:
    part = point.parts["slack"]
    return Verdict(
        "slack",
        f"Slack of odd sizes: blocks are {percent(part, part + point.parts['requested'])} larger than what was "
        f"asked for, {size(part)} in all; {by_class(point)}.",
        "Ask for sizes that the allocator has, or try another allocator: spanbench try.",
        point,
    )


def outside_advice(process: Process) -> str:
    look = "Look at who calls mmap: strace -f -k -e mmap."
    if not process.inner:
        return f"{look} No malloc can help."
    return (
        "This may be objects of the program's own allocator, which is told below. Where that can be turned off, do so and "
        f"ask again: malloc then has these objects, and another one may help. Else: {look[0].lower()}{look[1:]}"
    )


def other(process: Process, last: int, part: str) -> Verdict:
    point = process.points[last]
    value = point.parts[part]
    rate = growth(process, last, part)
    grows = ", and grow" if is_large(rate, value) else ""
    text = {
        "huge": (
            f"Huge pages: {size(value)} are resident only because huge pages back memory of which the program "
            "wrote a little.",
            "Switch transparent huge pages off for this program (prctl PR_SET_THP_DISABLE), or MADV_NOHUGEPAGE.",
        ),
        "outside": (
            f"Memory outside malloc: {size(value)} come from mmap and the like{grows}; malloc has "
            f"{size(point.live)} live.",
            outside_advice(process),
        ),
        "stacks": (
            f"Stacks: {size(value)} are stacks of threads{grows}.",
            "Fewer threads, or less deep calls and smaller arrays on the stack.",
        ),
    }[part]
    return Verdict(part, text[0], text[1], point)


def few(process: Process, point: Point) -> Verdict:
    seconds = process.points[-1].seconds - process.points[0].seconds
    looks = "1 look" if process.looks == 1 else f"{process.looks} looks in {seconds:.2g} s"
    part, words = max(PARTS.items(), key=lambda p: point.parts[p[0]])
    return Verdict(
        "few",
        f"Too few looks for an answer: {looks}. It had {size(point.rss)} then; the largest part, "
        f"{percent(point.parts[part], point.rss)}, is {words}.",
        "It was there for too short a time, or --interval is long. Let it run for longer, with more of the same work.",
        point,
    )


def own_of(point: Point) -> float:
    """Of the memory, what has no file."""
    return max(1.0, point.rss - point.parts["files"])


def is_little(point: Point) -> bool:
    own = own_of(point)
    return own < LITTLE or (own < LITTLE_BESIDE_FILES and own < LARGE * point.rss)


def is_untouched(point: Point) -> bool:
    """Are parts of live blocks worth a word that are not resident?"""
    return point.parts["untouched"] > 0.01 * point.live


def in_use(point: Point) -> Verdict:
    beside = (
        f" ({size(point.parts['untouched'])} of them not resident)" if is_untouched(point) else ""
    )
    return Verdict(
        "live",
        f"In use: {percent(point.parts['requested'] + point.parts['slack'], own_of(point))} of the memory beside code "
        f"and files are live blocks, {size(point.live)}{beside}, and they do not grow; {by_class(point)}.",
        "If that is too much: fewer or smaller objects. An allocator can save little.",
        point,
    )


def judge(process: Process) -> Verdict:
    last = judged(process)
    point = process.points[last]
    parts = point.parts
    own = own_of(point)
    if process.looks < FEW_LOOKS:
        return few(process, point)
    if own >= LITTLE and (found := leak(process, last)):
        return found
    if is_little(point):
        return Verdict(
            "small",
            f"Hardly any memory: {size(own)} beside code and files ({size(point.rss)} in all).",
            "There is little to explain.",
            point,
        )
    weights = {
        "free": parts["kept"] + parts["fragments"],
        "huge": parts["huge"],
        "outside": parts["outside"],
        "stacks": parts["stacks"],
    }
    live = parts["requested"] + parts["slack"]
    for name in ("outside", "stacks"):  # in use, too: the answer if they are more, or grow
        if weights[name] < live and not is_large(growth(process, last, name), weights[name]):
            weights[name] = 0
    name, weight = max(weights.items(), key=lambda w: w[1])
    odd = parts["slack"] >= MUCH_SLACK * max(1.0, live)
    # Headers and gaps of the smallest blocks: not worth a word beside slack, unless blocks went.
    fell = point.live < FALLEN * max(p.live for p in process.points)
    if name == "free" and not fell and weight < live and (odd or weight < 0.4 * own):
        weight = 0
    if weight < LARGE * own or (odd and parts["slack"] > weight):
        return slack(point) if odd and parts["slack"] >= 0.1 * own else in_use(point)
    return free_memory(process, point) if name == "free" else other(process, last, name)


def table(point: Point) -> list[str]:
    lines = [f"memory at {point.seconds:.2f} s: {size(point.rss)}"]
    for name, words in PARTS.items():
        if point.parts[name] >= 0.001 * point.rss:
            lines.append(
                f"  {size(point.parts[name]):>10}  {percent(point.parts[name], point.rss):>5}  {words}"
            )
    if is_untouched(point):
        lines.append(f"  of live blocks, {size(point.parts['untouched'])} are not resident")
    return lines


def bars(points: list[tuple[float, float]], top: float) -> str:
    """The most in each of so many equal parts of the time, from 0 to `top`; where nobody looked, as before."""
    begin, end = points[0][0], points[-1][0]
    most: dict[int, float] = {}
    for seconds, value in points:
        at = int((seconds - begin) / (end - begin) * COLUMNS) if end > begin else 0
        at = min(at, COLUMNS - 1)
        most[at] = max(value, most.get(at, 0.0))
    drawn, now = "", 0.0
    for column in range(COLUMNS):
        now = most.get(column, now)
        level = int(len(BARS) * now / top) if top else 0
        drawn += BARS[max(0, min(level, len(BARS) - 1))]
    return drawn


def over_time(process: Process) -> list[str]:
    points = process.points
    top = max(max(p.rss, p.live) for p in points)
    return [
        f"over {points[-1].seconds - points[0].seconds:.3g} s, {process.looks} looks, from 0 to {size(top)}:",
        f"  resident  {bars([(p.seconds, p.rss) for p in points], top)}",
        f"  live      {bars([(p.seconds, p.live) for p in points], top)}",
    ]


def report(results: Results) -> list[str]:
    process = results.largest
    verdict = judge(process)
    lines = [verdict.sentence, verdict.advice, ""]
    if len(results.processes) > 1:
        lines.insert(0, f"{process.title}, the largest of {results.seen} processes:")
    lines += table(verdict.at) + ([] if verdict.kind == "few" else over_time(process))
    lines.append(
        f"live, counted: {size(verdict.at.live)}, blocks: {verdict.at.blocks}, allocations until then: "
        f"{verdict.at.made}; served by {process.allocator}"
    )
    lines += [f"inside: {text}" for text in process.inner]
    if not process.exact:
        lines.append("it gave blocks other sizes than it promises, so live bytes may be off")
    return lines


def main() -> int:
    parser = program.parser(
        __doc__,
        "scripts/verdicts/why_verdict.py results/latest-why",
        why_results.LATEST,
        why_results.WHAT,
    )
    parser.add_argument("--kind", action="store_true", help="print the kind of the answer alone")
    args = parser.parse_args()
    results = why_results.load(args.run)
    print(judge(results.largest).kind if args.kind else "\n".join(report(results)))
    return 0


if __name__ == "__main__":
    program.run(main)
