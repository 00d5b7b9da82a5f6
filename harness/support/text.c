#include "text.h"

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

void text_clean(char *text) {
    for (unsigned char *s = (unsigned char *)text; *s;) {
        const size_t bytes = sequence(s);
        if (bytes == 0)
            *s = '?';
        else if ((*s < 0x20 && *s != '\t' && *s != '\n') || *s == 0x7f)
            *s = ' ';
        s += bytes ? bytes : 1;
    }
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
