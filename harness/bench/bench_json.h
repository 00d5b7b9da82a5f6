/* bench.json: Google Benchmark's JSON of the samples so far, with what that schema has no place
 * for. Described by results/bench.schema.json. */
#ifndef SPANBENCH_BENCH_JSON_H
#define SPANBENCH_BENCH_JSON_H

#include "options.h"
#include "record.h"
#include "registry.h"

#include <jansson.h>

/* One entry, in the order of the entries of Google Benchmark. */
struct entry {
    const char *allocator, *workload;
    unsigned threads;
    unsigned round; /* called "block" in the file; the repetition that it is */
    uint64_t seed;  /* of its requests */
    double process_seconds, process_cpu_seconds; /* seen from outside; 0: no process was started */
    bool failed; /* the record is empty; Google Benchmark has the cause */
    struct record record;
};

/* What stands in the context of the document, beside Google Benchmark's own. A new object, which
 * shares `unmeasured`, an array of what has no row. */
json_t *bench_json_context(const struct options *, const struct registry *, json_t *unmeasured);

/* When a pass of the timeline reached each instant, in seconds since its process began, which was
 * at `begin` of CLOCK_MONOTONIC. A new object. */
json_t *bench_json_pass(const struct record *, double begin);

/* What a process said after a long rest, or, if it failed, why. A new object. */
json_t *bench_json_rest(const char *row, const struct entry *, const char *cause);

/* The whole document, a new object; `context` is borrowed. NULL: out of memory, or Google Benchmark
 * has another number of entries. `complete`: all samples of the plan ran. */
json_t *bench_json_make(json_t *context, const struct entry *, size_t entries, bool complete);

#endif
