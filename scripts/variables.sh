# shellcheck shell=sh
# What the scripts behind `make bench`, `make check`, `make harden` and `make gate` share; they source
# it. Sets $root, a prefix of the paths of the project, and $driver.

# Empty in the root of the project: paths stay short.
root=$(CDPATH='' cd "$(dirname "$0")/.." && pwd -P)/
[ "$root" != "$(pwd -P)/" ] || root=
driver=${B:-${root}build}/spanbench

# take_no_words "$@": the scripts are told by variables. With --help, prints the comment at the head of
# the script, up to its first empty line, and ends it; with other words, too, as wrong use.
take_no_words() {
  [ $# != 0 ] || return 0
  code=0
  [ "$*" = --help ] || code=2
  [ "$code" = 0 ] || exec >&2
  sed -n '2,/^$/s/^# \{0,1\}//p' "$0"
  exit "$code"
}

need_driver() {
  [ ! -x "$driver" ] || return 0
  echo "${0##*/}: there is no $driver; build it with make" >&2
  exit 2
}

# Before anything is measured: results can be written.
need_results() {
  case " ${ARGS:-}" in *" --judge"* | *" --list"*) return 0 ;; esac # nothing will be
  at=${OUT:-${root}results}
  while [ ! -e "$at" ] && [ "$at" != "${at%/*}" ] && [ -n "${at%/*}" ]; do at=${at%/*}; done
  [ -e "$at" ] || at=.
  [ ! -w "$at" ] || return 0
  printf '%s\n' "${0##*/}: cannot write to ${OUT:-${root}results}; have results in another folder: OUT=/tmp/results" >&2
  exit 2
}

# is_yes NAME VALUE
is_yes() {
  case $2 in
  1 | yes) return 0 ;;
  '' | 0 | no) return 1 ;;
  esac
  printf '%s\n' "${0##*/}: $1 is 1 or yes, 0 or no, not '$2'" >&2
  exit 2
}
is_quick() {
  is_yes QUICK "${QUICK:-}"
}

# PRELOAD is a list, split at blanks, unless all of it names one file.
preload_is_one() {
  [ -n "${PRELOAD:-}" ] || return 1
  [ -e "$PRELOAD" ] || [ -e "${PRELOAD#"${PRELOAD%%[=/]*}"=}" ]
}

# Of a list with a word that is not a file: says what takes a path with blanks. The driver refuses the word.
hint_at_blanks() {
  case ${PRELOAD:-} in *' '*) ;; *) return 0 ;; esac
  for word in $PRELOAD; do
    [ -e "$word" ] || [ -e "${word#*=}" ] || {
      echo "${0##*/}: PRELOAD is split at blanks; spanbench --preload takes a path with blanks, once for each" >&2
      return 0
    }
  done
}

# run_driver COMMAND OPTION...: sets $code, its exit code, or 128 and the number of the signal that this
# script got. Also sets $run, the path of the run's directory, empty if nothing was saved. The driver runs
# in the background, so that a signal reaches it at once. It then saves what it has. It always gets
# SIGTERM: a shell starts what is in the background with SIGINT ignored. The kernel sends that, too, if this
# script is killed, where setpriv can ask for it.
run_driver() {
  command=$1
  shift
  directory_file=${driver%/*}/$command-directory.$$
  signal='' child=''
  trap 'stop_driver 1' HUP
  trap 'stop_driver 2' INT
  trap 'stop_driver 3' QUIT
  trap 'stop_driver 15' TERM
  set -- "$driver" "$command" --directory-to "$directory_file" "$@"
  # shellcheck disable=SC2016  # the other shell expands it: this one may have died before
  ! setpriv --pdeathsig TERM true 2>/dev/null ||
    set -- setpriv --pdeathsig TERM sh -c 'test "$PPID" = "$0" && exec "$@"' $$ "$@"
  "$@" &
  child=$!
  [ -z "$signal" ] || kill "$child" 2>/dev/null || true
  while :; do
    code=0
    wait "$child" || code=$?
    kill -0 "$child" 2>/dev/null || break # a signal ended the wait, not the driver
  done
  trap - HUP INT QUIT TERM
  [ -z "$signal" ] || code=$((128 + signal))

  # shellcheck disable=SC2034  # for those who source this
  run=
  if [ -f "$directory_file" ]; then
    # shellcheck disable=SC2034  # likewise
    run=$(cat "$directory_file")
    rm -f "$directory_file"
  fi
}

# shellcheck disable=SC2317  # called by the traps
stop_driver() {
  signal=$1
  [ -z "$child" ] || kill "$child" 2>/dev/null || true
}
