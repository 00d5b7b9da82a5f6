"""The cost of the interface: counted on gomalloc, whose fast path is short."""

import subprocess
import unittest

from driving import ROOT, slow

TAX = ROOT / "scripts" / "tax.py"


def run(*words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([str(TAX), *words], capture_output=True, text=True, timeout=300)


class Tax(unittest.TestCase):
    @slow
    def test_three_ways_cost_nearly_the_same(self) -> None:
        done = run("gomalloc")
        self.assertEqual(done.returncode, 0, done.stderr)
        head, line = done.stdout.splitlines()
        self.assertEqual(head.split()[-3:], ["vtable", "linked", "preloaded"])
        vtable, linked, preloaded = map(float, line.split()[1:])
        self.assertGreater(vtable, 10, "a malloc, a write and a free were counted")
        self.assertLess(abs(linked - preloaded), 0.1, "the same library by the same way")
        self.assertLess(abs(linked - vtable), 10, "at most a jump or two for each call")

    def test_an_unknown_allocator_is_wrong_use(self) -> None:
        done = run("nonsense")
        self.assertEqual(done.returncode, 2)
        self.assertIn("build it with make", done.stderr)

    def test_help_has_an_example(self) -> None:
        self.assertIn("example: scripts/tax.py", run("--help").stdout)


if __name__ == "__main__":
    unittest.main()
