/* Keeps a mark in the last usable byte, and gives up when somebody used it.
 * caught-by: check
 *   usable_size.own at usable_own "malloc gave NULL after all usable bytes were written and" */
#include "family.h"

enum { MARK = 0xc5 };
static bool broken;

static unsigned char *mark(void *block) {
    return (unsigned char *)block + malloc_usable_size(block) - 1;
}

static void *marking_malloc(size_t size) {
    void *block = broken ? NULL : malloc(size + 1);
    if (block)
        *mark(block) = MARK;
    return block;
}

static void looking_free(void *block) {
    broken = broken || (block && *mark(block) != MARK);
    free(block);
}

FAULTY_FAMILY(.malloc = marking_malloc, .free = looking_free);
