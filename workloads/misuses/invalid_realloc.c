/* realloc of what is not a live block. What it returns, if it returns, must be a block. */
#include "misuse.h"

static void realloc_that(struct misuse_run *m, void *address, const char *what) {
    const size_t size = 2 * m->size;
    if (misuse_now(m, MISUSE_CALL, what)) {
        void *moved = m->a->realloc(address, size);
        misuse_legal(m, MISUSE_LATER, "use of what realloc returned");
        if (moved)
            misuse_take(m, moved, size, "realloc");
    }
    misuse_audit(m);
}

MISUSE(realloc_freed, .name = "invalid_realloc.freed", .weakness = "CWE-416",
       .needs = NEEDS_REALLOC, .summary = "free(p); realloc(p, n)") {
    void *block = misuse_block(m);
    misuse_free(m, block);
    realloc_that(m, block, "realloc of a block that is free");
}

MISUSE(realloc_interior, .name = "invalid_realloc.interior", .weakness = "CWE-763",
       .needs = NEEDS_REALLOC, .summary = "realloc of an address within a block") {
    realloc_that(m, misuse_interior(m, misuse_block(m)), "realloc of an address within a block");
}

MISUSE(realloc_wild, .name = "invalid_realloc.wild", .weakness = "CWE-763", .needs = NEEDS_REALLOC,
       .sizeless = true, .summary = "realloc of an address at which nothing is mapped") {
    realloc_that(m, misuse_hole(m), "realloc of an unmapped address");
}
