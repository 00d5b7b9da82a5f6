/* Its heap begins at the same address in each run.
 * caught-by: check
 *   costs.random_addresses at address "in each of %d runs, the first blocks were at" */
#include "family.h"

#include <sys/mman.h>

enum { ROOM = 16 << 20, ALIGNED = 16 };
static char *heap, *next;

static void *settled_malloc(size_t size) {
    void *const place = (void *)((uintptr_t)3 << 44); // NOLINT(performance-no-int-to-ptr)
    if (!heap) {
        heap = mmap(place, ROOM, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
        next = heap;
    }
    if (heap == MAP_FAILED || size > (size_t)(heap + ROOM - next) - ALIGNED)
        return malloc(size);
    char *block = next;
    next += (size + ALIGNED) & -(size_t)ALIGNED;
    return block;
}

static void settled_free(void *block) {
    if ((char *)block < heap || (char *)block >= heap + ROOM)
        free(block);
}

FAULTY_FAMILY(.malloc = settled_malloc, .free = settled_free);
