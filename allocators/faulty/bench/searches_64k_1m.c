/* Looks through all mappings for 64 KiB to 1 MiB, unless what was freed last fits.
 * exposed-by: band_64k_1m instructions */
#include "after_free.h"

AFTER_FREE((64 << 10) + 1, 1 << 20, 50000);
