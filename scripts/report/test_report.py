"""The page of a bench run: what it says and shows, of stored and of made-up runs."""

import html
import json
import random
import re
import shutil
import subprocess
import unittest
import xml.etree.ElementTree
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, Optional

import bench_results
import comparing
import palette
import paired
from bench_results import MIB
from driving import ROOT, DriverTest, clean_environment, run, slow
from report import (
    bench,
    catalogue,
    dots,
    facts,
    model,
    panels,
    ranges,
    scale,
    study,
    summary,
    svg,
    tables,
)
from test_bench_results import EXAMPLE, document, entry, failed, made_up

MAIN = ROOT / "scripts" / "report" / "__main__.py"
RECOMPUTE = ROOT / "scripts" / "report" / "recompute.mjs"
FINDING = r'<li id="s-(?!purge|scope)[^>]*" class="finding">.*?</li>'  # that it recomputes
MARKUP = "<b onclick=alert(1)>&\"'</b><script>x</script>--></svg>"


def facts_of(of: dict[str, Any]) -> facts.Facts:
    return facts.facts_of(of["context"]["spanbench"], of["context"])


def page_of(of: dict[str, Any], series: Any = None, problem: str = "") -> model.Page:
    return bench.page(bench_results.parse(of), series or {}, facts_of(of), problem)


def noisy(
    times: dict[str, float], rounds: int = 9, noise: float = 0.03, seed: int = 1, **more: Any
) -> list[dict[str, Any]]:
    """Each allocator's samples scatter around its time; memory is twice that in MiB above the start."""
    source = random.Random(seed)
    found = []
    for block in range(rounds):
        for name, time in times.items():
            ns, mib = (time * factor * 2.718 ** source.gauss(0, noise) for factor in (1, 2))
            rss = int(MIB + mib * MIB)
            found.append(
                entry(name, ns, block=block, rss_live_bytes=rss, rss_peak_bytes=rss, **more)
            )
    return found


def large_run() -> "tuple[dict[str, Any], str]":
    """Of 20 allocators, 25 workloads and three numbers of threads: a bench.json, and its timeline."""
    source = random.Random(1)
    times = {("system" if i == 0 else f"allocator-{i}"): 5.0 + i for i in range(20)}
    loads = [f"family_{i}" for i in range(25)]
    entries = [
        {**e, "usable_bytes": MIB + source.randrange(MIB)}
        for w in loads
        for t in (1, 2, 4)
        for e in noisy(times, workload=w, threads=t, seed=t)
    ]
    names = "start", "timed operations", "all live", "all freed", "all purged"
    passes = [
        {
            "workload": w,
            "allocator": a,
            "threads": 2,
            "reached": [{"name": n, "seconds": i / 5} for i, n in enumerate(names)],
        }
        for w in loads
        for a in times
    ]
    lines = ["workload,allocator,threads,seconds,rss_bytes,vsz_bytes"]
    lines += [
        f"{w},{a},2,{i / 100},{MIB + source.randrange(9 * MIB)},{20 * MIB}"
        for w in loads
        for a in times
        for i in range(100)
    ]
    return document(entries, timeline_passes=passes), "\n".join(lines) + "\n"


def said(p: model.Page) -> str:
    folded = [s for fold in p.more for s in fold.sentences]
    return "\n".join(s.text for s in (*p.gaps, *p.findings, *folded))


class Sentences(unittest.TestCase):
    def test_the_best_is_named_with_its_ratio(self) -> None:
        text = said(page_of(document(noisy({"system": 10.0, "quick": 5.0, "slow": 20.0}))))
        found = re.search(
            r"On tiny at 1 thread, quick is fastest: an operation takes (\S+) ns, (\S+) times system's "
            r"\(95 % interval: (\S+) to (\S+)\)\. All others are worse for sure\.",
            text,
        )
        assert found, text
        time, ratio, low, high = map(float, found.groups())
        self.assertAlmostEqual(time, 5, delta=0.3)
        self.assertAlmostEqual(ratio, 0.5, delta=0.03)
        self.assertTrue(low <= ratio <= high)
        self.assertIn("quick takes least memory: ", text)
        self.assertIn("On tiny at 1 thread, quick is not clearly beaten", text)

    def test_a_tie_says_what_would_have_been_seen(self) -> None:
        text = said(page_of(document(noisy({"system": 10.0, "a": 5.0, "b": 5.0}, noise=0.05))))
        found = re.search(
            r"On tiny at 1 thread, (?:a and b|b and a) tie as the fastest \(a difference of (\d+) % would have been seen\)\. "
            r"The lowest median is [ab]'s: an operation takes",
            text,
        )
        assert found, text
        self.assertTrue(5 <= int(found[1]) <= 25, found[1])

    def test_each_number_of_threads_is_open(self) -> None:
        entries = [e for t in (1, 2, 4) for e in noisy({"system": 10.0, "a": 5.0}, threads=t)]
        made = page_of(document(entries))
        self.assertEqual([f.title for f in made.more], ["At 1 thread", "At 4 threads"])
        for fold, at in zip(made.more, ("1 thread", "4 threads")):
            self.assertTrue(fold.open and len(fold.sentences) == 3)
            self.assertTrue(all(s.text.startswith(f"On tiny at {at}, ") for s in fold.sentences))

    def test_all_alike(self) -> None:
        text = said(page_of(document(noisy({"system": 10.0, "a": 10.0}))))
        self.assertIn("no allocator is shown to be faster than another (a difference of", text)
        self.assertNotIn("fastest", text)

    def test_one_sample_claims_nothing(self) -> None:
        text = said(page_of(document(noisy({"system": 10.0, "a": 5.0}, rounds=1))))
        self.assertIn("is fastest by one sample, which may be noise", text)
        self.assertNotIn("beaten in speed", text)

    def test_twenty_null_runs_claim_nothing(self) -> None:
        """An allocator under two names, by all numbers of threads, differs by chance."""
        claims = 0
        for seed in range(20):
            entries = [
                e
                for threads in (1, 2, 4)
                for workload in ("tiny", "small", "large")
                for e in noisy({"system": 10.0, "same": 10.0}, seed=seed * 9 + threads, noise=0.1,
                               workload=workload, threads=threads)
            ]  # fmt: skip
            s = study.study(made_up(entries))
            claims += sum(len(q.apart) for p in s.places.values() for q in p.asked)
            self.assertEqual(len(s.places), 9)
        self.assertLessEqual(claims, 1)

    def test_the_answer_and_the_page_claim_the_same(self) -> None:
        run = bench_results.load(EXAMPLE)
        s = study.study(run)
        assert s.answer
        for (workload, measure), q in s.answer.questions.items():
            p = s.places[workload, s.answer.threads]
            self.assertIs(p.time if measure == "time" else p.memory, q)

    def test_the_answer_is_the_same_whatever_is_beside_it(self) -> None:
        """Three families: what is found in one, or how many pairs it has, moves no other. Nine rounds of these times are at
        the edge of what can be told."""
        core = noisy({"system": 10.0, "a": 10.3, "b": 10.6}, noise=0.02)
        own = [{"name": "tiny", "group": "core"}, {"name": "w", "group": "threads"}]
        beside = noisy({f"x{i}": 2.0**i for i in range(9)}, workload="w")
        more = [e for t in (4, 8) for e in noisy({"system": 1.0, "a": 9.0}, threads=t)]
        alone, whole = (
            study.study(made_up(e, workloads=own)) for e in (core, core + beside + more)
        )
        for one, other in zip(alone.main("tiny").asked, whole.main("tiny").asked):
            self.assertEqual((one.apart, one.level), (other.apart, other.level))
        apart = study.study(made_up(beside, workloads=own)).main("w").asked
        self.assertEqual([q.level for q in apart], [q.level for q in whole.main("w").asked])

    def test_the_rates_are_those_that_the_page_tells(self) -> None:
        """Of equals, one more claim needs its family's rate, divided by its pairs."""
        own = [{"name": "tiny", "group": "core"}, {"name": "w", "group": "threads"}]
        equal = {"system": 10.0, "a": 10.0, "b": 10.0}
        entries = [
            e for w in ("tiny", "w") for t in (1, 2, 4) for e in noisy(equal, workload=w, threads=t)
        ]
        s = study.study(made_up(entries, workloads=own))
        for (workload, threads), p in s.places.items():
            for q in p.asked:
                main = threads == s.main_threads(workload)
                self.assertAlmostEqual(q.level, 0.05 / 6 if main else 0.01 / 24)
        for part in (
            "On average over runs, at most 5 % of the claims of a family",
            "of the third 1 %.",
        ):
            self.assertIn(part, summary.MEANING)

    def test_other_groups_have_their_peak_of_memory(self) -> None:
        entries = noisy({"system": 10.0, "a": 5.0}) + noisy({"system": 9.0, "a": 5.0}, workload="w")
        own = [{"name": "tiny", "summary": "s"}, {"name": "w", "summary": "t", "group": "threads"}]
        made = page_of(document(entries, workloads=own))
        self.assertIn("On w at 1 thread, a has the lowest peak of memory", said(made))
        (fold,) = made.more
        self.assertEqual((fold.title, fold.open), ("Workloads of the group threads", False))
        self.assertEqual({s.group for s in fold.sentences}, {"threads"})
        shown = {part.workload: part.shown for s in made.sections for part in s.parts}
        self.assertEqual(shown, {"tiny": True, "w": False})

    def test_keys_are_different(self) -> None:
        names = ["a b", "a_b", "a-b", "a.b", "a/b", "a%b", "ä"]
        self.assertEqual(len({summary.key_of("s", n) for n in names}), len(names))


class Gaps(unittest.TestCase):
    def test_what_is_missing_is_named(self) -> None:
        entries = noisy({"system": 10.0, "a": 5.0}) + [failed("a", "it crashed", block=9)]
        of = document(
            entries,
            complete=False,
            quick=True,
            timeline_failures=[{"name": "tiny/a", "cause": "no time"}],
            unmeasured=[{"workload": "huge", "why": "too little memory"}],
        )
        of["context"]["spanbench"]["allocators"].append({"name": "gone", "skipped": "no package"})
        text = said(page_of(of))
        for part in (
            "INTERRUPTED",
            "QUICK RUN",
            "FAILED: a on tiny at 1 thread, 1 of 10 samples: it crashed.",
            "Not here: gone: no package.",
            "Not measured: huge: too little memory.",
            "Memory over time of tiny/a was not recorded: no time.",
            "Memory over time is not shown: the run has no timeline.csv.",
        ):
            self.assertIn(part, text)

    def test_more_threads_than_cpus(self) -> None:
        text = said(page_of(document(noisy({"system": 10.0, "a": 5.0}, threads=4))))
        self.assertIn("OVERSUBSCRIBED: at 4 threads on 2 CPUs", text)

    def test_without_the_c_library(self) -> None:
        text = said(page_of(document(noisy({"b": 10.0, "a": 5.0}))))
        self.assertIn("system was not measured, or failed: numbers are multiples of", text)

    def test_nothing_good(self) -> None:
        self.assertIn("No sample is good", said(page_of(document([failed("a"), failed("b")]))))
        self.assertIn("Only the floor was measured", said(page_of(document([entry("null", 1)]))))

    def test_nothing_at_the_main_number_of_threads(self) -> None:
        """What is known at others is said all the same."""
        entries = noisy({"system": 10.0, "a": 5.0}, threads=4) + [failed("a", threads=2)]
        text = said(page_of(document(entries)))
        self.assertIn("Nothing can be ranked at the number of threads nearest to the CPUs.", text)
        self.assertIn("On tiny at 4 threads, a is fastest", text)
        self.assertNotIn("floor", text)

    def test_of_few_rounds_nothing_is_promised(self) -> None:
        self.assertEqual(paired.smallest_seen([0.1, 9.0], 0.02, 0.001, 0.1), float("inf"))
        made = page_of(document(noisy({"system": 10.0, "a": 10.2}, rounds=2, noise=0.2)))
        self.assertIn("2 samples of each are too few to tell time apart", said(made))


class Smallest(unittest.TestCase):
    """The difference that would have been seen."""

    def found(self, rounds: int, difference: float) -> int:
        source = random.Random(5)
        hits = 0
        for _ in range(100):
            d = [difference + source.gauss(0, 0.1) for _ in range(rounds)]
            hits += paired.p_beyond(d, comparing.INTEREST, 0.1) <= 0.05
        return hits

    def test_it_is_found_as_often_as_it_says(self) -> None:
        for rounds in (3, 5, 9, 20):
            shift = paired.needed_shift(rounds, 0.05) * 0.1 + 0.0198
            self.assertGreaterEqual(self.found(rounds, shift), 88, rounds)
            self.assertLess(self.found(rounds, shift / 2), 88, rounds)

    def test_what_cannot_be_found(self) -> None:
        self.assertEqual(paired.needed_shift(1, 0.05), float("inf"))
        self.assertEqual(paired.needed_shift(6, 0.001), float("inf"))
        self.assertEqual(paired.smallest_seen([0.1], 0.02, 0.05, 0.1), float("inf"))

    def test_more_rounds_see_more(self) -> None:
        shifts = [paired.needed_shift(n, 0.05) for n in (6, 9, 20, 40, 80)]
        self.assertEqual(shifts, sorted(shifts, reverse=True))

    def test_students_quantile(self) -> None:
        for tail, freedom, wanted in ((0.025, 2, 4.303), (0.05, 8, 1.860), (0.005, 1, 63.66)):
            self.assertAlmostEqual(paired.student_quantile(tail, freedom), wanted, delta=0.01)


class Words(unittest.TestCase):
    """What a reader needs to understand the numbers stands where they are."""

    def intro(self, made: model.Page, key: str) -> str:
        (section,) = [s for s in made.sections if s.key == key]
        return section.intro

    def test_what_is_not_plain_is_explained_where_it_comes_first(self) -> None:
        cases: list[tuple[str, list[str], list[dict[str, Any]]]] = [
            ("16 B to 32 KiB, inverse-square", ["inverse-square"], []),
            ("ages, octaves alike", ["octaves alike"], [entry("null", 1.0)]),
            ("1 to 15 B", [], []),
        ]
        for summary_, words, floor in cases:
            own = [{"name": "tiny", "summary": summary_}]
            entries = noisy({"system": 10.0, "a": 5.0}) + floor
            text = self.intro(page_of(document(entries, workloads=own)), "speed-memory")
            for word in bench.WORDS:
                self.assertEqual(f'"{word}": each doubling' in text, word in words, text)
            self.assertEqual('"(floor)": the harness alone' in text, bool(floor))

    def test_what_the_numbers_are(self) -> None:
        made = page_of(document(noisy({"system": 10.0, "a": 5.0})))
        self.assertIn("wall time divided by the operations of all threads", made.meaning)
        for key in ("speed-memory", "workloads"):
            self.assertIn("middle of the ratios taken round by round", self.intro(made, key))
        self.assertIn("ns/op is wall time divided by", self.intro(made, "speed-memory"))
        self.assertIn("one may still be surely worse", self.intro(made, "workloads"))
        self.assertTrue(made.about.endswith("; 9 samples each"), made.about)

    def test_a_tie_beside_one_denies_no_difference(self) -> None:
        """Of one pair, with a true difference of 1 %, and an interval that has no 1."""
        source = random.Random(1)
        entries = [
            entry(name, time * source.uniform(0.998, 1.002), block=block)
            for block in range(12)
            for name, time in (("system", 10.0), ("a", 10.1))
        ]
        s = study.study(made_up(entries))
        (line,) = [of for of in tables.relative(s, "tiny").lines if of.allocator == "a"]
        middle, interval, told = map(str, line.cells[2:5])
        self.assertEqual((middle, interval), ("1.01", "1.01 to 1.01"))
        self.assertRegex(
            told, r"^tie: not shown to be above 2 %; a difference of 2\.\d % would have been seen$"
        )
        for text in (summary.MEANING, catalogue.MEANING):
            self.assertIn("there may be a difference, which is not shown to be above 2 %", text)

    def test_a_table_has_the_order_of_what_it_shows(self) -> None:
        # a has the lower median, and the larger multiple.
        entries = [
            entry(name, time, block=block)
            for block in range(9)
            for name, time in (("system", 10.0), ("a", 1.9 if block < 5 else 20.0), ("b", 2.0))
        ]
        s = study.study(made_up(entries))
        table = tables.relative(s, "tiny")
        multiples = [float(line.cells[2]) for line in table.lines]
        rows = [s.main("tiny").row(line.allocator) for line in table.lines]
        medians = [row.median("ns_per_op") for row in rows if row]
        self.assertEqual(multiples, sorted(multiples))
        self.assertNotEqual(medians, sorted(medians), "the two orders differ")


class Pictures(unittest.TestCase):
    def marks(self, picture: str) -> dict[str, Any]:
        root = xml.etree.ElementTree.fromstring(picture)
        return {g.get("data-a", ""): g for g in root.iter("g") if g.get("class") == "mark"}

    def drawn(self, times: dict[str, float]) -> "tuple[study.Study, study.Place]":
        s = study.study(made_up(noisy(times)))
        return s, s.main("tiny")

    def test_dots_are_sorted_and_ties_hollow(self) -> None:
        s, p = self.drawn({"system": 10.0, "quick": 5.0, "like": 10.0})
        names = {a: a for a in s.run.allocators}
        marks = list(self.marks(dots.dots(s, p, p.time, names)).values())
        looks = {m.find("text").text: m.find("circle").get("class") for m in marks}
        self.assertEqual(looks, {"quick": "dot", "like": "hollow", "system": "hollow"})
        x = [float(m.find("circle").get("cx")) for m in marks]
        self.assertEqual(x, sorted(x), "the best on top")
        low, high = (float(marks[0].find("line").get(k)) for k in ("x1", "x2"))
        self.assertTrue(low <= x[0] <= high)
        self.assertIn("quick: time 0.49 times system's (", marks[0].find("title").text)
        self.assertTrue(marks[0].findall("text")[1].text.endswith("*"))

    def test_pareto(self) -> None:
        s, p = self.drawn({"system": 10.0, "quick": 5.0})
        marks = self.marks(dots.pareto(s, p, {a: a for a in s.run.allocators}))
        quick, system = (marks[a] for a in ("quick", "system"))
        self.assertEqual(quick.find("circle").get("class"), "dot")
        self.assertEqual(system.find("circle").get("class"), "hollow")
        self.assertLess(*(float(m.find("circle").get("cy")) for m in (quick, system)))
        self.assertLess(*(float(m.find("circle").get("cx")) for m in (quick, system)))

    def test_labels_do_not_cover_each_other(self) -> None:
        found = dots.slots([50.0] * 8 + [51.0, 200.0], 10.0, 240.0)
        gaps = [b - a for a, b in zip(found, found[1:])]
        self.assertGreaterEqual(min(gaps), dots.LAYOUT["gutter"] - 1e-9)
        self.assertTrue(10 <= found[0] and found[-1] <= 240)

    def test_lines_over_time_keep_their_peak(self) -> None:
        line = [(float(i), 1.0) for i in range(1000)]
        line[500] = (500.0, 9.0)
        thin = panels.thinned(line)
        self.assertLessEqual(len(thin), panels.MOST_POINTS)
        self.assertIn((500.0, 9.0), thin)
        self.assertEqual((thin[0], thin[-1]), (line[0], line[-1]))

    def over_time(self, noted: bool) -> "tuple[str, list[str]]":
        """The panel of a, whose pass reached four instants; and the heads and cells of the table."""
        names = ["start", "timed operations", *["full"] * noted, "all live", "all freed"]
        reached = [{"name": n, "seconds": i / 10} for i, n in enumerate(names, 1)]
        at = {"name": "full", "held_bytes": 3 * MIB, "rss_bytes": 4 * MIB}
        more: dict[str, Any] = {"instants": [at]} if noted else {}
        run_ = made_up(
            noisy({"system": 10.0, "a": 5.0}, live_bytes=2 * MIB, **more),
            timeline_passes=[
                {"workload": "tiny", "allocator": "a", "threads": 1, "reached": reached}
            ],
        )
        line = bench_results.Series([i / 10 for i in range(9)], [5.0 * MIB] * 9, [9.0 * MIB] * 9)
        series = {("tiny", "a", 1): line}
        s = study.study(run_)
        table = tables.over_time(s, "tiny", series)
        assert table
        return panels.over_time(s, "tiny", series)[1], [*table.heads, *table.lines[0].cells]

    def test_phases_are_marked_on_the_time_axis(self) -> None:
        panel, table = self.over_time(False)
        root = xml.etree.ElementTree.fromstring(panel)
        (lines,) = [e.get("d", "") for e in root.iter("path") if e.get("class") == "phase"]
        x = [float(v) for v in re.findall(r"M([\d.]+),22v86", lines)]
        steps = [b - a for a, b in zip(x, x[1:])]
        self.assertEqual(len(x), 4)
        self.assertAlmostEqual(min(steps), max(steps), delta=0.11)
        seconds = scale.around([0.8], panels.LEFT, panels.RIGHT, log=False)
        self.assertAlmostEqual(x[0], seconds.at(0.1), delta=0.06)
        numbers = [e.text for e in root.iter("text") if e.get("class") == "tick fine"]
        self.assertEqual(numbers, ["1", "2", "3", "4"])
        self.assertIn("all live at 0.3 s; all freed at 0.4 s", panel)
        self.assertEqual(
            table[6:10], ["1: start", "2: timed operations", "3: all live", "4: all freed"]
        )
        self.assertEqual(table[-4:], ["0.100", "0.200", "0.300", "0.400"])

    def test_names_of_instants_stand_in_the_legend(self) -> None:
        """Where all workloads have the same."""
        entries = [e for w in ("tiny", "w") for e in noisy({"system": 10.0, "a": 5.0}, workload=w)]
        for other, said in (
            ("all live", "the pass reached an instant: 1 start, 2 all live"),
            ("full", "the pass reached an instant; the table has its name"),
        ):
            passes = [
                {"workload": w, "allocator": "a", "threads": 1, "reached": [
                    {"name": "start", "seconds": 0.1}, {"name": name, "seconds": 0.2}]}
                for w, name in (("tiny", "all live"), ("w", other))
            ]  # fmt: skip
            series = {("tiny", "a", 1): bench_results.Series([0.1, 0.2], [1.0, 2.0], [1.0, 1.0])}
            made = page_of(document(entries, timeline_passes=passes), series)
            (section,) = [s for s in made.sections if s.key == "time"]
            self.assertIn(("phase", said), section.legend)

    def test_live_bytes_over_time(self) -> None:
        """From the first operation on in the core, else at the marks; to nothing at once."""
        for noted, levels in ((False, [0, 2, 2, 2, 0]), (True, [0, 3, 2, 2, 0])):
            root = xml.etree.ElementTree.fromstring(self.over_time(noted)[0])
            (line,) = [e for e in root.iter("polyline") if e.get("class") == "live"]
            points = [tuple(map(float, p.split(","))) for p in line.get("points", "").split()]
            heights = [points[0][1] - y for _, y in points]
            unit = heights[1] / levels[1]
            self.assertEqual([round(h / unit) for h in heights], levels)
            self.assertEqual(points[-1][0], points[-2][0])

    def test_a_recording_of_before_has_no_marks(self) -> None:
        s = study.study(made_up(noisy({"system": 10.0, "a": 5.0})))
        series = {("tiny", "a", 1): bench_results.Series([0.1, 0.2], [1.0, 2.0], [1.0, 1.0])}
        self.assertNotIn('class="phase"', "".join(panels.over_time(s, "tiny", series)))

    def test_numbers_of_marks_do_not_cover_each_other(self) -> None:
        x = scale.Scale(0, 1, panels.LEFT, panels.RIGHT, log=False)
        names = [str(i) for i in range(20)]
        drawn = panels.marked(
            [(n, i / 20) for i, n in enumerate(names)], names, x, ranges.Steps(100, 1)
        )
        self.assertEqual("".join(drawn).count("M"), 20)
        self.assertLessEqual(sum("<text" in d for d in drawn), 128 / panels.MARK_ROOM + 1)

    def test_ticks(self) -> None:
        for low, high in ((0.3, 1.1), (0.95, 1.06), (1e-3, 1e5), (7, 8), (1, 1.2)):
            for log in (False, True):
                ticks = scale.Scale(low, high, 0, 1, log).ticks()
                self.assertTrue(2 <= len(ticks) <= 7, (low, high, log, ticks))
                self.assertTrue(all(low - 1e-9 <= t <= high + 1e-9 for t in ticks))

    def test_all_are_well_formed_and_named(self) -> None:
        made = bench.page(
            bench_results.load(EXAMPLE),
            bench_results.load_timeline(EXAMPLE / "timeline.csv"),
            facts_of(json.loads((EXAMPLE / "bench.json").read_text())),
        )
        pictures = [x for s in made.sections for part in s.parts for x in part.pictures]
        self.assertGreater(len(pictures), 50)
        for picture in pictures:
            root = xml.etree.ElementTree.fromstring(picture)
            self.assertEqual(root.get("role"), "img")
            self.assertTrue(root.get("aria-label") or root.findtext("title"))
            self.assertNotRegex(picture, r"\b(nan|inf)\b")

    def test_colours_can_be_seen_on_both_grounds(self) -> None:
        for ground in model.GROUNDS:
            for colour in map(palette.colour, range(30)):
                made = palette.on(ground, colour)
                self.assertGreaterEqual(palette.contrast(ground, made), palette.CONTRAST)
        self.assertEqual(palette.on("#FFFFFF", "#0072B2"), "#0072B2")
        self.assertAlmostEqual(palette.contrast("#000000", "#FFFFFF"), 21)


class Rounding(unittest.TestCase):
    def test_the_script_writes_what_python_writes(self) -> None:
        # Of any number, through the digits that the page carries; also of one in the middle between two.
        node = shutil.which("node")
        if not node:
            self.skipTest("node is not installed")
        draw = random.Random(1)
        values = [k / 8 for k in range(1, 400)] + [10 ** draw.uniform(-4, 6) for _ in range(3000)]
        values += [10 ** draw.uniform(4, 6) for _ in range(1000)]
        values += [3.5851, 1.2951, 0.0049996, 99.9499, 999.5, 25000.0, 35000.0, 95000.0, 2.00001]
        program = """
            const drawing = new Function(`${require("fs").readFileSync(process.argv[1])}; return drawing`)();
            const { number, long, seen } = drawing({}, {});
            const values = JSON.parse(require("fs").readFileSync(0));
            console.log(JSON.stringify(values.map((v) => [number(v), long(v), seen(v), number(1 / v), number(1000 / v), ...(v < 9999.5 ? [] : [number(v / 1000)])])));
        """
        source = ROOT / "scripts" / "report" / "page-draw.js"
        carried = json.dumps([scale.short(v) for v in values])
        result = run(node, "-e", program, source, input=carried)
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        for value, said in zip(values, json.loads(result.stdout), strict=True):
            self.assertEqual(said, scale.printed(value), value)

    def test_the_script_says_of_a_tie_what_python_says(self) -> None:
        node = shutil.which("node")
        if not node:
            self.skipTest("node is not installed")
        cases = [(0.9, 1.1, 4.0), (1.0, 1.2, 15.0), (1.005, 1.015, 3.2), (0.98, 0.995, 150.0)]
        program = """
            const drawing = new Function(`${require("fs").readFileSync(process.argv[1])}; return drawing`)();
            const { tie } = drawing({}, {});
            const cases = JSON.parse(require("fs").readFileSync(0));
            console.log(JSON.stringify(cases.map(([low, high, seen]) => `tie: ${tie({ low, high, seen })}`)));
        """
        source = ROOT / "scripts" / "report" / "page-draw.js"
        result = run(node, "-e", program, source, input=json.dumps(cases))
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        expected = [
            study.tie_said(study.Ratio(1.0, low, high, "tie", seen / 100))
            for low, high, seen in cases
        ]
        self.assertEqual(json.loads(result.stdout), expected)
        self.assertEqual([": not shown" in said for said in expected], [False, False, True, True])

    def test_few_numbers_need_more_than_four_digits(self) -> None:
        draw = random.Random(2)
        drawn = [scale.short(draw.uniform(0.1, 10)) for _ in range(1000)]
        self.assertLess(sum(v != float(f"{v:.4g}") for v in drawn), 400)
        self.assertEqual((scale.short(3.5851), scale.short(0.12340001)), (3.5851, 0.1234))
        self.assertEqual([scale.short(v) for v in (1.00003, 0.99998, 1.0)], [1.00003, 0.99998, 1])


class Ranges(unittest.TestCase):
    def decoded(self, text: str, of: ranges.Steps) -> "list[tuple[float, float]]":
        x = y = stride = 0
        found = []
        for step in text.split():
            *across, up = (int(n, 36) for n in step.split(","))
            stride = across[0] if across else stride
            x, y = x + stride, y + up
            found.append((x / of.x, y / of.y))
        return found

    def test_a_line_carries_all_its_points(self) -> None:
        draw = random.Random(3)
        line = [(i * 0.0021, abs(draw.gauss(90, 30))) for i in range(700)]
        of = ranges.steps([line])
        common, panel = panels.of_lines("k", {"a": line}, "MiB")
        (drawn,) = xml.etree.ElementTree.fromstring(common).iter("polyline")
        self.assertEqual(len(drawn.get("points", "").split()), panels.MOST_POINTS)
        self.assertEqual(drawn.get("data-n"), "a")
        again = self.decoded(drawn.get("data-z", ""), of)
        self.assertEqual(len(again), 700)
        for (t, v), (u, w) in zip(line, again):
            self.assertTrue(abs(t - u) <= 1e-4 and abs(v - w) <= 1e-3, (t, u, v, w))

    def test_many_lines_carry_fewer(self) -> None:
        for lines, most in ((1, 1000), (100, 320), (1000, 32)):
            self.assertEqual(ranges.most_points(lines), most)
        line = [(float(i), 1.0) for i in range(3000)]
        for most, kept in ((400, 400), (40, panels.MOST_POINTS)):
            common, _ = panels.of_lines("k", {"a": line}, "MiB", most=most)
            (drawn,) = xml.etree.ElementTree.fromstring(common).iter("polyline")
            self.assertEqual(len(drawn.get("data-z", "").split()), kept)

    def test_what_is_cut_ends_at_the_range(self) -> None:
        """Between two points, at a step, and where a line ends before."""
        node = shutil.which("node")
        if not node:
            self.skipTest("node is not installed")
        program = """
            globalThis.document = { querySelectorAll: () => [] };
            globalThis.addEventListener = () => {};
            globalThis.matchMedia = () => globalThis;
            const ranging = new Function(`${require("fs").readFileSync(process.argv[1])}; return ranging`)();
            const cases = JSON.parse(require("fs").readFileSync(0));
            console.log(JSON.stringify(cases.map(([line, from, to]) => ranging({}, {}).cut(line, from, to))));
        """
        source = ROOT / "scripts" / "report" / "page-range.js"
        cases = [
            ([[0, 0], [10, 10]], 2, 5),
            ([[0, 0], [4, 8], [4, 2], [6, 2]], 3, 5),
            ([[0, 1], [2, 1]], 1, 5),
            ([[0, 1], [2, 1]], 3, 5),
            ([[0, 1], [1, 2], [2, 3]], 0, 2),
            ([[9, 9], [1, 1]], 2, 5),
        ]
        result = run(node, "-e", program, source, input=json.dumps(cases))
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        self.assertEqual(
            json.loads(result.stdout),
            [
                [[2, 2], [5, 5]],
                [[3, 6], [4, 8], [4, 2], [5, 2]],
                [[1, 1], [2, 1]],
                [],
                [[0, 1], [1, 2], [2, 3]],
                [[5, 5], [2, 2]],
            ],
        )


class Elements(HTMLParser):
    """What a browser would make of a page: its elements, their addresses, and what links to them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.kinds: dict[str, int] = {}
        self.keys: list[str] = []
        self.links: list[str] = []
        self.events: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: "list[tuple[str, Optional[str]]]") -> None:
        self.kinds[tag] = self.kinds.get(tag, 0) + 1
        for name, value in attributes:
            self.keys += [value or ""] * (name == "id")
            self.links += [value or ""] * (name in ("href", "src"))
            self.events += [name] * name.startswith("on")


class WholePage(DriverTest):
    def folder(self, of: Any, timeline: Optional[str] = None) -> Path:
        folder = self.directory / "run"
        folder.mkdir(exist_ok=True)
        (folder / "bench.json").write_text(of if isinstance(of, str) else json.dumps(of))
        if timeline is not None:
            (folder / "timeline.csv").write_text(timeline)
        return folder

    def report(self, folder: Any, *words: Any, **more: str) -> "subprocess.CompletedProcess[str]":
        return run(MAIN, *words, folder, env={**clean_environment(), **more})

    def made(self, of: Any, timeline: Optional[str] = None) -> str:
        folder = self.folder(of, timeline)
        result = self.report(folder)
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        self.assertEqual(result.stdout, f"page: {folder / 'report.html'}\n")
        return (folder / "report.html").read_text()

    def recompute(
        self, text: str, bench_file: Path = EXAMPLE / "bench.json"
    ) -> "subprocess.CompletedProcess[str]":
        file = self.directory / "looked-at.html"
        file.write_text(text)
        node = shutil.which("node")
        if not node:
            self.skipTest("node is not installed")
        return run(node, RECOMPUTE, bench_file, file)

    def test_few_rounds(self) -> None:
        """Another program knows their rule: Student's test, the range in place of intervals and of quartiles."""
        times = {"system": 10.0, "a": 5.0, "b": 5.0, "c": 6.0, "null": 1.0}
        for rounds, noise, said, wrongs in (
            (1, 0.03, 6, [("by one sample, which may be noise", "by one sample"), (" is fastest by one sample, which may be noise:", " is fastest:")]),
            (3, 0.001, 9, [("tie as the fastest", "are fastest"), ("range of the rounds: 0.", "range of the rounds: 1."), ("at 1 thread, a and b tie", "at 1 thread, a and c tie")]),
            (3, 0.3, 6, [("3 samples of each are too few to tell time", "2 samples of each are too few to tell time"), ("are too few to tell memory apart", "are too few to tell it apart")]),
            (5, 0.01, 9, [("range of the rounds: 0.", "range of the rounds: 1."), ("difference of ", "difference of 1")]),
        ):  # fmt: skip
            entries = [e for t in (1, 2) for e in noisy(times, rounds, noise, t, threads=t)]
            entries += noisy(times, rounds, noise, 3, workload="w", threads=2)
            groups = {"tiny": "core", "w": "memory"}
            of = document(entries, workloads=[{"name": w, "group": g} for w, g in groups.items()])
            text = self.made(of)
            file = self.directory / "run" / "bench.json"
            told = self.recompute(text, file).stdout
            self.assertRegex(told, rf"^{said} sentences and \d+ numbers are recomputed; 0 disagree\n$")  # fmt: skip
            lines = re.findall(FINDING, text, re.DOTALL)
            self.assertEqual(len(lines), said)
            for right, wrong in [*wrongs, *((line, "") for line in lines)]:
                self.assertIn(right, text)
                self.assertEqual(self.recompute(text.replace(right, wrong), file).returncode, 1, right)  # fmt: skip

    def test_the_example(self) -> None:
        """All its numbers are those of the samples, as another program computes them; and a wrong one is noticed."""
        out = self.directory / "page.html"
        self.assertEqual(self.report(EXAMPLE, "--out", out).returncode, 0)
        text = out.read_text()
        result = self.recompute(text)
        self.assertEqual(result.returncode, 0, result.stdout)
        self.assertRegex(
            result.stdout, r"^27 sentences and \d{4} numbers are recomputed; 0 disagree"
        )
        multiple = re.search(r"\d\.\d(\d) times system&#39;s", text)
        tie = re.search(r", ([\w-]+)[\w ,-]* tie as the fastest", text)
        row = re.search(r'<tr data-a="scudo" data-t="2">.*?</tr>', text)
        assert multiple and tie and row
        another = multiple[0].replace(f"{multiple[1]} ", f"{(int(multiple[1]) + 2) % 10} ")
        for right, wrong in (
            (multiple[0], another),
            ("<td>-</td><td>-</td>", "<td>0</td><td>-</td>"),
            ("; 9 samples each", "; 8 samples each"),
            (tie[0], tie[0].replace(tie[1], "scudo")),
            (">faster</td>", ">slower</td>"),
            (">yes, by gomalloc<", ">no<"),
            (row[0], ""),
        ):
            self.assertIn(right, text)
            self.assertEqual(self.recompute(text.replace(right, wrong)).returncode, 1)
        for caption in ("Time and memory", "Throughput", "Where resident", "Relative to"):
            table = re.search(rf"<caption>{caption}.*?</tbody>", text, re.DOTALL)
            assert table
            cells = list(re.finditer(r"<td>([^<]*\d[^<]*)</td>", table[0]))
            for cell in (cells[1], cells[-1]):
                first, last = (table.start() + at for at in cell.span(1))
                other = re.sub(r"\d", lambda digit: str(9 - int(digit[0])), cell[1])
                told = self.recompute(text[:first] + other + text[last:])
                self.assertEqual(told.returncode, 1, f"{caption}: {cell[1]}, {other}")
        found = Elements(text)
        self.assertEqual(len(found.keys), len(set(found.keys)), "an address is there once")
        self.assertEqual(
            {x[1:] for x in found.links} - set(found.keys), set(), "links lead somewhere"
        )
        self.assertTrue(all(x.startswith("#") for x in found.links), "nothing is loaded")
        self.assertNotIn(str(ROOT), text)
        self.assertLess(len(text), 600_000)

    def test_each_sentence_must_be_there_and_be_true(self) -> None:
        """For the program that recomputes them. On tiny and w, a is faster and fatter, so nobody is beaten; on small and v, all
        are alike. Live memory and its peak differ."""
        unequal, equal = {"system": 10.0, "a": 5.0}, {"system": 10.0, "a": 10.0, "b": 10.0}
        entries = [
            e
            for seed, (w, times) in enumerate(
                {"tiny": unequal, "small": equal, "w": unequal, "v": equal}.items()
            )
            for t in (1, 2)
            for e in noisy(times, rounds=12, workload=w, threads=t, seed=9 * seed + t)
        ]
        for e in entries:
            more = 20 * MIB * (e["allocator"] == "a") * (e["workload"] in ("tiny", "w"))
            e["rss_live_bytes"] += more
            e["rss_peak_bytes"] += 3 * more + 5 * MIB
        groups = {"tiny": "core", "small": "core", "w": "threads", "v": "memory"}
        folder = self.folder(
            document(entries, workloads=[{"name": w, "group": g} for w, g in groups.items()])
        )
        self.assertEqual(self.report(folder).returncode, 0)
        text = (folder / "report.html").read_text()
        result = self.recompute(text, folder / "bench.json")
        self.assertRegex(result.stdout, r"^15 sentences and \d+ numbers are recomputed; 0 disagree")
        self.assertEqual(result.returncode, 0)
        lines = re.findall(FINDING, text, re.DOTALL)
        self.assertEqual(len(lines), 15)
        fastest = next(line for line in lines if "a is fastest" in line)
        for line in lines:
            result = self.recompute(text.replace(line, ""), folder / "bench.json")
            self.assertEqual(result.returncode, 1, line)
            self.assertIn("Not said: On ", result.stdout)
        for right, wrong in (
            ("no allocator is clearly beaten", "a is not clearly beaten"),
            ("no allocator is clearly beaten", "a and system are not clearly beaten"),
            ("system has the lowest peak of memory", "a has the lowest peak of memory"),
            ("no allocator is shown to be faster", "no allocator is shown to take less memory"),
            (fastest, fastest + fastest.replace("a is", "system is")),
        ):
            self.assertIn(right, text)
            result = self.recompute(text.replace(right, wrong), folder / "bench.json")
            self.assertEqual(result.returncode, 1, wrong)

    def test_rounds_of_two_samples(self) -> None:
        """As `--order mirrored` makes them. The mean of a round's logarithms is one sample."""
        times = {"system": 10.0, "a": 9.4, "b": 5.0}
        twice = [e for seed in (1, 2) for e in noisy(times, rounds=9, noise=0.05, seed=seed)]
        text = self.made(document(twice))
        done = self.recompute(text, self.directory / "run" / "bench.json")
        self.assertEqual(done.returncode, 0, done.stdout)

    def test_a_number_in_a_name_is_not_rounded(self) -> None:
        text = self.made(document(noisy({"system": 10.0, "x-1.4": 5.0})))
        file = self.directory / "run" / "bench.json"
        self.assertEqual(self.recompute(text, file).returncode, 0)
        self.assertIn("x-1.4 is fastest", text)
        wrong = text.replace("x-1.4 is fastest", "x-1 is fastest")
        self.assertEqual(self.recompute(wrong, file).returncode, 1)

    def test_what_is_no_run_is_not_recomputed(self) -> None:
        for spoiled in ("{}", "null", '{"context": {"spanbench": {}}, "benchmarks": []}'):
            file = self.folder(spoiled) / "bench.json"
            done = self.recompute("", file)
            self.assertEqual(
                (done.returncode, done.stderr),
                (2, f"recompute.mjs: {file} is not the bench.json of a run\n"),
            )

    def test_names_and_messages_are_text(self) -> None:
        entries = noisy({"system": 10.0, MARKUP: 5.0}, workload=MARKUP)
        entries += [failed("bad", MARKUP, workload=MARKUP)]
        of = document(
            entries,
            workloads=[{"name": MARKUP, "summary": MARKUP}],
            version=MARKUP,
            environment={MARKUP: MARKUP},
            unmeasured=[{"workload": MARKUP, "why": MARKUP}],
        )
        own = of["context"]["spanbench"]
        own["allocators"][0].update(version=MARKUP, object=MARKUP)
        own["machine"]["cpu"] = MARKUP
        of["context"]["host_name"] = MARKUP
        text = self.made(of)
        found = Elements(text)
        self.assertEqual(found.events, [])
        self.assertNotIn("b", found.kinds)
        self.assertEqual(found.kinds["script"], 4, "the data, and our own")
        self.assertIn(html.escape(MARKUP, quote=False)[:20], text)

    def test_what_is_spoiled_is_refused(self) -> None:
        whole = json.dumps(document(noisy({"system": 10.0, "a": 5.0})))
        for text, why in (
            (whole[: len(whole) // 2], "not JSON"),
            ("{}", "has no benchmarks"),
            ("[]", "is not an object"),
        ):
            folder = self.folder(text)
            result = self.report(folder)
            self.assertEqual(result.returncode, 2)
            self.assertRegex(result.stderr, rf"^report: {folder}/bench.json: .*{why}")
            self.assertFalse((folder / "report.html").exists())
        self.assertEqual(self.report(self.directory / "none").returncode, 2)

    def test_a_spoiled_timeline_costs_its_pictures(self) -> None:
        of = document(noisy({"system": 10.0, "a": 5.0}))
        head = "workload,allocator,threads,seconds,rss_bytes,vsz_bytes\n"
        self.assertIn("timeline.csv cannot be read (line 2", self.made(of, head + "tiny,a,x\n"))
        text = self.made(
            of, head + f"tiny,a,1,0.5,{2 * MIB},{3 * MIB}\ntiny,a,1,0.6,{4 * MIB},{3 * MIB}\n"
        )
        self.assertNotIn("Memory over time is not shown", text)
        self.assertIn(
            "a, MiB above the start over 0.6 seconds of one pass: at most 3; medians of the samples: all live ",
            text,
        )

    def test_the_same_bytes_again(self) -> None:
        of = document(noisy({"system": 10.0, "a": 5.0}))
        self.assertEqual(self.made(of), self.made(of))

    def test_without_jinja2(self) -> None:
        (self.directory / "jinja2.py").write_text("raise ModuleNotFoundError(name='jinja2')\n")
        folder = self.folder(document(noisy({"system": 10.0, "a": 5.0})))
        for words, code in (((), 2), (("--if-possible",), 0)):
            result = self.report(folder, *words, PYTHONPATH=str(self.directory))
            self.assertEqual(result.returncode, code)
            self.assertIn("install python3-jinja2", result.stderr)
            self.assertFalse((folder / "report.html").exists())

    @slow
    def test_a_large_run_is_below_five_megabytes(self) -> None:
        self.assertLess(len(self.made(*large_run()).encode()), 5_000_000)
