# shellcheck shell=sh
# Adds to "$@" the options of the driver that the variables of scripts/bench.sh ask for. scripts/bench.sh and
# scripts/fleet.sh source it, after variables.sh.

# shellcheck disable=SC2086  # PRELOAD and ARGS are split at blanks on purpose
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
