/* Blocks of 65 to 127 bytes lie a kilobyte apart.
 * exposed-by: touch_random far-pages */
#include "base.h"

enum { FROM = 65, TO = 127, APART = 1024 };

static void *spread(size_t size) {
    void *block = malloc(size >= FROM && size <= TO ? APART : size);
    return block;
}

BASE_OPERATORS
FAULTY_FAMILY(.malloc = spread);
