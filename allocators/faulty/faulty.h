/* Planted bugs: an allocator that is the C library's but for one fault, in a file of its own. Its
 * first comment names the check that must catch it, as "caught-by: CHECK". The tests build each as
 * a cell, and prove that the driver rejects it for that reason. Instead, "caught-by: check NAME …
 * at FUNCTION" with a text names conformance checks, each of which must fail, and the assertion at
 * which it does (CONTRIBUTING.md, Add a check). Such a bug has a whole family (family.h). All but
 * one (in_cell.c) bear ALLOCATOR_PLANTED: their malloc is in the cell, which no allocator's may be.
 *
 * A faulty allocator counts its calls, and misbehaves at the one of number FAULT_AT: late enough
 * that everything before looks good, early enough for the smallest workload. */
#ifndef SPANBENCH_FAULTY_H
#define SPANBENCH_FAULTY_H

#include "allocator.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

enum { FAULT_AT = 500 };

/* Counts the calls; true at the one that must misbehave. Relaxed: only the number counts. */
static inline bool fault_now(void) {
    static atomic_uint calls;
    return atomic_fetch_add_explicit(&calls, 1, memory_order_relaxed) + 1 == FAULT_AT;
}

/* free is the C library's, through a wrapper: both of the pair must belong to the cell. */
static inline void faulty_free(void *block) {
    free(block);
}

#define FAULTY_ALLOCATOR(function)                                                                 \
    const struct allocator allocator = {                                                           \
        .abi    = ALLOCATOR_ABI,                                                                   \
        .flags  = ALLOCATOR_PLANTED,                                                               \
        .object = ALLOCATOR_IN_CELL,                                                               \
        .malloc = (function),                                                                      \
        .free   = faulty_free,                                                                     \
    }

#endif
