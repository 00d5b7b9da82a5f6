/* A thread's cache (Go's mcache): for each span class a short list of free objects and the current
 * span. No lock and no atomic operation where a list has an object to take or room for one.
 *
 * The list is what C adds to Go (1.26's experimental freegc has one, too). An explicit free puts
 * its object there, whatever span and thread it came from. The next malloc takes it, still warm.
 * When a list is empty, slots of the current span refill it; when it is too long, the older half
 * goes back to the spans.
 *
 * A list is an array of addresses, used as a stack (a magazine: Bonwick, 2001). Nothing of it is in
 * the free objects. So neither malloc nor free touches an object's memory, and whatever a program
 * writes into a free object, malloc returns no other address for it. Below the first address is a
 * NULL, which tells malloc that the list is empty. An array begins small and grows with the use of
 * its list.
 *
 * A list counts down how many frees it still accepts. That bounds it, and with its length it tells
 * how many mallocs and frees there were.
 *
 * Statistics of running threads. Objects change hands, so a sum over threads means something only
 * if it is of one instant. The fast paths cannot help with that, but between two renewals of its
 * books a list only becomes longer or shorter, by no more than it may hold. So the reader
 * (mcache_sum) sums a class while no thread renews the books of that class; the versions of the
 * books tell. Then each thread's part is off by the length of one list at most. A reader that fails
 * too often asks the threads to wait before their next renewal. It reads a list's budget and then
 * its length. Frees between the two are missing among the mallocs and the frees alike. So a sum may
 * be less than one that was told before; the reader then tells that one, and as many more frees. */
#ifndef GOMALLOC_MCACHE_H
#define GOMALLOC_MCACHE_H

#include "listroom.h"
#include "lock.h"
#include "mspan.h"
#include "pagecache.h"
#include "quarantine.h"
#include "spancache.h"
#include "tiny.h"

struct freelist {
    void **top; /* the last object; of an empty list the NULL */
    /* Frees until the books must be renewed: the array has room for so many, and for one more. Its
     * owner writes it after `top`. Negative: none. */
    _Atomic int32_t budget;
    uint32_t capacity; /* of the array, in objects */
#ifdef GOMALLOC_HARDENED
    struct hold_class its; /* of hold_classes, in the list's line of the processor's cache */
#endif
};

struct mcache {
    struct freelist list[SPAN_CLASSES];
    /* What the slow paths want of a class, beside its list: half a cache line. */
    struct mcache_class {
        struct mspan *span;       /* the current one; NULL: none yet */
        uint64_t mallocs, frees;  /* of objects, ever, when the books were renewed last; */
        uint16_t length;          /* of the list, then; */
        uint16_t given;           /* the budget, then */
        _Atomic uint32_t version; /* odd while the owner renews the books */
    } of[SPAN_CLASSES];           /* [0], [1]: large objects; their version is [0]'s */
    void **bottom[SPAN_CLASSES];  /* of the lists' arrays: where the NULL is */
    struct listroom room[SPAN_CLASSES];
    struct pagecache pages;
    struct spancache spans;
    struct tiny tiny;
    struct mcache *next, *previous; /* of all caches */
    uintptr_t owner;                /* lock_me() of its thread; 0: one that a fork left behind */
    uint8_t home;                   /* its group of threads (mcentral.h) */
    bool is_owned;                  /* false: one of the three below */
    bool is_late;                   /* began in a crowd (listroom.h) */
    unsigned heard;                 /* the value of `calls` when the thread followed the last */
    unsigned flushes;               /* the value of flushes_wanted at the last flush */
    uint64_t large_malloc_bytes, large_free_bytes; /* with the books of class 0 */
    uint64_t tiny_mallocs;                         /* pieces of shared blocks */
#ifdef GOMALLOC_HARDENED
    struct quarantine quarantine;
#endif
};

#ifdef GOMALLOC_HARDENED
/* Of a short list fewer slots wait in quarantine, too. */
static inline struct hold_class mcache_hold(const struct mcache *c, unsigned spanclass) {
    struct hold_class its = hold_classes[spanclass];
    its.waiting >>= c->room[spanclass].halved;
    return its;
}
#endif

/* Sums over threads of the numbers of the same names. */
struct mcache_counts {
    uint64_t mallocs[SPAN_CLASSES], frees[SPAN_CLASSES];
    uint64_t large_malloc_bytes, large_free_bytes, tiny_mallocs;
    uint64_t waiting_pages; /* of free spans that wait in caches */
};

/* The running thread's cache, never NULL: at first a static one without objects and without room,
 * so that the fast paths need no test and fall through to mcache_enter. */
extern _Thread_local struct mcache *mcache_current __attribute__((tls_model("initial-exec")));

/* The thread's own cache, made now if it has none yet; the shared one, locked, if it cannot have
 * one (any more). Each must be followed by mcache_leave. */
struct mcache *mcache_enter(void);
void mcache_leave(struct mcache *);

/* An object of the class, from its list or, if that is empty, from the current span, another
 * partial one, or a new one; NULL: no memory. */
void *mcache_alloc(struct mcache *, unsigned spanclass);

/* Takes a free object for which the list has no room, or so it seems: the books will tell. True:
 * some objects went back to their spans. */
bool mcache_free_more(struct mcache *, unsigned spanclass, void *object);

/* The same of one that the books have as freed already, as it waited in quarantine. */
void mcache_free_counted(struct mcache *, unsigned spanclass, void *object);

/* A span of n pages, or a few more, as one object; NULL: no memory. `dirty`: as in
 * mheap_alloc_large, but for a span that waited it stays as it is. */
struct mspan *mcache_alloc_large(struct mcache *, size_t n, size_t alignment, bool noscan,
                                 uint64_t *dirty);

/* Takes a large span back that nobody owns but the caller. `waits`: for the next of its length, if
 * it is not too long. True: pages went back to the heap. */
bool mcache_free_large(struct mcache *, struct mspan *, bool waits);

/* A piece of 1 to 15 bytes of a shared block; NULL: no memory. */
void *mcache_alloc_tiny(struct mcache *, size_t size);

/* Frees a piece, or an object of its class that is none. True: as above. */
bool mcache_free_tiny(struct mcache *, struct mspan *, void *object);

/* Gives everything that is cached back. */
void mcache_flush(struct mcache *);

/* Asks every other thread to do so, when it next comes by a slow path. */
void mcache_flush_all(void);

/* The statistics of all threads together. Exact for threads that are at rest. For each other thread
 * and class, mallocs less frees are off by LIST_OBJECTS_MAX objects or LIST_BYTES_MAX bytes at
 * most, large objects not at all. */
void mcache_sum(struct mcache_counts *);

/* Bytes of the caches themselves, and of their lists. */
void mcache_memory(size_t *in_use, size_t *sys);

/* Gives the memory of unused ones back; returns the bytes. */
size_t mcache_trim(void);

/* In a forked child: notes which caches are those of threads that are not there. What they hold
 * comes back by and by, a cache each time that a thread comes by mcache_enter. */
void mcache_after_fork(void);

/* A reader of statistics, who holds a lock meanwhile, asks the threads to wait for it. */
extern atomic_bool mcache_renewals_wait;
void mcache_wait(void);

/* gcc's ThreadSanitizer knows no fences, and what needs these is hidden from it. */
static inline void mcache_fence(memory_order order) {
#ifdef __SANITIZE_THREAD__
    atomic_signal_fence(order);
#else
    atomic_thread_fence(order);
#endif
}

/* What lies between these two, readers of statistics see as a whole or not at all. `i`: a span
 * class; 0 for all large objects and their bytes. */
static inline uint32_t mcache_begin_renewal(struct mcache *c, unsigned i) {
    /* relaxed: a reader who comes too early for this thread tries once more */
    if (__builtin_expect(atomic_load_explicit(&mcache_renewals_wait, memory_order_relaxed), 0))
        mcache_wait();
    const uint32_t version = atomic_load_explicit(&c->of[i].version, memory_order_relaxed);
    atomic_store_explicit(&c->of[i].version, version + 1, memory_order_relaxed);
    /* release: pairs with the fence in try_sum. Who has read a later store sees the odd version. */
    mcache_fence(memory_order_release);
    return version;
}

static inline void mcache_end_renewal(struct mcache *c, unsigned i, uint32_t version) {
    /* release: pairs with the acquire in try_sum. Who sees this version sees the new books. */
    atomic_store_explicit(&c->of[i].version, version + 2, memory_order_release);
}

/* malloc's fast path. NULL: the list is empty. */
static inline void *freelist_pop(struct freelist *l) {
    void **top   = l->top;
    void *object = *top;
#ifdef __x86_64__
    __asm__("" : "+a"(object)); /* where it is returned: gcc 12 moves it there else */
#endif
    if (__builtin_expect(object != NULL, 1))
        l->top = top - 1;
    return object;
}

/* Does it accept a free? Of class 0, none. */
static inline bool freelist_has_room(const struct freelist *l) {
    return atomic_load_explicit(&l->budget, memory_order_relaxed) > 0; /* its own */
}

/* One free less. A release: pairs with the acquire in add_class. Who sees the free finds it on the
 * list. It is one instruction where there is such a one. Then frees in a signal handler are no more
 * than the array has room for, and one. */
static inline void freelist_count_free(struct freelist *l) {
#if defined(__x86_64__) && !defined(__SANITIZE_THREAD__)
    __asm__ volatile("subl $1, %0" : "+m"(l->budget) : : "cc", "memory");
#else
    /* relaxed: its own */
    const int32_t budget = atomic_load_explicit(&l->budget, memory_order_relaxed);
    atomic_store_explicit(&l->budget, budget - 1, memory_order_release);
#endif
}

/* free's. False: it does not. */
static inline bool freelist_push(struct freelist *l, void *object) {
    if (__builtin_expect(!freelist_has_room(l), 0))
        return false;
    void **top = l->top + 1;
    *top       = object;
    lock_in_order(); /* the list is whole at any time: fork.c */
    l->top = top;
    lock_in_order();
    freelist_count_free(l);
    return true;
}

#endif
