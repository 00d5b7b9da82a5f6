/* Threads: those that end, those that only free, those that allocate while they end or while others
 * fork; and the identities of the statistics meanwhile. */
#include "gomalloc.h"
#include "guard.h"
#include "hardened.h"
#include "tap.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MANY = 2000 };

static struct gom_memstats now(void) {
    struct gom_memstats m;
    gom_memstats(&m);
    return m;
}

static void run(void *(*work)(void *), void *argument) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, work, argument) != 0)
        exit(9);
    pthread_join(thread, NULL);
}

static void *blocks[MANY];

static void *make_blocks(void *unused) {
    for (unsigned i = 0; i < MANY; i++)
        memset(blocks[i] = gom_malloc(i % 700 + 1), (int)i, i % 700 + 1);
    return unused;
}

static void *free_blocks(void *unused) {
    for (unsigned i = 0; i < MANY; i++)
        gom_free(blocks[i]);
    return unused;
}

static void test_only_frees(void) {
    const struct gom_memstats before = now();
    run(make_blocks, NULL);
    IS(now().heap_objects - before.heap_objects, MANY, "a thread's blocks outlive it");
    unsigned wrong = 0;
    for (unsigned i = 0; i < MANY; i++)
        wrong += *(unsigned char *)blocks[i] != i % 256;
    IS(wrong, 0, "unchanged");
    run(free_blocks, NULL);
    IS(now().heap_objects, before.heap_objects, "a thread that only frees is counted");
    gom_trim(0);
    IS(now().heap_inuse, 0, "and leaves nothing in a cache");
}

static void *make_one(void *unused) {
    gom_free(gom_malloc(100));
    return unused;
}

static void test_churn(void) {
    run(make_one, NULL);
    const struct gom_memstats before = now();
    for (unsigned i = 0; i < 3000; i++)
        run(make_one, NULL);
    const struct gom_memstats after = now();
    IS(after.mcache_inuse, before.mcache_inuse, "3000 threads came and went: no cache is left");
    IS(after.mcache_sys, before.mcache_sys, "no memory was needed for them");
    IS(after.heap_sys, before.heap_sys, "nor for their heap");
}

static pthread_key_t keys[40];
static atomic_uint destroyed;

/* Called up to four times (PTHREAD_DESTRUCTOR_ITERATIONS), before and after the cache is gone. */
static void destroy(void *value) {
    gom_free(value);
    void *p[100];
    for (unsigned i = 0; i < 100; i++)
        memset(p[i] = gom_malloc(i * 50), 1, i * 50);
    for (unsigned i = 0; i < 100; i++)
        gom_free(p[i]);
    if (atomic_fetch_add(&destroyed, 1) % 3 == 0 && !pthread_getspecific(keys[3]))
        pthread_setspecific(keys[3], gom_malloc(10));
}

static void *use_keys(void *unused) {
    for (unsigned i = 0; i < 40; i++)
        pthread_setspecific(keys[i], gom_malloc(i));
    return unused;
}

/* A value set in the last round of destructors is never destroyed: that is POSIX's leak. */
static void test_destructors(void) {
    const uint64_t before = now().heap_objects;
    for (unsigned i = 0; i < 40; i++)
        pthread_key_create(&keys[i], destroy);
    run(use_keys, NULL);
    OK(destroyed >= 40, "destructors of a thread's keys have allocated and freed");
    gom_trim(0);
    OK(now().heap_objects <= before + 1, "and nothing else is left of them");
}

static atomic_bool stop;
static atomic_uint bad_stats, busy;

static void *keep_busy(void *unused) {
    void *p[64]    = {NULL};
    uint64_t state = (uintptr_t)&p;
    busy++;
    while (!stop) {
        state            = state * 6364136223846793005u + 1442695040888963407u;
        const unsigned i = state >> 58;
        gom_free(p[i]);
        p[i] = gom_malloc(state >> 40 & 1 ? state >> 33 & 0x3fff : 30000 + (state >> 33 & 0x7fff));
    }
    for (unsigned i = 0; i < 64; i++)
        gom_free(p[i]);
    return unused;
}

/* Objects that this thread holds meanwhile, of a class that no other thread uses. */
enum { HELD = 50, HELD_BYTES = 20480, CLASS_OF_100 = HARDENED ? 10 : 9 };

static uint64_t live_of(const struct gom_memstats *m, uint64_t size) {
    for (unsigned i = 0; i < GOM_SIZE_CLASSES; i++)
        if (m->by_size[i].size == size)
            return m->by_size[i].mallocs - m->by_size[i].frees;
    return 0;
}

static void check_identities(const char *when) {
    const struct gom_memstats m = now();
    uint64_t mallocs = 0, frees = 0;
    for (unsigned i = 0; i < GOM_SIZE_CLASSES; i++) {
        mallocs += m.by_size[i].mallocs;
        frees += m.by_size[i].frees;
    }
    if (m.heap_sys != m.heap_inuse + m.heap_idle || m.heap_objects != m.mallocs - m.frees ||
        m.heap_alloc != m.total_alloc - m.total_freed || mallocs != m.mallocs || frees != m.frees ||
        m.sys != m.heap_sys + m.stack_sys + m.mspan_sys + m.mcache_sys + m.gc_sys ||
        m.heap_released > m.heap_idle || m.frees > m.mallocs || live_of(&m, HELD_BYTES) != HELD ||
        m.mspan_inuse > m.mspan_sys || m.mcache_inuse > m.mcache_sys) {
        printf("# an identity is broken %s\n", when);
        bad_stats++;
    }
}

static void test_statistics(void) {
    gom_trim(0);
    const struct gom_memstats before = now();
    const uint64_t size              = before.by_size[CLASS_OF_100].size;
    void *a = gom_malloc(100), *b = gom_malloc(100000), *c = gom_stack_alloc(20000);
    const struct gom_memstats with = now();
    IS(with.heap_alloc - before.heap_alloc, size + 106496, "heap_alloc counts sizes of classes");
    IS(with.mallocs - before.mallocs, 2, "mallocs");
    IS(with.by_size[CLASS_OF_100].mallocs - before.by_size[CLASS_OF_100].mallocs, 1,
       "by class: small");
    IS(with.by_size[0].mallocs - before.by_size[0].mallocs, 1, "by class: large");
    IS(with.heap_inuse - before.heap_inuse, 8192 + 106496, "heap_inuse counts spans");
    IS(with.stack_inuse - before.stack_inuse, 24576, "stack_inuse counts pages");
    b = gom_realloc(b, 50000);
    IS(now().heap_alloc - before.heap_alloc, size + 57344, "a block that shrinks counts less");
    gom_free(a);
    gom_free(b);
    gom_stack_free(c);
    const struct gom_memstats after = now();
    IS(after.heap_alloc, before.heap_alloc, "after the free as before");
    IS(after.frees - before.frees, 2, "frees");
    IS(after.stack_inuse, before.stack_inuse, "no stack");
#ifdef GOM_HAVE_MALLINFO2
    const struct mallinfo2 info = gom_mallinfo2();
    OK(info.uordblks == after.heap_alloc && info.arena == after.heap_sys,
       "mallinfo2 says the same");
#endif
}

static void test_busy_statistics(void) {
    void *held[HELD];
    guard_never();
    for (unsigned i = 0; i < HELD; i++)
        held[i] = gom_malloc(HELD_BYTES - HARDENED_AROUND);
    pthread_t thread[4];
    for (unsigned i = 0; i < 4; i++)
        pthread_create(&thread[i], NULL, keep_busy, NULL);
    for (unsigned i = 0; i < 2000; i++)
        check_identities("while others allocate");
    stop = true;
    for (unsigned i = 0; i < 4; i++)
        pthread_join(thread[i], NULL);
    stop = false;
    check_identities("afterwards");
    for (unsigned i = 0; i < HELD; i++)
        gom_free(held[i]);
    IS(bad_stats, 0, "the identities hold at each time");
}

#if defined(__SANITIZE_THREAD__)
static void test_fork(void) {
    tap_skip("fork while others allocate", "ThreadSanitizer's runtime forbids threads after it");
}
#else
static void *child_work(void *unused) {
    make_blocks(unused);
    return free_blocks(unused);
}

/* Keeps the locks of the heap busy, too. */
static void *keep_heap_busy(void *unused) {
    busy++;
    for (unsigned i = 0; !stop; i++) {
        gom_free(gom_realloc(gom_malloc(40000 + i % 7 * 8192), 100000));
        gom_trim(0);
    }
    return unused;
}

static void test_fork(void) {
    const unsigned forks = tap_all() ? 200 : 50;
    pthread_t thread[4];
    unsigned wrong = 0;
    busy           = 0;
    for (unsigned i = 0; i < 4; i++)
        pthread_create(&thread[i], NULL, i < 2 ? keep_heap_busy : keep_busy, NULL);
    while (busy < 4) /* a thread that begins has a lock of AddressSanitizer's */
        sched_yield();
    for (unsigned i = 0; i < forks && !wrong; i++) {
        int status      = -1;
        char *p         = gom_malloc(77);
        *p              = 5;
        const pid_t pid = fork();
        if (pid == 0) {
            alarm(120); /* a busy machine is slow */
            const bool same = *p == 5;
            gom_free(p);
            child_work(NULL);
            gom_free(gom_malloc(1 << 20));
            run(child_work, NULL);
            gom_trim(0);
            _exit(!same);
        }
        waitpid(pid, &status, 0);
        wrong += status != 0;
        gom_free(p);
    }
    stop = true;
    for (unsigned i = 0; i < 4; i++)
        pthread_join(thread[i], NULL);
    stop = false;
    IS(wrong, 0, "%u forks while others allocate: each child allocates and ends", forks);
}
#endif

int main(void) {
    test_only_frees();
    test_churn();
    test_destructors();
    test_statistics();
    test_busy_statistics();
    test_fork();
    return tap_done();
}
