/* Keeps each freed block of over 1 MiB for the next one of its class, half an octave, with all its
 * pages: what `maps_anew` is compared with.
 * exposed-by: nothing */
#include "fresh_pages.h"

enum { CLASSES = 64 };
static const size_t large = (1 << 20) + 1;

static struct fresh *kept[CLASSES]; /* linked through the first word of their blocks */
static pthread_mutex_t kept_lock = PTHREAD_MUTEX_INITIALIZER;

/* The class of a size, and the size of its blocks. */
static unsigned class_of(size_t size, size_t *whole) {
    const unsigned log  = 63 - (unsigned)__builtin_clzll(size - 1);
    const size_t octave = (size_t)1 << log;
    const bool upper    = size > octave + octave / 2;
    *whole              = upper ? 2 * octave : octave + octave / 2;
    return (2 * log + upper) % CLASSES;
}

static struct fresh *map(size_t whole) {
    struct fresh *head = mmap(NULL, sizeof *head + whole, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (head == MAP_FAILED)
        return NULL;
    *head = (struct fresh){FRESH_MAGIC, whole};
    return head;
}

static void *keep_malloc(size_t size) {
    size_t whole;
    if (size < large)
        return malloc(size);
    const unsigned class = class_of(size, &whole);
    pthread_mutex_lock(&kept_lock);
    struct fresh *head = kept[class];
    if (head)
        memcpy(&kept[class], (void *)(head + 1), sizeof(void *));
    pthread_mutex_unlock(&kept_lock);
    head = head ? head : map(whole);
    return head ? head + 1 : NULL;
}

static void keep_free(void *block) {
    struct fresh *head = fresh_of(block);
    size_t whole;
    if (!head) {
        free(block);
        return;
    }
    const unsigned class = class_of(head->size, &whole);
    pthread_mutex_lock(&kept_lock);
    memcpy(block, &kept[class], sizeof(void *));
    kept[class] = head;
    pthread_mutex_unlock(&kept_lock);
}

static void *keep_realloc(void *old, size_t size) {
    const size_t has = fresh_usable_size(old);
    if (!fresh_of(old))
        return realloc(old, size);
    void *block = keep_malloc(size);
    if (block) {
        memcpy(block, old, has < size ? has : size);
        keep_free(old);
    }
    return block;
}

BASE_OPERATORS
FAULTY_FAMILY(.malloc = keep_malloc, .free = keep_free, .realloc = keep_realloc,
              .usable_size = fresh_usable_size, .reallocarray = NULL, .free_sized = NULL,
              .free_aligned_sized = NULL);
