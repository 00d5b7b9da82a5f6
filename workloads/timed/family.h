/* What workloads of other schemes than random replacement have in common. That is the members of
 * struct workload that do nothing, and threads that a workload starts itself. */
#ifndef SPANBENCH_FAMILY_H
#define SPANBENCH_FAMILY_H

#include "block.h"

#include <pthread.h>

/* The calls of a workload without a live set. */
static inline void family_no_warm_up(struct worker *w, bool verify) {
    (void)w;
    (void)verify;
}

static inline void family_no_inspection(struct worker *w, bool verified) {
    (void)w;
    (void)verified;
}

static inline void family_no_drain(struct worker *w) {
    (void)w;
}

/* Defines run and verify by a function of (worker, verify), of which both are copies. */
#define FAMILY_RUNS(go)                                                                            \
    static void run(struct worker *w) {                                                            \
        go(w, false);                                                                              \
    }                                                                                              \
    static void verify(struct worker *w) {                                                         \
        go(w, true);                                                                               \
    }

/* The members of a workload that leaves no block alive. */
#define FAMILY_WITHOUT_LIVE_SET                                                                    \
    .abi = WORKLOAD_ABI, .warm_up = family_no_warm_up, .run = run, .verify = verify,               \
    .inspect = family_no_inspection, .drain = family_no_drain

/* The stream of the timed operations. To be asked for before a loop: it takes as long as the random
 * bits of several operations. */
STREAM_INLINE uint64_t family_key(const struct worker *w) {
    return stream_key(w->seed, STREAM_TIMED, 0);
}

/* What an operation adds to the digest, by its random bits. */
STREAM_INLINE uint64_t family_digest(uint64_t random, uint32_t size) {
    return (random | 1) * size;
}

enum { FAMILY_STACK_BYTES = 256 << 10 }; /* of a thread that a workload starts */

/* Starts a thread with a small stack. False: it cannot be; that is noted. */
static inline bool family_start(struct worker *w, pthread_t *thread, void *(*body)(void *),
                                void *arg) {
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, FAMILY_STACK_BYTES);
    const int error = pthread_create(thread, &attributes, body, arg);
    pthread_attr_destroy(&attributes);
    if (error)
        block_fail(w, "environment", "a thread cannot be created: %s", strerrordesc_np(error));
    return !error;
}

struct family_body {
    void *(*run)(void *);
    void *arg;
};

/* What a thread does while the one that started it waits. It has its name, and is not inlined, for
 * scripts/gate: it counts the instructions within it, too. */
static __attribute__((noinline, unused)) void *family_span(void *arg) {
    const struct family_body *body = arg;
    return body->run(body->arg);
}

/* Starts a thread likewise, and waits for its end. */
static inline bool family_run_thread(struct worker *w, void *(*run)(void *), void *arg) {
    struct family_body body = {run, arg};
    pthread_t thread;
    return family_start(w, &thread, family_span, &body) && pthread_join(thread, NULL) == 0;
}

#endif
