/* The end of the process while threads of it go on. lifecycle.c has what one thread does then. */
#include "check.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { THREADS = 3, AHEAD = 2000 };
static struct check_run *run;
static atomic_uint done[THREADS]; /* relaxed: only that they move counts */

static void *go_on(void *arg) {
    atomic_uint *mine = arg;
    void *block[16]   = {NULL};
    for (uint64_t i = 0;; i++) {
        const uint64_t random = contents_mix(i);
        const size_t size     = 1 + (random >> 8) % (i % 40 ? 3000 : 300000);
        run->a->free(block[random % 16]);
        block[random % 16] = run->a->malloc(size);
        if (!check_that(run, block[random % 16] != NULL, "a block",
                        "malloc(%zu) gave NULL in a thread while the process ended", size))
            break;
        atomic_fetch_add_explicit(mine, 1, memory_order_relaxed);
    }
    return NULL;
}

/* Until each thread has come far, or one has failed. */
static void wait_for_threads(void) {
    unsigned from[THREADS];
    for (size_t i = 0; i < THREADS; i++)
        from[i] = atomic_load_explicit(&done[i], memory_order_relaxed);
    for (size_t i = 0; i < THREADS; i++)
        while (atomic_load_explicit(&done[i], memory_order_relaxed) - from[i] < AHEAD &&
               !check_failed(run))
            sched_yield();
    check_progress(run);
}

static void end_process(struct check_run *c, void *arg) {
    (void)c;
    (void)arg;
    pthread_t thread;
    atexit(wait_for_threads); /* registered first, it runs last: after what the allocator has */
    for (size_t i = 0; i < THREADS; i++)
        if (pthread_create(&thread, NULL, go_on, &done[i]) != 0)
            return check_unsupported(c, "no thread can be created");
    wait_for_threads();
    exit(0);
}

CHECK(while_allocating, .name = "exit.while_allocating", .kind = CHECK_REQUIRED,
      .profiles = PROFILES_POSIX,
      .clause   = "POSIX.1-2024 exit, DESCRIPTION; malloc is thread-safe, XSH 2.9.1",
      .summary  = "threads may allocate and free while another calls exit, which ends well") {
    run = c;
    for (size_t i = 0; i < 20; i++)
        if (!check_child(c, end_process, NULL, 60, "a normal end"))
            return;
}
