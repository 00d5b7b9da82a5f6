/* A thread takes back its blocks without an order: it may write to one before the one who freed it
 * is done.
 * caught-by: tsan cross_thread.reuse */
#include "remote.h"

REMOTE_ALLOCATOR(memory_order_release, memory_order_relaxed);
