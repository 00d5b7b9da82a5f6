"""Proves that the tests can fail. A mutant is the project with one promise broken by hand, and the test
named beside it must reject it. A mutant that does not apply, does not build, passes, or fails in other
cases only, is a failure of this test. So is a test that fails without a mutant. What breaks a race shows
only when threads meet: a mutant has several TRIES. One without the slow cases comes first, for they are
seldom needed.

The mutants lie beside what they break, in files `mutants.py`, which are found:

    MUTANTS = [(promise, file, old, new, test, case), …]

`file` is a path from the root, and `old` a text that it has once. `test` is what scripts/run-test takes.
`case` is a part of the line of TAP of a case that must fail; "" is any. ONLY="a word" in the environment runs
the mutants whose promise has it."""

import os
import re
import runpy
import shutil
import signal
import subprocess
import sys
import threading
import time
import unittest
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import Optional

from driving import BUILD, ROOT, DriverTest, clean_environment, copy_tree, run, slow

TIMEOUT = 1200  # seconds for a test
TRIES = 9  # of a test to reject a mutant; more than one is seldom needed
TREES = 2  # copies of the project in which mutants are tried at once


@dataclass(frozen=True)
class Mutant:
    promise: str
    file: str
    old: str
    new: str
    test: str
    case: str

    def applied(self, text: str) -> str:
        """Raises if it does not apply at exactly one place."""
        count = text.count(self.old)
        if count != 1:
            raise ValueError(f"'{self.old}' is in {self.file} {count} times, not once")
        return text.replace(self.old, self.new)


def mutants() -> list[Mutant]:
    files = sorted(p for p in ROOT.glob("[a-z]*/**/mutants.py") if BUILD not in p.parents)
    return [Mutant(*words) for file in files for words in runpy.run_path(str(file))["MUTANTS"]]


@dataclass(frozen=True)
class Outcome:
    """What became of a mutant. No field is set if its test rejects it at once."""

    problem: str = ""
    skipped: str = ""
    late: str = ""  # a case that depends on chance: a loaded machine may let the mutant live


class Workshop:
    """A copy of the project with its objects, in which mutants are tried one after another."""

    def __init__(self, tree: Path) -> None:
        self.tree = tree.resolve()

    def build(self, test: str) -> "subprocess.CompletedProcess[str]":
        """What the test needs, and no more."""
        path = test.partition(":")[0]
        if path.endswith(".py"):
            targets = ["all"]
            if "FAULTY" in (self.tree / path).read_text():
                bugs = (self.tree / "allocators" / "faulty").glob("*/*.c")
                targets += [f"build/faulty/{bug.stem}" for bug in bugs]
        else:
            targets = [f"build/{path}" if path.startswith("test-") else f"build/test/{path}"]
        environment = clean_environment(B="build")
        return run("make", "-j2", "WERROR=", *targets, cwd=self.tree, env=environment)

    def prove(self, test: str, timeout: float, slow_too: bool = True) -> tuple[int, str]:
        """The test's exit code and output. It goes to a file: a pipe would stay open for as long as
        what a mutant leaves running."""
        with open(self.tree / "tap", "w+", encoding="utf-8", errors="replace") as out:
            process = subprocess.Popen(
                ["scripts/run-test", test],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.DEVNULL,
                cwd=self.tree,
                env=clean_environment(B="build", TEST_ALL="1" if slow_too else ""),
                start_new_session=True,
            )
            try:
                code = process.wait(timeout)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                code = process.wait()
            self.end_leftovers()
            out.seek(0)
            return code, out.read()

    def end_leftovers(self) -> None:
        """A mutant that loses its children leaves them running."""
        for process in Path("/proc").glob("[0-9]*"):
            try:
                if os.readlink(process / "exe").startswith(f"{self.tree}/"):
                    os.kill(int(process.name), signal.SIGKILL)
            except OSError:  # it has ended, or is none of ours
                continue

    def without(self, test: str) -> Outcome:
        """Of the test without a mutant: what it shows, if it is not good for showing anything."""
        built = self.build(test)
        if built.returncode != 0:
            return Outcome(f"{test} does not build without a mutant: {built.stderr}")
        code, output = self.prove(test, TIMEOUT)
        if code != 0 or not re.search("(?m)^ok ", output):
            return Outcome(f"{test} fails without a mutant: {output}")
        skip = re.search("(?m)^ok .*# [Ss][Kk][Ii][Pp] (.*)", output)
        if skip and len(re.findall("(?m)^ok ", output)) == 1:
            return Outcome(skipped=f"{test} cannot run here: {skip[1]}")
        return Outcome()

    def tried(self, m: Mutant, timeout: float) -> Outcome:
        path = self.tree / m.file
        original = path.read_text()
        try:
            self.write(path, m.applied(original))
            built = self.build(m.test)
            if built.returncode != 0:
                return Outcome(f"it does not build: {built.stderr}")
            failed: list[str] = []
            for number in range(TRIES + 1):
                _, output = self.prove(m.test, timeout, slow_too=number > 0)
                # What is to be done yet fails without a mutant, too.
                failed += re.findall("(?m)^not ok (?!.*# TODO).*$", output)
                if any(m.case in name for name in failed):
                    return Outcome(late=f"rejected at try {number} only" if number > 1 else "")
            return Outcome(f"{m.test} must reject it in '{m.case}'; it failed in {failed}")
        except ValueError as error:
            return Outcome(f"it does not apply: {error}")
        finally:
            self.write(path, original)

    @staticmethod
    def write(path: Path, text: str) -> None:
        """Not within the tick of the clock in which the last object was made: make would not see it."""
        time.sleep(0.02)
        path.write_text(text)


def try_all(wanted: list[Mutant], trees: list[Path], timeout: float = TIMEOUT) -> list[Outcome]:
    """The outcomes in the order of the mutants. Those of one test are tried in the same tree."""
    outcomes: dict[Mutant, Outcome] = {}
    idle: SimpleQueue[Workshop] = SimpleQueue()
    for tree in trees:
        idle.put(Workshop(tree))

    def try_those_of(test: str) -> None:
        shop = idle.get()
        try:
            plain = shop.without(test)
            for m in (m for m in wanted if m.test == test):
                useless = plain.problem or plain.skipped
                outcomes[m] = plain if useless else shop.tried(m, timeout)
        finally:
            idle.put(shop)

    with ThreadPoolExecutor(len(trees)) as pool:
        list(pool.map(try_those_of, dict.fromkeys(m.test for m in wanted)))
    return [outcomes[m] for m in wanted]


@slow
class Mutants(DriverTest):
    def test_each_is_rejected(self) -> None:
        wanted = [m for m in mutants() if os.environ.get("ONLY", "") in m.promise]
        trees = [self.directory / f"tree-{i}" for i in range(TREES)]
        for tree in trees:
            copy_tree(tree)
        for m, outcome in zip(wanted, try_all(wanted, trees)):
            with self.subTest(m.promise):
                if outcome.skipped:
                    self.skipTest(outcome.skipped)
                if outcome.late:
                    print(f"{m.promise}: {outcome.late}", file=sys.stderr)
                if outcome.problem:
                    self.fail(outcome.problem)


class Lists(unittest.TestCase):
    """What can be said of the mutants in a moment."""

    def test_there_are_some_of_each_room(self) -> None:
        rooms = {Path(m.file).parts[0] for m in mutants()}
        self.assertLessEqual({"harness", "scripts", "workloads"}, rooms)

    def test_promises_tell_them_apart(self) -> None:
        promises = [m.promise for m in mutants()]
        self.assertEqual(sorted(set(promises)), sorted(promises))

    def test_each_applies_at_one_place(self) -> None:
        for m in mutants():
            with self.subTest(m.promise):
                self.assertNotEqual(m.applied((ROOT / m.file).read_text()), "")


TOY_TEST = """
import pathlib, time, unittest
words = pathlib.Path("toy.txt").read_text().split()
class Toy(unittest.TestCase):
    def test_first(self): self.assertEqual(words[0], "one")
    def test_second(self): self.assertEqual(words[1], "two")
    def test_chance(self):
        seen = pathlib.Path("seen")
        times = len(seen.read_text()) if seen.exists() else 0
        if times < words.count("chance"): return seen.write_text("." * (times + 1))
        self.assertNotIn("chance", words)
    def test_end(self): time.sleep(600 if "hang" in words else 0)
    @unittest.skipIf(True, "never here")
    def test_skipped(self): pass
"""


class Runner(DriverTest):
    """The runner's own mutants: of a toy project, which is words in a file."""

    def outcome(
        self, old: str, new: str, case: str, of: str = "", words: str = "", timeout: float = TIMEOUT
    ) -> Outcome:
        tree = self.directory / "toy"
        (tree / "scripts").mkdir(parents=True)
        shutil.copy(ROOT / "scripts" / "run-test", tree / "scripts")
        (tree / "Makefile").write_text("all:\n\t@! grep -q broken toy.txt\n")
        (tree / "toy.txt").write_text(words or "one two three three")
        (tree / "test_toy.py").write_text(TOY_TEST)
        test = "test_toy.py" + of
        (outcome,) = try_all([Mutant("", "toy.txt", old, new, test, case)], [tree], timeout)
        self.assertEqual((tree / "toy.txt").read_text(), words or "one two three three")
        shutil.rmtree(tree)
        return outcome

    def test_one_that_is_rejected_is_no_problem(self) -> None:
        self.assertEqual(self.outcome("two", "2", "test_second"), Outcome())
        self.assertEqual(self.outcome("two", "2", ""), Outcome())
        self.assertEqual(self.outcome("two", "2", "", ":Toy.test_second"), Outcome())

    def test_one_that_survives_is(self) -> None:
        self.assertIn("must reject it", self.outcome("one two", "one two 3", "").problem)
        self.assertIn("must reject it", self.outcome("two", "2", "", ":Toy.test_first").problem)

    def test_one_that_fails_elsewhere_is(self) -> None:
        self.assertIn("it failed in ['not ok", self.outcome("two", "2", "test_first").problem)

    def test_one_that_is_rejected_by_chance_is_named(self) -> None:
        self.assertEqual(self.outcome("two", "two chance", "test_chance"), Outcome())
        late = self.outcome("two", "two chance chance", "test_chance")
        self.assertEqual(late, Outcome(late="rejected at try 2 only"))

    def test_one_that_hangs_is(self) -> None:
        outcome = self.outcome("two", "two hang", "", ":Toy.test_end", timeout=1)
        self.assertIn("must reject it", outcome.problem)

    def test_one_that_does_not_apply_at_one_place_is(self) -> None:
        self.assertIn("0 times", self.outcome("four", "4", "").problem)
        self.assertIn("2 times", self.outcome("three", "3", "").problem)

    def test_one_that_does_not_build_is(self) -> None:
        self.assertIn("does not build", self.outcome("one", "broken", "test_first").problem)

    def test_a_test_that_fails_by_itself_is(self) -> None:
        outcome = self.outcome("one", "1", "test_first", words="one 2")
        self.assertIn("fails without a mutant", outcome.problem)

    def test_a_test_that_cannot_run_is_skipped_with_its_reason(self) -> None:
        self.assertIn("never here", self.outcome("one", "1", "", ":Toy.test_skipped").skipped)


if __name__ == "__main__":
    unittest.main()
