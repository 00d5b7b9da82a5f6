#include "elf_image.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    MOST_HEADERS = 256,      /* program headers of a file */
    MOST_DYNAMIC = 4096,     /* entries of a dynamic section */
    MOST_NEEDED  = 1024,     /* of them DT_NEEDED */
    MOST_STEPS   = 1 << 16,  /* along a chain of a hash table, or of versions */
    MOST_BYTES   = 64 << 20, /* of a table that is read as a whole */
    TOO_LONG     = 512,      /* of a name */
};

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define HERE_DATA ELFDATA2LSB
#else
#define HERE_DATA ELFDATA2MSB
#endif

/* The bytes at `offset` of the file or at an address of the memory, as many as there are. */
static size_t read_at(int fd, uint64_t offset, void *to, size_t size) {
    size_t have = 0;
    while (have < size && offset + have >= offset && offset + have <= INT64_MAX) {
        const ssize_t n = pread(fd, (char *)to + have, size - have, (off_t)(offset + have));
        if (n <= 0)
            break;
        have += (size_t)n;
    }
    return have;
}

static size_t read_some(const struct elf_image *m, uint64_t address, void *to, size_t size) {
    if (m->memory)
        return read_at(m->fd, m->bias + address, to, size);
    for (size_t i = 0; i < m->loads; i++) {
        const uint64_t into = address - m->load[i].address;
        if (address < m->load[i].address || into >= m->load[i].size)
            continue;
        const uint64_t left = m->load[i].size - into;
        return read_at(m->fd, m->load[i].offset + into, to, left < size ? left : size);
    }
    return 0;
}

bool elf_image_read(const struct elf_image *m, uint64_t address, void *to, size_t size) {
    return read_some(m, address, to, size) == size;
}

bool elf_image_word(const struct elf_image *m, uint64_t address, uint64_t *to) {
    uint32_t narrow;
    if (m->wide)
        return elf_image_read(m, address, to, sizeof *to);
    if (!elf_image_read(m, address, &narrow, sizeof narrow))
        return false;
    *to = narrow;
    return true;
}

bool elf_image_string(const struct elf_image *m, uint64_t address, char *to, size_t size) {
    const size_t have = read_some(m, address, to, size);
    if (have && memchr(to, '\0', have))
        return true;
    if (size)
        *to = '\0';
    return false;
}

/* Keeps what of one entry is of use. In memory, ld.so may have made addresses of the offsets:
 * glibc does so for most machines, musl does not. */
static void keep(struct elf_image *m, uint64_t tag, uint64_t value) {
    const uint64_t address = m->memory && value >= m->bias ? value - m->bias : value;
    switch (tag) {
    case DT_SYMTAB: m->symtab = address; break;
    case DT_STRTAB: m->strtab = address; break;
    case DT_STRSZ: m->strsz = value; break;
    case DT_GNU_HASH: m->gnu_hash = address; break;
    case DT_HASH: m->hash = address; break;
    case DT_VERSYM: m->versym = address; break;
    case DT_VERDEF: m->verdef = address; break;
    case DT_VERDEFNUM: m->verdefnum = value; break;
    case DT_JMPREL: m->jmprel = address; break;
    case DT_PLTRELSZ: m->pltrelsz = value; break;
    case DT_PLTREL: m->pltrel = value; break;
    case DT_RELA: m->rela = address; break;
    case DT_RELASZ: m->relasz = value; break;
    case DT_RELACOUNT: m->relacount = value; break;
    case DT_REL: m->rel = address; break;
    case DT_RELSZ: m->relsz = value; break;
    case DT_RELCOUNT: m->relcount = value; break;
    case DT_SONAME: m->soname = value; break;
    case DT_DEBUG: m->debug = value; break;
    default: break;
    }
}

/* The entry at this place; false: there is none, or it is the last. */
static bool dynamic_entry(const struct elf_image *m, size_t i, uint64_t *tag, uint64_t *value) {
    const uint64_t word = m->wide ? 8 : 4, at = m->dynamic + 2 * word * i;
    if (m->dynamic_size && 2 * word * (i + 1) > m->dynamic_size)
        return false;
    return i < MOST_DYNAMIC && elf_image_word(m, at, tag) && *tag != DT_NULL &&
           elf_image_word(m, at + word, value);
}

static void read_dynamic(struct elf_image *m) {
    uint64_t tag, value;
    for (size_t i = 0; m->dynamic && dynamic_entry(m, i, &tag, &value); i++)
        keep(m, tag, value);
}

void elf_image_needed(const struct elf_image *m, void (*each)(void *arg, const char *name),
                      void *arg) {
    uint64_t tag, value;
    char name[TOO_LONG];
    for (size_t i = 0, n = 0; m->dynamic && n < MOST_NEEDED && dynamic_entry(m, i, &tag, &value);
         i++)
        if (tag == DT_NEEDED) {
            n++;
            if (elf_image_string(m, m->strtab + value, name, sizeof name))
                each(arg, name);
        }
}

bool elf_image_memory(struct elf_image *m, int mem, const struct elf_image *like, uint64_t bias,
                      uint64_t dynamic) {
    *m = (struct elf_image){.fd      = mem,
                            .memory  = true,
                            .wide    = like->wide,
                            .machine = like->machine,
                            .bias    = bias,
                            .dynamic = dynamic - bias};
    read_dynamic(m);
    return m->symtab && m->strtab;
}

static void program_header(struct elf_image *m, uint32_t type, uint64_t offset, uint64_t address,
                           uint64_t size) {
    if (type == PT_INTERP) {
        const uint64_t most = sizeof m->linker - 1;
        m->linker[read_at(m->fd, offset, m->linker, size < most ? size : most)] = '\0';
    }
    if (type == PT_DYNAMIC) {
        m->dynamic      = address;
        m->dynamic_size = size;
    }
    if (type == PT_LOAD && m->loads < ELF_IMAGE_LOADS) {
        m->load[m->loads].address = address;
        m->load[m->loads].offset  = offset;
        m->load[m->loads++].size  = size;
    }
}

bool elf_image_file(struct elf_image *m, int fd) {
    union {
        unsigned char ident[EI_NIDENT];
        Elf64_Ehdr wide;
        Elf32_Ehdr narrow;
    } head;
    *m = (struct elf_image){.fd = fd};
    memset(&head, 0, sizeof head);
    if (read_at(fd, 0, &head, sizeof head) < sizeof head.narrow ||
        memcmp(head.ident, ELFMAG, SELFMAG) != 0 || head.ident[EI_DATA] != HERE_DATA ||
        (head.ident[EI_CLASS] != ELFCLASS64 && head.ident[EI_CLASS] != ELFCLASS32))
        return false;
    m->wide              = head.ident[EI_CLASS] == ELFCLASS64;
    m->machine           = m->wide ? head.wide.e_machine : head.narrow.e_machine;
    m->type              = m->wide ? head.wide.e_type : head.narrow.e_type;
    const uint64_t first = m->wide ? head.wide.e_phoff : head.narrow.e_phoff;
    const size_t each    = m->wide ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr);
    const size_t count   = m->wide ? head.wide.e_phnum : head.narrow.e_phnum;
    for (size_t i = 0; i < count && i < MOST_HEADERS; i++) {
        Elf64_Phdr w;
        Elf32_Phdr n;
        if (read_at(fd, first + i * each, m->wide ? (void *)&w : (void *)&n, each) != each)
            break;
        if (m->wide)
            program_header(m, w.p_type, w.p_offset, w.p_vaddr, w.p_filesz);
        else
            program_header(m, n.p_type, n.p_offset, n.p_vaddr, n.p_filesz);
    }
    read_dynamic(m);
    return true;
}

/* --- symbols -------------------------------------------------------------------------------------
 */

struct symbol {
    uint32_t name;
    unsigned char info, other;
    uint16_t section;
    uint64_t value, size;
};

static size_t symbol_bytes(const struct elf_image *m) {
    return m->wide ? sizeof(Elf64_Sym) : sizeof(Elf32_Sym);
}

static struct symbol symbol_of(const struct elf_image *m, const void *bytes) {
    Elf64_Sym w;
    Elf32_Sym n;
    if (m->wide) {
        memcpy(&w, bytes, sizeof w);
        return (struct symbol){w.st_name, w.st_info, w.st_other, w.st_shndx, w.st_value, w.st_size};
    }
    memcpy(&n, bytes, sizeof n);
    return (struct symbol){n.st_name, n.st_info, n.st_other, n.st_shndx, n.st_value, n.st_size};
}

/* May a reference of another object be bound to it? */
static bool is_definition(const struct symbol *s) {
    const unsigned binding = ELF64_ST_BIND(s->info), type = ELF64_ST_TYPE(s->info);
    const unsigned seen = ELF64_ST_VISIBILITY(s->other);
    return s->section != SHN_UNDEF && s->value &&
           (binding == STB_GLOBAL || binding == STB_WEAK || binding == STB_GNU_UNIQUE) &&
           (type == STT_FUNC || type == STT_NOTYPE || type == STT_OBJECT ||
            type == STT_GNU_IFUNC) &&
           seen != STV_HIDDEN && seen != STV_INTERNAL;
}

/* The name of a version that the object defines; "" if it is the object itself. */
static void version_name(const struct elf_image *m, unsigned index, char *to, size_t size) {
    Elf64_Verdef d; /* of one shape in both word sizes */
    Elf64_Verdaux aux;
    *to         = '\0';
    uint64_t at = m->verdef;
    for (size_t i = 0; at && i < m->verdefnum && i < MOST_STEPS; i++) {
        if (!elf_image_read(m, at, &d, sizeof d))
            return;
        if (d.vd_ndx == index && !(d.vd_flags & VER_FLG_BASE)) {
            if (elf_image_read(m, at + d.vd_aux, &aux, sizeof aux))
                elf_image_string(m, m->strtab + aux.vda_name, to, size);
            return;
        }
        if (!d.vd_next)
            return;
        at += d.vd_next;
    }
}

/* Would ld.so bind an ordinary reference of the C library's name to a definition of this version?
 * Such a reference asks for a version GLIBC_… . A definition without a version serves all, one with
 * a version of its own serves those who ask for it. */
static bool serves_libc_name(const struct elf_image *m, uint32_t index, struct elf_symbol *found) {
    enum { HIDDEN = 0x8000 };
    uint16_t version;
    *found->version = '\0';
    if (!m->versym || !elf_image_read(m, m->versym + 2ull * index, &version, sizeof version))
        return true;
    version_name(m, version & ~(unsigned)HIDDEN, found->version, sizeof found->version);
    if (!*found->version)
        return !(version & HIDDEN);
    return strncmp(found->version, "GLIBC_", strlen("GLIBC_")) == 0;
}

/* Is the dynamic symbol of this number a definition of this name? */
static bool is_it(const struct elf_image *m, uint32_t index, const char *name,
                  struct elf_symbol *found) {
    unsigned char bytes[sizeof(Elf64_Sym)];
    char its[TOO_LONG];
    const size_t length = strlen(name) + 1;
    if (!elf_image_read(m, m->symtab + (uint64_t)index * symbol_bytes(m), bytes, symbol_bytes(m)))
        return false;
    const struct symbol s = symbol_of(m, bytes);
    if (!is_definition(&s) || length > sizeof its ||
        !elf_image_read(m, m->strtab + s.name, its, length) || memcmp(its, name, length) != 0)
        return false;
    *found = (struct elf_symbol){
        .value = s.value, .size = s.size, .weak = ELF64_ST_BIND(s.info) == STB_WEAK};
    return serves_libc_name(m, index, found);
}

static bool read_u32(const struct elf_image *m, uint64_t at, uint32_t *to) {
    return elf_image_read(m, at, to, sizeof *to);
}

static bool find_gnu(const struct elf_image *m, const char *name, struct elf_symbol *found) {
    uint32_t h = 5381, head[4], index, chain;
    for (const unsigned char *s = (const unsigned char *)name; *s; s++)
        h = h * 33 + *s;
    if (!elf_image_read(m, m->gnu_hash, head, sizeof head) || !head[0])
        return false;
    const uint64_t buckets = m->gnu_hash + sizeof head + (uint64_t)head[2] * (m->wide ? 8 : 4);
    const uint64_t chains  = buckets + 4ull * head[0];
    if (!read_u32(m, buckets + 4ull * (h % head[0]), &index) || index < head[1])
        return false;
    for (unsigned step = 0; step < MOST_STEPS; step++, index++) {
        if (!read_u32(m, chains + 4ull * (index - head[1]), &chain))
            return false;
        if ((chain | 1) == (h | 1) && is_it(m, index, name, found))
            return true;
        if (chain & 1)
            return false;
    }
    return false;
}

static bool find_sysv(const struct elf_image *m, const char *name, struct elf_symbol *found) {
    uint32_t h = 0, head[2], index;
    for (const unsigned char *s = (const unsigned char *)name; *s; s++) {
        h = (h << 4) + *s;
        h ^= h >> 24 & 0xf0;
        h &= 0x0fffffff;
    }
    if (!elf_image_read(m, m->hash, head, sizeof head) || !head[0] ||
        !read_u32(m, m->hash + 8 + 4ull * (h % head[0]), &index))
        return false;
    for (unsigned step = 0; step < MOST_STEPS && index && index < head[1]; step++) {
        if (is_it(m, index, name, found))
            return true;
        if (!read_u32(m, m->hash + 8 + 4ull * ((uint64_t)head[0] + index), &index))
            return false;
    }
    return false;
}

bool elf_image_find(const struct elf_image *m, const char *name, struct elf_symbol *found) {
    *found = (struct elf_symbol){0};
    if (!m->symtab || !m->strtab)
        return false;
    return m->gnu_hash ? find_gnu(m, name, found) : m->hash && find_sysv(m, name, found);
}

/* --- slots ---------------------------------------------------------------------------------------
 */

/* Which relocations hold the address of a symbol alone: of a slot of the procedure linkage table,
 * of a pointer to the symbol. */
static bool holds_address(uint16_t machine, uint32_t type) {
    switch (machine) {
    case EM_X86_64: return type == R_X86_64_JUMP_SLOT || type == R_X86_64_GLOB_DAT;
    case EM_AARCH64: return type == R_AARCH64_JUMP_SLOT || type == R_AARCH64_GLOB_DAT;
    case EM_386: return type == R_386_JMP_SLOT || type == R_386_GLOB_DAT;
    case EM_ARM: return type == R_ARM_JUMP_SLOT || type == R_ARM_GLOB_DAT;
    case EM_RISCV: return type == R_RISCV_JUMP_SLOT || type == R_RISCV_64;
    case EM_PPC64: return type == R_PPC64_JMP_SLOT || type == R_PPC64_GLOB_DAT;
    case EM_S390: return type == R_390_JMP_SLOT || type == R_390_GLOB_DAT;
    default: return false;
    }
}

/* A table of the image that is read as a whole. */
struct table {
    unsigned char *bytes;
    size_t size;
};

static struct table read_table(const struct elf_image *m, uint64_t address, uint64_t size) {
    struct table t = {0};
    if (!address || !size || size > MOST_BYTES || !(t.bytes = malloc(size)))
        return t;
    t.size = read_some(m, address, t.bytes, size);
    return t;
}

/* The dynamic symbol of this number, from blocks that are read as they come. */
struct symbol_reader {
    unsigned char block[128 * sizeof(Elf64_Sym)];
    uint32_t first;
    size_t have;
};

static bool read_symbol(const struct elf_image *m, struct symbol_reader *r, uint32_t index,
                        struct symbol *s) {
    const size_t each = symbol_bytes(m);
    if (index < r->first || (index - r->first + 1) * each > r->have) {
        r->first = index;
        r->have  = read_some(m, m->symtab + (uint64_t)index * each, r->block, sizeof r->block);
        if (r->have < each)
            return false;
    }
    *s = symbol_of(m, r->block + (index - r->first) * each);
    return true;
}

static bool find_slot(const struct elf_image *m, const struct table *strings, const char *name,
                      uint64_t address, uint64_t bytes, bool addends, uint64_t *value) {
    const size_t word = m->wide ? 8 : 4, each = word * (addends ? 3 : 2), length = strlen(name) + 1;
    struct symbol_reader reader = {.have = 0};
    struct table table          = read_table(m, address, bytes);
    bool found                  = false;
    for (size_t at = 0; !found && at + each <= table.size; at += each) {
        uint64_t offset = 0, info = 0;
        memcpy(&offset, table.bytes + at, word); /* little-endian, or of whole words */
        memcpy(&info, table.bytes + at + word, word);
        const uint32_t type  = m->wide ? (uint32_t)info : (uint32_t)info & 0xff;
        const uint32_t index = (uint32_t)(m->wide ? info >> 32 : info >> 8);
        struct symbol s;
        if (!index || !holds_address(m->machine, type) || !read_symbol(m, &reader, index, &s))
            continue;
        if (s.name < strings->size && strings->size - s.name >= length &&
            memcmp(strings->bytes + s.name, name, length) == 0)
            found = elf_image_word(m, offset, value);
    }
    free(table.bytes);
    return found;
}

bool elf_image_slot(const struct elf_image *m, const char *name, uint64_t *value) {
    const uint64_t word  = m->wide ? 8 : 4;
    struct table strings = read_table(m, m->strtab, m->strsz);
    uint64_t skip        = m->relacount * 3 * word; /* relative ones come first */
    bool found = find_slot(m, &strings, name, m->jmprel, m->pltrelsz, m->pltrel == DT_RELA, value);
    if (!found && m->rela && skip < m->relasz)
        found = find_slot(m, &strings, name, m->rela + skip, m->relasz - skip, true, value);
    skip = m->relcount * 2 * word;
    if (!found && m->rel && skip < m->relsz)
        found = find_slot(m, &strings, name, m->rel + skip, m->relsz - skip, false, value);
    free(strings.bytes);
    return found;
}
