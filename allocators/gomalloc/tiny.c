#include "tiny.h"

#include "arena.h"
#include "lock.h"
#include "mheap.h"
#include "os.h"

enum {
    HELD       = 1 << 15,
    LIVE       = 0xffff, /* pieces, and the hold */
    EDGE_SHIFT = 16,
};

static _Atomic uint32_t *note_of(struct mspan *s, const void *object) {
    /* acquire: pairs with the exchange in give_notes */
    _Atomic uint32_t *notes = atomic_load_explicit(&s->notes, memory_order_acquire);
    return notes ? &notes[mspan_slot(s, (uintptr_t)object)] : NULL;
}

static uint32_t edges(size_t from, size_t to) {
    /* 16 is not an edge */
    return (uint32_t)(((uint64_t)1 << from | (uint64_t)1 << to) << EDGE_SHIFT);
}

/* Takes one bit of LIVE off a note; true: it was the last. */
static bool take_off(_Atomic uint32_t *note, uint32_t bit, const void *object) {
    /* release: the use of this piece comes before the next use of the block. acquire: and so does
     * that of the other pieces, if this was the last */
    const uint32_t old = atomic_fetch_and_explicit(note, ~bit, memory_order_acq_rel);
    if (!(old & bit))
        os_die("free of an address that is not a tiny block", object);
    if ((old & LIVE) != bit)
        return false;
    atomic_store_explicit(note, 0, memory_order_relaxed); /* nobody else knows the block */
    return true;
}

/* The slot is in this thread's hands; others may do the same for other slots of the span. */
static bool give_notes(struct mspan *s) {
    _Atomic uint32_t *none = NULL;
    if (atomic_load_explicit(&s->notes, memory_order_acquire))
        return true;
    void *notes = fixalloc_alloc(&mheap.notes);
    if (!notes)
        return false;
    /* release: whoever sees the pointer finds zeros behind it. acquire: so does this thread */
    if (!atomic_compare_exchange_strong_explicit(&s->notes, &none, notes, memory_order_acq_rel,
                                                 memory_order_acquire))
        fixalloc_free(&mheap.notes, notes);
    return true;
}

void *tiny_cut(struct tiny *t, size_t size) {
    size_t alignment = 1;
    while (alignment * 2 <= size)
        alignment *= 2;
    const size_t from = (t->offset + alignment - 1) & -alignment, to = from + size;
    if (!t->block || to > TINY_BYTES || from == TINY_BYTES - 1)
        return NULL;
    /* relaxed: whoever frees the piece has got it from this thread */
    atomic_fetch_or_explicit(note_of(arena_span((uintptr_t)t->block), t->block),
                             (uint32_t)1 << from | edges(from, to), memory_order_relaxed);
    t->offset = (unsigned)to;
    return t->block + from;
}

void *tiny_cut_new(struct tiny *t, void *block, size_t size, void **freed) {
    struct mspan *s = arena_span((uintptr_t)block);
    *freed          = NULL;
    if (!give_notes(s))
        return block; /* as an object of its own */
    const bool stays = t->block && t->offset <= size;
    /* relaxed: nobody else knows the block yet */
    atomic_store_explicit(note_of(s, block), stays ? 1 | edges(0, TINY_BYTES) : HELD,
                          memory_order_relaxed);
    if (stays)
        return block;
    *freed = tiny_give_up(t);
    lock_in_order(); /* a block that a forked child finds there is held */
    *t = (struct tiny){block, 0};
    return tiny_cut(t, size);
}

void *tiny_give_up(struct tiny *t) {
    char *block = t->block;
    t->block    = NULL;
    lock_in_order(); /* a forked child cuts nothing from a block that others may have freed */
    t->offset = 0;
    if (!block || !take_off(note_of(arena_span((uintptr_t)block), block), HELD, block))
        return NULL;
    return block;
}

void *tiny_free(struct mspan *s, void *object) {
    _Atomic uint32_t *note = note_of(s, object);
    /* relaxed: the note of an object that is alive is not zero or not at all changes from zero */
    if (!note || !atomic_load_explicit(note, memory_order_relaxed))
        return object;
    const uintptr_t block = mspan_address(s, mspan_slot(s, (uintptr_t)object));
    const unsigned at     = (unsigned)((uintptr_t)object - block);
    return at < TINY_BYTES - 1 && take_off(note, (uint32_t)1 << at, object) ? os_pointer(block)
                                                                            : NULL;
}

size_t tiny_usable(const struct mspan *s, const void *object) {
    _Atomic uint32_t *note = note_of((struct mspan *)s, object);
    /* relaxed: the edges of a live piece do not change */
    const uint32_t is = note ? atomic_load_explicit(note, memory_order_relaxed) : 0;
    const unsigned at = (unsigned)((uintptr_t)object - s->base) % TINY_BYTES;
    if (!is)
        return TINY_BYTES;
    const uint32_t behind = is >> EDGE_SHIFT >> at >> 1;
    return behind ? (size_t)__builtin_ctz(behind) + 1 : TINY_BYTES - at;
}
