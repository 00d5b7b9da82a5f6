"""Two who work on one fleet, and what is odd, spoiled or gone: each has an error in words, and nothing is lost."""

import json
import os
import signal
import subprocess
import time
import unittest
from contextlib import closing
from pathlib import Path
from typing import Any, Callable
from unittest import mock

from driving import SPANBENCH, clean_environment, run

import run_folder
from fleet import asked, failures, jobs, locks, rounds, slurm, task
from fleet import __main__ as main
from fleet.test_fleet import FLEET, ROWS, InFolder, document

FLEET_OF_TWO = {"name": "x", "work": "run", "rows": ROWS, "each": 1, "repetitions": 2}


class OfOne(InFolder):
    """A fleet of two rounds, whose Slurm is made of scripts."""

    def setUp(self) -> None:
        super().setUp()
        task.save(self.folder / "fleet.json", FLEET_OF_TWO)
        (self.folder / "jobs").mkdir()
        self.children: list["subprocess.Popen[str]"] = []
        self.addCleanup(self.end)

    def end(self) -> None:
        for child in self.children:
            if child.poll() is None:
                child.send_signal(signal.SIGTERM)
            child.communicate()

    def fleet(self, *words: Any) -> "subprocess.CompletedProcess[str]":
        return run("/usr/bin/python3", FLEET, *words, env=clean_environment())

    def begin(self, *words: Any) -> "subprocess.Popen[str]":
        child = subprocess.Popen(
            ["/usr/bin/python3", str(FLEET), *map(str, words)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=clean_environment(),
        )
        self.children.append(child)
        return child

    def until(self, done: Callable[[], bool]) -> None:
        """Waits, for as long as a machine could possibly take."""
        end = time.monotonic() + 300
        while not done():
            self.assertLess(time.monotonic(), end)
            time.sleep(0.05)

    def is_held(self, lock: str) -> bool:
        file = self.folder / lock
        return file.exists() and file.read_text().startswith("process ")


class TwoAtOnce(OfOne):
    # A task runs for as long as the file is not there. The other tells that somebody has asked.
    SQUEUE = ': >"{0}/looked"; [ -e "{0}/over" ] || echo "7_0|RUNNING|n1|None|8"'

    def slurm(self, **more: str) -> Any:
        return self.programs(**{"squeue": self.SQUEUE.format(self.folder), "sbatch": f": >{self.folder}/asked; echo 9", **more})  # fmt: skip

    def waits(self, child: "subprocess.Popen[str]") -> None:
        self.until((self.folder / "looked").exists)
        self.assertTrue(self.is_held(locks.WAITS))
        self.assertIsNone(child.poll())

    def test_one_waits_and_the_other_is_told_who(self) -> None:
        self.part("0.0/000", document([0]))
        with self.slurm():
            first = self.begin("collect", "--bare", self.folder)
            self.waits(first)
            second = self.begin("collect", "--bare", self.folder)
            assert second.stderr
            said = second.stderr.readline()
            self.assertIn(f"process {first.pid} on {os.uname().nodename} waits", said)
            self.assertIn("collect --now", said)
            self.assertEqual(second.wait(300), 2)
            now = self.fleet("collect", "--bare", "--now", self.folder)
            self.assertEqual(now.returncode, 1, "what is there so far may be had")
            self.assertIn("1 of 2 rounds", now.stdout)
            self.part("0.1/000", document([1]), "n2")
            (self.folder / "over").touch()
            said, _ = first.communicate(timeout=300)
        self.assertEqual(first.returncode, 0, said)
        self.assertEqual(self.blocks(), [0, 0, 1, 1])
        self.assertFalse((self.folder / "asked").exists())

    def test_a_lock_ends_with_its_process(self) -> None:
        with self.slurm():
            first = self.begin("collect", "--bare", self.folder)
            self.waits(first)
            first.kill()
            first.communicate()
            self.part("0.0/000", document([0, 1]))
            (self.folder / "over").touch()
            done = self.fleet("collect", "--bare", self.folder)
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_runs_are_made_by_one_at_a_time(self) -> None:
        self.part("0.0/000", document([0, 1]))

        def busy(who: str) -> None:
            raise AssertionError(who)

        with locks.held(self.folder / locks.MAKES, busy):
            second = self.begin("collect", "--bare", "--now", self.folder)
            assert second.stderr
            who = f"process {os.getpid()} on {os.uname().nodename}, which makes a run of the parts"
            self.assertIn(f"waiting for {who}", second.stderr.readline())
            self.assertFalse((self.folder / "class1").exists())
        _, problem = second.communicate(timeout=300)
        self.assertEqual(second.returncode, 0, problem)
        self.assertEqual(self.blocks(), [0, 0, 1, 1])

    def test_what_is_cancelled_is_not_submitted_anew_by_who_waits(self) -> None:
        self.part("0.0/000", document([0]))
        with self.slurm(scancel=f": >{self.folder}/over"):
            first = self.begin("collect", "--bare", self.folder)
            self.waits(first)
            done = self.fleet("cancel", self.folder)
            self.assertEqual(done.returncode, 0, done.stderr)
            go_on = f"1 of 2 rounds are finished; to go on: make fleet DO=collect RUN={self.folder}"
            self.assertEqual(done.stdout, f"cancelled: task 7_0 on n1\n{go_on}\n")
            said, problem = first.communicate(timeout=300)
            self.assertEqual(first.returncode, 1, problem)
            self.assertIn("1 of 2 rounds", said)
            self.assertIn("\ncancelled; ", self.fleet("status", self.folder).stdout)
            self.assertIn("the fleet was cancelled: nothing is measured anew", problem)
            self.assertFalse((self.folder / "asked").exists())
            self.fleet("collect", "--bare", self.folder)
            self.assertTrue((self.folder / "asked").exists(), "who asks for it goes on")
            self.assertNotIn("cancelled", self.fleet("status", self.folder).stdout)

    def test_a_submission_removes_nothing_of_another_fleet(self) -> None:
        """Its tasks write, though its submitter is over."""
        older = self.folder / "out" / "20260101T000000Z-x-fleet"
        half = older / "parts" / "0.0" / "000" / ".done.json.n1.7.new"
        half.parent.mkdir(parents=True)
        half.write_text("half")
        with self.slurm(sbatch="echo 9"):
            words = ["--allocators=null", "--workloads=tiny", "--threads=1", "--repetitions=1"]
            out = ("--driver", SPANBENCH, "--out", self.folder / "out")
            done = self.fleet("submit", *out, "--", *words)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(half.read_text(), "half")
        run_folder.make(self.folder / "out", "fleet")
        self.assertFalse(half.exists(), "of other runs, what was half written goes")


class Spoiled(OfOne):
    def cut(self, name: str, node: str, blocks: list[int]) -> Path:
        """A part whose file lost its end after its task had ended."""
        folder = self.part(name, document(blocks), node)
        (file,) = folder.glob("*/bench.json")
        file.write_text(file.read_text()[:-9])
        return file

    def test_what_is_cut_off_after_its_task_ended_is_measured_anew(self) -> None:
        self.cut("0.0/000", "n3", [0])
        self.part("0.1/000", document([1]))
        ready = self.part("9.0/000", document([0]), "n2").parent
        ready = ready.rename(self.folder / "ready")
        sbatch = f'mv "{ready}" "{self.folder}/parts/1.0"; echo 9'
        with self.programs(squeue="", sbatch=sbatch):
            done = self.fleet("collect", "--bare", self.folder)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("of n3 is not used", done.stderr)
        self.assertIn("1 round got lost (rounds 0): submitted anew", done.stderr)
        self.assertEqual(self.blocks(), [0, 0, 1, 1])

    def test_where_each_part_is_cut_off_it_ends(self) -> None:
        self.cut("0.0/000", "n3", [0, 1])
        ready = self.cut("9.0/000", "n3", [0, 1]).parents[2]
        ready = ready.rename(self.folder / "ready")
        sbatch = f'n=$(ls "{self.folder}/jobs" | wc -l); cp -r "{ready}" "{self.folder}/parts/$n.0"; echo 9'
        with self.programs(squeue="", sbatch=sbatch):
            done = self.fleet("collect", "--bare", self.folder)
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        self.assertIn("missing: rounds 0 to 1", done.stdout)
        self.assertIn("0 of 2 rounds", done.stdout)

    def test_a_part_cut_off_anywhere_costs_its_rounds_alone(self) -> None:
        folder = self.part("0.0/000", document([0]), "n3")
        self.part("0.1/000", document([1]))
        (file,) = folder.glob("*/bench.json")
        whole = file.read_text()
        for done_there in (True, False):
            if not done_there:
                (folder / "done.json").unlink()
            for at in range(0, len(whole) - 1, 97):
                file.write_text(whole[:at])
                made = self.collect(2)
                self.assertEqual(self.blocks(), [1, 1], at)
                self.assertTrue(any("n3" in x for x in made.problems), at)
        file.write_text(whole)
        self.collect(2)
        self.assertEqual(self.blocks(), [0, 0, 1, 1])

    def test_what_is_json_and_no_run_costs_its_rounds_alone(self) -> None:
        folder = self.part("0.0/000", document([0]), "n3")
        self.part("0.1/000", document([1]))
        (file,) = folder.glob("*/bench.json")
        good = file.read_text()

        def spoil(change: Callable[[Any], Any]) -> None:
            of = json.loads(good)
            change(of)
            file.write_text(json.dumps(of))
            made = self.collect(2)
            self.assertEqual(self.blocks(), [1, 1])
            self.assertIn("n3 is not used", made.problems[0])

        own = "spanbench"
        spoil(lambda d: d.pop("context"))
        spoil(lambda d: d["context"].pop(own))
        spoil(lambda d: d["context"][own].pop("machine"))
        spoil(lambda d: d["context"][own].update(machine="mine"))
        spoil(lambda d: d["context"][own].update(started=7))
        spoil(lambda d: d["context"][own].update(timeline_passes={"a": 1}))
        spoil(lambda d: d.update(benchmarks={}))
        spoil(lambda d: d["benchmarks"].append(7))
        spoil(lambda d: d["benchmarks"][0].pop("digest"))
        spoil(lambda d: d["benchmarks"][0].update(ns_per_op=float("nan")))
        spoil(lambda d: d["context"].update(what_nobody_reads=float("nan")))
        for number in (-1, 0, "x", None, True):
            spoil(lambda d: d["benchmarks"][0].update(ns_per_op=number))
        spoil(lambda d: d["benchmarks"][0].update(rss_live_bytes="x"))
        spoil(lambda d: d["benchmarks"][0].pop("run_type"))
        for block in ("0", 0.5, 0.0, None):
            spoil(lambda d: d["benchmarks"][0].update(block=block))

    def test_a_number_out_of_range_costs_its_rounds_alone(self) -> None:
        folder = self.part("0.0/000", document([0]), "n3")
        self.part("0.1/000", document([1]))
        (file,) = folder.glob("*/bench.json")
        good = file.read_text()
        for ended in (True, False):
            if not ended:
                (folder / "done.json").unlink()
            for there in ('"block": 0', '"ns_per_op": 5.0', '"page_size_bytes": 4096'):
                for number in ("1e400", "1" + "0" * 400):
                    key = there.partition(":")[0]
                    file.write_text(good.replace(there, f"{key}: {number}"))
                    made = self.collect(2)
                    self.assertEqual(self.blocks(), [1, 1])
                    self.assertIn("of n3 is", made.problems[0])
                    self.assertIn("is out of range", made.problems[0])
        with self.assertRaises(rounds.SPOILED):  # on a node
            rounds.by_round(json.loads('{"benchmarks": [{"block": 1e400}]}'))

    def test_a_fleet_json_without_what_its_work_needs(self) -> None:
        of_work = {
            "run": FLEET_OF_TWO,
            "check": {**FLEET_OF_TWO, "work": "check", "seed": 1},
            "programs": {**FLEET_OF_TWO, "work": "programs", "seed": 1, "section": 2, "programs": []},
            "gate": {**FLEET_OF_TWO, "work": "gate", "period": 6, "gate": {}},
        }  # fmt: skip
        for work, whole in of_work.items():
            task.save(self.folder / "fleet.json", whole)
            asked.load(self.folder)
            for key in whole:
                for wrong in (None, [[]], "x" if not isinstance(whole[key], str) else 3):
                    if isinstance(whole[key], type(wrong)):
                        continue
                    of = {k: v for k, v in whole.items() if k != key or wrong is not None}
                    if wrong is not None:
                        of[key] = wrong
                    task.save(self.folder / "fleet.json", of)
                    with self.assertRaisesRegex(
                        asked.Refusal, "cannot be used", msg=f"{work} {key}"
                    ):
                        asked.load(self.folder)

    def test_other_files_among_the_submissions(self) -> None:
        task.save(self.folder / "jobs" / "0.json", {"batches": [], "job": "7"})
        for name in ("0 (copy).json", "1x.json", "1².json"):
            (self.folder / "jobs" / name).write_text("{}")
        self.assertEqual([n for n, _ in jobs.submissions(self.folder)], [0])
        with mock.patch.object(slurm, "submit", return_value="8"):
            jobs.submit(self.folder, {"name": "x"}, [0], 1, 0, [], [])
        self.assertEqual(list(jobs.files(self.folder)), [0, 1])


class Failing(OfOne):
    """Two tasks of a program."""

    ASKED = {"name": "x", "work": "try", "rows": [], "each": 1, "repetitions": 2, "seed": 1}

    def setUp(self) -> None:
        super().setUp()
        task.save(self.folder / "fleet.json", self.ASKED)
        (self.folder / "logs").mkdir()
        self.submitted(0)

    def submitted(self, number: int) -> None:
        how = {"batches": [[0, 0], [1, 1]], "batch": 1, "at_once": 0, "options": []}
        task.save(self.folder / "jobs" / f"{number}.json", {**how, "job": "7"})

    def failed(self, name: str, code: int, cause: Any, node: str, rounds: int = 0) -> None:
        """`cause`: of the program; None: its driver stored nothing."""
        part = self.folder / "parts" / name / "000"
        first = int(name[-1])
        if cause:
            (part / "1-x").mkdir(parents=True)
            of = [("a", f"not run: {cause}"), ("system", cause)]
            rows = [{"name": n, "cause": c, "absent": False} for n, c in of]
            (part / "1-x" / "program.json").write_text(
                json.dumps({"seed": 1 + first, "rounds": rounds, "rows": rows, "runs": []})
            )
        part.mkdir(parents=True, exist_ok=True)
        task.save(part / "node.json", {"node": node, "seconds": time.time()})
        whole = list(range(first, first + rounds))
        task.save(part / "done.json", {"rounds": whole, "code": code})
        log = f"task: on {node}, attempt 0\nspanbench: what it said\n"
        (self.folder / "logs" / f"{name}.log").write_text(log)

    def collect(self) -> tuple[str, str, bool]:  # type: ignore[override]
        asked = self.folder / "asked"
        asked.unlink(missing_ok=True)
        with self.programs(squeue="", sbatch=f": >{asked}; echo 9"):
            done = self.fleet("collect", "--bare", self.folder)
        self.assertEqual(done.returncode, 1, done.stderr)
        return done.stdout, done.stderr, asked.exists()

    def test_a_program_that_fails_everywhere_is_not_run_again(self) -> None:
        self.failed("0.0", 1, "ended with exit code 3", "n1")
        self.failed("0.1", 1, "ended with exit code 3", "n2")
        said, problem, anew = self.collect()
        self.assertFalse(anew, problem)
        self.assertIn("rounds 0 to 1 would fail again, and are not submitted anew", problem)
        self.assertIn("0 of 2 rounds, 0 runs, 0 failed; 2 tasks failed\n", said)
        self.assertIn("\nn1, n2: system: ended with exit code 3\n", said)
        with self.programs(squeue=""):
            self.assertIn("exit code 3", self.fleet("status", self.folder).stdout)
        _, _, anew = self.collect()
        self.assertTrue(anew, "who was told may have mended it")

    def test_what_the_driver_refuses_everywhere_is_not_asked_again(self) -> None:
        self.failed("0.0", 2, None, "n1")
        self.failed("0.1", 2, None, "n2")
        said, problem, anew = self.collect()
        self.assertFalse(anew, problem)
        self.assertIn("\nn1, n2: what it said\n", said)

    def test_what_may_go_well_elsewhere_is_submitted_anew_and_its_cause_is_told(self) -> None:
        self.failed("0.0", 2, None, "n1")
        self.failed("0.1", 143, None, "n2")  # it was ended
        _, problem, anew = self.collect()
        self.assertTrue(anew)
        self.assertIn("fleet: n1, n2: what it said\n", problem)
        self.submitted(1)
        self.failed("1.0", 2, None, "n3")
        self.failed("1.1", 0, "", "n1", 1)
        fleet, whole = self.ASKED, [1]
        submissions = jobs.submissions(self.folder)
        found = failures.of_missing(self.folder, fleet, submissions, [0])
        self.assertEqual([(f.task, f.node, f.sure) for f in found], [("1.0", "n3", True)])
        self.assertEqual(failures.hopeless(fleet, found, []), {0})
        self.assertEqual(failures.hopeless(fleet, found, whole), set(), "a node could do it")

    def test_each_program_of_the_catalogue_is_looked_at_alone(self) -> None:
        of = [failures.Failure(0, "0.0", [0, 1], "n1", "x", True, True, False)]
        fleet = {"section": 2}
        self.assertEqual(failures.hopeless(fleet, of, [2, 3]), {0, 1})
        self.assertEqual(failures.hopeless(fleet, of, [1]), set())

    def test_what_a_node_says_of_itself_is_told_once(self) -> None:
        log = self.folder / "logs" / "0.0.log"
        log.write_text("task: on n1, attempt 0\ntask: n1 does no work: it has no /x: library\n")
        (self.folder / "nodes").mkdir()
        task.save(
            self.folder / "nodes" / "n1.json", {"node": "n1", "refused": ["it has no /x: library"]}
        )
        said, problem, _ = self.collect()
        self.assertEqual((said + problem).count("it has no /x"), 1, said + problem)

    def test_nothing_is_said_of_tasks_that_may_go_on(self) -> None:
        (self.folder / "logs" / "0.0.log").write_text("spanbench: look 1 of 3\n")
        self.failed("0.1", 1, "ended with exit code 3", "n2")
        done = self.fleet("collect", "--now", "--bare", self.folder)
        self.assertNotIn("look", done.stdout)
        self.assertIn("; 1 task failed\nn2: system: ended", done.stdout)


class Matrix(OfOne):
    """A round of checks or misuses of the driver."""

    def collected(self, work: str, *words: str) -> str:
        asked = {**Failing.ASKED, "work": work, "repetitions": 1}
        task.save(self.folder / "fleet.json", asked)
        part = self.folder / "parts" / "0.0" / "000"
        part.mkdir(parents=True)
        run(SPANBENCH, work, "--allocators=system", "--seed=1", *words, "--out", part)
        task.save(part / "node.json", {"node": "n1", "seconds": time.time()})
        return self.fleet("collect", "--now", self.folder).stdout

    def test_of_misuses(self) -> None:
        said = self.collected("harden", "--misuses=double_free.*", "--runs=1", "--sizes=tiny")
        self.assertRegex(
            said,
            r"\A1 of 1 rounds, \d+ misuses, 0 void runs\n",
            "an uncaught misuse has not failed",
        )
        self.assertRegex(said, r"\ndouble_free\.immediate +C\n")
        self.assertRegex(said, r"\nsystem caught \d of \d misuses in every run")

    def test_of_checks(self) -> None:
        said = self.collected("check", "--checks=errno.*")
        self.assertRegex(said, r"\A1 of 1 rounds, \d+ verdicts, 0 findings\n")
        self.assertRegex(said, r"\nerrno\.calloc +pass\n")


class Odd(OfOne):
    def refused(self, done: "subprocess.CompletedProcess[str]", *says: str) -> None:
        self.assertEqual(done.returncode, 2, done.stdout + done.stderr)
        for text in says:
            self.assertIn(text, done.stderr)
        self.assertNotIn("Traceback", done.stderr)

    def test_folders(self) -> None:
        file = self.folder / "file"
        file.write_text("")
        empty = self.folder / 'a b\n"$(x)'
        empty.mkdir()
        for do in ("status", "collect", "cancel"):
            self.refused(self.fleet(do, file), "fleet.json")
            self.refused(self.fleet(do, empty), "it has no fleet.json")
            self.refused(self.fleet(do, self.folder / "none"), "it has no fleet.json")
            self.refused(self.fleet(do, "/dev/null"), "fleet.json")
            self.refused(self.fleet(do, "x" * 5000))

    def test_a_place_where_nothing_can_be_made(self) -> None:
        file = self.folder / "file"
        file.write_text("")
        with self.programs(sbatch="echo 9"):
            for out in (file, file / "below", Path("/proc/none")):
                self.refused(
                    self.fleet("submit", "--driver", SPANBENCH, "--out", out, "--", "--brief"), str(out)
                )  # fmt: skip

    def test_no_rounds_leave_nothing(self) -> None:
        out = self.folder / "out"
        with self.programs(sbatch="echo 9"):
            for work, *program in (("try", "--", "true"), ("harden",), ("programs",)):
                words = ("--out", out, f"--work={work}", "--", "--runs=0", *program)
                done = self.fleet("submit", "--driver", SPANBENCH, *words)
                self.refused(done, "--runs takes a whole number from 1 to 1000, not '0'")
        self.assertFalse(out.exists())

    def test_a_controller_that_is_down(self) -> None:
        """What was made for the submission is kept, and it is said how to go on."""
        down = "sbatch: error: Batch job submission failed: Unable to contact slurm controller (connect failure)"
        sbatch = f'[ "$1" = --version ] || {{ echo "{down}" >&2; exit 1; }}'
        out = self.folder / "o u t"
        words = ["--allocators=null", "--workloads=tiny", "--threads=1", "--repetitions=4"]
        how = ["--batch=2", "--at-once=1", "--sbatch=--partition=big"]
        with self.programs(sbatch=sbatch, squeue="echo 'squeue: error: down' >&2; exit 1"):
            done = self.fleet("submit", "--driver", SPANBENCH, "--out", out, *how, "--", *words)
            self.refused(
                done, "Unable to contact slurm controller", "to go on: make fleet DO=collect"
            )
            (folder,) = out.glob("*-fleet")
            self.assertIn(f"RUN='{folder}'", done.stderr)
            self.assertEqual(done.stdout, f"{folder}\n")
            self.refused(self.fleet("status", folder), "squeue: error: down")
        with self.programs(squeue="", sbatch='printf "%s\\n" "$@" >"${0%/*}/words"; echo 9'):
            done = self.fleet("collect", "--bare", folder)
        self.assertIn("4 rounds got lost (rounds 0 to 3): submitted anew", done.stderr)
        given = (self.folder / "bin" / "words").read_text().splitlines()
        self.assertLess({"--array=0-1%1", "--partition=big"}, set(given), "as it was asked for")

    def test_more_tasks_than_a_job_may_have(self) -> None:
        said = "sbatch: error: Batch job submission failed: Invalid job array specification"
        with self.programs(sbatch=f'echo "{said}" >&2; exit 1'):
            with self.assertRaisesRegex(slurm.Trouble, "specification; 9 tasks: .*larger BATCH"):
                slurm.submit(["true"], 9, "x", 0, [], [])

    def test_where_slurm_is_not_installed_nobody_waits_for_it(self) -> None:
        self.part("0.0/000", document([0]))
        none = self.folder / "none"
        none.mkdir()
        with mock.patch.dict(os.environ, {"PATH": str(none)}):
            for do in ("status", "cancel"):
                self.refused(self.fleet(do, self.folder), "install Slurm's commands")
            child = self.begin("collect", self.folder)
            assert child.stderr
            said = child.stderr.readline()
            self.assertIn("install Slurm's commands", said)
            self.assertNotIn("asking again", said)
            self.assertEqual(child.wait(300), 2)
            done = self.fleet("collect", "--bare", "--now", self.folder)
        self.assertEqual(done.returncode, 1, "what is there can be had without Slurm")
        self.assertEqual(self.blocks(), [0, 0])
        alone = "echo 'squeue: fatal: Could not establish a configuration source' >&2; exit 1"
        with self.programs(squeue=alone):
            self.refused(self.fleet("collect", self.folder), "a fleet needs a cluster")

    def test_a_folder_that_cannot_be_locked(self) -> None:
        """As on a file system without locks: then it goes on, and nobody is told."""
        (self.folder / locks.MAKES).touch()
        with mock.patch("fcntl.flock", side_effect=OSError(95, "Operation not supported")):
            with locks.held(self.folder / locks.MAKES, self.fail):
                pass
        with closing(main.Fleet(self.folder)) as fleet, fleet.waits_alone():
            with self.assertRaisesRegex(asked.Refusal, f"process {os.getpid()} on "):
                fleet.waits_alone().__enter__()


if __name__ == "__main__":
    unittest.main()
