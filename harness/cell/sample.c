#include "sample.h"

#include "kernel.h"
#include "rendezvous.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

/* The threads of a sample, and what they share. Static, for a cell has no heap of its own. */
static struct crew {
    struct rendezvous rendezvous;
    struct clock {
        _Alignas(128) uint64_t start; /* nanoseconds, written by the worker of this number */
        uint64_t end;
        uint64_t cpu_begin; /* CPU time of the thread when counting began, by the first thread */
        uint64_t cpu_start; /* and at its own start and end */
        uint64_t cpu_end;
        clockid_t cpu;       /* the clock of it, which other threads can read, too */
        uint64_t held_bytes; /* at the instant that is being noted */
    } clock[SAMPLE_MAX_THREADS];
    struct worker worker[SAMPLE_MAX_THREADS];
    struct pause {
        uint64_t ns;
        struct counters counters;
    } pause; /* of the present span: what its noted instants took; written by the first thread */
    char drained[SAMPLE_MAX_LATER][SAMPLE_NAME_BYTES]; /* names of the instants after these two */
    char purged[SAMPLE_MAX_LATER][SAMPLE_NAME_BYTES];
    const struct sample_request *request;
    struct sample_result *result;
    cpu_set_t cpus; /* that this process may run on; none: not known */
    void *shared;   /* by the workers of a workload that asks for it */
} crew;

static uint64_t kernel_clock(clockid_t clock) {
    struct timespec t = {0};
    kernel_call(SYS_clock_gettime, clock, (long)&t, 0, 0);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static uint64_t monotonic_ns(void) {
    return kernel_clock(CLOCK_MONOTONIC);
}

/* Puts the thread on a CPU of its own to begin with. A new thread, and one that waited for a lock
 * of the kernel's, may share its waker's CPU until the scheduler's next tick. From then on it may
 * move them as it likes. */
static void spread(unsigned thread) {
    const int count = CPU_COUNT(&crew.cpus);
    int nth         = count > 0 ? (int)thread % count : -1;
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (!CPU_ISSET(cpu, &crew.cpus) || nth-- != 0)
            continue;
        cpu_set_t one;
        CPU_ZERO(&one);
        CPU_SET(cpu, &one);
        sched_setaffinity(0, sizeof one, &one);
        sched_setaffinity(0, sizeof crew.cpus, &crew.cpus);
        return;
    }
}

static void meet(void) {
    rendezvous_wait(&crew.rendezvous);
}

static void rest(unsigned milliseconds) {
    struct timespec t = {.tv_sec = milliseconds / 1000, .tv_nsec = milliseconds % 1000 * 1000000L};
    while (milliseconds && kernel_call(SYS_nanosleep, (long)&t, (long)&t, 0, 0) == -EINTR)
        continue;
}

/* What worker_rest does. */
static void rest_worker(struct worker *w, unsigned milliseconds) {
    const uint64_t begin = monotonic_ns();
    rest(milliseconds);
    w->idle_ns += monotonic_ns() - begin;
}

/* Lets others look at an instant; only the first thread calls it. */
static void show(const char *name) {
    if (crew.request->look)
        crew.request->look(name);
}

/* Only the first thread calls it. */
static void reach(const char *name) {
    struct sample_result *r = crew.result;
    if (r->reached_count == SAMPLE_MAX_REACHED)
        return;
    struct sample_reached *at = &r->reached[r->reached_count++];
    at->at_ns                 = monotonic_ns();
    memcpy(at->name, name, strnlen(name, sizeof at->name - 1));
}

/* Everybody arrives, the first thread reads, everybody goes on. */
static void instant(const struct worker *w, enum sample_instant which) {
    static const char *const names[] = {"start", "all live", "all freed", "all purged"};
    meet();
    if (w->thread == 0) {
        reach(names[which]);
        crew.result->memory[which] = memory_now();
        if (which == SAMPLE_LIVE && w->allocator->stats)
            crew.result->stats = w->allocator->stats();
        show(names[which]);
    }
    rest(crew.request->hold_ms);
    meet();
}

/* Only the first thread calls it, while the others wait. */
static void note(const char *name) {
    struct sample_result *r = crew.result;
    if (r->noted_count == SAMPLE_MAX_NOTED)
        return;
    struct sample_noted *n = &r->noted[r->noted_count++];
    memcpy(n->name, name, strnlen(name, sizeof n->name - 1));
    reach(name);
    for (unsigned i = 0; i < crew.request->threads; i++)
        n->held_bytes += crew.clock[i].held_bytes;
    n->memory = memory_now();
    show(n->name);
}

/* Every thread asks for it, and one once more, after all the others gave theirs to the common heap.
 */
static void purge(const struct worker *w) {
    if (!w->allocator->purge)
        return;
    w->allocator->purge(0);
    meet();
    if (w->thread == 0)
        w->allocator->purge(0);
}

/* Notes the memory some time after an instant. The threads sleep, so that nothing but time passes
 * and what the allocator does by itself. */
static void note_later(const struct worker *w, char name[][SAMPLE_NAME_BYTES]) {
    const struct sample_request *q = crew.request;
    unsigned slept                 = 0;
    for (unsigned i = 0; !q->verify && i < SAMPLE_MAX_LATER && q->later_ms[i]; i++) {
        crew.clock[w->thread].held_bytes = 0;
        rest(q->later_ms[i] - slept);
        slept = q->later_ms[i];
        meet();
        if (w->thread == 0)
            note(name[i]);
        meet();
    }
}

/* Printing makes pages of the C library resident, so it is done before the memory is read. */
static void name_later(const struct sample_request *q) {
    for (unsigned i = 0; i < SAMPLE_MAX_LATER; i++) {
        snprintf(crew.drained[i], sizeof crew.drained[i], "freed, %u ms later", q->later_ms[i]);
        snprintf(crew.purged[i], sizeof crew.purged[i], "purged, %u ms later", q->later_ms[i]);
    }
}

/* The state of the process when counting began. */
struct begin {
    struct counters counters;
    uint64_t at;
};

/* What worker_instant does. */
static void note_instant(struct worker *w, const struct workload_instant *at) {
    struct begin begin = {0};

    crew.clock[w->thread].held_bytes = at->held_bytes;
    meet();
    if (w->thread == 0)
        begin = (struct begin){.at = monotonic_ns(), .counters = counters_now()};
    meet();
    if (at->purge)
        purge(w);
    if (!crew.request->verify)
        rest(at->rest_ms);
    meet();
    if (w->thread == 0) {
        note(at->name);
        counters_add(&crew.pause.counters, counters_since(&begin.counters));
        crew.pause.ns += monotonic_ns() - begin.at;
    }
    meet();
}

/* The state when a span begins. Each thread's own clock is read before that of the process, and
 * after it at the end: so what the threads wait is never taken for too little. */
static struct begin begin_span(void) {
    crew.pause = (struct pause){0};
    for (unsigned i = 0; i < crew.request->threads; i++)
        crew.clock[i].cpu_begin = kernel_clock(crew.clock[i].cpu);
    return (struct begin){.at = monotonic_ns(), .counters = counters_now()};
}

static void measure(struct sample_span *span, const struct begin *begin) {
    uint64_t first = UINT64_MAX, last = 0, end = 0, waited = 0;
    span->counters   = counters_since(&begin->counters);
    span->counted_ns = monotonic_ns() - begin->at;
    for (unsigned i = 0; i < crew.request->threads; i++) {
        const struct clock *c = &crew.clock[i];
        waited += c->cpu_start - c->cpu_begin + kernel_clock(c->cpu) - c->cpu_end;
        first = c->start < first ? c->start : first;
        last  = c->start > last ? c->start : last;
        end   = c->end > end ? c->end : end;
    }
    span->wall_ns       = end - first;
    span->start_skew_ns = last - first;
    span->wall_ns -= crew.pause.ns;
    counters_subtract(&span->counters, crew.pause.counters);
    /* The process's account of a thread on another CPU may be a little behind the thread's own. */
    span->counters.cpu_ns -= waited < span->counters.cpu_ns ? waited : span->counters.cpu_ns;
}

/* The time of a worker stands still while it rests. */
static void leave_out_rest(struct worker *w, struct clock *clock) {
    const bool possible = w->idle_ns <= clock->end - clock->start;
    clock->end -= possible ? w->idle_ns : 0;
    if (possible || *w->failed_check)
        return;
    w->failed_check = "time";
    snprintf(w->failure, sizeof w->failure,
             "thread %u rested for longer than the whole took: something wrote into its books",
             w->thread);
}

/* One thread's part of a span. */
static void run_span(struct worker *w, struct sample_span *span,
                     void (*part)(struct worker *, const struct sample_request *)) {
    struct clock *clock = &crew.clock[w->thread];
    struct begin begin  = {0};
    w->idle_ns          = 0;
    spread(w->thread);
    meet();
    if (w->thread == 0)
        begin = begin_span();
    meet();
    clock->cpu_start = kernel_clock(CLOCK_THREAD_CPUTIME_ID);
    clock->start     = monotonic_ns();
    part(w, crew.request);
    clock->end     = monotonic_ns();
    clock->cpu_end = kernel_clock(CLOCK_THREAD_CPUTIME_ID);
    leave_out_rest(w, clock);
    meet();
    if (w->thread == 0)
        measure(span, &begin);
    meet(); /* nobody goes on while the counters and clocks are read */
}

static void warm_up(struct worker *w, const struct sample_request *q) {
    q->workload->warm_up(w, q->verify);
}

/* The whole of the timed span and nothing else, under a name that compilers keep: tools that count
 * within a function (callgrind --toggle-collect) find it. */
__attribute__((noinline)) void sample_timed_span(struct worker *w, const struct sample_request *q) {
    if (*w->failed_check) /* the live set is not what the operations count on */
        return;
    if (q->verify)
        q->workload->verify(w);
    else
        q->workload->run(w);
}

/* Called by all threads between the same two meetings, so that all get the same answer. */
static bool any_check_failed(void) {
    for (unsigned i = 0; i < crew.request->threads; i++)
        if (*crew.worker[i].failed_check)
            return true;
    return false;
}

static void *work(void *arg) {
    struct worker *w            = arg;
    const struct workload *load = crew.request->workload;
    pthread_getcpuclockid(pthread_self(), &crew.clock[w->thread].cpu);
    if (w->memory)
        memset(w->memory, 0, load->memory_bytes); /* resident, near this thread */
    instant(w, SAMPLE_START);
    run_span(w, &crew.result->warm_up, warm_up);
    if (w->thread == 0)
        reach("timed operations");
    run_span(w, &crew.result->timed, sample_timed_span);
    instant(w, SAMPLE_LIVE);
    load->inspect(w, crew.request->verify);
    meet();
    if (any_check_failed()) /* freeing on a broken heap would hide the finding in a crash */
        return NULL;
    load->drain(w);
    instant(w, SAMPLE_DRAINED);
    note_later(w, crew.drained);
    if (w->allocator->purge) {
        purge(w);
        instant(w, SAMPLE_PURGED);
        note_later(w, crew.purged);
    }
    return NULL;
}

/* Thread t of n gets the t-th of n equal parts of a whole, to within one. */
static uint64_t part(uint64_t whole, unsigned t, unsigned n) {
    return (uint64_t)((__uint128_t)whole * t / n);
}

/* Zeroed pages; NULL for no bytes. False: there are none. */
static bool map(void **pages, size_t bytes) {
    *pages = NULL;
    if (bytes)
        *pages = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return *pages != MAP_FAILED;
}

/* What all threads share: resident before the first instant. */
static bool prepare_shared(void) {
    const struct workload *load = crew.request->workload;
    const size_t bytes          = load->shared_bytes + load->thread_bytes * crew.request->threads;
    if (!map(&crew.shared, bytes))
        return false;
    if (bytes)
        memset(crew.shared, 0, bytes);
    return true;
}

static bool prepare(struct worker *w, unsigned thread) {
    const struct sample_request *q = crew.request;
    const unsigned n               = q->threads;
    const uint64_t first_op = part(q->ops, thread, n), end = part(q->ops, thread + 1, n);

    *w = (struct worker){
        .allocator    = q->allocator,
        .seed         = q->seed,
        .first_op     = first_op,
        .ops          = end - first_op,
        .thread       = thread,
        .threads      = n,
        .shared       = crew.shared,
        .sizes        = q->sizes,
        .total_ops    = q->ops,
        .failed_check = "",
        .instant      = note_instant,
        .rest         = rest_worker,
    };
    return map(&w->memory, q->workload->memory_bytes);
}

static void fail(struct sample_result *result, const char *check, const char *text) {
    if (*result->failed_check)
        return;
    result->failed_check = check;
    snprintf(result->failure, sizeof result->failure, "%s", text);
}

static void collect(void) {
    struct sample_result *r = crew.result;
    for (unsigned i = 0; i < crew.request->threads; i++) {
        const struct worker *w = &crew.worker[i];
        r->digest += w->digest;
        r->live_blocks += w->live_blocks;
        r->live_bytes += w->live_bytes;
        r->usable_bytes += w->usable_bytes;
        r->untouched_bytes += w->untouched_bytes;
        r->bound_bytes += w->bound_bytes;
        if (*w->failed_check)
            fail(r, w->failed_check, w->failure);
    }
    if (r->memory[SAMPLE_START].rss == 0)
        fail(r, "environment", "the memory of the process cannot be read in /proc/self");
}

void sample_run(const struct sample_request *request, struct sample_result *result) {
    pthread_t thread[SAMPLE_MAX_THREADS];
    const unsigned n = request->threads;
    *result          = (struct sample_result){.failed_check = ""};
    crew.request     = request;
    crew.result      = result;
    name_later(request);
    bool memory = prepare_shared();
    for (unsigned i = 0; memory && i < n; i++)
        memory = prepare(&crew.worker[i], i);
    if (!memory) {
        fail(result, "environment", "no memory for the books of the threads");
        return;
    }
    if (sched_getaffinity(0, sizeof crew.cpus, &crew.cpus) != 0)
        CPU_ZERO(&crew.cpus);
    const unsigned cpus = request->cpus ? request->cpus : (unsigned)CPU_COUNT(&crew.cpus);
    rendezvous_init(&crew.rendezvous, n, n <= cpus);
    for (unsigned i = 1; i < n; i++) {
        const int error = pthread_create(&thread[i], NULL, work, &crew.worker[i]);
        if (error) { /* the threads that exist wait for the others; they end with the process */
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
