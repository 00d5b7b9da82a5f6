/* What the counter's sample of live blocks says: where they lie, who asked for them, how large
 * their slack is. */
#ifndef SPANBENCH_WHY_SAMPLED_H
#define SPANBENCH_WHY_SAMPLED_H

#include "split.h"

struct sampled_block {
    uint64_t address, usable;
};

struct sampled {
    double slack[WHY_CLASSES]; /* of a class: slack over usable */
    struct {
        uint32_t thread;
        double share;
    } most[WHY_CLASSES];                     /* who asked for most of its bytes */
    struct split_thread thread[SPLIT_TOP];   /* the largest */
    struct sampled_block large[WHY_SAMPLES]; /* all that are large at this level, by address */
    size_t larges;
    int64_t large_bytes;
    int64_t pins[WHY_CLASSES]; /* free bytes in granules with small blocks of a class, estimates */
    int64_t occupied;          /* bytes of granules that hold a small block, an estimate */
};

/* `exact` are the bytes of each class, to which the sample is scaled. */
void sampled_read(const struct why_shared *, const int64_t *exact, struct sampled *);

#endif
