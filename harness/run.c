#include "run.h"

#include "attempt.h"
#include "document.h"
#include "gbench.h"
#include "journal.h"
#include "machine.h"
#include "plan.h"
#include "progress.h"
#include "registry.h"
#include "selection.h"
#include "spawn.h"
#include "timeline.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { GOOD = 0, FINDING = 1, WRONG_USE = 2, SIGNALLED = 128 };

enum {
    TIMELINE_PASS_BYTES    = 64 << 10, /* of timeline.csv; a line has about 45 bytes */
    TIMELINE_REST_MS       = 100,      /* rest at each instant, so that its level can be seen */
    TIMELINE_REST_QUICK_MS = 30,
};

struct row_state {
    bool checked;      /* its verifying pass was good */
    char stopped[640]; /* why no more samples of it are run; "" = they are */
};

struct run {
    const struct options *options;
    struct registry registry;
    struct plan plan;
    struct row_state *row;  /* one for each of plan.row */
    char (*digest)[17];     /* of each workload's requests, from the first record; "" = none yet */
    const char **digest_of; /* the allocator whose record that was */
    struct sample *sample;  /* one for each of plan.sample */
    struct journal journal;
    struct results_file timeline;

    int name_width; /* of the longest row's name */
    size_t failed;
    unsigned steps_done, steps; /* samples and passes of the timeline */
    struct timespec started;
};

/* The argument of a registered benchmark. */
struct sample {
    struct run *run;
    const struct plan_sample *plan;
};

static const struct cell *cell_of(const struct run *run, size_t row) {
    return &run->registry.cell[run->plan.row[row].allocator];
}

static const struct workload_info *workload_of(const struct run *run, size_t row) {
    return &run->registry.workload[run->plan.row[row].workload];
}

static void row_name(const struct run *run, size_t row, char *name, size_t size) {
    snprintf(name, size, "%s/%s/threads:%u", workload_of(run, row)->name, cell_of(run, row)->name,
             run->plan.row[row].threads);
}

/* The time left, as if all steps took as long as those so far did on average. */
static void show_progress(const struct run *run, const char *what) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    const double elapsed = (double)(now.tv_sec - run->started.tv_sec) +
                           (double)(now.tv_nsec - run->started.tv_nsec) * 1e-9;
    const double each = run->steps_done ? elapsed / run->steps_done : -1;
    progress_show(run->steps_done, run->steps, each * (run->steps - run->steps_done), what);
}

/* --- one sample --- */

static struct attempt_request request_of(const struct run *run, size_t row) {
    const struct options *o       = run->options;
    const struct workload_info *w = workload_of(run, row);
    return (struct attempt_request){.cell            = cell_of(run, row),
                                    .workload        = w->name,
                                    .threads         = run->plan.row[row].threads,
                                    .ops             = o->quick ? w->quick_ops : w->ops,
                                    .seed            = o->seed,
                                    .timeout_seconds = o->timeout_seconds};
}

/* Every record of a workload must have the digest of the first: the same requests. */
static void check_digest(struct run *run, size_t row, struct attempt *a) {
    const size_t w = run->plan.row[row].workload;
    if (a->end != ATTEMPT_GOOD)
        return;
    if (!*run->digest[w]) {
        memcpy(run->digest[w], a->record.digest, sizeof *run->digest);
        run->digest_of[w] = cell_of(run, row)->name;
    }
    if (strcmp(run->digest[w], a->record.digest) == 0)
        return;
    a->end = ATTEMPT_FAILED;
    snprintf(a->cause, sizeof a->cause,
             "digest: %s, but that of %s was %s: other requests, which cannot be compared",
             a->record.digest, run->digest_of[w], run->digest[w]);
}

/* The verifying pass, before a row's first timed one. The floor is exempt: its blocks overlap. */
static void check_row(struct run *run, size_t row, struct attempt *a) {
    struct row_state *state = &run->row[row];
    if (state->checked || *state->stopped)
        return;
    if (!cell_of(run, row)->floor) {
        struct attempt_request request = request_of(run, row);
        request.verify                 = true;
        attempt_run(&request, a);
        check_digest(run, row, a);
        if (a->end == ATTEMPT_INTERRUPTED)
            return;
        if (a->end != ATTEMPT_GOOD) {
            snprintf(state->stopped, sizeof state->stopped, "check failed: %.600s", a->cause);
            return;
        }
    }
    state->checked = true;
}

static void time_row(struct run *run, size_t row, struct attempt *a) {
    const struct attempt_request request = request_of(run, row);
    attempt_run(&request, a);
    check_digest(run, row, a);
    if (a->end == ATTEMPT_TIMED_OUT) /* each further one would cost the whole limit, too */
        snprintf(run->row[row].stopped, sizeof run->row[row].stopped, "not run after this: %.600s",
                 a->cause);
}

static void take_sample(struct run *run, size_t row, struct attempt *a) {
    *a = (struct attempt){0};
    check_row(run, row, a);
    if (a->end == ATTEMPT_INTERRUPTED)
        return;
    if (!*run->row[row].stopped) {
        time_row(run, row, a);
        return;
    }
    a->end = ATTEMPT_FAILED;
    memcpy(a->cause, run->row[row].stopped, sizeof a->cause);
}

static void add_counters(const struct record *r, bool oversubscribed, struct gbench_outcome *out) {
    const double ops = (double)r->ops, ns = (double)r->wall_ns;
    out->counter[0] = (struct gbench_counter){"ns_per_op", ns / ops};
    out->counter[1] = (struct gbench_counter){"ops_per_second", ops * 1e9 / ns};
    out->counter[2] = (struct gbench_counter){"oversubscribed", oversubscribed};
    out->counters   = 3;
    for (size_t i = 0; i < record_numbers_count && out->counters < GBENCH_COUNTERS; i++)
        if (record_number(r, i) >= 0)
            out->counter[out->counters++] =
                (struct gbench_counter){record_numbers[i].name, (double)record_number(r, i)};
}

static void print_sample(const char *name, int width, const struct attempt *a) {
    const struct record *r = &a->record;
    progress_clear();
    if (a->end == ATTEMPT_GOOD)
        printf("%-*s %11.2f ns/op %9.3f Mop/s   RSS %7.1f MiB   VSZ %10.1f MiB\n", width, name,
               (double)r->wall_ns / (double)r->ops, (double)r->ops * 1e3 / (double)r->wall_ns,
               (double)r->rss_live_bytes / 0x1p20, (double)r->vsz_live_bytes / 0x1p20);
    else
        printf("%-*s FAILED: %s\n", width, name, a->cause);
    fflush(stdout);
}

/* Called by Google Benchmark for each sample, in the order of the plan. */
static void run_sample(void *arg, struct gbench_outcome *out) {
    static struct attempt a; /* Google Benchmark reads its cause after the return */
    const struct sample *s = arg;
    struct run *run        = s->run;
    const size_t row       = s->plan->row;
    char name[160];
    row_name(run, row, name, sizeof name);
    out->discard = true;
    if (spawn_interrupted() || ferror(stdout))
        return;
    show_progress(run, name);
    take_sample(run, row, &a);
    if (a.end == ATTEMPT_INTERRUPTED)
        return;

    const bool good = a.end == ATTEMPT_GOOD;
    out->discard    = false;
    out->threads    = run->plan.row[row].threads;
    if (good) {
        out->wall_seconds = (double)a.record.wall_ns * 1e-9;
        out->cpu_seconds  = (double)a.record.cpu_ns * 1e-9;
        add_counters(&a.record, out->threads > machine_cpus(), out);
    } else {
        out->error = a.cause;
    }
    journal_add(&run->journal, &(struct entry){.allocator = cell_of(run, row)->name,
                                               .workload  = workload_of(run, row)->name,
                                               .threads   = out->threads,
                                               .block     = s->plan->block,
                                               .failed    = !good,
                                               .record    = a.record});
    run->failed += !good;
    run->steps_done++;
    print_sample(name, run->name_width, &a);
}

/* --- the timeline --- */

/* The thread count of the timeline: the largest that the CPUs can run at once, if there is one. */
static unsigned timeline_threads(const struct options *o) {
    unsigned best = o->threads[0];
    for (size_t i = 1; i < o->thread_counts; i++) {
        const bool fits = o->threads[i] <= machine_cpus();
        if (fits ? best < o->threads[i] || best > machine_cpus() : best > o->threads[i])
            best = o->threads[i];
    }
    return best;
}

static unsigned timeline_passes(const struct run *run) {
    unsigned passes = 0;
    for (size_t row = 0; row < run->plan.rows; row++)
        passes += run->plan.row[row].threads == timeline_threads(run->options);
    return passes;
}

/* One pass for each good row of that thread count; one that fails is said, and costs nothing else.
 */
static void run_timeline(struct run *run) {
    const unsigned rest = run->options->quick ? TIMELINE_REST_QUICK_MS : TIMELINE_REST_MS;
    timeline_header(run->timeline.stream);
    for (size_t row = 0; row < run->plan.rows && !spawn_interrupted(); row++) {
        if (run->plan.row[row].threads != timeline_threads(run->options))
            continue;
        char name[160];
        row_name(run, row, name, sizeof name);
        show_progress(run, name);
        run->steps_done++;
        if (!run->row[row].checked)
            continue;
        const struct attempt_request request = request_of(run, row);
        struct attempt a;
        timeline_pass(run->timeline.stream, &request, rest, &a);
        if (a.end == ATTEMPT_GOOD || a.end == ATTEMPT_INTERRUPTED)
            continue;
        progress_clear();
        fprintf(stderr, "spanbench: no timeline of %s: %s\n", name, a.cause);
    }
}

/* --- the whole --- */

/* Says which chosen cells are no rows. False: one that the user preloads is not what it claims. */
static bool report_cells(const struct run *run, const bool *chosen) {
    bool good = true;
    for (size_t i = 0; i < run->registry.cells; i++) {
        const struct cell *c = &run->registry.cell[i];
        if (chosen[i] && *c->skipped)
            fprintf(stderr, "spanbench: %s is skipped: %s\n", c->name, c->skipped);
        if (chosen[i] && *c->broken)
            fprintf(stderr, "spanbench: %s: %s\n", c->name, c->broken);
        good &= !*c->preload || (!*c->skipped && !*c->broken);
    }
    return good;
}

static bool make_plan(struct run *run) {
    const struct options *o = run->options;
    struct plan_row *rows   = NULL;
    size_t count            = 0;
    bool *chosen            = NULL;
    bool good = selection_open(o, &run->registry, &chosen) && report_cells(run, chosen) &&
                selection_rows(o, &run->registry, chosen, &rows, &count);
    free(chosen);
    if (!good)
        return false;
    good           = plan_make(&run->plan, rows, count, o->repetitions, o->seed);
    run->row       = calloc(count, sizeof *run->row);
    run->sample    = calloc(run->plan.samples, sizeof *run->sample);
    run->digest    = calloc(run->registry.workloads, sizeof *run->digest);
    run->digest_of = calloc(run->registry.workloads, sizeof *run->digest_of);
    free(rows);
    if (!good || !run->row || !run->sample || !run->digest || !run->digest_of) {
        fprintf(stderr, "spanbench: out of memory\n");
        return false;
    }
    for (size_t i = 0; i < count; i++)
        if (*cell_of(run, i)->broken)
            snprintf(run->row[i].stopped, sizeof run->row[i].stopped, "%.630s",
                     cell_of(run, i)->broken);
    return true;
}

static void register_samples(struct run *run) {
    char name[160];
    for (size_t i = 0; i < run->plan.samples; i++) {
        run->sample[i] = (struct sample){run, &run->plan.sample[i]};
        row_name(run, run->plan.sample[i].row, name, sizeof name);
        if ((int)strlen(name) > run->name_width)
            run->name_width = (int)strlen(name);
        gbench_register(name, run_sample, &run->sample[i]);
    }
}

static bool open_files(struct run *run) {
    char problem[2 * PATH_MAX];
    if (!journal_open(&run->journal, run->options->out, run->plan.samples,
                      document_context(run->options, &run->registry)))
        return false;
    if (results_create(&run->journal.results, "timeline.csv",
                       (size_t)timeline_passes(run) * TIMELINE_PASS_BYTES, &run->timeline, problem,
                       sizeof problem))
        return true;
    fprintf(stderr, "spanbench: %s\n", problem);
    journal_close(&run->journal, false);
    return false;
}

static int finish(struct run *run, size_t matched) {
    const int signal    = spawn_interrupted();
    const bool complete = !signal && !ferror(stdout);
    char problem[2 * PATH_MAX];
    char directory[PATH_MAX];
    memcpy(directory, run->journal.results.directory, sizeof directory);
    const size_t samples = run->journal.entries;
    progress_clear();
    if (!complete || !samples)
        results_discard(&run->timeline);
    else if (!results_commit(&run->timeline, problem, sizeof problem))
        fprintf(stderr, "spanbench: %s\n", problem);
    const bool saved = journal_close(&run->journal, complete);
    if (!matched) {
        fprintf(stderr, "spanbench: --benchmark_filter matches no sample; "
                        "--benchmark_list_tests prints their names\n");
        return WRONG_USE;
    }
    if (signal || ferror(stdout))
        fprintf(stderr, "spanbench: %s; %zu of %zu samples are finished%s%s\n",
                signal ? strsignal(signal) : "standard output is closed", samples, matched,
                samples && saved ? " and saved in " : "", samples && saved ? directory : "");
    else if (saved)
        fprintf(stderr, "spanbench: %zu samples, %zu failed: %s/bench.json\n", samples, run->failed,
                directory);
    if (!saved)
        return WRONG_USE;
    return signal ? SIGNALLED + signal : run->failed || !complete ? FINDING : GOOD;
}

static int run_plan(struct run *run) {
    const struct options *o = run->options;
    if (o->list_only) {
        register_samples(run);
        return gbench_run() ? GOOD : WRONG_USE;
    }
    if (!open_files(run))
        return WRONG_USE;
    run->steps = (unsigned)run->plan.samples + timeline_passes(run);
    fprintf(stderr, "spanbench: %zu rows in %u shuffled blocks, seed %llu\n", run->plan.rows,
            o->repetitions, (unsigned long long)o->seed);
    register_samples(run);
    clock_gettime(CLOCK_MONOTONIC, &run->started);
    const size_t matched = gbench_run();
    if (matched && !spawn_interrupted())
        run_timeline(run);
    return finish(run, matched);
}

int run_command(const struct options *o) {
    static struct run run;
    run      = (struct run){.options = o};
    int argc = o->benchmark_argc;
    if (!gbench_initialize(&argc, o->benchmark_argv)) {
        fprintf(stderr, "spanbench: Google Benchmark does not take '%s'\n", o->benchmark_argv[1]);
        return WRONG_USE;
    }
    spawn_catch_signals();
    const int code = make_plan(&run) ? run_plan(&run) : WRONG_USE;
    free(run.row);
    free(run.sample);
    free(run.digest);
    free(run.digest_of);
    plan_free(&run.plan);
    registry_close(&run.registry);
    return code;
}
