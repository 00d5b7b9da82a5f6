#include "huge.h"

enum { ARENA_BYTES = 1 << ARENA_SHIFT };

size_t huge_whole(size_t n) {
    const size_t page = os_page_bytes(), bytes = n * PAGE_BYTES;
    return (bytes + page - 1) / page * page / PAGE_BYTES;
}

size_t huge_round(size_t n) {
    return n < HUGE_PAGES ? HUGE_PAGES : huge_whole(n);
}

uintptr_t huge_map(size_t n, size_t alignment) {
    const size_t bytes = n * PAGE_BYTES, least = is_huge(n) ? ARENA_BYTES : PAGE_BYTES;
    void *memory = os_map_promised(bytes, alignment < least ? least : alignment);
    if (memory && ((uintptr_t)memory + bytes - 1) >> ADDRESS_BITS) {
        os_unmap(memory, bytes); /* the table of arenas ends there */
        memory = NULL;
    }
    return (uintptr_t)memory;
}

bool huge_is_granted(size_t n) {
    const uintptr_t base = huge_map(n, PAGE_BYTES);
    if (base)
        huge_unmap(base, n);
    return base;
}

void huge_unmap(uintptr_t base, size_t n) {
    os_unmap(os_pointer(base), n * PAGE_BYTES);
}

enum os_growth huge_resize(uintptr_t base, size_t had, size_t n) {
    if (n > had)
        return os_grow(os_pointer(base), had * PAGE_BYTES, n * PAGE_BYTES);
    if (n < had)
        huge_unmap(base + n * PAGE_BYTES, had - n);
    return OS_GROWN;
}

void huge_release(uintptr_t base, size_t used, size_t n) {
    const size_t page = os_page_bytes(), from = (used * PAGE_BYTES + page - 1) / page * page;
    if (from < n * PAGE_BYTES)
        os_release(os_pointer(base + from), n * PAGE_BYTES - from);
}

bool huge_move(uintptr_t base, size_t had, uintptr_t to, size_t n) {
    return os_move(os_pointer(base), had * PAGE_BYTES, os_pointer(to), n * PAGE_BYTES);
}
