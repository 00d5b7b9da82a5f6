#include "bench.h"

#include "bench_json.h"
#include "exit_code.h"
#include "gbench.h"
#include "long_rest.h"
#include "machine.h"
#include "output.h"
#include "progress.h"
#include "rows.h"
#include "save.h"
#include "spawn.h"
#include "text.h"
#include "timeline.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct run {
    const struct options *options;
    struct rows rows;
    struct registered *sample; /* one for each of the plan's */
    struct save saved;
    struct results_file timeline;
    int name_width;   /* of the longest row's name */
    bool *told;       /* of each row: a failure of it was said */
    size_t failed;    /* samples */
    size_t no_line;   /* failed passes of the timeline */
    size_t no_rest;   /* failed processes of the long rest */
    int output_error; /* why standard output takes no more, an errno; 0: it does */
};

/* The argument of a registered benchmark. */
struct registered {
    struct run *run;
    const struct plan_sample *plan;
};

static bool is_ended(const struct run *run) {
    return spawn_interrupted() || run->output_error;
}

/* What is left, at the mean pace so far of each kind of process. Below 0: not known yet. */
static double seconds_left(const struct run *run) {
    const double sample = rows_sample_seconds(&run->rows);
    const size_t left   = run->rows.plan.samples - run->saved.entries;
    if (sample < 0)
        return -1;
    return (double)left * sample + rows_checks_left_seconds(&run->rows) +
           (double)timeline_passes(&run->rows) * timeline_pass_seconds(&run->rows) +
           long_rest_seconds(&run->rows);
}

static void add_counter(struct gbench_outcome *out, const char *name, double value) {
    if (out->counters < GBENCH_COUNTERS)
        out->counter[out->counters++] = (struct gbench_counter){name, value};
}

/* Was so much of the CPUs taken by others that the sample is in doubt? What the steps of the clocks
 * may hide is left out: a tick for each thread, and one for the others. */
static bool is_busy(double others_cpu, unsigned threads, const struct sample *a) {
    static const double tick_seconds = 0.01, limit = 0.05;
    const double cpus = machine_cpus_online(), running = (double)threads + 1;
    const double noise = tick_seconds * (running < cpus ? running : cpus) / (a->seconds * cpus);
    return others_cpu - noise > limit;
}

static void add_counters(const struct sample *a, double others_cpu, struct gbench_outcome *out) {
    const struct record *r = &a->record;
    add_counter(out, "ns_per_op", (double)r->wall_ns / (double)r->ops);
    add_counter(out, "ops_per_second", (double)r->ops * 1e9 / (double)r->wall_ns);
    add_counter(out, "oversubscribed", r->threads > machine_cpus());
    if (others_cpu >= 0) {
        add_counter(out, "others_cpu_share", others_cpu);
        add_counter(out, "busy", is_busy(others_cpu, r->threads, a));
    }
    for (size_t i = 0; i < record_numbers_count; i++)
        if (record_number(r, i) >= 0)
            add_counter(out, record_numbers[i].name, (double)record_number(r, i));
}

/* The share of this machine's CPU time that others took while a sample ran. Below 0: not known. */
static double share_of_others(double busy_before, const struct sample *a) {
    const double busy = machine_busy_seconds();
    const double all  = a->seconds * machine_cpus_online();
    if (busy_before < 0 || busy < 0 || all <= 0)
        return -1;
    const double others = busy - busy_before - a->cpu_seconds;
    return others < 0 ? 0 : others / all;
}

/* Failures at once, the first of each row. Good samples, and all failures, if it was asked for:
 * else hundreds of lines would say less than the answer at the end. */
static void print_sample(struct run *run, size_t row, const char *name, const struct sample *a) {
    const struct record *r = &a->record;
    const double ns        = (double)r->wall_ns / (double)r->ops;
    if (!run->options->verbose && (a->end == SAMPLE_GOOD || run->told[row]))
        return;
    run->told[row] |= a->end != SAMPLE_GOOD;
    progress_clear();
    if (a->end == SAMPLE_GOOD)
        printf("%-*s %10.*f ns/op  RSS %7.1f MiB\n", run->name_width, name, ns < 1000 ? 2 : 0, ns,
               (double)r->rss_live_bytes / 0x1p20);
    else
        printf("%-*s FAILED: %s\n", run->name_width, name, a->cause);
    run->output_error = output_error();
}

/* What Google Benchmark is to know of a sample. `a` must outlive its return. */
static void fill_outcome(const struct sample *a, unsigned threads, double others_cpu,
                         struct gbench_outcome *out) {
    const struct record *r = &a->record;
    out->discard           = false;
    out->threads           = threads;
    if (a->end != SAMPLE_GOOD) {
        out->error = a->cause;
        return;
    }
    out->wall_seconds = (double)r->wall_ns * 1e-9;
    out->cpu_seconds  = (double)r->cpu_ns * 1e-9;
    out->operations   = (double)r->ops;
    add_counters(a, others_cpu, out);
}

/* How long a sample will take, generously, so that the file is renewed before it and not meanwhile.
 * Below 0: not known. */
static double expected_seconds(const struct row_state *row) {
    return row->seconds > 0 ? 1.5 * row->seconds : -1;
}

/* Called by Google Benchmark for each sample, in the order of the plan. */
static void run_sample(void *arg, struct gbench_outcome *out) {
    static struct sample a; /* Google Benchmark reads its cause after the return */
    const struct registered *s = arg;
    struct run *run            = s->run;
    struct rows *rows          = &run->rows;
    const size_t row           = s->plan->row;
    char name[ROW_NAME_BYTES];
    out->discard = true;
    if (is_ended(run))
        return;
    save_renew(&run->saved, expected_seconds(&rows->state[row]));
    rows_name(rows, row, name);
    if (!rows_check(rows, row, s->plan->round))
        return;
    progress_show("sample", run->saved.entries + 1, rows->plan.samples, seconds_left(run), name);
    const double busy = machine_busy_seconds();
    if (!rows_time(rows, row, s->plan->round, &a))
        return;
    const unsigned threads = rows->plan.row[row].threads;
    fill_outcome(&a, threads, share_of_others(busy, &a), out);
    save_add(&run->saved, &(struct entry){.allocator           = rows_cell(rows, row)->name,
                                          .workload            = rows_workload(rows, row)->name,
                                          .threads             = threads,
                                          .round               = s->plan->round,
                                          .seed                = rows_seed(rows, s->plan->round),
                                          .failed              = a.end != SAMPLE_GOOD,
                                          .process_seconds     = a.seconds,
                                          .process_cpu_seconds = a.cpu_seconds,
                                          .record              = a.record});
    run->failed += a.end != SAMPLE_GOOD;
    print_sample(run, row, name, &a);
}

/* Registers so many samples of the plan and lets Google Benchmark run them. */
static void run_some(struct run *run, size_t first, size_t count) {
    char name[ROW_NAME_BYTES];
    for (size_t i = first; i < first + count; i++) {
        run->sample[i] = (struct registered){run, &run->rows.plan.sample[i]};
        rows_name(&run->rows, run->rows.plan.sample[i].row, name);
        gbench_register(name, run_sample, &run->sample[i]);
    }
    gbench_run();
}

/* All samples, round by round, or at once if Google Benchmark is to write a file of them. */
static void run_samples(struct run *run) {
    const size_t all  = run->rows.plan.samples;
    const size_t step = run->options->one_session ? all : run->rows.plan.round_samples;
    for (size_t first = 0; first < all && !is_ended(run); first += step)
        run_some(run, first, step);
}

static bool open_files(struct run *run) {
    char problem[RESULTS_PROBLEM_BYTES];
    if (!save_open(&run->saved, run->options->out, run->rows.plan.samples,
                   bench_json_context(run->options, &run->rows.registry, run->rows.unmeasured)))
        return false;
    if (results_create(&run->saved.results, "timeline.csv", timeline_bytes(&run->rows),
                       &run->timeline, problem, sizeof problem))
        return true;
    text_say("%s", problem);
    save_close(&run->saved, false);
    return false;
}

/* Saves all, says how it ended, and returns the exit code. */
static int finish(struct run *run) {
    const int signal      = spawn_interrupted();
    const bool complete   = !is_ended(run);
    const size_t samples  = run->saved.entries;
    const char *directory = run->saved.results.directory;
    char problem[RESULTS_PROBLEM_BYTES];
    bool saved = true;
    progress_clear();
    if (!complete && ftell(run->timeline.stream) <= 0) /* it was not begun */
        results_discard(&run->timeline);
    else if (!(saved = results_commit(&run->timeline, problem, sizeof problem)))
        text_say("%s", problem);
    saved &= save_close(&run->saved, complete);
    if (samples && saved &&
        !results_tell(&run->saved.results, run->options->directory_to, problem, sizeof problem)) {
        text_say("%s", problem);
        saved = false;
    }
    if (!complete)
        text_say("%s; %zu of %zu sample%s finished%s%s",
                 signal ? "interrupted" : output_describe(run->output_error), samples,
                 run->rows.plan.samples, run->rows.plan.samples == 1 ? " is" : "s are",
                 samples && saved ? " and saved in " : "", samples && saved ? directory : "");
    else if (saved)
        text_say("%zu sample%s, %zu failed; %zu timeline%s, %zu failed: %s/bench.json", samples,
                 text_plural(samples), run->failed, timeline_passes(&run->rows),
                 text_plural(timeline_passes(&run->rows)), run->no_line, directory);
    return !saved || !complete                           ? EXIT_WRONG_USE
           : run->failed || run->no_line || run->no_rest ? EXIT_FINDING
                                                         : EXIT_GOOD;
}

static void announce(const struct run *run) {
    const struct plan *plan = &run->rows.plan;
    const unsigned last     = run->options->last_round;
    const uint64_t seed     = rows_seed(&run->rows, run->options->first_round);
    char to[32]             = "";
    if (rows_seed(&run->rows, last) != seed)
        snprintf(to, sizeof to, " to %llu", (unsigned long long)rows_seed(&run->rows, last));
    text_say("%zu benchmark%s, %zu sample%s of each, seed%s %llu%s", plan->rows,
             text_plural(plan->rows), plan->samples / plan->rows,
             text_plural(plan->samples / plan->rows), *to ? "s" : "", (unsigned long long)seed, to);
    if (machine_randomizes_addresses() == MACHINE_NO)
        text_say(
            "address randomisation is off: all samples have the same addresses, whose luck the "
            "quartiles do not show");
}

static int run_plan(struct run *run) {
    const struct plan *plan = &run->rows.plan;
    run->sample             = calloc(plan->samples, sizeof *run->sample);
    run->told               = calloc(plan->rows, sizeof *run->told);
    if (!run->sample || !run->told) {
        text_say("out of memory");
        return EXIT_WRONG_USE;
    }
    if (run->options->list_only) {
        run_some(run, 0, plan->samples);
        return EXIT_GOOD;
    }
    for (size_t row = 0; row < plan->rows; row++) {
        char name[ROW_NAME_BYTES];
        rows_name(&run->rows, row, name);
        run->name_width = (int)strlen(name) > run->name_width ? (int)strlen(name) : run->name_width;
    }
    if (!open_files(run))
        return EXIT_WRONG_USE;
    announce(run);
    run_samples(run);
    save_renew(&run->saved, -1);
    if (!is_ended(run))
        run->no_line = timeline_run(&run->rows, &run->timeline, &run->saved);
    if (!is_ended(run))
        run->no_rest = long_rest_run(&run->rows, &run->saved);
    return finish(run);
}

int bench_command(const struct options *o) {
    static struct run run;
    run      = (struct run){.options = o};
    int argc = o->benchmark_argc;
    if (!o->one_seed && !options_seeds_exist(o, "repetitions", o->repetitions))
        return EXIT_WRONG_USE;
    if (!gbench_initialize(&argc, o->benchmark_argv)) {
        text_say("Google Benchmark does not accept '%s'", o->benchmark_argv[1]);
        return EXIT_WRONG_USE;
    }
    int code = rows_open(&run.rows, o) ? run_plan(&run) : EXIT_WRONG_USE;
    free(run.sample);
    free(run.told);
    rows_close(&run.rows);
    return code;
}
