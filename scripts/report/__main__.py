#!/usr/bin/python3
"""Writes the page of a run, report.html, into its folder: one file for a browser, which needs no network.

It has the answer in sentences, a picture and a table for each question, and the commands that repeat the run. With
--base, it shows what changed from another run to this one.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # run as a file, it is of a package

import program
from report import write


def main() -> int:
    sys.argv[0] = "report"  # what errors and usage begin with
    parser = program.parser(__doc__, "scripts/report/__main__.py results/latest")
    parser.add_argument(
        "--out", type=Path, help="the file to write (default: report.html in the run)"
    )
    parser.add_argument(
        "--base", type=Path, help="compare the run with this one, and write compare.html instead"
    )
    parser.add_argument(
        "--allocators",
        type=str.split,
        default=[],
        metavar="'A B'",
        help="compare the rows of these alone (with --base)",
    )
    parser.add_argument(
        "--if-possible", action="store_true", help="where jinja2 is missing, end with exit code 0"
    )
    args = parser.parse_args()
    if args.allocators and not args.base:
        parser.error("--allocators goes with --base")
    if args.base:
        made = write.write_comparison(args.base, args.run, args.out, args.allocators)
    else:
        made = write.write(args.run, args.out)
    if made is None:
        print(
            "report: no page without jinja2: install python3-jinja2 (scripts/deps.sh bench does), then run "
            "make report",
            file=sys.stderr,
        )
        return 0 if args.if_possible else program.WRONG_USE
    print(f"page: {made}")
    return 0


if __name__ == "__main__":
    program.run(main)
