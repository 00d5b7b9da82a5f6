"""The command line of the fleet."""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path
from typing import NoReturn

from program import HOME, RESULTS, WRONG_USE, complain

EXAMPLES = """\
examples:
  make fleet QUICK=1 REPS=12 BATCH=2                 submits, waits, and shows the results
  make fleet DO=status RUN=results/…-fleet           rounds, tasks and nodes
  make fleet DO=collect RUN=results/…-fleet          goes on where a submitter died or was interrupted
  scripts/fleet/__main__.py submit --sbatch=--partition=big -- --quick --allocators mimalloc,system
exit code: 0 good; 1 a sample failed, rounds are missing, or the gate found a regression; 2 wrong use or environment, or
the gate could judge nothing; 75 the gate's --strict, and undecided; 128 + signal
"""
# Of make fleet, what stands for an option.
VARIABLES = {
    "--batch": "BATCH",
    "--at-once": "AT_ONCE",
    "--cpus": "CPUS",
    "--rounds": "REPS",
    "--unshared": "UNSHARED",
}


def count(text: str) -> int:
    number = int(text) if text.isascii() and text.isdigit() else 0
    if not 1 <= number <= 1000:
        raise argparse.ArgumentTypeError(f"a whole number from 1 to 1000, not '{text}'")
    return number


def folder_of_nodes(text: str) -> Path:
    if not re.fullmatch(r"(/(?!\.\.?(/|$))[\w.+-]+)+", text):
        raise argparse.ArgumentTypeError(
            f"the path of a folder that each node has, of letters, digits and ._+-, not '{text}'"
        )
    return Path(text)


def of_sbatch(parser_: argparse.ArgumentParser, what: str) -> None:
    parser_.add_argument("--sbatch", action="append", default=[], metavar="=OPTION", help=what)


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, in the words of make fleet, too."""

    def error(self, message: str) -> NoReturn:
        option, _, rest = message.removeprefix("argument ").partition(": ")
        if option in VARIABLES:
            message = f"{VARIABLES[option]} ({option}): {rest}"
        complain(f"fleet: {message}; {self.prog} --help")
        sys.exit(WRONG_USE)


def parser() -> argparse.ArgumentParser:
    made = Parser(
        prog="fleet",
        description="Measures on the nodes of a cluster, through Slurm: the rounds of one run, as a job array.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    of = made.add_subparsers(dest="do", required=True, metavar="submit|status|collect|cancel")
    submit = of.add_parser("submit", help="bundle what is needed, and submit", allow_abbrev=False)
    submit.add_argument(
        "--driver", type=Path, default=HOME / "build" / "spanbench", help="default: build/spanbench"
    )
    submit.add_argument(
        "--out", type=Path, default=RESULTS, help="a folder that all nodes see (default: results)"
    )
    submit.add_argument(
        "--batch",
        type=count,
        help="rounds of a task (default: 1; of the gate, one for its first stage and those that decide with it)",
    )
    submit.add_argument(
        "--work",
        choices=("run", "check", "harden", "gate", "try", "programs"),
        default="run",
        help="a command of the driver, the gate, or the catalogue of real programs (default: run)",
    )
    submit.add_argument(
        "--rounds",
        type=count,
        help="of --work check: all checks so many times, each with another seed (default: 1)",
    )
    submit.add_argument(
        "--cpus",
        type=count,
        help="of --work gate: that a node may use, for which the default rows are chosen (default: what Slurm says of most "
        "nodes)",
    )
    submit.add_argument("--at-once", type=count, help="so many tasks at a time (default: no limit)")
    of_sbatch(submit, "an option of sbatch, such as --sbatch=--time=30")
    submit.add_argument(
        "--unshared",
        type=folder_of_nodes,
        metavar="FOLDER",
        help="the nodes share no folder: the bundle goes by sbcast to this one of each, such as /tmp, and parts come back by "
        "srun (default: --out is shared)",
    )
    submit.add_argument("--collect", action="store_true", help="then wait, and collect")
    submit.add_argument(
        "words",
        nargs="*",
        metavar="-- OPTION",
        help="options of spanbench run, check, harden, gate or try, after --; of try, a program after another --; of "
        "programs, those of try, --programs=NAMES and --quick",
    )
    bare = "no plots, page, answer and table of the results"
    submit.add_argument("--bare", action="store_true", help=f"with --collect: {bare}")
    for name, help_ in (
        ("status", "what is done, what runs, and where"),
        ("collect", "wait for all tasks, submit what got lost, and make one run of the parts"),
        ("cancel", "cancel the tasks; what is finished stays, and collect --now makes a run of it"),
    ):
        one = of.add_parser(name, help=help_, allow_abbrev=False)
        one.add_argument("folder", type=Path, help="of the fleet, as submit printed it")
        if name == "collect":
            one.add_argument("--bare", action="store_true", help=bare)
            of_sbatch(one, "of what is submitted anew, in place of the options of before")
            one.add_argument(
                "--now",
                action="store_true",
                help="of what is there: wait for nothing, submit nothing",
            )
    return made
