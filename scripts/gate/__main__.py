"""The program of the gate: `make gate`, scripts/gate.sh, build/spanbench gate."""

from __future__ import annotations

import argparse
import dataclasses
import datetime
import json
import math
import os
import re
import shlex
import shutil
import signal
import socket
import statistics
import sys
import time
import traceback
from pathlib import Path
from types import FrameType
from typing import Any, Callable, NoReturn, Optional

for _number in (signal.SIGINT, signal.SIGTERM):  # until run() has a say in it
    signal.signal(_number, signal.SIG_DFL)
sys.path[0] = str(Path(__file__).resolve().parent.parent)  # run as a folder, it is a package

try:
    from gate import accepted, base_and_head, campaign, deterministic, judge, rejudge, report
    from gate.driver import Driver, Progress, duration
    from gate.findings import SIGNALLED, WRONG_USE, Finding, Interrupted, Refusal
    from gate.findings import check_coverage, exit_code, verdict
    from gate.rejudge import NO_EXACT_TIER
    from gate.samples import Part
    from program import stop_writing
except (ImportError, MemoryError, OSError) as problem:
    lacks = "; run scripts/deps.sh gate" * isinstance(problem, ImportError)
    print(f"gate: {problem or 'not enough memory'}{lacks}", file=sys.stderr)
    sys.exit(2)

SCHEMA_VERSION = 1
FILE = "gate.json"
COPIES = ARMS, DESCRIBED = "arms", "described"  # of the libraries: in a run's folder, no results
NULL_RUN = "base and head are the same file: a null run"
BUSY = 0.05  # share of the CPUs that others may take before that is said
USAGE = """build/spanbench gate [OPTION ...]
       scripts/gate.sh               with BASE, HEAD, QUICK, TIER, WORKLOADS, THREADS, SEED, TIMEOUT
                                     and OUT from the environment, and ARGS="OPTION ..."
       make gate [VARIABLE=VALUE ...]          likewise; builds the harness before"""
EPILOG = """\
exit codes (make turns each but 0 into 2):
  0        no regression; what is undecided is said, and no error without --strict
  1        a regression
  2        wrong use or environment: refused, nothing was judged
  75       with --strict: undecided (inconclusive or void)
  128 + n  ended by signal n, nothing was judged

examples:
  build/spanbench gate                                  this tree's gomalloc against the main branch's
  build/spanbench gate --base v1.0 --quick
  build/spanbench gate --base ./old.so --head ./new.so --workloads small --threads 1
  build/spanbench gate --base mimalloc --head jemalloc
  build/spanbench gate --judge results/latest-gate      judge stored samples again
  make gate BASE=./old.so HEAD=./new.so QUICK=1 ARGS="--strict"
"""


def percentage(word: str) -> float:
    return float(word) / 100


def by_default(of: Callable[[judge.Settings], float]) -> str:
    """The default of a setting, and that of a quick run, if it has its own."""
    usual, quick = (f"{of(s):g}" for s in (judge.Settings(), judge.QUICK))
    return f"(default: {usual})" if quick == usual else f"(default: {usual}; with --quick: {quick})"


def refuse_what_would_be_ignored(options: argparse.Namespace) -> None:
    usual = vars(parser().parse_args([]))
    counts = ("judge", "strict", "accepted", "out", "driver")
    ignored = [k for k, v in vars(options).items() if k not in counts and v != usual[k]]
    if options.judge and ignored:
        named = ", ".join(f"--{name}" for name in ignored)
        raise Refusal(f"--judge takes the settings of the stored run: leave out {named}")


def what_is_compared(made: argparse.ArgumentParser) -> None:
    add = made.add_argument_group("what is compared").add_argument
    add(
        "--base",
        default="",
        metavar="WHAT",
        help="git ref, library file or adapter (default: the commit where this branch left the main one)",
    )
    add("--head", default="", metavar="WHAT", help="likewise (default: the gomalloc of this tree)")
    add(
        "--tier",
        choices=("exact", "timed", "all"),
        default="all",
        help="exact: deterministic counts at one thread; timed: time and memory, statistically; all: "
        "both (default: all)",
    )
    add(
        "--workloads",
        default="",
        metavar="NAMES",
        help="separated by commas or blanks (default: all)",
    )
    add(
        "--threads",
        default="",
        metavar="COUNTS",
        help="likewise (default: 1 and 2, as far as there are CPUs)",
    )
    add("--seed", type=int, default=1, metavar="N", help="of requests and order (default: 1)")


def how_long(made: argparse.ArgumentParser) -> None:
    add = made.add_argument_group("how long").add_argument
    add("--quick", action="store_true", help="large changes only must be found (default: no)")
    add(
        "--first",
        type=int,
        metavar="BLOCKS",
        help=f"of the first stage, over all rows {by_default(lambda s: s.first)}",
    )
    add(
        "--blocks",
        type=int,
        metavar="BLOCKS",
        help="of the second stage, over rows in doubt, at most "
        + by_default(lambda s: s.looks[-1]),
    )
    add(
        "--budget",
        type=float,
        metavar="SECONDS",
        help="after which no more blocks are added " + by_default(lambda s: s.budget_seconds),
    )
    add(
        "--timeout",
        type=float,
        default=60,
        metavar="SECONDS",
        help="of one sample (default: %(default)s)",
    )


def what_it_means(made: argparse.ArgumentParser) -> None:
    add = made.add_argument_group("verdict").add_argument
    add(
        "--margin",
        type=percentage,
        metavar="PERCENT",
        help="a change of time up to it is none " + by_default(lambda s: s.margin * 100),
    )
    add(
        "--target",
        type=percentage,
        metavar="PERCENT",
        help="a change that must not be missed, of time, and of memory if 5/3 of its margin is not more "
        + by_default(lambda s: s.target * 100),
    )
    add(
        "--strict",
        action="store_true",
        help="exit code 75 if anything is inconclusive or void (default: those are told, and exit code 0)",
    )
    add(
        "--accepted",
        type=Path,
        metavar="FILE",
        help="accepted regressions (default: results/accepted.json, if there is one)",
    )
    add(
        "--judge",
        type=Path,
        metavar="RUN",
        help="measure nothing: judge the samples of a stored run again, with its settings; of the other "
        "options, --strict and --accepted count (default: measure)",
    )


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="gate",
        usage=USAGE,
        description="Is one library worse than another, in time or memory? Compares HEAD with BASE.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    what_is_compared(made)
    how_long(made)
    what_it_means(made)
    output = made.add_argument_group("output")
    output.add_argument(
        "--out",
        type=Path,
        metavar="FOLDER",
        help="where the run gets a folder of its own (default: results)",
    )
    made.add_argument("--driver", type=Path, help=argparse.SUPPRESS)
    return made


def settings_of(options: argparse.Namespace) -> judge.Settings:
    made = judge.QUICK if options.quick else judge.Settings()
    if options.margin is not None:
        made = dataclasses.replace(made, margin=options.margin)
    if options.target is not None:
        made = dataclasses.replace(made, target=options.target)
    if options.first is not None:
        made = dataclasses.replace(made, first=options.first)
    if options.blocks is not None:
        looks = tuple(n for n in made.looks if n < options.blocks) + (options.blocks,)
        made = dataclasses.replace(made, looks=looks)
    if options.budget is not None:
        if not 0 < options.budget < math.inf:
            raise Refusal(f"--budget takes seconds, more than none, not {options.budget:g}")
        made = dataclasses.replace(made, budget_seconds=options.budget)
    return made


def words(text: str) -> list[str]:
    return list(dict.fromkeys(text.replace(",", " ").split()))


def thread_counts(text: str) -> list[int]:
    if not text:
        return [n for n in (1, 2) if n <= len(os.sched_getaffinity(0))]
    try:
        counts = [int(w) for w in words(text)]
    except ValueError:
        counts = []
    if not counts or min(counts) < 1:
        raise Refusal(f"--threads takes counts of threads, not '{text}'")
    return counts


def chosen_workloads(text: str, known: list[str]) -> list[str]:
    wanted = words(text)
    if text and not wanted:
        raise Refusal(f"--workloads takes names, not '{text}'; there are {', '.join(known)}")
    for w in wanted:
        if w not in known:
            raise Refusal(f"no workload '{w}'; there are {', '.join(known)}")
    return wanted or known


def write(file: Path, content: bytes) -> None:
    """All of it, or the file is as it was."""
    new = file.with_name(f".{file.name}.new")
    new.write_bytes(content)
    new.rename(file)


def plain(value: Any) -> Any:
    """For JSON, which has no infinity and no NaN."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    return value


def new_folder(parent: Path) -> Path:
    """<parent>/<UTC time>-<host>-gate"""
    if re.search(r"[\s:]", str(parent.resolve())):  # copies of the arms will lie there
        raise Refusal(
            f"--out {parent}: libraries cannot be preloaded from a path with blanks or colons (ld.so)"
        )
    parent.mkdir(parents=True, exist_ok=True)
    now = datetime.datetime.now(datetime.timezone.utc)
    for second in range(60):
        moment = (now + datetime.timedelta(seconds=second)).strftime("%Y%m%dT%H%M%SZ")
        folder = parent / f"{moment}-{socket.gethostname()}-gate"
        try:
            folder.mkdir()
            return folder.resolve()
        except FileExistsError:
            pass
    raise Refusal(f"{parent} has a run for each second of this minute")


def remove_if_nothing_was_measured(folder: Path) -> None:
    """A run that was refused at once has copies of the libraries and nothing else. Whatever other
    file there is, was measured or says why not."""
    copies = [folder / name for name in COPIES]
    files = (p for p in folder.rglob("*") if not p.is_dir() or p.is_symlink())
    if all(any(c in p.parents for c in copies) for p in files):
        shutil.rmtree(folder, ignore_errors=True)
        print(f"gate: nothing was measured, so {folder} is removed", file=sys.stderr)


@dataclasses.dataclass
class Result:
    """What is reported, whether it was measured now or before."""

    findings: list[Finding]
    numbers: list[dict[str, object]]
    parts: list[Part]
    facts: list[str]  # lines for people
    document: dict[str, Any]  # of gate.json, beside these


class Gate:
    """One run."""

    def __init__(self, options: argparse.Namespace, entries: list[accepted.Entry]) -> None:
        self.options = options
        self.entries = entries
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
            given["ARGS"] = " ".join(more + ["--strict"] * o.strict)
            return "make gate " + " ".join(f"{k}={shlex.quote(v)}" for k, v in given.items() if v)

        return command

    def measure(self, folder: Path) -> Result:
        o = self.options
        base = base_and_head.resolve(o.base or base_and_head.default_base(), self.cells)
        head = base_and_head.resolve(o.head, self.cells)
        both = base_and_head.Arms.of(base, head, folder / ARMS)
        settings = settings_of(o)
        drive = Driver(self.driver, folder, both.copy_into, o.timeout, Progress(sys.stderr))
        known = workloads_of(both, drive, folder / DESCRIBED)
        strangers = accepted.strangers(self.entries, known)
        names = chosen_workloads(o.workloads, known)
        if o.tier == "exact" and o.threads and thread_counts(o.threads) != [1]:
            raise Refusal(
                f"the exact tier counts one thread's work, not --threads {o.threads}: leave it out"
            )
        rows = [f"{w}/threads:{n}" for w in names for n in thread_counts(o.threads)]
        settings = settings.checked(len(rows))
        repeat = self.repeat(self.word(base), self.word(head))
        print(f"gate: base: {base.label}", file=sys.stderr)
        print(f"gate: head: {head.label}", file=sys.stderr)
        findings = self.exact(both, names, folder, repeat)
        asked: list[tuple[str, str]] = []
        result = Result(findings, [], [], [], {})
        done: Optional[campaign.Campaign] = None
        if o.tier != "exact":
            done = campaign.run(rows, settings, o.seed, drive, time.monotonic)
            timed, result.numbers = judge.findings(
                done.first, done.second, rows, done.failed, settings, repeat
            )
            asked = [(r, m.name) for r in rows for m in judge.METRICS]
            check_coverage(timed, asked)
            findings += timed
            result.parts = done.parts
        result.facts = self.facts(both, done) + strangers
        if self.left_out:
            result.facts.append(self.left_out)
        result.document = {
            "base": self.arm(base, both.sums["base"]),
            "head": self.arm(head, both.sums["head"]),
            "quick": o.quick,
            "seed": o.seed,
            "rows": rows,
            "settings": dataclasses.asdict(settings),
            "budget_spent": done.budget_spent if done else False,
        }
        return result

    def word(self, source: base_and_head.Source) -> str:
        """That names the source from the root of the project."""
        if source.word and Path(source.word).is_file() and Path.cwd() != base_and_head.ROOT:
            return str(Path(source.word).resolve())
        return source.word

    def arm(self, source: base_and_head.Source, checksum: str) -> dict[str, object]:
        return {"what": source.label, "again": source.word, "sha256": checksum}

    def exact(
        self, both: base_and_head.Arms, names: list[str], folder: Path, repeat: Callable[[str], str]
    ) -> list[Finding]:
        tier = self.options.tier
        if tier == "timed":
            return []
        if both.base.adapter:
            why = "it compares libraries, not adapters: give files, BASE=/path/liba.so HEAD=/path/libb.so"
            if tier == "exact":
                raise Refusal(why)
            self.left_out = NO_EXACT_TIER + why
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
                raise Refusal(f"the gate is broken: the exact tier did not compare {name}")
        return found

    def facts(self, both: base_and_head.Arms, done: Optional[campaign.Campaign]) -> list[str]:
        said = [f"base: {both.base.label}", f"head: {both.head.label}"]
        if both.sums["base"] == both.sums["head"]:
            said.append(NULL_RUN)
        if done:
            said += campaign_facts(done)
        return said


def workloads_of(both: base_and_head.Arms, drive: Driver, folder: Path) -> list[str]:
    """Their names, as the driver describes the arms. Copies are not kept: of those that cannot be
    measured the source is named."""
    try:
        return both.check_descriptions(drive.describe(both.copy_into(folder)))
    except Refusal as problem:
        said = str(problem)
        for arm, of in (("base", both.base), ("head", both.head), ("twin", both.base)):
            said = said.replace(str(folder / both.file(arm).name), str(of.file))
        raise Refusal(said) from problem
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def campaign_facts(done: campaign.Campaign) -> list[str]:
    said = []
    settings = done.settings
    said.append(
        f"time: more than {report.percent(settings.margin, '')} slower is a regression, "
        f"{report.percent(settings.target, '')} must not be missed; {settings.first} blocks of all "
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
    if done.budget_spent:
        said.append(f"the budget of {duration(settings.budget_seconds)} ended the second stage")
    elif len(done.parts) > len(settings.looks):
        rows = sorted({s.row for s in done.second})
        if campaign.imprecise(done, rows):
            said.append(
                f"the second stage ended after its {settings.looks[-1]} blocks, and not all rows were "
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
    facts += [NULL_RUN] * (stored["base"]["sha256"] == stored["head"]["sha256"])
    facts += campaign_facts(again.done) if again.done.parts else []
    facts += [f for f in stored["facts"] if f.startswith(NO_EXACT_TIER)]
    return Result(findings, again.numbers, again.done.parts, facts, {})


def save(folder: Path, result: Result, options: argparse.Namespace, seconds: float) -> None:
    """gate.json and the files for CI systems. Done before a word of the verdict is said."""
    first = result.parts[0] if result.parts else None
    document = {
        "schema_version": SCHEMA_VERSION,
        "verdict": verdict(result.findings),
        "exit_code": exit_code(result.findings, options.strict),
        "strict": options.strict,
        "tier": options.tier,
        **result.document,
        "seconds": round(seconds, 1),
        "machine": first.machine if first else {},
        "environment": first.environment if first else {},
        "parts": [
            {
                "name": p.name,
                "file": os.path.relpath(p.file, folder),
                "others_cpu_share": p.others_cpu_share,
            }
            for p in result.parts
        ],
        "facts": result.facts,
        "findings": [dataclasses.asdict(f) for f in result.findings],
        "comparisons": result.numbers,
    }
    text = json.dumps(plain(document), indent=1, allow_nan=False) + "\n"
    write(folder / FILE, text.encode())
    write(
        folder / "gate.md", report.markdown(result.findings, options.strict, result.facts).encode()
    )
    write(folder / "gate.xml", report.junit(result.findings, options.strict))


def publish(folder: Path) -> None:
    """<parent>/latest-gate is the newest run that came to a verdict."""
    link = folder.parent / "latest-gate"
    new = folder.parent / f".latest-gate.{os.getpid()}"
    new.symlink_to(folder.name)
    new.rename(link)


def say(result: Result, strict: bool) -> None:
    try:
        print(report.text(result.findings, strict, result.facts, sys.stdout.isatty()))
        if os.environ.get("GITHUB_ACTIONS"):
            print("".join(f"{line}\n" for line in report.github(result.findings)), end="")
        sys.stdout.flush()
    except BrokenPipeError:  # who reads has seen enough; the verdict is the exit code's
        stop_writing()


def main() -> int:
    options = parser().parse_args()
    refuse_what_would_be_ignored(options)
    accepted_file = options.accepted or base_and_head.ROOT / "results" / "accepted.json"
    if options.accepted and not options.accepted.is_file():
        raise Refusal(f"there is no {options.accepted}")
    gate = Gate(options, accepted.load(accepted_file))
    folder: Optional[Path] = None
    if options.judge:
        result = judge_again(gate, options.judge)
    else:
        folder = new_folder(options.out or base_and_head.ROOT / "results")
        print(f"gate: {folder}", file=sys.stderr)
        try:
            result = gate.measure(folder)
        except BaseException:
            remove_if_nothing_was_measured(folder)
            raise
    result.findings, said = accepted.apply(result.findings, gate.entries, datetime.date.today())
    result.facts += said
    code = exit_code(result.findings, options.strict)
    seconds = time.monotonic() - gate.began
    if folder:
        save(folder, result, options, seconds)
        summary = os.environ.get("GITHUB_STEP_SUMMARY")
        if summary:
            with open(summary, "a", encoding="utf-8") as to:
                to.write(report.markdown(result.findings, options.strict, result.facts))
        publish(folder)
        result.facts.append(f"data: {folder}/{FILE}; {duration(seconds)}")
    say(result, options.strict)
    return code


def interrupt(number: int, _: Optional[FrameType]) -> NoReturn:
    raise Interrupted(number)


def end(said: str) -> int:
    """Refused. Whether that can be said or not, it is neither a pass nor a regression."""
    try:
        print(f"gate: {said}", file=sys.stderr, flush=True)
    except (OSError, AttributeError):
        pass
    return WRONG_USE


def run() -> int:
    """Whatever happens, only a verdict gives the exit code of one."""
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM):
        signal.signal(number, interrupt)
    try:
        if sys.stdout is None:
            raise Refusal("standard output is closed")
        return main()
    except Interrupted as signalled:
        end(str(signalled))
        return SIGNALLED + signalled.number
    except Refusal as problem:
        return end(f"REFUSED, nothing was judged: {problem}")
    except OSError as error:
        what = f"{error.filename}: " if error.filename else ""
        return end(f"REFUSED, nothing was judged: {what}{error.strerror}")
    except MemoryError:
        return end("REFUSED, nothing was judged: not enough memory")
    except Exception:  # a fault of the gate's own is neither a pass nor a regression
        return end(f"{traceback.format_exc()}gate: REFUSED: the gate itself is broken")


if __name__ == "__main__":
    sys.exit(run())
