/* A huge block is tried for at length, and costs pages, though they are given back.
 * caught-by: check
 *   costs.tebibyte at tebibyte "touched %ld pages for the first time" */
#include "family.h"

static void *trying_malloc(size_t size) {
    const size_t books = size >> 14;
    if (books > 1 << 20)
        free(memset(malloc(books), 1, books));
    return malloc(size);
}

FAULTY_FAMILY(.malloc = trying_malloc);
