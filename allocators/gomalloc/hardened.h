/* The API of the hardened build (-DGOMALLOC_HARDENED): malloc.c and interpose.c hand all calls on
 * to it. A call that says of an address what is not true ends the process, with the address and the
 * reason. So does a block, or a free slot, that somebody has written beside or into.
 *
 * A block of up to 15 bytes begins 8 bytes behind its slot, any other 16 bytes behind its slot or
 * its pages. One with a larger alignment begins so many bytes behind them. Before it is its header
 * and, from 16 bytes on, another word. Behind the size that was asked for is at least one byte of
 * a secret (seal.h). malloc_usable_size gives that size, so that nobody may write to what is behind
 * it. A freed slot is put out of use for a while (quarantine.h). In the normal build nothing of
 * this is compiled. Thread-safe. */
#ifndef GOMALLOC_HARDENED_H
#define GOMALLOC_HARDENED_H

#include "mspan.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef GOMALLOC_HARDENED
enum { HARDENED = 1 };
#else
enum { HARDENED = 0 };
#endif

/* Bytes of a slot that a block in it has not, but for the shortest and aligned ones. */
enum { HARDENED_AROUND = HARDENED ? 17 : 0 };

/* Who made a block: the lowest bits of its kind. */
enum hardened_origin { ORIGIN_MALLOC, ORIGIN_NEW, ORIGIN_NEW_ARRAY };

/* Above them: 0, or 1 and the logarithm of the alignment that was asked for. */
enum { KIND_ORIGIN_BITS = 2, KIND_ORIGIN = (1 << KIND_ORIGIN_BITS) - 1 };

/* A free, or delete, that does not say a size. */
#define ANY_SIZE SIZE_MAX

/* Once, before the first span. */
void hardened_begin(void);

/* `alignment`: 0, or what was asked for, a power of two. NULL and ENOMEM: no memory. */
void *hardened_malloc(size_t size);
void *hardened_alloc(size_t size, unsigned flags);
void *hardened_new(size_t alignment, size_t size, enum hardened_origin);
void *hardened_realloc(void *block, size_t size);

/* Of any block of malloc and its like. */
void hardened_free(void *block);

/* The same of a block of this origin, size and alignment, as the program says. */
void hardened_free_as(void *block, size_t alignment, size_t size, enum hardened_origin);

size_t hardened_usable_size(void *block);

/* The program has some operators of its own, and frees by one what another made. From
 * now on that is right. */
void hardened_mixes(void);

/* For the library's own parts. The slot waits, or is on a list or in a span. */
bool hardened_is_free(const void *slot);

/* Dies if somebody wrote over the seal of a free slot. */
void hardened_expect_free(const void *slot);

/* Of a slot that leaves its span: it has a seal, or none yet, and gets it. Dies likewise. */
void hardened_seal(void *slot);

/* In a forked child. */
void hardened_after_fork(void);

#endif
