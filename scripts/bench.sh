#!/bin/sh
# Measures with the driver, then prints the answer and draws the plots of exactly that run.
#
# usage: [VARIABLE=value …] scripts/bench.sh        after `make`; `make bench` does both
#   QUICK=1                    under a minute (1 or yes; 0, no or nothing: the whole)
#   ALLOCATORS="a b"           THREADS="1 2 4"   (default: all)
#   GROUP="core threads"       groups of workloads, or all (default: core); spanbench --list-workloads
#   WORKLOADS="tiny larson"    workloads or groups by name
#   PRELOAD="./liba.so n=./b"  also measure these malloc libraries; n= names the row
#   RIVALS=1                   also measure the newer builds that `make rivals` fetched
#   REPS=n SEED=n TIMEOUT=s    samples of each row, seed, limit in seconds of one sample
#   SIZES=file                 a size, or a size and its count, in each line: requests of your program;
#   SIZES=lognormal:100,1.5    or a distribution; measured by the workload sizes (default, where they are given)
#   LONG_REST=60               of GROUP=memory: read memory again so many seconds after the end
#   THP=never                  no transparent huge pages (never, madvise, always; default: as they are)
#   OUT=dir                    where the directory of the run is made (default: results)
#   ARGS="--opt=a --opt=b"     further options of the driver, split at blanks; quotes mean nothing
#   B=dir                      where the driver was built (default: build)
#
# The run's folder also gets answer.txt, with what had no room here, table.txt, with all numbers, and the page
# report.html, with pictures.
#
# The exit code is that of the driver: 0 good, 1 a sample or a timeline failed, 2 wrong use or
# environment, 128 + n signal n. If the driver's is 0, it is that of the table, the plots or the page.

set -euf
# shellcheck source=scripts/variables.sh
. "$(dirname "$0")/variables.sh"
take_no_words "$@"
need_driver
need_results

set -- --out "${OUT:-${root}results}"
command=run
# shellcheck source=scripts/driver_words.sh
. "${root}scripts/driver_words.sh"

run_driver "$command" "$@"
if [ "$code" -gt 128 ]; then
  [ -z "$run" ] || printf '%s\n' "bench.sh: what was finished says: ${root}scripts/answer.py '$run'" >&2
  exit "$code"
fi
[ -n "$run" ] || exit "$code" # nothing was measured; the driver said why

later=0
"${root}scripts/show.sh" "$run" || later=$?
[ "$code" != 0 ] || code=$later
exit "$code"
