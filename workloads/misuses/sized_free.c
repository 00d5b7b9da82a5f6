/* C23's sized frees with a size or an alignment that is not the block's. */
#include "misuse.h"

enum { ALIGNMENT = 64, WRONG_ALIGNMENT = 4096 };

static void free_as(struct misuse_run *m, size_t size) {
    void *block   = misuse_block(m);
    m->other_size = size; /* where the block would come back, were the size believed */
    misuse_forget(m, block);
    if (misuse_now(m, MISUSE_CALL, "free_sized with another size"))
        m->a->free_sized(block, size);
    else
        m->a->free(block);
    misuse_audit(m);
}

MISUSE(sized_smaller, .name = "sized_free.smaller", .weakness = "CWE-763",
       .needs = NEEDS_FREE_SIZED, .summary = "free_sized with a quarter of the block's size") {
    free_as(m, m->size / 4);
}

MISUSE(sized_larger, .name = "sized_free.larger", .weakness = "CWE-763", .needs = NEEDS_FREE_SIZED,
       .summary = "free_sized with four times the block's size") {
    free_as(m, 4 * m->size);
}

/* A block of aligned_alloc, among others of its size. */
static void *aligned_block(struct misuse_run *m, size_t *size) {
    *size       = (m->size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    void *block = NULL;
    for (size_t i = 0; i < m->blocks / 2; i++) {
        block = m->a->aligned_alloc(ALIGNMENT, *size);
        misuse_take(m, block, *size, "aligned_alloc");
    }
    m->other_size = *size;
    return block;
}

MISUSE(sized_alignment, .name = "sized_free.alignment", .weakness = "CWE-763",
       .needs   = NEEDS_ALIGNED_ALLOC | NEEDS_FREE_ALIGNED_SIZED,
       .summary = "free_aligned_sized with an alignment of 4096 of a block with one of 64") {
    size_t size;
    void *block = aligned_block(m, &size);
    misuse_forget(m, block);
    if (misuse_now(m, MISUSE_CALL, "free_aligned_sized with another alignment"))
        m->a->free_aligned_sized(block, WRONG_ALIGNMENT, size);
    else
        m->a->free_aligned_sized(block, ALIGNMENT, size);
    misuse_audit(m);
}

MISUSE(sized_aligned, .name = "sized_free.of_aligned_alloc", .weakness = "CWE-762",
       .needs   = NEEDS_ALIGNED_ALLOC | NEEDS_FREE_SIZED,
       .summary = "free_sized of a block of aligned_alloc") {
    size_t size;
    void *block = aligned_block(m, &size);
    misuse_forget(m, block);
    if (misuse_now(m, MISUSE_CALL, "free_sized of a block of aligned_alloc"))
        m->a->free_sized(block, size);
    else
        m->a->free(block);
    misuse_audit(m);
}
