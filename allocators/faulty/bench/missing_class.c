/* There is no size class for 33 to 48 bytes: such a block takes a kilobyte.
 * exposed-by: json resident */
#include "base.h"

enum { FROM = 33, TO = 48, CLASS = 1024 };

static void *round_up(size_t size) {
    char *block = malloc(size >= FROM && size <= TO ? CLASS : size);
    return block;
}

BASE_OPERATORS
FAULTY_FAMILY(.malloc = round_up);
