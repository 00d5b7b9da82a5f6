// Package pages puts gomalloc's page allocator under Go's own tests. It has the names, the types and
// the meaning of what Go's runtime opens to these tests in its export_test.go, and C does the work:
// pagealloc.c, pallocbits.c and pagecache.h. test_go.py copies those files to this one, and runs the
// tests from the Go that is installed.
//
// Wherever the two designs say the same thing in different ways, a comment here says how the one is
// turned into the other. Nothing is computed here that a test means to check. The C that follows sets
// an allocator up chunk by chunk and looks at its books; there is no other thread, so no lock.
package pages

/*
#cgo CFLAGS: -std=gnu17 -D_GNU_SOURCE -O2
#include <stdlib.h>
#include "pagealloc.h"
#include "pagecache.h"

// A page allocator without a chunk. NULL: no memory.
static struct pagealloc *pages_new(void) {
    struct pagealloc *p = calloc(1, sizeof *p);
    if (p)
        *p = (struct pagealloc)PAGEALLOC_EMPTY;
    return p;
}

static void pages_drop(struct pagealloc *p) {
    for (size_t r = 0; r < REGIONS; r++)
        free(p->region[r]);
    free(p);
}

// The heap grows into a chunk, all of whose pages are then in use. False: no memory, or the new
// pages could not be taken.
static bool pages_add_chunk(struct pagealloc *p, size_t chunk) {
    const uintptr_t base = (uintptr_t)chunk << CHUNK_SHIFT;
    const size_t r       = region_of(base);
    size_t scavenged     = 0;
    if (r >= REGIONS)
        return false;
    if (!p->region[r]) {
        struct palloc_region *memory = calloc(1, sizeof *memory);
        if (!memory)
            return false;
        pagealloc_add_region(p, r, memory);
    }
    pagealloc_grow(p, base, CHUNK_PAGES);
    return pagealloc_alloc_at(p, base, CHUNK_PAGES, &scavenged) && scavenged == CHUNK_PAGES;
}

// The bitmaps of a chunk; NULL: the heap has not grown into it.
static const struct palloc_chunk *pages_chunk(const struct pagealloc *p, size_t chunk) {
    const size_t r = chunk / REGION_CHUNKS, c = chunk % REGION_CHUNKS;
    if (r >= REGIONS || !p->region[r] || !(p->region[r]->known[c / 64] >> c % 64 & 1))
        return NULL;
    return &p->region[r]->chunk[c];
}

// Adds a chunk's numbers to the counts; false: its summary, or the note for the scavenger, is
// wrong.
static bool add_chunk(const struct palloc_region *r, size_t c, size_t *free_pages,
                      size_t *scavenged) {
    const struct palloc_chunk *chunk = &r->chunk[c];
    bool dirty                       = false;
    for (unsigned w = 0; w < CHUNK_WORDS; w++) {
        const uint64_t is_free = ~chunk->used[w];
        *free_pages += (size_t)__builtin_popcountll(is_free);
        *scavenged += (size_t)__builtin_popcountll(chunk->scavenged[w]);
        dirty |= (is_free & ~chunk->scavenged[w]) != 0;
        if (chunk->scavenged[w] & ~is_free)
            return false;
    }
    return r->sum[c] == chunk_summary(chunk->used) &&
           (!dirty || r->dirty[c / 64] >> c % 64 & 1);
}

// Compares each count, and the summaries of chunks, with the bitmaps. NULL: they agree; else what
// does not.
static const char *pages_audit(const struct pagealloc *p) {
    size_t free_pages = 0, scavenged = 0;
    for (size_t r = 0; r < REGIONS; r++)
        for (size_t c = 0; p->region[r] && c < REGION_CHUNKS; c++)
            if (pages_chunk(p, r * REGION_CHUNKS + c) &&
                !add_chunk(p->region[r], c, &free_pages, &scavenged))
                return "the books of a chunk disagree with its bitmaps";
    if (free_pages != p->free_pages)
        return "the count of free pages disagrees with the bitmaps";
    return scavenged != p->scavenged_pages ? "the count of scavenged pages disagrees" : NULL;
}

// The first of n set bits in a row; 64: there are none.
static unsigned pages_first_run(uint64_t bits, unsigned n) {
    const uint64_t begin = bits_runs(bits, n);
    return begin ? (unsigned)__builtin_ctzll(begin) : 64;
}
*/
import "C"

import "unsafe"

const (
	PageSize         = C.PAGE_BYTES
	PallocChunkPages = C.CHUNK_PAGES
	PageCachePages   = C.PAGECACHE_PAGES
	PallocSumBytes   = unsafe.Sizeof(C.pallocsum(0))
	PageAlloc64Bit   = 1
	GOOS             = "linux"
)

// PhysPageSize is the kernel's page where the tests compute with it. The book-keeping under test
// never asks for it, as long as it is at most a page of the heap's.
var PhysPageSize uintptr = 4096

// A BitRange is N bits from bit I on.
type BitRange struct {
	I, N uint
}

// --- pallocbits.c: the bitmap of a chunk, and its summary ---

type PallocSum uint64

func PackPallocSum(start, max, end uint) PallocSum {
	return PallocSum(C.sum_pack(C.size_t(start), C.size_t(max), C.size_t(end)))
}

func (s PallocSum) Start() uint { return uint(C.sum_start(C.pallocsum(s))) }
func (s PallocSum) Max() uint   { return uint(C.sum_max(C.pallocsum(s))) }
func (s PallocSum) End() uint   { return uint(C.sum_end(C.pallocsum(s))) }

// PallocBits is used[] of a chunk. Tests change its words by themselves.
type PallocBits [C.CHUNK_WORDS]uint64

func (b *PallocBits) words() *C.uint64_t { return (*C.uint64_t)(&b[0]) }

func (b *PallocBits) AllocRange(i, n uint) { C.chunk_set(b.words(), C.uint(i), C.uint(n)) }
func (b *PallocBits) Free(i, n uint)       { C.chunk_clear(b.words(), C.uint(i), C.uint(n)) }
func (b *PallocBits) Summarize() PallocSum { return PallocSum(C.chunk_summary(b.words())) }
func (b *PallocBits) PopcntRange(i, n uint) uint {
	return uint(C.chunk_count(b.words(), C.uint(i), C.uint(n)))
}

// Find gives the first n free pages, and the first free page at all, where Go's next search may
// begin. Go is told where to begin this one, a place that no free page lies before; chunk_find
// begins at the beginning.
func (b *PallocBits) Find(n uintptr, _ uint) (uint, uint) {
	return index(C.chunk_find(b.words(), C.size_t(n))), index(C.chunk_find(b.words(), 1))
}

// C says NO_PAGES, Go the largest number.
func index(found C.int) uint {
	if found == C.NO_PAGES {
		return ^uint(0)
	}
	return uint(found)
}

func (b *PallocBits) bit(i uint) bool { return b[i/64]>>(i%64)&1 != 0 }

// SummarizeSlow is what Summarize is compared with: page by page, so that it is right at a glance.
func SummarizeSlow(b *PallocBits) PallocSum {
	var start, max, end uint
	for i := uint(0); i < PallocChunkPages; i++ {
		if b.bit(i) {
			end = 0
			continue
		}
		end++
		if end == i+1 {
			start = end
		}
		if end > max {
			max = end
		}
	}
	return PackPallocSum(start, max, end)
}

func FindBitRange64(bits uint64, n uint) uint {
	return uint(C.pages_first_run(C.uint64_t(bits), C.uint(n)))
}

// DiffPallocBits gives the ranges in which two bitmaps differ.
func DiffPallocBits(a, b *PallocBits) []BitRange {
	var ranges []BitRange
	inside := false
	for i := uint(0); i < PallocChunkPages; i++ {
		differs := a.bit(i) != b.bit(i)
		if differs && !inside {
			ranges = append(ranges, BitRange{I: i})
		}
		if differs {
			ranges[len(ranges)-1].N++
		}
		inside = differs
	}
	return ranges
}

// StringifyPallocBits is for the messages of a test that fails.
func StringifyPallocBits(b *PallocBits, r BitRange) string {
	text := make([]byte, r.N)
	for i := range text {
		text[i] = '0'
		if b.bit(r.I + uint(i)) {
			text[i] = '1'
		}
	}
	return string(text)
}

// PallocData is a copy of both bitmaps of a chunk.
type PallocData struct {
	used, scavenged PallocBits
}

func (d *PallocData) PallocBits() *PallocBits { return &d.used }
func (d *PallocData) Scavenged() *PallocBits  { return &d.scavenged }

// --- pagecache.h: a block of 64 pages ---

type PageCache struct {
	c C.struct_pagecache
}

func NewPageCache(base uintptr, cache, scavenged uint64) PageCache {
	var p PageCache
	p.c.base = C.uintptr_t(base)
	p.c.free = C.uint64_t(cache)
	p.c.scavenged = C.uint64_t(scavenged)
	return p
}

func (p *PageCache) Base() uintptr { return uintptr(p.c.base) }
func (p *PageCache) Cache() uint64 { return uint64(p.c.free) }
func (p *PageCache) Scav() uint64  { return uint64(p.c.scavenged) }
func (p *PageCache) Empty() bool   { return p.c.free == 0 }

// Alloc gives an address and how many of its bytes are scavenged; C counts pages.
func (p *PageCache) Alloc(n uintptr) (uintptr, uintptr) {
	var scavenged C.size_t
	base := C.pagecache_alloc(&p.c, C.uint(n), &scavenged)
	return uintptr(base), uintptr(scavenged) * PageSize
}

// Flush is mheap_flush_cache without its lock.
func (p *PageCache) Flush(to *PageAlloc) {
	C.pagealloc_return_block(to.p, p.c.base, p.c.free, p.c.scavenged)
	*p = PageCache{}
}

// --- pagealloc.c: the whole ---

type ChunkIdx uint

// BaseChunkIdx is where the tests' chunks begin: Go's own choice, which is where gomalloc's heap
// begins as well.
const BaseChunkIdx ChunkIdx = 0xc0 << 32 >> C.CHUNK_SHIFT

func PageBase(chunk ChunkIdx, page uint) uintptr {
	return uintptr(chunk)<<C.CHUNK_SHIFT + uintptr(page)*PageSize
}

type AddrRange struct {
	base, limit uintptr
}

func MakeAddrRange(base, limit uintptr) AddrRange { return AddrRange{base, limit} }

func (r AddrRange) Base() uintptr           { return r.base }
func (r AddrRange) Limit() uintptr          { return r.limit }
func (r AddrRange) Size() uintptr           { return r.limit - r.base }
func (r AddrRange) Equals(s AddrRange) bool { return r == s }

type PageAlloc struct {
	p          *C.struct_pagealloc
	start, end ChunkIdx // the chunks that the test has asked for lie within
}

// NewPageAlloc makes an allocator that has grown into the given chunks. Of each, the pages in
// `used` are in use, and of the others those in `scavenged` are scavenged.
func NewPageAlloc(used, scavenged map[ChunkIdx][]BitRange) *PageAlloc {
	p := &PageAlloc{p: C.pages_new()}
	if p.p == nil {
		panic("no memory")
	}
	for chunk := range used {
		if p.start == p.end || chunk < p.start {
			p.start = chunk
		}
		if chunk >= p.end {
			p.end = chunk + 1
		}
		if !C.pages_add_chunk(p.p, C.size_t(chunk)) {
			panic("the heap cannot grow into a chunk")
		}
		isUsed, isScavenged := bitsOf(used[chunk]), bitsOf(scavenged[chunk])
		for i := uint(0); i < PallocChunkPages; i++ {
			if !isUsed.bit(i) {
				at := C.uintptr_t(PageBase(chunk, i))
				C.pagealloc_free(p.p, at, 1, C.bool(isScavenged.bit(i)))
			}
		}
	}
	return p
}

func bitsOf(ranges []BitRange) *PallocBits {
	b := new(PallocBits)
	for _, r := range ranges {
		b.AllocRange(r.I, r.N)
	}
	return b
}

// FreePageAlloc ends each test of an allocator. Go's tests compare bitmaps, which are a part of the
// books; the rest of them must agree with the bitmaps in the end.
func FreePageAlloc(p *PageAlloc) {
	if wrong := C.pages_audit(p.p); wrong != nil {
		panic(C.GoString(wrong))
	}
	C.pages_drop(p.p)
	p.p = nil
}

func (p *PageAlloc) Alloc(n uintptr) (uintptr, uintptr) {
	var scavenged C.size_t
	base := C.pagealloc_alloc(p.p, C.size_t(n), &scavenged)
	return uintptr(base), uintptr(scavenged) * PageSize
}

// Free is of pages that were used, so they are dirty.
func (p *PageAlloc) Free(base, n uintptr) {
	C.pagealloc_free(p.p, C.uintptr_t(base), C.size_t(n), false)
}

func (p *PageAlloc) AllocToCache() PageCache {
	var c PageCache
	c.c.base = C.pagealloc_take_block(p.p, &c.c.free, &c.c.scavenged)
	return c
}

// Scavenge is mheap_scavenge without the system call. Go is asked for bytes and rounds them up.
func (p *PageAlloc) Scavenge(bytes uintptr) uintptr {
	done := uintptr(0)
	for done < bytes {
		var base C.uintptr_t
		n := C.pagealloc_take_dirty(p.p, C.size_t((bytes-done-1)/PageSize+1), true, &base)
		if n == 0 {
			break
		}
		C.pagealloc_free(p.p, base, n, true)
		done += uintptr(n) * PageSize
	}
	return done
}

func (p *PageAlloc) Bounds() (ChunkIdx, ChunkIdx) { return p.start, p.end }

// InUse gives the address ranges that the heap has grown into: Go keeps a list of them, C a bit for
// each chunk.
func (p *PageAlloc) InUse() []AddrRange {
	var ranges []AddrRange
	for chunk := p.start; chunk < p.end; chunk++ {
		if C.pages_chunk(p.p, C.size_t(chunk)) == nil {
			continue
		}
		base, limit := PageBase(chunk, 0), PageBase(chunk+1, 0)
		if last := len(ranges) - 1; last >= 0 && ranges[last].limit == base {
			ranges[last].limit = limit
		} else {
			ranges = append(ranges, AddrRange{base, limit})
		}
	}
	return ranges
}

// PallocData is nil for a chunk that the heap has not grown into.
func (p *PageAlloc) PallocData(chunk ChunkIdx) *PallocData {
	c := C.pages_chunk(p.p, C.size_t(chunk))
	if c == nil {
		return nil
	}
	d := new(PallocData)
	for w := range d.used {
		d.used[w] = uint64(c.used[w])
		d.scavenged[w] = uint64(c.scavenged[w])
	}
	return d
}
