#!/bin/sh
# Compares two libraries, in time and memory, and says whether head is worse than base.
#
# usage: [VARIABLE=value …] scripts/gate.sh         after `make`; `make gate` does both
#   BASE=…  HEAD=…             a git ref, ./libfoo.so, or an allocator of `build/spanbench list`
#                              (default: where this branch began, and the gomalloc of this tree)
#   QUICK=1                    a minute or two, longer on a busy machine, for large changes (1 or yes; 0, no or
#                              nothing: the whole)
#   TIER=exact|timed|all       counts, or time and memory, or both (default: all)
#   WORKLOADS="tiny api"       THREADS="1 2"   workloads and groups (default: scripts/gate/README.md)
#   SEED=n TIMEOUT=s           seed, limit in seconds of one sample
#   OUT=dir                    where the directory of the run is made (default: results)
#   ARGS="--strict"            further options, split at blanks: build/spanbench gate --help
#   B=dir                      where the driver was built (default: build)
#
# Exit code: 0 no regression, 1 a regression, 2 wrong use or environment, 75 undecided and --strict,
# 128 + n signal n. (make turns each but 0 into 2.)

set -euf
# shellcheck source=scripts/variables.sh
. "$(dirname "$0")/variables.sh"
take_no_words "$@"
need_results

set -- --driver "$driver"
[ -z "${OUT:-}" ] || set -- "$@" --out="$OUT"
# shellcheck source=scripts/gate_words.sh
. "${root}scripts/gate_words.sh"
# -E -s: the packages of Debian, whatever PYTHONPATH says
exec /usr/bin/python3 -E -s "${root}scripts/gate/__main__.py" "$@"
