/* Small blocks lie half a kilobyte apart.
 * exposed-by: touch_random far-pages */
enum { BYTES = 512, ORDERED = 0 };
#include "cells.h"
