"""The command line of the driver: words, names, errors, results, interruption."""

import contextlib
import json
import os
import pty
import re
import resource
import shutil
import signal
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Callable


from driving import BUILD, CELLS, ROOT, SPANBENCH, DriverTest, cell, cell_names, read_terminal, run
from driving import of_processes, run_unread, spanbench

SHORT = ["--workloads", "tiny", "--threads", "1", "--repetitions", "2"]


def is_running(text: str) -> bool:
    """Does any process have this in its command line?"""
    return any(text.encode() in words for words in of_processes("cmdline").values())


COMMANDS = "run, check, harden, try, who, why, gate, table, plot, report, list, describe, help"


class Words(DriverTest):
    def test_help(self) -> None:
        every = {"run": "--workloads", "check": "--profile", "harden": "--misuses"}
        for words in (["help"], ["--help"], ["help", "help"], ["--help", "--quick"]):
            result = spanbench(*words)
            self.assertEqual((result.returncode, result.stderr), (0, ""), words)
            for option in ("examples:", "spanbench gate", *every.values()):
                self.assertIn(option, result.stdout, words)
        for command in (*every, "list", "describe"):
            for words in (["help", command], [command, "--help"], ["--help", command]):
                result = spanbench(*words)
                self.assertEqual((result.returncode, result.stderr), (0, ""), words)
                self.assertRegex(result.stdout, rf"^usage: spanbench \[?{command}\b")
                for option in ("--allocators", "--cells", "exit code:"):
                    self.assertIn(option, result.stdout, words)
                for other, option in every.items():
                    self.assertEqual(other == command, f"  {option} " in result.stdout, words)
        for command, option in (
            ("gate", "--base"),
            ("table", "RUN"),
            ("plot", "--out"),
            ("report", "--base"),
        ):
            for words in (["help", command], [command, "--help"]):
                result = spanbench(*words)
                self.assertEqual((result.returncode, result.stderr), (0, ""), words)
                self.assertRegex(result.stdout, f"(?i){option}")
            self.assertIn("must stand before", spanbench("--quick", command).stderr)

    def test_the_name_alone_measures_nothing(self) -> None:
        result = spanbench(cwd=self.directory)
        self.assertEqual((result.returncode, result.stdout), (2, ""))
        self.assertRegex(result.stderr, r"\Ausage: spanbench run ")
        self.assertIn("spanbench run --quick", result.stderr.splitlines()[-1])
        self.assertEqual(list(self.directory.iterdir()), [])

    def test_version(self) -> None:
        (built,) = re.findall('"(.+)"', (BUILD / "version.h").read_text())
        for words in (["version"], ["--version"], ["check", "--version"], ["--version", "--tap"]):
            result = spanbench(*words)
            said = (result.returncode, result.stdout, result.stderr)
            self.assertEqual(said, (0, f"spanbench {built}\n", ""), words)
        self.assertIn("--version", spanbench("help").stdout)

    def test_list_whose_reader_has_seen_enough(self) -> None:
        for command in ("list", "--list-workloads"):
            done = run_unread(SPANBENCH, command)
            self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_list_names_all(self) -> None:
        result = spanbench("list")
        self.assertEqual(result.returncode, 0)
        for name in [*cell_names(), "tiny", "small", "large"]:
            self.assertRegex(result.stdout, rf"(?m)^  {name} ")

    def test_describe_is_json(self) -> None:
        described = json.loads(spanbench("describe", "system", "null").stdout)
        self.assertEqual(sorted(described), ["null", "system"])
        self.assertIn("libc", described["system"]["slots"]["malloc"])

    def test_wrong_words_name_the_right_ones(self) -> None:
        for words, names in (
            (["--allocators", "foo"], ["system", "null"]),
            (["--workloads", "foo"], ["tiny", "small", "large"]),
            (["--threads", "0"], ["1 to 256"]),
            (["--threads", "1,x"], ["1 to 256"]),
            (["--threads", "-3"], ["1 to 256"]),
            (["--repetitions", "0"], ["1 to 1000"]),
            (["--order", "random"], ["shuffled", "mirrored"]),
            (["--rounds", "3..1"], ["FIRST..LAST"]),
            (["--rounds", "1..2x"], ["FIRST..LAST"]),
            (["--rounds", "..2"], ["FIRST..LAST"]),
            (["--rounds", "1..2", "--repetitions", "2"], ["rounds are 0 to 1", "--repetitions"]),
            (["--seed", "many"], ["whole number"]),
            (["--timeout", "0"], ["seconds"]),
            (["--foo"], ["'--foo'", "COMMAND --help"]),
            (["foo"], [COMMANDS]),
            (["help", "foo"], [COMMANDS]),
            (["foo", "--help"], [COMMANDS]),
            (["harden", "--list-checks"], ["of check, not of harden"]),
            (["list", "foo"], ["takes no argument"]),
            (["list", "--quick"], ["--quick is an option of run, not of list"]),
            (["describe", ""], ["the list of allocators is empty"]),
            (["describe", "--out", "x"], ["of run, check, harden, not of describe"]),
            (["run", "--checks", "x"], ["--checks is an option of check, not of run"]),
            (["harden", "--checks", "x"], ["--checks is an option of check, not of harden"]),
            (["--tap"], ["of check, not of run"]),
            (["--workloads", " , "], ["the list of workloads is empty"]),
            (["--threads", ""], ["the list of threads is empty"]),
            (["harden", "--sizes", ""], ["the list of sizes is empty"]),
            (["describe", "foo"], ["system"]),
            (["--benchmark_foo"], ["--benchmark_foo"]),
            (["--benchmark_repetitions=3"], ["--repetitions"]),
            (["--benchmark_enable_random_interleaving"], ["--repetitions"]),
            (["--benchmark_filter=nothing"], ["--benchmark_list_tests"]),
            (["--cells", "/nonexistent"], ["make"]),
        ):
            result = spanbench(*words, cwd=self.directory)
            self.assertEqual(result.returncode, 2, words)
            for name in names:
                self.assertIn(name, result.stderr, words)
            runs = list(self.out.iterdir()) if self.out.exists() else []
            self.assertEqual(runs, [], "nothing is left behind")

    def test_stacks_says_which_tools_are_missing(self) -> None:
        result = run("env", "PATH=/nonexistent", BUILD / "stacks", os.getpid())
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("in PATH (/nonexistent): cat sed grep timeout", result.stdout)

    def test_gate_is_found_above_the_program(self) -> None:
        result = spanbench("gate", "--help")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("--base", result.stdout)
        alone = self.directory / "spanbench"
        shutil.copy(SPANBENCH, alone)
        result = run(alone, "gate", "--help")
        self.assertEqual(result.returncode, 2)
        self.assertIn("scripts/gate/__main__.py is in no folder above", result.stderr)


class Run(DriverTest):
    def test_document(self) -> None:
        words = ["--allocators", "system null", "--repetitions", "3", "--seed", "5", "--verbose"]
        words += ["--brief", "--no-timeline", "--workloads", "tiny small"]
        result = self.quick(*words)
        self.assertEqual(result.returncode, 0, result.stderr)
        document = self.valid_document()
        self.assertEqual(list(document)[0], "schema", "what reads it looks at this first")
        entries = document["benchmarks"]
        rows = {e["name"] for e in entries}
        self.assertEqual(len(rows), 2 * 2 * 3)
        for block in range(3):
            names = [e["name"] for e in entries if e["block"] == block]
            self.assertEqual(sorted(names), sorted(rows), "each block holds each row once")
        self.assertEqual([e["block"] for e in entries], sorted(e["block"] for e in entries))
        orders = {tuple(e["name"] for e in entries if e["block"] == b) for b in range(3)}
        self.assertEqual(len(orders), 3, "each in an order of its own")
        self.assertEqual([e["seed"] for e in entries], [5 + e["block"] for e in entries])
        digests = {(e["workload"], e["threads"], e["block"], e["digest"]) for e in entries}
        self.assertEqual(len(digests), 2 * 3 * 3, "the same requests within a block alone")
        self.assertTrue(document["context"]["spanbench"]["complete"])
        for e in entries:
            self.assertEqual(e["time_unit"], "ns")
            self.assertAlmostEqual(e["real_time"], e["wall_ns"] / e["ops"])
            self.assertAlmostEqual(e["ns_per_op"], e["wall_ns"] / e["ops"])
            self.assertEqual(e["oversubscribed"], e["threads"] > len(os.sched_getaffinity(0)))
        self.assertEqual(len(result.stdout.splitlines()), len(entries))
        for line in result.stdout.splitlines():
            self.assertRegex(line, r"^(tiny|small)/(system|null)/threads:\d+ .* ns/op")

    def test_mirrored_order_without_timeline(self) -> None:
        words = ["--allocators", "system null", "--workloads", "tiny", "--threads", "1,2"]
        words += ["--repetitions", "2", "--order", "mirrored", "--no-timeline"]
        self.assertEqual(self.quick(*words).returncode, 0)
        document = self.document()
        self.assertEqual(document["context"]["spanbench"]["order"], "mirrored")
        names = [e["name"] for e in document["benchmarks"]]
        self.assertEqual(len(names), 2 * 2 * 4)
        for at in range(0, len(names), 4):
            self.assertEqual(names[at : at + 4], names[at : at + 4][::-1])
        lines = (self.out / "latest" / "timeline.csv").read_text().splitlines()
        self.assertEqual(len(lines), 1)

    def test_brief_samples(self) -> None:
        words = ["--brief", "--allocators", "system null", "--threads", "1", "--repetitions", "1"]
        self.assertEqual(self.quick(*words, "--no-timeline").returncode, 0)
        described = json.loads(spanbench("describe", "system").stdout)["system"]["workloads"]
        ops = {w["name"]: w["brief_ops"] for w in described if w["group"] == "core"}
        document = self.document()
        self.assertTrue(document["context"]["spanbench"]["brief"])
        self.assertEqual({e["workload"]: e["ops"] for e in document["benchmarks"]}, ops)

    def rest_for_long(self, *names: str) -> None:
        """Cells that rest for 300 ms at each instant of a pass of the timeline, and not for 30, so that the driver of a
        busy machine looks meanwhile, too."""
        longer = 'case "$*" in *"--hold 30"*) set -- "$@" --hold 300;; esac\n'
        for name in names:
            self.script_cell(name, f'{longer}exec {CELLS / name} "$@"')

    def test_timeline(self) -> None:
        self.rest_for_long("system", "null")
        self.assertEqual(self.quick(*SHORT, "--allocators", "system null").returncode, 0)
        lines = (self.out / "latest" / "timeline.csv").read_text().splitlines()
        self.assertEqual(lines[0], "workload,allocator,threads,seconds,rss_bytes,vsz_bytes")
        for name in ("system", "null"):
            times = [float(x.split(",")[3]) for x in lines if f",{name}," in x]
            self.assertGreater(len(times), 10)
            self.assertEqual(times, sorted(times))
        rss = [int(x.split(",")[4]) for x in lines[1:] if ",system," in x]
        self.assertGreater(max(rss), min(rss) + 500000, "the live set shows")

    def test_marks_on_the_timeline(self) -> None:
        """They are on the clock of its readings: behind the mark of an instant, its level is there."""
        self.rest_for_long("system")
        for _ in range(20):  # a machine that stands still for so long has no reading
            levels = self.levels()
            if min(map(len, levels)) > 2:
                break
        start, live = (statistics.median(of) for of in levels)
        self.assertGreater(live, start + 1e6)

    def levels(self) -> list[list[int]]:
        """Of a run, the readings at two of its instants."""
        words = ["--workloads", "small", "--threads", "1", "--repetitions", "1"]
        self.assertEqual(self.quick(*words).returncode, 0)
        (of,) = self.document()["context"]["spanbench"]["timeline_passes"]
        self.assertEqual((of["workload"], of["allocator"], of["threads"]), ("small", "system", 1))
        names = ["start", "timed operations", "all live", "all freed", "all purged"]
        self.assertEqual([r["name"] for r in of["reached"]], names)
        at = {r["name"]: r["seconds"] for r in of["reached"]}
        self.assertEqual(list(at.values()), sorted(at.values()))
        lines = (self.out / "latest" / "timeline.csv").read_text().splitlines()[1:]
        read = [(float(x.split(",")[3]), int(x.split(",")[4])) for x in lines]
        self.assertTrue(0 < at["start"] and at["all purged"] < read[-1][0] + 60)
        rest = 0.3
        return [
            [rss for seconds, rss in read if at[n] <= seconds < at[n] + rest]
            for n in ("start", "all live")
        ]

    def test_seed(self) -> None:
        runs = []
        for seed in ("1", "1", "2"):
            words = ["--allocators", "system null", "--workloads", "tiny", "--repetitions", "4"]
            words += ["--threads", "1,2", "--brief", "--no-timeline", "--seed", seed]
            self.assertEqual(self.quick(*words).returncode, 0)
            entries = self.document()["benchmarks"]
            runs.append(([e["name"] for e in entries], {e["digest"] for e in entries}))
        self.assertEqual(runs[0], runs[1], "same seed: same order, same requests")
        self.assertNotEqual(runs[0][0], runs[2][0])
        self.assertNotEqual(runs[0][1], runs[2][1])
        at_1, at_2 = (len(runs[i][1]) for i in (0, 2))
        self.assertEqual((at_1, at_2), (2 * 4, 2 * 4), "each round has requests of its own")
        self.assertEqual(len(runs[0][1] & runs[2][1]), 2 * 3, "its seed is one more")

    def test_rounds_alone_are_those_of_the_whole_run(self) -> None:
        words = ["--allocators", "system null", "--workloads", "tiny small", "--threads", "1"]
        words += ["--brief", "--no-timeline", "--repetitions", "4", "--seed", "3"]

        def measured(*rounds: str) -> list[tuple[str, int, int, str]]:
            self.assertEqual(self.quick(*words, *rounds).returncode, 0)
            entries = self.valid_document()["benchmarks"]
            return [(e["name"], e["block"], e["seed"], e["digest"]) for e in entries]

        whole = measured()
        self.assertNotIn("rounds", self.document()["context"]["spanbench"])
        self.assertEqual(measured("--rounds", "1..2"), [e for e in whole if e[1] in (1, 2)])
        self.assertEqual(self.document()["context"]["spanbench"]["rounds"], [1, 2])
        self.assertEqual(measured("--rounds", "3"), [e for e in whole if e[1] == 3])

    def test_fixed_addresses_are_said(self) -> None:
        self.use_cells(CELLS / "null")
        for off in (False, True):
            command = ["setarch", "--addr-no-randomize"] * off
            words: list[Any] = [
                "--quick",
                "--out",
                self.out,
                "--cells",
                self.cells,
                *SHORT,
                "--no-timeline",
            ]
            result = run(*command, SPANBENCH, *words)
            if result.returncode != 0 and "setarch" in result.stderr:
                self.skipTest(f"this machine does not permit it: {result.stderr.strip()}")
            self.assertEqual(result.returncode, 0, result.stderr)
            here = Path("/proc/sys/kernel/randomize_va_space").read_text().strip() != "0"
            machine = self.document()["context"]["spanbench"]["machine"]
            self.assertEqual(machine["address_randomization"], here and not off)
            self.assertEqual("address randomisation is off" in result.stderr, off or not here)

    def test_one_seed(self) -> None:
        self.use_cells(CELLS / "system", CELLS / "null")
        self.assertEqual(self.quick(*SHORT, "--seed", "9", "--one-seed").returncode, 0)
        entries = self.document()["benchmarks"]
        self.assertEqual([(e["block"], e["seed"]) for e in entries], [(b, 9) for b in (0, 0, 1, 1)])
        self.assertEqual(len({e["digest"] for e in entries}), 1)
        self.assertTrue(self.document()["context"]["spanbench"]["one_seed"])

    def test_last_seed_is_one(self) -> None:
        self.use_cells(CELLS / "null")
        last = ["--seed", str(2**63 - 1)]
        result = self.quick(*SHORT, *last)
        self.assertEqual(result.returncode, 2)
        self.assertIn("--repetitions 2: the last seed would be above", result.stderr)
        self.assertEqual(self.quick(*SHORT, *last, "--one-seed").returncode, 0)
        self.assertEqual(self.document()["benchmarks"][1]["seed"], 2**63 - 1)

    def test_each_round_is_verified_by_one_row_in_turn(self) -> None:
        log = self.directory / "log"
        script = f'case "$*" in *--verify*) echo "$0 $*" >>{log};; esac\nexec {{good}} "$@"'
        self.use_cells(CELLS / "null")
        for name in ("a", "b"):
            self.script_cell(name, script)
        words = ["--workloads", "tiny", "--threads", "1", "--repetitions", "4", "--no-timeline"]
        self.assertEqual(self.quick(*words, "--seed", "20").returncode, 0)
        passes = re.findall(r"/([ab]) .* --seed (\d+) ", log.read_text())
        self.assertEqual(passes[:2], [("a", "20"), ("b", "20")])
        self.assertEqual(passes[2:], [("b", "21"), ("a", "22"), ("b", "23")])

    def test_row_that_fails_a_later_check_stops(self) -> None:
        bad = 'case "$*" in *"--seed 21 "*--verify*) exit 4;; esac\nexec {good} "$@"'
        self.use_cells(CELLS / "system")
        self.script_cell("bad", bad)
        words = ["--workloads", "tiny", "--threads", "1", "--repetitions", "3", "--seed", "19"]
        self.assertEqual(self.quick(*words).returncode, 1)
        self.assertEqual([bool(c) for c in self.causes("bad")], [False, False, True])
        self.assertEqual(self.causes("system"), [None] * 3)

    def test_options_of_google_benchmark(self) -> None:
        for option in ("--benchmark_list_tests", "--benchmark_list_tests=1"):
            names = spanbench(option, *SHORT, "--out", self.out).stdout.split()
            self.assertEqual(len(names), 2 * len(cell_names()))
            self.assertFalse(self.out.exists(), "nothing is measured")
        own = self.directory / "own.json"
        # A row that is not selected is not checked either: this one would fail.
        self.script_cell("bad", 'case $1 in --describe) exec {good} "$@";; esac\nexit 4')
        self.use_cells(CELLS / "null", CELLS / "system")
        for pattern in ("/null/", "^tiny/null/threads:1$"):
            filters = [f"--benchmark_filter={pattern}", f"--benchmark_out={own}"]
            result = self.quick(*SHORT, *filters)
            self.assertEqual(result.returncode, 0, result.stderr)
            names = [e["name"] for e in self.document()["benchmarks"]]
            self.assertEqual(names, ["tiny/null/threads:1"] * 2)
            self.assertEqual(len(json.loads(own.read_text())["benchmarks"]), 2)
            timeline = (self.out / "latest" / "timeline.csv").read_text()
            self.assertEqual(re.findall("tiny,(?!null,)", timeline), [])
        result = self.quick(*SHORT, "--benchmark_out=/nonexistent/own.json")
        self.assertEqual(result.returncode, 2)
        self.assertIn("/nonexistent/own.json", result.stderr)

    def test_cells_are_told_how_many_cpus_there_are(self) -> None:
        self.quick(*SHORT, "--allocators", "null")
        cpus = self.document()["context"]["spanbench"]["machine"]["cpus_usable"]
        self.script_cell(
            "told",
            f'case "$*" in --describe*|*"--cpus {cpus} "*) exec {{good}} "$@";; esac\nexit 4',
        )
        self.assertEqual(self.quick(*SHORT).returncode, 0)
        self.assertEqual(self.causes("told"), [None, None])

    def test_path_of_the_run_for_scripts(self) -> None:
        told = self.directory / "told"
        self.quick(*SHORT, "--allocators", "null", "--directory-to", told)
        self.assertEqual(Path(told.read_text().rstrip("\n")), (self.out / "latest").resolve())

    def test_compare_py_of_google_benchmark_reads_it(self) -> None:
        compare = Path("/usr/share/benchmark/compare.py")
        if not compare.exists():
            self.skipTest(f"{compare} is not installed (libbenchmark-tools)")
        self.quick("--allocators", "system null", "--workloads", "tiny", "--threads", "1")
        document = self.out / "latest" / "bench.json"
        result = run(
            "/usr/bin/python3", compare, "--no-color", "filters", document, "/null/", "/system/"
        )
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("tiny[/null/ vs. /system/]", result.stdout)
        result = run("/usr/bin/python3", compare, "--no-color", "benchmarks", document, document)
        self.assertIn("tiny/system/threads:1_pvalue", result.stdout)
        self.assertEqual(run("/usr/bin/python3", "-m", "json.tool", document).returncode, 0)

    def test_missing_library_is_skipped_with_its_reason(self) -> None:
        self.use_cells(CELLS / "system")
        (self.cells / "absent.skip").write_text("libabsent.so is not there; install it\n")
        self.script_cell(
            "gone", 'echo "gone: error while loading shared libraries: libgone.so" >&2; exit 127'
        )
        result = self.quick(*SHORT)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("absent is skipped: libabsent.so is not there; install", result.stderr)
        self.assertIn("libgone.so", result.stderr)
        allocators = self.document()["context"]["spanbench"]["allocators"]
        skipped = sorted(a["name"] for a in allocators if "skipped" in a)
        self.assertEqual(skipped, ["absent", "gone"])
        self.assertEqual(self.quick(*SHORT, "--allocators", "absent").returncode, 2)


class Needs(DriverTest):
    """A system that lacks something: the cause, and exit code 2."""

    def without(self, place: str, *words: Any) -> "subprocess.CompletedProcess[str]":
        """With nothing mounted at a place but an empty folder."""
        unshare = ["unshare", "--mount"] + ["--map-root-user"] * (os.geteuid() != 0)
        empty = [*unshare, "sh", "-c", f'mount -t tmpfs none {place} && exec "$@"', "sh"]
        tried = run(*empty, "true")
        if tried.returncode != 0:
            self.skipTest(f"this machine does not permit it: {tried.stderr.strip()}")
        return run(*empty, SPANBENCH, *words)

    def test_without_proc_or_sys(self) -> None:
        self.use_cells(CELLS / "null")  # little to do for a driver that goes on
        works = ("run", "check", "harden")
        for place, commands in (("/proc", (*works, "list", "describe")), ("/sys", works)):
            for command in commands:
                out = ["--out", self.out, "--cells", self.cells] if command in works else []
                result = self.without(place, command, *out)
                self.assertEqual((result.returncode, result.stdout), (2, ""), command)
                self.assertRegex(result.stderr, f"^spanbench: cannot read {place}/.* mount it with")
                self.assertFalse(self.out.exists())
        self.assertEqual(self.without("/proc", "help").returncode, 0)
        self.assertEqual(self.without("/sys", "list").returncode, 0)

    def test_small_stack(self) -> None:
        """With 16 KiB the loader itself has too little in 3 of 100 runs, for any program."""
        for kib in (32, 255):
            for command in ("run", "check", "harden", "list", "help", "version", "gate"):
                shell = f'ulimit -s {kib} && exec env -i "$0" "$@"'
                result = run("sh", "-c", shell, SPANBENCH, command)
                self.assertEqual((result.returncode, result.stdout), (2, ""), command)
                self.assertIn(f"limited to {kib} KiB", result.stderr)
                self.assertIn("ulimit -s 8192", result.stderr)
        self.use_cells(CELLS / "null")
        words = [*SHORT, "--cells", self.cells, "--out", self.out, "--quick"]
        result = run("sh", "-c", 'ulimit -s 256 && exec "$0" "$@"', SPANBENCH, *words)
        self.assertEqual(result.returncode, 0, result.stderr)


class Rivals(DriverTest):
    """Newer builds lie beside the cells, and are rows only if they are asked for."""

    def setUp(self) -> None:
        super().setUp()
        self.use_cells(CELLS / "null", CELLS / "system")
        self.rivals = self.directory / "rivals" / "cell"

    def rows(self, *words: str) -> set[str]:
        result = self.quick("--workloads", "tiny", "--benchmark_list_tests", *words)
        self.assertEqual(result.returncode, 0, result.stderr)
        return {line.split("/")[1] for line in result.stdout.splitlines()}

    def test_they_are_rows_if_they_are_asked_for(self) -> None:
        self.rivals.mkdir(parents=True)
        (self.rivals / "system-9.8").symlink_to(CELLS / "system")
        self.assertEqual(self.rows(), {"null", "system"})
        self.assertEqual(self.rows("--rivals"), {"null", "system", "system-9.8"})
        self.assertEqual(self.rows("--allocators", "system-9.8"), {"system-9.8"})
        self.assertEqual(self.rows("--allocators", "null", "--rivals"), {"null", "system-9.8"})
        listed = spanbench("list", "--cells", self.cells).stdout
        self.assertNotIn("9.8", listed)

    def test_none_is_here(self) -> None:
        result = self.quick("--rivals")
        self.assertEqual(result.returncode, 2)
        self.assertIn("there are no rivals here; 'make rivals' fetches them", result.stderr)


class Threads(DriverTest):
    """How many threads a workload has by default."""

    def test_more_than_cpus(self) -> None:
        lie = 'sed \'s|"threads_per_cpu":2,|"threads_per_cpu":5,|\''
        describe = '{good} "$@" 3>&1 | ' + lie + " >&3"
        self.script_cell("odd", f'case $1 in --describe) {describe};; *) exec {{good}} "$@";; esac')
        named: list[list[str]] = [[], ["--threads", "4"]]
        for options in named:
            result = self.quick("--workloads", "lock_convoy", "--benchmark_list_tests", *options)
            self.assertEqual(result.returncode, 0, result.stderr)
            threads = 4 if options else 5 * len(os.sched_getaffinity(0))
            (row,) = set(result.stdout.splitlines())
            self.assertIn(f"/threads:{max(4, threads)}/", row)


class Preload(DriverTest):
    def replacement(self) -> str:
        """A library of the system that replaces malloc."""
        for name in cell_names():
            d = cell(name, "--describe")
            own = name == "system" or Path(d["object"]).is_relative_to(BUILD)
            if not own and d["process_malloc"] == d["object"]:
                return str(d["object"])
        self.skipTest("no library that replaces malloc is installed")

    def test_any_library_is_a_row(self) -> None:
        library = self.replacement()
        for spec, name in ((library, os.path.basename(library)), (f"mine={library}", "mine")):
            result = self.quick(*SHORT, "--allocators", "system", "--preload", spec)
            self.assertEqual(result.returncode, 0, result.stderr)
            objects = {e["object"] for e in self.document()["benchmarks"] if e["allocator"] == name}
            self.assertEqual(objects, {library})
            self.assertEqual(self.causes("system"), [None, None])

    def test_a_library_that_ends_each_process_fails_and_the_others_are_measured(self) -> None:
        """In its constructor. An allocator is named by the file."""
        for end in ("__builtin_trap()", "_exit(0)", "_exit(7)"):
            source, library = self.directory / "it.c", self.directory / "libbad.so"
            source.write_text(
                "#include <stdlib.h>\n#include <unistd.h>\n"
                f"__attribute__((constructor)) static void end(void) {{ {end}; }}\n"
                "void *malloc(size_t size) { return size ? NULL : NULL; }\n"
            )
            built = run("cc", "-w", "-shared", "-fPIC", "-o", library, source)
            self.assertEqual(built.returncode, 0, built.stderr)
            result = self.quick(*SHORT, "--allocators", "null", "--preload", library)
            self.assertEqual(result.returncode, 1, result.stderr)
            self.assertIn("libbad.so: a process that only loads it", result.stderr)
            self.assertEqual(self.causes("null"), [None, None], end)
            self.assertEqual(len(self.causes("libbad.so")), 2)
            for cause in self.causes("libbad.so"):
                self.assertIn("a process that only loads it", cause or "")

    def test_a_path_that_ld_so_would_split(self) -> None:
        """Through links, which are gone afterwards."""
        folder, temporary = self.directory / "a b:c $LIB", self.directory / "tmp"
        folder.mkdir()
        temporary.mkdir()
        for name in ("libfoo.so", "lib bar.so"):
            shutil.copy(self.replacement(), folder / name)
        for place in (temporary, folder):  # where links can be made, and where not
            env = {**os.environ, "TMPDIR": str(place)}
            before = sorted(place.iterdir())
            words = ["--preload", folder / "libfoo.so", "--preload", folder / "lib bar.so"]
            result = self.quick(*SHORT, "--allocators", "null", *words, env=env)
            self.assertEqual(result.returncode, 0, result.stderr)
            for name, file in (("libfoo.so", "libfoo.so"), ("lib_bar.so", "lib bar.so")):
                entries = self.document()["benchmarks"]
                objects = {e["object"] for e in entries if e["allocator"] == name}
                self.assertEqual(objects, {str(folder / file)})
            self.assertEqual(sorted(place.iterdir()), before)
        words = [
            "--misuses",
            "double_free.immediate",
            "--sizes",
            "tiny",
            "--runs",
            "1",
            "--verbose",
        ]
        words += ["--allocators", "system", "--preload", f"mine={folder / 'lib bar.so'}"]
        result = spanbench("harden", *words, "--out", self.out)
        (line,) = [x.strip() for x in result.stderr.splitlines() if "ln -sf" in x]
        command = line.removeprefix("repeat: ")
        self.addCleanup(Path("/tmp/preload.so").unlink, missing_ok=True)
        again = run("sh", "-c", command)
        self.assertNotIn("cannot be preloaded", again.stderr)
        self.assertIn("double_free", again.stdout, again.stderr)

    def test_what_cannot_be_preloaded_is_an_error_before_any_sample(self) -> None:
        text = self.directory / "text.so"
        text.write_text("no library")
        fifo = self.directory / "fifo.so"
        os.mkfifo(fifo)
        libm = next(Path("/lib").glob("*-linux-gnu/libm.so.6"))
        for spec, says in (
            ("/nonexistent.so", "No such file"),
            (text, "not a shared library"),
            (self.directory, "not a shared library"),
            (fifo, "not a shared library"),
            (libm, "defines no malloc"),
            (f"system={self.replacement()}", "taken"),
            (f"a,b={self.replacement()}", "odd characters"),
        ):
            result = self.quick(*SHORT, "--preload", spec)
            self.assertEqual(result.returncode, 2, spec)
            self.assertIn(says, result.stderr)
            self.assertFalse(self.out.exists())


class Trouble(DriverTest):
    def start(self, *words: Any, **options: Any) -> "subprocess.Popen[str]":
        """A long run on cells of this test's own, so that its processes can be told apart."""
        self.use_cells(CELLS / "system", CELLS / "null")
        command = [SPANBENCH, "--quick", "--out", self.out, "--cells", self.cells]
        return subprocess.Popen(
            [str(w) for w in [*command, "--verbose", "--repetitions", "500", *words]],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **options,
        )

    def await_lines(self, process: "subprocess.Popen[str]", count: int) -> None:
        assert process.stdout
        for _ in range(count):
            self.assertIn("ns/op", process.stdout.readline())

    def await_condition(self, condition: Callable[[], bool], seconds: int = 300) -> None:
        """Polls until it holds."""
        for _ in range(10 * seconds):
            if condition():
                return
            time.sleep(0.1)
        self.fail(f"waited {seconds} seconds in vain")

    def test_interrupt_saves_the_finished_samples_and_leaves_no_child(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            process = self.start("--workloads", "small")
            self.await_lines(process, 7)
            process.send_signal(number)
            _, errors = process.communicate(timeout=600)
            self.assertEqual(process.returncode, 128 + number)
            self.assertRegex(errors, r"interrupted; \d+ of 3000 samples are finished and saved in ")
            self.assertFalse(is_running(str(self.cells)), "a child is left")
            self.assertFalse((self.out / "latest").exists(), "the newest complete run")
            document = self.unfinished()
            self.assertGreaterEqual(len(document["benchmarks"]), 7)
            self.assertFalse(document["context"]["spanbench"]["complete"])
            self.assertNotIn("error_occurred", json.dumps(document))
            self.assertEqual(list(self.out.glob("*/*.tmp")), [], "no torn file")
            shutil.rmtree(self.cells)
            shutil.rmtree(self.out)

    def test_killed_driver_leaves_no_child(self) -> None:
        seconds = f"600.{os.getpid()}"  # a command line of its own
        self.script_cell(
            "sleeper", 'case $1 in --describe) exec {good} "$@";; esac\nexec sleep ' + seconds
        )
        process = subprocess.Popen(
            [SPANBENCH, "--out", self.out, "--cells", self.cells], stderr=subprocess.DEVNULL
        )
        self.await_condition(lambda: is_running(f"sleep\0{seconds}\0"))
        process.kill()
        process.wait()
        self.await_condition(lambda: not is_running(f"sleep\0{seconds}\0"), 60)

    def test_killed_driver_leaves_a_document(self) -> None:
        process = self.start("--workloads", "small")

        def saved() -> int:
            return sum(
                len(json.loads(file.read_text())["benchmarks"])
                for file in self.out.glob("*/bench.json")
            )

        self.await_condition(lambda: saved() > 3)
        process.kill()
        process.communicate()
        self.assertGreater(saved(), 3)

    def test_killed_child_costs_its_sample_only(self) -> None:
        self.use_cells(CELLS / "system")
        command = [SPANBENCH, "--out", self.out, "--cells", self.cells, "--workloads", "large"]
        process = subprocess.Popen(
            [
                str(w)
                for w in [
                    *command,
                    "--verbose",
                    "--threads",
                    "1",
                    "--repetitions",
                    "4",
                    "--one-seed",
                ]
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.await_lines(process, 1)
        killed = False
        while not killed and process.poll() is None:
            for cell_process, words in of_processes("cmdline").items():
                if str(self.cells / "system").encode() in words.split(b"\0")[0]:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(cell_process, signal.SIGKILL)
                        killed = True
                        break
        process.communicate(timeout=600)
        self.assertEqual(process.returncode, 1)
        failed = [c for c in self.causes("system") if c]
        self.assertEqual(len(self.causes("system")), 4)
        self.assertEqual(len(failed), 1)
        self.assertIn("SIGKILL", failed[0] or "")

    def test_failed_samples_have_the_seed_of_their_round(self) -> None:
        self.script_cell("bad", 'case $1 in --describe) exec {good} "$@";; esac\nexit 4')
        words = ["--workloads", "tiny", "--threads", "1", "--repetitions", "3", "--seed", "5"]
        self.assertEqual(self.quick(*words, "--allocators", "bad").returncode, 1)
        entries = self.document()["benchmarks"]
        self.assertEqual([e["seed"] for e in entries], [5, 6, 7])
        self.assertEqual({e["error_occurred"] for e in entries}, {True})

    def test_results_directory_that_cannot_be_made(self) -> None:
        result = spanbench("--quick", *SHORT, "--out", "/dev/null/results")
        self.assertEqual(result.returncode, 2)
        self.assertIn("--out DIR", result.stderr)
        self.assertEqual(result.stdout, "", "no sample ran")

    def test_full_disk_is_said_before_any_sample_runs(self) -> None:
        def limit() -> None:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))

        result = self.quick(*SHORT, preexec_fn=limit)
        self.assertEqual(result.returncode, 2)
        self.assertIn("cannot reserve", result.stderr)
        self.assertEqual(result.stdout, "", "no sample ran")
        self.assertEqual(list(self.out.iterdir()), [], "nothing is left behind")

    def test_lost_results_directory_loses_no_sample(self) -> None:
        rescue = self.directory / "rescue"
        rescue.mkdir()
        process = self.start("--workloads", "tiny", env={**os.environ, "TMPDIR": str(rescue)})
        self.await_lines(process, 3)
        self.out.rename(self.directory / "gone")  # at once: the driver adds files to it
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=600)
        self.assertEqual(process.returncode, 128 + signal.SIGINT)
        saved = list(rescue.iterdir())
        self.assertIn(str(saved[0]), errors)
        self.assertGreaterEqual(len(json.loads(saved[0].read_text())["benchmarks"]), 3)

    def test_closed_output_ends_the_run_and_saves_it(self) -> None:
        process = self.start("--workloads", "tiny")
        self.await_lines(process, 2)
        assert process.stdout and process.stderr
        process.stdout.close()
        errors = process.stderr.read()
        self.assertEqual(process.wait(timeout=600), 2)
        self.assertIn("standard output is closed", errors)
        self.assertGreaterEqual(len(self.unfinished()["benchmarks"]), 2)

    def test_output_that_was_never_open_is_an_error(self) -> None:
        self.use_cells(CELLS / "null")
        where = ["--cells", str(self.cells)]
        talkative = ["run", "--quick", "--verbose", *SHORT, *where]
        for words in (["--version"], ["list", *where], talkative):
            command = [str(w) for w in (SPANBENCH, *words)]
            command += ["--out", str(self.out)] if "run" in words else []
            result = subprocess.run(
                ["sh", "-c", 'exec "$@" >&-', "sh", *command], stderr=subprocess.PIPE, text=True
            )
            self.assertEqual(result.returncode, 2, words)
            self.assertIn("standard output is closed", result.stderr)
        self.assertEqual(len(self.unfinished()["benchmarks"]), 1)

    def test_full_output_ends_the_run_and_saves_it(self) -> None:
        self.use_cells(CELLS / "null")
        with open("/dev/full", "w") as full:
            command = [SPANBENCH, "--quick", "--out", self.out, "--cells", self.cells, *SHORT]
            result = subprocess.run(
                [str(w) for w in [*command, "--verbose"]],
                stdout=full,
                stderr=subprocess.PIPE,
                text=True,
            )
        self.assertEqual(result.returncode, 2)
        self.assertIn("No space left on device; 1 of 2 samples", result.stderr)
        self.assertEqual(len(self.unfinished()["benchmarks"]), 1)

    def test_what_cannot_be_published_is_an_error(self) -> None:
        (self.out / "latest").mkdir(parents=True)
        result = self.quick(*SHORT, "--allocators", "null")
        self.assertEqual(result.returncode, 2)
        self.assertIn("latest", result.stderr)
        self.assertEqual(len(self.unfinished()["benchmarks"]), 2, "but the run is saved")

    def test_failed_pass_of_the_timeline(self) -> None:
        self.script_cell(
            "bad", 'case "$*" in *"--hold 0"*|--describe*) exec {good} "$@";; esac\nexit 4'
        )
        result = self.quick(*SHORT)
        self.assertEqual(result.returncode, 1, result.stderr)
        self.assertEqual(self.causes("bad"), [None, None], "no sample failed")
        self.assertIn("no timeline of tiny/bad/threads:1: ended with exit code 4", result.stderr)
        failures = self.document()["context"]["spanbench"]["timeline_failures"]
        self.assertEqual([f["name"] for f in failures], ["tiny/bad/threads:1"])

    def test_inherited_oddities_change_nothing(self) -> None:
        """Ignored SIGCHLD, closed descriptors, variables of Google Benchmark and of ld.so."""
        odd = {**os.environ, "BENCHMARK_FILTER": "nothing", "BENCHMARK_REPETITIONS": "7"}
        odd["LD_PRELOAD"] = str(next(Path("/lib").glob("*-linux-gnu/libm.so.6")))
        result = self.quick(
            *SHORT,
            "--allocators",
            "null",
            env=odd,
            preexec_fn=lambda: signal.signal(signal.SIGCHLD, signal.SIG_IGN),
        )
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("BENCHMARK_FILTER is ignored", result.stderr)
        self.assertIn("LD_PRELOAD is ignored; use --preload", result.stderr)
        two = spanbench("help", env={**os.environ, "LD_PRELOAD": ":/lib/a.so /lib/b$.so"})
        self.assertIn("use --preload /lib/a.so --preload '/lib/b$.so' instead", two.stderr)
        self.assertEqual(self.causes("null"), [None, None])
        options = f"--quick --out {self.out} --allocators null " + " ".join(SHORT)
        result = run("/bin/sh", "-c", f"exec {SPANBENCH} {options} <&- 2>&-")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(self.causes("null"), [None, None])

    def test_progress_is_few_plain_lines_in_a_log(self) -> None:
        words = ["--workloads", "tiny", "--threads", "1", "--repetitions", "40", "--no-timeline"]
        result = self.quick(*words, "--brief", "--allocators", "null")
        self.assertNotIn("\033", result.stderr + result.stdout)
        self.assertIn("spanbench: sample 1 of 40", result.stderr)
        self.assertEqual(result.stdout, "", "samples are not for people")
        self.assertLess(len(result.stderr.splitlines()), 20)
        result = self.quick(*SHORT, "--allocators", "system")
        self.assertIn("spanbench: verifying each byte once, row 1 of ", result.stderr)

    def on_terminal(self, *words: str, signal_after: bytes = b"\n\n") -> bytes:
        """What a run writes to a terminal, which gets Ctrl-C after this was seen."""
        self.use_cells(CELLS / "null")
        command = [SPANBENCH, "--quick", "--out", self.out, "--cells", self.cells, *words]
        ours, theirs = pty.openpty()
        with subprocess.Popen(
            [str(w) for w in command],
            stdout=theirs,
            stderr=theirs,
            env={**os.environ, "TERM": "xterm"},
        ) as process:
            os.close(theirs)
            text = b""
            for part in read_terminal(ours):
                text += part
                if signal_after in text:
                    process.send_signal(signal.SIGINT)
                    signal_after = b"\n\n"
            process.wait(timeout=600)
        return text

    def screen(self, text: bytes) -> list[str]:
        """The lines that stay on a terminal: what is taken back is gone."""
        lines = text.replace(b"\r\n", b"\n").split(b"\n")
        return [line.split(b"\r\033[K")[-1].decode() for line in lines]

    def test_progress_is_one_line_on_a_terminal(self) -> None:
        text = self.on_terminal(*SHORT)
        self.assertIn(b"sample 2 of 2: tiny/null/threads:1", text)
        self.assertIn(b"timeline 1 of 1", text)
        first, last, end = self.screen(text)
        self.assertIn("1 benchmark, 2 samples of each", first)
        self.assertRegex(last, "^spanbench: 2 samples, 0 failed; .*bench.json$")
        self.assertEqual(end, "")

    def test_interrupt_leaves_the_terminal_clean(self) -> None:
        words = ["--workloads", "tiny", "--threads", "1", "--repetitions", "900"]
        text = self.on_terminal(*words, signal_after=b"sample 3 of 900")
        self.assertIn(b"sample 3 of 900", text)
        _, last, end = self.screen(text)
        self.assertRegex(
            last, r"^spanbench: interrupted; \d+ of 900 samples are finished and saved"
        )
        self.assertEqual(end, "")

    def test_options_of_allocators_in_the_environment_are_recorded(self) -> None:
        set_here = {"GLIBC_TUNABLES": "glibc.malloc.tcache_count=0", "LD_BIND_NOW": "1"}
        self.quick(*SHORT, "--allocators", "null", env={**os.environ, **set_here})
        recorded = self.document()["context"]["spanbench"]["environment"]
        self.assertEqual({k: recorded.get(k) for k in set_here}, set_here)
