"""The build finds plug-ins, says what it skips, and keeps the dependency directions."""

import fcntl
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any, TextIO

from driving import ROOT, DriverTest, clean_environment, copy_tree, run, slow


class Tree(DriverTest):
    """A copy of the sources, to be changed; without the allocator that is built here, and most planted bugs, which
    take long. The objects are copied, too, with their times: only what changes is compiled."""

    objects = True
    bugs = False

    def setUp(self) -> None:
        super().setUp()
        self.tree = self.directory / "tree"
        programs = ("cell", "faulty", "test*")
        copy_tree(self.tree, "*gomalloc*", objects=self.objects, programs=programs)
        if not self.bugs:
            for bug in (self.tree / "allocators" / "faulty" / "check").glob("*.c"):
                bug.unlink()

    def make(self, *words: str) -> "subprocess.CompletedProcess[str]":
        environment = clean_environment(B="build")
        return run("make", "-j2", *words, cwd=self.tree, env=environment)

    def make_well(self, *words: str) -> "subprocess.CompletedProcess[str]":
        result = self.make(*words)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        return result

    def built_cells(self) -> set[str]:
        return {p.name for p in (self.tree / "build" / "cell").iterdir()}

    def write(self, path: str, text: str) -> Path:
        file = self.tree / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file

    def describe(self, cell: str) -> Any:
        """What a cell says of itself when it is started from anywhere."""
        result = run(self.tree / "build" / "cell" / cell, "--describe", cwd="/")
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        return json.loads(result.stdout)


class Plugins(Tree):
    def test_adapters_come_and_go_with_their_files(self) -> None:
        template = (self.tree / "allocators" / "system.c").read_text()
        self.write("allocators/copied.c", template)
        absent = template.replace("library: libc.so.6", "library: libabsent.so")
        self.write("allocators/absent.c", absent.replace("libc6-dev", "libabsent-dev"))
        self.make_well()
        self.assertLessEqual({"copied", "system", "null", "absent.skip"}, self.built_cells())
        listed = run("build/spanbench", "list", cwd=self.tree).stdout
        self.assertRegex(listed, r"(?m)^  copied +\d")
        self.assertIn("skipped: libabsent.so is not there; install libabsent-dev", listed)
        words = ["--quick", "--verbose", "--workloads", "tiny", "--threads", "1"]
        result = run("build/spanbench", *words, "--repetitions", "1", cwd=self.tree)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("tiny/copied/threads:1", result.stdout)

        (self.tree / "allocators" / "copied.c").unlink()
        (self.tree / "allocators" / "absent.c").unlink()
        self.make_well()
        self.assertEqual({"copied", "absent", "absent.skip"} & self.built_cells(), set())

    def test_workloads_come_and_go_with_their_files(self) -> None:
        tiny = (self.tree / "workloads" / "timed" / "tiny.c").read_text()
        self.write(
            "workloads/timed/mine.c",
            tiny.replace("workload_tiny", "workload_mine").replace('"tiny"', '"mine"'),
        )
        self.make_well()
        listed = run("build/spanbench", "list", cwd=self.tree).stdout
        self.assertRegex(listed, r"(?m)^  mine ")
        (self.tree / "workloads" / "timed" / "mine.c").unlink()
        self.make_well()
        self.assertNotIn("mine", run("build/spanbench", "list", cwd=self.tree).stdout)


class Version(Tree):
    """Outside of git, which a release's archive is, the changes say which version this is."""

    objects = False

    def version(self) -> str:
        self.make_well("build/version.h")
        return (self.tree / "build" / "version.h").read_text()

    def test_is_the_newest_entry_of_the_changes(self) -> None:
        for text, version in (
            ("# Changes\n\n## 9.8.7 (2026-12-01)\n\n- new\n\n## 9.8.6\n", "9.8.7"),
            ("## 0.2.0-rc1\n", "0.2.0-rc1"),
            ("# Changes\n", "unknown"),
        ):
            self.write("CHANGELOG.md", text)
            self.assertEqual(self.version(), f'#define SPANBENCH_VERSION "{version}"\n', text)
        (self.tree / "CHANGELOG.md").unlink()
        self.assertIn('"unknown"', self.version())


class Libraries(Tree):
    def setUp(self) -> None:
        super().setUp()
        blanks = self.directory / "a tree"  # paths with blanks are quoted everywhere
        self.tree = self.tree.rename(blanks)

    def shared_object(self, path: str, *flags: str) -> Path:
        text = "#include <stdlib.h>\nvoid *own_malloc(size_t n); void own_free(void *p);\n"
        text += "void *own_malloc(size_t n) { return malloc(n); }\n"
        source = self.write("own.c", text + "void own_free(void *p) { free(p); }\n")
        file = self.tree / path
        file.parent.mkdir(exist_ok=True)
        command = [os.environ.get("CC", "cc"), "-shared", "-fPIC", *flags, "-o", file, source]
        self.assertEqual(run(*command).returncode, 0)
        source.unlink()
        return file.resolve()

    def adapter(self, name: str, library: str) -> None:
        head = f"/* Own.\n *\n * library: {library}\n */\n"
        text = '#include "allocator.h"\nvoid *own_malloc(size_t n);\nvoid own_free(void *p);\n'
        slots = '.object = "lib", .malloc = own_malloc, .free = own_free'
        text += f"const struct allocator allocator = {{.abi = ALLOCATOR_ABI, {slots}}};\n"
        self.write(f"allocators/{name}.c", head + text)

    def test_library_may_be_a_path(self) -> None:
        bare = self.shared_object("own/libbare.so")  # without a soname
        named = self.shared_object("../beside/libnamed.so.2", "-Wl,-soname,libnamed.so.2")
        elsewhere = self.directory / "elsewhere"
        elsewhere.mkdir()
        shutil.copy(bare, elsewhere / "libbare-1.so")
        copied = shutil.copy(bare, elsewhere / "libbare-2.so")
        libraries = {
            "relative": ("own/libbare.so", bare),
            "beside": ("../beside/libnamed.so.2", named),
            "pattern": ("o?n/libb*.so", bare),
            "absolute": (f"{elsewhere}/libbare-?.so", Path(copied)),
        }
        for name, (library, _) in libraries.items():
            self.adapter(name, library)
        self.adapter("absent", "own/libabsent.so")
        self.adapter("glob", "/nonexistent/x?/libglob-@ARCH@.so")
        self.adapter("globs", "/nonexistent/lib*.so")
        result = self.make_well()
        self.assertIn("skipped: absent: own/libabsent.so is not there\n", result.stdout)
        self.assertRegex(result.stdout, r"skipped: glob: libglob-\w+\.so is not there\n")
        self.assertIn("skipped: globs: its library is not there\n", result.stdout)
        for name, (_, path) in libraries.items():
            self.assertEqual(self.describe(name)["object"], str(path))

        self.shared_object("own/libabsent.so")
        self.assertNotIn("build/harness/", self.make_well().stdout)
        self.assertLessEqual({"absent"}, self.built_cells())
        self.assertNotIn("absent.skip", self.built_cells())
        self.describe("absent")


class Rivals(Tree):
    def test_rival_is_the_adapter_with_a_newer_library(self) -> None:
        usr = self.tree / "build" / "rivals" / "own-2.0" / "usr"
        (usr / "include").mkdir(parents=True)
        (usr / "lib").mkdir()
        text = '#include "allocator.h"\n#include <own.h>\nstatic const char *version(void) { return OWN; }\n'
        slots = '.object = "libown.so", .version = version, .malloc = own_malloc, .free = own_free'
        text += f"const struct allocator allocator = {{.abi = ALLOCATOR_ABI, {slots}}};\n"
        self.write("allocators/own.c", f"/* Own.\n *\n * library: libown.so\n */\n{text}")
        declared = "#include <stdlib.h>\nvoid *own_malloc(size_t); void own_free(void *);\n"
        (usr / "include" / "own.h").write_text(f'{declared}#define OWN "2.0"\n')
        source = self.write(
            "own_malloc.c",
            declared + "void *own_malloc(size_t n) { return malloc(n); }\n"
            "void own_free(void *p) { free(p); }\n",
        )
        library = usr / "lib" / "libown.so"
        built = run(os.environ.get("CC", "cc"), "-shared", "-fPIC", "-o", library, source)
        self.assertEqual(built.returncode, 0, built.stderr)
        source.unlink()
        made = "RIVAL_own-2.0 := own\nLIBRARY_own-2.0 := $B/rivals/own-2.0/usr/lib/libown.so\n"
        (usr.parent / "rival.mk").write_text(made)
        self.make_well()
        described = self.describe("../rivals/cell/own-2.0")
        self.assertEqual((described["version"], described["object"]), ("2.0", str(library)))
        self.assertIn("own.skip", self.built_cells())


class Skipped(DriverTest):
    """The reason for a skip is advice that can be followed."""

    def why(self, package: str) -> str:
        environment = clean_environment(B=str(self.directory))
        return run(
            ROOT / "scripts" / "why-skipped", "/x/*/liba.so", package, env=environment
        ).stdout

    def test_advice_is_to_install_what_is_to_be_had(self) -> None:
        self.assertEqual(self.why("libnone-dev"), "liba.so is not there; install libnone-dev\n")
        (self.directory / "unavailable-packages").write_text("libnone-dev\n")
        self.assertIn("this distribution has no package libnone-dev", self.why("libnone-dev"))
        self.assertIn("install libnone\n", self.why("libnone"))
        if shutil.which("dpkg-query"):
            self.assertIn("although libc6 is installed", self.why("libc6"))


class Compilers(Tree):
    bugs = True

    @slow
    def test_clang_has_no_complaint(self) -> None:
        if not shutil.which("clang"):
            self.skipTest("clang is not installed")
        result = self.make_well("CC=clang", "CXX=clang++", "CFLAGS=-O0", "CXXFLAGS=-O0", "tests")
        self.assertNotIn("warning", result.stderr)

    def test_compiler_that_is_not_there_is_said_and_costs_no_cell(self) -> None:
        self.make_well()
        before = self.built_cells()
        fails = self.write("fails", '#!/bin/sh\ncase $1 in -print*) exit 1;; esac\nexec cc "$@"\n')
        fails.chmod(0o755)
        for words, says in (
            (["CC=nonexistent"], "'nonexistent' (CC). Install the package gcc"),
            (["CC=clang-nonexistent -m64"], "-m64' (CC). Install the package clang"),
            (["CXX=nonexistent"], "'nonexistent' (CXX). Install the package g++"),
            (["CC=./fails"], "'./fails' (CC) does not work"),
            (["-k", "CC=nonexistent"], "there is no compiler 'nonexistent'"),
        ):
            result = self.make(*words)
            self.assertNotEqual(result.returncode, 0)
            self.assertIn(says, result.stderr)
            self.assertNotIn("skipped", result.stdout)
            self.assertNotIn("install lib", result.stdout + result.stderr)
            self.assertEqual(self.built_cells(), before)
        self.make_well("clean", "CC=nonexistent")
        self.assertFalse((self.tree / "build").exists())
        self.assertIn("make bench", self.make_well("help", "CC=nonexistent").stdout)


class Flags(Tree):
    objects = False

    def built(self, *words: str) -> "set[str]":
        """The kinds of commands that a build consists of."""
        lines = self.make_well(*words).stdout.splitlines()
        return {line.split()[0] for line in lines if line.startswith("  ")}

    @slow
    def test_other_flags_build_again(self) -> None:
        # Most of the rest are checks, and compiled by the same rule; -O0 takes half the time.
        driver = ("build/spanbench", "CFLAGS=-O0")
        self.assertEqual(self.built(*driver), {"CC", "CXX", "LINK"})
        self.assertEqual(self.built(*driver), set())
        other = ("build/spanbench", "CFLAGS=-O0 -DOTHER='\"a b\"'")
        self.assertLessEqual({"CC", "LINK"}, self.built(*other))
        self.assertEqual(self.built(*other), set())
        self.assertEqual(self.built(*other, "LDFLAGS=-Wl,-O1"), {"LINK"})
        self.assertLessEqual({"CXX", "LINK"}, self.built(*driver, "CXXFLAGS=-O1"))

        self.write("harness/more.c", "extern int more;\nint more;\n")
        self.assertEqual(self.built(*driver, "CXXFLAGS=-O1"), {"CC", "LINK"})
        (self.tree / "harness" / "more.c").unlink()
        self.assertEqual(self.built(*driver, "CXXFLAGS=-O1"), {"LINK"})

    @slow
    def test_all_is_built_once(self) -> None:
        self.assertEqual(self.built("CFLAGS=-O0", "CXXFLAGS=-O0"), {"CC", "CXX", "LINK", "COPY"})
        self.assertEqual(self.built("CFLAGS=-O0", "CXXFLAGS=-O0"), set())

    def test_warnings_are_errors_unless_told(self) -> None:
        text = (self.tree / "allocators" / "null.c").read_text()
        self.write("allocators/warns.c", text + "static void unused(void) {}\n")
        self.assertIn("unused", self.make("build/allocators/warns.o").stderr)
        result = self.make_well("build/allocators/warns.o", "WERROR=")
        self.assertIn("warning", result.stderr)


TOY = {
    "toy/toy.h": """/* What the allocator offers. */
#include <stddef.h>
#define TOY __attribute__((visibility("default")))
TOY void *toy_malloc(size_t size);
TOY void toy_free(void *block);
TOY const char *toy_version(void);
""",
    "toy/toy.c": """#include "toy.h"
#include "pool.h"
#ifdef TOY_STRICT
const char *toy_version(void) { return "strict"; }
#else
const char *toy_version(void) { return "loose"; }
#endif
void *toy_malloc(size_t size) { return pool_take(size); }
void toy_free(void *block) { pool_put(block); }
""",
    "toy/pool.h": "#include <stddef.h>\nvoid *pool_take(size_t size);\nvoid pool_put(void *block);\n",
    # Blocks of powers of two from 16 bytes on, behind a header with the number of their list.
    "toy/pool.c": """#include "pool.h"
#include <pthread.h>
#include <sys/mman.h>
enum { LISTS = 40, HEADER = 16, CHUNK = 1 << 20 };
union header { unsigned list; union header *next; char size[HEADER]; };
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static union header *list_of[LISTS];
static char *at, *end;
static void *map(size_t size) {
    void *m = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return m == MAP_FAILED ? NULL : m;
}
void *pool_take(size_t size) {
    unsigned list = 5;
    while (list < LISTS - 1 && ((size_t)1 << list) < size + HEADER)
        list++;
    pthread_mutex_lock(&lock);
    union header *h = list_of[list];
    const size_t whole = (size_t)1 << list;
    if (h) {
        list_of[list] = h->next;
    } else if (whole >= CHUNK) {
        h = map(whole);
    } else {
        if ((size_t)(end - at) < whole)
            end = (at = map(CHUNK)) ? at + CHUNK : NULL;
        h = (union header *)(void *)at;
        at += at ? whole : 0;
    }
    if (h)
        h->list = list;
    pthread_mutex_unlock(&lock);
    return h ? h + 1 : NULL;
}
void pool_put(void *block) {
    union header *h = block;
    if (!h--)
        return;
    pthread_mutex_lock(&lock);
    const unsigned list = h->list;
    h->next = list_of[list];
    list_of[list] = h;
    pthread_mutex_unlock(&lock);
}
""",
    "toy/interpose.c": """#include "toy.h"
#include <stdlib.h>
#include <string.h>
TOY void *malloc(size_t size) { return toy_malloc(size); }
TOY void free(void *block) { toy_free(block); }
TOY void *calloc(size_t n, size_t size) {
    void *block = toy_malloc(n * size);
    return block ? memset(block, 0, n * size) : NULL;
}
""",
    "toy/test_pool.c": """#include "pool.h"
#include "tap.h"
#include "toy.h"
int main(void) {
    char *block = pool_take(100);
    OK(block != NULL && strcmp(toy_version(), "loose") == 0, "a block");
    pool_put(block);
    return tap_done();
}
""",
    "toy/test_overflow.c": """#include "tap.h"
#include <stdlib.h>
int main(int argc, char **argv) {
    volatile char *block = malloc((size_t)argc);
    block[argc] = argv != NULL; /* one too far */
    OK(true, "went on");
    return tap_done();
}
""",
    "toy/test_shift.c": """#include "tap.h"
int main(int argc, char **argv) {
    volatile int number = argv ? 31 + argc : 0; /* too far for an int */
    OK((1 << number) != 3, "went on");
    return tap_done();
}
""",
    "toy/test_race.c": """#include "tap.h"
#include <pthread.h>
static volatile int shared;
/* Of two accesses at the same instant, ThreadSanitizer may miss one. */
static void *add(void *unused) {
    for (int i = 0; i < 10000; i++)
        shared = i;
    return unused;
}
int main(void) {
    pthread_t thread;
    pthread_create(&thread, NULL, add, NULL);
    add(NULL);
    pthread_join(thread, NULL);
    OK(true, "went on");
    return tap_done();
}
""",
    "toy.c": """/* A toy.
 *
 * built-from: toy
 */
#include "allocator.h"

#include "toy.h"

const struct allocator allocator = {
    .abi     = ALLOCATOR_ABI,
    .object  = "libtoy",
    .version = toy_version,
    .malloc  = toy_malloc,
    .free    = toy_free,
};
""",
}


class BuiltHere(Tree):
    """An allocator that is built from a folder, by two adapters with different flags."""

    def setUp(self) -> None:
        super().setUp()
        for name, text in TOY.items():
            self.write(f"allocators/{name}", text)
        strict = TOY["toy.c"].replace("built-from: toy", "built-from: toy -DTOY_STRICT")
        self.write("allocators/toy-strict.c", strict)

    @slow
    def test_each_adapter_has_a_library_of_its_own(self) -> None:
        self.make_well()
        for name, version in (("toy", "loose"), ("toy-strict", "strict")):
            d = self.describe(name)
            library = self.tree.resolve() / "build" / f"lib{name}.so"
            self.assertEqual((d["object"], d["version"]), (str(library), version))
            self.assertEqual(d["process_malloc"], str(library))
            symbols = run("nm", "--defined-only", library.with_suffix(".a")).stdout
            self.assertRegex(symbols, r"t pool_take\b")  # of the library alone
            self.assertRegex(symbols, r"T toy_malloc\b")
            self.assertNotRegex(symbols, r"T malloc\b")
            exported = run("nm", "-D", "--defined-only", library).stdout
            self.assertNotIn("pool_take", exported)
            self.assertRegex(exported, r"T malloc\b")
        words = ["--quick", "--allocators", "toy,toy-strict", "--repetitions", "1"]
        result = run("build/spanbench", *words, cwd=self.tree)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        self.assertEqual(run("ci/includes.py", cwd=self.tree).stdout, "")
        self.assertEqual(self.make_well().stdout, "", "there is nothing left to do")

    def test_what_changes_is_built_again(self) -> None:
        self.make_well("build/cell/toy", "build/cell/toy-strict", "build/libtoy.a")
        strict = self.tree / "allocators" / "toy-strict.c"
        strict.write_text(strict.read_text().replace("-DTOY_STRICT", "-DANOTHER"))
        output = self.make_well("build/cell/toy", "build/cell/toy-strict").stdout
        self.assertNotIn("build/lib/toy/", output)
        self.assertEqual(self.describe("toy-strict")["version"], "loose")
        pool = self.tree / "allocators" / "toy" / "toy.h"
        pool.write_text(pool.read_text() + "/* more */\n")
        output = self.make_well("build/cell/toy").stdout
        self.assertIn("build/lib/toy/toy.o", output)
        self.assertNotIn("build/lib/toy/pool.o", output)

    def test_a_folder_sees_only_its_own_headers(self) -> None:
        for header in ("allocator.h", "workload.h", "tap.h"):
            self.write("allocators/toy/upward.c", f'#include "{header}"\n')
            self.assertIn("No such file", self.make("build/libtoy.so").stderr)
        shutil.rmtree(self.tree / "allocators" / "toy")
        self.assertIn("nothing to build in allocators/toy/", self.make("build/libtoy.so").stderr)

    @slow
    def test_tests_run_with_and_without_sanitisers(self) -> None:
        finds: dict[str, set[str]] = {
            "pool": set(),
            "overflow": {"asan"},
            "shift": {"asan"},
            "race": {"tsan"},
        }
        self.make_well("tests")
        for name, finders in finds.items():
            for variant in ("", "asan", "tsan"):
                test = f"allocators/toy/test_{name}"
                path = f"test-{variant}/{test}" if variant else test
                result = run(
                    "scripts/run-test", path, cwd=self.tree, env=clean_environment(B="build")
                )
                self.assertEqual(
                    result.returncode != 0, variant in finders, path + result.stdout + result.stderr
                )
        words = ["test", "DEPS=skip", "TEST=test-asan/allocators/toy/test_pool"]
        self.assertIn("Result: PASS", self.make_well(*words).stdout)
        plain = " allocators/toy/test_pool "
        quick = self.make_well("-n", "test", "DEPS=skip").stdout
        every = self.make_well("-n", "test-all", "DEPS=skip").stdout
        for path in ("test-asan/allocators/", "test-tsan/allocators/", "test-toy/allocators/"):
            self.assertIn(f" {path}toy/test_pool ", quick)
            self.assertIn(f" {path}toy/test_pool ", every)
        self.assertNotIn(plain, quick)
        self.assertIn(plain, every)
        slow_ones = self.make_well("-n", "test-slow", "DEPS=skip", "MINUTES=1").stdout
        self.assertIn(plain, slow_ones)
        self.assertNotIn(" test-toy/allocators/toy/test_pool ", slow_ones)
        self.assertIn("TEST_UNTIL=", slow_ones)
        (self.tree / "harness" / "test" / "test_toy.py").write_text(
            "import os, unittest\nfrom driving import slow\nclass Toy(unittest.TestCase):\n"
            "    def test_quick(self): self.fail('is left out')\n"
            "    @slow\n    def test_slow(self): self.assertEqual(os.environ['TEST_ALL'], 'only')\n"
            "    @slow\n    def test_time(self): self.assertIn('TEST_UNTIL', os.environ)\n"
        )
        words = ["test-slow", "DEPS=skip", "TEST=harness/test/test_toy.py"]
        self.assertIn("Result: PASS", self.make_well(*words, "MINUTES=9").stdout)
        self.assertIn("not begun", self.make_well(*words, "MINUTES=0").stderr)
        listed = self.make_well("-n", "test", "DEPS=skip", "SANITIZERS=").stdout
        self.assertNotIn("test-asan", listed)
        self.assertIn(plain, listed)


class Locks(DriverTest):
    """Of the folder that is built in: two makes at once would spoil each other's files."""

    def make(self, build: Any) -> "subprocess.Popen[str]":
        """Something small."""
        return subprocess.Popen(
            ["make", f"B={build}", f"{build}/workloads.inc"],
            cwd=ROOT,
            env=clean_environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def held(self, name: Path) -> TextIO:
        lock = name.open("w")
        fcntl.flock(lock, fcntl.LOCK_EX)
        return lock

    def test_who_builds_keeps_others_waiting_and_they_say_so(self) -> None:
        name = self.directory / "lock"
        first = self.held(name)
        with self.make(self.directory) as waiting:
            assert waiting.stderr
            self.assertIn("another make builds in", waiting.stderr.readline())
            with self.assertRaises(subprocess.TimeoutExpired):
                waiting.wait(2)
            name.unlink()  # as make clean does, and another make begins
            second = self.held(name)
            first.close()
            self.assertIn("another make builds in", waiting.stderr.readline())
            self.assertFalse((self.directory / "workloads.inc").exists())
            second.close()
            _, errors = waiting.communicate(timeout=600)
            self.assertEqual((waiting.returncode, errors), (0, ""))
        with self.make(self.directory) as again:  # the lock ended with the process
            self.assertEqual(again.wait(600), 0)

    def test_a_folder_that_cannot_be_written_to(self) -> None:
        with self.make("/proc/x") as process:
            _, errors = process.communicate(timeout=600)
            self.assertEqual(process.returncode, 2)
            self.assertIn("cannot write to '/proc/x'", errors)
            self.assertIn("B=/tmp/build OUT=/tmp/results", errors)

    def test_what_builds_nothing_needs_no_folder(self) -> None:
        """A stored run is shown wherever it can be read."""
        example, run_folder = ROOT / "results" / "example", self.directory / "run"
        shutil.copytree(example, run_folder)
        before = {path.name for path in run_folder.iterdir()}
        for target in ("table", "answer", "report"):
            done = run("make", "B=/proc/x", f"RUN={run_folder}", target, cwd=ROOT)
            self.assertEqual((done.returncode, done.stderr), (0, ""), target)
            self.assertTrue(done.stdout, target)
        done = run("make", f"A={example}", f"B={run_folder}", "compare", cwd=ROOT)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        made = {path.name for path in run_folder.iterdir()} - before
        self.assertEqual(made - {"report.html"}, {"compare.html"})

    def test_a_page_that_cannot_be_written(self) -> None:
        example = ROOT / "results" / "example"
        of_two: list[Any] = [f"--base={example}", example]
        for words in ([example], of_two):
            script = ROOT / "scripts" / "report" / "__main__.py"
            done = run(script, "--out=/proc/x/page.html", *words)
            self.assertEqual((done.returncode, done.stdout), (2, ""))
            self.assertIn("/proc/x/page.html: the page cannot be written: ", done.stderr)
            self.assertIn("--out=FILE writes it elsewhere", done.stderr)

    def test_results_that_cannot_be_written(self) -> None:
        if os.geteuid() == 0:
            self.skipTest("root may write to any folder")
        self.directory.chmod(0o555)
        for script in ("bench.sh", "check.sh", "gate.sh"):
            env = clean_environment(OUT=self.directory / "new" / "results")
            done = run(ROOT / "scripts" / script, env=env)
            self.assertEqual(done.returncode, 2)
            self.assertIn("have results in another folder: OUT=/tmp/results", done.stderr)


class Directions(Tree):
    def test_a_folder_sees_only_what_it_may_include(self) -> None:
        for folder, header in (
            ("allocators", "workload.h"),
            ("allocators", "plan.h"),
            ("workloads/timed", "sample.h"),
            ("workloads/timed", "registry.h"),
            ("workloads/timed", "check.h"),
            ("workloads/misuses", "check.h"),
            ("workloads/checks", "misuse.h"),
            ("harness/core", "rows.h"),
            ("harness/support", "options.h"),
            ("harness/bench", "check.h"),
            ("harness/check", "rows.h"),
            ("harness/try", "rows.h"),
            ("harness/bench", "trial.h"),
            ("harness/serving", "registry.h"),
            ("harness/harden", "check.h"),
            ("harness", "allocator.h"),
            ("harness", "workload.h"),
            ("harness", "usage.h"),
            ("harness/cell", "registry.h"),
        ):
            source = self.write(f"{folder}/upward.c", f'#include "{header}"\n')
            result = self.make(f"build/{folder}/upward.o")
            source.unlink()
            self.assertNotEqual(result.returncode, 0, f"{folder} may include {header}")
            self.assertIn("No such file", result.stderr)
