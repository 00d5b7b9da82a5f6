/* Where the stack of a thread lies. */
#ifndef SPANBENCH_WHY_STACK_H
#define SPANBENCH_WHY_STACK_H

#include <stdint.h>

struct stack {
    uint64_t start, end; /* both 0: it is the process's first, or not known */
};

/* Of the calling thread. Asks for memory, and frees it. */
struct stack stack_find(void);

#endif
