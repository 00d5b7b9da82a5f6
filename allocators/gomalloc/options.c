#include "options.h"

#include "os.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

#define PREFIX "GOMALLOC_"
#ifdef GOMALLOC_HARDENED
#define HARDENED_DEFAULTS [OPTION_MATCH] = 1
#else
#define HARDENED_DEFAULTS
#endif
#define DEFAULTS                                                                                   \
    { [OPTION_SCAVENGE] = SCAVENGE_DEFAULT, [OPTION_RETAIN] = 10, HARDENED_DEFAULTS }

/* ThreadSanitizer lets no child of a process with threads go on, unless it has none. A child of
 * AddressSanitizer's may wait for ever for a lock of its malloc, which a thread takes that begins
 * or ends. */
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
enum { SCAVENGE_DEFAULT = SCAVENGE_BY_AND_BY };
#else
enum { SCAVENGE_DEFAULT = SCAVENGE_HELPER };
#endif

enum { NAME_BYTES = 16, NEAR = 2 /* letters that may be wrong in a name that is meant */ };

static const unsigned defaults[OPTIONS] = DEFAULTS;
unsigned options[OPTIONS]               = DEFAULTS;

/* Arrays, not pointers: those would have to be relocated at each start. */
static const struct {
    char name[NAME_BYTES]; /* behind PREFIX */
    unsigned most;         /* takes 0 to this */
    char word[8];          /* also taken, for most + 1; "": none */
    bool is_size;          /* in KiB: 0, or SIZE_LEAST to SIZE_MOST */
    char meaning[208];
} known[OPTIONS] = {
    [OPTION_SCAVENGE] = {"SCAVENGE", 2, "thread", false,
                         "free memory goes back to the system. 0: by gom_trim only; 1: by and by,\n"
                         "      by who frees; 2: or by a thread while there is much;\n"
                         "      thread: by one that is there from the start"},
    [OPTION_RETAIN]   = {"RETAIN", 1000, "", false,
                         "per cent of the recent peak that stay resident on top of it"},
    [OPTION_MEMLIMIT] = {"MEMLIMIT", MEMLIMIT_CGROUP - 1, "cgroup", true,
                         "before the heap takes more, what is free goes back. 0: no limit;\n"
                         "      cgroup: the limit of the process's memory cgroup"},
    [OPTION_STATS]    = {"STATS", 1, "", false,
                         "1: a table of size classes on standard error at the program's end"},
#ifdef GOMALLOC_HARDENED
    [OPTION_MATCH] = {"MATCH", 1, "", false,
                      "1: a free or delete must suit how the block was made, and its size;\n"
                      "      0: for programs that mix them"},
#endif
    [OPTION_HELP] = {"OPTIONS", 0, "help", false, "help: this list, at the program's start"},
};

/* --- text, by hand: the C library may not be ready for stdio yet --- */

struct text {
    char bytes[1600];
    size_t length;
};

static void add(struct text *t, const char *s) {
    for (; *s && t->length < sizeof t->bytes - 1; s++)
        t->bytes[t->length++] = *s;
    t->bytes[t->length] = '\0';
}

enum { FOREIGN_BYTES = 40 };

/* Somebody else's text, which may be long, or hold what a terminal takes for commands. */
static void add_foreign(struct text *t, const char *s, size_t length) {
    for (size_t i = 0; i < length && i < FOREIGN_BYTES; i++)
        add(t, s[i] < ' ' || s[i] > '~' ? "?" : (const char[]){s[i], '\0'});
    if (length > FOREIGN_BYTES)
        add(t, "...");
}

static void add_number(struct text *t, unsigned n) {
    char digits[12], *at = digits + sizeof digits - 1;
    *at = '\0';
    do
        *--at = (char)('0' + n % 10);
    while (n /= 10);
    add(t, at);
}

static const char units[][4] = {"KiB", "MiB", "GiB", "TiB"};
enum { UNITS = sizeof units / sizeof *units };

#define SIZE_LEAST ((uint64_t)1 << 20)    /* bytes */
#define SIZE_MOST  ((uint64_t)4095 << 30) /* which KiB in 32 bits can say */

static void add_size(struct text *t, unsigned kib) {
    unsigned unit = 0;
    for (; kib && kib % 1024 == 0; unit++)
        kib /= 1024;
    add_number(t, kib);
    if (kib)
        add(t, units[unit]);
}

static void add_value(struct text *t, unsigned i, unsigned value) {
    if (value > known[i].most)
        add(t, known[i].word);
    else if (known[i].is_size)
        add_size(t, value);
    else
        add_number(t, value);
}

static void add_range(struct text *t, unsigned i) {
    const bool two = known[i].most > 0, word = *known[i].word != '\0';
    add(t, known[i].is_size ? "0, or 1MiB to 4095GiB as in 512MiB," : "0");
    if (two && !known[i].is_size) {
        add(t, known[i].most > 1 ? " to " : word ? ", " : " or ");
        add_number(t, known[i].most);
    }
    if (word) {
        add(t, " or ");
        add(t, known[i].word);
    }
}

static void print_help(void) {
    struct text t = {.length = 0};
    add(&t, "gomalloc: these variables of the environment are read when a program starts:\n");
    for (unsigned i = 0; i < OPTIONS; i++) {
        add(&t, "  " PREFIX);
        add(&t, known[i].name);
        add(&t, "=");
        add_value(&t, i, options[i]);
        add(&t, "  (takes ");
        add_range(&t, i);
        add(&t, "; default: ");
        add_value(&t, i, defaults[i]);
        add(&t, ")\n      ");
        add(&t, known[i].meaning);
        add(&t, "\n");
    }
    os_say(t.bytes);
}

/* --- complaints --- */

/* How many letters must be put in, taken out or changed to make b, which is in capitals, of the
 * `length` bytes at a, in capitals or not. */
static unsigned distance(const char *a, size_t length, const char *b) {
    unsigned row[NAME_BYTES + 1];
    const size_t columns = strlen(b);
    for (unsigned j = 0; j <= columns; j++)
        row[j] = j;
    for (size_t i = 0; i < length; i++) {
        unsigned corner = row[0]++;
        for (size_t j = 0; j < columns; j++) {
            const unsigned change = corner + ((a[i] & ~('a' - 'A')) != b[j]);
            const unsigned other  = 1 + (row[j] < row[j + 1] ? row[j] : row[j + 1]);
            corner                = row[j + 1];
            row[j + 1]            = change < other ? change : other;
        }
    }
    return row[columns];
}

static void complain_of_name(const char *name, size_t length) {
    struct text t = {.length = 0};
    unsigned near = OPTIONS, least = NEAR + 1;
    for (unsigned i = 0; length < 2 * NAME_BYTES && i < OPTIONS; i++) {
        const unsigned d = distance(name, length, known[i].name);
        if (d < least)
            least = d, near = i;
    }
    add(&t, "gomalloc: it has no option " PREFIX);
    add_foreign(&t, name, length);
    if (near < OPTIONS) {
        add(&t, "; did you mean " PREFIX);
        add(&t, known[near].name);
    }
    add(&t, near < OPTIONS ? "? " : "; ");
    add(&t, PREFIX "OPTIONS=help lists all\n");
    os_say(t.bytes);
}

static void complain_of_value(unsigned i, const char *value) {
    struct text t = {.length = 0};
    add(&t, "gomalloc: " PREFIX);
    add(&t, known[i].name);
    add(&t, " takes ");
    add_range(&t, i);
    add(&t, ", not '");
    add_foreign(&t, value, strlen(value));
    add(&t, "'; the default holds: ");
    add_value(&t, i, defaults[i]);
    add(&t, "\n");
    os_say(t.bytes);
}

/* --- reading --- */

/* Bytes, or with a unit: 512MiB, 512M or 512m. A megabyte, MB, is another number of bytes. */
static bool parse_size(const char *text, unsigned *kib) {
    uint64_t bytes = 0;
    unsigned shift = 0;
    const char *at = text;
    for (; *at >= '0' && *at <= '9'; at++)
        if ((bytes = bytes * 10 + (uint64_t)(*at - '0')) > SIZE_MOST)
            return false;
    for (unsigned u = 0; u < UNITS; u++)
        if (*at && (*at & ~('a' - 'A')) == *units[u])
            shift = 10 * (u + 1);
    const char *rest = at + (shift != 0);
    if (shift && strcmp(rest, "iB") == 0)
        rest += 2;
    if (at == text || *rest || bytes > SIZE_MOST >> shift)
        return false;
    bytes <<= shift;
    if (bytes && bytes < SIZE_LEAST)
        return false;
    *kib = (unsigned)(bytes >> 10);
    return true;
}

static bool parse(const char *text, unsigned i, unsigned *value) {
    unsigned n = 0;
    if (*known[i].word && strcmp(text, known[i].word) == 0) {
        *value = known[i].most + 1;
        return true;
    }
    if (known[i].is_size)
        return parse_size(text, value);
    for (; *text; text++) {
        if (*text < '0' || *text > '9')
            return false;
        n = n * 10 + (unsigned)(*text - '0');
        if (n > known[i].most)
            return false;
    }
    *value = n;
    return true;
}

/* `variable` begins behind PREFIX. `seen`: a bit for each option. */
static void take(const char *variable, unsigned *seen) {
    const size_t length = strcspn(variable, "=");
    unsigned i          = 0;
    while (i < OPTIONS &&
           (strncmp(variable, known[i].name, length) != 0 || known[i].name[length] != '\0'))
        i++;
    if (i == OPTIONS) {
        complain_of_name(variable, length);
        return;
    }
    const char *value = variable + length;
    if (*seen & 1u << i || value[0] != '=') /* the first of a name counts, as for getenv */
        return;
    *seen |= 1u << i;
    if (value[1] != '\0' && !parse(value + 1, i, &options[i])) /* empty is as good as not set */
        complain_of_value(i, value + 1);
}

static void read_from(char **envp) {
    unsigned seen = 0;
    if (getauxval(AT_SECURE)) /* the environment is not the owner's */
        return;
    for (char **v = envp; v && *v; v++)
        if (**v == *PREFIX && strncmp(*v, PREFIX, sizeof PREFIX - 1) == 0)
            take(*v + sizeof PREFIX - 1, &seen);
    if (options[OPTION_HELP])
        print_help();
}

/* 102: before the constructors of this library that act on the options. It may come before those of
 * the C library, whose getenv then knows nothing; glibc hands the environment to each. musl does
 * not, but knows it before any constructor. */
#ifdef __GLIBC__
__attribute__((constructor(102))) static void read_options(int argc, char **argv, char **envp) {
    (void)argc;
    (void)argv;
    read_from(envp);
}
#else
__attribute__((constructor(102))) static void read_options(void) {
    read_from(environ);
}
#endif
