/* Text that came from outside (a library's last words, a path) made fit for a terminal, for JSON,
 * and for a shell. */
#ifndef SPANBENCH_TEXT_H
#define SPANBENCH_TEXT_H

#include <stddef.h>

/* Replaces, in place, each control character but tab and newline by a blank, and each byte that is
 * not part of valid UTF-8 by a question mark. The length stays the same. */
void text_clean(char *text);

/* Adds `word` to the text as one word of a shell, in quotes where it needs them; the text is cut at
 * `size` bytes with its final zero. */
void text_add_word(char *text, size_t size, const char *word);

#endif
