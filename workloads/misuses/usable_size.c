/* The usable size is asked of what is not a live block. */
#include "misuse.h"

static void ask(struct misuse_run *m, void *address, const char *what) {
    if (misuse_now(m, MISUSE_CALL, what))
        misuse_note(m, "it said %zu, of blocks of %zu bytes", m->a->usable_size(address), m->size);
    misuse_audit(m);
}

MISUSE(usable_freed, .name = "usable_size.freed", .weakness = "CWE-416", .needs = NEEDS_USABLE_SIZE,
       .summary = "free(p); malloc_usable_size(p)") {
    void *block = misuse_block(m);
    misuse_free(m, block);
    ask(m, block, "usable_size of a block that is free");
}

MISUSE(usable_interior, .name = "usable_size.interior", .weakness = "CWE-763",
       .needs = NEEDS_USABLE_SIZE, .summary = "malloc_usable_size of an address within a block") {
    ask(m, misuse_interior(m, misuse_block(m)), "usable_size of an address within a block");
}

MISUSE(usable_wild, .name = "usable_size.wild", .weakness = "CWE-763", .needs = NEEDS_USABLE_SIZE,
       .sizeless = true, .summary = "malloc_usable_size of an address at which nothing is mapped") {
    ask(m, misuse_hole(m), "usable_size of an unmapped address");
}
