#include "descendants.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    MOST_LISTED = 1 << 15,
    /* Passes over the tree until all is gone. Each kills all that it finds: one that is being
     * killed cannot fork any more (a pending signal ends the fork). */
    MOST_PASSES = 2000,
    REST_NS     = 1000000,
};

struct list {
    struct descendant *item;
    size_t count, limit;
};

static void add_children_of_thread(struct list *l, pid_t process, const char *thread) {
    char path[80], text[4096];
    snprintf(path, sizeof path, "/proc/%d/task/%s/children", (int)process, thread);
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    size_t kept  = 0; /* of a number that the end of the buffer cut */
    for (ssize_t got; fd >= 0 && (got = read(fd, text + kept, sizeof text - 1 - kept)) > 0;) {
        const size_t length = kept + (size_t)got;
        text[length]        = '\0';
        char *at            = text;
        for (char *blank; (blank = strchr(at, ' ')) != NULL; at = blank + 1)
            if (l->count < l->limit)
                l->item[l->count++] = (struct descendant){(pid_t)strtol(at, NULL, 10), process};
        kept = length - (size_t)(at - text);
        memmove(text, at, kept);
    }
    if (fd >= 0)
        close(fd);
}

static void add_children_of_first_thread(struct list *l, pid_t process) {
    char thread[16];
    snprintf(thread, sizeof thread, "%d", (int)process);
    add_children_of_thread(l, process, thread);
}

/* A process of one thread: its folder of threads has a link of its own and two more. To list the
 * folder takes the kernel three times as long as to read the list in it. */
static bool has_one_thread(const char *threads) {
    struct stat folder;
    return stat(threads, &folder) == 0 && folder.st_nlink == 3;
}

/* Each thread has a list of those that it started. */
static void add_children(struct list *l, pid_t process) {
    char path[40];
    snprintf(path, sizeof path, "/proc/%d/task", (int)process);
    if (process == getpid() || has_one_thread(path)) {
        add_children_of_first_thread(l, process);
        return;
    }
    DIR *dir = opendir(path);
    for (const struct dirent *entry; dir && (entry = readdir(dir));)
        if (*entry->d_name != '.')
            add_children_of_thread(l, process, entry->d_name);
    if (dir)
        closedir(dir);
}

size_t descendants_list(struct descendant *item, size_t limit) {
    struct list l = {item, 0, limit};
    add_children(&l, getpid());
    for (size_t i = 0; i < l.count; i++)
        add_children(&l, l.item[i].process);
    return l.count;
}

static void add_time(struct timeval *sum, const struct timeval *one) {
    const long us = sum->tv_usec + one->tv_usec;
    sum->tv_sec += one->tv_sec + us / 1000000;
    sum->tv_usec = us % 1000000;
}

void descendants_add_usage(struct rusage *sum, const struct rusage *one) {
    add_time(&sum->ru_utime, &one->ru_utime);
    add_time(&sum->ru_stime, &one->ru_stime);
    sum->ru_maxrss = sum->ru_maxrss > one->ru_maxrss ? sum->ru_maxrss : one->ru_maxrss;
    sum->ru_minflt += one->ru_minflt;
    sum->ru_majflt += one->ru_majflt;
    sum->ru_nvcsw += one->ru_nvcsw;
    sum->ru_nivcsw += one->ru_nivcsw;
}

/* What proc(5) says in /proc/PID/stat after the name, which may hold anything; NULL: it is gone. */
static const char *after_name(pid_t process, char *text, size_t size) {
    char path[40];
    snprintf(path, sizeof path, "/proc/%d/stat", (int)process);
    const int fd      = open(path, O_RDONLY | O_CLOEXEC);
    const ssize_t got = fd >= 0 ? read(fd, text, size - 1) : -1;
    if (fd >= 0)
        close(fd);
    text[got > 0 ? got : 0] = '\0';
    const char *after       = strrchr(text, ')');
    return after && after[1] ? after + 2 : NULL;
}

char descendants_state(pid_t process) {
    char text[512];
    const char *after = after_name(process, text, sizeof text);
    return after ? *after : 'X';
}

/* Is only its parent's wait missing? The first thread of one that lives may have ended, too. */
static bool has_ended(pid_t process) {
    char text[512], state;
    long threads;
    const char *after = after_name(process, text, sizeof text);
    const bool known  = after && sscanf(after,
                                        "%c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s "
                                         "%*s %*s %*s %ld",
                                        &state, &threads) == 2;
    return !known || state == 'X' || (state == 'Z' && threads <= 1);
}

/* Reaps what has ended. Returns false if there is no child at all. */
static bool reap(struct rusage *sum) {
    for (;;) {
        struct rusage usage;
        const pid_t ended = wait4(-1, NULL, WNOHANG | __WALL, &usage);
        if (ended > 0 && sum)
            descendants_add_usage(sum, &usage);
        if (ended == 0 || (ended < 0 && errno != EINTR))
            return ended == 0;
    }
}

size_t descendants_end(struct rusage *sum) {
    static struct descendant found[MOST_LISTED];
    size_t killed = 0, before = 0;
    for (unsigned pass = 0; reap(sum) && pass < MOST_PASSES; pass++) {
        const size_t count = descendants_list(found, MOST_LISTED);
        size_t alive       = 0;
        for (size_t i = 0; i < count; i++)
            if (!has_ended(found[i].process) && kill(found[i].process, SIGKILL) == 0)
                alive++;
        killed += pass == 0 ? alive : 0;
        if (pass > 3 &&
            count <= before) /* in the middle of its exit, with much memory to give back */
            nanosleep(&(struct timespec){0, REST_NS}, NULL);
        before = count;
    }
    return killed;
}
