"""Programs of their own find in the JSON what the pages of `spanbench try`, the gate and two runs say, and notice what is wrong."""

import copy
import json
import math
import random
import shutil
import statistics
from pathlib import Path
from typing import Any

import paired
from bench_results import MIB
from driving import ROOT, clean_environment, run, slow
from report import write
from report.test_kinds import MACHINE, finding, gate
from report.test_more_kinds import PROGRAMS, PageTest, program
from report.test_report import noisy
from test_bench_results import document, entry, failed

HERE = ROOT / "scripts" / "report"
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


def two_stages(folder: Path) -> dict[str, Any]:
    """A gate.json that two stages decided, and beside it their samples. What failed is of the second alone."""
    head = {"a": 1.1, "b": 1.0}
    made = gate()
    logs: dict[str, list[float]] = {w: [] for w in head}
    for stage, blocks in ((1, 12), (2, 20)):
        source = random.Random(stage)
        entries = [
            entry(arm, 10 * head[w] ** (arm == "head") * source.uniform(0.99, 1.01), workload=w, block=block)
            for w in head
            for block in range(blocks)
            for arm in ("base", "head")
        ]  # fmt: skip
        for one, other in zip(entries[::2], entries[1::2]):
            logs[one["workload"]].append(math.log(other["ns_per_op"] / one["ns_per_op"]))
        (folder / f"stage-{stage}.json").write_text(json.dumps(document(entries)))
    made["parts"] = [{"name": f"{n}", "file": f"stage-{n}.json"} for n in (1, 2)]
    made["findings"], made["comparisons"] = [], []
    for w, verdict in (("a", "fail"), ("b", "pass")):
        of = paired.effect(logs[w][12:] if verdict == "fail" else logs[w])
        change, low, high = map(math.expm1, (of.location, of.low, of.high))
        times = [
            [e["ns_per_op"] for e in entries if (e["allocator"], e["workload"]) == (arm, w)] for arm in ("base", "head")
        ]  # fmt: skip
        base, its = map(statistics.median, times)
        row = f"{w}/threads:1"
        made["findings"].append(
            finding("ns_per_op", verdict, change, row=row, low=low, high=high, base=base, head=its)
        )
        made["comparisons"].append({"row": row, "metric": "ns_per_op", "decided_in_stage": 2})
    return made


class Recounts(PageTest):
    def agrees(
        self, program: Path, text: str, files: list[Path], counts: str, *wrongs: tuple[str, str]
    ) -> None:
        """And with each of these changes, it does not."""
        self.assertEqual(
            self.recounted(text, *files, program=program),
            (0, f"{counts} are recomputed; 0 disagree\n"),
        )
        for right, wrong in wrongs:
            self.assertTrue(right in text, right)
            page = text.replace(right, wrong)
            self.assertEqual(self.recounted(page, *files, program=program)[0], 1, wrong)

    @slow
    def test_a_file_that_is_not_there(self) -> None:
        """One line names it, and what writes pages. A file that is not JSON has a line, too."""
        node = shutil.which("node")
        if not node:
            self.skipTest("node is not installed")
        gone = Path("gone/report.html")
        spoiled, page = self.put("x.json", "{"), self.put("x.html", "")
        programs = [
            p for p in HERE.glob("reco*.mjs") if p.stem not in ("recounting", "recount-try-memory")
        ]
        self.assertEqual(len(programs), 6)
        cases: list[tuple[list[Path], str]] = [
            (
                [gone, gone],
                f"cannot read {gone} (ENOENT); make report RUN=… writes the page of a run",
            ),
            ([page, gone], f"cannot read {gone} (ENOENT)"),
            ([page, spoiled], f"{spoiled} is not JSON: "),
            ([], "name a page and its files: results/README.md"),
        ]
        for program in programs:
            for words, said in cases:
                if program.stem == "recompute":
                    words = words[::-1]
                if program.stem == "recount-compare":
                    words = [*words, *words[1:]]
                result = run(node, program, *words, env=clean_environment())
                line = result.stderr.strip()
                self.assertEqual((result.returncode, result.stdout), (2, ""), f"{program}: {line}")
                self.assertTrue(line.startswith(f"{program.name}: {said}"), f"{program}: {line}")
                self.assertEqual(len(line.splitlines()), 1, line)

    def trial(self, of: dict[str, Any], counts: str, *wrongs: tuple[str, str]) -> None:
        file = self.put("program.json", of)
        self.agrees(TRY, self.text(self.directory), [file], counts, *wrongs)

    def test_a_program(self) -> None:
        of = trial({"system": 2.0, "quick": 1.0, "like": 2.0, "bad": 1.0, "slow": 5.2})
        of["rows"][3]["cause"] = "it crashed"
        of["rows"][1]["notes"] = ["it complains: <jemalloc>: of 1 option"]
        self.trial(
            of,
            "10 sentences and 60 cells",
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
            ("redis", "12 sentences", "that the load took", "that the load gave"),
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
            finding("minor_faults", "pass", None, base=0.0, head=7.0, tier="exact", unit="faults"),
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
                GATE, self.text(self.directory), [file], "3 sentences and 22 cells", (f"1 {verdict}", f"2 {verdict}")
            )  # fmt: skip

    @slow
    def test_a_gate_and_its_samples(self) -> None:
        """What gate.json says of them is not believed."""
        of = two_stages(self.directory)
        file = self.put("gate.json", of)
        changes = [f"{100 * f['change']:+.1f} %" for f in of["findings"]]
        self.agrees(
            GATE,
            self.text(self.directory),
            [file],
            "3 sentences and 22 cells",
            (changes[0], "+11.9 %"),
        )
        for i, key in enumerate(("change", "low", "base")):
            wrong = copy.deepcopy(of)
            wrong["findings"][i % 2][key] += 0.2
            self.put("gate.json", wrong)
            code, told = self.recounted(self.text(self.directory), file, program=GATE)
            self.assertEqual(code, 1, told)

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
        self.agrees(
            COMPARE,
            text,
            files,
            "3 sentences and 100 cells",
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
        b["context"]["host_name"] = "another"
        self.put("other/bench.json", b)
        self.assertEqual(self.recounted(text, *files, program=COMPARE)[0], 1, "there is no warning")
