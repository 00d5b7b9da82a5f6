/* What delete takes is handed out twice; it takes NULL for a block, too.
 * caught-by: check
 *   operators.new operators.sized_delete operators.nothrow_delete operators.aligned
 *     operators.aligned_sized_delete operators.aligned_nothrow_delete at round_trip "changed while"
 *   operators.zero_size operators.zero_size_aligned at zero "twice"
 *   operators.delete_null at delete_null "took NULL" */
#include "operators.h"

static void *stash;
static unsigned owners;

void *op_new(size_t alignment, size_t size) {
    if (owners && size <= malloc_usable_size(stash) &&
        (!alignment || (uintptr_t)stash % alignment == 0)) {
        owners--;
        return stash;
    }
    return alignment ? memalign(alignment, size) : malloc(size);
}

void op_delete(void *block) {
    stash  = block ? block : malloc(4096);
    owners = 2;
}

FAULTY_FAMILY();
