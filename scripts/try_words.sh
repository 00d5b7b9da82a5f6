# shellcheck shell=sh
# Adds to "$@" the options of `spanbench try` that the variables of scripts/try.sh ask for. scripts/try.sh and
# scripts/fleet.sh source it, after variables.sh.

# shellcheck disable=SC2086  # PRELOAD and ARGS are split at blanks on purpose
[ -z "${ALLOCATORS:-}" ] || set -- "$@" --allocators "$ALLOCATORS"
[ -z "${RUNS:-}" ] || set -- "$@" --runs "$RUNS"
[ -z "${SEED:-}" ] || set -- "$@" --seed "$SEED"
[ -z "${TIMEOUT:-}" ] || set -- "$@" --timeout "$TIMEOUT"
! is_yes RIVALS "${RIVALS:-}" || set -- "$@" --rivals
if preload_is_one; then set -- "$@" --preload "$PRELOAD"; else
  hint_at_blanks
  for library in ${PRELOAD:-}; do set -- "$@" --preload "$library"; done
fi
for option in ${ARGS:-}; do set -- "$@" "$option"; done
