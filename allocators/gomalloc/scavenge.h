/* Gives free pages back to the operating system (Go's mgcscavenge.go), the highest addresses first,
 * at a pace that costs about 1 % of one processor. Works on the slow paths of threads that free,
 * without a lock of its own. */
#ifndef GOMALLOC_SCAVENGE_H
#define GOMALLOC_SCAVENGE_H

#include <stdbool.h>
#include <stddef.h>

/* Looks whether there is something to do: rarely, and then for a short time. True: that was not all
 * of it. */
bool scavenge_tick(void);

/* In a forked child, whose parent's other threads may have been looking. */
void scavenge_after_fork(void);

/* Gives back all but `keep` bytes of the free pages; 1: some went. */
int scavenge_all(size_t keep);

#endif
