"""What try_verdict.py says of comparisons whose truth is known, and how it says it."""

from __future__ import annotations

import json
import random
import re
import tempfile
import unittest
from pathlib import Path
from typing import Any, Callable

import jsonschema
from verdicts import try_claims
from verdicts import try_limits
from verdicts import try_results
from verdicts import try_verdict
from driving import ROOT, run_python, slow

SCRIPT = ROOT / "scripts" / "verdicts" / "try_verdict.py"
SCHEMA = json.loads((ROOT / "results" / "program.schema.json").read_text())
MIB = 2**20

Cost = Callable[[str, random.Random], tuple[float, float]]  # of a row: seconds, and bytes


def made(
    rows: list[str], rounds: int, cost: Cost, seed: int = 1, metric: bool = False, **program: Any
) -> Any:
    """A document as the driver writes it."""
    chance = random.Random(seed)
    runs = []
    for n in range(rounds):
        weather = chance.lognormvariate(0, 0.2)  # of all rows in a round
        for row in rows:
            seconds, size = cost(row, chance)
            runs.append(
                {
                    "row": row,
                    "round": n,
                    "problem": None,
                    "wall_seconds": seconds * weather,
                    "user_seconds": seconds * weather * 0.9,
                    "system_seconds": 0.0,
                    "peak_bytes": int(size),
                    "metric": 1000 / seconds if metric else None,
                    **dict.fromkeys(
                        "peak_rss_bytes largest_process_bytes peak_huge_bytes peak_swap_bytes "
                        "peak_vsz_bytes minor_faults major_faults voluntary_switches "
                        "involuntary_switches exit_code output_bytes processes left_behind "
                        "watch_readings watch_walks watch_cpu_seconds".split(),
                        0,
                    ),
                    "output_hash": "0" * 16,
                }
            )
    words = {
        **dict.fromkeys("directory input prepare metric limit_bytes server ready load".split()),
        **dict.fromkeys("against limited_by traffic".split()),
        "then": [],
        "argv": ["program"],
        "shell": False,
        "variables": {},
        "higher_is_better": False,
        "same_output": False,
        "exit_code": 0,
        "timeout_seconds": 300,
        "after_seconds": [],
        **({"metric": "x", "higher_is_better": True} if metric else {}),
        **program,
    }
    return {
        "version": "test",
        "started": "2026-11-27T00:00:00Z",
        "machine": {},
        "environment": {},
        "seed": 1,
        "precision": 0.02,
        "program": words,
        "rows": [
            {
                "name": r,
                "allocator": r,
                "library": None,
                "variables": [],
                "cause": None,
                "absent": False,
                "against": r.endswith(try_results.AGAINST),
            }
            for r in rows
        ],
        "runs": runs,
        "rounds": rounds,
        "complete": True,
    }


def cost_of(times: dict[str, float], sizes: dict[str, float], noise: float = 0.02) -> Cost:
    return lambda row, chance: (
        times.get(row, 1) * chance.lognormvariate(0, noise),
        sizes.get(row, 1) * 100 * MIB * chance.lognormvariate(0, noise / 4),
    )


def verdict_of(document: Any) -> try_claims.Verdict:
    jsonschema.validate(document, SCHEMA)
    return try_claims.judge(try_results.of_document(Path("program.json"), document))


ROWS = ["jemalloc", "mimalloc", "system", "tcmalloc"]


class Words(unittest.TestCase):
    def test_what_differs_and_what_does_not(self) -> None:
        cost = cost_of({"jemalloc": 0.89, "tcmalloc": 2.5}, {"jemalloc": 1.04})
        verdict = verdict_of(made(ROWS, 40, cost))
        said = "\n".join(try_verdict.words(verdict))
        self.assertRegex(
            said,
            r"jemalloc: 1[01](\.\d)? % less time \(.*4(\.\d)? % more peak memory \(.* than system",
        )
        self.assertRegex(said, r"tcmalloc: 2\.5 times the time \(")
        self.assertRegex(
            said,
            r"time: .*system.* cannot be told apart \(a difference of \d.* would have been seen\)",
        )
        self.assertNotRegex(said, "mimalloc: ")
        claim = verdict.claim(try_results.TIME, "jemalloc", "system")
        assert claim
        self.assertTrue(claim.differs and claim.less)

    def test_no_pair_is_lost(self) -> None:
        """Neither one that ties while a row between them differs, nor a difference of two rows of which
        none is the reference."""
        chance = random.Random(3)

        def cost(row: str, source: random.Random) -> tuple[float, float]:
            noise = 0.02 if row != "mimalloc" else 0.4
            middle = {"jemalloc": 0.9, "mimalloc": 0.86, "tcmalloc": 0.7}.get(row, 1.0)
            return middle * chance.lognormvariate(0, noise), 100 * MIB * source.lognormvariate(
                0, 0.005
            )

        verdict = verdict_of(made(ROWS, 20, cost))
        said = "\n".join(try_verdict.words(verdict))
        order = try_verdict.in_order(verdict, try_results.TIME)
        self.assertEqual(order, ["tcmalloc", "mimalloc", "jemalloc", "system"])
        self.assertIn("time: mimalloc and system cannot be told apart", said)
        self.assertIn("time: mimalloc and jemalloc cannot be told apart", said)
        self.assertRegex(
            said,
            r"time, best median first: tcmalloc, mimalloc, jemalloc and system; .*all pairs differ but those that follow\.",
        )
        self.assertNotIn("peak memory, best", said)
        groups = [set(g) for g, _ in try_verdict.groups_of_equals(verdict, try_results.TIME)]
        for claim in verdict.once:
            if claim.pair.metric is try_results.TIME:
                tied = any({claim.pair.one, claim.pair.other} <= g for g in groups)
                self.assertEqual(tied, not claim.differs, claim.pair)

    def test_pairs_that_contradict_the_medians(self) -> None:
        """Each round is slower than the one before, and rows are missing in some."""
        document = made(ROWS[:3], 30, lambda row, _: (1.0, 1e8))
        for run in document["runs"]:
            n, row = run["round"], run["row"]
            run["wall_seconds"] = 1.2**n * {"jemalloc": 1.0, "mimalloc": 1.1, "system": 2}[row]
        document["runs"] = [
            r for r in document["runs"] if r["row"] != "mimalloc" or r["round"] < 25
        ]
        said = "\n".join(try_verdict.words(verdict_of(document)))
        self.assertIn("time, best median first: mimalloc, jemalloc and system", said)
        self.assertIn("but jemalloc is better than mimalloc, run by run; all pairs differ.", said)

    def test_pairs_for_programs(self) -> None:
        verdict = verdict_of(made(ROWS, 20, cost_of({"jemalloc": 0.8, "mimalloc": 0.6}, {})))
        pairs: Any = try_verdict.numbers(verdict)["pairs"]
        self.assertEqual(len(pairs), 3 * 6)
        (one,) = (
            p
            for p in pairs
            if (p["metric"], {p["one"], p["other"]}) == ("time", {"jemalloc", "mimalloc"})
        )
        self.assertEqual((one["one"], one["differs"]), ("jemalloc", True))
        self.assertLess(one["low"], one["ratio"])
        self.assertAlmostEqual(one["ratio"], 0.8 / 0.6, delta=0.05)
        said = "\n".join(try_verdict.words(verdict))
        self.assertRegex(said, r"time, best .*; mimalloc: 2\d % less time \(.*\) than jemalloc")

    def test_too_few_runs_prove_nothing_and_that_is_said(self) -> None:
        said = try_verdict.words(verdict_of(made(ROWS, 3, cost_of({"tcmalloc": 9}, {}))))
        self.assertEqual(len(said), 1)
        self.assertRegex(said[0], "3 runs of each row are too few .*; 1[0-9] would do")

    def test_many_differences_need_fewer_runs_than_one(self) -> None:
        """Then nothing says that not a single one could be proven, and ties are named."""
        wide = {"jemalloc": 0.5, "mimalloc": 2.0, "tcmalloc": 4.0}
        few = verdict_of(made(ROWS, 11, cost_of(wide, {})))
        self.assertTrue(few.proves_any)
        said = "\n".join(try_verdict.words(few))
        self.assertNotIn("too few to prove", said)
        self.assertIn("time, best median first: jemalloc, system, mimalloc and tcmalloc", said)
        self.assertIn("cannot be told apart", said)
        none = "\n".join(try_verdict.words(verdict_of(made(ROWS, 11, cost_of({}, {})))))
        self.assertIn("11 runs of each row are too few to prove a single", none)

    def test_intervals_are_promised_where_there_are_some(self) -> None:
        few, many = (verdict_of(made(ROWS, n, cost_of({}, {}))) for n in (2, 30))
        self.assertNotIn("95 %", try_verdict.title(few))
        self.assertIn("ratios to system with 95 % intervals", try_verdict.title(many))
        alone = verdict_of(made(["system"], 30, cost_of({}, {})))
        self.assertNotIn("95 %", try_verdict.title(alone))
        for verdict in (few, many):
            self.assertIn(try_verdict.PAIRS, try_verdict.table(verdict))
        self.assertNotIn(try_verdict.PAIRS, try_verdict.table(alone))

    def test_metric_of_which_more_is_better(self) -> None:
        document = made(ROWS, 30, cost_of({"jemalloc": 0.8}, {}), metric=True)
        verdict = verdict_of(document)
        self.assertIn("more of the metric", "\n".join(try_verdict.words(verdict)))
        self.assertTrue(try_verdict.table(verdict).splitlines()[1].startswith("  jemalloc"))

    def test_metric_that_is_tiny(self) -> None:
        document = made(ROWS, 30, cost_of({"jemalloc": 0.5}, {}), metric=True)
        for run in document["runs"]:
            run["metric"] *= 1e-10
        self.assertRegex(
            "\n".join(try_verdict.words(verdict_of(document))), "jemalloc: 99 % more of the metric"
        )

    def test_metric_without_ratios_is_not_compared_and_that_is_said(self) -> None:
        for value in (0, -5):
            document = made(ROWS, 30, cost_of({"jemalloc": 0.8}, {}), metric=True)
            document["runs"][-1]["metric"] = value
            verdict = verdict_of(document)
            said = "\n".join(try_verdict.words(verdict))
            self.assertIn("metric: it is not compared", said)
            self.assertNotRegex(said, "of the metric|metric: [a-z]+ and")
            self.assertNotIn("metric", try_verdict.table(verdict).splitlines()[0])
            self.assertIn("less time", said)

    def test_a_note_of_several_rows_is_told_once(self) -> None:
        document = made(ROWS, 12, cost_of({}, {}))
        for row, notes in zip(document["rows"], (["a", "b"], ["b"], [], ["b", "c"])):
            row["notes"] = notes
        said = try_verdict.words(verdict_of(document))
        self.assertEqual(
            [line for line in said if line[-3:] in (" a.", " b.", " c.")],
            ["jemalloc: a.", "jemalloc, mimalloc and tcmalloc: b.", "tcmalloc: c."],
        )

    def test_rows_without_a_result_are_shown_with_their_cause(self) -> None:
        document = made(ROWS, 12, cost_of({}, {}))
        document["rows"][1]["cause"] = "killed by SIGSEGV"
        verdict = verdict_of(document)
        self.assertIn("mimalloc  no result: killed by SIGSEGV", try_verdict.table(verdict))
        self.assertIsNone(verdict.claim(try_results.TIME, "mimalloc", "system"))
        for row in document["rows"]:
            row["cause"] = "no"
        self.assertEqual(try_verdict.words(verdict_of(document)), ["No row has a result."])

    def test_words_of_a_program_do_nothing_to_a_terminal(self) -> None:
        document = made(ROWS, 12, cost_of({}, {}))
        document["program"]["argv"] = ["echo", "\033[31mred\nline", "\u202e ##[error]"]
        document["rows"][0]["cause"] = "it said \033[2J"
        document["rows"][1]["name"] = "odd\033\trow"
        for one in document["runs"]:
            one["row"] = one["row"].replace(ROWS[1], "odd\033\trow")
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "program.json").write_text(json.dumps(document))
            done = run_python(SCRIPT, folder)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            self.assertTrue(all(c.isprintable() or c == "\n" for c in done.stdout), done.stdout)
            self.assertTrue(done.stdout.startswith("echo [31mred line #[error]: 12 runs"))
            self.assertRegex(done.stdout, r"(?m)^  odd row +\d")

    def test_script(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "program.json"
            path.write_text(json.dumps(made(ROWS, 12, cost_of({"jemalloc": 0.5}, {}))))
            done = run_python(SCRIPT, folder)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            self.assertIn("less time", done.stdout)
            numbers = json.loads(run_python(SCRIPT, "--json", path).stdout)
            self.assertTrue(numbers["rows"]["jemalloc"]["metrics"]["time"]["differs"])
            self.assertEqual(run_python(SCRIPT, "--is-precise", "99", folder).returncode, 0)
            self.assertEqual(run_python(SCRIPT, "--is-precise", "0.0001", folder).returncode, 1)
            path.write_text("{}")
            broken = run_python(SCRIPT, folder)
            self.assertEqual(broken.returncode, 2)
            self.assertIn("not a comparison", broken.stderr)
            path.unlink()
            self.assertIn("No such file", run_python(SCRIPT, folder).stderr)


def limit(enough: float, too_small: float, **more: Any) -> Any:
    """As the driver writes it; MiB."""
    return {
        "bytes": int(enough * MIB),
        "too_small_bytes": int(too_small * MIB),
        "problem": None,
        "by_chance": False,
        "also_enough_bytes": None,
        "also_too_small_bytes": None,
        "output_compared": True,
        "tries": [{"bytes": int(enough * MIB), "problem": None}],
        **more,
    }


class Limits(unittest.TestCase):
    def said(self, limits: dict[str, Any], by: str = "cgroup") -> list[str]:
        document = made(ROWS, 12, cost_of({}, {}), limited_by=by)
        for row in document["rows"]:
            if row["name"] in limits:
                row["smallest_limit"] = limits[row["name"]]
        verdict = verdict_of(document)
        self.assertIn("smallest limit", try_verdict.table(verdict).splitlines()[0])
        return try_limits.words(verdict.results)

    def test_from_the_smallest_up_with_ties(self) -> None:
        found = {
            "system": limit(41, 40.2),
            "mimalloc": limit(41.5, 40.6),
            "jemalloc": limit(38, 37),
        }
        self.assertEqual(
            self.said(found),
            [
                "smallest container: jemalloc 38.0 MiB; system and mimalloc 41.0 MiB to 41.5 MiB "
                "(equal within the resolution).",
                "Limits below the peak memory, of jemalloc, mimalloc and system: pages of files that "
                "others have read do not count.",
            ],
        )

    def test_chance_makes_ties(self) -> None:
        tries = [
            {"bytes": int(n * MIB), "problem": p} for n, p in ((38, None), (60, None), (41, "x"))
        ]
        found = {
            "jemalloc": limit(60, 59, by_chance=True, tries=tries),
            "system": limit(40, 39),
            "mimalloc": limit(70, 69),
        }
        first, second, *_ = self.said(found)
        self.assertEqual(
            first,
            "smallest container: system and jemalloc 40.0 MiB to 60.0 MiB (equal within chance); "
            "mimalloc 70.0 MiB.",
        )
        self.assertEqual(
            second,
            "jemalloc: between 38.0 MiB and 60.0 MiB, chance decides whether it ends well.",
        )

    def test_limits_and_peaks(self) -> None:
        """The peak is 100 MiB."""
        found = {"system": limit(110, 109), "jemalloc": limit(90, 89)}
        *_, more, less = self.said(found)
        self.assertRegex(more, "above the peak memory, of system: page tables .* the limit.$")
        self.assertRegex(less, "below the peak memory, of jemalloc: pages of files")
        *_, more, _ = self.said(found, "RLIMIT_DATA")
        self.assertIn("pages that nobody touched count, too", more)

    def test_a_peak_above_the_limit_that_was_given(self) -> None:
        document = made(ROWS[:2], 12, cost_of({}, {"mimalloc": 1.1}), limit_bytes=105 * MIB)
        said = try_limits.words(verdict_of(document).results)
        self.assertEqual(len(said), 1)
        self.assertRegex(
            said[0],
            r"^Peak memory above the limit of 105 MiB: mimalloc 1[01]\d MiB. Pages of files",
        )

    def test_what_is_odd_is_said(self) -> None:
        none = limit(8, 8, bytes=None, problem="killed by SIGSEGV")
        found = {
            "system": limit(40, 39, by_chance=True, also_enough_bytes=30 * MIB),
            "jemalloc": limit(50, 49, also_too_small_bytes=55 * MIB, output_compared=False),
            "tcmalloc": none,
        }
        said = "\n".join(self.said(found, "RLIMIT_DATA"))
        for part in (
            "smallest limit of each process's private memory",
            "system: a little below 40.0 MiB, chance decides",
            "system: 30.0 MiB are enough, too, although 39.0 MiB are not, in each of three runs",
            "Limits below the peak memory, of jemalloc and system: pages of files that others",
            "jemalloc: 55.0 MiB were not enough, although 50.0 MiB were",
            "tcmalloc: not even 8.00 MiB are enough: killed by SIGSEGV",
            "judged by its exit code alone",
        ):
            self.assertIn(part, said)


class Builds(unittest.TestCase):
    def said(self, times: dict[str, float], rounds: int = 40, noise: float = 0.02) -> str:
        rows = [name + end for name in ("jemalloc", "system") for end in ("", try_results.AGAINST)]
        named = {name.replace("+", try_results.AGAINST): t for name, t in times.items()}
        verdict = verdict_of(made(rows, rounds, cost_of(named, {}, noise), against="other"))
        self.assertEqual(verdict.comparisons, 3 * 3)
        try_verdict.table(verdict)
        return "\n".join(try_verdict.words(verdict))

    def test_difference_that_is_the_program_s(self) -> None:
        said = self.said({"system+": 1.5, "jemalloc": 0.8, "jemalloc+": 1.2})
        self.assertRegex(
            said, "time: the other build takes (49|5.) % more time .* under jemalloc and"
        )
        self.assertRegex(said, "time: the difference is the program's")
        self.assertRegex(said, "peak memory: under jemalloc and system the builds cannot be told")
        self.assertNotIn("the allocator's", said)

    def test_difference_that_is_the_allocator_s(self) -> None:
        said = self.said({"jemalloc+": 1.3})
        self.assertRegex(said, "time: under system the builds cannot be told apart")
        self.assertRegex(
            said, "beside .* system, the other build takes .* more time .* under jemalloc"
        )
        self.assertIn("that part is the allocator's", said)

    def test_what_cannot_be_told_is_said(self) -> None:
        said = self.said({"system+": 1.2, "jemalloc+": 1.2}, 14, 0.08)
        self.assertIn("time: whose the difference is cannot be told", said)
        self.assertIn("are too few to prove", self.said({"system+": 9}, 3))


class Servers(unittest.TestCase):
    def test_what_comes_back_and_when(self) -> None:
        document = made(ROWS[:2], 12, cost_of({}, {}), server="x", then=["delete"], traffic="y")
        for run in document["runs"]:
            kept = 0.5 if run["row"] == "jemalloc" else 1
            of_load = {"0": 60, "1": 10 + 50 * kept, "10": 10 + 50 * kept * kept}
            run["ready_bytes"] = 10 * MIB
            run["phases"] = [
                {"seconds": 1.0, "bytes": 60 * MIB},
                {"seconds": 2.0, "bytes": 60 * MIB},
            ]
            run["after"] = {s: int(size * MIB) for s, size in of_load.items()}
            run["traffic"] = {**run["after"], "10": 20 * MIB}
        verdict = verdict_of(document)
        self.assertIn(
            "jemalloc: gives back 0 % after command 1, 50 % within 1 s and 75 % within 10 s; with light "
            "traffic 50 % within 1 s and 80 % within 10 s, of 50.0 MiB that the load took.",
            try_verdict.words(verdict),
        )
        table = try_verdict.table(verdict).splitlines()
        (head,) = [line for line in table if "traffic +10 s" in line]
        self.assertEqual(
            re.findall(r"\S+(?: \S+)*", head.strip()),
            ["ready", "load", "then 1", "+1 s", "+10 s", "traffic +1 s", "traffic +10 s"],
        )
        self.assertTrue(verdict.claims["after 1 s", "jemalloc", "mimalloc"].differs)
        self.assertFalse(verdict.claims["traffic 10 s", "jemalloc", "mimalloc"].differs)


class Truth(unittest.TestCase):
    def claims(self, cost: Cost, seed: int, rounds: int = 14) -> list[try_claims.Claim]:
        verdict = verdict_of(made(ROWS, rounds, cost, seed))
        return [c for key, c in verdict.claims.items() if key[1] < key[2]]

    def test_precision_depends_on_the_width_alone(self) -> None:
        for factor in (1.0, 3.0):
            times = {"jemalloc": factor}
            wide = verdict_of(made(ROWS, 14, cost_of(times, {}, 0.2)))
            narrow = verdict_of(made(ROWS, 14, cost_of(times, {}, 0.002)))
            self.assertFalse(try_claims.is_precise(wide, 0.02))
            self.assertTrue(try_claims.is_precise(narrow, 0.02))

    def test_a_difference_below_the_margin_is_none(self) -> None:
        cost = cost_of({"jemalloc": 1.005}, {"jemalloc": 1.002}, 0.0001)
        self.assertFalse(any(c.differs for c in self.claims(cost, 1, 40)))

    @slow
    def test_equals_differ_in_at_most_one_of_a_hundred_comparisons(self) -> None:
        """Also in few of the families: of 120, each of 18 comparisons, at most 1 % should make a
        claim; 5 are less likely than one in a hundred."""
        families = [self.claims(cost_of({}, {}, 0.05), seed) for seed in range(120)]
        false = [sum(c.differs for c in family) for family in families]
        self.assertLessEqual(sum(false), 0.01 * sum(map(len, families)))
        self.assertLessEqual(sum(n > 0 for n in false), 4)

    @slow
    def test_what_is_planted_is_found(self) -> None:
        """10 % of time and 20 % of memory, among equals, in noise of 3 %."""
        cost = cost_of({"jemalloc": 1.1}, {"mimalloc": 1.2}, 0.03)
        for seed in range(20):
            found = {
                (c.pair.metric.name, *sorted((c.pair.one, c.pair.other)))
                for c in self.claims(cost, seed, 24)
                if c.differs
            }
            for other in ("mimalloc", "system", "tcmalloc"):
                self.assertIn(("time", "jemalloc", other), found, seed)
            for other in ("jemalloc", "system", "tcmalloc"):
                self.assertIn(("peak memory", *sorted(("mimalloc", other))), found, seed)


if __name__ == "__main__":
    unittest.main()
