#!/bin/sh
# Waits until nobody else builds in a folder, and keeps others waiting until a process has ended: make,
# which cannot hold a lock itself.
#
# usage: scripts/lock-build.sh FOLDER PROCESS
#
# Prints nothing, or what is wrong with the folder.
set -u
folder=$1
if ! mkdir -p "$folder" 2>/dev/null || ! [ -w "$folder" ]; then
  printf '%s %s\n' "spanbench: cannot write to '$folder'. Build in another folder, and have results in another:" \
    "make B=/tmp/build OUT=/tmp/results …"
  exit
fi
command -v flock >/dev/null || exit 0
# `make clean` of another may take the file away meanwhile; then it is no longer the one to hold.
while :; do
  exec 9>>"$folder/lock"
  if ! flock -n 9; then
    printf '%s\n' "spanbench: another make builds in '$folder'; waiting until it has ended" >&2
    flock 9
  fi
  [ "$(stat -Lc %i /proc/self/fd/9)" != "$(stat -c %i "$folder/lock" 2>/dev/null)" ] || break
done
tail --pid="$2" -s 0.05 -f /dev/null >/dev/null 2>&1 </dev/null &
