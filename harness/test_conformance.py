"""The conformance checks can fail: planted bugs are rejected by each check that they name, every
required check has one, and what the driver writes of it is what happened."""

import fnmatch
import json
import re
import shutil
import subprocess
import unittest
import xml.etree.ElementTree
from pathlib import Path
from typing import Any

from driving import BUILD, CELLS, FAULTY, ROOT, DriverTest, cell_names, run, spanbench


def planted() -> dict[str, list[str]]:
    """The checks that each planted bug names."""
    found = {}
    for source in sorted((ROOT / "allocators" / "faulty").glob("*.c")):
        names = re.search(r"caught-by: check (.*?)\*/", source.read_text(), re.DOTALL)
        if names:
            found[source.stem] = names[1].replace(" * ", " ").split()
    return found


def checks() -> list[Any]:
    listed: list[Any] = json.loads(run(CELLS / "system", "--list-checks").stdout)["checks"]
    return listed


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


class PlantedBugs(ConformanceTest):
    def test_each_is_rejected_by_each_check_that_it_names(self) -> None:
        for bug, names in planted().items():
            with self.subTest(bug):
                self.cells = self.directory / bug
                self.use_cells(FAULTY / bug)
                code, _, results = self.check("--checks", ",".join(names), "--timeout", "60")
                self.assertEqual(code, 1)
                verdicts = {name: results[bug, name]["verdict"] for name in names}
                self.assertEqual(verdicts, {name: "fail" for name in names})

    def test_every_required_check_has_one(self) -> None:
        named = {name for names in planted().values() for name in names}
        required = {c["name"] for c in checks() if c["class"] == "required"}
        self.assertEqual(required - named, set())
        self.assertEqual(named - {c["name"] for c in checks()}, set(), "named, but not there")


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

    def test_tap_is_what_prove_takes(self) -> None:
        _, text, _ = self.check("--tap", *self.FEW)
        path = self.directory / "out.tap"
        path.write_text(text)
        result = run("prove", "--exec", "cat", path)
        self.assertIn("Failed 1/8 subtests", result.stdout + result.stderr)

    def test_junit(self) -> None:
        self.check(*self.FEW)
        (path,) = self.out.glob("*/conformance.xml")
        root = xml.etree.ElementTree.parse(path).getroot()
        self.assertEqual(len(root.findall(".//testcase")), 8)
        self.assertEqual(len(root.findall(".//failure")), 1)

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
        self.assertEqual(results["free_errno", "errno.free"]["known"], "planted")
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
        self.assertRegex(text, r"\n  stacks: +process \d+ \(hang\):\n")
        self.assertIn(stacks.splitlines()[-1], text)

    def test_of_a_forked_child(self) -> None:
        _, stacks = self.hang("fork_locked", "fork.threads")
        self.assertRegex(stacks, r"#\d+ .*orphaned_malloc")

    def test_in_tap_as_diagnostics(self) -> None:
        text, stacks = self.hang("hang", "overlap.tiny", "--timeout", "2", "--tap")
        for line in stacks.splitlines():
            self.assertRegex(text, r"\n# .*" + re.escape(line) + r"\n")

    def test_without_a_tool_proc_tells_and_a_package_is_named(self) -> None:
        tools = self.directory / "tools"
        tools.mkdir()
        for name in ("sh", "cat", "sed", "grep", "timeout"):
            path = shutil.which(name)
            assert path
            (tools / name).symlink_to(path)
        sleeper = subprocess.Popen(["sleep", "600"])
        try:
            result = run("env", f"PATH={tools}", BUILD / "stacks", sleeper.pid)
        finally:
            sleeper.kill()
            sleeper.wait()
        self.assertRegex(result.stdout, r"thread \d+ \(sleep\): state S .*, system call \d")
        self.assertIn("install the package elfutils", result.stdout)


class KnownFailures(ConformanceTest):
    """allocators/known-failures.json: each has a reproduction that fails outside of the suite."""

    def reproduce(self, lines: list[str], preload: str) -> int:
        source, program = self.directory / "it.c", self.directory / "it"
        source.write_text("\n".join(lines) + "\n")
        built = run("cc", "-std=gnu17", "-w", "-O1", "-fno-builtin", "-o", program, source)
        self.assertEqual(built.returncode, 0, built.stderr)
        library = [] if "/libc.so" in preload else [f"LD_PRELOAD={preload}"]
        return run("env", *library, program).returncode

    def test_each_fails_outside_of_the_suite_too(self) -> None:
        known = json.loads((ROOT / "allocators" / "known-failures.json").read_text())["failures"]
        described = [json.loads(run(CELLS / n, "--describe").stdout) for n in cell_names()]
        libraries = [d["object"] for d in described if not d["floor"]]
        for entry in known:
            self.assertLess(len(entry["reproduction"]), 15, entry["why"])
            self.assertTrue(entry["clause"] and entry["why"] and entry["seen"])
            with self.subTest(entry["check"] + " " + entry["object"]):
                bad = [o for o in libraries if fnmatch.fnmatch(o, entry["object"])]
                if not bad:
                    continue  # it is not installed here, or has another version
                self.assertNotEqual(self.reproduce(entry["reproduction"], bad[0]), 0)
                others = [o for o in libraries if o not in bad]
                good = [o for o in others if self.reproduce(entry["reproduction"], o) == 0]
                self.assertTrue(good or not others, "some allocator keeps the promise")


if __name__ == "__main__":
    unittest.main()
