/* A block is used after its free. */
#include "misuse.h"

#include <string.h>

MISUSE(write_after, .name = "use_after_free.write", .weakness = "CWE-416",
       .summary = "a write to all of a block after its free") {
    void *block = misuse_block(m);
    misuse_free(m, block);
    if (misuse_now(m, MISUSE_ACCESS, "a write to a block that is free"))
        misuse_scribble(block, m->size);
    misuse_audit(m);
}

MISUSE(write_after_reuse, .name = "use_after_free.write_reused", .weakness = "CWE-416",
       .summary = "free(p), until malloc gives p to another owner; a write through p") {
    void *block = misuse_block(m);
    misuse_free(m, block);
    misuse_reuse(m, block);
    if (misuse_now(m, MISUSE_ACCESS, "a write through a stale pointer"))
        misuse_scribble(block, m->size);
    misuse_audit(m);
}

/* Reads all of a block that is free, word by word; returns how many words are as they were. */
static size_t stale_words(const void *block, size_t size, const unsigned char *was) {
    size_t same = 0;
    for (size_t at = 0; at + sizeof(uint64_t) <= size; at += sizeof(uint64_t)) {
        uint64_t now, then;
        now = *(const volatile uint64_t *)((const unsigned char *)block + at);
        memcpy(&then, was + at, sizeof then);
        same += now == then;
    }
    return same;
}

/* The contents that the block had, and that of a reused one has. */
static const unsigned char *contents(struct misuse_run *m, uint64_t key) {
    static unsigned char was[1 << 20];
    if (m->size > sizeof was)
        misuse_unsupported(m, "a block of %zu bytes", m->size);
    contents_fill(was, m->size, key);
    return was;
}

static void read_it(struct misuse_run *m, const void *block, uint64_t key, const char *whose) {
    const unsigned char *was = contents(m, key);
    if (misuse_now(m, MISUSE_ACCESS, "a read through a stale pointer")) {
        const size_t same = stale_words(block, m->size, was);
        misuse_legal(m, MISUSE_LATER, "a look at what was read");
        if (same)
            misuse_damage(m, "%zu of %zu words of %s can be read", same, m->size / 8, whose);
    }
    misuse_audit(m);
}

MISUSE(read_after, .name = "use_after_free.read", .weakness = "CWE-416",
       .summary = "a read of all of a block after its free: is its content still there?") {
    void *block                  = misuse_block(m);
    const struct misuse_live was = misuse_forget(m, block);
    m->a->free(block);
    read_it(m, block, was.key, "the freed content");
}

MISUSE(read_after_reuse, .name = "use_after_free.read_reused", .weakness = "CWE-416",
       .summary = "free(p), until malloc gives p to another owner; a read through p") {
    void *block = misuse_block(m);
    misuse_free(m, block);
    misuse_reuse(m, block);
    read_it(m, block, m->live[m->lives - 1].key, "the new owner's content");
}

MISUSE(calloc_after, .name = "use_after_free.calloc", .weakness = "CWE-416", .needs = NEEDS_CALLOC,
       .summary = "a write to a block after its free; calloc: is it zero?") {
    void *block = misuse_block(m);
    misuse_free(m, block);
    if (misuse_now(m, MISUSE_ACCESS, "a write to a block that is free"))
        misuse_scribble(block, m->size);
    misuse_legal(m, MISUSE_LATER, "calloc");
    for (size_t i = 0; i < m->blocks; i++) {
        void *zero      = m->a->calloc(1, m->size);
        const size_t at = zero ? contents_zero(zero, m->size) : 0;
        if (zero && at != m->size)
            misuse_damage(m, "byte %zu of a block of calloc is not zero", at);
        misuse_take(m, zero, m->size, "calloc");
    }
    misuse_audit(m);
}
