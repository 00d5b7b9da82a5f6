#!/usr/bin/python3
"""Proves by experiments that the pages of make bench claim the differences that are there, and no others.

  null      runs of one library under two names: how many differences do their pages claim?
  planted   likewise, but the second has a cost in it, of time in one row and of memory in another: found?

Wants a quiet machine. On two cores, a whole run takes 50 seconds, and a quick one 15. Ends with 1 if a promise is
broken. That is so if all null pages together make more than one claim, or if a page does not claim a plant.

Each run measures fresh copies of its libraries, for where a file lies in memory is luck, too. A pair of few rounds among
many pairs cannot be claimed alone, whatever its samples are. Those pairs are counted apart. Twenty pages show only so much:
the last line says what share of such pages may make a claim, by Clopper and Pearson's bound.
"""

from __future__ import annotations

import argparse
import html
import json
import math
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Sequence

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import program
from bench_results import Unusable
from gate.base_and_head import GOMALLOC, ROOT
from gate.findings import Refusal
from gate_proof import planted
from report import write

BUILD = (ROOT / os.environ.get("B", "build")).resolve()
NAMES = "one", "two"
RUNS = {"null": 20, "planted": 3}
MOST_CLAIMS = 1  # on all null pages together
CONFIDENCE = 0.95  # of the bound
# The plants, in rows of the answer; of others, few rounds cannot tell a single difference.
THREADS = len(os.sched_getaffinity(0))
SLOW, SLOWER, CALIBRATION_BLOCKS = f"small/threads:{THREADS}", 0.10, 9
FAT, FATTER = f"tiny/threads:{THREADS}", 50  # one block in so many is never freed
WANTED = ((f"small/{THREADS}", "time"), (f"tiny/{THREADS}", "memory"))
# What a sentence of a page says of the best, and of nobody where there is none.
CLAIMS = {
    "time": "is fastest: ",
    "memory": "takes least memory: ",
    "peak memory": "has the lowest peak of memory: ",
}
SURE = "All others are worse for sure."


@dataclass(frozen=True)
class Claim:
    """What a page says: this name is better there."""

    place: str  # workload/threads
    measure: str
    better: str

    def __str__(self) -> str:
        return f"{self.place} {self.measure}: {self.better} is better"


@dataclass(frozen=True)
class Said:
    """`comparisons`: the pairs of which a single claim is possible; `closed`: all others."""

    comparisons: int
    closed: int
    claims: list[Claim]


def most_share(count: int, of: int) -> float:
    """The largest share of pages that may make a claim, if so many of these did. With a larger one, so few would be seen in
    less than 1 of 20 experiments."""
    low, high = count / of, 1.0
    for _ in range(50):  # halves the width each time
        share = (low + high) / 2
        so_few = sum(
            math.comb(of, k) * share**k * (1 - share) ** (of - k) for k in range(count + 1)
        )
        low, high = (share, high) if so_few > 1 - CONFIDENCE else (low, share)
    return high


def said_by(page: str) -> Said:
    """By its pictures and tables. Raises Unusable where its sentences make another number of claims."""
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    if not found:
        raise Unusable("the page has no data")
    data = json.loads(found[1])
    count, closed, claims = 0, 0, []
    for place, of in data["places"].items():
        measures = data["measures"][place.rpartition("/")[0]]
        for (measure, *_), flat in zip(measures, of["pairs"]):
            names = [data["allocators"][row[0]] for row in of["rows"]]
            left = iter(flat)
            for one, other in combinations(names, 2):
                if not next(left):  # they have no ratio
                    closed += 1
                    continue
                _, _, told, _ = (next(left) for _ in range(4))
                closed += told == 2  # nothing can be told of it
                count += told != 2
                if told in (1, -1):
                    claims.append(Claim(place, measure, one if told == 1 else other))
    sentences = [
        html.unescape(s) for s in re.findall(r'<li id="[^"]*" class="finding">(.*?) <a', page)
    ]
    by_sentence = Counter(
        measure for s in sentences if SURE in s for measure, words in CLAIMS.items() if words in s
    )
    if by_sentence != Counter(c.measure for c in claims):
        raise Unusable(
            f"the page's sentences claim {dict(by_sentence)}, and its data {list(map(str, claims))}"
        )
    return Said(count, closed, claims)


@dataclass(frozen=True)
class Bench:
    folder: Path  # of the libraries and runs
    pages: Path
    options: Sequence[str]  # of the driver

    def run(self, libraries: Sequence[Path], seed: int) -> Said:
        """Of fresh copies of the two, and of the floor, which is in no comparison."""
        with tempfile.TemporaryDirectory(dir=self.folder, prefix="copies-") as fresh:
            copies = [
                shutil.copy(library, Path(fresh) / f"{name}.so")
                for name, library in zip(NAMES, libraries)
            ]
            run = self.measured(copies, seed)
        page = write.write(run, self.pages / f"{seed}.html")
        if page is None:
            raise Unusable("there is no page without jinja2 (scripts/deps.sh bench)")
        return said_by(page.read_text(encoding="utf-8"))

    def measured(self, libraries: Sequence[Path], seed: int) -> Path:
        told = self.folder / "told"
        command = [str(BUILD / "spanbench"), "run", "--allocators", "null", "--seed", str(seed)]
        for name, library in zip(NAMES, libraries):
            command += ["--preload", f"{name}={library}"]
        command += ["--out", str(self.folder / "runs"), "--directory-to", str(told)]
        command += ["--no-timeline", *self.options]
        done = subprocess.run(
            [*program.ends_with_this(), *command],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise Unusable(f"seed {seed}: {done.stderr.strip() or 'the driver failed'}")
        return Path(told.read_text(encoding="utf-8").strip())


def null(bench: Bench, library: Path, seeds: Sequence[int]) -> bool:
    said = []
    for seed in seeds:
        said.append(bench.run([library, library], seed))
        print(
            f"seed {seed}: {said[-1].comparisons} comparisons, {len(said[-1].claims)} claims",
            end="",
        )
        print("".join(f"; {c}" for c in said[-1].claims), flush=True)
    claims, claiming = sum(len(s.claims) for s in said), sum(bool(s.claims) for s in said)
    print(
        f"null: {claims} claims on {len(seeds)} pages, of {sum(s.comparisons for s in said)} comparisons. Of "
        f"{sum(s.closed for s in said)} more pairs, no single claim is possible."
    )
    share = most_share(claiming, len(said))
    print(
        f"{claiming} of {len(said)} pages make a claim. So at most {share:.1%} of such pages do, at {CONFIDENCE:.0%} confidence."
    )
    return claims <= MOST_CLAIMS


def with_costs(bench: Bench, library: Path) -> list[Path]:
    cost = planted.Calibration(library, BUILD, bench.folder).cost(SLOW, CALIBRATION_BLOCKS)
    plants: list[list[planted.Plant]] = [[], [cost.slower(SLOWER), planted.leak(FAT, FATTER)]]
    return [
        planted.build(library, of, bench.folder / f"{name}.so") for name, of in zip(NAMES, plants)
    ]


def missed(said: Said) -> list[str]:
    return [
        f"{place} {measure}"
        for place, measure in WANTED
        if Claim(place, measure, NAMES[0]) not in said.claims
    ]


def find(bench: Bench, library: Path, seeds: Sequence[int]) -> bool:
    libraries = with_costs(bench, library)
    lost = 0
    for seed in seeds:
        said = bench.run(libraries, seed)
        gone = missed(said)
        lost += len(gone)
        print(f"seed {seed}: {'; '.join(map(str, said.claims)) or 'no claim'}", end="")
        print("".join(f"; MISSED: {what}" for what in gone), flush=True)
    total = len(WANTED) * len(seeds)
    print(f"planted: {total - lost} of {total} found")
    return not lost


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog="example: scripts/page_proof/null_runs.py null --pages /tmp/pages",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("experiment", choices=tuple(RUNS))
    add("--runs", type=int, help="pages (default: 20 null ones, 3 planted ones)")
    add("--seed", type=int, default=1, help="of the first; the next has the next (default: 1)")
    add("--library", type=Path, default=BUILD / GOMALLOC, help="(default: %(default)s)")
    add("--pages", type=Path, help="a folder that keeps the pages")
    add("--quick", action="store_true", help="a quarter of the work, and fewer rounds")
    args = parser.parse_args()
    runs = RUNS[args.experiment] if args.runs is None else args.runs
    if runs < 1:
        raise Unusable("--runs needs a number above 0")
    if not args.library.is_file():
        raise Unusable(f"{args.library}: there is no such library; build it with make")
    work = {"null": null, "planted": find}[args.experiment]
    with tempfile.TemporaryDirectory(prefix="spanbench-null-") as name:
        folder = Path(name)
        bench = Bench(folder, args.pages or folder / "pages", ["--quick"] * args.quick)
        bench.pages.mkdir(parents=True, exist_ok=True)
        try:
            good = work(bench, args.library.resolve(), range(args.seed, args.seed + runs))
        except Refusal as problem:
            raise Unusable(str(problem)) from problem
    return 0 if good else 1


if __name__ == "__main__":
    program.run(main)
