"""words.py finds what it is there to find, and nothing in what is good."""

import re
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import words

ROOT = Path(__file__).resolve().parent.parent
LONG = (
    "One two three four five six seven eight nine ten " * 3
)  # as many words as a sentence may have


def rules(text: str, name: str = "a.md") -> list[str]:
    return [finding.rule for finding in words.findings_in(Path(name), text)]


class Rules(unittest.TestCase):
    def rejected(self, rule: str, *texts: str) -> None:
        for text in texts:
            self.assertEqual(rules(text), [rule], text)

    def accepted(self, *texts: str) -> None:
        for text in texts:
            self.assertEqual(rules(text), [], text)

    def test_is_no_noun(self) -> None:
        self.rejected("no-noun", "This is no file.", "What are no blocks?", "It was\nno error.")
        self.accepted(
            "There is no file.",
            "If there were no blocks, it ends.",
            "It is no longer there.",
            "It is no more than 3.",
            "The answer was no.",
            "Is it so? If it is, no file is read.",
            'He wrote "this is no file" there.',
            "A command `is no file` there.",
        )

    def test_that_there_is(self) -> None:
        self.rejected(
            "that-there",
            "It has all files that there are.",
            "The names that there\nwere, it forgets.",
            "An entry for a metric that there is not, fails.",
        )
        self.accepted("It says that there are files.", "It stops, so that there is room.")

    def test_long_sentences(self) -> None:
        self.rejected("long", f"{LONG}more.", f"- {LONG}more.", f"Short.\n{LONG}more. Short.")
        self.accepted(
            f"{LONG}.",
            f"{LONG}. {LONG}.",
            f"{LONG}! `code in code` {LONG.strip()[:-4]}.",
            f'{LONG.strip()[:-4]} "{LONG} {LONG}".',
            f"- {LONG}\n- {LONG}",
            f"| {LONG} more | {LONG} |",
            f"Like this:\n\n    {LONG} more\n",
            f"```\n{LONG} more\n```",
            f"> {LONG} more",
            f"See [this]({LONG} more).",
        )

    def test_without_a_verb(self) -> None:
        self.rejected("verbless", "Of time: a sample is a process.", "Good. For people: see below.")
        self.accepted("Time is short: run.", "For example: a file.", "For people, see: this.")

    def test_words_of_our_own(self) -> None:
        self.rejected("jargon", "Its twin is faster.", "Two tiers run.", "RSS is drained there.")
        self.accepted("A copy is faster.", "Give `TIER=exact`.", "Write it between frontiers.")

    def test_readme_has_one_page(self) -> None:
        page = "A line.\n\n" * 75
        self.assertEqual(rules(page, "README.md"), [])
        self.assertEqual(rules(page + "A line.\n", "README.md"), ["readme"])
        self.assertEqual(rules(page + "A line.\n", "results/README.md"), [])


class Places(unittest.TestCase):
    """Where words stand in each kind of file. Each text has one sentence that is bad, in line 2."""

    def found(self, name: str, text: str) -> None:
        found = words.findings_in(Path(name), text)
        self.assertEqual([(f.line, f.rule) for f in found], [(2, "no-noun")], text)

    def test_c(self) -> None:
        for text in (
            "/* Good.\n * This is no file. */",
            "/* Good. This\n * is no file. */",
            "int a;\n// This is no file.\n",
            "int a; /* good\n          this is no file */",
            '\nconst char *text = "this is no file";',
            '\nconst char *text = "this is "\n  "no file";',
            "\nconst char quote = '\"'; /* this is no file */ char other = '\"';",
        ):
            self.found("a.c", text)
        good = (
            '#include "this is no file"\n',
            "int is, no, file;",
            "/* Good:\n *\n *     this is no file\n */",
            "/* A bug.\n * caught-by: check\n *   a.b at this is no file */",
            '/* It says "this is no file" there. */',
            'f("this is", "no file");',
            "/* This is */ /* no file. */",
        )
        for text in good:
            self.assertEqual(rules(text, "a.c"), [], text)

    def test_length_is_that_of_comments(self) -> None:
        self.assertEqual(rules(f"/* {LONG} more */", "a.h"), ["long"])
        self.assertEqual(rules(f'char *a = "{LONG} more";', "a.h"), [])
        self.assertEqual(rules(f"/* {LONG}\n *\n * {LONG} */", "a.h"), [])
        self.assertEqual(rules(f"/* {LONG} */ int a; /* {LONG} */", "a.h"), [])

    def test_python(self) -> None:
        for text in (
            '"""Good.\nThis is no file."""',
            "a = 1\n# This is no file.\n",
            "\nprint('this is no file')",
            "\nprint(f'{a} is no file')",
            "\nprint('this is '\n  'no file')",
            'def f():\n    """This is no file."""',
        ):
            self.found("a.py", text)
        self.assertEqual(rules("# this is\na = 1\n# no file\n", "a.py"), [])
        self.assertEqual(rules("a = is_no, file", "a.py"), [])
        for name in ("tier", "--tier", "twin", "twin.so"):
            self.assertEqual(rules(f"a['{name}'] = 1", "a.py"), [], name)
            self.assertEqual(rules(f"print('a {name}')", "a.py"), ["jargon"], name)
            self.assertEqual(rules(f"a = 1  # a {name}", "a.py"), ["jargon"], name)

    def test_shell_and_make(self) -> None:
        for name in ("a.sh", "Makefile", ".ci/run"):
            self.found(name, "#!/bin/sh\n# This is no file.\n")
            self.found(name, "#!/bin/sh\necho 'this is no file'\n")
            self.assertEqual(rules("# this is\ntrue\n# no file\n", name), [])

    def test_one_place_may_be_allowed(self) -> None:
        for name, text in (
            ("a.c", "/* words: allow no-noun: a saying.\n * This is no file. */"),
            ("a.c", '/* words: allow no-noun: a saying */\nf("this is no file");'),
            ("a.py", "# words: allow no-noun: a saying\nf('this is no file')"),
            ("a.md", "<!-- words: allow no-noun: a saying -->\nThis is no file."),
        ):
            self.assertEqual(rules(text, name), [], text)
        other = '/* words: allow long: a saying */\nf("this is no file");'
        self.assertEqual(rules(other, "a.c"), ["long", "no-noun"])
        far = '/* words: allow no-noun: a saying */\n\nint a;\nf("this is no file");'
        self.assertEqual(rules(far, "a.c"), ["no-noun", "no-noun"])
        idle = "/* words: allow no-noun: a saying */\nint a;"
        self.assertEqual(rules(idle, "a.c"), ["no-noun"])


class Project(unittest.TestCase):
    def run_in(
        self, tree: Path, *paths: str, script: Path = ROOT / "ci" / "words.py"
    ) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, str(script), *paths]
        return subprocess.run(command, cwd=tree, capture_output=True, text=True, check=False)

    def test_what_is_held(self) -> None:
        with tempfile.TemporaryDirectory(prefix="spanbench-test-") as directory:
            tree = Path(directory) / "tree"
            subprocess.run(["git", "init", "--quiet", tree], check=True)
            # With a list of its own: that of the project may be empty.
            waiting = "old"
            script = Path(directory) / "words.py"
            text = (ROOT / "ci" / "words.py").read_text()
            text, changed = re.subn(r"(?ms)^NOT_YET\b.*?\}$", "NOT_YET = {'old': 'why'}", text)
            self.assertEqual(changed, 1)
            script.write_text(text)
            for name in ("new/a.c", f"{waiting}/b.c", f"{waiting}/README.md"):
                (tree / name).parent.mkdir(parents=True, exist_ok=True)
                (tree / name).write_text(
                    "This is no file.\n" if name.endswith(".md") else "/* This is no file. */\n"
                )
            result = self.run_in(tree, script=script)
            self.assertEqual(result.returncode, 1, result.stderr)
            self.assertIn("new/a.c:1: no-noun", result.stdout)
            self.assertNotIn("b.c", result.stdout)
            self.assertRegex(result.stdout, rf"not held yet: {waiting} \(.+\): \d+ findings\n")
            self.assertIn(
                f"{waiting}/b.c:1: no-noun", self.run_in(tree, waiting, script=script).stdout
            )

    def test_the_project_is_good(self) -> None:
        result = self.run_in(ROOT)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)


if __name__ == "__main__":
    unittest.main()
