/* What the counter in the program and the driver share: a file for each process, which both map.
 * The counter alone writes. The driver reads at instants of its own, also after the program died.
 *
 * A number that only one thread writes is stored relaxed: a reader sees an old or a new value. What
 * else stands beside it may be an operation older. What threads counted is read one thread after
 * another (tally.h). */
#ifndef SPANBENCH_WHY_SHARED_H
#define SPANBENCH_WHY_SHARED_H

#include <limits.h>
#include <stdatomic.h>
#include <stdint.h>

#define WHY_FOLDER_VARIABLE "SPANBENCH_WHY" /* in the program's environment: where the files go */

enum {
    WHY_MAGIC   = 0x35594857, /* "WHY5" */
    WHY_CLASSES = 128,        /* four for each power of two, from 16 bytes on */
    WHY_SLOTS   = 1024,       /* threads that live at once; what is more shares the first */
    WHY_NAMES   = 4096,       /* threads that have a name of their own, over the whole life */
    WHY_SMALL   = 8192 / 8,   /* blocks of 0, 8 … 8192 usable bytes have counts of their own */
    WHY_SAMPLES = 1 << 16,
    WHY_REGIONS = 1 << 14, /* of a mebibyte each, in which blocks were seen */
    WHY_OUTSIDE = 2048,    /* mappings that the program itself made */
    /* A sample has all blocks of one granule of memory in WHY_SAMPLE_EVERY, and all large ones.
     * Each time it is full, its level rises by one: half as many granules, twice as large. */
    WHY_GRANULE_SHIFT = 15,
    WHY_SAMPLE_EVERY  = 32,
    WHY_LARGE         = 16 << 10,
    WHY_SLACK_BITS    = 24,
    WHY_CLAIMED       = 1, /* in place of a block, which has no such address */
};

struct why_class {
    _Atomic int64_t bytes;        /* made here less freed here: below 0 is possible */
    _Atomic uint64_t made, freed; /* blocks, ever */
};

/* Blocks of one size, ever. */
struct why_small {
    _Atomic uint64_t made, freed;
};

/* Has what one thread after another counted: each goes on from the numbers of the one before it.
 * Those for which no slot was left share the first, by atomic operations. */
struct why_slot {
    _Alignas(64) _Atomic uint32_t used;    /* no two threads write to one line of the cache */
    _Atomic int32_t thread;                /* gettid() */
    _Atomic uint32_t name;                 /* a number in `names` */
    _Atomic uint64_t stack, stack_end;     /* its stack; both 0: it has none, or the process's */
    struct why_small small[WHY_SMALL + 1]; /* by the size in units of 8 bytes */
    struct why_class class[WHY_CLASSES];   /* of all other sizes */
};

struct why_name {
    _Atomic int32_t thread;
    _Atomic uint32_t ended; /* `text` is set */
    char text[24];
};

/* A live block of the sample, in one line of the cache. Who puts one there claims the place first,
 * so that it alone writes the size; then it stores the block. A process that is killed or copied in
 * between loses the place. */
struct why_sample {
    _Atomic uint64_t block; /* its address, and shifted by 48 the name of the thread; 0: none */
    _Atomic uint64_t size;  /* usable bytes shifted by WHY_SLACK_BITS, and of these the slack */
};

enum why_state {
    WHY_COUNTING = 1,
    WHY_NO_SIZES, /* the allocator has no malloc_usable_size of its own: nothing is counted */
    WHY_ENDED,    /* the program called exit */
};

struct why_outside {
    _Atomic uint64_t start, end; /* both 0: empty */
};

struct why_shared {
    uint32_t magic;
    _Atomic uint32_t state; /* enum why_state; stored release when all above is there */
    int32_t process, parent;
    uint32_t
        own; /* 1: the program has a malloc of its own, and calls the counter at most from there */
    char object[PATH_MAX / 2]; /* the file of the malloc behind the counter */
    _Atomic uint32_t level;    /* of the sample */
    _Atomic uint32_t names_used;
    _Atomic uint64_t dropped;                    /* blocks that the sample had no place for */
    _Atomic uint32_t outside_lock, outside_lost; /* lost: there were too many */
    _Atomic uint32_t slots_used;                 /* the highest, and one */
    _Atomic uint32_t unsure; /* blocks had another size than the allocator had promised */
    _Alignas(4096) struct why_name names[WHY_NAMES];
    _Alignas(4096) struct why_outside outside[WHY_OUTSIDE];
    /* 28 bits of an address shifted by 20, and the first and last page there with a block, 8 bits
     * each */
    _Alignas(4096) _Atomic uint64_t region[WHY_REGIONS];
    _Alignas(4096) struct why_slot slot[WHY_SLOTS];
    _Alignas(4096) struct why_sample sample[WHY_SAMPLES];
};

static inline unsigned why_class_of(uint64_t usable) {
    if (usable < 16)
        return 0;
    const unsigned octave = 63 - (unsigned)__builtin_clzll(usable);
    const unsigned class  = octave * 4 + (unsigned)(usable >> (octave - 2) & 3) - 16;
    return class < WHY_CLASSES ? class : WHY_CLASSES - 1;
}

/* The least usable size of a class, in bytes. */
static inline uint64_t why_class_least(unsigned class) {
    return class == 0 ? 0 : (uint64_t)(4 + class % 4) << (class / 4 + 2);
}

/* Has this size a count of its own? (Parts of a unit make it a large number.) */
static inline int why_is_small(uint64_t usable) {
    return (usable >> 3 | usable << 61) <= WHY_SMALL;
}

/* Of granules side by side, the hashes lie far apart, and evenly (Knuth, volume 3, 6.4). */
static inline uint32_t why_granule_hash(uint64_t address) {
    return (uint32_t)(address >> WHY_GRANULE_SHIFT) * UINT32_C(0x9E3779B1);
}

/* A granule is in the sample of a level if its hash is below this. */
static inline uint32_t why_hash_limit(unsigned level) {
    return UINT32_MAX / WHY_SAMPLE_EVERY >> level;
}

static inline uint64_t why_block_address(uint64_t block) {
    return block & ((UINT64_C(1) << 48) - 1);
}

/* A block and its size, as both were at one instant. Returns 0: there is none, or it is changing.
 * The acquire loads pair with the release stores of put (sample.c). Who sees the block sees its
 * size. Who sees the next one's size does not find the block again. */
static inline int why_read_sample(const struct why_sample *s, uint64_t *block, uint64_t *size) {
    *block = atomic_load_explicit(&s->block, memory_order_acquire);
    *size  = atomic_load_explicit(&s->size, memory_order_acquire);
    return *block > WHY_CLAIMED && atomic_load_explicit(&s->block, memory_order_relaxed) == *block;
}

/* Is a block in the sample of this level? */
static inline int why_sampled(uint64_t address, uint64_t usable, unsigned level) {
    return why_granule_hash(address) < why_hash_limit(level) || usable >= (uint64_t)WHY_LARGE
                                                                              << level;
}

#endif
