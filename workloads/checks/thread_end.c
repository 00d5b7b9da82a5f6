/* What runs while a thread ends, and may still allocate: destructors of thread-specific data, round
 * after round, and those of C++'s thread_local objects. lifecycle.c has the simple case. */
#include "check.h"

#include <pthread.h>

enum { BLOCK = 300, ROUNDS = 4, OBJECTS = 3 };
_Static_assert(ROUNDS <= 4, "_POSIX_THREAD_DESTRUCTOR_ITERATIONS: as many are promised");

static struct check_run *run;
static unsigned rounds, destroyed; /* of the thread that ended last; ordered by pthread_join */

/* Allocates and frees small and large blocks. */
static bool use(const char *where) {
    for (size_t size = 1; size < 200000; size = size * 5 + 1) {
        void *block = run->a->malloc(size);
        if (!check_that(run, block != NULL, "a block", "malloc(%zu) gave NULL %s", size, where))
            return false;
        contents_fill(block, size, size);
        run->a->free(block);
    }
    return true;
}

/* A block of the thread's, which its end must leave alone. */
static void *keep(const char *where) {
    void *block = run->a->malloc(BLOCK);
    if (check_that(run, block != NULL, "a block", "malloc(%d) gave NULL %s", BLOCK, where))
        contents_fill(block, BLOCK, 5);
    return block;
}

static void give_up(void *block, const char *where) {
    check_that(run, !block || contents_intact(block, BLOCK, 5) == BLOCK,
               "a live block belongs to its owner alone", "a block changed %s", where);
    run->a->free(block);
}

/* --- thread-specific data --- */

static pthread_key_t key;

/* Sets its value again, so that it is called again after all other destructors have run. */
static void destroy(void *block) {
    static const char where[] = "in a late round of destructors";
    give_up(block, where);
    if (use(where) && ++rounds < ROUNDS)
        pthread_setspecific(key, keep(where));
}

static void *set_key(void *arg) {
    (void)arg;
    rounds = 0;
    pthread_setspecific(key, keep("in a thread"));
    return NULL;
}

static bool run_thread(void *(*body)(void *)) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, body, NULL) != 0) {
        check_unsupported(run, "no thread can be created");
        return false;
    }
    pthread_join(thread, NULL);
    return run->verdict == CHECK_PASS;
}

CHECK(in_rounds, .name = "thread_end.rounds", .kind = CHECK_REQUIRED, .profiles = PROFILES_POSIX,
      .clause  = "POSIX.1-2024 pthread_key_create, DESCRIPTION: the process is repeated",
      .summary = "destructors of thread-specific data may allocate and free in each of 4 rounds") {
    run = c;
    if (pthread_key_create(&key, destroy) != 0)
        return check_unsupported(c, "no key can be created");
    for (size_t i = 0; i < 300; i++) {
        if (!run_thread(set_key))
            return;
        if (rounds != ROUNDS)
            return check_unsupported(c, "the C library ran %u rounds of destructors", rounds);
    }
}

/* --- thread_local objects --- */

/* How a compiler registers the destructor of a thread_local object: Itanium C++ ABI, of the C
 * library. The last registered runs first. */
extern int cxa_thread_atexit(void (*destructor)(void *), void *object,
                             void *dso) __asm__("__cxa_thread_atexit_impl") __attribute__((weak));
extern char dso_handle[] __asm__("__dso_handle") __attribute__((visibility("hidden")));

static void destroy_object(void *block) {
    static const char where[] = "in the destructor of a thread_local object";
    give_up(block, where);
    destroyed += use(where);
}

static void *make_objects(void *arg) {
    (void)arg;
    destroyed = 0;
    for (size_t i = 0; i < OBJECTS; i++) /* the first allocates first: the others run before it */
        cxa_thread_atexit(destroy_object, keep("in a thread"), dso_handle);
    return NULL;
}

CHECK(of_objects, .name = "thread_end.objects", .kind = CHECK_REQUIRED, .profiles = PROFILE_CXX17,
      .clause = "C++17 6.6.4p2 [basic.start.term], 6.7.2 [basic.stc.thread]; Itanium C++ ABI 3.3.6",
      .summary = "destructors of thread_local objects may allocate and free") {
    run = c;
    if (!cxa_thread_atexit)
        return check_unsupported(c, "the C library has no __cxa_thread_atexit_impl");
    for (size_t i = 0; i < 300; i++) {
        if (!run_thread(make_objects))
            return;
        if (destroyed != OBJECTS)
            return check_unsupported(c, "the C library ran %u of %d destructors", destroyed,
                                     OBJECTS);
    }
}
