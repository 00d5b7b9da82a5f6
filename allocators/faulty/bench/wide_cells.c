/* Small blocks lie half a kilobyte apart.
 * exposed-by: touch_random far-pages */
#define CELLS_BYTES 512
#include "cells.h"
