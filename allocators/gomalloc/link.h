/* The link from a free object to the next one on its list: in its first word. A leaf.
 *
 * In the hardened build the word is mixed with a secret and with its own address. So a program that
 * writes into a block after its free makes a link that leads nowhere. Each link is checked
 * before it is followed (hardened.h). */
#ifndef GOMALLOC_LINK_H
#define GOMALLOC_LINK_H

#include "os.h"

#include <stdint.h>

#ifdef GOMALLOC_HARDENED
extern uintptr_t link_secret;

static inline uintptr_t link_mask(const void *object) {
    return link_secret ^ (uintptr_t)object >> 3;
}
#else
static inline uintptr_t link_mask(const void *object) {
    (void)object;
    return 0;
}
#endif

static inline void *link_next(const void *object) {
    return os_pointer(*(const uintptr_t *)object ^ link_mask(object));
}

static inline void link_set(void *object, const void *next) {
    // NOLINTNEXTLINE(clang-analyzer-core.NullDereference): no heap is at address 0
    *(uintptr_t *)object = (uintptr_t)next ^ link_mask(object);
}

#endif
