"""Each command that people run, killed by SIGKILL at any moment. No process is left, and no file is torn. The
next run works, and clears up. test_killed.py looks at what was measured until then.

SIGKILLS=40 makes so many trials of each command. The usual number is one, and none of the gate."""

import json
import os
import random
import shutil
import signal
import subprocess
import time
import unittest
import xml.etree.ElementTree
from dataclasses import dataclass, field
from typing import Any

from driving import BUILD, ROOT, SPANBENCH, DriverTest, clean_environment, of_processes, run, slow

TRIALS = int(os.environ.get("SIGKILLS", "1"))
PATIENCE = 600  # seconds: what goes on without its parent, as of make, works to its end
MARK = "SPANBENCH_TEST_MARK"
CHECK = ROOT / "scripts" / "check.sh"
TREE = "(setsid sleep 0.3 &); sh -c 'sleep 0.05; :'; sleep 0.05"  # with one that leaves its parent


@dataclass
class Command:
    words: list[Any]
    variables: dict[str, str] = field(default_factory=dict)


COMMANDS = {
    "bench": Command(
        ["make", "bench", "DEPS=skip"],
        {"QUICK": "1", "ALLOCATORS": "system null", "WORKLOADS": "tiny", "THREADS": "1"},
    ),
    "check": Command([CHECK], {"ALLOCATORS": "system", "CHECKS": "errno.* overlap.tiny"}),
    "harden": Command(
        [CHECK, "harden"],
        {"ALLOCATORS": "system", "MISUSES": "double_free.*", "SIZES": "small", "RUNS": "2"},
    ),
    "gate": Command(
        [ROOT / "scripts" / "gate.sh"],
        {
            "BASE": str(BUILD / "libgomalloc.so"),
            "HEAD": str(BUILD / "libgomalloc-hardened.so"),
            "WORKLOADS": "tiny",
            "THREADS": "1",
            "QUICK": "1",
            "ARGS": "--first 6 --blocks 9 --budget 1",
        },
    ),
    "try": Command(
        [ROOT / "scripts" / "try.sh"], {"CMD": TREE, "ALLOCATORS": "system", "RUNS": "3"}
    ),
    "why": Command(
        [ROOT / "scripts" / "why.sh"], {"CMD": f"sh -c '{TREE.replace(chr(39), chr(34))}'"}
    ),
    "who": Command([SPANBENCH, "who", "--", "sh", "-c", TREE]),
    "bench-programs": Command(
        [ROOT / "scripts" / "programs.py"],
        {"PROGRAMS": "sort", "QUICK": "1", "RUNS": "1", "ALLOCATORS": "system"},
    ),
}


def marked(mark: str) -> dict[int, str]:
    """The processes that inherited it from the command, with their words."""
    words = of_processes("cmdline")
    return {
        process: words.get(process, b"").replace(b"\0", b" ").decode(errors="replace")
        for process, environment in of_processes("environ").items()
        if f"{MARK}={mark}".encode() in environment.split(b"\0")
    }


class Anywhere(DriverTest):
    def start(self, command: Command, mark: str, **options: Any) -> "subprocess.Popen[bytes]":
        build = os.environ.get("B", "build")
        variables = {"B": build, "OUT": str(self.out), MARK: mark, **command.variables}
        return subprocess.Popen(
            [str(w) for w in command.words],
            env=clean_environment(**variables),
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
            **options,
        )

    def await_end(self, mark: str) -> None:
        end = time.monotonic() + PATIENCE
        while (left := marked(mark)) and time.monotonic() < end:
            time.sleep(0.05)
        for process in left:
            os.kill(process, signal.SIGKILL)
        self.assertEqual(left, {}, "it is left")

    def look_at_files(self) -> None:
        """Whoever reads one finds it whole."""
        for path in self.out.rglob("*"):
            if path.suffix == ".json" and not path.name.startswith("."):
                json.loads(path.read_text())
            elif path.suffix == ".csv":
                lines = path.read_text().splitlines(keepends=True)
                self.assertEqual({x.count(",") for x in lines}, {lines[0].count(",")}, path)
                self.assertTrue(lines[-1].endswith("\n"), path)
            elif path.suffix in (".xml", ".svg"):
                xml.etree.ElementTree.parse(path)
            elif path.suffix == ".png":
                self.assertTrue(path.read_bytes().endswith(b"IEND\xae\x42\x60\x82"), path)
            elif path.name in ("answer.txt", "table.txt"):
                self.assertTrue(path.read_bytes().endswith(b"\n"), path)
            elif path.is_symlink():
                self.assertTrue(path.exists(), path)

    def good_run(self, name: str) -> float:
        """Its seconds."""
        mark, began = f"{random.randrange(10**9)}", time.monotonic()
        child = self.start(COMMANDS[name], mark, stderr=subprocess.PIPE)
        _, said = child.communicate(timeout=600)
        self.assertIn(child.returncode, self.good_codes(name), said.decode())
        seconds = time.monotonic() - began
        self.await_end(mark)
        empty = [p for p in self.out.glob("*Z-*") if not any(q.is_file() for q in p.rglob("*"))]
        self.assertEqual(empty, [], "of the one that was killed")
        half = [p for p in self.out.rglob("*") if p.name.endswith((".tmp", ".new"))]
        self.assertEqual(half, [], "of the one that was killed")
        return seconds

    @staticmethod
    def good_codes(name: str) -> tuple[int, ...]:
        """The gate finds the hardened library slower; a misuse may end without a verdict."""
        return (0, 1) if name in ("gate", "harden") else (0,)

    def trial(self, name: str, seconds: float) -> None:
        mark = f"{random.randrange(10**9)}"
        child = self.start(COMMANDS[name], mark, stderr=subprocess.DEVNULL)
        after, group = random.uniform(0, seconds), random.random() < 0.5
        time.sleep(after)
        with self.subTest(command=name, after=after, group=group):
            try:
                os.killpg(child.pid, signal.SIGKILL) if group else child.kill()
            except ProcessLookupError:  # it ended before
                pass
            child.wait()
            self.await_end(mark)
            self.look_at_files()

    def trials(self, name: str) -> None:
        seconds = self.good_run(name)
        for _ in range(TRIALS):
            self.trial(name, seconds)
            self.good_run(name)
            self.look_at_files()
            shutil.rmtree(self.out, ignore_errors=True)

    @slow
    def test_bench(self) -> None:
        self.trials("bench")

    @slow
    def test_check(self) -> None:
        self.trials("check")

    @slow
    def test_harden(self) -> None:
        self.trials("harden")

    @unittest.skipUnless("SIGKILLS" in os.environ, "takes long: SIGKILLS=n asks for it")
    def test_gate(self) -> None:
        self.trials("gate")

    @slow
    def test_try(self) -> None:
        self.trials("try")

    @slow
    def test_why(self) -> None:
        self.trials("why")

    @slow
    def test_who(self) -> None:
        self.trials("who")

    @slow
    def test_bench_programs(self) -> None:
        self.trials("bench-programs")


if __name__ == "__main__":
    unittest.main()
