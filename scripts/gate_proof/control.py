"""The control of a gate, for every night. Of identical libraries, it must not say that one is worse.
Of a library that is slower by a tenth of an operation in one row, it must. A gate
that fails here cries wolf or is blind; nothing it said since the last good night is worth much.

Exit code 0: the gate is good; 1: it is not; 2: it could not be tried; else: that of its interruption.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parent.parent)  # run as a file, it is of a package

import program
from gate import base_and_head
from gate_proof import planted, run_gate
from gate.findings import PASS, REGRESSION, WRONG_USE, Refusal

ROW = "small/threads:1"
SLOWER = 0.10
TRIES = 3  # of the control: undecided on a busy machine is not blind
UNDECIDED = ("void", "inconclusive")
CALIBRATION_BLOCKS = 9


def check_usable_size(library: Path) -> None:
    """The slower copy has a malloc_usable_size in any case, and passes on what the library says. What is
    not a library is left to the gate."""
    names = subprocess.run(
        ["nm", "--dynamic", "--defined-only", "--format=posix", library],
        capture_output=True,
        text=True,
    )
    if names.returncode == 0 and not re.search("^malloc_usable_size ", names.stdout, re.MULTILINE):
        raise Refusal(
            f"{library} has no malloc_usable_size, which the control's slower copy would have, and "
            "say 0 of all blocks: let the library have it (the size that was asked for, or more)"
        )


def control(library: Path, row: str, build: Path, directory: Path) -> int:
    workload, _, threads = row.partition("/threads:")
    check_usable_size(library)
    more = ("--quick", "--tier", "timed", "--workloads", workload, "--threads", threads)
    code, _ = run_gate.run(library, library, build, directory, *more)
    if code != PASS:
        if code == REGRESSION:
            print("control: CRIES WOLF: identical libraries, and the gate says regression")
        return code
    print("control: identical libraries: no regression")
    cost = planted.Calibration(library, build, directory).cost(row, CALIBRATION_BLOCKS)
    base = planted.build(library, [], directory / "base.so")
    head = planted.build(library, [cost.slower(SLOWER)], directory / "head.so")
    for seed in range(1, TRIES + 1):
        code, document = run_gate.run(base, head, build, directory, *more, "--seed", str(seed))
        if code not in (PASS, REGRESSION):
            return code
        failed = [
            f"{f['row']} {f['metric']}" for f in document["findings"] if f["verdict"] == "fail"
        ]
        if f"{row} ns_per_op" in failed:
            print(f"control: +{SLOWER:.0%} in {row}: found")
            return 0
        print(f"control: +{SLOWER:.0%} in {row}: not found, the gate says {document['verdict']}")
        if document["verdict"] not in UNDECIDED:
            break
    if document["verdict"] in UNDECIDED:
        print(f"control: UNDECIDED {TRIES} times: a machine too noisy for {row}, or a blind gate")
    else:
        print("control: BLIND: the gate does not find what it must")
    return 1


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    build = (base_and_head.ROOT / os.environ.get("B", "build")).resolve()
    default = build / base_and_head.GOMALLOC
    add = parser.add_argument
    add(
        "shared_object",
        metavar="LIBRARY",
        nargs="?",
        type=Path,
        default=default,
        help="(default: %(default)s)",
    )
    add("--row", default=ROW, help="WORKLOAD/threads:N (default: %(default)s)")
    asked = parser.parse_args()
    try:
        if not asked.shared_object.is_file():
            raise Refusal(f"there is no library {asked.shared_object}")
        with tempfile.TemporaryDirectory(prefix="spanbench-control-") as directory:
            return control(asked.shared_object.resolve(), asked.row, build, Path(directory))
    except (Refusal, subprocess.CalledProcessError) as problem:
        print(f"control: {problem}", file=sys.stderr)
        return WRONG_USE


if __name__ == "__main__":
    program.run(main, unread=WRONG_USE)
