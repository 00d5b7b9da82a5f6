#!/usr/bin/python3
"""Proves by experiments that `spanbench try` finds what is there, and nothing else.

  null      the same library under three names: how many differences are claimed?
  planted   a library that makes each program 10 % slower, and one that makes it 20 % fatter: found?
  cost      what does it cost a program to be measured?
  why       what does the counter of `spanbench why` cost a loop of malloc and free, and redis?

Wants a quiet machine, and minutes. The promises: of the null, at most 1 % of the comparisons of a program with a
library claim any difference; each plant is found; being measured costs less than 1 %. The counter at most doubles
the loop's time, and adds a tenth to that of redis. Ends with 0 if each promise is shown, with 1 if one is broken, and
else with 75: more runs would tell.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import shutil
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, Optional

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(HERE.parent))

import program
import promise
import why_cost
from gate import stats
from promise import Outcome
from verdicts import try_claims
from verdicts import try_results
from bench_results import Unusable
from verdicts.try_words import aligned, number, percent

BURDEN = ROOT / "allocators" / "faulty" / "burden.c"
SPANBENCH = ROOT / "build" / "spanbench"
NAMES = 3  # of the same library
PLANTED_ROWS = 4  # the C library's, without a burden, slower, fatter
MEASURES = (try_results.TIME, try_results.CPU, try_results.MEMORY)
PROMISE = 0.01
FEW = "jemalloc,mimalloc,tcmalloc"
LIBRARIES = (FEW, f"{FEW},scudo,{ROOT}/build/libgomalloc.so")
SLOWER, FATTER = 0.10, 0.20
PROBE_STEPS, PROBE_BYTES = 300, 4 << 20  # of the calibration
PROBE_RUNS = 7
PROBE_GROWTH, PROBES = 10, 6  # a probe with less effect than this share is followed by a larger one
PROBE_EFFECT = 0.05

# Each takes some tenths of a second, and is of the user's machine. {d} is a folder with data.
PROGRAMS: dict[str, list[str]] = {
    "python3": [
        "/usr/bin/python3",
        "-ISc",
        "import json; x = [{'k%d' % i: [i, str(i)]} for i in range(30000)]; json.loads(json.dumps(x))",
    ],
    "perl": ["perl", "-e", "my %h; $h{$_ % 60000} .= $_ for 1..400000; print scalar keys %h"],
    "awk": ["awk", 'BEGIN { for (i = 0; i < 300000; i++) a[i] = i "x"; print length(a) }'],
    "sort": ["sort", "--parallel=2", "-o", "/dev/null", "{d}/lines"],
    "sqlite3": [
        "sqlite3",
        ":memory:",
        "create table t(a, b); insert into t with recursive n(i) as (select 1 union all select i + 1 "
        "from n limit 150000) select i, hex(i * 7919) from n; create index x on t(b); "
        "select count(*) from t;",
    ],
    "gcc": ["gcc", "-O1", "-c", "-o", "/dev/null", "{d}/many.c"],
    "bash": ["bash", "-c", "for i in {1..40000}; do a[i]=$i$i; done; echo ${#a[@]}"],
    "git": ["git", "-C", str(ROOT), "log", "--stat", "-n", "60"],
    "ruby": ["ruby", "-e", "h = {}; 200000.times { |i| h[i.to_s] = 'x' * (i % 90) }; puts h.size"],
    "node": ["node", "-e", "let a = []; for (let i = 0; i < 2e5; i++) a.push('' + i); a.sort()"],
}


@dataclass
class Bench:
    """What experiments share."""

    folder: Path
    runs: int
    programs: dict[str, list[str]]

    def attempt(self, name: str, runs: int, *options: str) -> try_results.Results:
        out = self.folder / "results"
        fixed = ["--out", str(out), "--quiet", "--runs", str(runs), "--env", "PYTHONMALLOC=malloc"]
        words = [word.replace("{d}", str(self.folder)) for word in self.programs[name]]
        done = subprocess.run(
            [str(SPANBENCH), "try", *fixed, *options, "--", *words],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise Unusable(f"{name}: {done.stderr.strip().splitlines()[-1]}")
        return try_results.load(out / "latest-try")


def data(folder: Path) -> None:
    lines = ((i * 2654435761) % 2**32 for i in range(150_000))
    (folder / "lines").write_text("".join(f"{x:08x} line\n" for x in lines))
    body = "\n".join(
        f"int f{i}(int *a, int n) {{ int s = {i}; while (n--) s += a[n] * {i}; return s; }}"
        for i in range(600)
    )
    (folder / "many.c").write_text(body)


def build_burden(folder: Path) -> Path:
    library = folder / "burden.so"
    subprocess.run(
        [
            "cc",
            "-O2",
            "-shared",
            "-fPIC",
            "-fno-builtin",
            "-o",
            str(library),
            str(BURDEN),
        ],
        check=True,
    )
    return library


# --- the same under several names -------------------------------------------------------------------


def claims_of(verdict: try_claims.Verdict) -> tuple[int, list[str]]:
    """How many comparisons there were, and which of them claim something."""
    once = verdict.once
    return len(once), [f"{c.pair.metric.name}: {try_claims.change(c)}" for c in once if c.differs]


def check_runs(runs: int, rows: int) -> None:
    """With fewer, no single difference could be claimed, however large."""
    comparisons = math.comb(rows, 2) * len(MEASURES)
    fewest = stats.fewest_blocks(2 * comparisons)  # a difference may be up or down
    if runs < fewest:
        raise Unusable(
            f"--runs {runs}: fewer than {fewest} can prove nothing in {comparisons} comparisons"
        )


def null(bench: Bench, libraries: list[Path], repeat: int) -> Outcome:
    """A trial is one verdict of `spanbench try`. What it compares is one family, and not independent."""
    check_runs(bench.runs, NAMES)
    trials, wrong, total, false = 0, 0, 0, 0
    for _, name, library in itertools.product(range(repeat), bench.programs, libraries):
        options = ["--allocators", "system"]
        for i in range(NAMES):
            copy = bench.folder / f"copy{i}-{library.name}"
            shutil.copy(library, copy)
            options += ["--preload", f"name{i}={copy}"]
        results = bench.attempt(name, bench.runs, *options)
        results.rows = [row for row in results.rows if row.name.startswith("name")]
        count, said = claims_of(try_claims.judge(results))
        trials, wrong = trials + 1, wrong + bool(said)
        total, false = total + count, false + len(said)
        print(f"{name}, {library.name}: {count} comparisons, {len(said)} claims", *said, flush=True)
    print(null_words(wrong, trials, false, total))
    return promise.of_share(wrong, trials, PROMISE)


def null_words(wrong: int, trials: int, claims: int, comparisons: int) -> str:
    low, high = promise.bounds(wrong, trials)
    said = {
        Outcome.SHOWN: "shown",
        Outcome.BROKEN: f"BROKEN, it is {percent(low)} % or more",
        Outcome.OPEN: f"not shown; {promise.enough_without_any(PROMISE)} verdicts without a claim show it",
    }[promise.of_share(wrong, trials, PROMISE)]
    return (
        f"null: {wrong} of {trials} verdicts make a claim, so at most {percent(high)} % do (95 % sure); "
        f"{claims} of {comparisons} comparisons. At most {percent(PROMISE)} %: {said}."
    )


# --- a plant of a known size ------------------------------------------------------------------------


def middle(results: try_results.Results, row: str, metric: try_results.Metric) -> float:
    (found,) = [r for r in results.good if r.name == row]
    return statistics.median(found.values[metric.name].values())


def calibrated(probe: float, without: float, with_probe: float, share: float) -> int:
    """How large the burden must be, if the probe's had this effect and effects are in proportion."""
    return max(1, round(probe * share * without / (with_probe - without)))


def calibrate(
    measure: Callable[[int], tuple[float, float]], probe: int, share: float, name: str
) -> int:
    """`measure`: what a burden of this size costs, without and with it. A program that seldom calls
    malloc needs a larger one before it shows."""
    for size in (probe * PROBE_GROWTH**i for i in range(PROBES)):
        without, with_probe = measure(size)
        if with_probe >= without * (1 + PROBE_EFFECT):
            return calibrated(size, without, with_probe, share)
    raise Unusable(f"{name}: no burden has an effect: give a program that calls malloc")


def plant(bench: Bench, name: str, library: Path) -> dict[str, Optional[try_claims.Claim]]:
    """What is claimed of each plant, against the library without a burden."""
    base = ["--allocators", "system", "--preload", f"burden={library}"]

    def effect(metric: try_results.Metric, variable: str) -> Callable[[int], tuple[float, float]]:
        def measure(size: int) -> tuple[float, float]:
            row = f"burden:{variable}={size}"
            results = bench.attempt(name, PROBE_RUNS, *base, "--row", row)
            return middle(results, "burden", metric), middle(results, row, metric)

        return measure

    time, memory = try_results.TIME, try_results.MEMORY
    steps = calibrate(effect(time, "BURDEN_STEPS"), PROBE_STEPS, SLOWER, name)
    held = calibrate(effect(memory, "BURDEN_BYTES"), PROBE_BYTES, FATTER, name)
    slow, fat = f"burden:BURDEN_STEPS={steps}", f"burden:BURDEN_BYTES={held}"
    results = bench.attempt(name, bench.runs, *base, "--row", slow, "--row", fat)
    verdict = try_claims.judge(results)
    return {
        "slower": verdict.claim(time, slow, "burden"),
        "fatter": verdict.claim(memory, fat, "burden"),
    }


def found(claim: Optional[try_claims.Claim]) -> bool:
    return bool(claim and claim.differs and not claim.less)


def planted(bench: Bench) -> Outcome:
    check_runs(bench.runs, PLANTED_ROWS)
    library = build_burden(bench.folder)
    missed = 0
    for name in bench.programs:
        for kind, claim in plant(bench, name, library).items():
            missed += not found(claim)
            said = try_claims.change(claim) if claim and claim.differs else "no claim"
            print(f"{name}, {kind}: {'found' if found(claim) else 'MISSED'}: {said}", flush=True)
    print(f"planted: {2 * len(bench.programs) - missed} of {2 * len(bench.programs)} found")
    return Outcome.BROKEN if missed else Outcome.SHOWN


# --- the price of being measured --------------------------------------------------------------------


def cost(bench: Bench) -> Outcome:
    lines = [["", "time, watched", "not watched", "ratio, with its 95 % interval", "less than 1 %"]]
    outcomes = {}
    for name in bench.programs:
        options = ("--allocators", "system", "--row", "system:watch=off")
        results = bench.attempt(name, bench.runs, *options)
        by_name = {row.name: row for row in results.good}
        watched, free = by_name["system"], by_name["system:watch=off"]
        pair = try_claims.pair_of(try_results.TIME, watched, free)
        assert pair
        e = pair.effect
        outcomes[name] = promise.of_ratio(e, 1 + PROMISE)
        times = [
            number(1e3 * try_claims.median(r, try_results.TIME)) + " ms" for r in (watched, free)
        ]
        ratio = f"{math.exp(e.location):.4f} ({math.exp(e.low):.4f}..{math.exp(e.high):.4f})"
        lines.append([name, *times, ratio, promise.words(e, 1 + PROMISE)])
    print("\n".join(aligned(lines)))
    print(f"cost: less than {percent(PROMISE)} % is {promise.summary(outcomes)}")
    return promise.worst(outcomes.values())


def chosen(names: Optional[str]) -> dict[str, list[str]]:
    wanted = names.split(",") if names else list(PROGRAMS)
    kept = {}
    for name in wanted:
        if name not in PROGRAMS:
            raise Unusable(f"no program '{name}'; there are {', '.join(PROGRAMS)}")
        if shutil.which(PROGRAMS[name][0]):
            kept[name] = PROGRAMS[name]
        else:
            print(f"{name}: left out: {PROGRAMS[name][0]} is not installed", file=sys.stderr)
    return kept


def libraries_of(names: list[str]) -> list[Path]:
    """Files, or those of allocators that replace malloc where they are preloaded."""
    found = []
    for name in names:
        command = [str(SPANBENCH), "describe", name]
        known: Any = {}
        if "/" not in name:
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            known = json.loads(done.stdout) if done.returncode == 0 else {}
        file = Path(known.get(name, {}).get("object", name))
        if not file.is_file() or "/" not in str(file):
            raise Unusable(f"{name}: neither a file nor an allocator; see 'spanbench list'")
        found.append(file)
    return found


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog="example: scripts/try_proof/proof.py planted --programs perl,sort,awk,sqlite3,python3",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("experiment", choices=("null", "planted", "cost", "why"))
    parser.add_argument(
        "--programs", metavar="LIST", help=f"of {','.join(PROGRAMS)} (default: all)"
    )
    parser.add_argument("--runs", type=int, default=40, help="of each row (default: %(default)s)")
    parser.add_argument(
        "--repeat", type=int, default=1, metavar="N", help="the null so many times (default: 1)"
    )
    parser.add_argument(
        "--libraries",
        metavar="LIST",
        help="allocators or files, for the null, and allocators for why (default: jemalloc, mimalloc and tcmalloc; "
        "for the null also scudo and gomalloc)",
    )
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="spanbench-proof-") as name:
        bench = Bench(Path(name), args.runs, chosen(args.programs))
        data(bench.folder)
        names = (args.libraries or LIBRARIES[args.experiment == "null"]).split(",")
        if args.experiment == "null":
            outcome = null(bench, libraries_of(names), args.repeat)
        elif args.experiment == "why":
            by_name = dict(zip(names, libraries_of(names)))
            outcome = why_cost.why_cost(bench.folder, SPANBENCH, by_name, args.runs)
        else:
            outcome = {"planted": planted, "cost": cost}[args.experiment](bench)
    return int(outcome.value)


if __name__ == "__main__":
    program.run(main)
