/* A server under an allocator: started, asked by a load that is not under it, and stopped.
 *
 * The time is the load's, processor time and memory are the server's. After the load, the server's
 * memory is read again: does it go back, and when? */
#ifndef SPANBENCH_TRY_SERVER_H
#define SPANBENCH_TRY_SERVER_H

#include "look.h"
#include "try_options.h"

struct server_request {
    struct measure_request server; /* `number` is looked for in what the load prints */
    struct start load;
    const char *ready; /* as of --ready */
    const double *after;
    size_t afters;
    const char *library; /* that must serve; of a look */
};

struct served {
    struct measured run;
    int64_t after[1 + TRY_AFTERS]; /* PSS at the end of the load, and so many seconds later */
    char problem[400];             /* what went wrong; "": nothing did */
};

/* All of it. If `run.end` is MEASURED_INTERRUPTED, nothing else of it counts. */
void server_run(const struct server_request *, struct served *);

/* Starts it, and looks into its processes when it is ready; there is no load. */
void server_look(const struct server_request *, struct look *, struct served *);

#endif
