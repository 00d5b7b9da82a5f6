"""What the documents say is so: their links lead somewhere, and every command of README.md runs."""

import os
import random
import re
import shutil
import subprocess
import unittest
from unittest import mock

from driving import BUILD, ROOT, TRANSIENT, DriverTest, clean_environment, run, slow
from run_cases import late

README = (ROOT / "README.md").read_text()
COMMAND = re.compile(r"(?:make|cp|scripts/\S+|build/\S+|\$EDITOR)(?: |$)")
OWN_TEST = "make test"  # the one that this test is part of
# What shortens a command and changes nothing of what it is: less of each kind of measurement.
LESS = {
    "make bench-programs": {"QUICK": "1"},
    "make bench": {"QUICK": "1", "REPS": "1", "ARGS": "--no-timeline"},
    "make gate": {"QUICK": "1", "WORKLOADS": "tiny", "THREADS": "1"},
    "make harden": {"RUNS": "1"},
    "make try": {"RUNS": "3"},
}
# By its promise, of one library against itself it says this in at most one of 100 runs. (Any exit code is make's 2.)
FOUND_BY_CHANCE = ("make gate", r"(?m)^gate: FAIL: worse in tiny/threads:1 ns/op [+][0-9.]+ ?%; ")
TIMEOUT = 3600  # seconds for a command; on a quiet machine the slowest takes two minutes
# What needs what another one has made, and that.
AFTER = {
    "make table": "make bench",
    "make bench QUICK=1 RIVALS=1": "make rivals",
    "$EDITOR allocators/foo.c": "cp allocators/system.c allocators/foo.c",
    "make bench QUICK=1": "$EDITOR allocators/foo.c",
    "make check": "make bench QUICK=1",
}
# Where a system call takes ten times as long. In so many minutes before the time is over, it is not begun.
TAKES = {"make check": 25}
HEADER = "#include <stddef.h>\nvoid *foo_malloc(size_t size);\nvoid foo_free(void *block);\n"
LIBRARY = """#include "foo.h"
#include <stdlib.h>
void *foo_malloc(size_t size) { return malloc(size); }
void foo_free(void *block) { free(block); }
"""


def blocks() -> list[str]:
    """The parts of README.md that are indented as code."""
    found = re.findall(r"(?:^    .*\n|^\n(?=    ))+", README, re.MULTILINE)
    return [re.sub(r"(?m)^    ", "", text).strip("\n") for text in found]


def commands() -> list[str]:
    """Each once, in the order of the text: lines of code blocks, and commands in the sentences."""
    found: list[str] = []
    for line in README.splitlines():
        code = [line[4:]] if line.startswith("    ") else re.findall(r"`([^` ]+ [^`]+)`", line)
        found += [re.sub(r" +# .*", "", text) for text in code if COMMAND.match(text)]
    return list(dict.fromkeys(found))


def in_turn() -> list[str]:
    """As README has them. Where time may be over before the last one, chance orders what need not come after another."""
    chains: list[list[str]] = []
    for text in commands():
        of = [chain for chain in chains if AFTER.get(text) in chain]
        if of:
            of[0].append(text)
        else:
            chains.append([text])
    if until := os.environ.get("TEST_UNTIL"):
        random.Random(until).shuffle(chains)
        return [text for chain in chains for text in chain]
    return commands()


class Documents(unittest.TestCase):
    def test_each_command_has_its_turn(self) -> None:
        orders = []
        for until in ("", "1", "2", "2"):
            with mock.patch.dict(os.environ, TEST_UNTIL=until):
                orders.append(in_turn())
        self.assertEqual(orders[0], commands())
        self.assertLessEqual(set(TAKES), set(commands()))
        self.assertNotEqual(orders[1], orders[2])
        self.assertEqual(orders[2], orders[3])
        for order in orders:
            self.assertEqual(sorted(order), sorted(commands()))
            for text, before in AFTER.items():
                self.assertLess(order.index(before), order.index(text))

    def test_commands_are_found(self) -> None:
        found = commands()
        for command in ("make bench", OWN_TEST, "make help", "$EDITOR allocators/foo.c"):
            self.assertIn(command, found)
        self.assertGreaterEqual(len(found), 10, found)

    def test_links_lead_somewhere(self) -> None:
        listed = run("git", "-C", ROOT, "ls-files", "--cached", "*.md").stdout.split()
        documents = [ROOT / name for name in listed] or sorted(ROOT.rglob("*.md"))
        links = 0
        for document in documents:
            text = document.read_text()
            for link in re.findall(r"\]\(([^)\s]+)\)", text):
                if not link.startswith("https://"):
                    links += 1
                    path, _, part = link.partition("#")
                    target = document.parent / path if path else document
                    self.assertTrue(target.exists(), f"{document}: {link}")
                    if part:
                        heads = re.findall(r"(?m)^#+ (.*)", target.read_text())
                        self.assertIn(part, [head.lower().replace(" ", "-") for head in heads])
        self.assertGreater(links, 20)


@slow
class Commands(DriverTest):
    """In a copy of the tree, with a libfoo and an editor that types what README.md shows."""

    def setUp(self) -> None:
        super().setUp()
        self.tree = self.directory / "tree"
        ignore = shutil.ignore_patterns(
            "build*", ".git", "*Z-*", "latest*", "__pycache__", *TRANSIENT
        )
        shutil.copytree(ROOT, self.tree, ignore=ignore)
        if BUILD == ROOT / "build":  # which the objects have in them
            ignore = shutil.ignore_patterns("test*", "faulty", *TRANSIENT)
            shutil.copytree(BUILD, self.tree / "build", ignore=ignore)
        (self.tree / "old").mkdir()
        for library in ("libfoo.so", "old/libfoo.so"):  # any malloc library
            shutil.copy(BUILD / "libgomalloc.so", self.tree / library)

        (self.tree / "sizes.txt").write_text("24 1000\n100 300\n5000 7\n")
        program = self.tree / "program"
        program.write_text("#!/bin/sh\nexec sort /etc/services -o /dev/null\n")
        program.chmod(0o755)

        foo = self.directory / "foo"  # an allocator with functions of its own
        foo.mkdir()
        (foo / "foo.h").write_text(HEADER)
        (foo / "foo.c").write_text(LIBRARY)
        compiler = os.environ.get("CC", "cc").split()
        built = run(*compiler, "-shared", "-fPIC", "-o", foo / "libfoo.so", foo / "foo.c")
        self.assertEqual(built.returncode, 0, built.stderr)

        adapter = self.directory / "adapter.c"
        [text] = [block for block in blocks() if "struct allocator allocator" in block]
        adapter.write_text(text + "\n")
        editor = self.directory / "editor"
        editor.write_text(f'#!/bin/sh\ncat {adapter} >"$1"\n')
        editor.chmod(0o755)
        self.environment = clean_environment(
            EDITOR=editor, LIBRARY_PATH=foo, CPATH=foo, DEPS=os.environ.get("DEPS", "")
        )

    def command(self, text: str) -> "subprocess.CompletedProcess[str]":
        less: dict[str, str] = next((LESS[name] for name in LESS if text.startswith(name)), {})
        return subprocess.run(
            ["sh", "-c", text],
            cwd=self.tree,
            env={**self.environment, **less},
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
        )

    def test_each_runs_as_written(self) -> None:
        for text in in_turn():
            if text != OWN_TEST:
                with self.subTest(text):
                    if over := late(TAKES.get(text, 0)):
                        self.skipTest(over)
                    result = self.command(text)
                    command, found = FOUND_BY_CHANCE
                    if text.startswith(command) and re.search(found, result.stdout):
                        result = self.command(text)
                    self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
                    if text == "make bench QUICK=1":
                        self.assertRegex(result.stdout, r"(?m)^foo +\d")
                    if text == "make check":
                        self.check_verdicts()

    def check_verdicts(self) -> None:
        """make check, whose run is the newest of its kind, said of the distribution's allocators what is stored."""
        newest = max((self.tree / "results").glob("*Z-*/conformance.json")).parent
        compared = run(self.tree / "scripts" / "checked.py", "compare", newest)
        print("".join(f"# {line}\n" for line in compared.stdout.splitlines()), end="")
        self.assertEqual(compared.returncode, 0, compared.stdout + compared.stderr)


if __name__ == "__main__":
    unittest.main()
