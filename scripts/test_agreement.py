"""agreement.py on programs and a core with a known truth."""

import json
import unittest
from typing import Any

import jsonschema

import agreement
from bench_results import Results, Unusable
from driving import ROOT
from test_bench_results import entry, made_up

SCHEMA = json.loads((ROOT / "results" / "agreement.schema.json").read_text())
MIB = 1 << 20
Costs = dict[str, dict[str, list[float]]]


def core(**workloads: dict[str, tuple[float, float]]) -> Results:
    """Nine rounds with a little noise. A row has ns of an operation, and MiB."""
    return made_up(
        [
            entry(
                name,
                ns * (1 + 0.001 * ((block * 7 + len(name)) % 9)),
                workload=workload,
                threads=2,
                block=block,
                live_bytes=MIB * (1 + (workload == "small")),
                rss_start_bytes=0,
                rss_live_bytes=int(mib * MIB) + block * 100,
            )
            for workload, rows in workloads.items()
            for name, (ns, mib) in rows.items()
            for block in range(9)
        ]
    )


def costs(time: dict[str, float], memory: dict[str, float], noise: float = 0.01) -> Costs:
    """Three runs of each."""
    return {
        kind: {name: [v * (1 + noise * k) for k in range(3)] for name, v in values.items()}
        for kind, values in (("time", time), ("memory", memory))
    }


CORE = core(
    tiny={"a": (10, 5), "bb": (20, 9), "ccc": (20, 9)},
    small={"a": (30, 9), "bb": (20, 5), "ccc": (20, 5)},
)


def told(programs: dict[str, Costs], run: Results = CORE) -> dict[str, Any]:
    document = agreement.document(agreement.compare(programs, run), run, "a run")
    jsonschema.Draft202012Validator(SCHEMA).validate(document)
    return document


class Pairs(unittest.TestCase):
    def test_same_reversed_and_tied(self) -> None:
        (ab, ac) = told({"x": costs({"a": 1.0, "bb": 2.0, "ccc": 2.0}, {"a": 1.0})})["pairs"]
        self.assertEqual((ab["better"], ab["worse"], ab["factor"]), ("a", "bb", 2))
        self.assertEqual((ab["same"], ab["reversed"], ab["tied"]), (["tiny"], ["small"], []))
        self.assertEqual(ac["worse"], "ccc")
        (one,) = told({"x": costs({"a": 1.0}, {"bb": 1.0, "ccc": 1.2})})["pairs"]
        self.assertEqual((one["measure"], one["tied"]), ("memory", ["tiny", "small"]))

    def test_only_what_differs_is_asked(self) -> None:
        """By over 5 %, and with no run of one among those of the other."""
        for time, noise, count in (
            ({"a": 1.0, "bb": 1.04}, 0.001, 0),
            ({"a": 1.0, "bb": 1.06}, 0.001, 1),
            ({"a": 1.0, "bb": 1.06}, 0.04, 0),
        ):
            pairs = told({"x": costs(time, {}, noise)})["pairs"]
            self.assertEqual(len(pairs), count, (time, noise))

    def test_who_is_not_in_the_core(self) -> None:
        (pair,) = told({"x": costs({"a": 1.0, "other": 2.0}, {})})["pairs"]
        self.assertEqual(pair["absent"], ["tiny", "small"])

    def test_a_run_without_the_core(self) -> None:
        with self.assertRaisesRegex(Unusable, "no sample of the core"):
            others = [{"name": "tiny", "group": "threads"}]
            agreement.compare({}, made_up([entry("a", 1)], workloads=others))


class Words(unittest.TestCase):
    def shown(self, programs: dict[str, Costs]) -> str:
        return "\n".join(agreement.words(agreement.compare(programs, CORE), CORE, "results/x"))

    def test_each_pair_that_is_reversed_is_named(self) -> None:
        one = costs({"a": 1.0, "bb": 2.0}, {"bb": 1.0, "a": 1.5})
        shown = self.shown({"gcc": one, "perl": one})
        self.assertIn("results/x at 2 threads are 4 pairs", shown)
        self.assertRegex(shown, r"(?m)^time +tiny +2 +0 +0 +0$")
        self.assertRegex(shown, r"(?m)^time +small +0 +2 +0 +0$")
        self.assertRegex(shown, r"(?m)^time +a than bb +small +gcc 2.00x, perl 2.00x$")
        self.assertRegex(shown, r"(?m)^peak memory +bb than a +tiny +gcc 1.50x, perl 1.50x$")

    def test_nothing_to_say(self) -> None:
        self.assertIn("are 0 pairs", self.shown({}))
        tied = {"x": costs({"bb": 1.0, "ccc": 2.0}, {})}
        self.assertIn("No pair is reversed.", self.shown(tied))


if __name__ == "__main__":
    unittest.main()
