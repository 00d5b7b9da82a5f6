/* A malloc library around another one, which costs exactly so much more in chosen rows, and nothing
 * more in all others. A row is a workload at a number of threads. A gate must find this; a gate
 * that finds nothing here is broken.
 *
 * scripts/gate_proof/planted.py builds it: linked with the library WRAPPED, with the cost in the
 * string PLAN. That has a fixed size, so that two of these differ in it and in nothing else. Plants
 * are separated by ';', each a row and what it costs there:
 *
 *   - small/1 spin 64 500: with workload small and 1 thread, at every 64th malloc of a thread, 500
 *     pairs of instructions, each of which waits for the one before;
 *   - tiny/2 madvise 1000: at every 1000th malloc of a thread, a system call;
 *   - small/2 leak 1000: at every 1000th malloc of a thread, another block of the size is lost;
 *   - large/1 rss 1048576: so many bytes are mapped and written at the start;
 *   - seldom/1 pause 1000000 1000: at every 1000000th malloc of a thread, it sleeps so many
 *     microseconds;
 *   - lock_convoy/4 refill 32 500: a thread has a cache of 32 blocks. At each malloc that finds it
 *     empty, and at each free that finds twice as many in it, 500 pairs of instructions move 32;
 *   - lock_convoy/4 convoy 32 500: the same, behind one lock for all threads;
 *   - calloc_dirty/1 calloc 100: at each calloc, 100 pairs of instructions;
 *   - calloc_fresh/1 clear 1: calloc writes zeros into all of the block, whatever is in it;
 *   - realloc_huge/1 copy 1: each realloc moves to another block;
 *   - larson/1 foreign 100: at each free of a block of another thread, 100 pairs of instructions.
 *     Only malloc notes who got a block; those of other functions count as another thread's;
 *   - hand_over_pairs/2 strand 2: each second block that another thread frees is lost;
 *   - small/2 keep 1000: from the 1000th free of a thread on without a malloc, none gives the block
 *     back.
 *
 * The workload may be a star, for all of them; a star alone is each row. The row is that of the
 * cell's own command line; any other program has none, and no cost.
 *
 * Calls before the constructor (the loader's, other libraries' constructors) are served from a
 * static buffer: which functions are WRAPPED's is not known yet. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <malloc.h>
#include <pthread.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#ifndef PLAN /* for tools that look at the file alone */
#define PLAN    ""
#define WRAPPED "libc.so.6"
#endif

enum { PLAN_BYTES = 1024, EARLY_BYTES = 64 << 10, PAGE = 4096 };

static const volatile char plan[PLAN_BYTES] = PLAN;
_Static_assert(sizeof PLAN <= PLAN_BYTES, "the plan fits");

// NOLINTBEGIN(readability-inconsistent-declaration-parameter-name): glibc's have reserved names
#define EXPORT __attribute__((visibility("default")))

/* --- before the constructor --- */

static struct {
    alignas(max_align_t) char bytes[EARLY_BYTES];
    size_t used;
} early;

static bool is_early(const void *block) {
    return (uintptr_t)block - (uintptr_t)early.bytes < EARLY_BYTES;
}

/* One thread, as there is before the constructors. Zeroed, for nothing is handed out twice. */
static void *early_malloc(size_t size) {
    const size_t bytes = (size + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
    if (bytes < size || bytes > EARLY_BYTES - early.used) {
        errno = ENOMEM;
        return NULL;
    }
    void *block = early.bytes + early.used;
    early.used += bytes;
    return block;
}

static void *early_calloc(size_t count, size_t size) {
    size_t bytes;
    return __builtin_mul_overflow(count, size, &bytes) ? NULL : early_malloc(bytes);
}

static void early_free(void *block) {
    (void)block; /* is_early, for no other exists yet */
}

/* --- the wrapped library --- */

#define FUNCTIONS(F)                                                                               \
    F(reallocarray, void *, (void *block, size_t count, size_t size), (block, count, size))        \
    F(aligned_alloc, void *, (size_t alignment, size_t size), (alignment, size))                   \
    F(memalign, void *, (size_t alignment, size_t size), (alignment, size))                        \
    F(valloc, void *, (size_t size), (size))                                                       \
    F(pvalloc, void *, (size_t size), (size))

static struct {
    void *(*malloc)(size_t);
    void *(*calloc)(size_t, size_t);
    void (*free)(void *);
    void *(*realloc)(void *, size_t);
    int (*posix_memalign)(void **, size_t, size_t);
    size_t (*malloc_usable_size)(void *);
    int (*malloc_trim)(size_t);
// NOLINTNEXTLINE(bugprone-macro-parentheses): a declaration
#define MEMBER(name, type, parameters, arguments) type(*name) parameters;
    FUNCTIONS(MEMBER)
#undef MEMBER
} wrapped = {.malloc = early_malloc, .calloc = early_calloc, .free = early_free};

/* --- the plant --- */

static unsigned period = UINT_MAX; /* mallocs of a thread from one payment to the next */
static unsigned pairs;             /* of instructions */
static bool calls, leaks, pauses;
static struct timespec pause_time;
static _Thread_local unsigned since_paid;

/* What a malloc or a free looks at. Most plans have nothing of it. */
static struct {
    bool any;
    unsigned cached, moving; /* blocks of a refill, and its pairs of instructions */
    bool locks;
    bool marks;        /* of whom a block is */
    unsigned foreign;  /* pairs */
    unsigned stranded; /* one in so many */
    unsigned kept;     /* frees in a row before it */
} hooks;
static unsigned calloc_pairs;
static bool clears, copies;

/* A chain that the processor cannot overlap with what surrounds it. */
static void spin(unsigned n) {
#if defined __x86_64__
    __asm__ volatile("lfence\n1: dec %0\n jnz 1b\n lfence" : "+r"(n)::"cc", "memory");
#elif defined __aarch64__
    __asm__ volatile("isb\n1: subs %w0, %w0, #1\n b.ne 1b\n isb" : "+r"(n)::"cc", "memory");
#else
#error "a chain of instructions is to be written for this processor"
#endif
}

static __attribute__((noinline)) void pay(size_t size) {
    since_paid = 0;
    if (pairs)
        spin(pairs);
    if (calls) /* of no effect: the default advice, on a page of this library */
        syscall(SYS_madvise, (uintptr_t)early.bytes & ~(uintptr_t)(PAGE - 1), PAGE, MADV_NORMAL);
    if (pauses)
        nanosleep(&pause_time, NULL);
    static void *volatile lost;
    if (leaks)
        lost = wrapped.malloc(size);
}

/* --- a slow path, and a lock in it --- */

static pthread_mutex_t slow_path = PTHREAD_MUTEX_INITIALIZER;
static _Thread_local unsigned cached;

static void move(void) {
    cached = hooks.cached;
    if (hooks.locks)
        pthread_mutex_lock(&slow_path);
    if (hooks.moving)
        spin(hooks.moving);
    if (hooks.locks)
        pthread_mutex_unlock(&slow_path);
}

/* --- whose a block is, by a mark in a table --- */

enum { OWNERS = 1 << 18, MARKS = 255 };

/* Two blocks may share a place, and threads a mark: then a free costs what another would. */
static atomic_uchar owner[OWNERS];
static atomic_uint marked; /* threads */
static _Thread_local unsigned char mark;

static unsigned char own_mark(void) {
    if (!mark) /* relaxed: the number is all there is to it */
        mark = (unsigned char)(1 +
                               atomic_fetch_add_explicit(&marked, 1, memory_order_relaxed) % MARKS);
    return mark;
}

static atomic_uchar *owner_of(const void *block) {
    const uintptr_t number = (uintptr_t)block / alignof(max_align_t);
    return &owner[(number ^ number / OWNERS) % OWNERS];
}

/* --- hooks --- */

static _Thread_local unsigned freed_in_a_row, freed_foreign;

static __attribute__((noinline)) void after_malloc(const void *block) {
    freed_in_a_row = 0;
    if (hooks.cached) {
        if (!cached)
            move();
        cached--;
    }
    if (hooks.marks) /* relaxed, as below: who has the block has it by the program's own order */
        atomic_store_explicit(owner_of(block), own_mark(), memory_order_relaxed);
}

/* False: the block of another thread is lost. */
static bool free_foreign(void) {
    if (hooks.foreign)
        spin(hooks.foreign);
    return !hooks.stranded || ++freed_foreign % hooks.stranded;
}

/* False: the block is not given back. */
static __attribute__((noinline)) bool before_free(const void *block) {
    if (!block)
        return true;
    if (hooks.cached && ++cached > 2 * hooks.cached)
        move();
    if (hooks.marks && atomic_load_explicit(owner_of(block), memory_order_relaxed) != own_mark() &&
        !free_foreign())
        return false;
    return !hooks.kept || ++freed_in_a_row <= hooks.kept;
}

static void hold(size_t bytes) {
    char *block = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (size_t at = 0; block != MAP_FAILED && at < bytes; at += PAGE)
        block[at] = 1;
}

static void plant_hook(const char *what, unsigned number, unsigned second) {
    const bool locks = strcmp(what, "convoy") == 0;
    if (locks || strcmp(what, "refill") == 0) {
        hooks.cached = number;
        hooks.moving = second;
        hooks.locks  = locks;
    } else if (strcmp(what, "foreign") == 0) {
        hooks.marks   = true;
        hooks.foreign = number;
    } else if (strcmp(what, "strand") == 0) {
        hooks.marks    = true;
        hooks.stranded = number;
    } else if (strcmp(what, "keep") == 0) {
        hooks.kept = number;
    } else if (strcmp(what, "calloc") == 0) {
        calloc_pairs = number;
    } else if (strcmp(what, "clear") == 0) {
        clears = true;
    } else if (strcmp(what, "copy") == 0) {
        copies = true;
    }
    hooks.any = hooks.cached || hooks.marks || hooks.kept;
}

static void plant(const char *what, unsigned long number, unsigned long second) {
    if (strcmp(what, "spin") == 0) {
        period = (unsigned)number;
        pairs  = (unsigned)second;
    } else if (strcmp(what, "madvise") == 0) {
        period = (unsigned)number;
        calls  = true;
    } else if (strcmp(what, "leak") == 0) {
        period = (unsigned)number;
        leaks  = true;
    } else if (strcmp(what, "rss") == 0) {
        hold(number);
    } else if (strcmp(what, "pause") == 0) {
        period     = (unsigned)number;
        pauses     = true;
        pause_time = (struct timespec){(time_t)(second / 1000000), (long)(second % 1000000) * 1000};
    } else {
        plant_hook(what, (unsigned)number, (unsigned)second);
    }
}

/* A row of the plan, as said above. */
static bool is_row(const char *planted, const char *row) {
    if (strcmp(planted, "*") == 0 || strcmp(planted, row) == 0)
        return true;
    return strncmp(planted, "*/", 2) == 0 && strcmp(planted + 1, strchr(row, '/')) == 0;
}

/* The cell's row, "small/1", from its command line; "" in any other program. */
static void find_row(char *row, size_t size) {
    char line[4096];
    const char *workload = NULL, *threads = "1";
    const long fd = syscall(SYS_openat, AT_FDCWD, "/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
    long length   = fd < 0 ? 0 : syscall(SYS_read, fd, line, sizeof line - 2);
    if (fd >= 0)
        syscall(SYS_close, fd);
    length       = length < 0 ? 0 : length;
    line[length] = line[length + 1] = '\0';
    for (const char *word = line; *word; word += strlen(word) + 1) {
        const char *value = word + strlen(word) + 1;
        if (strcmp(word, "--run") == 0)
            workload = value;
        else if (strcmp(word, "--threads") == 0)
            threads = value;
    }
    snprintf(row, size, "%s%s%s", workload ? workload : "", workload ? "/" : "",
             workload ? threads : "");
}

static void read_plan(void) {
    char row[64], text[PLAN_BYTES];
    find_row(row, sizeof row);
    for (size_t i = 0; i < PLAN_BYTES; i++)
        text[i] = plan[i];
    char *rest = text;
    for (char *each; *row && (each = strsep(&rest, ";"));) {
        char planted[64], what[16];
        unsigned long number = 0, second = 0;
        if (sscanf(each, " %63s %15s %lu %lu", planted, what, &number, &second) >= 3 &&
            is_row(planted, row))
            plant(what, number, second);
    }
}

/* The library's own function; NULL: it has none, though one that it is linked with may. */
static void *find(void *library, const char *name) {
    void *function = dlsym(library, name);
    Dl_info info;
    const struct link_map *own = library;
    const bool found =
        function && dladdr(function, &info) && strcmp(info.dli_fname, own->l_name) == 0;
    return found ? function : NULL;
}

__attribute__((constructor)) static void begin(void) {
    void *library = dlopen(WRAPPED, RTLD_LAZY | RTLD_NOLOAD);
    if (!library || !find(library, "malloc") || !find(library, "free")) {
        fprintf(stderr, "planted: no malloc library: %s\n", WRAPPED);
        _exit(2);
    }
#define FIND(name, ...) *(void **)&wrapped.name = find(library, #name);
    FUNCTIONS(FIND)
    FIND(malloc_trim)
    FIND(malloc_usable_size)
    FIND(posix_memalign)
    FIND(realloc)
    FIND(free)
    FIND(calloc)
    FIND(malloc)
#undef FIND
    read_plan();
}

/* --- the names of the C library --- */

EXPORT void *malloc(size_t size) {
    void *block = wrapped.malloc(size);
    if (__builtin_expect(++since_paid >= period, 0))
        pay(size);
    if (__builtin_expect(hooks.any, 0))
        after_malloc(block);
    return block;
}

EXPORT void *calloc(size_t count, size_t size) {
    void *block = wrapped.calloc(count, size);
    if (calloc_pairs)
        spin(calloc_pairs);
    if (clears && block)
        memset(block, 0, count * size);
    return block;
}

EXPORT void free(void *block) {
    if (__builtin_expect(hooks.any, 0) && !before_free(block))
        return;
    if (__builtin_expect(!is_early(block), 1))
        wrapped.free(block);
}

static void *move_to(void *block, size_t size) {
    void *new = wrapped.malloc(size);
    if (new) {
        const size_t had = wrapped.malloc_usable_size(block);
        memcpy(new, block, had < size ? had : size);
        wrapped.free(block);
    }
    return new;
}

EXPORT void *realloc(void *block, size_t size) {
    if (copies && block && size && wrapped.malloc_usable_size && !is_early(block))
        return move_to(block, size);
    if (wrapped.realloc && !is_early(block))
        return wrapped.realloc(block, size);
    void *new = wrapped.malloc(size);
    if (new &&block) { /* within the buffer, whatever the size was */
        const size_t most = (size_t)(early.bytes + EARLY_BYTES - (char *)block);
        memcpy(new, block, size < most ? size : most);
    }
    return new;
}

EXPORT int posix_memalign(void **block, size_t alignment, size_t size) {
    return wrapped.posix_memalign ? wrapped.posix_memalign(block, alignment, size) : ENOMEM;
}

EXPORT size_t malloc_usable_size(void *block) {
    return wrapped.malloc_usable_size && !is_early(block) ? wrapped.malloc_usable_size(block) : 0;
}

EXPORT int malloc_trim(size_t pad) {
    return wrapped.malloc_trim ? wrapped.malloc_trim(pad) : 0;
}

#define FORWARD(name, type, parameters, arguments)                                                 \
    EXPORT type name parameters {                                                                  \
        if (wrapped.name)                                                                          \
            return wrapped.name arguments;                                                         \
        errno = ENOMEM;                                                                            \
        return NULL;                                                                               \
    }
FUNCTIONS(FORWARD)
// NOLINTEND(readability-inconsistent-declaration-parameter-name)
