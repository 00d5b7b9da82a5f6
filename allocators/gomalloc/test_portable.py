"""gomalloc is compiled with musl, and for aarch64; some of its tests run there, the latter under
qemu-user. GOMALLOC_PORTABLE=all runs more of them, for minutes.

What qemu cannot show: it ignores RLIMIT_AS and personality(2), and what is resident is qemu's own."""

import os
import shutil
import tempfile
import unittest
from pathlib import Path

from driving import ROOT, run

SOURCES = ROOT / "allocators" / "gomalloc"
PARTS = sorted(f for f in SOURCES.glob("*.c") if not f.name.startswith("test_"))
FLAGS = (
    "-std=gnu17 -D_GNU_SOURCE -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Werror -O1"
    " -fPIC -pthread -ftls-model=initial-exec -fno-builtin-malloc -fno-builtin-free -fno-builtin-calloc"
    " -fno-builtin-realloc"
).split()

PROGRAM = r"""
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
int main(void) {
    char *p = malloc(100), *q = realloc(memset(p, 1, 100), 100000), *r = calloc(1, 1 << 27);
    printf("%d %d\n", q[99], r[1 << 20]);
    free(q);
    free(r);
    return 0;
}
"""


class Portable(unittest.TestCase):
    compiler, emulator, link = "", "", ""
    tests: tuple[str, ...] = ()
    more: tuple[str, ...] = ()

    def setUp(self) -> None:
        for tool in filter(None, (self.compiler, self.emulator)):
            if not shutil.which(tool):
                self.skipTest(f"{tool} is not installed")
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = Path(directory.name)

    def compile(self, *words: object) -> None:
        include = [f"-I{SOURCES}", f"-I{ROOT / 'harness' / 'test'}"]
        result = run(self.compiler, *FLAGS, *include, *words, cwd=self.directory)
        self.assertEqual(result.returncode, 0, result.stderr)

    def test_hardened_build_compiles(self) -> None:
        self.compile("-DNDEBUG", "-DGOMALLOC_HARDENED", "-fsyntax-only", *PARTS)

    def test_tests_run(self) -> None:
        self.compile("-c", *PARTS)
        objects = sorted(self.directory.glob("*.o"))
        objects.remove(self.directory / "interpose.o")
        every = os.environ.get("GOMALLOC_PORTABLE") == "all"
        for name in self.tests + (self.more if every else ()):
            with self.subTest(name):
                program = self.directory / name
                source = SOURCES / f"test_{name}.c"
                self.compile(*self.link.split(), "-o", program, source, *objects)
                result = run(*filter(None, (self.emulator, program)))
                self.assertEqual(result.returncode, 0, result.stdout + result.stderr)


class Musl(Portable):
    compiler = "musl-gcc"
    tests = ("malloc", "mheap", "base")
    more = ("kernel_pages", "huge", "threads", "stress", "tiny")

    def test_preloaded(self) -> None:
        library, program = self.directory / "libgomalloc.so", self.directory / "program"
        self.compile("-DNDEBUG", "-fvisibility=hidden", "-shared", "-o", library, *PARTS)
        source = self.directory / "program.c"
        source.write_text(PROGRAM)
        self.compile("-o", program, source)
        env = {**os.environ, "LD_PRELOAD": str(library), "GOMALLOC_STATS": "1"}
        result = run(program, env=env)
        self.assertEqual((result.returncode, result.stdout), (0, "1 0\n"), result.stderr)
        self.assertIn("gomalloc: heap", result.stderr)


class Aarch64(Portable):
    compiler, emulator, link = "aarch64-linux-gnu-gcc", "qemu-aarch64-static", "-static"
    tests = ("malloc", "mspan", "mheap", "tiny")
    more = ("sizeclasses", "pagealloc", "kernel_pages", "threads")


def load_tests(
    loader: unittest.TestLoader, tests: unittest.TestSuite, pattern: object
) -> unittest.TestSuite:
    """Without the common part, which tests nothing."""
    del tests, pattern
    return unittest.TestSuite(map(loader.loadTestsFromTestCase, (Musl, Aarch64)))


if __name__ == "__main__":
    unittest.main()
