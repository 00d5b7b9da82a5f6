"""The pictures of a comparison: none is blank, its series can be told apart, and missing parts do no harm."""

from __future__ import annotations

import json
import tempfile
import unittest
from pathlib import Path
from typing import Any

import numpy as np
from verdicts import try_plot
from verdicts import try_results
from driving import ROOT, run_python
from matplotlib.figure import Figure
from verdicts.test_try_verdict import MIB, ROWS, cost_of, made

SCRIPT = ROOT / "scripts" / "verdicts" / "try_plot.py"
HEAD = "row,round,seconds,rss_bytes,pss_bytes,huge_bytes,swap_bytes,vsz_bytes,processes\n"


def results_of(document: Any) -> try_results.Results:
    return try_results.of_document(Path("program.json"), document)


def curves_of(rows: list[str], points: int = 5) -> try_plot.Curves:
    return {
        (row, 0): try_results.Curve(
            [i / 4 for i in range(points)], [(i + 1) * MIB for i in range(points)]
        )
        for row in rows
    }


def looks(figure: Figure) -> list[tuple[Any, Any, Any]]:
    """Of each series with data."""
    (ax,) = figure.axes
    lines = [
        line for line in ax.lines if len(line.get_xdata()) and line.get_marker() not in ("|", "_")
    ]
    return [(line.get_color(), line.get_linestyle(), line.get_marker()) for line in lines]


def ink(figure: Figure) -> int:
    """Pixels of the axes that are not white or grey."""
    figure.canvas.draw()
    colours = np.asarray(figure.canvas.buffer_rgba())[:, :, :3].astype(int)
    return int((colours.max(axis=2) - colours.min(axis=2) > 40).sum())


class Pictures(unittest.TestCase):
    def test_no_picture_is_blank_and_series_are_distinct(self) -> None:
        figures = try_plot.figures_of(
            results_of(made(ROWS, 8, cost_of({"jemalloc": 2}, {}))), curves_of(ROWS)
        )
        self.assertEqual(sorted(figures), ["memory", "pareto"])
        for name, figure in figures.items():
            self.assertEqual(len(looks(figure)), len(ROWS), name)
            self.assertEqual(len(set(looks(figure))), len(ROWS), name)
            self.assertGreater(ink(figure), 500, name)

    def test_forty_rows_are_distinct(self) -> None:
        seen = {tuple(try_plot.look(i).values()) for i in range(40)}
        self.assertEqual(len(seen), 40)

    def test_what_is_missing_is_left_out(self) -> None:
        document = made(ROWS, 3, cost_of({}, {}))
        document["rows"][0]["cause"] = "killed by SIGSEGV"
        for run in document["runs"]:
            if run["row"] == "mimalloc":
                run["peak_bytes"] = None  # not watched
        figures = try_plot.figures_of(results_of(document), curves_of(["tcmalloc"]))
        self.assertEqual(len(looks(figures["pareto"])), 2)
        self.assertEqual(len(looks(figures["memory"])), 1)
        for run in document["runs"]:
            run["peak_bytes"] = None
        self.assertEqual(try_plot.figures_of(results_of(document), {}), {})

    def test_a_curve_of_one_point_can_be_seen(self) -> None:
        figure = try_plot.memory(
            results_of(made(ROWS, 1, cost_of({}, {}))), curves_of(["system"], 1)
        )
        assert figure
        self.assertNotIn(looks(figure)[0][2], ("", "None"))

    def test_phases_of_a_server_are_marked(self) -> None:
        document = made(ROWS[:2], 2, cost_of({}, {}), server="x", then=["delete"])
        for run in document["runs"]:
            run["phases"] = [
                {"seconds": 0.5, "bytes": 3 * MIB},
                {"seconds": 0.75, "bytes": 4 * MIB},
            ]
        figure = try_plot.memory(results_of(document), curves_of(ROWS[:2]))
        assert figure
        (ax,) = figure.axes
        marks = [(x.get_xdata()[0], x.get_ydata()[0]) for x in ax.lines if len(x.get_xdata()) == 1]
        self.assertEqual(marks, [(0.5, 3), (0.75, 4)] * 2)
        names = [text.get_text() for legend in figure.legends for text in legend.get_texts()]
        self.assertIn("end of command 1", names)

    def test_of_two_builds_no_two_lie_on_each_other_by_construction(self) -> None:
        rows = [*ROWS[:2], *(r + try_results.AGAINST for r in ROWS[:2])]
        document = made(rows, 4, cost_of({r: i + 1 for i, r in enumerate(rows)}, {}, 0))
        figure = try_plot.figures_of(results_of(document), {})["pareto"]
        heights = {round(float(line.get_ydata()[0]), 2) for line in figure.axes[0].lines}
        self.assertTrue({1, 2, 3, 4} <= heights, heights)

    def test_script(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "program.json"
            document = made(ROWS, 3, cost_of({}, {}))
            file.write_text(json.dumps(document))
            (Path(folder) / "memory.csv").write_text(HEAD + '"system",0,0.5,9,9,0,0,9,1\n')
            done = run_python(SCRIPT, folder)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            for name in ("pareto", "memory"):
                self.assertGreater((Path(folder) / "plots" / f"{name}.png").stat().st_size, 5000)
            for row in document["rows"]:
                row["cause"] = "no"
            file.write_text(json.dumps(document))
            broken = run_python(SCRIPT, folder)
            self.assertEqual(broken.returncode, 2)
            self.assertIn("nothing to draw", broken.stderr)
            quiet = run_python(SCRIPT, "--if-possible", folder)
            self.assertEqual((quiet.returncode, quiet.stdout, quiet.stderr), (0, "", ""))


if __name__ == "__main__":
    unittest.main()
