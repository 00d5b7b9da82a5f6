"""Proves that the gate's tests can fail: each mutant is the gate with one promise broken by hand, and
the test named beside it must reject it. A gate that compares too little, or can never fail, is thereby
reported as broken."""

import os
import re
import shutil
import subprocess
import unittest
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from driving import ROOT, DriverTest

from gate import baseline_file


@dataclass(frozen=True)
class Mutant:
    promise: str
    file: str
    old: str
    new: str
    test: str  # a case of this folder: file:class.case


CAMPAIGN = "scripts/gate/test_campaign.py"
MUTANTS = [
    Mutant(
        "each row is compared",
        "scripts/gate/judge.py",
        "for key, at_first in early.items():",
        "for key, at_first in [x for x in early.items() if 'large/threads:2' not in x[0]]:",
        f"{CAMPAIGN}:Coverage.test_each_row_and_metric_has_one_finding",
    ),
    Mutant(
        "each metric is compared",
        "scripts/gate/judge.py",
        "for row in rows for metric in METRICS]",
        "for row in rows for metric in METRICS[:-1]]",
        f"{CAMPAIGN}:Coverage.test_each_row_and_metric_has_one_finding",
    ),
    Mutant(
        "what was not compared is noticed",
        "scripts/gate/findings.py",
        "    if absent:",
        "    if absent and not absent:",
        f"{CAMPAIGN}:Coverage.test_a_row_that_is_not_compared_is_noticed",
    ),
    Mutant(
        "the gate looks whether all was compared",
        "scripts/gate/run.py",
        "                done.first, done.second, rows, done.failed, settings, repeat\n            )\n            asked",
        "                done.first, done.second, rows, done.failed, settings, repeat\n            )\n"
        "            timed = timed[1:]\n            asked",
        "scripts/gate/test_gate.py:EndToEnd.test_identical_libraries",
    ),
    Mutant(
        "counts beyond the limit that overlap are no pass",
        "scripts/gate/deterministic.py",
        "if self.is_open or self.spread",
        "if self.spread",
        "scripts/gate/test_deterministic.py:Verdict.test_beyond_the_limit_and_not_apart_is_no_pass",
    ),
    Mutant(
        "counts that are all over the place are no pass",
        "scripts/gate/deterministic.py",
        "or self.spread > BLIND * self.allowed:",
        "or False:",
        "scripts/gate/test_deterministic.py:Verdict.test_wide_spread_decides_nothing",
    ),
    Mutant(
        "a head that callgrind alone cannot run is no regression",
        "scripts/gate/deterministic.py",
        'if problem.kind != "instructions":',
        'if problem.is_head or problem.kind != "instructions":',
        "scripts/gate/test_deterministic.py:Rows.test_head_that_callgrind_cannot_run_with_stored_base",
    ),
    Mutant(
        "a starved process is no regression",
        "scripts/gate/counting.py",
        "if is_starved(process.pid):",
        "if False:",
        "scripts/gate/test_deterministic.py:Exact.test_library_that_hangs",
    ),
    Mutant(
        "what fails against stored counts only is no regression",
        "scripts/baseline.py",
        "[f for f in findings if f.row not in doubtful] + beside",
        "findings",
        "scripts/gate/test_baseline.py:Program.test_what_does_not_fail_side_by_side_is_no_regression",
    ),
    Mutant(
        "what fails side by side is a regression",
        "scripts/baseline.py",
        "[f for f in findings if f.row not in doubtful] + beside",
        "[f for f in findings if f.row not in doubtful]",
        "scripts/gate/test_baseline.py:Program.test_what_fails_side_by_side_too_is_a_regression",
    ),
    Mutant(
        "a workload without stored counts is noticed",
        "scripts/gate/baseline_file.py",
        "    if offered != set(stored.rows):",
        "    if False:",
        "scripts/gate/test_baseline.py:Program.test_rows_that_are_not_those_of_the_cell_are_refused",
    ),
    Mutant(
        "the rows of a window begin independently",
        "scripts/gate_proof/replay.py",
        "{row: draw.randrange(len(blocks)) for row in rows}",
        "dict.fromkeys(rows, draw.randrange(len(blocks)))",
        "scripts/gate_proof/test_proof.py:Replays.test_rows_begin_independently",
    ),
    Mutant(
        "windows that overlap have no binomial interval",
        "scripts/gate_proof/evidence.py",
        "worth = self.instead or",
        "worth = ''.join([]) or",
        "scripts/gate_proof/test_proof.py:Shown.test_windows_overlap_and_are_no_trials",
    ),
    Mutant(
        "numbers of another harness do not add up",
        "scripts/gate_proof/proof.py",
        "baseline_file.harness(root, DRIVING)",
        "baseline_file.harness(root)",
        "scripts/gate_proof/test_proof.py:Kept.test_what_another_gate_harness_or_compiler_measured_has_another_key",
    ),
    Mutant(
        "numbers of another gate's program do not add up",
        "scripts/gate_proof/proof.py",
        '"gate/__main__ gate/base_and_head gate/campaign gate/cli',
        '"gate/base_and_head gate/campaign gate/cli',
        "scripts/gate_proof/test_proof.py:Kept.test_what_another_gate_harness_or_compiler_measured_has_another_key",
    ),
    Mutant(
        "no verdict from nothing",
        "scripts/gate/findings.py",
        "    if not findings:\n        raise",
        "    if not findings and findings:\n        raise",
        f"{CAMPAIGN}:Coverage.test_nothing_compared_is_no_pass",
    ),
    Mutant(
        "the twin is a copy of base: made so",
        "scripts/gate/base_and_head.py",
        '("twin", "base")):\n            copy =',
        '("twin", "head")):\n            copy =',
        "scripts/gate/test_base_and_head.py:Copies.test_the_twin_is_a_copy_of_base",
    ),
    Mutant(
        "the twin is a copy of base: checked",
        "scripts/gate/base_and_head.py",
        "if sha256(file) != self.sums[of]:",
        "if False:",
        "scripts/gate/test_base_and_head.py:Copies.test_arms_that_are_swapped_are_refused",
    ),
    Mutant(
        "a twin that differs is seen",
        "scripts/gate/judge.py",
        "unfit={k: twin_worse[k] or twin_better[k] for k in second}",
        "unfit={}",
        f"{CAMPAIGN}:Unfit.test_a_twin_that_is_another_library_voids_all_rows",
    ),
    Mutant(
        "a twin that differs hides no regression",
        "scripts/gate/judge.py",
        "    if tests.far_worse.get(c.key):\n",
        "    if False:\n",
        f"{CAMPAIGN}:Unfit.test_no_twin_hides_what_is_worse_by_far",
    ),
    Mutant(
        "worse by far is by more than the twin may differ",
        "scripts/gate/judge.py",
        "beyond = math.expm1(math.log1p(c.margin) + apart)",
        "beyond = c.margin",
        f"{CAMPAIGN}:Unfit.test_a_twin_that_differs_voids_the_row",
    ),
    Mutant(
        "worse by far is so against the twin, too",
        "scripts/gate/judge.py",
        "return max(stats.p_worse(c.head_base, beyond), stats.p_worse(c.head_twin, beyond))",
        "return stats.p_worse(c.head_base, beyond)",
        f"{CAMPAIGN}:Unfit.test_a_twin_that_differs_voids_the_row",
    ),
    Mutant(
        "worse in all likelihood is no pass",
        "scripts/gate/judge.py",
        "    if c.effect.low > math.log1p(c.margin):\n",
        "    if False:\n",
        f"{CAMPAIGN}:Unfit.test_worse_but_not_proven_over_all_rows_is_no_pass",
    ),
    Mutant(
        "a regression holds against the twin, too",
        "scripts/gate/judge.py",
        "if stats.p_worse(c.head_twin, c.margin) >= AGREEMENT:",
        "if False:",
        f"{CAMPAIGN}:Unfit.test_a_regression_holds_against_the_twin_too",
    ),
    Mutant(
        "too few blocks to ever fail are refused",
        "scripts/gate/judge.py",
        "elif not self.looks or self.looks[-1] < fewest:",
        "elif False:",
        f"{CAMPAIGN}:Stages.test_too_few_blocks_to_ever_fail_are_refused",
    ),
    Mutant(
        "the first look can reject one of all comparisons",
        "scripts/gate/judge.py",
        "sorted({max(n, fewest) for n in self.looks})",
        "sorted(self.looks)",
        f"{CAMPAIGN}:Stages.test_first_look_comes_late_enough_for_all_rows",
    ),
    Mutant(
        "how few are too few",
        "scripts/gate/stats.py",
        "return math.ceil(math.log2(comparisons / FALSE_RATE))",
        "return 8",
        "scripts/gate/test_stats.py:Tests.test_fewest_blocks",
    ),
    Mutant(
        "a regression fails",
        "scripts/gate/judge.py",
        '        return "fail", ""\n',
        '        return "pass", ""\n',
        f"{CAMPAIGN}:Regression.test_is_found_and_no_other_row_fails",
    ),
    Mutant(
        "head against base, not the other way round",
        "scripts/gate/judge.py",
        'head_base = differences(own, metric.name, "head", "base")',
        'head_base = differences(own, metric.name, "base", "head")',
        f"{CAMPAIGN}:Regression.test_is_found_and_no_other_row_fails",
    ),
    Mutant(
        "false discoveries are controlled",
        "scripts/gate/stats.py",
        "FALSE_RATE = 0.01 ",
        "FALSE_RATE = 0.9 ",
        "scripts/gate/test_stats.py:Tests.test_false_discoveries",
    ),
    Mutant(
        "a change within the margin is none",
        "scripts/gate/stats.py",
        "signed_rank(tuple(d - math.log1p(margin) for d in differences), ",
        "signed_rank(tuple(d for d in differences), ",
        f"{CAMPAIGN}:Equal.test_a_change_within_the_margin_passes",
    ),
    Mutant(
        "the second stage decides on fresh data",
        "scripts/gate/campaign.py",
        "return self.good(self.parts[1:])",
        "return self.good(self.parts)",
        f"{CAMPAIGN}:Regression.test_decided_on_fresh_data_alone",
    ),
    Mutant(
        "it stops on precision, not on p",
        "scripts/gate/campaign.py",
        "and not judge.is_precise(c, total, settings)",
        "and not judge.Verdicts.of({c.key: c}).worse[c.key]",
        f"{CAMPAIGN}:Stages.test_stops_on_precision_and_not_on_p",
    ),
    Mutant(
        "noise is no pass",
        "scripts/gate/judge.py",
        "    if not c.excludes_target():\n",
        "    if False:\n",
        f"{CAMPAIGN}:Unfit.test_too_noisy_is_inconclusive_not_pass",
    ),
    Mutant(
        "the smallest change is not promised too small",
        "scripts/gate/stats.py",
        "math.exp(math.log1p(margin) + needed * scale) - 1",
        "math.exp(math.log1p(margin) + needed * scale * 0.8) - 1",
        "scripts/gate/test_stats.py:SmallestChange.test_is_found_as_often_as_it_says",
    ),
    Mutant(
        "memory is gated",
        "scripts/gate/judge.py",
        "allowed = max(s.rss_margin * added, s.rss_floor_bytes * threads)",
        "allowed = max(s.rss_margin * added, s.rss_floor_bytes * threads, whole)",
        f"{CAMPAIGN}:Memory.test_growth_beyond_the_margin_fails",
    ),
    Mutant(
        "small growth of little memory is none",
        "scripts/gate/judge.py",
        "allowed = max(s.rss_margin * added, s.rss_floor_bytes * threads)",
        "allowed = s.rss_margin * added",
        f"{CAMPAIGN}:Memory.test_floor",
    ),
    Mutant(
        "different requests are refused",
        "scripts/gate/samples.py",
        "        if len(found) > 1:",
        "        if len(found) > 2:",
        f"{CAMPAIGN}:Broken.test_other_requests",
    ),
    Mutant(
        "different machines are refused",
        "scripts/gate/campaign.py",
        "        check_machine(self.parts)\n",
        "",
        f"{CAMPAIGN}:Broken.test_another_machine",
    ),
    Mutant(
        "blocks are whole",
        "scripts/gate/samples.py",
        "if set(of.values()) != {MIRRORED}:",
        "if False:",
        f"{CAMPAIGN}:Broken.test_a_sample_too_few",
    ),
    Mutant(
        "head that does not work fails",
        "scripts/gate/judge.py",
        "    made += [failure(row, cause, repeat(row)) for row, cause in failed.items()]\n",
        "",
        f"{CAMPAIGN}:Broken.test_head_that_fails_is_a_regression",
    ),
    Mutant(
        "what is accepted ends",
        "scripts/gate/accepted.py",
        "valid = [e for e in fitting if e.until >= today]",
        "valid = fitting",
        "scripts/gate/test_accepted.py:Accepted.test_ends",
    ),
    Mutant(
        "a regression gives exit code 1",
        "scripts/gate/findings.py",
        "        return REGRESSION\n",
        "        return PASS\n",
        "scripts/gate/test_findings.py:Whole.test_the_gravest_decides",
    ),
    Mutant(
        "what is undecided fails a strict run",
        "scripts/gate/findings.py",
        'if strict and whole != "pass" else PASS',
        'if strict and whole == "void" else PASS',
        "scripts/gate/test_findings.py:Whole.test_the_gravest_decides",
    ),
    Mutant(
        "what is no plain pass is shown",
        "scripts/gate/report.py",
        'f.verdict == "pass" and f.change == 0',
        "f.change == 0",
        "scripts/gate/test_report.py:Table.test_all_that_is_no_plain_pass_of_a_count_is_shown",
    ),
    Mutant(
        "a count that changed is shown",
        "scripts/gate/report.py",
        "and f.change == 0 and",
        "and",
        "scripts/gate/test_report.py:Table.test_all_that_is_no_plain_pass_of_a_count_is_shown",
    ),
    Mutant(
        "the deterministic tier is told from the statistical one",
        "scripts/gate/report.py",
        'if (f.tier == "exact") == self.exact',
        "if True",
        "scripts/gate/test_report.py:Table.test_a_table_for_each_tier",
    ),
    Mutant(
        "what was measured is not removed",
        "scripts/gate/document.py",
        "    if all(any(c in p.parents for c in copies) for p in files):\n",
        "    if True:\n",
        "scripts/gate/test_gate.py:Refusals.test_library_that_corrupts_memory_is_a_regression",
    ),
    Mutant(
        "an interrupt is no verdict",
        "scripts/gate/__main__.py",
        "        return SIGNALLED + signalled.number\n",
        "        return 0\n",
        "scripts/gate/test_gate.py:Interrupted.test_a_signal_is_no_verdict_and_leaves_no_child",
    ),
    Mutant(
        "a stored run without its counts is refused",
        "scripts/gate/rejudge.py",
        "        if judge.FAILED not in metrics and absent:\n",
        "        if False:\n",
        "scripts/gate/test_gate.py:Document.test_is_as_its_schema_says",
    ),
    Mutant(
        "what was accepted then is asked again",
        "scripts/gate/rejudge.py",
        "[accepted.before(f) for f in stored if",
        "[f for f in stored if",
        "scripts/gate/test_gate.py:Document.test_is_as_its_schema_says",
    ),
    Mutant(
        "a stored run without the blocks that decided is refused",
        "scripts/gate/rejudge.py",
        '== 2 and c["blocks"] != blocks[c["row"]]:',
        '== 2 and c["blocks"] < blocks[c["row"]]:',
        "scripts/gate/test_gate.py:Document.test_is_as_its_schema_says",
    ),
    Mutant(
        "a stored run whose findings are not those of its verdict is refused",
        "scripts/gate/rejudge.py",
        '    if verdict(stored) != document["verdict"]:\n',
        "    if False:\n",
        "scripts/gate/test_gate.py:Document.test_is_as_its_schema_says",
    ),
    Mutant(
        "a stored run has the comparisons of all its rows",
        "scripts/gate/rejudge.py",
        "    if sorted(compared) != sorted(then):\n",
        "    if False:\n",
        "scripts/gate/test_gate.py:Document.test_is_as_its_schema_says",
    ),
    Mutant(
        "power runs of another plan are not added up",
        "scripts/gate_proof/proof.py",
        '(run["target"], run["blocks"]) != astuple(plan)',
        "False",
        "scripts/gate_proof/test_proof.py:Runs.test_power_runs_of_another_plan_are_refused",
    ),
    Mutant(
        "each recording is judged alone",
        "scripts/gate_proof/evidence.py",
        'r["failed"] / r["windows"] <= FALSE_RATE',
        "True",
        "scripts/gate_proof/test_proof.py:Shown.test_each_recording_is_judged_alone",
    ),
    Mutant(
        "without a common commit the commit before is no base",
        "scripts/gate/base_and_head.py",
        "    if here not in bases:\n",
        "    if False:\n",
        "scripts/gate/test_base_and_head.py:DefaultBase.test_no_main_branch_is_not_the_commit_before",
    ),
    Mutant(
        "plants that were larger than they are called show nothing",
        "scripts/gate_proof/evidence.py",
        "median(changes) <= (1 + PLANT_SIZE) * effect,",
        "median(changes) <= (1 + PLANT_SIZE),",
        "scripts/gate_proof/test_proof.py:Shown.test_plants_of_another_size",
    ),
    Mutant(
        "p-values that are far from uniform are said to be",
        "scripts/gate_proof/evidence.py",
        ">= apart)",
        "<= apart)",
        "scripts/gate_proof/test_proof.py:Shown.test_p_values_that_are_not_uniform",
    ),
    Mutant(
        "plants are counted",
        "scripts/gate_proof/evidence.py",
        "return all(abs(ratio - 1) <= PLANT_COUNT for",
        "return any(abs(ratio - 1) <= PLANT_COUNT for",
        "scripts/gate_proof/test_proof.py:Shown.test_plants_of_other_instructions",
    ),
    Mutant(
        "nothing to compare with is told from a base that is broken",
        "scripts/gate/baseline_file.py",
        'if shallow == "false":',
        "if False:",
        "scripts/gate/test_baseline.py:Program.test_nothing_to_compare_with_has_an_exit_code_of_its_own",
    ),
    Mutant(
        "the first stage leaves to the second what may be the target",
        "scripts/gate/stats.py",
        "    candidate = min(change(first, CANDIDATE), target)\n",
        "    candidate = change(first, CANDIDATE)\n",
        "scripts/gate/test_stats.py:SmallestChange.test_of_what_may_be_the_target_no_more_is_asked",
    ),
    Mutant(
        "a full disk is no verdict",
        "scripts/gate/__main__.py",
        "    except OSError as error:\n",
        "    except OSError as error:\n        return 0\n",
        "scripts/gate/test_gate.py:Refusals.test_full_disk",
    ),
]


# A quarter of a minute each: not in every `make test`.
SLOW = re.compile("test_baseline|test_gate.py:Document|test_deterministic.py:(Exact|Rows)")
ALL = os.environ.get("MUTANTS") == "all"


class Mutants(DriverTest):
    """ONLY="a word" in the environment: the mutants whose promise has it."""

    def prove(self, name: str, mutant: "Mutant | None", test: str) -> str:
        """What the test prints, run on a copy of the scripts; raises if the mutant does not apply."""
        tree = self.directory / name
        keep = shutil.ignore_patterns("__pycache__", "*.c", "*.h", "*.cc")
        shutil.copytree(ROOT / "scripts", tree / "scripts", ignore=keep)
        shutil.copytree(ROOT / "harness", tree / "harness", ignore=keep)
        (tree / "results").mkdir()
        for file in (*(ROOT / "results").glob("*.schema.json"), baseline_file.FILE):
            shutil.copy(file, tree / "results")
        (tree / "allocators").symlink_to(ROOT / "allocators")
        (tree / "build").symlink_to(ROOT / os.environ.get("B", "build"))
        if mutant:
            path = tree / mutant.file
            text = path.read_text()
            self.assertEqual(text.count(mutant.old), 1, f"{mutant.promise}: applies at one place")
            path.write_text(text.replace(mutant.old, mutant.new))
        environment = {**os.environ, "B": "build"}
        result = subprocess.run(
            [tree / "scripts" / "run-test", test],
            capture_output=True,
            text=True,
            timeout=600,
            cwd=tree,
            env=environment,
        )
        shutil.rmtree(tree)
        return result.stdout

    def test_each_mutant_is_rejected(self) -> None:
        asked = [m for m in MUTANTS if os.environ.get("ONLY", "") in m.promise]
        chosen = [m for m in asked if ALL or not SLOW.search(m.test)]
        for m in asked:
            if m not in chosen:
                with self.subTest(m.promise):
                    self.skipTest(
                        "its test counts libraries anew for a long time; `make mutants` does"
                    )
        tests = sorted({m.test for m in chosen})
        with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
            plain = list(pool.map(lambda t: self.prove(f"plain-{tests.index(t)}", None, t), tests))
            mutated = list(
                pool.map(
                    lambda i: self.prove(f"mutant-{i}", chosen[i], chosen[i].test),
                    range(len(chosen)),
                )
            )
        for test, output in zip(tests, plain):
            self.assertRegex(output, "(?m)^ok 1 ", f"{test} passes without a mutant")
            self.assertNotRegex(output, "(?m)^not ok", test)
        for m, output in zip(chosen, mutated):
            with self.subTest(m.promise):
                skipped = re.search("# [Ss][Kk][Ii][Pp] (.*)", plain[tests.index(m.test)])
                if skipped:
                    self.skipTest(f"{m.test} cannot run here: {skipped[1]}")
                self.assertRegex(output, "(?m)^not ok 1 ", f"{m.test} must reject it")


if __name__ == "__main__":
    unittest.main()
