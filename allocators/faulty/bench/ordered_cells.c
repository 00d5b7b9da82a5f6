/* Each block comes from the lowest free address, not in the order of frees: lifo_cells without its
 * habit.
 * exposed-by: nothing */
#define CELLS_ORDERED 1
#include "cells.h"
