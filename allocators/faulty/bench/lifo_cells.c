/* Blocks come back in the order of their frees, the last one first, wherever they lie.
 * exposed-by: touch_order pages ordered_cells */
#include "cells.h"
