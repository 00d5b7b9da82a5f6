/* This program once more: a fresh process, in which the library begins anew, with the same words. A
 * file descriptor of a mapping that both share is named by a variable of its environment. */
#ifndef SPANBENCH_AGAIN_H
#define SPANBENCH_AGAIN_H

#include <stddef.h>

/* A descriptor of so many bytes of zeros, and where they are mapped; -1: there is none. */
int again_share(size_t size, void **mapped);

/* Becomes this program, with the descriptor under that name in the environment. Only 0, 1 and 2,
 * which lead nowhere, and this one stay open. Ends with exit code 127 if it cannot. */
_Noreturn void again_start(const char *variable, int memory);

/* In that program: the mapping. NULL: it was started in another way. */
void *again_shared(const char *variable, size_t size);

#endif
