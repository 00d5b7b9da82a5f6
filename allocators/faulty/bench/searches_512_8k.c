/* Looks through its pages for a block of 513 B to 8 KiB, unless what was freed last fits.
 * exposed-by: band_512_8k instructions */
#include "after_free.h"

AFTER_FREE(513, 8 << 10, 10000);
