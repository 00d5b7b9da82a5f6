/* Text that came from outside (a library's last words, a path) made fit for a terminal, for JSON,
 * and for a shell. */
#ifndef SPANBENCH_TEXT_H
#define SPANBENCH_TEXT_H

#include <stddef.h>
#include <stdio.h>

/* Makes the text one line that does nothing to what shows it, in place and at the same length.
 * Blanks replace control characters: C0 and C1, DEL, the separators of lines and paragraphs. They
 * replace marks of direction (Unicode's bidirectional algorithm), too. So they do the second of two
 * number signs: "##[" begins a command in the log of a CI, anywhere in a line. A question mark
 * replaces each byte that is not part of valid UTF-8. */
void text_clean(char *text);

/* The same, but tabs and newlines stay. Whoever prints such lines puts a visible character before
 * each: "::" at the beginning of one is a command, too, even after blanks. */
void text_clean_lines(char *text);

/* Prints such lines, each with this in front. */
void text_print_lines(const char *front, const char *lines, FILE *);

/* Prints "spanbench: ", the text, cleaned, and a newline on standard error. */
__attribute__((format(printf, 1, 2))) void text_say(const char *format, ...);

/* Adds `word` to the text as one word of a shell, in quotes where it needs them; the text is cut at
 * `size` bytes with its final zero. */
void text_add_word(char *text, size_t size, const char *word);

/* A signal, as "SIGSEGV (Segmentation fault)"; those of real time have a number alone. Text of this
 * function, until its next call. */
const char *text_signal(int number);

/* What a noun has behind a number: "" if it is one, else "s". */
const char *text_plural(size_t number);

#endif
