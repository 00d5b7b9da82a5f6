/* A server under an allocator: started, asked by a load that is not under it, and stopped.
 *
 * The time is the load's, processor time and memory are the server's. After the load come more
 * commands (--then), and then the server is left alone, or gets light traffic. Its memory is read
 * all the while: does it go back, and when? */
#ifndef SPANBENCH_TRY_SERVER_H
#define SPANBENCH_TRY_SERVER_H

#include "look.h"
#include "try_options.h"

struct server_request {
    struct measure_request server; /* `number` is looked for in what the load prints */
    const struct try_options *options;
    char *const *plain;  /* environment of what asks the server */
    const char *library; /* that must serve; of a look */
    bool traffic;        /* after the last command: run that of --traffic, again and again */
};

/* The end of a phase: of the load, or of a command after it. */
struct phase_end {
    double seconds; /* since the load began, on the clock of the memory over time */
    int64_t bytes;  /* PSS of the server */
};

struct served {
    struct measured run;
    int64_t ready; /* PSS before the load; this and the next are of a watched one */
    struct phase_end phase[1 + TRY_THENS]; /* the load's first */
    int64_t after[1 + TRY_AFTERS]; /* PSS at the end of the last phase, and so many seconds later */
    char problem[400];             /* what went wrong; "": nothing did */
};

/* All of it. If `run.end` is MEASURED_INTERRUPTED, nothing else of it counts. */
void server_run(const struct server_request *, struct served *);

/* Starts it, and looks into its processes when it is ready; there is no load. */
void server_look(const struct server_request *, struct look *, struct served *);

#endif
