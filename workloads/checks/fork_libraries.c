/* fork while other threads are inside the C library, or another library, and allocate there under
 * its locks. The checks are of the noun `fork`, too.
 *
 * An allocator that takes its own locks before a fork holds them while the C library takes its: the
 * list of files, those of the loader and of the resolver. Whoever has one of these may be waiting
 * for memory. Then nobody goes on, in the parent, for good.
 *
 * The C library calls the process's malloc. So these are of use where that is the allocator's. */
#include "check.h"
#include "noise.h"
#include "owner_of.h"

#include <dlfcn.h>
#include <execinfo.h>
#include <link.h>
#include <locale.h>
#include <netdb.h>
#include <pthread.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* MANY: where a fork that comes back does so by luck. FEW: where there is much to do for each. */
enum { MANY = 200, FEW = 60 };

/* What fits a thread's cache, and what each allocator takes from all threads' memory. */
enum { SHORT_LINE = 50000, LONG_LINE = 600000 };

/* --- stdio --- */

/* Its buffer grows under the lock of the FILE. */
static void read_line(struct check_run *c, uint64_t nth) {
    static char text[LONG_LINE];
    static FILE *files[2];
    char *line  = NULL;
    size_t room = 0;
    if (!files[0]) {
        memset(text, 'x', sizeof text - 1);
        files[0] = fmemopen(text, SHORT_LINE, "r");
        files[1] = fmemopen(text, sizeof text, "r");
    }
    FILE *file = files[nth % 4 == 0];
    if (!file)
        return check_unsupported(c, "no stream in memory can be opened");
    rewind(file);
    (void)!getline(&line, &room, file);
    free(line);
}

/* The lock of each FILE under that of their list. */
static void flush_all(struct check_run *c, uint64_t nth) {
    (void)c;
    (void)nth;
    fflush(NULL);
}

/* FILEs that come and go, and a buffer that grows. */
static void open_files(struct check_run *c, uint64_t nth) {
    char *text  = NULL;
    size_t size = 0;
    FILE *file  = nth % 2 ? fopen("/dev/null", "w") : open_memstream(&text, &size);
    (void)c;
    if (file) {
        fprintf(file, "%01500d %.3000f\n", 1, 1e300);
        fclose(file);
    }
    free(text);
}

/* --- the loader --- */

static void open_library(struct check_run *c, uint64_t nth) {
    void *library = dlopen("libBrokenLocale.so.1", RTLD_NOW | RTLD_LOCAL);
    (void)c;
    (void)nth;
    if (library)
        dlclose(library);
    (void)!dlsym(RTLD_DEFAULT, "there_is_no_such_name");
    dlerror();
}

static int allocate_in_visit(struct dl_phdr_info *info, size_t size, void *bytes) {
    void *volatile block = malloc(*(size_t *)bytes);
    (void)info;
    (void)size;
    free(block);
    return 0;
}

static void visit_libraries(struct check_run *c, uint64_t nth) {
    size_t bytes = nth * 7919 % 100003 + 1;
    (void)c;
    dl_iterate_phdr(allocate_in_visit, &bytes);
}

/* --- locale and time --- */

static void make_locale(struct check_run *c, uint64_t nth) {
    locale_t made = newlocale(LC_ALL_MASK, nth % 2 ? "C.UTF-8" : "POSIX", NULL);
    (void)c;
    if (made)
        freelocale(made);
}

static void set_locale(struct check_run *c, uint64_t nth) {
    (void)c;
    setlocale(LC_ALL, nth % 2 ? "C.UTF-8" : "C");
}

static void tell_time(struct check_run *c, uint64_t nth) {
    struct tm t;
    char text[100];
    const time_t now = (time_t)nth * 86400;
    (void)c;
    setenv("TZ", nth % 2 ? "UTC" : "CET-1CEST,M3.5.0,M10.5.0/3", 1);
    tzset();
    localtime_r(&now, &t);
    strftime(text, sizeof text, "%c %Z", &t);
}

/* --- names of hosts and users; nothing is asked of a network --- */

static void resolve(struct check_run *c, uint64_t nth) {
    const struct addrinfo numeric = {.ai_flags = AI_NUMERICHOST, .ai_family = AF_UNSPEC};
    struct addrinfo *found        = NULL;
    (void)c;
    if (getaddrinfo("127.0.0.1", nth % 2 ? "80" : "http", &numeric, &found) == 0)
        freeaddrinfo(found);
}

/* Each of these holds a lock while it reads a file. One thread alone is here. */
static void look_up(struct check_run *c, uint64_t nth) {
    (void)c;
    if (nth % 2)
        (void)getpwuid(0); /* NOLINT(concurrency-mt-unsafe) */
    else
        (void)getservbyname("domain", "udp"); /* NOLINT(concurrency-mt-unsafe) */
}

/* --- another library --- */

/* Its lock is held while somebody allocates, and, by its handlers, over a fork. */
struct library {
    pthread_mutex_t lock;
    void *block;
};

static void use_library(struct check_run *c, struct library *l, uint64_t nth) {
    pthread_mutex_lock(&l->lock);
    for (unsigned i = 0; i < 20; i++) {
        void *volatile block = c->a->malloc(1 + contents_mix(nth * 20 + i) % 600000);
        c->a->free(block);
    }
    pthread_mutex_unlock(&l->lock);
}

/* This one comes after the allocator. So its handler is called before the allocator's ahead of a
 * fork, and after it behind one: it may allocate. */
static struct library late = {PTHREAD_MUTEX_INITIALIZER, NULL};
static const struct allocator *late_allocator;

static void prepare_late(void) {
    pthread_mutex_lock(&late.lock);
    late.block = late_allocator->malloc(3000);
}

static void after_late(void) {
    late_allocator->free(late.block);
    late_allocator->free(late_allocator->malloc(70000));
    pthread_mutex_unlock(&late.lock);
}

static void use_late(struct check_run *c, uint64_t nth) {
    use_library(c, &late, nth);
}

/* This one came before. So its handler comes when that of the allocator was called, and must not
 * allocate; but who has its lock may wait for the allocator. */
static const char early_name[] = "fork.early_library";
static struct library early    = {PTHREAD_MUTEX_INITIALIZER, NULL};

static void prepare_early(void) {
    pthread_mutex_lock(&early.lock);
}

static void after_early(void) {
    pthread_mutex_unlock(&early.lock);
}

/* Only in a process that runs the check. Called before the constructors of any object. */
static void install_early(int argc, char **argv, char **environment) {
    (void)environment;
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], early_name) == 0)
            pthread_atfork(prepare_early, after_early, after_early);
}
__attribute__((section(".preinit_array"),
               used)) static void (*const preinit)(int, char **, char **) = install_early;

static void use_early(struct check_run *c, uint64_t nth) {
    use_library(c, &early, nth);
}

/* --- the forks --- */

struct scene {
    noise_round *const *rounds;
    unsigned forks;
    void (*child)(struct check_run *, void *);
};

static void end_at_once(struct check_run *c, void *arg) {
    (void)c;
    (void)arg;
    noise_hush();
}

/* Allocates in all classes up to 1 MiB. */
static void allocate(struct check_run *c, void *arg) {
    (void)arg;
    noise_hush();
    for (size_t size = 1; size < 1 << 20; size = size * 3 / 2 + 1) {
        unsigned char *block = c->a->malloc(size);
        MUST(c, block != NULL, "a block", "malloc(%zu) gave NULL in the child", size);
        *block = 1;
        c->a->free(block);
        check_progress(c);
    }
}

static void fork_beside(struct check_run *c, void *arg) {
    const struct scene *s = arg;
    void *frame[1];
    /* Opens a library, at its first call. An allocator that calls it now and then would do so
     * within malloc; that is a matter of plugin.c. */
    (void)!backtrace(frame, 1);
    if (!noise_begin(c, s->rounds))
        return;
    for (uint64_t i = 0; i < s->forks && c->verdict == CHECK_PASS; i++) {
        noise_turn(1);
        for (uint64_t spin = contents_mix(c->seed + i) % 200000; spin > 0; spin--)
            __asm__ volatile("");
        check_child(c, s->child, NULL, 1, "a child that works");
        noise_rest();
        check_progress(c);
    }
    noise_end();
}

/* `rounds` ends with NULL. */
static void beside(struct check_run *c, noise_round *const rounds[], unsigned forks,
                   void (*child)(struct check_run *, void *)) {
    const struct scene s = {rounds, forks, child};
    if (owner_serves_process(c))
        check_child(c, fork_beside, (void *)&s, 30, "a fork that comes back");
}

#define PARENT_GOES_ON "POSIX.1-2024 fork: the parent goes on; malloc is thread-safe, XSH 2.9.1"

CHECK(stdio, .name = "fork.stdio", .kind = CHECK_REQUIRED, .profiles = PROFILES_POSIX,
      .process = PROCESS_PRELOADED, .clause = PARENT_GOES_ON,
      .summary = "fork comes back while other threads are in getline, fflush(NULL), fopen") {
    beside(c, (noise_round *const[]){read_line, flush_all, open_files, NULL}, MANY, end_at_once);
}

CHECK(loader, .name = "fork.loader", .kind = CHECK_REQUIRED, .profiles = PROFILES_POSIX,
      .process = PROCESS_PRELOADED, .clause = PARENT_GOES_ON,
      .summary = "fork comes back while other threads are in dlopen, dl_iterate_phdr") {
    beside(c, (noise_round *const[]){open_library, visit_libraries, NULL}, FEW, end_at_once);
}

CHECK(locale, .name = "fork.locale", .kind = CHECK_REQUIRED, .profiles = PROFILES_POSIX,
      .process = PROCESS_PRELOADED, .clause = PARENT_GOES_ON,
      .summary = "fork comes back while other threads are in setlocale, newlocale, tzset") {
    beside(c, (noise_round *const[]){make_locale, set_locale, tell_time, NULL}, FEW, end_at_once);
}

CHECK(resolver, .name = "fork.resolver", .kind = CHECK_REQUIRED, .profiles = PROFILES_POSIX,
      .process = PROCESS_PRELOADED, .clause = PARENT_GOES_ON,
      .summary = "fork comes back while other threads are in getaddrinfo, getservbyname") {
    beside(c, (noise_round *const[]){resolve, look_up, NULL}, FEW, end_at_once);
}

CHECK(library, .name = "fork.library", .kind = CHECK_REQUIRED, .profiles = PROFILES_POSIX,
      .clause  = "POSIX.1-2024 fork, pthread_atfork: handlers of others are called in their order",
      .summary = "fork comes back where a library allocates under a lock that its handlers take") {
    const struct scene s = {(noise_round *const[]){use_late, use_late, NULL}, MANY, end_at_once};
    late_allocator       = c->a;
    if (pthread_atfork(prepare_late, after_late, after_late) != 0)
        return check_unsupported(c, "no handlers of fork can be installed");
    check_child(c, fork_beside, (void *)&s, 30, "a fork that comes back");
}

CHECK(early_library, .name = early_name, .kind = CHECK_EXTENSION, .profiles = PROFILE_GLIBC,
      .clause  = "no promise of POSIX; the C library keeps it, whose malloc has no handlers",
      .summary = "the same where the library came before the allocator: the child allocates") {
    const struct scene s = {(noise_round *const[]){use_early, use_early, NULL}, MANY, allocate};
    check_child(c, fork_beside, (void *)&s, 30, "a fork that comes back");
}

CHECK(inside, .name = "fork.inside_libraries", .kind = CHECK_EXTENSION, .profiles = PROFILE_GLIBC,
      .process = PROCESS_PRELOADED, .clause = "no promise of POSIX; the C library keeps it",
      .summary = "the child allocates that is forked while others are inside the C library") {
    beside(c,
           (noise_round *const[]){read_line, flush_all, open_files, visit_libraries, make_locale,
                                  resolve, look_up, NULL},
           FEW, allocate);
}
