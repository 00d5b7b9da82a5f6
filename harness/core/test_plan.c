#include "plan.h"
#include "tap.h"

#include <stdlib.h>
#include <string.h>

enum {
    ALLOCATORS = 5,
    WORKLOADS  = 3,
    THREADS    = 2,
    ROWS       = ALLOCATORS * WORKLOADS * THREADS,
    ROUNDS     = 7
};

static size_t make_rows(struct plan_row *row) {
    size_t n = 0;
    for (unsigned a = 0; a < ALLOCATORS; a++)
        for (unsigned w = 0; w < WORKLOADS; w++)
            for (unsigned t = 0; t < THREADS; t++)
                row[n++] = (struct plan_row){a, w, 1u << t, 0};
    return n;
}

static bool same_order(const struct plan *a, const struct plan *b) {
    bool same = a->samples == b->samples;
    for (size_t i = 0; same && i < a->samples; i++)
        same = a->sample[i].row == b->sample[i].row;
    return same;
}

/* How often the row of this number is in the round; SIZE_MAX: a sample of the round stands outside
 * of the round's place in the list. */
static size_t count_in_round(const struct plan *p, size_t row, unsigned round) {
    size_t count = 0;
    for (size_t i = 0; i < p->samples; i++) {
        if ((p->sample[i].round == round) != (i / p->rows == round))
            return SIZE_MAX;
        count += p->sample[i].round == round && p->sample[i].row == row;
    }
    return count;
}

static void test_balance(const struct plan *p) {
    size_t wrong = 0;
    for (unsigned round = 0; round < ROUNDS; round++)
        for (size_t row = 0; row < p->rows; row++)
            wrong += count_in_round(p, row, round) != 1;
    IS(p->samples, ROWS * ROUNDS, "a sample for each row in each round");
    IS(wrong, 0, "each round holds each row exactly once");
}

static void test_neighbours(const struct plan *p) {
    size_t apart = 0;
    for (size_t i = 0; i < p->samples; i++) {
        const struct plan_row *row   = &p->row[p->sample[i].row];
        const struct plan_row *first = &p->row[p->sample[i - i % ALLOCATORS].row];
        apart += row->workload != first->workload || row->threads != first->threads;
    }
    IS(apart, 0, "rows that are compared with each other stand side by side");
}

/* Over many rounds, each row takes each place in its group, and runs after each other row, about as
 * often: within a factor of two of what chance gives. */
static void test_chance(const struct plan_row *rows) {
    enum { MANY = 500, EXPECTED = MANY / ALLOCATORS };
    struct plan p;
    size_t odd_places = 0, odd_neighbours = 0;
    OK(plan_make(&p, rows, ROWS, MANY, false, 7), "a long plan");
    for (size_t row = 0; row < ROWS; row++) {
        unsigned place[ALLOCATORS] = {0}, after[ROWS] = {0};
        for (size_t i = 0; i < p.samples; i++) {
            place[i % ALLOCATORS] += p.sample[i].row == row;
            if (i % ALLOCATORS && p.sample[i].row == row)
                after[p.sample[i - 1].row]++;
        }
        for (size_t i = 0; i < ALLOCATORS; i++)
            odd_places += place[i] < EXPECTED / 2 || place[i] > EXPECTED * 2;
        for (size_t i = 0; i < ROWS; i++)
            if (p.row[i].group == p.row[row].group && i != row)
                odd_neighbours += after[i] < EXPECTED / 2 || after[i] > EXPECTED * 2;
    }
    IS(odd_places, 0, "each row takes each place in its group about as often");
    IS(odd_neighbours, 0, "and runs after each row that it is compared with about as often");
    plan_free(&p);
}

static void test_seed(const struct plan_row *rows, const struct plan *p) {
    struct plan again, other;
    plan_make(&again, rows, ROWS, ROUNDS, false, 42);
    plan_make(&other, rows, ROWS, ROUNDS, false, 43);
    OK(same_order(p, &again), "the same seed makes the same plan");
    OK(!same_order(p, &other), "another seed makes another plan");
    bool repeats = true;
    for (size_t i = 0; i < ROWS; i++)
        repeats &= p->sample[i].row == p->sample[ROWS + i].row;
    OK(!repeats, "the second round has another order than the first");
    plan_free(&again);
    plan_free(&other);
}

static void test_uneven(void) {
    const struct plan_row rows[] = {{0, 0, 1, 0}, {1, 0, 1, 0}, {0, 1, 1, 0}};
    struct plan p;
    OK(plan_make(&p, rows, 3, 4, false, 1), "groups of different sizes");
    size_t count[3] = {0};
    for (size_t i = 0; i < p.samples; i++)
        count[p.sample[i].row]++;
    OK(count[0] == 4 && count[1] == 4 && count[2] == 4, "are balanced, too");
    plan_free(&p);
    OK(!plan_make(&p, rows, 0, 4, false, 1), "no rows, no plan");
    OK(!plan_make(&p, rows, 3, 0, false, 1), "no rounds, no plan");
}

/* In each round, each group is an order of its rows and then the same in reverse; the first halves
 * are as in a plan without mirrors: shuffled anew. */
static void test_mirrored(const struct plan_row *rows) {
    struct plan p, plain;
    OK(plan_make(&p, rows, ROWS, ROUNDS, true, 42), "a mirrored plan");
    plan_make(&plain, rows, ROWS, ROUNDS, false, 42);
    IS(p.samples, 2 * ROWS * ROUNDS, "has two samples for each row in each round");
    IS(p.round_samples, 2 * ROWS, "and says how many a round has");
    IS(plain.round_samples, ROWS, "as a plain plan does");
    size_t no_mirror = 0, other_round = 0, other_order = 0;
    for (size_t i = 0; p.samples == 2 * plain.samples && i < p.samples; i++) {
        const size_t at = i % (2 * ALLOCATORS), first = i - at;
        no_mirror += p.sample[i].row != p.sample[first + 2 * ALLOCATORS - 1 - at].row;
        other_round += p.sample[i].round != i / (2 * ROWS);
        other_order += at < ALLOCATORS && p.sample[i].row != plain.sample[first / 2 + at].row;
    }
    IS(no_mirror, 0, "whose groups read the same backwards");
    IS(other_round, 0, "and stand round by round");
    IS(other_order, 0, "in the order of the plain plan of that seed");
    plan_free(&p);
    plan_free(&plain);
    OK(!plan_make(&p, rows, 0, 4, true, 1), "no rows, no mirrored plan");
}

/* Rounds that are run alone are those of the whole plan. */
static void test_kept(const struct plan_row *rows) {
    struct plan whole, part;
    plan_make(&whole, rows, ROWS, ROUNDS, true, 42);
    plan_make(&part, rows, ROWS, ROUNDS, true, 42);
    plan_keep(&part, 1, 2);
    IS(part.samples, 2 * whole.round_samples, "a part has the samples of its rounds");
    OK(memcmp(part.sample, whole.sample + whole.round_samples,
              part.samples * sizeof *part.sample) == 0,
       "in the order and with the numbers of the whole");
    plan_free(&whole);
    plan_free(&part);
}

int main(void) {
    struct plan_row rows[ROWS];
    struct plan p;
    OK(plan_make(&p, rows, make_rows(rows), ROUNDS, false, 42), "a plan is made");
    test_balance(&p);
    test_neighbours(&p);
    test_chance(rows);
    test_seed(rows, &p);
    plan_free(&p);
    test_uneven();
    test_mirrored(rows);
    test_kept(rows);
    return tap_done();
}
