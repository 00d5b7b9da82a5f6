# shellcheck shell=sh
# Adds to "$@" the options of the gate that the variables of scripts/gate.sh ask for. scripts/gate.sh and scripts/fleet.sh
# source it, after variables.sh.

# shellcheck disable=SC2086  # ARGS is split at blanks on purpose
! is_quick || set -- "$@" --quick
# With =: a value that begins with a dash is one.
[ -z "${BASE:-}" ] || set -- "$@" --base="$BASE"
[ -z "${HEAD:-}" ] || set -- "$@" --head="$HEAD"
[ -z "${TIER:-}" ] || set -- "$@" --tier="$TIER"
[ -z "${WORKLOADS:-}" ] || set -- "$@" --workloads="$WORKLOADS"
[ -z "${THREADS:-}" ] || set -- "$@" --threads="$THREADS"
[ -z "${SEED:-}" ] || set -- "$@" --seed="$SEED"
[ -z "${TIMEOUT:-}" ] || set -- "$@" --timeout="$TIMEOUT"
for option in ${ARGS:-}; do set -- "$@" "$option"; done
