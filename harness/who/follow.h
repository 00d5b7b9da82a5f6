/* Runs a program and follows it and all its children, by ptrace: each fork, each exec and each end
 * is seen, however short a process lives. A process is looked at just before it ends, when its
 * libraries are loaded and its memory is still there. One that lives on is looked at when the time
 * is over. Then all are ended. */
#ifndef SPANBENCH_FOLLOW_H
#define SPANBENCH_FOLLOW_H

#include "seen.h"

struct follow_request {
    char **argv;
    const char *preload; /* LD_PRELOAD of the program; NULL: as it is here */
    double timeout_seconds;
    bool to_stderr; /* the program's standard output is this process's standard error */
};

struct follow_end {
    int error;       /* an errno: the program could not be started, or not be followed */
    bool untraced;   /* ptrace is not allowed here */
    bool timed_out;  /* ended here */
    bool too_many;   /* it had more than DESCENDANTS_MOST processes at once, and was killed */
    int interrupted; /* by this signal; 0 */
    int status;      /* of the program, as waitpid has it */
};

/* The program keeps this process's standard input, and its standard output but for `to_stderr`. */
void follow_program(const struct follow_request *, struct seen *, struct follow_end *);

#endif
