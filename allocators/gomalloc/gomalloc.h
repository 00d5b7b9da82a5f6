/* gomalloc: the design of Go's memory allocator, in C, with an explicit free.
 *
 * Thread-safety: every function may be called from any thread at any time, except in a signal
 * handler. Without memory the result is NULL, and errno is ENOMEM. Bad frees: see README.md.
 *
 * Alignment: as C23 asks, a block is aligned for every object that fits in it, at most to 16. */
#ifndef GOMALLOC_H
#define GOMALLOC_H

#include <malloc.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Of this header; gom_version tells that of the library that a program runs with. A library of
 * another first number does not serve a program that was linked with this one. */
#define GOM_VERSION "0.1.0"

#ifdef __cplusplus
extern "C" {
#endif

/* The library's own files define it as "protected": exported, but called among themselves directly.
 */
#ifndef GOM_API
#define GOM_API __attribute__((visibility("default")))
#endif

/* C17 7.22.3, C23 7.24.3, POSIX.1-2024, malloc(3). The block of malloc(0) is one of its own.
 * realloc(p, 0) frees p and returns NULL, as glibc does, and sets errno to EINVAL. free leaves
 * errno alone. */
GOM_API void *gom_malloc(size_t size);
GOM_API void *gom_calloc(size_t count, size_t size);
GOM_API void *gom_realloc(void *block, size_t size);
GOM_API void *gom_reallocarray(void *block, size_t count, size_t size);
GOM_API void gom_free(void *block);
GOM_API void gom_free_sized(void *block, size_t size);
GOM_API void gom_free_aligned_sized(void *block, size_t alignment, size_t size);
GOM_API void *gom_aligned_alloc(size_t alignment, size_t size);
GOM_API int gom_posix_memalign(void **block, size_t alignment, size_t size);
GOM_API void *gom_memalign(size_t alignment, size_t size);
GOM_API void *gom_valloc(size_t size);
GOM_API void *gom_pvalloc(size_t size);

/* Bytes of the block that may be used, at least as many as were asked for; 0 for NULL. They are as
 * those asked for: gom_calloc and GOM_ZERO make all of them zero, gom_realloc keeps as many of them
 * as it is asked for. The number stays until the block is resized. */
GOM_API size_t gom_usable_size(void *block);

/* What the caller knows of a block. All blocks are freed alike. */
enum {
    GOM_NOSCAN = 1 << 0, /* holds no pointers: kept in spans apart from others, as in Go */
    GOM_ZERO   = 1 << 1, /* all bytes zero, to the usable size */
    GOM_TINY   = 1 << 2, /* under 16 bytes: may share a 16-byte block with others; implies NOSCAN */
    GOM_WORD = 1 << 3, /* holds nothing that wants more than 8-byte alignment: 24 bytes fit in 24 */
};
GOM_API void *gom_alloc(size_t size, unsigned flags);

/* Pages for a stack, a coroutine's for instance, or a buffer: counted apart from the heap
 * (StackInuse in Go). The size is rounded up to 8 KiB pages. Only for gom_stack_free. */
GOM_API void *gom_stack_alloc(size_t size);
GOM_API void gom_stack_free(void *stack);

/* Gives free memory back to the operating system: all that this thread's cache and the heap hold,
 * but for `pad` bytes. Other threads' caches follow when they next enter a slow path. Returns 1 if
 * some was given back, else 0. */
GOM_API int gom_trim(size_t pad);

/* Statistics in Go's words (runtime.MemStats); bytes, unless they count. Exact for this thread and
 * for all that are not within a call of gomalloc meanwhile. For each thread that is, heap_objects
 * is off by at most 510 objects of a class, and heap_alloc by 64 KiB of a class; large objects are
 * exact. In a forked child, what was cached for the parent's other threads counts as live. Always:
 *     heap_sys = heap_inuse + heap_idle,        heap_objects = mallocs - frees,
 *     heap_alloc = total_alloc - total_freed,   sys = heap_sys + stack_sys + mspan_sys +
 *                                                     mcache_sys + gc_sys
 * In none of these is the library's static memory, which has a table of 16 MiB that is hardly
 * touched, nor what lies unused between the parts of the metadata. */
enum { GOM_SIZE_CLASSES = 68 };
struct gom_memstats {
    uint64_t heap_alloc;             /* in live objects, in sizes of their classes */
    uint64_t total_alloc;            /* the same of all objects ever allocated; */
    uint64_t total_freed;            /* and of all ever freed */
    uint64_t mallocs;                /* objects ever allocated, and */
    uint64_t frees;                  /* freed */
    uint64_t heap_objects;           /* live */
    uint64_t heap_sys;               /* got from the operating system for the heap */
    uint64_t heap_inuse;             /* in spans with at least one object, or in a thread's hands */
    uint64_t heap_idle;              /* in no span; */
    uint64_t heap_released;          /* of these, not resident */
    uint64_t stack_inuse, stack_sys; /* of gom_stack_alloc */
    uint64_t mspan_inuse, mspan_sys; /* descriptors of spans */
    uint64_t mcache_inuse, mcache_sys; /* caches of threads */
    uint64_t
        gc_sys;   /* page maps and bitmaps; Go counts them under this name. Mapped, little used */
    uint64_t sys; /* got from the operating system for all of the above */
    uint64_t tiny_allocs; /* pieces of shared blocks ever allocated; a block is one object above */
    struct {
        uint64_t size, mallocs, frees;
    } by_size[GOM_SIZE_CLASSES]; /* [0]: large objects, size 0 */
};
GOM_API void gom_memstats(struct gom_memstats *);

#if defined(__GLIBC__) && (__GLIBC__ > 2 || __GLIBC_MINOR__ >= 33)
#define GOM_HAVE_MALLINFO2 /* the C library has the type */
/* The shape of mallinfo2(3): arena is heap_sys, uordblks heap_alloc, fordblks the rest, ordblks the
 * free objects and pages' number is not kept: 0; keepcost what gom_trim could release. */
GOM_API struct mallinfo2 gom_mallinfo2(void);
#endif

/* malloc_stats(3): to stderr, in glibc's form. The heap is its one arena. */
GOM_API void gom_malloc_stats(void);

/* malloc_info(3): glibc's elements of XML, version 1. A size is what is free in the spans of a
 * class and on threads' lists; total "rest" has all that is free. Returns 0; EINVAL, as glibc does,
 * if the flags are not 0; -1 if the stream cannot be written to. */
GOM_API int gom_malloc_info(int flags, FILE *stream);

/* mallopt(3): always 0, refused. None of glibc's parameters means something to this heap. */
GOM_API int gom_mallopt(int parameter, int value);

/* A table for people, per class: spans, objects, what is unused. Written to a file descriptor. */
GOM_API void gom_dump(int fd);

/* What the heap is made of, for a picture: a line for each arena, span and run of free pages,
 * and for the live objects of each class. Sizes are bytes, addresses hexadecimal.
 *
 *     arena ADDRESS BYTES
 *     span ADDRESS BYTES STATE SLOT SLOTS FREE
 *     free ADDRESS BYTES resident|back
 *     objects SLOT LIVE
 * STATE is cached (a thread allocates from it), partial (nobody's, with free slots), full, large,
 * stack (of gom_stack_alloc) or waiting (free, in a thread's cache). FREE has 16 hexadecimal
 * digits for each 64 slots, and the lowest bit is the first slot; 1: it is free. "back": not
 * resident. Pages in no line are in use: a thread has them for its next spans. An object that is
 * not live and whose slot is not free is on a thread's list. Other threads may change all of it
 * meanwhile. */
GOM_API void gom_dump_spans(int fd);

GOM_API const char *gom_version(void);

#ifdef __cplusplus
}
#endif

#endif
