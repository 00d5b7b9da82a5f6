/* Strings in JSON that another program wrote. */
#ifndef SPANBENCH_JSON_MEMBER_H
#define SPANBENCH_JSON_MEMBER_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* Parses what another program wrote; NULL: it is not JSON. All strings in it become clean lines
 * (text.h), but those of `stacks`, which may be several. `flags` are of jansson. */
json_t *member_load(const char *text, size_t length, size_t flags, json_error_t *);

/* A string member of the object; "" if there is none, or no object. */
const char *member_text(const json_t *object, const char *key);

/* Copies it, cleaned (text.h). False: there is none, it is empty, or it was cut at `size` bytes
 * with its final zero. */
bool member_copy(char *to, size_t size, const json_t *object, const char *key);

/* Of letters, digits and a few signs, as a name of a benchmark must be, at most `length` bytes? */
bool member_is_name(const char *text, size_t length);

/* Copies a name. False: there is none, it is odd, or too long. */
bool member_name(char *to, size_t size, const json_t *object, const char *key);

#endif
