#include "tap.h"
#include "watch.h"

#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { SMALL = 1 << 20, HUGE = 2 << 20 };
static const int64_t LARGE = 512 << 20;

static void rest(double seconds) {
    struct timespec t = {(time_t)seconds, (long)((seconds - (double)(time_t)seconds) * 1e9)};
    while (nanosleep(&t, &t) != 0)
        continue;
}

/* Touches little, and after a while much: in huge pages, if it can have them. */
static void grow(double after, int to_parent) {
    char *block =
        mmap(NULL, LARGE + HUGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (block == MAP_FAILED)
        _exit(1);
    memset(block, 1, SMALL);
    rest(after);
    block += HUGE - (uintptr_t)block % HUGE;
    madvise(block, LARGE, MADV_HUGEPAGE);
    memset(block, 1, LARGE);
    if (write(to_parent, "x", 1) != 1)
        _exit(1);
    for (;;)
        pause();
}

static bool kernel_has_huge_pages(void) {
    FILE *file    = fopen("/sys/kernel/mm/transparent_hugepage/enabled", "re");
    char text[64] = "";
    if (file && !fgets(text, sizeof text, file))
        *text = '\0';
    if (file)
        fclose(file);
    return *text && !strstr(text, "[never]");
}

/* What the first walks took must not keep a walk from a process that has become large. */
static void test_large(double small_for, const char *what) {
    int ends[2];
    char byte;
    const pid_t child = pipe(ends) == 0 ? fork() : -1;
    if (child == 0)
        grow(small_for, ends[1]);
    static struct watch_result r;
    struct watch *w = child > 0 ? watch_new() : NULL;
    OK(w != NULL, "%s: it is watched", what);
    if (!w)
        return;
    watch_begin(w, child, SMALL);
    close(ends[1]);
    OK(read(ends[0], &byte, 1) == 1, "%s: it has touched its memory", what);
    close(ends[0]);
    rest(10); /* the price of a walk is 0.3 % of the time */
    watch_stop(w, &r);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    OK(r.peak.rss > LARGE * 0.9, "%s: it has become large", what);
    OK(r.walks > 0, "%s: its pages were walked over", what);
    char name[80];
    snprintf(name, sizeof name, "%s: huge pages are seen", what);
    if (kernel_has_huge_pages())
        OK(r.peak.huge > LARGE / 2, "%s", name);
    else
        tap_skip(name, "this kernel gives none");
}

/* One whose program could not be started ends, too. */
static void test_not_begun(void) {
    static struct watch_result r;
    struct watch *w = watch_new();
    OK(w != NULL, "a watch that does not begin");
    if (!w)
        return;
    rest(0.05);
    watch_stop(w, &r);
    OK(r.readings == 0 && r.processes == 0, "looks at nothing");
}

int main(void) {
    test_not_begun();
    test_large(0, "a process that is large");
    test_large(0.5, "one that was small first");
    return tap_done();
}
