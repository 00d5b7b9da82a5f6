"""The conformance checks can fail. Each check rejects the planted bugs that name it, at the
assertion that they name; every assertion has one; and what the driver writes is what happened."""

import fnmatch
import json
import os
import re
import shutil
import signal
import subprocess
import time
import unittest
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

import known_failures
from driving import (
    BUILD,
    CELLS,
    FAULTY,
    ROOT,
    DriverTest,
    adapter_keys,
    at_once,
    cell_names,
    run,
    slow,
    spanbench,
)

TIMEOUT = 300  # seconds; alone, the slowest bug takes a fiftieth of that
KNOWN_TRIES = 20  # of a known failure outside of the suite; most need one
PATIENT = [  # ten times as long until the alarm
    "#define _GNU_SOURCE",
    "#include <unistd.h>",
    "#define alarm(seconds) alarm(10 * (seconds))",
]

# Checks without a planted bug, and why.
NO_BUG = {
    "operators.provider": "records what is done; whatever is done is right",
    "costs.calloc_slack": "records what is done; whatever is done is right",
    "memalign.odd_choice": "records what is done; whatever is done is right",
    "zero_size.malloc_choice": "records what is done; whatever is done is right",
    "zero_size.calloc_choice": "records what is done; whatever is done is right",
    "zero_size.aligned_alloc_choice": "records what is done; whatever is done is right",
    "zero_size.posix_memalign_choice": "records what is done; whatever is done is right",
}


@dataclass(frozen=True)
class Place:
    """Where a check fails: an assertion, by its function and the format of what it sees. If a
    process gave no verdict, the function is `process` and the text its signal."""

    function: str
    text: str

    def __str__(self) -> str:
        return f'at {self.function} "{self.text}"'


@dataclass(frozen=True)
class Claim:
    """What a planted bug says: this check rejects me there."""

    bug: str
    check: str
    place: Place  # of the text, as much as tells it from others

    def __str__(self) -> str:
        return f"{self.bug}: {self.check}"


def claims_of(source: Path) -> Optional[list[Claim]]:
    """As in `caught-by: check NAME NAME at FUNCTION "TEXT" …`; None: it is not a bug for checks."""
    kind, _, text = adapter_keys(source).get("caught-by", "").partition(" ")
    if kind != "check":
        return None
    entry = re.compile(r'((?:[a-z_]+\.[a-z_]+ )+)at (\w+) "([^"]+)" ?|([a-z_]+\.[a-z_]+) ?')
    found, at = [], 0
    while match := entry.match(text, at):
        place = Place(match[2] or "", match[3] or "")
        found += [Claim(source.stem, n, place) for n in (match[1] or match[4]).split()]
        at = match.end()
    assert at == len(text), f"{source}: cannot read '{text[at:]}' in its first comment"
    return found


def planted() -> dict[str, list[Claim]]:
    """The claims of each planted bug; none: it is sound, and proves that its family is."""
    sources = sorted((ROOT / "allocators" / "faulty" / "check").glob("*.c"))
    return {s.stem: c for s in sources if (c := claims_of(s)) is not None}


def all_claims() -> list[Claim]:
    return [claim for claims in planted().values() for claim in claims]


def checks() -> list[Any]:
    listed: list[Any] = json.loads(run(CELLS / "system", "--list-checks").stdout)["checks"]
    return listed


def required() -> set[str]:
    return {c["name"] for c in checks() if c["class"] == "required"}


def assertions() -> dict[Place, str]:
    """Each with its file and line."""
    listed = json.loads(run(CELLS / "system", "--list-assertions").stdout)["assertions"]
    found = {Place(a["function"], a["seen"]): f"{a['file']}:{a['line']}" for a in listed}
    assert len(found) == len(listed), "two assertions of one function see the same"
    return found


def named_by(place: Place, listed: list[Place]) -> list[Place]:
    """The assertions that a claim may mean. One, or it proves nothing: with two, one could be taken
    out, and the claim would be of the other."""
    if place.function == "process":
        return [place]
    return [p for p in listed if p.function == place.function and place.text in p.text]


def failure(bug: str, check: str) -> Optional[Place]:
    """Where the check rejects the bug; None: it does not."""
    command = [str(FAULTY / bug), "--check", check]
    try:
        result = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT)
    except subprocess.TimeoutExpired:
        return Place("process", "no end")
    if result.returncode < 0:
        return Place("process", signal.Signals(-result.returncode).name)
    record = json.loads(result.stdout)
    at = record["assertion"]
    assert (record["verdict"] == "fail") == (result.returncode == 1) == (at is not None), record
    return Place(at["function"], at["seen"]) if at else None


def failures(pairs: list[tuple[str, str]]) -> list[Optional[Place]]:
    return at_once(lambda pair: failure(*pair), pairs)


class PlantedBugs(unittest.TestCase):
    def test_each_is_rejected_by_each_check_that_it_names(self) -> None:
        """With TEST_ONLY="BUG: CHECK", a line for each, in the environment: these."""
        only = os.environ.get("TEST_ONLY", "").splitlines()
        claims = [c for c in all_claims() if str(c) in only] or all_claims()
        listed = list(assertions())
        places = failures([(claim.bug, claim.check) for claim in claims])
        for claim, place in zip(claims, places):
            with self.subTest(str(claim)):
                self.assertIsNotNone(place, "it is not rejected")
                self.assertTrue(claim.place.text, f"it says not where; it is rejected {place}")
                named = named_by(claim.place, listed)
                self.assertEqual([str(p) for p in named], [str(place)], "and not elsewhere")

    def test_every_assertion_has_one(self) -> None:
        listed = assertions()
        proven = {p for claim in all_claims() for p in named_by(claim.place, list(listed))}
        for place, line in listed.items():
            with self.subTest(line):
                self.assertTrue(place in proven, f"no planted bug is rejected {place}")

    def test_each_names_one_assertion(self) -> None:
        listed = list(assertions())
        for claim in all_claims():
            with self.subTest(f"{claim} {claim.place}"):
                named = [str(p) for p in named_by(claim.place, listed)]
                self.assertEqual(len(named), 1, f"it fits {named}")

    def test_every_check_has_one(self) -> None:
        named, there = {claim.check for claim in all_claims()}, {c["name"] for c in checks()}
        self.assertEqual(required() & set(NO_BUG), set(), "a required check needs a bug")
        self.assertEqual(there - named - set(NO_BUG), set(), "without a bug")
        self.assertEqual(named - there, set(), "named, but not there")
        self.assertEqual(set(NO_BUG) - (there - named), set(), "has one, or is not there")

    @slow
    def test_quarantine_breaks_no_promise(self) -> None:
        names = sorted(n for n in required() if n.split(".")[0] in ("limits", "memory"))
        places = failures([("quarantine", name) for name in names])
        self.assertEqual({n: str(p) for n, p in zip(names, places) if p}, {})

    @slow
    def test_what_they_break_is_sound_without_them(self) -> None:
        sound = [bug for bug, claims in planted().items() if not claims]
        self.assertEqual(sound, ["sound"])
        names = sorted(required())
        places = failures([("sound", name) for name in names])
        self.assertEqual({n: str(p) for n, p in zip(names, places) if p}, {})


class Threads(DriverTest):
    """A thread that cannot be created ends a check as not supported, after those that were."""

    SHIM = """
        #define _GNU_SOURCE
        #include <dlfcn.h>
        #include <errno.h>
        #include <pthread.h>
        int pthread_create(pthread_t *t, const pthread_attr_t *a, void *(*f)(void *), void *arg) {
            static int calls;
            int (*real)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
            *(void **)&real = dlsym(RTLD_NEXT, "pthread_create");
            return ++calls > 2 ? EAGAIN : real(t, a, f, arg);
        }
    """

    def test_it_is_no_failure(self) -> None:
        source, shim = self.directory / "it.c", self.directory / "it.so"
        source.write_text(self.SHIM)
        built = run("cc", "-w", "-shared", "-fPIC", "-o", shim, source)
        self.assertEqual(built.returncode, 0, built.stderr)
        for check in ("cancel.no_point", "overlap.threads"):
            result = run("env", f"LD_PRELOAD={shim}", CELLS / "system", "--check", check)
            self.assertEqual(result.returncode, 0, result.stderr)
            record = json.loads(result.stdout)
            self.assertEqual(record["verdict"], "not supported")
            self.assertEqual(record["reason"], "no thread can be created")


class ConformanceTest(DriverTest):
    def check(self, *words: Any) -> tuple[int, str, dict[tuple[str, str], Any]]:
        """The exit code, what was printed, and the results by allocator and check."""
        cells = ["--cells", self.cells] if self.cells.exists() else []
        result = spanbench("check", "--out", self.out, *cells, *words)
        written = sorted(self.out.glob("*/conformance.json"), key=lambda p: p.stat().st_mtime_ns)
        self.assertTrue(written, result.stderr)
        document = json.loads(written[-1].read_text())
        results = {(r["allocator"], r["check"]): r for r in document["results"]}
        return result.returncode, result.stdout, results


class Verbose(unittest.TestCase):
    """Tracing the calls changes no verdict."""

    # those that look at whose a function is, and one or more of each noun that is quick
    CHECKS = (
        "aligned_alloc.* alignment.malloc calloc.product calloc.zeroed_reuse errno.* operators.* "
        "valloc.* posix_memalign.* realloc.null_is_malloc sized_free.* usable_size.* zero_size.*"
    )
    NAMES = ("cell/system", "faulty/valloc_wraps", "faulty/operators_null", "faulty/free_errno")

    def verdict(self, path: Path, *words: str) -> tuple[str, str, Optional[str], str]:
        record = json.loads(run(path, *words).stdout)
        told = record.get("reason") or json.dumps(record["assertion"])
        return record["check"], record["verdict"], record["choice"], told

    @slow
    def test_verdicts_agree_with_and_without(self) -> None:
        globs = self.CHECKS.split()
        names = [c["name"] for c in checks() if any(fnmatch.fnmatch(c["name"], g) for g in globs)]
        self.assertGreater(len(names), 50)
        both = [(BUILD / path, name) for path in self.NAMES for name in names]
        quiet = at_once(lambda b: self.verdict(b[0], "--check", b[1]), both)
        told = at_once(lambda b: self.verdict(b[0], "--check", b[1], "--verbose"), both)
        for (path, name), without, with_it in zip(both, quiet, told):
            with self.subTest(f"{path.name}: {name}"):
                self.assertEqual(with_it, without)
        found = {verdict for _, verdict, _, _ in quiet}
        self.assertEqual(found, {"pass", "fail", "recorded", "not supported"})


class Catalogue(unittest.TestCase):
    def test_every_check_is_described(self) -> None:
        listed = checks()
        self.assertGreaterEqual(len(listed), 80)
        self.assertEqual(len({c["name"] for c in listed}), len(listed))
        for c in listed:
            self.assertRegex(c["name"], r"^[a-z_]+\.[a-z_]+$")
            self.assertTrue(c["clause"] and c["summary"] and c["profiles"], c["name"])
            source = ROOT / "workloads" / "checks" / (c["name"].split(".")[0] + ".c")
            self.assertTrue(source.exists() or c["name"].startswith("memalign."), c["name"])

    def test_a_check_counts_where_its_clause_is(self) -> None:
        for c in checks():
            clause, profiles = c["clause"], set(c["profiles"])
            c17, c23, posix = ("C17 " in clause, "C23 " in clause, "POSIX.1-2024 " in clause)
            with self.subTest(c["name"] + ": " + clause):
                self.assertTrue(c17 or "c17" not in profiles, "C17 promises nothing here")
                self.assertTrue(c17 or c23 or "c23" not in profiles, "C23 promises nothing here")
                self.assertTrue(c17 or posix or "posix2024" not in profiles, "nor does POSIX")
                cxx = "C++17 " in clause
                self.assertEqual(cxx, profiles == {"cxx17"}, "of C++, or not")
                if c["class"] in ("required", "implementation-defined"):
                    standard = c17 or c23 or posix or cxx
                    self.assertTrue(standard or profiles == {"glibc"}, "no standard")
                if c["class"] == "extension":
                    self.assertEqual(profiles, {"glibc"}, "of a manual, not of a standard")
                if profiles & {"c17", "c23"} and c["class"] == "required":
                    self.assertTrue(
                        {"posix2024", "glibc"} <= profiles or profiles == {"c23"},
                        "POSIX.1-2024 contains C17, and the C library promises both",
                    )


class Profiles(ConformanceTest):
    """A bug in a function fails no profile that does not have the function."""

    WITHOUT = {
        "memalign_wrong": "c17 c23 posix2024",
        "posix_memalign_wrong": "c17 c23",
        "sized_wrong": "c17 posix2024 glibc",
    }

    def test_others_than_its_own_pass(self) -> None:
        self.others_pass("overlap.matrix*,errno.never_zero*")

    @slow
    def test_others_than_its_own_pass_with_long_checks_too(self) -> None:
        self.others_pass("overlap.*,errno.never_zero*")

    def others_pass(self, checks: str) -> None:
        self.use_cells(*(FAULTY / bug for bug in self.WITHOUT))
        for profile in ("c17", "c23", "posix2024", "glibc"):
            words = ["--checks", checks, "--profile", profile]
            _, _, results = self.check(*words)
            rejected = {bug for (bug, _), r in results.items() if r["finding"]}
            right = {bug for bug, without in self.WITHOUT.items() if profile in without.split()}
            self.assertEqual(rejected, set(self.WITHOUT) - right, profile)


class Output(ConformanceTest):
    FEW = ["--checks", "zero_size.malloc*,errno.free,sized_free.null"]

    def setUp(self) -> None:
        super().setUp()
        self.use_cells(FAULTY / "free_errno", CELLS / "system", CELLS / "null")

    def test_failure_says_what_why_and_how_to_repeat_it(self) -> None:
        code, text, results = self.check(*self.FEW)
        self.assertEqual(code, 1)
        bad = results["free_errno", "errno.free"]
        self.assertTrue(bad["finding"])
        self.assertEqual(bad["expected"], "errno is not modified")
        self.assertIn("EINVAL", bad["seen"])
        self.assertIn("POSIX.1-2024 free", text)
        self.assertIn(bad["seen"], text)
        repeated = run(*bad["repeat"].split())
        self.assertEqual(repeated.returncode, 1)
        self.assertEqual(json.loads(repeated.stdout)["seen"], bad["seen"])
        self.assertEqual(results["system", "errno.free"]["verdict"], "pass")
        self.assertEqual(results["system", "zero_size.malloc_choice"]["choice"], "unique")
        self.assertNotIn(("null", "errno.free"), results)

    def test_profile_chooses(self) -> None:
        _, _, results = self.check(*self.FEW, "--profile", "c17")
        self.assertNotIn(("system", "errno.free"), results)

    def known(self, seen: str) -> Path:
        path = self.directory / "known.json"
        entry = {"object": "*free_errno", "check": "errno.*", "seen": seen, "why": "planted"}
        path.write_text(json.dumps({"failures": [entry]}))
        return path

    def test_known_failure_is_shown_as_known(self) -> None:
        code, text, results = self.check(*self.FEW, "--known", self.known("EINVAL"))
        self.assertEqual(code, 0)
        self.assertEqual(results["free_errno", "errno.free"]["known"]["why"], "planted")
        self.assertRegex(text, r"errno.free +r +known +pass")

    def test_another_failure_of_the_same_check_is_not_known(self) -> None:
        code, _, _ = self.check(*self.FEW, "--known", self.known("ENOMEM"))
        self.assertEqual(code, 1)

    def test_known_failure_that_passes_is_a_finding(self) -> None:
        known = self.known("EINVAL")
        known.write_text(known.read_text().replace("*free_errno", "*libc.so*"))
        code, text, _ = self.check(*self.FEW, "--known", known, "--allocators", "system")
        self.assertEqual(code, 1)
        self.assertIn("fixed", text)

    def test_what_is_known_to_fail_now_and_then_may_pass(self) -> None:
        known = self.known("EINVAL")
        text = known.read_text().replace("*free_errno", "*libc.so*")
        known.write_text(text.replace('"why"', '"often": "in 1 of 8 runs", "why"'))
        code, text, _ = self.check(*self.FEW, "--known", known, "--allocators", "system")
        self.assertEqual(code, 0)
        self.assertNotIn("fixed:", text)

    def test_known_hang_is_told_after_a_shorter_time(self) -> None:
        self.cells = self.directory / "one"
        self.use_cells(FAULTY / "fork_locked")
        known = self.directory / "known.json"
        entry = {"object": "*fork_locked", "check": "fork.threads", "seen": "nothing woke it"}
        known.write_text(json.dumps({"failures": [{**entry, "hangs": True, "why": "planted"}]}))
        code, _, results = self.check("--checks", "fork.threads", "--known", known)
        self.assertEqual(code, 0)
        self.assertRegex(results["fork_locked", "fork.threads"]["seen"], "nothing woke it for 1 s$")

    def test_hang_and_crash_are_failures(self) -> None:
        self.cells = self.directory / "two"
        self.use_cells(FAULTY / "hang", FAULTY / "crash")
        code, _, results = self.check("--checks", "overlap.tiny", "--timeout", "2")
        self.assertEqual(code, 1)
        self.assertIn("no end after 2 s", results["hang", "overlap.tiny"]["seen"])
        self.assertIn("SIGSEGV", results["crash", "overlap.tiny"]["seen"])
        self.assertIsNone(results["crash", "overlap.tiny"]["stacks"])


class Stacks(ConformanceTest):
    """A hang shows where the threads stood: of the check's process, and of a child of it."""

    def hang(self, bug: str, check: str, *words: str) -> tuple[str, str]:
        self.use_cells(FAULTY / bug)
        _, text, results = self.check("--checks", check, *words)
        stacks = results[bug, check]["stacks"]
        self.assertIsNotNone(stacks)
        return text, stacks

    def test_of_the_process(self) -> None:
        text, stacks = self.hang("hang", "overlap.tiny", "--timeout", "2")
        self.assertRegex(stacks, r"#\d+ .*hang_malloc")
        self.assertRegex(text, r"\n  stacks:\n    \| process \d+ \(hang\):\n")
        self.assertIn(stacks.splitlines()[-1], text)

    def test_of_a_forked_child(self) -> None:
        _, stacks = self.hang("fork_locked", "fork.threads")
        self.assertRegex(stacks, r"#\d+ .*orphaned_malloc")

    def test_in_tap_in_the_block_of_the_failure(self) -> None:
        text, stacks = self.hang("hang", "overlap.tiny", "--timeout", "2", "--tap")
        printed = re.search(r"\n  stacks: (.*)\n", text)
        assert printed, text
        self.assertEqual(json.loads(printed[1]), stacks)

    def test_without_a_tool_proc_tells_and_a_package_is_named(self) -> None:
        tools = self.directory / "tools"
        tools.mkdir()
        for name in ("sh", "cat", "sed", "grep", "timeout"):
            path = shutil.which(name)
            assert path
            (tools / name).symlink_to(path)
        sleeper = subprocess.Popen(["sleep", "600"])
        try:
            stat = Path(f"/proc/{sleeper.pid}/stat")
            while ") S " not in stat.read_text():  # it is still loaded
                time.sleep(0.01)
            result = run("env", f"PATH={tools}", BUILD / "stacks", sleeper.pid)
        finally:
            sleeper.kill()
            sleeper.wait()
        self.assertRegex(result.stdout, r"thread \d+ \(sleep\): state S .*, system call \d")
        self.assertIn("install the package elfutils", result.stdout)


class KnownFailures(ConformanceTest):
    """allocators/known-failures.json: each has a reproduction that fails outside of the suite."""

    def build(self, name: str, lines: list[str]) -> Path:
        source, program = self.directory / f"{name}.c", self.directory / name
        source.write_text("\n".join(lines) + "\n")
        built = run("cc", "-std=gnu17", "-w", "-O1", "-fno-builtin", "-o", program, source)
        self.assertEqual(built.returncode, 0, built.stderr)
        return program

    @staticmethod
    def keeps(preload: str, program: Path) -> bool:
        library = [] if "/libc.so" in preload else [f"LD_PRELOAD={preload}"]
        return run("env", *library, program).returncode == 0

    def setUp(self) -> None:
        super().setUp()
        self.known = known_failures.read()
        described = [json.loads(run(CELLS / n, "--describe").stdout) for n in cell_names()]
        self.versions = {d["object"]: d.get("version") for d in described if not d["floor"]}

    def test_each_is_as_the_schema_says(self) -> None:
        import jsonschema  # few tests need it, and it loads slowly

        schema = json.loads((ROOT / "results" / "conformance.schema.json").read_text())
        known = schema["properties"]["results"]["items"]["properties"]["known"]
        for entry in self.known:
            jsonschema.Draft202012Validator(known).validate(entry)

    def test_each_is_explained(self) -> None:
        names = {c["name"] for c in checks()}
        for entry in self.known:
            with self.subTest(entry["check"] + " " + entry["object"]):
                self.assertLess(len(entry["reproduction"]), 15)
                self.assertTrue(entry["clause"] and entry["why"] and entry["seen"])
                self.assertIn(entry["check"], names)
                self.assertRegex(entry.get("upstream", "https://"), "^https://")
                self.assertTrue(entry["since"])
                hang = re.search("did not end|nothing woke it", entry["seen"])
                self.assertEqual(entry.get("hangs", False), bool(hang))
                for library, version in self.versions.items():
                    if fnmatch.fnmatch(library, entry["object"]):
                        self.assertTrue(version, f"{library} says no version, so it is in no range")

    def objects(self, entry: Any) -> tuple[list[str], list[str]]:
        """Those here that it is of, and of these, those of its version."""
        found = [o for o in self.versions if fnmatch.fnmatch(o, entry["object"])]
        return found, [o for o in found if known_failures.is_of(entry, o, self.versions[o])]

    def tried(self, numbered: tuple[int, Any]) -> Optional[tuple[bool, bool]]:
        """Is the promise kept by who fails, and by some other? None: it is not here."""
        number, entry = numbered
        found, bad = self.objects(entry)
        if not bad:
            return None
        program = self.build(f"entry-{number}", entry["reproduction"])
        patient = self.build(f"patient-{number}", PATIENT + entry["reproduction"])
        others = [o for o in self.versions if o not in found]
        good = any(self.keeps(o, patient) for o in others)
        # Some failures want two threads to meet: one of several tries shows them.
        kept = all(self.keeps(bad[0], program) for _ in range(KNOWN_TRIES))
        return kept, good or not others

    @slow
    def test_each_fails_outside_of_the_suite_too(self) -> None:
        for entry, kept in zip(self.known, at_once(self.tried, list(enumerate(self.known)))):
            with self.subTest(entry["check"] + " " + entry["object"]):
                if kept is None:
                    found, _ = self.objects(entry)
                    self.skipTest(f"not here, or of another version: {found}")
                self.assertFalse(kept[0], "it fails")
                self.assertTrue(kept[1], "some allocator keeps the promise")


if __name__ == "__main__":
    unittest.main()
