/* No bad habit: what the others are compared with.
 * exposed-by: nothing */
#include "base.h"

BASE_OPERATORS
BASE_FAMILY();
