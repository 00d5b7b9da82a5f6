"""The figures of a run, each drawn by the module of its name, and how they become files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Sequence

from matplotlib.figure import Figure

from figures import memory, pareto, throughput, timeline
from figures.style import Facet as Facet
from figures.style import Styles


def draw(facets: Sequence[Facet]) -> dict[str, Figure]:
    """By name, of a run alone, or of the classes of a fleet: panels for each. Where none has series, there is no timeline."""
    styles = Styles(*(f.run for f in facets))
    figures = {
        "throughput": throughput.draw(facets, styles),
        "memory": memory.draw(facets),
        "pareto": pareto.draw(facets, styles),
    }
    if any(f.series for f in facets):
        figures["timeline"] = timeline.draw(facets, styles)
    return figures


def save(
    figure: Figure, directory: Path, name: str, kinds: Sequence[str] = ("png", "svg")
) -> list[Path]:
    """PNG and SVG, or what of them is asked for, each whole or not at all, and the same bytes for the same figure."""
    paths = []
    for kind in kinds:
        path = directory / f"{name}.{kind}"
        part = directory / f".{name}.{kind}.part"
        try:
            figure.savefig(part, format=kind, metadata={"Date": None} if kind == "svg" else None)
            os.replace(part, path)
        except OSError as problem:
            part.unlink(missing_ok=True)
            raise OSError(problem.errno, problem.strerror, str(path)) from problem
        paths.append(path)
    return paths
