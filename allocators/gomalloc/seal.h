/* The words by which the hardened build knows its blocks and its free slots. A header is what it
 * says, mixed with its address and a secret, and multiplied by another secret. So a word that
 * nobody made says something impossible, but for one in 2^40. A leaf.
 *
 * The header is the 8 bytes before a block: its size and kind. A block that is aligned to 16 has 8
 * more bytes before that. The tail is up to 8 bytes behind the size that was asked for. The seal
 * of a free slot is its first 8 bytes: its address, mixed with a secret. */
#ifndef GOMALLOC_SEAL_H
#define GOMALLOC_SEAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct seal_secrets {
    uint64_t header, before, tail, places, free;
    uint64_t factor, inverse; /* odd; their product is 1 */
};

/* Set once, before there is a slot. Hidden here, too, so that no register is spent on their
 * address. */
extern struct seal_secrets seal_secrets __attribute__((visibility("hidden")));
void seal_begin(void);

/* Random bits of the system's. */
uint64_t seal_random(void);

/* Words in the program's memory, of any type and alignment. */
static inline uint64_t seal_load(uintptr_t address) {
    uint64_t word;
    memcpy(&word, (const void *)address, sizeof word); // NOLINT(performance-no-int-to-ptr)
    return word;
}

static inline void seal_store(uintptr_t address, uint64_t word) {
    memcpy((void *)address, &word, sizeof word); // NOLINT(performance-no-int-to-ptr)
}

/* --- of a block --- */

enum { SEAL_SAYS_BITS = 24, SEAL_SIZE_BITS = 16 };

/* What a header says: the lowest bits of the size, and the kind. Of a block in a slot that malloc
 * made, that is its size. */
static inline uint64_t seal_says(uint64_t size, unsigned kind) {
    return (uint64_t)kind << SEAL_SIZE_BITS | (size & UINT16_MAX);
}

static inline size_t seal_size(uint64_t says) {
    return says & UINT16_MAX;
}

static inline unsigned seal_kind(uint64_t says) {
    return says >> SEAL_SIZE_BITS & UINT8_MAX;
}

static inline uint64_t seal_header(uintptr_t block, uint64_t says) {
    return (says ^ block ^ seal_secrets.header) * seal_secrets.factor;
}

/* What it says; more bits than it can have if nobody made it. */
static inline uint64_t seal_says_of(uintptr_t block, uint64_t header) {
    return header * seal_secrets.inverse ^ block ^ seal_secrets.header;
}

static inline uint64_t seal_before(uint64_t header) {
    return header ^ seal_secrets.before;
}

static inline uint64_t seal_tail(uint64_t header) {
    return header ^ seal_secrets.tail;
}

/* --- of a free slot --- */

/* Bits of a slot that nobody can guess; the upper half is mixed best. */
static inline uint64_t seal_bits(uintptr_t slot) {
    return (slot ^ seal_secrets.places) * seal_secrets.factor;
}

/* The first word of a slot that waits or is on a list. */
static inline uint64_t seal_free(uintptr_t slot) {
    return slot ^ seal_secrets.free;
}

static inline bool seal_is_free(uintptr_t slot) {
    return seal_load(slot) == seal_free(slot);
}

#endif
