/* The API: from a request to the part that serves it. README.md follows one malloc and one free
 * from here to the operating system. */
#define GOM_API __attribute__((visibility("protected")))
#include "gomalloc.h"

#include "arena.h"
#include "fast.h"
#include "hardened.h"
#include "helper.h"
#include "huge.h"
#include "large.h"
#include "limit.h"
#include "mcache.h"
#include "mheap.h"
#include "os.h"
#include "scavenge.h"

#include <errno.h>
#include <string.h>

#define LIKELY(condition)   __builtin_expect(!!(condition), 1)
#define UNLIKELY(condition) __builtin_expect(!!(condition), 0)
#define NOINLINE            __attribute__((noinline))

/* Of what free, gom_free or delete end with, who called these: they jump here. */
#define CALLER __builtin_return_address(0)

enum { SCAN = 0, NOSCAN = 1, MAX_ALIGN = 16 };

static void *no_memory(void) {
    errno = ENOMEM;
    return NULL;
}

/* --- malloc --- */

static NOINLINE void keep_limit(void) {
    const size_t excess = limit_excess(100);
    if (!excess || limit_give_back(excess) || !limit_may_flush())
        return;
    struct mcache *c = mcache_enter();
    mcache_flush(c);
    mcache_leave(c);
    mcache_flush_all();
    limit_give_back(limit_excess(100));
}

static NOINLINE void follow_growth(size_t n) {
    if (!scavenge_has_holes(n))
        return;
    struct mcache *c = mcache_enter();
    spancache_flush(&c->spans); /* they did not serve either */
    mcache_leave(c);
    scavenge_holes(n);
}

/* n pages were taken that are not touched yet: it is time for others to go back. */
static void others_go_back(size_t n) {
    /* relaxed: who made the heap grow sees it, which is enough */
    if (UNLIKELY(atomic_load_explicit(&mheap.grown, memory_order_relaxed)))
        follow_growth(n);
    if (limit_is_set())
        keep_limit();
}

#ifdef GOMALLOC_HARDENED
void large_others_go_back(void) {
    others_go_back(0);
}
#endif

/* The span class of a small request. Class 3 has 24 bytes, aligned to 8 only. */
static unsigned spanclass_of(size_t size, unsigned flags) {
    unsigned class = size_to_class(size);
    if (class_to_size[class] == 24 && !(flags & GOM_WORD))
        class ++;
    return 2 * class + (flags & GOM_NOSCAN ? NOSCAN : SCAN);
}

static size_t pages_of(size_t size) {
    return (size + PAGE_BYTES - 1) / PAGE_BYTES;
}

/* Writes zeros where old bytes may be, and nowhere else: a page that is written is resident. */
static void clear_dirty(const struct mspan *s, const uint64_t *dirty) {
    const size_t first = s->base / PAGE_BYTES % 64, end = first + s->npages;
    for (size_t i = first, from; i < end;) {
        for (from = i; i < end && dirty[i / 64] >> i % 64 & 1; i++)
            continue;
        memset(os_pointer(s->base + (from - first) * PAGE_BYTES), 0, (i - from) * PAGE_BYTES);
        for (; i < end && !(dirty[i / 64] >> i % 64 & 1); i++)
            continue;
    }
}

/* `flushes`: if memory is short, the thread's cache goes back first. */
static void *take_large(size_t size, size_t alignment, bool noscan, uint64_t *dirty, bool flushes) {
    if (size > PTRDIFF_MAX - PAGE_BYTES)
        return no_memory();
    const size_t n   = size ? pages_of(size) : 1;
    struct mcache *c = mcache_enter();
    struct mspan *s  = mcache_alloc_large(c, n, alignment, noscan, dirty);
    if (UNLIKELY(!s) && flushes) {
        mcache_flush(c); /* what this thread has cached may help */
        s = mcache_alloc_large(c, n, alignment, noscan, dirty);
    }
    if (LIKELY(s)) {
        const uint32_t version = mcache_begin_renewal(c, 0);
        c->of[noscan].mallocs++;
        c->large_malloc_bytes += mspan_span_bytes(s); /* it may be longer than n */
        mcache_end_renewal(c, 0, version);
    }
    mcache_leave(c);
    if (UNLIKELY(!s))
        return no_memory();
    others_go_back(n);
    if (dirty && s->needs_zero)
        clear_dirty(s, dirty);
    return os_pointer(s->base);
}

void *large_alloc(size_t size, size_t alignment, bool noscan, uint64_t *dirty) {
    return take_large(size, alignment, noscan, dirty, true);
}

#ifdef GOMALLOC_HARDENED
void *large_alloc_optional(size_t size) {
    return take_large(size, 1, SCAN, NULL, false);
}
#endif

NOINLINE void *large_zeroed(size_t size, bool noscan) {
    uint64_t dirty[MHEAP_NOTE_WORDS];
    memset(dirty, 0xff, sizeof dirty); /* all, if nobody knows better */
    return large_alloc(size, 1, noscan, dirty);
}

static NOINLINE void *small_alloc(unsigned spanclass) {
    struct mcache *c = mcache_enter();
    void *object     = mcache_alloc(c, spanclass);
    if (UNLIKELY(!object)) {
        mcache_flush(c);
        object = mcache_alloc(c, spanclass);
    }
    mcache_leave(c);
    others_go_back(0);
    return LIKELY(object) ? object : no_memory();
}

NOINLINE void *malloc_more(size_t size) {
    if (size > SIZE_MAX_SMALL)
        return large_alloc(size, 1, SCAN, NULL);
    const unsigned spanclass = spanclass_of(size, 0);
    void *object             = freelist_pop(&mcache_current->list[spanclass]);
    return LIKELY(object) ? object : small_alloc(spanclass);
}

FAST_ALIGNED void *gom_malloc(size_t size) {
    return fast_malloc(size);
}

/* --- free --- */

/* Of large blocks that the thread keeps, each eighth looks at the clock. A version counts in twos,
 * mallocs and frees, so that of each 32 of its values two are a pair's. */
static bool is_tick(uint32_t version) {
    enum { TICK = 32, PAIR = 4 };
    return version % TICK < PAIR;
}

NOINLINE void large_free(struct mspan *s, void *block, bool grown, const void *caller) {
    uint32_t live = span_word(SPAN_LARGE, 1);
    /* acquire: of two threads that free the same block, one comes first */
    if (os_pointer(s->base) != block ||
        !atomic_compare_exchange_strong_explicit(&s->word, &live, span_word(SPAN_LARGE, 0),
                                                 memory_order_acquire, memory_order_relaxed))
        os_die("free of an address that is not a block", block);
    struct mcache *c       = mcache_enter();
    const uint32_t version = mcache_begin_renewal(c, 0);
    c->of[s->spanclass].frees++;
    c->large_free_bytes += mspan_span_bytes(s);
    mcache_end_renewal(c, 0, version);
    const bool gave_back = mcache_free_large(c, s, !grown);
    mcache_leave(c);
    if (gave_back || is_tick(version))
        helper_tick(caller);
}

/* The span of a block that the program has, as far as it is known here. */
#define SPAN_OF(block, verb) span_of(block, verb " of an address that is not a block")
static struct mspan *span_of(void *block, const char *reproach) {
    struct mspan *s = arena_span_checked((uintptr_t)block);
    /* relaxed: only a program that has freed the block finds it dead */
    if (!s || span_live(atomic_load_explicit(&s->word, memory_order_relaxed)) == 0)
        os_die(reproach, block);
    return s;
}

/* What the page does not tell: no block, a large one, a tiny one. */
static void free_other(void *block, const void *caller) {
    if (!block)
        return;
    struct mspan *s = SPAN_OF(block, "free");
    if (!s->elem_bytes) {
        large_free(s, block, false, caller);
        return;
    }
    struct mcache *c = mcache_enter();
    bool gave_back   = false;
    if (s->spanclass == SPANCLASS_TINY)
        gave_back = mcache_free_tiny(c, s, block);
    else if (!freelist_push(&c->list[s->spanclass], block))
        gave_back = mcache_free_more(c, s->spanclass, block);
    mcache_leave(c);
    if (gave_back)
        helper_tick(caller);
}

NOINLINE void free_more(void *block) {
    const void *caller       = CALLER;
    const unsigned spanclass = arena_class((uintptr_t)block);
    if (!spanclass) {
        free_other(block, caller);
        return;
    }
    struct mcache *c     = mcache_enter();
    const bool gave_back = mcache_free_more(c, spanclass, block);
    mcache_leave(c);
    if (gave_back)
        helper_tick(caller);
}

FAST_ALIGNED void gom_free(void *block) {
    fast_free(block);
}

void gom_free_sized(void *block, size_t size) {
    if (HARDENED)
        hardened_free_as(block, 0, size, ORIGIN_MALLOC);
    else /* the page map is as fast as the size, and right for blocks that realloc has shrunk */
        gom_free(block);
}

void gom_free_aligned_sized(void *block, size_t alignment, size_t size) {
    if (HARDENED)
        hardened_free_as(block, alignment, size, ORIGIN_MALLOC);
    else
        gom_free(block);
}

/* --- the rest of the family --- */

static size_t usable(const struct mspan *s, const void *block) {
    if (UNLIKELY(s->spanclass == SPANCLASS_TINY))
        return tiny_usable(s, block);
    return s->elem_bytes ? s->elem_bytes : mspan_span_bytes(s);
}

size_t gom_usable_size(void *block) {
    if (HARDENED)
        return hardened_usable_size(block);
    if (!block)
        return 0;
    return usable(SPAN_OF(block, "usable size"), block);
}

/* What gom_malloc gives for a small request. */
static size_t rounded(size_t size) {
    if (LIKELY(size <= SMALL_MAX)) /* two lists a class */
        return class_to_size[size_to_list[size] / (2 * FREELIST_BYTES)];
    return class_to_size[size_to_class(size)];
}

/* All of the usable size, which the program may use as if it had asked for it. */
static void *zeroed(size_t size) {
    if (HARDENED)
        return hardened_alloc(size, GOM_ZERO);
    if (UNLIKELY(size > SIZE_MAX_SMALL))
        return large_zeroed(size, SCAN);
    void *block = gom_malloc(size);
    return LIKELY(block) ? memset(block, 0, rounded(size)) : NULL;
}

void *gom_calloc(size_t count, size_t size) {
    size_t bytes;
    if (UNLIKELY(__builtin_mul_overflow(count, size, &bytes)))
        return no_memory();
    return zeroed(bytes);
}

static void *tiny_object(size_t size) {
    struct mcache *c = mcache_enter();
    void *piece      = mcache_alloc_tiny(c, size);
    mcache_leave(c);
    return LIKELY(piece) ? piece : no_memory();
}

/* The hardened build has no tiny objects: they have no room for its words. */
void *gom_alloc(size_t size, unsigned flags) {
    if (HARDENED)
        return hardened_alloc(size, flags);
    const bool tiny = flags & GOM_TINY && size < TINY_BYTES && size > 0;
    if (flags & GOM_TINY)
        flags |= GOM_NOSCAN;
    if (size > SIZE_MAX_SMALL)
        return flags & GOM_ZERO ? large_zeroed(size, flags & GOM_NOSCAN)
                                : large_alloc(size, 1, flags & GOM_NOSCAN, NULL);
    void *block = tiny ? tiny_object(size) : small_alloc(spanclass_of(size, flags));
    if (block && flags & GOM_ZERO)
        memset(block, 0, gom_usable_size(block));
    return block;
}

bool large_resize(struct mspan *s, size_t size) {
    const size_t had = mspan_span_bytes(s);
    if (size <= SIZE_MAX_SMALL || size > PTRDIFF_MAX - PAGE_BYTES)
        return false;
    if (!mheap_resize_large(s, pages_of(size)))
        return false;
    const size_t has = mspan_span_bytes(s);
    if (has == had)
        return true;
    struct mcache *c       = mcache_enter();
    const uint32_t version = mcache_begin_renewal(c, 0);
    c->large_malloc_bytes += has > had ? has - had : 0;
    c->large_free_bytes += has < had ? had - has : 0;
    mcache_end_renewal(c, 0, version);
    mcache_leave(c);
    return true;
}

static void *move(struct mspan *s, void *block, size_t had, size_t size) {
    /* A block that grows will often grow again: an eighth of address space lets it do so in place,
     * and costs memory only if it was used before. A huge one needs none (mheap_resize_large). */
    const bool grows  = size > had && size > SIZE_MAX_SMALL && !is_huge(size / PAGE_BYTES);
    const size_t more = grows ? size / 8 : 0;
    void *moved       = gom_malloc(size + more);
    if (!moved && more)
        moved = gom_malloc(size);
    if (!moved) /* a block that is too long will do */
        return size <= had ? block : NULL;
    if (more)
        arena_span((uintptr_t)moved)->has_spare = true;
    memcpy(moved, block, had < size ? had : size);
    if (s->elem_bytes)
        gom_free(block);
    else
        large_free(s, block, size > had, NULL);
    return moved;
}

void *gom_realloc(void *block, size_t size) {
    if (HARDENED)
        return hardened_realloc(block, size);
    if (!block)
        return gom_malloc(size);
    if (size == 0) {
        gom_free(block);
        errno = EINVAL; /* POSIX.1-2024: by this, it is told from success */
        return NULL;
    }
    struct mspan *s  = SPAN_OF(block, "realloc");
    const size_t had = usable(s, block);
    const bool fits  = size <= had && (size > had / 2 || had <= class_to_size[1]);
    if (!s->elem_bytes && large_resize(s, size))
        return os_pointer(s->base);
    if (s->elem_bytes && fits)
        return block;
    return move(s, block, had, size);
}

void *gom_reallocarray(void *block, size_t count, size_t size) {
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes))
        return no_memory();
    return gom_realloc(block, bytes);
}

/* The slots of a class are aligned to the largest power of two that divides their size, at most to
 * a page. So some class suits: one of the next, or pages. `alignment` is a power of two. */
static void *aligned(size_t alignment, size_t size) {
    if (HARDENED)
        return hardened_new(alignment, size, ORIGIN_MALLOC);
    if (alignment <= MAX_ALIGN)
        return gom_malloc(size < alignment ? alignment : size);
    if (size <= SIZE_MAX_SMALL && alignment <= PAGE_BYTES)
        for (unsigned class = size_to_class(size); class < SIZE_CLASSES; class ++)
            if (!(class_to_size[class] &
                  (alignment - 1))) /* a division would take longer than malloc */
                return gom_malloc(class_to_size[class]);
    return large_alloc(size, alignment, SCAN, NULL);
}

static bool is_power_of_two(size_t n) {
    return n && !(n & (n - 1));
}

void *gom_aligned_alloc(size_t alignment, size_t size) {
    if (is_power_of_two(alignment))
        return aligned(alignment, size);
    errno = EINVAL;
    return NULL;
}

int gom_posix_memalign(void **block, size_t alignment, size_t size) {
    if (!is_power_of_two(alignment) || alignment % sizeof(void *) != 0)
        return EINVAL;
    const int saved = errno;
    void *memory    = aligned(alignment, size);
    errno           = saved;
    if (!memory)
        return ENOMEM;
    *block = memory;
    return 0;
}

/* As in glibc, an alignment that is not a power of two is rounded up to one, and where there is
 * none above, the alignment is invalid. */
void *gom_memalign(size_t alignment, size_t size) {
    if (alignment > SIZE_MAX / 2 + 1) {
        errno = EINVAL;
        return NULL;
    }
    size_t power = 1;
    while (power < alignment)
        power *= 2;
    return aligned(power, size);
}

void *gom_valloc(size_t size) {
    return aligned(os_page_bytes(), size);
}

void *gom_pvalloc(size_t size) {
    const size_t page = os_page_bytes();
    if (size > PTRDIFF_MAX - page)
        return no_memory();
    return aligned(page, (size + page - 1) / page * page);
}

void *gom_stack_alloc(size_t size) {
    if (size > PTRDIFF_MAX - PAGE_BYTES)
        return no_memory();
    struct mspan *s =
        mheap_alloc_large(NULL, size ? pages_of(size) : 1, 1, SPAN_MANUAL, true, NULL);
    return s ? os_pointer(s->base) : no_memory();
}

void gom_stack_free(void *stack) {
    struct mspan *s = arena_span_checked((uintptr_t)stack);
    if (!stack)
        return;
    if (!s || s->base != (uintptr_t)stack || span_state(s->word) != SPAN_MANUAL)
        os_die("gom_stack_free of an address that is not a stack", stack);
    mheap_free_large(NULL, s);
    helper_tick(CALLER);
}

int gom_trim(size_t pad) {
    struct mcache *c = mcache_enter();
    mcache_flush(c);
    mcache_leave(c);
    mcache_flush_all();
    const bool shrunk = mcache_trim() != 0;
    return scavenge_all(pad) || shrunk;
}
