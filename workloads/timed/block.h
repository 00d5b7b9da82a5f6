/* A block that a workload got: what it checks of it, what it writes into it, and how it says what
 * is wrong. */
#ifndef SPANBENCH_BLOCK_H
#define SPANBENCH_BLOCK_H

#include "stream.h"
#include "workload.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { BLOCK_PAGE = 4096 }; /* one write per so many bytes makes every page of a block resident */

/* Notes the first failed check of a worker; later ones change nothing. */
static inline __attribute__((format(printf, 3, 4), cold)) void
block_fail(struct worker *w, const char *check, const char *format, ...) {
    if (*w->failed_check)
        return;
    va_list args;
    va_start(args, format);
    vsnprintf(w->failure, sizeof w->failure, format, args);
    va_end(args);
    w->failed_check = check;
}

/* What run writes into a block: its slot's low byte, at its first byte, each page, its last. */
STREAM_INLINE void block_touch(unsigned char *block, uint32_t size, uint32_t slot) {
    block[0] = (unsigned char)slot;
    for (uint32_t at = BLOCK_PAGE; at < size; at += BLOCK_PAGE)
        block[at] = (unsigned char)slot;
    block[size - 1] = (unsigned char)slot;
}

STREAM_INLINE uint64_t block_next_word(uint64_t word) {
    return word + STREAM_STEP;
}

static inline void block_fill(unsigned char *block, uint32_t size, uint64_t word) {
    uint32_t at = 0;
    for (; size - at >= sizeof word; at += sizeof word, word = block_next_word(word))
        memcpy(block + at, &word, sizeof word);
    memcpy(block + at, &word, size - at);
}

/* The first byte that is not as block_fill left it; `size`: all are. */
static inline uint32_t block_first_difference(const unsigned char *block, uint32_t size,
                                              uint64_t word) {
    uint32_t at = 0;
    for (uint64_t is; size - at >= sizeof word; at += sizeof word, word = block_next_word(word)) {
        memcpy(&is, block + at, sizeof is);
        if (is != word)
            break;
    }
    if (size - at < sizeof word && memcmp(block + at, &word, size - at) == 0)
        return size;
    const unsigned char *want = (const unsigned char *)&word;
    const uint32_t end        = size - at < sizeof word ? size : at + (uint32_t)sizeof word;
    for (; at < end; at++, want++)
        if (block[at] != *want)
            return at;
    return size;
}

/* C23 7.24.3: a block is aligned for every object that fits in it, at most for max_align_t. */
static inline void block_check(struct worker *w, void *block, uint32_t size) {
    const size_t most = _Alignof(max_align_t), fits = (size_t)1 << (31 - __builtin_clz(size));
    const size_t alignment = fits < most ? fits : most;
    if ((uintptr_t)block % alignment != 0)
        block_fail(w, "alignment", "malloc(%u) returned %p, which is not aligned to %zu", size,
                   block, alignment);
    const size_t usable = w->allocator->usable_size ? w->allocator->usable_size(block) : size;
    if (usable < size)
        block_fail(w, "usable-size", "the usable size of the block of malloc(%u) is %zu", size,
                   usable);
}

/* malloc, with a NULL noted as a failed check. */
STREAM_INLINE unsigned char *block_new(struct worker *w, uint32_t size) {
    unsigned char *block = w->allocator->malloc(size);
    if (__builtin_expect(!block, 0))
        block_fail(w, "null", "malloc(%u) returned NULL", size);
    return block;
}

/* Whether the contents of blocks say anything: those of the floor overlap. */
STREAM_INLINE bool block_is_kept(const struct worker *w) {
    return !(w->allocator->flags & ALLOCATOR_FLOOR);
}

/* Fills a new block while verifying, and looks at its alignment; or touches it. `key`: a number
 * that no other live block has. */
STREAM_INLINE void block_write(struct worker *w, unsigned char *block, uint32_t size, uint64_t key,
                               bool verify) {
    if (verify) {
        block_check(w, block, size);
        block_fill(block, size, stream_mix(key));
    } else {
        block_touch(block, size, (uint32_t)key);
    }
}

/* Is it as block_write left it? If not, that is noted. Reads the whole, or the first and last byte,
 * as a program does that gets a block from another thread. */
STREAM_INLINE bool block_read(struct worker *w, const unsigned char *block, uint32_t size,
                              uint64_t key, bool verify) {
    const unsigned char mark = (unsigned char)key;
    uint32_t at              = size;
    if (verify)
        at = block_first_difference(block, size, stream_mix(key));
    else if (block[size - 1] != mark)
        at = size - 1;
    else if (block[0] != mark)
        at = 0;
    if (__builtin_expect(at == size, 1) || !block_is_kept(w))
        return true;
    block_fail(w, "contents",
               "byte %u of a live block of %u bytes at %p has changed: the allocator wrote into it "
               "or gave it to two owners",
               at, size, (const void *)block);
    return false;
}

/* The same before a block is freed. That is work of the check, not of the program: the timed pass
 * looks at nothing. */
STREAM_INLINE bool block_verify(struct worker *w, const unsigned char *block, uint32_t size,
                                uint64_t key, bool verify) {
    return !verify || block_read(w, block, size, key, true);
}

#endif
