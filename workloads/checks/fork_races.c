/* fork while other threads allocate, where an allocator's own books are at stake: of threads that
 * begin and end, and of two forks at once. The checks are of the noun `fork`, too. What goes wrong
 * here goes wrong in one child of some hundred: hence check_children. */
#include "check.h"
#include "noise.h"

#include <pthread.h>
#include <semaphore.h>

enum { FEW = 64, FILLED = 500 };

/* What a child does: blocks of all sizes up to 64 KiB and three large ones, live at once. */
static void begin_life(struct check_run *c, void *arg) {
    void *block[FEW];
    size_t size[FEW], count = 0;
    (void)arg;
    noise_hush();
    for (size_t next = 1; next < 1 << 16; next = next * 3 / 2 + 1)
        size[count++] = next;
    for (size_t next = 1 << 18; next <= 1 << 22; next *= 4)
        size[count++] = next;
    for (size_t i = 0; i < count; i++) {
        block[i] = c->a->malloc(size[i]);
        MUST(c, block[i] != NULL, "a block", "malloc(%zu) gave NULL in the child", size[i]);
        contents_fill(block[i], size[i] < FILLED ? size[i] : FILLED, i);
        check_progress(c);
    }
    for (size_t i = 0; i < count; i++) {
        const size_t filled = size[i] < FILLED ? size[i] : FILLED;
        MUST(c, contents_intact(block[i], filled, i) == filled,
             "a live block belongs to its owner alone", "a block of %zu bytes changed in the child",
             size[i]);
        c->a->free(block[i]);
        check_progress(c);
    }
}

static void fork_one(struct check_run *c) {
    check_child(c, begin_life, NULL, 1, "a child that works");
}

/* --- threads that begin, allocate for the first time, and end --- */

static void *first_block(void *arg) {
    struct check_run *c = arg;
    void *block         = c->a->malloc(100);
    c->a->free(block);
    return NULL;
}

static void begin_and_end(struct check_run *c, uint64_t nth) {
    pthread_t thread;
    (void)nth;
    if (pthread_create(&thread, NULL, first_block, c) == 0)
        pthread_join(thread, NULL);
    else
        check_unsupported(c, "no thread can be created");
}

/* It never allocated before, and the thread that forks has not either. */
static void *fork_here(void *arg) {
    static uint64_t nth;
    noise_pause(arg, nth++);
    fork_one(arg);
    return NULL;
}

static void beside_first_blocks(struct check_run *c, void *arg) {
    (void)arg;
    if (!noise_begin(c, (noise_round *const[]){begin_and_end, begin_and_end, NULL}))
        return;
    for (unsigned i = 0; i < check_children(c) && c->verdict == CHECK_PASS; i++) {
        pthread_t thread;
        noise_turn(1);
        if (pthread_create(&thread, NULL, fork_here, c) == 0)
            pthread_join(thread, NULL);
        else
            check_unsupported(c, "no thread can be created");
        noise_rest();
        check_progress(c);
    }
    noise_end();
}

CHECK(newcomers, .name = "fork.first_allocation", .kind = CHECK_EXTENSION,
      .profiles = PROFILE_GLIBC, .clause = "no promise of POSIX; the C library keeps it",
      .summary = "a thread that never allocated forks while others begin, allocate first, and end: "
                 "the child allocates") {
    check_child(c, beside_first_blocks, NULL, 30, "forks that come back");
}

/* --- two forks at once --- */

static void allocate_small(struct check_run *c, uint64_t nth) {
    static void *block[FEW];
    const uint64_t random = contents_mix(c->seed + nth);
    c->a->free(block[random % FEW]);
    block[random % FEW] = c->a->malloc(1 + (random >> 8) % 2000);
}

static void allocate_large(struct check_run *c, uint64_t nth) {
    static void *block[FEW];
    const uint64_t random = contents_mix(c->seed + nth);
    c->a->free(block[random % FEW]);
    block[random % FEW] = c->a->malloc(1 + (random >> 8) % (nth % 3 ? 60000 : 2000000));
}

enum { FORKERS = 2 };
static struct forker {
    struct check_run *c;
    sem_t turn, done;
    pthread_t thread;
} forkers[FORKERS];

static void *fork_in_turns(void *arg) {
    struct forker *f    = arg;
    const uint64_t salt = (uint64_t)(f - forkers) << 32;
    for (unsigned i = 0; i < check_children(f->c) / FORKERS; i++) {
        while (sem_wait(&f->turn) != 0)
            continue;
        noise_pause(f->c, salt + i);
        if (f->c->verdict == CHECK_PASS)
            fork_one(f->c);
        else
            noise_hush();
        sem_post(&f->done);
    }
    return NULL;
}

static void two_beside(struct check_run *c, void *arg) {
    (void)arg;
    if (!noise_begin(c, (noise_round *const[]){allocate_small, allocate_large, NULL}))
        return;
    for (size_t i = 0; i < FORKERS; i++) {
        forkers[i].c = c;
        sem_init(&forkers[i].turn, 0, 0);
        sem_init(&forkers[i].done, 0, 0);
        if (pthread_create(&forkers[i].thread, NULL, fork_in_turns, &forkers[i]) != 0)
            return check_unsupported(c, "no thread can be created");
    }
    for (unsigned i = 0; i < check_children(c) / FORKERS; i++) {
        noise_turn(FORKERS);
        for (size_t k = 0; k < FORKERS; k++)
            sem_post(&forkers[k].turn);
        for (size_t k = 0; k < FORKERS; k++)
            while (sem_wait(&forkers[k].done) != 0)
                continue;
        noise_rest();
        check_progress(c);
    }
    for (size_t i = 0; i < FORKERS; i++)
        pthread_join(forkers[i].thread, NULL);
    noise_end();
}

CHECK(two, .name = "fork.two_at_once", .kind = CHECK_EXTENSION, .profiles = PROFILE_GLIBC,
      .clause  = "no promise of POSIX; the C library keeps it",
      .summary = "two threads fork at once while others allocate: both children allocate") {
    check_child(c, two_beside, NULL, 30, "forks that come back");
}
