/* fork(2) against everything that allocates meanwhile: under each of the C library's locks, under
 * other libraries' handlers, and in signal handlers that interrupted malloc or free. The program is
 * linked with interpose.c, so that the C library allocates here.
 *
 *     test_fork [FORKS [ROW]]        of each row; default: a few of all. A campaign: 10000
 *
 * Each row of the matrix runs in a process of its own, which the first one watches. A row hangs if
 * for half a minute it neither finishes a fork nor uses the CPU. While it does use it, it has more
 * time. The C library's locks are not fair: on a busy machine, a thread that takes one in a loop
 * can keep the others waiting for long. */
// NOLINTBEGIN(bugprone-signal-handler,bugprone-unused-return-value): handlers that call malloc and
// fork are what is tested here, and what the C library's functions answer is not.
// NOLINTBEGIN(clang-analyzer-optin.portability.UnixAPI): malloc(0), too, is asked for.
// NOLINTBEGIN(misc-no-recursion): a generation forks the next one.
// NOLINTBEGIN(performance-no-int-to-ptr): a thread's argument is a number.
#include "tap.h"

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
int main(void) {
    tap_skip("fork", "sanitisers have their own malloc, which the C library would use");
    return tap_done();
}
#else
#include "interpose.c" // NOLINT(bugprone-suspicious-include): malloc and free are of this file

#include "mcentral.h"
#include "mheap.h"
#include "test_random.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <locale.h>
#include <netdb.h>
#include <pthread.h>
#include <pwd.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { FEW = 4, NOISES = 4, LINE = 50000 };
enum { PATIENCE_S = 30, PATIENCE_RUNNING_S = 600, POLLS = 100 }; /* of them in a second */

/* In memory that the processes of a row share. */
static struct {
    atomic_long forks, bad, inside;
    atomic_long inuse[2], sys[2];
} * shared;

static long wanted = FEW;
static volatile sig_atomic_t stop;

static _Noreturn void give_up(const char *what) {
    dprintf(STDOUT_FILENO, "# %s\n", what);
    atomic_fetch_add(&shared->bad, 1);
    _exit(2);
}

static pthread_t start(void *(*work)(void *), void *argument) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, work, argument) != 0)
        give_up("no thread");
    return thread;
}

/* --- what a child does --- */

enum { EACH_BYTES = 16 << 10, MOST = EACH_BYTES / 8, KEPT = 4096 };

/* A block of `size` bytes is full of its own address's hash. */
static void fill(void *block, size_t size) {
    memset(block, (int)((uintptr_t)block >> 3 ^ (uintptr_t)block >> 12), size);
}

static bool is_full(const void *block, size_t size) {
    const unsigned char *p = block, want = (uint8_t)((uintptr_t)p >> 3 ^ (uintptr_t)p >> 12);
    return p[0] == want && memcmp(p, p + 1, size - 1) == 0;
}

/* 1 MiB in all classes, and a large block; live all at once. */
static bool allocate_all(void) {
    static void *block[KEPT];
    static size_t bytes[KEPT];
    unsigned n = 0;
    bool good  = true;
    for (unsigned class = 1; class <= SIZE_CLASSES; class ++) {
        const size_t size    = class < SIZE_CLASSES ? class_to_size[class] : 300000;
        const unsigned times = size < EACH_BYTES ? (unsigned)(EACH_BYTES / size) : 1;
        for (unsigned i = 0; i < (times < 60 ? times : 60) && n < KEPT; i++, n++) {
            block[n] = malloc(bytes[n] = size);
            if (!block[n])
                return false;
            fill(block[n], size);
        }
    }
    block[0] = realloc(block[0], bytes[0] = 5000);
    fill(block[0], 5000);
    for (unsigned i = 0; i < n; i++) {
        good &= is_full(block[i], bytes[i]);
        free(block[i]);
    }
    return good;
}

static _Noreturn void child(void) {
    alarm(PATIENCE_S);
    _exit(!allocate_all());
}

static void reap(pid_t pid) {
    int status = -1;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    if (status != 0) {
        dprintf(STDOUT_FILENO, "# a child ended with status %#x\n", (unsigned)status);
        atomic_fetch_add(&shared->bad, 1);
    }
    atomic_fetch_add(&shared->forks, 1);
}

static bool more(void) {
    return atomic_load(&shared->forks) < wanted && atomic_load(&shared->bad) == 0;
}

/* --- noises: they go on until the process ends --- */

static char file_name[] = "/tmp/test_fork-XXXXXX";

static void make_file(void) {
    const int fd = mkstemp(file_name);
    FILE *f      = fd < 0 ? NULL : fdopen(fd, "w");
    if (!f)
        give_up("no file");
    for (int i = 0; i < LINE; i++)
        fputc('x', f);
    fputc('\n', f);
    fclose(f);
}

/* realloc under the lock of the FILE */
static void *read_lines(void *unused) {
    FILE *f = fopen(file_name, "r");
    while (f && !stop) {
        char *line = NULL;
        size_t n   = 0;
        rewind(f);
        if (getline(&line, &n, f) < 0)
            give_up("no line");
        free(line);
    }
    return unused;
}

/* A FILE's lock under that of the list of files */
static void *flush_all(void *pause) {
    while (!stop) {
        fflush(NULL);
        if (pause)
            usleep(50);
    }
    return NULL;
}

/* The list of files, for FILEs that come and go */
static void *open_files(void *unused) {
    while (!stop) {
        FILE *f = fopen("/dev/null", "w");
        if (f) {
            fprintf(f, "%01500d %.3000f\n", 1, 1e300);
            fclose(f);
        }
    }
    return unused;
}

/* A buffer that grows under the lock of its FILE, to `bytes` */
static void *write_memory(void *bytes) {
    while (!stop) {
        char *text = NULL;
        size_t n   = 0;
        FILE *f    = open_memstream(&text, &n);
        for (uintptr_t i = 0; f && i < (uintptr_t)bytes; i += 100)
            fprintf(f, "%100d", (int)i);
        if (f)
            fclose(f);
        free(text);
    }
    return NULL;
}

static void *print_long(void *unused) {
    while (!stop) {
        char *text = NULL;
        if (asprintf(&text, "%20000d", 5) > 0)
            free(text);
    }
    return unused;
}

static void *open_library(void *unused) {
    while (!stop) {
        void *library = dlopen("libBrokenLocale.so.1", RTLD_NOW | RTLD_LOCAL);
        if (library)
            dlclose(library);
        dlsym(RTLD_DEFAULT, "there_is_no_such_name");
        dlerror();
    }
    return unused;
}

static int allocate_in_visit(struct dl_phdr_info *info, size_t size, void *bytes) {
    (void)info;
    (void)size;
    void *volatile block = malloc(*(size_t *)bytes);
    free(block);
    return 0;
}

/* Memory under the lock of the loader */
static void *visit_libraries(void *unused) {
    for (size_t bytes = 1; !stop; bytes = bytes * 7 % 100003)
        dl_iterate_phdr(allocate_in_visit, &bytes);
    return unused;
}

static void *make_locales(void *unused) {
    while (!stop) {
        locale_t l = newlocale(LC_ALL_MASK, "C.UTF-8", NULL);
        if (l)
            freelocale(l);
    }
    return unused;
}

static void *set_locale(void *unused) {
    for (unsigned i = 0; !stop; i++)
        setlocale(LC_ALL, i % 2 ? "C.UTF-8" : "C");
    return unused;
}

static void *tell_time(void *unused) {
    for (unsigned i = 0; !stop; i++) {
        struct tm t;
        char text[100];
        const time_t now = (time_t)i * 86400;
        setenv("TZ", i % 2 ? "UTC" : "CET-1CEST,M3.5.0,M10.5.0/3", 1);
        tzset();
        localtime_r(&now, &t);
        strftime(text, sizeof text, "%c %Z", &t);
    }
    return unused;
}

static void *resolve(void *unused) {
    while (!stop) {
        struct addrinfo hints = {.ai_flags = AI_NUMERICHOST, .ai_family = AF_UNSPEC}, *found = NULL;
        if (getaddrinfo("127.0.0.1", "80", &hints, &found) == 0)
            freeaddrinfo(found);
        hints = (struct addrinfo){.ai_family = AF_INET};
        if (getaddrinfo("localhost", "http", &hints, &found) == 0)
            freeaddrinfo(found);
    }
    return unused;
}

static void *look_up(void *unused) {
    while (!stop) {
        struct passwd p, *found;
        struct servent s, *service;
        char text[4096];
        getpwuid_r(0, &p, text, sizeof text, &found);
        getservbyname_r("domain", "udp", &s, text, sizeof text, &service);
    }
    return unused;
}

/* Blocks of all kinds, at most one of them at a time */
static void *allocate(void *most) {
    uint64_t state = (uintptr_t)&state;
    while (!stop) {
        const uint64_t r = next_random(&state);
        char *p          = malloc(r % (uintptr_t)most + 1);
        if (r >> 40 & 1)
            p = realloc(p, (r >> 20) % (uintptr_t)most + 1);
        p[0] = 1;
        free(p);
    }
    return NULL;
}

/* Many at once, so that lists and spans run full and empty */
static void *fill_lists(void *unused) {
    static _Thread_local void *block[2000];
    uint64_t state = (uintptr_t)&state;
    while (!stop) {
        const size_t most = (size_t)16 << next_random(&state) % 9;
        for (unsigned i = 0; i < 2000; i++)
            block[i] = malloc(next_random(&state) % most + 1);
        for (unsigned i = 0; i < 2000; i++)
            free(block[i]);
    }
    return unused;
}

static void *trim(void *unused) {
    while (!stop) {
        void *p = malloc(400000);
        if (p)
            memset(p, 1, 400000);
        free(p);
        malloc_trim(0);
    }
    return unused;
}

static void *one_block(void *bytes) {
    void *volatile block = malloc((size_t)bytes);
    free(block);
    return NULL;
}

/* Threads that begin, allocate and end */
static void *churn(void *most) {
    for (uintptr_t i = 0; !stop; i++) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, one_block, (void *)(i * 7919 % (uintptr_t)most + 1)) == 0)
            pthread_join(thread, NULL);
    }
    return NULL;
}

/* What another library would do: its lock is held while somebody allocates, and over a fork. Of two
 * such libraries, one came before the allocator, so that its handler is the last before a fork. */
struct library {
    pthread_mutex_t lock;
    void *block;
};
static struct library early = {PTHREAD_MUTEX_INITIALIZER, NULL},
                      late  = {PTHREAD_MUTEX_INITIALIZER, NULL};
static bool has_libraries;

static void prepare(struct library *l) {
    pthread_mutex_lock(&l->lock);
    l->block = realloc(l->block, 3000);
}

static void after(struct library *l) {
    l->block = realloc(l->block, 70000);
    free(l->block);
    l->block = NULL;
    pthread_mutex_unlock(&l->lock);
}

static void prepare_early(void) {
    if (has_libraries)
        prepare(&early);
}

/* In a child, the handlers of the allocator come after this one, so it may not allocate yet. */
static void after_early(void) {
    if (has_libraries)
        pthread_mutex_unlock(&early.lock);
}

static void prepare_late(void) {
    prepare(&late);
}

static void after_late(void) {
    after(&late);
}

/* Before all constructors */
static void install_early(void) {
    pthread_atfork(prepare_early, after_early, after_early);
}
__attribute__((section(".preinit_array"), used)) static void (*const first)(void) = install_early;

static void *use_library(void *is_early) {
    struct library *l = is_early ? &early : &late;
    uint64_t state    = (uintptr_t)&state;
    while (!stop) {
        pthread_mutex_lock(&l->lock);
        for (unsigned i = 0; i < 20; i++) {
            void *volatile block = malloc(next_random(&state) % 60000);
            free(block);
        }
        pthread_mutex_unlock(&l->lock);
    }
    return NULL;
}

/* --- who forks --- */

static void fork_once(void) {
    const pid_t pid = fork();
    if (pid == 0)
        child();
    if (pid > 0)
        reap(pid);
}

static void *fork_here(void *unused) {
    while (more())
        fork_once();
    return unused;
}

static void by_this_thread(void) {
    fork_here(NULL);
}

static void *fork_in_thread(void *unused) {
    fork_once();
    return unused;
}

/* It has not allocated. */
static void by_new_thread(void) {
    while (more())
        pthread_join(start(fork_in_thread, NULL), NULL);
}

static void by_two_threads(void) {
    const pthread_t other = start(fork_here, NULL);
    fork_here(NULL);
    pthread_join(other, NULL);
}

static void by_two_new_threads(void) {
    while (more()) {
        const pthread_t a = start(fork_in_thread, NULL), b = start(fork_in_thread, NULL);
        pthread_join(a, NULL);
        pthread_join(b, NULL);
    }
}

/* The child has threads, and one of them forks. */
static void *fork_again(void *unused) {
    stop            = false;
    const pid_t pid = fork();
    if (pid == 0)
        child();
    int status = -1;
    waitpid(pid, &status, 0);
    if (status != 0 || !allocate_all())
        _exit(3);
    return unused;
}

static void by_children(void) {
    while (more()) {
        const pid_t pid = fork();
        if (pid == 0) {
            alarm(PATIENCE_S);
            start(fill_lists, NULL);
            start(allocate, (void *)3000);
            pthread_join(start(fork_again, NULL), NULL);
            _exit(0);
        }
        reap(pid);
    }
}

static pthread_key_t fork_key;

static void fork_at_end(void *unused) {
    (void)unused;
    fork_once();
}

static void *end_with_fork(void *unused) {
    pthread_setspecific(fork_key, &fork_key);
    void *volatile block = malloc(100);
    free(block);
    return unused;
}

/* Its cache is gone by then, or goes afterwards. */
static void by_ending_thread(void) {
    pthread_key_create(&fork_key, fork_at_end);
    while (more())
        pthread_join(start(end_with_fork, NULL), NULL);
}

static void with_handlers(void) {
    has_libraries = true;
    pthread_atfork(prepare_late, after_late, after_late);
    fork_here(NULL);
}

/* --- forks in a signal handler --- */

static volatile sig_atomic_t may_fork, in_child, forked;
static volatile pid_t forked_pid;

static bool holds_a_lock(void) {
    bool held = lock_is_mine(&mheap.lock) || lock_is_mine(&mheap.grow_lock) ||
                lock_is_mine(&mheap.few.lock) || lock_is_mine(&mheap.many.lock);
    for (unsigned i = 0; i < SPAN_CLASSES; i++)
        held |= lock_is_mine(&mcentrals[i].lock);
    return held;
}

/* Where it is not named by the C library */
#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif

enum {
    KINDS_OF_ROUND  = 20,
    FIRST_WINDOW_NS = 20000,
    SELDOM          = 8
}; /* kinds: as operand_bytes has them */

static timer_t signal_timer;
static uint64_t signal_state = 1;
static uint64_t window_began_ns, window_ns[KINDS_OF_ROUND]; /* how long a round of a kind takes */
static unsigned window;                                     /* the present kind */

static uint64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* A signal at any instant of that many nanoseconds from now */
static void signal_within(uint64_t ns) {
    const uint64_t most     = 999999998;
    struct itimerspec after = {{0}, {0}};
    after.it_value.tv_nsec  = 1 + (long)(next_random(&signal_state) % (ns < most ? ns + 1 : most));
    timer_settime(signal_timer, 0, &after, NULL);
}

/* What follows, up to see_to_child, is interrupted at any of its instants. A timer does that on a
 * loaded machine, too, where a thread that sends signals would not run meanwhile. */
static void begin_window(unsigned round) {
    window          = round % KINDS_OF_ROUND;
    may_fork        = true;
    window_began_ns = now_ns();
    signal_within(window_ns[window]);
}

/* Most instants are outside of all locks: of those, few are taken. */
static void on_signal(int number) {
    const int saved = errno;
    (void)number;
    const bool may    = may_fork && !in_child && !forked;
    const bool locked = may && holds_a_lock();
    if (may && !locked && next_random(&signal_state) % SELDOM != 0) {
        signal_within(window_ns[window]);
    } else if (may) {
        atomic_fetch_add(&shared->inside, locked);
        forked_pid = fork();
        in_child   = forked_pid == 0;
        forked     = true;
        if (in_child)
            alarm(PATIENCE_S);
    }
    errno = saved;
}

/* After the interrupted function: the child ends here, the parent waits for it. */
static void see_to_child(void) {
    may_fork = false;
    if (in_child)
        child();
    if (forked)
        reap(forked_pid);
    else
        window_ns[window] = now_ns() - window_began_ns;
    forked = false;
}

enum { OPERANDS = 3000 };
static void *operand[OPERANDS];

static size_t operand_bytes(unsigned round, unsigned i) {
    return round % 4 == 0 ? i % 40 * 5000 : (size_t)8 << (round + i % 3) % 10;
}

static void in_malloc(unsigned round) {
    begin_window(round);
    for (unsigned i = 0; i < OPERANDS && !forked; i++)
        operand[i] = malloc(operand_bytes(round, i));
    see_to_child();
    for (unsigned i = 0; i < OPERANDS; i++) {
        free(operand[i]);
        operand[i] = NULL;
    }
}

static void in_free(unsigned round) {
    for (unsigned i = 0; i < OPERANDS; i++)
        operand[i] = malloc(operand_bytes(round, i));
    begin_window(round);
    for (unsigned i = 0; i < OPERANDS && !forked; i++) {
        free(operand[i]);
        operand[i] = NULL;
    }
    see_to_child();
    for (unsigned i = 0; i < OPERANDS; i++)
        free(operand[i]);
}

static void in_realloc(unsigned round) {
    begin_window(round);
    for (unsigned i = 0; i < OPERANDS && !forked; i++)
        operand[i % 100] = realloc(operand[i % 100], operand_bytes(round + i / 100, i) + 1);
    see_to_child();
}

static void in_trim(unsigned round) {
    for (unsigned i = 0; i < OPERANDS / 10; i++)
        operand[i] = malloc(operand_bytes(round, i));
    for (unsigned i = 0; i < OPERANDS / 10; i++) {
        free(operand[i]);
        operand[i] = NULL;
    }
    begin_window(round);
    malloc_trim(0);
    see_to_child();
}

static void in_handler(void (*operation)(unsigned round)) {
    struct sigevent here        = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGUSR1};
    here.sigev_notify_thread_id = gettid();
    signal(SIGUSR1, on_signal);
    if (timer_create(CLOCK_MONOTONIC, &here, &signal_timer) != 0)
        give_up("no timer");
    for (unsigned kind = 0; kind < KINDS_OF_ROUND; kind++)
        window_ns[kind] = FIRST_WINDOW_NS;
    for (unsigned round = 0; more(); round++)
        operation(round);
}

static void from_malloc(void) {
    in_handler(in_malloc);
}

static void from_free(void) {
    in_handler(in_free);
}

static void from_realloc(void) {
    in_handler(in_realloc);
}

static void from_trim(void) {
    in_handler(in_trim);
}

/* --- no live block is handed out twice --- */

enum { TABLES = 4, ENTRIES = 1500, SIDE_BY_SIDE = 2 };

/* Between two forks the tables' threads work. When a fork has been made they rest, so that the
 * children have the processors. */
static atomic_bool resting;
static atomic_uint bursts[TABLES];

/* A block is in its thread's table from when it is full to before it is freed. */
struct entry {
    size_t bytes;
    unsigned char *_Atomic block;
};
static struct entry table[TABLES][ENTRIES];

static size_t draw_bytes(uint64_t random) {
    const unsigned kind = random & 127;
    random >>= 7;
    return 1 + (kind < 90    ? random % 200
                : kind < 120 ? random % 4000
                : kind < 127 ? random % 33000
                             : random % 200000);
}

static void *keep_table(void *entries) {
    struct entry *all = entries;
    uint64_t state    = (uintptr_t)entries;
    while (!stop) {
        if (resting) {
            usleep(50);
            continue;
        }
        bursts[(all - table[0]) / ENTRIES]++;
        /* One after another, many times the same size: lists run full. */
        const uint64_t burst = next_random(&state), same = next_random(&state);
        for (unsigned i = 0; i < 300; i++) {
            const uint64_t r     = next_random(&state);
            struct entry *e      = &all[(burst + i) % ENTRIES];
            unsigned char *block = e->block;
            if (block) {
                if (!is_full(block, e->bytes))
                    give_up("a block has changed in the parent");
                e->block = NULL;
                free(block);
            }
            if (r % 4 == 0)
                continue;
            e->bytes = draw_bytes(same & 1 ? same >> 1 : r >> 2);
            block    = malloc(e->bytes);
            fill(block, e->bytes);
            e->block = block;
        }
    }
    return NULL;
}

static unsigned changed(void) {
    unsigned n = 0;
    for (unsigned t = 0; t < TABLES; t++)
        for (unsigned i = 0; i < ENTRIES; i++)
            n += table[t][i].block && !is_full(table[t][i].block, table[t][i].bytes);
    return n;
}

static void check_tables(const char *when) {
    const unsigned n = changed();
    if (n) {
        dprintf(STDOUT_FILENO, "# %u blocks have changed in a child %s\n", n, when);
        _exit(4);
    }
}

static void compare_contents(void) {
    enum { MINE = 6000 };
    static struct entry mine[MINE];
    uint64_t state = (uint64_t)getpid();
    check_tables("at once");
    for (unsigned round = 0; round < 2; round++) {
        for (unsigned i = 0; i < MINE; i++) {
            mine[i].bytes = draw_bytes(next_random(&state));
            mine[i].block = malloc(mine[i].bytes);
            fill(mine[i].block, mine[i].bytes);
        }
        check_tables("when it allocates");
        for (unsigned t = 0; t < TABLES; t++)
            for (unsigned i = round; i < ENTRIES; i += 3) {
                free(table[t][i].block);
                table[t][i].block = NULL;
            }
        for (unsigned i = 0; i < MINE; i++) {
            if (!is_full(mine[i].block, mine[i].bytes))
                _exit(5);
            free(mine[i].block);
        }
        if (round == 0)
            malloc_trim(0);
        check_tables("when it frees");
    }
}

/* Returns when each thread has begun to work again, and some time later. */
static void let_them_work(uint64_t *state) {
    unsigned before[TABLES];
    for (unsigned t = 0; t < TABLES; t++)
        before[t] = bursts[t];
    resting = false;
    for (unsigned t = 0; t < TABLES; t++)
        while (bursts[t] == before[t])
            usleep(50);
    usleep((useconds_t)(next_random(state) % 400));
}

static void with_contents(void) {
    uint64_t state           = 1;
    pid_t pids[SIDE_BY_SIDE] = {0};
    for (unsigned t = 0; t < TABLES; t++)
        start(keep_table, table[t]);
    for (unsigned i = 0; more(); i++) {
        let_them_work(&state);
        const pid_t pid = fork();
        resting         = true;
        if (pid == 0) {
            alarm(PATIENCE_S);
            compare_contents();
            child();
        }
        pid_t *oldest = &pids[i % SIDE_BY_SIDE];
        if (*oldest)
            reap(*oldest);
        *oldest = pid;
    }
    for (unsigned i = 0; i < SIDE_BY_SIDE; i++)
        if (pids[i])
            reap(pids[i]);
}

/* --- what generations lose --- */

enum { GENERATIONS = 20 };

static pthread_barrier_t barrier;

/* All classes, so that each list is long and each class has a span. */
static void *use_classes(void *busy) {
    static _Thread_local void *block[600];
    do {
        for (unsigned class = 1; class < SIZE_CLASSES; class ++) {
            const unsigned n = class_to_size[class] < 100 ? 600 : 60000 / class_to_size[class] + 1;
            for (unsigned i = 0; i < n; i++)
                block[i] = malloc(class_to_size[class]);
            for (unsigned i = 0; i < n; i++)
                free(block[i]);
        }
        if (!busy) {
            pthread_barrier_wait(&barrier);
            pause();
        }
        if (busy && busy != &barrier) {
            pthread_barrier_wait(&barrier);
            busy = &barrier;
        }
    } while (!stop);
    return NULL;
}

static void measure(unsigned at) {
    for (unsigned i = 0; i < 3 * NOISES; i++) /* each time by the slow path */
        malloc_trim(0);
    struct gom_memstats m;
    gom_memstats(&m);
    atomic_store(&shared->inuse[at], (long)m.heap_inuse);
    atomic_store(&shared->sys[at], (long)m.heap_sys);
}

static void generation(unsigned number, void *busy) {
    if (number <= 1)
        measure(0);
    if (number == GENERATIONS) {
        measure(1);
        return;
    }
    pthread_barrier_init(&barrier, NULL, NOISES + 1);
    for (unsigned i = 0; i < NOISES; i++)
        start(use_classes, busy);
    pthread_barrier_wait(&barrier);
    const pid_t pid = fork();
    if (pid == 0) {
        alarm(PATIENCE_S);
        generation(number + 1, busy);
        _exit(0);
    }
    stop = true;
    reap(pid);
}

static void idle_generations(void) {
    generation(0, NULL);
}

static void busy_generations(void) {
    generation(0, &wanted);
}

/* --- the matrix --- */

struct row {
    const char *name;
    void (*forks)(void);
    struct {
        void *(*work)(void *);
        uintptr_t argument;
    } noise[NOISES];
};

/* The first of stdio and the first of new threads are those of glibc's bug 19431 and gperftools'
 * issue 1570. */
static const struct row rows[] = {
    {"stdio: long lines, a flush", by_this_thread, {{read_lines, 0}, {flush_all, 1}}},
    {"stdio: two readers, flushes without a pause",
     by_this_thread,
     {{read_lines, 0}, {read_lines, 0}, {flush_all, 0}, {flush_all, 1}}},
    {"stdio: files that come and go",
     by_this_thread,
     {{open_files, 0}, {open_files, 0}, {read_lines, 0}, {flush_all, 0}}},
    {"stdio: a buffer that grows to 3 MB",
     by_this_thread,
     {{write_memory, 3000000}, {flush_all, 1}, {read_lines, 0}}},
    {"stdio: small buffers, two threads fork",
     by_two_threads,
     {{write_memory, 500}, {write_memory, 9000}, {flush_all, 1}, {print_long, 0}}},
    {"stdio: new threads fork",
     by_new_thread,
     {{read_lines, 0}, {flush_all, 1}, {open_files, 0}, {write_memory, 70000}}},
    {"stdio: while others trim and allocate",
     by_this_thread,
     {{read_lines, 0}, {flush_all, 1}, {trim, 0}, {fill_lists, 0}}},
    {"loader",
     by_this_thread,
     {{open_library, 0}, {visit_libraries, 0}, {visit_libraries, 0}, {open_library, 0}}},
    {"locale",
     by_this_thread,
     {{make_locales, 0}, {set_locale, 0}, {tell_time, 0}, {make_locales, 0}}},
    {"resolver", by_this_thread, {{resolve, 0}, {look_up, 0}, {resolve, 0}, {look_up, 0}}},
    {"plain allocation",
     by_this_thread,
     {{fill_lists, 0}, {allocate, 40000}, {trim, 0}, {fill_lists, 0}}},
    {"plain allocation of large blocks",
     by_this_thread,
     {{allocate, 3000000}, {allocate, 200000}, {trim, 0}, {allocate, 70000}}},
    {"a bit of everything",
     by_two_threads,
     {{read_lines, 0}, {open_library, 0}, {make_locales, 0}, {resolve, 0}}},
    {"another library's handlers",
     with_handlers,
     {{use_library, 0}, {use_library, 1}, {fill_lists, 0}, {read_lines, 0}}},
    {"new threads: others begin and end",
     by_new_thread,
     {{churn, 5000}, {churn, 5000}, {churn, 5000}}},
    {"new threads: others make one large block each",
     by_new_thread,
     {{churn, 900000}, {churn, 900000}, {churn, 100}}},
    {"new threads: two at once", by_two_new_threads, {{churn, 5000}, {churn, 50000}}},
    {"new threads: while others trim", by_new_thread, {{churn, 5000}, {trim, 0}, {trim, 0}}},
    {"new threads: of a child", by_children, {{churn, 5000}, {fill_lists, 0}}},
    {"new threads: as they end", by_ending_thread, {{churn, 5000}, {churn, 5000}, {fill_lists, 0}}},
    {"a signal in malloc", from_malloc, {{NULL, 0}}},
    {"a signal in free", from_free, {{NULL, 0}}},
    {"a signal in realloc", from_realloc, {{NULL, 0}}},
    {"a signal in trim", from_trim, {{NULL, 0}}},
    {"a signal in malloc, others allocate",
     from_malloc,
     {{fill_lists, 0}, {allocate, 40000}, {trim, 0}}},
    {"a signal in free, others allocate",
     from_free,
     {{fill_lists, 0}, {allocate, 40000}, {trim, 0}}},
    {"a signal in realloc, others allocate",
     from_realloc,
     {{fill_lists, 0}, {allocate, 90000}, {trim, 0}}},
    {"a signal in trim, others allocate",
     from_trim,
     {{fill_lists, 0}, {allocate, 40000}, {trim, 0}}},
    {"contents of live blocks", with_contents, {{NULL, 0}}},
};

static _Noreturn void run_row(const struct row *row) {
    for (unsigned i = 0; i < NOISES; i++)
        if (row->noise[i].work)
            start(row->noise[i].work, (void *)row->noise[i].argument);
    row->forks();
    _exit(0);
}

/* CPU time of a process's threads, in ticks. */
static long ticks_of(pid_t pid) {
    char path[64], line[1024] = "";
    long user = 0, sys = 0;
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *f = fopen(path, "r");
    if (f && fgets(line, sizeof line, f) && strrchr(line, ')'))
        sscanf(strrchr(line, ')'), ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %ld %ld", &user,
               &sys); // NOLINT(cert-err34-c): of the kernel
    if (f)
        fclose(f);
    return user + sys;
}

/* Runs `body` in a process group of its own; false: it hung or failed. */
static bool watch(void (*body)(const void *), const void *argument) {
    memset(shared, 0, sizeof *shared);
    fflush(NULL);
    const pid_t pid = fork();
    if (pid == 0) {
        setpgid(0, 0);
        body(argument);
        _exit(0);
    }
    long before = -1, ticks = 0;
    int status = -1, without_fork = 0, without_time = 0;
    bool hangs = false;
    while (!hangs && waitpid(pid, &status, WNOHANG) == 0) {
        const long now = atomic_load(&shared->forks), used = ticks_of(pid);
        without_fork = now == before ? without_fork + 1 : 0;
        without_time = without_fork && used == ticks ? without_time + 1 : 0;
        before       = now;
        ticks        = used;
        hangs = without_time >= PATIENCE_S * POLLS || without_fork >= PATIENCE_RUNNING_S * POLLS;
        usleep(1000000 / POLLS);
    }
    kill(-pid, SIGKILL);
    if (hangs) {
        waitpid(pid, &status, 0);
        printf("# it hangs after %ld forks\n", before);
        return false;
    }
    if (status != 0)
        printf("# it ended with status %#x\n", (unsigned)status);
    return status == 0 && shared->bad == 0;
}

static void body_of_row(const void *row) {
    run_row(row);
}

static void body_of_generations(const void *busy) {
    if (busy)
        busy_generations();
    else
        idle_generations();
}

static void test_generations(const char *how, const void *busy, long most) {
    const bool good  = watch(body_of_generations, busy);
    const long inuse = shared->inuse[1] - shared->inuse[0], sys = shared->sys[1] - shared->sys[0];
    OK(good && shared->forks == GENERATIONS, "%d generations of four %s threads", GENERATIONS, how);
    printf("# in use %+ld KiB, heap %+ld KiB\n", inuse >> 10, sys >> 10);
    OK(inuse <= most && sys <= most + (4 << 20), "%s threads: at most %ld KiB are lost", how,
       most >> 10);
}

int main(int argc, char **argv) {
    const unsigned all = sizeof rows / sizeof *rows;
    long only          = -1;
    if (argc > 1)
        wanted = atol(argv[1]);
    if (argc > 2)
        only = atol(argv[2]);
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    setvbuf(stdout, NULL, _IOLBF, 4096);
    make_file();
    for (unsigned i = 0; i < all; i++) {
        if (only >= 0 && only != (long)i)
            continue;
        const bool good = watch(body_of_row, &rows[i]);
        OK(good, "%u: %s: %ld forks", i, rows[i].name, atomic_load(&shared->forks));
        if (shared->inside)
            printf("# %ld of them with a lock held\n", atomic_load(&shared->inside));
    }
    unlink(file_name);
    if (only < 0) {
        test_generations("idle", NULL, 1 << 20);
        test_generations("busy", &wanted, 8 << 20);
    }
    return tap_done();
}
#endif
// NOLINTEND(performance-no-int-to-ptr)
// NOLINTEND(misc-no-recursion)
// NOLINTEND(clang-analyzer-optin.portability.UnixAPI)
// NOLINTEND(bugprone-signal-handler,bugprone-unused-return-value)
