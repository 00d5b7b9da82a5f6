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

/* Bytes of the character that begins at `s` in UTF-8 (RFC 3629); 0: none does. */
static size_t character(const unsigned char *s) {
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000}; /* that needs so many bytes */
    const size_t bytes            = *s < 0x80             ? 1
                                    : (*s & 0xe0) == 0xc0 ? 2
                                    : (*s & 0xf0) == 0xe0 ? 3
                                    : (*s & 0xf8) == 0xf0 ? 4
                                                          : 0;
    if (bytes < 2)
        return bytes;
    uint32_t code = *s & (0x7fu >> bytes);
    for (size_t i = 1; i < bytes; i++) {
        if ((s[i] & 0xc0) != 0x80) /* also the zero byte at the end */
            return 0;
        code = code << 6 | (s[i] & 0x3f);
    }
    const bool surrogate = code >= 0xd800 && code <= 0xdfff;
    return code < least[bytes] || code > 0x10ffff || surrogate ? 0 : bytes;
}

/* Strings of the cell are names, paths and messages, in UTF-8 or not: a path may hold any bytes,
 * and a record must be valid JSON all the same. */
static void put_quoted(struct json *j, const char *text) {
    static const char replacement[] = "\xef\xbf\xbd"; /* U+FFFD */
    put(j, "\"", 1);
    for (size_t bytes; *text; text += bytes) {
        const unsigned char c = (unsigned char)*text;
        char escape[8];
        bytes = character((const unsigned char *)text);
        if (c == '"' || c == '\\')
            put(j, escape, (size_t)snprintf(escape, sizeof escape, "\\%c", c));
        else if (c < 0x20 || c == 0x7f)
            put(j, escape, (size_t)snprintf(escape, sizeof escape, "\\u%04x", c));
        else if (bytes)
            put(j, text, bytes);
        else
            put(j, replacement, sizeof replacement - 1);
        bytes += !bytes; /* a byte at a time until the next character */
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

void json_end(struct json *j) {
    put(j, "\n", 1);
}
