"""The build finds plug-ins, says what it skips, and keeps the dependency directions."""

import os
import shutil
import subprocess
from pathlib import Path

from driving import ROOT, DriverTest, run


class Tree(DriverTest):
    """A copy of the sources, to be changed."""

    def setUp(self) -> None:
        super().setUp()
        self.tree = self.directory / "tree"
        ignore = shutil.ignore_patterns("build*", ".git", "*Z-*", "latest", "__pycache__")
        shutil.copytree(ROOT, self.tree, ignore=ignore)

    def make(self, *words: str) -> "subprocess.CompletedProcess[str]":
        environment = {k: v for k, v in os.environ.items() if not k.startswith("MAKE")}
        return run("make", "-j2", "B=build", *words, cwd=self.tree, env=environment)

    def make_well(self, *words: str) -> "subprocess.CompletedProcess[str]":
        result = self.make(*words)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        return result

    def built_cells(self) -> set[str]:
        return {p.name for p in (self.tree / "build" / "cell").iterdir()}

    def write(self, path: str, text: str) -> Path:
        file = self.tree / path
        file.write_text(text)
        return file


class Plugins(Tree):
    def test_adapters_come_and_go_with_their_files(self) -> None:
        template = (self.tree / "allocators" / "system.c").read_text()
        self.write("allocators/copied.c", template)
        absent = template.replace("library: libc.so.6", "library: libabsent.so")
        self.write("allocators/absent.c", absent.replace("libc6-dev", "libabsent-dev"))
        self.make_well()
        self.assertLessEqual({"copied", "system", "null", "absent.skip"}, self.built_cells())
        listed = run("build/spanbench", "list", cwd=self.tree).stdout
        self.assertRegex(listed, r"(?m)^  copied +\d")
        self.assertIn("skipped: libabsent.so is not there; install libabsent-dev", listed)
        words = ["--quick", "--workloads", "tiny", "--threads", "1", "--repetitions", "1"]
        result = run("build/spanbench", *words, cwd=self.tree)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("tiny/copied/threads:1", result.stdout)

        (self.tree / "allocators" / "copied.c").unlink()
        (self.tree / "allocators" / "absent.c").unlink()
        self.make_well()
        self.assertEqual({"copied", "absent", "absent.skip"} & self.built_cells(), set())

    def test_workloads_come_and_go_with_their_files(self) -> None:
        tiny = (self.tree / "workloads" / "tiny.c").read_text()
        self.write(
            "workloads/mine.c",
            tiny.replace("workload_tiny", "workload_mine").replace('"tiny"', '"mine"'),
        )
        self.make_well()
        listed = run("build/spanbench", "list", cwd=self.tree).stdout
        self.assertRegex(listed, r"(?m)^  mine ")
        (self.tree / "workloads" / "mine.c").unlink()
        self.make_well()
        self.assertNotIn("mine", run("build/spanbench", "list", cwd=self.tree).stdout)


class Compilers(Tree):
    def test_clang_has_no_complaint(self) -> None:
        if not shutil.which("clang"):
            self.skipTest("clang is not installed")
        result = self.make_well("CC=clang", "CXX=clang++", "tests")
        self.assertNotIn("warning", result.stderr)


class Directions(Tree):
    def test_a_folder_sees_only_what_it_may_include(self) -> None:
        for folder, header in (
            ("allocators", "workload.h"),
            ("allocators", "plan.h"),
            ("workloads", "sample.h"),
            ("workloads", "registry.h"),
            ("harness", "allocator.h"),
            ("harness", "workload.h"),
            ("harness", "usage.h"),
            ("harness/cell", "registry.h"),
        ):
            source = self.write(f"{folder}/upward.c", f'#include "{header}"\n')
            result = self.make(f"build/{folder}/upward.o")
            source.unlink()
            self.assertNotEqual(result.returncode, 0, f"{folder} may include {header}")
            self.assertIn("No such file", result.stderr)
