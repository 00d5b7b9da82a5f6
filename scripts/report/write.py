"""Makes the page of a run, and writes it. The only part that knows files and jinja2."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, Optional, Sequence

import bench_results
import programs_table
import stored_file
from bench_results import Results, Series, Unusable, member
from fleet import classes as fleet_classes
from report import again, bench, compare, matrices, model, together
from report.facts import Facts, facts_of
from report.summary import Sentence
from report.svg import Markup
from report.tables import cell_of, head_of
from stored_file import SPOILED, fault

HERE = Path(__file__).resolve().parent
FILE = "report.html"
COMPARISON = "compare.html"
TIMELINE = "timeline.csv"
CURVES = "memory.csv"

# A document, and the folder that it lies in, whose other files the page may need.
Made = Callable[[Any, Path], model.Page]


def checked(document: Any) -> tuple[Any, Results, Facts]:
    context = member(document, "the file", "context", dict)
    own = member(context, "context", "spanbench", dict)
    return document, bench_results.parse(document), facts_of(own, context)


def of_bench(document: Any, file: Path) -> model.Page:
    """A timeline that is spoiled costs its pictures, and the page says so."""
    _, run, told = checked(document)
    timeline = file.parent / TIMELINE
    series: dict[tuple[str, str, int], Series] = {}
    problem = ""
    if timeline.exists():
        try:
            series = bench_results.load_timeline(timeline)
        except Unusable as unusable:
            problem = f"{TIMELINE} cannot be read ({str(unusable).rpartition(': ')[2]})"
    return bench.page(run, series, told, problem)


def of_gate(document: Any, file: Path) -> model.Page:
    from gate.findings import Refusal
    from report import gates

    try:
        return gates.page(document)
    except Refusal as refusal:
        raise ValueError(str(refusal)) from refusal


def of_program(document: Any, file: Path) -> model.Page:
    from report import programs  # loads scipy, which the others do without
    from verdicts import try_results

    results = try_results.of_document(file, document)
    return programs.page(results, try_results.load_curves(file.parent / CURVES))


def of_why(document: Any, file: Path) -> model.Page:
    from report import whys
    from verdicts import why_results

    return whys.page(why_results.of_document(file, document), document)


def of_heap(document: Any, _: Path) -> model.Page:
    from report import heaps

    return heaps.page(document)


@dataclass(frozen=True)
class Kind:
    """Of a run. `key`: the member that only such a document has. `file`: its name in a run's folder."""

    chapter: str
    key: str
    file: str
    what: str
    made: Made


# In the order of a page of all of them.
KINDS = (
    Kind("Speed and memory", "benchmarks", "bench.json", "a run of spanbench", of_bench),
    Kind("A program", "program", "program.json", "a comparison of spanbench try", of_program),
    Kind("The memory of a program", "processes", "why.json", "a result of spanbench why", of_why),
    Kind(
        "Conformance",
        "checks",
        "conformance.json",
        "a run of spanbench check",
        lambda d, _: matrices.conformance(d),
    ),
    Kind(
        "Hardening",
        "misuses",
        "hardening.json",
        "a run of spanbench harden",
        lambda d, _: matrices.hardening(d),
    ),
    Kind("The heap", "heaps", "heap.json", "a run of scripts/heap.py", of_heap),
    Kind("The gate", "findings", "gate.json", "a run of the gate", of_gate),
)
HISTORY, HISTORY_FILE = "The history of gomalloc", "history.jsonl"
USUAL = {k.file for k in KINDS}
PROGRAMS = "Real programs"
AGREEMENT = "agreement.json"
# Half a pair of UTF-16, as a foreign JSON may have it: no file takes it.
HALF = re.compile("[\ud800-\udfff]")


def of_history(file: Path) -> model.Page:
    """Raises Unusable."""
    import history_file
    from gate.findings import Refusal
    from report import histories

    try:
        found = history_file.read(file)
        if file.name == HISTORY_FILE:
            found += history_file.read(file.with_name("history") / "local.jsonl")  # git has it not
        return histories.page(list({one.identity: one for one in found}.values()))
    except Refusal as refusal:
        raise Unusable(str(refusal)) from refusal
    except (ValueError, OSError) as problem:
        raise Unusable(f"{file}: {problem}") from problem


def repeated_there(made: model.Page, folder: Path) -> model.Page:
    """What nodes of a fleet did, they do again."""
    if (folder / programs_table.NODES).exists():
        made.command = again.of_fleet(made.command)
    return made


def page_of(file: Path) -> model.Page:
    """Of one file. Raises Unusable."""
    if file.suffix == ".jsonl" and file.exists():
        return of_history(file)

    def parsed(document: Any) -> model.Page:
        if not isinstance(document, dict):
            raise ValueError("the file is not an object")
        for kind in KINDS:
            if kind.key in document:
                made = bench_results.read_loosely(file, lambda d: kind.made(d, file), kind.what)
                return repeated_there(made, file.parent)
        known = ", ".join(k.file for k in KINDS)
        raise ValueError(f"it has no benchmarks, so it is none of {known}")

    return bench_results.read(file, parsed, "a run")


def document_of(file: Path) -> Any:
    """Raises Unusable."""
    document: dict[str, Any] = bench_results.read_loosely(file, dict, "a run")
    return document


def programs_in(folder: Path) -> tuple[dict[str, Any], dict[str, str]]:
    """What make bench-programs left in a folder, by program, and files that cannot be read, with the reason."""
    found, problems = {}, {}
    for file in sorted(folder.glob("*.json")):
        if file.name in USUAL or file.name == AGREEMENT or file.name.endswith(".schema.json"):
            continue
        try:
            document = document_of(file)
            if isinstance(document, dict) and "program" in document and "runs" in document:
                bench_results.read_loosely(
                    file,
                    lambda d: programs_table.of_document(file.stem, d),
                    "what spanbench try writes",
                )
                found[file.stem] = document
        except Unusable as problem:
            problems[file.name] = str(problem).removeprefix(f"{file}: ")
    return found, problems


def of_programs(folder: Path, found: dict[str, Any], problems: dict[str, str]) -> model.Page:
    """Raises Unusable."""
    from report import catalogue

    agreed, file = None, folder / AGREEMENT
    if file.exists():
        try:
            agreed = document_of(file)
            bench_results.read_loosely(file, catalogue.agreement_section, "what programs.py writes")
        except Unusable as problem:
            agreed = None
            problems = {**problems, file.name: str(problem).removeprefix(f"{file}: ")}
    try:
        return repeated_there(catalogue.page(found, agreed, problems), folder)
    except SPOILED as problem:
        raise Unusable(f"{folder}: not a run of make bench-programs: {fault(problem)}") from problem


@dataclass
class Chapter:
    """A run in a folder. `made` raises Unusable."""

    title: str
    place: Path
    made: Callable[[], model.Page]


def directly_in(folder: Path) -> list[Chapter]:
    """The runs whose files lie in this very folder, by the order of KINDS; real programs are the second."""
    made = [
        Chapter(k.chapter, folder / k.file, lambda f=folder / k.file: page_of(f))  # type: ignore[misc]
        for k in KINDS
        if (folder / k.file).exists()
    ]
    found, problems = programs_in(folder)
    if found:
        one = Chapter(PROGRAMS, folder, lambda: of_programs(folder, found, problems))
        made.insert(bool(made) and made[0].place.name == KINDS[0].file, one)
    history = folder / HISTORY_FILE
    if history.exists():
        made.append(Chapter(HISTORY, history, lambda: page_of(history)))
    return made


def of_a_fleet(folder: Path) -> list[Chapter]:
    """What was collected of it, by one name; of classes whose nodes differ, as its own page has them."""
    inner = fleet_classes.folders(folder)
    each = [(c.name, chapter) for c in inner for chapter in directly_in(c)]
    if fleet_classes.several(folder):
        return [Chapter(KINDS[0].chapter, folder, lambda: page_of_folder(folder))]
    several = len(inner) > 1
    return [
        Chapter(f"{name}: {of.title}" if several else of.title, folder, of.made)
        for name, of in each
    ]


def newest_first(folder: Path) -> list[Path]:
    """The folders of runs in a folder, each once. Links to the latest of a kind and fleets come first, then others whose
    names begin with the time, then what was stored by another name."""

    def rank(place: Path) -> int:
        if place.name.startswith("latest") or fleet_classes.folders(place):
            return 0
        return 1 if re.match(r"\d{8}T", place.name) else 2

    inner = sorted(
        (p for p in folder.iterdir() if p.is_dir()), key=lambda p: p.resolve().name, reverse=True
    )
    inner.sort(key=rank)
    once: dict[Path, Path] = {}
    for place in inner:
        once.setdefault(place.resolve(), place)
    return list(once.values())


def kind_of(chapter: Chapter) -> str:
    """Its title, without the class of machines of a fleet."""
    return re.sub(r"^class\d+: ", "", chapter.title)


def collected(folder: Path) -> tuple[list[Chapter], list[Chapter]]:
    """The runs that the page of a folder shows, and those of the same kinds that it leaves out."""
    shown = directly_in(folder)
    left: list[Chapter] = []
    of_program = {p for c in shown if c.title == PROGRAMS for p in programs_in(folder)[0]}
    for inner in newest_first(folder) if folder.is_dir() else []:
        there = [] if inner.name in of_program else of_a_fleet(inner) or directly_in(inner)
        before = {kind_of(c) for c in shown}  # classes of one fleet are shown together
        for chapter in there:
            (left if kind_of(chapter) in before else shown).append(chapter)
    order = [KINDS[0].chapter, PROGRAMS, *(k.chapter for k in KINDS[1:]), HISTORY]
    return sorted(shown, key=lambda c: order.index(kind_of(c))), left


def of_classes(folder: Path) -> Optional[model.Page]:
    """Of a fleet whose nodes differ: samples have a panel for each class of machines, and other work has a chapter for each.
    None: there is one class, or none. Raises Unusable."""
    name = bench_results.printable(folder.resolve().name)
    if apart := fleet_classes.several(folder):
        from report import classes

        found = fleet_classes.load(apart)
        try:
            return classes.page(found, name)
        except SPOILED as problem:
            raise Unusable(f"{folder}: not a run of a fleet: {fault(problem)}") from problem
    chapters = [
        (f"{inner.name}: {chapter.title}", chapter.made)
        for inner in fleet_classes.folders(folder)
        for chapter in directly_in(inner)
    ]
    if len(fleet_classes.folders(folder)) < 2 or len(chapters) < 2:
        return None
    made = [(title, of()) for title, of in chapters]
    return together.page(made, name, [], f"{len(made)} classes of machines, which are never pooled")


def page_of_folder(folder: Path) -> model.Page:
    """Of all kinds of runs that it has; one that cannot be read is a gap, unless it is the only one. Raises
    Unusable."""
    if folder.is_dir() and (apart := of_classes(folder)):
        return apart
    shown, left = collected(folder)
    if not shown:
        bench_results.refuse_another(folder)  # says what it is
        raise Unusable(f"{folder}: not a run of which there is a page")
    if len(shown) == 1:
        return shown[0].made()
    chapters, gaps = [], []
    for i, chapter in enumerate(shown):
        try:
            chapters.append((chapter.title, chapter.made()))
        except Unusable as problem:
            said = bench_results.printable(f"Not shown: {chapter.title}: {problem}.")
            gaps.append(Sentence(f"s-not-shown-{i}", "gap", said))
    if not chapters:
        raise Unusable(f"{folder}: no run in it can be read: {gaps[0].text}")
    if left:
        names = sorted({c.place.parent.name if c.place.is_file() else c.place.name for c in left})
        some = ", ".join(names[:6]) + f" and {len(names) - 6} more" * (len(names) > 6)
        said = f"Of each kind, one run is shown. Left out: {some}."
        gaps.append(Sentence("s-left-out", "absent", bench_results.printable(said)))
    return together.page(chapters, bench_results.printable(folder.resolve().name), gaps)


def rendered(made: model.Page) -> Optional[str]:
    """None: jinja2 is missing."""
    try:
        import jinja2
    except ModuleNotFoundError:
        return None
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    style, *scripts = (
        Markup((HERE / name).read_text("utf-8"))
        for name in ("page.css", "page-draw.js", "page-range.js", "page.js")
    )
    text = environment.get_template("page.html").render(
        page=made,
        cell_of=cell_of,
        head_of=head_of,
        style=style,
        scripts=scripts,
        colours=model.looks(),
    )
    return HALF.sub(" ", text)


def bench_of(path: Path) -> Path:
    """Raises Unusable where it is another kind of run."""
    file = path / "bench.json" if path.is_dir() else path
    if not file.exists():
        bench_results.load(path)  # says what it is
    return file


def comparison(a: Path, b: Path, only: Sequence[str] = ()) -> model.Page:
    """`only` these allocators; none: all. Raises Unusable, also where the two runs made other requests."""
    documents = [
        bench_results.read_loosely(bench_of(p), checked, "a run of spanbench") for p in (a, b)
    ]

    def made(_: Any) -> model.Page:
        compare.refuse_unequal(*(d for d, _, _ in documents))
        names = (a.resolve().name, b.resolve().name)
        (_, first, one), (_, second, other) = documents
        return compare.page(first, second, (one, other), names, list(dict.fromkeys(only)))

    return bench_results.read_loosely(bench_of(b), made, f"to be compared with {a}")


def save(place: Path, text: str) -> Path:
    """Whole or not at all, in a folder that may have to be made. Returns the place."""
    try:
        place.parent.mkdir(exist_ok=True)
        stored_file.write(place, text.encode("utf-8"))
    except OSError as error:
        what = f"{place}: the page cannot be written: {error.strerror}"
        raise Unusable(
            f"{what}; scripts/report/__main__.py --out=FILE writes it elsewhere"
        ) from error
    return place


def write_comparison(
    a: Path, b: Path, out: Optional[Path], only: Sequence[str] = ()
) -> Optional[Path]:
    """Likewise as `write`, into the folder of b."""
    text = rendered(comparison(a, b, only))
    if text is None:
        return None
    return save(out or bench_of(b).with_name(COMPARISON), text)


def place_of(path: Path) -> Path:
    """Where the page goes: beside what a command stored; of the history, to its pictures."""
    if path.is_dir():
        return path / FILE
    if path.name == HISTORY_FILE:
        return path.with_name("history") / FILE
    return path.with_name(FILE) if path.name in USUAL else path.with_suffix(".html")


def write(path: Path, out: Optional[Path]) -> Optional[Path]:
    """Whole or not at all. Returns where; None: jinja2 is missing. Raises Unusable and OSError."""
    if path.name == "latest" and not path.exists():
        raise Unusable(f"{path}: no run is complete yet; make bench makes one")
    text = rendered(page_of_folder(path) if path.is_dir() else page_of(path))
    if text is None:
        return None
    return save(out or place_of(path), text)
