"""`make try`: the variables of scripts/try.sh become options, and its end is that of the driver or the plots."""

from __future__ import annotations

import os
import subprocess
import unittest
from typing import Any

from driving import ROOT, DriverTest, slow

SCRIPT = ROOT / "scripts" / "try.sh"


class Try(DriverTest):
    def attempt(self, *words: str, **variables: Any) -> subprocess.CompletedProcess[str]:
        taken = ("CMD", "ALLOCATORS", "RUNS", "SEED", "TIMEOUT", "PRELOAD", "OUT", "ARGS")
        kept = {k: v for k, v in os.environ.items() if k not in taken}
        chosen = {"OUT": self.out, "ALLOCATORS": "system", "RUNS": 1, **variables}
        return subprocess.run(
            [str(SCRIPT), *words],
            env={**kept, **{k: str(v) for k, v in chosen.items()}},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    @slow
    def test_runs_draws_and_hands_on_what_was_said(self) -> None:
        done = self.attempt(
            CMD="echo \"$FOO b\" | grep -c 'a b'",
            ARGS="--env=FOO=a --metric=([0-9]+)",
            ALLOCATORS="system jemalloc",
            SEED=7,
        )
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("jemalloc", done.stdout)
        self.assertIn("plots: ", done.stdout)
        folder = self.out / "latest-try"
        self.assertEqual(
            sorted(p.name for p in (folder / "plots").iterdir()), ["memory.png", "pareto.png"]
        )
        self.assertIn("spanbench try: ", (folder / "report.html").read_text())

    def test_wrong_use_has_its_exit_code(self) -> None:
        without = self.attempt()
        self.assertEqual(without.returncode, 2)
        self.assertIn("make try CMD=", without.stderr)
        self.assertEqual(self.attempt("--help").returncode, 0)
        self.assertEqual(self.attempt("word").returncode, 2)
        self.assertEqual(self.attempt(CMD="true", B="/nowhere").returncode, 2)
        self.assertEqual(self.attempt(CMD="true", ALLOCATORS="jemaloc").returncode, 2)

    def test_a_path_with_blanks(self) -> None:
        hint = "--preload takes a path with blanks"
        for words, given in (("/nowhere/a b.so", True), ("/nowhere.so", False)):
            done = self.attempt(CMD="true", PRELOAD=words)
            self.assertEqual((done.returncode, hint in done.stderr), (2, given), done.stderr)

    @slow
    def test_a_finding_has_its_exit_code(self) -> None:
        failed = self.attempt(CMD="exit 3")
        self.assertEqual(failed.returncode, 1, failed.stderr)
        self.assertIn("exit code 3", failed.stderr)


if __name__ == "__main__":
    unittest.main()
