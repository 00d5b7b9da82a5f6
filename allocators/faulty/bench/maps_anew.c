/* Maps each block from 128 KiB on anew, so that every page of it faults again.
 * exposed-by: band_1m_32m_touched faults keeps_large */
#include "base.h"

BASE_OPERATORS
BASE_FAMILY();
