/* The map of a heap, against an allocator whose blocks lie where the test says. */
#include "heap_map.h"
#include "tap.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum { PAGES = 8, MOST_BLOCKS = 8, TEXT_BYTES = 4096 };

static char file[] = "/tmp/spanbench-heap-map-XXXXXX";
static unsigned char *arena;
static size_t page_bytes;

/* Of each block; the next malloc gets `next`. */
static struct {
    unsigned char *at;
    size_t size;
} block[MOST_BLOCKS];
static unsigned char *next;

static size_t usable(void *at) {
    for (int i = 0; i < MOST_BLOCKS; i++)
        if (block[i].at == at)
            return block[i].size;
    return 0;
}

static void *place(size_t size) {
    for (int i = 0; next && i < MOST_BLOCKS; i++) {
        if (block[i].at)
            continue;
        block[i].at   = next;
        block[i].size = size;
        return memset(next, 1, size);
    }
    return NULL;
}

static void take(void *at) {
    for (int i = 0; i < MOST_BLOCKS; i++)
        if (at && block[i].at == at)
            block[i].at = NULL;
}

static void *replace(void *old, size_t size) {
    void *made = place(size);
    if (made)
        take(old);
    return made;
}

static void tell(int fd) {
    dprintf(fd, "free %d back\n", next ? 1 : 0);
}

static const struct allocator fake = {
    .malloc = place, .free = take, .realloc = replace, .usable_size = usable, .dump = tell};

static void *at_page(const struct allocator *a, size_t page, size_t offset, size_t size) {
    next = arena + page * page_bytes + offset;
    return a->malloc(size);
}

/* What was written so far. */
static char *written(void) {
    static char text[TEXT_BYTES];
    const int fd      = open(file, O_RDONLY);
    const ssize_t got = read(fd, text, sizeof text - 1);
    close(fd);
    text[got > 0 ? got : 0] = '\0';
    return text;
}

/* The lines of the page after a look, without the page's number; "" if there is none. */
static const char *line_of(size_t page, const char *instant) {
    static char wanted[40], found[200];
    *found = '\0';
    snprintf(wanted, sizeof wanted, "%zu,", (size_t)arena / page_bytes + page);
    for (char *rest = written(), *line; (line = strsep(&rest, "\n"));)
        if (strncmp(line, wanted, strlen(wanted)) == 0 && strstr(line, instant))
            snprintf(found, sizeof found, "%s", line + strlen(wanted));
    return found;
}

static void has(size_t page, const char *instant, const char *wanted, const char *what) {
    const char *found = line_of(page, instant);
    OK(strcmp(found, wanted) == 0, "%s: '%s'", what, found);
}

int main(void) {
    page_bytes = (size_t)sysconf(_SC_PAGESIZE);
    arena =
        mmap(NULL, PAGES * page_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    close(mkstemp(file));
    const struct allocator silent = {.malloc = place, .free = take};
    OK(!heap_map_begin(&silent, file), "without usable sizes there is no map");
    OK(!heap_map_begin(&fake, "/no/such/folder/file"), "nor without a file");
    OK(heap_map_is_whole(), "what was not begun lacks nothing");
    const struct allocator *a = heap_map_begin(&fake, file);
    OK(a && !a->calloc, "a function that the allocator lacks is not there");

    void *small = at_page(a, 0, 16, 100), *other = at_page(a, 0, 512, 200);
    void *large = at_page(a, 1, page_bytes / 2, page_bytes);
    heap_map_look("full, 1");
    char wanted[80];
    has(0, "full", "1,100,200,0,0,full, 1", "each class of sizes has its bytes");
    snprintf(wanted, sizeof wanted, "1,0,0,%zu,0,full, 1", page_bytes / 2);
    has(1, "full", wanted, "a block of two pages has a part on the first");
    has(2, "full", wanted, "and one on the second");
    has(3, "full", "", "a page without a block has no line");
    CONTAINS(written(), ",full, 1\ndump,full, 1\nfree 1 back\n",
             "what the allocator tells follows");

    next  = arena + 4 * page_bytes;
    large = a->realloc(large, 3 * page_bytes); /* class 3 */
    next  = NULL;
    OK(!a->realloc(other, 4000), "realloc fails");
    a->free(small);
    madvise(arena + page_bytes, page_bytes, MADV_DONTNEED);
    heap_map_look("later");
    has(0, "later", "1,0,200,0,0,later", "what realloc did not move is still live");
    has(1, "later", "0,0,0,0,0,later", "what it moved is not, and its page was given back");
    snprintf(wanted, sizeof wanted, "1,0,0,0,%zu,later", page_bytes);
    has(5, "later", wanted, "it is live elsewhere");
    a->free(other);
    a->free(large);
    a->free(NULL);
    heap_map_look("end");
    has(6, "end", "1,0,0,0,0,end", "after free nothing is live");
    CONTAINS(written(), ",end\ndump,end\nfree 0 back\n", "at each instant anew");
    OK(heap_map_is_whole(), "all of it is in the file");
    unlink(file);
    return tap_done();
}
