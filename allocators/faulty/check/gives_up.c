/* Once the system had no memory, it never asks again.
 * caught-by: check
 *   nth_call.mmap at fail_one "after call"
 *   limits.mmap_fails at fail_mmap "after calls" */
#include "family.h"

#include <sys/mman.h>

static void *resigned_malloc(size_t size) {
    static bool resigned;
    void *map =
        resigned ? MAP_FAILED : mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (map == MAP_FAILED) {
        resigned = true;
        errno    = ENOMEM;
        return NULL;
    }
    munmap(map, 4096);
    return malloc(size);
}

FAULTY_FAMILY(.malloc = resigned_malloc);
