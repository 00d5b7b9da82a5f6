/* Loses each block that another thread frees than the one that allocated it: nobody finds it again.
 * exposed-by: memory hand_over_pairs hand_over_all hand_over_many message_ring */
#include "allocator.h"

#include <stdlib.h>

/* In front of each block. */
struct head {
    _Alignas(16) const void *thread; /* an address that each thread has of its own */
};

static _Thread_local char self;

static void *marked_malloc(size_t size) {
    struct head *head = malloc(sizeof *head + size);
    if (!head)
        return NULL;
    head->thread = &self;
    return head + 1;
}

static void marked_free(void *block) {
    struct head *head = block;
    if (head && head[-1].thread == &self)
        free(head - 1);
}

const struct allocator allocator = {
    .abi    = ALLOCATOR_ABI,
    .flags  = ALLOCATOR_PLANTED,
    .object = ALLOCATOR_IN_CELL,
    .malloc = marked_malloc,
    .free   = marked_free,
};
