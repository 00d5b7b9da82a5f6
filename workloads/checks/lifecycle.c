/* The times at which a program may allocate: before anything else runs, while threads and the
 * process end, in signals' company. */
#include "alarms.h"
#include "check.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* --- before constructors --- */

/* Weak: the tests of the parts of a cell have no adapter. */
#pragma weak allocator
static const char before_name[] = "lifecycle.before_constructors";
enum { EARLY = 64 };
static struct {
    bool ran;
    void *block[EARLY];
} early;

/* Called by the dynamic linker before the constructors of any object, the allocator's among them.
 * Only in a process that runs this check. */
static void before_constructors(int argc, char **argv, char **environment) {
    (void)environment;
    for (int i = 1; i < argc; i++)
        early.ran |= strcmp(argv[i], before_name) == 0;
    for (size_t i = 0; early.ran && i < EARLY; i++) {
        early.block[i] = allocator.malloc(1 + i * 50);
        if (early.block[i])
            contents_fill(early.block[i], 1 + i * 50, i);
        if (i % 2) {
            allocator.free(early.block[i]);
            early.block[i] = NULL;
        }
    }
}
__attribute__((section(".preinit_array"),
               used)) static void (*const preinit)(int, char **, char **) = before_constructors;

CHECK(before, .name = before_name, .kind = CHECK_QUALITY, .profiles = PROFILE_GLIBC,
      .clause  = "glibc manual, Replacing malloc: constructors of other objects may allocate first",
      .summary = "blocks from before all constructors keep their bytes and can be freed") {
    if (!early.ran)
        return check_unsupported(c, "the dynamic linker calls nothing before the constructors");
    for (size_t i = 0; i < EARLY; i += 2) {
        MUST(c, early.block[i] != NULL, "a block", "malloc gave NULL before the constructors");
        MUST(c, contents_intact(early.block[i], 1 + i * 50, i) == 1 + i * 50,
             "a live block belongs to its owner alone",
             "a block from before the constructors changed");
        c->a->free(early.block[i]);
    }
}

/* --- the end of the process --- */

static struct check_run *at_exit_run;
static void *at_exit_block;

/* Runs twice: before and after what the allocator may have registered at its first call. The block
 * lives until the second. */
static void at_exit(void) {
    struct check_run *c = at_exit_run;
    if (c->choice[0]) {
        MUST(c, contents_intact(at_exit_block, 3000, 9) == 3000,
             "a live block belongs to its owner alone",
             "a block changed before atexit's functions ended");
        c->a->free(at_exit_block);
    }
    for (size_t size = 1; size < 1 << 20; size = size * 3) {
        void *block = c->a->malloc(size);
        MUST(c, block != NULL, "a block", "malloc(%zu) gave NULL in a function of atexit", size);
        contents_fill(block, size, 1);
        c->a->free(block);
        check_progress(c);
    }
    c->choice[0]++; /* it ran to its end */
}

static void end_process(struct check_run *c, void *arg) {
    (void)arg;
    at_exit_run = c;
    atexit(at_exit); /* runs after what the allocator may register at its first call, */
    at_exit_block = c->a->malloc(3000);
    MUST(c, at_exit_block != NULL, "a block", "malloc(3000) gave NULL");
    contents_fill(at_exit_block, 3000, 9);
    atexit(at_exit); /* and this before */
    exit(0);
}

CHECK(in_atexit, .name = "lifecycle.atexit", .kind = CHECK_REQUIRED, .profiles = PROFILES_C,
      .clause  = "C17 7.22.4.2, 7.22.4.4p2-3",
      .summary = "functions of atexit may allocate and free, and the process ends well") {
    if (check_child(c, end_process, NULL, 3, "a normal end"))
        check_that(c, c->choice[0] == 2, "a normal end", "the function of atexit did not end");
}

/* --- the end of threads --- */

static pthread_key_t keys[3];
static struct check_run *key_run;

/* A destructor: frees what its key had, then allocates and frees. */
static void destroy(void *value) {
    struct check_run *c = key_run;
    check_that(c, contents_intact(value, 200, 4) == 200, "a live block belongs to its owner alone",
               "a block changed before the destructor of its key ran");
    c->a->free(value);
    for (size_t size = 10; size < 100000; size *= 7) {
        void *block = c->a->malloc(size);
        if (!check_that(c, block != NULL, "a block", "malloc(%zu) gave NULL in a destructor", size))
            return;
        contents_fill(block, size, 1);
        c->a->free(block);
    }
}

static void *set_keys(void *arg) {
    struct check_run *c = arg;
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        void *block = c->a->malloc(200);
        if (!check_that(c, block != NULL, "a block", "malloc(200) gave NULL"))
            break;
        contents_fill(block, 200, 4);
        pthread_setspecific(keys[i], block);
    }
    return NULL;
}

CHECK(destructors, .name = "lifecycle.thread_destructors", .kind = CHECK_REQUIRED,
      .profiles = PROFILES_POSIX,
      .clause   = "POSIX.1-2024 pthread_key_create, DESCRIPTION; XSH 2.9.1",
      .summary  = "destructors of thread-specific data may allocate and free") {
    key_run = c;
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (pthread_key_create(&keys[i], destroy) != 0)
            return check_unsupported(c, "no key can be created");
    for (size_t i = 0; i < 300 && c->verdict == CHECK_PASS; i++) {
        pthread_t thread[3];
        for (size_t t = 0; t < 3; t++)
            if (pthread_create(&thread[t], NULL, set_keys, c) != 0)
                return check_unsupported(c, "no thread can be created");
        for (size_t t = 0; t < 3; t++)
            pthread_join(thread[t], NULL);
    }
}

static void *short_life(void *arg) {
    struct check_run *c = arg;
    void *block[20];
    for (size_t i = 0; i < 20; i++) {
        block[i] = c->a->malloc(1 + i * 100);
        if (block[i])
            contents_fill(block[i], 1 + i * 100, i);
    }
    for (size_t i = 0; i < 20; i++)
        c->a->free(block[i]);
    return NULL;
}

enum { AT_ONCE = 2 };
static atomic_uint met;

/* Has a block while the other of its pair has one (relaxed: they only wait). What an allocator
 * keeps for a thread, as an arena of glibc's 64 MiB, is there for both from then on. On a busy
 * machine few pairs meet by themselves. */
static void *life_beside_another(void *arg) {
    struct check_run *c = arg;
    void *block         = c->a->malloc(100);
    atomic_fetch_add_explicit(&met, 1, memory_order_relaxed);
    while (atomic_load_explicit(&met, memory_order_relaxed) < AT_ONCE)
        sched_yield();
    c->a->free(block);
    return short_life(arg);
}

/* Two at a time, one for each of two cores, on small stacks: a thread costs its creation and end.
 */
static bool many_threads(struct check_run *c, size_t count, void *(*life)(void *)) {
    enum { STACK = 64 << 10 };
    pthread_attr_t small;
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, STACK);
    for (size_t i = 0; i < count && c->verdict == CHECK_PASS; i += AT_ONCE) {
        pthread_t thread[AT_ONCE];
        size_t made = 0;
        while (made < AT_ONCE && pthread_create(&thread[made], &small, life, c) == 0)
            made++;
        if (made < AT_ONCE) {
            atomic_store_explicit(&met, AT_ONCE, memory_order_relaxed);
            check_unsupported(c, "no thread can be created");
        }
        while (made > 0)
            pthread_join(thread[--made], NULL);
    }
    return c->verdict == CHECK_PASS;
}

CHECK(threads_bounded, .name = "lifecycle.threads_without_growth", .kind = CHECK_QUALITY,
      .profiles = PROFILE_GLIBC, .clause = "pthread_exit(3): resources of a thread are released",
      .summary = "25,000 short threads, two at a time, leave no memory behind") {
    enum { THREADS = 25000, FIRST = 2000, ALLOWED = 4 << 20 };
    if (!many_threads(c, AT_ONCE, life_beside_another) || !many_threads(c, FIRST, short_life))
        return;
    const size_t before = check_rss(), vsz_before = check_vsz();
    if (!many_threads(c, THREADS, short_life))
        return;
    const size_t after = check_rss(), vsz_after = check_vsz();
    check_tell(c, "%d threads: resident %zu KiB, then %zu; mapped %zu KiB, then %zu", THREADS,
               before >> 10, after >> 10, vsz_before >> 10, vsz_after >> 10);
    MUST(c, after < before + ALLOWED, "no growth", "%zu KiB more are resident after %d threads",
         (after - before) >> 10, THREADS);
    MUST(c, vsz_after < vsz_before + ((size_t)64 << 20), "no growth",
         "%zu MiB more are mapped after %d threads", (vsz_after - vsz_before) >> 20, THREADS);
}

static void *tight(void *arg) {
    struct check_run *c = arg;
    for (size_t size = 1; size < 4 << 20; size = size * 5) {
        void *block = c->a->malloc(size);
        if (!check_that(c, block != NULL, "a block", "malloc(%zu) gave NULL", size))
            break;
        c->a->free(block);
    }
    return NULL;
}

CHECK(small_stack, .name = "lifecycle.small_stack", .kind = CHECK_QUALITY,
      .profiles = PROFILE_GLIBC, .clause = "pthread_attr_setstacksize(3): PTHREAD_STACK_MIN",
      .summary = "malloc and free work in a thread with a stack of 32 KiB") {
    pthread_attr_t attributes;
    pthread_t thread;
    pthread_attr_init(&attributes);
    if (pthread_attr_setstacksize(&attributes, 32 << 10) != 0 ||
        pthread_create(&thread, &attributes, tight, c) != 0)
        return check_unsupported(c, "no thread with a stack of 32 KiB can be created");
    pthread_join(thread, NULL);
}

/* --- signals --- */

static atomic_uint ticks; /* relaxed: the ticker is of the thread that reads it */

static void on_tick(int number) {
    (void)number;
    atomic_fetch_add_explicit(&ticks, 1, memory_order_relaxed);
}

CHECK(signals, .name = "lifecycle.signals", .kind = CHECK_REQUIRED, .profiles = PROFILES_POSIX,
      .clause  = "POSIX.1-2024 XSH 2.4.3: after a handler, the process goes on where it was",
      .summary = "500 signals, whose handler allocates nothing, disturb neither malloc nor free") {
    enum { TICKS = 500, HELD = 64 };
    static void *held[HELD];
    static size_t size[HELD];
    timer_t ticker;
    if (!alarms_begin(&ticker, on_tick, 0)) /* no SA_RESTART */
        return check_unsupported(c, "there is no timer whose signals are for one thread");
    for (size_t step = 0; atomic_load_explicit(&ticks, memory_order_relaxed) < TICKS; step++) {
        const size_t i = check_random(c) % HELD;
        if (held[i])
            MUST(c, contents_intact(held[i], size[i], i) == size[i],
                 "a live block belongs to its owner alone", "a block of %zu bytes changed",
                 size[i]);
        c->a->free(held[i]);
        size[i] = 1 + check_random(c) % (step % 20 ? 3000 : 600000);
        held[i] = c->a->malloc(size[i]);
        MUST(c, held[i] != NULL, "a block", "malloc(%zu) gave NULL", size[i]);
        contents_fill(held[i], size[i], i);
    }
    alarms_end(ticker);
}
