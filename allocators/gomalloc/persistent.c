#include "persistent.h"

#include "lock.h"
#include "os.h"

enum {
    FIRST_STEP = 1280 << 10, /* what a small program needs: two regions of fixalloc, the maps of two
                                arenas, a region of the page allocator; and some rest */
    NEXT_STEP = 512 << 10,   /* then this, or a multiple of it; */
    LAST_STEP = 64 << 20,    /* at most this: enough for the descriptors of 1 GiB, if it is in the
                                smallest objects */
    /* fixalloc's regions begin at multiples of this; a step that does so, too, has no holes. */
    STEP_ALIGNMENT = 256 << 10,
};

static struct lock lock;
static uintptr_t at, end; /* what is left of the current step, */
static uintptr_t begin;   /* and where it begins */
static size_t mapped;     /* by steps */

static uintptr_t align_up(uintptr_t n, size_t alignment) {
    return (n + alignment - 1) & -(uintptr_t)alignment;
}

/* Below the current step, as Linux gives addresses out, it is one mapping with it. A huge page for
 * a map of which a few lines are used would be resident as a whole. */
static void *map(size_t bytes, size_t alignment) {
    const uintptr_t below = (begin - bytes) & -(uintptr_t)alignment;
    void *memory          = below < begin && os_map_at(below, bytes) ? os_pointer(below)
                                                                     : os_map_aligned(bytes, alignment);
    if (memory)
        os_no_huge_pages(memory, bytes);
    return memory;
}

/* A step has half of what there is, and room for so many bytes. */
static size_t step_bytes(size_t bytes) {
    size_t step = mapped / 2 / NEXT_STEP * NEXT_STEP;
    step        = step < LAST_STEP ? step : LAST_STEP;
    step        = step > NEXT_STEP ? step : mapped ? NEXT_STEP : FIRST_STEP;
    return align_up(step > bytes ? step : bytes, STEP_ALIGNMENT);
}

/* False: there is no memory. */
static bool next_step(size_t bytes) {
    const size_t step = step_bytes(bytes);
    void *memory      = map(step, STEP_ALIGNMENT);
    if (!memory)
        return false;
    end = 0; /* in between, a forked child finds nothing left */
    lock_in_order();
    at = begin = (uintptr_t)memory;
    lock_in_order();
    end = at + step;
    mapped += step;
    return true;
}

static void *cut(size_t bytes, size_t alignment) {
    const uintptr_t from = align_up(at, alignment);
    if (from > end || bytes > end - from)
        return NULL;
    at = from + bytes;
    return os_pointer(from);
}

void *persistent_alloc(size_t bytes, size_t alignment) {
    const size_t page = os_page_bytes();
    if (!os_may_map())
        return NULL;
    alignment = alignment > page ? alignment : page;
    bytes     = align_up(bytes, page);
    lock_acquire(&lock);
    void *memory = cut(bytes, alignment);
    if (!memory && next_step(bytes))
        memory = cut(bytes, alignment);
    if (!memory) /* address space is short: no more than this */
        memory = map(bytes, alignment);
    lock_release(&lock);
    return memory;
}

bool persistent_clear(void *memory, size_t bytes) {
    return os_release(memory, align_up(bytes, os_page_bytes()));
}

size_t persistent_spare(void) {
    lock_acquire(&lock);
    const size_t spare = end > at ? end - at : 0; /* a fork may have cut a step short */
    lock_release(&lock);
    return spare;
}

void persistent_after_fork(void) {
    lock_after_fork(&lock);
}
