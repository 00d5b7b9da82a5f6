#include "noise.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <sys/mman.h>

/* A turn lasts some milliseconds with the quickest, and less than a second with the slowest. */
enum { ROUNDS = 2000 };

static struct check_run *run;
static size_t threads;
static struct noise {
    noise_round *round;
    pthread_t thread;
    sem_t turn;
} noise[NOISE_THREADS];
static sem_t begun, rested;
static bool over; /* read after a turn began: the semaphore orders it */

/* Shared with the children: how many are still to come. Relaxed: that it falls is all that counts,
 * and the threads look at it in each round. */
static atomic_int *awaited;

static void wait_for(sem_t *s) {
    while (sem_wait(s) != 0 && errno == EINTR)
        continue;
}

static void *work(void *arg) {
    struct noise *me = arg;
    for (uint64_t nth = 0;;) {
        wait_for(&me->turn);
        if (over)
            return NULL;
        sem_post(&begun);
        for (unsigned i = 0;
             i < ROUNDS && (!i || atomic_load_explicit(awaited, memory_order_relaxed) > 0); i++)
            me->round(run, nth++);
        sem_post(&rested);
    }
}

bool noise_begin(struct check_run *c, noise_round *const rounds[]) {
    awaited =
        mmap(NULL, sizeof *awaited, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (awaited == MAP_FAILED) {
        check_unsupported(c, "no memory can be shared with a child");
        return false;
    }
    run  = c;
    over = false;
    sem_init(&begun, 0, 0);
    sem_init(&rested, 0, 0);
    for (threads = 0; threads < NOISE_THREADS && rounds[threads]; threads++) {
        noise[threads].round = rounds[threads];
        sem_init(&noise[threads].turn, 0, 0);
        if (pthread_create(&noise[threads].thread, NULL, work, &noise[threads]) == 0)
            continue;
        noise_end();
        check_unsupported(c, "no thread can be created");
        return false;
    }
    return true;
}

void noise_turn(unsigned children) {
    atomic_store_explicit(awaited, (int)children, memory_order_relaxed);
    for (size_t i = 0; i < threads; i++)
        sem_post(&noise[i].turn);
    for (size_t i = 0; i < threads; i++)
        wait_for(&begun);
}

void noise_pause(const struct check_run *c, uint64_t nth) {
    for (uint64_t i = contents_mix(c->seed + nth) % 20000; i > 0; i--)
        __asm__ volatile("");
}

void noise_hush(void) {
    atomic_fetch_sub_explicit(awaited, 1, memory_order_relaxed);
}

void noise_rest(void) {
    atomic_store_explicit(awaited, 0, memory_order_relaxed);
    for (size_t i = 0; i < threads; i++)
        wait_for(&rested);
}

void noise_end(void) {
    over = true;
    for (size_t i = 0; i < threads; i++)
        sem_post(&noise[i].turn);
    for (size_t i = 0; i < threads; i++)
        pthread_join(noise[i].thread, NULL);
    threads = 0;
}
