"""group_table.py: the table of the workloads outside of the core, of runs with a known truth."""

import re
import unittest
from typing import Any

import answer
import group_table
import plot
from test_bench_results import entry, failed, made_up

MIB = 1 << 20
GROUPS = [{"name": "ring", "group": "threads"}, {"name": "tiny", "group": "core"}]


def sample(allocator: str, ns: float, peak: float, **more: Any) -> dict[str, Any]:
    numbers: dict[str, Any] = {"rss_start_bytes": MIB, "rss_peak_bytes": MIB + int(peak * MIB)}
    return entry(allocator, ns, **{"workload": "ring", **numbers, **more})


class Table(unittest.TestCase):
    def lines(self, *samples: dict[str, Any], **facts: Any) -> str:
        run = made_up(list(samples), workloads=GROUPS, **facts)
        return "\n".join(group_table.format_groups(run))

    def test_ratios_to_the_c_library(self) -> None:
        text = self.lines(
            sample("system", 50, 4),
            sample("good", 25, 2),
            sample("bad", 400, 6),
            sample("null", 1, 1),
        )
        self.assertRegex(text, r"ring +50\.0ns +8\.00 +0\.50\*")
        self.assertRegex(text, r"ring +4\.00M +1\.50 +0\.50\*")
        self.assertIn("best good, worst bad: 16.0 times", text)
        self.assertIn("best good, worst bad: 3.00 times", text)
        self.assertNotIn("null", text, "the floor is never ranked")

    def test_the_core_is_not_in_it(self) -> None:
        run = made_up([entry("a", 5, workload="tiny"), entry("b", 5, workload="tiny")])
        self.assertEqual(group_table.format_groups(run), [])
        text = self.lines(sample("a", 5, 1), entry("a", 5, workload="tiny"))
        self.assertNotIn("tiny", text)

    def test_failures_and_reasons(self) -> None:
        why = [{"workload": "ring", "allocator": "null", "why": "null has no realloc"}]
        text = self.lines(sample("system", 5, 1), failed("bad", workload="ring"), unmeasured=why)
        self.assertIn("FAILED", text)
        self.assertIn("Not measured: ring/null: null has no realloc.", text)

    def test_the_thread_count_nearest_to_the_cpus(self) -> None:
        two = {"threads": 2}
        text = self.lines(
            *(sample("system", 10, 1, threads=1), sample("a", 90, 1, threads=1)),
            *(sample("system", 10, 1, **two), sample("a", 20, 1, **two)),
        )
        self.assertRegex(text, r"10\.0ns\* +2\.00")

    def test_the_answer_has_both(self) -> None:
        core = [entry(a, 5, workload="tiny") for a in ("system", "a")]
        run = made_up([*core, sample("system", 5, 1), sample("a", 6, 1)], workloads=GROUPS)
        text = "\n".join(answer.format_run(run))
        self.assertIn("Fastest", text)
        self.assertRegex(text, r"ring +5\.00ns\* +1\.20")
        only = made_up([sample("system", 5, 1), sample("a", 6, 1)], workloads=GROUPS)
        self.assertNotIn("Fastest", "\n".join(answer.format_run(only)))

    def test_columns_fit(self) -> None:
        names = ["system", *(f"allocator-number-{i}" for i in range(11))]
        text = self.lines(*(sample(n, 5 + i, 1) for i, n in enumerate(names)))
        self.assertLessEqual(max(map(len, text.split("\n"))), group_table.WIDTH)
        for i in range(11):
            self.assertTrue(re.search(rf"all\.\..*-{i}\b", text), i)

    def test_plots_are_of_the_core_or_of_a_few(self) -> None:
        both = made_up([entry("a", 5, workload="tiny"), sample("a", 5, 1)], workloads=GROUPS)
        self.assertEqual(plot.drawable(both).workloads, ["tiny"])
        many = [{"name": f"w{i}", "group": "x"} for i in range(9)]
        run = made_up([entry("a", 5, workload=w["name"]) for w in many], workloads=many)
        self.assertEqual(len(plot.drawable(run).workloads), plot.PANELS)


if __name__ == "__main__":
    unittest.main()
