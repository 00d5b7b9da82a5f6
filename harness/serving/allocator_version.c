#include "allocator_version.h"

#include "elf_image.h"
#include "elf_symtab.h"

#include <ctype.h>
#include <elf.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { MOST_FOUND = 256 }; /* places of a text that are looked at */

/* Copies "5.3.0" from the beginning of the text. False: there is none with so many dots. */
static bool copy_number(const char *text, size_t length, unsigned dots, char *to, size_t size) {
    size_t n     = 0;
    unsigned has = 0;
    while (n < length && n + 1 < size && (isdigit((unsigned char)text[n]) || text[n] == '.'))
        has += text[n++] == '.';
    while (n && text[n - 1] == '.') { /* the end of a sentence */
        n--;
        has--;
    }
    if (!n || !isdigit((unsigned char)*text) || has < dots)
        return false;
    memcpy(to, text, n);
    to[n] = '\0';
    return true;
}

/* "…before 1.2.3" */
static bool forward(const struct known_version *v, int fd, char *to, size_t size) {
    char text[160];
    int64_t at = elf_symtab_text(fd, v->before, v->before_length, 0);
    for (size_t n = 0; at >= 0 && n < MOST_FOUND; n++) {
        const int64_t begin  = at + (int64_t)(v->before_length - v->overlap);
        const ssize_t length = pread(fd, text, sizeof text, begin);
        for (size_t i = 0; length > 0 && i < v->reach && i < (size_t)length; i++)
            if ((!i || !isdigit((unsigned char)text[i - 1])) &&
                copy_number(text + i, (size_t)length - i, v->dots, to, size))
                return true;
        at = elf_symtab_text(fd, v->before, v->before_length, at + 1);
    }
    return false;
}

/* "1.2.3-0-g0123456789abcdef": what git describe says */
static bool backward(const struct known_version *v, int fd, char *to, size_t size) {
    enum { BEFORE = 32 };
    char text[BEFORE + 8];
    int64_t at = elf_symtab_text(fd, v->after, strlen(v->after), 0);
    for (size_t n = 0; at >= 0 && n < MOST_FOUND; n++) {
        if (at >= BEFORE && pread(fd, text, sizeof text, at - BEFORE) == (ssize_t)sizeof text &&
            isxdigit((unsigned char)text[BEFORE + strlen(v->after)])) {
            size_t end = BEFORE;
            while (end && isdigit((unsigned char)text[end - 1]))
                end--;
            size_t begin = end ? --end : 0; /* the dash before the number of commits */
            while (begin && (isdigit((unsigned char)text[begin - 1]) || text[begin - 1] == '.'))
                begin--;
            if (text[end] == '-' && copy_number(text + begin, end - begin, 2, to, size))
                return true;
        }
        at = elf_symtab_text(fd, v->after, strlen(v->after), at + 1);
    }
    return false;
}

/* 209 is 2.0.9, 30102 is 3.1.2 */
static void write_number(uint32_t n, char *to, size_t size) {
    if (n >= 10000)
        snprintf(to, size, "%u.%u.%u", n / 10000, n / 100 % 100, n % 100);
    else
        snprintf(to, size, "%u.%u.%u", n / 100, n / 10 % 10, n % 10);
}

/* What a function returns whose code is one constant, of x86-64 and aarch64. */
static bool constant(const char *function, int fd, char *to, size_t size) {
    static const unsigned char endbr64[] = {0xf3, 0x0f, 0x1e, 0xfa};
    struct elf_image m;
    struct elf_symbol s;
    unsigned char code[16];
    uint32_t word, offset;
    if (!elf_image_file(&m, fd) || !elf_image_find(&m, function, &s) ||
        !elf_image_read(&m, s.value, code, sizeof code))
        return false;
    const size_t skip = memcmp(code, endbr64, sizeof endbr64) == 0 ? sizeof endbr64 : 0;
    memcpy(&word, code + skip + 1, sizeof word);
    memcpy(&offset, code + skip + 3, sizeof offset);
    if (m.machine == EM_X86_64 && code[skip] == 0xb8 && code[skip + 5] == 0xc3) { /* mov, ret */
        write_number(word, to, size);
        return true;
    }
    if (m.machine == EM_X86_64 && memcmp(code + skip, "\x48\x8d\x05", 3) == 0 &&
        code[skip + 7] == 0xc3) /* lea of a text, ret */
        return elf_image_string(&m, s.value + skip + 7 + (uint64_t)(int64_t)(int32_t)offset, to,
                                size);
    memcpy(&word, code, sizeof word);
    if (m.machine == EM_AARCH64 && word == 0xd503245f) /* bti c */
        memcpy(&word, code + 4, sizeof word);
    if (m.machine == EM_AARCH64 && (word & 0xffe0001f) == 0x52800000) { /* mov w0, #n */
        write_number(word >> 5 & 0xffff, to, size);
        return true;
    }
    return false;
}

/* "libfoo.so.2.8.1": the version of the interface at least. One number says too little. */
static bool of_file_name(const char *path, char *to, size_t size) {
    const char *name = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
    const char *so   = strstr(name, ".so.");
    return so && copy_number(so + strlen(".so."), strlen(so) - strlen(".so."), 1, to, size);
}

static bool of_path(const char *path, const char *before, char *to, size_t size) {
    const char *at = strstr(path, before);
    at             = at ? at + strlen(before) : NULL;
    return at && copy_number(at, strlen(at), 0, to, size);
}

void allocator_version(const struct known_allocator *known, int fd, const char *path, char *to,
                       size_t size) {
    *to = '\0';
    if (known) {
        const struct known_version *v = &known->version;
        if (v->path && of_path(path, v->path, to, size))
            return;
        if (fd >= 0 &&
            ((v->function && constant(v->function, fd, to, size)) ||
             (v->before && forward(v, fd, to, size)) || (v->after && backward(v, fd, to, size))))
            return;
    }
    if (!of_file_name(path, to, size))
        *to = '\0';
}
