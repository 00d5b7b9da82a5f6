/* Values of options: read, and refused in one way of speaking. */
#ifndef SPANBENCH_OPTION_VALUES_H
#define SPANBENCH_OPTION_VALUES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { OPTIONS_MAX_NAMES = 128 };

/* Words of a list given as "a,b c", or by giving the option again. */
struct names {
    const char *item[OPTIONS_MAX_NAMES];
    size_t count;
};

/* All return false after standard error said what is wrong and what would be right. `option` is its
 * name without the dashes. */

/* Says that the option takes `what`, not this text. */
bool option_complain(const char *option, const char *what, const char *text);

/* A whole number between two others. */
bool option_number(const char *option, const char *text, uint64_t min, uint64_t max,
                   uint64_t *value);

/* FIRST..LAST, or a number for both: whole numbers of 0 to `max`. */
bool option_range(const char *option, const char *text, uint64_t max, uint64_t *first,
                  uint64_t *last);

/* More than 0, and at most a day. */
bool option_seconds(const char *option, const char *text, double *value);

bool option_add_name(const char *option, struct names *, const char *name);

/* Splits the text in place. An empty list, of a variable that is not set, does not mean all. */
bool option_names(const char *option, char *text, struct names *);

#endif
