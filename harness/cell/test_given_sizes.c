/* The sizes that a user gives, from the word of the command line to the draws, and the workload
 * that takes them. */
#include "given_sizes.h"
#include "tap.h"
#include "workload.h"

#include <stdlib.h>

extern const struct workload workload_sizes;

static struct sizes sizes;
static char problem[200];

/* Draws of each of three ranges and elsewhere, in a thousandth of all. */
static void test_draws(void) {
    enum { DRAWS = 1 << 20 };
    static const uint32_t least[] = {1, 16, 1000}, most[] = {1, 31, 1007};
    unsigned seen[4] = {0}, lower = 0;
    OK(given_sizes_parse("1:1,16-31:6,1000-1007:3", &sizes, problem, sizeof problem), "%s", "read");
    IS(sizes.count, 3, "all ranges");
    IS(sizes.mean, (1 + 6 * 47 / 2 + 3 * 2007 / 2) / 10, "their mean");
    for (unsigned i = 0; i < DRAWS; i++) {
        const uint32_t size = sizes_draw(&sizes, stream_random(stream_key(3, STREAM_TIMED, 0), i));
        unsigned which      = 0;
        while (which < 3 && (size < least[which] || size > most[which]))
            which++;
        seen[which]++;
        lower += which == 1 && size < 24;
    }
    IS(seen[3], 0, "no draw is outside of the ranges");
    const double part = DRAWS / 1000.0;
    OK(labs((long)(seen[0] / part) - 100) <= 2, "a weight of 1 of 10 (%u)", seen[0]);
    OK(labs((long)(seen[1] / part) - 600) <= 2, "one of 6 of 10 (%u)", seen[1]);
    OK(labs((long)(seen[2] / part) - 300) <= 2, "one of 3 of 10 (%u)", seen[2]);
    OK(labs((long)(lower / part) - 300) <= 2, "within a range all are as likely (%u)", lower);
}

/* As many ranges as there may be, of very different weights: each comes as often as it should. */
static void test_many(void) {
    enum { DRAWS = 1 << 21, HEAVY = 7 };
    char *text    = NULL;
    size_t length = 0;
    FILE *to      = open_memstream(&text, &length);
    for (unsigned i = 0; i < SIZES_MOST_RANGES; i++)
        fprintf(to, "%s%u:%llu", i ? "," : "", i + 1,
                i == HEAVY ? 1ull << 32
                : i % 2    ? (1ull << 32) / SIZES_MOST_RANGES
                           : 0ull);
    fclose(to);
    OK(given_sizes_parse(text, &sizes, problem, sizeof problem), "as many ranges as may be");
    unsigned heavy = 0, never = 0;
    for (unsigned i = 0; i < DRAWS; i++) {
        const uint32_t size = sizes_draw(&sizes, stream_random(stream_key(4, STREAM_TIMED, 0), i));
        heavy += size == HEAVY + 1;
        never += size % 2;
    }
    IS(never, 0, "a weight of 0 never comes");
    OK(labs((long)(heavy * 3000.0 / DRAWS) - 2000) <= 3, "the heavy one has two thirds (%u)",
       heavy);
    text = realloc(text, length + sizeof ",9:1");
    memcpy(text + length, ",9:1", sizeof ",9:1");
    OK(!given_sizes_parse(text, &sizes, problem, sizeof problem), "one more is too many");
    CONTAINS(problem, "at most 4096 ranges", "and that is said");
    free(text);
}

static void test_wrong(void) {
    static const char *const wrong[] = {"",
                                        "5",
                                        "5:",
                                        "0:1",
                                        "5-4:1",
                                        "5:1,",
                                        "5:1;6:1",
                                        "1-2-3:1",
                                        " 5:1",
                                        "5:-1",
                                        "-5:1",
                                        "5:1 ",
                                        "5:4294967297",
                                        "1073741825:1",
                                        "5:99999999999999999999999",
                                        "9-1073741825:1"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        *problem = '\0';
        OK(!given_sizes_parse(wrong[i], &sizes, problem, sizeof problem), "'%s' is wrong",
           wrong[i]);
        CONTAINS(problem, "--sizes takes", "and that is said");
    }
    OK(!given_sizes_parse("5:0,6:0", &sizes, problem, sizeof problem), "nothing is to be drawn");
    CONTAINS(problem, "all weights are 0", "and that is said");
    OK(given_sizes_parse("1073741824:4294967296", &sizes, problem, sizeof problem), "the largest");
}

/* Operations and blocks: fewer of larger sizes. */
static void test_amounts(void) {
    IS(sizes_ops(NULL, 1000), 1000, "sizes of its own: all operations");
    given_sizes_parse("8192:1", &sizes, problem, sizeof problem);
    IS(sizes_ops(&sizes, 1000), 500, "half of them where the pages take as long");
    IS(sizes_blocks(&sizes), SIZES_LIVE_BYTES / 8192, "so many bytes are live");
    given_sizes_parse("16:1", &sizes, problem, sizeof problem);
    IS(sizes_blocks(&sizes), SIZES_MOST_BLOCKS, "or so many blocks");
    given_sizes_parse("1073741824:1", &sizes, problem, sizeof problem);
    OK(sizes_ops(&sizes, 1000) >= 1, "some operation is left");
    IS(sizes_blocks(&sizes), 8, "and some blocks");
}

int main(void) {
    test_draws();
    test_many();
    test_wrong();
    test_amounts();
    return tap_done();
}
