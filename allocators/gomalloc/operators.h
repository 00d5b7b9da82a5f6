/* Whose operators of C++ a process has. A library may have some of its own that its calls are bound
 * to (-Bsymbolic), while those of others come here. Rust's libLLVM is such a one. Then one side
 * gives blocks of malloc to a delete here, or blocks of a new here to free. No function of the
 * loader tells: it finds what comes first. Of the hardened build. A leaf above os. */
#ifndef GOMALLOC_OPERATORS_H
#define GOMALLOC_OPERATORS_H

#include <stdbool.h>

/* Does an object that is loaded now define operators, beside this library and the C++ library? It
 * takes a lock of the loader's. */
bool operators_are_mixed(void);

#endif
