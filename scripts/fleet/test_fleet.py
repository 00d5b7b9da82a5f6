"""The fleet without a cluster: what counts, what is missing, what is odd; and what is said where it cannot be done."""

import argparse
import errno
import io
import json
import os
import re
import shutil
import signal
import sys
import tarfile
import tempfile
import time
import unittest
from collections import Counter
from concurrent.futures import wait
from contextlib import closing
from pathlib import Path
from typing import Any, Callable
from unittest import mock

from driving import ROOT, SPANBENCH, clean_environment, run

sys.path.insert(0, str(ROOT / "scripts"))

import bench_results
from bench_results import Unusable
from fleet import __main__ as main
from fleet import asked, bundle, cli, jobs, machines, rounds, slurm, task, tries, unshared, verdicts
from fleet.collect import Asked, Collected, collect
from fleet.parts import Part, Reader, chosen, refusals

FLEET = ROOT / "scripts" / "fleet" / "__main__.py"
SCRIPT = ROOT / "scripts" / "fleet.sh"
ROWS = ["tiny/a/threads:1", "tiny/b/threads:1"]
MACHINE = {
    "architecture": "x86_64",
    "cpu": "one",
    "cpus_online": 2,
    "cpus_usable": 2,
    "kernel": "Linux 6",
    "libc": "glibc 2.36",
    "transparent_hugepage": "madvise",
    "page_size_bytes": 4096,
}


NUMBERS = ("ops_per_second", *bench_results.REQUIRED)


def sample(name: str, block: int, ns: float = 5.0, **more: Any) -> dict[str, Any]:
    workload, allocator, _ = name.split("/")
    return {
        "name": name,
        "workload": workload,
        "allocator": allocator,
        "threads": 1,
        "block": block,
        "seed": 3 + block,
        "ns_per_op": ns,
        "digest": f"d{block}",
        "run_type": "iteration",
        **dict.fromkeys(NUMBERS, 7.0),
        **more,
    }


def document(blocks: list[int], ns: float = 5.0, **machine: Any) -> dict[str, Any]:
    own = {
        "started": "2026-01-01T00:00:00Z",
        "rounds": [blocks[0], blocks[-1]],
        "machine": {**MACHINE, **machine},
        "timeline_failures": [],
        "allocators": [],
    }
    entries = [sample(name, b, ns) for b in blocks for name in ROWS]
    return {"context": {"host_name": "x", "spanbench": own}, "benchmarks": entries}


class Rounds(unittest.TestCase):
    def test_ranges(self) -> None:
        self.assertEqual(rounds.ranges([3, 0, 1, 2, 7, 8], 2), [(0, 1), (2, 3), (7, 8)])
        self.assertEqual(rounds.ranges([], 2), [])
        self.assertEqual(rounds.described([0, 1, 2, 5]), "0 to 2, 5")

    def test_a_round_is_whole_or_it_is_not_there(self) -> None:
        made = document([0, 1, 2])
        made["benchmarks"].pop()
        self.assertEqual(rounds.whole(made, ROWS, 1), [0, 1])
        made["benchmarks"].append(sample(ROWS[0], 2))
        self.assertEqual(rounds.whole(made, ROWS, 1), [0, 1], "no row may be there twice")
        self.assertEqual(rounds.whole(made, ROWS, 2), [], "of a mirrored order")


class InFolder(unittest.TestCase):
    def setUp(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="fleet-test-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def programs(self, **scripts: str) -> Any:
        """Slurm's commands are these scripts, for as long as the test lasts."""
        there = self.folder / "bin"
        there.mkdir(exist_ok=True)
        for name, script in scripts.items():
            (there / name).write_text(f"#!/bin/sh\n{script}\n")
            (there / name).chmod(0o755)
        return mock.patch.dict(os.environ, {"PATH": f"{there}:{os.environ['PATH']}"})

    def part(self, name: str, made: Any, node: str = "n1", done: bool = True) -> Path:
        folder = self.folder / "parts" / name
        (folder / "20260101T000000Z-x").mkdir(parents=True)
        file = folder / "20260101T000000Z-x" / "bench.json"
        file.write_text(made if isinstance(made, str) else json.dumps(made))
        task.save(folder / "node.json", {"node": node, "seconds": file.stat().st_mtime})
        if done:
            task.save(folder / "done.json", {"rounds": rounds.whole(made, ROWS, 1), "code": 0})
        return folder

    def parts(self, ended: bool = True) -> list[Part]:
        return Reader(self.folder, {"work": "run", "rows": ROWS, "each": 1}).look(ended)

    def collect(self, repetitions: int) -> Collected:
        return collect(self.folder, self.parts(), Asked(ROWS, 1, repetitions), lambda a, b: None)

    def blocks(self, name: str = "class1") -> list[int]:
        made = json.loads((self.folder / name / "bench.json").read_text())
        return [e["block"] for e in made["benchmarks"]]


class Counting(InFolder):
    def test_a_doubled_round_counts_once(self) -> None:
        self.part("0.0/000", document([0, 1], 5.0))
        self.part("0.0/001", document([1, 2], 7.0), "n2")
        made = self.collect(3)
        self.assertEqual(self.blocks(), [0, 0, 1, 1, 2, 2])
        self.assertEqual(made.missing(Asked(ROWS, 1, 3)), [])
        written = json.loads((self.folder / "class1" / "bench.json").read_text())
        self.assertEqual((list(written)[0], written["schema"]), ("schema", 1))
        entries = written["benchmarks"]
        self.assertEqual([e["node"] for e in entries], ["n1"] * 4 + ["n2"] * 2)

    def test_rounds_are_in_their_order_whoever_was_first(self) -> None:
        self.part("0.1/000", document([2, 3]))
        self.part("1.0/000", document([0, 1]), "n2")
        self.collect(4)
        self.assertEqual(self.blocks(), [0, 0, 1, 1, 2, 2, 3, 3])

    def test_a_killed_task_keeps_its_whole_rounds(self) -> None:
        made = document([0, 1])
        made["benchmarks"].pop()
        self.part("0.0/000", made, done=False)
        self.assertEqual(self.parts(ended=False), [], "it may go on")
        found = self.collect(2)
        self.assertEqual(self.blocks(), [0, 0])
        self.assertEqual(found.missing(Asked(ROWS, 1, 2)), [1])
        own = json.loads((self.folder / "class1" / "bench.json").read_text())["context"][
            "spanbench"
        ]
        self.assertFalse(own["complete"])

    def test_a_task_that_ends_while_its_part_is_looked_at_loses_nothing(self) -> None:
        reader = Reader(self.folder, {"work": "run", "rows": ROWS, "each": 1, "repetitions": 2})
        made = document([0, 1])
        folder = self.part("0.0/000", "", done=False)
        (file,) = folder.glob("*/bench.json")
        file.unlink()
        exists = Path.exists

        def ends(path: Path) -> bool:
            if path.name == "done.json":
                file.write_text(json.dumps(made))
                task.save(path, {"rounds": [0, 1], "code": 0})
            return exists(path)

        with mock.patch.object(Path, "exists", ends):
            reader.look(False)
        self.assertEqual([p.rounds for p in reader.look(False)], [[0, 1]])

    def test_a_list_of_files_that_is_late_loses_nothing(self) -> None:
        reader = Reader(self.folder, {"work": "run", "rows": ROWS, "each": 1, "repetitions": 1})
        folder = self.part("0.0/000", document([0]))
        late = (folder / "20260101T000000Z-x").rename(self.folder / "late")
        (found,) = reader.look(False)
        self.assertEqual((found.rounds, found.ended), ([], False))
        self.assertIn("n1 has no file of its rounds", found.note)
        late.rename(folder / "20260101T000000Z-x")
        self.assertEqual([p.rounds for p in reader.look(False)], [[0]])

    def test_a_truncated_part_is_named_and_costs_its_rounds_alone(self) -> None:
        self.part("0.0/000", json.dumps(document([0]))[:-40], "n3", done=False)
        self.part("0.1/000", document([1]))
        found = self.collect(2)
        self.assertEqual(self.blocks(), [1, 1])
        self.assertIn("of n3 is cut off or spoiled", found.problems[0])

    def test_what_was_cut_off_after_its_task_ended_is_another_attempts(self) -> None:
        folder = self.part("0.0/000", document([0, 1]), "n3")
        self.part("0.0/001", document([0, 1]), "n2")
        (file,) = folder.glob("*/bench.json")
        file.write_text(file.read_text()[:-9])
        found = self.collect(2)
        self.assertEqual(self.blocks(), [0, 0, 1, 1])
        self.assertIn("of n3 is not used", found.problems[0])

    def test_rows_of_a_round_that_made_different_requests_are_refused(self) -> None:
        made = document([0])
        made["benchmarks"][1]["digest"] = "another"
        self.part("0.0/000", made)
        found = self.collect(1)
        self.assertIn("made different requests", found.problems[0])
        self.assertEqual(found.samples, 0)

    def test_a_round_that_a_task_names_twice_counts_once(self) -> None:
        folder = self.part("0.0/000", document([0, 1]))
        task.save(folder / "done.json", {"rounds": [0, 1, 0, 1], "code": 0})
        self.assertEqual(self.collect(2).samples, 4)
        self.assertEqual(self.blocks(), [0, 0, 1, 1])

    def test_a_part_that_is_of_another_run_is_named(self) -> None:
        for key, value in (
            ("version", "other"),
            ("environment", {"A": "1"}),
            ("quick", True),
            ("seed", 1001),
        ):
            shutil.rmtree(self.folder / "parts", ignore_errors=True)
            self.part("0.0/000", document([0]))
            self.assertEqual(self.collect(1).problems, [])
            made = document([1])
            made["context"]["spanbench"][key] = value
            self.part("0.1/000", made, "n2")
            (said,) = self.collect(2).problems
            self.assertIn(f"of n2 has another {key}: {value!r}, not None as of the first", said)
            self.assertEqual(self.blocks(), [0, 0, 1, 1])

    def test_a_clock_that_is_off_is_named(self) -> None:
        folder = self.part("0.0/000", document([0]))
        task.save(folder / "node.json", {"node": "n1", "seconds": 1e9})
        self.assertIn("the clock of n1 is -", self.collect(1).problems[0])

    def test_an_interrupted_collecting_leaves_the_old_run(self) -> None:
        self.part("0.0/000", document([0]))
        self.collect(1)
        self.part("0.1/000", document([1]))

        def stop(done: int, of: int) -> None:
            if done == 1:
                raise KeyboardInterrupt

        with self.assertRaises(KeyboardInterrupt):
            collect(self.folder, self.parts(), Asked(ROWS, 1, 2), stop)
        self.assertEqual(self.blocks(), [0, 0])
        self.assertEqual([p.name for p in (self.folder / "class1").iterdir()], ["bench.json"])
        self.assertEqual(list(self.folder.glob(".*.new")), [])

    def test_a_full_disk_costs_no_part(self) -> None:
        self.part("0.0/000", document([0]))
        fleet = {"name": "x", "work": "run", "rows": ROWS, "each": 1, "repetitions": 1}
        task.save(self.folder / "fleet.json", fleet)
        # A file that cannot grow stands for a disk that is full.
        for says in ("File too large; all parts are kept", ""):  # then it is mended
            words = ["prlimit", "--fsize=500"] if says else []
            done = run(*words, "/usr/bin/python3", FLEET, "collect", "--bare", "--now", self.folder)
            self.assertEqual(done.returncode, 2 if says else 0, done.stderr)
            self.assertIn(says, done.stderr)
            self.assertEqual(list(self.folder.glob(".*.new")), [])
        self.assertEqual(self.blocks(), [0, 0])

    def test_nothing_of_an_earlier_collecting_stays_beside_a_run(self) -> None:
        self.part("0.0/000", document([0]))
        self.collect(1)
        for name in ("gate.json", "gate.xml", "report.html"):
            (self.folder / "class1" / name).write_text("of other samples")
        self.collect(1)
        self.assertEqual([p.name for p in (self.folder / "class1").iterdir()], ["bench.json"])


class Classes(InFolder):
    def test_machines_that_differ_are_kept_apart(self) -> None:
        self.part("0.0/000", document([0], 5.0))
        self.part("0.1/000", document([1], 9.0, cpu="two"), "n2")
        made = self.collect(2)
        self.assertEqual(self.blocks("class1"), [0, 0])
        self.assertEqual(self.blocks("class2"), [1, 1])
        self.assertEqual(made.classes.differences(), ["CPU: class1 one, class2 two"])
        self.assertEqual(
            [line.split() for line in machines.table(made.classes)[1:]],
            [[row, "5.00", "9.00"] for row in ROWS],
        )

    def test_the_table_pools_the_nodes_of_a_class(self) -> None:
        self.part("0.0/000", document(list(range(9)), 10.0))
        self.part("0.1/000", document([9], 20.0), "n2")
        self.part("0.2/000", document([10], 9.0, cpu="two"), "n3")
        found = [line.split() for line in machines.table(self.collect(11).classes)[1:]]
        self.assertEqual(found, [[row, "10.00", "9.00"] for row in ROWS])

    def test_each_fact_makes_a_class(self) -> None:
        for fact in machines.FACTS:
            found = machines.Classes()
            found.get(MACHINE)
            found.get({**MACHINE, fact: "other"})
            self.assertEqual(len(found), 2, fact)

    def test_a_class_that_is_gone_leaves_no_run(self) -> None:
        self.part("0.0/000", document([0]))
        gone = self.part("0.1/000", document([1], cpu="two"))
        self.collect(2)
        shutil.rmtree(gone)
        self.collect(2)
        self.assertFalse((self.folder / "class2").exists())

    def test_a_users_own_folder_stays(self) -> None:
        self.part("0.0/000", document([0]))
        self.collect(1)
        for name in ("class1-mine", "class1 (copy)", "class0", "class1.old"):
            shutil.copytree(self.folder / "class1", self.folder / name)
        self.collect(1)
        found = sorted(p.name for p in self.folder.glob("class*"))
        self.assertEqual(found, ["class0", "class1", "class1 (copy)", "class1-mine", "class1.old"])

    def test_without_parts_an_earlier_run_stays(self) -> None:
        """As where the parts are on a disk that is not mounted."""
        self.part("0.0/000", document([0]))
        self.collect(1)
        (self.folder / "class1" / "report.html").touch()
        (self.folder / "parts").rename(self.folder / "elsewhere")
        made = self.collect(1)
        self.assertEqual(made.files, {})
        self.assertIn("class1 of an earlier collecting stays", made.problems[0])
        self.assertEqual(self.blocks(), [0, 0])
        self.assertTrue((self.folder / "class1" / "report.html").exists())

    def test_a_slow_node_is_named(self) -> None:
        for number, ns in enumerate((5, 6, 50, 5)):
            self.part(f"0.{number}/000", document([number], ns), f"n{number}")
        fleet = {"name": "x", "work": "run", "rows": ROWS, "each": 1, "repetitions": 4}
        task.save(self.folder / "fleet.json", fleet)
        done = run("/usr/bin/python3", FLEET, "collect", "--bare", "--now", self.folder)
        self.assertEqual(done.returncode, 0, done.stderr)
        (said,) = [line for line in done.stdout.splitlines() if " takes " in line]
        self.assertEqual(said, "n2 takes 9.1 times what others of class1 take: is it busy or sick?")
        self.assertEqual(self.blocks(), [0, 0, 1, 1, 2, 2, 3, 3], "its rounds count")


class Verdicts(unittest.TestCase):
    def test_a_finding_of_one_round_is_a_finding(self) -> None:
        def of(seed: int, verdict: str) -> dict[str, Any]:
            found = {
                "allocator": "a",
                "check": "c",
                "verdict": verdict,
                "finding": verdict == "fail",
            }
            return {"seed": seed, "results": [found]}

        joined, differ = verdicts.join_checks([of(1, "pass"), of(2, "fail"), of(3, "pass")])
        self.assertEqual([r["verdict"] for r in joined["results"]], ["fail"])
        self.assertEqual(differ, ["c of a: pass, but fail with seed 2"])

    def test_rates_are_of_all_rounds(self) -> None:
        def of(seed: int, outcome: str) -> dict[str, Any]:
            runs = [{"seed": seed, "outcome": outcome}]
            found = {
                "allocator": "a",
                "misuse": "m",
                "size": "tiny",
                "outcomes": {outcome: 1},
                "runs": runs,
            }
            return {"runs": 1, "seed": seed, "results": [found]}

        joined, _ = verdicts.join_misuses([of(1, "call"), of(2, "call"), of(3, "nothing")])
        self.assertEqual(joined["runs"], 3)
        (found,) = joined["results"]
        self.assertEqual(found["outcomes"], {"call": 2, "nothing": 1})
        self.assertEqual([r["seed"] for r in found["runs"]], [1, 2, 3])

    def test_words_of_each_kind_of_work(self) -> None:
        plan = asked.plan_of_verdicts("harden", [("--runs", "7"), ("--seed", "3")], None)
        self.assertEqual((plan["repetitions"], plan["seed"]), (7, 3))
        words = asked.words_of(
            "harden", [("--runs", "7"), ("--seed", "3"), ("--sizes", "tiny")], plan
        )
        self.assertEqual(words, ["harden", "--sizes=tiny", "--runs=1"])
        for name, says, texts in (
            ("--runs", "from 1 to 1000", ("x", "-1", "0", "", "1001", "9" * 5000)),
            ("--seed", f"from 0 to {2**62}", ("x", "-1", "", str(2**62 + 1), "9" * 5000)),
        ):
            for text in texts:
                with self.assertRaisesRegex(asked.Refusal, f"{name} takes a whole number {says}"):
                    asked.plan_of_verdicts("harden", [(name, text)], None)


class SpoiledVerdicts(InFolder):
    """A part that is whole by its own words, and has not what is joined."""

    RESULT: dict[str, dict[str, Any]] = {
        "check": {"allocator": "a", "check": "c", "verdict": "pass", "finding": False},
        "harden": {
            "allocator": "a",
            "misuse": "m",
            "size": None,
            "outcomes": {"call": 1},
            "runs": [{}],
        },
        "try": {"name": "a", "cause": None, "absent": False},
    }
    WRONG: dict[str, dict[str, Any]] = {
        "check": {"verdict": 7, "finding": "no", "allocator": "b", "check": "d"},
        "harden": {"outcomes": {"call": "x"}, "runs": [], "misuse": "d"},
        "try": {"name": [], "absent": None},
    }

    LISTS = {
        "check": ("allocators", "checks"),
        "harden": ("allocators", "misuses"),
        "try": ("rows",),
    }

    def document(self, work: str, round_: int, result: Any) -> dict[str, Any]:
        own = {"seed": 1 + round_, "complete": True, "machine": MACHINE}
        if work == "try":
            return {**own, "rows": [result], "runs": [{"row": "a", "round": 0}], "rounds": 1}
        absent = [{"name": "x", "skipped": "no"}, {"name": "null", "object": "", "floor": True}]
        there = [{"name": "a", "object": "/a", "floor": False}, *absent]
        tried = {"checks": [{"name": "c"}], "misuses": [{"name": "m"}]}
        return {**own, **tried, "allocators": there, "runs": 1, "results": [result]}

    def put(self, work: str, round_: int, made: Any) -> None:
        folder = self.folder / "parts" / f"0.{round_}" / "000"
        file = folder / "20260101T000000Z-x" / rounds.FILES[work]
        file.parent.mkdir(parents=True)
        file.write_text(json.dumps(made))
        task.save(folder / "node.json", {"node": f"n{round_}", "seconds": time.time()})
        task.save(folder / "done.json", {"rounds": [round_], "code": 0})

    def collected(self, work: str, first: Any) -> Collected:
        """Of two rounds, this is the first."""
        shutil.rmtree(self.folder / "parts", ignore_errors=True)
        self.put(work, 0, first)
        self.put(work, 1, self.document(work, 1, self.RESULT[work]))
        asked_ = {"work": work, "seed": 1, "repetitions": 2}
        parts = Reader(self.folder, asked_).look(True)
        return verdicts.collect(self.folder, parts, asked_, Asked([], 1, 2), lambda a, b: None)

    def is_refused(self, work: str, first: Any) -> None:
        made = self.collected(work, first)
        self.assertEqual(made.missing(Asked([], 1, 2)), [0], (work, first))
        self.assertIn("of n0 is not used", made.problems[0])
        self.assertEqual(list(made.classes)[0].nodes.keys(), {"n1"})

    def test_it_costs_its_rounds_alone(self) -> None:
        for work, good in self.RESULT.items():
            made = self.collected(work, self.document(work, 0, good))
            self.assertEqual(made.missing(Asked([], 1, 2)), [])
            lacking = [{k: v for k, v in good.items() if k != key} for key in good]
            wrong = [{**good, key: value} for key, value in self.WRONG[work].items()]
            for spoilt in ({}, 7, *lacking, *wrong):
                self.is_refused(work, self.document(work, 0, spoilt))

    def test_what_is_not_whole_costs_its_rounds_alone(self) -> None:
        """Or is another round: the seed says which."""
        for work, good in self.RESULT.items():
            whole = self.document(work, 0, good)
            self.is_refused(work, {**whole, "seed": 78})
            self.is_refused(work, self.document(work, 1, good))
            for key in self.LISTS[work]:
                one = {**whole[key][0], "name": "another"}
                self.is_refused(work, {**whole, key: [*whole[key], one]})
            listed = "runs" if work == "try" else "results"
            self.is_refused(work, {**whole, listed: whole[listed] * 2})
            self.is_refused(work, {**whole, listed: []})
            if work != "try":
                self.is_refused(work, {**whole, "complete": False})
        whole = self.document("harden", 0, self.RESULT["harden"])
        self.is_refused("harden", {**whole, "runs": -5})

    def test_what_fails(self) -> None:
        """As in a run of one machine: a finding; a void run; a row that failed. An uncaught misuse does not."""
        wrong: dict[str, dict[str, Any]] = {
            "check": {"finding": True},
            "harden": {"outcomes": {"void": 1}},
            "try": {"cause": "x"},
        }
        for work, good in self.RESULT.items():
            self.assertEqual(self.collected(work, self.document(work, 0, good)).failed, 0, work)
            bad = self.document(work, 0, {**good, **wrong[work]})
            self.assertEqual(self.collected(work, bad).failed, 1, work)


class OfPrograms(InFolder):
    def document(self, seed: int, count: int, cause: Any = None) -> dict[str, Any]:
        rows = [{"name": n, "cause": None, "absent": False} for n in ("system", "a")]
        rows[1]["cause"] = cause
        runs = [{"row": r["name"], "round": n} for n in range(count) for r in rows]
        own = {"seed": seed, "rounds": count, "complete": cause is None, "machine": MACHINE}
        return {**own, "rows": rows, "runs": runs}

    def put(self, name: str, made: Any, node: str, curve: str = "") -> None:
        folder = self.folder / "parts" / name / "20260101T000000Z-x"
        folder.mkdir(parents=True)
        (folder / "program.json").write_text(json.dumps(made))
        (folder / "memory.csv").write_text(curve)
        task.save(folder.parent / "node.json", {"node": node, "seconds": time.time()})


class Programs(OfPrograms):
    def test_rounds_of_tasks_become_one_comparison(self) -> None:
        self.put("0.0/000", self.document(7, 2), "n1", "of round 0")
        self.put("0.1/000", self.document(9, 1), "n2", "of round 2")  # a task that was killed
        self.put("1.0/000", self.document(9, 2), "n3")
        asked_ = {"work": "try", "seed": 7, "repetitions": 5}
        parts = Reader(self.folder, asked_).look(True)
        self.assertEqual([p.rounds for p in parts], [[0, 1], [2], [2, 3]])
        made = verdicts.collect(self.folder, parts, asked_, Asked([], 1, 5), lambda a, b: None)
        self.assertEqual(made.missing(Asked([], 1, 5)), [4])
        self.assertEqual((made.samples, made.failed), (8, 0))
        joined = json.loads((self.folder / "class1" / "program.json").read_text())
        found = [(r["round"], r["row"], r["node"]) for r in joined["runs"]]
        nodes = ("n1", "n1", "n2", "n3")
        self.assertEqual(found, [(n, r, nodes[n]) for n in range(4) for r in ("system", "a")])
        self.assertEqual((joined["rounds"], joined["complete"]), (4, True))
        self.assertEqual((self.folder / "class1" / "memory.csv").read_text(), "of round 0")

    def test_more_rounds_than_there_can_be_are_spoiled(self) -> None:
        self.put("0.0/000", {**self.document(1, 1), "rounds": 10**12}, "n1")
        self.put("0.1/000", self.document(2, 1), "n2")
        parts = Reader(self.folder, {"work": "try", "seed": 1, "repetitions": 2}).look(True)
        self.assertEqual([p.rounds for p in parts], [[], [1]])
        self.assertIn("it has 1000000000000 rounds, and the fleet 2", parts[0].note)

    def test_a_row_that_fails_on_one_node_fails(self) -> None:
        self.put("0.0/000", self.document(1, 1), "n1")
        self.put("0.1/000", self.document(2, 1, "it crashed"), "n2")
        asked_ = {"work": "try", "seed": 1, "repetitions": 2}
        parts = Reader(self.folder, asked_).look(True)
        made = verdicts.collect(self.folder, parts, asked_, Asked([], 1, 2), lambda a, b: None)
        self.assertEqual(made.failed, 1)
        joined = json.loads((self.folder / "class1" / "program.json").read_text())
        self.assertEqual([r["cause"] for r in joined["rows"]], [None, "it crashed (on n2)"])

    def test_words_and_files(self) -> None:
        options, program = tries.split(["--runs=3", "--shell", "--", "a b", "--", "c"])
        self.assertEqual(
            (options, program), ([("--runs", "3"), ("--shell", "")], ["a b", "--", "c"])
        )
        for words in (["--runs=3"], ["--runs=3", "--"], ["--budget=3", "--", "x"], ["x"]):
            with self.assertRaises(asked.Refusal):
                tries.split(words)
        mine = self.folder / "mine"
        mine.write_text("")
        with self.assertRaisesRegex(asked.Refusal, "mine is not a program"):
            tries.file_of(["./mine", "x"], self.folder, False)
        mine.chmod(0o755)
        self.assertEqual(tries.file_of(["./mine", "x"], self.folder, False), self.folder / "mine")
        self.assertEqual(tries.file_of(["./mine 'x"], self.folder, True), None)
        self.assertEqual(tries.file_of(["./mine x"], self.folder, True), self.folder / "mine")
        shells = (
            "for x in y",
            "cd /; ls",
            "A=1 none",
            "{ none; }",
            "$none",
            "~/none",
            "f(){ :; }; f",
        )
        for of in shells:
            self.assertEqual(tries.file_of([of], self.folder, True), None)
        for of in ("none x", "./none", "/none/none"):
            with self.assertRaisesRegex(asked.Refusal, "there is no program"):
                tries.file_of([of], self.folder, True)
        self.assertEqual(tries.file_of(["env"], self.folder, False), Path(str(shutil.which("env"))))
        with self.assertRaises(asked.Refusal):
            tries.file_of(["./none"], self.folder, False)
        with self.assertRaisesRegex(asked.Refusal, "no path with blanks"):
            tries.refuse_path(self.folder / "a b")
        words = ["submit", "--work=try", "--out=/a b", "--", "--", "true"]
        with self.assertRaisesRegex(asked.Refusal, "no path with blanks"):
            main.prepare(cli.parser().parse_args(words))
        words.insert(1, "--unshared=/tmp")  # libraries are loaded from there
        with mock.patch.object(tries, "prepare", return_value=self.folder):
            self.assertEqual(main.prepare(cli.parser().parse_args(words)), self.folder)
        self.assertEqual(tries.located([("--cwd", "/x/../y")]), [("--cwd", "/y")])
        self.assertEqual(tries.located([]), [("--cwd", os.getcwd())])


class Catalogue(OfPrograms):
    """Programs a and b, with three rounds of each."""

    def setUp(self) -> None:
        super().setUp()
        mine = self.folder / "bin" / "mine"
        mine.parent.mkdir()
        mine.write_text("#!/bin/sh\n")
        mine.chmod(0o755)
        self.mine = mine
        self.asked: dict[str, Any] = {
            "name": "spanbench-0",
            "work": "programs",
            "seed": 7,
            "section": 3,
            "repetitions": 6,
            "rows": [],
            "each": 1,
            "quick": True,
            "programs": [self.program("a"), self.program("b")],
        }

    def program(self, name: str) -> dict[str, Any]:
        files = {str(self.mine): {"sha256": task.digest(self.mine), "what": "program of mine"}}
        own: dict[str, Any] = {"name": name, "words": [], "program": ["--", "true"]}
        return {**own, "commands": {"mine": str(self.mine)}, "files": files}

    def test_no_task_has_rounds_of_two_programs(self) -> None:
        self.assertEqual(rounds.ranges(range(6), 9, 0, 3), [(0, 2), (3, 5)])
        self.assertEqual(rounds.ranges(range(6), 2, 0, 3), [(0, 1), (2, 2), (3, 4), (5, 5)])
        self.assertEqual(rounds.named(self.asked, [0, 1, 4]), "rounds 0 to 1 of a and 1 of b")

    def test_each_program_has_a_file(self) -> None:
        def put(name: str, first: int, count: int, node: str, cause: Any = None) -> None:
            self.put(name, self.document(7 + first, count, cause), node)

        put("0.0/000", 0, 3, "n1")
        put("0.1/000", 3, 1, "n2")  # a task that was killed
        put("1.0/000", 3, 2, "n1", "it crashed")
        parts = Reader(self.folder, self.asked).look(True)
        self.assertEqual([p.rounds for p in parts], [[0, 1, 2], [3], [3, 4]])
        of = Asked([], 1, 6)
        made = verdicts.collect(self.folder, parts, self.asked, of, lambda a, b: None)
        self.assertEqual((made.missing(of), made.samples, made.failed), ([5], 10, 1))
        place = self.folder / "class1"
        self.assertEqual(
            sorted(p.name for p in place.iterdir()), ["a.json", "b.json", "nodes.json"]
        )
        for name, expected in (
            ("a", [(0, "n1"), (1, "n1"), (2, "n1")]),
            ("b", [(0, "n2"), (1, "n1")]),
        ):
            joined = json.loads((place / f"{name}.json").read_text())
            found = [(r["round"], r["node"]) for r in joined["runs"] if r["row"] == "a"]
            self.assertEqual((found, joined["seed"], joined["rounds"]), (expected, 7, len(found)))
        self.assertEqual(joined["rows"][1]["cause"], "it crashed (on n1)")

    def test_a_class_keeps_no_program_of_another(self) -> None:
        """The class that was the first is the second, when earlier rounds come."""

        def collected() -> dict[str, list[str]]:
            parts = Reader(self.folder, self.asked).look(True)
            verdicts.collect(self.folder, parts, self.asked, Asked([], 1, 6), lambda a, b: None)
            of = sorted(self.folder.glob("class*"))
            return {c.name: sorted(p.name for p in c.glob("?.json")) for c in of}

        self.put("0.1/000", self.document(10, 3), "n2")
        self.assertEqual(collected(), {"class1": ["b.json"]})
        machine: dict[str, Any] = {**MACHINE, "cpu": "two"}
        self.put("0.0/000", {**self.document(7, 3), "machine": machine}, "n1")
        self.assertEqual(collected(), {"class1": ["a.json"], "class2": ["b.json"]})

    def test_what_a_node_lacks_of_a_program(self) -> None:
        def lacks(place: Path, **more: Any) -> list[str]:
            return task.lacking(self.folder, {**self.program("a"), **more}, str(place))

        self.assertEqual(lacks(self.mine.parent), [])
        self.assertEqual(lacks(self.folder), ["it has no mine"])
        other = {"commands": {"mine": "/bin/mine"}}
        said = f"its mine is {self.mine}, and the submitter's /bin/mine"
        self.assertEqual(lacks(self.mine.parent, **other), [said])
        before = self.program("a")["files"]
        self.mine.write_text("#!/bin/sh\n#")
        (said,) = lacks(self.mine.parent, files=before)
        self.assertEqual(said, f"{self.mine} differs from the submitter's: another program of mine")

    def task(self, batch: list[int], path: Path) -> tuple[int, list[Any], Any]:
        """Its exit code, what it measures, and what it says of its node."""
        for name in ("jobs", "nodes", "bundle"):
            (self.folder / name).mkdir(exist_ok=True)
        manifest = {"architecture": os.uname().machine, "files": {}}
        task.save(self.folder / "bundle" / "manifest.json", manifest)
        task.save(self.folder / "jobs" / "0.json", {"batches": [batch]})
        task.save(self.folder / "fleet.json", self.asked)
        local = self.folder / "tmp" / "spanbench-0.n1"
        local.mkdir(parents=True)  # of a task that was killed
        (local / "old").write_text("")
        variables = {
            "SLURM_ARRAY_TASK_ID": "0",
            "SLURMD_NODENAME": "n1",
            "TMPDIR": str(local.parent),
            "PATH": str(path),
        }

        def measure(first: int, last: int) -> int:
            self.assertEqual(list(local.iterdir()), [], "what it left is gone")
            return 0

        with mock.patch.dict(os.environ, variables):
            made = task.Task(self.folder, "0")
            with mock.patch.object(made, "measure", side_effect=measure) as measured:
                with mock.patch("sys.stderr", io.StringIO()):
                    code = made.run()
        self.assertEqual(list(local.parent.iterdir()), [], "nothing stays on the node")
        local.parent.rmdir()
        said = json.loads((self.folder / "nodes" / "n1.json").read_text())
        return code, [call.args for call in measured.call_args_list], said

    def test_a_node_runs_the_programs_that_it_has(self) -> None:
        path = self.mine.parent
        self.asked["programs"][1]["commands"] = {"other": "/bin/other"}
        said = {"node": "n1", "refused": [], "skipped": {"a": [], "b": ["it has no other"]}}
        self.assertEqual(self.task([0, 5], path), (2, [(0, 2)], said))
        self.assertEqual(self.task([3, 5], path), (2, [], said))
        self.assertEqual(self.task([0, 1], path), (0, [(0, 1)], said), "b is not forgotten")
        (refused,) = refusals(self.folder)
        self.assertEqual(refused.what, "n1 did no work of b")

    def made(self, **variables: str) -> Any:
        (self.folder / "jobs").mkdir()
        (self.folder / "nodes").mkdir()
        task.save(self.folder / "jobs" / "0.json", {"batches": [[0, 2]]})
        task.save(self.folder / "fleet.json", self.asked)
        own = {"SLURM_ARRAY_TASK_ID": "0", "SLURMD_NODENAME": "n1", **variables}
        patch = mock.patch.dict(os.environ, own)
        patch.start()
        self.addCleanup(patch.stop)
        return task.Task(self.folder, "0")

    def test_a_folder_for_data_that_the_node_lacks(self) -> None:
        made = self.made(TMPDIR=str(self.folder / "of the submitter"))
        self.assertEqual(made.local, Path("/tmp/spanbench-0.n1"))
        os.environ["TMPDIR"] = str(self.folder)
        self.assertEqual(made.local, self.folder / "spanbench-0.n1")
        made.local.write_text("")  # and it cannot be made
        (said,) = made.make_local()
        self.assertEqual(said, f"{made.local}, for the data of programs: File exists")

    def test_a_node_without_a_folder_for_data_says_so(self) -> None:
        made = self.made()
        (self.folder / "bundle").mkdir()
        manifest = {"architecture": os.uname().machine, "files": {}}
        task.save(self.folder / "bundle" / "manifest.json", manifest)
        with mock.patch.object(made, "make_local", return_value=["no room"]), mock.patch.object(
            made, "measure", return_value=0
        ) as measured, mock.patch("sys.stderr", io.StringIO()):
            self.assertEqual((made.run(), measured.called), (2, False))
        self.assertEqual([r.reasons for r in refusals(self.folder) if not r.program], [["no room"]])

    def test_a_signal_ends_the_making_of_data(self) -> None:
        made = self.made()

        def make(first: int) -> Any:
            made.stop(signal.SIGTERM, None)
            self.fail("it goes on")

        with mock.patch.object(made, "of_program", side_effect=make):
            self.assertEqual(made.measure(0, 2), 128 + signal.SIGTERM)
        self.assertFalse(made.preparing)

    def test_a_program_is_submitted_to_nodes_that_have_it(self) -> None:
        for name in ("jobs", "nodes"):
            (self.folder / name).mkdir()
        task.save(self.folder / "fleet.json", self.asked)
        for node, no, refused in (("n1", "b", []), ("n2", "", ["it differs"])):
            skipped = {no: ["it has no other"]} if no else {}
            said = {"node": node, "refused": refused, "skipped": skipped}
            task.save(self.folder / "nodes" / f"{node}.json", said)
        calls: list[Any] = []

        def submit(*words: Any) -> str:
            if refuses:
                raise slurm.Trouble("no such nodes")
            calls.append(words)
            return "17"

        fleet = main.Fleet(self.folder)
        with mock.patch.object(slurm, "submit", side_effect=submit), mock.patch(
            "sys.stderr", io.StringIO()
        ):
            refuses = False
            fleet.submit([0, 1, 4, 5], 9, 0, [])
            self.assertEqual(
                [(c[0][2], c[1], c[4]) for c in calls], [("0", 1, ("n2",)), ("1", 1, ("n1", "n2"))]
            )
            made = [json.loads(p.read_text()) for p in sorted((self.folder / "jobs").iterdir())]
            self.assertEqual([m["batches"] for m in made], [[[0, 1]], [[4, 5]]])
            refuses = True
            with self.assertRaises(slurm.Trouble):
                fleet.submit([0, 4], 9, 0, [])


class Back(InFolder):
    """What comes back from nodes that share no folder."""

    def archive(self, **files: str) -> Path:
        made = self.folder / "it.tar"
        with tarfile.open(made, "w") as tar:
            for name, text in files.items():
                info = tarfile.TarInfo(name)
                info.size, info.mtime = len(text), 5000
                tar.addfile(info, io.BytesIO(text.encode()))
        return made

    def test_attempts_of_two_nodes_are_two(self) -> None:
        """The clock of one is 1000 s ahead, so its files are older than it says."""
        for node, clock in (("n1", 1000.0), ("n2", 0.0)):
            file = self.archive(**{"parts/0.3/000/node.json": node, "nodes/n.json": node})
            unshared.unpack(file, self.folder, node, clock)
        for node, at in (("n1", 4000), ("n2", 5000)):
            file = self.folder / "parts" / "0.3" / f"000-{node}" / "node.json"
            self.assertEqual((file.read_text(), file.stat().st_mtime), (node, at))
        self.assertEqual((self.folder / "nodes" / "n.json").read_text(), "n2")

    def test_nothing_else_comes_back(self) -> None:
        names = ("fleet.json", "/parts/0.0/000/x", "parts/../x", "bundle/x", "parts")
        unshared.unpack(self.archive(**dict.fromkeys(names, "x")), self.folder, "n1", 0)
        self.assertEqual([p.name for p in self.folder.rglob("*")], ["it.tar"])

    def test_a_folder_of_nodes_is_a_plain_path(self) -> None:
        self.assertEqual(cli.folder_of_nodes("/scratch/my.x"), Path("/scratch/my.x"))
        for text in ("tmp", "/a b", "/a;b", "/", "", "/$(x)", "/a/../b", "/a/.", "/.."):
            with self.assertRaises(argparse.ArgumentTypeError):
                cli.folder_of_nodes(text)

    def test_the_time_of_a_transfer_is_not_the_clocks(self) -> None:
        """The node prints its time behind the archive."""
        file = self.archive(**{"parts/0.3/000/node.json": "n1"})
        with open(file, "ab") as archive:
            archive.write(b"\n5000")
        self.assertEqual(unshared.clock_of(file, 4970.0), 0.0)
        self.assertEqual(unshared.clock_of(file, 4000.0), 1000.0)
        unshared.unpack(file, self.folder, "n1", 0.0)
        self.assertTrue((self.folder / "parts" / "0.3" / "000-n1" / "node.json").exists())

    def test_a_disk_that_fills_leaves_no_half_of_a_file(self) -> None:
        full = OSError(errno.ENOSPC, "No space left on device")
        with mock.patch.object(shutil, "copyfileobj", side_effect=full):
            with self.assertRaises(OSError):
                unshared.unpack(self.archive(**{"parts/0.0/0/x": "x"}), self.folder, "n1", 0)
        self.assertEqual([p.name for p in self.folder.glob("parts/**/*") if p.is_file()], [])


class OfNodes(InFolder):
    def setUp(self) -> None:
        super().setUp()
        (self.folder / "jobs").mkdir()
        (self.folder / "jobs" / "1.tar").write_text("it")
        (self.folder / "parts").mkdir()
        self.said: list[str] = []
        self.shown: list[str] = []
        self.asked = {"unshared": str(self.folder / "t"), "name": "x"}
        self.exchange = unshared.Exchange(
            self.folder, self.asked, self.said.append, self.shown.append
        )
        self.addCleanup(self.exchange.close)

    def archive_of(self, files: dict[str, str]) -> bytes:
        made = io.BytesIO()
        with tarfile.open(fileobj=made, mode="w") as tar:
            for name, text in files.items():
                info = tarfile.TarInfo(name)
                info.size = len(text)
                tar.addfile(info, io.BytesIO(text.encode()))
        return made.getvalue()


class WithNodes(OfNodes):
    """Nodes that share no folder: what goes there, and what comes back."""

    def feed(self, *tasks: tuple[str, str, str], job: Any = 7, reason: str = "") -> None:
        waiting = [slurm.Waiting(t, state, node, reason, "9") for t, state, node in tasks]
        self.exchange.feed([(1, {"job": job})], waiting)
        wait(self.exchange.sending.values())

    def mark(self, node: str) -> str:
        return (self.folder / unshared.PLACES / f"1.{node}").read_text()

    def test_a_bundle_goes_once_to_each_node_at_work(self) -> None:
        tasks = (("7_0", "RUNNING", "n1"), ("7_1", "PENDING", ""), ("8_0", "RUNNING", "n2"))
        with mock.patch.object(slurm, "broadcast", side_effect=slurm.Trouble("no")) as sent:
            self.feed(*tasks)
            self.assertEqual((self.mark("n1"), unshared.known(self.folder)), ("", ["n1"]))
            sent.side_effect = None
            for _ in range(3):
                self.feed(*tasks)
        self.assertEqual([c.args[0] for c in sent.call_args_list], ["9", "9"])
        self.assertTrue(sent.call_args.args[2].startswith(f"{self.folder}/t/x.fleet.n1/"))
        self.assertEqual(self.mark("n1"), unshared.SENT)
        self.assertEqual(unshared.known(self.folder), ["n1"])

    def test_a_node_that_does_not_answer_keeps_no_other_from_its_bundle(self) -> None:
        with self.programs(sbcast='case "$*" in *fleet.n1/*) exec sleep 99 ;; esac'):
            tasks = [slurm.Waiting(f"7_{n}", "RUNNING", f"n{n}", "", str(n)) for n in range(1, 5)]
            self.exchange.feed([(1, {"job": 7})], tasks)
            wait([at for name, at in self.exchange.sending.items() if name != "1.n1"])
        self.assertEqual([self.mark(f"n{n}") for n in range(1, 5)], ["", "sent", "sent", "sent"])
        self.exchange.close()  # does not wait for it

    def test_a_job_that_nobody_noted_is_fed(self) -> None:
        with mock.patch.object(slurm, "broadcast") as sent:
            self.feed(("7_0", "RUNNING", "n1"), job=None)
            self.feed(("7_0", "RUNNING", "n2"), job=8)
        self.assertEqual(sent.call_count, 1)
        self.assertEqual(self.mark("n1"), unshared.SENT)

    def test_a_node_that_lost_its_bundle_gets_it_again(self) -> None:
        held = ("7_0", "PENDING", "")
        with mock.patch.object(slurm, "broadcast") as sent, mock.patch.object(
            slurm, "release"
        ) as released:
            for node in ("n1", "n2"):
                self.feed((f"7_{int(node == 'n2')}", "RUNNING", node))
            self.feed(held, reason="JobHeldUser")
            self.assertEqual(released.call_count, 0, "the user has held it")
            self.feed(held, reason="job requeued in held state")
            self.assertEqual([self.mark("n1"), self.mark("n2")], ["", unshared.SENT])
            self.feed(("7_0", "RUNNING", "n1"))
        self.assertEqual([c.args for c in released.call_args_list], [("7_0",)])
        self.assertEqual(sent.call_count, 3)
        self.assertEqual(self.mark("n1"), unshared.SENT)

    def test_what_was_submitted_held_begins(self) -> None:
        with mock.patch.object(slurm, "release") as released:
            for _ in range(2):
                self.feed(("7_[0-9%2]", "PENDING", ""), reason="JobHeldUser")
        self.assertEqual([c.args for c in released.call_args_list], [("7",)])

    def test_a_node_that_cannot_be_sent_to_is_named(self) -> None:
        with mock.patch.object(slurm, "broadcast", side_effect=slurm.Trouble("no folder")):
            for _ in range(unshared.PATIENCE + 1):
                self.assertEqual(self.said, [])
                self.feed(("7_0", "RUNNING", "n1"))
        self.assertEqual(self.said, ["n1 gets no bundle: no folder; trying again"])
        self.assertEqual(self.exchange.without_bundle(), {"n1": "no folder"})
        with mock.patch.object(slurm, "broadcast"):
            for _ in range(2):
                self.feed(("7_0", "RUNNING", "n1"))
        self.assertEqual(self.exchange.without_bundle(), {})

    def test_lost_rounds_are_not_for_a_node_that_gets_no_bundle(self) -> None:
        asked_ = {**self.asked, "work": "run", "rows": ROWS, "each": 1, "repetitions": 2}
        task.save(self.folder / "fleet.json", asked_)
        with closing(main.Fleet(self.folder)) as fleet:
            assert fleet.exchange
            fleet.exchange.unsent["n3"] = (unshared.PATIENCE, "no folder")
            with mock.patch.object(jobs, "submit", return_value=("8", 1)) as made:
                with mock.patch("sys.stderr", io.StringIO()):
                    fleet.submit([1], 1, 0, [])
        self.assertEqual(made.call_args.args[5], ("n3",))

    def test_where_no_node_gives_its_parts_nothing_is_measured_anew(self) -> None:
        asked_ = {**self.asked, "work": "run", "rows": ROWS, "each": 1, "repetitions": 2}
        task.save(self.folder / "fleet.json", asked_)
        self.seen("n1", "n2")
        for refused, count in ({"n1", "n2"}, 0), ({"n1"}, 1):
            with closing(main.Fleet(self.folder)) as fleet:
                assert fleet.exchange
                fleet.exchange.refused = refused
                with mock.patch.object(fleet, "wait", return_value=[]), mock.patch.object(
                    fleet, "submit"
                ) as made, mock.patch("sys.stderr", io.StringIO()) as said:
                    fleet.wait_for_all()
            self.assertEqual(made.call_count, count)
            self.assertEqual("no node gives its parts" in said.getvalue(), not count)

    def seen(self, *nodes: str, text: str = unshared.SENT) -> None:
        (self.folder / unshared.PLACES).mkdir()
        for node in nodes:
            (self.folder / unshared.PLACES / f"1.{node}").write_text(text)

    def fetch(self, srun: Callable[[str, Path], None], up: Any = None) -> None:
        def on_node(node: str, words: Any, out: Path, *_: Any) -> None:
            srun(node, out)

        with mock.patch.object(slurm, "on_node", side_effect=on_node), mock.patch.object(
            slurm, "is_up", side_effect=up or (lambda node: True)
        ), mock.patch.object(unshared, "PAUSE", 0.0):
            self.exchange.fetch()

    def answer(self, out: Path) -> None:
        made = self.archive_of({"parts/0.0/000/node.json": "n"})
        out.write_bytes(made + b"\n%.0f" % time.time())

    def came(self) -> list[str]:
        return sorted(p.name for p in self.folder.glob("parts/0.0/*"))

    def test_a_busy_node_is_waited_for_and_the_rest_is_asked_again(self) -> None:
        self.seen("n1", "n2", "n3", "n4")
        asked_: Counter[str] = Counter()

        def srun(node: str, out: Path) -> None:
            asked_[node] += 1
            if node == "n1" and asked_[node] < 4:
                raise slurm.NoAnswer("it is not free")
            if node == "n2" and asked_[node] == 1:
                raise slurm.Trouble("a moment")
            if node == "n3":
                raise slurm.Trouble("no such account")
            self.answer(out)

        ups = iter([slurm.NoAnswer("sinfo does not answer")])

        def up(node: str) -> bool:
            for problem in ups if node == "n4" else ():
                raise problem
            return True

        self.fetch(srun, up)
        self.assertEqual(self.came(), ["000-n1", "000-n2", "000-n4"])
        self.assertEqual((self.exchange.kept, self.exchange.refused), ({"n3"}, {"n3"}))
        self.assertEqual((asked_["n1"], asked_["n3"]), (4, unshared.TRIES))
        for text in (
            "n1 is not free: its parts are waited for",
            "n2: a moment; asking again",
            "n3: its parts are left there: no such account",
            "n4: sinfo does not answer; asking again",
        ):
            self.assertEqual(self.said.count(text), 1, self.said)

    def test_a_time_that_none_can_be_leaves_the_parts_there(self) -> None:
        self.seen("n1", "n2")

        def srun(node: str, out: Path) -> None:
            self.answer(out)
            if node == "n1":
                info = tarfile.TarInfo("parts/0.0/000/node.json")
                info.pax_headers = {"mtime": "1e30"}
                with tarfile.open(out, "w") as tar:
                    tar.addfile(info)
                out.write_bytes(out.read_bytes() + b"\n%.0f" % time.time())

        self.fetch(srun)
        came = [p.parent.name for p in self.folder.glob("parts/0.0/*/*")]
        self.assertEqual((came, self.exchange.refused), (["000-n2"], {"n1"}))
        self.assertIn("n1: its parts are left there: ", self.said[-1])

    def test_a_node_that_is_down_or_has_lost_its_folder(self) -> None:
        self.seen("n1", "n2")
        (self.folder / unshared.PLACES / "1.n3").write_text("")
        self.fetch(lambda node, out: out.touch(), lambda node: node != "n1")
        self.assertEqual((self.exchange.kept, self.exchange.refused), ({"n1", "n2"}, set()))
        self.assertIn("n1 is down, or takes no more work: its parts are left there", self.said)
        gone = f"n2 has no {self.folder}/t/x.fleet.n2 any more: UNSHARED wants a folder that stays"
        self.assertIn(gone, "\n".join(self.said))
        self.assertEqual(len(self.said), 2, "n3 never had anything")

    def test_a_full_disk_here_costs_no_part(self) -> None:
        self.seen("n1")
        full = OSError(errno.ENOSPC, "No space left on device")
        says = "No space left on device; all parts are kept on the nodes"
        with mock.patch.object(shutil, "copyfileobj", side_effect=full):
            with self.assertRaisesRegex(Unusable, says):
                self.fetch(lambda node, out: self.answer(out))
        usage = mock.Mock(free=0)

        def cut_off(node: str, out: Path) -> None:
            out.write_bytes(b"x" * 100)

        self.exchange.over.clear()
        with mock.patch.object(shutil, "disk_usage", return_value=usage):
            with self.assertRaisesRegex(Unusable, says):
                self.fetch(cut_off)

    def test_who_is_interrupted_leaves_no_job_in_the_queue(self) -> None:
        """srun takes it out, when it is asked to end."""
        self.seen("n1")
        started, ended = self.folder / "started", self.folder / "ended"
        srun = f"trap ': >{ended}; exit 1' TERM\n: >{started}\nwhile :; do sleep 0.1; done"

        def show(line: str) -> None:
            if started.exists():
                raise KeyboardInterrupt

        self.exchange.show = show
        with self.programs(srun=srun, sinfo="echo idle"), self.assertRaises(KeyboardInterrupt):
            self.exchange.fetch()
        self.assertTrue(ended.exists())

    def test_a_node_that_is_never_free(self) -> None:
        with self.programs(srun="exec sleep 99"), self.assertRaises(slurm.NoAnswer):
            slurm.on_node("n1", ["true"], Path(os.devnull), "x", [], 0.1, self.exchange.over)

    def test_srun_goes_where_sbatch_went(self) -> None:
        options = ["--partition=big", "-A", "me", "--qos", "low", "--mem=3G", "-wn1", "--time=9"]
        self.exchange.options = options
        words = self.folder / "words"
        with self.programs(srun=f'printf "%s\\n" "$@" >{words}'):
            self.exchange.on_node("n2", ["true"], self.folder / "out", 60.0)
        given = words.read_text().splitlines()
        for word in ("--partition=big", "--account=me", "--qos=low", "--time=9", "--nodelist=n2"):
            self.assertIn(word, given)
        self.assertNotIn("--nodelist=n1", given)
        self.assertIn("--job-name=x.parts", given, "DO=cancel knows it")
        self.assertEqual(slurm.for_srun([]), [])

    def test_a_submission_that_slurm_may_have_taken_keeps_its_number(self) -> None:
        asked_ = {"name": "x"}
        for problem, left in ((slurm.NoAnswer("late"), ["0.json"]), (slurm.Trouble("no"), [])):
            for file in (self.folder / "jobs").iterdir():
                file.unlink()
            with mock.patch.object(slurm, "submit", side_effect=problem):
                with self.assertRaises(slurm.Trouble):
                    jobs.submit(self.folder, asked_, [0], 1, 0, [], [])
            self.assertEqual([p.name for p in (self.folder / "jobs").iterdir()], left)
        said = "echo 'sbatch: error: Batch job submission failed: Socket timed out' >&2; exit 1"
        with self.programs(sbatch=said), self.assertRaises(slurm.NoAnswer):
            slurm.command("sbatch", "x")

    def test_a_run_that_waits_for_nothing_leaves_the_nodes_alone(self) -> None:
        self.seen("n1")
        asked_ = {**self.asked, "work": "run", "rows": ROWS, "each": 1, "repetitions": 1}
        task.save(self.folder / "fleet.json", asked_)
        self.part("0.0/000", document([0]))
        with self.programs(srun=f": >{self.folder}/used", sinfo="echo idle"):
            for now in (True, False):
                with closing(main.Fleet(self.folder)) as fleet:
                    fleet.now = now
                    with mock.patch("sys.stdout", io.StringIO()) as said:
                        self.assertEqual(fleet.finish(fleet.reader.look(True)), 0)
                self.assertEqual((self.folder / "used").exists(), not now)
                self.assertEqual("x.fleet.n1 is left there" in said.getvalue(), now)


class TaskThatWaits(OfNodes):
    """The script of a task whose bundle comes by sbcast."""

    def task(self, **variables: str) -> int:
        script = self.folder / "task.sh"
        script.write_text(unshared.SCRIPT)
        held = self.folder / "held"
        held.unlink(missing_ok=True)
        own = {"SLURMD_NODENAME": "n1", "SLURM_ARRAY_JOB_ID": "7", "SLURM_ARRAY_TASK_ID": "3"}
        self.place = self.folder / "t" / "x.fleet.n1"
        self.digest = task.digest(self.folder / "jobs" / "1.tar")
        with self.programs(scontrol=f'echo "$@" >{held}'):
            with mock.patch.dict(os.environ, {**own, "FLEET_BUNDLE_SECONDS": "0", **variables}):
                done = run("/bin/sh", script, self.folder / "t" / "x.fleet", "1", self.digest)
        self.held = held.read_text() if held.exists() else ""
        return done.returncode

    def test_without_a_bundle_it_goes_back_into_the_queue(self) -> None:
        self.assertEqual(self.task(), 2)
        self.assertEqual(self.held, "requeuehold 7_3\n")
        self.assertFalse(self.place.exists(), "and leaves nothing")
        (self.place / "parts" / "0.1").mkdir(parents=True)
        self.assertEqual(self.task(SLURM_RESTART_COUNT="1"), 2)
        self.assertTrue(self.held)
        self.assertTrue((self.place / "parts" / "0.1").exists(), "what others measured stays")

    def test_a_signal_as_soon_as_it_has_a_folder_leaves_nothing(self) -> None:
        """Of DO=cancel, which knows of no bundle there."""
        mkdir = f'{shutil.which("mkdir")} "$@" || exit\n[ "$1" != -m ] || kill "$PPID"'
        with self.programs(mkdir=mkdir):
            self.assertEqual(self.task(), 2)
        self.assertEqual((self.place.exists(), self.held), (False, ""))

    def test_the_third_time_it_fails(self) -> None:
        self.assertEqual(self.task(SLURM_RESTART_COUNT="2"), 2)
        self.assertEqual(self.held, "")
        self.assertIn("no bundle came", (self.place / "logs" / "1.3.log").read_text())

    def test_a_folder_that_cannot_be_made(self) -> None:
        (self.folder / "t").write_text("")
        self.assertEqual(self.task(), 2)
        self.assertEqual(self.held, "", "it would find the same")

    def test_a_folder_of_another_is_not_used(self) -> None:
        self.task()
        other = self.folder / "other"
        other.mkdir()
        self.place.symlink_to(other)
        self.assertEqual(self.task(), 2)
        self.assertEqual((list(other.iterdir()), self.held), ([], ""))
        self.place.unlink()
        self.place.mkdir(mode=0o777)
        if os.geteuid() == 0:  # who else can give a folder away?
            os.chown(self.place, 65534, 65534)
            self.assertEqual(self.task(), 2)
            self.assertEqual(list(self.place.iterdir()), [])
            os.chown(self.place, 0, 0)
        self.task(SLURM_RESTART_COUNT="2")
        self.assertTrue((self.place / "logs" / "1.3.log").exists(), "its own it finds again")
        shutil.rmtree(self.place)
        self.task(SLURM_RESTART_COUNT="2")
        self.assertEqual(self.place.stat().st_mode & 0o777, 0o711)

    def test_with_a_bundle_it_works_and_keeps_no_archive(self) -> None:
        made = self.archive_of({"bundle/fleet/task.py": "import sys; sys.exit(7)"})
        (self.folder / "jobs" / "1.tar").write_bytes(made)
        self.task(SLURM_RESTART_COUNT="2")
        shutil.copy(self.folder / "jobs" / "1.tar", self.place / f"{self.digest}.tar")
        for _ in range(2):
            self.assertEqual(self.task(), 7)
            self.assertEqual(list(self.place.glob("*.tar")), [])


class Node(InFolder):
    def differences(self, **files: str) -> list[str]:
        (self.folder / "bundle").mkdir(exist_ok=True)
        (self.folder / "bundle" / "there").write_text("it")
        known = {"there": task.digest(self.folder / "bundle" / "there"), **files}
        expected = {name: {"sha256": of, "what": "library"} for name, of in known.items()}
        asked_ = {"architecture": os.uname().machine, "files": expected}
        return task.differences(self.folder, asked_)

    def test_what_a_node_lacks_or_has_otherwise(self) -> None:
        self.assertEqual(self.differences(), [])
        (lacks,) = self.differences(**{"/usr/lib/libnone.so": "0"})
        self.assertEqual(lacks, "it has no /usr/lib/libnone.so: library")
        (differs,) = self.differences(there="0")
        self.assertIn("differs from the submitter's: another library", differs)
        (other,) = task.differences(self.folder, {"architecture": "vax", "files": {}})
        self.assertIn("not vax", other)

    def test_a_node_that_cannot_run_the_task_says_so(self) -> None:
        for name in ("logs", "nodes", "jobs"):
            (self.folder / name).mkdir()
        python = self.folder / "a python"
        for answer, says in ((None, f"it has no {python}"), ("exit 1", "is older than 3.9, or")):
            if answer:
                python.write_text(f"#!/bin/sh\n{answer}\n")
                python.chmod(0o755)
            script = self.folder / "task.sh"
            script.write_text(bundle.SCRIPT.replace("/usr/bin/python3", f"'{python}'"))
            own = {"SLURM_ARRAY_TASK_ID": "3", "SLURMD_NODENAME": "n1"}
            with mock.patch.dict(os.environ, own):
                self.assertEqual(run("/bin/sh", script, self.folder, "0").returncode, 2)
            (refused,) = refusals(self.folder)
            self.assertEqual((refused.node, refused.program), ("n1", ""))
            self.assertIn(says, refused.reasons[0])
            self.assertIn(f"task: n1 does no work: {refused.reasons[0]}\n", (self.folder / "logs" / "0.3.log").read_text())  # fmt: skip
            self.assertEqual([p.name for p in (self.folder / "nodes").iterdir()], ["n1.json"])
        self.assertIn(bundle.RUN, unshared.SCRIPT)

    def test_a_driver_that_is_killed_is_said(self) -> None:
        """As by the kernel, where memory ends."""
        for name in ("bundle", "jobs", "nodes"):
            (self.folder / name).mkdir()
        driver = self.folder / "bundle" / "spanbench"
        driver.write_text("#!/bin/sh\nkill -9 $$\n")
        driver.chmod(0o755)
        manifest = {"architecture": os.uname().machine, "files": {}}
        task.save(self.folder / "bundle" / "manifest.json", manifest)
        task.save(self.folder / "jobs" / "0.json", {"batches": [[2, 3]]})
        own = {"work": "run", "rows": ROWS, "each": 1, "words": ["run"], "repetitions": 4}
        task.save(self.folder / "fleet.json", own)
        with mock.patch.dict(os.environ, {"SLURM_ARRAY_TASK_ID": "0", "SLURMD_NODENAME": "n1"}):
            with mock.patch("sys.stderr", io.StringIO()) as said:
                self.assertEqual(task.Task(self.folder, "0").run(), 128 + signal.SIGKILL)
        self.assertIn("task: rounds 2 to 3: signal 9 (Killed) ended the driver\n", said.getvalue())
        done = json.loads((self.folder / "parts" / "0.0" / "000" / "done.json").read_text())
        self.assertEqual(done, {"rounds": [], "code": 137})

    def test_a_node_with_other_cpus_measures_no_rows_that_follow_them(self) -> None:
        usable = len(os.sched_getaffinity(0))
        (self.folder / "bundle").mkdir()
        for name in ("jobs", "nodes"):
            (self.folder / name).mkdir()
        task.save(
            self.folder / "bundle" / "manifest.json",
            {"architecture": os.uname().machine, "files": {}},
        )
        task.save(self.folder / "jobs" / "0.json", {"batches": [[0, 0]]})
        variables = {"SLURM_ARRAY_TASK_ID": "0", "SLURMD_NODENAME": "n1"}
        for cpus, measures in ((usable, True), (None, True), (usable + 1, False)):
            task.save(self.folder / "fleet.json", {"work": "gate", "period": 6, "cpus": cpus})
            with mock.patch.dict(os.environ, variables):
                made = task.Task(self.folder, "0")
            with mock.patch.object(made, "measure", return_value=0) as measure, mock.patch(
                "sys.stderr", io.StringIO()
            ) as said:
                code = made.run()
            self.assertEqual((code, measure.called), (0, True) if measures else (2, False))
            refused = json.loads((self.folder / "nodes" / "n1.json").read_text())["refused"]
            self.assertEqual(len(refused), not measures)
            wanted = f"for {usable + 1} CPUs, and it may use {usable}: submit with CPUS={usable}"
            self.assertEqual(wanted in "".join(refused), not measures)
            self.assertEqual(wanted in said.getvalue(), not measures)


class Words(InFolder):
    def test_options_of_a_run(self) -> None:
        self.assertEqual(
            asked.split(["--quick", "--seed", "3", "--threads=1"]),
            [("--quick", ""), ("--seed", "3"), ("--threads", "1")],
        )
        for words in (["tiny"], ["--seed"]):
            with self.assertRaises(asked.Refusal):
                asked.split(words)

    def test_files_that_options_name_go_along(self) -> None:
        mine = self.folder / "my =lib.so"
        mine.write_text("")
        to = "given/3/my =lib.so"
        self.assertEqual(asked.into_bundle("--preload", str(mine), 3), (to, (mine, to)))
        self.assertEqual(asked.into_bundle("--preload", f"x={mine}", 3), (f"x={to}", (mine, to)))
        self.assertEqual(asked.into_bundle("--sizes", str(mine), 3), (to, (mine, to)))
        self.assertEqual(asked.into_bundle("--sizes", "lognormal:9,1", 3), ("lognormal:9,1", None))
        own = Path("/usr/bin/env")  # of the distribution: the nodes have it, or do no work
        self.assertEqual(asked.into_bundle("--preload", f"x={own}", 3), (f"x={own}", (own, "")))

    def test_a_filter_names_the_rows_alone(self) -> None:
        self.assertEqual(
            asked.exactly(["a/b-5.3/threads:1"]), "--benchmark_filter=^(a/b-5\\.3/threads:1)$"
        )

    def test_refusals(self) -> None:
        there = self.folder / "bin"
        there.mkdir()
        for name in ("sbatch", "squeue"):
            (there / name).write_text("#!/bin/sh\necho 'slurm: no controller' >&2\nexit 1\n")
            (there / name).chmod(0o755)
        (self.folder / "fleet.json").write_text("{")
        fake = {"PATH": f"{there}:{os.environ['PATH']}"}
        alone = self.folder / "alone"
        alone.mkdir()
        said = "sbatch: fatal: Could not establish a configuration source"
        (alone / "sbatch").write_text(f"#!/bin/sh\necho '{said}' >&2\nexit 1\n")
        (alone / "sbatch").chmod(0o755)
        no_cluster = {"PATH": f"{alone}:{os.environ['PATH']}"}
        cases: list[tuple[list[Any], dict[str, str], str]] = [
            (
                ["submit", "--", "--quick"],
                no_cluster,
                f"fleet: {said}; a fleet needs a cluster: run",
            ),
            (["submit", "--", "--quick"], {"PATH": "/nonexistent"}, "there is no sbatch here"),
            (["submit", "--", "--quick"], fake, "sbatch: slurm: no controller"),
            (["status", self.folder / "none"], {}, "it has no fleet.json"),
            (["collect", self.folder], {}, "fleet.json cannot be used"),
            (["submit", "--batch=0"], {}, "fleet: BATCH (--batch): a whole number from 1 to 1000"),
            (["submit", "--at-once=-1"], {}, "fleet: AT_ONCE (--at-once): a whole number"),
            (["submit", "--unshared=tmp"], {}, "fleet: UNSHARED (--unshared): the path of a"),
            (["collect", "/dev/null/x"], {}, "fleet: /dev/null/x"),
        ]
        for words, environment, says in cases:
            done = run(
                "/usr/bin/python3",
                *(FLEET, *words),
                env=clean_environment(**environment),
            )
            self.assertEqual(done.returncode, 2, done.stderr)
            self.assertIn(says, done.stderr)
            self.assertNotIn("Traceback", done.stderr)
            self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)

    def test_variables_that_would_be_ignored_are_refused(self) -> None:
        cases: list[tuple[dict[str, str], str]] = [
            ({"RUN": "x"}, "give DO=status, DO=collect or DO=cancel"),
            ({"RUN": "x", "DO": "submit"}, "give DO=status, DO=collect or DO=cancel"),
            ({"DO": "status"}, "DO=status wants the folder of a fleet"),
            ({"RUNS": "5"}, "RUNS is not for WORK=bench: give REPS=5"),
            ({"WORK": "check", "RUNS": "2"}, "RUNS is not for WORK=check: give REPS=2"),
            ({"WORK": "harden", "REPS": "2"}, "REPS is not for WORK=harden: give RUNS=2"),
            ({"WORK": "try", "CMD": "true", "REPS": "2"}, "WORK=try: give RUNS=2"),
            ({"WORK": "programs", "REPS": "2"}, "WORK=programs: give RUNS=2"),
            ({"WORK": "gate", "REPS": "2"}, "REPS is not for WORK=gate: give ARGS="),
            ({"CHECKS": "errno.*"}, "CHECKS is for WORK=check, not for WORK=bench"),
            ({"CMD": "true"}, "CMD is for WORK=try, not for WORK=bench"),
            ({"WORK": "check", "HEAD": "x"}, "HEAD is for WORK=gate, not for WORK=check"),
        ]
        out = self.folder / "out"
        with self.programs(sbatch=f": >{self.folder}/asked"):
            for variables, says in cases:
                with self.subTest(variables=variables):
                    done = run(SCRIPT, env=clean_environment(OUT=out, **variables))
                    self.assertEqual(done.returncode, 2, done.stderr)
                    self.assertRegex(done.stderr, rf"\Afleet.sh: .*{re.escape(says)}.*\n\Z")
            done = run(SCRIPT, env=clean_environment(OUT=out, REPS="2", WORK="check", BATCH="0"))
            self.assertIn("fleet: BATCH (--batch): ", done.stderr)
        self.assertFalse((self.folder / "asked").exists() or out.exists())

    def test_what_the_driver_would_refuse_on_each_node_is_not_submitted(self) -> None:
        cases: list[tuple[str, list[str], str]] = [
            ("check", ["--checks=nosuch.*"], "fleet: no check matches 'nosuch.*'"),
            ("check", ["--profile=nosuch"], "not 'nosuch'"),
            ("check", ["--allocators=nosuch"], "unknown allocator 'nosuch'"),
            ("harden", ["--misuses=nosuch.*"], "fleet: no misuse matches 'nosuch.*'"),
            ("harden", ["--allocators=nosuch"], "unknown allocator 'nosuch'"),
            ("run", ["--allocators=nosuch"], "unknown allocator 'nosuch'"),
            ("try", ["--timeout=0", "--", "true"], "--timeout takes seconds"),
            ("try", ["--allocators=nosuch", "--", "true"], "unknown allocator 'nosuch'"),
            ("try", ["--shell", "--", "nosuch x"], "there is no program nosuch"),
            ("programs", ["--allocators=nosuch"], "unknown allocator 'nosuch'"),
        ]
        out = self.folder / "out"
        submit = ["submit", "--driver", SPANBENCH, "--out", out]
        with self.programs(sbatch=f": >>{self.folder}/asked"):
            for work, words, says in cases:
                with self.subTest(work, words=words):
                    whole = (FLEET, *submit, f"--work={work}", "--", *words)
                    done = run("/usr/bin/python3", *whole, env=clean_environment())
                    self.assertEqual(done.returncode, 2, done.stdout)
                    self.assertIn(says, done.stderr)
                    self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)
                    self.assertFalse(out.exists() and list(out.iterdir()))

    def test_a_submission_that_slurm_refuses_can_be_made_again(self) -> None:
        there = self.folder / "bin"
        there.mkdir()
        (there / "sbatch").write_text(
            '#!/bin/sh\n[ "$1" = --version ] || { echo "sbatch: error: no partition" >&2; exit 1; }\n'
        )
        (there / "sbatch").chmod(0o755)
        (there / "squeue").write_text("#!/bin/sh\n")
        (there / "squeue").chmod(0o755)
        env = clean_environment(PATH=f"{there}:{os.environ['PATH']}")
        words = ["--allocators=null", "--workloads=tiny", "--threads=1", "--repetitions=3"]
        out = self.folder / "o u't"
        submit = ["submit", "--driver", SPANBENCH, "--out", out, "--batch=2", "--", *words]
        done = run("/usr/bin/python3", FLEET, *submit, env=env)
        self.assertEqual(done.returncode, 2)
        self.assertIn("sbatch: error: no partition", done.stderr)
        folder = Path(done.stdout.splitlines()[0])
        self.assertEqual(list((folder / "jobs").iterdir()), [])
        (there / "sbatch").write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" >{there}/words\necho 17\n')
        done = run("/usr/bin/python3", FLEET, "collect", "--bare", folder, env=env)
        self.assertEqual(done.returncode, 1)
        self.assertIn("missing: rounds 0 to 2", done.stdout)
        given = (there / "words").read_text().splitlines()
        self.assertIn("--exclusive", given)
        self.assertEqual(given[-2], str(folder), "a path is a word of its own")
        again = {**env, "DO": "collect", "RUN": str(folder), "SBATCH": "--partition=big --time=9"}
        (there / "words").unlink()
        run(SCRIPT, env=again)  # with others than before
        given = (there / "words").read_text().splitlines()
        self.assertEqual(given[-5:-3], ["--partition=big", "--time=9"])
        (there / "sbatch").write_text(
            "#!/bin/sh\necho 'sbatch: error: no such nodes' >&2\nexit 1\n"
        )
        done = run("/usr/bin/python3", FLEET, "collect", "--bare", folder, env=env)
        self.assertIn("; if it refused options, give it others: SBATCH=", done.stderr)
        self.assertEqual(done.returncode, 1, "what is there is collected")
        self.assertIn("sbatch: error: no such nodes", done.stderr)
        self.assertIn("missing: rounds 0 to 2", done.stdout)
        (there / "sbatch").write_text("#!/bin/sh\n")
        refused = ["--rivals"], ["--out=x"], ["--preload=/none.so"]
        for option in refused:
            done = run("/usr/bin/python3", FLEET, "submit", "--out", out, "--", *option, env=env)
            self.assertEqual(done.returncode, 2, done.stderr)
            self.assertIn(option[0].split("=")[0].strip("-"), done.stderr)


if __name__ == "__main__":
    unittest.main()
