/* Free blocks are a list by address, and each free walks from where the last one was: far, if that
 * lies over 4 MiB away. A malloc lets it begin anew.
 * exposed-by: batches_random instructions base 1 */
#include "free_order.h"

enum { FAR = 4 << 20, ROW = 4 };

static bool is_far(struct free_place last, struct free_place now) {
    const uintptr_t apart =
        now.begin > last.begin ? now.begin - last.begin : last.begin - now.begin;
    return free_row.count >= ROW && apart > FAR;
}

FREE_ORDER(is_far, 5000);
