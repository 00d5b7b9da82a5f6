/* What all threads of a process made and freed: its live bytes and blocks, by class of size. */
#ifndef SPANBENCH_WHY_TALLY_H
#define SPANBENCH_WHY_TALLY_H

#include "shared.h"

#include <stdint.h>

struct tally {
    int64_t bytes[WHY_CLASSES], blocks[WHY_CLASSES];
    uint64_t made, freed; /* blocks, ever */
};

/* Of blocks that are not small (why_is_small), all is true at one instant, if the program leaves
 * time for that. Else it is off by what the program does within one reading, as small blocks always
 * are. */
void tally_read(const struct why_shared *, struct tally *);

#endif
