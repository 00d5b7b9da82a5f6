#!/bin/sh
# Checks each release of the measured libraries that the suites of apt's mirror have, and the newer C
# libraries there. Nothing is installed, apt's own state stays as it is, and no rights are needed.
#
# usage: [VARIABLE=value …] scripts/releases.sh     `make check-releases` calls it, after make
#   ALLOCATORS="a b"   of these adapters; system is the C library   CHECKS="fork.*" SEED=n TIMEOUT=s
#   SUITES="a b"       look here (default: the system's suite, those of make rivals)
#   OUT=dir B=dir
#
# A release that needs a newer C library runs with the newest one that is there. Releases lie in
# $B/releases/, and what the checks said in OUT/releases/<release>/. What is there is not fetched or checked
# again, so an interrupted run goes on, unless CHECKS, SEED or TIMEOUT are other ones; remove the folder to do
# it again. The end is a table, OUT/releases.md.
#
# Exit code: 0: each failure is among the known ones; 1: some is not; 2 wrong use or environment, such as no
# network; 128 + n signal n. A release that could not be checked makes 2 of a 0.

# shellcheck disable=SC2086  # lists of packages and words are split on purpose
set -eu
# shellcheck source=scripts/variables.sh
. "$(dirname "$0")/variables.sh"
take_no_words "$@"
need_driver
need_results
cd "${root:-.}"
build=${B:-build}
what=releases
kept='What was fetched and checked before stays'
# shellcheck source=scripts/mirror.sh
. scripts/mirror.sh

releases=$build/releases
results=${OUT:-results}/releases
mkdir -p "$releases" "$results"
results=$(cd "$results" && pwd -P)

# --- fetch ------------------------------------------------------------------------------------------
versions() {
  private apt-cache madison "$1" 2>/dev/null | sed 's/^[^|]*| *\([^ |]*\).*/\1/' | sort -uV
}
# The packages of a library, if its name has a number in it: libclang-rt-dev is libclang-rt-19-dev.
numbered() {
  private apt-cache search --names-only "^${1%-dev}-[0-9]+-dev\$" 2>/dev/null | sed 's/ .*//'
}
# keep NAME TREE WORD FILE: the tree becomes $releases/NAME, whose file WORD has the path of FILE in it.
keep() {
  echo "${4#"$2"}" >"$2/$3"
  find "$2" -name '*.a' -delete # hundreds of megabytes of sanitisers
  rm -rf "${2:?}/etc" "${2:?}/usr/share" "${releases:?}/$1"
  mv "$2" "$releases/$1"
}
# obtain ADAPTER LIBRARY PACKAGE=VERSION…: by the first one's version
obtain() {
  adapter=$1 pattern=$2
  shift 2
  name=$adapter-$(revision "${1#*=}")
  [ ! -e "$releases/$name/library" ] || return 0
  tree=$new/tree
  rm -rf "$tree"
  mkdir "$tree"
  say "fetching $name: $1"
  fetch "$tree" "$@"
  file=$(library_in "$tree" "$pattern")
  if [ -n "$file" ]; then keep "$name" "$tree" library "$file"; else say "$1 has no ${pattern##*/}"; fi
}
# The C library of a version that is newer than the system's, with the C++ library of that suite.
obtain_c_library() {
  name=glibc-$(revision "$1")
  [ ! -e "$releases/$name/loader" ] || return 0
  tree=$new/tree
  rm -rf "$tree"
  mkdir "$tree"
  say "fetching $name"
  fetch "$tree" "libc6=$1" "libgcc-s1=$(newest libgcc-s1)" "libstdc++6=$(newest libstdc++6)"
  file=$(find "$tree" -name 'ld-linux*.so.?' ! -type d | sort | sed -n 1p)
  if [ -n "$file" ]; then keep "$name" "$tree" loader "$file"; else say "libc6 $1 has no loader"; fi
}
fetch_all() {
  own_c_library=$(dpkg-query -W -f '${Version}' libc6)
  for build_of in $(versions libc6); do
    ! dpkg --compare-versions "$build_of" gt "$own_c_library" || obtain_c_library "$build_of"
  done
  keys=$(scripts/adapter-keys allocators/*.c)
  for adapter in $(echo "$keys" | sed -n 's/ package .*//p'); do
    wanted "$adapter" || continue
    packages=$(echo "$keys" | sed -n "s/^$adapter package //p")
    library=$(echo "$keys" | sed -n "s/^$adapter library //p")
    [ "$library" != libc.so.6 ] || continue
    first=${packages%% *}
    for package in $(numbered "$first" | grep . || echo "$first"); do
      for build_of in $(versions "$package"); do
        # shellcheck disable=SC2046  # a word each
        obtain "$adapter" "$library" $(for p in "$package" ${packages#"$first"}; do echo "$p=$build_of"; done)
      done
    done
  done
}
wanted() {
  [ -n "${ALLOCATORS:-}" ] || return 0
  case " $ALLOCATORS " in *" $1 "*) return 0 ;; esac
  return 1
}

# --- check ------------------------------------------------------------------------------------------
# cells_with RELEASE: the folder of a cell that runs with this C library
cells_with() {
  here=$(cd "$releases/$1" && pwd -P)
  make DEPS=skip "B=$build" "LOADER=$here$(cat "$here/loader")" "$releases/$1/cell/system" >&2
  for part in stacks plugin.so; do cp "$build/$part" "$here/"; done
  printf '%s\n' "$here/cell"
}
# What decides what a run says: the same words, and there is nothing new to ask.
asked() {
  echo "checks: ${CHECKS:-all}; seed: ${SEED:-1}; timeout: ${TIMEOUT:-none}"
}
done_before() {
  [ "$(cat "$1/asked" 2>/dev/null)" = "$(asked)" ] && grep -lqs '"complete": true' "$1"/*/conformance.json
}
# check RELEASE CELLS [LIBRARY]
check() {
  release=$1 cells=$2 library=${3:-}
  out=$results/$release
  if done_before "$out"; then
    say "$release: checked before"
    return 0
  fi
  say "$release"
  set -- --allocators system
  [ -z "$library" ] || set -- --allocators "$release" --preload "$release=$library"
  set -- "$@" --cells "$cells" --out "$out"
  [ -z "${CHECKS:-}" ] || set -- "$@" --checks "$CHECKS"
  [ -z "${SEED:-}" ] || set -- "$@" --seed "$SEED"
  [ -z "${TIMEOUT:-}" ] || set -- "$@" --timeout "$TIMEOUT"
  # A library that is preloaded finds its other parts beside it, not in the system.
  export LD_LIBRARY_PATH="${library:+${library%/*}}"
  run_driver check "$@" >"$releases/said"
  unset LD_LIBRARY_PATH
  case $code in
  0 | 1) asked >"$out/asked" ;;
  2)
    say "$release could not be checked; the reason stands above"
    unchecked="$unchecked $release"
    ;;
  *) exit "$code" ;;
  esac
}
# What programs preload: the adapter may name another file beside the library.
to_preload() {
  proxy=$(sed -n 's/.*[.]preload *= "\(.*\)",/\1/p' "allocators/$1.c")
  if [ -n "$proxy" ]; then printf '%s\n' "${2%/*}/$proxy"; else readlink -f "$2"; fi
}
# The releases with this file, in the order of their versions.
those_with() {
  find "$releases" -mindepth 2 -maxdepth 2 -name "$1" | sed 's,/[^/]*$,,; s,.*/,,' | sort -V
}
check_all() {
  newest_c_library=''
  for release in $(those_with loader); do
    newest_c_library=$release
    ! wanted system || check "$release" "$(cells_with "$release")"
  done
  for release in $(those_with library); do
    adapter=${release%%-*}
    wanted "$adapter" || continue
    file=$(cd "$releases/$release" && pwd -P)$(cat "$releases/$release/library")
    needs=$(why_not "$file")
    if [ -z "$needs" ]; then
      check "$release" "$build/cell" "$(to_preload "$adapter" "$file")"
    elif [ -n "$newest_c_library" ]; then
      say "$release needs $needs; with $newest_c_library"
      check "$release" "$(cells_with "$newest_c_library")" "$(to_preload "$adapter" "$file")"
    else
      say "$release cannot run here: it needs $needs"
    fi
  done
}

mirror_begin
mirror_read own
fetch_all
rm -rf "$new"
trap - EXIT
unchecked=''
check_all
scripts/releases_table.py "$results" >"$results.md.new" && code=0 || code=$?
[ -z "$unchecked" ] || say "nothing new is in the table of:$unchecked"
[ $code != 0 ] || [ -z "$unchecked" ] || code=2
mv "$results.md.new" "$results.md"
cat "$results.md"
say "$results.md"
exit "$code"
