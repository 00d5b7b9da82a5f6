"""A run of the gate: what it measures or reads again, and the findings of that."""

from __future__ import annotations

import argparse
import dataclasses
import os
import shlex
import shutil
import statistics
import sys
import time
from pathlib import Path
from typing import Callable, Optional

import bench_results
from gate import accepted, base_and_head, campaign, cli, deterministic, judge, rejudge, report, rows
from gate.document import ARMS, DESCRIBED, FILE, Result
from gate.driver import Driver, Progress
from gate.findings import Finding, Refusal, check_coverage
from gate.rejudge import NO_COUNTS, OF_OLD_RUNS
from program import IN_SOURCES, duration

BUSY = 0.05  # share of the CPUs that others may take before that is said


@dataclasses.dataclass(frozen=True)
class Sides:
    """What a run compares, in which rows."""

    both: base_and_head.Arms
    drive: Driver
    asked: rows.Rows
    settings: judge.Settings
    facts: list[str]  # what is left out, what is to be said of accepted.json


class Gate:
    """One run."""

    def __init__(
        self,
        options: argparse.Namespace,
        entries: list[accepted.Entry],
        cpus: Optional[int] = None,
    ) -> None:
        """`cpus`: of the machines that measure (default: those that this process may use)."""
        self.options = options
        self.entries = entries
        self.cpus = cpus or len(os.sched_getaffinity(0))
        self.driver = (
            options.driver or base_and_head.ROOT / os.environ.get("B", "build") / "spanbench"
        ).resolve()
        self.cells = self.driver.parent / "cell"
        self.began = time.monotonic()
        self.left_out = ""  # what was asked for and not done, and why
        if not os.access(self.driver, os.X_OK):
            raise Refusal(f"there is no {self.driver}; build it with make")

    def repeat(self, base: str, head: str) -> Callable[[str], str]:
        """The command that measures a row alone."""
        o = self.options
        changed = {k: getattr(o, k) for k in ("first", "blocks", "budget")}
        changed.update({k: v and v * 100 for k, v in (("margin", o.margin), ("target", o.target))})

        def command(row: str) -> str:
            workload, _, threads = row.rpartition("/threads:")
            given = {"BASE": base, "HEAD": head, "WORKLOADS": workload, "THREADS": threads}
            given.update(QUICK="1" if o.quick else "", SEED=str(o.seed))
            given["TIER"] = o.tier if o.tier != "all" else ""
            more = [f"--{k} {v:g}" for k, v in changed.items() if v is not None]
            more += ["--strict"] * o.strict
            if IN_SOURCES:
                given["ARGS"] = " ".join(more)
                return "make gate " + " ".join(
                    f"{k}={shlex.quote(v)}" for k, v in given.items() if v
                )
            if given.pop("QUICK"):
                more.append("--quick")
            words = [f"--{k.lower()}={shlex.quote(v)}" for k, v in given.items() if v]
            return " ".join(["spanbench gate", *words, *more])

        return command

    def sides(self, folder: Path) -> Sides:
        """What is asked for: builds what must be built, and looks whether it can be measured."""
        o = self.options
        base = base_and_head.resolve(o.base or base_and_head.default_base(), self.cells)
        head = base_and_head.resolve(o.head, self.cells)
        both = base_and_head.Arms.of(base, head, folder / ARMS)
        drive = Driver(self.driver, folder, both.copy_into, o.timeout, Progress(sys.stderr))
        known = workloads_of(both, drive, folder / DESCRIBED)
        asked = self.asked(both, known)
        settings = cli.settings_of(o).checked(len(asked.timed) or 1)
        print(f"gate: base: {bench_results.printable(base.label)}", file=sys.stderr)
        print(f"gate: head: {bench_results.printable(head.label)}", file=sys.stderr)
        if both.sums["base"] == both.sums["head"]:
            self.refuse_what_nobody_asked_for(base)
            print(f"gate: {report.NULL_RUN}", file=sys.stderr)
        strangers = accepted.strangers(self.entries, list(known))
        return Sides(both, drive, asked, settings, [*asked.left_out, *strangers])

    def arms(self, both: base_and_head.Arms) -> dict[str, dict[str, str]]:
        """For gate.json."""
        return {
            name: {"what": of.label, "again": of.word, "sha256": both.sums[name]}
            for name, of in (("base", both.base), ("head", both.head))
        }

    def measure(self, folder: Path) -> Result:
        o = self.options
        sides = self.sides(folder)
        both, asked, settings = sides.both, sides.asked, sides.settings
        repeat = self.repeat(self.word(both.base), self.word(both.head))
        findings = self.exact(both, asked.counted, folder, repeat)
        result = Result(findings, [], [], [], {})
        done: Optional[campaign.Campaign] = None
        if asked.timed:
            done = campaign.run(asked.timed, settings, o.seed, sides.drive, time.monotonic)
            timed, result.numbers = judge.findings(
                done.first, done.second, asked.timed, done.failed, settings, repeat
            )
            check_coverage(timed, judge.asked(done.first, asked.timed))
            findings += timed
            result.parts = done.parts
        blind = what_is_not_seen(asked.counted, asked.timed, o, findings)
        result.facts = [*self.facts(both, done), blind, *sides.facts]
        if self.left_out:
            result.facts.append(self.left_out)
        result.document = {
            **self.arms(both),
            "quick": o.quick,
            "seed": o.seed,
            "rows": asked.timed or [rows.row_name(w, 1) for w in asked.counted],
            "counted": [rows.row_name(w, 1) for w in asked.counted],
            "settings": dataclasses.asdict(settings),
            "budget_spent": done.budget_spent if done else False,
        }
        return result

    def asked(self, both: base_and_head.Arms, known: dict[str, rows.Workload]) -> rows.Rows:
        """What is compared, of what there is."""
        o = self.options
        asked = rows.chosen(
            cli.workloads(o.workloads),
            cli.thread_counts(o.threads),
            known,
            cpus=self.cpus,
            quick=o.quick,
        )
        if both.base.adapter and o.tier != "timed":
            why = "counts are of libraries, not of adapters: give files, BASE=/path/liba.so HEAD=/path/libb.so"
            if o.tier == "exact":
                raise Refusal(why)
            self.left_out = NO_COUNTS + why
        if both.base.adapter or o.tier == "timed":
            asked = dataclasses.replace(asked, counted=[])
        if o.tier == "exact":
            asked = dataclasses.replace(asked, timed=[])
        if not asked.counted and not asked.timed:
            raise Refusal("; ".join(asked.left_out) or "nothing of it can be compared")
        return asked

    def refuse_what_nobody_asked_for(self, base: base_and_head.Source) -> None:
        """Base and head are one file, which may be measured where the user says so."""
        if not self.options.base and not self.options.head:
            raise Refusal(
                f"{base.label} and this tree have the same gomalloc, so there is nothing to compare; say "
                "what to compare, as BASE=./old.so HEAD=./new.so (spanbench gate --base ./old.so --head "
                "./new.so)"
            )

    def word(self, source: base_and_head.Source) -> str:
        """That names the source from the root of the project."""
        if source.word and Path(source.word).is_file() and Path.cwd() != base_and_head.ROOT:
            return str(Path(source.word).resolve())
        return source.word

    def exact(
        self, both: base_and_head.Arms, names: list[str], folder: Path, repeat: Callable[[str], str]
    ) -> list[Finding]:
        if not names:
            return []
        work = folder / "exact"
        work.mkdir()
        found = deterministic.compare(
            both.file("base"),
            both.file("head"),
            names,
            build=self.driver.parent,
            work=work,
            seed=self.options.seed,
            repeat=repeat,
        )
        for name in names:
            if not any(f.row == f"{name}/threads:1" and f.tier == "exact" for f in found):
                raise Refusal(f"the gate is broken: it did not compare the counts of {name}")
        return found

    def facts(self, both: base_and_head.Arms, done: Optional[campaign.Campaign]) -> list[str]:
        said = [
            f"base: {bench_results.printable(both.base.label)}",
            f"head: {bench_results.printable(both.head.label)}",
        ]
        if both.sums["base"] == both.sums["head"]:
            said.append(report.NULL_RUN)
        return said + (campaign_facts(done) if done else [])


def what_is_not_seen(
    counted: list[str], timed: list[str], options: argparse.Namespace, found: list[Finding]
) -> str:
    """By what was found of these rows; and what the user can do about it."""
    more = {
        "without WORKLOADS and THREADS": options.workloads or options.threads,
        f"without TIER={options.tier}": options.tier != "all",
        "without QUICK=1": options.quick,
    }
    hints = [hint for hint, is_asked in more.items() if is_asked]
    end = f"a gate {' and '.join(hints)} sees more" if hints else ""
    return rows.not_seen(counted, timed, bool(options.workloads or options.threads), end, found)


def workloads_of(both: base_and_head.Arms, drive: Driver, folder: Path) -> dict[str, rows.Workload]:
    """As the driver describes the arms. Copies are not kept: of those that cannot be measured the
    source is named."""
    files = folder / "files"
    try:
        return both.check_descriptions(drive.describe(both.copy_into(files)))
    except Refusal as problem:
        said = str(problem)
        for arm, of in (("base", both.base), ("head", both.head), ("twin", both.base)):
            said = said.replace(str(files / both.file(arm).name), str(of.file))
        raise Refusal(said) from problem
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def campaign_facts(done: campaign.Campaign) -> list[str]:
    said = []
    settings = done.settings
    said.append(
        f"time: more than {report.percent(settings.margin, '')} slower is a regression, "
        f"{report.percent(settings.target, '')} must not be missed; {settings.first} rounds of all "
        f"rows, then up to {settings.looks[-1]} of rows in doubt; seed {done.seed}"
    )
    shares = [p.others_cpu_share for p in done.parts if p.others_cpu_share is not None]
    if shares and statistics.median(shares) > BUSY:
        share = statistics.median(shares)
        said.append(f"BUSY MACHINE: other programs took {share:.0%} of the CPUs meanwhile")
    environment = {k: v for p in done.parts for k, v in p.environment.items()}
    if environment:
        listed = " ".join(f"{k}={v}" for k, v in sorted(environment.items()))
        said.append(f"ENVIRONMENT: options of allocators were set: {listed}")
    compared = {metric for _, metric in judge.asked(done.first, done.rows)}
    absent = [report.name(m.name) for m in judge.METRICS if m.name not in compared]
    if absent:
        said.append(f"not compared, because base or head has none: {', '.join(absent)}")
    if done.budget_spent:
        said.append(
            f"the budget of {duration(settings.budget_seconds)} ended the second stage, which has {settings.looks[0]} "
            "rounds whatever they take"
        )
    elif len(done.parts) > len(settings.looks):
        if campaign.imprecise(done, sorted({s.row for s in done.second})):
            said.append(
                f"the second stage ended after its {settings.looks[-1]} rounds, and not all rows were "
                "precise by then: --blocks and --budget give it more"
            )
    return said


def judge_again(gate: Gate, run: Path) -> Result:
    """A stored run: the same samples, judged by this version."""
    file = run if run.name == FILE else run / FILE
    again = rejudge.rejudge(file)
    stored = again.document
    for name in ("quick", "seed", "tier"):
        setattr(gate.options, name, stored[name])
    repeat = gate.repeat(stored["base"]["again"], stored["head"]["again"])
    findings = [dataclasses.replace(f, repeat=repeat(f.row)) for f in again.exact + again.timed]
    facts = [f"base: {stored['base']['what']}", f"head: {stored['head']['what']}"]
    facts += [report.NULL_RUN] * (stored["base"]["sha256"] == stored["head"]["sha256"])
    facts += campaign_facts(again.done) if again.done.parts else []
    facts += [f for f in stored["facts"] if f.startswith(rows.NOT_SEEN)]
    facts += [f for f in stored["facts"] if f.startswith((NO_COUNTS, OF_OLD_RUNS))]
    facts += stored.get("fleet", {"facts": []})["facts"]
    return Result(findings, again.numbers, again.done.parts, facts, {})
