/* Keeps its books of a thread in a thread_local object, which ends before those that were there
 * first.
 * caught-by: check
 *   thread_end.objects at use "malloc(%zu) gave NULL" */
#include "family.h"

extern int at_thread_exit(void (*destructor)(void *), void *object,
                          void *dso) __asm__("__cxa_thread_atexit_impl");
extern char dso_handle[] __asm__("__dso_handle") __attribute__((visibility("hidden")));

static _Thread_local enum { ABSENT, THERE, GONE } books;

static void end(void *object) {
    (void)object;
    books = GONE;
}

/* The second call of a thread makes them: something of the program's may be registered then. */
static void *mortal_malloc(size_t size) {
    static _Thread_local unsigned calls;
    if (++calls == 2) {
        books = THERE;
        at_thread_exit(end, NULL, dso_handle);
    }
    return books == GONE ? NULL : malloc(size);
}

FAULTY_FAMILY(.malloc = mortal_malloc);
