/* calloc: zeros, whatever lay there before. */
#include "check.h"

#include <string.h>

static size_t next_size(size_t size) {
    return size + size / 5 + 1;
}

CHECK(zeroed_fresh, .name = "calloc.zeroed", .kind = CHECK_REQUIRED, .profiles = PROFILES_C,
      .needs = NEEDS_CALLOC, .clause = "C17 7.22.3.2p2",
      .summary = "all bytes of a block of calloc are zero, for 1 B to 32 MiB") {
    for (size_t size = 1; size <= 32 << 20; size = next_size(size)) {
        void *block = c->a->calloc(1, size);
        MUST(c, block != NULL, "a block", "calloc(1, %zu) gave NULL", size);
        MUST(c, contents_zero(block, size) == size, "all bits zero",
             "calloc(1, %zu): byte %zu is not 0", size, contents_zero(block, size));
        c->a->free(block);
    }
}

/* Several blocks, so that one of them is where a dirty one was, whatever the order of reuse. */
CHECK(zeroed_reused, .name = "calloc.zeroed_reuse", .kind = CHECK_REQUIRED, .profiles = PROFILES_C,
      .needs = NEEDS_CALLOC, .clause = "C17 7.22.3.2p2",
      .summary = "all bytes are zero where freed blocks full of other bytes lay before") {
    enum { BLOCKS = 16 };
    for (size_t size = 1; size <= 8 << 20; size = next_size(size)) {
        const size_t blocks = size > 65536 ? 2 : BLOCKS;
        void *block[BLOCKS];
        for (unsigned round = 0; round < 2; round++) {
            for (size_t i = 0; i < blocks; i++) {
                block[i] = c->a->malloc(size);
                MUST(c, block[i] != NULL, "a block", "malloc(%zu) gave NULL", size);
                memset(block[i], 0xa5, size);
            }
            for (size_t i = 0; i < blocks; i++)
                c->a->free(block[i]);
            for (size_t i = 0; i < blocks; i++) {
                block[i] = i % 2 ? c->a->calloc(1, size) : c->a->calloc(size, 1);
                MUST(c, block[i] != NULL, "a block", "calloc of %zu bytes gave NULL", size);
                MUST(c, contents_zero(block[i], size) == size, "all bits zero",
                     "calloc of %zu bytes where dirty blocks were freed: byte %zu is not 0", size,
                     contents_zero(block[i], size));
            }
            for (size_t i = 0; i < blocks; i++)
                c->a->free(block[i]);
        }
    }
}

CHECK(zeroed_split, .name = "calloc.zeroed_split", .kind = CHECK_REQUIRED, .profiles = PROFILES_C,
      .needs = NEEDS_CALLOC, .clause = "C17 7.22.3.2p2",
      .summary = "all bytes are zero where other sizes, dirty, were split or merged before") {
    enum { HELD = 64, STEPS = 6000 };
    static void *held[HELD];
    for (size_t step = 0; step < STEPS; step++) {
        const size_t which = check_random(c) % HELD, shift = check_random(c) % 19;
        const size_t size = 1 + check_random(c) % ((size_t)1 << shift);
        c->a->free(held[which]);
        held[which] = c->a->calloc(1, size);
        MUST(c, held[which] != NULL, "a block", "calloc(1, %zu) gave NULL", size);
        MUST(c, contents_zero(held[which], size) == size, "all bits zero",
             "step %zu: calloc(1, %zu): byte %zu is not 0", step, size,
             contents_zero(held[which], size));
        memset(held[which], 0xa5, size);
    }
    for (size_t i = 0; i < HELD; i++)
        c->a->free(held[i]);
}

CHECK(zeroed_shrunk, .name = "calloc.zeroed_after_realloc", .kind = CHECK_REQUIRED,
      .profiles = PROFILES_C, .needs = NEEDS_CALLOC | NEEDS_REALLOC, .clause = "C17 7.22.3.2p2",
      .summary = "all bytes are zero where the tail of a dirty block was cut off by realloc") {
    for (size_t size = 64; size <= 4 << 20; size = next_size(size)) {
        void *block = c->a->malloc(size);
        MUST(c, block != NULL, "a block", "malloc(%zu) gave NULL", size);
        memset(block, 0xa5, size);
        block       = c->a->realloc(block, size / 4);
        void *zeros = c->a->calloc(1, size / 2);
        MUST(c, block && zeros, "blocks", "realloc or calloc gave NULL");
        MUST(c, contents_zero(zeros, size / 2) == size / 2, "all bits zero",
             "after realloc from %zu to %zu, calloc(1, %zu): byte %zu is not 0", size, size / 4,
             size / 2, contents_zero(zeros, size / 2));
        c->a->free(zeros);
        c->a->free(block);
    }
}

CHECK(product_size, .name = "calloc.product", .kind = CHECK_REQUIRED, .profiles = PROFILES_C,
      .needs = NEEDS_CALLOC, .clause = "C17 7.22.3.2p2",
      .summary = "calloc(n, size) has n * size bytes of its own") {
    enum { SIDE = 24 };
    static void *block[SIDE][SIDE];
    for (size_t n = 0; n < SIDE; n++)
        for (size_t s = 0; s < SIDE; s++) {
            const size_t size = (n * 3 + 1) * (s * 5 + 1);
            block[n][s]       = c->a->calloc(n * 3 + 1, s * 5 + 1);
            MUST(c, block[n][s] != NULL, "a block", "calloc(%zu, %zu) gave NULL", n * 3 + 1,
                 s * 5 + 1);
            contents_fill(block[n][s], size, n * SIDE + s);
        }
    for (size_t n = 0; n < SIDE; n++)
        for (size_t s = 0; s < SIDE; s++) {
            const size_t size = (n * 3 + 1) * (s * 5 + 1);
            const size_t good = contents_intact(block[n][s], size, n * SIDE + s);
            MUST(c, good == size, "n * size bytes that no other live block has",
                 "calloc(%zu, %zu): byte %zu is another block's, too", n * 3 + 1, s * 5 + 1, good);
            c->a->free(block[n][s]);
        }
}

CHECK(lazily, .name = "calloc.lazy", .kind = CHECK_QUALITY, .profiles = PROFILE_GLIBC,
      .needs = NEEDS_CALLOC, .clause = "mmap(2): anonymous memory is zero",
      .summary = "a fresh block of 256 MiB is not written to be zeroed") {
    const size_t big    = 256 << 20;
    const size_t before = check_rss();
    void *block         = c->a->calloc(1, big);
    MUST(c, block != NULL, "a block", "calloc(1, %zu) gave NULL", big);
    const size_t after = check_rss();
    MUST(c, after < before + big / 4, "the system's zero pages", "%zu MiB became resident",
         (after - before) >> 20);
    c->a->free(block);
}
