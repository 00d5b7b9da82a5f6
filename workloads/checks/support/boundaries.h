/* Where the arithmetic on sizes goes wrong. The requests lie just below and above the places at
 * which a sum, a product or a rounding wraps around, or no longer fits into fewer bits. A library
 * has guards of its own for each function, so each is asked everywhere. */
#ifndef SPANBENCH_BOUNDARIES_H
#define SPANBENCH_BOUNDARIES_H

#include "check.h"

/* From here on, no object can exist: today's processors give a process at most 2^56 bytes of
 * addresses (x86-64 with five levels of page tables). A pointer for one is a lie. */
#define BOUNDARIES_NO_OBJECT ((size_t)1 << 57)

/* From here on, no system of today finds room, unless a program asks for addresses above 2^47: what
 * lies in the lower half splits it. So nobody writes so much to clear it. */
#define BOUNDARIES_NO_ROOM (((size_t)1 << 47) - ((size_t)32 << 20))

/* From here on, what boundaries_limit leaves is too little. */
#define BOUNDARIES_OVER_LIMIT ((size_t)1 << 31)

enum { BOUNDARIES_SIZES = 8192, BOUNDARIES_PRODUCTS = 4096, BOUNDARIES_OF_ALIGNMENT = 64 };

/* Fills `size` with those of at least `least` bytes, and returns how many there are, up to
 * BOUNDARIES_SIZES. They lie around SIZE_MAX, PTRDIFF_MAX, lower powers of two, and the memory of
 * this machine, away from them by powers of two, pages and size classes. Around the first two, the
 * nearest are always there. The others are a sample by the seed unless the run is a whole one. */
size_t boundaries_sizes(struct check_run *, size_t least, size_t *size);

/* Likewise, up to BOUNDARIES_OF_ALIGNMENT: sizes to which a library that looks for an aligned place
 * adds the alignment, or twice, so that the sum wraps around. None is below BOUNDARIES_NO_OBJECT.
 */
size_t boundaries_of_alignment(size_t alignment, size_t *size);

/* Pairs whose product wraps around to zero, a small number, or any; or is too large for an object.
 * Fills up to BOUNDARIES_PRODUCTS. */
struct product {
    size_t count, size;
};
size_t boundaries_products(struct product *);

/* Limits the address space of this process to what it has and a GiB, or takes the limit back. For
 * requests that could be granted on a system that promises more than it has: they are cheap to
 * grant and to refuse then. The allocator has begun its work before: what it does with less at its
 * begin is not looked at here. Where the limit cannot be set, another is in force, or none. */
void boundaries_limit(const struct check_run *, bool on);

/* Are the first and the last byte of this object memory that can be written? Without a fault. */
bool boundaries_has_ends(void *block, size_t size);

#endif
