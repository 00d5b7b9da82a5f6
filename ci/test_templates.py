"""The templates for CI systems: they parse, and every command, file and variable in them exists."""

from __future__ import annotations

import re
import shlex
import subprocess
import unittest
from pathlib import Path
from typing import Any, Iterator

import yaml
from driving import ROOT, run

TEMPLATES = sorted(p for folder in ("github", "gitlab") for p in (ROOT / "ci" / folder).iterdir())
MAKEFILE = (ROOT / "Makefile").read_text()
TARGETS = set(re.findall(r"^\.PHONY: (.*)$", MAKEFILE, re.MULTILINE)[0].split())
GATE_VARIABLES = set(
    re.findall(r"\b([A-Z]+)=", re.sub(r"\n[^#].*", "", (ROOT / "scripts/gate.sh").read_text()))
)
GIVEN = {"PWD", "GITHUB_WORKSPACE", "CI_PROJECT_DIR", "CI_MERGE_REQUEST_DIFF_BASE_SHA"}
ROLES = {"bench", "gate", "test"}


def strings(value: Any, key: str) -> Iterator[str]:
    """All that stands under a key, anywhere."""
    if isinstance(value, dict):
        for name, inner in value.items():
            if name == key:
                yield from inner if isinstance(inner, list) else [inner]
            else:
                yield from strings(inner, key)
    elif isinstance(value, list):
        for inner in value:
            yield from strings(inner, key)


class Template:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.document = yaml.safe_load(path.read_text())
        keys = ["run"] if path.parent.name == "github" else ["script", "before_script"]
        self.scripts = [s for key in keys for s in strings(self.document, key)]
        self.text = "\n".join(self.scripts)

    @property
    def variables(self) -> set[str]:
        found = {n for k in ("env", "variables") for v in self.under(k) for n in v}
        return found | GIVEN

    def under(self, key: str) -> Iterator[dict[str, Any]]:
        for level in (self.document, *self.document.get("jobs", {}).values()):
            if isinstance(level.get(key), dict):
                yield level[key]


class Templates(unittest.TestCase):
    def each(self) -> Iterator[Template]:
        self.assertEqual(len(TEMPLATES), 4)
        for path in TEMPLATES:
            with self.subTest(path=path.name):
                yield Template(path)

    def test_scripts_are_good_shell(self) -> None:
        for template in self.each():
            self.assertGreater(len(template.scripts), 3)
            self.assertNotIn("${{", template.text)  # text of others would be run
            names = "\n".join(f': "${{{n}:=}}"' for n in sorted(template.variables))
            checked = subprocess.run(
                ["shellcheck", "--exclude=SC2164,SC2046", "-"],
                input=f"#!/bin/sh\n{names}\n{template.text}\n",
                text=True,
                capture_output=True,
            )
            self.assertEqual(checked.returncode, 0, checked.stdout)

    def test_variables_are_set(self) -> None:
        for template in self.each():
            used = set(re.findall(r"\$\{?([A-Z_]+)", template.text))
            self.assertLessEqual(used, template.variables)
            self.assertGreater(len(used), 0)

    def test_make_knows_what_is_made(self) -> None:
        for template in self.each():
            lines = re.findall(
                r"^make .*(?:spanbench|gate|baseline).*$", template.text, re.MULTILINE
            )
            self.assertTrue(any(" gate" in line for line in lines), lines)
            for line in lines:
                words = shlex.split(line.replace("-C spanbench", ""))[1:]
                given = {w.partition("=")[0] for w in words if "=" in w}
                self.assertLessEqual({w for w in words if "=" not in w}, TARGETS, line)
                self.assertLessEqual(given, GATE_VARIABLES, line)

    def test_programs_are_there(self) -> None:
        for template in self.each():
            found = re.findall(
                r"(?:spanbench/)?((?:scripts|\.ci)/[\w./]+)(?: (\w+))?", template.text
            )
            self.assertIn("scripts/gate_proof/control.py", [name for name, _ in found])
            for name, word in found:
                self.assertTrue((ROOT / name).is_file(), name)
                if name == "scripts/deps.sh":
                    self.assertIn(word, ROLES)

    def test_what_is_kept_is_what_is_written(self) -> None:
        """The run's directory, its JUnit file, and where a built base is kept."""
        written = (ROOT / "scripts/gate/document.py").read_text()
        self.assertIn('-gate"', written)
        self.assertIn('"gate.xml"', written)
        self.assertIn('build / "gate"', (ROOT / "scripts/gate/base_and_head.py").read_text())
        for template in self.each():
            paths = [*strings(template.document, "path"), *strings(template.document, "paths")]
            self.assertTrue(any(p.endswith("results/2*-gate/") for p in paths), paths)
            if "library" not in template.path.name:
                self.assertTrue(any(p.rstrip("/") == "build/gate" for p in paths), paths)

    def test_history_is_fetched(self) -> None:
        """Without it there is no base, and gate refuses."""
        for template in self.each():
            text = template.path.read_text()
            self.assertTrue(
                re.search(r'fetch-depth: 0|GIT_DEPTH: "0"|ref: .*base\.sha', text), text
            )

    def test_the_address_of_the_suite_is_asked_for(self) -> None:
        for template in self.each():
            if "library" not in template.path.name:
                continue
            self.assertIn("WHERE IS SPANBENCH?", template.path.read_text().splitlines()[0])
            (guard,) = [x for x in template.text.splitlines() if "case $SPANBENCH" in x]
            for address, code in (("https://example.org/spanbench.git", 2), ("git@own:x", 0)):
                done = run("sh", "-c", guard, env={"SPANBENCH": address})
                self.assertEqual(done.returncode, code, template.path)

    def test_a_c_library_can_be_built(self) -> None:
        """Of what Debian's gcc only recommends, the headers of C are left out."""
        for template in self.each():
            if "library" in template.path.name:
                (install,) = [s for s in template.scripts if "apt-get install" in s]
                self.assertLessEqual({"gcc", "libc6-dev", "make", "git"}, set(install.split()))

    def test_every_night(self) -> None:
        for template in self.each():
            self.assertIn("schedule", template.path.read_text())
            self.assertIn("control.py", template.text)

    def test_what_is_limited_ends_before_its_job(self) -> None:
        """.ci/run begins nothing after some minutes, ends what it has begun, and a gate comes before."""
        (minutes,) = re.findall(r"(?m)^MINUTES=(\d+)$", (ROOT / ".ci" / "run").read_text())
        runs = 0
        for template in self.each():
            if ".ci/run" in template.text:
                runs += 1
                limits = re.findall(
                    r"(?m)^ *timeout(?:-minutes)?: (\d+)\b", template.path.read_text()
                )
                self.assertGreaterEqual(int(limits[0]), int(minutes) + 30)
        self.assertEqual(runs, 2)

    def test_control_runs(self) -> None:
        done = run("/usr/bin/python3", ROOT / "scripts/gate_proof/control.py", "absent.so")
        self.assertEqual(done.returncode, 2)
        self.assertIn("no library absent.so", done.stderr)


if __name__ == "__main__":
    unittest.main()
