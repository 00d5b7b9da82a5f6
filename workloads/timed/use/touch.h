/* What a block is worth after malloc has returned: nodes that lie somewhere are visited. The timed
 * operations call no function of the allocator. They show where it put the nodes.
 *
 * Before the nodes come, the heap is used: as many blocks are allocated, and freed in another
 * order. So a list of free blocks is in that order, too. */
#ifndef SPANBENCH_TOUCH_H
#define SPANBENCH_TOUCH_H

#include "places.h"

/* A family of this kind: so many nodes of so many bytes. */
struct touch {
    uint32_t nodes;
    uint32_t least, octaves; /* of their sizes, which are at least 17 bytes */
};

/* Beside the places. The last value that was read takes part in finding the next node, as in a
 * list: the processor cannot look ahead. `zero` is 0; the compiler does not know. */
struct touch_path {
    uint64_t last, zero;
};

enum { TOUCH_WORD = 8 }; /* the byte of a node where its word is */

STREAM_INLINE uint32_t touch_size(struct step op, struct touch t) {
    return draw_octaves((uint32_t)step_random(op, 0), t.least, t.octaves);
}

/* Operations of the warm-up: fill, free in another order, fill again. */
STREAM_INLINE bool touch_build(struct worker *w, struct held *held, struct step op, struct touch t,
                               bool verify) {
    const uint32_t nth   = (uint32_t)op.number % t.nodes;
    const uint32_t place = (uint32_t)op.number / t.nodes == 1
                               ? (uint32_t)((uint64_t)nth * 0x9E3779B1u % t.nodes)
                               : nth;
    const uint32_t size  = touch_size(op, t);
    w->digest += step_random(op, 1) * size;
    return (uint32_t)op.number / t.nodes == 1 ? held_drop(w, &held[place], place, verify)
                                              : held_malloc(w, &held[place], place, size, verify);
}

/* Reads and writes the word of a node; when verifying, compares all of the node. */
STREAM_INLINE bool touch_visit(struct worker *w, struct held *h, struct touch_path *path,
                               uint32_t place, bool verify) {
    uint64_t word;
    if (verify)
        return held_intact(w, h, place, h->written);
    memcpy(&word, h->block + TOUCH_WORD, sizeof word);
    word++;
    memcpy(h->block + TOUCH_WORD, &word, sizeof word);
    path->last = word;
    return true;
}

/* What is added to the number of a node, 0, once the last one has been read. */
STREAM_INLINE uint32_t touch_wait(const struct touch_path *path) {
    return (uint32_t)(path->last & path->zero);
}

/* Defines the functions of a family. The includer defines PLACES, MIN_BYTES and OCTAVES.
 * `place_of`: touch_any or touch_next. */
#define TOUCH_FAMILY(place_of)                                                                     \
    enum { MAX_BYTES = MIN_BYTES << OCTAVES, WARM_UP = 3 * PLACES };                               \
    static const struct touch nodes = {PLACES, MIN_BYTES, OCTAVES};                                \
    struct books {                                                                                 \
        struct held held[PLACES];                                                                  \
        struct touch_path path;                                                                    \
    };                                                                                             \
    STREAM_INLINE bool build(struct worker *w, struct step op, bool verify) {                      \
        struct books *b = w->memory;                                                               \
        return touch_build(w, b->held, op, nodes, verify);                                         \
    }                                                                                              \
    STREAM_INLINE bool visit(struct worker *w, struct step op, bool verify) {                      \
        struct books *b      = w->memory;                                                          \
        const uint32_t place = (uint32_t)((place_of(op) + touch_wait(&b->path)) % PLACES);         \
        w->digest += step_random(op, 0) | 1;                                                       \
        return touch_visit(w, &b->held[place], &b->path, place, verify);                           \
    }                                                                                              \
    PLACES_FUNCTIONS(build, visit)

/* The node that an operation visits: any, or the next. */
STREAM_INLINE uint64_t touch_any(struct step op) {
    return step_random(op, 0) >> 32;
}

STREAM_INLINE uint64_t touch_next(struct step op) {
    return op.number;
}

#endif
