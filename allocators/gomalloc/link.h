/* The link from a free object to the next one on its list: in its first word, mixed with a secret.
 * So a program that writes a word over it makes no link. An address becomes one that no program
 * has, and any other word one that hardly is mapped. malloc reads the word there before it returns
 * such an address, and faults. It is not a seal: who changes a part of the word, or copies another
 * free block's, makes a link to another place of the heap. A leaf.
 *
 * In the hardened build the word is sealed (seal.h), and checked before it is followed
 * (hardened.h). */
#ifndef GOMALLOC_LINK_H
#define GOMALLOC_LINK_H

#include "os.h"

#include <stdint.h>

#ifdef GOMALLOC_HARDENED
#include "seal.h"

static inline void *link_next(const void *object) {
    return os_pointer(seal_next((uintptr_t)object));
}

static inline void link_set(void *object, const void *next) {
    seal_store((uintptr_t)object, seal_link((uintptr_t)object, (uintptr_t)next));
}
#else
/* A cache line of its own, for each malloc and free reads it. Hidden here, too, so that its address
 * need not be read first. */
extern struct link_secret {
    _Alignas(64) uintptr_t word;
} link_secret __attribute__((visibility("hidden")));

/* Once, before the heap has an object. */
void link_begin(void);

/* Makes it of random bits. An address mixed with it is none. On x86-64 bits 63 and 62 differ, on
 * arm64, which ignores the higher ones, 55 and 54. Objects stay aligned. */
static inline uintptr_t link_secret_of(uint64_t random) {
    const uintptr_t ones = (uintptr_t)1 << 62 | (uintptr_t)1 << 54;
    return (random & ~(ones << 1 | 7)) | ones;
}

static inline void *link_next(const void *object) {
    return os_pointer(*(const uintptr_t *)object ^ link_secret.word);
}

static inline void link_set(void *object, const void *next) {
    // NOLINTNEXTLINE(clang-analyzer-core.NullDereference): no heap is at address 0
    *(uintptr_t *)object = (uintptr_t)next ^ link_secret.word;
}
#endif

#endif
