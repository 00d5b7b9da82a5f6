#include "registry.h"

#include "catalogue.h"
#include "json_member.h"
#include "preload_link.h"
#include "record.h"
#include "text.h"

#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char skip_suffix[]  = ".skip";
static const char preload_cell[] = "system";

static struct cell *add_cell(struct registry *r) {
    struct cell *grown = reallocarray(r->cell, r->cells + 1, sizeof *grown);
    if (!grown)
        return NULL;
    r->cell           = grown;
    r->cell[r->cells] = (struct cell){0};
    return &r->cell[r->cells++];
}

static void read_reason(const char *path, char *to, size_t size) {
    FILE *f = fopen(path, "re");
    if (!f || !fgets(to, (int)size, f))
        snprintf(to, size, "not built");
    to[strcspn(to, "\n")] = '\0';
    text_clean(to);
    if (f)
        fclose(f);
}

static bool add_file(struct registry *r, const char *directory, bool rivals, const char *file) {
    char path[PATH_MAX];
    struct stat s;
    const size_t length = strlen(file), suffix = strlen(skip_suffix);
    const bool skip          = length > suffix && strcmp(file + length - suffix, skip_suffix) == 0;
    const size_t name_length = skip ? length - suffix : length;
    if (*file == '.' || snprintf(path, sizeof path, "%s/%s", directory, file) >= (int)sizeof path ||
        stat(path, &s) != 0 || !S_ISREG(s.st_mode) || (!skip && access(path, X_OK) != 0))
        return true; /* not a cell */
    if (name_length >= sizeof r->cell->name || !member_is_name(file, name_length)) {
        text_say("a cell in %s is ignored: its name is too long or odd", directory);
        return true;
    }
    char built[PATH_MAX]; /* a reason to skip counts only where the executable is missing */
    snprintf(built, sizeof built, "%s/%.*s", directory, (int)name_length, file);
    if (skip && access(built, X_OK) == 0)
        return true;
    struct cell *c = add_cell(r);
    if (!c)
        return false;
    memcpy(c->name, file, name_length);
    memcpy(c->path, path, sizeof c->path);
    c->rival = rivals;
    if (skip)
        read_reason(path, c->skipped, sizeof c->skipped);
    return true;
}

static int by_name(const void *a, const void *b) {
    return strcmp(((const struct cell *)a)->name, ((const struct cell *)b)->name);
}

/* False: out of memory, or (with errno) the directory cannot be read. */
static bool add_files(struct registry *r, const char *directory, bool rivals) {
    DIR *dir = opendir(directory);
    if (!dir)
        return false;
    bool memory = true;
    for (const struct dirent *entry; memory && (entry = readdir(dir));)
        memory = add_file(r, directory, rivals, entry->d_name);
    closedir(dir);
    errno = memory ? errno : ENOMEM;
    return memory;
}

bool registry_open(struct registry *r, const char *directory, char *problem, size_t size) {
    *r = (struct registry){0};
    if (!add_files(r, directory, false)) {
        snprintf(problem, size,
                 "cannot read the directory of cells, %s: %s; build them with 'make'", directory,
                 strerrordesc_np(errno));
        return false;
    }
    char rivals[PATH_MAX];
    bool memory = true;
    if (snprintf(rivals, sizeof rivals, "%s/../rivals/cell", directory) < (int)sizeof rivals)
        memory = add_files(r, rivals, true) || errno != ENOMEM;
    if (r->cells)
        qsort(r->cell, r->cells, sizeof *r->cell, by_name);
    if (!memory || !r->cells)
        snprintf(problem, size,
                 memory ? "%s has no cells; build them with 'make'"
                        : "out of memory while reading %s",
                 directory);
    return memory && r->cells;
}

void registry_close(struct registry *r) {
    for (size_t i = 0; i < r->cells; i++) {
        json_decref(r->cell[i].description);
        json_decref(r->cell[i].released);
    }
    free(r->cell);
    free(r->workload);
    free(r->sizes);
    *r = (struct registry){0};
}

static const struct cell *find_cell(const struct registry *r, const char *name) {
    for (size_t i = 0; i < r->cells; i++)
        if (strcmp(r->cell[i].name, name) == 0)
            return &r->cell[i];
    return NULL;
}

/* Can ld.so load it? Only the beginning is looked at; the cell proves the rest. */
static const char *why_no_library(const char *path) {
    unsigned char head[EI_NIDENT] = {0};
    struct stat s;
    if (stat(path, &s) == 0 && !S_ISREG(s.st_mode))
        return "it is not a shared library";
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return strerrordesc_np(errno);
    const bool elf =
        read(fd, head, sizeof head) == sizeof head && memcmp(head, ELFMAG, SELFMAG) == 0;
    close(fd);
    if (!elf)
        return "it is not a shared library";
    return NULL;
}

bool registry_add_preload(struct registry *r, const char *spec, char *problem, size_t size) {
    const char *equals = strchr(spec, '='), *slash = strchr(spec, '/');
    const bool named = equals && (!slash || equals < slash);
    const char *file = named ? equals + 1 : spec;
    char path[PATH_MAX];
    const char *why = realpath(file, path) ? why_no_library(path) : strerrordesc_np(errno);
    if (why) {
        snprintf(problem, size, "cannot preload '%s': %s", file, why);
        return false;
    }
    const char *base = strrchr(file, '/') ? strrchr(file, '/') + 1 : file;
    char name[sizeof r->cell->name];
    const int length = named ? snprintf(name, sizeof name, "%.*s", (int)(equals - spec), spec)
                             : snprintf(name, sizeof name, "%s", base);
    for (char *c = name; !named && *c; c++)
        if (!member_is_name(c, 1))
            *c = '_';
    const bool taken = find_cell(r, name);
    if (taken || length <= 0 || length >= (int)sizeof name || !member_is_name(name, strlen(name))) {
        snprintf(problem, size,
                 "the name '%s' of a preloaded library is %s; give another: NAME=", name,
                 taken ? "taken" : "empty, too long or has odd characters");
        text_add_word(problem, size, file);
        return false;
    }
    const struct cell *host = find_cell(r, preload_cell);
    if (!host || *host->skipped) {
        snprintf(problem, size, "a preloaded library runs in the cell '%s', which is not built",
                 preload_cell);
        return false;
    }
    char host_path[PATH_MAX];
    memcpy(host_path, host->path, sizeof host_path);
    struct cell *c = add_cell(r);
    if (!c) {
        snprintf(problem, size, "out of memory");
        return false;
    }
    memcpy(c->name, name, sizeof name);
    memcpy(c->path, host_path, sizeof host_path);
    memcpy(c->preload, path, sizeof path);
    return true;
}

/* What may stand in the name of a row, whose parts are split at slashes. */
static bool is_variant_name(const char *name) {
    static const char more[] = ":=%";
    for (; *name; name++)
        if (!member_is_name(name, 1) && !strchr(more, *name))
            return false;
    return true;
}

/* The tunings of an allocator, for a complaint. */
static void list_tunings(const json_t *tunings, const char *allocator, char *text, size_t size) {
    *text = '\0';
    for (size_t i = 0; i < json_array_size(tunings); i++) {
        const json_t *tuning = json_array_get(tunings, i);
        const size_t length  = strlen(text);
        if (variant_tuning_is_for(tuning, allocator))
            snprintf(text + length, size - length, "%s%s", *text ? ", " : "",
                     member_text(tuning, "name"));
    }
}

/* The allocator before the colon. */
static const struct cell *base_of(struct registry *r, const char *name) {
    char base[sizeof r->cell->name];
    snprintf(base, sizeof base, "%.*s", (int)strcspn(name, ":"), name);
    return find_cell(r, base);
}

bool registry_has_base(struct registry *r, const char *name, char *problem, size_t size) {
    if (base_of(r, name))
        return true;
    snprintf(problem, size, "--allocators %s: there is no allocator '%.*s'", name,
             (int)strcspn(name, ":"), name);
    return false;
}

bool registry_add_variant(struct registry *r, const json_t *tunings, const char *name,
                          char *problem, size_t size) {
    char known[500];
    const char *options   = strchr(name, ':');
    const struct cell *of = base_of(r, name);
    const char *base      = of->name;
    if (find_cell(r, name))
        return true; /* twice the same */
    const char *words = variant_words(tunings, base, options + 1);
    struct variant variant;
    list_tunings(tunings, base, known, sizeof known);
    if (!words || !variant_take(&variant, words) || variant.unwatched ||
        strlen(name) >= sizeof r->cell->name || !is_variant_name(name)) {
        snprintf(problem, size,
                 "--allocators takes %s:VARIABLE=VALUE, short and without a slash, or %s: with one "
                 "of %s; not '%s'",
                 base, base, known, name);
        return false;
    }
    variant.documented     = words != options + 1;
    const struct cell copy = *of;
    struct cell *c         = add_cell(r);
    if (!c) {
        snprintf(problem, size, "out of memory");
        return false;
    }
    *c         = copy;
    c->variant = variant;
    snprintf(c->name, sizeof c->name, "%s", name);
    return true;
}

/* A count of threads, within what the driver takes; absent: `otherwise`. */
static unsigned thread_bound(const json_t *described, const char *key, unsigned otherwise) {
    const json_int_t n = json_integer_value(json_object_get(described, key));
    return n > 0 && n <= INT_MAX ? (unsigned)n : otherwise;
}

static bool add_workload(struct registry *r, const json_t *described) {
    const json_t *ops         = json_object_get(described, "ops");
    const json_t *quick       = json_object_get(described, "quick_ops");
    const json_t *brief       = json_object_get(described, "brief_ops");
    struct workload_info info = {
        .ops          = (uint64_t)json_integer_value(ops),
        .quick_ops    = (uint64_t)json_integer_value(quick),
        .brief_ops    = (uint64_t)json_integer_value(brief),
        .holds_blocks = json_integer_value(json_object_get(described, "live_blocks")) > 0,
        .takes_sizes  = json_is_true(json_object_get(described, "takes_sizes")),
        .sizes_live_bytes =
            (uint64_t)json_integer_value(json_object_get(described, "sizes_live_bytes")),
        .least_threads   = thread_bound(described, "least_threads", 1),
        .most_threads    = thread_bound(described, "most_threads", INT_MAX),
        .threads_per_cpu = thread_bound(described, "threads_per_cpu", 0)};
    if (!member_name(info.name, sizeof info.name, described, "name") || !info.ops ||
        !info.quick_ops || !info.brief_ops)
        return false;
    (void)member_copy(info.summary, sizeof info.summary, described, "summary"); /* or none */
    (void)member_copy(info.stresses, sizeof info.stresses, described, "stresses");
    if (!member_name(info.group, sizeof info.group, described, "group"))
        snprintf(info.group, sizeof info.group, "%s", REGISTRY_CORE);
    void *grown = catalogue_add(r->workload, &r->workloads, sizeof *r->workload, &info);
    r->workload = grown ? grown : r->workload;
    return grown;
}

/* A description names the file behind malloc and at least one workload. */
static bool take_description(struct registry *r, struct cell *c) {
    const json_t *workloads = json_object_get(c->description, "workloads");
    const json_t *protocol  = json_object_get(c->description, "protocol");
    bool good = json_integer_value(protocol) == RECORD_PROTOCOL && *cell_fact(c, "object") &&
                json_array_size(workloads) > 0;
    for (size_t i = 0; good && i < json_array_size(workloads); i++)
        good = add_workload(r, json_array_get(workloads, i));
    c->floor = json_is_true(json_object_get(c->description, "floor"));
    return good;
}

void registry_describe(struct registry *r, size_t i, double timeout_seconds) {
    static struct spawn_result result;
    struct cell *c = &r->cell[i];
    if (*c->skipped || *c->broken || c->description)
        return;
    cell_run(c, (const char *const[]){"--describe", r->sizes ? "--sizes" : NULL, r->sizes, NULL},
             (struct spawn_request){.timeout_seconds = timeout_seconds}, &result);
    char end[512];
    spawn_describe_end(&result, timeout_seconds, end, sizeof end);
    if (result.end == SPAWN_INTERRUPTED)
        return;
    /* The dynamic linker's words, for a library that was there when the cell was built. */
    if (result.end == SPAWN_EXITED && result.code == 127 &&
        strstr(result.output, "shared librar")) {
        snprintf(c->skipped, sizeof c->skipped, "%s", end);
        return;
    }
    c->description      = member_load(result.record, result.record_length, 0, NULL);
    const json_t *error = json_object_get(c->description, "error");
    if (error) {
        const char *check   = json_string_value(json_object_get(error, "check"));
        const char *message = json_string_value(json_object_get(error, "message"));
        /* with what ld.so may have said of a preload that it did not take */
        snprintf(c->broken, sizeof c->broken, "%s: %s%s%.*s", check ? check : "error",
                 message ? message : end, result.output_length ? "; " : "",
                 (int)strcspn(result.output, "\n"), result.output);
        text_clean(c->broken);
        c->refused = true;
    } else if (result.end != SPAWN_EXITED || result.code != 0) {
        const bool torn = result.end == SPAWN_SIGNALED && result.code == SIGBUS;
        snprintf(c->broken, sizeof c->broken, "a process that only loads it: %s%s%s", end,
                 result.end == SPAWN_TIMED_OUT ? " (--timeout gives it more)" : "",
                 torn ? "; the file is truncated or damaged" : "");
    } else if (!take_description(r, c)) {
        snprintf(c->broken, sizeof c->broken,
                 "a process that only loads it printed no valid description");
    }
}

void cell_run(const struct cell *c, const char *const *words, struct spawn_request how,
              struct spawn_result *result) {
    const char *argv[CELL_WORDS + 6] = {c->path};
    size_t n                         = 1;
    char fd[16];
    snprintf(fd, sizeof fd, "%d", SPAWN_RECORD_FD);
    while (*words && n <= CELL_WORDS)
        argv[n++] = *words++;
    argv[n++] = "--fd", argv[n++] = fd;
    if (*c->preload)
        argv[n++] = "--expect", argv[n++] = c->preload;
    const char *variables[VARIANT_VARIABLES + 1] = {NULL};
    for (size_t i = 0; i < c->variant.variables; i++)
        variables[i] = c->variant.variable[i];
    how.variables = variables;
    how.thp_never = c->variant.thp_never;
    how.argv      = (char *const *)argv; /* as exec wants it, which does not write to it */
    how.preload   = *c->preload ? c->preload : NULL;
    spawn_run(&how, result);
}

json_t *cell_ask(struct cell *c, const char *option, const char *key, double timeout_seconds) {
    static struct spawn_result result;
    cell_run(c, (const char *const[]){option, NULL},
             (struct spawn_request){.timeout_seconds = timeout_seconds}, &result);
    json_t *document = member_load(result.record, result.record_length, 0, NULL);
    if (result.end == SPAWN_EXITED && result.code == 0 &&
        json_array_size(json_object_get(document, key)) &&
        json_integer_value(json_object_get(document, "protocol")) == RECORD_PROTOCOL)
        return document;
    json_decref(document);
    if (result.end == SPAWN_TIMED_OUT)
        snprintf(c->broken, sizeof c->broken, "%s: no end after %g s (--timeout gives it more)",
                 option, timeout_seconds);
    else if (result.end != SPAWN_INTERRUPTED)
        snprintf(c->broken, sizeof c->broken, "%s printed no valid list", option);
    return NULL;
}

/* What the cell says of the workload of this number; NULL: it does not offer it. */
static const json_t *described(const struct registry *r, const struct cell *c, size_t workload) {
    const json_t *workloads = json_object_get(c->description, "workloads");
    for (size_t i = 0; i < json_array_size(workloads); i++) {
        const json_t *found = json_array_get(workloads, i);
        if (strcmp(member_text(found, "name"), r->workload[workload].name) == 0)
            return found;
    }
    return NULL;
}

bool registry_offers(const struct registry *r, const struct cell *c, size_t workload) {
    return described(r, c, workload);
}

const char *registry_missing(const struct registry *r, const struct cell *c, size_t workload) {
    return member_text(described(r, c, workload), "missing");
}

const char *cell_fact(const struct cell *c, const char *key) {
    return member_text(c->description, key);
}

const char *cell_library(const struct cell *c, char *path) {
    char beside[PATH_MAX];
    const char *object = *c->preload ? c->preload : cell_fact(c, "object");
    const char *name = *c->preload ? "" : cell_fact(c, "preload"), *slash = strrchr(object, '/');
    *path = '\0';
    if (!*c->preload && strcspn(c->name, ":") == strlen(preload_cell) &&
        strncmp(c->name, preload_cell, strlen(preload_cell)) == 0)
        return NULL;
    if (*name && slash &&
        snprintf(beside, sizeof beside, "%.*s/%s", (int)(slash - object), object, name) <
            (int)sizeof beside)
        object = beside;
    if (realpath(object, path) && strcmp(path, c->path) != 0)
        return NULL;
    *path = '\0';
    return *name ? "the library that replaces malloc in programs is not beside its own"
                 : "it is a part of its cell, and no library that could be preloaded";
}

void cell_command(const struct cell *c, const char *options, char *text, size_t size) {
    const bool linked = preload_link_needed(c->preload);
    *text             = '\0';
    if (linked) {
        strncat(text, "ln -sf ", size - 1);
        text_add_word(text, size, c->preload);
        strncat(text, " /tmp/preload.so && ", size - strlen(text) - 1);
    }
    for (size_t i = 0; i < c->variant.variables; i++) {
        strncat(text, i ? " " : "env ", size - strlen(text) - 1);
        text_add_word(text, size, c->variant.variable[i]);
    }
    strncat(text, c->variant.variables ? " " : "", size - strlen(text) - 1);
    if (*c->preload) {
        strncat(text, "LD_PRELOAD=", size - strlen(text) - 1);
        text_add_word(text, size, linked ? "/tmp/preload.so" : c->preload);
        strncat(text, " ", size - strlen(text) - 1);
    }
    text_add_word(text, size, c->path);
    strncat(text, " ", size - strlen(text) - 1);
    strncat(text, options, size - strlen(text) - 1);
    if (*c->preload) {
        strncat(text, " --expect ", size - strlen(text) - 1);
        text_add_word(text, size, c->preload);
    }
    text_clean(text);
}
