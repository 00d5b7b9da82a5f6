/* A block that a thread allocated which has ended is never used again: nobody took over its heap.
 * exposed-by: larson resident */
#include "base.h"

/* A thread has one, which is kept for ever: its blocks may ask. */
struct heap {
    atomic_bool ended;
};

struct head {
    _Alignas(16) struct heap *heap;
};

static _Thread_local struct heap *own;
static pthread_key_t key;

static void end(void *heap) {
    atomic_store(&((struct heap *)heap)->ended, true);
}

__attribute__((constructor)) static void begin(void) {
    pthread_key_create(&key, end);
}

static void *lose_malloc(size_t size) {
    if (!own) {
        own = calloc(1, sizeof *own);
        pthread_setspecific(key, own);
    }
    struct head *head = own ? malloc(sizeof *head + size) : NULL;
    if (!head)
        return NULL;
    head->heap = own;
    return head + 1;
}

static void lose_free(void *block) {
    struct head *head = block;
    if (head && !atomic_load(&head[-1].heap->ended))
        free(head - 1);
}

BASE_OPERATORS
const struct allocator allocator = {
    .abi    = ALLOCATOR_ABI,
    .flags  = ALLOCATOR_PLANTED,
    .object = ALLOCATOR_IN_CELL,
    .malloc = lose_malloc,
    .free   = lose_free,
};
