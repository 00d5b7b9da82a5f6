/* gomalloc in its hardened build: a misuse ends the process with a message.
 *
 * catches: double_free.child double_free.delayed double_free.immediate double_free.interleaved
 *          double_free.realloc double_free.threads invalid_free.* invalid_realloc.* usable_size.*
 *          free_list.first_word free_list.live_block free_list.second_word/small
 *          free_list.second_word/large mismatch.* sized_free.* overflow.one overflow.eight
 *          overflow.thirty_two overflow.page overflow.read/large overflow.zero_size
 *          overflow.shrunk_tail/tiny
 *          overflow.shrunk_tail/large underflow.one underflow.eight underflow.sixteen
 *          underflow.bit/small underflow.bit/large use_after_free.write use_after_free.calloc
 * built-from: gomalloc -DNDEBUG -DGOMALLOC_HARDENED
 */
#define OBJECT "libgomalloc-hardened.so"
#include "gomalloc.c" // NOLINT(bugprone-suspicious-include): one adapter, two builds
