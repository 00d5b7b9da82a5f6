"""Proves that the tests can fail: each mutant is the project with one promise broken by hand, and
the test case named beside it must reject it. A mutant that does not apply, does not build, passes,
or fails in other cases only, is a failure of this test; so is a test that fails without a mutant."""

import os
import re
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path

from test_build import Tree


@dataclass
class Mutant:
    promise: str
    file: str
    old: str
    new: str
    test: str
    case: str  # part of the name of a case that must fail


SAMPLE = "harness/cell/test_sample"
USAGE = "harness/cell/test_usage"
IDENTITY = "harness/cell/test_identity"
WORKLOADS = "workloads/timed/test_workloads"

MUTANTS = [
    Mutant(
        "identity: malloc belongs to the object that the adapter names",
        "harness/cell/identity.c",
        "strncmp(base_name(has.path), claimed->object, strlen(claimed->object)) != 0",
        "false",
        IDENTITY,
        "but not under another name",
    ),
    Mutant(
        "identity: a preload took effect",
        "harness/cell/identity.c",
        "!same_file(has.path, expected)",
        "false",
        IDENTITY,
        "a preload that is not there is an error",
    ),
    Mutant(
        "identity: nothing is preloaded that nobody asked for",
        "harness/cell/identity.c",
        "has.base != libc.base)\n            PROBLEM",
        "false)\n            PROBLEM",
        "harness/test/test_cells.py:Identity.test_preload_that_nobody_asked_for_is_an_error",
        "test_preload_that_nobody_asked_for_is_an_error",
    ),
    Mutant(
        "identity: an allocator is not in the cell itself",
        "harness/cell/identity.c",
        "has.base == cell.base && !(claimed->flags",
        "has.base == cell.base && !(~claimed->flags",
        IDENTITY,
        "an allocator may not be in the cell itself",
    ),
    Mutant(
        "identity: the stats of a preloaded library are not read",
        "harness/cell/identity.c",
        " && !misread",
        "",
        IDENTITY,
        "its stats could be misread",
    ),
    Mutant(
        "identity: the record is of the announced object",
        "harness/bench/sample.c",
        "strcmp(r->object, object) != 0",
        "false",
        "harness/test/test_bench_failures.py:BadCells.test_lie_about_identity",
        "test_lie_about_identity",
    ),
    Mutant(
        "digest: is of the requests",
        "workloads/timed/replace.h",
        ".digest = (random | 1) * size",
        ".digest = 7 * size",
        WORKLOADS,
        "single operations have digests of their own",
    ),
    Mutant(
        "same work: the timed requests are the same at every number of threads",
        "workloads/timed/replace.h",
        ".first = w->first_op,",
        ".first = w->thread,",
        WORKLOADS,
        "the same timed requests",
    ),
    Mutant(
        "seeds: neighbours have nothing in common",
        "workloads/timed/replace.h",
        "return replace_mix(of_seed ^ ((uint64_t)purpose << 32 | thread));",
        "return seed + purpose + thread;",
        WORKLOADS,
        "neighbouring seeds have independent requests",
    ),
    Mutant(
        "random replacement: any block may be the next to die",
        "workloads/timed/replace.h",
        "(uint32_t)((random >> 32) * load.slots >> 32)",
        "(uint32_t)(nth % load.slots)",
        WORKLOADS,
        "the blocks that die are of all ages",
    ),
    Mutant(
        "live bytes: are those of the live set",
        "workloads/timed/replace.h",
        "w->live_bytes += has.size[slot];",
        "w->live_bytes += has.size[slot] + (slot == 0);",
        WORKLOADS,
        "live set is what is alive of its own mallocs",
    ),
    Mutant(
        "contents: every byte is compared",
        "workloads/timed/replace.h",
        "if (is != word)\n            break;",
        "(void)is;",
        WORKLOADS,
        "a bit that changes is found, at 0.3",
    ),
    Mutant(
        "alignment is checked",
        "workloads/timed/replace.h",
        "(uintptr_t)block % alignment != 0",
        "false",
        WORKLOADS,
        "an odd address is found",
    ),
    Mutant(
        "memory is written: live bytes are resident",
        "workloads/timed/replace.h",
        "for (uint32_t at = REPLACE_PAGE; at < size; at += REPLACE_PAGE)\n        block[at]",
        "for (uint32_t at = REPLACE_PAGE; at < size && 0; at += REPLACE_PAGE)\n        block[at]",
        "harness/test/test_cells.py:SameWork.test_live_bytes_are_in_the_resident_set",
        "test_live_bytes_are_in_the_resident_set",
    ),
    Mutant(
        "time: to the end of the last thread",
        "harness/cell/sample.c",
        "span->wall_ns       = end - first;",
        "span->wall_ns       = crew.clock[0].end - first;",
        SAMPLE,
        "the wall time has the slow thread 1 in it",
    ),
    Mutant(
        "counters: of the timed span",
        "harness/cell/sample.c",
        "span->counters   = counters_since(&begin->counters);",
        "span->counters   = counters_now();",
        SAMPLE,
        "those of the warm-up are not in the timed part",
    ),
    Mutant(
        "counters: of all threads",
        "harness/cell/usage.c",
        "RUSAGE_SELF",
        "RUSAGE_THREAD",
        SAMPLE,
        "page faults of any thread's timed part count",
    ),
    Mutant(
        "memory: with the live set, before anything else",
        "harness/cell/sample.c",
        "instant(w, SAMPLE_LIVE);\n    load->inspect(w, crew.request->verify);",
        "load->inspect(w, crew.request->verify);\n    instant(w, SAMPLE_LIVE);",
        SAMPLE,
        "live: all that the threads hold",
    ),
    Mutant(
        "memory: when all are drained",
        "harness/cell/sample.c",
        "load->drain(w);\n    instant(w, SAMPLE_DRAINED);",
        "instant(w, SAMPLE_DRAINED);\n    load->drain(w);",
        SAMPLE,
        "drained: what the threads freed is gone",
    ),
    Mutant(
        "memory: VSZ is the address space",
        "harness/cell/usage.c",
        '"\\nVmSize:"',
        '"\\nVmRSS:"',
        USAGE,
        "reserved memory is in vsz",
    ),
    Mutant(
        "purge: by every thread",
        "harness/cell/sample.c",
        "w->allocator->purge(0);\n        meet();",
        "if (w->thread == 0)\n            w->allocator->purge(0);\n        meet();",
        SAMPLE,
        "every thread purges",
    ),
    Mutant(
        "same work: no operation is lost among the threads",
        "harness/cell/sample.c",
        "end = part(q->ops, thread + 1, n);",
        "end = first_op + q->ops / n;",
        SAMPLE,
        "their parts are the whole",
    ),
    Mutant(
        "failures: of any thread",
        "harness/cell/sample.c",
        "if (*crew.worker[i].failed_check)",
        "if (i == 0 && *crew.worker[i].failed_check)",
        SAMPLE,
        "nobody frees on the broken heap",
    ),
    Mutant(
        "rendezvous: all wait for the last",
        "harness/cell/rendezvous.c",
        "pthread_barrier_wait(&r->sleeping);",
        "(void)0;",
        "harness/cell/test_rendezvous",
        "sleeping: all wait for the last",
    ),
    Mutant(
        "record: is valid UTF-8",
        "harness/cell/json.c",
        "code < least[bytes] || ",
        "",
        "harness/cell/test_json",
        "overlong, two bytes",
    ),
    Mutant(
        "digest: different requests are not compared",
        "harness/bench/rows.c",
        "strcmp(state->digest, common) == 0)",
        "true)",
        "harness/test/test_bench_failures.py:BadCells.test_other_requests",
        "test_other_requests",
    ),
    Mutant(
        "digest: the timed requests are those that were verified",
        "harness/bench/rows.c",
        "strcmp(common, a->record.digest) != 0",
        "false",
        "harness/test/test_bench_failures.py:BadCells.test_other_requests_in_the_timed_pass_only",
        "test_other_requests_in_the_timed_pass_only",
    ),
    Mutant(
        "balance: each round holds each row once",
        "harness/bench/plan.c",
        "{member[i], round}",
        "{member[i / 2], round}",
        "harness/bench/test_plan",
        "each round holds each row exactly once",
    ),
    Mutant(
        "balance: a new order in each round",
        "harness/bench/plan.c",
        "        shuffle(seed, member, group->count);",
        "        if (!round) shuffle(seed, member, group->count);",
        "harness/bench/test_plan",
        "each row takes each place",
    ),
    Mutant(
        "balance: a mirrored round reads the same backwards",
        "harness/bench/plan.c",
        "{member[i - 1], round}",
        "{member[group->count - i], round}",
        "harness/bench/test_plan",
        "whose groups read the same backwards",
    ),
    Mutant(
        "time-out: a child that hangs is ended",
        "harness/support/spawn.c",
        "end = SPAWN_TIMED_OUT;\n            break;",
        "wait = 1000;",
        "harness/support/test_spawn",
        "a child that hangs is ended",
    ),
    Mutant(
        "no survivors: what the child left behind is ended",
        "harness/support/spawn.c",
        "    reap_descendants();",
        "    (void)reap_descendants;",
        "harness/support/test_spawn",
        "is ended with it",
    ),
    Mutant(
        "no survivors: a killed driver takes its child along",
        "harness/support/spawn.c",
        "prctl(PR_SET_PDEATHSIG, SIGKILL);",
        "(void)0;",
        "harness/test/test_driver.py:Trouble.test_killed_driver_leaves_no_child",
        "test_killed_driver_leaves_no_child",
    ),
    Mutant(
        "contents are checked before timing",
        "harness/bench/rows.c",
        "request.verify                = true;",
        "request.verify                = false;",
        "harness/test/test_bench_failures.py:PlantedBugs",
        "test_each_is_caught_by_the_check_that_it_names",
    ),
    Mutant(
        "conformance: a broken promise is a failure",
        "workloads/checks/support/check.c",
        "return false;\n    va_list args;",
        "return false;\n    c->verdict = CHECK_PASS;\n    return true;\n    va_list args;",
        "harness/test/test_check.py:Output.test_summary_counts",  # of all of them, some would never end
        "test_summary_counts",
    ),
    Mutant(
        "conformance: what is written is looked at, to the last byte",
        "workloads/shared/contents.c",
        "if (memcmp(bytes + at, &word, part) == 0)",
        "if (memcmp(bytes + at, &word, part) == 0 || part == sizeof word)",
        "harness/test/test_check_bugs.py:PlantedBugs."
        "test_each_is_rejected_by_each_check_that_it_names",
        "test_each_is_rejected_by_each_check_that_it_names",
    ),
    Mutant(
        "conformance: an assertion that looks at nothing",
        "workloads/checks/realloc.c",
        'MUST(c, good == held[i].size, "no other live block changes",',
        'MUST(c, good <= held[i].size, "no other live block changes",',
        "harness/test/test_check_bugs.py:PlantedBugs."
        "test_each_is_rejected_by_each_check_that_it_names",
        "test_each_is_rejected_by_each_check_that_it_names",
    ),
    Mutant(
        "conformance: an assertion that is gone",
        "workloads/checks/zero_size.c",
        'MUST(c, contents_intact(block, 64, c->seed) == 64, "no action occurs",\n'
        '         "a live block changed when NULL was freed");',
        "",
        "harness/test/test_check_bugs.py:PlantedBugs.test_each_names_one_assertion",
        "test_each_names_one_assertion",
    ),
    Mutant(
        "conformance: an assertion without a planted bug",
        "workloads/checks/usable_size.c",
        "const size_t size = c->a->usable_size(NULL);",
        "const size_t size = c->a->usable_size(NULL);\n"
        '    MUST(c, size < 9, "little", "it is not little");',
        "harness/test/test_check_bugs.py:PlantedBugs.test_every_assertion_has_one",
        "test_every_assertion_has_one",
    ),
    Mutant(
        "conformance: of a known failure, what was seen is known, too",
        "harness/check/list.c",
        '(!seen || strstr(seen, member_text(entry, "seen")))',
        "true",
        "harness/test/test_check_bugs.py:Output.test_another_failure_of_the_same_check_is_not_known",
        "test_another_failure_of_the_same_check_is_not_known",
    ),
    Mutant(
        "hardening: who dies without being misused scores nothing",
        "harness/harden/result.c",
        "if (control.end == HARDEN_RESULT_SURVIVED)",
        "if (control.end != HARDEN_RESULT_NONE)",
        "harness/test/test_harden.py:Outcomes",
        "test_broken_allocators_score_nothing",
    ),
    Mutant(
        "hardening: damage is looked for",
        "workloads/misuses/support/misuse.c",
        "if (at != l->size)",
        "if (at > l->size)",
        "harness/test/test_harden.py:Outcomes",
        "test_each_planted_behaviour_is_recognised",
    ),
    Mutant(
        "hardening: a death counts at the step that was announced",
        "harness/harden/result.c",
        'strcmp(r->step, "later") == 0 ? HARDEN_RESULT_LATER',
        'strcmp(r->step, "") == 0 ? HARDEN_RESULT_LATER',
        "harness/test/test_harden.py:Outcomes",
        "test_each_planted_behaviour_is_recognised",
    ),
    Mutant(
        "conformance: a child that is ready to run does not hang",
        "workloads/checks/support/child.c",
        'strchr("SZX"',
        'strchr("SZXT"',
        "harness/cell/test_child",
        "that is not run for as long",
    ),
    Mutant(
        "conformance: nor is one whose own child is ready to run",
        "workloads/checks/support/child.c",
        "queue[queued++] = (pid_t)pid;",
        "queue[queued] = (pid_t)pid;",
        "harness/cell/test_child",
        "that waits for one that is not run for as long",
    ),
    Mutant(
        "disk: space is reserved before any sample",
        "harness/support/results.c",
        "if (!error && reserve)",
        "if (false)",
        "harness/test/test_driver.py:Trouble.test_full_disk_is_said_before_any_sample_runs",
        "test_full_disk_is_said_before_any_sample_runs",
    ),
]


# Minutes each: not in every `make test`.
SLOW = re.compile("conformance.py:PlantedBugs|hardening|test_check")
ALL = os.environ.get("MUTANTS") == "all"


class Mutants(Tree):
    def prove(self, test: str) -> tuple[int, list[str]]:
        """The test's exit code, and the names of the cases that failed."""
        environment = {k: v for k, v in os.environ.items() if not k.startswith("MAKE")}
        environment["B"] = "build"
        with open(self.directory / "tap", "w+", encoding="utf-8") as out:  # no pipe: see below
            code = subprocess.run(
                ["scripts/run-test", test],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.DEVNULL,
                cwd=self.tree,
                env=environment,
                timeout=600,
            ).returncode
            self.end_leftovers()
            out.seek(0)
            return code, [s for s in out.read().splitlines() if s.startswith("not ok")]

    def end_leftovers(self) -> None:
        """A mutant that loses its children leaves them running, with what they were given open."""
        for process in Path("/proc").glob("[0-9]*"):
            try:
                if os.readlink(process / "exe").startswith(f"{self.tree}/"):
                    os.kill(int(process.name), signal.SIGKILL)
            except OSError:  # it has ended, or is none of ours
                continue

    def build(self, test: str) -> "subprocess.CompletedProcess[str]":
        target = f"build/test/{test}"
        if ".py" in test:
            target = (
                "tests"
                if re.search("PlantedBugs|conformance|hardening|test_check", test)
                else "all"
            )
        return self.make(target, "DEPS=skip", "WERROR=")

    def test_each_mutant_is_rejected(self) -> None:
        mutants = [m for m in MUTANTS if ALL or not SLOW.search(m.test)]
        for m in MUTANTS:
            if m not in mutants:
                with self.subTest(m.promise):
                    self.skipTest("it builds or runs all planted bugs again; `make mutants` does")
        for test in sorted({m.test for m in mutants}):
            self.assertEqual(self.build(test).returncode, 0, f"{test} builds")
            self.assertEqual(self.prove(test), (0, []), f"{test} passes without a mutant")
        for m in mutants:
            with self.subTest(m.promise):
                self.check(m, self.tree / m.file)

    def check(self, m: Mutant, path: Path) -> None:
        original = path.read_text()
        self.assertEqual(original.count(m.old), 1, "the mutant applies at one place")
        path.write_text(original.replace(m.old, m.new))
        try:
            built = self.build(m.test)
            self.assertEqual(built.returncode, 0, f"it builds: {built.stderr}")
            _, failed = self.prove(m.test)
        finally:
            path.write_text(original)
        self.assertTrue(
            any(m.case in name for name in failed),
            f"{m.test} must reject it in '{m.case}'; it failed in {failed}",
        )
