"""results.py on a stored run, and on runs that are made up."""

import copy
import json
import math
import os
import tempfile
import unittest
from pathlib import Path
from typing import Any, Callable, Iterator, Optional

import bench_results
import programs_table
from bench_results import Results, Spread, Unusable
from driving import run_python
from fleet import parts
from gate import rejudge, samples
from gate.findings import Refusal
from verdicts import try_results

EXAMPLE = Path(__file__).resolve().parent.parent / "results" / "example"


def entry(allocator: str, ns: float, **more: Any) -> dict[str, Any]:
    """One sample, of `tiny` by one thread if nothing else is said."""
    workload, threads = more.get("workload", "tiny"), more.get("threads", 1)
    return {
        "name": f"{workload}/{allocator}/threads:{threads}",
        "run_type": "iteration",
        "workload": workload,
        "allocator": allocator,
        "threads": threads,
        "digest": "0" * 16,
        "ns_per_op": ns,
        "ops_per_second": 1e9 / ns,
        "live_bytes": 1 << 20,
        "rss_start_bytes": 1 << 20,
        "rss_live_bytes": 3 << 20,
        "vsz_live_bytes": 5 << 20,
        "rss_drained_bytes": 2 << 20,
        **more,
    }


def failed(allocator: str, cause: str = "no luck", **more: Any) -> dict[str, Any]:
    """A failed sample; its numbers would be seen if they were used."""
    return {**entry(allocator, 1e-3, **more), "error_occurred": True, "error_message": cause}


def document(entries: list[dict[str, Any]], **facts: Any) -> dict[str, Any]:
    """A bench.json of these samples on 2 CPUs; `null` is the floor, lib*.so are preloaded."""
    names = sorted({e["allocator"] for e in entries})
    own = {
        "version": "v1",
        "started": "2026-01-02T03:04:05Z",
        "machine": {"cpus_usable": 2, "cpu": "Model 7"},
        "allocators": [
            {"name": n, "floor": n == "null", "preload": n.startswith("lib")} for n in names
        ],
        **facts,
    }
    return {"context": {"host_name": "box", "spanbench": own}, "benchmarks": entries}


def made_up(entries: list[dict[str, Any]], **facts: Any) -> Results:
    return bench_results.parse(document(entries, **facts))


class Statistics(unittest.TestCase):
    def test_quartiles(self) -> None:
        self.assertEqual(Spread.of([7]), Spread(7, 7, 7))
        self.assertEqual(Spread.of([3, 1, 2]), Spread(1.5, 2, 2.5))
        self.assertEqual(Spread.of([1, 2, 3, 4, 100]), Spread(2, 3, 4))

    def test_range(self) -> None:
        self.assertEqual(Spread.of([4, 1, 2], quartiles=False), Spread(1, 2, 4))

    def test_scaled(self) -> None:
        self.assertEqual(Spread(1, 2, 5).scaled(3), Spread(3, 6, 15))

    def test_overlap(self) -> None:
        self.assertTrue(Spread(1, 2, 3).overlaps(Spread(3, 4, 5)))
        self.assertTrue(Spread(3, 4, 5).overlaps(Spread(1, 2, 3)))
        self.assertTrue(Spread(1, 4, 9).overlaps(Spread(2, 3, 4)))
        self.assertFalse(Spread(1, 2, 3).overlaps(Spread(3.1, 4, 5)))
        self.assertFalse(Spread(3.1, 4, 5).overlaps(Spread(1, 2, 3)))

    def test_quartiles_from_five_samples_of_every_row(self) -> None:
        times = [1, 2, 4, 8, 16]
        for a, b, spread, name in (
            (times, times, Spread(2, 4, 8), "quartiles"),
            (times, times[:4], Spread(1, 4, 16), "min .. max"),
        ):
            run = made_up([entry("a", t) for t in a] + [entry("b", t) for t in b])
            self.assertEqual(run.rows[0].spread("ns_per_op"), spread)
            self.assertEqual(run.spread_name, name)
        run = made_up([*(entry("a", t) for t in times), failed("b")])
        self.assertEqual(run.spread_name, "quartiles", "a row without samples has no say")

    def test_memory_ratio(self) -> None:
        sizes = [(10, 30, 4), (10, 50, 4), (10, 40, 2)]
        run = made_up(
            [
                entry("a", 1, rss_start_bytes=s, rss_live_bytes=r, live_bytes=live)
                for s, r, live in sizes
            ]
        )
        self.assertEqual(run.rows[0].memory_ratio("rss_live_bytes"), Spread(5, 10, 15))
        self.assertIsNone(run.rows[0].memory_ratio("rss_purged_bytes"))
        nothing = made_up([entry("a", 1, live_bytes=0)]).rows[0]
        self.assertIsNone(nothing.memory_ratio("rss_live_bytes"))

    def test_memory_is_what_came_on_top_of_the_start(self) -> None:
        (row,) = made_up([entry("a", 1, rss_start_bytes=s) for s in (5, 9, 7)]).rows
        self.assertEqual(
            row.above_start("rss_live_bytes"),
            Spread((3 << 20) - 9, (3 << 20) - 7, (3 << 20) - 5),
        )
        self.assertIsNone(row.above_start("rss_purged_bytes"))

    def test_live_and_slack_and_kept_add_up(self) -> None:
        entries = [
            entry("a", 1, live_bytes=50, usable_bytes=60 + k, untouched_bytes=7, rss_start_bytes=1000,
                  rss_live_bytes=1100 + k)
            for k in (0, 10, 20)
        ]  # fmt: skip
        (row,) = made_up(entries).rows
        self.assertEqual(row.slack(), Spread(10, 20, 30))
        self.assertEqual(row.kept(), Spread(47, 47, 47))
        (row,) = made_up([entry("a", 1, live_bytes=50, usable_bytes=60), entry("a", 1)]).rows
        self.assertIsNone(row.slack())
        self.assertIsNone(row.kept())

    def test_slack_that_only_repeats_what_was_asked_for_is_not_told(self) -> None:
        for usable, told in (((50, 50), False), ((50, 51), True)):
            (row,) = made_up([entry("a", 1, live_bytes=50, usable_bytes=u) for u in usable]).rows
            self.assertEqual((row.slack() is None, row.kept() is None), (not told, not told))

    def test_sample_count(self) -> None:
        run = made_up([entry("a", 1), entry("a", 2), entry("b", 1), failed("b"), failed("c")])
        self.assertEqual(bench_results.sample_count(run.rows), "1 to 2 samples")
        self.assertEqual(bench_results.sample_count(run.rows[:1]), "2 samples")
        self.assertEqual(bench_results.sample_count(run.rows[1:2]), "1 sample")
        self.assertEqual(bench_results.sample_count(run.rows[2:]), "0 samples")


class Parsing(unittest.TestCase):
    def test_example(self) -> None:
        run = bench_results.load(EXAMPLE)
        self.assertEqual(run.workloads, ["tiny", "small", "large"])
        self.assertEqual(run.allocators[-1], "null")
        entries = json.loads((EXAMPLE / "bench.json").read_text())["benchmarks"]
        self.assertEqual(sum(len(r.samples) + len(r.failures) for r in run.rows), len(entries))
        row = run.row("tiny", "system", 1)
        assert row
        wall = sorted(e["ns_per_op"] for e in entries if e["name"] == "tiny/system/threads:1")
        middle = wall[(len(wall) - 1) // 2] + wall[len(wall) // 2]
        self.assertAlmostEqual(row.median("ns_per_op"), middle / 2)

    def test_timeline(self) -> None:
        series = bench_results.load_timeline(EXAMPLE / "timeline.csv")
        run = bench_results.load(EXAMPLE)
        self.assertEqual({a for _, a, _ in series}, set(run.allocators))
        for s in series.values():
            self.assertEqual(len(s.seconds), len(s.vsz))
            self.assertTrue(all(0 < r <= v for r, v in zip(s.rss, s.vsz)))

    def test_failed_samples_are_in_no_number(self) -> None:
        run = made_up([entry("a", 4), failed("a", digest="1" * 16), entry("b", 2), failed("c")])
        a = run.row("tiny", "a", 1)
        assert a
        self.assertEqual(a.spread("ns_per_op"), Spread(4, 4, 4))
        self.assertEqual(a.failures, ["no luck"])
        self.assertEqual({r.allocator: r.ranked for r in run.rows}, {"a": 0, "b": 1, "c": 0})

    def test_the_floor_is_not_ranked_and_comes_last(self) -> None:
        run = made_up([entry("null", 1), entry("z", 1)])
        self.assertEqual([r.ranked for r in run.rows], [False, True])
        self.assertEqual([r.label for r in run.rows], ["null (floor)", "z"])
        self.assertEqual(run.allocators, ["z", "null"])

    def test_aggregates_are_left_out(self) -> None:
        run = made_up([entry("a", 1), entry("a", 9, run_type="aggregate")])
        self.assertEqual(len(run.rows[0].samples), 1)

    def test_different_requests_are_never_compared(self) -> None:
        with self.assertRaisesRegex(ValueError, r"tiny at 1 thread .*requests \(a, b\)"):
            made_up([entry("a", 1), entry("b", 1, digest="1" * 16)])
        one: dict[str, Any] = {"block": 0, "seed": 7}
        two: dict[str, Any] = {"block": 1, "seed": 8, "digest": "1" * 16}
        run = made_up([entry(a, 1, **of) for of in (one, two) for a in ("a", "b")])
        self.assertEqual([len(r.samples) for r in run.rows], [2, 2], "each round has its own")
        with self.assertRaisesRegex(ValueError, r"in block 0 made different requests \(a, b\)"):
            made_up([entry("a", 1, **one), entry("b", 1, **{**two, "block": 0})])
        with self.assertRaisesRegex(ValueError, r"in seed 7 made different requests \(a, b\)"):
            made_up([entry("a", 1, **one), entry("b", 1, **{**two, "seed": 7})])
        made_up([entry("a", 1), entry("b", 1, digest="1" * 16, threads=2)])

    def test_order_and_choice(self) -> None:
        run = made_up(
            [
                entry("a", 1, threads=t, workload=w, live_bytes=live * t)
                for t in (4, 2, 1)
                for w, live in (("zero", 1), ("big", 3), ("mid", 2))
            ]
        )
        self.assertEqual(run.workloads, ["zero", "mid", "big"])
        self.assertEqual(run.thread_counts, [1, 2, 4])
        self.assertEqual(run.main_threads, 2)
        for counts, nearest in (((8, 4), 4), ((1, 3), 3), ((1, 4), 1), ((1, 5), 1)):
            run = made_up([entry("a", 1, threads=t) for t in counts])
            self.assertEqual(run.main_threads, nearest, counts)
        for counts, cpus, nearest in (((2, 7), 4, 7), ((9, 4), 6, 4), ((3, 12), 6, 3)):
            self.assertEqual(bench_results.nearest(counts, cpus), nearest, "as near: the smaller")


class ForeignText(unittest.TestCase):
    def test_it_is_one_line_that_does_nothing(self) -> None:
        evil = "a\n::error::b\r\u0085\x9b\x1b\u202e\u2066\u200f\u061c\u2028##[c] ###d caf\u00e9"
        self.assertEqual(bench_results.printable(evil), "a ::error::b #[c] #d caf\u00e9")

    def test_names_of_files(self) -> None:
        said = bench_results.printable("x\n::error::y.json")
        missing = run_python(Path(__file__).with_name("table.py"), "x\n::error::y.json")
        self.assertEqual((missing.returncode, missing.stdout), (2, ""))
        self.assertIn(f"table.py: {said}: ", missing.stderr)


class FactsOfARun(unittest.TestCase):
    def test_title(self) -> None:
        expected = "spanbench v1 on box, Model 7, 2 CPUs; 2026-01-02 03:04 UTC"
        self.assertEqual(made_up([entry("a", 1)]).title, expected)
        little = made_up([entry("a", 1)], version=None, started="?", machine={"cpus_usable": 1})
        self.assertIn("(version unknown) on box, CPU unknown, 1 CPU; ?", little.title)

    def test_nothing_to_say(self) -> None:
        quiet = [entry("a", 1, others_cpu_share=s) for s in [0.9] + [0.05] * 10]
        self.assertEqual(made_up(quiet, quick=False, complete=True, environment={}).caveats, [])

    def test_caveats(self) -> None:
        samples = [entry("a", 1, others_cpu_share=s) for s in (0.06, 0.12, 0.0)]
        cases: list[tuple[dict[str, Any], str]] = [
            ({"quick": True}, "QUICK RUN: a quarter of the work, 3 samples: not for comparison"),
            ({"complete": False}, "INTERRUPTED"),
            ({"environment": {"B": "2", "A": "1"}}, "ENVIRONMENT: .* set: A=1 B=2$"),
            (
                {},
                "BUSY MACHINE: others took 12% of the CPUs",
            ),
            ({"machine": {"cpus_usable": 2, "address_randomization": False}}, "FIXED ADDRESSES"),
            ({"machine": {"cpus_usable": 2, "randomize_va_space": "0"}}, "FIXED ADDRESSES"),
        ]
        for facts, said in cases:
            caveats = made_up(samples, **facts).caveats
            self.assertEqual(len(caveats), 1 + bool(facts))
            self.assertRegex("\n".join(caveats), f"(?m)^{said}")

    def test_the_driver_says_which_samples_are_in_doubt(self) -> None:
        shares = [0.5] * 2 + [0.0] * 18
        for busy, said in ((0, False), (1, True)):
            run = made_up([entry("a", 1, others_cpu_share=s, busy=busy * (s > 0)) for s in shares])
            self.assertEqual(any("BUSY" in c for c in run.caveats), said)
            self.assertEqual(run.rows[0].busy, 2 * busy)
        fewer = [entry("a", 1, others_cpu_share=s, busy=int(s > 0)) for s in shares[1:]]
        self.assertEqual(made_up(fewer + fewer[1:]).caveats, [], "less than a tenth of them")

    def test_names_keep_their_places(self) -> None:
        """Whatever is chosen, skipped or preloaded."""
        known = ["a", "b", "c", "null"]
        for chosen in (["a", "b"], ["b", "null"], ["b", "libaaa.so"]):
            names = sorted({*known, *chosen})
            run = made_up([entry(n, 1) for n in chosen], names=names)
            self.assertEqual(run.facts.names[:4], known)
        self.assertEqual(run.facts.names[4:], ["libaaa.so"])

    def test_those_that_are_no_row(self) -> None:
        absent = [{"name": "x", "skipped": "no libx"}, {"name": "y", "broken": "crashed"}]
        run = made_up([entry("a", 1)], allocators=[{"name": "a"}, *absent])
        self.assertEqual(run.facts.absent, [("x", "no libx"), ("y", "crashed")])
        self.assertEqual(run.facts.names, ["a", "x", "y"], "if the run does not say all names")


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of everything in a document."""
    yield path
    if isinstance(value, (dict, list)):
        for key in value if isinstance(value, dict) else range(len(value)):
            yield from places(value[key], (*path, key))


class Shape(unittest.TestCase):
    def refusal(self, bad: Any) -> str:
        with self.assertRaises(ValueError) as caught:
            bench_results.parse(bad)
        return str(caught.exception)

    def test_the_place_is_named(self) -> None:
        def without(key: str) -> Any:
            return [{k: v for k, v in entry("a", 1).items() if k != key}]

        for key in ("workload", "allocator", "threads", "digest", "run_type", "live_bytes"):
            text = f"benchmarks[0] (tiny/a/threads:1): {key} is missing"
            self.assertEqual(self.refusal({"benchmarks": without(key)}), text)
        for key, value, kind in (
            ("threads", "1", "a number"),
            ("threads", True, "a number"),
            ("workload", 3, "a string"),
            ("rss_live_bytes", "1", "a number"),
            ("rss_live_bytes", -1, "a number"),
            ("rss_live_bytes", False, "a number"),
            ("rss_purged_bytes", [], "a number"),
            ("ns_per_op", 0, "a positive number"),
            ("ns_per_op", math.nan, "a positive number"),
            ("error_occurred", 1, "true or false"),
        ):
            text = self.refusal(document([{**entry("a", 1), key: value}]))
            self.assertEqual(text, f"benchmarks[0] (tiny/a/threads:1): {key} is not {kind}")
        for key in ("ns_per_op", "rss_live_bytes"):
            text = self.refusal(document([{**entry("a", 1), key: 1e-300}]))
            self.assertIn(f"{key} is too small to have been measured", text)
        self.assertIn("threads is out of range", self.refusal(document([entry("a", 1, threads=0)])))
        self.assertEqual(self.refusal(document([])), "no samples")
        self.assertEqual(self.refusal([]), "the file is not an object")
        self.assertEqual(self.refusal({}), "the file: benchmarks is missing")
        headless = {"benchmarks": [entry("a", 1)]}
        self.assertEqual(self.refusal(headless), "context is not an object")
        machineless = document([entry("a", 1)], machine=None)
        self.assertEqual(self.refusal(machineless), "context.spanbench: machine is missing")

    def test_whatever_is_wrong_is_a_value_error(self) -> None:
        whole = document(
            [entry("a", 1, others_cpu_share=0), failed("b")],
            names=["a"],
            environment={"A": "1"},
            timeline_failures=[{"name": "n", "cause": "c"}],
            quick=True,
        )
        bench_results.parse(whole)
        values: list[Any] = [None, [], {}, [[]], "x", -1, 10**400, math.inf, True]
        refused = 0
        for path in list(places(whole))[1:]:
            for value in values:
                bad = copy.deepcopy(whole)
                parent = bad
                for key in path[:-1]:
                    parent = parent[key]
                parent[path[-1]] = value
                try:
                    bench_results.parse(bad)
                except ValueError:
                    refused += 1
        self.assertGreater(refused, 100)

    def test_texts_are_one_line_that_can_be_printed(self) -> None:
        run = made_up([entry("a", 1), failed("b\n\033[1m", "line\nline\ud800")])
        self.assertEqual(run.rows[1].allocator, "b [1m")
        self.assertEqual(run.rows[1].failures, ["line line"])

    def test_null_is_absent(self) -> None:
        self.assertFalse(
            made_up([entry("a", 1, rss_purged_bytes=None)]).rows[0].has("rss_purged_bytes")
        )
        self.assertTrue(
            made_up([entry("a", 1, rss_purged_bytes=0)]).rows[0].has("rss_purged_bytes")
        )


class Files(unittest.TestCase):
    def refusal(self, content: Optional[bytes], timeline: bool = False) -> str:
        with tempfile.TemporaryDirectory(prefix="spanbench-test-") as directory:
            file = Path(directory) / ("timeline.csv" if timeline else "bench.json")
            if content is not None:
                file.write_bytes(content)
            with self.assertRaises(Unusable) as caught:
                bench_results.load_timeline(file) if timeline else bench_results.load(
                    Path(directory)
                )
            text = str(caught.exception)
            self.assertTrue(text.startswith(f"{file}" + ": " * (content is not None)), text)
            self.assertNotIn("\n", text)
            return text

    def test_what_cannot_be_used(self) -> None:
        for content, reason in (
            (b"", "not JSON: Expecting value"),
            (b'{"a": ', "not JSON"),
            (b"\xff\xfe", "not UTF-8 at byte 0"),
            (b"[" * 100000, "nested too deeply"),
            (b'{"benchmarks":' + b"[" * 500 + b"]" * 500 + b"}", "not a run of spanbench"),
            (b"[]", "not a run of spanbench: the file is not an object"),
            (b"1" * 5000, "not a run of spanbench"),
        ):
            self.assertIn(reason, self.refusal(content))

    def test_the_version_of_the_format(self) -> None:
        """A file of before has none. Another one is refused, and what reads it is named; so in all that read files."""
        example = json.loads((EXAMPLE / "bench.json").read_text())
        program = json.loads((EXAMPLE.parent / "programs" / "gcc.json").read_text())
        for document in (example, program):  # made to be of before
            document.pop("schema", None)
        versions = [example["context"]["spanbench"]["version"], program["version"]]
        with tempfile.TemporaryDirectory(prefix="spanbench-test-") as directory:
            file = Path(directory) / "x.json"
            readers: list[tuple[Any, list[Callable[[Path], Any]]]] = [
                (example, [bench_results.load, parts.read]),
                (program, [try_results.load, programs_table.read, parts.read]),
            ]
            for (document, reads), version in zip(readers, versions):
                for read in reads:
                    for schema in (None, 1):
                        known = document if schema is None else {"schema": schema, **document}
                        file.write_text(json.dumps(known))
                        read(file)
                    for odd in (2, 0, 1.5, "1", True, [], {}):
                        file.write_text(json.dumps({"schema": odd, **document}))
                        with self.assertRaises((Unusable, ValueError)) as caught:
                            read(file)
                        said = str(caught.exception)
                        self.assertIn(
                            f"its schema is {odd!r}, and this spanbench knows 1 alone; ", said
                        )
                        self.assertIn(
                            f"read it with the spanbench that wrote it, {version}, or update this one",
                            said,
                        )
            file.write_text(json.dumps({**example, "schema": 2}))
            with self.assertRaisesRegex(
                Refusal, "x.json cannot be judged: its schema is 2, and this"
            ):
                samples.load(file, "stage-1")
            file.write_text(json.dumps({"schema_version": 2, "machine": {"spanbench": "v9"}}))
            with self.assertRaisesRegex(
                Refusal, "its schema_version is 2, and .* with the spanbench that wrote it, v9, or"
            ):
                rejudge.read(file)
            file.write_text(
                json.dumps(
                    {"schema": 2, "context": {"spanbench": {"version": "\x1b[31m" + "v" * 90}}}
                )
            )
            self.assertRegex(self.refusal(file.read_bytes()), r"wrote it, \[31mv{35,40}, or update")

    def test_what_is_another_folder(self) -> None:
        """What it is, and what shows it."""
        with tempfile.TemporaryDirectory(prefix="spanbench-test-") as directory:
            place = Path(directory)

            def said(path: Path) -> str:
                with self.assertRaises(Unusable) as caught:
                    bench_results.load(path)
                return str(caught.exception)

            self.assertEqual(
                said(place),
                f"{place}: not a run, for it has no bench.json; name the folder of a run (make bench makes one)",
            )
            (place / "latest").mkdir()
            self.assertIn(f"you may mean {place}/latest (", said(place))
            for name, (command, shows) in bench_results.OTHERS.items():
                file = place / "latest" / name
                file.touch()
                for path in (file, file.parent):
                    self.assertIn(f"{path}: a run of spanbench {command}, not", said(path))
                    self.assertTrue(said(path).endswith(shows.format(file.parent)), said(path))
                file.unlink()
                script = Path(__file__).parent.parent / shows.split()[0]
                self.assertTrue(script.suffix != ".py" or script.exists(), script)

    def test_timelines_that_cannot_be_used(self) -> None:
        head = b"workload,allocator,threads,seconds,rss_bytes,vsz_bytes\n"
        self.refusal(None, timeline=True)
        for content, line in (
            (head + b"w,a,1,0.5,7,8\nw,a,1\n", 3),
            (head + b"w,a,one,0.5,7,8\n", 2),
            (b"a,b\n1,2\n", 2),
            (head + b"w,a,1,nan,7,8\n", 2),
            (head + b"w,a,1,0.5,-7,8\n", 2),
            (b"\xff\n", 1),
            (head + b"w,a,1,0.5,7," + b"8" * 200000, 1),
        ):
            text = self.refusal(content, timeline=True)
            self.assertIn(f"line {line} is not one of a timeline", text)

    def test_file_or_directory(self) -> None:
        by_file = bench_results.load(EXAMPLE / "bench.json")
        self.assertEqual(len(by_file.rows), len(bench_results.load(EXAMPLE).rows))

    @unittest.skipIf(os.geteuid() == 0, "root may read everything")
    def test_unreadable(self) -> None:
        with tempfile.TemporaryDirectory(prefix="spanbench-test-") as directory:
            file = Path(directory) / "bench.json"
            file.touch(0)
            with self.assertRaisesRegex(Unusable, "bench.json: Permission denied"):
                bench_results.load(file)

    def test_what_is_stored_names_no_folder_of_its_machine(self) -> None:
        """The libraries that were built there are build/lib….so."""
        stored = [p for p in EXAMPLE.parent.rglob("*.json") if "Z-" not in str(p)]
        self.assertGreater(len(stored), 20)
        for file in stored:
            self.assertNotRegex(file.read_text(), r'"/[^"]*/build/', file)
