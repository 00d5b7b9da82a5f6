/* The allocators that can be measured. Each has a cell, an executable that is linked with it and
 * runs the work (cell/cell.c). The directory of cells is the only list of them. A library that the
 * user preloads runs in the cell `system`. */
#ifndef SPANBENCH_REGISTRY_H
#define SPANBENCH_REGISTRY_H

#include "spawn.h"
#include "variant.h"

#include <jansson.h>
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cell {
    char name[64];          /* of the row: the file's name, or the preloaded library's */
    char path[PATH_MAX];    /* of the executable */
    char preload[PATH_MAX]; /* absolute path of the library; "" for a cell's own allocator */
    char skipped[512];      /* why it cannot be built or started here; "" = it can */
    char broken[1024];      /* why it cannot be measured although it can be started; "" = good */
    bool refused;           /* broken: it lived, and said that it does not have this allocator */
    bool rival;             /* a newer build from `make rivals`: a row only if it is asked for */
    bool floor;             /* not an allocator: the harness alone, below which no time can be */
    json_t *description;    /* what --describe said; NULL before registry_describe */
    struct variant variant; /* options of a row of its own; none: the allocator as it is */
    json_t *released;       /* of a preload: that of the cell whose library it is (released.h) */
};

struct workload_info {
    char name[64];
    char group[64]; /* the word that a user chooses it by; one that says none is of "core" */
    char summary[256], stresses[256];
    uint64_t ops, quick_ops, brief_ops;
    unsigned least_threads, most_threads; /* of a sample */
    unsigned threads_per_cpu;             /* by default; 0: it has no such wish */
    bool holds_blocks;                    /* each thread, at the instant that counts */
    bool takes_sizes;                     /* of its requests, from the user */
    uint64_t sizes_live_bytes;            /* with those: about what a thread holds; 0: not known */
};

struct registry {
    struct cell *cell; /* sorted by name; preloads, and rows of options, last */
    size_t cells;
    struct workload_info *workload; /* all that any described cell offers, sorted by name */
    size_t workloads;
    char *sizes; /* of requests, for the workloads that take them, as a cell does; NULL: none */
};

/* Finds the cells in `directory`: executable files, and files <name>.skip with a reason. Those of
 * `directory`/../rivals/cell, if it exists, are rivals. False: the directory cannot be read or
 * holds no cell; `problem` says so. */
bool registry_open(struct registry *, const char *directory, char *problem, size_t size);
void registry_close(struct registry *);

/* Adds a row for a library, given as PATH or NAME=PATH; the name is by default the file's. False:
 * the library is missing, or it cannot be preloaded; `problem` says why. */
bool registry_add_preload(struct registry *, const char *spec, char *problem, size_t size);

/* Is the allocator here that stands before the colon? False: `problem` says that it is not. */
bool registry_has_base(struct registry *, const char *name, char *problem, size_t size);

/* Adds a row for it, with options: ALLOCATOR:TUNING or ALLOCATOR:VARIABLE=VALUE. `tunings` as of
 * variant_tunings. False: `problem` says why not. */
bool registry_add_variant(struct registry *, const json_t *tunings, const char *name, char *problem,
                          size_t size);

/* Asks cell i what it is (starts it once) and adds its workloads. Sets `broken` or `skipped` if it
 * does not answer well. */
void registry_describe(struct registry *, size_t i, double timeout_seconds);

enum { CELL_WORDS = 24 };

/* Runs the cell with these words, at most CELL_WORDS and then NULL, and with those of how it is
 * reached: the descriptor for its record, and the preloaded library. `how` is the rest of the
 * request. */
void cell_run(const struct cell *, const char *const *words, struct spawn_request how,
              struct spawn_result *);

/* Starts the cell with an option that lists something: a new object of this protocol whose array
 * `key` is not empty. NULL: it printed none, and is then marked as broken; or an interrupt. */
json_t *cell_ask(struct cell *, const char *option, const char *key, double timeout_seconds);

#define REGISTRY_CORE "core" /* the group of workloads that is measured by default */

/* Does the described cell offer the workload of this number? */
bool registry_offers(const struct registry *, const struct cell *, size_t workload);

/* The function that the workload of this number calls and the described cell's allocator does not
 * have; "": it has all. */
const char *registry_missing(const struct registry *, const struct cell *, size_t workload);

/* A string member of the description; "" if there is none. */
const char *cell_fact(const struct cell *, const char *key);

/* The absolute path of the library that gives a program the allocator of this described cell; "" of
 * the C library's. Returns why there is none; NULL: there is. `path` holds PATH_MAX bytes. */
const char *cell_library(const struct cell *, char *path);

enum { CELL_COMMAND_BYTES = 4 * PATH_MAX };

/* The command, for a shell, that starts the cell as the driver does; `options` are words as they
 * are. */
void cell_command(const struct cell *, const char *options, char *text, size_t size);

#endif
