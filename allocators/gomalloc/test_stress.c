/* Random operations by several threads on shared slots, so that most blocks are freed by another
 * thread than their own. Threads end and others take their place. Every byte of a block is written
 * when it is made and compared before it is freed or moved, so an overlap or a lost byte is found.
 * At the end nothing may be in use.
 *
 *     test_stress [OPERATIONS [THREADS [SEED]]]        default: a short run of several sizes */
#include "gomalloc.h"
#include "tap.h"
#include "test_away.h"
#include "test_random.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

enum { SLOTS = 4096, LIFE = 50000 /* operations of a thread */, THREADS_MAX = 64 };

#if defined(__SANITIZE_THREAD__)
enum { OPERATIONS = 20000 }; /* fifty times slower */
#else
enum { OPERATIONS = 300000 };
#endif

struct block {
    uint64_t pattern;
    size_t size;
    bool is_aligned;
    unsigned char bytes[];
};

static struct block *_Atomic slot[SLOTS];
static atomic_long operations_left, errors, next_seed;

static void fill(struct block *b) {
    uint64_t word = b->pattern;
    size_t at     = 0;
    for (; at + 8 <= b->size; at += 8, word += 0x9E3779B97F4A7C15u)
        memcpy(b->bytes + at, &word, 8);
    memcpy(b->bytes + at, &word, b->size - at);
}

static void check(const struct block *b, size_t size) {
    uint64_t word = b->pattern;
    size_t at     = 0;
    bool good     = true;
    for (; at + 8 <= size; at += 8, word += 0x9E3779B97F4A7C15u)
        good &= memcmp(b->bytes + at, &word, 8) == 0;
    good &= memcmp(b->bytes + at, &word, size - at) == 0;
    if (!good) {
        atomic_fetch_add(&errors, 1);
        printf("# %p: %zu bytes have changed\n", (const void *)b, size);
    }
}

/* Mostly small, some of each class, a few large ones. */
static size_t draw_size(uint64_t random) {
    const unsigned kind = random & 1023;
    random >>= 10;
    if (kind < 700)
        return random % 128;
    if (kind < 950)
        return random % 1024;
    if (kind < 1019)
        return random % 33000;
    return kind < 1022 ? random % 200000 : random % 3000000;
}

static struct block *make(uint64_t *state) {
    const size_t size = draw_size(next_random(state)), all = sizeof(struct block) + size;
    const unsigned how = next_random(state) % 16;
    struct block *b;
    if (how == 0) {
        b = gom_calloc(1, all);
        for (size_t i = 0; b && i < all; i++)
            if (((unsigned char *)b)[i]) {
                atomic_fetch_add(&errors, 1);
                printf("# calloc of %zu bytes: byte %zu is not zero\n", all, i);
                break;
            }
    } else if (how == 1) {
        const size_t alignment = (size_t)16 << next_random(state) % 10;
        b                      = gom_aligned_alloc(alignment, all);
        if ((uintptr_t)b % alignment) {
            atomic_fetch_add(&errors, 1);
            printf("# %p is not aligned to %zu\n", (void *)b, alignment);
        }
    } else if (how == 2) {
        b = gom_alloc(all, GOM_NOSCAN);
    } else {
        b = gom_malloc(all);
    }
    if (!b) { /* all slots together have some 20 MiB */
        atomic_fetch_add(&errors, 1);
        printf("# NULL for %zu bytes\n", all);
        return NULL;
    }
    if (gom_usable_size(b) < all) {
        atomic_fetch_add(&errors, 1);
        printf("# %p: usable size %zu of %zu\n", (void *)b, gom_usable_size(b), all);
    }
    b->pattern = next_random(state);
    b->size    = size;
    fill(b);
    return b;
}

static struct block *resize(struct block *b, uint64_t *state) {
    const size_t size = draw_size(next_random(state)), had = b->size;
    struct block *moved = gom_realloc(b, sizeof *b + size);
    if (!moved) {
        atomic_fetch_add(&errors, 1);
        printf("# realloc: NULL for %zu bytes\n", sizeof *b + size);
        check(b, had);
        return b;
    }
    check(moved, had < size ? had : size);
    moved->size = size;
    fill(moved);
    return moved;
}

static void *work(void *unused) {
    uint64_t state = (uint64_t)atomic_fetch_add(&next_seed, 1) << 20;
    for (long i = 0; i < LIFE && atomic_fetch_sub(&operations_left, 1) > 0; i++) {
        const uint64_t r         = next_random(&state);
        struct block *_Atomic *s = &slot[r % SLOTS];
        struct block *b          = atomic_exchange(s, NULL);
        if (b) {
            check(b, b->size);
            if (r >> 32 & 7) {
                gom_free(b);
                b = NULL;
            } else {
                b = resize(b, &state);
            }
        }
        if (!b)
            b = make(&state);
        b = atomic_exchange(s, b);
        if (b) { /* another thread was faster */
            check(b, b->size);
            gom_free(b);
        }
    }
    return unused;
}

static void drain(void) {
    for (unsigned i = 0; i < SLOTS; i++) {
        struct block *b = atomic_exchange(&slot[i], NULL);
        if (b) {
            check(b, b->size);
            gom_free(b);
        }
    }
}

/* Gives free pages back all the time: none may be wiped when it is in use again. */
static void *trim(void *ended) {
    while (!atomic_load((atomic_bool *)ended)) {
        gom_trim(0);
        usleep(500);
    }
    return NULL;
}

static void begin(pthread_t *thread, void *(*body)(void *), void *argument) {
    const int error = pthread_create(thread, NULL, body, argument);
    if (!error)
        return;
    printf("Bail out! cannot start a thread: %s; try fewer THREADS, or look at `ulimit -u`\n",
           strerror(error));
    fflush(stdout);
    _exit(2);
}

static void run(long operations, unsigned threads) {
    pthread_t thread[THREADS_MAX], trimmer;
    atomic_bool ended      = false;
    bool runs[THREADS_MAX] = {false};
    operations_left        = operations;
    begin(&trimmer, trim, &ended);
    for (unsigned i = 0; operations_left > 0; i = (i + 1) % threads) {
        if (runs[i])
            pthread_join(thread[i], NULL);
        begin(&thread[i], work, NULL);
        runs[i] = true;
    }
    for (unsigned i = 0; i < threads; i++)
        if (runs[i])
            pthread_join(thread[i], NULL);
    atomic_store(&ended, true);
    pthread_join(trimmer, NULL);
    drain();
    gom_trim(0);
    wait_for_pages();

    struct gom_memstats m;
    gom_memstats(&m);
    IS(errors, 0, "%ld operations, %u threads: no overlap, no lost byte", operations, threads);
    IS(m.heap_alloc, 0, "%u threads: no byte is in use at the end", threads);
    IS(m.heap_objects, 0, "%u threads: no object", threads);
    IS(m.heap_inuse, 0, "%u threads: no span", threads);
    IS(m.heap_sys - m.heap_released, 0, "%u threads: no resident page", threads);
    IS(m.mspan_inuse, 0, "%u threads: no descriptor", threads);
}

/* A number of the command line, or what is said instead of it; wrong use ends the test. */
static long argument(int argc, char **argv, int i, const char *name, long least, long most,
                     long otherwise) {
    if (i >= argc)
        return otherwise;
    char *end;
    errno        = 0;
    const long n = strtol(argv[i], &end, 10);
    if (errno == 0 && end != argv[i] && !*end && n >= least && n <= most)
        return n;
    fprintf(stderr,
            "test_stress: %s is a number from %ld to %ld, not '%s'\n"
            "usage: test_stress [OPERATIONS [THREADS [SEED]]]\n",
            name, least, most, argv[i]);
    exit(2);
}

int main(int argc, char **argv) {
    const long usual      = tap_all() ? OPERATIONS : OPERATIONS / 3,
               operations = argument(argc, argv, 1, "OPERATIONS", 1, LONG_MAX, usual),
               crew       = argument(argc, argv, 2, "THREADS", 1, THREADS_MAX, 0);
    setvbuf(stdout, NULL, _IOLBF, 4096);
    next_seed = argument(argc, argv, 3, "SEED", 0, LONG_MAX, 0);
    for (unsigned threads = 1; !crew && threads <= 16; threads *= 2)
        run(operations, threads);
    if (crew)
        run(operations, (unsigned)crew);
    return tap_done();
}
