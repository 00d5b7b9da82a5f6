#include "serving.h"

#include "allocator_version.h"
#include "elf_symtab.h"
#include "living.h"
#include "look.h"
#include "preload.h"
#include "recognise.h"
#include "remarks.h"

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MOST_TRIES = 10 };

/* --- whose malloc it is --------------------------------------------------------------------------
 */

static void set_file(struct serving *s, const char *path, dev_t device, ino_t inode) {
    snprintf(s->object, sizeof s->object, "%s", path);
    s->device = device;
    s->inode  = inode;
}

static void set_name(struct serving *s, const struct known_allocator *known) {
    if (known)
        snprintf(s->name, sizeof s->name, "%s", known->name);
    else
        snprintf(s->name, sizeof s->name, "%s", process_base_name(s->object));
}

static void unknown(struct serving *s, const char *format, ...) {
    va_list args;
    s->state = SERVING_UNKNOWN;
    s->how   = SERVING_NOT;
    va_start(args, format);
    vsnprintf(s->why, sizeof s->why, format, args);
    va_end(args);
}

/* The first definition in the search order. */
static void find_bound(struct look *l, struct serving *s) {
    for (size_t i = 0; i < l->objects.count; i++) {
        const struct object *o = &l->objects.object[i];
        if (!object_defines_malloc(o, &l->symbol))
            continue;
        l->owner = i;
        s->state = SERVING_KNOWN;
        l->known = recognise_object(l, o);
        set_file(s, object_path(o), o->file ? o->file->device : 0, o->file ? o->file->inode : 0);
        set_name(s, l->known);
        const struct known_allocator *called = known_by_object(process_base_name(s->object));
        if (called && called != l->known)
            remarks_add(s, SERVING_LIMITED, "its file is called as that of %s, but it is %s",
                        called->name, s->name);
        return;
    }
    unknown(s, "none of the %zu objects that are loaded defines malloc", l->objects.count);
}

/* --- static programs -----------------------------------------------------------------------------
 */

/* By its symbols, else by its messages. */
static void find_fixed(struct look *l, struct serving *s) {
    const char *by[KNOWN_MOST];
    size_t found                        = 0;
    const struct known_allocator *first = NULL;
    s->fixed                            = true;
    const bool table                    = recognise_symbols(l, false, by);
    for (size_t i = 0; i < known_allocator_count; i++) {
        const struct known_allocator *a = &known_allocators[i];
        bool shows = by[i] || (a->section && elf_symtab_section(l->program_fd, a->section));
        for (size_t j = 0; !table && j < KNOWN_NAMES && a->text[j]; j++)
            shows |= elf_symtab_text(l->program_fd, a->text[j], strlen(a->text[j]), 0) >= 0;
        if (shows && !found++)
            first = a;
        else if (shows)
            remarks_add(s, SERVING_SECOND, "the program has %s in it, too", a->name);
    }
    set_file(s, l->process.program, 0, 0);
    struct stat file;
    if (fstat(l->program_fd, &file) == 0)
        set_file(s, l->process.program, file.st_dev, file.st_ino);
    if (!first) {
        unknown(s,
                table ? "a static program, and none of its symbols is of an allocator that is known"
                      : "a static program without symbols, and none of its messages is known");
        return;
    }
    l->known = first;
    s->state = SERVING_KNOWN;
    s->how   = table ? SERVING_SYMBOLS : SERVING_TEXTS;
    set_name(s, first);
}

static void find_libc(const struct look *l, struct serving *s) {
    struct elf_symbol symbol;
    for (size_t i = 0; i < l->objects.count; i++) {
        const struct elf_image *m = &l->objects.object[i].image;
        const char *is            = elf_image_find(m, "gnu_get_libc_version", &symbol) ? "glibc"
                                    : elf_image_find(m, "_dl_debug_addr", &symbol)     ? "musl"
                                                                                       : NULL;
        if (is) {
            snprintf(s->libc, sizeof s->libc, "%s", is);
            return;
        }
    }
    if (fnmatch("ld-musl-*", process_base_name(l->program.linker), 0) == 0)
        snprintf(s->libc, sizeof s->libc, "musl");
    if (s->fixed && (strcmp(s->name, "glibc") == 0 || strcmp(s->name, "musl") == 0))
        snprintf(s->libc, sizeof s->libc, "%s", s->name);
}

static void find_version(const struct look *l, struct serving *s) {
    const struct object *o = s->fixed ? NULL : &l->objects.object[l->owner];
    const int fd           = o && o->file ? process_open_map(&l->process, o->file) : -1;
    allocator_version(l->known, o ? fd : l->program_fd, s->object, s->version, sizeof s->version);
    if (fd >= 0)
        close(fd);
}

/* --- the process ---------------------------------------------------------------------------------
 */

static void find_dynamic(struct look *l, struct serving *s) {
    s->how = SERVING_BOUND;
    if (l->mem < 0) {
        remarks_add(s, SERVING_LIMITED,
                    "its memory may not be read (%s); this goes by the mapped files",
                    strerrordesc_np(errno));
    } else if (objects_linked(&l->process, &l->program, l->mem, &l->objects)) {
        find_bound(l, s);
        return;
    } else if (l->objects.starting) {
        if (l->question->last)
            unknown(s, "it ended while its dynamic linker was at work: did that print an error?");
        else
            s->state = SERVING_STARTING;
        return;
    } else {
        remarks_add(s, SERVING_LIMITED,
                    "the dynamic linker's list was not found; this goes by the mapped files");
    }
    objects_free(&l->objects);
    s->how = SERVING_MAPPED;
    if (!l->process.maps_read || !objects_mapped(&l->process, &l->objects))
        unknown(s, "neither its memory nor its mapped files may be read");
    else
        find_bound(l, s);
}

static void look_at(struct look *l, struct serving *s) {
    struct elf_symbol symbol;
    process_read(&l->process, l->program.wide);
    snprintf(s->program, sizeof s->program, "%s", l->process.program);
    const char *preload = process_variable(&l->process, "LD_PRELOAD");
    snprintf(s->preload, sizeof s->preload, "%s", preload ? preload : "");
    s->secure          = l->process.secure;
    const bool dynamic = *l->program.linker || elf_image_find(&l->program, "_r_debug", &symbol) ||
                         elf_image_find(&l->program, "_dl_debug_addr", &symbol);
    if (dynamic)
        find_dynamic(l, s);
    else
        find_fixed(l, s);
    find_libc(l, s);
    if (s->state != SERVING_STARTING)
        preload_judge(&l->process, &l->program, &l->objects, l->question, s);
    if (s->state == SERVING_KNOWN) {
        if (!s->fixed) {
            remarks_on_others(l, s);
        }
        if (!s->fixed && s->how == SERVING_BOUND && !l->question->brief)
            remarks_on_calls(l, s);
        if (!l->question->brief)
            find_version(l, s);
        if (l->known && l->known->remark)
            remarks_add(s, SERVING_INNER, "%s", l->known->remark);
    }
    if (s->state == SERVING_KNOWN || s->state == SERVING_UNKNOWN) {
        remarks_on_surroundings(l, s);
    }
    if (!l->process.environment && s->state != SERVING_STARTING)
        remarks_add(s, SERVING_LIMITED, "its environment may not be read");
}

static void gone(struct serving *s, const char *why) {
    s->state = SERVING_GONE;
    snprintf(s->why, sizeof s->why, "%s", why);
}

/* By what one of its threads knows. */
static void find_by(pid_t pid, pid_t thread, const struct serving_question *question,
                    struct serving *s) {
    struct look l = {.question = question, .mem = -1};
    memset(s, 0, sizeof *s);
    s->pid = pid;
    if (!process_look(pid, &l.process)) {
        gone(s, "there is no such process");
        return;
    }
    s->parent  = l.process.parent;
    s->started = l.process.started;
    snprintf(s->command, sizeof s->command, "%s", l.process.command);
    const bool first_ended = l.process.state == 'Z' || l.process.state == 'X';
    s->kernel              = l.process.kernel;
    if (s->kernel) { /* also where nobody but root may see that it has no program */
        gone(s, "it is a thread of the kernel, and has no program");
        return;
    }
    if (!thread || (thread != pid && !process_look(thread, &l.process))) {
        gone(s, first_ended ? "there is no such process" : "it ends");
        return;
    }
    l.program_fd = process_open(thread, "exe", O_RDONLY);
    if (l.program_fd < 0 && errno == ENOENT) {
        gone(s, "it has no program: it ends");
        return;
    }
    if (l.program_fd < 0) {
        unknown(s, "it may not be looked at (%s): %s", strerrordesc_np(errno),
                geteuid() == 0 ? "root needs the capability CAP_SYS_PTRACE, as far as that reaches"
                               : "be root, or its user");
        return;
    }
    if (elf_image_file(&l.program, l.program_fd)) {
        l.mem = process_open(thread, "mem", O_RDONLY);
        look_at(&l, s);
    } else {
        unknown(s, "its program is not in this machine's ELF");
    }
    struct process again;
    if (!living_has_memory(thread) || !process_look(thread, &again) ||
        again.started != l.process.started) {
        memset(s->note, 0, sizeof s->note);
        s->notes = s->options = 0;
        gone(s, "it ended while it was looked at");
    }
    objects_free(&l.objects);
    process_free(&l.process);
    if (l.mem >= 0)
        close(l.mem);
    close(l.program_fd);
}

void serving_find(pid_t pid, const struct serving_question *question, struct serving *s) {
    static const struct serving_question plain;
    question = question ? question : &plain;
    if (question->thread) {
        find_by(pid, question->thread, question, s);
        return;
    }
    for (int i = 0; i < MOST_TRIES; i++) {
        const pid_t thread = living_thread(pid);
        find_by(pid, thread, question, s);
        if (s->state != SERVING_GONE || s->kernel || !thread)
            return;
    } /* it was that thread which ended */
}

const char *serving_finding(const struct serving *s) {
    for (size_t i = 0; i < s->notes; i++)
        if (s->note[i].kind == SERVING_PRELOAD)
            return s->note[i].text;
    return NULL;
}

bool serving_is(const struct serving *s, const char *path) {
    struct stat file;
    char whole[PATH_MAX];
    if (s->state != SERVING_KNOWN)
        return false;
    if (s->inode && stat(path, &file) == 0 && file.st_ino == s->inode && file.st_dev == s->device)
        return true;
    return realpath(path, whole) && strcmp(whole, s->object) == 0;
}

bool serving_is_named(const struct serving *s, const char *name) {
    const char *base = process_base_name(s->object);
    if (s->state != SERVING_KNOWN)
        return false;
    if (strcmp(name, "system") == 0)
        return strcmp(s->name, s->libc) == 0;
    return strcmp(s->name, name) == 0 || strcmp(base, name) == 0 || serving_is(s, name);
}
