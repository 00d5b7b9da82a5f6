/* One check on one allocator, in a process of its own, and what came of it. */
#ifndef SPANBENCH_VERDICT_H
#define SPANBENCH_VERDICT_H

#include "checklist.h"

enum { VERDICT_COMMAND_BYTES = CELL_COMMAND_BYTES };

struct verdict {
    enum verdict_end {
        VERDICT_NONE, /* not run: interrupted, or the cell is skipped */
        VERDICT_PASS,
        VERDICT_RECORDED,    /* `choice` */
        VERDICT_UNSUPPORTED, /* `seen` is the reason */
        VERDICT_FAIL,        /* `expected` and `seen`; a crash and a hang are failures, too */
    } end;
    bool counts; /* a failure is a finding */
    const json_t
        *known; /* the entry that explains the failure; of a pass: that should have failed */
    char choice[24];
    char expected[200];
    char seen[640];
    char *stacks; /* of a hang: where the threads stood, in lines; the caller frees it; or NULL */
    double seconds;
};

/* What it is for a reader: "pass", "FAIL", "known", "fixed", "no" for a failure that does not
 * count, "-" for not supported, the choice. */
const char *verdict_word(const struct verdict *);

/* A failure that counts and is not known, or a known one that passes. */
bool verdict_is_finding(const struct verdict *);

/* Runs the check. `told` gets what it wrote on standard error, at most `size` bytes. */
void verdict_run(const struct checklist *, const struct options *, const struct cell *,
                 const struct check_info *, struct verdict *, char *told, size_t size);

/* The command that repeats it, for a shell. */
void verdict_command(const struct options *, const struct cell *, const struct check_info *,
                     char *text, size_t size);

#endif
