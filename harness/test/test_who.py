"""spanbench who: which object serves malloc in a process and in its children."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import stat
import subprocess
import tempfile
import time
import unittest
from pathlib import Path
from typing import Any, Optional

import jsonschema

from driving import (
    BUILD,
    CELLS,
    FIRST_ENDS,
    ROOT,
    SPANBENCH,
    cell,
    cell_names,
    of_processes,
    run,
    slow,
)
from driving import spanbench

SCHEMA = json.loads((ROOT / "results" / "who.schema.json").read_text())
GOMALLOC = BUILD / "libgomalloc.so"

ALLOCATES = """
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
int main(int argc, char **argv) {
    void *block = malloc(10);
    if (argc > 1 && !dlopen(argv[1], atoi(argv[2])))
        puts(dlerror());
    free(block);
    return 0;
}
"""
THREADS = """
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>
static void *work(void *arg) {
    free(malloc(100));
    usleep(100000);
    return arg;
}
int main(void) {
    pthread_t thread[4];
    for (int i = 0; i < 4; i++)
        pthread_create(&thread[i], NULL, work, NULL);
    pthread_exit(NULL);
}
"""
# Prints, goes on when it may read, and opens the library that its word names.
OPENS_LATE = (
    FIRST_ENDS
    + """
#include <dlfcn.h>
#include <unistd.h>
static char byte;
static void go_on(const char *word) {
    free(malloc(100));
    write(1, "\\n", 1);
    read(0, &byte, 1);
    if (word)
        dlopen(word, RTLD_NOW);
}
"""
)
# An allocator that frees nothing; with -DVERSIONED, of a version that nobody asks for.
HEAP = """
#include <stddef.h>
#ifdef VERSIONED
__asm__(".symver own, malloc@@OTHER_1.0");
#define malloc own
#endif
static char heap[1 << 20];
static size_t used;
void *malloc(size_t size) {
    void *block = heap + used;
    used += (size + 15) & ~(size_t)15;
    return used > sizeof heap ? NULL : block;
}
#ifndef VERSIONED
void free(void *block) { (void)block; }
#endif
void *call(void) { return malloc(1); }
"""
CXX = """
#include <string>
#include <vector>
int main() { return std::vector<std::string>(9, "more than sixteen characters").size() != 9; }
"""
GO = """package main
func main() { println(len(make([]byte, 1000))) }
"""


class WhoTest(unittest.TestCase):
    folder: Path

    @classmethod
    def setUpClass(cls) -> None:
        cls.folder = Path(tempfile.mkdtemp(prefix="spanbench-who-"))
        cls.folder.chmod(0o755)  # also for nobody
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)

    def build(self, name: str, source: str, *flags: str, compiler: str = "gcc") -> Path:
        """A program of this source; skips the test where it cannot be built."""
        suffix = ".cc" if "++" in compiler else ".c"
        path = self.folder / f"{name}{suffix}"
        path.write_text(source)
        if not shutil.which(compiler):
            self.skipTest(f"{compiler} is not installed")
        words = [compiler, "-fno-builtin", "-o", self.folder / name, path, *flags]
        self.assertEqual(run(*words).stderr, "", f"{name} does not build")
        return self.folder / name

    def who(self, *words: Any, code: Optional[int] = 0, **options: Any) -> Any:
        """The document that it prints."""
        done = spanbench("who", "--json", *words, **options)
        if code is not None:
            self.assertEqual(done.returncode, code, done.stderr + done.stdout)
        document = json.loads(done.stdout)  # which has nothing of the program's output
        jsonschema.Draft202012Validator(SCHEMA).validate(document)
        return document

    def one(self, *words: Any, **options: Any) -> Any:
        processes = self.who(*words, **options)["processes"]
        self.assertEqual(len(processes), 1, processes)
        return processes[0]

    def notes(self, process: Any, kind: str) -> str:
        return "\n".join(note["text"] for note in process["notes"] if note["kind"] == kind)


class Allocators(WhoTest):
    def test_each_library_by_preload(self) -> None:
        """By its name, with the version that the library itself says."""
        tried = 0
        for name in cell_names():
            says = cell(name, "--describe")
            if says.get("floor") or name == "system":
                continue
            preload = says["object"]
            if says["preload"]:  # a library of its own replaces malloc
                preload = str(Path(preload).with_name(says["preload"]))
            with self.subTest(name):
                seen = self.one("--preload", preload, "--expect", name, "--", "true")
                self.assertEqual((seen["name"], seen["how"]), (name, "bound"))
                self.assertTrue(seen["checked"])
                self.assertEqual(os.path.realpath(seen["object"]), os.path.realpath(preload))
                self.assertTrue(seen["version"])
                if says.get("version"):
                    self.assertIn(seen["version"], says["version"])
                tried += 1
        self.assertGreaterEqual(tried, 2)

    def test_a_wrong_name(self) -> None:
        """What the file defines tells, and that it is called otherwise is said."""
        hardened = BUILD / "libgomalloc-hardened.so"
        renamed = (
            (GOMALLOC, "libtcmalloc.so", "gomalloc", "tcmalloc"),
            (GOMALLOC, "libhardened_malloc.so", "gomalloc", "hardened_malloc"),
            (GOMALLOC, "libgomalloc-hardened.so", "gomalloc", "gomalloc-hardened"),
            (hardened, "libgomalloc.so", "gomalloc-hardened", "gomalloc"),
            (hardened, "heap.so", "gomalloc-hardened", None),
        )
        for library, name, is_one, called in renamed:
            with self.subTest(name, library=library.name):
                path = self.folder / name
                shutil.copy(library, path)
                seen = self.one("--preload", path, "--expect", is_one, "--", "true")
                self.assertEqual(seen["name"], is_one)
                note = (
                    f"its file is called as that of {called}, but it is {is_one}" if called else ""
                )
                self.assertEqual(self.notes(seen, "limited"), note)
                self.one("--preload", path, "--expect", called or "glibc", "--", "true", code=1)
        liar = HEAP + "int mallctl(void) { return 0; }"
        for own in ("-lc", "-Wl,-soname,libtcmalloc.so.4"):
            path = self.build("libtcmalloc_minimal.so", liar, "-shared", "-fPIC", own)
            self.assertEqual(self.one("--preload", path, "--", "true")["name"], "jemalloc")
        # one that shows nothing is what it is called
        nameless = self.build("libhoard.so", HEAP, "-shared", "-fPIC")
        self.assertEqual(self.one("--preload", nameless, "--", "true")["name"], "hoard")
        # the version is that of what it is
        found = [n for n in cell_names() if n == "jemalloc"]
        if found:
            copied = self.folder / "libmimalloc.so"
            shutil.copy(cell("jemalloc", "--describe")["object"], copied)
            seen = self.one("--preload", copied, "--", "true")
            self.assertEqual(seen["name"], "jemalloc")
            self.assertIn(seen["version"], cell("jemalloc", "--describe")["version"])

    def test_the_c_library(self) -> None:
        seen = self.one("--expect", "system", "--", "true")
        self.assertEqual((seen["name"], seen["libc"]), ("glibc", "glibc"))
        self.assertEqual(seen["version"], cell("system", "--describe")["version"])

    def test_linked_with_it(self) -> None:
        program = self.build(
            "linked", ALLOCATES, f"-Wl,--no-as-needed,-rpath,{BUILD}", str(GOMALLOC)
        )
        self.assertEqual(self.one("--", program)["name"], "gomalloc")

    def test_in_the_program_itself(self) -> None:
        """The program comes before what is preloaded."""
        program = self.build("own", ALLOCATES + HEAP)
        seen = self.one("--", program)
        self.assertEqual((seen["name"], seen["object"]), ("own", str(program)))
        seen = self.one("--preload", GOMALLOC, "--", program, code=1)
        self.assertIn("own comes before it", seen["wrong"])

    def test_opened_later(self) -> None:
        """What dlopen adds does not serve the program, but itself if it was told to."""
        program = self.build("opens", ALLOCATES)
        heap = self.build("heap.so", HEAP, "-shared", "-fPIC")
        seen = self.one("--", program, heap, os.RTLD_NOW)
        self.assertEqual(seen["name"], "glibc")
        self.assertIn("heap.so defines malloc, too", self.notes(seen, "second"))
        self.assertNotIn("calls of malloc go to", self.notes(seen, "second"))
        seen = self.one("--", program, heap, os.RTLD_NOW | os.RTLD_DEEPBIND)
        self.assertRegex(self.notes(seen, "second"), "in heap.so, calls of malloc go to .*heap.so")

    def test_of_another_version(self) -> None:
        """ld.so does not bind a call of malloc@GLIBC_… to it."""
        script = self.folder / "versions"
        script.write_text("OTHER_1.0 { global: malloc; call; };")
        heap = self.build(
            "other.so",
            HEAP,
            "-DVERSIONED",
            "-shared",
            "-fPIC",
            "-nostdlib",
            f"-Wl,--version-script={script}",
        )
        seen = self.one("--preload", heap, "--", "true", code=1)
        self.assertEqual(seen["name"], "glibc")
        self.assertTrue(seen["checked"])
        self.assertIn("defines no malloc", seen["wrong"])

    def test_cxx_and_threads(self) -> None:
        for name, source, compiler in (("cxx", CXX, "g++"), ("threads", THREADS, "gcc")):
            program = self.build(name, source, "-pthread", compiler=compiler)
            seen = self.one("--preload", GOMALLOC, "--", program)
            self.assertEqual(seen["name"], "gomalloc")

    def test_versions_by_the_name_of_the_file(self) -> None:
        heap = self.build("libodd.so.4.2", HEAP, "-shared", "-fPIC")
        seen = self.one("--preload", heap, "--", "true")
        self.assertEqual((seen["name"], seen["version"]), ("libodd.so.4.2", "4.2"))


class NotAsAsked(WhoTest):
    def wrong(self, *program: Any, preload: Any = GOMALLOC) -> str:
        return str(self.one("--preload", preload, "--", *program, code=1)["wrong"])

    def test_static(self) -> None:
        program = self.build(
            "static", ALLOCATES.replace("dlopen(argv[1], atoi(argv[2]))", "1"), "-static"
        )
        self.assertIn("the program is static", self.wrong(program))
        seen = self.one("--", program)
        self.assertEqual((seen["name"], seen["how"], seen["static"]), ("glibc", "symbols", True))
        run("strip", program)
        seen = self.one("--", program)
        self.assertEqual((seen["name"], seen["how"], seen["static"]), ("glibc", "texts", True))

    def test_static_and_unknown(self) -> None:
        start = 'void _start(void) { __asm__("mov $60, %eax; xor %edi, %edi; syscall"); }'
        if os.uname().machine != "x86_64":
            self.skipTest("assembly of x86-64")
        program = self.build("tiny", start, "-static", "-nostdlib")
        self.assertEqual(self.one("--", program, code=1)["state"], "unknown")

    def test_musl(self) -> None:
        program = self.build("musl", THREADS, compiler="musl-gcc")
        seen = self.one("--", program)
        self.assertEqual((seen["name"], seen["libc"]), ("musl", "musl"))
        self.assertRegex(seen["version"], r"^1\.\d+\.\d+$")
        self.assertIn("needs glibc, and the program uses musl", self.wrong(program))

    def test_privileged(self) -> None:
        """su is set-user-ID. For root, it is nothing special."""
        words: list[str] = []
        driver = self.folder / "spanbench"
        shutil.copy(SPANBENCH, driver)
        library = self.folder / "libgomalloc.so"
        shutil.copy(GOMALLOC, library)
        if os.geteuid() == 0:
            words = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]
        done = run(*words, driver, "who", "--json", "--preload", library, "--", "su", "--version")
        document = json.loads(done.stdout)
        (seen,) = document["processes"]
        if not os.stat(seen["program"]).st_mode & stat.S_ISUID:
            self.skipTest("su is not set-user-ID here")
        self.assertTrue(seen["secure"])
        self.assertIn("has privileges of its file", seen["wrong"])

    def test_missing_odd_or_without_malloc(self) -> None:
        text = self.folder / "text.so"
        text.write_text("not a library")
        self.assertIn("not a shared library", self.wrong("true", preload=text))
        plain = self.build("plain.so", "int plain;", "-shared", "-fPIC")
        self.assertIn("defines no malloc", self.wrong("true", preload=plain))
        gone = self.folder / "gone.so"
        environment = {**os.environ, "LD_PRELOAD": str(gone)}
        seen = self.one("--", "true", code=1, env=environment)
        self.assertIn("gone.so cannot be preloaded: No such file", seen["wrong"])

    def test_another_architecture(self) -> None:
        foreign = bytearray(GOMALLOC.read_bytes())
        foreign[18:20] = (8).to_bytes(2, "little")  # e_machine: MIPS
        library = self.folder / "mips.so"
        library.write_bytes(foreign)
        self.assertIn("built for another architecture", self.wrong("true", preload=library))

    def test_a_library_that_is_not_an_allocator(self) -> None:
        plain = self.build("harmless.so", "int harmless;", "-shared", "-fPIC")
        environment = {**os.environ, "LD_PRELOAD": str(plain)}
        self.assertIsNone(self.one("--", "true", env=environment)["wrong"])
        environment["LD_PRELOAD"] = f"{plain}:{GOMALLOC}"
        self.assertEqual(self.one("--", "true", env=environment)["name"], "gomalloc")

    def test_a_supervisor_that_drops_it(self) -> None:
        document = self.who(
            "--preload", GOMALLOC, "--", "sh", "-c", "true; env -i sleep 0; sleep 0", code=1
        )
        wrong = [p["command"] for p in document["processes"] if p["wrong"]]
        self.assertEqual(wrong, ["sleep"])
        self.assertEqual(document["counts"]["wrong"], 1)
        (dropped,) = [p for p in document["processes"] if p["wrong"]]
        self.assertIn("LD_PRELOAD does not name it here", dropped["wrong"])

    def test_expected(self) -> None:
        done = spanbench("who", "--expect", "jemalloc", "--", "true")
        self.assertEqual(done.returncode, 1)
        self.assertIn("NOT AS ASKED: jemalloc was expected", done.stdout)
        self.one("--expect", GOMALLOC, "--preload", GOMALLOC, "--", "true")
        self.one("--expect", "libgomalloc.so", "--preload", GOMALLOC, "--", "true")


class Inside(WhoTest):
    PYTHON = ("/usr/bin/python3", "-S", "-c", "pass")

    def test_pymalloc_and_its_switch(self) -> None:
        kept = {k: v for k, v in os.environ.items() if k != "PYTHONMALLOC"}
        seen = self.one("--", *self.PYTHON, env=kept)
        self.assertIn("pymalloc", self.notes(seen, "inner"))
        self.assertIn("PYTHONMALLOC=malloc", self.notes(seen, "inner"))
        for value, there in (("malloc", False), ("pymalloc", True)):
            seen = self.one("--", *self.PYTHON, env={**kept, "PYTHONMALLOC": value})
            self.assertEqual("pymalloc" in self.notes(seen, "inner"), there)

    def test_a_copy_under_names_of_its_own(self) -> None:
        program = self.build("copy", ALLOCATES + "void *je_malloc(size_t n) { return malloc(n); }")
        seen = self.one("--preload", GOMALLOC, "--", program)
        self.assertIn("jemalloc inside, as je_malloc", self.notes(seen, "inner"))

    def test_node(self) -> None:
        if not shutil.which("node"):
            self.skipTest("node is not installed")
        seen = self.who("--preload", GOMALLOC, "--", "node", "-e", "0")["processes"][0]
        self.assertIn("V8", self.notes(seen, "inner"))
        self.assertEqual(seen["name"], "gomalloc")

    @slow
    def test_go(self) -> None:
        if not shutil.which("go"):
            self.skipTest("Go is not installed")
        source = self.folder / "main.go"
        source.write_text(GO)
        environment = {**os.environ, "GOCACHE": str(self.folder / "cache"), "GO111MODULE": "off"}
        for flags in ((), ("-ldflags=-s",)):
            run("go", "build", *flags, "-o", self.folder / "gone", source, env=environment)
            seen = self.one("--preload", GOMALLOC, "--", self.folder / "gone", code=1)
            self.assertEqual((seen["name"], seen["static"]), ("go", True))
            self.assertRegex(seen["version"], r"^\d+\.\d+")

    def test_options(self) -> None:
        environment = {**os.environ, "GOMALLOC_RETAIN": "5", "MALLOC_ARENA_MAX": "2"}
        seen = self.one("--preload", GOMALLOC, "--", "true", env=environment)
        self.assertEqual(seen["options"], ["GOMALLOC_RETAIN=5"])
        self.assertIn("MALLOC_ARENA_MAX is set, but gomalloc", self.notes(seen, "option"))
        seen = self.one("--", "true", env=environment)
        self.assertEqual(seen["options"], ["MALLOC_ARENA_MAX=2"])


class Running(WhoTest):
    def start(self, *words: Any, **options: Any) -> "subprocess.Popen[bytes]":
        child = subprocess.Popen([str(word) for word in words], **options)
        self.addCleanup(child.wait)
        self.addCleanup(child.kill)
        return child

    def test_first_thread_has_ended(self) -> None:
        program = self.build("first_ends", OPENS_LATE, "-pthread")
        environment = {**os.environ, "LD_PRELOAD": str(GOMALLOC)}
        child = self.start(program, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert child.stdin and child.stdout
        with child.stdin, child.stdout:
            child.stdout.readline()
            seen = self.one(child.pid)
        self.assertEqual((seen["pid"], seen["command"]), (child.pid, "first_ends"))
        self.assertEqual((seen["name"], seen["how"]), ("gomalloc", "bound"))
        self.assertEqual(seen["program"], str(program))
        heap = self.build("heap.so", HEAP, "-shared", "-fPIC")
        seen = self.one("--", program, heap, stdin=subprocess.DEVNULL)
        self.assertIn("heap.so defines malloc, too", self.notes(seen, "second"))

    def test_tree_of_a_process(self) -> None:
        script = "sleep 60 & env -i sleep 60 & wait"
        environment = {**os.environ, "LD_PRELOAD": str(GOMALLOC)}
        shell = self.start("sh", "-c", script, env=environment, start_new_session=True)
        self.addCleanup(os.killpg, shell.pid, signal.SIGKILL)
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            document = self.who(shell.pid, code=None)
            found = [(p["command"], p["state"]) for p in document["processes"]]
            if found == [(command, "known") for command in ("sh", "sleep", "sleep")]:
                break
        names = sorted(p["name"] for p in document["processes"])
        self.assertEqual(names, ["glibc", "gomalloc", "gomalloc"])
        self.assertEqual([p["above"] for p in document["processes"]], [None, 0, 0])
        self.assertEqual(document["counts"]["wrong"], 1)
        self.assertIsNone(document["program"])

    def test_files_that_were_deleted(self) -> None:
        program, library = self.folder / "sleeper", self.folder / "libgomalloc-2.so"
        shutil.copy("/bin/sleep", program)
        shutil.copy(GOMALLOC, library)
        child = self.start(program, 60, env={**os.environ, "LD_PRELOAD": str(library)})
        deadline = time.monotonic() + 300  # its dynamic linker is at work
        while (seen := self.who(child.pid, code=None)["processes"][0])["state"] != "known":
            self.assertLess(time.monotonic(), deadline, seen)
        program.unlink()
        library.unlink()
        seen = self.one(child.pid)
        self.assertEqual(seen["name"], "gomalloc")
        self.assertTrue(seen["version"] or os.geteuid())

    def test_threads_of_the_kernel(self) -> None:
        """None of them ended; and who asks need not be root."""
        flag = 1 << 21  # PF_KTHREAD, in the ninth member of stat: the seventh behind the name
        found = []
        for process, stat in of_processes("stat").items():
            if int(stat.rpartition(b")")[2].split()[6]) & flag:
                found.append(process)
        if not found:
            self.skipTest("no thread of the kernel is visible here")
        root = min(found)  # it stays; others may come and go
        document = self.who(root, code=1)  # nobody serves
        self.assertIn("a thread of the kernel", document["processes"][0]["why"])
        counts = document["counts"]
        self.assertEqual((counts["known"], counts["unknown"], counts["wrong"]), (0, 0, 0))
        self.assertGreater(counts["kernel"], 0)
        self.assertEqual(counts["kernel"] + counts["unseen"], len(document["processes"]))
        text = spanbench("who", root).stdout
        self.assertRegex(text, r"^0 processes: 0 known;.* of the kernel, without a program\n$")

    def test_root_that_may_not(self) -> None:
        """It is not told to be root."""
        if os.geteuid() != 0:
            self.skipTest("only root can be it")
        child = subprocess.Popen(["sleep", "60"], user=65534)
        self.addCleanup(child.wait)
        self.addCleanup(child.kill)
        words = ["setpriv", "--bounding-set", "-sys_ptrace", SPANBENCH, "who", str(child.pid)]
        said = run(*words).stdout
        self.assertIn("root needs the capability CAP_SYS_PTRACE", said)
        self.assertNotIn("be root", said)

    def test_no_such_process(self) -> None:
        done = spanbench("who", 2**22 + 1)
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.assertIn("there is no process 4194305", done.stderr)


class Following(WhoTest):
    def test_each_process_however_short(self) -> None:
        script = "for i in 1 2 3 4 5; do /bin/true; done; (/bin/true &); /bin/true | /bin/true"
        document = self.who("--preload", GOMALLOC, "--", "sh", "-c", script)
        seen = [p for p in document["processes"] if p["command"] == "true"]
        self.assertEqual(len(seen), 8)
        self.assertEqual({p["name"] for p in seen}, {"gomalloc"})
        self.assertEqual(document["counts"]["unseen"], 0)

    def test_equal_children_are_one_line(self) -> None:
        done = spanbench("who", "--", "sh", "-c", "/bin/true; /bin/true; /bin/true; :")
        self.assertRegex(done.stdout, r"(?m)^  true \(3 processes\): glibc")
        self.assertIn("4 processes: 4 known", done.stdout)

    def test_a_copy_that_becomes_another_program_is_no_line(self) -> None:
        """Though it stays one for long enough to be looked at."""
        copies = "(sleep 0.3; exec /bin/true) & " * 2
        done = spanbench("who", "--", "sh", "-c", f"{copies} wait")
        self.assertRegex(done.stdout, r"(?m)^  true \(2 processes\): glibc")
        self.assertEqual(done.stdout.count("sh ("), 1, done.stdout)
        self.assertIn("5 processes: 5 known", done.stdout)

    def test_a_shell_s_forks_are_on_its_line(self) -> None:
        """As of a shim, which forks for each $(…) and pipe, and whose forks fork."""
        inner = "x=$(y=$( (/bin/true; :); :); (/bin/true; :) | cat; :); "
        done = spanbench("who", "--", "sh", "-c", f"{inner * 5} /bin/true; :")
        lines = done.stdout.splitlines()
        self.assertRegex(lines[0], r"^sh \(\d+, and \d+ more\): glibc")
        self.assertRegex(done.stdout, r"(?m)^  true \(11 processes\): glibc")
        self.assertRegex(done.stdout, r"(?m)^  cat \(5 processes\): glibc")
        counts = [int(n) for n in re.findall(r"(\d+) (?:more|processes)", done.stdout)]
        self.assertEqual(sum(counts[:-1]) + 1, counts[-1], "the sum has each of them")
        self.assertEqual(len(lines), 4, done.stdout)

    def test_what_it_started_before_exec_is_below_it(self) -> None:
        """Also what it started as a program that was gone before it could be looked at."""
        step = "(/bin/true; :); exec"
        for _ in range(3):
            done = spanbench(
                "who", "--", "sh", "-c", f"{step} bash -c '{step} sh -c \"{step} env true\"'"
            )
            lines = done.stdout.splitlines()
            self.assertEqual([line for line in lines[1:-1] if line[0] != " "], [], done.stdout)
            self.assertRegex(lines[0], r"^\w+ \(\d+")
            self.assertGreater(len(lines), 3)

    def test_what_reads_otherwise_has_a_line(self) -> None:
        """Served by another allocator, or with another option of it."""
        inner = "'/bin/true; :'"
        script = f"LD_PRELOAD={GOMALLOC} sh -c {inner}; MALLOC_ARENA_MAX=1 sh -c {inner}; sh -c {inner}; :"
        done = spanbench("who", "--", "sh", "-c", script)
        self.assertRegex(done.stdout, r"(?m)^  sh \(\d+\): gomalloc")
        self.assertRegex(done.stdout, r"(?m)^  sh \(\d+\): glibc.*\n +option: MALLOC_ARENA_MAX=1")
        self.assertRegex(done.stdout, r"\Ash \(\d+, and 1 more\): glibc")

    def test_exec(self) -> None:
        """One process, two programs."""
        document = self.who("--", "sh", "-c", "sleep 0.3; exec env true")
        images = [p for p in document["processes"] if p["image"]]
        self.assertEqual([p["command"] for p in images if not p["replaced"]], ["sleep", "true"])

    def test_output_input_and_exit_code_are_the_programs(self) -> None:
        done = run(SPANBENCH, "who", "--", "sh", "-c", "cat; exit 3", input="passed on\n")
        self.assertIn("passed on\n", done.stdout)
        self.assertIn("the program ended with exit code 3", done.stderr)
        self.assertEqual(done.returncode, 0)
        done = run(SPANBENCH, "who", "--json", "--", "echo", "hello")
        self.assertTrue(json.loads(done.stdout)["complete"])  # and nothing else
        self.assertIn("hello\n", done.stderr)
        document = self.who("--", "sh", "-c", "kill -SEGV $$")
        self.assertEqual(document["program"]["signal"], signal.SIGSEGV)

    def mark(self, digit: int) -> str:
        """None of these numbers begins another, nor one of another program."""
        return f"{digit}{os.getpid():07}"

    def alive(self, mark: str) -> list[str]:
        return run("pgrep", "-f", mark).stdout.split()

    def test_the_time_is_bounded(self) -> None:
        """Also of what ignores SIGTERM, or left for a session of its own."""
        mark = self.mark(6)
        script = f"trap '' TERM; setsid sleep {mark} & sleep {mark}; sleep {mark}"
        words = ["who", "--json", "--timeout", "3", "--", "sh", "-c", script]  # to start all three
        done = run("timeout", "--signal=KILL", 60, SPANBENCH, *words)
        self.assertEqual(done.returncode, 0, "it does not end")
        document = json.loads(done.stdout)
        self.assertTrue(document["program"]["timed_out"])
        self.assertGreaterEqual(document["counts"]["known"], 3)
        self.assertEqual(self.alive(f"sleep {mark}"), [])

    def test_an_interrupt(self) -> None:
        mark = self.mark(7)
        for number in (signal.SIGINT, signal.SIGTERM):
            child = subprocess.Popen(
                [SPANBENCH, "who", "--timeout", "60", "--", "sh", "-c", f"sleep {mark}; :"],
                stdout=subprocess.PIPE,
                text=True,
            )
            while not self.alive(f"^sleep {mark}"):
                time.sleep(0.02)
            child.send_signal(number)
            out, _ = child.communicate(timeout=60)
            self.assertEqual(child.returncode, 128 + number)
            self.assertIn("known", out)
            self.assertEqual(self.alive(f"sleep {mark}"), [])

    def test_killed(self) -> None:
        mark = self.mark(8)
        child = subprocess.Popen([SPANBENCH, "who", "--", "sh", "-c", f"sleep {mark}; :"])
        while not self.alive(f"^sleep {mark}"):
            time.sleep(0.02)
        child.kill()
        child.wait()
        deadline = time.monotonic() + 60
        while self.alive(f"sleep {mark}") and time.monotonic() < deadline:
            time.sleep(0.02)
        self.assertEqual(self.alive(f"sleep {mark}"), [])

    def test_programs_that_cannot_be_started(self) -> None:
        text = self.folder / "text"
        text.write_text("neither ELF nor #!")
        for program, why in (
            ("/nonexistent", "there is no such program"),
            (text, "it is not executable"),
            ("/", "it is a directory"),
        ):
            done = spanbench("who", "--", program)
            self.assertEqual((done.returncode, done.stdout), (2, ""))
            self.assertIn(f"cannot run '{program}': {why}", done.stderr)


class Words(WhoTest):
    def test_wrong_use(self) -> None:
        cases: list[tuple[list[str], str]] = [
            ([], "takes the number of a process, or -- and a program"),
            (["x1"], "to run a program, put -- before it"),
            (["0"], "takes the number of a process, not '0'"),
            (["1x"], "takes the number of a process, not '1x'"),
            (["--"], "there is no program behind --"),
            (["1", "--", "true"], "not both"),
            (["--preload", str(GOMALLOC), "1"], "--preload needs -- and a program"),
            (["--preload", "/nonexistent", "--", "true"], "cannot preload '/nonexistent'"),
            (["--timeout", "1", "1"], "--timeout needs -- and a program"),
            (["--timeout", "-1", "--", "true"], "takes seconds"),
            (["--expect", "", "--", "true"], "--expect takes a name"),
            (["--seed", "1", "1"], "spanbench who --help"),
        ]
        for words, says in cases:
            done = spanbench("who", *words)
            self.assertEqual((done.returncode, done.stdout), (2, ""), words)
            self.assertIn(says, done.stderr, words)

    def test_help(self) -> None:
        for words in (["who", "--help"], ["help", "who"]):
            done = spanbench(*words)
            self.assertEqual(done.returncode, 0)
            self.assertIn("spanbench who $(pidof redis-server)", done.stdout)
        self.assertIn("who PID", spanbench("help").stdout)
        done = spanbench("--quick", "who", "1")
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.assertIn("'who' must stand before its options", done.stderr)

    def test_text_is_clean(self) -> None:
        """The name of a program is text from outside."""
        odd = self.folder / "odd\x1b[31m\n"
        shutil.copy("/bin/true", odd)
        done = spanbench("who", "--", odd)
        self.assertNotIn("\x1b", done.stdout)

    def test_full_disk(self) -> None:
        with open("/dev/full", "w") as full:
            done = subprocess.run(
                [SPANBENCH, "who", "--", "true"], stdout=full, stderr=subprocess.PIPE, text=True
            )
        self.assertEqual(done.returncode, 2)
        self.assertIn("No space left", done.stderr)


if __name__ == "__main__":
    unittest.main()
