/* Finds the program that the user named, as a shell would, and says what is wrong with it before
 * anything is measured. */
#ifndef SPANBENCH_LOCATE_H
#define SPANBENCH_LOCATE_H

#include <stdbool.h>
#include <stddef.h>

/* Writes the path to start it by, relative to `directory` (NULL: this one) if it is relative.
 * False: standard error says why. */
bool locate_program(const char *name, const char *directory, char *path, size_t size);

/* Why a library cannot be preloaded into the program of this file, or into its interpreter; NULL:
 * nothing is known that speaks against it. */
const char *locate_unpreloadable(const char *path);

/* Can the directory be entered, and the file be read? NULL: none was given. */
bool locate_directory(const char *directory);
bool locate_input(const char *file);

#endif
