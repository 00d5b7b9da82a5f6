/* cache: a server that keeps what was asked for last, up to 16 MiB, and forgets what was not asked
 * for longest (LRU). Which of 32,768 keys is asked for is by Zipf's law. A value has 64 B to 64
 * KiB, the smaller of two draws by octaves. Before it comes an entry of 56 to 96 bytes, with the
 * key. One request in eight stores a new value.
 *
 * So were requests to memcached at Facebook: keys by Zipf's law, many more reads than writes,
 * values small with a long tail. (Atikoglu et al., "Workload analysis of a large-scale key-value
 * store", SIGMETRICS 2012.)
 *
 * Good: small entries and large values come and go without getting into each other's way. Bad: each
 * change between the two is a slow path, or values of all sizes cut the memory up until none fits.
 */
#include "places.h"

enum {
    KEYS_LOG2 = 15,
    KEYS      = 1 << KEYS_LOG2,
    BUDGET    = 16 << 20,
    PLACES    = 2 * KEYS, /* entry and value of each key */
    WARM_UP   = 4 * KEYS,
    ENTRY     = 56,
    KEY_BYTES = 40,
    LEAST     = 64,
    OCTAVES   = 10,
    MIN_BYTES = ENTRY,
    MAX_BYTES = LEAST << OCTAVES,
    NOBODY    = KEYS, /* the end of the list, both ways */
    STORES    = 8,    /* one request of so many */
};

struct books {
    struct held held[PLACES];
    struct link {
        uint32_t newer, older;
    } link[KEYS + 1]; /* that of NOBODY: the oldest and the newest */
    uint32_t bytes;
    bool begun;
};

static void list_remove(struct books *b, uint32_t key) {
    const struct link l    = b->link[key];
    b->link[l.newer].older = l.older;
    b->link[l.older].newer = l.newer;
}

static void list_add(struct books *b, uint32_t key) {
    const uint32_t newest = b->link[NOBODY].older;
    b->link[key]          = (struct link){.newer = NOBODY, .older = newest};
    b->link[newest].newer = key;
    b->link[NOBODY].older = key;
}

STREAM_INLINE bool forget(struct worker *w, struct books *b, uint32_t key, bool verify) {
    struct held *entry = &b->held[2 * key], *value = entry + 1;
    b->bytes -= entry->size + value->size;
    list_remove(b, key);
    return held_drop(w, entry, 2 * key, verify) && held_drop(w, value, 2 * key + 1, verify);
}

STREAM_INLINE bool store(struct worker *w, struct books *b, uint32_t key, uint32_t size,
                         bool verify) {
    struct held *entry = &b->held[2 * key], *value = entry + 1;
    const uint32_t of_entry = ENTRY + (uint32_t)(stream_mix(key) % (KEY_BYTES + 1));
    while (b->bytes + of_entry + size > BUDGET)
        if (!forget(w, b, b->link[NOBODY].newer, verify))
            return false;
    b->bytes += of_entry + size;
    list_add(b, key);
    return held_malloc(w, entry, 2 * key, of_entry, verify) &&
           held_malloc(w, value, 2 * key + 1, size, verify);
}

/* The program reads the value, and notes in the entry that it did. */
STREAM_INLINE bool hit(struct worker *w, struct books *b, uint32_t key, bool verify) {
    struct held *entry = &b->held[2 * key], *value = entry + 1;
    list_remove(b, key);
    list_add(b, key);
    if (verify)
        return held_intact(w, value, 2 * key + 1, value->written);
    entry->block[0] = held_mark(2 * key);
    for (uint32_t at = 0; at < value->size; at += BLOCK_PAGE)
        *(volatile unsigned char *)&value->block[at];
    return true;
}

/* The smaller of two draws. */
STREAM_INLINE uint32_t value_size(uint64_t random) {
    const uint32_t one   = draw_octaves((uint32_t)random, LEAST, OCTAVES),
                   other = draw_octaves((uint32_t)(random >> 32), LEAST, OCTAVES);
    return one < other ? one : other;
}

STREAM_INLINE bool request(struct worker *w, struct step op, bool verify) {
    struct books *b       = w->memory;
    const uint64_t random = step_random(op, 0);
    const uint32_t rank   = draw_zipf((uint32_t)random, KEYS_LOG2 << 16);
    const uint32_t key    = (rank * 0x9E3779B1u) % KEYS; /* odd: a permutation of the ranks */
    const bool stores     = random >> 32 < UINT32_MAX / STORES;
    if (!b->begun)
        b->link[NOBODY] = (struct link){NOBODY, NOBODY};
    b->begun = true;
    /* Most requests are hits, and draw no size. That of a miss is not in the digest: what misses
     * depends on what this thread holds. */
    uint32_t size = stores ? value_size(step_random(op, 1)) : 0;
    w->digest += (random | 1) * (size + 1);
    if (b->held[2 * key].block && !stores)
        return hit(w, b, key, verify);
    if (b->held[2 * key].block && !forget(w, b, key, verify))
        return false;
    size = size ? size : value_size(step_random(op, 1));
    return store(w, b, key, size, verify);
}
PLACES_FAMILY(request)

const struct workload workload_cache = {
    .name        = "cache",
    .group       = "time",
    .summary     = "an LRU cache: Zipf keys, values of 64 B to 64 KiB; 16 MiB live a thread",
    .stresses    = "small and large blocks in turn, sizes of all kinds",
    .ops         = 2000000,
    .quick_ops   = 400000,
    .brief_ops   = 20000,
    .live_blocks = 0,
    PLACES_MEMBERS,
};
