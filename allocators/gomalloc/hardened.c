#include "hardened.h"

#ifdef GOMALLOC_HARDENED

#include "fast.h"
#include "gomalloc.h"
#include "guard.h"
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
    hold_begin();
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

/* A slot of the class; 0: no memory. Dies if somebody wrote into it when it was free. */
static uintptr_t take(unsigned spanclass) {
    const struct hold_class *k = &hold_classes[spanclass];
    void *slot                 = freelist_pop(&mcache_current->list[spanclass]);
    if (!slot)
        slot = take_slowly(spanclass);
    if (!slot)
        return 0;
    hardened_expect_free(slot); /* who handles the signal gets another */
    if (!quarantine_is_clean((uintptr_t)slot, k, hold_offset(k->bytes)))
        reproach_write(slot, quarantine_stain((uintptr_t)slot, k));
    return (uintptr_t)slot;
}

/* Of a block that begins so far behind its slot. */
static unsigned spanclass_of_size(size_t size, unsigned offset) {
    return 2 * size_to_class(size + offset + HOLD_TAIL_LEAST);
}

static void *small(size_t size, unsigned kind, unsigned noscan) {
    const unsigned offset    = size <= HOLD_SHORT ? HOLD_NARROW : HOLD_WIDE;
    const unsigned spanclass = spanclass_of_size(size, offset) + noscan;
    const uintptr_t slot     = take(spanclass);
    if (UNLIKELY(!slot))
        return no_memory();
    return hold_make(slot, &hold_classes[spanclass], offset, size, kind);
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
enum { LARGE_NOSCAN = 1, LARGE_ZERO = 2, LARGE_GUARD = 4 };

/* Bytes that a guard takes at least; 0: not of such a block, or not now. */
static size_t guard_of(size_t size, size_t offset, unsigned how) {
    const size_t page = os_page_bytes();
    if (offset != HOLD_WIDE || page >= PAGE_BYTES || is_huge((size + page) / PAGE_BYTES + 2))
        return 0;
    return how & LARGE_GUARD || guard_is_due(GUARD_LARGE) ? page : 0;
}

/* Moves a new block to the end of its pages, but for those that nobody may touch from now on. It is
 * written first. Parts of memory that was not touched before they were parted never become one
 * mapping again. */
static void guard(struct hold *h, size_t page) {
    struct hold_large *l  = hold_large_of(h->span);
    const uintptr_t after = h->block + h->size + HOLD_TAIL_LEAST;
    const size_t bytes    = (h->end - after) / page * page;
    h->end -= bytes;
    h->block  = (h->end - h->size - HOLD_TAIL_LEAST) & -(uintptr_t)HOLD_WIDE;
    l->offset = (uint32_t)hold_before(h);
    hold_write(h);
    if (guard_set(h->end, bytes))
        l->guard = (uint32_t)bytes;
    else
        h->end += bytes;
}

/* The pages are the block's. False: too many mappings, it is as before. */
static bool unguard(struct hold *h) {
    struct hold_large *l = hold_large_of(h->span);
    const size_t bytes   = mspan_span_bytes(h->span);
    if (!l->guard)
        return true;
    if (!guard_lift(h->start, bytes))
        return false;
    l->guard = 0;
    h->end   = h->start + bytes;
    hold_write(h); /* where the secret ends is told by them */
    return true;
}

/* `spare`: bytes of address space behind it, to grow into. */
static NOINLINE void *large(size_t size, unsigned kind, size_t spare, unsigned how) {
    const size_t alignment = hold_alignment(kind);
    const size_t offset    = offset_of(alignment, size + spare);
    if (size > PTRDIFF_MAX - PAGE_BYTES - OFFSET_MOST - spare)
        return no_memory();
    sweep();
    const size_t page = spare ? 0 : guard_of(size, offset, how);
    const size_t all  = offset + size + HOLD_TAIL_LEAST + spare + page;
    const bool noscan = how & LARGE_NOSCAN;
    void *pages       = how & LARGE_GUARD  ? large_alloc_optional(all)
                        : how & LARGE_ZERO ? large_zeroed(all, noscan)
                                           : large_alloc(all, alignment ? alignment : 1, noscan, NULL);
    if (!pages)
        return NULL;
    struct mspan *s = arena_span((uintptr_t)pages);
    s->has_spare    = spare != 0;
    *hold_large_of(s) =
        (struct hold_large){.size = size, .offset = (uint32_t)offset, .kind = (uint8_t)kind};
    struct hold h = {.span  = s,
                     .start = s->base,
                     .block = s->base + offset,
                     .end   = hold_large_end(s),
                     .size  = size,
                     .kind  = kind};
    if (page)
        guard(&h, page);
    return hold_write(&h);
}

static NOINLINE void *allocate_more(size_t size, unsigned kind) {
    if (size > HOLD_SMALL)
        return large(size, kind, 0, 0);
    void *guarded = NULL;
    if (size >= GUARD_LEAST && !*mcache_current->list[spanclass_of_size(size, HOLD_WIDE)].top &&
        guard_is_due(GUARD_SMALL)) {
        const int before = errno;
        guarded          = large(size, kind, 0, LARGE_GUARD);
        errno            = before; /* that there is none is not a failure */
    }
    return guarded ? guarded : small(size, kind, 0);
}

/* The fast path does nothing before it knows that all is well. */
static HOT void *allocate_from(size_t size, unsigned kind, unsigned offset) {
    struct freelist *l   = (void *)((char *)mcache_current + hold_list[size / 8]);
    void **top           = l->top;
    const uintptr_t slot = (uintptr_t)*top;
    if (UNLIKELY(!slot) || UNLIKELY(!seal_is_free(slot)) ||
        UNLIKELY(!quarantine_is_clean(slot, &l->its, offset)))
        return allocate_more(size, kind);
    l->top = top - 1;
    lock_in_order(); /* the slot is off the list before it loses its seal: fork.c */
    return hold_make(slot, &l->its, offset, size, kind);
}

static HOT void *allocate_wide(size_t size, unsigned kind) {
    return LIKELY(size < SMALL_MAX) ? allocate_from(size, kind, HOLD_WIDE)
                                    : allocate_more(size, kind);
}

/* Apart, here and at free: so the short ones spend no register on it. */
static NOINLINE FAST_ALIGNED void *malloc_wide(size_t size) {
    return allocate_wide(size, ORIGIN_MALLOC);
}

static NOINLINE FAST_ALIGNED void *new_wide(size_t size, unsigned kind) {
    return allocate_wide(size, kind);
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
    seal_store(slot, 0); /* no seal */
    const struct hold h = {.start = slot,
                           .block = slot + alignment,
                           .end   = slot + class_to_size[class],
                           .size  = size,
                           .kind  = kind};
    return hold_write(&h);
}

FAST_ALIGNED void *hardened_malloc(size_t size) {
    return size <= HOLD_SHORT ? allocate_from(size, ORIGIN_MALLOC, HOLD_NARROW) : malloc_wide(size);
}

void *hardened_new(size_t alignment, size_t size, enum hardened_origin origin) {
    if (alignment >> ADDRESS_BITS)
        return no_memory();
    const unsigned kind = hold_kind(alignment, origin);
    if (LIKELY(!alignment))
        return size <= HOLD_SHORT ? allocate_from(size, kind, HOLD_NARROW) : new_wide(size, kind);
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
static struct hold hold_of(const void *block, const char *verb) {
    struct hold h;
    if (UNLIKELY(!hold_find(&h, (uintptr_t)block)))
        reproach_address((uintptr_t)block, verb);
    return h;
}

/* What is known of a slot from now on. */
static HOT void end_slot(uintptr_t slot, const struct hold_class *k, unsigned offset) {
    quarantine_wipe(slot, k, offset);
    seal_store(slot, seal_free(slot));
    lock_in_order(); /* before it waits: a forked child looks */
}

/* Places of a list's class begin so many behind the first: a list has as many bytes. */
static HOT size_t row_of(const struct mcache *c, const struct freelist *l) {
    _Static_assert(sizeof *l == QUARANTINE_SLOTS, "so that nothing need be multiplied");
    return (uintptr_t)l - (uintptr_t)c->list;
}

static void give_slot(uintptr_t slot, unsigned spanclass, const void *caller) {
    const struct hold_class *k = &hold_classes[spanclass];
    end_slot(slot, k, hold_offset(k->bytes));
    struct mcache *c            = mcache_enter();
    const size_t row            = row_of(c, &c->list[spanclass]);
    const struct hold_class its = mcache_hold(c, spanclass);
    void *leaves                = quarantine_swap(&c->quarantine, row, &its, os_pointer(slot));
    const bool gave_back        = leaves && mcache_free_more(c, spanclass, leaves);
    if (!leaves)
        quarantine_count(&c->quarantine, spanclass);
    const bool other_went = quarantine_came(c, spanclass);
    mcache_leave(c);
    if (gave_back || other_went)
        helper_tick(caller);
}

/* `grown`, `caller`: as for large_free. */
static void give(const struct hold *h, bool grown, const void *caller) {
    struct mspan *s = h->span;
    if (hold_before(h))
        seal_store(h->block - 8, 0); /* it may lie anywhere in the slot */
    if (s->elem_bytes)
        give_slot(h->start, s->spanclass, caller);
    else
        large_free(s, os_pointer(h->start), grown, caller);
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

static void match(const struct hold *h, unsigned kind, unsigned mask, const char *verb) {
    const unsigned has = hold_alignment(h->kind) ? h->kind : h->kind & HOLD_ORIGIN;
    if (UNLIKELY((has ^ kind) & mask) && is_error())
        reproach_kind(h->block, verb, kind);
}

static void match_size(const struct hold *h, size_t size, const char *verb) {
    if (UNLIKELY(h->size != size) && size != ANY_SIZE && is_error())
        reproach_size(h->block, verb, size);
}

/* A slot has come to a place where none waited. */
static NOINLINE void count_waiting(struct mcache *c, const struct freelist *l) {
    quarantine_count(&c->quarantine, (unsigned)(l - c->list));
}

/* A block in a slot of this class, without an alignment, that suits; and the list has room. False:
 * look closer, nothing was done. */
static HOT bool free_from(size_t spanclass, void *block, size_t size, enum hardened_origin origin,
                          unsigned offset) {
    const uintptr_t address = (uintptr_t)block, slot = address - offset;
    struct mcache *c   = mcache_current;
    struct freelist *l = &c->list[spanclass];
    __asm__("" : "+r"(l)); /* else gcc 12 keeps all that leads there in registers */
    const struct hold_class *k = &l->its;
    /* The word before the page may not be mapped. */
    if (UNLIKELY(!freelist_has_room(l)) || UNLIKELY(!(address & (PAGE_BYTES - 8))))
        return false;
    __builtin_prefetch(os_pointer(address + k->last)); /* where it ends only the header tells */
    const uint64_t header = seal_load(address - 8);
    const size_t has      = seal_says_of(address, header) ^ seal_says(0, origin);
    if (UNLIKELY(has > UINT16_MAX) || (size != ANY_SIZE && UNLIKELY(size != has)) ||
        UNLIKELY(!hold_class_is_whole(address, k, offset, has, header)))
        return false;
    end_slot(slot, k, offset);
    void *leaves = quarantine_swap(&c->quarantine, row_of(c, l), k, os_pointer(slot));
    if (LIKELY(leaves != NULL))
        freelist_push(l, leaves);
    else
        count_waiting(c, l);
    return true;
}

/* Can it be an address? */
static HOT bool may_be(const void *block) {
    return (uintptr_t)block >> ARENA_SHIFT < ARENAS;
}

/* 0: the page does not tell. */
static HOT size_t spanclass_of(const void *block) {
    return arena_class((uintptr_t)block);
}

static NOINLINE void free_as(void *block, unsigned kind, size_t size) {
    static const char verbs[][12] = {[ORIGIN_MALLOC] = "sized free", "delete", "delete[]"};
    const char *verb              = verbs[kind & HOLD_ORIGIN];
    if (!block)
        return;
    const struct hold h = hold_of(block, verb);
    match(&h, kind, UINT8_MAX, verb);
    match_size(&h, size, verb);
    give(&h, false, CALLER);
}

static NOINLINE void free_other(void *block) {
    if (!block)
        return;
    const struct hold h = hold_of(block, "free");
    match(&h, ORIGIN_MALLOC, HOLD_ORIGIN, "free");
    give(&h, false, CALLER);
}

static NOINLINE FAST_ALIGNED void free_wide(void *block, size_t spanclass) {
    if (UNLIKELY(!free_from(spanclass, block, ANY_SIZE, ORIGIN_MALLOC, HOLD_WIDE)))
        free_other(block);
}

FAST_ALIGNED void hardened_free(void *block) {
    if (UNLIKELY(!may_be(block))) {
        free_other(block);
        return;
    }
    const size_t spanclass = spanclass_of(block);
    if (spanclass >= HOLD_SPANCLASS_WIDE)
        free_wide(block, spanclass);
    else if (UNLIKELY(!free_from(spanclass, block, ANY_SIZE, ORIGIN_MALLOC, HOLD_NARROW)))
        free_other(block);
}

static NOINLINE FAST_ALIGNED void free_wide_as(void *block, size_t spanclass, size_t size,
                                               enum hardened_origin origin) {
    if (UNLIKELY(!free_from(spanclass, block, size, origin, HOLD_WIDE)))
        free_as(block, hold_kind(0, origin), size);
}

FAST_ALIGNED void hardened_free_as(void *block, size_t alignment, size_t size,
                                   enum hardened_origin origin) {
    const size_t spanclass = LIKELY(may_be(block)) ? spanclass_of(block) : 0;
    if (UNLIKELY(alignment))
        free_as(block, hold_kind(alignment, origin), size);
    else if (spanclass >= HOLD_SPANCLASS_WIDE)
        free_wide_as(block, spanclass, size, origin);
    else if (UNLIKELY(!free_from(spanclass, block, size, origin, HOLD_NARROW)))
        free_as(block, hold_kind(0, origin), size);
}

size_t hardened_usable_size(void *block) {
    return block ? hold_of(block, "usable size").size : 0;
}

/* --- realloc --- */

/* Without a copy: it has that size; or there is room in the slot, and not too much; or the large
 * span gets longer or shorter. False: it stays as it is. */
static bool resize(struct hold *h, size_t size) {
    if (size == h->size)
        return true;
    struct mspan *s   = h->span;
    const size_t room = h->end - h->block - HOLD_TAIL_LEAST;
    if (s->elem_bytes)
        return size <= room && (size > room / 2 || s->elem_bytes <= 3 * HOLD_WIDE);
    const size_t offset = hold_before(h);
    if (offset >= PAGE_BYTES && size > room)
        return false; /* of a span that moves, the page map knows the first page alone */
    if (size <= HOLD_SMALL || size > PTRDIFF_MAX - PAGE_BYTES - OFFSET_MOST || !unguard(h) ||
        !large_resize(s, offset + size + HOLD_TAIL_LEAST))
        return false;
    h->start = s->base;
    h->block = s->base + offset;
    h->end   = hold_large_end(s);
    return true;
}

/* A block of realloc's where one of malloc and its like was: it has no alignment any more. */
static void *remake(struct hold *h, size_t size) {
    const unsigned slot = h->span->elem_bytes;
    const bool is_far   = slot && hold_before(h) != hold_offset(slot);
    h->size             = size;
    h->kind             = (is_far ? HOLD_FORMER << HOLD_ORIGIN_BITS : 0) | ORIGIN_MALLOC;
    if (!slot) {
        hold_large_of(h->span)->size = size;
        hold_large_of(h->span)->kind = (uint8_t)h->kind;
    }
    return hold_write(h);
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
    if (resize(&h, size))
        return remake(&h, size);
    void *moved = allocate_growing(h.size, size);
    if (!moved) /* a block that is too long will do */
        return size > h.size ? NULL : remake(&h, size);
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
    return seal_is_free((uintptr_t)slot);
}

void hardened_seal(void *slot) {
    const uintptr_t at = (uintptr_t)slot;
    if (UNLIKELY(seal_load(at) && !seal_is_free(at)))
        reproach_seal(slot);
    seal_store(at, seal_free(at));
}

void hardened_expect_free(const void *slot) {
    if (UNLIKELY(!hardened_is_free(slot)))
        reproach_seal(slot);
}

#endif
