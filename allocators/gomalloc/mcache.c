#include "mcache.h"

#include "arena.h"
#include "fixalloc.h"
#include "hardened.h"
#include "helper.h"
#include "huge.h"
#include "mcentral.h"
#include "mheap.h"

#include <limits.h>
#include <pthread.h>

#define NOINLINE __attribute__((noinline))

_Static_assert(sizeof(struct freelist) == (HARDENED ? HOLD_LIST_BYTES : FREELIST_BYTES),
               "size_to_list is generated for this, hold_list is made for it");
_Static_assert(offsetof(struct mcache, list) == 0, "size_to_list holds offsets from here");

_Static_assert(sizeof(struct mcache_class) == 32, "and none is in two cache lines");
_Static_assert(offsetof(struct mcache, of) % 32 == 0, "and none is in two cache lines");
_Static_assert(SPAN_CLASSES *ARENA_UNIT <= UINT16_MAX, "the page map has so many bits for a place");
_Static_assert(LIST_OBJECTS_MAX < UINT16_MAX, "the books have so many bits for a length");

/* From 0, which stands for all large objects, to the first small one. */
#define NEXT_CLASS(i) ((i) ? 1 : 2)

enum {
    FRESH_BYTES = 4 << 10,
    BATCHES     = 32, /* of free_batched, on the stack: 2 KiB */
    BATCH_WORDS = 4,
};

/* Without objects and room: of a thread that has not allocated yet, and of one that has ended. */
static struct mcache unborn, ended;

/* Of those that cannot have their own. */
static struct mcache shared = {.is_owned = false};
static struct lock shared_lock;

_Thread_local struct mcache *mcache_current = &unborn;

static struct fixalloc caches = FIXALLOC(sizeof(struct mcache));

/* Of all threads' caches; guards also the counts of those that have ended. */
static struct lock registry_lock;
static struct mcache *registry;
static struct mcache_counts counts_of_ended;
static unsigned caches_begun;

/* Odd numbers that grow when a thread that comes by a slow path shall look closer: at what a fork
 * left behind, or at flushes_wanted. The static caches have 0, so that their threads always do. */
static atomic_uint calls = 1;
static atomic_uint flushes_wanted;

atomic_bool mcache_renewals_wait;

/* --- the books of a list --- */

static unsigned length_of(const struct mcache *c, unsigned spanclass) {
    const union freelist_counts *n = &c->list[spanclass].now;
    return c->of[spanclass].length + (c->of[spanclass].given - n->budget) - n->mallocs;
}

/* registry_lock is the reader's until it has finished. */
void mcache_wait(void) {
    lock_acquire(&registry_lock);
    lock_release(&registry_lock);
}

/* The list is `length` objects long now, of at most `most`. The slow path itself has made so many
 * mallocs and frees, which the list does not know. A forked child that was made in between finds
 * the budget never above what was given: some frees too many, never less than none. */
static void renew_books(struct mcache *c, unsigned spanclass, unsigned length, unsigned most,
                        unsigned mallocs, unsigned frees) {
    union freelist_counts *n  = &c->list[spanclass].now;
    struct mcache_class *of   = &c->of[spanclass];
    const uint32_t most_frees = length < most ? most - length : 0;
    const uint32_t version    = mcache_begin_renewal(c, spanclass);
    of->mallocs += mallocs + n->mallocs;
    of->frees += frees + (of->given - n->budget);
    n->mallocs = 0;
    n->budget  = 0;
#ifdef GOMALLOC_HARDENED
    c->list[spanclass].its = mcache_hold(c, spanclass); /* not before the heap has begun */
#endif
    lock_in_order();
    of->length = (uint16_t)length;
    of->given  = (uint16_t)most_frees;
    lock_in_order();
    n->budget = most_frees;
    mcache_end_renewal(c, spanclass, version);
}

/* Adds the class's numbers of one cache; those of all large objects for class 0. A counter of a
 * running thread is its own; reading one is a benign race on an aligned word. */
__attribute__((no_sanitize("thread"))) static void
add_class(struct mcache_counts *to, const volatile struct mcache *c, unsigned i) {
    const union freelist_counts n = {.both = c->list[i].now.both};
    to->mallocs[i] += c->of[i].mallocs + n.mallocs;
    to->frees[i] += c->of[i].frees + c->of[i].given - n.budget;
    if (i == 0) {
        to->mallocs[1] += c->of[1].mallocs;
        to->frees[1] += c->of[1].frees;
        to->large_malloc_bytes += c->large_malloc_bytes;
        to->large_free_bytes += c->large_free_bytes;
        to->tiny_mallocs += c->tiny_mallocs;
        to->waiting_pages += c->spans.pages;
    }
#ifdef GOMALLOC_HARDENED
    to->frees[i] += c->quarantine.count[i];
    to->waiting_pages += i == 0 ? c->quarantine.large_pages : 0;
#endif
}

/* --- lists to spans --- */

/* In a crowd, pages that were used do not stay in a thread's block: it might sleep. */
static void free_span(struct mcache *c, struct mspan *s) {
    enum { MANY = 8 };
    mheap_free_span(&c->pages, s);
    if (c->is_late && __builtin_popcountll(c->pages.free & ~c->pages.scavenged) >= MANY)
        mheap_flush_cache(&c->pages);
}

/* Of a span whose last slot is free. */
static void release(struct mcache *c, struct mspan *s) {
    if (s->nelems <= SPANCACHE_SLOTS)
        spancache_free(&c->spans, s);
    else
        free_span(c, s);
}

/* Of a span that somebody else may own, in which `count` slots have been noted as freed. */
static void count_freed(struct mcache *c, struct mspan *s, unsigned count) {
    switch (mspan_count_freed(s, count)) {
    case DUTY_NONE: return;
    case DUTY_PUSH:
        if (!mcentral_push(s))
            return;
        break;
    case DUTY_REMOVE_RELEASE: mcentral_remove(s); break;
    case DUTY_RELEASE: break;
    }
    release(c, s);
}

static void *next_of(const void *object) {
#ifdef GOMALLOC_HARDENED
    return hardened_next(object);
#else
    return link_next(object);
#endif
}

/* Frees slots of one word. */
static inline void free_word(struct mspan *s, bool owned, unsigned w, uint64_t bits) {
    if (owned)
        mspan_free_owned(s, w, bits);
    else
        mspan_note_freed(s, w, bits);
}

/* Frees the first of n objects of a chain, and those behind it in the same span. A word of the
 * bitmap goes at a time. Returns how many. They are off the chain before any is free: if it is a
 * list, a child frees what is on it, and none of these. */
static unsigned free_run(struct mcache *c, unsigned spanclass, void **chain, unsigned n) {
    void *object     = *chain;
    struct mspan *s  = arena_span((uintptr_t)object);
    const bool owned = s == c->of[spanclass].span;
    // NOLINTNEXTLINE(clang-analyzer-core.NullDereference): an object has a span
    const uintptr_t base = s->base, bytes = mspan_span_bytes(s);
    unsigned word = mspan_slot(s, (uintptr_t)object) / 64, count = 0;
    uint64_t bits = 0;
    do {
        const unsigned slot = mspan_slot_from(s, base, (uintptr_t)object);
        object              = next_of(object);
        if (slot / 64 != word) {
            free_word(s, owned, word, bits);
            word = slot / 64;
            bits = 0;
        }
        *chain = object;
        lock_in_order();
        bits |= (uint64_t)1 << slot % 64;
        count++;
    } while (count < n && (uintptr_t)object - base < bytes); /* NULL is in no span */
    free_word(s, owned, word, bits);
    if (!owned)
        count_freed(c, s, count);
    return count;
}

/* Small objects that are to be freed, by spans: 256 slots of one, or all that it has. */
struct batch {
    struct mspan *span;
    uintptr_t base; /* of the first slot, and */
    size_t bytes;   /* of them all; 0: no batch */
    unsigned word, count;
    uint64_t bits[BATCH_WORDS]; /* from `word` of the span's on */
};

static void commit(struct mcache *c, unsigned spanclass, const struct batch *b) {
    const bool owned = b->span == c->of[spanclass].span;
    for (unsigned i = 0; i < BATCH_WORDS; i++)
        if (b->bits[i])
            free_word(b->span, owned, b->word + i, b->bits[i]);
    if (!owned)
        count_freed(c, b->span, b->count);
}

/* The batch that an object belongs to; NULL: another has its place. */
static struct batch *batch_of(struct batch all[BATCHES], uintptr_t object) {
    struct mspan *s      = arena_span(object);
    const unsigned word  = mspan_slot(s, object) / 64 & -(unsigned)BATCH_WORDS;
    const uintptr_t base = mspan_address(s, word * 64);
    struct batch *b      = &all[(uint32_t)(base >> 11) * 0x9e3779b1u >> 27];
    if (!b->bytes) {
        const size_t most = (size_t)s->elem_bytes * BATCH_WORDS * 64;
        const size_t left = s->base + mspan_span_bytes(s) - base;
        *b                = (struct batch){s, base, left < most ? left : most, word, 0, {0}};
    }
    return b->base == base ? b : NULL;
}

/* Frees n objects of a chain, those of a span together, in whatever order they come: an atomic
 * operation for each would cost more than all the rest. Off the chain, as above. */
static void free_batched(struct mcache *c, unsigned spanclass, void **chain, unsigned n) {
    struct batch all[BATCHES], *b = all;
    for (unsigned i = 0; i < BATCHES; i++)
        all[i].base = all[i].bytes = 0;
    for (void *object; n && (object = *chain); n--) {
        if ((uintptr_t)object - b->base >= b->bytes) {
            struct batch *other = batch_of(all, (uintptr_t)object);
            if (!other) {
                free_run(c, spanclass, chain, 1);
                continue;
            }
            b = other;
        }
        *chain = next_of(object);
        lock_in_order();
        const unsigned slot = mspan_slot_from(b->span, b->base, (uintptr_t)object);
        b->bits[slot / 64] |= (uint64_t)1 << slot % 64;
        b->count++;
    }
    for (unsigned i = 0; i < BATCHES; i++)
        if (all[i].bytes)
            commit(c, spanclass, &all[i]);
}

/* Frees the first n objects of a chain into their spans, or all. */
static void free_chain(struct mcache *c, unsigned spanclass, void **chain, unsigned n) {
    if (n > BATCHES && class_to_size[spanclass / 2] <= LIST_BATCHED_BYTES)
        free_batched(c, spanclass, chain, n);
    else
        while (n && *chain)
            n -= free_run(c, spanclass, chain, n);
}

/* An object that is on no list: a forked child loses it. */
static void free_one(struct mcache *c, unsigned spanclass, void *object) {
    void *chain = object;
    link_set(object, NULL);
    free_run(c, spanclass, &chain, 1);
}

/* Keeps the first objects of a list, the last freed, and frees the others into their spans. */
static void free_oldest(struct mcache *c, unsigned spanclass, unsigned keep) {
    void *rest = c->list[spanclass].head, *last = NULL;
    for (unsigned kept = 0; kept < keep && rest; kept++) {
        last = rest;
        rest = next_of(rest);
    }
    if (!last || !rest)
        return;
    link_set(last, NULL);
    lock_in_order(); /* as in free_chain */
    free_chain(c, spanclass, &rest, UINT_MAX);
}

/* Gives the current span up, for others to take what is left of it. */
static inline void leave_span(struct mcache *c, unsigned spanclass) {
    struct mspan *s       = c->of[spanclass].span;
    c->of[spanclass].span = NULL;
    lock_in_order(); /* as in give_up */
    if (s && mcentral_uncache(s))
        free_span(c, s);
}

/* `frees`: 1, or 0 if it counts as freed. */
static bool free_more(struct mcache *c, unsigned spanclass, void *object, unsigned frees) {
    struct freelist *l  = &c->list[spanclass];
    const bool gave     = l->now.mallocs != 0;
    const bool is_burst = listroom_overflowed(&c->room[spanclass], spanclass, gave);
    const unsigned full = listroom(&c->room[spanclass], spanclass);
    const unsigned most = is_burst ? listroom_in_burst(full, spanclass) : full;
    const unsigned keep = is_burst ? 0 : most / 2;
    unsigned length     = length_of(c, spanclass);
    const bool is_long  = length > most / 2;
    if (is_long) {
        /* Of frees alone, the last ones go: they are in the processor's cache. The others are not
         * by now, and lie behind these. */
        if (gave)
            free_oldest(c, spanclass, keep);
        else
            free_chain(c, spanclass, &l->head, length - keep);
        length = keep;
    }
    if (is_burst)
        leave_span(c, spanclass);
    if (most) {
        link_set(object, l->head);
        lock_in_order();
        l->head = object;
        length++;
    } else {
        free_one(c, spanclass, object);
    }
    renew_books(c, spanclass, length, most, 0, frees);
    return is_long || !most;
}

bool mcache_free_more(struct mcache *c, unsigned spanclass, void *object) {
    return free_more(c, spanclass, object, 1);
}

#ifdef GOMALLOC_HARDENED
void mcache_free_counted(struct mcache *c, unsigned spanclass, void *object) {
    free_more(c, spanclass, object, 0);
}
#endif

/* --- spans to lists --- */

/* Gives the current span, in which nothing is available, up; false: something was freed meanwhile.
 * The cache never names a span that others may own: a forked child takes its spans back. */
static bool give_up(struct mcache *c, unsigned spanclass) {
    struct mspan *s       = c->of[spanclass].span;
    c->of[spanclass].span = NULL;
    if (mspan_give_up_full(s)) /* a release, so that the line above comes before it */
        return true;
    c->of[spanclass].span = s;
    return false;
}

/* Makes another span the current one; false: no memory. */
static bool next_span(struct mcache *c, unsigned spanclass) {
    struct mspan *s = mcentral_take(spanclass, c->home, HOME_KEEPS);
    if (!s) {
        s = spancache_alloc_small(&c->spans, spanclass);
        s = s ? s : mheap_alloc_span(&c->pages, spanclass);
        if (s)
            s->home = c->home;
        else
            s = mcentral_take(spanclass, c->home, 0);
    }
    c->of[spanclass].span = s;
    return s != NULL;
}

/* How many slots to take off a span at once. Linking them touches them: of pages that may not be
 * resident yet, no more than one of the kernel's. (Hardened, they lie anywhere in the span.) */
static unsigned helping(const struct mspan *s, unsigned want) {
    const unsigned few = FRESH_BYTES / s->elem_bytes;
    return s->needs_zero || want <= few ? want : few ? few : 1;
}

/* Up to `want` objects, at least one, linked. 0: no memory. */
static unsigned take_objects(struct mcache *c, unsigned spanclass, unsigned want, void **head) {
    for (;;) {
        struct mspan *s      = c->of[spanclass].span;
        const unsigned taken = s ? mspan_take(s, helping(s, want), head) : 0;
        if (taken)
            return taken;
        if (s && (mspan_merge(s) || !give_up(c, spanclass)))
            continue;
        if (!next_span(c, spanclass))
            return 0;
    }
}

static void *refill(struct mcache *c, unsigned spanclass) {
    listroom_refilled(&c->room[spanclass], spanclass);
    const unsigned most = listroom(&c->room[spanclass], spanclass);
    void *object        = NULL;
    const unsigned n    = take_objects(c, spanclass, most > 2 ? most / 2 : 1, &object);
    if (n)
        c->list[spanclass].head = link_next(object);
    if (!listroom_keeps_span(&c->room[spanclass]))
        leave_span(c, spanclass);
    renew_books(c, spanclass, n ? n - 1 : 0, most, n != 0, 0);
    return object;
}

void *mcache_alloc(struct mcache *c, unsigned spanclass) {
    struct freelist *l = &c->list[spanclass];
    void *object       = l->head;
    if (!object)
        return refill(c, spanclass);
    l->head = next_of(object);
    l->now.mallocs++;
    return object;
}

/* --- large objects --- */

/* Spans of other lengths that wait go back before fresh memory is taken: beside free pages they may
 * be as long as what is wanted. So the program has no more memory than without a cache. */
struct mspan *mcache_alloc_large(struct mcache *c, size_t n, size_t alignment, bool noscan,
                                 uint64_t *dirty) {
    struct mspan *s = NULL;
    if (alignment <= PAGE_BYTES)
        s = spancache_alloc_large(&c->spans, n, noscan);
    if (!s && alignment <= PAGE_BYTES && c->spans.some) {
        s = mheap_alloc_resident(&c->spans.spares, n, noscan, dirty);
        if (!s)
            spancache_flush(&c->spans);
    }
    return s ? s : mheap_alloc_large(&c->spans.spares, n, alignment, SPAN_LARGE, noscan, dirty);
}

bool mcache_free_large(struct mcache *c, struct mspan *s, bool waits) {
    if (HARDENED && !is_huge(s->npages) && !s->is_moved)
        return quarantine_large(c, s);
    if (waits && s->npages <= SPANCACHE_PAGES && !s->is_moved)
        return spancache_free(&c->spans, s);
    mheap_free_large(&c->spans.spares, s);
    return true;
}

/* --- tiny objects --- */

static bool free_tiny_block(struct mcache *c, void *block) {
    struct freelist *l = &c->list[SPANCLASS_TINY];
    if (!l->now.budget)
        return mcache_free_more(c, SPANCLASS_TINY, block);
    freelist_push(l, block);
    return false;
}

void *mcache_alloc_tiny(struct mcache *c, size_t size) {
    void *piece = tiny_cut(&c->tiny, size), *freed;
    if (!piece) {
        void *block = mcache_alloc(c, SPANCLASS_TINY);
        if (!block)
            return NULL;
        piece = tiny_cut_new(&c->tiny, block, size, &freed);
        if (freed)
            free_tiny_block(c, freed);
    }
    c->tiny_mallocs++;
    return piece;
}

bool mcache_free_tiny(struct mcache *c, struct mspan *s, void *object) {
    void *freed = tiny_free(s, object);
    return freed && free_tiny_block(c, freed);
}

/* --- the caches of threads --- */

void mcache_flush(struct mcache *c) {
    void *tiny = tiny_give_up(&c->tiny);
    if (tiny)
        free_tiny_block(c, tiny);
    if (HARDENED)
        quarantine_flush(c);
    for (unsigned i = 2; i < SPAN_CLASSES; i++) {
        free_chain(c, i, &c->list[i].head, UINT_MAX);
        leave_span(c, i);
        renew_books(c, i, 0, 0, 0, 0);
    }
    spancache_flush(&c->spans);
    mheap_flush_cache(&c->pages);
    fixalloc_flush(&mheap.few, &c->spans.spares);
}

static void unregister(struct mcache *c) {
    if (c->previous)
        c->previous->next = c->next;
    else
        registry = c->next;
    if (c->next)
        c->next->previous = c->previous;
}

/* Ends a cache of this thread. */
static void retire(struct mcache *c) {
    mcache_flush(c);
    lock_acquire(&registry_lock);
    unregister(c);
    for (unsigned i = 0; i < SPAN_CLASSES; i += NEXT_CLASS(i))
        add_class(&counts_of_ended, c, i);
    lock_release(&registry_lock);
    atomic_fetch_sub_explicit(&mheap.threads, 1, memory_order_relaxed); /* a heuristic's */
    fixalloc_free(&caches, c);
}

/* The destructor of the thread's key. What the thread allocates and frees after this, in other
 * destructors and in the C library, goes through the shared cache. */
static void end(void *cache) {
    mcache_current = &ended;
    retire(cache);
    helper_tick(HELPER_SAFE); /* the C library holds no lock while it calls destructors */
}

static pthread_key_t key;
static pthread_once_t key_once = PTHREAD_ONCE_INIT;
static bool key_exists;

static void make_key(void) {
    key_exists = pthread_key_create(&key, end) == 0;
}

/* Early, so that the key is one of the first 32, for which the C library needs no memory. */
__attribute__((constructor)) static void make_key_early(void) {
    pthread_once(&key_once, make_key);
}

static struct mcache *begin(void) {
    struct mcache *c = fixalloc_alloc(&caches);
    if (!c)
        return NULL;
    c->is_owned = true;
    c->owner    = lock_me();
#ifdef GOMALLOC_HARDENED
    c->quarantine.random = seal_random();
#endif
    /* relaxed: as in retire */
    c->is_late =
        atomic_fetch_add_explicit(&mheap.threads, 1, memory_order_relaxed) >= LISTROOM_CROWD;
    for (unsigned i = 0; c->is_late && i < SPAN_CLASSES; i++)
        c->room[i].halved = LISTROOM_HALVED;
    c->spans.halved = c->is_late ? SPANCACHE_HALVED : 0;
    lock_acquire(&registry_lock);
    c->home = (uint8_t)(caches_begun++ % HOMES);
    c->next = registry;
    if (registry)
        registry->previous = c;
    lock_in_order();
    registry = c;
    lock_release(&registry_lock);
    mcache_current = c; /* before the rest, which may allocate */
    pthread_once(&key_once, make_key);
    if (key_exists)
        pthread_setspecific(key, c); /* without it, the cache is lost when the thread ends */
    return c;
}

/* --- caches that a fork left behind --- */

/* There may be a cache in the registry that has no owner. */
static atomic_bool orphans;

/* A thread that is gone was changing the shared one. Guarded by shared_lock. */
static bool shared_is_orphan;

/* Is this a free object of the class? */
static bool is_free_object(const void *object, unsigned spanclass) {
    const uintptr_t address = (uintptr_t)object;
    struct mspan *s         = arena_span_checked(address);
    if (!s || s->spanclass != spanclass || !s->elem_bytes)
        return false;
    const unsigned slot = mspan_slot(s, address);
    if (slot >= s->nelems || mspan_address(s, slot) != address)
        return false;
    /* relaxed: nobody frees an object that is free */
    const uint64_t freed =
        atomic_load_explicit(&mspan_freed(s)[slot / 64], memory_order_relaxed) >> slot % 64 & 1;
    return !freed && (!HARDENED || hardened_is_free(object));
}

/* Brings a list in order whose owner may have been changing it. By the order of the owner's stores
 * it holds free objects only, whatever the owner did (fork.c). The books are a second witness: they
 * must agree but for one object that was on its way. If they do not, the list is forgotten. */
static void audit(struct mcache *c, unsigned spanclass) {
    struct freelist *l    = &c->list[spanclass];
    const unsigned booked = length_of(c, spanclass);
    unsigned length       = 0;
    bool good             = true;
    for (void *object = l->head; object && good; length++) {
        good = length <= booked && length <= LIST_OBJECTS_MAX && is_free_object(object, spanclass);
        object = good ? link_next(object) : NULL;
    }
    if (!good || length + 1 < booked) {
        l->head = NULL;
        length  = 0;
    }
    renew_books(c, spanclass, length, listroom(&c->room[spanclass], spanclass), 0, 0);
}

/* Makes a cache whole that a thread left in the middle of anything. */
static void audit_all(struct mcache *c) {
    if (!c->pages.base) /* it was being taken */
        c->pages.free = 0;
    c->pages.scavenged &= c->pages.free;
    spancache_audit(&c->spans);
#ifdef GOMALLOC_HARDENED
    quarantine_audit(&c->quarantine, is_free_object);
#endif
    for (unsigned i = 2; i < SPAN_CLASSES; i++) {
        audit(c, i);
        if (c->of[i].span)
            c->of[i].span->search = 0;
    }
}

static void lock_shared(void) {
    lock_acquire(&shared_lock);
    if (__builtin_expect(shared_is_orphan, 0)) {
        shared_is_orphan = false;
        audit_all(&shared);
        shared.tiny = (struct tiny){0}; /* its edge may be another's by now: the block is lost */
    }
}

/* Gives what one of them holds back; while it does, the cache is this thread's, so that if another
 * thread forks now, it is an orphan again. */
static NOINLINE void adopt_one(void) {
    lock_acquire(&registry_lock);
    struct mcache *c = registry;
    while (c && c->owner)
        c = c->next;
    if (c)
        c->owner = lock_me();
    else
        atomic_store_explicit(&orphans, false, memory_order_relaxed);
    lock_release(&registry_lock);
    if (c) {
        audit_all(c);
        retire(c);
    } else {
        mheap_adopt();
    }
}

/* There is a call that the thread has not heard, or it has no cache of its own. While there are
 * orphans, it will come here again. */
static NOINLINE struct mcache *answer(struct mcache *c, unsigned call) {
    if (atomic_load_explicit(&orphans, memory_order_relaxed))
        adopt_one();
    if (c == &unborn)
        c = begin();
    else if (c == &ended)
        c = NULL;
    if (!c) {
        lock_shared();
        return &shared;
    }
    const unsigned wanted = atomic_load_explicit(&flushes_wanted, memory_order_relaxed);
    if (c->flushes != wanted) {
        c->flushes = wanted;
        mcache_flush(c);
    }
    if (!atomic_load_explicit(&orphans, memory_order_relaxed))
        c->heard = call;
    return c;
}

struct mcache *mcache_enter(void) {
    struct mcache *c = mcache_current;
    /* acquire: pairs with the releases of who calls, and goes before what answer() looks at */
    const unsigned call = atomic_load_explicit(&calls, memory_order_acquire);
    return __builtin_expect(c->heard == call, 1) ? c : answer(c, call);
}

void mcache_leave(struct mcache *c) {
    if (__builtin_expect(!c->is_owned, 0))
        lock_release(&shared_lock);
}

void mcache_flush_all(void) {
    atomic_fetch_add_explicit(&flushes_wanted, 1, memory_order_relaxed);
    /* release: pairs with the acquire in mcache_enter */
    atomic_fetch_add_explicit(&calls, 2, memory_order_release);
    lock_shared();
    mcache_flush(&shared);
    lock_release(&shared_lock);
}

/* --- statistics --- */

enum {
    TRIES_ALONE = 16,   /* before the threads are asked to wait, and */
    TRIES_AWAKE = 1000, /* before this thread lets others run that were interrupted in a renewal */
};

static void begin_sum(struct mcache_counts *sum, unsigned i) {
    sum->mallocs[i] = counts_of_ended.mallocs[i];
    sum->frees[i]   = counts_of_ended.frees[i];
    if (i == 0) {
        sum->mallocs[1]         = counts_of_ended.mallocs[1];
        sum->frees[1]           = counts_of_ended.frees[1];
        sum->large_malloc_bytes = counts_of_ended.large_malloc_bytes;
        sum->large_free_bytes   = counts_of_ended.large_free_bytes;
        sum->tiny_mallocs       = counts_of_ended.tiny_mallocs;
        sum->waiting_pages      = 0;
    }
}

/* Sums the numbers of one class over all caches; false: some thread renewed its books meanwhile.
 * Versions only grow, so that their sum is the same if and only if each of them is. */
static bool try_sum(struct mcache_counts *sum, unsigned i) {
    uint64_t before = 0, after = 0;
    begin_sum(sum, i);
    add_class(sum, &shared, i);
    for (const struct mcache *c = registry; c; c = c->next) {
        /* acquire: pairs with the release in mcache_end_renewal */
        const uint32_t version = atomic_load_explicit(&c->of[i].version, memory_order_acquire);
        if (version % 2) {
            if (c->owner == lock_me())
                os_die("statistics in a signal handler that interrupted malloc or free", NULL);
            return false;
        }
        before += version;
        add_class(sum, c, i);
    }
    /* acquire: pairs with the fence in mcache_begin_renewal */
    mcache_fence(memory_order_acquire);
    for (const struct mcache *c = registry; c; c = c->next)
        after += atomic_load_explicit(&c->of[i].version, memory_order_relaxed);
    return before == after;
}

void mcache_sum(struct mcache_counts *sum) {
    lock_acquire(&shared_lock);
    lock_acquire(&registry_lock);
    for (unsigned i = 0; i < SPAN_CLASSES; i += NEXT_CLASS(i))
        for (unsigned tries = 1; !try_sum(sum, i); tries++) {
            if (tries == TRIES_ALONE) /* relaxed: as in mcache_begin_renewal */
                atomic_store_explicit(&mcache_renewals_wait, true, memory_order_relaxed);
            if (tries % TRIES_AWAKE == 0)
                os_rest();
        }
    atomic_store_explicit(&mcache_renewals_wait, false, memory_order_relaxed);
    lock_release(&registry_lock);
    lock_release(&shared_lock);
}

/* Nobody will: a reader of statistics would wait for it for ever. */
static void end_renewals(struct mcache *c) {
    for (unsigned i = 0; i < SPAN_CLASSES; i++) {
        /* relaxed: there is no other thread */
        const uint32_t version = atomic_load_explicit(&c->of[i].version, memory_order_relaxed);
        atomic_store_explicit(&c->of[i].version, version + version % 2, memory_order_relaxed);
    }
}

/* Is run with one thread, which may be in a signal handler that interrupted this very file: all is
 * left to adopt_one that wants more than a store. */
void mcache_after_fork(void) {
    const bool repair       = lock_after_fork(&registry_lock);
    struct mcache *previous = NULL;
    for (struct mcache *c = registry; c; previous = c, c = c->next) {
        if (repair)
            c->previous = previous;
        if (c->owner != lock_me()) {
            c->owner = 0;
            end_renewals(c);
        }
    }
    if (lock_after_fork(&shared_lock)) {
        shared_is_orphan = true;
        end_renewals(&shared);
    }
    if (repair) /* its holder may have been a reader; relaxed: there is no other thread */
        atomic_store_explicit(&mcache_renewals_wait, false, memory_order_relaxed);
    fixalloc_after_fork(&caches);
    atomic_store_explicit(&orphans, true, memory_order_relaxed);
    /* release: as in mcache_flush_all */
    atomic_fetch_add_explicit(&calls, 2, memory_order_release);
}

void mcache_memory(size_t *in_use, size_t *sys) {
    lock_acquire(&caches.lock);
    *in_use = caches.in_use;
    *sys    = caches.sys;
    lock_release(&caches.lock);
}
