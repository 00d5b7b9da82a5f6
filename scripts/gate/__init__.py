"""The gate: does this allocator have a regression against that one? `make gate`, scripts/gate.sh.

    __main__ -> arms (what is compared) -> campaign (when to measure what) -> driver -> spanbench
                                           campaign -> judge -> stats
             -> exact (the deterministic tier)
             -> accepted -> report

`findings` is the model that all of them share. The core is pure: it takes samples or findings and
returns findings; `arms`, `driver` and `__main__` alone start processes.
"""
