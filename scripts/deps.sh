#!/bin/sh
# Installs what spanbench needs from the distribution, and only what is missing.
#
# usage: scripts/deps.sh bench|gate|test|test-all [--print]
#   bench    what `make bench` needs: compilers, libraries, matplotlib, the allocators' packages
#   gate     that, and what `make gate` needs: git, statistics
#   test     that, and what `make test` and ci/lint.sh need
#   test-all that, and what `make test-all` needs: a compiler and an emulator for aarch64
#   --print  print the packages, one a line, and install nothing
#
# The allocators' packages are those that the adapters name ("package:" in allocators/*.c). One that
# cannot be installed is said, and costs its row and nothing else.
# Exit code 0: all that is required is there; 2: it is not, or wrong use; 128 + n: signal n.
#
# shellcheck disable=SC2086  # lists of packages are split into words on purpose
set -eu
cd "$(dirname "$0")/.."

tools="gcc g++ make libc6-dev libbenchmark-dev libjansson-dev python3 python3-matplotlib
  elfutils"
gate_tools="git python3-scipy python3-statsmodels python3-jsonschema valgrind strace"
test_tools="perl clang clang-format clang-tidy shellcheck black mypy python3-tap
  libbenchmark-tools redis-server nodejs python3-yaml golang-go spin musl-tools mandoc pkg-config"
all_tools="gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user-static"

usage() {
  sed -n '4,9s/^# \{0,1\}//p' "$0"
}
required='' print=''
for word; do
  case $word in
  bench) required=$tools ;;
  gate) required="$tools $gate_tools" ;;
  test) required="$tools $gate_tools $test_tools" ;;
  test-all) required="$tools $gate_tools $test_tools $all_tools" ;;
  --print) print=yes ;;
  --help)
    usage
    exit 0
    ;;
  *)
    echo "deps.sh: '$word' is not known" >&2
    required=''
    break
    ;;
  esac
done
if [ -z "$required" ]; then
  usage >&2
  exit 2
fi

# without LIST WORD...: the words, each once, that are not in the list.
without() {
  seen=' '
  for word in $1; do seen="$seen$word "; done
  shift
  for word; do
    case $seen in
    *" $word "*) ;;
    *)
      printf '%s ' "$word"
      seen="$seen$word "
      ;;
    esac
  done
}
adapters=$(scripts/adapter-keys allocators/*.c | sed -n 's/^[^ ]* package //p')
optional=$(without "$required" $adapters)

if [ -n "$print" ]; then
  printf '%s\n' $required $optional
  exit 0
fi

if ! command -v apt-get >/dev/null; then
  cat >&2 <<END
deps.sh: this system has no apt-get. Install what corresponds to these Debian packages, then run make
with DEPS=skip:
$(printf '  %s\n' $required $optional)
END
  exit 2
fi

# Packages that the distribution did not have when it was asked; `make clean` forgets them.
build=${B:-build}
unavailable=$build/unavailable-packages
installed=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' $required $optional 2>/dev/null |
  sed -n 's/^installed //p')
todo=$(without "$installed" $required)
[ ! -f "$unavailable" ] || installed="$installed $(cat "$unavailable")"
wanted=$(without "$installed" $optional)
[ -n "$todo$wanted" ] || exit 0

# Without what is only optional, the run goes on.
give_up() {
  [ -n "$todo" ] && exit 2
  exit 0
}
sudo=''
if [ "$(id -u)" != 0 ]; then
  if ! command -v sudo >/dev/null; then
    echo "deps.sh: not root, and there is no sudo. As root, run:" >&2
    echo "  apt-get update && apt-get install" $todo $wanted >&2
    echo "or run make with DEPS=skip to go on without." >&2
    give_up
  fi
  sudo=sudo
fi

mkdir -p "$build"
log=$build/deps.log
: >"$log"
printer=''
printing=$build/deps.printing
# shellcheck disable=SC2317  # called by the trap
end() {
  code=$?
  [ -z "$printer" ] || rm -f "$printing"
  [ -z "$printer" ] || kill "$printer" 2>/dev/null || true
  exit "$code"
}
# A signal takes effect when apt-get, which gets it as well, has ended.
trap end EXIT
for signal in 1 2 3 15; do
  # shellcheck disable=SC2064  # the number is expanded now
  trap "exit $((128 + signal))" $signal
done

# On a terminal, shows the last line of the log when it has changed: not over the prompt of sudo.
# Until the file $printing is gone, too: a signal that comes just after the fork may be lost.
show_progress() {
  shown=''
  while [ -e "$printing" ] && kill -0 $$ 2>/dev/null; do
    line=$(tail -n 1 "$log" | tr -d '\r')
    [ "$line" = "$shown" ] || printf '\r\033[K%.70s' "$line" >&2
    shown=$line
    sleep 0.5
  done
}
# apt-get in the foreground, into the log.
apt() {
  echo "deps.sh: apt-get $1 …" >&2
  echo "--- apt-get $*" >>"$log"
  if [ -t 2 ]; then
    : >"$printing"
    show_progress &
    printer=$!
  fi
  result=0
  $sudo env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300 "$@" \
    >>"$log" 2>&1 </dev/null || result=$?
  if [ -n "$printer" ]; then
    rm -f "$printing"
    kill "$printer" 2>/dev/null || true
    wait "$printer" 2>/dev/null || true
    printer=''
    printf '\r\033[K' >&2
  fi
  return $result
}
install() {
  apt install -y --no-install-recommends "$@"
}
skipped() {
  echo "deps.sh: $1: its allocator will be skipped" >&2
}

# Here, where it can be seen, sudo asks for a password if it needs one.
if [ -n "$sudo" ] && ! sudo -n true 2>/dev/null && ! sudo -v; then
  echo "deps.sh: sudo did not allow to install:" $todo $wanted >&2
  echo "deps.sh: run make with DEPS=skip to go on without." >&2
  give_up
fi

# By itself, apt-get calls it a success when lists could not be fetched.
updated=yes
if ! apt update -o APT::Update::Error-Mode=any; then
  updated=''
  echo "deps.sh: apt-get update failed; trying with the lists that are there" >&2
fi
if [ -n "$todo" ]; then
  echo "deps.sh: installing, to build and measure with (the log is $log):" $todo >&2
  if ! install $todo; then
    tail -n 15 "$log" >&2
    echo "deps.sh: apt-get install failed (all of it in $log); install the packages above by hand," >&2
    echo "or run make with DEPS=skip to go on without." >&2
    exit 2
  fi
fi

available=''
for package in $wanted; do
  if apt-cache show "$package" >/dev/null 2>&1; then
    available="$available $package"
  elif [ -n "$updated" ]; then
    skipped "the distribution has no package $package"
    echo "$package" >>"$unavailable"
  else
    skipped "package $package is not in the lists that are there"
  fi
done
[ -n "$available" ] || exit 0
echo "deps.sh: installing, to measure (the log is $log):" $available >&2
set -- $available
install "$@" && exit 0
for package; do
  { [ $# -gt 1 ] && install "$package"; } ||
    skipped "package $package could not be installed (why is in $log)"
done
