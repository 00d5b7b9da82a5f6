"""What is said of a run that is not of `spanbench run`: of `try` and `why`, in words and in pictures, and of `check` and
`harden`, the matrix.

    try_verdict -> try_claims (which differences are proven) -> try_results (program.json)
                -> try_against, try_limits, try_server (what those options add) -> try_words
    try_plot    -> try_verdict
    matrix      -> report (conformance.json, hardening.json)
    why_plot    -> why_verdict -> why_results (why.json)

The driver runs `try_verdict` and `why_verdict`; `make try` and `make why` the pictures, too.
"""
