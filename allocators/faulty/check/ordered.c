/* No bug: who frees releases, who takes acquires. make check-tsan must not reject it.
 * caught-by: tsan */
#include "remote.h"

REMOTE_ALLOCATOR(memory_order_release, memory_order_acquire);
