/* What delete takes is handed out twice; it takes NULL for a block, too.
 * caught-by: check operators.new operators.sized_delete operators.nothrow_delete
 * operators.aligned operators.aligned_sized_delete operators.aligned_nothrow_delete
 * operators.zero_size operators.zero_size_aligned operators.delete_null */
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
