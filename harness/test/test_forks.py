"""A program that forks without end: `try`, `why` and `who` end it and say so, in bounded time, memory and
processes."""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path
from typing import Any

from driving import SPANBENCH, DriverTest, run, slow

PATIENCE = 30  # seconds; what is left over lives for longer
# In seconds, of what counts processes: a busy machine may need some to start that many.
TIME = 45
MOST = 1000

# It does have an end here, lest a broken driver takes the machine along: so many processes in all, which
# they count together, and an alarm for each.
FORKS = """
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
static _Atomic int *left;
static int more(void) {
    alarm(60);
    return atomic_fetch_sub(left, 1) > 0;
}
int main(int argc, char **argv) {
    left = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    *left = atoi(argv[2]);
    free(malloc(100));
    if (!strcmp(argv[1], "wide"))
        while (more())
            if (fork() == 0) {
                pause();
                _exit(0);
            }
    if (!strcmp(argv[1], "all"))
        while (more())
            fork();
    if (!strcmp(argv[1], "chain"))
        while (more())
            if (fork())
                _exit(0);
    if (!strcmp(argv[1], "brief")) {
        signal(SIGCHLD, SIG_IGN);
        while (more())
            if (fork() == 0)
                _exit(0);
    }
    pause();
}
"""


class Forks(DriverTest):
    def setUp(self) -> None:
        super().setUp()
        # `ps` shows this name, also of what has lost its parent.
        self.bomb = self.directory / f"bomb{time.monotonic_ns() % 10**9}"
        source = self.directory / "forks.c"
        source.write_text(FORKS)
        done = run("gcc", "-O1", "-w", "-D_GNU_SOURCE", "-o", self.bomb, source)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.addCleanup(run, "pkill", "-KILL", "-x", self.bomb.name)

    def alive(self) -> int:
        """What was killed may take a moment to go; what was not stays."""
        end = time.monotonic() + PATIENCE
        while True:
            states = run("ps", "-C", self.bomb.name, "-o", "stat=").stdout.split()
            count = sum(not state.startswith("Z") for state in states)
            if not count or time.monotonic() > end:
                return count
            time.sleep(0.1)

    def explode(self, way: str, most: int, *words: Any) -> "subprocess.CompletedProcess[str]":
        command = [SPANBENCH, *words, "--", self.bomb, way, most]
        done = run("timeout", "--signal=KILL", 100, *command)
        self.assertNotEqual(done.returncode, -9, "it does not end")
        self.assertEqual(self.alive(), 0)
        return done

    def in_try(self, way: str, most: int, timeout: int = TIME) -> str:
        words = ("--runs", 1, "--quiet", "--allocators", "system", "--timeout", timeout)
        done = self.explode(way, most, "try", "--out", self.out, *words)
        document = json.loads((self.out / "latest-try" / "program.json").read_text())
        self.assertEqual(done.returncode, 1 if document["rows"][0]["cause"] else 0, done.stderr)
        return str(document["rows"][0]["cause"])

    def in_why(self, way: str, most: int, seconds: int = TIME) -> tuple[str, Any]:
        words = ("--json", "--out", self.out, "--seconds", seconds)
        done = self.explode(way, most, "why", *words)
        document = json.loads(done.stdout) if done.stdout else None
        stopped = document is not None and document["end"]["stopped"]
        self.assertEqual(done.returncode, 0 if stopped else 1, done.stderr)
        left = [p for p in Path("/dev/shm").glob("spanbench-why-*/*.book") if self.is_of(p)]
        self.assertEqual(left, [])
        return done.stderr, document

    def is_of(self, book: Path) -> bool:
        """Of a process of this test, and not of another that runs beside it."""
        try:
            return self.bomb.name in Path(f"/proc/{book.name.split('.')[0]}/comm").read_text()
        except OSError:
            return False

    def in_who(self, way: str, most: int, timeout: int = TIME) -> Any:
        done = self.explode(way, most, "who", "--json", "--timeout", timeout)
        document = json.loads(done.stdout)
        self.assertEqual(done.returncode, 1 if document["program"]["too_many"] else 0, done.stderr)
        return document

    def test_more_processes_than_a_program_may_have(self) -> None:
        self.assertIn(f"more than {MOST} processes at once", self.in_try("wide", MOST + 500))
        said, document = self.in_why("wide", MOST + 500)
        self.assertIn(f"more than {MOST} processes at once", said)
        self.assertTrue(document["end"]["too_many"])
        self.assertFalse(document["end"]["by_itself"])
        document = self.in_who("wide", MOST + 500)
        self.assertTrue(document["program"]["too_many"])
        self.assertLess(len(document["processes"]), 2 * MOST)

    @slow
    def test_each_child_forks_too(self) -> None:
        self.assertIn(f"more than {MOST} processes at once", self.in_try("all", MOST + 500))
        self.assertIn(f"more than {MOST} processes at once", self.in_why("all", MOST + 500)[0])
        self.assertTrue(self.in_who("all", MOST + 500)["program"]["too_many"])

    @slow
    def test_a_server_before_it_is_ready_and_what_asks_it(self) -> None:
        bomb = f"exec '{self.bomb}' wide {MOST + 500}"
        for server, load in ((bomb, "true"), ("echo ready; exec sleep 99", bomb)):
            words = ("--runs", 1, "--quiet", "--allocators", "system", "--timeout", TIME)
            asks = ("--server", server, "--ready", "regex:^ready", "--load", load)
            done = run(
                *("timeout", "--signal=KILL", 100, SPANBENCH, "try"),
                *("--out", self.out, *words, *asks),
            )
            self.assertEqual(done.returncode, 1, done.stderr)
            self.assertEqual(self.alive(), 0)
            document = json.loads((self.out / "latest-try" / "program.json").read_text())
            self.assertIn(f"more than {MOST} processes at once", document["rows"][0]["cause"])

    @slow
    def test_few_at_once_and_ever_more(self) -> None:
        """The time is over some day."""
        for way in ("chain", "brief"):
            cause = self.in_try(way, 100 * MOST, timeout=1)
            self.assertRegex(cause, "no end after" if way == "brief" else "None")
            said, document = self.in_why(way, 100 * MOST, seconds=1)
            self.assertTrue("before its memory" in said or document["end"]["stopped"], said)
            self.assertTrue(self.in_who(way, 100 * MOST, timeout=1)["program"]["timed_out"])


if __name__ == "__main__":
    import unittest

    unittest.main()
