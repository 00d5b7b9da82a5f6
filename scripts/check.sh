#!/bin/sh
# Runs the conformance checks, or the hardening matrix, with the driver; the variables are those of
# `make check` and `make harden`.
#
# usage: [VARIABLE=value …] scripts/check.sh [check]    after `make`; `make check` does both
#        [VARIABLE=value …] scripts/check.sh check-whole   `make check-whole`: all that checks generate
#        [VARIABLE=value …] scripts/check.sh check-tsan    `make check-tsan`: cross_thread.* under ThreadSanitizer
#        [VARIABLE=value …] scripts/check.sh harden     `make harden`
#   ALLOCATORS="a b"           PRELOAD="./liba.so n=./b"   SEED=n TIMEOUT=s OUT=dir B=dir
#   CHECKS="fork.* realloc.*"  PROFILE=c17|c23|posix2024|glibc|cxx17     of check
#   MISUSES="double_free.*"    SIZES="tiny small large"   RUNS=k         of harden
#   RIVALS=1                   also the newer builds that `make rivals` fetched
#   ARGS="--tap --verbose"     further options of the driver
#
# After the checks, scripts/junit.py writes their JUnit file, conformance.xml, also of a run that found
# something or was interrupted. Both commands leave a page for a browser, report.html.
#
# Exit code: that of the driver; 2 if that is 0 and conformance.xml cannot be written.

set -euf
# shellcheck source=scripts/variables.sh
. "$(dirname "$0")/variables.sh"
command=check
whole='' tsan=''
case ${1:-} in
check-whole)
  whole=1
  shift
  ;;
check-tsan)
  tsan=1
  shift
  ;;
check | harden)
  command=$1
  shift
  ;;
esac
take_no_words "$@"
need_driver
need_results

set -- --out "${OUT:-${root}results}"
if [ "$whole" ]; then
  set -- "$@" --whole
  CHECKS=${CHECKS:-history.* errno.* overflow.* posix_memalign.*} # those that generate
fi
if [ "$tsan" ]; then
  set -- "$@" --cells "${driver%/*}/tsan/cell"
  CHECKS=${CHECKS:-cross_thread.*} # those that hand blocks from thread to thread
  # The first race ends the cell, and its last line says where it is.
  export TSAN_OPTIONS="halt_on_error=1 ${TSAN_OPTIONS:-}"
fi
# shellcheck source=scripts/driver_words.sh
. "${root}scripts/driver_words.sh"
run_driver "$command" "$@"
[ -n "$run" ] || exit "$code" # nothing was judged, or it could not be saved; the driver said why
"${root}scripts/report/__main__.py" --if-possible "$run" >/dev/null || true # it said why
[ "$command" = check ] || exit "$code"
if "${root}scripts/junit.py" "$run"; then
  printf '%s\n' "check.sh: $run/conformance.xml" >&2
else
  printf '%s\n' "check.sh: $run/conformance.xml is not written" >&2
  [ "$code" != 0 ] || code=2
fi
exit "$code"
