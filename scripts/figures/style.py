"""What all figures share: colours, axes, and a page of title, panels, legend and caption.

The colours are those of palette.py: no two allocators share one. Each also has a marker or a line of its
own, so that a print without colours can be read.
"""

from __future__ import annotations

import math
import textwrap
from dataclasses import dataclass, field
from typing import Any, Iterable, Sequence

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

from bench_results import MIB, Results, Row, Series, Spread, plural, sample_count
from palette import COLOURS as COLOURS
from palette import FIRST as FIRST
from palette import GREY as GREY
from palette import ZONE as ZONE
from palette import colour as colour

MARKERS = ["o", "s", "^", "D", "v", "P", "X", "<", ">", "p", "*", "h", "d"]
LINES = ["-", "--", ":"]

PANEL_WIDTH, LEAST_WIDTH, MARGIN = 3.7, 7.4, 0.9  # inches
MULTIPLES, MULTIPLE_WIDTH, MULTIPLE_HEIGHT = (
    4,
    2.5,
    1.75,
)  # small ones beside each other, and of each
OTHERS = {"color": "#C4C4C4", "linewidth": 0.8}  # what stands behind in each of the small ones
TITLE_SIZE, CAPTION_SIZE = 12, 7.5  # points
LETTER = 0.55  # mean width of a letter, of the size of its font
MOST_TICKS, LEAST_TICKS = 7, 3

# Beside a panel, where it says what machines these are, and how much of the panel's height it may take.
STRIP, STRIP_SHARE = (1.02, 0.5), 0.75

matplotlib.rcdefaults()  # whatever matplotlibrc there is
matplotlib.rcParams.update(
    {
        "font.size": 10,
        "axes.titlesize": 11,
        "axes.titleweight": "bold",
        "axes.titlelocation": "left",
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "grid.color": "#DDDDDD",
        "grid.linewidth": 0.6,
        "axes.axisbelow": True,
        "savefig.dpi": 150,
        "svg.hashsalt": "spanbench",
        "text.parse_math": False,  # a name may have a "$"
    }
)


@dataclass(frozen=True)
class Facet:
    """A run with panels of its own. Beside those of others, they have the same scales. `name` and `facts`: of a fleet, the class
    of machines that the run is of, and what these are. A run alone has neither."""

    run: Results
    name: str = ""
    facts: str = ""
    series: dict[tuple[str, str, int], Series] = field(default_factory=dict)

    def head(self, workload: str) -> str:
        """What stands above a panel."""
        return f"{self.name}: {workload}" if self.name else workload

    def said(self, text: str) -> str:
        """Of what is below the panels."""
        return f"{self.name}: {text}" if self.name and text else text


def workloads_of(facets: Sequence[Facet]) -> list[str]:
    return list(dict.fromkeys(w for f in facets for w in f.run.workloads))


class Styles:
    """One colour and marker an allocator: in all figures, and in all runs with the same names."""

    def __init__(self, *runs: Results) -> None:
        self.floors = {name for run in runs for name in run.facts.floors}
        names = dict.fromkeys(n for run in runs for n in run.facts.names if n not in self.floors)
        self.places = {name: i for i, name in enumerate([*names, *sorted(self.floors)])}

    def of(self, allocator: str) -> dict[str, Any]:
        if allocator in self.floors:
            return {"color": GREY, "marker": "", "linestyle": "--", "linewidth": 1.2}
        i = self.places[allocator]
        return {
            "color": colour(i),
            "marker": MARKERS[i % len(MARKERS)],
            "linestyle": LINES[i // FIRST % len(LINES)],
            "linewidth": 1.5,
            "markersize": 7,
            "markeredgecolor": "#FFFFFF",
            "markeredgewidth": 0.5,
        }

    def handles(self, allocators: Iterable[str]) -> list[tuple[str, Any]]:
        """What `finish` takes: a sample of each, the floor's name explained."""
        return [
            (a + " (harness alone)" * (a in self.floors), Line2D([], [], **self.of(a)))
            for a in allocators
        ]


def main_threads(facets: Sequence[Facet]) -> str:
    """Which thread count it is that figures with room for one show."""
    found = {}
    for of in facets:
        run = of.run
        cpus = plural(run.facts.cpus, "CPU")
        more = "; scheduling is measured, too" if run.main_threads > run.facts.cpus else ""
        threads = plural(run.main_threads, "thread")
        found[of.name] = f"{threads} (of those measured nearest to {cpus}{more})"
    alike = set(found.values())
    return alike.pop() if len(alike) == 1 else ", ".join(f"{n}: {x}" for n, x in found.items())


def starts(of: Facet, threads: int) -> str:
    """What memory leaves out. It is of each allocator the largest of the workloads."""
    run = of.run
    found: dict[str, float] = {}
    for row in (r for w in run.workloads for r in good_rows(run, w, threads) if not r.floor):
        start = row.median("rss_start_bytes") / MIB
        found[row.allocator] = max(start, found.get(row.allocator, 0))
    said = ", ".join(f"{name} {start:.1f}" for name, start in found.items())
    return of.said(f"not counted: RSS at the start, in MiB: {said}") if said else ""


def spread_handle(facets: Sequence[Facet]) -> tuple[str, Any]:
    names = {f.run.spread_name: None for f in facets}
    said = ["quartiles" if n == "quartiles" else "smallest to largest sample" for n in names]
    return f"median, {' or '.join(said)}", Line2D([], [], color=GREY, marker="|", markersize=7)


def page(facets: Sequence[Facet], title: str, height: float) -> tuple[Figure, list[list[Axes]]]:
    """A row of panels for each run, so many inches high, with a column for each workload. What a run's machines are stands
    on the right."""
    workloads = workloads_of(facets)
    figure, axes = panels(len(workloads), title, len(facets), height)
    for of, line in zip(facets, axes):
        for ax, workload in zip(line, workloads):
            ax.set_title(of.head(workload))
        if of.facts:
            facts = f"{of.run.facts.cpu}, {plural(of.run.facts.cpus, 'CPU')}, {of.facts}"
            line[-1].text(
                *STRIP,
                wrap(facts, STRIP_SHARE * height, CAPTION_SIZE),
                transform=line[-1].transAxes,
                rotation=270,
                va="center",
                fontsize=CAPTION_SIZE,
                color=GREY,
            )
    return figure, axes


Place = tuple[int, str, str]  # the number of the facet, the workload, and the allocator


def multiples(
    facets: Sequence[Facet], names: list[str], title: str
) -> tuple[Figure, dict[Place, Axes]]:
    """A small panel for each allocator of each workload: so no picture has many lines that cross. Those of a workload by all
    runs are next to each other."""
    columns = max(1, min(MULTIPLES, len(names)))
    lines = max(1, math.ceil(len(names) / columns))
    blocks = [(i, w) for w in workloads_of(facets) for i in range(len(facets))]
    rows = lines * max(1, len(blocks))
    figure, axes = panels(columns, title, rows, MULTIPLE_HEIGHT, MULTIPLE_WIDTH)
    found = {}
    for above, (i, workload) in enumerate(blocks):
        for j, name in enumerate(names):
            ax = axes[above * lines + j // columns][j % columns]
            ax.set_title(f"{facets[i].head(workload)}, {name}", fontsize=9)
            ax.tick_params(labelsize=8)
            found[i, workload, name] = ax
    for ax in [ax for line in axes for ax in line if ax not in found.values()]:
        figure.delaxes(ax)
    return figure, found


def panels(
    columns: int, title: str, rows: int, height: float, panel_width: float = PANEL_WIDTH
) -> tuple[Figure, list[list[Axes]]]:
    width = max(LEAST_WIDTH, MARGIN + panel_width * columns)
    figure = Figure(figsize=(width, rows * height))
    FigureCanvasAgg(figure)
    heading = figure.suptitle(wrap(title, width, TITLE_SIZE), fontsize=TITLE_SIZE, va="top")
    heading.set_in_layout(False)  # its room is made in `finish`
    axes = figure.subplots(rows, columns, squeeze=False)
    return figure, [list(line) for line in axes]


def wrap(text: str, inches: float, size: float) -> str:
    return "\n".join(textwrap.wrap(text, int(inches * 72 / (size * LETTER))))


def finish(
    figure: Figure,
    facets: Sequence[Facet],
    handles: list[tuple[str, Any]],
    basis: str = "",
    notes: Iterable[str] = (),
) -> None:
    """With a caption that says what run it is, or of several, each."""
    said: list[str] = []
    for of in facets:
        title = "; ".join(filter(None, (of.run.title, of.facts)))
        said += [of.said(title), basis or f"{sample_count(of.run.rows)} a row", *of.run.caveats]
    arrange(figure, handles, [text for text in (*said, *notes) if text])


def arrange(figure: Figure, handles: list[tuple[str, Any]], said: list[str]) -> None:
    """Adds the legend and the caption below the panels, and gives each its room."""
    width, above_legend = figure.get_size_inches()
    (heading,) = figure.texts
    caption = figure.text(
        0.1 / width,
        0,
        wrap(" | ".join(said), width - 0.2, CAPTION_SIZE),
        fontsize=CAPTION_SIZE,
        color=GREY,
        va="bottom",
    )
    for lines in range(1, len(handles) + 1):
        legend = figure.legend(
            [h for _, h in handles],
            [str(i) for i in range(len(handles))],
            loc="lower center",
            ncol=-(-len(handles) // lines),
            frameon=False,
        )
        for place, (label, _) in zip(legend.get_texts(), handles):
            place.set_text(label)  # here, as a label with "_" at its beginning would be left out
        legend_width, legend_height = extent(figure, legend)
        if legend_width <= width or lines == len(handles):
            break
        legend.remove()
    below = 0.05 + extent(figure, caption)[1]
    above = 0.12 + extent(figure, heading)[1]
    height = above_legend + below + legend_height + above
    figure.set_figheight(height)
    caption.set_y(0.05 / height)
    legend.set_bbox_to_anchor((0.5, below / height))
    heading.set_y(1 - 0.08 / height)
    figure.tight_layout(rect=(0, (below + legend_height) / height, 1, 1 - above / height))


def extent(figure: Figure, artist: Any) -> tuple[float, float]:
    """Width and height in inches."""
    box = artist.get_window_extent(figure.canvas.get_renderer())
    return box.width / figure.dpi, box.height / figure.dpi


def ticks_between(low: float, high: float) -> list[float]:
    """Round numbers, at least three if there is any way, spread over a logarithmic axis."""
    ticks: list[float] = []
    for steps in ((1, 1.5, 2, 3, 5, 7), (1, 2, 5), (1,)):
        ticks = [float(f"{m}e{e}") for e in range(-12, 20) for m in steps]
        ticks = [t for t in ticks if low <= t <= high]
        if len(ticks) <= MOST_TICKS:
            break
    if len(ticks) > MOST_TICKS:
        ticks = ticks[:: -(-len(ticks) // MOST_TICKS)]
    if len(ticks) < LEAST_TICKS:
        ticks = [
            t
            for t in MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high)
            if low <= t <= high
        ]
    return ticks


def log_scale(axis: Any, values: Iterable[float]) -> None:
    """A logarithmic axis with readable ticks, with room around these values."""
    known = [v for v in values if v > 0]
    if not known:
        return
    low, high = min(known) / 1.25, max(known) * 1.25
    axis.axes.set(**{f"{axis.axis_name}scale": "log", f"{axis.axis_name}lim": (low, high)})
    axis.set_major_locator(FixedLocator(ticks_between(low, high)))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))


def good_rows(run: Results, workload: str, threads: int) -> list[Row]:
    return [r for r in run.select(workload, threads) if r.samples]


def distances(spreads: list[Spread]) -> list[list[float]]:
    """What errorbar() wants: how far down, and how far up."""
    return [[s.median - s.low for s in spreads], [s.high - s.median for s in spreads]]


def plot_spreads(
    ax: Axes, x: list[Spread] | list[int], y: list[Spread], look: dict[str, Any]
) -> None:
    """Points at the medians, joined as the look says, with error bars for the spreads."""
    across = [v for v in x if isinstance(v, Spread)]
    drawn = ax.errorbar(
        [s.median for s in across] or x,
        [s.median for s in y],
        distances(y),
        distances(across) if across else None,
        capsize=3,
        elinewidth=1,
        **look,
    )
    for cap in drawn.lines[1]:
        cap.set(markeredgecolor=look["color"], markeredgewidth=1)  # not that of the point


def mops(row: Row) -> Spread:
    return row.spread("ops_per_second").scaled(1e-6)


def memory_mib(row: Row) -> Spread:
    """Resident with all blocks live, less what was at the start."""
    above = row.above_start("rss_live_bytes")
    assert above
    return above.scaled(1 / MIB)
