/* A header of 8 bytes before each block of new spoils its alignment, and its addition wraps around.
 * caught-by: check
 *   operators.default_alignment at default_alignment "gave"
 *   operators.aligned at round_trip "alignment %zu, gave"
 *   operators.nothrow_fails at fails_quietly "gave"
 *   operators.nothrow_handler_throws at throw_in_handler "gave" */
#include "operators.h"

enum { HEADER = 8 };

void *op_new(size_t alignment, size_t size) {
    (void)alignment;
    unsigned char *block = malloc((size & SIZE_MAX / 2) + HEADER);
    return block ? block + HEADER : NULL;
}

void op_delete(void *block) {
    free(block ? (unsigned char *)block - HEADER : NULL);
}

FAULTY_FAMILY();
