#!/usr/bin/python3
"""The program of the fleet: `make fleet`, scripts/fleet.sh."""

from __future__ import annotations

import argparse
import shlex
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any, Collection, ContextManager, Optional

sys.path[0] = str(Path(__file__).resolve().parent.parent)  # run as a folder, it is a package

from bench_results import Unusable, plural, printable
from fleet import asked as asking
from fleet import cli, failures, jobs, locks, machines, slurm, tries, unshared, verdicts
from fleet.asked import Refusal
from fleet.bundle import Lacking
from fleet.collect import Asked, Collected, collect
from fleet.parts import Part, Reader, Refused, chosen, refusals
from fleet.rounds import RUNS, SAMPLES, named
from fleet.task import save
from program import HOME, WRONG_USE, Terminated, complain, duration, run

POLL_SECONDS = 2.0
PAGE = ("report/__main__.py", "--if-possible")
# What shows a collected run, of scripts/.
SHOWN_BY: dict[str, list[tuple[str, ...]]] = {
    "run": [("show.sh",)],
    "check": [("verdicts/matrix.py",), PAGE, ("junit.py",)],
    "harden": [("verdicts/matrix.py",), PAGE],
    "gate": [PAGE],
    "try": [("verdicts/try_verdict.py",), PAGE, ("verdicts/try_plot.py",)],
    "programs": [("programs.py", "--keep", "--table"), PAGE],
}
# What shows all classes of machines side by side, where there are several.
APART_BY = {"run": [("plot.py",), PAGE]}
# How tasks are submitted, if nothing else is said.
HOW = {"batch": 1, "at_once": 0, "options": []}
# A file of the fleet: what its tasks did not finish is not to be submitted anew.
CANCELLED = "cancelled"
COUNTED = {
    "run": "sample",
    "check": "verdict",
    "harden": "misuse",
    "gate": "sample",
    "try": "run",
    "programs": "run",
}
# What of it is bad, where it is not that it failed. An uncaught misuse is not: the matrix has it.
BAD = {"check": "finding", "harden": "void run"}
FINDING = 1


def of_the_gate() -> Any:
    """The module. It wants scipy, which other work does not need. Raises Refusal."""
    try:
        from fleet import gates
    except ImportError as problem:
        raise Refusal(f"{problem}; run scripts/deps.sh gate") from problem
    return gates


def shown(words: tuple[str, ...], folder: Path) -> int:
    """By a program of scripts/. Returns its exit code."""
    return subprocess.run([HOME / "scripts" / words[0], *words[1:], folder]).returncode


class Progress:
    """One line on a terminal, now and then one in a log."""

    def __init__(self) -> None:
        self.shown = 0.0
        self.terminal = sys.stderr.isatty()

    def show(self, line: str) -> None:
        now = time.monotonic()
        if now - self.shown < (0.5 if self.terminal else 15):
            return
        self.shown = now
        sys.stderr.write(f"\r\033[K{line[:110]}" if self.terminal else f"{line}\n")
        sys.stderr.flush()

    def clear(self) -> None:
        if self.terminal:
            sys.stderr.write("\r\033[K")
            sys.stderr.flush()


class Fleet:
    def __init__(self, folder: Path, bare: bool = True) -> None:
        self.folder = folder.resolve()
        self.fleet: Any = asking.load(self.folder)
        self.name = str(self.fleet["name"])
        own = self.fleet
        self.asked = Asked(own["rows"], own["each"], own["repetitions"], own["work"])
        self.reader = Reader(self.folder, self.fleet)
        self.progress = Progress()
        self.bare = bare
        self.began = time.monotonic()
        self.at_begin: Optional[int] = None
        self.given_up: set[int] = set()  # rounds that would fail again
        self.other: list[str] = []  # options of sbatch, in place of those of before
        self.now = False  # it is to wait for nothing
        self.exchange: Optional[unshared.Exchange] = None  # with nodes that share no folder
        if self.fleet.get("unshared"):
            self.exchange = unshared.Exchange(self.folder, self.fleet, self.say, self.show)

    def close(self) -> None:
        if self.exchange:
            self.exchange.close()

    def say(self, line: str) -> None:
        self.progress.clear()
        complain(f"fleet: {printable(line)}")

    def show(self, line: str) -> None:
        self.progress.show(f"fleet: {line}")

    def waits_alone(self) -> ContextManager[None]:
        """Nobody else waits for the tasks. Else both would submit what got lost. Raises Refusal."""

        def busy(who: str) -> None:
            now = f"scripts/fleet/__main__.py collect --now {shlex.quote(str(self.folder))}"
            raise Refusal(
                f"{self.folder}: {who} waits for these tasks already, and collects; to see what is there so far: {now}"
            )

        return locks.held(self.folder / locks.WAITS, busy)

    def after_others(self, lock: str, what: str) -> ContextManager[None]:
        return locks.held(
            self.folder / lock, lambda who: self.show(f"waiting for {who}, which {what}")
        )

    @property
    def go_on(self) -> str:
        return f"make fleet DO=collect RUN={shlex.quote(str(self.folder))}"

    @property
    def kept(self) -> str:
        """Of what Slurm did not take."""
        return f"what was made for it is kept; to go on: {self.go_on}; if it refused options, give it others: SBATCH=--partition=…"

    def refusals(self) -> list[Refused]:
        """Also of nodes that cannot say so."""
        unfed = self.exchange.without_bundle() if self.exchange else {}
        found = [Refused(node, [f"it gets no bundle: {why}"]) for node, why in unfed.items()]
        return refusals(self.folder) + found

    def whole(self, parts: list[Part]) -> set[int]:
        return {n for _, of in chosen(parts, self.asked.repetitions) for n in of}

    def missing(self, parts: list[Part]) -> list[int]:
        return sorted(set(range(self.asked.repetitions)) - self.whole(parts))

    def failed(self, missing: Collection[int]) -> list[failures.Failure]:
        """Nothing is said of tasks that may go on."""
        found = failures.of_missing(self.folder, self.fleet, jobs.submissions(self.folder), missing)
        return [f for f in found if f.ended or not self.now]

    def unexplained(self, missing: Collection[int]) -> list[failures.Failure]:
        """Failures but for those that nodes say of themselves."""
        return failures.unexplained(self.failed(missing), self.refusals())

    def worth_another(self, parts: list[Part]) -> list[int]:
        """The missing rounds, but for those that would fail again for sure. Who was told so may have mended it, and a later
        collect submits these anew, too."""
        missing = self.missing(parts)
        failed = self.failed(missing)
        lost = failures.hopeless(self.fleet, failed, self.whole(parts))
        told = {n for f in failed if f.was_told for n in f.rounds}
        new = lost - told - self.given_up
        if new:
            self.given_up |= new
            jobs.note_told(self.folder, {f.submission for f in failed if new & set(f.rounds)})
            self.say(
                f"{named(self.fleet, new)} would fail again, and are not submitted anew; if the nodes are to blame, mend them: "
                f"{self.go_on}"
            )
        return [n for n in missing if n not in self.given_up]

    def so_far(self, parts: list[Part]) -> str:
        return f"{len(self.whole(parts))} of {self.asked.repetitions} rounds are finished"

    def line(self, there: int, tasks: list[slurm.Waiting]) -> str:
        if self.at_begin is None:
            self.at_begin = there
        nodes = sorted({t.node for t in tasks if t.node})
        said = f"fleet: {there} of {self.asked.repetitions} rounds"
        if there > self.at_begin:
            pace = (time.monotonic() - self.began) / (there - self.at_begin)
            said += f", {duration(pace * (self.asked.repetitions - there))} left"
        if nodes:
            return said + f"; {plural(len(nodes), 'node')} at work: {' '.join(nodes[:8])}"
        why = sorted({t.reason for t in tasks} - {"None", ""})
        return said + f"; no node is at work: {', '.join(why)}" * bool(why)

    def wait(self) -> list[Part]:
        """Until Slurm has no task of it any more, and parts are here. While Slurm does not answer, nothing is concluded."""
        told = ""
        while True:
            try:
                tasks = slurm.waiting(self.name)
                told = ""
            except slurm.NoCluster:
                raise
            except slurm.Trouble as problem:
                if str(problem) != told:
                    complain(f"fleet: {printable(str(problem))}; asking again")
                told = str(problem)
                time.sleep(POLL_SECONDS)
                continue
            if self.exchange:
                self.work_with_nodes(self.exchange, tasks)
            parts = self.reader.look(not tasks)
            if not tasks:
                self.progress.clear()
                return parts
            self.progress.show(self.line(len(self.whole(parts)), tasks))
            time.sleep(POLL_SECONDS)

    def work_with_nodes(self, exchange: unshared.Exchange, tasks: list[slurm.Waiting]) -> None:
        """Bundles go to those at work, and at the end parts come back."""
        submitted = jobs.submissions(self.folder)
        exchange.options = submitted[-1][1]["options"] if submitted else []
        if tasks:
            exchange.feed(submitted, tasks)
            return
        exchange.fetch()
        unshared.drop_archives(self.folder)

    def submit(
        self,
        missing: list[int],
        batch: int,
        at_once: int,
        options: list[str],
        hold: bool = False,
    ) -> None:
        """The rounds of a program are not submitted to nodes that cannot run it. So there may be several jobs; if Slurm
        refuses some, the others go on. Raises slurm.Trouble, if it refuses all."""
        section, refused = self.fleet.get("section", 0), self.refusals()
        jobs_: dict[tuple[str, ...], list[int]] = {}
        for number in missing:
            program = self.fleet["programs"][number // section]["name"] if section else ""
            without = sorted({r.node for r in refused if r.program in ("", program)})
            jobs_.setdefault(tuple(without), []).append(number)
        problems = []
        for nodes, of in jobs_.items():
            try:
                job, tasks = jobs.submit(
                    self.folder, self.fleet, of, batch, at_once, nodes, options, hold
                )
            except slurm.Trouble as problem:
                problems.append(problem)
                continue
            complain(f"fleet: job {job}: {plural(tasks, 'task')} for {plural(len(of), 'round')}")
        if len(problems) == len(jobs_):
            raise problems[0]
        for refused_job in problems:
            complain(f"fleet: {printable(str(refused_job))}")

    def settle(self) -> list[Part]:
        try:
            return self.wait_for_all()
        except (KeyboardInterrupt, Terminated):
            fed = ", once they have their bundle" * bool(self.exchange)
            self.say(f"the tasks go on{fed}; to go on here: {self.go_on} (DO=cancel ends them)")
            raise

    def wait_for_all(self) -> list[Part]:
        """Waits, and submits anew what got lost, for as long as that brings something: rounds, or nodes known not to
        be fit."""
        before: Optional[tuple[int, int]] = None
        while True:
            parts = self.wait()
            missing = self.worth_another(parts)
            now = (len(missing), -len(self.refusals()))
            last = jobs.submissions(self.folder)
            if not missing or (before is not None and now >= before):
                return parts
            if (self.folder / CANCELLED).exists():
                self.say(
                    f"the fleet was cancelled: nothing is measured anew; to go on: {self.go_on}"
                )
                return parts
            if self.exchange and self.exchange.is_in_vain:
                self.say(
                    "no node gives its parts: nothing is measured anew; mend that, and collect again"
                )
                return parts
            before = now
            how = last[-1][1] if last else {**HOW, **self.fleet.get("how", {})}
            for line in failures.told(failures.unexplained(self.failed(missing), self.refusals())):
                self.say(line)
            lost = f"{plural(len(missing), 'round')} got lost ({named(self.fleet, missing)})"
            complain(f"fleet: {lost}: submitted anew")
            try:
                self.submit(missing, how["batch"], how["at_once"], self.other or how["options"])
            except slurm.Trouble as problem:  # what is there is worth collecting
                complain(f"fleet: {printable(str(problem))}")
                self.say(self.kept)
                return parts

    def finish(self, parts: list[Part]) -> int:
        """What was cut off since its task ended is measured anew, for as long as that brings something."""
        before = self.asked.repetitions + 1
        while True:
            with self.after_others(locks.MAKES, "makes a run of the parts"):
                made = self.make(parts)
                for part in made.unusable:
                    part.rounds = []
                missing = len(made.missing(self.asked))
                if self.now or not made.unusable or not missing or missing >= before:
                    return self.report(made)
            before = missing
            for problem in made.problems:
                self.say(problem)
            parts = self.settle()

    def make(self, parts: list[Part]) -> Collected:
        """Raises Unusable."""

        def show(done: int, of: int) -> None:
            self.progress.show(f"fleet: collecting: {done} of {plural(of, 'part')}")

        work = str(self.fleet["work"])
        try:
            if work in SAMPLES:
                made = collect(self.folder, parts, self.asked, show)
            else:
                made = verdicts.collect(self.folder, parts, self.fleet, self.asked, show)
        except OSError as problem:
            kept = "all parts are kept: mend that, and collect again"
            raise Unusable(
                f"{problem.filename or self.folder}: {problem.strerror}; {kept}"
            ) from problem
        self.progress.clear()
        return made

    def judge(self, made: Collected) -> int:
        """Of the gate. Returns the exit code of its verdict."""
        classes = list(made.classes)
        terminal = sys.stdout.isatty()
        said: list[str]
        code: int
        said, code = of_the_gate().judge_all(self.folder, self.fleet, classes, made.files, terminal)
        for of in said:
            print(f"\n{of}")
        return code

    def show_apart(self, made: Collected) -> int:
        """A panel for each class of machines, in the folder of the fleet. Returns an exit code."""
        by = APART_BY.get(self.fleet["work"], [PAGE])
        needed = len(made.files) > 1 and not self.bare
        return max((shown(words, self.folder) for words in by if needed), default=0)

    def report(self, made: Collected) -> int:
        missing = made.missing(self.asked)
        whole = self.asked.repetitions - len(missing)
        later = verdict = 0
        failed_tasks = self.unexplained(missing)
        work = self.fleet["work"]
        said = f"{whole} of {self.asked.repetitions} rounds, {plural(made.samples, COUNTED[work])}"
        said += f", {plural(made.failed, BAD[work]) if work in BAD else f'{made.failed} failed'}"
        print(said + f"; {plural(len(failed_tasks), 'task')} failed" * bool(failed_tasks))
        for node in self.refusals():
            print(f"{node.what}: {printable('; '.join(node.reasons))}")
        for line in failures.told(failed_tasks):
            print(line)
        for problem in made.problems:
            print(printable(problem))
        for of in made.classes:
            nodes = ", ".join(f"{n} ({of.nodes[n].rounds})" for n in sorted(of.nodes))
            print(f"{of.name}: {plural(len(of.rounds), 'round')} on {nodes}: {made.files[of.name]}")
            for node, factor in of.slow_nodes().items():
                print(
                    f"{node} takes {factor:.1f} times what others of {of.name} take: is it busy or sick?"
                )
        if len(made.classes) > 1:
            print("Machines differ, so their samples are kept apart:")
            print("\n".join(f"  {printable(x)}" for x in made.classes.differences()))
            print("\n".join(machines.table(made.classes) if self.fleet["work"] == "run" else []))
        if self.fleet["work"] == "gate":
            verdict = self.judge(made)
        sys.stdout.flush()
        for folder in made.files.values() if not self.bare else ():
            for words in SHOWN_BY[self.fleet["work"]]:
                later = shown(words, folder) or later
        later = self.show_apart(made) or later
        if missing:
            print(f"missing: {named(self.fleet, missing)}; logs of the tasks: {self.folder}/logs")
            if self.exchange:
                print(
                    f"The nodes keep what they have: {self.go_on}, or DO=cancel, which removes it"
                )
        elif self.exchange:
            for left in self.exchange.remaining() if self.now else self.exchange.remove():
                print(printable(left))
            self.progress.clear()
        failed = made.failed and self.fleet["work"] != "gate"  # which has judged them
        return verdict or (FINDING if missing or failed else later)


def status(fleet: Fleet) -> int:
    tasks = slurm.waiting(fleet.name)
    parts = fleet.reader.look(not tasks)
    print(fleet.line(len(fleet.whole(parts)), tasks).removeprefix("fleet: "))
    for task in tasks:
        print(f"  {task.task} {task.state} {task.node or task.reason}")
    for refused in refusals(fleet.folder):
        print(f"  {refused.what}: {printable('; '.join(refused.reasons))}")
    if fleet.exchange and any(unshared.is_held(t, True) for t in tasks):
        print(f"tasks are held until somebody sends their bundle: {fleet.go_on}")
    missing = fleet.missing(parts)
    for line in failures.told(fleet.unexplained(missing)) if not tasks else ():
        print(f"  {line}")
    if (fleet.folder / CANCELLED).exists():
        print("cancelled; what is finished stays")
    if missing and not tasks:
        lost = named(fleet.fleet, missing)
        print(f"no task is left, and {lost} are missing: collect submits them anew")
    return 0


def cancel(fleet: Fleet) -> int:
    """Who waits for the tasks submits none anew. Of nodes that share no folder, what is finished comes back, and their folders
    go."""
    mark = fleet.folder / CANCELLED
    mark.touch()
    try:
        tasks = slurm.waiting(fleet.name)
        slurm.cancel(fleet.name)
    except slurm.Trouble:
        mark.unlink(missing_ok=True)
        raise
    if fleet.exchange:
        slurm.cancel(unshared.parts_job(fleet.fleet))
        with fleet.after_others(locks.WAITS, "brings back the parts"):
            fleet.wait()
            for left in fleet.exchange.remove(fleet.exchange.kept):
                print(printable(left))
        fleet.progress.clear()
    of = ", ".join(f"task {t.task}" + f" on {t.node}" * bool(t.node) for t in tasks)
    print(f"cancelled: {of or 'no task was left'}")
    print(f"{fleet.so_far(fleet.reader.look(True))}; to go on: {fleet.go_on}")
    return 0


def prepare(options: argparse.Namespace) -> Path:
    driver = options.driver.absolute()
    if options.cpus and options.work != "gate":
        raise Refusal("--cpus is for --work gate: its default rows follow the number of CPUs")
    if options.work in RUNS and not options.unshared:
        tries.refuse_path(options.out)
    if options.work == "try" and not options.rounds:
        return tries.prepare(options.out, driver, options.words)
    if options.work == "programs" and not options.rounds:
        from fleet import catalogue  # loads what shows programs, too

        return catalogue.prepare(
            options.out, driver, options.words, lambda said: complain(f"fleet: {said}")
        )
    if options.work != "gate":
        return asking.prepare(options.out, driver, options.work, options.words, options.rounds)
    if options.rounds:
        raise Refusal("--rounds is for --work check; the gate takes --first and --blocks")
    gates = of_the_gate()
    cpus = gates.cpus_of(options.words, driver, options.cpus, options.sbatch)
    if cpus:
        complain(f"fleet: rows for nodes of {plural(cpus, 'usable CPU')}; others do no work")
    made: Path = gates.prepare(options.out, driver, options.words, cpus)
    return made


def submit(options: argparse.Namespace) -> int:
    if not options.driver.is_file():
        raise Refusal(f"there is no {options.driver}; build it with make")
    slurm.command("sbatch", "--version")  # before anything is made
    folder = prepare(options)
    fleet_ = asking.load(folder)
    batch = options.batch or fleet_.get("period", 1)
    how = {"batch": batch, "at_once": options.at_once or 0, "options": options.sbatch}
    own = {"unshared": str(options.unshared)} if options.unshared else {}
    save(folder / asking.FILE, {**fleet_, "how": how, **own})
    with closing(Fleet(folder, options.bare)) as fleet:
        rounds = list(range(fleet.asked.repetitions))
        print(folder, flush=True)
        hold = bool(fleet.exchange) and not options.collect
        with fleet.waits_alone():
            try:
                fleet.submit(rounds, batch, options.at_once or 0, options.sbatch, hold)
            except slurm.Trouble:
                fleet.say(fleet.kept)
                raise
            if hold:
                fleet.say(f"the tasks are held until somebody sends their bundle: {fleet.go_on}")
            return fleet.finish(fleet.settle()) if options.collect else 0


def main() -> int:
    options = cli.parser().parse_args()
    try:
        if options.do == "submit":
            return submit(options)
        with closing(Fleet(options.folder, getattr(options, "bare", True))) as fleet:
            if options.do == "status":
                return status(fleet)
            if options.do == "cancel":
                return cancel(fleet)
            fleet.now, fleet.other = options.now, options.sbatch
            if options.now:
                return fleet.finish(fleet.reader.look(True))
            with fleet.waits_alone():
                (fleet.folder / CANCELLED).unlink(missing_ok=True)
                return fleet.finish(fleet.settle())
    except (Refusal, slurm.Trouble, Lacking) as problem:
        complain(f"fleet: {printable(str(problem))}")
        return WRONG_USE


if __name__ == "__main__":
    sys.argv[0] = "fleet"  # what errors begin with
    run(main)
