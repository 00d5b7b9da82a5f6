/* gomalloc in its hardened build: a bad free ends the process with a message.
 *
 * catches: double_free.child double_free.delayed double_free.immediate double_free.interleaved
 *          double_free.realloc double_free.threads invalid_free.* invalid_realloc.* usable_size.*
 *          free_list.first_word/tiny free_list.first_word/small free_list.live_block/tiny
 *          free_list.live_block/small use_after_free.write/tiny use_after_free.write/small
 * built-from: gomalloc -DNDEBUG -DGOMALLOC_HARDENED
 */
#define OBJECT "libgomalloc-hardened.so"
#include "gomalloc.c" // NOLINT(bugprone-suspicious-include): one adapter, two builds
