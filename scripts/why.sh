#!/bin/sh
# Explains the memory of a command with the driver; the variables are those of `make why`.
#
# usage: [VARIABLE=value …] scripts/why.sh        after `make`; `make why` does both
#   CMD='command for sh'       what to run
#   ALLOCATORS=a or PRELOAD=./liba.so   OUT=dir B=dir
#   ARGS="--opt=a --opt=b"     further options of the driver, split at blanks; quotes mean nothing
#
# The exit code is that of the driver (build/spanbench why --help), or, if that is 0, of the plot
# and of the page, report.html.

# shellcheck disable=SC2086  # ARGS are split at blanks on purpose
set -euf
# shellcheck source=scripts/variables.sh
. "$(dirname "$0")/variables.sh"
take_no_words "$@"
need_driver
if [ -z "${CMD:-}" ]; then
  echo "why.sh: which command? make why CMD='./program argument'" >&2
  exit 2
fi

set -- --out "${OUT:-${root}results}"
[ -z "${ALLOCATORS:-}" ] || set -- "$@" --allocator "$ALLOCATORS"
[ -z "${PRELOAD:-}" ] || set -- "$@" --preload "$PRELOAD"
for option in ${ARGS:-}; do set -- "$@" "$option"; done

run_driver why "$@" -- /bin/sh -c "exec $CMD"
[ -n "$run" ] && [ "$code" -lt 2 ] || exit "$code"
later=0
"${root}scripts/report/__main__.py" --if-possible "$run" || later=$?
"${root}scripts/verdicts/why_plot.py" "$run" || later=$?
[ "$code" != 0 ] || code=$later
exit "$code"
