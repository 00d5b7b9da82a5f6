/* Libraries that come and go while the program runs. The one here (plugin/library.c) is built
 * beside the folder of the cells. */
#include "plugin.h"
#include "check.h"

#include <dlfcn.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct plugin_host plugin_host;

/* Its path: plugin.so in the folder above the cell's. */
static bool find(struct check_run *c, char *path, size_t size) {
    char self[PATH_MAX];
    const ssize_t length          = readlink("/proc/self/exe", self, sizeof self - 1);
    self[length < 0 ? 0 : length] = '\0';
    for (int i = 0; i < 2; i++) {
        char *slash = strrchr(self, '/');
        if (slash)
            *slash = '\0';
    }
    plugin_host = (struct plugin_host){.a = c->a};
    if (snprintf(path, size, "%s/plugin.so", self) < (int)size && access(path, R_OK) == 0)
        return true;
    check_unsupported(c, "there is no %s", path);
    return false;
}

/* Opens and closes it so many times. */
static bool come_and_go(struct check_run *c, const char *path, unsigned times) {
    for (unsigned i = 0; i < times; i++) {
        void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
        if (!library)
            return check_that(c, false, "a library that can be opened", "dlopen: %s", dlerror());
        dlclose(library);
        if (!check_that(c, !plugin_host.missing, "a block",
                        "malloc gave NULL in the constructor of a library") ||
            !check_that(c, !plugin_host.changed, "a live block belongs to its owner alone",
                        "%u bytes changed before the destructor of a library ran",
                        plugin_host.changed))
            return false;
        if (!plugin_host.destructed) {
            check_unsupported(c, "dlclose does not unload a library here, as it need not");
            return false;
        }
    }
    if (plugin_host.constructed == times && plugin_host.destructed == times)
        return true;
    check_unsupported(c, "of %u openings of a library, %u constructed and %u destructed it", times,
                      plugin_host.constructed, plugin_host.destructed);
    return false;
}

/* Relaxed, the store and the load in churn: only that it comes counts. What the threads did is
 * ordered by pthread_join. */
static atomic_bool stop;

/* Relaxed: blocks that the thread made so far, or nearly so. */
static atomic_ulong churned;

static void *churn(void *arg) {
    const struct check_run *c = arg;
    void *block[16]           = {NULL};
    for (uint64_t i = 0; !atomic_load_explicit(&stop, memory_order_relaxed); i++) {
        const uint64_t random = contents_mix(c->seed + i);
        c->a->free(block[random % 16]);
        block[random % 16] = c->a->malloc(1 + (random >> 8) % 3000);
        atomic_store_explicit(&churned, i, memory_order_relaxed);
    }
    for (size_t i = 0; i < 16; i++)
        c->a->free(block[i]);
    return NULL;
}

/* The linker's lock is held. A thread that needs it within malloc, perhaps in one of many thousand
 * calls only, comes to stand meanwhile, and must not hold what the constructor needs then. */
static void stay(void) {
    enum { MANY = 100000, MOST = 300 };
    const struct timespec moment = {.tv_nsec = 10000000};
    const unsigned long enough   = atomic_load_explicit(&churned, memory_order_relaxed) + MANY;
    for (unsigned i = 0; i < MOST && atomic_load_explicit(&churned, memory_order_relaxed) < enough;
         i++)
        nanosleep(&moment, NULL);
    for (unsigned i = 0; i < MANY; i++)
        plugin_host.a->free(plugin_host.a->malloc(1 + i % 3000));
}

static void come_and_go_beside(struct check_run *c, void *path) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, churn, c) != 0)
        return check_unsupported(c, "no thread can be created");
    plugin_host.in_constructor = stay;
    if (come_and_go(c, path, 1)) {
        plugin_host.in_constructor = NULL;
        plugin_host.constructed = plugin_host.destructed = 0;
        come_and_go(c, path, 100);
    }
    atomic_store_explicit(&stop, true, memory_order_relaxed);
    pthread_join(thread, NULL);
}

CHECK(constructors, .name = "plugin.constructors", .kind = CHECK_REQUIRED,
      .profiles = PROFILES_POSIX,
      .clause   = "POSIX.1-2024 dlopen, dlclose; malloc may be called anywhere, XSH 2.9.1",
      .summary  = "constructors and destructors of a library that is opened allocate and free") {
    char path[PATH_MAX];
    if (find(c, path, sizeof path))
        check_child(c, come_and_go_beside, path, 30, "a library that is opened");
}

CHECK(bounded, .name = "plugin.without_growth", .kind = CHECK_QUALITY, .profiles = PROFILE_GLIBC,
      .clause  = "dlclose(3): the library is unloaded",
      .summary = "a library that is opened and closed 2,000 times leaves no memory behind") {
    enum { FIRST = 200, TIMES = 2000, ALLOWED = 8 << 20 };
    char path[PATH_MAX];
    if (!find(c, path, sizeof path) || !come_and_go(c, path, FIRST))
        return;
    const size_t before     = check_rss();
    plugin_host.constructed = plugin_host.destructed = 0;
    if (!come_and_go(c, path, TIMES))
        return;
    const size_t after = check_rss();
    MUST(c, after < before + ALLOWED, "no growth", "%zu KiB more are resident after %d times",
         (after - before) >> 10, TIMES);
}
