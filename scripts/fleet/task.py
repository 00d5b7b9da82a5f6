"""What runs on a node, from the bundle: looks whether the node has what the submitter had, and runs the driver.

usage: task.py FOLDER SUBMISSION       by Slurm, as a task of a job array

Of Python's own modules alone. Nothing is compiled, and nothing outside of FOLDER is written, but for the data of programs, which
go when the task ends. The task may run any number
of times: rounds that are whole are not measured again. A node that differs does no work, and nodes/ says why.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import FrameType
from typing import Any, Iterable, Optional

sys.path[0] = str(Path(__file__).resolve().parent.parent)  # run as a file, it is of a package

from fleet import rounds

FINDING, WRONG_USE = 1, 2  # exit codes of the driver


def digest(path: Path) -> str:
    made = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            made.update(block)
    return made.hexdigest()


def save(path: Path, document: Any) -> None:
    """Whole or not at all."""
    half = path.with_name(f".{path.name}.{os.uname().nodename}.{os.getpid()}.new")
    try:
        with open(half, "w", encoding="utf-8") as file:
            json.dump(document, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        os.replace(half, path)
    except BaseException:
        half.unlink(missing_ok=True)
        raise


def differences(folder: Path, manifest: dict[str, Any]) -> list[str]:
    """Why this node cannot do the same work as the others; none: it can."""
    if os.uname().machine != manifest["architecture"]:
        return [f"its architecture is {os.uname().machine}, not {manifest['architecture']}"]
    return different_files(folder, manifest["files"])


def different_files(folder: Path, files: dict[str, Any]) -> list[str]:
    found = []
    for name, expected in files.items():
        path = folder / "bundle" / name  # an absolute one stays as it is
        kind = expected["what"]
        try:
            if digest(path) != expected["sha256"]:
                found.append(f"{path} differs from the submitter's: another {kind}")
        except FileNotFoundError:
            found.append(f"it has no {path}: {kind}")
        except OSError as problem:
            found.append(f"{path} cannot be read: {problem.strerror}")
    return found


def lacking(folder: Path, program: dict[str, Any], path: str) -> list[str]:
    """Why this node cannot run a program of the catalogue as the others do; none: it can."""
    found = []
    for name, expected in program["commands"].items():
        there = shutil.which(name, path=path)
        if there is None:
            found.append(f"it has no {name}")
        elif there != expected:
            found.append(f"its {name} is {there}, and the submitter's {expected}")
    return found or different_files(folder, program["files"])


def other_cpus(asked: dict[str, Any]) -> list[str]:
    """Why this node cannot measure the rows: they were chosen for another number of CPUs."""
    wanted, usable = asked.get("cpus"), len(os.sched_getaffinity(0))
    if wanted in (None, usable):
        return []
    return [
        f"the rows of the gate are for {wanted} CPUs, and it may use {usable}: submit with CPUS={usable}, or give WORKLOADS "
        "and THREADS"
    ]


class Stopped(Exception):
    """A signal came while data were made."""


class Task:
    def __init__(self, folder: Path, submission: str) -> None:
        self.folder = folder
        self.asked = json.loads((folder / "fleet.json").read_text(encoding="utf-8"))
        batches = json.loads((folder / "jobs" / f"{submission}.json").read_text())["batches"]
        number = int(os.environ["SLURM_ARRAY_TASK_ID"])
        self.batch = batches[number]
        self.node = os.environ.get("SLURMD_NODENAME") or os.uname().nodename
        self.parts = folder / "parts" / f"{submission}.{number}"
        self.skipped: dict[str, list[str]] = {}  # of programs that this node does not run, why
        self.child: Optional[subprocess.Popen[bytes]] = None
        self.signal = 0
        self.preparing = False

    def is_whole(self, part: Path) -> list[int]:
        """Rounds of an attempt, which may have been killed at any moment."""
        found: list[int] = []
        for file in part.glob(f"[0-9]*/{rounds.FILES[self.asked['work']]}"):
            try:
                document = json.loads(file.read_bytes())
                found += rounds.whole_of(self.asked, document)
            except rounds.SPOILED as problem:
                print(f"task: {file} is not used: {problem}", file=sys.stderr)
        return found

    def new_part(self) -> Path:
        for attempt in range(1000):
            part = self.parts / f"{attempt:03}"
            try:
                part.mkdir(parents=True)
                return part
            except FileExistsError:
                continue
        raise FileExistsError(0, "too many attempts", str(self.parts))

    def say_who(self, part: Path) -> None:
        variables = ("SLURM_JOB_ID", "SLURM_ARRAY_JOB_ID", "SLURM_RESTART_COUNT")
        who = {v.lower(): os.environ[v] for v in variables if v in os.environ}
        save(part / "node.json", {"node": self.node, "seconds": time.time(), **who})

    def arms(self, part: Path) -> list[str]:
        """Makes fresh copies of the gate's base and head, and of base once more: where a file lies in memory may make it
        slow by luck. Returns the driver's words for them."""
        suffix = self.asked["suffix"]
        files = part / "arms" / "files"
        files.mkdir(parents=True)
        for name, of in (("base", "base"), ("head", "head"), ("twin", "base")):
            source, copy = (
                self.folder / "bundle" / "arms" / f"{of}{suffix}",
                files / f"{name}{suffix}",
            )
            shutil.copy(source, copy)
            if digest(copy) != digest(source):
                raise OSError(0, f"is not a copy of {of}", str(copy))
        if suffix:
            return [f"--preload={n}={files}/{n}{suffix}" for n in ("base", "head", "twin")]
        for library in (self.folder / "bundle").glob(
            "lib*.so*"
        ):  # a cell looks for it above its own folder
            (part / "arms" / library.name).symlink_to(library)
        return [f"--cells={files}"]

    def program_of(self, number: int) -> dict[str, Any]:
        """Of the catalogue, that of this round."""
        found: dict[str, Any] = self.asked["programs"][number // self.asked["section"]]
        return found

    @property
    def local(self) -> Path:
        """A folder of this node's own; the name of a fleet is random. TMPDIR is as the submitter's, and may be a folder that the
        node does not have."""
        place = os.environ.get("TMPDIR", "")
        usable = os.path.isdir(place) and os.access(place, os.W_OK | os.X_OK)
        return Path(place if usable else "/tmp") / f"{self.asked['name']}.{self.node}"

    def make_local(self) -> list[str]:
        """For data of programs. What a task that was killed left there goes. Returns why it cannot be made."""
        self.remove_local()
        try:
            self.local.mkdir()
            self.local.chmod(0o711)  # a program that refuses to run as root runs as another user
        except OSError as problem:
            return [f"{self.local}, for the data of programs: {problem.strerror}"]
        return []

    def remove_local(self) -> None:
        if self.local.exists() and self.local.lstat().st_uid == os.geteuid():
            shutil.rmtree(self.local, ignore_errors=True)

    def of_program(self, first: int) -> tuple[list[str], list[str], dict[str, str]]:
        """Makes its data. Returns the driver's words for it, those that run it, and its variables. Raises RuntimeError and
        OSError."""
        import program_data  # of the bundle

        of = self.program_of(first)
        port = program_data.free_port()
        variables = program_data.environment(self.asked["quick"], port)
        folder = self.local / program_data.name_of(of["name"], self.asked["quick"])
        script = self.folder / "bundle" / "programs" / f"{of['name']}.sh"
        program_data.make(script, folder, variables)
        words = [w.replace("$PORT", str(port)) for w in of["words"] if w.startswith("--ready=")]
        words += [w for w in of["words"] if not w.startswith("--ready=")]
        return [*words, f"--cwd={folder}"], of["program"], variables

    def prepared(self, first: int) -> tuple[list[str], list[str], dict[str, str]]:
        """Likewise. Raises Stopped, too."""
        self.preparing = True
        try:
            if self.signal:
                raise Stopped
            return self.of_program(first)
        finally:
            self.preparing = False

    def skip_programs(self, numbers: Iterable[int]) -> None:
        """Those of these rounds that this node cannot run."""
        import program_data

        path = program_data.environment(self.asked["quick"], 0)["PATH"]
        for of in {self.program_of(n)["name"]: self.program_of(n) for n in numbers}.values():
            self.skipped[of["name"]] = lacking(self.folder, of, path)

    def say_what_it_can(self, refused: list[str]) -> None:
        """What earlier tasks said of other programs stays."""
        file = self.folder / "nodes" / f"{self.node}.json"
        said: dict[str, Any] = {"node": self.node, "refused": refused}
        if self.asked["work"] == "programs":
            try:
                before = json.loads(file.read_bytes())["skipped"]
            except rounds.SPOILED:
                before = {}
            said["skipped"] = {**before, **self.skipped}
        save(file, said)
        found = refused + [f"of {name}: {x}" for name, why in self.skipped.items() for x in why]
        print(
            "".join(f"task: {self.node} does no work: {x}\n" for x in found),
            file=sys.stderr,
            end="",
        )

    def words_of(self, first: int, last: int) -> list[str]:
        if self.asked["work"] == "gate":
            seed = self.asked["seeds"][rounds.stage(first, self.asked["period"])]
            return [f"--seed={seed}", f"--rounds={first}..{last}"]
        if self.asked["work"] != "run":
            runs = [f"--runs={last - first + 1}"] if self.asked["work"] in rounds.RUNS else []
            return [f"--seed={self.asked['seed'] + first}", *runs]
        beside: list[str] = ["--no-timeline"] if first else self.asked["first_words"]
        return [f"--rounds={first}..{last}", *beside]

    def measure(self, first: int, last: int) -> int:
        part = self.new_part()
        self.say_who(part)
        own = self.arms(part) if self.asked["work"] == "gate" else []
        program, variables = self.asked.get("program", []), None
        if self.asked["work"] == "programs":
            try:
                own, program, variables = self.prepared(first)
            except Stopped:
                return 128 + self.signal
            except (OSError, RuntimeError) as problem:
                self.skipped[self.program_of(first)["name"]] = [str(problem)]
                self.say_what_it_can([])
                return WRONG_USE
        words = [str(self.folder / "bundle" / "spanbench"), *self.asked["words"]]
        words += [*own, *self.words_of(first, last), f"--out={part}", *program]
        self.child = subprocess.Popen(
            words, cwd=self.folder / "bundle", stdin=subprocess.DEVNULL, env=variables
        )
        if self.signal:
            self.child.send_signal(signal.SIGTERM)
        code = self.child.wait()
        if code < 0:
            of = f"{first} to {last}: signal {-code} ({signal.strsignal(-code)})"
            print(f"task: rounds {of} ended the driver", file=sys.stderr)
            code = 128 - code
        shutil.rmtree(part / "arms", ignore_errors=True)
        save(part / "done.json", {"rounds": self.is_whole(part), "code": code})
        return code

    def stop(self, number: int, _: Optional[FrameType]) -> None:
        """The driver then saves what it has. Nothing is lost of data that are being made."""
        self.signal = number
        if self.preparing:
            self.preparing = False
            raise Stopped
        if self.child:
            self.child.send_signal(signal.SIGTERM)

    def run(self) -> int:
        there = {n for part in self.parts.glob("[0-9]*") for n in self.is_whole(part)}
        longest = len(rounds.of(self.batch)) if self.asked["work"] in rounds.BATCHES else 1
        todo = rounds.ranges(
            set(rounds.of(self.batch)) - there,
            longest,
            self.asked.get("period", 0),
            self.asked.get("section", 0),
        )
        if not todo:
            print("task: all its rounds are whole")
            return 0
        manifest = json.loads((self.folder / "bundle" / "manifest.json").read_text())
        found = differences(self.folder, manifest) + other_cpus(self.asked)
        if self.asked["work"] == "programs" and not found:
            self.skip_programs(first for first, _ in todo)
        self.say_what_it_can(found)
        if found:
            return WRONG_USE
        code = 0
        try:
            if self.asked["work"] == "programs" and (found := self.make_local()):
                self.say_what_it_can(found)
                return WRONG_USE
            for first, last in todo:
                if self.skipped and self.skipped[self.program_of(first)["name"]]:
                    code = WRONG_USE
                    continue
                code = max(code, self.measure(first, last))
                if self.signal:
                    return 128 + self.signal
        finally:
            if self.asked["work"] == "programs":
                self.remove_local()
        return 0 if code == FINDING else code


def main() -> int:
    task = Task(Path(sys.argv[1]), sys.argv[2])
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, task.stop)
    try:
        return task.run()
    except OSError as problem:
        print(f"task: {problem.filename}: {problem.strerror}", file=sys.stderr)
        return WRONG_USE


if __name__ == "__main__":
    sys.exit(main())
