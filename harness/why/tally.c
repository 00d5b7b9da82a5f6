#include "tally.h"

enum { READINGS = 8 }; /* at most */

static void add_classes(const struct why_slot *slot, struct tally *t) {
    for (unsigned c = 0; c < WHY_CLASSES; c++) {
        const struct why_class *class = &slot->class[c];
        /* pairs with the releases of count.c, so it comes first */
        const int64_t bytes  = atomic_load_explicit(&class->bytes, memory_order_acquire);
        const uint64_t made  = atomic_load_explicit(&class->made, memory_order_relaxed);
        const uint64_t freed = atomic_load_explicit(&class->freed, memory_order_relaxed);
        t->bytes[c] += bytes;
        t->blocks[c] += (int64_t)(made - freed);
        t->made += made;
        t->freed += freed;
    }
}

static void add_small(const struct why_slot *slot, struct tally *t) {
    for (unsigned i = 0; i <= WHY_SMALL; i++) {
        const struct why_small *small = &slot->small[i];
        const uint64_t made           = atomic_load_explicit(&small->made, memory_order_relaxed);
        const int64_t live =
            (int64_t)(made - atomic_load_explicit(&small->freed, memory_order_relaxed));
        t->bytes[why_class_of(8 * i)] += 8 * (int64_t)i * live;
        t->blocks[why_class_of(8 * i)] += live;
        t->made += made;
        t->freed += made - (uint64_t)live;
    }
}

/* Slots that nobody uses, too: what ended threads counted is there. */
static uint32_t slots_of(const struct why_shared *book) {
    const uint32_t used = atomic_load(&book->slots_used);
    return used < WHY_SLOTS ? used : WHY_SLOTS;
}

/* One slot is read after another, and a large block may go from thread to thread meanwhile. So all
 * is read again, until nothing was made or freed since. These numbers only grow: then all of them
 * were true at one instant, and the bytes lack at most what a thread was counting then. */
static void read_classes(const struct why_shared *book, struct tally *t) {
    for (unsigned i = 0; i < READINGS; i++) {
        const uint64_t made = t->made, freed = t->freed;
        *t = (struct tally){0};
        for (uint32_t k = 0; k < slots_of(book); k++)
            add_classes(&book->slot[k], t);
        if (i && made == t->made && freed == t->freed)
            return;
        atomic_thread_fence(memory_order_acquire); /* else the next reading may come first */
    }
}

void tally_read(const struct why_shared *book, struct tally *t) {
    *t = (struct tally){0};
    read_classes(book, t);
    for (uint32_t i = 0; i < slots_of(book); i++)
        add_small(&book->slot[i], t);
}
