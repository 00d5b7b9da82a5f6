#include "rows.h"

#include "gbench.h"
#include "machine.h"
#include "progress.h"
#include "selection.h"
#include "text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct cell *rows_cell(const struct rows *r, size_t row) {
    return &r->registry.cell[r->plan.row[row].allocator];
}

const struct workload_info *rows_workload(const struct rows *r, size_t row) {
    return &r->registry.workload[r->plan.row[row].workload];
}

static void name_row(const struct registry *r, const struct plan_row *row,
                     char name[ROW_NAME_BYTES]) {
    snprintf(name, ROW_NAME_BYTES, "%s/%s/threads:%u", r->workload[row->workload].name,
             r->cell[row->allocator].name, row->threads);
}

void rows_name(const struct rows *r, size_t row, char name[ROW_NAME_BYTES]) {
    name_row(&r->registry, &r->plan.row[row], name);
}

static uint64_t ops_of(const struct options *o, const struct workload_info *w) {
    return o->brief ? w->brief_ops : o->quick ? w->quick_ops : w->ops;
}

uint64_t rows_seed(const struct rows *r, unsigned round) {
    return r->options->seed + (r->options->one_seed ? 0 : round);
}

bool rows_memory_counts(const struct workload_info *w) {
    return strcmp(w->group, "memory") == 0;
}

/* Where memory is what counts, it is also read some time after the end. */
static const char *later_of(const struct options *o, const struct workload_info *w) {
    return !rows_memory_counts(w) ? NULL : o->quick || o->brief ? "100" : "100,1000";
}

struct sample_request rows_request(const struct rows *r, size_t row, unsigned round) {
    const struct options *o       = r->options;
    const struct workload_info *w = rows_workload(r, row);
    const struct cell *cell       = rows_cell(r, row);
    return (struct sample_request){.cell            = cell,
                                   .workload        = w->name,
                                   .holds_blocks    = w->holds_blocks,
                                   .threads         = r->plan.row[row].threads,
                                   .ops             = ops_of(o, w),
                                   .seed            = rows_seed(r, round),
                                   .sizes           = w->takes_sizes ? r->registry.sizes : NULL,
                                   .thp             = cell->variant.thp_never ? "never" : o->thp,
                                   .later           = later_of(o, w),
                                   .timeout_seconds = o->timeout_seconds};
}

/* --- making them --- */

struct thread_counts {
    unsigned count[sizeof((struct options *)NULL)->threads / sizeof(unsigned)];
    size_t counts;
};

static void add_threads(struct thread_counts *t, unsigned n) {
    for (size_t i = 0; i < t->counts; i++)
        if (t->count[i] == n)
            return;
    t->count[t->counts++] = n;
}

/* So many threads, or the nearest number that the workload takes. */
static unsigned nearest(const struct workload_info *w, unsigned n) {
    return n < w->least_threads ? w->least_threads : n > w->most_threads ? w->most_threads : n;
}

/* By how many threads a workload runs. Those that the user named, as far as it takes them. Else,
 * for the core, as the options say. The other workloads are many: they run by one and two threads,
 * in a quick run by two alone, or by what is nearest to that. One that is about more threads than
 * CPUs has one row. */
static struct thread_counts threads_of(const struct options *o, const struct workload_info *w) {
    struct thread_counts t = {.counts = 0};
    if (o->threads_named || strcmp(w->group, REGISTRY_CORE) == 0) {
        for (size_t i = 0; i < o->thread_counts; i++)
            if (o->threads[i] >= w->least_threads && o->threads[i] <= w->most_threads)
                add_threads(&t, o->threads[i]);
        return t;
    }
    if (w->threads_per_cpu) {
        add_threads(&t, nearest(w, w->threads_per_cpu * machine_cpus()));
        return t;
    }
    for (unsigned n = o->quick ? 2 : 1; n <= 2; n++)
        add_threads(&t, nearest(w, n));
    return t;
}

/* Says and records what has no row. `allocator`: or NULL, for all. */
static void leave_out(struct rows *r, const char *workload, const char *allocator,
                      const char *why) {
    text_say("%s%s%s is not measured: %s", workload, allocator ? "/" : "",
             allocator ? allocator : "", why);
    json_t *entry = json_pack("{s:s, s:s}", "workload", workload, "why", why);
    if (allocator)
        json_object_set_new(entry, "allocator", json_string(allocator));
    json_array_append_new(r->unmeasured, entry);
}

/* Can the allocator have a row of a workload? If it lacks a function, that is said. A broken cell
 * has rows for everything: each of its samples will be a failed one. */
static bool has_row(struct rows *r, const struct cell *c, size_t w) {
    if (*c->broken)
        return true;
    if (!registry_offers(&r->registry, c, w))
        return false;
    const char *missing = registry_missing(&r->registry, c, w);
    char why[128];
    if (!*missing)
        return true;
    snprintf(why, sizeof why, "%.60s has no %.60s", c->name, missing);
    leave_out(r, r->registry.workload[w].name, c->name, why);
    return false;
}

/* Adds the rows of a workload. */
static void list_workload(struct rows *r, const bool *chosen, size_t w, struct plan_row *rows,
                          size_t *count) {
    const struct workload_info *info = &r->registry.workload[w];
    const struct thread_counts t     = threads_of(r->options, info);
    if (!t.counts) {
        char why[128];
        snprintf(
            why, sizeof why, "it takes %u %s threads, and --threads asks for none of these",
            info->most_threads < info->least_threads + 1 ? info->most_threads : info->least_threads,
            info->most_threads < info->least_threads + 1 ? "and no other number of" : "or more");
        leave_out(r, info->name, NULL, why);
        return;
    }
    for (size_t i = 0; i < r->registry.cells; i++) {
        const struct cell *c = &r->registry.cell[i];
        if (!chosen[i] || *c->skipped || !has_row(r, c, w))
            continue;
        for (size_t n = 0; n < t.counts; n++)
            rows[(*count)++] = (struct plan_row){(unsigned)i, (unsigned)w, t.count[n], 0};
    }
}

/* The rows of the chosen, described cells, a new array that the caller frees in any case. A skipped
 * cell has none. False: a workload is unknown, or nothing is left; standard error says so. */
static bool list_rows(struct rows *rows_of, const bool *chosen, struct plan_row **rows,
                      size_t *count) {
    const struct options *o  = rows_of->options;
    const struct registry *r = &rows_of->registry;
    if (!selection_workloads_exist(o, r))
        return false;
    const size_t most = o->thread_counts > 2 ? o->thread_counts : 2;
    *rows             = calloc(r->cells * r->workloads * most + 1, sizeof **rows);
    for (size_t w = 0; *rows && w < r->workloads; w++)
        if (selection_workload(o, &r->workload[w]))
            list_workload(rows_of, chosen, w, *rows, count);
    if (*count)
        return true;
    text_say("there is nothing to measure; see 'spanbench list'");
    return false;
}

/* Is there memory for blocks of the sizes that the user gave? */
static bool has_room(const struct registry *r, const struct plan_row *list, size_t count) {
    const double there = (double)machine_memory_available();
    for (size_t i = 0; i < count; i++) {
        const struct workload_info *w = &r->workload[list[i].workload];
        const double needed           = (double)w->sizes_live_bytes * list[i].threads;
        if (!there || needed <= there)
            continue;
        text_say(
            "--sizes: %u thread%s of %s would hold about %.3g GiB of these sizes, and %.3g GiB "
            "are free; leave the largest sizes out, or give fewer --threads",
            list[i].threads, text_plural(list[i].threads), w->name, needed / 0x1p30,
            there / 0x1p30);
        return false;
    }
    return true;
}

/* If there is to be a long rest, is there a row whose memory counts? */
static bool has_rest(const struct rows *r, const struct plan_row *list, size_t count) {
    bool counts = !r->options->long_rest_seconds;
    for (size_t i = 0; i < count && !counts; i++)
        counts = rows_memory_counts(&r->registry.workload[list[i].workload]);
    if (!counts)
        text_say("--long-rest is for the workloads of the group memory, and none is measured; add "
                 "--group memory");
    return counts;
}

/* Says which chosen cells have no rows. False: a library that the user preloads has no malloc, or
 * is not found. One that only crashes has rows, which fail, and the others are measured. */
static bool report_cells(const struct registry *registry, const bool *chosen) {
    bool good = true;
    for (size_t i = 0; i < registry->cells; i++) {
        const struct cell *c = &registry->cell[i];
        if (chosen[i] && *c->skipped)
            text_say("%s is skipped: %s", c->name, c->skipped);
        if (chosen[i] && *c->broken)
            text_say("%s: %s", c->name, c->broken);
        good &= !*c->preload || (!*c->skipped && !c->refused);
    }
    return good;
}

static void mark(void *arg, struct gbench_outcome *out) {
    *(bool *)arg = true;
    out->discard = true;
}

/* Keeps the rows whose names Google Benchmark's filter selects. False: none is left. */
static bool filter(const struct registry *registry, struct plan_row *list, size_t *count) {
    char name[ROW_NAME_BYTES];
    bool *matched = calloc(*count, sizeof *matched);
    for (size_t i = 0; matched && i < *count; i++) {
        name_row(registry, &list[i], name);
        gbench_register(name, mark, &matched[i]);
    }
    gbench_run();
    size_t kept = 0;
    for (size_t i = 0; matched && i < *count; i++)
        if (matched[i])
            list[kept++] = list[i];
    if (!kept)
        text_say(
            "%s",
            matched
                ? "--benchmark_filter matches no benchmark; --benchmark_list_tests prints all names"
                : "out of memory");
    free(matched);
    *count = kept;
    return kept > 0;
}

bool rows_open(struct rows *r, const struct options *o) {
    struct plan_row *list = NULL;
    size_t count          = 0;
    bool *chosen          = NULL;
    *r                    = (struct rows){.options = o, .unmeasured = json_array()};
    bool good = selection_open(o, &r->registry, &chosen) && report_cells(&r->registry, chosen) &&
                list_rows(r, chosen, &list, &count) &&
                (o->list_only || filter(&r->registry, list, &count)) &&
                has_room(&r->registry, list, count) && has_rest(r, list, count);
    free(chosen);
    if (!good) {
        free(list);
        return false;
    }
    good     = plan_make(&r->plan, list, count, o->repetitions, o->mirrored, o->seed);
    r->state = good ? calloc(count, sizeof *r->state) : NULL;
    free(list);
    if (!r->state) {
        text_say("out of memory");
        return false;
    }
    plan_keep(&r->plan, o->first_round, o->last_round);
    for (size_t row = 0; row < count; row++)
        snprintf(r->state[row].stopped, sizeof r->state[row].stopped, "%.630s",
                 rows_cell(r, row)->broken);
    return true;
}

void rows_close(struct rows *r) {
    free(r->state);
    json_decref(r->unmeasured);
    plan_free(&r->plan);
    registry_close(&r->registry);
}

/* --- checking them --- */

static void stop(struct row_state *state, const char *why, const char *cause) {
    snprintf(state->stopped, sizeof state->stopped, "%s: %.600s", why, cause);
}

static void pace_add(struct pace *pace, double seconds) {
    pace->seconds += seconds;
    pace->count++;
}

/* Says what takes the time before the first samples of a group. */
static void show_check(const struct rows *r, size_t row) {
    size_t checked = 0;
    char name[ROW_NAME_BYTES];
    for (size_t i = 0; i < r->plan.rows; i++)
        checked += r->state[i].checked;
    rows_name(r, row, name);
    progress_show("verifying each byte once, row", checked + 1, r->plan.rows, -1, name);
}

/* The verifying pass of one row; `digest` gets that of its requests if it was good. Returns false
 * after an interrupt. */
static bool verify(struct rows *r, size_t row, unsigned round, char digest[17]) {
    static struct sample a;
    struct sample_request request = rows_request(r, row, round);
    request.verify                = true;
    if (!r->state[row].checked)
        show_check(r, row);
    sample_run(&request, &a);
    pace_add(&r->checks, a.seconds);
    if (a.end == SAMPLE_GOOD)
        memcpy(digest, a.record.digest, sizeof a.record.digest);
    else if (a.end != SAMPLE_INTERRUPTED)
        stop(&r->state[row], "check failed", a.cause);
    return a.end != SAMPLE_INTERRUPTED;
}

/* How many rows of a group have this digest. */
static size_t votes_for(const struct rows *r, size_t group, const char *digest) {
    size_t votes = 0;
    for (size_t row = group; row < r->plan.rows; row++)
        votes += r->plan.row[row].group == group && strcmp(r->state[row].digest, digest) == 0;
    return votes;
}

/* All that follows is compared with the digest that this row had in this round. */
static void set_digest(struct rows *r, size_t row, unsigned round, const char *digest) {
    struct row_state *group = &r->state[r->plan.row[row].group];
    group->round            = round;
    group->witness          = row;
    snprintf(group->round_digest, sizeof group->round_digest, "%s", digest);
}

/* The group's digest becomes that of most of its rows, the first one's if as many have another;
 * "": none is known. */
static void find_common_digest(struct rows *r, size_t group, unsigned round) {
    size_t most = 0;
    set_digest(r, group, round, "");
    for (size_t row = group; row < r->plan.rows; row++) {
        const char *digest = r->state[row].digest;
        if (r->plan.row[row].group != group || !*digest || votes_for(r, group, digest) <= most)
            continue;
        most = votes_for(r, group, digest);
        set_digest(r, row, round, digest);
    }
}

/* Stops the rows of a group that made other requests than most. */
static void compare_digests(struct rows *r, size_t group, unsigned round) {
    char cause[160];
    find_common_digest(r, group, round);
    const char *common = r->state[group].round_digest;
    for (size_t row = group; row < r->plan.rows; row++) {
        struct row_state *state = &r->state[row];
        if (r->plan.row[row].group != group || !*state->digest ||
            strcmp(state->digest, common) == 0)
            continue;
        snprintf(cause, sizeof cause,
                 "digest: %s, but most others have %s: the requests differ, so the times cannot be "
                 "compared",
                 state->digest, common);
        stop(state, "check failed", cause);
        *state->digest = '\0';
    }
}

/* The floor needs no check: its blocks overlap. */
static bool can_verify(const struct rows *r, size_t row) {
    return !*r->state[row].stopped && !rows_cell(r, row)->floor;
}

/* The first verifying pass of every row of a group. */
static bool check_group(struct rows *r, size_t group, unsigned round) {
    for (size_t i = group; i < r->plan.rows; i++) {
        struct row_state *state = &r->state[i];
        if (r->plan.row[i].group != group || state->checked)
            continue;
        if (can_verify(r, i) && !verify(r, i, round, state->digest))
            return false;
        state->checked = true;
    }
    compare_digests(r, group, round);
    return true;
}

/* The nth row of a group that can verify, and on from the first again; SIZE_MAX: none can. */
static size_t nth_verifier(const struct rows *r, size_t group, size_t nth) {
    size_t count = 0;
    for (size_t i = group; i < r->plan.rows; i++)
        count += r->plan.row[i].group == group && can_verify(r, i);
    nth = count ? nth % count : 0;
    for (size_t i = group; count && i < r->plan.rows; i++)
        if (r->plan.row[i].group == group && can_verify(r, i) && nth-- == 0)
            return i;
    return SIZE_MAX;
}

/* What a round asks for, by the verifying pass of one row; of another where that one fails. */
static bool check_round(struct rows *r, size_t group, unsigned round) {
    char digest[sizeof r->state->digest] = "";
    size_t row;
    set_digest(r, group, round, "");
    while (!*digest && (row = nth_verifier(r, group, round)) != SIZE_MAX) {
        if (!verify(r, row, round, digest))
            return false;
        r->round_checks++;
        set_digest(r, row, round, digest);
    }
    return true;
}

bool rows_check(struct rows *r, size_t row, unsigned round) {
    const size_t group           = r->plan.row[row].group;
    const struct row_state *done = &r->state[group];
    if (!r->state[row].checked)
        return check_group(r, group, round);
    return rows_seed(r, done->round) == rows_seed(r, round) || check_round(r, group, round);
}

/* --- timing them --- */

/* Made this sample the requests of its round? The first sets them where nobody could verify. */
static void compare_with_round(struct rows *r, size_t row, unsigned round, struct sample *a) {
    const struct row_state *group = &r->state[r->plan.row[row].group];
    if (!*group->round_digest)
        set_digest(r, row, round, a->record.digest);
    if (strcmp(group->round_digest, a->record.digest) == 0)
        return;
    a->end = SAMPLE_FAILED;
    snprintf(a->cause, sizeof a->cause, "digest: %s, but %s had %s with the seed of this round",
             a->record.digest, rows_cell(r, group->witness)->name, group->round_digest);
}

bool rows_time(struct rows *r, size_t row, unsigned round, struct sample *a) {
    struct row_state *state = &r->state[row];
    if (*state->stopped) {
        *a = (struct sample){.end = SAMPLE_FAILED};
        memcpy(a->cause, state->stopped, sizeof a->cause);
        return true;
    }
    const struct sample_request request = rows_request(r, row, round);
    sample_run(&request, a);
    pace_add(&r->timings, a->seconds);
    state->seconds = a->seconds;
    if (a->end == SAMPLE_GOOD)
        compare_with_round(r, row, round, a);
    if (a->end == SAMPLE_TIMED_OUT) /* each further one would cost the whole limit, too */
        stop(state, "not run after this", a->cause);
    return a->end != SAMPLE_INTERRUPTED;
}

double rows_sample_seconds(const struct rows *r) {
    enum { ENOUGH = 5 };
    return r->timings.count < ENOUGH ? -1 : r->timings.seconds / (double)r->timings.count;
}

double rows_checks_left_seconds(const struct rows *r) {
    const size_t later = r->options->one_seed ? 0 : r->plan.samples / r->plan.round_samples - 1;
    size_t left        = 0;
    for (size_t row = 0; row < r->plan.rows; row++) {
        left += !r->state[row].checked;
        left += r->plan.row[row].group == row ? later : 0;
    }
    left -= r->round_checks < left ? r->round_checks : left;
    return r->checks.count ? (double)left * r->checks.seconds / (double)r->checks.count : 0;
}
