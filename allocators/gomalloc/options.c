#include "options.h"

#include <stdlib.h>
#include <string.h>

enum { RETAIN_DEFAULT = 10, RETAIN_MAX = 1000 };

struct options options = {.scavenge = true, .retain_percent = RETAIN_DEFAULT};

static bool parse_number(const char *text, unsigned most, unsigned *number) {
    unsigned n = 0;
    if (!*text)
        return false;
    for (; *text; text++) {
        if (*text < '0' || *text > '9' || n > most)
            return false;
        n = n * 10 + (unsigned)(*text - '0');
    }
    if (n > most)
        return false;
    *number = n;
    return true;
}

/* 102: before the constructors of this library that act on the options. */
__attribute__((constructor(102))) static void read_options(void) {
    const char *text;
    unsigned n;
    if ((text = secure_getenv("GOMALLOC_SCAVENGE"))) {
        options.scavenge_thread = strcmp(text, "thread") == 0;
        options.scavenge        = strcmp(text, "0") != 0;
    }
    if ((text = secure_getenv("GOMALLOC_RETAIN")) && parse_number(text, RETAIN_MAX, &n))
        options.retain_percent = n;
    if ((text = secure_getenv("GOMALLOC_STATS")))
        options.stats = strcmp(text, "1") == 0;
}
