#include "hardened.h"

#ifdef GOMALLOC_HARDENED

#include "gomalloc.h"
#include "helper.h"
#include "hold.h"
#include "huge.h"
#include "large.h"
#include "mcache.h"
#include "operators.h"
#include "options.h"
#include "reproach.h"

#include <errno.h>

#define LIKELY(condition)   __builtin_expect(!!(condition), 1)
#define UNLIKELY(condition) __builtin_expect(!!(condition), 0)
#define NOINLINE            __attribute__((noinline))
/* Who called free or delete: these jump here. */
#define CALLER __builtin_return_address(0)
#define HOT    inline __attribute__((always_inline))

enum { OFFSET_MOST = 64 << 10 /* of larger alignments, blocks begin at the first page */ };

void hardened_begin(void) {
    seal_begin();
    quarantine_begin();
}

/* The child's blocks are its parent's, and so must be what seals them. What comes can differ. */
void hardened_after_fork(void) {
    mcache_current->quarantine.random ^= seal_random();
}

static void *no_memory(void) {
    errno = ENOMEM;
    return NULL;
}

/* --- malloc --- */

/* Dies if somebody wrote into a free slot. */
static HOT void look(const void *slot, unsigned bytes) {
    const uintptr_t from = (uintptr_t)slot + HOLD_LINK;
    if (UNLIKELY(!quarantine_is_clean(from, bytes - HOLD_LINK)))
        reproach_write(slot, quarantine_stain(from, bytes - HOLD_LINK));
}

static NOINLINE void *take_slowly(unsigned spanclass) {
    struct mcache *c = mcache_enter();
    quarantine_sweep(&c->quarantine);
    void *slot = mcache_alloc(c, spanclass);
    if (UNLIKELY(!slot)) {
        mcache_flush(c);
        slot = mcache_alloc(c, spanclass);
    }
    mcache_leave(c);
    large_others_go_back();
    return slot;
}

/* A slot of the class; 0: no memory. */
static HOT uintptr_t take(unsigned spanclass) {
    struct freelist *l = &mcache_current->list[spanclass];
    void *slot         = l->head;
    if (LIKELY(slot != NULL)) {
        const uintptr_t next = seal_next((uintptr_t)slot);
        if (UNLIKELY(!seal_is_slot(next))) {
            l->head = NULL; /* who handles the signal may want memory, too */
            reproach_link(slot);
        }
        l->head = os_pointer(next);
        l->now.mallocs++;
        __builtin_prefetch(l->head, 1);
    } else {
        slot = take_slowly(spanclass);
    }
    if (LIKELY(slot != NULL))
        look(slot, class_to_size[spanclass / 2]);
    return (uintptr_t)slot;
}

static HOT void *small(size_t size, unsigned kind, unsigned noscan) {
    const size_t around  = (size <= HOLD_SHORT ? HOLD_NARROW : HOLD_WIDE) + HOLD_TAIL_LEAST;
    const unsigned class = size_to_class(size + around), bytes = class_to_size[class];
    const uintptr_t slot = take(2 * class + noscan);
    const struct hold h  = {.start = slot,
                            .block = slot + hold_offset(bytes),
                            .end   = slot + bytes,
                            .size  = size,
                            .kind  = kind};
    if (UNLIKELY(!slot))
        return no_memory();
    return hold_write(&h);
}

static void sweep(void) {
    struct mcache *c = mcache_enter();
    quarantine_sweep(&c->quarantine);
    mcache_leave(c);
}

/* How far behind the start of its span a large block begins. The page map knows of a huge one
 * the first page alone. */
static size_t offset_of(size_t alignment, size_t bytes) {
    if (alignment <= HOLD_WIDE)
        return HOLD_WIDE;
    const bool huge = is_huge((alignment + bytes + HOLD_TAIL_LEAST + PAGE_BYTES - 1) / PAGE_BYTES);
    return alignment <= (huge ? PAGE_BYTES / 2 : OFFSET_MOST) ? alignment : 0;
}

/* What large() shall do besides. */
enum { LARGE_NOSCAN = 1, LARGE_ZERO = 2 };

/* `spare`: bytes of address space behind it, to grow into. */
static NOINLINE void *large(size_t size, unsigned kind, size_t spare, unsigned how) {
    const size_t alignment = hold_alignment(kind);
    const size_t offset    = offset_of(alignment, size + spare);
    if (size > PTRDIFF_MAX - PAGE_BYTES - OFFSET_MOST - spare)
        return no_memory();
    sweep();
    const size_t all  = offset + size + HOLD_TAIL_LEAST + spare;
    const bool noscan = how & LARGE_NOSCAN;
    void *pages       = how & LARGE_ZERO ? large_zeroed(all, noscan)
                                         : large_alloc(all, alignment ? alignment : 1, noscan, NULL);
    if (!pages)
        return NULL;
    const uintptr_t base = (uintptr_t)pages;
    struct mspan *s      = arena_span(base);
    s->has_spare         = spare != 0;
    *hold_large_of(s) =
        (struct hold_large){.size = size, .offset = (uint32_t)offset, .kind = (uint8_t)kind};
    const struct hold h = {.start = base,
                           .block = base + offset,
                           .end   = base + mspan_span_bytes(s),
                           .size  = size,
                           .kind  = kind};
    return hold_write(&h);
}

static HOT void *allocate(size_t size, unsigned kind) {
    return LIKELY(size <= HOLD_SMALL) ? small(size, kind, 0) : large(size, kind, 0, 0);
}

/* The slots of a class are aligned to the largest power of two that divides their size. */
static void *aligned(size_t alignment, size_t size, unsigned kind) {
    if (size > HOLD_SMALL || alignment > PAGE_BYTES)
        return large(size, kind, 0, 0);
    unsigned class = size_to_class(size);
    while (class < SIZE_CLASSES && (class_to_size[class] % alignment != 0 ||
                                    class_to_size[class] < alignment + size + HOLD_TAIL_LEAST))
        class ++;
    if (class == SIZE_CLASSES)
        return large(size, kind, 0, 0);
    const uintptr_t slot = take(2 * class);
    if (!slot)
        return no_memory();
    seal_store(slot, 0); /* no link */
    const struct hold h = {.start = slot,
                           .block = slot + alignment,
                           .end   = slot + class_to_size[class],
                           .size  = size,
                           .kind  = kind};
    return hold_write(&h);
}

void *hardened_malloc(size_t size) {
    return allocate(size, ORIGIN_MALLOC);
}

void *hardened_new(size_t alignment, size_t size, enum hardened_origin origin) {
    if (alignment >> ADDRESS_BITS)
        return no_memory();
    const unsigned kind = hold_kind(alignment, origin);
    if (alignment > HOLD_WIDE)
        return aligned(alignment, size, kind);
    if (size > HOLD_SMALL)
        return large(size, kind, 0, 0);
    if (alignment <= HOLD_NARROW || size > HOLD_SHORT)
        return small(size, kind, 0);
    return aligned(2 * alignment, size, kind); /* a short one, aligned to 16 */
}

void *hardened_alloc(size_t size, unsigned flags) {
    const unsigned noscan = flags & (GOM_NOSCAN | GOM_TINY) ? LARGE_NOSCAN : 0;
    const bool zero       = flags & GOM_ZERO;
    if (UNLIKELY(size > HOLD_SMALL))
        return large(size, ORIGIN_MALLOC, 0, noscan | (zero ? LARGE_ZERO : 0));
    void *block = small(size, ORIGIN_MALLOC, noscan);
    return block && zero ? memset(block, 0, size) : block;
}

/* --- free --- */

/* The block that the program has. */
static HOT struct hold hold_of(const void *block, const char *verb) {
    struct hold h;
    if (UNLIKELY(!hold_find(&h, (uintptr_t)block)))
        reproach_address((uintptr_t)block, verb);
    return h;
}

/* The slot that leaves quarantine goes on, where its list has no room or the thread none of its
 * own. True: pages went back to the heap. */
static NOINLINE bool free_slowly(unsigned spanclass, void *slot, bool waits) {
    struct mcache *c     = mcache_enter();
    void *leaves         = waits ? quarantine_swap(&c->quarantine, spanclass, slot) : slot;
    const bool gave_back = leaves && mcache_free_more(c, spanclass, leaves);
    mcache_leave(c);
    return gave_back;
}

/* `grown`, `caller`: as for large_free. */
static HOT void give(const struct hold *h, bool grown, const void *caller) {
    struct mspan *s  = h->span;
    struct mcache *c = mcache_current;
    if (UNLIKELY(!s->elem_bytes)) {
        large_free(s, os_pointer(h->start), grown, caller);
        return;
    }
    void *slot = os_pointer(h->start);
    seal_store(h->block - 8, 0); /* of an aligned block, this may lie anywhere in the slot */
    quarantine_wipe(h->start + HOLD_LINK, s->elem_bytes - HOLD_LINK);
    seal_store(h->start, seal_waits(h->start));
    const bool waits = !c->is_owned;
    if (LIKELY(!waits)) {
        struct freelist *l = &c->list[s->spanclass];
        slot               = quarantine_swap(&c->quarantine, s->spanclass, slot);
        if (!slot)
            return;
        if (LIKELY(l->now.budget)) {
            freelist_push(l, slot);
            return;
        }
    }
    if (free_slowly(s->spanclass, slot, waits))
        helper_tick(caller);
}

/* What does not match is an error only if the option says so, and nobody has other operators. */
static NOINLINE bool is_error(void) {
    static atomic_bool mixed;
    /* relaxed: who does not see it looks for himself */
    if (!options[OPTION_MATCH] || atomic_load_explicit(&mixed, memory_order_relaxed))
        return false;
    if (!operators_are_mixed())
        return true;
    atomic_store_explicit(&mixed, true, memory_order_relaxed);
    return false;
}

static HOT void match(const struct hold *h, unsigned kind, unsigned mask, const char *verb) {
    if (UNLIKELY((h->kind ^ kind) & mask) && is_error())
        reproach_kind(h->block, verb, kind);
}

static HOT void match_size(const struct hold *h, size_t size, const char *verb) {
    if (UNLIKELY(h->size != size) && size != ANY_SIZE && is_error())
        reproach_size(h->block, verb, size);
}

void hardened_free(void *block) {
    if (UNLIKELY(!block))
        return;
    const struct hold h = hold_of(block, "free");
    match(&h, ORIGIN_MALLOC, HOLD_ORIGIN, "free");
    give(&h, false, CALLER);
}

void hardened_free_as(void *block, size_t alignment, size_t size, enum hardened_origin origin) {
    static const char verbs[][12] = {[ORIGIN_MALLOC] = "sized free", "delete", "delete[]"};
    if (UNLIKELY(!block))
        return;
    const struct hold h = hold_of(block, verbs[origin]);
    match(&h, hold_kind(alignment, origin), UINT8_MAX, verbs[origin]);
    match_size(&h, size, verbs[origin]);
    give(&h, false, CALLER);
}

size_t hardened_usable_size(void *block) {
    return block ? hold_of(block, "usable size").size : 0;
}

/* --- realloc --- */

/* Without a copy: there is room in the slot, and not too much; or the large span gets longer or
 * shorter. False: it stays as it is. */
static bool resize(struct hold *h, size_t size) {
    struct mspan *s   = h->span;
    const size_t room = h->end - h->block - HOLD_TAIL_LEAST;
    if (s->elem_bytes) {
        const bool fits = size <= room && (size > room / 2 || s->elem_bytes <= 3 * HOLD_WIDE);
        if (fits)
            h->size = size;
        return fits;
    }
    const size_t offset = hold_before(h);
    if (size <= HOLD_SMALL || size > PTRDIFF_MAX - PAGE_BYTES - OFFSET_MOST ||
        !large_resize(s, offset + size + HOLD_TAIL_LEAST))
        return false;
    hold_large_of(s)->size = h->size = size;
    h->start                         = s->base;
    h->block                         = s->base + offset;
    h->end                           = s->base + mspan_span_bytes(s);
    return true;
}

/* As in malloc.c: address space to grow into. */
static void *allocate_growing(size_t had, size_t size) {
    const bool grows = size > had && size > HOLD_SMALL && !is_huge(size / PAGE_BYTES);
    void *block      = grows ? large(size, ORIGIN_MALLOC, size / 8, 0) : NULL;
    return block ? block : hardened_malloc(size);
}

void *hardened_realloc(void *block, size_t size) {
    if (!block)
        return hardened_malloc(size);
    if (size == 0) {
        hardened_free(block);
        errno = EINVAL;
        return NULL;
    }
    struct hold h = hold_of(block, "realloc");
    match(&h, ORIGIN_MALLOC, HOLD_ORIGIN, "realloc");
    if (!hold_alignment(h.kind) && resize(&h, size)) /* what comes has no alignment */
        return hold_write(&h);
    void *moved = allocate_growing(h.size, size);
    if (!moved) { /* a block that is too long will do */
        if (size > h.size)
            return NULL;
        if (!h.span->elem_bytes)
            hold_large_of(h.span)->size = size;
        h.size = size;
        return hold_write(&h);
    }
    memcpy(moved, block, h.size < size ? h.size : size);
    if (!h.span->elem_bytes)
        hold_large_of(h.span)->is_cut = size < h.size;
    give(&h, size > h.size, NULL);
    return moved;
}

/* --- for the library's own parts --- */

void hardened_mixes(void) {
    options[OPTION_MATCH] = 0;
}

bool hardened_is_free(const void *slot) {
    const uintptr_t at = (uintptr_t)slot;
    return seal_load(at) == seal_waits(at) || seal_is_slot(seal_next(at));
}

void *hardened_next(const void *slot) {
    void *next = link_next(slot);
    if (UNLIKELY(!seal_is_slot((uintptr_t)next)))
        reproach_link(slot);
    return next;
}

#endif
