#include "timeline.h"

#include <fcntl.h>
#include <unistd.h>

enum { INTERVAL_US = 2000 };

struct pass {
    FILE *csv;
    const struct attempt_request *request;
    int statm; /* /proc/<child>/statm; 0 before the first tick */
};

void timeline_header(FILE *csv) {
    fputs("workload,allocator,threads,seconds,rss_bytes,vsz_bytes\n", csv);
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
    fprintf(pass->csv, "%s,%s,%u,%.4f,%lu,%lu\n", pass->request->workload,
            pass->request->cell->name, pass->request->threads, seconds_since_start, rss * page,
            vsz * page);
}

void timeline_pass(FILE *csv, const struct attempt_request *request, unsigned rest_ms,
                   struct attempt *a) {
    struct pass pass             = {.csv = csv, .request = request};
    struct attempt_request rests = *request;
    const long begin             = ftell(csv);
    rests.hold_ms                = rest_ms;
    rests.tick                   = tick;
    rests.tick_seconds           = INTERVAL_US * 1e-6;
    rests.arg                    = &pass;
    attempt_run(&rests, a);
    if (pass.statm > 0)
        close(pass.statm);
    if (a->end != ATTEMPT_GOOD)
        fseek(csv, begin, SEEK_SET);
}
