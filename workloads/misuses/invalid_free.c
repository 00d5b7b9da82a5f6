/* free of what no allocator gave. */
#include "misuse.h"

#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

enum { OWN_BYTES = 64 << 10, INSIDE = 4096 };

static void free_that(struct misuse_run *m, void *address, const char *what) {
    if (misuse_now(m, MISUSE_CALL, what))
        m->a->free(address);
    misuse_audit(m);
}

MISUSE(free_interior, .name = "invalid_free.interior", .weakness = "CWE-761",
       .summary = "free of an aligned address within a block") {
    free_that(m, misuse_interior(m, misuse_block(m)), "free of an address within a block");
}

MISUSE(free_misaligned, .name = "invalid_free.misaligned", .weakness = "CWE-761",
       .summary = "free of an address 1 to 7 bytes behind that of a block") {
    unsigned char *block = misuse_block(m);
    free_that(m, block + 1 + misuse_random(m, 7), "free of a misaligned address");
}

MISUSE(free_end, .name = "invalid_free.end", .weakness = "CWE-761",
       .summary = "free of the address right behind a block") {
    for (unsigned tries = 0; tries < 1000; tries++) {
        unsigned char *block = misuse_block(m);
        unsigned char *end   = block + misuse_usable(m, block);
        bool begins          = false;
        for (size_t i = 0; i < m->lives; i++)
            begins |= m->live[i].at == end;
        if (begins)
            continue; /* a legal free */
        free_that(m, end, "free of the address behind a block");
        return;
    }
    misuse_unsupported(m, "each live block ends where another begins");
}

MISUSE(free_stack, .name = "invalid_free.stack", .weakness = "CWE-590", .sizeless = true,
       .summary = "free of an address on the stack") {
    _Alignas(64) unsigned char object[OWN_BYTES];
    misuse_own(m, object, sizeof object, "memory on the stack");
    free_that(m, object + INSIDE, "free of an address on the stack");
}

MISUSE(free_global, .name = "invalid_free.global", .weakness = "CWE-590", .sizeless = true,
       .summary = "free of the address of a static object") {
    static _Alignas(64) unsigned char object[OWN_BYTES];
    misuse_own(m, object, sizeof object, "a static object");
    free_that(m, object + INSIDE, "free of the address of a static object");
}

MISUSE(free_foreign, .name = "invalid_free.foreign", .weakness = "CWE-590", .sizeless = true,
       .summary = "free of a page that the program mapped itself") {
    void *page = mmap(NULL, OWN_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED)
        misuse_unsupported(m, "mmap failed");
    misuse_own(m, page, OWN_BYTES, "memory that the program mapped");
    free_that(m, (char *)page + INSIDE, "free of a page that the program mapped");
}

MISUSE(free_wild, .name = "invalid_free.wild", .weakness = "CWE-590", .sizeless = true,
       .summary = "free of an address at which nothing is mapped") {
    free_that(m, misuse_hole(m), "free of an unmapped address");
}

MISUSE(free_impossible, .name = "invalid_free.impossible", .weakness = "CWE-590", .sizeless = true,
       .summary = "free of an address that the processor cannot have, of random bits") {
    /* bit 62 and not 63: user space ends at bit 47, or 56 */
    const uintptr_t bits =
        ((uintptr_t)contents_mix(m->seed) | (uintptr_t)1 << 62) & INTPTR_MAX & ~(uintptr_t)15;
    void *address;
    memcpy(&address, &bits, sizeof address);
    free_that(m, address, "free of an address out of bounds");
}
