#include "memory.h"
#include "tap.h"

#include <pthread.h>
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

int main(void) {
    test_of(false, "a process");
    test_of(true, "one whose first thread has ended");
    return tap_done();
}
