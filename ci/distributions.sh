#!/bin/sh
# Runs the README's commands on fresh machines of several distributions, that have git and make only. A
# machine is a folder made by debootstrap, from the mirror that apt is set up with here.
#
# usage: ci/distributions.sh [SUITE…]      as root, for up to hours; default: bookworm trixie noble
#   COMMANDS="a;b"   (default: make bench QUICK=1; make test; make check)
#   WORK=dir         where the machines and the logs are (default: build/distributions)
#   KEEP=1           leaves the machines, and uses those that were left
#
# A machine has the updates of its distribution, as one that is looked after has.
#
# Prints, of each command: its exit code, its seconds, and the megabytes on disk before and after it.
# Exit code: 0 all commands ended with 0; 1 some did not; 2 wrong use or environment; 128 + n signal n.
# A distribution that the mirror does not have is said, and counts as neither.
#
# shellcheck disable=SC2016  # the shell in the machine expands these
set -eu
cd "$(dirname "$0")/.."

case ${1:-} in
-*)
  code=0
  [ "$1" = --help ] || code=2
  sed -n '2,/^#$/s/^# \{0,1\}//p; /^# usage/,/^# A dist/s/^# \{0,1\}//p' "$0" >&$((1 + code / 2))
  exit $code
  ;;
esac
say() {
  echo "distributions.sh: $*" >&2
}
give_up() {
  say "$@"
  exit 2
}
[ "$(id -u)" = 0 ] || give_up "only root can make a machine and mount its /proc; use sudo"
for tool in debootstrap unshare apt-get dpkg; do
  command -v $tool >/dev/null || give_up "there is no $tool; install the package of that name"
done

[ $# != 0 ] || set -- bookworm trixie noble
commands=${COMMANDS:-"make bench QUICK=1; make test; make check"}
mkdir -p "${WORK:=${B:-build}/distributions}"
work=$(cd "$WORK" && pwd -P)
mirror=$(apt-get indextargets --format '$(CREATED_BY) $(ORIGIN) $(REPO_URI)' 2>/dev/null |
  sed -n 's,^Packages Debian \(.*[^/]\)/*$,\1,p' | grep -v security | sed -n 1p)
[ -n "$mirror" ] || mirror=http://deb.debian.org/debian

machine=''
# A machine's processes and mounts end with its namespaces.
# shellcheck disable=SC2317  # called by the trap
end() {
  code=$?
  [ -z "$machine" ] || [ -n "${KEEP:-}" ] || rm -rf --one-file-system "$machine"
  rm -rf "$work/new"
  exit "$code"
}
trap end EXIT
for signal in 1 2 3 15; do
  # shellcheck disable=SC2064  # the number is expanded now
  trap "exit $((128 + signal))" $signal
done

# inside COMMAND: in the machine, with what a system has mounted, as little of the processor as is left.
inside() {
  nice -n 10 unshare --mount --pid --fork --kill-child sh -c '
    set -e
    mount -t proc proc "$0/proc"
    mount -t sysfs -o ro sysfs "$0/sys"
    mount -t tmpfs tmpfs "$0/dev/shm"
    mount -t devpts devpts "$0/dev/pts"
    exec chroot "$0" env -i HOME=/root TERM=dumb PATH=/usr/sbin:/usr/bin:/sbin:/bin sh -c "$1"' \
    "$machine" "$1" </dev/null
}
megabytes() {
  inside 'apt-get clean'
  du -sxm "$machine" | sed 's/[^0-9].*//'
}

# Debian keeps the keys of Ubuntu in a package of Debian 13.
ubuntu_keys() {
  keys=/usr/share/keyrings/ubuntu-archive-keyring.gpg
  [ ! -f $keys ] || return 0
  keys=$work/ubuntu-keyring$keys
  [ ! -f "$keys" ] || return 0
  (
    machine=$work/trixie
    [ -d "$machine" ] || make_machine trixie "$mirror" /usr/share/keyrings/debian-archive-keyring.gpg
    inside 'cd /root && apt-get -q update && apt-get -q -o APT::Sandbox::User=root download ubuntu-keyring' \
      >>"$work/trixie.log" 2>&1
    dpkg -x "$machine"/root/ubuntu-keyring_*.deb "$work/ubuntu-keyring"
    [ -n "${KEEP:-}" ] || rm -rf --one-file-system "$machine"
  )
}

# make_machine SUITE MIRROR KEYRING
make_machine() {
  say "$1: making a machine from $2"
  rm -rf "$work/new"
  script=/usr/share/debootstrap/scripts/$1
  components=main
  case $2 in
  */ubuntu) components=main,universe script_of=gutsy ;;
  *) script_of=sid ;;
  esac
  [ -e "$script" ] || script=/usr/share/debootstrap/scripts/$script_of # a suite newer than debootstrap
  debootstrap --variant=minbase --include=git,make,ca-certificates --components=$components \
    --keyring="$3" "$1" "$work/new" "$2" "$script" >"$work/$1.log" 2>&1 || {
    tail -n 5 "$work/$1.log" >&2
    give_up "$1: debootstrap failed (all of it in $work/$1.log)"
  }
  {
    echo "deb $2 $1-updates $(echo $components | tr , ' ')"
    case $2 in
    */ubuntu) echo "deb $2 $1-security main universe" ;;
    *) echo "deb $2-security $1-security main" ;;
    esac
  } >>"$work/new/etc/apt/sources.list"
  mv "$work/new" "$work/$1"
}

code=0 tried=0
for suite; do
  found=''
  for from in "$mirror" "${mirror%/debian}/ubuntu"; do
    /usr/lib/apt/apt-helper download-file "$from/dists/$suite/Release" "$work/Release" >/dev/null 2>&1 || continue
    found=yes
    break
  done
  if [ -z "$found" ]; then
    say "$suite: the mirror does not have it (nor beside it, $from), or there is no network"
    continue
  fi
  keyring=/usr/share/keyrings/debian-archive-keyring.gpg
  rm -f "$work/Release"
  if [ "$from" != "$mirror" ]; then
    ubuntu_keys
    keyring=$keys
  fi
  machine=$work/$suite
  [ -d "$machine" ] || make_machine "$suite" "$from" "$keyring"
  tried=$((tried + 1))
  inside 'apt-get -q update && DEBIAN_FRONTEND=noninteractive apt-get -q -y upgrade' >>"$work/$suite.log" 2>&1 ||
    give_up "$suite: its updates failed (all of it in $work/$suite.log)"
  rm -rf "$machine/root/spanbench"
  git clone -q --no-hardlinks . "$machine/root/spanbench"
  git ls-files -co --exclude-standard -z | tar c --null -T - | tar x -C "$machine/root/spanbench"
  echo "$commands" | tr ';' '\n' >"$work/commands"
  n=0
  while read -r command; do
    n=$((n + 1)) log=$work/$suite.$n.log
    before=$(megabytes)
    say "$suite: $command (the log is $log)"
    start=$(date +%s) ended=0
    inside "cd /root/spanbench && $command" >"$log" 2>&1 || ended=$?
    seconds=$(($(date +%s) - start))
    printf '%-10s %-24s exit code %-3d %6d s  %6d MB before, %d MB after\n' \
      "$suite" "$command" $ended $seconds "$before" "$(megabytes)"
    if [ $ended != 0 ]; then
      code=1
      tail -n 15 "$log" >&2
    fi
  done <"$work/commands"
  [ -n "${KEEP:-}" ] || rm -rf --one-file-system "$machine"
  machine=''
done
[ $tried != 0 ] || give_up "no machine could be made"
exit $code
