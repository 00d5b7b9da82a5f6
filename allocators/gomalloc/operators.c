#include "operators.h"

#ifdef GOMALLOC_HARDENED

#include "os.h"

#include <elf.h>
#include <link.h>
#include <string.h>

/* Does the object define this function? Its hash table is that of GNU. */
static bool defines(const struct dl_phdr_info *object, const char *name) {
    const Elf64_Dyn *d       = NULL;
    const Elf64_Sym *symbols = NULL;
    const char *names        = NULL;
    const uint32_t *table    = NULL;
    for (unsigned i = 0; i < object->dlpi_phnum; i++)
        if (object->dlpi_phdr[i].p_type == PT_DYNAMIC)
            d = os_pointer(object->dlpi_addr + object->dlpi_phdr[i].p_vaddr);
    for (; d && d->d_tag != DT_NULL; d++) {
        if (d->d_un.d_ptr < object->dlpi_addr) /* the kernel's, whose addresses are not final */
            continue;
        if (d->d_tag == DT_SYMTAB)
            symbols = os_pointer(d->d_un.d_ptr);
        else if (d->d_tag == DT_STRTAB)
            names = os_pointer(d->d_un.d_ptr);
        else if (d->d_tag == DT_GNU_HASH)
            table = os_pointer(d->d_un.d_ptr);
    }
    if (!symbols || !names || !table)
        return false;
    const uint32_t buckets = table[0], first = table[1];
    const uint32_t *bucket = table + 4 + 2 * (size_t)table[2], *chain = bucket + buckets;
    uint32_t hash = 5381;
    for (const char *c = name; *c; c++)
        hash = hash * 33 + (unsigned char)*c;
    for (uint32_t i = bucket[hash % buckets]; i >= first; i++) {
        if ((chain[i - first] | 1) == (hash | 1) && symbols[i].st_shndx != SHN_UNDEF &&
            strcmp(names + symbols[i].st_name, name) == 0)
            return true;
        if (chain[i - first] & 1) /* the last of its bucket */
            break;
    }
    return false;
}

/* Not this library, nor those of C++, which come behind it. */
static int has_operators(struct dl_phdr_info *object, size_t size, void *unused) {
    const char *slash = strrchr(object->dlpi_name, '/');
    const char *name  = slash ? slash + 1 : object->dlpi_name;
    (void)size;
    (void)unused;
    return strncmp(name, "libstdc++", 9) != 0 && strncmp(name, "libc++", 6) != 0 &&
           (defines(object, "_Znwm") || defines(object, "_ZdlPv")) &&
           !defines(object, "gom_malloc");
}

bool operators_are_mixed(void) {
    return dl_iterate_phdr(has_operators, NULL);
}

#endif
