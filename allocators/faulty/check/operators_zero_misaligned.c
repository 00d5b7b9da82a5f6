/* New of no bytes with an alignment of 64 gives multiples of 16. All else is right.
 * caught-by: check
 *   operators.zero_size_aligned at zero "of 0 bytes, alignment %zu, gave" */
#include "operators.h"

enum { WRONG = 64, OFF = 16, PLACES = 1 << 12 };
static _Alignas(WRONG) char place[PLACES][WRONG];

void *op_new(size_t alignment, size_t size) {
    static size_t next;
    if (alignment == WRONG && !size)
        return place[next++ % PLACES] + OFF;
    return alignment ? aligned_alloc(alignment, size + !size) : malloc(size);
}

void op_delete(void *block) {
    if ((uintptr_t)block < (uintptr_t)place || (uintptr_t)block >= (uintptr_t)(place + PLACES))
        free(block);
}

FAULTY_FAMILY();
