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

# shellcheck disable=SC2086  # PRELOAD and ARGS are split at blanks on purpose
set -euf
# shellcheck source=scripts/variables.sh
. "$(dirname "$0")/variables.sh"
take_no_words "$@"
need_driver
need_results

set -- --out "${OUT:-${root}results}"
! is_quick || set -- "$@" --quick
! is_yes RIVALS "${RIVALS:-}" || set -- "$@" --rivals
[ -z "${ALLOCATORS:-}" ] || set -- "$@" --allocators "$ALLOCATORS"
[ -z "${WORKLOADS:-}" ] || set -- "$@" --workloads "$WORKLOADS"
[ -z "${GROUP:-}" ] || set -- "$@" --group "$GROUP"
[ -z "${THREADS:-}" ] || set -- "$@" --threads "$THREADS"
[ -z "${SIZES:-}" ] || set -- "$@" --sizes "$SIZES"
[ -z "${LONG_REST:-}" ] || set -- "$@" --long-rest "$LONG_REST"
[ -z "${THP:-}" ] || set -- "$@" --thp "$THP"
[ -z "${REPS:-}" ] || set -- "$@" --repetitions "$REPS"
[ -z "${SEED:-}" ] || set -- "$@" --seed "$SEED"
[ -z "${TIMEOUT:-}" ] || set -- "$@" --timeout "$TIMEOUT"
if preload_is_one; then set -- "$@" --preload "$PRELOAD"; else
  hint_at_blanks
  for library in ${PRELOAD:-}; do set -- "$@" --preload "$library"; done
fi
for option in ${ARGS:-}; do set -- "$@" "$option"; done

run_driver run "$@"
if [ "$code" -gt 128 ]; then
  [ -z "$run" ] || echo "bench.sh: what was finished says: ${root}scripts/answer.py '$run'" >&2
  exit "$code"
fi
[ -n "$run" ] || exit "$code" # nothing was measured; the driver said why

later=0
# keep FILE COMMAND...: what it prints, whole or not at all
keep() {
  file=$1
  shift
  "$@" >"$run/.$file.new" || later=$?
  mv -f "$run/.$file.new" "$run/$file"
}
"${root}scripts/plot.py" "$run" >/dev/null || later=$?
"${root}scripts/report/__main__.py" --if-possible "$run" >/dev/null || later=$?
keep answer.txt "${root}scripts/answer.py" --all "$run"
keep table.txt "${root}scripts/table.py" "$run"
"${root}scripts/answer.py" "$run" || later=$?
plots=', plots/' page=', report.html'
[ -d "$run/plots" ] || plots=''
[ -f "$run/report.html" ] || page=''
echo "All of it: $run/"
echo "  answer.txt, table.txt, bench.json$plots$page"
[ "$code" != 0 ] || code=$later
exit "$code"
