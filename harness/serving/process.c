#include "process.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

enum {
    MOST_MAPS        = 1 << 17, /* twice what the kernel allows a process by default */
    MOST_ENVIRONMENT = 4 << 20, /* more than an execve takes by default */
    KERNEL_FLAG      = 1 << 21, /* PF_KTHREAD of the kernel's sched.h */
};

int process_open(pid_t pid, const char *file, int flags) {
    char path[PATH_MAX];
    snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, file);
    return open(path, flags | O_CLOEXEC);
}

int process_open_path(pid_t pid, const char *file) {
    char path[2 * PATH_MAX];
    snprintf(path, sizeof path, "/proc/%d/%s%s", (int)pid, *file == '/' ? "root" : "cwd/", file);
    return open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
}

const char *process_base_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

bool process_look(pid_t pid, struct process *p) {
    char text[1024];
    *p              = (struct process){.pid = pid};
    const int fd    = process_open(pid, "stat", O_RDONLY);
    const ssize_t n = fd >= 0 ? read(fd, text, sizeof text - 1) : -1;
    if (fd >= 0)
        close(fd);
    if (n <= 0)
        return false;
    text[n] = '\0';
    return process_parse(text, p);
}

bool process_parse(const char *stat, struct process *p) {
    const char *after = strrchr(stat, ')'); /* the name before may have any character */
    const char *name  = strchr(stat, '(');
    int parent;
    unsigned flags;
    unsigned long long started;
    if (!after || !name || name > after ||
        sscanf(after + 1,
               " %c %d %*d %*d %*d %*d %u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d "
               "%*d %llu",
               &p->state, &parent, &flags, &started) != 4)
        return false;
    p->parent  = parent;
    p->started = started;
    p->kernel  = flags & KERNEL_FLAG;
    snprintf(p->command, sizeof p->command, "%.*s", (int)(after - name - 1), name + 1);
    return true;
}

/* Mappings that change while the list is read are told again: the last word is true. */
static void forget_from(struct process *p, uint64_t start) {
    while (p->maps && p->map[p->maps - 1].start >= start)
        free(p->map[--p->maps].path);
    if (p->maps && p->map[p->maps - 1].end > start)
        p->map[p->maps - 1].end = start;
}

static bool add_map(struct process *p, const char *line) {
    unsigned long long start, end, offset, inode;
    unsigned major, minor;
    int at = 0;
    if (sscanf(line, "%llx-%llx %*4s %llx %x:%x %llu %n", &start, &end, &offset, &major, &minor,
               &inode, &at) < 6)
        return true;
    forget_from(p, start);
    if (!inode || !line[at])
        return true; /* not of a file */
    if (!(p->maps & (p->maps - 1))) {
        struct process_map *grown = reallocarray(p->map, p->maps ? 2 * p->maps : 1, sizeof *p->map);
        if (!grown)
            return false;
        p->map = grown;
    }
    char *path = strdup(line + at);
    if (!path)
        return false;
    path[strcspn(path, "\n")] = '\0';
    p->map[p->maps++] =
        (struct process_map){start, end, offset, makedev(major, minor), inode, path};
    return p->maps < MOST_MAPS;
}

static void free_maps(struct process *p) {
    for (size_t i = 0; i < p->maps; i++)
        free(p->map[i].path);
    free(p->map);
    p->map  = NULL;
    p->maps = 0;
}

void process_read_maps(struct process *p) {
    char *line   = NULL;
    size_t size  = 0;
    const int fd = process_open(p->pid, "maps", O_RDONLY);
    FILE *f      = fd >= 0 ? fdopen(fd, "r") : NULL;
    bool any     = false;
    free_maps(p);
    while (f && getline(&line, &size, f) > 0) {
        any = true;
        if (!add_map(p, line))
            break;
    }
    p->maps_read = any;
    free(line);
    if (f)
        fclose(f);
    else if (fd >= 0)
        close(fd);
}

static void read_environment(struct process *p) {
    const int fd = process_open(p->pid, "environ", O_RDONLY);
    size_t size = 0, room = 0;
    char *text = NULL;
    while (fd >= 0 && size < MOST_ENVIRONMENT) {
        if (size + 2 >= room) {
            room        = room ? 2 * room : 8192;
            char *grown = realloc(text, room);
            if (!grown)
                break;
            text = grown;
        }
        const ssize_t n = read(fd, text + size, room - size - 2);
        if (n <= 0)
            break;
        size += (size_t)n;
    }
    if (fd >= 0)
        close(fd);
    if (text)
        text[size] = text[size + 1] = '\0';
    p->environment      = text;
    p->environment_size = size;
}

static void read_auxiliary(struct process *p, bool wide) {
    unsigned char bytes[4096];
    const size_t word = wide ? 8 : 4;
    const int fd      = process_open(p->pid, "auxv", O_RDONLY);
    const ssize_t n   = fd >= 0 ? read(fd, bytes, sizeof bytes) : -1;
    if (fd >= 0)
        close(fd);
    for (size_t at = 0; n > 0 && at + 2 * word <= (size_t)n; at += 2 * word) {
        uint64_t type = 0, value = 0;
        uint32_t narrow[2];
        if (wide) {
            memcpy(&type, bytes + at, word);
            memcpy(&value, bytes + at + word, word);
        } else {
            memcpy(narrow, bytes + at, sizeof narrow);
            type  = narrow[0];
            value = narrow[1];
        }
        p->auxiliary_read = true;
        switch (type) {
        case AT_BASE: p->base = value; break;
        case AT_PHDR: p->headers = value; break;
        case AT_PHNUM: p->header_count = value; break;
        case AT_SECURE: p->secure = value != 0; break;
        default: break;
        }
    }
}

void process_read(struct process *p, bool wide) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/exe", (int)p->pid);
    const ssize_t n           = readlink(path, p->program, sizeof p->program - 1);
    p->program[n > 0 ? n : 0] = '\0';
    process_read_maps(p);
    read_environment(p);
    read_auxiliary(p, wide);
}

void process_free(struct process *p) {
    free_maps(p);
    free(p->environment);
    *p = (struct process){0};
}

const char *process_variable(const struct process *p, const char *name) {
    const size_t length = strlen(name);
    for (size_t at = 0; p->environment && at < p->environment_size;
         at += strlen(p->environment + at) + 1)
        if (strncmp(p->environment + at, name, length) == 0 && p->environment[at + length] == '=')
            return p->environment + at + length + 1;
    return NULL;
}

const struct process_map *process_map_at(const struct process *p, uint64_t address) {
    for (size_t i = 0; i < p->maps; i++)
        if (p->map[i].start <= address && address < p->map[i].end)
            return &p->map[i];
    return NULL;
}

static bool is_inode(int fd, ino_t inode) {
    struct stat s;
    return fd >= 0 && fstat(fd, &s) == 0 && S_ISREG(s.st_mode) && s.st_ino == inode;
}

int process_open_map(const struct process *p, const struct process_map *m) {
    char name[64];
    int fd = process_open_path(p->pid, m->path);
    if (is_inode(fd, m->inode))
        return fd;
    if (fd >= 0)
        close(fd);
    snprintf(name, sizeof name, "map_files/%llx-%llx", (unsigned long long)m->start,
             (unsigned long long)m->end);
    fd = process_open(p->pid, name, O_RDONLY);
    if (fd >= 0)
        return fd;
    fd = process_open(p->pid, "exe", O_RDONLY);
    if (is_inode(fd, m->inode))
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}
