#include "trace.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>

enum { LAST = 16 };

struct call {
    const char *name;
    const char *format; /* of the arguments and the result */
    uintptr_t word[4];
};

/* Shared with forked children. Relaxed: a thread may be in the middle of the oldest entry when they
 * are printed, and then its line is a mixture; nothing else depends on them. */
static struct books {
    atomic_uint calls;
    struct call last[LAST];
} * books;
static struct allocator real;

static void note(const char *name, const char *format, uintptr_t a, uintptr_t b, uintptr_t c,
                 uintptr_t result) {
    const unsigned nth      = atomic_fetch_add_explicit(&books->calls, 1, memory_order_relaxed);
    books->last[nth % LAST] = (struct call){name, format, {a, b, c, result}};
}

#define ADDRESS(pointer) ((uintptr_t)(pointer))

static void *traced_malloc(size_t size) {
    void *block = real.malloc(size);
    note("malloc", "%s(%zu) = %#zx", size, ADDRESS(block), 0, 0);
    return block;
}

static void traced_free(void *block) {
    note("free", "%s(%#zx)", ADDRESS(block), 0, 0, 0);
    real.free(block);
}

static void *traced_calloc(size_t count, size_t size) {
    void *block = real.calloc(count, size);
    note("calloc", "%s(%zu, %zu) = %#zx", count, size, ADDRESS(block), 0);
    return block;
}

static void *traced_realloc(void *old, size_t size) {
    const uintptr_t was = ADDRESS(old);
    void *block         = real.realloc(old, size);
    note("realloc", "%s(%#zx, %zu) = %#zx", was, size, ADDRESS(block), 0);
    return block;
}

static void *traced_reallocarray(void *old, size_t count, size_t size) {
    const uintptr_t was = ADDRESS(old);
    void *block         = real.reallocarray(old, count, size);
    note("reallocarray", "%s(%#zx, %zu, %zu) = %#zx", was, count, size, ADDRESS(block));
    return block;
}

static void *traced_aligned_alloc(size_t alignment, size_t size) {
    void *block = real.aligned_alloc(alignment, size);
    note("aligned_alloc", "%s(%zu, %zu) = %#zx", alignment, size, ADDRESS(block), 0);
    return block;
}

static int traced_posix_memalign(void **block, size_t alignment, size_t size) {
    const int error = real.posix_memalign(block, alignment, size);
    note("posix_memalign", "%s(&p, %zu, %zu) = %zu, p = %#zx", alignment, size, (uintptr_t)error,
         ADDRESS(*block));
    return error;
}

static void *traced_memalign(size_t alignment, size_t size) {
    void *block = real.memalign(alignment, size);
    note("memalign", "%s(%zu, %zu) = %#zx", alignment, size, ADDRESS(block), 0);
    return block;
}

static size_t traced_usable_size(void *block) {
    const size_t size = real.usable_size(block);
    note("malloc_usable_size", "%s(%#zx) = %zu", ADDRESS(block), size, 0, 0);
    return size;
}

static void traced_free_sized(void *block, size_t size) {
    note("free_sized", "%s(%#zx, %zu)", ADDRESS(block), size, 0, 0);
    real.free_sized(block, size);
}

static void traced_free_aligned_sized(void *block, size_t alignment, size_t size) {
    note("free_aligned_sized", "%s(%#zx, %zu, %zu)", ADDRESS(block), alignment, size, 0);
    real.free_aligned_sized(block, alignment, size);
}

const struct allocator *trace_begin(const struct allocator *a) {
    static struct allocator traced;
    books = mmap(NULL, sizeof *books, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (books == MAP_FAILED)
        return NULL;
    real = traced = *a;
#define TRACED(slot) traced.slot = a->slot ? traced_##slot : NULL
    TRACED(malloc);
    TRACED(free);
    TRACED(calloc);
    TRACED(realloc);
    TRACED(reallocarray);
    TRACED(aligned_alloc);
    TRACED(posix_memalign);
    TRACED(memalign);
    TRACED(usable_size);
    TRACED(free_sized);
    TRACED(free_aligned_sized);
    return &traced;
}

void trace_print(int fd) {
    const unsigned calls = atomic_load_explicit(&books->calls, memory_order_relaxed);
    const unsigned first = calls > LAST ? calls - LAST : 0;
    dprintf(fd, "%u call%s of the allocator; the last of them:\n", calls, calls == 1 ? "" : "s");
    for (unsigned n = first; n < calls; n++) {
        const struct call *c = &books->last[n % LAST];
        dprintf(fd, "  ");
        dprintf(fd, c->format, c->name, c->word[0], c->word[1], c->word[2], c->word[3]);
        dprintf(fd, "\n");
    }
}
