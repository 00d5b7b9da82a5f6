/* All forms of C++'s operator new and delete over two functions that a planted bug defines:
 * op_new(alignment, size), alignment 0 where none is asked for, and op_delete(block). All forms
 * return what op_new returns, those with nothrow too. Also std::set_new_handler, which sets
 * new_handler. */
#ifndef SPANBENCH_FAULTY_OPERATORS_H
#define SPANBENCH_FAULTY_OPERATORS_H

#include "family.h"

void *op_new(size_t alignment, size_t size);
void op_delete(void *block);

#if __SIZEOF_SIZE_T__ == __SIZEOF_INT__
#define Z "j"
#else
#define Z "m"
#endif
#define SYMBOL(name, symbol, result, ...)                                                          \
    result name(__VA_ARGS__) __asm__(symbol);                                                      \
    result name(__VA_ARGS__)
#define NEW(name, symbol, alignment, ...)                                                          \
    SYMBOL(name, symbol, void *, size_t size, ##__VA_ARGS__) {                                     \
        return op_new(alignment, size);                                                            \
    }
#define DELETE(name, symbol, ...)                                                                  \
    SYMBOL(name, symbol, void, void *block, ##__VA_ARGS__) {                                       \
        op_delete(block);                                                                          \
    }

#pragma GCC diagnostic ignored "-Wunused-parameter"
/* "w" and "a" are those of new, "l" and "a" of delete. */
#define KIND(name, n, d)                                                                           \
    NEW(new_##name, "_Zn" n Z, 0)                                                                  \
    NEW(new_##name##_q, "_Zn" n Z "RKSt9nothrow_t", 0, const void *nothrow)                        \
    NEW(new_##name##_a, "_Zn" n Z "St11align_val_t", alignment, size_t alignment)                  \
    NEW(new_##name##_aq, "_Zn" n Z "St11align_val_tRKSt9nothrow_t", alignment, size_t alignment,   \
        const void *nothrow)                                                                       \
    DELETE(delete_##name, "_Zd" d "Pv")                                                            \
    DELETE(delete_##name##_s, "_Zd" d "Pv" Z, size_t size)                                         \
    DELETE(delete_##name##_q, "_Zd" d "PvRKSt9nothrow_t", const void *nothrow)                     \
    DELETE(delete_##name##_a, "_Zd" d "PvSt11align_val_t", size_t alignment)                       \
    DELETE(delete_##name##_sa, "_Zd" d "Pv" Z "St11align_val_t", size_t size, size_t alignment)    \
    DELETE(delete_##name##_aq, "_Zd" d "PvSt11align_val_tRKSt9nothrow_t", size_t alignment,        \
           const void *nothrow)
/* NOLINTBEGIN(misc-unused-parameters): the bugs look at none of them */
KIND(one, "w", "l")
KIND(array, "a", "a")
/* NOLINTEND(misc-unused-parameters) */

typedef void handler_function(void);
static handler_function *new_handler;

SYMBOL(set_handler, "_ZSt15set_new_handlerPFvvE", handler_function *, handler_function *handler) {
    handler_function *previous = new_handler;
    new_handler                = handler;
    return previous;
}

#endif
