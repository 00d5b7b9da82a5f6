#include "memory.h"
#include "tap.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { TOUCHED = 64 << 20 };

static int to_parent;

static void *touch_and_stay(void *arg) {
    char *block = mmap(NULL, TOUCHED, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (block == MAP_FAILED)
        _exit(1);
    memset(block, 1, TOUCHED);
    if (arg) /* the first thread's end is awaited */
        pthread_join(*(pthread_t *)arg, NULL);
    if (write(to_parent, "x", 1) != 1)
        _exit(1);
    for (;;)
        pause();
    return NULL;
}

static void stay(bool first_ends) {
    static pthread_t first, second;
    first = pthread_self();
    if (!first_ends)
        touch_and_stay(NULL);
    if (pthread_create(&second, NULL, touch_and_stay, &first) != 0)
        _exit(1);
    pthread_exit(NULL);
}

static void test_of(bool first_ends, const char *what) {
    int ends[2];
    char byte;
    const pid_t child = pipe(ends) == 0 ? fork() : -1;
    if (child < 0) { /* else it would be all processes that are killed below */
        OK(false, "%s: can be started", what);
        return;
    }
    if (child == 0) {
        to_parent = ends[1];
        close(ends[0]);
        stay(first_ends);
    }
    close(ends[1]);
    OK(read(ends[0], &byte, 1) == 1, "%s: it has touched its memory", what);
    struct memory_counters m = {0};
    struct memory_walk w     = {0};
    OK(memory_count(child, &m), "%s: the kernel's counters are there", what);
    OK(m.rss > TOUCHED * 0.9 && m.rss < TOUCHED * 1.2, "%s: and right", what);
    OK(m.high_water >= m.rss && m.vsz > m.rss, "%s: of the high-water mark, too", what);
    OK(memory_walk(child, &w), "%s: its pages can be walked over", what);
    OK(w.pss > TOUCHED * 0.9 && w.pss < TOUCHED * 1.2, "%s: and are right", what);
    kill(child, SIGKILL);
    siginfo_t info;
    waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT);
    OK(!memory_count(child, &m) && !memory_walk(child, &w), "%s: nothing once it has ended", what);
    waitpid(child, NULL, 0);
    close(ends[0]);
}

static int tell_and_stay(void *unused) {
    (void)unused;
    const pid_t self = getpid();
    if (write(to_parent, &self, sizeof self) != sizeof self)
        _exit(1);
    for (;;)
        pause();
    return 0;
}

/* Once the first thread has ended, starts a child, as vfork or fork does, and stays. */
static void *have_a_child(void *words) {
    static char stack[1 << 16] __attribute__((aligned(16)));
    const bool shared = ((void **)words)[1] != NULL;
    pthread_join(*(pthread_t *)((void **)words)[0], NULL);
    if (clone(tell_and_stay, stack + sizeof stack,
              shared ? CLONE_VM | CLONE_VFORK | SIGCHLD : SIGCHLD, NULL) < 0)
        _exit(1);
    for (;;)
        pause();
    return NULL;
}

/* Of a process whose first thread has ended, its child of another thread, too. */
static void test_shared(bool shared) {
    const char *what = shared ? "a child of vfork" : "a child of fork";
    int ends[2];
    pid_t grandchild  = 0;
    const pid_t child = pipe(ends) == 0 ? fork() : -1;
    if (child < 0) {
        OK(false, "%s: can be started", what);
        return;
    }
    if (child == 0) {
        static pthread_t first, second;
        static void *words[2];
        first     = pthread_self();
        words[0]  = &first;
        words[1]  = shared ? &first : NULL;
        to_parent = ends[1];
        if (pthread_create(&second, NULL, have_a_child, words) != 0)
            _exit(1);
        pthread_exit(NULL);
    }
    close(ends[1]);
    OK(read(ends[0], &grandchild, sizeof grandchild) == sizeof grandchild, "%s: is there", what);
    IS(memory_is_shared(grandchild, child), shared, "%s: shares its memory, or not", what);
    IS(memory_is_shared(child, getpid()), false, "%s: its parent shares none with us", what);
    if (grandchild > 0)
        kill(grandchild, SIGKILL);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    close(ends[0]);
}

/* None of two such shares its memory with the other. */
static void test_two(void) {
    pid_t child[2] = {0};
    int ends[2];
    if (pipe(ends) != 0)
        return;
    for (int i = 0; i < 2; i++) {
        child[i] = fork();
        if (child[i] == 0) {
            to_parent = ends[1];
            stay(true);
        }
    }
    char byte[2];
    for (int i = 0; i < 2; i++)
        OK(read(ends[0], &byte[i], 1) == 1, "two whose first thread has ended: %d is there", i);
    OK(!memory_is_shared(child[0], child[1]), "two whose first thread has ended share nothing");
    for (int i = 0; i < 2; i++)
        if (child[i] > 0) {
            kill(child[i], SIGKILL);
            waitpid(child[i], NULL, 0);
        }
    close(ends[0]);
    close(ends[1]);
}

int main(void) {
    test_shared(true);
    test_shared(false);
    test_two();
    test_of(false, "a process");
    test_of(true, "one whose first thread has ended");
    return tap_done();
}
