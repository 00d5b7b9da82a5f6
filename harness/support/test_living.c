#include "living.h"
#include "tap.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { LOOKS = 60000, REST_US = 1000 };

static int to_parent;

/* Once the first thread has ended, tells its own number, and stays. */
static void *tell_and_stay(void *first) {
    const pid_t self = (pid_t)syscall(SYS_gettid);
    pthread_join(*(pthread_t *)first, NULL);
    if (write(to_parent, &self, sizeof self) != sizeof self)
        _exit(1);
    for (;;)
        pause();
    return NULL;
}

static void *stay(void *arg) {
    for (;;)
        pause();
    return arg;
}

static void end_first(void) {
    static pthread_t first, other;
    first = pthread_self();
    if (pthread_create(&other, NULL, tell_and_stay, &first) != 0)
        _exit(1);
    pthread_exit(NULL);
}

static void test_first_has_ended(void) {
    int ends[2];
    pid_t other       = 0;
    const pid_t child = pipe(ends) == 0 ? fork() : -1;
    if (child == 0) {
        to_parent = ends[1];
        end_first();
    }
    close(ends[1]);
    OK(child > 0 && read(ends[0], &other, sizeof other) == (ssize_t)sizeof other,
       "a child whose first thread has ended");
    /* It can be joined a little before it has left its memory. */
    for (int i = 0; i < LOOKS && living_has_memory(child); i++)
        usleep(REST_US);
    OK(!living_has_memory(child) && living_has_memory(other), "another thread lives");
    IS(living_thread(child), other, "and has the memory");
    if (child > 0) {
        siginfo_t end;
        kill(child, SIGKILL);
        waitid(P_PID, (id_t)child, &end, WEXITED | WNOWAIT);
        IS(living_thread(child), 0, "once it has ended, too, none has it");
        waitpid(child, NULL, 0);
        IS(living_thread(child), 0, "nor once it was waited for");
    }
    close(ends[0]);
}

int main(void) {
    pthread_t other;
    IS(living_thread(getpid()), getpid(), "a process with one thread");
    OK(pthread_create(&other, NULL, stay, NULL) == 0, "a second thread begins");
    IS(living_thread(getpid()), getpid(), "the first one is asked for first");
    test_first_has_ended();
    return tap_done();
}
