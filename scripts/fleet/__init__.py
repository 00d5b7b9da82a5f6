"""The fleet: the rounds of one run on the nodes of a cluster, through Slurm. `make fleet`, scripts/fleet.sh.

    __main__ -> cli (what is asked)
             -> asked -> bundle (what goes to the nodes)
             -> jobs (submissions) -> slurm (sbatch, squeue, scancel)
             -> unshared (nodes that share no folder) -> slurm (sbcast, srun)
             -> parts (what came back) -> rounds
             -> failures (why tasks brought nothing) -> parts
             -> collect (parts become runs) -> machines (classes, and what is odd)
             -> locks (one process waits, one makes runs)
             -> verdicts (likewise, of checks, misuses and programs) -> tries, catalogue
             -> gates (the gate: what is submitted, and how it is judged) -> gate

`classes` has the runs of all classes of machines, for plots and the page. `task` runs on a node, from the bundle, with `rounds`
beside it. The core (`rounds`, `machines`, and what counts in `parts`) is pure. `cluster` starts a Slurm of three nodes for a user, for the tests, and for `trials` of the gate.
`recorded` reads campaigns of the local gate, which `test_replay` splits over nodes.
"""
