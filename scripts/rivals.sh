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

what=rivals
kept='The rivals that were there are as they were'
# shellcheck source=scripts/mirror.sh
. scripts/mirror.sh
case ${1:-} in
'') ;;
--help)
  sed -n '2,/^#$/s/^# \{0,1\}//p; /^# usage/,/^#$/s/^# \{0,1\}//p' "$0"
  exit 0
  ;;
*) give_up "takes no words, only variables; --help says which" ;;
esac
mirror_begin
mirror_read ''

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
