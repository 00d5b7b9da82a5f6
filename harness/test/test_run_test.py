"""scripts/run-test: what it says of a program and of cases in Python, and what it counts."""

import os
import re
import signal
import subprocess
import time
import unittest
from pathlib import Path
from typing import Any
from unittest import mock

from driving import ROOT, DriverTest, clean_environment, run, slow
from run_cases import late

# Longer than is asked for: the kernel counts in ticks.
SPIN = "import time\nwhile time.process_time() < 1.2: sum(range(100000))"
CASES = f"""
import subprocess, sys, unittest
class A(unittest.TestCase):
    def test_a(self): pass
    def test_spin(self): subprocess.run([sys.executable, "-c", {SPIN!r}], check=True)
class B(unittest.TestCase):
    def test_b(self):
        "What b is for."
    def test_c(self): pass
"""


SOME_SLOW = """
import sys, unittest
sys.path.insert(0, "harness/test")
from driving import slow
class A(unittest.TestCase):
    def test_quick(self): pass
    @slow
    def test_slow(self): pass
@slow
class B(unittest.TestCase):
    def test_one(self): pass
    def test_two(self): pass
"""


ENDS_THE_TIME = """
import os, sys, unittest
sys.path.insert(0, "harness/test")
from driving import slow
@slow
class A(unittest.TestCase):
    @classmethod
    def tearDownClass(cls): print("# the class is torn down")
    def test_first(self): os.environ["TEST_UNTIL"] = "1"
    def test_second(self): self.fail("is begun")
@slow
class B(unittest.TestCase):
    @classmethod
    def setUpClass(cls): raise OSError("is begun")
    def test_one(self): pass
"""


class RunTest(DriverTest):
    def executable(self, path: Path, script: str) -> None:
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\n{script}")
        path.chmod(0o755)

    def program(self, script: str, **more: Any) -> "subprocess.CompletedProcess[str]":
        self.executable(self.directory / "test" / "toy", script)
        environment = clean_environment(B=self.directory, **more)
        return run("scripts/run-test", "toy", cwd=ROOT, env=environment)

    def cases(
        self, *names: str, of: str = CASES, **more: Any
    ) -> "subprocess.CompletedProcess[str]":
        file = self.directory / "test_toy.py"
        file.write_text(of)
        test = f"{file}:{','.join(names)}" if names else file
        return run("scripts/run-test", test, cwd=ROOT, env=clean_environment(**more))

    def spent(self, said: str) -> float:
        """Seconds of CPU time."""
        found = re.search(
            r"(?m)^# \S+: \d+ s; CPU (\d+)m([\d.]+)s user, (\d+)m([\d.]+)s system$", said
        )
        self.assertTrue(found, said)
        assert found
        minutes, seconds, more, others = map(float, found.groups())
        return 60 * (minutes + more) + seconds + others

    def test_a_program(self) -> None:
        result = self.program("echo ok 1 - a; echo 1..1")
        self.assertEqual((result.returncode, result.stdout), (0, "ok 1 - a\n1..1\n"))
        for script, code, said in (
            ("echo 'not ok 1 - a'; echo '# seen 3'; exit 1", 1, "# toy: not ok 1 - a\n# seen 3\n"),
            ("echo ok 1 - a; exit 3", 3, "# toy: ended with exit code 3; the last result before: ok 1 - a"),
            ("echo ok 1 - a; kill -SEGV $$", 139, "# toy: killed by SIGSEGV; the last result before: ok 1 - a"),
        ):  # fmt: skip
            result = self.program(script)
            self.assertEqual(result.returncode, code)
            self.assertIn(said, result.stderr)

    def test_a_short_program_that_crosses_a_second_is_short(self) -> None:
        """By a clock that the test sets."""
        now = self.directory / "now"
        self.executable(
            self.directory / "bin" / "date",
            f"read -r ms <{now}\ncase $1 in\n+%s) echo $((ms / 1000)) ;;\n+%s%3N) echo $ms ;;\nesac\n",
        )
        path = f"{self.directory}/bin:{os.environ['PATH']}"
        for end, said in ((1000100, ""), (1001000, "# toy: 1 s; CPU ")):
            now.write_text("999900\n")
            result = self.program(f"echo ok 1 - a; echo {end} >{now}", PATH=path)
            self.assertEqual((result.returncode, result.stdout), (0, "ok 1 - a\n"))
            self.assertTrue(result.stderr.startswith(said) and bool(result.stderr) == bool(said))

    def test_what_a_program_leaves_running_is_not_waited_for(self) -> None:
        result = self.program("sleep 60 2>/dev/null & echo ok 1 - $!")
        left = int(result.stdout.split()[-1])
        self.assertEqual(result.returncode, 0)
        os.kill(left, signal.SIGKILL)  # it is there

    @slow
    def test_time_is_that_of_the_program_and_its_children(self) -> None:
        spin = f"/usr/bin/python3 -c '{SPIN}'"
        self.assertGreaterEqual(self.spent(self.program(f"({spin})").stderr), 1)

    @slow
    def test_time_is_that_of_the_cases_and_their_children(self) -> None:
        self.assertGreaterEqual(self.spent(self.cases().stderr), 1)

    def test_several_cases_of_a_file(self) -> None:
        """Each line has the name, and the first words, where there are some."""
        for names, lines in (
            (("A.test_a", "B.test_c"), ["test_a (test.A.test_a) ", "test_c (test.B.test_c) "]),
            (("B",), ["test_b (test.B.test_b) What b is for.", "test_c (test.B.test_c) "]),
        ):
            result = self.cases(*names)
            self.assertEqual(result.returncode, 0, result.stderr)
            found = re.findall(r"(?m)^ok \d+ (.*)$", result.stdout)
            self.assertEqual([line.removeprefix("- ") for line in found], lines)
        self.assertEqual(self.cases("C").returncode, 1)

    def test_slow_cases_are_left_out_or_alone(self) -> None:
        every = {"A.test_quick", "A.test_slow", "B.test_one", "B.test_two"}
        for asked, there, skipped in (
            ("", every, every - {"A.test_quick"}),
            ("1", every, set()),
            ("only", every - {"A.test_quick"}, set()),
        ):
            result = self.cases(of=SOME_SLOW, TEST_ALL=asked)
            self.assertEqual(result.returncode, 0, result.stderr)
            found = dict(
                re.findall(r"(?m)^ok \d+ (?:- )?\w+ \(test\.([\w.]+)\) ?(.*)$", result.stdout)
            )
            self.assertEqual(set(found), there, asked)
            why = " # SKIP in make test-all"
            self.assertEqual({case for case in found if found[case] == why}, skipped, asked)
        self.assertEqual(
            self.cases(TEST_ALL="only").returncode, 1, "it has none, and no other test"
        )

    def test_nothing_is_begun_when_the_time_is_over(self) -> None:
        why = "not begun: the MINUTES of make test-slow were over"
        for until, late in (("1", True), (f"{time.time() + 3600:.0f}", False)):
            limits = {"TEST_ALL": "only", "TEST_UNTIL": until}
            for result, said in (
                (self.cases(of=SOME_SLOW, **limits), "1..3"),
                (self.program("echo ok 1 - a; echo 1..1", **limits), "1..1"),
            ):
                self.assertEqual(result.returncode, 0, result.stderr)
                wanted = f"1..0 # SKIP {why}" if late else said
                self.assertIn(wanted, result.stdout.splitlines())
                self.assertEqual(f": skipped: {why}" in result.stderr, late)

    def test_no_case_is_begun_when_the_time_is_over(self) -> None:
        """Of a file that was begun, neither the next case nor the next class."""
        result = self.cases(
            of=ENDS_THE_TIME, TEST_ALL="only", TEST_UNTIL=f"{time.time() + 3600:.0f}"
        )
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        why = "not begun: the MINUTES of make test-slow were over"
        self.assertEqual(result.stdout.count("\nok "), 3)
        self.assertEqual(result.stdout.count(f"# SKIP {why}"), 2)
        self.assertIn(f"test_toy.py: 2 skipped: {why}", result.stderr)
        self.assertIn("the class is torn down", result.stdout)

    def test_a_name_that_is_wrong_is_an_error_where_slow_cases_run_alone(self) -> None:
        for names in (("A.test_slow", "B.typo"), ("Typo",)):
            result = self.cases(*names, of=SOME_SLOW, TEST_ALL="only")
            self.assertEqual(result.returncode, 1)
            self.assertIn(names[-1].rpartition(".")[2], result.stderr)

    def test_nothing_of_the_limit_is_handed_on(self) -> None:
        given = {"TEST_ALL": "only", "TEST_UNTIL": "1", "MINUTES": "3"}
        with mock.patch.dict(os.environ, given):
            handed = clean_environment()
        self.assertEqual({k: v for k, v in handed.items() if k in given}, {"TEST_ALL": "1"})

    def test_what_takes_long_is_not_begun_late(self) -> None:
        now = time.time()
        for left, takes, why in (
            (90, 1, None),
            (30, 1, "nearly over"),
            (30, 0, None),
            (-1, 0, " over"),
        ):
            with mock.patch.dict(os.environ, TEST_UNTIL=f"{now + left}"):
                with mock.patch("time.time", return_value=now):
                    said = late(takes)
            self.assertEqual(bool(said), bool(why))
            self.assertIn(why or "", said or "")


class Split(unittest.TestCase):
    """What make hands to prove."""

    def names_of(self, target: str, **more: Any) -> list[str]:
        of = f"$(TESTS_OF_{target})"
        build = os.environ.get("B", "build")
        env = clean_environment(B=build, SPANBENCH_LOCK=f"{ROOT}/{build}", **more)
        told = run("make", f"--eval=told: ; @echo '{of}'", "told", cwd=ROOT, env=env)
        self.assertEqual(told.returncode, 0, told.stderr)
        return told.stdout.split()

    def test_quick_and_slow_ones_are_all(self) -> None:
        quick, slow_ones, every = map(self.names_of, ("test", "test-slow", "test-all"))
        self.assertEqual(set(quick) | set(slow_ones), set(every))
        scripts = [name for name in every if name.endswith(".py")]
        with_slow = {s for s in scripts if re.search("(?m)^ *@slow$", (ROOT / s).read_text())}
        self.assertGreater(len(with_slow), 30)
        self.assertEqual(with_slow, {name for name in slow_ones if name.endswith(".py")})
        for name in ("workloads/timed/test_families", "test-asan/allocators/gomalloc/test_stress"):
            self.assertIn(name, quick)
            self.assertIn(name, slow_ones)

    def test_with_little_time_each_has_its_turn(self) -> None:
        orders = [self.names_of("test-slow", MINUTES=minutes) for minutes in ("", "", "1", "1")]
        self.assertEqual(orders[0], orders[1])
        self.assertNotEqual(orders[2], orders[3])
        for order in orders[1:]:
            self.assertEqual(sorted(order), sorted(orders[0]))


if __name__ == "__main__":
    unittest.main()
