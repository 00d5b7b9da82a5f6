#!/bin/sh
# Formatters and static analysis over every file of the project; says each finding and ends with 1 if
# there is one, with 2 if a tool is missing. Changes nothing.
#
# shellcheck disable=SC2317  # the checks are called through `check`
# shellcheck disable=SC2086,SC2046  # lists of files are split into words on purpose
set -u
cd "$(dirname "$0")/.." || exit 2

for tool in clang-format clang-tidy shellcheck black mypy gofmt cc; do
  if ! PATH=/usr/bin:$PATH command -v $tool >/dev/null; then
    echo "lint.sh: $tool is not installed; run scripts/deps.sh test" >&2
    exit 2
  fi
done
PATH=/usr/bin:$PATH # Debian's Python tools, whatever else there is

findings=0
# check WHAT COMMAND...: runs the command, which prints its findings.
check() {
  what=$1
  shift
  if "$@"; then
    echo "lint: $what: good"
  else
    echo "lint: $what: FINDINGS"
    findings=1
  fi
}

files() {
  git ls-files --cached --others --exclude-standard -- "$@" | sort -u |
    while read -r file; do [ -f "$file" ] && echo "$file"; done
}
c_files=$(files '*.c' '*.h' '*.cc')
build=${B:-build}
jobs=$(nproc)

# Lines of a file and the paths in which the build looks for its headers.
include_paths() {
  make --no-print-directory include-paths FILES="$(files "$@" | tr '\n' ' ')" | sed 's/ *$//'
}

whitespace() {
  ! git grep -nIE --untracked '[[:blank:]]+$|'"$(printf '\r')" -- $(files ':!*.svg' ':!*.json')
}

tidy() {
  make --no-print-directory "$build/workloads.inc" "$build/version.h" || return 1
  # The leak that it sees in gbench.cc lies in Google Benchmark's header.
  # shellcheck disable=SC2016
  include_paths '*.c' | xargs -P "$jobs" -L 1 sh -c '
    file=$1
    shift
    ! clang-tidy --quiet "$file" -- -std=gnu17 -D_GNU_SOURCE -DBUILD="\"build\"" "$@" 2>&1 |
      grep -E "(warning|error):"' tidy &&
    ! clang-tidy --quiet --checks=-clang-analyzer-cplusplus.NewDeleteLeaks harness/bench/gbench.cc -- \
      -std=c++17 -Iharness/bench 2>&1 | grep -E '(warning|error):'
}

# gofmt names the files that it would change, and calls that a success.
go_format() {
  unformatted=$(gofmt -l $(files '*.go')) || return 1
  [ -z "$unformatted" ] || { echo "$unformatted" && return 1; }
}

headers_alone() {
  include_paths '*.h' | {
    failed=0
    while read -r header paths; do
      printf '#include "%s"\n' "${header##*/}" >"$build/alone.c"
      cc -fsyntax-only -std=gnu17 -D_GNU_SOURCE -Wall -Wextra -Werror -I"${header%/*}" $paths \
        "$build/alone.c" || failed=1
    done
    rm -f "$build/alone.c"
    [ $failed = 0 ]
  }
}

check 'white space' whitespace
check 'clang-format' clang-format --dry-run -Werror $c_files
check 'headers compile alone' headers_alone
check 'includes' ci/includes.py
check 'words' ci/words.py
check 'gofmt' go_format
check 'shellcheck' shellcheck $(files '*.sh') scripts/adapter-keys scripts/run-test .ci/run
check 'black' black --quiet --check $(files '*.py')
# Not the lists of mutants: they have one name, and are found by it.
check 'mypy' mypy --no-error-summary $(files '*.py' ':!*/mutants.py')
check 'clang-tidy' tidy
exit $findings
