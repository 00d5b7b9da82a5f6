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

is_quick() {
  case ${QUICK:-} in
  1 | yes) return 0 ;;
  '' | 0 | no) return 1 ;;
  esac
  echo "${0##*/}: QUICK is 1 or yes, 0 or no, not '$QUICK'" >&2
  exit 2
}
