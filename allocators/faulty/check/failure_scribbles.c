/* malloc and realloc that fail have already written to a live block.
 * caught-by: check
 *   limits.address_space_medium at at_limit "a block of %zu bytes changed at the limit"
 *   limits.data_at_start at fail_cleanly "blocks changed at the limit"
 *   limits.realloc at grow_at_limit "realloc from"
 *   limits.mmap_fails at take "a block of %zu bytes changed when mmap failed"
 *   overflow.malloc at are_unharmed "changed when %s of %zu bytes failed"
 *   overflow.realloc at overflow_realloc "failed and changed byte"
 *   overflow.reallocarray at overflow_reallocarray ") failed and changed the block" */
#include "family.h"

static unsigned char *last;

static void *scribbling_malloc(size_t size) {
    unsigned char *block = malloc(size);
    if (!block && last)
        *last ^= 0xff;
    last = block ? block : last;
    return block;
}

static void *scribbling_realloc(void *old, size_t size) {
    void *block = realloc(old, size);
    if (!block && old)
        *(unsigned char *)old ^= 0xff;
    return block;
}

static void *scribbling_reallocarray(void *old, size_t count, size_t size) {
    void *block = reallocarray(old, count, size);
    if (!block && old)
        *(unsigned char *)old ^= 0xff;
    return block;
}

FAULTY_FAMILY(.malloc = scribbling_malloc, .realloc = scribbling_realloc,
              .reallocarray = scribbling_reallocarray);
