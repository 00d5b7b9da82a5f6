"""The proof that the gate can be relied on: `make gate-proof`.

  null    whole runs of identical libraries: none may fail, and their p-values are uniform
  power   runs with spins planted in some rows: those are found, and no other row fails
  exact   planted instructions, memory and system calls: found by the counts every time
  replay  long recordings of identical libraries, judged from many random places
  kinds   a planted regression of each kind that the gate says it sees: found by its default rows

Each run is recorded as soon as it ends. Started again, the proof goes on where it was; --summary
measures nothing. Seeds are --seed and those that follow it, by the number of the run.

A ledger belongs to one gate and one harness, by the text of their files. After a change that no measurement
depends on, such as a new name of a file, --rekey "why that is so" makes the ledger that of now.
"""

from __future__ import annotations

import argparse
import hashlib
import math
import os
import random
import shutil
import subprocess
import sys
import tempfile
from dataclasses import asdict, astuple, dataclass, replace
from pathlib import Path
from typing import Any, Callable, Iterator, Optional, Sequence

sys.path[0] = str(Path(__file__).resolve().parent.parent)  # run as a file, it is of a package

import program
import stored_file
from gate import base_and_head, baseline_file, counting, deterministic, judge
from gate_proof import evidence, kinds, planted, replay, run_gate
from gate.campaign import Order
from gate.counting import Counting, Counts, works
from gate.driver import Driver, Progress
from gate.findings import PASS, REGRESSION, SIGNALLED, Finding, Interrupted, Refusal, restored
from gate_proof.ledger import Ledger, Record

ROOT = base_and_head.ROOT
PARTS = ("null", "exact", "power", "replay", "kinds")
# Named, not found: the ledger is of these rows, and those of a new workload do not add up with them.
ROWS = tuple(f"{w}/threads:{n}" for w in ("tiny", "small", "large") for n in (1, 2))


@dataclass(frozen=True)
class Power:
    """Of the runs that must find spins of a size."""

    target: float  # smaller than the spins: of changes as large as what a row finds, it may miss one in 20
    blocks: int  # of the second stage, at most


POWER = {0.10: Power(0.07, 240), 0.05: Power(0.035, 480)}
# What they measure: rows in which spins have a known part of an operation. Those of large are the
# kernel's page faults, and cost 1.5 to 7.6 us from one run to the next on a virtual machine.
SPUN = ("tiny", "small")
SPUN_THREADS = (1, 2)
SPINNING = tuple(f"{w}/threads:{n}" for w in SPUN for n in SPUN_THREADS)
PLANTED = 3  # of these four rows in a run
TIME = "ns_per_op"
# What measures and judges: a ledger holds what one version of these did.
JUDGING = (
    "gate/__main__ gate/base_and_head gate/campaign gate/cli gate/counting gate/deterministic "
    "gate/document gate/driver gate/findings gate/judge gate_proof/kinds gate_proof/planted "
    "gate_proof/replay gate/rows gate/run gate/samples gate/stats"
).split()
# Beside the cells: what orders, starts and counts the samples, and what is planted.
DRIVING = (
    "harness/core/plan.[ch]",
    "harness/bench/rows.[ch]",
    "harness/bench/sample.[ch]",
    "harness/support/spawn.[ch]",
    "allocators/planted/*.[ch]",
)
# Mallocs from a spin to the next: beside its pairs a spin costs some 30 ns (at each 50th malloc), of its
# fences and of its last jump. At each 500th that is half a percent of an operation of tiny.
APART = 5000
CALIBRATION_BLOCKS = 25
CALIBRATIONS = 3  # tries: noise may hide what a spin costs
EXACT_EFFECTS = {
    "instructions": ("tiny", "small"),
    "rss": ("small", "large"),
    "madvise": ("tiny", "small"),
}
# What a plant may change beside what it is named for: memory is mapped by a call, and is touched.
ALLOWED = {
    "instructions": {"instructions"},
    "madvise": {"syscalls.madvise"},
    "rss": {
        "rss_peak_bytes",
        "rss_drained_bytes",
        "rss_purged_bytes",
        "writable_live_bytes",
        "bytes_mapped",
        "minor_faults",
    },
}


# Options of single runs: numbers of other settings do not add up.
OF_A_RUN = ("seed", "budget", "recorded_blocks")


def say(text: str) -> None:
    print(text, flush=True)


def key(library: Path, root: Path = ROOT) -> dict[str, str]:
    """What all records of a ledger have in common."""
    scripts = root / "scripts"
    sums = [hashlib.sha256((scripts / f"{name}.py").read_bytes()).digest() for name in JUDGING]
    return {
        "library": hashlib.sha256(library.read_bytes()).hexdigest()[:16],
        "gate": hashlib.sha256(b"".join(sums)).hexdigest()[:16],
        "harness": baseline_file.harness(root, DRIVING),
        "compiler": base_and_head.compiler(),
    }


def machine() -> dict[str, str]:
    """On which a record was measured: a machine of the class that rates are of."""
    return {
        "processor": baseline_file.processor(),
        "cpus": str(len(os.sched_getaffinity(0))),
        "kernel": os.uname().release,
    }


def drawn(seed: int) -> list[str]:
    """The rows that have spins in a run."""
    return random.Random(seed).sample(SPINNING, PLANTED)


class Proof:
    def __init__(self, options: argparse.Namespace, ledger: Ledger, directory: Path) -> None:
        self.options = options
        self.ledger = ledger
        self.directory = directory
        self.build = (ROOT / os.environ.get("B", "build")).resolve()
        self.cell = self.build / "cell" / "system"
        self.shared_object = self.build / base_and_head.GOMALLOC

    def gate(self, base: Path, head: Path, seed: int, *more: str) -> Any:
        """A whole run of the gate's program; its document."""
        more = (*more, "--seed", str(seed))
        code, document = run_gate.run(base, head, self.build, self.directory, *more)
        if code not in (PASS, REGRESSION):
            raise Refusal(f"a run of the gate ended with exit code {code}; see above")
        return document

    def null(self) -> None:
        for number in range(len(self.ledger.of("null")), self.options.null_runs):
            seed = self.options.seed + number
            document = self.gate(self.shared_object, self.shared_object, seed, "--quick")
            record = null_record(document)
            self.ledger.add("null", record)
            say(f"null run {number + 1} of {self.options.null_runs}: {record['verdict']}")

    def cost(self, row: str) -> planted.Cost:
        """Measured before each run, and kept before its record: a processor that is shared may run
        chains at half their speed some minutes later, and operations at theirs."""
        cost = self.calibrated(row)
        cost = replace(cost, period=APART, pair=cost.pair * cost.period / APART)
        self.ledger.add("cost", asdict(cost))
        say(
            f"{row}: {cost.operation:.2f} ns an operation, {cost.pair:.5f} ns a pair of instructions"
        )
        return cost

    def calibrated(self, row: str) -> planted.Cost:
        calibration = planted.Calibration(self.shared_object, self.build, self.directory)
        for _ in range(CALIBRATIONS - 1):
            try:
                return calibration.cost(row, CALIBRATION_BLOCKS)
            except Refusal as problem:
                say(f"{problem}; once more")
        return calibration.cost(row, CALIBRATION_BLOCKS)

    def instructions(self, plant: planted.Plant, base: Path, head: Path) -> Optional[Counts]:
        """Of 1000 operations, by callgrind: those of base, those that head has more, and those that
        the spin has by its size. Of one thread, as all that is counted."""
        workload, _, threads = plant.row.partition("/threads:")
        if threads != "1":
            return None
        (work,) = works(self.cell, [workload], self.options.seed)
        counts = Counting(self.cell, self.directory)
        counted = deterministic.count(counts, [base, head], work, 1, ["instructions"])
        before, after = (deterministic.values(c, "instructions")[0] for c in counted)
        period, pairs = plant.numbers
        spun = 1000 * (2 * pairs + planted.PAYMENT) / period
        return {"base": before, "added": after - before, "spun": spun}

    def pair(self, plants: Sequence[planted.Plant]) -> tuple[Path, Path]:
        base = planted.build(self.shared_object, [], self.directory / "base.so")
        return base, planted.build(self.shared_object, plants, self.directory / "head.so")

    def compare(self, base: Path, head: Path, workload: str, seed: int) -> list[Finding]:
        work = self.directory / "exact"
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir()
        return deterministic.compare(
            base, head, [workload], build=self.build, work=work, seed=seed, repeat=lambda row: row
        )

    def check_plan(self) -> None:
        """Power runs of other plans are not added up."""
        for run in self.ledger.of("power"):
            plan = POWER.get(run["effect"])
            rows = {row["row"] for row in run["planted"]}
            periods = {row["spin"][0] for row in run["planted"]}
            if (
                plan is None
                or (run["target"], run["blocks"]) != astuple(plan)
                or len(rows) != PLANTED
                or not rows <= set(SPINNING)
                or periods != {APART}
            ):
                raise Refusal(
                    f"{self.ledger.file} has power runs of another plan than that of now; its numbers "
                    "and those of now do not add up. Take them out to begin anew"
                )

    def power(self) -> None:
        self.check_plan()
        for effect in POWER:
            for number in range(self.options.most_power_runs):
                runs = [r for r in self.ledger.of("power") if r["effect"] == effect]
                if self.seen(effect, runs) >= self.options.planted:
                    break
                if number < len(runs):
                    continue
                self.power_run(effect, number)

    @staticmethod
    def seen(effect: float, runs: Sequence[Record]) -> int:
        rows = [row for r in runs for row in r["planted"]]
        return sum(1 for r in rows if r["smallest"] is not None and r["smallest"] <= effect)

    def power_run(self, effect: float, number: int) -> None:
        seed = self.options.seed + number
        power = POWER[effect]
        rows = drawn(seed)
        plants = [self.cost(row).slower(effect) for row in rows]
        base, head = self.pair(plants)
        counted = {plant.row: self.instructions(plant, base, head) for plant in plants}
        threads = ",".join(map(str, SPUN_THREADS))
        more = ["--tier", "timed", "--workloads", ",".join(SPUN), "--threads", threads]
        more += ["--target", f"{power.target * 100:g}"]
        more += ["--blocks", str(power.blocks), "--budget", str(self.options.budget)]
        document = self.gate(base, head, seed, *more)
        record = power_record(document, effect, rows)
        for row, plant in zip(record["planted"], plants):
            row.update(spin=plant.numbers, instructions=counted[plant.row])
        self.ledger.add("power", {**record, **asdict(power), "budget": self.options.budget})
        found = sum(1 for row in record["planted"] if row["verdict"] == "fail")
        said = f"{found} of {len(rows)} found, {len(record['collateral'])} others fail"
        say(f"+{effect:.0%}, run {number + 1}: {said}; {self.progress(effect)}")

    def progress(self, effect: float) -> str:
        runs = [r for r in self.ledger.of("power") if r["effect"] == effect]
        return f"{self.seen(effect, runs)} of {self.options.planted} rows in which it can be seen"

    def exact(self) -> None:
        for what, workloads in EXACT_EFFECTS.items():
            done = len([r for r in self.ledger.of("exact") if r["what"] == what])
            for number in range(done, self.options.exact_trials):
                workload = workloads[number % len(workloads)]
                seed = self.options.seed + number
                base, head = self.pair([self.plant(what, workload, seed)])
                record = exact_record(what, self.compare(base, head, workload, seed))
                self.ledger.add("exact", {"workload": workload, "seed": seed, **record})
                found = "found" if record["found"] else "MISSED"
                say(
                    f"{what}, trial {number + 1} of {self.options.exact_trials}: {workload}: {found}"
                )

    def plant(self, what: str, workload: str, seed: int) -> planted.Plant:
        row = f"{workload}/threads:1"
        if what == "madvise":
            return planted.madvise(row, 1000)
        base, _ = self.pair([])
        counts = {f.metric: f.base for f in self.compare(base, base, workload, seed)}
        if what == "rss":
            return planted.resident(row, round(0.05 * counts["rss_peak_bytes"]))
        paid = 0.01 * counts["instructions"] / 1000 * planted.PERIOD
        return planted.spin(row, round((paid - planted.PAYMENT) / 2))

    def replay(self) -> None:
        """As many windows of each recording: what one hour was like is not all there is."""
        for number in range(len(self.ledger.of("replay")), self.options.recordings):
            seed = self.options.seed + number
            part = self.recording(seed)
            windows = self.options.windows // self.options.recordings
            say(f"recording {number + 1} of {self.options.recordings}: {windows} windows")
            counted = replay.replay(part, ROWS, judge.QUICK, windows, seed)
            record = {"seed": seed, "blocks": self.options.recorded_blocks, "windows": windows}
            record.update(failed=counted["fail"], verdicts=dict(counted))
            self.ledger.add("replay", {**record, "others_cpu_share": part.others_cpu_share})

    def kinds(self) -> None:
        """What counts must find, by the counts of a default gate; what time and memory must, by all the
        rows that it times."""
        every = kinds.regressions(kinds.convoy_threads(counting.described_workloads(self.cell)))
        done = {r["name"] for r in self.ledger.of("kinds")}
        for number, regression in enumerate(r for r in every if r.name not in done):
            base = planted.build(self.shared_object, regression.base, self.directory / "base.so")
            head = planted.build(self.shared_object, [regression.head], self.directory / "head.so")
            tier = "exact" if regression.by_counts else "timed"
            seed = self.options.seed + len(done) + number
            document = self.gate(base, head, seed, "--tier", tier)
            self.ledger.add("kinds", kind_record(document, regression))
            found = "found" if self.ledger.of("kinds")[-1]["found"] else "MISSED"
            say(f"{regression.kind}: {regression.name}: {found}")

    def recording(self, seed: int) -> Any:
        folder = self.directory / "recording"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        source = base_and_head.resolve(str(self.shared_object), self.build / "cell")
        both = base_and_head.Arms.of(source, source, folder / "arms")
        progress = Progress(sys.stderr)
        drive = Driver(self.build / "spanbench", folder, both.copy_into, 60, progress)
        return drive(Order("recording", list(ROWS), self.options.recorded_blocks, seed, 0.0))


def null_record(document: Any) -> Record:
    failing = [f"{f['row']} {f['metric']}" for f in document["findings"] if f["verdict"] == "fail"]
    return {
        "seed": document["seed"],
        "verdict": document["verdict"],
        "seconds": document["seconds"],
        "failing": failing,
        "comparisons": len(document["findings"]),
        "p_values": {
            c["row"]: c["twin"]["p_differs_in_stage_1"]
            for c in document["comparisons"]
            if c["metric"] == TIME
        },
        "others_cpu_share": [p["others_cpu_share"] for p in document["parts"]],
    }


def kind_record(document: Any, regression: kinds.Regression) -> Record:
    found = [restored(f) for f in document["findings"]]
    rows = [s.row for s in regression.shown]
    return {
        "name": regression.name,
        "kind": regression.kind,
        "seed": document["seed"],
        "seconds": document["seconds"],
        "rows": document["counted"] if regression.by_counts else document["rows"],
        "found": regression.is_found(found),
        "failing": [
            {"row": f.row, "metric": f.metric, "change": finite(f.change)}
            for f in found
            if f.verdict == "fail" and f.row in rows
        ],
        "others_cpu_share": [p["others_cpu_share"] for p in document["parts"]],
    }


def finite(value: float) -> Optional[float]:
    return value if math.isfinite(value) else None


def power_record(document: Any, effect: float, rows: Sequence[str]) -> Record:
    findings = document["findings"]
    mine = {f["row"]: f for f in findings if f["metric"] == TIME and f["row"] in rows}
    others = [f for f in findings if f["metric"] != TIME or f["row"] not in rows]
    times = sum(1 for f in others if f["metric"] == TIME)
    if set(mine) != set(rows):
        raise Refusal(f"the gate did not compare all of {', '.join(rows)}")
    kept = ("row", "verdict", "change", "low", "high", "smallest")
    return {
        "effect": effect,
        "seed": document["seed"],
        "verdict": document["verdict"],
        "seconds": document["seconds"],
        "planted": [{k: mine[row][k] for k in kept} for row in rows],
        "unplanted": {"time": times, "memory": len(others) - times},
        "collateral": [f"{f['row']} {f['metric']}" for f in others if f["verdict"] == "fail"],
        "others_cpu_share": [p["others_cpu_share"] for p in document["parts"]],
    }


def exact_record(what: str, findings: Sequence[Finding]) -> Record:
    named = {"instructions": "instructions", "rss": "rss_peak_bytes", "madvise": "syscalls.madvise"}
    (finding,) = [f for f in findings if f.metric == named[what]]
    failing = [f.metric for f in findings if f.verdict == "fail"]
    return {
        "what": what,
        "base": finding.base,
        "head": finding.head,
        "found": finding.verdict == "fail",
        "collateral": [m for m in failing if m not in ALLOWED[what]],
    }


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = made.add_argument
    add("--part", choices=PARTS, action="append", help="only this; may be repeated (default: all)")
    add("--summary", action="store_true", help="measure nothing, say what there is")
    add(
        "--rekey",
        metavar="REASON",
        help="measure nothing: the ledger holds for this gate and harness, too",
    )
    add("--ledger", type=Path, default=ROOT / "results" / "gate-proof.json", help="%(default)s")
    add("--seed", type=int, default=1)
    add("--null-runs", type=int, default=evidence.NULL_RUNS, help="(default: %(default)s)")
    add("--planted", type=int, default=evidence.FOUND, help="rows of each size (%(default)s)")
    add("--most-power-runs", type=int, default=60, help="of each size (default: %(default)s)")
    add("--budget", type=float, default=240, help="seconds of a power run (default: %(default)s)")
    add("--exact-trials", type=int, default=evidence.EXACT, help="of each (default: %(default)s)")
    add(
        "--recordings",
        type=int,
        default=evidence.RECORDINGS,
        help="of null campaigns (default: %(default)s)",
    )
    add("--recorded-blocks", type=int, default=100, help="of each (default: %(default)s)")
    add(
        "--windows",
        type=int,
        default=evidence.WINDOWS,
        help="of all recordings (default: %(default)s)",
    )
    return made


def refuse_mixture(options: argparse.Namespace) -> None:
    """What is measured with settings of one's own has a ledger of its own."""
    usual = parser().parse_args([])
    own = [name for name in OF_A_RUN if getattr(options, name) != getattr(usual, name)]
    if own and options.ledger.resolve() == usual.ledger.resolve():
        named = ", ".join("--" + name.replace("_", "-") for name in own)
        raise Refusal(f"{named}: not the proof's own; give such runs their own --ledger FILE")


def summarise(ledger: Ledger) -> int:
    say(", ".join(f"{name} {value}" for name, value in ledger.key.items()) or "no ledger yet")
    for made in ledger.machines():
        say("measured on " + ", ".join(f"{name} {value}" for name, value in made.items()))
    for moved in ledger.of("rekeyed"):  # by hand, and reviewed
        say(
            f"{moved['what']} {moved['to']} was {moved['from']} when it was measured: {moved['why']}"
        )
    shown, lines = evidence.summary(ledger.kinds)
    say("\n".join(lines))
    return 0 if shown else 1


def main() -> int:
    options = parser().parse_args()
    refuse_mixture(options)
    if options.summary:
        try:
            return summarise(Ledger(options.ledger, None))
        except stored_file.SPOILED as problem:
            raise Refusal(f"{options.ledger} is not a ledger of a proof: {problem!r}") from problem
    library = (ROOT / os.environ.get("B", "build") / base_and_head.GOMALLOC).resolve()
    if not library.exists():
        raise Refusal(f"there is no {library}: run make")
    if options.rekey is not None:
        ledger = Ledger(options.ledger, None)
        for moved in ledger.rekey(key(library), machine(), options.rekey):
            say(f"{moved['what']} {moved['from']} is {moved['to']} from now on")
        return summarise(ledger)
    ledger = Ledger(options.ledger, key(library), machine())
    with tempfile.TemporaryDirectory(prefix="spanbench-proof-") as directory:
        proof = Proof(options, ledger, Path(directory))
        for part in options.part or PARTS:
            getattr(proof, part)()
    return summarise(ledger)


def run() -> int:
    """0: all is shown; 1: not, or not yet; 2: nothing more can be measured."""
    try:
        return main()
    except (Refusal, subprocess.CalledProcessError) as problem:
        print(f"gate-proof: {problem}", file=sys.stderr)
        return 2
    except Interrupted as signalled:  # of the driver
        print(f"gate-proof: {signalled}; what was measured is kept", file=sys.stderr)
        return SIGNALLED + signalled.number
    except (KeyboardInterrupt, program.Terminated):
        print("gate-proof: interrupted; what was measured is kept", file=sys.stderr)
        raise


if __name__ == "__main__":
    program.run(run, unread=program.WRONG_USE)
