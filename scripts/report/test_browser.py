"""Pages in a browser, headless: what a reader does with them, what a screen reader is told, and how they look. The
screenshots are for a person to look at; SHOTS=folder keeps them."""

import json
import os
import shutil
from pathlib import Path

from driving import BUILD, ROOT, DriverTest, run, slow
from report import write
from report.test_kinds import REDIS, conformance, gate, hardening
from report.test_more_kinds import PROGRAMS, heap, memory
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

    def test_what_a_reader_does(self) -> None:
        pages = [self.made("bench", EXAMPLE), self.made("try", REDIS)]
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
        self.assertGreater(len(found), 15)
        for case, problems in found:
            with self.subTest(case):
                self.assertEqual(problems, [])
