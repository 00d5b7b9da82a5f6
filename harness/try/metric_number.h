/* A number as people and programs write it: 1234.5, 1,234.5, 0,53, 1.234.567, 1,5e-3. */
#ifndef SPANBENCH_TRY_METRIC_NUMBER_H
#define SPANBENCH_TRY_METRIC_NUMBER_H

#include <stddef.h>

/* The number at the beginning of a text, of so many bytes; NaN: there is none, or its commas and
 * points make no sense together.
 *
 * Of commas and points, the kind that comes last is the decimal mark if it is there once, and the
 * other kind stands before groups of three digits. A comma alone stands for a decimal point, too,
 * but before a group of three digits: 0,53 and 0,534 are less than one, and 1,234 is a thousand
 * and more. */
double metric_number(const char *text, size_t length);

#endif
