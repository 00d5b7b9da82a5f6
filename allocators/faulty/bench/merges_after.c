/* free merges a block with the one behind it, if that was freed just before, and takes long for it.
 * exposed-by: batches_lifo instructions */
#include "free_order.h"

static bool is_in_front(struct free_place last, struct free_place now) {
    return now.end == last.begin;
}

FREE_ORDER(is_in_front, 1500);
