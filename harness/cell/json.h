/* Writes JSON into a buffer of the caller's: no allocation, no floating point, no locale. Whatever
 * bytes a string holds, the text is valid UTF-8: each byte that is not becomes U+FFFD. Not
 * thread-safe. Text that does not fit is dropped and `overflow` set; nothing is written past the
 * end. */
#ifndef SPANBENCH_JSON_H
#define SPANBENCH_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct json {
    char *text; /* always terminated by a zero byte */
    size_t capacity;
    size_t length;
    bool overflow;
    bool comma; /* a value precedes in the innermost open object or array */
};

void json_begin(struct json *, char *buffer, size_t capacity);

/* `key` is NULL for the outermost value and inside an array. */
void json_open(struct json *, const char *key, char bracket);        /* '{' or '[' */
void json_close(struct json *, char bracket);                        /* '}' or ']' */
void json_string(struct json *, const char *key, const char *value); /* NULL becomes null */
void json_uint(struct json *, const char *key, uint64_t value);
void json_bool(struct json *, const char *key, bool value);
void json_null(struct json *, const char *key);

/* Ends the text with a newline. */
void json_end(struct json *);

#endif
