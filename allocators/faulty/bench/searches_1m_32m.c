/* Looks through all mappings for a block of over 1 MiB, unless what was freed last fits.
 * exposed-by: band_1m_32m_untouched instructions */
#include "after_free.h"

AFTER_FREE((1 << 20) + 1, 32 << 20, 100000);
