/* Random numbers for the tests, the same in each run: a counter through one wide multiplication
 * (the finaliser of wyhash). */
#ifndef GOMALLOC_TEST_RANDOM_H
#define GOMALLOC_TEST_RANDOM_H

#include <stdint.h>

/* `state`: any number; each is another stream. */
static inline uint64_t next_random(uint64_t *state) {
    *state += 0x9E3779B97F4A7C15u;
    const __uint128_t mix = (__uint128_t)*state * (*state ^ 0xE7037ED1A0B428DBu);
    return (uint64_t)(mix >> 64) ^ (uint64_t)mix;
}

#endif
