/* Sizes that a user gave: a histogram, from which a size is drawn in constant time. It is by the
 * alias method (A. J. Walker, "An efficient method for generating discrete random variables with
 * general distributions", ACM TOMS 3/3, 1977): every range is as likely to be looked at, and hands
 * a part of its draws to one other range. Integer arithmetic only. */
#ifndef SPANBENCH_SIZES_H
#define SPANBENCH_SIZES_H

#include "stream.h"

#include <stddef.h>

enum {
    SIZES_MOST_RANGES = 4096,
    SIZES_LARGEST     = 1 << 30, /* bytes: pages of blocks are written */
};

struct sizes {
    uint32_t count; /* of the ranges */
    uint64_t mean;  /* bytes, at least 1 */
    uint64_t digest;
    struct sizes_range {
        uint32_t least, most; /* bytes: all between are equally likely */
        uint32_t keep;        /* of 2^32 draws that look at this range, so many are its own */
        uint32_t other;       /* the others are of this one */
    } range[SIZES_MOST_RANGES];
};

/* Maps 64 random bits to a size. Its range comes from their lower half, so that the upper half may
 * pick a slot; where in the range it lies, from all of them. */
STREAM_INLINE uint32_t sizes_draw(const struct sizes *s, uint64_t random) {
    const uint64_t at    = (random & UINT32_MAX) * s->count;
    const uint32_t first = (uint32_t)(at >> 32);
    const uint32_t from  = (uint32_t)at < s->range[first].keep ? first : s->range[first].other;
    return draw_uniform((uint32_t)(random * STREAM_STEP >> 32), s->range[from].least,
                        s->range[from].most);
}

/* How many of `ops` operations on small blocks take about as long with blocks of these sizes, each
 * page of which is written. NULL, for sizes that nobody gave: all of them. */
static inline uint64_t sizes_ops(const struct sizes *s, uint64_t ops) {
    enum { AS_SMALL = 8192 }; /* bytes whose writing takes as long as the rest of an operation */
    const uint64_t fewer = s ? ops * AS_SMALL / (AS_SMALL + s->mean) : ops;
    return fewer ? fewer : 1;
}

/* How many blocks of a thread are live at once: SIZES_MOST_BLOCKS small ones; of larger ones as
 * many as have SIZES_LIVE_BYTES on average, but at least 8. */
enum { SIZES_MOST_BLOCKS = 32768, SIZES_LIVE_BYTES = 32 << 20 };

static inline uint32_t sizes_blocks(const struct sizes *s) {
    enum { LEAST = 8 };
    const uint64_t blocks = SIZES_LIVE_BYTES / s->mean;
    return blocks > SIZES_MOST_BLOCKS ? SIZES_MOST_BLOCKS
           : blocks < LEAST           ? LEAST
                                      : (uint32_t)blocks;
}

#endif
