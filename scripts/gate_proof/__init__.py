"""The proof that the gate can be relied on: `make gate-proof`, and `control`, the same in minutes.

    proof -> run_gate (whole runs of the gate), planted (libraries with a known cost), replay (recorded
             runs, judged again) -> ledger (what was measured so far) -> evidence (what that shows)

`simulation` is a machine whose truth is known; the tests of the gate draw their samples from it. The
gate itself imports nothing from here.
"""
