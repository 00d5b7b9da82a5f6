/* The link from a free object to the next one on its list: in its first word. A leaf.
 *
 * In the hardened build the word is sealed (seal.h). So a program that writes into a slot after its
 * free makes no link. Each is checked before it is followed (hardened.h). */
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
static inline void *link_next(const void *object) {
    return os_pointer(*(const uintptr_t *)object);
}

static inline void link_set(void *object, const void *next) {
    // NOLINTNEXTLINE(clang-analyzer-core.NullDereference): no heap is at address 0
    *(uintptr_t *)object = (uintptr_t)next;
}
#endif

#endif
