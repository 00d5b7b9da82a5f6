"""`spanbench why` with one promise broken by hand; harness/test/test_mutants.py says what for."""

WHY = "harness/test/test_why.py"
VERDICT = "scripts/verdicts/test_why_verdict.py"
FORKS = "harness/test/test_forks.py:Forks.test_more_processes_than_a_program_may_have"

MUTANTS = [
    (
        "why: a block that another thread frees is freed",
        "harness/why/counter/interpose.c",
        "    count_up(&mine->small[usable / 8].freed);",
        "    count_up(&mine->small[usable == 24 ? 0 : usable / 8].freed);",
        f"{WHY}:Books.test_live_bytes_are_exact",
        "test_live_bytes_are_exact",
    ),
    (
        "why: what a thread counted stays when it ends",
        "harness/why/counter/count.c",
        "        move_number(&s->small[i].made, &into->small[i].made);\n",
        "",
        f"{WHY}:Books.test_live_bytes_are_exact",
        "test_live_bytes_are_exact",
    ),
    (
        "why: a page with blocks of two sizes has none",
        "harness/why/counter/page.c",
        "    atomic_store_explicit(entry, number << 16 | PAGE_ASK, memory_order_relaxed);",
        "    (void)entry;",
        f"{WHY}:Books.test_an_allocator_that_promises_sizes",
        "asked about each block",
    ),
    (
        "why: what an allocator promises is checked",
        "harness/why/counter/count.c",
        "    if (size && 8 * size != usable)",
        "    if (size > 8 * usable)",
        f"{WHY}:Books.test_an_allocator_that_breaks_its_word",
        "breaks_its_word",
    ),
    (
        "why: a child counts for itself",
        "harness/why/counter/count.c",
        "pthread_atfork(NULL, NULL, in_child);",
        "pthread_atfork(NULL, NULL, NULL);",
        f"{WHY}:Books.test_a_child_has_the_blocks_of_its_parent",
        "test_a_child_has_the_blocks_of_its_parent",
    ),
    (
        "why: what the program maps itself is not the allocator's",
        "harness/why/split.c",
        "s->outside += heap ? outside : m->rss;",
        "s->outside += heap ? outside : 0;",
        f"{WHY}:Planted.test_all",
        "All at once",
    ),
    (
        "why: what forks without end is ended",
        "harness/why/observe.c",
        "found, DESCENDANTS_MOST + 1) > DESCENDANTS_MOST",
        "found, DESCENDANTS_MOST + 1) > 2 * DESCENDANTS_MOST",
        FORKS,
        "test_more_processes",
    ),
    (
        "who: what forks without end is ended",
        "harness/who/follow.c",
        "return alive > DESCENDANTS_MOST;",
        "return alive > 2 * DESCENDANTS_MOST;",
        FORKS,
        "test_more_processes",
    ),
    (
        "why: a program that cannot be counted is told why",
        "harness/why/observe.c",
        "            ask_why(o, child);\n",
        "",
        f"{WHY}:BadInput.test_a_static_program",
        "test_a_static_program",
    ),
    (
        "why: what stops growing is not a leak",
        "scripts/verdicts/why_verdict.py",
        "sum(s > least for s in steps) < max(2, len(steps) - 1)",
        "sum(s > least for s in steps) < 1",
        f"{VERDICT}:Kinds.test_what_stops_growing_is_in_use",
        "test_what_stops_growing_is_in_use",
    ),
    (
        "why: what happens on the way out does not count",
        "scripts/verdicts/why_verdict.py",
        "and (p.seconds <= end - 0.03 * (end - first))",
        "and (p.seconds <= end)",
        f"{VERDICT}:Kinds.test_the_way_out_is_left_out",
        "frees all at its end",
    ),
]
