#include "helper_thread.h"

#include <stddef.h>

enum { USES = 32 };

static void wait_for(sem_t *semaphore) {
    while (sem_wait(semaphore) != 0)
        continue; /* a signal */
}

static void *serve(void *arg) {
    struct helper_thread *h = arg;
    for (;;) {
        wait_for(&h->told);
        if (!h->work)
            return NULL;
        h->work(h->arg);
        sem_post(&h->done);
    }
}

static void begin(struct helper_thread *h) {
    sem_init(&h->told, 0, 0);
    sem_init(&h->done, 0, 0);
    h->uses   = 0;
    h->there  = pthread_create(&h->thread, NULL, serve, h) == 0;
    h->failed = h->failed || !h->there;
}

bool helper_thread_end(struct helper_thread *h) {
    if (h->there) {
        h->work = NULL;
        sem_post(&h->told);
        pthread_join(h->thread, NULL);
    }
    h->there = false;
    return h->failed;
}

void helper_thread_run(struct helper_thread *h, void (*work)(void *arg), void *arg) {
    if (h->there && h->uses == USES)
        helper_thread_end(h);
    if (!h->there)
        begin(h);
    if (!h->there) {
        work(arg);
        return;
    }
    h->uses++;
    h->work = work;
    h->arg  = arg;
    sem_post(&h->told);
    wait_for(&h->done);
}
