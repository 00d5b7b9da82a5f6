/* The names of the C library and of C++, for libgomalloc.so: a program that loads it before the C
 * library allocates here. C++: the mangled names of the Itanium ABI, 64-bit. */
#define GOM_API __attribute__((visibility("protected")))
#include "gomalloc.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>

// NOLINTBEGIN(readability-inconsistent-declaration-parameter-name): glibc's have reserved names
#define EXPORT __attribute__((visibility("default")))

#ifndef __GLIBC__ /* whose malloc.h alone has them */
void *pvalloc(size_t size);
int malloc_trim(size_t pad);
#endif

EXPORT void *malloc(size_t size) {
    return gom_malloc(size);
}

EXPORT void free(void *block) {
    gom_free(block);
}

EXPORT void *calloc(size_t count, size_t size) {
    return gom_calloc(count, size);
}

EXPORT void *realloc(void *block, size_t size) {
    return gom_realloc(block, size);
}

EXPORT void *reallocarray(void *block, size_t count, size_t size) {
    return gom_reallocarray(block, count, size);
}

void free_sized(void *block, size_t size);
EXPORT void free_sized(void *block, size_t size) {
    gom_free_sized(block, size);
}

void free_aligned_sized(void *block, size_t alignment, size_t size);
EXPORT void free_aligned_sized(void *block, size_t alignment, size_t size) {
    gom_free_aligned_sized(block, alignment, size);
}

EXPORT void *aligned_alloc(size_t alignment, size_t size) {
    return gom_aligned_alloc(alignment, size);
}

EXPORT int posix_memalign(void **block, size_t alignment, size_t size) {
    return gom_posix_memalign(block, alignment, size);
}

EXPORT void *memalign(size_t alignment, size_t size) {
    return gom_memalign(alignment, size);
}

EXPORT void *valloc(size_t size) {
    return gom_valloc(size);
}

EXPORT void *pvalloc(size_t size) {
    return gom_pvalloc(size);
}

EXPORT size_t malloc_usable_size(void *block) {
    return gom_usable_size(block);
}

EXPORT int malloc_trim(size_t pad) {
    return gom_trim(pad);
}

#ifdef GOM_HAVE_MALLINFO2
EXPORT struct mallinfo2 mallinfo2(void) {
    return gom_mallinfo2();
}
#endif

#ifdef __GLIBC__
static int at_most_int(size_t n) {
    return n < INT_MAX ? (int)n : INT_MAX;
}

EXPORT struct mallinfo mallinfo(void) {
    struct gom_memstats m;
    gom_memstats(&m);
    return (struct mallinfo){
        .arena    = at_most_int(m.heap_sys),
        .uordblks = at_most_int(m.heap_alloc),
        .fordblks = at_most_int(m.heap_sys > m.heap_alloc ? m.heap_sys - m.heap_alloc : 0),
        .keepcost = at_most_int(m.heap_idle - m.heap_released)};
}
#endif

void cfree(void *block);
EXPORT void cfree(void *block) {
    gom_free(block);
}

// NOLINTEND(readability-inconsistent-declaration-parameter-name)

/* --- C++ --- */

/* Those of std::new_handler and bad_alloc are libstdc++'s; weak, for a program in C has neither. */
typedef void new_handler(void);
extern new_handler *_ZSt15get_new_handlerv(void) __attribute__((weak));
extern void _ZSt17__throw_bad_allocv(void) __attribute__((weak));

/* A function of a libstdc++ that came later, with a plugin of a program in C. */
static void *of_plugin(const char *name) {
    void *library = dlopen("libstdc++.so.6", RTLD_LAZY | RTLD_NOLOAD);
    return library ? dlsym(library, name) : NULL;
}

static _Noreturn void throw_bad_alloc(void) {
    void (*throw_it)(void) = _ZSt17__throw_bad_allocv;
    if (!throw_it)
        *(void **)&throw_it = of_plugin("_ZSt17__throw_bad_allocv");
    if (throw_it)
        throw_it();
    abort();
}

/* [new.delete.single]: call the handler until there is memory; without a handler throw, or return
 * NULL from the nothrow forms. A handler that throws does so through here (-fexceptions). */
static void *new_block(size_t alignment, size_t size, bool nothrow) {
    for (;;) {
        void *block = alignment ? gom_aligned_alloc(alignment, size) : gom_malloc(size);
        if (__builtin_expect(block != NULL, 1))
            return block;
        new_handler *(*get_handler)(void) = _ZSt15get_new_handlerv;
        if (!get_handler)
            *(void **)&get_handler = of_plugin("_ZSt15get_new_handlerv");
        new_handler *handler = get_handler ? get_handler() : NULL;
        if (handler)
            handler();
        else if (nothrow)
            return NULL;
        else
            throw_bad_alloc();
    }
}

#define NEW(name, parameters, alignment, nothrow)                                                  \
    void *name parameters;                                                                         \
    EXPORT void *name parameters {                                                                 \
        return new_block(alignment, size, nothrow);                                                \
    }
#define DELETE(name, ...)                                                                          \
    void name(void *block, ##__VA_ARGS__);                                                         \
    EXPORT void name(void *block, ##__VA_ARGS__) {                                                 \
        gom_free(block);                                                                           \
    }
#define UNUSED __attribute__((unused))

NEW(_Znwm, (size_t size), 0, false)
NEW(_Znam, (size_t size), 0, false)
NEW(_ZnwmRKSt9nothrow_t, (size_t size, UNUSED const void *tag), 0, true)
NEW(_ZnamRKSt9nothrow_t, (size_t size, UNUSED const void *tag), 0, true)
NEW(_ZnwmSt11align_val_t, (size_t size, size_t alignment), alignment, false)
NEW(_ZnamSt11align_val_t, (size_t size, size_t alignment), alignment, false)
NEW(_ZnwmSt11align_val_tRKSt9nothrow_t, (size_t size, size_t alignment, UNUSED const void *tag),
    alignment, true)
NEW(_ZnamSt11align_val_tRKSt9nothrow_t, (size_t size, size_t alignment, UNUSED const void *tag),
    alignment, true)

DELETE(_ZdlPv)
DELETE(_ZdaPv)
DELETE(_ZdlPvm, UNUSED size_t size)
DELETE(_ZdaPvm, UNUSED size_t size)
DELETE(_ZdlPvRKSt9nothrow_t, UNUSED const void *tag)
DELETE(_ZdaPvRKSt9nothrow_t, UNUSED const void *tag)
DELETE(_ZdlPvSt11align_val_t, UNUSED size_t alignment)
DELETE(_ZdaPvSt11align_val_t, UNUSED size_t alignment)
DELETE(_ZdlPvmSt11align_val_t, UNUSED size_t size, UNUSED size_t alignment)
DELETE(_ZdaPvmSt11align_val_t, UNUSED size_t size, UNUSED size_t alignment)
DELETE(_ZdlPvSt11align_val_tRKSt9nothrow_t, UNUSED size_t alignment, UNUSED const void *tag)
DELETE(_ZdaPvSt11align_val_tRKSt9nothrow_t, UNUSED size_t alignment, UNUSED const void *tag)
