"""The figures of a run, each drawn by the module of its name, and how they become files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Sequence

from matplotlib.figure import Figure

from figures import memory, pareto, throughput, timeline
from figures.style import Styles
from bench_results import Results, Series


def draw(run: Results, series: dict[tuple[str, str, int], Series]) -> dict[str, Figure]:
    """By name; without series there is no timeline."""
    styles = Styles(run)
    figures = {
        "throughput": throughput.draw(run, styles),
        "memory": memory.draw(run),
        "pareto": pareto.draw(run, styles),
    }
    if series:
        figures["timeline"] = timeline.draw(run, styles, series)
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
