"""The model of the protocol between threads, mspan.pml: spin finds nothing in it, searches it to its end,
and finds each bug that it can be given. (Debian: spin.)

    MODEL="-DTHREADS=3" scripts/run-test allocators/gomalloc/test_model.py:Model.test_protocol_holds

searches a larger one: 14 s and 1.5 GB."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import unittest
from pathlib import Path

from driving import BUILD, ROOT, slow

MODEL = ROOT / "allocators" / "gomalloc" / "mspan.pml"
DEPTH = "-m100000"  # of the search; the deepest path has 144 steps


def switches(kind: str) -> list[str]:
    """What the model may be built with, in the order of the file; it defines some of them itself."""
    names = re.findall(rf"(?m)^#ifn?def ({kind}_\w+)", MODEL.read_text())
    return list(dict.fromkeys(names))


class Model(unittest.TestCase):
    directory: Path

    def setUp(self) -> None:
        if not shutil.which("spin"):
            why = "there is no spin; install the package spin"
            if os.environ.get("CI") == "true":
                self.fail(why)
            self.skipTest(why)
        self.directory = BUILD / "model"
        self.directory.mkdir(parents=True, exist_ok=True)

    def output_of(self, *command: str) -> str:
        result = subprocess.run(
            command,
            cwd=self.directory,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=600,
        )
        self.assertEqual(result.returncode, 0, result.stdout)
        return result.stdout

    def search(self, *defined: str, optimise: str = "-O0") -> str:
        """What spin says at the end of a search."""
        self.output_of("spin", "-a", *defined, str(MODEL))
        compiler = shlex.split(os.environ.get("CC", "cc"))
        self.output_of(*compiler, optimise, "-w", "-DSAFETY", "-o", "pan", "pan.c")
        return self.output_of("./pan", DEPTH, "-w20" if optimise == "-O0" else "-w26")

    def check_complete(self, said: str) -> None:
        self.assertIn("errors: 0", said)
        self.assertNotIn("max search depth too small", said)
        self.assertNotIn("Search not completed", said)

    def test_protocol_holds(self) -> None:
        larger = shlex.split(os.environ.get("MODEL", ""))
        said = self.search(*larger, optimise="-O2" if larger else "-O0")
        states = re.search(r"(\d+) states, stored", said)
        print(f"# {states[1] if states else 'no'} states")
        self.check_complete(said)
        self.assertRegex(said, r"unreached in proctype thread\n\t\(0 of ")

    @slow
    def test_each_bug_is_found(self) -> None:
        bugs = switches("BUG")
        self.assertIn("BUG_GIVE_UP_BY_STORE", bugs)
        for bug in bugs:
            with self.subTest(bug):
                self.assertRegex(self.search(f"-D{bug}"), "assertion violated|invalid end state")

    @slow
    def test_what_is_there_twice_is_needed_once(self) -> None:
        for spare in switches("SPARE"):
            with self.subTest(spare):
                self.check_complete(self.search(f"-D{spare}"))


if __name__ == "__main__":
    unittest.main()
