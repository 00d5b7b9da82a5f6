/* calloc of several objects reserves one byte too few.
 * caught-by: check
 *   calloc.product at product_size "is another block's, too" */
#include "family.h"

static char arena[16 << 20];
static size_t used;

static void *short_calloc(size_t count, size_t size) {
    if (count < 2 || size < 2 || count > 1000 || size > 1000)
        return calloc(count, size);
    char *block = arena + used;
    used += count * size - 1;
    return block;
}

static void short_free(void *block) {
    if ((char *)block < arena || (char *)block >= arena + sizeof arena)
        free(block);
}

FAULTY_FAMILY(.calloc = short_calloc, .free = short_free);
