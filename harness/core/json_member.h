/* Strings in JSON that another program wrote. */
#ifndef SPANBENCH_JSON_MEMBER_H
#define SPANBENCH_JSON_MEMBER_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* A string member of the object; "" if there is none, or no object. */
const char *member_text(const json_t *object, const char *key);

/* Copies it, cleaned (text.h). False: there is none, it is empty, or it was cut at `size` bytes
 * with its final zero. */
bool member_copy(char *to, size_t size, const json_t *object, const char *key);

#endif
