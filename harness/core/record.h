/* What a cell says of one sample: the parsed form of the JSON of results/record.schema.json. */
#ifndef SPANBENCH_RECORD_H
#define SPANBENCH_RECORD_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The version of the language between driver and cell; both say it. */
enum { RECORD_PROTOCOL = 1 };

/* The numbers of a record, under their names in the JSON; units are in the names. REQUIRED ones are
 * in every record; OPTIONAL ones are null where the allocator does not support them. */
#define RECORD_NUMBERS(REQUIRED, OPTIONAL)                                                         \
    REQUIRED(seed)                                                                                 \
    REQUIRED(ops)        /* malloc + free pairs, over all threads */                               \
    REQUIRED(wall_ns)    /* first thread's start to last thread's end */                           \
    REQUIRED(counted_ns) /* that, and the threads' waits for each other before and after */        \
    REQUIRED(cpu_ns)     /* of all threads over wall_ns; the next four are over counted_ns */      \
    REQUIRED(minor_faults)                                                                         \
    REQUIRED(major_faults)                                                                         \
    REQUIRED(voluntary_switches)                                                                   \
    REQUIRED(involuntary_switches)                                                                 \
    REQUIRED(start_skew_ns) /* from the first thread's start to the last one's */                  \
    REQUIRED(warm_up_ns)    /* building the live set, before the timed operations */               \
    REQUIRED(warm_up_minor_faults)                                                                 \
    REQUIRED(live_blocks)                                                                          \
    REQUIRED(live_bytes)      /* as asked for */                                                   \
    OPTIONAL(usable_bytes)    /* that the allocator says may be used of the live blocks */         \
    REQUIRED(untouched_bytes) /* of live_bytes: never written, so not resident */                  \
    REQUIRED(bound_bytes)     /* of theory, for what such requests may need; 0: none is known */   \
    REQUIRED(process_threads) /* also those that the allocator started */                          \
    REQUIRED(rss_start_bytes) /* before the first operation */                                     \
    REQUIRED(vsz_start_bytes)                                                                      \
    REQUIRED(writable_start_bytes) /* of vsz, what is private and may be written */                \
    REQUIRED(page_tables_start_bytes)                                                              \
    REQUIRED(rss_live_bytes) /* all threads hold their live set */                                 \
    REQUIRED(vsz_live_bytes)                                                                       \
    REQUIRED(writable_live_bytes)                                                                  \
    REQUIRED(pss_live_bytes)         /* of a page that n processes share, 1/n */                   \
    REQUIRED(huge_live_bytes)        /* of rss: transparent huge pages */                          \
    REQUIRED(lazyfree_live_bytes)    /* of rss: what the kernel may take back: MADV_FREE */        \
    REQUIRED(swap_live_bytes)        /* written, and not in rss: swapped out */                    \
    REQUIRED(reserved_live_bytes)    /* of vsz: what nobody may touch */                           \
    REQUIRED(page_tables_live_bytes) /* the kernel's, in no other number */                        \
    REQUIRED(mappings_live)                                                                        \
    REQUIRED(rss_peak_bytes) /* the most so far, at that instant */                                \
    REQUIRED(vsz_peak_bytes)                                                                       \
    REQUIRED(rss_drained_bytes) /* all blocks are freed */                                         \
    REQUIRED(vsz_drained_bytes)                                                                    \
    REQUIRED(lazyfree_drained_bytes) /* of it, what the kernel may take back: MADV_FREE */         \
    OPTIONAL(rss_purged_bytes)       /* the allocator was asked to give memory back */             \
    OPTIONAL(vsz_purged_bytes)                                                                     \
    OPTIONAL(stats_allocated_bytes) /* the allocator's own account of live blocks */               \
    OPTIONAL(stats_held_bytes)      /* and of what it holds from the operating system */

/* The numbers of an instant that the workload noted, or that lies some time after a fixed one. */
#define RECORD_INSTANT_NUMBERS(NUMBER)                                                             \
    NUMBER(held_bytes) /* that the workload holds, as asked for */                                 \
    NUMBER(rss_bytes)                                                                              \
    NUMBER(vsz_bytes)                                                                              \
    NUMBER(pss_bytes)                                                                              \
    NUMBER(huge_bytes)                                                                             \
    NUMBER(lazyfree_bytes)                                                                         \
    NUMBER(swap_bytes)                                                                             \
    NUMBER(reserved_bytes)                                                                         \
    NUMBER(writable_bytes)                                                                         \
    NUMBER(page_tables_bytes)                                                                      \
    NUMBER(mappings)

struct record_instant {
    char name[32];
#define NUMBER(name) int64_t name;
    RECORD_INSTANT_NUMBERS(NUMBER)
#undef NUMBER
};

enum { RECORD_MAX_INSTANTS = 24, RECORD_MAX_REACHED = RECORD_MAX_INSTANTS + 5 };

/* When an instant was reached: of a sample that rests there, so that it can be seen from outside.
 */
struct record_reached {
    char name[32];
    int64_t at_ns; /* CLOCK_MONOTONIC */
};

struct record {
#define NUMBER(name) int64_t name;
    RECORD_NUMBERS(NUMBER, NUMBER) /* -1: not supported */
#undef NUMBER
    char allocator[64], workload[64];
    char object[PATH_MAX]; /* the file that owns malloc */
    char digest[17];       /* of the request stream: 16 hexadecimal digits */
    char thp[16]; /* what held of transparent huge pages: never, madvise, always, unknown */
    unsigned threads;
    bool verified; /* a checked pass: wall_ns and cpu_ns mean nothing */
    struct record_instant instant[RECORD_MAX_INSTANTS]; /* in the order of time */
    size_t instants;
    struct record_reached reached[RECORD_MAX_REACHED]; /* likewise */
    size_t reached_count;
};

/* The same numbers as a table, for loops. */
struct record_number {
    const char *name;
    size_t offset; /* of its int64_t in struct record */
    bool required;
};
extern const struct record_number record_instant_numbers[]; /* in struct record_instant */
extern const size_t record_instant_numbers_count;
extern const struct record_number record_numbers[];
extern const size_t record_numbers_count;

static inline int64_t record_number(const struct record *r, size_t i) {
    return *(const int64_t *)((const char *)r + record_numbers[i].offset);
}

static inline int64_t record_instant_number(const struct record_instant *at, size_t i) {
    return *(const int64_t *)((const char *)at + record_instant_numbers[i].offset);
}

/* Parses a cell's text. On failure returns false and puts one sentence into `problem`: what a
 * failed check says ("contents: byte 3 of …"), or what is wrong with the text. */
bool record_parse(const char *text, size_t length, struct record *, char *problem, size_t size);

#endif
