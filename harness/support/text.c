#include "text.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Bytes of the UTF-8 sequence that begins here (RFC 3629: no overlong forms, no surrogates); 0:
 * none.
 */
static size_t sequence(const unsigned char *s) {
    size_t more;
    unsigned char low = 0x80, high = 0xbf; /* bounds of the second byte */
    if (s[0] < 0x80)
        return 1;
    if (s[0] >= 0xc2 && s[0] <= 0xdf) {
        more = 1;
    } else if (s[0] >= 0xe0 && s[0] <= 0xef) {
        more = 2;
        low  = s[0] == 0xe0 ? 0xa0 : low;
        high = s[0] == 0xed ? 0x9f : high;
    } else if (s[0] >= 0xf0 && s[0] <= 0xf4) {
        more = 3;
        low  = s[0] == 0xf0 ? 0x90 : low;
        high = s[0] == 0xf4 ? 0x8f : high;
    } else {
        return 0;
    }
    if (s[1] < low || s[1] > high)
        return 0;
    for (size_t i = 2; i <= more; i++)
        if (s[i] < 0x80 || s[i] > 0xbf)
            return 0;
    return more + 1;
}

/* The number of the character in a sequence of at most three bytes; more: some that is not one of
 * those looked for here. */
static unsigned character(const unsigned char *s, size_t bytes) {
    switch (bytes) {
    case 1: return s[0];
    case 2: return (s[0] & 0x1fu) << 6 | (s[1] & 0x3fu);
    case 3: return (s[0] & 0xfu) << 12 | (s[1] & 0x3fu) << 6 | (s[2] & 0x3fu);
    default: return 0x10000;
    }
}

static bool acts(unsigned c) {
    const bool control   = c < 0x20 || (c >= 0x7f && c <= 0x9f) || c == 0x2028 || c == 0x2029;
    const bool direction = c == 0x061c || c == 0x200e || c == 0x200f ||
                           (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
    return control || direction;
}

static void clean(char *text, bool lines) {
    unsigned char *s = (unsigned char *)text;
    for (bool sign = false; *s;) { /* sign: the character before was a number sign */
        const size_t bytes = sequence(s), step = bytes ? bytes : 1;
        const bool stays = lines && (*s == '\t' || *s == '\n'), second = sign && *s == '#';
        if (bytes == 0)
            *s = '?';
        else if (second || (acts(character(s, bytes)) && !stays))
            memset(s, ' ', bytes);
        sign = *s == '#';
        s += step;
    }
}

void text_clean(char *text) {
    clean(text, false);
}

void text_clean_lines(char *text) {
    clean(text, true);
}

void text_print_lines(const char *front, const char *lines, FILE *to) {
    while (*lines) {
        const size_t length = strcspn(lines, "\n");
        fprintf(to, "%s%.*s\n", front, (int)length, lines);
        lines += length + (lines[length] == '\n');
    }
}

void text_say(const char *format, ...) {
    va_list args;
    char *text;
    va_start(args, format);
    const int length = vasprintf(&text, format, args);
    va_end(args);
    if (length < 0) {
        fputs("spanbench: out of memory\n", stderr);
        return;
    }
    text_clean(text);
    fprintf(stderr, "spanbench: %s\n", text);
    free(text);
}

static void add(char *text, size_t size, const char *more, size_t length) {
    const size_t had = strlen(text), room = size - had - 1;
    length = length < room ? length : room;
    memcpy(text + had, more, length);
    text[had + length] = '\0';
}

void text_add_word(char *text, size_t size, const char *word) {
    static const char plain[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+@%:,./";
    if (*word && word[strspn(word, plain)] == '\0') {
        add(text, size, word, strlen(word));
        return;
    }
    add(text, size, "'", 1);
    for (const char *quote; (quote = strchr(word, '\'')) != NULL; word = quote + 1) {
        add(text, size, word, (size_t)(quote - word));
        add(text, size, "'\\''", 4);
    }
    add(text, size, word, strlen(word));
    add(text, size, "'", 1);
}

const char *text_signal(int number) {
    static char text[80];
    const char *name = sigabbrev_np(number);
    if (name)
        snprintf(text, sizeof text, "SIG%s (%s)", name, strsignal(number));
    else
        snprintf(text, sizeof text, "signal %d (%s)", number, strsignal(number));
    return text;
}

const char *text_plural(size_t number) {
    return number == 1 ? "" : "s";
}
