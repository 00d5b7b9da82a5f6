"""A fleet whose nodes differ: each class of machines has panels of its own on the same scales, and no number is of two."""

import html
import io
import json
import os
import re
import shutil
import statistics
import unittest
from pathlib import Path
from typing import Any
from unittest import mock

os.environ["MPLBACKEND"] = "Agg"

from driving import ROOT, clean_environment, run, slow

import figures
import plot
from bench_results import MIB, Unusable, printable
from fleet import classes, machines, task
from fleet.collect import Asked, collect
from fleet.parts import Reader
from fleet.test_fleet import MACHINE, InFolder
from report import write
from report.test_kinds import conformance
from report.test_report import Elements, noisy
from test_bench_results import EXAMPLE, document, failed
from test_plot import others, panels_of, texts

SCRIPTS = ROOT / "scripts"
REPORT = SCRIPTS / "report" / "__main__.py"
ROUNDS = 16
TIMES = {"one": {"system": 10.0, "a": 5.0, "null": 1.0}, "two": {"system": 33.0, "a": 50.0, "null": 2.0}}  # fmt: skip


def samples_of(folder: Path) -> dict[str, list[dict[str, Any]]]:
    """Of each CPU, the good samples, as its nodes left them."""
    found: dict[str, dict[tuple[str, int], Any]] = {}
    for file in sorted(folder.glob("parts/*/*/*/bench.json")):
        made = json.loads(file.read_text())
        cpu = printable(made["context"]["spanbench"]["machine"]["cpu"])
        for e in made["benchmarks"]:
            if not e.get("error_occurred"):
                found.setdefault(cpu, {})[e["name"], e["block"]] = e
    return {cpu: list(of.values()) for cpu, of in found.items()}


def middle(samples: list[dict[str, Any]], row: tuple[str, str, int], what: str) -> float:
    """The median, with nothing of the project's own code."""
    of = [e for e in samples if (e["workload"], e["allocator"], e["threads"]) == row]
    values = {
        "ns": [e["ns_per_op"] for e in of],
        "mops": [e["ops_per_second"] / 1e6 for e in of],
        "MiB": [(e["rss_live_bytes"] - e["rss_start_bytes"]) / MIB for e in of],
    }
    return float(statistics.median(values[what]))


def facets_of(folder: Path) -> list[figures.Facet]:
    of = classes.load(classes.several(folder))
    return [figures.Facet(x.run, x.name, x.facts) for x in of]


def rows_of(text: str, caption: str) -> list[list[str]]:
    """The cells of the one table whose caption begins so."""
    tables = re.findall(r"<caption>(.*?) <button.*?<tbody>(.*?)</tbody>", text, re.DOTALL)
    (body,) = [body for said, body in tables if html.unescape(said).startswith(caption)]
    return [
        [html.unescape(re.sub("<[^>]*>", "", c)).strip() for c in re.findall(r"<t[hd].*?</t[hd]>", row)]
        for row in re.findall(r"<tr.*?</tr>", body, re.DOTALL)
    ]  # fmt: skip


def two_of_example(folder: Path) -> Path:
    """A fleet of two classes: the stored run, and one of another CPU that takes longer."""
    made = json.loads((EXAMPLE / "bench.json").read_text())
    own = made["context"]["spanbench"]
    for number, (cpu, factor) in enumerate((("one", 1.0), ("two", 1.7)), 1):
        own["machine"] = {**own["machine"], "cpu": cpu}
        nodes = {f"n{number}": {"rounds": own["repetitions"], "machine": own["machine"]}}
        own["fleet"] = {"class": f"class{number}", "nodes": nodes}
        for e in made["benchmarks"]:
            e["node"] = f"n{number}"
            if not e.get("error_occurred"):
                e["ns_per_op"] *= factor
                e["ops_per_second"] /= factor
        (folder / f"class{number}").mkdir(parents=True)
        (folder / f"class{number}" / "bench.json").write_text(json.dumps(made))
    task.save(folder / "fleet.json", {"name": "x", "work": "run"})
    return folder


class Apart(unittest.TestCase):
    """What must hold of the plots and the page of any fleet with several classes; of a real one, too (test_slurm.py)."""

    def points_are_of_one_class(self, folder: Path, threads: int) -> None:
        samples, facets = samples_of(folder), facets_of(folder)
        self.assertEqual({f.run.facts.cpu for f in facets}, set(samples), "a facet for each")
        figure = figures.draw(facets)["pareto"]
        panels = panels_of(figure)
        self.assertEqual(len(panels), sum(len(f.run.workloads) for f in facets))
        for of in facets:
            own = samples[of.run.facts.cpu]
            for workload in of.run.workloads:
                panel = panels[f"{of.name}: {workload}"]
                for label in panel.texts:
                    row = (workload, label.get_text(), threads)
                    if row[1] not in of.run.allocators:
                        self.assertIn(of.run.facts.cpu, row[1].replace("\n", " "))
                        continue
                    wanted = middle(own, row, "MiB"), middle(own, row, "mops")
                    for seen, value in zip(label.xy, wanted):
                        self.assertAlmostEqual(seen, value, places=6, msg=f"{of.name}: {row}")
        said = texts(figure)
        for of in facets:
            self.assertIn(f"{of.name}: {of.run.title}", said)

    def scales_are_alike(self, folder: Path) -> None:
        facets = facets_of(folder)
        for name, figure in figures.draw(facets).items():
            limits: dict[str, set[Any]] = {}
            for title, ax in panels_of(figure).items():
                workload = title.partition(": ")[2].partition(",")[0]
                limits.setdefault(workload, set()).add((*ax.get_xlim(), *ax.get_ylim()))
            self.assertEqual(set(limits), set(facets[0].run.workloads))
            self.assertEqual({len(of) for of in limits.values()}, {1}, f"{name}: {limits}")

    def cells_are_of_one_class(self, folder: Path, text: str) -> None:
        samples = samples_of(folder)
        looked = 0
        for of in classes.load(classes.several(folder)):
            own = samples[of.run.facts.cpu]
            for workload in of.run.workloads:
                for cells in rows_of(text, f"Time and memory on {workload}: "):
                    head, threads, ns, _, mib = cells[:5]
                    name, _, allocator = head.partition(": ")
                    if name != of.name:
                        continue
                    row = (workload, allocator.removesuffix(" (floor)"), int(threads))
                    for said, value in (
                        (ns, middle(own, row, "ns")),
                        (mib, middle(own, row, "MiB")),
                    ):
                        away = abs(float(said.replace(",", "")) - value)
                        self.assertLess(away, 0.006 * value + 1e-9, f"{name} {row}: {said}")
                        looked += 1
        self.assertGreater(looked, 3)

    def page_has_them_side_by_side(self, folder: Path) -> str:
        """Returns it."""
        made = write.page_of_folder(folder)
        found = classes.load(classes.several(folder))
        for section in made.sections:
            if section.key not in ("speed-memory", "workloads", "bytes"):
                continue
            for part in section.parts:
                self.assertGreaterEqual(len(part.pictures), len(found), part.heading)
                by_title: dict[str, set[str]] = {}
                for picture in part.pictures:
                    axes = re.findall(r'<g class="axis">.*?</g>', picture)
                    self.assertTrue(axes)
                    title = re.sub("<[^>]*>", "", axes[0]).lstrip("0123456789.kMG")
                    by_title.setdefault(title, set()).add("".join(axes))
                self.assertEqual({len(x) for x in by_title.values()}, {1}, "the scale is one")
                for of in found:
                    heads = [p for p in part.pictures if f"<strong>{of.name}, " in p]
                    self.assertEqual(len(heads) * len(found), len(part.pictures))
                    self.assertTrue(all(html.escape(of.run.facts.cpu) in p for p in heads))
        text = write.rendered(made)
        assert text
        elements = Elements(text)
        self.assertEqual(len(elements.keys), len(set(elements.keys)), "an address is there once")
        captions = re.findall(r'role="region" aria-label="(.*?)"', text)
        self.assertEqual(len(captions), len(set(captions)), "a screen reader tells tables apart")
        self.assertEqual({x[1:] for x in elements.links} - set(elements.keys), set())
        return text


class OfTwo(InFolder, Apart):
    """Nodes n1 and n3 have one CPU, n2 and n4 another; all rounds are collected."""

    threads: tuple[int, ...] = (1,)

    def put(self, number: int, node: str, cpu: str, entries: list[dict[str, Any]]) -> None:
        made = document(entries, machine={**MACHINE, "cpu": cpu}, names=["a", "null", "system"])
        folder = self.folder / "parts" / f"0.{number}" / "000"
        (folder / "20260101T000000Z-x").mkdir(parents=True)
        (folder / "20260101T000000Z-x" / "bench.json").write_text(json.dumps(made))
        task.save(folder / "node.json", {"node": node, "seconds": folder.stat().st_mtime})
        task.save(folder / "done.json", {"rounds": [number], "code": 0})

    def setUp(self) -> None:
        super().setUp()
        every: dict[str, list[dict[str, Any]]] = {}
        for i, (cpu, times) in enumerate(TIMES.items()):
            every[cpu] = [
                e
                for workload in ("tiny", "small")
                for t in self.threads
                for e in noisy(
                    {n: time / t for n, time in times.items()},
                    rounds=ROUNDS,
                    seed=i + t,
                    workload=workload,
                    threads=t,
                    live_bytes=MIB * (1 + (workload == "small")),
                )
            ]
        self.rows = sorted({e["name"] for e in every["one"]})
        for number in range(ROUNDS):
            cpu = ("one", "two")[number % 2]
            entries = [e for e in every[cpu] if e["block"] == number]
            self.put(number, f"n{number % 4 + 1}", cpu, entries)
        fleet = {"name": "x", "work": "run", "rows": self.rows, "each": 1, "repetitions": ROUNDS}
        task.save(self.folder / "fleet.json", fleet)
        self.made()

    def made(self) -> None:
        asked = {"work": "run", "rows": self.rows, "each": 1}
        parts = Reader(self.folder, asked).look(True)
        collect(self.folder, parts, Asked(self.rows, 1, ROUNDS), lambda a, b: None)

    def recompute(self, text: str, name: str) -> "tuple[int, str]":
        node = shutil.which("node")
        if not node:
            self.skipTest("node is not installed")
        page = self.folder / "page.html"
        page.write_text(text)
        words = (SCRIPTS / "report" / "recompute.mjs", self.folder / name / "bench.json", page)
        done = run(node, *words, env=clean_environment())
        return done.returncode, done.stdout

    def is_recomputed(self, text: str, sentences: int) -> None:
        for name in ("class1", "class2"):
            code, said = self.recompute(text, name)
            self.assertEqual(code, 0, said)
            self.assertRegex(
                said, rf"^{sentences} sentences and \d+ numbers are recomputed; 0 disagree"
            )


class Panels(OfTwo):
    def test_each_panel_is_of_one_class(self) -> None:
        self.points_are_of_one_class(self.folder, 1)

    def test_panels_have_the_same_scales(self) -> None:
        self.scales_are_alike(self.folder)

    @slow
    def test_rows_stand_in_the_same_order(self) -> None:
        drawn = figures.draw(facets_of(self.folder))
        for name, labels in (("memory", "get_yticklabels"), ("throughput", "get_xticklabels")):
            for workload in ("tiny", "small"):
                written = {
                    tuple(t.get_text() for t in getattr(ax, labels)())
                    for title, ax in panels_of(drawn[name]).items()
                    if title.endswith(workload)
                }
                self.assertEqual(len(written), 1, written)

    @slow
    def test_a_row_that_failed_in_one_class_leaves_its_place_empty(self) -> None:
        for number in range(1, ROUNDS, 2):
            (file,) = self.folder.glob(f"parts/0.{number}/000/*/bench.json")
            of = json.loads(file.read_text())
            for i, e in enumerate(of["benchmarks"]):
                if e["allocator"] == "a":
                    of["benchmarks"][i] = failed("a", workload=e["workload"], block=number)
            file.write_text(json.dumps(of))
        self.made()
        figure = figures.draw(facets_of(self.folder))["throughput"]
        panels = panels_of(figure)
        places = {
            name: [line.get_xdata()[0] for line in panels[f"{name}: tiny"].lines if len(line.get_xdata()) == 1]
            for name in ("class1", "class2")
        }  # fmt: skip
        self.assertEqual(set(places["class1"]), {0, 1, 2})
        self.assertEqual(set(places["class2"]), {1, 2}, "of system and null")
        text = self.page_has_them_side_by_side(self.folder)
        self.assertIn("class2: FAILED: a on tiny at 1 thread, 8 of 8 samples: no luck.", text)
        self.assertNotIn("class1: FAILED", text)

    @slow
    def test_everything_is_on_the_figure_and_nothing_on_another(self) -> None:
        for name, figure in figures.draw(facets_of(self.folder)).items():
            figure.canvas.draw()
            renderer = figure.canvas.get_renderer()
            page = figure.bbox.padded(1)
            boxes = [ax.get_tightbbox(renderer) for ax in figure.axes]
            boxes += [x.get_window_extent(renderer) for x in (*figure.texts, figure.legends[0])]
            for k, box in enumerate(boxes):
                self.assertTrue(page.x0 <= box.x0 and box.x1 <= page.x1, (name, box, page))
                self.assertTrue(page.y0 <= box.y0 and box.y1 <= page.y1, (name, box, page))
                for other in boxes[:k]:
                    self.assertLess(figures.pareto.overlap(box, other), 100, name)

    def test_page(self) -> None:
        text = self.page_has_them_side_by_side(self.folder)
        self.cells_are_of_one_class(self.folder, text)
        self.assertIn("no number is of two: CPU: class1 one, class2 two.", text)
        self.assertIn("Each class of machines has families of its own.", text)
        facts = {cells[0]: cells[1:] for cells in rows_of(text, "Classes of machines")}
        self.assertEqual(facts["CPU"], ["one", "two"])
        self.assertNotIn("INTERRUPTED", text, "each class has its part of the rounds")
        self.assertEqual(facts["kernel"], ["Linux 6", "Linux 6"])
        self.assertEqual(facts["nodes, with their rounds"], ["n1 (4), n3 (4)", "n2 (4), n4 (4)"])
        said = html.unescape(text)
        self.assertRegex(
            said, r"class1: On tiny at 1 thread, a is fastest: .* 4\.\d+ ns, 0\.\d+ times"
        )
        self.assertRegex(said, r"class2: On tiny at 1 thread, system is fastest: .* 3\d\.\d ns")

    def test_another_program_finds_the_same_in_each_class(self) -> None:
        text = self.page_has_them_side_by_side(self.folder)
        self.is_recomputed(text, 6)
        mixed = re.sub("class([12])", lambda m: f"class{3 - int(m[1])}", text)
        for name in ("class1", "class2"):
            self.assertEqual(self.recompute(mixed, name)[0], 1, "what is said of the other class")

    @slow
    def test_programs(self) -> None:
        """The pictures and the page lie in the folder of the fleet. A new collecting removes what shows old classes."""
        fleet = SCRIPTS / "fleet" / "__main__.py"
        done = run("/usr/bin/python3", fleet, "collect", "--now", self.folder)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        page = self.folder / "report.html"
        self.assertIn(f"page: {page}\n", done.stdout)
        made = {p.name for p in (self.folder / "plots").glob("*.png")}
        self.assertEqual(made, {"memory.png", "pareto.png", "throughput.png"})
        self.cells_are_of_one_class(self.folder, page.read_text())
        self.assertTrue((self.folder / "class2" / "report.html").exists())
        for number in range(1, ROUNDS, 2):
            shutil.rmtree(self.folder / "parts" / f"0.{number}")
        done = run("/usr/bin/python3", fleet, "collect", "--now", self.folder)
        self.assertEqual(done.returncode, 1, "rounds are missing")
        for gone in (page, self.folder / "plots", self.folder / "class2"):
            self.assertFalse(gone.exists(), "one class is shown as a run alone")
        done = run(REPORT, self.folder)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertNotIn("classes of machines", page.read_text())


@slow
class PanelsByThreads(OfTwo):
    threads = (1, 2)

    def test_lines_are_of_one_class(self) -> None:
        samples, facets = samples_of(self.folder), facets_of(self.folder)
        panels = panels_of(figures.draw(facets)["throughput"])
        self.assertEqual(len(panels), 2 * 2 * 2)
        for of in facets:
            own = samples[of.run.facts.cpu]
            for workload in ("tiny", "small"):
                for name, other in (("a", "system"), ("system", "a")):
                    ax = panels[f"{of.name}: {workload}, {name}"]
                    (behind,) = others(ax)
                    (front,) = [x for x in ax.lines if x.get_linestyle() == "-" and x is not behind]
                    for line, allocator in ((behind, other), (front, name)):
                        self.assertEqual(list(line.get_xdata()), [1, 2])
                        for t, y in zip(line.get_xdata(), line.get_ydata()):
                            wanted = middle(own, (workload, allocator, t), "mops")
                            self.assertAlmostEqual(y, wanted, places=6)

    def test_panels_have_the_same_scales(self) -> None:
        self.scales_are_alike(self.folder)

    def test_page(self) -> None:
        text = self.page_has_them_side_by_side(self.folder)
        self.cells_are_of_one_class(self.folder, text)
        self.is_recomputed(text, 12)
        made = write.page_of_folder(self.folder)
        (scaling,) = [s for s in made.sections if s.key == "scaling"]
        self.assertEqual([p.heading for p in scaling.parts], [f"{w}: {c}" for w in ("tiny", "small") for c in ("class1", "class2")])  # fmt: skip
        for workload in ("tiny", "small"):
            parts = [p for p in scaling.parts if p.workload == workload]
            axes = {"".join(re.findall(r'<g class="axis">.*?</g>', p.shared)) for p in parts}
            self.assertEqual(len(axes), 1, "the scale is one")


class Files(OfTwo):
    def bench(self, name: str) -> Any:
        return json.loads((self.folder / name / "bench.json").read_text())

    def store(self, name: str, of: Any) -> None:
        (self.folder / name / "bench.json").write_text(json.dumps(of))

    def refused(self, says: str) -> None:
        with self.assertRaisesRegex(Unusable, says):
            facets_of(self.folder)
        for program in (SCRIPTS / "plot.py", REPORT):
            done = run(program, self.folder)
            self.assertEqual(done.returncode, 2, done.stderr)
            self.assertRegex(done.stderr, says)
            self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)

    def test_what_is_of_two_classes_is_refused(self) -> None:
        """As if they had been pooled."""
        one, two = self.bench("class1"), self.bench("class2")
        one["benchmarks"] += two["benchmarks"]
        self.store("class1", one)
        self.refused("samples of n2, which is not a node of this class")
        own = one["context"]["spanbench"]["fleet"]["nodes"]
        own.update(two["context"]["spanbench"]["fleet"]["nodes"])
        self.store("class1", one)
        self.refused(
            "its nodes differ in CPU: samples of several classes of machines are never one"
        )

    def test_each_fact_keeps_nodes_apart(self) -> None:
        for fact, said in machines.FACTS.items():
            one = self.bench("class1")
            one["context"]["spanbench"]["fleet"]["nodes"]["n1"]["machine"][fact] = "other"
            with self.assertRaisesRegex(ValueError, f"differ in {said}: "):
                classes.of_document(one, self.folder / "class1")

    def test_a_file_that_is_cut_off(self) -> None:
        file = self.folder / "class2" / "bench.json"
        file.write_text(file.read_text()[:-9])
        self.refused("class2/bench.json: not JSON")

    def test_which_folders_are_classes(self) -> None:
        for name in ("class10", "class3", "class0", "classes", "class2x", "class4"):
            (self.folder / name).mkdir()
            if name != "class4":
                shutil.copy(self.folder / "class2" / "bench.json", self.folder / name)
        self.assertEqual(
            [p.name for p in classes.several(self.folder)],
            ["class1", "class2", "class3", "class10"],
        )
        (self.folder / "fleet.json").write_text("{")
        self.assertEqual(classes.several(self.folder), [])
        (self.folder / "fleet.json").unlink()
        self.assertEqual(classes.folders(self.folder), [])
        self.assertEqual(classes.several(self.folder / "none"), [])

    def test_as_many_classes_as_can_be_read_are_drawn(self) -> None:
        for number in range(3, 9):
            shutil.copytree(self.folder / "class2", self.folder / f"class{number}")
        with mock.patch("sys.stderr", io.StringIO()) as said:
            found = [of.name for of in plot.several(self.folder)]
        self.assertEqual(found, [f"class{n}" for n in range(1, 7)])
        self.assertIn("2 more classes of machines are not drawn", said.getvalue())

    def test_other_work_has_a_chapter_for_each_class(self) -> None:
        task.save(self.folder / "fleet.json", {"name": "x", "work": "check"})
        for name in ("class1", "class2"):
            of = conformance()
            of["machine"] = {"cpu": f"CPU of {name}"}
            (self.folder / name / "bench.json").unlink()
            (self.folder / name / "conformance.json").write_text(json.dumps(of))
        made = write.page_of_folder(self.folder)
        titles = [title for title, _ in made.chapters]
        self.assertEqual(titles, ["class1: Conformance", "class2: Conformance"])
        for name, (_, chapter) in zip(("class1", "class2"), made.chapters):
            self.assertIn(("CPU", f"CPU of {name}"), chapter.facts.machine)
        self.assertIn("2 classes of machines, which are never pooled", made.about)


if __name__ == "__main__":
    unittest.main()
