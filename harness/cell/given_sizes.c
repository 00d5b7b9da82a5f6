#include "given_sizes.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static const uint64_t whole = (uint64_t)1 << 32; /* of the draws that look at a range */

/* Static, for a cell has no heap of its own. */
static uint64_t weight[SIZES_MOST_RANGES];
static uint64_t share[SIZES_MOST_RANGES]; /* of the draws, in parts of `total`: all have count * */
static uint32_t few[SIZES_MOST_RANGES], many[SIZES_MOST_RANGES]; /* with less or more than one */

/* A whole number of 1 or `least` to `most` at *text, which moves behind it. */
static bool number(const char **text, uint64_t least, uint64_t most, uint64_t *value) {
    char *end;
    if (**text < '0' || **text > '9')
        return false;
    errno  = 0;
    *value = strtoull(*text, &end, 10);
    *text  = end;
    return !errno && *value >= least && *value <= most;
}

static bool range(const char **text, struct sizes_range *r, uint64_t *weight_of) {
    uint64_t least, most;
    if (!number(text, 1, SIZES_LARGEST, &least))
        return false;
    most = least;
    if (**text == '-' && (++*text, !number(text, least, SIZES_LARGEST, &most)))
        return false;
    *r = (struct sizes_range){.least = (uint32_t)least, .most = (uint32_t)most};
    return *(*text)++ == ':' && number(text, 0, whole, weight_of);
}

/* Makes Walker's table: a range with too few draws of its own is filled up from one that has too
 * many. (M. D. Vose, "A linear algorithm for generating random numbers with a given distribution",
 * IEEE Transactions on Software Engineering 17/9, 1991.) */
static void share_out(struct sizes *s, uint64_t total) {
    uint32_t fews = 0, manys = 0;
    for (uint32_t i = 0; i < s->count; i++) {
        share[i] = weight[i] * s->count;
        if (share[i] < total)
            few[fews++] = i;
        else
            many[manys++] = i;
    }
    while (fews && manys) {
        const uint32_t poor = few[--fews], rich = many[manys - 1];
        s->range[poor].keep  = (uint32_t)((__uint128_t)share[poor] * whole / total);
        s->range[poor].other = rich;
        share[rich] -= total - share[poor];
        if (share[rich] < total) {
            manys--;
            few[fews++] = rich;
        }
    }
    /* What is left has exactly one: its other is itself. The sums are exact, so few is empty. */
    for (uint32_t i = 0; i < manys; i++) {
        s->range[many[i]].keep  = UINT32_MAX;
        s->range[many[i]].other = many[i];
    }
}

bool given_sizes_parse(const char *text, struct sizes *s, char *problem, size_t size) {
    const char *at  = text;
    uint64_t total  = 0;
    __uint128_t all = 0; /* bytes, twice: the mean of a range may lie between two sizes */
    *s              = (struct sizes){.count = 0};
    for (bool more = true; more; more = *at++ == ',') {
        struct sizes_range *r  = &s->range[s->count];
        const char *const part = at;
        if (s->count == SIZES_MOST_RANGES) {
            snprintf(problem, size, "--sizes takes at most %d ranges", SIZES_MOST_RANGES);
            return false;
        }
        if (!range(&at, r, &weight[s->count]) || (*at && *at != ',')) {
            snprintf(problem, size,
                     "--sizes takes SIZE:WEIGHT or LEAST-MOST:WEIGHT, with commas between them, "
                     "sizes of 1 to %d and weights to 2^32, not '%.40s'",
                     SIZES_LARGEST, part);
            return false;
        }
        total += weight[s->count];
        all += (__uint128_t)weight[s->count] * (r->least + r->most);
        s->digest = stream_mix(s->digest ^ ((uint64_t)r->least << 32 | r->most));
        s->digest = stream_mix(s->digest ^ weight[s->count]);
        s->count++;
    }
    if (!total) {
        snprintf(problem, size, "--sizes: all weights are 0");
        return false;
    }
    s->mean = (uint64_t)(all / 2 / total);
    share_out(s, total);
    return true;
}
