/* The words by which the hardened build knows its blocks and its links. Each is what it says, mixed
 * with its address and a secret, and multiplied by another secret. So a word that nobody made says
 * something impossible: but for one in 2^40 of headers, and one in 2^20 of links. A leaf.
 *
 * The header is the 8 bytes before a block: its size and kind. A block that is aligned to 16 has 8
 * more bytes before that. The tail is up to 8 bytes behind the size that was asked for. The link is
 * the first 8 bytes of a free slot: the next slot. */
#ifndef GOMALLOC_SEAL_H
#define GOMALLOC_SEAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct seal_secrets {
    uint64_t header, before, tail, link, waits;
    uint64_t factor, inverse; /* odd; their product is 1 */
    uint64_t no_slot;         /* the bits that no slot's address has: no secret */
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
    return (slot ^ seal_secrets.link) * seal_secrets.factor;
}

static inline uint64_t seal_link(uintptr_t slot, uintptr_t next) {
    return (next ^ slot ^ seal_secrets.link) * seal_secrets.factor;
}

/* The next slot by the link in a slot, or what no slot's address is. */
static inline uintptr_t seal_next(uintptr_t slot) {
    return seal_load(slot) * seal_secrets.inverse ^ slot ^ seal_secrets.link;
}

/* Can it be the address of a slot, or 0? */
static inline bool seal_is_slot(uintptr_t next) {
    return !(next & seal_secrets.no_slot);
}

/* What is in the place of a link while a slot waits and is on no list. */
static inline uint64_t seal_waits(uintptr_t slot) {
    return slot ^ seal_secrets.waits;
}

#endif
