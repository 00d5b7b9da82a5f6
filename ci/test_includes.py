"""includes.py finds what it is there to find."""

import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


class Includes(unittest.TestCase):
    def findings(self, files: dict[str, str]) -> str:
        with tempfile.TemporaryDirectory(prefix="spanbench-test-") as directory:
            for name, text in files.items():
                path = Path(directory) / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
            command = [sys.executable, str(ROOT / "ci" / "includes.py")]
            result = subprocess.run(
                command, cwd=directory, capture_output=True, text=True, check=False
            )
        self.assertEqual(result.returncode, 1 if result.stdout else 0, result.stderr)
        return result.stdout

    def test_downward_is_good(self) -> None:
        files = {
            "allocators/allocator.h": "#include <stddef.h>\n",
            "workloads/timed/workload.h": '#include "allocator.h"\n',
            "harness/cell/cell.c": '#include "workload.h"\n#include "allocator.h"\n',
            "harness/test/tap.h": "",
            "workloads/timed/test_workloads.c": '#include "tap.h"\n',
        }
        self.assertEqual(self.findings(files), "")

    def test_upward_path_and_circle_are_found(self) -> None:
        upward = {"harness/bench/plan.h": "", "allocators/foo.c": '#include "plan.h"\n'}
        self.assertIn("may not include plan.h of harness/bench/", self.findings(upward))
        driver = {
            "workloads/timed/workload.h": "",
            "harness/bench/plan.c": '#include "workload.h"\n',
        }
        self.assertIn("may not include workload.h", self.findings(driver))
        climbs = {"allocators/foo.c": '#include "../harness/plan.h"\n'}
        self.assertIn("by a path", self.findings(climbs))
        tap = {"harness/test/tap.h": "", "workloads/timed/tiny.c": '#include "tap.h"\n'}
        self.assertIn("may not include tap.h", self.findings(tap))
        circle = {
            "harness/a.h": '#include "b.h"\n',
            "harness/b.h": '#include "c.h"\n',
            "harness/c.h": '#include "a.h"\n',
        }
        self.assertIn("a.h -> b.h -> c.h -> a.h", self.findings(circle))

    def test_folder_of_an_allocator_stands_alone(self) -> None:
        good = {
            "allocators/allocator.h": "",
            "allocators/toy.c": '/*\n * built-from: toy\n */\n#include "allocator.h"\n#include "toy.h"\n',
            "allocators/toy/toy.h": "",
            "allocators/toy/plan.h": "",
            "allocators/toy/toy.c": '#include "toy.h"\n#include "plan.h"\n',
            "allocators/toy/test_toy.c": '#include "toy.h"\n#include "tap.h"\n',
            "allocators/other/plan.h": "",
            "harness/bench/plan.h": "",
            "harness/test/tap.h": "",
            "harness/bench/plan.c": '#include "plan.h"\n',
        }
        self.assertEqual(self.findings(good), "")
        for name, text, says in (
            ("allocators/toy.c", '#include "toy.h"\n', "may not include toy.h"),
            ("allocators/toy/toy.c", '#include "allocator.h"\n', "may not include allocator.h"),
            (
                "allocators/other/a.c",
                '#include "toy.h"\n',
                "may not include toy.h of allocators/toy",
            ),
            ("allocators/toy.c", "/* built-from: toy */\n" + '#include "plan.h"\n', "plan.h"),
            ("allocators/toy/deep/a.c", "", "does not know its folder"),
            ("tools/a.c", "", "does not know its folder"),
            ("allocators/toy/plan.h", '#include "plan.h"\n', "plan.h -> plan.h"),
        ):
            self.assertIn(says, self.findings({**good, name: text}), name)

    def test_the_project_is_good(self) -> None:
        result = subprocess.run(
            [sys.executable, "ci/includes.py"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        self.assertEqual((result.returncode, result.stdout), (0, ""), result.stderr)
