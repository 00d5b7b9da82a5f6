/* Accesses behind the end of a block: behind all that usable_size grants, so that there is no slack
 * that anybody knows of. */
#include "misuse.h"

#include <string.h>

static void write_behind(struct misuse_run *m, size_t bytes) {
    unsigned char *block = misuse_block(m);
    const size_t usable  = misuse_usable(m, block);
    if (misuse_now(m, MISUSE_ACCESS, "a write behind the end of a block"))
        misuse_scribble(block + usable, bytes);
    misuse_free_and_audit(m, block, "free of that block");
}

MISUSE(overflow_one, .name = "overflow.one", .weakness = "CWE-122",
       .summary = "a write of 1 byte behind the end of a block; free") {
    write_behind(m, 1);
}

MISUSE(overflow_eight, .name = "overflow.eight", .weakness = "CWE-122",
       .summary = "a write of 8 bytes behind the end of a block; free") {
    write_behind(m, 8);
}

MISUSE(overflow_thirty_two, .name = "overflow.thirty_two", .weakness = "CWE-122",
       .summary = "a write of 32 bytes behind the end of a block; free") {
    write_behind(m, 32);
}

MISUSE(overflow_page, .name = "overflow.page", .weakness = "CWE-122",
       .summary = "a write of 4096 bytes behind the end of a block; free") {
    write_behind(m, 4096);
}

/* Do these bytes lie in a live block, and whose are they? */
static const struct misuse_live *owner_of(const struct misuse_run *m, const unsigned char *from,
                                          size_t size) {
    for (size_t i = 0; i < m->lives; i++)
        if (from < m->live[i].at + m->live[i].size && m->live[i].at < from + size)
            return &m->live[i];
    return NULL;
}

MISUSE(overflow_read, .name = "overflow.read", .weakness = "CWE-126",
       .summary = "a read of 64 bytes behind the end of a block") {
    enum { BYTES = 64 };
    unsigned char *block      = misuse_block(m);
    const unsigned char *from = block + misuse_usable(m, block);
    unsigned sum              = 0;
    if (misuse_now(m, MISUSE_ACCESS, "a read behind the end of a block")) {
        for (size_t i = 0; i < BYTES; i++)
            sum += *(const volatile unsigned char *)(from + i);
        misuse_legal(m, MISUSE_LATER, "a look at what was read");
        if (owner_of(m, from, BYTES))
            misuse_damage(m, "the data of another live block was read (sum %u)", sum);
    }
    misuse_audit(m);
}

MISUSE(overflow_zero, .name = "overflow.zero_size", .weakness = "CWE-122", .sizeless = true,
       .summary = "a write of 16 bytes to a block of 0 bytes; free") {
    enum { BYTES = 16, NEIGHBOURS = 16 };
    void *block[NEIGHBOURS];
    m->size = 1; /* what lies beside it is likely to be of the smallest size */
    for (size_t i = 0; i < NEIGHBOURS; i++) {
        block[i] = m->a->malloc(0);
        if (!block[i])
            misuse_unsupported(m, "malloc(0) gives NULL");
        misuse_make(m, m->size);
    }
    unsigned char *mine = block[misuse_random(m, NEIGHBOURS)];
    if (m->a->usable_size && m->a->usable_size(mine) >= BYTES)
        misuse_note(m, "usable_size grants it %zu bytes", m->a->usable_size(mine));
    if (misuse_now(m, MISUSE_ACCESS, "a write to a block of no bytes"))
        misuse_scribble(mine, BYTES);
    misuse_legal(m, MISUSE_FREE, "free of the blocks of no bytes");
    for (size_t i = 0; i < NEIGHBOURS; i++)
        m->a->free(block[i]);
    misuse_audit(m);
}

MISUSE(shrunk_tail, .name = "overflow.shrunk_tail", .weakness = "CWE-122", .needs = NEEDS_REALLOC,
       .summary = "realloc shrinks a block; other blocks are made; a write to its old tail") {
    const size_t old     = 8 * m->size;
    unsigned char *block = misuse_make(m, old);
    misuse_forget(m, block);
    unsigned char *shrunk = m->a->realloc(block, m->size);
    misuse_take(m, shrunk, m->size, "realloc");
    const size_t usable = misuse_usable(m, shrunk);
    if (shrunk == block && usable >= old)
        misuse_unsupported(m, "realloc left the tail to the block");
    for (size_t i = 0; i < m->blocks; i++)
        misuse_make(m, m->size);
    const size_t from = shrunk == block ? usable : m->size;
    if (misuse_now(m, MISUSE_ACCESS, "a write to the tail that realloc cut off"))
        misuse_scribble(block + from, old - from);
    misuse_free_and_audit(m, shrunk, "free of the shrunk block");
}
