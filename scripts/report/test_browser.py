"""Pages in a browser, headless: what a reader does with them, what a screen reader is told, and how they look. The
screenshots are for a person to look at; SHOTS=folder keeps them."""

import json
import os
import shutil
from pathlib import Path
from typing import Any

from driving import BUILD, ROOT, DriverTest, run, slow
from report import write
from report.test_kinds import REDIS, conformance, gate, hardening
from report.test_more_kinds import PROGRAMS, heap, memory
from report.test_report import large_run
from test_bench_results import EXAMPLE

DRIVE = ROOT / "scripts" / "report" / "drive.mjs"
MODULES = BUILD / "browser"


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
        shots = Path(os.environ.get("SHOTS", self.directory))
        shots.mkdir(parents=True, exist_ok=True)
        result = run(self.node, DRIVE, MODULES, self.chromium, shots, *pages)
        self.assertEqual(result.returncode, 0, result.stderr)
        found = json.loads(result.stdout)
        self.assertGreater(len(found), 30)
        for case, problems in found:
            with self.subTest(case):
                self.assertEqual(problems, [])

    def test_a_large_run_opens(self) -> None:
        """How fast, on a CPU that is slowed down to a quarter, is told and not asserted."""
        page = self.of_run("large", *large_run())
        result = run(self.node, DRIVE, MODULES, self.chromium, self.directory, "--first", page)
        self.assertEqual(result.returncode, 0, result.stderr)
        told = json.loads(result.stdout)
        self.assertEqual(told["trouble"], [])
        self.assertGreater(told["pictures"], 20)
        print(f"# its first picture came after {told['milliseconds']:.0f} ms")
