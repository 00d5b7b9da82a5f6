"""The gate: does this allocator have a regression against that one? `make gate`, scripts/gate.sh.

    __main__ -> cli (what is asked)
             -> run -> base_and_head (what is compared)
                    -> rows (in which workloads)
                    -> campaign (when to measure what) -> driver -> spanbench
                       campaign -> judge -> strata (rounds of several nodes) -> stats
                    -> deterministic (counts of fixed work) -> counting (callgrind, strace)
                    -> rejudge (a stored run)
             -> accepted
             -> document (the files of a run) -> report

`make fleet WORK=gate` measures on a cluster (fleet/gates.py). The same judge judges that, and `nodes` finds nodes that cannot
be trusted to compare.

`findings` is the model that all of them share. The core (`campaign`, `judge`, `strata`, `stats`, `nodes`,
`accepted`, `rows`, `report`) is pure: it takes samples or findings and returns findings. Around it, `base_and_head` builds,
`driver` and `counting` measure, and `baseline_file` is the stored base that CI compares with.
"""
