/* scudo, LLVM's hardened allocator, the standalone build that replaces malloc in the process.
 *
 * library: /usr/lib/llvm-??/lib/clang/[0-9]*[0-9]/lib/linux/libclang_rt.scudo_standalone-@ARCH@.so
 * package: libclang-rt-dev
 */
#include "allocator.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The library has no function for it; LLVM's version is a folder of its path: …/clang/14.0.6/lib/…
 */
static const char *version(void) {
    static const char folder[] = "/clang/";
    static char text[16];
    Dl_info info;
    const char *path = dladdr((const void *)malloc, &info) ? info.dli_fname : "";
    const char *name = strstr(path, folder);
    if (name)
        snprintf(text, sizeof text, "%.*s", (int)strcspn(name + strlen(folder), "/"),
                 name + strlen(folder));
    return name ? text : NULL;
}

/* scudo's own option of mallopt: give all free memory back at once. (Its name and number are those
 * of bionic's <malloc.h>.) */
enum { M_PURGE = -101 };

static int purge(size_t pad) {
    (void)pad; /* mallopt has no such argument; the contract passes 0 */
    return mallopt(M_PURGE, 0);
}

/* scudo's own mallinfo2 has all that it mapped in hblkhd, and the live blocks in uordblks. Its
 * version 14 forgets a few KiB with each block above 64 KiB that it takes from its cache. So its
 * account of the live blocks of `large` falls, to three fifths after 16,000 operations. */
static struct mallinfo2 stats(void) {
    const struct mallinfo2 its = mallinfo2();
    return (struct mallinfo2){.uordblks = its.uordblks, .arena = its.hblkhd};
}

const struct allocator allocator = {
    .abi            = ALLOCATOR_ABI,
    .object         = "libclang_rt.scudo_standalone",
    .version        = version,
    .malloc         = malloc,
    .free           = free,
    .calloc         = calloc,
    .realloc        = realloc,
    .aligned_alloc  = aligned_alloc,
    .posix_memalign = posix_memalign,
    .memalign       = memalign,
    .usable_size    = malloc_usable_size,
    .purge          = purge,
    .stats          = stats,
};
