/* The names of the C library and of C++, for libgomalloc.so: a program that loads it before the C
 * library allocates here. C++: the mangled names of the Itanium ABI, 64-bit. */
#define GOM_API __attribute__((visibility("protected")))
#include "gomalloc.h"

#include "fast.h"
#include "helper.h"

#include <dlfcn.h>
#include <elf.h>
#ifdef __GLIBC__
#include <gnu/libc-version.h>
#endif
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

// NOLINTBEGIN(readability-inconsistent-declaration-parameter-name): glibc's have reserved names
#define EXPORT __attribute__((visibility("default")))

#ifndef __GLIBC__ /* whose malloc.h alone has them */
void *pvalloc(size_t size);
int malloc_trim(size_t pad);
#endif

EXPORT FAST_ALIGNED void *malloc(size_t size) {
    return fast_malloc(size);
}

EXPORT FAST_ALIGNED void free(void *block) {
    fast_free(block);
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

#ifdef __GLIBC__
EXPORT void malloc_stats(void) {
    gom_malloc_stats();
}

EXPORT int malloc_info(int options, FILE *stream) {
    return gom_malloc_info(options, stream);
}

EXPORT int mallopt(int parameter, int value) {
    return gom_mallopt(parameter, value);
}

#ifdef GOM_HAVE_MALLINFO2
EXPORT struct mallinfo2 mallinfo2(void) {
    return gom_mallinfo2();
}
#endif

static int at_most_int(size_t n) {
    return n < INT_MAX ? (int)n : INT_MAX;
}

static struct mallinfo short_info(void) {
    struct gom_memstats m;
    gom_memstats(&m);
    return (struct mallinfo){
        .arena    = at_most_int(m.heap_sys),
        .uordblks = at_most_int(m.heap_alloc),
        .fordblks = at_most_int(m.heap_sys > m.heap_alloc ? m.heap_sys - m.heap_alloc : 0),
        .keepcost = at_most_int(m.heap_idle - m.heap_released)};
}

EXPORT struct mallinfo mallinfo(void) {
    return short_info();
}

#endif

void cfree(void *block);
EXPORT void cfree(void *block) {
    gom_free(block);
}

/* --- the C library's own calls --- */

/* That of the object with this function; the loader has mapped the object's own header first. */
static struct helper_code code_around(const void *function) {
    struct helper_code code = {0};
    Dl_info info;
    if (!dladdr(function, &info))
        return code;
    const char *object      = info.dli_fbase;
    const Elf64_Ehdr *head  = info.dli_fbase;
    const Elf64_Phdr *parts = (const void *)(object + head->e_phoff);
    for (unsigned i = 0; i < head->e_phnum; i++) {
        const uintptr_t from = (uintptr_t)object + parts[i].p_vaddr;
        if (parts[i].p_type != PT_LOAD || !(parts[i].p_flags & PF_X))
            continue;
        code.from = code.to ? code.from : from;
        code.to   = from + parts[i].p_memsz;
    }
    return code;
}

extern void *__tls_get_addr(void *index); // NOLINT(bugprone-reserved-identifier): the loader's

/* The C library is known by a function that no program has one of its own for, as some have of
 * pthread_create. The program comes before this library, the C library behind it. (dlopen would
 * find it wherever it is, but it calls its constructors, which have not been called yet, without an
 * environment.) Before the first thread may begin: 102. */
__attribute__((constructor(102))) static void find_c_library(void) {
#ifdef __GLIBC__
    const void *function = (const void *)gnu_get_libc_version;
    void *create         = dlsym(RTLD_NEXT, "pthread_create");
    if (create)
        *(void **)&helper_create = create;
#else
    const void *function = (const void *)pthread_create;
#endif
    helper_never_from[0] = code_around(function);
    helper_never_from[1] = code_around((const void *)__tls_get_addr);
}

#ifdef __GLIBC__
/* --- glibc's second names --- */

/* For programs that wrap the first ones. All are one family: free must know the blocks of each. */
// NOLINTBEGIN(bugprone-reserved-identifier)
#define SECOND_NAME(type, name, parameters, call)                                                  \
    type name parameters;                                                                          \
    EXPORT type name parameters {                                                                  \
        return call;                                                                               \
    }

SECOND_NAME(void *, __libc_malloc, (size_t size), gom_malloc(size))
SECOND_NAME(void *, __libc_calloc, (size_t count, size_t size), gom_calloc(count, size))
SECOND_NAME(void *, __libc_realloc, (void *block, size_t size), gom_realloc(block, size))
SECOND_NAME(void *, __libc_memalign, (size_t alignment, size_t size), gom_memalign(alignment, size))
SECOND_NAME(void *, __libc_valloc, (size_t size), gom_valloc(size))
SECOND_NAME(void *, __libc_pvalloc, (size_t size), gom_pvalloc(size))
SECOND_NAME(int, __posix_memalign, (void **block, size_t alignment, size_t size), /* before 2.26 */
            gom_posix_memalign(block, alignment, size))
SECOND_NAME(struct mallinfo, __libc_mallinfo, (void), short_info())
SECOND_NAME(int, __libc_mallopt, (int parameter, int value), gom_mallopt(parameter, value))

void __libc_free(void *block);
EXPORT void __libc_free(void *block) {
    gom_free(block);
}
// NOLINTEND(bugprone-reserved-identifier)
#endif
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

static new_handler *current_handler(void) {
    new_handler *(*get_handler)(void) = _ZSt15get_new_handlerv;
    if (!get_handler)
        *(void **)&get_handler = of_plugin("_ZSt15get_new_handlerv");
    return get_handler ? get_handler() : NULL;
}

/* What is made, and what a delete believes to free. */
enum form { SINGLE, ARRAY };

static void *try_new(size_t alignment, size_t size, enum form form) {
    if (HARDENED)
        return hardened_new(alignment, size, form == ARRAY ? ORIGIN_NEW_ARRAY : ORIGIN_NEW);
    return alignment ? gom_aligned_alloc(alignment, size) : fast_malloc(size);
}

/* [new.delete.single]: call the handler until there is memory; without a handler throw. A handler
 * that throws does so through here (-fexceptions). */
static void *new_block(size_t alignment, size_t size, enum form form) {
    for (;;) {
        void *block = try_new(alignment, size, form);
        if (__builtin_expect(block != NULL, 1))
            return block;
        new_handler *handler = current_handler();
        if (!handler)
            throw_bad_alloc();
        handler();
    }
}

/* The forms to which others go back by default, as the process has them. */
static void *(*the_new)(size_t);
static void *(*the_aligned_new)(size_t, size_t);
static void (*the_delete)(void *), (*the_array_delete)(void *);
static void (*the_aligned_delete)(void *, size_t), (*the_aligned_array_delete)(void *, size_t);

/* True if the program has its own of one of them. Then the others here go back to it, as those of
 * the C++ library do: else a block of the program's would be freed here, or one of ours there. */
static bool is_replaced;

/* Stores the address of the function in *form, and looks whether it is of this library. */
static void find(void *form, const char *name) {
    Dl_info its, own;
    void *found    = dlsym(RTLD_DEFAULT, name);
    *(void **)form = found;
    if (found && dladdr(found, &its) && dladdr(&is_replaced, &own) &&
        its.dli_fbase != own.dli_fbase)
        is_replaced = true;
}

__attribute__((constructor)) static void find_replaced(void) {
    void *unused; /* only the C++ library's nothrow forms go back to these */
    find(&the_new, "_Znwm");
    find(&unused, "_Znam");
    find(&the_aligned_new, "_ZnwmSt11align_val_t");
    find(&unused, "_ZnamSt11align_val_t");
    find(&the_delete, "_ZdlPv");
    find(&the_array_delete, "_ZdaPv");
    find(&the_aligned_delete, "_ZdlPvSt11align_val_t");
    find(&the_aligned_array_delete, "_ZdaPvSt11align_val_t");
    if (HARDENED && is_replaced)
        hardened_mixes();
}

/* The nothrow form `name`: by default the ordinary form, but NULL if that throws. To catch takes
 * C++. So where the ordinary form may throw, the C++ library's own nothrow form calls it, and
 * catches. */
static void *new_or_null(size_t alignment, size_t size, enum form form, const void *tag,
                         const char *name, void *_Atomic *its_own) {
    if (__builtin_expect(!is_replaced, 1)) {
        void *block = try_new(alignment, size, form);
        if (__builtin_expect(block != NULL, 1) || !current_handler())
            return block;
    }
    void *(*plain_form)(size_t, const void *);
    void *(*aligned_form)(size_t, size_t, const void *);
    /* relaxed, here and below: it is always the same */
    void *found = atomic_load_explicit(its_own, memory_order_relaxed);
    if (!found)
        found = of_plugin(name);
    if (!found)
        found = dlsym(RTLD_NEXT, name); /* of another C++ library */
    if (!found)                         /* of one within the program: not to be had */
        return !is_replaced ? NULL : alignment ? the_aligned_new(size, alignment) : the_new(size);
    atomic_store_explicit(its_own, found, memory_order_relaxed);
    *(void **)&plain_form   = found;
    *(void **)&aligned_form = found;
    return alignment ? aligned_form(size, alignment, tag) : plain_form(size, tag);
}

/* A delete of a block that operator new of the same form made, as the program says, with this
 * alignment (0: none) and size. Where the program has its own of some forms, blocks of one come to
 * the other. */
static inline void delete_block(void *block, size_t alignment, size_t size, enum form form) {
    if (!HARDENED)
        fast_free(block);
    else
        hardened_free_as(block, alignment, size, form == ARRAY ? ORIGIN_NEW_ARRAY : ORIGIN_NEW);
}

/* `original`: what the form does by default ([new.delete.single], [new.delete.array]). */
#define NEW(name, parameters, alignment)                                                           \
    void *name parameters;                                                                         \
    EXPORT void *name parameters {                                                                 \
        return new_block(alignment, size, SINGLE);                                                 \
    }
#define NEW_ARRAY(name, parameters, alignment, original)                                           \
    void *name parameters;                                                                         \
    EXPORT void *name parameters {                                                                 \
        return __builtin_expect(is_replaced, 0) ? (original) : new_block(alignment, size, ARRAY);  \
    }
#define NEW_OR_NULL(name, form, parameters, alignment)                                             \
    void *name parameters;                                                                         \
    EXPORT void *name parameters {                                                                 \
        static void *_Atomic its_own;                                                              \
        return new_or_null(alignment, size, form, tag, #name, &its_own);                           \
    }
#define DELETE(name, alignment, ...)                                                               \
    void name(void *block, ##__VA_ARGS__);                                                         \
    EXPORT void name(void *block, ##__VA_ARGS__) {                                                 \
        delete_block(block, alignment, ANY_SIZE, SINGLE);                                          \
    }
#define DELETE_BY(name, form, alignment, size, original, ...)                                      \
    void name(void *block, ##__VA_ARGS__);                                                         \
    EXPORT void name(void *block, ##__VA_ARGS__) {                                                 \
        if (__builtin_expect(is_replaced, 0))                                                      \
            (original);                                                                            \
        else                                                                                       \
            delete_block(block, alignment, size, form);                                            \
    }
#define UNUSED __attribute__((unused))

NEW(_Znwm, (size_t size), 0)
NEW_ARRAY(_Znam, (size_t size), 0, the_new(size))
NEW(_ZnwmSt11align_val_t, (size_t size, size_t alignment), alignment)
NEW_ARRAY(_ZnamSt11align_val_t, (size_t size, size_t alignment), alignment,
          the_aligned_new(size, alignment))
NEW_OR_NULL(_ZnwmRKSt9nothrow_t, SINGLE, (size_t size, const void *tag), 0)
NEW_OR_NULL(_ZnamRKSt9nothrow_t, ARRAY, (size_t size, const void *tag), 0)
NEW_OR_NULL(_ZnwmSt11align_val_tRKSt9nothrow_t, SINGLE,
            (size_t size, size_t alignment, const void *tag), alignment)
NEW_OR_NULL(_ZnamSt11align_val_tRKSt9nothrow_t, ARRAY,
            (size_t size, size_t alignment, const void *tag), alignment)

DELETE(_ZdlPv, 0)
DELETE(_ZdlPvSt11align_val_t, alignment, UNUSED size_t alignment)
DELETE_BY(_ZdaPv, ARRAY, 0, ANY_SIZE, the_delete(block))
DELETE_BY(_ZdlPvm, SINGLE, 0, size, the_delete(block), UNUSED size_t size)
DELETE_BY(_ZdaPvm, ARRAY, 0, size, the_array_delete(block), UNUSED size_t size)
DELETE_BY(_ZdlPvRKSt9nothrow_t, SINGLE, 0, ANY_SIZE, the_delete(block), UNUSED const void *tag)
DELETE_BY(_ZdaPvRKSt9nothrow_t, ARRAY, 0, ANY_SIZE, the_array_delete(block), UNUSED const void *tag)
DELETE_BY(_ZdaPvSt11align_val_t, ARRAY, alignment, ANY_SIZE, the_aligned_delete(block, alignment),
          size_t alignment)
DELETE_BY(_ZdlPvmSt11align_val_t, SINGLE, alignment, size, the_aligned_delete(block, alignment),
          UNUSED size_t size, size_t alignment)
DELETE_BY(_ZdaPvmSt11align_val_t, ARRAY, alignment, size,
          the_aligned_array_delete(block, alignment), UNUSED size_t size, size_t alignment)
DELETE_BY(_ZdlPvSt11align_val_tRKSt9nothrow_t, SINGLE, alignment, ANY_SIZE,
          the_aligned_delete(block, alignment), size_t alignment, UNUSED const void *tag)
DELETE_BY(_ZdaPvSt11align_val_tRKSt9nothrow_t, ARRAY, alignment, ANY_SIZE,
          the_aligned_array_delete(block, alignment), size_t alignment, UNUSED const void *tag)
