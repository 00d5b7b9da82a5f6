#include "locate.h"

#include "text.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

enum { HEAD_BYTES = 4096, REASON_BYTES = HEAD_BYTES + 200 };

/* "#! /bin/sh -e": the path in it, cut out in place. */
static char *script_interpreter(char *head) {
    char *path                     = head + 2 + strspn(head + 2, " \t");
    path[strcspn(path, " \t\r\n")] = '\0';
    return path;
}

/* The loader of an ELF file of this machine's width; "": it needs none; NULL: it cannot be read. */
static const char *elf_interpreter(int file, char *path, size_t size) {
    Elf64_Ehdr header;
    Elf64_Phdr part;
    if (pread(file, &header, sizeof header, 0) != sizeof header ||
        header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_phentsize != sizeof part)
        return NULL;
    for (unsigned i = 0; i < header.e_phnum; i++) {
        const off_t at = (off_t)(header.e_phoff + i * sizeof part);
        if (pread(file, &part, sizeof part, at) != sizeof part)
            return NULL;
        if (part.p_type != PT_INTERP || part.p_filesz >= size)
            continue;
        const ssize_t got       = pread(file, path, part.p_filesz, (off_t)part.p_offset);
        path[got > 0 ? got : 0] = '\0';
        return got > 0 ? path : NULL;
    }
    return "";
}

/* The beginning of a file. Its descriptor, or -1: it may not be read. */
static int open_head(int directory, const char *path, char head[HEAD_BYTES + 1], size_t *bytes) {
    const int file    = openat(directory, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    const ssize_t got = file < 0 ? -1 : pread(file, head, HEAD_BYTES, 0);
    *bytes            = got > 0 ? (size_t)got : 0;
    head[*bytes]      = '\0';
    if (file >= 0 && got < 0) {
        close(file);
        return -1;
    }
    return file;
}

static bool is_elf(const char *head, size_t bytes) {
    return bytes >= SELFMAG && memcmp(head, ELFMAG, SELFMAG) == 0;
}

static bool is_script(const char *head, size_t bytes) {
    return bytes >= 2 && memcmp(head, "#!", 2) == 0;
}

/* What execve will say only when everything is set up: no interpreter is named, or it is absent.
 * NULL: nothing is wrong, or it is a kind of file that only the kernel knows. */
static const char *why_no_interpreter(int directory, const char *path) {
    static char reason[REASON_BYTES];
    char head[HEAD_BYTES + 1], loader[HEAD_BYTES];
    const char *named = NULL;
    size_t bytes;
    const int file = open_head(directory, path, head, &bytes);
    *reason        = '\0';
    if (is_elf(head, bytes))
        named = elf_interpreter(file, loader, sizeof loader);
    else if (is_script(head, bytes))
        named = script_interpreter(head);
    if (file >= 0 && !is_elf(head, bytes) && !memchr(head, '\0', bytes) && !(named && *named))
        snprintf(reason, sizeof reason,
                 "it is a text without an interpreter: begin it with a line such as #!/bin/sh, or "
                 "run it by sh");
    if (named && *named && faccessat(directory, named, F_OK, 0) != 0)
        snprintf(reason, sizeof reason, "the interpreter that it names is not here: '%s'", named);
    if (file >= 0)
        close(file);
    return *reason ? reason : NULL;
}

/* Why it cannot be executed; NULL: it can. */
static const char *why_not(int directory, const char *path) {
    struct stat s;
    if (fstatat(directory, path, &s, 0) != 0)
        return errno == ENOENT ? "there is no such program" : strerrordesc_np(errno);
    if (S_ISDIR(s.st_mode))
        return "it is a directory";
    if (faccessat(directory, path, X_OK, AT_EACCESS) != 0)
        return errno == EACCES ? "it is not executable (chmod +x)" : strerrordesc_np(errno);
    return why_no_interpreter(directory, path);
}

static bool search(const char *name, char *path, size_t size, const char **why) {
    const char *list = getenv("PATH");
    *why             = "there is no such program in PATH";
    for (list = list ? list : "/usr/bin:/bin"; *list; list += *list == ':') {
        const size_t length = strcspn(list, ":");
        const char *problem = NULL;
        if (snprintf(path, size, "%.*s%s%s", (int)length, list, length ? "/" : "./", name) >=
            (int)size)
            problem = "its path is too long";
        else
            problem = why_not(AT_FDCWD, path);
        if (!problem)
            return true;
        if (access(path, F_OK) == 0)
            *why = problem;
        list += length;
    }
    return false;
}

/* Does it get privileges from its file? Not where they are not given at all. */
static bool is_privileged(const char *path) {
    struct stat s;
    struct statvfs mount;
    if (stat(path, &s) != 0 || prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 ||
        (statvfs(path, &mount) == 0 && mount.f_flag & ST_NOSUID))
        return false;
    return (s.st_mode & S_ISUID && s.st_uid != geteuid()) ||
           (s.st_mode & S_ISGID && s.st_gid != getegid()) ||
           (geteuid() != 0 && getxattr(path, "security.capability", NULL, 0) > 0);
}

const char *locate_unpreloadable(const char *path) {
    char head[HEAD_BYTES + 1], loader[HEAD_BYTES], named[HEAD_BYTES + 1];
    size_t bytes;
    int file = open_head(AT_FDCWD, path, head, &bytes);
    if (is_script(head, bytes)) { /* the interpreter is what runs */
        snprintf(named, sizeof named, "%s", script_interpreter(head));
        path = named;
        close(file);
        file = open_head(AT_FDCWD, path, head, &bytes);
    }
    const char *loaded = is_elf(head, bytes) ? elf_interpreter(file, loader, sizeof loader) : NULL;
    if (file >= 0)
        close(file);
    if (loaded && !*loaded)
        return "the program is static, and no dynamic linker reads LD_PRELOAD";
    if (is_privileged(path))
        return "the program has privileges of its file (set-user-ID or capabilities), and the "
               "dynamic linker ignores LD_PRELOAD";
    return NULL;
}

bool locate_program(const char *name, const char *directory, char *path, size_t size) {
    const char *why = "its path is too long";
    if (!*name) {
        why = "it has no name";
    } else if (!strchr(name, '/')) {
        if (search(name, path, size, &why))
            return true;
    } else if (snprintf(path, size, "%s", name) < (int)size) {
        const int at = directory ? open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC) : AT_FDCWD;
        why          = why_not(at, path);
        if (at >= 0)
            close(at);
        if (!why)
            return true;
    }
    text_say("cannot run '%s': %s%s", name, why,
             strpbrk(name, " |;&") ? "; a command for a shell takes --shell" : "");
    return false;
}

bool locate_directory(const char *directory) {
    struct stat s;
    if (!directory)
        return true;
    if (stat(directory, &s) == 0 && !S_ISDIR(s.st_mode))
        errno = ENOTDIR;
    else if (access(directory, X_OK) == 0)
        return true;
    text_say("--cwd %s: %s", directory, strerrordesc_np(errno));
    return false;
}

bool locate_input(const char *file) {
    if (!file || access(file, R_OK) == 0)
        return true;
    text_say("--input %s: %s", file, strerrordesc_np(errno));
    return false;
}
