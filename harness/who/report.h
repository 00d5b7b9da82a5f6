/* What `spanbench who` prints of the processes that were seen. */
#ifndef SPANBENCH_WHO_REPORT_H
#define SPANBENCH_WHO_REPORT_H

#include "follow.h"
#include "seen.h"
#include "who_options.h"

/* How many processes are as they were asked to be. Those that nobody could look at before they
 * ended are `unseen`, and threads of the kernel are `kernel`: they count nowhere else. */
struct who_verdict {
    size_t known, unknown, wrong, unseen, kernel;
};

/* Why a process is not what was asked for; "": it is. */
const char *who_wrong(const struct serving *, const char *expect);

struct who_verdict who_judge(const struct seen *, const char *expect);

/* A tree, a line or two for each process; equal children are one line with their number. */
void who_print_text(const struct seen *, const struct who_options *, const struct follow_end *);

/* results/who.schema.json. False: no memory. */
bool who_print_json(const struct seen *, const struct who_options *, const struct follow_end *);

#endif
