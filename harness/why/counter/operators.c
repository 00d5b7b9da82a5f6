/* The operators new and delete of C++. Those of the C++ library call malloc, which counts. Some
 * allocators have operators of their own, all or a few, which do not: these are counted here.
 *
 * A C++ library that dlopen brings binds to these here, too, and has none behind: then malloc
 * serves. */
#include "count.h"
#include "next.h"

#include <malloc.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define PUBLIC __attribute__((visibility("default")))

/* Finds the operator behind at its first call. Threads that find it at once find the same. */
static void *behind(_Atomic(void *) *cache, const char *name) {
    void *found = atomic_load_explicit(cache, memory_order_relaxed);
    if (!found && next_ready()) {
        found = next_find(name);
        atomic_store_explicit(cache, found, memory_order_relaxed);
    }
    return found;
}

static void leave(const int *entered) {
    if (*entered)
        count_leave();
}

/* Until the end of the scope, also of one that an exception leaves. */
#define ENTER(own)                                                                                 \
    __attribute__((cleanup(leave))) const int entered = (own);                                     \
    if (entered)                                                                                   \
    count_enter()

/* An operator of the allocator is counted as a whole, whatever it calls. */
static void *made(void *block, size_t size) {
    if (block && count_book)
        count_made_slow(block, size, next.usable(block));
    return block;
}

static void freed(void *block) {
    if (block && count_book)
        count_freed_slow(block, next.usable(block));
}

/* There is nobody who could throw. */
static void *need(void *block) {
    static const char words[] = "spanbench why: operator new has no memory\n";
    if (block)
        return block;
    (void)!write(STDERR_FILENO, words, sizeof words - 1);
    abort();
}

static void *aligned(size_t alignment, size_t size) {
    void *block = NULL;
    return posix_memalign(&block, alignment < sizeof block ? sizeof block : alignment, size)
               ? NULL
               : block;
}

/* The names are of the Itanium C++ ABI, mangled: Znw is new, Zna new[], Zdl delete, Zda delete[];
 * m a size_t, St11align_val_t an alignment, RKSt9nothrow_t std::nothrow. */
// NOLINTBEGIN(bugprone-macro-parentheses): these are lists of parameters and of words
#define NEW(name, parameters, words, size, without)                                                \
    PUBLIC void *name parameters;                                                                  \
    PUBLIC void *name parameters {                                                                 \
        static _Atomic(void *) cache;                                                              \
        void *(*next_new)parameters;                                                               \
        void *block, *found = behind(&cache, #name);                                               \
        *(void **)&next_new = found;                                                               \
        if (!found)                                                                                \
            return without;                                                                        \
        {                                                                                          \
            ENTER(next_holds(found));                                                              \
            block = next_new words;                                                                \
        }                                                                                          \
        return next_holds(found) ? made(block, size) : block;                                      \
    }
#define DELETE(name, parameters, words)                                                            \
    PUBLIC void name parameters;                                                                   \
    PUBLIC void name parameters {                                                                  \
        static _Atomic(void *) cache;                                                              \
        void(*next_delete) parameters;                                                             \
        void *found            = behind(&cache, #name);                                            \
        *(void **)&next_delete = found;                                                            \
        if (!found) {                                                                              \
            free(p);                                                                               \
            return;                                                                                \
        }                                                                                          \
        if (next_holds(found))                                                                     \
            freed(p);                                                                              \
        ENTER(next_holds(found));                                                                  \
        next_delete words;                                                                         \
    }
// NOLINTEND(bugprone-macro-parentheses)

NEW(_Znwm, (size_t n), (n), n, need(malloc(n ? n : 1)))
NEW(_Znam, (size_t n), (n), n, need(malloc(n ? n : 1)))
NEW(_ZnwmRKSt9nothrow_t, (size_t n, const void *t), (n, t), n, malloc(n ? n : 1))
NEW(_ZnamRKSt9nothrow_t, (size_t n, const void *t), (n, t), n, malloc(n ? n : 1))
NEW(_ZnwmSt11align_val_t, (size_t n, size_t a), (n, a), n, need(aligned(a, n)))
NEW(_ZnamSt11align_val_t, (size_t n, size_t a), (n, a), n, need(aligned(a, n)))
NEW(_ZnwmSt11align_val_tRKSt9nothrow_t, (size_t n, size_t a, const void *t), (n, a, t), n,
    aligned(a, n))
NEW(_ZnamSt11align_val_tRKSt9nothrow_t, (size_t n, size_t a, const void *t), (n, a, t), n,
    aligned(a, n))

DELETE(_ZdlPv, (void *p), (p))
DELETE(_ZdaPv, (void *p), (p))
DELETE(_ZdlPvm, (void *p, size_t n), (p, n))
DELETE(_ZdaPvm, (void *p, size_t n), (p, n))
DELETE(_ZdlPvRKSt9nothrow_t, (void *p, const void *t), (p, t))
DELETE(_ZdaPvRKSt9nothrow_t, (void *p, const void *t), (p, t))
DELETE(_ZdlPvSt11align_val_t, (void *p, size_t a), (p, a))
DELETE(_ZdaPvSt11align_val_t, (void *p, size_t a), (p, a))
DELETE(_ZdlPvmSt11align_val_t, (void *p, size_t n, size_t a), (p, n, a))
DELETE(_ZdaPvmSt11align_val_t, (void *p, size_t n, size_t a), (p, n, a))
DELETE(_ZdlPvSt11align_val_tRKSt9nothrow_t, (void *p, size_t a, const void *t), (p, a, t))
DELETE(_ZdaPvSt11align_val_tRKSt9nothrow_t, (void *p, size_t a, const void *t), (p, a, t))
