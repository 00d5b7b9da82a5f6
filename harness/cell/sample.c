#include "sample.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

/* The threads of a sample, and what they share. Static, for a cell has no heap of its own. */
static struct crew {
    const struct sample_request *request;
    struct sample_result *result;
    pthread_barrier_t barrier;
    struct worker worker[SAMPLE_MAX_THREADS];
    struct span {
        _Alignas(128) uint64_t start, end; /* nanoseconds, written by the worker of this number */
    } span[SAMPLE_MAX_THREADS];
} crew;

static uint64_t monotonic_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void rest(unsigned milliseconds) {
    struct timespec t = {.tv_sec = milliseconds / 1000, .tv_nsec = milliseconds % 1000 * 1000000L};
    while (milliseconds && nanosleep(&t, &t) != 0 && errno == EINTR)
        continue;
}

/* Everybody arrives, the first thread reads, everybody goes on. The barrier's happens-before makes
 * what the workers wrote visible to the reader, and the other way round. */
static void instant(const struct worker *w, enum sample_instant which) {
    pthread_barrier_wait(&crew.barrier);
    if (w->thread == 0) {
        crew.result->memory[which] = memory_now();
        if (which == SAMPLE_LIVE && w->allocator->stats)
            crew.result->stats = w->allocator->stats();
        rest(crew.request->hold_ms);
    }
    pthread_barrier_wait(&crew.barrier);
}

static void run(struct worker *w) {
    const struct workload *load = crew.request->workload;
    struct span *span           = &crew.span[w->thread];
    struct counters before      = {0};
    if (w->thread == 0)
        before = counters_now();
    pthread_barrier_wait(&crew.barrier);

    span->start = monotonic_ns();
    if (crew.request->verify)
        load->verify(w);
    else
        load->run(w);
    span->end = monotonic_ns();

    pthread_barrier_wait(&crew.barrier);
    if (w->thread == 0)
        crew.result->counters = counters_since(&before);
}

/* Called by all threads between the same two barriers, so that all get the same answer. */
static bool any_check_failed(void) {
    for (unsigned i = 0; i < crew.request->threads; i++)
        if (*crew.worker[i].failed_check)
            return true;
    return false;
}

static void *work(void *arg) {
    struct worker *w            = arg;
    const struct workload *load = crew.request->workload;
    memset(w->memory, 0, load->memory_bytes(w->slots)); /* resident, near this thread */
    instant(w, SAMPLE_START);
    run(w);
    instant(w, SAMPLE_LIVE);
    load->inspect(w, crew.request->verify);
    pthread_barrier_wait(&crew.barrier);
    if (any_check_failed()) /* freeing on a broken heap would hide the finding in a crash */
        return NULL;
    load->drain(w);
    instant(w, SAMPLE_DRAINED);
    if (w->allocator->purge) {
        w->allocator->purge(0);
        pthread_barrier_wait(&crew.barrier);
        if (w->thread == 0) /* once more, after all the others gave theirs to the common heap */
            w->allocator->purge(0);
        instant(w, SAMPLE_PURGED);
    }
    return NULL;
}

/* Thread t of n gets the t-th of n equal parts of a whole, to within one. */
static uint64_t part(uint64_t whole, unsigned t, unsigned n) {
    return (uint64_t)((__uint128_t)whole * t / n);
}

static bool prepare(struct worker *w, unsigned thread) {
    const struct sample_request *q = crew.request;
    const unsigned n               = q->threads;
    const uint64_t first_op = part(q->ops, thread, n), end = part(q->ops, thread + 1, n);
    const uint64_t blocks = q->workload->live_blocks;

    *w = (struct worker){
        .allocator    = q->allocator,
        .seed         = q->seed,
        .first_op     = first_op,
        .ops          = end - first_op,
        .thread       = thread,
        .slots        = (uint32_t)(part(blocks, thread + 1, n) - part(blocks, thread, n)),
        .failed_check = "",
    };
    w->memory = mmap(NULL, q->workload->memory_bytes(w->slots), PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return w->memory != MAP_FAILED;
}

static void fail(struct sample_result *result, const char *check, const char *text) {
    if (*result->failed_check)
        return;
    result->failed_check = check;
    snprintf(result->failure, sizeof result->failure, "%s", text);
}

static void collect(void) {
    struct sample_result *r = crew.result;
    uint64_t start = UINT64_MAX, end = 0;
    for (unsigned i = 0; i < crew.request->threads; i++) {
        const struct worker *w = &crew.worker[i];
        r->digest += w->digest;
        r->live_blocks += w->live_blocks;
        r->live_bytes += w->live_bytes;
        start = crew.span[i].start < start ? crew.span[i].start : start;
        end   = crew.span[i].end > end ? crew.span[i].end : end;
        if (*w->failed_check)
            fail(r, w->failed_check, w->failure);
    }
    r->wall_ns = end - start;
}

void sample_run(const struct sample_request *request, struct sample_result *result) {
    pthread_t thread[SAMPLE_MAX_THREADS];
    const unsigned n = request->threads;
    *result          = (struct sample_result){.failed_check = ""};
    crew.request     = request;
    crew.result      = result;
    for (unsigned i = 0; i < n; i++)
        if (!prepare(&crew.worker[i], i)) {
            fail(result, "environment", "no memory for the books of a thread");
            return;
        }
    pthread_barrier_init(&crew.barrier, NULL, n);
    for (unsigned i = 1; i < n; i++) {
        const int error = pthread_create(&thread[i], NULL, work, &crew.worker[i]);
        if (error) { /* the threads that exist wait at the barrier; they end with the process */
            char text[120];
            snprintf(text, sizeof text, "thread %u of %u cannot be created: %s", i + 1, n,
                     strerrordesc_np(error));
            fail(result, "environment", text);
            return;
        }
    }
    work(&crew.worker[0]);
    for (unsigned i = 1; i < n; i++)
        pthread_join(thread[i], NULL);
    collect();
}
