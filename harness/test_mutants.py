"""Proves that the tests can fail: each mutant is the project with one promise broken by hand, and
the test named beside it must reject it. A mutant that does not apply, does not build, or passes is
a failure of this test; so is a test that fails without a mutant."""

import os
import subprocess
from dataclasses import dataclass

from driving import run
from test_build import Tree


@dataclass
class Mutant:
    promise: str
    file: str
    old: str
    new: str
    test: str


MUTANTS = [
    Mutant(
        "identity: malloc belongs to the object that the adapter names",
        "harness/cell/identity.c",
        "strncmp(base_name(has.path), claimed->object, strlen(claimed->object)) != 0",
        "false",
        "harness/test_failures.py:PlantedBugs",
    ),
    Mutant(
        "identity: a preload took effect",
        "harness/cell/identity.c",
        "!same_file(has.path, expected)",
        "false",
        "harness/test_cells.py:Identity",
    ),
    Mutant(
        "identity: nothing is preloaded that nobody asked for",
        "harness/cell/identity.c",
        "has.base != libc.base)\n            PROBLEM",
        "false)\n            PROBLEM",
        "harness/test_cells.py:Identity",
    ),
    Mutant(
        "identity: the record is of the announced object",
        "harness/attempt.c",
        "strcmp(r->object, object) != 0",
        "false",
        "harness/test_failures.py:BadCells.test_lie_about_identity",
    ),
    Mutant(
        "digest: different requests are not compared",
        "harness/run.c",
        "strcmp(run->digest[w], a->record.digest) == 0",
        "true",
        "harness/test_failures.py:BadCells.test_other_requests",
    ),
    Mutant(
        "digest: is of the requests",
        "workloads/replace.h",
        ".digest = (random | 1) * size",
        ".digest = 7 * size",
        "workloads/test_workloads",
    ),
    Mutant(
        "digest: is the same at every number of threads",
        "workloads/replace.h",
        "replace_random(s.seed, s.first_op + nth)",
        "replace_random(s.seed + s.slots, s.first_op + nth)",
        "workloads/test_workloads",
    ),
    Mutant(
        "balance: each block holds each row once",
        "harness/plan.c",
        "member[(i + block) % n]",
        "member[(i * block) % n]",
        "harness/test_plan",
    ),
    Mutant(
        "balance: each row takes each place",
        "harness/plan.c",
        "member[(i + block) % n]",
        "member[i]",
        "harness/test_plan",
    ),
    Mutant(
        "time-out: a child that hangs is ended",
        "harness/spawn.c",
        "end = SPAWN_TIMED_OUT;\n            break;",
        "wait = 1000;",
        "harness/test_spawn",
    ),
    Mutant(
        "no survivors: the child's own children are ended",
        "harness/spawn.c",
        "kill(-child, SIGKILL);",
        "(void)0;",
        "harness/test_spawn",
    ),
    Mutant(
        "no survivors: a killed driver takes its child along",
        "harness/spawn.c",
        "prctl(PR_SET_PDEATHSIG, SIGKILL);",
        "(void)0;",
        "harness/test_driver.py:Trouble.test_killed_driver_leaves_no_child",
    ),
    Mutant(
        "contents are checked before timing",
        "harness/run.c",
        "request.verify                 = true;",
        "request.verify                 = false;",
        "harness/test_failures.py:PlantedBugs",
    ),
    Mutant(
        "contents: every byte is compared",
        "workloads/replace.h",
        "if (block[at] != *want)",
        "if (false && block[at] != *want)",
        "harness/test_failures.py:PlantedBugs",
    ),
    Mutant(
        "alignment is checked",
        "workloads/replace.h",
        "(uintptr_t)block % alignment != 0",
        "false",
        "harness/test_failures.py:PlantedBugs",
    ),
    Mutant(
        "memory is written: live bytes are resident",
        "workloads/replace.h",
        "for (uint32_t at = REPLACE_PAGE; at < size; at += REPLACE_PAGE)\n        block[at]",
        "for (uint32_t at = REPLACE_PAGE; at < size && 0; at += REPLACE_PAGE)\n        block[at]",
        "harness/test_cells.py:SameWork.test_live_bytes_are_in_the_resident_set",
    ),
    Mutant(
        "disk: space is reserved before any sample",
        "harness/results.c",
        "if (!error && reserve)",
        "if (false)",
        "harness/test_driver.py:Trouble.test_full_disk_is_said_before_any_sample_runs",
    ),
]


class Mutants(Tree):
    def prove(self, *tests: str) -> "subprocess.CompletedProcess[str]":
        environment = {k: v for k, v in os.environ.items() if not k.startswith("MAKE")}
        environment["B"] = "build"
        command = ["prove", "--exec", "scripts/run-test", *tests]
        return run(*command, cwd=self.tree, env=environment)

    def test_each_mutant_is_rejected(self) -> None:
        flags = "CFLAGS=-O1 -w -Wno-error"
        self.assertEqual(self.make("tests", flags).returncode, 0)
        whole = self.prove(*sorted({m.test for m in MUTANTS}))
        self.assertEqual(whole.returncode, 0, f"the tests pass without a mutant: {whole.stdout}")
        for m in MUTANTS:
            with self.subTest(m.promise):
                path = self.tree / m.file
                original = path.read_text()
                self.assertEqual(original.count(m.old), 1, "the mutant applies at one place")
                path.write_text(original.replace(m.old, m.new))
                built = self.make("tests", flags)
                self.assertEqual(built.returncode, 0, f"it builds: {built.stderr}")
                result = self.prove(m.test)
                path.write_text(original)
                self.assertIn("Result: FAIL", result.stdout, f"{m.test} must fail: {m.promise}")
                self.assertNotIn("No subtests run", result.stdout)
