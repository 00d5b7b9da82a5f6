"""The pages of checks, misuses, the gate and programs: what they say, and that they show no foreign markup."""

import json
from typing import Any

from bench_results import Unusable
from driving import ROOT, DriverTest
from report import model, write

REDIS = ROOT / "results" / "programs" / "redis.json"
MARKUP = "<script>alert(1)</script>"
MACHINE = {"cpu": "Model 7", "kernel": "Linux", "cpus_usable": 2}
NOTHING = dict.fromkeys(("known", "choice", "expected", "seen", "reason", "stacks"))


def result(allocator: str, check: str, verdict: str, **more: Any) -> dict[str, Any]:
    own = {"class": "required", "clause": "C17 7.22.3", "counts": True, "finding": False}
    rest = {"seconds": 0.1, "repeat": f"cell/{allocator} --check {check}"}
    return {
        "allocator": allocator,
        "check": check,
        "verdict": verdict,
        **own,
        **NOTHING,
        **rest,
        **more,
    }


def conformance(**more: Any) -> dict[str, Any]:
    known = {"object": "*", "check": "a.two", "seen": "x", "why": "it is older"}
    return {
        "schema": 1,
        "version": "v1",
        "started": "2026-01-02T03:04:05Z",
        "complete": True,
        "profile": "all",
        "seed": 1,
        "machine": MACHINE,
        "environment": {},
        "allocators": [
            {
                "name": "good",
                "version": "1",
                "object": "libgood.so",
                "floor": False,
                "preload": False,
            },
            {
                "name": "poor",
                "version": MARKUP,
                "object": "libpoor.so",
                "floor": False,
                "preload": True,
            },
            {"name": "gone", "skipped": "no package"},
        ],
        "checks": [
            {"name": n, "summary": f"promise of {n}"} for n in ("a.one", "a.two", "a.three")
        ],
        "results": [
            result("good", "a.one", "pass"),
            result("good", "a.two", "fail", known=known, expected="e", seen="x"),
            result("good", "a.three", "recorded", choice="NULL"),
            result("poor", "a.one", "fail", finding=True, expected="all kept", seen=MARKUP),
            result("poor", "a.two", "not supported", reason="no such call"),
            result("poor", "a.three", "not run"),
        ],
        **more,
    }


def hardening() -> dict[str, Any]:
    run = {
        "seed": 1,
        "step": "free",
        "what": MARKUP,
        "seen": "SIGABRT",
        "seconds": 0.1,
        "repeat": "cell/a --misuse",
    }
    found = [("good", {"call": 2}), ("poor", {"corrupt": 1, "survived": 1})]
    return {
        **{k: v for k, v in conformance().items() if k not in ("checks", "profile")},
        "runs": 2,
        "misuses": [{"name": "double_free.now", "weakness": "415", "summary": "free(p); free(p)"}],
        "results": [
            {
                "allocator": name,
                "misuse": "double_free.now",
                "size": "tiny",
                "outcomes": outcomes,
                "runs": [{**run, "outcome": o} for o in outcomes],
            }
            for name, outcomes in found
        ],
    }


def finding(metric: str, verdict: str, change: Any, **more: Any) -> dict[str, Any]:
    return {
        "tier": "timed", "row": "small/threads:1", "metric": metric, "unit": "ns", "base": 100.0, "head": 110.0,
        "change": change, "low": None if change is None else change - 0.01, "high": None if change is None else change + 0.01,
        "margin": 0.01, "smallest": 0.02, "verdict": verdict, "note": MARKUP, "repeat": "make gate", "margin_amount": None,
        "smallest_amount": None, **more,
    }  # fmt: skip


def gate() -> dict[str, Any]:
    arm = {"what": "commit 1", "again": "1", "sha256": "0" * 64}
    counted = finding(
        "instructions", "pass", 0.0, tier="exact", low=None, high=None, head=100.0, margin=0.005
    )
    return {
        "schema_version": 1, "verdict": "fail", "exit_code": 1, "strict": False, "tier": "all", "base": arm,
        "head": {**arm, "what": "this tree", "again": ""}, "quick": True, "seed": 1, "machine": MACHINE,
        "environment": {}, "facts": ["base: commit 1"],
        "findings": [finding("ns_per_op", "fail", 0.1), finding("rss_peak_bytes", "pass", None), counted],
    }  # fmt: skip


class Kinds(DriverTest):
    def page(self, name: str, document: Any) -> tuple[model.Page, str]:
        file = self.directory / name
        file.write_text(json.dumps(document))
        made = write.page_of_folder(self.directory)
        text = write.rendered(made)
        assert text
        file.unlink()
        self.assertEqual(text.count("<script"), 4)
        self.assertIn("&lt;script&gt;alert(1)&lt;/script&gt;", text)
        return made, text

    def said(self, made: model.Page) -> str:
        return "\n".join(s.text for s in made.gaps + made.findings)

    def test_conformance(self) -> None:
        made, text = self.page("conformance.json", conformance())
        said = self.said(made)
        self.assertIn(
            "good keeps 1 of 2 promises; nothing was found that is not explained; 1 failure is known.",
            said,
        )
        self.assertIn("poor keeps 0 of 1 promise; 1 finding: a.one; 1 were not run.", said)
        self.assertIn("Not here: gone: no package.", said)
        for cell in (
            '<td class="bad"><a href="#f-poor-a_2eone">FAIL</a></td>',
            '<td class="weak"><a href="#f-good-a_2etwo">known</a></td>',
            '<td class="plain"><a href="#f-good-a_2ethree">choice</a></td>',
        ):
            self.assertIn(cell, text)
        self.assertIn('<th scope="col" class="word" data-a="poor">poor</th>', text)
        self.assertIn('<tr data-a="poor" id="f-poor-a_2eone">', text)
        self.assertIn('<input type="checkbox" class="choice" value="poor" checked>', text)
        for key in ("f-poor-a_2eone", "f-good-a_2etwo", "f-good-a_2ethree"):
            self.assertEqual(text.count(f'id="{key}"'), 1)
        self.assertEqual(made.command, "make check ALLOCATORS=good PRELOAD=poor=libpoor.so CHECKS='a.one a.two a.three' PROFILE=all SEED=1")  # fmt: skip

    def test_what_fails_and_does_not_count_is_said(self) -> None:
        document = conformance()
        for name, checks in (("good", ["b.one"]), ("poor", ["b.one", "b.two"])):
            document["results"] += [result(name, c, "fail", counts=False) for c in checks]
        made, _ = self.page("conformance.json", document)
        said = self.said(made)
        self.assertIn("1 failure is known; 1 more check fails, and does not count.", said)
        self.assertIn("a.one; 2 more checks fail, and do not count; 1 were not run.", said)

    def test_a_program_with_one_row(self) -> None:
        of = json.loads(REDIS.with_name("sort.json").read_text())
        of["rows"] = [r for r in of["rows"] if r["name"] == "system"]
        of["runs"] = [r for r in of["runs"] if r["row"] == "system"]
        file = self.directory / "program.json"
        file.write_text(json.dumps(of))
        said = self.said(write.page_of(file))
        self.assertIn("One row alone has a result: there is nothing to compare.", said)

    def test_interrupted(self) -> None:
        made, _ = self.page("conformance.json", conformance(complete=False))
        self.assertIn("INTERRUPTED", self.said(made))

    def test_hardening(self) -> None:
        made, text = self.page("hardening.json", hardening())
        said = self.said(made)
        self.assertIn("good caught 1 of 1 misuse in every run.", said)
        self.assertIn("poor caught 0 of 1 misuse in every run; damage was shown in 1.", said)
        self.assertIn(
            '<td class="good"><a href="#f-good-double_5ffree_2enow_2c_20tiny">call 2/2</a></td>',
            text,
        )
        self.assertIn("corrupt 1/2, survived 1/2", text)

    def test_gate(self) -> None:
        made, text = self.page("gate.json", gate())
        self.assertIn("FAIL: worse in small/threads:1 ns/op +10.0 %", self.said(made))
        self.assertIn("small/threads:1 ns/op: +10.0 % (+9.0 % .. +11.0 %), fail", text)
        self.assertEqual(made.command, "make gate BASE=1 SEED=1 QUICK=1")

    def test_a_gate_without_findings(self) -> None:
        (self.directory / "gate.json").write_text(json.dumps({**gate(), "findings": []}))
        with self.assertRaisesRegex(Unusable, "nothing was compared"):
            write.page_of(self.directory / "gate.json")

    def test_an_interval_that_is_no_number(self) -> None:
        file = self.directory / "gate.json"
        for end, why in (
            ("NaN", "NaN is not a number"),
            ("-Infinity", "-Infinity is not a number"),
            ("1e999", ""),
        ):
            of = {**gate(), "findings": [finding("ns_per_op", "fail", 0.1, low=7.5)]}
            file.write_text(json.dumps(of).replace("7.5", end))
            if why:
                with self.assertRaisesRegex(Unusable, f"gate.json: not a run: {why}"):
                    write.page_of(file)
                continue
            text = write.rendered(write.page_of(file))
            assert text
            self.assertIn('data-v="1.1 1.1 1.11"', text)

    def test_another_schema(self) -> None:
        for name, of, key in (
            ("conformance.json", conformance(), "schema"),
            ("hardening.json", hardening(), "schema"),
            ("gate.json", gate(), "schema_version"),
        ):
            folder = self.directory / name.removesuffix(".json")
            folder.mkdir()
            (folder / name).write_text(json.dumps({**of, key: 2}))
            why = f"its {key} is 2, and this spanbench knows 1 alone"
            with self.assertRaisesRegex(Unusable, f"{name}: .*{why}"):
                write.page_of_folder(folder)
            with self.assertRaisesRegex(Unusable, why):
                write.page_of(folder / name)
        (self.directory / "good").mkdir()
        (self.directory / "good" / "gate.json").write_text(json.dumps(gate()))
        made = write.page_of_folder(self.directory)
        self.assertIn("its schema is 2, and this spanbench knows 1 alone", self.said(made))

    def test_a_stored_program(self) -> None:
        made = write.page_of(REDIS)
        words = "\n".join(s.text for s in made.findings)
        self.assertIn("scudo", words)
        keys = [part.key for s in made.sections for part in s.parts]
        self.assertIn("metric-time", keys)
        text = write.rendered(made)
        assert text
        self.assertIn("would have been seen", text)

    def test_what_serves_a_program_without_a_preload(self) -> None:
        of = json.loads(REDIS.read_text())
        (system,) = (r for r in of["rows"] if r["name"] == "system")
        made = [write.page_of(REDIS)]
        for process in system["processes"]:
            process["malloc"] = "/lib/libc.so.6"
        file = self.directory / "program.json"
        file.write_text(json.dumps(of))
        made.append(write.page_of(file))
        objects = [{x.name: x.object for x in m.facts.libraries}["system"] for m in made]
        self.assertEqual(objects, ["the program's own, libjemalloc.so.2", "the program's own"])

    def test_what_is_none_of_them(self) -> None:
        file = self.directory / "x.json"
        for text, why in (
            ("{}", "none of bench.json"),
            ('{"checks": 1}', "not a run of spanbench check"),
            ("{", "not JSON"),
        ):
            file.write_text(text)
            with self.assertRaisesRegex(Unusable, why):
                write.page_of(file)
        with self.assertRaisesRegex(Unusable, "not a run"):
            write.page_of_folder(self.directory)
