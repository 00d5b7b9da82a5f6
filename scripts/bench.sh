#!/bin/sh
# Measures with the driver, then prints the table and draws the plots of exactly that run.
#
# usage: [VARIABLE=value …] scripts/bench.sh        after `make`; `make bench` does both
#   QUICK=1                    under a minute (1 or yes; 0, no or nothing: the whole)
#   ALLOCATORS="a b"           WORKLOADS="tiny small large"   THREADS="1 2 4"   (default: all)
#   PRELOAD="./liba.so n=./b"  also measure these malloc libraries; n= names the row
#   REPS=n SEED=n TIMEOUT=s    samples of each row, seed, limit in seconds of one sample
#   OUT=dir                    where the directory of the run is made (default: results)
#   ARGS="--opt=a --opt=b"     further options of the driver, split at blanks; quotes mean nothing
#   B=dir                      where the driver was built (default: build)
#
# Exit code: that of the driver, 0 good, 1 a sample or a timeline failed, 2 wrong use or environment,
# 128 + n signal n; else that of the table or of the plots.

# shellcheck disable=SC2086  # PRELOAD and ARGS are split at blanks on purpose
set -euf
# shellcheck source=scripts/variables.sh
. "$(dirname "$0")/variables.sh"
take_no_words "$@"
need_driver

directory_file=${driver%/*}/bench-directory.$$
set -- run --directory-to "$directory_file" --out "${OUT:-${root}results}"
! is_quick || set -- "$@" --quick
[ -z "${ALLOCATORS:-}" ] || set -- "$@" --allocators "$ALLOCATORS"
[ -z "${WORKLOADS:-}" ] || set -- "$@" --workloads "$WORKLOADS"
[ -z "${THREADS:-}" ] || set -- "$@" --threads "$THREADS"
[ -z "${REPS:-}" ] || set -- "$@" --repetitions "$REPS"
[ -z "${SEED:-}" ] || set -- "$@" --seed "$SEED"
[ -z "${TIMEOUT:-}" ] || set -- "$@" --timeout "$TIMEOUT"
for library in ${PRELOAD:-}; do set -- "$@" --preload "$library"; done
for option in ${ARGS:-}; do set -- "$@" "$option"; done

# The driver runs in the background, so that a signal reaches it at once; it then saves what it has.
# It always gets SIGTERM: a shell starts what is in the background with SIGINT ignored.
signal='' child=''
# shellcheck disable=SC2317  # called by the traps
stop() {
  signal=$1
  [ -z "$child" ] || kill "$child" 2>/dev/null || true
}
trap 'stop 1' HUP
trap 'stop 2' INT
trap 'stop 3' QUIT
trap 'stop 15' TERM
"$driver" "$@" &
child=$!
[ -z "$signal" ] || kill "$child" 2>/dev/null || true
while :; do
  code=0
  wait "$child" || code=$?
  kill -0 "$child" 2>/dev/null || break # a signal ended the wait, not the driver
done
trap - HUP INT QUIT TERM

run=
if [ -f "$directory_file" ]; then
  run=$(cat "$directory_file")
  rm -f "$directory_file"
fi
if [ -n "$signal" ] || [ "$code" -gt 128 ]; then
  [ -z "$run" ] || echo "bench.sh: a table of what was finished: ${root}scripts/table.py '$run'" >&2
  exit "$((${signal:+128 + }${signal:-$code}))"
fi
[ -n "$run" ] || exit "$code" # nothing was measured; the driver said why

later=0
"${root}scripts/table.py" "$run" || later=$?
"${root}scripts/plot.py" "$run" >/dev/null || later=$?
[ "$later" != 0 ] || echo "plots: $run/plots/"
echo "data:  $run/bench.json"
[ "$code" != 0 ] || code=$later
exit "$code"
