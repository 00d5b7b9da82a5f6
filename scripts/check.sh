#!/bin/sh
# Runs the conformance checks with the driver; the variables are those of `make check`.
#
# usage: [VARIABLE=value …] scripts/check.sh        after `make`; `make check` does both
#   ALLOCATORS="a b"           PRELOAD="./liba.so n=./b"   PROFILE=c17|c23|posix2024|glibc|cxx17
#   CHECKS="fork.* realloc.*"  SEED=n   TIMEOUT=s          OUT=dir   B=dir
#   ARGS="--tap --verbose"     further options of the driver
#
# Exit code: that of the driver.
#
# shellcheck disable=SC2086  # PRELOAD and ARGS are split at blanks on purpose
set -euf
root=$(CDPATH='' cd "$(dirname "$0")/.." && pwd -P)/
[ "$root" != "$(pwd -P)/" ] || root=
build=${B:-${root}build}
set -- check --out "${OUT:-${root}results}"
[ -z "${ALLOCATORS:-}" ] || set -- "$@" --allocators "$ALLOCATORS"
[ -z "${CHECKS:-}" ] || set -- "$@" --checks "$CHECKS"
[ -z "${PROFILE:-}" ] || set -- "$@" --profile "$PROFILE"
[ -z "${SEED:-}" ] || set -- "$@" --seed "$SEED"
[ -z "${TIMEOUT:-}" ] || set -- "$@" --timeout "$TIMEOUT"
for library in ${PRELOAD:-}; do set -- "$@" --preload "$library"; done
for option in ${ARGS:-}; do set -- "$@" "$option"; done
exec "$build/spanbench" "$@"
