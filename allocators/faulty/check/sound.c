/* No bug: the family that the others break. No required check may reject it.
 * caught-by: check */
#include "family.h"

static void *own_malloc(size_t size) {
    return malloc(size);
}

FAULTY_FAMILY(.malloc = own_malloc);
