#include "results.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* mkdir -p. */
static bool make_directories(const char *path) {
    char copy[PATH_MAX];
    if (snprintf(copy, sizeof copy, "%s", path) >= (int)sizeof copy) {
        errno = ENAMETOOLONG;
        return false;
    }
    for (char *slash = copy + 1; (slash = strchr(slash, '/')); slash++) {
        *slash = '\0';
        if (mkdir(copy, 0777) != 0 && errno != EEXIST)
            return false;
        *slash = '/';
    }
    return mkdir(copy, 0777) == 0 || errno == EEXIST;
}

/* "20261120T101500Z-host"; the host's name up to its first dot, letters and digits only. */
static void run_name(char *name, size_t size) {
    char host[64], stamp[32];
    const time_t t = time(NULL);
    if (gethostname(host, sizeof host) != 0)
        snprintf(host, sizeof host, "host");
    host[sizeof host - 1]    = '\0';
    host[strcspn(host, ".")] = '\0';
    for (char *c = host; *c; c++)
        if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_", *c))
            *c = '_';
    strftime(stamp, sizeof stamp, "%Y%m%dT%H%M%SZ", gmtime(&t));
    snprintf(name, size, "%s-%s", stamp, host);
}

/* "bench.json.3.tmp": a file of a run under construction, or its link `latest`. ".table.txt.new":
 * one that a script makes of it. */
static bool is_temporary(const char *name) {
    static const char new[] = ".new";
    const size_t all        = strlen(name);
    if (*name == '.' && all > strlen(new) && strcmp(name + all - strlen(new), new) == 0)
        return true;
    static const char *const of[] = {"bench.json",     "timeline.csv", "conformance.json",
                                     "hardening.json", "program.json", "memory.csv",
                                     "why.json",       "latest"};
    for (size_t i = 0; i < sizeof of / sizeof *of; i++) {
        const size_t length = strlen(of[i]);
        if (strncmp(name, of[i], length) != 0 || name[length] != '.')
            continue;
        const char *number  = name + length + 1;
        const size_t digits = strspn(number, "0123456789");
        return digits > 0 && strcmp(number + digits, ".tmp") == 0;
    }
    return false;
}

/* Removes the temporary files of a run that is dead: nobody has locked its directory. And the
 * directory, if nothing else is in it: that run was killed before it measured anything. */
static void remove_leftovers_of(const char *parent, const char *run) {
    char path[PATH_MAX];
    if (snprintf(path, sizeof path, "%s/%s", parent, run) >= (int)sizeof path)
        return;
    const int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *dir     = fd >= 0 ? fdopendir(fd) : NULL;
    if (!dir && fd >= 0)
        close(fd);
    bool locked = false, empty = true;
    for (const struct dirent *entry; dir && (entry = readdir(dir));) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        empty &= is_temporary(entry->d_name);
        if (!is_temporary(entry->d_name))
            continue;
        locked = locked || flock(fd, LOCK_EX | LOCK_NB) == 0;
        if (!locked)
            break;
        unlinkat(fd, entry->d_name, 0);
    }
    if (dir && empty && (locked || flock(fd, LOCK_EX | LOCK_NB) == 0))
        rmdir(path); /* not where there is something by now */
    if (dir)
        closedir(dir);
}

static void remove_leftovers(const struct results *r) {
    DIR *dir = opendir(r->parent);
    for (const struct dirent *entry; dir && (entry = readdir(dir));)
        if (strchr("0123456789", *entry->d_name) && strstr(entry->d_name, "Z-") &&
            strcmp(entry->d_name, r->name) != 0)
            remove_leftovers_of(r->parent, entry->d_name);
    if (dir)
        closedir(dir);
}

/* Without a lock, where the file system has none, others do not touch it either. False: another run
 * came first, and took the new directory for a dead one's. */
static bool lock(struct results *r) {
    struct stat s;
    r->lock = open(r->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (r->lock < 0)
        return errno != ENOENT;
    if ((flock(r->lock, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK) &&
        stat(r->directory, &s) == 0)
        return true;
    close(r->lock);
    return false;
}

bool results_open(struct results *r, const char *parent, char *problem, size_t size) {
    *r = (struct results){0};
    if (snprintf(r->parent, sizeof r->parent, "%s", parent) >= (int)sizeof r->parent) {
        snprintf(problem, size, "the path of the results directory is too long");
        return false;
    }
    char base[100];
    run_name(base, sizeof base);
    bool made = make_directories(r->parent);
    for (unsigned n = 1; made; n++) { /* another run may have begun in the same second */
        snprintf(r->name, sizeof r->name, n > 1 ? "%s-%u" : "%s", base, n);
        snprintf(r->directory, sizeof r->directory, "%s/%s", r->parent, r->name);
        made = mkdir(r->directory, 0777) == 0;
        if (made && lock(r)) {
            remove_leftovers(r);
            return true;
        }
        made = (made || errno == EEXIST) && n < 100;
    }
    snprintf(problem, size,
             "cannot make a directory in %s: %s; choose another with --out DIR (of make: OUT=DIR)",
             r->parent, strerrordesc_np(errno));
    return false;
}

bool results_create(const struct results *r, const char *name, size_t reserve,
                    struct results_file *file, char *problem, size_t size) {
    snprintf(file->final, sizeof file->final, "%.*s/%s", PATH_MAX - 64, r->directory, name);
    static unsigned serial; /* two files of one final name may be under construction */
    snprintf(file->temporary, sizeof file->temporary, "%.*s.%u.tmp", PATH_MAX - 24, file->final,
             ++serial);
    /* without a name until it is committed: who is killed leaves nothing; not on each file system
     */
    int fd        = open(r->directory, O_RDWR | O_TMPFILE | O_CLOEXEC, 0666);
    file->unnamed = fd >= 0;
    if (fd < 0)
        fd = open(file->temporary, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    int error = fd < 0 ? errno : 0;
    if (!error && reserve)
        error = posix_fallocate(fd, 0, (off_t)reserve);
    file->stream = error ? NULL : fdopen(fd, "w");
    if (file->stream)
        return true;
    char what[48] = "create";
    if (reserve)
        snprintf(what, sizeof what, "reserve %zu KiB for", reserve / 1024);
    error = error ? error : errno;
    snprintf(problem, size, "cannot %s %s: %s; %s", what, file->final, strerrordesc_np(error),
             error == EFBIG ? "raise the limit of the size of files (ulimit -f)"
                            : "free some space or choose another directory with --out DIR");
    if (fd >= 0) {
        close(fd);
        if (!file->unnamed)
            unlink(file->temporary);
    }
    return false;
}

/* Gives a file that has none its temporary name. */
static bool give_name(const struct results_file *file) {
    char self[40];
    snprintf(self, sizeof self, "/proc/self/fd/%d", fileno(file->stream));
    return linkat(AT_FDCWD, self, AT_FDCWD, file->temporary, AT_SYMLINK_FOLLOW) == 0;
}

bool results_commit(struct results_file *file, char *problem, size_t size) {
    FILE *f   = file->stream;
    errno     = 0;
    bool good = fflush(f) == 0 && !ferror(f) && ftruncate(fileno(f), ftello(f)) == 0 &&
                (file->hurried || fsync(fileno(f)) == 0) && (!file->unnamed || give_name(file));
    int error    = good ? 0 : errno;
    good         = fclose(f) == 0 && good;
    file->stream = NULL;
    if (good && rename(file->temporary, file->final) == 0)
        return true;
    snprintf(problem, size, "cannot write %s: %s", file->final,
             strerrordesc_np(error ? error : errno));
    unlink(file->temporary);
    return false;
}

/* The first `size` bytes. */
static bool copy(int to, int from, off_t size) {
    for (off_t at = 0; at < size;)
        if (sendfile(to, from, &at, (size_t)(size - at)) <= 0)
            return false;
    return true;
}

bool results_show(const struct results *r, struct results_file *file, char *problem, size_t size) {
    const char *name          = strrchr(file->final, '/') + 1;
    struct results_file shown = {0};
    if (!results_create(r, name, 0, &shown, problem, size))
        return false;
    shown.hurried = true;
    if (fflush(file->stream) == 0 &&
        copy(fileno(shown.stream), fileno(file->stream), ftello(file->stream)) &&
        fseeko(shown.stream, 0, SEEK_END) == 0)
        return results_commit(&shown, problem, size);
    snprintf(problem, size, "cannot write %s: %s", file->final, strerrordesc_np(errno));
    results_discard(&shown);
    return false;
}

void results_discard(struct results_file *file) {
    if (!file->stream)
        return;
    fclose(file->stream);
    file->stream = NULL;
    if (!file->unnamed)
        unlink(file->temporary);
}

bool results_publish(const struct results *r, const char *name, char *problem, size_t size) {
    char link[PATH_MAX], fresh[PATH_MAX];
    snprintf(link, sizeof link, "%s/%s", r->parent, name);
    snprintf(fresh, sizeof fresh, "%.*s/latest.0.tmp", PATH_MAX - 16, r->directory);
    if (symlink(r->name, fresh) == 0) {
        if (rename(fresh, link) == 0)
            return true;
        snprintf(problem, size, "cannot point %s at %s: %s", link, r->name, strerrordesc_np(errno));
        unlink(fresh);
    } else {
        snprintf(problem, size, "cannot make a link in %s: %s", r->parent, strerrordesc_np(errno));
    }
    return false;
}

bool results_tell(const struct results *r, const char *file, char *problem, size_t size) {
    if (!file)
        return true;
    errno           = 0;
    FILE *f         = fopen(file, "we");
    const bool good = f && fprintf(f, "%s\n", r->directory) > 0;
    if (f && fclose(f) == 0 && good)
        return true;
    snprintf(problem, size, "cannot write %s: %s", file, strerrordesc_np(errno));
    return false;
}

void results_remove(const struct results *r) {
    rmdir(r->directory);
}
