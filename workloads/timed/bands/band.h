/* The bands: random replacement of sizes over `base` to base * 2^octaves bytes, each octave as
 * often. Every octave of a band comes equally often, so that no end of it decides alone. */
#ifndef SPANBENCH_BAND_H
#define SPANBENCH_BAND_H

#include "replace.h"

/* Defines the functions of a band. `slots` are of each thread. */
#define BAND(base, octaves, slot_count, warm_up_rounds)                                            \
    BAND_OF(base, octaves, slot_count, warm_up_rounds, draw_octaves(random, base, octaves))

/* The same for large blocks, few of which are most of the live set: each slot draws from half an
 * octave. The last argument: struct replace's other members. */
#define BAND_LARGE(base, octaves, slot_count, warm_up_rounds, ...)                                 \
    BAND_OF(base, octaves, slot_count, warm_up_rounds,                                             \
            draw_half_octaves(random, rank, base, octaves), __VA_ARGS__)

#define BAND_OF(base, octaves, slot_count, warm_up_rounds, size, ...)                              \
    enum {                                                                                         \
        SLOTS     = (slot_count),                                                                  \
        ROUNDS    = (warm_up_rounds),                                                              \
        MIN_BYTES = (base) + 1,                                                                    \
        MAX_BYTES = (base) << (octaves),                                                           \
    };                                                                                             \
    static uint32_t draw(uint32_t random, uint32_t rank) {                                         \
        (void)rank;                                                                                \
        return size;                                                                               \
    }                                                                                              \
    static const struct replace load = {                                                           \
        .slots = SLOTS, .rounds = ROUNDS, .draw = draw, __VA_ARGS__};                              \
    REPLACE_WORKLOAD(load)

#endif
