/* One misuse of one allocator: first its control, then the misuse, each in a process of its own,
 * and what came of it. The driver judges from outside, by the end of the process and the last step
 * that it announced. */
#ifndef SPANBENCH_HARDEN_RESULT_H
#define SPANBENCH_HARDEN_RESULT_H

#include "list.h"

struct harden_result {
    enum harden_result_end {
        HARDEN_RESULT_NONE,    /* not run: interrupted */
        HARDEN_RESULT_ACCESS,  /* caught at the misusing load or store: it faulted */
        HARDEN_RESULT_CALL,    /* ended on purpose in the misusing call, or in the first free of the
                            misused block */
        HARDEN_RESULT_LATER,   /* ended on purpose in a later, legal call */
        HARDEN_RESULT_CRASH,   /* a fault in or after a call, without a word */
        HARDEN_RESULT_HANG,    /* no end */
        HARDEN_RESULT_CORRUPT, /* went on, and damage was proven */
        HARDEN_RESULT_SURVIVED,    /* went on, and no damage was found */
        HARDEN_RESULT_UNSUPPORTED, /* the allocator lacks what the misuse needs, or never reuses
                                      blocks */
        HARDEN_RESULT_VOID,        /* says nothing: its control did not end well, or its setup */
        HARDEN_RESULT_ENDS
    } end;
    uint64_t seed;
    char step[16];  /* the last that was announced; "" if none */
    char what[100]; /* in words */
    char seen[400]; /* how it ended, the allocator's last words, the damage, the reason */
    double seconds; /* without the control */
};

/* As in the file of results, and in the legend of the table. */
extern const char *const harden_result_word[HARDEN_RESULT_ENDS];
extern const char harden_result_letter[HARDEN_RESULT_ENDS];

void harden_result_run(const struct options *, const struct cell *, const struct misuse_info *,
                       const char *size, uint64_t seed, struct harden_result *);

/* The command that repeats the misuse, for a shell. */
void harden_result_command(const struct options *, const struct cell *, const struct misuse_info *,
                           const char *size, uint64_t seed, char *text, size_t bytes);

#endif
