#include "descendants.h"
#include "spawn.h"
#include "tap.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { LIMIT = 100, LOOKS = 2000, REST_US = 1000 };

/* Tells of itself, and waits for its end. */
_Noreturn static void stay(int pipe) {
    const pid_t self = getpid();
    if (write(pipe, &self, sizeof self) != (ssize_t)sizeof self)
        _exit(1);
    for (;;)
        pause();
}

static void *start_one(void *pipe) {
    if (fork() == 0)
        stay(*(int *)pipe);
    pause();
    return NULL;
}

static void *start_one_and_end(void *pipe) {
    if (fork() == 0)
        stay(*(int *)pipe);
    return NULL;
}

static void start_in_a_thread(void *start(void *), void *pipe) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, start, pipe) != 0)
        _exit(1);
}

/* What the child does with its own child. */
static void of_first_thread(void *pipe) {
    start_one(pipe);
}

static void of_second_thread(void *pipe) {
    start_in_a_thread(start_one, pipe);
    pause();
}

/* Its list goes to another thread. */
static void of_ended_thread(void *pipe) {
    start_in_a_thread(start_one_and_end, pipe);
    pause();
}

static void first_has_ended(void *pipe) {
    start_in_a_thread(start_one, pipe);
    pthread_exit(NULL);
}

/* Which loses its parent. */
static void orphan(void *pipe) {
    if (fork() == 0) {
        if (fork() == 0)
            stay(*(int *)pipe);
        _exit(0);
    }
    wait(NULL);
    pause();
}

static bool is_there(const struct descendant *found, size_t count, pid_t process, pid_t parent) {
    for (size_t i = 0; i < count; i++)
        if (found[i].process == process)
            return found[i].parent == parent && (i > 0 || parent == getpid());
    return false;
}

static void test_family(void start(void *), bool of_this, const char *what) {
    int ends[2];
    pid_t grandchild  = 0;
    const pid_t child = pipe(ends) == 0 ? fork() : -1;
    if (child == 0) {
        close(ends[0]);
        start(&ends[1]);
        _exit(1);
    }
    close(ends[1]);
    OK(read(ends[0], &grandchild, sizeof grandchild) == (ssize_t)sizeof grandchild,
       "%s: is started", what);
    struct descendant found[LIMIT];
    size_t count       = 0;
    const pid_t parent = of_this ? getpid() : child;
    for (int look = 0; look < LOOKS; look++) { /* an end may be on its way */
        usleep(REST_US);
        count = descendants_list(found, LIMIT);
        if (count == 2 && is_there(found, count, child, getpid()) &&
            is_there(found, count, grandchild, parent))
            break;
    }
    IS(count, 2, "%s: two are found", what);
    OK(is_there(found, count, child, getpid()), "%s: the child", what);
    OK(is_there(found, count, grandchild, parent), "%s: its child", what);
    IS(descendants_end(NULL), 2, "%s: both are ended", what);
    IS(descendants_list(found, LIMIT), 0, "%s: none is left", what);
    close(ends[0]);
}

int main(void) {
    spawn_prepare();
    test_family(of_first_thread, false, "a child's only thread starts one");
    test_family(of_second_thread, false, "a child's second thread starts one");
    test_family(of_ended_thread, false, "a thread that ends starts one");
    test_family(first_has_ended, false, "the first thread has ended");
    test_family(orphan, true, "an orphan");
    return tap_done();
}
