/* One sample in one fresh process: start the cell, take its record, and believe it only if it is
 * what was asked for. */
#ifndef SPANBENCH_SAMPLE_H
#define SPANBENCH_SAMPLE_H

#include "record.h"
#include "registry.h"
#include "spawn.h"

enum { SAMPLE_INSTANTS = 4 }; /* at which a cell reads its memory */

struct sample_request {
    const struct cell *cell; /* described */
    const char *workload;
    bool holds_blocks; /* the workload, at the instant that counts */
    unsigned threads;
    uint64_t ops, seed;
    bool verify;       /* check every byte instead of taking the time */
    const char *sizes; /* of the requests, as a cell takes them; NULL: the workload's own */
    const char *thp;   /* transparent huge pages: never, madvise, always; NULL: as they are */
    const char *later; /* milliseconds after the end at which memory is read again; NULL: none */
    unsigned hold_ms;  /* rest at each instant at which memory is read */
    double timeout_seconds;
    spawn_tick *tick; /* as in struct spawn_request, with the next two */
    double tick_seconds;
    void *arg;
};

struct sample {
    enum { SAMPLE_GOOD, SAMPLE_FAILED, SAMPLE_TIMED_OUT, SAMPLE_INTERRUPTED } end;
    struct record record; /* if SAMPLE_GOOD */
    char cause[640];      /* else: one sentence */
    double begin;         /* of the process, in seconds of CLOCK_MONOTONIC */
    double seconds;       /* of it, from outside */
    double cpu_seconds;   /* likewise */
};

void sample_run(const struct sample_request *, struct sample *);

#endif
