/* Options of an allocator that make a row of its own, called what people call them:
 * "system:MALLOC_ARENA_MAX=2", "jemalloc:dirty_decay_ms=0". */
#ifndef SPANBENCH_VARIANT_H
#define SPANBENCH_VARIANT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

enum { VARIANT_VARIABLES = 8, VARIANT_BYTES = 256 };

struct variant {
    char variable[VARIANT_VARIABLES][VARIANT_BYTES]; /* "NAME=value", of the environment */
    size_t variables;
    bool thp_never;  /* no transparent huge pages */
    bool unwatched;  /* `try` does not watch its memory: what does watching cost? */
    bool documented; /* of tunings.json: its options exist, if not in each version */
};

/* Takes words, split at blanks: NAME=VALUE, thp=never, or watch=off. False: one is none of these,
 * there are none or too many, or one would replace the allocator (LD_PRELOAD). */
bool variant_take(struct variant *, const char *words);

/* Has it any? */
bool variant_is_any(const struct variant *);

/* Its words as strings, for the record; a new array. */
json_t *variant_json(const struct variant *);

/* The documented options, tunings.json beside the folder of cells; a new array. NULL: it cannot be
 * read, and standard error says so. */
json_t *variant_tunings(const char *cells);

/* Is this one for the allocator of that name? */
bool variant_tuning_is_for(const json_t *tuning, const char *allocator);

/* The words behind NAME: in the name of a row, as variant_take reads them: those of the tuning of
 * that name, or one VARIABLE=VALUE. NULL: it is neither. */
const char *variant_words(const json_t *tunings, const char *allocator, const char *name);

#endif
