/* jemalloc. Debian builds it without a prefix: linking it replaces malloc in the whole process.
 *
 * library: libjemalloc.so
 * package: libjemalloc-dev
 */
#include "allocator.h"

#include <jemalloc/jemalloc.h>
#include <stdint.h>
#include <stdlib.h>

/* The name of a control over all arenas: "arena.4096.purge". */
#define TEXT_OF(x)          #x
#define TEXT(x)             TEXT_OF(x)
#define ALL_ARENAS(control) "arena." TEXT(MALLCTL_ARENAS_ALL) "." control

static const char *version(void) {
    const char *text = NULL;
    size_t size      = sizeof text;
    return mallctl("version", &text, &size, NULL, 0) == 0 ? text : NULL;
}

static void free_sized(void *block, size_t size) {
    if (block) /* sdallocx takes no NULL, free_sized does */
        sdallocx(block, size, 0);
}

static void free_aligned_sized(void *block, size_t alignment, size_t size) {
    if (block)
        sdallocx(block, size, MALLOCX_ALIGN(alignment));
}

static int purge(size_t pad) {
    (void)pad; /* mallctl has no such argument; the contract passes 0 */
    mallctl("thread.tcache.flush", NULL, NULL, NULL, 0);
    return mallctl(ALL_ARENAS("purge"), NULL, NULL, NULL, 0) == 0;
}

static size_t statistic(const char *name) {
    size_t value = 0, size = sizeof value;
    mallctl(name, &value, &size, NULL, 0);
    return value;
}

static struct mallinfo2 stats(void) {
    uint64_t epoch = 1; /* statistics are a snapshot, renewed by writing the epoch */
    mallctl("epoch", NULL, NULL, &epoch, sizeof epoch);
    return (struct mallinfo2){
        .uordblks = statistic("stats.allocated"),
        .arena    = statistic("stats.mapped"),
    };
}

const struct allocator allocator = {
    .abi                = ALLOCATOR_ABI,
    .object             = "libjemalloc.so",
    .version            = version,
    .malloc             = malloc,
    .free               = free,
    .calloc             = calloc,
    .realloc            = realloc,
    .aligned_alloc      = aligned_alloc,
    .posix_memalign     = posix_memalign,
    .memalign           = memalign,
    .usable_size        = malloc_usable_size,
    .free_sized         = free_sized,
    .free_aligned_sized = free_aligned_sized,
    .purge              = purge,
    .stats              = stats,
};
