"""The pages of what was found: each known failure is on one, and its program is complete there."""

import json
import unittest
from typing import Any

import checked
import findings
import known_failures
from driving import ROOT, DriverTest, run

SCRIPT = ROOT / "scripts" / "findings.py"
ENTRY: dict[str, Any] = {
    "object": "*/libone.so.2*",
    "since": "1.0",
    "check": "errno.free",
    "seen": "EINVAL",
    "why": "leaves EINVAL",
    "clause": "POSIX",
    "reproduction": ["int main(void) {", "}"],
}
STORED: dict[str, Any] = {
    "rows": {"one": {"object": "/lib/libone.so.2", "version": "1.2"}},
    "checks": {"errno.free": {"said": {"one": "free left EINVAL"}}},
}


class Page(unittest.TestCase):
    def page(self, *entries: Any) -> str:
        (finding,) = findings.findings(list(entries))
        return findings.page(finding, STORED)

    def test_it_says_what_of_which_version_and_how_to_see_it(self) -> None:
        text = self.page({**ENTRY, "before": "2.0", "upstream": "https://one.org/1"})
        for part in (
            "# one: leaves EINVAL\n",
            "- errno.free: POSIX\n",
            "seen from 1.0 on, mended in 2.0\n",
            "seen: free left EINVAL (1.2)\n",
            "how often: in each run\n",
            "- known: https://one.org/1\n",
            "```c\nint main(void) {\n}\n```\n",
            "LD_PRELOAD=/path/to/libone.so.2 ./it",
        ):
            self.assertIn(part, text)

    def test_one_cause_is_one_page_and_one_program(self) -> None:
        text = self.page(ENTRY, {**ENTRY, "check": "errno.malloc", "often": "1 of 3 runs"})
        self.assertEqual(text.count("int main"), 1)
        self.assertIn("how often: 1 of 3 runs\n", text)

    def test_another_cause_is_another_page(self) -> None:
        found = findings.findings([ENTRY, {**ENTRY, "check": "errno.malloc", "why": "else"}])
        self.assertEqual([f.name for f in found], ["one-errno-free", "one-errno-malloc"])

    def test_what_was_not_seen_here_is_told_by_the_entry(self) -> None:
        self.assertIn("seen: … EINVAL …\n", self.page({**ENTRY, "before": "1.1"}))


class Program(DriverTest):
    def test_every_known_failure_is_on_a_page(self) -> None:
        found = findings.findings(known_failures.read())
        self.assertEqual(len({f.name for f in found}), len(found))
        self.assertEqual(sum(len(f.entries) for f in found), len(known_failures.read()))
        stored = json.loads(checked.STORED.read_text())
        for f in found:
            self.assertLess(max(len(e["reproduction"]) for e in f.entries), 20)
            self.assertIn("int main", findings.page(f, stored))

    def test_list_print_and_write(self) -> None:
        names = [line.split()[0] for line in run(SCRIPT).stdout.splitlines()]
        self.assertIn(names[0], names)
        printed = run(SCRIPT, names[0])
        self.assertTrue(printed.stdout.startswith("# "), printed.stderr)
        pages = self.directory / "pages"
        self.assertEqual(run(SCRIPT, "--to", pages, "*").returncode, 0)
        self.assertEqual(sorted(p.stem for p in pages.iterdir()), sorted(names))
        self.assertEqual((pages / f"{names[0]}.md").read_text() + "\n", printed.stdout)

    def test_wrong_use(self) -> None:
        self.assertEqual(run(SCRIPT, "none").returncode, 1)
        self.assertEqual(run(SCRIPT, "--to", self.directory).returncode, 2)


if __name__ == "__main__":
    unittest.main()
