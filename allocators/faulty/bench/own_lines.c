/* A thread's small blocks lie in lines of its own, and no other thread gets them.
 * exposed-by: nothing */
#include "lines.h"

static void *own_cell(size_t size) {
    return size <= LINE_CELL ? lines_take() : NULL;
}

LINES_ALLOCATOR(own_cell, lines_give_own);
