#!/bin/sh
# Runs a command under each allocator with the driver; the variables are those of `make try`.
#
# usage: [VARIABLE=value …] scripts/try.sh        after `make`; `make try` does both
#   CMD='command for sh'       what to run
#   ALLOCATORS="a b"           PRELOAD="./liba.so n=./b"   RUNS=n SEED=n TIMEOUT=s OUT=dir B=dir
#   RIVALS=1                   also the newer builds that `make rivals` fetched
#   ARGS="--opt=a --opt=b"     further options of the driver, split at blanks; quotes mean nothing
#
# The exit code is that of the driver (build/spanbench try --help), or, if that is 0, of the plots
# and of the page, report.html.

set -euf
# shellcheck source=scripts/variables.sh
. "$(dirname "$0")/variables.sh"
take_no_words "$@"
need_driver
if [ -z "${CMD:-}" ]; then
  echo "try.sh: which command? make try CMD='./program argument'" >&2
  exit 2
fi

set -- --out "${OUT:-${root}results}"
# shellcheck source=scripts/try_words.sh
. "${root}scripts/try_words.sh"

run_driver try "$@" --shell -- "$CMD"
[ -n "$run" ] && [ "$code" -lt 2 ] || exit "$code"
later=0
"${root}scripts/report/__main__.py" --if-possible "$run" || later=$?
"${root}scripts/verdicts/try_plot.py" --if-possible "$run" || later=$?
[ "$code" != 0 ] || code=$later
exit "$code"
