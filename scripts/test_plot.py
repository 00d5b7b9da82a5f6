"""plot.py and figures/: what is drawn where, read back from the axes, and the files it ends up in."""

import json
import math
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree
from pathlib import Path
from typing import Any

os.environ["MPLBACKEND"] = "Agg"

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Annotation, Text
from matplotlib.transforms import Bbox

from driving import run, run_python, slow

import figures
import bench_results
from figures import memory, pareto, style, throughput, timeline
from figures.style import Facet, Styles
from bench_results import MIB, Results, Series
from test_bench_results import EXAMPLE, entry, failed, made_up

PLOT = Path(__file__).resolve().parent / "plot.py"
FIGURES = ("throughput", "timeline", "memory", "pareto")
WORKLOADS = ("tiny", "small")
# Each allocator's: million operations a second by one thread, and MiB above the start.
SPEED = {"slow": 10.0, "fast": 80.0, "big": 75.0, "null": 300.0}
MEMORY = {"slow": 12.0, "fast": 30.0, "big": 44.0, "null": 1.0}
START, LIVE = 2.0, 10.0  # MiB
SPREAD = (0.8, 1.0, 1.3)


def speed(name: str, workload: str, threads: int) -> float:
    """Different for all rows."""
    return SPEED[name] * (1 + WORKLOADS.index(workload)) * (1 + 0.1 * threads)


def invented(threads: tuple[int, ...] = (1, 2, 4), names: Any = SPEED) -> Results:
    """Two workloads on 2 CPUs; each row has three samples and a spread of its own."""
    samples = []
    for workload in WORKLOADS:
        for name in names:
            for t in threads:
                for factor in SPREAD:
                    mops = speed(name, workload, t) * factor
                    samples.append(
                        entry(
                            name,
                            1e3 / mops,
                            ops_per_second=mops * 1e6,
                            workload=workload,
                            threads=t,
                            live_bytes=(LIVE + WORKLOADS.index(workload)) * MIB,
                            rss_start_bytes=START * MIB,
                            rss_live_bytes=(START + MEMORY[name] * factor) * MIB,
                            rss_drained_bytes=(START + MEMORY[name] / 2) * MIB,
                            rss_purged_bytes=(START + MEMORY[name] / 4) * MIB,
                        )
                    )
    if 2 in threads:
        samples.append(failed("fast", workload="tiny", threads=2))
    return made_up(samples, quick=True)


def crowd() -> Results:
    """Many allocators with long names, all alike."""
    names = [f"lib{c}alloc-$x_{i}.so.{i}" for i, c in enumerate("abcdefghijkl")] + [
        "_a",
        "__b$\\x$",
    ]
    return made_up([entry(n, 5 + i / 10) for i, n in enumerate(names)])


def drawings(run: Results) -> dict[str, Figure]:
    series = {
        (r.workload, r.allocator, r.threads): Series([0.1, 0.2], [1e6, 2e6], [1e7, 2e8])
        for r in run.rows
    }
    return figures.draw([Facet(run, series=series)])


def texts(figure: Figure) -> str:
    """All that is written in a figure."""
    figure.canvas.draw()
    return "\n".join(t.get_text().replace("\n", " ") for t in figure.findobj(Text))


def legend(figure: Figure) -> list[str]:
    return [t.get_text() for t in figure.legends[0].get_texts()]


def line(ax: Axes, look: dict[str, Any]) -> Any:
    """The one line that looks so."""
    marker = look["marker"] or "None"
    found = [
        drawn
        for drawn in ax.lines
        if drawn.get_color() == look["color"]
        and str(drawn.get_marker() or "None") == marker
        and drawn.get_linestyle() == look["linestyle"]
    ]
    assert len(found) == 1, (look, found)
    return found[0]


def bars(ax: Axes) -> set[tuple[float, ...]]:
    """The ends (x0, y0, x1, y1) of all error bars."""
    ends = set()
    for collection in ax.collections:
        for segment in collection.get_segments():
            ends.add(tuple(round(float(v), 6) for v in segment.ravel()))
    return ends


def rounded(*values: float) -> tuple[float, ...]:
    return tuple(round(v, 6) for v in values)


def panels_of(figure: Figure) -> dict[str, Axes]:
    """By what stands above each."""
    return {ax.get_title("left"): ax for ax in figure.axes}


def others(ax: Axes) -> list[Any]:
    return [drawn for drawn in ax.lines if drawn.get_color() == style.OTHERS["color"]]


class ThroughputFigure(unittest.TestCase):
    def test_lines(self) -> None:
        """A panel has one line of its own; the others stand behind it, and the floor and the ideal beside it."""
        run = invented()
        styles = Styles(run)
        figure = throughput.draw([Facet(run)], styles)
        names = ["big", "fast", "slow"]
        panels = panels_of(figure)
        self.assertEqual(list(panels), [f"{w}, {n}" for w in WORKLOADS for n in names])
        for (workload, name), ax in zip(
            [(w, n) for w in WORKLOADS for n in names], panels.values()
        ):
            y = [speed(name, workload, t) for t in (1, 2, 4)]
            drawn = line(ax, styles.of(name))
            self.assertEqual(list(drawn.get_xdata()), [1, 2, 4])
            for got, wanted in zip(drawn.get_ydata(), y):
                self.assertAlmostEqual(got, wanted)
            expected = {rounded(t, v * SPREAD[0], t, v * SPREAD[2]) for t, v in zip((1, 2, 4), y)}
            self.assertEqual(bars(ax), expected)
            behind = {round(drawn.get_ydata()[0], 6) for drawn in others(ax)}
            self.assertEqual(behind, {round(speed(n, workload, 1), 6) for n in names if n != name})
            self.assertEqual(line(ax, styles.of("null")).get_ydata()[0], speed("null", workload, 1))
            (best,) = [d for d in ax.lines if d.get_linestyle() == ":"]
            for got, wanted in zip(best.get_ydata(), (y[0], 2 * y[0], 2 * y[0])):
                self.assertAlmostEqual(got, wanted)
            self.assertEqual((ax.get_xscale(), ax.get_yscale()), ("log", "log"))
            self.assertEqual([t.get_text() for t in ax.get_xticklabels()], ["1", "2", "4"])
            low, high = ax.get_ylim()
            self.assertLess(low, speed("slow", workload, 1) * SPREAD[0])
            self.assertGreater(high, speed("null", workload, 4) * SPREAD[2])
            self.assertEqual(ax.get_xlabel(), "threads")
        self.assertEqual(figure.axes[0].get_ylabel(), "million ops a second (log)")
        self.assertEqual(
            legend(figure),
            [
                "median, smallest to largest sample",
                "others",
                "ideal: each thread as one alone, up to the CPUs",
                "null (harness alone)",
            ],
        )

    def test_many_allocators_have_more_lines_of_panels(self) -> None:
        names = [f"a{i}" for i in range(6)]
        run = made_up([entry(n, 5, threads=t) for n in names for t in (1, 2)])
        self.assertEqual(
            list(panels_of(throughput.draw([Facet(run)], Styles(run)))),
            [f"tiny, {n}" for n in names],
        )

    def zone(self, ax: Axes) -> list[tuple[float, float]]:
        """A polygon, of matplotlib 3.9 and later a rectangle."""
        shapes = [p.get_patch_transform().transform_path(p.get_path()) for p in ax.patches]
        return [(s.vertices[:, 0].min(), s.vertices[:, 0].max()) for s in shapes]

    def test_oversubscription(self) -> None:
        run = invented()
        figure = throughput.draw([Facet(run)], Styles(run))
        ((begin, end),) = self.zone(figure.axes[0])
        self.assertTrue(2 < begin < 4, begin)
        self.assertEqual(end, figure.axes[0].get_xlim()[1])
        self.assertGreater(end, 4)
        self.assertIn("more threads than 2 CPUs", texts(figure))
        run = invented(threads=(3, 4))
        ax = throughput.draw([Facet(run)], Styles(run)).axes[0]
        self.assertLess(self.zone(ax)[0][0], 3)
        run = invented(threads=(1, 2))
        figure = throughput.draw([Facet(run)], Styles(run))
        self.assertEqual(self.zone(figure.axes[0]), [])
        self.assertNotIn("more threads than", texts(figure))

    def test_thread_counts_that_are_close(self) -> None:
        run = made_up([entry("a", 5, threads=t) for t in range(1, 33)])
        ax = throughput.draw([Facet(run)], Styles(run)).axes[0]
        written = [t.get_text() for t in ax.get_xticklabels()]
        self.assertEqual(written[:3], ["1", "2", "3"])
        self.assertLess(len(written), 12)

    def test_one_thread_count(self) -> None:
        run = invented(threads=(4,))
        styles = Styles(run)
        ax = throughput.draw([Facet(run)], styles).axes[1]
        names = ["fast", "big", "slow", "null"]
        written = [t.get_text() for t in ax.get_xticklabels()]
        self.assertEqual(written, ["fast", "big", "slow", "null (floor)"])
        for place, name in enumerate(names[:3]):
            drawn = line(ax, styles.of(name))
            self.assertEqual(list(drawn.get_xdata()), [place])
            self.assertAlmostEqual(drawn.get_ydata()[0], speed(name, "small", 4))
        self.assertEqual(ax.get_xlabel(), "4 threads")


class MemoryFigure(unittest.TestCase):
    def test_bars(self) -> None:
        figure = memory.draw([Facet(invented())])
        for ax, live in zip(figure.axes, (LIVE, LIVE + 1)):
            names = ["null", "big", "fast", "slow"]  # from below
            ratios = [MEMORY[n] / live for n in names]
            written = [t.get_text() for t in ax.get_yticklabels()]
            self.assertEqual(written, ["null (floor)", *names[1:]])
            for place, (bar, ratio) in enumerate(zip(ax.patches, ratios)):
                self.assertAlmostEqual(bar.get_width(), ratio)
                self.assertAlmostEqual(bar.get_y() + bar.get_height() / 2, place)
                self.assertEqual(bool(bar.get_hatch()), place == 0, "the floor is marked")
            expected = {rounded(r * SPREAD[0], i, r * SPREAD[2], i) for i, r in enumerate(ratios)}
            self.assertEqual(bars(ax), expected)
            for marker, share in (("o", 0.5), ("D", 0.25)):
                marks = [d for d in ax.lines if d.get_marker() == marker]
                self.assertEqual([d.get_ydata()[0] for d in marks], [0, 1, 2, 3])
                for drawn, ratio in zip(marks, ratios):
                    self.assertAlmostEqual(drawn.get_xdata()[0], ratio * share)
            said = [t.get_text() for t in ax.texts]
            self.assertEqual(said, [f"{r:.2f}x" for r in ratios])
            (one,) = [d for d in ax.lines if d.get_color() == memory.LIVE["color"]]
            self.assertEqual(list(one.get_xdata()), [1, 1])
            self.assertEqual(ax.get_xlim()[0], 0)
            self.assertGreater(ax.get_xlim()[1], max(ratios) * SPREAD[2])
            self.assertEqual(ax.get_xlabel(), "(RSS - RSS at start) / live bytes")
        self.assertIn("2 threads (of those measured nearest to 2 CPUs)", texts(figure))
        self.assertEqual(
            legend(figure),
            [
                "live bytes alone",
                "all blocks live",
                "median, smallest to largest sample",
                "after all is freed",
                "after a purge",
                "harness alone, holds no blocks",
            ],
        )

    def test_a_bar_is_live_and_slack_and_kept(self) -> None:
        """Of three live bytes for each that was asked for: one, a quarter of slack, and the rest."""
        run = made_up(
            [
                entry("told", 1, usable_bytes=MIB * 5 // 4, rss_live_bytes=4 * MIB),
                entry("scarce", 2, usable_bytes=3 * MIB, rss_live_bytes=3 * MIB),
                entry("silent", 3),
            ]
        )
        figure = memory.draw([Facet(run)])
        found: dict[int, list[tuple[float, float]]] = {
            round(bar.get_y() + bar.get_height() / 2): []
            for bar in figure.axes[0].patches
        }  # fmt: skip
        for bar in figure.axes[0].patches:
            found[round(bar.get_y() + bar.get_height() / 2)].append((bar.get_x(), bar.get_width()))
        rows = {t.get_text(): found[i] for i, t in enumerate(figure.axes[0].get_yticklabels())}
        self.assertEqual(rows["told"], [(0, 1), (1, 0.25), (1.25, 1.75)])
        self.assertEqual(rows["scarce"], [(0, 1), (1, 1), (2, 0)], "no slack that is not resident")
        self.assertEqual(rows["silent"], [(0, 2)])
        self.assertEqual(
            legend(figure)[1:5],
            [
                "live: what was asked for",
                "slack: added to the sizes",
                "kept: free, cached, or its books",
                "all blocks live",
            ],
        )

    def test_less_than_at_the_start(self) -> None:
        ax = memory.draw([Facet(made_up([entry("a", 1, rss_drained_bytes=MIB // 2)]))]).axes[0]
        self.assertLess(ax.get_xlim()[0], -0.5)

    def test_all_are_oversubscribed(self) -> None:
        text = texts(memory.draw([Facet(invented(threads=(4, 8)))]))
        self.assertIn("4 threads (of those measured nearest to 2 CPUs; scheduling is", text)


class ParetoFigure(unittest.TestCase):
    def test_front(self) -> None:
        points = [(3.0, 9.0), (1.0, 5.0), (2.0, 4.0), (2.0, 7.0), (4.0, 9.0)]
        self.assertEqual(pareto.pareto_front(points), [(1.0, 5.0), (2.0, 7.0), (3.0, 9.0)])
        self.assertEqual(pareto.pareto_front([]), [])
        corners = [(1, 0), (1, 0), (1, 5), (2, 5), (2, 7), (9, 7)]
        self.assertEqual(pareto.step_line([(1, 5), (2, 7)], bottom=0, right=9), corners)

    def test_points(self) -> None:
        run = invented()
        styles = Styles(run)
        figure = pareto.draw([Facet(run)], styles)
        for i, (ax, workload) in enumerate(zip(figure.axes, WORKLOADS)):
            at = {n: (MEMORY[n], speed(n, workload, 2)) for n in ("slow", "fast", "big")}
            expected = set()
            for name, (x, y) in at.items():
                drawn = line(ax, styles.of(name))
                self.assertAlmostEqual(drawn.get_xdata()[0], x)
                self.assertAlmostEqual(drawn.get_ydata()[0], y)
                left, right = (MEMORY[name] * SPREAD[k] for k in (0, 2))
                expected.add(rounded(left, y, right, y))
                expected.add(rounded(x, y * SPREAD[0], x, y * SPREAD[2]))
            self.assertEqual(bars(ax), expected)
            (floor,) = [d for d in ax.lines if d.get_linestyle() == "--"]
            self.assertAlmostEqual(floor.get_ydata()[0], speed("null", workload, 2))
            (live,) = [d for d in ax.lines if d.get_linestyle() == ":"]
            self.assertEqual(list(live.get_xdata()), [LIVE + i] * 2)
            # `fast` has a failed sample of tiny, so `big` is on the front there.
            names = ("slow", "big") if workload == "tiny" else ("slow", "fast")
            filled = {n for n in at if line(ax, styles.of(n)).get_markerfacecolor() != "#FFFFFF"}
            self.assertEqual(filled, set(names))
            corners = [at[n] for n in names]
            (front,) = [d for d in ax.lines if d.get_color() == pareto.FRONT["color"]]
            wanted = pareto.step_line(corners, ax.get_ylim()[0], ax.get_xlim()[1])
            for got, corner in zip(zip(*front.get_data()), wanted):
                self.assertEqual(rounded(*got), rounded(*corner))
            self.assertEqual(len(front.get_xdata()), len(wanted))
            self.assertEqual((ax.get_xscale(), ax.get_yscale()), ("log", "log"))
            for k, (low, high) in enumerate((ax.get_xlim(), ax.get_ylim())):
                self.assertLess(low, min(e[k] for e in expected))
                self.assertGreater(high, max(e[k + 2] for e in expected))
            self.assertEqual(ax.get_xlabel(), "RSS - RSS at start, all blocks live, MiB (log)")
        self.assertEqual(
            legend(figure),
            [
                "Pareto front (also all that is filled, bold): beaten by none",
                "live bytes alone",
                "null (harness alone)",
                "median, smallest to largest sample",
            ],
        )
        self.assertIn("(better: up and left)", texts(figure))
        self.assertIn("RSS at the start, in MiB: slow 2.0, fast 2.0, big 2.0", texts(figure))

    def test_a_row_beside_the_line_that_is_beaten_by_none(self) -> None:
        """Its noise reaches over that of the row on the line."""
        mops = {"line": (50, 52, 54, 56, 58, 60), "noise": (60, 44, 62, 40, 64, 42)}
        run = made_up(
            [
                entry(n, 1e3 / v, ops_per_second=v * 1e6, block=k)
                for n in mops
                for k, v in enumerate(mops[n])
            ]
        )
        ax = pareto.draw([Facet(run)], Styles(run)).axes[0]
        bold = {t.get_text() for t in ax.texts if t.get_fontweight() == "bold"}
        self.assertEqual(bold, {"line", "noise"})
        (front,) = [d for d in ax.lines if d.get_color() == pareto.FRONT["color"]]
        self.assertAlmostEqual(front.get_ydata()[-1], 55)

    def test_nothing_on_top_of_the_start(self) -> None:
        run = made_up([entry("a", 5), entry("b", 5, rss_live_bytes=1 << 20)])
        figure = pareto.draw([Facet(run)], Styles(run))
        self.assertIn("nothing comes on top of the start: b", texts(figure))
        self.assertEqual([t.get_text() for t in figure.axes[0].texts], ["a"])

    def test_labels(self) -> None:
        """Each at its own point, inside the axes, and over no other."""
        for run in (invented(), crowd(), bench_results.load(EXAMPLE)):
            figure = pareto.draw([Facet(run)], Styles(run))
            figure.canvas.draw()
            renderer = figure.canvas.get_renderer()
            for ax, workload in zip(figure.axes, run.workloads):
                rows = {
                    r.allocator: r for r in run.select(workload, run.main_threads) if not r.floor
                }
                labels = [t for t in ax.texts if isinstance(t, Annotation)]
                self.assertEqual({t.get_text() for t in labels}, set(rows))
                for t in labels:
                    row = rows[t.get_text()]
                    wanted = (
                        style.memory_mib(row).median,
                        row.median("ops_per_second") / 1e6,
                    )
                    self.assertEqual(rounded(*t.xy), rounded(*wanted))
                boxes = [Text.get_window_extent(t, renderer) for t in labels]
                frame = ax.get_window_extent(renderer).padded(1)
                for k, box in enumerate(boxes):
                    inside = Bbox.intersection(box, frame)
                    self.assertEqual(rounded(*inside.bounds), rounded(*box.bounds), labels[k])
                    for other in boxes[:k]:
                        self.assertLess(pareto.overlap(box, other), 3, labels[k])

    def test_nothing_but_the_floor(self) -> None:
        run = made_up([entry("null", 1)])
        texts(pareto.draw([Facet(run)], Styles(run)))


class TimelineFigure(unittest.TestCase):
    def test_lines(self) -> None:
        start = {"a": MIB / 2, "b": 0, "null": MIB / 4}
        reached = [{"name": "start", "seconds": 0.5}, {"name": "all live", "seconds": 0.8}]
        run = made_up(
            [entry(n, 1, threads=2, rss_start_bytes=int(start[n])) for n in start],
            timeline_failures=[{"name": "n/b", "cause": "c"}],
            timeline_passes=[
                {"workload": "tiny", "allocator": "a", "threads": 2, "reached": reached}
            ],
        )
        styles = Styles(run)
        series = {
            ("tiny", "a", 2): Series([0.5, 0.7, 0.9], [MIB, 3 * MIB, 2 * MIB], [5e7, 6e8, 7e9]),
            ("tiny", "b", 2): Series([0.1, 0.2], [MIB, 5 * MIB], [MIB, MIB]),
            ("tiny", "null", 2): Series([0.1, 0.2, 0.3], [MIB, MIB, MIB], [1e7, 1e7, 1e7]),
            ("other", "a", 2): Series([0.1], [9 * MIB], [1e10]),
        }
        figure = timeline.draw([Facet(run, series=series)], styles)
        panels = panels_of(figure)
        self.assertEqual(list(panels), ["tiny, a", "tiny, b"])
        for name in ("a", "b"):
            s, ax = series["tiny", name, 2], panels[f"tiny, {name}"]
            drawn = line(ax, {**styles.of(name), "marker": ""})
            self.assertEqual(list(drawn.get_xdata()), s.seconds)
            self.assertEqual([y * MIB + start[name] for y in drawn.get_ydata()], s.rss)
            (behind,) = others(ax)
            other = series["tiny", "b" if name == "a" else "a", 2]
            self.assertEqual(list(behind.get_xdata()), other.seconds)
            self.assertEqual((ax.get_xlim(), ax.get_ylim()[0]), ((0, 0.9), 0))
            self.assertGreater(ax.get_ylim()[1], 5)
            (live,) = [d for d in ax.lines if d.get_linestyle() == ":"]
            self.assertEqual(live.get_ydata()[0], run.rows[0].median("live_bytes") / MIB)
        marks = [d.get_xdata()[0] for d in panels["tiny, a"].lines if d.get_linestyle() == "--"]
        self.assertEqual(marks, [0.5, 0.8])
        self.assertEqual(legend(figure), ["others", "live set", "an instant was reached"])
        text = texts(figure)
        self.assertIn("Memory over time, 2 threads:", text)
        self.assertIn("one pass a row; passes that failed: n/b (c)", text)
        self.assertIn("instants: 1 start, 2 all live", text)
        self.assertIn("VSZ 0 to 7 GiB", text)
        self.assertIn("VSZ 1 MiB", text)

    def test_a_recording_of_before_has_no_marks(self) -> None:
        run = made_up([entry(n, 1) for n in ("a", "null")])
        series = {("tiny", "a", 1): Series([0.1, 0.2], [MIB, MIB], [MIB, MIB])}
        figure = timeline.draw([Facet(run, series=series)], Styles(run))
        self.assertEqual(legend(figure), ["others", "live set"])
        self.assertNotIn("instants", texts(figure))

    def test_the_floor_alone(self) -> None:
        run = made_up([entry("null", 1)])
        series = {("tiny", "null", 1): Series([0.1, 0.2], [MIB, MIB], [MIB, MIB])}
        self.assertEqual(
            list(panels_of(timeline.draw([Facet(run, series=series)], Styles(run)))), ["tiny, null"]
        )


class Looks(unittest.TestCase):
    def test_no_two_allocators_share_a_colour(self) -> None:
        """Of the known, and of any number that are preloaded."""
        names = [*(f"a{i:02}" for i in range(30)), *(f"lib{i:02}.so" for i in range(30)), "null"]
        run = made_up([entry(n, 5) for n in names])
        styles = Styles(run)
        colours = {styles.of(a)["color"] for a in run.allocators}
        self.assertEqual(len(colours), len(names))
        looks = [
            tuple(styles.of(a)[k] for k in ("marker", "linestyle")) for a in run.allocators[:24]
        ]
        self.assertEqual(len(set(looks)), len(looks), "nor in a print without colours")

    def test_a_part_of_the_allocators_looks_as_in_the_whole(self) -> None:
        names = ["a", "b", "c", "null"]
        whole = Styles(made_up([entry(n, 5) for n in names], names=names))
        part = Styles(made_up([entry(n, 5) for n in ("liba.so", "c", "null")], names=names))
        for name in ("c", "null"):
            self.assertEqual(whole.of(name), part.of(name))

    def test_ticks(self) -> None:
        for low in (1e-6, 0.0031, 0.1, 0.99, 1.7, 14.5, 123.0, 184000.0):
            for ratio in (1.5625, 1.7, 2.5, 6, 20, 150, 1e4, 1e6, 1e9):
                ticks = style.ticks_between(low, low * ratio)
                self.assertEqual(ticks, sorted(set(ticks)))
                self.assertTrue(low <= ticks[0] and ticks[-1] <= low * ratio)
                self.assertTrue(3 <= len(ticks) <= 9, (low, ratio, ticks))
                apart = min(math.log(b / a) for a, b in zip(ticks, ticks[1:]))
                self.assertGreater(apart / math.log(ratio), 0.04, ticks)

    def test_tick_labels(self) -> None:
        ax = Figure().add_subplot()
        for values, labels in (
            ([0.003, 2.5], ["0.01", "0.1", "1"]),
            ([14.5, 19], ["12.5", "15", "17.5", "20", "22.5"]),
            ([1, 1e5], ["1", "10", "100", "1,000", "10,000", "100,000"]),
        ):
            style.log_scale(ax.yaxis, values)
            self.assertEqual([t.get_text() for t in ax.get_yticklabels()], labels)
            self.assertEqual(rounded(*ax.get_ylim()), rounded(values[0] / 1.25, values[-1] * 1.25))
        style.log_scale(ax.xaxis, [0, 0])
        self.assertEqual(ax.get_xscale(), "linear", "there is no logarithm of nothing")

    def test_quartiles_are_called_so(self) -> None:
        label, _ = style.spread_handle([Facet(made_up([entry("a", t) for t in (1, 2, 3, 4, 5)]))])
        self.assertEqual(label, "median, quartiles")


class Pages(unittest.TestCase):
    """What holds for all figures."""

    def cases(self) -> list[Results]:
        bad = failed("broken")
        return [
            bench_results.load(EXAMPLE),
            invented(),
            crowd(),
            made_up([entry("a", 1)]),
            made_up([entry("a", 1, threads=4, live_bytes=0)]),
            made_up([entry("null", 1)]),
            made_up([bad]),
            made_up([bad, entry("a", 3)]),
        ]

    def test_captions(self) -> None:
        run = invented()
        for name, figure in drawings(run).items():
            text = texts(figure)
            self.assertIn(run.title, text)
            self.assertIn("QUICK RUN", text)
            self.assertIn("one pass a row" if name == "timeline" else "3 samples a row", text)
            self.assertIn("(better: ", text)

    @slow
    def test_names_and_workloads_are_written(self) -> None:
        for run in (bench_results.load(EXAMPLE), crowd()):
            for figure_name, figure in drawings(run).items():
                text = texts(figure)
                for name in run.allocators + run.workloads:
                    if figure_name != "timeline" or name not in run.facts.floors:
                        self.assertIn(name, text)

    @slow
    def test_everything_is_on_the_page_and_nothing_on_another(self) -> None:
        for run in self.cases():
            for name, figure in drawings(run).items():
                figure.canvas.draw()
                renderer = figure.canvas.get_renderer()
                title, caption = figure.texts
                boxes = [p.get_tightbbox(renderer) for p in figure.axes]
                for part in (caption, figure.legends[0], title):
                    boxes.append(part.get_window_extent(renderer))
                gap = boxes[-1].y0 - max(box.y1 for box in boxes[: len(figure.axes)])
                self.assertLess(gap, 30, "no empty stripe below the title")
                page = figure.bbox.padded(1)
                for box in boxes:
                    self.assertTrue(page.x0 <= box.x0 and box.x1 <= page.x1, (name, box, page))
                    self.assertTrue(page.y0 <= box.y0 and box.y1 <= page.y1, (name, box, page))
                for k, box in enumerate(boxes):
                    for other in boxes[:k]:
                        self.assertLess(pareto.overlap(box, other), 100, name)


def small_run(folder: Path) -> Path:
    """One workload of the example, without its timeline: little to draw."""
    document = json.loads((EXAMPLE / "bench.json").read_text())
    document["benchmarks"] = [e for e in document["benchmarks"] if e["workload"] == "tiny"]
    folder.mkdir()
    (folder / "bench.json").write_text(json.dumps(document))
    return folder


class Program(unittest.TestCase):
    directory: Path
    result: "subprocess.CompletedProcess[str]"

    @staticmethod
    def plot(*words: Any) -> "subprocess.CompletedProcess[str]":
        return run_python(PLOT, *words)

    @staticmethod
    def plot_afresh(*words: Any, **more: str) -> "subprocess.CompletedProcess[str]":
        return run(sys.executable, PLOT, *words, env={**os.environ, **more})

    @classmethod
    def setUpClass(cls) -> None:
        cls.directory = Path(tempfile.mkdtemp(prefix="spanbench-test-"))
        cls.addClassCleanup(shutil.rmtree, cls.directory)
        plots = cls.directory / "plots"
        cls.result = cls.plot_afresh(EXAMPLE, "--out", plots, MPLBACKEND="nonsense")

    def test_all_are_there_and_nothing_else(self) -> None:
        self.assertEqual((self.result.returncode, self.result.stderr), (0, ""))
        names = {f"{name}.{kind}" for name in FIGURES for kind in ("png", "svg")}
        self.assertEqual({p.name for p in (self.directory / "plots").iterdir()}, names)
        for name in FIGURES:
            self.assertIn(str(self.directory / "plots" / f"{name}.png"), self.result.stdout)

    def test_png_is_large_enough_to_print(self) -> None:
        for name in FIGURES:
            data = (self.directory / "plots" / f"{name}.png").read_bytes()
            self.assertEqual(data[:8], b"\x89PNG\r\n\x1a\n")
            width, height = struct.unpack(">II", data[16:24])
            self.assertGreaterEqual(width, 1500, name)
            self.assertGreaterEqual(height, 500, name)

    def test_svg_is_well_formed(self) -> None:
        for name in FIGURES:
            root = xml.etree.ElementTree.parse(self.directory / "plots" / f"{name}.svg").getroot()
            self.assertTrue(root.tag.endswith("svg"), name)

    @slow
    def test_the_same_bytes_again(self) -> None:
        """From a link, in another place, at another time, with settings of one's own."""
        elsewhere = self.directory / "elsewhere"
        elsewhere.mkdir()
        (elsewhere / "matplotlibrc").write_text("axes.labelsize: 30\n")
        (elsewhere / "link").symlink_to(PLOT)
        out = self.directory / "again"
        result = subprocess.run(
            ["./link", EXAMPLE / "bench.json", "--out", out],
            cwd=elsewhere,
            env={**os.environ, "PYTHONSAFEPATH": "1", "SOURCE_DATE_EPOCH": "1", "TZ": "Asia/Tokyo"},
            capture_output=True,
            text=True,
            check=False,
        )
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        for path in out.iterdir():
            same = path.read_bytes() == (self.directory / "plots" / path.name).read_bytes()
            self.assertTrue(same, path.name)

    def test_what_is_no_run(self) -> None:
        result = self.plot("/nonexistent")
        self.assertEqual(result.returncode, 2)
        self.assertEqual(result.stderr, "plot.py: /nonexistent: No such file or directory\n")

    def test_without_matplotlib(self) -> None:
        missing = self.directory / "missing"
        missing.mkdir()
        (missing / "matplotlib.py").write_text("raise ModuleNotFoundError(name='matplotlib')\n")
        result = self.plot_afresh(EXAMPLE, "--out", missing, PYTHONPATH=str(missing))
        self.assertEqual(result.returncode, 0)
        self.assertIn("install python3-matplotlib", result.stderr)
        self.assertEqual(len(result.stderr.splitlines()), 1)

    def test_where_nothing_can_be_written(self) -> None:
        result = self.plot(EXAMPLE, "--out", "/dev/null/x")
        self.assertEqual(result.returncode, 2)
        self.assertRegex(result.stderr, "^plot.py: /dev/null/?x?: Not a directory\n$")

    def test_disk_that_is_full(self) -> None:
        out = self.directory / "full"
        out.mkdir()
        (out / ".throughput.png.part").symlink_to("/dev/full")
        result = self.plot(small_run(self.directory / "small"), "--out", out)
        self.assertEqual(result.returncode, 2)
        wanted = f"plot.py: {out}/throughput.png: No space left on device"
        self.assertEqual(result.stderr.splitlines()[-1], wanted)
        self.assertEqual(list(out.iterdir()), [], "no half a file")

    def test_run_without_timeline(self) -> None:
        directory = small_run(self.directory / "run")
        result = self.plot(directory)
        self.assertEqual(result.returncode, 0)
        self.assertIn("no plot of memory over time", result.stderr)
        self.assertTrue((directory / "plots" / "pareto.svg").exists())
        self.assertFalse((directory / "plots" / "timeline.svg").exists())
