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
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Sequence

from bench_results import plural
from program import ends_with_this

SECONDS = 120.0  # that a command may take
END_SECONDS = 10.0  # that it may take to end, when it is asked to
NO_CLUSTER = (
    "; a fleet needs a cluster: run this on one of its nodes. make bench measures one machine"
)


class Trouble(Exception):
    """A command failed; its own words say why."""


class NoCluster(Trouble):
    """Slurm is not here. To ask again would be in vain."""


class NoAnswer(Trouble):
    """It took too long. What was asked for may be done all the same."""


@dataclass(frozen=True)
class Waiting:
    """A task of an array, or the rest of one, that Slurm still has."""

    task: str
    state: str  # PENDING, RUNNING, COMPLETING and others
    node: str
    reason: str
    job: str  # its own number, not that of the array: sbcast takes one by array and task for the rest of the array


def must_be_here(program: str) -> None:
    if not shutil.which(program):
        raise NoCluster(
            f"there is no {program} here: install Slurm's commands, or use a login node of the cluster"
        )


def command(*words: str) -> str:
    must_be_here(words[0])
    try:
        done = subprocess.run(
            words, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=SECONDS
        )
    except subprocess.TimeoutExpired as problem:
        raise NoAnswer(f"{words[0]} does not answer after {SECONDS:g} s") from problem
    if done.returncode:
        said = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        # Slurm's commands are installed, but no cluster is configured here.
        alone = "configuration source" in done.stderr
        why = said[-1].removeprefix(f"{words[0]}: ")
        kind = NoAnswer if "timed out" in why else Trouble
        raise (NoCluster if alone else kind)(f"{words[0]}: {why}{NO_CLUSTER if alone else ''}")
    return done.stdout


def attended(words: Sequence[str], out: Path, limit: float, over: threading.Event) -> None:
    """Runs a command that waits for a node; what it prints goes to the file. It is asked to end after so many seconds, or when
    it is all over: srun then takes its job out of the queue. Raises Trouble and OSError."""
    must_be_here(words[0])
    end = time.monotonic() + limit
    with open(out, "wb") as to, tempfile.TemporaryFile() as said:
        child = subprocess.Popen(
            [*ends_with_this(), *words], stdin=subprocess.DEVNULL, stdout=to, stderr=said
        )
        try:
            while child.poll() is None:
                if over.wait(0.05):
                    raise Trouble(f"{words[0]} was interrupted")
                if time.monotonic() > end:
                    raise NoAnswer(f"{words[0]} has no end after {limit:g} s")
        finally:
            if child.poll() is None:
                child.terminate()
                try:
                    child.wait(END_SECONDS)
                except subprocess.TimeoutExpired:
                    child.kill()
                    child.wait()
        if child.returncode:
            said.seek(0)
            lines = said.read().decode(errors="replace").strip().splitlines()
            why = lines[-1] if lines else f"exit code {child.returncode}"
            raise Trouble(f"{words[0]}: {why.removeprefix(f'{words[0]}: ')}")


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
    try:
        said = command(*words, *options, *script)
    except Trouble as problem:
        if "job array specification" not in str(problem):
            raise
        more = "no job of this cluster may have so many (MaxArraySize): give a larger BATCH"
        raise Trouble(f"{problem}; {plural(tasks, 'task')}: {more}") from problem
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


def release(task: str) -> None:
    """A task that is held, or those of an array."""
    command("scontrol", "release", task)


def broadcast(job: str, file: Path, to: str, over: threading.Event) -> None:
    """Copies the file to the node of a task that runs."""
    words = ["sbcast", f"--jobid={job}", "--force", str(file), to]
    attended(words, Path(os.devnull), SECONDS, over)


def is_up(node: str) -> bool:
    """Whether Slurm can start something there, now or later."""
    state = command("sinfo", "--noheader", "--Node", f"--nodes={node}", "--format=%T").split()
    return (
        bool(state)
        and not re.match("down|drain|fail|unknown|power", state[0])
        and "*" not in state[0]
    )


def on_node(
    node: str,
    words: Sequence[str],
    out: Path,
    name: str,
    options: Sequence[str],
    limit: float,
    over: threading.Event,
) -> None:
    """Runs a command there, as a job of this name; what it prints goes to the file. `options`: of sbatch, of the tasks. Raises
    NoAnswer, if the node is not free after so many seconds."""
    srun = ["srun", "--quiet", f"--job-name={name}", f"--nodelist={node}", "--nodes=1"]
    srun += ["--ntasks=1", "--chdir=/", *for_srun(options), *words]
    attended(srun, out, limit, over)


# Options of sbatch that say where a job may run and who pays: the short one, and the variable that stands for it.
WHERE = {
    "partition": ("-p", "SBATCH_PARTITION"),
    "account": ("-A", "SBATCH_ACCOUNT"),
    "qos": ("-q", "SBATCH_QOS"),
    "reservation": ("--reservation", "SBATCH_RESERVATION"),
    "time": ("-t", "SBATCH_TIMELIMIT"),
    "nodelist": ("-w", ""),
}


def given(options: Sequence[str]) -> dict[str, str]:
    """What these options of sbatch say of WHERE; "": nothing."""
    made = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    for name, (short, variable) in WHERE.items():
        flags = {short, f"--{name}"}
        made.add_argument(*sorted(flags), dest=name, default=os.environ.get(variable, ""))
    try:
        found, _ = made.parse_known_args(list(options))
    except argparse.ArgumentError as problem:  # an option without its value
        raise Trouble(f"options of sbatch: {problem}") from problem
    return dict(vars(found))


def for_srun(options: Sequence[str]) -> list[str]:
    """Else srun would ask for the default partition and account. The node is another matter."""
    return [f"--{n}={value}" for n, value in given(options).items() if value and n != "nodelist"]


def cpus_of_nodes(options: Sequence[str]) -> dict[str, int]:
    """As Slurm says, of each node where a job with these options of sbatch may run: of its partitions, or of the
    default one."""
    said = given(options)
    partition, nodes = said["partition"], said["nodelist"]
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
