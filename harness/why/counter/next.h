/* The allocator behind the counter: the functions that would serve the program without it. */
#ifndef SPANBENCH_WHY_NEXT_H
#define SPANBENCH_WHY_NEXT_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct next {
    void *(*malloc)(size_t);
    void *(*calloc)(size_t, size_t);
    void *(*realloc)(void *, size_t);
    void (*free)(void *);
    int (*posix_memalign)(void **, size_t, size_t);
    void *(*aligned_alloc)(size_t, size_t);
    void *(*memalign)(size_t, size_t);
    void *(*valloc)(size_t);
    void *(*pvalloc)(size_t);
    size_t (*usable)(void *);
    size_t (*promised)(size_t, int); /* the usable size for a request; NULL: it does not promise */
    int (*getattr)(pthread_t, pthread_attr_t *); /* pthread_getattr_np; NULL: there is none */
    bool glibc;                                  /* headers of blocks are laid out as in glibc */
    bool own;          /* the program has a malloc of its own, in front of the counter */
    char object[2048]; /* its file */
};

extern struct next next;

/* What glibc's malloc_usable_size says of a block in use (malloc/malloc.c, "struct malloc_chunk").
 * That also looks at the header of the block behind, which costs a miss of the cache. */
static inline size_t next_glibc_usable(const void *block) {
    enum { MMAPPED = 2, FLAGS = 7 };
    const size_t size = ((const size_t *)block)[-1], usable = (size & ~(size_t)FLAGS) - sizeof size;
    return __builtin_expect((size & MMAPPED) != 0, 0) ? usable - sizeof size : usable;
}

/* Of a block that is not NULL. */
static inline size_t next_usable(void *block) {
    return next.glibc ? next_glibc_usable(block) : next.usable(block);
}

/* True: `next` is there, and its sizes are known or not. False: this very thread is looking for it,
 * and is served from next_early. */
bool next_ready(void);

/* Zeroed memory for the dynamic linker while it looks; never freed. NULL: there is no more. */
enum { NEXT_EARLY_BYTES = 64 << 10 };
extern char next_early_bytes[NEXT_EARLY_BYTES];
void *next_early(size_t size, size_t alignment);

static inline bool next_is_early(const void *block) {
    return (uintptr_t)block - (uintptr_t)next_early_bytes < NEXT_EARLY_BYTES;
}

/* A function of the objects behind the counter; NULL: none has it. */
void *next_find(const char *name);

/* Does an address lie in the file of the allocator, or in one that it needs? Those of the C library
 * and of the runtime of C++ are not its own. */
bool next_holds(const void *address);

#endif
