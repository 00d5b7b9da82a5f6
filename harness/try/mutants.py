"""`spanbench try` with one promise broken by hand; harness/test/test_mutants.py says what for."""

TRY = "harness/test/test_try.py"
VERDICT = "scripts/test_try_verdict.py"

MUTANTS = [
    (
        "peak: what nobody saw is in the kernel's account of the ended",
        "harness/try/measure.c",
        "if (one <= w->largest + SLACK_BYTES)",
        "if (true)",
        f"{TRY}:Truth.test_memory_of_a_child_that_nobody_saw",
        "test_memory_of_a_child_that_nobody_saw",
    ),
    (
        "peak: pages that processes share count once",
        "harness/try/watch.c",
        "p->shared = m.rss - m.pss;",
        "p->shared = 0 * m.rss;",
        f"{TRY}:Truth.test_pages_that_processes_share_count_once",
        "test_pages_that_processes_share_count_once",
    ),
    (
        "memory of a server: without that of the load",
        "harness/try/watch.c",
        "w->left_out && d.process == w->left_out",
        "false",
        f"{TRY}:Servers.test_time_of_the_load_and_memory_of_the_server",
        "test_time_of_the_load_and_memory_of_the_server",
    ),
    (
        "identity: no row where the library was not used",
        "harness/try/try.c",
        "if (unserved && unserved == l->processes) {",
        "if (unserved && unserved > l->processes) {",
        f"{TRY}:Truth.test_what_cannot_be_preloaded_gives_no_row_and_says_why",
        "test_what_cannot_be_preloaded_gives_no_row_and_says_why",
    ),
    (
        "output: that of all rows is compared",
        "harness/try/try.c",
        "if (c->output == m->out_hash)",
        "if (true)",
        f"{TRY}:Options.test_same_output",
        "test_same_output",
    ),
    (
        "verdict: a difference within the margin is none",
        "scripts/try_verdict.py",
        "MARGIN = 0.01 ",
        "MARGIN = 0.00 ",
        f"{VERDICT}:Truth.test_a_difference_below_the_margin_is_none",
        "test_a_difference_below_the_margin_is_none",
    ),
    (
        "verdict: runs of one round are paired",
        "scripts/try_verdict.py",
        "logs = tuple(math.log(a[r] / b[r]) for r in rounds)",
        "logs = tuple(math.log(a[r] / b[s]) for r, s in zip(rounds, rounds[1:] + rounds[:1]))",
        f"{VERDICT}:Words.test_what_differs_and_what_does_not",
        "test_what_differs_and_what_does_not",
    ),
]
