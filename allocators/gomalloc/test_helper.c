/* The thread that gives memory back while the program does nothing. When it begins and ends is
 * played by this thread in a copy of helper.c. Then it is tried what it means for real processes.
 */
#include "helper.h"
#include "mheap.h"
#include "options.h"
#include "os.h"
#include "scavenge.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

/* Names of its own, so that the parts that the test is linked with stay what they are. */
#define helper_tick       played_tick
#define helper_after_fork played_after_fork
#define helper_never_from played_never_from
#define helper_create     played_creates

static int played_create(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
static enum scavenge_outcome played_help(uint64_t *rest_ns);
static int played_nanosleep(const struct timespec *, struct timespec *);
static pid_t played_getpid(void);
static void played_look(void);
#define pthread_create     played_create
#define scavenge_help      played_help
#define scavenge_tick      played_look
#define scavenge_note_peak played_peak
#define nanosleep          played_nanosleep
#define getpid             played_getpid
#define prctl(...)         ((void)0)
void played_tick(const void *caller);
void played_after_fork(void);
extern struct helper_code played_never_from[2];
static void played_peak(void) {
}
#include "helper.c" // NOLINT(bugprone-suspicious-include): a copy
#undef helper_tick
#undef helper_after_fork
#undef helper_create
#undef pthread_create
#undef scavenge_help
#undef scavenge_tick
#undef scavenge_note_peak
#undef nanosleep
#undef getpid
#undef prctl

#include "gomalloc.h"
#include "tap.h"
#include "test_statm.h"

#include <dirent.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/wait.h>

/* --- played --- */

// NOLINTBEGIN(readability-non-const-parameter): the forms are those of the C library
/* What the copy did, and what it is told. */
static struct played {
    unsigned created, refused, looks, helps;
    bool refuses, saw_signals;
    size_t stack;
    pid_t other;
    enum scavenge_outcome outcomes[8]; /* of the looks of the thread */
    void (*at_end)(void);              /* in a look that finds all done */
} played;

static int played_create(pthread_t *thread, const pthread_attr_t *attributes,
                         void *(*begin_there)(void *), void *unused) {
    sigset_t blocked;
    (void)thread;
    (void)begin_there;
    (void)unused;
    pthread_sigmask(SIG_SETMASK, NULL, &blocked);
    played.saw_signals |= !sigismember(&blocked, SIGUSR1) || !sigismember(&blocked, SIGTERM);
    pthread_attr_getstacksize(attributes, &played.stack);
    played.refused += played.refuses;
    played.created += !played.refuses;
    errno = EBUSY;
    return played.refuses ? EAGAIN : 0;
}

// NOLINTEND(readability-non-const-parameter)

static enum scavenge_outcome played_help(uint64_t *rest_ns) {
    const enum scavenge_outcome outcome = played.outcomes[played.helps++];
    *rest_ns                            = 0;
    if (outcome == SCAVENGE_DONE && played.at_end)
        played.at_end();
    return outcome;
}

static int played_nanosleep(const struct timespec *rest, struct timespec *left) {
    (void)left;
    return rest->tv_nsec < 0;
}

static pid_t played_getpid(void) {
    return 1000 + played.other;
}

static void played_look(void) {
    played.looks++;
}

static void set_dirty(size_t pages) {
    atomic_store(&mheap.dirty_pages, pages);
}

/* Nobody helps; `pages` more than may stay are free and resident. */
static void play(size_t pages) {
    played_after_fork();
    played = (struct played){0};
    atomic_store(&left_over, 0);
    set_dirty(pages + scavenge_spare());
}

static unsigned created_by(const void *caller) {
    const unsigned before = played.created;
    played_tick(caller);
    return played.created - before;
}

static void test_begins(void) {
    static const int code;
    options[OPTION_SCAVENGE] = SCAVENGE_HELPER;
    play(HELPER_LEAST - 1);
    IS(created_by(HELPER_SAFE), 0, "little is free: no thread begins");
    IS(played.looks, 1, "and this one looks itself");
    play(HELPER_LEAST);
    errno = 0;
    IS(created_by(&code), 1, "much is free: one begins");
    OK(!played.saw_signals && played.stack < 1 << 20 && errno == 0,
       "without signals, with a small stack, and errno stays");
    sigset_t blocked;
    pthread_sigmask(SIG_SETMASK, NULL, &blocked);
    OK(!sigismember(&blocked, SIGUSR1), "this thread gets its signals as before");
    IS(created_by(&code), 0, "a second does not");
    IS(played.looks, 0, "and nobody else looks meanwhile");
    played_after_fork();
    IS(created_by(&code), 1, "a forked child has none, and begins its own");
}

/* The more is in use, the more is worth a thread. */
static void test_much(void) {
    static const int code;
    const size_t used = atomic_load(&mheap.inuse_pages);
    for (size_t pages = HELPER_LEAST + 1; pages <= 8 * HELPER_MOST; pages *= 8) {
        const size_t enough = pages < HELPER_MOST ? pages : HELPER_MOST;
        atomic_store(&mheap.inuse_pages, pages);
        play(enough - 1);
        IS(created_by(&code), 0, "%zu pages in use: less than %zu begin none", pages, enough);
        play(enough);
        IS(created_by(&code), 1, "but as many do");
    }
    atomic_store(&mheap.inuse_pages, used);
}

static void test_begins_not(void) {
    static const int code[2];
    play(HELPER_LEAST);
    options[OPTION_SCAVENGE] = SCAVENGE_BY_AND_BY;
    IS(created_by(&code), 0, "none begins if it is told so");
    options[OPTION_SCAVENGE] = SCAVENGE_NEVER;
    IS(created_by(&code), 0, "nor if nothing goes back at all");
    options[OPTION_SCAVENGE] = SCAVENGE_HELPER;
    IS(created_by(NULL), 0, "nor if nobody knows who called");
    played_never_from[1] = (struct helper_code){(uintptr_t)&code[0], (uintptr_t)&code[1]};
    IS(created_by(&code[0]), 0, "nor in a call from the C library");
    played.other = 1;
    IS(created_by(&code[1]), 0, "nor in another process with this memory");
    played.other = 0;
    IS(created_by(&code[1]), 1, "but just behind it, in this one");
    played_never_from[1] = (struct helper_code){0};
}

static void test_refused(void) {
    play(HELPER_LEAST);
    played.refuses = true;
    IS(created_by(HELPER_SAFE), 0, "the system gives no thread");
    IS(played.refused, 2, "nor one with a stack of the usual size");
    played.refuses = false;
    OK(atomic_load(&not_before) > os_now_ns() - RETRY_NS, "it is noted when");
    atomic_store(&not_before, UINT64_MAX);
    IS(created_by(HELPER_SAFE), 0, "then it is not asked again for a while");
    OK(played.looks == 2, "and the program's threads do the work");
    atomic_store(&not_before, 0);
    IS(created_by(HELPER_SAFE), 1, "later it is");
}

static void wish_for_more(void) {
    played.at_end = NULL;
    played_tick(HELPER_SAFE);
}

static void want_no_more(void) {
    if (played.helps == 4)
        options[OPTION_SCAVENGE] = SCAVENGE_HELPER;
}

static void test_ends(void) {
    atomic_store(&mheap.threads, 1);
    play(HELPER_LEAST);
    played_tick(HELPER_SAFE);
    played.outcomes[0] = SCAVENGE_MORE;
    played.outcomes[1] = SCAVENGE_LATER;
    run(NULL);
    IS(played.helps, 3, "it works, waits, and ends when all is done");
    play(HELPER_LEAST);
    played_tick(HELPER_SAFE);
    played.at_end = wish_for_more;
    run(NULL);
    IS(played.helps, 2, "it does not end if much was freed during its last look");
    IS(played.created, 1, "which begins no second one");
    IS(created_by(HELPER_SAFE), 0, "what it could not give back begins none again");
    set_dirty(2 * HELPER_LEAST + scavenge_spare());
    IS(created_by(HELPER_SAFE), 1, "but as much once more does");
    play(HELPER_LEAST);
    played_tick(HELPER_SAFE);
    played.outcomes[0] = SCAVENGE_MORE;
    atomic_store(&mheap.threads, 0);
    run(NULL);
    IS(played.helps, 1, "it ends when all other threads have ended");
    atomic_store(&mheap.threads, 1);
    play(HELPER_LEAST);
    options[OPTION_SCAVENGE] = SCAVENGE_THREAD;
    played.at_end            = want_no_more;
    played_tick(HELPER_SAFE);
    run(NULL);
    IS(played.helps, 4, "it does not end for that if it is wanted for ever");
    atomic_store(&mheap.threads, 0);
    play(HELPER_LEAST);
    options[OPTION_SCAVENGE] = SCAVENGE_THREAD;
    played.at_end            = want_no_more;
    played_tick(HELPER_SAFE);
    run(NULL);
    IS(played.helps, 1, "but when all other threads have ended");
    atomic_store(&mheap.threads, 1);
}

/* --- real --- */

#if defined(__SANITIZE_THREAD__)
enum { SANITIZED = true };
#define NOT_REAL "ThreadSanitizer lets no child of a process with threads go on"
#elif defined(__SANITIZE_ADDRESS__)
enum { SANITIZED = false };
#define NOT_REAL "AddressSanitizer's own memory is in the way"
#else
enum { SANITIZED = false };
#define NOT_REAL NULL
#endif

enum { PATIENCE_S = 300, BLOCK = 1 << 20, BLOCKS = 64, LITTLE = 12, NOBODY = 65534 };

static void wait_a_little(void) {
    usleep(10000);
}

/* Frees so many MiB; `small`: in blocks of 1 KiB, which lie in 1,024 places that go by turns. */
static void free_mib(unsigned blocks, bool small) {
    enum { SMALL = 1 << 10, PARTS = BLOCK / SMALL };
    static char *block[BLOCKS * PARTS];
    const unsigned size = small ? SMALL : BLOCK, n = small ? blocks * PARTS : blocks;
    for (unsigned i = 0; i < n; i++)
        memset(block[i] = gom_malloc(size), 1, size);
    for (unsigned i = 0; i < n; i++)
        gom_free(block[small ? i % PARTS * blocks + i / PARTS : i]);
}

static void free_much(bool small) {
    free_mib(BLOCKS, small);
}

/* Threads of this process; `other` gets one that is not the first. */
static unsigned threads(char other[32]) {
    unsigned n = 0;
    DIR *d     = opendir("/proc/self/task");
    for (struct dirent *e; d && (e = readdir(d));) {
        n += e->d_name[0] != '.';
        if (other && e->d_name[0] != '.' && atoi(e->d_name) != getpid())
            snprintf(other, 32, "%.20s", e->d_name);
    }
    if (d)
        closedir(d);
    return n;
}

/* Does /proc/self/task/`thread`/status have this line? */
static bool has(const char *thread, const char *line) {
    char path[96], text[4096] = "";
    snprintf(path, sizeof path, "/proc/self/task/%s/status", thread);
    FILE *f = fopen(path, "r");
    if (f) {
        text[fread(text, 1, sizeof text - 1, f)] = '\0';
        fclose(f);
    }
    return strstr(text, line);
}

static bool ends(void) {
    const unsigned own = SANITIZED ? 2 : 1; /* ThreadSanitizer has one, too */
    while (threads(NULL) > own)
        wait_a_little();
    return true;
}

/* Frees much, so that the thread begins, and stays however long this process waits for a CPU. */
static bool begins_after(unsigned blocks, bool small) {
    options[OPTION_SCAVENGE] = SCAVENGE_THREAD;
    free_mib(blocks, small);
    return threads(NULL) == 2;
}

static bool begins(bool small) {
    return begins_after(BLOCKS, small);
}

static void let_it_end(void) {
    options[OPTION_SCAVENGE] = SCAVENGE_HELPER;
}

static bool ends_soon(void) {
    let_it_end();
    gom_trim(0);
    return ends();
}

/* The cases: each is a process, and they run side by side. */

static bool idle(unsigned blocks, bool small) {
    const size_t before = statm(STATM_RESIDENT);
    char other[32];
    if (!begins_after(blocks, small) || threads(other) != 2 || has(other, "SigBlk:\t0"))
        return false;
    while (!has(other, "Name:\tgomalloc\n")) /* it gives itself the name */
        wait_a_little();
    let_it_end();
    ends();
    const size_t after = statm(STATM_RESIDENT);
    printf("# %u MiB freed, asleep: +%.1f MiB\n", blocks,
           ((double)after - (double)before) / (1 << 20));
    return after < before + blocks * BLOCK / 10 + (4 << 20);
}

static bool idle_after_large(void) {
    return idle(BLOCKS, false);
}

static bool idle_after_small(void) {
    return idle(BLOCKS, true);
}

static bool idle_after_little(void) {
    return idle(LITTLE, true);
}

static bool told_so(void) {
    options[OPTION_SCAVENGE] = SCAVENGE_BY_AND_BY;
    free_much(false);
    return threads(NULL) == 1;
}

static bool forks(void) {
    int status;
    const pid_t child = begins(false) ? fork() : -1;
    if (child == 0)
        _exit(!(threads(NULL) == 1 && begins(false) && ends_soon()));
    return child > 0 && waitpid(child, &status, 0) == child && status == 0 && ends_soon();
}

/* vfork's child is another process with the same memory; but fork's it is not. */
static bool vforks(void) {
    static volatile unsigned there;
    int status;
    // NOLINTBEGIN(clang-analyzer-security.insecureAPI.vfork,clang-analyzer-unix.Vfork): is the case
    const pid_t child = vfork();
    if (child == 0) {
        free_much(false);
        there = threads(NULL);
        _exit(0);
    }
    // NOLINTEND(clang-analyzer-security.insecureAPI.vfork,clang-analyzer-unix.Vfork)
    if (child < 0 || waitpid(child, &status, 0) != child || there != 1 || threads(NULL) != 1)
        return false;
    return begins(false);
}

/* The C library changes all threads' user, and has told this one of it, blocked signals or not. */
static bool sets_user(void) {
    char other[32];
    return begins(false) && threads(other) == 2 && setuid(NOBODY) == 0 &&
           has(other, "Uid:\t65534\t65534\t65534\t65534\n");
}

static bool gets_no_thread(void) {
    const struct rlimit none = {1, 1};
    if (setuid(NOBODY) != 0 || setrlimit(RLIMIT_NPROC, &none) != 0)
        return false;
    free_much(false);
    return threads(NULL) == 1;
}

static bool unshares(void) {
    if (!begins(false) || unshare(CLONE_NEWUSER) == 0 || errno != EINVAL)
        return false;
    ends_soon();
    return unshare(CLONE_NEWUSER) == 0 || errno != EINVAL; /* which the system may not allow */
}

/* The process ends by its last thread. */
static bool exits_thread(void) {
    if (!begins(false))
        return false;
    let_it_end();
    pthread_exit(NULL);
}

static const struct real {
    bool (*is_good)(void);
    const char *what;
    bool as_root;
} reals[] = {
    {idle_after_large, "large blocks freed, then asleep: at most 10 % and 4 MiB stay", false},
    {idle_after_small, "the same of small blocks", false},
    {idle_after_little, "the same of 12 MiB in small blocks", false},
    {told_so, "GOMALLOC_SCAVENGE=1 begins no thread", false},
    {forks, "a forked child has no such thread, and begins its own", false},
    {vforks, "vfork's child begins none, but its parent does", false},
    {sets_user, "setuid changes the thread's user", true},
    {gets_no_thread, "all goes on if the system gives no thread", true},
    {unshares, "unshare(CLONE_NEWUSER) is refused while it is there, and not afterwards", false},
    {exits_thread, "pthread_exit of the main thread ends the process", false},
};

static void test_real(void) {
    enum { REALS = sizeof reals / sizeof *reals };
    pid_t child[REALS];
    int status;
    if (NOT_REAL) {
        tap_skip("real processes", NOT_REAL);
        return;
    }
    options[OPTION_SCAVENGE] = SCAVENGE_HELPER;
    fflush(stdout);
    for (unsigned i = 0; i < REALS; i++) {
        child[i] = reals[i].as_root && geteuid() != 0 ? 0 : fork();
        if (child[i] == 0 && !(reals[i].as_root && geteuid() != 0)) {
            alarm(PATIENCE_S);
            exit(!reals[i].is_good());
        }
    }
    for (unsigned i = 0; i < REALS; i++) {
        if (child[i] == 0)
            tap_skip(reals[i].what, "for root only");
        else
            OK(waitpid(child[i], &status, 0) == child[i] && status == 0, "%s", reals[i].what);
    }
}

/* --- in a crowd --- */

static void *free_and_trim(void *unused) {
    enum { ROUNDS = 4 };
    for (unsigned i = 0; i < ROUNDS; i++) {
        char *p = gom_malloc((size_t)BLOCKS * BLOCK - BLOCK); /* of the heap, just */
        memset(p, 1, (size_t)BLOCKS * BLOCK - BLOCK);
        gom_free(p);
        if (i % 2)
            gom_trim(0);
        wait_a_little();
    }
    return unused;
}

static void test_crowd(void) {
    pthread_t thread;
    options[OPTION_SCAVENGE] = SCAVENGE_HELPER;
    if (pthread_create(&thread, NULL, free_and_trim, NULL) != 0)
        exit(9);
    free_and_trim(NULL);
    pthread_join(thread, NULL);
    gom_trim(0);
    OK(ends(), "it begins and ends while two threads free and trim");
}

int main(void) {
    test_begins();
    test_much();
    test_begins_not();
    test_refused();
    test_ends();
    set_dirty(0);
    atomic_store(&mheap.threads, 0);
    test_real();
    test_crowd();
    return tap_done();
}
