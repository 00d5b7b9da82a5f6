"""The null runs of pages: what counts as a claim, and that a difference that is there is one."""

from __future__ import annotations

import contextlib
import io
import json
import sys
from pathlib import Path
from typing import Any, Sequence
from unittest import mock

from bench_results import Unusable
from driving import BUILD, ROOT, DriverTest, run, slow
from gate.base_and_head import GOMALLOC
from gate_proof import planted
from report import write
from report.test_report import noisy
from test_bench_results import document

sys.path.insert(0, str(ROOT / "scripts" / "page_proof"))

import null_runs
from null_runs import Bench, Claim, Said

PROGRAM = ROOT / "scripts" / "page_proof" / "null_runs.py"
EQUAL = {"one": 10.0, "two": 10.0}


class Pages(DriverTest):
    def page(self, *entries: Any) -> str:
        folder = self.directory / "run"
        folder.mkdir(exist_ok=True)
        (folder / "bench.json").write_text(json.dumps(document([e for of in entries for e in of])))
        made = write.write(folder, None)
        assert made
        return made.read_text()

    def places(self, rounds: int = 15, **other: dict[str, float]) -> "list[list[dict[str, Any]]]":
        """Three workloads by three numbers of threads, of equals but for those named. Of 15 rounds, a single difference can
        be told anywhere."""
        return [
            noisy(
                other.get(f"{w}{t}", EQUAL),
                workload=w,
                threads=t,
                rounds=rounds,
                seed=t + 9 * len(w),
                noise=0.02,
            )
            for w in ("tiny", "small", "large")
            for t in (1, 2, 4)
        ]

    def test_equals(self) -> None:
        self.assertEqual(null_runs.said_by(self.page(*self.places())), Said(18, 0, []))

    def test_pairs_of_which_no_single_claim_is_possible(self) -> None:
        """Of nine rounds, p is 2 in 512 at least. Of 12 pairs at 1 %, one alone needs less: five must coincide."""
        places = self.places(rounds=9)
        self.assertEqual(null_runs.said_by(self.page(*places)), Said(6, 12, []))
        places = self.places(rounds=9, small4={"one": 10.0, "two": 12.0})
        self.assertEqual(null_runs.said_by(self.page(*places)), Said(6, 12, []))

    def test_a_difference_is_a_claim(self) -> None:
        """Time and memory, either way, at the main number of threads and at another."""
        page = self.page(
            *self.places(small1={"one": 10.0, "two": 12.0}, large2={"one": 12.0, "two": 10.0})
        )
        said = null_runs.said_by(page)
        self.assertEqual(said.comparisons, 18)
        self.assertEqual(
            sorted(map(str, said.claims)),
            [
                "large/2 memory: two is better",
                "large/2 time: two is better",
                "small/1 memory: one is better",
                "small/1 time: one is better",
            ],
        )
        with mock.patch.object(null_runs, "WANTED", (("small/1", "time"), ("tiny/1", "memory"))):
            self.assertEqual(null_runs.missed(said), ["tiny/1 memory"])

    def test_sentences_that_say_something_else(self) -> None:
        page = self.page(*self.places(small2={"one": 10.0, "two": 12.0}))
        self.assertEqual(len(null_runs.said_by(page).claims), 2)
        for wrong in (page.replace("one is fastest: ", "one tells: "), "<html></html>"):
            with self.assertRaises(Unusable):
                null_runs.said_by(wrong)


class Copies(DriverTest):
    def test_each_run_has_its_own(self) -> None:
        """Else all pages share one draw of where the files lie."""
        library = self.directory / "lib.so"
        library.write_text("a library")
        seen: "list[Path]" = []

        def measured(_: Bench, libraries: Sequence[Path], seed: int) -> Path:
            self.assertEqual([p.read_text() for p in libraries], ["a library"] * 2)
            self.assertEqual(len({p.stat().st_ino for p in (library, *libraries)}), 3)
            seen.extend(libraries)
            return self.directory

        with mock.patch.object(Bench, "measured", measured), mock.patch.object(
            write, "write", return_value=library
        ), mock.patch.object(null_runs, "said_by", return_value=Said(6, 12, [])):
            with contextlib.redirect_stdout(io.StringIO()):
                null_runs.null(Bench(self.directory, self.directory, []), library, range(1, 4))
        self.assertEqual(len(set(seen)), 6)


class Promises(DriverTest):
    def tried(self, experiment: str, *claims: "list[Claim]") -> "tuple[bool, str]":
        """With pages that make these claims."""
        library = self.directory / "lib.so"
        library.write_text("")
        bench = Bench(self.directory, self.directory, [])
        said = [Said(6, 12, of) for of in claims]
        out = io.StringIO()
        with mock.patch.object(Bench, "run", side_effect=said) as runs, contextlib.redirect_stdout(
            out
        ), mock.patch.object(null_runs, "with_costs", return_value=[library, library]):
            work = null_runs.null if experiment == "null" else null_runs.find
            good = work(bench, library, range(5, 5 + len(claims)))
        self.assertEqual(
            [c.args[1] for c in runs.call_args_list], [5 + i for i in range(len(claims))]
        )
        return good, out.getvalue()

    def test_one_false_claim_may_be(self) -> None:
        claim = Claim("small/2", "time", "two")
        good, said = self.tried("null", [], [claim], [])
        self.assertTrue(good)
        self.assertIn("seed 6: 6 comparisons, 1 claims; small/2 time: two is better\n", said)
        self.assertIn("null: 1 claims on 3 pages, of 18 comparisons. Of 36 more pairs, no", said)
        self.assertIn(
            "\n1 of 3 pages make a claim. So at most 86.5% of such pages do, at 95%", said
        )
        self.assertFalse(self.tried("null", [claim], [], [claim])[0])

    def test_what_so_many_pages_show(self) -> None:
        """Tables of Clopper and Pearson's bound, one-sided, 95 %; and a page with two claims is one page."""
        for count, of, share in (
            (0, 20, 0.1391),
            (1, 20, 0.2161),
            (3, 20, 0.3437),
            (0, 1, 0.95),
            (2, 2, 1),
        ):
            self.assertAlmostEqual(null_runs.most_share(count, of), share, places=4)
        claim = Claim("small/2", "time", "two")
        self.assertIn("\n1 of 2 pages make", self.tried("null", [claim, claim], [])[1])

    def test_each_plant_must_be_found(self) -> None:
        slow_one, fat = (Claim(place, measure, "one") for place, measure in null_runs.WANTED)
        self.assertTrue(self.tried("planted", [slow_one, fat], [fat, slow_one])[0])
        wrong = Claim(slow_one.place, slow_one.measure, "two")
        good, said = self.tried("planted", [slow_one, fat], [fat, wrong])
        self.assertFalse(good)
        self.assertIn(f"MISSED: {slow_one.place} time", said)
        self.assertIn("planted: 3 of 4 found", said)

    def test_wrong_words(self) -> None:
        for words, said in (
            (["nought"], "invalid choice"),
            (["null", "--runs", "0"], "--runs needs a number above 0"),
            (["null", "--library", "none.so"], "none.so: there is no such library"),
        ):
            done = run(PROGRAM, *words)
            self.assertEqual(done.returncode, 2, done.stderr)
            self.assertIn(said, done.stderr)


@slow
class Real(DriverTest):
    def measured(self, libraries: Sequence[Path]) -> Said:
        """With rounds enough that a test of signs can tell, of the row of memory alone."""
        threads = str(null_runs.THREADS)
        words = ["--quick", "--workloads", "tiny", "--threads", threads, "--repetitions", "8"]
        return Bench(self.directory, self.directory, words).run(libraries, 1)

    def test_a_plant_of_memory_is_claimed(self) -> None:
        """Of a real run; what it says of time depends on the machine, and is not looked at."""
        library = BUILD / GOMALLOC
        plants: list[list[planted.Plant]] = [[], [planted.leak(null_runs.FAT, null_runs.FATTER)]]
        libraries = [
            planted.build(library, of, self.directory / f"{name}.so")
            for name, of in zip(null_runs.NAMES, plants)
        ]
        self.assertIn(Claim(*null_runs.WANTED[1], "one"), self.measured(libraries).claims)
