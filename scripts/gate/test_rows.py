"""Which rows are compared, and what a run says that it does not see."""

import unittest
from typing import Any

from gate import rows
from gate.findings import Refusal
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
            set(rows.unseen(CORE, OF_CORE)),
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
                self.assertIn(kind.what, rows.unseen(less, []))
            for name, threads in kind.timed:
                is_it = f"{name}/threads:{threads if threads != BY_CPU else 4}"
                self.assertIn(is_it, made.timed)
                self.assertIn(kind.what, rows.unseen([], [r for r in made.timed if r != is_it]))


if __name__ == "__main__":
    unittest.main()
