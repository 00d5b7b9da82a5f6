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
        if (!was_seen(p))
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
    int *first, *next; /* of each process: its first child, and the next child of the same */
    int unseen;        /* how many were passed over in a row, on the way down */
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
static void print_node(struct printing *, FILE *, int number, int depth, size_t times);

struct same {
    char *text;
    int number;
    size_t times;
};

/* Takes `text` over. */
static void add_same(struct same **same, size_t *count, char *text, int number) {
    for (size_t i = 0; i < *count; i++)
        if (strcmp((*same)[i].text, text) == 0) {
            (*same)[i].times++;
            free(text);
            return;
        }
    struct same *grown = reallocarray(*same, *count + 1, sizeof *grown);
    if (!grown) {
        free(text);
        return;
    }
    *same             = grown;
    grown[(*count)++] = (struct same){text, number, 1};
}

/* The children of a process, the equal ones together. What was not looked at gives its place to
 * what it started. */
static void collect(struct printing *p, int number, int depth, struct same **same, size_t *count) {
    for (int child = p->first[number]; child != SEEN_NONE; child = p->next[child]) {
        char *text  = NULL;
        size_t size = 0;
        if (!was_seen(&p->seen->process[child]) && p->unseen < DEEPEST) {
            p->unseen++;
            collect(p, child, depth, same, count);
            p->unseen--;
            continue;
        }
        FILE *f = was_seen(&p->seen->process[child]) ? open_memstream(&text, &size) : NULL;
        if (!f)
            continue;
        print_node(p, f, child, depth, 0);
        fclose(f);
        add_same(same, count, text, child);
    }
}

static void print_children(struct printing *p, FILE *to, int number, int depth, bool numbers) {
    struct same *same = NULL;
    size_t count      = 0;
    collect(p, number, depth, &same, &count);
    for (size_t i = 0; i < count; i++) {
        if (numbers)
            print_node(p, to, same[i].number, depth, same[i].times);
        else
            fprintf(to, "%s\n%zu\n", same[i].text, same[i].times);
        free(same[i].text);
    }
    free(same);
}

/* `times`: how many are like this one; 0: without the numbers of processes, to be compared. */
static void print_node(struct printing *p, FILE *to, int number, int depth, size_t times) {
    const struct seen_process *it = &p->seen->process[number];
    const int indent              = INDENT * depth;
    if (depth > DEEPEST) {
        fprintf(to, "%*s… and below\n", indent, "");
        return;
    }
    put(to, "", "%*s%s", indent, "", it->serving->command);
    if (times == 1)
        fprintf(to, " (%d)", (int)it->pid);
    else if (times)
        fprintf(to, " (%zu processes)", times);
    fputs(": ", to);
    print_what(to, it->serving);
    print_notes(p, to, it->serving, indent + 2 * INDENT);
    print_children(p, to, number, depth + 1, times);
}

/* NOLINTEND(misc-no-recursion) */

static bool link_children(struct printing *p) {
    const size_t count = p->seen->count;
    p->first           = malloc((count + 1) * sizeof *p->first);
    p->next            = malloc((count + 1) * sizeof *p->next);
    if (!p->first || !p->next)
        return false;
    for (size_t i = 0; i < count; i++)
        p->first[i] = p->next[i] = SEEN_NONE;
    for (size_t i = count; i-- > 0;) {
        const int above = p->seen->process[i].above;
        if (above == SEEN_NONE)
            continue;
        p->next[i]      = p->first[above];
        p->first[above] = (int)i;
    }
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
    if (end && end->timed_out)
        printf("; still running after %g s, and ended then", seconds);
    if (end && end->too_many)
        printf("; more than %d at once, and killed", DESCENDANTS_MOST);
    putchar('\n');
}

void who_print_text(const struct seen *all, const struct who_options *o,
                    const struct follow_end *end) {
    struct printing p    = {.seen = all, .expect = o->expect};
    struct who_verdict v = who_judge(all, o->expect);
    char *text           = NULL;
    size_t size          = 0;
    FILE *to             = open_memstream(&text, &size);
    const bool linked    = link_children(&p);
    for (size_t i = 0; to && linked && i < all->count; i++) {
        if (all->process[i].above != SEEN_NONE)
            continue;
        if (was_seen(&all->process[i]))
            print_node(&p, to, (int)i, 0, 1);
        else
            print_children(&p, to, (int)i, 0, true);
    }
    if (to)
        fclose(to);
    fputs(text ? text : "", stdout);
    print_sum(&v, end, o->timeout_seconds);
    free(text);
    free(p.first);
    free(p.next);
}
