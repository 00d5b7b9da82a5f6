/* Another thread that does what it is told, one thing at a time, while the caller waits. */
#ifndef SPANBENCH_HELPER_THREAD_H
#define SPANBENCH_HELPER_THREAD_H

#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>

/* All zero at the begin. */
struct helper_thread {
    pthread_t thread;
    sem_t told, done;
    void (*work)(void *arg); /* NULL: end */
    void *arg;
    unsigned uses; /* of this thread */
    bool there, failed;
};

/* Runs `work` in a thread that is not the caller, to its end. It is the same for some uses, and
 * then ends, so that memory of threads that are gone comes up, too. Where no thread can be created,
 * the caller does the work. */
void helper_thread_run(struct helper_thread *, void (*work)(void *arg), void *arg);

/* Ends it. True: some thread could not be created. */
bool helper_thread_end(struct helper_thread *);

#endif
