/* Costs of threads that rest, of forks, and of where a program begins. The checks are of the noun
 * `costs`, too. */
#include "again.h"
#include "check.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { KIB = 1 << 10, SMALL_STACK = 128 << 10 };

/* Fills so many bytes in blocks of some hundred bytes to some KiB, and frees them all. */
static void fill_and_free(const struct check_run *c, size_t bytes) {
    enum { MOST = 2048 };
    void *block[MOST]; /* on the stack: what is static for each thread makes all their stacks larger
                        */
    size_t count = 0;
    for (size_t all = 0; all < bytes && count < MOST; count++) {
        const size_t size = 300 + contents_mix(count) % 1400;
        block[count]      = c->a->malloc(size);
        if (block[count])
            memset(block[count], 1, size);
        all += size;
    }
    while (count > 0)
        c->a->free(block[--count]);
}

/* --- threads that fill, free, and rest --- */

enum { MOST_THREADS = 100 };
static struct crew {
    struct check_run *c;
    size_t bytes; /* that each fills */
    sem_t done, go_home;
    pthread_t thread[MOST_THREADS];
    size_t threads;
} crew;

static void *work_and_rest(void *arg) {
    (void)arg;
    fill_and_free(crew.c, crew.bytes);
    sem_post(&crew.done);
    while (sem_wait(&crew.go_home) != 0)
        continue;
    return NULL;
}

static bool crew_rests(struct check_run *c, size_t threads, size_t bytes) {
    pthread_attr_t small;
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, SMALL_STACK);
    crew.c = c, crew.bytes = bytes, crew.threads = 0;
    sem_init(&crew.done, 0, 0);
    sem_init(&crew.go_home, 0, 0);
    while (crew.threads < threads) {
        if (pthread_create(&crew.thread[crew.threads], &small, work_and_rest, NULL) != 0) {
            check_unsupported(c, "no thread can be created");
            return false;
        }
        crew.threads++;
        while (sem_wait(&crew.done) != 0)
            continue;
    }
    return true;
}

static void crew_goes(void) {
    for (size_t i = 0; i < crew.threads; i++)
        sem_post(&crew.go_home);
    for (size_t i = 0; i < crew.threads; i++)
        pthread_join(crew.thread[i], NULL);
}

CHECK(
    idle_threads, .name = "costs.idle_threads", .kind = CHECK_QUALITY, .profiles = PROFILE_GLIBC,
    .needs   = NEEDS_PURGE,
    .clause  = "malloc_trim(3) says of no thread's cache whether it is given back",
    .summary = "100 threads that freed 1 MiB each and rest keep less than half after malloc_trim") {
    enum { USED = 1 << 20 };
    const size_t before = check_rss();
    if (!crew_rests(c, MOST_THREADS, USED))
        return crew_goes();
    c->a->purge(0);
    const size_t after = check_rss(), kept = after > before ? (after - before) / MOST_THREADS : 0;
    crew_goes();
    MUST(c, kept < USED / 2, "most is given back",
         "each of %d threads keeps %zu KiB of %d after malloc_trim, and its stack", MOST_THREADS,
         kept / KIB, USED / KIB);
    char choice[24];
    snprintf(choice, sizeof choice, "%zu KiB", kept / KIB);
    check_choice(c, choice);
}

/* --- generations of forks --- */

enum { GENERATIONS = 10, SETTLED = 2, BEREFT = 4, LEFT_BEHIND = 256 << 10 };

/* Each generation has threads that rest; in its child they do not exist, and what they had cached
 * is lost unless the allocator takes it back. `resident` is shared by all. */
// NOLINTNEXTLINE(misc-no-recursion): a generation forks the next one
static void live_on(struct check_run *c, size_t *resident, unsigned generation) {
    int status = 0;
    fill_and_free(c, LEFT_BEHIND);
    if (!crew_rests(c, BEREFT, LEFT_BEHIND))
        return;
    resident[generation] = check_rss();
    if (generation == GENERATIONS)
        return;
    check_progress(c);
    const pid_t parent = getpid(), child = fork();
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() == parent)
            live_on(c, resident, generation + 1);
        _exit(0);
    }
    while (child > 0 && waitpid(child, &status, 0) < 0)
        continue;
    if (child < 0 || status != 0)
        check_unsupported(c, "generation %u of forks did not end well", generation);
}

static void live(struct check_run *c, void *resident) {
    live_on(c, resident, 0);
}

CHECK(generations, .name = "costs.fork_generations", .kind = CHECK_QUALITY,
      .profiles = PROFILE_GLIBC,
      .clause   = "promised by nobody: threads of the parent do not exist in the child, fork(2)",
      .summary  = "a child of a child of … loses less than a quarter of what lost threads used") {
    size_t *resident = mmap(NULL, (GENERATIONS + 1) * sizeof *resident, PROT_READ | PROT_WRITE,
                            MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (resident == MAP_FAILED)
        return check_unsupported(c, "no memory can be shared with a child");
    check_child(c, live, resident, 20, "forks that come back");
    if (c->verdict != CHECK_PASS)
        return;
    const size_t first = resident[SETTLED], last = resident[GENERATIONS];
    const size_t lost = last > first ? (last - first) / (GENERATIONS - SETTLED) : 0;
    MUST(c, lost < (size_t)BEREFT * LEFT_BEHIND / 4, "caches of lost threads are used again",
         "%zu KiB are lost in each generation, whose %d threads freed %d KiB each", lost / KIB,
         BEREFT, LEFT_BEHIND / KIB);
    char choice[24];
    snprintf(choice, sizeof choice, "%zu KiB", lost / KIB / 4 * 4);
    check_choice(c, choice);
}

/* --- where a heap begins --- */

enum { STARTS = 4 };
static const char shared_by[] = "SPANBENCH_ADDRESSES";
static struct addresses {
    size_t starts;                                              /* so far */
    const void *small[STARTS], *large[STARTS], *system[STARTS]; /* blocks, and a mapping */
} * addresses;

static _Noreturn void tell_addresses(const struct check_run *c) {
    const size_t now       = addresses->starts++;
    addresses->small[now]  = c->a->malloc(100);
    addresses->large[now]  = c->a->malloc(3 << 20);
    addresses->system[now] = mmap(NULL, KIB, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    _exit(0);
}

static bool vary(const void *const *address) {
    bool differ = false;
    for (size_t i = 1; i < STARTS; i++)
        differ |= address[i] != address[0];
    return differ;
}

static void start_and_wait(struct check_run *c, void *memory) {
    int status;
    (void)c;
    for (size_t i = 0; i < STARTS; i++) {
        const pid_t started = fork();
        if (started == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            again_start(shared_by, *(const int *)memory);
        }
        while (started > 0 && waitpid(started, &status, 0) < 0)
            continue;
    }
}

CHECK(address, .name = "costs.random_addresses", .kind = CHECK_QUALITY, .profiles = PROFILE_GLIBC,
      .clause  = "promised by nobody: randomize_va_space of proc(5) makes the system's random",
      .summary = "a program's blocks lie elsewhere in each run") {
    if ((addresses = again_shared(shared_by, sizeof *addresses)))
        tell_addresses(c);
    void *map  = NULL;
    int memory = again_share(sizeof *addresses, &map);
    if (memory < 0)
        return check_unsupported(c, "no memory can be shared with a program that is started");
    addresses = map;
    if (!check_child(c, start_and_wait, &memory, 20, "programs that end"))
        return;
    if (addresses->starts != STARTS || !vary(addresses->system))
        return check_unsupported(c, "the system's own addresses are the same in each run");
    MUST(c, vary(addresses->small) && vary(addresses->large), "addresses that nobody can foresee",
         "in each of %d runs, the first blocks were at %p and %p", STARTS, addresses->small[0],
         addresses->large[0]);
    check_choice(c, "random");
}
