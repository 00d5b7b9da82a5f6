/* The C library's malloc with a burden of a known size, to be preloaded. Does `spanbench try` find
 * it?
 *
 *   BURDEN_STEPS=N   each malloc, calloc and realloc takes N steps of a loop more
 *   BURDEN_BYTES=N   each process holds N bytes more, touched when it starts */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

void *__libc_malloc(size_t size);
void __libc_free(void *block);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *block, size_t size);

static unsigned long steps; /* set before main, and read only after that */

static void burden(void) {
    for (unsigned long i = 0; i < steps; i++)
        atomic_signal_fence(memory_order_seq_cst); /* or the compiler would drop the loop */
}

__attribute__((constructor)) static void begin(void) {
    const char *loop = getenv("BURDEN_STEPS"), *held = getenv("BURDEN_BYTES");
    const size_t bytes = held ? strtoul(held, NULL, 10) : 0;
    steps              = loop ? strtoul(loop, NULL, 10) : 0;
    void *more         = bytes
                             ? mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
                             : MAP_FAILED;
    if (more != MAP_FAILED)
        memset(more, 1, bytes);
}

// NOLINTBEGIN(readability-inconsistent-declaration-parameter-name): glibc's have reserved names
void *malloc(size_t size) {
    burden();
    return __libc_malloc(size);
}

void free(void *block) {
    __libc_free(block);
}

void *calloc(size_t count, size_t size) {
    burden();
    return __libc_calloc(count, size);
}

void *realloc(void *block, size_t size) {
    burden();
    return __libc_realloc(block, size);
}
// NOLINTEND(readability-inconsistent-declaration-parameter-name)
