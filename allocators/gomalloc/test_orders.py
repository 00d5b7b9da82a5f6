"""The test of memory orders in a crowd, with ThreadSanitizer and the flags of the hardened build
together. The Makefile has a variant of each, and no other test asks for both."""

import os
import unittest

from driving import BUILD, ROOT, clean_environment, run

INNER = BUILD / "hardened-tsan"
TESTS = ("test_one_way",)


class Hardened(unittest.TestCase):
    def test_orders(self) -> None:
        if "tsan" not in os.environ.get("SANITIZERS", "tsan").split():
            self.skipTest("SANITIZERS says: without tsan")
        flags = os.environ.get("CFLAGS", "-O2 -g") + " -DGOMALLOC_HARDENED"
        environment = clean_environment(B=INNER, CFLAGS=flags)
        names = [f"test-tsan/allocators/gomalloc/{name}" for name in TESTS]
        targets = [INNER / name for name in names]
        built = run("make", "DEPS=skip", f"B={INNER}", *targets, cwd=ROOT, env=environment)
        self.assertEqual(built.returncode, 0, built.stdout + built.stderr)
        for name in names:
            with self.subTest(name):
                result = run("scripts/run-test", name, cwd=ROOT, env=environment)
                self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
                self.assertNotIn("not ok", result.stdout)
                self.assertNotIn("WARNING", result.stderr)


if __name__ == "__main__":
    unittest.main()
