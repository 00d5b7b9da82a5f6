/* One check on one allocator, in a process of its own, and what came of it. */
#ifndef SPANBENCH_CHECK_RESULT_H
#define SPANBENCH_CHECK_RESULT_H

#include "hang.h"

enum { CHECK_RESULT_COMMAND_BYTES = CELL_COMMAND_BYTES };

struct check_result {
    enum check_result_end {
        CHECK_RESULT_NONE, /* not run: interrupted, or the cell is skipped */
        CHECK_RESULT_PASS,
        CHECK_RESULT_RECORDED,    /* `choice` */
        CHECK_RESULT_UNSUPPORTED, /* `seen` is the reason */
        CHECK_RESULT_FAIL,        /* `expected` and `seen`; a crash and a hang are failures, too */
    } end;
    bool counts; /* a failure is a finding */
    const json_t
        *known; /* the entry that explains the failure; of a pass: that should have failed */
    char choice[24];
    char expected[200];
    char seen[640];
    char *stacks; /* of a hang: where the threads stood, in lines; the caller frees it; or NULL */
    double seconds;
    bool timed_out; /* after all its time */
};

/* What it is for a reader: "pass", "FAIL", "known", "fixed", "no" for a failure that does not
 * count, "-" for not supported, the choice. */
const char *check_result_word(const struct check_result *);

/* A failure that counts and is not known, or a known one that passes. */
bool check_result_is_finding(const struct check_result *);

/* Runs the check, for a shorter time if a function of the cell is known to hang. `told` gets what
 * it wrote on standard error, at most `size` bytes. */
void check_result_run(const struct check_list *, const struct options *, const struct cell *,
                      const struct check_info *, const struct check_hang *, struct check_result *,
                      char *told, size_t size);

/* The command that repeats it, for a shell. */
void check_result_command(const struct options *, const struct cell *, const struct check_info *,
                          char *text, size_t size);

#endif
