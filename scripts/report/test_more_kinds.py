"""The pages of `spanbench why`, of real programs, and of several kinds of runs together; and that another program
finds the same in their sentences."""

import copy
import json
import random
import re
import shutil
import unittest
from pathlib import Path
from typing import Any, Iterator, Optional

import heap_pages
from bench_results import MIB, Unusable
from driving import ROOT, DriverTest, clean_environment, run, slow
from fleet.test_classes import two_of_example
from report import histories, model, phases, study, write
from report.test_kinds import MARKUP, conformance, gate, hardening
from report.test_report import Elements, noisy
from test_bench_results import document, entry, made_up
from test_heap_pages import DUMP
from verdicts.test_why_verdict import point

PROGRAMS = ROOT / "results" / "programs"
HISTORY = ROOT / "results" / "history.jsonl"
RECOUNT = ROOT / "scripts" / "report" / "recount.mjs"
RECOUNT_HISTORY = RECOUNT.with_name("recount-history.mjs")
Place = tuple[Any, ...]


def memory(command: str = "leak", **more: Any) -> dict[str, Any]:
    """Makes a why.json: memory that a program never gives back."""
    points = [point(i / 10, requested=5 + i / 2) for i in range(101)]
    process = {
        "pid": 1, "parent": 0, "image": 0, "command": command, "allocator": "/lib/libc.so.6", "sizes_known": True,
        "exact": True, "exited": True, "peak_rss": points[-1]["rss"], "looks": 101, "inner": [],
        "points": points,
    }  # fmt: skip
    end = {
        "by_itself": True,
        "stopped": False,
        "too_many": False,
        "interrupted": False,
        "exit_code": 0,
    }
    return {
        "schema": 1, "version": "v1", "command": ["/bin/sh", "-c", f"exec {command}"], "allocator": None,
        "end": {**end, "signal": None, "left_behind": 0}, "seconds": 10.0, "processes_seen": 1,
        "not_counted": None, "processes": [process], **more,
    }  # fmt: skip


def program(times: dict[str, float], rounds: int = 7, seed: int = 1) -> dict[str, Any]:
    """Makes a program.json: rows whose runs scatter a little around their times."""
    source = random.Random(seed)
    rows = [{"name": n, "cause": None, "library": f"lib{n}.so"} for n in times]
    runs = [
        {
            "row": name, "round": r, "problem": None, "metric": None, "peak_bytes": int(time * 2**20),
            "wall_seconds": time * source.uniform(0.99, 1.01), "user_seconds": time, "system_seconds": 0.0,
        }
        for r in range(rounds)
        for name, time in times.items()
    ]  # fmt: skip
    its = {
        "metric": None,
        "higher_is_better": False,
        "shell": True,
        "argv": ["true"],
        "server": None,
    }
    return {
        "version": "v1", "started": "2026-01-02T03:04:05Z", "machine": {}, "environment": {}, "seed": 1,
        "precision": 0.02, "program": its, "rows": rows, "runs": runs, "rounds": rounds, "complete": True,
    }  # fmt: skip


def heap() -> dict[str, Any]:
    """Makes a heap.json: two regions of pages, of which four are given back, and an allocator that failed."""
    lines = [
        f"{p},{int(p < 20)},{4096 if p < 9 else 0},{0 if p < 9 else 96},0,0,full, 1\n"
        for p in range(1, 21)
    ]
    lines += ["dump,full, 1\n", *DUMP]
    lines += [f"{p},{int(p > 4)},0,{0 if p < 9 else 96},0,0,later\n" for p in range(1, 21)]
    lines += ["dump,later\n", *DUMP]
    good = {"allocator": "a", "workload": "w", "cause": None, **heap_pages.heap(lines, 4096)}
    bad = {"allocator": MARKUP, "workload": "w", "cause": MARKUP}
    listed = [{"name": "a", "version": None, "object": "liba.so"}]
    return {
        "schema": 1, "started": "2026-01-02T03:04:05Z", "seed": 1, "threads": 1, "page_bytes": 4096,
        "allocators": listed, "heaps": [good, bad],
    }  # fmt: skip


def said(made: model.Page) -> str:
    return "\n".join(s.text for s in made.gaps + made.findings)


class PageTest(DriverTest):
    def put(self, name: str, of: Any) -> Path:
        file = self.directory / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(of if isinstance(of, str) else json.dumps(of))
        return file

    def recounted(self, page: str, *files: Path, program: Path = RECOUNT) -> "tuple[int, str]":
        node = shutil.which("node")
        if not node:
            self.skipTest("node is not installed")
        result = run(node, program, self.put("page.html", page), *files, env=clean_environment())
        return result.returncode, result.stdout

    def text(self, folder: Path) -> str:
        made = write.rendered(write.page_of_folder(folder))
        assert made
        found = Elements(made)
        self.assertEqual(len(found.keys), len(set(found.keys)), "an address is there once")
        self.assertEqual({x[1:] for x in found.links} - set(found.keys), set())
        self.assertEqual((found.events, found.kinds["script"]), ([], 4))
        return made


class Pages(PageTest):
    def test_memory(self) -> None:
        file = self.put("why.json", memory(f"leak {MARKUP}"))
        text = self.text(self.directory)
        made = write.page_of(file)
        self.assertIn(
            "A leak, or data that never ends: live bytes grow to the end, to 5", said(made)
        )
        self.assertEqual(made.command, f"make why CMD='leak {MARKUP}'")
        self.assertEqual(text.count('class="mark layer '), 8)
        code, told = self.recounted(text, file)
        self.assertEqual((code, told), (0, "2 statements are recomputed; 0 disagree\n"))
        self.assertEqual(
            self.recounted(text.replace("to the end, to 5", "to the end, to 6"), file)[0], 1
        )

    def test_live_memory_that_is_not_resident(self) -> None:
        """By count it is live; the layers have it not."""
        of = memory()
        for p in of["processes"][0]["points"]:
            p["untouched"] = 2 * MIB
            p["live"] += 2 * MIB
        file = self.put("why.json", of)
        text = self.text(self.directory)
        told = re.search(
            r"by count: (\S+) MiB in 10 blocks, .*; of this, (\S+) MiB are resident", text
        )
        assert told
        self.assertAlmostEqual(float(told[1]) - 2, float(told[2]), delta=0.11)
        self.assertEqual(self.recounted(text, file)[0], 0)
        wrong = text.replace(f"of this, {told[2]} MiB", f"of this, {told[1]} MiB")
        self.assertEqual(self.recounted(wrong, file)[0], 1)
        self.assertIn('<th scope="row">beside it: live, not resident</th><td>2 MiB</td>', text)

    def test_memory_that_was_not_all_seen(self) -> None:
        end = {**memory()["end"], "interrupted": True}
        self.put("why.json", memory(end=end, not_counted="it is static"))
        text = said(write.page_of_folder(self.directory))
        self.assertIn("INTERRUPTED", text)
        self.assertIn("Not counted: the first process: it is static.", text)

    def test_programs(self) -> None:
        rows = {"system": 2.0, "quick": 1.0, "like": 2.0}
        one, other = program(rows), program(rows, seed=2)
        other["rows"][1]["cause"] = MARKUP
        files = [self.put("one.json", one), self.put("other.json", other)]
        self.put("spoiled.json", "{")
        text = self.text(self.directory)
        told = said(write.page_of_folder(self.directory))
        self.assertIn(
            "quick, compared with the C library's malloc: less time in 1 of 1 program, more in 0; less peak memory "
            "in 1 of 1 program, more in 0; all else ties.",
            told,
        )
        self.assertIn(
            "like, compared with the C library's malloc: less time in 0 of 2 programs", told
        )
        self.assertIn("No result: other with quick: ", told)
        self.assertIn("Not shown: spoiled.json: not JSON", told)
        self.assertRegex(
            text,
            r'<td class="good"><a href="#program-one">0\.50 less</a> <small>\(0\.49 to 0\.5[01]\)</small></td>',
        )
        self.assertRegex(text, r'<td class="plain"><a href="#program-one">1\.00 tie</a> ')
        self.assertEqual(self.recounted(text, *files)[0], 0)
        self.assertEqual(
            self.recounted(text.replace("less time in 1 of", "less time in 0 of"), *files)[0], 1
        )

    def test_programs_of_few_rounds(self) -> None:
        """Another program knows their rule: rounds scatter at least as is usual, and the test is Student's."""
        told = set()
        for rounds in (1, 3, 5):
            files = []
            for name, time in (("one", 0.5), ("two", 0.93)):
                of = program({"system": 1.0, "quick": time, "like": 1.0}, rounds)
                for one in of["runs"]:  # by chance, the rounds of one pair lie close together
                    if one["row"] != "like":
                        one["wall_seconds"] = time if one["row"] == "quick" else 1.0
                files.append(self.put(f"{name}.json", of))
            text = self.text(self.directory)
            self.assertEqual(
                self.recounted(text, *files), (0, "2 statements are recomputed; 0 disagree\n")
            )
            found = re.search(r"quick, compared with.*?less time in (\d) of", text)
            assert found
            told.add(found[1])
            wrong = text.replace(found[0], f"{found[0][:-4]}7 of")
            self.assertEqual(self.recounted(wrong, *files)[0], 1)
        self.assertGreater(len(told), 1, "some are told, and some are not")

    def test_a_program_that_is_linked_with_another(self) -> None:
        """A name means the same in every program, and is the head of one column."""
        linked, rate = program({"system": 1.0, "glibc": 2.0, "quick": 1.0}), program(
            {"system": 2.0, "quick": 1.0}
        )
        linked["rows"][0]["processes"] = [{"malloc": "/lib/libother.so.2", "replaced": False}]
        rate["program"].update(metric="x", higher_is_better=True)
        for run_ in rate["runs"]:
            run_["metric"] = 1000 / run_["wall_seconds"]
        files = [self.put("one.json", linked), self.put("two.json", rate)]
        text = self.text(self.directory)
        self.assertEqual(self.recounted(text, *files)[0], 0)
        made = write.page_of_folder(self.directory)
        time, memory_ = made.sections[0].parts
        assert time.table and memory_.table
        self.assertEqual(time.table.heads, ["program", "with system", "quick", "as linked"])
        one, two = (line.cells for line in time.table.lines)
        self.assertRegex(one[1], r"^2\.\d\d s$")
        self.assertEqual(one[2:], ["0.50 less", "0.50 less"])
        self.assertRegex(two[1], r"^2\.0\d ms \(49\d\.?\d*/s\)$|^1\.9\d ms \(5\d\d\.?\d*/s\)$")
        self.assertEqual(two[3], "-")
        why = 'one is linked with libother.so.2: "as linked" is the program without a preload. Its base is the C library\'s'
        self.assertIn(why, time.note)
        self.assertIn(why, memory_.note)
        self.assertIn("two: time is one second, divided by the rate in brackets.", time.note)
        self.assertNotIn("rate", memory_.note)
        table = made.sections[1].parts[0].table
        assert table
        self.assertEqual({x.allocator for x in table.lines}, {"system", "as linked", "quick"})
        self.assertEqual(made.allocators, ["system", "quick", "as linked"])

    def test_a_linked_program_without_the_c_library(self) -> None:
        linked = program({"system": 1.0, "quick": 1.0})
        linked["rows"][0]["processes"] = [{"malloc": "/lib/libother.so.2", "replaced": False}]
        self.put("one.json", linked)
        told = said(write.page_of_folder(self.directory))
        self.assertIn("The C library's malloc was not measured with it, so that is its base.", told)

    def test_stored_programs(self) -> None:
        """With the run of make bench that lies in their folder, on one page."""
        text = self.text(PROGRAMS)
        pairs = len(json.loads((PROGRAMS / "agreement.json").read_text())["pairs"])
        self.assertGreater(pairs, 100)
        said = f"Of {pairs} pairs of allocators that differ in a program, tiny of make bench has"
        self.assertIn(said, text)
        self.assertIn('<h2 class="chapter" id="chapter">Speed and memory</h2>', text)
        self.assertIn('<h2 class="chapter" id="c1-chapter">Real programs</h2>', text)
        code, told = self.recounted(text, *PROGRAMS.glob("*.json"))
        self.assertEqual((code, told), (0, "16 statements are recomputed; 0 disagree\n"))
        left = re.search(r"[a-z]+ (\d+)%, ", text)
        assert left
        for right, wrong in (
            (left[0], left[0].replace(left[1], str(int(left[1]) - 1))),
            ("each 100%", "each 99%"),
            (left[0], ""),
        ):
            self.assertIn(right, text)
            spoiled = text.replace(right, wrong)
            self.assertEqual(self.recounted(spoiled, *PROGRAMS.glob("*.json"))[0], 1, wrong)

    def test_everything_together(self) -> None:
        self.put("old/why.json", memory())
        kinds = {
            "bench": document(noisy({"system": 10.0, "a": 5.0})),
            "conformance": conformance(),
            "hardening": hardening(),
        }
        for name, of in {**kinds, "gate": gate(), "why": memory()}.items():
            self.put(f"run-{name}/{name}.json", of)
        self.put("try/program.json", "{")
        text = self.text(self.directory)
        made = write.page_of_folder(self.directory)
        names = [
            "Speed and memory",
            "The memory of a program",
            "Conformance",
            "Hardening",
            "The gate",
        ]
        self.assertEqual([name for name, _ in made.chapters], names)
        self.assertIn("Not shown: A program: ", said(made))
        self.assertIn("Of each kind, one run is shown. Left out: old.", said(made))
        self.assertIn('<a href="#c2-f-poor-a_2eone">FAIL</a>', text)
        self.assertEqual(made.data["allocators"], ["a", "system"], "its pictures can be switched")
        self.assertEqual(made.allocators, ["a", "system", "good", "poor"], "all can be hidden")
        files = [
            self.directory / f"run-{n}" / f"{n}.json" for n in ("conformance", "hardening", "why")
        ]
        self.assertEqual(
            self.recounted(text, *files), (0, "6 statements are recomputed; 0 disagree\n")
        )

    def test_half_a_character(self) -> None:
        """A name that no encoding has, in a foreign file, costs no page."""
        half = "a\ud800b\udcff"
        of_gate, of_heap, checks = gate(), heap(), conformance(seed=half)
        of_gate["findings"][0]["row"] = of_heap["heaps"][0]["workload"] = half
        checks["results"][0]["check"] = checks["allocators"][0]["version"] = half
        trial = program({"system": 1.0, half: 2.0})
        trial["program"]["argv"] = [half]
        bench = document(noisy({"system": 10.0, half: 5.0}))
        for name, of in {
            "why": memory(half), "conformance": checks, "gate": of_gate, "heap": of_heap, "program": trial, "bench": bench, "gcc": trial,
        }.items():  # fmt: skip
            for old in self.directory.iterdir():
                old.unlink()
            self.put(f"{name}.json", of)
            made = write.write(self.directory, None)
            assert made
            self.assertIn("a b", made.read_text(), name)

    def test_the_latest_of_each_kind(self) -> None:
        """Also of runs that no link names, and of a fleet. What was stored long ago, by a name of its own, comes last."""
        today, before = "20260102T030405Z-box", "20260101T030405Z-box"
        for name in ("programs", f"{before}-programs", f"{today}-programs"):
            self.put(f"{name}/gcc.json", program({"system": 1.0, "of": 1.0, name: 1.0}))
        for name in (f"{today}-check", f"{before}-fleet/class1", f"{before}-check"):
            (self.directory / name).mkdir(parents=True)
            self.put(f"{name}/conformance.json", conformance(started=f"{name[:4]}-01-02T03:04:05Z"))
        self.put(f"{before}-fleet/fleet.json", {"name": "x", "work": "check"})
        (self.directory / "latest-check").symlink_to(f"{before}-check")
        for number in (1, 2):
            (self.directory / f"{today}-fleet/class{number}").mkdir(parents=True)
            self.put(f"{today}-fleet/class{number}/hardening.json", hardening())
        self.put(f"{today}-fleet/fleet.json", {"name": "x", "work": "harden"})
        shown, left = write.collected(self.directory)
        self.assertEqual(
            [(c.title, c.place.name) for c in shown],
            [
                ("Real programs", f"{today}-programs"),
                ("Conformance", f"{before}-fleet"),
                ("class1: Hardening", f"{today}-fleet"),
                ("class2: Hardening", f"{today}-fleet"),
            ],
        )
        told = said(write.page_of_folder(self.directory))
        names = [f"{before}-programs", "latest-check", f"{today}-check", "programs"]
        self.assertIn(f"Left out: {', '.join(sorted(names))}.", told)
        self.put(f"{today}-fleet2/fleet.json", {"name": "x", "work": "check"})
        (self.directory / f"{today}-fleet2" / "class1").mkdir()
        self.put(f"{today}-fleet2/class1/hardening.json", hardening())
        self.assertIn(f"{today}-fleet, ", said(write.page_of_folder(self.directory)))

    def test_a_fleet_of_two_classes_beside_other_runs(self) -> None:
        two_of_example(self.directory / "20260102T030405Z-box-fleet")
        self.put("run-why/why.json", memory())
        text = self.text(self.directory)
        self.assertIn('<h2 class="chapter" id="chapter">Speed and memory</h2>', text)
        self.assertIn("class2", text)


VALUES: list[Any] = [None, "<b>x</b>", -1, 0, 1e300, float("nan"), [], {}, True, 10**400]


# In a picture, where a number must be.
NO_NUMBER = r' (data-v|[xyrd][12]?|c[xy]|points|width|height|transform)="[^"]*\b(nan|inf)\b'


def written(of: Any) -> str:
    """A history has a document a line."""
    return "".join(f"{json.dumps(x)}\n" for x in of) if isinstance(of, list) else json.dumps(of)


def places(of: Any, at: Place = ()) -> Iterator[Place]:
    """Of all members, and of the first of each list."""
    inner = (
        of.items() if isinstance(of, dict) else enumerate(of[:2]) if isinstance(of, list) else ()
    )
    for key, value in inner:
        yield (*at, key)
        yield from places(value, (*at, key))


def broken(of: Any, source: random.Random, number: int) -> Iterator[Any]:
    """Copies with one member left out, or of another kind."""
    everywhere = list(places(of))
    for _ in range(number):
        made, (*way, last) = copy.deepcopy(of), source.choice(everywhere)
        inside = made
        for key in way:
            inside = inside[key]
        value = source.choice([*VALUES, ...])
        if value is ...:
            del inside[last]
        else:
            inside[last] = value
        yield made


@slow
class Broken(DriverTest):
    def test_whatever_is_spoiled(self) -> None:
        """There is a page, without foreign markup, or an error that names the file."""
        documents = {
            "bench.json": document(noisy({"system": 10.0, "a": 5.0}, rounds=3)),
            "conformance.json": conformance(),
            "hardening.json": hardening(),
            "gate.json": gate(),
            "why.json": memory(),
            "program.json": program({"system": 2.0, "quick": 1.0}, rounds=3),
            "gcc.json": program({"system": 2.0, "quick": 1.0}, rounds=3),
            "heap.json": heap(),
            "history.jsonl": [json.loads(x) for x in HISTORY.read_text().splitlines()[-3:]],
        }
        for name, of in documents.items():
            for spoiled in broken(of, random.Random(name), 60):
                for old in self.directory.iterdir():
                    old.unlink()
                (self.directory / name).write_text(written(spoiled))
                try:
                    self.is_clean(write.rendered(write.page_of_folder(self.directory)))
                except Unusable as problem:
                    self.assertIn(str(self.directory), str(problem))
            for end in (1, len(written(of)) // 2):
                (self.directory / name).write_text(written(of)[:end])
                with self.assertRaises(Unusable):
                    write.page_of_folder(self.directory)

    def is_clean(self, text: Optional[str]) -> None:
        assert text
        self.assertNotIn("<b>x", text)
        self.assertNotRegex(text, NO_NUMBER)

    def test_two_runs_of_which_one_is_spoiled(self) -> None:
        runs = [document(noisy({"system": 10.0, "a": 5.0}, rounds=3, seed=n)) for n in (1, 2)]
        for i, of in enumerate(runs):
            for spoiled in broken(of, random.Random(i), 60):
                both = [self.directory / f"{n}" for n in range(2)]
                for n, folder in enumerate(both):
                    folder.mkdir(exist_ok=True)
                    (folder / "bench.json").write_text(json.dumps(spoiled if n == i else runs[n]))
                try:
                    self.is_clean(write.rendered(write.comparison(both[0], both[1])))
                except Unusable as problem:
                    self.assertRegex(
                        str(problem), rf"{self.directory}|the runs (made other|have no)"
                    )


class Phases(unittest.TestCase):
    def run_of(self, name: str, resident: list[int], **more: Any) -> dict[str, Any]:
        at = zip(("full", "freed", "freed, 100 ms later"), (4, 1, 0), resident)
        instants = [
            {"name": n, "held_bytes": held * MIB, "rss_bytes": rss * MIB} for n, held, rss in at
        ]
        return entry(name, 5.0, rss_start_bytes=2 * MIB, live_bytes=MIB, instants=instants, **more)

    def test_each_phase_has_its_level(self) -> None:
        entries = [self.run_of("system", [9, 7 + block, 3], block=block) for block in range(3)]
        entries += [self.run_of("a", [6, 3, 2], block=block) for block in range(3)]
        s = study.study(made_up(entries))
        found = phases.table(s, s.main("tiny"))
        assert found
        self.assertEqual(
            found.heads,
            [
                "allocator",
                "1: full",
                "2: freed",
                "3: all live",
                "4: all freed",
                "5: freed, 100 ms later",
            ],
        )
        lines = {line.cells[0]: list(line.cells[1:]) for line in found.lines}
        self.assertEqual(lines["live"][:2], ["4.00", "1.00"])
        self.assertEqual(lines["system"][:2] + lines["system"][-1:], ["7.00", "6.00", "1.00"])
        self.assertEqual(lines["a"][:2], ["4.00", "1.00"])
        pictures = phases.panels(s, s.main("tiny"))
        self.assertIn(
            "a, MiB above the start after each phase: full 4 (live 4), freed 1", pictures[1]
        )

    def test_of_other_workloads_there_is_none(self) -> None:
        s = study.study(made_up([entry("system", 5.0)]))
        self.assertEqual(
            (phases.table(s, s.main("tiny")), phases.panels(s, s.main("tiny"))), (None, [])
        )


class History(PageTest):
    def of_history(self, text: str, file: Path) -> int:
        return self.recounted(text, file, program=RECOUNT_HISTORY)[0]

    def made(self, lines: list[dict[str, Any]]) -> "tuple[Path, model.Page, str]":
        file = self.directory / "history.jsonl"
        file.write_text("".join(json.dumps(line) + "\n" for line in lines))
        page = write.page_of_folder(self.directory)
        text = write.rendered(page)
        assert text
        return file, page, text

    def test_sets_of_tools(self) -> None:
        """A set has one number on the page; a step between two is marked, and does not count as a change."""

        def line(commit: str, day: int, tools: str, instructions: float) -> dict[str, Any]:
            counts = {"instructions": instructions, "minor_faults": 100, "syscalls.mmap": 9}
            return {
                "schema": 1, "commit": commit * 40, "date": f"2026-01-0{day}T00:00:00Z",
                "key": {"compiler": "cc", "kernel": "7", "harness": tools},
                "rows": {"tiny": {"ops": 1000, "seed": 1, "processes": 8, "counts": counts}},
            }  # fmt: skip

        lines = [
            line("a", 1, "one", 50e3), line("b", 2, "one", 60e3), line("b", 2, "two", 70e3), line("c", 3, "two", 70e3),
            line("d", 4, "three", 90e3), line("e", 5, "four", 90e3),
        ]  # fmt: skip
        file, page, text = self.made(lines)
        self.assertEqual(
            [s.text for s in page.findings],
            [
                "5 commits of gomalloc were counted, from 2026-01-01 to 2026-01-05, by 4 sets of tools and harness; 1 commit "
                "is in more than one set. Only counts of one set are compared.",
                "instructions an operation: 1 change in 1 row beyond the gate's limit; the last: tiny/threads:1, +20.0 % at "
                "bbbbbbbb (2026-01-02).",
                "Between sets, 2 counts step by more than the gate's limit. Tools or harness changed there, too: the table of "
                "steps says whose each is, as far as it is known.",
            ],
        )
        _, sets, steps, first, *_ = page.sections[0].parts
        assert sets.table and steps.table and first.table
        self.assertEqual(
            [x.cells[:2] for x in sets.table.lines],
            [["1", "2"], ["2", "2"], ["3", "1"], ["4", "1"]],
        )
        self.assertEqual(
            [x.cells[4] for x in sets.table.lines], ["it is the first"] + ["harness"] * 3
        )
        row = ["tiny/threads:1", "instructions an operation"]
        self.assertEqual(
            [x.cells for x in steps.table.lines],
            [
                [*row, "1 to 2", "60.0", "70.0", "+16.7 %", "the tools': it is the same commit"],
                [
                    *row,
                    "2 to 3",
                    "70.0",
                    "90.0",
                    "+28.6 %",
                    "not known: tools and gomalloc changed",
                ],
            ],
        )
        self.assertEqual([x.cells[1] for x in first.table.lines], ["1", "2", "3", "4"])
        self.assertEqual(
            first.note, "The gate's limit: 0.5 %. All processes must lie further apart than that."
        )
        self.assertEqual(first.pictures[0].count('class="step"'), 2)
        self.assertEqual(self.of_history(text, file), 0)
        for right, wrong in (
            ("5 commits of", "6 commits of"),
            ("1 commit is in", "2 commits are in"),
            ("1 change in 1 row", "2 changes in 1 row"),
            ("+20.0 % at bbbbbbbb", "+21.0 % at bbbbbbbb"),
            ("at bbbbbbbb (", "at aaaaaaaa ("),
            ("Between sets, 2 counts", "Between sets, 3 counts"),
        ):
            self.assertIn(right, text)
            self.assertEqual(self.of_history(text.replace(right, wrong), file), 1, wrong)

    def test_a_row_that_a_set_has_not(self) -> None:
        """The others keep their numbers."""
        stored = [json.loads(x) for x in HISTORY.read_text().splitlines()]
        first, last = stored[0], stored[-1]
        del first["rows"]["tiny"]["counts"]["minor_faults"]
        _, page, _ = self.made([first, last])
        (faults,) = [p for p in page.sections[0].parts if p.heading == "minor page faults"]
        assert faults.table
        tiny = [x.cells[1] for x in faults.table.lines if x.cells[0] == "tiny/threads:1"]
        self.assertEqual(tiny, ["2"])

    def test_the_stored_one(self) -> None:
        """As scripts/history.py, which counts the same changes."""
        made = write.page_of(HISTORY)
        text = write.rendered(made)
        assert text
        changes = made.sections[0].parts[0].table
        assert changes
        told = run(ROOT / "scripts" / "history.py", "table", "--store", HISTORY)
        drawn = set(histories.METRICS.values())
        for line in changes.lines:
            self.assertIn(line.cells[1], drawn)
            self.assertRegex(told.stdout, rf"{line.cells[0]} +\S+ +{line.cells[2]} ")
        self.assertRegex(said(made), r"^\d+ commits of gomalloc were counted, from 2026-")
        found = Elements(text)
        self.assertEqual(len(found.keys), len(set(found.keys)))
        self.assertEqual(self.of_history(text, HISTORY), 0)

    def test_what_is_none(self) -> None:
        file = self.directory / "history.jsonl"
        (line, *_) = HISTORY.read_text().splitlines(keepends=True)
        endless = re.sub('"ops": *[0-9]+', f'"ops":{10**400}', line)
        self.assertNotEqual(endless, line)
        for content, why in (
            ("", "no commit"),
            ("{}\n", "not a line of a history"),
            (endless, "no operations"),
        ):
            file.write_text(content)
            with self.assertRaisesRegex(Unusable, why):
                write.page_of_folder(self.directory)


class Heaps(PageTest):
    def test_what_pins_memory(self) -> None:
        file = self.put("heap.json", heap())
        made = write.page_of_folder(self.directory)
        text = self.text(self.directory)
        self.assertEqual(
            self.recounted(text, file), (0, "3 statements are recomputed; 0 disagree\n")
        )
        self.assertEqual(self.recounted(text.replace("46.9 KiB", "46.8 KiB"), file)[0], 1)
        for right, wrong in (("2 are live", "3 are live"), ("memory, 4 KiB", "memory, 5 KiB")):
            self.assertIn(right, text)
            self.assertEqual(self.recounted(text.replace(right, wrong), file)[0], 1)
        self.assertIn(
            'On w, a has most free memory resident at "later": 46.9 KiB beside live blocks (most of it, 46.9 KiB, '
            "beside blocks of 129 B to 1 KiB), and 16 KiB on pages without one; 1.12 KiB are live.",
            said(made),
        )
        self.assertIn("No heap of <script>alert(1)</script> on w: ", said(made))
        table = made.sections[0].parts[0].table
        assert table
        self.assertEqual(
            table.lines[1].cells,
            ["2: later", "0.00110", "0.0458", "0", "0.0458", "0", "0", "0.0156", "0.0156"],
        )
        picture = made.sections[0].parts[0].pictures[0]
        for kind in ("live0", "live1", "free", "back"):
            self.assertEqual(picture.count(f"cell-{kind}"), 1)
        self.assertEqual(picture.count("cell-live3"), 0)

    def test_how_an_allocator_keeps_it(self) -> None:
        self.put("heap.json", heap())
        made = write.page_of_folder(self.directory)
        (section,) = [s for s in made.sections if s.key == "structure"]
        self.assertEqual(section.title, "How does a keep its heap: arenas, spans, slots?")
        self.assertIn(
            'a on w at "later": 2 spans have 6 slots; 2 are live, 1 on threads\' lists, and 3 free. Slots of 2048 B have '
            "most of the free memory, 4 KiB.",
            said(made),
        )
        full, _ = section.parts
        assert full.table
        self.assertEqual(
            [line.cells for line in full.table.lines],
            [
                ["2048", "1", "0", "1", "0", "4", "1", "1", "2", "0.00391"],
                ["4096", "1", "1", "0", "0", "2", "1", "0", "1", "0.00391"],
            ],
        )
        lanes, squares = full.pictures
        self.assertIn("over 1 to 8 KiB: 8 KiB in use, 8 KiB in free slots", lanes)
        self.assertIn("free pages: 16 KiB resident, 16 KiB given back", lanes)
        self.assertEqual(lanes.count("arena "), 2)
        self.assertIn("8 KiB of 2048 B each, partial: 2 of 4 free", squares)
        self.assertEqual(squares.count("M"), 6, "a square for each slot")

    def test_of_an_allocator_that_does_not_tell(self) -> None:
        of = heap()
        of["heaps"][0]["structure"] = []
        self.put("heap.json", of)
        made = write.page_of_folder(self.directory)
        self.assertEqual([s.key for s in made.sections], ["heap-w"])
        del of["heaps"][0]["structure"]  # a run of before
        self.put("heap.json", of)
        self.assertEqual(said(write.page_of_folder(self.directory)), said(made))
