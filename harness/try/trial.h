/* What a comparison has of each of its runs, and how it is written down: program.json
 * (results/program.schema.json) and memory.csv. */
#ifndef SPANBENCH_TRY_TRIAL_H
#define SPANBENCH_TRY_TRIAL_H

#include "lineup.h"
#include "look.h"
#include "results.h"
#include "server.h"

#include <jansson.h>
#include <stdio.h>
#include <time.h>

enum {
    TRIAL_RUN_BYTES  = 1 << 10,  /* of program.json for each run, generously */
    TRIAL_ROW_BYTES  = 64 << 10, /* for each row, with its processes, likewise */
    TRIAL_ONCE_BYTES = 64 << 10,
    TRIAL_CURVES     = 3, /* rounds whose memory over time is kept */
};

struct trial {
    const struct try_options *options;
    struct lineup lineup;
    json_t *program, *context; /* of the document: what does not change */
    json_t **looks;            /* of each row: what was seen in it, or NULL */
    json_t **limits;           /* of each row: the smallest limit, or NULL */
    const char *limited_by;    /* how limits are set; NULL: nobody asked for the smallest */
    json_t *runs;
    time_t started;
    unsigned rounds; /* that are complete */
};

/* Begins the documents of these rows. False: out of memory. */
bool trial_open(struct trial *);
void trial_close(struct trial *);

/* Keeps the processes of a row. */
void trial_add_look(struct trial *, size_t row, const struct look *);

/* Keeps the smallest limit of a row, with which this function takes its object. */
void trial_add_limit(struct trial *, size_t row, json_t *);

/* A string, or null for "" and NULL. */
json_t *trial_text(const char *);

/* Keeps a run. `problem`: why it does not count; NULL: it does. */
void trial_add_run(struct trial *, size_t row, unsigned round, const struct measured *,
                   const char *problem, json_t *more);

/* The memory of a server so many seconds after its last phase, as an object. */
json_t *trial_memory_after(const struct try_options *, const struct served *);

/* Adds the memory of a server, when it was ready, at the end of each phase, and later. */
void trial_describe_server(json_t *, const struct try_options *, const struct served *);

/* Appends the memory of a run over time to memory.csv. */
void trial_write_head(FILE *csv);
void trial_write_curve(FILE *csv, const char *row, unsigned round, const struct watch_result *);

/* The whole document; a new object. NULL: out of memory. */
json_t *trial_document(const struct trial *, bool complete);

#endif
