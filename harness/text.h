/* Text that came from outside (a library's last words, a path) made fit for a terminal and for
 * JSON. */
#ifndef SPANBENCH_TEXT_H
#define SPANBENCH_TEXT_H

/* Replaces, in place, each control character but tab and newline by a blank, and each byte that is
 * no part of valid UTF-8 by a question mark. The length stays the same. */
void text_clean(char *text);

#endif
