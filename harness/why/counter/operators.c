/* The operators new and delete of C++. Those of the C++ library call malloc, which counts. Some
 * allocators have operators of their own, all or a few, which do not: these are counted here.
 *
 * A C++ library that dlopen brings binds to these here, too, and has none behind: then malloc
 * serves. */
#include "count.h"
#include "next.h"
#include "page.h"

#include <malloc.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define PUBLIC __attribute__((visibility("default")))

/* Not yet found, found, and of the allocator's own file. A pointer and a mark of one object:
 * threads that find it at once find the same, so relaxed. */
struct behind {
    _Atomic(void *) found;
    _Atomic bool own;
};

/* Finds the operator behind at its first call. */
static inline void *find(struct behind *b, const char *name, bool *own) {
    void *found = atomic_load_explicit(&b->found, memory_order_relaxed);
    if (__builtin_expect(!found && next_ready(), 0)) {
        found = next_find(name);
        atomic_store_explicit(&b->own, found && next_holds(found), memory_order_relaxed);
        atomic_store_explicit(&b->found, found, memory_order_relaxed);
    }
    *own = atomic_load_explicit(&b->own, memory_order_relaxed);
    return found;
}

/* An operator of the allocator is counted as a whole, whatever it calls. So this thread counts
 * nothing from here to the end of the scope, also if an exception ends it. */
static inline struct why_slot *enter(void) {
    struct why_slot *mine = count_mine;
    if (__builtin_expect(mine != NULL, 1))
        count_mine = NULL;
    else
        count_inside++;
    return mine;
}

static inline void leave(struct why_slot *const *mine) {
    if (__builtin_expect(*mine != NULL, 1))
        count_mine = *mine;
    else
        count_inside--;
}

#define ENTER                                                                                      \
    __attribute__((cleanup(leave))) struct why_slot *const entered = enter();                      \
    (void)entered

static inline void *made_aligned(void *block, size_t size) {
    if (block && count_book)
        count_made_slow(block, size, next_usable(block));
    return block;
}

static inline void *made(void *block, size_t size) {
    struct why_slot *mine = count_mine;
    const uint64_t units  = mine ? count_promise(size) : 0;
    if (__builtin_expect(units && page_is_of(block, units), 1))
        count_up(&mine->small[units].made);
    else if (block && mine)
        count_made_unknown(mine, block, size);
    else
        made_aligned(block, size);
    return block;
}

static inline void freed(void *block) {
    struct why_slot *mine = count_mine;
    const uint64_t units  = mine ? page_size(block) : 0;
    if (__builtin_expect(units != 0, 1))
        count_up(&mine->small[units].freed);
    else if (block && count_book)
        count_freed_slow(block, next_usable(block));
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
#define NEW(name, parameters, words, size, count, without)                                         \
    PUBLIC void *name parameters;                                                                  \
    PUBLIC void *name parameters {                                                                 \
        static struct behind behind;                                                               \
        void *(*next_new)parameters;                                                               \
        void *block;                                                                               \
        bool own;                                                                                  \
        void *found         = find(&behind, #name, &own);                                          \
        *(void **)&next_new = found;                                                               \
        if (!own)                                                                                  \
            return found ? next_new words : (without);                                             \
        {                                                                                          \
            ENTER;                                                                                 \
            block = next_new words;                                                                \
        }                                                                                          \
        return count(block, size);                                                                 \
    }
#define DELETE(name, parameters, words)                                                            \
    PUBLIC void name parameters;                                                                   \
    PUBLIC void name parameters {                                                                  \
        static struct behind behind;                                                               \
        void(*next_delete) parameters;                                                             \
        bool own;                                                                                  \
        void *found            = find(&behind, #name, &own);                                       \
        *(void **)&next_delete = found;                                                            \
        if (!own) {                                                                                \
            found ? next_delete words : free(p);                                                   \
            return;                                                                                \
        }                                                                                          \
        freed(p);                                                                                  \
        ENTER;                                                                                     \
        next_delete words;                                                                         \
    }
// NOLINTEND(bugprone-macro-parentheses)

NEW(_Znwm, (size_t n), (n), n, made, need(malloc(n ? n : 1)))
NEW(_Znam, (size_t n), (n), n, made, need(malloc(n ? n : 1)))
NEW(_ZnwmRKSt9nothrow_t, (size_t n, const void *t), (n, t), n, made, malloc(n ? n : 1))
NEW(_ZnamRKSt9nothrow_t, (size_t n, const void *t), (n, t), n, made, malloc(n ? n : 1))
NEW(_ZnwmSt11align_val_t, (size_t n, size_t a), (n, a), n, made_aligned, need(aligned(a, n)))
NEW(_ZnamSt11align_val_t, (size_t n, size_t a), (n, a), n, made_aligned, need(aligned(a, n)))
NEW(_ZnwmSt11align_val_tRKSt9nothrow_t, (size_t n, size_t a, const void *t), (n, a, t), n,
    made_aligned, aligned(a, n))
NEW(_ZnamSt11align_val_tRKSt9nothrow_t, (size_t n, size_t a, const void *t), (n, a, t), n,
    made_aligned, aligned(a, n))

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
