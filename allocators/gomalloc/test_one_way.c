/* Blocks that go one way: some threads allocate and write, others write and free, and nothing comes
 * back but the memory. The program orders a producer before the consumer of its block, and leaves
 * it to the allocator to order that consumer before the block's next producer. So if an order of
 * memory on this way is too weak, ThreadSanitizer (test-tsan/) sees two threads write at the same
 * time. Elsewhere in the tests the program itself orders both ways, which hides that.
 *
 *     test_one_way [TIMES]        so many times as many blocks; default 1 */
#include "gomalloc.h"
#include "tap.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { SLOTS = 64, CROWD = 4, LIVES = 8 };

enum structure {
    RING,    /* slots of an array, each empty or full */
    STACK,   /* a list through the blocks; a consumer takes all of it */
    COUNTER, /* an array, and how much of it is there; one producer */
    RELAY,   /* a ring, a thread that passes on what comes, and another ring */
};

static const struct variation {
    const char *name;
    size_t size;
    unsigned blocks; /* of each producer */
    unsigned producers, consumers;
    enum structure structure;
    unsigned flags; /* of gom_alloc */
    bool grow;      /* the consumer gives the block to realloc first */
    bool mortal;    /* consumers end, and others take their place */
} variations[] = {
    {"8 bytes, one to one", 8, 20000, 1, 1, RING, 0, false, false},
    {"16 bytes, two to one", 16, 10000, 2, 1, RING, GOM_NOSCAN, false, false},
    {"64 bytes, one to three", 64, 10000, 1, 3, RING, 0, false, false},
    {"200 bytes, two to two, by a stack", 200, 5000, 2, 2, STACK, 0, false, false},
    {"1024 bytes, one to two, by a counter", 1024, 4000, 1, 2, COUNTER, 0, false, false},
    {"4096 bytes, two in a span, two to three", 4096, 3000, 2, 3, RING, 0, false, false},
    {"32 KiB, one in a span, one to two", 32768, 1000, 1, 2, RING, 0, false, false},
    {"48 bytes, by a thread between", 48, 10000, 1, 1, RELAY, 0, false, false},
    {"5 bytes, pieces of blocks, one to two", 5, 10000, 1, 2, RING, GOM_TINY, false, false},
    {"40 KiB, pages, two to two", 40960, 500, 2, 2, STACK, 0, false, false},
    {"100 bytes, which the consumer resizes", 100, 5000, 1, 2, RING, 0, true, false},
    {"128 bytes, consumers come and go", 128, 10000, 1, 2, RING, 0, false, true},
    {"3072 bytes, three to one, it comes and goes", 3072, 2000, 3, 1, STACK, 0, false, true},
};

static const struct variation *now;
static unsigned times = 1;
static atomic_uint wrong;

/* What the program orders: release by who gives, acquire by who takes. relaxed wherever a taker
 * says to a giver that there is room: that must not order anything. */
static _Atomic(unsigned char *) ring[2][SLOTS];
static _Atomic(unsigned char *) top;
static _Atomic(unsigned char *) array[SLOTS]; /* relaxed: `there` orders it */
static atomic_uint there, gone[CROWD];
static atomic_uint in_stack;
static atomic_int left[2]; /* blocks that somebody is still to take, of each ring */

/* ThreadSanitizer's runtime calls it for each report. */
static atomic_uint reports;
__attribute__((visibility("default"))) void __tsan_on_report(void *report); // NOLINT: its name
void __tsan_on_report(void *report) {
    (void)report;
    atomic_fetch_add_explicit(&reports, 1, memory_order_relaxed);
}

/* One report is enough, and the many that follow take minutes. */
static void look_for_reports(void) {
    static atomic_flag told = ATOMIC_FLAG_INIT;
    if (atomic_load_explicit(&reports, memory_order_relaxed) == 0)
        return;
    if (!atomic_flag_test_and_set_explicit(&told, memory_order_relaxed)) {
        OK(false, "%s", now->name);
        _Exit(tap_done());
    }
}

static unsigned blocks(void) {
    return now->blocks * times;
}

// NOLINTNEXTLINE(readability-non-const-parameter): a taker writes there
static void put_ring(unsigned which, unsigned char *p, unsigned *at) {
    for (;; *at += 1) {
        unsigned char *empty = NULL;
        if (atomic_compare_exchange_strong_explicit(&ring[which][*at % SLOTS], &empty, p,
                                                    memory_order_release, memory_order_relaxed))
            return;
        if (*at % SLOTS == 0)
            sched_yield();
    }
}

/* NULL: all have been taken. */
static unsigned char *take_ring(unsigned which, unsigned *at) {
    for (; atomic_load_explicit(&left[which], memory_order_relaxed) > 0; *at += 1) {
        _Atomic(unsigned char *) *slot = &ring[which][*at % SLOTS];
        unsigned char *p               = NULL;
        if (atomic_load_explicit(slot, memory_order_relaxed))
            p = atomic_exchange_explicit(slot, NULL, memory_order_acquire);
        if (p) {
            atomic_fetch_sub_explicit(&left[which], 1, memory_order_relaxed);
            return p;
        }
        if (*at % SLOTS == 0)
            sched_yield();
    }
    return NULL;
}

static void put_stack(unsigned char *p) {
    unsigned char *old = atomic_load_explicit(&top, memory_order_relaxed);
    while (atomic_load_explicit(&in_stack, memory_order_relaxed) > SLOTS)
        sched_yield();
    atomic_fetch_add_explicit(&in_stack, 1, memory_order_relaxed);
    do
        memcpy(p, &old, sizeof old);
    while (!atomic_compare_exchange_weak_explicit(&top, &old, p, memory_order_release,
                                                  memory_order_relaxed));
}

static unsigned char *take_stack(unsigned char **rest) {
    while (!*rest && atomic_load_explicit(&left[0], memory_order_relaxed) > 0) {
        *rest = atomic_exchange_explicit(&top, NULL, memory_order_acquire);
        if (!*rest)
            sched_yield();
    }
    unsigned char *p = *rest;
    if (p) {
        memcpy(rest, p, sizeof *rest);
        atomic_fetch_sub_explicit(&in_stack, 1, memory_order_relaxed);
        atomic_fetch_sub_explicit(&left[0], 1, memory_order_relaxed);
    }
    return p;
}

// NOLINTNEXTLINE(readability-non-const-parameter): a taker writes there
static void put_counter(unsigned char *p, unsigned i) {
    for (unsigned c = 0; c < now->consumers; c++)
        while (i >= atomic_load_explicit(&gone[c], memory_order_relaxed) + SLOTS)
            sched_yield();
    atomic_store_explicit(&array[i % SLOTS], p, memory_order_relaxed);
    atomic_store_explicit(&there, i + 1, memory_order_release);
}

/* Consumer c has every block whose number is c, modulo their number. */
static unsigned char *take_counter(unsigned c, unsigned *at) {
    const unsigned i = *at * now->consumers + c;
    if (i >= blocks()) {
        atomic_store_explicit(&gone[c], blocks(), memory_order_relaxed);
        return NULL;
    }
    while (atomic_load_explicit(&there, memory_order_acquire) <= i)
        sched_yield();
    unsigned char *p = atomic_load_explicit(&array[i % SLOTS], memory_order_relaxed);
    *at += 1;
    return p;
}

static void *produce(void *argument) {
    unsigned at = *(const unsigned *)argument * 7;
    for (unsigned i = 0; i < blocks(); i++) {
        unsigned char *p = now->flags ? gom_alloc(now->size, now->flags) : gom_malloc(now->size);
        memset(p, 0x40, now->size);
        look_for_reports();
        switch (now->structure) {
        case RING:
        case RELAY: put_ring(0, p, &at); break;
        case STACK: put_stack(p); break;
        case COUNTER: put_counter(p, i); break;
        }
    }
    return NULL;
}

static void *pass_on(void *unused) {
    unsigned from = 0, to = 0;
    for (unsigned char *p; (p = take_ring(0, &from));) {
        p[now->size - 1]++;
        put_ring(1, p, &to);
    }
    return unused;
}

static void consume_block(unsigned char *p) {
    const unsigned char want = now->structure == RELAY ? 0x41 : 0x40;
    size_t size              = now->size;
    if (p[size - 1] != want)
        atomic_fetch_add_explicit(&wrong, 1, memory_order_relaxed);
    memset(p, 0x50, size);
    if (now->grow) {
        size *= 3;
        p = gom_realloc(p, size);
        memset(p, 0x60, size);
    }
    gom_free(p);
}

/* The consumers' own, while one takes another's place. */
static struct place { unsigned number, at; } places[CROWD];

static void *consume(void *argument) {
    struct place *me    = argument;
    unsigned char *rest = NULL, *p = NULL;
    const unsigned most = now->mortal ? blocks() / LIVES + 1 : blocks() * now->producers;
    for (unsigned i = 0; i < most || rest; i++) {
        switch (now->structure) {
        case RING: p = take_ring(0, &me->at); break;
        case RELAY: p = take_ring(1, &me->at); break;
        case STACK: p = take_stack(&rest); break;
        case COUNTER:
            /* The blocks before are free, and the slots of the array are empty, */
            atomic_store_explicit(&gone[me->number], me->at * now->consumers + me->number,
                                  memory_order_relaxed);
            p = take_counter(me->number, &me->at);
            break;
        }
        if (!p)
            break;
        consume_block(p);
    }
    return NULL;
}

/* Consumers one after the other, while there is something to take. */
static void *follow(void *argument) {
    pthread_t thread;
    do {
        if (pthread_create(&thread, NULL, consume, argument) != 0)
            exit(9);
        pthread_join(thread, NULL);
    } while (now->mortal && atomic_load_explicit(&left[0], memory_order_relaxed) > 0);
    return NULL;
}

static void test(const struct variation *v) {
    static unsigned number[CROWD] = {0, 1, 2, 3};
    pthread_t thread[2 * CROWD + 1];
    unsigned threads = 0;
    const int all    = (int)(v->blocks * times * v->producers);
    now              = v;
    atomic_store(&left[0], all);
    atomic_store(&left[1], all);
    atomic_store(&there, 0);
    for (unsigned i = 0; i < CROWD; i++) {
        atomic_store(&gone[i], 0);
        places[i] = (struct place){i, 0};
    }
    for (unsigned i = 0; i < v->producers; i++)
        pthread_create(&thread[threads++], NULL, produce, &number[i]);
    for (unsigned i = 0; i < v->consumers; i++)
        pthread_create(&thread[threads++], NULL, follow, &places[i]);
    if (v->structure == RELAY)
        pthread_create(&thread[threads++], NULL, pass_on, NULL);
    for (unsigned i = 0; i < threads; i++)
        pthread_join(thread[i], NULL);
    look_for_reports();
    IS(wrong, 0, "%s", v->name);
}

int main(int argc, char **argv) {
    if (argc > 1)
        times = (unsigned)atoi(argv[1]);
    for (size_t i = 0; i < sizeof variations / sizeof *variations; i++)
        test(&variations[i]);
    gom_trim(0);
    struct gom_memstats m;
    gom_memstats(&m);
    IS(m.heap_objects, 0, "nothing is left");
    return tap_done();
}
