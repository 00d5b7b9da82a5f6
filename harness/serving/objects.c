#include "objects.h"

#include <elf.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct object *add_object(struct objects *o) {
    if (o->count == OBJECTS_MOST)
        return NULL;
    if (!(o->count & (o->count - 1))) {
        struct object *grown =
            reallocarray(o->object, o->count ? 2 * o->count : 1, sizeof *o->object);
        if (!grown)
            return NULL;
        o->object = grown;
    }
    o->object[o->count] = (struct object){.fd = -1};
    return &o->object[o->count++];
}

void objects_free(struct objects *o) {
    for (size_t i = 0; i < o->count; i++) {
        free(o->object[i].name);
        if (o->object[i].fd >= 0)
            close(o->object[i].fd);
    }
    free(o->object);
    *o = (struct objects){0};
}

const char *object_path(const struct object *o) {
    return o->file ? o->file->path : o->name;
}

bool object_defines_malloc(const struct object *o, struct elf_symbol *symbol) {
    return elf_image_find(&o->image, "malloc", symbol);
}

/* --- by the dynamic linker's own list ------------------------------------------------------------
 */

/* The first words of struct r_debug and of struct link_map in <link.h>, of either word size. */
enum { DEBUG_MAP = 1, DEBUG_STATE = 3, DEBUG_WORDS = 4 };
enum { MAP_BIAS, MAP_NAME, MAP_DYNAMIC, MAP_NEXT, MAP_WORDS };

static bool read_words(int mem, bool wide, uint64_t at, uint64_t *to, size_t count) {
    uint32_t narrow[DEBUG_WORDS];
    const size_t size = count * (wide ? sizeof *to : sizeof *narrow);
    if (pread(mem, wide ? (void *)to : (void *)narrow, size, (off_t)at) != (ssize_t)size)
        return false;
    for (size_t i = 0; !wide && i < count; i++)
        to[i] = narrow[i];
    return true;
}

/* How far above the addresses of its file the program lies. */
static bool program_bias(const struct process *p, const struct elf_image *program, uint64_t *bias) {
    for (size_t i = 0; i < program->loads; i++) {
        const uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE) - 1;
        for (size_t j = 0; j < p->maps; j++)
            if (strcmp(p->map[j].path, p->program) == 0 &&
                p->map[j].offset == (program->load[i].offset & ~page)) {
                *bias = p->map[j].start - (program->load[i].address & ~page);
                return true;
            }
    }
    return false;
}

/* Where the dynamic linker keeps its list: DT_DEBUG of the program says it, else its symbol. */
static uint64_t find_debug(const struct process *p, const struct elf_image *program, int mem) {
    struct elf_image loaded, linker;
    struct elf_symbol symbol;
    uint64_t bias;
    if (program->dynamic && program_bias(p, program, &bias) &&
        elf_image_memory(&loaded, mem, program, bias, bias + program->dynamic) && loaded.debug)
        return loaded.debug;
    /* The program may be the dynamic linker itself, started by its name. */
    const uint64_t base            = p->base ? p->base : program_bias(p, program, &bias) ? bias : 0;
    const struct process_map *file = process_map_at(p, base);
    const int fd                   = base && file ? process_open_map(p, file) : -1;
    uint64_t found                 = 0;
    if (fd >= 0 && elf_image_file(&linker, fd) && elf_image_find(&linker, "_r_debug", &symbol))
        found = base + symbol.value;
    if (fd >= 0)
        close(fd);
    return found;
}

static bool walk(const struct process *p, const struct elf_image *program, int mem, uint64_t at,
                 struct objects *o) {
    uint64_t word[MAP_WORDS];
    struct elf_image all = {.fd = mem, .memory = true};
    char name[PATH_MAX];
    for (size_t n = 0; at && n < OBJECTS_MOST; n++, at = word[MAP_NEXT]) {
        if (!read_words(mem, program->wide, at, word, MAP_WORDS))
            return false;
        struct object *it = add_object(o);
        if (!it)
            return false;
        (void)elf_image_string(&all, word[MAP_NAME], name, sizeof name);
        it->name = strdup(name);
        it->file = process_map_at(p, word[MAP_DYNAMIC]);
        /* Without symbols, it defines nothing. */
        (void)elf_image_memory(&it->image, mem, program, word[MAP_BIAS], word[MAP_DYNAMIC]);
        if (!it->name)
            return false;
    }
    return o->count > 0 && !at;
}

/* Was an object mapped after the mapped files were read? The kernel's own has no file, and no path.
 */
static bool is_newer(const struct process *p, const struct objects *o) {
    for (size_t i = 0; i < o->count; i++)
        if (!o->object[i].file && strchr(o->object[i].name, '/'))
            return p->maps_read;
    return false;
}

/* Where the list begins. 0: it is not found, or the dynamic linker is changing it (`starting`). */
static uint64_t list_at(const struct elf_image *program, int mem, uint64_t debug, bool *starting) {
    uint64_t word[DEBUG_WORDS] = {0};
    const bool found           = debug && read_words(mem, program->wide, debug, word, DEBUG_WORDS);
    *starting = *program->linker && (!found || !word[DEBUG_MAP] || (uint32_t)word[DEBUG_STATE]);
    return found && !*starting ? word[DEBUG_MAP] : 0;
}

bool objects_linked(struct process *p, const struct elf_image *program, int mem,
                    struct objects *o) {
    const uint64_t debug = find_debug(p, program, mem);
    bool starting;
    for (bool again = true;; again = false) {
        *o                = (struct objects){0};
        const uint64_t at = list_at(program, mem, debug, &starting);
        /* dlopen may have come between */
        if (!at || !walk(p, program, mem, at, o) || !list_at(program, mem, debug, &starting)) {
            o->starting = starting;
            return false;
        }
        if (!again || !is_newer(p, o))
            return true;
        objects_free(o);
        process_read_maps(p);
    }
}

/* --- by the mapped files -------------------------------------------------------------------------
 */

struct files {
    const struct process *process;
    struct objects *objects;
};

static bool has_file(const struct objects *o, const struct process_map *m) {
    for (size_t i = 0; i < o->count; i++)
        if (o->object[i].file->inode == m->inode && o->object[i].file->device == m->device)
            return true;
    return false;
}

static void add_file(const struct process *p, struct objects *o, const struct process_map *m) {
    struct elf_image image;
    if (has_file(o, m))
        return;
    const int fd = process_open_map(p, m);
    if (fd < 0)
        return;
    struct object *it = elf_image_file(&image, fd) ? add_object(o) : NULL;
    if (it && (it->name = strdup(m->path))) {
        it->image = image;
        it->file  = m;
        it->fd    = fd;
        return;
    }
    o->count -= it != NULL;
    close(fd);
}

/* Is this the file that `name` stands for in DT_NEEDED or LD_PRELOAD? */
static bool is_called(const struct process *p, const struct process_map *m, const char *name) {
    char soname[256];
    struct elf_image image;
    if (m->offset)
        return false; /* look at each file once */
    if (strcmp(process_base_name(m->path), process_base_name(name)) == 0)
        return true;
    const int fd  = process_open_map(p, m);
    const bool is = fd >= 0 && elf_image_file(&image, fd) && image.soname &&
                    elf_image_string(&image, image.strtab + image.soname, soname, sizeof soname) &&
                    strcmp(soname, name) == 0;
    if (fd >= 0)
        close(fd);
    return is;
}

static void add_named(void *arg, const char *name) {
    const struct files *f = arg;
    for (size_t i = 0; i < f->process->maps; i++)
        if (is_called(f->process, &f->process->map[i], name)) {
            add_file(f->process, f->objects, &f->process->map[i]);
            return;
        }
}

static void add_preloads(struct files *f, const char *list) {
    char name[PATH_MAX];
    for (size_t length; list && *list; list += length) {
        list += strspn(list, " :\n\t");
        length = strcspn(list, " :\n\t");
        if (length && length < sizeof name) {
            memcpy(name, list, length);
            name[length] = '\0';
            add_named(f, name);
        }
    }
}

bool objects_mapped(const struct process *p, struct objects *o) {
    *o             = (struct objects){0};
    struct files f = {p, o};
    for (size_t i = 0; i < p->maps && !o->count; i++)
        if (strcmp(p->map[i].path, p->program) == 0)
            add_file(p, o, &p->map[i]);
    if (!o->count)
        return false;
    if (!p->secure)
        add_preloads(&f, process_variable(p, "LD_PRELOAD"));
    for (size_t i = 0; i < o->count; i++) {
        const struct elf_image image = o->object[i].image;
        elf_image_needed(&image, add_named, &f);
    }
    return true;
}
