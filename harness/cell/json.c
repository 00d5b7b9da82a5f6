#include "json.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void json_begin(struct json *j, char *buffer, size_t capacity) {
    *j      = (struct json){.text = buffer, .capacity = capacity};
    *buffer = '\0';
}

static void put(struct json *j, const char *text, size_t length) {
    if (j->length + length + 1 > j->capacity) {
        j->overflow = true;
        return;
    }
    memcpy(j->text + j->length, text, length);
    j->length += length;
    j->text[j->length] = '\0';
}

/* Strings of the cell are names, paths and messages; bytes outside of printable ASCII (a path may
 * hold any) are written as \u00XX, so that the text is valid JSON whatever its encoding was. */
static void put_quoted(struct json *j, const char *text) {
    put(j, "\"", 1);
    for (; *text; text++) {
        const unsigned char c = (unsigned char)*text;
        char escape[8];
        if (c == '"' || c == '\\')
            put(j, escape, (size_t)snprintf(escape, sizeof escape, "\\%c", c));
        else if (c < 0x20 || c >= 0x7f)
            put(j, escape, (size_t)snprintf(escape, sizeof escape, "\\u%04x", c));
        else
            put(j, text, 1);
    }
    put(j, "\"", 1);
}

static void put_key(struct json *j, const char *key) {
    if (j->comma)
        put(j, ",", 1);
    j->comma = true;
    if (!key)
        return;
    put_quoted(j, key);
    put(j, ":", 1);
}

void json_open(struct json *j, const char *key, char bracket) {
    put_key(j, key);
    put(j, &bracket, 1);
    j->comma = false;
}

void json_close(struct json *j, char bracket) {
    put(j, &bracket, 1);
    j->comma = true;
}

void json_string(struct json *j, const char *key, const char *value) {
    if (!value) {
        json_null(j, key);
        return;
    }
    put_key(j, key);
    put_quoted(j, value);
}

void json_uint(struct json *j, const char *key, uint64_t value) {
    char digits[24];
    put_key(j, key);
    put(j, digits, (size_t)snprintf(digits, sizeof digits, "%" PRIu64, value));
}

void json_bool(struct json *j, const char *key, bool value) {
    put_key(j, key);
    put(j, value ? "true" : "false", value ? 4 : 5);
}

void json_null(struct json *j, const char *key) {
    put_key(j, key);
    put(j, "null", 4);
}
