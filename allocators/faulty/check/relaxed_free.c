/* A block that another thread frees is given back without an order: what was written to it before
 * may come after the next owner's writes.
 * caught-by: tsan cross_thread.reuse */
#include "remote.h"

REMOTE_ALLOCATOR(memory_order_relaxed, memory_order_acquire);
