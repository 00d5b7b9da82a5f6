/* One run of a program: started, watched, ended with all that it started, and what it used. */
#ifndef SPANBENCH_TRY_MEASURE_H
#define SPANBENCH_TRY_MEASURE_H

#include "drain.h"
#include "memory_limit.h"
#include "spawn.h"
#include "watch.h"

#include <limits.h>
#include <regex.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>

/* How to start it. */
struct start {
    const char *path; /* of the executable */
    char *const *argv;
    char *const *environment; /* all of it, with LD_PRELOAD */
    const char *directory;    /* NULL: this one */
    const char *input;        /* a file; NULL: nothing to read */
    struct memory_limit limit;
    enum start_thp { START_THP_AS_IS, START_THP_NEVER } thp;
};

/* A child of this process that is about to become the program. */
struct started {
    pid_t child;
    int out, err;      /* ends of pipes to read from, nonblocking */
    int error;         /* why it could not be started, an errno; 0: it was */
    const char *step;  /* and what failed: "chdir", "exec", … */
    double at;         /* the instant of exec, CLOCK_MONOTONIC */
    int64_t first_rss; /* high-water mark of memory before exec, which the kernel does not forget */
};

/* Called in this process between fork and exec: how is the child to go on? If it is traced, it
 * stops before each exec, too (PTRACE_EVENT_SECCOMP), and so does all that it starts. */
enum start_go { START_NOT, START_GO, START_GO_TRACED };
typedef enum start_go start_hook(void *arg, pid_t child);

/* Starts it. It has no terminal, and leads a session of its own. If this process dies, it does,
 * too. False: it could not be started, all is as before. */
bool start_program(const struct start *, start_hook *, void *arg, struct started *);

/* Seconds of CLOCK_MONOTONIC. */
double measure_now(void);

struct measured {
    enum measured_end {
        MEASURED_ENDED,       /* by itself, or by a signal: `status` as of wait */
        MEASURED_TIMED_OUT,   /* killed */
        MEASURED_TOO_MANY,    /* killed: it had more than WATCH_MOST_PROCESSES processes */
        MEASURED_INTERRUPTED, /* killed, after a signal to this process */
        MEASURED_FAILED,      /* could not be started: `error` and `step` */
    } end;
    int status, error;
    const char *step;
    double wall_seconds;
    struct rusage usage; /* of all processes; ru_maxrss: of any one of them, KiB */
    int64_t peak_bytes;
    struct watch_result memory;
    uint64_t out_bytes, out_hash;
    double number;      /* that it printed; NaN: none */
    size_t left_behind; /* processes that lived when it ended; they were killed */
    char last_words[DRAIN_TAIL_BYTES];
};

struct measure_request {
    struct start start;
    double timeout_seconds;
    const regex_t *number; /* what it prints of itself; NULL: nothing is looked for */
    /* Of its first process, as an earlier look at its end saw it; below 0: not known. */
    int64_t shared;     /* RSS that is not its own */
    int64_t high_water; /* of its RSS */
    bool unwatched;     /* only timed, to see what watching costs */
};

void measure_run(const struct measure_request *, struct measured *);

/* How it ended, for a person; NULL: with the exit code that is the good one. */
const char *measured_problem(const struct measured *, const struct measure_request *, int good_code,
                             char *text, size_t size);

#endif
