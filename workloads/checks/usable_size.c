/* malloc_usable_size. No standard has it. The manual page promised that the excess bytes may be
 * used, later ones advise against it; overwriting them must at least harm nobody else. */
#include "allocating.h"
#include "check.h"

enum { HELD = 200 };

CHECK(usable_null, .name = "usable_size.null", .kind = CHECK_EXTENSION, .profiles = PROFILE_GLIBC,
      .needs = NEEDS_USABLE_SIZE, .clause = "malloc_usable_size(3), RETURN VALUE",
      .summary = "the usable size of NULL is 0") {
    const size_t size = c->a->usable_size(NULL);
    MUST(c, size == 0, "0", "usable_size(NULL) is %zu", size);
}

CHECK(usable_enough, .name = "usable_size.enough", .kind = CHECK_EXTENSION,
      .profiles = PROFILE_GLIBC, .needs = NEEDS_USABLE_SIZE,
      .clause  = "malloc_usable_size(3), RETURN VALUE",
      .summary = "the usable size is no less than what was asked for, whichever function gave it") {
    for (size_t m = 0; m < MAKERS; m++)
        for (size_t size = 1; size <= 8 << 20 && maker_has(&makers[m], c->a);
             size        = size < 300 ? size + 1 : size * 5 / 4) {
            const size_t asked =
                (size + 63) / 64 * 64 - (makers[m].takes_alignment ? 0 : size % 64);
            void *block = makers[m].make(c->a, 64, asked);
            if (!block && makers[m].takes_alignment) /* an alignment that it does not support */
                continue;
            MUST(c, block != NULL, "a block", "%s of %zu bytes gave NULL", makers[m].name, asked);
            MUST(c, c->a->usable_size(block) >= asked, "no less than what was asked for",
                 "of %s of %zu bytes, %zu are usable", makers[m].name, asked,
                 c->a->usable_size(block));
            c->a->free(block);
        }
}

/* What the sum of all usable bytes says is each block's own. */
CHECK(usable_own, .name = "usable_size.own", .kind = CHECK_EXTENSION, .profiles = PROFILE_GLIBC,
      .needs = NEEDS_USABLE_SIZE, .clause = "malloc_usable_size(3) up to man-pages 6.03, NOTES",
      .summary = "all usable bytes can be written and are in no other live block") {
    static struct {
        void *block;
        size_t usable;
    } held[HELD];
    for (size_t i = 0; i < HELD; i++) {
        const size_t size = 1 + check_random(c) % ((size_t)2 << check_random(c) % 17);
        held[i].block     = c->a->malloc(size);
        MUST(c, held[i].block != NULL, "a block", "malloc(%zu) gave NULL", size);
        held[i].usable = c->a->usable_size(held[i].block);
        contents_fill(held[i].block, held[i].usable, i);
    }
    for (size_t i = 0; i < HELD; i++) {
        const size_t good = contents_intact(held[i].block, held[i].usable, i);
        MUST(c, good == held[i].usable, "no ill effects",
             "byte %zu of %zu usable ones changed as others were written", good, held[i].usable);
        MUST(c, c->a->usable_size(held[i].block) == held[i].usable, "the same as before",
             "the usable size was %zu and became %zu when blocks were written", held[i].usable,
             c->a->usable_size(held[i].block));
    }
    for (size_t i = 0; i < HELD; i++)
        c->a->free(held[i].block);
    for (size_t i = 0; i < HELD; i++) {
        held[i].block = c->a->malloc(100 + i * 37);
        MUST(c, held[i].block != NULL, "a heap that works",
             "malloc gave NULL after all usable bytes were written and freed");
    }
}
