#include "smallest.h"

#include "progress.h"
#include "text.h"

#include <string.h>

enum {
    DOUBLINGS = 12, /* of the peak, until the program must have ended well */
    SURE      = 3,  /* runs that must end alike: else chance decides */
    RISES     = 5,  /* steps up if it does, each twice as high as the one before */
    USUAL     = 14, /* runs of a row, for the progress */
    MIB       = 1 << 20,
};
/* Of the time without a limit: who reads its own pages from disk over and over never ends. */
static const double patience_factor = 10, patience_seconds = 5;
/* Of the limit that was found: do smaller ones do, too, or do larger ones not? */
static const double below[] = {0.9, 0.75, 0.5}, above = 1.1;

struct search {
    struct comparison *c;
    size_t row, runs;
    uint64_t fails, good; /* the largest limit that is too small, the smallest that is not */
    uint64_t good_below, fails_above; /* that do not fit to these; 0: none */
    bool by_chance;                   /* one limit did, and did not */
    json_t *tries;
    char problem[PROBLEM_BYTES]; /* of the last run that failed */
};

static uint64_t resolution(uint64_t bytes) {
    return bytes / 50 > MIB ? bytes / 50 : MIB;
}

/* Did it end as without a limit? */
static bool ends_well(struct search *s, const struct measured *m,
                      const struct measure_request *request) {
    const struct known *known = &s->c->known[s->row];
    if (measured_problem(m, request, s->c->options->good_code, s->problem, sizeof s->problem)) {
        if (memory_limit_killed(&s->c->limit))
            snprintf(s->problem, sizeof s->problem, "killed: the memory did not suffice");
        return false;
    }
    if (known->varies || known->hash == m->out_hash)
        return true;
    snprintf(s->problem, sizeof s->problem, "printed something else than without a limit");
    return false;
}

/* Runs it with this limit. */
static bool try_limit(struct search *s, uint64_t bytes) {
    static struct measured m;
    struct comparison *c  = s->c;
    struct row *row       = &c->trial.lineup.row[s->row];
    const double patience = patience_seconds + patience_factor * c->known[s->row].seconds;
    bool good             = false;
    struct measure_request r;
    if (spawn_interrupted() || *row->cause || s->runs >= SMALLEST_RUNS)
        return false;
    s->runs++;
    progress_show("limit", c->done++, c->trial.lineup.rows * USUAL, -1, row->name);
    (void)memory_limit_killed(&c->limit); /* what was before */
    if (!comparison_prepare(c, row))
        return false;
    if (memory_limit_change(&c->limit, bytes)) {
        r = comparison_request(c, s->row);
        if (patience < r.timeout_seconds)
            r.timeout_seconds = patience;
        r.unwatched = true; /* a run that is not measured */
        measure_run(&r, &m);
        good = ends_well(s, &m, &r);
    } else {
        snprintf(s->problem, sizeof s->problem, "the limit cannot be set");
    }
    json_array_append_new(s->tries, json_pack("{s:I, s:o}", "bytes", (json_int_t)bytes, "problem",
                                              good ? json_null() : trial_text(s->problem)));
    return good;
}

/* From what it takes without a limit to a limit that is enough. */
static bool find_any(struct search *s) {
    const int64_t peak = s->c->known[s->row].peak;
    s->good            = (uint64_t)(peak > 0 ? peak : MIB);
    s->good += s->good / 4 + MIB;
    for (unsigned i = 0; i <= DOUBLINGS && !spawn_interrupted(); i++, s->good *= 2) {
        if (try_limit(s, s->good))
            return true;
        s->fails = s->good;
    }
    return false;
}

static void halve(struct search *s) {
    while (s->good - s->fails > resolution(s->good) && !spawn_interrupted()) {
        const uint64_t middle = s->fails + (s->good - s->fails) / 2;
        if (s->runs >= SMALLEST_RUNS)
            return;
        if (try_limit(s, middle))
            s->good = middle;
        else
            s->fails = middle;
    }
}

/* Does it end so each time? `ran`: how often it did already. */
static bool each_time(struct search *s, uint64_t bytes, bool well, unsigned ran) {
    while (ran < SURE && s->runs < SMALLEST_RUNS && try_limit(s, bytes) == well)
        ran++;
    return ran == SURE;
}

/* What is named must do each time. */
static bool make_sure(struct search *s) {
    bool sure = each_time(s, s->good, true, 1);
    for (unsigned rises = 0; !sure && rises < RISES && !spawn_interrupted(); rises++) {
        s->by_chance = true;
        s->fails     = s->good;
        s->good += resolution(s->good) << rises;
        sure = each_time(s, s->good, true, 0);
    }
    if (!sure)
        snprintf(s->problem, sizeof s->problem, "up to there, chance decides whether it ends well");
    return sure;
}

/* One run may be chance. Only if each run says so does less memory suffice where more does not. Of
 * a limit that did and did not, no such thing is said. */
static void look_around(struct search *s) {
    const size_t looks = s->by_chance ? 0 : sizeof below / sizeof *below;
    for (size_t i = 0; i < looks && !s->good_below; i++) {
        const uint64_t less = (uint64_t)((double)s->fails * below[i]);
        if (less < MIB || !try_limit(s, less))
            continue;
        if (each_time(s, less, true, 1) && each_time(s, s->fails, false, 1))
            s->good_below = less;
        else
            s->by_chance = true;
    }
    const uint64_t more = (uint64_t)((double)s->good * above);
    if (try_limit(s, more))
        return;
    if (each_time(s, more, false, 1))
        s->fails_above = more;
    else
        s->by_chance = true;
}

static json_t *bytes_or_null(uint64_t bytes) {
    return bytes ? json_integer((json_int_t)bytes) : json_null();
}

static void find_for(struct comparison *c, size_t row) {
    struct search s = {.c = c, .row = row, .tries = json_array()};
    bool found      = find_any(&s);
    if (found) {
        halve(&s);
        found = make_sure(&s);
    }
    if (found)
        look_around(&s);
    if (spawn_interrupted()) {
        json_decref(s.tries);
        return;
    }
    trial_add_limit(
        &c->trial, row,
        json_pack("{s:o, s:o, s:o, s:b, s:o, s:o, s:o, s:o}", "bytes",
                  bytes_or_null(found ? s.good : 0), "too_small_bytes", bytes_or_null(s.fails),
                  "problem", trial_text(found ? NULL : s.problem), "by_chance", s.by_chance,
                  "also_enough_bytes", bytes_or_null(s.good_below), "also_too_small_bytes",
                  bytes_or_null(s.fails_above), "output_compared",
                  json_boolean(!c->known[row].varies), "tries", s.tries));
}

void smallest_find(struct comparison *c) {
    if (!c->options->smallest_limit || !lineup_left(&c->trial.lineup) || spawn_interrupted())
        return;
    c->done = 1;
    memory_limit_open(&c->limit, MIB);
    c->trial.limited_by = *c->limit.group ? "cgroup" : "RLIMIT_DATA";
    for (size_t i = 0; i < c->trial.lineup.rows && !spawn_interrupted(); i++)
        if (!*c->trial.lineup.row[i].cause && !c->trial.lineup.row[i].own.unwatched) {
            find_for(c, i);
            keep_renew(&c->keep, &c->trial, true);
        }
    progress_clear();
}
