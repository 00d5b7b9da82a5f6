#!/usr/bin/python3
"""The counts of gomalloc over its commits: those that the gate compares, which no clock enters.

  record [COMMIT...]   builds each commit's gomalloc, counts it with this tree's harness, and adds a line
                       to the store; of a range a..b all commits that changed gomalloc. Without a commit:
                       the newest of this tree, which must have no changes of gomalloc. A commit that
                       did not change gomalloc stands for the last before it that did
  plot                 draws the counts of every row, the changes marked
  table                prints the changes; with --row and --metric, the counts of each commit, too

The present level began at the first commit, or at the last change. A change is marked where all processes
lie beyond those of that commit by more than the gate's limit. Only counts by the same tools, harness and
kind of machine are compared. Times are not stored, for machines drift; for them: make gate BASE=COMMIT.

Exit code 0: good, 1: a commit does not build or cannot be counted (the others are recorded), 2: wrong use
or environment. Build the project first: make.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
import tempfile
from datetime import datetime, timezone
from pathlib import Path
from typing import Callable, Optional, Sequence

sys.path.insert(0, str(Path(__file__).resolve().parent))  # also where Python does not add it

import history_changes
import program
import bench_results
import history_file
from gate import base_and_head, baseline_file, deterministic
from gate.counting import KINDS, Counting, Work, required, works
from gate.findings import Refusal
from history_file import Entry, Key

PROCESSES = (
    deterministic.REPEATS + deterministic.CONFIRM
)  # as many as the gate takes of what looks like a change
PLOTS = history_file.ROOT / "results" / "history"
LOCAL = PLOTS / "local.jsonl"  # of this working copy: git ignores it
SHORT = 8  # digits of a commit's name
EXAMPLES = """examples:
  scripts/history.py record
  scripts/history.py record HEAD~20..HEAD
  scripts/history.py plot --row small/threads:1 --metric instructions --metric minor_faults
  scripts/history.py table --row tiny/threads:1 --metric syscalls.madvise
"""


def say(text: str) -> None:
    print(text, flush=True)


def stored(asked: argparse.Namespace) -> list[Entry]:
    """Of the store that was named, or of both; the later line of a commit counts."""
    stores = [asked.store] if asked.store else [history_file.FILE, LOCAL]
    found = {one.identity: one for file in stores for one in history_file.read(file)}
    return list(found.values())


# --- record ---------------------------------------------------------------------------------------


def commits_of(words: Sequence[str], root: Path) -> list[str]:
    """Those that are meant, oldest first in a range; each is one that changed the library."""
    if not words:
        return [baseline_file.commit_of_library(root)]
    found = [c for word in words for c in (range_of if ".." in word else single)(word, root)]
    return list(dict.fromkeys(found))


def range_of(word: str, root: Path) -> list[str]:
    names = base_and_head.git(
        "rev-list", "--reverse", "--end-of-options", word, "--", *baseline_file.SOURCES, root=root
    )
    if names is None:
        raise Refusal(f"'{word}' is not a range of commits of this repository")
    if not names:
        raise Refusal(f"no commit of {word} changed gomalloc")
    return names.split()


def single(word: str, root: Path) -> list[str]:
    found = base_and_head.git(
        "rev-parse", "--verify", "--quiet", "--end-of-options", f"{word}^{{commit}}", root=root
    )
    if not found:
        raise Refusal(
            f"'{word}' is not a commit of this repository (git fetch --unshallow gets all)"
        )
    commit = found.split()[-1]
    changed = base_and_head.git(
        "log", "-1", "--format=%H", commit, "--", *baseline_file.SOURCES, root=root
    )
    if not changed:
        raise Refusal(f"commit {commit[:12]} has no gomalloc")
    return [changed]


def check_depth(commits: Sequence[str], root: Path) -> None:
    """At the end of a shallow clone, a commit seems to have changed everything."""
    file = base_and_head.git(
        "rev-parse", "--path-format=absolute", "--git-path", "shallow", root=root
    )
    ends = Path(file).read_text().split() if file and Path(file).is_file() else []
    cut = [c[:12] for c in commits if c in ends]
    if cut:
        raise Refusal(
            f"which commit changed gomalloc cannot be told: the clone ends at {', '.join(cut)}; "
            "git fetch --unshallow"
        )


def date_of(commit: str, root: Path) -> str:
    seconds = int(base_and_head.git("log", "-1", "--format=%ct", commit, root=root) or 0)
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def count(
    library: Path, build: Path, workloads: Optional[Sequence[str]]
) -> dict[Work, history_file.Metrics]:
    rows = {}
    with tempfile.TemporaryDirectory(prefix="spanbench-history-") as directory:
        counting = Counting(build / "cell" / "system", Path(directory))
        for work in works(counting.cell, workloads, baseline_file.SEED):
            (processes,) = deterministic.count(counting, [library], work, PROCESSES, KINDS)
            rows[work] = history_file.metrics_of(processes)
    return rows


def check_use(file: Path, build: Path, workloads: Optional[Sequence[str]]) -> None:
    """Refuses at once what would fail with every commit, or after the first."""
    if not file.parent.is_dir():
        raise Refusal(f"there is no directory {file.parent}")
    required()
    if not works(build / "cell" / "system", workloads, baseline_file.SEED):
        raise Refusal("no workload is to be counted")


def record(asked: argparse.Namespace, build: Path, root: Path = base_and_head.ROOT) -> int:
    workloads = None if asked.workloads is None else asked.workloads.split()
    store = asked.store or (history_file.FILE if asked.keep else LOCAL)
    if store == LOCAL:
        LOCAL.parent.mkdir(parents=True, exist_ok=True)
    check_use(store, build, workloads)
    commits = commits_of(asked.commits, root)
    check_depth(commits, root)
    key = tuple(sorted(baseline_file.key(build).items()))
    counted = {one.identity: one for one in stored(asked)}
    kept = {one.identity for one in history_file.read(store)} if asked.keep else set(counted)
    failed = 0
    for commit in commits:
        if (commit, key) in kept and not asked.again:
            say(f"{commit[:SHORT]}: is in the store (--again counts it once more)")
            continue
        if (commit, key) in counted and not asked.again:
            history_file.add(counted[commit, key], store)
            say(f"{commit[:SHORT]}: was counted before; kept")
            continue
        try:
            rows = count(base_and_head.build_commit(commit, build, root), build, workloads)
        except (Refusal, deterministic.Broken) as problem:
            said = str(problem).partition("; give another base")[0]
            print(
                f"history.py: {commit[:SHORT]} is not recorded: {bench_results.printable(said)}",
                file=sys.stderr,
            )
            failed += 1
            continue
        history_file.add(Entry(commit, date_of(commit, root), key, rows), store)
        say(f"{commit[:SHORT]}: recorded")
    return 1 if failed else 0


# --- show -----------------------------------------------------------------------------------------


def chosen(asked: argparse.Namespace) -> tuple[list[Entry], list[Work], list[str]]:
    """What there is of the rows and metrics that were asked for."""
    entries = stored(asked)
    name = asked.store or history_file.FILE
    if not entries:
        raise Refusal(f"{name} has no commits yet: scripts/history.py record")
    rows, metrics = history_changes.works(entries), history_changes.metrics(entries)
    for word, there in [(w, [r.row for r in rows]) for w in asked.row] + [
        (w, metrics) for w in asked.metric
    ]:
        if word not in there:
            raise Refusal(f"there is no '{word}' in {name}; there is {', '.join(there)}")
    return (
        entries,
        [r for r in rows if not asked.row or r.row in asked.row],
        [m for m in metrics if not asked.metric or m in asked.metric],
    )


def words_of(key: Key) -> str:
    """For people."""
    k = dict(key)
    short = k.get("compiler", "").replace("(", "").replace(")", "").split()
    compiler = f"{short[0]} {short[-1]}" if short else "unknown"
    return (
        f"{compiler}, {k.get('glibc')}, {k.get('valgrind')}, kernel {k.get('kernel')}, "
        f"processor {k.get('processor')}, harness {k.get('harness')}, flags {k.get('flags')}"
    )


def aligned(lines: Sequence[Sequence[str]], right: Sequence[int]) -> list[str]:
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    return [
        "  "
        + "  ".join(
            text.rjust(w) if i in right else text.ljust(w)
            for i, (text, w) in enumerate(zip(line, widths))
        ).rstrip()
        for line in lines
    ]


def series_of(
    entries: Sequence[Entry], rows: Sequence[Work], metrics: Sequence[str]
) -> list[tuple[Work, str, list[history_changes.Point]]]:
    return [(row, m, history_changes.points(entries, row, m)) for m in metrics for row in rows]


def changes_of(
    entries: Sequence[Entry], rows: Sequence[Work], metrics: Sequence[str]
) -> list[list[str]]:
    """A line for each change, with a head; empty: there is none."""
    head = ["row", "metric", "commit", "before", "", "after", "change"]
    lines = [
        [row.row, m, p.entry.commit[:SHORT], f"{p.before:,.0f}", "->", f"{p.value:,.0f}", p.change]
        for row, m, points in series_of(entries, rows, metrics)
        for p in points
        if p.marked
    ]
    return [head, *lines] if lines else []


def counts_of(
    entries: Sequence[Entry], rows: Sequence[Work], metrics: Sequence[str]
) -> list[list[str]]:
    head = ["row", "metric", "commit", "date", "counts", "change"]
    return [head] + [
        [row.row, m, p.entry.commit[:SHORT], p.entry.date[:10], f"{p.value:,.0f}"]
        + [p.change if p.marked else ""]
        for row, m, points in series_of(entries, rows, metrics)
        for p in points
    ]


def table(asked: argparse.Namespace) -> int:
    entries, rows, metrics = chosen(asked)
    for key, group in history_changes.by_key(entries).items():
        span = f"{group[0].commit[:SHORT]} .. {group[-1].commit[:SHORT]}"
        say(f"history: {bench_results.plural(len(group), 'commit')}, {span}; {words_of(key)}")
        found = changes_of(group, rows, metrics)
        lines = (
            aligned(found, (3, 5, 6)) if found else ["  no change by more than the gate's limits"]
        )
        if asked.row and asked.metric:
            lines = aligned(counts_of(group, rows, metrics), (4, 5))
        say("\n".join(lines))
    return 0


def plot(asked: argparse.Namespace) -> int:
    entries, rows, metrics = chosen(asked)
    os.environ["MPLBACKEND"] = "Agg"
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    try:
        import figures
        from figures import history
    except ModuleNotFoundError as missing:
        raise Refusal(
            f"no {missing.name}: install python3-matplotlib (or run scripts/deps.sh bench)"
        ) from missing
    if not asked.metric:
        metrics = [m for m in history.PANELS if m in metrics]
    groups = {words_of(key): group for key, group in history_changes.by_key(entries).items()}
    asked.out.mkdir(parents=True, exist_ok=True)
    paths = figures.save(history.draw(groups, rows, metrics), asked.out, "history")
    say(f"plot: {paths[0]}")
    return 0


# --- the command line -----------------------------------------------------------------------------


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    made = {name: actions.add_parser(name) for name in ("record", "plot", "table")}
    for each in made.values():
        each.add_argument(
            "--store",
            type=Path,
            help="default: results/history.jsonl, which git has, and results/history/local.jsonl, which "
            "it ignores, and to which record adds",
        )
    made["record"].add_argument("commits", nargs="*", metavar="COMMIT", help="or a range, a..b")
    made["record"].add_argument(
        "--again", action="store_true", help="also what is in the store; the new line counts"
    )
    made["record"].add_argument(
        "--keep", action="store_true", help="add to results/history.jsonl, to be committed"
    )
    made["record"].add_argument("--workloads", metavar="NAMES", help="default: the core")
    for name in ("plot", "table"):
        made[name].add_argument(
            "--row", action="append", default=[], help="small/threads:1; again for more"
        )
        made[name].add_argument(
            "--metric", action="append", default=[], help="instructions; again for more"
        )
    made["plot"].add_argument(
        "--out", type=Path, default=PLOTS, help="where it goes (default: results/history)"
    )
    return parser


def main() -> int:
    asked = arguments().parse_args()
    showing: dict[str, Callable[[argparse.Namespace], int]] = {"plot": plot, "table": table}
    if asked.action in showing:
        return showing[asked.action](asked)
    build = history_file.ROOT / os.environ.get("B", "build")
    if not (build / "cell" / "system").exists():
        raise Refusal(f"{build} has no cell: run make")
    return record(asked, build)


def refused() -> int:
    try:
        return main()
    except Refusal as problem:
        raise bench_results.Unusable(str(problem)) from problem


if __name__ == "__main__":
    recording = sys.argv[1:2] == ["record"]  # which ends there: what follows is not recorded
    program.run(refused, unread=program.WRONG_USE if recording else 0)
