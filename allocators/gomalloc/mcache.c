#include "mcache.h"

#include "arena.h"
#include "fixalloc.h"
#include "hardened.h"
#include "helper.h"
#include "huge.h"
#include "mcentral.h"
#include "mheap.h"

#include <pthread.h>
#include <string.h>

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

    ARRAY_LEAST = 16, /* addresses in a list's first array, with the NULL and the one more */
    ARRAYS      = 6,  /* lengths of arrays, each twice the one before */
    ARRAY_MOST  = ARRAY_LEAST << (ARRAYS - 1),

    /* of address space */
    ARRAY_REGION = 32 << 10,
    CACHE_REGION = HARDENED ? 256 << 10 : 64 << 10,

    HAND = 256, /* objects at a time between a list and their spans, on the stack: 2 KiB */
};

_Static_assert(sizeof(struct mcache) < CACHE_REGION / 2, "a region has room");

_Static_assert(ARRAY_MOST == LIST_OBJECTS_MAX + 2, "the longest list has an array");

/* What a list without an array begins above. */
static void *nothing[1];

#define NO_LIST                                                                                    \
    { .top = nothing }
#define EACH     [0 ... SPAN_CLASSES - 1]
#define NO_LISTS .list = {EACH = NO_LIST}, .bottom = {EACH = nothing}

/* Without objects and room: of a thread that has not allocated yet, and of one that has ended. */
static struct mcache unborn = {NO_LISTS}, ended = {NO_LISTS};

/* Of those that cannot have their own. */
static struct mcache shared = {NO_LISTS};
static struct lock shared_lock;

_Thread_local struct mcache *mcache_current = &unborn;

static struct fixalloc caches = FIXALLOC_OF(sizeof(struct mcache), CACHE_REGION);

#define ARRAY(i) FIXALLOC_OF((ARRAY_LEAST << (i)) * sizeof(void *), ARRAY_REGION)
static struct fixalloc arrays[ARRAYS] = {ARRAY(0), ARRAY(1), ARRAY(2),
                                         ARRAY(3), ARRAY(4), ARRAY(5)};

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

/* --- a list and its books --- */

static unsigned length_of(const struct mcache *c, unsigned spanclass) {
    return (unsigned)(c->list[spanclass].top - c->bottom[spanclass]);
}

/* Since the books were renewed last. */
static int frees_of(const struct mcache *c, unsigned spanclass) {
    /* relaxed: the owner's */
    return c->of[spanclass].given -
           atomic_load_explicit(&c->list[spanclass].budget, memory_order_relaxed);
}

/* -1 where a forked child finds the owner between two stores of a free. */
static int mallocs_of(const struct mcache *c, unsigned spanclass) {
    return c->of[spanclass].length + frees_of(c, spanclass) - (int)length_of(c, spanclass);
}

/* registry_lock is the reader's until it has finished. */
void mcache_wait(void) {
    lock_acquire(&registry_lock);
    lock_release(&registry_lock);
}

static struct fixalloc *arrays_of(unsigned capacity) {
    return &arrays[__builtin_ctz((capacity + 2) / ARRAY_LEAST)];
}

/* From now on the list has these n objects, of at most `most`, the last of them on top. They may
 * lie in its own array. The slow path itself has made so many mallocs and frees, which the list
 * does not know.
 *
 * A forked child that was made in between finds too many in use, by no more than a list, and never
 * too few: hence the order. And no object is on the list twice, at any time. */
static void renew(struct mcache *c, unsigned spanclass, void *const *objects, unsigned n,
                  unsigned most, int mallocs, int frees) {
    struct freelist *l        = &c->list[spanclass];
    struct mcache_class *of   = &c->of[spanclass];
    void **bottom             = c->bottom[spanclass];
    const unsigned most_frees = n < most ? most - n : 0;
    const int freed           = frees_of(c, spanclass);
    const uint32_t version    = mcache_begin_renewal(c, spanclass);
    of->mallocs += (uint64_t)(mallocs + mallocs_of(c, spanclass));
    /* relaxed, here and below: the version tells a reader */
    atomic_store_explicit(&l->budget, 0, memory_order_relaxed);
    lock_in_order();
    if (n > length_of(c, spanclass))
        of->length = (uint16_t)n;
    if (n && objects != bottom + 1) {
        l->top = bottom;
        lock_in_order();
        memmove(bottom + 1, objects, n * sizeof *objects);
    }
    lock_in_order();
    l->top = bottom + n;
    lock_in_order();
    of->length = (uint16_t)n;
    of->given  = (uint16_t)most_frees;
    of->frees += (uint64_t)(frees + freed);
#ifdef GOMALLOC_HARDENED
    l->its = mcache_hold(c, spanclass); /* not before the heap has begun */
#endif
    lock_in_order();
    atomic_store_explicit(&l->budget, (int32_t)most_frees, memory_order_relaxed);
    mcache_end_renewal(c, spanclass, version);
}

/* Gives an array to a list that has these n objects in it. In a child, without a capacity, it has
 * none. */
static void set_array(struct mcache *c, unsigned spanclass, void **array, unsigned n,
                      unsigned capacity) {
    struct freelist *l     = &c->list[spanclass];
    void **before          = c->bottom[spanclass];
    const unsigned had     = l->capacity;
    const uint32_t version = mcache_begin_renewal(c, spanclass);
    l->capacity            = 0;
    lock_in_order();
    l->top = array + n;
    lock_in_order();
    c->bottom[spanclass] = array;
    lock_in_order();
    l->capacity = capacity;
    mcache_end_renewal(c, spanclass, version);
    if (had)
        fixalloc_free(arrays_of(had), before);
}

static unsigned room_of(const struct mcache *c, unsigned spanclass) {
    const unsigned most = listroom(&c->room[spanclass], spanclass);
    return c->list[spanclass].capacity < most ? c->list[spanclass].capacity : most;
}

/* Gives a list that is used a longer array: also one that is not full, for it accepts no more frees
 * at a time than its array has room for. False: it has what it may use, or there is no memory. */
static bool lengthen(struct mcache *c, unsigned spanclass) {
    const unsigned had = c->list[spanclass].capacity, length = length_of(c, spanclass);
    const unsigned most = listroom(&c->room[spanclass], spanclass);
    if (had >= most || (had && had + 1 == most)) /* for one more, another is too long */
        return false;
    const unsigned capacity = 2 * (had + 2) > ARRAY_LEAST ? 2 * (had + 2) - 2 : ARRAY_LEAST - 2;
    void **array            = fixalloc_alloc_as_is(arrays_of(capacity));
    if (!array)
        return false;
    memcpy(array, c->bottom[spanclass], (length + 1) * sizeof *array);
    set_array(c, spanclass, array, length, capacity);
    return true;
}

/* Adds the class's numbers of one cache; those of all large objects for class 0. A counter of a
 * running thread is its own; reading one is a benign race on an aligned word. */
__attribute__((no_sanitize("thread"))) static void
add_class(struct mcache_counts *to, const volatile struct mcache *c, unsigned i) {
    /* acquire: pairs with the release in freelist_count_free, and comes before the length */
    const int frees =
        c->of[i].given - atomic_load_explicit(&c->list[i].budget, memory_order_acquire);
    const int length = (int)(c->list[i].top - c->bottom[i]);
    to->mallocs[i] += c->of[i].mallocs + (uint64_t)(c->of[i].length + frees - length);
    to->frees[i] += c->of[i].frees + (uint64_t)frees;
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

/* Frees slots of one word. */
static inline void free_word(struct mspan *s, bool owned, unsigned w, uint64_t bits) {
    if (owned)
        mspan_free_owned(s, w, bits);
    else
        mspan_note_freed(s, w, bits);
}

/* An object that goes from a list to its span. */
static inline uintptr_t freed(void *object) {
#ifdef GOMALLOC_HARDENED
    hardened_expect_free(object);
#endif
    return (uintptr_t)object;
}

/* Frees the first of n objects, and those behind it in the same span. A word of the bitmap goes at
 * a time. Returns how many. */
static unsigned free_run(struct mcache *c, unsigned spanclass, void *const *objects, unsigned n) {
    struct mspan *s  = arena_span((uintptr_t)*objects);
    const bool owned = s == c->of[spanclass].span;
    // NOLINTNEXTLINE(clang-analyzer-core.NullDereference): an object has a span
    const uintptr_t base = s->base, bytes = mspan_span_bytes(s);
    unsigned word = mspan_slot(s, (uintptr_t)*objects) / 64, count = 0;
    uint64_t bits = 0;
    do {
        const unsigned slot = mspan_slot_from(s, base, freed(objects[count]));
        if (slot / 64 != word) {
            free_word(s, owned, word, bits);
            word = slot / 64;
            bits = 0;
        }
        bits |= (uint64_t)1 << slot % 64;
        count++;
    } while (count < n && (uintptr_t)objects[count] - base < bytes);
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

/* Frees n objects, those of a span together, in whatever order they come: an atomic operation for
 * each would cost more than all the rest. */
static void free_batched(struct mcache *c, unsigned spanclass, void *const *objects, unsigned n) {
    struct batch all[BATCHES], *b = all;
    for (unsigned i = 0; i < BATCHES; i++)
        all[i].base = all[i].bytes = 0;
    for (unsigned i = 0; i < n; i++) {
        if ((uintptr_t)objects[i] - b->base >= b->bytes) {
            struct batch *other = batch_of(all, (uintptr_t)objects[i]);
            if (!other) {
                free_run(c, spanclass, objects + i, 1);
                continue;
            }
            b = other;
        }
        const unsigned slot = mspan_slot_from(b->span, b->base, freed(objects[i]));
        b->bits[slot / 64] |= (uint64_t)1 << slot % 64;
        b->count++;
    }
    for (unsigned i = 0; i < BATCHES; i++)
        if (all[i].bytes)
            commit(c, spanclass, &all[i]);
}

/* Frees n objects into their spans. They are on no list any more: a child frees what is on one, and
 * none of these. */
static void free_objects(struct mcache *c, unsigned spanclass, void *const *objects, unsigned n) {
    if (n > BATCHES && class_to_size[spanclass / 2] <= LIST_BATCHED_BYTES) {
        free_batched(c, spanclass, objects, n);
        return;
    }
    for (unsigned i = 0; i < n;)
        i += free_run(c, spanclass, objects + i, n - i);
}

/* Takes a part of a list off, and frees it. Of frees alone, the last ones go: they are in the
 * processor's cache. The others are not by now. Else the first ones. */
static void shorten(struct mcache *c, unsigned spanclass, unsigned keep, unsigned most, bool last,
                    int frees) {
    void *hand[HAND];
    void **first = c->bottom[spanclass] + 1;
    for (unsigned length = length_of(c, spanclass), gone;; length -= gone, frees = 0) {
        gone = length - keep < HAND ? length - keep : HAND;
        memcpy(hand, last ? first + length - gone : first, gone * sizeof *hand);
        renew(c, spanclass, last ? first : first + gone, length - gone, most, 0, frees);
        free_objects(c, spanclass, hand, gone);
        if (length - gone == keep)
            break;
    }
}

/* Gives the current span up, for others to take what is left of it. */
static inline void leave_span(struct mcache *c, unsigned spanclass) {
    struct mspan *s       = c->of[spanclass].span;
    c->of[spanclass].span = NULL;
    lock_in_order(); /* as in give_up */
    if (s && mcentral_uncache(s))
        free_span(c, s);
}

/* On a list that has room, an object that counts as freed. */
static void put(struct mcache *c, unsigned spanclass, void *object) {
    struct freelist *l     = &c->list[spanclass];
    const uint32_t version = mcache_begin_renewal(c, spanclass);
    l->top[1]              = object;
    c->of[spanclass].length++;
    lock_in_order(); /* as in freelist_push; and too many count as in use meanwhile, as in renew */
    l->top++;
    lock_in_order();
    c->of[spanclass].given--;
    freelist_count_free(l);
    mcache_end_renewal(c, spanclass, version);
}

/* `counts`: not yet as freed. */
static bool free_more(struct mcache *c, unsigned spanclass, void *object, bool counts) {
    const unsigned length = length_of(c, spanclass);
    const bool gave       = mallocs_of(c, spanclass) != 0;
    const bool grew       = counts && lengthen(c, spanclass); /* else all is to go soon */
    const bool is_burst   = !grew && listroom_overflowed(&c->room[spanclass], spanclass, gave);
    const unsigned full   = room_of(c, spanclass);
    const unsigned most   = is_burst ? listroom_in_burst(full, spanclass) : full;
    const bool is_long    = !grew && length > most / 2;
    const int frees       = counts && !most; /* the list counts what it gets */
    if (is_long)
        shorten(c, spanclass, is_burst ? 0 : most / 2, most, !gave, frees);
    else
        renew(c, spanclass, c->bottom[spanclass] + 1, length, most, 0, frees);
    if (is_burst)
        leave_span(c, spanclass);
    if (most && counts)
        freelist_push(&c->list[spanclass], object);
    else if (most)
        put(c, spanclass, object);
    else
        free_run(c, spanclass, &object, 1);
    return is_long || !most;
}

bool mcache_free_more(struct mcache *c, unsigned spanclass, void *object) {
    return free_more(c, spanclass, object, true);
}

#ifdef GOMALLOC_HARDENED
void mcache_free_counted(struct mcache *c, unsigned spanclass, void *object) {
    free_more(c, spanclass, object, false);
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

/* How many slots to take off a span at once. Hardened, that touches them: of pages that may not be
 * resident yet, no more than one of the kernel's. */
static unsigned helping(const struct mspan *s, unsigned want) {
    if (!HARDENED || s->needs_zero)
        return want;
    const unsigned few = FRESH_BYTES / s->elem_bytes;
    return want <= few ? want : few ? few : 1;
}

/* Up to `want` objects, at least one. 0: no memory. */
static unsigned take_objects(struct mcache *c, unsigned spanclass, unsigned want, void **to) {
    for (;;) {
        struct mspan *s      = c->of[spanclass].span;
        const unsigned taken = s ? mspan_take(s, helping(s, want), to) : 0;
#ifdef GOMALLOC_HARDENED
        for (unsigned i = 0; i < taken; i++)
            hardened_seal(to[i]);
#endif
        if (taken)
            return taken;
        if (s && (mspan_merge(s) || !give_up(c, spanclass)))
            continue;
        if (!next_span(c, spanclass))
            return 0;
    }
}

static void *refill(struct mcache *c, unsigned spanclass) {
    void *alone = NULL;
    listroom_refilled(&c->room[spanclass], spanclass);
    lengthen(c, spanclass);
    const unsigned most = room_of(c, spanclass);
    void **to           = most ? c->bottom[spanclass] + 1 : &alone; /* above what the list has */
    const unsigned n    = take_objects(c, spanclass, most > 2 ? most / 2 : 1, to);
    const unsigned rest = n ? n - 1 : 0;
    void *object        = n ? to[rest] : NULL;
    if (!listroom_keeps_span(&c->room[spanclass]))
        leave_span(c, spanclass);
    renew(c, spanclass, to, rest, most, n != 0, 0);
    return object;
}

void *mcache_alloc(struct mcache *c, unsigned spanclass) {
    void *object = freelist_pop(&c->list[spanclass]);
    return object ? object : refill(c, spanclass);
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
    return !freelist_push(&c->list[SPANCLASS_TINY], block) &&
           mcache_free_more(c, SPANCLASS_TINY, block);
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
        if (!c->of[i].span && !c->list[i].capacity)
            continue;
        shorten(c, i, 0, 0, true, 0);
        leave_span(c, i);
        set_array(c, i, nothing, 0, 0);
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
    for (unsigned i = 0; i < SPAN_CLASSES; i++) {
        c->list[i]   = (struct freelist)NO_LIST;
        c->bottom[i] = nothing;
    }
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
 * it holds free objects only, whatever the owner did (fork.c). That is looked at. */
static void audit(struct mcache *c, unsigned spanclass) {
    void **first    = c->bottom[spanclass] + 1;
    unsigned length = 0;
    while (length < length_of(c, spanclass) && is_free_object(first[length], spanclass))
        length++;
    renew(c, spanclass, first, length, room_of(c, spanclass), 0, 0);
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

/* What was told last, guarded by registry_lock. */
static struct { uint64_t mallocs, frees; } told[SPAN_CLASSES];

/* A sum of all times never becomes less. What is in use stays what it is. Of a class that is new,
 * what is missing may be more than what there is: then the sum is negative. */
static void tell(struct mcache_counts *sum, unsigned i) {
    int64_t missing = (int64_t)(told[i].mallocs - sum->mallocs[i]);
    if ((int64_t)(told[i].frees - sum->frees[i]) > missing)
        missing = (int64_t)(told[i].frees - sum->frees[i]);
    if (missing < 0)
        missing = 0;
    sum->mallocs[i] += (uint64_t)missing;
    sum->frees[i] += (uint64_t)missing;
    told[i].mallocs = sum->mallocs[i];
    told[i].frees   = sum->frees[i];
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
    for (unsigned i = 0; i < SPAN_CLASSES; i++)
        tell(sum, i);
    atomic_store_explicit(&mcache_renewals_wait, false, memory_order_relaxed);
    lock_release(&registry_lock);
    lock_release(&shared_lock);
}

/* Nobody will: a reader of statistics would wait for it for ever. A list that was about to have
 * another array is forgotten. */
static void end_renewals(struct mcache *c) {
    for (unsigned i = 0; i < SPAN_CLASSES; i++) {
        /* relaxed: there is no other thread */
        const uint32_t version = atomic_load_explicit(&c->of[i].version, memory_order_relaxed);
        if (!c->list[i].capacity)
            c->list[i].top = c->bottom[i] = nothing;
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
    for (unsigned i = 0; i < ARRAYS; i++)
        fixalloc_after_fork(&arrays[i]);
    atomic_store_explicit(&orphans, true, memory_order_relaxed);
    /* release: as in mcache_flush_all */
    atomic_fetch_add_explicit(&calls, 2, memory_order_release);
}

void mcache_memory(size_t *in_use, size_t *sys) {
    *in_use = *sys = 0;
    fixalloc_memory(&caches, in_use, sys);
    for (unsigned i = 0; i < ARRAYS; i++)
        fixalloc_memory(&arrays[i], in_use, sys);
}

size_t mcache_trim(void) {
    size_t released = fixalloc_trim(&caches);
    for (unsigned i = 0; i < ARRAYS; i++)
        released += fixalloc_trim(&arrays[i]);
    return released;
}
