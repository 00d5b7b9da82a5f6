/* What the rows print, compared with what the program prints with the C library's malloc. A library
 * that ends the program early would be the fastest and the leanest. */
#include "comparison.h"
#include "progress.h"

#include <string.h>

enum { CONFIRMATIONS = 3 }; /* runs that could show that the output varies by itself */

static const char other_output[] =
    "it printed other output than under the C library's malloc (--any-output: it may)";
static const char no_output[] =
    "it printed nothing, but under the C library's malloc it prints something";

/* The row of the same build with the C library's malloc; `rows`: it has no result. */
static size_t reference_of(const struct lineup *l, size_t row) {
    for (size_t i = 0; i < l->rows; i++)
        if (strcmp(l->row[i].allocator, "system") == 0 && !variant_is_any(&l->row[i].own) &&
            l->row[i].against == l->row[row].against && !*l->row[i].cause)
            return i;
    return l->rows;
}

/* What is wrong with the row's output; NULL: nothing. */
static const char *finding(const struct known *row, const struct known *reference) {
    if (!row->ran || !reference->ran)
        return NULL;
    if (row->silent && !reference->silent)
        return no_output;
    if (!reference->varies && (row->varies || row->hash != reference->hash))
        return other_output;
    return NULL;
}

/* Runs the reference again, after all others: a date, say, is another one by now. */
static void confirm(struct comparison *c, size_t reference) {
    static struct measured m;
    struct known *known = &c->known[reference];
    struct row *row     = &c->trial.lineup.row[reference];
    for (unsigned i = 0; i < CONFIRMATIONS && !known->varies && !spawn_interrupted(); i++) {
        struct measure_request request = comparison_request(c, reference);
        if (!comparison_prepare(c, row))
            return;
        request.unwatched = true;
        measure_run(&request, &m);
        if (m.end == MEASURED_ENDED)
            comparison_know(c, reference, &m);
    }
}

void comparison_outputs(struct comparison *c) {
    struct lineup *l   = &c->trial.lineup;
    bool confirmed[2]  = {false, false};
    const char *answer = NULL;
    if (c->options->any_output || c->options->server)
        return;
    for (size_t i = 0; i < l->rows && !spawn_interrupted(); i++) {
        const size_t reference = reference_of(l, i);
        if (*l->row[i].cause || reference == l->rows || reference == i)
            continue;
        const struct known *its = &c->known[reference];
        answer                  = finding(&c->known[i], its);
        if (answer && !confirmed[l->row[i].against]) {
            confirmed[l->row[i].against] = true;
            confirm(c, reference);
            answer = finding(&c->known[i], its);
        }
        if (answer && !*l->row[reference].cause && !spawn_interrupted())
            comparison_fail(&l->row[i], answer);
    }
}
