#!/bin/sh
# Installs what was built, or removes what was installed.
#
# usage: [VARIABLE=value …] scripts/install.sh install [LIBRARY...]     `make install`, after `make`
#        [VARIABLE=value …] scripts/install.sh uninstall                `make uninstall`
#   PREFIX=dir    an absolute path (default: /usr/local)
#   LIBDIR=dir    of libraries, below PREFIX (default: lib)
#   DESTDIR=dir   stands before all paths; for a package, or to try
#   B=dir         where all was built (default: build)
#   LIBRARY       "NAME FOLDER [VERSION]": one that is built here, from allocators/FOLDER
#
# spanbench, its cells and its scripts lie in PREFIX/LIBDIR/spanbench, where the file `manifest` lists
# what was installed. Exit code: 0, or 2, wrong use or environment.
set -euf
umask 022 # modes do not depend on the caller's

root=$(CDPATH='' cd "$(dirname "$0")/.." && pwd -P)
case ${B:-build} in /*) build=$B ;; *) build=$root/${B:-build} ;; esac
prefix=${PREFIX:-/usr/local}
prefix=${prefix%/}
libdir=${LIBDIR:-lib}
libdir=${libdir#"$prefix/"} libdir=${libdir%/}
home=$libdir/spanbench # below the prefix, as all paths here that are not absolute

fail() {
  printf '%s\n' "install.sh: $*" >&2
  exit 2
}
usage() {
  sed -n '2,/^set/s/^# \{0,1\}//p' "$0"
}
case $prefix in
/*) ;;
*) fail "PREFIX is an absolute path, not '$PREFIX'; DESTDIR may be any folder" ;;
esac
case /$libdir/ in
//* | */../*) fail "LIBDIR is a folder below PREFIX ($prefix), not '$LIBDIR'" ;;
esac
if [ -n "${DESTDIR:-}" ]; then
  mkdir -p "$DESTDIR" || fail "cannot make DESTDIR, $DESTDIR"
  DESTDIR=$(CDPATH='' cd "$DESTDIR" && pwd -P)
fi
top=${DESTDIR:-}$prefix
manifest=$top/$home/manifest
list='' # a temporary file

# The nearest folder of a path that is there.
standing() {
  at=$1
  while [ ! -d "$at" ]; do at=$(dirname "$at"); done
  printf '%s\n' "$at"
}
need_writable() {
  at=$(standing "$1")
  [ -w "$at" ] || fail "cannot write to $at: run it as root (sudo make $command)," \
    "or choose another place: PREFIX=\$HOME/.local, or DESTDIR=dir to stage a package"
}

# --- install ----------------------------------------------------------------------------------------
# folder PATH: makes it, and notes each part of it that was not there.
folder() {
  [ ! -d "$top/$1" ] || return 0
  case $1 in */*) folder "${1%/*}" ;; esac
  mkdir "$top/$1"
  made="$made$1
"
}
record() {
  [ -z "$made" ] || printf '%s' "$made" | sed 's/^/folder /' >>"$manifest"
  made=''
  printf 'file %s\n' "$1" >>"$manifest"
}
# put MODE FILE PATH: a copy. Recorded before it is there: an install that was interrupted can be
# taken back.
put() {
  case $3 in */*) folder "${3%/*}" ;; esac
  record "$3"
  install -m "$1" "$2" "$top/$3"
}
# point TEXT PATH: a symbolic link
point() {
  case $2 in */*) folder "${2%/*}" ;; esac
  record "$2"
  ln -sfn "$1" "$top/$2"
}
mode_of() {
  if [ -x "$1" ]; then echo 755; else echo 644; fi
}
# The path that leads from a folder below the prefix back to it: "../../" for a/b.
back() {
  printf '%s/' "$1" | sed 's|[^/]*/|../|g'
}

install_driver() {
  for name in spanbench libspanbench-why.so stacks plugin.so known-failures.json; do
    [ -f "$build/$name" ] || fail "there is no $build/$name; build it with make"
    put "$(mode_of "$build/$name")" "$build/$name" "$home/$name"
  done
  (cd "$build/cell" && find . ! -name . -prune ! -type d) | LC_ALL=C sort >"$list"
  while read -r cell; do
    cell=${cell#./}
    put "$(mode_of "$build/cell/$cell")" "$build/cell/$cell" "$home/cell/$cell"
  done <"$list"
  point "$(back bin)$home/spanbench" bin/spanbench
}
# What judges and shows a run. The rest of scripts/ needs the sources.
install_scripts() {
  (cd "$root" && find scripts \( -name '*.py' -o -path 'scripts/report/page*' \) ! -path 'scripts/*_proof/*') | LC_ALL=C sort >"$list"
  while read -r script; do
    case $script in
    */test_*.py | */mutants.py) ;;
    scripts/baseline.py | scripts/history*.py | scripts/checked.py | scripts/findings.py) ;;
    scripts/known_failures.py | scripts/releases_table.py) ;;
    # Of the fleet, what shows its classes of machines.
    scripts/fleet/__init__.py | scripts/fleet/classes.py | scripts/fleet/machines.py | scripts/fleet/rounds.py)
      put 644 "$root/$script" "$home/$script"
      ;;
    scripts/fleet/*) ;;
    *) put "$(mode_of "$root/$script")" "$root/$script" "$home/$script" ;;
    esac
  done <"$list"
  (cd "$root" && find results -maxdepth 1 -name '*.schema.json') | LC_ALL=C sort >"$list"
  while read -r schema; do
    put 644 "$root/$schema" "$home/$schema"
  done <"$list"
}
install_manuals() {
  put 644 "$root/harness/spanbench.1" share/man/man1/spanbench.1
  put 644 "$root/harness/spanbench.bash" share/bash-completion/completions/spanbench
  put 644 "$root/LICENSE" share/doc/spanbench/LICENSE
}
# quoted TEXT: as the right side of a `s|…|…|` of sed
quoted() {
  printf '%s' "$1" | sed 's/[\\|&]/\\&/g'
}
# install_library NAME FOLDER [VERSION]: without a version, beside the driver, for its cell alone
install_library() {
  if [ -z "${3:-}" ]; then
    put 755 "$build/lib$1.so" "$home/lib$1.so"
    return
  fi
  put 755 "$build/lib$1.so" "$libdir/lib$1.so.$3"
  point "lib$1.so.$3" "$libdir/lib$1.so.${3%%.*}"
  point "lib$1.so.${3%%.*}" "$libdir/lib$1.so"
  put 644 "$build/lib$1.a" "$libdir/lib$1.a"
  sources=$root/allocators/$2
  put 644 "$sources/$2.h" "include/$2.h"
  [ ! -f "$sources/$2.3" ] || put 644 "$sources/$2.3" "share/man/man3/$2.3"
  if [ -f "$sources/$2.pc.in" ]; then
    sed -e "s|@NAME@|$1|; s|@VERSION@|$3|; s|@PREFIX@|$(quoted "$prefix")|" \
      -e "s|@LIBDIR@|\${prefix}/$(quoted "$libdir")|" "$sources/$2.pc.in" >"$list"
    put 644 "$list" "$libdir/pkgconfig/$1.pc"
  fi
}
# What root installs where the dynamic linker looks, it should find.
renew_cache() {
  [ -z "${DESTDIR:-}" ] && [ "$(id -u)" = 0 ] && command -v ldconfig >/dev/null || return 0
  ldconfig || true
}

end() {
  code=$?
  [ -z "$list" ] || rm -f "$list"
  [ "$code" != 0 ] || return 0
  [ ! -f "$manifest" ] || [ -z "$list" ] ||
    echo "install.sh: not all is installed; make uninstall removes what is there" >&2
  exit 2
}

install_all() {
  [ -x "$build/spanbench" ] || fail "there is no $build/spanbench; build it with make"
  changed=$(cd "$root" && find allocators harness workloads -name '*.[ch]' ! -name 'test_*' \
    -newer "$build/stamp/all" | sed -n 1p)
  [ -z "$changed" ] || fail "$changed has changed since the build: run make, as the owner of $build"
  need_writable "$top/$home"
  [ ! -f "$manifest" ] || remove_all # an older one, some of whose files may have no successor
  list=$(mktemp)
  made='' up=0 # how many folders of the prefix are new
  at=$top
  while [ ! -d "$at" ] && [ "$at" != "${DESTDIR:-}" ]; do
    up=$((up + 1))
    at=$(dirname "$at")
  done
  mkdir -p "$top"
  folder "$home"
  printf 'up %s\n' "$up" >"$manifest"
  record "$home/manifest"
  install_driver
  install_scripts
  install_manuals
  for library; do
    # shellcheck disable=SC2086  # three words
    install_library $library
  done
  renew_cache
  printf '%s\n' "installed in $top: $(grep -c '^file ' "$manifest") files; make uninstall removes them"
}

# --- uninstall --------------------------------------------------------------------------------------
remove_all() {
  kept=$(mktemp)
  cp "$manifest" "$kept"
  if grep -Eq '^(file|folder) (/|(.*/)?\.\.(/|$))' "$kept"; then
    rm -f "$kept"
    fail "$manifest names files outside of $top; nothing was removed"
  fi
  sed -n 's/^file //p' "$kept" | while read -r path; do
    rm -f "$top/$path"
    case $path in
    *.py) rm -rf "$top/${path%/*}/__pycache__" ;; # what Python made of it
    esac
  done
  # From the innermost; what has files of others stays.
  sed -n 's/^folder //p' "$kept" | LC_ALL=C sort -r | while read -r path; do
    rmdir "$top/$path" 2>/dev/null || true
  done
  levels=$(sed -n 's/^up //p' "$kept")
  at=$top
  while [ "${levels:-0}" -gt 0 ] && rmdir "$at" 2>/dev/null; do
    levels=$((levels - 1))
    at=$(dirname "$at")
  done
  rm -f "$kept"
}

command=${1:-}
case $command in
install)
  shift
  trap end EXIT
  trap 'exit 2' HUP INT QUIT TERM
  install_all "$@"
  ;;
uninstall)
  [ -f "$manifest" ] ||
    fail "there is no $manifest: nothing is installed there; give PREFIX, LIBDIR and DESTDIR as for make install"
  need_writable "$top/$home"
  remove_all
  renew_cache
  printf '%s\n' "uninstalled from $top"
  ;;
--help) usage ;;
*)
  usage >&2
  exit 2
  ;;
esac
