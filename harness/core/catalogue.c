#include "catalogue.h"

#include <stdlib.h>
#include <string.h>

void *catalogue_add(void *items, size_t *count, size_t size, const void *item) {
    char *at = items, *end = at + *count * size;
    int order = 1;
    while (at < end && (order = strcmp(at, item)) < 0)
        at += size;
    if (at < end && order == 0)
        return items;
    const size_t before = (size_t)(at - (char *)items);
    char *grown         = reallocarray(items, *count + 1, size);
    if (!grown)
        return NULL;
    memmove(grown + before + size, grown + before, *count * size - before);
    memcpy(grown + before, item, size);
    ++*count;
    return grown;
}
