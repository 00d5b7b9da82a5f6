# shellcheck shell=sh disable=SC2086,SC2154  # lists are split on purpose; who sources this sets some words
# Packages of the mirror that apt is set up with, of its other suites, too. Nothing is installed, apt's own
# state stays as it is, and no rights are needed. apt checks the signatures. Scripts in the root of the
# project source it; they set
#   build   the folder of the build
#   what    the folder in it that is made anew at $new, and taken away again at the end
#   kept    what is told of what was there, when the script gives up
say() {
  printf '%s\n' "${0##*/}: $*" >&2
}
give_up() {
  say "$@"
  exit 2
}

# shellcheck disable=SC2317  # called by the trap
mirror_end() {
  code=$?
  rm -rf "$new"
  exit "$code"
}

# Makes $new, an empty folder, and $log.
mirror_begin() {
  for tool in apt-get apt-cache dpkg dpkg-deb ldd "${CC:-cc}"; do
    command -v "$tool" >/dev/null ||
      give_up "there is no $tool; libraries come from the packages of a distribution with apt"
  done

  mkdir -p "$build"
  new=$(cd "$build" && pwd -P)/$what.new
  log=$build/$what.log
  rm -rf "$new"
  mkdir -p "$new/apt/lists/partial" "$new/apt/archives/partial" "$new/debs"
  : >"$log"
  trap mirror_end EXIT
  for signal in 1 2 3 15; do
    # shellcheck disable=SC2064  # the number is expanded now
    trap "exit $((128 + signal))" $signal
  done
}

# --- an apt of its own ------------------------------------------------------------------------------
# With the system's proxies and keys; without its hooks, which may change the system.
private() {
  LC_ALL=C APT_CONFIG=$new/apt.conf "$@"
}

# named SUITE: the code name of one like `testing`, if the mirror says it; some mirrors renew that folder
# sooner. apt then checks what lies in it.
named() {
  PATH=$PATH:/usr/lib/apt private apt-helper download-file "$mirror/dists/$1/InRelease" "$new/InRelease" \
    >>"$log" 2>&1 </dev/null || true
  name=$(sed -n 's/^Codename: \([a-z0-9-]*\)$/\1/p' "$new/InRelease" 2>/dev/null | sed -n 1p)
  rm -f "$new/InRelease"
  printf '%s\n' "${name:-$1}"
}
# mirror_read [OWN]: reads the lists of SUITES, by default of those that are newer than the system's, with
# OWN of that one, too.
mirror_read() {
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
  Debian) suites="${1:+$codename }$codename-backports stable stable-backports testing unstable" ;;
  Ubuntu) suites="${1:+$codename }$codename-backports devel" ;;
  *) suites=${SUITES:?"${0##*/}: this is neither Debian nor Ubuntu; give SUITES"} ;;
  esac
  keyring=/usr/share/keyrings/$(echo "$origin" | tr '[:upper:]' '[:lower:]')-archive-keyring.gpg
  signed=''
  [ ! -f "$keyring" ] || signed="[signed-by=$keyring] "

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
        "$kept"
    fi
  done
  [ -n "$lines" ] || give_up "the mirror has none of these suites: ${SUITES:-$suites}"
  printf '%s' "$lines" >"$sources"
}

# --- packages ---------------------------------------------------------------------------------------
# show FIELD PACKAGE VERSION: a field of the package; nothing, if it has none.
show() {
  private apt-cache show "$2=$3" 2>/dev/null | sed -n "s/^$1: //p" | sed -n 1p
}
source_of() {
  name=$(show Source "$1" "$2" | sed 's/ .*//')
  printf '%s\n' "${name:-$1}"
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
        give_up "$part could not be fetched (why is in $log). $kept"
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
  for file in $pattern; do [ ! -e "$file" ] || printf '%s\n' "$file"; done | tail -n 1
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
