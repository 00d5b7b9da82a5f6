"""distributions.sh makes machines, runs commands on them, and says how they ended."""

import os
import shutil
import unittest
from pathlib import Path

from driving import ROOT, DriverTest, run, slow

SCRIPT = ROOT / "ci" / "distributions.sh"


class Words(DriverTest):
    def test_usage(self) -> None:
        result = run(SCRIPT, "--help")
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        self.assertIn("usage: ci/distributions.sh", result.stdout)
        result = run(SCRIPT, "--now")
        self.assertEqual((result.returncode, result.stdout), (2, ""))
        self.assertIn("usage: ci/distributions.sh", result.stderr)

    @unittest.skipIf(os.getuid() != 0, "only root can become nobody")
    def test_others_than_root_are_refused(self) -> None:
        result = run("/usr/bin/env", "sh", SCRIPT, user="nobody", cwd="/", env={"PATH": os.defpath})
        if "cannot open" in result.stderr or "Permission denied" in result.stderr:
            self.skipTest("nobody cannot read this folder")
        self.assertEqual(result.returncode, 2, result.stderr)
        self.assertIn("only root can make a machine", result.stderr)


@slow
class Machine(DriverTest):
    def distributions(self, *suites: str, commands: str) -> "tuple[int, str, str]":
        environment = {**os.environ, "WORK": str(self.directory), "COMMANDS": commands}
        result = run(SCRIPT, *suites, env=environment, timeout=3600)  # the mirror may be slow
        return result.returncode, result.stdout, result.stderr

    def setUp(self) -> None:
        super().setUp()
        if os.getuid() != 0 or not shutil.which("debootstrap"):
            self.skipTest("only root can make a machine, and with debootstrap")

    def test_commands_run_on_a_fresh_machine_that_is_gone_afterwards(self) -> None:
        commands = "test ! -e build && test -e Makefile && grep -q proc /proc/mounts; exit 3"
        code, output, errors = self.distributions("bookworm", commands=commands)
        if code == 2:
            self.skipTest(f"no machine can be made here: {errors.splitlines()[-1]}")
        self.assertEqual(code, 1, errors)
        self.assertRegex(output, r"(?m)^bookworm +test .* exit code 0 +\d+ s +\d+ MB before")
        self.assertRegex(output, r"(?m)^bookworm +exit 3 +exit code 3 ")
        self.assertFalse((self.directory / "bookworm").exists())
        self.assertNotIn(str(self.directory), Path("/proc/mounts").read_text())

    def test_suite_that_the_mirror_does_not_have(self) -> None:
        code, _, errors = self.distributions("none", commands="true")
        self.assertEqual(code, 2)
        self.assertIn("none: the mirror does not have it", errors)


if __name__ == "__main__":
    unittest.main()
