/* fork. In the child of a process with one thread everything may be called. In that of a process
 * with several, POSIX allows async-signal-safe functions only, and the C library promises malloc.
 */
#include "check.h"
#include "noise.h"

#include <pthread.h>
#include <stdatomic.h>

enum { HELD = 400 };
static void *held[HELD];

static size_t size_of(size_t nth) {
    return 1 + nth * nth;
}

static bool hold(struct check_run *c) {
    for (size_t i = 0; i < HELD; i++) {
        held[i] = c->a->malloc(size_of(i));
        if (!check_that(c, held[i] != NULL, "a block", "malloc(%zu) gave NULL", size_of(i)))
            return false;
        contents_fill(held[i], size_of(i), i);
    }
    return true;
}

static bool intact(struct check_run *c, const char *where) {
    for (size_t i = 0; i < HELD; i++)
        if (!check_that(c, contents_intact(held[i], size_of(i), i) == size_of(i),
                        "a live block belongs to its owner alone",
                        "a block of %zu bytes changed in the %s", size_of(i), where))
            return false;
    return true;
}

/* Frees what the parent allocated, allocates its own, many sizes. */
static void live_on(struct check_run *c, void *arg) {
    (void)arg;
    if (!intact(c, "child"))
        return;
    for (size_t i = 0; i < HELD; i += 2)
        c->a->free(held[i]);
    for (size_t size = 1; size < 2 << 20; size = size * 2 + 1) {
        void *block = c->a->malloc(size);
        MUST(c, block != NULL, "a block", "malloc(%zu) gave NULL in the child", size);
        contents_fill(block, size, 1);
        c->a->free(block);
        check_progress(c);
    }
    for (size_t i = 1; i < HELD; i += 2)
        MUST(c, contents_intact(held[i], size_of(i), i) == size_of(i),
             "a live block belongs to its owner alone", "a block of %zu bytes changed in the child",
             size_of(i));
}

CHECK(
    alone, .name = "fork.single", .kind = CHECK_REQUIRED, .profiles = PROFILES_POSIX,
    .clause  = "POSIX.1-2024 fork, DESCRIPTION",
    .summary = "the child of a process with one thread allocates, and frees what the parent did") {
    if (!hold(c))
        return;
    for (unsigned i = 0; i < 20; i++)
        if (!check_child(c, live_on, NULL, 10, "a child that works") || !intact(c, "parent"))
            return;
    for (size_t i = 0; i < HELD; i++)
        c->a->free(held[i]);
}

static void again(struct check_run *c, void *arg) {
    size_t *depth = arg;
    live_on(c, NULL);
    for (size_t i = 0; i < HELD; i += 2) { /* live_on freed these */
        held[i] = c->a->malloc(size_of(i));
        MUST(c, held[i] != NULL, "a block", "malloc(%zu) gave NULL in the child", size_of(i));
        contents_fill(held[i], size_of(i), i);
        check_progress(c);
    }
    if ((*depth)-- > 0)
        check_child(c, again, depth, 10, "a child that works");
}

CHECK(nested, .name = "fork.nested", .kind = CHECK_REQUIRED, .profiles = PROFILES_POSIX,
      .clause  = "POSIX.1-2024 fork, DESCRIPTION",
      .summary = "a child's child allocates and frees, and so on for five generations") {
    size_t depth = 4;
    if (hold(c))
        check_child(c, again, &depth, 10, "a child that works");
}

/* --- while others allocate --- */

/* Many at a time, so that a thread is at it for as long as the fork may take to come. */
static void churn(struct check_run *c, uint64_t nth) {
    enum { FEW = 64, TIMES = 32 };
    static _Thread_local void *block[FEW];
    for (unsigned i = 0; i < TIMES; i++) {
        const uint64_t random = contents_mix(c->seed + nth * TIMES + i);
        c->a->free(block[random % FEW]);
        block[random % FEW] = c->a->malloc(1 + (random >> 8) % (i ? 2000 : 500000));
    }
}

/* Every size class up to 64 KiB. */
static void use_little(struct check_run *c, void *arg) {
    (void)arg;
    noise_hush();
    for (size_t i = 0; i < HELD; i += 8)
        c->a->free(held[i]);
    for (size_t size = 1; size < 1 << 16; size = size * 3 / 2 + 1) {
        unsigned char *block = c->a->malloc(size);
        MUST(c, block != NULL, "a block", "malloc(%zu) gave NULL in the child", size);
        *block = 1;
        c->a->free(block);
        check_progress(c);
    }
}

CHECK(storm, .name = "fork.threads", .kind = CHECK_EXTENSION, .profiles = PROFILE_GLIBC,
      .clause  = "no promise of POSIX; the C library keeps it: glibc bug 19431",
      .summary = "the child of a process whose other threads allocate can allocate and free") {
    if (!hold(c) || !noise_begin(c, (noise_round *const[]){churn, churn, churn, NULL}))
        return;
    for (unsigned i = 0; i < check_children(c) && c->verdict == CHECK_PASS; i++) {
        noise_turn(1);
        noise_pause(c, i);
        check_child(c, use_little, NULL, 1, "a child that works");
        noise_rest();
    }
    noise_end();
}

/* Relaxed, the store and the load: only that it comes counts. What the threads did is ordered by
 * pthread_join. */
static atomic_bool stop;

static void *go_on(void *c) {
    for (uint64_t i = 0; !atomic_load_explicit(&stop, memory_order_relaxed); i++)
        churn(c, i);
    return NULL;
}

static void nothing(struct check_run *c, void *arg) {
    (void)c;
    (void)arg;
}

CHECK(parent, .name = "fork.parent", .kind = CHECK_REQUIRED, .profiles = PROFILES_POSIX,
      .clause  = "POSIX.1-2024 fork: the parent goes on; malloc is thread-safe, XSH 2.9.1",
      .summary = "the parent's threads go on allocating while it forks") {
    enum { THREADS = 2, FORKS = 100 };
    pthread_t thread[THREADS];
    for (size_t i = 0; i < THREADS; i++)
        if (pthread_create(&thread[i], NULL, go_on, c) != 0)
            return check_unsupported(c, "no thread can be created");
    for (unsigned i = 0; i < FORKS && c->verdict == CHECK_PASS; i++) {
        void *block = c->a->malloc(i * 100 + 1);
        MUST(c, block != NULL, "a block", "malloc gave NULL");
        contents_fill(block, i * 100 + 1, i);
        check_child(c, nothing, NULL, 5, "a child that ends");
        MUST(c, contents_intact(block, i * 100 + 1, i) == i * 100 + 1,
             "a live block belongs to its owner alone", "a block changed in the parent");
        c->a->free(block);
    }
    atomic_store_explicit(&stop, true, memory_order_relaxed);
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(thread[i], NULL);
}
