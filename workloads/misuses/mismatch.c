/* C's functions and C++'s operators on each other's blocks. The operators are looked up by their
 * names of the Itanium C++ ABI. Those that do not belong to the allocator are not looked at: those
 * of the C++ library call malloc and free, and nobody could tell. */
#include "misuse.h"

#include <dlfcn.h>
#include <string.h>

/* A function of the object that malloc belongs to; else the run ends. */
static void *operator_of(struct misuse_run *m, const char *symbol) {
    Dl_info its = {0}, malloc_of = {0};
    void *function   = dlsym(RTLD_DEFAULT, symbol);
    const void *slot = NULL;
    memcpy(&slot, &m->a->malloc, sizeof slot);
    if (!function || !dladdr(function, &its) || !dladdr(slot, &malloc_of) ||
        its.dli_fbase != malloc_of.dli_fbase)
        misuse_unsupported(m, "the allocator has no operator %s of its own", symbol);
    return function;
}

/* An operator delete. */
static void (*delete_of(struct misuse_run *m, const char *symbol))(void *) {
    void (*function)(void *);
    void *found = operator_of(m, symbol);
    memcpy(&function, &found, sizeof function);
    return function;
}

/* Blocks of an operator new, the last of them, and the operator delete that suits all. */
static void *made_by(struct misuse_run *m, const char *symbol, const char *suits) {
    void *(*make)(size_t);
    void (*drop)(void *) = delete_of(m, suits);
    void *function = operator_of(m, symbol), *block = NULL;
    memcpy(&make, &function, sizeof make);
    for (size_t i = 0; i < m->blocks / 2; i++) {
        block = make(m->size);
        misuse_take_to(m, block, m->size, "operator new", drop);
    }
    return block;
}

MISUSE(new_free, .name = "mismatch.new_free", .weakness = "CWE-762",
       .summary = "free of a block of operator new") {
    void *block = made_by(m, "_Znwm", "_ZdlPv");
    misuse_forget(m, block);
    if (misuse_now(m, MISUSE_CALL, "free of a block of operator new"))
        m->a->free(block);
    else
        delete_of(m, "_ZdlPv")(block);
    misuse_audit(m);
}

MISUSE(malloc_delete, .name = "mismatch.malloc_delete", .weakness = "CWE-762",
       .summary = "operator delete of a block of malloc") {
    void *block          = misuse_block(m);
    void (*drop)(void *) = delete_of(m, "_ZdlPv");
    misuse_forget(m, block);
    if (misuse_now(m, MISUSE_CALL, "operator delete of a block of malloc"))
        drop(block);
    else
        m->a->free(block);
    misuse_audit(m);
}

MISUSE(new_array_delete, .name = "mismatch.new_array_delete", .weakness = "CWE-762",
       .summary = "operator delete of a block of operator new[]") {
    void *block          = made_by(m, "_Znam", "_ZdaPv");
    void (*drop)(void *) = delete_of(m, "_ZdlPv");
    misuse_forget(m, block);
    if (misuse_now(m, MISUSE_CALL, "operator delete of a block of operator new[]"))
        drop(block);
    else
        delete_of(m, "_ZdaPv")(block);
    misuse_audit(m);
}

MISUSE(delete_size, .name = "mismatch.delete_size", .weakness = "CWE-762",
       .summary = "sized operator delete with four times the size") {
    void (*function)(void *, size_t);
    void *block = made_by(m, "_Znwm", "_ZdlPv"), *found = operator_of(m, "_ZdlPvm");
    memcpy(&function, &found, sizeof function);
    m->other_size = 4 * m->size;
    misuse_forget(m, block);
    const bool now = misuse_now(m, MISUSE_CALL, "sized operator delete with another size");
    function(block, now ? m->other_size : m->size);
    misuse_audit(m);
}
