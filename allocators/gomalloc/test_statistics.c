/* Statistics while other threads run: how many objects are live is known within bounds at each
 * time, and no read may be further off than gomalloc.h says. At rest they are exact.
 *
 * test_statistics [READS]: so many reads, shared among the scenarios; 10,000,000 is the campaign.
 */
#include "arena.h"
#include "gomalloc.h"
#include "guard.h"
#include "hardened.h"
#include "hold.h"
#include "huge.h"
#include "mcache.h"
#include "mheap.h"
#include "tap.h"
#include "test_random.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* Few under ThreadSanitizer, which makes each many times as slow. */
#ifdef __SANITIZE_THREAD__
enum { READS = 4000 };
#else
enum { READS = 100000 };
#endif

enum { THREADS_MAX = 4, LIVE_MAX = 5000 };

struct scenario {
    const char *name;
    void *(*work)(void *);
    size_t size[THREADS_MAX]; /* of each thread's objects; 0: no more threads */
    unsigned live, batch;     /* each has so many at most, and so many fewer at least */
    bool reader_trims;
};

struct worker {
    const struct scenario *s;
    size_t size;
    void *block[LIVE_MAX];
    atomic_uint made, taken; /* of a ring between two threads */
    atomic_bool made_all;
};

static struct worker workers[THREADS_MAX];
static atomic_bool stop;
static atomic_uint ready;

static void fill(struct worker *w) {
    for (unsigned i = 0; i < w->s->live; i++)
        w->block[i] = gom_malloc(w->size);
    ready++;
}

static void empty(struct worker *w) {
    for (unsigned i = 0; i < w->s->live; i++)
        gom_free(w->block[i]);
}

/* Frees a batch in a row, then allocates as many. */
static void replace(struct worker *w, unsigned *at) {
    const unsigned live = w->s->live, batch = w->s->batch;
    for (unsigned k = 0; k < batch; k++)
        gom_free(w->block[(*at + k) % live]);
    for (unsigned k = 0; k < batch; k++)
        w->block[(*at + k) % live] = gom_malloc(w->size);
    *at = (*at + batch) % live;
}

static void *churn(void *worker) {
    struct worker *w = worker;
    unsigned at      = 0;
    fill(w);
    while (!stop)
        replace(w, &at);
    empty(w);
    return NULL;
}

/* Allocates for a ring that the next thread empties: each object is freed by another thread. The
 * blocks that lie there count for this one. */
static void *produce(void *worker) {
    struct worker *w = worker;
    ready++;
    while (!stop) {
        if (w->made - w->taken == w->s->live) {
            sched_yield();
            continue;
        }
        w->block[w->made % w->s->live] = gom_malloc(w->size);
        w->made++; /* one more is live before */
    }
    w->made_all = true;
    return NULL;
}

static void *consume(void *worker) {
    struct worker *w = (struct worker *)worker - 1;
    ready++;
    for (bool last = false; !last;) {
        last = w->made_all && w->made == w->taken;
        if (w->made == w->taken) {
            sched_yield();
            continue;
        }
        gom_free(w->block[w->taken % w->s->live]);
        w->taken++;
    }
    return NULL;
}

static void *pass_on(void *worker) {
    return ((struct worker *)worker - workers) % 2 ? consume(worker) : produce(worker);
}

static void *replace_some(void *worker) {
    unsigned at = 0;
    for (unsigned i = 0; i < 20; i++)
        replace(worker, &at);
    return NULL;
}

/* The work is done by threads that come and go. */
static void *come_and_go(void *worker) {
    fill(worker);
    while (!stop) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, replace_some, worker) != 0)
            exit(9);
        pthread_join(thread, NULL);
    }
    empty(worker);
    return NULL;
}

/* Each block becomes so long that it moves, and short again; large ones stay in place, if there is
 * room. */
enum { LONGER = 3 };

static void *resize(void *worker) {
    struct worker *w = worker;
    fill(w);
    for (unsigned i = 0; !stop; i++) {
        void **block = &w->block[i % w->s->live];
        *block       = gom_realloc(*block, w->size * LONGER);
        *block       = gom_realloc(*block, w->size);
    }
    empty(w);
    return NULL;
}

static const struct scenario scenarios[] = {
    {"one thread frees 1024 in a row", churn, {64}, 4096, 1024, false},
    {"of 16 bytes 3000 in a row", churn, {16}, 5000, 3000, false},
    {"one at a time", churn, {128}, 1000, 1, false},
    {"four threads of one class", churn, {64, 64, 64, 64}, 2000, 700, false},
    {"of 2 KiB, short lists", churn, {2048, 2048, 2048, 2048}, 200, 100, false},
    {"of 32 KiB, a renewal each time", churn, {32768, 32768, 32768, 32768}, 20, 10, false},
    {"large ones", churn, {100000, 40000, 300000, 100000}, 20, 10, false},
    {"four classes", churn, {16, 48, 1024, 20480}, 500, 100, false},
    {"from thread to thread", pass_on, {64, 64}, 100, 100, false},
    {"two pairs in one class", pass_on, {64, 64, 64, 64}, 1000, 1000, false},
    {"pairs of short lists", pass_on, {4096, 4096, 16384, 16384}, 10, 10, false},
    {"pairs of large ones", pass_on, {65536, 65536, 40960, 40960}, 10, 10, false},
    {"threads that come and go", come_and_go, {64, 64, 1024}, 1000, 300, false},
    {"while the reader trims", churn, {64, 512, 512}, 1000, 300, true},
    {"pairs while the reader trims", pass_on, {256, 256, 8192, 8192}, 100, 100, true},
    {"realloc across classes", resize, {96, 3000}, 100, 0, false},
    {"realloc of large ones", resize, {80000, 200000}, 4, 0, false},
};

/* --- what is known --- */

/* Objects, and bytes in sizes of their classes. */
struct bounds {
    int64_t objects_least, objects_most, bytes_least, bytes_most;
};

/* Of a block; the hardened build has words around it. 0: it is a large one. */
static size_t size_class(size_t size) {
    void *block         = gom_malloc(size);
    const unsigned both = arena_span((uintptr_t)block)->spanclass;
    const size_t class  = arena_span((uintptr_t)block)->elem_bytes ? both / 2 : 0;
    gom_free(block);
    return class;
}

static size_t rounded(size_t size) {
    const size_t class = size_class(size),
                 all   = size + (HARDENED ? HOLD_WIDE + HOLD_TAIL_LEAST : 0);
    return class ? class_to_size[class] : (all + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES;
}

/* What a thread that runs may be off by in a class. Large objects are exact. */
static int64_t slack(size_t class) {
    enum { OBJECTS = 512, BYTES = 64 << 10 };
    if (!class)
        return 0;
    return BYTES / class_to_size[class] < OBJECTS ? BYTES / class_to_size[class] : OBJECTS;
}

static void widen(struct bounds *b, int64_t objects, int64_t bytes) {
    b->objects_least -= objects;
    b->objects_most += objects;
    b->bytes_least -= bytes;
    b->bytes_most += bytes;
}

/* Of one class, for all threads; [SIZE_CLASSES]: of all classes. */
static void set_bounds(const struct scenario *s, struct bounds of[SIZE_CLASSES + 1]) {
    memset(of, 0, (SIZE_CLASSES + 1) * sizeof *of);
    for (unsigned i = 0; i < THREADS_MAX && s->size[i]; i++) {
        const bool passes = s->work == pass_on, produces = passes && i % 2 == 0;
        const size_t size = s->size[i], class = size_class(size), longer = size * LONGER;
        const int64_t most = passes ? produces ? s->live + 1 : 0 : s->live;
        const int64_t few  = most > s->batch + passes ? most - s->batch - passes : 0;
        struct bounds *b   = &of[class];
        b->objects_least += few;
        b->objects_most += most;
        b->bytes_least += few * (int64_t)rounded(size);
        b->bytes_most += most * (int64_t)rounded(size);
        widen(b, slack(class), slack(class) * (int64_t)rounded(size));
        if (s->work == resize) { /* one block is elsewhere, or there are two; it grows by more */
            struct bounds *other = &of[size_class(longer)];
            widen(b, 1, (int64_t)rounded(longer + longer / 8));
            if (other != b)
                widen(other, 1 + slack(size_class(longer)),
                      (1 + slack(size_class(longer))) * (int64_t)rounded(longer));
        }
    }
    for (unsigned class = 0; class < SIZE_CLASSES; class ++) {
        of[SIZE_CLASSES].objects_least += of[class].objects_least;
        of[SIZE_CLASSES].objects_most += of[class].objects_most;
        of[SIZE_CLASSES].bytes_least += of[class].bytes_least;
        of[SIZE_CLASSES].bytes_most += of[class].bytes_most;
    }
}

static unsigned told;

static bool outside(const char *what, unsigned class, uint64_t got, int64_t least, int64_t most) {
    if ((int64_t)got >= least && (int64_t)got <= most)
        return false;
    if (told++ < 20)
        printf("# %s of class %u: %lld is not in %lld to %lld\n", what, class, (long long)got,
               (long long)least, (long long)most);
    return true;
}

static bool is_off(const struct bounds of[SIZE_CLASSES + 1], struct gom_memstats *last,
                   bool mallinfo) {
    const struct bounds *all = &of[SIZE_CLASSES];
    struct gom_memstats m;
    if (mallinfo)
        return outside("mallinfo2's bytes", SIZE_CLASSES, gom_mallinfo2().uordblks,
                       all->bytes_least, all->bytes_most);
    gom_memstats(&m);
    bool off = false;
    for (unsigned i = 0; i < SIZE_CLASSES; i++)
        off |= outside("objects", i, m.by_size[i].mallocs - m.by_size[i].frees, of[i].objects_least,
                       of[i].objects_most);
    off |= outside("objects", SIZE_CLASSES, m.heap_objects, all->objects_least, all->objects_most);
    off |= outside("bytes", SIZE_CLASSES, m.heap_alloc, all->bytes_least, all->bytes_most);
    if (m.mallocs < last->mallocs || m.frees < last->frees || m.total_alloc < last->total_alloc ||
        m.total_freed < last->total_freed) {
        printf("# a sum of all times became less\n");
        off = true;
    }
    *last = m;
    return off;
}

static void run(const struct scenario *s, unsigned long reads) {
    struct bounds of[SIZE_CLASSES + 1];
    struct gom_memstats last = {0};
    pthread_t thread[THREADS_MAX];
    unsigned threads  = 0;
    unsigned long off = 0;
    stop              = false;
    ready = told = 0;
    set_bounds(s, of);
    for (; threads < THREADS_MAX && s->size[threads]; threads++) {
        struct worker *w = &workers[threads];
        w->s             = s;
        w->size          = s->size[threads];
        w->made = w->taken = 0;
        w->made_all        = false;
        if (pthread_create(&thread[threads], NULL, s->work, w) != 0)
            exit(9);
    }
    while (ready < threads)
        sched_yield();
    for (unsigned long i = 0; i < reads; i++) {
        if (s->reader_trims && i % 64 == 0)
            gom_trim(0);
        off += is_off(of, &last, i % 8 == 7);
    }
    stop = true;
    for (unsigned i = 0; i < threads; i++)
        pthread_join(thread[i], NULL);
    IS(off, 0, "%s: none of %lu reads is further off than promised", s->name, reads);
    gom_memstats(&last);
    OK(last.heap_objects == 0 && last.heap_alloc == 0 && gom_mallinfo2().uordblks == 0 &&
           last.mallocs == last.frees && last.total_alloc == last.total_freed,
       "and at rest, nothing is left");
}

/* Threads that wait are at rest, too: their lists are counted exactly. */
static void *wait_here(void *worker) {
    struct worker *w = worker;
    for (unsigned i = 0; i < 777; i++)
        w->block[i] = gom_malloc(64);
    for (unsigned i = 0; i < 333; i++)
        gom_free(w->block[i]);
    ready++;
    while (!stop)
        sched_yield();
    for (unsigned i = 333; i < 777; i++)
        gom_free(w->block[i]);
    return NULL;
}

static void test_rest(void) {
    enum { WAITING = 3 };
    pthread_t thread[WAITING];
    struct gom_memstats m;
    stop  = false;
    ready = 0;
    for (unsigned i = 0; i < WAITING; i++)
        if (pthread_create(&thread[i], NULL, wait_here, &workers[i]) != 0)
            exit(9);
    while (ready < WAITING)
        sched_yield();
    void *own = gom_malloc(100);
    gom_free(gom_malloc(100));
    gom_memstats(&m);
    IS(m.heap_objects, WAITING * 444 + 1, "threads that wait are counted exactly");
    IS(m.heap_alloc, WAITING * 444 * rounded(64) + rounded(100), "so are their bytes");
    gom_free(own);
    stop = true;
    for (unsigned i = 0; i < WAITING; i++)
        pthread_join(thread[i], NULL);
}

/* --- renewals made by hand, in the caches of threads that wait --- */

/* Many, so that the reader is under way for long from the first to the last. */
enum { LENDERS = 40, CLASS = 20, LOT = 1000000 };

static struct mcache *_Atomic caches[LENDERS];
static atomic_bool given_back;

static void *lend_cache(void *at) {
    gom_free(gom_malloc(8));
    *(struct mcache * _Atomic *)at = mcache_current;
    while (!given_back)
        os_rest();
    return NULL;
}

/* So many more live objects seem to have been made there. */
static void renew(struct mcache *c, int64_t more) {
    atomic_fetch_add(&c->of[CLASS].version, 1);
    c->of[CLASS].mallocs += (uint64_t)more;
    atomic_fetch_add(&c->of[CLASS].version, 1);
}

static int64_t live(void) {
    struct mcache_counts sum;
    mcache_sum(&sum);
    return (int64_t)(sum.mallocs[CLASS] - sum.frees[CLASS]);
}

/* A lot of objects goes from one cache to the other and back, each time first into the new one. */
static void *move_lots(void *unused) {
    for (unsigned i = 0; !stop; i++) {
        renew(caches[i % 2 ? LENDERS - 1 : 0], LOT);
        renew(caches[i % 2 ? 0 : LENDERS - 1], -LOT);
        for (volatile unsigned rest = 0; rest < 1000; rest = rest + 1)
            ;
    }
    return unused;
}

static void *read_once(void *result) {
    *(_Atomic int64_t *)result = live();
    return NULL;
}

static void test_by_hand(unsigned long reads) {
    pthread_t owner[LENDERS], other;
    unsigned long off    = 0;
    _Atomic int64_t read = -1;
    stop                 = false;
    for (unsigned i = 0; i < LENDERS; i++) {
        if (pthread_create(&owner[i], NULL, lend_cache, &caches[i]) != 0)
            exit(9);
        while (!caches[i])
            sched_yield();
    }

    /* A renewal half done, until who reads now has asked the threads to wait. */
    atomic_fetch_add(&caches[0]->of[CLASS].version, 1);
    caches[0]->of[CLASS].mallocs += LOT;
    if (pthread_create(&other, NULL, read_once, &read) != 0)
        exit(9);
    while (read == -1 && !mcache_renewals_wait)
        os_rest();
    caches[0]->of[CLASS].mallocs -= LOT;
    atomic_fetch_add(&caches[0]->of[CLASS].version, 1);
    pthread_join(other, NULL);
    IS(read, 0, "half a renewal is not read");

    if (pthread_create(&other, NULL, move_lots, NULL) != 0)
        exit(9);
    for (unsigned long i = 0; i < reads; i++) {
        const int64_t now = live();
        off += now != 0 && now != LOT;
    }
    stop = true;
    pthread_join(other, NULL);
    given_back = true;
    for (unsigned i = 0; i < LENDERS; i++)
        pthread_join(owner[i], NULL);
    IS(off, 0, "a lot on its way is never seen in no cache, nor taken for two");
}

/* By its version a reader knows that there was a renewal. */
static void test_versions(void) {
    void *block              = gom_malloc(64);
    struct mcache *c         = mcache_current;
    const unsigned its       = arena_span((uintptr_t)block)->spanclass;
    const uint32_t first     = c->of[its].version;
    const uint32_t begun     = mcache_begin_renewal(c, its);
    const uint32_t meanwhile = c->of[its].version;
    mcache_end_renewal(c, its, begun);
    const uint32_t last = c->of[its].version;
    OK(first % 2 == 0 && meanwhile % 2 == 1 && last % 2 == 0 && last != first,
       "a renewal has an odd version, and a new one when it ends");
    gom_free(block);

    /* A list that has the longest array it may have, and is full or empty again and again. */
    enum { BLOCKS = 2 * LIST_OBJECTS_MAX };
    static void *many[BLOCKS];
    uint32_t after[4];
    unsigned capacity[4];
    for (unsigned turn = 0; turn < 4; turn++) {
        for (unsigned i = 0; i < BLOCKS; i++)
            turn % 2 ? gom_free(many[i]) : (void)(many[i] = gom_malloc(64));
        after[turn]    = c->of[its].version;
        capacity[turn] = c->list[its].capacity;
    }
    OK(last % 2 == 0 && capacity[1] == capacity[3] && after[2] % 2 == 0 && after[2] != after[1] &&
           after[3] % 2 == 0 && after[3] != after[2],
       "the slow paths renew the version with the books");
}

/* --- large blocks --- */

/* What large blocks may be made by, from what is just above the small ones to huge mappings. Most
 * of it is never touched. */
enum { LARGE_SLOTS = 12, LARGE_STEPS = 500 };

static size_t draw_large_size(uint64_t *state) {
    static const size_t around[] = {40000, 1 << 20, 30 << 20, 60 << 20, 64 << 20, 100 << 20};
    const size_t size            = around[next_random(state) % (sizeof around / sizeof *around)];
    return size + next_random(state) % 3 * (PAGE_BYTES / 2 + 1);
}

static void *draw_large(uint64_t *state) {
    const size_t size = draw_large_size(state);
    switch (next_random(state) % 4) {
    case 0: return gom_malloc(size);
    case 1: return gom_alloc(size, GOM_NOSCAN);
    default: /* up to 16 MiB: with that, a block of any size may become a huge one */
        return gom_aligned_alloc((size_t)1 << (4 + next_random(state) % 21), size);
    }
}

/* One step of a block: it comes, changes its size, or goes. */
static void step_large(void **block, uint64_t *state) {
    if (!*block) {
        *block = draw_large(state);
    } else if (next_random(state) % 8) {
        gom_free(*block);
        *block = NULL;
    } else {
        void *moved = gom_realloc(*block, draw_large_size(state));
        *block      = moved ? moved : *block;
    }
}

static size_t whole_pages(size_t bytes) {
    const size_t n = (bytes + PAGE_BYTES - 1) / PAGE_BYTES;
    return (is_huge(n) ? huge_round(n) : n) * PAGE_BYTES;
}

/* After each step the books have what the blocks say. */
static void test_large(void) {
    void *block[LARGE_SLOTS] = {NULL}, *stack = NULL;
    size_t wrong = 0, stack_bytes = 0;
    uint64_t state = 5;
    struct gom_memstats start, now;
    gom_trim(0); /* no span of small objects is left */
    gom_memstats(&start);
    for (size_t i = 0; i < LARGE_STEPS; i++) {
        step_large(&block[next_random(&state) % LARGE_SLOTS], &state);
        if (i % 8 == 0) {
            gom_stack_free(stack);
            stack_bytes = draw_large_size(&state);
            stack       = gom_stack_alloc(stack_bytes);
            stack_bytes = stack ? whole_pages(stack_bytes) : 0;
        }
        size_t bytes = 0, blocks = 0;
        for (size_t k = 0; k < LARGE_SLOTS; k++) {
            bytes += block[k] ? mspan_span_bytes(arena_span((uintptr_t)block[k])) : 0;
            blocks += block[k] != NULL;
        }
        gom_memstats(&now);
        const bool good = now.heap_alloc - start.heap_alloc == bytes &&
                          now.heap_objects - start.heap_objects == blocks &&
                          (HARDENED ? now.heap_inuse - start.heap_inuse >= bytes /* some wait */
                                    : now.heap_inuse - start.heap_inuse == bytes) &&
                          now.stack_inuse - start.stack_inuse == stack_bytes;
        if (!good && wrong++ == 0)
            printf("# step %zu: %zu blocks of %zu bytes, but heap_alloc %lld, heap_inuse %lld\n", i,
                   blocks, bytes, (long long)(now.heap_alloc - start.heap_alloc),
                   (long long)(now.heap_inuse - start.heap_inuse));
    }
    gom_stack_free(stack);
    for (size_t k = 0; k < LARGE_SLOTS; k++)
        gom_free(block[k]);
    gom_memstats(&now);
    IS(wrong, 0, "large blocks and stacks are exact after each of %d steps", LARGE_STEPS);
    OK(now.heap_alloc == start.heap_alloc &&
           now.total_alloc - start.total_alloc == now.total_freed - start.total_freed,
       "and when all are freed");
}

/* --- in a signal handler --- */

/* What the handler may have interrupted; it is played by the thread itself. */
enum interrupted { NEITHER, A_RENEWAL, A_LOCK, INTERRUPTED };
static const char *const interrupted_names[] = {
    "neither renews its books nor has a lock: they are given", "renews its books: the process ends",
    "has a lock: the process ends"};

static void test_in_handler(enum interrupted what) {
    int status;
    fflush(stdout);
    const pid_t pid = fork();
    if (pid == 0) {
        struct gom_memstats m;
        alarm(120);                                    /* a busy machine is slow */
        setrlimit(RLIMIT_CPU, &(struct rlimit){1, 1}); /* who waits for itself turns and turns */
        close(STDERR_FILENO);
        gom_free(gom_malloc(64));
        if (what == A_RENEWAL)
            mcache_begin_renewal(mcache_current, CLASS);
        if (what == A_LOCK)
            lock_acquire(&mheap.lock);
        gom_memstats(&m);
        _exit(0);
    }
    waitpid(pid, &status, 0);
    OK(what == NEITHER ? status == 0 : WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT,
       "statistics in a handler, where what it interrupted %s", interrupted_names[what]);
}

int main(int argc, char **argv) {
    const unsigned count      = sizeof scenarios / sizeof *scenarios;
    const unsigned long reads = argc > 1 ? strtoul(argv[1], NULL, 10) : READS;
    guard_never();
    test_large();
    for (int what = 0; what < INTERRUPTED; what++)
        test_in_handler((enum interrupted)what);
    test_rest();
    test_versions();
    test_by_hand(reads / 20);
    for (unsigned i = 0; i < count; i++)
        run(&scenarios[i], reads / count + 1);
    return tap_done();
}
