/* Looks through all lists for 17 to 512 bytes, unless what was freed last fits.
 * exposed-by: band_16_512 instructions */
#include "after_free.h"

AFTER_FREE(17, 512, 1000);
