/* Blocks come back in the order of their frees, the last one first, wherever they lie.
 * exposed-by: touch_order pages ordered_cells */
enum { BYTES = 128, ORDERED = 0 };
#include "cells.h"
