/* Gives 64 bytes where nobody could have as many as were asked for.
 * caught-by: check
 *   errno.malloc at right "which is not such an object"
 *   overflow.malloc at overflow_malloc "malloc(%zu) gave %p" */
#include "family.h"

static size_t cut(size_t size) {
    return size > SIZE_MAX / 4 ? 64 : size;
}

static void *lying_malloc(size_t size) {
    return malloc(cut(size));
}

FAULTY_FAMILY(.malloc = lying_malloc);
