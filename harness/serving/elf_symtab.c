#include "elf_symtab.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    MOST_SECTIONS = 1 << 14,
    MOST_BYTES    = 256 << 20, /* of a table that is read as a whole */
    CHUNK         = 1 << 20,   /* a text is searched in steps of this */
};
static const int64_t most_searched = (int64_t)1 << 30;

struct section {
    uint32_t name, type, link;
    uint64_t offset, size;
};

/* The table of sections of a file. */
struct sections {
    int fd;
    bool wide;
    uint64_t first, count, names;
};

static bool read_exactly(int fd, uint64_t offset, void *to, size_t size) {
    return offset <= INT64_MAX && pread(fd, to, size, (off_t)offset) == (ssize_t)size;
}

static bool read_section(const struct sections *t, uint64_t i, struct section *s) {
    Elf64_Shdr w;
    Elf32_Shdr n;
    const size_t each = t->wide ? sizeof w : sizeof n;
    if (!read_exactly(t->fd, t->first + i * each, t->wide ? (void *)&w : (void *)&n, each))
        return false;
    if (t->wide)
        *s = (struct section){w.sh_name, w.sh_type, w.sh_link, w.sh_offset, w.sh_size};
    else
        *s = (struct section){n.sh_name, n.sh_type, n.sh_link, n.sh_offset, n.sh_size};
    return true;
}

static bool open_sections(int fd, struct sections *t) {
    union {
        unsigned char ident[EI_NIDENT];
        Elf64_Ehdr wide;
        Elf32_Ehdr narrow;
    } head;
    struct section none;
    memset(&head, 0, sizeof head);
    if (pread(fd, &head, sizeof head, 0) < (ssize_t)sizeof head.narrow ||
        memcmp(head.ident, ELFMAG, SELFMAG) != 0)
        return false;
    const bool wide = head.ident[EI_CLASS] == ELFCLASS64;
    *t              = (struct sections){.fd    = fd,
                                        .wide  = wide,
                                        .first = wide ? head.wide.e_shoff : head.narrow.e_shoff,
                                        .count = wide ? head.wide.e_shnum : head.narrow.e_shnum,
                                        .names = wide ? head.wide.e_shstrndx : head.narrow.e_shstrndx};
    /* the gABI's way of large numbers: they are in the first section, which has no contents */
    if (t->first && (!t->count || t->names == SHN_XINDEX) && read_section(t, 0, &none)) {
        t->count = t->count ? t->count : none.size;
        t->names = t->names == SHN_XINDEX ? none.link : t->names;
    }
    if (t->count > MOST_SECTIONS)
        t->count = MOST_SECTIONS;
    return t->first && t->count;
}

/* A new copy of a section's contents; NULL: they are not all there. */
static char *load(int fd, const struct section *s) {
    char *bytes = s->size && s->size <= MOST_BYTES ? malloc(s->size) : NULL;
    if (bytes && !read_exactly(fd, s->offset, bytes, s->size)) {
        free(bytes);
        return NULL;
    }
    return bytes;
}

static void look(const char *symbols, size_t size, bool wide, const char *strings,
                 size_t strings_size, const char *const *names, bool *has, size_t count) {
    const size_t each = wide ? sizeof(Elf64_Sym) : sizeof(Elf32_Sym);
    for (size_t at = 0; at + each <= size; at += each) {
        Elf64_Sym w;
        Elf32_Sym n;
        memcpy(wide ? (void *)&w : (void *)&n, symbols + at, each);
        const uint32_t name = wide ? w.st_name : n.st_name;
        if ((wide ? w.st_shndx : n.st_shndx) == SHN_UNDEF || name >= strings_size)
            continue;
        const char *its   = strings + name;
        const size_t most = strings_size - name;
        for (size_t i = 0; i < count; i++)
            if (*its == *names[i] && strnlen(its, most) < most && strcmp(its, names[i]) == 0)
                has[i] = true;
    }
}

bool elf_symtab_has(int fd, const char *const *names, bool *has, size_t count) {
    struct sections t;
    struct section symbols, strings;
    memset(has, 0, count * sizeof *has);
    if (!open_sections(fd, &t))
        return false;
    for (uint64_t i = 0; i < t.count && read_section(&t, i, &symbols); i++) {
        if (symbols.type != SHT_SYMTAB || !read_section(&t, symbols.link, &strings))
            continue;
        char *s = load(fd, &symbols), *names_text = load(fd, &strings);
        const bool good = s && names_text;
        if (good)
            look(s, symbols.size, t.wide, names_text, strings.size, names, has, count);
        free(s);
        free(names_text);
        return good;
    }
    return false;
}

bool elf_symtab_section(int fd, const char *name) {
    struct sections t;
    struct section names, s;
    char its[64];
    const size_t length = strlen(name) + 1;
    if (!open_sections(fd, &t) || length > sizeof its || !read_section(&t, t.names, &names))
        return false;
    for (uint64_t i = 0; i < t.count && read_section(&t, i, &s); i++)
        if (read_exactly(fd, names.offset + s.name, its, length) && memcmp(its, name, length) == 0)
            return true;
    return false;
}

int64_t elf_symtab_text(int fd, const char *text, size_t length, int64_t from) {
    char *chunk = malloc(CHUNK);
    int64_t at = from, found = -1;
    while (chunk && found < 0 && at < most_searched) {
        const ssize_t n = pread(fd, chunk, CHUNK, at);
        if (n < (ssize_t)length)
            break;
        const char *there = memmem(chunk, (size_t)n, text, length);
        if (there)
            found = at + (there - chunk);
        at += n - (ssize_t)length + 1; /* it may lie across the end */
        if (n < CHUNK)
            break;
    }
    free(chunk);
    return found;
}
