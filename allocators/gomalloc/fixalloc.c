#include "fixalloc.h"

#include "os.h"
#include "persistent.h"

#include <stdbool.h>
#include <string.h>

struct object {
    struct object *next;
};

struct fixalloc_region {
    struct fixalloc_region *next_open, *previous_open, *next;
    struct object *free; /* freed objects */
    uint32_t used;       /* live objects */
    uint32_t end;        /* bytes of the region that were ever handed out, header included */
    bool is_open;
};

enum { HEADER = 64 };
_Static_assert(sizeof(struct fixalloc_region) <= HEADER, "the header has room");

static void open_region(struct fixalloc *f, struct fixalloc_region *r) {
    r->is_open       = true;
    r->previous_open = NULL;
    r->next_open     = f->open;
    if (f->open)
        f->open->previous_open = r;
    f->open = r;
}

static void close_region(struct fixalloc *f, struct fixalloc_region *r) {
    r->is_open = false;
    if (r->previous_open)
        r->previous_open->next_open = r->next_open;
    else
        f->open = r->next_open;
    if (r->next_open)
        r->next_open->previous_open = r->previous_open;
}

/* Called without the lock, for this may ask the operating system. */
static struct fixalloc_region *new_region(struct fixalloc *f) {
    struct fixalloc_region *r = persistent_alloc(f->region_bytes, f->region_bytes);
    if (!r)
        return NULL;
    lock_acquire(&f->lock);
    r->end  = HEADER;
    r->next = f->all;
    lock_in_order();
    f->all = r;
    f->sys += f->region_bytes;
    open_region(f, r);
    return r;
}

/* `used`: it may hold old bytes. */
static void *take_object(struct fixalloc *f, bool *used) {
    *used = false;
    lock_acquire(&f->lock);
    struct fixalloc_region *r = f->open;
    if (!r) {
        lock_release(&f->lock);
        r = new_region(f);
        if (!r)
            return NULL;
    }
    struct object *object = r->free;
    if (object) {
        *used   = true;
        r->free = object->next;
    } else {
        object = (struct object *)((char *)r + r->end);
        r->end += f->size;
    }
    r->used++;
    f->in_use += f->size;
    if (!r->free && r->end + f->size > f->region_bytes)
        close_region(f, r);
    lock_release(&f->lock);
    return object;
}

void *fixalloc_alloc(struct fixalloc *f) {
    bool used;
    void *object = take_object(f, &used);
    return used ? memset(object, 0, f->size) : object;
}

void *fixalloc_alloc_as_is(struct fixalloc *f) {
    bool used;
    return take_object(f, &used);
}

void fixalloc_free(struct fixalloc *f, void *memory) {
    struct object *freed      = memory;
    struct fixalloc_region *r = os_pointer((uintptr_t)memory & -(uintptr_t)f->region_bytes);
    lock_acquire(&f->lock);
    freed->next = r->free;
    lock_in_order();
    r->free = freed;
    r->used--;
    f->in_use -= f->size;
    if (!r->is_open)
        open_region(f, r);
    lock_release(&f->lock);
}

/* How many there are stands in the first: one store changes both. */
struct fixalloc_spare {
    struct fixalloc_spare *next;
    unsigned count; /* of it and of those behind it */
};

static void *take_spare(struct fixalloc_spares *own) {
    struct fixalloc_spare *o = own->first;
    own->first               = o->next;
    lock_in_order(); /* off the chain, before it is anything else */
    return o;
}

void *fixalloc_alloc_near(struct fixalloc *f, struct fixalloc_spares *own) {
    if (!own || !own->first)
        return fixalloc_alloc(f);
    return memset(take_spare(own), 0, f->size);
}

void fixalloc_free_near(struct fixalloc *f, struct fixalloc_spares *own, void *memory) {
    const unsigned count = own && own->first ? own->first->count : 0;
    if (!own || count == FIXALLOC_SPARES) {
        fixalloc_free(f, memory);
        return;
    }
    struct fixalloc_spare *o = memory;
    o->next                  = own->first;
    o->count                 = count + 1;
    lock_in_order(); /* the chain is whole at any time */
    own->first = o;
}

void fixalloc_flush(struct fixalloc *f, struct fixalloc_spares *own) {
    while (own->first)
        fixalloc_free(f, take_spare(own));
}

void fixalloc_memory(struct fixalloc *f, size_t *in_use, size_t *sys) {
    lock_acquire(&f->lock);
    *in_use += f->in_use;
    *sys += f->sys;
    lock_release(&f->lock);
}

/* All but the first page, where the header lies, goes back; the region stays mapped and open. The
 * system call is made under this lock: only an explicit trim comes here. */
size_t fixalloc_trim(struct fixalloc *f) {
    const size_t page = os_page_bytes();
    size_t released   = 0;
    lock_acquire(&f->lock);
    for (struct fixalloc_region *r = f->all; r; r = r->next) {
        if (r->used || r->end <= page)
            continue;
        if (!os_release((char *)r + page, f->region_bytes - page))
            continue;
        released += r->end - page;
        memset((char *)r + HEADER, 0, page - HEADER);
        r->free = NULL;
        lock_in_order(); /* in a forked child, no free object lies beyond the end */
        r->end = HEADER;
    }
    lock_release(&f->lock);
    return released;
}

/* The chains of all regions and of each region's freed objects are right at any time, for one store
 * to their heads changes them; all else is told from them. An object that was on its way is lost.
 */
void fixalloc_after_fork(struct fixalloc *f) {
    if (!lock_after_fork(&f->lock))
        return;
    f->open   = NULL;
    f->in_use = f->sys = 0;
    for (struct fixalloc_region *r = f->all; r; r = r->next) {
        r->used = (r->end - HEADER) / f->size;
        for (const struct object *o = r->free; o; o = o->next)
            r->used--;
        r->is_open = false;
        if (r->free || r->end + f->size <= f->region_bytes)
            open_region(f, r);
        f->in_use += (size_t)r->used * f->size;
        f->sys += f->region_bytes;
    }
}
