"""Makes the page of a run, and writes it. The only part that knows files and jinja2."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable, Optional

import bench_results
import stored_file
from bench_results import Series, Unusable, member
from report import bench, matrices, model
from report.facts import facts_of
from report.svg import Markup
from report.tables import cell_of, head_of

HERE = Path(__file__).resolve().parent
FILE = "report.html"
TIMELINE = "timeline.csv"
CURVES = "memory.csv"

# A document, and the folder that it lies in, whose other files the page may need.
Made = Callable[[Any, Path], model.Page]


def of_bench(document: Any, file: Path) -> model.Page:
    """A timeline that is spoiled costs its pictures, and the page says so."""
    context = member(document, "the file", "context", dict)
    own = member(context, "context", "spanbench", dict)
    run = bench_results.parse(document)
    timeline = file.parent / TIMELINE
    series: dict[tuple[str, str, int], Series] = {}
    problem = ""
    if timeline.exists():
        try:
            series = bench_results.load_timeline(timeline)
        except Unusable as unusable:
            problem = f"{TIMELINE} cannot be read ({str(unusable).rpartition(': ')[2]})"
    return bench.page(run, series, facts_of(own, context), problem)


def of_gate(document: Any, file: Path) -> model.Page:
    from report import gates

    return gates.page(document)


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
    style, script = (Markup((HERE / name).read_text("utf-8")) for name in ("page.css", "page.js"))
    return environment.get_template("page.html").render(
        page=made,
        cell_of=cell_of,
        head_of=head_of,
        style=style,
        script=script,
        colours=model.looks(),
    )


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
