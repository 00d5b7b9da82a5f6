"""answer.py: what it says of runs with a known truth, and that it keeps to its lines and columns."""

import itertools
import math
import os
import random
import re
import sys
import unittest
from dataclasses import replace
from pathlib import Path
from typing import Any, Sequence

from driving import ROOT, run, run_python

import answer
import bench_results
import comparing
import paired
from bench_results import Results
from test_bench_results import EXAMPLE, entry, failed, made_up

ANSWER = Path(__file__).resolve().parent / "answer.py"
MIB = 1 << 20
WORKLOADS = ("tiny", "small", "large")


def samples(
    names: Sequence[str],
    workloads: Sequence[str] = WORKLOADS,
    threads: Sequence[int] = (1, 2),
    rounds: int = 9,
    noise: float = 0.01,
) -> list[dict[str, Any]]:
    """Each name is 30 % of the first slower, and takes 5 % of it more, than the one before it. The live
    set of a workload is larger than of the one before it."""
    draw = random.Random(1)
    return [
        entry(
            name,
            (10 + 3 * i) * math.exp(draw.gauss(0, noise)),
            workload=workload,
            threads=t,
            block=block,
            live_bytes=(k + 1) * 10 * MIB,
            rss_start_bytes=(2 + i) * MIB,
            rss_live_bytes=(22 + 2 * i) * MIB,
            rss_purged_bytes=(2 + i) * MIB + i * MIB // 4,
        )
        for k, workload in enumerate(workloads)
        for t in threads
        for i, name in enumerate(names)
        for block in range(rounds)
    ]


def lines_of(made: Results) -> list[str]:
    return answer.format_answer(answer.answer(made))


def text_of(made: Results) -> str:
    """In one line, as sentences are folded."""
    return " ".join(" ".join(lines_of(made)).split())


class Numbers(unittest.TestCase):
    def test_four_columns(self) -> None:
        for value, text in (
            (0.0, "0.00"),
            (0.00012, "1e-4"),
            (0.354, "0.35"),
            (9.996, "10.0"),
            (17.24, "17.2"),
            (99.96, "100"),
            (9999.4, "9999"),
            (123456, "1e5"),
        ):
            self.assertEqual(answer.number(value), text)
        draw = random.Random(1)
        for _ in range(2000):
            self.assertLessEqual(len(answer.number(10 ** draw.uniform(-9, 9))), 4)

    def test_half_an_interval(self) -> None:
        for low, high, text in (
            (0.9, 1.03, "±11%"),
            (0.999, 1.0, "±0%"),
            (0.1, 2.6, "±x10"),
            (0.5, 1.1, "±x2"),
            (1e-9, 1.0, "±x99"),
        ):
            effect = paired.Effect(9, 0.0, math.log(low), math.log(high))
            self.assertEqual(answer.sureness(effect), text)
        self.assertEqual(answer.sureness(paired.Effect(1, 0.0, 0.0, 0.0)), "")

    def test_short_names_differ(self) -> None:
        names = ["system", *(f"lib{'x' * 30}{i % 2}{'y' * 30}.so" for i in range(12))]
        short = answer.short_names(names, 17)
        self.assertEqual(len(set(short.values())), 12 + 1 if len(set(names)) == 13 else 3)
        self.assertEqual(short["system"], "system")
        self.assertTrue(all(len(s) <= 17 for s in short.values()))


class Table(unittest.TestCase):
    def cells(self, made: Results) -> dict[str, list[str]]:
        found = {}
        for line in lines_of(made):
            words = re.split(r" {2,}| (?=\d)", line)
            found[words[0]] = words[1:]
        return found

    def test_ratios_to_the_c_library(self) -> None:
        made = made_up(samples(["system", "b", "c"], noise=0))
        self.assertEqual(self.cells(made)["system"], ["10.0 ns*", "20.0 MiB*"] * 3)
        said = " ".join(next(x for x in lines_of(made) if x.startswith("c ")).split())
        self.assertEqual(said, "c " + " ".join(["1.60 ±0% 1.10 ±0%"] * 3))

    def test_at_the_threads_that_are_nearest_to_the_cpus(self) -> None:
        made = made_up([entry("system", 10.0 * t, threads=t) for t in (1, 2, 4)])
        self.assertIn("At 2 threads (2 CPUs), 1 sample each", text_of(made))
        self.assertEqual(self.cells(made)["system"][0], "20.0 ns")
        made = made_up([entry("system", 10.0 * t, threads=t) for t in (4, 8)])
        self.assertIn("At 4 threads (only 2 CPUs: scheduling is measured, too)", text_of(made))

    def test_without_the_c_library(self) -> None:
        text = text_of(made_up(samples(["b", "a"])))
        self.assertIn("Multiples of b (system was not measured)", text)
        made = made_up([*samples(["b", "system"]), failed("system", workload="small", threads=2)])
        self.assertIn("Multiples of b (system failed)", text_of(made))

    def test_what_finds_no_room_is_counted_and_the_best_stay(self) -> None:
        names = [f"lib{i:02}.so" for i in range(40)]
        made = made_up(samples(names[::-1], rounds=2))
        lines = lines_of(made)
        (count,) = [int(x.split()[0]) for x in lines if x.endswith("more allocators: make table")]
        there = [n for n in names if any(x.startswith(n + " ") for x in lines)]
        self.assertEqual(len(there) + count, 40)
        self.assertIn("lib39.so", there)
        self.assertGreater(len(there), 5)
        whole = answer.format_answer(answer.answer(made), 10**6)
        self.assertTrue(all(any(x.startswith(n + " ") for x in whole) for n in names))


class Sentences(unittest.TestCase):
    def test_what_is_plain(self) -> None:
        text = text_of(made_up(samples(["system", "b", "c"])))
        for said in (
            "Fastest: all workloads: system.",
            "Least memory: all workloads: system.",
            "at most 2% worse in the other): all workloads: system.",
            "All freed and told to give back (large; 30.0 MiB were live): all keep at most 0.50 MiB.",
            "Also tied (not surely 2% apart; ± does not tell): time: none; memory: none; "
            "all pairs that tie neither here nor above differ.",
            "Memory: RSS minus that at the start (2.00 to 4.00 MiB, c). *: not surely worse than the best median.",
            "Not measured here: threads that free each other's blocks",
        ):
            self.assertIn(said, text)

    def test_ties(self) -> None:
        rows = samples(["system", "b", "c"], ["tiny"], [1], noise=0.05)
        for e in rows:
            if e["allocator"] == "b":
                e["ns_per_op"] *= 10 / 13
        text = text_of(made_up(rows))
        self.assertRegex(text, r"Fastest: tiny: (b [(]tied: system|system [(]tied: b)[)][.]")
        self.assertIn(
            "): time: none; memory: none; all pairs that tie neither here nor above differ.", text
        )

    def test_ties_that_the_sentence_on_the_best_does_not_say(self) -> None:
        # b scatters between a on one side, and c and d, which are alike, on the other.
        rows = [
            entry(name, time * (1 + 0.001 * (block % 3)) * (wide if block % 2 else 1), block=block)
            for block in range(19)
            for name, time, wide in (("a", 10, 1), ("b", 10, 1.5), ("c", 13, 1), ("d", 13, 1))
        ]
        text = text_of(made_up(rows))
        self.assertIn("Fastest: tiny: a", text)
        q = answer.answer(made_up(rows)).question("tiny", comparing.TIME)
        tied = {
            (x.allocator, y.allocator) for x, y in itertools.combinations(q.rows, 2) if q.tied(x, y)
        }
        first = q.rows[0].allocator
        said = re.search(r"[)]: time: (?:tiny: )?(.*?); memory", text)
        assert said
        told = {
            tuple(pair)
            for group in said[1].split(", ")
            for pair in itertools.combinations(group.split("="), 2)
        }
        self.assertEqual(told, {pair for pair in tied if first not in pair})
        self.assertTrue(told)

    def test_ties_that_find_no_room(self) -> None:
        # No measure or workload is left out, what is cut says so, and nothing false is said of the others.
        made = answer.answer(bench_results.load(EXAMPLE))
        whole = answer.ties_sentence(made)
        self.assertTrue(
            whole.endswith("; all pairs that tie neither here nor above differ."), whole
        )
        for lines in range(len(answer.wrap(whole)) - 1, 2, -1):
            text = answer.ties_sentence(made, lines)
            self.assertLessEqual(len(answer.wrap(text)), lines)
            self.assertNotIn("differ", text)
            self.assertTrue(text.endswith(f"; ..: {answer.ALL}."), text)
            time, memory = text.split("; memory: ")
            for part in time, memory:
                for workload in WORKLOADS:
                    self.assertRegex(
                        part,
                        rf"({workload}|and {workload}|all workloads): (\S+=|\.\.)|{workload} and",
                    )
        text = "".join(lines_of(bench_results.load(EXAMPLE)))
        self.assertEqual(len(re.findall(r"(?:tiny|small|large): +\.\.", text)), 0, "each has one")

    def test_what_finds_no_room_ends_early(self) -> None:
        said = ["a" * 70 + " " + "b" * 50 + ";", "c", "not measured"]
        self.assertEqual(answer.fit(said, 4), ["a" * 70, "  " + "b" * 50 + ";", "c", said[2]])
        self.assertEqual(answer.fit(said, 2), ["a" * 70 + " ..", said[2]])
        self.assertEqual(answer.fit(said, 3), ["a" * 70, "  " + "b" * 50 + ";", said[2]])

    def test_of_parts_that_find_no_room_none_is_cut(self) -> None:
        said = ["x: " + "; ".join(c * 40 for c in "abc") + ".", "not measured"]
        self.assertEqual(answer.fit(said, 4), [*answer.wrap(said[0]), said[1]])
        shown = ["x: " + "a" * 40 + ";", "  " + "b" * 40 + answer.MORE]
        self.assertEqual(answer.fit(said, 3), [*shown, said[1]])
        self.assertEqual(answer.fit(said, 2), ["x: " + "a" * 40 + answer.MORE, said[1]])

    def test_what_the_numbers_are(self) -> None:
        text = text_of(made_up(samples(["system", "b"])))
        for said in (
            "Lower is better.",
            "Time: wall time / all threads' operations (a free, a malloc, a write).",
            "Multiples of system, the C library, taken round by round, ± 95 % interval:",
            "tiny: 1-15 B",
        ):
            self.assertIn(said, text)
        readme = (ROOT / "workloads" / "README.md").read_text()
        for said in "1 to 15 bytes", "16 B to 32 KiB", "over 32 KiB to 4 MiB":
            self.assertIn(said, readme)
        self.assertEqual(set(answer.SIZES), set(WORKLOADS))

    def test_few_samples_that_tell_nothing(self) -> None:
        """Three samples cannot show huge differences; that does not make them ties."""
        times = {"system": (10, 11, 9), "b": (140, 90, 400), "c": (1, 5, 0.3)}
        rows = [entry(n, t, block=k) for n, ts in times.items() for k, t in enumerate(ts)]
        text = text_of(made_up(rows))
        self.assertIn("Too few samples to tell apart (3); more repetitions do.", text)
        self.assertIn("Fastest: tiny: too few samples to tell apart (3).", text)
        for said in ("*", "tie", "Tied", "Unbeaten"):
            self.assertNotIn(said, text)

    def test_few_samples_that_tell_something(self) -> None:
        text = text_of(made_up(samples(["system", "b", "c"], rounds=3, noise=0.001)))
        said = "*: best, or too few samples to tell from it (3). More repetitions do."
        self.assertIn(said, text)
        self.assertIn("Fastest: all workloads: system.", text)
        self.assertNotIn("Tied", text)

    def test_few_samples_that_tell_something_in_one_column(self) -> None:
        """The legend says what a column without a mark is."""
        rows = samples(["system", "b"], ["tiny", "small"], [1], rounds=3, noise=0.001)
        for e in rows:
            if e["workload"] == "small":
                e["rss_live_bytes"] = e["rss_start_bytes"] + 20 * MIB
        text = text_of(made_up(rows))
        said = "*: best, or too few samples to tell from it (3); none: none is told apart. More repetitions do."
        self.assertIn(said, text)
        self.assertIn("tiny: system; small: too few samples to tell apart (3).", text)
        self.assertIn("system 10.0 ns* 20.0 MiB* 9.99 ns* 20.0 MiB b", text)

    def test_all_are_alike(self) -> None:
        rows = [entry(n, 10, block=k) for n in "abc" for k in range(9)]
        text = text_of(made_up(rows))
        for said in (
            "Fastest: tiny: all tie.",
            "in the other): tiny: all.",
            "): time: tiny: all; memory: tiny: all.",
        ):
            self.assertIn(said, text)

    def test_many_ties_are_marks(self) -> None:
        rows = [entry(n, 10, block=k) for n in "abcdefg" for k in range(9)]
        rows += [entry("h", 90, block=k) for k in range(9)]
        self.assertIn("Fastest: tiny: a (tied: 6 more, marked *).", text_of(made_up(rows)))

    def test_trade(self) -> None:
        rows = samples(["system", "b"])
        for e in rows:
            if e["allocator"] == "b" and e["workload"] == "large":
                e["ns_per_op"] /= 4
        text = text_of(made_up(rows))
        self.assertIn("Fastest: tiny and small: system; large: b.", text)
        self.assertIn("in the other): tiny and small: system; large: b, system.", text)

    def test_who_keeps_memory_after_a_purge(self) -> None:
        rows = samples(["system", "b", "c", "d", "e", "f"])
        for e in rows:
            if e["allocator"] in "bcde":
                e["rss_purged_bytes"] = e["rss_start_bytes"] + (ord(e["allocator"]) - 90) * MIB
            if e["allocator"] == "f":
                del e["rss_purged_bytes"]
        said = (
            "e keeps 11.0 MiB, d keeps 10.0 MiB, c keeps 9.00 MiB, the others keep at most 8.00 MiB, "
            "of f no call for that is known."
        )
        self.assertIn(said, text_of(made_up(rows)))

    def test_who_keeps_most_in_another_workload(self) -> None:
        """Half of what it had, and not of what is a trifle."""
        for keeps, said in ((15, " In small, b keeps 15.0 MiB of 22.0 MiB."), (9, "")):
            rows = samples(["system", "b"])
            for e in rows:
                if e["allocator"] == "b" and e["workload"] == "small":
                    e["rss_live_bytes"] = e["rss_start_bytes"] + 22 * MIB
                    e["rss_purged_bytes"] = e["rss_start_bytes"] + keeps * MIB
            self.assertIn(f"all keep at most 0.25 MiB.{said} Also tied", text_of(made_up(rows)))

    def test_failures_are_named_with_their_cause(self) -> None:
        bad = [failed("half", "killed by SIGSEGV", block=9), failed("none", "no luck\nat all")]
        made = made_up([*samples(["system", "half"], ["tiny"], [1]), *bad])
        text = text_of(made)
        self.assertIn("half, 1 of 10 samples (killed by SIGSEGV)", text)
        self.assertIn("none, 1 of 1 samples (no luck at all)", text)
        self.assertIn("1.30! ±", text)
        self.assertIn("system alone can be ranked", text)
        self.assertRegex(text, "none +FAILED +FAILED")
        rows = [*samples(["system", "b", "half"], ["tiny"], [1]), *bad]
        self.assertIn("Fastest: tiny: system.", text_of(made_up(rows)))

    def test_failure_at_another_number_of_threads(self) -> None:
        made = made_up([*samples(["system", "b"]), failed("b", threads=4)])
        self.assertIn("FAILED: b, 1 of 55 samples (no luck).", text_of(made))

    def test_one_sample(self) -> None:
        text = text_of(made_up(samples(["system", "b"], rounds=1)))
        self.assertIn("Fastest by one sample, which may be noise: all workloads: system.", text)
        self.assertIn("One sample tells no difference from noise: repeat with REPS=9.", text)
        for absent in ("Tied", "±", "*", "Beaten"):
            self.assertNotIn(absent, text)

    def test_one_sample_of_several_that_were_asked_for(self) -> None:
        made = made_up(samples(["system", "b"], rounds=1))
        made = replace(made, facts=replace(made.facts, complete=False))
        text = text_of(made)
        self.assertIn("One sample tells no difference from noise.", text)
        self.assertNotIn("REPS=", text)

    def test_one_allocator(self) -> None:
        text = text_of(made_up(samples(["b"])))
        self.assertIn("b alone can be ranked: there is nothing to compare.", text)
        self.assertNotIn("Fastest", text)

    def test_nothing(self) -> None:
        said = lines_of(made_up([failed("a", "no luck")]))
        self.assertEqual(said, ["FAILED: a, 1 of 1 samples (no luck).", answer.NOTHING])
        self.assertIn("Only the floor", text_of(made_up([entry("null", 1)])))

    def test_those_that_are_no_row(self) -> None:
        absent = [{"name": n} for n in ("system", "b")] + [{"name": "x", "skipped": "no libx"}]
        made = made_up(samples(["system", "b"]), allocators=absent)
        self.assertIn("Not here: x (no libx).", text_of(made))

    def test_cautions(self) -> None:
        made = made_up(samples(["system", "b"]), quick=True, complete=False)
        above = "\n".join(answer.format_run(made)).split("\n\n")[0]
        self.assertIn("QUICK RUN: a quarter of the work", above)
        self.assertIn("QUICK RUN and INTERRUPTED. At 2 threads", text_of(made))

    def test_what_the_run_measures_is_not_missing(self) -> None:
        there_is = [{"name": g, "group": g} for g in ("core", "threads", "api", "bands")]
        for measured, said in (
            ("", "Not measured here: threads that free .*, calls other than malloc and free\\."),
            ("threads", "Not measured here: blocks that change size, calls other than malloc"),
            (
                "api",
                "Not measured here: threads that free .* blocks, threads that come and go\\.",
            ),
            ("bands", "Not measured here: threads that free .*, calls other than malloc"),
        ):
            made = samples(["system", "b"], ["core", *measured.split()])
            self.assertRegex(text_of(made_up(made, workloads=there_is)), said)
        made = samples(["system", "b"], ["core", "api", "threads"])
        self.assertNotIn("Not measured here", text_of(made_up(made, workloads=there_is)))

    def test_what_is_not_measured_is_what_the_workloads_say(self) -> None:
        """Whoever adds such a workload meets both."""
        said = (ROOT / "workloads" / "README.md").read_text().split("## What is not timed")[1]
        for phrase in (
            "no thread frees a block that another thread allocated",
            "no block changes its size",
            "threads do not come and go",
            "the workloads call only `malloc` and `free`",
        ):
            self.assertIn(phrase, said)
        self.assertEqual(said.count("\n- "), len(answer.NOT_MEASURED))


class Lines(unittest.TestCase):
    def test_any_run_has_few_lines_that_are_not_wide(self) -> None:
        known = ["system", "gomalloc-hardened", "jemalloc", *(f"name{i}" for i in range(9))]
        long = [f"lib{c}{'-very-long' * 7}.so" for c in "abcdefgh"]
        loads = [*WORKLOADS, "a", "b", "c", "a-long-name-of-a-workload"]
        for count, more, workloads, rounds in itertools.product(
            (1, 2, 12), (0, 8), (1, 3, 7), (1, 3)
        ):
            entries = samples(known[:count] + long[:more], loads[:workloads], [2], rounds, 0.3)
            entries += [failed(long[0], "x" * 300, workload=loads[0], threads=2)] * (more // 8)
            lines = lines_of(made_up(entries, quick=True))
            case = (count, more, workloads, rounds)
            self.assertLessEqual(len(lines), answer.LINES, case)
            self.assertLessEqual(max(map(len, lines)), answer.WIDTH, case)
            text = " ".join(" ".join(lines).split())
            self.assertIn("calls other than malloc and free.", text, case)
            if count + more > 1:
                self.assertIn("Fastest", text, case)


class Program(unittest.TestCase):
    def test_example(self) -> None:
        result = run_python(ANSWER, EXAMPLE)
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        made = bench_results.load(EXAMPLE)
        self.assertEqual(result.stdout.splitlines(), answer.format_run(made))

    def test_all_of_it(self) -> None:
        whole = run_python(ANSWER, EXAMPLE, "--all")
        self.assertEqual((whole.returncode, whole.stderr), (0, ""))
        made = bench_results.load(EXAMPLE)
        self.assertEqual(whole.stdout.splitlines(), answer.format_run(made, 10**6))
        self.assertIn("; memory: ", whole.stdout)
        self.assertNotIn("more: ", whole.stdout)
        self.assertNotIn("..", whole.stdout)

    def test_readme_shows_the_example(self) -> None:
        readme = (ROOT / "README.md").read_text()
        shown = readme.split("`make bench` ends with an answer")[1].split("\n\n")[1]
        lines = "\n".join(line.removeprefix("    ") for line in shown.splitlines())
        self.assertGreater(len(lines.splitlines()), 15)
        self.assertIn(lines + "\n", run_python(ANSWER, EXAMPLE).stdout)

    def test_a_locale_without_the_letters(self) -> None:
        environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
        plain = run(sys.executable, "-B", ANSWER, EXAMPLE, env=environment)
        self.assertEqual((plain.returncode, plain.stderr), (0, ""))
        self.assertEqual(plain.stdout, run_python(ANSWER, EXAMPLE).stdout.replace("±", "~"))

    def test_it_needs_the_standard_library_alone(self) -> None:
        result = run(sys.executable, "-S", "-B", ANSWER, EXAMPLE)  # -S: without any package
        self.assertEqual((result.returncode, result.stderr), (0, ""))

    def test_no_run_yet(self) -> None:
        result = run_python(ANSWER, "/nonexistent/latest")
        self.assertEqual(result.returncode, 2)
        said = "answer.py: /nonexistent/latest: no run is complete yet; make bench makes one\n"
        self.assertEqual(result.stderr, said)


if __name__ == "__main__":
    unittest.main()
