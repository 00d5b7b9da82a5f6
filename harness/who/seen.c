#include "seen.h"

#include "process.h"

#include <ctype.h>
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int seen_add(struct seen *s, pid_t pid, int above) {
    if (s->count == SEEN_MOST) {
        s->overflow = true;
        return SEEN_NONE;
    }
    if (!(s->count & (s->count - 1))) {
        struct seen_process *grown =
            reallocarray(s->process, s->count ? 2 * s->count : 1, sizeof *s->process);
        if (!grown) {
            s->overflow = true;
            return SEEN_NONE;
        }
        s->process = grown;
    }
    s->process[s->count] = (struct seen_process){.pid = pid, .above = above};
    return (int)s->count++;
}

int seen_find(const struct seen *s, pid_t pid) {
    for (size_t i = s->count; i-- > 0;)
        if (s->process[i].pid == pid && !s->process[i].replaced)
            return (int)i;
    return SEEN_NONE;
}

void seen_free(struct seen *s) {
    for (size_t i = 0; i < s->distincts; i++)
        free(s->distinct[i]);
    free(s->distinct);
    free(s->process);
    *s = (struct seen){0};
}

/* A copy that stays, one for all that are equal; NULL: no memory. */
static const struct serving *keep(struct seen *s, const struct serving *answer) {
    for (size_t i = 0; i < s->distincts; i++)
        // Both began as zeros; where padding differs, there is one more.
        // NOLINTNEXTLINE(bugprone-suspicious-memory-comparison)
        if (memcmp(s->distinct[i], answer, sizeof *answer) == 0)
            return s->distinct[i];
    struct serving **grown = reallocarray(s->distinct, s->distincts + 1, sizeof *grown);
    if (!grown)
        return NULL;
    s->distinct         = grown;
    grown[s->distincts] = malloc(sizeof *answer);
    if (!grown[s->distincts])
        return NULL;
    memcpy(grown[s->distincts], answer, sizeof *answer);
    return grown[s->distincts++];
}

/* What the nearest process above that has an LD_PRELOAD was started with. */
static const char *asked_above(const struct seen *s, int number) {
    const char *asked = NULL;
    for (int i = s->process[number].above; i != SEEN_NONE; i = s->process[i].above)
        if (s->process[i].serving && *s->process[i].serving->preload)
            asked = s->process[i].serving->preload;
    return asked;
}

void seen_look(struct seen *s, int number, const char *asked, enum seen_when when) {
    static struct serving answer;
    struct seen_process *p           = &s->process[number];
    struct serving_question question = {.asked = asked ? asked : asked_above(s, number),
                                        .must  = asked != NULL,
                                        .last  = when == SEEN_LAST};
    for (int tries = 0; tries < 100; tries++) {
        serving_find(p->pid, &question, &answer);
        if (answer.state != SERVING_STARTING || when != SEEN_PATIENT)
            break;
        usleep(10000);
    }
    if (answer.state == SERVING_GONE && p->serving)
        return; /* what was seen before is better */
    answer.pid = answer.parent = 0;
    answer.started             = 0;
    p->serving                 = keep(s, &answer);
}

/* --- trees ---------------------------------------------------------------------------------------
 */

struct pair {
    pid_t pid, parent;
};

/* All processes of the machine; a new array. */
static struct pair *list_all(size_t *count) {
    struct pair *all = NULL;
    DIR *dir         = opendir("/proc");
    *count           = 0;
    for (const struct dirent *entry; dir && (entry = readdir(dir));) {
        struct process p;
        if (!isdigit((unsigned char)*entry->d_name) ||
            !process_look((pid_t)atoi(entry->d_name), &p))
            continue;
        if (!(*count & (*count - 1))) {
            struct pair *grown = reallocarray(all, *count ? 2 * *count : 1, sizeof *all);
            if (!grown)
                break;
            all = grown;
        }
        all[(*count)++] = (struct pair){p.pid, p.parent};
    }
    if (dir)
        closedir(dir);
    return all;
}

bool seen_tree(struct seen *s, pid_t root) {
    struct process p;
    size_t count;
    if (!process_look(root, &p))
        return false;
    if (seen_find(s, root) != SEEN_NONE)
        return true; /* in the tree of another */
    struct pair *all   = list_all(&count);
    const size_t first = s->count;
    (void)seen_add(s, root, SEEN_NONE);
    for (size_t i = first; i < s->count; i++) {
        seen_look(s, (int)i, NULL, SEEN_PATIENT);
        for (size_t j = 0; j < count; j++)
            if (all[j].parent == s->process[i].pid && seen_find(s, all[j].pid) == SEEN_NONE)
                (void)seen_add(s, all[j].pid, (int)i);
    }
    free(all);
    return true;
}
