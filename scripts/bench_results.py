"""Reads a run's results: bench.json into rows of samples, timeline.csv into series.

The shape of what is read is checked here, once, and what does not fit is an error that names the
place. The core takes parsed JSON and returns values; nothing here prints or draws.
"""

from __future__ import annotations

import csv
import json
import math
import re
import statistics
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Callable, Iterable, Optional, TypeVar

from stored_file import SPOILED, fault

MIB = 1024 * 1024
FEW = 5  # below so many samples quartiles say little: the spread is the whole range
BUSY = 0.05  # share of the CPUs that other programs may take before the numbers are in doubt

CORE = "core"  # the group of workloads that is measured by default

MOST = 2.0**63  # of bytes or nanoseconds; more was not measured
LEAST = 1e-9  # likewise; less, but not nothing, is not a time, rate or size

# What a good sample holds; the rest of the schema is not used.
POSITIVE = ("ns_per_op", "ops_per_second")
REQUIRED = (
    "live_bytes",
    "rss_start_bytes",
    "rss_live_bytes",
    "vsz_live_bytes",
    "rss_drained_bytes",
)
# busy: 1 if others took the CPUs. block: the round that it was in.
# usable_bytes: of the live blocks, as the allocator says; runs of before do not have it.
OPTIONAL = (
    "rss_purged_bytes",
    "rss_peak_bytes",
    "usable_bytes",
    "untouched_bytes",
    "others_cpu_share",
    "busy",
    "block",
)

# What is made of the instants of a record, which workloads of the memory group and their rests note.
FREED_LATER, PURGED_LATER = "freed, ", "purged, "

Sample = dict[str, float]


def is_busy(sample: Sample) -> bool:
    """As the driver said, or, in runs of before it did, by the share alone."""
    return bool(sample.get("busy", sample.get("others_cpu_share", 0) > BUSY))


class Unusable(ValueError):
    """A file that cannot be used: which, and why, in one line."""


@dataclass(frozen=True)
class Spread:
    """Median of some samples, and their quartiles or the whole range."""

    low: float
    median: float
    high: float

    @staticmethod
    def of(values: Iterable[float], quartiles: bool = True) -> Spread:
        v = sorted(values)
        if len(v) < 2 or not quartiles:
            return Spread(v[0], statistics.median(v), v[-1])
        low, median, high = statistics.quantiles(v, n=4, method="inclusive")
        return Spread(low, median, high)

    def scaled(self, factor: float) -> Spread:
        return Spread(self.low * factor, self.median * factor, self.high * factor)

    def overlaps(self, other: Spread) -> bool:
        return max(self.low, other.low) <= min(self.high, other.high)


@dataclass(frozen=True)
class Instant:
    """A moment that a workload noted, as the end of a phase: bytes held, as asked for, and resident."""

    name: str
    held: float
    rss: float


@dataclass
class Row:
    """What is compared: an allocator on a workload by some threads, with its good samples."""

    workload: str
    allocator: str
    threads: int
    floor: bool
    samples: list[Sample] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    quartiles: bool = True
    instants: list[list[Instant]] = field(
        default_factory=list
    )  # of each sample, in the order of time

    @property
    def ranked(self) -> bool:
        """May it be called the best? Not the floor, and not a row with a failed sample."""
        return not self.floor and not self.failures and bool(self.samples)

    @property
    def busy(self) -> int:
        """How many of its samples are in doubt: other programs took too much of the CPUs."""
        return sum(map(is_busy, self.samples))

    @property
    def label(self) -> str:
        return self.allocator + " (floor)" * self.floor

    def has(self, counter: str) -> bool:
        return bool(self.samples) and all(counter in s for s in self.samples)

    def spread(self, counter: str) -> Spread:
        return Spread.of((s[counter] for s in self.samples), self.quartiles)

    def median(self, counter: str) -> float:
        return self.spread(counter).median

    def above_start(self, counter: str) -> Optional[Spread]:
        """Resident bytes that came on top of those at the start. What is called memory is this."""
        if not self.has(counter):
            return None
        above = (s[counter] - s["rss_start_bytes"] for s in self.samples)
        return Spread.of(above, self.quartiles)

    @property
    def tells_slack(self) -> bool:
        """Some allocators, or modes of one, answer malloc_usable_size with the size that was asked for. They hide what
        they add: that is not known, and not 0."""
        there = self.has("usable_bytes")
        return there and any(s["usable_bytes"] != s["live_bytes"] for s in self.samples)

    def slack(self) -> Optional[Spread]:
        """Bytes that the allocator added to the sizes of the live blocks, which the program may use."""
        if not self.tells_slack:
            return None
        slack = (s["usable_bytes"] - s["live_bytes"] for s in self.samples)
        return Spread.of(slack, self.quartiles)

    def kept(self) -> Optional[Spread]:
        """Bytes that are resident above the start and do not belong to a live block: what is free
        between them or cached, and the allocator's books. Below 0 where slack was never touched."""
        if not self.tells_slack:
            return None
        kept = (
            s["rss_live_bytes"]
            - s["rss_start_bytes"]
            - (s["usable_bytes"] - s.get("untouched_bytes", 0))
            for s in self.samples
        )
        return Spread.of(kept, self.quartiles)

    def blow_up(self) -> Optional[float]:
        """What was resident at most above the start, for each byte that was live at most. The median;
        none where so little was live that the pages of the process itself would count."""
        if not self.has("rss_peak_bytes"):
            return None
        live = [max(s["live_bytes"], s.get("held_peak_bytes", 0)) for s in self.samples]
        if min(live) < MIB:
            return None
        peaks = (s["rss_peak_bytes"] - s["rss_start_bytes"] for s in self.samples)
        return statistics.median(p / most for p, most in zip(peaks, live))

    def memory_ratio(self, counter: str) -> Optional[Spread]:
        """Likewise, for each live byte."""
        if not self.has(counter) or any(s["live_bytes"] == 0 for s in self.samples):
            return None
        ratios = ((s[counter] - s["rss_start_bytes"]) / s["live_bytes"] for s in self.samples)
        return Spread.of(ratios, self.quartiles)


@dataclass(frozen=True)
class Facts:
    """Where and how a run was made."""

    version: str
    host: str
    cpu: str
    cpus: int  # that it could run on
    started: str
    quick: bool
    complete: bool
    random_addresses: bool  # false: all processes had the same; true also where it is not known
    environment: dict[str, str]  # variables that change allocators
    names: list[str]  # every allocator that the driver knows, in an order that runs share
    floors: set[str]
    absent: list[tuple[str, str]]  # those without a row, and why
    timeline_failures: list[tuple[str, str]]
    groups: dict[str, str] = field(default_factory=dict)  # of what was measured; absent: the core
    unmeasured: list[tuple[str, str]] = field(default_factory=list)  # what has no row, and why
    long_rest: int = 0  # seconds; 0: there was none
    # by workload and allocator, of the processes that rested so long
    rested: dict[tuple[str, str], Sample] = field(default_factory=dict)
    rest_failures: list[tuple[str, str]] = field(default_factory=list)
    # by workload, allocator and threads: when its pass of the timeline reached its instants, in seconds
    reached: dict[tuple[str, str, int], list[tuple[str, float]]] = field(default_factory=dict)


@dataclass
class Results:
    """One run. `rows` in the order of the file's first mention of each."""

    facts: Facts
    rows: list[Row]

    @property
    def workloads(self) -> list[str]:
        """Those that were measured, the one with the least live bytes first."""
        size: dict[str, float] = {}
        for row in self.rows:
            for s in row.samples:
                size[row.workload] = min(size.get(row.workload, math.inf), s["live_bytes"])
        return sorted({r.workload for r in self.rows}, key=lambda w: (size.get(w, 0), w))

    def of_core(self, core: bool) -> Results:
        """The same run with the rows of the core group alone, or with all others."""
        groups = self.facts.groups
        rows = [r for r in self.rows if (groups.get(r.workload, CORE) == CORE) == core]
        return Results(self.facts, rows)

    @property
    def allocators(self) -> list[str]:
        """Those that were measured, by name, the floor last."""
        floor = {r.allocator: r.floor for r in self.rows}
        return sorted(floor, key=lambda a: (floor[a], a))

    @property
    def thread_counts(self) -> list[int]:
        return sorted({r.threads for r in self.rows})

    @property
    def main_threads(self) -> int:
        """What shows one number of threads only shows this."""
        return nearest(self.thread_counts, self.facts.cpus)

    def select(self, workload: str, threads: int) -> list[Row]:
        return [r for r in self.rows if (r.workload, r.threads) == (workload, threads)]

    def row(self, workload: str, allocator: str, threads: int) -> Optional[Row]:
        found = [r for r in self.select(workload, threads) if r.allocator == allocator]
        return found[0] if found else None

    @property
    def spread_name(self) -> str:
        return "quartiles" if all(r.quartiles for r in self.rows) else "min .. max"

    @property
    def title(self) -> str:
        """What run it is, in a line."""
        f = self.facts
        return f"spanbench {f.version} on {f.host}, {f.cpu}, {plural(f.cpus, 'CPU')}; {f.started}"

    @property
    def caveats(self) -> list[str]:
        """What a reader must know before the numbers."""
        said = []
        if self.facts.quick:
            work = f"a quarter of the work, {sample_count(self.rows)}"
            said.append(f"QUICK RUN: {work}: not for comparison or publication")
        if not self.facts.complete:
            said.append("INTERRUPTED, or still running: not all samples are here")
        samples = [s for r in self.rows for s in r.samples if "others_cpu_share" in s]
        worst = sorted(s["others_cpu_share"] for s in samples if is_busy(s))
        tenth = math.ceil(len(samples) / 10)
        if samples and len(worst) >= tenth:
            said.append(
                f"BUSY MACHINE: others took {worst[-tenth]:.0%} of the CPUs or more in a tenth of the "
                "samples; repeat on a quiet machine"
            )
        if not self.facts.random_addresses:
            said.append(
                "FIXED ADDRESSES: address randomisation was off; the spread does not show their luck"
            )
        if self.facts.environment:
            variables = " ".join(f"{k}={v}" for k, v in sorted(self.facts.environment.items()))
            said.append(f"ENVIRONMENT: options of allocators were set: {variables}")
        return said


def nearest(counts: Iterable[int], cpus: int) -> int:
    """The number of threads that is nearest to that of the CPUs, by their ratio; of two that are as near, the smaller one."""
    return min(counts, key=lambda t: (max(t / cpus, cpus / t), t))


def plural(count: int, noun: str) -> str:
    return f"{count} {noun}{'s' * (count != 1)}"


def sample_count(rows: list[Row]) -> str:
    """Good samples a row, of the rows that have any."""
    counts = sorted(len(r.samples) for r in rows if r.samples) or [0]
    range_ = f"{counts[0]} to " * (counts[0] != counts[-1])
    return range_ + plural(counts[-1], "sample")


def printable(raw: str) -> str:
    """Text of a library, of a file or its name, as one line that does nothing to what shows it. It has
    no controls and no marks of direction, nor "##[", which begins a command in the log of a CI."""
    line = " ".join("".join(c if c.isprintable() else " " for c in raw).split())
    return re.sub("##+", "#", line)


T = TypeVar("T")
KINDS = {dict: "an object", list: "a list", str: "a string", bool: "true or false", int: "a number"}


def member(of: Any, where: str, key: object, kind: type[T], default: Optional[T] = None) -> T:
    """of[key], which must be of that kind. Absent or null is the default; without one, an error."""
    if not isinstance(of, dict):
        raise ValueError(f"{where} is not an object")
    value = of.get(key)
    if value is None:
        value = default
    if value is None:
        raise ValueError(f"{where}: {key} is missing")
    if not isinstance(value, kind) or isinstance(value, bool) != (kind is bool):
        raise ValueError(f"{where}: {key} is not {KINDS[kind]}")
    return value


def text(of: Any, where: str, key: object, default: Optional[str] = None) -> str:
    """A string, in one line that can be printed."""
    return printable(member(of, where, key, str, default))


def count(of: Any, where: str, key: str) -> int:
    value = member(of, where, key, int)
    if not 1 <= value < 2**31:
        raise ValueError(f"{where}: {key} is out of range")
    return value


def amount(of: dict[str, Any], where: str, key: str) -> float:
    value = of.get(key)
    if value is None:
        raise ValueError(f"{where}: {key} is missing")
    good = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not good or not 0 <= value < MOST or (key in POSITIVE and value == 0):
        raise ValueError(f"{where}: {key} is not a {'positive ' * (key in POSITIVE)}number")
    if 0 < value < LEAST and (key in POSITIVE or key.endswith("_bytes")):
        raise ValueError(f"{where}: {key} is too small to have been measured")
    return float(value)


def parse_groups(own: Any, where: str, measured: set[str]) -> dict[str, str]:
    """Runs of before there were groups have the core alone. The file lists all workloads that exist."""
    place = f"{where}.workloads"
    listed = member(own, where, "workloads", list, [])
    groups = {text(w, place, "name"): text(w, place, "group", CORE) for w in listed}
    return {name: group for name, group in groups.items() if name in measured}


def parse_unmeasured(own: Any, where: str) -> list[tuple[str, str]]:
    place = f"{where}.unmeasured"
    found = []
    for entry in member(own, where, "unmeasured", list, []):
        allocator = text(entry, place, "allocator", "")
        name = text(entry, place, "workload") + f"/{allocator}" * bool(allocator)
        found.append((name, text(entry, place, "why")))
    return found


def instants_of(entry: Any, where: str) -> list[Instant]:
    """Runs of before there were any have none."""
    found = []
    for i, at in enumerate(member(entry, where, "instants", list, [])):
        place = f"{where}.instants[{i}]"
        held, rss = (amount(at, place, key) for key in ("held_bytes", "rss_bytes"))
        found.append(Instant(text(at, place, "name"), held, rss))
    return found


def of_instants(instants: list[Instant]) -> Sample:
    """The most that the workload held at any of its instants. Also what was resident at the last instants
    after the end, and after a purge."""
    found: Sample = {}
    for at in instants:
        found["held_peak_bytes"] = max(found.get("held_peak_bytes", 0), at.held)
        for begin, key in (
            (FREED_LATER, "rss_rested_bytes"),
            (PURGED_LATER, "rss_purge_rested_bytes"),
        ):
            if at.name.startswith(begin):
                found[key] = at.rss
    return found


def parse_rests(
    own: Any, where: str
) -> tuple[dict[tuple[str, str], Sample], list[tuple[str, str]]]:
    rested, failures = {}, []
    for i, entry in enumerate(member(own, where, "long_rests", list, [])):
        place = f"{where}.long_rests[{i}]"
        if text(entry, place, "cause", ""):
            failures.append((text(entry, place, "name"), text(entry, place, "cause")))
            continue
        sample = {c: amount(entry, place, c) for c in REQUIRED}
        rested[(text(entry, place, "workload"), text(entry, place, "allocator"))] = {
            **sample,
            **of_instants(instants_of(entry, place)),
        }
    return rested, failures


def parse_reached(own: Any, where: str) -> dict[tuple[str, str, int], list[tuple[str, float]]]:
    """Runs of before there were any have none."""
    found = {}
    for i, entry in enumerate(member(own, where, "timeline_passes", list, [])):
        place = f"{where}.timeline_passes[{i}]"
        key = text(entry, place, "workload"), text(entry, place, "allocator")
        found[(*key, count(entry, place, "threads"))] = [
            (text(at, place, "name"), amount(at, place, "seconds"))
            for at in member(entry, place, "reached", list)
        ]
    return found


def parse_facts(context: Any, measured: set[str], workloads: set[str]) -> Facts:
    where = "context.spanbench"
    own = member(context, "context", "spanbench", dict)
    machine = member(own, where, "machine", dict)
    known, floors, preloads, absent = set(measured), set(), set(), []
    for i, a in enumerate(member(own, where, "allocators", list)):
        place = f"{where}.allocators[{i}]"
        name = text(a, place, "name")
        known.add(name)
        if member(a, place, "floor", bool, False):
            floors.add(name)
        if member(a, place, "preload", bool, False):
            preloads.add(name)
        why = text(a, place, "skipped", "") or text(a, place, "broken", "")
        if why:
            absent.append((name, why))
    named = dict(enumerate(member(own, where, "names", list, [])))
    names = {text(named, f"{where}.names", i) for i in named} | known
    place = f"{where}.timeline_failures"
    failures = [
        (text(f, place, "name"), text(f, place, "cause"))
        for f in member(own, where, "timeline_failures", list, [])
    ]
    environment = member(own, where, "environment", dict, {})
    rested, rest_failures = parse_rests(own, where)
    started = text(own, where, "started", "date unknown")
    if re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$", started):
        started = f"{started[:10]} {started[11:16]} UTC"
    return Facts(
        version=text(own, where, "version", "(version unknown)"),
        host=text(context, "context", "host_name", "(host unknown)"),
        cpu=text(machine, f"{where}.machine", "cpu", "CPU unknown"),
        cpus=count(machine, f"{where}.machine", "cpus_usable"),
        started=started,
        quick=member(own, where, "quick", bool, False),
        complete=member(own, where, "complete", bool, True),
        random_addresses=member(
            machine,
            f"{where}.machine",
            "address_randomization",
            bool,
            machine.get("randomize_va_space") != "0",
        ),
        environment={k: text(environment, f"{where}.environment", k, "") for k in environment},
        # A run with a library preloaded, and one without, agree on all that comes before it.
        names=sorted(names - preloads) + sorted(preloads),
        floors=floors,
        absent=absent,
        timeline_failures=failures,
        groups=parse_groups(own, where, workloads),
        unmeasured=parse_unmeasured(own, where),
        long_rest=member(own, where, "long_rest_seconds", int, 0),
        rested=rested,
        rest_failures=rest_failures,
        reached=parse_reached(own, where),
    )


def parse(document: Any) -> Results:
    """The rows of a parsed bench.json. Raises ValueError if it is none, or if digests differ."""
    rows: dict[tuple[str, str, int], Row] = {}
    # Rows are compared within a round, and equal seeds mean equal requests in every round. (Runs of before
    # each round had a seed of its own have the same one in all.)
    digests: dict[tuple[str, int, str, int], dict[str, str]] = defaultdict(dict)
    for i, entry in enumerate(member(document, "the file", "benchmarks", list)):
        place = f"benchmarks[{i}]"
        place += f" ({text(entry, place, 'name', 'no name')})"
        if text(entry, place, "run_type") != "iteration":
            continue  # an aggregate of Google Benchmark
        workload, allocator = text(entry, place, "workload"), text(entry, place, "allocator")
        threads = count(entry, place, "threads")
        key = (workload, allocator, threads)
        row = rows.setdefault(key, Row(*key, floor=False))
        if member(entry, place, "error_occurred", bool, False):
            row.failures.append(text(entry, place, "error_message"))
            continue
        counters = [*POSITIVE, *REQUIRED, *(c for c in OPTIONAL if entry.get(c) is not None)]
        numbers = {c: amount(entry, place, c) for c in counters}
        row.instants.append(instants_of(entry, place))
        row.samples.append({**numbers, **of_instants(row.instants[-1])})
        for kind in ("block", "seed"):
            alike = (workload, threads, kind, member(entry, place, kind, int, 0))
            digests[alike].setdefault(text(entry, place, "digest"), allocator)
    for (workload, threads, kind, of), found in digests.items():
        if len(found) > 1:
            raise ValueError(
                f"samples of {workload} at {plural(threads, 'thread')} in {kind} {of} made different "
                f"requests ({', '.join(sorted(found.values()))}): not comparable"
            )
    if not rows:
        raise ValueError("no samples")
    facts = parse_facts(
        document.get("context"),
        {r.allocator for r in rows.values()},
        {r.workload for r in rows.values()},
    )
    quartiles = all(len(r.samples) >= FEW for r in rows.values() if r.samples)
    for row in rows.values():
        row.floor = row.allocator in facts.floors
        row.quartiles = quartiles
    return Results(facts, list(rows.values()))


# What the other commands store, and what shows it; {} is the run.
OTHERS = {
    "program.json": ("try", "scripts/verdicts/try_verdict.py {}"),
    "why.json": ("why", "scripts/verdicts/why_verdict.py {}"),
    "conformance.json": ("check", "scripts/junit.py {}"),
    "hardening.json": ("harden", "scripts/verdicts/matrix.py {}"),
    "gate.json": ("gate", "spanbench gate --judge {}"),
    "fleet.json": ("fleet", "make table RUN={}/class1"),
}


def refuse_another(path: Path) -> None:
    """A folder without bench.json, or what another command stored: says what it is, and what shows it."""
    if path.is_dir() and (path / "bench.json").exists():
        return
    folder, names = (path, list(OTHERS)) if path.is_dir() else (path.parent, [path.name])
    for name in names:
        if name in OTHERS and (folder / name).exists():
            command, shows = OTHERS[name]
            raise Unusable(
                f"{path}: a run of spanbench {command}, not of spanbench run (make bench); what shows it: "
                + shows.format(folder)
            )
    if path.is_dir():
        latest = path / "latest"
        meant = f"you may mean {latest}" if latest.exists() else "name the folder of a run"
        raise Unusable(
            f"{path}: not a run, for it has no bench.json; {meant} (make bench makes one)"
        )


def load(path: Path) -> Results:
    """Reads bench.json, or the directory of a run. Raises Unusable."""
    if path.name == "latest" and not path.exists():
        raise Unusable(f"{path}: no run is complete yet; make bench makes one")
    refuse_another(path)
    return read(path / "bench.json" if path.is_dir() else path, parse, "a run of spanbench")


SCHEMA = 1  # the version of the formats, of all that the driver and the gate store


def check_schema(document: Any) -> None:
    """What a newer spanbench wrote may mean something else by the same names. Files of before they told their version
    have the first. Raises ValueError, which names what can read the file."""
    for key in ("schema", "schema_version") if isinstance(document, dict) else ():
        told = document.get(key, SCHEMA)
        if type(told) is not int or told != SCHEMA:
            raise ValueError(
                f"its {key} is {told!r:.40}, and this spanbench knows {SCHEMA} alone; read it with "
                f"{writer_of(document)}, or update this one"
            )


def writer_of(document: dict[str, Any]) -> str:
    own: Any = document
    for inner in ("context", "spanbench"):
        own = own.get(inner, own) if isinstance(own, dict) else {}
    told = own.get("version") if isinstance(own, dict) else None
    if told is None and isinstance(document.get("machine"), dict):  # of gate.json
        told = document["machine"].get("spanbench")
    version = f", {printable(told)[:40]}" if isinstance(told, str) and told else ""
    return f"the spanbench that wrote it{version}"


def no_number(name: str) -> None:
    """Of NaN and Infinity, which Python reads and JSON does not have: no picture can show them."""
    raise ValueError(f"{name} is not a number")


def read(file: Path, parsed: Callable[[Any], T], what: str) -> T:
    """A file of JSON, which is to be `what`. Raises Unusable."""
    try:
        document = json.loads(file.read_bytes().decode("utf-8"), parse_constant=no_number)
        check_schema(document)
        return parsed(document)
    except Unusable:
        raise
    except OSError as problem:
        raise Unusable(f"{file}: {problem.strerror}") from problem
    except UnicodeDecodeError as problem:
        raise Unusable(f"{file}: not UTF-8 at byte {problem.start}") from problem
    except json.JSONDecodeError as problem:
        raise Unusable(f"{file}: not JSON: {problem}") from problem
    except RecursionError as problem:
        raise Unusable(f"{file}: nested too deeply") from problem
    except ValueError as problem:
        raise Unusable(f"{file}: not {what}: {problem}") from problem


def read_loosely(file: Path, parsed: Callable[[Any], T], what: str) -> T:
    """Likewise; `parsed` does not check the shape, and fails in any of the ways of SPOILED."""

    def checked(document: Any) -> T:
        try:
            return parsed(document)
        except Unusable:
            raise
        except SPOILED as problem:
            raise ValueError(fault(problem)) from problem

    return read(file, checked, what)


@dataclass
class Series:
    """One pass of the timeline: seconds since the process began, and bytes."""

    seconds: list[float] = field(default_factory=list)
    rss: list[float] = field(default_factory=list)
    vsz: list[float] = field(default_factory=list)


def load_timeline(path: Path) -> dict[tuple[str, str, int], Series]:
    """timeline.csv by (workload, allocator, threads). Raises Unusable."""
    series: dict[tuple[str, str, int], Series] = defaultdict(Series)
    line = 1
    try:
        with open(path, encoding="utf-8", newline="") as f:
            for line, record in enumerate(csv.DictReader(f), 2):
                s = series[(record["workload"], record["allocator"], int(record["threads"]))]
                for values, key in (
                    (s.seconds, "seconds"),
                    (s.rss, "rss_bytes"),
                    (s.vsz, "vsz_bytes"),
                ):
                    values.append(float(record[key]))
                    if not 0 <= values[-1] < MOST:
                        raise ValueError(key)
    except OSError as problem:
        raise Unusable(f"{path}: {problem.strerror}") from problem
    except (csv.Error, KeyError, TypeError, ValueError) as problem:
        raise Unusable(f"{path}: line {line} is not one of a timeline") from problem
    return dict(series)
