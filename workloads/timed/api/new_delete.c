/* new_delete: objects of 16 to 512 bytes in random replacement. C++'s operator new makes them, and
 * operator delete frees them by their size, as a C++ compiler calls it (C++14).
 *
 * Good: the size tells the class, and the free need not look it up. Bad: the size is ignored, or
 * checked by a search.
 *
 * The operators are called by their mangled names (Itanium C++ ABI), for a cell has no C++ in it.
 * An allocator that leaves them to the C++ runtime has no row: that is a malloc with a call around
 * it, and its size comes to nothing. */
#include "places.h"

#include <dlfcn.h>

#if __SIZEOF_SIZE_T__ == __SIZEOF_INT__
#define Z "j"
#else
#define Z "m"
#endif
extern void *operator_new(size_t) __asm__("_Znw" Z) __attribute__((weak));
extern void operator_delete(void *, size_t) __asm__("_ZdlPv" Z) __attribute__((weak));

enum {
    PLACES    = 16384,
    WARM_UP   = 2 * PLACES,
    MIN_BYTES = 16,
    OCTAVES   = 5,
    MAX_BYTES = MIN_BYTES << OCTAVES,
};

struct books {
    struct held held[PLACES];
};

static const char *lacks(const struct allocator *a) {
    Dl_info of_malloc, of_new, of_delete;
    if (!operator_new || !operator_delete)
        return "operator new and operator delete with a size";
    if (!dladdr((void *)a->malloc, &of_malloc) || !dladdr((void *)operator_new, &of_new) ||
        !dladdr((void *)operator_delete, &of_delete) || of_new.dli_fbase != of_malloc.dli_fbase ||
        of_delete.dli_fbase != of_malloc.dli_fbase)
        return "operator new and operator delete of its own";
    return NULL;
}

STREAM_INLINE bool replace_object(struct worker *w, struct step op, bool verify) {
    struct books *b       = w->memory;
    const uint64_t random = step_random(op, 0);
    const uint32_t place  = step_place(op, (uint32_t)(random >> 32), PLACES);
    const uint32_t size   = draw_octaves((uint32_t)random, MIN_BYTES, OCTAVES);
    struct held *h        = &b->held[place];
    unsigned char *old    = h->block;
    if (!held_leave(w, h, place, verify))
        return false;
    if (old)
        operator_delete(old, h->size);
    w->digest += (random | 1) * size;
    return held_take(w, h, place, operator_new(size), size, size, 0, "operator new", verify);
}
PLACES_RUNS(replace_object, replace_object)
PLACES_INSPECT

static void drain(struct worker *w) {
    struct books *b = w->memory;
    for (uint32_t place = 0; place < PLACES; place++)
        if (b->held[place].block)
            operator_delete(b->held[place].block, b->held[place].size);
}

const struct workload workload_new_delete = {
    .name        = "new_delete",
    .group       = "api",
    .lacks       = lacks,
    .summary     = "16 to 512 B by operator new and sized delete; 16384 live blocks a thread",
    .stresses    = "whether the size that delete is told spares a look-up",
    .ops         = 4000000,
    .quick_ops   = 800000,
    .brief_ops   = 40000,
    .live_blocks = PLACES,
    PLACES_MEMBERS,
};
