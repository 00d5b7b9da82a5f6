#include "remarks.h"

#include "elf_symtab.h"
#include "recognise.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { MOST_CHECKED = 512 }; /* objects whose own calls are looked at */

void remarks_add(struct serving *s, enum serving_kind kind, const char *format, ...) {
    va_list args;
    if (s->notes == SERVING_NOTES)
        return;
    struct serving_note *n = &s->note[s->notes++];
    n->kind                = kind;
    va_start(args, format);
    vsnprintf(n->text, sizeof n->text, format, args);
    va_end(args);
}

/* --- what else to know ---------------------------------------------------------------------------
 */

/* Compares where the objects' own calls go with what the search order says. */
void remarks_on_calls(const struct look *l, struct serving *s) {
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
            if (object_defines_malloc(other, &symbol) && other->image.bias + symbol.value == value)
                remarks_add(s, SERVING_SECOND, "in %s, calls of malloc go to %s",
                            process_base_name(object_path(o)), object_path(other));
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
        const struct known_allocator *known = known_by_object(process_base_name(object_path(o)));
        const bool libc =
            known && (strcmp(known->name, "glibc") == 0 || strcmp(known->name, "musl") == 0);
        if (!libc &&
            !known_matches((const char *const[]){"ld-*.so*", "libc.so", NULL},
                           process_base_name(object_path(o))) &&
            !is_noted(s, o->name) && object_defines_malloc(o, &symbol))
            remarks_add(s, SERVING_SECOND, "%s defines malloc, too, but comes later",
                        object_path(o));
    }
}

static bool has_runtime(const struct look *l, const struct known_runtime *r) {
    if (known_matches(r->program, process_base_name(l->process.program)))
        return true;
    for (size_t i = 0; i < l->objects.count; i++)
        if (known_matches(r->object, process_base_name(object_path(&l->objects.object[i]))) ||
            recognise_any(&l->objects.object[i].image, r->symbol))
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
            remarks_add(s, SERVING_INNER, "%s: %s", r->name, r->remark);
    }
}

/* Copies of other allocators inside of the program, under names of their own. */
static void find_inner(const struct look *l, struct serving *s) {
    const char *by[KNOWN_MOST] = {NULL};
    if (!l->question->brief)
        (void)recognise_symbols(l, true, by);
    for (size_t i = 0; i < known_allocator_count; i++) {
        const struct known_allocator *a = &known_allocators[i];
        if (a == l->known)
            continue;
        if (a->section && elf_symtab_section(l->program_fd, a->section))
            remarks_add(s, SERVING_INNER, "%s", a->remark);
        else if (by[i])
            remarks_add(s, SERVING_INNER,
                        "the program has %s inside, as %s: LD_PRELOAD does not reach that", a->name,
                        by[i]);
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
            remarks_add(s, SERVING_OPTION, "%s is set, but %s does not read it", name, s->name);
        }
    }
}

void remarks_on_others(const struct look *l, struct serving *s) {
    find_second(l, s);
    find_inner(l, s);
}

void remarks_on_surroundings(const struct look *l, struct serving *s) {
    find_runtimes(l, s);
    find_options(l, s);
}
