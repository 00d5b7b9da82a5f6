/* gomalloc in its hardened build: a bad free ends the process with a message.
 *
 * built-from: gomalloc -DNDEBUG -DGOMALLOC_HARDENED
 */
#define OBJECT "libgomalloc-hardened.so"
#include "gomalloc.c" // NOLINT(bugprone-suspicious-include): one adapter, two builds
