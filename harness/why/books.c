#include "books.h"

#include "living.h"
#include "serving.h"
#include "text.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#define MEMORY "/dev/shm"
#define PREFIX "spanbench-why-"

enum {
    ROOM        = 256 << 20, /* bytes; less is left to others */
    MOST_TRIES  = 100,
    LEAST_ASKED = 2 << 20,
};

double books_now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

double books_cpu(void) {
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void empty(int folder) {
    DIR *dir = fdopendir(dup(folder));
    for (const struct dirent *entry; dir && (entry = readdir(dir));)
        unlinkat(folder, entry->d_name, 0);
    if (dir)
        closedir(dir);
}

/* One that a process has which lives is locked. */
static void remove_dead(int parent, const char *name) {
    const int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    struct stat s;
    if (fd >= 0 && fstat(fd, &s) == 0 && s.st_uid == geteuid() &&
        flock(fd, LOCK_EX | LOCK_NB) == 0) {
        empty(fd);
        unlinkat(parent, name, AT_REMOVEDIR);
    }
    if (fd >= 0)
        close(fd);
}

static void remove_leftovers(const char *parent) {
    DIR *dir = opendir(parent);
    for (const struct dirent *entry; dir && (entry = readdir(dir));)
        if (strncmp(entry->d_name, PREFIX, strlen(PREFIX)) == 0 &&
            strlen(entry->d_name) == strlen(PREFIX "XXXXXX"))
            remove_dead(dirfd(dir), entry->d_name);
    if (dir)
        closedir(dir);
}

/* Before it is locked, another process may take it for one that was left. */
static bool make_folder(struct books *b, const char *parent) {
    for (unsigned tries = 0; tries < MOST_TRIES; tries++) {
        if (snprintf(b->folder, sizeof b->folder, "%s/" PREFIX "XXXXXX", parent) >=
                (int)sizeof b->folder ||
            !mkdtemp(b->folder))
            break;
        b->lock = open(b->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (b->lock < 0 || flock(b->lock, LOCK_EX) != 0 || access(b->folder, F_OK) == 0)
            return true;
        close(b->lock);
    }
    *b->folder = '\0';
    return false;
}

/* In memory, if there is room; a file on a disk would be written to it again and again. */
bool books_open(struct books *b) {
    struct statvfs space;
    const char *tmp    = getenv("TMPDIR");
    const char *parent = tmp && *tmp ? tmp : "/tmp";
    remove_leftovers(MEMORY);
    remove_leftovers(parent);
    if (statvfs(MEMORY, &space) == 0 && space.f_bavail * space.f_frsize >= ROOM &&
        access(MEMORY, W_OK) == 0)
        parent = MEMORY;
    *b = (struct books){.began = books_now(), .lock = -1};
    if (!make_folder(b, parent)) {
        text_say("cannot make a folder in %s: %s; set TMPDIR to another one", parent,
                 strerrordesc_np(errno));
        return false;
    }
    if (geteuid() == 0) /* what becomes another user, a server, counts on */
        chmod(b->folder, 01777);
    b->short_folder = strrchr(b->folder, '/') + 1;
    return true;
}

static void name_file(const struct books *b, const struct process_book *p, const char *kind,
                      char *path, size_t size) {
    snprintf(path, size, "%s/%d.%d.%s", b->folder, (int)p->pid, p->image, kind);
}

static void free_book(struct process_book *p) {
    free(p->point);
    free(p->name);
    free(p);
}

static const struct why_shared *map(const char *path) {
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    struct stat s;
    void *at = MAP_FAILED;
    if (fd >= 0 && fstat(fd, &s) == 0 && s.st_size == sizeof(struct why_shared))
        at = mmap(NULL, sizeof(struct why_shared), PROT_READ, MAP_SHARED, fd, 0);
    if (fd >= 0)
        close(fd);
    return at == MAP_FAILED ? NULL : at;
}

static void read_line(const char *path, char *text, size_t size) {
    FILE *f = fopen(path, "re");
    if (f && fgets(text, (int)size, f)) {
        text[strcspn(text, "\n")] = '\0';
        text_clean(text);
    }
    if (f)
        fclose(f);
}

/* Names of the threads that matter now: they may have gone later. */
static void read_names(struct process_book *p, const struct split *s) {
    char path[96];
    for (unsigned k = 0; k < 2 * SPLIT_TOP; k++) {
        const uint32_t n = k < SPLIT_TOP ? s->thread[k].name : s->class[k - SPLIT_TOP].thread;
        if (!n || n >= WHY_NAMES)
            continue;
        const struct why_name *name = &p->shared->names[n];
        p->name[n].thread           = atomic_load(&name->thread);
        if (atomic_load_explicit(&name->ended, memory_order_acquire)) {
            snprintf(p->name[n].text, sizeof p->name[n].text, "%.23s", name->text);
            text_clean(p->name[n].text);
            continue;
        }
        snprintf(path, sizeof path, "/proc/%d/task/%d/comm", (int)p->pid, p->name[n].thread);
        read_line(path, p->name[n].text, sizeof p->name[n].text);
    }
}

/* Where there are too many points, every other goes, and half as many come. The newest is always
 * there: if it is none of those that stay, the next takes its place. */
static void keep_point(struct process_book *p, const struct split *s) {
    if (p->temporary) {
        p->points--;
    } else if (p->points == BOOKS_POINTS) {
        for (size_t i = 0; 2 * i < p->points; i++)
            p->point[i] = p->point[2 * i];
        p->points = BOOKS_POINTS / 2;
        p->every *= 2;
    }
    p->point[p->points++] = *s;
    p->temporary          = p->looks++ % p->every != 0;
}

/* It is gone, or a zombie. */
static bool has_ended(pid_t pid) {
    return !living_thread(pid);
}

/* One that nobody looked at while it lived: as its program is called, which is its first mapping.
 */
static void name_by_file(struct process_book *p, const struct mappings *maps) {
    const char *slash = strrchr(maps->item[0].name, '/');
    snprintf(p->command, sizeof p->command, "%.15s", slash ? slash + 1 : "");
    text_clean(p->command);
}

/* What the process wrote at its end, and then its files go. */
static void finish(struct books *b, struct process_book *p) {
    static struct split s;
    char path[256];
    const double before = books_cpu() - b->paid;
    name_file(b, p, "maps", path, sizeof path);
    if (atomic_load_explicit(&p->shared->state, memory_order_acquire) == WHY_ENDED &&
        mappings_read(&b->maps, path)) {
        p->exited = true;
        if (!*p->command)
            name_by_file(p, &b->maps);
        s.at = books_now() - b->began;
        split_take(p->shared, &b->maps, 0, b->short_folder, &s);
        p->unsure = atomic_load_explicit(&p->shared->unsure, memory_order_relaxed);
        read_names(p, &s);
        keep_point(p, &s);
        p->peak = s.rss > p->peak ? s.rss : p->peak;
    }
    munmap((void *)p->shared, sizeof *p->shared);
    p->shared = NULL;
    unlink(path);
    /* A child may still copy the file, and so has it. While the process lives, the name stays: a
     * next image takes another. */
    name_file(b, p, "book", path, sizeof path);
    unlink(path);
    const int fd =
        has_ended(p->pid) ? -1 : open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd >= 0)
        close(fd);
    b->paid = books_cpu() - before;
}

static int64_t resident_now(pid_t pid) {
    const pid_t thread = living_thread(pid);
    char path[64], line[64] = "";
    long pages = 0;
    snprintf(path, sizeof path, "/proc/%d/statm", (int)thread);
    if (thread)
        read_line(path, line, sizeof line);
    return sscanf(line, "%*s %ld", &pages) == 1 ? (int64_t)pages * sysconf(_SC_PAGESIZE) : 0;
}

static void sweep(struct books *b) {
    for (size_t i = 0; i < b->count && !b->swept; i++)
        if (b->book[i]->shared && has_ended(b->book[i]->pid))
            finish(b, b->book[i]);
    b->swept = true;
}

/* The most that was seen of it: at a look, or as it was found. */
static int64_t size_of(const struct process_book *p) {
    return p->peak > p->first ? p->peak : p->first;
}

/* A place for one more: of those that have ended, the smallest makes room; else one that lives, if
 * the new one is twice as large. It comes back when it has become so itself. */
static struct process_book **place(struct books *b, pid_t pid) {
    struct process_book **ended = NULL, **living = NULL;
    if (b->count < BOOKS_MOST)
        return &b->book[b->count];
    sweep(b);
    for (size_t i = 0; i < b->count; i++) {
        struct process_book ***worst = b->book[i]->shared ? &living : &ended;
        if (!*worst || size_of(b->book[i]) < size_of(**worst))
            *worst = &b->book[i];
    }
    return ended ? ended : 2 * size_of(*living) < resident_now(pid) ? living : NULL;
}

/* A place of which nobody is seen any more. What was dropped is counted when it comes back. */
static void clear(struct books *b, struct process_book **at) {
    if (at == &b->book[b->count]) {
        b->count++;
        return;
    }
    if ((*at)->shared) {
        munmap((void *)(*at)->shared, sizeof *(*at)->shared);
        b->seen--;
    }
    free_book(*at);
}

static struct process_book *open_book(const struct books *b, pid_t pid, int image) {
    struct process_book *p = calloc(1, sizeof *p);
    char path[256];
    if (!p)
        return NULL;
    *p = (struct process_book){.pid = pid, .image = image, .every = 1};
    name_file(b, p, "book", path, sizeof path);
    p->shared = map(path);
    if (!p->shared && has_ended(pid))
        unlink(path); /* a name that stayed */
    p->point = calloc(BOOKS_POINTS, sizeof *p->point);
    p->name  = calloc(WHY_NAMES, sizeof *p->name);
    if (p->shared && p->point && p->name &&
        atomic_load_explicit(&p->shared->state, memory_order_acquire))
        return p;
    if (p->shared)
        munmap((void *)p->shared, sizeof *p->shared);
    free_book(p);
    return NULL;
}

static void begin(struct books *b, pid_t pid, int image) {
    struct process_book **at = place(b, pid);
    struct process_book *p   = at ? open_book(b, pid, image) : NULL;
    if (!p)
        return;
    p->parent   = p->shared->parent;
    p->no_sizes = atomic_load(&p->shared->state) == WHY_NO_SIZES;
    p->own      = p->shared->own;
    snprintf(p->object, sizeof p->object, "%.2000s", p->shared->object);
    p->first = resident_now(pid);
    clear(b, at);
    *at = p;
    b->seen++;
    if (has_ended(pid))
        finish(b, p);
}

/* Of two processes with one number, the older has ended. */
static bool is_known(const struct books *b, pid_t pid, int image) {
    for (size_t i = 0; i < b->count; i++)
        if (b->book[i]->shared && b->book[i]->pid == pid && b->book[i]->image == image)
            return true;
    return false;
}

static void find_new(struct books *b) {
    const double before = books_cpu() - b->paid;
    DIR *dir            = opendir(b->folder);
    b->swept            = false;
    for (const struct dirent *entry; dir && (entry = readdir(dir));) {
        int pid, image, length = 0;
        if (sscanf(entry->d_name, "%d.%d.book%n", &pid, &image, &length) == 2 && length &&
            !is_known(b, pid, image))
            begin(b, pid, image);
    }
    if (dir)
        closedir(dir);
    b->paid = books_cpu() - before;
}

static bool is_replaced(const struct books *b, const struct process_book *p) {
    for (size_t i = 0; i < b->count; i++)
        if (b->book[i]->shared && b->book[i]->pid == p->pid && b->book[i]->image > p->image)
            return true;
    return false;
}

/* Are these mappings the program's whose book it is? After exec they are another's, and the new
 * book may not be found yet. */
static bool has_book(const struct mappings *maps, const struct process_book *p) {
    char name[48];
    snprintf(name, sizeof name, "/%d.%d.book", (int)p->pid, p->image);
    for (size_t i = 0; i < maps->count; i++)
        if (strstr(maps->item[i].name, name))
            return true;
    return false;
}

/* Allocators of its own are in a program from when it has grown beyond its libraries. What it loads
 * later makes it larger. */
static void read_inner(struct books *b, struct process_book *p, int64_t rss) {
    static struct serving s;
    if (rss < 2 * (p->asked ? p->asked : LEAST_ASKED))
        return;
    const double before = books_cpu() - b->paid;
    serving_find(p->pid, &(struct serving_question){.brief = true}, &s);
    if (s.state != SERVING_STARTING) {
        p->asked  = rss;
        p->inners = 0;
    }
    for (size_t i = 0; i < s.notes && p->asked == rss && p->inners < BOOKS_INNER; i++)
        if (s.note[i].kind == SERVING_INNER)
            snprintf(p->inner[p->inners++], sizeof p->inner[0], "%s", s.note[i].text);
    b->paid = books_cpu() - before;
}

/* False: it has no memory, or not that of this book, or nothing is known of its blocks. `thread`:
 * one that has the memory. `command`: its name, or "". */
static bool take(struct books *b, const struct process_book *p, pid_t thread, struct split *s,
                 char *command, size_t size) {
    char path[64];
    s->at = books_now() - b->began;
    snprintf(path, sizeof path, "/proc/%d/smaps", (int)thread);
    if (atomic_load(&p->shared->state) == WHY_ENDED || !mappings_read(&b->maps, path) ||
        !has_book(&b->maps, p))
        return false;
    snprintf(path, sizeof path, "/proc/%d/comm", (int)p->pid);
    read_line(path, command, size);
    if (p->no_sizes)
        return false;
    split_take(p->shared, &b->maps, thread, b->short_folder, s);
    return true;
}

/* What went meanwhile was seen in part, and does not count. */
static void look_at(struct books *b, struct process_book *p) {
    static struct split s;
    if (is_replaced(b, p)) {
        finish(b, p);
        return;
    }
    char command[sizeof p->command] = "";
    const pid_t thread              = living_thread(p->pid);
    const int held                  = mappings_hold(thread);
    const bool taken                = take(b, p, thread, &s, command, sizeof command);
    const bool lasted               = mappings_lasted(held);
    if (!lasted && has_ended(p->pid))
        finish(b, p);
    if (lasted && *command)
        memcpy(p->command, command, sizeof command);
    if (!lasted || !taken)
        return;
    p->unsure = atomic_load_explicit(&p->shared->unsure, memory_order_relaxed);
    read_names(p, &s);
    keep_point(p, &s);
    p->peak = s.rss > p->peak ? s.rss : p->peak;
    read_inner(b, p, s.rss);
}

void books_look(struct books *b) {
    b->paid = 0;
    find_new(b);
    for (size_t i = 0; i < b->count; i++)
        if (b->book[i]->shared)
            look_at(b, b->book[i]);
}

/* A parent before its children, and the programs of a process one after another. (Numbers of
 * processes begin anew some day, and then they may be told in another order.) */
static int by_number(const void *left, const void *right) {
    const struct process_book *a = *(struct process_book *const *)left;
    const struct process_book *b = *(struct process_book *const *)right;
    return a->pid != b->pid ? (a->pid > b->pid) - (a->pid < b->pid) : a->image - b->image;
}

void books_close(struct books *b) {
    if (!*b->folder)
        return;
    find_new(b);
    for (size_t i = 0; i < b->count; i++)
        if (b->book[i]->shared)
            finish(b, b->book[i]);
    qsort((void *)b->book, b->count, sizeof b->book[0], by_number);
    if (b->lock >= 0) {
        empty(b->lock);
        close(b->lock);
    }
    rmdir(b->folder);
    *b->folder = '\0';
}

void books_free(struct books *b) {
    for (size_t i = 0; i < b->count; i++)
        free_book(b->book[i]);
    mappings_free(&b->maps);
    *b = (struct books){0};
}
