"""Which rows are compared, and what a run says that it does not see."""

import unittest
from pathlib import Path
from typing import Any
from unittest import mock

from gate import cli, judge, rows, run
from gate.findings import Finding, Refusal
from gate.rows import BY_CPU, KINDS, Workload

CORE = ("large", "small", "tiny")
# As the cells describe them.
KNOWN = {
    **{w: Workload() for w in CORE},
    **{
        w: Workload("api")
        for w in ("calloc_dirty", "calloc_fresh", "realloc_huge", "realloc_steps")
    },
    "collector": Workload("time"),
    "hand_over_pairs": Workload("threads"),
    "larson": Workload("threads"),
    "lock_convoy": Workload("threads", least_threads=4, threads_per_cpu=2),
    "once": Workload("memory", most_threads=1),
    "seldom": Workload("time"),
}
COUNTED = [
    *CORE,
    "calloc_dirty",
    "calloc_fresh",
    "realloc_steps",
    "realloc_huge",
    "larson",
    "collector",
    "seldom",
]
OF_CORE = [f"{w}/threads:{n}" for w in CORE for n in (1, 2)]
MORE = ["seldom/threads:1", "hand_over_pairs/threads:2", "lock_convoy/threads:4"]


def chosen(words: str = "", *threads: int, **more: Any) -> rows.Rows:
    given: dict[str, Any] = {"cpus": 2, "quick": False, **more}
    known = given.pop("known", KNOWN)
    return rows.chosen(words.split(), threads, known, **given)


class Chosen(unittest.TestCase):
    def test_default(self) -> None:
        made = chosen()
        self.assertEqual((made.counted, made.timed, made.left_out), (COUNTED, OF_CORE + MORE, []))

    def test_quick_times_the_core_alone(self) -> None:
        made = chosen(quick=True)
        self.assertEqual((made.counted, made.timed), (COUNTED, OF_CORE))

    def test_numbers_of_threads(self) -> None:
        one = [f"{w}/threads:1" for w in CORE]
        self.assertEqual(chosen("", 1).timed, [*one, "seldom/threads:1"])
        self.assertEqual(chosen("", 3).timed, [f"{w}/threads:3" for w in CORE])
        self.assertEqual(chosen("", 4).timed[-1], "lock_convoy/threads:4")
        single = chosen(cpus=1).timed
        self.assertEqual(single, [*one, "seldom/threads:1", "lock_convoy/threads:4"])
        self.assertIn("lock_convoy/threads:16", chosen(cpus=8).timed)

    def test_named_workloads_and_groups(self) -> None:
        made = chosen("seldom")
        both = ["seldom/threads:1", "seldom/threads:2"]
        self.assertEqual((made.counted, made.timed), (["seldom"], both))
        self.assertEqual(chosen("time seldom tiny").counted, ["collector", "seldom", "tiny"])
        self.assertEqual(chosen("once").timed, ["once/threads:1"])
        with self.assertRaisesRegex(Refusal, "no workload 'foo'; there are .*groups api, core"):
            chosen("foo")

    def test_a_workload_that_does_not_take_one_thread_is_timed_and_not_counted(self) -> None:
        made = chosen("lock_convoy")
        self.assertEqual((made.counted, made.timed), ([], ["lock_convoy/threads:4"]))
        self.assertEqual(made.left_out, ["lock_convoy is not counted: it takes 4 threads"])
        none = chosen("lock_convoy", 1)
        self.assertEqual((none.counted, none.timed), ([], []))
        self.assertIn("lock_convoy is not timed: it takes 4 to", none.left_out[0])

    def test_what_an_allocator_lacks(self) -> None:
        lacks = Workload("api", missing="foo has no calloc")
        made = chosen(known={**KNOWN, "calloc_dirty": lacks})
        self.assertEqual(made.counted, [w for w in COUNTED if w != "calloc_dirty"])
        self.assertEqual(made.left_out, ["calloc_dirty is not compared: foo has no calloc"])
        named = chosen("calloc_dirty", known={**KNOWN, "calloc_dirty": lacks})
        self.assertEqual((named.counted, named.timed), ([], []))
        self.assertEqual(named.left_out, ["calloc_dirty is not compared: foo has no calloc"])

    def test_workloads_of_an_older_driver(self) -> None:
        old = {w: KNOWN[w] for w in CORE}
        made = chosen(known=old)
        self.assertEqual((made.counted, made.timed), (list(CORE), OF_CORE))


class NotSeen(unittest.TestCase):
    def test_by_default_each_kind_is_seen(self) -> None:
        made = chosen()
        self.assertEqual(rows.unseen(made.counted, made.timed), [])
        for is_own in (True, False):
            said = rows.not_seen(made.counted, made.timed, is_own, "")
            self.assertEqual(said, rows.NOT_SEEN + rows.RARE)

    def test_counts_alone(self) -> None:
        said = rows.not_seen(chosen().counted, [], False, "more")
        self.assertTrue(said.startswith(rows.NOT_SEEN) and said.endswith("; more"), said)
        for kind in KINDS:
            self.assertEqual(kind.what in said, not kind.counted, kind.what)

    def test_rows_of_the_users_own(self) -> None:
        """There are many kinds: how many is enough."""
        said = rows.not_seen(["seldom"], [], True, "a gate without WORKLOADS sees more")
        of = f"{len(KINDS) - 3} of {len(KINDS)} kinds of regression"
        self.assertEqual(said, f"{rows.NOT_SEEN}{of}; a gate without WORKLOADS sees more")

    def test_the_core_alone(self) -> None:
        """What a gate of the core's six rows did not see, counts and all."""
        self.assertEqual(
            {k.what for k in rows.unseen(CORE, OF_CORE)},
            {k.what for k in KINDS}
            - {
                "memory that stays when all is freed",
                "memory that stays at two threads only",
                "time without more instructions",
            },
        )

    def test_each_row_of_a_kind_is_needed(self) -> None:
        made = chosen()
        for kind in KINDS:
            for name in kind.counted:
                less = [w for w in made.counted if w != name]
                self.assertIn(kind, rows.unseen(less, []))
            for name, threads in kind.timed:
                is_it = f"{name}/threads:{threads if threads != BY_CPU else 4}"
                self.assertIn(is_it, made.timed)
                self.assertIn(kind, rows.unseen([], [r for r in made.timed if r != is_it]))


def finding(tier: str, row: str, verdict: str, metric: str = "ns_per_op") -> Finding:
    return Finding(tier, row, metric, "", 1, 1, 0, None, None, 0, None, verdict, "", "again")


class AfterJudging(unittest.TestCase):
    def not_seen(self, made: rows.Rows, *found: Finding) -> str:
        return rows.not_seen(made.counted, made.timed, False, "", found)

    def test_rows_that_could_not_be_judged(self) -> None:
        """Of each kind, each that shows it alone."""
        made = chosen()
        for verdict, judged in (
            *(("pass", True), ("fail", True), ("improved", True), ("accepted", True)),
            *(("void", False), ("inconclusive", False)),
        ):
            said = self.not_seen(made, finding("timed", "small/threads:1", verdict))
            self.assertEqual("time without more instructions" not in said, judged, said)
            self.assertEqual("; not judged: small/threads:1" not in said, judged, said)
            self.assertNotIn("memory that stays when all is freed", said)
            said = self.not_seen(made, finding("timed", "lock_convoy/threads:4", verdict))
            self.assertEqual("threads that wait for a lock" not in said, judged, said)
            said = self.not_seen(made, finding("exact", "calloc_fresh/threads:1", verdict))
            self.assertEqual("a slower calloc" not in said, judged, said)
        for tier in ("timed", "exact"):  # either will do
            said = self.not_seen(made, finding(tier, "seldom/threads:1", "inconclusive"))
            self.assertNotIn("1 ms of work", said)
        both = [finding(t, "seldom/threads:1", "void") for t in ("timed", "exact")]
        self.assertIn("1 ms of work", self.not_seen(made, *both))

    def test_memory_of_a_row_is_judged_by_itself(self) -> None:
        said = self.not_seen(chosen(), finding("memory", "small/threads:2", "inconclusive"))
        expected = "memory that stays at two threads only; not judged: small/threads:2"
        self.assertEqual(said, rows.NOT_SEEN + expected)

    def test_a_row_whose_samples_failed(self) -> None:
        said = self.not_seen(
            chosen(), finding("timed", "hand_over_pairs/threads:2", "fail", "samples")
        )
        self.assertIn("a slower free of a running thread's block", said)
        self.assertIn("memory of blocks that another thread frees", said)
        said = self.not_seen(chosen(), finding("exact", "larson/threads:1", "fail", "samples"))
        self.assertIn("a slower free of a block whose thread has ended", said)

    def test_what_was_not_asked_for_is_not_said_to_be_undecided(self) -> None:
        said = rows.not_seen(
            ["seldom"], [], True, "more", [finding("timed", "tiny/threads:1", "inconclusive")]
        )
        self.assertNotIn("not judged", said)

    def test_a_run_says_it_of_what_it_judged(self) -> None:
        options = cli.parser().parse_args(["--tier", "exact", "--driver=/bin/true"])
        for verdict, seen in (("pass", True), ("inconclusive", False)):
            gate = run.Gate(options, [])
            asked = rows.Rows(COUNTED, [], [])
            both = mock.Mock()
            sides = run.Sides(both, mock.Mock(), asked, judge.QUICK, ["a fact"])
            found = [finding("exact", "larson/threads:1", verdict, "instructions")]
            with mock.patch.multiple(
                gate,
                sides=lambda _: sides,
                exact=lambda *_: found,
                facts=lambda *_: [],
                arms=lambda _: {},
                word=lambda _: "it",
            ):
                blind, fact = gate.measure(Path("x")).facts
            self.assertEqual(fact, "a fact")
            self.assertTrue(blind.startswith(rows.NOT_SEEN))
            self.assertEqual("whose thread has ended" not in blind, seen, blind)


if __name__ == "__main__":
    unittest.main()
