"""Slow and fat allocators, allocators/faulty/bench/*.c with the key `exposed-by`: each workload shows what it claims to
show, by counts and not by clocks. `exposed-by: WORKLOAD MEASURE` promises that, of all workloads, this one has the largest
factor between the allocator and `base`, and at least twice the median of the factors. A third word names another
allocator than `base`. A fourth is for what needs a large heap: one in so many operations is run, not one in 8."""

import functools
import json
import os
import random
import re
import statistics
import tempfile
import unittest
from pathlib import Path
from typing import Any, Callable, Iterable, NamedTuple, Optional

from driving import FAULTY, ROOT, adapter_keys, at_once, cell, run, slow
from run_cases import late

SEED = "3"
SPAN = "sample_timed_span"
# Caches as callgrind simulates them: bytes, ways, and bytes of a line.
CACHES = ["--cache-sim=yes", "--I1=32768,8,64", "--LL=16777216,16,64"]


def pages(entries: int) -> list[str]:
    """A table of pages (TLB) of so many entries in the place of the first cache."""
    return [*CACHES, f"--D1={entries * 4096},4,4096"]


class Counts(NamedTuple):
    """What callgrind counted in the timed span, by name, and how many operations there were."""

    events: dict[str, int]
    ops: int


def missed(level: str) -> Callable[[Counts], float]:
    """Misses of data. One in a hundred operations is added: no factor is of nothing."""
    return lambda c: c.events[f"{level}mr"] + c.events[f"{level}mw"] + c.ops / 100


LOCKS = "pthread_mutex_lock"


def calls_of(function: str, text: str) -> int:
    """How often callgrind saw the function called. It gives each name a number where it first stands."""
    numbers = re.findall(rf"^c?fn=(\(\d+\)) {function}\b", text, re.M)
    calls = re.findall(r"^cfn=(\(\d+\)).*\ncalls=(\d+)", text, re.M)
    return sum(int(count) for number, count in calls if number in numbers)


# What a measure is, and how callgrind must be called for it.
CALLGRIND: dict[str, tuple[list[str], Callable[[Counts], float]]] = {
    "instructions": ([], lambda c: c.events["Ir"]),
    # As with misses, one in a hundred operations is added.
    "locks": ([], lambda c: c.events[LOCKS] + c.ops / 100),
    "lines": ([*CACHES, "--D1=32768,8,64"], missed("D1")),
    "pages": (pages(64), missed("D1")),
    "far-pages": (pages(4096), missed("D1")),
}
# Of the cell's own record. What is added keeps a few pages more or less from being a factor.
RECORD: dict[str, Callable[[dict[str, Any]], float]] = {
    "faults": lambda r: float(r["minor_faults"] + 100),
    # As allocators/faulty/bench/lines.h counts: blocks in cache lines of which another thread had a part.
    "shared": lambda r: float(r["stats_allocated_bytes"] + r["ops"] / 100),
    "resident": lambda r: float(r["rss_live_bytes"] - r["rss_start_bytes"] + (1 << 20)),
}


@functools.cache
def workloads() -> dict[str, dict[str, Any]]:
    return {w["name"]: w for w in cell("system", "--describe")["workloads"]}


class Planted(NamedTuple):
    workload: str
    measure: str
    base: str = "base"
    # Of the operations of a brief sample, valgrind runs one in so many: most of its time is its own start then.
    part: str = "8"


@functools.cache
def planted() -> dict[str, Planted]:
    found = {}
    for source in sorted((ROOT / "allocators" / "faulty" / "bench").glob("*.c")):
        words = adapter_keys(source).get("exposed-by", "").split()
        if words and words != ["nothing"]:
            found[source.stem] = Planted(*words)
    return found


def threads_of(workload: str, wanted: int) -> int:
    """So many, or as few or many as the workload takes."""
    takes = workloads()[workload]
    return int(min(max(wanted, takes["least_threads"]), takes["most_threads"]))


def words(workload: str, ops: int, threads: int) -> list[str]:
    return ["--run", workload, "--ops", f"{ops}", "--seed", SEED, "--threads", f"{threads}"]


def missing(code: int, who: str) -> bool:
    """Whether the workload needs what the allocator lacks."""
    assert code in (0, 2), f"{who} ended with {code}"
    return code == 2


def counted(text: str, ops: int) -> Counts:
    """From what callgrind wrote."""
    names = re.search(r"^events: (.*)$", text, re.M)
    totals = re.search(r"^(?:summary|totals): (.*)$", text, re.M)
    assert names and totals, "callgrind counted nothing"
    found = [*map(int, totals[1].split()), *[0] * 9]  # it leaves out the last ones if they are 0
    events = dict(zip(names[1].split(), found))
    return Counts({**events, LOCKS: calls_of(LOCKS, text)}, ops)


class Way(NamedTuple):
    """How a count of an allocator is taken, of all workloads. Several measures may share it."""

    name: str
    options: tuple[str, ...]  # of callgrind
    part: int


def count(way: Way) -> Optional[dict[str, Counts]]:
    """All samples are copies of one process before main: allocators/faulty/bench/base.h. None: no time is left."""
    if late():
        return None
    ops = {w: max(1, of["brief_ops"] // way.part) for w, of in workloads().items()}
    samples = " ".join(f"{w} {n} {threads_of(w, 1)}" for w, n in ops.items())
    with tempfile.TemporaryDirectory(prefix="spanbench-test-") as directory:
        tool = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={directory}/%p"]
        result = run(
            *[*tool, f"--toggle-collect={SPAN}", *way.options, FAULTY / way.name],
            *words("each", 1, 1),
            env={**os.environ, "BASE_SAMPLES": samples},
            timeout=3600,  # of all
        )
        assert result.returncode == 0, f"{way}: {result.stderr}"
        ended = re.findall(r"^(\d+) (\d+)$", result.stdout, re.M)
        assert len(ended) == len(ops), f"{way}: {result.stdout}{result.stderr}"
        counts = {}
        for (process, status), workload in zip(ended, ops):
            code = os.waitstatus_to_exitcode(int(status))
            if not missing(code, f"{way}, {workload}: {result.stderr}"):
                text = (Path(directory) / process).read_text()
                counts[workload] = counted(text, ops[workload])
        return counts


@functools.cache
def recorded(name: str, workload: str, threads: int) -> Optional[dict[str, Any]]:
    """The cell's own record. None: the workload needs what the allocator lacks."""
    ops = workloads()[workload]["quick_ops"]
    result = run(FAULTY / name, *words(workload, ops, threads_of(workload, threads)))
    if missing(result.returncode, f"{name}, {workload}: {result.stderr}"):
        return None
    record: dict[str, Any] = json.loads(result.stdout)
    return record


def ways(name: str) -> list[Way]:
    """Of the allocator and of what it is compared with."""
    p = planted()[name]
    if p.measure in RECORD:
        return []
    options = tuple(CALLGRIND[p.measure][0])
    return [Way(who, options, int(p.part)) for who in (p.base, name)]


def counts_of(names: Iterable[str]) -> dict[Way, dict[str, Counts]]:
    """Each once."""
    wanted = list(dict.fromkeys(way for name in names for way in ways(name)))
    if until := os.environ.get("TEST_UNTIL"):  # time may be over before the last one
        random.Random(until).shuffle(wanted)
    return {way: counts for way, counts in zip(wanted, at_once(count, wanted)) if counts}


def factor(name: str, workload: str, counts: dict[Way, dict[str, Counts]]) -> Optional[float]:
    p = planted()[name]
    if p.measure in RECORD:
        threads = 2 if p.measure == "shared" else 1
        records = [recorded(who, workload, threads) for who in (p.base, name)]
        base, bad = (RECORD[p.measure](r) if r else None for r in records)
    else:
        found = [counts[way].get(workload) for way in ways(name)]
        base, bad = (CALLGRIND[p.measure][1](c) if c else None for c in found)
    return bad / base if base and bad else None


class Exposed(unittest.TestCase):
    def test_each_names_a_workload_and_a_measure(self) -> None:
        self.assertGreaterEqual(len(planted()), 15)
        for name, p in planted().items():
            self.assertIn(p.workload, workloads(), name)
            self.assertIn(p.measure, {*RECORD, *CALLGRIND}, name)
            self.assertTrue((FAULTY / p.base).exists(), name)

    def test_one_is_exposed(self) -> None:
        """That the measures work at all, in a second; all of them is for `make test-all`."""
        self.assertGreater(factor("realloc_faults", "realloc_huge", {}) or 0, 2)
        self.assertLess(factor("realloc_faults", "realloc_geometric", {}) or 9, 1.5)

    @slow
    def test_each_is_exposed_by_its_own_workload_and_by_no_other_as_well(self) -> None:
        counts = counts_of(planted())
        for name, p in planted().items():
            own = p.workload
            with self.subTest(name, exposed_by=own, measure=p.measure):
                over = late()
                if over and (p.measure in RECORD or not all(way in counts for way in ways(name))):
                    self.skipTest(over)
                all_of = at_once(lambda w: (w, factor(name, w, counts)), workloads())
                factors = {w: f for w, f in all_of if f is not None}
                told = ", ".join(
                    f"{w} {f:.2f}" for w, f in sorted(factors.items(), key=lambda x: -x[1])[:4]
                )
                median = statistics.median(factors.values())
                print(f"# {name}: {p.measure}: {told}; median {median:.2f}", flush=True)
                self.assertEqual(max(factors, key=lambda w: factors[w]), own, told)
                self.assertGreaterEqual(factors[own], 2 * median, told)


if __name__ == "__main__":
    unittest.main()
