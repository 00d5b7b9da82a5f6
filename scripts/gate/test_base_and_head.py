"""What is compared: how BASE and HEAD are read, built, kept, copied and checked."""

import os
import subprocess
import unittest
from typing import Any
from unittest import mock

from driving import DriverTest
from gate import base_and_head
from gate.findings import Refusal
from gate.rows import Workload

# A project whose "library" is what its Makefile writes.
MAKEFILE = """B ?= build
$B/libgomalloc.so: allocators/gomalloc.c
\tmkdir -p $(@D)
\tgrep -q good $<
\tcp $< $@
\techo built >>$(LOG)
"""


class Tree(DriverTest):
    def setUp(self) -> None:
        super().setUp()
        self.root = self.directory / "project"
        self.cells = self.root / "build" / "cell"
        self.cells.mkdir(parents=True)
        self.log = self.directory / "built"
        (self.root / "Makefile").write_text(MAKEFILE.replace("$(LOG)", str(self.log)))
        (self.root / ".gitignore").write_text("build/\n")
        self.git("init", "--quiet", "--initial-branch=main")
        self.first = self.commit("good 1")

    def git(self, *words: str) -> str:
        who = {f"GIT_{r}_{k}": "x" for r in ("AUTHOR", "COMMITTER") for k in ("NAME", "EMAIL")}
        return subprocess.run(
            ["git", "-C", self.root, *words],
            check=True,
            capture_output=True,
            text=True,
            env={**os.environ, **who},
        ).stdout.strip()

    def write(self, text: str, name: str = "allocators/gomalloc.c") -> None:
        (self.root / name).parent.mkdir(exist_ok=True)
        (self.root / name).write_text(text)

    def commit(self, text: str) -> str:
        self.write(text)
        self.git("add", ".")
        self.git("commit", "--quiet", "-m", text)
        return self.git("rev-parse", "HEAD")

    def resolve(self, word: str) -> base_and_head.Source:
        return base_and_head.resolve(word, self.cells, self.root)

    def built(self) -> int:
        return len(self.log.read_text().splitlines()) if self.log.exists() else 0


class DefaultBase(Tree):
    def default(self) -> str:
        return base_and_head.default_base(self.root)

    def test_on_a_branch_where_it_began(self) -> None:
        self.git("checkout", "--quiet", "-b", "mine")
        self.commit("good 2")
        self.commit("good 3")
        self.assertEqual(self.default(), self.first)

    def test_on_main_the_commit_before(self) -> None:
        self.commit("good 2")
        self.assertEqual(self.default(), self.first)

    def test_on_main_with_changes_the_commit_itself(self) -> None:
        second = self.commit("good 2")
        self.write("good 3")
        self.assertEqual(self.default(), second)

    def test_not_pushed_commits_of_main(self) -> None:
        self.git("update-ref", "refs/remotes/origin/main", self.first)
        self.commit("good 2")
        self.commit("good 3")
        self.assertEqual(self.default(), self.first)

    def test_no_main_branch_is_not_the_commit_before(self) -> None:
        """Nor is a main branch whose history was cut off."""
        self.git("checkout", "--quiet", "-b", "trunk")
        self.commit("good 2")
        self.git("branch", "--quiet", "-D", "main")
        with self.assertRaisesRegex(Refusal, "in common with origin/main or main: fetch"):
            self.default()
        other = self.git("commit-tree", "-m", "no parent", "HEAD^{tree}")
        self.git("update-ref", "refs/remotes/origin/main", other)
        with self.assertRaisesRegex(Refusal, "in common with origin/main or main: fetch"):
            self.default()

    def test_nothing_before(self) -> None:
        with self.assertRaisesRegex(Refusal, "no commit before this one"):
            self.default()

    def test_no_repository(self) -> None:
        with self.assertRaisesRegex(Refusal, "installed spanbench has no sources"):
            base_and_head.default_base(self.directory)
        (self.directory / "Makefile").write_text("")
        with self.assertRaisesRegex(Refusal, "not a git repository"):
            base_and_head.default_base(self.directory)


class Resolve(Tree):
    def test_refs_are_built_once_and_kept(self) -> None:
        second = self.commit("good 2")
        self.git("tag", "v1", self.first)
        self.write("good 3")
        for word, commit in (("v1", self.first), ("HEAD", second), (self.first[:9], self.first)):
            source = self.resolve(word)
            self.assertEqual(source.word, commit)
            self.assertFalse(source.adapter)
            self.assertEqual(
                source.file.read_text(), "good 1" if commit == self.first else "good 2"
            )
        self.assertEqual(self.built(), 2)
        self.assertEqual(self.resolve("").file.read_text(), "good 3")
        self.assertEqual(self.git("status", "--porcelain"), "M allocators/gomalloc.c")

    def test_another_compiler_builds_again(self) -> None:
        self.resolve("HEAD")
        with mock.patch.dict(os.environ, CFLAGS="-O3"):
            self.resolve("HEAD")
        self.assertEqual(self.built(), 2)

    def test_the_tree_is_always_made_anew(self) -> None:
        for text in ("good 5", "good 6"):
            self.write(text)
            os.utime(self.root / "allocators/gomalloc.c", (2e9 + self.built(), 2e9 + self.built()))
            self.assertEqual(self.resolve("").file.read_text(), text)

    def test_what_does_not_build_is_refused(self) -> None:
        bad = self.commit("bad")
        with self.assertRaisesRegex(Refusal, f"{bad[:12]}: it does not build: .*Error"):
            self.resolve(bad)
        with self.assertRaisesRegex(Refusal, "this tree: it does not build"):
            self.resolve("")
        with self.assertRaises(Refusal):  # nothing of the first attempt is kept
            self.resolve(bad)

    def test_a_commit_without_the_library_is_refused(self) -> None:
        self.git("rm", "--quiet", "-r", "allocators")
        self.git("commit", "--quiet", "-m", "none")
        with self.assertRaisesRegex(Refusal, "has no gomalloc"):
            self.resolve("HEAD")

    def test_library(self) -> None:
        file = self.directory / "libfoo.so"
        file.write_text("x")
        source = self.resolve(str(file))
        self.assertEqual((source.file, source.adapter, source.label), (file, False, str(file)))

    def test_adapter(self) -> None:
        cell = self.cells / "foo"
        cell.write_text("x")
        cell.chmod(0o755)
        self.assertTrue(self.resolve("foo").adapter)
        (self.cells / "bar.skip").write_text("bar is not there; install bar-dev\n")
        with self.assertRaisesRegex(Refusal, "install bar-dev"):
            self.resolve("bar")

    def test_nothing_of_that_name(self) -> None:
        for word in ("nonsense", "./nonsense.so", "--upload-pack=x", "../project", "$(x)"):
            with self.assertRaises(Refusal, msg=word):
                self.resolve(word)


class Copies(DriverTest):
    def setUp(self) -> None:
        super().setUp()
        self.sources = []
        for name in ("one", "another"):
            file = self.directory / name
            file.write_text(name)
            self.sources.append(base_and_head.Source(file, False, name, name))

    def arms(self) -> base_and_head.Arms:
        return base_and_head.Arms.of(self.sources[0], self.sources[1], self.directory / "kept")

    def test_the_twin_is_a_copy_of_base(self) -> None:
        both = self.arms()
        words = both.copy_into(self.directory / "copies")
        texts = {p.name: p.read_text() for p in (self.directory / "copies").iterdir()}
        self.assertEqual(texts, {"base.so": "one", "head.so": "another", "twin.so": "one"})
        self.assertEqual(words[1], f"base={self.directory}/copies/base.so")
        self.assertEqual(len({len(w) for w in words[1::2]}), 1, "paths are equally long")

    def test_what_is_built_meanwhile_changes_nothing(self) -> None:
        both = self.arms()
        self.sources[0].file.write_text("changed")
        both.copy_into(self.directory / "copies")
        self.assertEqual((self.directory / "copies" / "twin.so").read_text(), "one")

    def test_arms_that_are_swapped_are_refused(self) -> None:
        both = self.arms()
        copies = self.directory / "copies"
        for name, of in (("twin", "head"), ("base", "head"), ("head", "base")):
            both.copy_into(copies)
            (copies / f"{name}.so").write_bytes(both.file(of).read_bytes())
            with self.assertRaisesRegex(Refusal, "the gate is broken"):
                both.check(copies)
            for file in copies.iterdir():
                file.unlink()
            copies.rmdir()

    def test_adapter_against_library_is_refused(self) -> None:
        self.sources[0] = base_and_head.Source(self.sources[0].file, True, "foo", "foo")
        with self.assertRaisesRegex(Refusal, "two adapters, or two libraries"):
            self.arms()

    def test_no_malloc_library_is_refused(self) -> None:
        both = self.arms()
        good = {"workloads": [{"name": "tiny"}]}
        self.assertEqual(
            both.check_descriptions({"base": good, "head": good, "twin": good}),
            {"tiny": Workload("core")},
        )
        convoy: dict[str, Any] = {
            "name": "convoy",
            "group": "threads",
            "least_threads": 4,
            "threads_per_cpu": 2,
        }
        lacks = {"workloads": [{**convoy, "missing": "calloc"}]}
        has = {"workloads": [{**convoy, "missing": None}]}
        for base, head, who in ((lacks, has, both.base.label), (has, lacks, both.head.label)):
            (found,) = both.check_descriptions({"base": base, "head": head, "twin": base}).values()
            self.assertEqual((found.group, found.least_threads), ("threads", 4))
            self.assertEqual((found.threads_per_cpu, found.missing), (2, f"{who} has no calloc"))
        for name in ("base", "head", "twin"):
            described = {"base": good, "head": good, "twin": good, name: {"broken": "not taken"}}
            with self.assertRaisesRegex(Refusal, f"{name}, .* cannot be measured: not taken"):
                both.check_descriptions(described)
            with self.assertRaises(Refusal):
                both.check_descriptions({k: v for k, v in described.items() if k != name})


if __name__ == "__main__":
    unittest.main()
