/* The facts of this machine without which a number means little. */
#ifndef SPANBENCH_MACHINE_H
#define SPANBENCH_MACHINE_H

#include <jansson.h>

/* CPUs that this process may run on. */
unsigned machine_cpus(void);

/* A new object: kernel, CPU, memory, page size, transparent huge pages, overcommit, ASLR, C
 * library. A fact that cannot be read is null. */
json_t *machine_facts(void);

/* A new object: the environment variables that allocators take options from, as they are now. */
json_t *machine_environment(void);

#endif
