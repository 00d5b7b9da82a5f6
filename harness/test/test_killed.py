"""SIGKILL at any moment: what was printed a while ago is in the file, and the next run clears up."""

import fcntl
import json
import os
import random
import re
import signal
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

import jsonschema

from bench_results import load_timeline
from driving import CELLS, ROOT, SPANBENCH, DriverTest, at_once, slow, spanbench

# The driver promises one second. It, and who reads here, may have to wait for a processor. For how long
# more this machine makes a process wait that renews a file, Witness tells.
PROMISED, ALLOWED = 1.0, 4.0
PATIENCE = 100  # seconds until the first result
FILES = {"run": "bench.json", "check": "conformance.json", "harden": "hardening.json"}
PRINTS = {"run": " ns/op ", "check": "^(not )?ok ", "harden": "^system "}
WORDS = {
    "run": "--verbose --quick --workloads tiny --threads 1 --repetitions 1000",
    "check": "--tap",
    "harden": "--verbose --runs 100",
}


def saved(command: str, document: Any) -> int:
    """How many results are in the file."""
    if command == "run":
        return len(document["benchmarks"])
    if command == "check":
        return sum(r["verdict"] != "not run" for r in document["results"])
    return sum(r["outcome"] != "not run" for place in document["results"] for r in place["runs"])


class Witness(threading.Thread):
    """Renews a file each 100 ms, and knows how late it was at most."""

    def __init__(self, file: Path) -> None:
        super().__init__(daemon=True)
        self.file, self.late, self.over = file, 0.0, threading.Event()
        self.start()

    def run(self) -> None:
        fresh = self.file.with_suffix(".fresh")
        while not self.over.is_set():
            due = time.monotonic() + 0.1
            time.sleep(0.1)
            fresh.write_text("{}")
            fresh.rename(self.file)
            self.late = max(self.late, time.monotonic() - due)

    def end(self) -> float:
        self.over.set()
        self.join()
        return self.late


class Killed(DriverTest):
    def setUp(self) -> None:
        super().setUp()
        self.schemas = {
            p.name: json.loads(p.read_text()) for p in ROOT.glob("results/*.schema.json")
        }
        # Most of the time it sleeps, so that many trials can run at once.
        self.script_cell(
            "system",
            'case $1 in --run|--check|--misuse) sleep 0.0$((1 + $$ % 9));; esac\nexec {good} "$@"',
        )

    def validate(self, command: str, document: Any) -> None:
        schema = self.schemas[FILES[command].replace(".json", ".schema.json")]
        resolver = jsonschema.RefResolver("", schema, store=self.schemas)
        jsonschema.Draft202012Validator(schema, resolver=resolver).validate(document)

    def trial(self, command: str, nth: int) -> None:
        out = self.directory / f"{command}-{nth}"
        words = [command, *WORDS[command].split(), "--cells", self.cells, "--out", out]
        process = subprocess.Popen(
            [str(w) for w in [SPANBENCH, *words]],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        printed: list[float] = []

        def read() -> None:
            assert process.stdout
            for line in process.stdout:
                if re.search(PRINTS[command], line):
                    printed.append(time.monotonic())

        reader = threading.Thread(target=read)
        reader.start()
        witness = Witness(self.directory / f"{command}-{nth}.witness")
        end = time.monotonic() + PATIENCE
        while not printed and process.poll() is None and time.monotonic() < end:
            time.sleep(0.01)
        time.sleep(ALLOWED + random.uniform(0, 2 * PROMISED))
        killed = time.monotonic()
        process.kill()
        process.wait()
        reader.join()
        late = witness.end()
        self.assertTrue(printed)
        due = sum(at < killed - ALLOWED - late for at in printed)
        (path,) = out.glob(f"*/{FILES[command]}")
        document = json.loads(path.read_text())
        self.validate(command, document)
        own = document["context"]["spanbench"] if command == "run" else document
        self.assertFalse(own["complete"])
        if not due:
            print(
                f"# skipped: {command}: in so short a time, nothing need be saved: {late:.1f} s late"
            )
        self.assertGreaterEqual(saved(command, document), due, command)
        self.assertLessEqual(saved(command, document), len(printed) + 1, "what ran, and no more")
        self.short_run(out)
        self.assertEqual(list(out.glob("*/*.tmp")), [])

    def short_run(self, out: Path) -> None:
        words = ["--quick", "--workloads", "tiny", "--threads", "1", "--repetitions", "1"]
        null = ["--allocators", "null", "--cells", CELLS, "--no-timeline", "--out", out]
        self.assertEqual(spanbench(*words, *null).returncode, 0)

    def trials(self, count: int) -> None:
        all_of_them = [(command, nth) for nth in range(count) for command in FILES]
        at_once(lambda t: self.trial(*t), all_of_them)

    def test_what_was_printed_is_in_the_file(self) -> None:
        self.trials(1)

    @slow
    def test_ten_times_each(self) -> None:
        self.trials(10)

    def timeline(self, out: Path) -> list[str]:
        """The lines of the only run; none: there is no such file."""
        return [line for p in out.glob("2*/timeline.csv") for line in p.read_text().splitlines()]

    def test_timeline(self) -> None:
        """What it had of a pass before stays, and of a pass under way. The samples are complete."""
        self.use_cells(CELLS / "null")
        self.script_cell(
            "slow", 'case "$*" in *"--hold "[1-9]*) sleep 1000;; esac\nexec {good} "$@"'
        )
        words = "--quick --workloads tiny --threads 1 --repetitions 1".split()
        for number in (signal.SIGKILL, signal.SIGINT):
            out = self.directory / number.name
            with subprocess.Popen(
                [SPANBENCH, *words, "--cells", self.cells, "--out", out],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            ) as driver:
                patience = time.monotonic() + PATIENCE
                while not any(li.startswith("tiny,slow,") for li in self.timeline(out)):
                    self.assertLess(time.monotonic(), patience, "it is not written along")
                    time.sleep(0.02)
                driver.send_signal(number)
            series = load_timeline(next(out.glob("2*/timeline.csv")))
            self.assertIn(("tiny", "null", 1), series)
            if number == signal.SIGINT:
                self.assertEqual(len(series), 1, "a pass that was cut short is none")
            (path,) = out.glob("2*/bench.json")
            self.assertEqual(len(json.loads(path.read_text())["benchmarks"]), 3)
            self.short_run(out)
            self.assertEqual(list(out.glob("*/*.tmp")), [])

    def test_the_next_run_removes_what_a_killed_one_left_and_nothing_else(self) -> None:
        self.short_run(self.out)
        (dead,) = self.out.glob("2*")
        left = ["bench.json.1.tmp", "conformance.json.12.tmp", "timeline.csv.2.tmp", "latest.0.tmp"]
        left += ["program.json.3.tmp", "memory.csv.2.tmp", "why.json.1.tmp", ".table.txt.new"]
        others = [
            "bench.json.tmp",
            "mine.tmp",
            "bench.json.1.tmp2",
            "bench.json.x.tmp",
            "a.json.1.tmp",
            "mine.new",
            ".mine",
        ]
        foreign = self.out / "2-not-a-run"
        foreign.mkdir()
        for name in left + others:
            (dead / name).write_text("{")
        (foreign / left[0]).write_text("{")
        os.symlink(foreign, self.out / "20260101T000000Z-link")
        live = subprocess.Popen(
            [SPANBENCH, *WORDS["run"].split(), "--cells", self.cells, "--out", self.out],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        try:
            assert live.stdout
            live.stdout.readline()
            self.assertEqual([n for n in left if (dead / n).exists()], [])
            self.assertEqual([n for n in others if not (dead / n).exists()], [])
            self.assertTrue((foreign / left[0]).exists())
            (own,) = (p for p in self.out.glob("2*Z-*") if not p.is_symlink() and p != dead)
            (own / left[0]).write_text("{")
            self.short_run(self.out)
            self.assertTrue((own / left[0]).exists(), "that of a run that goes on")
        finally:
            live.kill()
            live.communicate()
        self.short_run(self.out)
        self.assertFalse((own / left[0]).exists())

    def test_the_next_run_removes_the_empty_folder_of_a_killed_one(self) -> None:
        """Which was killed while it verified, say. Not that of one that lives, or what is another's."""
        dead, live, used, foreign = (
            self.out / name
            for name in ("20260101T000000Z-a", "20260101T000000Z-b", "2Z-c", "2-not")
        )
        for folder in (dead, live, used, foreign):
            folder.mkdir(parents=True)
        (used / "mine").touch()
        lock = os.open(live, os.O_RDONLY)
        fcntl.flock(lock, fcntl.LOCK_EX)
        self.short_run(self.out)
        self.assertEqual([p.exists() for p in (dead, live, used, foreign)], [False] + [True] * 3)
        os.close(lock)
        self.short_run(self.out)
        self.assertFalse(live.exists())
