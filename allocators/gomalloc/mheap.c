#include "mheap.h"

#include "arena.h"
#include "hardened.h"
#include "huge.h"
#include "os.h"
#include "persistent.h"
#include "quarantine.h"

#include <string.h>

struct mheap mheap = {
    .pages = PAGEALLOC_EMPTY,
    .few   = FIXALLOC(sizeof(struct mspan) + SPAN_BITMAPS * SPAN_FEW_WORDS * 8),
    .many  = FIXALLOC(sizeof(struct mspan) + SPAN_BITMAPS * SPAN_MANY_WORDS * 8),
    .notes = FIXALLOC(PAGE_BYTES / 16 * sizeof(uint32_t)),
};

/* --- growth --- */

enum {
    GROW_PAGES = CHUNK_PAGES,      /* Go's step: 4 MiB */
    GROW_SHARE = 16,               /* a bigger heap grows by a sixteenth, */
    GROW_MAX   = 16 * CHUNK_PAGES, /* at most by 64 MiB: fewer system calls, no memory until used */
    GROW_LESS  = 16, /* where memory is short: what is needed, up to a multiple of 128 KiB */
};

/* Of the address space; no span has more. */
#define ALL_PAGES ((size_t)1 << (ADDRESS_BITS - PAGE_SHIFT))

/* Addresses that nothing else takes, so that the heap grows in one piece (Go's hints). They are at
 * random as in Go 1.26, in some 2^20.2 places: first a region of the page allocator, then an arena
 * in it. The last GiB of a region is left out, so that a heap of up to that size has as much
 * metadata anywhere. Without randomisation it is Go's classic address, the first. */
enum { HINTS_TRIED = 3, BASE_ARENAS = 240 };
#if defined(__SANITIZE_THREAD__)
#define HINT_FIRST ((uintptr_t)0x10 << 32) /* the part below 512 GiB is the program's, there */
enum { HINT_REGIONS = 16, HINTS = 16 };
#elif defined(__SANITIZE_ADDRESS__)
#define HINT_FIRST ((uintptr_t)0x2200 << 32) /* its shadow lies below */
enum { HINT_REGIONS = 46 * 64, HINTS = 46 };
#else
#define HINT_FIRST ((uintptr_t)0xc0 << 32)
enum { HINT_REGIONS = 80 * 64, HINTS = 80 }; /* to 80.75 TiB; programs begin at 85.3 */
#endif

_Static_assert(HINT_FIRST % ((uintptr_t)1 << REGION_SHIFT) == 0, "hints begin with a region");
_Static_assert(BASE_ARENAS < 1 << (REGION_SHIFT - ARENA_SHIFT), "the base is in its region");

/* A number below n, of 32 random bits. */
static uintptr_t below(uint32_t random, unsigned n) {
    return (uintptr_t)((uint64_t)random * n >> 32);
}

static uintptr_t hint(unsigned i) {
    const uint64_t random = mheap.base_random;
    const uintptr_t region =
                        below((uint32_t)(random >> 32), HINT_REGIONS) + i * (HINT_REGIONS / HINTS),
                    arena = below((uint32_t)random, BASE_ARENAS);
    return HINT_FIRST + (region % HINT_REGIONS << REGION_SHIFT) + (arena << ARENA_SHIFT);
}

/* So many bytes where the heap ends or at a hint; 0: not there. Linux gives out addresses
 * downwards: what it chose grows in that direction (as in Go), or there would be a mapping for each
 * step. */
static uintptr_t map_near(size_t bytes) {
    if (mheap.grow_at && os_map_at(mheap.grow_at, bytes))
        return mheap.grow_at;
    if (mheap.grow_down > bytes && os_map_at(mheap.grow_down - bytes, bytes))
        return mheap.grow_down -= bytes;
    for (unsigned i = 0; i < HINTS_TRIED && mheap.hint + i < HINTS; i++) {
        const uintptr_t at = hint(mheap.hint + i);
        if (!os_map_at(at, bytes))
            continue;
        mheap.hint += i + 1;
        return at;
    }
    return 0;
}

/* Maps at least n pages, *n in the end. 0: there is no memory. */
static uintptr_t map_pages(size_t *n) {
    const size_t need = *n;
    size_t step       = mheap.sys_pages / GROW_SHARE;
    step              = step < GROW_PAGES ? GROW_PAGES : step > GROW_MAX ? GROW_MAX : step;
    step              = step / GROW_PAGES * GROW_PAGES;
    *n                = (need + step - 1) / step * step;
    uintptr_t base    = map_near(*n * PAGE_BYTES);
    if (!base)
        mheap.grow_down = base =
            (uintptr_t)os_map_aligned(*n * PAGE_BYTES, (size_t)1 << CHUNK_SHIFT);
    if (!base) {
        *n   = (need + GROW_LESS - 1) / GROW_LESS * GROW_LESS;
        base = (uintptr_t)os_map_aligned(*n * PAGE_BYTES, PAGE_BYTES);
    }
    if (base && (base + *n * PAGE_BYTES) >> ADDRESS_BITS) {
        os_unmap(os_pointer(base), *n * PAGE_BYTES); /* the tables end there; no kernel does this */
        base = 0;
    }
    return base;
}

/* The page allocator's memory for [base, base + bytes). */
static bool add_regions(uintptr_t base, size_t bytes) {
    for (size_t r = region_of(base); r <= region_of(base + bytes - 1); r++) {
        if (mheap.pages.region[r]) /* written under grow_lock only */
            continue;
        struct palloc_region *region = persistent_alloc(sizeof *region, 1);
        if (!region)
            return false;
        mheap.meta_sys += sizeof *region;
        lock_acquire(&mheap.lock);
        pagealloc_add_region(&mheap.pages, r, region);
        lock_release(&mheap.lock);
    }
    return true;
}

/* Before the first growth and the first huge block, once, whatever comes of these: what secrets
 * have sealed must stay right. Under grow_lock. */
static void begin(void) {
    static bool has_begun;
    if (has_begun)
        return;
    has_begun = true;
    /* Of a kernel's page beyond a word of the bitmap, os_release refuses the parts. */
    while (mheap.pages.unit_shift < PAGECACHE_SHIFT &&
           os_page_bytes() > (size_t)PAGE_BYTES << mheap.pages.unit_shift)
        mheap.pages.unit_shift++;
    mheap.base_random = os_is_randomised() ? os_random(RANDOM_BASE) : 0;
#ifdef GOMALLOC_HARDENED
    hardened_begin();
#endif
}

/* n pages more. True: mheap.lock is held, so that the caller takes what it needs before another
 * thread does, which may want as much. */
static bool grow(size_t n) {
    begin();
    const uintptr_t base = map_pages(&n);
    if (!base)
        return false;
    if (!arena_prepare(base, n * PAGE_BYTES) || !add_regions(base, n * PAGE_BYTES)) {
        os_unmap(os_pointer(base), n * PAGE_BYTES);
        return false;
    }
    mheap.grow_at = base + n * PAGE_BYTES;
    lock_acquire(&mheap.lock);
    mheap.sys_pages += n;
    pagealloc_grow(&mheap.pages, base, n);
    /* relaxed: who made it grow sees it, which is enough */
    atomic_store_explicit(&mheap.grown, true, memory_order_relaxed);
    return true;
}

/* --- pages --- */

/* Under the lock. The alignment's surplus pages go back at once; their scavenged bits are lost, so
 * that the few that were count as resident. Of an aligned run there is no note. */
static uintptr_t take_pages(size_t n, size_t align_pages, size_t *scavenged, uint64_t *dirty) {
    if (align_pages <= 1)
        return pagealloc_alloc_noting(&mheap.pages, n, scavenged, dirty);
    uintptr_t base = pagealloc_alloc(&mheap.pages, n, scavenged);
    if (base % (align_pages * PAGE_BYTES) == 0) /* also if there is none, and then none of more */
        return base;
    pagealloc_free(&mheap.pages, base, n, *scavenged == n);
    const size_t all = n + align_pages - 1;
    base             = pagealloc_alloc(&mheap.pages, all, scavenged);
    if (!base)
        return 0;
    const uintptr_t at  = (base + align_pages * PAGE_BYTES - 1) & -(align_pages * PAGE_BYTES);
    const size_t before = (at - base) / PAGE_BYTES, after = all - n - before;
    const bool clean = *scavenged == all;
    if (before)
        pagealloc_free(&mheap.pages, base, before, clean);
    if (after)
        pagealloc_free(&mheap.pages, at + n * PAGE_BYTES, after, clean);
    *scavenged = clean ? n : 0;
    return at;
}

static uintptr_t try_pages(size_t n, size_t align_pages, size_t *scavenged, uint64_t *dirty) {
    lock_acquire(&mheap.lock);
    const uintptr_t base = take_pages(n, align_pages, scavenged, dirty);
    mheap_note_dirty();
    lock_release(&mheap.lock);
    return base;
}

/* One thread grows the heap at a time; the others wait for it and then look again. */
static uintptr_t alloc_pages(size_t n, size_t align_pages, size_t *scavenged, uint64_t *dirty) {
    uintptr_t base = try_pages(n, align_pages, scavenged, dirty);
    if (base)
        return base;
    lock_acquire(&mheap.grow_lock);
    base = try_pages(n, align_pages, scavenged, dirty);
    if (!base && grow(n + align_pages - 1)) {
        base = take_pages(n, align_pages, scavenged, dirty);
        lock_release(&mheap.lock);
    }
    lock_release(&mheap.grow_lock);
    return base;
}

static void free_pages(uintptr_t base, size_t n) {
    lock_acquire(&mheap.lock);
    pagealloc_free(&mheap.pages, base, n, false);
    mheap_note_dirty();
    lock_release(&mheap.lock);
}

/* Under the lock. */
static void take_block(struct pagecache *c) {
    /* The base comes last: until then a forked child sees no block. */
    const uintptr_t base = pagealloc_take_block(&mheap.pages, &c->free, &c->scavenged);
    lock_in_order();
    c->base = base;
}

static bool try_refill(struct pagecache *c) {
    lock_acquire(&mheap.lock);
    take_block(c);
    mheap_note_dirty();
    lock_release(&mheap.lock);
    return c->base != 0;
}

void mheap_refill_cache(struct pagecache *c) {
    if (try_refill(c))
        return;
    lock_acquire(&mheap.grow_lock);
    if (!try_refill(c) && grow(1)) {
        take_block(c);
        lock_release(&mheap.lock);
    }
    lock_release(&mheap.grow_lock);
}

void mheap_flush_cache(struct pagecache *c) {
    const struct pagecache had = *c;
    if (!had.base)
        return;
    *c = (struct pagecache){0}; /* first: a forked child takes back what it finds there */
    lock_acquire(&mheap.lock);
    pagealloc_return_block(&mheap.pages, had.base, had.free, had.scavenged);
    mheap_note_dirty();
    lock_release(&mheap.lock);
}

/* --- spans --- */

static struct fixalloc *descriptors(unsigned nwords) {
    return nwords <= SPAN_FEW_WORDS ? &mheap.few : &mheap.many;
}

static void count(_Atomic size_t *pages, size_t n) {
    /* relaxed: a statistic */
    atomic_fetch_add_explicit(pages, n, memory_order_relaxed);
}

/* What free learns from the page alone. Nothing of 16-byte noscan slots, which tiny objects may
 * share; in the hardened build there are no such objects. */
static unsigned page_class(unsigned spanclass) {
    return !HARDENED && spanclass == SPANCLASS_TINY ? 0 : spanclass;
}

/* Pages of the map that a large span fills: hardened builds must recognise an address within, but
 * not at the price of a map as long as a huge one. */
static size_t mapped_pages(size_t n) {
    return HARDENED ? n : n != 0;
}

/* Does the large span have a mapping of its own? */
static bool is_apart(const struct mspan *s) {
    return s->is_moved || is_huge(s->npages);
}

/* What the map says of a span's first pages, and of how many. */
static size_t known_pages(const struct mspan *s) {
    return s->elem_bytes ? s->npages : is_apart(s) ? 1 : mapped_pages(s->npages);
}

void mheap_map_span(struct mspan *s) {
    arena_set(s->base, known_pages(s), s, s->elem_bytes ? page_class(s->spanclass) : 0);
}

void mheap_unmap_span(const struct mspan *s) {
    arena_set(s->base, known_pages(s), NULL, 0);
}

static uintptr_t small_pages(struct pagecache *c, unsigned n, size_t *scavenged) {
    if (!c)
        return alloc_pages(n, 1, scavenged, NULL);
    if (!c->free) {
        mheap_flush_cache(c);
        mheap_refill_cache(c);
    }
    const uintptr_t base = pagecache_alloc(c, n, scavenged);
    return base ? base : alloc_pages(n, 1, scavenged, NULL);
}

struct mspan *mheap_alloc_span(struct pagecache *cache, unsigned spanclass) {
    const unsigned class = spanclass / 2, n = class_to_pages[class];
    const unsigned nwords = ((unsigned)(n * PAGE_BYTES) / class_to_size[class] + 63) / 64;
    struct mspan *s       = fixalloc_alloc(descriptors(nwords));
    if (!s)
        return NULL;
    size_t scavenged     = 0;
    const uintptr_t base = small_pages(cache, n, &scavenged);
    if (!base) {
        fixalloc_free(descriptors(nwords), s);
        return NULL;
    }
    mspan_init(s, base, spanclass, scavenged != n);
    if (HARDENED && s->needs_zero)
        quarantine_wipe_span(s);
    mheap_map_span(s);
    count(&mheap.inuse_pages, n);
    return s;
}

void mheap_free_span(struct pagecache *cache, struct mspan *s) {
    const uintptr_t base = s->base;
    const size_t n       = s->npages;
    /* relaxed: a look that orders would hide an order that is missing elsewhere from the tests */
    assert(atomic_load_explicit(&s->word, memory_order_relaxed) == span_word(SPAN_EMPTYING, 0));
    mheap_unmap_span(s);
    count(&mheap.inuse_pages, 0 - n);
    /* relaxed: nobody else knows the span any more */
    atomic_store_explicit(&s->word, span_word(SPAN_DEAD, 0), memory_order_relaxed);
    if (s->notes)
        fixalloc_free(&mheap.notes, s->notes);
    fixalloc_free(descriptors(s->nwords), s);
    if (!cache || !pagecache_free(cache, base, n))
        free_pages(base, n);
}

static _Atomic size_t *counter(const struct mspan *s) {
    if (span_state(s->word) == SPAN_MANUAL)
        return is_apart(s) ? &mheap.huge_manual_pages : &mheap.manual_pages;
    return is_apart(s) ? &mheap.huge_pages : &mheap.inuse_pages;
}

/* A huge block and the map of its arena; 0: no memory. */
static uintptr_t map_huge(size_t n, size_t alignment) {
    const uintptr_t base = huge_map(n, alignment);
    if (!base)
        return 0;
    lock_acquire(&mheap.grow_lock);
    begin();
    const bool prepared = arena_prepare(base, 1);
    lock_release(&mheap.grow_lock);
    if (prepared)
        return base;
    huge_unmap(base, n);
    return 0;
}

/* Makes a descriptor a large span of n pages of which some were scavenged. */
static struct mspan *begin_large(struct mspan *s, uintptr_t base, size_t n, size_t scavenged,
                                 enum span_state state, bool noscan) {
    s->base       = base;
    s->npages     = n;
    s->spanclass  = noscan;
    s->needs_zero = scavenged != n;
    /* relaxed: the page map publishes the span */
    atomic_store_explicit(&s->word, span_word(state, 1), memory_order_relaxed);
    count(counter(s), n);
    mheap_map_span(s);
    return s;
}

struct mspan *mheap_alloc_large(struct fixalloc_spares *spares, size_t n, size_t alignment,
                                enum span_state state, bool noscan, uint64_t *dirty) {
    const size_t align_pages = alignment <= PAGE_BYTES ? 1 : alignment / PAGE_BYTES;
    if (n > ALL_PAGES || align_pages > ALL_PAGES)
        return NULL;
    struct mspan *s = fixalloc_alloc_near(&mheap.few, spares);
    if (!s)
        return NULL;
    size_t scavenged;
    uintptr_t base;
    if (is_huge(n + align_pages - 1)) {
        scavenged = n = huge_round(n);
        base          = map_huge(n, alignment);
    } else {
        base = alloc_pages(n, align_pages, &scavenged, dirty);
    }
    if (base)
        return begin_large(s, base, n, scavenged, state, noscan);
    fixalloc_free_near(&mheap.few, spares, s);
    return NULL;
}

/* n pages in a row, if the first such are not all fresh. */
static uintptr_t resident_pages(size_t n, size_t *scavenged, uint64_t *dirty) {
    lock_acquire(&mheap.lock);
    uintptr_t base = pagealloc_alloc_noting(&mheap.pages, n, scavenged, dirty);
    if (base && *scavenged == n) {
        pagealloc_free(&mheap.pages, base, n, true);
        base = 0;
    }
    mheap_note_dirty();
    lock_release(&mheap.lock);
    return base;
}

struct mspan *mheap_alloc_resident(struct fixalloc_spares *spares, size_t n, bool noscan,
                                   uint64_t *dirty) {
    struct mspan *s = is_huge(n) ? NULL : fixalloc_alloc_near(&mheap.few, spares);
    if (!s)
        return NULL;
    size_t scavenged;
    const uintptr_t base = resident_pages(n, &scavenged, dirty);
    if (base)
        return begin_large(s, base, n, scavenged, SPAN_LARGE, noscan);
    fixalloc_free_near(&mheap.few, spares, s);
    return NULL;
}

/* Takes a large span out of the page map. An arena that is all its own gives its memory back. */
static void forget_large(const struct mspan *s) {
    if (is_huge(s->npages) && s->base % ((uintptr_t)1 << ARENA_SHIFT) == 0)
        arena_clear(s->base);
    else
        mheap_unmap_span(s);
}

enum {
    MOVE_FROM_MOST = 4096, /* pages: 32 MiB */
    MOVED_MOST     = 1024, /* at a time: each is a mapping, of which a process has 65530 */
    HOLES_MOST     = 512,  /* of a forked child: there, the kernel joins fresh pages to no other */
};

static size_t move_from(void) {
    /* relaxed: a heuristic */
    const size_t n = atomic_load_explicit(&mheap.move_from, memory_order_relaxed);
    return n > MHEAP_MOVES ? n : MHEAP_MOVES;
}

/* To move a block costs page faults later, where its pages were or beyond its end. A program that
 * frees grown blocks may soon make others, for which the heap has pages then that are resident. So
 * blocks of that length are copied from now on, as glibc's dynamic threshold for mmap has it. */
static void learn_from_free(const struct mspan *s) {
    const size_t n = s->npages < MOVE_FROM_MOST ? s->npages + 1 : MOVE_FROM_MOST;
    if (n > move_from()) /* relaxed: a heuristic */
        atomic_store_explicit(&mheap.move_from, n, memory_order_relaxed);
    count(&mheap.moved, (size_t)0 - 1);
}

void mheap_free_large(struct fixalloc_spares *spares, struct mspan *s) {
    const uintptr_t base = s->base;
    const size_t n       = s->npages;
    const bool apart     = is_apart(s);
    count(counter(s), (size_t)0 - n);
    if (s->is_moved)
        learn_from_free(s);
    forget_large(s);
    /* relaxed: nobody else knows the span any more */
    atomic_store_explicit(&s->word, span_word(SPAN_DEAD, 0), memory_order_relaxed);
    fixalloc_free_near(&mheap.few, spares, s);
    if (apart)
        huge_unmap(base, n);
    else
        free_pages(base, n);
}

/* --- realloc --- */

/* Moves its pages, not its bytes, to a mapping of its own of n pages. Behind a huge one, as much
 * address space as an eighth of it is free afterwards. So a block that grows by and by will seldom
 * have to move again. */
static bool move_pages(struct mspan *s, size_t n) {
    const uintptr_t base = s->base;
    size_t more          = is_huge(n) ? huge_round(n / 8) : 0;
    uintptr_t to         = map_huge(n + more, PAGE_BYTES);
    if (!to && more) {
        more = 0;
        to   = map_huge(n, PAGE_BYTES);
    }
    if (!to)
        return false;
    forget_large(s); /* before the address may be somebody else's */
    const bool moved = huge_move(base, s->npages, to, n);
    s->base          = moved ? to : base;
    s->is_moved |= moved && !is_apart(s);
    mheap_map_span(s);
    if (more)
        huge_unmap(to + n * PAGE_BYTES, more);
    return moved;
}

/* How long a moved block is to be. One that grows gets an eighth of address space to grow into,
 * which costs no memory until it is used. */
static size_t moved_length(size_t wanted, bool grows) {
    const size_t n = huge_whole(grows ? wanted + wanted / 8 : wanted);
    return is_huge(n) ? huge_round(wanted) : n;
}

/* A huge block is never shorter than HUGE_PAGES. Below that it keeps its length, until it is the
 * half: no copy for each step around there. A moved one becomes as short as is wanted. */
static bool resize_apart(struct mspan *s, size_t wanted) {
    const size_t had = s->npages;
    const size_t n   = s->is_moved ? moved_length(wanted, wanted > had) : huge_round(wanted);
    if (!s->is_moved && wanted < HUGE_PAGES / 2)
        return false;
    /* What was moved comes from the heap, whose memory the kernel has not promised. */
    if (s->is_moved && n > had && is_huge(n) && !huge_is_granted(n))
        return false;
    const enum os_growth grown = huge_resize(s->base, had, n);
    if (grown == OS_SPLIT || (grown == OS_NO_ROOM && !move_pages(s, n)))
        return false;
    if (!s->is_moved)
        huge_release(s->base, wanted, n);
    s->npages    = n;
    s->has_spare = s->is_moved && n > wanted;
    count(counter(s), n - had);
    return true;
}

/* Where pages have been moved away, the heap gets fresh ones. Only one that happens meanwhile to
 * map memory there, whose address the kernel chose, is in the way: then the heap is smaller. */
static void map_again(uintptr_t base, size_t n) {
    const bool mapped = os_map_at(base, n * PAGE_BYTES);
    lock_acquire(&mheap.lock);
    if (mapped)
        pagealloc_free(&mheap.pages, base, n, true);
    else
        mheap.sys_pages -= n; /* they are in use for good */
    lock_release(&mheap.lock);
}

/* The process has mappings left for it. */
static bool may_move_out(void) {
    /* relaxed: numbers alone */
    return atomic_load_explicit(&mheap.moved, memory_order_relaxed) < MOVED_MOST &&
           atomic_load_explicit(&mheap.holes, memory_order_relaxed) < HOLES_MOST;
}

/* Moves a block of the heap that is to grow and has no room. False: it must be copied. */
static bool move_out(struct mspan *s, size_t wanted) {
    const uintptr_t base = s->base;
    const size_t had = s->npages, n = moved_length(wanted, true), page = os_page_bytes();
    if (had < move_from() || base % page || had * PAGE_BYTES % page || !may_move_out() ||
        !os_is_one_mapping(os_pointer(base), had * PAGE_BYTES) || !move_pages(s, n))
        return false;
    count(&mheap.moved, 1);
    count(&mheap.holes, mheap.is_forked);
    count(&mheap.inuse_pages, (size_t)0 - had);
    count(&mheap.huge_pages, n);
    s->npages    = n;
    s->has_spare = n > wanted;
    map_again(base, had);
    return true;
}

/* A block of the heap becomes longer, where it is. */
static bool grow_in_place(struct mspan *s, size_t n) {
    const size_t had    = s->npages;
    const uintptr_t end = s->base + had * PAGE_BYTES;
    size_t scavenged;
    lock_acquire(&mheap.lock);
    const bool taken = pagealloc_alloc_at(&mheap.pages, end, n - had, &scavenged);
    mheap_note_dirty();
    lock_release(&mheap.lock);
    if (!taken)
        return false;
    arena_set(end, mapped_pages(n) - mapped_pages(had), s, 0);
    count(counter(s), n - had);
    s->npages = n;
    return true;
}

static void shorten(struct mspan *s, size_t n) {
    const size_t had    = s->npages;
    const uintptr_t end = s->base + n * PAGE_BYTES;
    s->npages           = n;    /* first: in a forked child, no page is free and the block's, */
    count(counter(s), n - had); /* nor free and counted as in use */
    lock_in_order();
    arena_set(end, mapped_pages(had) - mapped_pages(n), NULL, 0);
    free_pages(end, had - n);
}

bool mheap_resize_large(struct mspan *s, size_t n) {
    const size_t had = s->npages;
    if (n > ALL_PAGES)
        return false;
    if (n == had || (s->has_spare && n < had && n >= had - had / 8))
        return true;
    if (is_apart(s))
        return resize_apart(s, n);
    if (n > had)
        return (!is_huge(n) && grow_in_place(s, n)) || move_out(s, n);
    shorten(s, n);
    s->has_spare = false;
    return true;
}

/* --- back to the operating system --- */

/* Under the lock: a note of pages that are on their way, or NULL. */
static struct away *note_away(uintptr_t base, size_t n) {
    for (unsigned i = 0; i < sizeof mheap.away / sizeof *mheap.away; i++) {
        struct away *a = &mheap.away[i];
        if (a->owner)
            continue;
        a->base = base;
        a->n    = n;
        lock_in_order();
        a->owner = lock_me();
        return a;
    }
    return NULL;
}

/* Go 1.18's way: the pages are taken like any others, given back outside of the lock, and freed. */
size_t mheap_scavenge(size_t most, bool dense) {
    size_t done = 0;
    while (done < most) {
        uintptr_t base = 0;
        lock_acquire(&mheap.lock);
        const size_t scavenged = mheap.pages.scavenged_pages;
        const size_t n         = pagealloc_take_dirty(&mheap.pages, most - done, dense, &base);
        const size_t again     = scavenged - mheap.pages.scavenged_pages;
        struct away *note      = n ? note_away(base, n) : NULL;
        lock_release(&mheap.lock);
        if (n == 0)
            break;
        const bool released = os_release(os_pointer(base), n * PAGE_BYTES);
        lock_acquire(&mheap.lock);
        if (note)
            note->owner = 0;
        lock_in_order();
        pagealloc_free(&mheap.pages, base, n, released);
        mheap_note_dirty();
        lock_release(&mheap.lock);
        if (!released)
            break;
        done += n - again;
    }
    return done;
}

void mheap_metadata(size_t *in_use, size_t *sys) {
    struct fixalloc *const all[] = {&mheap.few, &mheap.many, &mheap.notes};
    *in_use = *sys = 0;
    for (unsigned i = 0; i < sizeof all / sizeof *all; i++)
        fixalloc_memory(all[i], in_use, sys);
}

size_t mheap_trim_metadata(void) {
    return fixalloc_trim(&mheap.few) + fixalloc_trim(&mheap.many) + fixalloc_trim(&mheap.notes);
}

/* What grow_lock guards is right at any time: single numbers. Of the counts of pages, one that was
 * being changed may be too large. */
void mheap_after_fork(void) {
    lock_after_fork(&mheap.grow_lock);
    mheap.is_forked = mheap.sys_pages != 0;
    if (lock_after_fork(&mheap.lock))
        pagealloc_mend(&mheap.pages);
    for (unsigned i = 0; i < sizeof mheap.away / sizeof *mheap.away; i++)
        if (mheap.away[i].owner && mheap.away[i].owner != lock_me())
            mheap.away[i].owner = MHEAP_LOST;
    fixalloc_after_fork(&mheap.few);
    fixalloc_after_fork(&mheap.many);
    fixalloc_after_fork(&mheap.notes);
    persistent_after_fork();
}

void mheap_adopt(void) {
    lock_acquire(&mheap.lock);
    for (unsigned i = 0; i < sizeof mheap.away / sizeof *mheap.away; i++) {
        struct away *a = &mheap.away[i];
        if (a->owner != MHEAP_LOST)
            continue;
        a->owner = 0;
        pagealloc_free(&mheap.pages, a->base, a->n, false);
    }
    mheap_note_dirty();
    lock_release(&mheap.lock);
}
