"""Proves that the tests can fail. A mutant is the project with one promise broken by hand, and the test
named beside it must reject it. A mutant that does not apply, does not build, passes, or fails in other
cases only, is a failure of this test. So is a test that fails without a mutant. What breaks a race shows
only when threads meet: a mutant has several TRIES. One without the slow cases comes first, for they are
seldom needed.

Most of the time went to what is the same for many mutants, so that is done once. What make does for a changed
file is written down and done again. A Python has loaded scipy and the like, and the tests are its copies. A program is
ended when it has rejected the mutant.

The mutants lie beside what they break, in files `mutants.py`, which are found:

    MUTANTS = [(promise, file, old, new, test, case), …]

EQUIVALENT, where it is, has those that no test can reject: (promise, file, old, new, reason).
`file` is a path from the root, and `old` a text that it has once. `test` is what scripts/run-test takes.
`case` is a part of the line of TAP of a case that must fail; "" is any. "BUG: …" needs no other planted bug. ONLY="a word" in the environment runs
the mutants whose promise has it."""

import ast
import itertools
import json
import os
import random
import re
import runpy
import select
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
from typing import Any, Iterable, Optional
from unittest import mock

from driving import BUILD, ROOT, DriverTest, clean_environment, copy_tree, run, slow
from run_cases import late

TIMEOUT = 1200  # seconds for a test
# For one that a mutant makes hang, if it takes less without: so many times as long, and seconds.
PATIENCE, AT_LEAST = 20, 60
TRIES = 9  # of a test to reject a mutant; more than one is seldom needed
TREES = 2  # copies of the project in which mutants are tried at once

# What is to be done yet fails without a mutant, too.
FAILURE = "(?m)^not ok (?!.*# TODO).*$"


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
        """With the one method that the case is, or whose first words it is, if there is one: no other need run."""
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
            if f.name.startswith("test") and self.case in f"{f.name}\n{first_words(f)}"
        ]
        return replace(self, test=found[0]) if len(found) == 1 else self


def text_of(path: Path, cases: str) -> str:
    """Of a file of tests, what CLASS.CASE uses: its class without other cases, and all that is named there, and there."""
    text = path.read_text()
    body = ast.parse(text).body
    parts: dict[str, list[ast.stmt]] = {}
    for node in body:
        for n in ast.walk(node) if isinstance(node, (ast.Assign, ast.AnnAssign)) else ():
            if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store):
                parts.setdefault(n.id, []).append(node)
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            parts[node.name] = [node]
    of_class, _, method = cases.partition(".")
    whole = next(iter(parts.get(of_class, [])), None)
    if not method or not isinstance(whole, ast.ClassDef):
        return text
    cases_of = (f for f in whole.body if isinstance(f, ast.FunctionDef))
    others = [f for f in cases_of if f.name.startswith("test") and f.name != method]
    found: list[ast.stmt] = []
    left: list[ast.AST] = [*whole.bases, *(n for n in whole.body if n not in others)]
    while left:
        part = left.pop()
        found += [part] if isinstance(part, ast.stmt) else []
        named = [n.id for n in ast.walk(part) if isinstance(n, ast.Name)]
        left += [p for name in named for p in parts.pop(name, []) if p is not whole]
    return "\n".join(ast.get_source_segment(text, node) or "" for node in found)


def first_words(method: ast.FunctionDef) -> str:
    """As TAP has them after the name."""
    return (ast.get_docstring(method) or "").partition("\n")[0].strip()


def lists(name: str) -> list[Any]:
    """All lists of that name, one after another."""
    files = sorted(p for p in ROOT.glob("[a-z]*/**/mutants.py") if BUILD not in p.parents)
    return [words for file in files for words in runpy.run_path(str(file)).get(name, [])]


def mutants() -> list[Mutant]:
    return [Mutant(*words) for words in lists("MUTANTS")]


def equivalent() -> list[Mutant]:
    return [Mutant(*[*words, ""]) for words in lists("EQUIVALENT")]


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
    there = {entry.name: entry for entry in os.scandir(target)}
    for name, entry in there.items():
        if name not in wanted:
            shutil.rmtree(entry) if entry.is_dir(follow_symlinks=False) else os.unlink(entry)
    for name, entry in wanted.items():
        at = target / name
        if entry.is_dir(follow_symlinks=False):
            mirror(Path(entry.path), at)
        elif not (name in there and age(entry) == age(there[name])):
            at.unlink(missing_ok=True)
            shutil.copy2(entry.path, at, follow_symlinks=False)


def age(path: "os.DirEntry[str] | Path") -> tuple[int, int]:
    """And size: of the link itself, if it is one."""
    of = os.lstat(path)
    return of.st_mtime_ns, of.st_size


# Nothing is built of these: tests and commands read them as they are.
NOT_BUILT = (".css", ".html", ".js", ".mjs", ".py")
# Of these, make does the same whatever is in them. It reads the comments of adapters and planted bugs, and the version in
# an allocator's header.
COMPILED = re.compile(r"(?!allocators/([^/]+|faulty/.*|(\w+)/\2\.h)$).*\.(c|cc|h)")


def commands_of(output: str) -> str:
    """What make did, for a shell. With V=1 it prints that, and a few words of its own."""
    return "".join(
        line
        for line in output.splitlines(keepends=True)
        if not re.match(r"make(\[\d+\])?: |skipped: ", line)
    )


def file_of(test: str) -> str:
    return test.partition(":")[0]


def together(tests: Iterable[str]) -> str:
    """As scripts/run-test takes them: the cases of one file, each once."""
    tests = dict.fromkeys(tests)
    path = file_of(next(iter(tests)))
    cases = [test.partition(":")[2] for test in tests]
    if path in tests:
        return path
    return f"{path}:" + ",".join(
        c for c in cases if c.partition(".")[0] not in cases or "." not in c
    )


def lines_of(test: str, output: str) -> list[str]:
    """Of the TAP of the file's cases, those of this test alone."""
    lines = re.findall("(?m)^(?:not )?ok .*", output)
    of_class, _, method = test.partition(":")[2].partition(".")
    if not of_class:
        return lines
    whole = rf"\(test\.{of_class}(\.{method})?\)" if method else rf"\(test\.{of_class}[.)]"
    return [line for line in lines if re.search(whole, line)]


@dataclass(frozen=True)
class Plain:
    """What a test shows without a mutant."""

    problem: str = ""
    skip: str = ""  # why none of its cases runs
    slow: tuple[str, ...] = ()  # the names of its slow cases
    skipped: tuple[str, ...] = ()  # the lines of the cases that do not run
    run: tuple[str, ...] = ()  # and of those that do

    @staticmethod
    def of(test: str, code: int, output: str) -> "Plain":
        """From what the test's file printed. Another case that fails says nothing of this one."""
        cases = lines_of(test, output)
        good = [line for line in cases if line.startswith("ok ")]
        explained = code == 0 or re.search(FAILURE, output)
        if not good or not explained or any(re.search(FAILURE, line) for line in cases):
            return Plain(f"{test} fails without a mutant: {output}")
        skips = [found for line in good if (found := re.search("# [Ss][Kk][Ii][Pp] (.*)", line))]
        lines = tuple(found.string for found in skips)
        run_here = tuple(line for line in good if line not in lines)
        slow_ones = (re.fullmatch(r"ok \d+ - (.*) # SKIP in make test-all", s) for s in lines)
        names = tuple(found[1] for found in slow_ones if found)
        return Plain("", "" if run_here else skips[0][1], names, lines, run_here)

    def may_reject(self, case: str) -> bool:
        """Also if it has no line of the name: some are told when they fail only."""
        if any(case in line for line in self.run):
            return True
        return not self.slow_of(case) and not any(case in line for line in self.skipped)

    def slow_of(self, case: str) -> list[str]:
        """The slow cases that a line of this begin belongs to."""
        return [name for name in self.slow if case.startswith(f"{name}:")]


# What tests import that is not of the project.
LOADED = ("jsonschema", "numpy", "scipy.stats", "statsmodels.stats.multitest", "tap")
# Reads tests from its input, one after the other, and says the number of the process that each is, and how it ended.
COPIES = """
import importlib, json, os, sys
for name in sys.argv[1:]:
    try:
        importlib.import_module(name)
    except ImportError:
        continue  # who needs it will say so
own = [m for m in sys.modules.values() if str(getattr(m, "__file__", "")).startswith(os.getcwd() + "/")]
assert not own, own  # mutants of these would live
for line in sys.stdin:
    asked = json.loads(line)
    child = os.fork()
    if child == 0:
        os.setsid()
        null = os.open(os.devnull, os.O_RDWR)
        for number, of in enumerate((null, os.open(asked["out"], os.O_WRONLY), null)):
            os.dup2(of, number)
        os.environ.clear()
        os.environ.update(asked["environment"])
        sys.argv[1:] = [asked["test"]]
        import run_cases
        sys.exit(run_cases.main(asked["test"]))
    print(child, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


class Copies:
    """A Python that has loaded what is not of the project. Tests are copies of it, where scripts/run-test would begin with
    an empty one."""

    def __init__(self, tree: Path, modules: tuple[str, ...]) -> None:
        self.process = subprocess.Popen(
            ["/usr/bin/python3", "-B", "-c", COPIES, *modules],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
            cwd=tree,
            env=self.environment(),
        )

    @staticmethod
    def environment(**more: str) -> dict[str, str]:
        """As scripts/run-test gives it."""
        path = "scripts:harness/test"
        return clean_environment(
            PYTHONPATH=path, OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1", **more
        )

    def run(self, test: str, out: str, timeout: float, **more: str) -> int:
        """Its exit code; that of SIGKILL if the time is over."""
        assert self.process.stdin and self.process.stdout
        asked = {"test": test, "out": out, "environment": self.environment(**more)}
        self.process.stdin.write(json.dumps(asked).encode() + b"\n")
        child = self.number()
        if not select.select([self.process.stdout], [], [], timeout)[0]:
            os.killpg(child, signal.SIGKILL)
        return self.number()

    def number(self) -> int:
        """The next that it says. Nothing is read ahead, which select would not see."""
        assert self.process.stdout
        said = self.process.stdout.readline()
        if not said:
            raise RuntimeError("the Python that tests are copies of has ended")
        return int(said)

    def end(self) -> None:
        self.process.communicate()


class Workshop:
    """A copy of the project with its objects, in which mutants are tried one after another. Its Python has loaded these
    modules."""

    def __init__(self, tree: Path, modules: tuple[str, ...] = ()) -> None:
        self.tree = tree.resolve()
        self.kept = self.tree.with_name(f"{tree.name}-kept")  # the build without a mutant
        self.modules = modules
        self.second = 0
        # Seconds of a file's tests, without and with the slow ones.
        self.usual: dict[tuple[str, bool], float] = {}
        self.copies: Optional[Copies] = None
        # What make did when that file had changed, to have these targets.
        self.commands: dict[tuple[str, tuple[str, ...]], str] = {}

    def end(self) -> None:
        if self.copies:
            self.copies.end()

    def build(self, those: list[Mutant], changed: str = "") -> "subprocess.CompletedProcess[str]":
        """What the tests of one file need, and no more. If a file has changed, and nothing else since the last build, what
        make did then is what it would do."""
        path = file_of(those[0].test)
        if path.endswith(".py"):
            bugs = sorted({name for m in those for name in self.planted(m)})
            targets = ["all", *(f"build/faulty/{name}" for name in bugs)]
        else:
            targets = [f"build/{path}" if path.startswith("test-") else f"build/test/{path}"]
        options: dict[str, Any] = {"cwd": self.tree, "env": clean_environment(B="build")}
        known = self.commands.get((changed, tuple(targets)), "")
        if known:
            done = run("sh", "-e", input=known, **options)
            if done.returncode == 0:
                return done  # if not, make says it better
        made = run("make", "-j2", "V=1", "WERROR=", *targets, **options)
        if made.returncode == 0 and COMPILED.fullmatch(changed):
            self.commands[changed, tuple(targets)] = commands_of(made.stdout)
        return made

    def planted(self, m: Mutant) -> list[str]:
        """The planted bugs that the test names, alone or by their folder. Of these, that of the case "BUG: …"."""
        path, _, cases = m.test.partition(":")
        text = text_of(self.tree / path, cases)
        folders = re.findall(r'"faulty" / "(\w+)"', text)
        all_of = sorted((self.tree / "allocators" / "faulty").glob("*/*.c"))
        named = [b.stem for b in all_of if b.parent.name in folders or f'"{b.stem}"' in text]
        alone = [name for name in named if m.case.startswith(f"{name}: ")]
        return (alone or named) if re.search('FAULTY|BUILD / "faulty"', text) else []

    def prove(
        self,
        test: str,
        timeout: float,
        slow_too: bool,
        only: Iterable[str] = (),
        case: Optional[str] = None,
    ) -> tuple[int, str]:
        """The test's exit code and output. `only`: names of cases; a test may leave others out. `case`: no more is
        asked than that one fails. The output goes to a file: a pipe would stay open for as long as what a mutant
        leaves running."""
        path = self.tree / "tap"
        path.write_text("")
        which = {"TEST_ALL": "1" if slow_too else "", "TEST_ONLY": "\n".join(only)}
        if file_of(test).endswith(".py"):
            self.copies = self.copies or Copies(self.tree, self.modules)
            code = self.copies.run(test, str(path), timeout, B="build", **which)
        else:
            code = self.program(test, path, timeout, case, **which)
        self.end_leftovers()
        return code, path.read_text(errors="replace")

    def program(
        self, test: str, path: Path, timeout: float, case: Optional[str], **more: str
    ) -> int:
        with path.open("w") as out:
            process = subprocess.Popen(
                ["scripts/run-test", test],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.DEVNULL,
                cwd=self.tree,
                env=clean_environment(B="build", **more),
                start_new_session=True,
            )
        if self.leaves_files(test):
            case = None
        end = time.monotonic() + timeout
        while process.poll() is None:
            # The last line may not be whole yet.
            told = path.read_text(errors="replace").rpartition("\n")[0]
            if time.monotonic() > end:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
            elif case is not None and any(case in line for line in re.findall(FAILURE, told)):
                self.end_leftovers()  # not run-test: it has yet to count the program's CPU time
            time.sleep(0.01)
        return process.returncode

    def leaves_files(self, test: str) -> bool:
        """If it is not let run to its end."""
        source = self.tree / f"{re.sub('^test[^/]*/', '', test)}.c"
        return source.exists() and '"/tmp/' in source.read_text()

    def end_leftovers(self) -> None:
        """A mutant that loses its children leaves them running."""
        for process in Path("/proc").glob("[0-9]*"):
            try:
                if os.readlink(process / "exe").startswith(f"{self.tree}/"):
                    os.kill(int(process.name), signal.SIGKILL)
            except OSError:  # it has ended, or is none of ours
                continue

    def without(
        self, those: list[Mutant], slow_too: bool, only: Iterable[str] = ()
    ) -> dict[str, Plain]:
        """The tests of these, which are of one file, in one process."""
        tests = list(dict.fromkeys(m.test for m in those))
        path = file_of(tests[0])
        built = self.build(those)
        if built.returncode != 0:
            problem = f"{path} does not build without a mutant: {built.stderr}"
            return dict.fromkeys(tests, Plain(problem))
        begin = time.monotonic()
        code, output = self.prove(together(tests), TIMEOUT, slow_too, only)
        self.usual[path, slow_too] = time.monotonic() - begin
        (self.tree / "build").mkdir(exist_ok=True)
        mirror(self.tree / "build", self.kept)  # with what the test keeps there: Go's cache
        return {test: Plain.of(test, code, output) for test in tests}

    def tried(self, m: Mutant, timeout: float, slow_too: bool, only: Iterable[str] = ()) -> Outcome:
        """With the slow cases, it is tried again where chance may have let it live."""
        path = self.tree / m.file
        original, times = path.read_text(), path.stat()
        patience = min(timeout, AT_LEAST + PATIENCE * self.usual[file_of(m.test), slow_too])
        try:
            changed = m.applied(original)
            # Not within the tick of the clock in which the last object was made: make would not see it.
            time.sleep(0.02)
            path.write_text(changed)
            if m.file.endswith(NOT_BUILT):
                # Python knows what it has compiled by the second and the size of the source: each has a second of its own.
                self.second += 1
                os.utime(path, (self.second, self.second))
            else:
                built = self.build([m], m.file)
                if built.returncode != 0:
                    return Outcome(f"it does not build: {built.stderr}")
            failed: list[str] = []
            for number in range(1, (TRIES if slow_too else 1) + 1):
                _, output = self.prove(m.test, patience, slow_too, only, m.case)
                failed += re.findall(FAILURE, output)
                if any(m.case in name for name in failed):
                    return Outcome(late=f"rejected at try {number} only" if number > 1 else "")
            return Outcome(f"{m.test} must reject it in '{m.case}'; it failed in {failed}")
        except ValueError as error:
            return Outcome(f"it does not apply: {error}")
        finally:
            path.write_text(original)
            os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
            mirror(self.kept, self.tree / "build")  # as it was: nothing is built again


def try_those_of(wanted: list[Mutant], shop: Workshop, timeout: float) -> dict[Mutant, Outcome]:
    """All of one file of tests. The slow cases run for those alone that the others let live."""
    outcomes: dict[Mutant, Outcome] = {}
    left = wanted
    # Names of cases that alone are asked for; none: all are. Of a program they are known when the slow ones were skipped.
    only = {m: [m.case] if m.case and file_of(m.test).endswith(".py") else [] for m in wanted}
    for slow_too in (False, True):
        of_any = [name for m in left for name in only[m]] if all(only[m] for m in left) else []
        plain = shop.without(left, slow_too, of_any) if left and not late() else {}
        tried: list[Mutant] = []
        for m in itertools.takewhile(lambda _: not late(), left):
            tried.append(m)
            without = plain[m.test]
            if without.problem:
                outcomes[m] = Outcome(without.problem)
            elif without.skip:
                outcomes[m] = Outcome(skipped=f"{m.test} cannot run here: {without.skip}")
            elif slow_too or without.may_reject(m.case):
                outcomes[m] = shop.tried(m, timeout, slow_too, only[m])
            only[m] += without.slow_of(m.case)
        again = [m for m in tried if outcomes.get(m) != Outcome() and not plain[m.test].problem]
        left = left[len(tried) :] + (again if not slow_too else [])
        if over := late():
            lived = [m for m in left if "must reject it" in outcomes.get(m, Outcome()).problem]
            unknown = [*lived, *(m for m in left if m not in outcomes)]
            outcomes.update(dict.fromkeys(unknown, Outcome(skipped=over)))
            break
    return outcomes


def in_turn(files: Iterable[list[Mutant]]) -> list[list[Mutant]]:
    """Those of most mutants first, which makes the end short. Where time may be over before, it is by chance: each has
    its turn in some run."""
    in_order = sorted(files, key=len, reverse=True)
    if until := os.environ.get("TEST_UNTIL"):
        random.Random(until).shuffle(in_order)
    return in_order


def try_all(
    wanted: list[Mutant],
    trees: list[Path],
    timeout: float = TIMEOUT,
    modules: tuple[str, ...] = (),
) -> list[Outcome]:
    """The outcomes in the order of the mutants. Those of one file of tests are tried in the same tree."""
    outcomes: dict[Mutant, Outcome] = {}
    shops = [Workshop(tree, modules) for tree in trees]
    idle: SimpleQueue[Workshop] = SimpleQueue()
    for shop in shops:
        idle.put(shop)
    of_file: dict[str, list[Mutant]] = {}
    for m in wanted:
        of_file.setdefault(file_of(m.test), []).append(m)

    def in_an_idle_one(those: list[Mutant]) -> None:
        shop = idle.get()
        try:
            outcomes.update(try_those_of(those, shop, timeout))
        finally:
            idle.put(shop)

    try:
        with ThreadPoolExecutor(len(trees)) as pool:
            list(pool.map(in_an_idle_one, in_turn(of_file.values())))
    finally:
        for shop in shops:
            shop.end()
    return [outcomes[m] for m in wanted]


@slow
class Mutants(DriverTest):
    def test_each_is_rejected(self) -> None:
        named = [m for m in mutants() if os.environ.get("ONLY", "") in m.promise]
        wanted = [m.narrowed() for m in named]
        trees = [self.directory / f"tree-{i}" for i in range(TREES)]
        for tree in trees:
            copy_tree(tree, programs=("faulty",))
        for m, outcome in zip(wanted, try_all(wanted, trees, modules=LOADED)):
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
        """Also those that no test can reject."""
        for m in mutants() + equivalent():
            with self.subTest(m.promise):
                self.assertNotEqual(m.applied((ROOT / m.file).read_text()), "")

    def test_each_case_that_has_the_name_of_a_method_is_there(self) -> None:
        for m in mutants():
            path = file_of(m.test)
            if path.endswith(".py") and re.fullmatch(r"test_\w+", m.case):
                with self.subTest(m.promise):
                    self.assertRegex((ROOT / path).read_text(), rf"def {m.case}")

    def test_each_class_and_method_that_a_test_names_is_there(self) -> None:
        for m in mutants():
            path, _, cases = m.test.partition(":")
            for name in filter(None, cases.split(".")):
                with self.subTest(m.promise):
                    self.assertRegex((ROOT / path).read_text(), rf"(class|def) {name}\(")


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
    def test_slow(self):
        'Is it long ago?'
        self.assertEqual(words[-2], "three")
"""


class Runner(DriverTest):
    """The runner's own mutants: of a toy project, which is words in a file. Two tries are several."""

    def setUp(self) -> None:
        super().setUp()
        fewer = mock.patch.object(sys.modules[__name__], "TRIES", 2)
        fewer.start()
        self.addCleanup(fewer.stop)
        in_time = mock.patch.dict(os.environ, TEST_UNTIL="")
        in_time.start()
        self.addCleanup(in_time.stop)

    def toy(self, words: str) -> Path:
        tree = self.directory / "toy"
        (tree / "scripts").mkdir(parents=True)
        (tree / "harness" / "test").mkdir(parents=True)
        for file in ("scripts/run-test", "harness/test/run_cases.py"):
            shutil.copy(ROOT / file, tree / file)
        (tree / "Makefile").write_text("all:\n\t@! grep -q broken toy.txt\n")
        (tree / "toy.txt").write_text(words)
        (tree / "test_toy.py").write_text(TOY_TEST)
        return tree

    def outcome(self, old: str, new: str, case: str, of: str = "", words: str = "") -> Outcome:
        tree = self.toy(words or "one two three three")
        test = "test_toy.py" + of
        (outcome,) = try_all([Mutant("", "toy.txt", old, new, test, case)], [tree])
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
            ("t.py", "Is it long", "t.py:Toy.test_slow"),
        ):
            m = Mutant("", "", "", "", test, case)
            self.assertEqual(m.narrowed(self.directory), replace(m, test=narrow))

    def test_what_a_case_uses(self) -> None:
        (self.directory / "t.py").write_text(
            "A = 1\nB: int = A\nUNUSED = 2\ndef f(): return g(B)\ndef g(x): return f\ndef h(): pass\n"
            "class Base: own = 3\nclass Toy(Base):\n    def helper(self): f()\n"
            "    def test_a(self): pass\n    def test_b(self): h()\n"
        )
        text = text_of(self.directory / "t.py", "Toy.test_a")
        for word in ("A = 1", "B: int", "def f", "def g", "own = 3", "helper", "test_a"):
            self.assertIn(word, text)
        for word in ("UNUSED", "def h()", "test_b"):
            self.assertNotIn(word, text)
        for cases in ("", "Toy"):
            self.assertIn("UNUSED", text_of(self.directory / "t.py", cases))

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
        """Soon, for what the test takes without it is known."""
        given: list[float] = []
        prove = Workshop.prove

        def noted(shop: Workshop, test: str, timeout: float, *more: Any) -> tuple[int, str]:
            given.append(timeout)
            return prove(shop, test, min(timeout, TIMEOUT / 10), *more)

        with mock.patch.multiple(sys.modules[__name__], PATIENCE=2, AT_LEAST=1):
            with mock.patch.object(Workshop, "prove", noted):
                outcome = self.outcome("two", "two hang", "", ":Toy.test_end")
        self.assertIn("must reject it", outcome.problem)
        self.assertEqual(given[0], TIMEOUT)
        self.assertLess(max(t for t in given if t != TIMEOUT), TIMEOUT / 10)
        self.assertEqual(given.count(TIMEOUT), 2)  # without the mutant, twice

    def test_one_that_does_not_apply_at_one_place_is(self) -> None:
        self.assertIn("0 times", self.outcome("four", "4", "").problem)
        self.assertIn("2 times", self.outcome("three", "3", "").problem)

    def test_one_that_does_not_build_is(self) -> None:
        self.assertIn("does not build", self.outcome("one", "broken", "test_first").problem)

    def several(self, *cases: str, file: str = "toy.txt") -> tuple[list[Outcome], list[str], int]:
        """The outcomes of a mutant of each method, the tests that ran, and how often something was built."""
        tree = self.toy("one 2 three three")  # test_second fails without a mutant
        ran: list[str] = []
        prove, build = Workshop.prove, Workshop.build

        def noted(
            shop: Workshop, test: str, timeout: float, slow_too: bool, *more: Any
        ) -> tuple[int, str]:
            ran.append(test.partition(":")[2] + " slow" * slow_too)
            return prove(shop, test, timeout, slow_too, *more)

        with mock.patch.object(Workshop, "prove", noted):
            with mock.patch.object(Workshop, "build", autospec=True, side_effect=build) as built:
                wanted = [
                    Mutant(f"{i}", file, "words = ", "words = [] and ", f"test_toy.py:{case}", "")
                    if file.endswith(".py")
                    else Mutant(f"{i}", file, "one", "1", f"test_toy.py:{case}", "")
                    for i, case in enumerate(cases)
                ]
                return try_all(wanted, [tree]), ran, built.call_count

    @slow
    def test_a_file_runs_once_without_a_mutant(self) -> None:
        outcomes, ran, built = self.several("Toy.test_first", "Toy.test_end", "Toy.test_first")
        self.assertEqual([not o.problem for o in outcomes], [True, False, True])
        alone = ["Toy.test_first", "Toy.test_end", "Toy.test_first"]
        later = ["Toy.test_end slow"] * (1 + 2)  # without a mutant, and each of the tries
        self.assertEqual(ran, ["Toy.test_first,Toy.test_end", *alone, *later])
        self.assertEqual(built, 1 + 3 + 1 + 1)

    def test_what_is_built_of_nothing_is_not_built_again(self) -> None:
        outcomes, ran, built = self.several("Toy.test_first", file="test_toy.py")
        self.assertEqual((outcomes, len(ran), built), ([Outcome()], 2, 1))

    @slow
    def test_another_case_of_the_file_says_nothing_of_this_one(self) -> None:
        """Neither if it fails without a mutant, nor if it is skipped, nor if its name begins likewise."""
        first, second, skipped, _ = self.several(
            "Toy.test_first", "Toy.test_second", "Toy.test_skipped", "Toy.test_end"
        )[0]
        self.assertEqual(first, Outcome())
        self.assertIn("fails without a mutant", second.problem)
        self.assertIn("never here", skipped.skipped)
        text = "ok 1 test_a (test.T.test_a)\nnot ok 2 test_ab (test.T.test_ab)\nok 3 test_a (test.Ta.test_a)\n"
        self.assertEqual(Plain.of("t.py:T.test_a", 1, text).run, (text.split("\n")[0],))
        self.assertEqual(Plain.of("t.py:Ta", 1, text).run, (text.split("\n")[2],))
        for test, code, printed in (
            ("t.py:T", 1, text),
            ("t.py", 1, text),
            ("t.py:T.test_ab", 1, text),
            ("t.py:T.test_b", 1, text),
            ("t.py:Ta", 1, text.replace("not ok", "ok")),  # no case says why
        ):
            self.assertIn("fails without", Plain.of(test, code, printed).problem, test)

    def test_what_make_did_is_done_again_without_it(self) -> None:
        """The second mutant of a file needs no make, and one of which make reads more than the age does."""
        tree = self.toy("")
        rule = "build/copy: toy.c allocators/toy.c\n\tcat $^ >$@\n\t@echo >>makes\n"
        (tree / "Makefile").write_text(f"all: build/copy\n{rule}")
        (tree / "build").mkdir()
        (tree / "allocators").mkdir()
        for file in ("toy.c", "allocators/toy.c"):
            (tree / file).write_text("one\n")
        (tree / "test_toy.py").write_text(
            "import pathlib, unittest\nclass Toy(unittest.TestCase):\n"
            "    def test(self): self.assertEqual(pathlib.Path('build/copy').read_text(), 'one\\none\\n')\n"
        )
        for file, made in (("toy.c", 2), ("allocators/toy.c", 4)):
            (tree / "makes").write_text("")
            wanted = [Mutant(word, file, "one", word, "test_toy.py", "") for word in "123"]
            self.assertEqual(try_all(wanted, [tree]), [Outcome()] * 3, file)
            shutil.rmtree(tree / "build")
            (tree / "build").mkdir()
            self.assertEqual(len((tree / "makes").read_text()), made, file)

    def compiled(self, main: str) -> Workshop:
        """A project with a program, which prints TAP."""
        tree = self.toy("")
        program = tree / "build" / "test" / "toy"
        program.parent.mkdir(parents=True)
        source = f'#include "tap.h"\n#include <unistd.h>\nint main(void) {{ {main} }}\n'
        words = ["-include", "stddef.h", f"-I{ROOT / 'harness' / 'test'}", "-x", "c", "-"]
        built = run("cc", "-D_GNU_SOURCE", "-o", program, *words, input=source)
        self.assertEqual(built.returncode, 0, built.stderr)
        return Workshop(tree)

    def test_a_program_ends_when_it_has_rejected(self) -> None:
        shop = self.compiled('OK(false, "one"); OK(false, "two"); OK(true, "three"); pause();')
        for case, code in (("two", 128 + signal.SIGKILL), ("three", -signal.SIGKILL)):
            self.assertEqual(
                shop.prove("toy", 60 if case == "two" else 1, False, (), case)[0], code
            )

    def test_of_slow_cases_those_that_are_named(self) -> None:
        shop = self.compiled(
            'const char *name[] = {"a", "ab", "b c"};'
            'for (int i = 0; i < 3; i++) if (!tap_slow(name[i])) OK(true, "%s", name[i]);'
            "return tap_done();"
        )
        for slow_too, only, ran in (
            (False, (), []),
            (False, ("a",), []),
            (True, (), ["a", "ab", "b c"]),
            (True, ("ab",), ["ab"]),
            (True, ("b c", "a"), ["a", "b c"]),
        ):
            _, output = shop.prove("toy", TIMEOUT, slow_too, only)
            self.assertEqual(re.findall(r"(?m)^ok \d - ([^#\n]*)$", output), ran)
        text = shop.prove("toy", TIMEOUT, False)[1]
        self.assertEqual(Plain.of("toy", 0, text + "ok 4 - d\n").slow, ("a", "ab", "b c"))

    def test_cases_of_a_file_are_named_once(self) -> None:
        for tests, said in (
            (["t.py:A.a", "t.py:B.b", "t.py:A.a"], "t.py:A.a,B.b"),
            (["t.py:A.a", "t.py:A", "t.py:AB.a"], "t.py:A,AB.a"),
            (["t.py:A.a", "t.py"], "t.py"),
            (["test-asan/t"], "test-asan/t"),
        ):
            self.assertEqual(together(tests), said)

    def test_a_test_that_fails_by_itself_is(self) -> None:
        outcome = self.outcome("one", "1", "test_first", words="one 2")
        self.assertIn("fails without a mutant", outcome.problem)

    def test_none_is_begun_when_the_time_is_over(self) -> None:
        """What is not tried is skipped, and what was tried is said."""
        for looks, skipped in ((0, (True, True)), (2, (False, True)), (9, (False, False))):
            answers = itertools.chain([None] * looks, itertools.repeat("over"))
            with mock.patch.object(sys.modules[__name__], "late", lambda: next(answers)):
                outcomes = self.several("Toy.test_first", "Toy.test_first")[0]
            wanted = [Outcome(skipped="over") if of else Outcome() for of in skipped]
            self.assertEqual(outcomes, wanted, looks)
            shutil.rmtree(self.directory / "toy")

    def test_one_that_lived_is_no_failure_before_its_slow_cases_ran(self) -> None:
        over = iter([None, None, *["over"] * 9])
        with mock.patch.object(sys.modules[__name__], "late", lambda: next(over)):
            (outcome,) = self.several("Toy.test_end")[0]
        self.assertEqual(outcome, Outcome(skipped="over"))

    def test_one_that_does_not_build_is_a_failure_whatever_the_time(self) -> None:
        over = iter([None, None, *["over"] * 9])
        with mock.patch.object(sys.modules[__name__], "late", lambda: next(over)):
            self.assertIn("build", self.outcome("one", "broken", "test_first").problem)

    def test_with_little_time_each_has_its_turn(self) -> None:
        files = [[Mutant(f"{i}", "", "", "", "", "")] * i for i in range(1, 9)]
        self.assertEqual(in_turn(files), files[::-1])
        orders = []
        for until in ("1", "2", "2"):
            with mock.patch.dict(os.environ, TEST_UNTIL=until):
                orders.append(in_turn(files))
            self.assertEqual(sorted(orders[-1], key=len), files)
        self.assertNotEqual(orders[0], orders[1])
        self.assertEqual(orders[1], orders[2])

    def test_a_test_that_cannot_run_is_skipped_with_its_reason(self) -> None:
        self.assertIn("never here", self.outcome("one", "1", "", ":Toy.test_skipped").skipped)


if __name__ == "__main__":
    unittest.main()
