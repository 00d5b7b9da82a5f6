/* Objects under 16 bytes that share a block of 16 (Go's tiny allocator), for gom_alloc with
 * GOM_TINY.
 *
 * In Go the collector frees a block when nothing points into it. Here each piece is freed by
 * itself: a span that has such blocks has a note of 32 bits for each slot.
 *
 * - bits 0 to 14: a live piece begins at this byte.
 * - bit 15: the block is some thread's current one (so no piece begins at byte 15).
 * - bits 16 to 31: a piece begins or ends at this byte, live or not; its size is told from these.
 *
 * Who clears the last of the bits 0 to 15 frees the block. A note of 0: no shared block.
 *
 * Blocks come from and go to the mcache, which is above. Thread-safe but for struct tiny. */
#ifndef GOMALLOC_TINY_H
#define GOMALLOC_TINY_H

#include "mspan.h"

enum { TINY_BYTES = 16 };

/* A thread's current block; NULL: none. */
struct tiny {
    char *block;
    unsigned offset; /* of its free rest */
};

/* Cuts a piece of 1 to 15 bytes off the current block, aligned to the largest power of two not
 * above its size; NULL: there is no room. */
void *tiny_cut(struct tiny *, size_t size);

/* Cuts the piece off a new block instead, and keeps the block with more room as the current one. A
 * block that is free thereby goes into *freed, else NULL. */
void *tiny_cut_new(struct tiny *, void *block, size_t size, void **freed);

/* Gives the current block up; returns it if it is free thereby, else NULL. */
void *tiny_give_up(struct tiny *);

/* Frees a piece; returns its block if that is free thereby, else NULL. For an object that is
 * not a piece, the object. */
void *tiny_free(struct mspan *, void *object);

/* The bytes of a piece, or of an object that is none. */
size_t tiny_usable(const struct mspan *, const void *object);

#endif
