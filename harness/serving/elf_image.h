/* One object of a process in ELF, as its file or as it lies in memory: its dynamic section, its
 * dynamic symbols, and the slots through which it calls others. Of both word sizes, and of this
 * machine's byte order. Any content is safe: all reads go through the bounds of the file or the
 * process, and all loops end. Sources: the gABI, and glibc's elf/dl-lookup.c. */
#ifndef SPANBENCH_ELF_IMAGE_H
#define SPANBENCH_ELF_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ELF_IMAGE_LOADS = 16 };

struct elf_image {
    int fd;        /* the file, or the memory of the process; not owned */
    bool memory;   /* which of the two */
    bool wide;     /* words of 64 bits */
    uint64_t bias; /* in memory: what is added to the addresses in the file */
    uint16_t machine, type;
    char linker[128]; /* of a file: the dynamic linker that it names */

    uint64_t dynamic, dynamic_size; /* address and bytes of the dynamic section; 0: none */
    struct {
        uint64_t address, offset, size;
    } load[ELF_IMAGE_LOADS]; /* of a file: where its contents would be in memory */
    size_t loads;

    /* From the dynamic section, as addresses of the file. 0: not there. */
    uint64_t symtab, strtab, strsz, gnu_hash, hash, versym, verdef, verdefnum;
    uint64_t jmprel, pltrelsz, pltrel, rela, relasz, relacount, rel, relsz, relcount, soname;
    uint64_t debug; /* DT_DEBUG: an address in memory */
};

/* Reads the header and the program headers of a file. False: it is not ELF of this byte order. */
bool elf_image_file(struct elf_image *, int fd);

/* An object in the memory of a process, `bias` above the addresses of its file, with its dynamic
 * section there. Its word size and machine are those of `like`, the program. False: it has no
 * dynamic symbols. */
bool elf_image_memory(struct elf_image *, int mem, const struct elf_image *like, uint64_t bias,
                      uint64_t dynamic);

/* Reads exactly `size` bytes at an address of the file. */
bool elf_image_read(const struct elf_image *, uint64_t address, void *to, size_t size);
bool elf_image_word(const struct elf_image *, uint64_t address, uint64_t *to);
bool elf_image_string(const struct elf_image *, uint64_t address, char *to, size_t size);

/* Calls `each` with the names in DT_NEEDED. */
void elf_image_needed(const struct elf_image *, void (*each)(void *arg, const char *name),
                      void *arg);

struct elf_symbol {
    uint64_t value; /* an address of the file */
    uint64_t size;
    char version[48]; /* "" if it has none */
    bool weak;
};

/* Finds a definition among the dynamic symbols that another object may be bound to. */
bool elf_image_find(const struct elf_image *, const char *name, struct elf_symbol *);

/* Finds the value of a bound slot for the symbol: where the object's own calls go. Only of an image
 * in memory. False: it has none. */
bool elf_image_slot(const struct elf_image *, const char *name, uint64_t *value);

#endif
