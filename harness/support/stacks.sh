#!/bin/sh
# Prints where each thread of a process and of its descendants stands, for who waits in vain.
#
# usage: stacks PID
#
# By eu-stack (Debian: elfutils) or gdb; without both, or where they may not, what /proc says of
# each thread. The build puts it beside the driver, which runs it at a time-out; so does a cell whose
# forked child hangs.
set -u
LC_ALL=C
export LC_ALL
DEBUGINFOD_URLS='' # names of the symbols that are here are enough; no network
export DEBUGINFOD_URLS
limit='timeout -k 1 10'

missing=''
for tool in cat sed grep timeout; do
  command -v $tool >/dev/null || missing="$missing $tool"
done
if [ -n "$missing" ]; then
  echo "no stacks: not to be found in PATH ($PATH):$missing"
  exit
fi

# family PID: itself and its descendants
family() {
  echo "$1"
  # shellcheck disable=SC2013  # words are meant
  for child in $(cat /proc/"$1"/task/*/children 2>/dev/null); do family "$child"; done
}

# by_tool PID: false if the tool is missing, or found no frame
by_tool() {
  text=''
  if command -v eu-stack >/dev/null; then
    text=$($limit eu-stack -m -n 32 -p "$1" 2>/dev/null | grep -v '^PID')
  elif command -v gdb >/dev/null; then
    text=$($limit gdb -q -batch -nx -p "$1" -ex 'thread apply all bt 32' 2>/dev/null |
      grep -E '^(Thread|#)')
  fi
  case $text in *'#0'*) printf '%s\n' "$text" ;; *) return 1 ;; esac
}

by_proc() {
  for task in /proc/"$1"/task/*; do
    [ -r "$task/comm" ] || continue
    echo "thread ${task##*/} ($(cat "$task/comm" 2>/dev/null)):" \
      "state $(sed -n 's/^State:[[:space:]]*//p' "$task/status" 2>/dev/null)," \
      "waits in $(cat "$task/wchan" 2>/dev/null)," \
      "system call $(cat "$task/syscall" 2>/dev/null)"
  done
  if ! command -v eu-stack >/dev/null && ! command -v gdb >/dev/null; then
    echo "no stacks: there is neither eu-stack nor gdb; install the package elfutils"
  else
    echo "no stacks: eu-stack or gdb may not trace it (/proc/sys/kernel/yama/ptrace_scope?)"
  fi
}

if [ $# -ne 1 ]; then
  sed -n '4s/^# //p' "$0" >&2
  exit 2
fi
for process in $(family "$1"); do
  [ -d "/proc/$process" ] || continue
  echo "process $process ($(cat "/proc/$process/comm" 2>/dev/null)):"
  by_tool "$process" || by_proc "$process"
done
