"""Slurm's commands: a job array is submitted, asked about, and cancelled. No scheduler is built here.

Paths are arguments of their own, never part of a text that a shell or Slurm reads. Slurm expands % and \\ in the names
of output files, so the tasks open their logs themselves.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Sequence

SECONDS = 120.0  # that a command may take
NODE_SECONDS = 900.0  # that a node may take until it is free
NO_CLUSTER = (
    "; a fleet needs a cluster: run this on one of its nodes. make bench measures one machine"
)


class Trouble(Exception):
    """A command failed; its own words say why."""


@dataclass(frozen=True)
class Waiting:
    """A task of an array, or the rest of one, that Slurm still has."""

    task: str
    state: str  # PENDING, RUNNING, COMPLETING and others
    node: str
    reason: str
    job: str  # its own number, not that of the array: sbcast takes one by array and task for the rest of the array


def command(*words: str) -> str:
    if not shutil.which(words[0]):
        raise Trouble(
            f"there is no {words[0]} here: install Slurm's commands, or use a login node of the cluster"
        )
    try:
        done = subprocess.run(
            words, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=SECONDS
        )
    except subprocess.TimeoutExpired as problem:
        raise Trouble(f"{words[0]} does not answer after {SECONDS:g} s") from problem
    if done.returncode:
        said = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        # Slurm's commands are installed, but no cluster is configured here.
        alone = "configuration source" in done.stderr
        why = said[-1].removeprefix(f"{words[0]}: ")
        raise Trouble(f"{words[0]}: {why}{NO_CLUSTER if alone else ''}")
    return done.stdout


def submit(
    script: Sequence[str],
    tasks: int,
    name: str,
    at_once: int,
    without: Sequence[str],
    options: Sequence[str],
) -> str:
    """An array of so many tasks, `at_once` of them at a time (0: no limit), not on the nodes `without`. `script`: a file and
    its arguments. Returns the job's number. Whole nodes, for what is paired runs side by side on one.
    """
    limit = f"%{at_once}" if at_once else ""
    words = ["sbatch", "--parsable", "--requeue", "--exclusive", "--nodes=1", "--ntasks=1"]
    words += [f"--job-name={name}", f"--array=0-{tasks - 1}{limit}", "--chdir=/"]
    words += ["--output=/dev/null"]
    words += [f"--exclude={','.join(without)}"] * bool(without)
    said = command(*words, *options, *script)
    found = re.match(r"\d+", said)
    if not found:
        raise Trouble(f"sbatch said no number of a job, but '{said.strip()}'")
    return found[0]


def waiting(name: str) -> list[Waiting]:
    """Tasks of jobs of this name that are not over. A job that Slurm has forgotten has none."""
    shown = command("squeue", "--noheader", "--me", f"--name={name}", "--format=%i|%T|%N|%r|%A")
    lines = (line.split("|") for line in shown.splitlines() if line.strip())
    return [Waiting(*(x.strip() for x in (line + [""] * 5)[:5])) for line in lines]


def cancel(name: str) -> None:
    command("scancel", "--me", f"--name={name}")


def broadcast(job: str, file: Path, to: str) -> None:
    """Copies the file to the node of a task that runs."""
    command("sbcast", f"--jobid={job}", "--force", str(file), to)


def is_up(node: str) -> bool:
    """Whether Slurm can start something there, now or later."""
    state = command("sinfo", "--noheader", "--Node", f"--nodes={node}", "--format=%T").split()
    return (
        bool(state)
        and not re.match("down|drain|fail|unknown|power", state[0])
        and "*" not in state[0]
    )


def on_node(node: str, words: Sequence[str], out: Path) -> None:
    """Runs a command there; what it prints goes to the file. Waits until the node is free."""
    srun = ["srun", "--quiet", f"--nodelist={node}", "--nodes=1", "--ntasks=1", "--chdir=/", *words]
    try:
        with open(out, "wb") as to:
            done = subprocess.run(
                srun,
                stdin=subprocess.DEVNULL,
                stdout=to,
                stderr=subprocess.PIPE,
                timeout=NODE_SECONDS,
            )
    except subprocess.TimeoutExpired as problem:
        raise Trouble(f"{node} is not free after {NODE_SECONDS:g} s") from problem
    except FileNotFoundError as problem:
        raise Trouble(f"there is no {problem.filename} here: install Slurm's commands") from problem
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise Trouble(f"srun: {said[-1] if said else f'exit code {done.returncode}'}")


def where(options: Sequence[str]) -> tuple[str, str]:
    """Returns the partitions and the list of nodes that options of sbatch name; "": none."""
    made = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    made.add_argument("-p", "--partition", default=os.environ.get("SBATCH_PARTITION", ""))
    made.add_argument("-w", "--nodelist", default="")
    try:
        found, _ = made.parse_known_args(list(options))
    except argparse.ArgumentError as problem:  # an option without its value
        raise Trouble(f"options of sbatch: {problem}") from problem
    return found.partition, found.nodelist


def cpus_of_nodes(options: Sequence[str]) -> dict[str, int]:
    """As Slurm says, of each node where a job with these options of sbatch may run: of its partitions, or of the
    default one."""
    partition, nodes = where(options)
    words = [f"--partition={partition}"] * bool(partition) + [f"--nodes={nodes}"] * bool(nodes)
    shown = command("sinfo", "--noheader", "--Node", "--format=%P|%N|%c", *words)
    lines = [line.strip().split("|") for line in shown.splitlines() if line.strip()]
    usual = [line for line in lines if line[0].endswith("*")]  # of the default partition
    try:
        return {node: int(cpus) for _, node, cpus in (not partition and usual) or lines}
    except ValueError as problem:
        raise Trouble(f"sinfo said no CPUs of nodes, but '{shown.strip()[:200]}'") from problem


def most_usual(cpus: dict[str, int]) -> int:
    """What most nodes have; of two as usual, the smaller."""
    if not cpus:
        raise Trouble(
            "sinfo names no node where these tasks could run: give CPUS=n, or other options of sbatch"
        )
    counts = Counter(cpus.values())
    return min(counts, key=lambda n: (-counts[n], n))
