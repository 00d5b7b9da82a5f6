"""Go's own tests of its page allocator, run on gomalloc's; and Go's size classes against ours.

The tests are read from the Go that is installed (Debian: golang-go, which brings golang-src), and
nothing of them is kept here. The file go/pages.go stands for Go's runtime in them, so one import is exchanged
in each file. Only those tests of the scavenger are taken that are of the page allocator: the others are
of goroutines and of the pace.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import unittest
from pathlib import Path
from typing import Optional

from driving import BUILD, ROOT

HERE = ROOT / "allocators" / "gomalloc"
TREE = BUILD / "go"
# The tests also import packages that Go keeps to itself (internal/goos). It lets a module of this
# name, that of the compiler while it is bootstrapped, have them.
MODULE = "bootstrap/gomalloc"
PARTS = ("pagealloc.c", "pallocbits.c", "os.c")
HEADERS = ("pagealloc.h", "pallocbits.h", "pagecache.h", "sizeclasses.h", "os.h", "lock.h")
WHOLE = ("mpagealloc_test.go", "mpallocbits_test.go", "mpagecache_test.go")
IN_PART = ("mgcscavenge_test.go", r"TestPageAllocScavenge\w*")
EXCHANGED = ('\t. "runtime"\n', f'\t. "{MODULE}/pages"\n')

# Go's names of the tables: until Go 1.24, and since.
TABLES = {
    "class_to_size": ("class_to_size", "SizeClassToSize"),
    "class_to_pages": ("class_to_allocnpages", "SizeClassToNPages"),
    "class_to_magic": ("class_to_divmagic", "SizeClassToDivMagic"),
    "size_to_class8": ("size_to_class8", "SizeToSizeClass8"),
    "size_to_class128": ("size_to_class128", "SizeToSizeClass128"),
}
TABLE_FILES = ("runtime/sizeclasses.go", "internal/runtime/gc/sizeclasses.go")


def environment() -> dict[str, str]:
    """Nothing is fetched, and nothing is written outside of the build's folder."""
    return {
        **os.environ,
        "CGO_ENABLED": "1",
        "GO111MODULE": "on",
        "GOCACHE": str(TREE / "cache"),
        "GOENV": "off",
        "GOFLAGS": "-mod=mod",
        "GOPATH": str(TREE / "path"),
        "GOPROXY": "off",
        "GOTELEMETRY": "off",
        "GOTOOLCHAIN": "local",
        "GOWORK": "off",
    }


def go(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["go", *words],
        cwd=TREE,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=600,
    )


def part_of(text: str, names: str) -> str:
    """The tests of these names, and of the file's imports those that they use."""
    head, _, rest = text.partition("import (")
    imports, _, rest = rest.partition("\n)\n")
    tests = re.findall(rf"(?ms)^func {names}\(.*?^}}\n", rest)
    body = "\n".join(tests)
    used = [
        line
        for line in imports.splitlines()
        if line.strip().startswith(". ")
        or re.search(rf"\b{line.strip().strip(chr(34)).split('/')[-1]}\.", body)
    ]
    return head + "import (\n" + "\n".join(used) + "\n)\n\n" + body


def numbers(text: str, table: str) -> list[int]:
    """The elements of an array in C or in Go, whose magic numbers are written as divisions."""
    found = re.search(rf"\b{table}\[?[^={{]*=[^{{]*{{([^}}]*)}}", text)
    if not found:
        raise ValueError(f"there is no table {table}")
    elements = [e.strip() for e in found[1].split(",") if e.strip()]
    divisions = [re.fullmatch(r"\^uint32\(0\)\s*/\s*(\d+)\s*\+\s*1", e) for e in elements]
    return [0xFFFFFFFF // int(d[1]) + 1 if d else int(e) for d, e in zip(divisions, elements)]


class Go(unittest.TestCase):
    source: Path
    missing: Optional[str] = None

    @classmethod
    def setUpClass(cls) -> None:
        TREE.mkdir(parents=True, exist_ok=True)
        if not shutil.which("go"):
            cls.missing = "there is no go; install the package golang-go"
            return
        cls.source = Path(go("env", "GOROOT").stdout.strip()) / "src"
        if not (cls.source / "runtime" / WHOLE[0]).exists():
            cls.missing = f"no tests in {cls.source}/runtime; install the package golang-src"

    def setUp(self) -> None:
        if self.missing and os.environ.get("CI") == "true":
            self.fail(self.missing)
        if self.missing:
            self.skipTest(self.missing)

    def make_tree(self) -> set[str]:
        """The module: our parts, what stands for Go's runtime, and Go's tests, whose names it gives."""
        for name in ("pages", "suite"):
            shutil.rmtree(TREE / name, ignore_errors=True)
            (TREE / name).mkdir()
        (TREE / "go.mod").write_text(f"module {MODULE}\n\ngo 1.17\n")
        for name in (*PARTS, *HEADERS, "go/pages.go"):
            shutil.copy(HERE / name, TREE / "pages")
        texts = {name: (self.source / "runtime" / name).read_text() for name in WHOLE}
        name, tests = IN_PART
        texts[name] = part_of((self.source / "runtime" / name).read_text(), tests)
        for name, text in texts.items():
            self.assertEqual(text.count(EXCHANGED[0]), 1, f"{name} imports the runtime")
            (TREE / "suite" / name).write_text(text.replace(*EXCHANGED))
        return {t for text in texts.values() for t in re.findall(r"(?m)^func (Test\w+)\(", text)}

    def test_page_allocator_passes_the_tests_of_go(self) -> None:
        tests = self.make_tree()
        self.assertIn("TestPageAllocScavenge", tests)
        result = go("test", "-count=1", "-v", "./suite")
        ended = re.findall(r"(?m)^( *)--- (PASS|FAIL|SKIP): ([^ ]+)", result.stdout)
        cases = [name for _, verdict, name in ended if verdict == "PASS" and "/" in name]
        print(f"# {len(cases)} cases in {len(tests)} tests pass")
        self.assertEqual(result.returncode, 0, result.stdout[-4000:])
        self.assertEqual({v for _, v, _ in ended}, {"PASS"}, "none fails, none is skipped")
        self.assertEqual({n for indent, _, n in ended if not indent}, tests, "all were run")

    def test_size_classes_are_those_of_go(self) -> None:
        files = [self.source / name for name in TABLE_FILES]
        theirs = next(file for file in files if file.exists()).read_text()
        ours = (HERE / "sizeclasses.c").read_text()
        for table, names in TABLES.items():
            with self.subTest(table):
                (name,) = [n for n in names if re.search(rf"\b{n}\b", theirs)]
                want = numbers(theirs, name)
                if table == "size_to_class8":
                    want[0] = 1  # a block of 0 bytes is one of 8 here: C wants unique addresses
                self.assertGreaterEqual(len(want), 68)
                self.assertEqual(numbers(ours, table), want)


if __name__ == "__main__":
    unittest.main()
