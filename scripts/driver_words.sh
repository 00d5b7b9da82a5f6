# shellcheck shell=sh
# Adds to "$@" the options of the driver that the user's variables ask for, for $command: run, check or
# harden. scripts/bench.sh, scripts/check.sh and scripts/fleet.sh source it, after variables.sh.

# shellcheck disable=SC2086,SC2154  # PRELOAD and ARGS are split at blanks on purpose
[ -z "${ALLOCATORS:-}" ] || set -- "$@" --allocators "$ALLOCATORS"
case $command in
run)
  ! is_quick || set -- "$@" --quick
  [ -z "${WORKLOADS:-}" ] || set -- "$@" --workloads "$WORKLOADS"
  [ -z "${GROUP:-}" ] || set -- "$@" --group "$GROUP"
  [ -z "${THREADS:-}" ] || set -- "$@" --threads "$THREADS"
  [ -z "${SIZES:-}" ] || set -- "$@" --sizes "$SIZES"
  [ -z "${LONG_REST:-}" ] || set -- "$@" --long-rest "$LONG_REST"
  [ -z "${THP:-}" ] || set -- "$@" --thp "$THP"
  [ -z "${REPS:-}" ] || set -- "$@" --repetitions "$REPS"
  ;;
check)
  [ -z "${CHECKS:-}" ] || set -- "$@" --checks "$CHECKS"
  [ -z "${PROFILE:-}" ] || set -- "$@" --profile "$PROFILE"
  ;;
harden)
  [ -z "${MISUSES:-}" ] || set -- "$@" --misuses "$MISUSES"
  [ -z "${SIZES:-}" ] || set -- "$@" --sizes "$SIZES"
  [ -z "${RUNS:-}" ] || set -- "$@" --runs "$RUNS"
  ;;
esac
! is_yes RIVALS "${RIVALS:-}" || set -- "$@" --rivals
[ -z "${SEED:-}" ] || set -- "$@" --seed "$SEED"
[ -z "${TIMEOUT:-}" ] || set -- "$@" --timeout "$TIMEOUT"
if preload_is_one; then set -- "$@" --preload "$PRELOAD"; else
  hint_at_blanks
  for library in ${PRELOAD:-}; do set -- "$@" --preload "$library"; done
fi
for option in ${ARGS:-}; do set -- "$@" "$option"; done
