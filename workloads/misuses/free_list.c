/* Free blocks are overwritten with addresses, where many allocators keep links: whoever can do that
 * would like malloc to return the address. Several blocks are free, so that there is a list. */
#include "misuse.h"

#include <string.h>

enum { OWN_BYTES = 4096, FREED = 4 };

/* Memory that malloc must never give: zeros would end a list, so there is something in it. */
static _Alignas(64) unsigned char target[OWN_BYTES];

/* Frees some blocks; returns the last of them. */
static void *free_some(struct misuse_run *m) {
    void *block = NULL;
    for (size_t i = 0; i < FREED; i++) {
        block = misuse_block(m);
        misuse_free(m, block);
    }
    return block;
}

static void overwrite(struct misuse_run *m, void *block, size_t word, const void *address) {
    if ((word + 1) * sizeof address > m->size)
        misuse_unsupported(m, "blocks of %zu bytes have no such word", m->size);
    if (misuse_now(m, MISUSE_ACCESS, "a pointer is written into a block that is free"))
        ((const void *volatile *)block)[word] = address;
    misuse_audit(m);
}

MISUSE(list_first, .name = "free_list.first_word", .weakness = "CWE-416",
       .summary = "the address of a static object is written into a free block's first word") {
    misuse_own(m, target, sizeof target, "a static object, as the misuse wished");
    overwrite(m, free_some(m), 0, target + OWN_BYTES / 2);
}

MISUSE(list_second, .name = "free_list.second_word", .weakness = "CWE-416",
       .summary = "the address of a static object is written into a free block's second word") {
    misuse_own(m, target, sizeof target, "a static object, as the misuse wished");
    overwrite(m, free_some(m), 1, target + OWN_BYTES / 2);
}

MISUSE(list_live, .name = "free_list.live_block", .weakness = "CWE-416",
       .summary = "the address of a live block is written into a free block's first word") {
    void *block = free_some(m);
    overwrite(m, block, 0, misuse_block(m));
}
