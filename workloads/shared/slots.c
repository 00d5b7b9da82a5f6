#include "slots.h"

#include <string.h>

#define NEED(bit, slot) [bit] = {#slot, offsetof(struct allocator, slot)}
static const struct {
    const char *name;
    size_t offset;
} needs_of[NEEDS_COUNT] = {
    NEED(0, calloc),        NEED(1, realloc),        NEED(2, reallocarray),
    NEED(3, aligned_alloc), NEED(4, posix_memalign), NEED(5, memalign),
    NEED(6, usable_size),   NEED(7, free_sized),     NEED(8, free_aligned_sized),
    NEED(9, purge),
};
_Static_assert(NEEDS_PURGE == 1u << 9 && NEEDS_FREE_SIZED == 1u << 7, "bits are those above");

const char *slots_name(unsigned bit) {
    return needs_of[bit].name;
}

const char *slots_missing(const struct allocator *a, unsigned needs) {
    for (unsigned bit = 0; bit < NEEDS_COUNT; bit++) {
        const void *function;
        memcpy(&function, (const char *)a + needs_of[bit].offset, sizeof function);
        if (needs & 1u << bit && !function)
            return needs_of[bit].name;
    }
    return NULL;
}
