/* A small block stays with the thread that freed it, whosever line it lies in.
 * exposed-by: false_sharing_passive shared own_lines */
#include "lines.h"

static void *any_cell(size_t size) {
    return size <= LINE_CELL ? lines_take() : NULL;
}

LINES_ALLOCATOR(any_cell, lines_give);
