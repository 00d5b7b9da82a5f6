#!/bin/sh
# Installs what spanbench needs from the distribution, and only what is missing.
#
# usage: scripts/deps.sh bench|programs|gate|test|test-all [--print]
#   bench    what `make bench` needs: compilers, libraries, the allocators' packages; and for plots,
#            matplotlib without what only its other uses need
#   gate     that, and what `make gate` needs: git, statistics, the whole of matplotlib
#   programs that, and the packages that the programs in workloads/programs/ name
#   test     that, and what `make test` and ci/lint.sh need
#   test-all that, and what `make test-all` needs: a compiler and an emulator for aarch64, a browser, Slurm
#   --print  print the packages, one a line, and install nothing
#
# The allocators' packages are those that the adapters name ("package:" in allocators/*.c). One that
# cannot be installed is said, and costs its row, its program or its test, and nothing else. Without matplotlib there
# are no plots. What it costs, in packages and megabytes, is said before anything is installed.
# Exit code 0: all that is required is there; 2: it is not, or wrong use; 128 + n: signal n.
#
# shellcheck disable=SC2086  # lists of packages are split into words on purpose
set -eu
cd "$(dirname "$0")/.."

tools="gcc g++ make libc6-dev libbenchmark-dev libjansson-dev python3 python3-jinja2 elfutils"
plots=python3-matplotlib
gate_tools="git $plots python3-scipy python3-statsmodels python3-jsonschema valgrind strace"
test_tools="procps perl clang clang-format clang-tidy shellcheck black mypy python3-tap
  libbenchmark-tools redis-server nodejs python3-yaml golang-go spin musl-tools mandoc pkg-config"
all_tools="gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user-static"
# Without a browser, its tests are skipped. A node that is not the distribution's may have an npm of its own, and
# refuse the distribution's.
browser=chromium
command -v npm >/dev/null || browser="$browser npm"

# A Slurm on this machine, which the tests of the fleet start. Without it, they are skipped.
cluster="slurm-wlm munge"

usage() {
  sed -n '4,11s/^# \{0,1\}//p' "$0"
}
required='' print='' programs='' part='allocator'
for word; do
  case $word in
  bench) required=$tools ;;
  gate) required="$tools $gate_tools" ;;
  programs)
    required="$tools $gate_tools"
    programs=$(scripts/adapter-keys workloads/programs/*.sh | sed -n 's/^[^ ]* package //p')
    part='allocator or program'
    ;;
  test) required="$tools $gate_tools $test_tools" ;;
  test-all)
    required="$tools $gate_tools $test_tools $all_tools"
    programs="$browser $cluster"
    part='allocator or test'
    ;;
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
optional=$(without "$required" $adapters $programs)
plots=$(without "$required" $plots) # else the whole package is required

if [ -n "$print" ]; then
  printf '%s\n' $required $plots $optional
  exit 0
fi

if ! command -v apt-get >/dev/null; then
  cat >&2 <<END
deps.sh: this system has no apt-get. Install what corresponds to these Debian packages, then run make
with DEPS=skip:
$(printf '  %s\n' $required $plots $optional)
END
  exit 2
fi

build=${B:-build}
# Packages that the distribution did not have when it was asked; `make clean` forgets them.
unavailable=$build/unavailable-packages
# Where the parts of matplotlib lie that are not installed; scripts/program.py looks here.
unpacked=$build/matplotlib
installed=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' $required $plots $optional 2>/dev/null |
  sed -n 's/^installed //p')
todo=$(without "$installed" $required)
[ ! -f "$unavailable" ] || installed="$installed $(cat "$unavailable")"
wanted=$(without "$installed" $optional)
plots=$(without "$installed" $plots)
[ ! -d "$unpacked" ] || plots=''
[ -n "$todo$wanted$plots" ] || exit 0

# Without what is only optional, the run goes on.
give_up() {
  [ -n "$todo" ] && exit 2
  exit 0
}
sudo=''
if [ "$(id -u)" != 0 ]; then
  if ! command -v sudo >/dev/null; then
    echo "deps.sh: not root, and there is no sudo. As root, run:" >&2
    echo "  apt-get update && apt-get install --no-install-recommends" $todo $wanted $plots >&2
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
# apt-get in the foreground, into the log. Another program's lock is waited for: apt itself waits for one
# of its locks only.
lock_timeout=${APT_LOCK_TIMEOUT:-600} # seconds
apt() {
  echo "deps.sh: apt-get $1 …" >&2
  told='' waited=0
  while :; do
    echo "--- apt-get $*" >>"$log"
    lines=$(wc -l <"$log")
    if [ -t 2 ]; then
      : >"$printing"
      show_progress &
      printer=$!
    fi
    result=0
    $sudo env LC_ALL=C DEBIAN_FRONTEND=noninteractive apt-get -q "$@" >>"$log" 2>&1 </dev/null ||
      result=$?
    if [ -n "$printer" ]; then
      rm -f "$printing"
      kill "$printer" 2>/dev/null || true
      wait "$printer" 2>/dev/null || true
      printer=''
      printf '\r\033[K' >&2
    fi
    [ $result != 0 ] || return 0
    lock=$(tail -n "+$lines" "$log" | sed -n 's/^E: Could not get lock //p' | sed -n 1p)
    [ -n "$lock" ] || return $result
    if [ $waited -ge "$lock_timeout" ]; then
      echo "deps.sh: another program still holds apt's lock, after $lock_timeout s: $lock" >&2
      return $result
    fi
    [ -n "$told" ] || echo "deps.sh: another program holds apt's lock; waiting for it: $lock" >&2
    told=yes waited=$((waited + 2))
    sleep 2
  done
}
install() {
  apt install -y --no-install-recommends "$@"
}
skipped() {
  echo "deps.sh: $1: its $part will be skipped" >&2
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

# What matplotlib needs to draw PNG and SVG. It also depends on what its other outputs need, PDF and
# windows: that is scipy, sympy, boost, Tk and more, 500 MB. So it is unpacked, and not installed.
parts='' missing=''
if [ -n "$plots" ]; then
  parts=$(LC_ALL=C apt-cache depends $plots 2>/dev/null | awk '
    $1 ~ /^[|]?Depends:$/ && $2 !~ /^<|^python3-fonttools$|^python3-pil[.]imagetk$|^libjs-/ {
      if (!other)
        print $2
    }
    { other = $1 == "|Depends:" }')
  # Those that are there stay as they are: to install one would renew it.
  have=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' $parts 2>/dev/null | sed -n 's/^installed //p')
  missing=$(without "$have" $parts)
  if [ -z "$parts" ]; then
    echo "deps.sh: the distribution has no package $plots: there will be no plots" >&2
    [ -z "$updated" ] || echo $plots >>"$unavailable"
  fi
fi

# In packages and bytes, as apt-get says it; nothing, where it cannot install them all.
say_cost() {
  LC_ALL=C apt-get --assume-no -o Debug::NoLocking=1 install --no-install-recommends "$@" 2>/dev/null </dev/null |
    awk '
      / newly installed/ { packages = $3 }
      /^Need to get / { down = $4 " " $5; sub("/.*", "", down) }
      /^After this operation, .* will be used/ { disk = $4 " " $5 }
      END {
        if (packages > 0)
          print "deps.sh: " packages " packages to install: " down " to download, " disk " on disk"
      }' >&2
}
say_cost $todo $available $missing

if [ -n "$todo" ]; then
  echo "deps.sh: installing, to build and measure with (the log is $log):" $todo >&2
  if ! install $todo; then
    tail -n 15 "$log" >&2
    echo "deps.sh: apt-get install failed (all of it in $log); install the packages above by hand," >&2
    echo "or run make with DEPS=skip to go on without." >&2
    exit 2
  fi
fi

if [ -n "$available" ]; then
  echo "deps.sh: installing, to measure (the log is $log):" $available >&2
  set -- $available
  if ! install "$@"; then
    for package; do
      { [ $# -gt 1 ] && install "$package"; } ||
        skipped "package $package could not be installed (why is in $log)"
    done
  fi
fi

unpack() {
  rm -rf "$unpacked.new"
  mkdir -p "$unpacked.new"
  (cd "$unpacked.new" && apt-get -q download "$1") >>"$log" 2>&1 </dev/null &&
    dpkg -x "$unpacked.new"/*.deb "$unpacked.new" >>"$log" 2>&1 &&
    mv "$unpacked.new/usr/lib/python3/dist-packages" "$unpacked"
}
if [ -n "$parts" ]; then
  echo "deps.sh: installing, to draw plots (the log is $log):" $missing $plots >&2
  { { [ -z "$missing" ] || install $missing; } && unpack $plots; } ||
    echo "deps.sh: $plots could not be unpacked (why is in $log): there will be no plots" >&2
  rm -rf "$unpacked.new"
fi
