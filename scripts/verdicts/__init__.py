"""What `spanbench try` and `spanbench why` say of a run, in words and in pictures.

    try_verdict -> try_claims (which differences are proven) -> try_results (program.json)
                -> try_against, try_limits, try_server (what those options add) -> try_words
    try_plot    -> try_verdict
    why_plot    -> why_verdict -> why_results (why.json)

The driver runs `try_verdict` and `why_verdict`; `make try` and `make why` the pictures, too.
"""
