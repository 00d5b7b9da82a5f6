/* Keeps the addresses of the last 1280 large blocks that were freed, without their memory, as
 * hardened_malloc does: no standard forbids it, and no required check may reject it.
 * caught-by: check
 *   memory.addresses at addresses "MiB more are mapped"
 *   limits.recovery_large at at_limit "could be had" */
#include "family.h"

#include <pthread.h>
#include <sys/mman.h>

enum { KEPT = 1280, LARGE = 1 << 20, PAGE = 4096 };

static void keeping_free(void *block) {
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static void *kept[KEPT];
    static size_t frees;
    const size_t usable = malloc_usable_size(block);
    if (usable >= LARGE) {
        const uintptr_t first = ((uintptr_t)block + PAGE - 1) & -(uintptr_t)PAGE;
        const int before      = errno;
        madvise((char *)block + (first - (uintptr_t)block), usable - 2 * (size_t)PAGE,
                MADV_DONTNEED);
        errno = before;
        pthread_mutex_lock(&lock);
        void *oldest         = kept[frees % KEPT];
        kept[frees++ % KEPT] = block;
        pthread_mutex_unlock(&lock);
        block = oldest;
    }
    free(block);
}

FAULTY_FAMILY(.free = keeping_free);
