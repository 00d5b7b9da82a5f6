#include "recognise.h"

#include "elf_symtab.h"

#include <string.h>

bool recognise_any(const struct elf_image *m, const char *const *names) {
    struct elf_symbol symbol;
    for (size_t i = 0; i < KNOWN_NAMES && names[i]; i++)
        if (elf_image_find(m, names[i], &symbol))
            return true;
    return false;
}

static const char *const *fixed_names(const struct known_allocator *a) {
    return *a->fixed ? a->fixed : a->symbol;
}

static const char *const *inner_names(const struct known_allocator *a) {
    return a->inner;
}

bool recognise_symbols(const struct look *l, bool inner, const char *by[KNOWN_MOST]) {
    const char *names[KNOWN_MOST * KNOWN_NAMES] = {NULL};
    bool has[KNOWN_MOST * KNOWN_NAMES];
    size_t count = 0, of[KNOWN_MOST * KNOWN_NAMES];
    for (size_t i = 0; i < known_allocator_count; i++) {
        const char *const *list =
            inner ? inner_names(&known_allocators[i]) : fixed_names(&known_allocators[i]);
        by[i] = NULL;
        for (size_t j = 0; j < KNOWN_NAMES && list[j]; j++) {
            of[count]      = i;
            names[count++] = list[j];
        }
    }
    const bool table = elf_symtab_has(l->program_fd, names, has, count);
    for (size_t i = 0; i < count; i++)
        if (has[i])
            by[of[i]] = names[i];
    return table;
}

static bool is_program(const struct look *l, const struct object *o) {
    return o->file && strcmp(o->file->path, l->process.program) == 0;
}

/* Does the object define what this allocator defines? */
static bool shows(const struct elf_image *m, const struct known_allocator *a) {
    const struct known_allocator *like = a->like ? known_by_name(a->like) : a;
    return like && recognise_any(m, like->symbol);
}

static const struct known_allocator *by_symbols(const struct look *l, const struct object *o) {
    const char *by[KNOWN_MOST];
    for (size_t i = 0; i < known_allocator_count; i++)
        if (recognise_any(&o->image, known_allocators[i].symbol))
            return &known_allocators[i];
    if (!is_program(l, o))
        return NULL;
    recognise_symbols(l, false, by);
    for (size_t i = 0; i < known_allocator_count; i++)
        if (by[i])
            return &known_allocators[i];
    return NULL;
}

/* Anybody may rename a file. So a name, its own (DT_SONAME) before that of the file, decides among
 * those that the symbols show, and else only where they show none. */
const struct known_allocator *recognise_object(const struct look *l, const struct object *o) {
    char own[256] = "";
    if (o->image.soname)
        (void)elf_image_string(&o->image, o->image.strtab + o->image.soname, own, sizeof own);
    const char *const names[]           = {own, o->file ? o->file->path : "", o->name};
    const struct known_allocator *named = NULL;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const struct known_allocator *a = known_by_object(process_base_name(names[i]));
        if (a && shows(&o->image, a))
            return a;
        named = named ? named : a;
    }
    const struct known_allocator *found = by_symbols(l, o);
    return found ? found : named;
}
