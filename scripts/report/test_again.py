"""The command on a page repeats what was run, from what the results record."""

import dataclasses
from typing import Any

from gate.judge import QUICK, Settings
from report import again, write
from report.test_kinds import conformance, gate, hardening
from report.test_more_kinds import PageTest, program
from report.test_report import facts_of, noisy, page_of
from test_bench_results import document


class Again(PageTest):
    def trial(self, of: dict[str, Any]) -> str:
        return write.page_of(self.put("program.json", of)).command

    def test_a_program(self) -> None:
        of = program(
            {"system": 1.0, "jemalloc": 1.0, "mine": 1.0, "gone": 1.0, "jemalloc-5.3.0-3": 1.0}
        )
        of["rows"][0]["library"] = None
        of["rows"][3].update(cause="no package", absent=True)
        of["rows"][4]["library"] = "build/rivals/jemalloc-5.3.0-3/libjemalloc.so.2"
        its = "ALLOCATORS='system jemalloc jemalloc-5.3.0-3'"
        self.assertEqual(
            self.trial(of), f"make try CMD=true {its} PRELOAD=mine=libmine.so RUNS=7 SEED=1"
        )
        self.put("nodes.json", {})
        self.assertEqual(
            self.trial(of),
            f"make fleet WORK=try CMD=true {its} PRELOAD=mine=libmine.so RUNS=7 SEED=1",
        )

    def test_a_file_alone(self) -> None:
        """No name would mean all allocators."""
        of = program({"mine": 1.0})
        self.assertIn("CMD=true ALLOCATORS=system PRELOAD=mine=libmine.so", self.trial(of))

    def test_what_make_cannot_say_the_driver_does(self) -> None:
        of = program(
            {"system": 1.0, "jemalloc:a=1": 1.0, "system:quiet": 1.0, "system (against)": 1.0}, 8
        )
        for row, variables in zip(of["rows"], ([], ["MALLOC_CONF=a:1"], ["A=1", "B=2"], [])):
            row.update(library=None, variables=variables, against="(against)" in row["name"])
        of["program"].update(
            argv=["./a b"], shell=False, metric="x (.*)", higher_is_better=True, against="./b", exit_code=3, variables={"C": "d e"}
        )  # fmt: skip
        self.assertEqual(
            self.trial(of),
            "build/spanbench try --allocators 'system jemalloc:a=1' --metric 'x (.*)' --against ./b --higher-is-better "
            "--exit-code 3 --env 'C=d e' --row 'system:A=1 B=2' --runs 8 --seed 1 -- './a b'",
        )
        of["program"].update(
            server="s $PORT", ready="port:1", load="l", then=["t"], after_seconds=[1.0, 10.0]
        )
        self.assertIn(
            "--server 's $PORT' --ready port:1 --load l --higher-is-better --exit-code 3 --then t --env 'C=d e' --after 1,10 --row",
            self.trial(of),
        )

    def test_real_programs(self) -> None:
        of = program({"system": 1.0, "glibc": 1.0, "mimalloc": 1.0, "mine": 1.0}, 3)
        of["program"]["directory"] = "build/programs/one-quick"
        self.put("one.json", of)
        self.put("two.json", program({"system": 1.0, "jemalloc": 1.0}, 3))
        self.assertEqual(
            write.page_of_folder(self.directory).command,
            "make bench-programs QUICK=1 PROGRAMS='one two' ALLOCATORS='system mimalloc jemalloc' PRELOAD=mine=libmine.so "
            "RUNS=3 SEED=1",
        )
        said = [s.text for s in write.page_of_folder(self.directory).gaps if s.kind == "caution"]
        self.assertEqual(said, ["QUICK RUN of one: less work, 3 runs of each row: not for comparison or publication."])  # fmt: skip
        self.put("nodes.json", {})
        self.assertIn(
            "make fleet WORK=programs QUICK=1 P", write.page_of_folder(self.directory).command
        )

    def test_checks_and_misuses(self) -> None:
        of = conformance()
        of["checks"] = [
            {"name": f"{f}.{n}", "summary": ""} for f in ("fork", "errno") for n in range(30)
        ]
        self.assertIn(
            "CHECKS='fork.* errno.*'", write.page_of(self.put("conformance.json", of)).command
        )
        of = hardening()
        said = write.page_of(self.put("hardening.json", of)).command
        misuses = " ".join(dict.fromkeys(r["misuse"] for r in of["results"]))
        sizes = " ".join(dict.fromkeys(r["size"] for r in of["results"] if r.get("size")))
        for name, of_them in (("MISUSES", misuses), ("SIZES", sizes)):
            if of_them:
                self.assertIn(" ".join(again.said({name: of_them})), said)

    def test_a_gate(self) -> None:
        def said(**more: Any) -> str:
            return write.page_of(self.put("gate.json", {**gate(), **more})).command

        both = [f"{w}/threads:{t}" for w in ("tiny", "remote") for t in (1, 2)]
        counted = ["tiny/threads:1", "remote/threads:1"]
        named = "WORKLOADS='tiny remote' THREADS='1 2'"
        self.assertIn(named, said(rows=both, counted=counted))
        self.assertIn(named, said(rows=both, counted=[], tier="timed"))
        self.assertIn(
            "TIER=exact WORKLOADS='tiny remote'", said(rows=counted, counted=counted, tier="exact")
        )
        for rows, of in (
            (both[1:], counted),
            (both, counted[:1]),
            (both, [*counted, "other/threads:1"]),
        ):
            self.assertNotIn("WORKLOADS", said(rows=rows, counted=of), "it chooses these itself")
        its = dataclasses.asdict(dataclasses.replace(QUICK, first=14, looks=(20, 33), margin=0.02))
        self.assertIn("ARGS='--first=14 --blocks=33 --margin=2'", said(settings=its, quick=True))
        for usual, quick in ((Settings(), False), (QUICK, True)):
            self.assertNotIn("ARGS", said(settings=dataclasses.asdict(usual), quick=quick))
        self.assertTrue(said(fleet={"class": "c"}).startswith("make fleet WORK=gate BASE="))
        arm = {"what": "x", "again": "./a b.so", "sha256": "0" * 64}
        self.assertIn("BASE='./a b.so'", said(base=arm))

    def test_a_fleet(self) -> None:
        of = document(noisy({"system": 1.0}))
        self.assertTrue(page_of(of).command.startswith("make bench "))
        of["context"]["spanbench"]["fleet"] = {"class": "c", "nodes": {}}
        self.assertTrue(page_of(of).command.startswith("make fleet ALLOCATORS="))
        self.assertIn("fleet", facts_of(of).own)
