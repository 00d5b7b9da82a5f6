"""One page of several kinds of runs: a chapter for each. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import Optional

from report.facts import Facts
from report.model import Page, Part, Section
from report.summary import Sentence
from report.tables import Cell, Line, Table


def prefixed(page: Page, prefix: str) -> Page:
    """With addresses that no other chapter has."""

    def sentences(of: list[Sentence]) -> list[Sentence]:
        return [replace(s, key=prefix + s.key) for s in of]

    def cell(of: str) -> str:
        if not isinstance(of, Cell) or not of.leads_to:
            return of
        return Cell(str(of), of.look, prefix + of.leads_to, of.allocator, of.below)

    def line(of: Line) -> Line:
        return replace(of, cells=[cell(c) for c in of.cells], key=of.key and prefix + of.key)

    def table(of: Optional[Table]) -> Optional[Table]:
        return of and replace(of, lines=[line(x) for x in of.lines])

    def part(of: Part) -> Part:
        return replace(of, key=prefix + of.key, table=table(of.table))

    def section(of: Section) -> Section:
        return replace(of, key=prefix + of.key, parts=[part(p) for p in of.parts])

    return replace(
        page,
        prefix=prefix,
        gaps=sentences(page.gaps),
        findings=sentences(page.findings),
        more=[replace(f, sentences=sentences(f.sentences)) for f in page.more],
        sections=[section(s) for s in page.sections],
    )


def page(chapters: list[tuple[str, Page]], name: str, gaps: list[Sentence], what: str = "") -> Page:
    """`chapters`: the name and the page of each run, the run of make bench first if there is one: its pictures are
    what a reader can switch. What is hidden is hidden in all chapters. `what`: they are, unless each is of another kind.
    """
    made = [(title, prefixed(of, f"c{i}-") if i else of) for i, (title, of) in enumerate(chapters)]
    first = chapters[0][1]
    return replace(
        first,
        title=f"spanbench: {name}",
        about=f"{name}: {what or f'{len(chapters)} runs, each of another kind'}",
        files=", ".join(of.files for _, of in chapters),
        gaps=gaps,
        findings=[],
        more=[],
        sections=[],
        facts=Facts([], [], [], {}, {}),
        allocators=list(dict.fromkeys(n for _, of in chapters for n in of.allocators)),
        chapters=made,
        prefix="all-",
    )
