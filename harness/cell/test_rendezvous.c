/* All wait for the last, and what was written before is seen after: spinning and sleeping, with as
 * many threads as there are CPUs and with more. */
#include "rendezvous.h"
#include "tap.h"

#include <sched.h>
#include <time.h>
#include <unistd.h>

/* Threads that spin wait for the scheduler where others want the CPUs, too: then, fewer rounds. */
enum { MOST_THREADS = 64, MOST_ROUNDS = 1000, MOST_SECONDS = 3, LATE_MS = 30 };

static struct party {
    struct rendezvous rendezvous;
    unsigned threads;
    unsigned rounds; /* of which all know that they took place; written by the first */
    bool enough;     /* the same */
    atomic_uint late_has_come;
    atomic_uint early, torn; /* what went wrong, counted */
    struct guest {
        _Alignas(128) unsigned round; /* plain: the rendezvous must publish it */
        unsigned number;
        struct party *party;
    } guest[MOST_THREADS];
} party;

static void *attend(void *arg) {
    struct guest *g = arg;
    struct party *p = g->party;
    /* One is late; all others wait for it. */
    if (g->number == p->threads - 1) {
        nanosleep(&(struct timespec){.tv_nsec = LATE_MS * 1000000L}, NULL);
        atomic_store_explicit(&p->late_has_come, 1, memory_order_relaxed);
    }
    rendezvous_wait(&p->rendezvous);
    if (!atomic_load_explicit(&p->late_has_come, memory_order_relaxed))
        atomic_fetch_add_explicit(&p->early, 1, memory_order_relaxed);
    /* Everybody writes, meets, reads what the others wrote, meets. */
    const time_t began = time(NULL);
    for (unsigned round = 1; !p->enough; round++) {
        g->round = round;
        rendezvous_wait(&p->rendezvous);
        for (unsigned i = 0; i < p->threads; i++)
            if (p->guest[i].round != round)
                atomic_fetch_add_explicit(&p->torn, 1, memory_order_relaxed);
        if (g->number == 0) {
            p->rounds = round;
            p->enough = round == MOST_ROUNDS || time(NULL) > began + MOST_SECONDS;
        }
        rendezvous_wait(&p->rendezvous);
    }
    return NULL;
}

static void test_party(unsigned threads, bool spin) {
    pthread_t thread[MOST_THREADS];
    party = (struct party){.threads = threads};
    rendezvous_init(&party.rendezvous, threads, spin);
    unsigned made = 0;
    for (unsigned i = 0; i < threads; i++) {
        party.guest[i] = (struct guest){.party = &party, .number = i};
        made += pthread_create(&thread[i], NULL, attend, &party.guest[i]) == 0;
    }
    for (unsigned i = 0; i < made; i++)
        pthread_join(thread[i], NULL);
    const char *how = spin ? "spinning" : "sleeping";
    IS(made, threads, "%u threads, %s", threads, how);
    IS(party.early, 0, "%u threads, %s: all wait for the last", threads, how);
    IS(party.torn, 0, "%u threads, %s: %u times each sees what all wrote", threads, how,
       party.rounds);
}

int main(void) {
    alarm(120); /* a rendezvous that nobody leaves must not hang the tests */
    cpu_set_t set;
    unsigned cpus = sched_getaffinity(0, sizeof set, &set) == 0 ? (unsigned)CPU_COUNT(&set) : 1;
    cpus          = cpus < MOST_THREADS / 2 ? cpus : MOST_THREADS / 2;
    test_party(1, true);
    test_party(1, false);
    test_party(cpus, false);
    test_party(2 * cpus, false);
    test_party(cpus, true);
    if (!tap_slow("more threads than CPUs, spinning"))
        test_party(cpus + 1, true);
    return tap_done();
}
