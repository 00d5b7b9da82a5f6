"""What a library or a file name says must not act on a terminal, a reader or the log of a CI."""

import json
import re
from typing import Any

from driving import CELLS, DriverTest, cell, spanbench

# Newlines with the commands of two CIs, controls of both kinds, marks of direction.
EVIL = "\n::error::owned\r\n  ::warning::x\n##[error]x ##vso[x]\t\x1b[2J\x85\x9b31m\x7f"
EVIL += "\u202e\u202a\u2066\u2069\u200e\u200f\u061c\u2028\u2029 end"
ACTS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
COMMAND = re.compile(r"^\s*::|##\[|##vso", re.MULTILINE)


class ForeignText(DriverTest):
    def setUp(self) -> None:
        super().setUp()
        self.words = self.directory / "words"
        self.words.write_text(EVIL)

    def file(self, name: str, document: Any) -> str:
        path = self.directory / name
        path.write_text(json.dumps(document))
        return str(path)

    def evil_cell(self, does: str, name: str = "evil") -> None:
        """Its description has such a version; asked to work, it does as told."""
        described = cell("system", "--describe")
        description = self.file("description", {**described, "version": EVIL})
        lists = '--list-*) exec {good} "$@";;'
        self.script_cell(
            name, f"case $1 in --describe) cat {description} >&3; exit 0;; {lists} esac\n{does}\n"
        )

    def check(self, *words: Any, **options: Any) -> str:
        """All that the driver prints, which is clean."""
        here = ["--cells", self.cells] if self.cells.exists() else []
        out = ["--out", self.out] if words[0] in ("run", "check", "harden") else []
        result = spanbench(*words, *out, *here, **options)
        text = result.stdout + result.stderr
        self.assertEqual(ACTS.findall(text.replace("\n", "")), [], text)
        self.assertEqual(COMMAND.findall(text), [], text)
        self.assertGreaterEqual(result.returncode, 0, text)
        return text

    def test_bench(self) -> None:
        run = ["run", "--quick", "--workloads", "tiny", "--threads", "1", "--repetitions", "1"]
        error = self.file("error", {"error": {"check": "contents", "message": EVIL}})
        for does in (f"cat {self.words} >&2; exit 9", f"cat {error} >&3; exit 1"):
            self.evil_cell(does)
            self.assertIn("FAILED: ", self.check(*run))
            (own,) = self.document()["context"]["spanbench"]["allocators"]
            for text in (own["version"], *self.causes("evil")):
                self.assertEqual(ACTS.findall(text), [])
                self.assertIn(" end", text)

    def test_check(self) -> None:
        told: dict[str, Any] = {
            "check": "errno.free",
            "verdict": "fail",
            "expected": EVIL,
            "seen": EVIL,
        }
        told |= {"stacks": "one" + EVIL, "seed": 1, "choice": EVIL, "reason": EVIL}
        system = cell("system", "--describe")
        told |= {k: system[k] for k in ("object", "allocator")}
        failing = self.file("failing", told)
        unsupported = self.file("unsupported", {**told, "verdict": "not supported"})
        run = ["check", "--checks", "errno.free"]
        for does in (
            f"cat {self.words} >&2; exit 9",
            f"cat {self.words} >&2; cat {failing} >&3; exit 1",
            f"cat {self.words} >&2; cat {unsupported} >&3; exit 0",
        ):
            self.evil_cell(does)
            for words in ("", "--verbose", "--tap", "--tap --verbose"):
                self.assertIn("errno.free", self.check(*run, *words.split()))

    def test_harden(self) -> None:
        run = ["harden", "--misuses", "double_free.immediate", "--sizes", "small", "--runs", "1"]
        control = '*" --control"*) exec {good} "$@";; esac\n'
        for does in ("", f'case "$*" in {control}{{good}} "$@" 2>/dev/null; '):
            self.evil_cell(f"{does}cat {self.words} >&2; kill -ABRT $$")
            for words in ("", "--verbose"):
                self.assertIn("double_free.immediate", self.check(*run, *words.split()))

    def test_list_and_describe(self) -> None:
        self.evil_cell("exit 9")
        (self.cells / "absent.skip").write_text("reason" + EVIL[1:])
        self.assertIn("reason::error::owned", self.check("list"))
        self.assertIn("end", self.check("describe"))

    def test_names_are_names(self) -> None:
        described = cell("system", "--describe")
        described["workloads"][0]["name"] = EVIL
        description = self.file("described", described)
        self.script_cell("evil", f"cat {description} >&3")
        self.assertIn("printed no valid description", self.check("list"))
        names = {"protocol": 1, "checks": [{"name": EVIL}], "misuses": [{"name": EVIL}]}
        listed = self.file("listed", names)
        self.script_cell(
            "evil", f'case $1 in --describe) exec {{good}} "$@";; esac\ncat {listed} >&3'
        )
        for command in ("check", "harden"):
            self.assertIn("printed no valid list", self.check(command))

    def test_words_of_the_command_line(self) -> None:
        self.use_cells(CELLS / "system")
        path = self.directory / f"lib{EVIL.replace('/', '')}.so"
        path.write_text("no library")
        for option, word in (("preload", path), ("allocators", EVIL), ("workloads", EVIL)):
            self.assertIn("::error::owned", self.check("run", f"--{option}", word))
        self.check("check", "--checks", EVIL)
        self.check("harden", "--misuses", EVIL)
        self.check("run", "--cells", path, EVIL)
