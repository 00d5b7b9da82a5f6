#include "unread.h"

#include "known.h"
#include "text.h"

#include <ctype.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LONGEST_NAME = 256 };

struct object {
    const char *path, *text;
    size_t size;
};

static bool of_a_word(char c) {
    return isalnum((unsigned char)c) || c == '_';
}

/* Does the name stand there, not as the beginning of a longer one? Linkers keep a text that is the
 * end of another only there, so what stands before is only looked at for letters and digits. */
static bool names(const struct object *o, const char *name, size_t length) {
    const char *end = o->text + o->size;
    for (const char *s = o->text; (s = memmem(s, (size_t)(end - s), name, length)); s++)
        if ((s == o->text || !isalnum((unsigned char)s[-1])) &&
            (s + length == end || !of_a_word(s[length])))
            return true;
    return false;
}

/* Some put names together: "mimalloc_" and "purge_delay", "GOMALLOC_" and "RETAIN". Then the
 * library is called as the name begins, and the rest stands in it. */
static bool names_rest(const struct object *o, const char *name) {
    char lower[LONGEST_NAME];
    size_t n = 0;
    for (; name[n] && n < sizeof lower - 1; n++)
        lower[n] = (char)tolower((unsigned char)name[n]);
    lower[n]          = '\0';
    const size_t head = strcspn(name, "_"), rest = head + 1;
    const char *file = strrchr(o->path, '/');
    if (!head || rest >= n)
        return false;
    lower[head] = '\0';
    return strstr(file ? file : o->path, lower) &&
           (names(o, lower + rest, n - rest) || names(o, name + rest, n - rest));
}

static bool open_object(const char *path, struct object *o) {
    struct stat st;
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    *o           = (struct object){.path = path};
    if (fd < 0)
        return false;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0) {
        void *text = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (text != MAP_FAILED)
            o->text = text, o->size = (size_t)st.st_size;
    }
    close(fd);
    return o->text;
}

/* In any object of the run; what cannot be read may name anything. */
static bool is_named(const struct look *l, const char *name) {
    bool found = l->files_lost;
    for (size_t at = 0; !found && at < l->files_length; at += strlen(l->files + at) + 1) {
        struct object o;
        if (!open_object(l->files + at, &o))
            return true;
        found = names(&o, name, strlen(name)) || names_rest(&o, name);
        munmap((void *)o.text, o.size);
    }
    return found;
}

/* A variable of an allocator: others may have values of any form. */
static bool is_of_an_allocator(const char *name) {
    for (size_t i = 0; i < known_allocator_count; i++)
        if (known_matches(known_allocators[i].variable, name))
            return true;
    return false;
}

/* The next key of `key:value,key:value` or `key=value:key=value`; false: there is none. */
static bool next_key(const char **value, char *key) {
    const bool equals      = strchr(*value, '=');
    const char *const ends = equals ? ":," : ",", *const between = equals ? "=" : ":";
    while (**value) {
        const size_t item = strcspn(*value, ends), length = strcspn(*value, between);
        const char *const begin = *value;
        *value += item + ((*value)[item] != '\0');
        if (!length || length >= item || length >= LONGEST_NAME)
            continue;
        snprintf(key, LONGEST_NAME, "%.*s", (int)length, begin);
        return true;
    }
    return false;
}

bool unread_variable(const struct look *l, const char *variable, char *text, size_t size) {
    char name[LONGEST_NAME], key[LONGEST_NAME];
    const char *value = strchr(variable, '=');
    if (!l->files_length || !value)
        return false;
    snprintf(name, sizeof name, "%.*s", (int)(value++ - variable), variable);
    if (!is_named(l, name)) {
        snprintf(text, size,
                 "neither the program nor a library of it names %s: is it misspelt, or "
                 "another allocator's? Unless a script reads it, it has no effect",
                 name);
        text_clean(text);
        return true;
    }
    while (is_of_an_allocator(name) && next_key(&value, key))
        if (!is_named(l, key)) {
            snprintf(text, size,
                     "neither the program nor a library of it names the option %s of %s: is it "
                     "misspelt? It has no effect",
                     key, name);
            text_clean(text);
            return true;
        }
    return false;
}

bool unread_complaint(const struct measured *m, char *text, size_t size) {
    static const char mark[] = "<jemalloc>: ";
    const char *said         = strstr(m->last_words, mark);
    if (!said)
        return false;
    snprintf(text, size, "it complains: %.*s", (int)strcspn(said, "\n"), said);
    text_clean(text);
    return true;
}
