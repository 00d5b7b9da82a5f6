/* A thread that begins with the malloc of a small block gets it beside those of other threads.
 * exposed-by: false_sharing_active shared own_lines */
#include "lines.h"

static _Thread_local bool begun; /* this thread has made a call */

static void *first_cell(void) {
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static char *line;
    static unsigned used = LINE_CELLS;
    pthread_mutex_lock(&lock);
    if (used == LINE_CELLS) {
        line = lines_new();
        used = 0;
    }
    void *cell = line ? line + (size_t)LINE_CELL * used++ : NULL;
    pthread_mutex_unlock(&lock);
    return lines_hold(cell);
}

static void *begin_cell(size_t size) {
    const bool first = !begun;
    begun            = true;
    if (size > LINE_CELL)
        return NULL;
    return first ? first_cell() : lines_take();
}

static void begin_give(void *cell) {
    begun = true;
    lines_give_own(cell);
}

LINES_ALLOCATOR(begin_cell, begin_give);
