#include "mappings.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { PAGE = PRESENT_PAGE, BATCH = 8192 };

static struct mapping *add(struct mappings *m) {
    if (m->count == m->room) {
        const size_t room     = m->room ? 2 * m->room : 256;
        struct mapping *grown = reallocarray(m->item, room, sizeof *grown);
        if (!grown)
            return NULL;
        m->item = grown;
        m->room = room;
    }
    return &m->item[m->count++];
}

/* "7f0c…-7f0c… rw-p 00000000 00:00 0    /path" */
static bool parse_head(const char *line, struct mapping *m) {
    unsigned long start, end;
    int at = 0;
    *m     = (struct mapping){0};
    if (sscanf(line, "%lx-%lx %4s %*s %*s %*s %n", &start, &end, m->rights, &at) < 3 || !at)
        return false;
    m->start            = start;
    m->end              = end;
    const size_t length = strcspn(line + at, "\n"), most = sizeof m->name - 1;
    const size_t cut = length > most ? length - most : 0;
    snprintf(m->name, sizeof m->name, "%.*s", (int)(length - cut), line + at + cut);
    return true;
}

/* The kernel tells the list in parts. A mapping that grows between two, or is joined with what lies
 * below, is told again from its start (fs/proc/task_mmu.c). What was told last is true. */
static void forget_from(struct mappings *m, uint64_t start) {
    while (m->count && m->item[m->count - 1].start >= start)
        m->count--;
    struct mapping *last = m->count ? &m->item[m->count - 1] : NULL;
    if (!last || last->end <= start)
        return;
    const double part = (double)(start - last->start) / (double)(last->end - last->start);
    last->end         = start;
    last->rss         = (int64_t)((double)last->rss * part);
    last->huge        = (int64_t)((double)last->huge * part);
}

bool mappings_read(struct mappings *m, const char *path) {
    char *line  = NULL;
    size_t size = 0;
    FILE *f     = fopen(path, "re");
    m->count    = 0;
    for (struct mapping head, *last = NULL; f && getline(&line, &size, f) > 0;) {
        if (parse_head(line, &head)) {
            forget_from(m, head.start);
            last = add(m);
            if (!last)
                break;
            *last = head;
        } else if (last && strncmp(line, "Rss:", 4) == 0) {
            last->rss = strtoll(line + 4, NULL, 10) * 1024;
        } else if (last && strncmp(line, "AnonHugePages:", 14) == 0) {
            last->huge = strtoll(line + 14, NULL, 10) * 1024;
        }
    }
    free(line);
    if (f)
        fclose(f);
    return m->count > 0;
}

int mappings_hold(pid_t process) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/maps", (int)process);
    return open(path, O_RDONLY | O_CLOEXEC);
}

/* An open list stays that of the memory which was there when it was opened (fs/proc/task_mmu.c). */
bool mappings_lasted(int held) {
    char byte;
    const bool lasted = held >= 0 && pread(held, &byte, 1, 0) == 1;
    if (held >= 0)
        close(held);
    return lasted;
}

void mappings_present(const void *start, size_t bytes, unsigned char *page) {
    if (mincore((void *)start, bytes, page) != 0)
        memset(page, 1, bytes / PRESENT_PAGE);
}

void mappings_free(struct mappings *m) {
    free(m->item);
    *m = (struct mappings){0};
}

/* Bytes of a page in a range. */
static int64_t inside(uint64_t page, uint64_t start, uint64_t end) {
    const uint64_t from = page * PAGE, to = from + PAGE;
    return (int64_t)((to < end ? to : end) - (from > start ? from : start));
}

int64_t mappings_resident(int pagemap, uint64_t start, uint64_t end) {
    static uint64_t entry[BATCH];
    const uint64_t present = UINT64_C(1) << 63; /* Documentation/admin-guide/mm/pagemap.rst */
    int64_t bytes          = 0;
    for (uint64_t page = start / PAGE, last = (end + PAGE - 1) / PAGE; page < last;) {
        const size_t want = last - page < BATCH ? last - page : BATCH;
        const ssize_t got =
            pread(pagemap, entry, want * sizeof *entry, (off_t)(page * sizeof *entry));
        if (got < (ssize_t)sizeof *entry)
            return -1;
        const size_t count = (size_t)got / sizeof *entry;
        for (size_t i = 0; i < count; i++)
            bytes += entry[i] & present ? inside(page + i, start, end) : 0;
        page += count;
    }
    return bytes;
}
