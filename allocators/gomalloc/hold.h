/* What surrounds a block of the hardened build, and how a block is known by its address. A block
 * holds its size and kind; seal.h has the words that say them, and hardened.h says where they lie.
 */
#ifndef GOMALLOC_HOLD_H
#define GOMALLOC_HOLD_H

#include "arena.h"
#include "mspan.h"
#include "os.h"
#include "seal.h"

#include <stdbool.h>
#include <stddef.h>

/* What malloc and free are made of: without a call, it stays in registers. */
#define HOLD_HOT inline __attribute__((always_inline))

enum {
    HOLD_SEAL           = 8, /* bytes of the seal of a free slot */
    HOLD_TAIL_LEAST     = 1, /* bytes of the secret behind a block, at least, */
    HOLD_TAIL_MOST      = 8, /* and at most */
    HOLD_NARROW         = 8, /* bytes before a block of a short slot */
    HOLD_WIDE           = 16,
    HOLD_SHORT_SLOT     = 24, /* bytes of the longest short slot, and */
    HOLD_SPANCLASS_WIDE = 8,  /* the first of longer ones */
    HOLD_SHORT = HOLD_SHORT_SLOT - HOLD_NARROW - HOLD_TAIL_LEAST, /* of its longest block */
    HOLD_SMALL = SIZE_MAX_SMALL - HOLD_WIDE - HOLD_TAIL_LEAST,    /* of any slot's */
};

/* What a large span's descriptor has in place of bitmaps. */
struct hold_large {
    uint64_t size;   /* that was asked for */
    uint32_t offset; /* of the block from the first page; 0: there is no header */
    uint32_t guard;  /* bytes at the end of the last pages that nobody may touch (guard.h) */
    uint8_t kind;
    bool is_cut;      /* realloc has made a shorter one of it */
    bool is_released; /* it waits in quarantine without its memory */
};

/* What the fast paths want to know of a span class. A header that is right for its address says
 * that a block begins there, so that free need not look at the span. */
struct hold_class {
    uint16_t bytes;   /* of a slot */
    uint16_t last;    /* how far behind the begin of its block its last word lies */
    uint16_t second;  /* quarantine.h: the first place of the second piece, and how many */
    uint16_t places;  /* there are, in steps of 16 bytes; 0: there is none */
    uint16_t waiting; /* so many slots wait, less one: a power of two, less one */
    uint16_t unused[3];
};

_Static_assert(sizeof(struct hold_class) == 16, "and none is in two cache lines");

/* [0]: of the begin of a large block; [1]: of one that is shorter than that */
extern struct hold_class hold_classes[SPAN_CLASSES];

/* Where the list of a block's span class begins in a struct mcache, by its size / 8. */
extern uint16_t hold_list[SMALL_MAX / 8];
enum { HOLD_LIST_BYTES = 32 }; /* sizeof(struct freelist) */

/* Once, before there is a slot. */
void hold_begin(void);

struct hold {
    struct mspan *span;
    uintptr_t start, block, end; /* of the slot or pages; of the block; behind the slot or pages */
    size_t size;
    unsigned kind;
};

static inline struct hold_large *hold_large_of(struct mspan *s) {
    return (struct hold_large *)s->bits;
}

/* Where the part of a large span ends that its block may have. */
static inline uintptr_t hold_large_end(struct mspan *s) {
    return s->base + mspan_span_bytes(s) - hold_large_of(s)->guard;
}

/* Where blocks begin in the slots of a class. */
static inline unsigned hold_offset(unsigned slot_bytes) {
    return slot_bytes <= HOLD_SHORT_SLOT ? HOLD_NARROW : HOLD_WIDE;
}

/* The kind of a block: in the lowest bits its origin, above them 0, or 1 and the logarithm of the
 * alignment that was asked for. What realloc leaves in place has none any more. In a slot it may
 * begin where others do not, which the fast paths of free must know: that is HOLD_FORMER. */
enum { HOLD_ORIGIN_BITS = 2, HOLD_ORIGIN = (1 << HOLD_ORIGIN_BITS) - 1, HOLD_FORMER = 63 };

static inline unsigned hold_kind(size_t alignment, unsigned origin) {
    return alignment ? (unsigned)(__builtin_ctzll(alignment) + 1) << HOLD_ORIGIN_BITS | origin
                     : origin;
}

/* The alignment that was asked for; 0: none. */
static inline size_t hold_alignment(unsigned kind) {
    const unsigned number = kind >> HOLD_ORIGIN_BITS;
    return number == HOLD_FORMER ? 0 : (size_t)1 << number >> 1;
}

/* The whole word that ends with the secret behind a block; its lower bytes may be the block's.
 * *shift: so many bits are. */
static HOLD_HOT uintptr_t hold_tail(const struct hold *h, unsigned *shift) {
    const size_t room    = h->end - h->block - h->size;
    const unsigned width = room < HOLD_TAIL_MOST ? (unsigned)room : HOLD_TAIL_MOST;
    *shift               = 8 * (HOLD_TAIL_MOST - width);
    return h->block + h->size + width - HOLD_TAIL_MOST;
}

static inline uintptr_t hold_before(const struct hold *h) {
    return h->block - h->start;
}

/* Writes the words around a block. */
static HOLD_HOT void *hold_write(const struct hold *h) {
    const uint64_t header = seal_header(h->block, seal_says(h->size, h->kind));
    unsigned shift;
    const uintptr_t tail = hold_tail(h, &shift);
    const uint64_t mask  = ~(uint64_t)0 << shift;
    if (hold_before(h))
        seal_store(h->block - 8, header);
    if (hold_before(h) >= HOLD_WIDE)
        seal_store(h->block - 16, seal_before(header));
    seal_store(tail, (seal_load(tail) & ~mask) | (seal_tail(header) & mask));
    return os_pointer(h->block);
}

/* Of a tail whose lowest so many bytes are the block's. Where the number may be anything, a shift
 * does it: it takes a step more, but looks nowhere. */
static const uint64_t hold_mask[HOLD_TAIL_MOST] = {
    ~UINT64_C(0),       ~UINT64_C(0) << 8,  ~UINT64_C(0) << 16, ~UINT64_C(0) << 24,
    ~UINT64_C(0) << 32, ~UINT64_C(0) << 40, ~UINT64_C(0) << 48, ~UINT64_C(0) << 56};

/* The same of a new block without an alignment, so that what it holds does not matter. `offset`:
 * hold_offset of its slot, which is a constant for the fast paths, here and below. */
static HOLD_HOT void *hold_make(uintptr_t slot, const struct hold_class *k, unsigned offset,
                                size_t size, unsigned kind) {
    const uintptr_t block = slot + offset;
    const uint64_t header = seal_header(block, seal_says(size, kind));
    const size_t tail     = size < k->last ? size : k->last;
    if (offset == HOLD_WIDE)
        seal_store(slot, seal_before(header));
    seal_store(block - 8, header);
    seal_store(block + tail, seal_tail(header) & hold_mask[size - tail]);
    return os_pointer(block);
}

/* The same as hold_is_whole of such a block. */
static HOLD_HOT bool hold_class_is_whole(uintptr_t block, const struct hold_class *k,
                                         unsigned offset, size_t size, uint64_t header) {
    const size_t tail = size < k->last ? size : k->last;
    uint64_t wrong    = (seal_load(block + tail) ^ seal_tail(header)) >> 8 * (size - tail);
    if (offset == HOLD_WIDE)
        wrong |= seal_load(block - 16) ^ seal_before(header);
    return !wrong;
}

/* The bits of the tail that are not as they were written. */
static HOLD_HOT uint64_t hold_overflow(const struct hold *h, uint64_t header) {
    unsigned shift;
    const uintptr_t tail = hold_tail(h, &shift);
    return (seal_load(tail) ^ seal_tail(header)) >> shift;
}

/* Are the words around it as they were written, if the header is? */
static HOLD_HOT bool hold_is_whole(const struct hold *h, uint64_t header) {
    const uint64_t wrong = hold_overflow(h, header);
    if (hold_before(h) >= HOLD_WIDE)
        return !(wrong | (seal_load(h->block - 16) ^ seal_before(header)));
    return !wrong;
}

/* Does a block begin so far behind the start of its slot? */
static inline bool hold_may_begin(unsigned slot_bytes, uintptr_t offset) {
    return offset == hold_offset(slot_bytes) ||
           (offset > HOLD_WIDE && !(offset & (offset - 1)) && slot_bytes % offset == 0);
}

/* Fills in all but the size and kind; false: no block of a live slot or span can begin there. */
static HOLD_HOT bool hold_locate(struct hold *h, uintptr_t address) {
    struct mspan *s = address >> ARENA_SHIFT < ARENAS ? arena_span(address) : NULL;
    h->span         = s;
    h->block        = address;
    if (!s)
        return false;
    if (__builtin_expect(s->elem_bytes != 0, 1)) {
        const unsigned slot = mspan_slot(s, address);
        h->start            = mspan_address(s, slot);
        h->end              = h->start + s->elem_bytes;
        return slot < s->nelems && hold_may_begin(s->elem_bytes, address - h->start);
    }
    h->start = s->base;
    h->end   = hold_large_end(s);
    return atomic_load_explicit(&s->word, memory_order_relaxed) == span_word(SPAN_LARGE, 1) &&
           address == s->base + hold_large_of(s)->offset;
}

/* Is there a block, and is all around it as it was written? Fills in the rest. */
static HOLD_HOT bool hold_find(struct hold *h, uintptr_t address) {
    if (__builtin_expect(!hold_locate(h, address), 0))
        return false;
    uint64_t header;
    if (__builtin_expect(h->span->elem_bytes != 0, 1)) {
        header              = seal_load(address - 8);
        const uint64_t says = seal_says_of(address, header);
        h->size             = seal_size(says);
        h->kind             = seal_kind(says);
        if (__builtin_expect(says >> SEAL_SAYS_BITS != 0, 0))
            return false;
    } else {
        h->size = hold_large_of(h->span)->size;
        h->kind = hold_large_of(h->span)->kind;
        header  = seal_header(address, seal_says(h->size, h->kind));
        if (hold_before(h) && seal_load(address - 8) != header)
            return false;
    }
    return hold_is_whole(h, header);
}

#endif
