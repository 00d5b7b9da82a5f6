"""The gate over a fleet without a cluster: simulated rounds, where the truth is known, as parts that tasks left."""

import dataclasses
import json
import os
import random
import shutil
import unittest
from collections import Counter
from pathlib import Path
from typing import Any, Callable, Optional
from unittest import mock

import jsonschema
from driving import ROOT, run_python, slow

from fleet import gates, rounds, slurm, task
from fleet.asked import Refusal
from fleet.test_fleet import MACHINE, InFolder
from gate import campaign, findings, judge, nodes
from gate.campaign import Order
from gate.samples import ARMS, Sample
from gate.test_rows import KNOWN
from gate_proof.simulation import Machine, entry

FLEET = ROOT / "scripts" / "fleet" / "__main__.py"
GATE = ROOT / "scripts" / "gate"
ROWS = ["small/threads:1", "tiny/threads:1"]
TIME = "ns_per_op"
PERIOD = 6
FIRST = 12
NODES = ("n1", "n2", "n3")

Change = Callable[[Sample], Sample]


def times(factor: float, arm: str, *, metric: str = TIME, row: str = ROWS[0]) -> Change:
    """A sample of this arm takes so much more."""

    def changed(s: Sample) -> Sample:
        if (s.arm, s.row) != (arm, row):
            return s
        return dataclasses.replace(s, values={**s.values, metric: s.values[metric] * factor})

    return changed


def other_requests(s: Sample) -> Sample:
    """As the driver says it of head."""
    if s.arm != "head":
        return s
    return dataclasses.replace(s, values={}, failure="digest: 1, not 2")


class Simulated:
    """A local campaign, whose second stage has one look and all rows."""

    def __init__(self, machine: Machine, seed: int = 1, first: int = FIRST) -> None:
        self.settings = dataclasses.replace(
            judge.QUICK, first=first, looks=(first * (PERIOD - 1),)
        ).checked(len(ROWS))
        self.done = campaign.Campaign(ROWS, self.settings, seed)
        self.seed = seed
        blocks = (first, first * (PERIOD - 1))
        for stage, (name, count) in enumerate(zip(gates.STAGES, blocks)):
            self.done.add(machine(Order(name, ROWS, count, campaign.seed_of(seed, stage), 0)))

    def local(self) -> list[findings.Finding]:
        """Of the local gate."""
        return self.judged(self.done.first, self.done.second)

    def judged(self, first: list[Sample], second: list[Sample]) -> list[findings.Finding]:
        found, _ = judge.findings(first, second, ROWS, {}, self.settings, lambda row: "again")
        return found

    def rounds(self) -> dict[int, list[Sample]]:
        """By their numbers in a fleet: those of the stages in turn."""
        numbers = [
            [n for n in range(self.settings.first * PERIOD) if rounds.stage(n, PERIOD) == stage]
            for stage in (0, 1)
        ]
        made: dict[int, list[Sample]] = {}
        for stage, part in enumerate(self.done.parts):
            for s in part.samples:
                made.setdefault(numbers[stage][s.block[1]], []).append(s)
        return made


def node_of(number: int, count: int = len(NODES)) -> str:
    """A task measures a period."""
    return f"n{number // PERIOD % count + 1}"


class OfGate(InFolder):
    def setUp(self) -> None:
        super().setUp()
        self.started = "2026-01-01T00:00:00Z"
        driver = self.folder / "bundle" / "spanbench"
        driver.parent.mkdir()
        driver.write_text("")
        driver.chmod(0o755)
        (self.folder / "accepted.json").write_text("[]")

    def fleet(self, of: Simulated, *options: str) -> None:
        arm = {"what": "it", "again": "./it.so", "sha256": "0" * 64}
        first = of.settings.first
        task.save(
            self.folder / "fleet.json",
            {
                "name": "x",
                "work": "gate",
                "rows": [row.replace("/", f"/{arm_}/", 1) for row in ROWS for arm_ in ARMS],
                "each": 2,
                "repetitions": first * PERIOD,
                "period": PERIOD,
                "gate": {
                    "options": [
                        "--quick",
                        f"--seed={of.seed}",
                        f"--accepted={self.folder}/accepted.json",
                        *options,
                    ],
                    "base": arm,
                    "head": {**arm, "sha256": "1" * 64},
                    "rows": ROWS,
                    "settings": dataclasses.asdict(of.settings),
                    "said": [],
                },
            },
        )

    def write(self, name: str, of: dict[int, list[Sample]], node: str, **machine: Any) -> Path:
        own = {
            "started": self.started,
            "version": "1",
            "brief": True,
            "order": "mirrored",
            "complete": True,
            "environment": {},
            "machine": {**MACHINE, **machine},
        }
        entries = [entry(s, n) for n, samples in sorted(of.items()) for s in samples]
        made = {"context": {"host_name": "x", "spanbench": own}, "benchmarks": entries}
        folder = self.folder / "parts" / name
        file = folder / "20260101T000000Z-x" / "bench.json"
        file.parent.mkdir(parents=True)
        file.write_text(json.dumps(made))
        task.save(folder / "node.json", {"node": node, "seconds": file.stat().st_mtime})
        task.save(folder / "done.json", {"rounds": sorted(of), "code": 0})
        return file

    def tasks(
        self, of: Simulated, change: Optional[dict[str, Change]] = None, count: int = len(NODES)
    ) -> None:
        """As they end: a part for each stage of a period. `change`: what is otherwise on a node."""
        self.fleet(of)
        all_rounds = of.rounds()
        for begin in range(0, len(all_rounds), PERIOD):
            node = node_of(begin, count)
            changed = (change or {}).get(node, lambda s: s)
            for attempt, numbers in enumerate(
                (range(begin, begin + 1), range(begin + 1, begin + PERIOD))
            ):
                own = {n: [changed(s) for s in all_rounds[n]] for n in numbers}
                self.write(f"0.{begin // PERIOD}/{attempt:03}", own, node)

    def two_classes(self, change: Change) -> None:
        """Of machines with a CPU of their own, in turn; `change`: what is otherwise on the second."""
        of = Simulated(Machine(0.01), first=24)
        self.fleet(of)
        all_rounds = of.rounds()
        for task in range(24):
            other = task % 2
            changed = change if other else lambda s: s
            numbers = range(task * PERIOD, (task + 1) * PERIOD)
            own = {n: [changed(s) for s in all_rounds[n]] for n in numbers}
            self.write(f"0.{task}/000", own, f"n{other}", cpu=f"CPU {other}")

    def gate(self, code: Optional[int], *says: str) -> Any:
        """Collects, and returns gate.json of the first class. `code`: None is that of the file."""
        done = run_python(FLEET, "collect", "--bare", "--now", self.folder)
        for text in says:
            self.assertIn(text, done.stdout)
        self.assertNotIn("Traceback", done.stderr)
        file = self.folder / "class1" / "gate.json"
        made = json.loads(file.read_text()) if file.exists() else None
        if code is None:
            code = made["exit_code"]
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        if made:
            schema = json.loads((ROOT / "results" / "gate.schema.json").read_text())
            jsonschema.Draft202012Validator(schema).validate(made)
        return made

    def verdicts(self, made: Any, metric: str = TIME) -> dict[str, str]:
        return {f["row"]: f["verdict"] for f in made["findings"] if f["metric"] == metric}


class Stored(OfGate):
    def test_a_stored_run_can_be_judged_again(self) -> None:
        of = Simulated(Machine(0.02, effects={("head", ROWS[0], TIME): 1.1}))
        self.tasks(of, {"n2": times(1.3, "twin")})
        made = self.gate(1, "FAIL")
        words = ("--judge", self.folder / "class1", "--accepted", self.folder / "accepted.json")
        again = run_python(GATE, *words, "--driver", self.folder / "bundle" / "spanbench")
        self.assertEqual(again.returncode, 1, again.stderr)
        for fact in made["fleet"]["facts"]:
            self.assertIn(fact, again.stdout)
        (failed,) = [f for f in made["findings"] if f["verdict"] == "fail"]
        self.assertIn(f"FAIL {failed['row']} ns/op", again.stdout)

    def test_a_collected_run_can_be_collected_again(self) -> None:
        of = Simulated(Machine(0.02))
        self.tasks(of, {"n2": times(1.3, "twin")})
        first, again = self.gate(0), self.gate(0)
        self.assertEqual({**first, "seconds": 0}, {**again, "seconds": 0})
        names = sorted(p.name for p in (self.folder / "class1").iterdir())
        stored = ["gate.json", "gate.md", "gate.xml", "rounds"]
        self.assertEqual(names, stored)


class Truth(OfGate):
    def test_identical_libraries_never_fail(self) -> None:
        self.pass_identical(range(2))

    @slow
    def test_identical_libraries_never_fail_with_more_seeds(self) -> None:
        self.pass_identical(range(2, 10))

    def pass_identical(self, seeds: range) -> None:
        for seed in seeds:
            shutil.rmtree(self.folder / "parts", ignore_errors=True)
            self.tasks(Simulated(Machine((0.01, 0.1)[seed % 2]), seed))
            made = self.gate(0)
            found = {f["verdict"] for f in made["findings"]}
            self.assertLessEqual(found, {"pass", "inconclusive"})
            self.assertEqual([n["void"] for n in made["fleet"]["nodes"].values()], [None] * 3)

    def test_ten_per_cent_are_found(self) -> None:
        self.find_ten_per_cent(range(2))

    @slow
    def test_ten_per_cent_are_found_with_more_seeds(self) -> None:
        self.find_ten_per_cent(range(2, 10))

    def find_ten_per_cent(self, seeds: range) -> None:
        for seed in seeds:
            shutil.rmtree(self.folder / "parts", ignore_errors=True)
            self.tasks(Simulated(Machine(0.04, effects={("head", ROWS[0], TIME): 1.1}), seed))
            made = self.gate(1, "gate: FAIL: worse in small/threads:1 ns/op")
            self.assertEqual(self.verdicts(made)[ROWS[0]], "fail")
            self.assertNotEqual(self.verdicts(made)[ROWS[1]], "fail")

    def test_luck_of_the_first_stage_alone_is_no_regression(self) -> None:
        of = Simulated(Machine(0.01))
        slow = times(1.1, "head")
        of.done.parts[0].samples = [slow(s) for s in of.done.parts[0].samples]
        self.tasks(of)
        self.assertNotIn("fail", self.verdicts(self.gate(0)).values())

    def test_the_power_gained_is_said(self) -> None:
        self.tasks(Simulated(Machine(0.04)))
        (said,) = [x for x in self.gate(0)["fleet"]["facts"] if x.startswith("power gained")]
        for row in ROWS:
            numbers = said.partition(f"{row} +")[2].split(")")[0]
            together, alone = (float(x.strip(" +%")) for x in numbers.split("("))
            self.assertLess(together, alone)


class Sick(OfGate):
    def test_a_node_whose_copy_differs_is_named_and_void(self) -> None:
        """Base is fast there by luck: it would void the row, and the head, which is as its copy, would look slow."""
        for metric in (TIME, "rss_peak_bytes"):
            shutil.rmtree(self.folder / "parts", ignore_errors=True)
            of = Simulated(Machine(0.01))
            self.tasks(of, {"n2": times(0.8, "base", metric=metric)})
            name = {TIME: "ns/op", "rss_peak_bytes": "RSS peak"}[metric]
            made = self.gate(0, "VOID NODE n2: the copy of base differs by +2", name)
            self.assertIn(ROWS[0], made["fleet"]["nodes"]["n2"]["void"])
            self.assertEqual(made["fleet"]["nodes"]["n2"]["rounds"], FIRST * PERIOD // 3)
            self.assertIsNone(made["fleet"]["nodes"]["n1"]["void"])
            self.assertEqual(set(self.verdicts(made, metric).values()), {"pass"})
            left = json.loads(
                (self.folder / "class1" / "rounds" / "stage-1" / "bench.json").read_text()
            )
            self.assertEqual({e["node"] for e in left["benchmarks"]}, {"n1", "n3"})
            void = json.loads(
                (self.folder / "class1" / "rounds" / "void" / "bench.json").read_text()
            )
            self.assertEqual({e["node"] for e in void["benchmarks"]}, {"n2"})

    def test_a_sick_node_hides_no_regression(self) -> None:
        of = Simulated(Machine(0.01, effects={("head", ROWS[0], TIME): 1.1}))
        self.tasks(of, {"n3": times(1.4, "twin")})
        self.assertEqual(self.verdicts(self.gate(1, "VOID NODE n3"))[ROWS[0]], "fail")

    def test_where_base_fails(self) -> None:
        def fails(s: Sample) -> Sample:
            return dataclasses.replace(s, values={}, failure="killed") if s.arm == "base" else s

        self.tasks(Simulated(Machine(0.01)), {"n1": fails})
        made = self.gate(0, "VOID NODE n1: ", "threads:1: base failed")
        self.assertEqual(set(self.verdicts(made).values()), {"pass"})

    def test_a_head_that_fails_on_one_node_is_a_regression(self) -> None:
        def fails(s: Sample) -> Sample:
            return dataclasses.replace(s, values={}, failure="a byte") if s.arm == "head" else s

        self.tasks(Simulated(Machine(0.01)), {"n1": fails})
        made = self.gate(1)
        self.assertEqual(set(self.verdicts(made, "samples").values()), {"fail"})

    def test_a_head_that_fails_on_a_void_node_is_not_forgotten(self) -> None:
        """The copy differs in one row, and head dies in the other: without its rounds, all would pass."""
        differs = times(1.4, "twin")

        def change(s: Sample) -> Sample:
            if s.arm == "head" and s.row == ROWS[1]:
                return dataclasses.replace(s, values={}, failure="a byte")
            return differs(s)

        self.tasks(Simulated(Machine(0.01)), {"n1": change})
        self.assertIsNone(self.gate(2, "head failed, on void nodes alone: a byte"))

    def test_what_is_refused_keeps_no_verdict_of_an_earlier_collecting(self) -> None:
        of = Simulated(Machine(0.01))
        for said, count in (("REFUSED", FIRST), ("too few", 4)):
            shutil.rmtree(self.folder / "parts", ignore_errors=True)
            self.tasks(of)
            self.gate(0)
            shutil.rmtree(self.folder / "parts")
            self.tasks(of, {"n1": other_requests} if count == FIRST else None)
            for number in range(count, FIRST):
                shutil.rmtree(self.folder / "parts" / f"0.{number}")
            self.assertIsNone(self.gate(2, said))
            self.assertEqual(list((self.folder / "class1").glob("gate.*")), [])

    def test_a_head_that_made_other_requests_voids_no_node(self) -> None:
        self.tasks(Simulated(Machine(0.01)), {"n1": other_requests})
        self.assertIsNone(self.gate(2, "digest: 1, not 2; no comparison was made"))

    def test_a_class_that_is_refused_passes_nothing(self) -> None:
        """The other class passes."""
        self.two_classes(other_requests)
        made = self.gate(2, "class2: REFUSED, nothing was judged: ", "digest: 1, not 2")
        self.assertEqual(set(self.verdicts(made).values()), {"pass"})

    def test_if_all_are_sick_nothing_is_judged(self) -> None:
        """Even if they differ in opposite directions, so that the sum of all differs by nothing."""
        of = Simulated(Machine(0.01))
        self.tasks(of, {"n1": times(1.2, "twin"), "n2": times(0.8, "twin")}, count=2)
        made = self.gate(2, "REFUSED, nothing was judged: no node can be trusted to compare: n1: ")
        self.assertIsNone(made)

    def test_of_one_node_the_judge_voids_the_row_alone(self) -> None:
        self.tasks(Simulated(Machine(0.01)), {"n1": times(1.2, "twin")}, count=1)
        made = self.gate(0)
        self.assertEqual(self.verdicts(made), {ROWS[0]: "void", ROWS[1]: "pass"})
        (blind,) = [x for x in made["facts"] if x.startswith("not seen: ")]
        self.assertIn("time without more instructions", blind)
        self.assertIn(f"; not judged: {ROWS[0]}; a gate ", blind)

    @slow
    def test_healthy_nodes_are_seldom_named(self) -> None:
        named = 0
        for seed in range(40):
            of = Simulated(Machine(0.2), seed)
            samples = [
                dataclasses.replace(s, node=node_of(n))
                for n, own in of.rounds().items()
                for s in own
            ]
            named += bool(nodes.differing(samples, ROWS, of.settings))
        self.assertLessEqual(named, 1)


class Hostile(OfGate):
    def of_task(self, number: int, attempt: int) -> Path:
        (file,) = self.folder.glob(f"parts/0.{number}/{attempt:03}/*/bench.json")
        return file

    def test_a_torn_part_costs_its_rounds_and_is_named(self) -> None:
        self.tasks(Simulated(Machine(0.01)))
        file = self.of_task(4, 1)
        file.write_text(file.read_text()[:-99])
        made = self.gate(1, "of n2 is not used", "67 of 72 rounds", "missing: rounds 25 to 29")
        self.assertEqual(made["fleet"]["nodes"]["n2"]["rounds"], 24 - 5)
        self.assertEqual(set(self.verdicts(made).values()), {"pass"})

    def test_a_missing_node(self) -> None:
        self.tasks(Simulated(Machine(0.01)))
        for number in range(2, FIRST, 3):
            shutil.rmtree(self.folder / "parts" / f"0.{number}")
        made = self.gate(1, "48 of 72 rounds")
        self.assertEqual(sorted(made["fleet"]["nodes"]), ["n1", "n2"])
        self.assertEqual((made["settings"]["first"], made["settings"]["looks"]), (8, [40]))

    def test_a_doubled_round_counts_once(self) -> None:
        """The first attempt's, whatever the second says."""
        of = Simulated(Machine(0.01))
        self.tasks(of)
        expected = self.gate(0)
        slow = times(3.0, "head")
        again = {n: [slow(s) for s in own] for n, own in of.rounds().items() if n % 2}
        self.write("1.0/000", again, "n1")
        self.assertEqual({**self.gate(0), "seconds": 0}, {**expected, "seconds": 0})

    def test_samples_that_are_none_void_their_node(self) -> None:
        spoilt: list[dict[str, Any]] = [{TIME: "x"}, {TIME: -1}, {TIME: 0}, {"allocator": "foo"}]
        for spoil in spoilt:
            for arm in ARMS:
                self.tasks(Simulated(Machine(0.01)))
                file = self.of_task(1, 1)
                made = json.loads(file.read_text())
                next(e for e in made["benchmarks"] if e["allocator"] == arm).update(spoil)
                file.write_text(json.dumps(made))
                if arm == "head" and "allocator" not in spoil:
                    said = "REFUSED, nothing was judged: n2: head's samples cannot be read: "
                    self.assertIsNone(self.gate(2, said))
                else:
                    self.gate(0, "VOID NODE n2: its samples cannot be read: ")
                shutil.rmtree(self.folder / "parts")

    def test_other_requests_are_refused(self) -> None:
        self.tasks(Simulated(Machine(0.01)))
        file = self.of_task(1, 1)
        file.write_text(file.read_text().replace('"digest": "', '"digest": "x'))
        self.assertIsNone(self.gate(2, "different requests"))

    def test_too_few_rounds_decide_nothing(self) -> None:
        self.tasks(Simulated(Machine(0.01)))
        for number in range(4, FIRST):
            shutil.rmtree(self.folder / "parts" / f"0.{number}")
        self.assertIsNone(
            self.gate(2, "4 rounds of the first stage and 20 of the second are too few")
        )

    def test_other_machines_are_judged_by_themselves(self) -> None:
        self.two_classes(times(1.2, "head"))
        own = "gate: 2 classes were judged, each with a false discovery rate of its own"
        made = self.gate(1, "CPU: class1 CPU 0, class2 CPU 1", own)
        self.assertEqual(set(self.verdicts(made).values()), {"pass"})
        second = json.loads((self.folder / "class2" / "gate.json").read_text())
        self.assertEqual(self.verdicts(second)[ROWS[0]], "fail")

    def test_a_class_that_cannot_be_judged_is_undecided(self) -> None:
        of = Simulated(Machine(0.01))
        self.tasks(of)
        file = self.of_task(0, 0)
        file.write_text(file.read_text().replace('"cpu": "one"', '"cpu": "two"'))
        self.gate(0, "class1: REFUSED, nothing was judged: ", "are too few")
        self.fleet(of, "--strict")
        self.gate(findings.UNDECIDED)


class Words(unittest.TestCase):
    def test_stages_of_a_fleet(self) -> None:
        for settings, period, total in ((judge.QUICK, 6, 72), (judge.Settings(), 16, 256)):
            self.assertEqual(gates.period_of(settings), period)
            self.assertEqual(settings.first * period, total)
            stages = Counter(rounds.stage(n, period) for n in range(total))
            self.assertEqual(stages[0], settings.first)
        self.assertEqual(
            rounds.ranges(range(0, 14), 99, 6),
            [(0, 0), (1, 5), (6, 6), (7, 11), (12, 12), (13, 13)],
        )

    def test_options_that_are_not_for_a_fleet(self) -> None:
        # words: allow jargon: an option.
        for words in (["--judge=x"], ["--budget=3"], ["--out=x"], ["--driver=x"], ["--tier=exact"]):
            with self.assertRaises(Refusal):
                gates.options_of(words, Path("x"))
        self.assertEqual(gates.options_of(["--quick"], Path("x")).tier, "timed")

    def test_rows_are_chosen_for_the_nodes(self) -> None:
        # Not for the machine that submits.
        both = mock.Mock(base=mock.Mock(adapter=False))
        for cpus in (1, 2, 8, 64):
            with mock.patch("os.access", return_value=True):
                gate = gates.gate_of([], Path("x"), cpus)
            chosen = gate.asked(both, KNOWN).timed
            self.assertIn(f"lock_convoy/threads:{max(4, 2 * cpus)}", chosen)
            self.assertEqual("small/threads:2" in chosen, cpus > 1)

    def cpus(
        self,
        shown: str,
        *words: str,
        given: int = 0,
        sbatch: tuple[str, ...] = (),
        **environment: str,
    ) -> Any:
        """As submit finds them, and the words for sinfo."""
        own = {k: v for k, v in os.environ.items() if k != "SBATCH_PARTITION"}
        with mock.patch.object(slurm, "command", return_value=shown) as asked, mock.patch.dict(
            os.environ, {**own, **environment}, clear=True
        ):
            found = gates.cpus_of(words, Path("x"), given or None, sbatch)
        return found, [call.args[4:] for call in asked.call_args_list]

    def test_cpus_of_the_nodes(self) -> None:
        shown = "debug*|n1|2\ndebug*|n2|8\ndebug*|n3|8\nbig|n3|8\nbig|n4|64\nbig|n5|64\nbig|n6|64\n"
        self.assertEqual(self.cpus(shown), (8, [()]), "of the default partition")
        for words in (
            ["--partition=big"],
            ["-p", "big"],
            ["-pbig", "--time=3", "--partition", "big"],
        ):
            found = self.cpus(shown, sbatch=tuple(words))
            self.assertEqual(found, (64, [("--partition=big",)]), words)
        found = self.cpus(shown, SBATCH_PARTITION="big")
        self.assertEqual(found, (64, [("--partition=big",)]))
        found = self.cpus("debug*|n1|2\n", sbatch=("--nodelist=n1",))
        self.assertEqual(found, (2, [("--nodes=n1",)]))
        self.assertEqual(self.cpus("a|n1|8\na|n2|2\nb|n1|8\n"), (2, [()]), "of two, the smaller")
        for more in ("--quick", "--workloads=tiny"):
            said = ("--threads=1", more)
            self.assertEqual(self.cpus(shown, *said), (None, []), "whatever the nodes have")
            self.assertEqual(self.cpus(shown, *said, given=4), (4, []))
        for option in ("--threads=1", "--workloads=tiny", "--quick"):
            self.assertEqual(self.cpus(shown, option), (8, [()]), option)
        for spoilt, sbatch in (("", ()), ("debug*|n1|x\n", ()), (shown, ("-p",))):
            with self.assertRaises(slurm.Trouble):
                self.cpus(spoilt, sbatch=sbatch)

    def test_fewest_rounds_that_tell_of_a_sick_node(self) -> None:
        """With one fewer, not even the most different copy is told."""
        draw = random.Random(1)
        for count, told in (
            (nodes.fewest_rounds(2, 10), True),
            (nodes.fewest_rounds(2, 10) - 1, False),
        ):
            machine = Machine(0.001, effects={})
            part = machine(Order("x", ROWS, 2 * count, 1, 0))
            spread = [dataclasses.replace(s, node=f"n{s.block[1] % 2}") for s in part.samples]
            slow = times(1.5, "twin")
            samples = [slow(s) if s.node == "n1" else s for s in spread]
            draw.shuffle(samples)
            found = nodes.differing(samples, ROWS, judge.QUICK)
            self.assertEqual(list(found), ["n1"] if told else [])


if __name__ == "__main__":
    unittest.main()
