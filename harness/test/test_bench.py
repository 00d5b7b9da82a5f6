"""`make bench` from end to end, and scripts/bench.sh with a driver that only notes its words."""

import json
import os
import re
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Any

from driving import (
    CELLS,
    ROOT,
    SPANBENCH,
    DriverTest,
    cell_names,
    clean_environment,
    run,
    slow,
)


class Bench(DriverTest):
    def make_bench(self, *words: str, out: "Path | None" = None) -> "tuple[int, str, str]":
        command = ["make", "bench", "DEPS=skip", f"OUT={out or self.out}", *words]
        result = run(*command, cwd=ROOT, env=clean_environment())
        return result.returncode, result.stdout, result.stderr

    def the_run(self) -> Path:
        """The only run in this test's directory."""
        runs = [p for p in self.out.iterdir() if not p.is_symlink()]
        self.assertEqual(len(runs), 1)
        return runs[0]

    def test_rows_of_some(self) -> None:
        names = ["null", "system"]
        words = ("ALLOCATORS=" + " ".join(names), "THREADS=1 2", "REPS=1")
        self.check_rows(names, (1, 2), *words)

    def test_without_matplotlib_it_ends_with_the_answer_and_a_sentence(self) -> None:
        hidden = self.directory / "sitecustomize.py"  # which Python loads first
        hidden.write_text('import sys\nsys.modules["matplotlib"] = None\n')
        words = ["--allocators", "null", "--workloads", "tiny", "--threads", "1"]
        result = run(
            "scripts/bench.sh",
            cwd=ROOT,
            env=clean_environment(
                PYTHONPATH=str(self.directory),
                OUT=str(self.out),
                QUICK="1",
                ARGS=" ".join(words + ["--repetitions", "1", "--no-timeline"]),
            ),
        )
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("answer.txt, table.txt, bench.json, report.html\n", result.stdout)
        self.assertIn("plot.py: no plots without matplotlib", result.stderr)
        self.assertIn("tiny, 1 thread", (self.the_run() / "table.txt").read_text())
        self.assertFalse((self.the_run() / "plots").exists())

    @slow
    def test_all_rows(self) -> None:
        self.check_rows(cell_names(), (1, 2, 4))

    def check_rows(self, names: list[str], at: tuple[int, ...], *words: str) -> None:
        code, output, errors = self.make_bench("QUICK=1", *words)
        self.assertEqual(code, 0, errors)
        document = self.document()
        rows = {e["name"] for e in document["benchmarks"] if "error_occurred" not in e}
        wanted = {
            f"{workload}/{name}/threads:{threads}"
            for workload in ("tiny", "small", "large")
            for name in names
            for threads in at
        }
        self.assertLessEqual(wanted, rows)
        counters = (
            "ops_per_second",
            "rss_live_bytes",
            "vsz_live_bytes",
            "live_bytes",
            "minor_faults",
            "major_faults",
            "object",
            "digest",
        )
        for entry in document["benchmarks"]:
            for counter in counters:
                self.assertIn(counter, entry)
        directory = self.the_run()
        plots = {p.name for p in (directory / "plots").iterdir()}
        for figure in ("throughput", "timeline", "memory", "pareto"):
            self.assertLessEqual({f"{figure}.png", f"{figure}.svg"}, plots)
        table = run("scripts/table.py", directory, cwd=ROOT).stdout
        self.assertIn("small, 2 threads", table)
        self.assertEqual((directory / "table.txt").read_text(), table)
        answer = run("scripts/answer.py", directory, cwd=ROOT).stdout
        end = f"All of it: {directory}/\n  answer.txt, table.txt, bench.json, plots/, report.html\n"
        self.assertTrue(output.endswith(answer + end), output)
        self.assertIn("Not measured here:", (directory / "answer.txt").read_text())
        last = answer.split("\n\n", 1)[1].splitlines()
        self.assertLessEqual(len(last), 28)
        self.assertLessEqual(max(map(len, last)), 80)
        self.assertNotIn("\033", output)

    def test_answer_and_table_of_a_stored_run(self) -> None:
        example = ROOT / "results" / "example"
        for target, said in (("answer", "Fastest: "), ("table", "vs system")):
            result = run("make", target, f"RUN={example}", cwd=ROOT, env=clean_environment())
            self.assertEqual(result.returncode, 0, result.stderr)
            self.assertIn(said, result.stdout)
            words = ["make", target, f"OUT={self.out}"]
            result = run(*words, cwd=ROOT, env=clean_environment())
            self.assertEqual(result.returncode, 2)
            self.assertIn("no run is complete yet; make bench makes one", result.stderr)

    def test_wrong_use_ends_make(self) -> None:
        code, output, errors = self.make_bench("QUICK=1", "PRELOAD=/nonexistent.so")
        self.assertEqual(code, 2)
        self.assertIn("cannot preload '/nonexistent.so'", errors)
        self.assertNotIn("bench.json", output)
        self.assertFalse(self.out.exists())

    def test_words_that_a_variable_does_not_take(self) -> None:
        """A misspelt one would be ignored, and packages installed, or a record kept."""
        for words, takes in (
            (("bench", "DEPS=no"), "skip"),
            (("test", "DEPS=skip all"), "skip"),
            (("history", "DEPS=skip", "KEEP=on"), "1 yes 0 no"),
            (("test", "DEPS=skip", "SANITIZERS=asan msan"), "asan tsan"),
        ):
            result = run("make", "-n", *words, cwd=ROOT, env=clean_environment())
            self.assertEqual((result.returncode, result.stdout), (2, ""), words)
            variable, _, value = words[-1].partition("=")
            self.assertIn(f"spanbench: {variable} takes '{takes}', not '{value}'", result.stderr)

    # Words that a shell or make would act upon reach the driver as they are, and are wrong there.
    def test_variables_are_plain_data(self) -> None:
        mark = self.directory / "mark"
        others = ("WORKLOADS", "THREADS", "REPS", "SEED", "TIMEOUT", "PRELOAD", "QUICK", "ARGS")
        for word in (
            f"$(touch {mark})",
            f"$$(touch {mark})",
            f"$(shell touch {mark})",
            f"`touch {mark}`",
            f"'; touch {mark}; '",
            f'"; touch {mark}; "',
            f"; touch {mark} #",
            f"a\ntouch {mark}\n",
        ):
            for variables in (["ALLOCATORS"], others):
                code, _, errors = self.make_bench(*(f"{v}={word}" for v in variables))
                self.assertEqual(code, 2, (variables, word))
                self.assertTrue("spanbench: " in errors or "bench.sh: " in errors, errors)
                self.assertFalse(mark.exists(), (variables, word))

    def test_results_go_where_the_name_has_blanks(self) -> None:
        self.out = self.directory / "it's $(here) & there"
        words = ["ALLOCATORS=null", "WORKLOADS=tiny", "THREADS=1 2", "REPS=2", "SEED=7"]
        code, output, errors = self.make_bench("QUICK=yes", *words)
        self.assertEqual(code, 0, errors)
        self.assertEqual(self.document()["context"]["spanbench"]["seed"], 7)
        self.assertEqual(len(self.document()["benchmarks"]), 2 * 2)
        self.assertTrue((self.the_run() / "plots" / "throughput.svg").exists())

    def test_failed_samples_still_give_an_answer_and_fail(self) -> None:
        self.use_cells(CELLS / "system")
        self.script_cell("bad", 'case $1 in --describe) exec {good} "$@";; esac\nexit 4')
        result = run(
            ROOT / "scripts" / "bench.sh",
            cwd=self.directory,
            env=clean_environment(
                B=SPANBENCH.parent,
                OUT="results",
                ARGS=f"--cells {self.cells}",
                WORKLOADS="tiny",
                THREADS=1,
                REPS=2,
                QUICK=1,
            ),
        )
        self.assertEqual(result.returncode, 1)
        self.assertIn("FAILED: check failed: ended with exit code 4", result.stdout)
        self.assertTrue((self.the_run() / "plots").is_dir())
        told = re.findall("bad/threads:1 +FAILED", result.stdout)
        self.assertEqual(len(told), 1, "the first of the row")
        self.assertIn("FAILED: bad, 2 of 2 samples (check failed", result.stdout)
        self.assertIn("All of it: results/", result.stdout)


class Script(DriverTest):
    """bench.sh with a driver that writes down its words, one a line, and does as it is told."""

    def setUp(self) -> None:
        super().setUp()
        self.build = self.directory / "build"
        self.build.mkdir()
        self.words_file = self.directory / "words"
        self.driver("exit 0")

    def driver(self, script: str) -> None:
        path = self.build / "spanbench"
        path.write_text(f"#!/bin/sh\nprintf '%s\\n' \"$@\" >{self.words_file}\n{script}\n")
        path.chmod(0o755)

    def bench(self, *words: str, **variables: Any) -> "subprocess.CompletedProcess[str]":
        environment = clean_environment(B=self.build, OUT=self.out, **variables)
        return run("scripts/bench.sh", *words, cwd=ROOT, env=environment)

    def words(self, **variables: Any) -> "list[str]":
        """What the driver gets beside the directories."""
        result = self.bench(**variables)
        self.assertEqual(result.returncode, 0, result.stderr)
        words = self.words_file.read_text().splitlines()
        self.assertEqual([words[0], words[1], words[3]], ["run", "--directory-to", "--out"])
        self.assertEqual(words[4], str(self.out))
        return words[5:]

    def test_usage(self) -> None:
        result = self.bench("--help")
        self.assertEqual(result.returncode, 0)
        self.assertIn("usage:", result.stdout)
        for word in ("--hlp", "results"):
            result = self.bench(word)
            self.assertEqual((result.returncode, result.stdout), (2, ""))
            self.assertIn("usage:", result.stderr)
        (self.build / "spanbench").unlink()
        self.assertIn("build it with make", self.bench().stderr)

    def test_quick(self) -> None:
        for value in ("1", "yes"):
            self.assertEqual(self.words(QUICK=value), ["--quick"])
        for value in ("0", "no", ""):
            self.assertEqual(self.words(QUICK=value), [])
        for value in ("2", "on", "yes please", "*"):
            result = self.bench(QUICK=value)
            self.assertEqual(result.returncode, 2)
            self.assertIn(f"QUICK is 1 or yes, 0 or no, not '{value}'", result.stderr)

    def test_variables_become_options(self) -> None:
        self.assertEqual(self.words(), [])
        one = {"ALLOCATORS": "a 'b' $(c)", "WORKLOADS": "tiny", "THREADS": "1 2"}
        two = {"REPS": 3, "SEED": 7, "TIMEOUT": 1.5, "PRELOAD": " ./a.so  b=./*.so "}
        three = {"SIZES": "my $sizes.txt", "LONG_REST": 60}
        words = self.words(**one, **two, **three, ARGS="--cells * '--x")
        chosen = ["--allocators", "a 'b' $(c)", "--workloads", "tiny", "--threads", "1 2"]
        others = ["--sizes", "my $sizes.txt", "--long-rest", "60"]
        numbers = ["--repetitions", "3", "--seed", "7", "--timeout", "1.5"]
        preloads = ["--preload", "./a.so", "--preload", "b=./*.so"]
        self.assertEqual(words, chosen + others + numbers + preloads + ["--cells", "*", "'--x"])

    def test_the_answer_is_of_the_run_and_not_of_the_latest(self) -> None:
        run_directory = self.out / "one"
        run_directory.mkdir(parents=True)
        example = json.loads((ROOT / "results" / "example" / "bench.json").read_text())
        example["benchmarks"] = [e for e in example["benchmarks"] if e["workload"] == "tiny"]
        (run_directory / "bench.json").write_text(json.dumps(example))
        (self.out / "latest").symlink_to("another")
        for code in (0, 1):
            self.driver(f'echo {run_directory} >"$3"\nexit {code}')
            result = self.bench()
            self.assertEqual(result.returncode, code, result.stderr)
            self.assertIn("Fastest: ", result.stdout)
            self.assertIn("ns/op", (run_directory / "table.txt").read_text())
            self.assertTrue((run_directory / "plots" / "pareto.svg").exists())
            self.assertEqual(list(self.build.iterdir()), [self.build / "spanbench"])
            shutil.rmtree(run_directory / "plots")
        (run_directory / "bench.json").write_text("{}")
        self.driver(f'echo {run_directory} >"$3"')
        self.assertNotEqual(self.bench().returncode, 0, "no answer is an error")

    def test_nothing_measured_gives_no_answer(self) -> None:
        for code in (0, 2, 137):
            self.driver(f"exit {code}")
            result = self.bench()
            self.assertEqual((result.returncode, result.stdout), (code, ""))

    def test_signal_lets_the_driver_save_and_leaves_nobody(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            for whole_group in (True, False):
                self.check_signal(number, whole_group)

    def check_signal(self, number: signal.Signals, whole_group: bool) -> None:
        self.use_cells(CELLS / "system")
        environment = clean_environment(
            B=SPANBENCH.parent,
            OUT=self.out,
            ARGS=f"--cells {self.cells} --verbose",
            WORKLOADS="tiny",
            REPS=1000,
        )
        process = subprocess.Popen(
            ["scripts/bench.sh"],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        assert process.stdout
        self.assertIn("ns/op", process.stdout.readline())
        (os.killpg if whole_group else os.kill)(process.pid, number)
        output, errors = process.communicate(timeout=600)  # ends when the last of them has ended
        self.assertEqual(process.returncode, 128 + number, errors)
        self.assertNotIn("Fastest", output)
        self.assertRegex(
            errors, r"samples are finished and saved in .*\n.*scripts/answer.py '.*'\n"
        )
        self.assertFalse(self.unfinished()["context"]["spanbench"]["complete"])
        with self.assertRaises(ProcessLookupError):
            os.killpg(process.pid, 0)
        shutil.rmtree(self.cells)
        shutil.rmtree(self.out)
