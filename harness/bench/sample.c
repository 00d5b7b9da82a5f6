#include "sample.h"

#include "machine.h"
#include "text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* The first respect in which a record is not what was asked for. False: it is all of it. */
static bool contradicts(const struct sample_request *q, const struct record *r, char *cause,
                        size_t size) {
    const char *object = cell_fact(q->cell, "object"), *name = cell_fact(q->cell, "allocator");
    if (strcmp(r->object, object) != 0 || strcmp(r->allocator, name) != 0)
        snprintf(cause, size, "identity: malloc of %s belonged to %s, but %s of %s was announced",
                 r->allocator, r->object, object, name);
    else if (strcmp(r->workload, q->workload) != 0 || r->threads != q->threads ||
             (uint64_t)r->ops != q->ops || (uint64_t)r->seed != q->seed || r->verified != q->verify)
        snprintf(cause, size,
                 "the record is of another sample: %s, %u threads, %" PRId64
                 " operations, seed %" PRId64 ", %s",
                 r->workload, r->threads, r->ops, r->seed, r->verified ? "verified" : "timed");
    else
        return false;
    return true;
}

/* The kernel may charge the time of a thread that runs on another CPU up to a tick late. */
static const double tick_seconds = 0.01;

static double least(double a, double b) {
    return a < b ? a : b;
}

/* What the threads of a process can use. Those of the workload have the time that is measured.
 * Those that an allocator started have all that is counted: they also run while the others wait or
 * rest.
 */
static double most_cpu_seconds(const struct record *r) {
    const double cpus = machine_cpus_online(), wall = (double)r->wall_ns * 1e-9;
    const double threads = (double)r->threads, own = (double)r->process_threads - threads;
    const double counted = (double)r->counted_ns * 1e-9;
    const double most    = least(cpus * counted, least(cpus, threads) * wall + own * counted);
    return most * 1.05 + tick_seconds * least(cpus, (double)r->process_threads);
}

/* The first number of a record that cannot be, for instance because the library under test replaces
 * a function by which it was measured. False: there is none. */
static bool is_impossible(const struct sample_request *q, const struct record *r,
                          const struct sample *a, char *cause, size_t size) {
    const double wall = (double)r->wall_ns * 1e-9, cpu = (double)r->cpu_ns * 1e-9;
    const double counted = (double)r->counted_ns * 1e-9, most = most_cpu_seconds(r);
    if (counted < wall || counted + (double)r->warm_up_ns * 1e-9 > a->seconds)
        snprintf(cause, size, "impossible: it timed %.3g s, counted for %.3g s and ran for %.3g s",
                 wall, counted, a->seconds);
    else if (cpu > most)
        snprintf(cause, size,
                 "impossible: its threads (%" PRId64 ") worked for %.3g s, which is at most %.3g s "
                 "of CPU time, but used %.3g s",
                 r->process_threads, wall, most, cpu);
    else if (cpu > a->cpu_seconds + tick_seconds)
        snprintf(cause, size, "impossible: it counted %.3g s of CPU time, but used %.3g s in all",
                 cpu, a->cpu_seconds);
    else if (r->process_threads < r->threads)
        snprintf(cause, size, "impossible: %u threads of work in a process of %" PRId64, r->threads,
                 r->process_threads);
    else if ((q->holds_blocks && r->live_bytes == 0) || r->rss_start_bytes == 0 ||
             r->vsz_live_bytes == 0)
        snprintf(cause, size, "impossible: no live bytes, or no memory; is /proc there?");
    else if (!q->cell->floor &&
             r->rss_live_bytes + r->swap_live_bytes < r->live_bytes - r->untouched_bytes)
        snprintf(cause, size,
                 "impossible: %" PRId64 " bytes are live and written, %" PRId64 " resident",
                 r->live_bytes - r->untouched_bytes, r->rss_live_bytes);
    else
        return false;
    return true;
}

/* Is the record of a process that ended by itself a good one? If not, `cause` says why. */
static bool read_record(const struct sample_request *q, const struct spawn_result *s,
                        struct sample *a) {
    if (s->record_overflow) {
        snprintf(a->cause, sizeof a->cause, "the cell printed more than a record");
        return false;
    }
    const bool good =
        record_parse(s->record, s->record_length, &a->record, a->cause, sizeof a->cause) &&
        !contradicts(q, &a->record, a->cause, sizeof a->cause) &&
        !is_impossible(q, &a->record, a, a->cause, sizeof a->cause);
    text_clean(a->cause);
    return good;
}

/* The words of a failed check stand in the record; a death stands in the end of the process. */
static void judge(const struct sample_request *q, const struct spawn_result *s, struct sample *a) {
    const bool silent = s->code != 0 && s->record_length == 0;
    a->end            = SAMPLE_FAILED;
    if (s->end == SPAWN_EXITED && !silent && !read_record(q, s, a))
        return;
    spawn_describe_end(s, q->timeout_seconds, a->cause, sizeof a->cause);
    if (s->end == SPAWN_EXITED && s->code == 0)
        a->end = SAMPLE_GOOD;
    else if (s->end == SPAWN_INTERRUPTED)
        a->end = SAMPLE_INTERRUPTED;
    else if (s->end == SPAWN_TIMED_OUT)
        a->end = SAMPLE_TIMED_OUT;
}

void sample_run(const struct sample_request *q, struct sample *a) {
    static struct spawn_result result;
    char threads[16], ops[24], seed[24], cpus[16], hold[16];
    snprintf(threads, sizeof threads, "%u", q->threads);
    snprintf(ops, sizeof ops, "%" PRIu64, q->ops);
    snprintf(seed, sizeof seed, "%" PRIu64, q->seed);
    snprintf(cpus, sizeof cpus, "%u", machine_cpus());
    snprintf(hold, sizeof hold, "%u", q->hold_ms);
    const char *words[20] = {"--run",  q->workload, "--threads", threads, "--ops",  ops,
                             "--seed", seed,        "--cpus",    cpus,    "--hold", hold};
    unsigned at           = 12; /* the rest is NULL, and one of it stays so */
    if (q->thp) {
        words[at++] = "--thp";
        words[at++] = q->thp;
    }
    if (q->sizes) {
        words[at++] = "--sizes";
        words[at++] = q->sizes;
    }
    if (q->later) {
        words[at++] = "--later";
        words[at++] = q->later;
    }
    if (q->verify)
        words[at] = "--verify";

    *a = (struct sample){0};
    cell_run(q->cell, words,
             (struct spawn_request){.timeout_seconds = q->timeout_seconds,
                                    .tick            = q->tick,
                                    .tick_seconds    = q->tick_seconds,
                                    .arg             = q->arg},
             &result);
    a->begin       = result.begin;
    a->seconds     = result.seconds;
    a->cpu_seconds = result.cpu_seconds;
    judge(q, &result, a);
}
