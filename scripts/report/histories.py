"""The page of the history of gomalloc: counts over its commits, and what changed. Pure; what a change is, and the
words, are those of history_changes.py and history.py."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Optional, Sequence

import history_changes
from bench_results import MIB, plural, printable
from gate import deterministic
from gate.counting import Work
from gate.deterministic import Comparison
from history_changes import ALL_CALLS, Point
from history_file import Entry, Key
from report import ranges, scale, svg
from report.facts import Facts
from report.model import Page, Part, Section
from report.panels import BOTTOM, BOX, LEFT, RIGHT, TOP, frame, panel, shared
from report.ranges import Range
from report.summary import Sentence, key_of
from report.svg import Markup
from report.tables import Cell, Line, Table, long

SHORT = 8  # digits of a commit's name
LEAST_LIMITS = 2.5  # of the gate, between the middle of a panel and its edge
ROOM = 1.3  # times the range
# What is drawn, and its name with the unit.
METRICS = {
    "instructions": "instructions an operation",
    ALL_CALLS: "system calls",
    "minor_faults": "minor page faults",
    "bytes_mapped": "mapped, MiB",
    "rss_peak_bytes": "RSS peak, MiB",
    "rss_drained_bytes": "RSS after all is freed, MiB",
    "rss_purged_bytes": "RSS after a purge, MiB",
}


def unit(metric: str) -> float:
    return 1000.0 if metric == "instructions" else float(MIB) if "bytes" in metric else 1.0


def metric_name(metric: str) -> str:
    return METRICS.get(metric, metric)


def having(entries: Sequence[Entry], row: Work, metric: str) -> list[Entry]:
    """Those that have such a count: a kind of system call that is missing was not made, and other counts were not taken."""
    calls = metric == ALL_CALLS or metric.startswith("syscalls.")
    return [e for e in entries if row in e.rows and (calls or metric in e.rows[row])]


def least_half(values: Sequence[float], row: Work, metric: str) -> float:
    """Of an axis, on which what the gate lets pass looks small."""
    middle = (min(values) + max(values)) / 2
    allowed = deterministic.limit(metric, row.ops).of(middle * unit(metric)) / unit(metric)
    return LEAST_LIMITS * allowed


def axis_of(values: Sequence[float], row: Work, metric: str) -> scale.Scale:
    low, high = min(values), max(values)
    middle = (low + high) / 2
    half = max((high - low) / 2 * ROOM, least_half(values, row, metric)) or 1.0
    return scale.Scale(middle - half, middle + half, BOTTOM, TOP, log=False)


def sets_of(entries: Sequence[Entry]) -> dict[int, list[Entry]]:
    """By the number that a set of tools has on the whole page: from 1, in the order of its first commit; of equal ones,
    of its last."""
    groups = history_changes.by_key(entries).values()
    order = sorted(groups, key=lambda g: (g[0].date, g[-1].date))
    return dict(enumerate(order, 1))


def series(entries: Sequence[Entry], metric: str) -> list[tuple[Work, dict[int, list[Point]]]]:
    """For each row, the points of each set."""
    made = []
    for row in history_changes.works(entries):
        of = {
            i: history_changes.points(having(group, row, metric), row, metric)
            for i, group in sets_of(entries).items()
        }
        made.append((row, {i: points for i, points in of.items() if points}))
    return made


@dataclass(frozen=True)
class Step:
    """From a set of tools to the next that has the row: beyond the gate's limit, and no change of gomalloc's alone."""

    sets: tuple[int, int]
    before: Point
    after: Point

    @property
    def whose(self) -> str:
        if self.before.entry.commit == self.after.entry.commit:
            return "the tools': it is the same commit"
        return "not known: tools and gomalloc changed"


def steps(row: Work, metric: str, groups: dict[int, list[Point]]) -> list[Step]:
    """Between the last common commit of two sets, or else the last of the one and the first of the other."""
    found = []
    for (i, one), (j, other) in zip(groups.items(), list(groups.items())[1:]):
        commits = {p.entry.commit: p for p in other}
        before = next((p for p in reversed(one) if p.entry.commit in commits), one[-1])
        after = commits.get(before.entry.commit, other[0])
        if history_changes.is_change(Comparison(metric, row.ops, before.values, after.values)):
            found.append(Step((i, j), before, after))
    return found


def limit_said(metric: str, rows: Sequence[Work]) -> str:
    """The gate's, of a metric."""
    limits = [deterministic.limit(metric, row.ops) for row in rows]
    said = f"The gate's limit: {100 * limits[0].relative:g} %"
    least = sorted({limit.least / unit(metric) for limit in limits})
    if any(least):
        kind = "MiB" if "bytes" in metric else "calls" if metric == ALL_CALLS else "faults"
        ends = " to ".join(f"{v:g}" for v in dict.fromkeys((least[0], least[-1])))
        said += f", and at least {ends} {kind}" + ", by the row's number of operations" * (
            len(least) > 1
        )
    return f"{said}. All processes must lie further apart than that."


def places_of(entries: Sequence[Entry]) -> dict[str, int]:
    """Of commits, by their dates, from 1."""
    dates = {e.commit: e.date for e in entries}
    return {c: i for i, c in enumerate(sorted(dates, key=lambda c: (dates[c], c)), 1)}


def range_of(entries: Sequence[Entry], metric: str) -> Range:
    dates = {e.commit: e.date[:10] for e in entries}
    labels = [f"{c[:SHORT]} {dates[c]}" for c in places_of(entries)]
    return Range("commits", ["row and set", "commit", "date", metric_name(metric)], labels)


def pictures(entries: Sequence[Entry], metric: str) -> list[Markup]:
    """A panel for each row, with axes of its own; rings are changes, dashes are steps between two sets."""
    places = places_of(entries)
    made = [svg.element("svg", width=0, height=0, class_="shared", aria_hidden="true")]
    x = scale.Scale(0.5, max(1.5, len(places) + 0.5), LEFT, RIGHT, log=False)
    for row, groups in series(entries, metric):
        values = [p.value / unit(metric) for points in groups.values() for p in points]
        if not values:
            continue
        y = axis_of(values, row, metric)
        key = key_of("behind-history", metric, row.row)
        marks: list[str] = []
        changes = 0

        of = ranges.Steps(1, ranges.steps_of(values))

        def known(p: Point) -> tuple[float, float]:
            return float(places[p.entry.commit]), p.value / unit(metric)

        def line(points: Sequence[Point], look: str, name: Optional[str]) -> Markup:
            all_ = [known(p) for p in points]
            pixels = [(x.at(a), y.at(b)) for a, b in all_]
            return svg.polyline(pixels, class_=look, data_z=of.points(all_), data_n=name)

        stepped = steps(row, metric, groups)
        marks += [line([s.before, s.after], "step", None) for s in stepped]
        for number, points in groups.items():
            marks.append(line(points, "own", f"{row.row}, set {number}"))
            for point in points:
                px, py = known(point)
                place: dict[str, svg.Value] = {"data_x": of.at(px), "data_y": of.up(py)}
                marks.append(svg.circle(x.at(px), y.at(py), 1.8, "dot", **place))
                if point.marked:
                    marks.append(svg.circle(x.at(px), y.at(py), 4.5, "hollow", **place))
                    changes += 1
        label = f"{row.row}, {metric_name(metric)}: from {values[0]:.4g} to {values[-1]:.4g}, {plural(changes, 'change')}"
        label += f", {plural(len(stepped), 'step')} between sets" * bool(stepped)
        axis = ranges.axis(BOX, (x.low, x.high), of)
        axis |= {"data_room": ROOM, "data_least": f"{least_half(values, row, metric):.4g}"}
        hidden = shared(key, {}, frame(x, y, "commits, by date", [], **axis))
        made.append(Markup(hidden + panel(row.row, label, key, *marks)))
    return made


def change_lines(entries: Sequence[Entry], metric: str) -> list[Line]:
    def shown(value: float) -> str:
        return long(value / unit(metric))

    return [
        Line(
            None,
            None,
            [
                row.row,
                Cell(metric_name(metric), "word"),
                Cell(p.entry.commit[:SHORT], "word"),
                Cell(p.entry.date[:10], "word"),
                shown(p.before),
                shown(p.value),
                p.change,
            ],
        )
        for row, groups in series(entries, metric)
        for points in groups.values()
        for p in points
        if p.marked
    ]


def step_lines(entries: Sequence[Entry], metric: str) -> list[Line]:
    def cells(row: Work, s: Step) -> list[str]:
        ends = [long(p.value / unit(metric)) for p in (s.before, s.after)]
        change = f"{s.after.value / s.before.value - 1:+.1%}" if s.before.value else "from none"
        words = [metric_name(metric), f"{s.sets[0]} to {s.sets[1]}"]
        return [
            row.row,
            *(Cell(w, "word") for w in words),
            *ends,
            change.replace("%", " %"),
            Cell(s.whose, "word"),
        ]

    return [
        Line(None, None, cells(row, s))
        for row, groups in series(entries, metric)
        for s in steps(row, metric, groups)
    ]


def steps_table(entries: Sequence[Entry], metrics: Sequence[str]) -> Table:
    heads = ["row", Cell("count", "word"), Cell("sets", "word"), "before", "after", "difference"]
    return Table(
        "Steps between sets beyond the gate's limits",
        [*heads, Cell("whose it is", "word")],
        [line for m in metrics for line in step_lines(entries, m)],
    )


def other_tools(key: Key, before: Key) -> str:
    """What differs, by name."""
    mine, theirs = dict(key), dict(before)
    return ", ".join(k for k in mine if mine[k] != theirs.get(k)) or "nothing"


def sets_table(entries: Sequence[Entry]) -> Table:
    heads = [
        "set",
        "commits",
        *(Cell(h, "word") for h in ("from", "to", "differs from the set before in")),
    ]
    made = Table("Sets of tools and harness, by number", heads)
    before: Key = ()
    for i, group in sets_of(entries).items():
        ends = [f"{e.commit[:SHORT]} ({e.date[:10]})" for e in (group[0], group[-1])]
        told = other_tools(group[0].key, before) if before else "it is the first"
        cells = [str(i), str(len(group)), *(Cell(w, "word") for w in (*ends, told))]
        made.lines.append(Line(None, None, cells))
        before = group[0].key
    return made


def changes_table(entries: Sequence[Entry], metrics: Sequence[str]) -> Table:
    heads = ["row", *(Cell(h, "word") for h in ("count", "commit", "date"))]
    lines = [line for m in metrics for line in change_lines(entries, m)]
    return Table("Changes beyond the gate's limits", [*heads, "before", "after", "change"], lines)


def part(entries: Sequence[Entry], metric: str) -> Part:
    name = metric_name(metric)
    made = Table(
        f"{name}: each set of tools", ["row", "set", "commits", "first", "last", "changes"]
    )
    for row, groups in series(entries, metric):
        for i, points in groups.items():
            ends = [long(p.value / unit(metric)) for p in (points[0], points[-1])]
            marked = sum(p.marked for p in points)
            made.lines.append(
                Line(None, None, [row.row, str(i), str(len(points)), *ends, str(marked)])
            )
    common, *small = pictures(entries, metric)
    told = limit_said(metric, history_changes.works(entries))
    return Part(
        key_of("history", metric),
        name,
        small,
        made,
        shared=common,
        note=told,
        range=range_of(entries, metric),
    )


def findings(entries: Sequence[Entry], metrics: Sequence[str]) -> list[Sentence]:
    dates = sorted((e.date[:10], e.commit) for e in entries)
    kinds = len(history_changes.by_key(entries))
    times = Counter(e.commit for e in entries)
    commits, several = len(times), sum(n > 1 for n in times.values())
    twice = (
        f"{plural(several, 'commit')} {'is' if several == 1 else 'are'}" if several else "none is"
    )
    said = [
        f"{plural(commits, 'commit')} of gomalloc {'was' if commits == 1 else 'were'} counted, from {dates[0][0]} to "
        f"{dates[-1][0]}, by {plural(kinds, 'set')} of tools and harness; {twice} in more than one set. Only counts of "
        "one set are compared."
    ]
    for metric in metrics:
        lines = change_lines(entries, metric)
        if lines:
            rows = len({x.cells[0] for x in lines})
            row, _, commit, date, *_, change = max(lines, key=lambda x: x.cells[3]).cells
            said.append(
                f"{metric_name(metric)}: {plural(len(lines), 'change')} in {plural(rows, 'row')} beyond the gate's limit; "
                f"the last: {row}, {change} at {commit} ({date})."
            )
    if len(said) == 1:
        said.append("Nothing changed by more than the gate's limits.")
    stepped = [line for m in metrics for line in step_lines(entries, m)]
    if stepped:
        verb = "steps" if len(stepped) == 1 else "step"
        said.append(
            f"Between sets, {plural(len(stepped), 'count')} {verb} by more than the gate's limit. Tools or harness changed "
            "there, too: the table of steps says whose each is, as far as it is known."
        )
    return [Sentence(f"s-history-{i}", "finding", s) for i, s in enumerate(said)]


def page(entries: list[Entry]) -> Page:
    """Raises ValueError, where there is none."""
    if not entries:
        raise ValueError("there is no commit in it")
    metrics = [m for m in METRICS if m in history_changes.metrics(entries)]
    section = Section(
        "history",
        "What did each commit of gomalloc change?",
        "Counts at one thread; less is better. A ring is a change: all processes lie beyond the present level by more "
        "than the gate's limit. A line of its own is of another set of tools and harness. Dashes lead from set to set, where "
        "the counts step by more than the limit.",
        [part(entries, m) for m in metrics],
        legend=[
            ("own", "counts, medians of processes"),
            ("hollow", "a change"),
            ("step", "a step to another set: not compared"),
        ],
    )
    section.parts[:0] = [
        Part("history-changes", "Changes", [], changes_table(entries, metrics)),
        Part("history-sets", "Sets", [], sets_table(entries)),
        Part("history-steps", "Steps between sets", [], steps_table(entries, metrics)),
    ]
    newest = max(entries, key=lambda e: e.date)
    return Page(
        title="spanbench: the history of gomalloc",
        about=f"The history of gomalloc to commit {newest.commit[:SHORT]}",
        files="history.jsonl",
        gaps=[],
        findings=findings(entries, metrics),
        sections=[section],
        facts=Facts([], [(k, printable(v)) for k, v in newest.key], [], {}, {}),
        command="make history",
    )
