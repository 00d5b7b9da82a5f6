#!/bin/sh
# Fetches newer builds of the measured libraries from newer suites of the mirror that apt is set up with,
# and unpacks them to $B/rivals/<name>/. Nothing is installed, apt's own state stays as it is, and no
# rights are needed. apt checks the signatures.
#
# usage: scripts/rivals.sh        `make rivals` calls it, and then builds the cells
#   SUITES="a b"    look here (default: Debian's backports, stable and its backports, testing, unstable;
#                   Ubuntu's backports and devel)
#   B=dir           the folder of the build (default: build)
#
# Of each library it takes the newest build that can run here. It says of each newer one why it cannot.
# Exit code: 0, also if there is none; 2 wrong use or environment, such as no network: then the rivals
# that were there stay; 128 + n signal n.
#
# shellcheck disable=SC2086  # lists of packages and words are split on purpose
set -eu
cd "$(dirname "$0")/.."
build=${B:-build}

say() {
  echo "rivals.sh: $*" >&2
}
give_up() {
  say "$@"
  exit 2
}
case ${1:-} in
'') ;;
--help)
  sed -n '2,/^#$/s/^# \{0,1\}//p; /^# usage/,/^#$/s/^# \{0,1\}//p' "$0"
  exit 0
  ;;
*) give_up "takes no words, only variables; --help says which" ;;
esac
for tool in apt-get apt-cache dpkg dpkg-deb ldd "${CC:-cc}"; do
  command -v "$tool" >/dev/null ||
    give_up "there is no $tool; rivals come from the packages of a distribution with apt"
done

mkdir -p "$build"
new=$(cd "$build" && pwd -P)/rivals.new
log=$build/rivals.log
rm -rf "$new"
mkdir -p "$new/apt/lists/partial" "$new/apt/archives/partial" "$new/debs"
: >"$log"
# shellcheck disable=SC2317  # called by the trap
end() {
  code=$?
  rm -rf "$new"
  exit "$code"
}
trap end EXIT
for signal in 1 2 3 15; do
  # shellcheck disable=SC2064  # the number is expanded now
  trap "exit $((128 + signal))" $signal
done

# --- an apt of its own ------------------------------------------------------------------------------
# With the system's proxies and keys; without its hooks, which may change the system.
sources=$new/apt/sources.list
status=$(apt-config shell path Dir::State::status/f | sed "s/^path='\(.*\)'$/\1/")
{
  apt-config dump | sed -n '/^Acquire::/p'
  cat <<END
Dir::Etc::main "/dev/null";
Dir::Etc::parts "/dev/null";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
Dir::Etc::sourcelist "$sources";
Dir::Etc::sourceparts "/dev/null";
Dir::State "$new/apt";
Dir::State::status "${status:-/var/lib/dpkg/status}";
Dir::Cache "$new/apt";
APT::Get::List-Cleanup "0";
APT::Sandbox::User "root";
APT::Update::Error-Mode "any";
Acquire::Languages "none";
END
} >"$new/apt.conf"
private() {
  LC_ALL=C APT_CONFIG=$new/apt.conf "$@"
}

codename=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release 2>/dev/null || true)
# The mirror, the origin and the components of the system's own suite.
# shellcheck disable=SC2016  # apt expands these
own=$(apt-get indextargets --format '$(CREATED_BY) $(REPO_URI) $(CODENAME) $(ORIGIN) $(COMPONENT)' 2>/dev/null |
  sed -n "s/^Packages \(.*\) $codename \([A-Z][a-z]*\) \([a-z]*\)$/\1 \2 \3/p")
if [ -z "$codename" ] || [ -z "$own" ]; then
  give_up "apt is set up with no mirror of this system's suite, ${codename:-which has no name};" \
    "run apt-get update, or see apt-get indextargets"
fi
mirror=$(echo "$own" | sed -n '1s,/* .*,,p')
origin=$(echo "$own" | sed -n '1s/^[^ ]* \([^ ]*\) .*/\1/p')
components=$(echo "$own" | sed 's/.* //' | sort -u | tr '\n' ' ')
case $origin in
Debian) suites="$codename-backports stable stable-backports testing unstable" ;;
Ubuntu) suites="$codename-backports devel" ;;
*) suites=${SUITES:?"rivals.sh: this is neither Debian nor Ubuntu; give SUITES"} ;;
esac
keyring=/usr/share/keyrings/$(echo "$origin" | tr '[:upper:]' '[:lower:]')-archive-keyring.gpg
signed=''
[ ! -f "$keyring" ] || signed="[signed-by=$keyring] "

# named SUITE: the code name of one like `testing`, if the mirror says it; some mirrors renew that folder
# sooner. apt then checks what lies in it.
named() {
  PATH=$PATH:/usr/lib/apt private apt-helper download-file "$mirror/dists/$1/InRelease" "$new/InRelease" \
    >>"$log" 2>&1 </dev/null || true
  name=$(sed -n 's/^Codename: \([a-z0-9-]*\)$/\1/p' "$new/InRelease" 2>/dev/null | sed -n 1p)
  rm -f "$new/InRelease"
  echo "${name:-$1}"
}
names=''
for suite in ${SUITES:-$suites}; do
  name=$(named "$suite")
  case " $names " in
  *" $name "*) ;;
  *) names="$names $name" ;;
  esac
done
lines=''
for suite in $names; do
  say "looking into $suite of $mirror"
  line="deb $signed$mirror $suite $components"
  echo "$line" >"$sources"
  echo "--- $line" >>"$log"
  said=0
  private apt-get -q update >"$new/said" 2>&1 </dev/null || said=$?
  cat "$new/said" >>"$log"
  if [ $said = 0 ]; then
    lines="$lines$line
"
  elif grep -q 'does not have a Release file' "$new/said"; then
    say "the mirror has no $suite"
  elif grep -q 'is expired' "$new/said"; then
    say "the mirror's $suite is out of date, so apt does not take it"
  else
    grep '^[EW]:' "$new/said" | sed 's/^/  /' >&2
    give_up "$suite could not be read (all of it in $log); is there a network?" \
      "The rivals that were there are as they were"
  fi
done
[ -n "$lines" ] || give_up "the mirror has none of these suites: ${SUITES:-$suites}"
printf '%s' "$lines" >"$sources"

# --- packages ---------------------------------------------------------------------------------------
# show FIELD PACKAGE VERSION: a field of the package; nothing, if it has none.
show() {
  private apt-cache show "$2=$3" 2>/dev/null | sed -n "s/^$1: //p" | sed -n 1p
}
source_of() {
  name=$(show Source "$1" "$2" | sed 's/ .*//')
  echo "${name:-$1}"
}
newest() {
  private apt-cache madison "$1" 2>/dev/null | sed -n '1s/^[^|]*| *\([^ |]*\).*/\1/p'
}
# parts PACKAGE VERSION: it and those that it depends on for the same library. These are of the same source
# package, or it is only a name for another with a number.
parts() {
  echo "$1=$2"
  source=$(source_of "$1" "$2")
  for needed in $(show Depends "$1" "$2" | tr -d ' ' | tr ',' '\n' | sed 's/|.*//; s/(=\(.*\))/=\1/; s/(.*//; s/:any//'); do
    of=${needed%%=*} version=${needed#*=}
    [ "$version" != "$needed" ] || version=$(newest "$of")
    case $of in
    "${1%-dev}"-[0-9]*-dev) parts "$of" "$version" ;;
    *) [ "$(source_of "$of" "$version")" != "$source" ] || echo "$of=$version" ;;
    esac
  done
}
# fetch FOLDER PACKAGE=VERSION…: unpacks their parts to the folder. Each is fetched once.
fetch() {
  folder=$1
  shift
  for part in $(for package; do parts "${package%%=*}" "${package#*=}"; done | sort -u); do
    debs=$new/debs/$part
    if [ ! -d "$debs" ]; then
      mkdir "$debs"
      (cd "$debs" && private apt-get -q download "$part") >>"$log" 2>&1 </dev/null ||
        give_up "$part could not be fetched (why is in $log). The rivals that were there are as they were"
    fi
    dpkg -x "$debs"/*.deb "$folder"
    dpkg-deb --fsys-tarfile "$debs"/*.deb | tar t | sed "s|^[.]|$part |" >>"$folder/files"
  done
}
# The library's file in an unpacked tree, by the adapter's key; nothing: it has none.
library_in() {
  case $2 in
  */*) pattern=$1$(echo "$2" | sed "s/@ARCH@/$(uname -m)/") ;;
  *) pattern="$1/usr/lib/$2 $1/usr/lib/*/$2" ;;
  esac
  for file in $pattern; do [ ! -e "$file" ] || echo "$file"; done | tail -n 1
}
# Why the library cannot be loaded here; nothing: it can.
why_not() {
  folder=$(dirname "$(readlink -f "$1")")
  LC_ALL=C LD_LIBRARY_PATH=$folder ldd -r "$1" 2>&1 | sed -n "
    s/.*version \`\([^']*\)' not found.*/1 \1/p
    s/^[[:space:]]*\([^ ]*\) => not found.*/2 \1/p
    s/^undefined symbol: \([^ ,]*\).*/3 \1/p" | sort -k1,1n -k2,2Vr | sed -n '1s/^. //p'
}
# Does the adapter compile with the headers of the tree, and does the library have its functions?
fits() {
  ${CC:-cc} -std=gnu17 -D_GNU_SOURCE -fPIC -shared -w -I"$2/usr/include" -Iallocators \
    -o "$new/probe.so" "allocators/$1.c" "$3" -Wl,-z,defs >>"$log" 2>&1
}
# Without Debian's epoch, revision and marks.
upstream() { echo "$1" | sed 's/^[0-9]*://; s/-[^-]*$//; s/[+~].*//'; }
revision() { echo "$1" | sed 's/^[0-9]*://; s/[+~]ds[^-]*//; s/+b[0-9]*$//; s/[^0-9A-Za-z.+-]/./g'; }

# adopt ADAPTER TREE LIBRARY: the tree becomes a rival, named by the version that it is: that of the
# package with the library.
adopt() {
  file=$(readlink -f "$3")
  part=$(sed -n "s|^\([^ ]*\) ${file#"$2"}\$|\1|p" "$2/files")
  package=${part%%=*} version=${part#*=}
  here=$(dpkg-query -W -f '${Version}' "$package" 2>/dev/null || true)
  name=$1-$(upstream "$version")
  [ "$(upstream "$here")" != "$(upstream "$version")" ] || name=$1-$(revision "$version")
  mv "$2" "$new/rivals/$name"
  cat >"$new/rivals/$name/rival.mk" <<END
RIVAL_$name := $1
LIBRARY_$name := \$B/rivals/$name${3#"$2"}
END
  say "$name: the package $package $version"
}

mkdir "$new/rivals"
keys=$(scripts/adapter-keys allocators/*.c)
for adapter in $(echo "$keys" | sed -n 's/ package .*//p'); do
  packages=$(echo "$keys" | sed -n "s/^$adapter package //p")
  first=${packages%% *}
  library=$(echo "$keys" | sed -n "s/^$adapter library //p")
  [ "$library" != libc.so.6 ] || continue # a process has but one C library
  installed=$(dpkg-query -W -f '${Version}' "$first" 2>/dev/null || true)
  newer=''
  for build_of in $(private apt-cache madison "$first" 2>/dev/null |
    sed 's/^[^|]*| *\([^ |]*\).*/\1/' | sort -uVr); do
    dpkg --compare-versions "$build_of" gt "${installed:-0}" || break
    newer=yes
    tree=$new/tree
    rm -rf "$tree"
    mkdir "$tree"
    wanted=$(for package in $packages; do echo "$package=$build_of"; done)
    fetch "$tree" $wanted
    file=$(library_in "$tree" "$library")
    if [ -z "$file" ]; then
      say "$adapter: $first $build_of has no ${library##*/}"
      continue
    fi
    needs=$(why_not "$file")
    if [ -n "$needs" ]; then
      say "$adapter: $first $build_of cannot run here: it needs $needs"
    elif ! fits "$adapter" "$tree" "$file"; then
      say "$adapter: $first $build_of does not fit allocators/$adapter.c (why is in $log)"
    else
      adopt "$adapter" "$tree" "$file"
      break
    fi
  done
  [ -n "$newer" ] || say "$adapter: there is no newer build than $first ${installed:-(not installed)}"
done

rm -rf "$build/rivals"
mv "$new/rivals" "$build/rivals"
