"""How numbers of a comparison of `spanbench try` are written."""

from __future__ import annotations

import math
from typing import Iterable

from verdicts.try_results import Metric


def number(value: float) -> str:
    """Three digits."""
    if value == 0 or not math.isfinite(value):
        return "0" if value == 0 else "-"
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{value:,.{digits}f}"


def mebibytes(value: float) -> str:
    return f"{number(value / 2**20)} MiB"


def shown(value: float, metric: Metric) -> str:
    if metric.unit == "bytes":
        return mebibytes(value)
    if metric.unit == "seconds":
        return f"{number(value)} s" if value >= 1 else f"{number(value * 1e3)} ms"
    return number(value)


def percent(fraction: float) -> str:
    value = abs(fraction) * 100
    return f"{value:.0f}" if value >= 10 else f"{value:.1f}".removesuffix(".0")


def joined(names: Iterable[str]) -> str:
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last


def seen(smallest: float) -> str:
    """What difference would not have been missed."""
    if math.isinf(smallest):
        return "there are too few runs to see any difference"
    if smallest > 1:
        return f"only a factor of {1 + smallest:.1f} would have been seen"
    return f"a difference of {percent(smallest)} % would have been seen"


def aligned(lines: list[list[str]]) -> list[str]:
    """Columns of the same width: the first to the left, all others to the right."""
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    return [
        "  "
        + "  ".join(
            [line[0].ljust(widths[0]), *(w.rjust(widths[i]) for i, w in enumerate(line) if i)]
        ).rstrip()
        for line in lines
    ]
