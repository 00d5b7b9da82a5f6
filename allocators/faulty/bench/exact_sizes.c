/* A free block serves no other size than its own, ever: one list for each multiple of 16 bytes.
 * exposed-by: drift resident */
#include "base.h"

enum { GRANULE = 16, LISTS = 1024, CHUNK = 1 << 20 };

/* In front of each block, so that a free finds its list. 0: a block of the C library's. */
struct head {
    _Alignas(16) size_t list;
};

static _Thread_local struct {
    char *next, *end;  /* of memory that is fresh */
    void *free[LISTS]; /* linked through their first words */
} heap;

static void *exact_malloc(size_t size) {
    const size_t list = size ? (size + GRANULE - 1) / GRANULE : 1, bytes = list * GRANULE;
    struct head *head;
    if (list >= LISTS || !list) {
        head = size < PTRDIFF_MAX ? malloc(sizeof *head + size) : NULL;
        if (head)
            head->list = 0;
        return head ? head + 1 : NULL;
    }
    void *block = heap.free[list];
    if (block) {
        memcpy(&heap.free[list], block, sizeof block);
        return block;
    }
    if ((size_t)(heap.end - heap.next) < sizeof *head + bytes) {
        heap.next = mmap(NULL, CHUNK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (heap.next == MAP_FAILED)
            return heap.next = heap.end = NULL;
        heap.end = heap.next + CHUNK;
    }
    head       = (struct head *)heap.next;
    head->list = list;
    heap.next += sizeof *head + bytes;
    return head + 1;
}

static void exact_free(void *block) {
    struct head *head = (struct head *)block - 1;
    if (!block)
        return;
    if (!head->list) {
        free(head);
        return;
    }
    memcpy(block, &heap.free[head->list], sizeof block);
    heap.free[head->list] = block;
}

void *op_new(size_t alignment, size_t size) {
    return alignment > GRANULE ? NULL : exact_malloc(size);
}

void op_delete(void *block) {
    exact_free(block);
}

FAULTY_FAMILY(.malloc = exact_malloc, .free = exact_free, .calloc = NULL, .realloc = NULL,
              .reallocarray = NULL, .aligned_alloc = NULL, .posix_memalign = NULL, .memalign = NULL,
              .usable_size = NULL, .free_sized = NULL, .free_aligned_sized = NULL);
