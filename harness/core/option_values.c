#include "option_values.h"

#include "text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool option_complain(const char *option, const char *what, const char *text) {
    text_say("--%s takes %s, not '%s'", option, what, text);
    return false;
}

bool option_number(const char *option, const char *text, uint64_t min, uint64_t max,
                   uint64_t *value) {
    char *end, what[80];
    errno  = 0;
    *value = strtoull(text, &end, 10);
    if (*text >= '0' && *text <= '9' && !errno && !*end && *value >= min && *value <= max)
        return true;
    snprintf(what, sizeof what, "a whole number from %llu to %llu", (unsigned long long)min,
             (unsigned long long)max);
    return option_complain(option, what, text);
}

/* The number at *text, which then points at what follows it. */
static bool take_number(const char **text, uint64_t max, uint64_t *value) {
    char *end;
    errno           = 0;
    const bool good = **text >= '0' && **text <= '9';
    *value          = strtoull(*text, &end, 10);
    *text           = end;
    return good && !errno && *value <= max;
}

bool option_range(const char *option, const char *text, uint64_t max, uint64_t *first,
                  uint64_t *last) {
    const char *at = text;
    char what[96];
    bool good = take_number(&at, max, first);
    *last     = *first;
    if (good && strncmp(at, "..", 2) == 0) {
        at += 2;
        good = take_number(&at, max, last);
    }
    if (good && !*at && *first <= *last)
        return true;
    snprintf(what, sizeof what, "FIRST..LAST, whole numbers from 0 to %llu",
             (unsigned long long)max);
    return option_complain(option, what, text);
}

bool option_seconds(const char *option, const char *text, double *value) {
    char *end;
    *value = strtod(text, &end);
    if (end != text && !*end && *value > 0 && *value <= 86400)
        return true;
    return option_complain(option, "seconds, more than 0 and at most 86400", text);
}

bool option_add_name(const char *option, struct names *names, const char *name) {
    if (names->count == OPTIONS_MAX_NAMES) {
        text_say("--%s: too many names", option);
        return false;
    }
    names->item[names->count++] = name;
    return true;
}

bool option_names(const char *option, char *text, struct names *names) {
    const size_t before = names->count;
    bool good           = true;
    for (char *word; good && (word = strsep(&text, ", ")) != NULL;)
        if (*word)
            good = option_add_name(option, names, word);
    if (!good || names->count > before)
        return good;
    text_say("the list of %s is empty; leave it out for the default", option);
    return false;
}
