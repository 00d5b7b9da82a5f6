#!/bin/sh
# Measures, checks or misuses on the nodes of a cluster, through Slurm: the rounds of one run, as tasks of a job array.
#
# usage: [VARIABLE=value …] scripts/fleet.sh        after `make`; `make fleet` does both
#   DO=submit|status|collect|cancel   (default: submit, wait, and collect; DO=submit alone does not wait)
#   RUN=folder                 of the fleet, for status, collect and cancel
#   WORK=bench|check|harden|gate|try|programs   what the nodes do (default: bench)
#   BATCH=n                    rounds of a task (default: 1; of the gate: of both its stages in proportion)
#   AT_ONCE=n                  so many tasks at a time (default: no limit)
#   CPUS=n                     of WORK=gate: that a node may use; other nodes do no work (default: by Slurm)
#   SBATCH="--partition=big --time=30"   further options of sbatch, split at blanks; quotes mean nothing.
#                              With DO=collect, of what it submits anew, in place of those of before.
#   QUICK ALLOCATORS WORKLOADS GROUP THREADS PRELOAD REPS SEED TIMEOUT SIZES LONG_REST THP ARGS
#                              as in scripts/bench.sh. REPS is the number of rounds.
#   CHECKS PROFILE MISUSES SIZES RUNS
#                              as in scripts/check.sh. With WORK=check, REPS=n makes all checks n times.
#   CMD RUNS                   as in scripts/try.sh
#   PROGRAMS QUICK RUNS CORE   as of make bench-programs, with WORK=programs
#   BASE HEAD                  as in scripts/gate.sh, which has no OUT of its own here. ARGS="--blocks n" has more rounds.
#   OUT=dir                    a folder that all nodes see under the same path (default: results)
#   UNSHARED=/tmp              they see none: the bundle goes by sbcast to this folder of each, and parts come back by srun.
#                              DO=submit alone then holds the tasks, and DO=collect releases them.
#   B=dir                      where the driver was built (default: build)
#
# Exit code: 0 good; 1 a sample failed, rounds are missing, or a regression; 2 wrong use or environment; 75 undecided and
# --strict; 128 + n signal n.

# shellcheck disable=SC2086  # SBATCH is split at blanks on purpose
set -euf
# shellcheck source=scripts/variables.sh
. "$(dirname "$0")/variables.sh"
take_no_words "$@"

# -E -s: the packages of Debian, whatever PYTHONPATH says
fleet() {
  exec /usr/bin/python3 -E -s "${root}scripts/fleet/__main__.py" "$@"
}
refuse() {
  printf '%s\n' "fleet.sh: $1" >&2
  exit 2
}
case ${DO:-} in
'' | submit)
  [ -z "${RUN:-}" ] ||
    refuse "RUN=$RUN is a fleet that is there: give DO=status, DO=collect or DO=cancel, too. A new one takes no RUN"
  ;;
status | collect | cancel)
  [ -n "${RUN:-}" ] || refuse "DO=$DO wants the folder of a fleet, RUN=results/…-fleet"
  if [ "$DO" = collect ]; then
    for option in ${SBATCH:-}; do set -- "$@" "--sbatch=$option"; done
  fi
  fleet "$DO" "$@" -- "$RUN"
  ;;
*) refuse "DO is submit, status, collect or cancel, not '$DO'" ;;
esac
case ${WORK:-} in
'' | bench) command=run ;;
check | harden | gate | programs) command=$WORK ;;
try)
  command=try
  [ -n "${CMD:-}" ] || refuse "which command? make fleet WORK=try CMD='./program argument'"
  ;;
*) refuse "WORK is bench, check, harden, gate, try or programs, not '$WORK'" ;;
esac
# What counts rounds has two names, and what chooses work is of one kind of it. Another would be ignored in silence.
case $command in
run | check) rounds="REPS=${RUNS:-n}" others="RUNS" ;;
gate) rounds='ARGS="--blocks=n"' others="REPS RUNS" ;;
*) rounds="RUNS=${REPS:-n}" others="REPS" ;;
esac
work=${WORK:-bench}
for name in $others; do
  eval "value=\${$name:-}"
  [ -z "$value" ] || refuse "$name is not for WORK=$work: give $rounds"
done
for of in check:CHECKS harden:MISUSES try:CMD gate:BASE gate:HEAD programs:PROGRAMS; do
  eval "value=\${${of#*:}:-}"
  [ -z "$value" ] || [ "$command" = "${of%:*}" ] || refuse "${of#*:} is for WORK=${of%:*}, not for WORK=$work"
done
need_driver
need_results
for option in ${SBATCH:-}; do set -- "$@" "--sbatch=$option"; done
[ -n "${DO:-}" ] || set -- "$@" --collect
[ -z "${BATCH:-}" ] || set -- "$@" --batch="$BATCH"
[ -z "${CPUS:-}" ] || set -- "$@" --cpus="$CPUS"
[ -z "${UNSHARED:-}" ] || set -- "$@" --unshared="$UNSHARED"
[ -z "${AT_ONCE:-}" ] || set -- "$@" --at-once="$AT_ONCE"
[ "$command" != check ] || [ -z "${REPS:-}" ] || set -- "$@" --rounds="$REPS"
set -- submit --work="$command" --driver="$driver" --out="${OUT:-${root}results}" "$@" --
case $command in
gate)
  # shellcheck source=scripts/gate_words.sh
  . "${root}scripts/gate_words.sh"
  ;;
programs)
  [ -z "${PROGRAMS:-}" ] || set -- "$@" --programs="$PROGRAMS"
  ! is_quick || set -- "$@" --quick
  # shellcheck source=scripts/try_words.sh
  . "${root}scripts/try_words.sh"
  ;;
try)
  # shellcheck source=scripts/try_words.sh
  . "${root}scripts/try_words.sh"
  set -- "$@" --shell -- "$CMD"
  ;;
*)
  # shellcheck source=scripts/driver_words.sh
  . "${root}scripts/driver_words.sh"
  ;;
esac
fleet "$@"
