"""The table of harden can tell outcomes apart: planted behaviours end as their files say. An
allocator that dies without being misused scores nothing. What an adapter claims to catch is caught.
The file of results is as its schema says, and the table shows what is in it."""

import fnmatch
import json
import re
import resource
import shlex
import signal
import subprocess
import time
import unittest
from pathlib import Path
from typing import Any

import jsonschema

from driving import (
    CELLS,
    FAULTY,
    ROOT,
    SPANBENCH,
    DriverTest,
    adapter_keys,
    at_once,
    cell_names,
    clean_environment,
    run,
    slow,
    spanbench,
)

SCHEMA = json.loads((ROOT / "results" / "hardening.schema.json").read_text())
CAUGHT = {"access", "call", "later"}
# On a machine that is busy with other things, too, what does not hang ends in time.
PATIENCE = ("--timeout", "200")
SIZES = ("tiny", "small", "large")


def words_of(source: Path, key: str) -> list[str]:
    return adapter_keys(source).get(key, "").split()


def misuses() -> list[Any]:
    listed: list[Any] = json.loads(run(CELLS / "system", "--list-misuses").stdout)["misuses"]
    return listed


class HardeningTest(DriverTest):
    code = 0
    text = errors = ""

    def harden(self, names: list[str], *words: Any) -> dict[tuple[str, str, str], Any]:
        """Results by allocator, misuse and size ("" if it has none)."""
        cells = ["--cells", self.cells] if self.cells.exists() else []
        command = ["harden", "--out", self.out, *cells, "--misuses", ",".join(names)]
        result = spanbench(*command, *PATIENCE, *words)
        written = sorted(self.out.glob("*/hardening.json"), key=lambda p: p.stat().st_mtime_ns)
        self.assertTrue(written, result.stderr)
        self.written = json.loads(written[-1].read_text())
        self.code, self.text, self.errors = result.returncode, result.stdout, result.stderr
        jsonschema.validate(self.written, SCHEMA)
        return {(r["allocator"], r["misuse"], r["size"] or ""): r for r in self.written["results"]}


class Outcomes(HardeningTest):
    @staticmethod
    def expected(source: Path) -> dict[str, str]:
        return dict(word.split("=") for word in words_of(source, "harden"))

    def shown(self, source: Path) -> tuple[int, dict[tuple[str, str, str], Any]]:
        """The exit code and the results of a planted behaviour."""
        expected = self.expected(source)
        alone = HardeningTest()
        alone.out = self.directory / source.stem / "results"
        alone.cells = self.directory / source.stem / "cell"
        alone.cells.mkdir(parents=True)
        alone.use_cells(FAULTY / source.stem)
        sizes = {place.partition("/")[2] for place in expected} - {""} or {"tiny"}
        names = [place.partition("/")[0] for place in expected]
        options = ["--runs", "2", "--sizes", ",".join(sizes)]
        options += ["--timeout", "10"] if "hang" in expected.values() else []
        results = alone.harden(names, *options)
        return alone.code, results

    def test_each_planted_behaviour_is_recognised(self) -> None:
        seen = set()
        sources = sorted((ROOT / "allocators" / "faulty" / "harden").glob("*.c"))
        for source, (code, results) in zip(sources, at_once(self.shown, sources)):
            expected = self.expected(source)
            self.assertTrue(expected, f"{source.name} does not say what it is to show")
            seen |= set(expected.values())
            with self.subTest(source.stem):
                for place, outcome in expected.items():
                    name, _, size = place.partition("/")
                    self.assertEqual(
                        results[source.stem, name, size]["outcomes"],
                        {outcome: 2},
                        f"{place}: {results[source.stem, name, size]['runs'][0]}",
                    )
                self.assertEqual(code, 1 if "void" in expected.values() else 0)
        kinds = set(SCHEMA["$defs"]["outcome"]["enum"]) - {"not run"}
        self.assertEqual(kinds - seen, set(), "outcomes that nothing proves")

    def test_broken_allocators_score_nothing(self) -> None:
        self.use_cells(FAULTY / "overlap", FAULTY / "crash", FAULTY / "exits")
        results = self.harden(["double_free.immediate"], "--runs", "2", "--sizes", "tiny")
        self.assertEqual(len(results), 3)
        for place, result in results.items():
            self.assertEqual(result["outcomes"], {"void": 2}, place)
        self.assertEqual(self.code, 1)
        self.assertIn("without the misuse, too", self.text)


class Claims(HardeningTest):
    """`catches: MISUSE/SIZE …` in the first comment of an adapter: globs; no size means each."""

    def test_each_is_kept(self) -> None:
        self.check_claims(seed=100)

    @slow
    def test_each_is_kept_with_more_seeds(self) -> None:
        self.check_claims(seed=102)

    def check_claims(self, seed: int) -> None:
        claims = {n: words_of(ROOT / "allocators" / f"{n}.c", "catches") for n in cell_names()}
        claims = {n: words for n, words in claims.items() if words}
        self.assertIn("gomalloc-hardened", claims)

        def results_of(claimed: tuple[str, list[str]]) -> dict[tuple[str, str, str], Any]:
            allocator, words = claimed
            alone = HardeningTest()
            alone.out, alone.cells = self.directory / allocator, self.cells
            names = sorted({word.partition("/")[0] for word in words})
            options = ["--allocators", allocator, "--runs", "2", "--seed", f"{seed}"]
            return alone.harden(names, *options)

        for (allocator, words), results in zip(claims.items(), at_once(results_of, claims.items())):
            for word in words:
                name, _, size = word.partition("/")
                places = [
                    result
                    for (_, misuse, of), result in results.items()
                    if fnmatch.fnmatch(misuse, name) and (not size or size == of)
                ]
                self.assertTrue(places, f"{allocator} claims {word}, which is not a misuse")
                for place in places:
                    with self.subTest(f"{allocator} {place['misuse']} {place['size']}"):
                        ends = set(place["outcomes"]) - CAUGHT - {"unsupported"}
                        self.assertEqual(ends, set(), place["runs"])
                        self.assertTrue(set(place["outcomes"]) & CAUGHT, "it was run")


class Catalogue(unittest.TestCase):
    def test_every_misuse_is_described(self) -> None:
        listed = misuses()
        self.assertGreaterEqual(len(listed), 25)
        self.assertEqual(len({m["name"] for m in listed}), len(listed))
        for m in listed:
            noun = m["name"].split(".")[0]
            self.assertTrue((ROOT / "workloads" / "misuses" / f"{noun}.c").exists(), m["name"])
            self.assertRegex(m["weakness"], r"^CWE-\d+$")
            self.assertTrue(m["summary"])

    def test_names_can_be_listed(self) -> None:
        lines = spanbench("harden", "--list-misuses").stdout.splitlines()
        self.assertEqual(
            [s.split()[:2] for s in lines], sorted([m["name"], m["weakness"]] for m in misuses())
        )
        one = spanbench("harden", "--list-misuses", "--misuses", "invalid_free.wild").stdout
        self.assertRegex(one, r"^invalid_free.wild +CWE-590 +free of an address at which [^\n]*\n$")


class Output(HardeningTest):
    NAMES = ["double_free.immediate", "invalid_free.wild", "double_free.realloc"]

    def test_matrix_shows_the_results(self) -> None:
        self.use_cells(FAULTY / "naive", FAULTY / "loud", CELLS / "null")
        self.harden(self.NAMES, "--runs", "1", "--sizes", "tiny,small")
        rows = {line.split()[0]: line.split()[1:] for line in self.text.splitlines() if line}
        self.assertEqual(rows["double_free.immediate"], ["C", "C", "X", "X"])
        self.assertEqual(rows["invalid_free.wild"], ["!", "!"])
        self.assertEqual(rows["double_free.realloc"], ["-"] * 4)
        self.assertEqual(rows["loud"], ["0", "2", "0", "1", "0", "0", "0", "0", "2"])
        self.assertEqual(rows["naive"], ["0", "0", "0", "1", "0", "2", "0", "0", "2"])

    def test_rates(self) -> None:
        """A behaviour that depends on the seed is shown with its rates, which sum to the runs."""
        self.use_cells(FAULTY / "moody")
        names = ["double_free.immediate"]
        results = self.harden(names, "--runs", "12", "--sizes", "small")
        (result,) = results.values()
        self.assertEqual(sum(result["outcomes"].values()), 12)
        self.assertEqual(set(result["outcomes"]), {"call", "corrupt"})
        (line,) = [s for s in self.text.splitlines() if s.startswith(names[0])]
        shown = [int(n) for n in re.findall(r"\d+", line)]
        self.assertEqual(sorted(shown), sorted(result["outcomes"].values()))
        self.assertEqual([r["seed"] for r in result["runs"]], list(range(1, 13)))

    def test_run_can_be_repeated(self) -> None:
        self.cells = self.directory / "my $cells' directory"
        self.use_cells(FAULTY / "loud")
        results = self.harden(["double_free.immediate"], "--runs", "1", "--sizes", "small")
        (first,) = results["loud", "double_free.immediate", "small"]["runs"]
        self.assertEqual(first["step"], "call")
        self.assertIn("loud: a bad free", first["seen"])
        repeated = run("sh", "-c", "exec " + first["repeat"])
        self.assertEqual(repeated.stderr, "loud: a bad free\n")
        last = json.loads(repeated.stdout.splitlines()[-1])
        self.assertEqual((last["step"], last["what"]), (first["step"], first["what"]))

    def test_preload(self) -> None:
        library = ROOT / "build" / "libgomalloc-hardened.so"
        if not library.exists():
            self.skipTest(f"{library.name} is not built here")
        words = ["--runs", "1", "--sizes", "small", "--allocators", "system", "--preload", library]
        results = self.harden(["double_free.immediate"], *words)
        self.assertEqual(
            results[library.name, "double_free.immediate", "small"]["outcomes"], {"call": 1}
        )

    def test_wrong_words_are_refused(self) -> None:
        last = str(2**63 - 1)
        for words, said in (
            (["--sizes", "huge"], "--sizes takes"),
            (["--runs", "0"], "--runs takes"),
            (["--misuses", "nope"], "no misuse matches 'nope'"),
            (["--misuses", "double_free.immediate,nope.*"], "no misuse matches 'nope.*'"),
            (["--misuses", "double_free.imediate"], "did you mean double_free.immediate?"),
            (["--seed", last, "--runs", "2"], "the last seed would be above"),
        ):
            result = spanbench("harden", "--allocators", "system", "--out", self.out, *words)
            self.assertEqual(result.returncode, 2, result.stderr)
            self.assertIn(said, result.stderr)
            self.assertFalse(self.out.exists(), "nothing is left behind")

    def test_absent_allocator_that_was_named_is_no_good_run(self) -> None:
        self.use_cells(FAULTY / "loud")
        (self.cells / "absent.skip").write_text("libabsent.so is not there\n")
        words = ["--runs", "1", "--sizes", "small"]
        named = ["--allocators", "absent,loud"]
        for more, code in ((words + named, 2), (words, 0)):
            (result,) = self.harden(["double_free.immediate"], *more).values()
            self.assertEqual((self.code, result["allocator"]), (code, "loud"), self.errors)
            said = "absent was not misused, although you named it: libabsent.so is not there"
            self.assertEqual(said in self.errors, code == 2, self.errors)

    def test_last_seed_is_one(self) -> None:
        self.use_cells(FAULTY / "loud")
        words = ["--seed", 2**63 - 1, "--runs", "1", "--sizes", "small"]
        (result,) = self.harden(["double_free.immediate"], *words).values()
        self.assertEqual(result["outcomes"], {"call": 1}, result["runs"])

    def test_time_out_sets_the_limit_of_processor_time(self) -> None:
        """And a repeated run has that limit, too."""
        self.use_cells(FAULTY / "stuck")
        words = ["--runs", "1", "--sizes", "small", "--timeout", "3"]
        (result,) = self.harden(["double_free.immediate"], *words).values()
        self.assertEqual(result["outcomes"], {"hang": 1})
        (first,) = result["runs"]
        self.assertIn("--cpu-seconds 1", first["repeat"])
        self.assertIn("(--timeout gives it more)", first["seen"])
        repeated = run(*shlex.split(first["repeat"]))
        self.assertEqual(repeated.returncode, -signal.SIGXCPU)


class Script(HardeningTest):
    def test_make_harden_leaves_a_page(self) -> None:
        words = {"ALLOCATORS": "system", "MISUSES": "double_free.immediate", "SIZES": "tiny"}
        environment = clean_environment(OUT=self.out, RUNS=1, **words)
        result = run(ROOT / "scripts" / "check.sh", "harden", cwd=ROOT, env=environment)
        self.assertEqual(result.returncode, 0, result.stderr)
        (folder,) = self.out.glob("*Z-*")
        self.assertIn(f"{folder}/hardening.json", result.stderr)
        self.assertIn("system caught 1 of 1 misuse", (folder / "report.html").read_text())


class BadCells(HardeningTest):
    """A cell's word is believed only if it is of the misuse that was asked for."""

    LIST = 'case $1 in --misuse) ;; *) exec {good} "$@";; esac\n'

    def check(self, script: str, timeout: int = 200) -> Any:
        self.script_cell("bad", self.LIST + script)
        words = ["--runs", "1", "--sizes", "small", "--timeout", timeout]
        return self.harden(["double_free.immediate"], *words)[
            "bad", "double_free.immediate", "small"
        ]

    def test_garbage(self) -> None:
        self.assertEqual(self.check("echo garbage >&3")["outcomes"], {"void": 1})

    def test_nothing(self) -> None:
        self.assertEqual(self.check("exit 0")["outcomes"], {"void": 1})

    def test_hang_without_a_misuse_names_the_option(self) -> None:
        result = self.check("exec sleep 1000", timeout=3)
        self.assertEqual(result["outcomes"], {"void": 1})
        self.assertIn("(--timeout gives it more)", result["runs"][0]["seen"])

    def test_broken_cell_is_a_finding(self) -> None:
        self.script_cell("broken", "exit 3")
        command = ["harden", "--out", self.out, "--cells", self.cells, "--runs", "1"]
        command += ["--misuses", "double_free.immediate", "--sizes", "small"]
        alone = spanbench(*command)
        self.assertEqual(alone.returncode, 2, "there is nothing to misuse")
        self.assertIn("no allocator is left", alone.stderr)
        self.assertFalse(self.out.exists())
        self.use_cells(CELLS / "system")
        both = spanbench(*command)
        self.assertEqual(both.returncode, 1, both.stderr)
        self.assertIn("broken was not misused: it is BROKEN", both.stderr)
        (path,) = self.out.glob("*/hardening.json")
        document = json.loads(path.read_text())
        jsonschema.validate(document, SCHEMA)
        self.assertIn("broken", document["allocators"][0])

    def test_another_misuse(self) -> None:
        other = "shift 2; exec {good} --misuse double_free.delayed "
        self.assertEqual(self.check(other + '"$@"')["outcomes"], {"void": 1})


class Trouble(HardeningTest):
    """What was learned is not lost, and what says nothing leaves nothing."""

    WORDS = ["--misuses", "double_free.immediate", "--sizes", "small", "--runs", "3"]

    def command(self) -> list[Any]:
        return ["harden", "--out", self.out, "--cells", self.cells, *self.WORDS]

    def interrupt(self, seed: int) -> tuple[str, str]:
        """Interrupts the run of this seed; what was printed."""
        here = self.directory / "here"
        hang = f'case "$*" in *"--misuse "*"--seed {seed} "*) echo >"{here}"; exec sleep 60;; esac'
        self.script_cell("sleeper", hang + '\nexec {good} "$@"')
        self.use_cells(FAULTY / "loud")
        command = [str(word) for word in (SPANBENCH, *self.command())]
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as process:
            while process.poll() is None and not here.exists():
                time.sleep(0.02)
            process.send_signal(signal.SIGINT)
            output, errors = process.communicate(timeout=600)
        self.assertEqual(process.returncode, 128 + signal.SIGINT, errors)
        self.assertEqual(list(self.out.glob("*/*.tmp")), [], "no torn file")
        return output, errors

    def test_interrupt_saves_the_runs_that_ended(self) -> None:
        output, errors = self.interrupt(2)
        self.assertIn("interrupted: 4 of 6 runs", errors)
        (path,) = self.out.glob("*/hardening.json")
        document = json.loads(path.read_text())
        jsonschema.validate(document, SCHEMA)
        self.assertFalse(document["complete"])
        loud, sleeper = document["results"]
        self.assertEqual(loud["outcomes"], {"call": 3})
        self.assertEqual([r["outcome"] for r in sleeper["runs"]][1:], ["not run"] * 2)
        self.assertEqual([r["seed"] for r in sleeper["runs"]], [1, 2, 3])
        self.assertIn("_2", output)

    def test_interrupt_before_the_first_run_leaves_nothing(self) -> None:
        self.WORDS = [*self.WORDS, "--allocators", "sleeper"]
        output, errors = self.interrupt(1)
        self.assertIn("nothing is saved", errors)
        self.assertEqual(output, "")
        self.assertEqual(list(self.out.iterdir()), [])

    def test_run_to_the_end_is_complete(self) -> None:
        self.use_cells(FAULTY / "loud")
        self.harden(self.WORDS[1:2], *self.WORDS[2:])
        self.assertTrue(self.written["complete"])

    def test_full_disk_is_said_before_any_run(self) -> None:
        def limit() -> None:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))

        self.use_cells(FAULTY / "loud")
        result = spanbench(*self.command(), preexec_fn=limit)
        self.assertEqual(result.returncode, 2)
        self.assertIn("cannot reserve", result.stderr)
        self.assertEqual(result.stdout, "")
        self.assertEqual(list(self.out.iterdir()), [], "nothing is left behind")

    def test_matrix_is_printed_when_it_cannot_be_saved(self) -> None:
        """The directory of the run vanishes meanwhile."""
        vanish = f'case "$*" in *"--misuse "*) rm -rf "{self.out}";; esac\n'
        self.script_cell("thief", vanish + 'exec {good} "$@"')
        result = spanbench(*self.command())
        self.assertEqual(result.returncode, 2, result.stderr)
        self.assertIn("cannot write", result.stderr)
        self.assertIn("No such file or directory", result.stderr)
        self.assertNotIn(
            "/hardening.json\n", result.stderr.split("cannot write")[1].split("\n", 1)[1]
        )
        self.assertRegex(result.stdout, r"double_free.immediate +C")


if __name__ == "__main__":
    unittest.main()
