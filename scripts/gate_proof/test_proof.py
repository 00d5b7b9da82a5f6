"""The proof of the gate: that it counts right, goes on where it was, and does not show what is not so."""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import shutil
import unittest
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

from scipy.stats import kstest

from driving import DriverTest, slow

from gate import campaign, stats
from gate_proof import evidence, planted, proof, replay, simulation
from gate.findings import Finding, Interrupted, Refusal
from gate.judge import Settings
from gate.rows import KINDS
from gate_proof.ledger import Ledger, Record
from gate_proof.proof import Proof

MACHINE = {"cpus": "2"}
KEY = {"library": "a", "gate": "b"}
SETTINGS = Settings(target=0.10, looks=(13, 20))


class Kept(DriverTest):
    def setUp(self) -> None:
        super().setUp()
        self.file = self.directory / "results" / "proof.json"

    def test_goes_on_where_it_was(self) -> None:
        first = Ledger(self.file, KEY, MACHINE)
        self.assertEqual(first.of("null"), [])
        first.add("null", {"seed": 1})
        first.add("null", {"seed": 2})
        other = Ledger(self.file, KEY, {"cpus": "4"})
        other.add("exact", {"seed": 3})
        self.assertEqual(other.of("exact"), [{"seed": 3, "machine": {"cpus": "4"}}])
        kept = Ledger(self.file, KEY)
        self.assertEqual([r["seed"] for r in kept.of("null")], [1, 2])
        self.assertEqual(kept.machines(), [MACHINE, {"cpus": "4"}])
        self.assertEqual([p.name for p in self.file.parent.iterdir()], ["proof.json"])

    def test_numbers_of_another_library_do_not_add_up(self) -> None:
        Ledger(self.file, KEY).add("null", {})
        with self.assertRaisesRegex(Refusal, "another library"):
            Ledger(self.file, {**KEY, "library": "c"})

    def test_what_another_gate_harness_or_compiler_measured_has_another_key(self) -> None:
        for package in ("gate", "gate_proof"):
            shutil.copytree(
                proof.ROOT / "scripts" / package,
                self.directory / "scripts" / package,
                ignore=shutil.ignore_patterns("__pycache__"),
            )
        library = self.directory / "lib.so"
        library.write_text("")
        before = proof.key(library, self.directory)
        for file, name in (
            ("lib.so", "library"),
            *(
                (f"scripts/gate/{module}.py", "gate")
                for module in (
                    "__main__",
                    "cli",
                    "document",
                    "rows",
                    "run",
                    "judge",
                    "deterministic",
                )
            ),
            *(
                (f"harness/{part}.c", "harness")
                for part in ("core/plan", "bench/rows", "bench/sample", "cell/new")
            ),
            ("workloads/timed/new.c", "harness"),
            ("allocators/planted/planted.c", "harness"),
        ):
            path = self.directory / file
            path.parent.mkdir(parents=True, exist_ok=True)
            with open(path, "a", encoding="utf-8") as to:
                to.write("# changed")
            after = proof.key(library, self.directory)
            self.assertEqual([n for n in after if after[n] != before[n]], [name], file)
            before = after
        with mock.patch.dict(os.environ, CFLAGS="-O0"):
            after = proof.key(library, self.directory)
        self.assertEqual([n for n in after if after[n] != before[n]], ["compiler"])

    def test_summary_is_of_any_library(self) -> None:
        Ledger(self.file, KEY).add("null", {"seed": 1})
        shown = Ledger(self.file, None)
        self.assertEqual((shown.key, [r["seed"] for r in shown.of("null")]), (KEY, [1]))
        with self.assertRaises(AssertionError):
            shown.add("null", {})

    def test_what_cannot_be_read_is_refused(self) -> None:
        self.file.parent.mkdir()
        for text in ("", "[]", "{}", '{"schema": 2, "key": {}}'):
            self.file.write_text(text)
            with self.assertRaisesRegex(Refusal, "not a ledger"):
                Ledger(self.file, KEY)
        self.file.write_text('{"schema": 1, "key": {}, "records": {}}')
        with self.assertRaisesRegex(Refusal, "another version"):
            Ledger(self.file, KEY)


def counted(added: float) -> Record:
    return {"base": 1000.0, "added": added, "spun": 100.0}


def null_run(verdict: str = "pass", *p: float) -> Record:
    return {"verdict": verdict, "p_values": {f"row {i}": each for i, each in enumerate(p)}}


def power_run(effect: float, verdict: str = "fail", smallest: float = 0.04, **more: Any) -> Record:
    one: Record = {"verdict": verdict, "smallest": smallest, "change": effect}
    rows = [{"row": f"r{i}", "instructions": counted(100), **one} for i in range(4)]
    others = {"time": 2, "memory": 12}
    return {"effect": effect, "planted": rows, "unplanted": others, "collateral": [], **more}


def trial(what: str, found: bool = True) -> Record:
    return {"what": what, "found": found, "collateral": []}


def recording(failed: int, windows: int = 5000) -> Record:
    verdicts = {"fail": failed, "inconclusive": 3, "pass": windows - failed - 3}
    return {
        "windows": windows,
        "failed": failed,
        "verdicts": verdicts,
        "others_cpu_share": 0.6 if failed else None,
    }


class Shown(unittest.TestCase):
    def setUp(self) -> None:
        draw = random.Random(1)
        likely = evidence.possible(evidence.NULL_BLOCKS)
        weights = [p - before for before, p in zip([0.0, *likely], likely)]
        self.kinds = {
            "null": [null_run("pass", *draw.choices(likely, weights, k=6)) for _ in range(30)],
            "power": [power_run(e) for e in (0.05, 0.10) for _ in range(15)],
            "exact": [trial(w) for w in ("instructions", "rss", "madvise") for _ in range(20)],
            "replay": [recording(0), recording(50)],
            "kinds": [{"kind": kind.what, "found": True} for kind in KINDS],
        }

    def shown(self) -> bool:
        return evidence.summary(self.kinds)[0]

    def test_all(self) -> None:
        shown, lines = evidence.summary(self.kinds)
        self.assertTrue(shown, "\n".join(lines))
        self.assertIn("0 of 30 = 0.00%, 95% interval 0.00% .. 11.57%", lines[0])
        found = [x for x in lines if "+5% of an operation, where that can be seen" in x]
        self.assertIn("60 of 60 = 100.00%, 95% interval 94.04% .. 100.00%", found[0])

    def test_windows_overlap_and_are_no_trials(self) -> None:
        *_, one, two, windows, recordings = evidence.summary(self.kinds)[1]
        self.assertIn("50 of 10000 = 0.50%, windows overlap", windows)
        self.assertNotIn("95%", one + two + windows)
        self.assertTrue(one.endswith("0 of 5000 = 0.00%, 3 inconclusive, 4997 pass"), one)
        self.assertTrue(two.endswith("4947 pass; other programs took 60% of the CPUs"), two)
        self.assertIn("recordings with such a window: 1 of 2 = 50.00%, 95% interval", recordings)
        self.kinds["replay"] = [recording(0, 10_000)]
        self.assertFalse(self.shown(), "one recording is too few")
        self.kinds["replay"] = [recording(0, 9000), recording(0, 999)]
        self.assertFalse(self.shown(), "too few windows")

    def test_each_recording_is_judged_alone(self) -> None:
        self.kinds["replay"] = [recording(0), recording(51)]
        self.assertFalse(self.shown())

    def test_nothing_shows_nothing(self) -> None:
        self.assertFalse(evidence.summary({})[0])

    def test_each_kind_is_needed(self) -> None:
        for kind in list(self.kinds):
            all_of_it = self.kinds.pop(kind)
            self.assertFalse(self.shown(), kind)
            self.kinds[kind] = all_of_it

    def test_too_few(self) -> None:
        for kind, fewer in (("null", 29), ("power", 29), ("exact", 59), ("kinds", -1)):
            all_of_it = self.kinds[kind]
            self.kinds[kind] = all_of_it[:fewer]
            self.assertFalse(self.shown(), kind)
            self.kinds[kind] = all_of_it

    def test_one_that_is_wrong(self) -> None:
        wrong: dict[str, Record] = {
            "null": null_run("fail"),
            "power": power_run(0.10, "pass"),
            "exact": trial("rss", False),
            "replay": recording(2, 100),
            "kinds": {"kind": KINDS[0].what, "found": False},
        }
        for kind, record in wrong.items():
            self.kinds[kind].append(record)
            self.assertFalse(self.shown(), kind)
            self.kinds[kind].pop()
        self.kinds["power"].append(power_run(0.05, collateral=["small/threads:1 ns_per_op"]))
        self.assertFalse(self.shown())

    def test_rows_too_noisy_to_see_the_effect_are_no_misses(self) -> None:
        self.kinds["power"].append(power_run(0.05, "inconclusive", 0.06))
        shown, lines = evidence.summary(self.kinds)
        self.assertTrue(shown)
        self.assertTrue(any("less than that cannot: found: 0 of 4" in x for x in lines))

    def test_plants_of_another_size(self) -> None:
        """In one row, whatever they are in others."""
        for part, good in ((0.8, True), (1.2, False)):
            self.kinds["power"] = [power_run(e) for e in (0.05, 0.10) for _ in range(15)]
            for run in self.kinds["power"][:15]:
                run["planted"][0]["change"] *= part
                run["planted"][1]["change"] *= 0.5
            shown, lines = evidence.summary(self.kinds)
            self.assertEqual(shown, good)
            (said,) = [x for x in lines if "plants of +5% in r0" in x]
            self.assertIn(f"15, measured {part * 0.05:+.2%} in median", said)
            self.assertEqual(said.startswith("NOT SHOWN"), not good)

    def test_plants_as_large_as_they_are_called_are_told_apart(self) -> None:
        for row in self.kinds["power"][0]["planted"][:2]:
            row["change"] = 0.056
        lines = evidence.summary(self.kinds)[1]
        (said,) = [x for x in lines if "of these, as measured at most +5.5%" in x]
        self.assertIn("found: 58 of 58", said)

    def test_what_was_found_in_each_row(self) -> None:
        self.kinds["power"][0]["planted"][2]["smallest"] = 0.06
        (said,) = [x for x in evidence.summary(self.kinds)[1] if "plants of +5% in r2" in x]
        self.assertTrue(said.endswith("seen and found: 14 of 14"), said)

    def test_plants_of_other_instructions(self) -> None:
        for run in self.kinds["power"]:
            for row in run["planted"][:2]:
                row["instructions"] = None  # of two threads
        self.assertTrue(self.shown())
        self.kinds["power"][-1]["planted"][3]["instructions"] = counted(102)
        shown, lines = evidence.summary(self.kinds)
        self.assertFalse(shown)
        (said,) = [x for x in lines if x.startswith("NOT SHOWN")]
        self.assertIn("instructions of plants of +10%: 30 counted, 100.00% .. 102.00%", said)
        self.assertIn("+10.0% .. +10.2% of the operation's", said)

    def test_times_of_few_unplanted_rows_show_nothing(self) -> None:
        for run in self.kinds["power"][:15]:
            run["unplanted"] = {"time": 1, "memory": 12}
        self.assertFalse(self.shown())

    def test_p_values_of_few_blocks_are_a_few_numbers(self) -> None:
        of = evidence.possible(6)
        self.assertEqual(of[:4], [2 / 64, 4 / 64, 6 / 64, 10 / 64])
        self.assertEqual(of[-1], 1.0)

    def test_exact_tests_of_equals_are_uniform(self) -> None:
        """Thousands: held to continuous values, their steps alone would be seen."""
        draw = random.Random(1)
        of_equals = [
            stats.p_differs([draw.gauss(0, 1) for _ in range(evidence.NULL_BLOCKS)])
            for _ in range(3000)
        ]
        runs = [null_run("pass", *of_equals[i::30]) for i in range(30)]
        self.assertTrue(evidence.uniformity(runs)[0])
        self.assertFalse(evidence.uniformity(runs[1:])[0], "runs too few")
        self.assertLess(kstest(of_equals, "uniform").pvalue, evidence.UNIFORM)

    def test_p_values_that_are_not_uniform(self) -> None:
        low, high = (evidence.possible(evidence.NULL_BLOCKS)[i] for i in (5, -3))
        self.kinds["null"] = [null_run("pass", low, low, high) for _ in range(30)]
        shown, lines = evidence.summary(self.kinds)
        self.assertFalse(shown)
        self.assertTrue(lines[3].startswith("NOT SHOWN   null p-values: 90"), lines[3])


class Replays(unittest.TestCase):
    rows = simulation.ROWS[:2]

    def recording(self, machine: simulation.Machine, blocks: int = 60) -> Any:
        order = campaign.Order("recording", self.rows, blocks, 1, 0.0)
        return machine(order)

    def test_window_is_what_was_measured_then(self) -> None:
        part = self.recording(simulation.Machine(), 30)
        window = replay.Window(part, replay.blocks_of(part), random.Random(3))
        begin = window.begin
        served = window(campaign.Order("one", self.rows[:1], 20, 1, 0.0))
        more = window(campaign.Order("two", self.rows, 5, 1, 0.0))
        self.assertEqual({s.row for s in served.samples}, set(self.rows[:1]))
        self.assertEqual(len(served.samples), 20 * 3 * 2)
        self.assertEqual([s.block for s in more.samples][::12], [("two", i) for i in range(5)])
        first = [
            s
            for row in self.rows
            for s in part.samples
            if s.row == row and s.block[1] == (begin[row] + 20) % 30
        ]
        self.assertEqual([s.values for s in more.samples[:12]], [s.values for s in first])
        with self.assertRaisesRegex(Refusal, "too short"):
            window(campaign.Order("three", self.rows, 6, 1, 0.0))

    def test_rows_begin_independently(self) -> None:
        part = self.recording(simulation.Machine(), 30)
        blocks, draw = replay.blocks_of(part), random.Random(1)
        windows = [replay.Window(part, blocks, draw) for _ in range(200)]
        begins = {tuple(w.begin[row] for row in self.rows) for w in windows}
        self.assertGreater(len(begins), 30, "more than there are blocks")
        self.assertEqual({len(set(w.names.values())) for w in windows}, {3})

    def test_null_recording(self) -> None:
        part = self.recording(simulation.Machine(noise=0.01))
        counted = replay.replay(part, self.rows, SETTINGS, 20, 1)
        self.assertEqual((counted["fail"], counted.total()), (0, 20))

    def test_copies_that_differ_are_seen(self) -> None:
        """As fail or void, by the part that the one that differs is given."""
        effect = {("head", self.rows[0], "ns_per_op"): 1.2}
        part = self.recording(simulation.Machine(noise=0.01, effects=effect))
        counted = replay.replay(part, self.rows, SETTINGS, 20, 1)
        self.assertGreater(counted["fail"], 0)
        self.assertGreater(counted["void"], 0)


def options(**more: Any) -> argparse.Namespace:
    made = proof.parser().parse_args([])
    return argparse.Namespace(**{**vars(made), **more})


def document(seed: int, verdicts: "dict[tuple[str, str], str]", smallest: float = 0.03) -> Any:
    """Of a run of the gate: all passes but for these."""
    keys = [(row, m) for row in proof.ROWS for m in ("ns_per_op", "rss_peak_bytes")]
    findings = [
        {
            "row": row,
            "metric": metric,
            "verdict": verdicts.get((row, metric), "pass"),
            "change": 0.1,
            "low": 0.0,
            "high": 0.2,
            "smallest": smallest,
        }
        for row, metric in keys
    ]
    comparisons = [{"row": r, "metric": m, "twin": {"p_differs_in_stage_1": 0.5}} for r, m in keys]
    return {
        "seed": seed,
        "verdict": "fail" if "fail" in verdicts.values() else "pass",
        "seconds": 1.0,
        "findings": findings,
        "comparisons": comparisons,
        "parts": [{"others_cpu_share": 0.0}],
    }


class Runs(DriverTest):
    def proof(self, **more: Any) -> Proof:
        ledger = Ledger(self.directory / "proof.json", KEY)
        return Proof(options(**more), ledger, self.directory)

    def test_interrupt_loses_nothing(self) -> None:
        seeds = []

        def gate(_: Proof, base: Path, head: Path, seed: int, *more: str) -> Any:
            self.assertEqual((base, more), (head, ("--quick",)))
            seeds.append(seed)
            if len(seeds) == 3:
                raise KeyboardInterrupt
            return document(seed, {})

        with mock.patch.object(Proof, "gate", gate):
            with self.assertRaises(KeyboardInterrupt):
                self.proof(null_runs=4).null()
            self.proof(null_runs=4).null()
        self.assertEqual(seeds, [1, 2, 3, 3, 4])
        records = self.proof().ledger.of("null")
        self.assertEqual([r["seed"] for r in records], [1, 2, 3, 4])
        self.assertEqual(len(records[0]["p_values"]), len(proof.ROWS))

    def test_null_run_that_fails_is_recorded_as_one(self) -> None:
        failing = {("small/threads:2", "rss_peak_bytes"): "fail"}
        record = proof.null_record(document(7, failing))
        self.assertEqual(
            (record["verdict"], record["failing"]), ("fail", ["small/threads:2 rss_peak_bytes"])
        )

    def power(self, verdict: str, smallest: float) -> Proof:
        """All planted rows with this verdict."""
        made = self.proof(planted=10, most_power_runs=6)

        def run(effect: float, number: int) -> None:
            rows = proof.drawn(number)
            verdicts = {(row, "ns_per_op"): verdict for row in rows}
            record = proof.power_record(document(number, verdicts, smallest), effect, rows)
            made.ledger.add("power", record)

        with mock.patch.object(made, "power_run", run):
            made.power()
        return made

    def test_power_runs_until_enough_rows_were_planted(self) -> None:
        records = self.power("fail", 0.05).ledger.of("power")
        for effect in proof.POWER:
            mine = [r for r in records if r["effect"] == effect]
            self.assertEqual([len(r["planted"]) for r in mine], [3, 3, 3, 3])
            self.assertEqual([r["collateral"] for r in mine], [[]] * 4)

    def test_power_runs_of_another_plan_are_refused(self) -> None:
        made = self.proof(planted=3)
        rows = [{"row": r, "smallest": 0.04, "spin": [proof.APART, 9]} for r in proof.SPINNING[:3]]
        good: Record = {"effect": 0.05, "planted": rows, "target": 0.035, "blocks": 480}
        made.ledger.kinds["power"] = [good, {**good, "effect": 0.1, "target": 0.07, "blocks": 240}]
        with mock.patch.object(made, "power_run") as run:
            made.power()
        self.assertFalse(run.called)
        changes: list[Record] = [
            {"effect": 0.07},
            {"target": 0.05},
            {"blocks": 240},
            {"planted": rows[:2]},
            {"planted": [*rows[:2], {**rows[2], "row": "large/threads:1"}]},
            {"planted": [*rows[:2], {**rows[2], "spin": [500, 9]}]},
        ]
        for change in changes:
            made.ledger.kinds["power"] = [{**good, **change}]
            with mock.patch.object(made, "power_run"):
                with self.assertRaisesRegex(Refusal, "of another plan"):
                    made.power()

    def test_power_runs_end_where_nothing_can_be_seen(self) -> None:
        records = self.power("inconclusive", 0.2).ledger.of("power")
        self.assertEqual(len(records), 2 * 6)

    def test_collateral(self) -> None:
        rows = list(proof.ROWS[:4])
        failing = {(proof.ROWS[5], "ns_per_op"): "fail", (rows[0], "rss_peak_bytes"): "fail"}
        record = proof.power_record(document(1, failing), 0.1, rows)
        self.assertEqual(sorted(record["collateral"]), sorted(f"{row} {m}" for row, m in failing))
        self.assertEqual([r["verdict"] for r in record["planted"]], ["pass"] * 4)

    def test_row_that_the_gate_did_not_compare(self) -> None:
        with self.assertRaisesRegex(Refusal, "did not compare"):
            proof.power_record(document(1, {}), 0.1, ["medium/threads:1"])

    def costs(self, *measured: Any) -> "tuple[list[planted.Cost], list[Record]]":
        """What a row costs, asked twice, and the records of it, if calibrations end so."""
        made = self.proof()
        calibration = mock.Mock(**{"return_value.cost.side_effect": measured})
        with mock.patch.object(planted, "Calibration", calibration):
            return [made.cost("tiny/threads:1") for _ in range(2)], made.ledger.of("cost")

    def test_costs_are_those_of_the_moment(self) -> None:
        """Of the same work in spins that are further apart."""
        measured = [planted.Cost("tiny/threads:1", 2000.0, pair, 500) for pair in (0.2, 0.3)]
        costs, records = self.costs(*measured)
        self.assertEqual([c.period for c in costs], [proof.APART] * 2)
        for cost, before in zip(costs, measured):
            spins = [c.slower(0.1).numbers for c in (cost, before)]
            each = [pairs / period for period, pairs in spins]
            self.assertAlmostEqual(each[0], each[1], delta=0.002)
        self.assertEqual([r["pair"] for r in records], [c.pair for c in costs])

    def test_noise_that_hides_a_cost_is_waited_for(self) -> None:
        cost = planted.Cost("tiny/threads:1", 2.0, 0.2, proof.APART)
        noise = [Refusal("no spin")] * proof.CALIBRATIONS
        self.assertEqual(self.costs(*noise[1:], cost, cost)[0], [cost, cost])
        with self.assertRaisesRegex(Refusal, "no spin"):
            self.costs(*noise)

    def test_exact_trials(self) -> None:
        def finding(metric: str, verdict: str) -> Finding:
            end = (math.nan, None, None, 0.0, None, verdict, "", "")
            return Finding("exact", "tiny/threads:1", metric, "", 1, 2, *end)

        found = [finding("syscalls.madvise", "fail"), finding("instructions", "pass")]
        self.assertEqual(proof.exact_record("madvise", found)["collateral"], [])
        found = [finding("syscalls.madvise", "pass"), finding("instructions", "fail")]
        record = proof.exact_record("madvise", found)
        self.assertEqual((record["found"], record["collateral"]), (False, ["instructions"]))

    @slow
    def test_real_trials(self) -> None:
        """One of each kind, with real processes."""
        made = self.proof(exact_trials=1)
        made.exact()
        records = made.ledger.of("exact")
        self.assertEqual([r["what"] for r in records], list(proof.EXACT_EFFECTS))
        self.assertEqual([r["seed"] for r in records], [1] * len(records))
        for record in records:
            self.assertTrue(record["found"], record)
            self.assertEqual(record["collateral"], [], record)
        percent = records[0]["head"] / records[0]["base"] - 1
        self.assertAlmostEqual(percent, 0.01, delta=0.0005)

    def test_spins_are_verified_by_instructions(self) -> None:
        made = self.proof()
        for row, is_counted in (("tiny/threads:1", True), ("tiny/threads:2", False)):
            plant = planted.Cost(row, 20.0, 0.001, proof.APART).slower(0.1)
            found = made.instructions(plant, *made.pair([plant]))
            self.assertEqual(found is not None, is_counted)
            if found:
                self.assertAlmostEqual(
                    found["added"] / found["spun"], 1, delta=evidence.PLANT_COUNT
                )
                self.assertGreater(found["base"], 1000)

    def test_a_power_run_says_with_what_it_was_measured(self) -> None:
        made, rows = self.proof(), proof.drawn(1)
        verdicts = {(row, "ns_per_op"): "fail" for row in rows}
        cost = planted.Cost("", 20.0, 0.001, proof.APART)
        with mock.patch.object(
            made, "calibrated", lambda row: replace(cost, row=row)
        ), mock.patch.object(Proof, "instructions", return_value=counted(99.9)), mock.patch.object(
            Proof, "gate", return_value=document(1, verdicts)
        ) as gate:
            made.power_run(0.05, 0)
        (record,) = made.ledger.of("power")
        self.assertEqual([p["row"] for p in record["planted"]], rows)
        self.assertEqual({tuple(p["spin"]) for p in record["planted"]}, {(proof.APART, 1000)})
        self.assertEqual({p["instructions"]["added"] for p in record["planted"]}, {99.9})
        self.assertEqual((record["target"], record["blocks"], record["budget"]), (0.035, 480, 240))
        self.assertEqual(record["unplanted"], {"time": 3, "memory": 6})
        self.assertEqual(" ".join(gate.call_args[0][-8:]).split()[1::2][:2], ["1,2", "3.5"])

    def test_a_gate_that_refuses_ends_the_proof(self) -> None:
        absent = self.directory / "absent.so"
        with self.assertRaisesRegex(Refusal, "exit code 2"):
            self.proof().gate(absent, absent, 1)

    def test_runs_of_other_settings_have_a_ledger_of_their_own(self) -> None:
        for name in proof.OF_A_RUN:
            with self.assertRaisesRegex(Refusal, "--ledger"):
                proof.refuse_mixture(options(**{name: 7}))
            proof.refuse_mixture(options(**{name: 7}, ledger=self.directory / "own.json"))
        proof.refuse_mixture(options(null_runs=1, part=["null"]))

    def test_a_signal_to_the_driver_is_no_result(self) -> None:
        with mock.patch.object(proof, "main", side_effect=Interrupted(15)), mock.patch(
            "sys.stderr"
        ):
            self.assertEqual(proof.run(), 128 + 15)

    def test_summary_of_a_spoiled_ledger(self) -> None:
        good: Record = {"effect": 0.1, "planted": [], "unplanted": {}, "collateral": []}
        spoiled: list[tuple[str, Any]] = [
            ("power", {**good, "planted": 0}),
            ("power", [1]),
            ("null", {"verdict": "pass", "p_values": {"a": math.inf}}),
            ("replay", {"windows": 0, "failed": 0, "verdicts": {}}),
        ]
        for kind, record in spoiled:
            file = self.directory / "spoiled.json"
            records = {kind: [record] * evidence.NULL_RUNS}
            file.write_text(json.dumps({"schema": 2, "key": KEY, "records": records}))
            words = ["proof", "--summary", "--ledger", str(file)]
            with mock.patch("sys.argv", words), mock.patch("sys.stderr") as said:
                self.assertEqual(proof.run(), 2, record)
            self.assertIn("is not a ledger of a proof", str(said.write.call_args_list))

    def test_a_key_that_was_moved_is_said(self) -> None:
        moved = {"what": "gate", "from": "b", "to": "c", "why": "words only"}
        ledger = Ledger(self.directory / "proof.json", KEY, MACHINE)
        ledger.add("rekeyed", moved)
        with mock.patch.object(proof, "say") as said:
            proof.summarise(ledger)
        self.assertIn("gate c was b when it was measured: words only", str(said.call_args_list))

    def test_key_that_is_moved_by_hand(self) -> None:
        file = self.directory / "proof.json"
        key = {**KEY, "harness": "c"}
        Ledger(file, key, MACHINE).add("null", {"seed": 1})
        before = file.read_bytes()
        now = {**KEY, "gate": "new", "harness": "newer"}
        for other, why, says in (
            (now, "", "reason"),
            (now, " \n", "reason"),
            (key, "why", "already"),
            ({**now, "library": "other"}, "why", "another library must be measured anew"),
            ({**now, "compiler": "other"}, "why", "another compiler must be measured anew"),
        ):
            with self.assertRaisesRegex(Refusal, says):
                Ledger(file, None).rekey(other, MACHINE, why)
            self.assertEqual(file.read_bytes(), before)
        with self.assertRaisesRegex(Refusal, "nothing was measured"):
            Ledger(self.directory / "none.json", None).rekey(now, MACHINE, "why")
        self.assertFalse((self.directory / "none.json").exists())

        Ledger(file, None).rekey(now, {"cpus": "9"}, "a file has another name")
        ledger = Ledger(file, now)
        self.assertEqual(ledger.machines(), [MACHINE], "nothing was measured where it was moved")
        self.assertEqual(ledger.of("null"), [{"seed": 1, "machine": MACHINE}])
        self.assertEqual(
            ledger.of("rekeyed"),
            [
                {
                    "what": what,
                    "from": key[what],
                    "to": now[what],
                    "why": "a file has another name",
                    "machine": {"cpus": "9"},
                }
                for what in ("gate", "harness")
            ],
        )
        with self.assertRaisesRegex(Refusal, "another gate, harness"):
            Ledger(file, key)

    def test_rekey_of_the_program(self) -> None:
        """It refuses an empty reason, and measures nothing."""
        file = self.directory / "proof.json"
        now = {**KEY, "gate": "new"}
        Ledger(file, KEY, MACHINE).add("null", {"seed": 1})
        for why, code in (("", 2), ("words only", 1)):  # nothing is shown by one run
            words = ["proof", "--ledger", str(file), "--rekey", why]
            with (
                mock.patch("sys.argv", words),
                mock.patch.object(proof, "key", return_value=now),
                mock.patch.object(proof, "summarise", return_value=1),
                mock.patch.object(proof, "Proof") as measured,
                mock.patch("sys.stderr"),
                mock.patch.object(proof, "say"),
            ):
                self.assertEqual(proof.run(), code)
            measured.assert_not_called()
        self.assertEqual(Ledger(file, now).of("rekeyed")[0]["why"], "words only")

    def test_summary_of_nothing(self) -> None:
        words = ["proof", "--summary", "--ledger", str(self.directory / "none.json")]
        with mock.patch("sys.argv", words), mock.patch.object(proof, "say") as said:
            self.assertEqual(proof.run(), 1)
        self.assertIn("no trial", said.call_args[0][0])


if __name__ == "__main__":
    unittest.main()
