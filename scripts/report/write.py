"""Makes the page of a run, and writes it. The only part that knows files and jinja2."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable, Optional

import bench_results
import stored_file
from bench_results import Results, Series, Unusable, member
from report import bench, compare, matrices, model
from report.facts import Facts, facts_of
from report.svg import Markup
from report.tables import cell_of, head_of

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


# By the member that only such a document has: the file in a run's folder, what it is, and its page.
KINDS: dict[str, tuple[str, str, Made]] = {
    "benchmarks": ("bench.json", "a run of spanbench", of_bench),
    "checks": (
        "conformance.json",
        "a run of spanbench check",
        lambda d, _: matrices.conformance(d),
    ),
    "misuses": ("hardening.json", "a run of spanbench harden", lambda d, _: matrices.hardening(d)),
    "findings": ("gate.json", "a run of the gate", of_gate),
    "program": ("program.json", "a comparison of spanbench try", of_program),
}


def file_of(path: Path) -> Path:
    """What a path names: the file itself, or that of a run's folder. Raises Unusable."""
    if not path.is_dir():
        return path
    for name, _, _ in KINDS.values():
        if (path / name).exists():
            return path / name
    bench_results.refuse_another(path)  # a folder without any of them: says what it is
    raise Unusable(f"{path}: not a run of which there is a page")


def page_of(file: Path) -> model.Page:
    """Raises Unusable."""

    def parsed(document: Any) -> model.Page:
        if not isinstance(document, dict):
            raise ValueError("the file is not an object")
        for key, (_, what, made) in KINDS.items():
            if key in document:
                return bench_results.read_loosely(file, lambda d: made(d, file), what)
        known = ", ".join(name for name, _, _ in KINDS.values())
        raise ValueError(f"it has no benchmarks, so it is none of {known}")

    return bench_results.read(file, parsed, "a run")


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
    style, draw, script = (
        Markup((HERE / name).read_text("utf-8")) for name in ("page.css", "page-draw.js", "page.js")
    )
    return environment.get_template("page.html").render(
        page=made,
        cell_of=cell_of,
        head_of=head_of,
        style=style,
        draw=draw,
        script=script,
        colours=model.looks(),
    )


def bench_of(path: Path) -> Path:
    """Raises Unusable where it is another kind of run."""
    file = path / "bench.json" if path.is_dir() else path
    if not file.exists():
        bench_results.load(path)  # says what it is
    return file


def comparison(a: Path, b: Path) -> model.Page:
    """Raises Unusable, also where the two runs made other requests."""
    documents = [
        bench_results.read_loosely(bench_of(p), checked, "a run of spanbench") for p in (a, b)
    ]

    def made(_: Any) -> model.Page:
        compare.refuse_unequal(*(d for d, _, _ in documents))
        names = (a.resolve().name, b.resolve().name)
        (_, first, one), (_, second, other) = documents
        return compare.page(first, second, (one, other), names)

    return bench_results.read_loosely(bench_of(b), made, f"to be compared with {a}")


def write_comparison(a: Path, b: Path, out: Optional[Path]) -> Optional[Path]:
    """Likewise as `write`, into the folder of b."""
    text = rendered(comparison(a, b))
    if text is None:
        return None
    place = out or bench_of(b).with_name(COMPARISON)
    stored_file.write(place, text.encode("utf-8"))
    return place


def write(path: Path, out: Optional[Path]) -> Optional[Path]:
    """Whole or not at all. Returns where; None: jinja2 is missing. Raises Unusable and OSError."""
    if path.name == "latest" and not path.exists():
        raise Unusable(f"{path}: no run is complete yet; make bench makes one")
    file = file_of(path)
    text = rendered(page_of(file))
    if text is None:
        return None
    usual = file.name in {name for name, _, _ in KINDS.values()}
    place = out or (file.parent / FILE if usual else file.with_suffix(".html"))
    stored_file.write(place, text.encode("utf-8"))
    return place
