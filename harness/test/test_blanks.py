"""The commands in a checkout, and of a library, with blanks and colons in their paths."""

import os
import shutil
import subprocess
import unittest
from typing import Any

from driving import BUILD, ROOT, DriverTest, clean_environment, copy_tree, run, slow


@slow
class Blanks(DriverTest):
    def setUp(self) -> None:
        super().setUp()
        if BUILD != ROOT / "build":
            self.skipTest("the objects are those of another folder than build")
        folder = self.directory / "a b:c"
        folder.mkdir()
        self.tree = folder / "tree"
        copy_tree(self.tree, programs=("faulty", "test*"))
        self.library = folder / "lib foo.so"
        shutil.copy(BUILD / "libgomalloc.so", self.library)
        self.temporary = self.directory / "tmp"
        self.temporary.mkdir()

    def make(self, command: str, **variables: Any) -> str:
        given = [f"{k}={v}" for k, v in {"DEPS": "skip", **variables}.items()]
        env = clean_environment(TMPDIR=self.temporary)
        done: subprocess.CompletedProcess[str] = run(
            "make", command, *given, cwd=self.tree, env=env
        )
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout

    def test_every_command(self) -> None:
        few: dict[str, Any] = {"ALLOCATORS": "system gomalloc", "PRELOAD": self.library}
        self.make("bench", QUICK=1, REPS=1, WORKLOADS="tiny", THREADS=1, **few)
        latest = self.tree / "results" / "latest"
        self.assertTrue((latest / "plots" / "throughput.png").exists())
        self.assertIn("lib_foo.so", self.make("check", CHECKS="realloc.* plugin.* fork.*", **few))
        said = self.make("harden", MISUSES="double_free.immediate", RUNS=1, **few)
        self.assertIn("lib_foo.so", said)
        arms = {"BASE": self.library, "HEAD": self.tree / "build" / "libgomalloc.so"}
        words = "--budget 5 --margin 40 --target 99"
        self.make("gate", QUICK=1, WORKLOADS="tiny", THREADS=1, ARGS=words, **arms)
        self.make("install", DESTDIR=self.tree / "to here")
        installed = self.tree / "to here" / "usr" / "local" / "bin" / "spanbench"
        self.assertIn("gomalloc", run(installed, "list").stdout)
        self.assertEqual(os.listdir(self.temporary), [])


if __name__ == "__main__":
    unittest.main()
