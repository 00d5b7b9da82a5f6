"""The gate: does this allocator have a regression against that one? `make gate`, scripts/gate.sh.

    __main__ -> arms (what is compared) -> campaign (when to measure what) -> driver -> spanbench
                                           campaign -> judge -> stats
             -> exact (the deterministic tier)
             -> rejudge (a stored run)
             -> accepted -> report

`findings` is the model that all of them share. The core (`campaign`, `judge`, `stats`, `accepted`,
`report`) is pure: it takes samples or findings and returns findings. Around it, `arms` builds, `driver`
and `counting` measure, `stored` is the base of CI, and `proof` and `control` try the gate itself.
"""
