"""The page of a bench run, section by section. Pure."""

from __future__ import annotations

from typing import Optional

import answer
from bench_results import CORE, Results, Series, sample_count
from report import again, bars, data, dots, facts, panels, phases, summary, tables
from report.model import Page, Part, Section
from report.ranges import Range
from report.study import BASE, Study, study
from report.summary import Sentence, key_of
from report.svg import Markup, element, escaped
from report.tables import Table

# Words of the workloads' summaries that few know.
WORDS = {
    "octaves alike": "each doubling of the size (or age) is as frequent as the next",
    "inverse-square": "each doubling of the size is half as frequent as the one before",
}
BY_ROUND = (
    "A multiple is the middle of the ratios taken round by round, not the ratio of two medians, so close allocators may "
    "stand in another order by multiples than by medians."
)
MOST_SHOWN = 6  # workloads that are shown before a reader chooses


DOTS = [
    ("dot", "told apart from the base"),
    ("hollow", "a tie with it, or nothing can be told"),
    ("interval", "interval"),
]
FRONT = [
    ("dot", "not clearly beaten, marked *"),
    ("hollow", "clearly beaten"),
    ("interval", "interval"),
    ("border", "what those that are not beaten reach"),
]
LINES = [
    ("own", "this allocator"),
    ("others", "the others"),
    ("ideal", "ideal: each thread does as much as one alone, up to the CPUs"),
    ("zone", "more threads than CPUs"),
]
TIME_LINES = [
    ("own", "this allocator"),
    ("others", "the others"),
    ("live", "live bytes, as far as they are known"),
    ("phase", "the pass reached an instant"),
    ("level level0", "all live"),
    ("level level1", "all freed"),
    ("level level2", "after a purge"),
]


PHASE_LINES = [
    ("own", "this allocator"),
    ("others", "the others"),
    ("live", "live: asked for and not freed"),
]


class Builder:
    def __init__(self, s: Study, series: dict[tuple[str, str, int], Series], told: facts.Facts):
        self.study, self.series, self.told = s, series, told
        self.names = answer.short_names(s.run.allocators, dots.NAME_WIDTH)
        core = [w for w in s.workloads if s.main(w).group == CORE]
        self.shown = (core or s.workloads)[:MOST_SHOWN]

    def command(self, workloads: list[str], threads: list[int]) -> str:
        said = facts.command(self.told, self.study.run.allocators, workloads, threads)
        return again.of_fleet(said) if self.told.own.get("fleet") else said

    def part(
        self,
        key: str,
        workload: str,
        pictures: list[Markup],
        table: Optional[Table],
        shared: str = "",
        range_: Optional[Range] = None,
    ) -> Part:
        said = self.told.summaries.get(workload, "")
        return Part(
            key=key_of(key, workload),
            heading=f"{workload}: {said}" if said else workload,
            pictures=pictures,
            table=table,
            command=self.command([workload], self.study.threads_of(workload)),
            workload=workload,
            shown=workload in self.shown,
            threads=0 if shared else self.study.main_threads(workload),
            shared=shared,
            range=range_,
        )

    def words(self) -> str:
        """What is not plain in the headings and labels of this run."""
        heard = " ".join(self.told.summaries.get(w, "") for w in self.study.workloads)
        said = [f'"{word}": {meaning}.' for word, meaning in WORDS.items() if word in heard]
        if any(r.floor for p in self.study.places.values() for r in p.rows):
            said.append('"(floor)": the harness alone, which is not an allocator.')
        return " ".join(said)

    def pareto(self) -> Section:
        made = Section(
            "speed-memory",
            "Which is fast, and what does it cost in memory?",
            "Up is faster, left takes less memory. What another allocator clearly beats is hollow. ns/op is wall time "
            f"divided by the operations of all threads. {BY_ROUND} {self.words()}".rstrip(),
            legend=FRONT,
        )
        for w in self.study.workloads:
            p = self.study.main(w)
            table = tables.speed_and_memory(self.study, w)
            picture = dots.pareto(self.study, p, self.names)
            made.parts.append(self.part("speed-memory", w, [picture], table))
        return made

    def families(self) -> Section:
        base = self.study.base or "the base"
        made = Section(
            "workloads",
            "How does each compare on each workload?",
            Markup(
                "Each dot is "
                + element(
                    "span", f"a multiple of what {base} needs, with its interval", class_="of"
                )
                + escaped(
                    "; the best is on top. A star marks the lowest median, and what is not surely worse than that: "
                    f"of two with a star, one may still be surely worse than the other. A tie with the base is hollow. {BY_ROUND}"
                )
            ),
            legend=DOTS,
        )
        for w in self.study.workloads:
            p = self.study.main(w)
            pictures = [dots.dots(self.study, p, q, self.names) for q in p.asked if q.rows]
            table = tables.relative(self.study, w)
            made.parts.append(self.part("workloads", w, pictures, table))
        return made

    def throughput(self) -> Section:
        made = Section(
            "scaling",
            "Does it scale with threads?",
            "Million operations a second of all threads together, a panel for each allocator, both axes "
            "logarithmic.",
            legend=LINES,
        )
        for w in self.study.workloads:
            shared, *small = panels.throughput(self.study, w) or [Markup()]
            if small:
                table = tables.throughput(self.study, w)
                made.parts.append(self.part("scaling", w, small, table, shared))
        if not made.parts:
            made.intro = "Only one number of threads was measured, so there is no picture."
            made.legend = []
        return made

    def resident(self) -> Section:
        made = Section(
            "bytes",
            "Where is each resident byte?",
            "At the instant when all threads hold their live set.",
            legend=[(f"piece {k}", bars.MEANING[k]) for k in bars.PARTS],
        )
        for w in self.study.workloads:
            picture = bars.bars(self.study, self.study.main(w), self.names)
            table = tables.resident(self.study, w)
            made.parts.append(self.part("bytes", w, [picture], table))
        return made

    def by_phase(self) -> Section:
        made = Section(
            "phases",
            "What is resident after each phase?",
            "Of the workloads that note their phases, RSS above the start in MiB. What is far above the dotted line is "
            "free, and not given back. The line of an allocator that cannot purge ends before that.",
            legend=PHASE_LINES,
        )
        for w in self.study.workloads:
            p = self.study.main(w)
            shared, *small = phases.panels(self.study, p) or [Markup()]
            if small:
                made.parts.append(
                    self.part("phases", w, small, phases.table(self.study, p), shared)
                )
        return made

    def instants(self) -> str:
        """Their names, if all workloads have the same."""
        longest: dict[str, list[str]] = {}
        for (workload, _, _), marks in self.study.run.facts.reached.items():
            names = [name for name, _ in marks]
            longest[workload] = max(longest.get(workload, []), names, key=len)
        alike = {tuple(names) for names in longest.values()}
        if len(alike) != 1:
            return "; the table has its name"
        return ": " + ", ".join(f"{i} {name}" for i, name in enumerate(alike.pop(), 1))

    def over_time(self) -> Section:
        marked = bool(self.study.run.facts.reached)
        instants = self.instants()
        told = (
            "Numbered lines are the instants between these phases, at each of which the process rests. The ticks at the "
            "right edge show the levels that the samples had there."
            if marked
            else "The recording does not tell when a phase begins. So the ticks at the right edge show the level of each "
            "phase, as the samples had it."
        )
        made = Section(
            "time",
            "Who gives memory back, and when?",
            "RSS above the start in MiB, sampled from outside in one pass: the live set is built, replaced "
            "block by block, freed, and purged. "
            + told
            + " They are medians of other passes, so they may be above the most that this one shows.",
            legend=[
                (look, f"{said}{instants}" if look == "phase" else said)
                for look, said in TIME_LINES
                if marked or look != "phase"
            ],
        )
        for w in self.study.workloads:
            shared, *small = panels.over_time(self.study, w, self.series) or [Markup()]
            if small:
                table = tables.over_time(self.study, w, self.series)
                made.parts.append(self.part("time", w, small, table, shared, panels.SECONDS))
        if not made.parts:
            made.intro = "This run has no recording of memory over time."
            made.legend = []
        return made


def page(
    run: Results,
    series: dict[tuple[str, str, int], Series],
    told: facts.Facts,
    series_problem: str = "",
) -> Page:
    s = study(run)
    b = Builder(s, series, told)
    found = summary.findings(s)
    core = [f for f in found if f.group == CORE]
    gaps = summary.gaps(s, bool(series), series_problem)
    if s.base and s.base != BASE:
        text = f"{BASE} was not measured, or failed: numbers are multiples of {s.base}'s."
        gaps.append(Sentence("s-base", "caution", text))
    if not found:
        gaps.append(Sentence("s-nothing", "gap", answer.nothing(run)))
    made = [b.pareto(), b.families(), b.throughput(), b.resident(), b.over_time()]
    if (by_phase := b.by_phase()).parts:
        made.append(by_phase)
    counts = sorted({t for _, t in s.places})
    return Page(
        title=f"spanbench: {run.facts.host}, {run.facts.started}",
        about=f"{run.title}; {sample_count(run.rows)} each",
        files="bench.json and timeline.csv",
        gaps=gaps,
        findings=(core or found) + summary.from_answer(s),
        more=summary.folds(s, found if core else []),
        meaning=summary.MEANING,
        sections=made,
        facts=told,
        command=b.command(s.workloads, counts),
        data=data.of_study(s, b.names),
        allocators=run.allocators,
        workloads=s.workloads,
        groups=s.groups,
        threads=counts,
        base=s.base or "",
    )
