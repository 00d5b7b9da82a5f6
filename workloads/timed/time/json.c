/* json: documents that are built node by node and dropped as a whole, the older of 64 for each new
 * one. A document has 16 to 1024 nodes. Each node is a block of 40 bytes. Most have a name of 1 to
 * 14 bytes; three of eight have a text of 2 to 64 bytes, short ones more often. Each eighth node
 * begins a list of children, whose array doubles as they come.
 *
 * So allocates a parser that builds a tree, like cJSON or RapidJSON over malloc. Go's tiny
 * allocator was made for such programs: "On a json benchmark the allocator reduces number of
 * allocations by ~12% and reduces heap size by ~20%" (runtime/malloc.go).
 *
 * Good: neighbours in the document are neighbours in memory, and a dropped one leaves whole pages
 * free. Bad: short names take as much as long ones, or the nodes' size has no class of its own.
 *
 * An operation builds one document and drops one. */
#include "places.h"

enum {
    DOCUMENTS = 64,
    LEAST     = 16, /* nodes of the smallest */
    OCTAVES   = 6,
    NODES     = LEAST << OCTAVES,
    BLOCKS    = 3 * NODES + NODES / 8 + 1, /* node, name, text; and lists */
    PLACES    = DOCUMENTS * BLOCKS,
    WARM_UP   = 4 * DOCUMENTS,
    NODE      = 40,
    NAME      = 14,
    TEXT_LOG2 = 6,
    LIST      = 32, /* bytes of a list to begin with */
    CHILD     = 8,  /* of each child in it */
    CHILDREN  = 8,  /* nodes of which one begins a list */
    MIN_BYTES = 1,
    MAX_BYTES = CHILD * NODES * 2,
};

struct books {
    struct held held[PLACES];
    uint32_t blocks[DOCUMENTS];
};

/* Last in, first out, as a tree is dropped from its leaves. */
STREAM_INLINE bool drop(struct worker *w, struct books *b, uint32_t document, bool verify) {
    for (uint32_t place = document * BLOCKS + b->blocks[document]; b->blocks[document];) {
        place--;
        b->blocks[document]--;
        if (!held_drop(w, &b->held[place], place, verify))
            return false;
    }
    return true;
}

STREAM_INLINE bool add(struct worker *w, struct books *b, uint32_t document, uint32_t size,
                       bool verify) {
    const uint32_t place = document * BLOCKS + b->blocks[document]++;
    w->digest += (uint64_t)size << (place % 32);
    return held_malloc(w, &b->held[place], place, size, verify);
}

/* The list in a place gets another child; if it is full, it moves to a block of twice its size. */
STREAM_INLINE bool add_child(struct worker *w, struct books *b, uint32_t list, uint32_t children,
                             bool verify) {
    struct held *h  = &b->held[list];
    struct held old = *h;
    if (children * CHILD < h->size)
        return true;
    if (!held_malloc(w, h, list, 2 * old.size, verify))
        return false;
    return held_drop(w, &old, list, verify);
}

/* A node, with its name and its text. */
STREAM_INLINE bool add_node(struct worker *w, struct books *b, uint32_t document, uint64_t random,
                            bool verify) {
    const uint32_t name = draw_uniform((uint32_t)random << 16, 0, NAME + 2);
    if (!add(w, b, document, NODE, verify))
        return false;
    if (name && name <= NAME && !add(w, b, document, name, verify))
        return false;
    if (random >> 32 & 3 && random >> 34 & 1) /* three of eight */
        return add(w, b, document, draw_octaves((uint32_t)(random >> 40) << 8, 1, TEXT_LOG2),
                   verify);
    return true;
}

STREAM_INLINE bool build(struct worker *w, struct step op, bool verify) {
    struct books *b         = w->memory;
    const uint64_t random   = step_random(op, 0);
    const uint32_t document = step_place(op, (uint32_t)(random >> 32), DOCUMENTS);
    const uint32_t nodes    = draw_octaves((uint32_t)random, LEAST, OCTAVES);
    uint32_t list = 0, children = 0;
    if (!drop(w, b, document, verify))
        return false;
    w->digest += random | 1;
    for (uint32_t node = 0; node < nodes; node++) {
        const uint64_t bits = step_random(op, node + 1);
        if (node == 0 || bits >> 61 == 0) {
            list     = document * BLOCKS + b->blocks[document];
            children = 0;
            if (!add(w, b, document, LIST, verify))
                return false;
        }
        if (!add_node(w, b, document, bits, verify) || !add_child(w, b, list, ++children, verify))
            return false;
    }
    return true;
}
PLACES_FAMILY(build)

const struct workload workload_json = {
    .name        = "json",
    .group       = "time",
    .summary     = "documents of 16 to 1024 nodes of 40 B, names and texts; 64 live a thread",
    .stresses    = "small blocks of mixed sizes that come and go together",
    .ops         = 30000,
    .quick_ops   = 6000,
    .brief_ops   = 400,
    .live_blocks = 0,
    PLACES_MEMBERS,
};
