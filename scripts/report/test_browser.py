"""Pages in a browser, headless: what a reader does with them, what a screen reader is told, and how they look. The
screenshots are for a person to look at; SHOTS=folder keeps them."""

import html
import json
import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

import answer
import bench_results
from bench_results import MIB
from driving import BUILD, ROOT, DriverTest, run, slow
from fleet.test_classes import two_of_example
from report import bars, dots, panels, study, write
from report.test_kinds import REDIS, conformance, gate, hardening
from report.test_more_kinds import PROGRAMS, heap, memory
from report.test_report import large_run
from test_bench_results import EXAMPLE

DRIVE = ROOT / "scripts" / "report" / "drive.mjs"
MODULES = BUILD / "browser"
PATIENCE = 3600.0  # seconds: the machine may be busy


@dataclass
class Chosen(study.Study):
    """By the base that a reader chose; None: as measured."""

    chosen: Optional[str] = None

    @property
    def base(self) -> Optional[str]:
        return self.chosen


def said_of(picture: str) -> list[str]:
    """On hovering, of each mark."""
    return sorted(map(html.unescape, re.findall(r"<title>(.*?)</title>", picture)))


def expected() -> Any:
    """What the page of the example must say after switches, as Python draws it; and a line over time."""
    found = bench_results.load(EXAMPLE)
    s = study.study(found)
    names = answer.short_names(found.allocators, dots.NAME_WIDTH)
    views = []
    for threads in (1, 2, 4):
        for base, word in (
            (s.base, ""),
            ("jemalloc", "&rel=of:jemalloc"),
            (None, "&rel=measured"),
        ):
            of = Chosen(s.run, s.answer, s.places, base)
            pictures: dict[str, list[str]] = {}
            for w in s.workloads:
                p = s.places[w, threads]
                pictures[f"pareto {w} "] = said_of(dots.pareto(of, p, names))
                pictures[f"bars {w} "] = said_of(bars.bars(of, p, names))
                for i, q in enumerate(p.asked):
                    pictures[f"dots {w} {i}"] = said_of(dots.dots(of, p, q, names))
            views.append((f"w=*&t={threads}{word}", pictures))
    series = bench_results.load_timeline(EXAMPLE / "timeline.csv")
    threads = max(t for w, a, t in series if w == "small")
    line = series["small", "gomalloc", threads]
    start = panels.start_of(found, "small", "gomalloc", threads)
    over = [(t, max(0.0, (b - start) / MIB)) for t, b in zip(line.seconds, line.rss)]
    return {"views": views, "over": over}


@slow
class Browser(DriverTest):
    def setUp(self) -> None:
        super().setUp()
        self.node, self.chromium = shutil.which("node"), shutil.which("chromium")
        if not self.node or not self.chromium:
            self.skipTest("no node or no chromium: scripts/deps.sh test-all installs them")
        if not (MODULES / "node_modules" / "axe-core").is_dir():
            self.skipTest("no playwright-core and axe-core: scripts/report/browser.sh fetches them")

    def made(self, name: str, source: Path) -> Path:
        file = self.directory / f"{name}.html"
        self.assertEqual(write.write(source, file), file)
        return file

    def of_run(self, name: str, document: Any, timeline: str = "") -> Path:
        folder = self.directory / f"run-{name}"
        folder.mkdir()
        (folder / "bench.json").write_text(json.dumps(document))
        if timeline:
            (folder / "timeline.csv").write_text(timeline)
        return self.made(name, folder)

    def interrupted(self) -> Path:
        """Of the stored run, as it was in the middle."""
        document = json.loads((EXAMPLE / "bench.json").read_text())
        document["context"]["spanbench"]["complete"] = False
        del document["benchmarks"][len(document["benchmarks"]) // 2 :]
        made = self.of_run("interrupted", document)
        self.assertIn("INTERRUPTED, or still running", made.read_text())
        return made

    def test_what_a_reader_does(self) -> None:
        pages = [self.made("bench", EXAMPLE), self.made("try", REDIS), self.interrupted()]
        pages[0].with_suffix(".json").write_text(json.dumps(expected()))
        for name, document in (
            ("check", conformance()),
            ("harden", hardening()),
            ("gate", gate()),
            ("why", memory()),
            ("heap", heap()),
        ):
            source = self.directory / f"{name}.json"
            source.write_text(json.dumps(document))
            pages.append(self.made(name, source))
        pages.append(self.made("together", PROGRAMS))
        pages.append(self.made("history", ROOT / "results" / "history.jsonl"))
        compared = self.directory / "compare.html"
        write.write_comparison(EXAMPLE, EXAMPLE, compared)
        pages.append(compared)
        pages.append(self.made("classes", two_of_example(self.directory / "fleet")))
        shots = Path(os.environ.get("SHOTS", self.directory))
        shots.mkdir(parents=True, exist_ok=True)
        result = run(self.node, DRIVE, MODULES, self.chromium, shots, *pages, timeout=PATIENCE)
        self.assertEqual(result.returncode, 0, result.stderr)
        found = json.loads(result.stdout)
        self.assertGreater(len(found), 30)
        for case, problems in found:
            with self.subTest(case):
                self.assertEqual(problems, [])

    def test_a_large_run_opens(self) -> None:
        """How fast, on a CPU that is slowed down to a quarter, is told and not asserted."""
        page = self.of_run("large", *large_run())
        words = (self.node, DRIVE, MODULES, self.chromium, self.directory, "--first", page)
        result = run(*words, timeout=PATIENCE)
        self.assertEqual(result.returncode, 0, result.stderr)
        told = json.loads(result.stdout)
        self.assertEqual(told["trouble"], [])
        self.assertGreater(told["pictures"], 20)
        print(f"# its first picture came after {told['milliseconds']:.0f} ms")
