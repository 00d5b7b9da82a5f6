#!/usr/bin/python3
"""A Slurm of three nodes on this machine, for the tests, and to try a fleet: started in a folder, and stopped.

usage: cluster.py [COMMAND [ARGUMENT…]]    runs the command with this Slurm (default: a shell, $SHELL); then all of it ends

  scripts/fleet/cluster.py make fleet QUICK=1 REPS=6

It has its own ports, keys and configuration, and knows nothing of a Slurm that the machine may have. Each node is
a slurmd of its own name. Several share the machine's CPUs, so this shows what is right, and no speed.
"""

from __future__ import annotations

import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Callable, Iterator, Optional, Sequence

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parent.parent)  # run as a file, it is of a package

from program import WRONG_USE, complain, ends_with_this, run

# Of Debian's packages slurm-wlm and munge; daemons lie where a user's PATH may not lead.
PATH = os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin"
PROGRAMS = ("slurmctld", "slurmd", "munged", "sbatch", "squeue", "scontrol", "scancel")
START_SECONDS = 90.0

CONF = """\
ClusterName=spanbench
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={port}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket,cred_expire=5
CredType=cred/munge
SlurmUser={user}
SlurmdUser={user}
StateSaveLocation={folder}/state
SlurmctldPidFile={folder}/slurmctld.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdPidFile={folder}/%n.pid
SlurmdLogFile={folder}/%n.log
SlurmdSpoolDir={folder}/spool.%n
SlurmdParameters=config_overrides
ProctrackType=proctrack/pgid
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MpiDefault=none
SwitchType=switch/none
ReturnToService=2
MailProg=/bin/true
SlurmdTimeout=10
SlurmctldTimeout=10
MessageTimeout=60
MinJobAge=300
KillWait=5
SchedulerParameters=sched_interval=1,bf_interval=1,batch_sched_delay=0,sched_min_interval=0
{nodes}
PartitionName=all Nodes=ALL Default=YES State=UP MaxTime=INFINITE
"""


def lacking() -> Optional[str]:
    """Why there can be no cluster here; None: there can."""
    absent = [p for p in PROGRAMS if not shutil.which(p, path=PATH)]
    if absent:
        return (
            f"{', '.join(absent)} of slurm-wlm and munge: not installed; scripts/deps.sh test-all"
        )
    return None


def free_ports(count: int) -> list[int]:
    """Ports that nobody has; another process may take one before it is used."""
    taken = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [int(s.getsockname()[1]) for s in taken]
    for s in taken:
        s.close()
    return ports


def name_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""  # it has ended


class Cluster:
    """`prefix` of a node: words that its slurmd begins with, such as those of another mount namespace."""

    def __init__(
        self,
        folder: Path,
        nodes: Sequence[str] = ("n1", "n2", "n3"),
        prefix: Optional[dict[str, list[str]]] = None,
    ) -> None:
        self.folder = folder
        self.nodes = nodes
        self.prefix = prefix or {}
        self.daemons: dict[str, subprocess.Popen[bytes]] = {}
        self.environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith(("SLURM", "SBATCH"))},
            "PATH": PATH,
            "SLURM_CONF": str(folder / "slurm.conf"),
        }

    def __enter__(self) -> Cluster:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Another process may take a port just before it is used: then with other ports."""
        for left in (2, 1, 0):
            try:
                self.start_all()
                return
            except BaseException as problem:
                self.stop()
                if not left or not isinstance(problem, RuntimeError):
                    raise
            shutil.rmtree(self.folder)

    def start_all(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "state").mkdir()
        key = self.folder / "munge.key"
        key.write_bytes(os.urandom(128))
        key.chmod(0o600)
        ports = free_ports(1 + len(self.nodes))
        host = socket.gethostname().split(".")[0]
        cpus = len(os.sched_getaffinity(0))
        lines = [
            f"NodeName={n} NodeHostname={host} NodeAddr=127.0.0.1 Port={p} CPUs={cpus} State=UNKNOWN"
            for n, p in zip(self.nodes, ports[1:])
        ]
        (self.folder / "slurm.conf").write_text(
            CONF.format(
                host=host,
                port=ports[0],
                folder=self.folder,
                user=pwd.getpwuid(os.getuid()).pw_name,
                nodes="\n".join(lines),
            )
        )
        self.run_daemon(
            "munged",
            *("munged", "--foreground", "--force", f"--key-file={key}"),
            *(f"--socket={self.folder}/munge.socket", f"--pid-file={self.folder}/munged.pid"),
            *(f"--log-file={self.folder}/munged.log", f"--seed-file={self.folder}/munged.seed"),
        )
        self.wait(lambda: (self.folder / "munge.socket").exists(), "munged")
        self.run_daemon("slurmctld", "slurmctld", "-D", "-c")
        for node in self.nodes:
            self.start_node(node)
        self.wait(self.ready, "the nodes")

    def start_node(self, node: str) -> None:
        self.run_daemon(node, *self.prefix.get(node, []), "slurmd", "-D", "-N", node)

    def run_daemon(self, name: str, *words: str) -> None:
        with open(self.folder / f"{name}.out", "ab") as out:
            self.daemons[name] = subprocess.Popen(
                [*ends_with_this(), *words],
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )

    def ready(self) -> bool:
        shown = self.run("sinfo", "--noheader", "--Node", "--format=%N %T").stdout.split()
        return shown.count("idle") == len(self.nodes)

    def wait(self, done: Callable[[], bool], what: str) -> None:
        end = time.monotonic() + START_SECONDS
        while not done():
            dead = [n for n, d in self.daemons.items() if d.poll() is not None]
            if dead or time.monotonic() > end:
                logs = [self.folder / f"{n}.{kind}" for n in dead for kind in ("out", "log")]
                said = "\n".join(p.read_text(errors="replace")[-1500:] for p in logs if p.exists())
                raise RuntimeError(f"{what}: did not start: {', '.join(dead)} ended\n{said}")
            time.sleep(0.1)

    def run(self, *words: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(w) for w in words],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
        )

    @contextmanager
    def drained(self) -> Iterator[None]:
        """Meanwhile, no task begins."""
        names = f"NodeName={','.join(self.nodes)}"
        self.told("scontrol", "update", names, "State=DRAIN", "Reason=test")
        try:
            yield
        finally:
            self.told("scontrol", "update", names, "State=RESUME")

    def spread(self, folder: Path) -> None:
        """The nodes take the tasks of the fleet's first submission in turn. Slurm would fill one node first."""
        submitted = json.loads((folder / "jobs" / "0.json").read_text())
        for task in range(len(submitted["batches"])):
            node = self.nodes[task % len(self.nodes)]
            job = f"JobId={submitted['job']}_{task}"
            self.told("scontrol", "update", job, f"ReqNodeList={node}")

    def told(self, *words: str) -> None:
        done = self.run(*words)
        if done.returncode:
            raise RuntimeError(f"{' '.join(words)}: {done.stderr}")

    def started_by(self, node: str) -> list[int]:
        """Processes that have this cluster and the node in their environment: those of its tasks."""
        return self.those_with(f"SLURMD_NODENAME={node}")

    def those_with(self, *more: str) -> list[int]:
        """Processes that have this cluster and these lines in their environment."""
        mine = [f"SLURM_CONF={self.folder}/slurm.conf", *more]
        found = []
        for place in Path("/proc").glob("[0-9]*"):
            try:
                there = (place / "environ").read_bytes().split(b"\0")
            except OSError:
                continue  # it has ended, or is another user's
            if all(line.encode() in there for line in mine):
                found.append(int(place.name))
        return found

    def kill_daemon(self, node: str) -> None:
        """Its slurmd alone: tasks go on, and nobody can tell Slurm so."""
        daemon = self.daemons.pop(node)
        daemon.kill()
        daemon.wait()

    def lose_node(self, node: str) -> None:
        """As if it lost its power: the daemon, and all that it started."""
        self.kill_daemon(node)
        self.end_tasks(node)

    def end_tasks(self, node: str) -> None:
        self.end(lambda: self.started_by(node))

    def stewards(self) -> list[int]:
        """Each slurmstepd. It outlives its slurmd and its task, to report what became of that."""
        return [p for p in self.those_with() if name_of(p) == "slurmstepd"]

    def end(self, which: Callable[[], list[int]]) -> None:
        while pids := which():
            for pid in pids:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.01)

    def attend(self, words: Sequence[str]) -> int:
        """Runs a command that sees this cluster. An interrupt is the command's, which has the terminal. (If it were ignored
        here, the command would ignore it, too.) Returns its exit code."""
        signal.signal(signal.SIGINT, lambda *_: None)
        child = subprocess.Popen([*ends_with_this(), *words], env=self.environment)
        try:
            code = child.wait()
        except BaseException:
            child.terminate()
            child.wait()
            raise
        return code if code >= 0 else 128 - code

    def stop(self) -> None:
        for name in reversed(list(self.daemons)):
            daemon = self.daemons.pop(name)
            if daemon.poll() is None:
                daemon.terminate()
                try:
                    daemon.wait(20)
                except subprocess.TimeoutExpired:
                    daemon.kill()
                    daemon.wait()
        for node in self.nodes:
            self.end_tasks(node)
        self.end(self.stewards)


def main() -> int:
    words = sys.argv[1:] or [os.environ.get("SHELL", "/bin/sh")]
    if words == ["--help"]:
        print(__doc__)
        return 0
    why = None if shutil.which(words[0]) else f"there is no program {words[0]}"
    if why := why or lacking():
        complain(f"cluster.py: {why}")
        return WRONG_USE
    with tempfile.TemporaryDirectory(prefix="fleet-") as place:
        with Cluster(Path(place) / "c") as cluster:
            complain(f"cluster.py: nodes {' '.join(cluster.nodes)}; they end with {words[0]}")
            return cluster.attend(words)


if __name__ == "__main__":
    run(main)
