/* free merges a block with the one in front, if that was freed just before, and takes long for it.
 * exposed-by: batches_fifo instructions */
#include "free_order.h"

static bool is_behind(struct free_place last, struct free_place now) {
    return last.end == now.begin;
}

FREE_ORDER(is_behind, 1500);
