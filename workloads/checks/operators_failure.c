/* C++'s operator new that fails: null pointers, exceptions, and the new_handler. The checks are of
 * the noun `operators`, too. Clauses are of C++17, ISO/IEC 14882:2017. */
#include "operators.h"

#include <dlfcn.h>
#include <unistd.h>
#include <unwind.h>

typedef void new_handler(void);
extern new_handler *set_new_handler(new_handler *) __asm__("_ZSt15set_new_handlerPFvvE")
    __attribute__((weak));

enum { TOO_ALIGNED = 64 };
static size_t too_large(void) {
    volatile size_t size = SIZE_MAX / 2 + 1; /* out of a compiler's sight */
    return size - 4096 + 4096;
}

CHECK(fails_quietly, .name = "operators.nothrow_fails", .kind = CHECK_REQUIRED,
      .process = PROCESS_CXX, .profiles = PROFILE_CXX17,
      .clause  = "C++17 21.6.2.1p5-7 [new.delete.single]: or else returns a null pointer",
      .summary = "new with nothrow, of more than there is, gives a null pointer") {
    if (!operator_offered(c, operator_new(ONE, false, QUIET)))
        return;
    for (int kind = ONE; kind < KINDS; kind++)
        for (int is_aligned = 0; is_aligned < 2; is_aligned++) {
            const struct operator* f = operator_new(kind, is_aligned, QUIET);
            if (!operator_serves(c, f))
                continue;
            void *block = operator_make(kind, QUIET, is_aligned ? TOO_ALIGNED : 0, too_large());
            MUST(c, !block, "a null pointer", "operator %s of %zu bytes gave %p", f->name,
                 too_large(), block);
        }
}

/* --- exceptions --- */

/* A call that has to throw, in a forked child. */
struct thrower {
    struct check_run *c;
    const struct operator* f;
    int kind;
    size_t alignment;
    void (*caught)(struct check_run *, const struct operator*);
};
static const struct thrower *throwing;

/* The personality of a function here, such as a C++ function with a handler for all exceptions has
 * (Itanium C++ ABI, Level I). The unwinder asks it whether an exception is caught there. It is not
 * asked if nothing is thrown, or if a function in between, with noexcept, lets none through. The
 * child ends there and then, for what is beyond is the unwinder's work. Type and contents of the
 * exception are not looked at. */
#define UNUSED __attribute__((unused))
static _Unwind_Reason_Code caught(int, _Unwind_Action, _Unwind_Exception_Class,
                                  struct _Unwind_Exception *,
                                  struct _Unwind_Context *) __asm__("spanbench_caught");
__attribute__((used, noreturn)) static _Unwind_Reason_Code
caught(UNUSED int version, UNUSED _Unwind_Action actions, UNUSED _Unwind_Exception_Class language,
       UNUSED struct _Unwind_Exception *exception, UNUSED struct _Unwind_Context *context) {
    if (throwing->caught)
        throwing->caught(throwing->c, throwing->f);
    _exit(0);
}

__attribute__((noinline)) static void *make_and_catch(const struct thrower *t) {
    enum { RELATIVE = 0x1b }; /* DW_EH_PE_pcrel | DW_EH_PE_sdata4 */
    __asm__ volatile(".cfi_personality %c0, spanbench_caught" ::"i"(RELATIVE));
    void *block = operator_make(t->kind, THROWING, t->alignment, too_large());
    __asm__ volatile("" ::: "memory"); /* no tail call: the frame is needed */
    return block;
}

/* Exceptions need the C++ runtime, which a process in C may not have, and an allocator may look for
 * only when it throws. */
static bool has_exceptions(struct check_run *c) {
    if (dlsym(RTLD_DEFAULT, "__cxa_throw") || dlopen("libstdc++.so.6", RTLD_NOW | RTLD_GLOBAL))
        return true;
    check_unsupported(c, "there is no C++ runtime to throw: %s", dlerror());
    return false;
}

static void throw_one(struct check_run *c, void *arg) {
    throwing = arg;
    if (!has_exceptions(c))
        return;
    void *block = make_and_catch(throwing);
    check_that(c, false, "an exception", "operator %s of %zu bytes returned %p", throwing->f->name,
               too_large(), block);
}

CHECK(fails, .name = "operators.new_fails", .kind = CHECK_REQUIRED, .process = PROCESS_CXX,
      .profiles = PROFILE_CXX17,
      .clause   = "C++17 6.7.4.1p3: reports failure only by throwing an exception",
      .summary  = "new of more than there is throws, and its caller can catch that") {
    if (!operator_offered(c, operator_new(ONE, false, THROWING)))
        return;
    for (int kind = ONE; kind < KINDS; kind++)
        for (int is_aligned = 0; is_aligned < 2; is_aligned++) {
            struct thrower t = {c, operator_new(kind, is_aligned, THROWING), kind,
                                is_aligned ? TOO_ALIGNED : 0, NULL};
            if (operator_serves(c, t.f) &&
                (!check_child(c, throw_one, &t, 20, "an exception") || c->verdict != CHECK_PASS))
                return;
        }
}

enum { TIMES = 3 };
static unsigned handled;

static void handler(void) {
    if (++handled == TIMES)
        set_new_handler(NULL);
}

static bool was_handled(struct check_run *c, const struct operator* f, const void *block) {
    return check_that(c, !block && handled == TIMES,
                      "calls of the handler until there is none, then null or an exception",
                      "operator %s of %zu bytes called it %u times of %d and gave %p", f->name,
                      too_large(), handled, TIMES, block);
}

static void caught_after_handlers(struct check_run *c, const struct operator* f) {
    was_handled(c, f, NULL);
}

static void throw_after_handlers(struct check_run *c, void *arg) {
    throwing = arg;
    if (!has_exceptions(c))
        return;
    set_new_handler(handler);
    was_handled(c, throwing->f, make_and_catch(throwing));
}

CHECK(handlers, .name = "operators.new_handler", .kind = CHECK_REQUIRED, .process = PROCESS_CXX,
      .profiles = PROFILE_CXX17,
      .clause   = "C++17 21.6.2.1p4, p7 [new.delete.single]; 21.6.3.3 [new.handler]",
      .summary = "new that finds no memory calls the new_handler, again and again, in every form") {
    if (!operator_offered(c, operator_new(ONE, false, QUIET)))
        return;
    if (!set_new_handler)
        return check_unsupported(c, "nothing in this process defines std::set_new_handler");
    for (int kind = ONE; kind < KINDS; kind++)
        for (int is_aligned = 0; is_aligned < 2; is_aligned++) {
            const size_t alignment   = is_aligned ? TOO_ALIGNED : 0;
            const struct operator* f = operator_new(kind, is_aligned, QUIET);
            if (operator_serves(c, f)) {
                handled = 0;
                set_new_handler(handler);
                if (!was_handled(c, f, operator_make(kind, QUIET, alignment, too_large())))
                    return;
            }
            struct thrower t = {c, operator_new(kind, is_aligned, THROWING), kind, alignment,
                                caught_after_handlers};
            handled          = 0;
            if (operator_serves(c, t.f) &&
                (!check_child(c, throw_after_handlers, &t, 20, "an exception") ||
                 c->verdict != CHECK_PASS))
                return;
        }
}

/* --- a handler that throws --- */

static void (*throw_bad_alloc)(void);

static void throwing_handler(void) {
    handled++;
    throw_bad_alloc();
}

/* An exception that comes out of the call finds nobody who catches it: the child is aborted. */
static void throw_in_handler(struct check_run *c, void *arg) {
    const struct thrower *t = arg;
    check_doing(c, "operator %s whose new_handler throws", t->f->name);
    set_new_handler(throwing_handler);
    void *block = operator_make(t->kind, QUIET, t->alignment, too_large());
    check_that(c, !block, "a null pointer, also where the new_handler throws",
               "operator %s of %zu bytes gave %p, after %u calls of a handler that throws",
               t->f->name, too_large(), block, handled);
}

CHECK(quiet_handler, .name = "operators.nothrow_handler_throws", .kind = CHECK_REQUIRED,
      .process = PROCESS_CXX, .profiles = PROFILE_CXX17,
      .clause  = "C++17 21.6.2.1p7 [new.delete.single]: or else returns a null pointer",
      .summary = "new with nothrow whose new_handler throws bad_alloc gives a null pointer") {
    if (!operator_offered(c, operator_new(ONE, false, QUIET)) || !has_exceptions(c))
        return;
    *(void **)&throw_bad_alloc = dlsym(RTLD_DEFAULT, "_ZSt17__throw_bad_allocv");
    if (!set_new_handler || !throw_bad_alloc)
        return check_unsupported(c, "the C++ library here is not libstdc++");
    for (int kind = ONE; kind < KINDS; kind++)
        for (int is_aligned = 0; is_aligned < 2; is_aligned++) {
            struct thrower t = {c, operator_new(kind, is_aligned, QUIET), kind,
                                is_aligned ? TOO_ALIGNED : 0, NULL};
            if (operator_serves(c, t.f) &&
                (!check_child(c, throw_in_handler, &t, 20, "a null pointer") ||
                 c->verdict != CHECK_PASS))
                return;
        }
}
