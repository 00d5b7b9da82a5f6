"""The hardening matrix can tell outcomes apart: planted behaviours end as their files say, an
allocator that dies without being misused scores nothing, and what an adapter claims to catch is
caught. Also: the file of results is as its schema says, and the matrix shows what is in it."""

import fnmatch
import json
import re
import unittest
from pathlib import Path
from typing import Any

import jsonschema

from driving import CELLS, FAULTY, ROOT, DriverTest, cell_names, run, spanbench

SCHEMA = json.loads((ROOT / "results" / "hardening.schema.json").read_text())
CAUGHT = {"access", "call", "later"}
SIZES = ("tiny", "small", "large")


def words_of(source: Path, key: str) -> list[str]:
    """The words behind a key in the first comment of a file."""
    found = re.search(rf"^ \* {key}:(.*?)(\*/|^ \* [a-z-]+:)", source.read_text(), re.S | re.M)
    return found[1].replace(" * ", " ").split() if found else []


def misuses() -> list[Any]:
    listed: list[Any] = json.loads(run(CELLS / "system", "--list-misuses").stdout)["misuses"]
    return listed


class HardeningTest(DriverTest):
    code = 0
    text = ""

    def harden(self, names: list[str], *words: Any) -> dict[tuple[str, str, str], Any]:
        """Results by allocator, misuse and size ("" if it has none)."""
        cells = ["--cells", self.cells] if self.cells.exists() else []
        result = spanbench(
            *("harden", "--out", self.out, *cells, "--misuses", ",".join(names), *words)
        )
        written = sorted(self.out.glob("*/hardening.json"), key=lambda p: p.stat().st_mtime_ns)
        self.assertTrue(written, result.stderr)
        self.written = json.loads(written[-1].read_text())
        self.code, self.text = result.returncode, result.stdout
        jsonschema.validate(self.written, SCHEMA)
        return {(r["allocator"], r["misuse"], r["size"] or ""): r for r in self.written["results"]}


class Outcomes(HardeningTest):
    def test_each_planted_behaviour_is_recognised(self) -> None:
        seen = set()
        sources = sorted((ROOT / "allocators" / "faulty").glob("model_*.c"))
        for source in sources:
            expected = dict(word.split("=") for word in words_of(source, "harden"))
            self.assertTrue(expected, f"{source.name} does not say what it is to show")
            seen |= set(expected.values())
            with self.subTest(source.stem):
                self.cells = self.directory / source.stem
                self.use_cells(FAULTY / source.stem)
                sizes = {place.partition("/")[2] for place in expected} - {""} or {"tiny"}
                names = [place.partition("/")[0] for place in expected]
                options = ["--runs", "2", "--sizes", ",".join(sizes)]
                results = self.harden(names, *options)
                for place, outcome in expected.items():
                    name, _, size = place.partition("/")
                    self.assertEqual(
                        results[source.stem, name, size]["outcomes"],
                        {outcome: 2},
                        f"{place}: {results[source.stem, name, size]['runs'][0]}",
                    )
                self.assertEqual(self.code, 1 if "void" in expected.values() else 0)
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
        claims = {n: words_of(ROOT / "allocators" / f"{n}.c", "catches") for n in cell_names()}
        claims = {n: words for n, words in claims.items() if words}
        self.assertIn("gomalloc-hardened", claims)
        for allocator, words in claims.items():
            names = sorted({word.partition("/")[0] for word in words})
            options = ["--allocators", allocator, "--runs", "4", "--seed", "100"]
            results = self.harden(names, *options)
            for word in words:
                name, _, size = word.partition("/")
                places = [
                    result
                    for (_, misuse, of), result in results.items()
                    if fnmatch.fnmatch(misuse, name) and (not size or size == of)
                ]
                self.assertTrue(places, f"{allocator} claims {word}, which is no misuse")
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


class Output(HardeningTest):
    NAMES = ["double_free.immediate", "invalid_free.wild", "double_free.realloc"]

    def test_matrix_shows_the_results(self) -> None:
        self.use_cells(FAULTY / "model_naive", FAULTY / "model_loud", CELLS / "null")
        self.harden(self.NAMES, "--runs", "1", "--sizes", "tiny,small")
        rows = {line.split()[0]: line.split()[1:] for line in self.text.splitlines() if line}
        self.assertEqual(rows["double_free.immediate"], ["C", "C", "X", "X"])
        self.assertEqual(rows["invalid_free.wild"], ["!", "!"])
        self.assertEqual(rows["double_free.realloc"], ["-"] * 4)
        self.assertEqual(rows["model_loud"], ["0", "2", "0", "1", "0", "0", "0", "0", "2"])
        self.assertEqual(rows["model_naive"], ["0", "0", "0", "1", "0", "2", "0", "0", "2"])

    def test_rates(self) -> None:
        """A behaviour that depends on the seed is shown with its rates, which sum to the runs."""
        self.use_cells(FAULTY / "model_moody")
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
        self.use_cells(FAULTY / "model_loud")
        results = self.harden(["double_free.immediate"], "--runs", "1", "--sizes", "small")
        (first,) = results["model_loud", "double_free.immediate", "small"]["runs"]
        self.assertEqual(first["step"], "call")
        self.assertIn("loud: a bad free", first["seen"])
        repeated = run(*first["repeat"].split())
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
        for words in (["--sizes", "huge"], ["--runs", "0"], ["--misuses", "no.such"]):
            result = spanbench("harden", "--out", self.out, *words)
            self.assertEqual(result.returncode, 2, result.stderr)
            self.assertTrue(result.stderr)


class BadCells(HardeningTest):
    """A cell's word is believed only if it is of the misuse that was asked for."""

    LIST = 'case $1 in --misuse) ;; *) exec {good} "$@";; esac\n'

    def check(self, script: str) -> Any:
        self.script_cell("bad", self.LIST + script)
        words = ["--runs", "1", "--sizes", "small", "--timeout", "2"]
        return self.harden(["double_free.immediate"], *words)[
            "bad", "double_free.immediate", "small"
        ]

    def test_garbage(self) -> None:
        self.assertEqual(self.check("echo garbage >&3")["outcomes"], {"void": 1})

    def test_nothing(self) -> None:
        self.assertEqual(self.check("exit 0")["outcomes"], {"void": 1})

    def test_another_misuse(self) -> None:
        other = "shift 2; exec -a system {good} --misuse double_free.delayed "
        self.assertEqual(self.check(other + '"$@"')["outcomes"], {"void": 1})


if __name__ == "__main__":
    unittest.main()
