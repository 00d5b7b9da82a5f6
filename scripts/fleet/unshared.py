"""A fleet whose nodes share no folder with the submitter. The bundle goes to a folder of each node by sbcast, as soon as a task
runs there. Parts lie in that folder, and srun brings them back when the tasks are over.

So the folder of the fleet is the submitter's alone. A task waits for its bundle, which whoever collects sends. If none comes, the
task goes back into the queue, held: so it takes no node's time, and says that it has no bundle.
"""

from __future__ import annotations

import errno
import os
import shlex
import shutil
import tarfile
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path, PurePosixPath
from typing import Any, Callable, Collection, Iterable

from bench_results import Unusable
from fleet import slurm
from fleet.bundle import RUN
from fleet.task import digest

# A task waits so long for its bundle.
WAIT_SECONDS = 120
# Parts are awaited so long; then the node is asked again whether it is up. To remove them, less is waited.
FREE_SECONDS = 900.0
REMOVE_SECONDS = 120.0
# So many nodes are read at once, and so many are sent to.
AT_ONCE = 16
SENDERS = 64
# After so many failures, it is said that a node gets no bundle.
PATIENCE = 5
# Where Slurm fails, parts are asked for so often, with a pause (seconds) in between.
TRIES, PAUSE = 3, 10.0
# What an archive of a node raises that is none.
SPOILED = (tarfile.TarError, ValueError, ArithmeticError)
# A disk with less (bytes) is full.
ROOM = 1 << 20

BACK = ("parts", "nodes", "logs")  # what comes back
# Of the fleet: a file for each submission and node where a task of it ran. It says so, if the bundle is there.
PLACES = "places"
SENT = "sent"
BUSY = "busy"

# Of a node's folder, for the shell: it is one, no link to one, and this user's. In /tmp, another may have made it first.
IS_MINE = '[ "$(find "$place" -prune -type d -user "$(id -u)")" ]'

# Its arguments: what the name of the folder on the nodes begins with, the number of the submission, and the archive's digest.
SCRIPT = f"""\
#!/bin/sh
umask 022
place=$1.$SLURMD_NODENAME
log=$place/logs/$2.$SLURM_ARRAY_TASK_ID.log
left=${{FLEET_BUNDLE_SECONDS:-{WAIT_SECONDS}}}
leave() {{ # nothing, if nothing was measured here
  [ -e "$place/bundle" ] || [ -n "$(ls -A "$place/parts")" ] || ! {IS_MINE} || rm -rf "$place"
  exit 2
}}
trap leave TERM
mkdir -p "${{place%/*}}"
mkdir -m 711 "$place" # a task before this one may have made it. Programs that do not run as root load libraries from there
if ! {{ {IS_MINE} && mkdir -p "$place/logs" "$place/parts" "$place/nodes" && true >>"$log"; }}; then
  sleep "$left" # meanwhile whoever collects cannot send the bundle, and says why
  exit 2
fi
exec >>"$log" 2>&1
echo "task: on $SLURMD_NODENAME, attempt ${{SLURM_RESTART_COUNT:-0}}"
while [ ! -e "$place/$3.there" ]; do
  if [ -e "$place/$3.tar" ] && echo "$3  $place/$3.tar" | sha256sum --check --status; then
    tar -x -f "$place/$3.tar" -C "$place" || exit 2
    : >"$place/$3.there"
  elif [ $((left -= 1)) -lt 0 ]; then
    echo "task: no bundle came: make fleet DO=collect sends it" >&2
    trap '' TERM
    [ "${{SLURM_RESTART_COUNT:-0}}" -lt 2 ] || exit 2
    scontrol requeuehold "${{SLURM_ARRAY_JOB_ID}}_$SLURM_ARRAY_TASK_ID" || exit 2
    leave
  else
    sleep 1
  fi
done
trap - TERM
rm -f "$place/$3.tar"
{RUN}"""


def prefix(asked: Any) -> str:
    return f"{asked['unshared']}/{asked['name']}.fleet"


def place(asked: Any, node: str) -> str:
    return f"{prefix(asked)}.{node}"


def parts_job(asked: Any) -> str:
    """The name of the jobs that read the nodes."""
    return f"{asked['name']}.parts"


def archive(folder: Path, submission: int) -> Path:
    return folder / "jobs" / f"{submission}.tar"


def pack(folder: Path, asked: Any, submission: int) -> list[str]:
    """Writes the archive for a submission. Returns the script of its tasks, and their words."""
    script = folder / "jobs" / "unshared.sh"
    script.write_text(SCRIPT, encoding="utf-8")
    made = archive(folder, submission)
    with tarfile.open(made, "w") as tar:
        for name in ("fleet.json", "bundle", f"jobs/{submission}.json"):
            tar.add(folder / name, name)
    return [str(script), prefix(asked), str(submission), digest(made)]


def drop_archives(folder: Path) -> None:
    """When no task is left that could want one."""
    for made in (folder / "jobs").glob("[0-9]*.tar"):
        made.unlink(missing_ok=True)


def known(folder: Path) -> list[str]:
    """The nodes that may have a folder of this fleet."""
    return sorted({p.name.partition(".")[2] for p in (folder / PLACES).glob("[0-9]*")})


def has_bundle(mark: Path) -> bool:
    return mark.exists() and mark.read_text(encoding="utf-8") == SENT


def submissions_of(task: slurm.Waiting, submissions: Iterable[tuple[int, Any]]) -> list[int]:
    """The submission that a task is of. Of a job that nobody noted, for the submitter died or Slurm was late: each that has no
    job. Their archives have names of their own, so a node may get several."""
    all_of = list(submissions)
    job = task.task.partition("_")[0]
    own = [n for n, s in all_of if str(s["job"]) == job]
    return own or [n for n, s in all_of if s["job"] is None]


def name_here(member: str, node: str) -> PurePosixPath | None:
    """An attempt of one node has another name than that of another. None: it is none of a fleet's files."""
    parts = PurePosixPath(member).parts
    if len(parts) < 2 or parts[0] not in BACK or ".." in parts:
        return None
    if parts[0] == "parts" and len(parts) > 2:
        parts = (*parts[:2], f"{parts[2]}-{node}", *parts[3:])
    if parts[0] == "logs":
        parts = (parts[0], f"{node}.{parts[1]}", *parts[2:])
    return PurePosixPath(*parts)


def unpack(file: Path, folder: Path, node: str, clock: float) -> None:
    """`clock`: by how much the node's is ahead of this one. Files get the time that this one had. Raises
    tarfile.TarError, OSError and, for a time that none can be, ArithmeticError or ValueError."""
    with tarfile.open(file) as tar:
        for member in tar:
            name = name_here(member.name, node)
            if name is None or not member.isreg():
                continue
            made = folder / name
            made.parent.mkdir(parents=True, exist_ok=True)
            source = tar.extractfile(member)
            assert source
            half = made.with_name(f".{made.name}.new")
            try:
                with source, open(half, "wb") as to:
                    shutil.copyfileobj(source, to)
                os.utime(half, (member.mtime - clock, member.mtime - clock))
                os.replace(half, made)
            finally:
                half.unlink(missing_ok=True)


def clock_of(file: Path, now: float) -> float:
    """By how much the clock of a node is ahead; 0, if it hardly is. It printed the time behind the archive: how long the
    transfer took does not count. Raises ValueError."""
    with open(file, "rb") as archive_:
        archive_.seek(-min(64, file.stat().st_size), os.SEEK_END)
        clock = float(archive_.read().rpartition(b"\n")[2]) - now
    return clock if abs(clock) > 60 else 0.0


class Exchange:
    """With the nodes, several at a time. `say` tells the user something, `show` what is waited for."""

    def __init__(
        self, folder: Path, asked: Any, say: Callable[[str], None], show: Callable[[str], None]
    ) -> None:
        self.folder = folder
        self.asked = asked
        self.say = say
        self.show = show
        self.options: list[str] = []  # of sbatch, of the last submission
        self.over = threading.Event()  # nobody waits for anything any more
        self.senders = ThreadPoolExecutor(SENDERS)
        # By the names of marks.
        self.sending: dict[str, Future[None]] = {}
        # It says of a node how often it failed, and why.
        self.unsent: dict[str, tuple[int, str]] = {}
        # It says of a task on which node it was seen last.
        self.ran: dict[str, str] = {}
        # Nodes whose parts could not be had. Those of them that are up.
        self.kept: set[str] = set()
        self.refused: set[str] = set()
        self.begun = False

    def close(self) -> None:
        """What is under way is asked to end."""
        self.over.set()
        self.senders.shutdown()

    def feed(self, submissions: Iterable[tuple[int, Any]], tasks: Iterable[slurm.Waiting]) -> None:
        """Sends its bundle to each node that runs a task and has none, and waits for nothing. A task that has just begun may
        not have made the folder yet. What is held since it has no bundle goes on."""
        submitted = list(submissions)
        (self.folder / PLACES).mkdir(exist_ok=True)
        self.take_answers()
        for task in tasks:
            numbers = submissions_of(task, submitted)
            if is_held(task, not self.begun):
                self.release(task, numbers)
            if task.state != "RUNNING" or not task.node:
                continue
            self.ran[task.task] = task.node
            for number in numbers:
                mark = self.folder / PLACES / f"{number}.{task.node}"
                if mark.name not in self.sending and not has_bundle(mark):
                    mark.touch()
                    at = self.senders.submit(self.send, task.job, number, task.node)
                    self.sending[mark.name] = at
        self.begun = True

    def send(self, job: str, number: int, node: str) -> None:
        source = archive(self.folder, number)
        to = f"{place(self.asked, node)}/{digest(source)}.tar"
        slurm.broadcast(job, source, to, self.over)
        (self.folder / PLACES / f"{number}.{node}").write_text(SENT, encoding="utf-8")

    def take_answers(self) -> None:
        for name in [n for n, at in self.sending.items() if at.done()]:
            node = name.partition(".")[2]
            try:
                self.sending.pop(name).result()
                self.unsent.pop(node, None)
            except (slurm.Trouble, OSError) as problem:
                count = self.unsent.get(node, (0, ""))[0] + 1
                self.unsent[node] = (count, str(problem))
                if count == PATIENCE:
                    self.say(f"{node} gets no bundle: {problem}; trying again")

    def without_bundle(self) -> dict[str, str]:
        """Nodes that get none, and why."""
        return {node: why for node, (count, why) in self.unsent.items() if count >= PATIENCE}

    def release(self, task: slurm.Waiting, numbers: Iterable[int]) -> None:
        """If it was held since it has no bundle, its node has none, whatever the mark says: it may have been started anew."""
        node = self.ran.pop(task.task, "*")
        for number in numbers:
            for mark in (self.folder / PLACES).glob(f"{number}.{node}"):
                mark.write_text("")
        try:
            slurm.release(task.task.partition("_[")[0])
        except slurm.Trouble as problem:
            self.say(f"task {task.task} is held: {problem}")

    def on_node(self, node: str, words: list[str], out: Path, limit: float) -> None:
        name = parts_job(self.asked)
        slurm.on_node(node, words, out, name, self.options, limit, self.over)

    def at_all(self, nodes: Collection[str], do: Callable[[str], str], what: str) -> dict[str, str]:
        """Returns what it says of each."""
        with ThreadPoolExecutor(AT_ONCE) as pool:
            try:
                work = {pool.submit(do, node): node for node in nodes}
                left = set(work)
                while left:
                    _, left = wait(left, timeout=1)
                    self.show(f"{what}: {' '.join(sorted(work[at] for at in left)[:8])}")
                return {node: at.result() for at, node in work.items()}
            except BaseException:  # else the pool would wait for them
                self.over.set()
                pool.shutdown(cancel_futures=True)
                raise

    def fetch(self) -> None:
        """From all nodes, and says what cannot be had. What a busy node has is waited for: else it would be measured again."""
        left = known(self.folder)
        told: set[str] = set()
        self.kept, self.refused = set(), set()
        while left:
            said = self.at_all(left, self.fetch_from, "bringing parts back from")
            for node, why in said.items():
                if why and why != BUSY:
                    self.kept.add(node)
                    self.say(why)
            left = [node for node, why in said.items() if why == BUSY]
            for node in set(left) - told:
                self.say(f"{node} is not free: its parts are waited for")
            told.update(left)

    def fetch_from(self, node: str) -> str:
        """Brings back what the node has. Returns why that cannot be, or "". While Slurm does not answer, it is asked again."""
        for left in reversed(range(TRIES)):
            try:
                return self.fetch_once(node)
            except Unusable:  # a ValueError, too
                raise
            except (slurm.Trouble, *SPOILED) as problem:
                if not left or self.over.is_set():
                    self.refused.add(node)
                    return f"{node}: its parts are left there: {problem}"
                if left == TRIES - 1:
                    self.say(f"{node}: {problem}; asking again")
                self.over.wait(PAUSE)
        return ""

    def fetch_once(self, node: str) -> str:
        """Raises slurm.Trouble and what SPOILED has. Raises Unusable, if the disk here is full."""
        if not slurm.is_up(node):
            return f"{node} is down, or takes no more work: its parts are left there"
        where = place(self.asked, node)
        file = self.folder / PLACES / f".{node}.tar"
        script = f'place=$1; {IS_MINE} && cd "$place" || exit 0; tar -c {" ".join(BACK)} && printf "\\n%s" "$(date +%s)"'
        try:
            try:
                self.on_node(node, ["sh", "-c", script, "sh", where], file, FREE_SECONDS)
                if file.stat().st_size:
                    unpack(file, self.folder, node, clock_of(file, time.time()))
                elif any(map(has_bundle, (self.folder / PLACES).glob(f"[0-9]*.{node}"))):
                    wants = "UNSHARED wants a folder that stays when a job ends"
                    return f"{node} has no {where} any more: {wants}"
                return ""
            except slurm.NoAnswer:
                return BUSY
            except (slurm.Trouble, *SPOILED):
                if shutil.disk_usage(self.folder).free < ROOM:  # then that is why
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)) from None
                raise
        except OSError as problem:
            where = str(problem.filename or self.folder)
            kept = "all parts are kept on the nodes: mend that, and collect again"
            raise Unusable(f"{where}: {problem.strerror}; {kept}") from problem
        finally:
            file.unlink(missing_ok=True)

    @property
    def is_in_vain(self) -> bool:
        """No node gives its parts, though all are up. Then those of another submission would not come back either."""
        return bool(self.refused) and self.refused >= set(known(self.folder))

    def remaining(self) -> list[str]:
        mend = f"make fleet DO=cancel RUN={shlex.quote(str(self.folder))} removes it, if the node is up"
        nodes = known(self.folder)
        return [f"{node}: {place(self.asked, node)} is left there: {mend}" for node in nodes]

    def remove(self, but: Collection[str] = ()) -> list[str]:
        """The folders of the nodes. Returns those that are left."""

        def of(node: str) -> str:
            out = self.folder / PLACES / f".{node}.out"
            try:
                if slurm.is_up(node):
                    words = ["rm", "-rf", place(self.asked, node)]
                    self.on_node(node, words, out, REMOVE_SECONDS)
                    for mark in (self.folder / PLACES).glob(f"[0-9]*.{node}"):
                        mark.unlink()
            except slurm.Trouble:
                pass
            finally:
                out.unlink(missing_ok=True)
            return ""

        nodes = [node for node in known(self.folder) if node not in but]
        self.at_all(nodes, of, "removing what lies on")
        return self.remaining()


def is_held(task: slurm.Waiting, by_submitter: bool) -> bool:
    """A task waits for a bundle: it has put itself back, or was submitted so."""
    held = task.state == "PENDING" and "held" in task.reason.lower()
    return held and ("requeued in held" in task.reason or by_submitter)
