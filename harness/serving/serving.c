#include "serving.h"

#include "allocator_version.h"
#include "elf_symtab.h"
#include "known.h"
#include "objects.h"
#include "preload.h"
#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MOST_CHECKED = 512 }; /* objects whose own calls are looked at */

/* What one look at a process goes through. */
struct look {
    struct process process;
    struct elf_image program; /* of its file */
    int program_fd, mem;
    struct objects objects;
    size_t owner;             /* of the objects, the one that serves */
    struct elf_symbol symbol; /* its malloc */
    const struct known_allocator *known;
    const struct serving_question *question;
};

static bool defines_malloc(const struct object *o, struct elf_symbol *symbol) {
    return elf_image_find(&o->image, "malloc", symbol);
}

static bool is_program(const struct look *l, const struct object *o) {
    return o->file && strcmp(o->file->path, l->process.program) == 0;
}

static const char *path_of(const struct object *o) {
    return o->file ? o->file->path : o->name;
}

/* --- whose malloc it is --------------------------------------------------------------------------
 */

static bool has_any(const struct elf_image *m, const char *const *names) {
    struct elf_symbol symbol;
    for (size_t i = 0; i < KNOWN_NAMES && names[i]; i++)
        if (elf_image_find(m, names[i], &symbol))
            return true;
    return false;
}

/* Which of the known allocators a file's table of all symbols shows. False: it has no table. */
static bool symtab_shows(int fd, const char *const *(*names_of)(const struct known_allocator *),
                         bool *shows, const char **by) {
    const char *names[KNOWN_MOST * KNOWN_NAMES] = {NULL};
    bool has[KNOWN_MOST * KNOWN_NAMES];
    size_t count = 0, of[KNOWN_MOST * KNOWN_NAMES];
    for (size_t i = 0; i < known_allocator_count; i++) {
        const char *const *list = names_of(&known_allocators[i]);
        for (size_t j = 0; j < KNOWN_NAMES && list[j]; j++) {
            of[count]      = i;
            names[count++] = list[j];
        }
    }
    const bool table = elf_symtab_has(fd, names, has, count);
    for (size_t i = 0; i < count; i++)
        if (has[i]) {
            shows[of[i]] = true;
            by[of[i]]    = names[i];
        }
    return table;
}

static const char *const *fixed_names(const struct known_allocator *a) {
    return *a->fixed ? a->fixed : a->symbol;
}

static const char *const *inner_names(const struct known_allocator *a) {
    return a->inner;
}

/* The allocator that an object is; NULL: it is not known. */
static const struct known_allocator *recognise(const struct look *l, const struct object *o) {
    const struct known_allocator *known =
        known_by_object(process_base_name(o->file ? o->file->path : o->name));
    if (!known && *o->name)
        known = known_by_object(process_base_name(o->name));
    for (size_t i = 0; !known && i < known_allocator_count; i++)
        if (has_any(&o->image, known_allocators[i].symbol))
            known = &known_allocators[i];
    if (!known && is_program(l, o)) {
        bool shows[KNOWN_MOST]     = {false};
        const char *by[KNOWN_MOST] = {NULL};
        symtab_shows(l->program_fd, fixed_names, shows, by);
        for (size_t i = 0; !known && i < known_allocator_count; i++)
            known = shows[i] ? &known_allocators[i] : NULL;
    }
    return known;
}

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

void serving_add_note(struct serving *s, enum serving_kind kind, const char *format, ...) {
    va_list args;
    if (s->notes == SERVING_NOTES)
        return;
    struct serving_note *n = &s->note[s->notes++];
    n->kind                = kind;
    va_start(args, format);
    vsnprintf(n->text, sizeof n->text, format, args);
    va_end(args);
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
        if (!defines_malloc(o, &l->symbol))
            continue;
        l->owner = i;
        s->state = SERVING_KNOWN;
        l->known = recognise(l, o);
        set_file(s, path_of(o), o->file ? o->file->device : 0, o->file ? o->file->inode : 0);
        set_name(s, l->known);
        return;
    }
    unknown(s, "none of the %zu objects that are loaded defines malloc", l->objects.count);
}

/* --- static programs -----------------------------------------------------------------------------
 */

/* By its symbols, else by its messages. */
static void find_fixed(struct look *l, struct serving *s) {
    bool shows[KNOWN_MOST]              = {false};
    const char *by[KNOWN_MOST]          = {NULL};
    size_t found                        = 0;
    const struct known_allocator *first = NULL;
    s->fixed                            = true;
    const bool table                    = symtab_shows(l->program_fd, fixed_names, shows, by);
    for (size_t i = 0; i < known_allocator_count; i++) {
        const struct known_allocator *a = &known_allocators[i];
        if (a->section && elf_symtab_section(l->program_fd, a->section))
            shows[i] = true;
        for (size_t j = 0; !table && j < KNOWN_NAMES && a->text[j]; j++)
            shows[i] |= elf_symtab_text(l->program_fd, a->text[j], strlen(a->text[j]), 0) >= 0;
        if (shows[i] && !found++)
            first = a;
        else if (shows[i])
            serving_add_note(s, SERVING_SECOND, "the program has %s in it, too", a->name);
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

/* --- what else to know ---------------------------------------------------------------------------
 */

/* Compares where the objects' own calls go with what the search order says. */
static void check_slots(const struct look *l, struct serving *s) {
    const uint64_t bound = l->objects.object[l->owner].image.bias + l->symbol.value;
    for (size_t i = 0; i < l->objects.count && i < MOST_CHECKED; i++) {
        const struct object *o = &l->objects.object[i];
        uint64_t value;
        struct elf_symbol symbol;
        if (!elf_image_slot(&o->image, "malloc", &value))
            continue;
        s->checked |= value == bound;
        for (size_t j = 0; value != bound && j < l->objects.count; j++) {
            const struct object *other = &l->objects.object[j];
            if (defines_malloc(other, &symbol) && other->image.bias + symbol.value == value)
                serving_add_note(s, SERVING_SECOND, "in %s, calls of malloc go to %s",
                                 process_base_name(path_of(o)), path_of(other));
        }
    }
}

static bool is_noted(const struct serving *s, const char *object) {
    for (size_t i = 0; i < s->notes; i++)
        if (s->note[i].kind == SERVING_PRELOAD &&
            strncmp(s->note[i].text, object, strlen(object)) == 0)
            return true;
    return false;
}

/* Objects that define malloc and do not serve; the C library and its dynamic linker always do. */
static void find_second(const struct look *l, struct serving *s) {
    struct elf_symbol symbol;
    for (size_t i = l->owner + 1; i < l->objects.count; i++) {
        const struct object *o              = &l->objects.object[i];
        const struct known_allocator *known = known_by_object(process_base_name(path_of(o)));
        const bool libc =
            known && (strcmp(known->name, "glibc") == 0 || strcmp(known->name, "musl") == 0);
        if (!libc &&
            !known_matches((const char *const[]){"ld-*.so*", "libc.so", NULL},
                           process_base_name(path_of(o))) &&
            !is_noted(s, o->name) && defines_malloc(o, &symbol))
            serving_add_note(s, SERVING_SECOND, "%s defines malloc, too, but comes later",
                             path_of(o));
    }
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

static bool has_runtime(const struct look *l, const struct known_runtime *r) {
    if (known_matches(r->program, process_base_name(l->process.program)))
        return true;
    for (size_t i = 0; i < l->objects.count; i++)
        if (known_matches(r->object, process_base_name(path_of(&l->objects.object[i]))) ||
            has_any(&l->objects.object[i].image, r->symbol))
            return true;
    return false;
}

static void find_runtimes(const struct look *l, struct serving *s) {
    for (size_t i = 0; i < known_runtime_count; i++) {
        const struct known_runtime *r = &known_runtimes[i];
        if (!has_runtime(l, r))
            continue;
        const char *value = r->variable ? process_variable(&l->process, r->variable) : NULL;
        bool off          = false;
        for (size_t j = 0; value && j < sizeof r->off / sizeof *r->off && r->off[j]; j++)
            off |= strcmp(value, r->off[j]) == 0;
        if (!off)
            serving_add_note(s, SERVING_INNER, "%s: %s", r->name, r->remark);
    }
}

/* Copies of other allocators inside of the program, under names of their own. */
static void find_inner(const struct look *l, struct serving *s) {
    bool shows[KNOWN_MOST]     = {false};
    const char *by[KNOWN_MOST] = {NULL};
    if (!l->question->brief)
        symtab_shows(l->program_fd, inner_names, shows, by);
    for (size_t i = 0; i < known_allocator_count; i++) {
        const struct known_allocator *a = &known_allocators[i];
        if (a == l->known)
            continue;
        if (a->section && elf_symtab_section(l->program_fd, a->section))
            serving_add_note(s, SERVING_INNER, "%s", a->remark);
        else if (shows[i])
            serving_add_note(s, SERVING_INNER,
                             "the program has %s inside, as %s: LD_PRELOAD does not reach that",
                             a->name, by[i]);
    }
}

static void find_options(const struct look *l, struct serving *s) {
    const struct process *p = &l->process;
    for (size_t at = 0; p->environment && at < p->environment_size;
         at += strlen(p->environment + at) + 1) {
        const char *text = p->environment + at;
        char name[128];
        snprintf(name, sizeof name, "%.*s", (int)strcspn(text, "="), text);
        const struct known_allocator *other = NULL;
        for (size_t i = 0; i < known_allocator_count; i++)
            if (known_matches(known_allocators[i].variable, name))
                other = other == l->known && other ? other : &known_allocators[i];
        if (!other)
            continue;
        if (l->known && known_matches(l->known->variable, name)) {
            if (s->options < SERVING_OPTIONS)
                snprintf(s->option[s->options++], sizeof *s->option, "%s", text);
        } else if (s->state == SERVING_KNOWN && strcmp(other->name, "go") != 0) {
            serving_add_note(s, SERVING_OPTION, "%s is set, but %s does not read it", name,
                             s->name);
        }
    }
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
        serving_add_note(s, SERVING_LIMITED,
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
        serving_add_note(s, SERVING_LIMITED,
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
            find_second(l, s);
            find_inner(l, s);
        }
        if (!s->fixed && s->how == SERVING_BOUND && !l->question->brief)
            check_slots(l, s);
        if (!l->question->brief)
            find_version(l, s);
        if (l->known && l->known->remark)
            serving_add_note(s, SERVING_INNER, "%s", l->known->remark);
    }
    if (s->state == SERVING_KNOWN || s->state == SERVING_UNKNOWN) {
        find_runtimes(l, s);
        find_options(l, s);
    }
    if (!l->process.environment && s->state != SERVING_STARTING)
        serving_add_note(s, SERVING_LIMITED, "its environment may not be read");
}

void serving_find(pid_t pid, const struct serving_question *question, struct serving *s) {
    static const struct serving_question plain;
    struct look l = {.question = question ? question : &plain, .mem = -1};
    memset(s, 0, sizeof *s);
    s->pid = pid;
    if (!process_look(pid, &l.process) || strchr("ZX", l.process.state)) {
        s->state = SERVING_GONE;
        snprintf(s->why, sizeof s->why, "there is no such process");
        return;
    }
    s->parent  = l.process.parent;
    s->started = l.process.started;
    snprintf(s->command, sizeof s->command, "%s", l.process.command);
    l.program_fd = process_open(pid, "exe", O_RDONLY);
    if (l.program_fd < 0 && errno == ENOENT) {
        s->state = SERVING_GONE;
        snprintf(s->why, sizeof s->why, "it has no program: it ends, or is the kernel's own");
        return;
    }
    if (l.program_fd < 0) {
        unknown(s, "it may not be looked at (%s): be root, or its user", strerrordesc_np(errno));
        return;
    }
    if (elf_image_file(&l.program, l.program_fd)) {
        l.mem = process_open(pid, "mem", O_RDONLY);
        look_at(&l, s);
    } else {
        unknown(s, "its program is not in this machine's ELF");
    }
    struct process again;
    if (!process_look(pid, &again) || strchr("ZX", again.state) || again.started != s->started) {
        memset(s->note, 0, sizeof s->note);
        s->notes = s->options = 0;
        s->state              = SERVING_GONE;
        snprintf(s->why, sizeof s->why, "it ended while it was looked at");
    }
    objects_free(&l.objects);
    process_free(&l.process);
    if (l.mem >= 0)
        close(l.mem);
    close(l.program_fd);
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
