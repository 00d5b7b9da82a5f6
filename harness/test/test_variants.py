"""Options of an allocator as rows of their own: `--allocators system,system:MALLOC_ARENA_MAX=2`."""

from __future__ import annotations

import json
import shutil
from typing import Any

from driving import BUILD, DriverTest, spanbench

WORK = ("--workloads", "tiny", "--threads", "1", "--repetitions", "1", "--no-timeline")
# Notes which variables it was given, and is the cell of the C library's malloc.
NOTES = """
case "$*" in *--run*) echo "${{MALLOC_ARENA_MAX-}} ${{GLIBC_TUNABLES-}} ${{GOMALLOC_RETAIN-}}" >>{notes};; esac
exec {good} "$@"
"""


class Variants(DriverTest):
    def setUp(self) -> None:
        super().setUp()
        shutil.copy(BUILD / "tunings.json", self.directory)  # beside the folder of cells
        self.notes = self.directory / "notes"
        self.script_cell("system", NOTES.replace("{notes}", f"'{self.notes}'"))

    def of(self, name: str) -> Any:
        (found,) = [
            a
            for a in self.valid_document()["context"]["spanbench"]["allocators"]
            if a["name"] == name
        ]
        return found

    def test_each_has_its_variables_and_no_others(self) -> None:
        names = ("system", "system:MALLOC_ARENA_MAX=2", "system:hugetlb=1")
        done = self.quick("--allocators", ",".join(names), *WORK)
        self.assertEqual(done.returncode, 0, done.stderr)
        rows = {e["allocator"] for e in self.valid_document()["benchmarks"]}
        self.assertEqual(rows, set(names))
        self.assertEqual(self.of(names[1])["variables"], ["MALLOC_ARENA_MAX=2"])
        self.assertEqual(self.of(names[2])["variables"], ["GLIBC_TUNABLES=glibc.malloc.hugetlb=1"])
        self.assertNotIn("variables", self.of(names[0]))
        given = {line.strip() for line in self.notes.read_text().splitlines()}
        self.assertEqual(given, {"", "2", "glibc.malloc.hugetlb=1"})

    def test_a_preloaded_library_with_options(self) -> None:
        words = ("--preload", f"own={BUILD / 'libgomalloc.so'}")
        done = self.quick(*words, "--allocators", "own:GOMALLOC_RETAIN=0", *WORK)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertTrue(self.of("own:GOMALLOC_RETAIN=0")["preload"])
        self.assertEqual({line.strip() for line in self.notes.read_text().splitlines()}, {"", "0"})

    def test_without_huge_pages(self) -> None:
        done = self.quick("--allocators", "system,system:thp=never", *WORK)
        self.assertEqual(done.returncode, 0, done.stderr)
        said = {e["allocator"]: e["thp"] for e in self.valid_document()["benchmarks"]}
        self.assertEqual(said["system:thp=never"], "never")
        self.assertNotEqual(said["system"], "never")
        done = spanbench("check", "--cells", self.cells, "--allocators", "system:thp=never")
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.assertIn("huge pages are of run and try", done.stderr)

    def test_a_command_that_repeats_a_check(self) -> None:
        words = ("--out", self.out, "--allocators", "system:MALLOC_ARENA_MAX=2")
        done = spanbench("check", *words, "--checks", "calloc.*", "--verbose")
        self.assertEqual(done.returncode, 0, done.stderr)
        (file,) = [p for p in self.out.glob("*/conformance.json") if not p.parent.is_symlink()]
        document = json.loads(file.read_text())
        (own,) = [a for a in document["allocators"] if "variables" in a]
        self.assertEqual(own["variables"], ["MALLOC_ARENA_MAX=2"])
        self.assertTrue(document["results"])
        for result in document["results"]:
            self.assertIn("env 'MALLOC_ARENA_MAX=2' ", result["repeat"])

    def test_try_takes_the_same_names(self) -> None:
        names = "system,system:MALLOC_ARENA_MAX=2,gomalloc:GOMALLOC_RETAIN=0"
        words = ("--out", self.out, "--runs", 1, "--quiet", "--allocators", names)
        done = spanbench("try", *words, "--", "sh", "-c", "exit ${MALLOC_ARENA_MAX:-0}")
        document = json.loads((self.out / "latest-try" / "program.json").read_text())
        rows = {r["name"]: r for r in document["rows"]}
        self.assertEqual(set(rows), set(names.split(",")))
        self.assertRegex(rows["system:MALLOC_ARENA_MAX=2"]["cause"], "exit code 2")
        self.assertIsNone(rows["system:MALLOC_ARENA_MAX=2"]["library"])
        self.assertIn("libgomalloc", rows["gomalloc:GOMALLOC_RETAIN=0"]["library"])
        self.assertEqual(rows["gomalloc:GOMALLOC_RETAIN=0"]["variables"], ["GOMALLOC_RETAIN=0"])
        self.assertIsNone(rows["system"]["cause"], done.stderr)

    def test_wrong_words(self) -> None:
        for name, said in (
            ("sistem:MALLOC_ARENA_MAX=2", "no allocator 'sistem'"),
            ("system:arena_max=2", "one of MALLOC_ARENA_MAX=2, MALLOC_TRIM_THRESHOLD_=65536"),
            ("system:", "VARIABLE=VALUE"),
            ("system:LD_PRELOAD=x", "VARIABLE=VALUE"),
            ("system:watch=off", "VARIABLE=VALUE"),
            ("system:A=/tmp/x", "without a slash"),
            ("system:A=" + "x" * 80, "short"),
        ):
            done = self.quick("--allocators", name, *WORK)
            self.assertEqual((done.returncode, done.stdout), (2, ""), name)
            self.assertIn(said, done.stderr)
        self.assertFalse(self.out.exists())
        done = spanbench("why", "--allocator", "system:MALLOC_ARENA_MAX=2", "--", "true")
        self.assertEqual(done.returncode, 2)
        self.assertIn("VARIABLE=VALUE spanbench why", done.stderr)


if __name__ == "__main__":
    import unittest

    unittest.main()
