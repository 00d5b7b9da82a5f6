/* What a file in ELF has beside its dynamic section: the table of all symbols, and texts. */
#ifndef SPANBENCH_ELF_SYMTAB_H
#define SPANBENCH_ELF_SYMTAB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Which of `count` names are symbols that the file defines, local ones too. False: it has no table
 * of symbols, it was stripped. */
bool elf_symtab_has(int fd, const char *const *names, bool *has, size_t count);

/* Has the file a section of this name? */
bool elf_symtab_section(int fd, const char *name);

/* Where in the file the text of `length` bytes first stands; negative: nowhere. */
int64_t elf_symtab_text(int fd, const char *text, size_t length, int64_t from);

#endif
