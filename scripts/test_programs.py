"""The catalogue of real programs, and how it is run. The driver is a pretended one."""

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
import unittest
from collections import Counter
from pathlib import Path
from typing import Any

import program_data
import programs
import programs_table
from driving import ROOT, DriverTest, clean_environment, run
from report import catalogue

SCRIPT = ROOT / "scripts" / "programs.py"

# Writes what spanbench try would: system takes 2 s, `fast` 1 s. Keeps its words and some variables.
DRIVER = """#!/usr/bin/python3
import json, os, sys
words = sys.argv[1:]
name = words[words.index("--json") + 1]
kept = {"words": words, "port": os.environ["PORT"], "quick": os.environ["QUICK"], "made": os.listdir(words[words.index("--cwd") + 1])}
open(os.environ["KEPT"] + "/" + os.path.basename(name), "w").write(json.dumps(kept))
if "DIES" in os.environ:
    os.kill(os.getpid(), 11)
if "HANGS" in os.environ:
    import signal, time
    def told(number, frame):
        open(os.environ["HANGS"] + ".told", "w").close()
        sys.exit(143)
    signal.signal(signal.SIGTERM, told)
    open(os.environ["HANGS"], "w").close()
    time.sleep(15)
run = {"problem": None, "metric": None, "peak_bytes": 2**24}
document = {
    "program": {"metric": None, "higher_is_better": False, "directory": words[words.index("--cwd") + 1]},
    "rows": [{"name": n, "cause": None} for n in ("system", "fast")] + [{"name": "bad", "cause": "crashed"}],
    "runs": [{**run, "row": n, "wall_seconds": s + 0.01 * i} for n, s in (("system", 2), ("fast", 1)) for i in range(3)],
}
open(name, "w").write(json.dumps(document))
"""


class Catalogue(unittest.TestCase):
    def test_each_file_is_complete(self) -> None:
        entries = programs.catalogue()
        self.assertGreaterEqual(len(entries), 12)
        for entry in entries:
            with self.subTest(entry.name):
                self.assertEqual(programs.incomplete(entry), "")
                self.assertRegex(entry.file.read_text(), r"\A#!/bin/sh -eu\n# \S")
                if entry.server:
                    self.assertIn("$PORT", entry.keys["server"] + entry.keys["ready"])

    def test_commands_are_good_shell(self) -> None:
        for entry in programs.catalogue():
            for key in ("run", "server", "load"):
                if key in entry.keys:
                    done = run("sh", "-n", "-c", entry.keys[key])
                    self.assertEqual(done.stderr, "", f"{entry.name}: {key}")
            self.assertEqual(run("sh", "-n", entry.file).stderr, "", entry.name)

    def test_readme_names_each(self) -> None:
        readme = (programs.CATALOGUE / "README.md").read_text()
        for entry in programs.catalogue():
            self.assertIn(f"| {entry.name} |", readme)


class Run(DriverTest):
    def setUp(self) -> None:
        super().setUp()
        self.build = self.directory / "build"
        self.build.mkdir()
        driver = self.build / "spanbench"
        driver.write_text(DRIVER)
        driver.chmod(0o755)

    def programs(self, **variables: Any) -> "subprocess.CompletedProcess[str]":
        return run(SCRIPT, env=self.environment(**variables))

    def environment(self, **variables: Any) -> dict[str, str]:
        more = {"PROGRAMS": "sort perl", "QUICK": 1, **variables}
        return clean_environment(B=self.build, OUT=self.out, KEPT=self.directory, **more)

    def kept(self, name: str) -> Any:
        return json.loads((self.directory / f"{name}.json").read_text())

    def setups(self) -> int:
        return len(list((self.build / "programs").iterdir()))

    def test_table(self) -> None:
        done = self.programs()
        self.assertEqual((done.returncode, done.stdout.count("data: ")), (0, 1), done.stderr)
        self.assertRegex(done.stdout, r"(?m)^time +system +fast$")
        self.assertRegex(done.stdout, r"(?m)^perl +2.01 s +0.50x$")
        self.assertRegex(done.stdout, r"(?m)^sort +16 MiB +~1.00x$")
        self.assertIn("bad: crashed: perl, sort", done.stdout)
        folder = done.stdout.rpartition("data: ")[2].strip()
        again = run(SCRIPT, "--table", folder)
        self.assertIn(again.stdout.strip(), done.stdout)

    def test_a_table_of_what_is_no_run(self) -> None:
        """One line that names the file and the fix."""
        folder = self.directory / "stored"
        folder.mkdir()
        file = folder / "sort.json"
        texts = (
            "",
            "{",
            "null",
            "[]",
            "{}",
            '{"rows": 5}',
            '{"program": {"metric": null}, "rows": 5, "runs": []}',
        )
        places = [
            (folder, "no result of a program is in it"),
            (folder / "gone", "not a folder"),
            (SCRIPT, "not a folder"),
        ]
        for text in (None, *texts):
            if text is not None:
                file.write_text(text)
                places = [(folder, f"{file}: not .* make bench-programs")]
            for place, said in places:
                done = run(SCRIPT, "--table", place)
                self.assertEqual((done.returncode, done.stdout), (2, ""), text)
                self.assertRegex(done.stderr, rf"\Aprograms.py: .*{said}.*\n\Z", text)
                self.assertIn("make bench-programs", done.stderr)

    def test_a_quick_run_is_said_to_be_one(self) -> None:
        """On the console, and first on its page."""
        said = "QUICK RUN: less work, 3 runs of each row: not for comparison or publication"
        for quick in (1, 0):
            done = self.programs(QUICK=quick)
            self.assertEqual(f"\n{said}\n" in done.stdout, bool(quick), done.stdout)
        both = [json.loads(p.read_text()) for p in self.out.glob("*-programs/sort.json")]
        (document,) = [d for d in both if d["program"]["directory"].endswith("-quick")]
        of = dict.fromkeys("ab", document)
        self.assertEqual(
            programs_table.quick_said([programs_table.of_document(n, d) for n, d in of.items()]),
            said,
        )
        whole = {**of["a"], "program": {**of["a"]["program"], "directory": "x-whole"}}
        mixed = [programs_table.of_document(n, d) for n, d in (("a", of["a"]), ("b", whole))]
        self.assertIn("QUICK RUN of a: less work", programs_table.quick_said(mixed))
        self.assertEqual(programs_table.quick_said(mixed[1:]), "")

    def test_a_table_again_changes_nothing_in_the_run(self) -> None:
        """agreement.json is of the core that was named then. It is written anew if that is asked for."""
        folder = self.directory / "stored"
        shutil.copytree(
            ROOT / "results" / "programs", folder, ignore=shutil.ignore_patterns("core")
        )
        file = folder / "agreement.json"
        file.write_text("{}")
        for keep, kept in ("--table", True), ("--keep", False):
            words = dict.fromkeys((keep, "--table"))
            done = run(SCRIPT, *words, folder, env=clean_environment())
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual(file.read_text() == "{}", kept)
            self.assertIn("Compared with results/example", done.stdout)

    def test_readme_shows_the_stored_run(self) -> None:
        stored = ROOT / "results" / "programs"
        done = run(
            SCRIPT, "--table", stored, cwd=ROOT, env=clean_environment(CORE="results/programs/core")
        )
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        readme = (ROOT / "workloads" / "programs" / "README.md").read_text()
        self.assertIn(textwrap.indent(done.stdout, "    ", lambda line: bool(line.strip())), readme)

    def test_where_the_core_agrees(self) -> None:
        done = self.programs()
        self.assertIn("Compared with results/example at 2 threads are 2 pairs", done.stdout)
        self.assertRegex(done.stdout, r"(?m)^time +tiny +0 +0 +0 +2$")
        (found,) = self.out.glob("*-programs/agreement.json")
        document = json.loads(found.read_text())
        self.assertEqual([p["program"] for p in document["pairs"]], ["perl", "sort"])
        self.assertEqual(document["pairs"][0]["better"], "fast")

    def test_the_core_that_is_named(self) -> None:
        core = self.directory / "core"
        core.mkdir()
        text = (ROOT / "results" / "example" / "bench.json").read_text()
        (core / "bench.json").write_text(text.replace('"mimalloc"', '"fast"'))
        done = self.programs(CORE=core)
        self.assertIn(f"Compared with {core} at", done.stdout)
        self.assertRegex(done.stdout, r"(?m)^time +tiny +2 +0 +0 +0$")
        self.out.joinpath("latest").symlink_to(core)  # a whole run is taken by itself
        self.assertIn("Compared with results/core at", self.programs().stdout)
        (core / "bench.json").write_text("{}")
        self.assertIn("Compared with results/example at", self.programs().stdout)
        done = self.programs(CORE=core)
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.assertIn("bench.json", done.stderr)

    def test_what_is_asked_of_the_driver(self) -> None:
        self.programs(
            PROGRAMS="perl python",
            ALLOCATORS="system x",
            SEED=7,
            RUNS=9,
            PRELOAD="./a.so b=./c.so",
            RIVALS=1,
        )
        words = shlex.join(self.kept("python")["words"])
        for part in (
            "--allocators 'system x'",
            "--seed 7",
            "--runs 9",
            "--rivals --preload ./a.so --preload b=./c.so",
            "--env PYTHONMALLOC=malloc",
            "--shell -- 'exec python3 ",
        ):
            self.assertIn(part, words)
        self.assertIn("work.pl", self.kept("perl")["made"])

    def test_a_server(self) -> None:
        self.programs(PROGRAMS="redis")
        kept = self.kept("redis") if (self.directory / "redis.json").exists() else None
        if not kept:
            self.skipTest("redis is not installed")
        words = kept["words"]
        self.assertEqual(words[words.index("--ready") + 1], f"port:{kept['port']}")
        self.assertIn("--server", words)
        self.assertNotIn("--", words)

    def test_data_are_made_once(self) -> None:
        self.assertIn("making its data", self.programs(PROGRAMS="perl").stderr)
        self.assertNotIn("making its data", self.programs(PROGRAMS="perl").stderr)
        self.assertIn("making its data", self.programs(PROGRAMS="perl", QUICK=0).stderr)

    def test_what_is_not_there_is_skipped(self) -> None:
        entry = programs.Entry("x", Path("x"), {"needs": "no-such-command", "package": "some"})
        why = programs.absent(entry, program_data.environment(True, 1))
        self.assertEqual(why, "no-such-command is not installed; install some")

    def test_a_set_up_that_fails(self) -> None:
        entry = programs.Entry("x", self.directory / "x.sh")
        entry.file.write_text("echo broken >&2\nexit 1\n")
        with self.assertRaisesRegex(RuntimeError, "its set-up failed: broken"):
            programs.set_up(entry, True, program_data.environment(True, 1))

    def test_a_driver_that_dies(self) -> None:
        done = self.programs(DIES=1)
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.assertIn("perl has no result: spanbench try died of signal 11", done.stderr)
        self.assertEqual(list(self.out.iterdir()), [])

    def test_what_ends_this_ends_the_driver(self) -> None:
        """Also what it cannot treat."""
        for number, code in ((signal.SIGTERM, 128 + signal.SIGTERM), (signal.SIGKILL, -9)):
            mark = self.directory / number.name
            child = subprocess.Popen([SCRIPT], env=self.environment(HANGS=mark), stderr=-1)
            while not mark.exists() and child.poll() is None:
                time.sleep(0.02)
            child.send_signal(number)
            child.communicate(timeout=300)
            self.assertEqual(child.returncode, code)
            end = time.monotonic() + 300
            while run("pgrep", "-f", str(self.build)).stdout and time.monotonic() < end:
                time.sleep(0.02)
            self.assertEqual(run("pgrep", "-f", str(self.build)).stdout, "")
            self.assertTrue(mark.with_name(f"{mark.name}.told").exists())

    def test_who_is_killed_leaves_no_set_up(self) -> None:
        mark = f"9{os.getpid()}"
        entry = self.directory / "x.sh"
        entry.write_text(f"sleep {mark}; :\n")
        text = "import sys, pathlib\nsys.path.insert(0, sys.argv[1])\nimport programs\n"
        text += "entry = programs.Entry('x', pathlib.Path(sys.argv[2]))\n"
        text += "programs.set_up(entry, True, programs.environment(True, 1))\n"
        words = [sys.executable, "-B", "-c", text, str(ROOT / "scripts"), str(entry)]
        child = subprocess.Popen(words, env=self.environment(), stderr=subprocess.DEVNULL)
        end = time.monotonic() + 300
        while not run("pgrep", "-fx", f"sleep {mark}").stdout and time.monotonic() < end:
            time.sleep(0.02)
        child.kill()
        child.wait()
        while run("pgrep", "-fx", f"sleep {mark}").stdout and time.monotonic() < end:
            time.sleep(0.02)
        self.assertEqual(run("pgrep", "-fx", f"sleep {mark}").stdout, "")

    def test_wrong_use(self) -> None:
        done = self.programs(PROGRAMS="perl nothing")
        self.assertEqual(done.returncode, 2)
        self.assertIn("there is no program 'nothing'; there are gcc, git", done.stderr)
        done = self.programs(QUICK="maybe")
        self.assertEqual(done.returncode, 2)
        self.assertIn("QUICK is 1 or yes", done.stderr)
        self.assertIn("RIVALS is 1 or yes", self.programs(RIVALS="maybe").stderr)
        self.assertEqual(run(SCRIPT, "--table", self.directory).returncode, 2)

    def test_list(self) -> None:
        self.assertRegex(run(SCRIPT, "--list").stdout, r"(?m)^redis +Does a cache")


class Numbers(unittest.TestCase):
    def measured(
        self, runs: list[tuple[str, Any, Any]], more_is_better: bool = False, **more: Any
    ) -> programs_table.Measured:
        """Of rows, with the program's number and the peak of memory. The nth run of a row is of the nth round."""
        names = list(dict.fromkeys(name for name, _, _ in runs))
        rounds: Counter[str] = Counter()
        document: dict[str, Any] = {
            "program": {"metric": "tps", "higher_is_better": more_is_better},
            "rows": [{"name": n, "cause": None} for n in names],
            "runs": [],
        }
        for n, m, peak in runs:
            run_ = {"problem": None, "row": n, "round": rounds[n], "wall_seconds": 1, **more}
            document["runs"].append({**run_, "metric": m, "peak_bytes": peak})
            rounds[n] += 1
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "x.json"
            path.write_text(json.dumps(document))
            return programs_table.read(path)

    def table(self, runs: list[tuple[str, Any, Any]], more_is_better: bool = False) -> str:
        return programs_table.table([self.measured(runs, more_is_better)])

    def test_a_number_of_which_more_is_better(self) -> None:
        """Twice as many transactions a second are half the cost. Of none at all, the cost is not known."""
        runs = [("system", 100, 1), ("a", 200, 1), ("a", None, 1), ("b", 0, 1)]
        self.assertRegex(self.table(runs, True), r"100/s +~0.50x +-\n")

    def test_a_number_of_which_less_is_better(self) -> None:
        self.assertRegex(
            self.table([("system", 7.25, 1), ("a", 14.5, 1)]), r"(?m)^x +7.25 +~2.00x$"
        )
        self.assertRegex(self.table([("system", 0, 1), ("a", 14.5, 1)]), r"(?m)^x +0 +-$")

    def test_a_row_that_is_not_watched_has_no_memory(self) -> None:
        mib = 1 << 20
        runs = [("system", 2, 20 * mib), ("a", 2, 40 * mib), ("system:watch=off", 2, None)]
        self.assertRegex(self.table(runs), r"(?m)^x +20 MiB +~2.00x +-$")
        self.assertRegex(self.table([("system", 2, None), ("a", 2, 40 * mib)]), r"(?m)^x +- +-$")

    def test_a_program_that_is_linked_with_another(self) -> None:
        runs = [(n, v + i / 1000, 1) for n, v in (("system", 1.0), ("a", 3.0)) for i in range(3)]
        libc = [("glibc", 2.0 + i / 1000, 1) for i in range(3)]
        one = self.measured(runs + libc)
        one.linked = "libother.so"
        shown = programs_table.table([one])
        self.assertRegex(shown, r"(?m)^x +2.001 +1.50x$")
        self.assertIn("x: as linked, with libother.so: 0.50x time, ~1.00x peak memory", shown)
        self.assertEqual(set(programs_table.core_names(one)["time"]), {"a", "system"})
        self.assertEqual(programs_table.core_names(one)["time"]["system"], [2.0, 2.001, 2.002])
        one = self.measured(runs)
        one.linked = "libother.so"
        self.assertIn("x: system is libother.so here", programs_table.table([one]))
        self.assertEqual(set(programs_table.core_names(one)["time"]), {"a"})
        rows: list[Any] = [
            {
                "name": "system",
                "processes": [
                    {"malloc": "/a/libc.so", "replaced": True},
                    {"malloc": "/a/libother.so"},
                ],
            }
        ]
        self.assertEqual(programs_table.linked_with(rows), "libother.so")
        for file in ("/lib/libc.so.6", "/lib/libc-2.31.so", "/lib/ld-musl-x86_64.so.1", None):
            rows[0]["processes"][1]["malloc"] = file
            self.assertEqual(programs_table.linked_with(rows), "")
        rows[0]["processes"][1]["malloc"] = "/libc.so/libc.mine.so"
        self.assertEqual(programs_table.linked_with(rows), "libc.mine.so")

    def test_what_is_told_apart(self) -> None:
        """A machine that becomes slow slows both rows of a round. Their ranges overlap all the same."""
        slow = [1.0, 1.2, 1.4, 1.7, 2.0, 2.2, 2.5, 2.9, 3.3, 3.7, 4.8]
        runs = [("system", v, 1) for v in slow] + [("a", 0.9 * v, 1) for v in slow]
        noise = [("b", v, 1) for v in (1.1, 1.1, 1.5, 1.6, 2.2, 2.0, 2.8, 2.6, 3.6, 3.4, 5.3)]
        self.assertRegex(self.table(runs + noise), r"(?m)^x +2.2 +0.90x +~1.0\dx$")
        self.assertRegex(self.table(runs[:2] + runs[11:13]), r"(?m)^x +1.1 +0.90x$")
        one = self.measured(runs)
        self.assertEqual(programs_table.cell(one, "time", "gone"), "-")

    def test_the_page_has_the_same_numbers(self) -> None:
        """Those of all stored programs, and what ties."""
        stored = programs_table.stored(ROOT / "results" / "programs")
        shown = programs_table.table(stored)
        documents = {
            m.name: json.loads((ROOT / "results" / "programs" / f"{m.name}.json").read_text())
            for m in stored
        }
        made = catalogue.page(documents, None, {})
        seen = 0
        for part, block in zip(made.sections[0].parts, shown.split("\n\n")):
            heads, *lines = (re.split(r"  +", line) for line in block.splitlines())
            assert part.table
            self.assertEqual(len(lines), len(part.table.lines))
            for words, line in zip(lines, part.table.lines):
                cells = dict(zip(part.table.heads, line.cells))
                for head, word in list(zip(heads, words))[2:]:
                    middle, told = str(cells[head]).split()
                    expected = f"{'~' if told == 'tie' else ''}{middle}x"
                    self.assertEqual(word, expected, f"{words[0]}, {heads[0]}, {head}")
                    seen += 1
        self.assertEqual(seen, (12 + 12 + 4) * 9)

    def test_what_is_left_of_the_peak(self) -> None:
        """The last reading after the load counts. A row whose peak is not known has none."""
        mib = 1 << 20
        after = {"0": 90 * mib, "10": 25 * mib, "2": 80 * mib}
        rows = [("system", 50), ("a", 100), *((n, 200) for n in "bcde")]
        runs = [(name, 1, peak * mib) for name, peak in rows for _ in range(3)]
        one = self.measured([*runs, ("f", 1, None)], after=after)
        said = "x: left of its own peak 10 s after its load: system 50%, a 25%, all others 12%"
        self.assertEqual(programs_table.left_of_peak(one), said)
        shown = programs_table.table([one])
        self.assertIn(said, shown)
        self.assertRegex(shown, r"(?m)^memory after +system +a +b +c +d +e +f$")
        self.assertRegex(shown, r"(?m)^x +25 MiB( +~1.00x){6}$")
        one = self.measured(runs[6:], after=after)
        self.assertIn("after its load: each 12%", programs_table.left_of_peak(one))
        self.assertNotIn("after", self.table(runs))


if __name__ == "__main__":
    unittest.main()
