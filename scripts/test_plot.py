"""plot.py on a stored run: four figures, as PNG and SVG, with what a person needs to read them."""

import shutil
import struct
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree
from pathlib import Path

import matplotlib.text
from matplotlib.figure import Figure

import plot
import results
from test_results import EXAMPLE, entry, made_up

PLOT = Path(__file__).resolve().parent / "plot.py"
FIGURES = ("throughput", "timeline", "memory", "pareto")


class Figures(unittest.TestCase):
    directory: Path
    result: "subprocess.CompletedProcess[str]"

    @classmethod
    def setUpClass(cls) -> None:
        cls.directory = Path(tempfile.mkdtemp(prefix="spanbench-test-"))
        cls.addClassCleanup(shutil.rmtree, cls.directory)
        cls.result = subprocess.run(
            [sys.executable, PLOT, EXAMPLE, "--out", cls.directory],
            capture_output=True,
            text=True,
            check=False,
        )

    def test_all_are_there_and_nothing_else(self) -> None:
        self.assertEqual(self.result.returncode, 0, self.result.stderr)
        names = {f"{name}.{kind}" for name in FIGURES for kind in ("png", "svg")}
        self.assertEqual({p.name for p in self.directory.iterdir()}, names)

    def test_png_is_large_enough_to_print(self) -> None:
        for name in FIGURES:
            data = (self.directory / f"{name}.png").read_bytes()
            self.assertEqual(data[:8], b"\x89PNG\r\n\x1a\n")
            width, height = struct.unpack(">II", data[16:24])
            self.assertGreaterEqual(width, 1500, name)
            self.assertGreaterEqual(height, 500, name)

    def test_svg_is_well_formed(self) -> None:
        for name in FIGURES:
            root = xml.etree.ElementTree.parse(self.directory / f"{name}.svg").getroot()
            self.assertTrue(root.tag.endswith("svg"), name)


class Content(unittest.TestCase):
    def texts(self, figure: Figure) -> str:
        """All that is written in a figure."""
        figure.canvas.draw()
        return "\n".join(t.get_text() for t in figure.findobj(matplotlib.text.Text))

    def test_units_names_and_floor_are_written(self) -> None:
        run = results.load(EXAMPLE)
        styles = plot.Styles(run)
        series = results.load_timeline(EXAMPLE / "timeline.csv")
        for figure, unit in (
            (plot.plot_throughput(run, styles), "million operations a second"),
            (plot.plot_timeline(run, styles, series), "MiB"),
            (plot.plot_memory(run, styles), "RSS, MiB"),
            (plot.plot_pareto(run, styles), "RSS with all blocks live, MiB"),
        ):
            text = self.texts(figure)
            self.assertIn(unit, text)
            for name in styles.names + run.workloads:
                self.assertIn(name, text)
        text = self.texts(plot.plot_throughput(run, styles))
        self.assertIn("null (harness alone)", text)
        self.assertIn("more than 2 CPUs", text)

    def test_no_two_allocators_look_alike(self) -> None:
        run = made_up([entry(f"a{i:02}", 5) for i in range(20)])
        styles = plot.Styles(run)
        looks = [tuple(str(styles.of(a)[k]) for k in ("color", "marker")) for a in styles.names]
        self.assertEqual(len(set(looks)), 20)

    def test_pareto_front(self) -> None:
        points = [(3.0, 9.0), (1.0, 5.0), (2.0, 4.0), (2.0, 7.0), (4.0, 9.0)]
        self.assertEqual(plot.pareto_front(points), [(1.0, 5.0), (2.0, 7.0), (3.0, 9.0)])
        self.assertEqual(plot.pareto_front([]), [])

    def test_runs_with_little_in_them(self) -> None:
        bad = {**entry("broken", 1), "error_occurred": True, "error_message": "no luck"}
        for entries in ([entry("null", 1)], [bad], [bad, entry("a", 3)]):
            run = made_up(entries)
            styles = plot.Styles(run)
            for draw in (plot.plot_throughput, plot.plot_memory, plot.plot_pareto):
                self.texts(draw(run, styles))


class Program(unittest.TestCase):
    def test_what_is_no_run(self) -> None:
        result = subprocess.run(
            [sys.executable, PLOT, "/nonexistent"], capture_output=True, text=True, check=False
        )
        self.assertEqual(result.returncode, 2)
        self.assertTrue(result.stderr.startswith("plot.py: /nonexistent"), result.stderr)

    def test_run_without_timeline(self) -> None:
        with tempfile.TemporaryDirectory(prefix="spanbench-test-") as directory:
            shutil.copy(EXAMPLE / "bench.json", directory)
            result = subprocess.run(
                [sys.executable, PLOT, directory], capture_output=True, text=True, check=False
            )
            self.assertEqual(result.returncode, 0)
            self.assertIn("no plot of memory over time", result.stderr)
            self.assertTrue((Path(directory) / "plots" / "pareto.svg").exists())
