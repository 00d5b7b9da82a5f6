#include "mappings.h"

#include "tap.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static struct mappings found;

/* What is read from such a list. */
static void read_text(const char *text) {
    char path[64];
    const int fd = memfd_create("smaps", MFD_CLOEXEC);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    OK(write(fd, text, strlen(text)) == (ssize_t)strlen(text) && mappings_read(&found, path),
       "a list is read");
    close(fd);
}

static bool is(size_t i, uint64_t start, uint64_t end, int64_t kib, int64_t huge_kib) {
    const struct mapping *m = &found.item[i];
    return m->start == start && m->end == end && m->rss == kib * 1024 && m->huge == huge_kib * 1024;
}

#define BEFORE                                                                                     \
    "1000-3000 r-xp 00000000 08:01 99 /bin/prog\n"                                                 \
    "Rss:                   8 kB\n"
#define HEAP(end, rss, huge)                                                                       \
    "200000-" end " rw-p 00000000 00:00 0    [heap]\n"                                             \
    "Rss:            " rss " kB\nAnonHugePages:  " huge " kB\n"
#define AFTER                                                                                      \
    "7f0000000000-7f0000001000 rw-p 00000000 00:00 0 \n"                                           \
    "Rss:                   4 kB\n"

/* As the kernel writes it when mappings change between two reads. */
static void test_changes(void) {
    read_text(BEFORE HEAP("800000", "6144", "2048") AFTER);
    OK(found.count == 3 && is(0, 0x1000, 0x3000, 8, 0) && is(1, 0x200000, 0x800000, 6144, 2048) &&
           is(2, 0x7f0000000000, 0x7f0000001000, 4, 0),
       "none changes: all stay");
    OK(strcmp(found.item[1].name, "[heap]") == 0, "with its name");

    read_text(BEFORE HEAP("800000", "6144", "2048") HEAP("900000", "7168", "4096") AFTER);
    OK(found.count == 3 && is(1, 0x200000, 0x900000, 7168, 4096) && found.item[2].rss == 4096,
       "one has grown: it is there once, as it is now");

    read_text(BEFORE HEAP("800000", "6144", "0") HEAP("900000", "7168", "0")
                  HEAP("a00000", "8192", "0") AFTER);
    OK(found.count == 3 && is(1, 0x200000, 0xa00000, 8192, 0), "twice");

    read_text("10000-20000 rw-p 00000000 00:00 0 \nRss: 64 kB\n"
              "20000-30000 ---p 00000000 00:00 0 \nRss: 0 kB\n"
              "10000-40000 rw-p 00000000 00:00 0 \nRss: 192 kB\n");
    OK(found.count == 1 && is(0, 0x10000, 0x40000, 192, 0), "several were joined: one is left");

    read_text("10000-50000 rw-p 00000000 00:00 0 \nRss: 256 kB\nAnonHugePages: 64 kB\n"
              "40000-90000 ---p 00000000 00:00 0 \nRss: 0 kB\n");
    OK(found.count == 2 && is(0, 0x10000, 0x40000, 192, 48) && is(1, 0x40000, 0x90000, 0, 0),
       "one was divided: it ends where the next begins");
}

/* Of a heap that grows without a pause, from look to look. It never has more than it grew to. */
static void test_growing_heap(void) {
    enum { LOOKS = 200, STEP = 64 << 10, ROOM = 1 << 30 };
    char path[64];
    unsigned overlaps = 0, heaps = 0;
    const pid_t child = fork();
    if (child == 0) {
        for (;;)
            for (long grown = 0; grown < ROOM; grown += STEP)
                (void)!sbrk(grown + STEP < ROOM ? STEP : -grown);
    }
    snprintf(path, sizeof path, "/proc/%d/smaps", (int)child);
    for (int look = 0; look < LOOKS && mappings_read(&found, path); look++)
        for (size_t i = 0; i < found.count; i++) {
            heaps += strcmp(found.item[i].name, "[heap]") == 0;
            overlaps += i > 0 && found.item[i].start < found.item[i - 1].end;
        }
    OK(heaps >= LOOKS, "each look sees a heap");
    IS(overlaps, 0, "no mapping lies on another");
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
}

/* Somebody who looks at all processes may have it a moment longer. */
static bool goes(int held) {
    bool lasts = true;
    for (unsigned ms = 0; lasts && ms < 60000; ms++) {
        lasts = mappings_lasted(dup(held));
        usleep(1000);
    }
    close(held);
    return !lasts;
}

/* Its memory goes when a process becomes another program, and when it ends. */
static void test_held(void) {
    int go[2] = {-1, -1}, gone[2] = {-1, -1};
    char byte = 0;
    OK(pipe2(go, O_CLOEXEC) == 0 && pipe2(gone, O_CLOEXEC) == 0, "two pipes");
    const pid_t child = fork();
    if (child == 0) {
        (void)!read(go[0], &byte, 1);
        execl("/bin/sleep", "sleep", "60", NULL);
        _exit(127);
    }
    close(gone[1]);
    OK(mappings_lasted(mappings_hold(child)), "the memory of a process lasts as long as it is");
    int held = mappings_hold(child);
    (void)!write(go[1], &byte, 1);
    (void)!read(gone[0], &byte, 1); /* ends at the exec */
    OK(goes(held), "... until it becomes another program");
    held = mappings_hold(child);
    OK(mappings_lasted(mappings_hold(child)), "... whose memory is another");
    kill(child, SIGKILL);
    siginfo_t info;
    waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT);
    OK(goes(held), "... and goes when it ends");
    waitpid(child, NULL, 0);
    OK(!mappings_lasted(mappings_hold(child)), "who is not there has none");
    close(go[0]);
    close(go[1]);
    close(gone[0]);
}

int main(void) {
    test_changes();
    test_growing_heap();
    test_held();
    mappings_free(&found);
    return tap_done();
}
