/* The memory limit: what goes back before more is used than it allows, and what a cgroup's is. */
#include "limit.h"

#include "gomalloc.h"
#include "hardened.h"
#include "mcache.h"
#include "mheap.h"
#include "options.h"
#include "os.h"
#include "tap.h"

#include <sys/stat.h>
#include <unistd.h>

enum { MIB = (1 << 20) / PAGE_BYTES, LIMIT = 64 * MIB, SMALL = 64 << 10, LARGE = 1 << 20 };

static void set_limit_to(size_t pages) {
    atomic_store(&limit_pages, pages);
}

/* Pages that may be resident, for all that the statistics know. */
static size_t resident(void) {
    struct gom_memstats m;
    gom_memstats(&m);
    return (m.heap_sys - m.heap_released) / PAGE_BYTES;
}

/* 48 MiB in small blocks, half of them freed, then 32 MiB in larger ones. Returns the most pages
 * that were resident meanwhile. */
static size_t most_of_holes(void) {
    enum { SMALLS = (48 << 20) / SMALL, LARGES = 32 };
    static char *small[SMALLS], *large[LARGES];
    size_t most = 0;
    for (unsigned i = 0; i < SMALLS; i++)
        memset(small[i] = gom_malloc(SMALL), 1, SMALL);
    for (unsigned i = 1; i < SMALLS; i += 2)
        gom_free(small[i]);
    for (unsigned i = 0; i < LARGES; i++) {
        large[i]         = gom_malloc(LARGE);
        const size_t now = resident();
        most             = now > most ? now : most;
        memset(large[i], 2, LARGE);
    }
    for (unsigned i = 0; i < LARGES; i++)
        gom_free(large[i]);
    for (unsigned i = 0; i < SMALLS; i += 2)
        gom_free(small[i]);
    gom_trim(0);
    return most;
}

static void test_holes(void) {
    set_limit_to(0);
    OK(most_of_holes() > LIMIT && limit_excess(100) == 0, "without a limit, nothing exceeds it");
    set_limit_to(LIMIT);
    OK(most_of_holes() <= LIMIT, "holes go back before 56 MiB live exceed a limit of 64");
}

static void test_soft(void) {
    set_limit_to(1 * MIB);
    char *p = gom_malloc((size_t)20 << 20);
    OK(p && limit_excess(100) > 0, "what is live may exceed it");
    gom_free(p);
    gom_trim(0);
}

/* It happens ten times a second at most. */
static void test_cached(void) {
    enum { PATIENCE = 1000 };
    gom_free(memset(gom_malloc(SMALL), 1, SMALL));
    OK(HARDENED /* in quarantine, first */ || mcache_current->spans.pages > 0, "a free span waits");
    set_limit_to(1);
    for (unsigned i = 0; i < PATIENCE && mcache_current->spans.pages; i++) {
        gom_free(gom_alloc(100, GOM_ZERO)); /* by the slow path */
        usleep(10000);
    }
    IS(mcache_current->spans.pages, 0, "it goes back when the limit is exceeded");
    set_limit_to(0);
    gom_trim(0);
}

/* --- cgroups --- */

static char root[] = "/tmp/test_limit-XXXXXX";

static const char *in_root(const char *name) {
    static char path[128];
    snprintf(path, sizeof path, "%s%s", root, name);
    return path;
}

static void put(const char *name, const char *text) {
    FILE *f = fopen(in_root(name), "w");
    if (!f || fputs(text, f) < 0 || fclose(f) != 0)
        _exit(9);
}

static const char *const folders[] = {"/a", "/a/b", "/a/b/c", "/memory", "/memory/x"};
static const char *const files[]   = {"/memory.max",
                                      "/a/memory.max",
                                      "/a/b/memory.max",
                                      "/a/b/c/memory.max",
                                      "/memory/x/memory.limit_in_bytes",
                                      "/self"};

static void test_cgroups(void) {
    static const struct {
        const char *self;
        size_t limit;
        const char *what;
    } cases[] = {
        {"0::/a/b/c\n", 3000000, "version 2: the lowest of the groups around it"},
        {"0::/a/b/", 3000000, "with a slash at the end"},
        {"0::/\n", 4000000, "in a container, whose group is the root"},
        {"0::/not/seen\n", 4000000, "or which does not see its own path"},
        {"3:cpu,memory:/x\n2:pids:/a\n", 2000000, "version 1"},
        {"3:memory,cpu:/x\n0::/a\n", 2000000, "both"},
        {"3:cpu:/x\n", 0, "none of memory"},
        {"", 0, "an empty file"},
        {"0\n:\n::/\n0:memory\n0:,\n", 0, "lines that say nothing"},
    };
    if (!mkdtemp(root))
        _exit(9);
    for (unsigned i = 0; i < sizeof folders / sizeof *folders; i++)
        mkdir(in_root(folders[i]), 0700);
    put("/memory.max", "4000000\n");
    put("/a/memory.max", "3000000\n");
    put("/a/b/memory.max", "3500000\n");
    put("/a/b/c/memory.max", "max\n");
    put("/memory/x/memory.limit_in_bytes", "2000000\n");
    char self[128];
    snprintf(self, sizeof self, "%s", in_root("/self"));
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        put("/self", cases[i].self);
        IS(limit_of_cgroup(root, self), cases[i].limit, "%s", cases[i].what);
    }
    put("/memory/x/memory.limit_in_bytes", "9223372036854771712\n");
    put("/self", "3:memory:/x\n");
    IS(limit_of_cgroup(root, self), 0, "version 1's word for none");
    IS(limit_of_cgroup(root, "/nowhere/self"), 0, "no such file");
    for (unsigned i = 0; i < sizeof files / sizeof *files; i++)
        unlink(in_root(files[i]));
    for (unsigned i = sizeof folders / sizeof *folders; i-- > 0;)
        rmdir(in_root(folders[i]));
    rmdir(root);
}

int main(void) {
    options[OPTION_SCAVENGE] = SCAVENGE_NEVER; /* the limit holds all the same */
    test_holes();
    test_soft();
    test_cached();
    test_cgroups();
    return tap_done();
}
