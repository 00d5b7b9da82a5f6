#include "metric_number.h"

#include <ctype.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LONGEST = 63, GROUP = 3 };

static size_t count(const char *text, const char *end, char mark) {
    size_t n = 0;
    for (; text < end; text++)
        n += *text == mark;
    return n;
}

/* "1,234,567": one to three digits, of which the first is not 0, then groups of three. */
static bool is_grouped(const char *text, const char *end, char mark) {
    const char *const begin = text;
    if (*begin == '0')
        return false;
    for (;; text++) {
        size_t digits = 0;
        while (text < end && isdigit((unsigned char)*text))
            text++, digits++;
        const bool first = text - (ptrdiff_t)digits == begin;
        if (first ? digits < 1 || digits > GROUP : digits != GROUP)
            return false;
        if (text == end || *text != mark)
            return text == end && !first;
    }
}

/* Where the decimal mark is; NULL: there is none. False: the marks make no sense. */
static bool find_decimal(const char *text, const char *end, const char **decimal) {
    const char *last = end;
    while (last > text && isdigit((unsigned char)last[-1]))
        last--;
    *decimal = NULL;
    if (last-- == text)
        return true;
    const char other    = *last == ',' ? '.' : ',';
    const size_t others = count(text, end, other);
    if (count(text, end, *last) > 1)
        return !others && is_grouped(text, end, *last);
    if (*last == ',' && !others && is_grouped(text, end, ','))
        return true;
    *decimal = last;
    return !others || is_grouped(text, last, other);
}

double metric_number(const char *text, size_t length) {
    char copy[LONGEST + 1] = "", plain[LONGEST + 1] = "", *to = plain, *end;
    while (length && isspace((unsigned char)*text))
        text++, length--;
    length = length < LONGEST ? length : LONGEST;
    memcpy(copy, text, length);
    copy[length] = '\0';
    char *digits = copy + (*copy == '-' || *copy == '+');
    char *rest = digits + strspn(digits, "0123456789.,"), *last = rest;
    const char *decimal;
    while (last > digits && !isdigit((unsigned char)last[-1])) /* the end of a sentence */
        last--;
    if (!find_decimal(digits, last, &decimal))
        return NAN;
    if (*copy == '-')
        *to++ = '-';
    for (const char *from = digits; from < last; from++)
        if (isdigit((unsigned char)*from))
            *to++ = *from;
        else if (from == decimal)
            *to++ = '.';
    snprintf(to, (size_t)(plain + sizeof plain - to), "%s", last == rest ? rest : "");
    const double value = strtod(plain, &end);
    return end == plain ? NAN : value;
}
