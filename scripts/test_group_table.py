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

    def test_one_allocator_by_two_names_ties(self) -> None:
        """Their medians differ by chance; nothing is said of who is better."""
        noise = ((0.85, 1.19), (1.1, 0.83), (0.95, 1.18), (1.2, 1.15), (0.9, 1.05))
        samples = [
            sample(name, 50 * noise[block][i], 4 * noise[block][i], block=block)
            for block in range(5)
            for i, name in enumerate(("system", "twin"))
        ]
        for some in (samples, samples[:4]):
            text = self.lines(*some)
            self.assertNotRegex(text, "best .*, worst")
            self.assertEqual(
                text.count("best and worst tie, no difference above 2% is sure: ring"), 2
            )
            self.assertRegex(text, r"ring +[0-9.]+ns\* +[0-9.]+\*")

    def test_who_is_told_apart(self) -> None:
        """The best two tie, and the worst two; the factor is of pairs of the same round."""
        costs = {"a": 10.0, "b": 10.0, "c": 30.0, "d": 30.0}
        samples = [
            sample(name, ns * (1 + 0.01 * ((block * 7 + i * 3) % 5)) * (1 + block), 1, block=block)
            for block in range(8)
            for i, (name, ns) in enumerate(costs.items())
        ]
        text = self.lines(*samples)
        self.assertRegex(text, r"best (a or b|b or a), worst (c or d|d or c): [23]\.\d\d times\n")

    def test_one_sample_is_said(self) -> None:
        text = self.lines(sample("a", 10, 1), sample("b", 30, 3))
        self.assertIn("best a, worst b: 3.00 times by one sample", text)

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

    def test_it_is_that_of_the_core(self) -> None:
        """Of 2 and 7 threads on 4 CPUs: 7 is nearer by the ratio, 2 by the difference."""
        samples = [
            of("a", 5, threads=t, workload=w)
            for of, w in ((entry, "tiny"), (lambda a, ns, **k: sample(a, ns, 1, **k), "ring"))
            for t in (2, 7)
        ]
        run = made_up(samples, workloads=GROUPS, machine={"cpus_usable": 4})
        self.assertEqual(run.of_core(True).main_threads, 7)
        self.assertEqual(group_table.threads_of(run, "ring"), 7)

    def test_the_answer_has_both(self) -> None:
        core = [entry(a, 5, workload="tiny") for a in ("system", "a")]
        run = made_up([*core, sample("system", 5, 1), sample("a", 6, 1)], workloads=GROUPS)
        text = "\n".join(answer.format_run(run))
        self.assertIn("Fastest", text)
        self.assertRegex(text, r"ring +5\.00ns\* +1\.20")
        said = text.split("Not measured here: ")[1]
        self.assertTrue(said.startswith("blocks that change"), "the table below has threads")
        only = made_up([sample("system", 5, 1), sample("a", 6, 1)], workloads=GROUPS)
        self.assertNotIn("Fastest", "\n".join(answer.format_run(only)))

    def test_blow_up_is_of_the_most_that_was_live(self) -> None:
        def instant(name: str, held: int, rss: int = 5) -> dict[str, Any]:
            return {"name": name, "held_bytes": held * MIB, "rss_bytes": rss * MIB}

        text = self.lines(
            sample("system", 5, 8, live_bytes=2 * MIB, instants=[instant("full", 4)]),
            sample("a", 5, 8, live_bytes=16 * MIB, instants=[instant("full", 4)]),
            sample("b", 5, 8, live_bytes=MIB - 1),
        )
        block = text.split("blow-up")[1].split("\n\n")[0]
        self.assertRegex(block, r"\nring +2\.00 +0\.50\* +-")
        text = self.lines(sample("system", 5, 8, live_bytes=100))
        self.assertNotIn("blow-up", text, "of nothing there is no multiple")

    def test_what_stays_resident_is_of_the_memory_group(self) -> None:
        def run(group: str, **facts: Any) -> str:
            later = [
                {"name": "half", "held_bytes": 0, "rss_bytes": 50 * MIB},
                {"name": "freed, 100 ms later", "held_bytes": 0, "rss_bytes": 7 * MIB},
                {"name": "freed, 1000 ms later", "held_bytes": 0, "rss_bytes": 6 * MIB},
                {"name": "purged, 100 ms later", "held_bytes": 0, "rss_bytes": 3 * MIB},
            ]
            one = {"rss_drained_bytes": 9 * MIB, "rss_purged_bytes": 4 * MIB, "instants": later}
            groups = [{"name": "ring", "group": group}]
            samples = [sample("system", 5, 9, **one), sample("a", 5, 9, rss_drained_bytes=0)]
            return "\n".join(group_table.format_groups(made_up(samples, workloads=groups, **facts)))

        text = run("memory")
        self.assertRegex(text, r"after all is freed, medians.*\n.*\nring +8\.00 +0\.00\*")
        self.assertRegex(text, r"a while later, medians.*\n.*\nring +5\.00\* +-")
        self.assertRegex(text, r"after a purge, medians.*\n.*\nring +3\.00\* +-")
        self.assertNotIn("resident", run("threads"))
        rest = {
            **{"name": "ring/a/threads:1", "workload": "ring", "allocator": "a"},
            **{"live_bytes": 0, "vsz_live_bytes": 0, "rss_live_bytes": 0, "rss_drained_bytes": 0},
            "rss_start_bytes": MIB,
            "instants": [
                {"name": "freed, 60000 ms later", "held_bytes": 0, "rss_bytes": 3 * MIB},
                {"name": "purged, 60000 ms later", "held_bytes": 0, "rss_bytes": 2 * MIB},
            ],
        }
        failure = {"name": "ring/system/threads:1", "cause": "killed"}
        text = run("memory", long_rest_seconds=60, long_rests=[rest, failure])
        self.assertRegex(text, r"60 seconds after all is freed.*\n.*\nring +- +2\.00\*")
        self.assertRegex(text, r"60 seconds after a purge.*\n.*\nring +- +1\.00\*")
        self.assertIn("No long rest of ring/system/threads:1: killed.", text)

    def test_columns_fit(self) -> None:
        names = ["system", *(f"allocator-number-{i}" for i in range(11))]
        text = self.lines(*(sample(n, 5 + i, 1) for i, n in enumerate(names)))
        self.assertLessEqual(max(map(len, text.split("\n"))), group_table.WIDTH)
        for i in range(11):
            self.assertTrue(re.search(rf"all\.\..*-{i}\b", text), i)

    def test_plots_are_of_the_core_or_of_a_few(self) -> None:
        both = made_up([entry("a", 5, workload="tiny"), sample("a", 5, 1)], workloads=GROUPS)
        self.assertEqual(plot.drawable([both])[0].workloads, ["tiny"])
        many = [{"name": f"w{i}", "group": "x"} for i in range(9)]
        run = made_up([entry("a", 5, workload=w["name"]) for w in many], workloads=many)
        self.assertEqual(len(plot.drawable([run])[0].workloads), plot.PANELS)


if __name__ == "__main__":
    unittest.main()
