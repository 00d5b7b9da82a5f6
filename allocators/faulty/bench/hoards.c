/* A thread keeps what it frees of 64 to 128 bytes for itself, until it ends.
 * exposed-by: idle_threads resident */
#include "base.h"

enum { FROM = 64, TO = 128 };

/* In front of each block. While it is kept, `next` is the one that was kept before. */
struct head {
    _Alignas(16) const void *thread; /* an address that each thread has of its own */
    struct head *next;
};

static _Thread_local struct hoard {
    struct head *first;
    bool begun;
} hoard;
static pthread_key_t key;

static void give_back(void *own) {
    struct hoard *h = own;
    for (struct head *next; h->first; h->first = next) {
        next = h->first->next;
        free(h->first);
    }
}

__attribute__((constructor)) static void begin(void) {
    pthread_key_create(&key, give_back);
}

/* All that are kept have the same size. */
static void *hoard_malloc(size_t size) {
    const bool kept   = size >= FROM && size <= TO;
    struct head *head = kept ? hoard.first : NULL;
    if (head)
        hoard.first = head->next;
    else
        head = malloc(sizeof *head + (kept ? TO : size));
    if (!head)
        return NULL;
    if (!hoard.begun)
        pthread_setspecific(key, &hoard);
    hoard.begun = true;
    *head       = (struct head){.thread = kept ? &hoard : NULL};
    return head + 1;
}

static void hoard_free(void *block) {
    struct head *head = block;
    if (!head)
        return;
    head--;
    if (head->thread != &hoard) {
        free(head);
        return;
    }
    head->next  = hoard.first;
    hoard.first = head;
}

BASE_OPERATORS
const struct allocator allocator = {
    .abi    = ALLOCATOR_ABI,
    .flags  = ALLOCATOR_PLANTED,
    .object = ALLOCATOR_IN_CELL,
    .malloc = hoard_malloc,
    .free   = hoard_free,
};
