/* When a munmap fails, it marks a block that is alive: the 100th.
 * caught-by: check
 *   limits.munmap_fails at fail_munmap "a block of %zu bytes changed when munmap failed"
 *   nth_call.munmap at round_trips "a block of %zu bytes changed" */
#include "family.h"

#include <sys/mman.h>

static unsigned char *marked;

static void *noting_malloc(size_t size) {
    static unsigned calls;
    unsigned char *block = malloc(size);
    marked               = ++calls == 100 ? block : marked;
    return block;
}

static void unmapping_free(void *block) {
    void *map = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (map != MAP_FAILED && munmap(map, 4096) != 0 && marked) {
        *marked ^= 0xff;
        marked = NULL;
    }
    free(block);
}

FAULTY_FAMILY(.malloc = noting_malloc, .free = unmapping_free);
