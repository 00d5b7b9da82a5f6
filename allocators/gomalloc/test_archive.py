"""A program that is linked with libgomalloc.a has what one with libgomalloc.so has: also the parts that
nothing calls by name."""

import os
import re
import shlex
import tempfile
import unittest
from pathlib import Path

from driving import BUILD, ROOT, run

# Without handlers of fork, about three of four children wait for a lock of the thread that is not there.
PROGRAM = r"""
#include "gomalloc.h"
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
int mheap, options, arenas; /* names of files within the library, which are not its users' */
enum { FORKS = 40 };
static volatile int stop;
static void *busy(void *unused) {
    for (unsigned i = 0; !stop; i++) gom_free(gom_malloc(40000 + i * 7919 % 400000));
    return unused;
}
int main(void) {
    pthread_t thread;
    int status = pthread_create(&thread, NULL, busy, NULL), n = 0;
    for (; status == 0 && n < FORKS; n++) {
        const pid_t pid = fork();
        if (pid == 0) {
            alarm(30);
            for (int i = 0; i < 50; i++) gom_free(memset(gom_malloc(100000), 1, 100000));
            _exit(0);
        }
        if (waitpid(pid, &status, 0) != pid) return 2;
    }
    stop = 1;
    pthread_join(thread, NULL);
    printf("%d forks; the last status is %d\n", n, status);
    return status != 0;
}
"""

NAMES = ("gomalloc", "gomalloc-hardened")


def functions(file: Path, *words: str) -> set[str]:
    """What a library defines for others."""
    said = run("nm", "--defined-only", "--extern-only", *words, file).stdout
    return set(re.findall(r"(?m)^[0-9a-f]+ [A-Za-z] (\S+)$", said))


class Archive(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory(prefix="spanbench-test-")
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        (self.folder / "program.c").write_text(PROGRAM)

    def link(self, name: str) -> Path:
        """As allocators/README.md says."""
        program = self.folder / name
        words: list[str | Path] = [*shlex.split(os.environ.get("CC", "cc")), "-pthread"]
        words += ["-o", program, self.folder / "program.c", f"-I{ROOT}/allocators/gomalloc"]
        built = run(*words, BUILD / f"lib{name}.a")
        self.assertEqual(built.returncode, 0, built.stderr)
        return program

    def test_a_forked_child_goes_on(self) -> None:
        for name in NAMES:
            done = run(self.link(name))
            self.assertEqual(done.stdout, "40 forks; the last status is 0\n", name)

    def test_variables_are_read(self) -> None:
        program = self.link("gomalloc")
        done = run(program, env={"GOMALLOC_STATS": "1", "GOMALLOC_SCAVANGE": "1"})
        self.assertRegex(done.stderr, r"(?m)^gomalloc: heap .* in objects")
        self.assertRegex(done.stderr, "GOMALLOC_SCAVANGE.*GOMALLOC_SCAVENGE")

    def test_it_has_the_names_of_its_interface_and_no_others(self) -> None:
        for name in NAMES:
            shared = functions(BUILD / f"lib{name}.so", "--dynamic")
            here = functions(BUILD / f"lib{name}.a")
            self.assertEqual(here, {f for f in shared if f.startswith("gom_")}, name)
            self.assertGreater(len(here), 20)


if __name__ == "__main__":
    unittest.main()
