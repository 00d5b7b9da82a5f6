/* Notices a bad free, and a write into a free block's link, only when it allocates next.
 * harden: double_free.immediate/small=later double_free.immediate/large=later
 * free_list.first_word/small=later */
#include "model.h"

#include <stdlib.h>

static bool bad;

static bool in_heap(const struct model_link *link) {
    return !link || model_head((void *)link)->state == MODEL_FREE;
}

static void *late_malloc(size_t size) {
    const struct model_link *first = model_list[model_class(size)];
    if (bad || (first && (!in_heap(first) || !in_heap(first->next)))) {
        model_say("late: the heap was damaged\n");
        abort();
    }
    return model_malloc(size);
}

static void late_free(void *block) {
    if (block && !model_is_alive(block))
        bad = true;
    else
        model_free(block);
}

MODEL_ALLOCATOR(.malloc = late_malloc, .free = late_free);
