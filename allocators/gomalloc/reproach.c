#include "reproach.h"

#ifdef GOMALLOC_HARDENED

#include "hardened.h"
#include "hold.h"

/* It is put together by hand, for stdio may want memory. */
struct text {
    char bytes[128];
    size_t length;
};

static void add(struct text *t, const char *s) {
    for (; *s && t->length < sizeof t->bytes - 1; s++)
        t->bytes[t->length++] = *s;
    t->bytes[t->length] = '\0';
}

static void add_number(struct text *t, size_t n) {
    char digits[24], *at = digits + sizeof digits - 1;
    *at = '\0';
    do
        *--at = (char)('0' + n % 10);
    while (n /= 10);
    add(t, at);
}

static void add_bytes(struct text *t, const char *before, size_t n) {
    add(t, before);
    add_number(t, n);
    add(t, n == 1 ? " byte" : " bytes");
}

static _Noreturn void die(const char *verb, const char *why, const void *block) {
    struct text t = {.length = 0};
    add(&t, verb);
    add(&t, why);
    os_die(t.bytes, block);
}

/* --- a damaged block --- */

static _Noreturn void die_of_overflow(const struct hold *h, const char *verb, size_t bytes) {
    struct text t = {.length = 0};
    add_bytes(&t, "overflow: a write of ", bytes);
    add(&t, bytes == HOLD_TAIL_MOST ? " or more" : "");
    add_bytes(&t, " behind the end of a block of ", h->size);
    add(&t, ", found by ");
    add(&t, verb);
    os_die(t.bytes, os_pointer(h->block));
}

static _Noreturn void die_of_underflow(const struct hold *h, const char *verb) {
    struct text t = {.length = 0};
    add(&t, "underflow: a write before a block, or far behind the one before it, found by ");
    add(&t, verb);
    os_die(t.bytes, os_pointer(h->block));
}

/* The address is that of a block, or was. */
static _Noreturn void die_of_damage(struct hold *h, const char *verb) {
    uint64_t header = hold_before(h) ? seal_load(h->block - 8) : 0;
    uint64_t says   = seal_says_of(h->block, header);
    h->size         = seal_size(says);
    if (!h->span->elem_bytes) {
        h->size = hold_large_of(h->span)->size;
        const uint64_t wanted =
            seal_header(h->block, seal_says(h->size, hold_large_of(h->span)->kind));
        says   = hold_before(h) && header != wanted ? UINT64_MAX : 0;
        header = wanted;
    }
    if (says >> SEAL_SAYS_BITS)
        die_of_underflow(h, verb);
    const uint64_t wrong = hold_overflow(h, header);
    if (wrong) /* up to its last byte that is */
        die_of_overflow(h, verb, 8 - (size_t)__builtin_clzll(wrong) / 8);
    die_of_underflow(h, verb);
}

/* --- no block --- */

static _Noreturn void die_in_large(const struct hold *h, const char *verb) {
    const void *block   = os_pointer(h->block);
    const uint32_t word = atomic_load_explicit(&h->span->word, memory_order_relaxed);
    if (span_live(word) == 0) /* it waits */
        die(verb, " of an address in free memory (freed before?)", block);
    if (span_state(word) == SPAN_MANUAL && h->span->base == h->block)
        die(verb, " of a stack", block);
    die(verb, " of an address within a large block", block);
}

_Noreturn void reproach_address(uintptr_t address, const char *verb) {
    struct hold h;
    const void *block = os_pointer(address);
    if (address >> ARENA_SHIFT >= ARENAS || !arena_of(address))
        die(verb, " of an address outside of the heap", block);
    const bool is_place = hold_locate(&h, address);
    if (!h.span)
        die(verb, " of an address in free memory (freed before?)", block);
    if (!h.span->elem_bytes && !is_place)
        die_in_large(&h, verb);
    if (is_place && h.span->elem_bytes && hardened_is_free(os_pointer(h.start)))
        die(verb, " of a block that is free already (double free?)", block);
    /* Where an aligned block would begin, there is most often none. */
    if (is_place && (!h.span->elem_bytes || address - h.start == hold_offset(h.span->elem_bytes) ||
                     !(seal_says_of(address, seal_load(address - 8)) >> SEAL_SAYS_BITS)))
        die_of_damage(&h, verb);
    die(verb,
        mspan_slot(h.span, address) < h.span->nelems ? " of an address within a block"
                                                     : " of an address between blocks",
        block);
}

/* --- a block of another kind --- */

static void add_kind(struct text *t, unsigned kind) {
    static const char origins[][16] = {
        [ORIGIN_MALLOC] = "malloc", "operator new", "operator new[]"};
    add(t, origins[kind & HOLD_ORIGIN]);
    if (hold_alignment(kind)) {
        add(t, " aligned to ");
        add_number(t, hold_alignment(kind));
    }
}

_Noreturn void reproach_kind(uintptr_t block, const char *verb, unsigned kind) {
    struct text t = {.length = 0};
    struct hold h = {0};
    hold_find(&h, block);
    add(&t, "mismatch: ");
    add(&t, verb);
    if (hold_alignment(kind)) {
        add(&t, " with an alignment of ");
        add_number(&t, hold_alignment(kind));
    }
    add_bytes(&t, " of a block of ", h.size);
    add(&t, " of ");
    add_kind(&t, h.kind);
    os_die(t.bytes, os_pointer(h.block));
}

_Noreturn void reproach_size(uintptr_t block, const char *verb, size_t said) {
    struct text t = {.length = 0};
    struct hold h = {0};
    hold_find(&h, block);
    add(&t, "mismatch: ");
    add(&t, verb);
    add_bytes(&t, " of ", said);
    add_bytes(&t, ", of a block of ", h.size);
    os_die(t.bytes, os_pointer(h.block));
}

/* --- free memory --- */

_Noreturn void reproach_write(const void *freed, uintptr_t stain) {
    struct text t = {.length = 0};
    add_bytes(&t, "write after free into memory that was freed, ", stain - (uintptr_t)freed);
    add(&t, " behind its start");
    os_die(t.bytes, freed);
}

_Noreturn void reproach_seal(const void *slot) {
    os_die("write after free, or far behind a block: the seal is damaged of the free slot", slot);
}

#endif
