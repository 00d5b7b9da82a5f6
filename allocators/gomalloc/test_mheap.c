/* How the heap gives pages back: what it does while the operating system takes them, which this
 * file sees because it is the madvise of this program. */
#include "arena.h"
#include "mheap.h"
#include "os.h"
#include "tap.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

/* In two words of the bitmap, which are given back one after the other; and in one. */
enum { PAGES = 100, FEW_PAGES = 64 };

/* What madvise saw since it was set to zero. */
static struct seen {
    size_t pages;     /* that it was asked to take */
    unsigned free;    /* calls with pages that another thread could have been given just then */
    unsigned under;   /* calls under the heap's lock */
    bool must_refuse; /* what it is told to do */
} seen;

int madvise(void *addr, size_t len, int advice) {
    if (advice != MADV_DONTNEED)
        return (int)syscall(SYS_madvise, addr, len, advice);
    const size_t n = len / PAGE_BYTES;
    size_t scavenged;
    seen.pages += n;
    if (!lock_try(&mheap.lock)) {
        seen.under++;
    } else {
        for (size_t i = 0; i < n; i++) {
            const uintptr_t page = (uintptr_t)addr + i * PAGE_BYTES;
            if (!pagealloc_alloc_at(&mheap.pages, page, 1, &scavenged))
                continue;
            pagealloc_free(&mheap.pages, page, 1, scavenged);
            seen.free++;
        }
        lock_release(&mheap.lock);
    }
    if (!seen.must_refuse)
        return (int)syscall(SYS_madvise, addr, len, advice);
    errno = EINVAL;
    return -1;
}

/* n free pages that are resident, and no more. Nothing else is allocated from this heap. */
static void make_dirty_pages(size_t n) {
    mheap_scavenge(SIZE_MAX, true);
    struct mspan *s = mheap_alloc_large(NULL, n, 1, SPAN_LARGE, false, NULL);
    memset(os_pointer(s->base), 1, n * PAGE_BYTES);
    mheap_free_large(NULL, s);
}

static bool is_zero(const unsigned char *memory, size_t bytes) {
    for (size_t i = 0; i < bytes; i++)
        if (memory[i])
            return false;
    return true;
}

static void test_scavenge(void) {
    make_dirty_pages(PAGES);
    IS(mheap_dirty_pages(), PAGES, "pages that were used are dirty");
    seen = (struct seen){0};
    IS(mheap_scavenge(PAGES, true), PAGES, "they are given back");
    IS(seen.pages, PAGES, "to the operating system");
    IS(seen.free, 0, "while it takes them, nobody can be given one");
    IS(seen.under, 0, "and the heap is not locked");
    IS(mheap_dirty_pages(), 0, "then none is dirty");
    struct mspan *s = mheap_alloc_large(NULL, PAGES, 1, SPAN_LARGE, false, NULL);
    OK(!s->needs_zero && is_zero(os_pointer(s->base), PAGES * PAGE_BYTES),
       "then they can be used again, as zeros");
    mheap_free_large(NULL, s);
}

static void test_refused(void) {
    make_dirty_pages(FEW_PAGES);
    seen = (struct seen){.must_refuse = true};
    IS(mheap_scavenge(FEW_PAGES, true), 0, "what the system does not take does not count");
    OK(seen.pages > 0 && mheap_dirty_pages() == FEW_PAGES, "and stays dirty");
    struct mspan *s = mheap_alloc_large(NULL, FEW_PAGES, 1, SPAN_LARGE, false, NULL);
    OK(s->needs_zero, "so that it is not taken for zeros");
    mheap_free_large(NULL, s);
}

/* By any of its pages, a block's span is found. */
static void test_page_map(void) {
    unsigned lost = 0;
    for (unsigned class = 1; class < SIZE_CLASSES; class ++) {
        struct mspan *s = mheap_alloc_span(NULL, 2 * class);
        for (size_t i = 0; i < s->npages; i++)
            lost += arena_span(s->base + i * PAGE_BYTES) != s;
        atomic_store(&s->word, span_word(SPAN_EMPTYING, 0)); /* as the last free leaves it */
        mheap_free_span(NULL, s);
    }
    IS(lost, 0, "each page of a span of small objects is known");
}

int main(void) {
    test_page_map();
    test_scavenge();
    test_refused();
    return tap_done();
}
