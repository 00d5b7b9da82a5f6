/* The hardened build: what a misuse ends with. Each mechanism has a misuse that only it stops. Each
 * runs in a child of its own, which must die of it and say why, or must not die. Nothing here
 * depends on chance: what is at random decides which of several ways is taken, and each leads
 * there. In the normal build: what is written into free blocks leads nowhere. */
#include "arena.h"
#include "gomalloc.h"
#include "guard.h"
#include "hardened.h"
#include "mcache.h"
#include "options.h"
#include "os.h"
#include "seal.h"
#include "tap.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* A compiler knows what free means, but not this. */
static void *volatile kept;

static unsigned char *keep(void *block) {
    kept = block;
    return kept;
}

#ifdef GOMALLOC_HARDENED

static char said[4096];

/* Runs it in a child; the signal that it died of, 0: none. What it said is in `said`. */
static int end_of(void (*misuse)(void)) {
    int fd[2], status = 0;
    if (pipe(fd) != 0)
        return -1;
    const pid_t child = fork();
    if (child == 0) {
        alarm(60);
        dup2(fd[1], STDERR_FILENO);
        misuse();
        _exit(0);
    }
    close(fd[1]);
    size_t n = 0;
    for (ssize_t got; (got = read(fd[0], said + n, sizeof said - 1 - n)) > 0;)
        n += (size_t)got;
    said[n] = '\0';
    close(fd[0]);
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        continue;
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

enum { LARGE = 100000, HUGE_BLOCK = 65 << 20, MANY = 3000 };

static void flip(unsigned char *at) {
    *(volatile unsigned char *)at ^= 0xa5;
}

/* As an honest program does: so many blocks come and go. */
static void churn(size_t size, unsigned times) {
    for (unsigned i = 0; i < times; i++)
        gom_free(keep(gom_malloc(size)));
}

/* --- words around a block --- */

static void overflow_small(void) {
    unsigned char *p = keep(gom_malloc(13));
    flip(p + 13);
    gom_free(p);
}

static void overflow_full(void) { /* of a slot of 64 bytes: one byte of the secret */
    unsigned char *p = keep(gom_malloc(47));
    flip(p + 47);
    gom_free(p);
}

static void overflow_three(void) {
    unsigned char *p = keep(gom_malloc(24));
    for (unsigned i = 0; i < 3; i++)
        flip(p + 24 + i);
    gom_free(p);
}

static void overflow_large(void) {
    unsigned char *p = keep(gom_malloc(LARGE));
    flip(p + LARGE);
    gom_free(p);
}

static void overflow_huge(void) {
    unsigned char *p = keep(gom_malloc(HUGE_BLOCK));
    flip(p + HUGE_BLOCK);
    gom_free(p);
}

static void overflow_zero(void) {
    unsigned char *p = keep(gom_malloc(0));
    flip(p);
    gom_free(p);
}

static void overflow_realloc(void) {
    unsigned char *p = keep(gom_malloc(100));
    flip(p + 100);
    keep(gom_realloc(p, 1000));
}

static void overflow_shrunk(void) {
    unsigned char *p = keep(gom_malloc(100)), *q = keep(gom_realloc(p, 90));
    flip(q + 90);
    gom_free(q);
}

static void overflow_grown(void) {
    unsigned char *p = keep(gom_malloc(90)), *q = keep(gom_realloc(p, 95));
    flip(q + 95);
    gom_free(q);
}

static void overflow_shrunk_large(void) {
    unsigned char *p = keep(gom_malloc(10 * LARGE)), *q = keep(gom_realloc(p, LARGE));
    flip(q + LARGE);
    gom_free(q);
}

static void overflow_aligned(void) {
    unsigned char *p = keep(gom_aligned_alloc(256, 300));
    flip(p + 300);
    gom_free(p);
}

static void overflow_far_aligned(void) { /* more than has a header */
    unsigned char *p = keep(gom_aligned_alloc(1 << 20, 300));
    flip(p + 300);
    gom_free(p);
}

static void overflow_aligned_shrunk(void) {
    unsigned char *p = keep(gom_realloc(keep(gom_aligned_alloc(256, 300)), 290));
    flip(p + 290);
    gom_free(p);
}

static void underflow_header(void) {
    unsigned char *p = keep(gom_malloc(100));
    flip(p - 1);
    gom_free(p);
}

static void underflow_short(void) {
    unsigned char *p = keep(gom_malloc(5));
    flip(p - 8);
    gom_free(p);
}

static void underflow_word(void) { /* which only the word before the header tells */
    unsigned char *p = keep(gom_malloc(100));
    flip(p - 16);
    gom_free(p);
}

static void underflow_large(void) {
    unsigned char *p = keep(gom_malloc(LARGE));
    flip(p - 3);
    gom_free(p);
}

/* --- pages that nobody may touch --- */

/* As after a long pause: the next block may have a guard. */
static unsigned char *make_guarded(size_t size) {
    atomic_store_explicit(&guard_next, 0, memory_order_relaxed);
    return keep(gom_malloc(size));
}

/* The kernel tells, without a fault. */
static bool is_readable(uintptr_t address) {
    int fd[2];
    if (pipe(fd) != 0)
        abort();
    const bool is = write(fd[1], os_pointer(address), 1) == 1;
    close(fd[0]);
    close(fd[1]);
    return is;
}

/* Does it end where nobody may touch what comes? */
static bool is_guarded(const unsigned char *p, size_t size) {
    const size_t page = os_page_bytes();
    return !is_readable(((uintptr_t)p + size + page) & -page);
}

static void must(bool is_so) {
    if (!is_so)
        abort();
}

enum { READ = 64, SHORT = 3000 };

static void read_behind(size_t size) {
    const volatile unsigned char *p = make_guarded(size);
    for (unsigned i = 0; i < READ; i++)
        (void)p[size + i];
}

static void read_behind_large(void) {
    read_behind(LARGE);
}

static void read_behind_short(void) {
    read_behind(SHORT);
}

static void read_after_short(void) { /* its memory is gone, too */
    const volatile unsigned char *p = make_guarded(SHORT);
    gom_free(keep((void *)p));
    (void)p[SHORT / 2];
}

static void write_after_guarded(void) { /* its first byte lies anywhere in a page */
    unsigned char *p = make_guarded(LARGE);
    gom_free(p);
    flip(p);
    gom_trim(0);
}

/* All of a block is its owner's, and of the length that it has. */
static void use_guarded(size_t size) {
    if (size <= SIZE_MAX_SMALL)
        gom_trim(0); /* its list is empty */
    unsigned char *p = make_guarded(size);
    must(is_guarded(p, size) || os_page_bytes() >= PAGE_BYTES);
    memset(p, 0x5a, gom_usable_size(p));
    if (gom_realloc(p, PTRDIFF_MAX / 2) || gom_realloc(p, size) != p)
        abort();
    for (size_t new = size; new < 3 * size; new += size / 2) {
        p = gom_realloc(p, new);
        if (gom_usable_size(p) != new || p[size - 1] != 0x5a)
            abort();
        memset(p, 0x5a, new);
    }
    p = gom_realloc(p, size / 2);
    if (p[size / 2 - 1] != 0x5a)
        abort();
    memset(p, 0x5a, size / 2);
    gom_free(p);
    atomic_store_explicit(&guard_next, 0, memory_order_relaxed);
    p = gom_calloc(1, size);
    for (size_t i = 0; i < size; i++)
        if (p[i])
            abort();
    memset(p, 0x5a, size);
    gom_free(p);
}

static void guarded_is_whole(void) {
    for (size_t size = GUARD_LEAST; size < 2000000; size = size * 9 / 8 + 1)
        use_guarded(size);
    gom_trim(0);
    for (size_t size = GUARD_LEAST; size < 2000000; size = size * 9 / 8 + 1)
        use_guarded(size);
}

/* How many mappings the kernel allows; 0: it does not say. */
static unsigned long mappings_most(void) {
    char text[32] = "";
    const int fd  = open("/proc/sys/vm/max_map_count", O_RDONLY);
    const bool is = read(fd, text, sizeof text - 1) > 0;
    close(fd);
    return is ? strtoul(text, NULL, 10) : 0;
}

enum { MAPPINGS_TRIED = 300000 /* the kernel's books of so many are 60 MiB */ };

/* Until the kernel refuses more. Where they begin. */
static unsigned char *take_all_mappings(void) {
    const unsigned long pairs = mappings_most() / 2 + 1;
    const size_t page         = os_page_bytes();
    unsigned char *area       = os_map(2 * pairs * page);
    for (unsigned long i = 0; i < pairs; i++)
        if (!os_protect(area + 2 * i * page, page, false))
            return area;
    abort();
}

static void no_mapping_is_left(void) {
    enum { BLOCKS = 32, STEP = SHORT + 1 /* odd: they end anywhere */ };
    unsigned char *p[BLOCKS];
    for (unsigned i = 0; i < BLOCKS; i++)
        must(is_guarded(p[i] = make_guarded(LARGE), LARGE));
    unsigned char *area = take_all_mappings();
    for (unsigned i = 0; i < BLOCKS; i++)
        gom_free(p[i]);
    unsigned guarded = 0;
    for (unsigned i = 0; i < BLOCKS; i++) {
        memset(p[i] = make_guarded(LARGE + i * STEP), 0x5a, LARGE + i * STEP);
        guarded += is_guarded(p[i], LARGE + i * STEP);
    }
    must(guarded < BLOCKS); /* those that went have left room for some */
    for (unsigned i = 0; i < BLOCKS; i++)
        gom_free(p[i]);
    gom_trim(0);
    os_unmap(area, 2 * (mappings_most() / 2 + 1) * os_page_bytes());
    guarded_is_whole();
}

static void test_no_mapping(void) {
    static const char what[]  = "no mapping is left for a guard";
    const unsigned long count = mappings_most();
    if (count == 0 || count > MAPPINGS_TRIED)
        tap_skip(what, "vm.max_map_count is not known, or above 300,000");
    else if (os_page_bytes() >= PAGE_BYTES)
        tap_skip(what, "the kernel's pages are as long as the heap's: there are no guards");
    else
        IS(end_of(no_mapping_is_left), 0, "%s", what);
}

/* The kernel refuses to make memory writable: ENOMEM, as if there were too many mappings. (0 bytes
 * would mean none at all to Linux, for valgrind.) */
static void limit_data(rlim_t bytes) {
    struct rlimit limit;
    must(getrlimit(RLIMIT_DATA, &limit) == 0);
    limit.rlim_cur = bytes < limit.rlim_max ? bytes : limit.rlim_max;
    must(setrlimit(RLIMIT_DATA, &limit) == 0);
}

/* A guard that stays where memory is short takes no other's place. */
static void guards_that_stay(void) {
    static unsigned char *p[GUARDS_MOST];
    for (unsigned i = 0; i < GUARDS_MOST; i++)
        must(is_guarded(p[i] = make_guarded(LARGE), LARGE));
    must(!is_guarded(make_guarded(LARGE), LARGE)); /* so many are the most */
    limit_data(1);
    unsigned char *longer = gom_realloc(p[0], LARGE + SHORT); /* NULL: it is as it was */
    p[0]                  = longer ? longer : p[0];
    for (unsigned i = 0; i < GUARDS_MOST; i++)
        gom_free(p[i]);
    gom_trim(0);
    limit_data(RLIM_INFINITY);
    for (unsigned i = 0; i < GUARDS_MOST; i++)
        must(is_guarded(p[i] = make_guarded(LARGE), LARGE));
    for (unsigned i = 0; i < GUARDS_MOST; i++)
        gom_free(p[i]);
    gom_trim(0);
    guarded_is_whole();
}

static bool data_is_limited(void) {
    const size_t page = os_page_bytes();
    void *memory      = os_map(page);
    os_protect(memory, page, false);
    limit_data(1);
    const bool is = !os_protect(memory, page, true);
    limit_data(RLIM_INFINITY);
    os_unmap(memory, page);
    return is;
}

static void test_guards_that_stay(void) {
    static const char what[] = "a guard that cannot be lifted takes no other's place";
    if (os_page_bytes() >= PAGE_BYTES)
        tap_skip(what, "the kernel's pages are as long as the heap's: there are no guards");
    else if (!data_is_limited())
        tap_skip(what, "the kernel does not keep RLIMIT_DATA here");
    else
        IS(end_of(guards_that_stay), 0, "%s", what);
}

/* A guard is optional: where memory is short for it, the thread keeps its cache. */
static void no_memory_for_a_guard(void) {
    unsigned char *p = keep(gom_malloc(SHORT));
    keep(gom_malloc(SHORT)); /* stays, so that its span does */
    keep(gom_malloc(100));
    struct rlimit limit = {0};
    must(getrlimit(RLIMIT_AS, &limit) == 0);
    limit.rlim_cur = 1;
    must(setrlimit(RLIMIT_AS, &limit) == 0);
    for (size_t size = 4 << 20; size >= SHORT; size /= 2)
        while (keep(gom_malloc(size)))
            continue;
    while (keep(gom_malloc(1000))) /* of one page */
        continue;
    gom_free(p);
    gom_trim(0);
    keep(gom_malloc(100));
    const struct freelist *l = &mcache_current->list[2 * size_to_class(100 + HARDENED_AROUND)];
    void *const *const top   = l->top;
    must(*top != NULL);
    must(make_guarded(SHORT) != NULL);
    must(l->top == top);
}

/* --- bad frees --- */

static void double_small(void) {
    unsigned char *p = keep(gom_malloc(100));
    gom_free(p);
    gom_free(p);
}

static void double_late(void) {
    unsigned char *p = keep(gom_malloc(100)), *others[64];
    for (unsigned i = 0; i < 64; i++)
        others[i] = keep(gom_malloc(100));
    gom_free(p);
    for (unsigned i = 0; i < 64; i++)
        gom_free(others[i]);
    gom_free(p);
}

static void double_aligned(void) {
    unsigned char *p = keep(gom_aligned_alloc(256, 300));
    gom_free(p);
    gom_free(p);
}

static void double_large(void) {
    unsigned char *p = keep(gom_malloc(LARGE));
    gom_free(p);
    gom_free(p);
}

static void *free_it(void *p) {
    gom_free(p);
    return NULL;
}

static void double_of_thread(void) {
    unsigned char *p = keep(gom_malloc(100));
    pthread_t thread;
    pthread_create(&thread, NULL, free_it, p);
    pthread_join(thread, NULL);
    gom_free(p);
}

static void free_within(void) {
    unsigned char *p = keep(gom_malloc(100));
    gom_free(p + 16);
}

static void free_within_large(void) {
    unsigned char *p = keep(gom_malloc(LARGE));
    gom_free(p + 4096);
}

static void usable_of_free(void) {
    unsigned char *p = keep(gom_malloc(100));
    gom_free(p);
    gom_usable_size(p);
}

/* --- blocks of another kind --- */

static void new_free(void) {
    gom_free(keep(hardened_new(0, 40, ORIGIN_NEW)));
}

static void new_realloc(void) {
    keep(gom_realloc(keep(hardened_new(0, 40, ORIGIN_NEW)), 50));
}

static void malloc_delete(void) {
    hardened_free_as(keep(gom_malloc(40)), 0, ANY_SIZE, ORIGIN_NEW);
}

static void array_delete(void) {
    hardened_free_as(keep(hardened_new(0, LARGE, ORIGIN_NEW_ARRAY)), 0, ANY_SIZE, ORIGIN_NEW);
}

static void delete_size(void) {
    hardened_free_as(keep(hardened_new(0, 40, ORIGIN_NEW)), 0, 39, ORIGIN_NEW);
}

static void free_size(void) {
    gom_free_sized(keep(gom_malloc(40)), 41);
}

static void free_size_of_aligned(void) {
    gom_free_sized(keep(gom_aligned_alloc(64, 128)), 128);
}

static void free_other_alignment(void) {
    gom_free_aligned_sized(keep(gom_aligned_alloc(64, 128)), 128, 128);
}

static void free_former_alignment(void) { /* what comes of realloc has none */
    unsigned char *p = keep(gom_aligned_alloc(64, 128));
    must(keep(gom_realloc(p, 128)) == p);
    gom_free_aligned_sized(p, 64, 128);
}

static void free_former_alignment_large(void) {
    unsigned char *p = keep(gom_aligned_alloc(64, LARGE));
    must(keep(gom_realloc(p, LARGE)) == p);
    gom_free_aligned_sized(p, 64, LARGE);
}

/* --- free memory --- */

static void write_after(size_t size, size_t at) {
    unsigned char *p = keep(gom_malloc(size));
    gom_free(p);
    flip(p + at);
    churn(size, MANY);
}

static void write_after_short(void) {
    write_after(40, 39);
}

static void write_after_long(void) {
    write_after(5000, 0);
}

static void write_after_long_all(void) { /* all but the first piece, to the end of the slot */
    enum { SIZE = 5376 - HARDENED_AROUND };
    unsigned char *p = keep(gom_malloc(SIZE));
    gom_free(p);
    for (unsigned i = 100; i < SIZE; i++)
        flip(p + i);
    churn(SIZE, MANY);
}

static void write_after_large(void) {
    unsigned char *p = keep(gom_malloc(LARGE));
    gom_free(p);
    flip(p + 5);
    gom_trim(0);
}

static void write_after_swept(void) { /* while nobody wants slots of its class */
    unsigned char *p = keep(gom_malloc(40));
    gom_free(p);
    flip(p + 8);
    for (unsigned i = 0; i < MANY; i++)
        keep(gom_malloc(1000));
}

static void write_after_swept_large(void) {
    unsigned char *p = keep(gom_malloc(LARGE));
    gom_free(p);
    flip(p + 8);
    for (unsigned i = 0; i < MANY; i++)
        keep(gom_malloc(1000));
}

static void write_after_long_large(void) { /* too long to wait with its memory */
    enum { LONG = 20 << 20 };
    unsigned char *p = keep(gom_malloc(LONG));
    gom_free(p);
    flip(p + LONG / 2);
}

static void write_after_cut(void) { /* to the tail that realloc cut off */
    unsigned char *p = keep(gom_malloc(LARGE));
    keep(gom_realloc(p, 1000));
    flip(p + LARGE - 1);
}

static void write_to_seal(void) {
    unsigned char *p[200]; /* more than wait: the others are on the list */
    for (unsigned i = 0; i < 200; i++)
        p[i] = keep(gom_malloc(100));
    for (unsigned i = 0; i < 200; i++)
        gom_free(p[i]);
    for (unsigned i = 0; i < 200; i++)
        flip(p[i] - 16);
    keep(gom_malloc(100));
}

static void write_to_seal_in_span(void) {
    unsigned char *p[MANY];
    for (unsigned i = 0; i < MANY; i++)
        p[i] = keep(gom_malloc(100));
    for (unsigned i = 0; i < MANY; i++)
        if (i % 8)
            gom_free(p[i]);
    gom_trim(0); /* no slot waits, or is on a list */
    for (unsigned i = 0; i < MANY; i++)
        if (i % 8)
            flip(p[i] - 16);
    for (unsigned i = 0; i < MANY; i++)
        keep(gom_malloc(100));
}

static void write_to_seal_swept(void) {
    unsigned char *p = keep(gom_malloc(100));
    gom_free(p);
    flip(p - 16);
    for (unsigned i = 0; i < MANY; i++)
        keep(gom_malloc(1000));
}

/* --- the process ends --- */

static void allocate_again(int signal) {
    (void)signal;
    for (unsigned i = 0; i < MANY; i++)
        keep(gom_malloc(40));
}

static void handler_allocates(void) {
    signal(SIGABRT, allocate_again);
    unsigned char *p[8];
    for (unsigned i = 0; i < 8; i++)
        p[i] = keep(gom_malloc(40));
    for (unsigned i = 0; i < 8; i++)
        gom_free(p[i]);
    for (unsigned i = 0; i < 8; i++)
        flip(p[i] + 8);
    churn(40, MANY);
}

/* --- legal --- */

static void all_match(void) {
    hardened_free_as(keep(hardened_new(0, 40, ORIGIN_NEW)), 0, 40, ORIGIN_NEW);
    hardened_free_as(keep(hardened_new(64, 40, ORIGIN_NEW_ARRAY)), 64, 40, ORIGIN_NEW_ARRAY);
    gom_free_sized(keep(gom_calloc(5, 8)), 40);
    gom_free_sized(keep(gom_realloc(gom_aligned_alloc(64, 128), 100)), 100);
    gom_free_aligned_sized(keep(gom_aligned_alloc(16, 5)), 16, 5);
    gom_free_aligned_sized(keep(gom_aligned_alloc(8192, LARGE)), 8192, LARGE);
    gom_free(keep(gom_aligned_alloc(1 << 20, LARGE)));
    gom_free_sized(NULL, 3);
}

static const struct {
    size_t alignment, size;
} aligned_blocks[] = {
    {8, 10},          {16, 40},        {64, 128},        {256, 300},         {1024, 5000},
    {16, LARGE},      {64, LARGE},     {4096, LARGE},    {8192, LARGE},      {1 << 16, LARGE},
    {1 << 20, LARGE}, {8, 10 * LARGE}, {64, HUGE_BLOCK}, {4096, HUGE_BLOCK}, {1 << 20, HUGE_BLOCK},
};

/* No copy is needed, and the block is one of realloc's from then on. */
static void aligned_stays(void) {
    for (unsigned i = 0; i < sizeof aligned_blocks / sizeof *aligned_blocks; i++) {
        const size_t alignment = aligned_blocks[i].alignment;
        const size_t size = aligned_blocks[i].size, less = size - size / 8;
        unsigned char *p = keep(gom_aligned_alloc(alignment, size));
        p[0] = p[less - 1] = 0x5a;
        must(keep(gom_realloc(p, size)) == p && gom_usable_size(p) == size);
        must(keep(gom_realloc(p, less)) == p && gom_usable_size(p) == less);
        must(keep(gom_realloc(p, less + 1)) == p && p[0] == 0x5a && p[less - 1] == 0x5a);
        gom_free_sized(p, less + 1);
        for (unsigned j = 0; size < LARGE && j < MANY; j++) { /* its slot comes again */
            p = keep(gom_aligned_alloc(alignment, size));
            must((uintptr_t)p % alignment == 0);
            memset(p, 0x5a, size);
            gom_free(p);
        }
    }
}

/* One that lies pages behind the start of its span must be found where realloc puts it. All live at
 * once: who frees one that has moved gets the next as a copy. */
static void aligned_grows(void) {
    enum { BEFORE = 10 * LARGE, SHIFTS = 18 }; /* 8 B to 1 MiB */
    unsigned char *p[SHIFTS];
    for (unsigned i = 0; i < SHIFTS; i++) {
        p[i] = keep(gom_aligned_alloc((size_t)8 << i, BEFORE));
        memset(p[i], 0x5a, BEFORE);
        must(!gom_realloc(p[i], PTRDIFF_MAX / 2));
        p[i] = keep(gom_realloc(p[i], HUGE_BLOCK));
        must(p[i][0] == 0x5a && p[i][BEFORE - 1] == 0x5a);
        p[i] = keep(gom_realloc(p[i], 2 * (size_t)HUGE_BLOCK));
        must(p[i][0] == 0x5a && p[i][BEFORE - 1] == 0x5a);
    }
    for (unsigned i = 0; i < SHIFTS; i++)
        gom_free_sized(p[i], 2 * (size_t)HUGE_BLOCK);
}

/* Then a block is as it was. */
static void aligned_cannot_grow(void) {
    for (unsigned i = 0; i < sizeof aligned_blocks / sizeof *aligned_blocks; i++) {
        const size_t size = aligned_blocks[i].size, alignment = aligned_blocks[i].alignment;
        unsigned char *p = keep(gom_aligned_alloc(alignment, size));
        must(!gom_realloc(p, PTRDIFF_MAX / 2));
        gom_free_aligned_sized(p, alignment, size);
    }
}

static void mismatch_allowed(void) {
    options[OPTION_MATCH] = 0;
    new_free();
    malloc_delete();
    delete_size();
    free_size_of_aligned();
}

/* --- the tests --- */

static const char FAULT[] = "fault";

static const struct {
    const char *what;
    void (*misuse)(void);
    const char *says; /* NULL: it is legal; FAULT: the processor stops it */
} cases[] = {
    {"a byte behind a block", overflow_small,
     "overflow: a write of 1 byte behind the end of a block of 13 bytes, found by free"},
    {"a byte behind a block that fills its slot", overflow_full,
     "a write of 1 byte behind the end of a block of 47 bytes"},
    {"three bytes behind a block", overflow_three, "a write of 3 bytes behind"},
    {"a byte behind a large block", overflow_large, "a write of 1 byte behind"},
    {"a byte behind a huge block", overflow_huge, "a write of 1 byte behind"},
    {"a byte in a block of none", overflow_zero, "behind the end of a block of 0 bytes"},
    {"realloc looks, too", overflow_realloc, "of a block of 100 bytes, found by realloc"},
    {"a byte behind a block that shrank", overflow_shrunk, "behind the end of a block of 90"},
    {"a byte behind a block that grew", overflow_grown, "behind the end of a block of 95"},
    {"a byte behind a large block that shrank", overflow_shrunk_large, "a write of 1 byte"},
    {"a byte behind an aligned block", overflow_aligned, "a block of 300 bytes"},
    {"a byte behind one without a header", overflow_far_aligned, "a block of 300 bytes"},
    {"a byte behind an aligned one that shrank", overflow_aligned_shrunk, "a block of 290 bytes"},
    {"a byte before a block", underflow_header, "underflow: a write before a block"},
    {"the header of a short block", underflow_short, "underflow: a write before a block"},
    {"the word before the header", underflow_word, "underflow: a write before a block"},
    {"a byte before a large block", underflow_large, "underflow: a write before a block"},
    {"a read behind a large block", read_behind_large, FAULT},
    {"a read behind a shorter one", read_behind_short, FAULT},
    {"a read of it after its free", read_after_short, FAULT},
    {"a write to a guarded block after its free", write_after_guarded, "write after free"},
    {"all of a guarded block is its owner's", guarded_is_whole, NULL},
    {"no memory is left for one", no_memory_for_a_guard, NULL},
    {"a double free", double_small, "free of a block that is free already (double free?)"},
    {"a double free after others", double_late, "free already"},
    {"a double free of an aligned block", double_aligned, "free already"},
    {"a double free of a large block", double_large, "free of an address in free memory"},
    {"a double free after a thread's", double_of_thread, "free already"},
    {"a free within a block", free_within, "free of an address within a block"},
    {"a free within a large block", free_within_large, "within a large block"},
    {"the usable size of a free block", usable_of_free, "usable size of a block that is free"},
    {"free of a block of new", new_free, "mismatch: free of a block of 40 bytes of operator new"},
    {"realloc of a block of new", new_realloc, "mismatch: realloc of a block"},
    {"delete of a block of malloc", malloc_delete, "mismatch: delete of a block of 40 bytes of ma"},
    {"delete of a large block of new[]", array_delete, "of 100000 bytes of operator new[]"},
    {"delete with another size", delete_size, "mismatch: delete of 39 bytes, of a block of 40"},
    {"a free with another size", free_size, "mismatch: sized free of 41 bytes"},
    {"a sized free of an aligned block", free_size_of_aligned, "of malloc aligned to 64"},
    {"a free with another alignment", free_other_alignment, "with an alignment of 128 of a block"},
    {"a free with an alignment that realloc took", free_former_alignment,
     "with an alignment of 64 of a block of 128 bytes of malloc: 0x"},
    {"the same of a large block", free_former_alignment_large, "of 100000 bytes of malloc: 0x"},
    {"a write after the free", write_after_short, "write after free"},
    {"the same at the begin of a long block", write_after_long, "write after free"},
    {"the same to all but its begin", write_after_long_all, "write after free"},
    {"the same to a large block", write_after_large, "write after free"},
    {"the same, found while it waits", write_after_swept, "write after free"},
    {"the same of a large block", write_after_swept_large, "write after free"},
    {"any access to a long large block", write_after_long_large, FAULT},
    {"any access to what realloc cut off", write_after_cut, FAULT},
    {"a write to a free slot's seal", write_to_seal, "the seal is damaged"},
    {"the same, of a slot in its span", write_to_seal_in_span, "the seal is damaged"},
    {"the same, found while it waits", write_to_seal_swept, "the seal is damaged"},
    {"a handler of the signal allocates from damaged slots", handler_allocates, "write after"},
    {"frees that match are legal", all_match, NULL},
    {"an aligned block that stays or shrinks is not copied by realloc", aligned_stays, NULL},
    {"one that grows is found where it is then", aligned_grows, NULL},
    {"one that cannot grow keeps its alignment", aligned_cannot_grow, NULL},
    {"frees that do not match are, too, if the option says so", mismatch_allowed, NULL},
};

static void test_cases(void) {
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        const int end = end_of(cases[i].misuse);
        if (cases[i].says == FAULT)
            OK(end == SIGSEGV, "%s", cases[i].what);
        else if (cases[i].says)
            OK(end == SIGABRT && strstr(said, cases[i].says), "%s", cases[i].what);
        else
            OK(end == 0 && !*said, "%s", cases[i].what);
        if (tap_failures)
            printf("# signal %d: %s\n", end, said);
    }
}

/* The second time that it comes there, the process ends at once. */
static void test_handler(void) {
    unsigned lines = 0;
    end_of(handler_allocates);
    for (const char *at = said; (at = strstr(at, "gomalloc: ")); at++)
        lines++;
    IS(lines, 2, "and is not begun again");
}

static void test_usable(void) {
    unsigned wrong = 0;
    for (size_t size = 0; size < 70000; size = size * 9 / 8 + 1) {
        void *p = gom_malloc(size);
        wrong += gom_usable_size(p) != size;
        gom_free(p);
    }
    IS(wrong, 0, "the usable size is what was asked for, so that the secret behind it is nobody's");
}

/* Mallocs alone bring no freed block back. */
static void test_quarantine(size_t size, unsigned mallocs) {
    unsigned reused = 0;
    static void *p[1000];
    unsigned char *stale = keep(gom_malloc(size));
    gom_free(stale);
    for (unsigned i = 0; i < mallocs; i++)
        reused += (p[i] = gom_malloc(size)) == stale;
    IS(reused, 0, "a freed block of %zu bytes has no new owner at once", size);
    for (unsigned i = 0; i < mallocs; i++)
        gom_free(p[i]);
}

/* A list that begins takes a few slots of a span at a time, of the 8 to 56 in one word. */
static void test_first_slots(void) {
    enum { FIRST = 7 };
    unsigned count = 0, upper = 0;
    for (unsigned k = 1; class_to_size[k] <= 1024; k++)
        for (unsigned i = 0; class_to_size[k] >= 144 && i < FIRST; i++) {
            const uintptr_t p = (uintptr_t)gom_alloc(class_to_size[k] - HARDENED, GOM_NOSCAN);
            upper += p % PAGE_BYTES >= PAGE_BYTES / 2;
            count++;
        }
    OK(upper > count / 4 && upper < count * 3 / 4,
       "the first blocks of a span lie in all of it: %u of %u in the upper half", upper, count);
}

/* Of fresh spans whose slots are in one word. In any order that can be told, some step from one
 * block to the next comes again and again. Of blocks in no order at all, one in 28 is the neighbour
 * of the last. */
static void test_order(void) {
    enum { BLOCKS = 2000, SIZE = 120, SLOT = 144 };
    static unsigned char *p[BLOCKS];
    unsigned most = 0, neighbours = 0;
    for (unsigned i = 0; i < BLOCKS; i++)
        p[i] = gom_malloc(SIZE);
    for (unsigned i = 1; i < BLOCKS; i++) {
        unsigned same = 0;
        for (unsigned j = 1; j < BLOCKS; j++)
            same += p[j] - p[j - 1] == p[i] - p[i - 1];
        most = same > most ? same : most;
        neighbours += p[i] == p[i - 1] + SLOT || p[i] == p[i - 1] - SLOT;
    }
    OK(most < BLOCKS / 10, "blocks come in no order: %u of %d are as far from the last", most,
       BLOCKS);
    OK(neighbours > BLOCKS / 100 && neighbours < BLOCKS / 13,
       "a neighbour of the last is as seldom as any other: %u of %d", neighbours, BLOCKS);
}

/* Of a span of 341 slots. That a sixth of it has none of them, is one chance in 10^11. */
static void test_anywhere(void) {
    enum { BLOCKS = 128, SIZE = 10, SLOT = 24, SIXTH = 64 * SLOT };
    unsigned of[PAGE_BYTES / SIXTH + 1] = {0}, least = BLOCKS;
    for (unsigned i = 0; i < BLOCKS; i++)
        of[(uintptr_t)keep(gom_malloc(SIZE)) % PAGE_BYTES / SIXTH]++;
    for (unsigned i = 0; i < PAGE_BYTES / SIXTH; i++)
        least = of[i] < least ? of[i] : least;
    OK(least > 0, "the first blocks of a span lie anywhere in it: %u of %d in the emptiest sixth",
       least, BLOCKS);
}

/* Takes what can be had. */
static unsigned take_guards(enum guard_use use) {
    unsigned n = 0;
    while (guard_is_due(use))
        n++;
    return n;
}

static void test_guards_pace(void) {
    atomic_store_explicit(&guard_next, 0, memory_order_relaxed);
    const uint64_t begin = os_about_now_ns();
    const unsigned small = take_guards(GUARD_SMALL);
    const uint64_t then  = os_about_now_ns();
    const unsigned large = take_guards(GUARD_LARGE);
    const uint64_t end   = os_about_now_ns();
    /* more only as time passes */
    OK(small >= GUARDS_AT_ONCE - GUARDS_KEPT &&
           small <= GUARDS_AT_ONCE - GUARDS_KEPT + (then - begin) / GUARD_NS + 1,
       "guards of short blocks have a pace: %u", small);
    OK(large >= GUARDS_KEPT && large + small <= GUARDS_AT_ONCE + (end - begin) / GUARD_NS + 1,
       "what is left is for large blocks: %u", large);
}

static unsigned mappings(void) {
    static char text[1 << 16];
    const int fd   = open("/proc/self/maps", O_RDONLY);
    unsigned lines = 0;
    for (ssize_t n; (n = read(fd, text, sizeof text)) > 0;)
        for (ssize_t i = 0; i < n; i++)
            lines += text[i] == '\n';
    close(fd);
    return lines;
}

static void test_guards_are_bounded(void) {
    enum { BLOCKS = GUARDS_MOST + 300, OTHERS = 100 };
    static unsigned char *p[BLOCKS];
    const unsigned before = mappings();
    for (unsigned i = 0; i < BLOCKS; i++)
        p[i] = make_guarded(LARGE);
    const unsigned with = mappings() - before;
    OK(with > GUARDS_MOST && with <= 2 * GUARDS_MOST + OTHERS,
       "there is a limit to guards: %u mappings more", with);
    for (unsigned i = 0; i < BLOCKS; i++)
        gom_free(p[i]);
    gom_trim(0);
    const unsigned after = mappings();
    OK(after <= before + OTHERS, "they go with their blocks: %u mappings at first, %u now", before,
       after);
}

/* As threads that asked before any of them had one. */
static void test_guards_at_once(void) {
    enum { ASKED = GUARDS_MOST + 300 };
    static uintptr_t set[ASKED];
    const size_t bytes = os_page_bytes();
    const uintptr_t at = (uintptr_t)os_map(ASKED * bytes);
    unsigned n         = 0;
    must(at);
    for (unsigned i = 0; i < ASKED; i++)
        if (guard_set(at + i * bytes, bytes))
            set[n++] = at + i * bytes;
    OK(n > 0 && n <= GUARDS_MOST, "who comes at once finds the limit, too: %u guards", n);
    for (unsigned i = 0; i < n; i++)
        must(guard_lift(set[i], bytes));
    os_unmap((void *)at, ASKED * bytes);
}

static void test_wiped(void) {
    unsigned char *p = keep(gom_malloc(100));
    unsigned left    = 0;
    memset(p, 0x5a, 100);
    gom_free(p);
    for (unsigned i = 0; i < 100; i++)
        left += ((volatile unsigned char *)p)[i] == 0x5a;
    IS(left, 0, "nothing of a freed block's content is left");
}

/* Each is a draw of its own, so that to know one is to know no other; and another start has others.
 * (A forked child has its parent's.) */
static void test_secrets(void) {
    gom_free(gom_malloc(1)); /* they are drawn for the first block */
    const struct seal_secrets before = seal_secrets;
    const uint64_t some[]            = {before.header, before.before, before.tail,
                                        before.places, before.free,   before.factor};
    enum { SOME = sizeof some / sizeof *some };
    unsigned equal = 0;
    for (unsigned i = 0; i < SOME; i++)
        for (unsigned j = 0; j < i; j++)
            equal += some[i] == some[j];
    IS(equal, 0, "no secret is another's");
    seal_begin();
    const uint64_t others[] = {seal_secrets.header, seal_secrets.before, seal_secrets.tail,
                               seal_secrets.places, seal_secrets.free,   seal_secrets.factor};
    seal_secrets            = before; /* what there is, they have sealed */
    for (unsigned i = 0; i < SOME; i++)
        equal += some[i] == others[i];
    IS(equal, 0, "each start has secrets of its own");
}

/* In a process whose heap has nothing yet. */
static void huge_comes_first(void) {
    void *huge = keep(gom_malloc((size_t)100 << 20)), *small = keep(gom_malloc(10));
    gom_free(huge);
    gom_free(small);
}

int main(void) {
    IS(end_of(huge_comes_first), 0, "a huge block may be the first: its seals stay right");
    guard_never(); /* but where a case wants one */
    test_secrets();
    test_cases();
    test_handler();
    test_usable();
    test_quarantine(40, 1000);
    test_quarantine(5000, 1000);
    test_quarantine(LARGE, 100);
    test_order();
    test_first_slots();
    test_anywhere();
    test_guards_pace();
    test_no_mapping();
    test_guards_are_bounded();
    test_guards_at_once();
    test_guards_that_stay();
    test_wiped();
    return tap_done();
}

#else

enum { SIZES = 5, BLOCKS = 64, ROUNDS = 16 };

static const size_t sizes[SIZES] = {8, 16, 64, 1000, 5000};

static int by_address(const void *a, const void *b) {
    const uintptr_t x = *(const uintptr_t *)a, y = *(const uintptr_t *)b;
    return (x > y) - (x < y);
}

/* How many blocks that malloc gives begin within another one of them, or of those that live. */
static unsigned given_twice(unsigned char *const live[BLOCKS], size_t size) {
    uintptr_t at[(ROUNDS + 1) * BLOCKS];
    unsigned n = 0, wrong = 0;
    for (unsigned i = 0; i < BLOCKS; i++)
        if (live[i])
            at[n++] = (uintptr_t)live[i];
    for (unsigned i = 0; i < ROUNDS * BLOCKS; i++)
        at[n++] = (uintptr_t)gom_malloc(size);
    qsort(at, n, sizeof *at, by_address);
    for (unsigned i = 1; i < n; i++)
        wrong += at[i] - at[i - 1] < size;
    for (unsigned i = 0; i < n; i++)
        wrong += !arena_span_checked(at[i]);
    return wrong;
}

/* All of every second block is written over once it is free, by words of this kind. What malloc
 * gives is in the heap and its own, whatever they say. Returns what is wrong. */
static unsigned write_over(size_t size, unsigned kind) {
    static uint64_t outside;
    unsigned char *p[BLOCKS];
    unsigned changed = 0;
    for (unsigned i = 0; i < BLOCKS; i++)
        memset(p[i] = gom_malloc(size), (int)i, size);
    for (unsigned i = 1; i < BLOCKS; i += 2)
        gom_free(p[i]);
    const uint64_t words[] = {(uintptr_t)&outside, (uintptr_t)p[0], 0, ~UINT64_C(0),
                              0x4141414141414141};
    for (unsigned i = 1; i < BLOCKS; i += 2) {
        for (size_t at = 0; at + 8 <= size; at += 8)
            memcpy(keep(p[i]) + at, &words[kind], 8);
        p[i] = NULL;
    }
    unsigned wrong = given_twice(p, size);
    for (unsigned i = 0; i < BLOCKS; i += 2)
        for (size_t at = 0; at < size; at++)
            changed += p[i][at] != (unsigned char)i;
    return wrong + changed + (outside != 0);
}

int main(void) {
    static const char *const kinds[] = {"an address of the program's", "a live block's address",
                                        "zeros", "ones", "letters"};
    for (unsigned kind = 0; kind < sizeof kinds / sizeof *kinds; kind++)
        for (unsigned i = 0; i < SIZES; i++)
            IS(write_over(sizes[i], kind), 0, "free blocks of %zu bytes may hold %s", sizes[i],
               kinds[kind]);
    tap_skip("misuses", "in the hardened build");
    return tap_done();
}

#endif
