/* Gives free pages back to the operating system (Go's mgcscavenge.go), the highest addresses first,
 * without a lock of its own. Threads that free do so on their slow paths, at a pace that costs
 * about 1 % of one processor, and helper.h's thread does, at about 5 %. */
#ifndef GOMALLOC_SCAVENGE_H
#define GOMALLOC_SCAVENGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Looks whether there is something to do: rarely, and then for a short time. */
void scavenge_tick(void);

/* What a look of the helper found: all is done, what is left is to be kept for a while, or there is
 * more to do, after a rest. */
enum scavenge_outcome { SCAVENGE_DONE, SCAVENGE_LATER, SCAVENGE_MORE };

/* Looks, and works for a short time. `rest_ns` gets how long not to look again. */
enum scavenge_outcome scavenge_help(uint64_t *rest_ns);

/* Pages that may be free and resident for ever, with as many in use as now. */
size_t scavenge_spare(void);

/* All that is resident now was needed lately: it goes back by and by. */
void scavenge_note_peak(void);

/* After the heap has grown for n pages, which are not touched yet. True: as many as three quarters
 * of what was in use before lie free and resident. Then they are of no use for what the program
 * wants now. (Go gives back at each growth what is above its goal.) */
bool scavenge_has_holes(size_t n);

/* Then: all go back but for an eighth of what was in use. */
void scavenge_holes(size_t n);

/* In a forked child, whose parent's other threads may have been looking. */
void scavenge_after_fork(void);

/* Gives back all but `keep` bytes of the free pages; 1: some went. */
int scavenge_all(size_t keep);

#endif
