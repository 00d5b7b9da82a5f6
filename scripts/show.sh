#!/bin/sh
# Shows a run of the driver: draws its plots, writes its page, its answer and its table into its folder, and prints the
# answer.
#
# usage: scripts/show.sh RUN_FOLDER
#
# The exit code is 0, or that of the last of these that failed.

set -eu
# shellcheck source=scripts/variables.sh
. "$(dirname "$0")/variables.sh"
case ${1:-} in '' | -*) take_no_words "${1:---}" ;; esac
run=$1
later=0
# keep FILE COMMAND...: what it prints, whole or not at all
keep() {
  file=$1
  shift
  "$@" >"$run/.$file.new" || later=$?
  mv -f "$run/.$file.new" "$run/$file"
}
"${root}scripts/plot.py" "$run" >/dev/null || later=$?
"${root}scripts/report/__main__.py" --if-possible "$run" >/dev/null || later=$?
keep answer.txt "${root}scripts/answer.py" --all "$run"
keep table.txt "${root}scripts/table.py" "$run"
"${root}scripts/answer.py" "$run" || later=$?
plots=', plots/' page=', report.html'
[ -d "$run/plots" ] || plots=''
[ -f "$run/report.html" ] || page=''
printf '%s\n' "All of it: $run/"
echo "  answer.txt, table.txt, bench.json$plots$page"
exit "$later"
