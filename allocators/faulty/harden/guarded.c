/* Each block is a mapping of its own that ends where the block ends, before a page that nobody may
 * touch. What is free stays so, and nobody may touch it either.
 * harden: overflow.one/tiny=access overflow.one/large=access overflow.read/small=access
 * overflow.page/small=access use_after_free.read/tiny=access use_after_free.write/small=access
 * use_after_free.read_reused/small=unsupported use_after_free.write_reused/small=unsupported
 * double_free.reused/small=unsupported free_list.second_word/small=access
 * double_free.immediate/small=crash */
#include "model.h"

enum { PAGE = 4096 };

static size_t pages_of(size_t size) {
    return (sizeof(struct model_head) + size + PAGE - 1) / PAGE * PAGE;
}

static void *guarded_malloc(size_t size) {
    size              = (size + 7) / 8 * 8; /* an alignment, of which usable_size knows */
    const size_t room = pages_of(size);
    char *at =
        mmap(NULL, room + PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (at == MAP_FAILED || mprotect(at, room, PROT_READ | PROT_WRITE) != 0)
        return NULL;
    char *block        = at + room - size;
    *model_head(block) = (struct model_head){size, MODEL_ALIVE};
    return block;
}

static void guarded_free(void *block) {
    if (!block)
        return;
    const size_t room = pages_of(model_head(block)->size);
    char *end         = (char *)block + model_head(block)->size;
    if (mmap(end - room, room, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED,
             -1, 0) == MAP_FAILED)
        _exit(1);
}

MODEL_ALLOCATOR(.malloc = guarded_malloc, .free = guarded_free);
