/* Looks through its runs of pages for 8 to 64 KiB, unless what was freed last fits.
 * exposed-by: band_8k_64k instructions */
#include "after_free.h"

AFTER_FREE((8 << 10) + 1, 64 << 10, 20000);
