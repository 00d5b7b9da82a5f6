/* Blocks that another thread frees than the one that allocated them, and memory that changes hands.
 * C17 7.22.3p2: "A call to free or realloc that deallocates a region p of memory synchronizes with
 * any allocation call that allocates all or part of the region p." */
#include "check.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

enum { RING = 256 };

/* From one thread to another, in order. */
static struct channel {
    _Atomic(void *) slot[RING];
    size_t size[RING];
} channel;

struct end {
    struct check_run *c;
    size_t blocks, shift;
};

static size_t size_of(const struct end *e, size_t nth) {
    const uint64_t random = contents_mix(e->c->seed + nth);
    return 1 + (random >> 8) % ((size_t)2 << random % (e->shift + 1));
}

static void *produce(void *arg) {
    const struct end *e = arg;
    for (size_t i = 0; i < e->blocks && !check_failed(e->c); i++) {
        const size_t size = size_of(e, i);
        void *block       = e->c->a->malloc(size);
        if (!check_that(e->c, block != NULL, "a block", "malloc(%zu) gave NULL", size))
            break;
        contents_fill(block, size, i);
        /* acquire pairs with the consumer's release: the slot is empty */
        while (atomic_load_explicit(&channel.slot[i % RING], memory_order_acquire) &&
               !check_failed(e->c))
            sched_yield();
        channel.size[i % RING] = size;
        /* release pairs with the consumer's acquire: the contents */
        atomic_store_explicit(&channel.slot[i % RING], block, memory_order_release);
    }
    return NULL;
}

static void consume(const struct end *e) {
    for (size_t i = 0; i < e->blocks; i++) {
        void *block;
        /* acquire pairs with the producer's release: the contents, and their size */
        while (!(block = atomic_load_explicit(&channel.slot[i % RING], memory_order_acquire))) {
            if (check_failed(e->c))
                return;
            sched_yield();
        }
        const size_t size = channel.size[i % RING], good = contents_intact(block, size, i);
        /* release pairs with the producer's acquire: its next size comes after this one was read */
        atomic_store_explicit(&channel.slot[i % RING], NULL, memory_order_release);
        if (!check_that(e->c, good == size, "a live block belongs to its owner alone",
                        "byte %zu of a block of %zu from another thread changed", good, size))
            return;
        e->c->a->free(block);
    }
}

static void pass_on(struct check_run *c, size_t blocks, size_t shift) {
    struct end e = {c, blocks, shift};
    pthread_t producer;
    if (pthread_create(&producer, NULL, produce, &e) != 0)
        return check_unsupported(c, "no thread can be created");
    consume(&e);
    pthread_join(producer, NULL);
}

CHECK(pass_small, .name = "cross_thread.small", .kind = CHECK_REQUIRED, .profiles = PROFILES_C,
      .clause  = "C17 7.22.3p1-2, 7.22.3.3p2",
      .summary = "small blocks that another thread frees keep their bytes until then") {
    pass_on(c, 100000, 9);
}

CHECK(pass_large, .name = "cross_thread.large", .kind = CHECK_REQUIRED, .profiles = PROFILES_C,
      .clause  = "C17 7.22.3p1-2, 7.22.3.3p2",
      .summary = "blocks up to 1 MiB that another thread frees keep their bytes until then") {
    pass_on(c, 4000, 19);
}

/* --- threads that ended --- */

enum { ORPHANS = 2000 };
static void *orphan[ORPHANS];

static void *bear(void *arg) {
    struct check_run *c = arg;
    for (size_t i = 0; i < ORPHANS; i++) {
        orphan[i] = c->a->malloc(1 + i);
        if (!check_that(c, orphan[i] != NULL, "a block", "malloc(%zu) gave NULL", 1 + i))
            break;
        contents_fill(orphan[i], 1 + i, i);
    }
    return NULL;
}

CHECK(orphans, .name = "cross_thread.orphans", .kind = CHECK_REQUIRED, .profiles = PROFILES_C,
      .clause  = "C17 7.22.3p1: the lifetime extends until the deallocation",
      .summary = "blocks outlive the thread that allocated them, and others free them") {
    for (unsigned round = 0; round < 20; round++) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, bear, c) != 0)
            return check_unsupported(c, "no thread can be created");
        pthread_join(thread, NULL);
        if (check_failed(c))
            return;
        void *own = c->a->malloc(500);
        MUST(c, own != NULL, "a block", "malloc(500) gave NULL");
        contents_fill(own, 500, 77);
        for (size_t i = 0; i < ORPHANS; i++) {
            MUST(c, contents_intact(orphan[i], 1 + i, i) == 1 + i,
                 "a live block belongs to its owner alone",
                 "a block of %zu bytes changed after its thread ended", 1 + i);
            c->a->free(orphan[i]);
        }
        MUST(c, contents_intact(own, 500, 77) == 500, "a live block belongs to its owner alone",
             "a block changed while those of a thread that ended were freed");
        c->a->free(own);
    }
}

static void *only_free(void *arg) {
    struct check_run *c = arg;
    for (size_t i = 0; i < ORPHANS; i++)
        c->a->free(orphan[i]);
    return NULL;
}

CHECK(free_only, .name = "cross_thread.free_only", .kind = CHECK_REQUIRED, .profiles = PROFILES_C,
      .clause = "C17 7.22.3p2, 7.22.3.3p2", .summary = "threads that never allocate may free") {
    for (unsigned round = 0; round < 20; round++) {
        pthread_t thread;
        bear(c);
        if (check_failed(c))
            return;
        if (pthread_create(&thread, NULL, only_free, c) != 0)
            return check_unsupported(c, "no thread can be created");
        pthread_join(thread, NULL);
    }
}

/* --- reuse --- */

/* Blocks say at their begin what is in them, so that whoever gets one can tell. */
struct labelled {
    uint64_t key;
    size_t size; /* of the rest */
    unsigned char rest[];
};

static bool unwritten(struct check_run *c, const struct labelled *block) {
    const size_t good = contents_intact(block->rest, block->size, block->key);
    return check_that(c, good == block->size,
                      "free happens before the reuse: nobody writes to it later",
                      "byte %zu of a block of %zu changed in the hands of its new owner",
                      good + sizeof *block, block->size + sizeof *block);
}

/* Each thread frees what the other made, so memory changes hands all the time. From the return of
 * malloc on, a block is its new owner's alone: whoever had it before must not write to it. */
static void *trade(void *arg) {
    const struct end *e = arg;
    struct check_run *c = e->c;
    for (size_t i = 0; i < e->blocks && !check_failed(c); i++) {
        const size_t size      = 16 + i % 7 * 40;
        struct labelled *block = c->a->malloc(sizeof *block + size);
        if (!check_that(c, block != NULL, "a block", "malloc(%zu) gave NULL", size))
            break;
        block->key  = i * 2 + e->shift;
        block->size = size;
        contents_fill(block->rest, size, block->key);
        if (i % 16 == 0)
            sched_yield();
        /* acq_rel pairs with the other thread's: the contents */
        struct labelled *other =
            atomic_exchange_explicit(&channel.slot[0], (void *)block, memory_order_acq_rel);
        if (other && !unwritten(c, other))
            break;
        c->a->free(other);
    }
    return NULL;
}

CHECK(happens_before, .name = "cross_thread.happens_before", .kind = CHECK_REQUIRED,
      .profiles = PROFILES_C, .clause = "C17 7.22.3p2",
      .summary = "what another thread freed is written by nobody else once malloc returned it") {
    struct end one = {c, 150000, 0}, two = {c, 150000, 1};
    pthread_t thread;
    /* relaxed: pthread_create and pthread_join order these two with the thread's */
    atomic_store_explicit(&channel.slot[0], NULL, memory_order_relaxed);
    if (pthread_create(&thread, NULL, trade, &one) != 0)
        return check_unsupported(c, "no thread can be created");
    trade(&two);
    pthread_join(thread, NULL);
    c->a->free(atomic_load_explicit(&channel.slot[0], memory_order_relaxed));
}

/* --- reuse, with no order but the allocator's --- */

/* Blocks go one way: the producer's writes happen before the consumer's, by release and acquire.
 * The consumer writes to each, too, and frees it. Before that it says, relaxed, that the slot is
 * empty. So when the producer gets the block again, the allocator alone orders the consumer's
 * writes before the producer's. */
enum { ONE_WAY = 200000, KEPT = 32 };
static _Atomic(void *) way[RING];

static void *overwrite(void *arg) {
    const struct end *e = arg;
    for (size_t i = 0; i < e->blocks; i++) {
        unsigned char *block;
        /* acquire pairs with the producer's release: the contents */
        while (!(block = atomic_load_explicit(&way[i % RING], memory_order_acquire))) {
            if (check_failed(e->c))
                return NULL;
            sched_yield();
        }
        atomic_store_explicit(&way[i % RING], NULL, memory_order_relaxed);
        contents_fill(block, size_of(e, i), ~i);
        e->c->a->free(block);
    }
    return NULL;
}

/* Its blocks are its own for a while before they go. */
static void *keep_and_send(void *arg) {
    const struct end *e = arg;
    void *kept[KEPT]    = {NULL};
    for (size_t i = 0; i < e->blocks + KEPT && !check_failed(e->c); i++) {
        const size_t gone = i - KEPT;
        if (i >= KEPT) {
            const size_t size = size_of(e, gone),
                         good = contents_intact(kept[i % KEPT], size, gone);
            if (!check_that(e->c, good == size, "free happens before the malloc that reuses it",
                            "byte %zu of a block of %zu changed in the hands of its new owner",
                            good, size))
                break;
            while (atomic_load_explicit(&way[gone % RING], memory_order_relaxed) &&
                   !check_failed(e->c))
                sched_yield();
            /* release pairs with the consumer's acquire: the contents */
            atomic_store_explicit(&way[gone % RING], kept[i % KEPT], memory_order_release);
        }
        if (i >= e->blocks)
            continue;
        kept[i % KEPT] = e->c->a->malloc(size_of(e, i));
        if (!check_that(e->c, kept[i % KEPT] != NULL, "a block", "malloc(%zu) gave NULL",
                        size_of(e, i)))
            break;
        contents_fill(kept[i % KEPT], size_of(e, i), i);
    }
    return NULL;
}

CHECK(relaxed, .name = "cross_thread.reuse", .kind = CHECK_REQUIRED, .profiles = PROFILES_C,
      .clause  = "C17 7.22.3p2: free synchronizes with the allocation of all or part of the region",
      .summary = "writes before free come before those after the malloc that reuses the block") {
    struct end e = {c, ONE_WAY, 8};
    pthread_t consumer;
    if (pthread_create(&consumer, NULL, overwrite, &e) != 0)
        return check_unsupported(c, "no thread can be created");
    keep_and_send(&e);
    pthread_join(consumer, NULL);
}
