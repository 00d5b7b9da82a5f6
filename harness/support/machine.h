/* The facts of this machine without which a number means little. */
#ifndef SPANBENCH_MACHINE_H
#define SPANBENCH_MACHINE_H

#include <jansson.h>

/* CPUs that this process, and a cell, may run on at once: by its affinity, and by its quota. */
unsigned machine_cpus(void);

/* How many CPUs' time the control group of this process, and all groups above it, may use. This is
 * the least cpu.max of cgroup v2 (Linux, Documentation/admin-guide/cgroup-v2.rst), rounded down,
 * but at least 1. UINT_MAX: no limit is known. `membership` is /proc/self/cgroup, `mount` is
 * /sys/fs/cgroup. */
unsigned machine_quota(const char *membership, const char *mount);

/* Seconds for which the CPUs of this machine have been busy since it started, with anything, also
 * with other guests of the same host. The sum over all CPUs, in steps of 10 ms. Below 0: not known.
 */
double machine_busy_seconds(void);

/* CPUs that are switched on. */
unsigned machine_cpus_online(void);

/* Memory that programs can still take, in bytes, without swapping; 0: not known. */
unsigned long long machine_memory_available(void);

/* Does the kernel give processes other addresses each time (ASLR)? No: it is switched off for this
 * process and its children (personality(2)), or for the machine. Unknown where /proc is not there.
 */
enum machine_answer { MACHINE_NO, MACHINE_YES, MACHINE_UNKNOWN };
enum machine_answer machine_randomizes_addresses(void);

/* A new object: kernel, CPU, memory, page size, transparent huge pages, overcommit, ASLR, C
 * library. A fact that cannot be read is null. */
json_t *machine_facts(void);

/* A new object: the environment variables from which allocators and the dynamic linker take
 * options, as they are now. */
json_t *machine_environment(void);

#endif
