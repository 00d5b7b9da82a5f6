/* The file of this process that the driver reads. */
#ifndef SPANBENCH_WHY_BOOK_H
#define SPANBENCH_WHY_BOOK_H

#include "shared.h"

/* Makes it, in the folder that the environment names. NULL: none was asked for, or it cannot be
 * made; then nothing is counted. */
struct why_shared *book_open(const char *object);

/* In a child after fork: puts a copy, in a file of its own, in the place of the parent's. */
void book_copy(struct why_shared *);

/* Copies the smaps of this thread into the folder: the memory at the program's end. */
void book_keep_maps(void);

#endif
