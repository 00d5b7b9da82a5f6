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

import ast
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
from dataclasses import dataclass, replace
from pathlib import Path
from queue import SimpleQueue
from typing import Optional
from unittest import mock

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

    def narrowed(self, root: Path = ROOT) -> "Mutant":
        """With the one method that the case is, if there is one: no other need run."""
        path, _, cases = self.test.partition(":")
        if not path.endswith(".py") or "." in cases or not self.case:
            return self
        classes = [
            c for c in ast.parse((root / path).read_text()).body if isinstance(c, ast.ClassDef)
        ]
        found = [
            f"{path}:{c.name}.{f.name}"
            for c in classes
            for f in c.body
            if cases in ("", c.name) and isinstance(f, ast.FunctionDef)
            if f.name.startswith("test") and self.case in f.name
        ]
        return replace(self, test=found[0]) if len(found) == 1 else self


def mutants() -> list[Mutant]:
    files = sorted(p for p in ROOT.glob("[a-z]*/**/mutants.py") if BUILD not in p.parents)
    return [Mutant(*words) for file in files for words in runpy.run_path(str(file))["MUTANTS"]]


@dataclass(frozen=True)
class Outcome:
    """What became of a mutant. No field is set if its test rejects it at once."""

    problem: str = ""
    skipped: str = ""
    late: str = ""  # a case that depends on chance: a loaded machine may let the mutant live


def mirror(source: Path, target: Path) -> None:
    """Makes one folder what the other is, with the times. A file of the same time and size is the same."""
    target.mkdir(exist_ok=True)
    wanted = {entry.name: entry for entry in os.scandir(source)}
    for entry in os.scandir(target):
        if entry.name not in wanted:
            shutil.rmtree(entry) if entry.is_dir(follow_symlinks=False) else os.unlink(entry)
    for name, entry in wanted.items():
        at = target / name
        if entry.is_dir(follow_symlinks=False):
            mirror(Path(entry.path), at)
        elif not (os.path.lexists(at) and age(entry) == age(at)):
            at.unlink(missing_ok=True)
            shutil.copy2(entry.path, at, follow_symlinks=False)


def age(path: "os.DirEntry[str] | Path") -> tuple[int, int]:
    """And size: of the link itself, if it is one."""
    of = os.lstat(path)
    return of.st_mtime_ns, of.st_size


@dataclass(frozen=True)
class Plain:
    """What a test shows without a mutant."""

    problem: str = ""
    skip: str = ""  # why none of its cases runs
    skipped: tuple[str, ...] = ()  # the lines of the cases that do not run
    run: tuple[str, ...] = ()  # and of those that do

    def may_reject(self, case: str) -> bool:
        """Also if it has no line of the name: some are told when they fail only."""
        return any(case in line for line in self.run) or not any(
            case in line for line in self.skipped
        )


class Workshop:
    """A copy of the project with its objects, in which mutants are tried one after another."""

    def __init__(self, tree: Path) -> None:
        self.tree = tree.resolve()
        self.kept = self.tree.with_name(f"{tree.name}-kept")  # the build without a mutant

    def build(self, test: str) -> "subprocess.CompletedProcess[str]":
        """What the test needs, and no more."""
        path = test.partition(":")[0]
        if path.endswith(".py"):
            bugs = self.planted((self.tree / path).read_text())
            targets = ["all", *(f"build/faulty/{name}" for name in bugs)]
        else:
            targets = [f"build/{path}" if path.startswith("test-") else f"build/test/{path}"]
        environment = clean_environment(B="build")
        return run("make", "-j2", "WERROR=", *targets, cwd=self.tree, env=environment)

    def planted(self, test: str) -> list[str]:
        """The planted bugs that the text of a test names, alone or by their folder."""
        folders = re.findall(r'"faulty" / "(\w+)"', test)
        all_of = sorted((self.tree / "allocators" / "faulty").glob("*/*.c"))
        named = [b.stem for b in all_of if b.parent.name in folders or f'"{b.stem}"' in test]
        return named if "faulty" in test.lower() else []

    def prove(self, test: str, timeout: float, slow_too: bool) -> tuple[int, str]:
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

    def without(self, test: str, slow_too: bool) -> Plain:
        built = self.build(test)
        if built.returncode != 0:
            return Plain(f"{test} does not build without a mutant: {built.stderr}")
        code, output = self.prove(test, TIMEOUT, slow_too)
        (self.tree / "build").mkdir(exist_ok=True)
        mirror(self.tree / "build", self.kept)  # with what the test keeps there: Go's cache
        cases = re.findall("(?m)^ok .*", output)
        if code != 0 or not cases:
            return Plain(f"{test} fails without a mutant: {output}")
        skips = [found for line in cases if (found := re.search("# [Ss][Kk][Ii][Pp] (.*)", line))]
        lines = tuple(found.string for found in skips)
        run_here = tuple(line for line in cases if line not in lines)
        return Plain("", "" if run_here else skips[0][1], lines, run_here)

    def tried(self, m: Mutant, timeout: float, slow_too: bool) -> Outcome:
        """With the slow cases, it is tried again where chance may have let it live."""
        path = self.tree / m.file
        original, times = path.read_text(), path.stat()
        try:
            # Not within the tick of the clock in which the last object was made: make would not see it.
            time.sleep(0.02)
            path.write_text(m.applied(original))
            built = self.build(m.test)
            if built.returncode != 0:
                return Outcome(f"it does not build: {built.stderr}")
            failed: list[str] = []
            for number in range(1, (TRIES if slow_too else 1) + 1):
                _, output = self.prove(m.test, timeout, slow_too)
                # What is to be done yet fails without a mutant, too.
                failed += re.findall("(?m)^not ok (?!.*# TODO).*$", output)
                if any(m.case in name for name in failed):
                    return Outcome(late=f"rejected at try {number} only" if number > 1 else "")
            return Outcome(f"{m.test} must reject it in '{m.case}'; it failed in {failed}")
        except ValueError as error:
            return Outcome(f"it does not apply: {error}")
        finally:
            path.write_text(original)
            os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
            mirror(self.kept, self.tree / "build")  # as it was: nothing is built again


def try_those_of(
    test: str, wanted: list[Mutant], shop: Workshop, timeout: float
) -> dict[Mutant, Outcome]:
    """All of one test. The slow cases run for those alone that the others let live."""
    outcomes: dict[Mutant, Outcome] = {}
    for slow_too in (False, True):
        left = [m for m in wanted if m not in outcomes or outcomes[m] != Outcome()]
        if not left:
            break
        plain = shop.without(test, slow_too)
        if plain.problem:
            return {**outcomes, **dict.fromkeys(left, Outcome(plain.problem))}
        for m in left:
            if plain.skip:
                outcomes[m] = Outcome(skipped=f"{test} cannot run here: {plain.skip}")
            elif slow_too or plain.may_reject(m.case):
                outcomes[m] = shop.tried(m, timeout, slow_too)
    return outcomes


def try_all(wanted: list[Mutant], trees: list[Path], timeout: float = TIMEOUT) -> list[Outcome]:
    """The outcomes in the order of the mutants. Those of one test are tried in the same tree."""
    outcomes: dict[Mutant, Outcome] = {}
    idle: SimpleQueue[Workshop] = SimpleQueue()
    for tree in trees:
        idle.put(Workshop(tree))

    def in_an_idle_one(test: str) -> None:
        shop = idle.get()
        try:
            outcomes.update(
                try_those_of(test, [m for m in wanted if m.test == test], shop, timeout)
            )
        finally:
            idle.put(shop)

    with ThreadPoolExecutor(len(trees)) as pool:
        list(pool.map(in_an_idle_one, dict.fromkeys(m.test for m in wanted)))
    return [outcomes[m] for m in wanted]


@slow
class Mutants(DriverTest):
    def test_each_is_rejected(self) -> None:
        named = [m for m in mutants() if os.environ.get("ONLY", "") in m.promise]
        wanted = [m.narrowed() for m in named]
        trees = [self.directory / f"tree-{i}" for i in range(TREES)]
        for tree in trees:
            copy_tree(tree, programs=("faulty",))
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

    def test_no_case_is_named_by_what_its_first_words_hide(self) -> None:
        # TAP has the first words of a method in the place of its name, where there are any.
        for m in mutants():
            path = m.test.partition(":")[0]
            if not path.endswith(".py") or not m.case:
                continue
            methods = [
                f
                for f in ast.walk(ast.parse((ROOT / path).read_text()))
                if isinstance(f, ast.FunctionDef) and f.name.startswith("test") and m.case in f.name
            ]
            with self.subTest(m.promise):
                self.assertTrue(not methods or not all(map(ast.get_docstring, methods)), m.case)


TOY_TEST = """
import os, pathlib, time, unittest
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
    @unittest.skipUnless(os.environ.get("TEST_ALL"), "slow")
    def test_slow(self): self.assertEqual(words[-2], "three")
"""


class Runner(DriverTest):
    """The runner's own mutants: of a toy project, which is words in a file. Two tries are several."""

    def setUp(self) -> None:
        super().setUp()
        fewer = mock.patch.object(sys.modules[__name__], "TRIES", 2)
        fewer.start()
        self.addCleanup(fewer.stop)

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

    def test_one_that_a_slow_case_rejects_is_no_problem(self) -> None:
        for of in ("", ":Toy.test_slow"):
            self.assertEqual(self.outcome("two three", "two 3", "test_slow", of), Outcome())

    def test_what_was_built_is_as_before(self) -> None:
        here, there = self.directory / "here", self.directory / "there"
        for at, texts in (
            (here, {"a": "1", "b": "2", "c/d": "3"}),
            (there, {"a": "9", "e/f": "4"}),
        ):
            for name, text in texts.items():
                (at / name).parent.mkdir(parents=True, exist_ok=True)
                (at / name).write_text(text)
        (here / "l").symlink_to("a")
        for _ in range(2):
            mirror(here, there)
            found = {str(p.relative_to(there)): p for p in there.rglob("*") if not p.is_dir()}
            self.assertEqual(sorted(found), ["a", "b", "c/d", "l"])
            for name, path in found.items():
                self.assertEqual(path.read_text(), (here / name).read_text())
                self.assertEqual(age(path), age(here / name))

    def test_a_case_that_is_a_method_runs_alone(self) -> None:
        (self.directory / "t.py").write_text(TOY_TEST)
        for test, case, narrow in (
            ("t.py", "test_second", "t.py:Toy.test_second"),
            ("t.py:Toy", "second", "t.py:Toy.test_second"),
            ("t.py:Other", "second", "t.py:Other"),
            ("t.py", "test_s", "t.py"),  # is several
            ("t.py", "", "t.py"),
            ("t.py:Toy.test_end", "test_second", "t.py:Toy.test_end"),
            ("t", "test_second", "t"),
        ):
            m = Mutant("", "", "", "", test, case)
            self.assertEqual(m.narrowed(self.directory), replace(m, test=narrow))

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
