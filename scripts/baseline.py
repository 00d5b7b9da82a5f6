#!/usr/bin/python3
"""The stored base of the gate's counts, results/baseline.json: compares this tree's gomalloc with it,
or renews it.

The counts of the file may be of other tools, another kind of machine or another harness. Then this
builds and counts its commit here instead. It does the same in workloads in which this tree seems to be
worse than the counts, or nothing can be said. On a busy machine the same library may count otherwise
than it did on the day when they were stored. Build the project first: make.

Exit codes:

  0   no regression
  1   a regression
  2   wrong use or environment, and what cannot be counted
  75  undecided: too noisy; or the counts are not comparable here, and their commit is not in this clone,
      which is shallow or not of git
"""

from __future__ import annotations

import argparse
import math
import os
import subprocess
import sys
import tempfile
import traceback
from pathlib import Path

import bench_results
import program
from gate import baseline_file
from gate.base_and_head import GOMALLOC
from gate.findings import REGRESSION, UNDECIDED, Finding, Refusal, exit_code
from gate.report import headline


def say(text: str) -> None:
    print(text, flush=True)


def line(f: Finding) -> str:
    change = "" if math.isnan(f.change) else f", {f.change:+.2%}"
    note = f" ({f.note})" if f.note else ""
    return f"  {f.verdict}: {f.name}: {f.base:,.0f} -> {f.head:,.0f} {f.unit}{change}{note}"


def tell(findings: list[Finding]) -> None:
    for f in findings:
        if f.verdict != "pass" or f.note:
            say(line(f))


def again(_: str) -> str:
    """The command that compares a row again."""
    return "scripts/baseline.py check"


def confirmed(
    base: baseline_file.Stored, build: Path, directory: Path, findings: list[Finding]
) -> list[Finding]:
    """Compares rows that do not pass against the stored counts anew, with the base's commit."""
    doubtful = {f.row for f in findings if f.verdict in ("fail", "inconclusive")}
    if not doubtful:
        return findings
    try:
        baseline_file.built(base, build)
    except Refusal as problem:
        say(f"  not confirmed side by side: {problem}")
        return findings
    names = [work.workload for work in base.rows if work.row in doubtful]
    say(f"  {base.commit[:12]} built and counted side by side with this tree, {', '.join(names)}:")
    beside = baseline_file.compare_built(base, build, directory, again, names)
    tell(beside)
    if not any(f.verdict == "fail" for f in beside):
        say("  nothing fails so: the stored counts are of another day, and the machine's load")
    return [f for f in findings if f.row not in doubtful] + beside


def check(file: Path, build: Path, directory: Path) -> int:
    base = baseline_file.read(file)
    baseline_file.check_rows(base, build)
    differences = base.differences(build)
    say(f"gate, counts: gomalloc of this tree against {base.commit[:12]}")
    for difference in differences:
        say(f"  the stored counts are not comparable here: {difference}")
    if differences:
        say("  so that commit is built and counted, too")
        every = [work.workload for work in base.rows]
        findings = baseline_file.compare_built(base, build, directory, again, every)
    else:
        findings = baseline_file.compare_counts(base, build, directory, again)
    tell(findings)
    if not differences:
        findings = confirmed(base, build, directory, findings)
    say(headline(findings, strict=True))
    code = exit_code(findings, strict=True)
    if code == REGRESSION:
        say(
            "If that is what was meant: say why in the commit, and renew the base with make baseline."
        )
    elif code == UNDECIDED and any(math.isnan(f.head) for f in findings):
        raise Refusal("what was not counted does not pass; the reason stands above")
    return code


def renew(file: Path, build: Path, directory: Path) -> int:
    base = baseline_file.measure(build, directory)
    baseline_file.write(base, file)
    say(f"{file} has the counts of {base.commit[:12]}; commit it")
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("action", choices=("check", "renew"))
    parser.add_argument(
        "--file", type=Path, default=baseline_file.FILE, help="default: %(default)s"
    )
    asked = parser.parse_args()
    build = baseline_file.ROOT / os.environ.get("B", "build")
    if not (build / "cell" / "system").exists() or not (build / GOMALLOC).exists():
        raise Refusal(f"{build} has no cell or no {GOMALLOC}: run make")
    with tempfile.TemporaryDirectory(prefix="spanbench-baseline-") as directory:
        return (check if asked.action == "check" else renew)(asked.file, build, Path(directory))


def refused() -> int:
    try:
        return main()
    except (Refusal, subprocess.SubprocessError) as problem:
        print(f"{Path(sys.argv[0]).name}: {bench_results.printable(str(problem))}", file=sys.stderr)
        return UNDECIDED if isinstance(problem, baseline_file.Absent) else program.WRONG_USE
    except OSError:
        raise
    except Exception:  # else it would end with 1: a regression
        traceback.print_exc()
        return program.WRONG_USE


if __name__ == "__main__":
    program.run(refused, unread=program.WRONG_USE)  # what nobody read did not pass
