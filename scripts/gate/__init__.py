"""The gate: does this allocator have a regression against that one? `make gate`, scripts/gate.sh.

    __main__ -> cli (what is asked)
             -> run -> base_and_head (what is compared)
                    -> campaign (when to measure what) -> driver -> spanbench
                       campaign -> judge -> stats
                    -> deterministic (counts of fixed work) -> counting (callgrind, strace)
                    -> rejudge (a stored run)
             -> accepted
             -> document (the files of a run) -> report

`findings` is the model that all of them share. The core (`campaign`, `judge`, `stats`, `accepted`,
`report`) is pure: it takes samples or findings and returns findings. Around it, `base_and_head` builds,
`driver` and `counting` measure, and `baseline_file` is the stored base that CI compares with.
"""
