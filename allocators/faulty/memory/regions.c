/* Uses no hole again before its whole page is free. Larger blocks have pages of their own.
 * exposed-by: swiss_cheese */
#include "arena.h"

enum { PAGES = 1 << 20 };

/* Each page has its number of live blocks in it, and the next empty one. */
static uint16_t live[PAGES];
static uint32_t empty_after[PAGES], first_empty; /* numbers less one; 0: none */
static unsigned char *page_of_class[ARENA_PAGE + 1], *end_of_class[ARENA_PAGE + 1];

static size_t number_of(const void *at) {
    return (size_t)((const unsigned char *)at - arena.base) / ARENA_PAGE;
}

static unsigned char *new_page(void) {
    unsigned char *page = arena.next;
    if (first_empty) {
        page        = arena.base + (size_t)(first_empty - 1) * ARENA_PAGE;
        first_empty = empty_after[first_empty - 1];
    } else {
        arena.next += ARENA_PAGE;
    }
    return page;
}

static void *from_page(size_t bytes) {
    if ((size_t)(end_of_class[bytes] - page_of_class[bytes]) < bytes) {
        if (page_of_class[bytes])
            live[number_of(end_of_class[bytes] - 1)]--; /* no longer the one that is being filled */
        page_of_class[bytes] = new_page();
        end_of_class[bytes]  = page_of_class[bytes] + ARENA_PAGE;
        live[number_of(page_of_class[bytes])]++;
    }
    void *at = page_of_class[bytes];
    page_of_class[bytes] += bytes;
    live[number_of(at)]++;
    return at;
}

static void *regions_malloc(size_t size) {
    const size_t bytes = (size + ARENA_HEADER + 15) / 16 * 16;
    const size_t whole = (bytes + ARENA_PAGE - 1) / ARENA_PAGE * ARENA_PAGE;
    unsigned char *at  = NULL;
    pthread_mutex_lock(&arena.lock);
    if (arena_begin() && (size_t)(arena.next - arena.base) + whole < (size_t)PAGES * ARENA_PAGE) {
        if (bytes <= ARENA_PAGE / 2) {
            at = from_page(bytes);
        } else {
            at = arena.next;
            arena.next += whole;
        }
        const struct arena_header own = {bytes - ARENA_HEADER, 0};
        memcpy(at, &own, sizeof own);
    }
    pthread_mutex_unlock(&arena.lock);
    return at ? at + ARENA_HEADER : NULL;
}

static void regions_free(void *block) {
    if (!block)
        return;
    pthread_mutex_lock(&arena.lock);
    unsigned char *at  = (unsigned char *)block - ARENA_HEADER;
    const size_t bytes = arena_header_of(block).bytes + ARENA_HEADER;
    const size_t page  = number_of(at);
    if (bytes > ARENA_PAGE / 2) {
        madvise(at, (bytes + ARENA_PAGE - 1) / ARENA_PAGE * ARENA_PAGE, MADV_DONTNEED);
    } else if (--live[page] == 0) {
        madvise(arena.base + page * ARENA_PAGE, ARENA_PAGE, MADV_DONTNEED);
        empty_after[page] = first_empty;
        first_empty       = (uint32_t)page + 1;
    }
    pthread_mutex_unlock(&arena.lock);
}

const struct allocator allocator = {
    .abi         = ALLOCATOR_ABI,
    .flags       = ALLOCATOR_PLANTED,
    .object      = ALLOCATOR_IN_CELL,
    .malloc      = regions_malloc,
    .free        = regions_free,
    .usable_size = arena_usable_size,
};
