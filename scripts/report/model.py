"""What page.html shows, of whatever kind of run. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Optional

import palette
from report import data, facts
from report.ranges import Range
from report.summary import Fold, Sentence
from report.svg import Markup
from report.tables import Table

GROUNDS = "#FFFFFF", "#15181C"  # light and dark, as page.css has them


@dataclass
class Part:
    """A picture and its table. `workload`: what the reader chooses it by; "": it is always shown. `shared`: what
    many small panels have in common; "": the pictures are few."""

    key: str
    heading: str
    pictures: list[Markup]
    table: Optional[Table]
    command: str = ""
    note: str = ""  # what must be known to read it
    workload: str = ""
    shown: bool = True
    threads: int = 0  # of the pictures; 0: of all numbers that were measured
    shared: str = ""
    range: Optional[Range] = None  # of long series: the reader may choose a part


@dataclass
class Section:
    key: str
    title: str
    intro: str
    parts: list[Part] = field(default_factory=list)
    legend: list[tuple[str, str]] = field(default_factory=list)  # a class of marks, and its meaning


@dataclass
class Page:
    title: str
    about: str
    files: str  # that it was made from
    gaps: list[Sentence]
    findings: list[Sentence]
    sections: list[Section]
    facts: facts.Facts
    command: str
    meaning: str = ""
    more: list[Fold] = field(default_factory=list)  # other numbers of threads, and workloads
    data: dict[str, Any] = field(default_factory=data.nothing)
    allocators: list[str] = field(default_factory=list)  # what a reader may hide, by name
    rows: str = "Allocators"  # what they are
    workloads: list[str] = field(default_factory=list)
    groups: list[str] = field(default_factory=list)
    threads: list[int] = field(default_factory=list)
    base: str = ""
    # Of several kinds of runs, each with its name; then this page has no sections of its own.
    chapters: list[tuple[str, Page]] = field(default_factory=list)
    prefix: str = ""  # of the addresses in it

    @property
    def script_data(self) -> Markup:
        return data.script(self.data)


def looks() -> Markup:
    """The colour of the marks, so that it can be seen on each ground."""
    light, dark = (palette.on(ground, palette.COLOURS[0]) for ground in GROUNDS)
    return Markup(f":root{{--mark-on-light:{light};--mark-on-dark:{dark}}}")
