#include "report.h"

#include "descendants.h"
#include "text.h"

#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static const char *const how_words[] = {
    [SERVING_NOT]     = "not known",
    [SERVING_BOUND]   = "bound symbol",
    [SERVING_MAPPED]  = "mapped files",
    [SERVING_SYMBOLS] = "symbols of a static program",
    [SERVING_TEXTS]   = "messages in a static program without symbols",
};

const char *who_wrong(const struct serving *s, const char *expect) {
    static char text[400];
    const char *finding = serving_finding(s);
    if (!expect || s->state == SERVING_GONE)
        return finding ? finding : "";
    if (serving_is_named(s, expect))
        return "";
    if (finding)
        return finding;
    snprintf(text, sizeof text, "%.100s was expected", expect);
    return text;
}

/* Is there something to say of it? Not of one that became another at its very start. */
static bool was_seen(const struct seen_process *p) {
    return p->serving && p->serving->state != SERVING_GONE &&
           !(p->serving->state == SERVING_STARTING && p->replaced);
}

struct who_verdict who_judge(const struct seen *all, const char *expect) {
    struct who_verdict v = {0};
    for (size_t i = 0; i < all->count; i++) {
        const struct seen_process *p = &all->process[i];
        if (p->serving && p->serving->kernel)
            v.kernel++;
        else if (!was_seen(p))
            v.unseen += !p->replaced;
        else if (*who_wrong(p->serving, expect))
            v.wrong++;
        else if (p->serving->state != SERVING_KNOWN)
            v.unknown++;
        else
            v.known++;
    }
    return v;
}

/* --- the tree ------------------------------------------------------------------------------------
 */

struct printing {
    const struct seen *seen;
    const char *expect;
    bool fold;         /* processes below one that they read like are on its line */
    int *first, *next; /* of each process: its first child, and the next child of the same */
    int passed;        /* how many were passed over in a row, on the way down */
};

/* A line, or with `end` "" the beginning of one. Names and paths in it are others' texts. */
__attribute__((format(printf, 3, 4))) static void put(FILE *to, const char *end, const char *format,
                                                      ...) {
    char line[2 * PATH_MAX];
    va_list values;
    va_start(values, format);
    vsnprintf(line, sizeof line, format, values);
    va_end(values);
    text_clean(line);
    fprintf(to, "%s%s", line, end);
}

static void print_what(FILE *to, const struct serving *s) {
    if (s->state != SERVING_KNOWN) {
        put(to, "\n", "not known: %s", s->why);
        return;
    }
    put(to, "\n", "%s%s%s, %s (%s)", s->name, *s->version ? " " : "", s->version,
        strcmp(s->object, s->program) == 0 ? "in the program itself" : s->object,
        how_words[s->how]);
}

static void print_notes(const struct printing *p, FILE *to, const struct serving *s, int indent) {
    static const char *const words[] = {[SERVING_PRELOAD] = "NOT AS ASKED",
                                        [SERVING_INNER]   = "inside",
                                        [SERVING_SECOND]  = "also",
                                        [SERVING_OPTION]  = "no effect",
                                        [SERVING_LIMITED] = "note"};
    const char *wrong                = who_wrong(s, p->expect);
    if (*wrong && wrong != serving_finding(s))
        put(to, "\n", "%*sNOT AS ASKED: %s", indent, "", wrong);
    for (size_t i = 0; i < s->options; i++)
        put(to, "\n", "%*soption: %s", indent, "", s->option[i]);
    for (size_t i = 0; i < s->notes; i++)
        put(to, "\n", "%*s%s: %s", indent, "", words[s->note[i].kind], s->note[i].text);
}

enum { INDENT = 2, DEEPEST = 100 };

/* A tree is printed by recursion, of DEEPEST levels at most. NOLINTBEGIN(misc-no-recursion) */
static size_t print_node(struct printing *, FILE *, int number, int depth, const size_t *others);

/* Equal processes, their children likewise. */
struct same {
    char *text;
    int number;    /* of the first */
    size_t others; /* processes on the lines of those that are equal to the first */
};

/* What stands below a line. */
struct below {
    struct same *same;
    size_t count;
    size_t alike; /* processes that are on the line itself */
};

/* Takes `text` over, whose first line stands for so many processes. */
static void add_same(struct below *b, char *text, int number, size_t processes) {
    for (size_t i = 0; i < b->count; i++)
        if (strcmp(b->same[i].text, text) == 0) {
            b->same[i].others += processes;
            free(text);
            return;
        }
    struct same *grown = reallocarray(b->same, b->count + 1, sizeof *grown);
    if (!grown) {
        free(text);
        return;
    }
    b->same           = grown;
    grown[b->count++] = (struct same){text, number, 0};
}

/* Do two have the same line and notes, but for the numbers of processes? */
static bool reads_alike(const struct serving *a, const struct serving *b) {
    bool same = strcmp(a->command, b->command) == 0 && strcmp(a->program, b->program) == 0 &&
                a->state == b->state && a->how == b->how && strcmp(a->object, b->object) == 0 &&
                strcmp(a->name, b->name) == 0 && strcmp(a->version, b->version) == 0 &&
                strcmp(a->why, b->why) == 0 && a->options == b->options && a->notes == b->notes;
    for (size_t i = 0; same && i < a->options; i++)
        same = strcmp(a->option[i], b->option[i]) == 0;
    for (size_t i = 0; same && i < a->notes; i++)
        same = a->note[i].kind == b->note[i].kind && strcmp(a->note[i].text, b->note[i].text) == 0;
    return same;
}

/* A shell forks itself for each part of a line, and its scripts start shells: of all these, the
 * line that they would have stands above them. */
static bool is_told(const struct printing *p, int line, const struct seen_process *it) {
    return p->fold && line != SEEN_NONE && reads_alike(it->serving, p->seen->process[line].serving);
}

/* The children of a process, the equal ones together. What was not looked at gives its place to
 * what it started, and so does what is told by the line above. */
static void collect(struct printing *p, int line, int number, int depth, struct below *below) {
    for (int child = p->first[number]; child != SEEN_NONE; child = p->next[child]) {
        const struct seen_process *it = &p->seen->process[child];
        const bool seen = was_seen(it), told = seen && is_told(p, line, it);
        char *text  = NULL;
        size_t size = 0;
        if ((told || !seen) && p->passed < DEEPEST) {
            below->alike += told;
            p->passed++;
            collect(p, line, child, depth, below);
            p->passed--;
            continue;
        }
        FILE *f = seen ? open_memstream(&text, &size) : NULL;
        if (!f)
            continue;
        const size_t processes = print_node(p, f, child, depth, NULL);
        fclose(f);
        add_same(below, text, child, processes);
    }
}

static void print_below(struct printing *p, FILE *to, struct below *below, int depth,
                        bool numbers) {
    for (size_t i = 0; i < below->count; i++) {
        const struct same *same = &below->same[i];
        if (numbers)
            (void)print_node(p, to, same->number, depth, &same->others);
        else
            fprintf(to, "%s\n%zu\n", same->text, same->others);
        free(same->text);
    }
    free(below->same);
}

/* `others`: how many more are on the line; NULL: without the numbers of processes, to be compared.
 * Returns how many are on its line. */
static size_t print_node(struct printing *p, FILE *to, int number, int depth,
                         const size_t *others) {
    const struct seen_process *it = &p->seen->process[number];
    const int indent              = INDENT * depth;
    struct below below            = {0};
    if (depth > DEEPEST) {
        fprintf(to, "%*s… and below\n", indent, "");
        return 1;
    }
    collect(p, number, number, depth + 1, &below);
    put(to, "", "%*s%s", indent, "", it->serving->command);
    if (others && *others)
        fprintf(to, " (%zu processes)", 1 + below.alike + *others);
    else if (others && below.alike)
        fprintf(to, " (%d, and %zu more)", (int)it->pid, below.alike);
    else if (others)
        fprintf(to, " (%d)", (int)it->pid);
    fputs(": ", to);
    print_what(to, it->serving);
    print_notes(p, to, it->serving, indent + 2 * INDENT);
    print_below(p, to, &below, depth + 1, others);
    return 1 + below.alike;
}

/* NOLINTEND(misc-no-recursion) */

/* Whose child it is. What a process started before an exec, and before it could be looked at,
 * stands below what it became. */
static int above_of(const struct printing *p, const int *became, size_t number) {
    int above = p->seen->process[number].above;
    while (above != SEEN_NONE && !was_seen(&p->seen->process[above]) &&
           became[above] != SEEN_NONE && became[above] != (int)number)
        above = became[above];
    return above;
}

static bool link_children(struct printing *p) {
    const size_t count = p->seen->count;
    p->first           = malloc((count + 1) * sizeof *p->first);
    p->next            = malloc((count + 1) * sizeof *p->next);
    int *became        = malloc((count + 1) * sizeof *became);
    if (!p->first || !p->next || !became) {
        free(became);
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        const struct seen_process *it = &p->seen->process[i];
        p->first[i] = p->next[i] = became[i] = SEEN_NONE;
        if (it->above != SEEN_NONE && it->pid == p->seen->process[it->above].pid)
            became[it->above] = (int)i;
    }
    for (size_t i = count; i-- > 0;) {
        const int above = above_of(p, became, i);
        if (above == SEEN_NONE)
            continue;
        p->next[i]      = p->first[above];
        p->first[above] = (int)i;
    }
    free(became);
    return true;
}

static void print_sum(const struct who_verdict *v, const struct follow_end *end, double seconds) {
    printf("%zu process%s: %zu known", v->known + v->unknown + v->wrong,
           v->known + v->unknown + v->wrong == 1 ? "" : "es", v->known);
    if (v->wrong)
        printf(", %zu NOT as asked", v->wrong);
    if (v->unknown)
        printf(", %zu not known", v->unknown);
    if (v->unseen)
        printf("; %zu ended before they could be looked at", v->unseen);
    if (v->kernel)
        printf("; %zu thread%s of the kernel, without a program", v->kernel,
               v->kernel == 1 ? "" : "s");
    if (end && end->timed_out)
        printf("; still running after %g s, and ended then", seconds);
    if (end && end->too_many)
        printf("; more than %d at once, and killed", DESCENDANTS_MOST);
    putchar('\n');
}

void who_print_text(const struct seen *all, const struct who_options *o,
                    const struct follow_end *end) {
    struct printing p    = {.seen = all, .expect = o->expect, .fold = end};
    struct who_verdict v = who_judge(all, o->expect);
    char *text           = NULL;
    size_t size          = 0;
    FILE *to             = open_memstream(&text, &size);
    const bool linked    = link_children(&p);
    for (size_t i = 0; to && linked && i < all->count; i++) {
        if (all->process[i].above != SEEN_NONE)
            continue;
        struct below below  = {0};
        const size_t others = 0;
        if (was_seen(&all->process[i])) {
            (void)print_node(&p, to, (int)i, 0, &others);
            continue;
        }
        collect(&p, SEEN_NONE, (int)i, 0, &below);
        print_below(&p, to, &below, 0, true);
    }
    if (to)
        fclose(to);
    fputs(text ? text : "", stdout);
    print_sum(&v, end, o->timeout_seconds);
    free(text);
    free(p.first);
    free(p.next);
}
