/* Preloaded libraries that are no build of the user's but the very file that a cell of its own is
 * linked with: what is known of the distribution's library is true of these, and of no others. */
#ifndef SPANBENCH_RELEASED_H
#define SPANBENCH_RELEASED_H

#include "registry.h"

/* Sets `released` of each chosen preload whose file, by device and inode, is the object of a cell
 * that is here. Starts cells that are not yet described to ask them; these stay undescribed. */
void released_find(struct registry *, const bool *chosen, double timeout_seconds);

#endif
