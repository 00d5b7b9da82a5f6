"""Programs of their own find in the JSON what the pages of `spanbench try`, the gate and two runs say, and notice what is wrong."""

import copy
import dataclasses
import json
import math
import random
import re
import shutil
from pathlib import Path
from typing import Any, Optional

from bench_results import MIB
from driving import ROOT, clean_environment, run, slow
from gate import judge
from gate.campaign import FIRST, Order
from gate.document import plain
from gate.judge import QUICK, Settings
from gate.samples import Sample
from gate_proof import simulation
from gate_proof.simulation import Machine
from report import write
from report.test_kinds import MACHINE, finding, gate
from report.test_more_kinds import PROGRAMS, PageTest, program
from report.test_report import noisy
from test_bench_results import document, entry, failed

HERE = ROOT / "scripts" / "report"
BELIEVED = 3  # the exit code, if verdicts are the file's word
TRY, GATE, COMPARE = (HERE / f"recount-{name}.mjs" for name in ("try", "gate", "compare"))


def trial(of: dict[str, float], rounds: int = 16, **its: Any) -> dict[str, Any]:
    """Makes a program.json: rows that need so much of all, with noise. ` (against)` ends the name of another build's."""
    made = program(of, rounds)
    source = random.Random(len(of))
    for row in made["rows"]:
        row["against"] = row["name"].endswith(" (against)")
    for one in made["runs"]:
        one["peak_bytes"] = int(50 * MIB * of[one["row"]] * source.uniform(0.99, 1.01))
    made["program"].update(its)
    return made


def limit(enough: Any, too_small: int, **more: Any) -> dict[str, Any]:
    return {
        "bytes": enough, "too_small_bytes": too_small, "by_chance": False, "also_enough_bytes": None, "tries": [],
        "also_too_small_bytes": None, "output_compared": True, "problem": None, **more,
    }  # fmt: skip


class Crashing(Machine):
    """The head cannot run one row."""

    def sample(self, order: Order, row: str, arm: str, *rest: Any) -> Sample:
        made = super().sample(order, row, arm, *rest)
        bad = arm == "head" and row == "tiny/threads:2"
        return dataclasses.replace(made, values={}, failure="killed by SIGSEGV") if bad else made


def campaign(
    folder: Path, machine: Machine, settings: Settings = QUICK, lax: Optional[Settings] = None
) -> dict[str, Any]:
    """A gate.json of simulated samples, which lie beside it. `lax`: other settings, which judged them."""
    done, _ = simulation.gate(machine, 1, settings)
    found, numbers = judge.findings(
        done.first,
        done.second,
        done.rows,
        done.failed,
        lax or done.settings,
        lambda row: f"again {row}",
    )
    parts = []
    for part in done.parts:
        (folder / f"{part.name}.json").write_text(
            json.dumps({"benchmarks": [simulation.entry(s, s.block[1]) for s in part.samples]})
        )
        parts.append({"name": part.name, "file": f"{part.name}.json"})
    counts = finding(
        "minor_faults", "pass", 0.01, tier="exact", head=101.0, low=None, high=None, margin=0.03
    )
    made = {
        **gate(), "quick": settings.target == QUICK.target, "rows": done.rows, "settings": dataclasses.asdict(lax or done.settings), "parts": parts,
        "findings": [counts, *map(dataclasses.asdict, found)], "comparisons": numbers,
    }  # fmt: skip
    whole: dict[str, Any] = plain(made)
    return concluded(whole)


def concluded(of: dict[str, Any]) -> dict[str, Any]:
    """With the verdict that its findings give."""
    found = [f["verdict"] for f in of["findings"]]
    grave = [v for v in ("fail", "void", "inconclusive") if v in found]
    return {**of, "verdict": grave[0] if grave else "pass", "exit_code": int("fail" in found)}


class Unproven(Machine):
    """The head of one row is slower than the margin in all rounds of the first stage. In the second, two of 13 rounds are
    so much below that its p is 0.016. That is too much for a discovery, and too little for an interval that holds the margin.
    """

    def sample(self, order: Order, row: str, arm: str, block: int, draw: random.Random) -> Sample:
        made = super().sample(order, row, arm, block, draw)
        if row != "small/threads:1":
            return made
        is_below = order.name != FIRST and block + 1 in (7, 8)
        change = math.log1p(QUICK.margin) + 0.001 * (block + 1) * (-1 if is_below else 1)
        made.values["ns_per_op"] = 20 * math.exp(change if arm == "head" else 0)
        return made


def up(row: str, factor: float = 1.1) -> dict[tuple[str, str, str], float]:
    return {("head", row, "ns_per_op"): factor}


class Recounts(PageTest):
    def agrees(
        self,
        program: Path,
        text: str,
        files: list[Path],
        counts: str,
        *wrongs: tuple[str, str],
        code: int = 0,
    ) -> None:
        """And with each of these changes, it does not."""
        ended, said = self.recounted(text, *files, program=program)
        last = said.splitlines(keepends=True)[-1]
        self.assertEqual((ended, last), (code, f"{counts} are recomputed; 0 disagree\n"), said)
        for right, wrong in wrongs:
            self.assertTrue(right in text, right)
            page = text.replace(right, wrong)
            self.assertEqual(self.recounted(page, *files, program=program)[0], 1, wrong)

    def programs(self) -> list[Path]:
        parts = ("recounting", "recount-gate-samples", "recount-try-memory")
        found = [p for p in HERE.glob("reco*.mjs") if p.stem not in parts]
        self.assertEqual(len(found), 6)
        return found

    def said_of(self, program: Path, words: list[Path]) -> str:
        """Its one line, with which it ends."""
        node = shutil.which("node")
        if not node:
            self.skipTest("node is not installed")
        if program.stem == "recompute":
            words = words[::-1]
        if program.stem == "recount-compare":
            words = [*words, *words[1:]]
        result = run(node, program, *words, env=clean_environment())
        line = result.stderr.strip()
        self.assertEqual((result.returncode, result.stdout), (2, ""), f"{program}: {line}")
        self.assertEqual(len(line.splitlines()), 1, line)
        return line

    def test_a_file_of_another_version(self) -> None:
        page = self.put("x.html", "")
        for of, key in (
            ({"schema": 2, "version": "v9"}, "schema"),
            ({"schema": 2, "context": {"spanbench": {"version": "v9"}}}, "schema"),
            ({"schema_version": 2, "machine": {"spanbench": "v9"}}, "schema_version"),
        ):
            file = self.put("x.json", of)
            for program in self.programs():
                self.assertEqual(
                    self.said_of(program, [page, file]),
                    f"{program.name}: {file}: its {key} is 2, and this spanbench knows 1 alone; read it with the spanbench "
                    "that wrote it, v9, or update this one",
                )

    @slow
    def test_a_file_that_is_not_there(self) -> None:
        """One line names it, and what writes pages. A file that is not JSON has a line, too."""
        gone = Path("gone/report.html")
        spoiled, page = self.put("x.json", "{"), self.put("x.html", "")
        cases: list[tuple[list[Path], str]] = [
            (
                [gone, gone],
                f"cannot read {gone} (ENOENT); make report RUN=… writes the page of a run",
            ),
            ([page, gone], f"cannot read {gone} (ENOENT)"),
            ([page, spoiled], f"{spoiled} is not JSON: "),
            ([], "name a page and its files: results/README.md"),
        ]
        for program in self.programs():
            for words, said in cases:
                line = self.said_of(program, words)
                self.assertTrue(line.startswith(f"{program.name}: {said}"), f"{program}: {line}")

    def trial(self, of: dict[str, Any], counts: str, *wrongs: tuple[str, str]) -> None:
        file = self.put("program.json", of)
        self.agrees(TRY, self.text(self.directory), [file], counts, *wrongs)

    def test_a_program(self) -> None:
        of = trial({"system": 2.0, "quick": 1.0, "like": 2.0, "bad": 1.0, "slow": 5.2})
        of["rows"][3]["cause"] = "it crashed"
        of["rows"][1]["notes"] = ["it complains: <jemalloc>: of 1 option", "1 of 2 were not served"]
        of["rows"][2]["notes"] = ["1 of 2 were not served"]
        self.trial(
            of,
            "11 sentences and 60 cells",
            ("quick and like: 1 of 2", "quick: 1 of 2"),
            ("quick: it complains: &lt;jemalloc&gt;: of 1 option.", "quick: it complains."),
            ("quick: 50 % less time", "quick: 40 % less time"),
            (
                "time, best median first: quick, system",
                "time, best median first: system, quick",
            ),
            ("all pairs differ but those that follow.", "all pairs differ."),
            ("less time", "more time"),
            ("system and like cannot be told apart", "system, slow and like cannot be told apart"),
            ("slow: 2.6 times the time", "slow: 2.7 times the time"),
            ("No result: bad: it crashed.", "No result: bad: it ended."),
            ('<td class="word">better</td>', '<td class="word">worse</td>'),
            ("<td>0.50</td>", "<td>0.52</td>"),
        )

    @slow
    def test_ties_of_rows_between_which_others_lie(self) -> None:
        """And a metric of which more is better."""
        of = trial({"system": 1.0, "b": 0.9, "unsteady": 0.85}, metric="x", higher_is_better=True)
        for one in of["runs"]:
            if one["row"] == "unsteady":
                one["wall_seconds"] *= (0.5, 1.4)[one["round"] % 2]
            one["metric"] = 1 / one["wall_seconds"]
        self.trial(
            of,
            "8 sentences and 60 cells",
            ("time: unsteady and system cannot be", "time: system and unsteady cannot be"),
            ("metric: unsteady and system cannot", "metric: b and system cannot"),
            ("CPU, best median first: unsteady, b", "CPU, best median first: b, unsteady"),
            ("system; unsteady: 5.6 % less CPU", "system; unsteady: 6.6 % less CPU"),
            ("than b; all pairs differ.", "than b; all pairs differ but those that follow."),
        )

    @slow
    def test_a_metric_of_its_own(self) -> None:
        of = trial({"system": 1.0, "b": 2.6}, metric="x=([0-9]+)", higher_is_better=True)
        for one in of["runs"]:
            one["metric"] = 100 * one["wall_seconds"]
        self.trial(
            of,
            "1 sentences and 40 cells",
            ("2.6 times the metric", "2.6 times the the metric"),
            ("better", "worse"),
        )

    @slow
    def test_a_metric_without_ratios(self) -> None:
        of = trial({"system": 1.0, "b": 2.6}, metric="x=([0-9]+)")
        for one in of["runs"]:
            one["metric"] = 0 if one["row"] == "b" else 1e-9
        self.trial(of, "2 sentences and 30 cells", ("it was 0 or less", "it was below 0"))

    @slow
    def test_two_builds(self) -> None:
        times = {"system": 1.0, "b": 1.0, "c": 1.0, "system (against)": 1.3, "b (against)": 1.3}
        self.trial(
            trial({**times, "c (against)": 1.0}),
            "9 sentences and 90 cells",
            ("time: the other build takes 30 % more", "time: the other build takes 31 % more"),
            ("under c: that part", "under b: that part"),
            ("under c the builds cannot be told apart", "under b the builds cannot be told apart"),
        )
        self.trial(
            trial(times),
            "6 sentences and 75 cells",
            (
                "time: the difference is the program&#39;s",
                "time: the difference is the allocator&#39;s",
            ),
        )

    @slow
    def test_limits(self) -> None:
        of = trial({"system": 1.0, "b": 1.0, "c": 1.0, "d": 1.0}, limited_by="cgroup")
        for row, its in zip(
            of["rows"],
            (
                limit(
                    10 * MIB, 9 * MIB, by_chance=True, tries=[{"bytes": 6 * MIB, "problem": None}]
                ),
                limit(11 * MIB, 9 * MIB, also_enough_bytes=8 * MIB, also_too_small_bytes=12 * MIB),
                limit(90 * MIB, 15 * MIB, output_compared=False),
                limit(None, 0, tries=[{"bytes": 64 * MIB}], problem="killed"),
            ),
        ):
            row["smallest_limit"] = its
        self.trial(
            of,
            "11 sentences and 60 cells",
            ("equal within chance", "equal within the resolution"),
            ("between 6.00 MiB and 10.0 MiB", "between 9.00 MiB and 10.0 MiB"),
            ("above the peak memory, of c", "above the peak memory, of b"),
            ("below the peak memory, of system and b", "below the peak memory, of system"),
            ("system and b 10.0 MiB to 11.0 MiB", "system and b 10.0 MiB to 12.0 MiB"),
            ("; c 90.0 MiB.", "; c 91.0 MiB."),
            ("d: not even 64.0 MiB", "d: not even 32.0 MiB"),
            ("although 9.00 MiB are not", "although 8.00 MiB are not"),
            ("b: 12.0 MiB were not enough", "b: 13.0 MiB were not enough"),
            ("smallest container: ", "smallest limit: "),
            ("does not print the same", "prints the same"),
        )

    @slow
    def test_an_allocator_inside(self) -> None:
        of = trial({"system": 2.0, "quick": 1.0})
        for row in of["rows"]:
            row["processes"] = [{"comm": "python3", "inner": ["a pool: A=1 turns it off"]}]
        self.trial(
            of,
            "2 sentences and 30 cells",
            ("Inside of python3: a pool: A=1", "Inside of python3: a pool: A=2"),
        )

    @slow
    def test_a_limit_that_was_given(self) -> None:
        self.trial(
            trial({"system": 1.0, "b": 1.2, "c": 1.4}, limit_bytes=55 * MIB),
            "6 sentences and 45 cells",
            ("above the limit of 55.0 MiB: b ", "above the limit of 55.0 MiB: system "),
        )

    @slow
    def test_stored_programs(self) -> None:
        """Those of the repository, of which some are servers."""
        for name, said, right, wrong in (
            ("gcc", "1 sentences", "runs of each row are too few", "rows are too few"),
            ("redis", "13 sentences", "that the load took", "that the load gave"),
            ("postgres", "11 sentences", " comparisons; ", "0 comparisons; "),
        ):
            file = PROGRAMS / f"{name}.json"
            text = write.rendered(write.page_of(file))
            assert text
            self.agrees(TRY, text, [file], f"{said} and 100 cells", (right, wrong))

    def test_a_gate(self) -> None:
        of = gate()
        of["machine"] = MACHINE
        of["findings"] += [
            finding("minor_faults", "pass", None, base=0.0, head=7.0, tier="exact", unit="faults", margin=0.0, margin_amount=64.0),
            finding("syscalls.mmap", "fail", 0.1, tier="exact", row="tiny/threads:1", low=None, high=None),
            finding("rss_peak_bytes", "void", 0.5, row="tiny/threads:1", unit="bytes", tier="memory", margin_amount=2**18),
            finding("rss_purged_bytes", "improved", -0.2, unit="bytes", tier="memory", base=4e6, head=3.2e6),
        ]  # fmt: skip
        file = self.put("gate.json", of)
        text = self.text(self.directory)
        self.agrees(
            GATE,
            text,
            [file],
            "5 sentences and 74 cells",
            ("1 void", "2 void"),
            ("7 comparisons of 2 rows", "6 comparisons of 2 rows"),
            ("FAIL: worse in small/threads:1 ns/op +10.0 %", "FAIL: worse in small/threads:1 ns/op +11.0 %"),
            ("FAIL: worse in small/threads:1 ns/op", "FAIL: worse in tiny/threads:1 ns/op"),
            (">VOID tiny/threads:1 RSS peak (rss_peak_bytes)", ">VOID tiny/threads:1 RSS freed (rss_peak_bytes)"),
            ("<td>+7</td>", "<td>+8</td>"),
            ("<td>-21.0 % .. -19.0 %</td>", "<td>-21.0 % .. -18.0 %</td>"),
            ("<td>256 KiB</td>", "<td>256 MiB</td>"),
            code=BELIEVED,
        )  # fmt: skip
        self.put("gate.json", {**of, "verdict": "pass", "exit_code": 0})
        self.assertEqual(
            self.recounted(text, file, program=GATE)[0], 1, "not the findings' verdict"
        )
        for verdict, strict, code in (("inconclusive", True, 75), ("void", False, 0)):
            findings = [finding("ns_per_op", verdict, 0.1), finding("rss_peak_bytes", "pass", 0.0)]
            self.put(
                "gate.json",
                {
                    **of,
                    "findings": findings,
                    "verdict": verdict,
                    "strict": strict,
                    "exit_code": code,
                },
            )
            self.agrees(
                GATE, self.text(self.directory), [file], "3 sentences and 22 cells", (f"1 {verdict}", f"2 {verdict}"),
                code=BELIEVED,
            )  # fmt: skip

    def by_samples(self, of: dict[str, Any], page: Optional[str] = None) -> tuple[int, str]:
        """What is said of a gate.json, and of the page that it makes, or of this page."""
        file = self.put("gate.json", of)
        return self.recounted(page or self.text(self.directory), file, program=GATE)

    def sampled(
        self, machine: Machine, settings: Settings, *expected: tuple[str, str]
    ) -> dict[str, Any]:
        """`expected`: verdicts that there must be, with a part of their notes."""
        of = campaign(self.directory, machine, settings)
        notes = [(f["verdict"], f["note"]) for f in of["findings"]]
        for verdict, note in expected:
            self.assertTrue(any(v == verdict and note in n for v, n in notes), (verdict, note))
        code, said = self.by_samples(of)
        self.assertRegex(
            (code, said).__repr__(),
            r"^\(0, '\d+ sentences and 100 cells are recomputed; 0 disagree",
        )
        return of

    @slow
    def test_a_gate_and_its_samples(self) -> None:
        # What gate.json says of them is not believed: a verdict that is not theirs is named.
        of = self.sampled(Machine(0.01, effects={**up("small/threads:1"), **up("tiny/threads:1", 0.9)}), QUICK, ("fail", ""), ("improved", ""))  # fmt: skip
        page = self.text(self.directory)
        key = [(f["row"], f["metric"]) for f in of["findings"]]
        for row, verdict in (
            ("small/threads:1", "pass"),
            ("small/threads:1", "inconclusive"),
            ("tiny/threads:1", "pass"),
            ("large/threads:2", "fail"),
        ):
            wrong = copy.deepcopy(of)
            changed = wrong["findings"][key.index((row, "ns_per_op"))]
            right, changed["verdict"] = changed["verdict"], verdict
            wrong = concluded(wrong)
            for shown in (page, None):  # the page of before, and one that says the same as the file
                code, said = self.by_samples(wrong, shown)
                self.assertEqual(code, 1, said)
                self.assertIn(f"{row} ns_per_op is {right}", said)

    @slow
    def test_what_else_the_file_may_say_of_its_samples(self) -> None:
        of = self.sampled(Machine(0.01, effects=up("small/threads:1")), QUICK, ("fail", ""))
        at = {(f["row"], f["metric"]): i for i, f in enumerate(of["findings"])}
        failed, passed = at["small/threads:1", "ns_per_op"], at["large/threads:2", "rss_peak_bytes"]
        for i in (failed, passed):
            for key in ("change", "low", "high", "base", "head", "margin"):
                wrong = copy.deepcopy(of)
                wrong["findings"][i][key] = wrong["findings"][i][key] * 1.2 + 0.01
                wrong["findings"][i]["margin_amount"] = None
                code, told = self.by_samples(wrong)
                self.assertEqual(code, 1, f"{i} {key}")
                self.assertIn(f"{of['findings'][i]['metric']}: {key} is ", told)
        wrong = copy.deepcopy(of)
        wrong["findings"][failed]["note"] = "worse than the margin, but not proven over all rows"
        self.assertEqual(self.by_samples(wrong)[0], 1)
        for i, said in ((failed, "small/threads:1 ns_per_op is not judged"), (0, "")):
            wrong = copy.deepcopy(of)
            del wrong["findings"][i]
            code, told = self.by_samples(concluded(wrong))
            self.assertEqual((code, said in told), (int(bool(said)), True), told)
        wrong = copy.deepcopy(of)
        wrong["findings"].append({**of["findings"][passed], "row": "small/threads:7"})
        self.assertIn("small/threads:7 rss_peak_bytes has no samples", self.by_samples(wrong)[1])
        for change, verdict in ((0.04, "fail"), (-0.04, "improved"), (0.02, "pass")):
            wrong = copy.deepcopy(of)
            others = [v for v in ("pass", "fail", "improved") if v != verdict]
            for lie in others:
                wrong["findings"][0].update(head=100 * (1 + change), change=change, verdict=lie)
                code, told = self.by_samples(concluded(wrong))
                self.assertEqual(code, 1, told)
                self.assertIn(f"small/threads:1 minor_faults is {verdict}", told)
        wrong = copy.deepcopy(of)
        wrong["findings"][0].update(head=180, change=0.8, margin=1.0)
        self.assertIn("minor_faults: a margin of 100, usual is 64", self.by_samples(wrong)[1])
        for name in ("stage-2-look-1.json", "stage-1.json"):
            (self.directory / name).unlink()
            code, told = self.by_samples(of)
            self.assertEqual(code, BELIEVED, told)
            self.assertIn(
                "30 verdicts are not recomputed: their samples are not beside the file\n", told
            )

    @slow
    def test_a_file_that_names_no_samples_is_believed_aloud(self) -> None:
        of = self.sampled(Machine(0.01, effects=up("small/threads:1")), QUICK, ("fail", ""))
        of["parts"] = []
        code, told = self.by_samples(of)
        self.assertEqual(code, BELIEVED, told)
        self.assertIn("30 verdicts are not recomputed: the file names no samples\n", told)
        counts = [f for f in of["findings"] if f["tier"] == "exact"]
        code, told = self.by_samples(concluded({**of, "findings": counts}))
        self.assertEqual(code, BELIEVED, told)
        self.assertIn("0 verdicts are not recomputed: the file names no samples\n", told)
        code, told = self.by_samples(concluded({**of, "findings": counts, "tier": "exact"}))
        self.assertEqual(code, 0, told)
        code, told = self.by_samples(concluded({**of, "findings": []}), self.text(self.directory))
        self.assertEqual(code, 1, told)
        self.assertIn("Nothing was compared", told)

    @slow
    def test_a_margin_that_nobody_states_is_not_believed(self) -> None:
        # A head that is far worse, and a file whose settings, margins and verdicts all fit each other.
        time = Machine(0.01, effects=up("small/threads:1", 1.2))
        lax = campaign(self.directory, time, lax=dataclasses.replace(QUICK, margin=0.3, target=0.5))
        self.assertEqual(lax["verdict"], "pass")
        code, told = self.by_samples(lax)
        self.assertEqual(code, 1, told)
        self.assertIn("margin is 0.3 in the file; judged by 0.01", told)
        self.assertIn("small/threads:1 ns_per_op is fail", told)
        fact = "time: more than {} % slower is a regression, 50.0 % must not be missed; 12 rounds"
        code, told = self.by_samples({**lax, "facts": [fact.format("30.0")]})
        self.assertEqual(code, 0, told)
        self.assertIn(
            "margin of time: 30 %, usual is 1 %; target of time: 50 %, usual is 10 %", told
        )
        code, told = self.by_samples({**lax, "facts": [fact.format("1.0")]})
        self.assertEqual(code, 1, told)
        self.assertIn("margin is 0.3 in the file; judged by 0.01", told)
        grown = Machine(0.01, effects={("head", "small/threads:1", "rss_peak_bytes"): 1.2})
        lax = campaign(self.directory, grown, lax=dataclasses.replace(QUICK, rss_margin=0.5))
        self.assertEqual(lax["verdict"], "pass")
        code, told = self.by_samples(lax)
        self.assertEqual(code, 1, told)
        self.assertIn("rss_margin is 0.5 in the file; judged by 0.03", told)
        self.assertIn("small/threads:1 rss_peak_bytes is fail", told)

    @slow
    def test_a_row_that_the_file_leaves_out_has_samples(self) -> None:
        row = "small/threads:1"
        of = self.sampled(Machine(0.01, effects=up(row)), QUICK, ("fail", ""))
        of["rows"].remove(row)
        for name in ("findings", "comparisons"):
            of[name] = [x for x in of[name] if x["row"] != row]
        of = concluded(of)
        self.assertEqual(of["verdict"], "pass")
        code, told = self.by_samples(of)
        self.assertEqual(code, 1, told)
        self.assertIn(f"{row} ns_per_op is not judged", told)

    @slow
    def test_each_verdict_of_the_gate_is_found_in_the_samples(self) -> None:
        # Of simulated machines, also those that are noisy, drift, or whose copy of the base differs.
        twin = {("twin", "small/threads:1", "ns_per_op"): 1.05}
        far = {**twin, ("head", "small/threads:1", "ns_per_op"): 1.5}
        # Base and its copy may differ by the margin. Head is more than that above base, and less above the copy.
        between = {("twin", "small/threads:1", "ns_per_op"): 1.009, **up("small/threads:1", 1.0175)}
        memory = {("head", "tiny/threads:2", "rss_peak_bytes"): 1.1, ("head", "large/threads:1", "writable_live_bytes"): 1.2}  # fmt: skip
        seen: set[str] = set()
        for machine, settings, expected in (
            (Machine(0.005), QUICK, [("pass", "")]),
            (Machine(0.01, effects=up("small/threads:1", 0.9)), QUICK, [("improved", "")]),
            (Machine(0.01, effects=memory), QUICK, [("fail", ""), ("pass", "")]),
            (Machine(0.01, effects=twin), QUICK, [("void", "although it is the same library")]),
            (Machine(0.01, effects=far), QUICK, [("fail", "and head by far more")]),
            (Machine(0.0005, effects=between), QUICK, [("void", "worse than base, but not than its copy")]),
            (Unproven(0.005), QUICK, [("inconclusive", "not proven over all rows")]),
            (Machine(0.3), dataclasses.replace(QUICK, looks=(13,)), [("inconclusive", "is not excluded: too noisy here")]),
            (Machine(0.05, 0.1, up("small/threads:1", 1.3), seconds=0.01), Settings(looks=(20, 30)), [("fail", ""), ("pass", "")]),
            (Machine(0.02, without={"head": "rss_purged_bytes"}), QUICK, [("pass", "")]),
            (Crashing(0.01), QUICK, [("fail", "head failed: killed by SIGSEGV")]),
        ):  # fmt: skip
            with self.subTest(machine=machine.effects, noise=machine.noise):
                of = self.sampled(machine, settings, *expected)
                if len(settings.looks) == 2:
                    self.assertEqual(len(of["parts"]), 3, "it looked twice")
                purged = any(f["metric"] == "rss_purged_bytes" for f in of["findings"])
                self.assertEqual(purged, not machine.without)
                seen |= {f["verdict"] for f in of["findings"]}
                for file in self.directory.iterdir():
                    file.unlink()
        self.assertEqual(seen, {"pass", "improved", "fail", "void", "inconclusive"})

    @slow
    def test_an_accepted_failure_is_one(self) -> None:
        of = self.sampled(Machine(0.01, effects=up("small/threads:1")), QUICK, ("fail", ""))
        why = "accepted until 2026-12-31: a larger cache"
        for f in of["findings"]:
            if f["row"] == "small/threads:1" and f["metric"] == "ns_per_op":
                f.update(verdict="accepted", note=why)
        code, told = self.by_samples(concluded(of))
        self.assertEqual(code, 0, told)
        of["findings"][-1].update(verdict="accepted", note=why)
        self.assertIn(" is pass", self.by_samples(concluded(of))[1])

    def test_two_runs_of_few_rounds(self) -> None:
        """Student's test, the range, and how few are too few for a single change."""
        times = {"system": 10.0, "a": 5.0, "b": 7.0, "c": 6.0, "d": 9.0, "null": 1.0}
        too_few = "cannot be claimed, however large it is"
        for rounds, said, wrongs in (
            (1, 2, [(too_few, "is claimed"), ("with 1 round", "with 2 rounds")]),
            (3, 1, [("B is worse with b", "B is worse with a"), ("tie: a difference", "tie: no difference")]),
            (5, 1, [("9 comparisons cannot be told apart", "8 comparisons cannot be told apart")]),
            (7, 2, [("of 11 comparisons nothing can be told", "11 comparisons cannot be told apart"), (too_few, ""), ("REPS=9", "REPS=8")]),
        ):  # fmt: skip
            a = document(noisy(times, rounds, 0.01, 1))
            b = document(noisy({**times, "b": 7000.0 if rounds < 7 else 7.0}, rounds, 0.01, 2))
            files = [self.put("one/bench.json", a), self.put("other/bench.json", b)]
            text = write.rendered(write.comparison(files[0].parent, files[1].parent))
            assert text
            self.agrees(COMPARE, text, files, f"{said} sentences and 55 cells", *wrongs)

    def test_two_runs(self) -> None:
        times = {"system": 10.0, "a": 5.0, "b": 7.0, "null": 1.0}

        def made(of: dict[str, float], seed: int) -> dict[str, Any]:
            return document(
                [
                    e
                    for w in ("tiny", "small")
                    for t in (1, 2)
                    for e in noisy(of, seed=seed + t, workload=w, threads=t)
                ]
            )

        a, b = made(times, 1), made({**times, "a": 4.0, "b": 8.5}, 5)
        b["benchmarks"] += [failed("a", workload="tiny", threads=1)]
        files = [self.put("one/bench.json", a), self.put("other/bench.json", b)]
        text = write.rendered(write.comparison(files[0].parent, files[1].parent))
        assert text
        better = re.search(r"<li (?:(?!</li>).)*B is better with a.*?</li>", text, re.DOTALL)
        assert better
        self.agrees(
            COMPARE,
            text,
            files,
            "3 sentences and 100 cells",
            (better[0], ""),
            (better[0], better[0] + better[0].replace("better", "worse")),
            ("B is better with a", "B is worse with a"),
            ("3 comparisons cannot be told apart", "4 comparisons cannot be told apart"),
            ("On tiny at 2 threads", "On tiny at 1 thread"),
            (
                "Not in B, or failed there: tiny/a/threads:1.",
                "Not in B, or failed there: tiny/b/threads:1.",
            ),
            (">faster<", ">slower<"),
            (" MiB</td>", " ns</td>"),
        )
        alone = write.rendered(write.comparison(files[0].parent, files[1].parent, ["a", "system"]))
        assert alone
        said = "3 sentences and 70 cells"
        self.agrees(COMPARE, alone, files, said, ("alone: a and system", "alone: a and b"))
        b["context"]["host_name"] = "another"
        self.put("other/bench.json", b)
        self.assertEqual(self.recounted(text, *files, program=COMPARE)[0], 1, "there is no warning")
