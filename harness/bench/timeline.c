#include "timeline.h"

#include "machine.h"
#include "progress.h"
#include "spawn.h"
#include "text.h"

#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
    INTERVAL_US   = 2000,
    PASS_BYTES    = 64 << 10, /* of the file; a line has about 45 bytes */
    REST_MS       = 100,      /* at each instant, so that its level can be seen */
    REST_QUICK_MS = 30,
};

/* The file is shown again when so much time has passed: who is killed loses less than a second. */
static const double shown_every = 0.6;

/* The file, as it is shown while it grows. */
struct growing {
    struct results_file *file;
    const struct results *results;
    double shown; /* when */
    bool trouble; /* it could not be shown; that is said once, and not tried again */
};

struct pass {
    struct growing *to;
    const struct sample_request *request;
    int statm; /* /proc/<child>/statm; 0 before the first tick */
};

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void show(struct growing *g) {
    char problem[RESULTS_PROBLEM_BYTES];
    const double at = now();
    if (g->trouble || at - g->shown < shown_every)
        return;
    g->shown   = at;
    g->trouble = !results_show(g->results, g->file, problem, sizeof problem);
    if (!g->trouble)
        return;
    progress_clear();
    text_say("%s", problem);
    text_say("the run goes on: space for the final file is reserved");
}

static void tick(void *arg, pid_t child, double seconds_since_start) {
    struct pass *pass = arg;
    char text[128];
    if (!pass->statm) {
        snprintf(text, sizeof text, "/proc/%d/statm", (int)child);
        pass->statm = open(text, O_RDONLY | O_CLOEXEC);
    }
    /* proc(5): sizes in pages; all zero once the child has given up its memory to die */
    const ssize_t got = pass->statm > 0 ? pread(pass->statm, text, sizeof text - 1, 0) : 0;
    unsigned long vsz, rss;
    text[got > 0 ? got : 0] = '\0';
    if (sscanf(text, "%lu %lu", &vsz, &rss) != 2 || vsz == 0)
        return;
    const unsigned long page = (unsigned long)sysconf(_SC_PAGESIZE);
    fprintf(pass->to->file->stream, "%s,%s,%u,%.4f,%lu,%lu\n", pass->request->workload,
            pass->request->cell->name, pass->request->threads, seconds_since_start, rss * page,
            vsz * page);
    show(pass->to);
}

static unsigned rest_ms(const struct rows *r) {
    return r->options->quick ? REST_QUICK_MS : REST_MS;
}

/* One pass. A failed one leaves no lines. */
static void run_pass(const struct rows *r, size_t row, struct growing *to, struct sample *a) {
    struct sample_request request = rows_request(r, row, 0);
    struct pass pass              = {.to = to, .request = &request};
    const long begin              = ftell(to->file->stream);
    request.hold_ms               = rest_ms(r);
    request.tick                  = tick;
    request.tick_seconds          = INTERVAL_US * 1e-6;
    request.arg                   = &pass;
    sample_run(&request, a);
    if (pass.statm > 0)
        close(pass.statm);
    if (a->end != SAMPLE_GOOD)
        fseek(to->file->stream, begin, SEEK_SET);
    show(to);
}

static unsigned thread_count(const struct rows *r) {
    unsigned best = r->plan.row[0].threads;
    for (size_t row = 1; row < r->plan.rows; row++) {
        const unsigned n = r->plan.row[row].threads;
        const bool fits  = n <= machine_cpus();
        if (fits ? best < n || best > machine_cpus() : best > n)
            best = n;
    }
    return best;
}

/* In a quick run, of the core alone: the groups have many rows. */
static bool has_pass(const struct rows *r, size_t row) {
    return r->plan.row[row].threads == thread_count(r) &&
           (!r->options->quick || strcmp(rows_workload(r, row)->group, REGISTRY_CORE) == 0);
}

size_t timeline_passes(const struct rows *r) {
    size_t passes = 0;
    for (size_t row = 0; row < r->plan.rows && !r->options->no_timeline; row++)
        passes += has_pass(r, row);
    return passes;
}

double timeline_pass_seconds(const struct rows *r) {
    return rows_sample_seconds(r) + 1e-3 * SAMPLE_INSTANTS * rest_ms(r);
}

size_t timeline_bytes(const struct rows *r) {
    return timeline_passes(r) * PASS_BYTES;
}

size_t timeline_run(struct rows *r, struct results_file *csv, struct save *saved) {
    struct growing to = {.file = csv, .results = &saved->results};
    static struct sample a;
    const size_t passes = timeline_passes(r);
    size_t failed = 0, done = 0;
    fputs("workload,allocator,threads,seconds,rss_bytes,vsz_bytes\n", csv->stream);
    for (size_t row = 0; done < passes && !spawn_interrupted(); row++) {
        char name[ROW_NAME_BYTES];
        if (!has_pass(r, row))
            continue;
        rows_name(r, row, name);
        progress_show("timeline", done + 1, passes,
                      (double)(passes - done) * timeline_pass_seconds(r), name);
        done++;
        if (*r->state[row].stopped)
            continue;
        run_pass(r, row, &to, &a);
        if (a.end == SAMPLE_GOOD && a.record.reached_count)
            save_add_pass(saved, bench_json_pass(&a.record, a.begin));
        if (a.end == SAMPLE_GOOD || a.end == SAMPLE_INTERRUPTED)
            continue;
        failed++;
        progress_clear();
        text_say("no timeline of %s: %s", name, a.cause);
        save_add_failed_pass(saved, name, a.cause);
    }
    return failed;
}
