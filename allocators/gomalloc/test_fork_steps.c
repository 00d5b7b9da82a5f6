/* Forks between any two instructions. A thread runs the slow paths step by step (the trap flag of
 * x86-64), and at a step
 *   - another thread forks: to the child, the first one stopped there for good; or
 *   - it forks itself, in the handler of the trap: in the child it goes on.
 * The child then looks at every block that it knows, allocates, frees, and counts what is lost.
 *
 *     test_fork_steps [EVERY [PART [SEED [NAME]]]]
 *
 * runs one of PART operations that way, and forks at every EVERY-th of its steps; the seed says at
 * which. With a name, only operations that bear it. Default: one or two operations and at most two
 * hundred forks each way. A campaign: 20 1, for many seeds; 1 1 forks at each step. */
#include "gomalloc.h"
#include "tap.h"

#if !defined(__x86_64__) || defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
int main(void) {
    tap_skip("forks between any two instructions",
             "needs x86-64, and code that is not a sanitiser's");
    return tap_done();
}
#else
#include "arena.h"
#include "hardened.h"
#include "huge.h"
#include "mcache.h"
#include "mheap.h"
#include "options.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

enum {
    TRAP_FLAG  = 1 << 8,
    PATIENCE_S = 30,
    LOST_SMALL = 256, /* KiB that may be lost: a list and a span, a little more */
    LOST_PAGES = 2 * 64,
    GROWTH     = 16 << 20,
};

static unsigned long every = 100, part = 48, most_steps = 20000, step, next_fork, operations;
static bool by_itself;            /* which of the two ways */
static volatile bool in_child;    /* of a fork by the thread itself */
static const char *volatile name; /* of what is being done */
static const char *only = "";     /* of what is traced */
static atomic_ulong forks, bad;

/* --- blocks that the child must find as they are --- */

enum { KNOWN = 1000, OWN = 6000 };

struct known {
    size_t bytes;
    unsigned char *volatile block;
};
static struct known others[KNOWN]; /* of the forking thread */
static struct known own[OWN];      /* of the thread that is traced; named while they are full */
static unsigned owned;
static size_t in_hand; /* KiB of the large block that is being made or freed */

static void fill(void *block, size_t size) {
    memset(block, (int)((uintptr_t)block >> 3 ^ (uintptr_t)block >> 12), size);
}

static bool is_full(const unsigned char *p, size_t size) {
    const unsigned char want = (uint8_t)((uintptr_t)p >> 3 ^ (uintptr_t)p >> 12);
    return p[0] == want && memcmp(p, p + 1, size - 1) == 0;
}

static unsigned changed(const struct known *all, unsigned n) {
    unsigned sum = 0;
    for (unsigned i = 0; i < n; i++)
        sum += all[i].block && !is_full(all[i].block, all[i].bytes);
    return sum;
}

static void free_known(struct known *all, unsigned from, unsigned n, unsigned stride) {
    for (unsigned i = from; i < n; i += stride) {
        gom_free(all[i].block);
        all[i].block = NULL;
    }
}

static const size_t sizes[] = {8, 16, 100, 1000, 4000, 8192, 20000, 32768};
enum { SIZES = sizeof sizes / sizeof *sizes };

static _Noreturn void reject(const char *why, long n) {
    dprintf(STDOUT_FILENO, "# step %lu, %s, %s: %s (%ld)\n", step, name,
            by_itself ? "in a handler" : "by another thread", why, n);
    _exit(1);
}

static void look(const char *when) {
    const unsigned n = changed(others, KNOWN) + changed(own, OWN);
    if (n)
        reject(when, n);
}

/* More than the lists hold, so that slots of spans are handed out that others have left. */
static void allocate_all(void) {
    enum { MOST = 700 };
    static struct known mine[SIZES * MOST + 2];
    unsigned n = 0;
    for (unsigned s = 0; s < SIZES; s++)
        for (unsigned i = 0; i < MOST && i * sizes[s] < 100000; i++)
            mine[n++] = (struct known){sizes[s], gom_malloc(sizes[s])};
    mine[n++] = (struct known){100000, gom_malloc(100000)};
    mine[n++] = (struct known){1000000, gom_malloc(1000000)};
    for (unsigned i = 0; i < n; i++)
        fill(mine[i].block, mine[i].bytes);
    const unsigned wrong = changed(mine, n);
    if (wrong)
        reject("a new block was given twice", wrong);
    look("a block was given twice");
    free_known(mine, 0, n, 1);
}

static long known_blocks(const struct known *all, unsigned n) {
    long sum = 0;
    for (unsigned i = 0; i < n; i++)
        sum += all[i].block != NULL;
    return sum;
}

/* A list that a thread had in hand may count as in use, and what this program has beside those
 * blocks; but nothing that is in use as free. */
enum { MOST_IN_HAND = 2 * LIST_OBJECTS_MAX };

static void look_at_books(void) {
    struct gom_memstats m;
    gom_memstats(&m);
    const long there = known_blocks(others, KNOWN) + known_blocks(own, OWN);
    if ((long)m.heap_objects < there)
        reject("so many objects fewer are in use than there are", there - (long)m.heap_objects);
    if ((long)m.heap_objects > there + MOST_IN_HAND)
        reject("so many objects more are in use than there are", (long)m.heap_objects - there);
}

static bool is_free(uintptr_t address) {
    const struct palloc_region *r = mheap.pages.region[address >> REGION_SHIFT];
    const size_t page             = address >> PAGE_SHIFT;
    return !r || !(r->chunk[page / CHUNK_PAGES % REGION_CHUNKS].used[page % CHUNK_PAGES / 64] >>
                       page % 64 &
                   1);
}

/* `end`: where the span before ends. */
static void look_at_page(uintptr_t at, uintptr_t *end) {
    const struct mspan *s = arena_span(at);
    const bool begins     = s && s->base == at;
    if (begins && at < *end)
        reject("a page is in two spans", (long)at);
    if (begins)
        *end = at + (s->is_moved || is_huge(s->npages) ? 0 : mspan_span_bytes(s));
    if (at < *end && is_free(at))
        reject("a page is free and in a span", (long)at);
}

/* No page is in two spans, and none that is in a span is free. After a trim, which takes back what
 * caches have: what is not free then is in a span, or lost. */
static void look_at_pages(void) {
    size_t first, end_arena;
    uintptr_t end = 0;
    arena_bounds(&first, &end_arena);
    for (size_t i = first; i < end_arena; i++)
        for (unsigned page = 0; page < ARENA_PAGES && arena_of((uintptr_t)i << ARENA_SHIFT); page++)
            look_at_page(((uintptr_t)i << ARENA_SHIFT) + page * (uintptr_t)PAGE_BYTES, &end);
}

static void count_lost(void) {
    struct gom_memstats m;
    for (unsigned i = 0; i < 4; i++)
        gom_trim(0);
    gom_memstats(&m);
    const long small = (long)m.heap_inuse >> 10;
    const long pages = (long)(mheap.sys_pages - mheap.pages.free_pages) -
                       (long)((m.heap_inuse + m.stack_inuse) / PAGE_BYTES);
    const long hand = in_child ? 0 : (long)in_hand;
    if (small > (in_child ? 0 : LOST_SMALL + hand))
        reject("KiB in use at the end", small);
    if (pages > (in_child ? 0 : LOST_PAGES + hand * 1024 / PAGE_BYTES))
        reject("pages are lost", pages);
    if (pages < 0)
        reject("pages are free and counted as in use", pages);
}

static _Noreturn void check_child(void) {
    alarm(PATIENCE_S);
    look("a block has changed");
    look_at_books();
    allocate_all();
    look_at_books();
    free_known(others, 0, KNOWN, 2);
    free_known(own, 0, OWN, 2);
    look("a block has changed by a free");
    gom_trim(0);
    look_at_pages();
    allocate_all();
    free_known(others, 1, KNOWN, 2);
    free_known(own, 1, OWN, 2);
    allocate_all();
    count_lost();
    _exit(0);
}

static void reap(pid_t pid) {
    int status = -1;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    forks++;
    if (status != 0) {
        bad++;
        dprintf(STDOUT_FILENO, "# step %lu, %s, %s: status %#x\n", step, name,
                by_itself ? "in a handler" : "by another thread", (unsigned)status);
    }
}

/* --- steps --- */

static sem_t stopped, go_on;

static void on_trap(int number, siginfo_t *info, void *context) {
    const int saved = errno;
    (void)number;
    (void)info;
    if (step == most_steps)
        ((ucontext_t *)context)->uc_mcontext.gregs[REG_EFL] &= ~TRAP_FLAG;
    else if (step++ == next_fork && bad < 5) {
        next_fork += every;
        if (by_itself) {
            const pid_t pid = fork();
            if (pid == 0) {
                in_child = true;
                ((ucontext_t *)context)->uc_mcontext.gregs[REG_EFL] &= ~TRAP_FLAG;
                alarm(PATIENCE_S);
            } else {
                reap(pid);
            }
        } else {
            sem_post(&stopped);
            while (sem_wait(&go_on) != 0)
                continue;
        }
    }
    errno = saved;
}

static void trace(const char *what) {
    name = what;
    if (!in_child && step < most_steps && strstr(what, only) && operations++ % part == 0)
        __asm__ volatile("pushfq; orq $0x100, (%%rsp); popfq" ::: "memory", "cc");
}

static void end_trace(void) {
    __asm__ volatile("pushfq; andq $~0x100, (%%rsp); popfq" ::: "memory", "cc");
}

/* After it, when the thread's blocks have their names again. */
static void judge(void) {
    if (in_child)
        check_child();
}

/* --- what is traced --- */

static void name_own(void *block, size_t bytes) {
    fill(block, bytes);
    own[owned].bytes   = bytes;
    own[owned++].block = block;
}

static struct freelist *list_of(size_t bytes) {
    unsigned class = size_to_class(bytes);
    return &mcache_current->list[2 * (class_to_size[class] == 24 ? class + 1 : class)];
}

static void malloc_slowly(size_t bytes, const char *what) {
    while (*list_of(bytes)->top)
        name_own(gom_malloc(bytes), bytes);
    trace(what);
    void *block = gom_malloc(bytes);
    end_trace();
    name_own(block, bytes);
    judge();
}

/* `place`: where the block is named. */
static void free_slowly(struct known *place, const char *what) {
    void *block  = place->block;
    place->block = NULL;
    trace(what);
    gom_free(block);
    end_trace();
    judge();
}

static void do_mallocs(void) {
    for (unsigned s = 0; s < SIZES; s++)
        for (unsigned i = 0; i < 3; i++)
            malloc_slowly(sizes[s], "malloc");
}

/* Blocks of this thread and of the other one, those of a size in turn, so that lists run full. */
static void do_frees(struct known *all, unsigned n, const char *what) {
    for (unsigned s = 0; s < SIZES; s++)
        for (unsigned i = 0, slow = 0; i < n; i++) {
            if (!all[i].block || all[i].bytes != sizes[s])
                continue;
            if (!freelist_has_room(list_of(sizes[s])) && slow++ < 3) {
                free_slowly(&all[i], what);
            } else {
                void *block  = all[i].block;
                all[i].block = NULL;
                gom_free(block);
            }
        }
}

static void do_large(void) {
    in_hand = 900000 >> 10;
    trace("a large malloc");
    void *block = gom_malloc(300000);
    end_trace();
    name_own(block, 300000);
    judge();
    own[owned - 1].block = NULL; /* its pages may be on their way to another place */
    trace("a large realloc, longer");
    block = gom_realloc(block, 500000);
    end_trace();
    name_own(block, 500000);
    judge();
    in_hand             = 400000 >> 10;
    struct known *place = &own[owned - 1];
    place->bytes        = 100000;
    fill(block, 100000);
    if (HARDENED) /* its words do not fit it before the end */
        place->block = NULL;
    trace("a large realloc, shorter");
    block = gom_realloc(block, 100000);
    end_trace();
    place->block = block;
    judge();
    in_hand = 300000 >> 10;
    trace("aligned_alloc");
    block = gom_aligned_alloc(65536, 100000);
    end_trace();
    name_own(block, 100000);
    judge();
    free_slowly(&own[owned - 1], "a large free");
    in_hand = 0;
}

static void do_growth(void) {
    in_hand = (GROWTH + (HARDENED ? 4 << 20 : 0)) >> 10; /* whole chunks, with the words around */
    trace("growth");
    void *block = gom_malloc(GROWTH);
    end_trace();
    if (in_child)
        gom_free(block);
    judge();
    trace("free after growth");
    gom_free(block);
    end_trace();
    judge();
    /* It waits in quarantine, from where a child may lose one. */
    in_hand = HARDENED ? (GROWTH + PAGE_BYTES) >> 10 : 0;
}

/* Two threads' frees of the same spans, and half of them merged again */
static void do_merges(void) {
    for (unsigned s = 0; s < SIZES; s++)
        for (unsigned i = 0; i < 2; i++)
            malloc_slowly(sizes[s], "malloc, from a span that others freed in");
}

static void do_tiny(void) {
    static void *piece[40];
    if (HARDENED)
        return;
    for (unsigned i = 0; i < 40; i++) {
        if (i % 8 == 0)
            trace("tiny malloc");
        piece[i] = gom_alloc(1 + i % 7, GOM_TINY);
        end_trace();
        if (in_child)
            for (unsigned k = 0; k <= i; k++)
                gom_free(piece[k]);
        judge();
    }
    for (unsigned i = 0; i < 40; i++) {
        if (i % 8 == 7)
            trace("tiny free");
        gom_free(piece[i]);
        end_trace();
        if (in_child)
            for (unsigned k = i + 1; k < 40; k++)
                gom_free(piece[k]);
        judge();
    }
}

static void do_trim(void) {
    gom_trim(0); /* else the most steps would be those with a lot of free pages */
    gom_free(memset(gom_malloc(100000), 1, 100000));
    for (unsigned s = 0; s < SIZES; s++)
        name_own(gom_malloc(sizes[s]), sizes[s]);
    do_frees(own, owned, "");
    trace("trim");
    gom_trim(0);
    end_trace();
    judge();
}

static void do_statistics(void) {
    struct gom_memstats m;
    trace("statistics");
    gom_memstats(&m);
    end_trace();
    judge();
}

/* Destructors of a thread's keys run in the keys' order: one before that of the cache, one after.
 */
static pthread_key_t before_cache, after_cache;

static void trace_end(void *unused) {
    (void)unused;
    trace("the end of a thread");
}

static void end_trace_of_end(void *unused) {
    (void)unused;
    end_trace();
    judge();
}

static void make_first_key(void) {
    pthread_key_create(&before_cache, trace_end);
}
__attribute__((section(".preinit_array"), used)) static void (*const first)(void) = make_first_key;

static void *begin_and_end(void *unused) {
    trace("the first malloc of a thread");
    void *volatile block = gom_malloc(100);
    end_trace();
    gom_free(block);
    judge();
    for (unsigned s = 0; s < SIZES; s++)
        gom_free(gom_malloc(sizes[s]));
    pthread_setspecific(before_cache, &before_cache);
    pthread_setspecific(after_cache, &after_cache);
    return unused;
}

static atomic_bool ended;

static void do_all(void) {
    do_mallocs();
    do_frees(own, OWN / 2, "free");
    do_frees(others, KNOWN / 2, "free of another thread's blocks");
    do_mallocs();
    do_large();
    do_merges();
    do_tiny();
    do_statistics();
    do_trim();
    do_growth();
    do_mallocs();
    do_frees(own, OWN, "free");
    do_frees(others, KNOWN, "free of another thread's blocks");
    free_known(own, 0, owned, 1);
}

static void *traced(void *unused) {
    do_all();
    return unused;
}

static void *finish(void *unused) {
    pthread_t thread;
    pthread_create(&thread, NULL, traced, NULL);
    pthread_join(thread, NULL);
    pthread_create(&thread, NULL, begin_and_end, NULL);
    pthread_join(thread, NULL);
    ended = true;
    sem_post(&stopped);
    return unused;
}

static void make_others(void) {
    for (unsigned i = 0; i < KNOWN; i++) {
        const size_t bytes = sizes[i % (i < 30 * SIZES ? SIZES : 4)];
        others[i].bytes    = bytes;
        others[i].block    = gom_malloc(bytes);
        fill(others[i].block, bytes);
    }
}

static void run(bool itself, unsigned long seed) {
    pthread_t thread;
    by_itself  = itself;
    step       = 0;
    next_fork  = seed % every;
    operations = seed;
    owned      = 0;
    ended      = false;
    make_others();
    pthread_create(&thread, NULL, finish, NULL);
    for (;;) {
        while (sem_wait(&stopped) != 0)
            continue;
        if (ended)
            break;
        const pid_t pid = fork();
        if (pid == 0)
            check_child();
        reap(pid);
        sem_post(&go_on);
    }
    pthread_join(thread, NULL);
    gom_trim(0);
}

int main(int argc, char **argv) {
    struct sigaction trap = {.sa_sigaction = on_trap, .sa_flags = SA_SIGINFO};
    unsigned long seed    = (unsigned long)getpid();
    setvbuf(stdout, NULL, _IOLBF, 4096);
    /* A helper would begin with the trap flag set, and take pages that are counted as lost. */
    options[OPTION_SCAVENGE] = SCAVENGE_BY_AND_BY;
    sigaction(SIGTRAP, &trap, NULL);
    pthread_key_create(&after_cache, end_trace_of_end);
    sem_init(&stopped, 0, 0);
    sem_init(&go_on, 0, 0);
    if (argc > 1) {
        every      = strtoul(argv[1], NULL, 10);
        most_steps = ULONG_MAX;
    }
    if (argc > 2)
        part = strtoul(argv[2], NULL, 10);
    if (argc > 3)
        seed = strtoul(argv[3], NULL, 10);
    if (argc > 4)
        only = argv[4];
    printf("# every %lu, part %lu, seed %lu\n", every, part, seed);
    for (unsigned itself = 0; itself < 2; itself++) {
        forks = bad = 0;
        run(itself, seed);
        IS(bad, 0, "%lu forks in %lu steps, %s: no block is given twice, little is lost", forks,
           step, itself ? "in a handler" : "by another thread");
    }
    return tap_done();
}
#endif
