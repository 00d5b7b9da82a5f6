/* What it notes of a huge block stays when it cannot be had.
 * caught-by: check
 *   costs.tebibyte at tebibyte "MiB stay resident after malloc of 1 TiB" */
#include "family.h"

static void *noting_malloc(size_t size) {
    static void *volatile books;
    const size_t bytes = size >> 14;
    if (bytes > 1 << 20)
        memset(books = malloc(bytes), 1, bytes);
    return malloc(size);
}

FAULTY_FAMILY(.malloc = noting_malloc);
