#include "misuse.h"

#include <stdarg.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

const char *const misuse_size_name[] = {"tiny", "small", "large"};
const char *const misuse_step_name[] = {"setup", "access", "call", "free", "later"};

/* The address of a new block is compared with that of so many that were there first. An overlap
 * with another is found when that one changed. */
enum { COMPARED = 256 };

/* An audit allocates so many bytes of the size, within these numbers of blocks. That is enough to
 * come to the end of what an allocator has at hand, and back to what was freed. */
enum { AUDIT_BYTES = 1 << 20, AUDIT_LEAST = 8, AUDIT_MOST = 12000 };

/* Sizes are spread evenly over their logarithm; tiny blocks hold a link, large ones are more than
 * what size classes usually go up to. */
static const struct {
    size_t least, doublings, blocks;
} classes[MISUSE_SIZES] = {{8, 1, 40}, {16, 11, 40}, {32 << 10, 5, 8}};

uint64_t misuse_random(struct misuse_run *m, uint64_t bound) {
    return contents_mix(m->seed * 0x2545f4914f6cdd1d + m->state++) % bound;
}

static size_t random_size(struct misuse_run *m) {
    const size_t octave = classes[m->class].least << misuse_random(m, classes[m->class].doublings);
    return octave + misuse_random(m, octave);
}

size_t misuse_usable(const struct misuse_run *m, void *block) {
    return m->a->usable_size ? m->a->usable_size(block) : m->size;
}

void misuse_begin(struct misuse_run *m) {
    misuse_legal(m, MISUSE_SETUP, "a heap in use");
    m->size   = random_size(m);
    m->blocks = classes[m->class].blocks;
    /* until a request is as large as its block */
    for (unsigned tries = 0; tries < 4 && m->a->usable_size; tries++) {
        void *block         = m->a->malloc(m->size);
        const size_t usable = block ? m->a->usable_size(block) : 0;
        m->a->free(block);
        if (usable <= m->size)
            break;
        m->size = usable;
    }
    if (!m->a->usable_size)
        misuse_note(m, "without usable_size, slack is not known");
    for (size_t i = 0; i < m->blocks; i++)
        misuse_make(m, m->size);
}

bool misuse_now(struct misuse_run *m, enum misuse_step step, const char *what) {
    m->mark();
    m->tell(step, what);
    m->misused = !m->control;
    return m->misused;
}

void misuse_legal(struct misuse_run *m, enum misuse_step step, const char *what) {
    m->tell(step, what);
}

void *misuse_block(struct misuse_run *m) {
    size_t n;
    do
        n = misuse_random(m, m->lives);
    while (m->live[n].owner || m->live[n].size != m->size);
    return m->live[n].at;
}

void *misuse_interior(struct misuse_run *m, void *block) {
    enum { ALIGNED = 16, HALF = 8 };
    size_t offset = m->size / 2;
    if (m->size >= 2 * ALIGNED)
        offset = ALIGNED * (1 + misuse_random(m, m->size / ALIGNED - 1));
    else if (offset > HALF)
        offset = HALF;
    return (char *)block + offset;
}

void *misuse_hole(struct misuse_run *m) {
    enum { BYTES = 64 << 10 };
    void *pages = mmap(NULL, BYTES, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED)
        misuse_unsupported(m, "mmap failed");
    munmap(pages, BYTES);
    return (char *)pages + BYTES / 2;
}

/* Can the byte be read? Asks the kernel, which does not die of it; each time, for what was mapped
 * may be no more. */
static bool readable(const unsigned char *at) {
    char byte;
    struct iovec to = {&byte, 1}, from = {(void *)at, 1};
    return process_vm_readv(getpid(), &to, 1, &from, 1, 0) == 1;
}

static bool mapped(const unsigned char *at, size_t size) {
    const uintptr_t page      = (uintptr_t)sysconf(_SC_PAGESIZE);
    const unsigned char *last = at + (size ? size - 1 : 0);
    return readable(at) && ((uintptr_t)at / page == (uintptr_t)last / page || readable(last));
}

static void enter(struct misuse_run *m, void *at, size_t size, const char *owner) {
    if (m->lives == MISUSE_MOST_LIVE)
        misuse_unsupported(m, "more than %d live blocks", MISUSE_MOST_LIVE);
    const struct misuse_live new = {
        .at = at, .size = size, .key = contents_mix((uintptr_t)at + m->state++), .owner = owner};
    contents_fill(new.at, new.size, new.key);
    m->live[m->lives++] = new;
}

/* An allocation failed. */
static _Noreturn void exhausted(struct misuse_run *m, const char *how, size_t size) {
    char text[160];
    snprintf(text, sizeof text, "%s of %zu bytes gives NULL%s", how, size,
             m->misused ? ", which ends the search for damage" : "");
    misuse_look(m);
    m->end(m->misused ? "survived" : "void", text);
}

void misuse_take(struct misuse_run *m, void *block, size_t size, const char *how) {
    unsigned char *at = block;
    if (!at)
        exhausted(m, how, size);
    for (size_t i = 0; i < m->lives && i < COMPARED; i++) {
        const struct misuse_live *l = &m->live[i];
        if (at < l->at + l->size && l->at < at + size)
            misuse_damage(m, "%s gives %p, %s", how, block,
                          l->owner      ? l->owner
                          : at == l->at ? "a block that is alive"
                                        : "which overlaps a block that is alive");
    }
    if (!mapped(at, size))
        misuse_damage(m, "%s gives %p, %zu bytes that are not mapped", how, block, size);
    enter(m, block, size, NULL);
}

void misuse_take_to(struct misuse_run *m, void *block, size_t size, const char *how,
                    void (*release)(void *block)) {
    misuse_take(m, block, size, how);
    m->live[m->lives - 1].release = release;
}

void *misuse_make(struct misuse_run *m, size_t size) {
    void *block = m->a->malloc(size);
    misuse_take(m, block, size, "malloc");
    return block;
}

void misuse_own(struct misuse_run *m, void *memory, size_t size, const char *what) {
    enter(m, memory, size, what);
}

static struct misuse_live strike(struct misuse_run *m, size_t nth) {
    const struct misuse_live was = m->live[nth];
    m->live[nth]                 = m->live[--m->lives];
    return was;
}

struct misuse_live misuse_forget(struct misuse_run *m, const void *block) {
    size_t nth = 0;
    while (nth < m->lives - 1 && m->live[nth].at != block)
        nth++;
    return strike(m, nth);
}

void misuse_free(struct misuse_run *m, void *block) {
    misuse_forget(m, block);
    m->a->free(block);
}

void misuse_reuse(struct misuse_run *m, const void *old) {
    for (size_t i = 0; i < 2 * m->blocks; i++)
        if (misuse_make(m, m->size) == old)
            return;
    misuse_unsupported(m, "the block was never reused by the next %zu of its size", 2 * m->blocks);
}

void misuse_scribble(void *from, size_t size) {
    volatile unsigned char *byte = from;
    for (size_t i = 0; i < size; i++)
        byte[i] ^= 0xa5; /* changes it, whatever it is */
}

void misuse_look(struct misuse_run *m) {
    for (size_t i = 0; i < m->lives; i++) {
        const struct misuse_live *l = &m->live[i];
        const size_t at             = contents_intact(l->at, l->size, l->key);
        if (at != l->size)
            misuse_damage(m, "byte %zu of %s of %zu bytes at %p changed", at,
                          l->owner ? l->owner : "a live block", l->size, (void *)l->at);
    }
}

static void make_some(struct misuse_run *m) {
    /* Beyond what bins of small blocks hold; some allocators tidy up for such a request. */
    enum { TIDY = 70000 };
    misuse_legal(m, MISUSE_LATER, "malloc");
    size_t blocks = AUDIT_BYTES / m->size;
    blocks        = blocks < AUDIT_LEAST ? AUDIT_LEAST : blocks;
    blocks        = blocks > AUDIT_MOST ? AUDIT_MOST : blocks;
    for (size_t i = 0; i < blocks; i++) {
        misuse_make(m, m->size);
        if (m->other_size && i < blocks / 4)
            misuse_make(m, m->other_size);
    }
    misuse_make(m, TIDY);
    misuse_look(m);
}

static void free_blocks(struct misuse_run *m, size_t keep) {
    misuse_legal(m, MISUSE_LATER, "free");
    for (size_t left = m->lives; left > keep; left--) {
        const size_t nth = misuse_random(m, m->lives);
        if (m->live[nth].owner)
            continue;
        const struct misuse_live was = strike(m, nth);
        (was.release ? was.release : m->a->free)(was.at);
    }
    misuse_look(m);
}

void misuse_audit(struct misuse_run *m) {
    misuse_look(m);
    make_some(m);
    free_blocks(m, m->blocks);
    make_some(m);
    free_blocks(m, 0);
}

void misuse_free_and_audit(struct misuse_run *m, void *block, const char *what) {
    misuse_legal(m, MISUSE_FREE, what);
    misuse_free(m, block);
    misuse_audit(m);
}

void misuse_note(struct misuse_run *m, const char *note, ...) {
    va_list args;
    va_start(args, note);
    vsnprintf(m->note, sizeof m->note, note, args);
    va_end(args);
}

void misuse_damage(struct misuse_run *m, const char *seen, ...) {
    char text[240];
    va_list args;
    va_start(args, seen);
    vsnprintf(text, sizeof text, seen, args);
    va_end(args);
    m->end("corrupt", text);
}

void misuse_unsupported(struct misuse_run *m, const char *reason, ...) {
    char text[240];
    va_list args;
    va_start(args, reason);
    vsnprintf(text, sizeof text, reason, args);
    va_end(args);
    m->end("unsupported", text);
}
