#!/bin/sh
# Installs what spanbench needs from the distribution, and only what is missing.
#
# usage: scripts/deps.sh bench|test [--print]
#   bench    what `make bench` needs: compilers, libraries, matplotlib, the allocators' packages
#   test     that, and what `make test` and ci/lint.sh need
#   --print  print the packages, one a line, and install nothing
#
# The allocators' packages are those that the adapters name ("package:" in allocators/*.c); one that
# the distribution does not have costs its row and nothing else. Exit code 0: all is there; 2: not.
#
# shellcheck disable=SC2086  # lists of packages are split into words on purpose
set -eu
cd "$(dirname "$0")/.."

tools="gcc g++ make libc6-dev libbenchmark-dev libjansson-dev python3 python3-matplotlib"
test_tools="git perl clang clang-format clang-tidy shellcheck black mypy python3-tap python3-jsonschema
  libbenchmark-tools python3-scipy"

case "${1:-}" in
bench) required=$tools ;;
test) required="$tools $test_tools" ;;
*)
  sed -n '2,10s/^# \{0,1\}//p' "$0" >&2
  exit 2
  ;;
esac
adapters=$(sed -n 's/^ \* package: *//p' allocators/*.c | sort -u)

if [ "${2:-}" = --print ]; then
  printf '%s\n' $required $adapters
  exit 0
fi

if ! command -v apt-get >/dev/null; then
  cat >&2 <<EOF
deps.sh: this system has no apt-get. Install what corresponds to these Debian packages, then run make
with DEPS=skip:
$(printf '  %s\n' $required $adapters)
EOF
  exit 2
fi

# The packages among "$@" that are not installed.
missing() {
  dpkg-query -W -f '${db:Status-Abbrev} ${Package}\n' "$@" 2>/dev/null |
    sed -n 's/^ii  *//p' >"$installed"
  printf '%s\n' "$@" | grep -vxF -f "$installed" || true
}
installed=$(mktemp)
trap 'rm -f "$installed"' EXIT
# Packages that the distribution did not have when last asked; `make clean` forgets them.
unavailable=build/unavailable-packages
mkdir -p build
touch $unavailable
todo=$(missing $required)
wanted=$(missing $adapters | grep -vxF -f "$unavailable" || true)
[ -n "$todo$wanted" ] || exit 0

sudo=
if [ "$(id -u)" != 0 ]; then
  sudo=sudo
  if ! command -v sudo >/dev/null; then
    echo "deps.sh: not root, and there is no sudo. As root, run:" >&2
    echo "  apt-get update && apt-get install" $todo $wanted >&2
    echo "or run make with DEPS=skip to go on without." >&2
    exit 2
  fi
fi
log=build/deps.log
: >$log
# apt-get into the log; how far it is goes to standard error, renewed on a terminal.
apt() {
  echo "deps.sh: apt-get $1 …" >&2
  $sudo env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300 "$@" \
    >>$log 2>&1 </dev/null &
  while kill -0 $! 2>/dev/null; do
    sleep 0.5
    [ ! -t 2 ] || printf '\r\033[K%.70s' "$(tail -n 1 $log | tr -d '\r')" >&2
  done
  [ ! -t 2 ] || printf '\r\033[K' >&2
  wait $!
}

apt update || echo "deps.sh: apt-get update failed; trying with the lists that are there" >&2
available=
for package in $wanted; do
  if apt-cache show "$package" >/dev/null 2>&1; then
    available="$available $package"
  else
    echo "deps.sh: the distribution has no package $package: its allocator will be skipped" >&2
    echo "$package" >>$unavailable
  fi
done
[ -n "$todo$available" ] || exit 0
echo "deps.sh: installing, to build and measure with (the log is $log):" $todo $available
if ! apt install -y --no-install-recommends $todo $available; then
  tail -n 15 $log >&2
  echo "deps.sh: apt-get install failed (all of it in $log); install the packages above by hand," >&2
  echo "or run make with DEPS=skip to go on without." >&2
  exit 2
fi
