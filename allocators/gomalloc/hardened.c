#include "hardened.h"

#ifdef GOMALLOC_HARDENED

#include "arena.h"
#include "link.h"
#include "os.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

/* Set with the first span, before there is a link. */
uintptr_t link_secret;

void hardened_begin(void) {
    const int error = errno;
    if (getrandom(&link_secret, sizeof link_secret, GRND_NONBLOCK) != sizeof link_secret)
        link_secret = os_random(RANDOM_LINKS);
    errno = error;
}

static _Atomic uint64_t *in_use(struct mspan *s, unsigned slot) {
    return (_Atomic uint64_t *)(s->bits + 2 * s->nwords + slot / 64);
}

static uint64_t bit_of(unsigned slot) {
    return (uint64_t)1 << slot % 64;
}

/* Does an object begin there? */
static bool is_slot(const struct mspan *s, uintptr_t address) {
    const unsigned slot = mspan_slot(s, address);
    return slot < s->nelems && mspan_address(s, slot) == address;
}

void hardened_allocated(void *object, unsigned spanclass) {
    struct mspan *s = arena_span_checked((uintptr_t)object);
    if (!s || s->spanclass != spanclass || !is_slot(s, (uintptr_t)object))
        os_die("a list of free blocks is damaged (a write after a free?); it leads to", object);
    const unsigned slot = mspan_slot(s, (uintptr_t)object);
    /* acquire: pairs with the release in hardened_freed */
    if (atomic_fetch_or_explicit(in_use(s, slot), bit_of(slot), memory_order_acquire) &
        bit_of(slot))
        os_die("a block would be handed out twice", object);
    *(uintptr_t *)object = 0; /* a link tells of the secret */
}

void *hardened_next(const void *object, unsigned spanclass) {
    void *next            = link_next(object);
    const struct mspan *s = next ? arena_span_checked((uintptr_t)next) : NULL;
    if (next && (!s || s->spanclass != spanclass || !is_slot(s, (uintptr_t)next)))
        os_die("write after free into the block", object);
    return next;
}

bool hardened_is_free(struct mspan *s, const void *object) {
    const unsigned slot = mspan_slot(s, (uintptr_t)object);
    /* relaxed: whoever asks has the object */
    return !(atomic_load_explicit(in_use(s, slot), memory_order_relaxed) & bit_of(slot));
}

static _Noreturn void die(const char *verb, const char *why, const void *block) {
    char text[120] = "";
    strncat(text, verb, 40);
    strncat(text, why, 70);
    os_die(text, block);
}

struct mspan *hardened_check(const void *block, const char *verb) {
    const uintptr_t address = (uintptr_t)block;
    if (address >> ARENA_SHIFT >= ARENAS || !arena_of(address))
        die(verb, " of an address outside of the heap", block);
    struct mspan *s = arena_span_checked(address);
    if (!s)
        die(verb, " of an address in free memory (freed before?)", block);
    if (!s->elem_bytes) {
        const uint32_t word = atomic_load_explicit(&s->word, memory_order_relaxed);
        if (span_live(word) == 0) /* it waits in a thread's cache */
            die(verb, " of an address in free memory (freed before?)", block);
        if (s->base != address)
            die(verb, " of an address within a large block", block);
        if (span_state(word) != SPAN_LARGE)
            die(verb, " of a stack", block);
        return s;
    }
    if (!is_slot(s, address))
        die(verb,
            mspan_slot(s, address) < s->nelems ? " of an address within a block"
                                               : " of an address between blocks",
            block);
    const unsigned slot = mspan_slot(s, address);
    if (!(atomic_load_explicit(in_use(s, slot), memory_order_relaxed) & bit_of(slot)))
        die(verb, " of a block that is free already (double free?)", block);
    return s;
}

void hardened_freed(struct mspan *s, const void *block) {
    const unsigned slot = mspan_slot(s, (uintptr_t)block);
    /* release: of two threads that free the same block, the second dies */
    if (!(atomic_fetch_and_explicit(in_use(s, slot), ~bit_of(slot), memory_order_release) &
          bit_of(slot)))
        os_die("double free of the block", block);
}

#endif
