#include "preload.h"

#include "remarks.h"

#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* One library of the list, and what is known of it. */
struct library {
    char path[PATH_MAX];
    const struct object *loaded; /* NULL: it is not */
    const char *missing;         /* why its file cannot be opened; NULL: it can, or was not tried */
    bool odd;                    /* the file is not in ELF of this byte order */
    bool looked;                 /* at its file */
    bool allocator;              /* it defines malloc */
    struct elf_image image;
    bool needs_glibc;
};

static void see_needed(void *arg, const char *name) {
    struct library *l = arg;
    l->needs_glibc |= strcmp(name, "libc.so.6") == 0;
}

static const struct object *find_loaded(const struct objects *all, const char *path, ino_t inode) {
    for (size_t i = 0; i < all->count; i++) {
        const struct object *o = &all->object[i];
        if (strcmp(o->name, path) == 0 || (inode && o->file && o->file->inode == inode) ||
            (!strchr(path, '/') && strcmp(process_base_name(o->name), path) == 0))
            return o;
    }
    return NULL;
}

/* Looks at a library as the process sees it. */
static void look_at(pid_t pid, const struct objects *all, struct library *l) {
    struct stat file = {0};
    struct elf_symbol symbol;
    /* ld.so searches for a name without a slash, and replaces $ORIGIN and the like */
    if (strchr(l->path, '/') && !strchr(l->path, '$')) {
        const int fd = process_open_path(pid, l->path);
        l->missing   = fd < 0 ? strerrordesc_np(errno) : NULL;
        if (fd >= 0 && fstat(fd, &file) == 0) {
            l->looked    = true;
            l->odd       = !S_ISREG(file.st_mode) || !elf_image_file(&l->image, fd);
            l->allocator = !l->odd && elf_image_find(&l->image, "malloc", &symbol);
            if (!l->odd)
                elf_image_needed(&l->image, see_needed, l);
        }
        if (fd >= 0)
            close(fd);
    }
    l->loaded = find_loaded(all, l->path, file.st_ino);
    if (l->loaded && !l->looked)
        l->allocator = elf_image_find(&l->loaded->image, "malloc", &symbol);
}

static bool has_word(const char *list, const char *word) {
    const size_t length = strlen(word);
    for (const char *at = list; at && (at = strstr(at, word)); at++)
        if ((at == list || strchr(" :\t\n", at[-1])) &&
            (!at[length] || strchr(" :\t\n", at[length])))
            return true;
    return false;
}

/* The reasons, the strongest first. */
static void explain(const struct process *p, const struct elf_image *program, const char *asked,
                    const struct library *l, struct serving *s) {
    const char *own = process_variable(p, "LD_PRELOAD");
    const char *its = l->path;
    if (s->fixed)
        remarks_add(s, SERVING_PRELOAD,
                    "%s has no effect: the program is static, and no dynamic linker reads "
                    "LD_PRELOAD",
                    its);
    else if (s->secure)
        remarks_add(s, SERVING_PRELOAD,
                    "%s has no effect: the program has privileges of its file (set-user-ID or "
                    "capabilities), and there ld.so ignores LD_PRELOAD",
                    its);
    else if (asked && p->environment && !has_word(own, its))
        remarks_add(s, SERVING_PRELOAD,
                    "%s has no effect: LD_PRELOAD does not name it here; what started the "
                    "program took it away",
                    its);
    else if (l->loaded && !l->allocator)
        remarks_add(s, SERVING_PRELOAD, "%s is loaded, but defines no malloc", its);
    else if (l->loaded)
        remarks_add(s, SERVING_PRELOAD,
                    s->state == SERVING_KNOWN
                        ? "%s is loaded, but %s comes before it and defines malloc"
                        : "%s is loaded, but does not serve",
                    its, s->object);
    else if (l->missing)
        remarks_add(s, SERVING_PRELOAD, "%s cannot be preloaded: %s%s", its, l->missing,
                    *its == '/' ? "" : "; a relative path begins at the working directory");
    else if (l->odd)
        remarks_add(s, SERVING_PRELOAD, "%s cannot be preloaded: it is not a shared library", its);
    else if (l->looked && (l->image.machine != program->machine || l->image.wide != program->wide))
        remarks_add(s, SERVING_PRELOAD,
                    "%s cannot be preloaded: it was built for another architecture than the "
                    "program",
                    its);
    else if (l->needs_glibc && strcmp(s->libc, "musl") == 0)
        remarks_add(s, SERVING_PRELOAD,
                    "%s cannot be preloaded: it needs glibc, and the program uses musl", its);
    else
        remarks_add(s, SERVING_PRELOAD,
                    "%s was not loaded; LD_DEBUG=files in the environment shows why", its);
}

void preload_judge(const struct process *p, const struct elf_image *program,
                   const struct objects *all, const struct serving_question *question,
                   struct serving *s) {
    const char *asked   = question->asked;
    const char *list    = asked ? asked : process_variable(p, "LD_PRELOAD");
    struct library *one = list && *list ? calloc(1, sizeof *one) : NULL;
    const size_t before = s->notes;
    bool serves         = false;
    for (size_t length; one && *list; list += length) {
        list += strspn(list, " :\t\n");
        length = strcspn(list, " :\t\n");
        if (!length || length >= sizeof one->path)
            continue;
        *one = (struct library){.loaded = NULL};
        memcpy(one->path, list, length);
        look_at(p->pid, all, one);
        if (one->loaded && one->loaded->file && one->loaded->file->inode == s->inode &&
            one->loaded->file->device == s->device && s->state == SERVING_KNOWN)
            serves = true;
        else if (question->must || one->allocator || one->missing || one->odd ||
                 (!one->looked && !one->loaded))
            explain(p, program, asked, one, s);
    }
    if (serves)
        s->notes = before;
    free(one);
}
