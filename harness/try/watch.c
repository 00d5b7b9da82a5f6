#include "watch.h"

#include "descendants.h"
#include "memory.h"

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Seconds. */
static const double readings_share = 0.002;
/* Walks may take this at once, and this share of the time: of several processes, and of one. As
 * long as nobody knows what a byte of it takes, one may have more. */
static const struct budget {
    double at_once, share;
} walks_of_several = {0.02, 0.01}, walks_of_one = {0, 0.002}, first_of_one = {0, 0.003};
/* What a walk takes for each byte, until one was timed: 40 ns for each small page. */
static const double first_guess = 10e-12;
/* Of less than this, a walk takes as long as opening the file does. */
static const int64_t tells_of_bytes = 16 << 20;
static const double shortest_rest = 0.001, longest_rest = 0.1;
static const double first_rest = 0.01; /* before that, a program has hardly begun */
static const double walk_after =
    0.005; /* a process came or went, or several use more or less memory */
static const double walk_unsure = 0.025; /* much is shared: copies on write show in no counter */
static const double walk_alone  = 0.1;   /* the same of one process */
static const double walk_always = 0.2;

/* What walks have taken: what one watch has learnt, the next knows. (There is one at a time.) */
static struct {
    double for_opening;   /* the last one over few bytes */
    double for_each_byte; /* of RSS, the last one over many; 0: there was none */
} took;

struct process {
    pid_t pid, parent;
    struct memory_counters now;
    int64_t shared; /* RSS that is counted elsewhere, at its last walk; below 0: not known */
    int64_t file;   /* of the RSS at that walk, what is mapped from files */
    int64_t huge;
    bool seen;    /* in this reading */
    bool twin;    /* shares its memory with its parent */
    int64_t rose; /* the high-water mark, if it rose since the last reading; else the RSS */
};

struct watch {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t told;
    bool begun; /* under the lock, as all that follows; a reading holds it */
    bool stop;
    pid_t left_out;
    atomic_bool too_many; /* relaxed: it stands alone */

    double start, last_walk, walks_cpu, spacing, last_point;
    int64_t rss_at_walk;
    bool walked_much; /* over many bytes */
    bool changed;     /* a process came or went since the last walk */
    pid_t first;
    struct process process[WATCH_MOST_PROCESSES];
    size_t processes;
    struct descendant found[WATCH_MOST_PROCESSES + 1];
    pid_t out[WATCH_MOST_PROCESSES + 1];
    struct watch_result result;
};

static double seconds_of(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* Where it was in the last reading, if it was; lists hardly change from one to the next. */
static struct process *find(struct watch *w, pid_t pid, size_t hint) {
    for (size_t i = 0; i < w->processes; i++) {
        struct process *p = &w->process[(hint + i) % w->processes];
        if (p->pid == pid)
            return p;
    }
    return NULL;
}

static void forget_the_gone(struct watch *w) {
    size_t kept = 0;
    for (size_t i = 0; i < w->processes; i++) {
        if (w->process[i].seen)
            w->process[kept++] = w->process[i];
        else
            w->changed = true;
    }
    w->processes = kept;
}

static void note(struct watch *w, const struct descendant *d, size_t hint) {
    struct memory_counters m;
    struct process *p = find(w, d->process, hint);
    if (!memory_count(d->process, &m) || (!p && w->processes == WATCH_MOST_PROCESSES))
        return;
    const bool fresh = !p || m.high_water < p->now.high_water; /* or another program since exec */
    if (!p) {
        p = &w->process[w->processes++];
        w->result.processes += d->process != w->first;
    }
    if (fresh) {
        *p = (struct process){.pid = d->process, .shared = -1};
        if (p->pid == w->first)
            p->shared = w->result.shared, p->file = INT64_MAX;
        w->changed = w->changed || p->shared < 0;
    }
    const bool rose = fresh || m.high_water > p->now.high_water;
    p->parent       = d->parent;
    p->seen         = true;
    p->now          = m;
    p->rose         = rose && m.high_water > m.rss ? m.high_water : m.rss;
    if (m.high_water > w->result.largest)
        w->result.largest = m.high_water;
}

/* Right after vfork a child is its parent, and not a second one. */
static void find_twins(struct watch *w) {
    for (size_t i = 0; i < w->processes; i++) {
        struct process *p            = &w->process[i];
        const struct process *parent = find(w, p->parent, i);
        p->twin = parent && parent->now.vsz == p->now.vsz && parent->now.rss == p->now.rss &&
                  memory_is_shared(p->pid, p->parent);
    }
}

/* Pages of files that came since the last walk are taken for shared ones, as those of libraries
 * are: the next walk will tell. */
static int64_t shared_of(const struct process *p) {
    const int64_t fresh  = p->now.file > p->file ? p->now.file - p->file : 0;
    const int64_t shared = p->shared >= 0 ? p->shared + fresh : p->now.file;
    return shared < 0 ? 0 : shared > p->now.rss ? p->now.rss : shared;
}

static int64_t total_rss(const struct watch *w) {
    int64_t sum = 0;
    for (size_t i = 0; i < w->processes; i++)
        sum += w->process[i].twin ? 0 : w->process[i].now.rss;
    return sum;
}

/* How long after the last one. One process shares little but its libraries, so it is walked seldom.
 */
static double walk_due(const struct watch *w) {
    int64_t shared = 0;
    for (size_t i = 0; i < w->processes; i++)
        shared += shared_of(&w->process[i]);
    const int64_t rss = total_rss(w);
    const bool moved  = llabs(rss - w->rss_at_walk) > rss / 50;
    if (w->changed)
        return walk_after;
    if (w->processes <= 1)
        return moved ? walk_alone : walk_always;
    return moved                                      ? walk_after
           : shared > rss / 10 && shared > (16 << 20) ? walk_unsure
                                                      : walk_always;
}

static bool is_walk_due(const struct watch *w, double now) {
    const struct budget *b = w->result.processes > 1 ? &walks_of_several
                             : w->walked_much        ? &walks_of_one
                                                     : &first_of_one;
    const double for_bytes = took.for_each_byte > 0 ? took.for_each_byte : first_guess;
    const double takes     = w->changed ? 0 : took.for_opening + (double)total_rss(w) * for_bytes;
    return now - w->last_walk >= walk_due(w) &&
           w->walks_cpu + takes <= b->at_once + b->share * (now - w->start);
}

static void walk(struct watch *w, double now) {
    const double before = seconds_of(CLOCK_THREAD_CPUTIME_ID);
    for (size_t i = 0; i < w->processes; i++) {
        struct process *p = &w->process[i];
        struct memory_walk m;
        if (p->twin || !memory_walk(p->pid, &m))
            continue;
        p->shared = m.rss - m.pss;
        p->file   = p->now.file;
        p->huge   = m.huge > 0 ? m.huge : 0;
        if (m.rss > p->rose)
            p->rose = m.rss;
        p->now.rss = m.rss;
        if (p->pid == w->first)
            w->result.shared = p->shared;
    }
    w->rss_at_walk     = total_rss(w);
    w->last_walk       = now;
    w->changed         = false;
    const double taken = seconds_of(CLOCK_THREAD_CPUTIME_ID) - before;
    w->walks_cpu += taken;
    w->walked_much = w->walked_much || w->rss_at_walk >= tells_of_bytes;
    if (w->rss_at_walk >= tells_of_bytes)
        took.for_each_byte = taken / (double)w->rss_at_walk;
    else
        took.for_opening = taken;
    w->result.walks++;
}

static void keep_largest(struct watch_point *peak, const struct watch_point *p, int64_t pss) {
    if (pss > peak->pss)
        peak->pss = pss, peak->seconds = p->seconds;
#define KEEP(member)                                                                               \
    if (p->member > peak->member)                                                                  \
    peak->member = p->member
    KEEP(rss);
    KEEP(huge);
    KEEP(swap);
    KEEP(vsz);
    KEEP(processes);
#undef KEEP
}

/* Points come ever further apart, so that some hundred are enough for any time. */
static void add_point(struct watch *w, const struct watch_point *p) {
    struct watch_result *r = &w->result;
    if (r->points && p->seconds - w->last_point < w->spacing)
        return;
    if (r->points == WATCH_POINTS) {
        for (size_t i = 0; i < WATCH_POINTS / 2; i++)
            r->point[i] = r->point[2 * i];
        r->points  = WATCH_POINTS / 2;
        w->spacing = 2 * p->seconds / WATCH_POINTS;
    }
    r->point[r->points++] = *p;
    w->last_point         = p->seconds;
}

static void sum_up(struct watch *w, double now) {
    struct watch_point p       = {.seconds = now - w->start};
    const struct process *most = NULL;
    int64_t most_pss = 0, peak = 0;
    for (size_t i = 0; i < w->processes; i++) {
        const struct process *one = &w->process[i];
        if (one->twin)
            continue;
        const int64_t pss = one->now.rss - shared_of(one);
        p.processes++;
        p.rss += one->now.rss;
        p.pss += pss;
        p.huge += one->huge;
        p.swap += one->now.swap > 0 ? one->now.swap : 0;
        p.vsz += one->now.vsz;
        peak += one->rose - shared_of(one);
        if (!most || one->now.high_water > most->now.high_water)
            most = one, most_pss = pss;
    }
    w->result.others = p.pss - most_pss;
    keep_largest(&w->result.peak, &p, peak);
    add_point(w, &p);
}

/* Of those that are watched. Parents stand before their children. */
static size_t list(struct watch *w) {
    const size_t all = descendants_list(w->found, WATCH_MOST_PROCESSES + 1);
    size_t kept = 0, out = 0;
    for (size_t i = 0; i < all; i++) {
        const struct descendant d = w->found[i];
        bool is_out               = w->left_out && d.process == w->left_out;
        for (size_t k = 0; k < out && !is_out; k++)
            is_out = w->out[k] == d.parent;
        if (is_out)
            w->out[out++] = d.process;
        else
            w->found[kept++] = d;
    }
    return kept;
}

static void reading(struct watch *w) {
    const size_t count = list(w);
    if (count > WATCH_MOST_PROCESSES) {
        atomic_store_explicit(&w->too_many, true, memory_order_relaxed);
        return;
    }
    for (size_t i = 0; i < w->processes; i++)
        w->process[i].seen = false;
    for (size_t i = 0; i < count; i++)
        note(w, &w->found[i], i);
    forget_the_gone(w);
    find_twins(w);
    const double now = seconds_of(CLOCK_MONOTONIC);
    if (is_walk_due(w, now))
        walk(w, now);
    sum_up(w, now);
    w->result.readings++;
}

static void rest_for(struct watch *w, double seconds) {
    const double until       = seconds_of(CLOCK_MONOTONIC) + seconds;
    const struct timespec at = {(time_t)until, (long)((until - (double)(time_t)until) * 1e9)};
    while (!w->stop && pthread_cond_timedwait(&w->told, &w->lock, &at) == 0)
        continue;
}

/* After a reading that took so long. Of one process the high-water mark tells what was missed. Of
 * several no counter does, and short programs have peaks, too: so no rest is longer than the time
 * before it. */
static double rest_after(const struct watch *w, double takes) {
    const double rest = fmin(fmax(takes / readings_share, shortest_rest), longest_rest);
    return w->processes > 1 ? fmin(rest, seconds_of(CLOCK_MONOTONIC) - w->start) : rest;
}

static void *run(void *arg) {
    struct watch *w = arg;
    pthread_mutex_lock(&w->lock);
    while (!w->begun && !w->stop)
        pthread_cond_wait(&w->told, &w->lock);
    const double begin = seconds_of(CLOCK_THREAD_CPUTIME_ID);
    rest_for(w, first_rest);
    while (!w->stop && !watch_has_too_many(w)) {
        const double cpu = seconds_of(CLOCK_THREAD_CPUTIME_ID), walks = w->walks_cpu;
        reading(w);
        const double takes = seconds_of(CLOCK_THREAD_CPUTIME_ID) - cpu - (w->walks_cpu - walks);
        rest_for(w, rest_after(w, takes));
    }
    w->result.cpu_seconds = seconds_of(CLOCK_THREAD_CPUTIME_ID) - begin;
    pthread_mutex_unlock(&w->lock);
    return NULL;
}

struct watch *watch_new(void) {
    struct watch *w = calloc(1, sizeof *w);
    pthread_condattr_t monotonic;
    if (!w)
        return NULL;
    pthread_mutex_init(&w->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&w->told, &monotonic);
    pthread_condattr_destroy(&monotonic);
    if (pthread_create(&w->thread, NULL, run, w) == 0)
        return w;
    free(w);
    return NULL;
}

void watch_begin(struct watch *w, pid_t first, int64_t shared) {
    pthread_mutex_lock(&w->lock);
    w->first            = first;
    w->result.shared    = shared;
    w->result.processes = 1;
    w->start            = seconds_of(CLOCK_MONOTONIC);
    w->begun            = true;
    pthread_cond_signal(&w->told);
    pthread_mutex_unlock(&w->lock);
}

bool watch_has_too_many(const struct watch *w) {
    return atomic_load_explicit(&w->too_many, memory_order_relaxed);
}

int64_t watch_pss_now(struct watch *w) {
    pthread_mutex_lock(&w->lock);
    struct watch_point p = {.seconds = seconds_of(CLOCK_MONOTONIC) - w->start};
    const size_t count   = list(w);
    for (size_t i = 0; i < count; i++) {
        struct memory_walk m;
        if (memory_is_shared(w->found[i].process, w->found[i].parent) || /* after vfork */
            !memory_walk(w->found[i].process, &m))
            continue;
        p.processes++;
        p.rss += m.rss;
        p.pss += m.pss;
        p.huge += m.huge > 0 ? m.huge : 0;
    }
    keep_largest(&w->result.peak, &p, p.pss);
    pthread_mutex_unlock(&w->lock);
    return p.pss;
}

void watch_leave_out(struct watch *w, pid_t process) {
    pthread_mutex_lock(&w->lock);
    w->left_out = process;
    pthread_mutex_unlock(&w->lock);
}

void watch_stop(struct watch *w, struct watch_result *result) {
    pthread_mutex_lock(&w->lock);
    w->stop = true;
    pthread_cond_signal(&w->told);
    pthread_mutex_unlock(&w->lock);
    pthread_join(w->thread, NULL);
    pthread_cond_destroy(&w->told);
    pthread_mutex_destroy(&w->lock);
    *result = w->result;
    free(w);
}
