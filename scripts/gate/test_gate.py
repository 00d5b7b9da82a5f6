"""The gate from end to end: with the driver and real libraries. No verdict on time is asserted."""

import dataclasses
import json
import os
import re
import shutil
import signal
import subprocess
import time
import unittest
from pathlib import Path
from typing import Any
from unittest import mock

import jsonschema
from driving import (
    BUILD,
    CELLS,
    ROOT,
    SPANBENCH,
    DriverTest,
    clean_environment,
    of_processes,
    run,
    run_python,
    run_unread,
    slow,
)

import gate.judge  # with scipy, which takes a second: once, and not in each child
from gate import base_and_head, cli, document
from gate.findings import TIERS, VERDICTS, Finding, Refusal
from gate.run import Gate

# The program of this tree, whose driver may be that of another.
GATE = ("/usr/bin/python3", ROOT / "scripts" / "gate", "--driver", SPANBENCH)
GOMALLOC = BUILD / "libgomalloc.so"
FEW = ("--quick", "--tier", "timed", "--workloads", "tiny", "--threads", "1")
SHORT = (*FEW, "--first", "6", "--blocks", "9", "--budget", "1")


class GateTest(DriverTest):
    def setUp(self) -> None:
        super().setUp()
        self.base, self.head = (self.directory / f"lib{n}.so" for n in ("base", "head"))
        for copy in (self.base, self.head):
            shutil.copy(GOMALLOC, copy)

    def gate(self, *words: Any, **options: Any) -> "subprocess.CompletedProcess[str]":
        return run_python(*GATE[1:], "--out", self.out, *words, **options)

    def compare(self, *words: Any, **options: Any) -> "subprocess.CompletedProcess[str]":
        return self.gate("--base", self.base, "--head", self.head, *words, **options)

    def result(self) -> Any:
        return json.loads((self.out / "latest-gate" / "gate.json").read_text())

    def refused(self, result: "subprocess.CompletedProcess[str]", *says: str) -> None:
        self.assertEqual(result.returncode, 2, result.stderr + result.stdout)
        self.assertEqual(result.stdout, "")
        self.assertIn("gate: REFUSED", result.stderr)
        self.assertNotIn("Traceback", result.stderr)
        for word in says:
            self.assertIn(word, result.stderr)
        self.assertFalse((self.out / "latest-gate").exists())


def spoiled(document: Any) -> "list[tuple[str, Any]]":
    """What is wrong with a document, and the document."""
    finding = document["findings"][0]
    without = {k: v for k, v in document.items() if k != "seed"}
    return [
        ("no seed", without),
        ("another key", {**document, "foo": 1}),
        ("no such verdict", {**document, "verdict": "good"}),
        ("exit code of a refusal", {**document, "exit_code": 2}),
        ("nothing found", {**document, "findings": []}),
        ("no such kind of finding", {**document, "findings": [{**finding, "tier": "fast"}]}),
        ("no row", {**document, "findings": [{**finding, "row": "tiny"}]}),
        ("no command", {**document, "findings": [{**finding, "repeat": ""}]}),
        ("p of 2", {**document, "comparisons": [{**document["comparisons"][0], "p_worse": 2}]}),
        ("no checksum", {**document, "head": {**document["head"], "sha256": "?"}}),
    ]


class Document(GateTest):
    @slow
    def test_is_as_its_schema_says(self) -> None:
        """With counts and times, and with counts alone; and what is wrong is not."""
        schema = json.loads((ROOT / "results" / "gate.schema.json").read_text())
        validator = jsonschema.Draft202012Validator(schema)
        validator.check_schema(schema)
        finding = schema["$defs"]["finding"]["properties"]
        self.assertEqual(finding["verdict"]["enum"], list(VERDICTS))
        self.assertEqual(finding["tier"]["enum"], list(TIERS))
        undecided = ("--target", "1.1")  # by the first stage: there is a second
        result = self.compare("--tier", "all", *SHORT[3:], "--quick", *undecided)
        self.assertIn(result.returncode, (0, 1), result.stderr)
        document = self.result()
        validator.validate(document)
        self.check_what_may_be_left_out(document)
        self.assertEqual({f["tier"] for f in document["findings"]}, set(TIERS))
        names = {f.name for f in dataclasses.fields(Finding)}
        self.assertEqual(set(finding), names)
        for why, wrong in spoiled(document):
            with self.subTest(why):
                self.assertFalse(validator.is_valid(wrong))
        self.check_what_people_see(result.stdout, document)
        self.compare("--tier", "exact", "--workloads", "tiny")
        validator.validate(self.result())

    def check_what_may_be_left_out(self, document: Any) -> None:
        """Nothing of a stored run, or it is refused."""
        file = self.out / "latest-gate" / "gate.json"
        found, parts = document["findings"], document["parts"]
        counts = [f for f in found if f["tier"] == "exact"]
        last = (self.out / "latest-gate" / parts[-1]["file"]).resolve()
        short = json.loads(last.read_text())
        blocks = max(e["block"] for e in short["benchmarks"])
        short["benchmarks"] = [e for e in short["benchmarks"] if e["block"] < blocks]
        other = "pass" if document["verdict"] == "fail" else "fail"
        cut = self.out / "latest-gate" / "cut.json"
        cut.write_text(json.dumps(short))
        changes: "list[tuple[dict[str, Any], str]]" = [
            ({"schema_version": 2}, "its schema_version is 2, and this spanbench knows 1 alone"),
            # words: allow jargon: a key.
            ({"tier": "zzz"}, "tier: "),
            ({"rows": []}, "rows: "),
            ({"findings": [f for f in found if f != counts[0]]}, counts[0]["metric"]),
            ({"findings": [f for f in found if f not in counts]}, "no counts of "),
            ({"findings": [*found, counts[0]]}, "twice"),
            ({"findings": [*found, {**counts[0], "row": "x/threads:1"}]}, "not asked for"),
            ({"counted": [*document["counted"], "small/threads:1"]}, "no counts of "),
            (
                {
                    "rows": [*document["rows"], "tiny/threads:2"],
                    "settings": {**document["settings"], "looks": [20]},
                },
                "no samples of tiny/threads:2",
            ),
            ({"parts": []}, "no measurements"),
            ({"parts": parts + parts[:1]}, "not a campaign of the gate"),
            ({"parts": parts[:-1] + [{**parts[-1], "file": str(cut)}]}, "of elsewhere"),
            ({"parts": parts[:-1] + [{**parts[-1], "file": "../x"}]}, "of elsewhere"),
            ({"parts": parts[:-1] + [{**parts[-1], "file": cut.name}]}, " blocks of tiny"),
            ({"tier": "exact"}, "what only others have"),
            ({"parts": [{**p, "name": "x"} for p in parts]}, "not a campaign of the gate"),
            ({"parts": parts[:-1]}, "was decided by "),
            ({"verdict": other}, f"not those of its verdict, {other}"),
            ({"parts": parts[:-1], "comparisons": []}, "which must decide it, is missing"),
            ({"comparisons": document["comparisons"][1:]}, "not the comparisons"),
        ]
        for change, says in changes:
            file.write_text(json.dumps({**document, **change}))
            self.judged_again(2, says)
        file.write_text("[" * 100000)
        self.judged_again(2, "not a stored run of the gate")
        self.check_what_was_accepted(document, counts[0])
        file.write_text(json.dumps(document))
        self.judged_again(0 if document["verdict"] != "fail" else 1, "")

    def judged_again(self, code: int, says: str, *words: Any) -> str:
        again = self.gate("--judge", self.out / "latest-gate", *words)
        self.assertEqual(again.returncode, code, again.stderr + again.stdout)
        self.assertIn(says, again.stderr)
        self.assertNotIn("Traceback", again.stderr)
        return again.stdout

    def check_what_was_accepted(self, document: Any, finding: Any) -> None:
        """The entries of now decide, not those of then."""
        note = "8 and 8 processes, apart; accepted until 2099-01-01: wanted"
        findings = [
            f if f != finding else {**f, "verdict": "accepted", "note": note}
            for f in document["findings"]
        ]
        file = self.out / "latest-gate" / "gate.json"
        file.write_text(json.dumps({**document, "findings": findings}))
        entry = {"row": finding["row"], "metric": finding["metric"], "reason": "wanted"}
        entries = self.directory / "accepted.json"
        others = [f for f in document["findings"] if f != finding]
        code = 1 if any(f["verdict"] == "fail" for f in others) else 0  # by chance, of the times
        for until, valid in (("2000-01-01", False), ("2099-01-01", True)):
            entries.write_text(json.dumps([{**entry, "until": until}]))
            said = self.judged_again(code if valid else 1, "", "--accepted", entries)
            self.assertIn("8 and 8 processes, apart", said)
            self.assertEqual("; accepted until" in said, valid)

    def check_what_people_see(self, output: str, document: Any) -> None:
        counts = [f for f in document["findings"] if f["tier"] == "exact"]
        same = [f for f in counts if f["change"] == 0 and f["verdict"] == "pass" and not f["note"]]
        more = " more" * (len(same) < len(counts))
        self.assertIn(f"\n  {len(same)}{more}: no change\n", output)
        self.assertRegex(output, "(?m)^deterministic: ")
        self.assertRegex(output, "(?m)^statistical: ")
        self.assertIn(" 256 KiB ", output)
        folder = self.out / "latest-gate"
        rows = [x for x in (folder / "gate.md").read_text().splitlines() if x.startswith("| tiny")]
        self.assertEqual(len(rows), len(document["findings"]))
        self.assertTrue(any("| 50 calls | 50 calls |" in x for x in rows), rows)
        cases = (folder / "gate.xml").read_text().count("<testcase ")
        self.assertEqual(cases, len(document["findings"]))


class Help(GateTest):
    def test_packages_are_those_of_debian(self) -> None:
        """A broken one that PYTHONPATH names would end it with 1: a regression."""
        (self.directory / "scipy.py").write_text("raise ValueError\n")
        environment = {**os.environ, "PYTHONPATH": str(self.directory), "ARGS": "--help"}
        broken = run("/usr/bin/python3", "-c", "import scipy", env=environment)
        self.assertEqual(broken.returncode, 1)
        for command in ((SPANBENCH, "gate", "--help"), (ROOT / "scripts" / "gate.sh",)):
            said = run(*command, env=environment)
            self.assertEqual((said.returncode, said.stderr), (0, ""))

    def test_says_all_there_is_to_know(self) -> None:
        said = self.gate("--help").stdout
        groups = (
            "what is compared:",
            "how long:",
            "verdict:",
            "output:",
            "exit codes",
            "examples:",
        )
        self.assertTrue(said.startswith("usage: build/spanbench gate "), said)
        self.assertEqual(sorted(groups, key=lambda g: said.index(f"\n{g}")), list(groups))
        for code in ("0", "1", "2", "75", "128 + n"):
            self.assertRegex(said, rf"(?m)^  {re.escape(code)}  ")
        options = re.split(r"\n(?=  -)", said.partition("\nexit codes")[0])[1:]
        self.assertGreater(len(options), 15)
        for option in options:
            if "--help" not in option:
                self.assertRegex(" ".join(option.split()), r"\(default: .+\)", option)
        self.assertLessEqual(max(len(x) for x in said.splitlines()), 105)

    def test_of_make(self) -> None:
        words = ("make", "--no-print-directory", "gate", "DEPS=skip", "ARGS=--help")
        self.assertIn(
            "usage: build/spanbench gate ", run(*words, cwd=ROOT, env=clean_environment()).stdout
        )


class EndToEnd(GateTest):
    def test_identical_libraries(self) -> None:
        summary = self.directory / "summary.md"
        environment = {**os.environ, "GITHUB_STEP_SUMMARY": str(summary), "GITHUB_ACTIONS": "true"}
        result = self.compare(*SHORT, env=environment)
        self.assertIn(result.returncode, (0, 1), result.stderr)
        self.assertIn("a null run", result.stdout)
        blind = r"gate: not seen: \d+ of \d+ kinds .*; a gate without WORKLOADS and THREADS and "
        first_lines = "\n".join(result.stdout.splitlines()[:3])
        self.assertRegex(
            first_lines, f"(?m)^{blind}without TIER=timed and without QUICK=1 sees more$"
        )
        self.assertNotIn("not seen: ", result.stderr)
        self.assertRegex(result.stderr, r"gate: all rows: \d+ of 36 samples")
        self.assertNotIn("\033", result.stdout + result.stderr)
        document = self.result()
        self.assertEqual((document["rows"], document["counted"]), (["tiny/threads:1"], []))
        self.assertEqual(document["base"]["sha256"], document["head"]["sha256"])
        metrics = [f["metric"] for f in document["findings"]]
        self.assertEqual(
            sorted(metrics),
            [
                "ns_per_op",
                "rss_drained_bytes",
                "rss_peak_bytes",
                "rss_purged_bytes",
                "writable_live_bytes",
            ],
        )
        for f in document["findings"]:
            self.assertLessEqual(f["low"], f["change"])
            self.assertLessEqual(f["change"], f["high"])
            self.assertIn(
                "WORKLOADS=tiny THREADS=1 QUICK=1 SEED=1 TIER=timed ARGS='--first 6", f["repeat"]
            )
            self.assertIn(f["metric"].split("_")[0].upper()[:3], result.stdout.upper())
        for c in document["comparisons"]:
            self.assertTrue(0 <= c["twin"]["p_differs"] <= 1)
        folder = self.out / "latest-gate"
        first = json.loads((folder / document["parts"][0]["file"]).read_text())
        self.assertEqual(len(first["benchmarks"]), 6 * 6)
        arms = {e["allocator"]: e["object"] for e in first["benchmarks"]}
        self.assertEqual(sorted(arms), ["base", "head", "twin"])
        self.assertTrue(all(o.endswith(f"/arms/files/{n}.so") for n, o in arms.items()), arms)
        self.assertEqual(
            document["machine"]["cpu"], first["context"]["spanbench"]["machine"]["cpu"]
        )
        self.assertIn("| tiny/threads:1 |", summary.read_text())
        self.assertIn("<testsuite", (folder / "gate.xml").read_text())
        self.assertIn("spanbench gate: ", (folder / "report.html").read_text())

        again = self.gate("--judge", folder)
        self.assertEqual(again.returncode, result.returncode, again.stderr)
        self.assertIn("a null run", again.stdout)
        self.assertRegex(again.stdout, r"(?m)^gate: not seen: \d+ of \d+ kinds ")
        unread = run_unread(*GATE, "--judge", folder)
        self.assertEqual((unread.returncode, unread.stderr), (result.returncode, ""))
        table = [x for x in result.stdout.splitlines() if x.startswith("  tiny")]
        self.assertEqual([x for x in again.stdout.splitlines() if x.startswith("  tiny")], table)

        for name, spoil, says in (
            ("machine", {"cpu": "another"}, "different machines"),
            ("complete", False, "not complete"),
        ):
            if len(document["parts"]) < 2 and name == "machine":
                extra = shutil.copytree(
                    folder / "stage-1", folder / "stage-2-look-1", symlinks=True
                )
                found = next(p for p in extra.glob("*Z-*/bench.json"))  # and not by `latest`
                file = str(found.relative_to(folder))
                more = {**document["parts"][0], "name": "stage-2-look-1", "file": file}
                parts = [*document["parts"], more]
                (folder / "gate.json").write_text(json.dumps({**document, "parts": parts}))
                document["parts"] = parts
            last = folder / document["parts"][-1]["file"]
            stored = json.loads(last.read_text())
            own = stored["context"]["spanbench"]
            own[name] = {**own[name], **spoil} if isinstance(spoil, dict) else spoil
            last.write_text(json.dumps(stored))
            spoiled = self.gate("--judge", folder)
            self.assertEqual((spoiled.returncode, spoiled.stdout), (2, ""))
            self.assertIn(says, spoiled.stderr)

    def test_adapters(self) -> None:
        result = self.gate("--base", "mimalloc", "--head", "system", *SHORT)
        self.assertIn(result.returncode, (0, 1), result.stderr)
        self.assertIn("BASE=mimalloc HEAD=system", result.stdout)
        first = json.loads(
            (self.out / "latest-gate" / self.result()["parts"][0]["file"]).read_text()
        )
        objects = {e["allocator"]: e["object"] for e in first["benchmarks"]}
        self.assertIn("mimalloc", objects["twin"])
        self.assertIn("libc", objects["head"])

    def test_workload_that_does_not_take_one_thread(self) -> None:
        """It has the threads that it takes, and no counts."""
        words = ("--workloads", "lock_convoy", "--first", "6", "--blocks", "9", "--budget", "1")
        result = self.compare("--quick", *words)
        self.assertIn(result.returncode, (0, 1), result.stderr)
        document = self.result()
        convoy = max(4, 2 * len(os.sched_getaffinity(0)))
        self.assertEqual(document["rows"], [f"lock_convoy/threads:{convoy}"])
        self.assertEqual(document["counted"], [])
        self.assertIn("lock_convoy is not counted: it takes 4 threads", result.stdout)
        self.assertEqual(
            self.gate("--judge", self.out / "latest-gate").returncode, result.returncode
        )

    def test_command_of_the_driver(self) -> None:
        words = ("gate", "--out", self.out, "--base", self.base, "--head", self.head)
        self.assertIn("gate: ", run(SPANBENCH, *words, *SHORT).stdout)
        self.assertEqual(self.result()["rows"], ["tiny/threads:1"])

    def test_make_gate(self) -> None:
        words = ["make", "gate", "DEPS=skip", f"OUT={self.out}", f"BASE={self.base}"]
        words += [f"HEAD={self.head}", "QUICK=1", "TIER=timed", "WORKLOADS=tiny", "THREADS=1"]
        result = run(
            *words, "ARGS=--first 6 --blocks 9 --budget 1", cwd=ROOT, env=clean_environment()
        )
        self.assertIn("gate: ", result.stdout)
        self.assertEqual(self.result()["quick"], True)


class Refusals(GateTest):
    def test_what_cannot_be_compared(self) -> None:
        text = self.directory / "text.so"
        text.write_text("no library")
        harmless = Path("/lib/x86_64-linux-gnu/libm.so.6")
        if not harmless.exists():
            harmless = next(Path("/lib").rglob("libm.so.6"))
        cases: list[tuple[list[Any], str]] = [
            (["--base", "/nonexistent.so"], "/nonexistent.so"),
            (["--base", text], "it is not a shared library"),
            (["--base", harmless], "cannot be measured"),
            (["--base", "no-such-branch"], "or a git ref"),
            (["--base", "system"], "two adapters, or two libraries"),
            (["--base", self.base, "--workloads", "foo"], "no workload 'foo'; there are "),
            (["--base", self.base, "--threads", "0"], "--threads"),
            (["--base", self.base, "--tier", "exact", "--threads", "2"], "one thread's work"),
            (["--base", self.base, "--blocks", "5"], "can never fail"),
            (["--base", self.base, "--budget", "nan"], "--budget"),
            (["--base", self.base, "--workloads", ","], "--workloads"),
            (["--base", self.base, "--workloads", "lock_convoy"], "it takes 4 to "),
            (["--base", self.base, "--accepted", "/nonexistent"], "/nonexistent"),
        ]
        for words, says in cases:
            result = self.gate("--head", self.head, *FEW, *words)
            self.refused(result, says)
            self.assertEqual(list(self.out.glob("*")), [], "it holds nothing")
            self.assertNotIn("described", result.stderr, "it is not there any more")

    def test_wrong_words(self) -> None:
        bad: "list[list[Any]]" = [["--foo"], ["--tier", "x"], ["--seed", "x"], ["x"]]
        bad += [["--seed", "-1"], ["--seed", "9" * 18], ["--timeout", "-1"], ["--timeout", "nan"]]
        for words in (*bad, ["--bas", self.base]):
            result = self.gate(*words)
            self.assertEqual((result.returncode, result.stdout), (2, ""))
            self.assertFalse(self.out.exists(), "it holds nothing")
            if words[0] in ("--seed", "--timeout"):
                self.assertIn(f"not '{words[1]}'", result.stderr)

    def test_what_nobody_asked_for(self) -> None:
        """Base and head are one file, and neither was named."""
        same = base_and_head.Source(GOMALLOC, False, "this tree", "")
        with (
            mock.patch.object(base_and_head, "default_base", return_value="HEAD"),
            mock.patch.object(base_and_head, "resolve", return_value=same),
            mock.patch.object(Gate, "exact", side_effect=Refusal("it went on")),
            self.assertRaisesRegex(Refusal, "the same gomalloc.* BASE=./old.so HEAD=./new.so"),
        ):
            options = cli.parser().parse_args(["--driver", str(SPANBENCH)])
            options.driver = SPANBENCH
            Gate(options, []).measure(self.directory)

    def test_nothing_stored(self) -> None:
        result = self.gate("--judge", self.directory)
        self.refused(result, "no stored run of the gate")
        absent = self.directory / "absent"
        self.refused(self.gate("--judge", absent), f"{absent}/gate.json: ")

    def test_what_a_stored_run_would_not_heed(self) -> None:
        ignored: "list[list[Any]]" = [["--quick"], ["--margin", "3"], ["--seed", "2"]]
        for words in (*ignored, ["--base", self.base]):
            result = self.gate("--judge", self.directory, *words)
            self.refused(result, f"leave out {words[0]}")

    def test_refusals_that_cannot_be_said(self) -> None:
        """Are not verdicts."""
        words = " ".join(map(str, [*GATE, "--judge", self.directory]))
        for elsewhere in ("2>/dev/full", "2>&-", ">&-", "2>/dev/full >/dev/full"):
            self.assertEqual(run("sh", "-c", f"{words} {elsewhere}").returncode, 2, elsewhere)

    def test_full_disk(self) -> None:
        """So full that the libraries find no place, and that the samples find none."""
        for megabytes in (1, 2):
            result = run(
                *("unshare", "--map-root-user", "--mount", "sh", "-c"),
                f'mkdir -p "$1" && mount -t tmpfs -o size={megabytes}m none "$1" && shift && "$@"',
                *("sh", self.out, *GATE, "--out", self.out, "--base", self.base),
                *("--head", self.head, *FEW),
            )
            if "unshare" in result.stderr or "mount:" in result.stderr:
                self.skipTest(f"no private file system: {result.stderr.strip()}")
            self.refused(result)
            self.assertRegex(result.stderr, "space|full")

    def test_out_that_cannot_be_made(self) -> None:
        blocked = self.directory / "file"
        blocked.write_text("")
        result = run_python(*GATE[1:], "--out", blocked, "--base", self.base, *FEW)
        self.refused(result, str(blocked))

    def test_library_that_corrupts_memory_is_a_regression(self) -> None:
        """Head is the floor, whose blocks overlap: the verifying pass finds that."""
        faulty = BUILD / "faulty" / "overlap"  # caught by the contents of its blocks
        cells = self.directory / "build" / "cell"
        cells.mkdir(parents=True)
        for name, program in (("good", CELLS / "system"), ("bad", faulty)):
            shutil.copy(program, cells / name)
        shutil.copy(SPANBENCH, cells.parent / "spanbench")
        gate = [GATE[1], "--out", self.out, "--driver", cells.parent / "spanbench", *FEW]
        result = run_python(*gate, "--base", "good", "--head", "bad")
        self.assertEqual(result.returncode, 1, result.stderr)
        self.assertIn("head failed", result.stdout)
        (self.out / "latest-gate").unlink()
        (before,) = self.out.glob("*-gate")
        self.refused(
            run_python(*gate, "--base", "bad", "--head", "good"),
            "failed, so there is nothing to compare",
        )
        (left,) = (folder for folder in self.out.glob("*-gate") if folder != before)
        self.assertTrue(list(left.glob("stage-1/*/bench.json")), "what was measured stays")
        self.assertTrue((left / "stage-1.log").is_file())


class Interrupted(GateTest):
    def test_a_signal_is_no_verdict_and_leaves_no_child(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            command = [*GATE, "--out", self.out, "--base", self.base]
            command += ["--head", self.head, *FEW, "--first", "200"]
            child = subprocess.Popen(
                [str(w) for w in command],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            assert child.stderr
            while "of 1200 samples" not in (said := child.stderr.readline()):
                self.assertTrue(said, "no sample was begun")
            deadline = time.monotonic() + 600
            while not list(self.out.glob("*-gate/stage-1/*Z-*/")):  # the driver's, of the samples
                self.assertLess(time.monotonic(), deadline, "no sample was begun")
                time.sleep(0.05)
            child.send_signal(number)
            output, errors = child.communicate(timeout=600)
            self.assertEqual(child.returncode, 128 + number, errors)
            self.assertEqual(output, "")
            self.assertIn("nothing was judged", errors)
            self.assertEqual(list(self.out.glob("*/gate.json")), [])
            for words in of_processes("cmdline").values():
                self.assertNotIn(str(self.out).encode(), words)
            shutil.rmtree(self.out)

    def test_what_stays(self) -> None:
        """Samples, and no counts that nobody can judge."""
        for name, stays in (("exact/instructions-0/out", False), ("stage-1/run/bench.json", True)):
            file = self.out / name
            file.parent.mkdir(parents=True)
            file.touch()
            document.remove_if_no_sample_is_there(self.out)
            self.assertEqual(self.out.exists(), stays, name)


if __name__ == "__main__":
    unittest.main()
