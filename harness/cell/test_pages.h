/* Pages for the tests that read how much memory there is. */
#ifndef SPANBENCH_TEST_PAGES_H
#define SPANBENCH_TEST_PAGES_H

#include <stdlib.h>
#include <sys/mman.h>

enum { READ_WRITE = PROT_READ | PROT_WRITE };

/* Pages of the caller's own, none of them huge; not resident until they are touched. PROT_NONE:
 * reserved only. For munmap. */
static inline unsigned char *pages(size_t size, int protection) {
    unsigned char *p =
        mmap(NULL, size, protection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED)
        exit(99);
    madvise(p, size, MADV_NOHUGEPAGE);
    return p;
}

#endif
