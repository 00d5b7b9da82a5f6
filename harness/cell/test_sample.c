/* What a sample measures, on a workload and an allocator that do as each test says and note every
 * call: who called what, when, and what the sample then reports. Times are bounded from below only,
 * or by each other. */
#include "sample.h"
#include "tap.h"
#include "test_pages.h"

#include <limits.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MIB = 1 << 20, NEAR = 4 * MIB, BOOKS = 64 << 10 };
static const uint64_t ms = 1000000;

enum phase { WARM_UP, RUN, VERIFY, INSPECT, DRAIN, PURGE, STATS, PHASES };

static uint64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 * ms + (uint64_t)t.tv_nsec;
}

static void rest_ms(unsigned milliseconds) {
    nanosleep(&(struct timespec){.tv_nsec = milliseconds * 1000000L}, NULL);
}

/* --- the script of a test: what each call does, beside being noted --- */

static struct script {
    void (*act[PHASES])(unsigned thread);
    void (*on_worker)(struct worker *, enum phase);
} script;

/* --- the notes --- */

enum { MOST_CALLS = 4096 };
static struct call {
    enum phase phase;
    unsigned thread; /* by number; PURGE and STATS are told who it is by the kernel's number */
    pid_t tid;
    bool flag; /* verify or verified */
    uint64_t begin, end;
} calls[MOST_CALLS];
static atomic_uint calls_made;
static pid_t tids[SAMPLE_MAX_THREADS];

static struct call *begin(enum phase phase, unsigned thread, bool flag) {
    struct call *c = &calls[atomic_fetch_add(&calls_made, 1)];
    *c             = (struct call){phase, thread, gettid(), flag, now(), 0};
    return c;
}

static void act(struct call *c) {
    if (script.act[c->phase])
        script.act[c->phase](c->thread);
    c->end = now();
}

static void call_for(struct worker *w, enum phase phase, bool flag) {
    struct call *c  = begin(phase, w->thread, flag);
    tids[w->thread] = c->tid;
    if (script.on_worker)
        script.on_worker(w, phase);
    act(c);
}

static void warm_up(struct worker *w, bool verify) {
    call_for(w, WARM_UP, verify);
}

static void run(struct worker *w) {
    call_for(w, RUN, false);
}

static void verify(struct worker *w) {
    call_for(w, VERIFY, false);
}

static void inspect(struct worker *w, bool verified) {
    call_for(w, INSPECT, verified);
}

static void drain(struct worker *w) {
    call_for(w, DRAIN, false);
}

static unsigned number_of_this_thread(void) {
    unsigned t = 0;
    while (t < SAMPLE_MAX_THREADS - 1 && tids[t] != gettid())
        t++;
    return t;
}

static size_t purge_pad;

static int purge(size_t pad) {
    purge_pad |= pad;
    act(begin(PURGE, number_of_this_thread(), false));
    return 1;
}

static struct mallinfo2 stats(void) {
    act(begin(STATS, number_of_this_thread(), false));
    return (struct mallinfo2){.arena = 4, .uordblks = 3, .hblkhd = 2};
}

static const struct allocator with_all = {
    .abi = ALLOCATOR_ABI, .malloc = malloc, .free = free, .purge = purge, .stats = stats};
static const struct allocator with_none = {.abi = ALLOCATOR_ABI, .malloc = malloc, .free = free};

static struct workload load = {.abi          = WORKLOAD_ABI,
                               .name         = "scripted",
                               .memory_bytes = BOOKS,
                               .warm_up      = warm_up,
                               .run          = run,
                               .verify       = verify,
                               .inspect      = inspect,
                               .drain        = drain};

static cpu_set_t at_first; /* the CPUs that the process was given, before any sample */
static struct sample_result r;
static uint64_t sample_began, sample_ended;

/* Runs a sample by that script; the notes are of it alone. */
static void sample(struct script is, struct sample_request q) {
    script       = is;
    calls_made   = 0;
    purge_pad    = 0;
    q.workload   = &load;
    q.allocator  = q.allocator ? q.allocator : &with_all;
    q.ops        = q.ops ? q.ops : 1000;
    sample_began = now();
    sample_run(&q, &r);
    sample_ended = now();
}

static unsigned count(enum phase phase, int thread) {
    unsigned n = 0;
    for (unsigned i = 0; i < calls_made; i++)
        n += calls[i].phase == phase && (thread < 0 || calls[i].thread == (unsigned)thread);
    return n;
}

static uint64_t first_begin(enum phase phase) {
    uint64_t t = UINT64_MAX;
    for (unsigned i = 0; i < calls_made; i++)
        if (calls[i].phase == phase && calls[i].begin < t)
            t = calls[i].begin;
    return t;
}

static uint64_t last_end(enum phase phase) {
    uint64_t t = 0;
    for (unsigned i = 0; i < calls_made; i++)
        if (calls[i].phase == phase && calls[i].end > t)
            t = calls[i].end;
    return t;
}

/* --- order --- */

static void slow_second(unsigned thread) {
    if (thread == 1)
        rest_ms(15);
}

/* The second thread is slow in every call: nobody else may begin the next before it is through. */
static void test_order(bool verifying) {
    enum { THREADS = 3 };
    const char *pass       = verifying ? "verifying" : "timed";
    const enum phase work  = verifying ? VERIFY : RUN;
    const enum phase all[] = {WARM_UP, work, INSPECT, DRAIN, PURGE};
    struct script is       = {0};
    for (int p = 0; p < PHASES; p++)
        is.act[p] = slow_second;
    sample(is, (struct sample_request){.threads = THREADS, .verify = verifying});
    for (size_t i = 0; i < 4; i++) {
        for (int t = 0; t < THREADS; t++)
            IS(count(all[i], t), 1, "%s: thread %d makes call %zu once", pass, t, i);
        OK(last_end(all[i]) <= first_begin(all[i + 1]), "%s: all wait after call %zu", pass, i);
    }
    IS(count(verifying ? RUN : VERIFY, -1), 0, "%s: and not the other kind of work", pass);
    size_t flags = 0;
    for (unsigned i = 0; i < calls_made; i++)
        flags +=
            (calls[i].phase == WARM_UP || calls[i].phase == INSPECT) && calls[i].flag == verifying;
    IS(flags, 2 * THREADS, "%s: warm_up and inspect are told so", pass);

    IS(count(PURGE, -1), THREADS + 1, "%s: every thread purges, and one once more", pass);
    for (int t = 0; t < THREADS; t++)
        OK(count(PURGE, t) >= 1, "%s: thread %d does", pass, t);
    uint64_t last = 0, others = 0;
    for (unsigned i = 0; i < calls_made; i++)
        if (calls[i].phase == PURGE && calls[i].thread == 0 && calls[i].begin > last)
            last = calls[i].begin;
    for (unsigned i = 0; i < calls_made; i++)
        if (calls[i].phase == PURGE && calls[i].thread != 0 && calls[i].end > others)
            others = calls[i].end;
    OK(others <= last, "%s: once more when all others are through", pass);
    IS(purge_pad, 0, "%s: nothing may be kept", pass);

    IS(count(STATS, -1), 1, "%s: stats are asked for once", pass);
    OK(last_end(work) <= first_begin(STATS) && last_end(STATS) <= first_begin(INSPECT),
       "%s: while all hold their live set", pass);
    OK(r.stats.arena == 4 && r.stats.uordblks == 3 && r.stats.hblkhd == 2, "%s: and kept", pass);
    OK(*r.failed_check == '\0', "%s: nothing failed", pass);
    OK(tids[0] == gettid() && tids[1] != tids[0] && tids[2] != tids[0] && tids[1] != tids[2],
       "%s: the caller is the first thread, the others are threads of their own", pass);
}

static void test_slots_that_are_not_there(void) {
    sample((struct script){0}, (struct sample_request){.threads = 2, .allocator = &with_none});
    OK(count(PURGE, -1) == 0 && count(STATS, -1) == 0 && count(DRAIN, -1) == 2,
       "an allocator without purge and stats is not asked");
    OK(r.memory[SAMPLE_PURGED].rss == 0 && r.memory[SAMPLE_DRAINED].rss > 0,
       "and has no memory after a purge");
}

/* --- workers --- */

static struct worker got[SAMPLE_MAX_THREADS];
static atomic_uint bad_books;

static void note_worker(struct worker *w, enum phase phase) {
    if (phase != WARM_UP)
        return;
    got[w->thread] = *w;
    for (size_t i = 0; i < BOOKS; i++)
        bad_books += ((unsigned char *)w->memory)[i] != 0;
    bad_books += (uintptr_t)w->memory % (uintptr_t)sysconf(_SC_PAGESIZE) != 0;
    memset(w->memory, (int)w->thread + 1, BOOKS);
}

static void test_split(uint64_t ops, unsigned threads) {
    bad_books = 0;
    sample((struct script){.on_worker = note_worker},
           (struct sample_request){.threads = threads, .ops = ops, .seed = 77});
    uint64_t next = 0, unequal = 0, wrong = 0;
    for (unsigned t = 0; t < threads; t++) {
        wrong += got[t].first_op != next || got[t].thread != t || got[t].seed != 77;
        wrong += got[t].allocator != &with_all || got[t].digest || *got[t].failed_check;
        unequal += got[t].ops < ops / threads || got[t].ops > ops / threads + 1;
        next += got[t].ops;
        for (unsigned other = 0; other < t; other++)
            wrong += got[t].memory == got[other].memory;
    }
    IS(next, ops, "%u threads: their parts are the whole", threads);
    IS(wrong, 0, "%u threads: in a row, and each knows what it needs", threads);
    IS(unequal, 0, "%u threads: the parts are equal, to within one", threads);
    IS(bad_books, 0, "%u threads: books are zero and aligned to a page", threads);
}

/* Different for each thread and each kind, so that no exchange goes unseen. */
static void account(struct worker *w, enum phase phase) {
    const uint64_t t = w->thread + 1;
    if (phase == WARM_UP)
        w->digest += t * 1000003;
    if (phase == RUN)
        w->digest += t * t * 7;
    if (phase == INSPECT) {
        w->live_blocks = t;
        w->live_bytes  = t << 20;
    }
}

static void test_sums(void) {
    sample((struct script){.on_worker = account}, (struct sample_request){.threads = 4});
    IS(r.live_blocks, 1 + 2 + 3 + 4, "live blocks are those of all threads");
    IS(r.live_bytes, 10 << 20, "live bytes, too");
    IS(r.digest, 10 * 1000003 + 30 * 7, "and the digest, of the warm-up and the timed part");
    sample((struct script){0}, (struct sample_request){.threads = 2});
    OK(r.live_blocks == 0 && r.digest == 0, "nothing of an earlier sample is left");
}

/* --- failures --- */

static enum phase fail_at;
static unsigned fail_from;

static void fail(struct worker *w, enum phase phase) {
    if (phase != fail_at || w->thread < fail_from)
        return;
    w->failed_check = w->thread == 1 ? "first" : "second";
    snprintf(w->failure, sizeof w->failure, "thread %u", w->thread);
}

static void test_failure(enum phase at, const char *where) {
    fail_at   = at;
    fail_from = 1;
    sample((struct script){.on_worker = fail},
           (struct sample_request){.threads = 3, .verify = true});
    OK(strcmp(r.failed_check, "first") == 0 && strcmp(r.failure, "thread 1") == 0,
       "a check that fails in %s has a name and a sentence, of the first thread that failed",
       where);
    IS(count(DRAIN, -1) + count(PURGE, -1), 0, "after %s, nobody frees on the broken heap", where);
    IS(count(RUN, -1), 0, "after %s, nothing is run unchecked", where);
    IS(count(VERIFY, 1), at != WARM_UP, "after %s, the thread goes on only if it was good", where);
    fail_from = 2;
    sample((struct script){.on_worker = fail},
           (struct sample_request){.threads = 3, .verify = true});
    OK(strcmp(r.failed_check, "second") == 0 && count(DRAIN, -1) == 0,
       "in the last thread alone, it counts as much (%s)", where);
}

static void test_environment(void) {
    load.memory_bytes = (size_t)1 << 60;
    sample((struct script){0}, (struct sample_request){.threads = 2});
    load.memory_bytes = BOOKS;
    OK(strcmp(r.failed_check, "environment") == 0, "no memory for the books is a failure");
    CONTAINS(r.failure, "books", "which says so");
    IS(calls_made, 0, "and nothing is run");

    int ends[2], status = -1;
    char text[300] = "";
    if (pipe(ends) != 0)
        exit(99);
    const pid_t child = fork(); /* its threads stay behind, so it ends */
    if (child == 0) {
        setrlimit(RLIMIT_AS, &(struct rlimit){memory_now().vsz + 4 * MIB, RLIM_INFINITY});
        sample((struct script){0}, (struct sample_request){.threads = 8});
        dprintf(ends[1], "%s: %s", r.failed_check, r.failure);
        _exit(0);
    }
    close(ends[1]);
    waitpid(child, &status, 0);
    OK(status == 0 && read(ends[0], text, sizeof text - 1) > 0, "no thread: the sample returns");
    close(ends[0]);
    CONTAINS(text, "environment: thread ", "and says that a thread is missing");
}

/* --- times --- */

static unsigned slow_thread;

static void slow(unsigned thread) {
    if (thread == slow_thread)
        rest_ms(40);
}

static void all_slow(unsigned thread) {
    (void)thread;
    rest_ms(40);
}

static void busy(unsigned thread) {
    (void)thread;
    for (const uint64_t until = now() + 10 * ms; now() < until;)
        continue;
}

static unsigned more_than_cpus(void) {
    const unsigned cpus = (unsigned)CPU_COUNT(&at_first);
    return 4 * cpus < 64 ? 4 * cpus : 64;
}

static void test_wall(void) {
    for (slow_thread = 0; slow_thread < 3; slow_thread++) {
        sample((struct script){.act[RUN] = slow}, (struct sample_request){.threads = 3});
        OK(r.timed.wall_ns >= 40 * ms, "the wall time has the slow thread %u in it", slow_thread);
        sample((struct script){.act[WARM_UP] = slow}, (struct sample_request){.threads = 3});
        OK(r.warm_up.wall_ns >= 40 * ms &&
               r.timed.wall_ns <= first_begin(INSPECT) - last_end(WARM_UP),
           "that of the warm-up, too, and of the warm-up only");
    }
    sample((struct script){.act[INSPECT] = all_slow}, (struct sample_request){.threads = 2});
    OK(r.timed.wall_ns <= first_begin(INSPECT) - last_end(WARM_UP), "inspecting is not timed");

    sample((struct script){.act[RUN] = all_slow}, (struct sample_request){.threads = 2});
    OK(r.timed.start_skew_ns + 40 * ms <= r.timed.wall_ns,
       "the start's skew is the part of the wall time before the last thread's start");
    sample((struct script){.act[RUN] = all_slow}, (struct sample_request){.threads = 1});
    IS(r.timed.start_skew_ns, 0, "one thread has no skew");

    /* More threads than can run: they start one after the other, some when others are through. */
    const unsigned threads = more_than_cpus();
    sample((struct script){.act[RUN] = busy}, (struct sample_request){.threads = threads});
    OK(r.timed.wall_ns >= last_end(RUN) - first_begin(RUN),
       "wall time: from the first start of %u threads to the last end", threads);
    OK(r.timed.start_skew_ns > 0 && r.timed.start_skew_ns < r.timed.wall_ns, "with a skew");
}

/* A worker that rests, and one whose books say that it rested for ever. */
static void take_a_rest(struct worker *w, enum phase phase) {
    if (phase == RUN)
        worker_rest(w, 100);
}

static void claim_a_rest(struct worker *w, enum phase phase) {
    if (phase == RUN)
        w->idle_ns = UINT64_MAX / 2;
}

static void test_rest(void) {
    sample((struct script){.on_worker = take_a_rest}, (struct sample_request){.threads = 2});
    OK(last_end(RUN) - sample_began >= 100 * ms, "a worker that rests sleeps for so long");
    OK(r.timed.wall_ns + 100 * ms <= sample_ended - sample_began && !*r.failed_check,
       "and that is not in the wall time");
    sample((struct script){.on_worker = claim_a_rest}, (struct sample_request){.threads = 2});
    CONTAINS(r.failed_check, "time", "a rest that is longer than the whole is a failed check");
    CONTAINS(r.failure, "rested", "which says so");
    OK(r.timed.wall_ns <= sample_ended - sample_began, "and the wall time is that of the clock");
}

/* --- counters --- */

enum { PAGES = 4000, PAGE = 4096 };

static void touch_pages_all(unsigned thread) {
    (void)thread;
    unsigned char *p = pages(PAGES * PAGE, READ_WRITE);
    for (size_t i = 0; i < PAGES; i++)
        p[i * PAGE] = 1;
    munmap(p, PAGES * PAGE);
}

static void touch_pages(unsigned thread) {
    if (thread == 1)
        touch_pages_all(thread);
}

static uint64_t thread_cpu_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000 * ms + (uint64_t)t.tv_nsec;
}

static void burn(unsigned thread) {
    (void)thread;
    for (const uint64_t until = thread_cpu_ns() + 50 * ms; thread_cpu_ns() < until;)
        continue;
}

static void nap(unsigned thread) {
    (void)thread;
    for (int i = 0; i < 100; i++)
        nanosleep(&(struct timespec){.tv_nsec = 100000}, NULL);
}

static void test_counters(void) {
    const unsigned pages            = (unsigned)(PAGES * PAGE / sysconf(_SC_PAGESIZE));
    const struct sample_request two = {.threads = 2};
    sample((struct script){.act[RUN] = touch_pages}, two);
    OK(r.timed.counters.minor_faults >= pages, "page faults of any thread's timed part count");
    OK(r.warm_up.counters.minor_faults < pages / 2, "and not in the warm-up");
    sample((struct script){.act[WARM_UP] = touch_pages}, two);
    OK(r.timed.counters.minor_faults < pages / 2, "those of the warm-up are not in the timed part");
    OK(r.warm_up.counters.minor_faults >= pages, "but in the warm-up");
    sample((struct script){.act[INSPECT] = touch_pages, .act[DRAIN] = touch_pages}, two);
    OK(r.timed.counters.minor_faults < pages / 2, "nor are those of inspecting and draining");

    /* More threads than can run: some touch theirs before the first thread runs again. */
    const unsigned many = more_than_cpus();
    sample((struct script){.act[RUN] = touch_pages_all}, (struct sample_request){.threads = many});
    OK(r.timed.counters.minor_faults >= (uint64_t)pages * many, "no thread's faults are missed");

    sample((struct script){.act[RUN] = burn}, two);
    OK(r.timed.counters.cpu_ns >= 80 * ms, "CPU time is that of all threads");
    OK(r.warm_up.counters.cpu_ns < r.timed.counters.cpu_ns, "of the timed part");
    sample((struct script){.act[WARM_UP] = burn}, two);
    OK(r.warm_up.counters.cpu_ns > r.timed.counters.cpu_ns, "and that of the warm-up is its own");
    slow_thread = 1;
    sample((struct script){.act[RUN] = slow}, two);
    OK(r.timed.counters.cpu_ns < 5 * ms, "and not that of one that spins until the other comes");
    sample((struct script){.act[RUN] = nap}, two);
    OK(r.timed.counters.voluntary_switches >= 100, "threads that wait switch of their own will");
    OK(r.timed.counters.major_faults < pages, "major faults are not minor ones");
}

/* --- memory --- */

enum { HELD = 64 * MIB, MORE = 16 * MIB, CACHED = 32 * MIB, LAZY = 8 * MIB, SPIKE = 96 * MIB };
static const uint64_t reserved = (uint64_t)1 << 30;

static unsigned char *resident(size_t size) {
    return memset(pages(size, READ_WRITE), 1, size);
}

static unsigned char *held, *more, *cached, *lazy, *seen, *room;
static void build(unsigned thread) {
    if (thread != 1)
        return;
    munmap(resident(SPIKE), SPIKE);
    held   = resident(HELD);
    cached = resident(CACHED);
    lazy   = resident(LAZY);
    room   = pages(reserved, PROT_NONE);
}

static void grow(unsigned thread) {
    if (thread == 1)
        more = resident(MORE);
}

static void look(unsigned thread) {
    if (thread == 1)
        seen = resident(SPIKE);
}

static void tear_down(unsigned thread) {
    if (thread != 1)
        return;
    munmap(held, HELD);
    munmap(more, MORE);
    munmap(seen, SPIKE);
    munmap(room, reserved);
    madvise(lazy, LAZY, MADV_FREE);
}

/* The second time, of one thread that purges once more, is the one that counts. */
static atomic_uint purges;

static void give_back(unsigned thread) {
    (void)thread;
    if (atomic_fetch_add(&purges, 1) != 2)
        return;
    munmap(cached, CACHED);
    munmap(lazy, LAZY);
}

static bool near(uint64_t a, uint64_t b) {
    return a < b + NEAR && b < a + NEAR;
}

static void test_memory(void) {
    const struct script is = {.act = {[WARM_UP] = build,
                                      [RUN]     = grow,
                                      [INSPECT] = look,
                                      [DRAIN]   = tear_down,
                                      [PURGE]   = give_back}};
    const uint64_t before  = memory_now().rss;
    load.memory_bytes      = 16 * MIB;
    purges                 = 0;
    sample(is, (struct sample_request){.threads = 2});
    load.memory_bytes       = BOOKS;
    const struct memory *at = r.memory, *start = &at[SAMPLE_START], *live = &at[SAMPLE_LIVE],
                        *drained = &at[SAMPLE_DRAINED], *purged = &at[SAMPLE_PURGED];
    const uint64_t full = HELD + MORE + CACHED + LAZY;
    OK(near(start->rss, before + 2 * 16 * MIB), "start: the books of all threads are resident");
    OK(near(live->rss, start->rss + full), "live: all that the threads hold, after the timed part");
    OK(live->vsz >= start->vsz + full + reserved && near(live->vsz, start->vsz + full + reserved),
       "live: also what is only reserved, in vsz");
    OK(near(live->rss_peak, live->rss) || live->rss_peak > live->rss, "live: the peak is above");
    OK(live->vsz_peak >= live->vsz, "live: that of vsz, too");
    OK(live->rss_peak < start->rss + full + SPIKE / 2, "live: the peak is of that instant");
    IS(live->lazyfree, 0, "live: nothing is freed lazily");
    OK(near(drained->rss, start->rss + CACHED + LAZY), "all freed: what the threads freed is gone");
    OK(near(drained->vsz, start->vsz + CACHED + LAZY), "all freed: from vsz, too");
    OK(near(drained->lazyfree, LAZY), "all freed: what is freed lazily is still there, and said");
    OK(near(purged->rss, start->rss), "purged: what the allocator gave back is gone, all of it");
    OK(near(purged->vsz, start->vsz), "purged: from vsz, too");
}

/* --- noted instants --- */

enum { NOTED_MS = 60 };
static struct worker *noting[SAMPLE_MAX_THREADS];

static void keep_worker(struct worker *w, enum phase phase) {
    noting[w->thread] = w;
    if (phase == INSPECT) {
        w->usable_bytes    = w->thread + 3;
        w->untouched_bytes = w->thread + 5;
    }
}

static void note_two(unsigned thread) {
    struct worker *w = noting[thread];
    if (thread == 1)
        held = resident(HELD);
    worker_instant(w, (struct workload_instant){.name = "full", .held_bytes = thread + 1});
    if (thread == 1)
        munmap(held, HELD);
    worker_instant(
        w, (struct workload_instant){
               .name = "empty", .held_bytes = 10 * thread, .rest_ms = NOTED_MS, .purge = true});
}

static void note_often(unsigned thread) {
    for (unsigned i = 0; i < SAMPLE_MAX_NOTED + 5; i++)
        worker_instant(noting[thread], (struct workload_instant){.name = "again", .held_bytes = i});
}

static void test_noted(void) {
    const struct script is = {.on_worker   = keep_worker,
                              .act[RUN]    = note_two,
                              .act[VERIFY] = note_two,
                              .act[PURGE]  = touch_pages_all};
    sample(is, (struct sample_request){.threads = 2});
    const struct sample_noted *full = &r.noted[0], *empty = &r.noted[1];
    IS(r.noted_count, 2, "the workload notes two instants, and nothing else is noted");
    OK(strcmp(full->name, "full") == 0 && strcmp(empty->name, "empty") == 0, "by their names");
    OK(full->held_bytes == 1 + 2 && empty->held_bytes == 10, "with what all threads hold");
    OK(near(full->memory.rss, empty->memory.rss + HELD), "and the memory of that moment");
    IS(count(PURGE, -1), 2 * 3, "they purge as at the end: each, and one once more");
    OK(last_end(RUN) - first_begin(RUN) >= NOTED_MS * ms, "they rest");
    OK(r.timed.wall_ns + NOTED_MS * ms <= last_end(RUN) - first_begin(RUN) + r.timed.start_skew_ns,
       "and neither the rest nor the purge is in the wall time");
    OK(r.timed.counters.minor_faults < HELD / PAGE + PAGES, "nor are the faults of purging");
    OK(r.usable_bytes == 3 + 4 && r.untouched_bytes == 5 + 6, "sums over threads");

    sample(is, (struct sample_request){.threads = 2, .verify = true});
    IS(r.noted_count, 2, "the checked pass notes the same");
    sample((struct script){.on_worker = keep_worker, .act[RUN] = note_often},
           (struct sample_request){.threads = 1});
    IS(r.noted_count, SAMPLE_MAX_NOTED, "more than fit are dropped");
    IS(r.noted[SAMPLE_MAX_NOTED - 1].held_bytes, SAMPLE_MAX_NOTED - 1, "the last ones");
}

/* The driver, which looks from outside, draws marks there. */
static void test_reached(void) {
    static const char *const names[] = {"start",    "timed operations", "full",      "empty",
                                        "all live", "all freed",        "all purged"};
    enum { ALL = sizeof names / sizeof *names };
    const struct script is = {.on_worker = keep_worker, .act[RUN] = note_two};
    sample(is, (struct sample_request){.threads = 2});
    IS(r.reached_count, ALL, "each instant has its time, and so has the first operation");
    bool in_order = true;
    for (unsigned i = 0; i < ALL; i++)
        OK(strcmp(r.reached[i].name, names[i]) == 0, "by its name: %s", r.reached[i].name);
    for (unsigned i = 1; i < ALL; i++)
        in_order &= r.reached[i - 1].at_ns <= r.reached[i].at_ns;
    OK(in_order, "in the order of time");
    OK(sample_began <= r.reached[0].at_ns && r.reached[0].at_ns <= first_begin(WARM_UP),
       "the start comes before the warm-up");
    OK(last_end(WARM_UP) <= r.reached[1].at_ns && r.reached[1].at_ns <= first_begin(RUN),
       "the first operation behind it");
    OK(last_end(RUN) <= r.reached[4].at_ns && r.reached[4].at_ns <= first_begin(INSPECT),
       "all is live behind the last one");
    OK(last_end(DRAIN) <= r.reached[5].at_ns && r.reached[5].at_ns <= r.reached[6].at_ns,
       "all is freed behind the last free");
    OK(last_end(PURGE) <= r.reached[6].at_ns && r.reached[6].at_ns <= sample_ended,
       "and all is purged behind it");
    sample((struct script){.on_worker = keep_worker, .act[RUN] = note_often},
           (struct sample_request){.threads = 1});
    OK(r.reached_count == SAMPLE_MAX_NOTED + 5 &&
           strcmp(r.reached[r.reached_count - 1].name, "all purged") == 0,
       "with all instants that fit, the last one has its time, too");
}

static void test_later(void) {
    static const char *const names[] = {"freed, 20 ms later", "freed, 50 ms later",
                                        "purged, 20 ms later", "purged, 50 ms later"};
    struct sample_request q          = {.threads = 2, .later_ms = {20, 50}};
    sample((struct script){0}, q);
    OK(r.noted_count == 4, "memory is read twice after all is freed, and after the purge");
    for (unsigned i = 0; i < r.noted_count && i < 4; i++)
        OK(strcmp(r.noted[i].name, names[i]) == 0 && r.noted[i].held_bytes == 0 &&
               r.noted[i].memory.rss > 0,
           "%s", names[i]);
    OK(first_begin(PURGE) - last_end(DRAIN) >= 50 * ms, "so long after all is freed");
    OK(sample_ended - last_end(PURGE) >= 50 * ms, "and so long after the purge");
    q.allocator = &with_none;
    sample((struct script){0}, q);
    IS(r.noted_count, 2, "without a purge there is nothing after it");
    q.verify = true;
    sample((struct script){0}, q);
    IS(r.noted_count, 0, "the checked pass does not wait");
}

/* --- rests --- */

static void test_hold(void) {
    enum { HOLD_MS = 100 };
    const uint64_t hold = HOLD_MS * ms;
    sample((struct script){0}, (struct sample_request){.threads = 2, .hold_ms = HOLD_MS});
    OK(first_begin(WARM_UP) - sample_began >= hold, "it rests at the start");
    OK(first_begin(INSPECT) - last_end(RUN) >= hold, "with its live set");
    OK(first_begin(PURGE) - last_end(DRAIN) >= hold, "with everything freed");
    OK(sample_ended - last_end(PURGE) >= hold, "and after the purge");
    OK(r.timed.wall_ns < hold || r.timed.wall_ns < last_end(DRAIN) - first_begin(RUN) - hold,
       "and the rests are not in the wall time");
}

/* --- CPUs --- */

static atomic_uint narrow;

static void check_mask(unsigned thread) {
    cpu_set_t mine;
    (void)thread;
    sched_getaffinity(0, sizeof mine, &mine);
    narrow += !CPU_EQUAL(&mine, &at_first);
}

static void test_cpus(void) {
    sample((struct script){.act[RUN] = check_mask}, (struct sample_request){.threads = 3});
    IS(narrow, 0, "every thread may run on every CPU that the process was given");
}

enum { LOOKS = 20, LOOKS_MOST = 5000 };
static bool first_sleeps;

/* Whether the first thread, which has nothing to do and waits for this one, does so asleep: looks
 * until it is, at most so often. */
static void look_at_first(unsigned looks) {
    char path[64], text[256] = "";
    snprintf(path, sizeof path, "/proc/self/task/%d/stat", (int)tids[0]);
    for (first_sleeps = false; !first_sleeps && looks-- > 0; rest_ms(2)) {
        FILE *f           = fopen(path, "re");
        const size_t size = f ? fread(text, 1, sizeof text - 1, f) : 0;
        text[size]        = '\0';
        const char *state = strrchr(text, ')'); /* the end of the name: proc(5) */
        first_sleeps      = state && strncmp(state, ") S", 3) == 0;
        if (f)
            fclose(f);
    }
}

static void look_for_sleep(unsigned thread) {
    if (thread == 1)
        look_at_first(LOOKS_MOST);
}

static void look_for_long(unsigned thread) {
    if (thread == 1)
        look_at_first(LOOKS);
}

static void test_waiting(void) {
    sample((struct script){.act[RUN] = look_for_sleep},
           (struct sample_request){.threads = 2, .cpus = 1});
    OK(first_sleeps, "more threads than CPUs: one that waits sleeps");
    sample((struct script){.act[RUN] = look_for_long},
           (struct sample_request){.threads = 2, .cpus = 2});
    OK(!first_sleeps, "a CPU for each: one that waits spins");
}

int main(void) {
    alarm(300); /* a rendezvous that nobody leaves must not hang the tests */
    sched_getaffinity(0, sizeof at_first, &at_first);
    test_order(false);
    test_order(true);
    test_slots_that_are_not_there();
    test_split(1000003, 7);
    test_split(2, 5);
    test_split(UINT64_MAX / 2, 3);
    test_split(12, 1);
    test_sums();
    test_failure(WARM_UP, "warm_up");
    test_failure(VERIFY, "verify");
    test_failure(INSPECT, "inspect");
    test_environment();
    test_wall();
    test_rest();
    test_counters();
    test_memory();
    test_noted();
    test_reached();
    test_later();
    test_hold();
    test_cpus();
    test_waiting();
    return tap_done();
}
