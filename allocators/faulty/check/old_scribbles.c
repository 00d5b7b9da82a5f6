/* malloc writes to the block that it gave so many calls ago, if that still lives.
 * caught-by: check
 *   history.malloc at let_go "changed while others came and went" */
#include "family.h"

enum { AGO = 128 };
static unsigned char *given[AGO];
static size_t next;

static void *scribbling_malloc(size_t size) {
    if (given[next])
        *given[next] ^= 0xff;
    given[next] = malloc(size);
    void *block = given[next];
    next        = (next + 1) % AGO;
    return block;
}

static void noting_free(void *block) {
    for (size_t i = 0; block && i < AGO; i++)
        if (given[i] == block)
            given[i] = NULL;
    free(block);
}

FAULTY_FAMILY(.malloc = scribbling_malloc, .free = noting_free);
