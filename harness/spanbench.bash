# Completion of spanbench's commands, options and names for bash. What there is, the program says itself.
# shellcheck shell=bash

_spanbench_names() { # KIND PROGRAM: allocators, workloads, checks or misuses, one a line
  case $1 in
  allocators) "$2" list | sed -n '/^allocators:/,/^workloads:/s/^  \([^ ]*\) .*/\1/p' ;;
  workloads) "$2" list | sed -n '/^workloads:/,$s/^  \([^ ]*\) .*/\1/p' ;;
  checks) "$2" check --list-checks | sed 's/ .*//' ;;
  misuses) "$2" harden --list-misuses | sed 's/ .*//' ;;
  esac 2>/dev/null
}

_spanbench() {
  local program=$1 word=$2 before=$3 command='' words='' i
  for ((i = 1; i < COMP_CWORD; i++)); do
    case ${COMP_WORDS[i]} in -*) ;; *)
      [[ ${COMP_WORDS[i - 1]} == --* ]] || { command=${COMP_WORDS[i]} && break; }
      ;;
    esac
  done
  COMPREPLY=()
  case $before in
  --allocators | --workloads | --checks | --misuses)
    words=$(_spanbench_names "${before#--}" "$program")
    ;;
  --allocator) words=$(_spanbench_names allocators "$program") ;;
  --base | --head)
    words=$(_spanbench_names allocators "$program")
    mapfile -t COMPREPLY < <(compgen -f -- "$word")
    ;;
  --group) words="all $("$program" list | sed -n "/^workloads:/,\$s/^  [^ ]* *\([a-z]*\) .*/\1/p" | sort -u)" ;;
  --sizes)
    if [[ $command == harden ]]; then
      words='tiny small large'
    else
      mapfile -t COMPREPLY < <(compgen -f -- "$word")
      words=lognormal:
    fi
    ;;
  --profile) words='c17 c23 posix2024 glibc cxx17 all' ;;
  --order) words='shuffled mirrored' ;;
  --tier) words='exact timed all' ;;
  --preload | --out | --cells | --known | --accepted | --judge | --directory-to)
    mapfile -t COMPREPLY < <(compgen -f -- "$word")
    return
    ;;
  *)
    if [[ $word == -* ]]; then
      words=$("$program" ${command:+"$command"} --help 2>/dev/null |
        grep -o -- '--[a-z][a-z_-]*' | sort -u)
    elif [[ -z $command || $command == help ]]; then
      words=$("$program" help | sed -n '/^options/q; s/.*spanbench \[\{0,1\}\([a-z]*\).*/\1/p')
    elif [[ $command == describe ]]; then
      words=$(_spanbench_names allocators "$program")
    else
      mapfile -t COMPREPLY < <(compgen -f -- "$word")
      return
    fi
    ;;
  esac
  # Of a list, the last name: "mimalloc,je" is completed to "mimalloc,jemalloc".
  local list=''
  [[ $word != *,* ]] || list=${word%,*},
  mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -P "$list" -W "$words" -- "${word##*,}")
}

complete -o filenames -F _spanbench spanbench
