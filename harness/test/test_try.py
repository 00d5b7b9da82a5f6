"""`spanbench try`: a program of the user's under each allocator."""

from __future__ import annotations

import contextlib
import json
import os
import random
import re
import shutil
import signal
import stat
import subprocess
import tempfile
import time
import unittest
from pathlib import Path
from typing import Any, Callable

from driving import BUILD, CELLS, FIRST_ENDS, ROOT, SPANBENCH, cell_names, run, run_python, slow
from trying import MIB, PYTHON, TryTest, await_handler, new_marker, parts_of, processes_with

VERDICT = ROOT / "scripts" / "verdicts" / "try_verdict.py"

# Touches so many MiB in a child, which then lives for 100 ms.
IN_A_CHILD = """
import mmap, os, time
child = os.fork()
if child == 0:
    memory = mmap.mmap(-1, {mib} << 20)
    for at in range(0, len(memory), 4096):
        memory[at] = 1
    time.sleep({seconds})
    os._exit(0)
os.waitpid(child, 0)
"""
# The same, while its parent takes no samples, for it is stopped. One that traces must follow.
UNSEEN = f"""
import os
watched = "TracerPid:\\t0\\n" in open("/proc/self/status").read()
os.kill(os.getppid(), 19 if watched else 0)
{IN_A_CHILD}
os.kill(os.getppid(), 18)
"""
# A child writes to all that it has from its parent: after fork, that is the parent's until then.
# It stays for long: to walk over so many pages costs a slow machine the time of many looks.
COPIES_ON_WRITE = """
import mmap, os, time
memory = mmap.mmap(-1, 100 << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
def touch():
    for at in range(0, len(memory), 4096):
        memory[at] = 1
touch()
child = os.fork()
if child == 0:
    touch()
    time.sleep(3)
    os._exit(0)
os.waitpid(child, 0)
"""
# Writes to 64 MiB; with a word, it becomes another program then.
TOUCHES_LATE = (
    FIRST_ENDS
    + """
#include <string.h>
#include <unistd.h>
static void go_on(const char *word) {
    memset(malloc(64 << 20), 1, 64 << 20);
    if (word)
        execl("/bin/true", "true", NULL);
}
"""
)
# Eight threads, of which each allocates.
THREADS = """
#include <pthread.h>
#include <stdlib.h>
static void *work(void *arg) {
    for (int i = 0; i < 10000; i++)
        free(malloc((size_t)(i % 500)));
    return arg;
}
int main(void) {
    pthread_t thread[8];
    for (int i = 0; i < 8; i++)
        pthread_create(&thread[i], NULL, work, NULL);
    for (int i = 0; i < 8; i++)
        pthread_join(thread[i], NULL);
}
"""
# Forks, leaves daemons behind (setsid, twice forked), and executes other programs; never ends.
RESTLESS = """
import os, subprocess, sys, time
marker = sys.argv[1]
def daemon():
    if os.fork():
        return
    os.setsid()
    if os.fork():
        os._exit(0)
    os.execv("/bin/sleep", ["sleep", marker])
while True:
    daemon()
    if os.fork() == 0:
        os.execv("/bin/sh", ["sh", "-c", "sleep " + marker + " & sleep 0.01"])
    subprocess.run(["/bin/true"])
    time.sleep(0.01)
"""


class Truth(TryTest):
    def peak(self, script: str) -> float:
        self.attempt(PYTHON, "-I", "-S", "-c", script, options=("--runs", 2, "--quiet"))
        return float(min(r["peak_bytes"] for r in self.program()["runs"]) / MIB)

    def test_memory_of_a_child_for_an_instant(self) -> None:
        more = self.peak(IN_A_CHILD.format(mib=300, seconds=0.1))
        less = self.peak(IN_A_CHILD.format(mib=0.01, seconds=0.1).replace("0.01 <<", "1 <<"))
        self.assertAlmostEqual(more - less, 299, delta=9)

    @slow
    def test_memory_of_a_child_that_nobody_saw(self) -> None:
        more = self.peak(UNSEEN.format(mib=64, seconds=0))
        less = self.peak(UNSEEN.format(mib=1, seconds=0))
        self.assertAlmostEqual(more - less, 63, delta=2)

    @slow
    def test_pages_that_processes_share_count_once(self) -> None:
        shared = self.peak(COPIES_ON_WRITE.replace("    touch()\n    time", "    time"))
        copied = self.peak(COPIES_ON_WRITE)
        self.assertLess(shared, 120)
        self.assertAlmostEqual(copied - shared, 100, delta=6)

    @slow
    def test_time_is_of_the_program_and_cpu_of_all_its_processes(self) -> None:
        busy = f"{PYTHON} -I -S -c 'import time\nwhile time.process_time() < 0.15: pass'"
        self.attempt("sh", "-c", f"({busy}) & ({busy}); wait; sleep 0.2")
        (r,) = self.program()["runs"]
        self.assertGreaterEqual(r["user_seconds"] + r["system_seconds"], 0.29)
        self.assertGreaterEqual(r["wall_seconds"], 0.35)

    def test_identity_of_each_process(self) -> None:
        result = self.attempt("sh", "-c", "/bin/true; exec /bin/echo hello", rows="system,jemalloc")
        self.assertEqual(result.returncode, 0, result.stderr)
        for row in self.program()["rows"]:
            library = row["library"] or "libc.so"
            said = [(p["comm"], p["replaced"]) for p in row["processes"]]
            self.assertEqual(said, [("sh", True), ("echo", False), ("true", False)])
            for process in row["processes"]:
                self.assertIn(library, process["malloc"])
                self.assertIsNone(process["why"])

    def test_memory_of_a_process_whose_first_thread_has_ended(self) -> None:
        """Of its own line, too, which the first thread's end must not close."""
        source = self.script(TOUCHES_LATE, "first_ends.c")
        program = self.directory / "first_ends"
        built = run("cc", "-fno-builtin", "-pthread", "-o", program, source)
        self.assertEqual(built.returncode, 0, built.stderr)
        result = self.attempt(program, rows="system,jemalloc")
        self.assertEqual(result.returncode, 0, result.stderr)
        for row in self.program()["rows"]:
            (process,) = row["processes"]
            self.assertIn(row["library"] or "libc.so", process["malloc"])
            self.assertGreaterEqual(process["peak_rss_bytes"], 60 * MIB)
        for measured in self.program()["runs"]:
            self.assertGreaterEqual(measured["peak_bytes"], 60 * MIB)
        result = self.attempt(program, "exec", rows="system,jemalloc")
        self.assertEqual(result.returncode, 0, result.stderr)
        for row in self.program()["rows"]:
            said = [(p["comm"], p["replaced"]) for p in row["processes"]]
            self.assertEqual(said, [("first_ends", True), ("true", False)])
            self.assertGreaterEqual(row["processes"][0]["peak_rss_bytes"], 60 * MIB)

    def test_an_allocator_inside(self) -> None:
        """No row replaces pymalloc, unless it is off; a row that has none does not say it is there."""
        words = (PYTHON, "-I", "-S", "-c", "pass")
        for value in ("pymalloc", "malloc"):
            options = ("--runs", 1, "--env", f"PYTHONMALLOC={value}")
            said = self.attempt(*words, options=options, rows="system,jemalloc").stdout
            told = [p["inner"] for r in self.program()["rows"] for p in r["processes"]]
            if value == "malloc":
                self.assertEqual(told, [[], []])
                self.assertNotIn("Inside of", said)
                continue
            self.assertEqual(len(told), 2)
            for (inner,) in told:
                self.assertRegex(inner, "pymalloc: .*PYTHONMALLOC=malloc turns it off")
            self.assertEqual(said.count("\nInside of python3: CPython's pymalloc: "), 1, said)

    def test_programs_that_one_process_becomes(self) -> None:
        """sh becomes a static program: that is what counts. An exec that fails is none."""
        source = self.directory / "static.c"
        source.write_text("int main(void) { return 0; }")
        static = self.directory / "static"
        self.assertEqual(run("cc", "-static", "-o", static, source).returncode, 0)
        failing = (
            f'{PYTHON} -ISc \'import os\ntry: os.execv("/nowhere", ["x"])\nexcept OSError: pass\''
        )
        script = f"{failing}; exec env exec=1 '{static}'"
        self.assertEqual(self.attempt("sh", "-c", script, rows="jemalloc").returncode, 0)
        processes = self.program()["rows"][0]["processes"]
        said = [(p["comm"], p["replaced"], p["why"] is None) for p in processes]
        own = [("sh", True, True), ("env", True, True), ("static", False, False)]
        self.assertEqual(said, [*own, ("python3", False, True)])

    def test_another_allocator_in_a_path_like_the_c_library_s(self) -> None:
        """Its row `system` is not the C library's, and that is said."""
        source = self.script("void *malloc(unsigned long); int main(void) { return !malloc(1); }")
        source = source.rename(source.with_suffix(".c"))
        folder, program = self.directory / "libc.so.6-tests", self.directory / "linked"
        folder.mkdir()
        for library in BUILD.glob("libgomalloc.so*"):
            shutil.copy(library, folder)
        words = ("-fno-builtin", "-o", program, source, f"-L{folder}", f"-Wl,-rpath,{folder}")
        done = run("cc", *words, "-Wl,--no-as-needed", "-lgomalloc")
        self.assertEqual(done.returncode, 0, done.stderr)
        said = self.attempt(program).stderr
        self.assertRegex(said, "without a preload, .*/libgomalloc.so.* serves malloc")
        (row,) = self.program()["rows"]
        (note,) = row["notes"]
        hint = re.search(r"not the C library; .* add --preload (glibc=/\S*/libc\S*)$", note)
        assert hint, note
        verdict = run_python(VERDICT, self.out / "latest-try").stdout
        self.assertIn(f"system: {note}.", verdict)
        more = self.attempt(program, options=("--runs", 1, "--quiet", "--preload", hint[1]))
        self.assertEqual(more.returncode, 0, more.stderr)
        (served,) = [
            r["processes"][-1]["malloc"] for r in self.program()["rows"] if r["name"] == "glibc"
        ]
        self.assertRegex(served, "libc.so")
        self.assertRegex(self.program()["rows"][0]["notes"][0], "not the C library$")
        self.assertNotIn("without a preload", self.attempt("true").stderr)

    def test_what_cannot_be_preloaded_gives_no_row_and_says_why(self) -> None:
        source = self.directory / "static.c"
        source.write_text("int main(void) { return 0; }")
        static = self.directory / "static"
        self.assertEqual(run("cc", "-static", "-o", static, source).returncode, 0)
        result = self.attempt(static, rows="system,jemalloc")
        self.assertEqual(result.returncode, 1, result.stderr)
        self.assertRegex(str(self.cause("jemalloc")), "not used: .*static")
        self.assertIsNone(self.cause("system"))
        self.assertEqual({r["row"] for r in self.program()["runs"]}, {"system"})

    def test_privileges_of_a_file(self) -> None:
        """A traced process does not get them, and is served by the library. One that is measured is not."""
        nobody = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]
        before = nobody if os.geteuid() == 0 else []
        su = shutil.which("su")
        if not su or not os.stat(su).st_mode & stat.S_ISUID:
            self.skipTest("su is not set-user-ID here")
        # What another user may run, wherever this project lies.
        build, judge = self.directory / "build", self.directory / "scripts" / "verdicts"
        for folder in (build / "cell", judge, self.out):
            folder.mkdir(parents=True)
        for file in (SPANBENCH, *(CELLS / name for name in ("system", "jemalloc"))):
            shutil.copy(file, build / file.relative_to(BUILD))
        shutil.copy(VERDICT, judge)
        self.directory.chmod(0o755)
        self.out.chmod(0o777)
        command = self.start(
            su, "--version", rows="system,jemalloc", options=("--runs", 1, "--quiet")
        )
        done = run(*before, build / "spanbench", *command[1:])
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIsNone(self.cause())
        self.assertRegex(self.cause("jemalloc"), "it was not used: .*privileges of its file")

    def test_the_program_itself_has_malloc(self) -> None:
        """No preload replaces it, and none is recommended."""
        source = self.script(
            "#include <stddef.h>\nstatic char a[1 << 16]; static size_t at;\n"
            "void *malloc(size_t n) { void *p = a + at; at += (n + 15) & -16ul; return p; }\n"
            "void free(void *p) { (void)p; }\nint main(void) { return !malloc(1); }",
            "own.c",
        )
        program = self.directory / "own"
        self.assertEqual(run("cc", "-fno-builtin", "-o", program, source).returncode, 0)
        done = self.attempt(program, rows="system,jemalloc")
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertRegex(done.stderr, "without a preload, .*/own serves malloc .* C library\n")
        self.assertRegex(self.cause("jemalloc"), "it was not used: ")

    @slow
    def test_each_process_of_what_starts_others(self) -> None:
        """make, git, and threads: each is served by the row's library."""
        folder = self.directory / "tree"
        folder.mkdir()
        (folder / "makefile").write_text("all: a b\na b:\n\t@sleep 0.01; true $@\n\tenv true\n")
        git = ("git", "-C", folder, "-c", "user.name=a", "-c", "user.email=a@b")
        for step in (("init", "-q"), ("add", "."), ("commit", "-qm", "one")):
            self.assertEqual(run(*git, *step).returncode, 0)
        source = self.script(THREADS, "threads.c")
        threads = self.directory / "threads"
        built = run("cc", "-pthread", "-o", threads, source)
        self.assertEqual(built.returncode, 0, built.stderr)
        for words, comms in (
            (("make", "-j2", "-C", folder), ["make", "sh", "sleep", "true"]),
            (("git", "-C", folder, "gc", "-q"), ["git"]),
            (("sh", "-c", f"'{threads}' & wait"), ["sh", "threads"]),
        ):
            done = self.attempt(*words, rows="system,jemalloc")
            self.assertEqual(done.returncode, 0, done.stderr)
            for row in self.program()["rows"]:
                processes = [p for p in row["processes"] if not p["replaced"]]
                self.assertLessEqual(set(comms), {p["comm"] for p in row["processes"]})
                self.assertGreater(len(processes), 1, words)
                library = row["library"] or "libc.so"
                for process in processes:
                    self.assertIn(library, process["malloc"], process)

    def test_library_for_programs_is_another_than_that_of_the_cell(self) -> None:
        if "tbbmalloc" not in cell_names():
            self.skipTest("tbbmalloc is not installed")
        result = self.attempt("true", rows="tbbmalloc")
        self.assertEqual(result.returncode, 0, result.stderr)
        (row,) = self.program()["rows"]
        self.assertIn("libtbbmalloc_proxy", row["library"])
        self.assertIn("libtbbmalloc_proxy", row["processes"][0]["malloc"])

    def test_rounds_are_balanced_and_shuffled(self) -> None:
        self.attempt("true", options=("--runs", 8, "--quiet"), rows="system,jemalloc,mimalloc")
        runs = self.program()["runs"]
        rounds = [[r["row"] for r in runs if r["round"] == n] for n in range(8)]
        self.assertEqual({tuple(sorted(r)) for r in rounds}, {("jemalloc", "mimalloc", "system")})
        self.assertGreater(len({tuple(r) for r in rounds}), 1)


class Options(TryTest):
    def test_a_path_that_ld_so_would_split(self) -> None:
        # Through a link, which is gone afterwards.
        folder, temporary = self.directory / "a b:c $LIB", self.directory / "tmp"
        folder.mkdir()
        temporary.mkdir()
        library = folder / "lib own.so"
        shutil.copy(BUILD / "libgomalloc.so", library)
        words = self.start("true", options=("--preload", f"own={library}", "--runs", 1, "--quiet"))
        result = run(*words, env={**os.environ, "TMPDIR": str(temporary)})
        self.assertEqual((result.returncode, self.cause("own")), (0, None), result.stderr)
        (row,) = [r for r in self.program()["rows"] if r["name"] == "own"]
        self.assertEqual(row["processes"][0]["malloc"], str(library))
        self.assertEqual(list(temporary.iterdir()), [])
        result = run(*words, env={**os.environ, "TMPDIR": str(temporary / "gone")})
        self.assertEqual((result.returncode, self.cause("own")), (0, None), result.stderr)

    def test_program_gets_what_was_said(self) -> None:
        text = self.directory / "input"
        text.write_text("42 things\n")
        words = ("sh", "-c", 'read n rest; echo "$n $FOO $(pwd) [$LD_PRELOAD]"; exit 3')
        directory = Path(tempfile.gettempdir()).resolve()
        options = ("--input", text, "--env", "FOO=bar", "--cwd", directory, "--exit-code", 3)
        more = ("--metric", r"([0-9]+) bar .*\[\]", "--runs", 2, "--quiet")
        result = self.attempt(*words, options=(*options, *more))
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual([r["metric"] for r in self.program()["runs"]], [42, 42])

    def test_prepare_runs_before_each_run_and_is_not_measured(self) -> None:
        count, ended = self.directory / "count", self.directory / "ended"
        options = (
            "--runs",
            2,
            "--warmup",
            1,
            "--quiet",
            "--prepare",
            f"echo x >>'{count}'; sleep 0.5; date +%s.%N >'{ended}'",
        )
        self.attempt("sh", "-c", f"wc -l <'{count}'", options=(*options, "--metric", "[0-9]+"))
        self.assertEqual([r["metric"] for r in self.program()["runs"]], [3, 4])
        # however slow the machine is: what is measured began when that had ended
        self.assertLess(
            self.program()["runs"][-1]["wall_seconds"], time.time() - float(ended.read_text())
        )
        cause = self.cause_of("true", options=("--prepare", "echo no >&2; exit 7"))
        self.assertRegex(str(cause), "--prepare .*exit code 7: no")

    def test_metric_with_a_decimal_comma(self) -> None:
        options = ("--metric", "took ([0-9.,]+)", "--runs", 1, "--quiet")
        self.attempt("echo", "took 0,53 s", options=options)
        self.assertEqual([r["metric"] for r in self.program()["runs"]], [0.53])
        cause = self.cause_of("echo", "took 1,2,3 s", options=("--metric", "took ([0-9.,]+)"))
        self.assertRegex(cause, "no number that --metric matches.*0,53")

    def test_same_output(self) -> None:
        words = ("sh", "-c", 'echo "${LD_PRELOAD:+preloaded}"')
        options = ("--runs", 1, "--quiet", "--same-output")
        result = self.attempt(*words, options=options, rows="system,jemalloc")
        self.assertEqual(result.returncode, 1)
        self.assertRegex(str(self.cause("jemalloc")), "something else than system")
        self.assertIsNone(self.cause())

    def test_another_output_than_with_the_c_library_s_malloc(self) -> None:
        """A library that ends the program early is neither fast nor lean."""
        preloaded = '[ "$LD_PRELOAD" ] && '
        cases = (
            ("echo hello", (), None),
            (f"{preloaded} exit; echo hello", (), "it printed nothing"),
            (f"{preloaded} exit; echo $$", (), "it printed nothing"),
            (f"{preloaded} echo other; echo hello", (), "other output than under the C library's"),
            (f"{preloaded} echo other; echo hello", ("--any-output",), None),
            (f"{preloaded} echo other; echo $$", (), None),  # a number that differs each time
        )
        for script, options, said in cases:
            more = ("--runs", 1, "--quiet", *options)
            result = self.attempt("sh", "-c", script, options=more, rows="system,jemalloc")
            self.assertEqual(result.returncode, 1 if said else 0, (script, result.stderr))
            self.assertIn(said or "", str(self.cause("jemalloc")))
            self.assertIsNone(self.cause())

    def test_output_that_only_seemed_to_be_the_same_is_not_compared(self) -> None:
        """The first runs print the same, and later ones something else: another second, say."""
        count = self.directory / "count"
        script = (
            '[ "$LD_PRELOAD" ] && exec echo other; '
            f"echo >>'{count}'; [ $(wc -l <'{count}') -gt 2 ]; echo $?"
        )
        result = self.attempt("sh", "-c", script, rows="system,jemalloc")
        self.assertEqual(result.returncode, 0, result.stderr)

    def test_what_has_no_result_with_the_c_library_s_malloc_did_not_all_fail(self) -> None:
        cases = (
            ("exit 3", (), "fails with the C library's malloc, too"),
            ("exit 0", ("--metric", "x"), "no result with the C library's malloc either"),
        )
        for script, options, said in cases:
            more = ("--runs", 1, "--quiet", *options)
            self.attempt("sh", "-c", script, options=more, rows="system,jemalloc")
            self.assertIn(said, self.cause("jemalloc"))

    def notes(self, *variants: str, program: tuple[Any, ...] = ("true",)) -> dict[str, str]:
        rows = [word for v in variants for word in ("--row", v)]
        options = ("--runs", 1, "--quiet", *rows)
        done = self.attempt(*program, options=options, rows="system,jemalloc,mimalloc,gomalloc")
        self.assertEqual(done.returncode, 0, done.stderr)
        found = {r["name"]: r["notes"] for r in self.program()["rows"]}
        for name, said in found.items():
            for note in said:
                self.assertIn(f"{name}: {note}", done.stderr)
        return {name: "; ".join(found[name]) for name in found}

    def test_a_program_that_traces(self) -> None:
        traces = "import ctypes, sys; sys.exit('ptrace: refused' if ctypes.CDLL(None).ptrace(0, 0, 0, 0) else 0)"
        result = self.attempt(PYTHON, "-ISc", traces)
        self.assertEqual(result.returncode, 1)
        (row,) = self.program()["rows"]
        self.assertIn("ptrace: refused (spanbench traces the first run itself", row["cause"])

    def test_options_that_nothing_reads(self) -> None:
        bad = {
            "system:MALLOC_ARENA=2": "names MALLOC_ARENA:",
            "system:MALLOC_TRIM_THRESHOLD=1": "names MALLOC_TRIM_THRESHOLD:",
            "system:MALLOC_CONF=narenas:1": "names MALLOC_CONF: .* another allocator's",
            "system:GLIBC_TUNABLES=glibc.malloc.arena_max=2:glibc.malloc.tcach=0": "glibc.malloc.tcach of",
            "jemalloc:MALLOC_CONF=narenas:2,dirty_decay:0": "names the option dirty_decay of MALLOC_CONF",
            "jemalloc:MALLOC_CONF=dirty_decay_ms:soon": "it complains: <jemalloc>: .*dirty_decay_ms:soon",
            "mimalloc:MIMALLOC_RESET_DELY=0": "names MIMALLOC_RESET_DELY:",
            "gomalloc:GOMALLOC_RETAI=0": "names GOMALLOC_RETAI:",
        }
        good = (
            "system:MALLOC_ARENA_MAX=2",
            "system:GLIBC_TUNABLES=glibc.malloc.arena_max=2:glibc.malloc.tcache_count=0",
            "jemalloc:MALLOC_CONF=dirty_decay_ms:0,narenas:2",
            "mimalloc:MIMALLOC_RESET_DELAY=0",
            "gomalloc:GOMALLOC_RETAIN=0",
        )
        found = self.notes(*bad, *good)
        for name, said in bad.items():
            self.assertRegex(found[name], said)
        for name, note in found.items():
            self.assertTrue(name in bad or not note, f"{name}: {note}")

    def test_options_of_the_program_itself(self) -> None:
        """Its own variables may have values of any form."""
        variants = (
            "system:PYTHONMALLOC=malloc",
            "system:PYTHONHASHSEED=1 PYTHONPATH=a:b,no_such_key=d",
        )
        found = self.notes(*variants, program=(PYTHON, "-c", "print(1)"))
        self.assertEqual({name: note for name, note in found.items() if note}, {})

    @slow
    def test_tunings_are_read(self) -> None:
        """Each is of this version of its allocator or of another."""
        tunings = json.loads((ROOT / "harness" / "try" / "tunings.json").read_text())
        rows = ("system", "jemalloc", "mimalloc", "gomalloc")
        mine = [t for t in tunings if t["allocator"] in rows]
        found = self.notes(*(f"{t['allocator']}:{v}" for t in mine for v in t["variables"].split()))
        for t in mine:
            notes = [found[f"{t['allocator']}:{v}"] for v in t["variables"].split()]
            self.assertIn("", notes, t)

    @slow
    def test_rows_of_variables_and_tunings(self) -> None:
        name = "system:MALLOC_ARENA_MAX=2"
        result = self.attempt(
            "sh", "-c", "exit ${MALLOC_ARENA_MAX:-0}", options=("--runs", 1, "--row", name)
        )
        self.assertRegex(str(self.cause(name)), "exit code 2")
        self.assertIsNone(self.cause(), result.stderr)
        self.attempt("true", options=("--runs", 1, "--quiet", "--tunings"))
        rows = {r["name"]: r["variables"] for r in self.program()["rows"]}
        self.assertEqual(rows[name], ["MALLOC_ARENA_MAX=2"])
        self.assertEqual(rows["system:thp=never"], ["thp=never"])

    @slow
    def test_limit(self) -> None:
        script = "import mmap; mmap.mmap(-1, 200 << 20, flags=mmap.MAP_PRIVATE).write(b'x' * (200 << 20))"
        self.assertEqual(self.attempt(PYTHON, "-c", script).returncode, 0)
        result = self.attempt(PYTHON, "-c", script, options=("--runs", 1, "--limit", "100M"))
        self.assertEqual(result.returncode, 1, result.stderr)
        self.assertRegex(str(self.cause()), "limit of 100 MiB|exit code 1: MemoryError|OSError")

    def test_wrong_use_is_said(self) -> None:
        cases: list[tuple[list[str], str]] = [
            ([], "which program"),
            (["--", "no-such-program"], "no such program in PATH"),
            (["--", "/etc/passwd"], "not executable"),
            (["--", "/etc"], "a directory"),
            (["--", "echo hello"], "--shell"),
            (["--shell", "--", "echo", "hello"], "one word"),
            (["--cwd", "/nowhere", "--", "true"], "--cwd /nowhere"),
            (["--input", "/nowhere", "--", "true"], "--input /nowhere"),
            (["--metric", "(", "--", "true"], "regular expression"),
            (["--higher-is-better", "--", "true"], "--metric"),
            (["--same-output", "--any-output", "--", "true"], "contradict"),
            (["--env", "LD_PRELOAD=x", "--", "true"], "--preload"),
            (["--precision", "0", "--", "true"], "percentage"),
            (["--limit", "5X", "--", "true"], "bytes"),
            (["--row", "nobody:A=B", "--", "true"], "nobody"),
            (
                ["--allocators", "system", "--row", "gomalloc:A=B", "--", "true"],
                "add it to --allocators",
            ),
            (["--row", "system:A", "--", "true"], "VARIABLE=VALUE"),
            (["--load", "true", "--", "true"], "--server"),
            (["--then", "true", "--", "true"], "--server"),
            (["--against", "no-such-program", "--", "true"], "no such program in PATH"),
            (["--against", "true | true", "--", "true"], "--shell"),
            (["--against", " ", "--", "true"], "--against takes"),
            (["--smallest-limit", "--limit", "1G", "--", "true"], "leave one of them out"),
            (
                ["--smallest-limit", "--server", "x", "--load", "x", "--ready", "port:1"],
                "that ends",
            ),
            (["--ready", "port:x", "--", "true"], "port:NUMBER"),
            (["--server", "x", "--load", "x", "--ready", "regex:("], "--ready is not an extended"),
            (["--nonsense", "--", "true"], "--help"),
            (["--allocators", "jemaloc", "--", "true"], "did you mean jemalloc"),
        ]
        for words, said in cases:
            result = run(SPANBENCH, "try", "--out", self.out, *words)
            self.assertEqual((result.returncode, result.stdout), (2, ""), words)
            self.assertIn(said, result.stderr, words)
        self.assertFalse(self.out.exists())

    def test_help(self) -> None:
        for words in (["try", "--help"], ["help", "try"]):
            result = run(SPANBENCH, *words)
            self.assertEqual((result.returncode, result.stderr), (0, ""))
            self.assertIn("--same-output", result.stdout)
            files = set(re.findall(r"[\w-]+\.(?:tsv|csv|json)", result.stdout))
            self.assertIn("tunings.json", files)
            for name in files - {"program.json"}:
                self.assertTrue((ROOT / "harness" / "try" / name).exists(), name)
        self.assertIn("spanbench try", run(SPANBENCH, "help").stdout)


class BadPrograms(TryTest):
    def test_each_has_a_cause(self) -> None:
        self.assertRegex(self.cause_of("sh", "-c", "echo oops >&2; exit 4"), "exit code 4: oops")
        self.assertRegex(self.cause_of("sh", "-c", "kill -SEGV $$"), "SIGSEGV")
        dies = "import os; os.kill(os.getpid(), 40)"
        self.assertRegex(self.cause_of(PYTHON, "-ISc", dies), r"killed by signal 40 \(")
        marker = new_marker()
        self.assertRegex(
            self.cause_of("sleep", marker, options=("--timeout", 0.3)),
            "no end after.*a server needs --server",
        )
        self.assertEqual(processes_with(marker), [])
        self.assertRegex(
            self.cause_of("sh", "-c", "exec </dev/tty"), "exit code [0-9]+: .*(tty|No such device)"
        )
        self.assertRegex(self.cause_of("true", options=("--metric", "x")), "no number")

    def test_without_an_interpreter(self) -> None:
        """All commands that start a program say the same."""
        source = self.script("int main(void) { return 0; }", "main.c")
        loader = self.directory / "loader"
        linked = run("cc", "-o", loader, source, "-Wl,--dynamic-linker=/nowhere/ld.so")
        self.assertEqual(linked.returncode, 0, linked.stderr)
        cases = (
            (
                self.script("echo none is named here\n", "none"),
                "begin it with a line such as #!/bin/sh",
            ),
            (self.script("#! /nowhere/sh -e\n", "absent"), "not here: '/nowhere/sh'"),
            (loader, "not here: '/nowhere/ld.so'"),
        )
        for program, said in cases:
            for command in ("try", "who", "why"):
                result = run(SPANBENCH, command, "--", program)
                self.assertEqual((result.returncode, result.stdout), (2, ""), command)
                self.assertIn(said, result.stderr)

    def test_one_that_kills_who_measures_it(self) -> None:
        """Whatever ends it: nobody is left without a word."""
        marker = new_marker()
        done = self.attempt("sh", "-c", f"kill -KILL $PPID; sleep {marker}")
        self.assertEqual(done.returncode, -signal.SIGKILL)
        self.assertIn("it was killed by SIGKILL", done.stderr)
        self.assertEqual(processes_with(marker), [])

    def test_each_ends_well(self) -> None:
        for script in (
            "exec <&- >&- 2>&-; sleep 0.05",  # closes its descriptors
            "head -c 3000000 /dev/zero",  # prints much
            "while :; do echo line; done | head -n 20000",
            "yes 2>/dev/null & sleep 0.1",  # leaves a process behind that prints for ever
            "(while sleep 0.1; do kill -CONT $$; done) & kill -STOP $$; kill $!",
        ):
            result = self.attempt("sh", "-c", script)
            self.assertEqual(result.returncode, 0, (script, result.stderr))
        marker = new_marker()
        said = self.attempt("sh", "-c", f"sleep {marker} &").stderr
        self.assertRegex(said, "left processes behind")
        self.assertEqual(processes_with(marker), [])

    @slow
    def test_a_gigabyte_of_output_takes_no_space(self) -> None:
        self.attempt("head", "-c", 1 << 30, "/dev/zero")
        (r,) = self.program()["runs"]
        self.assertEqual(r["output_bytes"], 1 << 30)
        size = sum(f.stat().st_size for f in self.out.rglob("*") if f.is_file())
        self.assertLess(size, MIB)


class Interruption(TryTest):
    def interrupt(self, number: int, after: float) -> None:
        """At any moment: also before the first process, and between two."""
        marker = new_marker()
        program = self.script(f"#!{PYTHON} -IS\n{RESTLESS}", "restless")
        copy = self.directory / "copy.json"
        options = ("--runs", 3, "--json", copy)
        command = self.start(program, marker, options=options, rows="system,jemalloc")
        with subprocess.Popen(command, stderr=subprocess.PIPE, start_new_session=True) as driver:
            await_handler(driver, number)
            time.sleep(after)
            driver.send_signal(number)
            driver.communicate(timeout=300)
        self.assertEqual(driver.returncode, 128 + number)
        self.assertEqual(processes_with(marker), [])
        self.assertEqual(list(self.out.rglob("*.tmp")), [])
        self.assertFalse((self.out / "latest-try").exists())
        self.assertFalse(copy.exists())  # the program never ends: no run, and none in a copy

    def test_nothing_is_left(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            for after in (0, random.random() * 1.5):
                self.interrupt(number, after)

    @slow
    def test_nothing_is_left_after_many(self) -> None:
        for i in range(20):
            self.interrupt((signal.SIGINT, signal.SIGTERM)[i % 2], random.random() * 1.5)

    def kill_driver(self, whom: Callable[[list[int]], list[int]]) -> None:
        """By a signal that it cannot treat. `whom` chooses among the front, the guard, and the worker."""
        marker = new_marker()
        sleeps = f"(setsid sleep {marker} &); exec sleep {marker}"  # the first has left its parent
        command = self.start("sh", "-c", sleeps, options=("--timeout", 600))
        with subprocess.Popen(command, stderr=subprocess.DEVNULL, start_new_session=True) as driver:
            while len(processes_with(f"sleep\0{marker}")) < 2:
                time.sleep(0.05)
            for victim in whom(parts_of(driver.pid)):
                with contextlib.suppress(ProcessLookupError):  # the one before has ended it
                    (os.kill if victim > 0 else os.killpg)(abs(victim), signal.SIGKILL)
        deadline = time.monotonic() + 60
        while (left := processes_with(marker)) and time.monotonic() < deadline:
            time.sleep(0.05)
        self.assertEqual(left, [])

    def test_nothing_is_left_by_a_driver_that_is_killed(self) -> None:
        self.kill_driver(lambda chain: [chain[0]])
        self.kill_driver(lambda chain: [-chain[0]])  # with its group, the worker

    @slow
    def test_nothing_is_left_whichever_part_of_it_is_killed(self) -> None:
        for parts in ((1,), (2,), (0, 1), (1, 2), (0, 2), (2, 0)):
            self.kill_driver(lambda chain: [chain[p] for p in parts])

    def test_what_was_measured_is_kept_without_the_guard(self) -> None:
        """It is killed; the worker has time to save all."""
        ran = self.directory / "ran"
        command = self.start("sh", "-c", f"echo >>'{ran}'; sleep 0.05", options=("--runs", 500))
        with subprocess.Popen(command, stderr=subprocess.DEVNULL) as driver:
            while not ran.exists() or len(ran.read_text()) < 5:
                time.sleep(0.05)
            os.kill(parts_of(driver.pid)[1], signal.SIGKILL)
        self.assertEqual(driver.returncode, -signal.SIGKILL)
        (directory,) = self.out.glob("*-*")
        self.assertEqual(
            sorted(p.name for p in directory.iterdir()), ["memory.csv", "program.json"]
        )
        runs = json.loads((directory / "program.json").read_text())["runs"]
        self.assertGreaterEqual(len(runs), 3)  # one is looked at, and one may be under way

    def test_what_a_round_has_measured_is_kept(self) -> None:
        """By a run that goes on: one that is killed cannot save it."""
        ran = self.directory / "ran"
        hangs = f"n=$(wc -l <'{ran}'); [ $n -lt 4 ] || sleep 0.7; [ $n -lt 7 ] || sleep 1000; "
        hangs += f"echo >>'{ran}'"
        ran.touch()
        command = self.start("sh", "-c", hangs, options=("--runs", 500), rows="system,gomalloc")
        with subprocess.Popen(command, stderr=subprocess.DEVNULL, start_new_session=True) as driver:
            end = time.monotonic() + 60
            while self.kept_runs() < 3 and time.monotonic() < end:
                time.sleep(0.02)
            os.killpg(driver.pid, signal.SIGKILL)  # the front and the worker, at once
        self.assertGreaterEqual(self.kept_runs(), 3)
        (csv,) = self.out.glob("*-*/memory.csv")
        self.assertGreater(len(csv.read_text().splitlines()), 1)

    def kept_runs(self) -> int:
        files = list(self.out.glob("*-*/program.json"))
        return len(json.loads(files[0].read_text())["runs"]) if files else 0

    def test_what_was_measured_is_kept(self) -> None:
        ran = self.directory / "ran"
        copy = self.directory / "copy.json"
        options = ("--runs", 500, "--json", copy)
        command = self.start("sh", "-c", f"echo >>'{ran}'; sleep 0.1", options=options)
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as driver:
            while not ran.exists() or len(ran.read_text()) < 4:
                time.sleep(0.05)
            driver.send_signal(signal.SIGINT)
            _, said = driver.communicate(timeout=300)
        self.assertEqual(driver.returncode, 130)
        self.assertIn("are finished and saved in", said)
        (file,) = self.out.glob("*-*/program.json")
        document = json.loads(file.read_text())
        self.assertFalse(document["complete"])
        self.assertGreater(len(document["runs"]), 0)
        self.assertEqual(json.loads(copy.read_text()), document)

    def test_full_disk_is_said_before_anything_runs(self) -> None:
        marker = self.directory / "ran"
        command = self.start("touch", marker, options=("--runs", 1))
        limited = ["sh", "-c", 'ulimit -f 1; exec "$@"', "sh", *command]
        result = run(*limited)
        self.assertEqual(result.returncode, 2)
        self.assertRegex(result.stderr, "cannot reserve .*program.json")
        self.assertFalse(marker.exists())
        self.assertEqual(list(self.out.glob("*")), [])


if __name__ == "__main__":
    unittest.main()
