"""The command line of the gate: its options, and what they mean for a run."""

from __future__ import annotations

import argparse
import dataclasses
import math
from pathlib import Path
from typing import Callable

from gate import judge
from gate.findings import Refusal

DAY = 86400  # seconds: the longest limit that the driver takes
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


def seed(word: str) -> int:
    """Each measurement makes one of its own of it, with two more digits, which the driver must take."""
    most = (2**63 - 1) // 100 - 1
    if not (word.isascii() and word.isdigit() and int(word) <= most):
        raise argparse.ArgumentTypeError(f"a whole number from 0 to {most}, not '{word}'")
    return int(word)


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
        help="or groups, separated by commas or blanks (default: the core, and what shows a kind of regression "
        "that the core does not; with --quick, that by counts alone)",
    )
    add(
        "--threads",
        default="",
        metavar="COUNTS",
        help="likewise (default: 1 and 2, as far as there are CPUs, or what is nearest of what the workload "
        "takes)",
    )
    add("--seed", type=seed, default=1, metavar="N", help="of requests and order (default: 1)")


def how_long(made: argparse.ArgumentParser) -> None:
    add = made.add_argument_group("how long").add_argument
    add("--quick", action="store_true", help="large changes only must be found (default: no)")
    add(
        "--first",
        type=int,
        metavar="ROUNDS",
        help=f"of the first stage, over all rows {by_default(lambda s: s.first)}",
    )
    add(
        "--blocks",
        type=int,
        metavar="ROUNDS",
        help="of the second stage, over rows in doubt, at most "
        + by_default(lambda s: s.looks[-1]),
    )
    add(
        "--budget",
        type=float,
        metavar="SECONDS",
        help="after which no more rounds are added " + by_default(lambda s: s.budget_seconds),
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


def refuse_what_cannot_be(options: argparse.Namespace) -> None:
    """Before anything is built or made."""
    settings_of(options)
    if not 0 < options.timeout <= DAY:
        raise Refusal(
            f"--timeout takes seconds, more than 0 and at most {DAY}, not '{options.timeout:g}'"
        )
    counts = thread_counts(options.threads)
    if options.tier == "exact" and options.threads and counts != [1]:
        raise Refusal(
            f"the counts are of one thread's work, not --threads {options.threads}: leave it out"
        )


def words(text: str) -> list[str]:
    return list(dict.fromkeys(text.replace(",", " ").split()))


def thread_counts(text: str) -> list[int]:
    """None: the user named none."""
    if not text:
        return []
    try:
        counts = [int(w) for w in words(text)]
    except ValueError:
        counts = []
    if not counts or min(counts) < 1:
        raise Refusal(f"--threads takes counts of threads, not '{text}'")
    return counts


def workloads(text: str) -> list[str]:
    """Names of workloads, or groups. None: the user named none."""
    if text and not words(text):
        raise Refusal(f"--workloads takes names, not '{text}'")
    return words(text)
